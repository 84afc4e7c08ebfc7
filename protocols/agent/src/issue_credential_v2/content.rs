//! What credential formats are asked for in an exchange: contents for messages, checks of what arrived, what to keep.

use std::sync::OnceLock;

use chancery_credentials::{
    ExchangeFormat, Facts, Family, FormatError, Formats, Made, Row, Said, Step, Stored,
};
use chancery_credentials::{Task, Turn, Weight};
use serde_json::{Map, Value};

use super::detail::Detail;
use super::messages::{Body, Kind};
use super::record::{Exchange, Role};
use super::state::Effect;
use crate::credential::{Failure, Reach, is_heavy, refusal, with_facts, with_facts_apart};
use crate::ports::store::{NewRow, Query, RowKey, Tag};
use crate::unit::{AgentError, Unit};

fn no_supported_format(text: &str) -> AgentError {
    AgentError::bad_request("no-supported-format", format!("{text}. No supported formats."))
}

/// The implementation of a family, or 501.
fn implementation<'f>(formats: &'f Formats, family: &Family) -> Result<&'f dyn ExchangeFormat, AgentError> {
    formats.get(family).ok_or_else(|| {
        AgentError::not_supported(format!(
            "credentials of the format {:?} can't be made or held yet: use \"ld_proof\"",
            family.api
        ))
    })
}

/// The families of an admin API filter, in its order.
pub(super) fn families(filter: &Map<String, Value>) -> Vec<(&'static Family, &Value)> {
    filter.iter().filter_map(|(name, content)| Some((Family::from_api(name)?, content))).collect()
}

/// What formats made for a message, and what is to be kept once it is sent.
pub(super) struct Contents {
    /// By family.
    pub(super) list: Vec<(&'static Family, Value)>,
    aside: Vec<Aside>,
}

struct Aside {
    family: &'static Family,
    keep: Option<Map<String, Value>>,
    rows: Vec<Row>,
}

impl Contents {
    fn of(made: Vec<(&'static Family, Made)>) -> Self {
        let mut contents = Self { list: Vec::new(), aside: Vec::new() };
        for (family, Made { content, keep, rows }) in made {
            contents.list.push((family, content));
            if keep.is_some() || !rows.is_empty() {
                contents.aside.push(Aside { family, keep, rows });
            }
        }
        contents
    }

    /// What keeps what is to be kept, for the exchange that the message belongs to.
    pub(super) async fn kept(
        self,
        unit: &mut Unit<'_>,
        record: &Exchange,
    ) -> Result<Vec<Effect>, AgentError> {
        let mut effects = Vec::new();
        for Aside { family, keep, rows } in self.aside {
            effects
                .extend(rows.into_iter().map(|row| keep_row(row.category, row.name, &row.value, row.tags)));
            if let Some(keep) = keep {
                note(unit, record, family, keep, None, &mut effects).await?;
            }
        }
        Ok(effects)
    }
}

fn keep_row(
    category: &'static str,
    name: String,
    value: &Value,
    tags: Vec<(&'static str, String)>,
) -> Effect {
    Effect::Keep(NewRow {
        key: RowKey::new(category, name),
        value: chancery_didcomm::to_python_json(value).into_bytes(),
        tags: tags.into_iter().map(|(name, value)| Tag::new(name, value)).collect(),
    })
}

/// The family's details of an exchange, oldest first.
async fn details_of(
    unit: &mut Unit<'_>,
    family: &'static Family,
    cred_ex_id: &str,
) -> Result<Vec<Detail>, AgentError> {
    let query = Query::tagged(family.detail_category, "cred_ex_id", cred_ex_id);
    let rows = unit.find_rows(&query, true).await?;
    rows.iter().map(|row| Detail::from_row(family, row)).collect()
}

/// Notes what is known of an exchange in one family; the controller is told.
async fn note(
    unit: &mut Unit<'_>,
    record: &Exchange,
    family: &'static Family,
    keep: Map<String, Value>,
    stored: Option<String>,
    effects: &mut Vec<Effect>,
) -> Result<Detail, AgentError> {
    let keeps = unit.context().formats().get(family).is_some_and(ExchangeFormat::keeps);
    let earlier =
        if keeps { details_of(unit, family, &record.cred_ex_id).await?.into_iter().next() } else { None };
    let fresh = earlier.is_none();
    let mut detail = earlier.unwrap_or_else(|| Detail::new(unit, family, &record.cred_ex_id));
    detail.members.updated_at = if fresh { detail.members.created_at.clone() } else { unit.now().to_text() };
    detail.members.cred_id_stored = stored.or(detail.members.cred_id_stored);
    detail.members.kept.extend(keep);
    effects.push(Effect::Keep(detail.to_row(unit.settings().unencrypted_tags)?));
    effects.push(Effect::Announce(family.topic, detail.view()));
    Ok(detail)
}

/// The details of an exchange, of each format oldest first.
pub(super) async fn details(unit: &mut Unit<'_>, cred_ex_id: &str) -> Result<Vec<Detail>, AgentError> {
    let mut details = Vec::new();
    for format in unit.context().formats().iter() {
        details.extend(details_of(unit, format.family(), cred_ex_id).await?);
    }
    Ok(details)
}

/// The details that are shown with a record. Of a format that keeps nothing only a holder that has a credential can have one.
pub(super) async fn shown_details(unit: &mut Unit<'_>, record: &Exchange) -> Result<Vec<Detail>, AgentError> {
    let has_credential = record.role == Role::Holder && record.cred_issue.is_some();
    let mut details = Vec::new();
    for format in unit.context().formats().iter().filter(|format| has_credential || format.keeps()) {
        details.extend(details_of(unit, format.family(), &record.cred_ex_id).await?);
    }
    Ok(details)
}

/// The messages of an exchange up to the newest; earlier ones are read when a format asks for them.
struct Messages<'m> {
    record: &'m Exchange,
    newest: &'m Body,
    earlier: [OnceLock<Option<Body>>; 3],
}

impl<'m> Messages<'m> {
    fn new(record: &'m Exchange, newest: &'m Body) -> Self {
        Self { record, newest, earlier: Default::default() }
    }

