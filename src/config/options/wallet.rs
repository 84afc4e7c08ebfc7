//! The wallet.

use super::{OptionSpec, flag, option};

pub(super) const WALLET: &[OptionSpec] = &[
    option("--seed", Some("ACAPY_WALLET_SEED"), "SEED", "32-byte seed of the public DID (or local DID)")
        .secret(),
    flag("--wallet-local-did", Some("ACAPY_WALLET_LOCAL_DID"), "Make a local DID from --seed"),
    flag(
        "--wallet-allow-insecure-seed",
        Some("ACAPY_WALLET_ALLOW_INSECURE_SEED"),
        "Allow seed in /wallet/did/create",
    ),
    option("--wallet-key", Some("ACAPY_WALLET_KEY"), "KEY", "Pass key of the store").secret(),
    option("--dbstore-key", Some("ACAPY_DBSTORE_KEY"), "KEY", "Pass key of the Kanon DB store")
        .secret()
        .no_effect("only --wallet-type kanon-anoncreds reads it"),
    option("--wallet-rekey", Some("ACAPY_WALLET_REKEY"), "KEY", "Re-key the store while opening").secret(),
    option("--dbstore-rekey", Some("ACAPY_DBSTORE_REKEY"), "KEY", "The same for the DB store")
        .secret()
        .no_effect("only --wallet-type kanon-anoncreds reads it"),
    option(
        "--wallet-name",
        Some("ACAPY_WALLET_NAME"),
        "NAME",
        "Store name (sub-folder for sqlite, database for postgres)",
    ),
    option("--wallet-type", Some("ACAPY_WALLET_TYPE"), "TYPE", "askar, askar-anoncreds, kanon-anoncreds")
        .default_value("askar"),
    option(
        "--wallet-storage-type",
        Some("ACAPY_WALLET_STORAGE_TYPE"),
        "TYPE",
        "default (sqlite), postgres_storage",
    )
    .default_value("default"),
    option("--dbstore-storage-type", Some("ACAPY_DBSTORE_STORAGE_TYPE"), "TYPE", "The same for the DB store")
        .default_value("default")
        .no_effect("only --wallet-type kanon-anoncreds reads it"),
    flag("--wallet-test", Some("ACAPY_WALLET_TEST"), "In-memory store with a random name"),
    option(
        "--wallet-storage-config",
        Some("ACAPY_WALLET_STORAGE_CONFIG"),
        "JSON",
        "JSON, e.g. {\"url\":\"host:5432\"}; also connection_timeout (s), max_connections, sslmode, sslrootcert",
    ),
    option(
        "--dbstore-storage-config",
        Some("ACAPY_DBSTORE_STORAGE_CONFIG"),
        "JSON",
        "The same for the DB store",
    )
    .no_effect("only --wallet-type kanon-anoncreds reads it"),
    option("--dbstore-schema-config", Some("ACAPY_DBSTORE_SCHEMA_CONFIG"), "SCHEMA", "normalize or generic")
        .no_effect("only --wallet-type kanon-anoncreds reads it"),
    option(
        "--wallet-key-derivation-method",
        Some("ACAPY_WALLET_KEY_DERIVATION_METHOD"),
        "METHOD",
        "kdf:argon2i:mod when unset; also kdf:argon2i:int, raw, none",
    ),
    option(
        "--wallet-rekey-derivation-method",
        Some("ACAPY_WALLET_REKEY_DERIVATION_METHOD"),
        "METHOD",
        "The same for --wallet-rekey",
    ),
    option(
        "--wallet-storage-creds",
        Some("ACAPY_WALLET_STORAGE_CREDS"),
        "JSON",
        "JSON: account, password, admin_account, admin_password",
    )
    .secret(),
    option(
        "--dbstore-storage-creds",
        Some("ACAPY_DBSTORE_STORAGE_CREDS"),
        "JSON",
        "The same for the DB store",
    )
    .secret()
    .no_effect("only --wallet-type kanon-anoncreds reads it"),
    flag("--replace-public-did", Some("ACAPY_REPLACE_PUBLIC_DID"), "Let --seed replace the public DID"),
    flag("--recreate-wallet", Some("ACAPY_RECREATE_WALLET"), "Delete and create the store again"),
];
