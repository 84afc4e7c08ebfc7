use std::fmt;

use super::MessageError;

/// Document URI of what this agent sends.
pub const DIDCOMM_ORG: &str = "https://didcomm.org";
/// Document URI of older agents; understood, never sent.
pub const OLD_DOC_URI: &str = "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec";

/// Version of a protocol: semantic versioning without a patch level (RFC 0003).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Different majors don't understand each other.
    pub major: u32,
    /// Same major: the lower minor is spoken.
    pub minor: u32,
}

impl Version {
    /// A version.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// `1.0`: two numbers without leading zeros.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let canonical =
                text.bytes().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            canonical.then(|| text.parse().ok()).flatten()
        };
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: number(major)?, minor: number(minor)? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A message type: `<doc uri>/<protocol>/<major>.<minor>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageType {
    doc_uri: String,
    protocol: String,
    version: Version,
    name: String,
}

impl MessageType {
    /// A type of ours, under `https://didcomm.org`.
    pub fn new(protocol: &str, version: Version, name: &str) -> Self {
        Self { doc_uri: DIDCOMM_ORG.into(), protocol: protocol.into(), version, name: name.into() }
    }

    /// Parse a type with any document URI.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        let segment_ok = |segment: &str| {
            let ok = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'_' | b'-');
            !segment.is_empty() && segment.bytes().all(ok)
        };
        let mut parts = text.rsplitn(4, '/');
        match (parts.next(), parts.next().and_then(Version::parse), parts.next(), parts.next()) {
            (Some(name), Some(version), Some(protocol), Some(doc_uri))
                if segment_ok(name) && segment_ok(protocol) =>
            {
                Ok(Self {
                    doc_uri: doc_uri.to_owned(),
                    protocol: protocol.to_owned(),
                    version,
                    name: name.to_owned(),
                })
            }
            _ => Err(MessageError::InvalidType(text.chars().take(200).collect())),
        }
    }

    /// What stands before the protocol, without the slash.
    pub fn doc_uri(&self) -> &str {
        &self.doc_uri
    }

    /// `issue-credential`, `didexchange`, …
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// `offer-credential`, `request`, …
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the document URI is one of the two that protocols of this agent have.
    pub fn is_known_doc_uri(&self) -> bool {
        self.doc_uri == DIDCOMM_ORG || self.doc_uri == OLD_DOC_URI
    }

    /// Whether this is `name` of `protocol` in this major version, under either document URI.
    pub fn is(&self, protocol: &str, major: u32, name: &str) -> bool {
        self.is_known_doc_uri()
            && self.protocol == protocol
            && self.version.major == major
            && self.name == name
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.doc_uri, self.protocol, self.version, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_prefixes_are_parsed() {
        let text = "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/trust_ping/1.9/ping";
        let old = MessageType::parse(text).unwrap();
        assert_eq!(old.to_string(), text);
        assert!(old.is("trust_ping", 1, "ping"));
        let new = MessageType::parse("https://didcomm.org/issue-credential/2.0/offer-credential").unwrap();
        assert_eq!(new, MessageType::new("issue-credential", Version::new(2, 0), "offer-credential"));
        assert!(!MessageType::parse("https://other.org/trust_ping/1.0/ping").unwrap().is(
            "trust_ping",
            1,
            "ping"
        ));
    }

    #[test]
    fn the_grammar_is_kept() {
        for text in [
            "",
            "ping",
            "trust_ping/1.0/ping",
            "https://didcomm.org/trust_ping/1/ping",
            "https://didcomm.org/trust_ping/1.0.0/ping",
            "https://didcomm.org/trust_ping/01.0/ping",
            "https://didcomm.org/trust_ping/1.x/ping",
            "https://didcomm.org/trust_ping/1.99999999999/ping",
            "https://didcomm.org/Trust/1.0/ping",
            "https://didcomm.org/trust_ping/1.0/",
            "https://didcomm.org/trust_ping/1.0/pi ng",
        ] {
            assert_eq!(MessageType::parse(text), Err(MessageError::InvalidType(text.into())), "{text}");
        }
    }
}
