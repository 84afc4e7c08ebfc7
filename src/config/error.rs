//! Why a start is refused before anything runs.

use std::path::PathBuf;

/// A fault of the command line, the environment or the `--arg-file`; always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No option has this name.
    #[error("unknown option `{given}`{}", nearest.map(|n| format!(": did you mean `{n}`?")).unwrap_or_default())]
    UnknownOption {
        /// As it was given.
        given: String,
        /// The known name closest to it, if one is close.
        nearest: Option<&'static str>,
    },
    /// An abbreviation that fits several options.
    #[error("`{given}` is short for {}: write one of them out", candidates.join(", "))]
    Ambiguous {
        /// As it was given.
        given: String,
        /// The options that it fits.
        candidates: Vec<&'static str>,
    },
    /// A word that belongs to no option, and behind which it stands; it may be a part of a secret.
    #[error(
        "{} belongs to no option: options start with `--`, a value with spaces wants quotes, see `chancery start --help`",
        .0.map_or("the first word".to_owned(), |name| format!("a word after {name}"))
    )]
    Stray(Option<&'static str>),
    /// Too many or too few values.
    #[error("{origin} takes {expected}{hint}")]
    Values {
        /// Where the values come from: option, variable or key.
        origin: String,
        /// What it takes.
        expected: String,
        /// How to write it, or nothing.
        hint: String,
    },
    /// A value that the option does not understand.
    #[error("{origin}: {problem}")]
    Invalid {
        /// Where the value comes from.
        origin: String,
        /// What is wrong and what would be right. Never the value: it may be a secret.
        problem: String,
    },
    /// Options that this version does not have yet, all that were given.
    #[error("{}", list(.0))]
    NotYet(Vec<NotYet>),
    /// Options that do not go together, or one that is missing.
    #[error("{0}")]
    Combination(String),
    /// A file that could not be read.
    #[error("{origin}: can't read {}: {source}", path.display())]
    Unreadable {
        /// Option or variable that names the file.
        origin: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An `--arg-file` that is not a YAML mapping.
    #[error("--arg-file {}: {problem}", path.display())]
    ArgFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// An option that this version does not have yet.
#[derive(Debug)]
pub struct NotYet {
    /// Where it was given.
    pub origin: String,
    /// What to do instead.
    pub advice: &'static str,
}

fn list(options: &[NotYet]) -> String {
    match options {
        [NotYet { origin, advice }] => format!("{origin} is not supported yet: {advice}"),
        several => several.iter().fold("these options are not supported yet:".to_owned(), |text, option| {
            format!("{text}\n  {}: {}", option.origin, option.advice)
        }),
    }
}
