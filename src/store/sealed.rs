//! Opening the rows of our own tables.

use chancery_agent::ports::Timestamp;
use chancery_agent::ports::store::{Event, EventNo, Item, Queue, Seq};

use super::format::FormatError;
use super::prepared::{event_row, queue_row, read_event_names, target_hash};
use super::profiles::{Profile, Profiles};

const QUEUES: [Queue; 4] = [Queue::Outbound, Queue::Work, Queue::Parked, Queue::Dead];

/// A row of the queue as it is stored.
pub(super) struct SealedItem<'a> {
    pub seq: Seq,
    pub profile: i64,
    pub queue: &'a str,
    pub due: i64,
    pub created: i64,
    pub attempts: u32,
    pub value: &'a [u8],
}

/// `None`: of a profile that another program has added since.
pub(super) fn item(profiles: &Profiles, row: SealedItem<'_>) -> Result<Option<Item>, FormatError> {
    profiles.with_id(row.profile).map(|profile| item_of(profile, row)).transpose()
}

/// A row of this profile.
pub(super) fn item_of(profile: &Profile, row: SealedItem<'_>) -> Result<Item, FormatError> {
    let queue = QUEUES.into_iter().find(|queue| queue.as_str() == row.queue);
    let queue = queue.ok_or(FormatError::Malformed("the queue of a row"))?;
    let [lane, value] = profile.key.sealing().open_bound(queue_row(profile.id, row.seq), row.value)?;
    Ok(Item {
        tenant: profile.tenant.clone(),
        seq: row.seq,
        queue,
        lane: text(lane)?,
        due: Timestamp(row.due),
        created: Timestamp(row.created),
        attempts: row.attempts,
        value,
    })
}

/// `waiting`: the hashes of the targets that it still waits for.
pub(super) fn event(
    profile: &Profile,
    number: EventNo,
    created: i64,
    value: &[u8],
    waiting: &[i64],
) -> Result<Event, FormatError> {
    let [id, topic, record, payload, names] =
        profile.key.sealing().open_bound(event_row(profile.id, number), value)?;
    let names = text(names)?;
    let (targets, trace) = read_event_names(&names);
    let targets =
        targets.filter(|name| waiting.contains(&target_hash(profile, name))).map(str::to_owned).collect();
    Ok(Event {
        tenant: profile.tenant.clone(),
        number,
        id: text(id)?,
        topic: text(topic)?,
        record: text(record)?,
        created: Timestamp(created),
        payload,
        targets,
        trace: trace.map(str::to_owned),
    })
}

pub(super) fn text(bytes: Vec<u8>) -> Result<String, FormatError> {
    String::from_utf8(bytes).map_err(|_| FormatError::Malformed("a row of the side tables"))
}
