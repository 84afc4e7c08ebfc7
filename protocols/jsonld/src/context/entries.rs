//! Create Term Definition, continued: the steps that look at one entry of a definition and need no context.

use serde_json::{Map, Value};

use super::{Container, Direction, Mapping, Term};
use crate::error::{Error, ErrorCode, fail};
use crate::keyword::Keyword;

/// Step 4.
pub(super) fn check_type_redefinition(value: &Value) -> Result<(), Error> {
    let good = value.as_object().is_some_and(|map| {
        !map.is_empty()
            && map.iter().all(|(key, value)| match key.as_str() {
                "@container" => value == "@set",
                "@protected" => true,
                _ => false,
            })
    });
    if good { Ok(()) } else { fail(ErrorCode::KeywordRedefinition, "@type") }
}

/// Step 19.
pub(super) fn set_container(term: &str, written: &Value, definition: &mut Term) -> Result<(), Error> {
    let invalid = || fail(ErrorCode::InvalidContainerMapping, format_args!("{term}: {written}"));
    let single = std::slice::from_ref(written);
    let items = written.as_array().map_or(single, Vec::as_slice);
    let mut container = Container::default();
    for item in items {
        let Some(flag) = item.as_str().and_then(Keyword::parse).and_then(container_flag) else {
            return invalid();
        };
        if container.has(flag) {
            return invalid();
        }
        container = container.with(flag);
    }
    let rest = container.without(Container::SET);
    let good = if container.is_empty() {
        false
    } else if container.has(Container::LIST) {
        container.count() == 1
    } else if rest.has(Container::GRAPH) {
        // @graph alone, or with @id or @index
        let other = rest.without(Container::GRAPH);
        other.is_empty() || other == Container::ID || other == Container::INDEX
    } else {
        rest.count() <= 1
    };
    if !good {
        return invalid();
    }
    definition.container = container;
    // 19.4
    if container.has(Container::TYPE) {
        match &definition.type_mapping {
            None => definition.type_mapping = Some(Mapping::Keyword(Keyword::Id)),
            Some(Mapping::Keyword(Keyword::Id | Keyword::Vocab)) => {}
            Some(_) => return fail(ErrorCode::InvalidTypeMapping, term),
        }
    }
    Ok(())
}

fn container_flag(keyword: Keyword) -> Option<Container> {
    Some(match keyword {
        Keyword::Graph => Container::GRAPH,
        Keyword::Id => Container::ID,
        Keyword::Index => Container::INDEX,
        Keyword::Language => Container::LANGUAGE,
        Keyword::List => Container::LIST,
        Keyword::Set => Container::SET,
        Keyword::Type => Container::TYPE,
        _ => return None,
    })
}

/// Steps 22 to 25.
pub(super) fn set_rest(term: &str, entries: &Map<String, Value>, definition: &mut Term) -> Result<(), Error> {
    let typed = entries.contains_key("@type");
    // 22
    if let Some(language) = entries.get("@language")
        && !typed
    {
        definition.language = Some(match language {
            Value::Null => None,
            Value::String(text) => Some(text.as_str().into()),
            other => return fail(ErrorCode::InvalidLanguageMapping, format_args!("{term}: {other}")),
        });
    }
    // 23
    if let Some(direction) = entries.get("@direction") {
        let direction = Some(match direction {
            Value::Null => None,
            other => match other.as_str().and_then(Direction::parse) {
                Some(direction) => Some(direction),
                None => return fail(ErrorCode::InvalidBaseDirection, format_args!("{term}: {other}")),
            },
        });
        if !typed {
            definition.direction = direction;
        }
    }
    // 24
    if let Some(nest) = entries.get("@nest") {
        match nest.as_str() {
            Some(text) if text == "@nest" || Keyword::parse(text).is_none() => {
                definition.nest = Some(text.into())
            }
            _ => return fail(ErrorCode::InvalidNestValue, format_args!("{term}: {nest}")),
        }
    }
    // 25
    if let Some(prefix) = entries.get("@prefix") {
        if term.contains([':', '/']) {
            return fail(ErrorCode::InvalidTermDefinition, format_args!("{term} cannot be a prefix"));
        }
        let Value::Bool(flag) = prefix else {
            return fail(ErrorCode::InvalidPrefixValue, format_args!("{term}: {prefix}"));
        };
        definition.prefix = *flag;
        // The text allows `false` here, the references do not.
        if matches!(definition.mapping, Some(Mapping::Keyword(_))) {
            return fail(
                ErrorCode::InvalidTermDefinition,
                format_args!("{term}: a keyword cannot be a prefix"),
            );
        }
    }
    Ok(())
}

/// Step 26, taken first: an unknown entry is an error also in a definition that is then ignored.
pub(super) fn check_entries(term: &str, entries: &Map<String, Value>) -> Result<(), Error> {
    for key in entries.keys() {
        if !matches!(
            key.as_str(),
            "@id"
                | "@reverse"
                | "@container"
                | "@context"
                | "@direction"
                | "@index"
                | "@language"
                | "@nest"
                | "@prefix"
                | "@protected"
                | "@type"
        ) {
            return fail(ErrorCode::InvalidTermDefinition, format_args!("{term}: unknown entry {key}"));
        }
    }
    Ok(())
}
