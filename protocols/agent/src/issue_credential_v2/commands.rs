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

/// What is done with a record: `/issue-credential-2.0/records/{cred_ex_id}` and what is below it. Each operation reads what
/// belongs to it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OnRecord {
    /// The record.
    pub cred_ex_id: String,
    /// `send-offer`: what is offered instead of what was proposed; with `counter_preview`.
    #[serde(deserialize_with = "where_it_belongs")]
    pub filter: Option<Filter>,
    /// `send-offer`: preview of what is offered instead.
    pub counter_preview: Option<Value>,
    /// `send-request`: a did:key that becomes the subject's id when it has none.
    #[serde(deserialize_with = "where_it_belongs")]
    pub holder_did: Option<String>,
    /// `send-request`: overwrites the record's; default: the agent's setting.
    #[serde(deserialize_with = "where_it_belongs")]
    pub auto_remove: Option<bool>,
    /// `send-request`: overwrites the record's; default: the agent's setting.
    #[serde(deserialize_with = "where_it_belongs")]
    pub auto_remove_on_failure: Option<bool>,
    /// `issue`: for humans.
    #[serde(deserialize_with = "where_it_belongs")]
    pub comment: Option<String>,
    /// `store`: id of the stored credential; default: random.
    #[serde(deserialize_with = "where_it_belongs")]
    pub credential_id: Option<String>,
    /// `problem-report`: told to the other side.
    #[serde(deserialize_with = "where_it_belongs")]
    pub description: Option<String>,
}
