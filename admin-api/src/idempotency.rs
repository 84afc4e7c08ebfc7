//! `Idempotency-Key` on POST: a call sent again is answered again.

use actix_web::HttpRequest;
use actix_web::http::{Method, StatusCode};
use chancery_agent::Tenant;
use chancery_agent::unit::idempotency::Claim;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use crate::failure::Failure;
use crate::state::State;

const HEADER: &str = "idempotency-key";

/// The call by its key, if it is a POST that has one.
pub(crate) fn key(request: &HttpRequest, body: &[u8]) -> Result<Option<Claim>, Failure> {
    let Some(given) = request.headers().get(HEADER).filter(|_| request.method() == Method::POST) else {
        return Ok(None);
    };
    let fits = |key: &&str| (1..=255).contains(&key.len());
    let Some(key) = given.to_str().ok().filter(fits) else {
        let reason = "The Idempotency-Key is unusable.";
        return Err(Failure::new(StatusCode::BAD_REQUEST, "bad-idempotency-key", reason)
            .hint("send 1 to 255 visible ASCII characters, for instance a UUID"));
    };
    Ok(Some(Claim::new("POST", request.path(), key, request.query_string(), body)))
}

/// Carries the call out, unless it was before: then its answer, and `true`. `work` must be on the claiming agent.
pub(crate) async fn once(
    claim: &Claim,
    state: &State,
    tenant: &Tenant,
    work: LocalBoxFuture<'static, Result<Value, Failure>>,
) -> Result<(Value, bool), Failure> {
    let agent = &state.api.agent;
    // Before the look at what is kept: whoever leaves has committed.
    let _place = state.keyed.enter(tenant, claim)?;
    if let Some(answer) = claim.answered(agent, tenant).await? {
        return Ok((answer, true));
    }
    let mut outcome = work.await;
    if let Ok(answer) = &outcome
        && let Err(error) = claim.keep(agent, tenant, answer).await
    {
        if claim.is_lost() {
            outcome = Err(error.into());
        } else {
            tracing::warn!(%error, "the answer to a call with an Idempotency-Key can't be kept");
        }
    }
    if claim.is_lost()
        && let Some(answer) = claim.answered(agent, tenant).await?
    {
        return Ok((answer, true));
    }
    outcome.map(|answer| (answer, false))
}
