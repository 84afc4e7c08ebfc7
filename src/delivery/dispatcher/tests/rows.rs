//! Content is read when its turn comes, and no more is in memory than the budget allows.

use std::sync::Mutex;
use std::sync::Weak;

use async_trait::async_trait;

use super::super::job::CARRIED;
use super::*;

/// Rows of ten thousand bytes, of which those that are in memory are counted.
#[derive(Default)]
struct Rows {
    alive: Mutex<Vec<Weak<Vec<u8>>>>,
    most_alive: AtomicUsize,
    loads: AtomicUsize,
    gone: HashSet<i64>,
    unread: Mutex<HashSet<i64>>,
    down: Mutex<HashSet<i64>>,
    /// Tries wait for it.
    gate: Option<tokio::sync::Semaphore>,
    tries: AtomicUsize,
    most_tries: AtomicUsize,
    delivered: Mutex<Vec<i64>>,
    wanted: usize,
    all: tokio::sync::Notify,
}

const ROW: usize = 10_000;

impl Rows {
    fn row(&self) -> Arc<Vec<u8>> {
        let row = Arc::new(vec![0; ROW]);
        self.alive.lock().unwrap().push(Arc::downgrade(&row));
        row
    }

    /// Bytes of rows in memory.
    fn bytes(&self) -> usize {
        let mut alive = self.alive.lock().unwrap();
        alive.retain(|row| row.strong_count() > 0);
        alive.len() * ROW
    }

    async fn all_delivered(&self) -> Vec<i64> {
        self.all.notified().await;
        self.delivered.lock().unwrap().clone()
    }
}

#[async_trait]
impl Courier for Rows {
    type Content = Arc<Vec<u8>>;

    async fn load(&self, job: &Job) -> Result<Option<Arc<Vec<u8>>>, String> {
        if self.unread.lock().unwrap().remove(&job.id) {
            return Err("the store is away".into());
        }
        self.loads.fetch_add(1, Ordering::Relaxed);
        Ok((!self.gone.contains(&job.id)).then(|| self.row()))
    }

    async fn deliver(&self, job: &Job, _: &Arc<Vec<u8>>) -> Outcome {
        let tries = self.tries.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_tries.fetch_max(tries, Ordering::Relaxed);
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        self.tries.fetch_sub(1, Ordering::Relaxed);
        if self.down.lock().unwrap().remove(&job.id) {
            return down();
        }
        Outcome::Delivered
    }

    fn gives_up(&self, _: &Job, _: u32, _: bool) -> bool {
        false
    }

    fn settled(&self, job: &Job, _: &Arc<Vec<u8>>, settled: Settled) {
        if job.id % 1_000 == 0 {
            self.most_alive.fetch_max(self.bytes(), Ordering::Relaxed);
        }
        let mut delivered = self.delivered.lock().unwrap();
        if matches!(settled, Settled::Delivered) {
            delivered.push(job.id);
        }
        if delivered.len() == self.wanted {
            self.all.notify_one();
        }
    }

    fn given_up(&self, _: &Job, _: u32, _: String) {}
}

fn row_job(id: i64) -> Job {
    Job { weight: ROW, ..job(id, "c", Some("a")) }
}

