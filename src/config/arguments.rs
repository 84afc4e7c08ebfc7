//! The command line, read as Python's argparse reads it: `-it http HOST PORT`, `-e URL URL`, `--name=value`,
//! unique abbreviations, `-lNAME`. No error repeats a value: it may be a secret.

use super::error::ConfigError;
use super::options::{Arity, OptionSpec};

/// One occurrence of an option on the command line.
pub type Occurrence = (&'static OptionSpec, Vec<String>);

/// Reads all of `arguments` against a table of options.
///
/// # Errors
/// Unknown or ambiguous names, stray words, wrong numbers of values.
pub fn parse(
    arguments: &[String],
    table: impl Iterator<Item = &'static OptionSpec> + Clone,
) -> Result<Vec<Occurrence>, ConfigError> {
    let mut found = Vec::new();
    let mut rest = arguments;
    while let Some((word, after)) = rest.split_first() {
        let Some((spec, attached)) = recognise(word, table.clone())? else {
            let last: Option<&(&'static OptionSpec, Vec<String>)> = found.last();
            return Err(match name_of(word) {
                Some(name) => unknown(name, table),
                None => ConfigError::Stray(last.map(|(spec, _)| spec.name)),
            });
        };
        let is_value = |next: &&String| matches!(recognise(next, table.clone()), Ok(None));
        let available = after.iter().take_while(is_value).count();
        let (values, used) = take_values(spec, attached, &after[..available])?;
        found.push((spec, values));
        rest = &after[used..];
    }
    Ok(found)
}

/// What a word that belongs nowhere was perhaps meant to be: `--name`, without its value.
fn name_of(word: &str) -> Option<&str> {
    let name = word.split(['=', ' ']).next()?;
    (name.len() > 2 && name.starts_with("--")).then_some(name)
}

fn unknown(name: &str, table: impl Iterator<Item = &'static OptionSpec>) -> ConfigError {
    ConfigError::UnknownOption { given: name.to_owned(), nearest: nearest(name, table) }
}

/// argparse's order: a word that names an option, with its value or without; an abbreviation; a negative number or a word with a
/// space is a value (`None`), every other word with a dash in front an option that does not exist.
fn recognise(
    word: &str,
    table: impl Iterator<Item = &'static OptionSpec> + Clone,
) -> Result<Option<(&'static OptionSpec, Option<&str>)>, ConfigError> {
    if word.len() < 2 || !word.starts_with('-') {
        return Ok(None);
    }
    let exactly = |name: &str| table.clone().find(|s| s.name == name || s.short == Some(name));
    if let Some(spec) = exactly(word) {
        return Ok(Some((spec, None)));
    }
    let (name, attached) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    if let Some(spec) = exactly(name) {
        return Ok(Some((spec, attached)));
    }
    let is_long = word.starts_with("--");
    let mut candidates = Vec::new();
    for spec in table.clone() {
        if is_long && name.len() > 2 && spec.name.starts_with(name) {
            candidates.push((spec, attached));
        }
        match spec.short {
            Some(short) if !is_long && short.len() == 2 && word.starts_with(short) => {
                candidates.push((spec, word.get(2..)));
            }
            Some(short) if !is_long && short.starts_with(word) => candidates.push((spec, None)),
            _ => {}
        }
    }
    match candidates[..] {
        [found] => Ok(Some(found)),
        [] if is_negative_number(word) || word.contains(' ') => Ok(None),
        [] if is_long => Err(unknown(name, table)),
        // What stands behind the letter may be a value.
        [] => Err(unknown(word.get(..2).unwrap_or("-"), table)),
        _ => Err(ConfigError::Ambiguous {
            given: if is_long { name.to_owned() } else { word.get(..2).unwrap_or("-").to_owned() },
            candidates: candidates.iter().map(|(spec, _)| spec.name).collect(),
        }),
    }
}

fn is_negative_number(word: &str) -> bool {
    word.starts_with(['-']) && word.parse::<f64>().is_ok_and(f64::is_finite)
}

fn take_values(
    spec: &'static OptionSpec,
    attached: Option<&str>,
    available: &[String],
) -> Result<(Vec<String>, usize), ConfigError> {
    if let Some(value) = attached {
        let values = vec![value.to_owned()];
        check_count(spec, spec.name, &values)?;
        return Ok((values, 0));
    }
    let used = match spec.arity {
        Arity::Flag => 0,
        Arity::One => available.len().min(1),
        Arity::Exactly(count) => available.len().min(count),
        Arity::OneOrMore => available.len(),
        Arity::ZeroOrOne => available.len().min(1),
    };
    let values = available[..used].to_vec();
    check_count(spec, spec.name, &values)?;
    Ok((values, used))
}

/// Checks the number of values of one occurrence; `origin` names where they come from.
pub(super) fn check_count(spec: &OptionSpec, origin: &str, values: &[String]) -> Result<(), ConfigError> {
    let (fits, expected) = match spec.arity {
        Arity::Flag => (values.is_empty(), "no value".to_owned()),
        Arity::One => (values.len() == 1, "one value".to_owned()),
        Arity::Exactly(count) => (values.len() == count, format!("{count} values")),
        Arity::OneOrMore => (!values.is_empty(), "one or more values".to_owned()),
        Arity::ZeroOrOne => (values.len() <= 1, "one value or none".to_owned()),
    };
    if fits {
        return Ok(());
    }
    let hint = match spec.arity {
        Arity::Flag => String::new(),
        Arity::One if origin == spec.name => {
            format!(": {origin} {} (a value that starts with a dash: {origin}=VALUE)", spec.placeholder)
        }
        Arity::Exactly(_) if origin != spec.name => {
            format!(" in brackets: {origin}=[{}]", spec.placeholder.replace(' ', ","))
        }
        _ => format!(": {origin} {}", spec.placeholder),
    };
    Err(ConfigError::Values { origin: origin.to_owned(), expected, hint })
}

/// The known name closest to `given`, when at most a third of it differs.
pub(super) fn nearest(given: &str, table: impl Iterator<Item = &'static OptionSpec>) -> Option<&'static str> {
    let bare = given.trim_start_matches('-');
    table
        .map(|spec| (edit_distance(bare, spec.key()), spec.name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= (bare.chars().count() / 3).max(1))
        .map(|(_, name)| name)
}

fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
