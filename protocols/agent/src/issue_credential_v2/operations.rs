//! What the controller asks for, carried out: one function per REST operation.

use chancery_didcomm::message::{Message, Thread};
use serde_json::{Value, json};

use super::commands::{
    BoundOffer, BoundRequest, Create, CreateOffer, Filter, Id, Issue, List, ProblemReport, Send, SendOffer,
    SendProposal, SendRequest, Store,
};
use super::content::{families, offered, proposed, requested};
use super::exchange::{self, advance, members};
use super::messages::{self, Kind, Words};
use super::record::{Exchange, LdProofDetail, Role, State};
use super::state::{self, Begin, Input, OWN_REPORT};
use crate::credential::{Failure, Reach};
use crate::engine::Agent;
use crate::peers::Connection;
use crate::ports::Tenant;
use crate::ports::store::{Facet, Query};
use crate::unit::{AgentError, Record, Unit};
use crate::{answer, transact};

/// ACA-Py's comment in the offer of `send` and `create`.
const AUTOMATED: &str = "create automated v2.0 credential exchange record";

/// Nothing is deferred in a command; should it be, the caller may try again.
fn now_or_never(failure: Failure) -> AgentError {
    match failure {
        Failure::Error(error) => error,
        Failure::Deferred => AgentError::unavailable("the network was not asked"),
    }
}

/// `{"results": [D]}`, D as in [`get`].
pub async fn list(agent: &Agent, tenant: &Tenant, command: List) -> Result<Value, AgentError> {
    let mut query = Query::all(Exchange::CATEGORY);
    if let Some(thread_id) = command.thread_id {
        query = query.and("thread_id", thread_id);
    }
    let facets = [
        (Facet::State, command.state),
        (Facet::Role, command.role),
        (Facet::Connection, command.connection_id),
    ];
    query.facets.extend(facets.into_iter().filter_map(|(facet, value)| Some((facet, vec![value?]))));
    query.offset = command.offset.unwrap_or(0);
    query.limit = Some(command.limit.unwrap_or_else(crate::unit::default_limit));
    query.descending = command.descending;
    let mut unit = agent.unit(tenant);
    let mut results = Vec::new();
    for row in agent.store().find(tenant, &query).await? {
        results.push(shown(&mut unit, &Exchange::from_row(&row)?).await?);
    }
    Ok(json!({"results": results}))
}

/// The record with its detail. Only a holder that has a credential can have one.
async fn shown(unit: &mut Unit<'_>, record: &Exchange) -> Result<Value, AgentError> {
    let mut detail = None;
    if record.role == Role::Holder && record.cred_issue.is_some() {
        detail = super::content::details(unit, &record.cred_ex_id).await?.into_iter().next();
    }
    Ok(record.with_detail(detail.as_ref()))
}

/// `{"cred_ex_record": R, "anoncreds": …, "indy": …, "ld_proof": …, "vc_di": …}`.
pub async fn get(agent: &Agent, tenant: &Tenant, command: Id) -> Result<Value, AgentError> {
    let mut unit = agent.unit(tenant);
    let record: Exchange = unit.require(&command.cred_ex_id).await?;
    shown(&mut unit, &record).await
}

/// Removes the record and its details: `{}`.
pub async fn remove(agent: &Agent, tenant: &Tenant, command: Id) -> Result<Value, AgentError> {
    transact!(agent, tenant, |unit| remove_in(&mut unit, &command).await)
}

async fn remove_in(unit: &mut Unit<'_>, command: &Id) -> Result<Value, AgentError> {
    let record: Exchange = unit.require(&command.cred_ex_id).await?;
    let outcome = if record.state == State::Done { "done" } else { "deleted" };
    exchange::remove(unit, &record, outcome).await?;
    Ok(json!({}))
}

/// The connection of a body: 400 unknown, 403 not ready.
async fn ready(unit: &mut Unit<'_>, connection_id: &str) -> Result<String, AgentError> {
    let Some(connection) = unit.peek::<Connection>(connection_id).await? else {
        let unknown = AgentError::no_record(Connection::CATEGORY, connection_id);
        return Err(unknown.with_kind(crate::unit::Kind::BadRequest).at("connection_id"));
    };
    if connection.is_ready() {
        Ok(connection.connection_id)
    } else {
        Err(AgentError::forbidden("connection-not-ready", format!("Connection {connection_id} not ready")))
    }
}

/// What is offered without a proposal.
struct FreeOffer<'c> {
    filter: &'c Filter,
    preview: &'c Option<Value>,
    /// Of the implicit proposal.
    comment: &'c Option<String>,
    offer_comment: Option<String>,
    replacement_id: Option<String>,
    send: bool,
}

