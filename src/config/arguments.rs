//! The command line, read as Python's argparse reads it: `-it http HOST PORT`, `-e URL URL`, `--name=value`,
//! unique abbreviations, `-lNAME`.

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
        if !is_option_like(word) {
            let last: Option<&(&'static OptionSpec, Vec<String>)> = found.last();
            return Err(match last {
                Some((spec, _)) if spec.secret => ConfigError::StraySecret(spec.name),
                _ => ConfigError::Stray(word.clone()),
            });
        }
        let (spec, attached) = recognise(word, table.clone())?;
        let available = after.iter().take_while(|next| !is_option_like(next)).count();
        let (values, used) = take_values(spec, attached, &after[..available])?;
        found.push((spec, values));
        rest = &after[used..];
    }
    Ok(found)
}

/// argparse's rule: a dash in front makes an option, unless it is a negative number or holds a space.
fn is_option_like(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && !word.contains(' ') && word.parse::<f64>().is_err()
}

fn recognise(
    word: &str,
    table: impl Iterator<Item = &'static OptionSpec> + Clone,
) -> Result<(&'static OptionSpec, Option<&str>), ConfigError> {
    let (name, attached) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    if let Some(spec) = table.clone().find(|s| s.name == name || s.short == Some(name)) {
        return Ok((spec, attached));
    }
    if !name.starts_with("--") {
        let one_letter = |s: &&'static OptionSpec| {
            s.short.is_some_and(|short| short.len() == 2 && word.starts_with(short))
        };
        return match table.clone().find(one_letter) {
            Some(spec) => Ok((spec, word.get(2..))),
            None => Err(ConfigError::UnknownOption { given: name.to_owned(), nearest: nearest(name, table) }),
        };
    }
    let candidates: Vec<_> = table.clone().filter(|s| name.len() > 2 && s.name.starts_with(name)).collect();
    match candidates[..] {
        [spec] => Ok((spec, attached)),
        [] => Err(ConfigError::UnknownOption { given: name.to_owned(), nearest: nearest(name, table) }),
        _ => Err(ConfigError::Ambiguous {
            given: name.to_owned(),
            candidates: candidates.iter().map(|s| s.name).collect(),
        }),
    }
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
