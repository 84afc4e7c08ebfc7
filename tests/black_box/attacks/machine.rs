//! A machine that fails the agent: a full disk, a wallet that can't be written, a clock that is set back.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{not_run, nothing_given_up, report, size};
use crate::support::{AUTOMATIC, Agent, Clock, Ledger, Surroundings, connect, free_port, offer};

const PATIENCE: Duration = Duration::from_secs(60);

/// A small file system that only the agent sees.
struct Disk {
    keeper: Child,
    enter: Vec<String>,
    mount: PathBuf,
}

impl Disk {
    /// `Err`: why this machine has none.
    fn of_mebibytes(size: u32) -> Result<Self, String> {
        let mount =
            std::env::temp_dir().join(format!("chancery-disk-{}-{}", std::process::id(), free_port()));
        std::fs::create_dir_all(&mount).unwrap();
        let root =
            std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
        let script = format!(
            "mount -t tmpfs -o size={size}m none {} && echo mounted && exec sleep 7200",
            mount.display()
        );
        let keeper = Command::new("unshare")
            .args(if root { ["-m"].as_slice() } else { ["-U", "-r", "-m"].as_slice() })
            .args(["sh", "-c", &script])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut keeper = keeper.map_err(|error| format!("unshare: {error}"))?;
        let mut said = String::new();
        let mut output = std::io::BufReader::new(keeper.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut said).unwrap();
        if said.trim() != "mounted" {
            let _ = keeper.wait();
            return Err("no file system can be mounted in a namespace of its own".into());
        }
        let pid = keeper.id().to_string();
        let mut enter: Vec<String> = ["nsenter", "-t", &pid, "-m"].map(str::to_owned).into();
        if !root {
            enter.extend(["-U", "--preserve-credentials"].map(str::to_owned));
        }
        enter.push("--".to_owned());
        Ok(Self { keeper, enter, mount })
    }

    fn surroundings(&self) -> Surroundings {
        let home = ("ACAPY_HOME".to_owned(), self.mount.display().to_string());
        Surroundings { launcher: self.enter.clone(), variables: vec![home], ..Surroundings::default() }
    }

    /// A path on it, as seen from outside.
    fn path(&self, name: &str) -> PathBuf {
        let inside = self.mount.strip_prefix("/").unwrap();
        Path::new("/proc").join(self.keeper.id().to_string()).join("root").join(inside).join(name)
    }

    fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.path("filler")).unwrap();
        let block = [0_u8; 4096];
        while file.write_all(&block).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.path("filler")).unwrap();
    }

    fn remount(&self, how: &str) {
        let mut words = self.enter.iter();
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["mount", "-o", &format!("remount,{how}")]).arg(&self.mount);
        assert!(command.status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
        let _ = std::fs::remove_dir(&self.mount);
    }
}

/// The wallet of an agent that has ended is whole. A copy is looked at: SQLite can't follow a path into a namespace.
fn intact(agent: &Agent, wallet: &Path) {
    let copy = agent.home.join("copy.db");
    std::fs::copy(wallet, &copy).unwrap();
    let found = rusqlite::Connection::open(copy).unwrap();
    let said: String = found.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(said, "ok");
}

/// Offers until the wallet takes no more; the refusal.
async fn until_refused(agent: &Agent, body: &Value, sent: &mut usize) -> Value {
    for _ in 0..5_000 {
        match agent.try_post("/issue-credential-2.0/send-offer", body.clone()).await {
            (200, _) => *sent += 1,
            (503, text) => return text,
            (status, text) => panic!("{status} {text}"),
        }
    }
    panic!("the wallet takes everything");
}