fn read_preview(preview: &Option<Value>, field: &str) -> Result<Option<Value>, AgentError> {
    let preview = preview.as_ref().map(messages::preview).transpose();
    preview.map_err(|text| AgentError::unprocessable(field, text))
}

fn filter_of(filter: &Filter) -> Result<(), AgentError> {
    if families(filter).is_empty() {
        let text = "V20CredFilterSchema requires indy, ld_proof, vc_di or all";
        return Err(AgentError::unprocessable("filter", text));
    }
    Ok(())
}

/// The proposal message of a filter.
async fn proposal_of(
    unit: &mut Unit<'_>,
    filter: &Filter,
    comment: Option<String>,
    preview: Option<Value>,
) -> Result<Message, Failure> {
    filter_of(filter)?;
    let contents = proposed(unit, filter).await?;
    let words = Words { comment, preview, replacement_id: None };
    Ok(messages::build(Kind::Proposal, &unit.new_id(), None, words, &contents))
}

/// The proposal that a free offer or request keeps in its record and never sends, and the counter-proposal of an offer:
/// the filter as the caller gave it.
fn implicit_proposal(
    unit: &Unit<'_>,
    filter: &Filter,
    comment: Option<String>,
    preview: Option<Value>,
) -> Result<Message, AgentError> {
    filter_of(filter)?;
    let contents: Vec<_> =
        families(filter).into_iter().map(|(family, content)| (family, content.clone())).collect();
    let words = Words { comment, preview, replacement_id: None };
    Ok(messages::build(Kind::Proposal, &unit.new_id(), None, words, &contents))
}

async fn free_offer(
    unit: &mut Unit<'_>,
    mut record: Exchange,
    free: FreeOffer<'_>,
) -> Result<Value, Failure> {
    let preview = read_preview(free.preview, "credential_preview")?;
    let proposal = implicit_proposal(unit, free.filter, free.comment.clone(), preview.clone())?;
    let body = messages::Body::unchecked(Kind::Proposal, proposal.as_json())
        .map_err(|e| AgentError::internal("message-unreadable", e))?;
    let contents = offered(unit, Reach::Network, &body.known()).await?;
    let id = unit.new_id();
    let words = Words { comment: free.offer_comment, replacement_id: free.replacement_id, preview };
    let offer = messages::build(Kind::Offer, &id, Some(&Thread::default()), words, &contents);
    record.cred_ex_id =
        super::handler::id_of(unit, record.role, record.connection_id.as_deref(), &id).await?;
    record.thread_id = id;
    let begins = Begin::Offer { proposal: members(proposal), offer: members(offer), send: free.send };
    Ok(advance(unit, record, Input::Begin(begins)).await?.view())
}

/// The record R.
pub async fn create(agent: &Agent, tenant: &Tenant, command: Create) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| create_in(&mut unit, &command).await.map_err(now_or_never))
}

async fn create_in(unit: &mut Unit<'_>, command: &Create) -> Result<Value, Failure> {
    let settings = unit.settings();
    let mut record = super::handler::own(unit, Role::Issuer, None);
    record.auto_issue = Some(true);
    record.auto_remove = command.auto_remove.or(record.auto_remove);
    record.auto_remove_on_failure = command
        .auto_remove_on_failure
        .or(Some(settings.no_preserve_failed_exchange_records.unwrap_or(false)));
    record.trace = Some(command.trace.unwrap_or(false));
    let free = FreeOffer {
        filter: &command.filter,
        preview: &command.credential_preview,
        comment: &command.comment,
        offer_comment: Some(AUTOMATED.to_owned()),
        replacement_id: None,
        send: false,
    };
    free_offer(unit, record, free).await
}

/// The record R.
pub async fn create_offer(agent: &Agent, tenant: &Tenant, command: CreateOffer) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| create_offer_in(&mut unit, &command).await.map_err(now_or_never))
}

async fn create_offer_in(unit: &mut Unit<'_>, command: &CreateOffer) -> Result<Value, Failure> {
    let mut record = super::handler::own(unit, Role::Issuer, None);
    record.auto_issue = auto_issue(unit, command.auto_issue);
    record.auto_remove = command.auto_remove.or(record.auto_remove);
    record.trace = command.trace;
    let free = FreeOffer {
        filter: &command.filter,
        preview: &command.credential_preview,
        comment: &command.comment,
        offer_comment: command.comment.clone(),
        replacement_id: command.replacement_id.clone(),
        send: false,
    };
    free_offer(unit, record, free).await
}

