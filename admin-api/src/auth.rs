//! Who may call what.

use std::fmt;

use actix_web::http::header::{self, HeaderMap};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::texts;

/// The admin key. Never printed.
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// The key that callers must send in the header `x-api-key`.
    pub fn new(key: String) -> Self {
        Self(Zeroizing::new(key))
    }

    /// Whether this is the key; takes the same time for all keys of its length.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// How callers prove that they may.
#[derive(Clone, Debug)]
pub enum Auth {
    /// `--admin-api-key`: with the header `x-api-key`.
    Key(ApiKey),
    /// `--admin-insecure-mode`: everybody may.
    Insecure,
}

/// Whom an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody: probes.
    Open,
    /// The operator of the agent.
    Admin,
    /// The operator, by a program that can send no header but `Authorization: Bearer`.
    Scraper,
    /// A tenant.
    Tenant,
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) =
        headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

impl Auth {
    /// Whether the header proves it.
    pub(crate) fn allows(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Insecure => true,
            Self::Key(key) => headers.get("x-api-key").is_some_and(|given| key.is(given.as_bytes())),
        }
    }

    /// Whether a header holds a key, and none the right one.
    pub(crate) fn guesses(&self, headers: &HeaderMap) -> bool {
        let given = headers.contains_key("x-api-key") || bearer(headers).is_some();
        given && !self.allows(headers) && !self.bears(headers)
    }

    /// Whether the key comes as a bearer token (RFC 6750).
    fn bears(&self, headers: &HeaderMap) -> bool {
        let Self::Key(key) = self else { return false };
        bearer(headers).is_some_and(|token| key.is(token))
    }

    /// Lets a request through or not.
    pub(crate) fn check(&self, access: Access, headers: &HeaderMap) -> Result<(), Failure> {
        match access {
            Access::Open => Ok(()),
            _ if self.allows(headers) => Ok(()),
            Access::Scraper if self.bears(headers) => Ok(()),
            Access::Admin | Access::Scraper => Err(Failure::no_key(texts::NO_KEY_ADMIN)),
            Access::Tenant => Err(Failure::no_key(texts::NO_KEY_TENANT)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn who_may() {
        let key = Auth::Key(ApiKey::new("secret".to_owned()));
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            headers
        };
        let cases = [
            (with("x-api-key", "secret"), true),
            (with("x-api-key", "Secret"), false),
            (with("x-api-key", "secret2"), false),
            (with("x-api-key", ""), false),
            (with("authorization", "Bearer secret"), false),
            (with("authorization", "bearer secret"), false),
            (with("authorization", "Bearer Secret"), false),
            (with("authorization", "Bearer"), false),
        ];
        for (headers, allowed) in cases {
            assert_eq!(key.check(Access::Tenant, &headers).is_ok(), allowed, "{headers:?}");
            assert_eq!(key.check(Access::Admin, &headers).is_ok(), allowed, "{headers:?}");
            let bears = headers.get("authorization").is_some_and(|v| v.as_bytes().ends_with(b" secret"));
            assert_eq!(key.check(Access::Scraper, &headers).is_ok(), allowed || bears, "{headers:?}");
            assert!(key.check(Access::Open, &headers).is_ok());
            assert!(Auth::Insecure.check(Access::Admin, &headers).is_ok());
        }
        assert_eq!(format!("{key:?}"), "Key(ApiKey(…))");
    }
}
