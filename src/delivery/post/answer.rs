//! An answer as it arrives (RFC 9112): its status, and where it ends. What it says is of no interest.

use reqwest::StatusCode;

/// Most bytes of status line and header.
const MOST_HEAD: usize = 16 * 1024;
/// Most bytes of all; a longer body is left unread.
const MOST: usize = 64 * 1024;
const MOST_FIELDS: usize = 64;
/// A chunk's size with extensions, a trailer field: no line is longer.
const MOST_LINE: usize = 4 * 1024;

/// What is known once enough has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub status: StatusCode,
    /// The connection can carry another request.
    pub reusable: bool,
}

/// How the end of the body is known.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClosed,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    status: StatusCode,
    framing: Framing,
    keeps: bool,
}

/// The bytes so far. One per answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    head: Option<Head>,
    /// Everything before this has been understood.
    at: usize,
    /// Where the answer points, when it asks to post there.
    location: Option<String>,
}

impl Answer {
    /// Whether nothing has arrived yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Where an answer 307 or 308 points.
    pub fn location(&mut self) -> Option<String> {
        self.location.take()
    }

    /// More bytes; `None`: the answer goes on.
    ///
    /// Errors: a sentence, when this is no HTTP.
    pub fn take(&mut self, more: &[u8]) -> Result<Option<Answered>, &'static str> {
        self.bytes.extend_from_slice(more);
        let head = match self.head {
            Some(head) => head,
            None => match self.head()? {
                Some(head) => *self.head.insert(head),
                None => return Ok(None),
            },
        };
        let end = match head.framing {
            Framing::Length(length) => self.at.checked_add(length).filter(|end| *end <= self.bytes.len()),
            Framing::Chunked => self.chunks()?,
            Framing::UntilClosed => None,
        };
        let whole = end.is_some_and(|end| end == self.bytes.len());
        let enough = end.is_some() || self.bytes.len() > MOST;
        Ok(enough.then_some(Answered { status: head.status, reusable: whole && head.keeps }))
    }

    /// The connection was closed; `None`: too early.
    pub fn closed(&self) -> Option<Answered> {
        let head = self.head.filter(|head| matches!(head.framing, Framing::UntilClosed))?;
        Some(Answered { status: head.status, reusable: false })
    }

    /// The head, when it is there. Interim answers (1xx) are passed over.
    fn head(&mut self) -> Result<Option<Head>, &'static str> {
        loop {
            let bytes = self.bytes.get(self.at..).unwrap_or_default();
            let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
            let mut parsed = httparse::Response::new(&mut fields);
            let length = match parsed.parse(bytes) {
                Ok(httparse::Status::Complete(length)) => length,
                Ok(httparse::Status::Partial) if self.bytes.len() > MOST_HEAD => {
                    return Err("the answer's header is too long");
                }
                Ok(httparse::Status::Partial) => return Ok(None),
                Err(httparse::Error::TooManyHeaders) => return Err("the answer has too many header fields"),
                Err(_) => return Err("the answer is not HTTP"),
            };
            let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
            let status = status.ok_or("the answer has no status")?;
            let head = if status.is_informational() { None } else { Some(Head::of(status, &parsed)?) };
            if matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
                let named = parsed.headers.iter().find(|field| field.name.eq_ignore_ascii_case("location"));
                self.location = named.and_then(|field| String::from_utf8(field.value.to_vec()).ok());
            }
            self.at += length;
            match (head, status) {
                (Some(head), _) => return Ok(Some(head)),
                (None, StatusCode::SWITCHING_PROTOCOLS) => return Err("the answer switches protocols"),
                (None, _) => {}
            }
        }
    }

    /// Walks over whole chunks; the end of the last one and of the trailer, if they are there.
    fn chunks(&mut self) -> Result<Option<usize>, &'static str> {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let (line, size) = match httparse::parse_chunk_size(rest) {
                Ok(httparse::Status::Complete(found)) => found,
                Ok(httparse::Status::Partial) if rest.len() > MOST_LINE => {
                    return Err("a chunk's size is too long");
                }
                Ok(httparse::Status::Partial) => return Ok(None),
                Err(_) => return Err("a chunk of the answer has no proper size"),
            };
            if size == 0 {
                return Ok(
                    trailer(rest.get(line..).unwrap_or_default()).map(|length| self.at + line + length)
                );
            }
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let chunk = line.saturating_add(size).saturating_add(2);
            if rest.len() < chunk {
                return Ok(None);
            }
            self.at += chunk;
        }
    }
}

