//! Everything that receiving a message asks a store for, once in each form: SQL depends on how many tags are asked for, whether
//! some rows will do, and which changes are made. The tests of each store look at its database's plans for them.

use chancery_agent::ports::store::{Commit, Guard, NewEvent, NewItem, Op, Query, Queue, RowKey, Space};
use chancery_agent::ports::{Clock as _, Timestamp};

use super::{HandClock, row};

/// What all connections that a multi-use invitation has made have in common.
pub const SHARED: [(&str, &str); 3] =
    [("invitation_msg_id", "invitation"), ("invitation_key", "key"), ("state", "completed")];

/// Records by one tag and by several, all of them or any few.
pub fn look_ups() -> Vec<Query> {
    let mut queries = Vec::new();
    let mut query = Query::all("connection");
    for (tag, value) in SHARED {
        query = query.and(tag, value);
        queries.extend([query.clone(), query.clone().any(2)]);
    }
    queries
}

/// Every form of look-up that messages were seen to ask for: tests of the agent keep the list.
pub fn asked_for() -> Vec<Query> {
    let list = include_str!("../../../protocols/agent/src/testing/look_ups.txt");
    let forms = list.lines().filter(|line| !line.starts_with('#'));
    forms
        .map(|form| {
            let mut words = form.split(' ');
            let category = words.next().unwrap_or_default();
            words.fold(Query::all(category), |query, word| match word.parse() {
                Ok(most) if query.limit.is_none() => query.any(most),
                Ok(most) => query.among(most),
                Err(_) => query.and(word, value_of(word)),
            })
        })
        .collect()
}

fn value_of(tag: &str) -> &'static str {
    SHARED.iter().find(|(name, _)| *name == tag).map_or("none", |(_, value)| value)
}

/// Connections of one multi-use invitation, and what else a commit may meet.
pub fn contents(connections: usize) -> Vec<Op> {
    let connection = |number: usize| row("connection", &format!("c{number}"), "1", &SHARED);
    let mut ops: Vec<Op> = (0..connections).map(|number| Op::Insert(connection(number))).collect();
    ops.extend((0..connections).map(|number| remember(&format!("m{number}"))));
    ops.extend((0..connections).map(|_| enqueue()));
    ops.extend((0..connections).map(|_| event()));
    ops
}

/// Guards and changes as a handled message commits them, after [`contents`].
pub fn changes() -> Commit {
    let due = now();
    Commit {
        guards: vec![
            Guard::Absent(RowKey::new("connection", "new")),
            Guard::Unknown(Space::Seen, "new".into()),
            Guard::Queued(1, Queue::Work),
        ],
        ops: vec![
            Op::Insert(row("connection", "new", "1", &SHARED)),
            Op::Replace(row("connection", "c1", "2", &[])),
            Op::Put(row("connection", "c2", "2", &SHARED)),
            Op::Remove(RowKey::new("connection", "c3")),
            enqueue(),
            Op::Requeue { seq: 1, queue: Queue::Work, due, attempts: 1 },
            Op::Dequeue(2),
            event(),
            Op::Delivered { number: 1, target: "target".into() },
            remember("m1"),
            Op::Forget(Space::Seen, "m2".into()),
        ],
    }
}

fn now() -> Timestamp {
    HandClock::new().now()
}

fn remember(id: &str) -> Op {
    let expires = Some(now().plus_millis(86_400_000));
    Op::Remember { space: Space::Seen, id: id.to_owned(), value: Vec::new(), expires }
}

fn enqueue() -> Op {
    Op::Enqueue(NewItem { queue: Queue::Work, lane: "lane".into(), due: now(), value: vec![1], owner: None })
}

fn event() -> Op {
    Op::Event(NewEvent {
        topic: "connections".into(),
        record: "record".into(),
        payload: vec![1],
        targets: vec!["target".into()],
        trace: None,
    })
}
