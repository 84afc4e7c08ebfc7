//! Identifier issuers (RDFC-1.0 section 4.5).

use std::fmt::Write as _;

/// Gives out `prefix0`, `prefix1`, … in the order of asking.
#[derive(Clone, Debug)]
pub(super) struct Issuer {
    prefix: &'static str,
    issued: Vec<u32>,
    /// (blank node, number), sorted by blank node: small, and cloned often.
    numbers: Vec<(u32, u32)>,
}

impl Issuer {
    pub(super) fn new(prefix: &'static str) -> Self {
        Self { prefix, issued: Vec::new(), numbers: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.issued.len()
    }

    pub(super) fn get(&self, blank: u32) -> Option<u32> {
        let at = self.numbers.binary_search_by_key(&blank, |(known, _)| *known).ok()?;
        Some(self.numbers[at].1)
    }

    pub(super) fn issue(&mut self, blank: u32) -> u32 {
        match self.numbers.binary_search_by_key(&blank, |(known, _)| *known) {
            Ok(at) => self.numbers[at].1,
            Err(at) => {
                let number = u32::try_from(self.issued.len()).unwrap_or(u32::MAX);
                self.issued.push(blank);
                self.numbers.insert(at, (blank, number));
                number
            }
        }
    }

    /// Writes `_:` and the identifier of `blank`, which must have one.
    pub(super) fn write(&self, blank: u32, out: &mut String) {
        if let Some(number) = self.get(blank) {
            let _ = write!(out, "_:{}{number}", self.prefix);
        }
    }

    /// Blank nodes with their numbers, in the order of issue.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        self.issued.iter().enumerate().map(|(number, blank)| (*blank, number))
    }
}
