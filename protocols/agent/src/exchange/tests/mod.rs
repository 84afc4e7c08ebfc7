//! The kit, proven by a protocol that is nothing but a machine on it.

mod toy;

use serde_json::{Value, json};

use self::toy::{Talk, Toy, ask};
use crate::exchange::{List, get, list, problem_report, remove};
use crate::out_of_band::{CreateInvitation, ReceiveInvitation, create_invitation, receive_invitation};
use crate::ports::Store as _;
use crate::ports::store::{Commit, Op, Queue, RowKey};
use crate::testing::{Party, World, now};
use crate::unit::{AgentError, Kind};

/// Two agents with a connection, and its id on both sides.
struct Two {
    world: World,
    asker: String,
    answerer: String,
}

impl Two {
    fn new() -> Self {
        let protocols = || {
            vec![crate::did_exchange::registration(), crate::out_of_band::registration(), toy::registration()]
        };
        let world = World::new(&["asker", "answerer"], protocols);
        let (ours, theirs) = (world.party("asker"), world.party("answerer"));
        let handshake = Some(vec!["didexchange/1.1".into()]);
        let invite = CreateInvitation {
            handshake_protocols: handshake,
            auto_accept: Some(true),
            ..Default::default()
        };
        let made = now(create_invitation(&ours.agent, &ours.tenant, invite)).unwrap();
        let invitation = made["invitation"].clone();
        let taken = ReceiveInvitation { invitation, auto_accept: Some(true), ..Default::default() };
        world.run(receive_invitation(&theirs.agent, &theirs.tenant, taken)).unwrap();
        world.settle();
        world.take_log();
        let id = |party: &Party| party.store.dump("connection").remove(0).0;
        let (asker, answerer) = (id(ours), id(theirs));
        Self { world, asker, answerer }
    }

    fn asker(&self) -> &Party {
        self.world.party("asker")
    }

    fn answerer(&self) -> &Party {
        self.world.party("answerer")
    }

    /// Asks; the record's id.
    fn ask(&self, question: &str) -> String {
        let asked = now(ask(&self.asker().agent, &self.asker().tenant, &self.asker, question)).unwrap();
        asked["talk_id"].as_str().unwrap().to_owned()
    }
}

fn talks(party: &Party) -> Vec<Value> {
    let all = now(list::<Talk>(&party.agent, &party.tenant, List::default())).unwrap();
    all["results"].as_array().unwrap().clone()
}

fn told(party: &Party) -> Vec<Value> {
    party.events_of("talks").iter().map(|event| event["state"].clone()).collect()
}

#[test]
fn a_question_is_answered_by_itself_and_both_controllers_are_told() {
    let two = Two::new();
    let id = two.ask("why");
    two.world.settle();
    let shown = now(get::<Talk>(&two.asker().agent, &two.asker().tenant, &id)).unwrap();
    assert_eq!(shown, json!({"talk_id": id, "state": "answered", "said": "why!"}));
    assert_eq!(told(two.asker()), ["asked", "answered"]);
    assert_eq!(told(two.answerer()), ["asked", "answered"]);
    assert_eq!(two.world.take_names(), ["asker: toy/1.0/ask", "answerer: toy/1.0/answer"]);
    let nobody = now(get::<Talk>(&two.asker().agent, &two.asker().tenant, "x")).unwrap_err();
    assert_eq!((nobody.kind, nobody.message), (Kind::NotFound, "Record not found: talk/x.".to_owned()));
}

#[test]
fn a_question_again_gets_the_same_answer_and_is_no_event() {
    let two = Two::new();
    two.ask("why");
    let question = two.asker().take_messages().remove(0);
    let envelope = two.asker().pack(&question);
    two.answerer().receive(&envelope);
    two.answerer().receive(&envelope);
    let answers = two.answerer().take_messages();
    assert_eq!(answers.iter().map(|a| a.message["text"].clone()).collect::<Vec<_>>(), ["why!", "why!"]);
    assert_eq!(told(two.answerer()), ["asked", "answered"]);
    assert_eq!(talks(two.answerer()).len(), 1);
}

