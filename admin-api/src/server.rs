//! The HTTP server: routes from the declarations, and what happens to every request.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{App, HttpMessage, HttpRequest, HttpResponse, HttpServer, guard};
use chancery_agent::ports::trace::TARGET;
use chancery_agent::quoted::Quoted;
use chancery_agent::to_python_json;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::auth::Access;
use crate::doors::Price;
use crate::failure::Failure;
use crate::groups::{self, Entry, Paths};
use crate::input::{gather, read_body};
use crate::operation::{Answer, Call, Operation};
use crate::schema::Field;
use crate::seats::seated;
use crate::state::{AdminApi, State};
use crate::{cors, idempotency, page, rate, socket, texts};

/// The code of a refusal, in the extensions of its answer.
struct Refused(&'static str);

/// Header that carries the request id, in requests and answers.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Largest body of a caller without the key, bytes.
const UNKNOWN_CALLER_BYTES: usize = 64 * 1024;

/// The id of a request, in its extensions.
#[derive(Clone)]
struct RequestId(String);

/// Serves the admin API on a listener.
///
/// The server neither listens to signals nor stops by itself: the owner stops it through its handle. It must be called
/// within an actix system or a tokio runtime, and the returned [`Server`] awaited there.
///
/// # Errors
/// When the listener can't be used.
pub fn serve(api: AdminApi, listener: TcpListener, workers: usize) -> std::io::Result<Server> {
    let mut state = State::new(api);
    state.names.loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let state = Arc::new(state);
    let limits = &state.api.limits;
    let (connections, header_time, idle_time) = (limits.connections, limits.header_time, limits.idle_time);
    let per_address = limits.connections_per_address.clone();
    let factory = move || {
        let edge_state = state.clone();
        let routes_state = state.clone();
        App::new()
            .wrap(from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
                edge(edge_state.clone(), request, next)
            }))
            .configure(move |config| routes(&routes_state, config))
    };
    let server = HttpServer::new(factory)
        .on_connect(move |stream, kept| seated(per_address.as_ref(), stream, kept))
        .workers(workers)
        .disable_signals()
        .shutdown_timeout(30)
        .max_connections((connections / workers).max(1))
        .keep_alive(idle_time)
        .client_request_timeout(header_time)
        .listen(listener)?
        .run();
    Ok(server)
}

/// Registers every path with its methods.
pub(crate) fn routes(state: &Arc<State>, config: &mut ServiceConfig) {
    for (path, entries) in Paths::new().ordered() {
        let mut resource = web::resource(path);
        let mut methods: Vec<&Method> = vec![&Method::OPTIONS];
        for entry in entries {
            let of = |method: &Method| web::route().guard(guard::Method(method.clone()));
            methods.push(entry.method());
            let state = state.clone();
            resource = match entry {
                Entry::Has(operation) => {
                    let handler = move |request, payload| perform(operation, state.clone(), request, payload);
                    if groups::answers_head(operation) {
                        resource = resource.route(of(&Method::HEAD).to(handler.clone()));
                    }
                    resource.route(of(&operation.method).to(handler))
                }
                Entry::Lacks(lack) => resource.route(of(lack.method()).to(move |request: HttpRequest| {
                    let state = state.clone();
                    async move {
                        lack.answer(&state, &request)
                            .await
                            .unwrap_or_else(|failure| refuse(&request, &failure))
                    }
                })),
            };
        }
        config.service(closed(resource, methods));
    }
    page::routes(state, config);
    let state = state.clone();
    let open = web::get()
        .to(move |request: HttpRequest, payload: Payload| socket::open(state.clone(), request, payload));
    config.service(closed(web::resource("/ws").route(open), vec![&Method::GET, &Method::OPTIONS]));
    config.default_service(web::to(|request: HttpRequest| async move {
        refuse(&request, &Failure::new(StatusCode::NOT_FOUND, "no-such-path", texts::NOT_FOUND))
    }));
}

