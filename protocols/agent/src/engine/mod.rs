//! The engine: how messages, commands and queued work become commits, and what follows a commit.

mod admission;
mod agent;
mod derived;
mod error;
mod fetch;
mod held;
pub(crate) mod kept;
mod message;
mod parking;
mod protocol;
mod receive;
mod record;
mod resolve;
mod settings;
mod unit;

pub use agent::{Agent, Parts};
pub use error::{AgentError, Fault, Kind};
pub use fetch::Fetched;
pub use held::Held;
pub use message::{Heading, Outbound, Plaintext, Received, Scope, Target, Work};
pub use protocol::{HandlerError, Protocol, Spoken};
pub use receive::{Receipt, ReceiveError, Rejection};
pub use record::Record;
pub use resolve::Resolved;
pub use settings::{PinnedContexts, Settings, Transports, scheme};
pub use unit::{Slot, Unit};

/// Runs a body against a fresh [`Unit`] until its commit holds: on a conflict everything is read and decided again.
/// The body is an expression of type `Result<T, E>` where `E: From<AgentError>`; it may await. `Err` commits nothing.
#[macro_export]
macro_rules! transact {
    ($agent:expr, $tenant:expr, |$unit:ident| $body:expr) => {{
        let mut attempt = 0_u32;
        let mut fetched = None;
        loop {
            #[allow(unused_mut, reason = "not every body changes something")]
            let mut $unit = $agent.unit($tenant);
            $unit.go_on_from(&mut fetched);
            match $body {
                Err(error) => break Err(error),
                Ok(outcome) => match $unit.commit().await {
                    Ok(_) => break Ok(outcome),
                    Err($crate::ports::store::CommitError::Conflict(_))
                        if attempt < 50 && !$agent.claim_is_lost() =>
                    {
                        attempt += 1;
                    }
                    Err(error) => break Err($crate::engine::AgentError::from(error).into()),
                },
            }
        }
    }};
}

/// [`transact`] for a command whose outcome is its answer: when the call came with a key, the answer is kept in the same
/// commit.
#[macro_export]
macro_rules! answer {
    ($agent:expr, $tenant:expr, |$unit:ident| $body:expr) => {
        $crate::transact!($agent, $tenant, |$unit| {
            let outcome = $body;
            if let Ok(answer) = &outcome {
                $unit.keep_answer(answer);
            }
            outcome
        })
    };
}
