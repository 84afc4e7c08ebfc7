use std::collections::HashMap;

use super::*;
use crate::delivery::{DeadLetter, GivenUp, dead_letters, discard, give_up};
use crate::engine::Registration;
use crate::ports::operations::Failure;
use crate::ports::{Store as _, Timestamp};
use crate::testing::{Party, World, now};
use crate::unit::Kind;

/// Has tried whatever waits.
struct Worker;

#[async_trait::async_trait]
impl Deliveries for Worker {
    async fn standings(&self, queue: Queue, rows: &[Seq]) -> HashMap<Seq, Standing> {
        assert_eq!(queue, Queue::Work);
        let failure = Some(Failure { reason: "refused".into(), at: Timestamp(0) });
        rows.iter().map(|seq| (*seq, Standing { failure: failure.clone(), ..Standing::default() })).collect()
    }
}

fn registrations() -> Vec<Registration> {
    Vec::new()
}

/// Two errands, two jobs of which one has failed, and one that is done.
struct Scene {
    world: World,
    errand: Seq,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { world: World::new(&["agent"], registrations), errand: 0 };
        let (agent, tenant) = (&scene.party().agent, &scene.party().tenant);
        now(async {
            transact!(agent, tenant, |unit| async {
                for (name, job) in
                    [("go on", None), ("look", Some("a")), ("look", Some("b")), ("go on", None)]
                {
                    let work = json!({"protocol": name, "detail": {}, "job": job, "lane": job});
                    unit.take_up(serde_json::from_value(work).unwrap()).await?;
                }
                let over = JobRecord::new("c", "look", unit.now());
                unit.insert(&over)?;
                unit.end_job(&over, &json!("seen"));
                Ok::<_, AgentError>(())
            }
            .await)
        })
        .unwrap();
        let rows = now(agent.store().items(Queue::Work, 0, 9)).unwrap();
        let letter = Letter {
            content: Content::Work(serde_json::from_slice(&rows[1].value).unwrap()),
            endpoint: None,
            reason: "never".into(),
            attempts: 4,
            since: rows[1].created,
        };
        now(give_up(agent, tenant, GivenUp { letter, row: Some(rows[1].seq) })).unwrap();
        Self { errand: rows[0].seq, ..scene }
    }

    fn party(&self) -> &Party {
        self.world.party("agent")
    }

    fn list(&self, which: Value) -> Vec<String> {
        let which = serde_json::from_value(which).unwrap();
        let found = now(jobs(&self.party().agent, &self.party().tenant, &Worker, which)).unwrap();
        let all = found["results"].as_array().unwrap();
        let line = |job: &Value| {
            let id = job["job_id"].as_str().unwrap();
            let id = if id == self.errand.to_string() { "errand" } else { id };
            let id = if id.parse::<Seq>().is_ok() { "other errand" } else { id };
            format!("{id} {} {}", job["name"].as_str().unwrap(), job["state"].as_str().unwrap())
        };
        all.iter().map(line).collect()
    }

    fn get(&self, id: &str) -> Result<Value, AgentError> {
        let id = JobId { job_id: id.to_owned() };
        now(job(&self.party().agent, &self.party().tenant, &Worker, id))
    }

    fn retry(&self, id: &str) -> Result<Value, AgentError> {
        let id = JobId { job_id: id.to_owned() };
        now(retry_job(&self.party().agent, &self.party().tenant, id))
    }

    fn letters(&self) -> usize {
        let found = now(dead_letters(&self.party().agent, &self.party().tenant, Default::default())).unwrap();
        found["results"].as_array().unwrap().len()
    }
}

#[test]
fn everything_is_listed_what_waits_first_then_what_failed_then_what_is_done() {
    let scene = Scene::new();
    let all = [
        "errand go on waiting",
        "b look waiting",
        "other errand go on waiting",
        "a look failed",
        "c look done",
    ];
    assert_eq!(scene.list(json!({})), all);
    for offset in 0..6 {
        for limit in 1..6 {
            let page: Vec<_> = all.iter().skip(offset).take(limit).copied().collect();
            assert_eq!(scene.list(json!({"offset": offset, "limit": limit})), page, "{offset} {limit}");
        }
    }
    assert_eq!(scene.list(json!({"name": "look"})), [all[1], all[3], all[4]]);
    assert_eq!(scene.list(json!({"name": "look", "offset": 1, "limit": 1})), [all[3]]);
    assert_eq!(scene.list(json!({"state": "waiting"})), all[..3]);
    assert_eq!(scene.list(json!({"state": "failed"})), [all[3]]);
    assert_eq!(scene.list(json!({"state": "done", "name": "go on"})), [""; 0]);
    assert_eq!(scene.list(json!({"state": "calling"})), [""; 0]);
}

#[test]
fn a_job_says_how_it_stands_wherever_it_is_and_never_what_it_is_about() {
    let scene = Scene::new();
    let waiting = scene.get("b").unwrap();
    assert_eq!((&waiting["attempts"], &waiting["last_error"]), (&json!(0), &json!("refused")));
    assert_eq!((&waiting["lane"], &waiting["under_way"]), (&json!("b"), &json!(false)));
    let failed = scene.get("a").unwrap();
    assert_eq!((&failed["attempts"], &failed["last_error"]), (&json!(4), &json!("never")));
    let errand = scene.get(&scene.errand.to_string()).unwrap();
    assert_eq!((&errand["lane"], &errand["updated"]), (&json!("go on"), &Value::Null));
    assert_eq!(scene.get("c").unwrap()["answer"], "seen");
    for job in [waiting, failed, errand] {
        assert!(job.get("detail").is_none() && job["due"].is_string() == (job["state"] == "waiting"));
    }
    for unknown in ["d", "999", "-1"] {
        let error = scene.get(unknown).unwrap_err();
        assert_eq!((error.kind, scene.retry(unknown).unwrap_err().kind), (Kind::NotFound, Kind::NotFound));
        assert_eq!(error.message, format!("Record not found: chancery_job/{unknown}."));
    }
}

#[test]
fn a_retry_makes_what_waits_due_and_what_failed_wait_again_and_leaves_what_is_done() {
    let scene = Scene::new();
    let store = &scene.party().store;
    let row = now(store.items(Queue::Work, scene.errand, 1)).unwrap().remove(0);
    let op = Op::Requeue { seq: row.seq, queue: Queue::Work, due: Timestamp(i64::MAX), attempts: 3 };
    store.lazily(&scene.party().tenant, vec![op]);
    assert_eq!(scene.retry("b").unwrap(), json!({}));
    let row = now(store.item(row.seq)).unwrap().unwrap();
    assert_eq!((row.due < scene.party().agent.clock().now(), row.attempts), (true, 3));

    assert_eq!((scene.letters(), scene.retry("a").unwrap()), (1, json!({})));
    assert_eq!((scene.letters(), &scene.get("a").unwrap()["state"]), (0, &json!("waiting")));
    let error = scene.retry("c").unwrap_err();
    assert_eq!((error.kind, error.code), (Kind::BadRequest, "job-done"));
    scene.retry(&scene.errand.to_string()).unwrap();
}

#[test]
fn a_letter_that_is_discarded_takes_its_job_along() {
    let scene = Scene::new();
    let seq = scene.get("a").unwrap()["dead_letter"].as_i64().unwrap();
    now(discard(&scene.party().agent, &scene.party().tenant, DeadLetter { seq })).unwrap();
    assert_eq!(scene.get("a").unwrap_err().kind, Kind::NotFound);
}
