//! `POST /didexchange/receive-request`

use chancery_agent::did_exchange;

use super::my_endpoint;
use crate::connection;
use crate::operation::{Answer, Operation, command};
use crate::out_of_band::mediation_id;
use crate::schema::rule::DID;
use crate::schema::{Field, Schema, boolean, map, matching, text};

static QUERY: [Field; 4] = [
    text("alias").about("The controller's name for the connection").example("Barry"),
    my_endpoint(),
    boolean("auto_accept").about("Answer without being asked (default: --auto-accept-requests)"),
    mediation_id(),
];

static BODY: Schema = Schema { name: "DIDXRequest", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 7] = [
    text("@type").about("Message type").example("https://didcomm.org/didexchange/1.1/request"),
    text("@id").about("Id of the message").example("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
    text("label").required().about("Who asks").example("Request to connect with Bob"),
    matching("did", &DID).about("DID of who asks"),
    map("did_doc~attach").about("DID document of who asks, signed"),
    text("goal_code").about("What it is for, for machines").example("issue-vc"),
    text("goal").about("What it is for, for humans").example("To issue a Faber College Graduate credential"),
];

pub(super) static OPERATION: Operation =
    Operation::post("/didexchange/receive-request", super::TAG, command!(did_exchange::receive_request))
        .summary("Take a request to our public DID that came another way")
        .query(&[&QUERY])
        .body_as("request", &BODY)
        .answers(Answer::One(&connection::RECORD))
        .deprecated();
