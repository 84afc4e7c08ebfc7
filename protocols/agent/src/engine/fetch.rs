//! What one step has fetched: everything that one message leads to counts together.

use std::sync::OnceLock;
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

/// What a unit has fetched so far, and for whom.
pub(super) struct Fetched {
    contexts: Budget,
    documents: Budget,
    until: OnceLock<Timestamp>,
    /// The connection whose message caused it.
    cause: Option<String>,
    place: OnceLock<Place>,
}

impl Default for Fetched {
    fn default() -> Self {
        let contexts = Budget::new(MOST_DOCUMENTS, MOST_BYTES);
        Self {
            documents: contexts.beside(MOST_DOCUMENTS),
            contexts,
            until: OnceLock::new(),
            cause: None,
            place: OnceLock::new(),
        }
    }
}

impl Unit<'_> {
    /// The message of this connection causes what the unit fetches: it counts among what the connection makes us fetch at
    /// once. Without, the controller asked for it.
    pub(crate) fn caused_by(&mut self, connection_id: Option<&str>) {
        self.fetched.cause = connection_id.map(str::to_owned);
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
        self.take_place()?;
        let now = self.agent().clock().now();
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
        let body = self.agent().fetch().fetch(url, purpose, budget, left).await?;
        self.agent().shape().check(&body).map_err(|error| FetchError::Failed(format!("{url} is {error}")))?;
        Ok(body)
    }

    fn take_place(&self) -> Result<(), FetchError> {
        let Some(cause) = &self.fetched.cause else { return Ok(()) };
        if self.fetched.place.get().is_some() {
            return Ok(());
        }
        let key: (&Tenant, &str) = (self.tenant(), cause);
        let place = self.agent().fetching().take(&key);
        let place =
            place.ok_or_else(|| FetchError::Busy(format!("connection {cause} makes us fetch enough")))?;
        // Taken by another fetch of this unit meanwhile, the place is given back.
        let _ = self.fetched.place.set(place);
        Ok(())
    }
}