    fn body(&self, kind: Kind) -> Option<&Body> {
        if kind == self.newest.kind {
            return Some(self.newest);
        }
        // What is beyond the newest was said before a new proposal or offer replaced the old one.
        let earlier =
            self.earlier.get(kind as usize).filter(|_| (kind as usize) < self.newest.kind as usize)?;
        earlier.get_or_init(|| self.record.body(kind)).as_ref()
    }

    fn of(&self, family: &'static Family) -> OfFamily<'_, 'm> {
        OfFamily { messages: self, family }
    }
}

/// One family's part of what was said.
struct OfFamily<'a, 'm> {
    messages: &'a Messages<'m>,
    family: &'static Family,
}

impl Said for OfFamily<'_, '_> {
    fn content(&self, step: Step) -> Option<&Value> {
        self.messages.body(Kind::of_step(step))?.content(self.family)
    }

    fn preview(&self) -> Option<&Value> {
        let mut kinds = [Kind::Offer, Kind::Proposal].into_iter();
        kinds.find_map(|kind| self.messages.body(kind)?.credential_preview.as_ref())
    }
}

/// What a proposal is made of.
struct Wanted<'w> {
    filter: &'w Value,
    preview: Option<&'w Value>,
}

impl Said for Wanted<'_> {
    fn content(&self, step: Step) -> Option<&Value> {
        Some(self.filter).filter(|_| step == Step::Propose)
    }

    fn preview(&self) -> Option<&Value> {
        self.preview
    }
}

/// What was said, for a thread of its own.
struct Copied {
    contents: Vec<(Step, Value)>,
    preview: Option<Value>,
}

impl Copied {
    fn of(said: &dyn Said) -> Self {
        let steps = [Step::Propose, Step::Offer, Step::Request, Step::Issue];
        let contents = steps.into_iter().filter_map(|step| Some((step, said.content(step)?.clone())));
        Self { contents: contents.collect(), preview: said.preview().cloned() }
    }
}

impl Said for Copied {
    fn content(&self, step: Step) -> Option<&Value> {
        self.contents.iter().find(|(at, _)| *at == step).map(|(_, content)| content)
    }

    fn preview(&self) -> Option<&Value> {
        self.preview.as_ref()
    }
}

/// What a format is asked in a turn.
type Ask<T> = fn(&dyn ExchangeFormat, &Turn<'_>) -> Result<Made<T>, FormatError>;

/// What a turn goes on from besides the messages.
struct Circumstances<'c> {
    reach: Reach,
    cred_ex_id: &'c str,
    holder_did: Option<&'c str>,
    /// What it is mostly about.
    newest: Option<&'c Value>,
}

