//! What was given for each option, wherever it came from: command line, then environment, then `--arg-file`,
//! then the default. A higher source replaces a lower one wholly, repeatable options included.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::arg_file::{self, Node, truth};
use super::arguments::{self, check_count, nearest};
use super::error::{ConfigError, NotYet};
use super::options::{self, Arity, OptionSpec, Status};
use super::secret::Secret;

/// The outside world of a configuration, so that tests bring their own.
pub struct Sources<'a> {
    /// Arguments after the command's name.
    pub arguments: &'a [String],
    /// The environment's variables.
    pub environment: &'a HashMap<String, String>,
}

struct Value {
    /// How an error names the place: `--label`, `ACAPY_LABEL`, `label in the --arg-file`.
    origin: String,
    on_command_line: bool,
    occurrences: Vec<Vec<String>>,
}

/// Values by option name.
pub(super) struct Given {
    values: HashMap<&'static str, Value>,
}

impl Given {
    /// Reads all sources, and refuses options that do not exist yet.
    pub(super) fn gather(sources: &Sources<'_>) -> Result<Self, ConfigError> {
        let mut values: HashMap<&'static str, Value> = HashMap::new();
        for (spec, occurrence) in arguments::parse(sources.arguments, options::all())? {
            let value = values.entry(spec.name).or_insert_with(|| Value {
                origin: spec.name.to_owned(),
                on_command_line: true,
                occurrences: Vec::new(),
            });
            if !spec.repeatable {
                value.occurrences.clear();
            }
            value.occurrences.push(occurrence);
        }
        for spec in options::all().filter(|s| s.env.is_some()) {
            if !values.contains_key(spec.name)
                && let Some(value) = from_environment(spec, sources.environment)?
            {
                values.insert(spec.name, value);
            }
        }
        let mut given = Self { values };
        if let Some(path) = given.text("--arg-file").map(PathBuf::from) {
            given.add_arg_file(&path)?;
        }
        given.refuse_missing_features()?;
        Ok(given)
    }

