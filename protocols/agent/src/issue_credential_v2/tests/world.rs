//! Two agents with an active connection.

use chancery_credentials::ld_proof::LdProof;
use chancery_credentials::{Formats, Step};
use chancery_did::{KeyType, SecretKey};
use serde_json::{Value, json};

use crate::engine::Registration;
use crate::issue_credential_v2 as issue;
use crate::peers::own;
use crate::peers::{Claim, Connection, INVITEE, INVITER, learn};
use crate::ports::store::{CommitError, KeyRow, Op};
use crate::testing::{Lists, Party, World, now};
use crate::unit::{AgentError, Settings};

pub use issue::messages::Kind;

/// What the agents are made with.
pub fn formats() -> Formats {
    Formats::new(vec![Box::new(LdProof)])
}

fn protocols() -> Vec<Registration> {
    vec![issue::registration()]
}

/// Two agents and what they are used for.
pub struct Pair {
    pub world: World,
    pub issuer_connection: String,
    pub holder_connection: String,
    pub issuer_did: String,
    pub holder_did: String,
}

impl Pair {
    pub fn new() -> Self {
        Self::with(|_, _| {})
    }

    pub fn with(change: impl Fn(&str, &mut Settings)) -> Self {
        Self::made(|name, settings, _| change(name, settings))
    }

    /// As [`Pair::with`], with a change to each agent's formats.
    pub fn made(change: impl Fn(&str, &mut Settings, &mut Lists)) -> Self {
        let world = World::made(&["issuer", "holder"], protocols, change);
        let (issuer_connection, holder_connection) = connected(&world);
        let issuer_did = add_key(world.party("issuer"), KeyType::Ed25519, 1);
        add_key(world.party("issuer"), KeyType::P256, 2);
        let holder_did = add_key(world.party("holder"), KeyType::Ed25519, 3);
        Self { world, issuer_connection, holder_connection, issuer_did, holder_did }
    }

    /// Another connection between the same agents, by other keys: the issuer's and the holder's id of it.
    pub fn connect_again(&self) -> (String, String) {
        connected(&self.world)
    }

    pub fn issuer(&self) -> &Party {
        self.world.party("issuer")
    }

    pub fn holder(&self) -> &Party {
        self.world.party("holder")
    }

    /// A filter for this credential of the issuer's.
    pub fn filter(&self, change: impl FnOnce(&mut Value)) -> Value {
        let mut filter = json!({"ld_proof": {
            "credential": {
                "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/citizenship/v1"],
                "type": ["VerifiableCredential", "PermanentResidentCard"],
                "issuer": self.issuer_did,
                "issuanceDate": "2024-01-01T00:00:00Z",
                "credentialSubject": {
                    "type": ["PermanentResident"],
                    "givenName": "Alice",
                    "familyName": "Smith",
                    "birthDate": "1958-07-17",
                },
            },
            "options": {"proofType": "Ed25519Signature2018"},
        }});
        change(&mut filter["ld_proof"]);
        filter
    }

    pub fn send_offer(&self, more: Value) -> Value {
        self.try_send_offer(more).unwrap()
    }

    pub fn try_send_offer(&self, more: Value) -> Result<Value, AgentError> {
        let mut body = json!({"connection_id": self.issuer_connection, "filter": self.filter(|_| {})});
        merge(&mut body, more);
        let issuer = self.issuer();
        self.world.run(issue::send_offer(
            &issuer.agent,
            &issuer.tenant,
            serde_json::from_value(body).unwrap(),
        ))
    }

    /// A command on a record: body members beside `cred_ex_id`.
    pub fn on_record(
        &self,
        party: &str,
        operation: &str,
        id: &str,
        body: Value,
    ) -> Result<Value, AgentError> {
        let mut body = body;
        body["cred_ex_id"] = id.into();
        let Party { agent, tenant, .. } = self.world.party(party);
        macro_rules! call {
            ($name:ident) => {
                self.world.run(issue::$name(agent, tenant, serde_json::from_value(body).unwrap()))
            };
        }
        match operation {
            "send-offer" => call!(bound_offer),
            "send-request" => call!(bound_request),
            "issue" => call!(issue),
            "store" => call!(store),
            "problem-report" => call!(problem_report),
            "get" => call!(get),
            "delete" => call!(remove),
            other => panic!("no operation {other}"),
        }
    }

    /// The only record of an agent.
    pub fn record(&self, party: &str) -> Value {
        let mut records = self.records(party);
        assert_eq!(records.len(), 1, "{party}");
        records.remove(0)["cred_ex_record"].take()
    }

    pub fn records(&self, party: &str) -> Vec<Value> {
        let Party { agent, tenant, .. } = self.world.party(party);
        let list = serde_json::from_value(json!({})).unwrap();
        self.world.run(issue::list(agent, tenant, list)).unwrap()["results"].as_array().unwrap().clone()
    }

    pub fn id(&self, party: &str) -> String {
        self.record(party)["cred_ex_id"].as_str().unwrap().to_owned()
    }

    /// States told by webhook so far; details by the last word of their topic.
    pub fn states(&self, party: &str) -> Vec<String> {
        let events = self.world.party(party).events();
        let known = events.iter().filter_map(|(topic, payload)| match topic.as_str() {
            issue::TOPIC => Some(payload["state"].as_str().unwrap().to_owned()),
            "issue_credential_v2_0_ld_proof" => Some("[ld_proof]".to_owned()),
            _ => None,
        });
        known.collect()
    }

    /// Delivers a plain message from one agent to the other over their connection.
    pub fn deliver(&self, from: &str, message: Value) -> crate::engine::Receipt {
        let connection = if from == "issuer" { &self.issuer_connection } else { &self.holder_connection };
        self.deliver_over(from, connection, message)
    }

    /// [`Pair::deliver`] over this connection of the sender's.
    pub fn deliver_over(&self, from: &str, connection: &str, message: Value) -> crate::engine::Receipt {
        let (party, to) = match from {
            "issuer" => (self.issuer(), self.holder()),
            _ => (self.holder(), self.issuer()),
        };
        let mut unit = party.agent.unit(&party.tenant);
        let message = chancery_didcomm::Message::from_json(message).unwrap();
        let thread = message.thread_id().unwrap().to_owned();
        now(crate::peers::send_in_exchange(&mut unit, Some(connection), &thread, message)).unwrap();
        now(unit.commit()).unwrap();
        let outbound = party.take_messages().pop().unwrap();
        to.receive(&party.pack(&outbound))
    }
}

