//! From what is configured to what is enforced: limits of both ports.

use std::net::IpAddr;
use std::sync::Arc;

use chancery_agent::edge::{Edge, Limiter, Places};
use chancery_agent::ports::Clock;

use crate::config::Config;
use crate::inbound::{self, Gate, Serving};
use crate::resolve::{Reach, Sockets};

/// Files that the process needs beside its connections: the wallet (all are opened at the start), the log, listening sockets,
/// traces, what is opened for a moment. Some 30 are counted.
const OTHER_FILES: usize = 64;
/// Files of a server's thread. 5 are counted.
const SERVER_THREAD_FILES: usize = 6;
/// Names that are looked up at once.
const LOOKUPS: usize = 24;
/// Connections that are taken and opened however few files there are.
const FEWEST: usize = 8;
/// Tries at once to one endpoint.
pub const PER_ENDPOINT: usize = 16;

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
        per_address: limits.connections_per_address.map(Places::new),
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
        connections_per_address: limits.connections_per_address.map(Places::new),
        header_time: limits.header_time,
        body_time: limits.body_time,
        idle_time: limits.idle_time,
        shape: limits.shape,
        rate_per_address: limits.admin_rate_per_address.map(Limiter::new),
        rate_per_key: limits.admin_rate_per_key.map(Limiter::new),
        address_header: limits.address_header.clone(),
    }
}

/// Places for connections to peers and for documents.
pub fn outbound(config: &Config) -> Sockets {
    let limits = &config.limits;
    Sockets::new(limits.outbound_connections, limits.outbound_per_address, LOOKUPS)
}

/// Places for webhooks, which nobody but the controller takes.
pub fn webhooks(config: &Config) -> Sockets {
    let places = webhook_places(config);
    Sockets::new(places, places, LOOKUPS)
}

fn webhook_places(config: &Config) -> usize {
    PER_ENDPOINT * config.webhooks.targets.len().max(1)
}

/// Raises the number of files that the process may have open as far as it may. Where connections could use them up, their
/// bounds are lowered, so that the wallet always has its own; a warning says so.
pub fn fit_to_files(config: &mut Config) {
    let Ok(most) = rlimit::increase_nofile_limit(u64::MAX) else { return };
    fit(config, usize::try_from(most).unwrap_or(usize::MAX));
}

fn fit(config: &mut Config, most: usize) {
    let (ports, admin) = (config.transport.inbound.len(), usize::from(config.admin.is_some()));
    let taken = OTHER_FILES
        + 2 * LOOKUPS
        + webhook_places(config)
        + SERVER_THREAD_FILES * server_threads() * (ports + admin);
    let limits = &mut config.limits;
    let mut wanted = vec![limits.outbound_connections];
    wanted.extend(std::iter::repeat_n(limits.didcomm_connections, ports));
    wanted.extend(std::iter::repeat_n(limits.admin_connections, admin));
    let Some(share) = share(&mut wanted, most.saturating_sub(taken)).map(|share| share.max(FEWEST)) else {
        return;
    };
    let lower = |bound: &mut usize, most: usize| *bound = (*bound).min(most);
    lower(&mut limits.didcomm_connections, share);
    lower(&mut limits.admin_connections, share);
    lower(&mut limits.outbound_connections, share);
    // Nobody alone takes what is scarce now.
    lower(&mut limits.outbound_per_address, share / 2);
    if let Some(bound) = &mut limits.connections_per_address {
        lower(bound, share / 2);
    }
    let (didcomm, outbound) = (limits.didcomm_connections, limits.outbound_connections);
    config.warnings.push(format!(
        "the process may open {most} files only: at most {didcomm} connections are taken on each DIDComm port, {} on the admin \
         port, and {outbound} are opened to peers, {} of one address each: raise the limit (ulimit -n), or lower \
         --max-connections-…",
        limits.admin_connections,
        share / 2
    ));
}

/// What each gets at most when all of them want more than there is, those who want little as much as they want; `None`: there is
/// enough.
fn share(wanted: &mut [usize], mut there_is: usize) -> Option<usize> {
    wanted.sort_unstable();
    for (served, want) in wanted.iter().enumerate() {
        let share = there_is / (wanted.len() - served);
        if *want > share {
            return Some(share);
        }
        there_is -= want;
    }
    None
}

/// Threads of each server.
pub fn server_threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_scarce_is_shared_out_and_who_wants_little_gets_it() {
        assert_eq!(share(&mut [10, 20, 30], 60), None);
        assert_eq!(share(&mut [30, 10, 20], 59), Some(29));
        assert_eq!(share(&mut [4096, 1024, 1024, 10], 100), Some(30));
        assert_eq!(share(&mut [4096, 1024], 0), Some(0));
    }

    #[test]
    fn all_bounds_and_the_reserve_fit_into_the_files_that_there_are() {
        for (files, warned) in [(300, true), (1024, true), (4096, true), (20_000, false)] {
            let mut config = crate::config::tests::with(&["-it", "ws", "127.0.0.1", "8032"]).unwrap();
            let warnings = config.warnings.len();
            fit(&mut config, files);
            assert_eq!(config.warnings.len() > warnings, warned, "{files}");
            let limits = &config.limits;
            let sum = 2 * limits.didcomm_connections
                + limits.admin_connections
                + limits.outbound_connections
                + webhook_places(&config)
                + 2 * LOOKUPS
                + OTHER_FILES;
            assert!(sum <= files, "{files}: {sum}");
            assert!(limits.outbound_per_address < limits.outbound_connections);
        }
    }

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
