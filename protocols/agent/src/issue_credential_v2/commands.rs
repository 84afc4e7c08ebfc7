//! What the controller asks for: the body, path and query of each REST operation.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// `filter`: content by format name (`ld_proof`, `anoncreds`, `indy`, `vc_di`), in the controller's order.
pub type Filter = Map<String, Value>;

/// How an exchange begins: `POST /issue-credential-2.0/{create, create-offer, send, send-offer, send-proposal, send-request}`.
/// Each reads what belongs to it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Beginning {
    /// To whom; for an invitation to nobody yet.
    #[serde(deserialize_with = "where_it_belongs")]
    pub connection_id: Option<String>,
    /// What is wanted, offered or issued.
    pub filter: Filter,
    /// `{"@type"?, "attributes": [{"name", "mime-type"?, "value"}]}`.
    pub credential_preview: Option<Value>,
    /// For humans; of `create` and `send` it reaches the stored proposal only.
    pub comment: Option<String>,
    /// `create-offer`, `send-offer`: issue as soon as the request arrives; default: the agent's setting.
    #[serde(deserialize_with = "where_it_belongs")]
    pub auto_issue: Option<bool>,
    /// Remove the record when done; default: the agent's setting.
    pub auto_remove: Option<bool>,
    /// `create`, `send-request`: remove the record when the exchange fails. Others ignore it, as ACA-Py does.
    pub auto_remove_on_failure: Option<bool>,
    /// Identifies the credential that this one replaces (`create` ignores it, as ACA-Py does).
    #[serde(deserialize_with = "where_it_belongs")]
    pub replacement_id: Option<String>,
    /// `send`: stored; not used when signing (`options.verificationMethod` counts).
    #[serde(deserialize_with = "where_it_belongs")]
    pub verification_method: Option<String>,
    /// `send-request`: a did:key that becomes the subject's id when it has none.
    #[serde(deserialize_with = "where_it_belongs")]
    pub holder_did: Option<String>,
    /// Stored with the record.
    pub trace: Option<bool>,
}

/// A member that some operations know and others ignore, whatever it is.
fn where_it_belongs<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

/// A path with nothing but the record's id: `GET` and `DELETE /issue-credential-2.0/records/{cred_ex_id}`.
#[derive(Clone, Debug, Deserialize)]
pub struct Id {
    /// The record.
    pub cred_ex_id: String,
}

/// `POST /issue-credential-2.0/records/{cred_ex_id}/send-offer`: answers a proposal, with a counter-offer if
/// `filter` and `counter_preview` are given.
#[derive(Clone, Debug, Deserialize)]
pub struct BoundOffer {
    /// The record.
    pub cred_ex_id: String,
    /// What is offered instead.
    #[serde(default)]
    pub filter: Option<Filter>,
    /// Preview of what is offered instead.
    #[serde(default)]
    pub counter_preview: Option<Value>,
}

/// `POST /issue-credential-2.0/records/{cred_ex_id}/send-request`.
#[derive(Clone, Debug, Deserialize)]
pub struct BoundRequest {
    /// The record.
    pub cred_ex_id: String,
    /// A did:key that becomes the subject's id when it has none.
    #[serde(default)]
    pub holder_did: Option<String>,
    /// Overwrites the record's; default: the agent's setting.
    #[serde(default)]
    pub auto_remove: Option<bool>,
    /// Overwrites the record's; default: the agent's setting.
    #[serde(default)]
    pub auto_remove_on_failure: Option<bool>,
}

/// `POST /issue-credential-2.0/records/{cred_ex_id}/issue`.
#[derive(Clone, Debug, Deserialize)]
pub struct Issue {
    /// The record.
    pub cred_ex_id: String,
    /// For humans.
    #[serde(default)]
    pub comment: Option<String>,
}

/// `POST /issue-credential-2.0/records/{cred_ex_id}/store`.
#[derive(Clone, Debug, Deserialize)]
pub struct Store {
    /// The record.
    pub cred_ex_id: String,
    /// Id of the stored credential; default: random.
    #[serde(default)]
    pub credential_id: Option<String>,
}

/// `POST /issue-credential-2.0/records/{cred_ex_id}/problem-report`: abandons the exchange.
#[derive(Clone, Debug, Deserialize)]
pub struct ProblemReport {
    /// The record.
    pub cred_ex_id: String,
    /// Told to the other side.
    pub description: String,
}
