//! Create Term Definition (JSON-LD-API section 4.2.2). Step numbers are the specification's.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::entries::{check_entries, check_type_redefinition, set_container, set_rest};
use super::expand_iri::{As, Defined};
use super::process::{MAX_CHAIN, Site};
use super::{Container, Context, Mapping, Term, next_number};
use crate::error::{Error, ErrorCode, fail};
use crate::iri;
use crate::keyword::{Keyword, has_keyword_form};

/// What a step says about the rest of the algorithm.
enum Next {
    Continue,
    /// The definition is ignored.
    Abandon,
}

impl Site<'_, '_> {
    pub(crate) fn define<'c>(
        &mut self,
        context: &mut Context,
        local: &'c Map<String, Value>,
        term: &'c str,
        defined: &mut Defined<'c>,
    ) -> Result<(), Error> {
        // 1
        match defined.get(term) {
            Some(true) => return Ok(()),
            Some(false) => return fail(ErrorCode::CyclicIriMapping, term),
            None => {}
        }
        // 2
        if term.is_empty() {
            return fail(ErrorCode::InvalidTermDefinition, "the empty string as a term");
        }
        if self.chain >= MAX_CHAIN {
            return Err(Error::WorkLimit("contexts"));
        }
        self.chain += 1;
        let done = self.define_new(context, local, term, defined);
        self.chain -= 1;
        done
    }

    fn define_new<'c>(
        &mut self,
        context: &mut Context,
        local: &'c Map<String, Value>,
        term: &'c str,
        defined: &mut Defined<'c>,
    ) -> Result<(), Error> {
        defined.insert(term, false);
        // 3
        let Some(value) = local.get(term) else { return Ok(()) };
        // 4, 5
        if term == "@type" {
            check_type_redefinition(value)?;
        } else if Keyword::parse(term).is_some() {
            return fail(ErrorCode::KeywordRedefinition, term);
        } else if has_keyword_form(term) {
            return Ok(());
        }
        // 6
        let previous = context.terms.remove(term);
        // 7 to 9
        let empty = Map::new();
        let (entries, id, simple): (&Map<String, Value>, Option<&Value>, bool) = match value {
            Value::Null => (&empty, Some(value), false),
            Value::String(_) => (&empty, Some(value), true),
            Value::Object(map) => (map, map.get("@id"), false),
            other => return fail(ErrorCode::InvalidTermDefinition, format_args!("{term}: {other}")),
        };
        // 10, 11
        let protected = match entries.get("@protected") {
            None => self.protected,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => return fail(ErrorCode::InvalidProtectedValue, format_args!("{term}: {other}")),
        };
        let mut definition = Term {
            number: next_number(),
            mapping: None,
            prefix: false,
            protected,
            reverse: false,
            base_url: None,
            context: None,
            container: Container::default(),
            direction: None,
            index: None,
            language: None,
            nest: None,
            type_mapping: None,
        };
        check_entries(term, entries)?;
        // 21, for later: also of a definition that is ignored
        if let Some(scoped) = entries.get("@context") {
            let scoped = Arc::new(scoped.clone());
            definition.context = Some(Arc::clone(&scoped));
            definition.base_url = self.base_url.clone();
            self.scoped.push(scoped);
        }
        // 13 to 18. Before step 12, as in both references: an ignored definition may have any type.
        let next = if let Some(reverse) = entries.get("@reverse") {
            self.reverse(context, local, term, entries, reverse, &mut definition, defined)?
        } else {
            self.iri_mapping(context, local, term, id, simple, &mut definition, defined)?
        };
        if matches!(next, Next::Abandon) {
            // The text would have the earlier definition gone by now, protected or not; the references keep it, and
            // only so is protection worth its name.
            if let Some(previous) = previous {
                context.terms.insert(term.into(), previous);
            }
            return Ok(());
        }
        if let Some(Mapping::Iri(iri)) = &definition.mapping {
            self.compiler.steps.written(iri)?;
        }
        // 12
        if let Some(written) = entries.get("@type") {
            definition.type_mapping = Some(self.type_mapping(context, local, term, written, defined)?);
        }
        // 19; step 13.5 has seen to reverse terms
        if let Some(container) = entries.get("@container")
            && !definition.reverse
        {
            set_container(term, container, &mut definition)?;
        }
        // 20
        if let Some(index) = entries.get("@index") {
            definition.index = Some(self.index(context, local, term, index, &definition, defined)?);
        }
        // 22 to 25
        set_rest(term, entries, &mut definition)?;
        // 27
        let mut definition = Arc::new(definition);
        if !self.override_protected
            && let Some(previous) = previous
            && previous.protected
        {
            if !definition.same_definition(&previous) {
                return fail(ErrorCode::ProtectedTermRedefinition, term);
            }
            definition = previous;
        }
        // 28
        context.terms.insert(term.into(), definition);
        defined.insert(term, true);
        Ok(())
    }

    /// Step 12.
    fn type_mapping<'c>(
        &mut self,
        context: &mut Context,
        local: &'c Map<String, Value>,
        term: &str,
        written: &Value,
        defined: &mut Defined<'c>,
    ) -> Result<Mapping, Error> {
        // 12.1
        let Value::String(text) = written else {
            return fail(ErrorCode::InvalidTypeMapping, format_args!("{term}: {written}"));
        };
        // 12.2
        let mapping = self.expand_iri(context, text, As::VOCAB, local, defined)?;
        // 12.4
        match mapping {
            Some(Mapping::Keyword(Keyword::Id | Keyword::Json | Keyword::None | Keyword::Vocab)) => {}
            Some(Mapping::Iri(ref iri)) if iri::has_scheme(iri) => {}
            _ => return fail(ErrorCode::InvalidTypeMapping, format_args!("{term}: {text}")),
        }
        // 12.5
        mapping.map_or_else(|| fail(ErrorCode::InvalidTypeMapping, term), Ok)
    }

    /// Step 13.
    #[expect(clippy::too_many_arguments, reason = "the variables of the algorithm")]
    fn reverse<'c>(
        &mut self,
        context: &mut Context,
        local: &'c Map<String, Value>,
        term: &str,
        entries: &Map<String, Value>,
        reverse: &Value,
        definition: &mut Term,
        defined: &mut Defined<'c>,
    ) -> Result<Next, Error> {
        // 13.1
        if entries.contains_key("@id") || entries.contains_key("@nest") {
            return fail(ErrorCode::InvalidReverseProperty, term);
        }
        // 13.2
        let Value::String(text) = reverse else {
            return fail(ErrorCode::InvalidIriMapping, format_args!("{term}: {reverse}"));
        };
        // 13.3
        if has_keyword_form(text) && Keyword::parse(text).is_none() {
            return Ok(Next::Abandon);
        }
        // 13.4
        let mapping = self.expand_iri(context, text, As::VOCAB, local, defined)?;
        match &mapping {
            Some(Mapping::Iri(iri)) if iri::has_scheme(iri) || iri::is_blank(iri) => {}
            _ => return fail(ErrorCode::InvalidIriMapping, format_args!("{term}: {text}")),
        }
        definition.mapping = mapping;
        // 13.5
        match entries.get("@container") {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text == "@set" => definition.container = Container::SET,
            Some(Value::String(text)) if text == "@index" => definition.container = Container::INDEX,
            Some(other) => return fail(ErrorCode::InvalidReverseProperty, format_args!("{term}: {other}")),
        }
        // 13.6
        definition.reverse = true;
        // Unlike the text, the references go on from here: @index (official test t0131) and the rest are taken, too.
        Ok(Next::Continue)
    }

    /// Steps 14 to 18.
    #[expect(clippy::too_many_arguments, reason = "the variables of the algorithm")]
    fn iri_mapping<'c>(
        &mut self,
        context: &mut Context,
        local: &'c Map<String, Value>,
        term: &'c str,
        id: Option<&Value>,
        simple: bool,
        definition: &mut Term,
        defined: &mut Defined<'c>,
    ) -> Result<Next, Error> {
        // 14
        match id {
            Some(id) if id.as_str() != Some(term) => {
                return self.explicit_mapping(context, local, term, id, simple, definition, defined);
            }
            _ => {}
        }
        // 15
        if let Some((prefix, suffix)) = super::expand_iri::split_compact(term) {
            // 15.1
            if let Some((prefix, _)) = local.get_key_value(prefix) {
                self.define(context, local, prefix, defined)?;
            }
            // 15.2
            if let Some(known) = context.term(prefix) {
                let start = known.mapping.as_ref().map_or("", Mapping::as_str);
                definition.mapping = Some(Mapping::Iri(format!("{start}{suffix}").into()));
            } else {
                // 15.3
                definition.mapping = Some(Mapping::Iri(term.into()));
            }
        } else if term.contains('/') {
            // 16
            let mapping = context.expand_iri(term, As::VOCAB);
            match mapping {
                super::expand_iri::Expanded::Iri(iri) if iri::has_scheme(&iri) => {
                    definition.mapping = Some(Mapping::Iri(iri.into_shared()));
                }
                _ => return fail(ErrorCode::InvalidIriMapping, term),
            }
        } else if term == "@type" {
            // 17
            definition.mapping = Some(Mapping::Keyword(Keyword::Type));
        } else if let Some(vocab) = &context.vocab {
            // 18
            definition.mapping = Some(Mapping::Iri(format!("{vocab}{term}").into()));
        } else {
            return fail(
                ErrorCode::InvalidIriMapping,
                format_args!("{term} has neither @id nor @vocab to go by"),
            );
        }
        Ok(Next::Continue)
    }

    /// Step 14.
    #[expect(clippy::too_many_arguments, reason = "the variables of the algorithm")]
    fn explicit_mapping<'c>(
        &mut self,
        context: &mut Context,
        local: &'c Map<String, Value>,
        term: &'c str,
        id: &Value,
        simple: bool,
        definition: &mut Term,
        defined: &mut Defined<'c>,
    ) -> Result<Next, Error> {
        let text = match id {
            // 14.1
            Value::Null => return Ok(Next::Continue),
            Value::String(text) => text,
            // 14.2.1
            other => return fail(ErrorCode::InvalidIriMapping, format_args!("{term}: {other}")),
        };
        // 14.2.2
        if Keyword::parse(text).is_none() && has_keyword_form(text) {
            return Ok(Next::Abandon);
        }
        // 14.2.3
        let mapping = self.expand_iri(context, text, As::VOCAB, local, defined)?;
        match &mapping {
            Some(Mapping::Keyword(Keyword::Context)) => return fail(ErrorCode::InvalidKeywordAlias, term),
            Some(Mapping::Keyword(_)) => {}
            Some(Mapping::Iri(iri)) if iri::has_scheme(iri) || iri::is_blank(iri) => {}
            _ => return fail(ErrorCode::InvalidIriMapping, format_args!("{term}: {text}")),
        }
        // 14.2.4
        let inner_colon = term.char_indices().any(|(at, c)| c == ':' && at > 0 && at + 1 < term.len());
        if inner_colon || term.contains('/') {
            // 14.2.4.1
            defined.insert(term, true);
            // 14.2.4.2
            if self.expand_iri(context, term, As::VOCAB, local, defined)? != mapping {
                return fail(
                    ErrorCode::InvalidIriMapping,
                    format_args!("{term} looks like another IRI than {text}"),
                );
            }
        }
        // 14.2.5
        if simple && !term.contains([':', '/']) {
            definition.prefix = match &mapping {
                Some(Mapping::Iri(iri)) => {
                    iri.ends_with([':', '/', '?', '#', '[', ']', '@']) || iri::is_blank(iri)
                }
                _ => false,
            };
        }
        definition.mapping = mapping;
        Ok(Next::Continue)
    }

    /// Step 20.
    fn index<'c>(
        &mut self,
        context: &mut Context,
        local: &'c Map<String, Value>,
        term: &str,
        index: &Value,
        definition: &Term,
        defined: &mut Defined<'c>,
    ) -> Result<Arc<str>, Error> {
        // 20.1
        if !definition.container.has(Container::INDEX) {
            return fail(
                ErrorCode::InvalidTermDefinition,
                format_args!("{term}: @index without that container"),
            );
        }
        // 20.2
        let Value::String(text) = index else {
            return fail(ErrorCode::InvalidTermDefinition, format_args!("{term}: {index}"));
        };
        let mapping = self.expand_iri(context, text, As::VOCAB, local, defined)?;
        if !Self::is_iri(mapping.as_ref()) {
            return fail(ErrorCode::InvalidTermDefinition, format_args!("{term}: @index {text} is no IRI"));
        }
        // 20.3
        Ok(text.as_str().into())
    }
}
