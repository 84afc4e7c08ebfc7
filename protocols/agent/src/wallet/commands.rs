//! Commands of the `wallet` tag of the admin API: own DIDs and keys.

use chancery_did::methods::{self, Chosen, sov};
use chancery_did::{KeyType, PublicKey, SecretKey};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::Agent;
use crate::peers::own::{self, OwnDid, Purpose};
use crate::peers::{Seed, key_replaced};
use crate::ports::Tenant;
use crate::ports::store::{KeyRow, Op, Query, Tag};
use crate::unit::{AgentError, Record, Unit};
use crate::{answer, transact};

/// `GET /wallet/did`. Absent filters match everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DidList {
    /// The DID.
    pub did: Option<String>,
    /// Base58 key.
    pub verkey: Option<String>,
    /// `public`, `posted` or `wallet_only`.
    pub posture: Option<String>,
    /// `key`, `sov`, `web`, `did:peer:2`, `did:peer:4`.
    pub method: Option<String>,
    /// `ed25519`, `bls12381g2`, `p256`.
    pub key_type: Option<String>,
}

/// `options` of [`DidCreate`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DidOptions {
    /// `ed25519`, `bls12381g2`, `p256`.
    pub key_type: Option<String>,
    /// The DID itself, for methods where it can be chosen.
    pub did: Option<String>,
}

/// `POST /wallet/did/create`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DidCreate {
    /// Default `sov`.
    pub method: Option<String>,
    /// Key type and DID.
    pub options: Option<DidOptions>,
    /// 32 bytes of text or base64, with `--wallet-allow-insecure-seed` only.
    pub seed: Option<Seed>,
}

/// `POST /wallet/did/public`.
#[derive(Clone, Debug, Deserialize)]
pub struct SetPublicDid {
    /// A DID of the wallet.
    pub did: String,
}

/// Names a DID of the wallet.
#[derive(Clone, Debug, Deserialize)]
pub struct DidRef {
    /// The DID.
    pub did: String,
}

/// `POST /wallet/set-did-endpoint`.
#[derive(Clone, Debug, Deserialize)]
pub struct SetDidEndpoint {
    /// The DID.
    pub did: String,
    /// URL; absent: removed.
    pub endpoint: Option<String>,
    /// `Endpoint` (default), `Profile` or `LinkedDomains`.
    pub endpoint_type: Option<String>,
}

/// `POST /wallet/keys`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct KeyCreate {
    /// Key type, default `ed25519`.
    pub alg: Option<String>,
    /// 32 bytes of text or base64, with `--wallet-allow-insecure-seed` only.
    pub seed: Option<Seed>,
    /// Name to find it by, e.g. `did:web:…#key-01`.
    pub kid: Option<String>,
}

/// `PUT /wallet/keys`.
#[derive(Clone, Debug, Deserialize)]
pub struct KeyUpdate {
    /// Multikey of a key of the wallet.
    pub multikey: String,
    /// Name to find it by.
    pub kid: String,
}

/// `GET /wallet/keys/{multikey}`.
#[derive(Clone, Debug, Deserialize)]
pub struct KeyRef {
    /// Multikey of a key of the wallet.
    pub multikey: String,
}

/// `GET /wallet/did` -> `{"results": […]}`, the public DID first, then posted ones, by name.
pub async fn did_list(agent: &Agent, tenant: &Tenant, command: DidList) -> Result<Value, AgentError> {
    let mut query = Query::all(OwnDid::CATEGORY);
    if let Some(method) = &command.method {
        query = query.and("method", method.as_str());
    }
    let rows = agent.store().find(tenant, &query).await?;
    let public = own::public(&mut agent.unit(tenant)).await?.map(|own| own.did);
    let fits = |given: &Option<String>, is: &str| given.as_deref().is_none_or(|given| given == is);
    let mut found = Vec::new();
    for row in &rows {
        let own = OwnDid::from_row(row)?;
        let posture = match command.posture.as_deref() {
            Some("public") => public.as_deref() == Some(&*own.did),
            Some("posted") => own.is_posted(),
            Some("wallet_only") => !own.is_posted(),
            _ => true,
        };
        let did = command.did.as_deref().is_none_or(|did| did == own.did || did == own.qualified());
        if posture && did && fits(&command.verkey, &own.verkey) && fits(&command.key_type, &own.verkey_type) {
            found.push(own);
        }
    }
    found.sort_by(|a, b| (!a.is_posted(), &a.did).cmp(&(!b.is_posted(), &b.did)));
    Ok(json!({"results": found.iter().map(OwnDid::view).collect::<Vec<_>>()}))
}

