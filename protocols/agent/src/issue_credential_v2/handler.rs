//! What happens when a message of the protocol arrives.

use async_trait::async_trait;
use chancery_didcomm::message::{Message, MessageType};

use super::content::{check_credential, check_request, starts_at_request};
use super::messages::{self, ABANDONED, Body, Kind, PROTOCOL};
use super::record::{Exchange, Initiator, Role, State};
use super::state::{self, Input};
use crate::engine::{About, Agent, Attaches, HandlerError, Protocol, Received, Routes, Spoken};
use crate::exchange::{self, DELETED, DONE, Found, Incoming, id_of, look_up, refuse_message, take};
use crate::peers::send_in_exchange;
use crate::ports::Timestamp;
use crate::unit::{AgentError, Outbound, Unit};

const SPOKEN: &[Spoken] = &[Spoken {
    name: PROTOCOL,
    major: 2,
    minors: &[0],
    messages: &[
        ("propose-credential", "V20CredProposal"),
        ("offer-credential", "V20CredOffer"),
        ("request-credential", "V20CredRequest"),
        ("issue-credential", "V20CredIssue"),
        ("ack", "V20CredAck"),
        ("problem-report", "V20CredProblemReport"),
    ],
    about: About::AnythingElse,
}];

/// The protocol's handler.
#[derive(Default)]
pub struct Handler;

#[async_trait]
impl Protocol for Handler {
    fn speaks(&self) -> &'static [Spoken] {
        SPOKEN
    }

    async fn receive(
        &self,
        _agent: &Agent,
        unit: &mut Unit<'_>,
        received: &Received,
    ) -> Result<(), HandlerError> {
        let incoming = Incoming::of(received)?;
        match received.message.message_type().name() {
            "propose-credential" => self.proposal(unit, &incoming).await,
            "offer-credential" => self.offer(unit, &incoming).await,
            "request-credential" => self.request(unit, &incoming).await,
            "issue-credential" => self.credential(unit, &incoming).await,
            "ack" => self.ack(unit, &incoming).await,
            "problem-report" => exchange::report_received(self, unit, &incoming).await,
            other => Err(HandlerError::dropped("unknown-type", other)),
        }
    }
}

#[async_trait]
impl Attaches for Handler {
    fn kind(&self) -> &'static str {
        "credential-offer"
    }

    fn begins(&self, kind: &MessageType) -> bool {
        kind.is(PROTOCOL, 2, Kind::Offer.name())
    }

    fn proposes(&self, kind: &MessageType) -> bool {
        kind.is(PROTOCOL, 2, Kind::Proposal.name())
    }

    async fn attachment(&self, unit: &mut Unit<'_>, id: &str) -> Result<Message, AgentError> {
        let offer = unit.require::<Exchange>(id).await?.cred_offer.ok_or_else(|| {
            AgentError::bad_request("no-offer", format!("credential exchange {id} has no offer to attach"))
        })?;
        Message::from_json(offer.into())
            .map_err(|e| AgentError::internal("message-unreadable", e.to_string()))
    }
}

#[async_trait]
impl Routes for Handler {
    async fn answered(
        &self,
        unit: &mut Unit<'_>,
        sent: &Outbound,
        since: Timestamp,
    ) -> Result<bool, AgentError> {
        let message = Message::from_json(sent.message.to_json());
        let message = message.map_err(|e| AgentError::internal("message-unreadable", e.to_string()))?;
        let Some(kind) = Kind::of(message.message_type().name()) else { return Ok(false) };
        let role = match kind {
            Kind::Proposal | Kind::Request => Role::Holder,
            Kind::Offer | Kind::Issue => Role::Issuer,
        };
        let proves = |record: &Exchange| state::answered(record, kind);
        exchange::answered(unit, sent, &message, since, role.as_str(), proves).await
    }

    async fn began(
        &self,
        unit: &mut Unit<'_>,
        connection_id: &str,
        thread_id: &str,
    ) -> Result<Option<String>, AgentError> {
        exchange::began::<Exchange>(unit, connection_id, thread_id).await
    }
}

fn read(unit: &Unit<'_>, kind: Kind, message: &Message) -> Result<Body, HandlerError> {
    Body::read(unit.context().formats(), kind, message.as_json()).map_err(HandlerError::Malformed)
}

