use serde_json::{Value, json};

use super::*;
use crate::connection::CreateStatic;
use crate::testing::{Party, World, now};
use crate::unit::{AgentError, Kind};

fn create(party: &Party, body: Value) -> Result<Value, AgentError> {
    let command: DidCreate = serde_json::from_value(body).unwrap();
    now(did_create(&party.agent, &party.tenant, command)).map(|answer| answer["result"].clone())
}

fn list(party: &Party, query: Value) -> Vec<Value> {
    let command: DidList = serde_json::from_value(query).unwrap();
    now(did_list(&party.agent, &party.tenant, command)).unwrap()["results"].as_array().unwrap().clone()
}

/// Seeds, DIDs and keys of a run of ACA-Py.
#[test]
fn seeds_give_the_dids_of_aca_py() {
    let world = World::new(&["issuer"], Vec::new);
    let issuer = world.party("issuer");
    let body = json!({"method": "key", "seed": "golden-vectors-issuer-seed-00001", "options": {"key_type": "ed25519"}});
    let expected = r#"{"did":"did:key:z6Mkso1ouEL5Jg7qjBcwAKQubhNy3VDS3ZDmcaJAbehcMvA3","verkey":"ELkmJz5dy8dNcgnEUkT4kbpyDuwadfyQvZPEmNjbShNf","posture":"wallet_only","key_type":"ed25519","method":"key","metadata":{}}"#;
    for _ in 0..2 {
        assert_eq!(create(issuer, body.clone()).unwrap().to_string(), expected);
    }
    let body = json!({"method": "key", "seed": "golden-vectors-bbsbls-seed-00001", "options": {"key_type": "bls12381g2"}});
    let did = create(issuer, body).unwrap()["did"].as_str().unwrap().to_owned();
    assert_eq!(
        did,
        "did:key:zUC76cZ1REbGRVBtfQSbFp7nSidvKayKxbzK3xMzDd5Jahf65aA3oAV7xsbvtpaEF6MoxUjfBQRvEMzYLKr7xEobkm2xLiHaeo3tnQrXQEmUQS9YNVDFMguStV2gAnAhVfQoTqy"
    );
    assert_eq!(list(issuer, json!({})).len(), 2);
    let base64 = json!({"method": "key", "seed": "Z29sZGVuLXZlY3RvcnMtaXNzdWVyLXNlZWQtMDAwMDE="});
    assert_eq!(
        create(issuer, base64).unwrap()["did"],
        "did:key:z6Mkso1ouEL5Jg7qjBcwAKQubhNy3VDS3ZDmcaJAbehcMvA3"
    );
}

#[test]
fn methods_and_refusals() {
    let world = World::with(&["issuer", "strict"], Vec::new, |name, settings| {
        settings.allow_insecure_seed = name == "issuer";
    });
    let issuer = world.party("issuer");
    for (body, method, key_type) in [
        (json!({}), "sov", "ed25519"),
        (json!({"method": "key", "options": {"key_type": "p256"}}), "key", "p256"),
        (
            json!({"method": "web", "options": {"did": "did:web:example.com", "key_type": "ed25519"}}),
            "web",
            "ed25519",
        ),
        (json!({"method": "did:peer:2", "options": {"key_type": "ed25519"}}), "did:peer:2", "ed25519"),
        (json!({"method": "did:peer:4", "options": {"key_type": "ed25519"}}), "did:peer:4", "ed25519"),
    ] {
        let made = create(issuer, body).unwrap();
        assert_eq!((&made["method"], &made["key_type"]), (&json!(method), &json!(key_type)));
        assert_eq!(list(issuer, json!({"did": made["did"]})), std::slice::from_ref(&made));
        assert_eq!(
            list(issuer, json!({"verkey": made["verkey"], "method": method, "key_type": key_type})),
            [made]
        );
    }
    let before = issuer.store.commits();
    for (body, kind, text) in [
        (json!({"method": "peer"}), Kind::Forbidden, "method peer is not supported by the agent."),
        (
            json!({"method": "sov", "options": {"key_type": "bls12381g2"}}),
            Kind::Forbidden,
            "method sov does not support key type bls12381g2",
        ),
        (
            json!({"method": "key", "seed": "short"}),
            Kind::BadRequest,
            "Seed value must be 32 bytes in length.",
        ),
        (
            json!({"method": "key", "options": {"did": "did:key:z6Mk"}}),
            Kind::Forbidden,
            "method key does not support user-defined DIDs",
        ),
        (json!({"method": "web"}), Kind::BadRequest, "method web requires a user-defined DIDs"),
        (
            json!({"method": "web", "options": {"did": "did:key:z6Mk"}}),
            Kind::Unprocessable,
            "Value did:key:z6Mk is not a did:web",
        ),
        (
            json!({"method": "web", "options": {"did": "did:web:example.com"}}),
            Kind::BadRequest,
            "DID did:web:example.com is already in the wallet with another key",
        ),
    ] {
        let error = create(issuer, body).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, text));
    }
    assert_eq!(issuer.store.commits(), before);
    let seed = json!({"method": "key", "seed": "golden-vectors-issuer-seed-00001"});
    assert_eq!(create(world.party("strict"), seed).unwrap_err().kind, Kind::BadRequest);
}

