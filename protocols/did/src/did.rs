use std::fmt;

use crate::DidError;
use crate::nym;

/// Characters of the longest DID that is read. A `did:peer:4` holds a whole document, and base58 takes quadratic time.
pub(crate) const MAX_LENGTH: usize = 16_384;

/// The DID methods that get special treatment; the numbers of `did:peer` are its algorithms.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// `did:key`
    Key,
    /// `did:jwk`
    Jwk,
    /// `did:web`
    Web,
    /// `did:peer:1…`
    Peer1,
    /// `did:peer:2…`
    Peer2,
    /// `did:peer:3…`
    Peer3,
    /// `did:peer:4…`, long or short form
    Peer4,
    /// `did:sov`, also a nym without prefix
    Sov,
    /// Any other method, by its name.
    Other(String),
}

impl Method {
    /// The method's name between the first two colons: `key`, `peer`, …
    pub fn name(&self) -> &str {
        match self {
            Self::Key => "key",
            Self::Jwk => "jwk",
            Self::Web => "web",
            Self::Peer1 | Self::Peer2 | Self::Peer3 | Self::Peer4 => "peer",
            Self::Sov => "sov",
            Self::Other(name) => name,
        }
    }
}

/// A DID without path, query or fragment (DID Core 3.1). Made by [`parse`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Did {
    /// The method.
    pub method: Method,
    /// What follows the method's colon; for an unqualified nym the whole text.
    pub id: String,
    text: String,
}

impl Did {
    /// The DID as it was given: a nym stays without `did:sov:`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The DID with prefix: a nym gets `did:sov:`.
    pub fn qualified(&self) -> String {
        nym::qualified(&self.text)
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Parse a DID: `did:<method>:<id>` or an unqualified nym (21 or 22 base58 characters). The id is checked against
/// the method's own rules when it is resolved.
pub fn parse(did: &str) -> Result<Did, DidError> {
    if did.len() > MAX_LENGTH {
        return Err(DidError::TooLong(did.len()));
    }
    let not_a_did = || DidError::NotADid(did.chars().take(100).collect());
    if nym::is_nym(did) {
        return Ok(Did { method: Method::Sov, id: did.to_owned(), text: did.to_owned() });
    }
    let (method, id) =
        did.strip_prefix("did:").and_then(|rest| rest.split_once(':')).ok_or_else(not_a_did)?;
    let name_ok = !method.is_empty() && method.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !name_ok || !is_method_specific_id(id) {
        return Err(not_a_did());
    }
    let method = match method {
        "key" => Method::Key,
        "jwk" => Method::Jwk,
        "web" => Method::Web,
        "sov" => Method::Sov,
        "peer" => match id.as_bytes().first() {
            Some(b'1') => Method::Peer1,
            Some(b'2') => Method::Peer2,
            Some(b'3') => Method::Peer3,
            Some(b'4') => Method::Peer4,
            _ => return Err(DidError::malformed(did, "peer", "the algorithm is not 1, 2, 3 or 4")),
        },
        other => Method::Other(other.to_owned()),
    };
    Ok(Did { method, id: id.to_owned(), text: did.to_owned() })
}

/// `*( *idchar ":" ) 1*idchar` of DID Core 3.1.
fn is_method_specific_id(id: &str) -> bool {
    let mut bytes = id.bytes();
    while let Some(c) = bytes.next() {
        let ok = match c {
            b'%' => {
                bytes.next().is_some_and(|c| c.is_ascii_hexdigit())
                    && bytes.next().is_some_and(|c| c.is_ascii_hexdigit())
            }
            c => c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b':'),
        };
        if !ok {
            return false;
        }
    }
    !id.is_empty() && !id.ends_with(':')
}

/// A DID URL (DID Core 3.2): a DID with path, query and fragment, each without its leading `/`, `?`, `#`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DidUrl {
    /// The DID.
    pub did: Did,
    /// After `/`.
    pub path: Option<String>,
    /// After `?`.
    pub query: Option<String>,
    /// After `#`.
    pub fragment: Option<String>,
}

impl DidUrl {
    /// Parse an absolute DID URL. A relative one (`#key-1`) is resolved by
    /// [`DidDocument::verification_method`](crate::DidDocument::verification_method).
    pub fn parse(url: &str) -> Result<Self, DidError> {
        let (rest, fragment) = split(url, '#');
        let (rest, query) = split(rest, '?');
        let (did, path) = split(rest, '/');
        Ok(Self { did: parse(did)?, path, query, fragment })
    }
}

fn split(text: &str, at: char) -> (&str, Option<String>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after.to_owned())),
        None => (text, None),
    }
}

impl fmt::Display for DidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.did)?;
        for (sign, part) in [('/', &self.path), ('?', &self.query), ('#', &self.fragment)] {
            if let Some(part) = part {
                write!(f, "{sign}{part}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_dids_and_nyms() {
        assert_eq!(parse("did:web:example.com%3A8443:a").unwrap().id, "example.com%3A8443:a");
        assert_eq!(parse("did:unknown:abc").unwrap().method, Method::Other("unknown".into()));
        let nym = parse("WgWxqztrNooG92RXvxSTWv").unwrap();
        assert_eq!(
            (nym.method.clone(), nym.qualified().as_str()),
            (Method::Sov, "did:sov:WgWxqztrNooG92RXvxSTWv")
        );
    }

    #[test]
    fn refuses_what_is_no_did() {
        for text in [
            "",
            "notadid",
            "did:",
            "did:web",
            "did:web:",
            "did:Web:a",
            "did:web:a b",
            "did:x:a%2",
            "did:x:a#b",
        ] {
            assert!(matches!(parse(text), Err(DidError::NotADid(_))), "{text}");
        }
        assert!(matches!(parse("did:peer:9abc"), Err(DidError::Malformed { .. })));
        assert!(matches!(parse(&format!("did:x:{}", "a".repeat(MAX_LENGTH))), Err(DidError::TooLong(_))));
    }

    #[test]
    fn did_url_keeps_its_parts() {
        let text = "did:web:example.com/path/x?service=a#key-1";
        let url = DidUrl::parse(text).unwrap();
        assert_eq!(url.fragment.as_deref(), Some("key-1"));
        assert_eq!(url.query.as_deref(), Some("service=a"));
        assert_eq!(url.to_string(), text);
    }
}
