//! What the controller asks for: the body, path and query of each REST operation.

use serde::Deserialize;
use serde_json::{Map, Value};

/// `filter`: content by format name (`ld_proof`, `anoncreds`, `indy`, `vc_di`), in the controller's order.
pub type Filter = Map<String, Value>;

/// `GET /issue-credential-2.0/records`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct List {
    /// Only records of this connection.
    pub connection_id: Option<String>,
    /// Only records of this thread.
    pub thread_id: Option<String>,
    /// `issuer` or `holder`.
    pub role: Option<String>,
    /// Only records in this state.
    pub state: Option<String>,
    /// Most records to return; ACA-Py's default is 100.
    pub limit: Option<usize>,
    /// Records to skip.
    pub offset: Option<usize>,
    /// Newest first.
    pub descending: bool,
}

/// A path with nothing but the record's id: `GET` and `DELETE /issue-credential-2.0/records/{cred_ex_id}`.
#[derive(Clone, Debug, Deserialize)]
pub struct Id {
    /// The record.
    pub cred_ex_id: String,
}

/// `POST /issue-credential-2.0/create`: an issuer's record for out-of-band, which issues automatically.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Create {
    /// What to issue.
    pub filter: Filter,
    /// `{"@type"?, "attributes": [{"name", "mime-type"?, "value"}]}`.
    #[serde(default)]
    pub credential_preview: Option<Value>,
    /// For humans.
    #[serde(default)]
    pub comment: Option<String>,
    /// Remove the record when done; default: the agent's setting.
    #[serde(default)]
    pub auto_remove: Option<bool>,
    /// Remove the record when the exchange fails.
    #[serde(default)]
    pub auto_remove_on_failure: Option<bool>,
    /// Identifies the credential that this one replaces (ignored, as ACA-Py does for `create`).
    #[serde(default)]
    pub replacement_id: Option<String>,
    /// Stored with the record.
    #[serde(default)]
    pub trace: Option<bool>,
}

/// `POST /issue-credential-2.0/create-offer`: a free offer for out-of-band.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CreateOffer {
    /// What to offer.
    pub filter: Filter,
    /// As in [`Create`].
    #[serde(default)]
    pub credential_preview: Option<Value>,
    /// For humans.
    #[serde(default)]
    pub comment: Option<String>,
    /// Issue as soon as the request arrives; default: the agent's setting.
    #[serde(default)]
    pub auto_issue: Option<bool>,
    /// Remove the record when done; default: the agent's setting.
    #[serde(default)]
    pub auto_remove: Option<bool>,
    /// Accepted and ignored, as ACA-Py does.
    #[serde(default)]
    pub auto_remove_on_failure: Option<bool>,
    /// Identifies the credential that this one replaces.
    #[serde(default)]
    pub replacement_id: Option<String>,
    /// Stored with the record.
    #[serde(default)]
    pub trace: Option<bool>,
}

/// `POST /issue-credential-2.0/send`: offers, and issues automatically.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Send {
    /// To whom.
    pub connection_id: String,
    /// What to issue.
    pub filter: Filter,
    /// As in [`Create`].
    #[serde(default)]
    pub credential_preview: Option<Value>,
    /// For humans; reaches the stored proposal only.
    #[serde(default)]
    pub comment: Option<String>,
    /// Remove the record when done; default: the agent's setting.
    #[serde(default)]
    pub auto_remove: Option<bool>,
    /// Accepted and ignored, as ACA-Py does.
    #[serde(default)]
    pub auto_remove_on_failure: Option<bool>,
    /// Identifies the credential that this one replaces.
    #[serde(default)]
    pub replacement_id: Option<String>,
    /// Stored; not used when signing (`options.verificationMethod` counts).
    #[serde(default)]
    pub verification_method: Option<String>,
    /// Stored with the record.
    #[serde(default)]
    pub trace: Option<bool>,
}

/// `POST /issue-credential-2.0/send-offer`: a free offer.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SendOffer {
    /// To whom.
    pub connection_id: String,
    /// What to offer.
    pub filter: Filter,
    /// As in [`Create`].
    #[serde(default)]
    pub credential_preview: Option<Value>,
    /// For humans.
    #[serde(default)]
    pub comment: Option<String>,
    /// Issue as soon as the request arrives; default: the agent's setting.
    #[serde(default)]
    pub auto_issue: Option<bool>,
    /// Remove the record when done; default: the agent's setting.
    #[serde(default)]
    pub auto_remove: Option<bool>,
    /// Accepted and ignored, as ACA-Py does.
    #[serde(default)]
    pub auto_remove_on_failure: Option<bool>,
    /// Identifies the credential that this one replaces.
    #[serde(default)]
    pub replacement_id: Option<String>,
    /// Stored with the record.
    #[serde(default)]
    pub trace: Option<bool>,
}

/// `POST /issue-credential-2.0/send-proposal`: the holder begins.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SendProposal {
    /// To whom.
    pub connection_id: String,
    /// What is wanted.
    pub filter: Filter,
    /// As in [`Create`].
    #[serde(default)]
    pub credential_preview: Option<Value>,
    /// For humans.
    #[serde(default)]
    pub comment: Option<String>,
    /// Remove the record when done; default: the agent's setting.
    #[serde(default)]
    pub auto_remove: Option<bool>,
    /// Accepted and ignored, as ACA-Py does.
    #[serde(default)]
    pub auto_remove_on_failure: Option<bool>,
    /// Stored with the record.
    #[serde(default)]
    pub trace: Option<bool>,
}

/// `POST /issue-credential-2.0/send-request`: a request without an offer (`ld_proof` only).
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SendRequest {
    /// To whom.
    pub connection_id: String,
    /// What is requested.
    pub filter: Filter,
    /// For humans.
    #[serde(default)]
    pub comment: Option<String>,
    /// A did:key that becomes the subject's id when it has none.
    #[serde(default)]
    pub holder_did: Option<String>,
    /// Remove the record when done; default: the agent's setting.
    #[serde(default)]
    pub auto_remove: Option<bool>,
    /// Remove the record when the exchange fails.
    #[serde(default)]
    pub auto_remove_on_failure: Option<bool>,
    /// Stored with the record.
    #[serde(default)]
    pub trace: Option<bool>,
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
