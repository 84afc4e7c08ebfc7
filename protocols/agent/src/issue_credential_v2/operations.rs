//! What the controller asks for, carried out: one function per REST operation.

use chancery_didcomm::message::{Message, Thread};
use serde_json::Value;

use super::answer::{self, holder_did, members, proposal_body};
use super::commands::{Beginning, Filter, OnRecord};
use super::content::{Contents, families, offered, proposed, requested};
use super::handler::{Handler, own};
use super::messages::{self, Kind, Words};
use super::record::{Exchange, Role};
use super::state::{self, Begin, Input};
use crate::answer;
use crate::engine::Agent;
use crate::exchange::{self, Failure, Kept as _, List, Reach, advance, id_of, ready};
use crate::ports::Tenant;
use crate::unit::{AgentError, Unit};

/// ACA-Py's comment in the offer of `send` and `create`.
const AUTOMATED: &str = "create automated v2.0 credential exchange record";

/// `{"results": [D]}`, D as in [`get`].
pub async fn list(agent: &Agent, tenant: &Tenant, command: List) -> Result<Value, AgentError> {
    exchange::list::<Exchange>(agent, tenant, command).await
}

/// `{"cred_ex_record": R, "anoncreds": …, "indy": …, "ld_proof": …, "vc_di": …}`.
pub async fn get(agent: &Agent, tenant: &Tenant, command: OnRecord) -> Result<Value, AgentError> {
    exchange::get::<Exchange>(agent, tenant, &command.cred_ex_id).await
}

/// Removes the record and its details: `{}`.
pub async fn remove(agent: &Agent, tenant: &Tenant, command: OnRecord) -> Result<Value, AgentError> {
    exchange::remove::<Exchange>(agent, tenant, &command.cred_ex_id).await
}

/// `{}`.
pub async fn problem_report(agent: &Agent, tenant: &Tenant, command: OnRecord) -> Result<Value, AgentError> {
    let description = command.description.unwrap_or_default();
    exchange::problem_report::<Handler>(agent, tenant, &command.cred_ex_id, description).await
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

/// The record of an exchange that a command begins, with the thread of its first message.
async fn begun(
    unit: &mut Unit<'_>,
    role: Role,
    connection_id: Option<String>,
    command: &Beginning,
) -> Result<Exchange, AgentError> {
    let mut record = own(unit, role, connection_id);
    record.auto_remove = command.auto_remove.or(record.auto_remove);
    record.trace = command.trace;
    record.thread_id = unit.new_id();
    let (connection_id, thread_id) = (record.connection_id.as_deref(), &record.thread_id);
    record.cred_ex_id = id_of::<Exchange>(unit, role.as_str(), connection_id, thread_id).await?;
    Ok(record)
}

/// The exchange begins: the record R.
async fn begin(
    unit: &mut Unit<'_>,
    record: Exchange,
    begins: Begin,
    contents: Contents,
) -> Result<Value, Failure> {
    let kept = contents.kept(unit, &record).await?;
    Ok(advance::<Handler>(unit, record, Input::Begin(begins).keeping(kept)).await?.view())
}

async fn to_whom(unit: &mut Unit<'_>, command: &Beginning) -> Result<Option<String>, AgentError> {
    ready(unit, command.connection_id.as_deref().unwrap_or_default()).await.map(Some)
}

/// An offer without a proposal.
#[derive(Clone, Copy)]
struct Free {
    /// The credential is issued as soon as it is requested.
    automated: bool,
    /// The offer is sent; else it is attached to an invitation.
    sent: bool,
}

async fn free_offer(unit: &mut Unit<'_>, command: &Beginning, free: Free) -> Result<Value, Failure> {
    let settings = unit.settings();
    let connection_id = if free.sent { to_whom(unit, command).await? } else { None };
    let mut record = begun(unit, Role::Issuer, connection_id, command).await?;
    let (mut comment, mut replacement_id) = (command.comment.clone(), command.replacement_id.clone());
    if free.automated {
        let given = command.auto_remove_on_failure.filter(|_| !free.sent);
        let on_failure = given.or(settings.no_preserve_failed_exchange_records).unwrap_or(false);
        record.auto_remove_on_failure = Some(on_failure);
        record.auto_issue = Some(true);
        record.trace = Some(command.trace.unwrap_or(false));
        record.verification_method = command.verification_method.clone().filter(|_| free.sent);
        replacement_id = replacement_id.filter(|_| free.sent);
        comment = Some(AUTOMATED.to_owned());
    } else {
        record.auto_issue = command.auto_issue.or(settings.auto_respond_credential_request.then_some(true));
    }
    let preview = read_preview(&command.credential_preview, "credential_preview")?;
    let proposal = implicit_proposal(unit, &command.filter, command.comment.clone(), preview.clone())?;
    let contents = offered(unit, Reach::Network, &record, &proposal_body(&proposal)?).await?;
    let words = Words { comment, replacement_id, preview };
    let thread = Some(&Thread::default());
    let offer = messages::build(Kind::Offer, &record.thread_id, thread, words, &contents.list);
    let begins = Begin::Offer { proposal: members(proposal), offer: members(offer), send: free.sent };
    begin(unit, record, begins, contents).await
}

/// The record R.
pub async fn create(agent: &Agent, tenant: &Tenant, command: Beginning) -> Result<Value, AgentError> {
    let free = Free { automated: true, sent: false };
    answer!(agent, tenant, |unit| free_offer(&mut unit, &command, free).await.map_err(Failure::now_or_never))
}

/// The record R.
pub async fn create_offer(agent: &Agent, tenant: &Tenant, command: Beginning) -> Result<Value, AgentError> {
    let free = Free { automated: false, sent: false };
    answer!(agent, tenant, |unit| free_offer(&mut unit, &command, free).await.map_err(Failure::now_or_never))
}

/// The record R.
pub async fn send(agent: &Agent, tenant: &Tenant, command: Beginning) -> Result<Value, AgentError> {
    let free = Free { automated: true, sent: true };
    answer!(agent, tenant, |unit| free_offer(&mut unit, &command, free).await.map_err(Failure::now_or_never))
}

/// The record R.
pub async fn send_offer(agent: &Agent, tenant: &Tenant, command: Beginning) -> Result<Value, AgentError> {
    let free = Free { automated: false, sent: true };
    answer!(agent, tenant, |unit| free_offer(&mut unit, &command, free).await.map_err(Failure::now_or_never))
}

/// The record R.
pub async fn send_proposal(agent: &Agent, tenant: &Tenant, command: Beginning) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| async {
        let connection_id = to_whom(&mut unit, &command).await?;
        let record = begun(&mut unit, Role::Holder, connection_id, &command).await?;
        let preview = read_preview(&command.credential_preview, "credential_preview")?;
        filter_of(&command.filter)?;
        let contents = proposed(&mut unit, &record, &command.filter, preview.as_ref()).await?;
        let words = Words { comment: command.comment.clone(), preview, replacement_id: None };
        let proposal = messages::build(Kind::Proposal, &record.thread_id, None, words, &contents.list);
        begin(&mut unit, record, Begin::Proposal(members(proposal)), contents).await
    }
    .await
    .map_err(Failure::now_or_never))
}

