//! `did:web` (<https://w3c-ccg.github.io/did-method-web/>): where the document is, and whether what came back is it.

use serde_json::Value;

use super::{Chosen, Creatable, Properties};
use crate::{DidDocument, DidError, KeyType};

/// The method's properties.
pub const METHOD: Properties = Properties {
    name: "web",
    resolver: "WebDIDResolver",
    immutable: false,
    stored: None,
    creatable: Some(Creatable {
        key_types: &[KeyType::Ed25519, KeyType::P256, KeyType::Bls12381G2],
        chosen: Chosen::Always,
    }),
    rotatable: false,
    understands: None,
};

/// The URL of the document: `https://host/.well-known/did.json`, with a path `https://host/a/b/did.json`. A port stands as
/// `%3A8443` behind the host.
pub fn url(did: &str) -> Result<String, DidError> {
    let malformed = |reason| DidError::malformed(did, "web", reason);
    let id = did.strip_prefix("did:web:").ok_or_else(|| malformed("the prefix is missing"))?;
    let mut segments = id.split(':');
    let authority = segments.next().unwrap_or_default();
    let (host, port) = match authority.find('%') {
        Some(at) => (&authority[..at], Some(&authority[at..])),
        None => (authority, None),
    };
    // Only what a host name can have: an encoded `/`, `@` or `#` would send the request elsewhere.
    if host.is_empty() || !host.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-')) {
        return Err(malformed("the host is not a domain name"));
    }
    let mut url = format!("https://{}", host.to_ascii_lowercase());
    if let Some(port) = port {
        let digits = port.strip_prefix("%3A").or_else(|| port.strip_prefix("%3a"));
        let number: u16 = digits
            .filter(|digits| digits.bytes().all(|c| c.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| malformed("the port is not %3A and a number"))?;
        url.push_str(&format!(":{number}"));
    }
    let path: Vec<&str> = segments.collect();
    if path.is_empty() {
        url.push_str("/.well-known");
    }
    for segment in path {
        let lower = segment.to_ascii_lowercase();
        let plain = lower.replace("%2e", ".");
        if segment.is_empty()
            || plain == "."
            || plain == ".."
            || lower.contains("%2f")
            || lower.contains("%5c")
        {
            return Err(malformed("a path segment is empty or leaves its folder"));
        }
        url.push('/');
        url.push_str(segment);
    }
    url.push_str("/did.json");
    Ok(url)
}

/// The document fetched for `did`. Its `id` must be `did`: whoever serves the file could otherwise speak for others.
pub fn document(did: &str, fetched: Value) -> Result<DidDocument, DidError> {
    let document = DidDocument::from_json(fetched)?;
    if document.id() != did {
        return Err(DidError::WrongDocument { expected: did.to_owned(), found: document.id().to_owned() });
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn urls() {
        for (did, expected) in [
            ("did:web:example.com", "https://example.com/.well-known/did.json"),
            ("did:web:Example.com%3A8443", "https://example.com:8443/.well-known/did.json"),
            ("did:web:example.com:users:al%20ice", "https://example.com/users/al%20ice/did.json"),
            ("did:web:localhost%3a80:x", "https://localhost:80/x/did.json"),
        ] {
            assert_eq!(url(did).unwrap(), expected);
        }
    }

    #[test]
    fn hosts_and_paths_that_lead_elsewhere_are_refused() {
        for did in [
            "did:web:",
            "did:web:evil.com%2F@good.com",
            "did:web:good.com%40evil.com",
            "did:web:good.com%3A99999",
            "did:web:good.com%3A",
            "did:web:good.com:..:x",
            "did:web:good.com:%2e%2E:x",
            "did:web:good.com::x",
            "did:web:good.com:a%2fb",
            "did:web:user_name",
            "did:key:z6Mk",
        ] {
            assert!(url(did).is_err(), "{did}");
        }
    }

    #[test]
    fn the_document_must_be_that_of_the_did() {
        assert!(document("did:web:a.com", json!({"id": "did:web:a.com"})).is_ok());
        assert!(matches!(
            document("did:web:a.com", json!({"id": "did:web:b.com"})),
            Err(DidError::WrongDocument { .. })
        ));
        assert!(document("did:web:a.com", json!([])).is_err());
    }
}
