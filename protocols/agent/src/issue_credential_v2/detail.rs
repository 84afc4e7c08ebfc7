//! What is noted of an exchange in one family of formats: ACA-Py's detail records.

use chancery_credentials::Family;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ports::store::{NewRow, Row, RowKey, Tag};
use crate::unit::{AgentError, Unit};

/// A detail record.
#[derive(Clone, Debug)]
pub struct Detail {
    /// Of which family.
    pub family: &'static Family,
    /// Its own id.
    pub id: String,
    /// What is stored.
    pub members: Members,
}

/// The stored value of a [`Detail`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Members {
    /// The exchange.
    pub cred_ex_id: String,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Record id of the stored credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cred_id_stored: Option<String>,
    /// What the format kept, and members of ACA-Py's record that we don't know.
    #[serde(flatten)]
    pub kept: Map<String, Value>,
}

impl Detail {
    /// The first note of an exchange.
    pub fn new(unit: &Unit<'_>, family: &'static Family, cred_ex_id: &str) -> Self {
        let now = unit.now().to_text();
        let members = Members {
            cred_ex_id: cred_ex_id.to_owned(),
            created_at: now.clone(),
            updated_at: now,
            ..Members::default()
        };
        Self { family, id: unit.new_id(), members }
    }

    /// The detail of a row in the family's category.
    pub fn from_row(family: &'static Family, row: &Row) -> Result<Self, AgentError> {
        let members = serde_json::from_slice(&row.value).map_err(|e| {
            AgentError::internal("record-unreadable", format!("{}/{}: {e}", row.key.category, row.key.name))
        })?;
        Ok(Self { family, id: row.key.name.clone(), members })
    }

    /// The row's key.
    pub fn key(&self) -> RowKey {
        RowKey::new(self.family.detail_category, &*self.id)
    }

    /// The row to write.
    pub fn to_row(&self, plaintext: bool) -> Result<NewRow, AgentError> {
        let value = serde_json::to_vec(&self.members).map_err(|e| {
            AgentError::internal("record-unwritable", format!("{}: {e}", self.family.detail_category))
        })?;
        let tag = Tag { plaintext, ..Tag::new("cred_ex_id", &*self.members.cred_ex_id) };
        Ok(NewRow { key: self.key(), value, tags: vec![tag] })
    }

    /// As the admin API and the webhook show it. What a format kept may be secret: only the members that its family names
    /// are shown.
    pub fn view(&self) -> Value {
        let mut view = Map::new();
        view.insert("created_at".to_owned(), self.members.created_at.clone().into());
        view.insert("updated_at".to_owned(), self.members.updated_at.clone().into());
        view.insert(self.family.detail_id.to_owned(), self.id.clone().into());
        view.insert("cred_ex_id".to_owned(), self.members.cred_ex_id.clone().into());
        let stored = &self.members.cred_id_stored;
        view.extend(stored.as_ref().map(|id| ("cred_id_stored".to_owned(), id.clone().into())));
        for name in self.family.shown {
            view.extend(self.members.kept.get(*name).map(|value| ((*name).to_owned(), value.clone())));
        }
        Value::Object(view)
    }
}
