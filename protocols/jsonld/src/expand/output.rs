//! The expanded form as JSON.

use serde_json::{Map, Value};

use super::object::{Object, Properties, Val};
use crate::context::Expanded;
use crate::text::Text;

pub(crate) fn array(objects: Vec<Object<'_>>) -> Value {
    Value::Array(objects.into_iter().map(object).collect())
}

fn expanded(value: Expanded<'_>) -> Value {
    match value {
        Expanded::Null => Value::Null,
        Expanded::Keyword(keyword) => Value::String(keyword.as_str().to_owned()),
        Expanded::Iri(iri) => Value::String(iri.into_string()),
    }
}

fn text(text: Text<'_>) -> Value {
    Value::String(text.into_string())
}

fn add(map: &mut Map<String, Value>, properties: Properties<'_>) {
    for (property, items) in properties {
        let items = items.into_iter().map(object);
        match map.entry(property.into_string()).or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(known) => known.extend(items),
            other => *other = Value::Array(items.collect()),
        }
    }
}

fn object(object: Object<'_>) -> Value {
    let mut map = Map::new();
    if let Some(id) = object.id {
        map.insert("@id".into(), expanded(id));
    }
    if object.has_type {
        let mut types = object.types.into_iter().map(expanded);
        let types = match object.value {
            Some(_) if !object.type_is_array => types.next().unwrap_or(Value::Null),
            _ => Value::Array(types.collect()),
        };
        map.insert("@type".into(), types);
    }
    match object.value {
        Some(Val::Json(value)) => drop(map.insert("@value".into(), value.clone())),
        Some(Val::Text(value)) => drop(map.insert("@value".into(), value.into())),
        None => {}
    }
    if let Some(language) = object.language {
        map.insert("@language".into(), text(language));
    }
    if let Some(list) = object.list {
        map.insert("@list".into(), array(list));
    }
    if let Some(graph) = object.graph {
        map.insert("@graph".into(), array(graph));
    }
    if let Some(rare) = object.rare {
        if let Some(direction) = rare.direction {
            map.insert("@direction".into(), direction.as_str().into());
        }
        if let Some(index) = rare.index {
            map.insert("@index".into(), text(index));
        }
        if let Some(included) = rare.included {
            map.insert("@included".into(), array(included));
        }
        if let Some(reverse) = rare.reverse {
            let mut inner = Map::new();
            add(&mut inner, reverse);
            map.insert("@reverse".into(), Value::Object(inner));
        }
    }
    add(&mut map, object.properties);
    Value::Object(map)
}
