//! A DIDComm message from its bytes to its commit.

use std::sync::Arc;
use std::time::Duration;

use chancery_did::PublicKey;
use chancery_didcomm::message::{Message, ReturnRoute, Thread, Version};
use chancery_didcomm::{self as didcomm, BodyError, Unpacked};
use sha2::{Digest, Sha256};
use tracing::Instrument;
use tracing::field::Empty;

use super::{Agent, HandlerError, Received, kept};
use crate::edge::{Misshapen, Place};
use crate::peers::{self, Connection};
use crate::ports::Tenant;
use crate::ports::store::{Guard, Item, Op, Owner, Queue, Seq};
use crate::quoted::Quoted;
use crate::transact;
use crate::unit::{AgentError, Outbound, Scope, Unit};

/// What became of a message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Could not be opened: no key of ours, forged, malformed envelope. The sender isn't told (no oracle).
    NotOpened(String),
    /// Opened, but no message, or of no known type, or malformed.
    NotUnderstood(String),
    /// Understood, but not accepted as things stand. First: a short stable reason.
    NotAccepted(&'static str, String),
}

impl Rejection {
    /// A short stable reason, and what there is to say beyond it.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::NotOpened(detail) => ("not-opened", detail),
            Self::NotUnderstood(detail) => ("not-understood", detail),
            Self::NotAccepted(reason, detail) => (reason, detail),
        }
    }

    fn log(&self) {
        let (reason, detail) = self.parts();
        tracing::info!(reason, detail = %Quoted(detail), "a message had no effect");
    }
}

/// A message that was taken: the endpoint answers 2xx.
#[derive(Debug, Default)]
pub struct Receipt {
    /// Answers that the sender wants on its own session, packed in order; the transport delivers the first that fits and
    /// gives the others to [`Agent::release`].
    pub replies: Vec<Item>,
    /// Why it had no effect, if it had none; for log and metrics.
    pub rejection: Option<Rejection>,
}

/// A message that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// 400 with this text.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400: JSON that would take too much memory.
    #[error("Message JSON parsing failed")]
    Misshapen(#[from] Misshapen),
    /// 429: the sender has used up what it may send at present; it should try again after this time.
    #[error("too many messages of one sender")]
    TooMany(Duration),
    /// 503: a transient fault of ours; nothing was changed, the sender should try again.
    #[error("{0}")]
    Unavailable(String),
}

impl ReceiveError {
    fn log(&self) {
        if let Self::Unavailable(reason) = self {
            tracing::warn!(reason = %Quoted(reason), "a message was not taken");
        }
    }
}

struct Opened {
    message: Arc<Message>,
    sender: Option<PublicKey>,
    recipient: Option<PublicKey>,
}

impl Opened {
    /// A message without `@id` gets one from its envelope, so that a second delivery of the same envelope is known. The nonce in
    /// an envelope is fresh: two messages that say the same have two ids. What is said for people is cut.
    fn prepare(&mut self, agent: &Agent, body: &[u8]) {
        let packed = self.recipient.is_some();
        Arc::make_mut(&mut self.message).ensure_id(|| {
            if !packed {
                return agent.new_id();
            }
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&Sha256::digest(body)[..16]);
            uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
        });
        Arc::make_mut(&mut self.message).change(kept::shorten);
    }
}

