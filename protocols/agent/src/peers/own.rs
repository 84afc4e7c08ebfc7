//! DIDs of ours: the record, and how new ones are made.

use chancery_did::methods::{peer, sov};
use chancery_did::{KeyType, PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Seed, record_expansion};
use crate::ports::store::{NewRow, Query, RowKey, Tag};
use crate::unit::{AgentError, Record, Unit};

/// Metadata member, and tag, of DIDs that invitations share.
pub const INVITATION_REUSE: &str = "invitation_reuse";

/// Category of the long forms of did:peer:4, by their short forms.
const LONG_FORMS: &str = "long_peer_did_4_doc";

/// A DID of ours, stored as ACA-Py stores it (category `did`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnDid {
    /// The DID; the row's name, and in the value too.
    pub did: String,
    /// `key`, `sov`, `web`, `did:peer:2`, `did:peer:4`.
    pub method: String,
    /// Base58 of the key.
    pub verkey: String,
    /// `ed25519`, `bls12381g2`, `p256`.
    pub verkey_type: String,
    /// `posted`, `endpoint`, `invitation_reuse`, …
    pub metadata: Map<String, Value>,
    /// Members of ACA-Py's record that we don't know, kept.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Record for OwnDid {
    const CATEGORY: &'static str = "did";

    fn id(&self) -> &str {
        &self.did
    }

    fn set_id(&mut self, id: String) {
        self.did = id;
    }

    fn tags(&self, _plaintext: bool) -> Vec<Tag> {
        let mut tags = vec![
            Tag::new("method", &*self.method),
            Tag::new("verkey", &*self.verkey),
            Tag::new("verkey_type", &*self.verkey_type),
        ];
        if self.metadata.contains_key(INVITATION_REUSE) {
            tags.push(Tag::new(INVITATION_REUSE, "true"));
        }
        tags
    }
}

impl OwnDid {
    fn new(did: &str, method: &str, key: &PublicKey) -> Self {
        Self {
            did: did.to_owned(),
            method: method.to_owned(),
            verkey: key.base58(),
            verkey_type: key.kind().as_str().to_owned(),
            ..Self::default()
        }
    }

    /// The DID with prefix: a nym gets `did:sov:`.
    pub fn qualified(&self) -> String {
        sov::qualified(&self.did)
    }

    /// The key, if it is one that DIDComm v1 can use.
    pub fn public_key(&self) -> Result<PublicKey, AgentError> {
        let kind = KeyType::from_name(&self.verkey_type).unwrap_or(KeyType::Ed25519);
        PublicKey::from_base58(kind, &self.verkey)
            .map_err(|e| AgentError::internal("did-unreadable", format!("the key of {}: {e}", self.did)))
    }

    /// Known to a ledger, or made the public DID.
    pub fn is_posted(&self) -> bool {
        self.metadata.get("posted").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Others than the other side of one connection know it: it is the public DID, or invitations share it.
    pub fn is_shared(&self) -> bool {
        self.is_posted() || self.metadata.contains_key(INVITATION_REUSE)
    }

    /// The row as `GET /wallet/did` shows it. ACA-Py shows the public DID as `posted` too.
    pub fn view(&self) -> Value {
        json!({
            "did": self.did,
            "verkey": self.verkey,
            "posture": if self.is_posted() { "posted" } else { "wallet_only" },
            "key_type": self.verkey_type,
            "method": self.method,
            "metadata": self.metadata,
        })
    }
}

/// What a new DID of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// One connection: a did:peer:4 is stored in both forms.
    Connection,
    /// Invitations, which other invitations may share if `shared`.
    Invitation {
        /// Found again by [`shared_dids`].
        shared: bool,
    },
    /// The controller asked for it.
    Wallet,
}

/// A new Ed25519 key with the tag of ACA-Py's key manager.
pub fn new_key(unit: &mut Unit<'_>) -> SecretKey {
    let secret = SecretKey::generate(KeyType::Ed25519, &mut unit.rng());
    let multikey = secret.as_public().multikey();
    unit.insert_key(&secret, Some("{}"), vec![Tag::new("multikey", multikey)]);
    secret
}

