//! The admin WebSocket.

use std::sync::Arc;

use actix_web::rt;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::ports::Process;
use super::{KEY, LONG, api, with_key};
use crate::serve;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(port: u16, key: Option<&str>) -> Socket {
    let mut request = format!("ws://127.0.0.1:{port}/ws").into_client_request().unwrap();
    if let Some(key) = key {
        request.headers_mut().insert("x-api-key", key.parse().unwrap());
    }
    connect_async(request).await.unwrap().0
}

async fn hear(socket: &mut Socket) -> Value {
    let frame = timeout(LONG, socket.next()).await.unwrap().unwrap().unwrap();
    serde_json::from_str(frame.to_text().unwrap()).unwrap()
}

fn settings(authenticated: bool) -> Value {
    json!({"topic": "settings", "payload": {
        "authenticated": authenticated, "label": "issuer", "endpoint": "http://127.0.0.1:8030",
        "no_receive_invites": false, "help_link": null,
    }})
}

#[actix_web::test]
async fn events_go_to_those_with_the_key() {
    let process = Arc::new(Process::default());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = serve(api(&process, with_key()), listener, 1).unwrap();
    let handle = server.handle();
    rt::spawn(server);

    let mut known = connect(port, Some(KEY)).await;
    let mut unknown = connect(port, None).await;
    assert_eq!(hear(&mut known).await, settings(true));
    assert_eq!(hear(&mut unknown).await, settings(false));

    let event = |n: u32| ("connections".to_owned(), json!({ "n": n }));
    process.live.send(event(1)).unwrap();
    assert_eq!(hear(&mut known).await, json!({"topic": "connections", "payload": {"n": 1}}));

    // The key may come later, in a frame; other frames are ignored.
    for frame in ["no json", "{\"x-api-key\": \"wrong\"}"] {
        unknown.send(Message::text(frame)).await.unwrap();
    }
    ping(&process).await;
    assert_eq!(
        hear(&mut unknown).await,
        json!({"topic": "ping", "authenticated": false}),
        "and not the event"
    );
    unknown.send(Message::text(json!({ "x-api-key": KEY }).to_string())).await.unwrap();
    loop {
        ping(&process).await;
        let heard = hear(&mut unknown).await;
        if heard == json!({"topic": "ping", "authenticated": true}) {
            break;
        }
        assert_eq!(heard["topic"], "ping");
    }
    process.live.send(event(2)).unwrap();
    loop {
        let heard = hear(&mut unknown).await;
        if heard["topic"] == "connections" {
            assert_eq!(heard["payload"], json!({"n": 2}));
            break;
        }
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn who_shows_no_key_takes_no_place_of_others_and_has_to_leave() {
    let process = Arc::new(Process::default());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = serve(api(&process, with_key()), listener, 1).unwrap();
    let handle = server.handle();
    rt::spawn(server);

    let mut strangers = Vec::new();
    let mut late = connect(port, None).await;
    // More than there are places for those with a key, until the address has no more.
    let refused = loop {
        match connect_async(format!("ws://127.0.0.1:{port}/ws")).await {
            Ok((socket, _)) => strangers.push(socket),
            Err(error) => break error.to_string(),
        }
    };
    assert!(refused.contains("503"), "{refused}");
    assert!(strangers.len() > 4, "{}", strangers.len());
    let mut known = connect(port, Some(KEY)).await;
    assert_eq!(hear(&mut known).await, settings(true));
    // One of the strangers shows the key in time; the time of all is over.
    assert_eq!(hear(&mut late).await, settings(false));
    late.send(Message::text(json!({ "x-api-key": KEY }).to_string())).await.unwrap();
    loop {
        ping(&process).await;
        if hear(&mut late).await["authenticated"] == true {
            break;
        }
    }
    process.late.notify_waiters();
    for mut socket in strangers {
        while let Some(frame) = timeout(LONG, socket.next()).await.unwrap() {
            if matches!(frame, Ok(Message::Close(_)) | Err(_)) {
                break;
            }
        }
    }
    process.live.send(("connections".to_owned(), json!({"n": 1}))).unwrap();
    for socket in [&mut known, &mut late] {
        while hear(socket).await["topic"] != "connections" {}
    }
    assert_eq!(process.rejections.lock().unwrap().iter().filter(|code| **code == "busy").count(), 1);
    handle.stop(false).await;
}

/// Five seconds pass for the sockets that wait.
async fn ping(process: &Process) {
    rt::task::yield_now().await;
    process.silence.notify_one();
    process.silence.notify_waiters();
}
