//! What an agent says of its options when it starts.

use std::process::{Command, Output};

use crate::support::{Agent, binary};

/// Nothing is lost without them while the feature is missing.
const HARMLESS: [&[&str]; 8] = [
    &["--auto-verify-presentation"],
    &["--auto-respond-presentation-proposal"],
    &["--auto-respond-presentation-request"],
    &["--monitor-revocation-notification"],
    &["--notify-revocation"],
    &["--tails-server-base-url", "https://tails.example"],
    &["--open-mediation"],
    &["--plugin", "present_proof"],
];

fn run(words: &[&str]) -> Output {
    Command::new(binary()).args(words).env("ACAPY_HOME", std::env::temp_dir()).output().unwrap()
}

#[tokio::test]
async fn options_whose_feature_is_missing_are_listed_in_one_warning_and_in_readiness_or_refused_when_strict()
{
    let options = HARMLESS.concat();
    let agent = Agent::start("lenient", &options).await;
    let log = agent.log_text();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("options without effect")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("WARN"), "{lines:?}");
    let ready = agent.get("/status/ready").await;
    assert_eq!(ready["ready"], true);
    let told = ready["warnings"].as_array().unwrap().iter().filter_map(|warning| warning.as_str());
    let told: Vec<&str> = told.filter(|warning| warning.contains("options without effect")).collect();
    assert_eq!(told.len(), 1, "{ready}");
    for name in HARMLESS.map(|words| words[0]) {
        assert!(lines[0].contains(name) && told[0].contains(name), "{name}: {lines:?} {told:?}");
    }
    let strict = run(&[&["start", "--strict-options"], &options[..]].concat());
    let refused = String::from_utf8(strict.stderr).unwrap();
    assert_eq!(strict.status.code(), Some(2), "{refused}");
    for name in HARMLESS.map(|words| words[0]) {
        assert!(refused.contains(name), "{refused}");
    }
}

#[tokio::test]
async fn an_endpoint_without_a_scheme_is_warned_of_at_the_start_and_in_readiness() {
    let agent = Agent::start("schemeless", &["-e", "agent.example:8030"]).await;
    let said = "--endpoint agent.example:8030 is no http or ws URL";
    let log = agent.log_text();
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains(said)), "{log}");
    let ready = agent.get("/status/ready").await;
    assert!(ready["warnings"].to_string().contains(said), "{ready}");
}

/// `chancery help start` is `chancery start --help`, for each command.
#[test]
fn help_is_found_in_both_ways() {
    for command in ["start", "provision", "demo", "bench"] {
        let (one, other) = (run(&["help", command]), run(&[command, "--help"]));
        assert!(one.status.success() && other.status.success(), "{command}");
        assert_eq!(String::from_utf8(one.stdout).unwrap(), String::from_utf8(other.stdout.clone()).unwrap());
        assert!(String::from_utf8(other.stdout).unwrap().contains(command), "{command}");
    }
}