#[test]
fn a_message_that_does_not_fit_has_no_effect() {
    let two = Two::new();
    two.ask("why");
    two.world.settle();
    two.ask("why");
    let mut answer = two.asker().take_messages().remove(0);
    answer.message["@type"] = json!("https://didcomm.org/toy/1.0/answer");
    let rejection = two.answerer().receive(&two.asker().pack(&answer)).rejection.unwrap();
    assert_eq!(rejection.parts(), ("unexpected-message", "not in state start"));
    assert_eq!(talks(two.answerer()).len(), 1);
}

#[test]
fn what_needs_the_network_is_left_to_queued_work_of_its_connection() {
    let two = Two::new();
    two.ask("far");
    let question = two.asker().take_messages().remove(0);
    two.answerer().receive(&two.asker().pack(&question));
    assert_eq!(talks(two.answerer())[0]["state"], "asked");
    let work = now(two.answerer().store.items(Queue::Work, 0, 10)).unwrap();
    assert_eq!((work.len(), &work[0].lane), (1, &format!("toy-1.0|{}", two.answerer)));
    two.world.settle();
    assert_eq!(talks(two.asker())[0]["said"], "far!");
}

#[test]
fn a_step_whose_message_can_not_be_sent_changes_nothing() {
    let two = Two::new();
    two.ask("far");
    let question = two.asker().take_messages().remove(0);
    let answerer = two.answerer();
    answerer.receive(&two.asker().pack(&question));
    let ops = vec![Op::Remove(RowKey::new("connection", &*two.answerer))];
    now(answerer.store.commit(&answerer.tenant, Commit { guards: Vec::new(), ops })).unwrap();
    answerer.work();
    assert_eq!(told(answerer), ["asked", "abandoned"]);
    let error = format!("Record not found: connection/{}.", two.answerer);
    assert_eq!(talks(answerer)[0]["said"], error.as_str());
    assert!(answerer.take_messages().is_empty());
}

#[test]
fn a_late_copy_of_what_was_removed_begins_nothing() {
    let two = Two::new();
    two.ask("think");
    let question = two.asker().take_messages().remove(0);
    let envelope = two.asker().pack(&question);
    two.answerer().receive(&envelope);
    let id = talks(two.answerer())[0]["talk_id"].as_str().unwrap().to_owned();
    let answerer = two.answerer();
    assert_eq!(now(remove::<Talk>(&answerer.agent, &answerer.tenant, &id)).unwrap(), json!({}));
    assert_eq!(told(answerer), ["asked", "deleted"]);
    answerer.receive(&envelope);
    assert!(talks(answerer).is_empty() && answerer.take_messages().is_empty());
}

#[test]
fn an_automatic_answer_that_fails_ends_the_exchange_on_both_sides() {
    let two = Two::new();
    two.ask("bad");
    two.world.settle();
    assert_eq!(talks(two.answerer())[0]["said"], "nobody knows");
    assert_eq!(talks(two.asker())[0]["said"], "over: nobody knows");
    assert_eq!(told(two.asker()), ["asked", "abandoned"]);
}

#[test]
fn the_controller_gives_up_on_both_sides_and_only_where_there_is_something_to_give_up() {
    let two = Two::new();
    let id = two.ask("think");
    two.world.settle();
    let give_up = |text: &str| -> Result<Value, AgentError> {
        let asker = two.asker();
        now(problem_report::<Toy>(&asker.agent, &asker.tenant, &id, text.into()))
    };
    assert_eq!(give_up("never mind").unwrap(), json!({}));
    two.world.settle();
    assert_eq!(talks(two.answerer())[0]["said"], "over: never mind");
    let again = give_up("again").unwrap_err();
    assert_eq!((again.code, &*again.message), ("exchange-state", "not in state abandoned"));
}
