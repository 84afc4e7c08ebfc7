use serde_json::json;

use crate::engine::Registration;
use crate::out_of_band::{CreateInvitation, ReceiveInvitation, create_invitation, receive_invitation};
use crate::testing::{World, now};
use crate::trust_ping::{SendPing, send_ping};

fn protocols() -> Vec<Registration> {
    vec![
        crate::did_exchange::registration(),
        crate::out_of_band::registration(),
        crate::trust_ping::registration(),
        super::registration(),
    ]
}

#[test]
fn an_acknowledgement_of_no_protocol_is_taken_and_answered_with_nothing() {
    let world = World::new(&["issuer", "holder"], protocols);
    let (issuer, holder) = (world.party("issuer"), world.party("holder"));
    let command = CreateInvitation {
        handshake_protocols: Some(vec!["didexchange/1.1".into()]),
        auto_accept: Some(true),
        ..CreateInvitation::default()
    };
    let made = now(create_invitation(&issuer.agent, &issuer.tenant, command)).unwrap();
    let take = ReceiveInvitation {
        invitation: made["invitation"].clone(),
        auto_accept: Some(true),
        ..ReceiveInvitation::default()
    };
    world.run(receive_invitation(&holder.agent, &holder.tenant, take)).unwrap();
    world.settle();

    let conn_id = issuer.store.dump("connection")[0].0.clone();
    now(send_ping(&issuer.agent, &issuer.tenant, SendPing { conn_id, comment: None })).unwrap();
    let mut sent = issuer.take_messages().remove(0);
    for (kind, understood) in [("notification/1.0/ack", true), ("notification/1.0/nack", false)] {
        let kind = format!("https://didcomm.org/{kind}");
        sent.message = json!({"@type": kind, "@id": kind, "status": "OK", "~thread": {"thid": "t"}});
        let rejection = holder.receive(&issuer.pack(&sent)).rejection;
        assert_eq!(rejection.is_none(), understood, "{kind}: {rejection:?}");
        assert_eq!(holder.take_messages().is_empty(), understood, "{kind}");
    }
}
