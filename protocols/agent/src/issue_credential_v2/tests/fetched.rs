//! What an exchange makes an agent fetch: how much, what stays of it, and for whom.

use chancery_credentials::ld_proof::LdProof;
use chancery_credentials::{
    ExchangeFormat, Family, FormatError, Formats, INDY, Invalid, Made, Said, Step, Stored, Turn,
};
use serde_json::{Value, json};

use super::world::Pair;
use crate::credential::{self, VerifyVc};
use crate::ports::fetch::{FetchError, Purpose};
use crate::ports::store::{Op, Space};
use crate::ports::{Store, Tenant};
use crate::testing::{Party, now};
use crate::unit::{AgentError, Kind, PinnedContexts, Settings};

fn pair() -> Pair {
    Pair::with(|_, settings| fetching(settings))
}

fn fetching(settings: &mut Settings) {
    settings.remote_contexts = true;
    settings.preserve_exchange_records = true;
    settings.auto_respond_credential_offer = true;
    settings.auto_respond_credential_request = true;
    settings.auto_store_credential = true;
}

/// JSON-LD under the name of another family: a message may carry both.
struct Again;

impl ExchangeFormat for Again {
    fn family(&self) -> &'static Family {
        &INDY
    }

    fn validate(&self, step: Step, content: &Value) -> Result<(), Vec<Invalid>> {
        LdProof.validate(step, content)
    }

    fn propose(&self, turn: &Turn<'_>) -> Result<Made, FormatError> {
        LdProof.propose(turn)
    }

    fn offer(&self, turn: &Turn<'_>) -> Result<Made, FormatError> {
        LdProof.offer(turn)
    }

    fn request(&self, turn: &Turn<'_>) -> Result<Made, FormatError> {
        LdProof.request(turn)
    }

    fn issue(&self, turn: &Turn<'_>) -> Result<Made, FormatError> {
        LdProof.issue(turn)
    }

    fn store(&self, turn: &Turn<'_>) -> Result<Made<Stored>, FormatError> {
        LdProof.store(turn)
    }

    fn check_request(&self, said: &dyn Said) -> Result<(), FormatError> {
        LdProof.check_request(said)
    }

    fn check_credential(&self, exchange: &str, said: &dyn Said) -> Result<(), FormatError> {
        LdProof.check_credential(exchange, said)
    }
}

/// Tests share their processor: each has addresses of its own.
fn url(test: &str, at: usize) -> String {
    format!("https://example.org/{test}/{at}")
}

fn context(term: &str) -> Value {
    json!({"@context": {term: format!("https://example.org/{term}")}})
}

fn publish(pair: &Pair, url: &str, context: &Value) {
    pair.issuer().publish(url, context.to_string().as_bytes());
    pair.holder().publish(url, context.to_string().as_bytes());
}

/// A filter with these contexts, and a subject that has something to say in terms of one.
fn in_contexts(pair: &Pair, urls: &[String], term: Option<&str>) -> Value {
    let filter = pair.filter(|d| {
        d["credential"]["@context"].as_array_mut().unwrap().extend(urls.iter().map(|url| json!(url)));
        if let Some(term) = term {
            d["credential"]["credentialSubject"][term] = "Al".into();
        }
    });
    json!({"filter": filter})
}

fn pinned(party: &Party, url: &str) -> Option<Vec<u8>> {
    now(party.store.recall(&party.tenant, Space::Context, url)).unwrap()
}

fn pins(party: &Party) -> usize {
    now(party.store.weigh(&party.tenant, Space::Context, 1_000)).unwrap().0
}

fn refusal(pair: &Pair, offer: Value) -> AgentError {
    pair.try_send_offer(offer).unwrap_err()
}

#[test]
fn a_context_from_the_network_is_fetched_after_the_commit_and_pinned_by_the_step() {
    let pair = pair();
    let url = url("pinned", 0);
    let offer = || in_contexts(&pair, std::slice::from_ref(&url), Some("nickname"));
    assert_eq!(refusal(&pair, offer()).code, "context-unreachable");
    publish(&pair, &url, &context("nickname"));
    pair.send_offer(offer());
    // The agents of a test share their contexts: forgotten after each step, each has to bring its own.
    let documents = pair.issuer().agent.jsonld().documents();
    while pair.world.step() {
        documents.remove(&url);
    }
    assert_eq!(
        pair.states("holder"),
        ["offer-received", "request-sent", "credential-received", "[ld_proof]", "done"]
    );
    assert_eq!(pair.states("issuer").last().unwrap(), "done");
    assert_eq!(pinned(pair.holder(), &url).unwrap(), context("nickname").to_string().as_bytes());

    // What is pinned counts, whatever the server says later.
    publish(&pair, &url, &context("other"));
    pair.send_offer(offer());
}

