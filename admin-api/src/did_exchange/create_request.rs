//! `POST /didexchange/create-request`

use chancery_agent::did_exchange;

use super::{USE_DID_METHODS, my_endpoint};
use crate::connection;
use crate::operation::{Answer, Operation, command};
use crate::out_of_band::mediation_id;
use crate::schema::rule::DID;
use crate::schema::{Field, boolean, matching, one_of, text};

static QUERY: [Field; 12] = [
    matching("their_public_did", &DID)
        .required()
        .about("The DID to connect with")
        .example("did:web:example.com"),
    text("alias").about("The controller's name for the connection").example("Barry"),
    my_endpoint(),
    text("my_label").about("Label instead of the agent's").example("Broker"),
    mediation_id(),
    boolean("use_public_did").about("Use our public DID"),
    boolean("auto_accept").about("Take the next steps without being asked (default: --auto-accept-requests)"),
    one_of("protocol", connection::PROTOCOLS).about("Which version to speak").default("didexchange/1.0"),
    text("use_did").about("A DID of the wallet to use").example("did:example:1234"),
    one_of("use_did_method", USE_DID_METHODS).about("Make a DID of this method").example("did:peer:4"),
    text("goal_code").about("What it is for, for machines").example("issue-vc"),
    text("goal").about("What it is for, for humans").example("To issue a Faber College Graduate credential"),
];

pub(super) static OPERATION: Operation =
    Operation::post("/didexchange/create-request", super::TAG, command!(did_exchange::create_request))
        .summary("Connect with a DID, without an invitation")
        .query(&[&QUERY])
        .answers(Answer::One(&connection::RECORD));
