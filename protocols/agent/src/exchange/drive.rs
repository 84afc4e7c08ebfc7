//! Inputs given to a machine, and what follows by itself.

use std::marker::PhantomData;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::machine::{Effect, Failure, Kept, Machine, Reach, Step, StepOf, Trouble};
use super::perform::carry_out;
use crate::engine::{Agent, HandlerError};
use crate::unit::{AgentError, Errand, Record as _, Unit};

/// One step, carried out.
///
/// Errors: 400 the input does not fit; those of sending.
pub async fn advance<M: Machine>(
    unit: &mut Unit<'_>,
    record: M::Record,
    input: M::Input,
) -> Result<M::Record, AgentError> {
    let is_new = record.standing().is_new;
    carry_out::<M>(unit, M::step(record, input)?, is_new).await
}

/// Takes a message's step, then goes on by itself where the exchange moved and policy says so.
pub async fn take<M: Machine>(
    machine: &M,
    unit: &mut Unit<'_>,
    record: M::Record,
    input: M::Input,
) -> Result<(), HandlerError> {
    owe(unit, &record);
    let is_new = record.standing().is_new;
    let step: StepOf<M> =
        M::step(record, input).map_err(|refusal| HandlerError::dropped("unexpected-message", refusal.0))?;
    let moved = step.moved();
    let record = carry_out::<M>(unit, step, is_new).await?;
    if moved {
        go_on(machine, unit, record, Reach::Local).await?;
    }
    Ok(())
}

/// An exchange whose next step needs the network: a row `{<member of the id>: <id>}`.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct GoOn<M> {
    detail: Map<String, Value>,
    #[serde(skip)]
    cause: Option<String>,
    #[serde(skip)]
    machine: PhantomData<fn() -> M>,
}

impl<M: Machine> GoOn<M> {
    pub(super) fn of(record: &M::Record) -> Self {
        let detail = Map::from_iter([(M::Record::NAMES.id.to_owned(), Value::from(record.id()))]);
        let cause = record.standing().connection_id.map(str::to_owned);
        Self { detail, cause, machine: PhantomData }
    }
}

#[async_trait]
impl<M: Machine> Errand for GoOn<M> {
    const NAME: &'static str = M::Record::NAMES.work;
    type World = Agent;

    fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Goes on, unless the exchange is gone.
    async fn run(&self, _agent: &Agent, unit: &mut Unit<'_>) -> Result<(), AgentError> {
        let id = self.detail.get(M::Record::NAMES.id).and_then(Value::as_str).unwrap_or_default();
        let Some(record) = unit.load::<M::Record>(id).await? else { return Ok(()) };
        unit.caused_by(record.standing().connection_id);
        owe(unit, &record);
        go_on(&M::default(), unit, record, Reach::Network).await
    }
}

/// What we began, the other side does not owe.
fn owe<K: Kept>(unit: &mut Unit<'_>, record: &K) {
    let of = record.standing();
    if of.is_ours {
        unit.on_our_thread(of.thread_id);
    }
}

/// Gives the answers that policy prescribes, one after the other, within the same unit. A failure ends the exchange on both
/// sides: nobody called who could be told otherwise, and a peer that was told gives up too. What needs the network is queued;
/// what may be over soon is tried again with the message.
async fn go_on<M: Machine>(
    machine: &M,
    unit: &mut Unit<'_>,
    mut record: M::Record,
    reach: Reach,
) -> Result<(), AgentError> {
    loop {
        let outcome = match machine.automatic(unit, reach, &record).await {
            Ok(None) => return Ok(()),
            Ok(Some(input)) => advance::<M>(unit, record.clone(), input).await.map_err(Failure::Error),
            Err(failure) => Err(failure),
        };
        record = match outcome {
            Ok(record) => record,
            Err(Failure::Deferred) => {
                carry_out::<M>(unit, Step { record, effects: vec![Effect::Schedule] }, false).await?;
                return Ok(());
            }
            Err(Failure::Error(error)) if !error.ends() => return Err(error),
            Err(Failure::Error(error)) => {
                tracing::warn!(exchange = %record.id(), code = error.code, "an automatic answer failed");
                advance::<M>(unit, record, Trouble::Failed(error.message).into()).await?;
                return Ok(());
            }
        };
    }
}

/// Tells the controller of a message that did not pass its checks; the exchange stays where it is.
pub async fn refuse_message<M: Machine>(
    unit: &mut Unit<'_>,
    record: M::Record,
    error: AgentError,
) -> Result<(), AgentError> {
    tracing::warn!(exchange = %record.id(), code = error.code, "a message did not pass its checks");
    advance::<M>(unit, record, Trouble::Refused(error.message).into()).await?;
    Ok(())
}
