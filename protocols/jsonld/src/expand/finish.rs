//! Steps 15 to 20 of the expansion algorithm: what the entries add up to.

use super::{Active, Expander, Object, Out};
use crate::context::{Container, Expanded};
use crate::error::{Dropped, Error, ErrorCode, fail};
use crate::iri;
use crate::keyword::Keyword;

impl Expander<'_> {
    pub(super) fn finish<'d>(
        &mut self,
        mut result: Object<'d>,
        active: Active<'_>,
    ) -> Result<Out<'d>, Error> {
        if result.value.is_some() {
            // 15
            if !self.check_value(&result)? {
                return Ok(Out::Null);
            }
        } else if result.has_set() || result.list.is_some() {
            // 17
            if result.list.is_some() && result.has_set() || result.has_more_than_container() {
                return fail(ErrorCode::InvalidSetOrListObject, "@set or @list beside other entries");
            }
            if let Some(set) = result.rare.as_mut().and_then(|rare| rare.set.take()) {
                // 17.2. The index goes with the set, as safe mode has noticed already.
                return Ok(Out::Many(set));
            }
        }
        // 18
        if result.is_only_language() {
            self.drop(|| Dropped::EmptyValue)?;
            return Ok(Out::Null);
        }
        // 19; the references take the content of a graph container as free, too
        let free = active.is_free() || active.term().is_some_and(|term| term.container.has(Container::GRAPH));
        if free && result.floats() {
            self.drop(|| Dropped::FreeFloating)?;
            return Ok(Out::Null);
        }
        // 20
        Ok(Out::One(result))
    }

    /// Step 15. False: the object is dropped.
    fn check_value(&mut self, result: &Object<'_>) -> Result<bool, Error> {
        // 15.1
        let tagged = result.language.is_some() || result.direction().is_some();
        if result.id.is_some()
            || result.list.is_some()
            || result.graph.is_some()
            || !result.properties.is_empty()
            || result.has_set()
            || result.has_included()
            || result.has_reverse()
            || (result.has_type && tagged)
        {
            return fail(ErrorCode::InvalidValueObject, "entries that do not go with @value");
        }
        // 15.2
        if result.is_json() {
            return Ok(true);
        }
        let Some(value) = result.value else { return Ok(true) };
        // 15.3
        if let super::Val::Json(serde_json::Value::Null) = value {
            self.drop(|| Dropped::EmptyValue)?;
            return Ok(false);
        }
        // 15.4
        if result.language.is_some() && value.as_str().is_none() {
            return fail(
                ErrorCode::InvalidLanguageTaggedValue,
                "a language on something other than a string",
            );
        }
        // 15.5
        if result.has_type {
            match result.types.as_slice() {
                [Expanded::Iri(iri)] if iri::is_well_formed(iri) && !result.type_is_array => {}
                [Expanded::Keyword(Keyword::Json)] if !result.type_is_array => {}
                _ => return fail(ErrorCode::InvalidTypedValue, "@type beside @value must be one IRI"),
            }
        }
        Ok(true)
    }
}

impl Object<'_> {
    /// Entries besides `@set`, `@list` and `@index`.
    fn has_more_than_container(&self) -> bool {
        self.id.is_some()
            || self.has_type
            || self.language.is_some()
            || self.graph.is_some()
            || !self.properties.is_empty()
            || self.direction().is_some()
            || self.has_included()
            || self.has_reverse()
    }
}
