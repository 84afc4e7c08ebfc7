//! Options of our own, beside ACA-Py's. Their variables start with `CHANCERY_`.

use super::{OptionSpec, option};

pub(super) const CHANCERY: &[OptionSpec] = &[
    option("--log-format", Some("CHANCERY_LOG_FORMAT"), "text|json", "Form of log lines")
        .default_value("text"),
    option(
        "--jsonld-remote-contexts",
        Some("CHANCERY_JSONLD_REMOTE_CONTEXTS"),
        "on|off",
        "Fetch JSON-LD contexts that are not bundled",
    )
    .default_value("on"),
    option(
        "--webhook-hmac-secret",
        Some("CHANCERY_WEBHOOK_HMAC_SECRET"),
        "SECRET",
        "Sign webhooks: header x-chancery-signature, HMAC-SHA-256 under this secret",
    )
    .secret(),
    option(
        "--outbound-max-age",
        Some("CHANCERY_OUTBOUND_MAX_AGE"),
        "DURATION",
        "Try to deliver a message for this long (30s, 10m, 24h, 7d), then dead letter",
    )
    .default_value("24h"),
    option(
        "--max-concurrent-didcomm",
        Some("CHANCERY_MAX_CONCURRENT_DIDCOMM"),
        "REQUESTS",
        "DIDComm requests served at once, the rest is answered 503",
    )
    .default_value("256"),
    option(
        "--max-concurrent-admin",
        Some("CHANCERY_MAX_CONCURRENT_ADMIN"),
        "REQUESTS",
        "Admin requests served at once, the rest is answered 503",
    )
    .default_value("256"),
    option(
        "--event-retention",
        Some("CHANCERY_EVENT_RETENTION"),
        "DURATION",
        "Keep delivered and undelivered events for this long",
    )
    .default_value("7d"),
    option(
        "--dead-letter-retention",
        Some("CHANCERY_DEAD_LETTER_RETENTION"),
        "DURATION",
        "Keep dead letters for this long",
    )
    .default_value("30d"),
    option(
        "--tombstone-retention",
        Some("CHANCERY_TOMBSTONE_RETENTION"),
        "DURATION",
        "Remember removed exchanges for this long, to answer repeated messages",
    )
    .default_value("7d"),
    option(
        "--parked-envelope-retention",
        Some("CHANCERY_PARKED_ENVELOPE_RETENTION"),
        "DURATION",
        "Keep messages that came before their connection was ready for this long",
    )
    .default_value("10m"),
    option(
        "--return-route-retention",
        Some("CHANCERY_RETURN_ROUTE_RETENTION"),
        "DURATION",
        "Keep messages for peers without an endpoint for this long",
    )
    .default_value("7d"),
];