fn auto_issue(unit: &Unit<'_>, given: Option<bool>) -> Option<bool> {
    given.or(unit.settings().auto_respond_credential_request.then_some(true))
}

/// The record R.
pub async fn send(agent: &Agent, tenant: &Tenant, command: Send) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| send_in(&mut unit, &command).await.map_err(now_or_never))
}

async fn send_in(unit: &mut Unit<'_>, command: &Send) -> Result<Value, Failure> {
    let settings = unit.settings();
    let connection_id = ready(unit, &command.connection_id).await?;
    let mut record = super::handler::own(unit, Role::Issuer, Some(connection_id));
    record.auto_issue = Some(true);
    record.auto_remove = command.auto_remove.or(record.auto_remove);
    record.auto_remove_on_failure = Some(settings.no_preserve_failed_exchange_records.unwrap_or(false));
    record.verification_method = command.verification_method.clone();
    record.trace = Some(command.trace.unwrap_or(false));
    let free = FreeOffer {
        filter: &command.filter,
        preview: &command.credential_preview,
        comment: &command.comment,
        offer_comment: Some(AUTOMATED.to_owned()),
        replacement_id: command.replacement_id.clone(),
        send: true,
    };
    free_offer(unit, record, free).await
}

/// The record R.
pub async fn send_offer(agent: &Agent, tenant: &Tenant, command: SendOffer) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| send_offer_in(&mut unit, &command).await.map_err(now_or_never))
}

async fn send_offer_in(unit: &mut Unit<'_>, command: &SendOffer) -> Result<Value, Failure> {
    let connection_id = ready(unit, &command.connection_id).await?;
    let mut record = super::handler::own(unit, Role::Issuer, Some(connection_id));
    record.auto_issue = auto_issue(unit, command.auto_issue);
    record.auto_remove = command.auto_remove.or(record.auto_remove);
    record.trace = command.trace;
    let free = FreeOffer {
        filter: &command.filter,
        preview: &command.credential_preview,
        comment: &command.comment,
        offer_comment: command.comment.clone(),
        replacement_id: command.replacement_id.clone(),
        send: true,
    };
    free_offer(unit, record, free).await
}

/// The record R.
pub async fn send_proposal(
    agent: &Agent,
    tenant: &Tenant,
    command: SendProposal,
) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| send_proposal_in(&mut unit, &command).await.map_err(now_or_never))
}

async fn send_proposal_in(unit: &mut Unit<'_>, command: &SendProposal) -> Result<Value, Failure> {
    let connection_id = ready(unit, &command.connection_id).await?;
    let mut record = super::handler::own(unit, Role::Holder, Some(connection_id));
    record.auto_remove = command.auto_remove.or(record.auto_remove);
    record.trace = command.trace;
    let preview = read_preview(&command.credential_preview, "credential_preview")?;
    let proposal = proposal_of(unit, &command.filter, command.comment.clone(), preview).await?;
    record.thread_id = proposal.id().unwrap_or_default().to_owned();
    let begins = Begin::Proposal(members(proposal));
    Ok(advance(unit, record, Input::Begin(begins)).await?.view())
}

/// The record R.
pub async fn send_request(agent: &Agent, tenant: &Tenant, command: SendRequest) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| send_request_in(&mut unit, &command).await.map_err(now_or_never))
}

async fn send_request_in(unit: &mut Unit<'_>, command: &SendRequest) -> Result<Value, Failure> {
    let settings = unit.settings();
    let connection_id = ready(unit, &command.connection_id).await?;
    let mut record = super::handler::own(unit, Role::Holder, Some(connection_id));
    record.auto_remove = command.auto_remove.or(record.auto_remove);
    record.auto_remove_on_failure =
        command.auto_remove_on_failure.or(settings.no_preserve_failed_exchange_records);
    record.trace = command.trace;
    let proposal = implicit_proposal(unit, &command.filter, command.comment.clone(), None)?;
    let body = messages::Body::unchecked(Kind::Proposal, proposal.as_json())
        .map_err(|e| AgentError::internal("message-unreadable", e))?;
    let did = exchange::holder_did(unit, &record, command.holder_did.clone()).await?;
    let contents = requested(unit, Reach::Network, &body.known(), did.as_deref()).await?;
    let id = unit.new_id();
    let words = Words { comment: command.comment.clone(), ..Words::default() };
    let request = messages::build(Kind::Request, &id, None, words, &contents);
    record.thread_id = id;
    let begins = Begin::Request { proposal: members(proposal), request: members(request) };
    Ok(advance(unit, record, Input::Begin(begins)).await?.view())
}

