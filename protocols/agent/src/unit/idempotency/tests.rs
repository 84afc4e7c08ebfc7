use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Claim, InFlight};
use crate::answer;
use crate::did_exchange::tests::protocols;
use crate::engine::Agent;
use crate::out_of_band::{CreateInvitation, ReceiveInvitation, create_invitation, receive_invitation};
use crate::testing::{Party, World, now};
use crate::transact;
use crate::unit::{AgentError, Kind, Unit};
use crate::wallet::{DidCreate, did_create};

fn claim(key: &str, body: &str) -> Arc<Claim> {
    Arc::new(Claim::new("POST", "/x", key, "", body.as_bytes()))
}

fn answered(party: &Party, claim: &Claim) -> Result<Option<Value>, (Kind, &'static str)> {
    now(claim.answered(&party.agent, &party.tenant)).map_err(|e| (e.kind, e.code))
}

/// A step of a command: something to see, and nothing else.
async fn step(unit: &mut Unit<'_>, what: &str) -> Result<Value, AgentError> {
    unit.notify("topic", what, &json!({"what": what}));
    Ok(json!({"done": what}))
}

async fn command(agent: &Agent, party: &Party, what: &str) -> Result<Value, AgentError> {
    answer!(agent, &party.tenant, |unit| step(&mut unit, what).await)
}

fn effects(party: &Party) -> usize {
    party.events_of("topic").len()
}

#[test]
fn the_answer_is_kept_in_the_commit_that_it_follows_from() {
    let world = World::new(&["issuer"], Vec::new);
    let party = world.party("issuer");
    let first = claim("k", "{}");
    // The commit that fails keeps nothing.
    party.store.fail(true);
    assert!(now(command(&party.agent.claiming(first.clone()), party, "a")).is_err());
    party.store.fail(false);
    assert_eq!(answered(party, &first), Ok(None));
    // Nothing but the command itself is carried out: whatever follows is another process.
    let answer = now(command(&party.agent.claiming(first.clone()), party, "a")).unwrap();
    assert_eq!(answered(party, &claim("k", "{}")), Ok(Some(answer.clone())));
    now(first.keep(&party.agent, &party.tenant, &json!("not this"))).unwrap();
    assert_eq!(answered(party, &claim("k", "{}")), Ok(Some(answer)));
    // Other content, another key, another path, another query.
    assert_eq!(answered(party, &claim("k", "[]")), Err((Kind::Unprocessable, "idempotency-mismatch")));
    assert_eq!(answered(party, &claim("k2", "{}")), Ok(None));
    assert_eq!(answered(party, &Claim::new("POST", "/y", "k", "", b"{}")), Ok(None));
    let other_query = Claim::new("POST", "/x", "k", "a=1", b"{}");
    assert_eq!(answered(party, &other_query), Err((Kind::Unprocessable, "idempotency-mismatch")));
    // A day.
    world.advance(Duration::from_secs(86_400 + 1));
    assert_eq!(answered(party, &claim("k", "[]")), Ok(None));
}

#[test]
fn without_a_claim_nothing_is_kept() {
    let world = World::new(&["issuer"], Vec::new);
    let party = world.party("issuer");
    now(command(&party.agent, party, "a")).unwrap();
    let space = crate::ports::store::Space::Idempotency;
    assert_eq!(now(party.agent.store().weigh(&party.tenant, space, 9)).unwrap(), (0, 0));
}

#[test]
fn of_two_processes_one_carries_the_call_out() {
    let world = World::new(&["issuer"], Vec::new);
    let party = world.party("issuer");
    let (ours, theirs) = (claim("k", "{}"), claim("k", "{}"));
    // Another process commits between our reading and writing.
    let rival = Agent::new(party.parts(), Vec::new()).claiming(theirs.clone());
    let tenant = party.tenant.clone();
    party.store.before_next_commit(move |_| {
        let outcome: Result<Value, AgentError> =
            now(async { answer!(rival, &tenant, |unit| step(&mut unit, "theirs").await) });
        outcome.unwrap();
    });
    let lost = now(command(&party.agent.claiming(ours.clone()), party, "ours")).unwrap_err();
    assert_eq!((lost.kind, ours.is_lost(), theirs.is_lost()), (Kind::Unavailable, true, false));
    assert_eq!(effects(party), 1);
    assert_eq!(answered(party, &ours), Ok(Some(json!({"done": "theirs"}))));
}

