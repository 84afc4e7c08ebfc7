use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag as Mac16};
use ciborium::Value;
use hmac::digest::FixedOutput as _;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use chancery_agent::ports::store::Tag;

use super::{FormatError, Sealing};

const NONCE: usize = 12;
const MAC: usize = 16;
/// The keys of a profile.
const NAMES: [&str; 6] = ["ick", "ink", "ihk", "tnk", "tvk", "thk"];
/// Texts whose ciphertext is kept; beyond it they are encrypted each time (callers may invent tag names).
const KEPT_TEXTS: usize = 512;

/// A tag as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedTag {
    /// Encrypted name.
    pub name: Arc<[u8]>,
    /// Encrypted value, or the value itself when `plaintext`.
    pub value: Vec<u8>,
    /// Whether the value is readable.
    pub plaintext: bool,
}

/// The six keys of an Askar profile, ready for use.
///
/// Searchable text (category, name, tag name, tag value) is encrypted with a nonce that is an HMAC of the text, so that
/// equal text has equal ciphertext; values with a fresh nonce under a key of their own.
pub struct ProfileKey {
    category: ChaCha20Poly1305,
    name: ChaCha20Poly1305,
    tag_name: ChaCha20Poly1305,
    tag_value: ChaCha20Poly1305,
    /// Keyed once: absorbing the key costs as much as a short message.
    item_mac: Hmac<Sha256>,
    tags_mac: Hmac<Sha256>,
    categories: Kept,
    tag_names: Kept,
    sealing: Sealing,
}

impl ProfileKey {
    /// The CBOR map of a new profile with these keys, in the order `ick ink ihk tnk tvk thk`.
    pub fn new_cbor(secrets: &[[u8; 32]; 6]) -> Result<Zeroizing<Vec<u8>>, FormatError> {
        let mut map = vec![(Value::Text("ver".into()), Value::Text("1".into()))];
        map.extend(
            NAMES
                .iter()
                .zip(secrets)
                .map(|(name, secret)| (Value::Text((*name).to_owned()), Value::Bytes(secret.to_vec()))),
        );
        // Larger than needed: growing would leave copies behind.
        let mut cbor = Zeroizing::new(Vec::with_capacity(512));
        let mut map = Value::Map(map);
        let written = ciborium::into_writer(&map, &mut *cbor);
        super::wipe_bytes(&mut map);
        written.map_err(|_| FormatError::Malformed("the profile key"))?;
        Ok(cbor)
    }

    /// From the CBOR map that a profile's row holds after unwrapping: `ver` is "1"; `ick ink ihk tnk tvk thk` are 32 bytes each.
    pub fn from_cbor(cbor: &[u8]) -> Result<Self, FormatError> {
        const WHAT: &str = "the profile key";
        let Some(Value::Map(mut map)) = super::read_secret_cbor(cbor) else {
            return Err(FormatError::Malformed(WHAT));
        };
        let version = map.iter().find(|(key, _)| key.as_text() == Some("ver")).and_then(|(_, v)| v.as_text());
        if version != Some("1") {
            return Err(FormatError::Malformed(WHAT));
        }
        let mut secrets = Zeroizing::new([[0u8; 32]; 6]);
        for (slot, wanted) in secrets.iter_mut().zip(NAMES) {
            let found = map.iter_mut().find(|(key, _)| key.as_text() == Some(wanted));
            match found {
                Some((_, Value::Bytes(bytes))) if bytes.len() == 32 => {
                    slot.copy_from_slice(bytes);
                    zeroize::Zeroize::zeroize(bytes);
                }
                _ => return Err(FormatError::Malformed(WHAT)),
            }
        }
        let [ick, ink, ihk, tnk, tvk, thk] = &*secrets;
        let mac = |key: &[u8; 32]| {
            <Hmac<Sha256> as hmac::Mac>::new_from_slice(key).map_err(|_| FormatError::Malformed(WHAT))
        };
        Ok(Self {
            category: ChaCha20Poly1305::new(ick.into()),
            name: ChaCha20Poly1305::new(ink.into()),
            tag_name: ChaCha20Poly1305::new(tnk.into()),
            tag_value: ChaCha20Poly1305::new(tvk.into()),
            item_mac: mac(ihk)?,
            tags_mac: mac(thk)?,
            categories: Kept::default(),
            tag_names: Kept::default(),
            sealing: Sealing::from_profile(&secrets)?,
        })
    }

    /// What seals the rows of our own tables.
    pub fn sealing(&self) -> &Sealing {
        &self.sealing
    }

    /// The stored form of a category.
    pub fn encrypt_category(&self, category: &str) -> Arc<[u8]> {
        self.categories
            .get_or(category, || searchable(&self.category, &self.item_mac, category.as_bytes()).into())
    }

    /// The stored form of a row's name.
    pub fn encrypt_name(&self, name: &str) -> Vec<u8> {
        searchable(&self.name, &self.item_mac, name.as_bytes())
    }