impl Agent {
    /// Takes one message from a transport. `session`: the transport can carry an answer back to the sender.
    pub async fn receive(&self, body: &[u8], session: bool) -> Result<Receipt, ReceiveError> {
        self.edge().shape.check(body)?;
        let tenant = self.default_tenant().clone();
        let opened = self.open(&tenant, body).await.inspect_err(ReceiveError::log);
        let opened = match opened? {
            Ok(mut opened) => {
                opened.prepare(self, body);
                opened
            }
            Err(rejection) => {
                rejection.log();
                return Ok(Receipt { rejection: Some(rejection), ..Receipt::default() });
            }
        };
        let _place = self.admit(&opened)?;
        let span = tracing::error_span!(
            "message",
            %tenant,
            message_type = %Quoted(opened.message.message_type()),
            thread = opened.message.thread_id().map(|id| tracing::field::display(Quoted(id))),
            connection = Empty,
            trace_id = Empty
        );
        self.trace().adopt(&span, None);
        let handled = async {
            let outcome = self.handle(&tenant, body, opened, session, None).await;
            match &outcome {
                Ok(Receipt { rejection: Some(rejection), .. }) => rejection.log(),
                Ok(_) => {}
                Err(error) => error.log(),
            }
            outcome
        };
        let mut receipt = handled.instrument(span).await?;
        if receipt.replies.len() > 1 {
            let others = receipt.replies.split_off(1);
            self.release(others);
        }
        Ok(receipt)
    }

    /// Whether the sender may send now; its place among those at work, where places are counted.
    fn admit(&self, opened: &Opened) -> Result<Option<Place>, ReceiveError> {
        let edge = self.edge();
        let Some(sender) = &opened.sender else { return Ok(None) };
        if let Some(limiter) = &edge.sender_rate {
            limiter.admit(sender.bytes(), self.clock().now()).map_err(ReceiveError::TooMany)?;
        }
        match &edge.sender_places {
            None => Ok(None),
            Some(places) => {
                let place = places.take(sender.bytes());
                place.map(Some).ok_or(ReceiveError::TooMany(Duration::from_secs(1)))
            }
        }
    }

    async fn open(&self, tenant: &Tenant, body: &[u8]) -> Result<Result<Opened, Rejection>, ReceiveError> {
        let (plaintext, sender, recipient) = match didcomm::classify(body)? {
            didcomm::Inbound::Plaintext(value) => {
                return Ok(Message::from_json(value)
                    .map(|message| Opened { message: message.into(), sender: None, recipient: None })
                    .map_err(|e| Rejection::NotUnderstood(e.to_string())));
            }
            didcomm::Inbound::Unreadable(error) => return Ok(Err(Rejection::NotOpened(error.to_string()))),
            didcomm::Inbound::Envelope(envelope) => {
                let mut secret = None;
                for kid in envelope.recipient_kids() {
                    secret = self.secret(tenant, kid).await.map_err(unavailable)?;
                    if secret.is_some() {
                        break;
                    }
                }
                let Some(secret) = secret else {
                    return Ok(Err(Rejection::NotOpened("packed for no key of ours".into())));
                };
                match envelope.open(&secret, self.shared_secrets()) {
                    Ok(Unpacked::Authenticated { plaintext, sender, recipient }) => {
                        (plaintext, Some(sender), recipient)
                    }
                    Ok(Unpacked::Anonymous { plaintext, recipient }) => (plaintext, None, recipient),
                    Err(e) => return Ok(Err(Rejection::NotOpened(e.to_string()))),
                }
            }
        };
        if let Err(misshapen) = self.edge().shape.check(&plaintext) {
            return Ok(Err(Rejection::NotUnderstood(misshapen.to_string())));
        }
        Ok(Message::parse(&plaintext)
            .map(|message| Opened { message: message.into(), sender, recipient: Some(recipient) })
            .map_err(|e| Rejection::NotUnderstood(e.to_string())))
    }