/// The record R.
pub async fn bound_offer(agent: &Agent, tenant: &Tenant, command: BoundOffer) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| bound_offer_in(&mut unit, &command).await.map_err(now_or_never))
}

async fn bound_offer_in(unit: &mut Unit<'_>, command: &BoundOffer) -> Result<Value, Failure> {
    let record: Exchange = unit.require(&command.cred_ex_id).await?;
    state::may(&record, Kind::Offer).map_err(|r| exchange::refused(&r, &record.cred_ex_id))?;
    connection_ready(unit, &record).await?;
    let counter = match (&command.filter, &command.counter_preview) {
        (Some(filter), Some(preview)) => {
            let preview = read_preview(&Some(preview.clone()), "counter_preview")?;
            Some(implicit_proposal(unit, filter, None, preview)?)
        }
        (None, None) => None,
        _ => {
            let text = "requires both indy/ld_proof filter and counter_preview or neither";
            return Err(AgentError::unprocessable("_schema", text).into());
        }
    };
    Ok(exchange::offer(unit, Reach::Network, record, counter).await?.view())
}

/// A record's connection, if it has one, must be ready for what we send.
async fn connection_ready(unit: &mut Unit<'_>, record: &Exchange) -> Result<(), AgentError> {
    match &record.connection_id {
        Some(id) => ready(unit, id).await.map(|_| ()),
        None => Ok(()),
    }
}

/// The record R.
pub async fn bound_request(
    agent: &Agent,
    tenant: &Tenant,
    command: BoundRequest,
) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| bound_request_in(&mut unit, &command).await.map_err(now_or_never))
}

async fn bound_request_in(unit: &mut Unit<'_>, command: &BoundRequest) -> Result<Value, Failure> {
    let record: Exchange = unit.require(&command.cred_ex_id).await?;
    state::may(&record, Kind::Request).map_err(|r| exchange::refused(&r, &record.cred_ex_id))?;
    connection_ready(unit, &record).await?;
    let settings = unit.settings();
    let flags = (
        command.auto_remove.unwrap_or(!settings.preserve_exchange_records),
        command.auto_remove_on_failure.or(settings.no_preserve_failed_exchange_records),
    );
    let did = command.holder_did.clone();
    Ok(exchange::request(unit, Reach::Network, record, did, Some(flags)).await?.view())
}

/// As [`get`].
pub async fn issue(agent: &Agent, tenant: &Tenant, command: Issue) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| issue_in(&mut unit, &command).await.map_err(now_or_never))
}

async fn issue_in(unit: &mut Unit<'_>, command: &Issue) -> Result<Value, Failure> {
    let record: Exchange = unit.require(&command.cred_ex_id).await?;
    state::may(&record, Kind::Issue).map_err(|r| exchange::refused(&r, &record.cred_ex_id))?;
    connection_ready(unit, &record).await?;
    let record = exchange::issue(unit, Reach::Network, record, command.comment.clone()).await?;
    Ok(record.with_detail(None))
}

/// As [`get`].
pub async fn store(agent: &Agent, tenant: &Tenant, command: Store) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| store_in(&mut unit, &command).await.map_err(now_or_never))
}

async fn store_in(unit: &mut Unit<'_>, command: &Store) -> Result<Value, Failure> {
    let record: Exchange = unit.require(&command.cred_ex_id).await?;
    state::may_store(&record).map_err(|r| exchange::refused(&r, &record.cred_ex_id))?;
    connection_ready(unit, &record).await?;
    let (record, detail): (Exchange, Option<LdProofDetail>) =
        exchange::store(unit, Reach::Network, record, command.credential_id.clone()).await?;
    Ok(record.with_detail(detail.as_ref()))
}

/// `{}`.
pub async fn problem_report(
    agent: &Agent,
    tenant: &Tenant,
    command: ProblemReport,
) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| problem_report_in(&mut unit, &command).await)
}

async fn problem_report_in(unit: &mut Unit<'_>, command: &ProblemReport) -> Result<Value, AgentError> {
    let record: Exchange = unit.require(&command.cred_ex_id).await?;
    let id = record.cred_ex_id.clone();
    let input = Input::Report { error: format!("{OWN_REPORT}{}", command.description) };
    let step = state::step(record, input).map_err(|r| exchange::refused(&r, &id))?;
    exchange::apply(unit, step, false, &command.description).await?;
    Ok(json!({}))
}
