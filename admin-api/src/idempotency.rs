//! `Idempotency-Key` on POST: a call sent again is answered again.

use actix_web::HttpRequest;
use actix_web::http::{Method, StatusCode};
use chancery_agent::idempotency::Request;
use chancery_agent::{Agent, Tenant};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use crate::failure::Failure;

const HEADER: &str = "idempotency-key";

/// The call by its key, if it is a POST that has one.
pub(crate) fn key(request: &HttpRequest, body: &[u8]) -> Result<Option<Request>, Failure> {
    let Some(given) = request.headers().get(HEADER).filter(|_| request.method() == Method::POST) else {
        return Ok(None);
    };
    let fits = |key: &&str| (1..=255).contains(&key.len());
    let Some(key) = given.to_str().ok().filter(fits) else {
        let reason = "The Idempotency-Key is unusable.";
        return Err(Failure::new(StatusCode::BAD_REQUEST, "bad-idempotency-key", reason)
            .hint("send 1 to 255 visible ASCII characters, for instance a UUID"));
    };
    Ok(Some(Request::new("POST", request.path(), key, request.query_string(), body)))
}

/// Carries the call out, unless it was before: then its answer, and `true`.
pub(crate) async fn once(
    request: &Request,
    agent: &Agent,
    tenant: &Tenant,
    run: &str,
    work: LocalBoxFuture<'static, Result<Value, Failure>>,
) -> Result<(Value, bool), Failure> {
    if let Some(answer) = request.begin(agent, tenant, run).await? {
        return Ok((answer, true));
    }
    let answer = work.await;
    let kept = match &answer {
        Ok(answer) => request.finish(agent, tenant, answer).await,
        // A command that is refused, or finds the store unable, has changed nothing.
        Err(failure)
            if failure.status.is_client_error() || failure.status == StatusCode::SERVICE_UNAVAILABLE =>
        {
            request.give_back(agent, tenant).await
        }
        Err(_) => request.interrupted(agent, tenant).await,
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "the outcome of a call with an Idempotency-Key can't be kept: repeats will be refused");
    }
    answer.map(|answer| (answer, false))
}
