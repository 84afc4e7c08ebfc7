//! The protocol as the kit of exchanges sees it.

use async_trait::async_trait;
use chancery_didcomm::message::Message;
use serde_json::Value;

use super::handler::Handler;
use super::messages::{self, ABANDONED, PROTOCOL};
use super::record::{Exchange, Initiator, Role, State, TOPIC};
use super::state::{self, Automatic, Input, Step, Word};
use super::{answer, content};
use crate::exchange::{Failure, Kept, Machine, Names, Reach, Refusal, Standing};
use crate::ports::store::RowKey;
use crate::unit::{AgentError, Unit};

#[async_trait]
impl Machine for Handler {
    type Record = Exchange;
    type Input = Input;

    fn step(record: Exchange, input: Input) -> Result<Step, Refusal> {
        let id = record.cred_ex_id.clone();
        state::step(record, input).map_err(|refusal| refusal.of(&id))
    }

    async fn automatic(
        &self,
        unit: &mut Unit<'_>,
        reach: Reach,
        record: &Exchange,
    ) -> Result<Option<Input>, Failure> {
        let Some(next) = state::automatic(record, &unit.settings()) else { return Ok(None) };
        let input = match next {
            Automatic::Offer => answer::offer(unit, reach, record, None).await?,
            Automatic::Request => answer::request(unit, reach, record, None, None).await?,
            Automatic::Issue => answer::issue(unit, reach, record, None).await?,
            Automatic::Store => answer::store(unit, reach, record, None).await?.0,
        };
        Ok(Some(input))
    }
}

#[async_trait]
impl Kept for Exchange {
    type Word = Word;
    const NAMES: Names = Names {
        protocol: PROTOCOL,
        work: "issue-credential-2.0",
        topic: TOPIC,
        id: "cred_ex_id",
        roles: &[Role::Issuer.as_str(), Role::Holder.as_str()],
    };

    fn standing(&self) -> Standing<'_> {
        Standing {
            role: self.role.as_str(),
            connection_id: self.connection_id.as_deref(),
            thread_id: &self.thread_id,
            created_at: &self.created_at,
            updated_at: &self.updated_at,
            is_new: self.state == State::Start,
            is_done: self.state == State::Done,
            is_ours: self.initiator == Initiator::Ourselves,
        }
    }

    fn changed(&mut self, now: String) {
        self.updated_at = now;
    }

    fn message(&self, unit: &Unit<'_>, word: Word) -> Result<Option<Message>, AgentError> {
        Ok(Some(match word {
            Word::Stored(kind) => {
                let Some(message) = self.message(kind).cloned() else { return Ok(None) };
                Message::from_json(Value::Object(message))
                    .map_err(|e| AgentError::internal("message-unreadable", e.to_string()))?
            }
            Word::Ack => messages::ack(&unit.new_id(), &self.thread_id),
            Word::Report(text) => messages::report(&unit.new_id(), &self.thread_id, &text, ABANDONED),
        }))
    }

    fn payload(&self, whole: bool) -> Value {
        self.payload(whole)
    }

    async fn shown(&self, unit: &mut Unit<'_>) -> Result<Value, AgentError> {
        Ok(self.with_details(&content::shown_details(unit, self).await?))
    }

    async fn hanging(&self, unit: &mut Unit<'_>) -> Result<Vec<RowKey>, AgentError> {
        Ok(content::details(unit, &self.cred_ex_id).await?.iter().map(|detail| detail.key()).collect())
    }
}
