//! The state machine: what follows from what. Pure.
//!
//! | issuer: from | by | to | sends |
//! |---|---|---|---|
//! | – | proposal received | `proposal-received` | |
//! | `proposal-received` | auto_offer, `records/{id}/send-offer` | `offer-sent` | offer |
//! | – | `send`, `send-offer`; `create`, `create-offer` (for an invitation, not sent) | `offer-sent` | offer |
//! | `proposal-received` | other proposal received | `abandoned` | problem report |
//! | `offer-sent` | another proposal received | `proposal-received` | |
//! | –, `offer-sent` | request received | `request-received` | |
//! | `request-received` | auto_issue, `records/{id}/issue` | `credential-issued` | credential |
//! | `credential-issued`, `done` | request received again | same | the same credential |
//! | `credential-issued` | ack received | `done`, removed if auto_remove | |
//! | `abandoned` by their report after the credential | ack received | `done`, removed if auto_remove | |
//!
//! | holder: from | by | to | sends |
//! |---|---|---|---|
//! | – | `send-proposal` | `proposal-sent` | proposal |
//! | –, `proposal-sent` | offer received | `offer-received` | |
//! | `offer-received` | other offer received | `abandoned` | problem report |
//! | `offer-received` | policy, `records/{id}/send-request` | `request-sent` | request |
//! | – | `send-request` | `request-sent` | request |
//! | `request-sent` | offer received again | same | the same request |
//! | `request-sent` | credential received | `credential-received` | |
//! | `credential-received` | policy, `records/{id}/store` | `done`, removed if auto_remove | ack |
//! | `done`, or removed when done | credential received again | same | ack |
//!
//! Both: a problem report received before `done`, our own at any time, and an automatic answer that fails lead to
//! `abandoned`; we report the last two. A message that fails its checks changes `error_msg` alone. Whatever changes a record
//! is an event. A proposal or offer that says the same as the stored one under a new id is a repeat. Other repeats and
//! messages of removed exchanges have no effect.

use serde_json::{Map, Value};

use super::messages::{ABANDONED, Kind, same_content};
use super::record::{Exchange, Role, State};
use crate::exchange::{self, Trouble};
use crate::unit::Settings;

/// A message with attachments as stored.
pub type Stored = Map<String, Value>;

/// How `error_msg` of an exchange begins that our controller ended (ACA-Py's words, so that its records say it too).
pub const OWN_REPORT: &str = "created problem report: ";

/// What happens to an exchange.
#[derive(Clone, Debug)]
pub enum Input {
    /// One of the following five, and what keeps what its formats want to know later.
    Keeping(Vec<Effect>, Box<Self>),
    /// We begin.
    Begin(Begin),
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
    /// The holder has verified the credential.
    Store,
    /// What may happen to every exchange.
    Trouble(Trouble),
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
}

impl Input {
    /// With what is kept, before the record.
    pub fn keeping(self, kept: Vec<Effect>) -> Self {
        if kept.is_empty() { self } else { Self::Keeping(kept, Box::new(self)) }
    }
}

impl From<Trouble> for Input {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// What is said to the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// The stored message.
    Stored(Kind),
    /// An acknowledgement.
    Ack,
    /// A problem report with this text.
    Report(String),
}

/// What a step does besides changing the record.
pub type Effect = exchange::Effect<Word>;
/// The outcome of an input.
pub type Step = exchange::Step<Exchange, Word>;