    /// The readable form of a row's name.
    pub fn decrypt_name(&self, stored: &[u8]) -> Result<String, FormatError> {
        text(open(&self.name, stored, "a row's name")?, "a row's name")
    }

    /// The stored form of a value. `nonce` must be fresh randomness; it becomes the row's version.
    pub fn encrypt_value(&self, category: &str, name: &str, nonce: [u8; 12], value: &[u8]) -> Vec<u8> {
        sealed(&self.value_cipher(category, name), &nonce, value)
    }

    /// The readable form of a value.
    pub fn decrypt_value(&self, category: &str, name: &str, stored: &[u8]) -> Result<Vec<u8>, FormatError> {
        open(&self.value_cipher(category, name), stored, "a row's value")
    }

    /// The stored form of a tag name.
    pub fn encrypt_tag_name(&self, name: &str) -> Arc<[u8]> {
        self.tag_names.get_or(name, || searchable(&self.tag_name, &self.tags_mac, name.as_bytes()).into())
    }

    /// The stored form of an encrypted tag's value.
    pub fn encrypt_tag_value(&self, value: &str) -> Vec<u8> {
        searchable(&self.tag_value, &self.tags_mac, value.as_bytes())
    }

    /// The stored form of a tag, its name with a prefix (`user:` for the caller's tags of key entries).
    pub fn encrypt_tag(&self, prefix: &str, tag: &Tag) -> EncryptedTag {
        let name = match prefix {
            "" => self.encrypt_tag_name(&tag.name),
            _ => self.encrypt_tag_name(&format!("{prefix}{}", tag.name)),
        };
        let value =
            if tag.plaintext { tag.value.as_bytes().to_vec() } else { self.encrypt_tag_value(&tag.value) };
        EncryptedTag { name, value, plaintext: tag.plaintext }
    }

    /// The readable form of a tag.
    pub fn decrypt_tag(&self, name: &[u8], value: &[u8], plaintext: bool) -> Result<Tag, FormatError> {
        const WHAT: &str = "a tag";
        let name = text(open(&self.tag_name, name, WHAT)?, WHAT)?;
        let value = if plaintext { value.to_vec() } else { open(&self.tag_value, value, WHAT)? };
        Ok(Tag { name: name.into(), value: text(value, WHAT)?, plaintext })
    }

    fn value_cipher(&self, category: &str, name: &str) -> ChaCha20Poly1305 {
        let mut mac = self.item_mac.clone();
        for part in [category, name] {
            // Lengths beyond 32 bits cannot come here: SQLite's limit for a blob is below.
            mac.update(&(part.len() as u32).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let key = Zeroizing::new(<[u8; 32]>::from(mac.finalize_fixed()));
        ChaCha20Poly1305::new(key.as_slice().into())
    }
}

/// `nonce | ciphertext | tag`.
fn sealed(cipher: &ChaCha20Poly1305, nonce: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(NONCE + plain.len() + MAC);
    stored.extend_from_slice(nonce);
    stored.extend_from_slice(plain);
    // Fails only beyond 256 GiB, which no caller can hold in memory; an empty tag would then not open again.
    let tag = cipher
        .encrypt_in_place_detached(Nonce::from_slice(nonce), b"", &mut stored[NONCE..])
        .unwrap_or_default();
    stored.extend_from_slice(&tag);
    stored
}

fn searchable(cipher: &ChaCha20Poly1305, mac: &Hmac<Sha256>, plain: &[u8]) -> Vec<u8> {
    let mut mac = mac.clone();
    mac.update(plain);
    sealed(cipher, &mac.finalize_fixed()[..NONCE], plain)
}

fn open(cipher: &ChaCha20Poly1305, stored: &[u8], what: &'static str) -> Result<Vec<u8>, FormatError> {
    let end =
        stored.len().checked_sub(MAC).filter(|end| *end >= NONCE).ok_or(FormatError::Malformed(what))?;
    let mut plain = stored[NONCE..end].to_vec();
    cipher
        .decrypt_in_place_detached(
            Nonce::from_slice(&stored[..NONCE]),
            b"",
            &mut plain,
            Mac16::from_slice(&stored[end..]),
        )
        .map_err(|_| FormatError::Sealed(what))?;
    Ok(plain)
}

fn text(bytes: Vec<u8>, what: &'static str) -> Result<String, FormatError> {
    String::from_utf8(bytes).map_err(|_| FormatError::Malformed(what))
}

/// Ciphertexts of texts that come again and again: categories and tag names.
#[derive(Default)]
struct Kept(RwLock<HashMap<Box<str>, Arc<[u8]>>>);

impl Kept {
    fn get_or(&self, text: &str, make: impl FnOnce() -> Arc<[u8]>) -> Arc<[u8]> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Arc::clone(known);
        }
        let made = make();
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_TEXTS {
            kept.insert(text.into(), Arc::clone(&made));
        }
        made
    }
}
