//! What the demonstration says.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

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

    /// A call as a reader can repeat it.
    pub(super) fn call(&self, base: &str, method: &str, path: &str, body: Option<&Value>) {
        self.say(&self.paint("2", &curl(base, method, path, body)));
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

fn curl(base: &str, method: &str, path: &str, body: Option<&Value>) -> String {
    let method = if method == "GET" { String::new() } else { format!("-X {method} ") };
    let mut line = format!("  curl -s {method}'{base}{path}'");
    if let Some(body) = body {
        let quoted = body.to_string().replace('\'', r"'\''");
        line.push_str(&format!(" \\\n    -H 'Content-Type: application/json' \\\n    -d '{quoted}'"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_can_be_pasted_into_a_shell() {
        assert_eq!(curl("http://a:1", "GET", "/x?y=1", None), "  curl -s 'http://a:1/x?y=1'");
        let posted = curl("http://a:1", "POST", "/x", Some(&serde_json::json!({"name": "O'Hara"})));
        assert!(posted.ends_with(r#"-d '{"name":"O'\''Hara"}'"#), "{posted}");
    }
}
