//! `POST /` (`spec/didcomm-v1.md` section 4).

use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, guard, web};
use chancery_agent::ports::trace::TARGET;
use futures_util::StreamExt;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::gate::SMALL;
use super::reply::Reply;
use super::{Busy, Endpoint};

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/")
                .route(web::route().guard(guard::Post()).to(post))
                .route(web::route().guard(guard::Get()).to(get))
                .route(web::route().guard(guard::Head()).to(HttpResponse::Ok))
                .default_service(web::to(|| async {
                    let mut answer = status_text(StatusCode::METHOD_NOT_ALLOWED);
                    answer
                        .headers_mut()
                        .insert(header::ALLOW, header::HeaderValue::from_static("GET,HEAD,POST"));
                    answer
                })),
        )
        .default_service(web::to(|| async { status_text(StatusCode::NOT_FOUND) }));
}

fn status_text(status: StatusCode) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(format!(
        "{}: {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    ))
}

async fn get(query: web::Query<HashMap<String, String>>) -> HttpResponse {
    if query.contains_key("c_i") {
        return HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(
            "You have received a connection invitation. To accept the invitation, paste it into your agent application.",
        );
    }
    HttpResponse::Ok().finish()
}

/// 429 or 503, with `Retry-After`.
pub(super) fn busy(busy: Busy) -> HttpResponse {
    let (status, reason, wait) = match busy {
        Busy::Us(reason, _) => (StatusCode::SERVICE_UNAVAILABLE, reason, Duration::from_secs(1)),
        Busy::You(reason, wait) => (StatusCode::TOO_MANY_REQUESTS, reason, wait),
    };
    HttpResponse::build(status)
        .insert_header((header::RETRY_AFTER, wait.as_secs_f64().ceil().max(1.0).to_string()))
        .content_type("text/plain; charset=utf-8")
        .body(format!("{}: {reason}", status.as_u16()))
}

async fn post(endpoint: web::Data<Endpoint>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let body = match take_in(&endpoint, &request, payload).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let traced = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let traced = traced.map(str::to_owned);
    // A sender that hangs up must not cancel a message between its commit and what follows it.
    let handled = actix_web::rt::spawn(handle(endpoint.clone(), body, traced)).await;
    handled.unwrap_or_else(|error| {
        tracing::error!(%error, "the handling of a message broke off");
        let reason = Busy::Us("the agent can't handle messages at present", "unavailable");
        endpoint.turned_away(reason);
        busy(reason)
    })
}

/// `traced`: the `traceparent` of the request.
async fn handle(endpoint: web::Data<Endpoint>, body: Vec<u8>, traced: Option<String>) -> HttpResponse {
    let _turn = match endpoint.gate.handle() {
        Ok(turn) => turn,
        Err(reason) => {
            endpoint.turned_away(reason);
            return busy(reason);
        }
    };
    let span = tracing::trace_span!(
        target: TARGET, "didcomm", otel.kind = "server", otel.name = "POST /", trace_id = Empty
    );
    endpoint.agent.trace().adopt(&span, traced.as_deref());
    match endpoint.step(&body).instrument(span).await {
        Ok(receipt) => match Reply::pack(&endpoint.agent, receipt.replies).await {
            Some(reply) => HttpResponse::Ok().content_type(crate::outbound::ENVELOPE_TYPE).body(reply),
            None => HttpResponse::Ok().finish(),
        },
        Err(error) => match endpoint.refused(&error) {
            Ok(reason) => busy(reason),
            Err(text) => HttpResponse::BadRequest()
                .content_type("text/plain; charset=utf-8")
                .body(format!("400: {text}")),
        },
    }
}

/// The body, if the client may send one now.
async fn take_in(
    endpoint: &Endpoint,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Vec<u8>, HttpResponse> {
    let gate = &endpoint.gate;
    let turned_away = |reason| {
        endpoint.turned_away(reason);
        busy(reason)
    };
    endpoint.open().map_err(turned_away)?;
    let address = gate.address(request);
    gate.count(address.as_ref()).map_err(turned_away)?;
    let _place = gate.place(address.as_ref()).map_err(turned_away)?;
    let _turn = gate.read().map_err(turned_away)?;
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
    if announced > gate.limits.max_message_bytes {
        return Err(too_large(endpoint));
    }
    match tokio::time::timeout(gate.limits.body_time, read(endpoint, payload, announced)).await {
        Ok(body) => body,
        Err(_) => {
            endpoint.no_message("slow-body");
            // Who has not sent it by now would go on sending it into the next request.
            Err(HttpResponse::RequestTimeout()
                .force_close()
                .content_type("text/plain; charset=utf-8")
                .body("408: Request Timeout"))
        }
    }
}

fn too_large(endpoint: &Endpoint) -> HttpResponse {
    endpoint.no_message("too-large");
    let most = endpoint.gate.limits.max_message_bytes;
    HttpResponse::PayloadTooLarge()
        .content_type("text/plain; charset=utf-8")
        .body(format!("Maximum request body size {most} exceeded."))
}

/// `announced`: the length that the header claims, 0 without; no more than a message may have.
async fn read(
    endpoint: &Endpoint,
    mut payload: web::Payload,
    announced: usize,
) -> Result<Vec<u8>, HttpResponse> {
    let most = endpoint.gate.limits.max_message_bytes;
    let mut buffered = endpoint.gate.buffer();
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let Ok(chunk) = chunk else {
            endpoint.no_message("broken-off");
            return Err(status_text(StatusCode::BAD_REQUEST));
        };
        let size = body.len() + chunk.len();
        if size > most {
            return Err(too_large(endpoint));
        }
        if let Err(reason) = buffered.grow(size) {
            endpoint.turned_away(reason);
            return Err(busy(reason));
        }
        if size > SMALL && size <= announced {
            // Memory that grew step by step was most of the work that large bodies made. Who has sent this much is believed.
            body.reserve_exact(announced - body.len());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
