//! We are invited.

use std::time::Duration;

use chancery_did::methods::sov;
use chancery_did::{KeyType, PublicKey};
use chancery_didcomm::message::{Message, ReturnRoute};
use futures_util::future::{Either, select};
use serde_json::{Value, json};

use super::commands::ReceiveInvitation;
use super::invitation::{self, InvitedService};
use super::state::{Input, Role, State};
use super::{record, reuse};
use crate::engine::{Agent, HandlerError, Received, kept};
use crate::peers::own;
use crate::peers::{
    self, Connection, INVITER, OobRecord, TOPIC, attach_invitation, record_expansion, service_of, short_form,
};
use crate::ports::Tenant;
use crate::ports::store::Query;
use crate::ports::watch::Subscription;
use crate::transact;
use crate::unit::{AgentError, Unit};

/// How long the answer to a handshake-reuse is waited for.
const REUSE_WAIT: Duration = Duration::from_secs(15);
/// How long a new connection is waited for that an attached message needs.
const CONNECTION_WAIT: Duration = Duration::from_secs(7);

/// What taking an invitation has come to so far.
enum Begun {
    /// Everything is done; the record as answered.
    Done(Value),
    /// A handshake-reuse is on its way.
    Reusing { oob_id: String },
    /// The attached message waits for this connection.
    Connecting { view: Value, connection_id: String },
}

/// Takes an invitation -> the out-of-band record. Waits where ACA-Py waits.
pub async fn receive(
    agent: &Agent,
    tenant: &Tenant,
    command: ReceiveInvitation,
) -> Result<Value, AgentError> {
    if agent.settings(tenant).no_receive_invites {
        let text = "Configuration does not allow receipt of invitations";
        return Err(AgentError::forbidden("no-receive-invites", text));
    }
    if command.mediation_id.is_some() {
        return Err(AgentError::not_supported("mediation is not supported yet: leave mediation_id out"));
    }
    let invitation = invitation::read(command.invitation.clone(), || agent.new_id())?;
    let service = invitation::service(&invitation)?;
    let invited = Invited { invitation, service, command };

    let mut events = agent.watch().subscribe(tenant);
    let mut begun = transact!(agent, tenant, |unit| invited.begin(agent, &mut unit).await)?;
    if let Begun::Reusing { oob_id } = &begun {
        match answer_to_reuse(agent, &mut *events, oob_id).await {
            Some(view) => return Ok(view),
            None => {
                let oob_id = oob_id.clone();
                begun = transact!(agent, tenant, |unit| invited.not_reused(agent, &mut unit, &oob_id).await)?;
            }
        }
    }
    match begun {
        Begun::Done(view) => Ok(view),
        Begun::Reusing { .. } => Err(AgentError::internal("oob-state", "a reuse was begun twice")),
        Begun::Connecting { view, connection_id } => {
            let known = agent.unit(tenant).peek::<Connection>(&connection_id).await?;
            if !known.is_some_and(|c| c.is_ready()) {
                ready(agent, &mut *events, &connection_id).await;
            }
            transact!(agent, tenant, |unit| {
                unit.keep_answer(&view);
                invited.handle_over(agent, &mut unit, &connection_id).await
            })?;
            Ok(view)
        }
    }
}

/// The next event of a topic that `wanted` takes, at most until the time is over.
async fn next_event<T>(
    agent: &Agent,
    events: &mut dyn Subscription,
    wait: Duration,
    mut wanted: impl FnMut(&str, Value) -> Option<T>,
) -> Option<T> {
    let mut timer = agent.watch().sleep(wait);
    loop {
        match select(events.next(), timer).await {
            Either::Left((Some((topic, payload)), rest)) => {
                if let Some(found) = wanted(&topic, payload) {
                    return Some(found);
                }
                timer = rest;
            }
            Either::Left((None, _)) | Either::Right(_) => return None,
        }
    }
}

/// The record once the other side has accepted the reuse; `None`: it did not, or said nothing.
async fn answer_to_reuse(agent: &Agent, events: &mut dyn Subscription, oob_id: &str) -> Option<Value> {
    next_event(agent, events, REUSE_WAIT, |topic, payload| {
        if topic != record::TOPIC || payload["oob_id"] != oob_id {
            return None;
        }
        match payload["state"].as_str() {
            Some("reuse-accepted") => Some(Some(payload)),
            Some("reuse-not-accepted") => Some(None),
            _ => None,
        }
    })
    .await
    .flatten()
}