/// The record R.
pub async fn send_request(agent: &Agent, tenant: &Tenant, command: Beginning) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| async {
        let connection_id = to_whom(&mut unit, &command).await?;
        let mut record = begun(&mut unit, Role::Holder, connection_id, &command).await?;
        record.auto_remove_on_failure =
            command.auto_remove_on_failure.or(unit.settings().no_preserve_failed_exchange_records);
        let proposal = implicit_proposal(&unit, &command.filter, command.comment.clone(), None)?;
        let did = holder_did(&mut unit, &record, command.holder_did.clone()).await?;
        let wanted = proposal_body(&proposal)?;
        let contents = requested(&mut unit, Reach::Network, &record, &wanted, did.as_deref()).await?;
        let words = Words { comment: command.comment.clone(), ..Words::default() };
        let request = messages::build(Kind::Request, &record.thread_id, None, words, &contents.list);
        let begins = Begin::Request { proposal: members(proposal), request: members(request) };
        begin(&mut unit, record, begins, contents).await
    }
    .await
    .map_err(Failure::now_or_never))
}

/// A record on which a command acts, where its state lets it; its connection, if it has one, must be ready for what we send.
async fn acted_on(
    unit: &mut Unit<'_>,
    id: &str,
    may: impl Fn(&Exchange) -> Result<(), state::Refusal>,
) -> Result<Exchange, AgentError> {
    let record: Exchange = unit.require(id).await?;
    may(&record).map_err(|refusal| refusal.of(id))?;
    if let Some(connection_id) = &record.connection_id {
        ready(unit, connection_id).await?;
    }
    Ok(record)
}

/// The record R.
pub async fn bound_offer(agent: &Agent, tenant: &Tenant, command: OnRecord) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| async {
        let record = acted_on(&mut unit, &command.cred_ex_id, |of| state::may(of, Kind::Offer)).await?;
        let counter = match (&command.filter, &command.counter_preview) {
            (Some(filter), preview @ Some(_)) => {
                let preview = read_preview(preview, "counter_preview")?;
                Some(implicit_proposal(&unit, filter, None, preview)?)
            }
            (None, None) => None,
            _ => {
                let text = "requires both indy/ld_proof filter and counter_preview or neither";
                return Err(AgentError::unprocessable("_schema", text).into());
            }
        };
        let input = answer::offer(&mut unit, Reach::Network, &record, counter).await?;
        Ok(advance::<Handler>(&mut unit, record, input).await?.view())
    }
    .await
    .map_err(Failure::now_or_never))
}

/// The record R.
pub async fn bound_request(agent: &Agent, tenant: &Tenant, command: OnRecord) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| async {
        let record = acted_on(&mut unit, &command.cred_ex_id, |of| state::may(of, Kind::Request)).await?;
        let settings = unit.settings();
        let flags = (
            command.auto_remove.unwrap_or(!settings.preserve_exchange_records),
            command.auto_remove_on_failure.or(settings.no_preserve_failed_exchange_records),
        );
        let did = command.holder_did.clone();
        let input = answer::request(&mut unit, Reach::Network, &record, did, Some(flags)).await?;
        Ok(advance::<Handler>(&mut unit, record, input).await?.view())
    }
    .await
    .map_err(Failure::now_or_never))
}

/// As [`get`].
pub async fn issue(agent: &Agent, tenant: &Tenant, command: OnRecord) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| async {
        let record = acted_on(&mut unit, &command.cred_ex_id, |of| state::may(of, Kind::Issue)).await?;
        let input = answer::issue(&mut unit, Reach::Network, &record, command.comment.clone()).await?;
        Ok(advance::<Handler>(&mut unit, record, input).await?.shown(&mut unit).await?)
    }
    .await
    .map_err(Failure::now_or_never))
}

/// As [`get`].
pub async fn store(agent: &Agent, tenant: &Tenant, command: OnRecord) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| async {
        let record = acted_on(&mut unit, &command.cred_ex_id, state::may_store).await?;
        let id = command.credential_id.clone();
        let (input, details) = answer::store(&mut unit, Reach::Network, &record, id).await?;
        Ok(advance::<Handler>(&mut unit, record, input).await?.with_details(&details))
    }
    .await
    .map_err(Failure::now_or_never))
}
