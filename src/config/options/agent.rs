//! The agent itself: what it is called, how it is reached, what it says by itself.

use super::{OptionSpec, flag, option};

pub(super) const DISCOVER_FEATURES: &[OptionSpec] = &[
    flag(
        "--auto-disclose-features",
        Some("ACAPY_AUTO_DISCLOSE_FEATURES"),
        "Disclose features to every new connection",
    )
    .not_yet("feature discovery does not exist here; leave it out"),
    option(
        "--disclose-features-list",
        Some("ACAPY_DISCLOSE_FEATURES_LIST"),
        "FILE",
        "YAML file limiting what is disclosed",
    )
    .not_yet("feature discovery does not exist here; leave it out"),
];

pub(super) const GENERAL: &[OptionSpec] = &[
    option("--arg-file", None, "FILE", "YAML file with options; keys are option names without dashes"),
    option("--plugin", Some("ACAPY_PLUGIN"), "PACKAGE", "Load a plugin package").repeatable().not_yet("plugins are Python packages; leave it out").absent_values(&["connections", "issue_credential", "present_proof"], "the protocols that ACA-Py has moved into plugins are not spoken"),
    option("--block-plugin", Some("ACAPY_BLOCKED_PLUGIN"), "PACKAGE", "Keep a plugin from loading").repeatable().no_effect("no plugins are loaded"),
    option("--plugin-config", Some("ACAPY_PLUGIN_CONFIG"), "FILE", "YAML file of plugin settings").no_effect("no plugins are loaded"),
    option("--plugin-config-value", None, "KEY=VALUE", "One plugin setting, a.b=yaml-value").one_or_more().repeatable().short("-o").not_yet("plugins are Python packages; leave it out"),
    option("--auto-install-plugins", Some("ACAPY_AUTO_INSTALL_PLUGINS"), "VERSION", "Fetch missing plugins; optional value is the plugin version").value_optional().no_effect("no plugins are loaded"),
    option("--storage-type", Some("ACAPY_STORAGE_TYPE"), "TYPE", "Storage type; without a meaning").no_effect("ACA-Py does not read it either"),
    option("--endpoint", Some("ACAPY_ENDPOINT"), "URL", "Endpoints put into DID documents and invitations, the first goes into invitations; required unless --no-transport").one_or_more().short("-e"),
    option("--profile-endpoint", Some("ACAPY_PROFILE_ENDPOINT"), "URL", "Profile endpoint of the public DID").no_effect("it is published on a ledger only, and there is none"),
    option("--universal-resolver", Some("ACAPY_UNIVERSAL_RESOLVER"), "URL", "Use a universal resolver; optional value is its URL").value_optional().not_yet("only DID methods with a resolver of their own are resolved; leave it out"),
    option("--universal-resolver-regex", Some("ACAPY_UNIVERSAL_RESOLVER_REGEX"), "REGEX", "DID patterns to send to it").one_or_more().no_effect("only --universal-resolver reads it"),
    option("--universal-resolver-bearer-token", Some("ACAPY_UNIVERSAL_RESOLVER_BEARER_TOKEN"), "TOKEN", "Its token").value_optional().secret().no_effect("only --universal-resolver reads it"),
];

pub(super) const LOGGING: &[OptionSpec] = &[
    option("--log-config", Some("ACAPY_LOG_CONFIG"), "FILE", "Logging configuration file")
        .not_yet("it names a Python logging configuration; use --log-level, --log-file and --log-format"),
    option("--log-file", Some("ACAPY_LOG_FILE"), "FILE", "Log to this file").value_optional(),
    option("--log-level", Some("ACAPY_LOG_LEVEL"), "LEVEL", "debug, info, warning, error, critical"),
];

