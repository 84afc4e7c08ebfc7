//! Deserialize JSON-LD to RDF (JSON-LD-API section 7.1), walking the expanded tree: a node map would only be built
//! to be taken apart again.

use serde_json::Value;

use super::{Dataset, Quad, RDF, Term, XSD, literal};
use crate::RdfDirection;
use crate::context::{Direction, Expanded};
use crate::error::{Dropped, Error};
use crate::expand::{Object, Val};
use crate::iri;
use crate::keyword::Keyword;

/// A conversion under way.
pub(crate) struct Converter {
    pub(crate) data: Dataset,
    safe: bool,
    direction: Option<RdfDirection>,
    rdf_type: Option<Term>,
    /// Bytes that the statements may yet take.
    left: usize,
}

/// Bytes that the statements of one document may take, a term counted each time it is named: a document of a few
/// thousand bytes can name one long IRI thousands of times.
const MAX_BYTES: usize = 64 << 20;

/// An object's place in a statement, where there is one to make.
type Emitted = Option<Term>;

impl Converter {
    pub(crate) fn new(safe: bool, direction: Option<RdfDirection>) -> Self {
        Self { data: Dataset::new(), safe, direction, rdf_type: None, left: MAX_BYTES }
    }

    pub(crate) fn document(mut self, objects: &[Object<'_>]) -> Result<Dataset, Error> {
        self.free_nodes(objects, None)?;
        Ok(self.data)
    }

    fn refuse(&self, what: impl FnOnce() -> Dropped) -> Result<(), Error> {
        if self.safe { Err(Error::Unsafe { what: what(), pointer: String::new() }) } else { Ok(()) }
    }

    fn state(&mut self, quad: Quad) -> Result<(), Error> {
        match self.left.checked_sub(self.data.size_of(&quad)) {
            Some(left) => self.left = left,
            None => return Err(Error::WorkLimit("statements")),
        }
        self.data.insert(quad);
        Ok(())
    }

    /// Nodes that no property holds: of a graph, or included.
    fn free_nodes(&mut self, objects: &[Object<'_>], graph: Option<Term>) -> Result<(), Error> {
        for (at, object) in objects.iter().enumerate() {
            if object.is_value_or_list() {
                self.refuse(|| Dropped::FreeFloating).map_err(|error| error.at(at))?;
                continue;
            }
            let (_, stated) = self.node(object, graph).map_err(|error| error.at(at))?;
            if !stated && object.id.is_some() {
                self.refuse(|| Dropped::FreeFloating).map_err(|error| error.at(at))?;
            }
        }
        Ok(())
    }

    /// An IRI or blank node, or nothing if ill-formed.
    fn resource(&mut self, name: &str) -> Result<Emitted, Error> {
        if let Some(label) = name.strip_prefix("_:") {
            return Ok(Some(self.data.blank(Some(label))));
        }
        if iri::is_well_formed(name) {
            return Ok(Some(self.data.iri(name)));
        }
        self.refuse(|| Dropped::IllFormedIri(name.to_owned()))?;
        Ok(None)
    }

    fn expanded(&mut self, name: &Expanded<'_>) -> Result<Emitted, Error> {
        match name {
            Expanded::Iri(iri) => self.resource(iri),
            Expanded::Keyword(keyword) => {
                self.refuse(|| Dropped::RelativeIri(keyword.as_str().to_owned()))?;
                Ok(None)
            }
            Expanded::Null => {
                self.refuse(|| Dropped::RelativeIri(String::new()))?;
                Ok(None)
            }
        }
    }

    fn rdf(&mut self, name: &str) -> Term {
        self.data.iri(&format!("{RDF}{name}"))
    }

    /// A node object: its place in a statement, and whether a statement names it.
    fn node(&mut self, object: &Object<'_>, graph: Option<Term>) -> Result<(Emitted, bool), Error> {
        let subject = match &object.id {
            None => Some(self.data.blank(None)),
            Some(id) => self.expanded(id).map_err(|error| error.at("@id"))?,
        };
        let mut stated = false;
        for name in &object.types {
            let class = self.expanded(name).map_err(|error| error.at("@type"))?;
            if let (Some(subject), Some(class)) = (subject, class) {
                let predicate = match self.rdf_type {
                    Some(known) => known,
                    None => {
                        let made = self.rdf("type");
                        *self.rdf_type.insert(made)
                    }
                };
                self.state(Quad { subject, predicate, object: class, graph })?;
                stated = true;
            }
        }
        for (property, items) in &object.properties {
            let predicate = self.predicate(property).map_err(|error| error.at(&**property))?;
            let emit = subject.is_some() && predicate.is_some();
            for (at, item) in items.iter().enumerate() {
                let object = self.object(item, graph, emit).map_err(|error| error.at(at).at(&**property))?;
                if let (Some(subject), Some(predicate), Some(object)) = (subject, predicate, object) {
                    self.state(Quad { subject, predicate, object, graph })?;
                    stated = true;
                }
            }
        }
        if let Some(rare) = &object.rare {
            for (property, items) in rare.reverse.iter().flatten() {
                let predicate =
                    self.predicate(property).map_err(|error| error.at(&**property).at("@reverse"))?;
                for item in items {
                    let (holder, _) =
                        self.node(item, graph).map_err(|error| error.at(&**property).at("@reverse"))?;
                    if let (Some(holder), Some(predicate), Some(subject)) = (holder, predicate, subject) {
                        self.state(Quad { subject: holder, predicate, object: subject, graph })?;
                        stated = true;
                    }
                }
            }
            if let Some(included) = &rare.included {
                self.free_nodes(included, graph).map_err(|error| error.at("@included"))?;
            }
        }
        if let Some(nodes) = &object.graph
            && subject.is_some()
        {
            let before = self.data.quads().len();
            self.free_nodes(nodes, subject).map_err(|error| error.at("@graph"))?;
            stated |= self.data.quads()[before..].iter().any(|quad| quad.graph == subject);
        }
        Ok((subject, stated))
    }

    fn predicate(&mut self, property: &str) -> Result<Emitted, Error> {
        if iri::is_blank(property) {
            self.refuse(|| Dropped::BlankProperty(property.to_owned()))?;
            return Ok(None);
        }
        self.resource(property)
    }

    /// Object to RDF Conversion (section 7.2). Without `emit` the statement falls away, but the nodes within stand
    /// for themselves.
    fn object(&mut self, item: &Object<'_>, graph: Option<Term>, emit: bool) -> Result<Emitted, Error> {
        if let Some(value) = item.value {
            // 4 to 14
            return if emit { self.value(item, value, graph) } else { Ok(None) };
        }
        match &item.list {
            // 3
            Some(list) => self.list(list, graph, emit),
            // 1, 2
            None => Ok(self.node(item, graph)?.0),
        }
    }

    /// List to RDF Conversion (section 7.3).
    fn list(&mut self, items: &[Object<'_>], graph: Option<Term>, emit: bool) -> Result<Emitted, Error> {
        // 1
        if items.is_empty() {
            return Ok(emit.then(|| self.rdf("nil")));
        }
        if !emit {
            for item in items {
                self.object(item, graph, false)?;
            }
            return Ok(None);
        }
        // 2
        let nodes: Vec<Term> = items.iter().map(|_| self.data.blank(None)).collect();
        let (first, rest, nil) = (self.rdf("first"), self.rdf("rest"), self.rdf("nil"));
        // 3
        for (at, item) in items.iter().enumerate() {
            let subject = nodes[at];
            let object = self.object(item, graph, true).map_err(|error| error.at(at).at("@list"))?;
            if let Some(object) = object {
                self.state(Quad { subject, predicate: first, object, graph })?;
            }
            let next = nodes.get(at + 1).copied().unwrap_or(nil);
            self.state(Quad { subject, predicate: rest, object: next, graph })?;
        }
        // 4
        Ok(nodes.first().copied())
    }

    /// Steps 4 to 14: a value object.
    fn value(&mut self, item: &Object<'_>, value: Val<'_>, graph: Option<Term>) -> Result<Emitted, Error> {
        // 5, 6
        let mut datatype = match item.types.first() {
            Some(Expanded::Keyword(Keyword::Json)) => {
                // 8
                let lexical = match value {
                    Val::Json(value) => literal::json(value),
                    Val::Text(text) => literal::json(&Value::String(text.to_owned())),
                };
                return Ok(Some(self.data.literal(&lexical, Some(&format!("{RDF}JSON")), None)));
            }
            Some(Expanded::Iri(iri)) if iri::is_well_formed(iri) => Some(&**iri),
            Some(Expanded::Iri(iri)) => {
                self.refuse(|| Dropped::IllFormedIri(iri.to_string()))?;
                return Ok(None);
            }
            _ => None,
        };
        // 7
        if let Some(language) = &item.language
            && !iri::is_language_tag(language)
        {
            self.refuse(|| Dropped::IllFormedLanguage(language.to_string()))?;
            return Ok(None);
        }
        let default_type;
        let own;
        let lexical = match value {
            // 9
            Val::Json(Value::Bool(value)) => {
                default_type = format!("{XSD}boolean");
                datatype = datatype.or(Some(&default_type));
                if *value { "true" } else { "false" }
            }
            // 10, 11
            Val::Json(Value::Number(number)) => {
                (own, default_type) = literal::number(number, datatype);
                datatype = datatype.or(Some(&default_type));
                &own
            }
            other => {
                let Some(text) = other.as_str() else { return Ok(None) };
                let double = datatype.and_then(|datatype| datatype.strip_prefix(XSD)) == Some("double");
                match if double { literal::double_string(text) } else { None } {
                    Some(canonical) => {
                        own = canonical;
                        &own
                    }
                    None => text,
                }
            }
        };
        // 13
        if let Some(direction) = item.direction() {
            match self.direction {
                None => self.refuse(|| Dropped::Direction)?,
                Some(kind) => return self.directed(item, lexical, direction, kind, graph).map(Some),
            }
        }
        // 12, 14. Tags are brought to lower case, as both reference implementations do.
        let language = item.language.as_ref().map(|language| language.to_ascii_lowercase());
        Ok(Some(self.data.literal(lexical, datatype, language.as_deref())))
    }

    /// Step 13.
    fn directed(
        &mut self,
        item: &Object<'_>,
        lexical: &str,
        direction: Direction,
        kind: RdfDirection,
        graph: Option<Term>,
    ) -> Result<Term, Error> {
        // 13.1
        let language = item.language.as_ref().map(|language| language.to_ascii_lowercase());
        match kind {
            // 13.2
            RdfDirection::I18nDatatype => {
                let datatype = format!(
                    "https://www.w3.org/ns/i18n#{}_{}",
                    language.unwrap_or_default(),
                    direction.as_str()
                );
                Ok(self.data.literal(lexical, Some(&datatype), None))
            }
            // 13.3
            RdfDirection::CompoundLiteral => {
                let subject = self.data.blank(None);
                let mut entries = vec![("value", lexical.to_owned())];
                entries.extend(language.map(|language| ("language", language)));
                entries.push(("direction", direction.as_str().to_owned()));
                for (name, value) in entries {
                    let predicate = self.rdf(name);
                    let object = self.data.literal(&value, None, None);
                    self.state(Quad { subject, predicate, object, graph })?;
                }
                Ok(subject)
            }
        }
    }
}
