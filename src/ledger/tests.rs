use chancery_agent::ports::store::NewItem;
use chancery_agent::ports::{Clock, Timestamp};
use serde_json::json;

use super::*;
use crate::store::{CreateMode, KeyMethod, OpenOptions, Place, SqliteStore};
use crate::wiring::FACETS;
use crate::world::{SystemClock, SystemEntropy};

const BOUNDS: Bounds = Bounds { rows: Some(5), bytes: Some(10_000) };

fn of(party: &str) -> Owner {
    Owner { party: party.to_owned(), stranger: false, our_thread: None }
}

fn on_our_thread(party: &str, thread: &str) -> Owner {
    Owner { our_thread: Some(thread.to_owned()), ..of(party) }
}

fn stranger(key: &str) -> Owner {
    Owner { stranger: true, ..of(key) }
}

fn sized(owner: Option<&Owner>, queue: Queue, bytes: usize) -> Op {
    let mut value = json!({"owner": owner}).to_string().into_bytes();
    value.resize(value.len().max(bytes), b' ');
    let (lane, due) = ("lane".to_owned(), Timestamp(0));
    Op::Enqueue(NewItem { queue, lane, due, value, owner: owner.cloned() })
}

fn message(owner: &Owner) -> Op {
    sized(Some(owner), Queue::Outbound, 1)
}

fn work(owner: &Owner) -> Op {
    sized(Some(owner), Queue::Work, 1)
}

/// A book, and the numbers that rows get.
#[derive(Default)]
struct Desk {
    book: Book,
    last: Seq,
}

impl Desk {
    fn enter(&mut self, ops: &[Op]) -> Result<Entered, String> {
        self.book.enter(&Tenant::new("t"), ops, BOUNDS)
    }

    /// Writes a commit; the numbers of its rows, or `None` when it is refused.
    fn write(&mut self, ops: &[Op]) -> Option<Vec<Seq>> {
        let entered = self.enter(ops).ok()?;
        let numbers: Vec<Seq> = entered.rows.iter().zip(self.last + 1..).map(|(_, seq)| seq).collect();
        self.last += numbers.len() as Seq;
        self.book.settle(entered, &numbers);
        Some(numbers)
    }

    /// How many commits of one such change each are written until one is refused, of at most 100.
    fn until_full(&mut self, op: &Op) -> usize {
        (0..100).take_while(|_| self.write(std::slice::from_ref(op)).is_some()).count()
    }
}

#[test]
fn a_partys_rows_are_bounded_and_anothers_and_the_controllers_are_not_refused_for_them() {
    let mut desk = Desk::default();
    assert_eq!(desk.until_full(&message(&of("a"))), 5);
    assert!(desk.write(&[work(&of("a"))]).is_none(), "queued work counts as well");
    assert!(desk.write(&[]).is_some(), "what causes nothing goes on");
    assert_eq!(desk.until_full(&sized(None, Queue::Outbound, 9_000)), 100, "the controller's calls");
    assert_eq!(desk.until_full(&message(&of("b"))), 5);
    let other = desk.book.enter(&Tenant::new("other"), &[message(&of("a"))], BOUNDS);
    assert!(other.is_ok(), "a tenant's accounts are its own");
}

#[test]
fn a_partys_bytes_are_bounded_but_who_makes_nothing_wait_is_served() {
    let mut desk = Desk::default();
    let large = sized(Some(&of("a")), Queue::Outbound, 4_000);
    assert_eq!(desk.until_full(&large), 2);
    let larger = sized(Some(&of("b")), Queue::Outbound, 20_000);
    assert_eq!(desk.until_full(&larger), 1);
}