fn put(unit: &mut Unit<'_>, own: &OwnDid, purpose: Purpose) -> Result<OwnDid, AgentError> {
    let mut own = own.clone();
    if purpose == (Purpose::Invitation { shared: true }) {
        own.metadata.insert(INVITATION_REUSE.to_owned(), json!("true"));
    }
    unit.insert(&own)?;
    Ok(own)
}

fn unusable(error: chancery_did::DidError) -> AgentError {
    AgentError::bad_request("bad-endpoint", format!("no DID can be made with these endpoints: {error}"))
}

/// A new did:peer:4 in its long form.
pub fn new_peer4(unit: &mut Unit<'_>, endpoints: &[&str], purpose: Purpose) -> Result<OwnDid, AgentError> {
    let secret = new_key(unit);
    let key = secret.as_public();
    let long = peer::four::build_for_connection(key, endpoints, &[]).map_err(unusable)?;
    if purpose == Purpose::Connection {
        let short = peer::four::short_form(&long).map_err(unusable)?;
        unit.insert(&OwnDid::new(short, "did:peer:4", key))?;
    }
    record_expansion(unit, &long);
    put(unit, &OwnDid::new(&long, "did:peer:4", key), purpose)
}

/// A new did:peer:2 with a key for authentication and one for key agreement.
pub fn new_peer2(unit: &mut Unit<'_>, endpoints: &[&str], purpose: Purpose) -> Result<OwnDid, AgentError> {
    let secret = SecretKey::generate(KeyType::Ed25519, &mut unit.rng());
    let agreement = secret.to_x25519().map_err(|e| {
        AgentError::internal("key-conversion", format!("a new key could not be converted: {e}"))
    })?;
    let did = peer::two::build_for_connection(secret.as_public(), agreement.as_public(), endpoints, &[]);
    let tags = |fragment: &str, key: &SecretKey| {
        vec![Tag::new("kid", format!("{did}#{fragment}")), Tag::new("multikey", key.as_public().multikey())]
    };
    unit.insert_key(&secret, Some("{}"), tags("key-1", &secret));
    unit.insert_key(&agreement, None, tags("key-2", &agreement));
    record_expansion(unit, &did);
    put(unit, &OwnDid::new(&did, "did:peer:2", secret.as_public()), purpose)
}

/// A new unqualified nym.
pub fn new_nym(unit: &mut Unit<'_>) -> Result<OwnDid, AgentError> {
    let secret = SecretKey::generate(KeyType::Ed25519, &mut unit.rng());
    unit.insert_key(&secret, Some("{}"), Vec::new());
    let own = OwnDid::new(&sov::nym_from_verkey(secret.as_public()), "sov", secret.as_public());
    unit.insert(&own)?;
    Ok(own)
}

/// A DID with a key that the caller has made. The same DID with the same key is found again.
///
/// Errors: 400 the DID is there with another key.
pub(crate) async fn with_key(
    unit: &mut Unit<'_>,
    did: &str,
    method: &str,
    secret: &SecretKey,
) -> Result<OwnDid, AgentError> {
    if let Some(own) = unit.load::<OwnDid>(did).await? {
        if own.verkey != secret.as_public().as_base58() {
            let text = format!("DID {did} is already in the wallet with another key");
            return Err(AgentError::bad_request("did-exists", text));
        }
        return Ok(own);
    }
    unit.insert_key(secret, Some("{}"), Vec::new());
    let own = OwnDid::new(did, method, secret.as_public());
    unit.insert(&own)?;
    Ok(own)
}

/// A nym from a seed (random without), named by its key unless `did` names it.
///
/// Errors: 400 a seed of the wrong length, or the DID is there with another key.
pub async fn nym_from_seed(
    unit: &mut Unit<'_>,
    seed: Option<&Seed>,
    did: Option<&str>,
) -> Result<OwnDid, AgentError> {
    let secret = secret_from(unit, KeyType::Ed25519, seed)?;
    let nym =
        did.map_or_else(|| sov::nym_from_verkey(secret.as_public()), |did| sov::unqualified(did).to_owned());
    with_key(unit, &nym, "sov", &secret).await
}

