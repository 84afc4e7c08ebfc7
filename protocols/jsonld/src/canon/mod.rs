//! RDF Dataset Canonicalization, RDFC-1.0, with SHA-256 (W3C Recommendation, section 4). Step numbers are the
//! specification's.
//!
//! Two things that other implementations get wrong, and that presentations of two like credentials depend on: a
//! quad is listed once per blank node, however often it names it; related blank nodes are *lists*, in which the same
//! node may occur more than once.

mod degree;
mod issuer;

use std::collections::BTreeMap;

use crate::error::Error;
use crate::rdf::{Dataset, Quad, TermKind};
use degree::Hashes;
use issuer::Issuer;

/// How much work one canonicalization may take.
///
/// A step is one quad hashed, or one blank node placed in one permutation. Graphs without symmetry take two or three
/// steps a quad; those that a sender built to be costly take exponentially many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkLimit {
    /// Steps allowed besides those for the size of the data set.
    pub steps: u64,
    /// Further steps for each quad.
    pub per_quad: u64,
}

impl Default for WorkLimit {
    /// Enough for presentations of dozens of like credentials; about a tenth of a second at worst.
    fn default() -> Self {
        Self { steps: 60_000, per_quad: 60 }
    }
}

/// A canonicalized data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    /// Canonical N-Quads: sorted lines, blank nodes as `_:c14n0`, `_:c14n1`, …
    pub nquads: String,
    /// From the label of each blank node in its source (without `_:`) to its canonical label (`c14n0`). Blank nodes
    /// that had no label are not listed.
    pub labels: BTreeMap<String, String>,
}

/// Canonicalizes a data set (section 4.4.3). [`Error::WorkLimit`] when it would take more than `limit` allows.
pub fn canonicalize_dataset(dataset: &Dataset, limit: WorkLimit) -> Result<Canonical, Error> {
    let (nquads, issued) = run(dataset, limit)?;
    let mut labels = BTreeMap::new();
    for (blank, number) in issued.in_order() {
        if let Some(label) = dataset.label(blank) {
            labels.insert(label.to_owned(), format!("c14n{number}"));
        }
    }
    Ok(Canonical { nquads, labels })
}

/// The canonical N-Quads alone.
pub(crate) fn nquads(dataset: &Dataset, limit: WorkLimit) -> Result<String, Error> {
    run(dataset, limit).map(|(nquads, _)| nquads)
}

fn run(dataset: &Dataset, limit: WorkLimit) -> Result<(String, Issuer), Error> {
    let quads = distinct(dataset);
    // 1, 2
    let mut blanks: Vec<Vec<u32>> = vec![Vec::new(); dataset.blank_nodes()];
    for (at, quad) in quads.iter().enumerate() {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        for blank in blanks_of(quad) {
            if let Some(list) = blanks.get_mut(blank as usize)
                && list.last() != Some(&at)
            {
                list.push(at);
            }
        }
    }
    let mut hashes = Hashes::new(dataset, &quads, &blanks, limit);
    // 3
    let mut by_hash: Vec<([u8; 64], u32)> = Vec::new();
    for (blank, listed) in blanks.iter().enumerate() {
        if !listed.is_empty() {
            let blank = u32::try_from(blank).unwrap_or(u32::MAX);
            by_hash.push((hashes.first_degree(blank)?, blank));
        }
    }
    by_hash.sort_unstable();
    // 4
    let mut canonical = Issuer::new("c14n");
    let mut shared: Vec<&[([u8; 64], u32)]> = Vec::new();
    for group in by_hash.chunk_by(|a, b| a.0 == b.0) {
        match group {
            [(_, only)] => drop(canonical.issue(*only)),
            several => shared.push(several),
        }
    }
    // 5
    for group in shared {
        // 5.1
        let mut paths = Vec::with_capacity(group.len());
        // 5.2
        for (_, blank) in group {
            // 5.2.1
            if canonical.get(*blank).is_some() {
                continue;
            }
            // 5.2.2, 5.2.3
            let mut temporary = Issuer::new("b");
            temporary.issue(*blank);
            // 5.2.4
            paths.push(hashes.n_degree(*blank, &temporary, &canonical)?);
        }
        // 5.3
        paths.sort_by_key(|path| path.hash);
        for path in paths {
            for (blank, _) in path.issuer.in_order() {
                canonical.issue(blank);
            }
        }
    }
    // 6, 7
    let mut lines: Vec<String> = Vec::with_capacity(quads.len());
    for quad in &quads {
        let mut line = String::with_capacity(160);
        dataset.write_quad(quad, &mut line, |blank, line| canonical.write(blank, line));
        lines.push(line);
    }
    lines.sort_unstable();
    Ok((lines.concat(), canonical))
}

/// The statements, each once, compared by what they say.
fn distinct(dataset: &Dataset) -> Vec<Quad> {
    let key = |quad: &Quad| {
        let part = |kind: TermKind| match kind {
            TermKind::Blank(blank) => (Some(blank), ""),
            TermKind::Text(start, end) => (None, dataset.text_of(start, end)),
        };
        (
            part(quad.subject.0),
            part(quad.predicate.0),
            part(quad.object.0),
            quad.graph.map(|graph| part(graph.0)),
        )
    };
    let mut quads = dataset.quads().to_vec();
    quads.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    quads.dedup_by(|a, b| key(a) == key(b));
    quads
}

fn blanks_of(quad: &Quad) -> impl Iterator<Item = u32> {
    [Some(quad.subject), Some(quad.object), quad.graph].into_iter().flatten().filter_map(|term| {
        match term.0 {
            TermKind::Blank(blank) => Some(blank),
            TermKind::Text(..) => None,
        }
    })
}
