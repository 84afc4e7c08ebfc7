//! What a peer says of keys proves no credential, and no signature that anybody can make is one.

use std::sync::Arc;

use chancery_credentials::ld_proof::LdProof;
use chancery_credentials::{ExchangeFormat, Facts, Gathered, Step, Turn};
use chancery_did::methods::sov;
use chancery_did::{DidDocument, SecretKey};
use chancery_jsonld::{Documents, Processor};
use serde_json::{Value, json};

use super::heard;
use crate::support::peer::{Address, Identity, Peer, at_rest, invite};
use crate::support::{Agent, credential};

/// The document of a nym with a key that may sign credentials.
fn issuing(nym: &str, key: &SecretKey, endpoint: &str) -> Value {
    let document = sov::build_for(nym, key.as_public(), &[endpoint], &[]).to_string();
    // The method's name that issuers of nyms use.
    let mut document: Value = serde_json::from_str(&document.replace("#1\"", "#key-1\"")).unwrap();
    document["assertionMethod"] = json!([document["publicKey"][0]["id"]]);
    document
}

/// A credential of the issuer's by what its document says.
fn issued(did: &str, document: Value, key: &SecretKey) -> Value {
    let mut gathered = Gathered::default();
    let method = document["assertionMethod"][0].clone();
    let document = DidDocument::from_json(sov::corrected(document).unwrap()).unwrap();
    gathered.document(did, Ok(document));
    gathered.key(key.as_public().base58(), Some(key.clone()));
    let jsonld = Processor::new(Arc::new(Documents::bundled()));
    let detail = json!({"credential": credential(did), "options": {
        "proofType": "Ed25519Signature2018", "verificationMethod": method}});
    let facts = Facts { jsonld: &jsonld, now: 0, gathered: &gathered };
    LdProof.issue(&Turn::new(&facts, &[(Step::Request, &detail)], &|_| {})).unwrap().content
}

/// The answer, unless the agent takes the credential for genuine.
async fn refused(agent: &Agent, credential: &Value) -> String {
    let (status, answer) =
        agent.try_post("/vc/credentials/verify", json!({"verifiableCredential": credential})).await;
    assert!(status >= 400 || answer["verified"] == false, "{status} {answer}");
    answer.to_string()
}

/// Whether the agent does take it for genuine.
async fn is_verified(agent: &Agent, credential: &Value) -> bool {
    let body = json!({"verifiableCredential": credential});
    agent.post("/vc/credentials/verify", body).await["verified"] == true
}

#[tokio::test]
async fn a_credential_of_a_nym_never_verifies_by_a_key_that_a_peer_attached() {
    let agent = Agent::start("agent", &[]).await;
    let (peer, attacker) = (Peer::start(), Peer::start());
    let honest = peer.key();
    let nym = sov::nym_from_verkey(honest.as_public());
    let did = format!("did:sov:{nym}");
    // Somebody else's nym with the attacker's key.
    let key = attacker.key();
    let document = issuing(&nym, &key, &attacker.endpoint);
    let forged = issued(&did, document.clone(), &key);
    for named in [&nym, &did] {
        let invitation = invite(&agent, 0, json!({})).await;
        attacker.ask(&invitation, &Identity::named(named, &key, document.clone())).await;
        at_rest(&agent).await;
        refused(&agent, &forged).await;
    }
    // A nym with its own key is good for a connection; proofs want more than its word.
    let document = issuing(&nym, &honest, &peer.endpoint);
    let me = Identity::named(&nym, &honest, document.clone());
    let link = peer.connect_as(&agent, &me).await;
    peer.is_served(&agent, &link).await;
    let said = refused(&agent, &issued(&did, document, &honest)).await;
    assert!(said.contains("did:sov"), "{said}");
    for did in [&nym, &did] {
        let (status, answer) = agent.try_get(&format!("/resolver/resolve/{did}")).await;
        let text = answer.to_string();
        assert!(status >= 400 && !text.contains(&honest.as_public().base58()), "{did}: {status} {text}");
    }
    // An issuer whose DID says its key is believed as before.
    let did = honest.as_public().did_key();
    let document = json!({"id": did, "verificationMethod": [{"id": honest.as_public().did_key_url(),
        "type": "Ed25519VerificationKey2018", "controller": did, "publicKeyBase58": honest.as_public().base58()}],
        "assertionMethod": [honest.as_public().did_key_url()]});
    assert!(is_verified(&agent, &issued(&did, document, &honest)).await);
}

