//! The three messages, one for each role.

use async_trait::async_trait;
use chancery_didcomm::message::{Message, MessageType, Thread};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::record::Introduction;
use super::{PROTOCOL, kind};
use crate::engine::{About, Agent, HandlerError, Protocol, Received, Registration, Spoken, job};
use crate::peers::{Connection, send_in_exchange};
use crate::ports::Tenant;
use crate::ports::store::Query;
use crate::quoted::Quoted;
use crate::unit::{AgentError, Job, Next, Record, Unit};

/// The handler.
#[derive(Clone, Copy, Debug)]
pub struct Handler;

/// What this folder brings in.
pub fn registration() -> Registration {
    Registration {
        protocol: Some(Box::new(Handler)),
        jobs: vec![job::<Forwarded>()],
        ..Registration::default()
    }
}

/// An invitation that we were handed: it is taken.
#[derive(Serialize, Deserialize)]
struct Forwarded {
    /// The introducer's.
    connection_id: String,
    thread_id: String,
    invitation: Value,
}

/// Connections with an invitation's id that are looked at: the one to whom invites us has no other beside it, and what has
/// made more is an invitation of ours.
const MOST_LOOKED_AT: usize = 8;

const SPOKEN: &[Spoken] = &[Spoken {
    name: PROTOCOL,
    major: 0,
    minors: &[1],
    messages: &[
        ("invitation-request", "InvitationRequest"),
        ("invitation", "Invitation"),
        ("forward-invitation", "ForwardInvitation"),
    ],
    about: About::AnythingElse,
}];

#[async_trait]
impl Protocol for Handler {
    fn speaks(&self) -> &'static [Spoken] {
        SPOKEN
    }

    async fn receive(
        &self,
        agent: &Agent,
        unit: &mut Unit<'_>,
        received: &Received,
    ) -> Result<(), HandlerError> {
        let connection = received.ready_connection()?;
        match received.message.message_type().name() {
            "invitation-request" => invitation_request(agent, unit, received, connection).await,
            "invitation" => invitation(agent, unit, &received.message, connection).await,
            "forward-invitation" => forward_invitation(agent, unit, received, connection).await,
            other => Err(HandlerError::dropped("unknown-type", other)),
        }
    }
}

#[async_trait]
impl Job for Forwarded {
    const NAME: &'static str = "introduction";
    type World = Agent;
    /// The invitation says it all, and a connection that it has led to proves that it was taken.
    type Intent = ();
    /// Why it was refused.
    type Outcome = Result<(), AgentError>;

    fn key(&self) -> String {
        let invited_by = self.invitation["@id"].as_str().unwrap_or_default();
        format!("{} {} {invited_by}", self.connection_id, self.thread_id)
    }

    fn cause(&self) -> Option<&str> {
        Some(&self.connection_id)
    }

    async fn plan(&self, _agent: &Agent, _unit: &mut Unit<'_>) -> Result<Next<()>, AgentError> {
        Ok(Next::Call(()))
    }

    async fn call(
        &self,
        agent: &Agent,
        tenant: &Tenant,
        _intent: &(),
    ) -> Result<Result<(), AgentError>, AgentError> {
        match take(agent, tenant, &self.invitation).await {
            Err(error) if !error.ends() => Err(error),
            outcome => Ok(outcome),
        }
    }

    /// A refusal is the introducer's business: it is told. So is that an inviter can't be reached: a message of a peer's must not
    /// have us call somebody again and again.
    async fn settle(
        &self,
        _agent: &Agent,
        unit: &mut Unit<'_>,
        outcome: &Result<(), AgentError>,
    ) -> Result<Next<()>, AgentError> {
        let Err(error) = outcome else { return Ok(Next::Done(Value::Null)) };
        tracing::warn!(code = error.code, error = %Quoted(&error), "a forwarded invitation could not be taken");
        report(unit, self, &error.message).await?;
        Ok(Next::Done(json!({"error": error.message})))
    }

    async fn gave_up(&self, unit: &mut Unit<'_>, _reason: &str) -> Result<(), AgentError> {
        report(unit, self, "the invitation could not be taken").await
    }
}

/// The comment that goes along.
fn comment(message: &Message) -> Result<Option<&str>, HandlerError> {
    match message.get("message") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(HandlerError::Malformed("message is no text".into())),
    }
}

/// The invitation that a message carries.
fn carried<'m>(agent: &Agent, message: &'m Message) -> Result<&'m Value, HandlerError> {
    let malformed = || HandlerError::Malformed("invitation is no out-of-band invitation".into());
    let invitation = message.get("invitation").filter(|value| value.is_object()).ok_or_else(malformed)?;
    let kind = invitation["@type"].as_str().and_then(|text| MessageType::parse(text).ok());
    let inviter = agent.inviter()?;
    kind.filter(|kind| inviter.invites(kind)).map(|_| invitation).ok_or_else(malformed)
}

