//! Steps 13.7 and 13.8 of the expansion algorithm: language, index, id and type maps.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::element::Scope;
use super::{Active, Expander, Object, Out, Val};
use crate::context::{As, Container, Context, Expanded, Term};
use crate::error::{Error, ErrorCode, fail};
use crate::keyword::Keyword;
use crate::text::Text;

impl Expander<'_> {
    /// Step 13.7.
    pub(super) fn language_map<'d>(
        &mut self,
        scope: Scope<'_, 'd>,
        term: &Term,
        map: &'d Map<String, Value>,
    ) -> Result<Out<'d>, Error> {
        // 13.7.1
        let mut expanded = Vec::with_capacity(map.len());
        // 13.7.2, 13.7.3
        let direction = term.direction.unwrap_or(scope.context.direction);
        // 13.7.4
        for (language, value) in map {
            let single = std::slice::from_ref(value);
            let none = scope.context.is_alias(language, Keyword::None);
            for item in value.as_array().map_or(single, Vec::as_slice) {
                match item {
                    // 13.7.4.2.1
                    Value::Null => continue,
                    Value::String(_) => {}
                    // 13.7.4.2.2
                    other => return fail(ErrorCode::InvalidLanguageMapValue, other),
                }
                // 13.7.4.2.3 to 13.7.4.2.6
                let mut object = Object { value: Some(Val::Json(item)), ..Object::default() };
                if !none {
                    object.language = Some(Text::Document(language));
                }
                if direction.is_some() {
                    object.rare().direction = direction;
                }
                expanded.push(object);
            }
        }
        Ok(Out::Many(expanded))
    }

    /// Step 13.8.
    pub(super) fn index_map<'d>(
        &mut self,
        scope: Scope<'_, 'd>,
        key: &'d str,
        term: &Term,
        map: &'d Map<String, Value>,
    ) -> Result<Out<'d>, Error> {
        let container = term.container;
        // 13.8.1
        let mut expanded = Vec::with_capacity(map.len());
        // 13.8.3
        for (index, value) in map {
            let mark = self.mark();
            // 13.8.3.1 to 13.8.3.3
            let context = self.map_context(scope.context, container, index)?;
            // 13.8.3.4 is in `indexed`; 13.8.3.5, 13.8.3.6
            let active = Active::Property(key, context.term(key));
            let items = match value {
                Value::Array(_) => self.element(&context, active, value, true),
                single => {
                    let is_list = container.has(Container::LIST);
                    self.element(&context, active, single, true).map(|out| match out {
                        Out::Many(objects) if is_list => Out::One(Object::of_list(objects)),
                        other => other,
                    })
                }
            }
            .map_err(|error| error.at(index))?
            .into_vec();
            self.below_key(mark, index)?;
            // 13.8.3.7
            for item in items {
                let item = self.indexed(scope, term, index, item).map_err(|error| error.at(index))?;
                expanded.push(item);
            }
        }
        Ok(Out::Many(expanded))
    }

    /// Steps 13.8.3.1 to 13.8.3.3.
    fn map_context(
        &self,
        active: &Arc<Context>,
        container: Container,
        index: &str,
    ) -> Result<Arc<Context>, Error> {
        if !container.has(Container::ID.with(Container::TYPE)) {
            return Ok(Arc::clone(active));
        }
        let context = active.previous.as_ref().unwrap_or(active);
        if container.has(Container::TYPE)
            && let Some(term) = context.term(index)
            && term.context.is_some()
        {
            return self.compiler.scoped(context, term, false, true);
        }
        Ok(Arc::clone(context))
    }

    /// Step 13.8.3.7, for one item.
    fn indexed<'d>(
        &mut self,
        scope: Scope<'_, 'd>,
        term: &Term,
        index: &'d str,
        mut item: Object<'d>,
    ) -> Result<Object<'d>, Error> {
        let container = term.container;
        let expanded_index = self.iri(scope.context, index, As::VOCAB)?;
        let none = matches!(expanded_index, Expanded::Keyword(Keyword::None));
        // 13.8.3.7.1
        if container.has(Container::GRAPH) && !item.is_graph_object() {
            item = Object::of_graph(vec![item]);
        }
        if none {
            return Ok(item);
        }
        if container.has(Container::INDEX) {
            match term.index.as_deref() {
                // 13.8.3.7.2
                Some(index_key) if index_key != "@index" => {
                    let index_term = scope.context.term(index_key).cloned();
                    let value = self.value(scope.context, index_term.as_deref(), Val::Text(index))?;
                    if item.value.is_some() {
                        return fail(
                            ErrorCode::InvalidValueObject,
                            format_args!("a property under index {index}"),
                        );
                    }
                    let property = match self.iri(scope.context, index_key, As::VOCAB)? {
                        Expanded::Iri(iri) => iri.into_shared(),
                        _ => return fail(ErrorCode::InvalidTermDefinition, index_key),
                    };
                    item.properties.insert(0, (Text::Shared(property), vec![value]));
                }
                // 13.8.3.7.3
                _ => {
                    if item.index().is_none() {
                        item.rare().index = Some(Text::Document(index));
                    }
                }
            }
        } else if container.has(Container::ID.with(Container::TYPE)) && !item.is_node() {
            return fail(ErrorCode::InvalidValueObject, format_args!("no node under {index}"));
        } else if container.has(Container::ID) {
            // 13.8.3.7.4
            if item.id.is_none() {
                let id = self.iri(scope.context, index, As::DOCUMENT)?;
                self.check_reference(index, &id)?;
                item.id = Some(id);
            }
        } else if container.has(Container::TYPE) {
            // 13.8.3.7.5
            self.check_type(index, &expanded_index)?;
            item.types.insert(0, expanded_index);
            item.has_type = true;
        }
        // 13.8.3.7.6
        Ok(item)
    }
}
