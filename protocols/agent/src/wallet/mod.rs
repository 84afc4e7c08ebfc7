//! Own DIDs and keys.

mod commands;

pub use commands::{
    DidCreate, DidList, DidOptions, KeyCreate, KeyRef, KeyUpdate, OwnDid, SetDidEndpoint, SetPublicDid, did_create,
    did_list, get_did_endpoint, key_create, key_get, key_update, public_did, rotate_keypair, set_did_endpoint,
    set_public_did,
};
