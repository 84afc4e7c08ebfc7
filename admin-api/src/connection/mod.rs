//! Tag `connection`.

mod create_static;
mod endpoints;
mod get;
mod list;
mod metadata_get;
mod metadata_set;
mod record;
mod remove;

pub(crate) use record::{PROTOCOLS, RECORD};

use crate::groups::Group;
use crate::schema::{Field, text};

const TAG: &str = "connection";

/// The connection in the path.
pub(crate) static ID: [Field; 1] =
    [text("conn_id").about("Id of the connection").example("3fa85f64-5717-4562-b3fc-2c963f66afa6")];

pub(crate) static GROUP: Group = Group {
    tag: TAG,
    about: "Connections with other agents",
    module: "acapy_agent.connections",
    operations: &[
        &list::OPERATION,
        &create_static::OPERATION,
        &get::OPERATION,
        &remove::OPERATION,
        &endpoints::OPERATION,
        &metadata_get::OPERATION,
        &metadata_set::OPERATION,
    ],
};
