//! DIDs as peers show them: honest ones, and any other.

use chancery_did::methods::{peer, sov};
use chancery_did::{PublicKey, SecretKey};
use chancery_didcomm::message::Attachment;
use serde_json::{Value, json};

use super::messages::{new_id, with_parent};

/// A DID with what is sent along with it.
#[derive(Clone)]
pub struct Identity {
    pub did: String,
    /// What its messages are sent with.
    pub key: SecretKey,
    /// `did_doc~attach`.
    pub document: Option<Value>,
    /// Who signs that.
    pub signers: Vec<SecretKey>,
}

impl Identity {
    /// The nym of the key, with its document: what an agent sends in DID Exchange 1.0.
    pub fn nym(key: &SecretKey, endpoint: &str) -> Self {
        let document = sov::build(key.as_public(), &[endpoint], &[]);
        Self::named(&sov::nym_from_verkey(key.as_public()), key, document)
    }

    /// Any DID, with any document, sent and signed by the key.
    pub fn named(did: &str, key: &SecretKey, document: Value) -> Self {
        Self { did: did.to_owned(), key: key.clone(), document: Some(document), signers: vec![key.clone()] }
    }

    /// Any nym with the key's document, as if it were its own.
    pub fn stolen(nym: &str, key: &SecretKey, endpoint: &str) -> Self {
        Self::named(nym, key, sov::build_for(nym, key.as_public(), &[endpoint], &[]))
    }

    /// A DID that says everything itself.
    pub fn bare(did: &str, key: &SecretKey) -> Self {
        Self { did: did.to_owned(), key: key.clone(), document: None, signers: vec![key.clone()] }
    }

    pub fn peer4(key: &SecretKey, endpoint: &str) -> Self {
        Self::bare(&peer::four::build_for_connection(key.as_public(), &[endpoint], &[]).unwrap(), key)
    }

    pub fn peer2(key: &SecretKey, endpoint: &str) -> Self {
        let agreement = key.to_x25519().unwrap();
        let did = peer::two::build_for_connection(key.as_public(), agreement.as_public(), &[endpoint], &[]);
        Self::bare(&did, key)
    }

    /// A did:peer:4 whose service has all these recipient keys, those of others too.
    pub fn peer4_listing(key: &SecretKey, recipients: &[PublicKey], endpoint: &str) -> Self {
        let id = |at: usize| format!("#key-{at}");
        let methods: Vec<Value> = recipients
            .iter()
            .enumerate()
            .map(|(at, key)| json!({"id": id(at), "type": "Multikey", "publicKeyMultibase": key.multikey()}))
            .collect();
        let ids: Vec<String> = (0..recipients.len()).map(id).collect();
        let document = json!({
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "verificationMethod": methods, "authentication": ids, "keyAgreement": ids,
            "service": [{"id": "#didcomm-0", "type": "did-communication", "priority": 0, "recipientKeys": ids,
                "routingKeys": [], "serviceEndpoint": endpoint}],
        });
        Self::bare(&peer::four::build(&document).unwrap(), key)
    }

    /// The nym of the key with a document that lists all these recipient keys, those of others too.
    pub fn nym_listing(key: &SecretKey, recipients: &[PublicKey], endpoint: &str) -> Self {
        let mut me = Self::nym(key, endpoint);
        let did = sov::qualified(&me.did);
        let document = me.document.as_mut().unwrap();
        let methods = recipients.iter().enumerate().map(|(at, key)| {
            json!({"id": format!("{did}#{}", at + 1), "type": "Ed25519VerificationKey2018", "controller": did,
                "publicKeyBase58": key.base58()})
        });
        document["publicKey"] = methods.collect();
        document["service"][0]["recipientKeys"] = recipients.iter().map(PublicKey::base58).collect();
        me
    }

    /// The same document signed by others.
    pub fn signed_by(mut self, signers: &[&SecretKey]) -> Self {
        self.signers = signers.iter().map(|key| (*key).clone()).collect();
        self
    }

    /// The same with another document.
    pub fn with_document(mut self, document: Value) -> Self {
        self.document = Some(document);
        self
    }

    /// A `request`: DID Exchange 1.0 for a nym, else 1.1.
    pub fn request(&self, pthid: Option<&str>) -> Value {
        let id = new_id();
        let mut message = json!({
            "@type": format!("https://didcomm.org/didexchange/1.{}/request", self.minor()),
            "@id": id,
            "~thread": {"thid": id},
            "label": "peer",
            "did": self.did,
        });
        if let Some(document) = &self.document {
            message["did_doc~attach"] = signed_json(document, &self.signers);
        }
        match pthid {
            Some(pthid) => with_parent(message, pthid),
            None => message,
        }
    }

    /// A `response` to a request: with the document, or the DID, signed by the identity's signers.
    pub fn response(&self, thid: &str, pthid: &str) -> Value {
        let mut message = json!({
            "@type": format!("https://didcomm.org/didexchange/1.{}/response", self.minor()),
            "@id": new_id(),
            "~thread": {"thid": thid, "pthid": pthid},
            "did": self.did,
        });
        match &self.document {
            Some(document) => message["did_doc~attach"] = signed_json(document, &self.signers),
            None => message["did_rotate~attach"] = signed_text(&self.did, &self.signers),
        }
        message
    }

    /// 0 or 1: the version of DID Exchange.
    pub fn minor(&self) -> u32 {
        u32::from(!sov::is_nym(sov::unqualified(&self.did)))
    }
}

/// JSON as a signed attachment.
pub fn signed_json(json: &Value, signers: &[SecretKey]) -> Value {
    sign(&Attachment::json_base64(new_id(), json), signers)
}

/// Text as a signed attachment.
pub fn signed_text(text: &str, signers: &[SecretKey]) -> Value {
    sign(&Attachment::text(new_id(), text), signers)
}

/// An attachment signed by everybody given: unsigned, flattened, or several.
pub fn sign(attachment: &Attachment, signers: &[SecretKey]) -> Value {
    let mut all: Vec<Value> = signers
        .iter()
        .map(|key| {
            let mut signed = attachment.clone();
            signed.sign(key).unwrap();
            signed.to_json()["data"]["jws"].take()
        })
        .collect();
    let mut json = attachment.to_json();
    match all.len() {
        0 => {}
        1 => json["data"]["jws"] = all.remove(0),
        _ => json["data"]["jws"] = json!({"signatures": all}),
    }
    json
}
