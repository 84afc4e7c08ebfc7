//! `chancery demo` shows commands that do what it does.

use std::io::Read;
use std::process::{Command, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};

/// Both programs that the commands need.
pub fn has_tools() -> bool {
    let found = |tool: &str| Command::new(tool).arg("--version").output().is_ok_and(|o| o.status.success());
    ["bash", "curl", "jq"].into_iter().all(found)
}

/// The commands, without what is told between them.
fn script(told: &[String]) -> String {
    let is_told = |line: &&String| {
        ["  issuer ", "  holder ", "  From "].iter().any(|start| line.starts_with(start))
            || !line.starts_with("  ")
            || line.starts_with("   Each")
            || line.starts_with("   Verify")
    };
    told.iter().filter(|line| !is_told(line)).map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn the_commands_of_the_demonstration_can_be_repeated_as_they_are() {
    if !has_tools() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "bash, curl and jq are needed");
        println!("not run: bash, curl or jq is missing");
        return;
    }
    let mut demo = tokio::process::Command::new(env!("CARGO_BIN_EXE_chancery"))
        .arg("demo")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.starts_with("Both agents run on") {
            break;
        }
        told.push(line);
    }
    let script = script(&told);
    assert!(script.matches("curl").count() > 10, "{script}");
    for round in 1..=2 {
        let script = script.clone();
        let repeated = tokio::task::spawn_blocking(move || {
            // What a wrong command makes it wait for never comes.
            let mut bash = Command::new("timeout")
                .args(["90", "bash", "-euo", "pipefail", "-c", &script])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = String::new();
            bash.stdout.take().unwrap().read_to_string(&mut said).unwrap();
            (bash.wait().unwrap().success(), said)
        });
        let (success, said) = repeated.await.unwrap();
        assert!(success && said == "true\n", "round {round}: {said}\n{told:#?}");
    }
    let pid = i32::try_from(demo.id().unwrap()).unwrap();
    let stopped = Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap();
    assert!(stopped.success() && demo.wait().await.unwrap().success());
}
