//! The context documents compiled into the program; `contexts/manifest.json` says where each came from.

/// Address and text.
pub(crate) const CONTEXTS: &[(&str, &str)] = &[
    ("https://www.w3.org/2018/credentials/v1", include_str!("../contexts/credentials-v1.jsonld")),
    ("https://www.w3.org/ns/credentials/v2", include_str!("../contexts/credentials-v2.jsonld")),
    ("https://w3id.org/vc/status-list/2021/v1", include_str!("../contexts/status-list-2021-v1.jsonld")),
    ("https://www.w3.org/ns/did/v1", include_str!("../contexts/did-v1.jsonld")),
    ("https://w3id.org/did/v1", include_str!("../contexts/did-v1.jsonld")),
    ("https://w3id.org/security/v1", include_str!("../contexts/security-v1.jsonld")),
    ("https://w3id.org/security/v2", include_str!("../contexts/security-v2.jsonld")),
    ("https://w3id.org/security/suites/ed25519-2020/v1", include_str!("../contexts/ed25519-2020-v1.jsonld")),
    ("https://w3id.org/security/bbs/v1", include_str!("../contexts/bbs-v1.jsonld")),
    (
        "https://identity.foundation/presentation-exchange/submission/v1",
        include_str!("../contexts/presentation-submission-v1.jsonld"),
    ),
    ("https://w3id.org/citizenship/v1", include_str!("../contexts/citizenship-v1.jsonld")),
    ("https://w3id.org/security/multikey/v1", include_str!("../contexts/multikey-v1.jsonld")),
    ("https://w3id.org/security/data-integrity/v1", include_str!("../contexts/data-integrity-v1.jsonld")),
    ("https://w3id.org/security/data-integrity/v2", include_str!("../contexts/data-integrity-v2.jsonld")),
    ("https://w3id.org/security/suites/jws-2020/v1", include_str!("../contexts/jws-2020-v1.jsonld")),
    (
        "https://www.w3.org/2018/credentials/examples/v1",
        include_str!("../contexts/credentials-examples-v1.jsonld"),
    ),
    (
        "https://www.w3.org/ns/credentials/examples/v2",
        include_str!("../contexts/credentials-examples-v2.jsonld"),
    ),
    ("https://www.w3.org/ns/odrl.jsonld", include_str!("../contexts/odrl.jsonld")),
    ("https://w3id.org/security/suites/ed25519-2018/v1", include_str!("../contexts/ed25519-2018-v1.jsonld")),
    (
        "https://www.w3.org/ns/credentials/status/v1",
        include_str!("../contexts/bitstring-status-list-v1.jsonld"),
    ),
];
