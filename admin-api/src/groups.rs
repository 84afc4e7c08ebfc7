//! All operations, by group and by path.

use actix_web::http::Method;

use crate::auth::Access;
use crate::lacking::{LACKING, Lack};
use crate::operation::Operation;
use crate::{
    basic_message, chancery, connection, credentials, did_exchange, introduction, issue_credential_v2,
    out_of_band, resolver, settings, status, trust_ping, vc, wallet,
};

/// The operations of one tag.
pub(crate) struct Group {
    /// The tag in the API description.
    pub(crate) tag: &'static str,
    /// What it is about.
    pub(crate) about: &'static str,
    /// ACA-Py's name of what does it, for `GET /plugins`.
    pub(crate) module: &'static str,
    /// Its operations.
    pub(crate) operations: &'static [&'static Operation],
}

/// All groups, in the order of the API description.
pub(crate) static GROUPS: &[&Group] = &[
    &out_of_band::GROUP,
    &connection::GROUP,
    &did_exchange::GROUP,
    &trust_ping::GROUP,
    &basic_message::GROUP,
    &introduction::GROUP,
    &issue_credential_v2::GROUP,
    &credentials::GROUP,
    &vc::GROUP,
    &wallet::GROUP,
    &resolver::GROUP,
    &settings::GROUP,
    &status::GROUP,
    &chancery::GROUP,
];

/// All operations.
pub(crate) fn operations() -> impl Iterator<Item = &'static Operation> {
    GROUPS.iter().flat_map(|group| group.operations).copied()
}

/// What a method of a path does.
#[derive(Clone, Copy)]
pub(crate) enum Entry {
    /// An operation.
    Has(&'static Operation),
    /// 501.
    Lacks(&'static Lack),
}

impl Entry {
    /// HTTP method.
    pub(crate) fn method(&self) -> &'static Method {
        match self {
            Self::Has(operation) => &operation.method,
            Self::Lacks(lack) => lack.method(),
        }
    }

    fn path(&self) -> &'static str {
        match self {
            Self::Has(operation) => operation.path,
            Self::Lacks(lack) => lack.path,
        }
    }
}

/// What there is at each path.
pub(crate) struct Paths(Vec<(&'static str, Vec<Entry>)>);

impl Paths {
    /// Of all operations.
    pub(crate) fn new() -> Self {
        let mut paths: Vec<(&'static str, Vec<Entry>)> = Vec::new();
        for entry in operations().map(Entry::Has).chain(LACKING.iter().map(Entry::Lacks)) {
            match paths.iter_mut().find(|(path, _)| *path == entry.path()) {
                Some((_, entries)) => entries.push(entry),
                None => paths.push((entry.path(), vec![entry])),
            }
        }
        Self(paths)
    }

    /// In the order in which they must be tried: a path without parameters before one that would match it too, and what
    /// there is before what there isn't.
    pub(crate) fn ordered(mut self) -> impl Iterator<Item = (&'static str, Vec<Entry>)> {
        self.0.sort_by_key(|(path, entries)| {
            let lacking = entries.iter().all(|e| matches!(e, Entry::Lacks(_)));
            (path.contains('{'), lacking)
        });
        self.0.into_iter()
    }
}

/// `HEAD` is there for probes only, as load balancers ask that way.
pub(crate) fn answers_head(operation: &Operation) -> bool {
    operation.access == Access::Open
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_method_of_a_path_is_declared_once() {
        let mut seen = HashSet::new();
        for (path, entries) in Paths::new().ordered() {
            for entry in entries {
                assert!(seen.insert((path, entry.method().clone())), "{} {path} twice", entry.method());
            }
        }
        assert!(seen.len() > 150);
    }

    #[test]
    fn parameters_of_paths_are_declared() {
        for operation in operations() {
            let in_path: Vec<_> =
                operation.path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')).collect();
            let declared: Vec<_> = operation.path_fields.iter().map(|f| f.name).collect();
            assert_eq!(in_path, declared, "{}", operation.path);
        }
    }

    #[test]
    fn inputs_of_one_operation_have_different_names() {
        for operation in operations() {
            let query = operation.query.iter().copied().flatten();
            let mut names: Vec<_> = operation.path_fields.iter().chain(query).map(|f| f.name).collect();
            match operation.body {
                Some(body) if body.member.is_some() => names.extend(body.member),
                Some(body) => names.extend(body.schema.parts.iter().copied().flatten().map(|f| f.name)),
                None => {}
            }
            let different: HashSet<_> = names.iter().collect();
            assert_eq!(different.len(), names.len(), "{} {}: {names:?}", operation.method, operation.path);
        }
    }
}
