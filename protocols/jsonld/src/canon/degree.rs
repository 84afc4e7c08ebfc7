//! Hash First Degree Quads, Hash Related Blank Node, Hash N-Degree Quads (RDFC-1.0 sections 4.6 to 4.8).

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::WorkLimit;
use super::issuer::Issuer;
use crate::error::Error;
use crate::rdf::{Dataset, Quad, Term, TermKind};

/// Lower-case hexadecimal SHA-256: comparing it as text is what the specification says, and gives the same order as
/// comparing the bytes.
pub(super) type Hash = [u8; 64];

fn sha256(text: &str) -> Hash {
    let mut out = [0; 64];
    for (at, byte) in Sha256::digest(text.as_bytes()).iter().enumerate() {
        out[2 * at] = b"0123456789abcdef"[usize::from(byte >> 4)];
        out[2 * at + 1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    out
}

fn push_hash(out: &mut String, hash: &Hash) {
    out.extend(hash.iter().map(|byte| char::from(*byte)));
}

/// Result of Hash N-Degree Quads.
pub(super) struct Path {
    pub(super) hash: Hash,
    pub(super) issuer: Issuer,
}

/// The hashes of one data set.
pub(super) struct Hashes<'a> {
    dataset: &'a Dataset,
    quads: &'a [Quad],
    /// Quads that name each blank node, each quad once.
    mentions: &'a [Vec<u32>],
    first: Vec<Option<Hash>>,
    left: u64,
    depth: usize,
}

/// Calls of Hash N-Degree Quads within one another: each takes stack. Blank nodes told apart by nothing nearer than
/// this do not occur in credentials.
const MAX_DEPTH: usize = 512;
/// Bytes that are hashed for one further step.
const BYTES_PER_STEP: usize = 512;

impl<'a> Hashes<'a> {
    pub(super) fn new(
        dataset: &'a Dataset,
        quads: &'a [Quad],
        mentions: &'a [Vec<u32>],
        limit: WorkLimit,
    ) -> Self {
        let size = u64::try_from(quads.len()).unwrap_or(u64::MAX);
        Self {
            dataset,
            quads,
            mentions,
            first: vec![None; mentions.len()],
            depth: 0,
            left: limit.steps.saturating_add(limit.per_quad.saturating_mul(size)),
        }
    }

    fn spend(&mut self, steps: usize) -> Result<(), Error> {
        match self.left.checked_sub(u64::try_from(steps).unwrap_or(u64::MAX)) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Error::WorkLimit("canonicalization")),
        }
    }

    /// Hash First Degree Quads (section 4.6.3).
    pub(super) fn first_degree(&mut self, reference: u32) -> Result<Hash, Error> {
        let at = reference as usize;
        if let Some(Some(known)) = self.first.get(at) {
            return Ok(*known);
        }
        let mentions = &self.mentions[at];
        self.spend(mentions.len())?;
        // 1 to 3
        let mut lines: Vec<String> = Vec::with_capacity(mentions.len());
        for quad in mentions {
            let mut line = String::with_capacity(160);
            self.dataset.write_quad(&self.quads[*quad as usize], &mut line, |blank, line| {
                line.push_str(if blank == reference { "_:a" } else { "_:z" });
            });
            lines.push(line);
        }
        // 4
        lines.sort_unstable();
        // 5
        let hash = sha256(&lines.concat());
        self.first[at] = Some(hash);
        Ok(hash)
    }

    /// Hash Related Blank Node (section 4.7.3).
    fn related(
        &mut self,
        related: u32,
        quad: &Quad,
        issuer: &Issuer,
        canonical: &Issuer,
        position: char,
    ) -> Result<Hash, Error> {
        // 1
        let mut input = String::with_capacity(160);
        input.push(position);
        // 2
        if position != 'g'
            && let Term(TermKind::Text(start, end)) = quad.predicate
        {
            input.push_str(self.dataset.text_of(start, end));
        }
        // 3, 4
        if canonical.get(related).is_some() {
            canonical.write(related, &mut input);
        } else if issuer.get(related).is_some() {
            issuer.write(related, &mut input);
        } else {
            let hash = self.first_degree(related)?;
            push_hash(&mut input, &hash);
        }
        // 5. A long predicate costs more.
        self.spend(input.len() / BYTES_PER_STEP)?;
        Ok(sha256(&input))
    }

    /// Hash N-Degree Quads (section 4.8.3).
    pub(super) fn n_degree(
        &mut self,
        identifier: u32,
        issuer: &Issuer,
        canonical: &Issuer,
    ) -> Result<Path, Error> {
        // 1, 2, 3
        let mut hash_to_related: BTreeMap<Hash, Vec<u32>> = BTreeMap::new();
        let mentions = &self.mentions[identifier as usize];
        self.spend(mentions.len())?;
        for at in mentions {
            let quad = self.quads[*at as usize];
            for (term, position) in [(Some(quad.subject), 's'), (Some(quad.object), 'o'), (quad.graph, 'g')] {
                if let Some(Term(TermKind::Blank(blank))) = term
                    && blank != identifier
                {
                    let hash = self.related(blank, &quad, issuer, canonical, position)?;
                    hash_to_related.entry(hash).or_default().push(blank);
                }
            }
        }
        // 4
        let mut data = String::new();
        self.spend(issuer.len() / 32)?;
        let mut issuer = issuer.clone();
        // 5
        for (related_hash, mut related) in hash_to_related {
            // 5.1
            push_hash(&mut data, &related_hash);
            // 5.2, 5.3
            let mut chosen: Option<(String, Issuer)> = None;
            // 5.4
            related.sort_unstable();
            loop {
                self.permutation(&related, &issuer, canonical, &mut chosen)?;
                if !next_permutation(&mut related) {
                    break;
                }
            }
            // 5.5, 5.6
            if let Some((path, next)) = chosen {
                data.push_str(&path);
                issuer = next;
            }
        }
        // 6
        Ok(Path { hash: sha256(&data), issuer })
    }

    /// Step 5.4, for one permutation.
    fn permutation(
        &mut self,
        related: &[u32],
        issuer: &Issuer,
        canonical: &Issuer,
        chosen: &mut Option<(String, Issuer)>,
    ) -> Result<(), Error> {
        let worse = |path: &str, chosen: &Option<(String, Issuer)>| {
            chosen.as_ref().is_some_and(|(best, _)| path.len() >= best.len() && path > best.as_str())
        };
        // A copy costs more the longer it is.
        self.spend(issuer.len() / 32)?;
        // 5.4.1 to 5.4.3
        let mut copy = issuer.clone();
        let mut path = String::new();
        let mut recursion: Vec<u32> = Vec::new();
        // 5.4.4
        for blank in related {
            self.spend(1)?;
            // 5.4.4.1
            if canonical.get(*blank).is_some() {
                canonical.write(*blank, &mut path);
            } else {
                // 5.4.4.2
                if copy.get(*blank).is_none() {
                    recursion.push(*blank);
                }
                copy.issue(*blank);
                copy.write(*blank, &mut path);
            }
            // 5.4.4.3
            if worse(&path, chosen) {
                return Ok(());
            }
        }
        // 5.4.5
        for blank in recursion {
            // 5.4.5.1
            if self.depth >= MAX_DEPTH {
                return Err(Error::WorkLimit("canonicalization"));
            }
            self.depth += 1;
            let result = self.n_degree(blank, &copy, canonical);
            self.depth -= 1;
            let result = result?;
            // 5.4.5.2
            copy.issue(blank);
            copy.write(blank, &mut path);
            // 5.4.5.3
            path.push('<');
            push_hash(&mut path, &result.hash);
            path.push('>');
            // 5.4.5.4
            copy = result.issuer;
            // 5.4.5.5
            if worse(&path, chosen) {
                return Ok(());
            }
        }
        // 5.4.6
        if chosen.as_ref().is_none_or(|(best, _)| path < *best) {
            *chosen = Some((path, copy));
        }
        Ok(())
    }
}

/// The next permutation in lexicographic order; false after the last. Equal elements are not told apart, which the
/// result does not depend on.
fn next_permutation(items: &mut [u32]) -> bool {
    let Some(pivot) = items.windows(2).rposition(|pair| pair[0] < pair[1]) else { return false };
    let Some(swap) = items.iter().rposition(|item| *item > items[pivot]) else { return false };
    items.swap(pivot, swap);
    items[pivot + 1..].reverse();
    true
}
