//! What credential formats are asked for in an exchange: contents for messages, checks of what arrived, what to keep.

use chancery_credentials::{CredentialFormat, Family, Stored, format};
use serde_json::{Map, Value};

use super::messages::{Body, Kind};
use super::record::{Exchange, LD_PROOF_TOPIC, LdProofDetail};
use super::state::Effect;
use crate::credential::{Failure, Reach, refusal, with_facts};
use crate::ports::store::{NewRow, Query, RowKey, Tag};
use crate::unit::{AgentError, Record, Unit};

fn no_supported_format(text: &str) -> AgentError {
    AgentError::bad_request("no-supported-format", format!("{text}. No supported formats."))
}

/// The implementation of a family, or 501.
fn implementation(family: Family) -> Result<&'static dyn CredentialFormat, AgentError> {
    format(family).ok_or_else(|| {
        AgentError::not_supported(format!(
            "credentials of the format {:?} can't be made or held yet: use \"ld_proof\"",
            family.api()
        ))
    })
}

/// The families of an admin API filter, in its order.
pub(super) fn families(filter: &Map<String, Value>) -> Vec<(Family, &Value)> {
    filter.iter().filter_map(|(name, content)| Some((Family::from_api(name)?, content))).collect()
}

/// The proposal's contents for a filter.
pub(super) async fn proposed(
    unit: &mut Unit<'_>,
    filter: &Map<String, Value>,
) -> Result<Vec<(Family, Value)>, Failure> {
    let mut contents = Vec::new();
    for (family, content) in families(filter) {
        let format = implementation(family)?;
        contents
            .push((family, with_facts(unit, Reach::Network, |facts| format.propose(facts, content)).await?));
    }
    Ok(contents)
}

/// The offer's contents for a proposal's.
pub(super) async fn offered(
    unit: &mut Unit<'_>,
    reach: Reach,
    proposal: &[(Family, &Value)],
) -> Result<Vec<(Family, Value)>, Failure> {
    let mut contents = Vec::new();
    for (family, content) in proposal {
        let format = implementation(*family)?;
        contents.push((*family, with_facts(unit, reach, |facts| format.offer(facts, content)).await?));
    }
    if contents.is_empty() {
        return Err(no_supported_format("Unable to create credential offer").into());
    }
    Ok(contents)
}

/// The request's contents for an offer's (or one's own proposal's).
pub(super) async fn requested(
    unit: &mut Unit<'_>,
    reach: Reach,
    offer: &[(Family, &Value)],
    holder_did: Option<&str>,
) -> Result<Vec<(Family, Value)>, Failure> {
    let mut contents = Vec::new();
    for (family, content) in offer {
        let format = implementation(*family)?;
        let request = with_facts(unit, reach, |facts| format.request(facts, content, holder_did)).await?;
        contents.push((*family, request));
    }
    if contents.is_empty() {
        return Err(no_supported_format("Unable to create credential request").into());
    }
    Ok(contents)
}

/// The credentials' contents for a request's.
pub(super) async fn issued(
    unit: &mut Unit<'_>,
    reach: Reach,
    request: &[(Family, &Value)],
) -> Result<Vec<(Family, Value)>, Failure> {
    let mut contents = Vec::new();
    for (family, content) in request {
        let format = implementation(*family)?;
        contents.push((*family, with_facts(unit, reach, |facts| format.issue(facts, content)).await?));
    }
    if contents.is_empty() {
        return Err(no_supported_format("Unable to issue credential").into());
    }
    Ok(contents)
}

/// What is to be stored of the issued contents, verified, each with its id: the first has the given one.
pub(super) async fn stored(
    unit: &mut Unit<'_>,
    reach: Reach,
    issued: &[(Family, &Value)],
    credential_id: Option<String>,
) -> Result<Vec<(String, Stored)>, Failure> {
    let mut credential_id = credential_id;
    let mut stored = Vec::new();
    for (family, content) in issued {
        let format = implementation(*family)?;
        let credential = with_facts(unit, reach, |facts| format.store(facts, content)).await?;
        let id = credential_id.take().unwrap_or_else(|| unit.new_id().replace('-', ""));
        if unit.row(&RowKey::new(credential.category, &*id)).await?.is_some() {
            return Err(AgentError::bad_request(
                "duplicate-credential",
                format!("a credential {id} is stored already"),
            )
            .at("credential_id")
            .into());
        }
        stored.push((id, credential));
    }
    Ok(stored)
}

/// What keeps a credential and the detail that points to it.
pub(super) fn kept(
    unit: &Unit<'_>,
    record: &Exchange,
    id: String,
    credential: Stored,
) -> Result<(Vec<Effect>, LdProofDetail), AgentError> {
    let row = Effect::Keep(NewRow {
        key: RowKey::new(credential.category, &*id),
        value: chancery_didcomm::to_python_json(&credential.value).into_bytes(),
        tags: credential.tags.into_iter().map(|(name, value)| Tag::new(name, value)).collect(),
    });
    let now = unit.now().to_text();
    let detail = LdProofDetail {
        cred_ex_ld_proof_id: unit.new_id(),
        cred_ex_id: record.cred_ex_id.clone(),
        created_at: now.clone(),
        updated_at: now,
        cred_id_stored: id,
        other: Map::new(),
    };
    let points = Effect::Keep(detail.to_row(unit.settings().unencrypted_tags)?);
    Ok((vec![row, points, Effect::Announce(LD_PROOF_TOPIC, detail.view())], detail))
}

/// The details of an exchange, oldest first.
pub(super) async fn details(unit: &mut Unit<'_>, cred_ex_id: &str) -> Result<Vec<LdProofDetail>, AgentError> {
    unit.find(&Query::tagged(LdProofDetail::CATEGORY, "cred_ex_id", cred_ex_id)).await
}

/// Whether a request of these formats may begin an exchange.
pub(super) fn starts_at_request(body: &Body) -> bool {
    body.known().iter().any(|(family, _)| format(*family).is_some_and(|f| f.starts_at_request()))
}

/// Each requested content is what was offered.
pub(super) fn check_request(record: &Exchange, body: &Body) -> Result<(), AgentError> {
    let offer = record.body(Kind::Offer);
    for (family, content) in body.known() {
        let offered = offer.as_ref().and_then(|offer| offer.content(family));
        let Some(format) = format(family) else { continue };
        format.check_request(offered, content).map_err(refusal)?;
    }
    Ok(())
}

/// The issued formats are among the requested ones, and each credential is what was requested.
pub(super) fn check_credential(record: &Exchange, body: &Body) -> Result<(), AgentError> {
    let refused = |text: String| AgentError::bad_request("credential-refused", text);
    let request = record.body(Kind::Request);
    let known = body.known();
    if known.is_empty() {
        return Err(refused("No supported credential formats received.".into()));
    }
    for (family, content) in known {
        let Some(requested) = request.as_ref().and_then(|request| request.content(family)) else {
            return Err(refused(format!(
                "Received issue credential format(s) not present in credential request: {}",
                family.api()
            )));
        };
        let Some(format) = format(family) else {
            return Err(AgentError::not_supported(format!(
                "credentials of the format {} can't be held yet",
                family.api()
            )));
        };
        format.check_credential(&record.cred_ex_id, requested, content).map_err(refusal)?;
    }
    Ok(())
}
