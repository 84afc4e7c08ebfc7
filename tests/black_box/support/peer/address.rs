//! Where messages for a party go.

use chancery_did::{DidDocument, PublicKey, Resolution, resolve_local};
use chancery_didcomm::message::Attachment;
use serde_json::Value;

use super::Letter;

#[derive(Clone, Debug)]
pub struct Address {
    pub keys: Vec<PublicKey>,
    pub routing: Vec<PublicKey>,
    pub endpoint: String,
}

impl Address {
    /// The first service of an invitation: in line, or a DID that says itself what it stands for.
    pub fn of_invitation(invitation: &Value) -> Self {
        let service = &invitation["services"][0];
        if let Some(did) = service.as_str() {
            return Self::of_did(did);
        }
        let keys = |name: &str| {
            let list = service[name].as_array().cloned().unwrap_or_default();
            list.iter().map(|key| PublicKey::from_did_key(key.as_str().unwrap()).unwrap()).collect()
        };
        Self {
            keys: keys("recipientKeys"),
            routing: keys("routingKeys"),
            endpoint: service["serviceEndpoint"].as_str().unwrap().to_owned(),
        }
    }

    pub fn of_did(did: &str) -> Self {
        match resolve_local(did).unwrap() {
            Resolution::Document(document) => Self::of_document(&document),
            Resolution::Needs(needed) => panic!("{did} needs {needed:?}"),
        }
    }

    pub fn of_document(document: &DidDocument) -> Self {
        let service = document.didcomm_services().unwrap().remove(0);
        Self { keys: service.recipient_keys, routing: service.routing_keys, endpoint: service.endpoint }
    }

    /// Where the sender of a request or response is reached: what it attached, or what its DID says.
    pub fn of_handshake(letter: &Letter) -> Self {
        let did = letter.message["did"].as_str().unwrap();
        match letter.message.get("did_doc~attach") {
            None => Self::of_did(did),
            Some(attached) => {
                let content = Attachment::from_json(attached).unwrap().content().unwrap();
                Self::of_document(&chancery_did::methods::sov::document(did, content).unwrap())
            }
        }
    }
}
