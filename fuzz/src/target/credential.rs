//! Credentials and their details: attachments of a peer, bodies of the admin API.

use std::sync::{Arc, LazyLock};

use chancery_credentials::ld_proof::LdProof;
use chancery_credentials::securing::Securing;
use chancery_credentials::securing::ld::LinkedData;
use chancery_credentials::{
    ExchangeFormat, Facts, FormatError, Gathered, Made, Need, Step, Turn, json_equal, tree,
    validate_credential, validate_detail,
};
use chancery_did::DidDocument;
use chancery_did::key::{KeyType, SecretKey};
use chancery_jsonld::{Documents, Processor};
use serde_json::{Value, json};

use crate::mutate::{self, Bytes, Choice};

static JSONLD: LazyLock<Processor> = LazyLock::new(|| Processor::new(Arc::new(Documents::bundled())));
/// A key of P-256 that is ours.
pub static P256: LazyLock<SecretKey> =
    LazyLock::new(|| SecretKey::from_seed(KeyType::P256, &[9; 32]).expect("a seed within the group's order"));

const NOW: i64 = 1_795_217_678_355_000;

/// Members and values of credentials.
pub const WORDS: &[&str] = &[
    "credential",
    "options",
    "@context",
    "id",
    "type",
    "issuer",
    "issuanceDate",
    "expirationDate",
    "validFrom",
    "validUntil",
    "credentialSubject",
    "credentialStatus",
    "proof",
    "proofType",
    "proofPurpose",
    "proofValue",
    "jws",
    "nonce",
    "verificationMethod",
    "created",
    "domain",
    "challenge",
    "assertionMethod",
    "authentication",
    "Ed25519Signature2018",
    "Ed25519Signature2020",
    "EcdsaSecp256r1Signature2019",
    "BbsBlsSignature2020",
    "VerifiableCredential",
    "https://www.w3.org/2018/credentials/v1",
    "https://www.w3.org/ns/credentials/v2",
    "https://w3id.org/security/suites/ed25519-2020/v1",
    "https://w3id.org/citizenship/v1",
    "https://www.w3.org/2018/credentials/examples/v1",
    "did:web:example.com",
    "did:web:example.com#key-1",
    "did:key:z6Mkf5rGMoatrSj1f4CyvuHBeXJELe9RPdzo2PKGNCKVtZxP",
    "2024-01-01T00:00:00Z",
    "urn:uuid:3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "givenName",
    "@id",
    "@type",
    "@value",
    "@list",
    "@json",
    "@protected",
    "@vocab",
    "urn:x:",
    "-12-31T23:59:60+23:59",
];

/// Changes one part more often than the whole: most changes to the whole end at the rules for details.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32, bytes: Bytes) -> usize {
    let mut choice = Choice::new(seed);
    let parsed = data.get(..size).and_then(|text| serde_json::from_slice::<Value>(text).ok());
    let parts =
        ["/credential/credentialSubject", "/credential/@context", "/credential", "/options", "/proof"];
    let part = parts[choice.below(parts.len())];
    let new = parsed.filter(|_| !choice.one_in(4)).and_then(|mut json| {
        mutate::change(json.pointer_mut(part)?, &mut choice, WORDS, bytes);
        if choice.one_in(2) {
            *json.pointer_mut("/credential/issuer")? = super::envelope::SENDER.as_public().did_key().into();
        }
        Some(json.to_string().into_bytes())
    });
    new.and_then(|new| mutate::write(data, max_size, &new))
        .unwrap_or_else(|| mutate::json(data, size, max_size, seed, WORDS, bytes))
}

/// One detail or credential.
pub fn run(data: &[u8]) {
    reaches_issue(data);
}

/// As [`run`]; whether a credential was issued, stored and verified.
pub fn reaches_issue(data: &[u8]) -> bool {
    let Ok(json) = serde_json::from_slice::<Value>(data) else { return false };
    assert!(json_equal(&json, &json));
    for wrong in [validate_detail(&json).err(), validate_credential(&json).err()].into_iter().flatten() {
        assert!(!wrong.is_empty());
        let _ = tree(&wrong).to_string();
        wrong.iter().for_each(|one| drop(one.to_string()));
    }
    for step in [Step::Propose, Step::Offer, Step::Request, Step::Issue] {
        let _ = LdProof.validate(step, &json);
    }
    let issued = exchange(&json);
    verified(&json);
    let _ = turn(&[(Step::Issue, &json)], None, |turn| LdProof.store(turn));
    // Neither side chooses what it compares with.
    for other in [&json!({}), json.get("credential").unwrap_or(&Value::Null), &json] {
        let _ = LdProof.check_request(&[(Step::Offer, other), (Step::Request, &json)]);
        let _ = LdProof.check_credential("exchange", &[(Step::Request, &json), (Step::Issue, other)]);
        let _ = LdProof.check_credential("exchange", &[(Step::Request, other), (Step::Issue, &json)]);
    }
    issued
}

