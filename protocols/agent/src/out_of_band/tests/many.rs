//! Many records and connections that name the same invitation.

use serde_json::json;

use super::{DIDX, connected, invite, offer, protocols, take};
use crate::out_of_band::{InvitationId, delete_invitation};
use crate::peers::{Connection, INVITEE};
use crate::testing::{World, now};
use crate::unit::Kind;

#[test]
fn so_many_records_of_an_invitation_are_kept_and_ours_is_found_among_copies_of_its_id() {
    let world = World::new(&["issuer", "holder", "mallory"], protocols);
    let (issuer, holder, mallory) = (world.party("issuer"), world.party("holder"), world.party("mallory"));
    let made = invite(issuer, json!({"attachments": offer()}));
    // Mallory's invitations carry the id of the issuer's, and all the same thread.
    let mut copy = invite(mallory, json!({"attachments": offer()}));
    let (id, thread) = (made["invi_msg_id"].clone(), "shared-by-all");
    copy["invitation"]["requests~attach"][0]["data"]["json"]["@id"] = json!(thread);
    copy["invitation"]["@id"] = id.clone();
    let kept = (0..100).take_while(|_| take(&world, issuer, &copy, json!({})).is_ok()).count();
    assert_eq!(kept, 63, "the issuer's own is one of 64");
    let refused = take(&world, issuer, &copy, json!({})).unwrap_err();
    assert_eq!((refused.code, refused.kind), ("invitation-received-often", Kind::BadRequest));
    copy["invitation"]["@id"] = json!("another");
    take(&world, issuer, &copy, json!({})).unwrap();
    assert!(take(&world, issuer, &copy, json!({})).is_err(), "64 of one attached message");
    world.settle();
    take(&world, holder, &made, json!({})).unwrap();
    world.settle();
    let got = issuer.events_of("exchange");
    assert!(got.iter().any(|e| e["name"] == "request-credential" && e["oob"] == made["oob_id"]), "{got:?}");
    let command = InvitationId { invi_msg_id: id.as_str().unwrap().to_owned() };
    now(delete_invitation(&issuer.agent, &issuer.tenant, command)).unwrap();
    take(&world, issuer, &copy, json!({})).unwrap();
}

#[test]
fn a_connection_that_goes_on_waiting_without_its_invitations_record_is_found_among_many() {
    let world = World::new(&["issuer", "holder", "alice"], protocols);
    let (issuer, holder, alice) = (world.party("issuer"), world.party("holder"), world.party("alice"));
    let body = json!({"handshake_protocols": [DIDX], "use_did_method": "did:peer:4", "auto_accept": true});
    connected(&world, body.clone());
    let mut for_alice = body;
    for_alice["alias"] = json!("alice");
    for_alice["attachments"] = offer();
    let made = invite(issuer, for_alice);
    // The holder has seen it, and takes what is attached over its connection.
    take(&world, holder, &made, json!({})).unwrap();
    world.settle();
    assert!(issuer.store.dump("oob_record").is_empty());
    let mut unit = issuer.agent.unit(&issuer.tenant);
    for _ in 0..100 {
        let mut connection = Connection::new(&unit, crate::peers::State::Completed, INVITEE, true);
        connection.invitation_msg_id = made["invi_msg_id"].as_str().map(str::to_owned);
        unit.insert(&connection).unwrap();
    }
    now(unit.commit()).unwrap();
    take(&world, alice, &made, json!({"auto_accept": true})).unwrap();
    world.settle();
    let connections = issuer.store.dump("connection");
    let to_alice = connections.iter().find(|(_, c)| c["alias"] == "alice").unwrap();
    assert_eq!(to_alice.1["their_label"], "alice");
}
