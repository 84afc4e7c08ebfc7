use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};
use chancery_did::key::{KeyType, PublicKey, SecretKey};
use zeroize::Zeroizing;

use super::boxes;
use super::envelope::{Envelope, EnvelopeError, Part, Recipient};
use super::secrets::SharedSecrets;

/// What an envelope held. Who sent it is known in one case only.
#[derive(Clone, PartialEq, Eq)]
pub enum Unpacked {
    /// The holder of `sender` made this for `recipient` (or `recipient` itself did: the proof convinces only it).
    Authenticated {
        /// The message as it was packed; wiped when dropped.
        plaintext: Zeroizing<Vec<u8>>,
        /// Ed25519 key of the sender.
        sender: PublicKey,
        /// Ed25519 key that opened the envelope.
        recipient: PublicKey,
    },
    /// Nobody is known to have sent this.
    Anonymous {
        /// The message as it was packed; wiped when dropped.
        plaintext: Zeroizing<Vec<u8>>,
        /// Ed25519 key that opened the envelope.
        recipient: PublicKey,
    },
}

impl Unpacked {
    /// The message as it was packed.
    pub fn plaintext(&self) -> &[u8] {
        match self {
            Self::Authenticated { plaintext, .. } | Self::Anonymous { plaintext, .. } => plaintext,
        }
    }
}

impl std::fmt::Debug for Unpacked {
    /// Without the plaintext: it is nobody's business in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = self.plaintext().len();
        match self {
            Self::Authenticated { sender, recipient, .. } => {
                write!(f, "Authenticated({length} bytes, from {sender}, to {recipient})")
            }
            Self::Anonymous { recipient, .. } => write!(f, "Anonymous({length} bytes, to {recipient})"),
        }
    }
}

impl Envelope {
    /// Open with the secret (Ed25519) of one of the recipients.
    ///
    /// Whether the result is authenticated depends on the recipient's header, not on `alg`: an `Anoncrypt` envelope with a
    /// `sender` authenticates it, an `Authcrypt` one without is refused.
    pub fn open(&self, secret: &SecretKey, shared: &SharedSecrets) -> Result<Unpacked, EnvelopeError> {
        let recipient = secret.as_public();
        let entry = self
            .recipients
            .iter()
            .find(|entry| entry.kid == recipient.as_base58())
            .ok_or(EnvelopeError::NotARecipient)?;
        let (content_key, sender) = entry.open(secret, shared)?;
        if self.authcrypt && sender.is_none() {
            return Err(EnvelopeError::MissingSender);
        }
        let plaintext = self.decrypt(&content_key)?;
        let recipient = recipient.clone();
        Ok(match sender {
            Some(sender) => Unpacked::Authenticated { plaintext, sender, recipient },
            None => Unpacked::Anonymous { plaintext, recipient },
        })
    }

    fn decrypt(&self, content_key: &[u8]) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let key: &[u8; 32] = content_key.try_into().map_err(|_| EnvelopeError::Undecryptable(Part::Key))?;
        let nonce: &[u8; 12] = self.iv.as_slice().try_into().map_err(|_| EnvelopeError::Encoding("iv"))?;
        let tag: &[u8; 16] = self.tag.as_slice().try_into().map_err(|_| EnvelopeError::Encoding("tag"))?;
        let mut plaintext = Zeroizing::new(self.ciphertext.clone());
        ChaCha20Poly1305::new(Key::from_slice(key))
            .decrypt_in_place_detached(
                Nonce::from_slice(nonce),
                self.protected.as_bytes(),
                &mut plaintext,
                Tag::from_slice(tag),
            )
            .map_err(|_| EnvelopeError::Undecryptable(Part::Content))?;
        Ok(plaintext)
    }
}

impl Recipient {
    fn open(
        &self,
        secret: &SecretKey,
        shared: &SharedSecrets,
    ) -> Result<(Zeroizing<Vec<u8>>, Option<PublicKey>), EnvelopeError> {
        let mine = secret.to_x25519()?;
        let Some((sealed_sender, iv)) = &self.sender else {
            let key = boxes::open_anonymous(&mine, &self.encrypted_key);
            return Ok((key.ok_or(EnvelopeError::Undecryptable(Part::Key))?, None));
        };
        let nonce: &[u8; 24] = iv.as_slice().try_into().map_err(|_| EnvelopeError::Encoding("iv"))?;
        let sender =
            boxes::open_anonymous(&mine, sealed_sender).ok_or(EnvelopeError::Undecryptable(Part::Sender))?;
        let sender = std::str::from_utf8(&sender)
            .ok()
            .and_then(|text| PublicKey::from_base58(KeyType::Ed25519, text).ok())
            .ok_or(EnvelopeError::SenderKey)?;
        let (entry, known) = shared.find(secret, &sender).map_err(|_| EnvelopeError::SenderKey)?;
        let key = boxes::open_with(&entry.key, nonce, &self.encrypted_key)
            .ok_or(EnvelopeError::Undecryptable(Part::Key))?;
        if !known {
            shared.remember(secret, &sender, entry);
        }
        Ok((key, Some(sender)))
    }
}

#[cfg(test)]
mod tests {
    use rand_core::OsRng;

    use super::super::boxes::BoxKey;
    use super::*;

    /// Attack (f): everybody knows the "shared" secret of a key of small order, so anybody could send in its name.
    #[test]
    fn a_sender_or_ephemeral_key_of_small_order_opens_nothing() {
        let secret = SecretKey::from_seed(KeyType::Ed25519, &[1; 32]).unwrap();
        let mine = secret.to_x25519().unwrap();
        let known: BoxKey = Zeroizing::new(
            salsa20::hsalsa::<salsa20::cipher::consts::U10>((&[0; 32]).into(), &Default::default()).into(),
        );
        let mut content_key = Vec::new();
        boxes::seal_with(&known, &[0; 24], &[7; 32], &mut content_key).unwrap();
        let mut identity = [0; 32];
        identity[0] = 1;
        let name = chancery_did::base58::encode(&identity);
        let sealed = boxes::seal_anonymously(&secret.public(), name.as_bytes(), &mut OsRng).unwrap().unwrap();
        let entry = Recipient {
            kid: secret.public().base58(),
            encrypted_key: content_key,
            sender: Some((sealed, vec![0; 24])),
        };
        assert_eq!(entry.open(&secret, &SharedSecrets::default()), Err(EnvelopeError::SenderKey));

        for ephemeral in [[0; 32], identity] {
            let nonce = boxes::anonymous_nonce(&ephemeral, mine.as_public());
            let mut sealed = ephemeral.to_vec();
            boxes::seal_with(&known, &nonce, &[7; 32], &mut sealed).unwrap();
            assert_eq!(boxes::open_anonymous(&mine, &sealed), None);
        }
    }
}
