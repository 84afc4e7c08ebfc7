//! The expanded form, typed: one struct for node, value, list and set objects, as the algorithm builds them.

use serde_json::Value;

use crate::context::Direction;
use crate::context::Expanded;
use crate::keyword::Keyword;
use crate::text::Text;

/// A value as it stands in the document: under `@value`, or a key of a map that becomes a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Val<'d> {
    Json(&'d Value),
    Text(&'d str),
}

impl<'d> Val<'d> {
    pub(crate) fn as_str(self) -> Option<&'d str> {
        match self {
            Self::Json(value) => value.as_str(),
            Self::Text(text) => Some(text),
        }
    }
}

/// Property IRI (or blank node identifier) and values. The same property may occur more than once.
pub(crate) type Properties<'d> = Vec<(Text<'d>, Vec<Object<'d>>)>;

#[derive(Debug, Default)]
pub(crate) struct Object<'d> {
    pub(crate) id: Option<Expanded<'d>>,
    pub(crate) types: Vec<Expanded<'d>>,
    pub(crate) has_type: bool,
    /// `@type` was written as an array: wrong in a value object.
    pub(crate) type_is_array: bool,
    pub(crate) value: Option<Val<'d>>,
    pub(crate) language: Option<Text<'d>>,
    pub(crate) list: Option<Vec<Object<'d>>>,
    pub(crate) graph: Option<Vec<Object<'d>>>,
    pub(crate) properties: Properties<'d>,
    pub(crate) rare: Option<Box<Rare<'d>>>,
}

/// Entries that few objects have.
#[derive(Debug, Default)]
pub(crate) struct Rare<'d> {
    pub(crate) direction: Option<Direction>,
    pub(crate) index: Option<Text<'d>>,
    pub(crate) set: Option<Vec<Object<'d>>>,
    pub(crate) included: Option<Vec<Object<'d>>>,
    pub(crate) reverse: Option<Properties<'d>>,
    /// `@reverse` itself was written, which may be done once; reverse terms may come on top.
    pub(crate) reverse_written: bool,
}

impl<'d> Object<'d> {
    pub(crate) fn rare(&mut self) -> &mut Rare<'d> {
        self.rare.get_or_insert_default()
    }

    pub(crate) fn direction(&self) -> Option<Direction> {
        self.rare.as_ref()?.direction
    }

    pub(crate) fn index(&self) -> Option<&Text<'d>> {
        self.rare.as_ref()?.index.as_ref()
    }

    pub(crate) fn has_set(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.set.is_some())
    }

    pub(crate) fn has_included(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.included.is_some())
    }

    pub(crate) fn has_reverse(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.reverse.is_some())
    }

    pub(crate) fn of_list(items: Vec<Object<'d>>) -> Self {
        Self { list: Some(items), ..Self::default() }
    }

    pub(crate) fn of_graph(items: Vec<Object<'d>>) -> Self {
        Self { graph: Some(items), ..Self::default() }
    }

    pub(crate) fn is_json(&self) -> bool {
        matches!(self.types.as_slice(), [Expanded::Keyword(Keyword::Json)]) && !self.type_is_array
    }

    /// Has entries besides those counted by the caller: everything but `@id`, `@graph` and `@index`.
    fn has_more_than_graph(&self) -> bool {
        self.has_type
            || self.value.is_some()
            || self.language.is_some()
            || self.list.is_some()
            || !self.properties.is_empty()
            || self.direction().is_some()
            || self.has_set()
            || self.has_included()
            || self.has_reverse()
    }

    pub(crate) fn is_only_graph(&self) -> bool {
        self.graph.is_some() && self.id.is_none() && self.index().is_none() && !self.has_more_than_graph()
    }

    /// A graph object: `@graph`, and at most `@id` and `@index` besides.
    pub(crate) fn is_graph_object(&self) -> bool {
        self.graph.is_some() && !self.has_more_than_graph()
    }

    pub(crate) fn is_value_or_list(&self) -> bool {
        self.value.is_some() || self.list.is_some()
    }

    /// A node object: no value, list or set object.
    pub(crate) fn is_node(&self) -> bool {
        self.value.is_none() && self.list.is_none() && !self.has_set()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.id.is_none() && self.graph.is_none() && self.index().is_none() && !self.has_more_than_graph()
    }

    pub(crate) fn is_only_id(&self) -> bool {
        self.id.is_some() && self.graph.is_none() && self.index().is_none() && !self.has_more_than_graph()
    }

    /// What step 19 drops where nothing holds it.
    pub(crate) fn floats(&self) -> bool {
        self.is_empty() || self.is_value_or_list() || self.is_only_id()
    }

    pub(crate) fn is_only_language(&self) -> bool {
        self.language.is_some()
            && self.id.is_none()
            && self.graph.is_none()
            && self.index().is_none()
            && !self.has_type
            && self.value.is_none()
            && self.list.is_none()
            && self.properties.is_empty()
            && self.direction().is_none()
            && !self.has_set()
            && !self.has_included()
            && !self.has_reverse()
    }
}
