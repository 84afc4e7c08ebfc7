//! Shared by the integration tests.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use chancery_jsonld::{Dataset, Quad, Term};
use serde_json::Value;

/// The folder of the official suites (json-ld-api at 92f07705, rdf-canon at 15619df2), which are not part of this
/// project. `None`, said aloud, when `CHANCERY_SUITES` is unset; a failure under `CI=true`.
pub fn suites() -> Option<PathBuf> {
    let folder = std::env::var_os("CHANCERY_SUITES").map(PathBuf::from);
    match folder {
        Some(folder) if folder.join("json-ld-api").is_dir() => Some(folder),
        Some(folder) => panic!("CHANCERY_SUITES={} holds no json-ld-api", folder.display()),
        None if std::env::var("CI").as_deref() == Ok("true") => panic!("CI must set CHANCERY_SUITES"),
        None => {
            // Written past the test runner, which keeps what passing tests print to itself.
            let _ = writeln!(
                std::io::stderr(),
                "not run: the official suites; set CHANCERY_SUITES=<folder with json-ld-api and rdf-canon> (W3C json-ld-api, rdf-canon)"
            );
            None
        }
    }
}

pub fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A small reproducible generator (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// Reads N-Quads.
pub fn nquads(text: &str) -> Dataset {
    let mut dataset = Dataset::new();
    for line in text.lines() {
        let mut rest = line.trim();
        if rest.is_empty() || rest.starts_with('#') {
            continue;
        }
        let mut terms = Vec::new();
        while !rest.starts_with('.') {
            let (term, after) = term(&mut dataset, rest);
            terms.push(term);
            rest = after.trim_start();
        }
        let [subject, predicate, object, graph @ ..] = terms.as_slice() else { panic!("{line}") };
        dataset.insert(Quad {
            subject: *subject,
            predicate: *predicate,
            object: *object,
            graph: graph.first().copied(),
        });
    }
    dataset
}

fn term<'t>(dataset: &mut Dataset, text: &'t str) -> (Term, &'t str) {
    if let Some(rest) = text.strip_prefix('<') {
        let (iri, rest) = rest.split_once('>').unwrap();
        return (dataset.iri(&unescape(iri)), rest);
    }
    if let Some(rest) = text.strip_prefix("_:") {
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        return (dataset.blank(Some(&rest[..end])), &rest[end..]);
    }
    let rest = text.strip_prefix('"').unwrap_or_else(|| panic!("{text}"));
    let mut end = 0;
    let bytes = rest.as_bytes();
    while bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    let lexical = unescape(&rest[..end]);
    let rest = &rest[end + 1..];
    if let Some(rest) = rest.strip_prefix("^^<") {
        let (datatype, rest) = rest.split_once('>').unwrap();
        return (dataset.literal(&lexical, Some(&unescape(datatype)), None), rest);
    }
    if let Some(rest) = rest.strip_prefix('@') {
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        return (dataset.literal(&lexical, None, Some(&rest[..end])), &rest[end..]);
    }
    (dataset.literal(&lexical, None, None), rest)
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let digits = match chars.next().unwrap() {
            'n' => {
                out.push('\n');
                continue;
            }
            't' => {
                out.push('\t');
                continue;
            }
            'r' => {
                out.push('\r');
                continue;
            }
            'b' => {
                out.push('\u{8}');
                continue;
            }
            'f' => {
                out.push('\u{C}');
                continue;
            }
            'u' => 4,
            'U' => 8,
            other => {
                out.push(other);
                continue;
            }
        };
        let code: String = chars.by_ref().take(digits).collect();
        out.push(char::from_u32(u32::from_str_radix(&code, 16).unwrap()).unwrap());
    }
    out
}