/// `POST /wallet/did/create` -> `{"result": {…}}`. The same seed gives the same DID again.
///
/// Errors: 403 a method or key type that isn't supported, a DID where none may be given; 400 a seed of the wrong length
/// or without `--wallet-allow-insecure-seed`, `web` without DID; 422 a DID that is none.
pub async fn did_create(agent: &Agent, tenant: &Tenant, command: DidCreate) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| async {
        let own = create_did(&mut unit, &command).await?;
        Ok::<_, AgentError>(json!({"result": own.view()}))
    }
    .await)
}

async fn create_did(unit: &mut Unit<'_>, command: &DidCreate) -> Result<OwnDid, AgentError> {
    let method = command.method.as_deref().unwrap_or("sov");
    let creatable = methods::named(method).and_then(|method| method.creatable).ok_or_else(|| {
        let text = format!("method {method} is not supported by the agent.");
        AgentError::forbidden("unsupported-method", text)
    })?;
    let options = command.options.clone().unwrap_or_default();
    let name = options.key_type.as_deref().unwrap_or("ed25519");
    let kind =
        KeyType::from_name(name).filter(|kind| creatable.key_types.contains(kind)).ok_or_else(|| {
            AgentError::forbidden(
                "unsupported-key-type",
                format!("method {method} does not support key type {name}"),
            )
        })?;
    let did = match (creatable.chosen, options.did.as_deref()) {
        (Chosen::Never, Some(_)) => {
            let text = format!("method {method} does not support user-defined DIDs");
            return Err(AgentError::forbidden("did-not-allowed", text));
        }
        (Chosen::Always, None) => {
            let text = format!("method {method} requires a user-defined DIDs");
            return Err(AgentError::bad_request("did-missing", text).at("options.did"));
        }
        (_, did) => did,
    };
    let seed = command.seed.as_ref();
    may_use_seed(unit, seed)?;
    let settings = unit.settings();
    let endpoints: Vec<&str> = settings.endpoints.iter().map(String::as_str).collect();
    match method {
        "did:peer:2" => own::new_peer2(unit, &endpoints, Purpose::Wallet),
        "did:peer:4" => own::new_peer4(unit, &endpoints, Purpose::Wallet),
        "sov" => own::nym_from_seed(unit, seed, did).await,
        _ => {
            let secret = own::secret_from(unit, kind, seed)?;
            let did = did.map_or_else(|| secret.as_public().did_key(), str::to_owned);
            let known = chancery_did::parse(&did).is_ok_and(|parsed| parsed.method.name() == method);
            if !known {
                let text = format!("Value {did} is not a did:{method}");
                return Err(AgentError::unprocessable("options.did", text));
            }
            own::with_key(unit, &did, method, &secret).await
        }
    }
}

fn may_use_seed(unit: &Unit<'_>, seed: Option<&Seed>) -> Result<(), AgentError> {
    if seed.is_some() && !unit.settings().allow_insecure_seed {
        return Err(AgentError::bad_request("seed-not-allowed", "Seed support is not enabled.")
            .hint("start the agent with --wallet-allow-insecure-seed"));
    }
    Ok(())
}

/// `GET /wallet/did/public` -> `{"result": {…} | null}`.
pub async fn public_did(agent: &Agent, tenant: &Tenant) -> Result<Value, AgentError> {
    let own = own::public(&mut agent.unit(tenant)).await?;
    Ok(json!({"result": own.map(|own| own.view())}))
}

fn unknown_did(did: &str) -> AgentError {
    AgentError::not_found(format!("Unknown DID: {did}."))
}

async fn load_did(unit: &mut Unit<'_>, did: &str) -> Result<OwnDid, AgentError> {
    if let Some(own) = unit.load::<OwnDid>(did).await? {
        return Ok(own);
    }
    match did.strip_prefix("did:sov:") {
        Some(nym) => unit.load::<OwnDid>(nym).await?.ok_or_else(|| unknown_did(did)),
        None => Err(unknown_did(did)),
    }
}

