//! What the operations answer.

use crate::schema::rule::{DID, VERKEY};
use crate::schema::{Field, Schema, map, matching, object, one_of, text};

/// Key types of DIDs.
pub(super) const KEY_TYPES: &[&str] = &["ed25519", "bls12381g2", "p256"];

/// How public a DID is.
pub(super) const POSTURES: &[&str] = &["public", "posted", "wallet_only"];

/// A DID of the wallet.
pub(super) static RECORD: Schema = Schema { name: "DID", parts: &[&MEMBERS], whole: None };

static MEMBERS: [Field; 6] = [
    matching("did", &DID)
        .required()
        .about("The DID")
        .example("did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"),
    matching("verkey", &VERKEY).required().about("Its key, base58"),
    one_of("posture", POSTURES).required().about("How public it is"),
    one_of("key_type", KEY_TYPES).required().about("Type of its key"),
    text("method").required().about("DID method").example("key"),
    map("metadata").about("What the controller keeps with it"),
];

/// `{"result": …}`.
pub(super) static RESULT: Schema =
    Schema { name: "DIDResult", parts: &[&[object("result", &RECORD).nullable()]], whole: None };
