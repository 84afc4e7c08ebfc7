use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use super::options::{self, Arity, Status};
use super::*;

mod sources;

const MINIMUM: &[&str] = &[
    "--label",
    "issuer",
    "-it",
    "http",
    "127.0.0.1",
    "8030",
    "-ot",
    "http",
    "-e",
    "http://127.0.0.1:8030",
    "--admin",
    "127.0.0.1",
    "8031",
    "--admin-insecure-mode",
    "--no-ledger",
    "--auto-provision",
    "--wallet-type",
    "askar",
    "--wallet-name",
    "issuer",
    "--wallet-key",
    "golden",
];

fn load(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let mut variables = HashMap::from([("ACAPY_HOME".to_owned(), "/home".to_owned())]);
    variables.extend(environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Config::load(&Sources { arguments: &arguments, environment: &variables }, Purpose::Start)
}

pub(crate) fn with(more: &[&str]) -> Result<Config, ConfigError> {
    load(&[MINIMUM, more].concat(), &[])
}

/// [`MINIMUM`] without an option and so many of its values.
fn without(option: &str, values: usize) -> Vec<&'static str> {
    let at = MINIMUM.iter().position(|word| *word == option).unwrap();
    [&MINIMUM[..at], &MINIMUM[at + 1 + values..]].concat()
}