/// `POST /wallet/did/public` -> `{"result": {…}}`. 404 not in the wallet; 403 a DID that only a ledger can make public.
pub async fn set_public_did(
    agent: &Agent,
    tenant: &Tenant,
    command: SetPublicDid,
) -> Result<Value, AgentError> {
    let did = &command.did;
    if sov::is_nym(sov::unqualified(did)) {
        return Err(AgentError::forbidden("no-ledger", "No ledger available.")
            .hint("a did:key or did:web can be made public without a ledger"));
    }
    answer!(agent, tenant, |unit| async {
        let mut own = load_did(&mut unit, did).await?;
        own::make_public(&mut unit, &mut own).await?;
        Ok::<_, AgentError>(json!({"result": own.view()}))
    }
    .await)
}

/// `POST /wallet/set-did-endpoint` -> `{}`. 404 unknown DID; 400 a DID whose endpoint only a ledger can change.
pub async fn set_did_endpoint(
    agent: &Agent,
    tenant: &Tenant,
    command: SetDidEndpoint,
) -> Result<Value, AgentError> {
    let member = match command.endpoint_type.as_deref() {
        Some("Profile") => "profile",
        Some("LinkedDomains") => "linked_domains",
        _ => "endpoint",
    };
    answer!(agent, tenant, |unit| async {
        let mut own = load_did(&mut unit, &command.did).await?;
        if own.is_posted() && own.method == "sov" {
            let text = format!("No ledger available but DID {} is public: missing wallet-type?", command.did);
            return Err(AgentError::bad_request("no-ledger", text));
        }
        match &command.endpoint {
            Some(endpoint) => own.metadata.insert(member.to_owned(), json!(endpoint)),
            None => own.metadata.shift_remove(member),
        };
        unit.save(&own)?;
        Ok(json!({}))
    }
    .await)
}

/// `GET /wallet/get-did-endpoint` -> `{"did", "endpoint"}`. 404 unknown DID.
pub async fn get_did_endpoint(agent: &Agent, tenant: &Tenant, command: DidRef) -> Result<Value, AgentError> {
    let own = load_did(&mut agent.unit(tenant), &command.did).await?;
    Ok(json!({"did": command.did, "endpoint": own.metadata.get("endpoint")}))
}

/// `PATCH /wallet/did/local/rotate-keypair` -> `{}`. 404 unknown DID; 400 posted, or a DID that its key determines.
pub async fn rotate_keypair(agent: &Agent, tenant: &Tenant, command: DidRef) -> Result<Value, AgentError> {
    transact!(agent, tenant, |unit| async {
        let mut own = load_did(&mut unit, &command.did).await?;
        if own.is_posted() {
            let text = format!("DID {} is posted to the ledger", command.did);
            return Err(AgentError::bad_request("did-posted", text));
        }
        if !methods::named(&own.method).is_some_and(|method| method.rotatable) {
            let text = format!("DID method '{}' does not support key rotation.", own.method);
            return Err(AgentError::bad_request("no-rotation", text));
        }
        let secret = SecretKey::generate(KeyType::Ed25519, &mut unit.rng());
        unit.insert_key(&secret, Some("{}"), Vec::new());
        let old = std::mem::replace(&mut own.verkey, secret.as_public().base58());
        key_replaced(&mut unit, &own.did, &old).await?;
        unit.save(&own)?;
        Ok(json!({}))
    }
    .await)
}

fn key_fault(text: impl Into<String>) -> AgentError {
    AgentError::bad_request("bad-key", text)
}

fn kid_of(row: &KeyRow) -> Option<&str> {
    row.tags.iter().find(|tag| tag.name == "kid").map(|tag| tag.value.as_str())
}

async fn key_row(agent: &Agent, tenant: &Tenant, multikey: &str) -> Result<KeyRow, AgentError> {
    let key = PublicKey::from_multikey(multikey).map_err(|e| key_fault(format!("{multikey}: {e}")))?;
    let name = key.base58();
    agent.store().key(tenant, &name).await?.ok_or_else(|| key_fault(format!("Unknown key: {name}")))
}

async fn kid_is_free(agent: &Agent, tenant: &Tenant, kid: &str, name: &str) -> Result<(), AgentError> {
    let holders = agent.store().find_keys(tenant, "kid", kid).await?;
    if holders.iter().any(|row| row.name != name) {
        return Err(key_fault(format!("kid '{kid}' already exists in wallet.")));
    }
    Ok(())
}