/// One turn of one format.
async fn turn<T: Send + 'static>(
    unit: &mut Unit<'_>,
    format: &dyn ExchangeFormat,
    task: Task,
    said: &dyn Said,
    circumstances: &Circumstances<'_>,
    ask: Ask<T>,
) -> Result<Made<T>, Failure> {
    let Circumstances { reach, cred_ex_id, holder_did, newest } = *circumstances;
    let heavy = format.weight(task) == Weight::Heavy || newest.is_some_and(is_heavy);
    if reach == Reach::Local && heavy {
        return Err(Failure::Deferred);
    }
    let detail = if format.keeps() {
        details_of(unit, format.family(), cred_ex_id).await?.into_iter().next()
    } else {
        None
    };
    let kept = detail.as_ref().map(|detail| &detail.members.kept);
    let context = unit.context();
    if heavy {
        let (family, kept, holder_did) = (format.family(), kept.cloned(), holder_did.map(str::to_owned));
        let (context, said) = (context.clone(), Copied::of(said));
        let work = move |facts: &Facts<'_>| {
            let entropy = |buffer: &mut [u8]| context.entropy().fill(buffer);
            let none = || FormatError::refused("the format is gone");
            let turn = Turn {
                kept: kept.as_ref(),
                holder_did: holder_did.as_deref(),
                ..Turn::new(facts, &said, &entropy)
            };
            ask(context.formats().get(family).ok_or_else(none)?, &turn)
        };
        return with_facts_apart(unit, reach, work).await;
    }
    let entropy = |buffer: &mut [u8]| context.entropy().fill(buffer);
    let work = |facts: &Facts<'_>| {
        let turn = Turn { kept, holder_did, ..Turn::new(facts, said, &entropy) };
        ask(format, &turn)
    };
    with_facts(unit, reach, work).await
}

/// One turn of each format of the newest message.
async fn turns<T: Send + 'static>(
    unit: &mut Unit<'_>,
    task: Task,
    newest: &Body,
    record: &Exchange,
    (reach, holder_did): (Reach, Option<&str>),
    ask: Ask<T>,
) -> Result<Vec<(&'static Family, Made<T>)>, Failure> {
    let formats = unit.context().formats();
    let messages = Messages::new(record, newest);
    let mut made = Vec::new();
    for (family, content) in newest.known() {
        let format = implementation(formats, family)?;
        let newest = Some(content);
        let circumstances = Circumstances { reach, cred_ex_id: &record.cred_ex_id, holder_did, newest };
        made.push((family, turn(unit, format, task, &messages.of(family), &circumstances, ask).await?));
    }
    Ok(made)
}

fn not_empty<T>(made: Vec<T>, failure: &str) -> Result<Vec<T>, AgentError> {
    if made.is_empty() { Err(no_supported_format(failure)) } else { Ok(made) }
}

/// The proposal's contents for a filter.
pub(super) async fn proposed(
    unit: &mut Unit<'_>,
    record: &Exchange,
    filter: &Map<String, Value>,
    preview: Option<&Value>,
) -> Result<Contents, Failure> {
    let formats = unit.context().formats();
    let mut made = Vec::new();
    for (family, filter) in families(filter) {
        let format = implementation(formats, family)?;
        let circumstances = Circumstances {
            reach: Reach::Network,
            cred_ex_id: &record.cred_ex_id,
            holder_did: None,
            newest: Some(filter),
        };
        let wanted = Wanted { filter, preview };
        let ask: Ask<_> = |format, turn| format.propose(turn);
        made.push((family, turn(unit, format, Task::Propose, &wanted, &circumstances, ask).await?));
    }
    Ok(Contents::of(made))
}

/// The offer's contents for a proposal's.
pub(super) async fn offered(
    unit: &mut Unit<'_>,
    reach: Reach,
    record: &Exchange,
    proposal: &Body,
) -> Result<Contents, Failure> {
    let ask: Ask<_> = |format, turn| format.offer(turn);
    let made = turns(unit, Task::Offer, proposal, record, (reach, None), ask).await?;
    Ok(Contents::of(not_empty(made, "Unable to create credential offer")?))
}

