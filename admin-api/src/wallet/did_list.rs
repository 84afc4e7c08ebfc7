//! `GET /wallet/did`

use chancery_agent::wallet;

use super::record::{KEY_TYPES, POSTURES, RECORD};
use crate::operation::{Answer, Operation, command};
use crate::schema::rule::{DID, VERKEY};
use crate::schema::{Field, matching, one_of, text};

static QUERY: [Field; 5] = [
    matching("did", &DID).about("Only this DID"),
    matching("verkey", &VERKEY).about("Only the DID with this key"),
    one_of("posture", POSTURES).about("Only DIDs that are so public"),
    text("method").about("Only DIDs of this method").example("key"),
    one_of("key_type", KEY_TYPES).about("Only DIDs with keys of this type"),
];

pub(super) static OPERATION: Operation =
    Operation::get("/wallet/did", super::TAG, command!(wallet::did_list))
        .summary("List DIDs of the wallet")
        .query(&[&QUERY])
        .answers(Answer::Results(&RECORD));
