//! Connections: the record, which keys belong to which, and where to send. Shared by all protocols.

mod directory;
mod record;

pub use directory::Directory;
pub use record::Connection;
