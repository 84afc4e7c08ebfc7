//! How many records the wallet has, by protocol, role and state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chancery_agent::ports::Store;
use chancery_agent::ports::store::StoreError;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::metrics::Page;

/// Counts are good for this long.
const FRESH: Duration = Duration::from_secs(10);
/// Counting takes at most one part in so many of a reader's time: the longer it takes, the longer its counts are good.
const SHARE: u32 = 100;

/// Protocol, role, state.
type Counts = BTreeMap<[&'static str; 3], u64>;

/// Counts in the wallet when it is asked, unless it was asked just before.
#[derive(Default)]
pub struct Tallies {
    last: Mutex<Option<(Instant, Counts)>>,
}

impl Tallies {
    /// Writes the gauge; a wallet that can't be counted at present has none.
    pub async fn write(&self, page: &mut Page, store: &Arc<dyn Store>) {
        let mut last = self.last.lock().await;
        let began = Instant::now();
        if last.as_ref().is_none_or(|(until, _)| *until <= began) {
            *last = match count(store).await {
                Ok(Some(counts)) => Some((Instant::now() + FRESH.max(began.elapsed() * SHARE), counts)),
                Ok(None) | Err(_) => None,
            };
        }
        let Some((_, counts)) = &*last else { return };
        page.family("chancery_exchanges", "gauge", "Records in the wallet by protocol, role and state");
        for ([protocol, role, state], count) in counts {
            let labels = [("protocol", *protocol), ("role", *role), ("state", *state)];
            page.value("chancery_exchanges", &labels, count);
        }
    }
}

/// All tenants together.
async fn count(store: &Arc<dyn Store>) -> Result<Option<Counts>, StoreError> {
    let mut counts = Counts::new();
    for tenant in store.tenants().await? {
        for (protocol, kinds) in chancery_agent::counted() {
            let Some(tallies) = store.tally(&tenant, &kinds).await? else { return Ok(None) };
            for tally in tallies {
                let kind = [protocol, tally.role.unwrap_or_default(), tally.state.unwrap_or_default()];
                *counts.entry(kind).or_default() += tally.count;
            }
        }
    }
    Ok(Some(counts))
}
