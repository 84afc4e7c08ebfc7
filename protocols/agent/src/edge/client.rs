//! Who counts as one client.

use std::net::IpAddr;

/// An IPv4 address, or the network that an IPv6 client can choose its address from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    /// The client that a proxy of the operator's own names, the last address of `forwarded`; else the one that is connected.
    /// What a client says of itself stands in front of what the proxy adds.
    pub fn of(forwarded: Option<&str>, connected: Option<IpAddr>) -> Option<Self> {
        let named = forwarded.and_then(|value| value.rsplit(',').next()?.trim().parse().ok());
        named.or(connected).map(Self::new)
    }

    /// The client of an address.
    pub fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
            v4 => v4,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Client {
        Client::new(text.parse().unwrap())
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }

    #[test]
    fn what_a_client_says_of_itself_does_not_count() {
        let connected = "10.0.0.1".parse().ok();
        for (forwarded, expected) in [
            (Some("192.0.2.9, 192.0.2.1"), "192.0.2.1"),
            (Some("192.0.2.1"), "192.0.2.1"),
            (Some("192.0.2.9, nonsense"), "10.0.0.1"),
            (None, "10.0.0.1"),
        ] {
            assert_eq!(Client::of(forwarded, connected), Some(client(expected)), "{forwarded:?}");
        }
        assert_eq!(Client::of(None, None), None);
    }
}