/// A key from a seed, random without.
pub(crate) fn secret_from(
    unit: &Unit<'_>,
    kind: KeyType,
    seed: Option<&Seed>,
) -> Result<SecretKey, AgentError> {
    match seed {
        None => Ok(SecretKey::generate(kind, &mut unit.rng())),
        Some(seed) => seed.key(kind),
    }
}

/// The DIDs of a method that invitations share, newest last.
pub async fn shared_dids(unit: &mut Unit<'_>, method: &str) -> Result<Vec<OwnDid>, AgentError> {
    let query = Query::tagged(OwnDid::CATEGORY, "method", method).and(INVITATION_REUSE, "true");
    unit.find(&query).await
}

/// A DID of the wallet by any of its names: qualified or not, long or short.
pub async fn own_did(unit: &mut Unit<'_>, did: &str) -> Result<Option<OwnDid>, AgentError> {
    if let Some(own) = unit.peek::<OwnDid>(did).await? {
        return Ok(Some(own));
    }
    if let Some(nym) = did.strip_prefix("did:sov:") {
        return unit.peek::<OwnDid>(nym).await;
    }
    if let Ok(short) = peer::four::short_form(did) {
        return unit.peek::<OwnDid>(short).await;
    }
    match long_form(unit, did).await? {
        Some(long) => unit.peek::<OwnDid>(&long).await,
        None => Ok(None),
    }
}

/// The long form of a did:peer:4 that is given in its short form.
async fn long_form(unit: &mut Unit<'_>, did: &str) -> Result<Option<String>, AgentError> {
    if peer::four::check_short(did).is_err() {
        return Ok(None);
    }
    let row = unit.row(&RowKey::new(LONG_FORMS, did)).await?;
    Ok(row.and_then(|row| String::from_utf8(row.value).ok()))
}

/// A DID of the wallet that a connection is to be made with. Of a did:peer:4 it is the long form, which is all that the other
/// side can read at first; the short form, which the connection will be known by, is stored beside it.
pub async fn own_did_to_connect(unit: &mut Unit<'_>, did: &str) -> Result<Option<OwnDid>, AgentError> {
    let Some(mut own) = own_did(unit, did).await? else { return Ok(None) };
    if let Some(long) = long_form(unit, &own.did).await? {
        own.did = long;
    }
    if let Ok(short) = peer::four::short_form(&own.did)
        && unit.load::<OwnDid>(short).await?.is_none()
    {
        unit.insert(&OwnDid::new(short, "did:peer:4", &own.public_key()?))?;
    }
    Ok(Some(own))
}

const PUBLIC: (&str, &str) = ("config", "default_public_did");

fn public_key_of_config() -> RowKey {
    RowKey::new(PUBLIC.0, PUBLIC.1)
}

/// The public DID (`config/default_public_did`).
pub async fn public(unit: &mut Unit<'_>) -> Result<Option<OwnDid>, AgentError> {
    let Some(row) = unit.row(&public_key_of_config()).await? else { return Ok(None) };
    let value: Value = serde_json::from_slice(&row.value)
        .map_err(|e| AgentError::internal("record-unreadable", format!("config/default_public_did: {e}")))?;
    match value["did"].as_str() {
        Some(did) => own_did(unit, did).await,
        None => Ok(None),
    }
}

/// Makes a DID of the wallet the public one, and posted. The record was loaded or inserted in this unit.
pub async fn make_public(unit: &mut Unit<'_>, own: &mut OwnDid) -> Result<(), AgentError> {
    if !own.is_posted() {
        own.metadata.insert("posted".to_owned(), json!(true));
        unit.save(own)?;
    }
    let key = public_key_of_config();
    unit.row(&key).await?;
    let value = json!({"did": own.did}).to_string().into_bytes();
    unit.insert_row(NewRow { key, value, tags: Vec::new() });
    Ok(())
}
