//! An entrance without a server, for the fuzz target `admin_body`: what a request goes through once its body is read.

use std::pin::pin;
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll, Waker};

use actix_web::body::MessageBody;
use actix_web::http::header::{ACCEPT, HeaderMap, HeaderValue};
use chancery_agent::edge::Shape;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::AdminApi;
use crate::failure::Failure;
use crate::groups::{Entry, Paths, operations};
use crate::input::gather;
use crate::operation::{Call, Operation};
use crate::page::Assets;
use crate::schema::tree::Tree;
use crate::schema::{Field, Kind, Schema};
use crate::state::State;
use crate::texts::invalid;

/// The API over an agent, without a server.
#[expect(missing_debug_implementations, reason = "what it is made of has none")]
pub struct Bare(Arc<State>);

/// What a request came to.
#[derive(Debug)]
pub struct Answered {
    /// Of the answer; none where the operation still waited for something.
    pub status: Option<u16>,
    /// The error code of a refusal.
    pub code: &'static str,
    /// The answer as problem details where it is a refusal.
    pub body: Vec<u8>,
    /// The command of the agent was reached.
    pub ran: bool,
}

impl Bare {
    /// Over this agent.
    pub fn new(api: AdminApi) -> Self {
        static ASSETS: OnceLock<Assets> = OnceLock::new();
        let assets = ASSETS.get_or_init(|| Assets::new(&api.version)).clone();
        Self(Arc::new(State::with(api, assets)))
    }

    /// Carries a request out; none where there is no such operation. `target` is path and query.
    ///
    /// # Panics
    /// When a checked body does not pass the same check again, or the command does not take what its schema lets through.
    pub fn perform(&self, method: &str, target: &str, body: &[u8]) -> Option<Answered> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (operation, parameters) = find(method, path)?;
        checks_twice(operation, body);
        let gathered = gather(operation, Some("application/json"), body, query, parameters, Shape::default());
        let input = match gathered {
            Ok(input) => input,
            Err(failure) => return Some(answer(&failure, false)),
        };
        let state = self.0.clone();
        let tenant = state.api.agent.default_tenant().clone();
        let call = Call { state, claiming: None, tenant, input };
        let work = pin!((operation.run)(call));
        let Poll::Ready(outcome) = work.poll(&mut Context::from_waker(Waker::noop())) else {
            return Some(Answered { status: None, code: "", body: Vec::new(), ran: true });
        };
        Some(match outcome {
            Ok(value) => Answered {
                status: Some(operation.success.as_u16()),
                code: "",
                body: value.to_string().into_bytes(),
                ran: true,
            },
            Err(failure) => {
                let misfit = Failure::invalid("json", Tree::whole(invalid::NOT_AN_OBJECT));
                assert_ne!(
                    failure.reason, misfit.reason,
                    "the command does not take what its schema lets through"
                );
                answer(&failure, true)
            }
        })
    }
}

/// Method and path of all operations.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    operations().map(|operation| (operation.method.as_str(), operation.path))
}

/// Names and choices of all bodies.
pub fn words() -> Vec<&'static str> {
    let mut words = Vec::new();
    for body in operations().filter_map(|operation| operation.body) {
        words_of(body.schema, &mut words);
    }
    words.sort_unstable();
    words.dedup();
    words
}

fn words_of(schema: &'static Schema, words: &mut Vec<&'static str>) {
    let fields: Vec<&'static Field> = schema.parts.iter().copied().flatten().collect();
    for field in fields {
        words.push(field.name);
        words.extend(field.example);
        kind_words(&field.kind, words);
    }
}

fn kind_words(kind: &'static Kind, words: &mut Vec<&'static str>) {
    match kind {
        Kind::Known(_, choices) | Kind::OneOf(choices) => words.extend(*choices),
        Kind::List(kind) => kind_words(kind, words),
        Kind::Object(schema) | Kind::Objects(schema) | Kind::Custom(_, schema) => words_of(schema, words),
        _ => {}
    }
}

/// The operation at a path, and the parameters there, as the router finds them.
fn find(method: &str, path: &str) -> Option<(&'static Operation, Map<String, Value>)> {
    static PATHS: LazyLock<Vec<(&str, Vec<Entry>)>> = LazyLock::new(|| Paths::new().ordered().collect());
    for (template, entries) in PATHS.iter() {
        let Some(parameters) = matching(template, path) else { continue };
        return entries.iter().find_map(|entry| match entry {
            Entry::Has(operation) if operation.method.as_str() == method => {
                Some((*operation, parameters.clone()))
            }
            _ => None,
        });
    }
    None
}

fn matching(template: &str, path: &str) -> Option<Map<String, Value>> {
    let mut parameters = Map::new();
    let mut given = path.split('/');
    for part in template.split('/') {
        let given = given.next()?;
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) if !given.is_empty() => {
                let value = percent_decode_str(given).decode_utf8_lossy().into_owned();
                parameters.insert(name.to_owned(), value.into());
            }
            _ if part == given => {}
            _ => return None,
        }
    }
    given.next().is_none().then_some(parameters)
}

/// What has passed passes again and stays as it is: conversions have come to their end.
fn checks_twice(operation: &Operation, body: &[u8]) {
    let Some(declared) = operation.body else { return };
    if Shape::default().check(body).is_err() {
        return;
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return };
    if declared.schema.check(&mut value).is_ok() {
        let mut again = value.clone();
        assert!(
            declared.schema.check(&mut again).is_ok(),
            "{} refuses what it let pass",
            declared.schema.name
        );
        assert_eq!(again, value, "{} changes what it let pass", declared.schema.name);
    }
}

fn answer(failure: &Failure, ran: bool) -> Answered {
    let status = Some(failure.status.as_u16());
    // Both forms are made; the one that says more is looked at.
    let _ = failure.answer(&HeaderMap::new(), "fuzz");
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/problem+json"));
    let body = failure.answer(&headers, "fuzz").into_body().try_into_bytes().unwrap_or_default();
    Answered { status, code: failure.code, body: body.to_vec(), ran }
}
