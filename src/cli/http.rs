//! HTTP/1.1 over plain TCP, for commands that drive agents on the same machine: a client and the reading half of
//! a server. Small so that it costs little: a benchmark must not measure its own driver. No TLS, no redirects.

use std::io;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 64 * 1024 * 1024;

/// One side of a connection: messages are read one after another into the same buffer.
pub(super) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Bytes of the buffer that belong to messages already handed out.
    consumed: usize,
}

/// Where the parts of the message just read stand in the buffer.
struct Frame {
    first_line: Range<usize>,
    body: Body,
}

enum Body {
    InBuffer(Range<usize>),
    Dechunked(Vec<u8>),
}

/// A message: request or status line, and body.
pub(super) struct Message<'w> {
    /// The first line without its end.
    pub(super) first_line: &'w [u8],
    /// The body, decoded.
    pub(super) body: &'w [u8],
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without it a request waits for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: Vec::with_capacity(8 * 1024), consumed: 0 }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Reads the next message and hands it to `take`; none when the other side closed between messages.
    pub(super) async fn read<T>(&mut self, take: impl FnOnce(Message<'_>) -> T) -> io::Result<Option<T>> {
        let Some(frame) = self.read_frame().await? else { return Ok(None) };
        let body = match &frame.body {
            Body::InBuffer(range) => self.buffer.get(range.clone()).unwrap_or_default(),
            Body::Dechunked(bytes) => bytes,
        };
        let first_line = self.buffer.get(frame.first_line).unwrap_or_default();
        Ok(Some(take(Message { first_line, body })))
    }

    async fn read_frame(&mut self) -> io::Result<Option<Frame>> {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        let head_end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(io::Error::other("the head of the message is too long"));
            }
            if self.fill().await? == 0 {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        };
        let head = self.buffer.get(..head_end).unwrap_or_default();
        let first_line = 0..find(head, b"\r\n").unwrap_or_default();
        let length = Length::of(head)?;
        let body = match length {
            Length::Known(length) => {
                self.fill_to(head_end + length).await?;
                self.consumed = head_end + length;
                Body::InBuffer(head_end..head_end + length)
            }
            Length::Chunked => Body::Dechunked(self.read_chunks(head_end).await?),
            Length::UntilClosed => {
                while self.fill().await? > 0 {}
                self.consumed = self.buffer.len();
                Body::InBuffer(head_end..self.buffer.len())
            }
        };
        Ok(Some(Frame { first_line, body }))
    }

    async fn read_chunks(&mut self, mut at: usize) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                if let Some(end) = self.buffer.get(at..).and_then(|rest| find(rest, b"\r\n")) {
                    break at + end;
                }
                self.fill_some().await?;
            };
            let line = self.buffer.get(at..line_end).unwrap_or_default();
            let size = std::str::from_utf8(line).ok().and_then(|line| line.split(';').next());
            let size = size.and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok());
            let Some(size) = size.filter(|size| body.len() + size <= MAX_BODY) else {
                return Err(io::Error::other("a chunk without a proper size"));
            };
            let chunk = line_end + 2..line_end + 2 + size;
            self.fill_to(chunk.end + 2).await?;
            body.extend_from_slice(self.buffer.get(chunk.clone()).unwrap_or_default());
            at = chunk.end + 2;
            if size == 0 {
                self.consumed = at;
                return Ok(body);
            }
        }
    }

    async fn fill_to(&mut self, length: usize) -> io::Result<()> {
        while self.buffer.len() < length {
            self.fill_some().await?;
        }
        Ok(())
    }

    async fn fill_some(&mut self) -> io::Result<()> {
        match self.fill().await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(4 * 1024);
        self.stream.read_buf(&mut self.buffer).await
    }
}

enum Length {
    Known(usize),
    Chunked,
    UntilClosed,
}

impl Length {
    fn of(head: &[u8]) -> io::Result<Self> {
        if let Some(text) = header(head, b"content-length") {
            let length = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
            let length = length.filter(|length: &usize| *length <= MAX_BODY);
            return length.map(Self::Known).ok_or_else(|| io::Error::other("a wrong content-length"));
        }
        if header(head, b"transfer-encoding").is_some_and(|v| v.to_ascii_lowercase().ends_with(b"chunked")) {
            return Ok(Self::Chunked);
        }
        let status = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
        match status {
            None | Some(b"204" | b"304") => Ok(Self::Known(0)),
            Some(_) => Ok(Self::UntilClosed),
        }
    }
}

