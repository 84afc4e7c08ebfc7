//! Rules for texts: the pattern that is checked is the one that the API description shows.

use std::sync::OnceLock;

use regex_lite::Regex;

/// No legitimate identifier is longer; keeps the cost of matching bounded.
const LONGEST: usize = 16 * 1024;

/// A pattern with the text for values that don't match.
#[derive(Debug)]
pub(crate) struct Rule {
    /// As in the API description.
    pub(crate) pattern: &'static str,
    /// Text of the fault; `{input}` stands for the value.
    text: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Rule {
    const fn new(pattern: &'static str, text: &'static str) -> Self {
        Self { pattern, text, compiled: OnceLock::new() }
    }

    /// The fault of a value, if any.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        // Patterns match from the start of the value, as Python's `re.match` does.
        let regex = self.compiled.get_or_init(|| Regex::new(&format!("^(?:{})", self.pattern)).ok());
        let matches = value.len() <= LONGEST && regex.as_ref().is_some_and(|r| r.is_match(value));
        if matches { Ok(()) } else { Err(self.text.replace("{input}", value)) }
    }
}

macro_rules! b58 {
    () => {
        "[123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz]"
    };
}

macro_rules! any_did {
    () => {
        "^did:([a-zA-Z0-9_]+)(:[a-zA-Z0-9_.%-]+)?:([a-zA-Z0-9_.%-]+(:[a-zA-Z0-9_.%-]+)*)\
         ((;[a-zA-Z0-9_.:%-]+=[a-zA-Z0-9_.:%-]*)*)(\\/[^#?]*)?([?][^#]*)?(\\#.*)?$"
    };
}

macro_rules! nym {
    () => {
        concat!("^(did:(sov|indy):)?", b58!(), "{21,22}$")
    };
}

/// A random UUID.
pub(crate) static UUID4: Rule = Rule::new(
    "[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-4[a-fA-F0-9]{3}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}",
    "Value {input} is not UUID4 (8-4-4-4-12 hex digits with digit#13=4)",
);
/// A DID or DID URL of any method, or an Indy nym.
pub(crate) static DID: Rule = Rule::new(concat!(nym!(), "|", any_did!()), "Value {input} is not a valid DID");
/// A DID as the resolver takes it.
pub(crate) static W3C_DID: Rule = Rule::new(
    "^did:([a-z0-9]+):((?:[a-zA-Z0-9._%-]*:)*[a-zA-Z0-9._%-]+)$",
    "Value {input} is not a w3c decentralized identifier (DID)",
);
/// An Indy nym, with or without `did:sov:`.
pub(crate) static INDY_DID: Rule =
    Rule::new(nym!(), "Value {input} is not an indy decentralized identifier (DID)");
/// A raw Ed25519 key in base58.
pub(crate) static VERKEY: Rule =
    Rule::new(concat!("^", b58!(), "{43,44}$"), "Value {input} is not a raw Ed25519VerificationKey2018 key");
/// A URL.
pub(crate) static ENDPOINT: Rule = Rule::new(
    "^[A-Za-z0-9\\.\\-\\+]+://([A-Za-z0-9][.A-Za-z0-9-_]+[A-Za-z0-9])+(:[1-9][0-9]*)?(/[^?&#]+)?$",
    "Value {input} is not a valid endpoint",
);
/// A URL of the web, as marshmallow's `Url` takes it.
pub(crate) static URL: Rule = Rule::new(
    "(?i)(https?|ftps?)://([^:@/\\s]+(:[^:@/\\s]*)?@)?(([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z0-9-]{2,}\\.?|localhost\
     |[0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[a-f0-9:.]+\\])(:[0-9]+)?(/?|[/?]\\S+)$",
    crate::texts::invalid::NOT_A_URL,
);
/// Id of an Indy credential definition.
pub(crate) static INDY_CRED_DEF: Rule = Rule::new(
    concat!("^(", b58!(), "{21,22}):3:CL:(([1-9][0-9]*)|(", b58!(), "{21,22}:2:.+:[0-9.]+)):(.+)?$"),
    "Value {input} is not an indy credential definition identifier",
);
/// Id of an Indy schema.
pub(crate) static INDY_SCHEMA: Rule = Rule::new(
    concat!("^", b58!(), "{21,22}:2:.+:[0-9.]+$"),
    "Value {input} is not an indy schema identifier",
);
/// A version such as `1.0`.
pub(crate) static VERSION: Rule = Rule::new(
    "^[0-9.]+$",
    "Value {input} is not a valid version major minor version (use only digits and '.')",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_accept_and_refuse() {
        let cases: [(&Rule, &str, bool); 27] = [
            (&UUID4, "3fa85f64-5717-4562-b3fc-2c963f66afa6", true),
            (&UUID4, "3fa85f64-5717-1562-b3fc-2c963f66afa6", false),
            (&UUID4, "x3fa85f64-5717-4562-b3fc-2c963f66afa6", false),
            (&DID, "WgWxqztrNooG92RXvxSTWv", true),
            (&DID, "did:sov:WgWxqztrNooG92RXvxSTWv", true),
            (&DID, "did:peer:4zQmUbw4cNq8ViE1EEbsbMnCBhTky6wGz5Zuhhi1KGzwWfNg", true),
            (&DID, "did:web:example.com%3A8080:a?x=1#k", true),
            (&DID, "bad did", false),
            (&W3C_DID, "did:web:example.com", true),
            (&W3C_DID, "notadid", false),
            (&W3C_DID, "did:web:", false),
            (&INDY_DID, "did:sov:WgWxqztrNooG92RXvxSTWv", true),
            (&INDY_DID, "did:key:z6Mk", false),
            (&VERKEY, "H3C2AVvLMv6gmMNam3uVAjZpfkcJCwDwnZn6z3wXmqPV", true),
            (&VERKEY, "H3C2", false),
            (&ENDPOINT, "https://myhost:8021", true),
            (&ENDPOINT, "https://example.com/a/b", true),
            (&ENDPOINT, "https://w3id.org/citizenship#PermanentResidentCard", false),
            (&ENDPOINT, "myhost", false),
            (&INDY_CRED_DEF, "WgWxqztrNooG92RXvxSTWv:3:CL:20:tag", true),
            (&INDY_CRED_DEF, "WgWxqztrNooG92RXvxSTWv:2:CL:20:tag", false),
            (&INDY_SCHEMA, "WgWxqztrNooG92RXvxSTWv:2:schema_name:1.0", true),
            (&INDY_SCHEMA, "WgWxqztrNooG92RXvxSTWv:2:schema_name", false),
            (&VERSION, "1.0", true),
            (&VERSION, "v1", false),
            (&VERKEY, "H3C2AVvLMv6gmMNam3uVAjZpfkcJCwDwnZn6z3wXmqPV0", false),
            (&UUID4, "", false),
        ];
        for (rule, value, good) in cases {
            assert_eq!(rule.check(value).is_ok(), good, "{value} against {}", rule.pattern);
        }
        assert_eq!(
            UUID4.check("x"),
            Err("Value x is not UUID4 (8-4-4-4-12 hex digits with digit#13=4)".to_owned())
        );
        assert!(UUID4.check(&"3fa85f64-5717-4562-b3fc-2c963f66afa6".repeat(1000)).is_err());
    }
}
