//! A protocol of two messages on the kit: ask -> answer.
//!
//! | state | asker | answerer |
//! |---|---|---|
//! | `start` | `ask` -> `asked`, sends ask | ask -> `asked` |
//! | `asked` | answer -> `answered` | by itself -> `answered`, sends answer |
//! | `answered` | | ask again: answer again |

use async_trait::async_trait;
use chancery_didcomm::message::{Message, MessageType, Thread, Version};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer;
use crate::engine::{About, Agent, HandlerError, Protocol, Received, Registration, Spoken, errand};
use crate::exchange::*;
use crate::ports::{Tenant, store::Tag};
use crate::unit::{AgentError, Record, Unit};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Talk {
    #[serde(skip)]
    talk_id: String,
    connection_id: Option<String>,
    thread_id: String,
    at: String,
    asks: bool,
    state: String,
    question: String,
    said: Option<String>,
}

impl Record for Talk {
    const CATEGORY: &'static str = "talk";
    fn id(&self) -> &str {
        &self.talk_id
    }
    fn set_id(&mut self, id: String) {
        self.talk_id = id;
    }
    fn tags(&self, _plaintext: bool) -> Vec<Tag> {
        vec![Tag::new("thread_id", &*self.thread_id)]
    }
}

/// The name of a message and its text.
type Word = (&'static str, String);

#[async_trait]
impl Kept for Talk {
    type Word = Word;
    const NAMES: Names = Names {
        protocol: "toy",
        work: "toy-1.0",
        topic: "talks",
        id: "talk_id",
        roles: &["asker", "answerer"],
    };
    fn standing(&self) -> Standing<'_> {
        Standing {
            role: Self::NAMES.roles[usize::from(!self.asks)],
            connection_id: self.connection_id.as_deref(),
            thread_id: &self.thread_id,
            created_at: &self.at,
            updated_at: &self.at,
            is_new: self.state == "start",
            is_done: self.state == "answered",
            is_ours: self.asks,
        }
    }
    fn changed(&mut self, now: String) {
        self.at = now;
    }
    fn message(&self, unit: &Unit<'_>, (name, text): Word) -> Result<Option<Message>, AgentError> {
        let kind = MessageType::new("toy", Version::new(1, 0), name);
        if name == "problem-report" {
            return Ok(Some(report(kind, &unit.new_id(), &self.thread_id, &text, "over")));
        }
        let id = if self.asks { self.thread_id.clone() } else { unit.new_id() };
        Ok(Some(Message::build(kind, id).thread(&Thread::new(&*self.thread_id)).field("text", text).finish()))
    }
    fn payload(&self, _whole: bool) -> Value {
        json!({"talk_id": self.talk_id, "state": self.state, "said": self.said})
    }
}

pub enum Input {
    Asked,
    Answer(String),
    Trouble(Trouble),
}

impl From<Trouble> for Input {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

#[derive(Default)]
pub struct Toy;

#[async_trait]
impl Machine for Toy {
    type Record = Talk;
    type Input = Input;

    fn step(mut record: Talk, input: Input) -> Result<Step<Talk, Word>, Refusal> {
        let (state, said, effect) = match (record.asks, &*record.state, input) {
            (true, "start", Input::Asked) => ("asked", None, Some(("ask", record.question.clone()))),
            (false, "start", Input::Asked) => ("asked", None, None),
            (false, "asked", Input::Answer(text)) => ("answered", Some(text.clone()), Some(("answer", text))),
            (true, "asked", Input::Answer(text)) => ("answered", Some(text), None),
            (false, "answered", Input::Asked) => {
                let again = Effect::Send(("answer", record.said.clone().unwrap_or_default()));
                return Ok(Step { record, effects: vec![again] });
            }
            (_, "asked", Input::Trouble(Trouble::Reported(text))) => ("abandoned", Some(text), None),
            (_, "asked", Input::Trouble(Trouble::GivenUp(text) | Trouble::Failed(text))) => {
                ("abandoned", Some(text.clone()), Some(("problem-report", text)))
            }
            (_, state, _) => return Err(Refusal(format!("not in state {state}"))),
        };
        (record.state, record.said) = (state.to_owned(), said);
        let say = if state == "abandoned" { Effect::Tell } else { Effect::Send };
        let effects = [Effect::Save, Effect::Notify].into_iter().chain(effect.map(say)).collect();
        Ok(Step { record, effects })
    }

    async fn automatic(&self, _: &mut Unit<'_>, reach: Reach, of: &Talk) -> Result<Option<Input>, Failure> {
        match &*of.question {
            _ if of.asks || of.state != "asked" => Ok(None),
            "think" => Ok(None),
            "far" if reach == Reach::Local => Err(Failure::Deferred),
            "bad" => Err(AgentError::bad_request("bad-question", "nobody knows").into()),
            question => Ok(Some(Input::Answer(format!("{question}!")))),
        }
    }
}

const MESSAGES: &[(&str, &str)] = &[("ask", "Ask"), ("answer", "Answer"), ("problem-report", "Report")];
const SPOKEN: &[Spoken] =
    &[Spoken { name: "toy", major: 1, minors: &[0], messages: MESSAGES, about: About::AnythingElse }];

#[async_trait]
impl Protocol for Toy {
    fn speaks(&self) -> &'static [Spoken] {
        SPOKEN
    }
    async fn receive(&self, _: &Agent, unit: &mut Unit<'_>, received: &Received) -> Result<(), HandlerError> {
        let incoming = Incoming::of(received)?;
        let text = incoming.message.text("text").unwrap_or_default().to_owned();
        let (asks, input) = match incoming.message.message_type().name() {
            "ask" => (false, Input::Asked),
            "answer" => (true, Input::Answer(text.clone())),
            _ => return report_received(self, unit, &incoming).await,
        };
        let fresh = talk(unit, asks, incoming.connection_id, incoming.thread_id, &text).await?;
        match look_up(unit, &incoming, fresh.standing().role).await? {
            Found::Record(record) => take(self, unit, record, input).await,
            Found::Ended(_) => Ok(()),
            Found::Nothing => take(self, unit, fresh, input).await,
        }
    }
}

async fn talk(
    unit: &mut Unit<'_>,
    asks: bool,
    connection_id: Option<&str>,
    thread_id: &str,
    question: &str,
) -> Result<Talk, AgentError> {
    let mut record = Talk { asks, thread_id: thread_id.into(), question: question.into(), ..Talk::default() };
    (record.state, record.connection_id) = ("start".into(), connection_id.map(str::to_owned));
    record.talk_id = id_of::<Talk>(unit, record.standing().role, connection_id, thread_id).await?;
    Ok(record)
}

/// `POST /toy/ask`
pub async fn ask(agent: &Agent, tenant: &Tenant, to: &str, question: &str) -> Result<Value, AgentError> {
    answer!(agent, tenant, |unit| async {
        let (connection_id, thread_id) = (ready(&mut unit, to).await?, unit.new_id());
        let record = talk(&mut unit, true, Some(&connection_id), &thread_id, question).await?;
        Ok(advance::<Toy>(&mut unit, record, Input::Asked).await?.payload(true))
    }
    .await)
}

pub fn registration() -> Registration {
    Registration { protocol: Some(Box::new(Toy)), jobs: vec![errand::<GoOn<Toy>>()], ..Default::default() }
}
