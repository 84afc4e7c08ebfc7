//! Steps carried out: formats run, the state machine asked, its effects put into the unit.

use chancery_didcomm::message::{Message, Thread};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::content::{details, issued, keep, offered, requested, stored};
use super::messages::{self, Body, Kind, Words};
use super::record::{Exchange, LdProofDetail, Role, State, TOPIC};
use super::state::{self, Automatic, Effect, HolderPolicy, Input, Refusal, Step};
use crate::credential::{Failure, Reach};
use crate::peers::{Connection, send_in_exchange};
use crate::ports::store::Space;
use crate::quoted::Quoted;
use crate::unit::{AgentError, Record, Unit, Work};

/// What the other side is told when an exchange fails.
pub(super) const ABANDONED: &str = "issuance-abandoned";

/// How a tombstone calls an exchange that ended well.
pub(super) const DONE: &str = "done";

pub(super) fn refused(refusal: &Refusal, cred_ex_id: &str) -> AgentError {
    AgentError::bad_request("exchange-state", refusal.text(cred_ex_id))
}

fn body(record: &Exchange, kind: Kind) -> Result<Body, AgentError> {
    record.body(kind).ok_or_else(|| {
        AgentError::internal(
            "message-unreadable",
            format!("{} of {}", kind.record_member(), record.cred_ex_id),
        )
    })
}

