//! Tag `credentials`: what the wallet holds.

mod delete_w3c;
mod get_w3c;
mod list_w3c;
mod record;

use crate::groups::Group;
use crate::schema::{Field, text};

const TAG: &str = "credentials";

static ID: [Field; 1] = [text("credential_id")
    .about("Id of the stored credential")
    .example("3fa85f64-5717-4562-b3fc-2c963f66afa6")];

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "Credentials in the wallet",
    module: "acapy_agent.holder",
    operations: &[&list_w3c::OPERATION, &get_w3c::OPERATION, &delete_w3c::OPERATION],
};
