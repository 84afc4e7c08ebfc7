mod rows;

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use chancery_agent::ports::{Tenant, Timestamp};

use super::*;

/// Answers as scripted per job, remembers what was tried and when.
struct Script {
    answers: Mutex<HashMap<i64, VecDeque<Outcome>>>,
    log: mpsc::UnboundedSender<String>,
    began: Instant,
    held_back: Mutex<HashMap<i64, tokio::sync::oneshot::Receiver<()>>>,
    /// Jobs whose answer has come: when asked too early, they are delivered.
    answered: Mutex<HashSet<i64>>,
    most_tries: u32,
    /// What is for an endpoint that is down is given up at once.
    is_crowded: AtomicBool,
}

#[async_trait]
impl Courier for Script {
    type Content = ();

    async fn load(&self, _: &Job) -> Result<Option<()>, String> {
        Ok(Some(()))
    }

    async fn deliver(&self, job: &Job, _: &()) -> Outcome {
        let _ = self.log.send(format!("{} at {}", job.id, self.began.elapsed().as_secs()));
        let gate = self.held_back.lock().unwrap().remove(&job.id);
        if let Some(gate) = gate {
            let _ = gate.await;
        }
        if job.not_before.is_some_and(|at| at > Instant::now())
            && !self.answered.lock().unwrap().contains(&job.id)
        {
            return Outcome::Early;
        }
        let next = self.answers.lock().unwrap().get_mut(&job.id).and_then(VecDeque::pop_front);
        next.unwrap_or(Outcome::Delivered)
    }

    fn gives_up(&self, _: &Job, attempts: u32, endpoint_down: bool) -> bool {
        attempts >= self.most_tries || (endpoint_down && self.is_crowded.load(Ordering::Relaxed))
    }

    fn settled(&self, job: &Job, _: &(), settled: Settled) {
        let word = match settled {
            Settled::Delivered => "delivered",
            Settled::Again { .. } => return,
            Settled::Held => "held",
        };
        let _ = self.log.send(format!("{} {word}", job.id));
    }

    fn given_up(&self, job: &Job, _: u32, _: String) {
        let _ = self.log.send(format!("{} dead", job.id));
    }
}

/// Pauses without jitter: the whole of them.
struct Whole;
impl Entropy for Whole {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(255);
    }
}

struct Stage {
    script: Arc<Script>,
    dispatcher: Dispatcher<()>,
    log: mpsc::UnboundedReceiver<String>,
}

impl Stage {
    fn new(most_tries: u32, answers: &[(i64, &[Outcome])]) -> Self {
        let (sender, log) = mpsc::unbounded_channel();
        let answers = answers.iter().map(|(id, list)| (*id, list.iter().map(again).collect())).collect();
        let script = Arc::new(Script {
            answers: Mutex::new(answers),
            log: sender,
            began: Instant::now(),
            held_back: Mutex::default(),
            answered: Mutex::default(),
            most_tries,
            is_crowded: AtomicBool::default(),
        });
        let dispatcher = Dispatcher::start(script.clone(), 2, Backoff::default(), Arc::new(Whole));
        dispatcher.go();
        Self { script, dispatcher, log }
    }

    fn add(&self, jobs: Vec<Job>) {
        self.dispatcher.add(jobs.into_iter().map(|job| (job, Some(Arc::new(())))).collect());
    }

    fn hold_back(&self, id: i64) -> tokio::sync::oneshot::Sender<()> {
        let (go, gate) = tokio::sync::oneshot::channel();
        self.script.held_back.lock().unwrap().insert(id, gate);
        go
    }

    async fn lines(&mut self, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for _ in 0..count {
            lines.push(self.log.recv().await.unwrap());
        }
        lines
    }
}

fn again(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Delivered => Outcome::Delivered,
        Outcome::EndpointDown(r) => Outcome::EndpointDown(r.clone()),
        Outcome::NoPlace(r) => Outcome::NoPlace(r.clone()),
        Outcome::Failed(r) => Outcome::Failed(r.clone()),
        Outcome::Hopeless(r) => Outcome::Hopeless(r.clone()),
        Outcome::Held => Outcome::Held,
        Outcome::Early => Outcome::Early,
        Outcome::Later(at) => Outcome::Later(*at),
    }
}

