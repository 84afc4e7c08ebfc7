//! Microseconds per operation on a 2 KB message: `cargo run --release -p chancery-didcomm --example envelope_speed`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use chancery_did::key::{KeyType, SecretKey};
use chancery_did::methods::peer;
use chancery_didcomm::{Envelope, Message, SharedSecrets, classify, pack_anoncrypt, pack_authcrypt};
use rand_core::OsRng;

fn main() {
    let key = |n: u8| SecretKey::from_seed(KeyType::Ed25519, &[n; 32]).unwrap();
    let (alice, bob) = (key(1), key(2));
    let (warm, cold) = (SharedSecrets::default(), SharedSecrets::new(0));
    let text = format!(
        r#"{{"@type": "https://didcomm.org/trust_ping/1.0/ping", "@id": "1", "comment": "{}"}}"#,
        "x".repeat(1950)
    );
    let to = [bob.public()];
    let packed = pack_authcrypt(text.as_bytes(), &to, &alice, &mut OsRng, &warm).unwrap();
    let did = peer::four::build_for_connection(&alice.public(), &["http://127.0.0.1:8030"], &[]).unwrap();
    let message = Message::parse(text.as_bytes()).unwrap();
    println!("{} bytes, packed {}", text.len(), packed.len());

    measure("authcrypt pack, warm", || drop(pack_authcrypt(text.as_bytes(), &to, &alice, &mut OsRng, &warm)));
    measure("authcrypt pack, cold", || drop(pack_authcrypt(text.as_bytes(), &to, &alice, &mut OsRng, &cold)));
    measure("anoncrypt pack", || drop(pack_anoncrypt(text.as_bytes(), &to, &mut OsRng)));
    measure("parse envelope", || drop(black_box(classify(&packed))));
    measure("parse and open, warm", || drop(black_box(Envelope::parse(&packed).unwrap().open(&bob, &warm))));
    measure("parse and open, cold", || drop(black_box(Envelope::parse(&packed).unwrap().open(&bob, &cold))));
    measure("parse message", || drop(black_box(Message::parse(text.as_bytes()))));
    measure("write message", || drop(black_box(message.to_json())));
    measure("load a secret key", || drop(black_box(key(7))));
    measure("build did:peer:4", || {
        drop(black_box(peer::four::build_for_connection(&alice.public(), &["http://127.0.0.1:8030"], &[])))
    });
    measure("resolve did:peer:4", || drop(black_box(peer::four::resolve(&did))));
}

fn measure(name: &str, mut run: impl FnMut()) {
    for _ in 0..200 {
        run();
    }
    // The best of many batches: the machine may be busy with other things.
    let (start, mut best) = (Instant::now(), f64::MAX);
    while start.elapsed().as_millis() < 500 {
        let batch = Instant::now();
        for _ in 0..20 {
            run();
        }
        best = best.min(batch.elapsed().as_secs_f64() * 1e6 / 20.0);
    }
    println!("{name:24} {best:8.1} us");
}
