//! Tag `wallet`: own DIDs.

mod did_create;
mod did_list;
mod get_did_endpoint;
mod keys;
mod public_did;
mod record;
mod rotate_keypair;
mod set_did_endpoint;
mod set_public_did;

use crate::groups::Group;

const TAG: &str = "wallet";

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "DIDs and keys of the wallet",
    module: "acapy_agent.wallet",
    operations: &[
        &did_list::OPERATION,
        &did_create::OPERATION,
        &public_did::OPERATION,
        &set_public_did::OPERATION,
        &set_did_endpoint::OPERATION,
        &get_did_endpoint::OPERATION,
        &rotate_keypair::OPERATION,
        &keys::CREATE_KEY,
        &keys::UPDATE_KEY,
        &keys::GET_KEY,
    ],
};
