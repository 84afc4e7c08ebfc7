//! Command line, environment, `--arg-file`: what each may look like and which wins.

use super::*;

/// A file with this text, removed when dropped.
struct Temporary(String);

fn temporary(name: &str, text: &str) -> Temporary {
    let path = std::env::temp_dir().join(format!("chancery-config-{}-{name}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    Temporary(path.to_string_lossy().into_owned())
}

impl std::ops::Deref for Temporary {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_command_line_is_read_as_argparse_reads_it() {
    let config = with(&[
        "--endpoint",
        "http://a",
        "ws://b",
        "-it",
        "ws",
        "0.0.0.0",
        "8032",
        "-ot",
        "ws",
        "-lbob",
        "--debug-cred",
        "--image-url=https://x/y=z",
    ])
    .unwrap();
    assert_eq!(config.agent.endpoints, ["http://a", "ws://b"]);
    assert_eq!(config.transport.inbound.len(), 2);
    assert_eq!(config.transport.outbound, [Scheme::Http, Scheme::Ws]);
    assert_eq!(config.agent.label, "bob", "attached to its letter, and the last one wins");
    assert!(config.logging.debug_credentials, "a unique abbreviation");
    assert_eq!(config.agent.image_url.as_deref(), Some("https://x/y=z"));
}

#[test]
fn faults_of_the_command_line_are_named() {
    for (given, part) in [
        (&["--admin-api-kee", "k"][..], "unknown option `--admin-api-kee`: did you mean `--admin-api-key`?"),
        (&["--qqqqqqqq"], "unknown option `--qqqqqqqq`"),
        (&["--auto-respond-c"], "--auto-respond-credential-proposal, --auto-respond-credential-offer"),
        (&["--admin", "127.0.0.1"], "--admin takes 2 values: --admin HOST PORT"),
        (&["--label"], "--label takes one value"),
        (&["--wallet-key", "-dash"], "--wallet-key takes one value: --wallet-key KEY (a value that starts"),
        (&["--no-ledger=true"], "--no-ledger takes no value"),
        (&["--no-ledger", "true"], "a word after --no-ledger belongs to no option"),
        (&["--wallet-key", "two", "words"], "a word after --wallet-key belongs to no option"),
        (&["--endpoint"], "--endpoint takes one or more values"),
    ] {
        let sentence = refusal(with(given));
        assert!(sentence.contains(part), "{sentence}");
    }
    assert_eq!(with(&["--wallet-key=-dash"]).unwrap().wallet.pass_key.unwrap().key.expose(), "-dash");
}

#[test]
fn variables_take_the_forms_that_deployments_use() {
    for inbound in ["[[\"http\",\"0.0.0.0\",\"8030\"]]", "[http,0.0.0.0,8030]", "[[http, 0.0.0.0, 8030]]"] {
        let environment = [
            ("ACAPY_INBOUND_TRANSPORT", inbound),
            ("ACAPY_OUTBOUND_TRANSPORT", "http"),
            ("ACAPY_ENDPOINT", "[http://a,ws://b]"),
            ("ACAPY_ADMIN", "[127.0.0.1,8031]"),
            ("ACAPY_ADMIN_INSECURE_MODE", "True"),
            ("ACAPY_NO_LEDGER", "1"),
            ("ACAPY_AUTO_PROVISION", "off"),
            ("ACAPY_WALLET_NAME", "w"),
            ("ACAPY_WALLET_KEY", "[k]"),
            ("ACAPY_IMAGE_URL", ""),
        ];
        let config = load(&[], &environment).unwrap();
        assert_eq!(config.transport.inbound[0].port, 8030, "{inbound}");
        assert_eq!(config.agent.endpoints, ["http://a", "ws://b"]);
        assert_eq!(config.admin.unwrap().port, 8031);
        assert_eq!(config.wallet.pass_key.unwrap().key.expose(), "[k]", "brackets make lists of lists only");
        assert!(!config.wallet.auto_provision);
        assert_eq!(config.agent.image_url, None, "an empty variable is not set");
    }
    assert!(refusal(load(MINIMUM, &[("ACAPY_DEBUG_WEBHOOKS", "maybe")])).contains("ACAPY_DEBUG_WEBHOOKS"));
    let spaced = refusal(load(&without("--admin", 2), &[("ACAPY_ADMIN", "127.0.0.1 8031")]));
    assert_eq!(spaced, "ACAPY_ADMIN takes 2 values in brackets: ACAPY_ADMIN=[HOST,PORT]");
}

#[test]
fn secrets_come_from_files_too() {
    let file = temporary("key", "from-file\n");
    let arguments = without("--wallet-key", 1);
    let config = load(&arguments, &[("ACAPY_WALLET_KEY_FILE", &file)]).unwrap();
    assert_eq!(config.wallet.pass_key.unwrap().key.expose(), "from-file");
    assert!(!config.notices.iter().any(|n| n.contains("--wallet-key")));
    let both = refusal(load(&arguments, &[("ACAPY_WALLET_KEY_FILE", &file), ("ACAPY_WALLET_KEY", "x")]));
    assert!(both.contains("keep one"), "{both}");
    let gone = refusal(load(&arguments, &[("ACAPY_WALLET_KEY_FILE", "/nowhere/key")]));
    assert!(gone.contains("ACAPY_WALLET_KEY_FILE: can't read /nowhere/key"), "{gone}");
    let hooks = temporary("hooks", "http://a#1\n\nhttp://b#2\n");
    let config = load(MINIMUM, &[("ACAPY_WEBHOOK_URL_FILE", &hooks)]).unwrap();
    assert_eq!(config.webhooks.targets.len(), 2);
    let public = load(MINIMUM, &[("ACAPY_IMAGE_URL_FILE", &file)]).unwrap();
    assert_eq!(public.agent.image_url, None, "only secrets");
}

#[test]
fn command_line_beats_environment_beats_file_beats_default() {
    let file = temporary(
        "arguments.yml",
        "label: file\n--image-url: http://file\nmax-outbound-retry: 7\nwebhook-url:\n  - http://file\n\
         auto-ping-connection: true\nmonitor-ping: no\nauto-provision:\n",
    );
    let arguments = [&without("--label", 1)[..], &["--arg-file", &file]].concat();
    let config = load(&arguments, &[]).unwrap();
    assert_eq!(config.agent.label, "file");
    assert_eq!(config.agent.image_url.as_deref(), Some("http://file"));
    assert_eq!(config.delivery.max_attempts, Some(7));
    assert!(config.protocol.auto_ping_connection && !config.protocol.monitor_ping);
    let config =
        load(&arguments, &[("ACAPY_LABEL", "variable"), ("ACAPY_WEBHOOK_URL", "http://variable")]).unwrap();
    assert_eq!(config.agent.label, "variable");
    assert_eq!(config.webhooks.targets[0].url, "http://variable");
    assert_eq!(config.webhooks.targets.len(), 1, "a list replaces a list");
    let config = load(&[&arguments[..], &["-l", "line"]].concat(), &[("ACAPY_LABEL", "variable")]).unwrap();
    assert_eq!(config.agent.label, "line");
}

#[test]
fn an_argument_file_keeps_texts_as_they_are_written() {
    let file = temporary(
        "texts.yml",
        "wallet-name: \"0123\"\nwallet-key: \"007\"\nadmin: [0.0.0.0, 8031]\ninbound-transport:\n  - [http, 0.0.0.0, 8030]\n  \
         - [ws, 0.0.0.0, 8032]\noutbound-transport: http\nendpoint: [http://a, http://b]\nadmin-insecure-mode: yes\n\
         no-ledger: true\nwallet-storage-config:\n  url: db:5432\n",
    );
    let config = load(&["--arg-file", &file], &[]).unwrap();
    assert_eq!(config.wallet.name, "0123");
    assert_eq!(config.wallet.pass_key.as_ref().unwrap().key.expose(), "007");
    assert_eq!(config.transport.inbound[1].scheme, Scheme::Ws);
    assert_eq!(config.agent.endpoints.len(), 2);
    assert_eq!(config.status_config()["wallet.storage_config"], r#"{"url":"db:5432"}"#);
}

#[test]
fn faults_of_an_argument_file_are_named() {
    for (name, text, part) in [
        ("unknown.yml", "walet-name: x", "unknown option `walet-name`: did you mean `--wallet-name`?"),
        ("list.yml", "- a\n- b", "must hold `option: value` lines"),
        ("broken.yml", "a: [1", "not YAML"),
        ("count.yml", "admin: [a]", "`admin` in the --arg-file takes 2 values"),
        ("missing.yml", "multitenant: true", "`multitenant` in the --arg-file is not supported yet"),
    ] {
        let file = temporary(name, text);
        let arguments = [&without("--admin", 2)[..], &["--arg-file", &file]].concat();
        let sentence = refusal(load(&arguments, &[]));
        assert!(sentence.contains(part), "{sentence}");
    }
    assert!(refusal(with(&["--arg-file", "/nowhere.yml"])).contains("can't read /nowhere.yml"));
    assert!(refusal(with(&["--arg-file", "https://x/y.yml"])).contains("download it first"));
}

#[test]
fn values_with_spaces_are_read_as_argparse_reads_them() {
    for (given, label) in [
        (&["--label=My Agent"][..], "My Agent"),
        (&["-lMy Agent"], "My Agent"),
        (&["-l=My = Agent"], "My = Agent"),
        (&["--lab=My Agent"], "My Agent"),
        (&["--label", "- a dash and a space"], "- a dash and a space"),
        (&["--label", "-5"], "-5"),
    ] {
        assert_eq!(with(given).unwrap().agent.label, label, "{given:?}");
    }
    let config = load(&[&without("--wallet-key", 1)[..], &["--wallet-key=my = key"]].concat(), &[]).unwrap();
    assert_eq!(config.wallet.pass_key.unwrap().key.expose(), "my = key");
    // An option that follows is none of the values, also with a space in its own.
    let config = with(&["-e", "http://a", "--label=My Agent"]).unwrap();
    assert_eq!((config.agent.endpoints.len(), config.agent.label.as_str()), (1, "My Agent"));
}

#[test]
fn no_error_text_repeats_a_value() {
    for given in [
        &["hidden"][..],
        &["--no-ledger", "hidden"],
        &["--wallet-key", "my", "hidden"],
        &["--wallet-kee=hidden"],
        &["--wallet-kee=my hidden"],
        &["--no-ledger=hidden"],
        &["-qhidden"],
        &["--admin", "127.0.0.1", "hidden"],
        &["--wallet-type", "hidden"],
        &["--wallet-name", "hidden/"],
        &["--max-message-size", "hidden"],
        &["--max-rate-per-address", "hidden"],
        &["--event-retention", "hidden"],
        &["--max-connections-admin", "hidden"],
        &["--log-level", "hidden"],
        &["-it", "hidden", "h", "1"],
        &["--invite", "--invite-metadata-json", "\"hidden\""],
        &["--otlp-endpoint", "hidden"],
        &["--client-address-header", "hidden:"],
        &["--webhook-url", "hidden"],
        &["--wallet-storage-type", "postgres_storage", "--wallet-storage-config", "{\"url\":\"hidden/\"}"],
        &["--wallet-storage-type", "postgres_storage", "--wallet-storage-config", "\"hidden\""],
    ] {
        let refused = refusal(with(given));
        assert!(!refused.contains("hidden"), "{given:?}: {refused}");
    }
}

#[test]
fn an_argument_file_never_means_another_text_than_to_acapy() {
    // As PyYAML 6 and ConfigArgParse 1.7 read them: `83`, `31`, `True`, `1000`, `37800`, `1.5`, `100.0` and so on.
    for text in [
        "0123",
        "0x1F",
        "0b11",
        "yes",
        "Off",
        "TRUE",
        "1_000",
        "10:30:00",
        "+5",
        "1.50",
        "1.0e+2",
        ".5",
        ".inf",
        "-.NaN",
        "-0",
        "2026-01-02 03:04:05",
        "2026-01-02T03:04:05Z",
        "!!int \"7\"",
        "{a: b}",
        "[k]",
    ] {
        let file = temporary("unclear.yml", &format!("wallet-key: {text}\n"));
        let refused = refusal(load(&[&without("--wallet-key", 1)[..], &["--arg-file", &file]].concat(), &[]));
        assert!(
            refused.contains("`wallet-key` in the --arg-file") && refused.contains("put it in quotes"),
            "{text}: {refused}"
        );
    }
    for (text, read) in [
        ("\"0123\"", "0123"),
        ("'yes'", "yes"),
        ("!!str 0x1F", "0x1F"),
        ("8031", "8031"),
        ("0", "0"),
        ("-12", "-12"),
        ("1.5", "1.5"),
        ("2026-01-02", "2026-01-02"),
        ("1e3", "1e3"),
        ("10.0.0.1", "10.0.0.1"),
        ("7f83b165", "7f83b165"),
        ("0xyz", "0xyz"),
        ("my key", "my key"),
    ] {
        let file = temporary("clear.yml", &format!("wallet-key: {text}\n"));
        let config = load(&[&without("--wallet-key", 1)[..], &["--arg-file", &file]].concat(), &[]).unwrap();
        assert_eq!(config.wallet.pass_key.unwrap().key.expose(), read, "{text}");
    }
    for (name, text, part) in [
        ("twice.yml", "wallet-name: a\n--wallet-name: b\n", "`wallet-name` stands there twice"),
        ("two.yml", "wallet-name: a\n---\nwallet-name: b\n", "one document"),
        ("list.yml", "webhook-url: [yes]\n", "put it in quotes"),
    ] {
        let file = temporary(name, text);
        assert!(refusal(with(&["--arg-file", &file])).contains(part), "{name}");
    }
    // Ours are no options of ACA-Py's: they are read as written.
    let file = temporary("own.yml", "outbound-delay-notice: off\njsonld-remote-contexts: off\n");
    let config = with(&["--arg-file", &file]).unwrap();
    assert!(config.delivery.delay_notice.is_none() && !config.contexts.fetch_remote);
}
