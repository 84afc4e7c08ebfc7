//! The API description: OpenAPI 3.1, out of the declarations.

use serde_json::{Map, Value, json};

use crate::auth::Access;
use crate::groups::{GROUPS, operations};
use crate::operation::{Answer, Operation};
use crate::schema::{Components, parameter};

/// The API description as an OpenAPI 3.1 document.
///
/// `version`: what `info.version` says.
pub fn description(version: &str) -> Value {
    let mut components = Components::default();
    let mut paths = Map::new();
    for operation in operations() {
        let described = describe(operation, &mut components);
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        item[operation.method.as_str().to_ascii_lowercase()] = described;
    }
    let tags: Vec<_> = GROUPS.iter().map(|g| json!({ "name": g.tag, "description": g.about })).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Chancery admin API",
            "version": version,
            "description": "Issues, holds and verifies credentials over DIDComm. Compatible with ACA-Py's admin API.\n\n\
                Errors are text: `<status>: <reason>`. With `Accept: application/problem+json` they are RFC 9457 problem \
                details. Every answer carries `x-request-id`.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": components.into_value(),
            "responses": errors(),
            "securitySchemes": { "ApiKey": { "type": "apiKey", "in": "header", "name": "x-api-key" } },
        },
    })
}

fn describe(operation: &Operation, components: &mut Components) -> Value {
    let mut described = json!({
        "operationId": operation_id(operation),
        "tags": [operation.tag],
        "summary": operation.summary,
    });
    if !operation.about.is_empty() {
        described["description"] = json!(operation.about);
    }
    if operation.deprecated {
        described["deprecated"] = json!(true);
    }
    let mut parameters: Vec<_> =
        operation.path_fields.iter().map(|f| parameter(components, "path", f)).collect();
    parameters.extend(operation.query.iter().copied().flatten().map(|f| parameter(components, "query", f)));
    if !parameters.is_empty() {
        described["parameters"] = json!(parameters);
    }
    if let Some(body) = operation.body {
        described["requestBody"] = json!({
            "required": body.needed || body.schema.requires_something(),
            "content": { "application/json": { "schema": components.reference(body.schema) } },
        });
    }
    if operation.access != Access::Open {
        described["security"] = json!([{ "ApiKey": [] }]);
    }
    described["responses"] = responses(operation, components);
    described
}

fn responses(operation: &Operation, components: &mut Components) -> Value {
    let schema = match operation.answer {
        Answer::Empty => json!({ "type": "object", "maxProperties": 0 }),
        Answer::Free => json!({ "type": "object" }),
        Answer::Text => json!({ "type": "string" }),
        Answer::One(schema) => components.reference(schema),
        Answer::Results(schema) => {
            let results = json!({ "type": "array", "items": components.reference(schema) });
            json!({ "type": "object", "properties": { "results": results } })
        }
    };
    let media = if matches!(operation.answer, Answer::Text) { "text/plain" } else { "application/json" };
    let success = json!({ "description": "Success", "content": { media: { "schema": schema } } });
    let mut responses = Map::from_iter([(operation.success.as_str().to_owned(), success)]);
    let mut expect = vec!["503"];
    if operation.access != Access::Open {
        expect.push("401");
    }
    if operation.body.is_some() || !operation.query.is_empty() || !operation.path_fields.is_empty() {
        expect.extend(["400", "422"]);
    }
    if !operation.path_fields.is_empty() {
        expect.push("404");
    }
    expect.sort_unstable();
    for status in expect {
        responses.insert(status.to_owned(), json!({ "$ref": format!("#/components/responses/{status}") }));
    }
    Value::Object(responses)
}

fn errors() -> Value {
    let texts = [
        ("400", "The request can't be carried out as things stand"),
        ("401", "The admin key is missing or wrong"),
        ("404", "There is no such record"),
        ("422", "The input is malformed"),
        ("503", "Not now; `Retry-After` says when to try again"),
    ];
    let problem = json!({ "type": "object", "properties": {
        "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" },
        "detail": { "type": "string" }, "code": { "type": "string" }, "field": { "type": "string" },
        "hint": { "type": "string" }, "errors": { "type": "object" }, "request_id": { "type": "string" },
    }});
    let responses = texts.map(|(status, text)| {
        let content = json!({
            "text/plain": { "schema": { "type": "string" } },
            "application/problem+json": { "schema": problem },
        });
        (status.to_owned(), json!({ "description": text, "content": content }))
    });
    Value::Object(Map::from_iter(responses))
}

/// `post_issue_credential_2_0_send_offer`
fn operation_id(operation: &Operation) -> String {
    let mut id = operation.method.as_str().to_ascii_lowercase();
    let words = operation.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        id.push('_');
        id.push_str(word);
    }
    id
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|v| references(v, found));
            }
            Value::Array(items) => items.iter().for_each(|v| references(v, found)),
            _ => {}
        }
    }

    #[test]
    fn the_description_is_whole() {
        let document = description("1.2.3");
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["info"]["version"], "1.2.3");
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 50);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some_and(Value::is_object), "{reference}");
        }
        let tags: HashSet<_> =
            document["tags"].as_array().unwrap().iter().map(|t| t["name"].clone()).collect();
        let mut ids = HashSet::new();
        for item in document["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                assert!(ids.insert(operation["operationId"].clone()), "{operation}");
                assert!(tags.contains(&operation["tags"][0]), "{operation}");
                assert!(!operation["summary"].as_str().unwrap().is_empty(), "{operation}");
            }
        }
        assert_eq!(ids.len(), operations().count());
    }

    #[test]
    fn schemas_with_one_name_are_one() {
        let document = description("1");
        let offer = &document["paths"]["/issue-credential-2.0/send-offer"]["post"];
        assert_eq!(offer["security"][0]["ApiKey"], json!([]));
        assert_eq!(offer["requestBody"]["required"], true);
        let schema = &document["components"]["schemas"]["V20CredOfferRequest"];
        assert_eq!(schema["required"], json!(["filter", "connection_id"]));
        assert_eq!(schema["properties"]["comment"]["type"], json!(["string", "null"]));
    }
}