#[test]
fn a_step_that_is_refused_pins_nothing_and_nobody_else_sees_what_it_fetched() {
    let pair = pair();
    let url = url("refused", 0);
    publish(&pair, &url, &context("nickname"));
    let refused = refusal(&pair, in_contexts(&pair, std::slice::from_ref(&url), Some("undefined")));
    assert!(refused.message.contains("attributes dropped"), "{refused}");
    assert!(pinned(pair.issuer(), &url).is_none());
    assert!(!pair.issuer().agent.jsonld().documents().contains(&url));
}

#[test]
fn who_pins_first_is_right_and_the_other_step_is_done_again() {
    let pair = pair();
    let url = url("race", 0);
    publish(&pair, &url, &context("nickname"));
    let (tenant, id): (Tenant, String) = (pair.issuer().tenant.clone(), url.clone());
    pair.issuer().store.before_next_commit(move |store| {
        let value = context("other").to_string().into_bytes();
        let pin = Op::Remember { space: Space::Context, id, value, expires: None };
        now(store.commit(&tenant, crate::ports::store::Commit { guards: Vec::new(), ops: vec![pin] }))
            .unwrap();
    });
    let refused = refusal(&pair, in_contexts(&pair, std::slice::from_ref(&url), Some("nickname")));
    assert!(refused.message.contains("attributes dropped"), "{refused}");
    assert_eq!(pinned(pair.issuer(), &url).unwrap(), context("other").to_string().as_bytes());
}

#[test]
fn a_document_may_lead_to_sixteen_contexts_and_no_more() {
    let pair = pair();
    let urls: Vec<String> = (0..17).map(|at| url("many", at)).collect();
    for url in &urls {
        publish(&pair, url, &context("nickname"));
    }
    assert_eq!(refusal(&pair, in_contexts(&pair, &urls, None)).code, "too-many-contexts");
    assert_eq!(pins(pair.issuer()), 0);
    pair.send_offer(in_contexts(&pair, &urls[..16], None));
    assert_eq!(pins(pair.issuer()), 16);
}

#[test]
fn all_attachments_of_a_message_lead_to_sixteen_contexts_together() {
    let pair = Pair::made(|_, settings, lists| {
        fetching(settings);
        lists.formats = Formats::new(vec![Box::new(LdProof), Box::new(Again)]);
    });
    let urls: Vec<String> = (0..18).map(|at| url("attached", at)).collect();
    for url in &urls {
        publish(&pair, url, &context("nickname"));
    }
    let both = |first: &[String], second: &[String]| {
        let mut offer = in_contexts(&pair, first, None);
        offer["filter"]["indy"] = in_contexts(&pair, second, None)["filter"]["ld_proof"].take();
        offer
    };
    let refused = refusal(&pair, both(&urls[..9], &urls[9..]));
    assert!(refused.message.contains("too many documents"), "{refused}");
    assert_eq!(pins(pair.issuer()), 0);
    pair.send_offer(both(&urls[..8], &urls[8..16]));
    assert_eq!(pins(pair.issuer()), 16);
}

#[test]
fn contexts_of_contexts_count_as_well() {
    let pair = pair();
    for at in 0..40 {
        let two = [url("tree", 2 * at + 1), url("tree", 2 * at + 2)];
        publish(&pair, &url("tree", at), &json!({ "@context": two }));
    }
    let tree = || in_contexts(&pair, &[url("tree", 0)], None);
    assert_eq!(refusal(&pair, tree()).code, "too-many-contexts");
    publish(&pair, &url("tree", 7), &json!({"@context": [url("tree", 15)]}));
    for at in 8..16 {
        publish(&pair, &url("tree", at), &context("nickname"));
    }
    pair.send_offer(tree());
    assert_eq!(pins(pair.issuer()), 16);
}

#[test]
fn the_bytes_of_all_contexts_of_a_step_are_bounded_and_so_is_the_shape_of_each() {
    let pair = pair();
    let long = |bytes: usize| json!({"@context": {"nickname": "urn:n"}, "pad": "x".repeat(bytes)});
    let urls: Vec<String> = (0..3).map(|at| url("long", at)).collect();
    for url in &urls {
        publish(&pair, url, &long(900_000));
    }
    let all = refusal(&pair, in_contexts(&pair, &urls, None));
    assert!(all.message.contains("more to fetch than is taken"), "{all}");
    pair.send_offer(in_contexts(&pair, &urls[..2], None));
    for (at, context, why) in [
        (0, long(1024 * 1024), "is larger than"),
        (1, json!({"@context": {}, "values": vec![0; 100_001]}), "too many values"),
    ] {
        publish(&pair, &url("bad", at), &context);
        let refused = refusal(&pair, in_contexts(&pair, &[url("bad", at)], None));
        assert!(refused.message.contains(why), "{refused}");
    }
    let deep = format!("{{\"@context\":{}{}}}", "[".repeat(70), "]".repeat(70));
    pair.issuer().publish(&url("bad", 2), deep.as_bytes());
    let refused = refusal(&pair, in_contexts(&pair, &[url("bad", 2)], None));
    assert!(refused.message.contains("nested too deeply"), "{refused}");
}

