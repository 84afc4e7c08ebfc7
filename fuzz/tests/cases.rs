//! The committed inputs, without libFuzzer: what was found once stays found.
#![allow(missing_docs)]

use chancery_fuzz::cases::{TARGETS, read};
use chancery_fuzz::target;

fn run_all(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    let inputs = read(name).expect("committed inputs");
    assert!(inputs.len() > 50, "{} inputs", inputs.len());
    inputs.iter().for_each(|input| target(input));
}

#[test]
fn admin_body() {
    run_all("admin_body");
}

#[test]
fn envelope() {
    run_all("envelope");
}

/// A target whose inputs all end at the first check would find nothing, and not say so.
#[test]
fn the_inner_paths_are_reached() {
    let reached = |name, reach: fn(&[u8]) -> bool| {
        read(name).expect("committed inputs").iter().filter(|input| reach(input)).count()
    };
    for (name, reach, least) in [
        ("admin_body", target::admin_body::reaches_command as fn(&[u8]) -> bool, 40),
        ("envelope", target::envelope::reaches_plaintext, 50),
        ("credential", target::credential::reaches_issue, 5),
    ] {
        let count = reached(name, reach);
        assert!(count >= least, "{name}: {count}");
    }
}

#[test]
fn message() {
    run_all("message");
}

#[test]
fn did() {
    run_all("did");
}

#[test]
fn jsonld() {
    run_all("jsonld");
}

#[test]
fn credential() {
    run_all("credential");
}