#[test]
fn what_leaves_the_queue_in_whatever_way_makes_room() {
    let dead = |seq| Op::Requeue { seq, queue: Queue::Dead, due: Timestamp(0), attempts: 1 };
    let later = |seq| Op::Requeue { seq, queue: Queue::Outbound, due: Timestamp(0), attempts: 1 };
    let mut desk = Desk::default();
    let first = desk.write(&[message(&of("a"))]).unwrap()[0];
    assert_eq!(desk.until_full(&message(&of("a"))), 4);
    desk.write(&[later(first)]).unwrap();
    assert_eq!(desk.until_full(&message(&of("a"))), 0, "what is tried again waits on");
    desk.write(&[dead(first)]).unwrap();
    assert_eq!(desk.until_full(&message(&of("a"))), 1);
    desk.write(&[Op::Dequeue(2)]).unwrap();
    desk.write(&[Op::Dequeue(2)]).unwrap();
    assert_eq!(desk.until_full(&message(&of("a"))), 1, "it goes once");
    (1..=desk.last).for_each(|seq| desk.book.remove(seq));
    assert!(desk.book.rows.is_empty() && desk.book.balances.is_empty() && desk.book.free.is_empty());
}

#[test]
fn of_two_messages_at_once_only_those_that_fit_together_are_taken_and_one_that_fails_takes_nothing() {
    let mut desk = Desk::default();
    let two = [message(&of("a")), message(&of("a"))];
    desk.write(&two).unwrap();
    let under_way = desk.enter(&two).unwrap();
    assert!(desk.enter(&two).is_err(), "the first is not written yet, but counts");
    desk.book.undo(under_way);
    assert_eq!(desk.until_full(&message(&of("a"))), 3);
}

#[test]
fn fresh_keys_share_one_account_and_parties_with_a_connection_are_not_held_up() {
    let mut desk = Desk::default();
    let taken = (0..20).filter(|n| desk.write(&[message(&stranger(&format!("key{n}")))]).is_some()).count();
    assert_eq!(taken, 5);
    assert_eq!(desk.until_full(&message(&of("connection"))), 5);
    assert!(desk.write(&[message(&Owner { our_thread: Some("t".into()), ..stranger("late") })]).is_some());
}

#[test]
fn what_strangers_cause_makes_room_for_others_once_it_takes_more_than_half_and_nobody_elses_does() {
    let mut desk = Desk::default();
    let yields = |desk: &Desk, seq| desk.book.yields(seq, BOUNDS);
    let write = |desk: &mut Desk, op: Op| desk.write(&[op]).unwrap()[0];
    let first = write(&mut desk, message(&stranger("key0")));
    let known = write(&mut desk, message(&of("connection")));
    let ours = write(&mut desk, message(&Owner { our_thread: Some("t".into()), ..stranger("key1") }));
    write(&mut desk, work(&stranger("key2")));
    assert!(!yields(&desk, first), "two of five");
    let third = write(&mut desk, message(&stranger("key3")));
    assert!(yields(&desk, first) && yields(&desk, third), "three of five");
    assert!(!yields(&desk, known) && !yields(&desk, ours) && !yields(&desk, 100));
    desk.write(&[Op::Dequeue(first)]).unwrap();
    assert!(!yields(&desk, first) && !yields(&desk, third), "there is room again");
    let large = write(&mut desk, sized(Some(&stranger("key4")), Queue::Outbound, 5_000));
    assert!(yields(&desk, large), "more than half of the bytes");
    let mut desk = Desk::default();
    let alone = write(&mut desk, sized(Some(&stranger("key5")), Queue::Outbound, 20_000));
    assert!(!yields(&desk, alone), "it makes nothing else wait");
}

/// Two agents that are both full wait for each other unless each takes the answers to what it began.
#[test]
fn what_a_thread_of_ours_causes_goes_on_when_its_party_is_full_four_rows_at_a_time() {
    let mut desk = Desk::default();
    desk.until_full(&message(&of("a")));
    assert_eq!(desk.until_full(&message(&on_our_thread("a", "one"))), 4, "repeats don't add up");
    assert_eq!(desk.until_full(&work(&on_our_thread("a", "two"))), 4);
    let seq = desk.last;
    desk.write(&[Op::Dequeue(seq)]).unwrap();
    assert_eq!(desk.until_full(&message(&on_our_thread("a", "two"))), 1);
    assert_eq!(desk.until_full(&message(&of("a"))), 0, "what is free makes no room for what is counted");
}