pub(super) fn members(message: Message) -> Map<String, Value> {
    match message.into_json() {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The DID that an un-id'd subject is bound to: the given one, else our DID of the connection; only did:key has an effect.
pub(super) async fn holder_did(
    unit: &mut Unit<'_>,
    record: &Exchange,
    given: Option<String>,
) -> Result<Option<String>, AgentError> {
    if given.is_some() {
        return Ok(given);
    }
    let Some(id) = &record.connection_id else { return Ok(None) };
    Ok(unit.peek::<Connection>(id).await?.and_then(|c| c.my_did).filter(|did| did.starts_with("did:key")))
}

/// Answers the stored proposal (or the counter-proposal) with an offer.
pub(super) async fn offer(
    unit: &mut Unit<'_>,
    reach: Reach,
    record: Exchange,
    counter: Option<Message>,
) -> Result<Exchange, Failure> {
    state::may(&record, Kind::Offer).map_err(|r| refused(&r, &record.cred_ex_id))?;
    let proposal = match &counter {
        Some(counter) => Body::unchecked(Kind::Proposal, counter.as_json())
            .map_err(|e| AgentError::internal("message-unreadable", e))?,
        None => body(&record, Kind::Proposal)?,
    };
    let contents = offered(unit, reach, &proposal.known()).await?;
    let preview = proposal.credential_preview.as_ref().and_then(|p| messages::preview(p).ok());
    let words = Words { preview, ..Words::default() };
    let thread = Thread::new(&*record.thread_id);
    let offer = messages::build(Kind::Offer, &unit.new_id(), Some(&thread), words, &contents);
    if let (Some(_), Some(theirs)) = (&counter, &record.cred_proposal) {
        remember_replaced(unit, &record, theirs);
    }
    advance(unit, record, Input::Offer { counter: counter.map(members), offer: members(offer) }).await
}

/// Answers the stored offer with a request.
pub(super) async fn request(
    unit: &mut Unit<'_>,
    reach: Reach,
    record: Exchange,
    given_did: Option<String>,
    flags: Option<(bool, Option<bool>)>,
) -> Result<Exchange, Failure> {
    state::may(&record, Kind::Request).map_err(|r| refused(&r, &record.cred_ex_id))?;
    let offer = body(&record, Kind::Offer)?;
    let did = holder_did(unit, &record, given_did).await?;
    let contents = requested(unit, reach, &offer.known(), did.as_deref()).await?;
    let mut thread = Thread::new(&*record.thread_id);
    thread.pthid = record
        .cred_offer
        .as_ref()
        .and_then(|offer| offer.get("~thread")?.get("pthid")?.as_str().map(str::to_owned));
    let request = messages::build(Kind::Request, &unit.new_id(), Some(&thread), Words::default(), &contents);
    advance(unit, record, Input::Request { request: members(request), flags }).await
}

/// Answers the stored request with the credential.
pub(super) async fn issue(
    unit: &mut Unit<'_>,
    reach: Reach,
    record: Exchange,
    comment: Option<String>,
) -> Result<Exchange, Failure> {
    state::may(&record, Kind::Issue).map_err(|r| refused(&r, &record.cred_ex_id))?;
    let request = body(&record, Kind::Request)?;
    let contents = issued(unit, reach, &request.known()).await?;
    let replacement_id =
        record.cred_offer.as_ref().and_then(|o| o.get("replacement_id")?.as_str().map(str::to_owned));
    let words = Words { comment, replacement_id, preview: None };
    let thread = Thread::new(&*record.thread_id);
    let credential = messages::build(Kind::Issue, &unit.new_id(), Some(&thread), words, &contents);
    advance(unit, record, Input::Issue { credential: members(credential) }).await
}

/// Verifies and stores the received credential; `Some` detail of the last one stored.
pub(super) async fn store(
    unit: &mut Unit<'_>,
    reach: Reach,
    record: Exchange,
    credential_id: Option<String>,
) -> Result<(Exchange, Option<LdProofDetail>), Failure> {
    state::may_store(&record).map_err(|r| refused(&r, &record.cred_ex_id))?;
    let message = body(&record, Kind::Issue)?;
    let stored = stored(unit, reach, &message.known(), credential_id).await?;
    let id = record.cred_ex_id.clone();
    let step = state::step(record, Input::Store).map_err(|r| refused(&r, &id))?;
    // The acknowledgement first: when it can't be sent, nothing is stored.
    let (sends, rest) = step.effects.into_iter().partition(|effect| *effect == Effect::SendAck);
    let record = apply(unit, Step { record: step.record, effects: sends }, false, ABANDONED).await?;
    let mut detail = None;
    for (id, credential) in stored {
        detail = Some(keep(unit, &record, id, credential)?);
    }
    Ok((apply(unit, Step { record, effects: rest }, false, ABANDONED).await?, detail))
}

/// One step of the state machine, its effects put into the unit.
pub(super) async fn advance(
    unit: &mut Unit<'_>,
    record: Exchange,
    input: Input,
) -> Result<Exchange, Failure> {
    let id = record.cred_ex_id.clone();
    let fresh = record.state == State::Start;
    let step = state::step(record, input).map_err(|r| refused(&r, &id))?;
    Ok(apply(unit, step, fresh, ABANDONED).await?)
}

/// Puts a step's effects into the unit. Sending comes first, so that a step whose message can't be sent changes nothing.
pub(super) async fn apply(
    unit: &mut Unit<'_>,
    step: Step,
    fresh: bool,
    report: &str,
) -> Result<Exchange, AgentError> {
    let Step { mut record, effects } = step;
    for effect in effects {
        match effect {
            Effect::Send(kind) => {
                let Some(message) = record.message(kind).cloned() else { continue };
                let message = Message::from_json(Value::Object(message))
                    .map_err(|e| AgentError::internal("message-unreadable", e.to_string()))?;
                send_in_exchange(unit, record.connection_id.as_deref(), &record.thread_id, message).await?;
            }
            Effect::SendAck => {
                let ack = messages::ack(&unit.new_id(), &record.thread_id);
                send_in_exchange(unit, record.connection_id.as_deref(), &record.thread_id, ack).await?;
            }
            Effect::SendReport => {
                let message = messages::report(&unit.new_id(), &record.thread_id, report, ABANDONED);
                let sent =
                    send_in_exchange(unit, record.connection_id.as_deref(), &record.thread_id, message).await;
                // Nobody to tell (no connection yet, or it is gone): the exchange is over here all the same.
                match sent {
                    Err(error) if !error.ends => return Err(error),
                    Err(error) => {
                        tracing::info!(error = %Quoted(&error), "a problem report has nobody to go to")
                    }
                    Ok(()) => {}
                }
            }
            Effect::Save => {
                record.updated_at = unit.now().to_text();
                if fresh {
                    unit.insert(&record)?;
                } else {
                    unit.save(&record)?;
                }
            }
            Effect::Notify => notify(unit, &record),
            Effect::Remove => {
                let outcome = if record.state == State::Done { DONE } else { "failed" };
                remove(unit, &record, outcome).await?;
            }
        }
    }
    Ok(record)
}

pub(super) fn notify(unit: &mut Unit<'_>, record: &Exchange) {
    let payload = record.payload(unit.settings().debug_webhooks);
    unit.notify(TOPIC, &record.cred_ex_id, &payload);
}

/// Removes a record with its details, tells the controller, and remembers the thread without personal data.
pub(super) async fn remove(unit: &mut Unit<'_>, record: &Exchange, outcome: &str) -> Result<(), AgentError> {
    for detail in details(unit, &record.cred_ex_id).await? {
        unit.remove(detail.key());
    }
    unit.remove(record.key());
    let mut payload = record.payload(unit.settings().debug_webhooks);
    payload["state"] = State::Deleted.as_str().into();
    unit.notify(TOPIC, &record.cred_ex_id, &payload);
    let id = tombstone_id(record.role, record.connection_id.as_deref(), &record.thread_id);
    let seconds = unit.settings().tombstone_seconds;
    unit.remember(Space::Tombstone, &id, outcome.as_bytes().to_vec(), Some(seconds));
    Ok(())
}

/// The mark of a message that was replaced in an exchange.
fn replaced_id(record: &Exchange, message: &Map<String, Value>) -> String {
    let text = chancery_didcomm::to_python_json(&Value::Object(message.clone()));
    let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} {} {digest}", messages::PROTOCOL, record.cred_ex_id)
}

/// A proposal or offer of the other side is about to be replaced: a late copy of it is none.
pub(super) fn remember_replaced(unit: &mut Unit<'_>, record: &Exchange, message: &Map<String, Value>) {
    let seconds = unit.settings().tombstone_seconds;
    unit.remember(Space::Seen, &replaced_id(record, message), Vec::new(), Some(seconds));
}

/// Whether a message is a late copy of one that was replaced.
pub(super) async fn was_replaced(
    unit: &mut Unit<'_>,
    record: &Exchange,
    message: &Map<String, Value>,
) -> Result<bool, AgentError> {
    Ok(unit.recall(Space::Seen, &replaced_id(record, message)).await?.is_some())
}

fn tombstone_id(role: Role, connection_id: Option<&str>, thread_id: &str) -> String {
    format!("{} {} {} {thread_id}", messages::PROTOCOL, role.as_str(), connection_id.unwrap_or("-"))
}

/// How an exchange ended whose record was removed.
pub(super) async fn tombstone(
    unit: &mut Unit<'_>,
    role: Role,
    connection_id: Option<&str>,
    thread_id: &str,
) -> Result<Option<String>, AgentError> {
    let value = unit.recall(Space::Tombstone, &tombstone_id(role, connection_id, thread_id)).await?;
    Ok(value.and_then(|value| String::from_utf8(value).ok()))
}

/// Gives the answers that policy prescribes, one after the other, within the same unit. A failure ends the
/// exchange on both sides: nobody called who could be told otherwise, and a peer that was told gives up too. What needs the
/// network is queued; what is only out of reach is tried again with the message.
pub(super) async fn go_on(
    unit: &mut Unit<'_>,
    mut record: Exchange,
    reach: Reach,
) -> Result<Exchange, AgentError> {
    loop {
        let settings = unit.settings();
        let policy = HolderPolicy {
            request: settings.auto_respond_credential_offer,
            store: settings.auto_store_credential,
        };
        let Some(next) = state::automatic(&record, policy) else { return Ok(record) };
        let before = record.clone();
        let outcome = match next {
            Automatic::Offer => offer(unit, reach, record, None).await,
            Automatic::Request => request(unit, reach, record, None, None).await,
            Automatic::Issue => issue(unit, reach, record, None).await,
            Automatic::Store => store(unit, reach, record, None).await.map(|(record, _)| record),
        };
        record = match outcome {
            Ok(record) => record,
            Err(Failure::Deferred) => {
                let detail = json!({"cred_ex_id": before.cred_ex_id});
                unit.later(Work {
                    protocol: super::handler::NAME.to_owned(),
                    detail,
                    cause: before.connection_id.clone(),
                    owner: None,
                    trace: None,
                });
                return Ok(before);
            }
            Err(Failure::Error(error)) if !error.ends => {
                return Err(error);
            }
            Err(Failure::Error(error)) => return fail(unit, before, &error).await,
        };
    }
}

/// Ends an exchange whose automatic answer failed: the controller and the other side are told.
async fn fail(unit: &mut Unit<'_>, record: Exchange, error: &AgentError) -> Result<Exchange, AgentError> {
    tracing::warn!(cred_ex_id = %record.cred_ex_id, code = error.code, "an automatic answer failed");
    let input = Input::Fail { error: error.message.clone() };
    not_taken(unit, record, input).await
}

/// Tells the controller of a message that did not pass its checks; the exchange stays where it is.
pub(super) async fn refuse_message(
    unit: &mut Unit<'_>,
    record: Exchange,
    error: &AgentError,
) -> Result<Exchange, AgentError> {
    tracing::warn!(cred_ex_id = %record.cred_ex_id, code = error.code, "a message did not pass its checks");
    let input = Input::Refused { error: error.message.clone() };
    not_taken(unit, record, input).await
}

async fn not_taken(unit: &mut Unit<'_>, record: Exchange, input: Input) -> Result<Exchange, AgentError> {
    let id = record.cred_ex_id.clone();
    let step = state::step(record, input).map_err(|r| refused(&r, &id))?;
    apply(unit, step, false, ABANDONED).await
}
