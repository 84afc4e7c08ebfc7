//! `POST /didexchange/{conn_id}/accept-request`

use chancery_agent::did_exchange;

use super::my_endpoint;
use crate::connection;
use crate::operation::{Answer, Operation, command};
use crate::out_of_band::mediation_id;
use crate::schema::{Field, boolean};

static QUERY: [Field; 3] =
    [my_endpoint(), mediation_id(), boolean("use_public_did").about("Answer with the public DID")];

pub(super) static OPERATION: Operation = Operation::post(
    "/didexchange/{conn_id}/accept-request",
    super::TAG,
    command!(did_exchange::accept_request),
)
.summary("Answer a request")
.path(&connection::ID)
.query(&[&QUERY])
.answers(Answer::One(&connection::RECORD));
