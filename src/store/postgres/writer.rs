//! The one task that writes: it takes all waiting commits into one transaction, and gets itself a new connection when the old
//! one is lost. Meanwhile everybody is told so at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use chancery_agent::ports::store::{Committed, StoreError};

use super::super::prepared::Prepared;
use super::super::profiles::Profiles;
use super::super::refusal::{Refused, closed};
use super::super::rows::KnownRows;
use super::batch::{Batch, Needs, No, Numbers};
use super::counting::{self, Absent};
use super::schema;
use super::server::{self, Link, Server, breaks, hopeless};
use super::transaction::{self, Failed};
use super::upkeep::Upkeep;
use super::write::{gather, learn, pieces};

/// Most commits in one transaction.
const BATCH: usize = 64;
/// How long lazy changes wait for a commit to ride with.
const LAZY: Duration = Duration::from_millis(5);
/// Most lazy changes that are kept while the server is away; lost, they only cause a repeat.
const LAZY_KEPT: usize = 20_000;
/// How long a transaction may take before the connection is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Pauses between attempts to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How often old rows are looked for.
const TIDY: Duration = Duration::from_secs(5);

pub(super) type Answer = oneshot::Sender<Result<Committed, Refused>>;

pub(super) enum Job {
    Commit(Box<Prepared>, Answer),
    Lazy(Box<Prepared>),
    Reindex,
    Close(oneshot::Sender<()>),
}

/// A commit in a batch; lazy ones have nobody to answer.
struct Waiting {
    prepared: Box<Prepared>,
    answer: Option<Answer>,
}

pub(super) struct Writer {
    pub server: Arc<Server>,
    pub profiles: Arc<Profiles>,
    pub absent: Arc<Absent>,
    pub upkeep: Upkeep,
}

enum State {
    Up(Link),
    /// No attempt before this time; the reason is told to everybody.
    Down {
        again: Instant,
        pause: Duration,
        reason: StoreError,
    },
    Connecting {
        attempt: JoinHandle<Result<Link, StoreError>>,
        pause: Duration,
        reason: StoreError,
    },
}

struct Task {
    server: Arc<Server>,
    profiles: Arc<Profiles>,
    absent: Arc<Absent>,
    upkeep: Upkeep,
    inbox: mpsc::UnboundedReceiver<Job>,
    known: KnownRows,
    numbers: Numbers,
    lazy: Vec<Waiting>,
    lazy_since: Option<Instant>,
    tidied: Instant,
}

/// Starts the task with a connection that has the lock.
pub(super) fn start(writer: Writer, link: Link) -> mpsc::UnboundedSender<Job> {
    let (jobs, inbox) = mpsc::unbounded_channel();
    let task = Task {
        server: writer.server,
        profiles: writer.profiles,
        absent: writer.absent,
        upkeep: writer.upkeep,
        inbox,
        known: KnownRows::default(),
        numbers: Numbers::default(),
        lazy: Vec::new(),
        lazy_since: None,
        tidied: Instant::now(),
    };
    drop(server::start(task.run(link)));
    jobs
}

/// A connection with the lock.
async fn connect(server: &Server) -> Result<Link, StoreError> {
    let attempt = async {
        let link = server.connect().await.map_err(|error| server.unavailable(&error))?;
        match schema::lock(&link).await.map_err(|error| server.unavailable(&error))? {
            true => Ok(link),
            false => {
                let holder = schema::holder(&link).await.map_err(|error| server.unavailable(&error))?;
                Err(StoreError::Unavailable(format!(
                    "{server}: another process works on the database {}: {holder}",
                    server.database
                )))
            }
        }
    };
    match timeout(PATIENCE, attempt).await {
        Ok(done) => done,
        Err(_) => Err(server.silent(PATIENCE)),
    }
}

