//! A batch in one statement: all its pieces are sent, done and committed in one round trip.

use std::fmt::Write as _;

use futures_util::future::{BoxFuture, join_all};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::server::Link;

pub(super) type Values<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// A statement that changes rows, with its values. All pieces of a batch see the database as it was before.
pub(super) struct Piece<'a> {
    pub sql: &'static str,
    pub values: Values<'a>,
    /// Rows that it must change.
    pub exactly: Option<usize>,
}

pub(super) fn piece<'a>(sql: &'static str, values: Values<'a>) -> Piece<'a> {
    Piece { sql, values, exactly: None }
}

/// Why a batch was not written.
pub(super) enum Failed {
    /// A row is not as it was known, or there although it was not: another program has written.
    Stale,
    Sql(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            // The division is ours: see `combined`.
            Some(&SqlState::DIVISION_BY_ZERO | &SqlState::UNIQUE_VIOLATION) => Self::Stale,
            _ => Self::Sql(error),
        }
    }
}

/// Writes the pieces, the first so many before the others. `durable`: somebody waits for it.
pub(super) async fn write(
    link: &Link,
    pieces: &[Piece<'_>],
    first: usize,
    durable: bool,
) -> Result<(), Failed> {
    let (before, rest) = pieces.split_at(first);
    match (before, rest) {
        // A guard alone, or a probe: still a round trip through a transaction.
        ([], []) => Ok(link.client.batch_execute("BEGIN; COMMIT").await?),
        ([], pieces) | (pieces, []) => Ok(send(link, pieces, durable).await?),
        (before, rest) => {
            // Sent in this order, each without waiting for the one before.
            let sent: [BoxFuture<'_, Result<(), tokio_postgres::Error>>; 3] = [
                Box::pin(link.client.batch_execute("BEGIN")),
                Box::pin(send(link, before, durable)),
                Box::pin(send(link, rest, durable)),
            ];
            for answer in join_all(sent).await {
                answer?;
            }
            Ok(link.client.batch_execute("COMMIT").await?)
        }
    }
}

async fn send(link: &Link, pieces: &[Piece<'_>], durable: bool) -> Result<(), tokio_postgres::Error> {
    let statement = link.statement(&combined(pieces, durable)).await?;
    let counts: Vec<Option<i64>> =
        pieces.iter().map(|piece| piece.exactly.and_then(|count| i64::try_from(count).ok())).collect();
    let mut values: Vec<&(dyn ToSql + Sync)> = Vec::new();
    for (piece, count) in pieces.iter().zip(&counts) {
        values.extend(piece.values.iter().map(|value| &**value as &(dyn ToSql + Sync)));
        if let Some(count) = count {
            values.push(count);
        }
    }
    link.client.execute(&statement, &values).await.map(drop)
}

/// One statement that does what all pieces do, or fails. Where a piece has not changed as many rows as it must, it divides by zero:
/// SQL has no other way to fail on purpose without a function of ours in the database.
fn combined(pieces: &[Piece<'_>], durable: bool) -> String {
    let (mut sql, mut checks) = (String::from("WITH "), String::from("true"));
    let mut given = 0;
    for (at, piece) in pieces.iter().enumerate() {
        let _ = write!(sql, "{}p{at} AS (", if at > 0 { ", " } else { "" });
        renumber(piece.sql, given, &mut sql);
        given += piece.values.len();
        if piece.exactly.is_some() {
            given += 1;
            sql.push_str(" RETURNING 1");
            let _ = write!(checks, " AND (SELECT COUNT(*) FROM p{at}) = ${given}::bigint");
        }
        sql.push(')');
    }
    let _ = write!(sql, " SELECT 1 / ({checks})::int");
    if !durable {
        sql.push_str(", set_config('synchronous_commit', 'off', true)");
    }
    sql
}

/// Copies the SQL of a piece; its `$1` is the parameter after those given so far.
fn renumber(piece: &str, given: usize, sql: &mut String) {
    let mut parts = piece.split('$');
    sql.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(digits);
        let _ = write!(sql, "${}{rest}", number.parse::<usize>().unwrap_or_default() + given);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_share_one_list_of_parameters() {
        let pieces = [
            Piece { exactly: Some(2), ..piece("DELETE FROM a WHERE b = $1", vec![Box::new(1_i64)]) },
            piece("INSERT INTO c VALUES ($2, $1)", vec![Box::new(1_i64), Box::new(2_i64)]),
        ];
        assert_eq!(
            combined(&pieces, true),
            "WITH p0 AS (DELETE FROM a WHERE b = $1 RETURNING 1), p1 AS (INSERT INTO c VALUES ($4, $3)) \
             SELECT 1 / (true AND (SELECT COUNT(*) FROM p0) = $2::bigint)::int"
        );
    }
}
