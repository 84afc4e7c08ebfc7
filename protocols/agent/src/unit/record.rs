//! What a stored record is: one row whose value is ACA-Py's JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ports::store::{NewRow, Row, RowKey, Tag};
use crate::unit::AgentError;

/// A record kept under its id in one Askar category. The id is the row's name and not part of the value
/// (implementations mark it `#[serde(skip)]`).
pub trait Record: Serialize + DeserializeOwned + Clone + Send + Sync {
    /// The Askar category, which ACA-Py also names in `Record not found: <category>/<id>.`
    const CATEGORY: &'static str;
    /// The record's id.
    fn id(&self) -> &str;
    /// Called after reading.
    fn set_id(&mut self, id: String);
    /// Tags as ACA-Py writes them; null fields have none.
    fn tags(&self, plaintext: bool) -> Vec<Tag>;

    /// The connection that it belongs to, for the log.
    fn connection_id(&self) -> Option<&str> {
        None
    }

    /// The thread that it belongs to, for the log.
    fn thread_id(&self) -> Option<&str> {
        None
    }

    /// The row's key.
    fn key(&self) -> RowKey {
        RowKey::new(Self::CATEGORY, self.id())
    }

    /// The row to write.
    fn to_row(&self, plaintext: bool) -> Result<NewRow, AgentError> {
        let value = serde_json::to_vec(self)
            .map_err(|e| AgentError::internal("record-unwritable", format!("{}: {e}", Self::CATEGORY)))?;
        Ok(NewRow { key: self.key(), value, tags: self.tags(plaintext) })
    }

    /// The record of a row.
    fn from_row(row: &Row) -> Result<Self, AgentError> {
        let mut record: Self = serde_json::from_slice(&row.value).map_err(|e| {
            AgentError::internal("record-unreadable", format!("{}/{}: {e}", Self::CATEGORY, row.key.name))
        })?;
        record.set_id(row.key.name.clone());
        Ok(record)
    }
}