#[test]
fn a_full_pin_store_refuses_with_a_sentence_and_evicts_nothing() {
    let pair = Pair::with(|_, settings| {
        settings.remote_contexts = true;
        settings.pinned_contexts = PinnedContexts { count: 2, bytes: 1_000 };
    });
    for at in 0..4 {
        publish(&pair, &url("full", at), &context("nickname"));
    }
    pair.send_offer(in_contexts(&pair, &[url("full", 0)], None));
    let both = refusal(&pair, in_contexts(&pair, &[url("full", 1), url("full", 2)], None));
    assert_eq!((both.kind, both.code), (Kind::BadRequest, "contexts-full"));
    publish(&pair, &url("full", 3), &json!({"@context": {}, "pad": "x".repeat(1_000)}));
    assert_eq!(refusal(&pair, in_contexts(&pair, &[url("full", 3)], None)).code, "contexts-full");
    pair.send_offer(in_contexts(&pair, &[url("full", 1)], None));
    assert_eq!(refusal(&pair, in_contexts(&pair, &[url("full", 2)], None)).code, "contexts-full");
    pair.send_offer(in_contexts(&pair, &[url("full", 0), url("full", 1)], None));
    assert!(pinned(pair.issuer(), &url("full", 0)).is_some());
}

#[test]
fn contexts_from_the_network_can_be_forbidden() {
    let pair = Pair::new();
    let refused = refusal(&pair, in_contexts(&pair, &[url("forbidden", 0)], None));
    assert_eq!((refused.kind, refused.code), (Kind::BadRequest, "unknown-context"));
}

