//! What one step has fetched: everything that one message leads to counts together, however often the step has to begin again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::Unit;
use crate::edge::Place;
use crate::ports::fetch::{Budget, FetchError, Purpose};
use crate::ports::{Tenant, Timestamp};

/// JSON-LD contexts of one step that are not bundled, and DID documents: so many of each.
const MOST_DOCUMENTS: usize = 16;
/// Bytes of all of them.
const MOST_BYTES: usize = 2 * 1024 * 1024;
/// For all of them.
const MOST_TIME: Duration = Duration::from_secs(15);
/// Steps of one connection that fetch at the same time.
pub(super) const PLACES: usize = 2;

/// What a step has fetched so far.
#[derive(Debug)]
pub struct Fetched {
    contexts: Budget,
    documents: Budget,
    until: OnceLock<Timestamp>,
    place: OnceLock<Place>,
    /// For the next attempt of a step that somebody else has overtaken. No more than the budgets allow.
    bodies: Mutex<HashMap<(Purpose, String), Vec<u8>>>,
}

impl Default for Fetched {
    fn default() -> Self {
        let contexts = Budget::new(MOST_DOCUMENTS, MOST_BYTES);
        Self {
            documents: contexts.beside(MOST_DOCUMENTS),
            contexts,
            until: OnceLock::new(),
            place: OnceLock::new(),
            bodies: Mutex::default(),
        }
    }
}

impl Unit<'_> {
    /// The message of this connection causes what the unit fetches: it counts among what the connection makes us fetch at
    /// once. Without, the controller asked for it.
    pub(crate) fn caused_by(&mut self, connection_id: Option<&str>) {
        self.fetches_for = connection_id.map(str::to_owned);
    }

    /// The unit is another attempt of the step that has fetched this, or the first.
    pub fn go_on_from(&mut self, before: &mut Option<Arc<Fetched>>) {
        self.fetched = before.get_or_insert_with(|| self.fetched.clone()).clone();
    }

    /// A document from the network, within what the step may still have fetched. JSON of a shape that may be parsed.
    ///
    /// Errors: those of [`crate::ports::Fetch::fetch`]; [`FetchError::Busy`] while other steps of the same connection fetch.
    pub(crate) async fn fetch(&self, url: &str, purpose: Purpose) -> Result<Vec<u8>, FetchError> {
        if self.is_turn() {
            return Err(FetchError::Busy(format!(
                "{url} is not fetched while the sender of a message waits"
            )));
        }
        let bodies = || self.fetched.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (purpose, url.to_owned());
        if let Some(body) = bodies().get(&at) {
            return Ok(body.clone());
        }
        self.take_place()?;
        let now = self.context().clock().now();
        let most = i64::try_from(MOST_TIME.as_millis()).unwrap_or(i64::MAX);
        let until = *self.fetched.until.get_or_init(|| now.plus_millis(most));
        let left = Duration::from_micros(u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0));
        if left.is_zero() {
            return Err(FetchError::Failed(format!(
                "{url} is not fetched: {} s are over",
                MOST_TIME.as_secs()
            )));
        }
        let budget = match purpose {
            Purpose::Context => &self.fetched.contexts,
            Purpose::DidDocument => &self.fetched.documents,
        };
        budget.begin(url)?;
        let body = self.context().fetch().fetch(url, purpose, budget, left).await?;
        self.context()
            .shape()
            .check(&body)
            .map_err(|error| FetchError::Failed(format!("{url} is {error}")))?;
        bodies().insert(at, body.clone());
        Ok(body)
    }

    fn take_place(&self) -> Result<(), FetchError> {
        let Some(cause) = &self.fetches_for else { return Ok(()) };
        if self.fetched.place.get().is_some() {
            return Ok(());
        }
        let key: (&Tenant, &str) = (self.tenant(), cause);
        let place = self.context().fetching().take(&key);
        let place =
            place.ok_or_else(|| FetchError::Busy(format!("connection {cause} makes us fetch enough")))?;
        // Taken by another fetch of this unit meanwhile, the place is given back.
        let _ = self.fetched.place.set(place);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Store as _;
    use crate::ports::store::{Commit, NewRow, Op, RowKey};
    use crate::testing::{World, now};
    use crate::transact;
    use crate::unit::AgentError;

    #[test]
    fn a_step_that_begins_again_after_a_conflict_fetches_no_more_than_one_that_does_not() {
        let world = World::new(&["agent"], Vec::new);
        let party = world.party("agent");
        let url = |n: usize| format!("https://contexts.example/{n}");
        for n in 0..=MOST_DOCUMENTS {
            party.publish(&url(n), b"{}");
        }
        let mut attempts = 0;
        let outcome: Result<(), AgentError> = now(async {
            transact!(party.agent, &party.tenant, |unit| {
                attempts += 1;
                // What was fetched before is there, and what is new is fetched out of what is left.
                let most = if attempts == 1 { MOST_DOCUMENTS } else { MOST_DOCUMENTS + 1 };
                for n in 0..most {
                    let body = unit.fetch(&url(n), Purpose::Context).await;
                    assert_eq!(body.is_ok(), n < MOST_DOCUMENTS, "{n} in attempt {attempts}: {body:?}");
                }
                let row = || NewRow { key: RowKey::new("test", "row"), value: vec![1], tags: Vec::new() };
                let there = unit.row(&RowKey::new("test", "row")).await?.is_some();
                if !there {
                    unit.insert_row(row());
                    let tenant = party.tenant.clone();
                    let ops = vec![Op::Insert(row())];
                    party.store.before_next_commit(move |store| {
                        now(store.commit(&tenant, Commit { guards: Vec::new(), ops })).unwrap();
                    });
                }
                Ok(())
            })
        });
        assert!(outcome.is_ok());
        assert_eq!(attempts, 2);
    }
}
