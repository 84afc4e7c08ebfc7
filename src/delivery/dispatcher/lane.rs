//! What waits in one lane, in its order.

use std::collections::{HashSet, VecDeque};

use tokio::time::Instant;

use super::Failure;
use super::job::{Carried, Job};

/// How far into a lane is looked for jobs that may overtake waiting ones.
const WINDOW: usize = 64;

pub(super) struct Entry<T> {
    pub job: Job,
    /// What it is to deliver, until it was tried.
    pub carried: Option<Carried<T>>,
    pub in_flight: bool,
    pub not_before: Option<Instant>,
    /// A job waits behind it that came after it was held back.
    pub asked: bool,
    pub failure: Option<Failure>,
}

impl<T> Entry<T> {
    fn may_go(&self, now: Instant) -> bool {
        !self.in_flight && (self.asked || self.not_before.is_none_or(|at| at <= now))
    }
}

pub(super) struct Lane<T> {
    pub queue: VecDeque<Entry<T>>,
    pub listed: bool,
    /// From then on none of its jobs is held back.
    held_back_until: Option<Instant>,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), listed: false, held_back_until: None }
    }
}

impl<T> Lane<T> {
    pub fn push(&mut self, job: Job, carried: Option<Carried<T>>, now: Instant) {
        let not_before = job.not_before;
        if not_before.is_some() {
            self.held_back_until = self.held_back_until.max(not_before);
        } else if self.held_back_until.is_some_and(|at| at > now) {
            // What the new job comes from may also be what the one before it is held back for.
            let held_back = |entry: &&mut Entry<T>| entry.job.not_before.is_some_and(|at| at > now);
            for entry in self.queue.iter_mut().filter(held_back).filter(|entry| waits_for(&job, &entry.job)) {
                entry.asked = true;
            }
        }
        self.queue.push_back(Entry {
            job,
            carried,
            in_flight: false,
            not_before,
            asked: false,
            failure: None,
        });
    }
}

/// Whether a job may not overtake another one of its lane.
fn waits_for(job: &Job, other: &Job) -> bool {
    match (&job.thread, &other.thread) {
        (Some(thread), Some(others)) => thread == others,
        _ => true,
    }
}

/// The first job of a lane that waits for nothing before it.
pub(super) fn eligible<T>(queue: &VecDeque<Entry<T>>, now: Instant) -> Option<usize> {
    let mut before: HashSet<&str> = HashSet::new();
    for (at, entry) in queue.iter().take(WINDOW).enumerate() {
        match &entry.job.thread {
            None => {
                return (at == 0 && entry.may_go(now)).then_some(at);
            }
            Some(thread) => {
                if before.insert(thread) && entry.may_go(now) {
                    return Some(at);
                }
            }
        }
    }
    None
}
