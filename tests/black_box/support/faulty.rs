//! Stands before an agent's DIDComm port and misbehaves as it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::free_port;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Works.
    None,
    /// Answers 500 and passes nothing on.
    Says500,
    /// Takes the request and never answers.
    Hangs,
    /// Takes the request and answers nothing until it behaves otherwise; then the connection breaks.
    Waits,
    /// Takes the request and resets the connection.
    Resets,
    /// Passes the request on; the answer comes byte by byte.
    AnswersSlowly,
    /// Passes the request on; the answer is lost.
    LosesAnswers,
}

struct State {
    fault: Mutex<Fault>,
    agent: u16,
    requests: AtomicUsize,
    changed: Notify,
}

pub struct FaultyPeer {
    pub endpoint: String,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl FaultyPeer {
    /// Before the agent at this port.
    pub async fn before(agent: u16) -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let state = Arc::new(State {
            fault: Mutex::new(Fault::None),
            agent,
            requests: AtomicUsize::new(0),
            changed: Notify::new(),
        });
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = shared.clone();
                tokio::spawn(async move {
                    // A connection that breaks is the other side's to deal with.
                    let _ = serve(&state, stream).await;
                });
            }
        });
        Self { endpoint: format!("http://127.0.0.1:{port}"), state, task }
    }

    pub fn now(&self, fault: Fault) {
        *self.state.fault.lock().unwrap() = fault;
        self.state.changed.notify_waiters();
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }
}

impl Drop for FaultyPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(state: &State, mut stream: TcpStream) -> std::io::Result<()> {
    while let Some(request) = read(&mut stream).await? {
        state.requests.fetch_add(1, Ordering::SeqCst);
        let changed = state.changed.notified();
        let fault = *state.fault.lock().unwrap();
        match fault {
            Fault::Says500 => {
                let answer = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer.as_bytes()).await?;
            }
            Fault::Hangs => return std::future::pending().await,
            Fault::Waits => {
                changed.await;
                return stream.set_zero_linger();
            }
            Fault::Resets => return stream.set_zero_linger(),
            Fault::None | Fault::AnswersSlowly | Fault::LosesAnswers => {
                let answer = pass_on(state.agent, &request).await?;
                match fault {
                    Fault::LosesAnswers => return stream.set_zero_linger(),
                    Fault::AnswersSlowly => {
                        for byte in answer {
                            stream.write_all(&[byte]).await?;
                            tokio::time::sleep(Duration::from_millis(30)).await;
                        }
                    }
                    _ => stream.write_all(&answer).await?,
                }
            }
        }
    }
    Ok(())
}

/// One request with a content-length; `None` at the end of the connection.
async fn read(stream: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|l| l.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |l| l.trim().parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Ok(Some(bytes));
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

async fn pass_on(agent: u16, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", agent)).await?;
    stream.write_all(request).await?;
    Ok(read(&mut stream).await?.unwrap_or_default())
}
