//! What is stored of an exchange (ACA-Py's `V20CredExRecord`, field for field) and how it is shown.

use chancery_credentials::Family;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::detail::Detail;
use super::messages::{Body, Kind};
use crate::ports::store::Tag;
use crate::unit::Record;

/// Webhook topic.
pub const TOPIC: &str = "issue_credential_v2_0";

/// RFC 0453's states, in ACA-Py's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Before the first message. Never stored.
    #[default]
    Start,
    /// Holder: proposed.
    ProposalSent,
    /// Issuer: got a proposal.
    ProposalReceived,
    /// Issuer: offered.
    OfferSent,
    /// Holder: got an offer.
    OfferReceived,
    /// Holder: requested.
    RequestSent,
    /// Issuer: got a request.
    RequestReceived,
    /// Issuer: issued, waits for the acknowledgement.
    CredentialIssued,
    /// Holder: got the credential, not yet stored.
    CredentialReceived,
    /// Over, well.
    Done,
    /// Over, by a problem.
    Abandoned,
    /// Issued and revoked later.
    CredentialRevoked,
    /// Shown in the last webhook. Never stored.
    Deleted,
}

impl State {
    /// The states that are stored.
    pub const STORED: [Self; 11] = [
        Self::ProposalSent,
        Self::ProposalReceived,
        Self::OfferSent,
        Self::OfferReceived,
        Self::RequestSent,
        Self::RequestReceived,
        Self::CredentialIssued,
        Self::CredentialReceived,
        Self::Done,
        Self::Abandoned,
        Self::CredentialRevoked,
    ];

    /// The word on the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::ProposalSent => "proposal-sent",
            Self::ProposalReceived => "proposal-received",
            Self::OfferSent => "offer-sent",
            Self::OfferReceived => "offer-received",
            Self::RequestSent => "request-sent",
            Self::RequestReceived => "request-received",
            Self::CredentialIssued => "credential-issued",
            Self::CredentialReceived => "credential-received",
            Self::Done => "done",
            Self::Abandoned => "abandoned",
            Self::CredentialRevoked => "credential-revoked",
            Self::Deleted => "deleted",
        }
    }
}

/// Our part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// We issue.
    #[default]
    Issuer,
    /// We hold.
    Holder,
}

impl Role {
    /// The word on the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Holder => "holder",
        }
    }
}

/// Who sent the first message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Initiator {
    /// We did.
    #[default]
    #[serde(rename = "self")]
    Ourselves,
    /// They did.
    External,
}

impl Initiator {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ourselves => "self",
            Self::External => "external",
        }
    }
}

/// A credential exchange.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Exchange {
    /// Record id, not part of the stored value.
    #[serde(skip)]
    pub cred_ex_id: String,
    /// Thread of the exchange.
    pub thread_id: String,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// The connection; none when connectionless.
    pub connection_id: Option<String>,
    /// Taken by `send`; not used when signing.
    pub verification_method: Option<String>,
    /// Id of the invitation that the offer came with. Declared by ACA-Py, which never sets it.
    pub parent_thread_id: Option<String>,
    /// Who began.
    pub initiator: Initiator,
    /// Our part.
    pub role: Role,
    /// Where it stands.
    pub state: State,
    /// Answer a proposal with an offer.
    pub auto_offer: Option<bool>,
    /// Issue as soon as the request arrives.
    pub auto_issue: Option<bool>,
    /// Remove the record when done.
    pub auto_remove: Option<bool>,
    /// Remove the record when a problem report arrives.
    pub auto_remove_on_failure: Option<bool>,
    /// What went wrong.
    pub error_msg: Option<String>,
    /// Stored only.
    pub trace: Option<bool>,
    /// The proposal, at an issuer that began: its own, never sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cred_proposal: Option<Map<String, Value>>,
    /// The offer as sent or received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cred_offer: Option<Map<String, Value>>,
    /// The request as sent or received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cred_request: Option<Map<String, Value>>,
    /// The credential message as sent or received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cred_issue: Option<Map<String, Value>>,
    /// Members of ACA-Py's record that we don't know, kept.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Record for Exchange {
    const CATEGORY: &'static str = "cred_ex_v20";

    fn id(&self) -> &str {
        &self.cred_ex_id
    }

    fn connection_id(&self) -> Option<&str> {
        self.connection_id.as_deref()
    }

    fn thread_id(&self) -> Option<&str> {
        Some(&self.thread_id).filter(|id| !id.is_empty()).map(String::as_str)
    }

    fn set_id(&mut self, id: String) {
        self.cred_ex_id = id;
    }

    fn tags(&self, plaintext: bool) -> Vec<Tag> {
        vec![Tag { plaintext, ..Tag::new("thread_id", &*self.thread_id) }]
    }
}

