//! Answers that are not a success: ACA-Py's text, or RFC 9457 for callers that ask for it.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use chancery_agent::AgentError;
use chancery_agent::to_python_json;
use chancery_agent::unit::{Fault, Kind};
use serde_json::{Value, json};

use crate::page;
use crate::schema::tree::{Key, Tree};
use crate::texts;

/// Media type of RFC 9457.
const PROBLEM: &str = "application/problem+json";

/// Why a request was not carried out. Boxed: failures are rare and large.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Box<Details>);

impl Deref for Failure {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

/// What there is to say about a failure.
#[derive(Clone, Debug)]
pub(crate) struct Details {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Stable code, a page under docs/errors.
    pub(crate) code: &'static str,
    /// What happened; for the log even when the caller must not see it.
    pub(crate) reason: String,
    /// The offending member, dotted.
    pub(crate) field: Option<String>,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// The faults of the input by member.
    faults: Option<Value>,
    form: Form,
    /// Seconds in `Retry-After`.
    retry_after: Option<u64>,
    /// A server elsewhere failed, not we.
    pub(crate) of_third_party: bool,
}

/// How ACA-Py writes the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `"<status>: <reason>"`.
    Numbered,
    /// The reason alone.
    Bare,
    /// `{"message": reason}`.
    Message,
    /// The caller learns nothing.
    Hidden,
}

impl Failure {
    /// A failure with ACA-Py's body `"<status>: <reason>"`.
    pub(crate) fn new(status: StatusCode, code: &'static str, reason: impl Into<String>) -> Self {
        Self(Box::new(Details {
            status,
            code,
            reason: reason.into(),
            field: None,
            hint: None,
            faults: None,
            form: Form::Numbered,
            retry_after: None,
            of_third_party: false,
        }))
    }

    /// 422: what is wrong with the input, under `json`, `querystring` or `match_info`.
    pub(crate) fn invalid(place: &'static str, tree: Tree) -> Self {
        let (field, text) = tree.first();
        let hint = format!("{field}: {text}");
        let faults = tree.to_json();
        let mut failure =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-input", tree.under(place).repr());
        failure.faults = Some(faults);
        if !field.is_empty() {
            failure.field = Some(field);
            failure.hint = Some(hint);
        }
        failure
    }

