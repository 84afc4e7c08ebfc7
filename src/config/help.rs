//! `--help` from the table of options, under ACA-Py's headings.

use std::fmt::{self, Write};

use super::options::{Arity, GROUPS, OptionSpec, Status};

const COLUMN: usize = 28;
const WIDTH: usize = 80;

/// The help of `chancery start` and `chancery provision`.
pub fn help(command: &str) -> String {
    let mut text = format!(
        "Usage: chancery {command} [OPTIONS]\n\n\
         ACA-Py's options and variables, and a few of ours. The command line wins over\n\
         the environment, that over the --arg-file. A secret is also read from the file\n\
         that VARIABLE_FILE names, such as\n\
         ACAPY_WALLET_KEY_FILE=/run/secrets/wallet-key.\n"
    );
    for group in GROUPS {
        let _ = write!(text, "\n{}:\n", group.title);
        let _ = write_options(&mut text, group.options);
    }
    text
}

/// Writes one line or more per option: names, values, meaning, default and variable.
///
/// # Errors
/// Only those of `out`.
pub fn write_options(out: &mut impl Write, options: &[OptionSpec]) -> fmt::Result {
    for spec in options {
        let mut names = spec.short.map_or_else(String::new, |short| format!("{short}, "));
        names.push_str(spec.name);
        match spec.arity {
            Arity::Flag => {}
            Arity::ZeroOrOne => names.push_str(&format!(" [{}]", spec.placeholder)),
            Arity::OneOrMore => names.push_str(&format!(" {}...", spec.placeholder)),
            Arity::One | Arity::Exactly(_) => names.push_str(&format!(" {}", spec.placeholder)),
        }
        let mut about = spec.about.to_owned();
        match spec.status {
            Status::Acts => {}
            Status::NoEffect(because) => about.push_str(&format!(" (no effect: {because})")),
            Status::Absent(because) => about.push_str(&format!(" (without effect: {because})")),
            Status::NotYet(_) => about.push_str(" (not supported yet)"),
        }
        if spec.repeatable {
            about.push_str(", repeatable");
        }
        if let Some(default) = spec.default {
            about.push_str(&format!(" [default: {default}]"));
        }
        if let Some(env) = spec.env {
            about.push_str(&format!(" [{env}]"));
        }
        write_columns(out, &names, &about)?;
    }
    Ok(())
}

/// Text with its lines broken to the width of a terminal.
pub fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    let mut width = 0;
    for word in text.split_inclusive([' ', '\n']) {
        let length = word.trim_end().chars().count();
        if width > 0 && width + length > WIDTH {
            wrapped.truncate(wrapped.trim_end_matches(' ').len());
            wrapped.push('\n');
            width = 0;
        }
        wrapped.push_str(word);
        width = if word.ends_with('\n') { 0 } else { width + word.chars().count() };
    }
    wrapped
}

fn write_columns(out: &mut impl Write, names: &str, about: &str) -> fmt::Result {
    let mut line = format!("  {names}");
    if line.len() + 2 > COLUMN {
        writeln!(out, "{line}")?;
        line = String::new();
    }
    let mut line = format!("{line:COLUMN$}");
    for word in about.split(' ') {
        if line.chars().count() + word.chars().count() > WIDTH {
            writeln!(out, "{}", line.trim_end())?;
            line = " ".repeat(COLUMN);
        }
        line.push_str(word);
        line.push(' ');
    }
    writeln!(out, "{}", line.trim_end())
}
