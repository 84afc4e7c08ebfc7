use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn poster(reach: Option<Reach>) -> Arc<Poster> {
    poster_with(reach, 64)
}

fn poster_with(reach: Option<Reach>, places: usize) -> Arc<Poster> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Poster::start(Arc::new(tls), reach, Arc::new(Sockets::new(places, places, 1)))
}

/// Reads one request to the end of its body; `None`: the connection was closed.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        text.extend_from_slice(&buffer[..read]);
        let so_far = String::from_utf8_lossy(&text).to_lowercase();
        if let Some((head, body)) = so_far.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            if body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
                return Some(String::from_utf8_lossy(&text).into_owned());
            }
        }
    }
}

/// A server that answers each request of a connection with the next of `answers`, then closes it. Counts connections.
async fn server(answers: &'static [&'static [u8]]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a?b=c", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    #[expect(clippy::disallowed_methods, reason = "the other side of the test")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            for answer in answers {
                if request(&mut stream).await.is_none() {
                    break;
                }
                stream.write_all(answer).await.unwrap();
            }
        }
    });
    (url, connections)
}

async fn posted(poster: &Poster, url: &str) -> Result<StatusCode, PostError> {
    poster.post(url, &Fields::default(), b"hello").await
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let (url, connections) = server(&[OK, OK, OK]).await;
    let poster = poster(None);
    for _ in 0..3 {
        assert_eq!(posted(&poster, &url).await, Ok(StatusCode::OK));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced() {
    let (url, connections) = server(&[OK]).await;
    let poster = poster(None);
    for _ in 0..3 {
        assert_eq!(posted(&poster, &url).await, Ok(StatusCode::OK));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_answer_that_ends_with_the_connection_is_whole() {
    let (url, _) = server(&[b"HTTP/1.0 503 Busy\r\n\r\ntry later"]).await;
    assert_eq!(posted(&poster(None), &url).await, Ok(StatusCode::SERVICE_UNAVAILABLE));
}

#[tokio::test]
async fn of_a_long_answer_only_the_beginning_is_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n").await.unwrap();
        // Until the other side has had enough.
        while stream.write_all(&[b' '; 4096]).await.is_ok() {}
    };
    let poster = poster(None);
    let ((), status) = tokio::join!(answering, posted(&poster, &url));
    assert_eq!(status, Ok(StatusCode::OK));
    assert!(poster.known().origins.values().all(|origin| origin.idle().is_empty()));
}

#[tokio::test]
async fn what_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let poster = poster(None);
    let url = format!("http://us%20er:pa%3Ass@{address}/hooks?x=1");
    let mut fields = Fields::default();
    fields.add("content-type", "application/json").unwrap();
    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = request(&mut stream).await.unwrap();
        stream.write_all(OK).await.unwrap();
        request
    };
    let (sent, status) = tokio::join!(answering, poster.post(&url, &fields, b"{}"));
    assert_eq!(status, Ok(StatusCode::OK));
    assert!(sent.starts_with("POST /hooks?x=1 HTTP/1.1\r\n"), "{sent}");
    let lower = sent.to_lowercase();
    for header in [
        format!("host: {address}\r\n"),
        "content-type: application/json\r\n".into(),
        "content-length: 2\r\n".into(),
        concat!("user-agent: chancery/", env!("CARGO_PKG_VERSION"), "\r\n").into(),
    ] {
        assert!(lower.contains(&header), "{header} in {sent}");
    }
    assert!(sent.contains("Basic dXMgZXI6cGE6c3M="), "{sent}");
}

#[tokio::test]
async fn what_cannot_work_is_told_from_what_may() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(posted(&poster(None), &closed).await, Err(PostError::Down(_))));
    for hopeless in ["no url", "ftp://host/", "http://169.254.169.254/"] {
        let error = posted(&poster(Some(Reach::Private)), hopeless).await.unwrap_err();
        assert!(matches!(error, PostError::Hopeless(_)), "{hopeless}: {error}");
    }
    let guarded = posted(&poster(Some(Reach::Public)), "http://127.0.0.1:9/").await;
    assert!(matches!(guarded, Err(PostError::Hopeless(_))));
}

