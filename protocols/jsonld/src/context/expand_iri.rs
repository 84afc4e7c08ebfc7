//! IRI Expansion (JSON-LD-API section 5.2): for documents, and during context processing.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::process::Site;
use super::{Context, Mapping};
use crate::error::Error;
use crate::iri;
use crate::keyword::{Keyword, has_keyword_form};
use crate::text::Text;

/// A string of a document, expanded.
#[derive(Debug)]
pub(crate) enum Expanded<'d> {
    /// Nothing: mapped to null, or reserved.
    Null,
    Keyword(Keyword),
    Iri(Text<'d>),
}

/// How a string may be read.
#[derive(Clone, Copy)]
pub(crate) struct As {
    pub(crate) document_relative: bool,
    pub(crate) vocab: bool,
}

impl As {
    pub(crate) const VOCAB: Self = Self { document_relative: false, vocab: true };
    pub(crate) const DOCUMENT: Self = Self { document_relative: true, vocab: false };
    pub(crate) const BOTH: Self = Self { document_relative: true, vocab: true };
}

fn of(mapping: &Mapping) -> Expanded<'static> {
    match mapping {
        Mapping::Keyword(keyword) => Expanded::Keyword(*keyword),
        Mapping::Iri(iri) => Expanded::Iri(Text::Shared(iri.clone())),
    }
}

/// The colon that splits a prefix from a suffix: anywhere after the first character.
pub(crate) fn split_compact(value: &str) -> Option<(&str, &str)> {
    let skip = value.chars().next()?.len_utf8();
    let at = value[skip..].find(':')? + skip;
    // The split is at the first colon of all, which for ":a:b" is the one at the start.
    match value.strip_prefix(':') {
        Some(suffix) => Some(("", suffix)),
        None => Some((&value[..at], &value[at + 1..])),
    }
}

impl Context {
    /// IRI Expansion without a local context.
    pub(crate) fn expand_iri<'d>(&self, value: &'d str, reading: As) -> Expanded<'d> {
        // 1, 2
        if value.starts_with('@') {
            if let Some(keyword) = Keyword::parse(value) {
                return Expanded::Keyword(keyword);
            }
            if has_keyword_form(value) {
                return Expanded::Null;
            }
        }
        // 4, 5
        if let Some(term) = self.term(value) {
            match &term.mapping {
                Some(Mapping::Keyword(keyword)) => return Expanded::Keyword(*keyword),
                Some(mapping) if reading.vocab => return of(mapping),
                None if reading.vocab => return Expanded::Null,
                _ => {}
            }
        }
        self.expand_undefined(value, reading)
    }

    /// Whether `value` is `keyword` or an alias of it, told without making an IRI of what is neither.
    pub(crate) fn is_alias(&self, value: &str, keyword: Keyword) -> bool {
        (value.starts_with('@') || self.term(value).is_some())
            && matches!(self.expand_iri(value, As::VOCAB), Expanded::Keyword(known) if known == keyword)
    }

    /// Steps 6 to 9: `value` is no term.
    pub(crate) fn expand_undefined<'d>(&self, value: &'d str, reading: As) -> Expanded<'d> {
        // 6
        if let Some((prefix, suffix)) = split_compact(value) {
            // 6.2
            if prefix == "_" || suffix.starts_with("//") {
                return Expanded::Iri(Text::Document(value));
            }
            // 6.4
            if let Some(term) = self.term(prefix)
                && term.prefix
                && let Some(mapping) = &term.mapping
            {
                return Expanded::Iri(Text::Owned(format!("{}{suffix}", mapping.as_str())));
            }
            // 6.5
            if iri::has_scheme(value) {
                return Expanded::Iri(Text::Document(value));
            }
        }
        // 7
        if reading.vocab
            && let Some(vocab) = &self.vocab
        {
            return Expanded::Iri(Text::Owned(format!("{vocab}{value}")));
        }
        // 8
        if reading.document_relative
            && let Some(base) = &self.base
        {
            return Expanded::Iri(Text::Owned(iri::resolve(base, value)));
        }
        // 9
        Expanded::Iri(Text::Document(value))
    }
}

/// `defined` of Context Processing: false while a definition is being made.
pub(crate) type Defined<'c> = HashMap<&'c str, bool>;

impl Site<'_, '_> {
    /// IRI Expansion with a local context: defines the terms that `value` depends on first.
    pub(crate) fn expand_iri<'c>(
        &mut self,
        context: &mut Context,
        value: &str,
        reading: As,
        local: &'c Map<String, Value>,
        defined: &mut Defined<'c>,
    ) -> Result<Option<Mapping>, Error> {
        // 1, 2
        if Keyword::parse(value).is_none() && !has_keyword_form(value) {
            // 3
            if let Some((name, _)) = local.get_key_value(value)
                && defined.get(name.as_str()) != Some(&true)
            {
                self.define(context, local, name, defined)?;
            }
            // 6.3, which only matters where steps 4 and 5 do not answer
            let known = context
                .term(value)
                .is_some_and(|term| reading.vocab || matches!(term.mapping, Some(Mapping::Keyword(_))));
            if !known
                && let Some((prefix, suffix)) = split_compact(value)
                && prefix != "_"
                && !suffix.starts_with("//")
                && let Some((name, _)) = local.get_key_value(prefix)
                && defined.get(name.as_str()) != Some(&true)
            {
                self.define(context, local, name, defined)?;
            }
        }
        Ok(match context.expand_iri(value, reading) {
            Expanded::Null => None,
            Expanded::Keyword(keyword) => Some(Mapping::Keyword(keyword)),
            Expanded::Iri(text) => Some(Mapping::Iri(text.into_shared())),
        })
    }
}
