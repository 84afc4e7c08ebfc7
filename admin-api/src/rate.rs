//! How many requests of one caller in a time.

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use chancery_agent::edge::Client;

use crate::auth::Auth;
use crate::failure::Failure;
use crate::state::State;

/// Never turned away.
pub(crate) const PROBES: [&str; 2] = ["/status/live", "/status/ready"];

/// Counts a request; 429 when its caller has used up what it may send at present.
pub(crate) fn check(state: &State, request: &ServiceRequest) -> Result<(), Failure> {
    let limits = &state.api.limits;
    if limits.rate_per_address.is_none() && limits.rate_per_key.is_none() || PROBES.contains(&request.path())
    {
        return Ok(());
    }
    let now = state.api.agent.clock().now();
    if let (Some(limiter), Some(address)) = (&limits.rate_per_address, address(state, request.request())) {
        limiter.admit(&address, now).map_err(|wait| {
            Failure::too_many("Too many requests from this address (--max-admin-rate-per-address)", wait)
        })?;
    }
    if let (Some(limiter), Auth::Key(_)) = (&limits.rate_per_key, &state.api.auth)
        && state.api.auth.allows(request.headers())
    {
        // There is one key so far.
        limiter.admit("admin", now).map_err(|wait| {
            Failure::too_many("Too many requests with this key (--max-admin-rate-per-key)", wait)
        })?;
    }
    Ok(())
}

/// Who calls, as the operator's proxy says, if there is one.
pub(crate) fn address(state: &State, request: &HttpRequest) -> Option<Client> {
    let header = state.api.limits.address_header.as_deref();
    let forwarded = header.and_then(|name| request.headers().get_all(name).last()?.to_str().ok());
    Client::of(forwarded, request.peer_addr().map(|peer| peer.ip()))
}
