//! Policy and identity of a tenant's agent.

use serde::{Deserialize, Serialize};

/// How many JSON-LD contexts are pinned: fetched once, and kept for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedContexts {
    /// `--max-pinned-contexts`.
    pub count: usize,
    /// `--max-pinned-context-bytes`.
    pub bytes: u64,
}

impl Default for PinnedContexts {
    fn default() -> Self {
        Self { count: 1_000, bytes: 64 * 1024 * 1024 }
    }
}

/// How messages may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transports {
    /// `-ot http`: `http://` and `https://`.
    pub http: bool,
    /// `-ot ws`: `ws://` and `wss://`.
    pub ws: bool,
}

impl Default for Transports {
    fn default() -> Self {
        Self { http: true, ws: true }
    }
}

impl Transports {
    /// Whether one of them leads to an endpoint.
    pub fn reach(self, endpoint: &str) -> bool {
        match scheme(endpoint).as_deref() {
            Some("http" | "https") => self.http,
            Some("ws" | "wss") => self.ws,
            _ => false,
        }
    }
}

/// The scheme of a URL, in lower case (RFC 3986 section 3.1).
pub fn scheme(url: &str) -> Option<String> {
    url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase())
}

/// The agent-wide settings that protocols look at. Names as ACA-Py's options.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `--label`.
    pub label: String,
    /// `--image-url`.
    pub image_url: Option<String>,
    /// `--endpoint`: the first goes into invitations, all into DID documents.
    pub endpoints: Vec<String>,
    /// `--outbound-transport`.
    pub outbound: Transports,
    /// `--invite-base-url`.
    pub invite_base_url: Option<String>,
    /// `--help-link`.
    pub help_link: Option<String>,
    /// `--no-receive-invites`.
    pub no_receive_invites: bool,
    /// `--auto-accept-invites`.
    pub auto_accept_invites: bool,
    /// `--auto-accept-requests`.
    pub auto_accept_requests: bool,
    /// `--auto-ping-connection`.
    pub auto_ping_connection: bool,
    /// `--monitor-ping`.
    pub monitor_ping: bool,
    /// `--public-invites`.
    pub public_invites: bool,
    /// `--requests-through-public-did`.
    pub requests_through_public_did: bool,
    /// `--auto-respond-credential-proposal`.
    pub auto_respond_credential_proposal: bool,
    /// `--auto-respond-credential-offer`.
    pub auto_respond_credential_offer: bool,
    /// `--auto-respond-credential-request`.
    pub auto_respond_credential_request: bool,
    /// `--auto-store-credential`.
    pub auto_store_credential: bool,
    /// `--auto-respond-messages`.
    pub auto_respond_messages: bool,
    /// `--echo-messages`.
    pub echo_messages: bool,
    /// `--auto-accept-intro-invitation-requests`.
    pub auto_accept_intro_invitation_requests: bool,
    /// `--preserve-exchange-records`.
    pub preserve_exchange_records: bool,
    /// `--no-preserve-failed-exchange-records`; `None`: not given.
    pub no_preserve_failed_exchange_records: Option<bool>,
    /// `--debug-webhooks`.
    pub debug_webhooks: bool,
    /// `--exch-use-unencrypted-tags`.
    pub unencrypted_tags: bool,
    /// `--wallet-allow-insecure-seed`.
    pub allow_insecure_seed: bool,
    /// `--wallet-type`: `askar` or `askar-anoncreds`.
    pub wallet_type: String,
    /// Ids of the webhook targets that events are written for.
    pub webhook_targets: Vec<String>,
    /// `--jsonld-remote-contexts on`.
    pub remote_contexts: bool,
    /// How many JSON-LD contexts are pinned at most.
    pub pinned_contexts: PinnedContexts,
    /// How long a tombstone is kept, in seconds.
    pub tombstone_seconds: i64,
    /// How long a key that the other side has replaced still counts for what began before, in seconds; 0: not at all.
    pub replaced_key_seconds: i64,
    /// How long an envelope whose connection isn't ready is kept, in seconds.
    pub parked_seconds: i64,
}
