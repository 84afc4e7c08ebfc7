//! What an invitation's record goes through: the state machine asked, its step carried out.

use serde_json::Value;

use super::state::{self, Input, Refusal, Role, State, Step};
use crate::exchange::Effect;
use crate::peers::{Connection, OobRecord, oob_of_invitation};
use crate::ports::store::Query;
use crate::unit::{AgentError, Record as _, Unit};

/// The webhook topic of out-of-band records.
pub(super) const TOPIC: &str = "out_of_band";
/// Records that are kept of one invitation, or of one attached message, that was received again and again.
const MOST_RECEIVED: usize = 64;

impl OobRecord {
    /// A new record of this moment.
    pub(super) fn new(unit: &Unit<'_>, state: State, role: Role, invitation: &Value) -> Self {
        let now = unit.now().to_text();
        Self {
            oob_id: unit.new_id(),
            state: state.word().to_owned(),
            role: role.word().to_owned(),
            invi_msg_id: invitation["@id"].as_str().unwrap_or_default().to_owned(),
            invitation: invitation.clone(),
            created_at: now.clone(),
            updated_at: now,
            ..Self::default()
        }
    }

    /// Tells the controller the present state.
    pub(super) fn notify(&self, unit: &mut Unit<'_>) {
        unit.notify(TOPIC, &self.oob_id, &self.view());
    }

    /// Whether an input fits the record now.
    pub(super) fn takes(&self, input: Input) -> bool {
        self.next(input).is_ok()
    }

    fn next(&self, input: Input) -> Result<Step, Refusal> {
        state::step(Role::of(&self.role), State::of(&self.state), input, self.multi_use)
    }

    /// Carries out a step: tells the controller of each state, and removes the record if it is not kept. Saving a record that
    /// is kept is the caller's.
    ///
    /// Errors: the input does not fit.
    pub(super) fn advance(&mut self, unit: &mut Unit<'_>, input: Input) -> Result<(), AgentError> {
        let step = self.next(input).map_err(|e| AgentError::internal("oob-state", e.to_string()))?;
        for effect in step.effects {
            let told = if let Effect::Pass(state) = effect { state } else { step.record.word() };
            self.state = told.to_owned();
            self.notify(unit);
            if effect == Effect::Remove {
                unit.remove(self.key());
            }
        }
        self.state = step.record.word().to_owned();
        Ok(())
    }

    /// Inserts the record of an invitation that we received. Whoever invites chooses its id and that of what is attached: many
    /// with the same would make every message that names them costly.
    ///
    /// Errors: 400 when there are too many with the same.
    pub(super) async fn keep_received(&self, unit: &mut Unit<'_>) -> Result<(), AgentError> {
        let thread = self.attach_thread_id.as_deref().map(|thread| ("attach_thread_id", thread));
        for (tag, value) in [("invi_msg_id", &*self.invi_msg_id)].into_iter().chain(thread) {
            let same = Query::tagged(Self::CATEGORY, tag, value).any(MOST_RECEIVED);
            if unit.find_rows(&same, false).await?.len() >= MOST_RECEIVED {
                let text = format!("{MOST_RECEIVED} records of this invitation are kept already");
                return Err(AgentError::bad_request("invitation-received-often", text)
                    .hint("remove them: DELETE /out-of-band/invitations/{invi_msg_id}"));
            }
        }
        unit.insert(self)
    }

    /// Saves a change that the controller isn't told of.
    pub(super) fn store(&mut self, unit: &mut Unit<'_>) -> Result<(), AgentError> {
        self.updated_at = unit.now().to_text();
        unit.save(self)
    }

    /// It has led to `connection_id`: tells the controller, and removes it unless others may still use it. What is kept for
    /// others goes on naming the connection that it waits with; the controller is shown the other one only when that one is
    /// used again.
    pub(super) fn finish(
        &mut self,
        unit: &mut Unit<'_>,
        connection_id: &str,
        input: Input,
    ) -> Result<(), AgentError> {
        let waits_with = self.connection_id.clone();
        if !self.multi_use || input == Input::ReuseAsked {
            self.connection_id = Some(connection_id.to_owned());
        }
        self.advance(unit, input)?;
        if self.multi_use {
            self.connection_id = waits_with;
        }
        Ok(())
    }
}

/// A request to an invitation of ours has made `connection`: its out-of-band record is done, unless a message that the
/// invitation carries is still to be answered over the connection.
pub(super) async fn invitation_used(
    unit: &mut Unit<'_>,
    invi_msg_id: &str,
    connection: &Connection,
) -> Result<(), AgentError> {
    for mut record in oob_of_invitation(unit, invi_msg_id).await? {
        if record.takes(Input::Connected) && record.role == "sender" && !record.has_attachments() {
            record.finish(unit, &connection.connection_id, Input::Connected)?;
        }
    }
    Ok(())
}
