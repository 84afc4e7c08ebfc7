//! Bringing what a credential format lacks: DID documents, keys, JSON-LD contexts.

use std::sync::Arc;

use chancery_credentials::{Facts, FormatError, Gathered, Need};
use chancery_did::json::from_slice_strict;
use chancery_jsonld::Processor;
use futures_util::future::join_all;
use serde_json::Value;

use crate::exchange::{Failure, Reach};
use crate::ports::fetch::{FetchError, Purpose};
use crate::ports::store::{Guard, RowKey, Space};
use crate::unit::{AgentError, Kind, Unit};

/// Contexts may refer to contexts, one at a time, and each proof may need a document: so many rounds of bringing.
const MOST_ROUNDS: usize = 64;
/// Contexts of one document that are not bundled and not at hand.
const MOST_CONTEXTS: usize = 16;
/// Bytes of a document up to which work on it takes about a millisecond: verifying takes one for each 12 KB, and less in a release.
const LIGHT: usize = 16 * 1024;
/// Bytes of a context.
const MOST_BYTES: usize = 1024 * 1024;

/// What was brought for one document.
#[derive(Default)]
struct Brought {
    gathered: Gathered,
    /// With contexts that nobody else knows of: the server may have another for the next one.
    own: Option<Processor>,
    /// Contexts read or fetched, which stay in memory until the work is done.
    held: Vec<Arc<Value>>,
    /// Contexts fetched, to be pinned.
    fetched: Vec<(String, Vec<u8>)>,
}

impl Brought {
    fn facts<'b>(&'b self, jsonld: &'b Processor, now: i64) -> Facts<'b> {
        Facts { jsonld: self.own.as_ref().unwrap_or(jsonld), now, gathered: &self.gathered }
    }
}