#[tokio::test]
async fn an_extra_key_that_a_peer_attached_to_its_did_proves_nothing() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let (key, extra) = (peer.key(), peer.key());
    for make in [Identity::peer4, Identity::peer2] {
        let honest = make(&key, &peer.endpoint);
        let document = issuing(&honest.did, &extra, &peer.endpoint);
        let me = honest.clone().with_document(document.clone());
        let link = peer.connect_as(&agent, &me).await;
        refused(&agent, &issued(&honest.did, document, &extra)).await;
        peer.is_served(&agent, &link).await;
    }
}

/// base58btc with the codec of Ed25519.
fn multikey(bytes: &[u8; 32]) -> String {
    let mut all = vec![0xed, 0x01];
    all.extend_from_slice(bytes);
    format!("z{}", bs58::encode(all).into_string())
}

#[tokio::test]
async fn a_key_of_small_order_signs_nothing() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let agent = Agent::start("agent", &[]).await;
    // The neutral point in both its encodings, and the points of order 2 and 4: `R` = a point of small order and `s` = 0
    // are a signature of a great part of all messages.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut order_two = [0xff; 32];
    (order_two[0], order_two[31]) = (0xec, 0x7f);
    let mut sloppy = neutral;
    sloppy[31] = 0x80;
    for point in [neutral, order_two, [0; 32], sloppy] {
        for r in [neutral, order_two, [0; 32]] {
            let signature = [r, [0; 32]].concat();
            let key = multikey(&point);
            let did = format!("did:key:{key}");
            let method = format!("{did}#{key}");
            let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","b64":false,"crit":["b64"]}"#);
            let jws = format!("{header}..{}", URL_SAFE_NO_PAD.encode(&signature));
            let mut old = credential(&did);
            old["proof"] = json!({"type": "Ed25519Signature2018", "created": "2026-01-02T03:04:05Z",
                "proofPurpose": "assertionMethod", "verificationMethod": method, "jws": jws});
            refused(&agent, &old).await;
            let mut new = credential(&did);
            let suite = json!("https://w3id.org/security/suites/ed25519-2020/v1");
            new["@context"].as_array_mut().unwrap().push(suite);
            new["proof"] = json!({"type": "Ed25519Signature2020", "created": "2026-01-02T03:04:05Z",
                "proofPurpose": "assertionMethod", "verificationMethod": method,
                "proofValue": format!("z{}", bs58::encode(&signature).into_string())});
            refused(&agent, &new).await;
        }
    }
}

#[tokio::test]
async fn a_member_that_is_named_twice_makes_a_credential_none() {
    let agent = Agent::start("agent", &[]).await;
    let peer = Peer::start();
    let key = peer.key();
    let did = key.as_public().did_key();
    let document = json!({"id": did, "verificationMethod": [{"id": key.as_public().did_key_url(),
        "type": "Ed25519VerificationKey2018", "controller": did, "publicKeyBase58": key.as_public().base58()}],
        "assertionMethod": [key.as_public().did_key_url()]});
    let genuine = issued(&did, document, &key);
    assert!(is_verified(&agent, &genuine).await);
    let text = genuine.to_string();
    let twice = text.replacen(r#""givenName":"Ada""#, r#""givenName":"Eve","givenName":"Ada""#, 1);
    assert_ne!(twice, text);
    let request = agent
        .http
        .post(format!("{}/vc/credentials/verify", agent.admin))
        .header("content-type", "application/json")
        .body(format!(r#"{{"verifiableCredential":{twice}}}"#));
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap();
    assert!((400..500).contains(&status), "{status} {body}");
    // In a message, within an attachment that is signed.
    let me = Identity::nym(&peer.key(), &peer.endpoint);
    let invitation = invite(&agent, 0, json!({})).await;
    let to = Address::of_invitation(&invitation);
    let text = me.document.as_ref().unwrap().to_string();
    let twice = text.replacen(r#"{"@context""#, r#"{"id":"did:sov:x","@context""#, 1);
    let attachment = chancery_didcomm::message::Attachment::text("0", &twice);
    let mut request = me.request(invitation["@id"].as_str());
    request["did_doc~attach"] = crate::support::peer::sign(&attachment, std::slice::from_ref(&me.key));
    peer.send(&to, Some(&me.key), &request).await;
    at_rest(&agent).await;
    assert!(!peer.heard("response"));
    let link = peer.join(&agent, &invitation, &me).await;
    assert_eq!(heard(&agent, &peer, &link.to, &me.key).await, Some(link.connection_id.clone()));
}
