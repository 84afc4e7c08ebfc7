//! Steps 13 and 14 of the expansion algorithm: the entries of a map.

use serde_json::{Map, Value};

use super::element::Scope;
use super::{Active, Expander, Object, Out, Val};
use crate::context::{As, Container, Direction, Expanded, Term};
use crate::error::{Dropped, Error, ErrorCode, fail};
use crate::iri;
use crate::keyword::{Keyword, has_keyword_form};
use crate::text::Text;

impl Expander<'_> {
    pub(super) fn entries<'d>(
        &mut self,
        result: &mut Object<'d>,
        scope: Scope<'_, 'd>,
        element: &'d Map<String, Value>,
    ) -> Result<(), Error> {
        let mut nests: Vec<(&'d str, &'d Value)> = Vec::new();
        // 13
        for (key, value) in element {
            // 13.1
            if key == "@context" {
                continue;
            }
            // 13.2
            let term = scope.context.term(key);
            let expanded = match term {
                Some(term) if !key.starts_with('@') => match &term.mapping {
                    None => Expanded::Null,
                    Some(crate::context::Mapping::Keyword(keyword)) => Expanded::Keyword(*keyword),
                    Some(crate::context::Mapping::Iri(iri)) => Expanded::Iri(Text::Shared(iri.clone())),
                },
                Some(_) => scope.context.expand_iri(key, As::VOCAB),
                None if key.starts_with('@') => scope.context.expand_iri(key, As::VOCAB),
                None => scope.context.expand_undefined(key, As::VOCAB),
            };
            match self.written(expanded)? {
                // 13.4
                Expanded::Keyword(Keyword::Nest) => {
                    if matches!(scope.active, Active::Reverse) {
                        return fail(ErrorCode::InvalidReversePropertyMap, key);
                    }
                    nests.push((key, value));
                }
                Expanded::Keyword(keyword) => {
                    let mark = self.mark();
                    self.keyword(result, scope, keyword, key, value).map_err(|error| error.at(key))?;
                    self.below_key(mark, key)?;
                }
                Expanded::Iri(property) if property.contains(':') => {
                    let mark = self.mark();
                    let property = Property { key, iri: property, term: term.map(|term| &**term) };
                    self.property(result, scope, property, value, mark)?;
                }
                // 13.3
                _ if has_keyword_form(key) => {
                    self.drop_property(key, || Dropped::ReservedKey(key.clone()))?
                }
                _ => self.drop_property(key, || Dropped::UndefinedProperty(key.clone()))?,
            }
        }
        // 14
        for (key, value) in nests {
            let mark = self.mark();
            self.nest(result, scope, key, value).map_err(|error| error.at(key))?;
            self.below_key(mark, key)?;
        }
        Ok(())
    }

    /// Step 14, for one nesting key.
    fn nest<'d>(
        &mut self,
        result: &mut Object<'d>,
        scope: Scope<'_, 'd>,
        key: &'d str,
        value: &'d Value,
    ) -> Result<(), Error> {
        // 14.1, 14.2
        let nested = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        // The specification's step 3 and 8, for the nesting key.
        let scoped = match scope.context.term(key) {
            Some(term) if term.context.is_some() => {
                Some(self.compiler.scoped(scope.context, term, true, true)?)
            }
            _ => None,
        };
        for item in nested {
            // 14.2.1
            let Value::Object(map) = item else {
                return fail(ErrorCode::InvalidNestValue, format_args!("{key}: {item}"));
            };
            let context = scoped.as_ref().unwrap_or(scope.context);
            if map.keys().any(|key| context.means(key, Keyword::Value)) {
                return fail(ErrorCode::InvalidNestValue, format_args!("{key} holds a value object"));
            }
            // 14.2.2
            if self.depth >= super::MAX_DEPTH {
                return Err(Error::TooDeep);
            }
            self.depth += 1;
            let done = self.entries(result, Scope { context, ..scope }, map);
            self.depth -= 1;
            done?;
        }
        Ok(())
    }

    /// Step 13.4: `key` stands for a keyword.
    fn keyword<'d>(
        &mut self,
        result: &mut Object<'d>,
        scope: Scope<'_, 'd>,
        keyword: Keyword,
        key: &'d str,
        value: &'d Value,
    ) -> Result<(), Error> {
        // 13.4.1
        if matches!(scope.active, Active::Reverse) {
            return fail(ErrorCode::InvalidReversePropertyMap, key);
        }
        // 13.4.2
        let taken = match keyword {
            Keyword::Id => result.id.is_some(),
            Keyword::Graph => result.graph.is_some(),
            Keyword::Value => result.value.is_some(),
            Keyword::Language => result.language.is_some(),
            Keyword::Direction => result.direction().is_some(),
            Keyword::Index => result.index().is_some(),
            Keyword::List => result.list.is_some(),
            Keyword::Set => result.has_set(),
            Keyword::Reverse => result.rare.as_ref().is_some_and(|rare| rare.reverse_written),
            _ => false,
        };
        if taken {
            return fail(ErrorCode::CollidingKeywords, format_args!("{} is given twice", keyword.as_str()));
        }
        let context = scope.context;
        match keyword {
            // 13.4.3
            Keyword::Id => {
                let Value::String(text) = value else { return fail(ErrorCode::InvalidIdValue, value) };
                let id = self.iri(context, text, As::DOCUMENT)?;
                self.check_reference(text, &id)?;
                result.id = Some(id);
            }
            // 13.4.4
            Keyword::Type => self.types(result, scope, value)?,
            // 13.4.5
            Keyword::Graph => {
                if !matches!(value, Value::Array(_) | Value::Object(_)) {
                    return fail(ErrorCode::InvalidGraphValue, value);
                }
                let nodes = self.element(context, Active::Graph, value, false)?.into_vec();
                result.graph = Some(nodes);
            }
            // 13.4.6
            Keyword::Included => {
                let items = self.element(context, Active::Top, value, false)?.into_vec();
                if items.is_empty() && !matches!(value, Value::Array(_)) || !items.iter().all(Object::is_node)
                {
                    return fail(ErrorCode::InvalidIncludedValue, value);
                }
                result.rare().included.get_or_insert_default().extend(items);
            }
            // 13.4.7
            Keyword::Value => {
                if matches!(value, Value::Array(_) | Value::Object(_)) && !scope.is_json() {
                    return fail(ErrorCode::InvalidValueObjectValue, value);
                }
                result.value = Some(Val::Json(value));
            }
            // 13.4.8
            Keyword::Language => {
                let Value::String(text) = value else {
                    return fail(ErrorCode::InvalidLanguageTaggedString, value);
                };
                result.language = Some(Text::Document(text));
            }
            // 13.4.9
            Keyword::Direction => match value.as_str().and_then(Direction::parse) {
                Some(direction) => result.rare().direction = Some(direction),
                None => return fail(ErrorCode::InvalidBaseDirection, value),
            },
            // 13.4.10
            Keyword::Index => {
                let Value::String(text) = value else { return fail(ErrorCode::InvalidIndexValue, value) };
                result.rare().index = Some(Text::Document(text));
            }
            // 13.4.11
            Keyword::List => {
                // Where it floats free it goes in step 19; the references look at it before.
                let items = match value {
                    Value::Array(items) => self.array(context, scope.active, items, false, true)?,
                    single => self.element(context, scope.active, single, false)?,
                };
                match items {
                    Out::Null if value.is_null() || value.is_object() => self.drop(|| Dropped::EmptyValue)?,
                    items => result.list = Some(items.into_vec()),
                }
            }
            // 13.4.12
            Keyword::Set => match self.element(context, scope.active, value, false)? {
                Out::Null => self.drop(|| Dropped::EmptyValue)?,
                items => result.rare().set = Some(items.into_vec()),
            },
            // 13.4.13
            Keyword::Reverse => self.reverse(result, scope, value)?,
            // Keywords that mean nothing here; the references look for errors below them
            _ => {
                self.drop(|| Dropped::ReservedKey(key.to_owned()))?;
                self.element(context, Active::Property(key, None), value, false)?;
            }
        }
        Ok(())
    }

    /// Step 13.4.4.
    fn types<'d>(
        &mut self,
        result: &mut Object<'d>,
        scope: Scope<'_, 'd>,
        value: &'d Value,
    ) -> Result<(), Error> {
        let single = std::slice::from_ref(value);
        let items = value.as_array().map_or(single, Vec::as_slice);
        for item in items {
            let Value::String(text) = item else { return fail(ErrorCode::InvalidTypeValue, item) };
            let expanded = self.iri(scope.type_scoped, text, As::BOTH)?;
            if matches!(expanded, Expanded::Null) {
                return fail(ErrorCode::InvalidTypeValue, item);
            }
            self.check_type(text, &expanded)?;
            result.types.push(expanded);
        }
        result.type_is_array |= value.is_array() || result.has_type;
        result.has_type = true;
        Ok(())
    }

    /// Step 13.4.13.
    fn reverse<'d>(
        &mut self,
        result: &mut Object<'d>,
        scope: Scope<'_, 'd>,
        value: &'d Value,
    ) -> Result<(), Error> {
        // 13.4.13.1
        if !value.is_object() {
            return fail(ErrorCode::InvalidReverseValue, value);
        }
        result.rare().reverse_written = true;
        // 13.4.13.2
        let Out::One(mut expanded) = self.element(scope.context, Active::Reverse, value, false)? else {
            return Ok(());
        };
        // 13.4.13.3
        let twice = expanded.rare.as_mut().and_then(|rare| rare.reverse.take());
        result.properties.extend(twice.into_iter().flatten());
        // 13.4.13.4
        if expanded.properties.is_empty() {
            return Ok(());
        }
        let reverse = result.rare().reverse.get_or_insert_default();
        for (property, items) in expanded.properties {
            if items.iter().any(Object::is_value_or_list) {
                return fail(ErrorCode::InvalidReversePropertyValue, &*property);
            }
            reverse.push((property, items));
        }
        Ok(())
    }

    /// Steps 13.5 to 13.14: `key` stands for a property.
    fn property<'d>(
        &mut self,
        result: &mut Object<'d>,
        scope: Scope<'_, 'd>,
        property: Property<'_, 'd>,
        value: &'d Value,
        mark: usize,
    ) -> Result<(), Error> {
        let Property { key, iri, term } = property;
        if iri::is_blank(&iri) {
            self.drop(|| Dropped::BlankProperty(iri.to_string())).map_err(|error| error.at(key))?;
        }
        // 13.5
        let container = term.map(|term| term.container).unwrap_or_default();
        let expanded = match (value, term) {
            // 13.6
            (_, Some(term)) if term.is_typed(Keyword::Json) => Out::One(Object {
                value: Some(Val::Json(value)),
                types: vec![Expanded::Keyword(Keyword::Json)],
                has_type: true,
                ..Object::default()
            }),
            // 13.7
            (Value::Object(map), Some(term)) if container.has(Container::LANGUAGE) => {
                self.language_map(scope, term, map).map_err(|error| error.at(key))?
            }
            // 13.8
            (Value::Object(map), Some(term))
                if container.has(Container::INDEX.with(Container::TYPE).with(Container::ID)) =>
            {
                self.index_map(scope, key, term, map).map_err(|error| error.at(key))?
            }
            // 13.9
            _ => {
                let active = Active::Property(key, scope.context.term(key));
                self.element(scope.context, active, value, false).map_err(|error| error.at(key))?
            }
        };
        self.below_key(mark, key)?;
        // 13.10
        let items = match expanded {
            Out::Null => {
                if self.mark() == mark {
                    self.drop_null(key);
                }
                return Ok(());
            }
            // 13.11
            Out::One(object) if container.has(Container::LIST) && object.list.is_none() => {
                vec![Object::of_list(vec![object])]
            }
            Out::Many(objects) if container.has(Container::LIST) => vec![Object::of_list(objects)],
            other => other.into_vec(),
        };
        // 13.12; like the references, nothing may float free in such a graph
        let items = if container.has(Container::GRAPH) && !container.has(Container::ID.with(Container::INDEX))
        {
            let mut graphs = Vec::with_capacity(items.len());
            for item in items {
                if item.floats() {
                    self.drop(|| Dropped::FreeFloating).map_err(|error| error.at(key))?;
                } else {
                    graphs.push(Object::of_graph(vec![item]));
                }
            }
            if graphs.is_empty() {
                return Ok(());
            }
            graphs
        } else {
            items
        };
        // 13.13. A term's own scoped context may define it anew; the references then go by that definition here.
        let reverse = match term {
            Some(term) if term.context.is_some() => {
                let scoped = self.compiler.scoped(scope.context, term, true, true)?;
                scoped.term(key).is_some_and(|term| term.reverse)
            }
            other => other.is_some_and(|term| term.reverse),
        };
        if reverse {
            if items.iter().any(Object::is_value_or_list) {
                return fail(ErrorCode::InvalidReversePropertyValue, key);
            }
            result.rare().reverse.get_or_insert_default().push((iri, items));
        } else {
            // 13.14
            result.properties.push((iri, items));
        }
        Ok(())
    }
}

struct Property<'a, 'd> {
    key: &'d str,
    iri: Text<'d>,
    term: Option<&'a Term>,
}
