//! Garbage on the DIDComm port: the sender pays for it, not the agent.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{report, size};
use crate::support::{Agent, Dice, Ledger, Pair, offer};

/// What the agent's memory may come to, in MiB: 64 of the largest messages are 128 of them.
const MOST_MEMORY: u64 = 320;

/// What the attackers share.
struct Siege {
    didcomm: String,
    over: AtomicBool,
    requests: AtomicUsize,
    sockets: AtomicUsize,
}

impl Siege {
    fn address(&self) -> &str {
        self.didcomm.strip_prefix("http://").unwrap()
    }

    fn on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }
}

/// Where the attackers run. In life they have machines of their own; here they get the processor time that nobody else wants,
/// so that what is measured is what the agent does with them. With `CHANCERY_ATTACKERS=equal` they fight it for the processors.
fn camp() -> tokio::runtime::Runtime {
    let equal = std::env::var("CHANCERY_ATTACKERS").is_ok_and(|word| word == "equal");
    let yielding = move || {
        if equal {
            return;
        }
        if let Ok(thread) = std::fs::read_link("/proc/thread-self") {
            let id = thread.file_name().unwrap().to_owned();
            let mut renice = std::process::Command::new("renice");
            let _ = renice.args(["-n", "19", "-p"]).arg(id).stdout(Stdio::null()).status();
        }
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().on_thread_start(yielding).build().unwrap()
}

fn bodies(dice: &mut Dice) -> Vec<Vec<u8>> {
    let noise: Vec<u8> = (0..2_000).map(|_| u8::try_from(dice.below(256)).unwrap()).collect();
    let envelope = r#"{"protected":"eyJlbmMiOiJ4Y2hhY2hhMjBwb2x5MTMwNV9pZXRmIiwidHlwIjoiSldNLzEuMCIsImFsZyI6IkF1dGhjcnlwdCIsInJlY2lwaWVudHMiOltdfQ==","iv":"AAAAAAAAAAAAAAAA","ciphertext":"AAAA","tag":"AAAAAAAAAAAAAAAAAAAAAA=="}"#;
    let deep = |open: &str, close: &str, levels: usize| {
        format!("{{\"a\":{}1{}}}", open.repeat(levels), close.repeat(levels)).into_bytes()
    };
    let mut bodies: Vec<Vec<u8>> = [
        "",
        "not JSON",
        "{}",
        "[]",
        "null",
        "{",
        r#"{"@type":7}"#,
        r#"{"@type":"https://didcomm.org/none/1.0/none"}"#,
        r#"{"protected":{},"iv":[],"ciphertext":null,"tag":1}"#,
        r#"{"@type":"https://didcomm.org/issue-credential/2.0/offer-credential","@id":5,"formats":{}}"#,
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    bodies.push(noise);
    bodies.push(deep("[", "]", 100_000));
    bodies.push(deep("{\"a\":", "}", 100_000));
    bodies.push(format!("{{\"a\":[{}0]}}", "0,".repeat(500_000)).into_bytes());
    bodies.push(format!("{{\"a\":\"{}\"}}", "x".repeat(1_900_000)).into_bytes());
    bodies.push(format!("{{\"a\":\"{}\"}}", "x".repeat(8_000_000)).into_bytes());
    bodies.extend((1..20).map(|part| envelope.as_bytes()[..envelope.len() * part / 20].to_vec()));
    bodies.push(envelope.as_bytes().to_vec());
    bodies
}

/// Posts one body after the other.
async fn post(siege: Arc<Siege>, mut dice: Dice) {
    let http = chancery::wiring::client_builder().timeout(Duration::from_secs(30)).build().unwrap();
    let bodies = bodies(&mut dice);
    while siege.on() {
        let body = bodies[usize::try_from(dice.below(bodies.len() as u64)).unwrap()].clone();
        // A body that is too large is refused before it has been sent: the connection may break.
        if let Ok(answer) = http.post(&siege.didcomm).body(body).send().await {
            let status = answer.status().as_u16();
            assert!(matches!(status, 200 | 400 | 413 | 503), "garbage is answered {status}");
        }
        siege.requests.fetch_add(1, Ordering::Relaxed);
    }
}

/// No HTTP at all, or the beginning of it.
async fn babble(siege: Arc<Siege>, mut dice: Dice) {
    while siege.on() {
        if let Ok(mut stream) = TcpStream::connect(siege.address()).await {
            let words: &[u8] = match dice.below(4) {
                0 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                1 => b"POST / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n",
                2 => b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                _ => b"\r\n\r\n\0\0\0\0 / HTTP/9.9\r\n\r\n",
            };
            let _ = stream.write_all(words).await;
            tokio::time::sleep(dice.millis(20)).await;
            siege.requests.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Holds a connection: sends the beginning of a request, then a byte now and then, or nothing at all.
async fn dawdle(siege: Arc<Siege>, beginning: &'static [u8], trickles: bool) {
    while siege.on() {
        let Ok(mut stream) = TcpStream::connect(siege.address()).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        siege.sockets.fetch_add(1, Ordering::Relaxed);
        let mut held = stream.write_all(beginning).await;
        while siege.on() && held.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if trickles {
                held = stream.write_all(b"x").await;
            }
        }
    }
}

/// A server that does nothing: what it takes to reach it is what the machine takes, whatever the agent does.
struct Idler(String);

impl Idler {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                std::thread::spawn(move || Self::serve(stream));
            }
        });
        Self(url)
    }

    fn serve(mut stream: std::net::TcpStream) {
        use std::io::{Read as _, Write as _};
        let mut request = [0; 4096];
        // A small request comes in one piece.
        while stream.read(&mut request).is_ok_and(|read| read > 0) {
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").is_err() {
                return;
            }
        }
    }
}

