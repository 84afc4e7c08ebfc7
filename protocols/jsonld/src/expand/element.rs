//! Steps 1 to 12 of the expansion algorithm, and Value Expansion (section 5.3).

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Active, Expander, MAX_DEPTH, Object, Out, Val};
use crate::context::{As, Container, Context, Expanded, Mapping, Term};
use crate::error::{Dropped, Error};
use crate::keyword::Keyword;
use crate::text::Text;

impl Expander<'_> {
    /// The algorithm, for any element.
    pub(super) fn element<'d>(
        &mut self,
        context: &Arc<Context>,
        active: Active<'_>,
        element: &'d Value,
        from_map: bool,
    ) -> Result<Out<'d>, Error> {
        match element {
            // 1
            Value::Null => Ok(Out::Null),
            // 5
            Value::Array(items) => self.array(context, active, items, from_map, false),
            Value::Object(map) => self.deeper(|this| this.map(context, active, map, from_map)),
            // 4
            _ => self.scalar(context, active, Val::Json(element)),
        }
    }

    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }

    /// Step 4.
    fn scalar<'d>(
        &mut self,
        context: &Arc<Context>,
        active: Active<'_>,
        value: Val<'d>,
    ) -> Result<Out<'d>, Error> {
        match active {
            // 4.1
            Active::Top | Active::Graph => {
                self.drop(|| Dropped::FreeFloating)?;
                Ok(Out::Null)
            }
            Active::Reverse => Ok(Out::One(self.value(context, None, value)?)),
            Active::Property(name, term) => {
                // 4.2; the references, unlike the text, let such a context override protected terms
                if let Some(term) = term
                    && term.context.is_some()
                {
                    let scoped = self.compiler.scoped(context, term, true, true)?;
                    let term = scoped.term(name).cloned();
                    return Ok(Out::One(self.value(&scoped, term.as_deref(), value)?));
                }
                // 4.3
                Ok(Out::One(self.value(context, term.map(|term| &**term), value)?))
            }
        }
    }

    /// Value Expansion.
    pub(super) fn value<'d>(
        &mut self,
        context: &Context,
        term: Option<&Term>,
        value: Val<'d>,
    ) -> Result<Object<'d>, Error> {
        let mut result = Object::default();
        if let Some(text) = value.as_str()
            && let Some(Mapping::Keyword(keyword)) = term.and_then(|term| term.type_mapping.as_ref())
        {
            // 1, 2
            let reading = match keyword {
                Keyword::Id => Some(As::DOCUMENT),
                Keyword::Vocab => Some(As::BOTH),
                _ => None,
            };
            if let Some(reading) = reading {
                let id = self.iri(context, text, reading)?;
                self.check_reference(text, &id)?;
                result.id = Some(id);
                return Ok(result);
            }
        }
        // 3
        result.value = Some(value);
        match term.and_then(|term| term.type_mapping.as_ref()) {
            // 4
            Some(Mapping::Iri(iri)) => {
                self.compiler.steps.written(iri)?;
                result.types.push(Expanded::Iri(Text::Shared(iri.clone())));
                result.has_type = true;
            }
            Some(Mapping::Keyword(Keyword::Json)) => {
                result.types.push(Expanded::Keyword(Keyword::Json));
                result.has_type = true;
            }
            // 5
            _ if value.as_str().is_some() => {
                // 5.1, 5.3
                let language = match term.and_then(|term| term.language.as_ref()) {
                    Some(own) => own.as_ref(),
                    None => context.language.as_ref(),
                };
                if let Some(language) = language {
                    self.compiler.steps.written(language)?;
                    result.language = Some(Text::Shared(language.clone()));
                }
                // 5.2, 5.4
                let direction = match term.and_then(|term| term.direction) {
                    Some(own) => own,
                    None => context.direction,
                };
                if direction.is_some() {
                    result.rare().direction = direction;
                }
            }
            _ => {}
        }
        // 6
        Ok(result)
    }

    /// Step 5. In a list, written as such or by its container, an array within is a list of its own: the text says so
    /// of containers only, the references of both, and flattening would lose what is written.
    pub(super) fn array<'d>(
        &mut self,
        context: &Arc<Context>,
        active: Active<'_>,
        items: &'d [Value],
        from_map: bool,
        in_list: bool,
    ) -> Result<Out<'d>, Error> {
        let is_list = in_list || active.term().is_some_and(|term| term.container.has(Container::LIST));
        // 5.1
        let mut result = Vec::with_capacity(items.len());
        // 5.2
        for (at, item) in items.iter().enumerate() {
            let mark = self.mark();
            let expanded = match item {
                Value::Array(inner) => {
                    self.deeper(|this| this.array(context, active, inner, from_map, in_list))
                }
                other => self.element(context, active, other, from_map),
            }
            .map_err(|error| error.at(at))?;
            self.below_item(mark, at)?;
            match expanded {
                Out::Null => {}
                Out::One(object) => result.push(object),
                Out::Many(objects) if is_list => result.push(Object::of_list(objects)),
                Out::Many(objects) => result.extend(objects),
            }
        }
        // 5.3
        Ok(Out::Many(result))
    }

    /// Steps 6 to 12; then 13 to 20.
    fn map<'d>(
        &mut self,
        context: &Arc<Context>,
        active: Active<'_>,
        element: &'d Map<String, Value>,
        from_map: bool,
    ) -> Result<Out<'d>, Error> {
        let mut current = context;
        // 7
        if let Some(previous) = &context.previous
            && !from_map
            && !stays(context, element)
        {
            current = previous;
        }
        // 3, 8
        let property_scoped;
        if let Some(term) = active.term()
            && term.context.is_some()
        {
            property_scoped = self.compiler.scoped(current, term, true, true)?;
            current = &property_scoped;
        }
        // 9
        let embedded;
        if let Some(local) = element.get("@context") {
            embedded = self.compiler.embedded(current, local)?;
            current = &embedded;
        }
        // 10
        let type_scoped = current;
        // 11
        let mut type_keys: Vec<(&String, &'d Value)> =
            element.iter().filter(|(key, _)| type_scoped.means(key, Keyword::Type)).collect();
        if type_keys.len() > 1 {
            type_keys.sort_by_key(|(key, _)| *key);
        }
        let mut applied: Option<Arc<Context>> = None;
        for (_, value) in &type_keys {
            let mut names: Vec<&str> = match value {
                Value::String(name) => vec![name],
                Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                _ => Vec::new(),
            };
            names.sort_unstable();
            for name in names {
                if let Some(term) = type_scoped.term(name)
                    && term.context.is_some()
                {
                    let onto = applied.as_ref().unwrap_or(current);
                    applied = Some(self.compiler.scoped(onto, term, false, false)?);
                }
            }
        }
        // 12
        let input_type = type_keys.first().map(|(_, value)| *value);
        let mut result = Object::default();
        let context = applied.as_ref().unwrap_or(current);
        // Lists and sets below are values of the same property, as the context of now defines it.
        let active = match active {
            Active::Property(name, _) => Active::Property(name, context.term(name)),
            other => other,
        };
        let scope = Scope { context, type_scoped, active, input_type };
        self.entries(&mut result, scope, element)?;
        self.finish(result, active)
    }
}

