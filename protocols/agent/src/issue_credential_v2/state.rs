//! The state machine: what follows from what. Pure.

use serde_json::{Map, Value};

use super::messages::Kind;
use super::record::{Exchange, Role, State};

/// A message with attachments as stored.
pub type Stored = Map<String, Value>;

/// What happens to an exchange.
#[derive(Clone, Debug)]
pub enum Input {
    /// We begin: the first state and the messages made for it.
    Begin {
        /// The state that this begins in.
        state: State,
        /// Our proposal, or the implicit one.
        proposal: Option<Stored>,
        /// Our offer.
        offer: Option<Stored>,
        /// Our request.
        request: Option<Stored>,
        /// Whether the first message is sent, or waits for an invitation.
        send: bool,
    },
    /// The issuer answers a proposal.
    Offer {
        /// Replaces the stored proposal.
        counter: Option<Stored>,
        /// The offer.
        offer: Stored,
    },
    /// The holder answers an offer.
    Request {
        /// The request.
        request: Stored,
        /// What `auto_remove` and `auto_remove_on_failure` become; `None`: they stay.
        flags: Option<(bool, Option<bool>)>,
    },
    /// The issuer answers a request.
    Issue {
        /// The credential message.
        credential: Stored,
    },
    /// The holder has stored the credential.
    Store,
    /// We give up and say so.
    Report {
        /// `error_msg`.
        error: String,
    },
    /// An automatic answer failed, or a message did not pass its checks.
    Fail {
        /// `error_msg`.
        error: String,
        /// Whether that ends the exchange.
        abandon: bool,
    },
    /// A proposal arrived.
    ProposalReceived(Stored),
    /// An offer arrived.
    OfferReceived(Stored),
    /// A request arrived and agrees with the offer.
    RequestReceived(Stored),
    /// A credential arrived and agrees with the request.
    CredentialReceived(Stored),
    /// An acknowledgement arrived.
    AckReceived,
    /// A problem report arrived.
    ReportReceived {
        /// `<code>: <en>`.
        error: String,
    },
}

/// What a step does besides changing the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send the stored message.
    Send(Kind),
    /// Send an acknowledgement.
    SendAck,
    /// Send a problem report with the record's `error_msg` told or not.
    SendReport,
    /// Write the record.
    Save,
    /// Tell the controller the new state.
    Notify,
    /// Tell the controller `deleted`; remove the record and its details; remember the thread.
    Remove,
}

/// The outcome of an input.
#[derive(Clone, Debug)]
pub struct Step {
    /// The record as it is now.
    pub record: Exchange,
    /// In the order they happen.
    pub effects: Vec<Effect>,
}

impl Step {
    /// Whether the exchange moved on.
    pub fn moved(&self) -> bool {
        self.effects.contains(&Effect::Notify)
    }
}

/// Why an input is not taken. Nothing changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A command in the wrong state.
    WrongState {
        /// What it is.
        state: State,
        /// What it must be.
        must: State,
    },
    /// A command whose message exists already.
    Twice(Kind),
    /// A message that does not fit the state or the role.
    Unexpected {
        /// Our part.
        role: Role,
        /// Where the exchange stands.
        state: State,
    },
}

impl Refusal {
    /// ACA-Py's text for the controller.
    pub fn text(&self, cred_ex_id: &str) -> String {
        match self {
            Self::WrongState { state, must } => {
                let record = if *must == State::ProposalReceived { " record" } else { "" };
                format!(
                    "Credential exchange{record} {cred_ex_id} in {} state (must be {}).",
                    state.as_str(),
                    must.as_str()
                )
            }
            Self::Twice(Kind::Request) => {
                format!("create_request() called multiple times for v2.0 credential exchange {cred_ex_id}.")
            }
            Self::Twice(_) => {
                format!("issue_credential() called multiple times for cred ex record {cred_ex_id}.")
            }
            Self::Unexpected { role, state } => {
                format!(
                    "not expected by the {} of exchange {cred_ex_id} in {} state",
                    role.as_str(),
                    state.as_str()
                )
            }
        }
    }
}

