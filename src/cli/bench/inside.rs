//! `bench sign` and `bench pack`: the two kinds of cryptography that every exchange consists of, without network
//! and storage.

use std::time::{Duration, Instant};

use chancery_credentials::ld_proof::LdProof;
use chancery_credentials::securing::Securing;
use chancery_credentials::securing::ld::LinkedData;
use chancery_credentials::{ExchangeFormat, Facts, Gathered, Step, Turn};
use chancery_did::key::{KeyType, SecretKey};
use chancery_didcomm::{Envelope, SharedSecrets, Unpacked, pack_authcrypt};
use chancery_jsonld::{Documents, Processor};
use rand_core::OsRng;
use serde_json::{Value, json};

use super::figures::{percentile, rounded};
use super::report::{JSON, tell};
use super::session::credential;
use crate::cli::Failure;
use crate::cli::failed;
use crate::cli::usage::Usage;
use crate::config::options::OptionSpec;

static OPTIONS: &[OptionSpec] =
    &[OptionSpec::value("--times", "N", "How often").short("-n").default_value("2000"), JSON];

const SIGN: &str = "\
Usage: chancery bench sign [OPTIONS]

Signs and verifies a credential of twelve claims (Ed25519Signature2020), contexts compiled already.";

const PACK: &str = "\
Usage: chancery bench pack [OPTIONS]

Packs (authcrypt) and unpacks a message of 2 KB between two keys that have met before.";

/// A message of 2 KB, the size of an offer.
const MESSAGE_BYTES: usize = 2048;

/// 2024-01-01T00:00:00Z in microseconds: when the credential is issued does not matter here.
const NOW: i64 = 1_704_067_200_000_000;

/// Runs `chancery bench sign`.
pub(super) fn sign(arguments: &[String]) -> Result<(), Failure> {
    let Some(usage) = Usage::read(SIGN, OPTIONS, arguments)? else { return Ok(()) };
    let times = times(&usage)?;
    let issuer = SecretKey::generate(KeyType::Ed25519, &mut OsRng);
    let holder = SecretKey::generate(KeyType::Ed25519, &mut OsRng);
    let jsonld = Processor::new(std::sync::Arc::new(Documents::bundled()));
    let mut gathered = Gathered::default();
    gathered.key(issuer.public().base58(), Some(issuer.clone()));
    let facts = Facts { jsonld: &jsonld, now: NOW, gathered: &gathered };
    let request = credential(&issuer.public().did_key(), &holder.public().did_key(), "Ed25519Signature2020");

    let said = [(Step::Request, &request)];
    let turn = Turn::new(&facts, &said, &|_| {});
    let (signing, signed) = measure(times, || LdProof.issue(&turn).map_err(failed))?;
    let signed = signed.content;
    let (verifying, outcome) = measure(times, || {
        LinkedData.verify(&facts, &signed).map_err(|needs| failed(format!("verification lacks {needs:?}")))
    })?;
    if !outcome.verified() {
        return Err(failed(format!("the credential does not verify: {}", outcome.reason())));
    }
    let size = json!({"n": times, "bytes": signed.to_string().len()});
    tell(&usage, "sign", figures(size, [("sign", signing), ("verify", verifying)]))
}

/// Runs `chancery bench pack`.
pub(super) fn pack(arguments: &[String]) -> Result<(), Failure> {
    let Some(usage) = Usage::read(PACK, OPTIONS, arguments)? else { return Ok(()) };
    let times = times(&usage)?;
    let sender = SecretKey::generate(KeyType::Ed25519, &mut OsRng);
    let recipient = SecretKey::generate(KeyType::Ed25519, &mut OsRng);
    let to = [recipient.public()];
    let (ours, theirs) = (SharedSecrets::default(), SharedSecrets::default());
    let message = json!({"@type": "https://didcomm.org/basicmessage/1.0/message", "content": "x".repeat(MESSAGE_BYTES)});
    let message = message.to_string().into_bytes();

    let (packing, packed) =
        measure(times, || pack_authcrypt(&message, &to, &sender, &mut OsRng, &ours).map_err(failed))?;
    let (unpacking, unpacked) = measure(times, || {
        Envelope::parse(&packed).and_then(|e| e.open(&recipient, &theirs)).map_err(failed)
    })?;
    if !matches!(&unpacked, Unpacked::Authenticated { .. }) || unpacked.plaintext() != message {
        return Err(failed("the message did not come out of its envelope as it went in"));
    }
    let size = json!({"n": times, "bytes": packed.len()});
    tell(&usage, "pack", figures(size, [("pack", packing), ("unpack", unpacking)]))
}

fn times(usage: &Usage) -> Result<usize, Failure> {
    Ok(usage.parsed("--times")?.unwrap_or(2000).max(1))
}

/// Runs `operation` so many times, after a tenth of that to warm up; returns the times taken and the last result.
fn measure<T>(
    times: usize,
    mut operation: impl FnMut() -> Result<T, Failure>,
) -> Result<(Vec<Duration>, T), Failure> {
    let mut last = operation()?;
    for _ in 0..times / 10 {
        last = operation()?;
    }
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let begun = Instant::now();
        last = operation()?;
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    Ok((taken, last))
}

fn figures(mut figures: Value, operations: [(&str, Vec<Duration>); 2]) -> Value {
    for (name, times) in operations {
        for percent in [50, 99] {
            let micros = percentile(&times, percent).map(|time| rounded(time.as_secs_f64() * 1e6));
            figures[format!("{name}_p{percent}_us")] = micros.unwrap_or_default();
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_come_to_their_end() {
        let few = ["-n".to_owned(), "2".to_owned()];
        sign(&few).unwrap();
        pack(&few).unwrap();
    }
}