    fn add_arg_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let shown = path.to_string_lossy();
        if shown.starts_with("http://") || shown.starts_with("https://") {
            let origin = "--arg-file with a URL".to_owned();
            let advice = "download it first and name the file";
            return Err(ConfigError::NotYet(vec![NotYet { origin, advice }]));
        }
        let text = read("--arg-file", path)?;
        let fault = |problem| ConfigError::ArgFile { path: path.to_owned(), problem };
        let mut seen = HashSet::new();
        for (key, node) in arg_file::parse(&text).map_err(fault)? {
            let bare = key.strip_prefix("--").unwrap_or(&key);
            if !seen.insert(bare.to_owned()) {
                return Err(fault(format!("`{bare}` stands there twice: keep one")));
            }
            let spec = options::all().find(|s| s.key() == bare).ok_or_else(|| {
                ConfigError::UnknownOption { given: key.clone(), nearest: nearest(bare, options::all()) }
            })?;
            if self.values.contains_key(spec.name) {
                continue;
            }
            let origin = format!("`{bare}` in the --arg-file");
            // What ACA-Py does not have, it reads in no other way.
            if spec.env.is_none_or(|env| env.starts_with("ACAPY_")) && !is_clear(spec, &node) {
                return Err(ConfigError::Invalid { origin, problem: UNCLEAR.to_owned() });
            }
            if let Some(occurrences) = from_node(spec, &origin, &node)? {
                self.values.insert(spec.name, Value { origin, on_command_line: false, occurrences });
            }
        }
        Ok(())
    }

    fn refuse_missing_features(&self) -> Result<(), ConfigError> {
        let strict = self.flag("--strict-options");
        let mut missing = Vec::new();
        for spec in options::all() {
            let advice = match (spec.status, self.absence(spec)) {
                (_, Some(because)) if strict => because,
                (Status::NotYet(advice), None) => advice,
                _ => continue,
            };
            if let Some(origin) = self.asked_for(spec)
                && !spec.moot_with.is_some_and(|flag| self.flag(flag))
            {
                missing.push(NotYet { origin: origin.to_owned(), advice });
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(ConfigError::NotYet(missing)) }
    }

    /// Where the option is given, unless it asks for nothing there.
    fn asked_for(&self, spec: &OptionSpec) -> Option<&str> {
        let value = self.values.get(spec.name)?;
        let asks = !value.occurrences.iter().all(|values| asks_for_nothing(spec, values));
        asks.then_some(value.origin.as_str())
    }

    /// Why what an option asks for is missing without harm; `None`: it acts, or must not be missing.
    fn absence(&self, spec: &OptionSpec) -> Option<&'static str> {
        if let Status::Absent(because) = spec.status {
            return Some(because);
        }
        let (values, because) = spec.absent_values?;
        let mut given = self.values.get(spec.name)?.occurrences.iter().flatten();
        given.all(|value| values.contains(&value.as_str())).then_some(because)
    }

    /// One sentence about all options that stay without their effect because a feature is missing.
    pub(super) fn absent(&self) -> Option<String> {
        let mut named: Vec<(&str, Vec<&str>)> = Vec::new();
        for spec in options::all() {
            let Some(because) = self.absence(spec) else { continue };
            let Some(origin) = self.asked_for(spec) else { continue };
            match named.iter_mut().find(|(reason, _)| *reason == because) {
                Some((_, origins)) => origins.push(origin),
                None => named.push((because, vec![origin])),
            }
        }
        let reasons: Vec<_> =
            named.iter().map(|(because, origins)| format!("{} ({because})", origins.join(", "))).collect();
        (!reasons.is_empty())
            .then(|| format!("options without effect: {}; --strict-options refuses them", reasons.join("; ")))
    }

    /// Whether a flag is set.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Whether the option is given anywhere; its default does not count.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// How an error should name the option: by the place where it is given.
    pub(super) fn origin<'s>(&'s self, name: &'s str) -> &'s str {
        self.values.get(name).map_or(name, |value| &value.origin)
    }

    /// All values of the last occurrence.
    pub(super) fn list(&self, name: &str) -> &[String] {
        self.values.get(name).and_then(|value| value.occurrences.last()).map_or(&[], Vec::as_slice)
    }

    /// All occurrences of a repeatable option.
    pub(super) fn occurrences(&self, name: &str) -> &[Vec<String>] {
        self.values.get(name).map_or(&[], |value| &value.occurrences)
    }

    /// The one value, else the default; an empty one counts as not given, as in ACA-Py.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let given = self.list(name).first().map(String::as_str).filter(|text| !text.is_empty());
        given.or_else(|| options::all().find(|s| s.name == name).and_then(|s| s.default))
    }

    /// The same, owned.
    pub(super) fn string(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// The same, as a secret.
    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.string(name).map(Secret::new)
    }

    /// A fault in the value of `name`.
    pub(super) fn invalid(&self, name: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Invalid { origin: self.origin(name).to_owned(), problem: problem.into() }
    }

    /// A whole number within a range.
    pub(super) fn integer<T>(&self, name: &str, range: RangeInclusive<T>) -> Result<Option<T>, ConfigError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse::<T>() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(self.invalid(
                name,
                format!("that is no whole number between {} and {}", range.start(), range.end()),
            )),
        }
    }

    /// A value out of a closed list.
    pub(super) fn choice<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            self.invalid(name, format!("that is none of {}", words.join(", ")))
        })
    }

    /// What the log should say about options that change nothing, and about secrets that `ps` shows.
    pub(super) fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        for spec in options::all() {
            let Some(value) = self.values.get(spec.name) else { continue };
            if let Status::NoEffect(because) = spec.status {
                notices.push(format!("{} has no effect: {because}", value.origin));
            }
            if let (Status::NotYet(_), Some(flag)) = (spec.status, spec.moot_with) {
                notices.push(format!("{} has no effect: {flag} is given", value.origin));
            }
            if let (true, true, Some(env)) = (spec.secret, value.on_command_line, spec.env)
                && (spec.name != "--webhook-url"
                    || value.occurrences.iter().flatten().any(|v| v.contains('#')))
            {
                notices.push(format!(
                    "{} on the command line can be read by everyone on this machine: prefer {env}_FILE=PATH",
                    spec.name
                ));
            }
        }
        notices
    }
}

/// Why a text in an `--arg-file` is not taken.
const UNCLEAR: &str = "ACA-Py would read a number, a truth value, a list or a time there and write it in another way: put it in quotes";

/// Whether a value of an `--arg-file` is the same text here and to ACA-Py.
fn is_clear(spec: &OptionSpec, node: &Node) -> bool {
    let takes_lists = spec.repeatable || matches!(spec.arity, Arity::Exactly(_) | Arity::OneOrMore);
    match node {
        Node::Unclear(_) => false,
        Node::Truth(_) => spec.arity == Arity::Flag,
        Node::Null | Node::Scalar(_) => true,
        Node::List(items) => {
            (takes_lists || spec.placeholder == "JSON")
                && items.iter().all(|item| !matches!(item, Node::Null) && is_clear(spec, item))
        }
        // ACA-Py can't take one at all; it stands for JSON.
        Node::Map(_) => spec.placeholder == "JSON",
    }
}

