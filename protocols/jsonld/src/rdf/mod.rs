//! RDF data sets, kept as finished N-Quads text.

mod convert;
mod jcs;
mod literal;

use std::collections::HashMap;

pub(crate) use convert::Converter;

/// `rdf:type` and its neighbours.
pub(crate) const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
/// XML Schema datatypes.
pub(crate) const XSD: &str = "http://www.w3.org/2001/XMLSchema#";

/// A term of a [`Dataset`]: meaningful in the data set that made it only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term(pub(crate) TermKind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TermKind {
    Blank(u32),
    /// Start and end of the N-Quads form in the data set's text.
    Text(u32, u32),
}

/// One statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quad {
    /// IRI or blank node.
    pub subject: Term,
    /// IRI.
    pub predicate: Term,
    /// IRI, blank node or literal.
    pub object: Term,
    /// IRI or blank node; `None` for the default graph.
    pub graph: Option<Term>,
}

/// An RDF data set. Duplicate statements are removed when it is written or canonicalized.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    text: String,
    quads: Vec<Quad>,
    /// Label of each blank node in its source, if it had one.
    labels: Vec<Option<String>>,
    by_label: HashMap<String, u32>,
}

impl Dataset {
    /// An empty data set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn push_text(&mut self, write: impl FnOnce(&mut String)) -> Term {
        let start = self.text.len();
        write(&mut self.text);
        Term(TermKind::Text(
            u32::try_from(start).unwrap_or(u32::MAX),
            u32::try_from(self.text.len()).unwrap_or(u32::MAX),
        ))
    }

    /// An IRI. The caller answers for its being well-formed (RFC 3987).
    pub fn iri(&mut self, iri: &str) -> Term {
        self.push_text(|text| {
            text.push('<');
            text.push_str(iri);
            text.push('>');
        })
    }

    /// A literal: with a language tag, with a datatype IRI, or a plain string. `xsd:string` is not written.
    pub fn literal(&mut self, lexical: &str, datatype: Option<&str>, language: Option<&str>) -> Term {
        self.push_text(|text| {
            text.push('"');
            escape(lexical, text);
            text.push('"');
            match (language, datatype) {
                (Some(language), _) => {
                    text.push('@');
                    text.push_str(language);
                }
                (None, Some(datatype)) if datatype.strip_prefix(XSD) != Some("string") => {
                    text.push_str("^^<");
                    text.push_str(datatype);
                    text.push('>');
                }
                _ => {}
            }
        })
    }

    /// The blank node with this label (without `_:`), or a new one for `None`.
    pub fn blank(&mut self, label: Option<&str>) -> Term {
        if let Some(label) = label
            && let Some(known) = self.by_label.get(label)
        {
            return Term(TermKind::Blank(*known));
        }
        let number = u32::try_from(self.labels.len()).unwrap_or(u32::MAX);
        self.labels.push(label.map(str::to_owned));
        if let Some(label) = label {
            self.by_label.insert(label.to_owned(), number);
        }
        Term(TermKind::Blank(number))
    }

    /// Adds a statement.
    pub fn insert(&mut self, quad: Quad) {
        self.quads.push(quad);
    }

    /// The statements in the order of their making, duplicates included.
    #[must_use]
    pub fn quads(&self) -> &[Quad] {
        &self.quads
    }

    /// How many blank nodes were made.
    #[must_use]
    pub fn blank_nodes(&self) -> usize {
        self.labels.len()
    }

    /// The label a blank node had in its source.
    pub(crate) fn label(&self, blank: u32) -> Option<&str> {
        self.labels.get(blank as usize)?.as_deref()
    }

    pub(crate) fn text_of(&self, start: u32, end: u32) -> &str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Bytes of the terms of a statement, about as many as its line will have.
    pub(crate) fn size_of(&self, quad: &Quad) -> usize {
        let terms = [Some(quad.subject), Some(quad.predicate), Some(quad.object), quad.graph];
        let size = |term: Term| match term.0 {
            TermKind::Blank(_) => 8,
            TermKind::Text(start, end) => end.saturating_sub(start) as usize + 1,
        };
        terms.into_iter().flatten().map(size).sum()
    }

    /// N-Quads, one statement a line, sorted, blank nodes as `_:b0`, `_:b1`, … in the order of their making. For
    /// people and for tests; for signing use [`crate::canonicalize_dataset`].
    #[must_use]
    pub fn to_nquads(&self) -> String {
        let mut lines: Vec<String> = Vec::with_capacity(self.quads.len());
        for quad in &self.quads {
            let mut line = String::new();
            self.write_quad(quad, &mut line, |blank, line| {
                line.push_str("_:b");
                line.push_str(&blank.to_string());
            });
            lines.push(line);
        }
        lines.sort_unstable();
        lines.dedup();
        lines.concat()
    }

    /// Writes one line; `name` writes blank nodes.
    pub(crate) fn write_quad(&self, quad: &Quad, line: &mut String, mut name: impl FnMut(u32, &mut String)) {
        let mut term = |term: Term, line: &mut String| {
            match term.0 {
                TermKind::Blank(blank) => name(blank, line),
                TermKind::Text(start, end) => line.push_str(self.text_of(start, end)),
            }
            line.push(' ');
        };
        term(quad.subject, line);
        term(quad.predicate, line);
        term(quad.object, line);
        if let Some(graph) = quad.graph {
            term(graph, line);
        }
        line.push_str(".\n");
    }
}

/// Canonical N-Quads escapes (RDFC-1.0 section 5): backslash, quote, C0 controls and DEL.
fn escape(lexical: &str, out: &mut String) {
    let mut plain = 0;
    for (at, byte) in lexical.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' && byte != 0x7F {
            continue;
        }
        out.push_str(&lexical[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0C => out.push_str("\\f"),
            other => {
                out.push_str("\\u00");
                for digit in [other >> 4, other & 15] {
                    out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
                }
            }
        }
    }
    out.push_str(&lexical[plain..]);
}