/// Overwrites and adds members.
pub fn merge(body: &mut Value, more: Value) {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
}

fn connected(world: &World) -> (String, String) {
    let did = |party: &Party| {
        let mut unit = party.agent.unit(&party.tenant);
        let own = own::new_peer4(&mut unit, &[&party.endpoint], own::Purpose::Connection).unwrap();
        now(unit.commit()).unwrap();
        own.did
    };
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let (first, second) = (did(issuer), did(holder));
    (connect(issuer, &first, &second, INVITEE), connect(holder, &second, &first, INVITER))
}

fn connect(party: &Party, my_did: &str, their_did: &str, their_role: &str) -> String {
    let mut unit = party.agent.unit(&party.tenant);
    let sender =
        now(unit.resolve(their_did)).unwrap().document.verification_methods()[0].key.clone().unwrap();
    let claim =
        Claim { did: their_did, document: None, rotation: None, sender: Some(&sender), invited_by: None };
    now(learn(&mut unit, &claim)).unwrap();
    let mut connection = Connection::new(&unit, crate::peers::State::Completed, their_role, true);
    connection.my_did = Some(my_did.to_owned());
    connection.their_did = Some(their_did.to_owned());
    connection.shorten_dids();
    unit.insert(&connection).unwrap();
    let result: Result<(), CommitError> = now(unit.commit());
    result.unwrap();
    connection.connection_id
}

/// A key in the wallet; its did:key.
pub fn add_key(party: &Party, kind: KeyType, seed: u8) -> String {
    let secret = SecretKey::from_seed(kind, &[seed; 32]).unwrap();
    let mut unit = party.agent.unit(&party.tenant);
    let name = secret.public().base58();
    unit.op(Op::InsertKey(KeyRow { name, secret: secret.clone(), metadata: None, tags: Vec::new() }));
    now(unit.commit()).unwrap();
    secret.public().did_key()
}

/// The key of a did:key is removed from the wallet.
pub fn lose_key(party: &Party, did: &str) {
    let name = chancery_did::PublicKey::from_did_key(did).unwrap().base58();
    let mut unit = party.agent.unit(&party.tenant);
    unit.op(Op::RemoveKey(name.clone()));
    now(unit.commit()).unwrap();
    party.agent.forget_key(&party.tenant, &name);
}

/// The decoded content of a message's first attachment.
pub fn content(kind: Kind, message: &Value) -> Value {
    let body = issue::messages::Body::read(&formats(), kind, message.as_object().unwrap()).unwrap();
    let _: Step = kind.step();
    body.known()[0].1.clone()
}
