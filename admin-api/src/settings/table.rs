//! The settings: the names by which they are changed, the name by which they are shown, and where they are.

use chancery_agent::Settings;
use serde_json::{Map, Value};

use crate::operation::Call;

/// A setting that is true or false.
pub(super) struct Switch {
    /// As in the environment.
    variable: &'static str,
    /// As on the command line, without dashes.
    argument: &'static str,
    /// As it is shown.
    pub(super) shown: &'static str,
    /// Where it is.
    place: fn(&mut Settings) -> &mut bool,
}

/// What can be changed. ACA-Py has more; those belong to what this agent does not do.
pub(super) static SWITCHES: [Switch; 10] = [
    Switch {
        variable: "ACAPY_AUTO_ACCEPT_INVITES",
        argument: "auto-accept-invites",
        shown: "debug.auto_accept_invites",
        place: |s| &mut s.auto_accept_invites,
    },
    Switch {
        variable: "ACAPY_AUTO_ACCEPT_REQUESTS",
        argument: "auto-accept-requests",
        shown: "debug.auto_accept_requests",
        place: |s| &mut s.auto_accept_requests,
    },
    Switch {
        variable: "ACAPY_AUTO_PING_CONNECTION",
        argument: "auto-ping-connection",
        shown: "auto_ping_connection",
        place: |s| &mut s.auto_ping_connection,
    },
    Switch {
        variable: "ACAPY_AUTO_RESPOND_CREDENTIAL_OFFER",
        argument: "auto-respond-credential-offer",
        shown: "debug.auto_respond_credential_offer",
        place: |s| &mut s.auto_respond_credential_offer,
    },
    Switch {
        variable: "ACAPY_AUTO_RESPOND_CREDENTIAL_REQUEST",
        argument: "auto-respond-credential-request",
        shown: "debug.auto_respond_credential_request",
        place: |s| &mut s.auto_respond_credential_request,
    },
    Switch {
        variable: "ACAPY_AUTO_RESPOND_MESSAGES",
        argument: "auto-respond-messages",
        shown: "debug.auto_respond_messages",
        place: |s| &mut s.auto_respond_messages,
    },
    Switch {
        variable: "ACAPY_MONITOR_PING",
        argument: "monitor-ping",
        shown: "debug.monitor_ping",
        place: |s| &mut s.monitor_ping,
    },
    Switch {
        variable: "ACAPY_PRESERVE_EXCHANGE_RECORDS",
        argument: "preserve-exchange-records",
        shown: "preserve_exchange_records",
        place: |s| &mut s.preserve_exchange_records,
    },
    Switch {
        variable: "ACAPY_PUBLIC_INVITES",
        argument: "public-invites",
        shown: "public_invites",
        place: |s| &mut s.public_invites,
    },
    Switch {
        variable: "ACAPY_REQUESTS_THROUGH_PUBLIC_DID",
        argument: "requests-through-public-did",
        shown: "requests_through_public_did",
        place: |s| &mut s.requests_through_public_did,
    },
];

impl Switch {
    /// The switch with this name, in either spelling.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        SWITCHES.iter().find(|s| s.variable == name || s.argument == name)
    }

    /// Sets it.
    pub(super) fn set(&self, settings: &mut Settings, on: bool) {
        *(self.place)(settings) = on;
    }
}

/// Settings of the process that are shown with those of the tenant, when there are any.
const OF_THE_PROCESS: [&str; 6] = [
    "endorser.auto_create_rev_reg",
    "endorser.auto_promote_author_did",
    "endorser.auto_write",
    "log.level",
    "endorser.author",
    "endorser.endorser",
];

/// What both operations answer: the settings by the names by which they are shown, those that are off left out.
pub(super) fn shown(call: &Call) -> Value {
    let mut settings = (*call.agent().settings(&call.tenant)).clone();
    let config = call.state.api.operations.config();
    let mut shown = Map::new();
    for name in OF_THE_PROCESS {
        if let Some(value) = config.get(name) {
            shown.insert(name.to_owned(), value.clone());
        }
    }
    for switch in &SWITCHES {
        if *(switch.place)(&mut settings) {
            shown.insert(switch.shown.to_owned(), Value::Bool(true));
        }
    }
    shown.insert("wallet.type".to_owned(), Value::String(settings.wallet_type));
    Value::Object(shown)
}
