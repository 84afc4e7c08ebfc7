//! What is taken from whom, at once and in a time.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Agent, Event, MANUAL, Pair};

async fn raw(url: &str, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// What comes until the other side closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    tokio::time::timeout(Duration::from_secs(60), stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

async fn metric(agent: &Agent, line: &str) -> f64 {
    let text = agent.get("/metrics").await;
    let found = text.as_str().unwrap().lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok());
    found.unwrap_or_default()
}

#[tokio::test]
async fn an_address_that_sends_too_much_is_told_when_to_come_back() {
    let options = ["--max-rate-per-address", "3/h", "--max-admin-rate-per-address", "1000/s"];
    let agent = Agent::start("rated", &options).await;
    for expected in [200, 200, 200, 429, 429] {
        let answer = agent.http.post(&agent.endpoint).body("{}").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected);
        if expected == 429 {
            let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1000..=1200).contains(&wait), "{wait}");
        }
    }
    let line = "chancery_rejected_total{port=\"didcomm\",reason=\"too-many-of-one\"}";
    assert_eq!(metric(&agent, line).await, 2.0);
    // The other port has a limit of its own.
    assert_eq!(agent.get("/status/ready").await, json!({"ready": true}));
}

#[tokio::test]
async fn a_sender_that_is_slowed_down_loses_nothing() {
    let limited: Vec<&str> = MANUAL
        .iter()
        .copied()
        .chain(["--max-rate-per-sender", "3/s", "--max-concurrent-per-sender", "2"])
        .collect();
    let pair = Pair::connected(&limited, MANUAL).await;
    for n in 0..12 {
        let path = format!("/connections/{}/send-message", pair.to_issuer);
        pair.holder.post(&path, json!({"content": format!("message {n}")})).await;
    }
    for n in 0..12 {
        let text = format!("message {n}");
        let about = |e: &Event| e.topic == "basicmessages" && e.body["content"] == text;
        pair.issuer.controller.event(&text, about).await;
    }
    let line = "chancery_rejected_total{port=\"didcomm\",reason=\"too-many-of-one\"}";
    assert!(metric(&pair.issuer, line).await >= 1.0);
    assert_eq!(pair.holder.get("/chancery/dead-letters").await["results"], json!([]));
}