impl Task {
    async fn run(mut self, link: Link) {
        let mut state = State::Up(link);
        loop {
            state = match state {
                State::Up(link) => match self.serve(&link).await {
                    Served::Again => State::Up(link),
                    Served::Closed(answer) => {
                        self.close(&link).await;
                        // The lock goes before the answer: whoever has waited for it may open the wallet again.
                        let _ = link.client.batch_execute("SELECT pg_advisory_unlock_all()").await;
                        drop(link);
                        done(answer);
                        return;
                    }
                    Served::Lost(reason) => {
                        tracing::error!(error = %reason, "the store is lost; trying to get it back");
                        // Nobody else may have written, but what was being committed may stand or not.
                        self.forget();
                        State::Down { again: Instant::now(), pause: PAUSES.0, reason }
                    }
                },
                State::Down { again, pause, reason } => tokio::select! {
                    job = self.inbox.recv() => match self.refuse(job, &reason) {
                        Ok(()) => State::Down { again, pause, reason },
                        Err(answer) => return done(answer),
                    },
                    () = sleep_until(again) => {
                        let server = Arc::clone(&self.server);
                        let attempt = server::start(async move { connect(&server).await });
                        State::Connecting { attempt, pause, reason }
                    }
                },
                State::Connecting { mut attempt, pause, reason } => tokio::select! {
                    job = self.inbox.recv() => match self.refuse(job, &reason) {
                        Ok(()) => State::Connecting { attempt, pause, reason },
                        Err(answer) => {
                            attempt.abort();
                            return done(answer);
                        }
                    },
                    done = &mut attempt => match done {
                        Ok(Ok(link)) => {
                            tracing::info!(server = %self.server, "the store is back");
                            // The lock is ours: the transaction whose outcome was unknown has ended, and reads from now on see it.
                            self.forget();
                            State::Up(link)
                        }
                        Ok(Err(reason)) => {
                            State::Down { again: Instant::now() + pause, pause: (pause * 2).min(PAUSES.1), reason }
                        }
                        Err(error) => {
                            let reason = StoreError::Unavailable(error.to_string());
                            State::Down { again: Instant::now() + pause, pause: (pause * 2).min(PAUSES.1), reason }
                        }
                    }
                },
            };
        }
    }

    /// Back to no assumptions.
    fn forget(&mut self) {
        self.known.clear();
        self.absent.forget();
        for profile in self.profiles.iter() {
            profile.rows.clear();
            profile.keys.clear();
        }
    }

    /// Answers while there is no connection. `Err`: the store is to be closed.
    fn refuse(&mut self, job: Option<Job>, reason: &StoreError) -> Result<(), Option<oneshot::Sender<()>>> {
        match job {
            Some(Job::Commit(_, answer)) => drop(answer.send(Err(Refused::Store(reason.clone())))),
            Some(Job::Lazy(prepared)) => self.put_off(prepared),
            Some(Job::Reindex) => self.upkeep.reindex(),
            Some(Job::Close(answer)) => return Err(Some(answer)),
            None => return Err(None),
        }
        Ok(())
    }

    fn put_off(&mut self, prepared: Box<Prepared>) {
        if self.lazy.len() < LAZY_KEPT {
            self.lazy_since.get_or_insert_with(Instant::now);
            self.lazy.push(Waiting { prepared, answer: None });
        }
    }

    fn take_lazy(&mut self) -> Vec<Waiting> {
        let rest = self.lazy.split_off(self.lazy.len().min(BATCH * 4));
        let taken = std::mem::replace(&mut self.lazy, rest);
        self.lazy_since = (!self.lazy.is_empty()).then(Instant::now);
        taken
    }

