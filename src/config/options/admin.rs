//! The admin API and debugging.

use super::{OptionSpec, flag, option};

/// Why nothing happens to presentations.
const NO_PROOFS: &str = "the present-proof protocol does not exist here yet";

pub(super) const ADMIN: &[OptionSpec] = &[
    option(
        "--admin",
        Some("ACAPY_ADMIN"),
        "HOST PORT",
        "Host and port of the admin API; without it there is no admin server",
    )
    .exactly(2),
    option(
        "--admin-api-key",
        Some("ACAPY_ADMIN_API_KEY"),
        "KEY",
        "Key that admin callers must send in header X-API-Key",
    )
    .secret(),
    flag(
        "--admin-insecure-mode",
        Some("ACAPY_ADMIN_INSECURE_MODE"),
        "Admin API without any key (this or a key is required with --admin)",
    ),
    flag(
        "--no-receive-invites",
        Some("ACAPY_NO_RECEIVE_INVITES"),
        "Takes away the route that receives invitations",
    ),
    option("--help-link", Some("ACAPY_HELP_LINK"), "URL", "URL of a help page reported to controllers"),
    option(
        "--webhook-url",
        Some("ACAPY_WEBHOOK_URL"),
        "URL[#KEY]",
        "Webhook target; text after # is sent as header X-API-Key",
    )
    .repeatable()
    .secret(),
    option(
        "--admin-client-max-request-size",
        Some("ACAPY_ADMIN_CLIENT_MAX_REQUEST_SIZE"),
        "MB",
        "Largest admin request body, in MB",
    )
    .default_value("1"),
    flag("--oauth-enabled", Some("ACAPY_OAUTH_ENABLED"), "Accept OAuth2 bearer tokens on the admin API")
        .not_yet("protect the admin API with --admin-api-key, or with a gateway that checks the tokens"),
    option(
        "--oauth-jwks-uri",
        Some("ACAPY_OAUTH_JWKS_URI"),
        "URL",
        "JWKS address for token checks (turns OAuth on)",
    )
    .not_yet("protect the admin API with --admin-api-key, or with a gateway that checks the tokens"),
    option("--oauth-issuer", Some("ACAPY_OAUTH_ISSUER"), "ISSUER", "Required iss of tokens")
        .no_effect("only OAuth mode reads it"),
    option("--oauth-audience", Some("ACAPY_OAUTH_AUDIENCE"), "AUDIENCE", "Required aud of tokens")
        .no_effect("only OAuth mode reads it"),
    option(
        "--oauth-introspection-endpoint",
        Some("ACAPY_OAUTH_INTROSPECTION_ENDPOINT"),
        "URL",
        "RFC 7662 introspection address, used when JWKS does not settle it",
    )
    .not_yet("protect the admin API with --admin-api-key, or with a gateway that checks the tokens"),
    option(
        "--oauth-introspection-client-id",
        Some("ACAPY_OAUTH_INTROSPECTION_CLIENT_ID"),
        "ID",
        "Client id for introspection",
    )
    .no_effect("only OAuth mode reads it"),
    option(
        "--oauth-introspection-client-secret",
        Some("ACAPY_OAUTH_INTROSPECTION_CLIENT_SECRET"),
        "SECRET",
        "Client secret for introspection",
    )
    .secret()
    .no_effect("only OAuth mode reads it"),
    option(
        "--oauth-http-timeout",
        Some("ACAPY_OAUTH_HTTP_TIMEOUT"),
        "SECONDS",
        "Seconds allowed for calls to the authorization server",
    )
    .default_value("10")
    .no_effect("only OAuth mode reads it"),
];

pub(super) const DEBUGGER: &[OptionSpec] =
    &[flag("--debug", Some("ACAPY_DEBUG"), "Wait for a Debug Adapter Protocol client at start")
        .not_yet("attach a native debugger to the process instead")];

pub(super) const DEBUG: &[OptionSpec] = &[
    option("--debug-seed", Some("ACAPY_DEBUG_SEED"), "SEED", "Debug seed")
        .secret()
        .not_yet("make the DID with `POST /wallet/did/create` and a seed instead"),
    flag("--debug-connections", Some("ACAPY_DEBUG_CONNECTIONS"), "More logging about connections"),
    flag("--debug-credentials", Some("ACAPY_DEBUG_CREDENTIALS"), "More logging about credential exchanges"),
    flag(
        "--debug-presentations",
        Some("ACAPY_DEBUG_PRESENTATIONS"),
        "More logging about presentation exchanges",
    ),
    flag(
        "--debug-webhooks",
        Some("ACAPY_DEBUG_WEBHOOKS"),
        "Exchange webhooks carry the whole record (messages, by_format) instead of the short form",
    ),
    flag("--invite", Some("ACAPY_INVITE"), "Print an out-of-band invitation after start"),
    option("--invite-label", Some("ACAPY_INVITE_LABEL"), "LABEL", "Label of that invitation"),
    flag("--invite-multi-use", Some("ACAPY_INVITE_MULTI_USE"), "Make that invitation multi-use"),
    flag("--invite-public", Some("ACAPY_INVITE_PUBLIC"), "Make that invitation from the public DID"),
    option(
        "--invite-metadata-json",
        Some("ACAPY_INVITE_METADATA_JSON"),
        "JSON",
        "JSON metadata of the connections it leads to",
    ),
    option(
        "--test-suite-endpoint",
        Some("ACAPY_TEST_SUITE_ENDPOINT"),
        "URL",
        "Address of a protocol test-suite agent",
    )
    .not_yet("connect to the test suite with an invitation instead"),
    flag("--auto-accept-invites", Some("ACAPY_AUTO_ACCEPT_INVITES"), "Answer received invitations at once"),
    flag(
        "--auto-accept-requests",
        Some("ACAPY_AUTO_ACCEPT_REQUESTS"),
        "Answer received connection requests at once",
    ),
    flag(
        "--auto-respond-messages",
        Some("ACAPY_AUTO_RESPOND_MESSAGES"),
        "Answer basic messages with a fixed reply",
    ),
    flag(
        "--auto-respond-credential-proposal",
        Some("ACAPY_AUTO_RESPOND_CREDENTIAL_PROPOSAL"),
        "Issuer: proposal -> offer",
    ),
    flag(
        "--auto-respond-credential-offer",
        Some("ACAPY_AUTO_RESPOND_CREDENTIAL_OFFER"),
        "Holder: offer -> request (any format)",
    ),
    flag(
        "--auto-respond-credential-request",
        Some("ACAPY_AUTO_RESPOND_CREDENTIAL_REQUEST"),
        "Issuer: request -> issue",
    ),
    flag(
        "--auto-respond-presentation-proposal",
        Some("ACAPY_AUTO_RESPOND_PRESENTATION_PROPOSAL"),
        "Verifier: proposal -> request",
    )
    .absent(NO_PROOFS),
    flag(
        "--auto-respond-presentation-request",
        Some("ACAPY_AUTO_RESPOND_PRESENTATION_REQUEST"),
        "Prover: request -> presentation",
    )
    .absent(NO_PROOFS),
    flag(
        "--auto-store-credential",
        Some("ACAPY_AUTO_STORE_CREDENTIAL"),
        "Holder: store on receipt (sends the ack)",
    ),
    flag("--auto-verify-presentation", Some("ACAPY_AUTO_VERIFY_PRESENTATION"), "Verifier: verify on receipt")
        .absent(NO_PROOFS),
];
