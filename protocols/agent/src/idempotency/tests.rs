use serde_json::json;

use super::Request;
use crate::engine::Kind;
use crate::testing::{Party, World, now};

fn request(key: &str, body: &str) -> Request {
    Request::new("POST", "/x", key, "", body.as_bytes())
}

fn begin(
    party: &Party,
    request: &Request,
    run: &str,
) -> Result<Option<serde_json::Value>, (Kind, &'static str)> {
    now(request.begin(&party.agent, &party.tenant, run)).map_err(|e| (e.kind, e.code))
}

#[test]
fn the_second_call_gets_the_first_answer() {
    let world = World::new(&["issuer"], Vec::new);
    let party = world.party("issuer");
    let first = request("k", "{}");
    assert_eq!(begin(party, &first, "run"), Ok(None));
    assert_eq!(begin(party, &first, "run"), Err((Kind::Conflict, "idempotency-in-flight")));
    now(first.finish(&party.agent, &party.tenant, &json!({"a": 1}))).unwrap();
    assert_eq!(begin(party, &first, "run"), Ok(Some(json!({"a": 1}))));
    assert_eq!(begin(party, &first, "a later run"), Ok(Some(json!({"a": 1}))));
    // Other content, another key, another path, another query.
    assert_eq!(begin(party, &request("k", "[]"), "run"), Err((Kind::Unprocessable, "idempotency-mismatch")));
    assert_eq!(begin(party, &request("k2", "[]"), "run"), Ok(None));
    assert_eq!(begin(party, &Request::new("POST", "/y", "k", "", b"{}"), "run"), Ok(None));
    let other_query = Request::new("POST", "/x", "k", "a=1", b"{}");
    assert_eq!(begin(party, &other_query, "run"), Err((Kind::Unprocessable, "idempotency-mismatch")));
}

#[test]
fn a_refused_call_gives_its_key_back() {
    let world = World::new(&["issuer"], Vec::new);
    let party = world.party("issuer");
    let refused = request("k", "{}");
    assert_eq!(begin(party, &refused, "run"), Ok(None));
    now(refused.give_back(&party.agent, &party.tenant)).unwrap();
    assert_eq!(begin(party, &request("k", "[]"), "run"), Ok(None));
}

#[test]
fn what_was_interrupted_is_not_carried_out_again() {
    let world = World::new(&["issuer"], Vec::new);
    let party = world.party("issuer");
    let cut_off = request("k", "{}");
    assert_eq!(begin(party, &cut_off, "run"), Ok(None));
    assert_eq!(begin(party, &cut_off, "a later run"), Err((Kind::Conflict, "idempotency-interrupted")));
    let broken = request("k2", "{}");
    assert_eq!(begin(party, &broken, "run"), Ok(None));
    now(broken.interrupted(&party.agent, &party.tenant)).unwrap();
    assert_eq!(begin(party, &broken, "run"), Err((Kind::Conflict, "idempotency-interrupted")));
}
