//! What the agent is called, where it is reached, and the invitation it prints after its start.

use chancery_agent::unit::Transports;

use super::Purpose;
use super::error::ConfigError;
use super::given::Given;
use super::secret::without_passwords;

/// The agent as peers see it.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Name in invitations and `/status`; ACA-Py's default when none is given.
    pub label: String,
    /// Picture in invitations.
    pub image_url: Option<String>,
    /// Endpoints for DID documents; the first also goes into invitations. Empty only with `--no-transport`
    /// and when provisioning.
    pub endpoints: Vec<String>,
}

impl Agent {
    pub(super) fn read(given: &Given, purpose: Purpose) -> Result<Self, ConfigError> {
        let endpoints: Vec<String> =
            given.list("--endpoint").iter().filter(|e| !e.is_empty()).cloned().collect();
        if endpoints.is_empty() && purpose == Purpose::Start && !given.flag("--no-transport") {
            return Err(ConfigError::Combination(
                "-e/--endpoint is required: the URL at which peers reach this agent, such as \
                 --endpoint http://HOST:8030 (or --no-transport for an agent without DIDComm)"
                    .into(),
            ));
        }
        Ok(Self {
            label: given.string("--label").unwrap_or_else(|| "Aries Cloud Agent".to_owned()),
            image_url: given.string("--image-url"),
            endpoints,
        })
    }

    /// Endpoints that peers can't use as they are.
    pub(super) fn warnings(&self) -> Vec<String> {
        let usable = |endpoint: &str| Transports::default().reach(endpoint);
        let strange = self.endpoints.iter().filter(|endpoint| !usable(endpoint));
        strange
            .map(|endpoint| {
                let shown = without_passwords(endpoint);
                format!("--endpoint {shown} is no http or ws URL: peers can't reach the agent there; write http://HOST:PORT")
            })
            .collect()
    }
}

/// The out-of-band invitation that `--invite` prints after the start.
#[derive(Debug, Clone, PartialEq)]
pub struct StartupInvitation {
    /// Its label, if another than the agent's.
    pub label: Option<String>,
    /// It may be used more than once.
    pub multi_use: bool,
    /// It names the public DID.
    pub public: bool,
    /// Metadata of the connections it leads to.
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

impl StartupInvitation {
    pub(super) fn read(given: &Given) -> Result<Option<Self>, ConfigError> {
        if !given.flag("--invite") {
            return Ok(None);
        }
        let public = given.flag("--invite-public");
        if public && !given.flag("--public-invites") {
            return Err(ConfigError::Combination("--invite-public needs --public-invites".into()));
        }
        let metadata = match given.text("--invite-metadata-json") {
            None => None,
            Some(text) => Some(serde_json::from_str(text).map_err(|_| {
                given.invalid("--invite-metadata-json", "must be a JSON object such as {\"key\":\"value\"}")
            })?),
        };
        Ok(Some(Self {
            label: given.string("--invite-label"),
            multi_use: given.flag("--invite-multi-use"),
            public,
            metadata,
        }))
    }
}
