//! `DELETE /credential/w3c/{credential_id}`

use chancery_agent::credential;

use crate::operation::{Operation, command};

pub(super) static OPERATION: Operation =
    Operation::delete("/credential/w3c/{credential_id}", super::TAG, command!(credential::delete_w3c))
        .summary("Remove a W3C credential from the wallet")
        .path(&super::ID);
