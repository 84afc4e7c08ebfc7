//! Ledgers, revocation, mediation, tenants, endorsement and upgrades.

use super::{OptionSpec, flag, option};

/// Why nobody hears of revocations.
const NO_REVOCATION: &str = "revocation does not exist here yet";

pub(super) const REVOCATION: &[OptionSpec] = &[
    option("--tails-server-base-url", Some("ACAPY_TAILS_SERVER_BASE_URL"), "URL", "Tails server, download")
        .absent(NO_REVOCATION),
    option(
        "--tails-server-upload-url",
        Some("ACAPY_TAILS_SERVER_UPLOAD_URL"),
        "URL",
        "Tails server, upload (falls back to the base URL)",
    )
    .not_yet("revocation does not exist here; leave it out"),
    flag("--notify-revocation", Some("ACAPY_NOTIFY_REVOCATION"), "Tell holders about revocations")
        .absent(NO_REVOCATION),
    flag(
        "--monitor-revocation-notification",
        Some("ACAPY_MONITOR_REVOCATION_NOTIFICATION"),
        "Webhook on received revocation notices",
    )
    .absent(NO_REVOCATION),
    option(
        "--anoncreds-legacy-revocation",
        Some("ACAPY_ANONCREDS_LEGACY_REVOCATION"),
        "accept|reject",
        "How to treat old non-revocation proofs",
    )
    .default_value("accept")
    .not_yet("revocation does not exist here; leave it out"),
];

pub(super) const LEDGER: &[OptionSpec] = &[
    option("--ledger-pool-name", Some("ACAPY_LEDGER_POOL_NAME"), "NAME", "Indy pool name")
        .not_yet(
            "no ledger is spoken to; leave it out, or add --no-ledger to have the ledger options ignored",
        )
        .moot_with("--no-ledger"),
    option(
        "--genesis-transactions",
        Some("ACAPY_GENESIS_TRANSACTIONS"),
        "TEXT",
        "Genesis transactions as text",
    )
    .not_yet("no ledger is spoken to; leave it out, or add --no-ledger to have the ledger options ignored")
    .moot_with("--no-ledger"),
    option("--genesis-file", Some("ACAPY_GENESIS_FILE"), "FILE", "Genesis file")
        .not_yet(
            "no ledger is spoken to; leave it out, or add --no-ledger to have the ledger options ignored",
        )
        .moot_with("--no-ledger"),
    option("--genesis-url", Some("ACAPY_GENESIS_URL"), "URL", "Genesis URL")
        .not_yet(
            "no ledger is spoken to; leave it out, or add --no-ledger to have the ledger options ignored",
        )
        .moot_with("--no-ledger"),
    flag("--no-ledger", Some("ACAPY_NO_LEDGER"), "Run without a ledger; overrides the other ledger options"),
    flag("--read-only-ledger", Some("ACAPY_READ_ONLY_LEDGER"), "Do not write to the ledger")
        .no_effect("there is no ledger to write to"),
    option(
        "--ledger-keepalive",
        Some("ACAPY_LEDGER_KEEP_ALIVE"),
        "SECONDS",
        "Seconds to keep the pool open (minimum 5)",
    )
    .default_value("5")
    .no_effect("there is no ledger pool to keep open"),
    option("--ledger-socks-proxy", Some("ACAPY_LEDGER_SOCKS_PROXY"), "HOST:PORT", "SOCKS proxy for the pool")
        .not_yet(
            "no ledger is spoken to; leave it out, or add --no-ledger to have the ledger options ignored",
        )
        .moot_with("--no-ledger"),
    option(
        "--genesis-transactions-list",
        Some("ACAPY_GENESIS_TRANSACTIONS_LIST"),
        "FILE",
        "YAML for several ledgers",
    )
    .not_yet("no ledger is spoken to; leave it out, or add --no-ledger to have the ledger options ignored")
    .moot_with("--no-ledger"),
    option(
        "--accept-taa",
        Some("ACAPY_ACCEPT_TAA"),
        "MECHANISM VERSION",
        "Accept a transaction author agreement",
    )
    .exactly(2)
    .not_yet("no ledger is spoken to; leave it out, or add --no-ledger to have the ledger options ignored")
    .moot_with("--no-ledger"),
];

pub(super) const MEDIATION_INVITATION: &[OptionSpec] = &[option(
    "--mediator-invitation",
    Some("ACAPY_MEDIATION_INVITATION"),
    "URL",
    "Connect to this mediator at start and make it the default",
)
.not_yet("mediation does not exist here; leave it out")];

pub(super) const MEDIATION: &[OptionSpec] = &[
    flag("--open-mediation", Some("ACAPY_MEDIATION_OPEN"), "Grant mediation to everybody who asks")
        .absent("mediation does not exist here yet"),
    option("--default-mediator-id", Some("ACAPY_DEFAULT_MEDIATION_ID"), "ID", "Default mediator")
        .not_yet("mediation does not exist here; leave it out"),
    flag("--clear-default-mediator", Some("ACAPY_CLEAR_DEFAULT_MEDIATOR"), "Forget the default mediator")
        .no_effect("there is never a default mediator"),
];

