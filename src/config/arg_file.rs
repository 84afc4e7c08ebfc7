//! `--arg-file`: a YAML mapping whose keys are option names without dashes.
//!
//! ACA-Py reads it with PyYAML, YAML 1.1, and takes `str(value)` of what comes out: a wallet key written `0123` becomes `83`, `yes` becomes
//! `True`. What would be another text there than it is here is marked, so that it is refused where it is not a flag.

use std::collections::HashMap;

use yaml_rust2::parser::{Event, MarkedEventReceiver, Parser, Tag};
use yaml_rust2::scanner::{Marker, TScalarStyle};

/// A YAML value with scalars as they are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// `null`, `~` or nothing.
    Null,
    /// A scalar's text, which is the same to ACA-Py.
    Scalar(String),
    /// `true`, `no` and the like, without quotes.
    Truth(String),
    /// A number, a time or a tag that ACA-Py would write in another way: the text may not be meant as it stands.
    Unclear(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in its order.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value as JSON text, for options that take JSON.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Node::Null => serde_json::Value::Null,
            Node::Truth(text) => truth(text).into(),
            Node::Scalar(text) | Node::Unclear(text) => match serde_json::from_str(text) {
                Ok(value @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_))) => value,
                _ => serde_json::Value::String(text.clone()),
            },
            Node::List(items) => items.iter().map(Node::to_json).collect(),
            Node::Map(members) => members.iter().map(|(key, value)| (key.clone(), value.to_json())).collect(),
        }
    }
}

/// What a word means for a flag: YAML 1.1's words, and 1 and 0, which ACA-Py takes too.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// What PyYAML makes of a scalar without quotes.
fn plain(text: String) -> Node {
    let ascii = text.as_bytes();
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => return Node::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "false" | "False"
        | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Node::Truth(text),
        // A merge key, and a value that PyYAML can't make anything of.
        "<<" | "=" => return Node::Unclear(text),
        _ => {}
    }
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let is_number_like = match ascii {
        [b'+' | b'-' | b'.', second, ..] => {
            second.is_ascii_digit() || matches!(second, b'.' | b'i' | b'I' | b'n' | b'N')
        }
        [first, ..] => first.is_ascii_digit(),
        [] => false,
    };
    if !is_number_like {
        return Node::Scalar(text);
    }
    let bare = ascii.strip_prefix(b"-").unwrap_or(ascii);
    let canonical = |part: &[u8]| !part.is_empty() && digits(part) && (part == b"0" || part[0] != b'0');
    // `-0` becomes `0`, and of long fractions Python shows other digits.
    if canonical(bare) && ascii != b"-0" {
        return Node::Scalar(text);
    }
    if let Some(dot) = bare.iter().position(|byte| *byte == b'.') {
        let (whole, fraction) = (&bare[..dot], &bare[dot + 1..]);
        let ends_well = fraction == b"0" || fraction.last().is_some_and(|last| *last != b'0');
        let same = canonical(whole) && digits(fraction) && ends_well && bare.len() <= 15 && ascii != b"-0.0";
        // Below 0.0001 Python writes an exponent.
        if same && (whole != b"0" || !fraction.starts_with(b"0000")) {
            return Node::Scalar(text);
        }
    }
    if is_date(ascii) || !resolves(ascii) { Node::Scalar(text) } else { Node::Unclear(text) }
}

/// `2026-01-02`, which is a date to PyYAML and the same text again.
fn is_date(text: &[u8]) -> bool {
    text.len() == 10
        && text.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Whether all of a text are characters of numbers or times as YAML 1.1 writes them; broader than its patterns, but no address,
/// name or version with three parts is caught.
fn resolves(text: &[u8]) -> bool {
    let rest = match text {
        [b'+' | b'-', rest @ ..] => rest,
        all => all,
    };
    let all = |part: &[u8], extra: &[u8]| {
        part.iter().all(|b| b.is_ascii_digit() || *b == b'_' || extra.contains(b))
    };
    let dots = rest.iter().filter(|byte| **byte == b'.').count();
    match rest {
        [b'0', b'x', hexadecimal @ ..] => hexadecimal.iter().all(|b| b.is_ascii_hexdigit() || *b == b'_'),
        [b'0', b'b', binary @ ..] => all(binary, b""),
        [b'.', word @ ..] if [&b"inf"[..], b"nan"].iter().any(|w| word.eq_ignore_ascii_case(w)) => true,
        // Times: `2026-01-02 03:04:05.6 +01:00`, with a letter for the space too.
        year if year.len() > 10 && year[..4].iter().all(u8::is_ascii_digit) && year[4] == b'-' => {
            all(year, b"-:.+ \tTtZ") && year.contains(&b':')
        }
        // Whole numbers, numbers to the base of 60, fractions with or without an exponent.
        number => dots <= 1 && all(number, if dots == 1 { b":.eE+-" } else { b":" }),
    }
}

/// Reads the mapping of a file's first document.
///
/// # Errors
/// A sentence saying what is not as it should be.
pub(super) fn parse(text: &str) -> Result<Vec<(String, Node)>, String> {
    let mut builder = Builder::default();
    Parser::new_from_str(text).load(&mut builder, true).map_err(|e| format!("not YAML: {e}"))?;
    if let Some(fault) = builder.fault {
        return Err(fault);
    }
    match builder.document {
        Some(Node::Map(members)) => Ok(members),
        None | Some(Node::Null) => Ok(Vec::new()),
        Some(_) => Err("must hold `option: value` lines".to_owned()),
    }
}

enum Open {
    List(Vec<Node>, usize),
    Map(Vec<(String, Node)>, Option<String>, usize),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    document: Option<Node>,
    documents: usize,
    fault: Option<String>,
}

impl Builder {
    fn close(&mut self, node: Node, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.document = self.document.take().or(Some(node)),
            Some(Open::List(items, _)) => items.push(node),
            Some(Open::Map(members, key @ Some(_), _)) => {
                members.push((key.take().unwrap_or_default(), node));
            }
            Some(Open::Map(_, key, _)) => match node {
                Node::Scalar(text) | Node::Truth(text) | Node::Unclear(text) => *key = Some(text),
                _ => self.fault = Some("keys must be plain text".to_owned()),
            },
        }
    }
}

impl MarkedEventReceiver for Builder {
    fn on_event(&mut self, event: Event, _: Marker) {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = |tag: &Tag| tag.suffix == "str" && tag.handle.contains("yaml.org,2002");
                let node = match tag {
                    Some(tag) if !is_text(&tag) => Node::Unclear(text),
                    None if style == TScalarStyle::Plain => plain(text),
                    _ => Node::Scalar(text),
                };
                self.close(node, anchor);
            }
            Event::DocumentStart => {
                self.documents += 1;
                if self.documents > 1 {
                    self.fault = Some("must hold one document: take the others out".to_owned());
                }
            }
            Event::SequenceStart(anchor, _) => self.open.push(Open::List(Vec::new(), anchor)),
            Event::MappingStart(anchor, _) => self.open.push(Open::Map(Vec::new(), None, anchor)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(items, anchor)) => self.close(Node::List(items), anchor),
                Some(Open::Map(members, _, anchor)) => self.close(Node::Map(members), anchor),
                None => {}
            },
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().unwrap_or(Node::Null);
                self.close(node, 0);
            }
            _ => {}
        }
    }
}
