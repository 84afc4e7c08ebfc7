//! Commands of the `wallet` tag of the admin API: own DIDs and keys.

use serde::Deserialize;
use serde_json::Value;

use crate::engine::{Agent, AgentError};
use crate::ports::Tenant;

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
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct DidCreate {
    /// Default `sov`.
    pub method: Option<String>,
    /// Key type and DID.
    pub options: Option<DidOptions>,
    /// 32 bytes of text or base64, with `--wallet-allow-insecure-seed` only.
    pub seed: Option<String>,
}

impl std::fmt::Debug for DidCreate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DidCreate").field("method", &self.method).field("options", &self.options).finish_non_exhaustive()
    }
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
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct KeyCreate {
    /// Key type, default `ed25519`.
    pub alg: Option<String>,
    /// 32 bytes of text or base64, with `--wallet-allow-insecure-seed` only.
    pub seed: Option<String>,
    /// Name to find it by, e.g. `did:web:…#key-01`.
    pub kid: Option<String>,
}

impl std::fmt::Debug for KeyCreate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyCreate").field("alg", &self.alg).field("kid", &self.kid).finish_non_exhaustive()
    }
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

/// `GET /wallet/did` -> `{"results": […]}`.
pub async fn did_list(_: &Agent, _: &Tenant, _command: DidList) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("GET /wallet/did"))
}

/// `POST /wallet/did/create` -> `{"result": {…}}`.
pub async fn did_create(_: &Agent, _: &Tenant, _command: DidCreate) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /wallet/did/create"))
}

/// `GET /wallet/did/public` -> `{"result": {…} | null}`.
pub async fn public_did(_: &Agent, _: &Tenant) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("GET /wallet/did/public"))
}

/// `POST /wallet/did/public` -> `{"result": {…}}`.
pub async fn set_public_did(_: &Agent, _: &Tenant, _command: SetPublicDid) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /wallet/did/public"))
}

/// `POST /wallet/set-did-endpoint` -> `{}`.
pub async fn set_did_endpoint(_: &Agent, _: &Tenant, _command: SetDidEndpoint) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /wallet/set-did-endpoint"))
}

/// `GET /wallet/get-did-endpoint` -> `{"did", "endpoint"}`.
pub async fn get_did_endpoint(_: &Agent, _: &Tenant, _command: DidRef) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("GET /wallet/get-did-endpoint"))
}

/// `PATCH /wallet/did/local/rotate-keypair` -> `{}`.
pub async fn rotate_keypair(_: &Agent, _: &Tenant, _command: DidRef) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("PATCH /wallet/did/local/rotate-keypair"))
}

/// `POST /wallet/keys` -> 201 `{"kid", "multikey"}`. Errors of the three key calls are JSON `{"message"}` with 400.
pub async fn key_create(_: &Agent, _: &Tenant, _command: KeyCreate) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("POST /wallet/keys"))
}

/// `PUT /wallet/keys` -> `{"kid", "multikey"}`.
pub async fn key_update(_: &Agent, _: &Tenant, _command: KeyUpdate) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("PUT /wallet/keys"))
}

/// `GET /wallet/keys/{multikey}` -> `{"kid", "multikey"}`.
pub async fn key_get(_: &Agent, _: &Tenant, _command: KeyRef) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("GET /wallet/keys/{multikey}"))
}
