//! From what is configured to what is enforced: limits of both ports.

use std::net::IpAddr;
use std::sync::Arc;

use chancery_agent::edge::{Edge, Limiter, Places};
use chancery_agent::ports::Clock;

use crate::config::Config;
use crate::inbound::{self, Gate, Serving};
use crate::resolve::Reach;

/// Files that the process needs beside its connections: wallet, log, webhooks, deliveries.
const OTHER_FILES: u64 = 512;

/// Where JSON-LD contexts and did:web documents may be fetched from: public addresses, unless the agent itself is on loopback
/// (DECISIONS 16), or the operator says otherwise.
pub fn fetch_reach(config: &Config) -> Reach {
    let loopback = |host: &str| host == "localhost" || ip(host).is_some_and(|ip| ip.is_loopback());
    let endpoints = &config.agent.endpoints;
    let on_loopback =
        !endpoints.is_empty() && endpoints.iter().all(|e| host(e).is_some_and(|h| loopback(&h)));
    config.limits.reach.unwrap_or(if on_loopback { Reach::Private } else { Reach::Public })
}

/// Where peers may have their endpoints: anywhere but link-local, unless our own endpoint is public (DECISIONS 16), or the
/// operator says otherwise.
pub fn peer_reach(config: &Config) -> Reach {
    let public = config.agent.endpoints.iter().any(|e| host(e).is_some_and(|h| is_public(&h)));
    config.limits.reach.unwrap_or(if public { Reach::Public } else { Reach::Private })
}

fn host(endpoint: &str) -> Option<String> {
    let url = reqwest::Url::parse(endpoint).ok()?;
    Some(url.host_str()?.trim_matches(['[', ']']).to_ascii_lowercase())
}

fn ip(host: &str) -> Option<IpAddr> {
    host.parse().ok()
}

/// Names that mean something only within a machine, a cluster or an office (RFC 2606, 6762, 8375, and what containers use).
const INNER: [&str; 9] =
    ["localhost", "local", "internal", "intranet", "lan", "svc", "test", "home.arpa", "cluster.local"];

fn is_public(host: &str) -> bool {
    match ip(host) {
        Some(ip) => Reach::Public.allows(ip),
        None => {
            let inner = |suffix: &&str| host == *suffix || host.ends_with(&format!(".{suffix}"));
            host.contains('.') && !INNER.iter().any(inner)
        }
    }
}

/// What the engine checks of each message.
pub fn edge(config: &Config) -> Edge {
    let limits = &config.limits;
    Edge {
        shape: limits.shape,
        sender_rate: limits.rate_per_sender.map(Limiter::new),
        sender_places: limits.per_sender.map(Places::new),
    }
}

/// What the DIDComm endpoints check of each request.
pub fn gate(config: &Config, clock: Arc<dyn Clock>) -> Gate {
    let limits = &config.limits;
    let set = inbound::Limits {
        handled: limits.didcomm,
        websockets: limits.websockets,
        per_address: limits.per_address.map(Places::new),
        rate: limits.rate_per_address.map(Limiter::new),
        address_header: limits.address_header.clone(),
        max_message_bytes: config.transport.max_message_bytes,
        body_time: limits.body_time,
    };
    Gate::new(set, clock)
}

/// How a DIDComm endpoint is served.
pub fn didcomm(config: &Config, workers: usize) -> Serving {
    let limits = &config.limits;
    Serving {
        workers,
        connections: limits.didcomm_connections,
        header_time: limits.header_time,
        idle_time: limits.idle_time,
    }
}

/// What the admin API checks of each request, and how it is served.
pub fn admin(config: &Config) -> chancery_admin_api::Limits {
    let limits = &config.limits;
    chancery_admin_api::Limits {
        max_request_bytes: config.admin.as_ref().map_or(0, |admin| admin.max_request_bytes),
        max_concurrent: limits.admin,
        connections: limits.admin_connections,
        header_time: limits.header_time,
        body_time: limits.body_time,
        idle_time: limits.idle_time,
        shape: limits.shape,
        rate_per_address: limits.admin_rate_per_address.map(Limiter::new),
        rate_per_key: limits.admin_rate_per_key.map(Limiter::new),
        address_header: limits.address_header.clone(),
    }
}

/// Raises the number of files that the process may have open as far as it may; a sentence when the connections that it takes
/// could use them all up.
pub fn open_files(config: &Config) -> Option<String> {
    let most = rlimit::increase_nofile_limit(u64::MAX).ok()?;
    let ports = config.transport.inbound.len() as u64;
    let limits = &config.limits;
    let connections = ports * limits.didcomm_connections as u64 + limits.admin_connections as u64;
    (most < connections + OTHER_FILES).then(|| {
        format!(
            "the process may open {most} files, and takes up to {connections} connections: raise the limit (ulimit -n), or \
             lower --max-connections-didcomm"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_endpoints_are_public() {
        for (endpoint, public) in [
            ("http://127.0.0.1:8030", false),
            ("http://10.0.0.5:8030", false),
            ("http://[::1]:8030", false),
            ("http://[fd00::1]:8030", false),
            ("http://issuer:8030", false),
            ("http://issuer.default.svc.cluster.local", false),
            ("http://Agent.Internal/", false),
            ("ws://localhost:8031", false),
            ("https://issuer.example.com", true),
            ("http://93.184.216.34", true),
        ] {
            assert_eq!(is_public(&host(endpoint).unwrap()), public, "{endpoint}");
        }
    }
}