pub(super) const PROTOCOL: &[OptionSpec] = &[
    flag(
        "--auto-ping-connection",
        Some("ACAPY_AUTO_PING_CONNECTION"),
        "Send a trust ping once a connection response is accepted",
    ),
    flag(
        "--auto-accept-intro-invitation-requests",
        Some("ACAPY_AUTO_ACCEPT_INTRO_INVITATION_REQUESTS"),
        "Answer those who want to introduce others to us with an invitation",
    ),
    option(
        "--invite-base-url",
        Some("ACAPY_INVITE_BASE_URL"),
        "URL",
        "Base of invitation_url (else the endpoint)",
    ),
    flag("--monitor-ping", Some("ACAPY_MONITOR_PING"), "Webhooks for pings"),
    flag("--monitor-forward", Some("ACAPY_MONITOR_FORWARD"), "Webhooks for forwards")
        .not_yet("mediation does not exist here; leave it out"),
    flag("--public-invites", Some("ACAPY_PUBLIC_INVITES"), "Allow invitations by public DID"),
    flag(
        "--requests-through-public-did",
        Some("ACAPY_REQUESTS_THROUGH_PUBLIC_DID"),
        "Accept requests sent to the public DID without an invitation (needs --public-invites)",
    ),
    flag("--timing", Some("ACAPY_TIMING"), "Timing decorator in messages")
        .not_yet("measure with `chancery bench` or from outside"),
    option("--timing-log", Some("ACAPY_TIMING_LOG"), "FILE", "Timing log file")
        .no_effect("only --timing reads it"),
    flag("--trace", Some("ACAPY_TRACE"), "Trace events")
        .not_yet("use --log-level debug to follow an exchange"),
    option("--trace-target", Some("ACAPY_TRACE_TARGET"), "TARGET", "log, message or an HTTP URL")
        .no_effect("only --trace reads it"),
    option("--trace-tag", Some("ACAPY_TRACE_TAG"), "TAG", "Tag on trace events")
        .no_effect("only --trace reads it"),
    option("--trace-label", Some("ACAPY_TRACE_LABEL"), "NAME", "Name on trace events")
        .no_effect("only --trace reads it"),
    flag(
        "--preserve-exchange-records",
        Some("ACAPY_PRESERVE_EXCHANGE_RECORDS"),
        "Keep finished exchange records (otherwise they are deleted at done)",
    ),
    flag(
        "--no-preserve-failed-exchange-records",
        Some("ACAPY_NO_PRESERVE_FAILED_EXCHANGE_RECORDS"),
        "Delete abandoned exchange records",
    ),
    flag(
        "--emit-new-didcomm-prefix",
        Some("ACAPY_EMIT_NEW_DIDCOMM_PREFIX"),
        "Message types under https://didcomm.org/",
    )
    .no_effect("it is always on, in ACA-Py too"),
    flag(
        "--emit-new-didcomm-mime-type",
        Some("ACAPY_EMIT_NEW_DIDCOMM_MIME_TYPE"),
        "Envelopes as application/didcomm-envelope-enc",
    )
    .no_effect("it is always on, in ACA-Py too"),
    flag(
        "--exch-use-unencrypted-tags",
        Some("ACAPY_EXCH_USE_UNENCRYPTED_TAGS"),
        "Exchange record tags in plaintext",
    ),
    flag(
        "--experimental-didcomm-v2",
        Some("ACAPY_EXP_DIDCOMM_V2"),
        "DIDComm v2 envelopes (needs the didcommv2 extra)",
    )
    .not_yet("messages travel in DIDComm v1 envelopes; leave it out"),
];

pub(super) const START_UP: &[OptionSpec] =
    &[flag("--auto-provision", Some("ACAPY_AUTO_PROVISION"), "Create the wallet when it is missing")];

pub(super) const TRANSPORT: &[OptionSpec] = &[
    flag("--no-transport", Some("ACAPY_NO_TRANSPORT"), "No inbound and outbound transports"),
    option(
        "--inbound-transport",
        Some("ACAPY_INBOUND_TRANSPORT"),
        "MODULE HOST PORT",
        "Inbound transport (http, ws), host and port",
    )
    .exactly(3)
    .repeatable()
    .short("-it"),
    option(
        "--outbound-transport",
        Some("ACAPY_OUTBOUND_TRANSPORT"),
        "MODULE",
        "Outbound transport (http, ws)",
    )
    .repeatable()
    .short("-ot"),
    option("--label", Some("ACAPY_LABEL"), "NAME", "Agent name, shown in invitations and /status")
        .short("-l"),
    option("--image-url", Some("ACAPY_IMAGE_URL"), "URL", "Picture in invitations"),
    option("--max-message-size", Some("ACAPY_MAX_MESSAGE_SIZE"), "BYTES", "Largest inbound message, bytes")
        .default_value("2097152"),
    flag(
        "--enable-undelivered-queue",
        Some("ACAPY_ENABLE_UNDELIVERED_QUEUE"),
        "Keep messages that could not be delivered, for return-route pickup",
    )
    .no_effect("undelivered messages are always kept"),
    option(
        "--max-outbound-retry",
        Some("ACAPY_MAX_OUTBOUND_RETRY"),
        "TRIES",
        "Delivery tries, then dead letter; when not given, --outbound-max-age decides",
    )
    .default_value("4"),
    option(
        "--ws-heartbeat-interval",
        Some("ACAPY_WS_HEARTBEAT_INTERVAL"),
        "SECONDS",
        "Websocket heartbeat seconds",
    )
    .default_value("3"),
    option(
        "--ws-timeout-interval",
        Some("ACAPY_WS_TIMEOUT_INTERVAL"),
        "SECONDS",
        "Websocket timeout seconds",
    )
    .default_value("15"),
];
