//! Both sides in one process.

mod dids;
mod handshakes;
mod parked;
mod table;

use serde_json::Value;

use crate::engine::Registration;
use crate::out_of_band::{CreateInvitation, ReceiveInvitation, create_invitation, receive_invitation};
use crate::testing::{Party, World, now};

pub(crate) fn protocols() -> Vec<Registration> {
    vec![super::registration(), crate::out_of_band::registration(), crate::trust_ping::registration()]
}

fn invite(party: &Party, command: CreateInvitation) -> Value {
    now(create_invitation(&party.agent, &party.tenant, command)).unwrap()
}

fn handshake(protocols: &[&str], auto: bool) -> CreateInvitation {
    CreateInvitation {
        handshake_protocols: Some(protocols.iter().map(|p| (*p).to_owned()).collect()),
        auto_accept: Some(auto),
        ..CreateInvitation::default()
    }
}

fn receive(world: &World, party: &Party, invitation: &Value, auto: bool) -> Value {
    let command = ReceiveInvitation {
        invitation: invitation["invitation"].clone(),
        auto_accept: Some(auto),
        ..ReceiveInvitation::default()
    };
    world.run(receive_invitation(&party.agent, &party.tenant, command)).unwrap()
}

fn states(party: &Party, topic: &str) -> Vec<String> {
    party.events_of(topic).iter().map(|e| e["state"].as_str().unwrap_or("?").to_owned()).collect()
}

fn only_connection(party: &Party) -> Value {
    let rows = party.store.dump("connection");
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0].1.clone()
}