    /// 400: the body is not JSON. Its content is never repeated.
    pub(crate) fn not_json() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "not-json", texts::BAD_REQUEST)
            .hint("send one JSON object as body")
    }

    /// 400: two readers of the body could understand two things.
    pub(crate) fn ambiguous_json(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ambiguous-json", why)
            .hint("name each member once: of two, another reader may take the other")
    }

    /// 413.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", texts::too_large(limit))
            .bare()
            .hint("send less, or raise --admin-client-max-request-size")
    }

    /// 401.
    pub(crate) fn no_key(text: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "no-key", text).hint("send the admin key in the header x-api-key")
    }

    /// 503 with `Retry-After`.
    pub(crate) fn busy(reason: impl Into<String>) -> Self {
        let mut failure =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", reason).hint("send the request again later");
        failure.retry_after = Some(1);
        failure
    }

    /// 429 with `Retry-After`.
    pub(crate) fn too_many(reason: &'static str, wait: Duration) -> Self {
        let hint = "send fewer requests, or raise the limit that the reason names";
        let mut failure = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", reason).hint(hint);
        failure.retry_after = Some(wait.as_secs_f64().ceil().max(1.0) as u64);
        failure
    }

    /// 500: our own fault. The reason goes to the log only.
    pub(crate) fn internal(code: &'static str, reason: impl Into<String>) -> Self {
        let mut failure = Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, reason);
        failure.form = Form::Hidden;
        failure
    }

    /// The body is the reason alone.
    pub(crate) fn bare(mut self) -> Self {
        self.form = Form::Bare;
        self
    }

    /// The body is `{"message": reason}`, as that of some 400s of ACA-Py.
    pub(crate) fn into_message(mut self) -> Self {
        if self.status == StatusCode::BAD_REQUEST {
            self.form = Form::Message;
        }
        self
    }

    /// Says what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what to do unless that is said.
    pub(crate) fn hint_if_none(mut self, hint: &str) -> Self {
        self.hint.get_or_insert_with(|| hint.to_owned());
        self
    }

    /// The answer for a request with these headers.
    pub(crate) fn answer(&self, headers: &HeaderMap, request_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if wants_problem(headers) {
            return self.problem(response, request_id);
        }
        let text = match self.form {
            Form::Numbered => format!("{}: {}", self.status.as_u16(), self.reason),
            Form::Bare => self.reason.clone(),
            Form::Hidden => texts::INTERNAL.to_owned(),
            Form::Message => {
                let body = to_python_json(&json!({ "message": self.reason }));
                return response.content_type("application/json; charset=utf-8").body(body);
            }
        };
        response.content_type("text/plain; charset=utf-8").body(text)
    }

    fn problem(&self, mut response: HttpResponseBuilder, request_id: &str) -> HttpResponse {
        let hidden = self.form == Form::Hidden;
        let detail =
            if hidden { "an internal error; the log has it under this request id" } else { &self.reason };
        let mut body = json!({
            "type": format!("/api/doc/errors/{}", self.code),
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": detail,
            "code": self.code,
            "request_id": request_id,
        });
        // What the page of the code says holds for every failure with it, and tells nothing of this one.
        let general = page::errors::hint(self.code);
        let optional = [
            ("field", self.field.as_ref().map(|f| json!(f))),
            ("hint", self.hint.as_deref().filter(|_| !hidden).or(general.as_deref()).map(|h| json!(h))),
            ("errors", self.faults.clone()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        response.content_type(PROBLEM).body(to_python_json(&body))
    }
}

/// The one mapping from what a command fails with to HTTP.
impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Self {
        let status = match error.kind {
            Kind::BadRequest => StatusCode::BAD_REQUEST,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::NotSupported => StatusCode::NOT_IMPLEMENTED,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let reason = match (error.kind, &error.field) {
            (Kind::Unprocessable, Some(field)) => python_fault(field, &error.message),
            _ => error.message,
        };
        let mut failure = Self::new(status, error.code, reason);
        failure.field = error.field;
        failure.hint = error.hint;
        failure.of_third_party = error.fault == Fault::ThirdParty;
        failure.retry_after = (error.kind == Kind::Unavailable).then_some(1);
        if error.kind == Kind::Internal && error.fault == Fault::Ours {
            failure.form = Form::Hidden;
        }
        failure
    }
}

/// A fault that a command found in its input, in the shape that the schemas give theirs.
fn python_fault(field: &str, message: &str) -> String {
    let mut tree = Tree::text(message.to_owned());
    for step in field.rsplit('.').filter(|s| !s.is_empty()) {
        tree = match step.parse() {
            Ok(index) => Tree::Below(vec![(Key::Index(index), tree)]),
            Err(_) => tree.under(step.to_owned()),
        };
    }
    tree.under("json").repr()
}

/// Problem details go only to callers that name their media type.
fn wants_problem(headers: &HeaderMap) -> bool {
    let named = |value: &HeaderValue| {
        let value = value.to_str().unwrap_or_default();
        value.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_problem = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(PROBLEM));
            is_problem && !parts.any(|p| matches!(p.strip_prefix("q="), Some(q) if q.parse() == Ok(0.0_f32)))
        })
    };
    headers.get_all(header::ACCEPT).any(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::MessageBody;

    fn text(failure: &Failure, accept: &str) -> (u16, String, String) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        let response = failure.answer(&headers, "r-1");
        let kind = response.headers().get(header::CONTENT_TYPE).unwrap().to_str().unwrap().to_owned();
        let status = response.status().as_u16();
        let body = response.into_body().try_into_bytes().unwrap();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn every_kind_of_error_has_its_status() {
        let cases = [
            (AgentError::bad_request("x", "m"), 400, "400: m"),
            (AgentError::forbidden("x", "Connection c not ready"), 403, "403: Connection c not ready"),
            (AgentError::no_record("connection", "1"), 404, "404: Record not found: connection/1."),
            (
                AgentError::unprocessable("filter.ld_proof", "Bad."),
                422,
                "422: {'json': {'filter': {'ld_proof': ['Bad.']}}}",
            ),
            (
                AgentError::unprocessable("handshake_protocols.0", "Invalid value."),
                422,
                "422: {'json': {'handshake_protocols': {0: ['Invalid value.']}}}",
            ),
            (AgentError::not_supported("Not there."), 501, "501: Not there."),
            (AgentError::unavailable("down"), 503, "503: down"),
            (AgentError::internal("x", "secret"), 500, texts::INTERNAL),
            (
                AgentError::third_party(Kind::Internal, "x", "example.com: no answer"),
                500,
                "500: example.com: no answer",
            ),
        ];
        for (error, status, body) in cases {
            let (got, kind, text) = text(&Failure::from(error), "*/*");
            assert_eq!((got, text.as_str()), (status, body));
            assert_eq!(kind, "text/plain; charset=utf-8");
        }
    }

    #[test]
    fn problem_details_only_when_asked_for() {
        let failure = Failure::invalid("json", Tree::text("Bad.").under("filter"));
        for accept in ["*/*", "application/json", "application/*", "application/problem+json;q=0"] {
            assert_eq!(text(&failure, accept).2, "422: {'json': {'filter': ['Bad.']}}", "{accept}");
        }
        for accept in ["application/problem+json", "text/html, Application/Problem+JSON;q=0.5"] {
            let (_, kind, body) = text(&failure, accept);
            assert_eq!(kind, PROBLEM);
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["code"], "invalid-input");
            assert_eq!(body["field"], "filter");
            assert_eq!(body["hint"], "filter: Bad.");
            assert_eq!(body["errors"], json!({"filter": ["Bad."]}));
            assert_eq!(body["request_id"], "r-1");
            assert_eq!(body["status"], 422);
        }
        let hidden = Failure::internal("x", "the key is abc");
        assert!(!text(&hidden, PROBLEM).2.contains("abc"));
        assert!(!text(&hidden, "*/*").2.contains("abc"));
    }
}
