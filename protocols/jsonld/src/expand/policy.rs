//! What happens to a part of the document that expansion leaves out.

use std::fmt::Write as _;

use super::Expander;
use crate::context::Expanded;
use crate::error::{Dropped, Error};
use crate::iri;

/// See the module.
#[derive(Debug)]
pub(crate) enum Policy {
    /// As the specification has it: without a word.
    Silent,
    /// Safe mode.
    Refuse,
    /// Undefined properties are listed, as ACA-Py lists them: `a.b[0].c`. While the list grows each entry starts
    /// with `.` or `[`.
    List(Vec<String>),
}

impl Expander<'_> {
    /// Leaves something out.
    pub(super) fn drop(&mut self, what: impl FnOnce() -> Dropped) -> Result<(), Error> {
        match &self.policy {
            Policy::Refuse => Err(Error::Unsafe { what: what(), pointer: String::new() }),
            Policy::Silent | Policy::List(_) => Ok(()),
        }
    }

    /// Leaves a property out.
    pub(super) fn drop_property(&mut self, key: &str, what: impl FnOnce() -> Dropped) -> Result<(), Error> {
        match &mut self.policy {
            Policy::Silent => Ok(()),
            Policy::Refuse => Err(Error::Unsafe { what: what(), pointer: String::new() }.at(key)),
            Policy::List(names) => {
                names.push(format!(".{key}"));
                Ok(())
            }
        }
    }

    /// Leaves a property out whose value is null: it says nothing, so safe mode lets it go, but ACA-Py lists it.
    pub(super) fn drop_null(&mut self, key: &str) {
        if let Policy::List(names) = &mut self.policy {
            names.push(format!(".{key}"));
        }
    }

    pub(super) fn is_safe(&self) -> bool {
        matches!(self.policy, Policy::Refuse)
    }

    /// How many names are listed by now.
    pub(super) fn mark(&self) -> usize {
        match &self.policy {
            Policy::List(names) => names.len(),
            _ => 0,
        }
    }

    /// The names listed since `mark` stand below `key`.
    pub(super) fn below_key(&mut self, mark: usize, key: &str) -> Result<(), Error> {
        if let Policy::List(names) = &mut self.policy {
            for name in &mut names[mark..] {
                *name = format!(".{key}{name}");
                self.compiler.steps.written(name)?;
            }
        }
        Ok(())
    }

    /// The names listed since `mark` stand below item `at`.
    pub(super) fn below_item(&mut self, mark: usize, at: usize) -> Result<(), Error> {
        if let Policy::List(names) = &mut self.policy {
            for name in &mut names[mark..] {
                let mut longer = String::with_capacity(name.len() + 4);
                let _ = write!(longer, "[{at}]{name}");
                *name = longer;
                self.compiler.steps.written(name)?;
            }
        }
        Ok(())
    }

    /// Safe mode refuses a reference that is no absolute IRI: nothing says what it is relative to.
    pub(super) fn check_reference(&mut self, written: &str, expanded: &Expanded<'_>) -> Result<(), Error> {
        if self.is_safe() && !is_absolute(expanded) {
            return self.drop(|| Dropped::RelativeIri(written.to_owned()));
        }
        Ok(())
    }

    /// The same for a type.
    pub(super) fn check_type(&mut self, written: &str, expanded: &Expanded<'_>) -> Result<(), Error> {
        if self.is_safe() && !is_absolute(expanded) && !matches!(expanded, Expanded::Keyword(_)) {
            return self.drop(|| Dropped::UndefinedType(written.to_owned()));
        }
        Ok(())
    }
}

fn is_absolute(expanded: &Expanded<'_>) -> bool {
    matches!(expanded, Expanded::Iri(iri) if iri::has_scheme(iri) || iri::is_blank(iri))
}
