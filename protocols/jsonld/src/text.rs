//! A string of the expanded document: borrowed where it stands in the document, shared where a context gave it.

use std::ops::Deref;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(crate) enum Text<'d> {
    Document(&'d str),
    Shared(Arc<str>),
    Owned(String),
}

impl Text<'_> {
    pub(crate) fn into_shared(self) -> Arc<str> {
        match self {
            Self::Document(text) => text.into(),
            Self::Shared(text) => text,
            Self::Owned(text) => text.into(),
        }
    }

    pub(crate) fn into_string(self) -> String {
        match self {
            Self::Document(text) => text.to_owned(),
            Self::Shared(text) => text.as_ref().to_owned(),
            Self::Owned(text) => text,
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Document(text) => text,
            Self::Shared(text) => text,
            Self::Owned(text) => text,
        }
    }
}
