//! Declarations as JSON Schema 2020-12, for the API description.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Field, Kind, Schema};

/// The named schemas that a description uses.
#[derive(Default)]
pub(crate) struct Components(BTreeMap<&'static str, Value>);

impl Components {
    /// A reference to a schema, which is described along with the ones that it uses.
    pub(crate) fn reference(&mut self, schema: &Schema) -> Value {
        if !self.0.contains_key(schema.name) {
            // The place is taken first: a schema may refer to itself.
            self.0.insert(schema.name, Value::Null);
            let described = self.describe(schema);
            self.0.insert(schema.name, described);
        }
        json!({ "$ref": format!("#/components/schemas/{}", schema.name) })
    }

    /// All of them, by name.
    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect())
    }

    fn describe(&mut self, schema: &Schema) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in schema.parts.iter().copied().flatten() {
            properties.insert(field.name.to_owned(), self.field(field));
            if field.required {
                required.push(field.name);
            }
        }
        let mut described = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            described["required"] = json!(required);
        }
        described
    }

    /// The schema of a field's value.
    pub(crate) fn field(&mut self, field: &Field) -> Value {
        let mut described = self.kind(&field.kind);
        if field.nullable {
            described = match described.get("type").cloned() {
                Some(Value::String(name)) => {
                    described["type"] = json!([name, "null"]);
                    described
                }
                _ => json!({ "anyOf": [described, { "type": "null" }] }),
            };
        }
        if !field.about.is_empty() {
            described["description"] = json!(field.about);
        }
        if let Some(example) = field.example {
            described["examples"] = json!([literal(&field.kind, example)]);
        }
        if let Some(default) = field.default {
            described["default"] = literal(&field.kind, default);
        }
        described
    }

    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Text => json!({ "type": "string" }),
            Kind::Matching(rule) => json!({ "type": "string", "pattern": rule.pattern }),
            Kind::Known(_, examples) => json!({ "type": "string", "examples": examples }),
            Kind::OneOf(choices) => json!({ "type": "string", "enum": choices }),
            Kind::Boolean | Kind::PagingBoolean => json!({ "type": "boolean" }),
            Kind::Integer(None) => json!({ "type": "integer" }),
            Kind::Integer(Some((min, None))) => json!({ "type": "integer", "minimum": min }),
            Kind::Integer(Some((min, Some(max)))) => {
                json!({ "type": "integer", "minimum": min, "maximum": max })
            }
            Kind::List(of) => json!({ "type": "array", "items": self.kind(of) }),
            Kind::Object(schema) | Kind::Custom(_, schema) => self.reference(schema),
            Kind::Objects(schema) => json!({ "type": "array", "items": self.reference(schema) }),
            Kind::Map => json!({ "type": "object" }),
            Kind::TextMap => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            Kind::Json | Kind::Judged(_) => json!({}),
        }
    }
}

/// A parameter of the path or the query string.
pub(crate) fn parameter(components: &mut Components, place: &str, field: &Field) -> Value {
    let mut schema = components.field(field);
    let about = schema.as_object_mut().and_then(|s| s.remove("description"));
    let mut described = json!({ "name": field.name, "in": place, "schema": schema });
    if let Some(about) = about {
        described["description"] = about;
    }
    if field.required || place == "path" {
        described["required"] = json!(true);
    }
    described
}

/// Examples of texts are written as they are, all others as JSON.
fn literal(kind: &Kind, written: &'static str) -> Value {
    match kind {
        Kind::Text | Kind::Matching(_) | Kind::Known(..) | Kind::OneOf(_) => json!(written),
        _ => serde_json::from_str(written).unwrap_or_else(|_| json!(written)),
    }
}
