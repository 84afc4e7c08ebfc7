use std::cell::RefCell;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::delivery::{Content, DeadLetter, GivenUp, Letter, give_up, retry};
use crate::engine::Registration;
use crate::ports::store::{Commit, NewItem, Seq, Space};
use crate::ports::{Store as _, Tenant};
use crate::testing::{Party, World, now};
use crate::unit::Kind;

/// What the steps of the job under test say, one after the other, and which of them were taken.
#[derive(Default)]
struct Script {
    plans: VecDeque<Result<Next<u32>, Kind>>,
    calls: VecDeque<Result<u32, Kind>>,
    outcomes: VecDeque<Result<Next<u32>, Kind>>,
    taken: Vec<String>,
}

thread_local! {
    static SCRIPT: RefCell<Script> = RefCell::default();
}

fn say<T>(step: String, words: impl FnOnce(&mut Script) -> Option<Result<T, Kind>>) -> Result<T, AgentError> {
    SCRIPT.with_borrow_mut(|script| {
        script.taken.push(step);
        let said = words(script).expect("a step that the script does not have");
        said.map_err(|kind| match kind {
            Kind::Unavailable => AgentError::unavailable("no"),
            _ => AgentError::bad_request("refused", "no"),
        })
    })
}

fn taken() -> Vec<String> {
    SCRIPT.with_borrow_mut(|script| std::mem::take(&mut script.taken))
}

#[derive(Serialize, Deserialize)]
struct Scripted {
    about: String,
}

#[async_trait]
impl Job for Scripted {
    const NAME: &'static str = "scripted";
    type World = Agent;
    type Intent = u32;
    type Outcome = u32;

    fn key(&self) -> String {
        self.about.clone()
    }

    fn lane(&self) -> String {
        "lane".into()
    }

    async fn plan(&self, _: &Agent, unit: &mut Unit<'_>) -> Result<Next<u32>, AgentError> {
        let next = say("plan".into(), |script| script.plans.pop_front())?;
        write(unit, "plan");
        Ok(next)
    }

    async fn call(&self, _: &Agent, _: &Tenant, intent: &u32) -> Result<u32, AgentError> {
        say(format!("call {intent}"), |script| script.calls.pop_front())
    }

    async fn settle(&self, _: &Agent, unit: &mut Unit<'_>, outcome: &u32) -> Result<Next<u32>, AgentError> {
        let next = say(format!("settle {outcome}"), |script| script.outcomes.pop_front())?;
        write(unit, "settle");
        Ok(next)
    }

    async fn gave_up(&self, unit: &mut Unit<'_>, reason: &str) -> Result<(), AgentError> {
        taken_also(format!("gave up: {reason}"));
        write(unit, "gave up");
        Ok(())
    }
}

fn taken_also(step: String) {
    SCRIPT.with_borrow_mut(|script| script.taken.push(step));
}

/// Shows which steps were committed.
fn write(unit: &mut Unit<'_>, step: &str) {
    unit.remember(Space::Setting, step, vec![1], None);
}

#[derive(Serialize, Deserialize)]
struct Walk;

#[async_trait]
impl Errand for Walk {
    const NAME: &'static str = "walk";
    type World = Agent;

    async fn run(&self, _: &Agent, unit: &mut Unit<'_>) -> Result<(), AgentError> {
        taken_also("walk".into());
        unit.notify("walked", "record", &json!({}));
        Ok(())
    }
}

fn registrations() -> Vec<Registration> {
    vec![Registration { jobs: vec![errand::<Walk>(), job::<Scripted>()], ..Registration::default() }]
}

struct Scene {
    world: World,
    /// The process that runs the job.
    agent: Agent,
}

impl Scene {
    fn new(
        plans: &[Result<Next<u32>, Kind>],
        calls: &[Result<u32, Kind>],
        outcomes: &[Result<Next<u32>, Kind>],
    ) -> Self {
        SCRIPT.set(Script {
            plans: plans.iter().cloned().collect(),
            calls: calls.iter().cloned().collect(),
            outcomes: outcomes.iter().cloned().collect(),
            taken: Vec::new(),
        });
        let world = World::new(&["agent"], registrations);
        let agent = Agent::new(world.party("agent").parts(), registrations());
        Self { world, agent }
    }

    fn party(&self) -> &Party {
        self.world.party("agent")
    }

