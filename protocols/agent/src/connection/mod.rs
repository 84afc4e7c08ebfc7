//! Connections: the record, which keys belong to which, and where to send. Shared by all protocols.

mod commands;
mod directory;
mod exchange;
mod record;

pub use commands::{
    ConnectionId, CreateStatic, ListConnections, MetadataGet, MetadataSet, create_static, endpoints, get, list,
    metadata_get, metadata_set, remove,
};
pub use directory::Directory;
pub use exchange::send_in_exchange;
pub use record::Connection;

/// Records returned by a list without `limit`.
pub(crate) fn default_limit() -> usize {
    100
}
