//! Bringing what a credential format lacks: DID documents, keys, JSON-LD contexts.

use chancery_credentials::{Facts, FormatError, Gathered, Needs};
use chancery_did::json::from_slice_strict;
use chancery_did::{Needed, Resolution, resolve_local};
use serde_json::Value;

use crate::engine::{Agent, AgentError, Kind, Unit};
use crate::ports::Tenant;
use crate::ports::fetch::{FetchError, Purpose};
use crate::ports::store::{Commit, Op, Space};

/// Contexts may refer to contexts: so many rounds of bringing.
const MOST_ROUNDS: usize = 12;

/// Whether the network may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only what is at hand: within the handling of a message.
    Local,
    /// Also servers elsewhere.
    Network,
}

/// Why a format's work was not done.
#[derive(Debug)]
pub enum Failure {
    /// It needs the network, which may not be asked here: go on later.
    Deferred,
    /// It can't be done.
    Error(AgentError),
}

impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Self {
        Self::Error(error)
    }
}

/// Runs a format's work, bringing what it asks for.
pub async fn with_facts<T>(
    unit: &mut Unit<'_>,
    reach: Reach,
    work: impl Fn(&Facts<'_>) -> Result<T, FormatError> + Send + Sync,
) -> Result<T, Failure> {
    let mut gathered = Gathered::default();
    for _ in 0..MOST_ROUNDS {
        let facts = Facts { jsonld: unit.agent().jsonld(), now: unit.now().0, gathered: &gathered };
        match work(&facts) {
            Ok(done) => return Ok(done),
            Err(FormatError::Needs(needs)) => bring(unit, reach, &mut gathered, needs).await?,
            Err(error) => return Err(Failure::Error(refusal(error))),
        }
    }
    let text = "a JSON-LD context leads to more contexts than are followed";
    Err(Failure::Error(AgentError::bad_request("too-many-contexts", text)))
}

/// A format's refusal as the controller sees it.
pub fn refusal(error: FormatError) -> AgentError {
    match error {
        FormatError::Refused { message, field } => {
            let error = AgentError::bad_request("credential-refused", message);
            match field {
                Some(field) if !field.is_empty() => error.at(field),
                _ => error,
            }
        }
        FormatError::NotSupported(text) => AgentError::not_supported(text),
        FormatError::Needs(_) => AgentError::internal("facts-not-brought", error.to_string()),
    }
}

async fn bring(
    unit: &mut Unit<'_>,
    reach: Reach,
    gathered: &mut Gathered,
    needs: Needs,
) -> Result<(), Failure> {
    for verkey in needs.keys {
        let key = unit.secret(&verkey).await?;
        gathered.key(verkey, key);
    }
    for did in needs.dids {
        let remote = matches!(resolve_local(&did), Ok(Resolution::Needs(Needed::Https { .. })));
        if remote && reach == Reach::Local {
            return Err(Failure::Deferred);
        }
        let document = match unit.resolve(&did).await {
            Ok(resolved) => Ok(resolved.document),
            Err(error) if error.kind == Kind::Unavailable => return Err(Failure::Error(error)),
            Err(error) => Err(error.message),
        };
        gathered.document(did, document);
    }
    for url in needs.contexts {
        context(unit, reach, &url).await?;
    }
    Ok(())
}

/// A context that isn't at hand: the pinned one, or that of the network, which is pinned then.
async fn context(unit: &mut Unit<'_>, reach: Reach, url: &str) -> Result<(), Failure> {
    let documents = unit.agent().jsonld().documents();
    if let Some(body) = unit.recall(Space::Context, url).await? {
        documents.insert(url, parse_context(url, &body)?);
        return Ok(());
    }
    if !unit.settings().remote_contexts {
        let text = format!("JSON-LD context {url} is not known to this agent");
        return Err(Failure::Error(
            AgentError::bad_request("unknown-context", text).hint(
                "allow the agent to fetch contexts (--jsonld-remote-contexts on), or use a bundled one",
            ),
        ));
    }
    if reach == Reach::Local {
        return Err(Failure::Deferred);
    }
    let body = unit.agent().fetch().fetch(url, Purpose::Context).await.map_err(|error| {
        let why = match &error {
            FetchError::NotFound(_) => "not found".to_owned(),
            FetchError::Refused(text) | FetchError::Failed(text) => text.clone(),
        };
        AgentError::third_party(
            Kind::BadRequest,
            "context-unreachable",
            format!("JSON-LD context {url}: {why}"),
        )
    })?;
    let document = parse_context(url, &body)?;
    // Pinned at once, whatever becomes of the unit: a later fetch might give another document.
    let pin = Op::Remember { space: Space::Context, id: url.to_owned(), value: body, expires: None };
    unit.agent()
        .store()
        .commit(unit.tenant(), Commit { guards: Vec::new(), ops: vec![pin] })
        .await
        .map_err(AgentError::from)?;
    documents.insert(url, document);
    Ok(())
}

fn parse_context(url: &str, body: &[u8]) -> Result<Value, AgentError> {
    let bad = |why: String| {
        AgentError::third_party(Kind::BadRequest, "context-invalid", format!("JSON-LD context {url}: {why}"))
    };
    let document = from_slice_strict(body).map_err(|e| bad(e.to_string()))?;
    if document.get("@context").is_none() {
        return Err(bad("the document has no @context".into()));
    }
    Ok(document)
}

/// Inserts the pinned contexts of a tenant into the processor's documents; at start.
pub async fn load_pinned_contexts(agent: &Agent, tenant: &Tenant) -> Result<(), AgentError> {
    for (url, body) in agent.store().recall_all(tenant, Space::Context).await? {
        match parse_context(&url, &body) {
            Ok(document) => agent.jsonld().documents().insert(url, document),
            Err(error) => tracing::warn!(%tenant, %error, "a pinned context can't be read"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_that_names_a_member_twice_is_refused() {
        let twice = br#"{"@context": {"name": "https://a.example/", "name": "https://b.example/"}}"#;
        let error = parse_context("https://c.example", twice).unwrap_err();
        assert_eq!(error.code, "context-invalid");
        assert!(error.message.contains(r#"the member "name" is named twice"#), "{}", error.message);
        assert!(
            parse_context("https://c.example", br#"{"@context": {"name": "https://a.example/"}}"#).is_ok()
        );
    }
}