    /// One batch, or one of the things that are done in between.
    async fn serve(&mut self, link: &Link) -> Served {
        let next_tidy = self.tidied + TIDY;
        let lazy_due = self.lazy_since.map(|since| since + LAZY);
        let wake = lazy_due.map_or(next_tidy, |due| due.min(next_tidy));
        let job = if self.upkeep.indexing() || self.absent.counting() {
            self.inbox.try_recv().ok()
        } else {
            tokio::select! {
                biased;
                job = self.inbox.recv() => match job {
                    Some(job) => Some(job),
                    None => return Served::Closed(None),
                },
                () = link.lost() => {
                    let reason = format!("{} does not answer: the connection was lost", self.server);
                    return Served::Lost(StoreError::Unavailable(reason));
                }
                () = sleep_until(wake) => None,
            }
        };
        let mut batch = Vec::new();
        match job {
            Some(Job::Commit(prepared, answer)) => batch.push(Waiting { prepared, answer: Some(answer) }),
            Some(Job::Lazy(prepared)) => self.put_off(prepared),
            Some(Job::Reindex) => self.upkeep.reindex(),
            Some(Job::Close(answer)) => return Served::Closed(Some(answer)),
            None => {}
        }
        let mut closing = None;
        while batch.len() < BATCH && !batch.is_empty() {
            match self.inbox.try_recv() {
                Ok(Job::Commit(prepared, answer)) => batch.push(Waiting { prepared, answer: Some(answer) }),
                Ok(Job::Lazy(prepared)) => self.put_off(prepared),
                Ok(Job::Reindex) => self.upkeep.reindex(),
                Ok(Job::Close(answer)) => {
                    closing = Some(answer);
                    break;
                }
                Err(_) => break,
            }
        }
        let due = self.lazy_since.is_some_and(|since| since.elapsed() >= LAZY);
        if !batch.is_empty() || due {
            // First what was left earlier: a commit may build on it.
            let mut all = self.take_lazy();
            all.append(&mut batch);
            if let Err(reason) = self.write(link, all).await {
                return Served::Lost(reason);
            }
        }
        if let Some(answer) = closing {
            return Served::Closed(Some(answer));
        }
        match timeout(PATIENCE, self.chores(link)).await {
            Ok(Ok(())) => Served::Again,
            Ok(Err(error)) if link.ended() || error.code().is_none_or(breaks) => {
                Served::Lost(self.server.unavailable(&error))
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the upkeep of the wallet failed; it is tried again");
                self.tidied = Instant::now();
                match link.client.batch_execute("ROLLBACK").await {
                    Ok(()) => Served::Again,
                    Err(error) => Served::Lost(self.server.unavailable(&error)),
                }
            }
            Err(_) => Served::Lost(self.server.silent(PATIENCE)),
        }
    }

    async fn chores(&mut self, link: &Link) -> Result<(), tokio_postgres::Error> {
        if self.upkeep.indexing() {
            self.upkeep.index(link).await?;
        }
        if self.absent.counting() {
            counting::count(&self.absent, link).await?;
        }
        if self.tidied.elapsed() >= TIDY {
            self.tidied = Instant::now();
            self.upkeep.tidy(link).await?;
        }
        Ok(())
    }

    async fn close(&mut self, link: &Link) {
        self.inbox.close();
        while let Ok(job) = self.inbox.try_recv() {
            match job {
                Job::Commit(_, answer) => drop(answer.send(Err(Refused::Store(closed())))),
                Job::Lazy(prepared) => self.put_off(prepared),
                Job::Close(answer) => done(Some(answer)),
                Job::Reindex => {}
            }
        }
        while !self.lazy.is_empty() {
            let batch = self.take_lazy();
            if self.write(link, batch).await.is_err() {
                return;
            }
        }
    }