    /// Another process on the same wallet goes on.
    fn restart(&mut self) {
        self.agent = Agent::new(self.party().parts(), registrations());
    }

    fn ask(&self, about: &str) -> String {
        let job = Scripted { about: about.into() };
        let agent = &self.agent;
        now(async { transact!(agent, &self.party().tenant, |unit| unit.ask(&job).await) }).unwrap()
    }

    fn rows(&self) -> Vec<Item> {
        now(self.party().store.items(Queue::Work, 0, 99)).unwrap()
    }

    fn work(&self) -> Result<Worked, AgentError> {
        now(self.agent.work(&self.rows()[0]))
    }

    fn record(&self) -> Option<Value> {
        let mut records = self.party().store.dump("chancery_job");
        assert!(records.len() < 2);
        records.pop().map(|(_, record)| record)
    }

    fn committed(&self, step: &str) -> bool {
        now(self.party().store.recall(&self.party().tenant, Space::Setting, step)).unwrap().is_some()
    }

    fn answer(&self, id: &str) -> Option<Value> {
        let found = now(self.party().store.recall(&self.party().tenant, Space::Job, id)).unwrap();
        found.map(|value| serde_json::from_slice::<Value>(&value).unwrap()["answer"].clone())
    }

    fn bury(&self, error: &AgentError) -> Seq {
        let item = self.rows().remove(0);
        let letter = Letter {
            content: Content::Work(serde_json::from_slice(&item.value).unwrap()),
            endpoint: None,
            reason: error.message.clone(),
            attempts: 1,
            since: item.created,
        };
        let given_up = GivenUp { letter, row: Some(item.seq) };
        now(give_up(&self.agent, &self.party().tenant, given_up)).unwrap().unwrap()
    }
}

const LATER: Timestamp = Timestamp(i64::MAX);

