//! Expansion (JSON-LD-API section 5.1). Step numbers are the specification's.
//!
//! The result is a tree of [`Object`]s that borrows from the document; [`output`] turns it into JSON where JSON is
//! asked for, `rdf` reads it as it is.

mod element;
mod entries;
mod finish;
mod maps;
pub(crate) mod object;
pub(crate) mod output;
mod policy;

use std::sync::Arc;

use serde_json::Value;

use crate::context::{As, Compiler, Context, Expanded, Term};
use crate::error::Error;
pub(crate) use object::{Object, Val};
pub(crate) use policy::Policy;

/// Levels of nesting in a document. serde_json reads no more than 127 of them.
pub const MAX_DEPTH: usize = 128;

/// What an element expands to.
#[derive(Debug)]
pub(crate) enum Out<'d> {
    Null,
    One(Object<'d>),
    Many(Vec<Object<'d>>),
}

impl<'d> Out<'d> {
    pub(crate) fn into_vec(self) -> Vec<Object<'d>> {
        match self {
            Self::Null => Vec::new(),
            Self::One(object) => vec![object],
            Self::Many(objects) => objects,
        }
    }
}

/// `active property`.
#[derive(Clone, Copy)]
pub(crate) enum Active<'a> {
    /// null
    Top,
    Graph,
    Reverse,
    Property(&'a str, Option<&'a Arc<Term>>),
}

impl<'a> Active<'a> {
    fn term(self) -> Option<&'a Arc<Term>> {
        match self {
            Self::Property(_, term) => term,
            _ => None,
        }
    }

    /// null or `@graph`: where nothing may float free.
    fn is_free(self) -> bool {
        matches!(self, Self::Top | Self::Graph)
    }
}

/// One expansion under way.
pub(crate) struct Expander<'p> {
    pub(crate) compiler: &'p Compiler<'p>,
    pub(crate) policy: Policy,
    depth: usize,
}

impl<'p> Expander<'p> {
    pub(crate) fn new(compiler: &'p Compiler<'p>, policy: Policy) -> Self {
        Self { compiler, policy, depth: 0 }
    }

    /// IRI Expansion. What is written counts: a document can have one long prefix and use it everywhere.
    fn iri<'d>(&self, context: &Context, value: &'d str, reading: As) -> Result<Expanded<'d>, Error> {
        self.written(context.expand_iri(value, reading))
    }

    fn written<'d>(&self, expanded: Expanded<'d>) -> Result<Expanded<'d>, Error> {
        if let Expanded::Iri(iri) = &expanded {
            self.compiler.steps.written(iri)?;
        }
        Ok(expanded)
    }

    /// The document's node objects (section 9.1, `expand`, steps 8 and 9).
    pub(crate) fn document<'d>(
        &mut self,
        context: &Arc<Context>,
        document: &'d Value,
    ) -> Result<Vec<Object<'d>>, Error> {
        let mut objects = self.element(context, Active::Top, document, false)?.into_vec();
        if let [only] = objects.as_mut_slice()
            && only.is_only_graph()
        {
            return Ok(only.graph.take().unwrap_or_default());
        }
        Ok(objects)
    }
}
