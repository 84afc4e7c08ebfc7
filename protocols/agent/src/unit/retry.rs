//! The one loop in which a step runs until its commit holds.

use std::sync::Arc;

use super::{Context, Fetched, Unit};
use crate::ports::Tenant;
use crate::ports::store::CommitError;

/// So often a step begins again before it is told that too much happens at once.
const MOST: u32 = 50;

/// The attempts of one step.
#[derive(Debug, Default)]
pub struct Retry {
    attempts: u32,
    fetched: Option<Arc<Fetched>>,
}

impl Retry {
    /// The unit of the next attempt: everything is read and decided anew, but for what was fetched.
    pub fn unit<'a>(&mut self, context: &'a Context, tenant: &Tenant) -> Unit<'a> {
        let mut unit = context.unit(tenant);
        unit.go_on_from(&mut self.fetched);
        unit
    }

    /// Whether a step whose commit failed so begins again: somebody else was faster with a record. A call whose claim is lost was
    /// carried out by somebody else.
    pub fn goes_on(&mut self, context: &Context, error: &CommitError) -> bool {
        self.attempts += 1;
        matches!(error, CommitError::Conflict(_)) && self.attempts <= MOST && !context.claim_is_lost()
    }
}

/// Runs a body against a fresh [`Unit`] until its commit holds.
///
/// The body is an expression of type `Result<T, E>` where `E: From<AgentError>`; it may await. `Err` commits nothing. With
/// `lease`, the messages that it says yes to are the caller's to deliver: the outcome is `(T, Vec<Item>)`.
#[macro_export]
macro_rules! transact {
    ($agent:expr, $tenant:expr, |$unit:ident| $body:expr) => {
        $crate::transact!($agent, $tenant, &mut |_: &$crate::unit::Outbound| false, |$unit| $body)
            .map(|(outcome, _)| outcome)
    };
    ($agent:expr, $tenant:expr, $lease:expr, |$unit:ident| $body:expr) => {{
        let mut retry = $crate::unit::Retry::default();
        loop {
            #[allow(unused_mut, reason = "not every body changes something")]
            let mut $unit = retry.unit(&$agent, $tenant);
            match $body {
                Err(error) => break Err(error),
                Ok(outcome) => match $agent.end($unit, $lease).await {
                    Ok(leased) => break Ok((outcome, leased)),
                    Err(error) if retry.goes_on(&$agent, &error) => {}
                    Err(error) => break Err($crate::unit::AgentError::from(error).into()),
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