fn text(value: &str) -> Option<Value> {
    Some(value.into())
}

fn optional(value: &Option<String>) -> Option<Value> {
    value.as_deref().and_then(text)
}

/// The members that there are.
fn present(members: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let there = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(there.collect())
}

impl Exchange {
    /// One of the stored messages.
    pub fn message(&self, kind: Kind) -> Option<&Map<String, Value>> {
        match kind {
            Kind::Proposal => self.cred_proposal.as_ref(),
            Kind::Offer => self.cred_offer.as_ref(),
            Kind::Request => self.cred_request.as_ref(),
            Kind::Issue => self.cred_issue.as_ref(),
        }
    }

    /// The body of one of the stored messages, as far as it can be read.
    pub fn body(&self, kind: Kind) -> Option<Body> {
        Body::unchecked(kind, self.message(kind)?).ok()
    }

    /// The record as the admin API shows it (R): ACA-Py's members and order, without nulls.
    pub fn view(&self) -> Value {
        let before = [
            ("state", Some(self.state.as_str().into())),
            ("created_at", text(&self.created_at)),
            ("updated_at", text(&self.updated_at)),
            ("trace", self.trace.map(Value::from)),
            ("cred_ex_id", text(&self.cred_ex_id)),
            ("connection_id", optional(&self.connection_id)),
            ("thread_id", text(&self.thread_id)),
            ("parent_thread_id", optional(&self.parent_thread_id)),
            ("initiator", Some(self.initiator.as_str().into())),
            ("role", Some(self.role.as_str().into())),
            ("cred_preview", self.cred_proposal.as_ref().and_then(|p| p.get("credential_preview").cloned())),
        ];
        let messages =
            Kind::ALL.map(|kind| (kind.record_member(), self.message(kind).cloned().map(Value::Object)));
        let after = [
            ("by_format", self.by_format()),
            ("auto_offer", self.auto_offer.map(Value::from)),
            ("auto_issue", self.auto_issue.map(Value::from)),
            ("auto_remove", self.auto_remove.map(Value::from)),
            ("auto_remove_on_failure", self.auto_remove_on_failure.map(Value::from)),
            ("error_msg", optional(&self.error_msg)),
        ];
        present(before.into_iter().chain(messages).chain(after))
    }

    /// Decoded attachments by message and format; `None` when any format of any message is unknown.
    fn by_format(&self) -> Option<Value> {
        let mut all = Map::new();
        for kind in Kind::ALL {
            let Some(members) = self.message(kind) else { continue };
            let body = Body::unchecked(kind, members).ok()?;
            if !body.all_known() {
                return None;
            }
            let contents = body.known().into_iter().map(|(f, content)| (f.api.to_owned(), content.clone()));
            all.insert(kind.record_member().to_owned(), Value::Object(contents.collect()));
        }
        Some(Value::Object(all))
    }

    /// The webhook's payload: reduced, or with `--debug-webhooks` the whole record.
    pub fn payload(&self, whole: bool) -> Value {
        if whole {
            return self.view();
        }
        present([
            ("connection_id", optional(&self.connection_id)),
            ("cred_ex_id", text(&self.cred_ex_id)),
            ("role", Some(self.role.as_str().into())),
            ("initiator", Some(self.initiator.as_str().into())),
            ("auto_offer", self.auto_offer.map(Value::from)),
            ("auto_issue", self.auto_issue.map(Value::from)),
            ("auto_remove", self.auto_remove.map(Value::from)),
            ("error_msg", optional(&self.error_msg)),
            ("thread_id", text(&self.thread_id)),
            ("parent_thread_id", optional(&self.parent_thread_id)),
            ("state", Some(self.state.as_str().into())),
            ("trace", self.trace.map(Value::from)),
            ("created_at", text(&self.created_at)),
            ("updated_at", text(&self.updated_at)),
        ])
    }

    /// The record with its details (D): of each family the first.
    pub fn with_details(&self, details: &[Detail]) -> Value {
        let mut view = Map::new();
        view.insert("cred_ex_record".to_owned(), self.view());
        for family in Family::KNOWN.iter().copied() {
            let detail = details.iter().find(|detail| detail.family == family);
            view.insert(family.api.to_owned(), detail.map_or(Value::Null, Detail::view));
        }
        Value::Object(view)
    }
}
