//! Own DIDs and keys.

mod commands;
mod marks;
mod own;
mod seed;
#[cfg(test)]
mod tests;

pub use commands::{
    DidCreate, DidList, DidOptions, DidRef, KeyCreate, KeyRef, KeyUpdate, SetDidEndpoint, SetPublicDid,
    did_create, did_list, ensure_seed_did, get_did_endpoint, key_create, key_get, key_update, public_did,
    rotate_keypair, set_did_endpoint, set_public_did,
};
pub use marks::ensure_marks;
pub use own::{
    OwnDid, Purpose, make_public, new_key, new_nym, new_peer2, new_peer4, nym_from_seed, own_did,
    own_did_to_connect, public, shared_dids,
};
pub use seed::Seed;
