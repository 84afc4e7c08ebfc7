//! Handshakes with an agent in both roles, step by step or at once.

use chancery_did::SecretKey;
use serde_json::{Value, json};

use super::messages::{basic_message, complete, invitation, new_id};
use super::{Address, Identity, Letter, Peer};
use crate::support::{Agent, Event};

/// A peer's side of a connection with an agent.
#[derive(Clone)]
pub struct Link {
    pub me: Identity,
    /// The agent.
    pub to: Address,
    /// The agent's DID.
    pub their_did: String,
    /// The agent's id of it.
    pub connection_id: String,
    /// The thread of the handshake.
    pub handshake: String,
}

impl Link {
    pub fn key(&self) -> &SecretKey {
        &self.me.key
    }
}

/// An agent's request to a peer that invited it.
pub struct Asked {
    pub invitation: Value,
    pub request: Letter,
    pub connection_id: String,
}

impl Asked {
    pub fn thid(&self) -> &str {
        self.request.thread()
    }

    pub fn pthid(&self) -> &str {
        self.invitation["@id"].as_str().unwrap()
    }
}

impl Peer {
    /// Asks for a connection as invited; the thread of the handshake.
    pub async fn ask(&self, invitation: &Value, me: &Identity) -> String {
        self.ask_with(&Address::of_invitation(invitation), me, invitation["@id"].as_str()).await
    }

    /// Asks at any address, naming any invitation or none.
    pub async fn ask_with(&self, to: &Address, me: &Identity, pthid: Option<&str>) -> String {
        let request = me.request(pthid);
        self.send(to, Some(&me.key), &request).await;
        request["@id"].as_str().unwrap().to_owned()
    }

    /// Takes an invitation that the agent answers by itself: request, response, complete.
    pub async fn join(&self, agent: &Agent, invitation: &Value, me: &Identity) -> Link {
        let thid = self.ask(invitation, me).await;
        self.completed(agent, &thid, invitation["@id"].as_str().unwrap(), me).await
    }

    /// Waits for the response and confirms it.
    pub async fn completed(&self, agent: &Agent, thid: &str, pthid: &str, me: &Identity) -> Link {
        let response = self.answer_on("response", thid).await;
        let to = Address::of_handshake(&response);
        self.send(&to, Some(&me.key), &complete(me.minor(), thid, pthid)).await;
        let active = |e: &Event| {
            e.topic == "connections" && e.body["state"] == "active" && e.body["request_id"] == thid
        };
        let event = agent.controller.event("the peer's connection active", active).await;
        Link {
            me: me.clone(),
            to,
            their_did: response.message["did"].as_str().unwrap().to_owned(),
            connection_id: event.body["connection_id"].as_str().unwrap().to_owned(),
            handshake: thid.to_owned(),
        }
    }

    /// Connects as an honest party that was invited, with its nym.
    pub async fn connect(&self, agent: &Agent) -> Link {
        let me = Identity::nym(&self.key(), &self.endpoint);
        self.connect_as(agent, &me).await
    }

    /// Connects as invited, with this identity.
    pub async fn connect_as(&self, agent: &Agent, me: &Identity) -> Link {
        let invitation = invite(agent, me.minor(), json!({})).await;
        self.join(agent, &invitation, me).await
    }

    /// Has the agent take an invitation, and waits for its request.
    pub async fn invite(&self, agent: &Agent, invitation: Value) -> Asked {
        self.invite_to(agent, invitation, None).await
    }

    /// The same, with a DID that the agent has already.
    pub async fn invite_to(&self, agent: &Agent, invitation: Value, their_did: Option<&str>) -> Asked {
        let auto = their_did.is_none();
        let path =
            format!("/out-of-band/receive-invitation?auto_accept={auto}&use_existing_connection=false");
        let received = agent.post(&path, invitation.clone()).await;
        let connection_id = received["connection_id"].as_str().unwrap().to_owned();
        if let Some(did) = their_did {
            let path = format!("/didexchange/{connection_id}/accept-invitation?use_did={did}");
            agent.post(&path, json!({})).await;
        }
        let id = &invitation["@id"];
        let fits = |l: &Letter| l.is("request") && l.message["~thread"]["pthid"] == *id;
        let request = self.letter("request", fits).await;
        Asked { invitation, request, connection_id }
    }

