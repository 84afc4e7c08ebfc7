//! Tag `out-of-band` (Aries RFC 0434).

mod create_invitation;
mod delete_invitation;
mod invitation;
mod receive_invitation;
mod record;
mod records;

pub(crate) use record::mediation_id;

use crate::groups::Group;

const TAG: &str = "out-of-band";

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "Invitations",
    module: "acapy_agent.protocols.out_of_band",
    operations: &[
        &create_invitation::OPERATION,
        &receive_invitation::OPERATION,
        &records::OPERATION,
        &invitation::OPERATION,
        &delete_invitation::OPERATION,
    ],
};
