//! Which introduction waits for which answer.

use serde::{Deserialize, Serialize};

use crate::ports::store::{Query, Row, Tag};
use crate::unit::{AgentError, Record, Unit};

const INITIATOR: &str = "init_connection_id";
const TARGET: &str = "target_connection_id";

/// Introductions to one connection that are looked at for one whose name doesn't follow from its thread.
const MOST_LOOKED_AT: usize = 64;

/// The name of an introduction by its thread, which is an id of ours.
fn id_of(thread_id: &str) -> String {
    thread_id.replace('-', "")
}

/// An introduction that we make.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Introduction {
    #[serde(skip)]
    id: String,
    /// Thread of our request.
    thread_id: String,
    /// `pending`, then `complete`.
    state: String,
    /// Who gets the invitation. ACA-Py keeps the connections in the tags alone.
    #[serde(skip)]
    pub(super) init_connection_id: String,
    /// Who is asked for it.
    #[serde(skip)]
    target_connection_id: String,
}

impl Introduction {
    /// One that waits for an answer in this thread.
    pub(super) fn pending(initiator: &str, target: &str, thread_id: &str) -> Self {
        Self {
            id: id_of(thread_id),
            thread_id: thread_id.to_owned(),
            state: "pending".to_owned(),
            init_connection_id: initiator.to_owned(),
            target_connection_id: target.to_owned(),
        }
    }

    /// The one that waits for this connection's answer in this thread. Rows of ACA-Py and of earlier versions have another name,
    /// and are found while the connection has few.
    pub(super) async fn awaiting(
        unit: &mut Unit<'_>,
        target: &str,
        thread_id: &str,
    ) -> Result<Option<Self>, AgentError> {
        let waits = |found: &Self| {
            found.state == "pending" && found.thread_id == thread_id && found.target_connection_id == target
        };
        if let Some(found) = unit.load::<Self>(&id_of(thread_id)).await?.filter(waits) {
            return Ok(Some(found));
        }
        let query = Query::tagged(Self::CATEGORY, TARGET, target).any(MOST_LOOKED_AT);
        for row in unit.find_rows(&query, false).await? {
            let found = Self::from_row(&row)?;
            if waits(&found) {
                return unit.load(&found.id).await;
            }
        }
        Ok(None)
    }

    /// Its answer has come.
    pub(super) fn complete(mut self, unit: &mut Unit<'_>) -> Result<(), AgentError> {
        self.state = "complete".to_owned();
        unit.save(&self)
    }
}

impl Record for Introduction {
    const CATEGORY: &'static str = "introduction_record";

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: String) {
        self.id = id;
    }

    fn tags(&self, _plaintext: bool) -> Vec<Tag> {
        vec![Tag::new(INITIATOR, &*self.init_connection_id), Tag::new(TARGET, &*self.target_connection_id)]
    }

    fn from_row(row: &Row) -> Result<Self, AgentError> {
        let unreadable = |what: &str| {
            AgentError::internal("record-unreadable", format!("{}/{}: {what}", Self::CATEGORY, row.key.name))
        };
        let tag = |name: &str| {
            let tag = row.tags.iter().find(|t| t.name == name);
            tag.map(|t| t.value.clone()).ok_or_else(|| unreadable(&format!("no tag {name}")))
        };
        let read: Self = serde_json::from_slice(&row.value).map_err(|e| unreadable(&e.to_string()))?;
        Ok(Self {
            id: row.key.name.clone(),
            init_connection_id: tag(INITIATOR)?,
            target_connection_id: tag(TARGET)?,
            ..read
        })
    }
}
