//! What the controller asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_credentials::securing::ld::LinkedData;
use chancery_credentials::securing::{Question, Securing};
use chancery_credentials::{Facts, FormatError};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::facts::{gather, gather_apart, is_heavy};
use crate::engine::Agent;
use crate::exchange::{Failure, Reach};
use crate::ports::Tenant;
use crate::ports::store::{Query, Row, RowKey};
use crate::transact;
use crate::unit::AgentError;

/// Askar category of stored W3C credentials.
const CATEGORY: &str = "vc_cred";
/// Webhook topic of their removal.
const TOPIC: &str = "w3c_credential";
/// ACA-Py's page size without `max_results`.
const PAGE: usize = 100;

/// `POST /credentials/w3c`: all conditions must hold; a list condition holds when the credential has all its members.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListW3c {
    /// JSON-LD contexts.
    pub contexts: Option<Vec<String>>,
    /// Expanded types (IRIs).
    pub types: Option<Vec<String>>,
    /// `credentialSchema` ids.
    pub schema_ids: Option<Vec<String>>,
    /// The issuer.
    pub issuer_id: Option<String>,
    /// The subjects.
    pub subject_ids: Option<Vec<String>>,
    /// Proof types.
    pub proof_types: Option<Vec<String>>,
    /// The credential's own `id`.
    pub given_id: Option<String>,
    /// Tags given when the credential was stored.
    pub tag_query: Option<BTreeMap<String, String>>,
    /// Most records to return; 0: a page, a negative number: none.
    pub max_results: Option<i64>,
    /// From the query string: most records to return; `count` likewise.
    pub count: Option<usize>,
    /// From the query string: records to skip.
    pub start: Option<usize>,
    /// From the query string: a WQL query.
    pub wql: Option<String>,
}

/// A path with nothing but the stored credential's id: `GET` and `DELETE /credential/w3c/{credential_id}`.
#[derive(Clone, Debug, Deserialize)]
pub struct Id {
    /// Record id of the stored credential.
    pub credential_id: String,
}

/// `POST /vc/credentials/verify`. Its `options` may be anything: ACA-Py looks at none of them.
#[derive(Clone, Debug, Deserialize)]
pub struct VerifyVc {
    /// The credential with its proof.
    #[serde(rename = "verifiableCredential")]
    pub verifiable_credential: Value,
}

/// The credentials that match: `{"results": [{"contexts", "expanded_types", …, "record_id"}]}`.
pub async fn list_w3c(agent: &Agent, tenant: &Tenant, command: ListW3c) -> Result<Value, AgentError> {
    let mut query = Query::all(CATEGORY);
    let lists = [
        ("context", command.contexts),
        ("type", command.types),
        ("schema", command.schema_ids),
        ("subject", command.subject_ids),
        ("proof_type", command.proof_types),
        ("issuer_id", command.issuer_id.map(|id| vec![id])),
        ("given_id", command.given_id.map(|id| vec![id])),
    ];
    for (tag, values) in lists {
        for value in values.into_iter().flatten() {
            query = query.and(tag, value);
        }
    }
    for (name, value) in command.tag_query.into_iter().flatten() {
        query.tags.push((format!("cstm:{name}").into(), value));
    }
    query.limit = Some(match command.max_results {
        None | Some(0) => PAGE,
        // ACA-Py's counting loop ends before it begins.
        Some(most) => usize::try_from(most).unwrap_or(0),
    });
    let rows = agent.store().find(tenant, &query).await?;
    let results = rows.iter().map(view).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({"results": results}))
}

/// A stored credential with what its tags say, members in ACA-Py's order.
fn view(row: &Row) -> Result<Value, AgentError> {
    let credential: Value = serde_json::from_slice(&row.value).map_err(|e| {
        AgentError::internal("record-unreadable", format!("{CATEGORY}/{}: {e}", row.key.name))
    })?;
    let all = |name: &str| {
        let mut values: Vec<&str> =
            row.tags.iter().filter(|t| t.name == name).map(|t| t.value.as_str()).collect();
        values.sort_unstable();
        Value::from(values)
    };
    let one = |name: &str| row.tags.iter().find(|t| t.name == name).map(|t| Value::from(t.value.clone()));
    let custom = row
        .tags
        .iter()
        .filter_map(|t| Some((t.name.strip_prefix("cstm:")?.to_owned(), Value::from(t.value.clone()))));
    let mut out = Map::new();
    out.insert("contexts".into(), all("context"));
    out.insert("expanded_types".into(), all("type"));
    out.insert("schema_ids".into(), all("schema"));
    out.extend(one("issuer_id").map(|id| ("issuer_id".to_owned(), id)));
    out.insert("subject_ids".into(), all("subject"));
    out.insert("proof_types".into(), all("proof_type"));
    out.insert("cred_value".into(), credential);
    out.extend(one("given_id").map(|id| ("given_id".to_owned(), id)));
    out.insert("cred_tags".into(), Value::Object(custom.collect()));
    out.insert("record_id".into(), row.key.name.clone().into());
    Ok(Value::Object(out))
}

/// One credential record.
pub async fn get_w3c(agent: &Agent, tenant: &Tenant, command: Id) -> Result<Value, AgentError> {
    let key = RowKey::new(CATEGORY, &*command.credential_id);
    match agent.store().get(tenant, &key).await? {
        Some(row) => view(&row),
        None => Err(AgentError::no_record(CATEGORY, &command.credential_id)),
    }
}

/// Removes a stored credential: `{}`, webhook `w3c_credential`.
pub async fn delete_w3c(agent: &Agent, tenant: &Tenant, command: Id) -> Result<Value, AgentError> {
    let id = command.credential_id;
    transact!(agent, tenant, |unit| {
        let key = RowKey::new(CATEGORY, &*id);
        match unit.row(&key).await {
            Err(error) => Err(error),
            Ok(None) => Err(AgentError::no_record(CATEGORY, &id)),
            Ok(Some(_)) => {
                unit.remove(key);
                unit.notify(TOPIC, &id, &json!({"id": id, "state": "deleted"}));
                Ok(json!({}))
            }
        }
    })
}

/// `{"verified": bool, "document", "results", "errors"?, "warnings"?}`, as ACA-Py answers, which has no warnings. 400: no credential.
pub async fn verify(agent: &Agent, tenant: &Tenant, command: VerifyVc) -> Result<Value, AgentError> {
    let document = Arc::new(command.verifiable_credential);
    // Nothing is committed, so no context is pinned: what a stranger wrote into a credential leaves nothing behind.
    let mut unit = agent.unit(tenant);
    let verified = document.clone();
    let work = move |facts: &Facts<'_>| LinkedData.verify(facts, &verified).map_err(FormatError::Needs);
    let outcome = if is_heavy(&document) {
        gather_apart(&mut unit, Reach::Network, work).await
    } else {
        gather(&mut unit, Reach::Network, work).await
    };
    match outcome {
        Ok((mut verification, fetched)) => {
            for (url, _) in fetched {
                let text = format!("the context {url} is not one of those that the agent keeps");
                verification.add(Question::Words, Err(text));
            }
            Ok(verification.to_json(&document))
        }
        Err(Failure::Error(error)) if error.ends() => {
            Ok(json!({"verified": false, "document": *document, "errors": [error.message]}))
        }
        Err(Failure::Error(error)) => Err(error),
        Err(Failure::Deferred) => Err(AgentError::unavailable("the network was not asked")),
    }
}
