//! Tag `wallet`: own DIDs.

mod did_create;
mod did_list;
mod public_did;
mod record;
mod set_public_did;

use crate::groups::Group;

const TAG: &str = "wallet";

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "DIDs and keys of the wallet",
    module: "acapy_agent.wallet",
    operations: &[&did_list::OPERATION, &did_create::OPERATION, &public_did::OPERATION, &set_public_did::OPERATION],
};
