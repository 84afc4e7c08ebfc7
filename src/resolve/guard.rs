//! Which addresses may be fetched from. The address that is connected to is checked, not the name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Sockets;

/// How far out fetches may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses over HTTPS only.
    Public,
    /// Private and loopback addresses and plain HTTP too: the agent itself is on loopback, or the operator said so.
    Private,
}

impl Reach {
    /// Refuses other schemes, and addresses out of reach given as such.
    pub fn check(self, url: &Url) -> Result<(), String> {
        match url.scheme() {
            "https" => {}
            "http" if self == Self::Private => {}
            other => return Err(format!("{url}: {other} is not allowed, only https")),
        }
        self.check_address(url)
    }

    /// Refuses addresses out of reach given as such; names are checked when they are resolved.
    ///
    /// A user name or password in a URL is refused, too: no peer has to tell us who we are to others.
    pub fn check_address(self, url: &Url) -> Result<(), String> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!("{}: a URL with a user name is not used", shown(url)));
        }
        let host = url.host_str().unwrap_or_default();
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) if !self.allows(address) => {
                Err(format!("{url}: this address is out of reach (--outbound-reach)"))
            }
            _ => Ok(()),
        }
    }

    /// Whether an address is within reach.
    pub fn allows(self, address: IpAddr) -> bool {
        let inner = embedded(address);
        !is_never_meant(inner)
            && !is_never_meant(address)
            && (self == Self::Private || (is_public(inner) && is_public(address)))
    }
}

/// A URL for a message, without user name and password.
fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    // Fails for URLs that can have neither.
    let _ = shown.set_username("").and_then(|()| shown.set_password(None));
    shown.to_string()
}

/// Where clouds keep the metadata and the credentials of a machine, outside of the link-local ranges: Amazon, Google, Scaleway
/// (IPv6), Alibaba, Oracle, Azure.
const METADATA: [IpAddr; 7] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// Whether no peer can be meant by an address, wherever the agent is: link-local and metadata addresses, and Teredo (RFC 4380),
/// which leads to an IPv4 address that is hidden in it.
fn is_never_meant(address: IpAddr) -> bool {
    let ranged = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || matches!(v6.segments(), [0x2001, 0, ..]),
    };
    ranged || METADATA.contains(&address)
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, NAT64 (RFC 6052, and of a network's own by RFC 8215) or
/// 6to4; else the address itself.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let ipv4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => ipv4(high, low),
        [0x64, 0xff9b, 1, .., high, low] => ipv4(high, low),
        // `::` and `::1` are IPv6's own.
        [0, 0, 0, 0, 0, 0, high, low] if (high, low) > (0, 1) => ipv4(high, low),
        [0x2002, high, low, ..] => ipv4(high, low),
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b))
                // IETF protocol assignments (RFC 6890).
                || v4.octets().starts_with(&[192, 0, 0]))
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                // Site-local (RFC 3879), discard (RFC 6666), documentation (RFC 3849, 9637).
                || first & 0xffc0 == 0xfec0
                || first == 0x0100
                // NAT64 of a network's own (RFC 8215).
                || v6.segments().starts_with(&[0x64, 0xff9b, 1])
                || (first, second) == (0x2001, 0x0db8)
                || first & 0xfff0 == 0x3ff0)
        }
    }
}

struct GuardedDns(Reach, Arc<Sockets>);

impl Resolve for GuardedDns {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, sockets) = (self.0, self.1.clone());
        Box::pin(async move {
            let allowed = sockets.addresses(Some(reach), name.as_str(), 0).await?;
            if allowed.is_empty() {
                return Err(
                    format!("{} has no address within reach (--outbound-reach)", name.as_str()).into()
                );
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// A client builder that connects within reach only. It follows no redirect, uses no proxy and keeps no connection.
pub fn guarded_client(reach: Reach, sockets: &Arc<Sockets>) -> reqwest::ClientBuilder {
    crate::wiring::client_builder()
        .dns_resolver(Arc::new(GuardedDns(reach, sockets.clone())))
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .no_proxy()
}

/// Redirects that are followed, one after the other.
const MOST_REDIRECTS: usize = 5;

/// Follows redirects, wherever they lead within reach: each address is checked as the first one was. From https to https only.
pub fn guarded_redirects(reach: Reach) -> reqwest::redirect::Policy {
    reqwest::redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > MOST_REDIRECTS {
            return attempt.error(format!("more than {MOST_REDIRECTS} redirects"));
        }
        let from = attempt.previous().last();
        match follows(reach, from, attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(text) => attempt.error(text),
        }
    })
}

/// Refuses to go on from a URL to the one that it answers with.
fn follows(reach: Reach, from: Option<&Url>, to: &Url) -> Result<(), String> {
    if from.is_some_and(|from| from.scheme() == "https") && to.scheme() != "https" {
        return Err(format!("{} leads out of https", shown(to)));
    }
    reach.check(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_over_https_from_a_public_agent() {
        for refused in [
            "http://example.com/",
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://[fe80::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://100.64.0.1/",
            "https://[::10.0.0.1]/",
            "https://[64:ff9b::10.0.0.1]/",
            "https://[2002:a00:1::]/",
            "https://[fec0::1]/",
            "https://[2001:db8::1]/",
            "https://0.0.0.0/",
            "https://0x7f.1/",
            "https://2130706433/",
            "ftp://example.com/",
            "https://192.0.0.8/",
            "https://[64:ff9b:1::5db8:d822]/",
            "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
            "https://168.63.129.16/",
            "https://user@example.com/",
            "https://:password@example.com/",
        ] {
            assert!(Reach::Public.check(&Url::parse(refused).unwrap()).is_err(), "{refused}");
        }
        assert!(Reach::Public.check(&Url::parse("https://example.com/").unwrap()).is_ok());
        assert!(Reach::Public.check(&Url::parse("https://93.184.216.34/").unwrap()).is_ok());
    }

    #[test]
    fn link_local_metadata_teredo_and_user_names_are_refused_everywhere() {
        for (url, allowed) in [
            ("http://127.0.0.1:8080/", true),
            ("https://192.168.1.1/", true),
            ("http://169.254.169.254/", false),
            ("http://[::ffff:169.254.169.254]/", false),
            ("http://[fe80::1]/", false),
            ("http://[64:ff9b::169.254.169.254]/", false),
            ("http://[2002:a9fe:a9fe::]/", false),
            ("http://[::1]/", true),
            ("http://[64:ff9b:1::169.254.169.254]/", false),
            ("http://[64:ff9b:1::10.0.0.1]/", true),
            ("http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", false),
            ("http://[fd00:ec2::254]/", false),
            ("http://[fd00:ec2::253]/", true),
            ("http://[fd20:ce::254]/", false),
            ("http://100.100.100.200/", false),
            ("http://100.100.100.201/", true),
            ("http://192.0.0.192/", false),
            ("http://[::ffff:168.63.129.16]/", false),
            ("http://user:password@127.0.0.1/", false),
        ] {
            assert_eq!(Reach::Private.check(&Url::parse(url).unwrap()).is_ok(), allowed, "{url}");
        }
    }
}
