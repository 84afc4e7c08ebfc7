//! W3C credentials that the agent holds, verification of any, and the facts that credential formats ask for.

mod commands;
mod contexts;
mod facts;

pub use crate::exchange::{Failure, Reach};
pub use commands::{Id, ListW3c, VerifyVc, delete_w3c, get_w3c, list_w3c, verify};
pub use contexts::{ForgetContext, ListContexts, contexts, forget_context};
pub(crate) use facts::is_heavy;
pub use facts::{refusal, with_facts, with_facts_apart};