/// Waits for a connection to become ready; whether it is, its record tells.
async fn ready(agent: &Agent, events: &mut dyn Subscription, connection_id: &str) {
    next_event(agent, events, CONNECTION_WAIT, |topic, payload| {
        let ready = payload["state"].as_str().is_some_and(|word| peers::State::of(word).is_ready());
        (topic == TOPIC && payload["connection_id"] == connection_id && ready).then_some(())
    })
    .await;
}

struct Invited {
    invitation: Value,
    service: InvitedService,
    command: ReceiveInvitation,
}

impl Invited {
    fn text(&self, name: &str) -> Option<String> {
        self.invitation[name].as_str().map(str::to_owned)
    }

    async fn begin(&self, agent: &Agent, unit: &mut Unit<'_>) -> Result<Begun, AgentError> {
        let mut record = OobRecord::new(unit, State::Initial, Role::Receiver, &self.invitation);
        let handshake =
            self.invitation["handshake_protocols"].as_array().is_some_and(|list| !list.is_empty());
        if let Some(connection) = self.existing(unit).await? {
            record.connection_id = Some(connection.connection_id.clone());
            if record.has_attachments() {
                return self.connected(agent, unit, record, connection.connection_id);
            }
            return reuse::begin(unit, record, &connection).await.map(|oob_id| Begun::Reusing { oob_id });
        }
        match (handshake, self.command.forwarded) {
            (true, _) => self.connect(agent, unit, record).await,
            (false, false) => self.connectionless(agent, unit, record).await,
            (false, true) => Err(AgentError::bad_request(
                "no-handshake",
                "a forwarded invitation may begin a connection, and this one offers no handshake",
            )),
        }
    }

    /// A connection to the invitation's DID that can be used again.
    async fn existing(&self, unit: &mut Unit<'_>) -> Result<Option<Connection>, AgentError> {
        let InvitedService::Did(did) = &self.service else { return Ok(None) };
        if self.command.forwarded || !self.command.use_existing_connection.unwrap_or(true) {
            return Ok(None);
        }
        let query = Query::tagged("connection", "their_public_did", public_form(did));
        let connections = unit.find::<Connection>(&query).await?;
        Ok(connections.into_iter().rev().find(Connection::is_active))
    }

    /// A new connection, and its request where that needs no controller.
    async fn connect(
        &self,
        agent: &Agent,
        unit: &mut Unit<'_>,
        mut record: OobRecord,
    ) -> Result<Begun, AgentError> {
        let offered = self.invitation["handshake_protocols"].as_array().into_iter().flatten();
        let protocol = offered
            .filter_map(Value::as_str)
            .filter_map(|text| invitation::handshake_protocol(agent, text))
            .find_map(|protocol| agent.handshake_version(protocol))
            .ok_or_else(|| {
                AgentError::bad_request(
                    "no-handshake",
                    "none of the invitation's handshake protocols is supported",
                )
            })?;
        let target = self.service.target(unit).await?;
        let auto = self.command.auto_accept.unwrap_or_else(|| unit.settings().auto_accept_invites);
        let mut connection = Connection::new(unit, peers::State::Invitation, INVITER, auto);
        connection.invitation_msg_id = Some(record.invi_msg_id.clone());
        connection.their_label = self.text("label");
        connection.alias = self.command.alias.clone();
        connection.connection_protocol = Some(protocol.to_owned());
        match &self.service {
            InvitedService::Inline(_) => connection.invitation_key = target.recipient_keys.first().cloned(),
            InvitedService::Did(did) => {
                connection.their_public_did = Some(public_form(did).to_owned());
                record_expansion(unit, did);
            }
        }
        unit.insert(&connection)?;
        attach_invitation(unit, &connection.connection_id, &self.invitation).await?;
        connection.notify(unit);
        if auto {
            agent.handshake()?.accept(unit, &connection.connection_id).await?;
        }
        record.connection_id = Some(connection.connection_id.clone());
        self.connected(agent, unit, record, connection.connection_id)
    }

    /// The invitation has led to a connection: its record is told of, but not kept.
    fn connected(
        &self,
        agent: &Agent,
        unit: &mut Unit<'_>,
        mut record: OobRecord,
        connection_id: String,
    ) -> Result<Begun, AgentError> {
        record.advance(unit, Input::Connected)?;
        let view = record.view();
        // What a peer hands on waits for the controller, who may take the invitation itself.
        let waits = self.command.forwarded && !unit.settings().auto_accept_invites;
        if record.has_attachments() && !waits {
            attached_message(agent, &record)?;
            return Ok(Begun::Connecting { view, connection_id });
        }
        unit.keep_answer(&view);
        Ok(Begun::Done(view))
    }

