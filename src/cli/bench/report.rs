//! Where figures go: one JSON object on the output, and in a file if wanted.

use std::fs;
use std::path::PathBuf;

use chancery_agent::ports::Clock;
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::cli::usage::Usage;
use crate::config::options::OptionSpec;
use crate::world::SystemClock;

/// Every benchmark has it.
pub(super) const JSON: OptionSpec =
    OptionSpec::value("--json", "FILE", "Write the figures into this file, too");

/// Prints the figures of a benchmark and writes them where `--json` says, with what they were measured on.
pub(super) fn tell(usage: &Usage, bench: &str, figures: Value) -> Result<(), Failure> {
    let mut report = json!({"bench": bench, "machine": machine()});
    if let (Value::Object(report), Value::Object(figures)) = (&mut report, figures) {
        report.extend(figures);
    }
    println!("{report}");
    if let Some(path) = usage.parsed::<PathBuf>("--json")? {
        let text = format!("{report:#}\n");
        fs::write(&path, text)
            .map_err(|e| Failure::Failed(format!("can't write the figures to {}: {e}", path.display())))?;
    }
    Ok(())
}

fn machine() -> Value {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "at": SystemClock::default().now().to_text(),
        "cpu": cpu.map(|(_, name)| name.trim()),
        "cpus": std::thread::available_parallelism().map(usize::from).ok(),
        "kernel": kernel.trim(),
        "load_before": load.split_ascii_whitespace().next(),
        "version": env!("CARGO_PKG_VERSION"),
        "debug_build": cfg!(debug_assertions),
    })
}
