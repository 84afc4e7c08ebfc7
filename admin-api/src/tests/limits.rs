//! Bad input costs the sender, not us.

use std::sync::Arc;

use actix_web::rt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::ports::Process;
use super::{Auth, LONG, api, ask, ask_all, get, post};
use crate::serve;

#[actix_web::test]
async fn large_bodies_are_refused() {
    let large = format!("{{\"comment\": \"{}\"}}", "x".repeat(1 << 20));
    let answer = ask(post("/issue-credential-2.0/send-offer", &large)).await;
    assert_eq!((answer.status, answer.body.as_str()), (413, "Maximum request body size 1048576 exceeded."));
    let just = format!("{{\"comment\": \"{}\"}}", "x".repeat((1 << 20) - 100));
    assert_eq!(ask(post("/issue-credential-2.0/send-offer", &just)).await.status, 422);
}

#[actix_web::test]
async fn who_sends_too_much_sees_the_answer() {
    let (port, handle) = start(&Arc::new(Process::default()));
    let body = vec![b' '; 5 << 20];
    for framing in ["content-length: 5242880", "transfer-encoding: chunked"] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let head = format!(
            "POST /issue-credential-2.0/send-offer HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/json\r\n{framing}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        if framing.starts_with("transfer") {
            stream.write_all(b"500000\r\n").await.unwrap();
        }
        stream.write_all(&body).await.unwrap();
        if framing.starts_with("transfer") {
            stream.write_all(b"\r\n0\r\n\r\n").await.unwrap();
        }
        let answer = finish(stream).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{framing}: {answer}");
        assert!(answer.ends_with("Maximum request body size 1048576 exceeded."), "{framing}: {answer}");
    }
    handle.stop(false).await;
}

#[actix_web::test]
async fn deep_bodies_are_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = ask(post("/issue-credential-2.0/send-offer", &deep)).await;
    assert_eq!((answer.status, answer.body.as_str()), (400, "400: Bad Request"));
}

#[actix_web::test]
async fn a_command_that_breaks_is_a_500() {
    let answers = ask_all(
        api(&Arc::new(Process::default()), Auth::Insecure),
        vec![get("/connections/panic"), get("/status")],
    )
    .await;
    let expected = "500 Internal Server Error\n\nServer got itself in trouble";
    assert_eq!((answers[0].status, answers[0].body.as_str()), (500, expected));
    assert_eq!(answers[1].status, 200);
}

/// An open API on a port of its own.
fn start(process: &Arc<Process>) -> (u16, actix_web::dev::ServerHandle) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = serve(api(process, Auth::Insecure), listener, 1).unwrap();
    let handle = server.handle();
    rt::spawn(server);
    (port, handle)
}

/// Sends a request on a connection of its own.
async fn begin(port: u16, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The whole answer.
async fn finish(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    timeout(LONG, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[actix_web::test]
async fn too_many_requests_are_turned_away_but_probes_are_not() {
    let process = Arc::new(Process::default());
    let gate = Arc::new(Notify::new());
    *process.slow.lock().unwrap() = Some(gate.clone());
    let (port, handle) = start(&process);
    let path = "/connections/3fa85f64-5717-4562-b3fc-2c963f66afa6";
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(begin(port, path).await);
    }
    // The four are taken on in any order with this one; ask until they are all in.
    let refused = loop {
        let answer = finish(begin(port, "/settings").await).await;
        if answer.starts_with("HTTP/1.1 503") {
            break answer;
        }
    };
    assert!(refused.contains("retry-after: 1"), "{refused}");
    assert!(finish(begin(port, "/status/live").await).await.starts_with("HTTP/1.1 200"));
    // A caller that went away keeps its place until its command is done.
    drop(waiting.pop());
    for _ in 0..4 {
        gate.notify_one();
        rt::task::yield_now().await;
    }
    *process.slow.lock().unwrap() = None;
    gate.notify_waiters();
    loop {
        if finish(begin(port, "/settings").await).await.starts_with("HTTP/1.1 200") {
            break;
        }
        gate.notify_waiters();
    }
    for stream in waiting {
        assert!(finish(stream).await.starts_with("HTTP/1.1 404"));
    }
    handle.stop(true).await;
}