#[test]
fn secrets_stay_out_of_debug_output() {
    let command: DidCreate =
        serde_json::from_value(json!({"seed": "golden-vectors-issuer-seed-00001"})).unwrap();
    assert!(!format!("{command:?}").contains("golden"));
    let command: KeyCreate =
        serde_json::from_value(json!({"seed": "golden-vectors-issuer-seed-00001"})).unwrap();
    assert!(!format!("{command:?}").contains("golden"));
    let command: CreateStatic =
        serde_json::from_value(json!({"my_seed": "golden-my", "their_seed": "golden-their"})).unwrap();
    let shown = format!("{command:?}");
    assert!(!shown.contains("golden") && shown.contains("my_seed"), "{shown}");
}

#[test]
fn public_did_and_postures() {
    let world = World::new(&["issuer"], Vec::new);
    let issuer = world.party("issuer");
    assert_eq!(now(public_did(&issuer.agent, &issuer.tenant)).unwrap(), json!({"result": null}));
    let key = create(issuer, json!({"method": "key"})).unwrap()["did"].as_str().unwrap().to_owned();
    let nym = create(issuer, json!({})).unwrap()["did"].as_str().unwrap().to_owned();
    let set =
        |did: &str| now(set_public_did(&issuer.agent, &issuer.tenant, SetPublicDid { did: did.to_owned() }));
    let answer = set(&key).unwrap();
    assert_eq!(answer["result"]["posture"], "posted");
    assert_eq!(answer["result"]["metadata"], json!({"posted": true}));
    assert_eq!(now(public_did(&issuer.agent, &issuer.tenant)).unwrap(), answer);
    assert_eq!(issuer.store.dump("config"), [("default_public_did".to_owned(), json!({"did": key}))]);
    assert_eq!(set(&nym).unwrap_err().kind, Kind::Forbidden);
    assert_eq!(
        set("did:key:z6MkunknownunknownunknownunknownunknownunknownUU").unwrap_err().kind,
        Kind::NotFound
    );
    let dids = |query: Value| {
        list(issuer, query).iter().map(|d| d["did"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(dids(json!({"posture": "public"})), std::slice::from_ref(&key));
    assert_eq!(dids(json!({"posture": "posted"})), std::slice::from_ref(&key));
    assert_eq!(dids(json!({"posture": "wallet_only"})), std::slice::from_ref(&nym));
    assert_eq!(dids(json!({})), [key, nym]);
}

#[test]
fn endpoints_and_rotation() {
    let world = World::new(&["issuer"], Vec::new);
    let issuer = world.party("issuer");
    let made = create(issuer, json!({})).unwrap();
    let did = made["did"].as_str().unwrap().to_owned();
    let endpoint = || {
        now(get_did_endpoint(&issuer.agent, &issuer.tenant, DidRef { did: did.clone() })).unwrap()["endpoint"]
            .clone()
    };
    assert_eq!(endpoint(), Value::Null);
    let set = SetDidEndpoint {
        did: did.clone(),
        endpoint: Some("https://example.com/ep".into()),
        endpoint_type: None,
    };
    assert_eq!(now(set_did_endpoint(&issuer.agent, &issuer.tenant, set)).unwrap(), json!({}));
    assert_eq!(endpoint(), "https://example.com/ep");
    now(rotate_keypair(&issuer.agent, &issuer.tenant, DidRef { did: did.clone() })).unwrap();
    let rotated = &list(issuer, json!({"did": did}))[0];
    assert_ne!(rotated["verkey"], made["verkey"]);
    assert_eq!(rotated["metadata"], json!({"endpoint": "https://example.com/ep"}));
    let key = create(issuer, json!({"method": "key"})).unwrap()["did"].as_str().unwrap().to_owned();
    let error = now(rotate_keypair(&issuer.agent, &issuer.tenant, DidRef { did: key })).unwrap_err();
    assert_eq!(error.kind, Kind::BadRequest);
    let unknown = DidRef { did: "did:web:nobody.example".into() };
    assert_eq!(
        now(get_did_endpoint(&issuer.agent, &issuer.tenant, unknown)).unwrap_err().kind,
        Kind::NotFound
    );
}

#[test]
fn keys_and_their_names() {
    let world = World::new(&["issuer"], Vec::new);
    let issuer = world.party("issuer");
    let make = |body: Value| {
        let command: KeyCreate = serde_json::from_value(body).unwrap();
        now(key_create(&issuer.agent, &issuer.tenant, command))
    };
    let made = make(json!({"seed": "golden-vectors-mkey-seed-0000001"})).unwrap();
    let multikey = "z6MkhqPGstxtXUQEjm3nr8JoA32sWk7tHL4rrUSmhUGrXtkw";
    assert_eq!(made.to_string(), json!({"kid": null, "multikey": multikey}).to_string());
    let update = |multikey: &str, kid: &str| {
        let command = KeyUpdate { multikey: multikey.to_owned(), kid: kid.to_owned() };
        now(key_update(&issuer.agent, &issuer.tenant, command))
    };
    let named = update(multikey, "did:web:example.com#key-02").unwrap();
    assert_eq!(named, json!({"kid": "did:web:example.com#key-02", "multikey": multikey}));
    let read = |multikey: &str| {
        now(key_get(&issuer.agent, &issuer.tenant, KeyRef { multikey: multikey.to_owned() }))
    };
    assert_eq!(read(multikey).unwrap(), named);
    let taken = make(json!({"kid": "did:web:example.com#key-02"})).unwrap_err();
    assert_eq!(taken.message, "kid 'did:web:example.com#key-02' already exists in wallet.");
    let unknown = read("z6MkunknownunknownunknownunknownunknownunknownUU").unwrap_err();
    assert_eq!(unknown.message, "Unknown key: GLVkDhYUTDJLqJ565Dr6wpEkyEfwVuWS7vsyxUpo2Zh6");
    assert_eq!(make(json!({"alg": "nope"})).unwrap_err().kind, Kind::BadRequest);
}

#[test]
fn the_did_of_the_start_seed() {
    let seeds = ["golden-vectors-issuer-seed-00001", "golden-vectors-holder-seed-00001"];
    let world = World::new(&["issuer", "local"], Vec::new);
    let issuer = world.party("issuer");
    let ensure = |party: &Party, seed: &str, local, replace| {
        now(ensure_seed_did(&party.agent, &party.tenant, &seed.to_owned().into(), local, replace))
    };
    let public =
        |party: &Party| now(public_did(&party.agent, &party.tenant)).unwrap()["result"]["did"].clone();
    for _ in 0..2 {
        ensure(issuer, seeds[0], false, false).unwrap();
    }
    let first = public(issuer);
    assert_eq!(list(issuer, json!({})).len(), 1);
    let error = ensure(issuer, seeds[1], false, false).unwrap_err();
    assert_eq!(error.code, "public-did-exists");
    assert_eq!(public(issuer), first);
    ensure(issuer, seeds[1], false, true).unwrap();
    assert_ne!(public(issuer), first);

    let local = world.party("local");
    ensure(local, seeds[0], true, false).unwrap();
    assert_eq!(public(local), Value::Null);
    assert_eq!(list(local, json!({}))[0]["metadata"], json!({"endpoint": "http://local.example"}));
}
