//! Inputs given to a machine, and what follows by itself.

use super::machine::{Effect, Failure, Kept, Machine, Reach, Step, StepOf, Trouble};
use super::perform::carry_out;
use crate::engine::HandlerError;
use crate::unit::{AgentError, Record as _, Unit, Work};

/// One step, carried out.
///
/// Errors: 400 the input does not fit; those of sending.
pub async fn advance<M: Machine>(
    unit: &mut Unit<'_>,
    record: M::Record,
    input: M::Input,
) -> Result<M::Record, AgentError> {
    let is_new = record.standing().is_new;
    carry_out(unit, M::step(record, input)?, is_new).await
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
    let record = carry_out(unit, step, is_new).await?;
    if moved {
        go_on(machine, unit, record, Reach::Local).await?;
    }
    Ok(())
}

/// Goes on with an exchange that was left to queued work, unless it is gone.
pub async fn resume<M: Machine>(machine: &M, unit: &mut Unit<'_>, work: &Work) -> Result<(), AgentError> {
    let id = work.detail.get(M::Record::NAMES.id).and_then(|id| id.as_str()).unwrap_or_default();
    let Some(record) = unit.load::<M::Record>(id).await? else { return Ok(()) };
    unit.caused_by(record.standing().connection_id);
    owe(unit, &record);
    go_on(machine, unit, record, Reach::Network).await
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
                carry_out(unit, Step { record, effects: vec![Effect::Schedule] }, false).await?;
                return Ok(());
            }
            Err(Failure::Error(error)) if !error.ends => return Err(error),
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