    /// Invites the agent with a key of its own and answers as this identity, whose document or DID it signs with that key.
    pub async fn host(&self, agent: &Agent, me: &Identity) -> Link {
        self.host_to(agent, me, None).await
    }

    /// The same, with a DID that the agent has already.
    pub async fn host_to(&self, agent: &Agent, me: &Identity, their_did: Option<&str>) -> Link {
        let key = self.key();
        let invitation = invitation(me.minor(), key.as_public(), &self.endpoint);
        let asked = self.invite_to(agent, invitation, their_did).await;
        let me = me.clone().signed_by(&[&key]);
        self.answer(&asked, &me).await;
        self.confirmed(agent, &asked, &me).await
    }

    /// Answers a request.
    pub async fn answer(&self, asked: &Asked, me: &Identity) {
        let response = me.response(asked.thid(), asked.pthid());
        self.send(&Address::of_handshake(&asked.request), Some(&me.key), &response).await;
    }

    /// Waits until the agent has taken the answer.
    pub async fn confirmed(&self, agent: &Agent, asked: &Asked, me: &Identity) -> Link {
        self.answer_on("complete", asked.thid()).await;
        let ready = |e: &Event| {
            e.topic == "connections"
                && e.body["state"] == "active"
                && e.body["connection_id"] == asked.connection_id.as_str()
        };
        agent.controller.event("the agent's connection active", ready).await;
        Link {
            me: me.clone(),
            to: Address::of_handshake(&asked.request),
            their_did: asked.request.message["did"].as_str().unwrap().to_owned(),
            connection_id: asked.connection_id.clone(),
            handshake: asked.thid().to_owned(),
        }
    }

    /// Sends over a connection.
    pub async fn say(&self, link: &Link, message: &Value) {
        self.send(&link.to, Some(&link.me.key), message).await;
    }

    /// The connection serves in both directions.
    pub async fn is_served(&self, agent: &Agent, link: &Link) {
        let text = new_id();
        self.say(link, &basic_message(&text)).await;
        let heard = |e: &Event| e.topic == "basicmessages" && e.body["content"] == text.as_str();
        let event = agent.controller.event("the peer's text", heard).await;
        assert_eq!(event.body["connection_id"], link.connection_id.as_str());
        let letter = self.told(agent, &link.connection_id).await;
        assert_eq!(letter.recipient.as_ref(), Some(link.me.key.as_public()));
    }

    /// Has the agent say something on a connection, and waits for it here.
    pub async fn told(&self, agent: &Agent, connection_id: &str) -> Letter {
        let text = tell(agent, connection_id).await;
        self.letter("the agent's text", |l| l.message["content"] == text.as_str()).await
    }
}

/// Has the agent say something on a connection; what.
pub async fn tell(agent: &Agent, connection_id: &str) -> String {
    let text = new_id();
    let path = format!("/connections/{connection_id}/send-message");
    agent.post(&path, json!({"content": text})).await;
    text
}

/// An invitation that the agent makes and accepts requests to, with `more` in its body; `multi_use` is a parameter.
pub async fn invite(agent: &Agent, minor: u32, more: Value) -> Value {
    let mut body = json!({"handshake_protocols": [format!("https://didcomm.org/didexchange/1.{minor}")]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let multi_use = body.as_object_mut().unwrap().remove("multi_use").is_some_and(|multi| multi == true);
    let path = format!("/out-of-band/create-invitation?auto_accept=true&multi_use={multi_use}");
    let mut made = agent.post(&path, body).await;
    made["invitation"].take()
}
