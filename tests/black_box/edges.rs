//! Bad input costs the sender, not the agent.

use serde_json::json;

use crate::support::Agent;

#[tokio::test]
async fn garbage_on_the_didcomm_port_changes_nothing() {
    let agent = Agent::start("target", &["--max-message-size", "65536"]).await;
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_object = format!("{{\"a\":{deep}}}");
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(70_000));
    let truncated = r#"{"protected":"eyJlbmMiOiJ4","iv":"a","ciphertext":"b","tag":"c""#;
    let bad_envelope =
        r#"{"protected":"eyJhbGciOiJBdXRoY3J5cHQifQ","iv":"AAAA","ciphertext":"AAAA","tag":"AAAA"}"#;
    let bad_type = r#"{"@type":"not a type"}"#;
    let unknown = r#"{"@type":"https://didcomm.org/nothing/1.0/at-all","@id":"1"}"#;
    let offer =
        r#"{"@type":"https://didcomm.org/issue-credential/2.0/offer-credential","@id":5,"formats":{}}"#;
    for (body, status) in [
        ("", 400),
        ("not JSON", 400),
        ("[]", 400),
        ("\"text\"", 400),
        ("\u{0}\u{1}", 400),
        (&deep, 400),
        (&deep_object, 400),
        (truncated, 400),
        ("{}", 200),
        (bad_envelope, 200),
        (bad_type, 200),
        (unknown, 200),
        (offer, 200),
        (r#"{"@type":7}"#, 200),
        (r#"{"protected":{},"iv":[],"ciphertext":null,"tag":1}"#, 200),
        (&huge, 413),
    ] {
        let answer = agent.http.post(&agent.endpoint).body(body.to_owned()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{}", &body[..body.len().min(80)]);
    }
    for (path, status) in [("/other", 404), ("/?c_i=x", 200), ("/", 200)] {
        let answer = agent.http.get(format!("{}{path}", agent.endpoint)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
    assert_eq!(agent.get("/status/ready").await, json!({"ready": true}));
    assert_eq!(agent.get("/connections").await["results"], json!([]));
    assert!(!agent.log_text().contains("panicked"), "{}", agent.log_text());
}

#[tokio::test]
async fn a_second_process_on_the_same_wallet_is_refused() {
    let mut agent = Agent::start("only", &[]).await;
    let log = agent.log_text();
    let admin = crate::support::free_port().to_string();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_chancery"))
        .args([
            "start",
            "--no-transport",
            "--admin",
            "127.0.0.1",
            &admin,
            "--admin-insecure-mode",
            "--no-ledger",
        ])
        .args(["--wallet-name", "only", "--wallet-key", "CwNJroKHTSSj3XvE7ZAnuKiTn2C4QkFvxEqfm5rzhNrb"])
        .args(["--wallet-key-derivation-method", "raw"])
        .env("ACAPY_HOME", &agent.home)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("in use by the process") && said.contains(&agent.pid().to_string()),
        "{said}\n{log}"
    );
    agent.restart().await;
}

#[tokio::test]
async fn the_admin_api_needs_a_key_or_says_so() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_chancery"))
        .args(["start", "--no-transport", "--admin", "127.0.0.1", "0", "--no-ledger", "--wallet-test"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--admin-insecure-mode") && said.contains("ACAPY_ADMIN_API_KEY"), "{said}");
}

#[tokio::test]
async fn secrets_are_nowhere_to_be_read() {
    let agent = Agent::start("quiet", &[]).await;
    let config = agent.get("/status/config").await.to_string();
    for secret in ["CwNJroKHTSSj3XvE7ZAnuKiTn2C4QkFvxEqfm5rzhNrb", "hook-key"] {
        assert!(!config.contains(secret), "{config}");
        assert!(!agent.log_text().contains(secret));
    }
}
