//! Rules of the protocols, and what the agent answers by itself.

use super::error::ConfigError;
use super::given::Given;

/// What the agent does without being told by a controller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Automation {
    /// Answer received invitations.
    pub accept_invites: bool,
    /// Answer received connection requests.
    pub accept_requests: bool,
    /// Answer basic messages.
    pub respond_messages: bool,
    /// Answer basic messages that ask for a certain answer.
    pub echo_messages: bool,
    /// Answer introducers with an invitation.
    pub accept_introductions: bool,
    /// Issuer: proposal to offer.
    pub respond_credential_proposal: bool,
    /// Holder: offer to request.
    pub respond_credential_offer: bool,
    /// Issuer: request to credential.
    pub respond_credential_request: bool,
    /// Holder: store on receipt, and acknowledge.
    pub store_credential: bool,
}

impl Automation {
    pub(super) fn read(given: &Given) -> Self {
        Self {
            accept_invites: given.flag("--auto-accept-invites"),
            accept_requests: given.flag("--auto-accept-requests"),
            respond_messages: given.flag("--auto-respond-messages"),
            echo_messages: given.flag("--echo-messages"),
            accept_introductions: given.flag("--auto-accept-intro-invitation-requests"),
            respond_credential_proposal: given.flag("--auto-respond-credential-proposal"),
            respond_credential_offer: given.flag("--auto-respond-credential-offer"),
            respond_credential_request: given.flag("--auto-respond-credential-request"),
            store_credential: given.flag("--auto-store-credential"),
        }
    }
}

/// Rules of the protocols.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protocol {
    /// Send a trust ping once a connection response is accepted.
    pub auto_ping_connection: bool,
    /// Events for pings.
    pub monitor_ping: bool,
    /// Base of `invitation_url`; the endpoint when there is none.
    pub invite_base_url: Option<String>,
    /// Invitations by public DID are allowed.
    pub public_invites: bool,
    /// Requests to the public DID without an invitation are taken.
    pub requests_through_public_did: bool,
    /// Keep finished exchange records; otherwise they go at `done`.
    pub preserve_exchange_records: bool,
    /// Delete exchange records that were abandoned.
    pub remove_failed_exchange_records: bool,
    /// Thread ids of exchange records are stored as plaintext tags.
    pub unencrypted_exchange_tags: bool,
}

impl Protocol {
    pub(super) fn read(given: &Given) -> Result<Self, ConfigError> {
        let protocol = Self {
            auto_ping_connection: given.flag("--auto-ping-connection"),
            monitor_ping: given.flag("--monitor-ping"),
            invite_base_url: given.string("--invite-base-url"),
            public_invites: given.flag("--public-invites"),
            requests_through_public_did: given.flag("--requests-through-public-did"),
            preserve_exchange_records: given.flag("--preserve-exchange-records"),
            remove_failed_exchange_records: given.flag("--no-preserve-failed-exchange-records"),
            unencrypted_exchange_tags: given.flag("--exch-use-unencrypted-tags"),
        };
        if protocol.requests_through_public_did && !protocol.public_invites {
            return Err(ConfigError::Combination(
                "--requests-through-public-did needs --public-invites".into(),
            ));
        }
        Ok(protocol)
    }
}
