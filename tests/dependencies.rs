//! What everything under `protocols/` may depend on, features included: no runtime, no HTTP, no SQL, no TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// `crate: feature feature` per line, sorted.
const ALLOWED: &str = include_str!("protocol_dependencies.txt");

fn dependencies(package: &str) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "-e", "normal", "-f", "{p}|{f}", "-p", package])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let (name, features) = line.split_once('|').unwrap();
        let name = name.split(' ').next().unwrap().to_owned();
        let features = features.trim_end_matches(" (*)").split(',').filter(|f| !f.is_empty());
        found.entry(name).or_default().extend(features.map(str::to_owned));
    }
    found
}

fn text(found: &BTreeMap<String, BTreeSet<String>>) -> String {
    let line = |(name, features): (&String, &BTreeSet<String>)| {
        let features: Vec<&str> = features.iter().map(String::as_str).collect();
        format!("{name}: {}", features.join(" ")).trim_end().to_owned() + "\n"
    };
    found.iter().map(line).collect()
}

#[test]
fn protocols_depend_on_what_is_allowed_and_nothing_else() {
    let found = text(&dependencies("chancery-agent"));
    let differences: Vec<String> = found
        .lines()
        .filter(|l| !ALLOWED.lines().any(|a| a == *l))
        .map(|l| format!("+ {l}"))
        .chain(ALLOWED.lines().filter(|a| !found.lines().any(|l| l == *a)).map(|a| format!("- {a}")))
        .collect();
    assert!(
        differences.is_empty(),
        "dependencies of protocols/ have changed. If that is meant, and none is a runtime, HTTP, SQL or TLS crate, change \
         tests/protocol_dependencies.txt:\n{}",
        differences.join("\n")
    );
    for forbidden in ["tokio", "hyper", "reqwest", "actix-web", "rusqlite", "sqlx", "rustls", "openssl"] {
        assert!(
            !ALLOWED.lines().any(|l| l.starts_with(&format!("{forbidden}:"))),
            "{forbidden} is never allowed"
        );
    }
}

#[test]
fn numbers_keep_their_value_and_members_their_order() {
    let found = dependencies("chancery");
    let features = &found["serde_json"];
    assert!(features.contains("preserve_order") && features.contains("float_roundtrip"), "{features:?}");
    assert!(!features.contains("arbitrary_precision"), "changes how numbers are written: {features:?}");
}

#[test]
fn each_room_knows_only_the_rooms_below() {
    for (room, ours) in [
        ("chancery-jsonld", &[][..]),
        ("chancery-did", &[]),
        ("chancery-didcomm", &["chancery-did"]),
        ("chancery-credentials", &["chancery-did", "chancery-jsonld"]),
    ] {
        let found = dependencies(room);
        let known: Vec<&str> =
            found.keys().map(String::as_str).filter(|n| n.starts_with("chancery-") && *n != room).collect();
        assert_eq!(known, ours, "{room}");
    }
}