/// The request's contents for an offer's (or one's own proposal's).
pub(super) async fn requested(
    unit: &mut Unit<'_>,
    reach: Reach,
    record: &Exchange,
    offer: &Body,
    holder_did: Option<&str>,
) -> Result<Contents, Failure> {
    let ask: Ask<_> = |format, turn| format.request(turn);
    let made = turns(unit, Task::Request, offer, record, (reach, holder_did), ask).await?;
    Ok(Contents::of(not_empty(made, "Unable to create credential request")?))
}

/// The credentials' contents for a request's.
pub(super) async fn issued(
    unit: &mut Unit<'_>,
    reach: Reach,
    record: &Exchange,
    request: &Body,
) -> Result<Contents, Failure> {
    let ask: Ask<_> = |format, turn| format.issue(turn);
    let made = turns(unit, Task::Issue, request, record, (reach, None), ask).await?;
    Ok(Contents::of(not_empty(made, "Unable to issue credential")?))
}

/// Credentials that were verified and are to be stored.
pub(super) struct Credentials(Vec<(&'static Family, String, Made<Stored>)>);

/// What is to be stored of the issued contents, verified, each with its id: the first has the given one.
pub(super) async fn stored(
    unit: &mut Unit<'_>,
    reach: Reach,
    record: &Exchange,
    issued: &Body,
    mut credential_id: Option<String>,
) -> Result<Credentials, Failure> {
    let ask: Ask<_> = |format, turn| format.store(turn);
    let mut credentials = Vec::new();
    for (family, made) in turns(unit, Task::Store, issued, record, (reach, None), ask).await? {
        let id = credential_id.take().unwrap_or_else(|| unit.new_id().replace('-', ""));
        if unit.row(&RowKey::new(made.content.category, &*id)).await?.is_some() {
            return Err(AgentError::bad_request(
                "duplicate-credential",
                format!("a credential {id} is stored already"),
            )
            .at("credential_id")
            .into());
        }
        credentials.push((family, id, made));
    }
    Ok(Credentials(credentials))
}

impl Credentials {
    /// What keeps each credential and the detail that points to it; the details.
    pub(super) async fn kept(
        self,
        unit: &mut Unit<'_>,
        record: &Exchange,
    ) -> Result<(Vec<Effect>, Vec<Detail>), AgentError> {
        let (mut effects, mut details) = (Vec::new(), Vec::new());
        for (family, id, Made { content, keep, rows }) in self.0 {
            effects.push(keep_row(content.category, id.clone(), &content.value, content.tags));
            effects
                .extend(rows.into_iter().map(|row| keep_row(row.category, row.name, &row.value, row.tags)));
            let keep = keep.unwrap_or_default();
            details.push(note(unit, record, family, keep, Some(id), &mut effects).await?);
        }
        Ok((effects, details))
    }
}

/// Whether a request of these formats may begin an exchange.
pub(super) fn starts_at_request(formats: &Formats, body: &Body) -> bool {
    body.known().iter().any(|(family, _)| formats.get(family).is_some_and(ExchangeFormat::starts_at_request))
}

/// Each requested content is what was offered.
pub(super) fn check_request(formats: &Formats, record: &Exchange, body: &Body) -> Result<(), AgentError> {
    let messages = Messages::new(record, body);
    for (family, _) in body.known() {
        let Some(format) = formats.get(family) else { continue };
        format.check_request(&messages.of(family)).map_err(refusal)?;
    }
    Ok(())
}

/// The issued formats are among the requested ones, and each credential is what was requested.
pub(super) fn check_credential(formats: &Formats, record: &Exchange, body: &Body) -> Result<(), AgentError> {
    let refused = |text: String| AgentError::bad_request("credential-refused", text);
    let messages = Messages::new(record, body);
    let known = body.known();
    if known.is_empty() {
        return Err(refused("No supported credential formats received.".into()));
    }
    for (family, _) in known {
        let said = messages.of(family);
        if said.content(Step::Request).is_none() {
            return Err(refused(format!(
                "Received issue credential format(s) not present in credential request: {}",
                family.api
            )));
        }
        let Some(format) = formats.get(family) else {
            return Err(AgentError::not_supported(format!(
                "credentials of the format {} can't be held yet",
                family.api
            )));
        };
        format.check_credential(&record.cred_ex_id, &said).map_err(refusal)?;
    }
    Ok(())
}