fn job(id: i64, lane: &str, thread: Option<&str>) -> Job {
    Job {
        id,
        tenant: Tenant::new("t"),
        endpoint: "http://peer".into(),
        lane: lane.into(),
        thread: thread.map(Into::into),
        since: Since::new(Timestamp(0), Timestamp(0)),
        attempts: 0,
        left_over: false,
        not_before: None,
        weight: 0,
    }
}

fn down() -> Outcome {
    Outcome::EndpointDown("down".into())
}

/// What comes to an endpoint that is down would wait as long as what is there already, however full it is.
#[tokio::test(start_paused = true)]
async fn what_comes_to_an_endpoint_that_is_down_is_given_up_at_once_if_it_would_be_after_a_try() {
    let mut stage = Stage::new(9, &[(1, &[down()])]);
    stage.add(vec![job(1, "c", None)]);
    assert_eq!(stage.lines(1).await, ["1 at 0"]);
    while stage.dispatcher.figures().failed.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    stage.add(vec![job(2, "d", None)]);
    assert!(stage.dispatcher.answers().await);
    stage.script.is_crowded.store(true, Ordering::Relaxed);
    stage.add(vec![job(3, "e", None)]);
    assert_eq!(stage.lines(1).await, ["3 dead"]);
    assert_eq!(stage.lines(4).await, ["1 at 1", "1 delivered", "2 at 1", "2 delivered"]);
    assert_eq!(stage.dispatcher.figures().waiting.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_is_tried_again_and_its_endpoint_is_not_taken_to_be_down() {
    let no_place = || Outcome::NoPlace("full".into());
    let mut stage = Stage::new(9, &[(1, &[no_place(), no_place()])]);
    stage.script.is_crowded.store(true, Ordering::Relaxed);
    stage.add(vec![job(1, "c", None)]);
    assert_eq!(stage.lines(1).await, ["1 at 0"]);
    stage.add(vec![job(2, "d", None)]);
    assert_eq!(stage.lines(4).await, ["2 at 0", "2 delivered", "1 at 1", "1 at 3"]);
    assert_eq!(stage.lines(1).await, ["1 delivered"]);
}

#[tokio::test(start_paused = true)]
async fn a_thread_keeps_its_order_while_others_overtake() {
    let mut stage = Stage::new(9, &[]);
    let go = stage.hold_back(1);
    stage.add(vec![job(1, "c", Some("a")), job(2, "c", Some("a")), job(3, "c", Some("b"))]);
    assert_eq!(stage.lines(3).await, ["1 at 0", "3 at 0", "3 delivered"]);
    go.send(()).unwrap();
    assert_eq!(stage.lines(3).await, ["1 delivered", "2 at 0", "2 delivered"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_without_a_thread_is_a_barrier() {
    let mut stage = Stage::new(9, &[]);
    let go = stage.hold_back(1);
    let barrier = stage.hold_back(2);
    stage.add(vec![job(1, "c", Some("a")), job(2, "c", None), job(3, "c", Some("b")), job(4, "d", None)]);
    assert_eq!(stage.lines(3).await, ["1 at 0", "4 at 0", "4 delivered"]);
    go.send(()).unwrap();
    assert_eq!(stage.lines(2).await, ["1 delivered", "2 at 0"]);
    barrier.send(()).unwrap();
    assert_eq!(stage.lines(3).await, ["2 delivered", "3 at 0", "3 delivered"]);
}

#[tokio::test(start_paused = true)]
async fn one_job_probes_an_endpoint_that_is_down_and_the_others_wait() {
    let mut stage = Stage::new(99, &[(1, &[down(), down(), down()])]);
    stage.add(vec![job(1, "c", Some("a"))]);
    assert_eq!(stage.lines(1).await, ["1 at 0"]);
    tokio::task::yield_now().await;
    stage.add(vec![job(2, "c", Some("b")), job(3, "d", Some("c"))]);
    // Pauses of 1, 2 and 4 seconds; whoever is next probes.
    let lines = stage.lines(7).await;
    let tries: Vec<&String> = lines.iter().filter(|l| l.contains(" at ")).collect();
    assert!(tries[0].ends_with("at 1"), "{lines:?}");
    assert!(
        lines.iter().filter(|l| l.ends_with("at 0")).count() == 0,
        "nobody goes while it is down: {lines:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn tries_that_fail_together_are_one_failure_of_the_endpoint() {
    let mut stage = Stage::new(99, &[(1, &[down()]), (2, &[down()])]);
    stage.add(vec![job(1, "c", Some("a")), job(2, "c", Some("b"))]);
    let mut lines = stage.lines(6).await;
    assert_eq!(lines.drain(..2).collect::<Vec<_>>(), ["1 at 0", "2 at 0"]);
    assert!(lines.iter().all(|l| l.ends_with("at 1") || l.ends_with("delivered")), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_waits_alone() {
    let mut stage = Stage::new(9, &[(1, &[Outcome::Failed("no".into())])]);
    stage.add(vec![job(1, "c", None), job(2, "d", None)]);
    let lines = stage.lines(5).await;
    assert_eq!(lines[..3], ["1 at 0", "2 at 0", "2 delivered"]);
    assert_eq!(lines[3..], ["1 at 1", "1 delivered"]);
}

#[tokio::test(start_paused = true)]
async fn what_never_works_is_given_up_and_the_next_goes_on() {
    let refused = || Outcome::Failed("no".into());
    let mut stage = Stage::new(2, &[(1, &[refused(), refused()]), (2, &[Outcome::Hopeless("gone".into())])]);
    stage.add(vec![job(1, "c", None), job(2, "c", None), job(3, "c", None)]);
    assert_eq!(
        stage.lines(7).await,
        ["1 at 0", "1 at 1", "1 dead", "2 at 1", "2 dead", "3 at 1", "3 delivered"]
    );
    assert_eq!(stage.dispatcher.figures().waiting.load(Ordering::Relaxed), 0);
    assert_eq!(stage.dispatcher.figures().dead.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn at_most_so_many_at_once() {
    let mut stage = Stage::new(9, &[]);
    let first = stage.hold_back(1);
    let _second = stage.hold_back(2);
    let jobs = (1..=3).map(|id| job(id, &format!("lane {id}"), None)).collect();
    stage.add(jobs);
    assert_eq!(stage.lines(2).await, ["1 at 0", "2 at 0"]);
    first.send(()).unwrap();
    assert_eq!(stage.lines(3).await, ["1 delivered", "3 at 0", "3 delivered"]);
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_what_is_under_way_and_starts_nothing() {
    let mut stage = Stage::new(9, &[]);
    let go = stage.hold_back(1);
    stage.add(vec![job(1, "c", None), job(2, "c", None)]);
    assert_eq!(stage.lines(1).await, ["1 at 0"]);
    let dispatcher = stage.dispatcher.clone();
    let drained = tokio::join!(dispatcher.drain(), async { go.send(()).unwrap() });
    assert_eq!(drained, ((), ()));
    assert_eq!(stage.lines(1).await, ["1 delivered"]);
    assert!(stage.log.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_waits_can_be_looked_at() {
    let mut stage = Stage::new(99, &[(1, &[down(), down()]), (3, &[Outcome::Failed("no".into())])]);
    let began = Instant::now();
    stage.add(vec![job(1, "c", None), job(2, "c", None)]);
    let other = Job { endpoint: "http://other".into(), ..job(3, "o", None) };
    stage.add(vec![other]);
    stage.lines(2).await;
    let seconds = |at: Instant| (at - began).as_secs();
    // In between the second try and the third, two seconds later.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let found = stage.dispatcher.look(vec![1, 2, 3, 4]).await;
    assert_eq!(found.len(), 2, "3 was delivered at its second try");
    let first = &found[&1];
    let failure = first.failure.as_ref().unwrap();
    assert_eq!((failure.reason.as_str(), seconds(failure.at), first.in_flight), ("down", 1, false));
    assert_eq!(first.not_before.map(seconds), Some(3));
    let endpoint = first.endpoint.as_ref().unwrap();
    assert_eq!((endpoint.failures, seconds(endpoint.since), seconds(endpoint.last.at)), (2, 0, 1));
    let second = &found[&2];
    assert!(
        second.failure.is_none() && second.endpoint.is_some() && second.not_before.map(seconds) == Some(3)
    );
    stage.lines(6).await;
    assert!(stage.dispatcher.look(vec![1, 2, 3]).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_waited_too_long_behind_a_probe_is_given_up_with_it() {
    let downs: Vec<Outcome> = (0..9).map(|_| down()).collect();
    let mut stage = Stage::new(3, &[(1, &downs), (3, &downs)]);
    let tried = Job { attempts: 3, ..job(2, "c", None) };
    stage.add(vec![job(1, "c", None), tried, job(3, "c", None)]);
    assert_eq!(stage.lines(2).await, ["1 at 0", "2 dead"], "though it is not its turn");
    assert_eq!(stage.dispatcher.figures().waiting.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_before_all_that_was_left_is_there() {
    let (sender, mut log) = mpsc::unbounded_channel();
    let script = Script {
        answers: Mutex::default(),
        log: sender,
        began: Instant::now(),
        held_back: Mutex::default(),
        answered: Mutex::default(),
        most_tries: 9,
        is_crowded: AtomicBool::default(),
    };
    let dispatcher = Dispatcher::start(Arc::new(script), 2, Backoff::default(), Arc::new(Whole));
    let other = Job { endpoint: "http://other".into(), ..job(2, "c", None) };
    dispatcher.add(vec![(job(1, "c", None), None), (other, None)]);
    assert!(dispatcher.answers().await);
    assert!(log.try_recv().is_err());
    dispatcher.go();
    let mut lines = vec![log.recv().await.unwrap(), log.recv().await.unwrap()];
    lines.sort();
    assert_eq!(lines, ["1 at 0", "2 at 0"]);
}

/// A job that is held back for five seconds.
fn early(id: i64, lane: &str, thread: Option<&str>) -> Job {
    Job { not_before: Some(Instant::now() + Duration::from_secs(5)), ..job(id, lane, thread) }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_held_back_goes_when_its_time_has_come_and_other_lanes_and_threads_go_at_once() {
    let mut stage = Stage::new(9, &[]);
    stage.add(vec![early(1, "c", Some("a")), job(2, "c", Some("b")), job(3, "d", None)]);
    let mut lines = stage.lines(4).await;
    lines.sort();
    assert_eq!(lines, ["2 at 0", "2 delivered", "3 at 0", "3 delivered"]);
    assert_eq!(
        stage.dispatcher.look(vec![1]).await[&1].not_before,
        Some(stage.script.began + Duration::from_secs(5))
    );
    assert_eq!(stage.lines(2).await, ["1 at 5", "1 delivered"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_a_job_that_is_held_back_waits_with_it() {
    for (first, second) in [(Some("a"), Some("a")), (None, Some("a")), (Some("a"), None), (None, None)] {
        let mut stage = Stage::new(9, &[]);
        stage.add(vec![early(1, "c", first), job(2, "c", second)]);
        // It is asked, and says that it is early: that is no failure, of it or of its endpoint.
        assert_eq!(stage.lines(1).await, ["1 at 0"]);
        stage.add(vec![job(3, "d", None)]);
        assert_eq!(stage.lines(2).await, ["3 at 0", "3 delivered"]);
        assert_eq!(
            stage.lines(4).await,
            ["1 at 5", "1 delivered", "2 at 5", "2 delivered"],
            "{first:?} {second:?}"
        );
        assert_eq!(stage.dispatcher.figures().failed.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_turns_out_to_be_answered_holds_up_nothing() {
    let mut stage = Stage::new(9, &[]);
    stage.add(vec![early(1, "c", Some("a")), early(2, "c", Some("b"))]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.script.answered.lock().unwrap().insert(1);
    stage.add(vec![job(3, "c", Some("a"))]);
    assert_eq!(stage.lines(4).await, ["1 at 1", "1 delivered", "3 at 1", "3 delivered"]);
    assert_eq!(stage.lines(2).await, ["2 at 5", "2 delivered"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_job_is_asked_has_it_asked_again() {
    let mut stage = Stage::new(9, &[]);
    let go = stage.hold_back(1);
    stage.add(vec![early(1, "c", Some("a")), job(2, "c", Some("a"))]);
    assert_eq!(stage.lines(1).await, ["1 at 0"]);
    stage.add(vec![job(3, "c", Some("a"))]);
    assert!(stage.dispatcher.answers().await);
    go.send(()).unwrap();
    assert_eq!(
        stage.lines(1).await,
        ["1 at 0"],
        "the look may have been before the answer that 3 comes from"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_answered_or_due_after_the_pause_is_tried_like_any_other() {
    let mut stage = Stage::new(9, &[(1, &[down(), Outcome::Failed("no".into())])]);
    stage.add(vec![early(1, "c", None)]);
    assert_eq!(stage.lines(4).await, ["1 at 5", "1 at 6", "1 at 8", "1 delivered"]);
}
