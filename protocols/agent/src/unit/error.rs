//! What a command can fail with. One function maps it to an HTTP status (admin-api), one a refusal to a problem report.

use chancery_didcomm::PackError;

use crate::ports::store::{CommitError, StoreError};
use crate::quoted::Quoted;

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The controller's.
    Caller,
    /// The other agent's.
    Peer,
    /// Ours.
    Ours,
    /// A third party's: a server that we fetch from, a ledger.
    ThirdParty,
}

/// What kind of failure; decides the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 400: the request can't be carried out as things stand.
    BadRequest,
    /// 403: not allowed, or the connection isn't ready.
    Forbidden,
    /// 404: the thing named in the path doesn't exist.
    NotFound,
    /// 409: the same request is being carried out.
    Conflict,
    /// 422: the request is malformed.
    Unprocessable,
    /// 501: we don't have this (yet).
    NotSupported,
    /// 503: try again later.
    Unavailable,
    /// 500: our own fault, or one that ACA-Py answers with 500.
    Internal,
}

/// How long a failure lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// Too much at once, the store away: what it happens in goes on with another try. So it is with every [`Kind::Unavailable`].
    Briefly,
    /// Something elsewhere is away, and nobody knows for how long.
    AWhile,
    /// Another try does no better.
    ForGood,
}

/// A failure with what to do about it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct AgentError {
    /// Decides the HTTP status.
    pub kind: Kind,
    /// Stable code, e.g. `record-not-found`; has a page under docs/errors.
    pub code: &'static str,
    /// ACA-Py's text where it has one.
    pub message: String,
    /// The offending member, dotted, e.g. `filter.ld_proof.options.proofType`.
    pub field: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Whose fault it is.
    pub fault: Fault,
    /// How long it lasts; whoever makes the error knows.
    pub lasts: Lasts,
}

impl AgentError {
    fn new(kind: Kind, code: &'static str, fault: Fault, message: impl Into<String>) -> Self {
        let lasts = if kind == Kind::Unavailable { Lasts::Briefly } else { Lasts::ForGood };
        Self { kind, code, message: message.into(), field: None, hint: None, fault, lasts }
    }

    /// 400.
    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, code, Fault::Caller, message)
    }

    /// 403.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, code, Fault::Caller, message)
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, "record-not-found", Fault::Caller, message)
    }

    /// `Record not found: <category>/<id>.` with 404.
    pub fn no_record(category: &str, id: &str) -> Self {
        Self::not_found(format!("Record not found: {category}/{id}."))
    }

    /// 422 with a field.
    pub fn unprocessable(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Unprocessable, "invalid-input", Fault::Caller, message).at(field)
    }

    /// 501 with a sentence.
    pub fn not_supported(message: impl Into<String>) -> Self {
        Self::new(Kind::NotSupported, "not-supported", Fault::Caller, message)
    }

    /// 503.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, "unavailable", Fault::Ours, message)
    }

    /// 503: too much at once.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, "busy", Fault::Ours, message).hint("send the request again")
    }

    /// 500.
    pub fn internal(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, code, Fault::Ours, message)
    }

    /// A document or resolution that a third party didn't give.
    pub fn third_party(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(kind, code, Fault::ThirdParty, message)
    }

    /// The sentence, for an outcome that is not this error. Whoever answers with an error logs a third party's fault; here nobody
    /// else would.
    #[must_use]
    pub fn into_reason(self) -> String {
        if self.fault == Fault::ThirdParty {
            tracing::warn!(code = self.code, reason = %Quoted(&self.message), "a server elsewhere failed");
        }
        self.message
    }

    /// It may be over some day.
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.lasts = Lasts::AWhile;
        self
    }

    /// Whether it ends what it happens in: an exchange, a handshake. There somebody waits.
    pub fn ends(&self) -> bool {
        self.lasts != Lasts::Briefly
    }

    /// Whether what waits for ever, a job, has reason to.
    pub fn passes(&self) -> bool {
        self.lasts != Lasts::ForGood
    }

    /// Names the offending member.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What a DID that an invitation names fails with: 400 where it is no DID, or nobody knows it.
    #[must_use]
    pub fn of_named_did(self) -> Self {
        match self.kind {
            Kind::NotFound | Kind::Unprocessable => self.with_kind(Kind::BadRequest),
            _ => self,
        }
    }

    /// The same with another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }
}

impl From<StoreError> for AgentError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::unavailable(error.to_string()),
            StoreError::Damaged(_) => Self::internal("store-damaged", error.to_string()),
            StoreError::NoTenant(_) => Self::not_found(error.to_string()),
        }
    }
}

impl From<CommitError> for AgentError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => error.into(),
            CommitError::Full(_) => Self::unavailable(error.to_string()),
            CommitError::Conflict(_) => Self::busy("too many changes at once to this record"),
        }
    }
}

impl From<PackError> for AgentError {
    fn from(error: PackError) -> Self {
        Self::internal("pack-failed", error.to_string())
    }
}