fn refusal(result: Result<Config, ConfigError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn the_table_holds_every_option_of_acapy_as_its_parser_has_it() {
    let facts = include_str!("acapy-1.7.0-options.tsv").lines().filter(|line| !line.starts_with('#'));
    let mut known = 0;
    for line in facts {
        let [name, short, env, values, repeatable, default] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let some = |text: &'static str| (text != "-").then_some(text);
        let spec = options::all().find(|s| s.name == name).unwrap_or_else(|| panic!("{name} is missing"));
        let arity = match values {
            "0" => Arity::Flag,
            "1" => Arity::One,
            "+" => Arity::OneOrMore,
            "?" => Arity::ZeroOrOne,
            count => Arity::Exactly(count.parse().unwrap()),
        };
        assert_eq!((spec.short, spec.env, spec.arity), (some(short), some(env), arity), "{name}");
        assert_eq!((spec.repeatable, spec.default), (repeatable == "yes", some(default)), "{name}");
        known += 1;
    }
    assert_eq!(known, 146);
    let ours = options::GROUPS.last().unwrap().options.len();
    assert_eq!(options::all().count(), known + ours);
}

#[test]
fn names_and_variables_are_unique() {
    let mut seen = std::collections::HashSet::new();
    for spec in options::all() {
        assert!(seen.insert(spec.name), "{}", spec.name);
        assert!(spec.env.is_none_or(|env| seen.insert(env)), "{:?}", spec.env);
        assert!(spec.short.is_none_or(|short| seen.insert(short)), "{:?}", spec.short);
    }
}

#[test]
fn the_minimum_of_a_ledgerless_agent_starts() {
    let config = load(MINIMUM, &[]).unwrap();
    assert_eq!(config.agent.label, "issuer");
    assert_eq!(config.agent.endpoints, ["http://127.0.0.1:8030"]);
    let inbound = InboundTransport { scheme: Scheme::Http, host: "127.0.0.1".into(), port: 8030 };
    assert_eq!(config.transport.inbound, [inbound]);
    assert_eq!(config.transport.outbound, [Scheme::Http]);
    assert!(
        matches!(&config.wallet.storage, Storage::Sqlite(path) if path == std::path::Path::new("/home/wallet/issuer/sqlite.db"))
    );
    assert_eq!(config.wallet.pass_key.unwrap().derivation, KeyDerivation::Argon2iModerate);
    let admin = config.admin.unwrap();
    assert_eq!((admin.host.as_str(), admin.port, admin.max_request_bytes), ("127.0.0.1", 8031, 1 << 20));
    let delivery = Delivery {
        max_age: Duration::from_secs(86_400),
        max_attempts: None,
        first_pause: Duration::from_secs(1),
        longest_pause: Duration::from_secs(3_600),
        resend_pause: Duration::from_secs(15),
        delay_notice: Some(Duration::from_secs(3_600)),
    };
    assert_eq!(config.delivery, delivery);
    assert_eq!(config.retention.dead_letters, Duration::from_secs(30 * 86_400));
    assert_eq!(
        (config.limits.didcomm, config.limits.admin, config.limits.rate_per_address),
        (256, 256, None)
    );
    assert_eq!(config.automation, Automation::default());
    assert_eq!(config.protocol, Protocol::default());
    assert!(config.contexts.fetch_remote);
}

/// The dictionary of the golden trace `00_server`, from a real ACA-Py started with the same options.
#[test]
fn status_config_is_that_of_acapy() {
    let more = ["--webhook-url", "http://127.0.0.1:8090/issuer#key", "--wallet-allow-insecure-seed"];
    let config = with(&[&more[..], &["--log-level", "WARNING"]].concat()).unwrap();
    let recorded = json!({
        "admin.admin_insecure_mode": true, "admin.enabled": true, "admin.host": "127.0.0.1", "admin.port": "8031",
        "admin.webhook_urls": ["http://127.0.0.1:8090/issuer"], "admin.admin_client_max_request_size": 1,
        "auto_install_plugins": false, "plugin_install_version": null,
        "default_endpoint": "http://127.0.0.1:8030", "additional_endpoints": [],
        "revocation.anoncreds_legacy_support": "accept", "ledger.disabled": true, "log.level": "WARNING",
        "trace.target": "log", "trace.tag": "", "trace.label": "issuer",
        "emit_new_didcomm_prefix": true, "emit_new_didcomm_mime_type": true, "auto_provision": true,
        "transport.inbound_configs": [["http", "127.0.0.1", "8030"]], "transport.outbound_configs": ["http"],
        "transport.enable_undelivered_queue": false, "transport.max_message_size": 2_097_152,
        "transport.max_outbound_retry": 4, "transport.ws.heartbeat_interval": 3, "transport.ws.timeout_interval": 15,
        "default_label": "issuer", "wallet.allow_insecure_seed": true, "wallet.name": "issuer",
        "wallet.storage_type": "default", "dbstore.storage_type": "default", "wallet.type": "askar",
        "endorser.author": false, "endorser.endorser": false, "endorser.auto_endorse": false,
        "endorser.auto_write": false, "endorser.auto_create_rev_reg": false,
        "endorser.auto_promote_author_did": false, "ledger.read_only": false, "upgrade.from_version": "v0.7.5"
    });
    let shown = serde_json::Value::Object(config.status_config());
    assert_eq!(shown.to_string(), recorded.to_string(), "same members in the same order");
}

#[test]
fn no_secret_is_shown() {
    let secrets = [
        "--admin-api-key",
        "api-hidden",
        "--wallet-key",
        "wallet-hidden",
        "--wallet-rekey",
        "rekey-hidden",
        "--seed",
        "seed-hidden-000000000000000000000",
        "--webhook-url",
        "http://c/#hook-hidden",
        "--jwt-secret",
        "jwt-hidden",
        "--dbstore-key",
        "dbstore-hidden",
        "--wallet-storage-creds",
        "creds-hidden",
    ];
    let config = load(&[&without("--admin-insecure-mode", 0)[..], &secrets].concat(), &[]);
    assert!(refusal(config).contains("--seed"), "33 bytes");
    let mut arguments = [&without("--admin-insecure-mode", 0)[..], &secrets].concat();
    let seed = arguments.iter().position(|word| word.starts_with("seed-hidden")).unwrap();
    arguments[seed] = "seed-hidden-00000000000000000000";
    let config = load(&arguments, &[]).unwrap();
    let shown = format!("{config:?}{:?}", config.status_config());
    let notices = config.notices.join("\n");
    for secret in arguments.iter().filter(|word| word.contains("hidden")) {
        let bare = secret.rsplit('#').next().unwrap();
        assert!(!shown.contains(bare), "{bare} in {shown}");
        assert!(!notices.contains(bare), "{bare} in {notices}");
    }
    assert!(notices.contains("--wallet-key on the command line can be read by everyone"));
    assert!(notices.contains("ACAPY_WALLET_KEY_FILE"));
}

#[test]
fn an_admin_api_needs_exactly_one_kind_of_access() {
    let neither = refusal(load(&without("--admin-insecure-mode", 0), &[]));
    assert!(
        neither.contains("ACAPY_ADMIN_API_KEY") && neither.contains("--admin-insecure-mode"),
        "{neither}"
    );
    let both = refusal(with(&["--admin-api-key", "k"]));
    assert!(both.contains("exclude each other"), "{both}");
    let key = load(&without("--admin-insecure-mode", 0), &[("ACAPY_ADMIN_API_KEY", "k")]).unwrap();
    assert!(matches!(key.admin.unwrap().access, AdminAccess::Key(key) if key.expose() == "k"));
}

#[test]
fn what_is_missing_is_asked_for() {
    assert!(refusal(load(&without("-e", 1), &[])).contains("--endpoint is required"));
    assert!(refusal(load(&without("-it", 3), &[])).contains("--inbound-transport is required"));
    assert!(refusal(load(&without("-ot", 1), &[])).contains("--outbound-transport is required"));
    assert!(refusal(load(&without("--wallet-key", 1), &[])).contains("--wallet-key are required"));
    let silent = ["--no-transport", "--wallet-test"];
    assert!(refusal(load(&silent, &[])).contains("nobody can reach: give --admin"));
    let admin = ["--admin", "127.0.0.1", "8031", "--admin-insecure-mode"];
    let config = load(&[&silent[..], &admin].concat(), &[]).unwrap();
    assert!(matches!(config.wallet.storage, Storage::Memory));
    assert!(config.admin.is_some() && config.transport.inbound.is_empty());
    assert!(config.notices.iter().any(|n| n.contains("starting without one, as with --no-ledger")));
}

#[test]
fn provisioning_needs_only_the_wallet() {
    let arguments: Vec<String> =
        ["--wallet-name", "w", "--wallet-key", "k"].iter().map(|word| (*word).to_owned()).collect();
    let environment = HashMap::from([("HOME".to_owned(), "/root".to_owned())]);
    let sources = Sources { arguments: &arguments, environment: &environment };
    let config = Config::load(&sources, Purpose::Provision).unwrap();
    assert!(
        matches!(&config.wallet.storage, Storage::Sqlite(path) if path == std::path::Path::new("/root/.acapy_agent/wallet/w/sqlite.db"))
    );
}

#[test]
fn an_option_that_does_not_exist_yet_ends_the_start() {
    for (given, named) in [
        (&["--multitenant"][..], "--multitenant is not supported yet: run one agent per tenant"),
        (&["--plugin", "webvh"], "--plugin is not supported yet"),
        (&["--wallet-type", "kanon-anoncreds"], "kanon-anoncreds is not supported yet"),
        (&["--endorser-protocol-role", "author"], "--endorser-protocol-role is not supported yet"),
    ] {
        let sentence = refusal(with(given));
        assert!(sentence.contains(named), "{sentence}");
    }
    let variable = refusal(load(MINIMUM, &[("ACAPY_MULTITENANT", "true")]));
    assert!(variable.starts_with("ACAPY_MULTITENANT is not supported yet"), "{variable}");
}

#[test]
fn every_option_acts_or_says_that_it_does_not() {
    for spec in options::all() {
        let values: Vec<&str> = match spec.arity {
            Arity::Flag => vec![],
            Arity::Exactly(count) => vec!["x"; count],
            _ => vec!["x"],
        };
        let given = [&[spec.name][..], &values].concat();
        match spec.status {
            Status::Acts => {}
            Status::NoEffect(because) => {
                let config = with(&given).unwrap();
                assert!(
                    config.notices.iter().any(|n| n.contains(spec.name) && n.contains(because)),
                    "{}",
                    spec.name
                );
            }
            Status::Absent(because) => {
                let warnings = with(&given).unwrap().warnings.join("\n");
                assert!(warnings.contains(spec.name) && warnings.contains(because), "{warnings}");
                let strict = refusal(with(&[&given[..], &["--strict-options"]].concat()));
                assert!(strict.contains(spec.name) && strict.contains(because), "{strict}");
            }
            Status::NotYet(advice) if spec.moot_with.is_some() => {
                assert!(with(&given).unwrap().notices.iter().any(|n| n.contains(spec.name)), "{}", spec.name);
                let alone = refusal(load(&[&without("--no-ledger", 0)[..], &given].concat(), &[]));
                assert!(alone.contains(advice), "{alone}");
            }
            Status::NotYet(advice) => assert!(refusal(with(&given)).contains(advice), "{}", spec.name),
        }
    }
}

#[test]
fn what_asks_for_nothing_may_name_an_option_that_does_not_exist_yet() {
    let environment = [("ACAPY_MULTITENANT", "false"), ("ACAPY_ENDORSER_ROLE", "none")];
    load(MINIMUM, &[&environment[..], &[("ACAPY_ANONCREDS_LEGACY_REVOCATION", "accept")]].concat()).unwrap();
}

#[test]
fn wallet_keys_and_seeds_are_checked() {
    let raw = "--wallet-key-derivation-method";
    assert!(refusal(with(&[raw, "raw"])).contains("base58 of 32 bytes"));
    let key = bs58::encode([7; 32]).into_string();
    let config = with(&["--wallet-key", &key, raw, "RAW"]).unwrap();
    assert_eq!(config.wallet.pass_key.unwrap().derivation, KeyDerivation::Raw);
    assert!(refusal(with(&[raw, "pbkdf2"])).contains("that is none of kdf:argon2i:mod"));
    for seed in ["golden-vectors-issuer-seed-00001", "Z29sZGVuLXZlY3RvcnMtaXNzdWVyLXNlZWQtMDAwMDE="] {
        let config = with(&["--seed", seed]).unwrap();
        assert_eq!(config.wallet.seed.unwrap().expose(), b"golden-vectors-issuer-seed-00001");
    }
    assert!(refusal(with(&["--seed", "short"])).contains("32 bytes"));
    assert!(refusal(with(&["--wallet-name", "../up"])).contains("no name for a folder"));
}

#[test]
fn numbers_sizes_and_lengths_of_time_have_their_bounds() {
    assert_eq!(with(&["--max-message-size", "4m"]).unwrap().transport.max_message_bytes, 4 << 20);
    assert!(refusal(with(&["--max-message-size", "100"])).contains("1024"));
    assert!(refusal(with(&["--admin-client-max-request-size", "17"])).contains("between 1 and 16"));
    assert_eq!(with(&["--max-outbound-retry", "4"]).unwrap().delivery.max_attempts, Some(4));
    for (given, pause) in [("off", 0), ("0", 0), ("4s", 4)] {
        let delivery = with(&["--outbound-resend-pause", given]).unwrap().delivery;
        assert_eq!(delivery.resend_pause, Duration::from_secs(pause), "{given}");
    }
    assert!(refusal(with(&["--outbound-resend-pause", "soon"])).contains("no length of time"));
    let kept = with(&["--parked-envelope-retention", "90"]).unwrap().retention.parked_envelopes;
    assert_eq!(kept, Duration::from_secs(90));
    for bad in ["0d", "week", "-1h", ""] {
        let given = format!("--event-retention={bad}");
        let result = with(&[&given]);
        assert_eq!(result.is_err(), !bad.is_empty(), "{bad}");
    }
    assert!(refusal(with(&["-it", "http", "h", "70000"])).contains("no port"));
    assert!(refusal(with(&["-ot", "smtp"])).contains("http and ws exist"));
}

#[test]
fn combinations_are_checked() {
    assert!(refusal(with(&["--requests-through-public-did"])).contains("needs --public-invites"));
    assert!(refusal(with(&["--invite", "--invite-public"])).contains("needs --public-invites"));
    assert!(refusal(with(&["--invite", "--invite-metadata-json", "[]"])).contains("JSON object"));
    let config = with(&["--invite", "--invite-multi-use", "--invite-metadata-json", r#"{"a":1}"#]).unwrap();
    let invitation = config.invitation.unwrap();
    assert!(invitation.multi_use && !invitation.public);
    assert_eq!(invitation.metadata.unwrap()["a"], 1);
    assert!(with(&["--log-file"]).is_err());
    assert!(refusal(with(&["--log-level", "loud"])).contains("critical"));
}

#[test]
fn webhooks_come_from_the_option_and_from_the_variable_without_prefix() {
    let listed = [MINIMUM, &["--webhook-url", "http://a/x#k", "--webhook-url", "https://b"]].concat();
    let config = load(&listed, &[("WEBHOOK_URL", "http://c#d")]).unwrap();
    let shown: Vec<_> = config
        .webhooks
        .targets
        .iter()
        .map(|target| (target.url.as_str(), target.api_key.as_ref().map(|key| key.expose())))
        .collect();
    assert_eq!(shown, [("http://a/x", Some("k")), ("https://b", None), ("http://c", Some("d"))]);
    assert!(refusal(with(&["--webhook-url", "ftp://a"])).contains("http://"));
}

#[test]
fn help_names_every_option_under_its_heading() {
    let text = help("start");
    for group in options::GROUPS {
        let section = text.split(&format!("\n{}:\n", group.title)).nth(1).unwrap();
        for spec in group.options {
            assert!(section.contains(spec.name), "{}", spec.name);
        }
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "lines fit a terminal");
}

#[test]
fn a_wallet_on_postgresql_as_acapy_takes_it() {
    let base = without("--admin-insecure-mode", 0);
    let with = |config: &str, credentials: &str| {
        let more = [
            "--admin-insecure-mode",
            "--wallet-storage-type",
            "postgres_storage",
            "--wallet-storage-config",
            config,
            "--wallet-storage-creds",
            credentials,
        ];
        load(&[&base[..], &more].concat(), &[])
    };
    let credentials =
        r#"{"account":"a","password":"hidden-1","admin_account":"root","admin_password":"hidden-2"}"#;
    let config = with(r#"{"url":"db:5433","max_connections":5,"min_idle_count":1}"#, credentials).unwrap();
    let Storage::Postgres(database) = &config.wallet.storage else { panic!("{:?}", config.wallet.storage) };
    assert_eq!((database.host.as_str(), database.port, database.max_connections), ("db", 5433, 5));
    assert_eq!((database.account.name.as_str(), database.account.password.expose()), ("a", "hidden-1"));
    assert_eq!(database.admin.as_ref().unwrap().password.expose(), "hidden-2");
    assert!(!format!("{config:?}").contains("hidden"));
    for (more, mode) in [
        ("", "prefer"),
        (r#","tls":true"#, "verify-full"),
        (r#","tls":false"#, "disable"),
        (r#","sslmode":"verify-ca","sslrootcert":"/ca.pem""#, "verify-ca"),
    ] {
        let config = with(&format!(r#"{{"url":"db"{more}}}"#), credentials).unwrap();
        let Storage::Postgres(database) = &config.wallet.storage else { panic!() };
        assert_eq!(database.sslmode.as_str(), mode);
        assert_eq!(database.sslrootcert.is_some(), more.contains("ca.pem"));
    }
    for (config, credentials, part) in [
        (r#"{"url":"db","sslmode":"on"}"#, credentials, "verify-full"),
        (r#"{"url":"db","sslmode":"disable","tls":true}"#, credentials, "not both"),
        ("{}", credentials, "url"),
        (r#"{"url":"postgres://db"}"#, credentials, "host:port"),
        (r#"{"url":"db"}"#, r#"{"account":"hidden-3"}"#, "account and password"),
    ] {
        let refused = refusal(with(config, credentials));
        assert!(refused.contains(part) && !refused.contains("hidden"), "{refused}");
    }
}

#[test]
fn all_options_that_cannot_act_are_named_at_once() {
    let refused = refusal(with(&["--multitenant", "--plugin", "webvh", "--endorser-alias", "x"]));
    for name in ["--multitenant", "--plugin", "--endorser-alias"] {
        assert!(refused.contains(name), "{refused}");
    }
    let one_warning =
        with(&["--auto-verify-presentation", "--open-mediation", "--notify-revocation"]).unwrap();
    let about: Vec<_> = one_warning.warnings.iter().filter(|w| w.contains("--strict-options")).collect();
    assert_eq!(about.len(), 1);
    for name in ["--auto-verify-presentation", "--open-mediation", "--notify-revocation"] {
        assert!(about[0].contains(name), "{about:?}");
    }
}

#[test]
fn plugins_of_protocols_that_are_not_spoken_do_no_harm_and_others_end_the_start() {
    let legacy = ["--plugin", "connections", "--plugin", "issue_credential", "--plugin", "present_proof"];
    let warnings = with(&legacy).unwrap().warnings.join("\n");
    assert!(warnings.contains("--plugin (the protocols"), "{warnings}");
    assert!(refusal(with(&[&legacy[..], &["--strict-options"]].concat())).contains("--plugin"));
    assert!(refusal(with(&[&legacy[..], &["--plugin", "webvh"]].concat())).contains("Python packages"));
}

#[test]
fn an_endpoint_without_a_scheme_is_warned_of() {
    for (endpoint, warned) in [("host:8030", true), ("HTTPS://host", false), ("ftp://user:hidden@host", true)]
    {
        let arguments = [&without("-e", 1)[..], &["-e", endpoint]].concat();
        let warnings = load(&arguments, &[]).unwrap().warnings.join("\n");
        assert_eq!(warnings.contains("no http or ws URL"), warned, "{warnings}");
        assert!(!warnings.contains("hidden"), "{warnings}");
    }
}

#[test]
fn a_database_elsewhere_without_verified_tls_is_warned_of() {
    let credentials = r#"{"account":"a","password":"p"}"#;
    for (config, warned) in [
        (r#"{"url":"db:5432"}"#, true),
        (r#"{"url":"db:5432","sslmode":"require"}"#, true),
        (r#"{"url":"db:5432","sslmode":"require","sslrootcert":"/ca.pem"}"#, false),
        (r#"{"url":"db:5432","tls":true}"#, false),
        (r#"{"url":"localhost:5432"}"#, false),
        (r#"{"url":"127.0.0.1"}"#, false),
    ] {
        let more = [
            "--wallet-storage-type",
            "postgres_storage",
            "--wallet-storage-config",
            config,
            "--wallet-storage-creds",
            credentials,
        ];
        let warnings = with(&more).unwrap().warnings.join("\n");
        assert_eq!(warnings.contains("verify-full"), warned, "{config}: {warnings}");
    }
}

#[test]
fn one_partys_messages_make_a_thousand_rows_and_16_mib_wait_unless_told_otherwise() {
    let waiting = |more: &[&str]| with(more).unwrap().limits.waiting;
    let usual = waiting(&[]);
    assert_eq!((usual.rows, usual.bytes), (Some(1_000), Some(16 << 20)));
    let other = waiting(&["--max-rows-per-connection", "off", "--max-bytes-per-connection", "1000"]);
    assert_eq!((other.rows, other.bytes), (None, Some(1_000)));
}