#[test]
fn a_call_of_several_commits_that_breaks_off_is_not_carried_out_again() {
    let world = World::new(&["issuer"], Vec::new);
    let party = world.party("issuer");
    let first = claim("k", "{}");
    let agent = party.agent.claiming(first.clone());
    // A commit that knows nothing of an answer notes that the call has begun.
    let begun: Result<Value, AgentError> =
        now(async { transact!(agent, &party.tenant, |unit| step(&mut unit, "first").await) });
    begun.unwrap();
    assert_eq!(answered(party, &claim("k", "{}")), Err((Kind::Conflict, "idempotency-interrupted")));
    // Another process that began at the same time is stopped at its first commit.
    let late = claim("k", "{}");
    assert!(now(command(&party.agent.claiming(late.clone()), party, "late")).is_err());
    assert!(late.is_lost());
    now(command(&agent, party, "second")).unwrap();
    assert_eq!(answered(party, &claim("k", "{}")), Ok(Some(json!({"done": "second"}))));
    assert_eq!(effects(party), 2);
}

#[test]
fn what_changes_nothing_keeps_its_answer_afterwards() {
    let world = World::new(&["issuer"], Vec::new);
    let party = world.party("issuer");
    let (first, second) = (claim("k", "{}"), claim("k", "{}"));
    now(first.keep(&party.agent, &party.tenant, &json!(1))).unwrap();
    assert!(now(second.keep(&party.agent, &party.tenant, &json!(2))).is_err());
    assert!(second.is_lost());
    assert_eq!(answered(party, &second), Ok(Some(json!(1))));
}

#[test]
fn the_same_call_is_in_flight_once() {
    let (calls, tenant) = (InFlight::default(), crate::Tenant::new("t"));
    let code = |claim: &Claim| calls.enter(&tenant, claim).map(drop).map_err(|e| (e.kind, e.code));
    let first = claim("k", "{}");
    let place = calls.enter(&tenant, &first).unwrap();
    assert_eq!(code(&claim("k", "{}")), Err((Kind::Conflict, "idempotency-in-flight")));
    assert_eq!(code(&claim("k", "[]")), Err((Kind::Unprocessable, "idempotency-mismatch")));
    assert_eq!(code(&claim("k2", "{}")), Ok(()));
    drop(place);
    assert_eq!(code(&claim("k", "{}")), Ok(()));
}

#[test]
fn commands_keep_their_answer_themselves() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let one = claim("did", "");
    let command: DidCreate = serde_json::from_value(json!({"method": "key"})).unwrap();
    let did = now(did_create(&issuer.agent.claiming(one.clone()), &issuer.tenant, command)).unwrap();
    assert_eq!(answered(issuer, &one), Ok(Some(did)));
    let two = claim("invitation", "");
    let command = CreateInvitation {
        handshake_protocols: Some(vec!["didexchange/1.1".into()]),
        ..CreateInvitation::default()
    };
    let invitation =
        now(create_invitation(&issuer.agent.claiming(two.clone()), &issuer.tenant, command)).unwrap();
    assert_eq!(answered(issuer, &two), Ok(Some(invitation.clone())));
    let three = claim("receive", "");
    let command = ReceiveInvitation {
        invitation: invitation["invitation"].clone(),
        auto_accept: Some(true),
        ..ReceiveInvitation::default()
    };
    let claiming = holder.agent.claiming(three.clone());
    let received = world.run(receive_invitation(&claiming, &holder.tenant, command)).unwrap();
    assert_eq!(answered(holder, &three), Ok(Some(received)));
}