/// Whether a command's own message may be made now: asked before the work of making it.
pub fn may(record: &Exchange, kind: Kind) -> Result<(), Refusal> {
    let must = match kind {
        Kind::Proposal => State::Start,
        Kind::Offer => State::ProposalReceived,
        Kind::Request => State::OfferReceived,
        Kind::Issue => State::RequestReceived,
    };
    if record.state != must {
        return Err(Refusal::WrongState { state: record.state, must });
    }
    match kind {
        Kind::Request | Kind::Issue if record.message(kind).is_some() => Err(Refusal::Twice(kind)),
        _ => Ok(()),
    }
}

/// Whether the credential may be stored now.
pub fn may_store(record: &Exchange) -> Result<(), Refusal> {
    match record.state {
        State::CredentialReceived => Ok(()),
        state => Err(Refusal::WrongState { state, must: State::CredentialReceived }),
    }
}

/// Whether the record shows that the other side has answered a message of ours.
pub fn answered(record: &Exchange, kind: Kind) -> bool {
    use State::{CredentialIssued, CredentialReceived, CredentialRevoked, Done};
    match kind {
        Kind::Proposal => {
            matches!(record.state, State::OfferReceived | State::RequestSent | CredentialReceived | Done)
        }
        Kind::Offer => {
            matches!(record.state, State::RequestReceived | CredentialIssued | Done | CredentialRevoked)
        }
        Kind::Request => matches!(record.state, CredentialReceived | Done),
        Kind::Issue => matches!(record.state, Done | CredentialRevoked),
    }
}

/// Applies an input to a record ([`State::Start`]: a new one).
pub fn step(mut record: Exchange, input: Input) -> Result<Step, Refusal> {
    use Effect::{Notify, Remove, Save, Send, SendAck, SendReport};
    let unexpected = Refusal::Unexpected { role: record.role, state: record.state };
    let state = record.state;
    let effects = match input {
        Input::Begin { state: first, proposal, offer, request, send } => {
            may(&record, Kind::Proposal)?;
            (record.cred_proposal, record.cred_offer, record.cred_request) = (proposal, offer, request);
            record.state = first;
            match (send, first) {
                (true, State::ProposalSent) => vec![Send(Kind::Proposal), Save, Notify],
                (true, State::RequestSent) => vec![Send(Kind::Request), Save, Notify],
                (true, _) => vec![Send(Kind::Offer), Save, Notify],
                (false, _) => vec![Save, Notify],
            }
        }
        Input::Offer { counter, offer } => {
            may(&record, Kind::Offer)?;
            if counter.is_some() {
                record.cred_proposal = counter;
            }
            record.cred_offer = Some(offer);
            record.state = State::OfferSent;
            vec![Send(Kind::Offer), Save, Notify]
        }
        Input::Request { request, flags } => {
            may(&record, Kind::Request)?;
            record.cred_request = Some(request);
            if let Some((auto_remove, on_failure)) = flags {
                record.auto_remove = Some(auto_remove);
                record.auto_remove_on_failure = on_failure;
            }
            record.state = State::RequestSent;
            vec![Send(Kind::Request), Save, Notify]
        }
        Input::Issue { credential } => {
            may(&record, Kind::Issue)?;
            record.cred_issue = Some(credential);
            record.state = State::CredentialIssued;
            vec![Send(Kind::Issue), Save, Notify]
        }
        Input::Store => {
            may_store(&record)?;
            record.state = State::Done;
            removing(vec![SendAck, Save, Notify], record.auto_remove)
        }
        Input::Report { error } => {
            record.error_msg = Some(error);
            match state {
                State::Start => return Err(unexpected),
                State::Abandoned => vec![SendReport, Save],
                _ => {
                    record.state = State::Abandoned;
                    vec![SendReport, Save, Notify]
                }
            }
        }
        Input::Fail { error, abandon } => {
            record.error_msg = Some(error);
            match state {
                State::Start => return Err(unexpected),
                _ if !abandon => vec![Save],
                _ => {
                    record.state = State::Abandoned;
                    vec![SendReport, Save, Notify]
                }
            }
        }
        Input::ProposalReceived(proposal) => match (record.role, state) {
            (Role::Issuer, State::Start) => {
                record.cred_proposal = Some(proposal);
                record.state = State::ProposalReceived;
                vec![Save, Notify]
            }
            (Role::Issuer, State::ProposalReceived) if same(&record.cred_proposal, &proposal) => Vec::new(),
            (Role::Issuer, State::ProposalReceived) => {
                record.cred_proposal = Some(proposal);
                vec![Save]
            }
            (Role::Issuer, State::OfferSent) if same(&record.cred_proposal, &proposal) => {
                vec![Send(Kind::Offer)]
            }
            (Role::Issuer, State::OfferSent) => {
                record.cred_proposal = Some(proposal);
                record.state = State::ProposalReceived;
                vec![Save, Notify]
            }
            (Role::Issuer, _) => Vec::new(),
            _ => return Err(unexpected),
        },
        Input::OfferReceived(offer) => match (record.role, state) {
            (Role::Holder, State::Start | State::ProposalSent) => {
                record.cred_offer = Some(offer);
                record.state = State::OfferReceived;
                vec![Save, Notify]
            }
            (Role::Holder, State::OfferReceived) if same(&record.cred_offer, &offer) => Vec::new(),
            (Role::Holder, State::OfferReceived) => {
                record.cred_offer = Some(offer);
                vec![Save]
            }
            (Role::Holder, State::RequestSent) if same(&record.cred_offer, &offer) => {
                vec![Send(Kind::Request)]
            }
            (Role::Holder, _) => Vec::new(),
            _ => return Err(unexpected),
        },
        Input::RequestReceived(request) => match (record.role, state) {
            (Role::Issuer, State::Start | State::OfferSent) => {
                record.cred_request = Some(request);
                record.state = State::RequestReceived;
                vec![Save, Notify]
            }
            (Role::Issuer, State::RequestReceived | State::CredentialRevoked) => Vec::new(),
            (Role::Issuer, State::CredentialIssued | State::Done) => vec![Send(Kind::Issue)],
            _ => return Err(unexpected),
        },
        Input::CredentialReceived(credential) => match (record.role, state) {
            (Role::Holder, State::RequestSent) => {
                record.cred_issue = Some(credential);
                record.state = State::CredentialReceived;
                vec![Save, Notify]
            }
            (Role::Holder, State::CredentialReceived) => Vec::new(),
            (Role::Holder, State::Done) => vec![SendAck],
            _ => return Err(unexpected),
        },
        Input::AckReceived => match (record.role, state) {
            (Role::Issuer, State::CredentialIssued) => {
                record.state = State::Done;
                removing(vec![Save, Notify], record.auto_remove)
            }
            (Role::Issuer, State::Done | State::CredentialRevoked) => Vec::new(),
            _ => return Err(unexpected),
        },
        Input::ReportReceived { error } => match state {
            State::Start => return Err(unexpected),
            State::Done | State::CredentialRevoked => Vec::new(),
            State::Abandoned => {
                record.error_msg = Some(error);
                vec![Save]
            }
            _ => {
                record.error_msg = Some(error);
                record.state = State::Abandoned;
                removing(vec![Save, Notify], record.auto_remove_on_failure)
            }
        },
    };
    debug_assert!(effects.is_empty() || effects.iter().any(|e| *e != Remove));
    Ok(Step { record, effects })
}

