//! The versions of our side tables, and the way from each to the next. Steps go forward only; all that are due run in one
//! transaction, under the lock of the wallet, before anything else reads it. To change the tables is to add a step.
//!
//! ```text
//! tables      1: the tables
//! numbered    2: queue rows and events are bound to their number
//! lanes       3: lane, owner and lease of queue rows
//! ```

mod lanes;
mod numbered;
mod tables;

use futures_util::future::BoxFuture;
use tokio_postgres::Client;

use super::OpenError;
use super::profiles::Profiles;

/// What leads to a version from the one before, in both databases.
pub(super) struct Step {
    /// The version afterwards.
    pub to: i64,
    /// What it brings, for a person to read.
    pub name: &'static str,
    /// In the open transaction of a connection.
    pub sqlite: fn(&rusqlite::Connection, &Profiles) -> rusqlite::Result<()>,
    /// In the open transaction of a connection.
    pub postgres: for<'a> fn(&'a Client, &'a Profiles) -> BoxFuture<'a, Result<(), tokio_postgres::Error>>,
}

/// All steps; the first makes the tables where there are none.
const STEPS: [Step; 3] = [tables::STEP, numbered::STEP, lanes::STEP];

/// Version of the side tables that this build writes.
pub(super) const VERSION: i64 = STEPS[STEPS.len() - 1].to;

/// What is to be done with tables of a version; 0: there are none.
pub(super) fn steps_from(found: i64) -> Result<Vec<Step>, OpenError> {
    if found > VERSION {
        return Err(OpenError::NewerTables { found, known: VERSION });
    }
    Ok(STEPS.into_iter().filter(|step| step.to > found).collect())
}

/// A step that could not be made; the transaction is rolled back.
pub(super) fn stopped(found: i64, step: &Step, error: impl std::fmt::Display) -> OpenError {
    OpenError::Migration { found, to: step.to, name: step.name, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_leads_from_a_version_to_the_next_and_a_newer_version_is_refused() {
        let to = |found| steps_from(found).map(|steps| steps.iter().map(|step| step.to).collect::<Vec<_>>());
        assert_eq!(to(0).unwrap(), (1..=VERSION).collect::<Vec<_>>());
        assert_eq!(to(VERSION - 1).unwrap(), [VERSION]);
        assert_eq!(to(VERSION).unwrap(), [0; 0]);
        assert!(
            matches!(to(VERSION + 1), Err(OpenError::NewerTables { found, known }) if found == known + 1)
        );
    }
}
