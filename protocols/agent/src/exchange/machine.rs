//! The words of a machine: what it is given, and what it says should happen.

use async_trait::async_trait;
use chancery_didcomm::message::Message;
use serde_json::Value;

use crate::ports::store::{NewRow, RowKey};
use crate::unit::{AgentError, Record, Unit};

/// What an exchange protocol is.
#[async_trait]
pub trait Machine: Default + Send + Sync + 'static {
    /// What is stored of an exchange.
    type Record: Kept;
    /// What happens to it.
    type Input: From<Trouble> + Send;

    /// What follows from an input. Pure.
    fn step(record: Self::Record, input: Self::Input) -> Result<StepOf<Self>, Refusal>;

    /// The input that policy gives to a record where it stands, with what it takes to make it; `None`: it waits.
    async fn automatic(
        &self,
        unit: &mut Unit<'_>,
        reach: Reach,
        record: &Self::Record,
    ) -> Result<Option<Self::Input>, Failure>;
}

/// The step of a machine.
pub type StepOf<M> = Step<<M as Machine>::Record, <<M as Machine>::Record as Kept>::Word>;

/// What is stored of an exchange.
#[async_trait]
pub trait Kept: Record {
    /// What its protocol says to the other side.
    type Word: Send + Sync;
    /// What its protocol goes by.
    const NAMES: Names;

    /// Whose it is, and how far it has come.
    fn standing(&self) -> Standing<'_>;

    /// It changes at this time.
    fn changed(&mut self, now: String);

    /// The message that says a word; `None`: there is nothing to say.
    fn message(&self, unit: &Unit<'_>, word: Self::Word) -> Result<Option<Message>, AgentError>;

    /// What the controller is told; `whole`: with the messages.
    fn payload(&self, whole: bool) -> Value;

    /// What the admin API shows.
    async fn shown(&self, _unit: &mut Unit<'_>) -> Result<Value, AgentError> {
        Ok(self.payload(true))
    }

    /// Rows that are nothing without it.
    async fn hanging(&self, _unit: &mut Unit<'_>) -> Result<Vec<RowKey>, AgentError> {
        Ok(Vec::new())
    }
}

/// What a protocol goes by.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// In message types, and in what is remembered of exchanges.
    pub protocol: &'static str,
    /// In queued work and derived ids.
    pub work: &'static str,
    /// Of webhooks.
    pub topic: &'static str,
    /// The member that holds a record's id.
    pub id: &'static str,
    /// Our parts.
    pub roles: &'static [&'static str],
}

/// Whose an exchange is, and how far it has come.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'r> {
    /// Our part.
    pub role: &'static str,
    /// Its connection; `None`: connectionless.
    pub connection_id: Option<&'r str>,
    /// Its thread.
    pub thread_id: &'r str,
    /// When it was made.
    pub created_at: &'r str,
    /// When it last changed.
    pub updated_at: &'r str,
    /// Nothing has happened yet: it isn't stored.
    pub is_new: bool,
    /// It has ended well.
    pub is_done: bool,
    /// We began it.
    pub is_ours: bool,
}

/// What follows from an input.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<R, W> {
    /// The record as it is now, or the part of it that the machine decides.
    pub record: R,
    /// What else happens. Messages go first, the rest in this order.
    pub effects: Vec<Effect<W>>,
}

impl<R, W> Step<R, W> {
    /// Whether the controller hears of it: the exchange has moved on.
    pub fn moved(&self) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::Notify))
    }
}

/// What a step does besides deciding about the record.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect<W> {
    /// Send a message; when it can't be sent, nothing happens at all.
    Send(W),
    /// Send a message if there is somebody to send it to.
    Tell(W),
    /// Keep a row, in place of an earlier one of its name.
    Keep(NewRow),
    /// Tell the controller of something beside the record: a topic and what is said.
    Announce(&'static str, Value),
    /// Write the record.
    Save,
    /// Tell the controller where the record stands.
    Notify,
    /// Tell the controller of a state that the record only passes through.
    Pass(&'static str),
    /// Go on in queued work.
    Schedule,
    /// Tell the controller `deleted`; remove the record with what hangs on it; remember how its thread ended.
    Remove,
}

/// What may happen to every exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The controller gives up, and says why.
    GivenUp(String),
    /// An automatic answer failed: there is no command that could be told, so both sides end the exchange.
    Failed(String),
    /// A message did not pass its checks and is not taken; a right one may follow.
    Refused(String),
    /// The other side reports a problem: `<code>: <en>`.
    Reported(String),
}

/// Why an input is not taken; nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl From<Refusal> for AgentError {
    fn from(refusal: Refusal) -> Self {
        AgentError::bad_request("exchange-state", refusal.0)
    }
}

/// Whether the network may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only what is at hand: within the handling of a message.
    Local,
    /// Also servers elsewhere.
    Network,
}

/// Why what an input takes was not made.
#[derive(Debug)]
pub enum Failure {
    /// It needs the network, which may not be asked here: go on later.
    Deferred,
    /// It can't be done.
    Error(AgentError),
}

impl Failure {
    /// In a command nothing is deferred; should it be, the caller may try again.
    pub fn now_or_never(self) -> AgentError {
        match self {
            Self::Error(error) => error,
            Self::Deferred => AgentError::unavailable("the network was not asked"),
        }
    }
}

impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Self {
        Self::Error(error)
    }
}
