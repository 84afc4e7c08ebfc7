//! How many records there are of which kind, out of the index alone.

use chancery_agent::ports::store::{Kinds, Tally};
use rusqlite::{Connection, params_from_iter};

use super::super::prepared::facet_scope;
use super::super::profiles::Profile;
use super::super::tally::{self, Counted};
use super::readers::Read;

/// Reads all index rows of the category: 70 ms for 200,000.
pub(super) fn tally(conn: &Connection, profile: &Profile, kinds: &Kinds) -> Read<Vec<Tally>> {
    // Grouped by the state alone, the index is in order: no rows are sorted.
    let sql = format!(
        "SELECT {} FROM chancery_index INDEXED BY chancery_index_state WHERE scope = ?1 GROUP BY state",
        tally::columns(kinds, 2, '?')
    );
    let values = [facet_scope(profile, kinds.category)].into_iter().chain(tally::roles(profile, kinds));
    let mut statement = conn.prepare_cached(&sql)?;
    let counted = statement.query_map(params_from_iter(values), |row| {
        let by_role = (0..kinds.roles.len()).map(|at| row.get(2 + at));
        Ok(Counted { state: row.get(0)?, all: row.get(1)?, by_role: by_role.collect::<Result<_, _>>()? })
    })?;
    Ok(tally::in_words(profile, kinds, counted.collect::<Result<_, _>>()?))
}