#[tokio::test]
async fn who_refuses_before_the_end_of_the_body_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut beginning = [0; 1024];
        stream.read_exact(&mut beginning).await.unwrap();
        stream.write_all(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        stream
    };
    let poster = poster(None);
    let (fields, body) = (Fields::default(), vec![0; 16 * 1024 * 1024]);
    // The connection stays open, and nobody reads the rest.
    let (_open, status) = tokio::join!(answering, poster.post(&url, &fields, &body));
    assert_eq!(status, Ok(StatusCode::PAYLOAD_TOO_LARGE));
    assert!(poster.known().origins.values().all(|origin| origin.idle().is_empty()));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_asked_for_again() {
    let (url, connections) = server(&[b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe"]).await;
    assert!(matches!(posted(&poster(None), &url).await, Err(PostError::Down(_))));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

const ELSEWHERE: &str = "HTTP/1.1 308 Permanent Redirect\r\ncontent-length: 0\r\nlocation: ";

/// A server that sends whoever posts to it elsewhere.
async fn pointing(to: &str) -> (String, Arc<AtomicUsize>) {
    let answer: &'static [u8] = format!("{ELSEWHERE}{to}\r\n\r\n").into_bytes().leak();
    server(vec![answer; 4].leak()).await
}

#[tokio::test]
async fn a_peers_endpoint_that_moved_is_posted_to_once_more_with_the_same_body() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = request(&mut stream).await.unwrap();
        stream.write_all(OK).await.unwrap();
        request
    };
    let (moved, _) = pointing(&format!("http://localhost:{port}/new")).await;
    let poster = poster(Some(Reach::Private));
    let (sent, status) = tokio::join!(answering, posted(&poster, &moved));
    assert_eq!(status, Ok(StatusCode::OK));
    assert!(sent.starts_with("POST /new HTTP/1.1") && sent.ends_with("hello"), "{sent}");
}

#[tokio::test]
async fn a_second_redirect_is_not_followed_nor_is_any_of_the_operators_own() {
    let (end, visits) = server(&[OK, OK]).await;
    let (second, _) = pointing(&end).await;
    let (first, _) = pointing(&second).await;
    let redirected = Ok(StatusCode::PERMANENT_REDIRECT);
    assert_eq!(posted(&poster(Some(Reach::Private)), &first).await, redirected);
    assert_eq!(posted(&poster(None), &second).await, redirected);
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redirect_is_guarded_as_the_endpoint_is() {
    for target in ["http://169.254.169.254/", "http://me:secret@127.0.0.1/", "ftp://127.0.0.1/", "http://"] {
        let (url, _) = pointing(target).await;
        let refused = posted(&poster(Some(Reach::Private)), &url).await;
        assert!(matches!(refused, Err(PostError::Hopeless(_))), "{target}: {refused:?}");
    }
    assert!(moved(Reach::Private, "https://a.example/", "http://a.example/").is_err());
    assert_eq!(moved(Reach::Private, "https://a.example/b", "c").unwrap(), "https://a.example/c");
}

#[tokio::test]
async fn an_idle_connection_makes_room_for_one_that_is_needed() {
    // Two of them for addresses that have answered, as this one has from the second connection on.
    let poster = poster_with(None, 4);
    let mut urls = Vec::new();
    for _ in 0..6 {
        urls.push(server(&[OK]).await.0);
    }
    for url in &urls {
        assert_eq!(posted(&poster, url).await, Ok(StatusCode::OK), "{url}");
    }
    let idle =
        |poster: &Poster| poster.known().origins.values().map(|origin| origin.idle().len()).sum::<usize>();
    assert_eq!(idle(&poster), 3);
}

#[tokio::test]
async fn who_waits_for_a_place_gets_that_of_the_next_that_is_done() {
    let ((first, _), (second, _)) = (server(&[OK, OK]).await, server(&[OK, OK]).await);
    let poster = poster_with(None, 2);
    let (one, other) = tokio::join!(posted(&poster, &first), posted(&poster, &second));
    assert_eq!((one, other), (Ok(StatusCode::OK), Ok(StatusCode::OK)));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_answers_holds_a_place_for_a_time_only_and_others_are_told_to_wait() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = format!("http://{}/", silent.local_addr().unwrap());
    let (url, _) = server(&[OK]).await;
    let poster = poster_with(None, 2);
    // Of the two places one is for whoever has answered before.
    let (unanswered, refused) = tokio::join!(posted(&poster, &silent_url), posted(&poster, &url));
    assert_eq!(unanswered, Err(PostError::Down("no answer within 30 s".into())));
    assert!(
        matches!(&refused, Err(PostError::NoPlace(reason)) if reason.contains("are open as may be")),
        "{refused:?}"
    );
    tokio::time::resume();
    assert_eq!(posted(&poster, &url).await, Ok(StatusCode::OK));
}
