//! What `benches/instructions` counts the instructions of: `instructions <name> <times>`, `instructions` names them all.
//!
//! Everything is prepared for [`MOST`] times before the first, so that two runs with different numbers of times differ by
//! what was done more often in one of them, and by nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use chancery_agent::engine::Registration;
use chancery_agent::testing::{Party, World, now};
use chancery_agent::{did_exchange, issue_credential_v2 as issue, out_of_band, wallet};
use chancery_credentials::ld_proof::LdProof;
use chancery_credentials::securing::Securing;
use chancery_credentials::securing::ld::LinkedData;
use chancery_credentials::{ExchangeFormat, Facts, Gathered, Step, Turn};
use chancery_did::{KeyType, SecretKey};
use chancery_didcomm::{Envelope, SharedSecrets, pack_authcrypt};
use chancery_jsonld::{Documents, Processor};
use rand_core::{CryptoRng, RngCore, impls};
use serde_json::{Value, json};

/// More times are not prepared for.
const MOST: usize = 60;
/// A message of 2 KB, the size of an offer.
const MESSAGE_BYTES: usize = 2048;
/// 2024-01-01T00:00:00Z
const NOW: i64 = 1_704_067_200_000_000;

type Operation = (&'static str, fn(usize));

const ALL: [Operation; 7] = [
    ("pack", pack),
    ("unpack", unpack),
    ("sign", sign),
    ("verify", verify_one),
    ("holder_step", holder_step),
    ("issuer_step", issuer_step),
    ("exchange", exchange),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match &words[..] {
        [name, times] => {
            let times = times.parse().expect("a number");
            assert!(times <= MOST, "at most {MOST} times");
            let (_, run) = ALL.iter().find(|(known, _)| known == name).expect("a known name");
            run(times);
        }
        _ => ALL.iter().for_each(|(name, _)| println!("{name}")),
    }
}

/// The same numbers in each run.
struct Counter(u64);

impl RngCore for Counter {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn fill_bytes(&mut self, buffer: &mut [u8]) {
        impls::fill_bytes_via_next(self, buffer);
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(buffer);
        Ok(())
    }
}

// Only here, where nothing is secret.
impl CryptoRng for Counter {}

fn keys() -> [SecretKey; 2] {
    [1, 2].map(|seed| SecretKey::from_seed(KeyType::Ed25519, &[seed; 32]).unwrap())
}

fn message() -> Vec<u8> {
    let content = "x".repeat(MESSAGE_BYTES);
    json!({"@type": "https://didcomm.org/basicmessage/1.0/message", "content": content})
        .to_string()
        .into_bytes()
}

fn pack(times: usize) {
    let [sender, recipient] = keys();
    let (to, message, known, mut rng) =
        ([recipient.public()], message(), SharedSecrets::default(), Counter(1));
    let mut once = || black_box(pack_authcrypt(&message, &to, &sender, &mut rng, &known).unwrap());
    once();
    for _ in 0..times {
        once();
    }
}

fn unpack(times: usize) {
    let [sender, recipient] = keys();
    let known = SharedSecrets::default();
    let to = [recipient.public()];
    let packed =
        pack_authcrypt(&message(), &to, &sender, &mut Counter(1), &SharedSecrets::default()).unwrap();
    let once = || black_box(Envelope::parse(&packed).unwrap().open(&recipient, &known).unwrap());
    once();
    for _ in 0..times {
        once();
    }
}

/// Twelve claims.
fn credential(issuer: &str, holder: &str) -> Value {
    json!({
        "credential": {
            "@context": [
                "https://www.w3.org/2018/credentials/v1",
                "https://w3id.org/citizenship/v1",
                "https://w3id.org/security/suites/ed25519-2020/v1"
            ],
            "type": ["VerifiableCredential", "PermanentResidentCard"],
            "issuer": issuer,
            "issuanceDate": "2024-01-01T00:00:00Z",
            "credentialSubject": {
                "id": holder,
                "type": ["PermanentResident"],
                "givenName": "Alice",
                "familyName": "Smith",
                "gender": "Female",
                "birthDate": "1958-07-17",
                "birthCountry": "Bahamas",
                "residentSince": "2015-01-01",
                "lprCategory": "C09",
                "lprNumber": "999-999-999",
                "commuterClassification": "C1",
                "image": "data:image/png;base64,iVBORw0KGgo="
            }
        },
        "options": {"proofType": "Ed25519Signature2020"}
    })
}

fn with_facts(run: impl FnOnce(&Facts<'_>, &Value)) {
    let [issuer, holder] = keys();
    let jsonld = Processor::new(Arc::new(Documents::bundled()));
    let mut gathered = Gathered::default();
    gathered.key(issuer.public().base58(), Some(issuer.clone()));
    let facts = Facts { jsonld: &jsonld, now: NOW, gathered: &gathered };
    run(&facts, &credential(&issuer.public().did_key(), &holder.public().did_key()));
}

fn sign(times: usize) {
    with_facts(|facts, request| {
        let said = [(Step::Request, request)];
        let turn = Turn::new(facts, &said, &|_| {});
        let once = || black_box(LdProof.issue(&turn).unwrap());
        once();
        for _ in 0..times {
            once();
        }
    });
}

fn verify_one(times: usize) {
    with_facts(|facts, request| {
        let signed = LdProof.issue(&Turn::new(facts, &[(Step::Request, request)], &|_| {})).unwrap().content;
        let once = || assert!(black_box(LinkedData.verify(facts, &signed).unwrap()).verified());
        once();
        for _ in 0..times {
            once();
        }
    });
}

fn protocols() -> Vec<Registration> {
    vec![out_of_band::registration(), did_exchange::registration(), issue::registration()]
}

/// Two agents with a connection, that answer each other, on wallets in memory.
struct Pair {
    world: World,
    offer: Value,
}

impl Pair {
    fn new() -> Self {
        let world = World::with(&["issuer", "holder"], protocols, |_, settings| {
            settings.auto_accept_invites = true;
            settings.auto_accept_requests = true;
            settings.auto_respond_credential_offer = true;
            settings.auto_respond_credential_request = true;
            settings.auto_store_credential = true;
        });
        let (issuer, holder) = (world.party("issuer"), world.party("holder"));
        let asked = json!({
            "handshake_protocols": ["https://didcomm.org/didexchange/1.1"], "auto_accept": true
        });
        let asked = serde_json::from_value(asked).unwrap();
        let created = now(out_of_band::create_invitation(&issuer.agent, &issuer.tenant, asked)).unwrap();
        let received = serde_json::from_value(json!({"invitation": created["invitation"]})).unwrap();
        world.run(out_of_band::receive_invitation(&holder.agent, &holder.tenant, received)).unwrap();
        world.settle();
        let connections = issuer.store.dump("connection");
        let [(connection_id, record)] = &connections[..] else { panic!("{connections:?}") };
        assert!(matches!(record["state"].as_str(), Some("active" | "completed")), "{record}");
        let offer = json!({
            "connection_id": connection_id,
            "auto_issue": true,
            "auto_remove": true,
            "filter": {"ld_proof": credential(&did_key(issuer), &did_key(holder))}
        });
        Self { world, offer }
    }

    fn issuer(&self) -> &Party {
        self.world.party("issuer")
    }

    fn holder(&self) -> &Party {
        self.world.party("holder")
    }

    fn send_offer(&self) {
        let issuer = self.issuer();
        let offer = serde_json::from_value(self.offer.clone()).unwrap();
        now(issue::send_offer(&issuer.agent, &issuer.tenant, offer)).unwrap();
    }

    /// The envelopes of what waits to be sent.
    fn sent(party: &Party) -> Vec<Vec<u8>> {
        party.take_messages().iter().map(|message| party.pack(message)).collect()
    }

    /// An exchange from the beginning to the end, messages delivered in memory.
    fn exchange(&self) {
        self.send_offer();
        self.world.settle();
        let left =
            self.issuer().store.dump("cred_ex_v20").len() + self.holder().store.dump("cred_ex_v20").len();
        assert_eq!(left, 0, "finished records go");
    }
}

fn did_key(party: &Party) -> String {
    let wanted = json!({"method": "key", "options": {"key_type": "ed25519"}});
    let wanted = serde_json::from_value(wanted).unwrap();
    let made = now(wallet::did_create(&party.agent, &party.tenant, wanted)).unwrap();
    made["result"]["did"].as_str().unwrap().to_owned()
}

/// Offer in, request queued: opened, read, stepped, committed.
fn holder_step(times: usize) {
    let pair = Pair::new();
    pair.exchange();
    (0..MOST).for_each(|_| pair.send_offer());
    let offers = Pair::sent(pair.issuer());
    assert_eq!(offers.len(), MOST);
    for offer in offers.iter().take(times) {
        black_box(pair.holder().receive(offer));
    }
    assert_eq!(pair.holder().take_outbound().len(), times);
}

/// Request in, credential signed and queued.
fn issuer_step(times: usize) {
    let pair = Pair::new();
    pair.exchange();
    (0..MOST).for_each(|_| pair.send_offer());
    for offer in Pair::sent(pair.issuer()) {
        pair.holder().receive(&offer);
    }
    let requests = Pair::sent(pair.holder());
    assert_eq!(requests.len(), MOST);
    for request in requests.iter().take(times) {
        black_box(pair.issuer().receive(request));
    }
    assert_eq!(pair.issuer().take_outbound().len(), times);
}

fn exchange(times: usize) {
    let pair = Pair::new();
    pair.exchange();
    for _ in 0..times {
        pair.exchange();
    }
}
