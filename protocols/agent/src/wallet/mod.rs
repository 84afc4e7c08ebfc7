//! Own DIDs and keys.

mod commands;
mod own;

pub use commands::{
    DidCreate, DidList, DidOptions, KeyCreate, KeyRef, KeyUpdate, DidRef, SetDidEndpoint, SetPublicDid, did_create,
    did_list, get_did_endpoint, key_create, key_get, key_update, public_did, rotate_keypair, set_did_endpoint,
    set_public_did,
};
pub use own::{OwnDid, Purpose, make_public, new_key, new_nym, new_peer2, new_peer4, own_did, public, shared_did};