/// Calls again while something is needed that can be had.
fn with_facts<T>(mut ask: impl FnMut(&Facts<'_>) -> Result<T, FormatError>) -> Result<T, FormatError> {
    let mut gathered = Gathered::default();
    for _ in 0..32 {
        let needs = match ask(&Facts { jsonld: &JSONLD, now: NOW, gathered: &gathered }) {
            Err(FormatError::Needs(needs)) => needs,
            other => return other,
        };
        assert!(!needs.is_empty(), "nothing is needed");
        if needs.iter().any(|need| matches!(need, Need::Context(_))) {
            return Err(FormatError::Needs(needs));
        }
        for need in needs {
            match need {
                Need::Did(did) => {
                    let known = did == "did:web:example.com";
                    let document = known.then(web_document).ok_or_else(|| "no such DID".to_owned());
                    gathered.document(did, document);
                }
                Need::Key(verkey) => {
                    let ours = [&*super::envelope::SENDER, &*P256].into_iter();
                    let secret = ours.clone().find(|secret| secret.as_public().as_base58() == verkey);
                    gathered.key(verkey, secret.cloned());
                }
                Need::Row { category, name } => gathered.row(category, name, None),
                Need::Context(_) => unreachable!("returned above"),
            }
        }
    }
    panic!("it never has enough")
}

/// One turn after these messages.
fn turn<T, const N: usize>(
    said: &[(Step, &Value); N],
    holder_did: Option<&str>,
    ask: impl Fn(&Turn<'_>) -> Result<Made<T>, FormatError>,
) -> Result<T, FormatError> {
    with_facts(|facts| ask(&Turn { holder_did, ..Turn::new(facts, said, &|_| {}) })).map(|made| made.content)
}

fn web_document() -> DidDocument {
    let id = "did:web:example.com";
    let method = |name: &str, key: &SecretKey| {
        json!({
            "id": format!("{id}#{name}"),
            "type": if key.kind() == KeyType::P256 { "Multikey" } else { "Ed25519VerificationKey2018" },
            "controller": id,
            "publicKeyMultibase": key.as_public().multikey(),
        })
    };
    DidDocument::from_json(json!({
        "id": id,
        "verificationMethod": [method("key-1", &super::envelope::SENDER), method("key-2", &P256)],
        "assertionMethod": ["#key-1", "#key-2"],
    }))
    .expect("a document")
}

/// From proposal to stored credential, as far as the input goes. Each side takes what the other made.
fn exchange(json: &Value) -> bool {
    let mut stored_one = false;
    let Ok(proposal) = turn(&[(Step::Propose, json)], None, |turn| LdProof.propose(turn)) else {
        return false;
    };
    assert_eq!(LdProof.validate(Step::Propose, &proposal), Ok(()));
    assert_eq!(
        turn(&[(Step::Propose, &proposal)], None, |turn| LdProof.propose(turn)).as_ref(),
        Ok(&proposal),
        "twice"
    );
    let Ok(offer) = turn(&[(Step::Propose, &proposal)], None, |turn| LdProof.offer(turn)) else {
        return false;
    };
    assert_eq!(LdProof.validate(Step::Offer, &offer), Ok(()));
    let holder = super::envelope::RECIPIENT.as_public().did_key();
    for holder in [None, Some(holder.as_str())] {
        let request =
            turn(&[(Step::Offer, &offer)], holder, |turn| LdProof.request(turn)).expect("an offer of ours");
        assert_eq!(LdProof.validate(Step::Request, &request), Ok(()));
        assert_eq!(
            LdProof.check_request(&[(Step::Offer, &offer), (Step::Request, &request)]),
            Ok(()),
            "{offer} {request}"
        );
        let Ok(credential) = turn(&[(Step::Request, &request)], None, |turn| LdProof.issue(turn)) else {
            continue;
        };
        assert_eq!(LdProof.validate(Step::Issue, &credential), Ok(()));
        let options = request.get("options").and_then(|options| options.get("credentialStatus"));
        if options.is_none() && credential.get("credentialStatus").is_none() {
            assert_eq!(
                LdProof.check_credential("x", &[(Step::Request, &request), (Step::Issue, &credential)]),
                Ok(()),
                "{request} {credential}"
            );
        }
        if credential.pointer("/proof/proofPurpose") == Some(&"assertionMethod".into()) {
            assert!(verified(&credential), "{credential}");
            let stored = turn(&[(Step::Issue, &credential)], None, |turn| LdProof.store(turn))
                .expect("a credential of ours");
            assert!(json_equal(&stored.value, &credential));
            stored_one = true;
        }
    }
    stored_one
}

/// Whether it verifies. If so, it does no longer with another value in any place at the top.
fn verified(credential: &Value) -> bool {
    let verify = |credential: &Value| {
        let answer = with_facts(|facts| LinkedData.verify(facts, credential).map_err(FormatError::Needs));
        let _ = answer.as_ref().map(|verification| verification.to_json(credential).to_string());
        answer.is_ok_and(|verification| verification.verified())
    };
    if !verify(credential) {
        return false;
    }
    let names: Vec<&String> = credential.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    for name in names {
        let mut forged = credential.clone();
        if forged[name].is_string() {
            forged[name] = "urn:something:else".into();
            assert!(!verify(&forged), "{name}: {forged}");
        }
    }
    true
}
