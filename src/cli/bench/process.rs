//! What the system knows about a process, and how fast its disk is.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

/// Linux reports processor time in hundredths of a second on every architecture that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Whose processor time is meant.
#[derive(Debug, Clone)]
pub(super) enum Whose {
    /// A process with its threads, by its id; exact to ten milliseconds.
    Process(String),
    /// The calling thread; exact to the nanosecond. The driver has no other.
    ThisThread,
}

/// Processor time so far, in milliseconds.
pub(super) fn cpu_ms(whose: &Whose) -> Option<f64> {
    let pid = match whose {
        Whose::Process(pid) => pid,
        Whose::ThisThread => {
            let times = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
            return Some(times.split_ascii_whitespace().next()?.parse::<f64>().ok()? / 1e6);
        }
    };
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets and may hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks as f64 * 1000.0 / TICKS_PER_SECOND)
}

/// Resident memory of a process, in MiB.
pub(super) fn rss_mb(pid: &str) -> Option<f64> {
    memory_mb(pid, "VmRSS")
}

/// A field of `/proc/<pid>/status` that is an amount of memory, in MiB.
pub(super) fn memory_mb(pid: &str, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1024.0)
}

/// Median time of making a small write durable in this folder, in milliseconds.
///
/// # Errors
/// The folder can't be written to.
pub(super) fn fsync_ms(folder: &Path) -> io::Result<f64> {
    let path = folder.join(format!("chancery-fsync-{}", std::process::id()));
    let mut file = fs::OpenOptions::new().create_new(true).write(true).open(&path)?;
    let mut times = Vec::new();
    let mut result = Ok(());
    for _ in 0..21 {
        let begun = Instant::now();
        result = file.write_all(&[0; 4096]).and_then(|()| file.sync_all());
        if result.is_err() {
            break;
        }
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    fs::remove_file(&path)?;
    result?;
    times.sort_by(f64::total_cmp);
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        assert!(rss_mb("self").unwrap() > 0.5);
        assert!(memory_mb("self", "VmHWM").unwrap() >= memory_mb("self", "RssAnon").unwrap());
        assert!(cpu_ms(&Whose::Process("self".to_owned())).is_some());
        assert!(cpu_ms(&Whose::ThisThread).unwrap() > 0.0);
        assert_eq!(cpu_ms(&Whose::Process("4294967295".to_owned())), None);
    }

    #[test]
    fn the_probe_file_is_removed() {
        let folder = std::env::temp_dir().join(format!("chancery-process-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert!(fsync_ms(&folder).unwrap() > 0.0);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir(&folder).unwrap();
        assert!(fsync_ms(&folder).is_err());
    }
}