fn key_tags(key: &PublicKey, kid: Option<&str>) -> Vec<Tag> {
    let mut tags = vec![Tag::new("multikey", key.multikey())];
    tags.extend(kid.map(|kid| Tag::new("kid", kid)));
    tags
}

/// `POST /wallet/keys` -> 201 `{"kid", "multikey"}`. Errors of the three key calls are JSON `{"message"}` with 400.
pub async fn key_create(agent: &Agent, tenant: &Tenant, command: KeyCreate) -> Result<Value, AgentError> {
    let alg = command.alg.as_deref().unwrap_or("ed25519");
    let kind = KeyType::from_name(alg).ok_or_else(|| key_fault(format!("Unknown key algorithm: {alg}")))?;
    let kid = command.kid.as_deref();
    answer!(agent, tenant, |unit| async {
        may_use_seed(&unit, command.seed.as_ref())?;
        let secret = own::secret_from(&unit, kind, command.seed.as_ref())?;
        let (key, name) = (secret.public(), secret.public().base58());
        if let Some(kid) = kid {
            kid_is_free(agent, tenant, kid, &name).await?;
        }
        let present = agent.store().key(tenant, &name).await?;
        let kid = kid.map(str::to_owned).or(present.as_ref().and_then(kid_of).map(str::to_owned));
        let tags = key_tags(&key, kid.as_deref());
        match present {
            Some(row) => unit.op(Op::UpdateKey { name, metadata: row.metadata, tags }),
            None => unit.insert_key(&secret, Some("{}"), tags),
        }
        Ok::<_, AgentError>(json!({"kid": kid, "multikey": key.multikey()}))
    }
    .await)
}

/// `PUT /wallet/keys` -> `{"kid", "multikey"}`.
pub async fn key_update(agent: &Agent, tenant: &Tenant, command: KeyUpdate) -> Result<Value, AgentError> {
    transact!(agent, tenant, |unit| async {
        let row = key_row(agent, tenant, &command.multikey).await?;
        kid_is_free(agent, tenant, &command.kid, &row.name).await?;
        let tags = key_tags(row.secret.as_public(), Some(&command.kid));
        unit.op(Op::UpdateKey { name: row.name, metadata: row.metadata, tags });
        Ok::<_, AgentError>(json!({"kid": command.kid, "multikey": command.multikey}))
    }
    .await)
}

/// `GET /wallet/keys/{multikey}` -> `{"kid", "multikey"}`.
pub async fn key_get(agent: &Agent, tenant: &Tenant, command: KeyRef) -> Result<Value, AgentError> {
    let row = key_row(agent, tenant, &command.multikey).await?;
    Ok(json!({"kid": kid_of(&row), "multikey": command.multikey}))
}

/// At start: makes the DID of `--seed`. `local`: only a DID of the wallet, else the public one. `replace_public`: it may
/// take the place of another public DID.
///
/// Errors: 400 a seed of the wrong length, or another public DID that may not be replaced.
pub async fn ensure_seed_did(
    agent: &Agent,
    tenant: &Tenant,
    seed: &Seed,
    local: bool,
    replace_public: bool,
) -> Result<(), AgentError> {
    let nym = sov::nym_from_verkey(seed.key(KeyType::Ed25519)?.as_public());
    transact!(agent, tenant, |unit| async {
        match own::public(&mut unit).await? {
            Some(public) if public.did == nym => return Ok(()),
            Some(public) if !replace_public => {
                let text =
                    format!("New seed provided which doesn't match the registered public did {}", public.did);
                return Err(AgentError::bad_request("public-did-exists", text)
                    .hint("give --replace-public-did, or leave --seed out"));
            }
            Some(_) | None => {}
        }
        let had_public = own::public(&mut unit).await?.is_some();
        let mut own = own::nym_from_seed(&mut unit, Some(seed), None).await?;
        if had_public || !local {
            own::make_public(&mut unit, &mut own).await?;
        } else if let (Some(endpoint), false) =
            (unit.settings().endpoints.first(), own.metadata.contains_key("endpoint"))
        {
            own.metadata.insert("endpoint".to_owned(), json!(endpoint));
            unit.save(&own)?;
        }
        Ok(())
    }
    .await)
}
