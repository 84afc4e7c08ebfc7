//! Counts by hashed columns, put back into words.

use std::collections::BTreeMap;

use chancery_agent::ports::store::{Facet, Kinds, Tally};

use super::prepared::facet_hash;
use super::profiles::Profile;

/// What a count is asked with: the hashes of the roles, in the order of the kinds.
pub(super) fn roles(profile: &Profile, kinds: &Kinds) -> Vec<i64> {
    kinds.roles.iter().map(|role| facet_hash(profile, Facet::Role, role)).collect()
}

/// `SELECT` list and grouping: the state, all its rows, those of each role. `first`: number of the first role's parameter.
pub(super) fn columns(kinds: &Kinds, first: usize, parameter: char) -> String {
    let by_role = (0..kinds.roles.len())
        .map(|at| format!(", COUNT(CASE WHEN role = {parameter}{} THEN 1 END)", first + at));
    format!("state, COUNT(*){}", by_role.collect::<String>())
}

/// One state's rows.
pub(super) struct Counted {
    pub state: Option<i64>,
    pub all: i64,
    pub by_role: Vec<i64>,
}

/// The counts by the kinds' words; what has none of them is counted without.
pub(super) fn in_words(profile: &Profile, kinds: &Kinds, counted: Vec<Counted>) -> Vec<Tally> {
    let words: Vec<(i64, &'static str)> =
        kinds.states.iter().map(|state| (facet_hash(profile, Facet::State, state), *state)).collect();
    let mut sums: BTreeMap<(Option<&'static str>, Option<&'static str>), i64> = BTreeMap::new();
    for Counted { state, all, by_role } in counted {
        let state = words.iter().find(|(hash, _)| Some(*hash) == state).map(|(_, word)| *word);
        *sums.entry((state, None)).or_default() += all - by_role.iter().sum::<i64>();
        for (role, count) in kinds.roles.iter().zip(by_role) {
            *sums.entry((state, Some(*role))).or_default() += count;
        }
    }
    let some = sums.into_iter().filter_map(|((state, role), count)| {
        u64::try_from(count).ok().filter(|count| *count > 0).map(|count| Tally { state, role, count })
    });
    some.collect()
}
