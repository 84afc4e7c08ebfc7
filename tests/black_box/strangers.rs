//! What strangers can't do: forge lines of the log, fill it, take others' places, guess keys, drive an agent through a browser. Beside them
//! honest parties get what they came for.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{Agent, Postgres, connect, eventually};

const KEY: &str = "the-right-key";

async fn metric(agent: &Agent, line: &str, key: &str) -> f64 {
    let request = agent.http.get(format!("{}/metrics", agent.admin)).header("x-api-key", key);
    let text = request.send().await.unwrap().text().await.unwrap();
    text.lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn what_a_stranger_writes_stays_on_one_short_line_of_the_log() {
    let long = "y".repeat(20_000);
    let forged = format!("\n2026-01-01T00:00:00Z ERROR chancery: forged\r\u{1b}[2J\u{9b}\u{202e}{long}");
    for form in ["text", "json"] {
        let agent = Agent::start("logged", &["--log-format", form, "--log-level", "debug"]).await;
        for kind in [
            format!("https://didcomm.org/{forged}/1.0/offer"),
            format!("https://didcomm.org/trust_ping/1.0/{forged}"),
            "https://didcomm.org/didexchange/1.1/request".to_owned(),
            "https://didcomm.org/out-of-band/1.1/handshake-reuse".to_owned(),
        ] {
            let message = json!({
                "@type": kind, "@id": forged, "~thread": {"thid": forged, "pthid": forged}, "label": forged, "did": forged, "comment": forged,
            });
            let body = message.to_string();
            assert_eq!(agent.http.post(&agent.endpoint).body(body).send().await.unwrap().status(), 200);
        }
        let found = agent.http.get(format!("{}/%0aforged{long}", agent.admin)).send().await.unwrap();
        assert_eq!(found.status(), 404);
        // An honest peer beside it.
        let peer = Agent::start("honest", &[]).await;
        connect(&agent, &peer).await;
        let log = agent.log_text();
        assert!(log.contains("a message had no effect"), "{log}");
        assert!(!log.contains(&"y".repeat(201)), "{form}: more than 200 characters of a stranger's");
        for line in log.lines() {
            let begins = if form == "json" { "{\"timestamp\":" } else { "20" };
            assert!(line.starts_with(begins) || line.starts_with('\u{1b}'), "{form}: {line}");
            assert!(!line.starts_with("2026-01-01T00:00:00Z"), "{form}: forged: {line}");
            assert!(line.chars().count() < 2_000, "{form}: {line}");
            for control in ["\u{1b}[2J", "\u{9b}", "\u{202e}", "\r"] {
                assert!(!line.contains(control), "{form}: {line}");
            }
        }
    }
}

#[tokio::test]
async fn a_flood_of_junk_is_counted_and_fills_no_log() {
    let mut agent = Agent::start("flooded", &[]).await;
    let body = "{}".to_owned();
    for _ in 0..20 {
        let posts = (0..50).map(|_| agent.http.post(&agent.endpoint).body(body.clone()).send());
        for answer in futures_util::future::join_all(posts).await {
            assert_eq!(answer.unwrap().status(), 200);
        }
    }
    for junk in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"\x00\x01\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(agent.endpoint.trim_start_matches("http://")).await.unwrap();
        stream.write_all(junk).await.unwrap();
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let counted = metric(&agent, "chancery_rejected_total{port=\"didcomm\",reason=\"not-opened\"}", "").await;
    assert_eq!(counted, 1000.0);
    let peer = Agent::start("honest", &[]).await;
    connect(&agent, &peer).await;
    assert!(agent.stop().await.success());
    let log = agent.log_text();
    assert!(!log.contains("ERROR"), "{log}");
    // Whether it took one second or ten, what was not written was counted.
    let written = log.matches("a message had no effect").count();
    let lines = log.lines().filter(|line| line.contains("more lines of one kind were left out"));
    let left: usize = lines
        .filter_map(|line| line.split("lines=").nth(1)?.split_whitespace().next()?.parse::<usize>().ok())
        .sum();
    let told = log.matches("more lines of one kind were left out").count();
    assert!(left > 0 && written < 1000, "{log}");
    // The line that counts them repeats the sentence.
    assert_eq!(written - told + left, 1000, "{log}");
}

#[tokio::test]
async fn no_web_page_of_others_drives_an_agent_without_a_key() {
    let mut agent = Agent::start("browsed", &["--admin-host", "agent.test"]).await;
    let ask = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = agent.http.request(method, format!("{}{path}", agent.admin)).body("{}");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send()
    };
    let foreign = ("origin", "https://evil.example");
    for (method, path, headers) in [
        ("GET", "/status", &[foreign][..]),
        ("GET", "/shutdown", &[("sec-fetch-site", "cross-site")]),
        ("GET", "/shutdown", &[("host", "evil.example:8031")]),
        ("POST", "/wallet/did/create", &[foreign, ("content-type", "text/plain")]),
        ("POST", "/wallet/did/create", &[("origin", "null"), ("content-type", "text/plain")]),
        ("POST", "/wallet/did/create", &[("host", "evil.example"), ("origin", "http://evil.example")]),
        ("OPTIONS", "/wallet/did/create", &[foreign, ("access-control-request-method", "POST")]),
    ] {
        let refused = ask(method, path, headers).await.unwrap();
        assert_eq!(refused.status(), 403, "{method} {path} {headers:?}");
        assert!(
            !refused.headers().contains_key("access-control-allow-origin"),
            "{method} {path} {headers:?}"
        );
    }
    let socket = |origin: &'static str| {
        let mut request =
            format!("{}/ws", agent.admin.replace("http:", "ws:")).into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        tokio_tungstenite::connect_async(request)
    };
    assert!(
        matches!(socket("https://evil.example").await, Err(Error::Http(answer)) if answer.status() == 403)
    );
    // Controllers without a browser, our own pages, pages of this machine, and those that were named.
    assert_eq!(agent.get("/wallet/did").await["results"], json!([]), "nothing was made");
    let own = agent.admin.clone();
    let kind = ("content-type", "application/json");
    for headers in [
        &[kind][..],
        &[kind, ("origin", &*own), ("sec-fetch-site", "same-origin")],
        &[kind, ("origin", "http://localhost:3000")],
        &[kind, ("origin", "https://agent.test"), ("host", "agent.test")],
    ] {
        let answer = ask("POST", "/wallet/did/create", headers).await.unwrap();
        assert_eq!(answer.status(), 200, "{headers:?}");
        let origin = headers.iter().find(|(name, _)| *name == "origin").map(|(_, value)| *value);
        let echoed =
            answer.headers().get("access-control-allow-origin").map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(echoed.as_deref(), origin);
    }
    assert!(socket("http://localhost:3000").await.is_ok());
    assert!(agent.stop().await.success());
}

