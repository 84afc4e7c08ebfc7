//! Options of our own, beside ACA-Py's. Their variables start with `CHANCERY_`.

use super::{OptionSpec, flag, option};

pub(super) const CHANCERY: &[OptionSpec] = &[
    flag(
        "--strict-options",
        Some("CHANCERY_STRICT_OPTIONS"),
        "Refuse to start with options whose feature is missing here, instead of warning",
    ),
    flag(
        "--echo-messages",
        Some("CHANCERY_ECHO_MESSAGES"),
        "Answer basic messages that begin with \"Reply with: \" with what follows, as ACA-Py always does",
    ),
    option(
        "--admin-host",
        Some("CHANCERY_ADMIN_HOST"),
        "NAME",
        "Host name under which browsers may call an admin API without a key, beside IP addresses and localhost",
    )
    .repeatable(),
    option("--log-format", Some("CHANCERY_LOG_FORMAT"), "text|json", "Form of log lines")
        .default_value("text"),
    option(
        "--otlp-endpoint",
        Some("CHANCERY_OTLP_ENDPOINT"),
        "URL|off",
        "OpenTelemetry collector for traces, OTLP over HTTP; else OTEL_EXPORTER_OTLP_ENDPOINT, else none are recorded",
    ),
    option(
        "--otlp-headers",
        Some("CHANCERY_OTLP_HEADERS"),
        "NAME=VALUE,…",
        "Headers for the collector, such as its key",
    )
    .secret(),
    option(
        "--jsonld-remote-contexts",
        Some("CHANCERY_JSONLD_REMOTE_CONTEXTS"),
        "on|off",
        "Fetch JSON-LD contexts that are not bundled",
    )
    .default_value("on"),
    option(
        "--max-pinned-contexts",
        Some("CHANCERY_MAX_PINNED_CONTEXTS"),
        "CONTEXTS",
        "JSON-LD contexts that are fetched and kept, for good; with more, documents are refused",
    )
    .default_value("1000"),
    option(
        "--max-pinned-context-bytes",
        Some("CHANCERY_MAX_PINNED_CONTEXT_BYTES"),
        "BYTES",
        "Bytes of all JSON-LD contexts that are fetched and kept",
    )
    .default_value("67108864"),
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
        "--outbound-first-pause",
        Some("CHANCERY_OUTBOUND_FIRST_PAUSE"),
        "DURATION",
        "Pause before a message or a webhook is tried again; it doubles each time",
    )
    .default_value("1s"),
    option(
        "--outbound-longest-pause",
        Some("CHANCERY_OUTBOUND_LONGEST_PAUSE"),
        "DURATION",
        "Longest pause between two tries of a message or a webhook",
    )
    .default_value("1h"),
    option(
        "--outbound-resend-pause",
        Some("CHANCERY_OUTBOUND_RESEND_PAUSE"),
        "DURATION|off",
        "After a start, hold back this long what a killed run may have delivered; not sent if the answer comes",
    )
    .default_value("15s"),
    option(
        "--outbound-delay-notice",
        Some("CHANCERY_OUTBOUND_DELAY_NOTICE"),
        "DURATION|off",
        "Tell the controller (topic chancery_outbox_delayed) when a message has waited for this long",
    )
    .default_value("1h"),
    option(
        "--outbound-reach",
        Some("CHANCERY_OUTBOUND_REACH"),
        "auto|public|private",
        "Addresses connected to: of peers, contexts and did:web; auto: private ones when the agent's own endpoint is such",
    )
    .default_value("auto"),
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
        "--max-concurrent-per-address",
        Some("CHANCERY_MAX_CONCURRENT_PER_ADDRESS"),
        "REQUESTS|off",
        "DIDComm requests and WebSockets of one address at once, the rest is answered 429",
    )
    .default_value("off"),
    option(
        "--max-concurrent-per-sender",
        Some("CHANCERY_MAX_CONCURRENT_PER_SENDER"),
        "MESSAGES|off",
        "DIDComm messages of one sender key at once, the rest is answered 429",
    )
    .default_value("off"),
    option(
        "--max-rate-per-address",
        Some("CHANCERY_MAX_RATE_PER_ADDRESS"),
        "RATE|off",
        "DIDComm messages of one address in a time (20/s, 600/m, 9000/h), the rest is answered 429",
    )
    .default_value("off"),
    option(
        "--max-rate-per-sender",
        Some("CHANCERY_MAX_RATE_PER_SENDER"),
        "RATE|off",
        "DIDComm messages of one sender key in a time, the rest is answered 429",
    )
    .default_value("off"),
    option(
        "--max-rows-per-connection",
        Some("CHANCERY_MAX_ROWS_PER_CONNECTION"),
        "ROWS|off",
        "Messages and queued work that wait because of one connection's messages; beyond that these are answered 503",
    )
    .default_value("1000"),
    option(
        "--max-bytes-per-connection",
        Some("CHANCERY_MAX_BYTES_PER_CONNECTION"),
        "BYTES|off",
        "Their bytes",
    )
    .default_value("16777216"),
    option(
        "--max-admin-rate-per-address",
        Some("CHANCERY_MAX_ADMIN_RATE_PER_ADDRESS"),
        "RATE|off",
        "Admin requests of one address in a time, the rest is answered 429; probes are not counted",
    )
    .default_value("off"),
    option(
        "--max-admin-rate-per-key",
        Some("CHANCERY_MAX_ADMIN_RATE_PER_KEY"),
        "RATE|off",
        "Admin requests with one admin key in a time, the rest is answered 429",
    )
    .default_value("off"),
    option(
        "--client-address-header",
        Some("CHANCERY_CLIENT_ADDRESS_HEADER"),
        "NAME",
        "Header in which your own proxy names the client (X-Forwarded-For: the last address counts)",
    ),
    option(
        "--max-connections-didcomm",
        Some("CHANCERY_MAX_CONNECTIONS_DIDCOMM"),
        "CONNECTIONS",
        "Connections open at once on each DIDComm port; more wait to be accepted",
    )
    .default_value("4096"),
    option(
        "--max-connections-admin",
        Some("CHANCERY_MAX_CONNECTIONS_ADMIN"),
        "CONNECTIONS",
        "Connections open at once on the admin port; more wait to be accepted",
    )
    .default_value("1024"),
    option(
        "--max-connections-per-address",
        Some("CHANCERY_MAX_CONNECTIONS_PER_ADDRESS"),
        "CONNECTIONS|off",
        "Connections of one address open at once on each port; more are closed. Not with --client-address-header",
    )
    .default_value("256"),
    option(
        "--max-connections-outbound",
        Some("CHANCERY_MAX_CONNECTIONS_OUTBOUND"),
        "CONNECTIONS",
        "Connections to peers and for documents open at once; more wait. Webhooks have places of their own",
    )
    .default_value("1024"),
    option(
        "--max-connections-outbound-per-address",
        Some("CHANCERY_MAX_CONNECTIONS_OUTBOUND_PER_ADDRESS"),
        "CONNECTIONS",
        "Of these, connections to one address",
    )
    .default_value("64"),
    option(
        "--max-websockets-didcomm",
        Some("CHANCERY_MAX_WEBSOCKETS_DIDCOMM"),
        "SOCKETS",
        "DIDComm WebSockets open at once, the rest is answered 503",
    )
    .default_value("1024"),
    option(
        "--request-header-timeout",
        Some("CHANCERY_REQUEST_HEADER_TIMEOUT"),
        "DURATION",
        "A client has this long to send the header of a request, on both ports",
    )
    .default_value("10s"),
    option(
        "--request-body-timeout",
        Some("CHANCERY_REQUEST_BODY_TIMEOUT"),
        "DURATION",
        "A client has this long to send the body of a request, on both ports",
    )
    .default_value("30s"),
    option(
        "--idle-connection-timeout",
        Some("CHANCERY_IDLE_CONNECTION_TIMEOUT"),
        "DURATION",
        "A connection without a request is closed after this time, on both ports",
    )
    .default_value("75s"),
    option(
        "--max-json-depth",
        Some("CHANCERY_MAX_JSON_DEPTH"),
        "LEVELS",
        "Deepest nesting of JSON that is parsed, on both ports",
    )
    .default_value("64"),
    option(
        "--max-json-values",
        Some("CHANCERY_MAX_JSON_VALUES"),
        "VALUES",
        "Most values of one JSON text that is parsed, on both ports",
    )
    .default_value("100000"),
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
        "--replaced-key-window",
        Some("CHANCERY_REPLACED_KEY_WINDOW"),
        "DURATION",
        "A key that a peer has replaced counts for this long for threads that began before, 0s for not at all",
    )
    .default_value("10m"),
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