/// The thread of a message, for those that follow it.
fn thread_of(message: &Message) -> Thread {
    Thread {
        thid: message.thread_id().map(str::to_owned),
        pthid: message.parent_thread_id().map(str::to_owned),
        ..Thread::default()
    }
}

/// An invitation with its comment, in the thread of the message that it follows.
async fn hand_on(
    unit: &mut Unit<'_>,
    name: &str,
    follows: &Message,
    invitation: Value,
    connection_id: &str,
) -> Result<(), HandlerError> {
    let thread = thread_of(follows);
    let message = Message::build(kind(name), unit.new_id())
        .thread(&thread)
        .field("invitation", invitation)
        .optional("message", comment(follows)?)
        .finish();
    send_in_exchange(unit, Some(connection_id), thread.thid.as_deref().unwrap_or_default(), message).await?;
    Ok(())
}

/// We are the target: somebody is to be introduced to us.
async fn invitation_request(
    agent: &Agent,
    unit: &mut Unit<'_>,
    received: &Received,
    connection: &Connection,
) -> Result<(), HandlerError> {
    let message = &received.message;
    if message.text("responder").is_none() {
        return Err(HandlerError::Malformed("responder is no text".into()));
    }
    comment(message)?;
    if !unit.settings().auto_accept_intro_invitation_requests {
        let detail = "no --auto-accept-intro-invitation-requests: introductions are not answered";
        return Err(HandlerError::dropped("introduction-not-accepted", detail));
    }
    received.take_once(unit).await?;
    let made = agent.inviter()?.invite(agent, unit).await?;
    hand_on(unit, "invitation", message, made, &connection.connection_id).await
}

/// We are the introducer: the target has answered.
async fn invitation(
    agent: &Agent,
    unit: &mut Unit<'_>,
    message: &Message,
    connection: &Connection,
) -> Result<(), HandlerError> {
    let carried = carried(agent, message)?;
    comment(message)?;
    let thread = message.thread_id().unwrap_or_default();
    let Some(introduction) = Introduction::awaiting(unit, &connection.connection_id, thread).await? else {
        return Err(HandlerError::dropped("no-introduction", "no introduction waits for this invitation"));
    };
    let initiator = introduction.init_connection_id.clone();
    introduction.complete(unit)?;
    hand_on(unit, "forward-invitation", message, carried.clone(), &initiator).await
}

/// We are the initiator: an invitation for us. It is taken after the commit, as that may wait for the one who invites.
async fn forward_invitation(
    agent: &Agent,
    unit: &mut Unit<'_>,
    received: &Received,
    connection: &Connection,
) -> Result<(), HandlerError> {
    let message = &received.message;
    let invitation = carried(agent, message)?.clone();
    comment(message)?;
    received.take_once(unit).await?;
    let forwarded = Forwarded {
        connection_id: connection.connection_id.clone(),
        thread_id: message.thread_id().unwrap_or_default().to_owned(),
        invitation,
    };
    unit.ask(&forwarded).await?;
    Ok(())
}

/// Takes the invitation, unless it has led to a connection: a call may be made again after a crash.
async fn take(agent: &Agent, tenant: &Tenant, invitation: &Value) -> Result<(), AgentError> {
    if let Some(id) = invitation["@id"].as_str() {
        let mut unit = agent.unit(tenant);
        let query = Query::tagged(Connection::CATEGORY, "invitation_msg_id", id).any(MOST_LOOKED_AT);
        let rows = unit.find_rows(&query, false).await?;
        for row in &rows {
            if !Connection::from_row(row)?.they_were_invited() {
                return Ok(());
            }
        }
        if rows.len() == MOST_LOOKED_AT {
            return Err(AgentError::bad_request("own-invitation", "the invitation is one of our own"));
        }
    }
    agent.inviter()?.take(agent, tenant, invitation).await
}

/// Tells the introducer that its invitation came to nothing.
async fn report(unit: &mut Unit<'_>, forwarded: &Forwarded, why: &str) -> Result<(), AgentError> {
    let thread = Thread::new(&forwarded.thread_id);
    let report = Message::problem_report(unit.new_id(), &thread, "forward-invitation-error", why);
    let told = send_in_exchange(unit, Some(&forwarded.connection_id), &forwarded.thread_id, report).await;
    match told {
        // The introducer is gone meanwhile: nobody to tell.
        Err(error) if error.ends() => {
            tracing::info!(error = %Quoted(&error), "the introducer can't be told");
            Ok(())
        }
        outcome => outcome,
    }
}
