//! Instructions that processes execute, counted by `perf stat` where there is one and it may.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::{Child, Command};

use super::figures::rounded;

/// Counters of some processes.
pub(super) struct Instructions<const N: usize>([Option<Child>; N]);

impl<const N: usize> Instructions<N> {
    /// Counts from now on.
    pub(super) fn start(processes: [Option<u32>; N]) -> Self {
        Self(processes.map(|pid| {
            let mut command = Command::new("perf");
            command.args(["stat", "-x", ",", "-e", "instructions", "-p", &pid?.to_string()]);
            // It counts as long as this one runs: until its input is closed.
            command.args(["--", "cat"]);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
            command.spawn().ok()
        }))
    }

    /// Millions per exchange; null where they could not be counted.
    pub(super) async fn finish(self, exchanges: usize) -> Vec<Value> {
        let mut all = Vec::new();
        for child in self.0 {
            let counted = match child {
                // This closes its input.
                Some(child) => child.wait_with_output().await.ok(),
                None => None,
            };
            let count = counted.and_then(|output| count(&String::from_utf8_lossy(&output.stderr)));
            all.push(match count {
                Some(count) if exchanges > 0 => rounded(count / exchanges as f64 / 1e6),
                _ => Value::Null,
            });
        }
        all
    }
}

/// The first field of perf's line, unless it says `<not supported>` or `<not counted>`.
fn count(lines: &str) -> Option<f64> {
    lines.lines().find(|line| line.contains(",instructions"))?.split(',').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn only_what_was_counted_counts() {
        assert_eq!(count("# started\n1234,,instructions:u,56,100.00,,\n"), Some(1234.0));
        assert_eq!(count("<not supported>,,instructions,0,100.00,,"), None);
        assert_eq!(count("perf: not found"), None);
    }
}