/// How an exchange begins with us.
#[derive(Clone, Debug)]
pub enum Begin {
    /// The holder proposes.
    Proposal(Stored),
    /// The issuer offers, unasked.
    Offer {
        /// The implicit one, never sent.
        proposal: Stored,
        /// The offer.
        offer: Stored,
        /// Whether the offer is sent, or waits for an invitation.
        send: bool,
    },
    /// The holder requests, without an offer.
    Request {
        /// The implicit one, never sent.
        proposal: Stored,
        /// The request.
        request: Stored,
    },
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
    /// With ACA-Py's text for the controller.
    pub fn of(&self, cred_ex_id: &str) -> exchange::Refusal {
        exchange::Refusal(match self {
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
        })
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
    let effects = match input {
        Input::Keeping(mut kept, input) => {
            let step = step(record, *input)?;
            kept.extend(step.effects);
            return Ok(Step { record: step.record, effects: kept });
        }
        Input::Begin(begins) => {
            may(&record, Kind::Proposal)?;
            begin(&mut record, begins)?
        }
        Input::Offer { counter, offer } => {
            may(&record, Kind::Offer)?;
            record.cred_proposal = counter.or(record.cred_proposal.take());
            record.cred_offer = Some(offer);
            send(&mut record, Kind::Offer, State::OfferSent)
        }
        Input::Request { request, flags } => {
            may(&record, Kind::Request)?;
            record.cred_request = Some(request);
            if let Some((auto_remove, on_failure)) = flags {
                record.auto_remove = Some(auto_remove);
                record.auto_remove_on_failure = on_failure;
            }
            send(&mut record, Kind::Request, State::RequestSent)
        }
        Input::Issue { credential } => {
            may(&record, Kind::Issue)?;
            record.cred_issue = Some(credential);
            send(&mut record, Kind::Issue, State::CredentialIssued)
        }
        Input::Store => {
            may_store(&record)?;
            record.state = State::Done;
            removing(vec![Effect::Send(Word::Ack), Effect::Save, Effect::Notify], record.auto_remove)
        }
        Input::Trouble(_) if record.state == State::Start => return Err(unexpected(&record)),
        Input::Trouble(trouble) => troubled(&mut record, trouble),
        Input::ProposalReceived(proposal) => proposal_received(&mut record, proposal)?,
        Input::OfferReceived(offer) => offer_received(&mut record, offer)?,
        Input::RequestReceived(request) => request_received(&mut record, request)?,
        Input::CredentialReceived(credential) => credential_received(&mut record, credential)?,
        Input::AckReceived => ack_received(&mut record)?,
    };
    Ok(Step { record, effects })
}

type Effects = Vec<Effect>;

fn unexpected(record: &Exchange) -> Refusal {
    Refusal::Unexpected { role: record.role, state: record.state }
}

/// The record moves on, and the controller is told.
fn go(record: &mut Exchange, state: State) -> Effects {
    record.state = state;
    vec![Effect::Save, Effect::Notify]
}

/// The record moves on with a message of ours.
fn send(record: &mut Exchange, kind: Kind, state: State) -> Effects {
    record.state = state;
    vec![Effect::Send(Word::Stored(kind)), Effect::Save, Effect::Notify]
}

fn begin(record: &mut Exchange, begins: Begin) -> Result<Effects, Refusal> {
    let begins_with = match begins {
        Begin::Offer { .. } => Role::Issuer,
        Begin::Proposal(_) | Begin::Request { .. } => Role::Holder,
    };
    if record.role != begins_with {
        return Err(unexpected(record));
    }
    Ok(match begins {
        Begin::Proposal(proposal) => {
            record.cred_proposal = Some(proposal);
            send(record, Kind::Proposal, State::ProposalSent)
        }
        Begin::Offer { proposal, offer, send: sent } => {
            (record.cred_proposal, record.cred_offer) = (Some(proposal), Some(offer));
            if sent { send(record, Kind::Offer, State::OfferSent) } else { go(record, State::OfferSent) }
        }
        Begin::Request { proposal, request } => {
            (record.cred_proposal, record.cred_request) = (Some(proposal), Some(request));
            send(record, Kind::Request, State::RequestSent)
        }
    })
}

/// `error_msg` alone changes: an event like any other change, and none where it says so already.
fn blame(record: &mut Exchange, error: String) -> Effects {
    if record.error_msg.as_ref() == Some(&error) {
        return Vec::new();
    }
    record.error_msg = Some(error);
    vec![Effect::Save, Effect::Notify]
}

fn abandon(record: &mut Exchange, error: String) -> Effects {
    told(record, error, ABANDONED.to_owned())
}

/// We give up and say so; also once more where that is over already.
fn told(record: &mut Exchange, error: String, text: String) -> Effects {
    record.error_msg = Some(error);
    record.state = State::Abandoned;
    vec![Effect::Tell(Word::Report(text)), Effect::Save, Effect::Notify]
}

fn troubled(record: &mut Exchange, trouble: Trouble) -> Effects {
    match trouble {
        Trouble::GivenUp(text) => told(record, format!("{OWN_REPORT}{text}"), text),
        Trouble::Failed(error) => abandon(record, error),
        Trouble::Refused(error) => blame(record, error),
        Trouble::Reported(error) => report_received(record, error),
    }
}

/// Issuer.
fn proposal_received(record: &mut Exchange, proposal: Stored) -> Result<Effects, Refusal> {
    // Credo gives every proposal of a thread the same id.
    let repeat = same(&record.cred_proposal, &proposal) && says_the_same(record, Kind::Proposal, &proposal);
    match (record.role, record.state) {
        // Somebody is looking at the stored one, and what is looked at may not change under the eyes.
        (Role::Issuer, State::ProposalReceived) => Ok(reviewed(record, Kind::Proposal, &proposal)),
        (Role::Issuer, State::OfferSent) if repeat => Ok(vec![Effect::Send(Word::Stored(Kind::Offer))]),
        (Role::Issuer, State::Start | State::OfferSent) => {
            record.cred_proposal = Some(proposal);
            Ok(go(record, State::ProposalReceived))
        }
        (Role::Issuer, _) => Ok(Vec::new()),
        _ => Err(unexpected(record)),
    }
}

/// Holder.
fn offer_received(record: &mut Exchange, offer: Stored) -> Result<Effects, Refusal> {
    let repeat = same(&record.cred_offer, &offer) || says_the_same(record, Kind::Offer, &offer);
    match (record.role, record.state) {
        (Role::Holder, State::OfferReceived) => Ok(reviewed(record, Kind::Offer, &offer)),
        (Role::Holder, State::RequestSent) if repeat => Ok(vec![Effect::Send(Word::Stored(Kind::Request))]),
        (Role::Holder, State::Start | State::ProposalSent) => {
            record.cred_offer = Some(offer);
            Ok(go(record, State::OfferReceived))
        }
        (Role::Holder, _) => Ok(Vec::new()),
        _ => Err(unexpected(record)),
    }
}

/// Issuer.
fn request_received(record: &mut Exchange, request: Stored) -> Result<Effects, Refusal> {
    match (record.role, record.state) {
        (Role::Issuer, State::Start | State::OfferSent) => {
            record.cred_request = Some(request);
            Ok(go(record, State::RequestReceived))
        }
        (Role::Issuer, State::RequestReceived | State::CredentialRevoked) => Ok(Vec::new()),
        (Role::Issuer, State::CredentialIssued | State::Done) => {
            Ok(vec![Effect::Send(Word::Stored(Kind::Issue))])
        }
        _ => Err(unexpected(record)),
    }
}

/// Holder.
fn credential_received(record: &mut Exchange, credential: Stored) -> Result<Effects, Refusal> {
    match (record.role, record.state) {
        (Role::Holder, State::RequestSent) => {
            record.cred_issue = Some(credential);
            Ok(go(record, State::CredentialReceived))
        }
        (Role::Holder, State::CredentialReceived) => Ok(Vec::new()),
        (Role::Holder, State::Done) => Ok(vec![Effect::Send(Word::Ack)]),
        _ => Err(unexpected(record)),
    }
}

/// Issuer.
fn ack_received(record: &mut Exchange) -> Result<Effects, Refusal> {
    match (record.role, record.state) {
        (Role::Issuer, State::CredentialIssued) => Ok(removing(go(record, State::Done), record.auto_remove)),
        // A report of theirs has ended it, and now they have the credential after all.
        (Role::Issuer, State::Abandoned) if record.cred_issue.is_some() && !ended_by_us(record) => {
            record.error_msg = None;
            Ok(removing(go(record, State::Done), record.auto_remove))
        }
        (Role::Issuer, State::Done | State::CredentialRevoked) => Ok(Vec::new()),
        _ => Err(unexpected(record)),
    }
}

/// Either.
fn report_received(record: &mut Exchange, error: String) -> Effects {
    match record.state {
        State::Done | State::CredentialRevoked => Vec::new(),
        // What we said ourselves stays: an acknowledgement may undo their report, not ours.
        State::Abandoned if ended_by_us(record) => Vec::new(),
        State::Abandoned => blame(record, error),
        _ => {
            record.error_msg = Some(error);
            removing(go(record, State::Abandoned), record.auto_remove_on_failure)
        }
    }
}

fn removing(mut effects: Vec<Effect>, remove: Option<bool>) -> Vec<Effect> {
    if remove == Some(true) {
        effects.push(Effect::Remove);
    }
    effects
}

/// Whether the controller ended it. Once a credential was issued nothing else of ours ends an exchange, so any other
/// `error_msg` of an abandoned one is what their report said. A member of our own would say it more plainly, but ACA-Py
/// can't load a record with a member that it does not know.
fn ended_by_us(record: &Exchange) -> bool {
    record.error_msg.as_ref().is_some_and(|error| error.starts_with(OWN_REPORT))
}

/// What becomes of an exchange whose proposal or offer waits for an answer when another message of its kind arrives.
fn reviewed(record: &mut Exchange, kind: Kind, message: &Stored) -> Effects {
    if says_the_same(record, kind, message) {
        return Vec::new();
    }
    abandon(record, format!("another {} arrived before this one was answered", kind.name()))
}

fn says_the_same(record: &Exchange, kind: Kind, message: &Stored) -> bool {
    record.message(kind).is_some_and(|stored| same_content(kind, stored, message))
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

/// What follows by itself: of an issuer as the record says, of a holder as the settings say.
pub fn automatic(record: &Exchange, settings: &Settings) -> Option<Automatic> {
    match record.state {
        State::ProposalReceived if record.auto_offer == Some(true) => Some(Automatic::Offer),
        State::OfferReceived if settings.auto_respond_credential_offer => Some(Automatic::Request),
        State::RequestReceived if record.auto_issue == Some(true) => Some(Automatic::Issue),
        State::CredentialReceived if settings.auto_store_credential => Some(Automatic::Store),
        _ => None,
    }
}