#[tokio::test(start_paused = true)]
async fn fifty_thousand_waiting_jobs_keep_no_more_content_than_the_budget_and_are_delivered_in_order() {
    let wanted = 50_000;
    let rows = Arc::new(Rows { wanted, ..Rows::default() });
    rows.down.lock().unwrap().insert(1);
    let dispatcher = Dispatcher::start(rows.clone(), 2, Backoff::default(), Arc::new(Whole));
    for id in 1..=50_000 {
        dispatcher.add(vec![(row_job(id), Some(Arc::new(rows.row())))]);
    }
    assert!(dispatcher.answers().await);
    let kept = rows.bytes();
    assert!(kept > CARRIED / 2 && kept <= CARRIED, "{kept} bytes of {}", wanted * ROW);
    dispatcher.go();
    assert_eq!(rows.all_delivered().await, (1..=50_000).collect::<Vec<_>>());
    let most = rows.most_alive.load(Ordering::Relaxed);
    assert!(most <= CARRIED + TRIES * ROW, "{most} bytes");
    let carried = CARRIED / ROW;
    // The first was tried twice.
    assert_eq!(rows.loads.load(Ordering::Relaxed), wanted - carried + 1);
    drop(dispatcher);
    assert_eq!(rows.bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_gone_when_its_turn_comes_holds_up_nothing() {
    let rows = Arc::new(Rows { wanted: 2, gone: HashSet::from([2]), ..Rows::default() });
    let dispatcher = Dispatcher::start(rows.clone(), 2, Backoff::default(), Arc::new(Whole));
    dispatcher.go();
    dispatcher.add((1..=3).map(|id| (row_job(id), None)).collect());
    assert_eq!(rows.all_delivered().await, [1, 3]);
    let figures = dispatcher.figures();
    assert_eq!(figures.waiting.load(Ordering::Relaxed), 0);
    assert_eq!(figures.delivered.load(Ordering::Relaxed), 2);
    assert_eq!(figures.dead.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_at_present_is_read_later_and_does_not_count_as_a_try() {
    let rows = Arc::new(Rows { wanted: 2, unread: Mutex::new(HashSet::from([1])), ..Rows::default() });
    let dispatcher = Dispatcher::start(rows.clone(), 2, Backoff::default(), Arc::new(Whole));
    dispatcher.go();
    let began = Instant::now();
    dispatcher.add((1..=2).map(|id| (row_job(id), None)).collect());
    assert_eq!(rows.all_delivered().await, [1, 2]);
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert_eq!(dispatcher.figures().failed.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_tries_are_under_way_than_the_limit_however_many_endpoints_there_are_and_each_gets_its_turn()
{
    let endpoints = 1_000;
    let gate = Some(tokio::sync::Semaphore::new(0));
    let rows = Arc::new(Rows { wanted: 2 * endpoints, gate, ..Rows::default() });
    let dispatcher = Dispatcher::start(rows.clone(), 16, Backoff::default(), Arc::new(Whole));
    let to = |at: usize, id: usize| Job { endpoint: format!("http://{at}").into(), ..row_job(id as i64) };
    // Two threads each, so that an endpoint could have both under way.
    let first = (0..endpoints).map(|at| (to(at, at), None));
    let second = (0..endpoints).map(|at| (Job { thread: Some("b".into()), ..to(at, at + endpoints) }, None));
    dispatcher.add(first.chain(second).collect());
    dispatcher.go();
    while rows.tries.load(Ordering::Relaxed) < TRIES {
        tokio::task::yield_now().await;
    }
    // Anything more that it starts, it has started by now.
    assert!(dispatcher.answers().await);
    tokio::task::yield_now().await;
    rows.gate.as_ref().unwrap().add_permits(2 * endpoints);
    let delivered = rows.all_delivered().await;
    assert_eq!(rows.most_tries.load(Ordering::Relaxed), TRIES);
    let firsts: HashSet<i64> = delivered[..endpoints].iter().copied().collect();
    assert!((0..endpoints as i64).all(|id| firsts.contains(&id)), "one try each before anybody's second");
}

#[tokio::test(start_paused = true)]
async fn contents_under_way_take_no_more_than_the_limit_but_one_always_goes() {
    let gate = Some(tokio::sync::Semaphore::new(0));
    let rows = Arc::new(Rows { wanted: 4, gate, ..Rows::default() });
    let dispatcher = Dispatcher::start(rows.clone(), 16, Backoff::default(), Arc::new(Whole));
    dispatcher.go();
    let heavy = |id| (Job { weight: UNDER_WAY + 1, ..job(id, &format!("lane {id}"), None) }, None);
    dispatcher.add((1..=3).map(heavy).collect());
    dispatcher.add(vec![(job(4, "light", None), None)]);
    rows.gate.as_ref().unwrap().add_permits(4);
    assert_eq!(rows.all_delivered().await, [1, 2, 3, 4]);
    assert_eq!(rows.most_tries.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_goes_on_later_keeps_its_lane_waiting_and_no_other_and_counts_its_tries_anew() {
    let later = Outcome::Later(Instant::now() + Duration::from_secs(5));
    let mut stage =
        Stage::new(2, &[(1, &[Outcome::Failed("no".into()), later, Outcome::Failed("no".into())])]);
    stage.add(vec![job(1, "c", None), job(2, "c", None), job(3, "d", None)]);
    let mut lines = stage.lines(4).await;
    lines.sort();
    assert_eq!(lines, ["1 at 0", "1 at 1", "3 at 0", "3 delivered"]);
    // Two tries would have been the end of it.
    assert_eq!(stage.lines(5).await, ["1 at 5", "1 at 6", "1 delivered", "2 at 6", "2 delivered"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_hurried_waits_no_longer_whatever_it_waited_for() {
    let later = Outcome::Later(Instant::now() + Duration::from_secs(50));
    let mut stage = Stage::new(9, &[(1, &[later]), (2, &[Outcome::Failed("no".into())])]);
    stage.add(vec![job(1, "c", None), job(2, "d", None)]);
    let mut lines = stage.lines(2).await;
    lines.sort();
    assert_eq!(lines, ["1 at 0", "2 at 0"]);
    assert!(stage.dispatcher.answers().await);
    [1, 2, 9].into_iter().for_each(|id| stage.dispatcher.hurry(id));
    let mut lines = stage.lines(4).await;
    lines.sort();
    assert_eq!(lines, ["1 at 0", "1 delivered", "2 at 0", "2 delivered"]);
}
