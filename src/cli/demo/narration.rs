//! What the demonstration says.

use std::io::{self, IsTerminal, Write};

/// Prints headings, calls and states; with colours on a terminal only.
pub(super) struct Narration {
    colours: bool,
}

impl Narration {
    pub(super) fn on_stdout() -> Self {
        Self { colours: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    pub(super) fn say(&self, text: &str) {
        // A closed output ends nobody's credential exchange.
        let _ = writeln!(io::stdout(), "{text}").and_then(|()| io::stdout().flush());
    }

    /// A heading.
    pub(super) fn step(&self, text: &str) {
        self.say(&format!("\n{}", self.paint("1;36", text)));
    }

    /// What a reader can paste into a shell.
    pub(super) fn command(&self, text: &str) {
        self.say(&self.paint("2", text));
    }

    /// Where one side stands.
    pub(super) fn state(&self, who: &str, state: &str, more: &str) {
        self.say(&format!("  {who:<7} {} {more}", self.paint("32", &format!("{state:<20}"))));
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.colours {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}
