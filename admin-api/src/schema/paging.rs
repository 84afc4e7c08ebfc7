//! The parameters of lists.

use super::{Field, Kind, integer, of, one_of};

/// `limit`, `offset`, `order_by`, `descending`.
pub(crate) static PAGING: [Field; 4] = [
    integer("limit", Some((1, Some(10_000)))).about("Most results to return").example("50").default("100"),
    integer("offset", Some((0, None))).about("How many matches to skip").example("0").default("0"),
    one_of("order_by", &["id"]).about("What to sort by; only the order of insertion").default("id"),
    of("descending", Kind::PagingBoolean).about("Newest first").default("false"),
];
