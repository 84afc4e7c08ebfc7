//! Options of the commands that don't start an agent.

use std::str::FromStr;

use super::{Failure, asks_for_help};
use crate::config::options::OptionSpec;
use crate::config::{parse_arguments, wrapped, write_options};

/// The options given to one command.
pub(super) struct Usage {
    given: Vec<(&'static str, Option<String>)>,
}

impl Usage {
    /// Reads `arguments`; none when they ask for help, which is then printed under `title`.
    pub(super) fn read(
        title: &str,
        table: &'static [OptionSpec],
        arguments: &[String],
    ) -> Result<Option<Self>, Failure> {
        if asks_for_help(arguments) {
            let mut text = format!("{}\n\n", wrapped(title));
            // Writing to a String does not fail.
            let _ = write_options(&mut text, table);
            print!("{text}");
            return Ok(None);
        }
        let found = parse_arguments(arguments, table.iter())?;
        let given = found.into_iter().map(|(spec, values)| (spec.name, values.into_iter().next())).collect();
        Ok(Some(Self { given }))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == name)
    }

    /// The last value given.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.given.iter().rev().find(|(given, _)| *given == name).and_then(|(_, value)| value.as_deref())
    }

    /// The same as a number or another parsed value.
    pub(super) fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Failure::Usage(format!("{name}: that value won't do, see --help")))
    }

    /// The same, of an option that must be given.
    pub(super) fn required<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        self.parsed(name)?.ok_or_else(|| Failure::Usage(format!("{name} is required, see --help")))
    }
}