#[test]
fn each_next_leaves_what_the_table_says_whether_a_plan_or_an_outcome_says_it_and_whoever_runs_it() {
    for outcome in [false, true] {
        for restarted in [false, true] {
            for next in [Next::Call(7), Next::Again(LATER), Next::Done(json!("answer"))] {
                let what = format!("{next:?} outcome: {outcome} restarted: {restarted}");
                let (away, over) = (Kind::Unavailable, Ok(Next::Done(Value::Null)));
                let mut scene = if outcome {
                    // After a `Call` that other call fails, so that it is seen what was left.
                    Scene::new(&[Ok(Next::Call(1))], &[Ok(5), Err(away)], &[Ok(next.clone()), over])
                } else {
                    Scene::new(&[Ok(next.clone())], &[Err(away)], &[over])
                };
                let id = scene.ask("x");
                if restarted {
                    scene.restart();
                }
                let worked = scene.work();
                let record = scene.record();
                assert!(scene.committed(if outcome { "settle" } else { "plan" }), "{what}");
                match next {
                    Next::Call(_) => {
                        assert_eq!(worked.unwrap_err().kind, Kind::Unavailable, "{what}");
                        let record = record.unwrap();
                        assert_eq!((&record["state"], &record["intent"]), (&json!("calling"), &json!(7)));
                    }
                    Next::Again(at) => {
                        assert_eq!(worked.unwrap(), Worked::Again(at), "{what}");
                        let record = record.unwrap();
                        assert_eq!((&record["state"], &record["intent"]), (&json!("waiting"), &Value::Null));
                        let row = scene.rows().remove(0);
                        assert_eq!((row.due, row.attempts), (at, 0), "{what}");
                    }
                    Next::Done(answer) => {
                        assert_eq!(worked.unwrap(), Worked::Done, "{what}");
                        assert_eq!((record, scene.rows().len()), (None, 0), "{what}");
                        assert_eq!(scene.answer(&id), Some(answer), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_call_that_was_under_way_is_made_again_with_its_intent_and_nothing_is_planned_anew() {
    for restarted in [false, true] {
        let away = Err(Kind::Unavailable);
        let mut scene =
            Scene::new(&[Ok(Next::Call(1))], &[away, away, Ok(2)], &[Ok(Next::Done(json!("done")))]);
        let id = scene.ask("x");
        for _ in 0..2 {
            assert!(scene.work().is_err());
            if restarted {
                scene.restart();
            }
        }
        assert_eq!(scene.work().unwrap(), Worked::Done);
        assert_eq!(taken(), ["plan", "call 1", "call 1", "call 1", "settle 2"]);
        assert_eq!(scene.answer(&id), Some(json!("done")));
    }
}

type Said = Result<Next<u32>, Kind>;

/// A step, what plans, calls and outcomes say, and what is done until the job is over.
type Failing = (&'static str, Vec<Said>, Vec<Result<u32, Kind>>, Vec<Said>, &'static [&'static str]);

/// Each step, failing once.
fn failing(kind: Kind) -> [Failing; 3] {
    let (call, done) = (|| Ok(Next::Call(1)), || Ok(Next::Done(Value::Null)));
    [
        ("plan", vec![Err(kind), done()], vec![], vec![], &["plan", "plan"]),
        (
            "call",
            vec![call(), call()],
            vec![Err(kind), Ok(2)],
            vec![done()],
            &["plan", "call 1", "call 1", "settle 2"],
        ),
        (
            "settle",
            vec![call(), call()],
            vec![Ok(2), Ok(3)],
            vec![Err(kind), done()],
            &["plan", "call 1", "settle 2", "call 1", "settle 3"],
        ),
    ]
}

#[test]
fn a_step_whose_fault_may_go_away_is_taken_again_and_the_record_says_why() {
    for restarted in [false, true] {
        for (step, plans, calls, outcomes, all) in failing(Kind::Unavailable) {
            let mut scene = Scene::new(&plans, &calls, &outcomes);
            scene.ask("x");
            assert_eq!(scene.work().unwrap_err().kind, Kind::Unavailable, "{step}");
            assert_eq!(scene.record().unwrap()["last_error"], "no", "{step}");
            assert_eq!(scene.record().unwrap()["row"], scene.rows()[0].seq, "{step}");
            if restarted {
                scene.restart();
            }
            assert_eq!(scene.work().unwrap(), Worked::Done, "{step}");
            assert_eq!(taken(), all);
            assert_eq!((scene.record(), scene.rows().len()), (None, 0), "{step}");
        }
    }
}

#[test]
fn a_step_that_fails_for_good_ends_the_job_in_the_commit_of_its_letter_and_it_can_be_driven_again() {
    for (step, plans, calls, outcomes, all) in failing(Kind::BadRequest) {
        let scene = Scene::new(&plans, &calls, &outcomes);
        let id = scene.ask("x");
        let error = scene.work().unwrap_err();
        assert_eq!(error.kind, Kind::BadRequest, "{step}");
        let before = scene.party().store.commits();
        let letter = scene.bury(&error);
        assert!(scene.committed("gave up"));
        // The other commit tells the controller.
        assert_eq!(scene.party().store.commits(), before + 2);
        assert_eq!((scene.record(), scene.rows().len()), (None, 0), "{step}");
        let told = scene.party().events_of("chancery_dead_letter").remove(0);
        assert_eq!((&told["protocol"], &told["job_id"]), (&json!("scripted"), &json!(id)), "{step}");

        let agent = &scene.agent;
        now(retry(agent, &scene.party().tenant, DeadLetter { seq: letter })).unwrap();
        assert_eq!(scene.work().unwrap(), Worked::Done, "{step}");
        // It began anew.
        let failed = all.iter().position(|taken| taken.starts_with(step)).unwrap();
        let mut steps: Vec<String> = all[..=failed].iter().map(|step| (*step).to_owned()).collect();
        steps.push("gave up: no".into());
        if step != "plan" {
            steps.push("plan".into());
        }
        steps.extend(all[failed + 1..].iter().map(|step| (*step).to_owned()));
        assert_eq!(taken(), steps);
    }
}

#[test]
fn who_asks_twice_meets_the_first_until_that_is_over() {
    let done = || Ok(Next::Done(Value::Null));
    let scene = Scene::new(&[Err(Kind::Unavailable), done(), done()], &[], &[]);
    let id = scene.ask("x");
    assert_eq!((scene.ask("x"), scene.rows().len()), (id.clone(), 1));
    scene.work().unwrap_err();
    assert_eq!((scene.ask("x"), scene.rows().len()), (id.clone(), 1));
    scene.work().unwrap();
    assert_eq!((scene.ask("x"), scene.rows().len()), (id.clone(), 1));
    scene.work().unwrap();
    let another = scene.ask("y");
    assert_ne!(another, id);
}

#[test]
fn a_letter_whose_job_was_asked_for_anew_meets_that() {
    let scene = Scene::new(&[Err(Kind::BadRequest)], &[], &[]);
    scene.ask("x");
    let seq = scene.bury(&scene.work().unwrap_err());
    scene.ask("x");
    now(retry(&scene.agent, &scene.party().tenant, DeadLetter { seq })).unwrap();
    assert_eq!(scene.rows().len(), 1);
}

#[test]
fn of_two_processes_that_run_a_job_or_an_errand_one_goes_on() {
    let scene = Scene::new(&[Ok(Next::Done(json!(1))), Ok(Next::Done(json!(2)))], &[], &[]);
    let id = scene.ask("x");
    let other = Agent::new(scene.party().parts(), registrations());
    let row = scene.rows().remove(0);
    scene.party().store.before_next_commit(move |_| {
        assert_eq!(now(other.work(&row)).unwrap(), Worked::Done);
    });
    assert_eq!(scene.work().unwrap(), Worked::Done);
    // Both had planned; the one whose commit came second found nothing left.
    assert_eq!((taken().len(), scene.answer(&id)), (2, Some(json!(2))));

    let scene = Scene::new(&[], &[], &[]);
    let agent = &scene.agent;
    now(async { transact!(agent, &scene.party().tenant, |unit| unit.later(&Walk)) }).unwrap();
    let other = Agent::new(scene.party().parts(), registrations());
    let row = scene.rows().remove(0);
    scene.party().store.before_next_commit(move |_| {
        assert_eq!(now(other.work(&row)).unwrap(), Worked::Done);
    });
    assert_eq!(scene.work().unwrap(), Worked::Done);
    assert_eq!((scene.party().events_of("walked").len(), scene.rows().len()), (1, 0));
}

#[test]
fn two_outcomes_of_one_intent_are_noted_once() {
    let done = |answer| Ok(Next::Done(json!(answer)));
    let scene =
        Scene::new(&[Ok(Next::Call(1))], &[Err(Kind::Unavailable), Ok(2), Ok(3)], &[done(2), done(3)]);
    let id = scene.ask("x");
    scene.work().unwrap_err();
    let other = Agent::new(scene.party().parts(), registrations());
    let row = scene.rows().remove(0);
    scene.party().store.before_next_commit(move |_| {
        assert_eq!(now(other.work(&row)).unwrap(), Worked::Done);
    });
    assert_eq!(scene.work().unwrap(), Worked::Done);
    assert_eq!(scene.answer(&id), Some(json!(3)), "the other's, which was first");
}

#[test]
fn rows_of_earlier_versions_go_on_and_get_a_record_on_the_way() {
    let scene =
        Scene::new(&[Ok(Next::Call(1))], &[Err(Kind::Unavailable), Ok(2)], &[Ok(Next::Done(json!(3)))]);
    let older = json!({"protocol": "scripted", "detail": {"about": "x"}, "cause": "c"});
    let put = || {
        let (queue, lane, due) = (Queue::Work, "scripted|c".to_owned(), scene.agent.clock().now());
        let value = older.to_string().into_bytes();
        let ops = vec![Op::Enqueue(NewItem { queue, lane, due, value, owner: None })];
        now(scene.party().store.commit(&scene.party().tenant, Commit { guards: Vec::new(), ops })).unwrap();
    };
    put();
    scene.work().unwrap_err();
    assert_eq!(scene.record().unwrap()["state"], "calling");
    // One more of the same has nothing to do.
    put();
    let more = scene.rows().remove(1);
    assert_eq!(now(scene.agent.work(&more)).unwrap(), Worked::Done);
    assert_eq!(scene.rows().len(), 1);
    let id = scene.ask("x");
    assert_eq!(scene.work().unwrap(), Worked::Done);
    assert_eq!(scene.answer(&id), Some(json!(3)));
    assert!(scene.rows().is_empty());
}

#[test]
fn work_that_nobody_knows_is_no_ones() {
    let scene = Scene::new(&[], &[], &[]);
    let agent = &scene.agent;
    now(async {
        transact!(agent, &scene.party().tenant, |unit| async {
            let detail = json!({});
            let work = json!({"protocol": "unknown", "detail": detail});
            unit.take_up(serde_json::from_value(work).unwrap()).await
        }
        .await)
    })
    .unwrap();
    let error = scene.work().unwrap_err();
    assert_eq!((error.kind, error.code), (Kind::Internal, "queue-unreadable"));
    scene.bury(&error);
    assert!(scene.rows().is_empty() && taken().is_empty());
}
