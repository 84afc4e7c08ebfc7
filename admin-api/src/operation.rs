//! What an operation is: one declaration gives routing, validation and the API description.

use std::sync::Arc;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use chancery_agent::{Agent, Tenant};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::auth::Access;
use crate::failure::Failure;
use crate::schema::tree::Tree;
use crate::schema::{Field, Schema};
use crate::state::State;
use crate::texts::invalid;

/// One method of one path.
#[derive(Debug)]
pub(crate) struct Operation {
    /// HTTP method.
    pub(crate) method: Method,
    /// Path with `{parameters}`.
    pub(crate) path: &'static str,
    /// The group that it belongs to.
    pub(crate) tag: &'static str,
    /// One line for the API description.
    pub(crate) summary: &'static str,
    /// More for the API description.
    pub(crate) about: &'static str,
    /// Whom it is for.
    pub(crate) access: Access,
    /// Parameters of the path.
    pub(crate) path_fields: &'static [Field],
    /// Parameters of the query string.
    pub(crate) query: &'static [&'static [Field]],
    /// The body.
    pub(crate) body: Option<Body>,
    /// Status of a success.
    pub(crate) success: StatusCode,
    /// What a success carries.
    pub(crate) answer: Answer,
    /// 400s are JSON `{"message"}`.
    pub(crate) json_errors: bool,
    /// Discouraged.
    pub(crate) deprecated: bool,
    /// Carries it out.
    pub(crate) run: Run,
    /// Carries it out for callers that accept `text/event-stream`.
    pub(crate) stream: Option<Stream>,
}

/// Carries an operation out.
pub(crate) type Run = fn(Call) -> LocalBoxFuture<'static, Result<Value, Failure>>;

/// Answers an operation with a stream of events.
pub(crate) type Stream = fn(Call, &HttpRequest) -> Result<HttpResponse, Failure>;

/// A JSON body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body {
    /// What it may hold.
    pub(crate) schema: &'static Schema,
    /// The command's member that takes the body as it is; without it the declared members become the command's.
    pub(crate) member: Option<&'static str>,
    /// An absent body is refused though the schema requires nothing.
    pub(crate) needed: bool,
    /// What to do about a body that was refused, if it is one that people send by mistake.
    pub(crate) mistaken: fn(&Value) -> Option<&'static str>,
}

/// What a success carries, for the API description.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// `{}`.
    Empty,
    /// This object.
    One(&'static Schema),
    /// `{"results": [this object]}`.
    Results(&'static Schema),
    /// An object that is not described further.
    Free,
    /// A text: the command's value is one, and is sent as it is.
    Text,
}

impl Operation {
    const fn new(method: Method, path: &'static str, tag: &'static str, run: Run) -> Self {
        Self {
            method,
            path,
            tag,
            summary: "",
            about: "",
            access: Access::Tenant,
            path_fields: &[],
            query: &[],
            body: None,
            success: StatusCode::OK,
            answer: Answer::Empty,
            json_errors: false,
            deprecated: false,
            run,
            stream: None,
        }
    }

    /// `GET`.
    pub(crate) const fn get(path: &'static str, tag: &'static str, run: Run) -> Self {
        Self::new(Method::GET, path, tag, run)
    }

    /// `POST`.
    pub(crate) const fn post(path: &'static str, tag: &'static str, run: Run) -> Self {
        Self::new(Method::POST, path, tag, run)
    }

    /// `PUT`.
    pub(crate) const fn put(path: &'static str, tag: &'static str, run: Run) -> Self {
        Self::new(Method::PUT, path, tag, run)
    }

    /// `PATCH`.
    pub(crate) const fn patch(path: &'static str, tag: &'static str, run: Run) -> Self {
        Self::new(Method::PATCH, path, tag, run)
    }

    /// `DELETE`.
    pub(crate) const fn delete(path: &'static str, tag: &'static str, run: Run) -> Self {
        Self::new(Method::DELETE, path, tag, run)
    }

    /// One line for the API description.
    pub(crate) const fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// More for the API description.
    pub(crate) const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// Parameters of the path.
    pub(crate) const fn path(mut self, fields: &'static [Field]) -> Self {
        self.path_fields = fields;
        self
    }

    /// Parameters of the query string.
    pub(crate) const fn query(mut self, parts: &'static [&'static [Field]]) -> Self {
        self.query = parts;
        self
    }

    /// A body whose members become the command's.
    pub(crate) const fn body(mut self, schema: &'static Schema) -> Self {
        self.body = Some(Body { schema, member: None, needed: false, mistaken: |_| None });
        self
    }

    /// A body that must be there, though the schema requires nothing.
    pub(crate) const fn needed_body(mut self, schema: &'static Schema) -> Self {
        self.body = Some(Body { schema, member: None, needed: true, mistaken: |_| None });
        self
    }

    /// A body that becomes one member of the command.
    pub(crate) const fn body_as(mut self, member: &'static str, schema: &'static Schema) -> Self {
        self.body = Some(Body { schema, member: Some(member), needed: false, mistaken: |_| None });
        self
    }

    /// Tells who sends something else than the body what to do.
    pub(crate) const fn mistakes(mut self, mistaken: fn(&Value) -> Option<&'static str>) -> Self {
        if let Some(body) = &mut self.body {
            body.mistaken = mistaken;
        }
        self
    }

    /// What a success carries.
    pub(crate) const fn answers(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    /// Status of a success.
    pub(crate) const fn success(mut self, status: StatusCode) -> Self {
        self.success = status;
        self
    }

    /// Whom it is for.
    pub(crate) const fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// 400s are JSON `{"message"}`.
    pub(crate) const fn json_errors(mut self) -> Self {
        self.json_errors = true;
        self
    }

    /// Callers that accept `text/event-stream` get one.
    pub(crate) const fn streams(mut self, stream: Stream) -> Self {
        self.stream = Some(stream);
        self
    }

    /// Discouraged.
    pub(crate) const fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }
}

/// A request whose input has been checked.
pub(crate) struct Call {
    /// The agent and the rest of the process.
    pub(crate) state: Arc<State>,
    /// The agent's view for this call, when it has a key.
    pub(crate) claiming: Option<Agent>,
    /// Whose.
    pub(crate) tenant: Tenant,
    /// Path, query and body as one object.
    pub(crate) input: Map<String, Value>,
}

impl Call {
    /// The agent.
    pub(crate) fn agent(&self) -> &Agent {
        self.claiming.as_ref().unwrap_or(&self.state.api.agent)
    }

    /// The command, out of the input.
    pub(crate) fn command<C: DeserializeOwned>(&mut self) -> Result<C, Failure> {
        let input = Value::Object(std::mem::take(&mut self.input));
        serde_json::from_value(input).map_err(|_| {
            // The schema let through what the command doesn't take. The error may repeat values: neither for the caller
            // nor for the log.
            tracing::debug!("the input does not fit the command");
            Failure::invalid("json", Tree::whole(invalid::NOT_AN_OBJECT))
        })
    }
}

/// An operation that is one command of the agent.
macro_rules! command {
    ($function:path) => {
        |mut call: $crate::operation::Call| {
            Box::pin(async move {
                let command = call.command()?;
                $function(call.agent(), &call.tenant, command).await.map_err($crate::failure::Failure::from)
            })
        }
    };
}
pub(crate) use command;