fn removing(mut effects: Vec<Effect>, remove: Option<bool>) -> Vec<Effect> {
    if remove == Some(true) {
        effects.push(Effect::Remove);
    }
    effects
}

/// Whether a message is a repeat of the stored one.
fn same(stored: &Option<Stored>, message: &Stored) -> bool {
    stored.as_ref().is_some_and(|stored| stored.get("@id") == message.get("@id"))
}

/// The answer that policy gives to a state without the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Automatic {
    /// Offer what was proposed.
    Offer,
    /// Request what was offered.
    Request,
    /// Issue what was requested.
    Issue,
    /// Store what was issued.
    Store,
}

/// Agent-wide policy of a holder.
#[derive(Clone, Copy, Debug, Default)]
pub struct HolderPolicy {
    /// `--auto-respond-credential-offer`
    pub request: bool,
    /// `--auto-store-credential`
    pub store: bool,
}

/// What follows by itself.
pub fn automatic(record: &Exchange, holder: HolderPolicy) -> Option<Automatic> {
    match record.state {
        State::ProposalReceived if record.auto_offer == Some(true) => Some(Automatic::Offer),
        State::OfferReceived if holder.request => Some(Automatic::Request),
        State::RequestReceived if record.auto_issue == Some(true) => Some(Automatic::Issue),
        State::CredentialReceived if holder.store => Some(Automatic::Store),
        _ => None,
    }
}