/// What steps 13 and 14 work with.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a, 'd> {
    pub(super) context: &'a Arc<Context>,
    pub(super) type_scoped: &'a Arc<Context>,
    pub(super) active: Active<'a>,
    /// The value of the first entry that expands to `@type`.
    pub(super) input_type: Option<&'d Value>,
}

impl Scope<'_, '_> {
    /// Step 12: the input type is `@json`.
    pub(super) fn is_json(&self) -> bool {
        let last = match self.input_type {
            Some(Value::Array(items)) => items.last(),
            other => other,
        };
        last.and_then(Value::as_str).is_some_and(|name| self.context.is_alias(name, Keyword::Json))
    }
}

/// Step 7: an element that is a value object or a mere reference does not leave the type-scoped context.
fn stays(context: &Context, element: &Map<String, Value>) -> bool {
    element.keys().any(|key| context.means(key, Keyword::Value))
        || (element.len() == 1 && element.keys().all(|key| context.means(key, Keyword::Id)))
}

impl Context {
    /// Whether `key` is `keyword` or an alias of it.
    pub(crate) fn means(&self, key: &str, keyword: Keyword) -> bool {
        if key.starts_with('@') {
            return Keyword::parse(key) == Some(keyword);
        }
        matches!(self.term(key), Some(term) if term.mapping == Some(Mapping::Keyword(keyword)))
    }
}