/// A resource that answers preflights, and 405 to methods that it doesn't have.
pub(crate) fn closed(resource: actix_web::Resource, methods: Vec<&Method>) -> actix_web::Resource {
    let mut names: Vec<String> = methods.iter().map(|m| m.as_str().to_owned()).collect();
    names.sort();
    let allow = names.join(",");
    resource.default_service(web::to(move |request: HttpRequest| {
        let answer = if request.method() == Method::OPTIONS {
            cors::preflight(request.headers()).unwrap_or_else(|failure| refuse(&request, &failure))
        } else {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            let failure = Failure::new(status, "method-not-allowed", texts::METHOD_NOT_ALLOWED);
            let mut answer = refuse(&request, &failure.hint(format!("methods of this path: {allow}")));
            if let Ok(allow) = HeaderValue::from_str(&allow) {
                answer.headers_mut().insert(actix_web::http::header::ALLOW, allow);
            }
            answer
        };
        std::future::ready(answer)
    }))
}

/// Carries out one operation.
async fn perform(
    operation: &'static Operation,
    state: Arc<State>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let failure = match attempt(operation, state, &request, payload).await {
        Ok(response) => return response,
        Err(failure) => failure,
    };
    refuse(&request, &if operation.json_errors { failure.into_message() } else { failure })
}

async fn attempt(
    operation: &'static Operation,
    state: Arc<State>,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let limits = &state.api.limits;
    let body = match operation.body {
        // Who may not call at all is told what is wrong with a small body first, as by ACA-Py, but costs little memory.
        Some(_) if state.api.auth.check(operation.access, request.headers()).is_err() => {
            let most = limits.max_request_bytes.min(UNKNOWN_CALLER_BYTES);
            read_body(request, payload, most, limits.body_time).await?
        }
        Some(_) => read_body(request, payload, limits.max_request_bytes, limits.body_time).await?,
        None => bytes::Bytes::new(),
    };
    // After the body: slow callers take no place from those who are ready.
    let mut place = None;
    if operation.access != Access::Open {
        place = Some(state.request_place().ok_or_else(|| Failure::busy("Too many requests at once"))?);
    }
    let content_type = request.headers().get("content-type").and_then(|v| v.to_str().ok());
    let path = path_parameters(operation.path_fields, request);
    let input = gather(operation, content_type, &body, request.query_string(), path, limits.shape)?;
    state.api.auth.check(operation.access, request.headers())?;
    let claim = idempotency::key(request, &body)?.map(Arc::new);
    drop(body);
    let tenant = state.api.agent.default_tenant().clone();
    tracing::Span::current().record("tenant", tenant.as_str());
    let claiming = claim.as_ref().map(|claim| state.api.agent.claiming(claim.clone()));
    let call = Call { state: state.clone(), claiming, tenant: tenant.clone(), input };
    if let Some(stream) = operation.stream.filter(|_| accepts_events(request.headers())) {
        return stream(call, request);
    }
    let work = (operation.run)(call);
    // A caller that goes away must not cancel a command between its commit and what follows it.
    let task = actix_web::rt::spawn(
        async move {
            let _place = place;
            match claim {
                None => work.await.map(|answer| (answer, false)),
                Some(claim) => idempotency::once(&claim, &state, &tenant, work).await,
            }
        }
        .in_current_span(),
    );
    let (answer, replayed) =
        task.await.unwrap_or_else(|error| Err(Failure::internal("command-broke", error.to_string())))?;
    if let (Answer::Text, Value::String(text)) = (operation.answer, &answer) {
        return Ok(HttpResponse::build(operation.success).content_type(texts::PLAIN).body(text.clone()));
    }
    let mut response = HttpResponse::build(operation.success);
    if replayed {
        response.insert_header(("idempotency-replayed", "true"));
    }
    // Clients of ACA-Py read its answers as text, too: its separators, its escapes.
    Ok(response.content_type("application/json; charset=utf-8").body(to_python_json(&answer)))
}

/// Whether the caller names the media type of Server-Sent Events.
fn accepts_events(headers: &HeaderMap) -> bool {
    let named = |value: &HeaderValue| value.to_str().is_ok_and(|v| v.contains("text/event-stream"));
    headers.get_all(actix_web::http::header::ACCEPT).any(named)
}

/// The parameters of the path, decoded.
pub(crate) fn path_parameters(fields: &[Field], request: &HttpRequest) -> Map<String, Value> {
    let given = fields.iter().filter_map(|field| {
        let value = request.match_info().get(field.name)?;
        Some((
            field.name.to_owned(),
            Value::String(percent_decode_str(value).decode_utf8_lossy().into_owned()),
        ))
    });
    given.collect()
}