    /// Writes a batch; one that fails is written again one by one. `Err`: the connection is lost, everybody was told.
    async fn write(&mut self, link: &Link, batch: Vec<Waiting>) -> Result<(), StoreError> {
        let mut left = std::collections::VecDeque::from([batch]);
        let mut stale = false;
        while let Some(batch) = left.pop_front() {
            let failed = match timeout(PATIENCE, self.transaction(link, &batch)).await {
                Ok(Ok(outcomes)) => {
                    // Before anybody is answered, also those who conflict: they load again.
                    for (waiting, outcome) in batch.iter().zip(&outcomes) {
                        if outcome.is_ok() {
                            let prepared = &waiting.prepared;
                            prepared.changes.iter().for_each(|change| change.tell(&prepared.profile));
                        }
                    }
                    batch.into_iter().zip(outcomes).for_each(|(waiting, outcome)| tell(waiting, outcome));
                    continue;
                }
                Ok(Err(failed)) => failed,
                Err(_) => return Err(self.lose(batch, left, self.server.silent(PATIENCE))),
            };
            self.known.clear();
            let error = match failed {
                Failed::Stale if stale => {
                    StoreError::Unavailable("another program keeps changing the wallet".to_owned())
                }
                Failed::Stale => {
                    stale = true;
                    self.forget();
                    tracing::warn!("another program has written to the wallet: stop it");
                    if let Err(error) = link.client.batch_execute("ROLLBACK").await {
                        return Err(self.lose(batch, left, self.server.unavailable(&error)));
                    }
                    left.push_front(batch);
                    continue;
                }
                Failed::Sql(error) => {
                    let told = self.server.unavailable(&error);
                    let broken = link.ended() || error.code().is_none_or(breaks);
                    if broken || link.client.batch_execute("ROLLBACK").await.is_err() {
                        return Err(self.lose(batch, left, told));
                    }
                    if batch.len() > 1 && !hopeless(&error) {
                        for waiting in batch.into_iter().rev() {
                            left.push_front(vec![waiting]);
                        }
                        continue;
                    }
                    told
                }
            };
            for waiting in batch {
                tell(waiting, Err(Refused::Store(error.clone())));
            }
        }
        Ok(())
    }

    /// Whether it was committed is not known: the callers decide again by their guards. What nobody waits for is kept.
    fn lose(
        &mut self,
        batch: Vec<Waiting>,
        left: std::collections::VecDeque<Vec<Waiting>>,
        reason: StoreError,
    ) -> StoreError {
        let mut kept = Vec::new();
        for waiting in batch.into_iter().chain(left.into_iter().flatten()) {
            match waiting.answer {
                Some(_) => tell(waiting, Err(Refused::Store(reason.clone()))),
                None => kept.push(waiting),
            }
        }
        kept.append(&mut self.lazy);
        self.lazy = kept;
        self.lazy_since = (!self.lazy.is_empty()).then(Instant::now);
        reason
    }

    async fn transaction(
        &mut self,
        link: &Link,
        waiting: &[Waiting],
    ) -> Result<Vec<Result<Committed, Refused>>, Failed> {
        let mut needs = Needs::default();
        waiting.iter().for_each(|waiting| needs.add(&waiting.prepared));
        let facts = gather(link, &needs, &mut self.known, &self.absent, &mut self.numbers).await?;
        let mut batch = Batch { facts, ..Batch::default() };
        let outcomes = waiting
            .iter()
            .map(|waiting| {
                batch.add(&waiting.prepared, &mut self.numbers).map_err(|no| match no {
                    No::Guard(position) => Refused::Guard(position),
                    No::Change(position) => Refused::Change(position),
                    No::Damaged(reason) => Refused::Store(StoreError::Damaged(reason)),
                })
            })
            .collect();
        let durable = waiting.iter().any(|waiting| waiting.answer.is_some());
        // Before it is written: what is there must never be taken to be absent.
        counting::learn(&self.absent, &batch);
        let (pieces, first) = pieces(&batch, &mut self.known);
        transaction::write(link, &pieces, first, durable).await?;
        learn(&batch, &needs, &mut self.known);
        Ok(outcomes)
    }
}

enum Served {
    Again,
    Lost(StoreError),
    Closed(Option<oneshot::Sender<()>>),
}

fn tell(waiting: Waiting, outcome: Result<Committed, Refused>) {
    match (waiting.answer, outcome) {
        // The caller may have gone; the commit stands all the same.
        (Some(answer), outcome) => drop(answer.send(outcome)),
        (None, Err(refused)) => tracing::warn!(?refused, "a lazy change of the wallet was dropped"),
        (None, Ok(_)) => {}
    }
}

fn done(answer: Option<oneshot::Sender<()>>) {
    if let Some(answer) = answer {
        // Who asked may have gone.
        let _ = answer.send(());
    }
}
