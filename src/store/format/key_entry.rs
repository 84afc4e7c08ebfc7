use ciborium::Value;
use zeroize::Zeroizing;

use chancery_agent::ports::store::{KeyRow, Tag};
use chancery_did::SecretKey;

use super::{EncryptedTag, ProfileKey};

const USER: &str = "user:";

/// Why a key entry cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyEntryError {
    /// Not the CBOR map that Askar writes.
    #[error("it is not Askar's CBOR map")]
    Cbor,
    /// The secret is kept in hardware.
    #[error("its secret is kept elsewhere (a hardware key)")]
    Elsewhere,
    /// The JWK inside is of no type that we know, or broken. The text never shows key material.
    #[error("{0}")]
    Jwk(String),
}

/// The content of a key entry (Askar kind 1, category `cryptokey`): the CBOR map `{meta?, ref?, data}` with the secret JWK in `data`.
pub struct KeyEntry {
    metadata: Option<String>,
    secret: Zeroizing<Vec<u8>>,
}

impl KeyEntry {
    /// Category of key entries.
    pub const CATEGORY: &'static str = "cryptokey";

    /// The entry of a key.
    pub fn of(key: &KeyRow) -> Self {
        Self { metadata: key.metadata.clone(), secret: key.secret.to_jwk_secret() }
    }

    /// Reads an entry's value.
    pub fn from_cbor(cbor: &[u8]) -> Result<Self, KeyEntryError> {
        let Some(Value::Map(map)) = super::read_secret_cbor(cbor) else {
            return Err(KeyEntryError::Cbor);
        };
        let (mut metadata, mut secret, mut elsewhere) = (None, None, false);
        for (key, value) in map {
            match (key.as_text(), value) {
                (Some("meta"), Value::Text(text)) => metadata = Some(text),
                (Some("data"), Value::Bytes(bytes)) => secret = Some(Zeroizing::new(bytes)),
                (Some("ref"), value) => elsewhere = !value.is_null(),
                _ => {}
            }
        }
        match secret {
            _ if elsewhere => Err(KeyEntryError::Elsewhere),
            Some(secret) => Ok(Self { metadata, secret }),
            None => Err(KeyEntryError::Cbor),
        }
    }

    /// The entry's value.
    pub fn to_cbor(&self) -> Zeroizing<Vec<u8>> {
        let mut map = Vec::with_capacity(2);
        if let Some(metadata) = &self.metadata {
            map.push((Value::Text("meta".to_owned()), Value::Text(metadata.clone())));
        }
        map.push((Value::Text("data".to_owned()), Value::Bytes(self.secret.to_vec())));
        let mut value = Value::Map(map);
        // Room for all of it, so that no half-grown buffer with the secret is left behind.
        let room = self.secret.len() + self.metadata.as_ref().map_or(0, String::len) + 64;
        let mut cbor = Zeroizing::new(Vec::with_capacity(room));
        // Writing to memory cannot fail.
        let _ = ciborium::into_writer(&value, &mut *cbor);
        super::wipe_bytes(&mut value);
        cbor
    }

    /// The same key with other metadata.
    #[must_use]
    pub fn with_metadata(self, metadata: Option<String>) -> Self {
        Self { metadata, ..self }
    }

    /// The key row with these stored tags; those that Askar adds itself are left out.
    pub fn into_row(self, name: String, tags: Vec<Tag>) -> Result<KeyRow, KeyEntryError> {
        let secret =
            SecretKey::from_jwk(&self.secret).map_err(|error| KeyEntryError::Jwk(error.to_string()))?;
        let tags = tags
            .into_iter()
            .filter_map(|tag| {
                let name = tag.name.strip_prefix(USER)?.to_owned();
                Some(Tag { name: name.into(), ..tag })
            })
            .collect();
        Ok(KeyRow { name, secret, metadata: self.metadata, tags })
    }

    /// All tags of a new entry: `alg`, `thumb` and the caller's.
    pub fn tags(profile: &ProfileKey, key: &KeyRow) -> Vec<EncryptedTag> {
        let public = key.secret.public();
        let mut tags = vec![
            profile.encrypt_tag("", &Tag::new("alg", key.secret.kind().as_str())),
            profile.encrypt_tag("", &Tag::new("thumb", public.jwk_thumbprint())),
        ];
        tags.extend(Self::user_tags(profile, &key.tags));
        tags
    }

    /// The caller's tags as stored.
    pub fn user_tags(profile: &ProfileKey, tags: &[Tag]) -> Vec<EncryptedTag> {
        tags.iter().map(|tag| profile.encrypt_tag(USER, tag)).collect()
    }

    /// The stored name of a caller's tag.
    pub fn user_tag_name(profile: &ProfileKey, name: &str) -> std::sync::Arc<[u8]> {
        profile.encrypt_tag_name(&format!("{USER}{name}"))
    }

    /// Whether a stored tag is one of the caller's.
    pub fn is_user_tag(tag: &Tag) -> bool {
        tag.name.starts_with(USER)
    }
}
