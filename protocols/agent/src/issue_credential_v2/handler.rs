//! What happens when a message of the protocol arrives.

use async_trait::async_trait;
use chancery_didcomm::message::{Message, MessageType};
use serde_json::Map;

use super::content::{check_credential, check_request, starts_at_request};
use super::exchange::{self, ABANDONED, DONE, go_on, refuse_message, tombstone};
use super::messages::{self, Body, Kind, PROTOCOL};
use super::record::{Exchange, Initiator, Role, State};
use super::state::{self, Input};
use crate::credential::Reach;
use crate::engine::{About, Agent, Attaches, HandlerError, Protocol, Received, Routes, Spoken, Works};
use crate::peers::send_in_exchange;
use crate::ports::Timestamp;
use crate::ports::store::Query;
use crate::unit::{AgentError, Outbound, Record, Unit, Work};

/// Name for queued work.
pub(super) const NAME: &str = "issue-credential-2.0";

/// Records of one thread that are looked at.
const MOST_LOOKED_AT: usize = 64;

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
pub struct Handler;

/// Who speaks, and about what.
struct Context<'r> {
    connection_id: Option<&'r str>,
    /// Whether out-of-band let the message in: it answers an invitation's attachment.
    let_in: bool,
    thread_id: &'r str,
    message: &'r Message,
}

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
        let context = context(received)?;
        match received.message.message_type().name() {
            "propose-credential" => proposal(unit, &context).await,
            "offer-credential" => offer(unit, &context).await,
            "request-credential" => request(unit, &context).await,
            "issue-credential" => credential(unit, &context).await,
            "ack" => ack(unit, &context).await,
            "problem-report" => report(unit, &context).await,
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
        let record =
            unit.load::<Exchange>(id).await?.ok_or_else(|| AgentError::no_record(Exchange::CATEGORY, id))?;
        let offer = record.cred_offer.ok_or_else(|| {
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
        let connection_id = sent.connection_id.as_deref();
        let context = Context { connection_id, let_in: false, thread_id: &sent.thread_id, message: &message };
        match find(unit, &context, Some(role)).await? {
            // What was queued after the record last moved answers a repeat of the other side's.
            Some(record) => Ok(record.updated_at > since.to_text() && state::answered(&record, kind)),
            None => Ok(tombstone(unit, role, connection_id, &sent.thread_id).await?.as_deref() == Some(DONE)),
        }
    }

    async fn began(
        &self,
        unit: &mut Unit<'_>,
        connection_id: &str,
        thread_id: &str,
    ) -> Result<Option<String>, AgentError> {
        let is = |record: &Exchange| {
            record.thread_id == thread_id && record.connection_id.as_deref() == Some(connection_id)
        };
        for role in [Role::Issuer, Role::Holder] {
            let id = id_of(unit, role, Some(connection_id), thread_id).await?;
            if let Some(record) = unit.peek::<Exchange>(&id).await?.filter(is) {
                return Ok(Some(record.created_at));
            }
        }
        for row in unit.find_rows(&of_thread(thread_id), false).await? {
            let record = Exchange::from_row(&row)?;
            if is(&record) {
                return Ok(Some(record.created_at));
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Works for Handler {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn work(&self, _agent: &Agent, unit: &mut Unit<'_>, work: &Work) -> Result<(), AgentError> {
        let id = work.detail.get("cred_ex_id").and_then(|id| id.as_str()).unwrap_or_default();
        if let Some(record) = unit.load::<Exchange>(id).await? {
            unit.caused_by(record.connection_id.as_deref());
            owe(unit, &record);
            go_on(unit, record, Reach::Network).await?;
        }
        Ok(())
    }
}

fn context(received: &Received) -> Result<Context<'_>, HandlerError> {
    match &received.connection {
        Some(connection) if !connection.is_ready() => {
            return Err(HandlerError::dropped("connection-not-ready", &*connection.connection_id));
        }
        None if received.oob_id.is_none() => {
            return Err(HandlerError::dropped(
                "no-connection",
                "neither a connection nor a connectionless exchange belongs to the message",
            ));
        }
        _ => {}
    }
    let thread_id = received
        .message
        .thread_id()
        .ok_or_else(|| HandlerError::Malformed("the message has neither @id nor a thread".into()))?;
    let let_in = received.oob_id.is_some();
    Ok(Context { connection_id: received.connection_id(), let_in, thread_id, message: &received.message })
}

fn read(kind: Kind, message: &Message) -> Result<Body, HandlerError> {
    Body::read(kind, message.as_json()).map_err(HandlerError::Malformed)
}

/// The records of a thread whose id doesn't follow from it. More than a few there are only of a thread that peers share, and
/// those have ids that do.
fn of_thread(thread_id: &str) -> Query {
    Query::tagged(Exchange::CATEGORY, "thread_id", thread_id).any(MOST_LOOKED_AT)
}

/// The record of the message's thread with us in this role (`None`: either), on the same connection or like the message
/// without one. Nearly all have the id that follows from these; records of ACA-Py's and those whose thread began after them
/// are found by their tag.
async fn find(
    unit: &mut Unit<'_>,
    context: &Context<'_>,
    role: Option<Role>,
) -> Result<Option<Exchange>, AgentError> {
    let roles = role.map_or_else(|| vec![Role::Issuer, Role::Holder], |role| vec![role]);
    for role in roles {
        let id = id_of(unit, role, context.connection_id, context.thread_id).await?;
        if let Some(record) = unit.load::<Exchange>(&id).await?
            && record.thread_id == context.thread_id
            && record.connection_id.as_deref() == context.connection_id
        {
            return Ok(Some(record));
        }
    }
    let records: Vec<Exchange> = unit.find(&of_thread(context.thread_id)).await?;
    Ok(records.into_iter().find(|record| {
        role.is_none_or(|role| record.role == role)
            && record.connection_id.as_deref() == context.connection_id
    }))
}

/// The id of a record that begins with its thread.
pub(super) async fn id_of(
    unit: &mut Unit<'_>,
    role: Role,
    connection_id: Option<&str>,
    thread_id: &str,
) -> Result<String, AgentError> {
    unit.derived_id(NAME, role.as_str(), connection_id, thread_id).await
}

/// A record that a message creates.
async fn fresh(unit: &mut Unit<'_>, context: &Context<'_>, role: Role) -> Result<Exchange, AgentError> {
    let settings = unit.settings();
    Ok(Exchange {
        cred_ex_id: id_of(unit, role, context.connection_id, context.thread_id).await?,
        thread_id: context.thread_id.to_owned(),
        created_at: unit.now().to_text(),
        connection_id: context.connection_id.map(str::to_owned),
        initiator: Initiator::External,
        role,
        auto_offer: Some(false),
        auto_issue: Some(false),
        auto_remove: Some(!settings.preserve_exchange_records),
        auto_remove_on_failure: Some(false),
        trace: Some(false),
        ..Exchange::default()
    })
}

/// What we began, the other side does not owe.
fn owe(unit: &mut Unit<'_>, record: &Exchange) {
    if record.initiator == Initiator::Ourselves {
        unit.on_our_thread(&record.thread_id);
    }
}

/// Takes a message's step, then goes on by itself where the exchange moved and policy says so.
async fn take(unit: &mut Unit<'_>, record: Exchange, input: Input) -> Result<(), HandlerError> {
    let is_new = record.state == State::Start;
    let id = record.cred_ex_id.clone();
    owe(unit, &record);
    let step = state::step(record, input)
        .map_err(|refusal| HandlerError::dropped("unexpected-message", refusal.text(&id)))?;
    let moved = step.moved();
    let record = exchange::apply(unit, step, is_new, ABANDONED).await?;
    if moved {
        go_on(unit, record, Reach::Local).await?;
    }
    Ok(())
}

/// Proposals and offers may replace earlier ones, so a late copy of an earlier one must not be taken for a new one: what was
/// replaced is remembered. Not by its `@id` alone, since Credo gives every proposal of a thread the thread's id.
async fn supersedes(
    unit: &mut Unit<'_>,
    context: &Context<'_>,
    record: &Exchange,
    kind: Kind,
) -> Result<(), HandlerError> {
    let Some(stored) = record.message(kind) else { return Ok(()) };
    if stored == context.message.as_json() {
        return Ok(());
    }
    if exchange::was_replaced(unit, record, context.message.as_json()).await? {
        return Err(HandlerError::dropped("repeated-message", context.thread_id));
    }
    if matches!(record.state, State::OfferSent | State::ProposalSent) {
        exchange::remember_replaced(unit, record, stored);
    }
    Ok(())
}

async fn proposal(unit: &mut Unit<'_>, context: &Context<'_>) -> Result<(), HandlerError> {
    let body = read(Kind::Proposal, context.message)?;
    if context.connection_id.is_none() {
        return Err(HandlerError::dropped("no-connection", "a proposal needs a connection"));
    }
    if body.known().is_empty() {
        let text = "none of the proposal's formats is supported";
        let report = messages::report(&unit.new_id(), context.thread_id, text, ABANDONED);
        send_in_exchange(unit, context.connection_id, context.thread_id, report).await?;
        return Ok(());
    }
    let record = match find(unit, context, Some(Role::Issuer)).await? {
        Some(record) => record,
        None if tombstone(unit, Role::Issuer, context.connection_id, context.thread_id).await?.is_some() => {
            return Ok(());
        }
        None => {
            let settings = unit.settings();
            let mut record = fresh(unit, context, Role::Issuer).await?;
            record.auto_offer = settings.auto_respond_credential_proposal.then_some(true);
            record.auto_issue = settings.auto_respond_credential_request.then_some(true);
            record
        }
    };
    supersedes(unit, context, &record, Kind::Proposal).await?;
    take(unit, record, Input::ProposalReceived(context.message.as_json().clone())).await
}

async fn offer(unit: &mut Unit<'_>, context: &Context<'_>) -> Result<(), HandlerError> {
    read(Kind::Offer, context.message)?;
    let record = match find(unit, context, Some(Role::Holder)).await? {
        Some(record) => record,
        None if tombstone(unit, Role::Holder, context.connection_id, context.thread_id).await?.is_some() => {
            return Ok(());
        }
        None => {
            // Only what came with an invitation may name one.
            let parent_thread_id = context.message.parent_thread_id().filter(|_| context.let_in);
            let parent_thread_id = parent_thread_id.map(str::to_owned);
            Exchange { parent_thread_id, ..fresh(unit, context, Role::Holder).await? }
        }
    };
    supersedes(unit, context, &record, Kind::Offer).await?;
    take(unit, record, Input::OfferReceived(context.message.as_json().clone())).await
}

async fn request(unit: &mut Unit<'_>, context: &Context<'_>) -> Result<(), HandlerError> {
    let body = read(Kind::Request, context.message)?;
    let mut record = match find(unit, context, Some(Role::Issuer)).await? {
        Some(record) => record,
        None => match unknown_request(unit, context, &body).await? {
            Some(record) => record,
            None => return Ok(()),
        },
    };
    if matches!(record.state, State::Start | State::OfferSent)
        && let Err(error) = check_request(&record, &body)
    {
        refuse_message(unit, record, &error).await?;
        return Ok(());
    }
    // A connectionless offer is taken only now: a refused request leaves it to whom it was made for.
    if record.connection_id.is_none() {
        record.connection_id = context.connection_id.map(str::to_owned);
    }
    take(unit, record, Input::RequestReceived(context.message.as_json().clone())).await
}

/// The record for a request whose connection has none of its thread: a connectionless offer's, or a new one where a
/// format may start with a request. `None`: done with it.
async fn unknown_request(
    unit: &mut Unit<'_>,
    context: &Context<'_>,
    body: &Body,
) -> Result<Option<Exchange>, HandlerError> {
    if context.connection_id.is_some() {
        let connectionless = Context { connection_id: None, ..*context };
        let offered = find(unit, &connectionless, Some(Role::Issuer)).await?;
        let gone = tombstone(unit, Role::Issuer, None, context.thread_id).await?.is_some();
        match offered {
            Some(record) if context.let_in && record.state == State::OfferSent => return Ok(Some(record)),
            None if context.let_in || !gone => {}
            // Who merely knows the thread is not told whether there is anything.
            _ => return Err(HandlerError::dropped("not-a-party", context.thread_id)),
        }
    }
    match tombstone(unit, Role::Issuer, context.connection_id, context.thread_id).await?.as_deref() {
        Some("deleted") | None => {}
        Some(_) => return Ok(None),
    }
    let gone = tombstone(unit, Role::Issuer, None, context.thread_id).await?.is_some()
        || tombstone(unit, Role::Issuer, context.connection_id, context.thread_id).await?.is_some();
    if gone || !starts_at_request(body) || context.connection_id.is_none() {
        let report = messages::report(&unit.new_id(), context.thread_id, "record-not-found", ABANDONED);
        send_in_exchange(unit, context.connection_id, context.thread_id, report).await?;
        return Ok(None);
    }
    let mut record = fresh(unit, context, Role::Issuer).await?;
    record.auto_issue = unit.settings().auto_respond_credential_request.then_some(true);
    Ok(Some(record))
}

async fn credential(unit: &mut Unit<'_>, context: &Context<'_>) -> Result<(), HandlerError> {
    let body = read(Kind::Issue, context.message)?;
    let Some(record) = find(unit, context, Some(Role::Holder)).await? else {
        let ended = tombstone(unit, Role::Holder, context.connection_id, context.thread_id).await?;
        return match ended.as_deref() {
            Some("done") => {
                let ack = messages::ack(&unit.new_id(), context.thread_id);
                send_in_exchange(unit, context.connection_id, context.thread_id, ack).await?;
                Ok(())
            }
            Some(_) => Ok(()),
            None => Err(HandlerError::dropped("unknown-thread", context.thread_id)),
        };
    };
    if record.state == State::RequestSent
        && let Err(error) = check_credential(&record, &body)
    {
        refuse_message(unit, record, &error).await?;
        return Ok(());
    }
    take(unit, record, Input::CredentialReceived(context.message.as_json().clone())).await
}

async fn ack(unit: &mut Unit<'_>, context: &Context<'_>) -> Result<(), HandlerError> {
    if context.message.text("status").is_none() {
        return Err(HandlerError::Malformed("status is missing".into()));
    }
    let Some(record) = find(unit, context, Some(Role::Issuer)).await? else {
        return match tombstone(unit, Role::Issuer, context.connection_id, context.thread_id).await? {
            Some(_) => Ok(()),
            None => Err(HandlerError::dropped("unknown-thread", context.thread_id)),
        };
    };
    take(unit, record, Input::AckReceived).await
}

async fn report(unit: &mut Unit<'_>, context: &Context<'_>) -> Result<(), HandlerError> {
    let error = messages::read_report(context.message).map_err(HandlerError::Malformed)?;
    let Some(record) = find(unit, context, None).await? else {
        return Err(HandlerError::dropped("unknown-thread", context.thread_id));
    };
    take(unit, record, Input::ReportReceived { error }).await
}

/// An exchange that a command begins.
pub(super) fn own(unit: &Unit<'_>, role: Role, connection_id: Option<String>) -> Exchange {
    Exchange {
        cred_ex_id: unit.new_id(),
        created_at: unit.now().to_text(),
        connection_id,
        initiator: Initiator::Ourselves,
        role,
        auto_offer: Some(false),
        auto_issue: Some(false),
        auto_remove: Some(!unit.settings().preserve_exchange_records),
        auto_remove_on_failure: Some(false),
        other: Map::new(),
        ..Exchange::default()
    }
}