fn asks_for_nothing(spec: &OptionSpec, values: &[String]) -> bool {
    let [value] = values else { return false };
    value.is_empty()
        || spec.default == Some(value)
        || spec.harmless.is_some_and(|h| h.eq_ignore_ascii_case(value))
}

fn from_environment(
    spec: &'static OptionSpec,
    environment: &HashMap<String, String>,
) -> Result<Option<Value>, ConfigError> {
    let Some(variable) = spec.env else { return Ok(None) };
    let direct = environment.get(variable).filter(|value| !value.is_empty());
    let file_variable = format!("{variable}_FILE");
    let file = environment.get(&file_variable).filter(|path| spec.secret && !path.is_empty());
    let (origin, text) = match (direct, file) {
        (Some(_), Some(_)) => {
            return Err(ConfigError::Combination(format!(
                "both {variable} and {file_variable} are set: keep one"
            )));
        }
        (Some(text), None) => (variable.to_owned(), text.clone()),
        (None, Some(path)) => {
            let text = read(&file_variable, Path::new(path))?;
            if spec.repeatable {
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                let occurrences = lines.map(|line| vec![line.to_owned()]).collect();
                return Ok(Some(Value { origin: file_variable, on_command_line: false, occurrences }));
            }
            (file_variable, text.trim_end_matches(['\r', '\n']).to_owned())
        }
        (None, None) => return Ok(None),
    };
    let takes_lists = spec.repeatable || matches!(spec.arity, Arity::Exactly(_) | Arity::OneOrMore);
    let node = if takes_lists && text.starts_with('[') && text.ends_with(']') {
        bracketed(&text)
    } else {
        Node::Scalar(text)
    };
    let occurrences = from_node(spec, &origin, &node)?;
    Ok(occurrences.map(|occurrences| Value { origin, on_command_line: false, occurrences }))
}

/// `["a","b"]` as JSON, or `[a,b]` as ConfigArgParse takes it too. ACA-Py's documentation shows
/// `[http,0.0.0.0,8030]` and `[[http,0.0.0.0,8030]]`, which its parser refuses by now; both are taken here.
fn bracketed(text: &str) -> Node {
    fn from_json(value: &serde_json::Value) -> Node {
        match value {
            serde_json::Value::Array(items) => Node::List(items.iter().map(from_json).collect()),
            serde_json::Value::String(text) => Node::Scalar(text.clone()),
            other => Node::Scalar(other.to_string()),
        }
    }
    match serde_json::from_str(text) {
        Ok(value) => from_json(&value),
        Err(_) => {
            let items = text.split(',').map(|item| item.trim_matches(|c: char| "[] ".contains(c)).to_owned());
            Node::List(items.map(Node::Scalar).collect())
        }
    }
}

/// The occurrences that a variable or a YAML value stands for; none if it switches a flag off or is empty.
fn from_node(spec: &OptionSpec, origin: &str, node: &Node) -> Result<Option<Vec<Vec<String>>>, ConfigError> {
    let scalar = |node: &Node| match node {
        Node::Scalar(text) | Node::Truth(text) | Node::Unclear(text) => text.clone(),
        other => other.to_json().to_string(),
    };
    let occurrences = match (node, spec.arity) {
        (Node::Null, _) => return Ok(None),
        (Node::Scalar(text) | Node::Truth(text), Arity::Flag) => {
            let is_set = truth(text).ok_or_else(|| ConfigError::Invalid {
                origin: origin.to_owned(),
                problem: "that is neither true nor false".to_owned(),
            })?;
            if !is_set {
                return Ok(None);
            }
            vec![Vec::new()]
        }
        (Node::List(items), _) if spec.repeatable => match spec.arity {
            Arity::Exactly(count) if !items.iter().any(|item| matches!(item, Node::List(_))) => {
                items.chunks(count).map(|chunk| chunk.iter().map(scalar).collect()).collect()
            }
            _ => items
                .iter()
                .map(|item| match item {
                    Node::List(values) => values.iter().map(scalar).collect(),
                    single => vec![scalar(single)],
                })
                .collect(),
        },
        (Node::List(items), Arity::Exactly(_) | Arity::OneOrMore) => vec![items.iter().map(scalar).collect()],
        (node, _) => vec![vec![scalar(node)]],
    };
    for values in &occurrences {
        check_count(spec, origin, values)?;
    }
    Ok(Some(occurrences))
}

fn read(origin: &str, path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        origin: origin.to_owned(),
        path: path.to_owned(),
        source,
    })
}
