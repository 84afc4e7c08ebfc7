use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use chancery_did::key::{KeyError, KeyType, PublicKey, SecretKey};
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::boxes;
use super::secrets::SharedSecrets;
use crate::encoding::base64url;

/// Why a message could not be packed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The list of keys is empty.
    #[error("no message recipients")]
    NoRecipients,
    /// A key can't be packed for.
    #[error("cannot pack for key {kid}: {error}")]
    Recipient {
        /// The key, base58.
        kid: String,
        /// What is wrong with it.
        error: KeyError,
    },
    /// The sender's key can't be used.
    #[error("cannot pack with the sender's key: {0}")]
    Sender(KeyError),
    /// What is to be forwarded is not a JSON object.
    #[error("only an envelope can be forwarded")]
    NotAnEnvelope,
    /// The message is longer than the cipher allows (256 GB).
    #[error("the message is too long to encrypt")]
    TooLong,
}

/// Pack for all of `to` so that they know it came from `from` (`Authcrypt`). All keys are Ed25519.
///
/// The sender's key is sealed anew for every envelope: that is most of the work, and what keeps observers from telling the
/// senders apart.
pub fn pack_authcrypt(
    msg: &[u8],
    to: &[PublicKey],
    from: &SecretKey,
    rng: &mut dyn CryptoRngCore,
    shared: &SharedSecrets,
) -> Result<Vec<u8>, PackError> {
    if from.kind() != KeyType::Ed25519 {
        return Err(PackError::Sender(KeyError::Unsupported {
            kind: from.kind(),
            operation: "send DIDComm v1 messages",
        }));
    }
    let content_key = content_key(rng);
    let mut recipients = Vec::with_capacity(to.len());
    for their in to {
        let failed = |error| PackError::Recipient { kid: their.base58(), error };
        check_recipient(their)?;
        let (entry, known) = shared.find(from, their).map_err(failed)?;
        let sender = boxes::seal_anonymously(&entry.their, from.as_public().as_base58().as_bytes(), rng)
            .map_err(failed)?
            .ok_or(PackError::TooLong)?;
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let mut key = Vec::with_capacity(48);
        boxes::seal_with(&entry.key, &nonce, content_key.as_slice(), &mut key).ok_or(PackError::TooLong)?;
        if !known {
            shared.remember(from, their, entry);
        }
        recipients.push(format!(
            r#"{{"encrypted_key": "{}", "header": {{"kid": "{}", "sender": "{}", "iv": "{}"}}}}"#,
            base64url(&key),
            their.as_base58(),
            base64url(&sender),
            base64url(&nonce),
        ));
    }
    finish("Authcrypt", msg, &recipients, &content_key, rng)
}

/// Pack for all of `to` without saying from whom (`Anoncrypt`). All keys are Ed25519.
pub fn pack_anoncrypt(
    msg: &[u8],
    to: &[PublicKey],
    rng: &mut dyn CryptoRngCore,
) -> Result<Vec<u8>, PackError> {
    let content_key = content_key(rng);
    let mut recipients = Vec::with_capacity(to.len());
    for their in to {
        let failed = |error| PackError::Recipient { kid: their.base58(), error };
        check_recipient(their)?;
        let key = boxes::seal_anonymously(their, content_key.as_slice(), rng)
            .map_err(failed)?
            .ok_or(PackError::TooLong)?;
        recipients.push(format!(
            r#"{{"encrypted_key": "{}", "header": {{"kid": "{}"}}}}"#,
            base64url(&key),
            their.as_base58(),
        ));
    }
    finish("Anoncrypt", msg, &recipients, &content_key, rng)
}

fn check_recipient(key: &PublicKey) -> Result<(), PackError> {
    match key.kind() {
        KeyType::Ed25519 => Ok(()),
        kind => Err(PackError::Recipient {
            kid: key.base58(),
            error: KeyError::Unsupported { kind, operation: "receive DIDComm v1 messages" },
        }),
    }
}

fn content_key(rng: &mut dyn CryptoRngCore) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    rng.fill_bytes(key.as_mut_slice());
    key
}

fn finish(
    alg: &str,
    msg: &[u8],
    recipients: &[String],
    content_key: &[u8; 32],
    rng: &mut dyn CryptoRngCore,
) -> Result<Vec<u8>, PackError> {
    if recipients.is_empty() {
        return Err(PackError::NoRecipients);
    }
    let protected = base64url(
        format!(
            r#"{{"enc": "xchacha20poly1305_ietf", "typ": "JWM/1.0", "alg": "{alg}", "recipients": [{}]}}"#,
            recipients.join(", ")
        )
        .as_bytes(),
    );
    let mut nonce = [0; 12];
    rng.fill_bytes(&mut nonce);
    // The only copy of the message: encrypted where it lies, so that nothing is left to wipe.
    let mut ciphertext = msg.to_vec();
    let tag = ChaCha20Poly1305::new(Key::from_slice(content_key))
        .encrypt_in_place_detached(Nonce::from_slice(&nonce), protected.as_bytes(), &mut ciphertext)
        .map_err(|_| PackError::TooLong)?;
    Ok(format!(
        r#"{{"protected": "{protected}", "iv": "{}", "ciphertext": "{}", "tag": "{}"}}"#,
        base64url(&nonce),
        base64url(&ciphertext),
        base64url(&tag),
    )
    .into_bytes())
}
