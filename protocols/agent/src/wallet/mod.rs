//! DIDs and keys of ours as the controller sees them, and the marks of the wallet.

mod commands;
mod marks;
#[cfg(test)]
mod tests;

pub use commands::{
    DidCreate, DidList, DidOptions, DidRef, KeyCreate, KeyRef, KeyUpdate, SetDidEndpoint, SetPublicDid,
    did_create, did_list, ensure_seed_did, get_did_endpoint, key_create, key_get, key_update, public_did,
    rotate_keypair, set_did_endpoint, set_public_did,
};
pub use marks::ensure_marks;