/// If a step of work had to wait for other work of the same party, no step of a party that is full with work could go on.
#[test]
fn work_of_a_party_that_is_full_with_work_goes_on_and_waits_only_for_messages_to_be_delivered() {
    let mut desk = Desk::default();
    assert_eq!(desk.until_full(&work(&of("a"))), 5);
    let step = |seq| [message(&of("a")), message(&of("a")), Op::Dequeue(seq)];
    assert!(desk.write(&[message(&of("a"))]).is_none());
    assert!(desk.write(&step(1)).is_some());
    assert!(desk.write(&step(2)).is_some());
    assert!(desk.write(&step(3)).is_none(), "six messages would wait");
    assert!(desk.book.rows.contains_key(&3), "the work stays");
    desk.write(&[Op::Dequeue(6)]).unwrap();
    assert!(desk.write(&step(3)).is_some());
}

async fn store() -> (Arc<dyn Store>, Tenant) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let options = OpenOptions {
        place: Place::Memory,
        key: Default::default(),
        method: KeyMethod::None,
        rekey: None,
        create: CreateMode::IfMissing,
        profile: None,
        clock,
        entropy: Arc::new(SystemEntropy),
        facets: FACETS,
    };
    let store = SqliteStore::open(options).await.unwrap();
    let tenant = store.tenants().await.unwrap().remove(0);
    (Arc::new(store), tenant)
}

async fn write(ledger: &Ledger, tenant: &Tenant, op: Op) -> Result<Committed, CommitError> {
    ledger.commit(tenant, Commit { guards: Vec::new(), ops: vec![op] }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_counts_what_waits() {
    let (store, tenant) = store().await;
    let ledger = Ledger::open(store.clone(), BOUNDS).await.unwrap();
    let first = write(&ledger, &tenant, message(&of("a"))).await.unwrap().items[0];
    for op in [work(&of("a")), message(&of("a")), sized(None, Queue::Outbound, 1)] {
        write(&ledger, &tenant, op).await.unwrap();
    }
    for _ in 0..4 {
        write(&ledger, &tenant, message(&on_our_thread("a", "ours"))).await.unwrap();
    }
    let ledger = Ledger::open(store.clone(), BOUNDS).await.unwrap();
    for _ in 0..2 {
        write(&ledger, &tenant, message(&on_our_thread("a", "ours"))).await.unwrap();
    }
    let refused = write(&ledger, &tenant, message(&of("a"))).await.unwrap_err();
    assert!(
        matches!(&refused, CommitError::Full(text) if text.contains("--max-rows-per-connection")),
        "{refused}"
    );
    ledger.lazily(&tenant, vec![Op::Dequeue(first)]);
    write(&ledger, &tenant, message(&of("a"))).await.unwrap();
    ledger.close().await;
}

/// A sender can end its request at any moment; what its message has written is counted all the same.
#[tokio::test]
async fn who_hangs_up_during_a_commit_is_counted_for_it() {
    let (store, tenant) = store().await;
    let ledger = Ledger::open(store.clone(), BOUNDS).await.unwrap();
    let commit = write(&ledger, &tenant, message(&of("a")));
    // Polled once, then dropped.
    assert!(futures_util::FutureExt::now_or_never(commit).is_none());
    for _ in 0..4 {
        write(&ledger, &tenant, message(&of("a"))).await.unwrap();
    }
    assert_eq!(store.depth(Queue::Outbound).await.unwrap(), 5);
    assert!(write(&ledger, &tenant, message(&of("a"))).await.is_err());
    let first = store.items(Queue::Outbound, 0, 1).await.unwrap()[0].seq;
    ledger.lazily(&tenant, vec![Op::Dequeue(first)]);
    write(&ledger, &tenant, message(&of("a"))).await.unwrap();
    ledger.close().await;
}