/// The answer to a request that is not carried out.
pub(crate) fn refuse(request: &HttpRequest, failure: &Failure) -> HttpResponse {
    if failure.of_third_party {
        tracing::warn!(code = failure.code, reason = failure.reason, "a server elsewhere failed");
    } else if failure.status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(code = failure.code, reason = failure.reason, "request failed");
    }
    let extensions = request.extensions();
    let id = extensions.get::<RequestId>().map_or("", |id| id.0.as_str());
    let mut answer = failure.answer(request.headers(), id);
    answer.extensions_mut().insert(Refused(failure.code));
    answer
}

/// What happens to every request: its id, its span, CORS, the log line. Metrics belong here too.
pub(crate) async fn edge<B: MessageBody + 'static>(
    state: Arc<State>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let began = Instant::now();
    let id = request_id(&request).unwrap_or_else(|| state.api.agent.new_id());
    request.extensions_mut().insert(RequestId(id.clone()));
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let counted = !rate::PROBES.contains(&request.path()) && request.path() != "/metrics";
    let origin = request.headers().get(actix_web::http::header::ORIGIN).cloned();
    let (server, span) = spans(&state, &request, &id);
    let admitted = state.names.check(&state.api.auth, request.headers());
    let origin = origin.filter(|_| admitted.is_ok());
    let guess = state.api.auth.guesses(request.headers()).then(|| rate::address(&state, request.request()));
    let mut response = match admitted.and_then(|()| rate::check(&state, &request)) {
        Ok(()) => next
            .call(request)
            .instrument(span.clone())
            .instrument(server.clone())
            .await?
            .map_into_boxed_body(),
        Err(failure) => {
            let answer = refuse(request.request(), &failure);
            request.into_response(answer)
        }
    };
    let refused = response.response().extensions().get::<Refused>().map(|refused| refused.0);
    let mut closes = state.api.operations.stopping();
    match (refused, guess) {
        (Some("no-key"), Some(address)) => {
            state.api.operations.rejected("wrong-key");
            let price = state.guesses.price(address.as_ref(), state.api.agent.clock());
            if let Price::Connection(wait) = &price {
                let failure = Failure::too_many("Too many wrong keys from this address", *wait);
                let answer =
                    refuse(response.request(), &failure.hint("send the right key: it is never slowed down"));
                response = response.into_response(answer);
            }
            closes |= !price.pay(state.api.agent.watch()).await;
        }
        (Some(code), _) => state.api.operations.rejected(code),
        (None, _) => {}
    }
    if closes {
        // What is asked now is still answered; the next call shall meet a closed port, not a broken connection.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(origin) = origin {
        cors::mark(headers, origin);
    }
    let took = began.elapsed();
    let (status, micros) = (response.status().as_u16(), took.as_micros() as u64);
    server.record("status", status);
    if counted {
        state.api.operations.answered(reads, took);
    }
    span.in_scope(|| match status {
        0..400 => tracing::debug!(status, micros, "answered"),
        500 | 502.. => tracing::warn!(status, micros, "answered"),
        _ => tracing::info!(status, micros, "answered"),
    });
    Ok(response)
}

/// The span of the request for traces, and within it that for the log.
fn spans(state: &State, request: &ServiceRequest, id: &str) -> (Span, Span) {
    let name =
        || format!("{} {}", Quoted(request.method()), request.match_pattern().as_deref().unwrap_or("?"));
    let server = tracing::trace_span!(
        target: TARGET, "request", otel.kind = "server", otel.name = name(), path = %Quoted(request.path()), status = Empty
    );
    let traced = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let trace = state.api.agent.trace();
    trace.adopt(&server, traced);
    let span = server.in_scope(|| {
        tracing::error_span!(
            "admin",
            request_id = %id,
            method = %Quoted(request.method()),
            path = %Quoted(request.path()),
            tenant = Empty,
            connection = Empty,
            thread = Empty,
            trace_id = Empty
        )
    });
    // Below the request's span it is in a trace already; where none are recorded, only the log is told.
    trace.adopt(&span, traced.filter(|_| server.is_disabled()));
    (server, span)
}

/// The caller's own id, when it is fit for logs.
fn request_id(request: &ServiceRequest) -> Option<String> {
    let given = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=128).contains(&given.len())
        && given.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/'));
    fits.then(|| given.to_owned())
}
