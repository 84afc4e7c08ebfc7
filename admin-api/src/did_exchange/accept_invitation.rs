//! `POST /didexchange/{conn_id}/accept-invitation`

use chancery_agent::did_exchange;

use super::{USE_DID_METHODS, my_endpoint};
use crate::connection;
use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, one_of, text};

static QUERY: [Field; 4] = [
    my_endpoint(),
    text("my_label").about("Label instead of the agent's").example("Broker"),
    text("use_did").about("A DID of the wallet to use").example("did:example:1234"),
    one_of("use_did_method", USE_DID_METHODS).about("Make a DID of this method").example("did:peer:4"),
];

pub(super) static OPERATION: Operation = Operation::post(
    "/didexchange/{conn_id}/accept-invitation",
    super::TAG,
    command!(did_exchange::accept_invitation),
)
.summary("Send the request to who invited")
.path(&connection::ID)
.query(&[&QUERY])
.answers(Answer::One(&connection::RECORD));