/// The probes while the wallet can't be written: alive, not ready, and why.
async fn alive_but_not_ready(agent: &Agent, why: &str) {
    assert_eq!(agent.get("/status/live").await, json!({"alive": true}));
    let (status, text) = agent.try_get("/status/ready").await;
    assert_eq!(status, 503, "{text}");
    assert!(text.as_str().unwrap().contains(why), "{text}");
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_recovers() {
    let disk = match Disk::of_mebibytes(size(8, 64)) {
        Ok(disk) => disk,
        Err(why) => return not_run(&why),
    };
    let begun = Instant::now();
    let mut issuer =
        Agent::start_in(disk.surroundings(), "issuer", free_port(), free_port(), AUTOMATIC).await;
    let holder = Agent::start("holder", AUTOMATIC).await;
    let (to_holder, to_issuer) = connect(&issuer, &holder).await;
    let did = issuer.did("ed25519").await;
    let (mut issued, mut held) = (Ledger::of(&issuer, "issuer"), Ledger::of(&holder, "holder"));
    let body = offer(&to_holder, &did, "Ed25519Signature2020");
    let (mut sent, mut refusals) = (0, 0);
    for _ in 0..size(2, 10) {
        disk.fill();
        let refusal = until_refused(&issuer, &body, &mut sent).await;
        assert!(refusal.as_str().unwrap().contains("full"), "{refusal}");
        alive_but_not_ready(&issuer, "full").await;
        refusals += 1;
        // What peers send meanwhile waits at their side.
        let proposal = offer(&to_issuer, &did, "Ed25519Signature2020");
        holder.post("/issue-credential-2.0/send-proposal", proposal).await;
        sent += 1;
        issuer.kill();
        issuer.launch();
        disk.free();
        issuer.ready().await;
        issuer.post("/issue-credential-2.0/send-offer", body.clone()).await;
        sent += 1;
        disk.fill();
        until_refused(&issuer, &body, &mut sent).await;
        refusals += 1;
        disk.free();
        // Without a restart.
        issuer.post("/issue-credential-2.0/send-offer", body.clone()).await;
        sent += 1;
        issued.wait_for(sent, PATIENCE).await;
        held.wait_for(sent, PATIENCE).await;
        assert_eq!(issuer.get("/status/ready").await["ready"], true);
        nothing_given_up(&issuer).await;
    }
    assert_eq!(issued.exchanges().len(), sent);
    assert!(!issuer.log_text().contains("panicked"), "{}", issuer.log_text());
    assert!(issuer.stop().await.success());
    intact(&issuer, &disk.path("wallet/issuer/sqlite.db"));
    let figures = [
        ("exchanges", sent as u64),
        ("refusals", refusals),
        ("webhooks again", (issued.repeats + held.repeats) as u64),
    ];
    report("full disk", begun, &figures);
}

#[tokio::test]
async fn a_wallet_that_cannot_be_written_is_named_at_the_start() {
    let disk = match Disk::of_mebibytes(16) {
        Ok(disk) => disk,
        Err(why) => return not_run(&why),
    };
    let begun = Instant::now();
    let mut issuer =
        Agent::start_in(disk.surroundings(), "issuer", free_port(), free_port(), AUTOMATIC).await;
    let holder = Agent::start("holder", AUTOMATIC).await;
    let (to_holder, _) = connect(&issuer, &holder).await;
    let did = issuer.did("ed25519").await;
    let mut held = Ledger::of(&holder, "holder");
    assert!(issuer.stop().await.success());
    disk.remount("ro");
    issuer.launch();
    assert_eq!(issuer.ended().await.code(), Some(1));
    let log = issuer.log_text();
    let last = log.trim_end().lines().last().unwrap();
    assert!(last.contains("read-only") || last.contains("Read-only"), "{last}");
    disk.remount("rw");
    issuer.spawn().await;
    issuer.post("/issue-credential-2.0/send-offer", offer(&to_holder, &did, "Ed25519Signature2020")).await;
    held.wait_for(1, PATIENCE).await;
    assert!(issuer.stop().await.success());
    intact(&issuer, &disk.path("wallet/issuer/sqlite.db"));
    report("read-only wallet at the start", begun, &[("exchanges", 1)]);
}

/// Where files may be made immutable: the wallet becomes read-only under a running agent.
#[tokio::test]
async fn a_wallet_that_becomes_read_only_is_refused_and_recovers() {
    let begun = Instant::now();
    let mut issuer = Agent::start("issuer", AUTOMATIC).await;
    let holder = Agent::start("holder", AUTOMATIC).await;
    let (to_holder, _) = connect(&issuer, &holder).await;
    let did = issuer.did("ed25519").await;
    let (mut issued, mut held) = (Ledger::of(&issuer, "issuer"), Ledger::of(&holder, "holder"));
    let body = offer(&to_holder, &did, "Ed25519Signature2020");
    let wallet = issuer.home.join("wallet/issuer");
    let files = ["sqlite.db", "sqlite.db-wal"].map(|name| wallet.join(name));
    let lock = |how: &str| Command::new("chattr").arg(how).args(&files).stderr(Stdio::null()).status();
    if !lock("+i").is_ok_and(|status| status.success()) {
        return not_run("chattr +i does not work here");
    }
    let mut sent = 0;
    let refusal = issuer.try_post("/issue-credential-2.0/send-offer", body.clone()).await;
    let probes = (issuer.try_get("/status/live").await, issuer.try_get("/status/ready").await);
    lock("-i").unwrap();
    assert_eq!(refusal.0, 503, "{refusal:?}");
    assert_eq!((probes.0.0, probes.1.0), (200, 503), "{probes:?}");
    for _ in 0..3 {
        issuer.post("/issue-credential-2.0/send-offer", body.clone()).await;
        sent += 1;
    }
    issued.wait_for(sent, PATIENCE).await;
    held.wait_for(sent, PATIENCE).await;
    assert!(issuer.stop().await.success());
    intact(&issuer, &files[0]);
    report("read-only wallet under way", begun, &[("exchanges", sent as u64)]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_stops_nothing() {
    if !Path::new(Clock::LIBRARY).exists() {
        return not_run("libfaketime is not installed (Debian: faketime)");
    }
    let begun = Instant::now();
    let folder = std::env::temp_dir().join(format!("chancery-clock-{}", std::process::id()));
    let clock = Clock::of(&folder);
    let mut issuer =
        Agent::start_in(clock.surroundings(), "issuer", free_port(), free_port(), AUTOMATIC).await;
    let mut holder = Agent::start("holder", AUTOMATIC).await;
    let (to_holder, _) = connect(&issuer, &holder).await;
    let did = issuer.did("ed25519").await;
    let (mut issued, mut held) = (Ledger::of(&issuer, "issuer"), Ledger::of(&holder, "holder"));
    let body = offer(&to_holder, &did, "Ed25519Signature2020");
    let mut sent = 0;
    for shift in ["+0", "-10m", "-3d", "+3d", "-400d"] {
        // Some wait in the queues while the clock jumps: first without, then with a restart.
        for restart in [false, true] {
            holder.kill();
            issuer.controller.answer(503);
            for _ in 0..3 {
                issuer.post("/issue-credential-2.0/send-offer", body.clone()).await;
                sent += 1;
            }
            clock.shift(shift);
            if restart {
                issuer.kill();
                issuer.spawn().await;
            }
            issuer.controller.answer(200);
            holder.spawn().await;
            issuer.post("/issue-credential-2.0/send-offer", body.clone()).await;
            sent += 1;
            issued.wait_for(sent, PATIENCE).await;
            held.wait_for(sent, PATIENCE).await;
            clock.shift("+0");
        }
    }
    issued.each_went_through(&["offer-sent", "request-received", "credential-issued", "done"]);
    held.each_went_through(&["offer-received", "request-sent", "credential-received", "done"]);
    assert_eq!(issuer.get("/chancery/dead-letters").await, json!({"results": []}));
    assert_eq!(issuer.get("/status/ready").await["ready"], true);
    let _ = std::fs::remove_dir_all(folder);
    report("clock set back", begun, &[("shifts", 10), ("exchanges", sent as u64)]);
}
