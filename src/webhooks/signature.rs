//! `x-chancery-signature`: by it a controller knows that an event is ours, whole and fresh.

use chancery_agent::ports::Timestamp;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::config::Secret;

/// Name of the header.
pub const HEADER: &str = "x-chancery-signature";

/// `t=<seconds since 1970>,v1=<hex of HMAC-SHA-256 over "<t>.<event id>.<body>">` under the secret's bytes (UTF-8).
pub fn sign(secret: &Secret, now: Timestamp, event_id: &str, body: &[u8]) -> Option<String> {
    let seconds = now.0.div_euclid(1_000_000);
    // HMAC takes keys of every length.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
    mac.update(format!("{seconds}.{event_id}.").as_bytes());
    mac.update(body);
    let digest: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("t={seconds},v1={digest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_computed_by_openssl() {
        // printf '1767323045.e-1.{"state": "done"}' | openssl dgst -sha256 -hmac hook-secret
        let signed = sign(
            &Secret::new("hook-secret".into()),
            Timestamp(1_767_323_045_999_999),
            "e-1",
            br#"{"state": "done"}"#,
        );
        assert_eq!(
            signed.unwrap(),
            "t=1767323045,v1=6c0e2f4fcc204e4a0f7f0adda8e256f9c140954068c805d8d1e9bffb36059138"
        );
    }
}
