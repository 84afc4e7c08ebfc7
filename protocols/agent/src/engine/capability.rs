//! What a folder gives to the agent: its protocol, and what it can do for other folders. Others find it by what it is, never by
//! its name.

use async_trait::async_trait;
use chancery_didcomm::message::{Message, MessageType};
use serde_json::Value;

use super::{Agent, HandlerError, JobKind, Protocol, Received};
use crate::peers::Connection;
use crate::ports::{Tenant, Timestamp};
use crate::unit::{AgentError, Outbound, Unit};

/// What one folder brings in.
#[derive(Default)]
pub struct Registration {
    /// Messages that it handles.
    pub protocol: Option<Box<dyn Protocol>>,
    /// It makes connections out of invitations.
    pub handshake: Option<Box<dyn Handshake>>,
    /// It invites and takes invitations.
    pub inviter: Option<Box<dyn Inviter>>,
    /// Its messages can be attached to invitations.
    pub attaches: Option<Box<dyn Attaches>>,
    /// It runs threads that outlast one message.
    pub routes: Option<Box<dyn Routes>>,
    /// It looks at messages of other protocols.
    pub accompanies: Option<Box<dyn Accompanies>>,
    /// It hears of what happens in other folders.
    pub watches: Option<Box<dyn Watches>>,
    /// What it goes on with after a commit.
    pub jobs: Vec<JobKind>,
}

/// Makes a connection out of an invitation.
#[async_trait]
pub trait Handshake: Send + Sync {
    /// How invitations name what it speaks, without `https://didcomm.org/`, oldest first.
    fn versions(&self) -> &'static [&'static str];
    /// How controllers may call the oldest, in lower case.
    fn aliases(&self) -> &'static [&'static str];
    /// Sends the request of a connection in state `invitation`, within this unit.
    async fn accept(&self, unit: &mut Unit<'_>, connection_id: &str) -> Result<(), AgentError>;
}

/// Invites, and takes invitations.
#[async_trait]
pub trait Inviter: Send + Sync {
    /// Whether a message of this type is an invitation.
    fn invites(&self, kind: &MessageType) -> bool;
    /// An invitation to connect with us, within this unit, for another protocol to hand on.
    async fn invite(&self, agent: &Agent, unit: &mut Unit<'_>) -> Result<Value, AgentError>;
    /// Takes an invitation that another protocol was handed. May wait for the other side and commits by itself: for queued
    /// work.
    async fn take(&self, agent: &Agent, tenant: &Tenant, invitation: &Value) -> Result<(), AgentError>;
}

/// Gives messages that are attached to invitations.
#[async_trait]
pub trait Attaches: Send + Sync {
    /// How the admin API calls what is attached, e.g. `credential-offer`.
    fn kind(&self) -> &'static str;
    /// Whether a message of this type begins an exchange when it comes with an invitation.
    fn begins(&self, kind: &MessageType) -> bool;
    /// Whether a message of this type proposes something new: it belongs to no exchange that an invitation began.
    fn proposes(&self, kind: &MessageType) -> bool;
    /// The message of the exchange with this id.
    ///
    /// Errors: 404 unknown; 400 it has none.
    async fn attachment(&self, unit: &mut Unit<'_>, id: &str) -> Result<Message, AgentError>;
}

/// Knows the threads that it runs.
#[async_trait]
pub trait Routes: Send + Sync {
    /// When a thread began on a connection, as the records write times; `None`: it runs no such thread there.
    async fn began(
        &self,
        unit: &mut Unit<'_>,
        connection_id: &str,
        thread_id: &str,
    ) -> Result<Option<String>, AgentError>;
    /// Whether the other side's answer to a message of its protocol, queued at `since`, has been taken. Only what the records
    /// prove counts: a message that was answered isn't sent again.
    async fn answered(
        &self,
        unit: &mut Unit<'_>,
        sent: &Outbound,
        since: Timestamp,
    ) -> Result<bool, AgentError>;
}

/// Looks at every authenticated message before its handler does: a connection that becomes active by any message, an
/// out-of-band exchange that a message belongs to.
#[async_trait]
pub trait Accompanies: Send + Sync {
    /// The message is about to be handled.
    async fn accompany(
        &self,
        agent: &Agent,
        unit: &mut Unit<'_>,
        received: &mut Received,
    ) -> Result<(), HandlerError>;
}

/// Hears, within the same commit, of what happens in other folders.
#[async_trait]
pub trait Watches: Send + Sync {
    /// It has happened, unless the unit comes to nothing.
    async fn happened(&self, unit: &mut Unit<'_>, what: &Happening<'_>) -> Result<(), AgentError>;
}

/// What others may want to know of.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'h> {
    /// A request to the invitation of ours with this `@id` has made a connection.
    InvitationAnswered {
        /// `@id` of the invitation.
        invi_msg_id: &'h str,
        /// The connection.
        connection: &'h Connection,
    },
    /// The handshake of a connection to whom invited us is over.
    Connected(&'h Connection),
}

impl Agent {
    /// What makes connections.
    ///
    /// Errors: 501 nothing does.
    pub fn handshake(&self) -> Result<&dyn Handshake, AgentError> {
        let found = self.registrations().iter().find_map(|one| one.handshake.as_deref());
        found.ok_or_else(|| AgentError::not_supported("this agent speaks no handshake protocol"))
    }

    /// A version that some handshake speaks, by its name or an alias in lower case.
    pub fn handshake_version(&self, name: &str) -> Option<&'static str> {
        self.registrations().iter().filter_map(|one| one.handshake.as_deref()).find_map(|handshake| {
            let version = handshake.versions().iter().find(|version| **version == name);
            let oldest =
                || handshake.aliases().contains(&name).then(|| handshake.versions().first()).flatten();
            version.or_else(oldest).copied()
        })
    }

    /// What invites.
    ///
    /// Errors: 501 nothing does.
    pub fn inviter(&self) -> Result<&dyn Inviter, AgentError> {
        let found = self.registrations().iter().find_map(|one| one.inviter.as_deref());
        found.ok_or_else(|| AgentError::not_supported("this agent speaks no protocol that invites"))
    }

    /// What can be attached to invitations.
    pub fn attaches(&self) -> impl Iterator<Item = &dyn Attaches> {
        self.registrations().iter().filter_map(|one| one.attaches.as_deref())
    }

    /// Tells everybody who watches.
    pub async fn happened(&self, unit: &mut Unit<'_>, what: Happening<'_>) -> Result<(), AgentError> {
        for one in self.registrations() {
            if let Some(watches) = &one.watches {
                watches.happened(unit, &what).await?;
            }
        }
        Ok(())
    }
}