    async fn handle(
        &self,
        tenant: &Tenant,
        body: &[u8],
        opened: Opened,
        session: bool,
        parked: Option<Seq>,
    ) -> Result<Receipt, ReceiveError> {
        let message = &opened.message;
        let sender = opened.sender.as_ref().map(PublicKey::base58);
        let route = message.transport().unwrap_or(ReturnRoute::None);
        let mut lease = |outbound: &Outbound| {
            session
                && sender.as_ref().is_some_and(|s| outbound.target.recipient_keys.first() == Some(s))
                && match route {
                    ReturnRoute::None => false,
                    ReturnRoute::All => true,
                    ReturnRoute::Thread => Some(outbound.thread_id.as_str()) == message.thread_id(),
                }
        };
        let outcome: Result<_, AgentError> = transact!(self, tenant, &mut lease, |unit| async {
            unit.take_turn();
            // Somebody else may have handled it meanwhile.
            if let Some(seq) = parked
                && self.store().item(seq).await?.is_none_or(|item| item.queue != Queue::Parked)
            {
                return Ok(None);
            }
            let rejection = self.understand(&mut unit, body, &opened, parked.is_some()).await?;
            if let Some(seq) = parked {
                unit.guard(Guard::Queued(seq, Queue::Parked));
                unit.op(Op::Dequeue(seq));
            }
            Ok(rejection)
        }
        .await);
        let (rejection, mut replies) = outcome.map_err(unavailable)?;
        if session
            && replies.is_empty()
            && route == ReturnRoute::All
            && let Some(sender) = sender.as_deref()
        {
            replies.extend(self.take_held(tenant, sender).await);
        }
        Ok(Receipt { replies, rejection })
    }

    /// Runs the message against the unit. `Err`: a transient fault of ours.
    async fn understand(
        &self,
        unit: &mut Unit<'_>,
        body: &[u8],
        opened: &Opened,
        parked: bool,
    ) -> Result<Option<Rejection>, AgentError> {
        let message = &opened.message;
        let transport = message.transport();
        let route = *transport.as_ref().unwrap_or(&ReturnRoute::None);

        let connection = match (&opened.sender, &opened.recipient) {
            (Some(sender), Some(recipient)) => {
                peers::connection(unit, sender, recipient, message, self).await?
            }
            _ => None,
        };
        unit.owed_by(Some(owner(connection.as_ref(), opened.sender.as_ref())));
        unit.is_told(connection.is_some());
        if let Some(connection) = &connection {
            tracing::Span::current().record("connection", connection.connection_id.as_str());
        }
        if let (Some(connection), Some(thread)) = (&connection, message.thread_id())
            && let Some(settling) = self.workers().settling(unit.tenant(), &connection.connection_id, thread)
        {
            settling.await;
        }
        let mut received = Received {
            message: message.clone(),
            sender: opened.sender.clone(),
            recipient: opened.recipient.clone(),
            connection,
            return_route: route,
            oob_id: None,
        };
        let class = self.class_of(&received);
        let ids = kept::check_ids(message.as_json());
        let readable = class.and_then(|class| {
            transport.map_err(|e| e.to_string())?;
            ids.map_err(|_| format!("Error deserializing message: {class} schema validation failed"))
        });
        if let Err(text) = readable {
            self.report_parse_failure(unit, &received, &text).await?;
            return Ok(Some(Rejection::NotUnderstood(text)));
        }
        let outcome = self.accompany_and_dispatch(unit, &mut received).await;
        match outcome {
            Ok(()) => Ok(None),
            Err(HandlerError::Failed(error)) if !error.ends() => Err(error),
            Err(HandlerError::Failed(error)) => {
                unit.start_over();
                Ok(Some(Rejection::NotAccepted(error.code, error.message)))
            }
            Err(HandlerError::Malformed(detail)) => {
                unit.start_over();
                let class = self.class_of(&received).unwrap_or("AgentMessage");
                let text = format!("Error deserializing message: {class} schema validation failed");
                self.report_parse_failure(unit, &received, &text).await?;
                Ok(Some(Rejection::NotUnderstood(format!("{text}: {detail}"))))
            }
            Err(HandlerError::Dropped { reason, detail }) => {
                unit.start_over();
                if parked && received.connection.is_none() && self.waits(unit, &received).await? {
                    return Err(AgentError::unavailable("the connection is not ready yet"));
                }
                if !parked && received.connection.is_none() && self.park(unit, body, &received).await? {
                    return Ok(None);
                }
                Ok(Some(Rejection::NotAccepted(reason, detail)))
            }
        }
    }

