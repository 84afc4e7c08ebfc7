//! What nobody may read.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Controller, free_port};

const WALLET_KEY: &str = "CwNJroKHTSSj3XvE7ZAnuKiTn2C4QkFvxEqfm5rzhNrb";
const ADMIN_KEY: &str = "hidden-admin-key";
const SEED: &str = "hidden00000000000000000000000000";

struct Running(std::process::Child, std::path::PathBuf);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = std::fs::remove_dir_all(&self.1);
    }
}

#[tokio::test]
async fn secrets_are_in_no_process_list_log_answer_or_figure() {
    let (admin, didcomm) = (free_port(), free_port());
    let home = std::env::temp_dir().join(format!("chancery-test-{}-secrets", std::process::id()));
    std::fs::create_dir_all(&home).unwrap();
    let file = |name: &str, text: &str| {
        let path = home.join(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        path
    };
    let controller = Controller::start();
    // A password in the URL, a token in its query, a key behind it.
    let target = controller.url.replace("http://", "http://hidden-user:hidden-pass@");
    let log = home.join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_chancery"));
    command
        .args([
            "start",
            "--label",
            "secrets",
            "-it",
            "http",
            "127.0.0.1",
            &didcomm.to_string(),
            "-ot",
            "http",
        ])
        .args(["-e", &format!("http://127.0.0.1:{didcomm}"), "--admin", "127.0.0.1", &admin.to_string()])
        .args(["--no-ledger", "--auto-provision", "--wallet-type", "askar", "--wallet-name", "secrets"])
        .args(["--wallet-key-derivation-method", "raw", "--log-level", "debug", "--wallet-local-did"])
        .env("ACAPY_HOME", &home)
        .env("RUST_LOG", "trace")
        .env("ACAPY_WALLET_KEY_FILE", file("wallet-key", WALLET_KEY))
        .env("ACAPY_WALLET_SEED_FILE", file("seed", SEED))
        .env("ACAPY_ADMIN_API_KEY_FILE", file("admin-key", ADMIN_KEY))
        .env("ACAPY_WEBHOOK_URL_FILE", file("webhooks", &format!("{target}#hidden-hook-key")))
        .env("CHANCERY_WEBHOOK_HMAC_SECRET_FILE", file("hmac", "hidden-hmac-secret"))
        .env("CHANCERY_OTLP_HEADERS_FILE", file("otlp", "authorization=hidden-collector-key"))
        .env("CHANCERY_OTLP_ENDPOINT", "http://127.0.0.1:9")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap());
    let mut running = Running(command.spawn().unwrap(), home.clone());
    let http = chancery::wiring::client_builder().timeout(Duration::from_secs(30)).build().unwrap();
    let url = |path: &str| format!("http://127.0.0.1:{admin}{path}");
    loop {
        match http.get(url("/status/ready")).send().await {
            Ok(answer) if answer.status() == 200 => break,
            _ => {
                assert!(running.0.try_wait().unwrap().is_none(), "{}", std::fs::read_to_string(&log).unwrap())
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut said = String::new();
    for path in ["/status/config", "/status", "/metrics", "/settings", "/chancery/events", "/wallet/did"] {
        for key in [ADMIN_KEY, "hidden-wrong-key"] {
            let answer = http.get(url(path)).header("x-api-key", key).send().await.unwrap();
            let expected = if key == ADMIN_KEY { 200 } else { 401 };
            assert_eq!(answer.status(), expected, "{path}");
            said += &answer.text().await.unwrap();
        }
    }
    // The controller refuses until the event is given up: what is said of it names the target.
    controller.answer(400);
    let body = json!({"handshake_protocols": ["https://didcomm.org/didexchange/1.1"]});
    let made = http.post(url("/out-of-band/create-invitation")).header("x-api-key", ADMIN_KEY).json(&body);
    assert_eq!(made.send().await.unwrap().status(), 200);
    let letters = loop {
        let list =
            http.get(url("/chancery/dead-letters")).header("x-api-key", ADMIN_KEY).send().await.unwrap();
        let list: Value = list.json().await.unwrap();
        if list["results"].as_array().is_some_and(|letters| !letters.is_empty()) {
            break list.to_string();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(letters.contains("…@127.0.0.1"), "{letters}");
    said += &letters;
    // The controller itself was sent what it needs.
    let sent = controller.turned_away();
    assert_eq!(sent[0].api_key.as_deref(), Some("hidden-hook-key"));
    assert!(sent[0].signature.is_some());
    let process = std::fs::read_to_string(format!("/proc/{}/cmdline", running.0.id())).unwrap();
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("webhook given up"), "{log}");
    for (place, text) in [("answers", &said), ("process list", &process), ("log", &log)] {
        for secret in [WALLET_KEY, "hidden"] {
            let at = text.find(secret).map(|at| text[..at].lines().count());
            assert_eq!(
                at,
                None,
                "{secret} in the {place}: {:?}",
                at.and_then(|n| text.lines().nth(n.saturating_sub(1)))
            );
        }
    }
}

#[test]
fn faults_of_a_start_do_not_repeat_secrets() {
    let start = ["start", "--no-transport", "--no-ledger", "--admin", "127.0.0.1", "0"];
    for extra in [
        &["--admin-api-key", "two", "hidden-words"][..],
        &[
            "--admin-api-key",
            "k",
            "--wallet-name",
            "w",
            "--wallet-key",
            "hidden-short",
            "--wallet-key-derivation-method",
            "raw",
        ],
        &["--admin-api-key", "k", "--seed", "hidden-too-short", "--wallet-test"],
        &["--admin-api-key", "k", "--wallet-test", "--webhook-url", "ftp://hidden:hidden@host#hidden"],
        &["--admin-api-key", "hidden", "--wallet-test", "--admin-insecure-mode"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_chancery")).args(start).args(extra).output().unwrap();
        assert!(!output.status.success(), "{extra:?}");
        let said =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(!said.is_empty() && !said.contains("hidden"), "{extra:?}: {said}");
    }
    let help = Command::new(env!("CARGO_BIN_EXE_chancery"))
        .args(["start", "--help"])
        .env("ACAPY_ADMIN_API_KEY", "hidden")
        .env("ACAPY_WALLET_KEY", "hidden")
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&help.stdout).contains("hidden"));
}
