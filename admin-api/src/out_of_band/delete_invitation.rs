//! `DELETE /out-of-band/invitations/{invi_msg_id}`

use chancery_agent::out_of_band;

use crate::operation::{Operation, command};
use crate::schema::rule::UUID4;
use crate::schema::{Field, matching};

static PATH: [Field; 1] = [matching("invi_msg_id", &UUID4).about("Id of the invitation")];

pub(super) static OPERATION: Operation = Operation::delete(
    "/out-of-band/invitations/{invi_msg_id}",
    super::TAG,
    command!(out_of_band::delete_invitation),
)
.summary("Remove an invitation with everything that came of it")
.about("That includes its connections. Nothing happens when it is gone already.")
.path(&PATH);