    async fn accompany_and_dispatch(
        &self,
        unit: &mut Unit<'_>,
        received: &mut Received,
    ) -> Result<(), HandlerError> {
        if received.sender.is_some() {
            for accompanies in self.registrations().iter().filter_map(|one| one.accompanies.as_deref()) {
                accompanies.accompany(self, unit, received).await?;
            }
        }
        self.dispatch(unit, received).await
    }

    /// The class that ACA-Py names for a message, or its text for an unknown type.
    fn class_of(&self, received: &Received) -> Result<&'static str, String> {
        let kind = received.message.message_type();
        let unknown = || format!("Unrecognized message type {kind}");
        if !kind.is_known_doc_uri() {
            return Err(unknown());
        }
        let Version { major, minor } = kind.version();
        let (_, spoken) = self.speaker(kind.protocol(), major).ok_or_else(unknown)?;
        if let Some(least) = spoken.minors.first().filter(|least| minor < **least) {
            return Err(format!("Minimum supported minor version is {least}. Received {minor}."));
        }
        spoken
            .messages
            .iter()
            .find(|(name, _)| *name == kind.name())
            .map(|(_, class)| *class)
            .ok_or_else(unknown)
    }

    /// Tells a party that its message was not understood: the other side of a connection, or whom an invitation of ours has
    /// asked to answer. Nobody else, and never about a report.
    async fn report_parse_failure(
        &self,
        unit: &mut Unit<'_>,
        received: &Received,
        text: &str,
    ) -> Result<(), AgentError> {
        if received.message.message_type().name() == "problem-report" {
            return Ok(());
        }
        let target = match (&received.connection, &received.recipient, received.message.parent_thread_id()) {
            (Some(connection), ..) => peers::target(unit, connection).await?,
            (None, Some(recipient), Some(pthid))
                if received.return_route != ReturnRoute::None
                    && peers::invited(unit, pthid, recipient).await? =>
            {
                received.reply_target()
            }
            _ => None,
        };
        let Some(target) = target else { return Ok(()) };
        let thid = received.message.thread_id().filter(|id| id.len() <= kept::MOST_ID);
        let thread = Thread { thid: thid.map(str::to_owned), ..Thread::default() };
        let report = Message::problem_report(unit.new_id(), &thread, "message-parse-failure", text);
        let connection_id = received.connection_id().map(str::to_owned);
        unit.send(&report, target, connection_id.as_deref(), Scope::Thread);
        Ok(())
    }

    /// Handles a parked envelope; its row goes in the same commit.
    ///
    /// Errors: a transient fault of ours, or its connection isn't ready yet: the row stays.
    pub(super) async fn receive_parked(&self, item: &Item) -> Result<(), ReceiveError> {
        let outcome = match self.open(&item.tenant, &item.value).await? {
            Ok(mut opened) => {
                opened.prepare(self, &item.value);
                self.handle(&item.tenant, &item.value, opened, false, Some(item.seq)).await?.rejection
            }
            Err(rejection) => {
                self.store().lazily(&item.tenant, vec![Op::Dequeue(item.seq)]);
                Some(rejection)
            }
        };
        if let Some(rejection) = outcome {
            rejection.log();
        }
        Ok(())
    }
}

/// For whom is counted what a message causes.
fn owner(connection: Option<&Connection>, sender: Option<&PublicKey>) -> Owner {
    let party = match (connection, sender) {
        (Some(connection), _) => connection.connection_id.clone(),
        (None, Some(sender)) => sender.base58(),
        // All who show no key are one.
        (None, None) => String::new(),
    };
    Owner { party, stranger: connection.is_none(), our_thread: None }
}

fn unavailable(error: AgentError) -> ReceiveError {
    ReceiveError::Unavailable(error.message)
}
