//! Effects carried out: put into the unit.

use super::drive::GoOn;
use super::machine::{Effect, Kept, Machine, Step, StepOf};
use super::thread::{self, DONE};
use crate::peers::send_in_exchange;
use crate::quoted::Quoted;
use crate::unit::{AgentError, Record as _, Unit};

/// Carries out a step; `is_new`: the record wasn't stored before. A step whose message can't be sent changes nothing.
pub async fn carry_out<M: Machine>(
    unit: &mut Unit<'_>,
    step: StepOf<M>,
    is_new: bool,
) -> Result<M::Record, AgentError> {
    let Step { mut record, effects } = step;
    let says = |effect: &Effect<_>| matches!(effect, Effect::Send(_) | Effect::Tell(_));
    let (messages, others): (Vec<_>, Vec<_>) = effects.into_iter().partition(says);
    for effect in messages.into_iter().chain(others) {
        match effect {
            Effect::Send(word) => send(unit, &record, word).await?,
            Effect::Tell(word) => match send(unit, &record, word).await {
                Err(error) if !error.ends() => return Err(error),
                // No connection yet, or it is gone: here it has happened all the same.
                Err(error) => tracing::info!(error = %Quoted(&error), "a message has nobody to go to"),
                Ok(()) => {}
            },
            Effect::Keep(row) => match unit.guarded_row(&row.key).await? {
                Some(_) => unit.save_row(row)?,
                None => unit.insert_row(row),
            },
            Effect::Announce(topic, payload) => unit.notify(topic, record.id(), &payload),
            Effect::Save => {
                record.changed(unit.now().to_text());
                if is_new { unit.insert(&record)? } else { unit.save(&record)? }
            }
            Effect::Notify => {
                let payload = record.payload(unit.settings().debug_webhooks);
                unit.notify(M::Record::NAMES.topic, record.id(), &payload);
            }
            Effect::Pass(state) => pass(unit, &record, state),
            Effect::Schedule => unit.later(&GoOn::<M>::of(&record))?,
            Effect::Remove => {
                let outcome = if record.standing().is_done { DONE } else { "failed" };
                remove(unit, &record, outcome).await?;
            }
        }
    }
    Ok(record)
}

fn pass<K: Kept>(unit: &mut Unit<'_>, record: &K, state: &str) {
    let mut payload = record.payload(unit.settings().debug_webhooks);
    payload["state"] = state.into();
    unit.notify(K::NAMES.topic, record.id(), &payload);
}

async fn send<K: Kept>(unit: &mut Unit<'_>, record: &K, word: K::Word) -> Result<(), AgentError> {
    let Some(message) = record.message(unit, word)? else { return Ok(()) };
    let of = record.standing();
    send_in_exchange(unit, of.connection_id, of.thread_id, message).await
}

/// Removes a record with what hangs on it, tells the controller, and remembers the thread without personal data.
pub(super) async fn remove<K: Kept>(
    unit: &mut Unit<'_>,
    record: &K,
    outcome: &str,
) -> Result<(), AgentError> {
    for row in record.hanging(unit).await? {
        unit.remove(row);
    }
    unit.remove(record.key());
    pass(unit, record, "deleted");
    thread::remember_end(unit, record, outcome);
    Ok(())
}
