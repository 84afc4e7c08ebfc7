//! What is wrong with a piece of input, and where.

use std::fmt;

use serde_json::{Map, Value};

/// One step into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathItem {
    /// Member of an object.
    Member(String),
    /// Entry of a list.
    Entry(usize),
}

impl From<&str> for PathItem {
    fn from(name: &str) -> Self {
        Self::Member(name.to_owned())
    }
}

impl From<usize> for PathItem {
    fn from(at: usize) -> Self {
        Self::Entry(at)
    }
}

/// A broken rule: where, and ACA-Py's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// From the value that was validated inwards; empty: the value itself.
    pub path: Vec<PathItem>,
    /// The text, without the path.
    pub message: String,
}

impl Invalid {
    /// A broken rule of the value itself.
    pub fn here(message: impl Into<String>) -> Self {
        Self { path: Vec::new(), message: message.into() }
    }

    /// A broken rule of one of its members or entries.
    pub fn at(item: impl Into<PathItem>, message: impl Into<String>) -> Self {
        Self { path: vec![item.into()], message: message.into() }
    }

    /// The same, seen from one step further out.
    #[must_use]
    pub fn within(mut self, item: impl Into<PathItem>) -> Self {
        self.path.insert(0, item.into());
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, item) in self.path.iter().enumerate() {
            match item {
                PathItem::Member(name) if i == 0 => f.write_str(name)?,
                PathItem::Member(name) => write!(f, ".{name}")?,
                PathItem::Entry(at) => write!(f, "[{at}]")?,
            }
        }
        if !self.path.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}

/// The tree of messages as marshmallow builds it: objects by member (entries of lists under their number as text),
/// lists of messages at the leaves.
pub fn tree(list: &[Invalid]) -> Value {
    if list.iter().any(|invalid| invalid.path.is_empty()) {
        let own = list.iter().filter(|i| i.path.is_empty()).map(|i| Value::from(i.message.clone()));
        return Value::Array(own.collect());
    }
    let mut names: Vec<String> = Vec::new();
    let name = |item: &PathItem| match item {
        PathItem::Member(name) => name.clone(),
        PathItem::Entry(at) => at.to_string(),
    };
    for invalid in list {
        if let Some(first) = invalid.path.first().map(name)
            && !names.contains(&first)
        {
            names.push(first);
        }
    }
    let mut out = Map::new();
    for member in names {
        let inner: Vec<Invalid> = list
            .iter()
            .filter(|i| i.path.first().map(name).as_ref() == Some(&member))
            .map(|i| Invalid { path: i.path[1..].to_vec(), message: i.message.clone() })
            .collect();
        out.insert(member, tree(&inner));
    }
    Value::Object(out)
}