/// Runs a format's work, bringing what it asks for. Contexts that were fetched are pinned by the commit of the unit: from
/// then on they are what their address means to the agent, whatever its server says.
pub async fn with_facts<T>(
    unit: &mut Unit<'_>,
    reach: Reach,
    work: impl Fn(&Facts<'_>) -> Result<T, FormatError> + Send + Sync,
) -> Result<T, Failure> {
    let (done, fetched) = gather(unit, reach, work).await?;
    pin(unit, fetched).await?;
    Ok(done)
}

/// [`with_facts`] for work that takes about a millisecond or longer: it is done on a thread for that.
pub async fn with_facts_apart<T: Send + 'static>(
    unit: &mut Unit<'_>,
    reach: Reach,
    work: impl Fn(&Facts<'_>) -> Result<T, FormatError> + Send + Sync + 'static,
) -> Result<T, Failure> {
    let (done, fetched) = gather_apart(unit, reach, work).await?;
    pin(unit, fetched).await?;
    Ok(done)
}

/// [`with_facts`] for what changes nothing; also gives the contexts that were fetched.
pub(super) async fn gather<T>(
    unit: &mut Unit<'_>,
    reach: Reach,
    work: impl Fn(&Facts<'_>) -> Result<T, FormatError> + Send + Sync,
) -> Result<(T, Vec<(String, Vec<u8>)>), Failure> {
    let mut brought = Brought::default();
    for _ in 0..MOST_ROUNDS {
        let outcome = work(&brought.facts(unit.context().jsonld(), unit.now().0));
        if let Some(done) = go_on(unit, reach, &mut brought, outcome).await? {
            return Ok((done, brought.fetched));
        }
    }
    Err(Failure::Error(too_many()))
}

/// [`gather`] for work on so much that it takes about a millisecond: it is done on a thread for that.
pub(super) async fn gather_apart<T: Send + 'static>(
    unit: &mut Unit<'_>,
    reach: Reach,
    work: impl Fn(&Facts<'_>) -> Result<T, FormatError> + Send + Sync + 'static,
) -> Result<(T, Vec<(String, Vec<u8>)>), Failure> {
    let (mut brought, work) = (Brought::default(), Arc::new(work));
    for _ in 0..MOST_ROUNDS {
        let (work, jsonld, now) = (work.clone(), unit.context().jsonld().clone(), unit.now().0);
        let attempt = move || {
            let outcome = work(&brought.facts(&jsonld, now));
            (brought, outcome)
        };
        let outcome;
        (brought, outcome) = unit.context().offload(attempt).await?;
        if let Some(done) = go_on(unit, reach, &mut brought, outcome).await? {
            return Ok((done, brought.fetched));
        }
    }
    Err(Failure::Error(too_many()))
}

/// Whether work on a document takes about a millisecond.
pub(crate) fn is_heavy(document: &Value) -> bool {
    struct Room(usize);

    impl std::io::Write for Room {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let left = self.0.checked_sub(bytes.len());
            self.0 = left.ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    serde_json::to_writer(Room(LIGHT), document).is_err()
}

/// What work has led to; `None`: what it lacked is there now.
async fn go_on<T>(
    unit: &mut Unit<'_>,
    reach: Reach,
    brought: &mut Brought,
    outcome: Result<T, FormatError>,
) -> Result<Option<T>, Failure> {
    match outcome {
        Ok(done) => Ok(Some(done)),
        Err(FormatError::Needs(needs)) => {
            bring(unit, reach, brought, needs).await?;
            Ok(None)
        }
        Err(error) => Err(Failure::Error(refusal(error))),
    }
}

fn too_many() -> AgentError {
    let text = format!(
        "the document leads to more than {MOST_CONTEXTS} JSON-LD contexts that are not bundled with the agent"
    );
    AgentError::bad_request("too-many-contexts", text)
}

/// Puts contexts into the unit's commit. Somebody else may pin the same meanwhile: then the step is done again with theirs.
async fn pin(unit: &mut Unit<'_>, fetched: Vec<(String, Vec<u8>)>) -> Result<(), AgentError> {
    if fetched.is_empty() {
        return Ok(());
    }
    let most = unit.settings().pinned_contexts;
    let (count, bytes) = unit.context().store().weigh(unit.tenant(), Space::Context, most.count + 1).await?;
    let more: u64 = fetched.iter().map(|(_, body)| body.len() as u64).sum();
    if count + fetched.len() > most.count || bytes + more > most.bytes {
        let text = format!(
            "the agent keeps as many JSON-LD contexts as it may ({count}, {bytes} bytes), and no more are taken \
             until one is removed (DELETE /chancery/contexts)"
        );
        return Err(AgentError::bad_request("contexts-full", text).hint(
            "remove what isn't needed (`GET` and `DELETE /chancery/contexts`), or raise --max-pinned-contexts or \
                 --max-pinned-context-bytes",
        ));
    }
    for (url, body) in fetched {
        unit.guard(Guard::Unknown(Space::Context, url.clone()));
        unit.remember(Space::Context, &url, body, None);
    }
    Ok(())
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
    brought: &mut Brought,
    needs: Vec<Need>,
) -> Result<(), Failure> {
    let mut urls = Vec::new();
    for need in needs {
        match need {
            Need::Key(verkey) => {
                let key = unit.secret(&verkey).await?;
                brought.gathered.key(verkey, key);
            }
            Need::Did(did) => {
                if unit.is_remote(&did) && reach == Reach::Local {
                    return Err(Failure::Deferred);
                }
                let document = match unit.resolve(&did).await {
                    Ok(resolved) => Ok(resolved.document),
                    Err(error) if !error.ends() => return Err(Failure::Error(error)),
                    Err(error) => Err(error.into_reason()),
                };
                brought.gathered.document(did, document);
            }
            Need::Row { category, name } => {
                let row = unit.guarded_row(&RowKey::new(category, &*name)).await?;
                let value = row.map(|row| serde_json::from_slice(&row.value)).transpose();
                let unreadable =
                    |e| AgentError::internal("record-unreadable", format!("{category}/{name}: {e}"));
                brought.gathered.row(category, &*name, value.map_err(unreadable)?);
            }
            // All at the same time, below.
            Need::Context(url) => urls.push(url),
        }
    }
    contexts(unit, reach, brought, urls).await
}

/// Contexts that aren't at hand: the pinned ones, or those of the network, all at the same time.
async fn contexts(
    unit: &mut Unit<'_>,
    reach: Reach,
    brought: &mut Brought,
    urls: Vec<String>,
) -> Result<(), Failure> {
    if brought.held.len() + urls.len() > MOST_CONTEXTS {
        return Err(too_many().into());
    }
    let mut unknown = Vec::new();
    for url in urls {
        let own = unit.remembered(Space::Context, &url).map(<[u8]>::to_vec);
        let pinned = if own.is_none() { unit.recall(Space::Context, &url).await? } else { None };
        match (own, pinned) {
            (Some(body), _) => hold(unit, brought, &url, &body)?,
            (None, Some(body)) => {
                let document = parse_context(unit, &url, &body)?;
                brought.held.push(unit.context().jsonld().documents().insert(&*url, document));
            }
            (None, None) => unknown.push(url),
        }
    }
    let Some(first) = unknown.first() else { return Ok(()) };
    if !unit.settings().remote_contexts {
        let text = format!("JSON-LD context {first} is not known to this agent");
        return Err(Failure::Error(
            AgentError::bad_request("unknown-context", text).hint(
                "allow the agent to fetch contexts (--jsonld-remote-contexts on), or use a bundled one",
            ),
        ));
    }
    if reach == Reach::Local {
        return Err(Failure::Deferred);
    }
    let fetches = unknown.iter().map(|url| unit.fetch(url, Purpose::Context));
    for (url, fetched) in unknown.iter().zip(join_all(fetches).await) {
        let body = fetched.map_err(|error| unreachable(url, error))?;
        hold(unit, brought, url, &body)?;
        brought.fetched.push((url.clone(), body));
    }
    Ok(())
}

fn unreachable(url: &str, error: FetchError) -> AgentError {
    let why = match error {
        FetchError::NotFound(_) => "not found".to_owned(),
        FetchError::Refused(text) | FetchError::Failed(text) => text,
        FetchError::Busy(text) => return AgentError::unavailable(text),
    };
    let text = format!("JSON-LD context {url}: {why}");
    AgentError::third_party(Kind::BadRequest, "context-unreachable", text)
}

/// Holds a context for this work alone.
fn hold(unit: &Unit<'_>, brought: &mut Brought, url: &str, body: &[u8]) -> Result<(), AgentError> {
    let document = parse_context(unit, url, body)?;
    let own = brought.own.get_or_insert_with(|| unit.context().jsonld().beside());
    brought.held.push(own.documents().insert(url, document));
    Ok(())
}

fn parse_context(unit: &Unit<'_>, url: &str, body: &[u8]) -> Result<Value, AgentError> {
    let bad = |why: String| {
        AgentError::third_party(Kind::BadRequest, "context-invalid", format!("JSON-LD context {url}: {why}"))
    };
    if body.len() > MOST_BYTES {
        return Err(bad(format!("larger than {MOST_BYTES} bytes")));
    }
    unit.context().shape().check(body).map_err(|error| bad(error.to_string()))?;
    let document = from_slice_strict(body).map_err(|e| bad(e.to_string()))?;
    if document.get("@context").is_none() {
        return Err(bad("the document has no @context".into()));
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn a_context_that_names_a_member_twice_is_refused() {
        let world = World::new(&["agent"], Vec::new);
        let party = world.party("agent");
        let unit = party.agent.unit(&party.tenant);
        let twice = br#"{"@context": {"name": "https://a.example/", "name": "https://b.example/"}}"#;
        let error = parse_context(&unit, "https://c.example", twice).unwrap_err();
        assert_eq!(error.code, "context-invalid");
        assert!(error.message.contains(r#"the member "name" is named twice"#), "{}", error.message);
        let once = br#"{"@context": {"name": "https://a.example/"}}"#;
        assert!(parse_context(&unit, "https://c.example", once).is_ok());
    }
}