/// Length of the trailer section with the empty line that ends it.
fn trailer(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"\r\n") {
        return Some(2);
    }
    rest.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

impl Head {
    /// Framing by RFC 9112 section 6.3, reuse by section 9.3.
    fn of(status: StatusCode, parsed: &httparse::Response<'_, '_>) -> Result<Self, &'static str> {
        let of = |name: &'static str| {
            let named = parsed.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
            named.map(|field| field.value.trim_ascii())
        };
        let says = |name, word: &str| {
            of(name)
                .flat_map(|value| value.split(|byte| *byte == b','))
                .any(|one| one.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
        };
        let coded = of("transfer-encoding").next().is_some();
        let framing = if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            Framing::Length(0)
        } else if coded {
            if says("transfer-encoding", "chunked") { Framing::Chunked } else { Framing::UntilClosed }
        } else {
            let mut lengths = of("content-length");
            match lengths.next() {
                None => Framing::UntilClosed,
                Some(first) if lengths.all(|other| other == first) => Framing::Length(number(first)?),
                Some(_) => return Err("the answer has two lengths"),
            }
        };
        let keeps = match parsed.version {
            Some(0) => says("connection", "keep-alive"),
            _ => !says("connection", "close"),
        };
        Ok(Self { status, framing, keeps: keeps && !matches!(framing, Framing::UntilClosed) })
    }
}

fn number(text: &[u8]) -> Result<usize, &'static str> {
    let digits = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or("the answer's length is no number")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of an answer, whole and byte by byte.
    fn read(bytes: &[u8]) -> Result<Option<Answered>, &'static str> {
        let whole = Answer::default().take(bytes);
        let mut answer = Answer::default();
        let mut dribbled = Ok(None);
        for (at, byte) in bytes.iter().enumerate() {
            dribbled = answer.take(&[*byte]);
            if !matches!(dribbled, Ok(None)) {
                assert_eq!(
                    at + 1,
                    bytes.len(),
                    "the end comes too early: {}",
                    String::from_utf8_lossy(bytes)
                );
                break;
            }
        }
        assert_eq!(whole, dribbled, "{}", String::from_utf8_lossy(bytes));
        whole
    }

    #[test]
    fn where_an_answer_ends() {
        for (bytes, status, reusable) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, true),
            ("HTTP/1.1 200 OK\r\nContent-Length:2\r\nConnection: Close\r\n\r\nok", 200, false),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", 200, false),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n", 200, true),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, true),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", 202, true),
            (
                "HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
                500,
                true,
            ),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\nx-sum: 1\r\n\r\n", 200, true),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx", 200, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(read(bytes.as_bytes()), Ok(Some(Answered { status, reusable })), "{bytes}");
        }
    }

    #[test]
    fn what_follows_an_answer_spoils_the_connection() {
        let seen = Answer::default().take(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200").unwrap().unwrap();
        assert!(!seen.reusable);
    }

    #[test]
    fn an_answer_without_a_length_ends_with_the_connection() {
        let mut answer = Answer::default();
        assert_eq!(answer.take(b"HTTP/1.1 503 Busy\r\n\r\ntry"), Ok(None));
        let status = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(answer.closed(), Some(Answered { status, reusable: false }));
        let mut cut = Answer::default();
        assert_eq!(cut.take(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe"), Ok(None));
        assert_eq!(cut.closed(), None);
    }

    #[test]
    fn what_is_no_http_is_said_so() {
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MOST_FIELDS + 1));
        for bytes in [
            "SSH-2.0-OpenSSH\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            &many,
        ] {
            assert!(Answer::default().take(bytes.as_bytes()).is_err(), "{bytes}");
        }
        let endless = vec![b'a'; MOST_HEAD];
        let mut answer = Answer::default();
        answer.take(b"HTTP/1.1 200 OK\r\nx: ").unwrap();
        assert!(answer.take(&endless).is_err());
    }

    #[test]
    fn a_long_body_is_left_unread() {
        let mut answer = Answer::default();
        assert_eq!(answer.take(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n"), Ok(None));
        let seen = answer.take(&vec![0; MOST]).unwrap().unwrap();
        assert_eq!(seen, Answered { status: StatusCode::OK, reusable: false });
    }
}
