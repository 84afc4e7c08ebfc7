//! The admin API's address and access, and the webhook targets.

use std::collections::HashMap;
use std::fmt;

use super::error::ConfigError;
use super::given::Given;
use super::secret::{Secret, without_passwords};

/// The admin API.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Address to listen on, a name or an IP address.
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Who may call.
    pub access: AdminAccess,
    /// Largest request body in bytes.
    pub max_request_bytes: usize,
    /// Without the route that receives invitations.
    pub no_receive_invites: bool,
    /// Help page reported to controllers.
    pub help_link: Option<String>,
    /// Names under which browsers may call an open API, in lower case (`--admin-host`).
    pub hosts: Vec<String>,
}

/// Who may call the admin API.
#[derive(Debug, Clone)]
pub enum AdminAccess {
    /// Callers that send this key in the header `X-API-Key`.
    Key(Secret),
    /// Everybody (`--admin-insecure-mode`).
    Insecure,
}

impl Admin {
    pub(super) fn read(given: &Given) -> Result<Option<Self>, ConfigError> {
        let [host, port] = given.list("--admin") else { return Ok(None) };
        let access = match (given.secret("--admin-api-key"), given.flag("--admin-insecure-mode")) {
            (Some(key), false) => AdminAccess::Key(key),
            (None, true) => AdminAccess::Insecure,
            (Some(_), true) => {
                return Err(ConfigError::Combination(
                    "--admin-api-key and --admin-insecure-mode exclude each other: keep one".into(),
                ));
            }
            (None, false) => {
                return Err(ConfigError::Combination(
                    "--admin needs a key: set ACAPY_ADMIN_API_KEY (or --admin-api-key KEY), or give \
                     --admin-insecure-mode to let everybody in who can reach the port"
                        .into(),
                ));
            }
        };
        let megabytes = given.integer::<usize>("--admin-client-max-request-size", 1..=16)?.unwrap_or(1);
        Ok(Some(Self {
            host: host.clone(),
            port: parse_port(given, "--admin", port)?,
            access,
            max_request_bytes: megabytes * 1024 * 1024,
            no_receive_invites: given.flag("--no-receive-invites"),
            help_link: given.string("--help-link"),
            hosts: given
                .occurrences("--admin-host")
                .iter()
                .flatten()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
        }))
    }
}

pub(super) fn parse_port(given: &Given, option: &str, text: &str) -> Result<u16, ConfigError> {
    text.parse().map_err(|_| given.invalid(option, "that is no port: a number from 0 to 65535"))
}

/// Where events are sent.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// All targets, each gets every event.
    pub targets: Vec<WebhookTarget>,
    /// Events are signed with this secret (`--webhook-hmac-secret`).
    pub secret: Option<Secret>,
    /// Exchange events carry the whole record (`--debug-webhooks`).
    pub full_records: bool,
}

/// One webhook target; events go to `{url}/topic/{topic}/`.
#[derive(Clone)]
pub struct WebhookTarget {
    /// Address without its key; may hold a password. What may be shown of it is [`WebhookTarget::shown`].
    pub url: String,
    /// Sent as header `x-api-key`: what stood behind `#`.
    pub api_key: Option<Secret>,
}

impl WebhookTarget {
    /// The address as it may be shown: without password and query.
    pub fn shown(&self) -> String {
        let shown = without_passwords(&self.url);
        match shown.split_once('?') {
            Some((address, _)) => format!("{address}?…"),
            None => shown,
        }
    }
}

impl fmt::Debug for WebhookTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookTarget").field("url", &self.shown()).field("api_key", &self.api_key).finish()
    }
}

impl Webhooks {
    pub(super) fn read(given: &Given, environment: &HashMap<String, String>) -> Result<Self, ConfigError> {
        let listed = given.occurrences("--webhook-url").iter().flatten();
        let mut targets = Vec::new();
        for text in listed.chain(environment.get("WEBHOOK_URL")).filter(|text| !text.is_empty()) {
            let (url, key) =
                text.split_once('#').map_or((text.as_str(), None), |(url, key)| (url, Some(key)));
            if !(url.starts_with("http://") || url.starts_with("https://")) {
                return Err(given.invalid("--webhook-url", "a target must start with http:// or https://"));
            }
            let api_key = key.map(|key| Secret::new(key.to_owned()));
            targets.push(WebhookTarget { url: url.to_owned(), api_key });
        }
        let secret = given.secret("--webhook-hmac-secret");
        Ok(Self { targets, secret, full_records: given.flag("--debug-webhooks") })
    }
}
