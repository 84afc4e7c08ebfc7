//! Connections as the controller sees them: the commands of the `connection` tag of the admin API.

mod commands;

pub use commands::{
    ConnectionId, CreateStatic, ListConnections, MetadataGet, MetadataSet, create_static, endpoints, get,
    list, metadata_get, metadata_set, remove,
};
