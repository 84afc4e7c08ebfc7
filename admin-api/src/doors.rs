//! What keeps strangers out: web pages that use the browser of who may call, and those who try keys.

use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HOST, HeaderMap, ORIGIN};
use actix_web::http::uri::Authority;
use chancery_agent::edge::{Client, Limiter, Place, Places, Rate};
use chancery_agent::ports::{Clock, Watch};

use crate::auth::Auth;
use crate::failure::Failure;

/// Wrong keys of one address that are answered at once.
const FREE: Rate = Rate { count: 10, per: Duration::from_secs(60) };
/// How long the answer to each further one is held back.
const HELD: Duration = Duration::from_secs(2);
/// Answers held back at once, of all addresses together.
const MOST_HELD: usize = 64;

/// Under which names an API without a key may be called from browsers.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// It listens on loopback: only this machine's browsers reach it, and by these names only.
    pub(crate) loopback: bool,
    /// `--admin-host`, in lower case.
    pub(crate) named: Vec<String>,
}

impl Names {
    /// Refuses what a web page of others makes a browser send. Callers that are no browsers send neither `Origin` nor `Sec-Fetch-Site`.
    pub(crate) fn check(&self, auth: &Auth, headers: &HeaderMap) -> Result<(), Failure> {
        if !matches!(auth, Auth::Insecure) {
            // A page has to know the key, as everybody else.
            return Ok(());
        }
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?").to_ascii_lowercase());
        let host = text(HOST).map(|host| host.parse::<Authority>().ok());
        if self.loopback && host.as_ref().is_some_and(|host| !host.as_ref().is_some_and(|h| self.is_here(h)))
        {
            let reason = "The name in the header Host is not one of this API";
            return Err(Failure::new(StatusCode::FORBIDDEN, "foreign-host", reason)
                .hint("use an IP address or localhost, or name the host with --admin-host"));
        }
        let foreign = text(ORIGIN).is_some_and(|origin| !self.is_ours(&origin, host.flatten().as_ref()));
        if foreign || headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
            let reason = "Web pages of other origins may not call an API without a key";
            return Err(Failure::new(StatusCode::FORBIDDEN, "foreign-origin", reason)
                .hint("set an admin key, or name the page's host with --admin-host"));
        }
        Ok(())
    }

    /// Names that nobody but us can give an address to.
    fn is_here(&self, authority: &Authority) -> bool {
        let host = bare(authority);
        host == "localhost" || host.parse::<IpAddr>().is_ok() || self.is_named(host)
    }

    fn is_named(&self, host: &str) -> bool {
        self.named.iter().any(|named| named == host)
    }

    fn is_ours(&self, origin: &str, host: Option<&Authority>) -> bool {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        let Some(authority) = authority.and_then(|rest| rest.parse::<Authority>().ok()) else { return false };
        let name = bare(&authority);
        let on_loopback = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        host == Some(&authority) || self.is_named(name) || (self.loopback && on_loopback)
    }
}

fn bare(authority: &Authority) -> &str {
    authority.host().trim_matches(['[', ']'])
}

/// Slows those who try keys. Who has the key is never asked for anything here.
#[derive(Debug)]
pub(crate) struct Guesses {
    free: Limiter,
    held: Places,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { free: Limiter::new(FREE), held: Places::new(MOST_HELD) }
    }
}

/// What a wrong key costs.
#[derive(Debug)]
pub(crate) enum Price {
    /// Nothing yet.
    Nothing,
    /// A while, and the connection.
    Time(Place),
    /// The connection: too many wait already.
    Connection(Duration),
}

impl Guesses {
    /// One more wrong key of an address.
    pub(crate) fn price(&self, address: Option<&Client>, clock: &dyn Clock) -> Price {
        match self.free.admit(&address, clock.now()) {
            Ok(()) => Price::Nothing,
            Err(wait) => self.held.take("").map_or(Price::Connection(wait), Price::Time),
        }
    }
}

impl Price {
    /// Waits as long as it costs. Whether the connection may go on.
    pub(crate) async fn pay(self, watch: &dyn Watch) -> bool {
        match self {
            Self::Nothing => true,
            Self::Time(_place) => {
                watch.sleep(HELD).await;
                false
            }
            Self::Connection(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::ApiKey;

    #[test]
    fn which_pages_may_call_an_api_without_a_key() {
        let here = Names { loopback: true, named: vec!["agent.test".to_owned()] };
        let anywhere = Names { loopback: false, named: vec!["agent.test".to_owned()] };
        type Headers = &'static [(&'static str, &'static str)];
        let cases: &[(Headers, bool, bool)] = &[
            (&[], true, true),
            (&[("host", "127.0.0.1:8031")], true, true),
            (&[("host", "[::1]:8031")], true, true),
            (&[("host", "LocalHost:8031")], true, true),
            (&[("host", "agent.test")], true, true),
            (&[("host", "evil.example:8031")], false, true),
            (&[("host", "localhost.evil.example")], false, true),
            (&[("host", "a b")], false, true),
            (&[("host", "127.0.0.1:8031"), ("origin", "http://127.0.0.1:8031")], true, true),
            (&[("host", "127.0.0.1:8031"), ("origin", "http://localhost:3000")], true, false),
            (&[("host", "127.0.0.1:8031"), ("origin", "http://[::1]:3000")], true, false),
            (&[("host", "127.0.0.1:8031"), ("origin", "https://agent.test:9")], true, true),
            (&[("host", "127.0.0.1:8031"), ("origin", "https://evil.example")], false, false),
            (&[("host", "127.0.0.1:8031"), ("origin", "http://localhost.evil.example")], false, false),
            (&[("host", "127.0.0.1:8031"), ("origin", "http://localhost@evil.example")], false, false),
            (&[("host", "127.0.0.1:8031"), ("origin", "null")], false, false),
            (&[("host", "agent:8031"), ("origin", "http://agent:8031")], false, true),
            (&[("host", "127.0.0.1:8031"), ("sec-fetch-site", "cross-site")], false, false),
            (&[("host", "127.0.0.1:8031"), ("sec-fetch-site", "same-origin")], true, true),
            (&[("host", "127.0.0.1:8031"), ("sec-fetch-site", "none")], true, true),
        ];
        for (given, on_loopback, elsewhere) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in *given {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(here.check(&Auth::Insecure, &headers).is_ok(), *on_loopback, "{given:?}");
            assert_eq!(anywhere.check(&Auth::Insecure, &headers).is_ok(), *elsewhere, "{given:?}");
            let key = Auth::Key(ApiKey::new("k".to_owned()));
            assert!(here.check(&key, &headers).is_ok(), "{given:?}");
        }
    }
}