#[tokio::test]
async fn callers_without_a_key_take_no_place_of_those_with_one_and_leave_after_a_while() {
    let agent = Agent::start("crowded", &["--admin-api-key", KEY]).await;
    let open = |key: Option<&'static str>| {
        let mut request =
            format!("{}/ws", agent.admin.replace("http:", "ws:")).into_client_request().unwrap();
        if let Some(key) = key {
            request.headers_mut().insert("x-api-key", key.parse().unwrap());
        }
        tokio_tungstenite::connect_async(request)
    };
    let mut strangers = Vec::new();
    let refused = loop {
        match open(None).await {
            Ok((socket, _)) => strangers.push(socket),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Http(answer) if answer.status() == 503));
    let (mut known, _) = open(Some(KEY)).await.unwrap();
    let greeting = known.next().await.unwrap().unwrap();
    assert!(greeting.to_text().unwrap().contains("\"authenticated\":true"), "{greeting}");
    // Event streams want the key at once.
    let stream =
        agent.http.get(format!("{}/chancery/events", agent.admin)).header("accept", "text/event-stream");
    assert_eq!(stream.send().await.unwrap().status(), 401);
    for mut socket in strangers {
        let closed = async {
            while let Some(Ok(frame)) = socket.next().await {
                if matches!(frame, Message::Close(_)) {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), closed).await.expect("strangers have to leave");
    }
    let again = eventually("a place is free again", async || open(None).await.ok()).await;
    drop(again);
    let answer =
        agent.http.get(format!("{}/status", agent.admin)).header("x-api-key", KEY).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn wrong_keys_are_counted_and_hold_up_no_right_one() {
    let agent = Agent::start("guessed", &["--admin-api-key", KEY]).await;
    let ask =
        |key: &'static str| agent.http.get(format!("{}/status", agent.admin)).header("x-api-key", key).send();
    for _ in 0..10 {
        assert_eq!(ask("wrong").await.unwrap().status(), 401);
    }
    let slowed = tokio::spawn(ask("wrong"));
    assert_eq!(ask(KEY).await.unwrap().status(), 200);
    let late = slowed.await.unwrap().unwrap();
    assert_eq!(late.status(), 401);
    assert_eq!(late.headers()["connection"], "close", "the next guess needs a connection of its own");
    let wrong = "chancery_rejected_total{port=\"admin\",reason=\"wrong-key\"}";
    assert_eq!(metric(&agent, wrong, KEY).await, 11.0);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

fn run(home: &Path, words: &[&str]) -> Output {
    Command::new(crate::support::binary())
        .args(words)
        .env("ACAPY_HOME", home)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("chancery-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn the_files_of_a_wallet_are_for_their_owner_alone() {
    let mut agent = Agent::start("private", &[]).await;
    if Postgres::for_all().is_some() {
        return;
    }
    let wallet = agent.home.join("wallet");
    let open = |file: &PathBuf| file.metadata().unwrap().permissions().mode() & 0o077 != 0;
    assert!(files(&wallet).len() >= 3, "{:?}", files(&wallet));
    assert!(!files(&wallet).iter().any(open), "{:?}", files(&wallet));
    assert!(agent.log_text().contains("wallet made at"), "{}", agent.log_text());
    assert!(agent.stop().await.success());
    // As a copy, or ACA-Py, would leave it.
    for file in files(&wallet) {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    agent.spawn().await;
    assert!(!files(&wallet).iter().any(open), "{:?}", files(&wallet));
    assert_eq!(agent.log_text().matches("wallet made at").count(), 1);
}

#[test]
fn a_wallet_is_made_with_the_key_that_was_meant_and_that_is_told() {
    let home = Home::new("provisioned");
    let made = run(
        &home.0,
        &[
            "provision",
            "--wallet-name=my wallet",
            "--wallet-key=my = key",
            "--wallet-key-derivation-method",
            "kdf:argon2i:int",
        ],
    );
    let said = String::from_utf8(made.stdout).unwrap();
    let path = home.0.join("wallet/my wallet/sqlite.db");
    assert_eq!(
        said,
        format!("wallet made at {}\n", path.display()),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let file = home.0.join("options.yml");
    std::fs::write(
        &file,
        "wallet-name: my wallet\nwallet-key: my = key\nwallet-key-derivation-method: kdf:argon2i:int\n",
    )
    .unwrap();
    let again = run(&home.0, &["provision", "--arg-file", file.to_str().unwrap()]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), "the wallet my wallet is there already\n");
    std::fs::write(&file, "wallet-name: 0123\nwallet-key: k\n").unwrap();
    let unclear = run(&home.0, &["provision", "--arg-file", file.to_str().unwrap()]);
    assert_eq!(unclear.status.code(), Some(2));
    assert!(String::from_utf8(unclear.stderr).unwrap().contains("put it in quotes"));
    assert_eq!(std::fs::read_dir(home.0.join("wallet")).unwrap().count(), 1, "no other wallet was made");
}

#[test]
fn faults_of_files_are_told_with_their_path_and_a_remedy() {
    let home = Home::new("faulty");
    std::fs::create_dir_all(home.0.join("wallet/w")).unwrap();
    let database = home.0.join("wallet/w/sqlite.db");
    std::fs::write(
        &database,
        "this is a letter, and long enough to be read as a header of a database file\n".repeat(20),
    )
    .unwrap();
    let words = ["provision", "--wallet-name", "w", "--wallet-key", "secret-key"];
    let refused = run(&home.0, &words);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said.contains(database.to_str().unwrap())
            && said.contains("--wallet-name")
            && !said.contains("secret-key"),
        "{said}"
    );
    let log = home.0.join("none/log");
    let refused = run(&home.0, &[&words[..], &["--log-file", log.to_str().unwrap()]].concat());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains(log.to_str().unwrap()) && said.contains("name a file that this user may write"),
        "{said}"
    );
    for words in
        [&["help", "start"][..], &["start", "--help"], &["help"], &["demo", "--help"], &["bench", "--help"]]
    {
        let help = String::from_utf8(run(&home.0, words).stdout).unwrap();
        assert!(!help.is_empty(), "{words:?}");
        let wide: Vec<_> = help.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{words:?}: {wide:?}");
    }
}

/// Takes what an agent exports.
async fn collected(
    kept: actix_web::web::Data<Mutex<Vec<String>>>,
    body: actix_web::web::Bytes,
) -> actix_web::HttpResponse {
    kept.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
    actix_web::HttpResponse::Ok().json(json!({}))
}

#[tokio::test]
async fn what_a_stranger_writes_is_short_in_traces_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let kept = actix_web::web::Data::new(Mutex::new(Vec::<String>::new()));
    let data = kept.clone();
    let server = actix_web::HttpServer::new(move || {
        let app = actix_web::App::new().app_data(data.clone());
        app.app_data(actix_web::web::PayloadConfig::new(64 << 20))
            .route("/v1/traces", actix_web::web::post().to(collected))
    });
    let server = server.workers(1).disable_signals().shutdown_timeout(0).listen(listener).unwrap().run();
    let handle = server.handle();
    tokio::spawn(server);
    let mut agent = Agent::start("traced", &["--otlp-endpoint", &url]).await;
    let long = format!("t\n{}", "y".repeat(20_000));
    let kind = format!("https://didcomm.org/trust_ping/1.0/{}", "y".repeat(20_000));
    let message = json!({"@type": kind, "@id": long, "~thread": {"thid": long}}).to_string();
    assert_eq!(agent.http.post(&agent.endpoint).body(message).send().await.unwrap().status(), 200);
    let path = format!("{}/{}", agent.admin, "y".repeat(20_000));
    assert_eq!(agent.http.get(path).send().await.unwrap().status(), 404);
    // The last spans are sent at the end.
    assert!(agent.stop().await.success());
    let sent = kept.lock().unwrap().join("\n");
    assert!(sent.contains("message_type") && sent.contains(&"y".repeat(100)), "{sent}");
    assert!(!sent.contains(&"y".repeat(201)), "more than 200 characters of a stranger's");
    handle.stop(false).await;
}