async fn find(
    unit: &mut Unit<'_>,
    incoming: &Incoming<'_>,
    role: Role,
) -> Result<Option<Exchange>, AgentError> {
    exchange::find(unit, incoming, Some(role.as_str())).await
}

/// How the thread has ended on this connection with us in this role, if it has and its record is gone.
async fn ended(
    unit: &mut Unit<'_>,
    incoming: &Incoming<'_>,
    role: Role,
) -> Result<Option<String>, AgentError> {
    let Incoming { connection_id, thread_id, .. } = *incoming;
    exchange::tombstone::<Exchange>(unit, role.as_str(), connection_id, thread_id).await
}

/// A record that a message creates.
async fn fresh(unit: &mut Unit<'_>, incoming: &Incoming<'_>, role: Role) -> Result<Exchange, AgentError> {
    let Incoming { connection_id, thread_id, .. } = *incoming;
    Ok(Exchange {
        cred_ex_id: id_of::<Exchange>(unit, role.as_str(), connection_id, thread_id).await?,
        thread_id: thread_id.to_owned(),
        initiator: Initiator::External,
        trace: Some(false),
        ..own(unit, role, connection_id.map(str::to_owned))
    })
}

/// An exchange that a command begins.
pub(super) fn own(unit: &Unit<'_>, role: Role, connection_id: Option<String>) -> Exchange {
    Exchange {
        created_at: unit.now().to_text(),
        connection_id,
        initiator: Initiator::Ourselves,
        role,
        auto_offer: Some(false),
        auto_issue: Some(false),
        auto_remove: Some(!unit.settings().preserve_exchange_records),
        auto_remove_on_failure: Some(false),
        ..Exchange::default()
    }
}

async fn say(unit: &mut Unit<'_>, incoming: &Incoming<'_>, message: Message) -> Result<(), HandlerError> {
    Ok(send_in_exchange(unit, incoming.connection_id, incoming.thread_id, message).await?)
}

/// Whether a message is the first of its kind or replaces one that was answered.
async fn supersedes(
    unit: &mut Unit<'_>,
    incoming: &Incoming<'_>,
    record: &Exchange,
    kind: Kind,
) -> Result<(), HandlerError> {
    let replaces = matches!(record.state, State::OfferSent | State::ProposalSent);
    exchange::supersedes(unit, incoming, record, record.message(kind), replaces).await
}

impl Handler {
    async fn proposal(&self, unit: &mut Unit<'_>, incoming: &Incoming<'_>) -> Result<(), HandlerError> {
        let body = read(unit, Kind::Proposal, incoming.message)?;
        if incoming.connection_id.is_none() {
            return Err(HandlerError::dropped("no-connection", "a proposal needs a connection"));
        }
        if body.known().is_empty() {
            let text = "none of the proposal's formats is supported";
            let report = messages::report(&unit.new_id(), incoming.thread_id, text, ABANDONED);
            return say(unit, incoming, report).await;
        }
        let record = match look_up(unit, incoming, Role::Issuer.as_str()).await? {
            Found::Record(record) => record,
            Found::Ended(_) => return Ok(()),
            Found::Nothing => {
                let settings = unit.settings();
                let mut record = fresh(unit, incoming, Role::Issuer).await?;
                record.auto_offer = settings.auto_respond_credential_proposal.then_some(true);
                record.auto_issue = settings.auto_respond_credential_request.then_some(true);
                record
            }
        };
        supersedes(unit, incoming, &record, Kind::Proposal).await?;
        take(self, unit, record, Input::ProposalReceived(incoming.message.as_json().clone())).await
    }

    async fn offer(&self, unit: &mut Unit<'_>, incoming: &Incoming<'_>) -> Result<(), HandlerError> {
        read(unit, Kind::Offer, incoming.message)?;
        let record: Exchange = match look_up(unit, incoming, Role::Holder.as_str()).await? {
            Found::Record(record) => record,
            Found::Ended(_) => return Ok(()),
            Found::Nothing => {
                // Only what came with an invitation may name one.
                let parent_thread_id = incoming.message.parent_thread_id().filter(|_| incoming.let_in);
                let parent_thread_id = parent_thread_id.map(str::to_owned);
                Exchange { parent_thread_id, ..fresh(unit, incoming, Role::Holder).await? }
            }
        };
        supersedes(unit, incoming, &record, Kind::Offer).await?;
        take(self, unit, record, Input::OfferReceived(incoming.message.as_json().clone())).await
    }