fn header<'h>(head: &'h [u8], name: &[u8]) -> Option<&'h [u8]> {
    head.split(|byte| *byte == b'\n').skip(1).find_map(|line| {
        let (key, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        key.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// A server's answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// A client with one connection, kept between calls.
pub(super) struct Client {
    authority: String,
    headers: String,
    wire: Option<Wire>,
    request: Vec<u8>,
}

impl Client {
    /// A client of `http://HOST:PORT`; `api_key` goes into the header `X-API-Key`.
    pub(super) fn new(base: &str, api_key: Option<&str>) -> Result<Self, String> {
        let authority = base.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let authority = authority.filter(|a| !a.is_empty() && !a.contains(['/', '?', '#', '@', '\r', '\n']));
        let authority = authority
            .ok_or_else(|| format!("`{base}` won't do: an address such as http://127.0.0.1:8031"))?;
        if api_key.is_some_and(|key| key.contains(['\r', '\n'])) {
            return Err("the API key must be one line".to_owned());
        }
        let key = api_key.map(|key| format!("X-API-Key: {key}\r\n")).unwrap_or_default();
        let port =
            if authority.rsplit(']').next().is_some_and(|rest| rest.contains(':')) { "" } else { ":80" };
        Ok(Self {
            authority: format!("{authority}{port}"),
            headers: format!("Host: {authority}\r\n{key}"),
            wire: None,
            request: Vec::new(),
        })
    }

    /// Sends a request and reads the answer. `path` begins with `/`; a body is JSON.
    pub(super) async fn call(&mut self, method: &str, path: &str, body: Option<&[u8]>) -> io::Result<Reply> {
        self.request.clear();
        let head = match body {
            Some(body) => format!(
                "{method} {path} HTTP/1.1\r\n{}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                self.headers,
                body.len()
            ),
            None => format!("{method} {path} HTTP/1.1\r\n{}Content-Length: 0\r\n\r\n", self.headers),
        };
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(body.unwrap_or_default());
        if let Some(wire) = self.wire.take()
            && let Some(reply) = self.exchange(wire).await?
        {
            return Ok(reply);
        }
        // A kept connection that ends without a byte of answer was closed while idle: the request was not seen.
        let wire = Wire::new(TcpStream::connect(&self.authority).await?);
        self.exchange(wire).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// None when the connection was closed without an answer.
    async fn exchange(&mut self, mut wire: Wire) -> io::Result<Option<Reply>> {
        if wire.write(&self.request).await.is_err() {
            return Ok(None);
        }
        let read = wire.read(|message| {
            let status = message.first_line.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
            let status = status.and_then(|digits| digits.parse().ok())?;
            Some(Reply { status, body: message.body.to_vec() })
        });
        match read.await {
            Ok(Some(Some(reply))) => {
                self.wire = Some(wire);
                Ok(Some(reply))
            }
            Ok(Some(None)) => Err(io::Error::other("the answer is not HTTP")),
            Ok(None) => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            Err(e) => Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// A server that answers each connection with these bytes per request, then closes.
    async fn server(answers: Vec<Vec<&'static str>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a server for the test")]
        tokio::spawn(async move {
            for connection in answers {
                let (stream, _) = listener.accept().await.unwrap();
                let mut wire = Wire::new(stream);
                for answer in connection {
                    wire.read(|_| ()).await.unwrap();
                    for part in answer.split('|') {
                        wire.write(part.as_bytes()).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                }
            }
        });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn answers_are_read_however_they_are_framed() {
        let base = server(vec![vec![
            "HTTP/1.1 200 OK\r\nConten|t-Length: 5\r\n\r\nhe|llo",
            "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc|\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 503 Service Unavailable\r\n\r\nuntil closed",
        ]])
        .await;
        let mut client = Client::new(&base, None).unwrap();
        for (status, body) in [(200, "hello"), (201, "abcde"), (204, ""), (503, "until closed")] {
            let reply = client.call("GET", "/", None).await.unwrap();
            assert_eq!((reply.status, reply.body.as_slice()), (status, body.as_bytes()));
        }
    }

    #[tokio::test]
    async fn a_connection_closed_between_requests_is_opened_again() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let base = server(vec![vec![answer], vec![answer]]).await;
        let mut client = Client::new(&base, Some("key")).unwrap();
        assert_eq!(client.call("POST", "/", Some(b"{}")).await.unwrap().status, 200);
        assert_eq!(client.call("POST", "/", Some(b"{}")).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn an_answer_cut_short_is_a_fault_and_is_not_asked_for_again() {
        let base = server(vec![vec!["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"]]).await;
        let mut client = Client::new(&base, None).unwrap();
        let fault = client.call("GET", "/", None).await.unwrap_err();
        assert_eq!(fault.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn addresses_are_checked() {
        for bad in ["127.0.0.1:80", "https://a", "http://", "http://a/b", "http://u@a"] {
            assert!(Client::new(bad, None).is_err(), "{bad}");
        }
        assert!(Client::new("http://a:1/", Some("k\r\nX: y")).is_err());
    }
}
