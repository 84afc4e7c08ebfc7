//! A browser: Debian's Chromium, driven over WebDriver (W3C).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::{eventually, free_port};

pub struct Browser {
    driver: Child,
    session: String,
    http: reqwest::Client,
}

impl Browser {
    /// `None`: there is none on this machine.
    pub async fn start() -> Option<Self> {
        if !Path::new("/usr/bin/chromedriver").exists() {
            assert!(std::env::var_os("CI").is_none(), "not run: Debian's chromium-driver is not installed");
            println!("not run: Debian's chromium-driver is not installed");
            return None;
        }
        let port = free_port();
        let driver = Command::new("/usr/bin/chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let http = chancery::wiring::client_builder().build().unwrap();
        let url = format!("http://127.0.0.1:{port}/session");
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let made: Value = eventually("a browser", async || {
            let answer = http.post(&url).json(&wanted).send().await.ok()?;
            answer.status().is_success().then_some(answer.json().await.ok()?)
        })
        .await;
        let session = format!("{url}/{}", made["value"]["sessionId"].as_str().unwrap());
        Some(Self { driver, session, http })
    }

    async fn order(&self, command: &str, body: Value) -> Value {
        let url = format!("{}/{command}", self.session);
        let mut answer: Value = self.http.post(url).json(&body).send().await.unwrap().json().await.unwrap();
        assert!(answer["value"]["error"].is_null(), "{command}: {answer}");
        answer["value"].take()
    }

    pub async fn open(&self, url: &str) {
        self.order("url", json!({"url": url})).await;
    }

    /// What a function's body returns.
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        self.order("execute/sync", json!({"script": script, "args": arguments})).await
    }

    /// Waits for what a function's body returns, as long as that is nothing.
    pub async fn awaits(&self, what: &str, script: &str, arguments: Value) -> Value {
        eventually(what, async || {
            let found = self.run(script, arguments.clone()).await;
            (!found.is_null() && found != false).then_some(found)
        })
        .await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver leaves its browser behind when it is killed.
        let (address, path) = self.session.trim_start_matches("http://").split_once('/').unwrap();
        let order = format!("DELETE /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        if let Ok(mut stream) = TcpStream::connect(address)
            && stream.write_all(order.as_bytes()).is_ok()
        {
            // Answered once the browser is gone; the connection stays open.
            let _ = stream.read(&mut [0; 1024]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
