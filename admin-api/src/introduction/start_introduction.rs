//! `POST /connections/{conn_id}/start-introduction`

use chancery_agent::introduction;

use crate::connection;
use crate::operation::{Operation, command};
use crate::schema::{Field, text};

static QUERY: [Field; 2] = [
    text("target_connection_id")
        .required()
        .about("Connection that is asked for an invitation")
        .example("3fa85f64-5717-4562-b3fc-2c963f66afa6"),
    text("message").about("Sent along").example("Allow me to introduce ..."),
];

pub(super) static OPERATION: Operation = Operation::post(
    "/connections/{conn_id}/start-introduction",
    super::TAG,
    command!(introduction::start_introduction),
)
.summary("Introduce two connections to each other")
.about(
    "The target connection is asked for an invitation, which goes to the connection in the path. The other side of the \
     target must have --auto-accept-intro-invitation-requests.",
)
.path(&connection::ID)
.query(&[&QUERY]);