#[tokio::test]
async fn slow_senders_are_cut_off_and_hold_up_nobody() {
    let options = [
        "--max-concurrent-didcomm",
        "2",
        "--max-concurrent-per-address",
        "8",
        // Longer than it takes on a busy machine to get here with all of them.
        "--request-body-timeout",
        "8s",
        "--request-header-timeout",
        "8s",
    ];
    let agent = Agent::start("patient", &options).await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{";
    let mut slow = Vec::new();
    // More than are handled at once, one less than may come from here.
    for _ in 0..7 {
        slow.push(raw(&agent.endpoint, head).await);
    }
    let header = raw(&agent.endpoint, "POST / HTTP/1.1\r\nhost: x\r\n").await;
    let answer = agent.http.post(&agent.endpoint).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    slow.push(raw(&agent.endpoint, head).await);
    // All places of this address are taken; which of the last two came first is not known.
    let refused = crate::support::eventually("an address without a place is refused", async || {
        let answer = agent.http.post(&agent.endpoint).body("{}").send().await.unwrap();
        (answer.status() == 429).then_some(answer)
    });
    assert_eq!(refused.await.headers()["retry-after"], "1");
    for stream in slow {
        assert!(rest(stream).await.starts_with("HTTP/1.1 408"));
    }
    assert!(rest(header).await.starts_with("HTTP/1.1 408"));
    assert_eq!(metric(&agent, "chancery_rejected_total{port=\"didcomm\",reason=\"slow-body\"}").await, 8.0);
    assert_eq!(agent.http.post(&agent.endpoint).body("{}").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_is_announced_too_large_is_refused_before_it_comes() {
    let agent =
        Agent::start("brisk", &["--max-message-size", "100000", "--request-body-timeout", "1h"]).await;
    let refused = raw(&agent.endpoint, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100001\r\n\r\n{").await;
    let answer = rest(refused).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // Large, in many pieces, but not too large: with its length and without.
    let text = format!("{{\"a\": \"{}\"}}", "x".repeat(99_000));
    let whole = agent.http.post(&agent.endpoint).body(text.clone()).send().await.unwrap();
    assert_eq!(whole.status(), 200);
    let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut chunked = raw(&agent.endpoint, head).await;
    for piece in text.as_bytes().chunks(10_000) {
        chunked.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
        chunked.write_all(piece).await.unwrap();
        chunked.write_all(b"\r\n").await.unwrap();
    }
    chunked.write_all(b"0\r\n\r\n").await.unwrap();
    assert!(rest(chunked).await.starts_with("HTTP/1.1 200"));
    assert_eq!(metric(&agent, "chancery_rejected_total{port=\"didcomm\",reason=\"too-large\"}").await, 1.0);
}

#[tokio::test]
async fn a_body_that_fails_to_parse_is_repeated_nowhere() {
    let agent = Agent::start("discreet", &["--log-level", "debug"]).await;
    let secret = "s3cret-of-the-sender";
    let typed = "https://didcomm.org/issue-credential/2.0/offer-credential";
    let mut said = String::new();
    for body in [
        format!("{{\"{secret}\": "),
        format!("[\"{secret}\"]"),
        secret.to_owned(),
        format!(
            "{{\"@type\": \"{typed}\", \"@id\": \"1\", \"formats\": \"{secret}\", \"offers~attach\": \"{secret}\"}}"
        ),
        format!(
            "{{\"protected\": \"{secret}\", \"iv\": \"{secret}\", \"ciphertext\": 1, \"tag\": \"{secret}\"}}"
        ),
        format!("{{\"a\": {}\"{secret}\"{}}}", "[".repeat(100), "]".repeat(100)),
    ] {
        let answer = agent.http.post(&agent.endpoint).body(body.clone()).send().await.unwrap();
        said += &answer.text().await.unwrap();
        for path in
            ["/issue-credential-2.0/send-offer", "/wallet/did/create", "/out-of-band/receive-invitation"]
        {
            let request = agent.http.post(format!("{}{path}", agent.admin));
            let request = request.header("content-type", "application/json").body(body.clone());
            said += &request.send().await.unwrap().text().await.unwrap();
        }
    }
    assert!(!said.contains(secret), "{said}");
    let log = agent.log_text();
    assert!(!log.contains(secret), "{log}");
    assert_eq!(metric(&agent, "chancery_rejected_total{port=\"didcomm\",reason=\"too-deep\"}").await, 1.0);
    assert!(metric(&agent, "chancery_rejected_total{port=\"admin\",reason=\"not-json\"}").await >= 4.0);
}

#[tokio::test]
async fn a_message_that_dribbles_in_over_a_websocket_is_cut_off() {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::frame::{
        Frame,
        coding::{CloseCode, Data, OpCode},
    };

    let port = crate::support::free_port().to_string();
    let options = [
        "-it",
        "ws",
        "127.0.0.1",
        &port,
        "--request-body-timeout",
        "2s",
        "--ws-heartbeat-interval",
        "1",
        "--ws-timeout-interval",
        "3600",
        "--max-message-size",
        "2048",
    ];
    let agent = Agent::start("patient", &options).await;
    let url = format!("ws://127.0.0.1:{port}/");
    let fragment =
        |text: &str, code, last| Message::Frame(Frame::message(text.to_owned(), OpCode::Data(code), last));

    // Fragments that come together in time are one message.
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    socket.send(fragment("{", Data::Text, false)).await.unwrap();
    socket.send(Message::Ping("between".into())).await.unwrap();
    socket.send(fragment("}", Data::Continue, true)).await.unwrap();
    let not_opened = "chancery_rejected_total{port=\"didcomm\",reason=\"not-opened\"}";
    let come = async || (metric(&agent, not_opened).await == 1.0).then_some(());
    crate::support::eventually("the message is there", come).await;

    // Never silent, never whole: the agent's pings are answered and each brings another fragment.
    socket.send(fragment("{", Data::Text, false)).await.unwrap();
    let close = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Close(close) => break close.unwrap(),
                // It may already be closed on the other side.
                _ => drop(socket.send(fragment(" ", Data::Continue, false)).await),
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(close.code, CloseCode::Policy, "{close}");

    // One frame, of which a byte comes at a time.
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    socket.get_mut().write_all(&[0x82, 0x80 | 100, 1, 2, 3, 4, 5]).await.unwrap();
    let close = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Close(close) => break close.unwrap(),
                _ => drop(socket.get_mut().write_all(b"x").await),
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(close.code, CloseCode::Policy, "{close}");
    assert_eq!(metric(&agent, "chancery_rejected_total{port=\"didcomm\",reason=\"slow-body\"}").await, 2.0);

    // Together too large.
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    let half = "x".repeat(1200);
    socket.send(fragment(&half, Data::Text, false)).await.unwrap();
    socket.send(fragment(&half, Data::Continue, true)).await.unwrap();
    let close = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            if let Message::Close(close) = socket.next().await.unwrap().unwrap() {
                break close.unwrap();
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(close.code, CloseCode::Size, "{close}");
}

#[tokio::test]
async fn a_websocket_that_sends_too_much_is_told_to_come_back() {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::{Error, Message, protocol::frame::coding::CloseCode};

    let port = crate::support::free_port().to_string();
    let options =
        ["-it", "ws", "127.0.0.1", &port, "--max-rate-per-address", "2/h", "--max-websockets-didcomm", "2"];
    let _agent = Agent::start("sockets", &options).await;
    let url = format!("ws://127.0.0.1:{port}/");
    let (mut first, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    for _ in 0..3 {
        first.send(Message::text("{}")).await.unwrap();
    }
    let close = loop {
        match first.next().await.unwrap().unwrap() {
            Message::Close(close) => break close.unwrap(),
            _ => continue,
        }
    };
    assert_eq!(close.code, CloseCode::Again);
    // It is gone, two more may come, a third may not. When its place is free again is not known from here.
    drop(first);
    let mut open = Vec::new();
    let refused = loop {
        match tokio_tungstenite::connect_async(&url).await {
            Ok((socket, _)) => open.push(socket),
            Err(Error::Http(answer)) if open.len() == 2 => break answer,
            Err(Error::Http(_)) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
}

/// `--client-address-header`: who is limited, and who guesses keys, is the client that the operator's proxy names.
#[tokio::test]
async fn behind_a_proxy_each_client_has_a_rate_and_wrong_keys_of_its_own() {
    let options = [
        &["--client-address-header", "X-Forwarded-For", "--max-rate-per-address", "2/h"][..],
        &["--admin-api-key", "the-right-key"],
    ]
    .concat();
    let agent = Agent::start("proxied", &options).await;
    let (greedy, other) = ("198.51.100.7, 192.0.2.1", "192.0.2.2");
    for (from, expected) in [(greedy, 200), (greedy, 200), (greedy, 429), (other, 200), (greedy, 429)] {
        let message = agent.http.post(&agent.endpoint).header("x-forwarded-for", from).body("{}");
        assert_eq!(message.send().await.unwrap().status().as_u16(), expected, "{from}");
    }
    let ask = |key: &'static str, from: &'static str| {
        let request = agent.http.get(format!("{}/status", agent.admin));
        request.header("x-api-key", key).header("x-forwarded-for", from).send()
    };
    for _ in 0..10 {
        assert!(!ask("wrong", greedy).await.unwrap().headers().contains_key("connection"));
    }
    let slowed = ask("wrong", greedy).await.unwrap();
    assert_eq!((slowed.status().as_u16(), slowed.headers()["connection"].as_bytes()), (401, &b"close"[..]));
    let beside = ask("wrong", other).await.unwrap();
    assert_eq!((beside.status().as_u16(), beside.headers().contains_key("connection")), (401, false));
    assert_eq!(ask("the-right-key", greedy).await.unwrap().status(), 200);
}
