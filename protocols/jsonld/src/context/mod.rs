//! Active contexts and term definitions (JSON-LD-API section 4), immutable once made.

pub(crate) mod cache;
mod define;
mod entries;
mod expand_iri;
mod process;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use crate::keyword::Keyword;

pub(crate) use expand_iri::{As, Expanded};
pub(crate) use process::{Compiler, Steps};

static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// Numbers of contexts and terms are never used twice in a process: they are cache keys, and an address could come
/// back after an eviction.
pub(crate) fn next_number() -> u64 {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// Text direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ltr,
    Rtl,
}

impl Direction {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "ltr" => Some(Self::Ltr),
            "rtl" => Some(Self::Rtl),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ltr => "ltr",
            Self::Rtl => "rtl",
        }
    }
}

/// An active context.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) number: u64,
    pub(crate) base: Option<Arc<str>>,
    pub(crate) original_base: Option<Arc<str>>,
    pub(crate) vocab: Option<Arc<str>>,
    pub(crate) language: Option<Arc<str>>,
    pub(crate) direction: Option<Direction>,
    pub(crate) terms: HashMap<Arc<str>, Arc<Term>>,
    pub(crate) previous: Option<Arc<Context>>,
}

impl Context {
    /// A newly-initialized active context.
    pub(crate) fn initial(base: Option<Arc<str>>) -> Self {
        Self {
            number: next_number(),
            original_base: base.clone(),
            base,
            vocab: None,
            language: None,
            direction: None,
            terms: HashMap::new(),
            previous: None,
        }
    }

    pub(crate) fn term(&self, name: &str) -> Option<&Arc<Term>> {
        self.terms.get(name)
    }

    pub(crate) fn has_protected_terms(&self) -> bool {
        self.terms.values().any(|term| term.protected)
    }

    /// Bytes this context is charged with in a cache; terms are shared, their table is not.
    pub(crate) fn weight(&self) -> usize {
        256 + self.terms.capacity() * 48
    }
}

/// What a term, or a string expanded as an IRI, stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mapping {
    Keyword(Keyword),
    /// IRI or blank node identifier; in odd contexts a relative reference.
    Iri(Arc<str>),
}

impl Mapping {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Keyword(keyword) => keyword.as_str(),
            Self::Iri(iri) => iri,
        }
    }
}

/// `@container`, as a set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Container(u8);

impl Container {
    pub(crate) const GRAPH: Self = Self(1);
    pub(crate) const ID: Self = Self(2);
    pub(crate) const INDEX: Self = Self(4);
    pub(crate) const LANGUAGE: Self = Self(8);
    pub(crate) const LIST: Self = Self(16);
    pub(crate) const SET: Self = Self(32);
    pub(crate) const TYPE: Self = Self(64);

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn count(self) -> u32 {
        self.0.count_ones()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A term definition.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub(crate) number: u64,
    /// `None`: explicitly mapped to null.
    pub(crate) mapping: Option<Mapping>,
    pub(crate) prefix: bool,
    pub(crate) protected: bool,
    pub(crate) reverse: bool,
    pub(crate) base_url: Option<Arc<str>>,
    /// The local context of a scoped context; `Value::Null` is a context, too.
    pub(crate) context: Option<Arc<Value>>,
    pub(crate) container: Container,
    pub(crate) direction: Option<Option<Direction>>,
    pub(crate) index: Option<Arc<str>>,
    pub(crate) language: Option<Option<Arc<str>>>,
    pub(crate) nest: Option<Arc<str>>,
    pub(crate) type_mapping: Option<Mapping>,
}

impl Term {
    /// Equal in all but `protected` (Create Term Definition, step 27.1).
    pub(crate) fn same_definition(&self, other: &Self) -> bool {
        self.mapping == other.mapping
            && self.prefix == other.prefix
            && self.reverse == other.reverse
            && self.context == other.context
            && self.container == other.container
            && self.direction == other.direction
            && self.index == other.index
            && self.language == other.language
            && self.nest == other.nest
            && self.type_mapping == other.type_mapping
    }

    pub(crate) fn is_typed(&self, keyword: Keyword) -> bool {
        self.type_mapping == Some(Mapping::Keyword(keyword))
    }
}