#[test]
fn verification_pins_nothing_and_warns_of_what_no_signature_says() {
    let pair = pair();
    let url = url("verified", 0);
    publish(&pair, &url, &context("nickname"));
    let mut offer = in_contexts(&pair, std::slice::from_ref(&url), Some("nickname"));
    let credential = &mut offer["filter"]["ld_proof"]["credential"];
    credential["expirationDate"] = "2025-01-01T00:00:00Z".into();
    credential["@context"].as_array_mut().unwrap().push(json!({"rank": "urn:rank"}));
    credential["credentialSubject"]["rank"] = "admiral".into();
    pair.send_offer(offer);
    pair.world.settle();
    let held = pair.record("holder")["by_format"]["cred_issue"]["ld_proof"].clone();
    assert_eq!(held["proof"]["type"], "Ed25519Signature2018", "{held}");
    // An agent that has met neither.
    let stranger = Pair::with(|_, settings| settings.remote_contexts = true);
    stranger.issuer().publish(&url, context("nickname").to_string().as_bytes());
    pair.issuer().agent.jsonld().documents().remove(&url);
    let Party { agent, tenant, .. } = stranger.issuer();
    let command = VerifyVc { verifiable_credential: held };
    let answer = stranger.world.run(credential::verify(agent, tenant, command)).unwrap();
    assert_eq!(answer["verified"], true, "{answer}");
    let warnings: Vec<&str> =
        answer["warnings"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert!(warnings[0].contains("expirationDate is 2025-01-01T00:00:00Z"), "{warnings:?}");
    assert!(warnings[1].contains("inline context"), "{warnings:?}");
    assert!(warnings[2].contains(&url), "{warnings:?}");
    assert_eq!((warnings.len(), pins(stranger.issuer())), (3, 0));
}

#[test]
fn one_connection_fetches_in_two_steps_at_once_and_others_are_not_held_up() {
    let pair = pair();
    let url = url("places", 0);
    publish(&pair, &url, &context("nickname"));
    let Party { agent, tenant, .. } = pair.issuer();
    let fetching = |connection: &str| {
        let mut unit = agent.unit(tenant);
        unit.caused_by(Some(connection));
        now(unit.fetch(&url, Purpose::Context)).map(|_| unit)
    };
    let first = fetching("greedy").unwrap();
    let _second = fetching("greedy").unwrap();
    assert!(matches!(fetching("greedy").map(|_| ()), Err(FetchError::Busy(_))));
    assert!(fetching("honest").is_ok());
    drop(first);
    assert!(fetching("greedy").is_ok());
}

#[test]
fn did_documents_and_contexts_of_a_step_share_their_bytes_and_have_numbers_of_their_own() {
    let pair = pair();
    let party = pair.issuer();
    let long = json!({"id": "did:web:long.example", "pad": "x".repeat(1_000_000)}).to_string();
    for n in [0, 2] {
        party.publish(&url("shared", n), long.as_bytes());
    }
    let mut unit = party.agent.unit(&party.tenant);
    for purpose in [Purpose::Context, Purpose::DidDocument] {
        assert!(now(unit.fetch(&url("shared", 0), purpose)).is_ok());
    }
    for purpose in [Purpose::Context, Purpose::DidDocument] {
        let refused = now(unit.fetch(&url("shared", 2), purpose)).unwrap_err();
        assert!(matches!(refused, FetchError::Failed(_)), "{refused}");
    }
    unit = party.agent.unit(&party.tenant);
    for n in 10..27 {
        party.publish(&url("shared", n), b"{}");
    }
    for n in 10..26 {
        for purpose in [Purpose::Context, Purpose::DidDocument] {
            assert!(now(unit.fetch(&url("shared", n), purpose)).is_ok());
        }
    }
    let refused = now(unit.fetch(&url("shared", 26), Purpose::DidDocument)).unwrap_err();
    assert!(matches!(refused, FetchError::Refused(_)), "{refused}");
}

#[test]
fn all_that_a_step_fetches_has_one_deadline() {
    let pair = pair();
    let party = pair.issuer();
    party.publish(&url("deadline", 0), b"{}");
    let unit = party.agent.unit(&party.tenant);
    now(unit.fetch(&url("deadline", 0), Purpose::Context)).unwrap();
    pair.world.advance(std::time::Duration::from_secs(16));
    let late = now(unit.fetch(&url("deadline", 0), Purpose::DidDocument)).unwrap_err();
    assert!(late.to_string().contains("15 s are over"), "{late}");
}

/// Whatever can't be signed is refused at the offer, with the member named.
#[test]
fn what_cannot_be_signed_is_refused_at_the_offer() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str, &str); 8] = [
        (
            |d| d["credential"]["credentialSubject"]["type"] = "Undefined".into(),
            "credentialSubject.type",
            "no context",
        ),
        (|d| d["credential"]["credentialSubject"]["id"] = "a:b c".into(), "", "ill-formed IRI"),
        (
            |d| d["credential"]["credentialSubject"]["image"] = json!({"id": "relative"}),
            "credentialSubject.image.id",
            "not an absolute IRI",
        ),
        (
            |d| {
                d["credential"]["credentialSubject"]["givenName"] =
                    json!({"@value": "x", "@direction": "rtl"});
            },
            "",
            "base direction",
        ),
        (
            |d| d["credential"]["credentialSubject"]["nobody"] = json!(1),
            "credentialSubject.nobody",
            "dropped",
        ),
        (
            |d| drop(d["options"].as_object_mut().unwrap().remove("proofType")),
            "options.proofType",
            "required",
        ),
        (|d| d["options"]["proofPurpose"] = "bogus".into(), "options.proofPurpose", "Unsupported"),
        (
            |d| {
                d["credential"]["issuer"] = "did:sov:WgWxqztrNooG92RXvxSTWv".into();
            },
            "",
            "No resolver supporting DID",
        ),
    ];
    let pair = Pair::new();
    for (change, field, text) in cases {
        let refused = refusal(&pair, json!({"filter": pair.filter(change)}));
        assert_eq!(refused.kind, Kind::BadRequest, "{refused}");
        assert!(refused.message.contains(text), "{text}: {refused}");
        assert!(
            refused.field.as_deref().unwrap_or_default().ends_with(field),
            "{field}: {:?}",
            refused.field
        );
    }
    assert!(pair.records("issuer").is_empty());
}

#[test]
fn empty_lists_indexes_and_null_entries_are_issued_verified_and_stored() {
    let pair = pair();
    pair.send_offer(json!({"filter": pair.filter(|d| {
        d["credential"]["evidence"] = json!([]);
        d["credential"]["credentialSubject"]["givenName"] = json!(["Al", null, []]);
        d["credential"]["credentialSubject"]["familyName"] = json!({"@value": "Smith", "@index": "i"});
    })}));
    pair.world.settle();
    assert_eq!(pair.states("holder").last().unwrap(), "done", "{}", pair.record("holder"));
}