    async fn request(&self, unit: &mut Unit<'_>, incoming: &Incoming<'_>) -> Result<(), HandlerError> {
        let body = read(unit, Kind::Request, incoming.message)?;
        let mut record = match find(unit, incoming, Role::Issuer).await? {
            Some(record) => record,
            None => match unknown_request(unit, incoming, &body).await? {
                Some(record) => record,
                None => return Ok(()),
            },
        };
        if matches!(record.state, State::Start | State::OfferSent)
            && let Err(error) = check_request(unit.context().formats(), &record, &body)
        {
            return Ok(refuse_message::<Self>(unit, record, error).await?);
        }
        // A connectionless offer is taken only now: a refused request leaves it to whom it was made for.
        if record.connection_id.is_none() {
            record.connection_id = incoming.connection_id.map(str::to_owned);
        }
        take(self, unit, record, Input::RequestReceived(incoming.message.as_json().clone())).await
    }

    async fn credential(&self, unit: &mut Unit<'_>, incoming: &Incoming<'_>) -> Result<(), HandlerError> {
        let body = read(unit, Kind::Issue, incoming.message)?;
        let record: Exchange = match look_up(unit, incoming, Role::Holder.as_str()).await? {
            Found::Record(record) => record,
            Found::Ended(outcome) if outcome == DONE => {
                let ack = messages::ack(&unit.new_id(), incoming.thread_id);
                return say(unit, incoming, ack).await;
            }
            Found::Ended(_) => return Ok(()),
            Found::Nothing => return Err(HandlerError::dropped("unknown-thread", incoming.thread_id)),
        };
        if record.state == State::RequestSent
            && let Err(error) = check_credential(unit.context().formats(), &record, &body)
        {
            return Ok(refuse_message::<Self>(unit, record, error).await?);
        }
        take(self, unit, record, Input::CredentialReceived(incoming.message.as_json().clone())).await
    }

    async fn ack(&self, unit: &mut Unit<'_>, incoming: &Incoming<'_>) -> Result<(), HandlerError> {
        if incoming.message.text("status").is_none() {
            return Err(HandlerError::Malformed("status is missing".into()));
        }
        match look_up(unit, incoming, Role::Issuer.as_str()).await? {
            Found::Record(record) => take(self, unit, record, Input::AckReceived).await,
            Found::Ended(_) => Ok(()),
            Found::Nothing => Err(HandlerError::dropped("unknown-thread", incoming.thread_id)),
        }
    }
}

/// The record for a request whose connection has none of its thread: a connectionless offer's, or a new one where a
/// format may start with a request. `None`: done with it.
async fn unknown_request(
    unit: &mut Unit<'_>,
    incoming: &Incoming<'_>,
    body: &Body,
) -> Result<Option<Exchange>, HandlerError> {
    let connectionless = Incoming { connection_id: None, ..*incoming };
    let gone = ended(unit, &connectionless, Role::Issuer).await?.is_some();
    if incoming.connection_id.is_some() {
        match find(unit, &connectionless, Role::Issuer).await? {
            Some(record) if incoming.let_in && record.state == State::OfferSent => return Ok(Some(record)),
            None if incoming.let_in || !gone => {}
            // Who merely knows the thread is not told whether there is anything.
            _ => return Err(HandlerError::dropped("not-a-party", incoming.thread_id)),
        }
    }
    let gone_here = match ended(unit, incoming, Role::Issuer).await?.as_deref() {
        Some(DELETED) => true,
        None => false,
        Some(_) => return Ok(None),
    };
    if gone
        || gone_here
        || !starts_at_request(unit.context().formats(), body)
        || incoming.connection_id.is_none()
    {
        let report = messages::report(&unit.new_id(), incoming.thread_id, "record-not-found", ABANDONED);
        say(unit, incoming, report).await?;
        return Ok(None);
    }
    let mut record = fresh(unit, incoming, Role::Issuer).await?;
    record.auto_issue = unit.settings().auto_respond_credential_request.then_some(true);
    Ok(Some(record))
}
