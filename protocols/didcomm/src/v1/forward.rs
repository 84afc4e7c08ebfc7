use chancery_did::json::to_python_json;
use chancery_did::key::PublicKey;
use rand_core::CryptoRngCore;

use super::pack::{PackError, pack_anoncrypt};

/// Wrap an envelope for the mediators in front of its recipient (RFC 0094): one `routing/1.0/forward` per routing key in
/// list order, each anoncrypted for that key alone, so that the last key's owner receives the result.
///
/// `to` is the base58 key that the innermost mediator delivers to. `id` makes an `@id` per forward. Without routing keys
/// the envelope comes back as it is.
pub fn wrap_forward(
    envelope: Vec<u8>,
    to: &str,
    routing_keys: &[PublicKey],
    mut id: impl FnMut() -> String,
    rng: &mut dyn CryptoRngCore,
) -> Result<Vec<u8>, PackError> {
    let (mut envelope, mut to) = (envelope, to.to_owned());
    for key in routing_keys {
        // Spliced in as it is: it is encrypted text, and never re-encoded.
        let msg = std::str::from_utf8(&envelope).map_err(|_| PackError::NotAnEnvelope)?;
        if !msg.starts_with('{') || serde_json::from_str::<serde::de::IgnoredAny>(msg).is_err() {
            return Err(PackError::NotAnEnvelope);
        }
        let forward = format!(
            r#"{{"@type": "https://didcomm.org/routing/1.0/forward", "@id": {}, "to": {}, "msg": {msg}}}"#,
            to_python_json(&id().into()),
            to_python_json(&to.into()),
        );
        envelope = pack_anoncrypt(forward.as_bytes(), std::slice::from_ref(key), rng)?;
        to = key.base58();
    }
    Ok(envelope)
}
