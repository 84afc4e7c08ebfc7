//! What the controller asks for.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::engine::{Agent, AgentError};
use crate::ports::Tenant;

/// `POST /credentials/w3c`: all conditions must hold; a list condition holds when the credential has all its members.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListW3c {
    /// JSON-LD contexts.
    pub contexts: Option<Vec<String>>,
    /// Expanded types (IRIs).
    pub types: Option<Vec<String>>,
    /// `credentialSchema` ids.
    pub schema_ids: Option<Vec<String>>,
    /// The issuer.
    pub issuer_id: Option<String>,
    /// The subjects.
    pub subject_ids: Option<Vec<String>>,
    /// Proof types.
    pub proof_types: Option<Vec<String>>,
    /// The credential's own `id`.
    pub given_id: Option<String>,
    /// Tags given when the credential was stored.
    pub tag_query: Option<BTreeMap<String, String>>,
    /// Most records to return.
    pub max_results: Option<usize>,
    /// From the query string: most records to return; `count` likewise.
    pub count: Option<usize>,
    /// From the query string: records to skip.
    pub start: Option<usize>,
    /// From the query string: a WQL query.
    pub wql: Option<String>,
}

/// A path with nothing but the stored credential's id: `GET` and `DELETE /credential/w3c/{credential_id}`.
#[derive(Clone, Debug, Deserialize)]
pub struct Id {
    /// Record id of the stored credential.
    pub credential_id: String,
}

/// `POST /vc/credentials/verify`.
#[derive(Clone, Debug, Deserialize)]
pub struct VerifyVc {
    /// The credential with its proof.
    #[serde(rename = "verifiableCredential")]
    pub verifiable_credential: Value,
    /// Accepted; ACA-Py looks at none of them.
    #[serde(default)]
    pub options: Map<String, Value>,
}

/// The credentials that match: `{"results": [{"contexts", "expanded_types", …, "record_id"}]}`.
pub async fn list_w3c(_agent: &Agent, _tenant: &Tenant, _command: ListW3c) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("credentials/w3c"))
}

/// One credential record.
pub async fn get_w3c(_agent: &Agent, _tenant: &Tenant, _command: Id) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("credential/w3c"))
}

/// Removes a stored credential: `{}`, webhook `w3c_credential`.
pub async fn delete_w3c(_agent: &Agent, _tenant: &Tenant, _command: Id) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("credential/w3c"))
}

/// `{"verified": bool, …}` as ACA-Py answers.
pub async fn verify(_agent: &Agent, _tenant: &Tenant, _command: VerifyVc) -> Result<Value, AgentError> {
    Err(AgentError::not_supported("vc/credentials/verify"))
}
