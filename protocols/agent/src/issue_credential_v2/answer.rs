//! What we answer: facts gathered, formats asked, messages made. Each gives the input that follows.

use chancery_didcomm::message::{Message, Thread};
use serde_json::{Map, Value};

use super::content::{issued, offered, requested, stored};
use super::detail::Detail;
use super::messages::{self, Body, Kind, Words};
use super::record::Exchange;
use super::state::{self, Input, Refusal};
use crate::exchange::{Failure, Reach, remember_replaced};
use crate::peers::Connection;
use crate::unit::{AgentError, Unit};

fn refused(record: &Exchange) -> impl Fn(Refusal) -> AgentError {
    |refusal| refusal.of(&record.cred_ex_id).into()
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

/// The body of a proposal of ours.
pub(super) fn proposal_body(proposal: &Message) -> Result<Body, AgentError> {
    Body::unchecked(Kind::Proposal, proposal.as_json())
        .map_err(|e| AgentError::internal("message-unreadable", e))
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
    record: &Exchange,
    counter: Option<Message>,
) -> Result<Input, Failure> {
    state::may(record, Kind::Offer).map_err(refused(record))?;
    let proposal = match &counter {
        Some(counter) => proposal_body(counter)?,
        None => body(record, Kind::Proposal)?,
    };
    let contents = offered(unit, reach, record, &proposal).await?;
    let preview = proposal.credential_preview.as_ref().and_then(|p| messages::preview(p).ok());
    let words = Words { preview, ..Words::default() };
    let thread = Thread::new(&*record.thread_id);
    let offer = messages::build(Kind::Offer, &unit.new_id(), Some(&thread), words, &contents.list);
    if let (Some(_), Some(theirs)) = (&counter, &record.cred_proposal) {
        remember_replaced(unit, record, theirs);
    }
    let kept = contents.kept(unit, record).await?;
    Ok(Input::Offer { counter: counter.map(members), offer: members(offer) }.keeping(kept))
}

/// Answers the stored offer with a request.
pub(super) async fn request(
    unit: &mut Unit<'_>,
    reach: Reach,
    record: &Exchange,
    given_did: Option<String>,
    flags: Option<(bool, Option<bool>)>,
) -> Result<Input, Failure> {
    state::may(record, Kind::Request).map_err(refused(record))?;
    let offer = body(record, Kind::Offer)?;
    let did = holder_did(unit, record, given_did).await?;
    let contents = requested(unit, reach, record, &offer, did.as_deref()).await?;
    let mut thread = Thread::new(&*record.thread_id);
    thread.pthid = record
        .cred_offer
        .as_ref()
        .and_then(|offer| offer.get("~thread")?.get("pthid")?.as_str().map(str::to_owned));
    let words = Words::default();
    let request = messages::build(Kind::Request, &unit.new_id(), Some(&thread), words, &contents.list);
    let kept = contents.kept(unit, record).await?;
    Ok(Input::Request { request: members(request), flags }.keeping(kept))
}

/// Answers the stored request with the credential.
pub(super) async fn issue(
    unit: &mut Unit<'_>,
    reach: Reach,
    record: &Exchange,
    comment: Option<String>,
) -> Result<Input, Failure> {
    state::may(record, Kind::Issue).map_err(refused(record))?;
    let request = body(record, Kind::Request)?;
    let contents = issued(unit, reach, record, &request).await?;
    let replacement_id =
        record.cred_offer.as_ref().and_then(|o| o.get("replacement_id")?.as_str().map(str::to_owned));
    let words = Words { comment, replacement_id, preview: None };
    let thread = Thread::new(&*record.thread_id);
    let credential = messages::build(Kind::Issue, &unit.new_id(), Some(&thread), words, &contents.list);
    let kept = contents.kept(unit, record).await?;
    Ok(Input::Issue { credential: members(credential) }.keeping(kept))
}

/// Verifies the received credential, to be stored; the details of what is stored.
pub(super) async fn store(
    unit: &mut Unit<'_>,
    reach: Reach,
    record: &Exchange,
    credential_id: Option<String>,
) -> Result<(Input, Vec<Detail>), Failure> {
    state::may_store(record).map_err(refused(record))?;
    let issued = body(record, Kind::Issue)?;
    let stored = stored(unit, reach, record, &issued, credential_id).await?;
    let (kept, details) = stored.kept(unit, record).await?;
    Ok((Input::Store.keeping(kept), details))
}