pub(super) const MULTITENANT: &[OptionSpec] = &[
    flag("--multitenant", Some("ACAPY_MULTITENANT"), "Multitenant mode").not_yet("run one agent per tenant"),
    option("--jwt-secret", Some("ACAPY_MULTITENANT_JWT_SECRET"), "SECRET", "Secret of tenant tokens")
        .secret()
        .no_effect("only --multitenant reads it"),
    flag("--multitenant-admin", Some("ACAPY_MULTITENANT_ADMIN"), "Multitenancy admin routes")
        .no_effect("only --multitenant reads it"),
    option(
        "--multitenancy-config",
        Some("ACAPY_MULTITENANCY_CONFIGURATION"),
        "KEY=VALUE",
        "wallet_type, wallet_name, cache_size, key_derivation_method",
    )
    .one_or_more()
    .no_effect("only --multitenant reads it"),
    option("--base-wallet-routes", None, "REGEX", "More routes allowed for the base wallet")
        .one_or_more()
        .no_effect("only --multitenant reads it"),
];

pub(super) const ENDORSEMENT: &[OptionSpec] = &[
    option("--endorser-protocol-role", Some("ACAPY_ENDORSER_ROLE"), "ROLE", "author, endorser or none")
        .not_yet("there is no endorser protocol; leave it out")
        .harmless("none"),
    option(
        "--endorser-invitation",
        Some("ACAPY_ENDORSER_INVITATION"),
        "URL",
        "Author: invitation of the endorser",
    )
    .not_yet("there is no endorser protocol; leave it out"),
    option("--endorser-public-did", Some("ACAPY_ENDORSER_PUBLIC_DID"), "DID", "Author: endorser's DID")
        .not_yet("there is no endorser protocol; leave it out"),
    option(
        "--endorser-endorse-with-did",
        Some("ACAPY_ENDORSER_ENDORSE_WITH_DID"),
        "DID",
        "Endorser: DID to sign with",
    )
    .not_yet("there is no endorser protocol; leave it out"),
    option("--endorser-alias", Some("ACAPY_ENDORSER_ALIAS"), "ALIAS", "Author: alias of that connection")
        .not_yet("there is no endorser protocol; leave it out"),
    flag("--auto-request-endorsement", Some("ACAPY_AUTO_REQUEST_ENDORSEMENT"), "Author: ask by itself")
        .not_yet("there is no endorser protocol; leave it out"),
    flag(
        "--auto-endorse-transactions",
        Some("ACAPY_AUTO_ENDORSE_TRANSACTIONS"),
        "Endorser: endorse by itself",
    )
    .not_yet("there is no endorser protocol; leave it out"),
    flag("--auto-write-transactions", Some("ACAPY_AUTO_WRITE_TRANSACTIONS"), "Author: write by itself")
        .not_yet("there is no endorser protocol; leave it out"),
    flag(
        "--auto-create-revocation-transactions",
        Some("ACAPY_CREATE_REVOCATION_TRANSACTIONS"),
        "Author: create revocation transactions by itself",
    )
    .not_yet("there is no endorser protocol; leave it out"),
    flag(
        "--auto-promote-author-did",
        Some("ACAPY_AUTO_PROMOTE_AUTHOR_DID"),
        "Author: make the written DID public",
    )
    .not_yet("there is no endorser protocol; leave it out"),
];

pub(super) const UPGRADE: &[OptionSpec] = &[
    option("--upgrade-config-path", Some("ACAPY_UPGRADE_CONFIG_PATH"), "FILE", "Upgrade YAML")
        .not_yet("bring the wallet up to date with ACA-Py's `upgrade` command first"),
    option("--from-version", Some("ACAPY_UPGRADE_FROM_VERSION"), "VERSION", "Version to upgrade from")
        .not_yet("bring the wallet up to date with ACA-Py's `upgrade` command first"),
    flag(
        "--force-upgrade",
        Some("ACAPY_UPGRADE_FORCE_UPGRADE"),
        "Use --from-version whatever the store says",
    )
    .not_yet("bring the wallet up to date with ACA-Py's `upgrade` command first"),
    option("--named-tag", Some("ACAPY_UPGRADE_NAMED_TAGS"), "TAG", "Named upgrade step")
        .repeatable()
        .not_yet("bring the wallet up to date with ACA-Py's `upgrade` command first"),
    flag("--upgrade-all-subwallets", Some("ACAPY_UPGRADE_ALL_SUBWALLETS"), "Upgrade all tenants")
        .not_yet("bring the wallet up to date with ACA-Py's `upgrade` command first"),
    option("--upgrade-subwallet", Some("ACAPY_UPGRADE_SUBWALLETS"), "NAME", "Upgrade one tenant")
        .repeatable()
        .not_yet("bring the wallet up to date with ACA-Py's `upgrade` command first"),
    option("--upgrade-page-size", Some("ACAPY_UPGRADE_PAGE_SIZE"), "ROWS", "Batch size")
        .no_effect("only an upgrade reads it"),
];
