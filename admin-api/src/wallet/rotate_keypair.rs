//! `PATCH /wallet/did/local/rotate-keypair`

use chancery_agent::wallet;

use crate::operation::{Operation, command};
use crate::schema::rule::DID;
use crate::schema::{Field, matching};

static QUERY: [Field; 1] = [matching("did", &DID).required().about("A DID of the wallet that is not posted")];

pub(super) static OPERATION: Operation =
    Operation::patch("/wallet/did/local/rotate-keypair", super::TAG, command!(wallet::rotate_keypair))
        .summary("Give a DID of the wallet a new key")
        .query(&[&QUERY]);