    /// The reuse came to nothing: a new connection instead.
    async fn not_reused(
        &self,
        agent: &Agent,
        unit: &mut Unit<'_>,
        oob_id: &str,
    ) -> Result<Begun, AgentError> {
        let Some(mut record) = unit.load::<OobRecord>(oob_id).await? else {
            return Err(AgentError::internal("oob-state", "the invitation was taken or removed meanwhile"));
        };
        if record.takes(Input::ReuseRefused) {
            reuse::not_accepted(unit, &mut record)?;
        }
        self.connect(agent, unit, record).await
    }

    /// Handles the attached message without a connection.
    async fn connectionless(
        &self,
        agent: &Agent,
        unit: &mut Unit<'_>,
        mut record: OobRecord,
    ) -> Result<Begun, AgentError> {
        let their = invitation::as_service(&self.service.target(unit).await?)?;
        let message = attached_message(agent, &record)?;
        let key = own::new_key(unit).public();
        record.advance(unit, Input::AnsweredInline)?;
        record.attach_thread_id = message.thread_id().map(str::to_owned);
        record.our_recipient_key = Some(key.base58());
        record.our_service = Some(json!(service_of(unit, key.as_base58())?));
        record.their_service = Some(json!(their));
        record.keep_received(unit).await?;
        let received = Received {
            message: message.into(),
            sender: their.recipient_keys.first().cloned(),
            recipient: Some(key),
            connection: None,
            return_route: ReturnRoute::None,
            oob_id: Some(record.oob_id.clone()),
        };
        dispatch(agent, unit, &received).await?;
        let view = record.view();
        unit.keep_answer(&view);
        Ok(Begun::Done(view))
    }

    /// Handles the attached message over a connection that is ready by now.
    async fn handle_over(
        &self,
        agent: &Agent,
        unit: &mut Unit<'_>,
        connection_id: &str,
    ) -> Result<(), AgentError> {
        let connection = unit.peek::<Connection>(connection_id).await?.filter(Connection::is_ready);
        let connection = connection.ok_or_else(|| {
            AgentError::bad_request("connection-not-ready", "Connection not ready to process attach message")
                .hint("accept the invitation and the request, then receive the invitation again")
        })?;
        let record = OobRecord::new(unit, State::Done, Role::Receiver, &self.invitation);
        let target = peers::target(unit, &connection).await?;
        let key = |text: &str| PublicKey::from_base58(KeyType::Ed25519, text).ok();
        let received = Received {
            message: attached_message(agent, &record)?.into(),
            sender: target.as_ref().and_then(|t| t.recipient_keys.first()).and_then(|k| key(k)),
            recipient: target.as_ref().and_then(|t| t.sender_key.as_deref()).and_then(key),
            connection: Some(connection),
            return_route: ReturnRoute::None,
            oob_id: Some(record.oob_id.clone()),
        };
        dispatch(agent, unit, &received).await
    }
}

/// The form in which a record holds the DID of an invitation.
fn public_form(did: &str) -> &str {
    sov::unqualified(short_form(did))
}

/// The first attached message that begins an exchange of a protocol that this agent speaks.
///
/// Errors: 501 when there is none.
fn attached_message(agent: &Agent, record: &OobRecord) -> Result<Message, AgentError> {
    let spoken = |m: &Message| agent.attaches().any(|attaches| attaches.begins(m.message_type()));
    let mut messages = record.attached().filter_map(|m| Message::from_json(m).ok());
    let mut message = messages.find(spoken).ok_or_else(|| {
        AgentError::not_supported("the invitation carries no message that is supported")
            .hint("supported: issue-credential/2.0 offer-credential")
    })?;
    kept::check_ids(message.as_json()).map_err(|text| {
        AgentError::bad_request("attachment-refused", format!("the attached message: {text}"))
    })?;
    message.change(kept::shorten);
    // The exchange names the invitation that it came with, whatever the message says.
    let mut thread = message.thread().unwrap_or_default();
    thread.pthid = Some(record.invi_msg_id.clone());
    message.set_thread(&thread);
    Ok(message)
}

async fn dispatch(agent: &Agent, unit: &mut Unit<'_>, received: &Received) -> Result<(), AgentError> {
    agent.dispatch(unit, received).await.map_err(|error| match error {
        HandlerError::Failed(error) => error,
        other => AgentError::bad_request(
            "attachment-refused",
            format!("the attached message was refused: {other}"),
        ),
    })
}