/// Round trips, sorted.
struct Times {
    agent: Vec<Duration>,
    idler: Vec<Duration>,
}

/// Round trips of an admin call, and of calls of a server that does nothing, until told to end; meanwhile both probes tell the
/// truth.
async fn measure(agent: &Agent, idler: &Idler, until: impl Fn() -> bool) -> Times {
    let mut times = Times { agent: Vec::new(), idler: Vec::new() };
    while !until() {
        let begun = Instant::now();
        agent.get("/connections").await;
        times.agent.push(begun.elapsed());
        let begun = Instant::now();
        agent.http.get(&idler.0).send().await.unwrap().bytes().await.unwrap();
        times.idler.push(begun.elapsed());
        if times.agent.len().is_multiple_of(10) {
            assert_eq!(agent.get("/status/live").await, json!({"alive": true}));
            assert_eq!(agent.get("/status/ready").await["ready"], true);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    times.agent.sort();
    times.idler.sort();
    times
}

fn percentile(times: &[Duration], percent: usize) -> u64 {
    u64::try_from(times[(times.len() * percent / 100).min(times.len() - 1)].as_micros()).unwrap()
}

/// Peak of the resident memory so far, in MiB. 0 where the system doesn't say.
fn peak_memory(agent: &Agent) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_costs_its_sender() {
    let (seconds, idle_sockets) = size((20, 2_000), (600, 5_000));
    let files = rlimit::increase_nofile_limit(16_384).unwrap();
    assert!(files > idle_sockets + 1_000, "the test may open {files} files only: raise `ulimit -n`");
    let begun = Instant::now();
    let mut dice = Dice::new();
    println!("attack garbage: seed {}", dice.seed);
    let pair = Pair::automatic().await;
    let did = pair.issuer.did("ed25519").await;
    let (mut issued, mut held) = (Ledger::of(&pair.issuer, "issuer"), Ledger::of(&pair.holder, "holder"));
    let body = offer(&pair.to_holder, &did, "Ed25519Signature2020");
    let idler = Idler::start();
    let quiet = Instant::now();
    let before = measure(&pair.issuer, &idler, || quiet.elapsed() > Duration::from_secs(3)).await;

    let siege = Arc::new(Siege {
        didcomm: pair.issuer.endpoint.clone(),
        over: AtomicBool::new(false),
        requests: AtomicUsize::new(0),
        sockets: AtomicUsize::new(0),
    });
    let camp = camp();
    let mut attackers = Vec::new();
    for _ in 0..2 {
        attackers.push(camp.spawn(post(siege.clone(), Dice::of(dice.below(1 << 32)))));
        attackers.push(camp.spawn(babble(siege.clone(), Dice::of(dice.below(1 << 32)))));
    }
    for _ in 0..200 {
        let body = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n{";
        attackers.push(camp.spawn(dawdle(siege.clone(), body, true)));
        attackers.push(camp.spawn(dawdle(siege.clone(), b"POST / HT", true)));
    }
    for _ in 0..idle_sockets {
        attackers.push(camp.spawn(dawdle(siege.clone(), b"", false)));
    }
    let attack = Instant::now();
    let over = || attack.elapsed() > Duration::from_secs(seconds);
    let exchanges = async {
        let mut exchanges = 0;
        while !over() {
            pair.issuer.post("/issue-credential-2.0/send-offer", body.clone()).await;
            exchanges += 1;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        exchanges
    };
    let (during, exchanges) = tokio::join!(measure(&pair.issuer, &idler, over), exchanges);
    siege.over.store(true, Ordering::SeqCst);
    for attacker in attackers {
        attacker.await.unwrap();
    }
    camp.shutdown_background();

    let memory = peak_memory(&pair.issuer);
    assert!(memory < MOST_MEMORY, "{memory} MiB");
    // Nothing of it stays: exchanges go on, those that were under way too.
    pair.issuer.post("/issue-credential-2.0/send-offer", body).await;
    issued.wait_for(exchanges + 1, Duration::from_secs(120)).await;
    held.wait_for(exchanges + 1, Duration::from_secs(120)).await;
    assert_eq!(pair.issuer.get("/connections").await["results"].as_array().unwrap().len(), 1);
    assert!(!pair.issuer.log_text().contains("panicked"), "{}", pair.issuer.log_text());
    let figures = [
        ("requests", siege.requests.load(Ordering::Relaxed) as u64),
        ("sockets held", siege.sockets.load(Ordering::Relaxed) as u64),
        ("exchanges meanwhile", exchanges as u64),
        ("MiB at most", memory),
        ("µs admin p50 idle", percentile(&before.agent, 50)),
        ("during", percentile(&during.agent, 50)),
        ("µs admin p99 idle", percentile(&before.agent, 99)),
        ("during", percentile(&during.agent, 99)),
        ("µs of a server that does nothing p99 idle", percentile(&before.idler, 99)),
        ("during", percentile(&during.idler, 99)),
    ];
    report("garbage", begun, &figures);
}
