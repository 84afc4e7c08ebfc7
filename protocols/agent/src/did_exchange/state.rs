//! The handshake as a pure function.
//!
//! | state (stored word) | requester: we were invited | responder: we invited |
//! |---|---|---|
//! | start (`init`) | | request -> request |
//! | invitation | accept -> request; reject -> abandoned | request -> request |
//! | request | response -> response, then at once completed; report -> abandoned | accept -> response; reject, report -> abandoned |
//! | response | | complete or any message -> completed; request again -> response again |
//! | completed (`active`) | response again -> complete again | |
//! | abandoned (`error`) | | |

use crate::exchange::{self, Effect};
use crate::peers::State;

/// Our part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We accepted an invitation.
    Requester,
    /// We invited.
    Responder,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The controller (or policy) accepts the invitation.
    AcceptInvitation,
    /// A request arrived; the same one again counts too.
    RequestReceived,
    /// The controller (or policy) accepts the request.
    AcceptRequest,
    /// A response arrived, its signature checked.
    ResponseReceived,
    /// Our complete is on its way.
    CompleteSent,
    /// A complete, or any other authenticated message, arrived over the connection.
    MessageReceived,
    /// The controller rejects.
    Reject,
    /// A problem report with a known code arrived.
    ReportReceived,
}

/// A message to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Send {
    /// `request`
    Request,
    /// `response`
    Response,
    /// `complete`
    Complete,
}

/// What follows. Where the state stays, nothing is saved and nobody is told.
pub type Step = exchange::Step<State, Send>;

/// The input does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{input:?} does not fit a {role:?} in state {state:?}")]
pub struct Refusal {
    /// Our part.
    pub role: Role,
    /// The present state.
    pub state: State,
    /// What happened.
    pub input: Input,
}

/// The next step.
pub fn step(role: Role, state: State, input: Input) -> Result<Step, Refusal> {
    use Input as I;
    use State as S;
    let go = |next| Ok(Step { record: next, effects: vec![Effect::Save, Effect::Notify] });
    let send = |next, message| {
        Ok(Step { record: next, effects: vec![Effect::Send(message), Effect::Save, Effect::Notify] })
    };
    let again = |message| Ok(Step { record: state, effects: vec![Effect::Send(message)] });
    let nothing = Ok(Step { record: state, effects: Vec::new() });
    match (role, state, input) {
        (Role::Requester, S::Invitation, I::AcceptInvitation) => send(S::Request, Send::Request),
        (Role::Requester, S::Request, I::ResponseReceived) => send(S::Response, Send::Complete),
        (Role::Requester, S::Response | S::Completed, I::ResponseReceived) => again(Send::Complete),
        (Role::Requester, S::Response, I::CompleteSent) => go(S::Completed),
        (Role::Requester, S::Invitation, I::Reject) => go(S::Abandoned),

        (Role::Responder, S::Start | S::Invitation, I::RequestReceived) => go(S::Request),
        (Role::Responder, S::Response, I::RequestReceived) => again(Send::Response),
        (Role::Responder, S::Request | S::Completed, I::RequestReceived) => nothing,
        (Role::Responder, S::Request, I::AcceptRequest) => send(S::Response, Send::Response),
        (Role::Responder, S::Response, I::MessageReceived) => go(S::Completed),
        (Role::Responder, S::Request, I::Reject) => go(S::Abandoned),

        (_, S::Completed, I::MessageReceived) => nothing,
        (_, S::Request | S::Response, I::ReportReceived) => go(S::Abandoned),
        // What is complete is not undone by whoever says so.
        (_, S::Completed | S::Abandoned, I::ReportReceived) => nothing,
        _ => Err(Refusal { role, state, input }),
    }
}
