//! From the request to the checked input of an operation. Order of the checks as in ACA-Py: body, query, path.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::{StatusCode, header};
use actix_web::rt::time::timeout;
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use chancery_agent::edge::Shape;
use chancery_did::json::from_slice_strict;
use futures_util::StreamExt;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::operation::{Body, Operation};
use crate::schema::{Field, Kind, check_members};

/// So many times the limit is read and thrown away, so that a caller who sends too much sees the answer and not a reset
/// connection.
const PATIENCE: usize = 8;

/// What to do about a body that was not read.
const UNREAD: &str = "the body was not read: send it with the header Content-Type: application/json";

/// The whole body, up to the limit, within the time.
pub(crate) async fn read_body(
    request: &HttpRequest,
    mut payload: Payload,
    limit: usize,
    time: Duration,
) -> Result<Bytes, Failure> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    let reading = async {
        if announced.is_some_and(|length: usize| length > limit) {
            throw_away(&mut payload, limit).await;
            return Err(Failure::too_large(limit));
        }
        let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
        let first = first.map_err(|_| Failure::not_json())?;
        // Usually there is one chunk, which needs no copy.
        let Some(second) = payload.next().await else { return within(first, limit) };
        let mut body = BytesMut::with_capacity(announced.unwrap_or(first.len() * 2));
        body.extend_from_slice(&first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            body.extend_from_slice(&chunk.map_err(|_| Failure::not_json())?);
            if body.len() > limit {
                throw_away(&mut payload, limit).await;
                return Err(Failure::too_large(limit));
            }
            next = payload.next().await;
        }
        Ok(body.freeze())
    };
    timeout(time, reading).await.unwrap_or_else(|_| {
        Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "slow-body", "Request Timeout")
            .hint("send the whole body within --request-body-timeout"))
    })
}

fn within(body: Bytes, limit: usize) -> Result<Bytes, Failure> {
    if body.len() <= limit { Ok(body) } else { Err(Failure::too_large(limit)) }
}

async fn throw_away(payload: &mut Payload, limit: usize) {
    let mut thrown = 0;
    while thrown < limit.saturating_mul(PATIENCE) {
        match payload.next().await {
            Some(Ok(chunk)) => thrown += chunk.len(),
            _ => return,
        }
    }
}

/// The checked input of an operation: body, query and path as one object.
pub(crate) fn gather(
    operation: &Operation,
    content_type: Option<&str>,
    body: &[u8],
    query: &str,
    path: Map<String, Value>,
    shape: Shape,
) -> Result<Map<String, Value>, Failure> {
    let mut input = match &operation.body {
        Some(declared) => members(declared, content_type, body, shape)?,
        None => Map::new(),
    };
    if !operation.query.is_empty() {
        let mut given = parse_query(operation.query, query);
        check_members(operation.query, &mut given).map_err(|tree| Failure::invalid("querystring", tree))?;
        input.append(&mut given);
    }
    if !operation.path_fields.is_empty() {
        let mut given = path;
        check_members(&[operation.path_fields], &mut given)
            .map_err(|tree| Failure::invalid("match_info", tree))?;
        input.append(&mut given);
    }
    Ok(input)
}

fn members(
    declared: &Body,
    content_type: Option<&str>,
    body: &[u8],
    shape: Shape,
) -> Result<Map<String, Value>, Failure> {
    let schema = declared.schema;
    // What is not called JSON counts as `{}` where that is refused; elsewhere the body is read whatever it is called.
    let counts = content_type.is_some_and(is_json) || !schema.requires_something();
    let mut value = if body.is_empty() || !counts {
        Value::Object(Map::new())
    } else {
        shape.check(body).map_err(|misshapen| {
            Failure::not_json()
                .hint(format!("the body is {misshapen}: see --max-json-depth and --max-json-values"))
        })?;
        from_slice_strict(body).map_err(|error| {
            if error.is_ambiguous() {
                return Failure::ambiguous_json(&error.to_string());
            }
            let hint = std::str::from_utf8(body).ok().and_then(|text| (declared.mistaken)(&text.into()));
            hint.map_or_else(Failure::not_json, |hint| Failure::not_json().hint(hint))
        })?
    };
    schema.check(&mut value).map_err(|tree| {
        let unread = !counts && !body.is_empty();
        let hint = if unread { Some(UNREAD) } else { (declared.mistaken)(&value) };
        let failure = Failure::invalid("json", tree);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    if body.is_empty() && declared.needed {
        let reason = "A JSON body is required; an empty object will do.";
        return Err(Failure::new(StatusCode::BAD_REQUEST, "no-body", reason).hint("send {}"));
    }
    match (declared.member, value) {
        (Some(member), value) => Ok(Map::from_iter([(member.to_owned(), value)])),
        (None, Value::Object(mut members)) => {
            // A member must not pass for a parameter of the path or the query.
            members.retain(|name, _| schema.has(name));
            Ok(members)
        }
        (None, _) => Err(Failure::not_json()),
    }
}

/// `application/json` or `application/…+json`, with or without parameters.
fn is_json(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    let Some((kind, subtype)) = media.split_once('/') else { return false };
    kind.eq_ignore_ascii_case("application")
        && (subtype.eq_ignore_ascii_case("json") || subtype.to_ascii_lowercase().ends_with("+json"))
}

/// The declared parameters that are given; the first counts. An empty free text counts as absent.
fn parse_query(parts: &[&[Field]], query: &str) -> Map<String, Value> {
    let mut given = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let declared = parts.iter().copied().flatten().find(|field| field.name == name);
        let Some(field) = declared else { continue };
        if value.is_empty() && matches!(field.kind, Kind::Text) || given.contains_key(field.name) {
            continue;
        }
        given.insert(field.name.to_owned(), Value::String(value.into_owned()));
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_content_types_are_json() {
        let cases = [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("Application/JSON", true),
            ("application/vnd.api+json", true),
            ("text/json", false),
            ("text/plain", false),
            ("", false),
        ];
        for (value, json) in cases {
            assert_eq!(is_json(value), json, "{value}");
        }
    }
}
