//! Bad input costs the sender, not us.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use chancery_agent::edge::{Limiter, Rate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::ports::Process;
use super::{Auth, KEY, LONG, api, ask, ask_all, get, post, with_key};
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
            "POST /issue-credential-2.0/send-offer HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
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
async fn a_body_that_names_a_member_twice_is_refused_and_the_member_named() {
    let credential = r#"{"issuer": "did:web:a.example", "issuer": "did:web:b.example"}"#;
    let body = format!(r#"{{"verifiableCredential": {credential}}}"#);
    for path in ["/vc/credentials/verify", "/issue-credential-2.0/send-offer"] {
        let answer = ask(post(path, &body)).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.body.contains("issuer"), "{path}: {}", answer.body);
        let problem = ask(post(path, &body).header("accept", "application/problem+json")).await.json();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(r#"the member "issuer" is named twice"#), "{path}: {detail}");
        assert_eq!(problem["code"], "ambiguous-json", "{path}");
    }
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
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
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

#[actix_web::test]
async fn a_caller_is_slowed_down_but_probes_are_not() {
    let process = Arc::new(Process::default());
    let rate = Rate { count: 2, per: Duration::from_secs(3600) };
    for (of_address, header) in [(true, ("x-forwarded-for", "192.0.2.1")), (false, ("x-api-key", KEY))] {
        let mut api = api(&process, with_key());
        api.limits.address_header = Some("x-forwarded-for".to_owned());
        let limiter = Some(Limiter::new(rate));
        match of_address {
            true => api.limits.rate_per_address = limiter,
            false => api.limits.rate_per_key = limiter,
        }
        let mut asks: Vec<_> = (0..4).map(|_| get("/settings").header(header.0, header.1)).collect();
        asks.push(get("/status/live").header(header.0, header.1));
        // Another client; nobody's key.
        asks.push(get("/settings").header("x-forwarded-for", "192.0.2.2"));
        let answers = ask_all(api, asks).await;
        let allowed = if of_address { 401 } else { 200 };
        let statuses: Vec<u16> = answers.iter().map(|a| a.status).collect();
        assert_eq!(statuses, [allowed, allowed, 429, 429, 200, 401]);
        assert_eq!(answers[2].header("retry-after"), Some("1800"));
        assert!(answers[2].header("x-request-id").is_some());
    }
    assert!(process.rejections.lock().unwrap().contains(&"too-many-requests"));
}

#[actix_web::test]
async fn json_that_would_take_much_memory_is_not_parsed() {
    let deep = format!("{{\"comment\": {}1{}}}", "[".repeat(70), "]".repeat(70));
    let many = format!("{{\"comment\": [{}1]}}", "1,".repeat(200_000));
    for body in [deep, many] {
        let answer = ask(post("/issue-credential-2.0/send-offer", &body)).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, "400: Bad Request"));
    }
}

#[actix_web::test]
async fn a_large_body_of_who_may_not_call_is_not_read() {
    let large = format!("{{\"comment\": \"{}\"}}", "x".repeat(100_000));
    let answers =
        ask_all(api(&Arc::new(Process::default()), with_key()), vec![post("/wallet/did/create", &large)])
            .await;
    assert_eq!(answers[0].status, 413);
}

#[actix_web::test]
async fn slow_callers_are_cut_off_and_hold_up_nobody() {
    let (port, handle) = start(&Arc::new(Process::default()));
    let mut slow = Vec::new();
    // More than may be carried out at once.
    for _ in 0..8 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let head = "POST /wallet/did/create HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                    content-type: application/json\r\ncontent-length: 100\r\n\r\n{\"";
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    assert!(finish(begin(port, "/settings").await).await.starts_with("HTTP/1.1 200"));
    for stream in slow {
        assert!(finish(stream).await.starts_with("HTTP/1.1 408"));
    }
    // A header that never ends.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(b"GET /settings HTTP/1.1\r\nhost: localhost\r\n").await.unwrap();
    assert!(finish(stream).await.starts_with("HTTP/1.1 408"));
    handle.stop(false).await;
}

#[actix_web::test]
async fn wrong_keys_are_counted_and_slowed_but_never_a_right_one() {
    let process = Arc::new(Process::default());
    let mut api = api(&process, with_key());
    api.limits.address_header = Some("x-forwarded-for".to_owned());
    let state = Arc::new(crate::state::State::new(api));
    let of_edge = state.clone();
    let app = actix_web::App::new()
        .wrap(actix_web::middleware::from_fn(move |request, next: actix_web::middleware::Next<_>| {
            crate::server::edge(of_edge.clone(), request, next)
        }))
        .configure(|config| crate::server::routes(&state, config));
    let app = actix_web::test::init_service(app).await;
    let ask = |key: &'static str, from: &'static str| {
        let request = actix_web::test::TestRequest::get().uri("/status");
        let request = request.insert_header(("x-api-key", key)).insert_header(("x-forwarded-for", from));
        actix_web::test::call_service(&app, request.to_request())
    };
    for _ in 0..10 {
        assert_eq!(ask("wrong", "192.0.2.1").await.status(), 401);
    }
    // From now on each waits, until told; and so many at once.
    let mut waiting: Vec<_> = (0..64).map(|_| Box::pin(ask("wrong", "192.0.2.1"))).collect();
    for answer in &mut waiting {
        assert!(futures_util::poll!(answer.as_mut()).is_pending());
    }
    let turned_away = ask("wrong", "192.0.2.1").await;
    assert_eq!(turned_away.status(), 429);
    assert_eq!(turned_away.response().head().connection_type(), actix_web::http::ConnectionType::Close);
    assert_eq!(ask(KEY, "192.0.2.1").await.status(), 200, "the right key is not slowed for the wrong ones");
    assert_eq!(ask("wrong", "192.0.2.2").await.status(), 401, "another address has not guessed yet");
    process.silence.notify_waiters();
    for answer in waiting {
        let answer = answer.await;
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.response().head().connection_type(), actix_web::http::ConnectionType::Close);
    }
    let wrong = process.rejections.lock().unwrap().iter().filter(|code| **code == "wrong-key").count();
    assert_eq!(wrong, 10 + 64 + 1 + 1);
}
