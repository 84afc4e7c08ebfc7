//! To version 3: of a queue row, `lane_hash` is found without opening any, `owner` and `lease_until` say which process has taken
//! it and until when. Nothing writes the last two yet: one process works on a wallet. They come now so that the table is
//! written anew once only.

use rusqlite::params;
use tokio_postgres::Client;

use chancery_agent::ports::store::Seq;

use super::super::prepared::{lane_hash, queue_row};
use super::super::profiles::Profiles;
use super::super::sealed;
use super::{Step, tables};

pub(super) const STEP: Step = Step {
    to: 3,
    name: "lanes of queue rows",
    sqlite,
    postgres: |client, profiles| Box::pin(postgres(client, profiles)),
};

/// The values of so many rows are in memory at once; of SQLite's, one.
const PAGE: i64 = 64;

const COLUMNS: [&str; 3] = [
    "ALTER TABLE chancery_queue ADD COLUMN lane_hash BIGINT",
    "ALTER TABLE chancery_queue ADD COLUMN owner TEXT",
    "ALTER TABLE chancery_queue ADD COLUMN lease_until BIGINT",
];
const INDEX: &str = "CREATE INDEX chancery_queue_lane ON chancery_queue (profile, queue, lane_hash, seq)";

/// `None`: of a profile that is gone, or damaged. Whoever reads the row will say so.
fn hash_of(profiles: &Profiles, profile: i64, seq: Seq, value: &[u8]) -> Option<i64> {
    let profile = profiles.with_id(profile)?;
    let [lane, _] = profile.key.sealing().open_bound(queue_row(profile.id, seq), value).ok()?;
    Some(lane_hash(profile, &sealed::text(lane).ok()?))
}

fn sqlite(conn: &rusqlite::Connection, profiles: &Profiles) -> rusqlite::Result<()> {
    conn.execute_batch(tables::SQLITE)?;
    COLUMNS.iter().try_for_each(|column| conn.execute_batch(column))?;
    let mut page =
        conn.prepare("SELECT seq, profile, value FROM chancery_queue WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let mut update = conn.prepare("UPDATE chancery_queue SET lane_hash = ?2 WHERE seq = ?1")?;
    let mut after = i64::MIN;
    loop {
        let mut found = Vec::new();
        let mut rows = page.query([after, PAGE])?;
        while let Some(row) = rows.next()? {
            let seq = row.get(0)?;
            let value = row.get_ref(2)?.as_bytes_or_null()?.unwrap_or_default();
            found.push((seq, hash_of(profiles, row.get(1)?, seq, value)));
        }
        drop(rows);
        let Some((last, _)) = found.last() else { break };
        after = *last;
        for (seq, hash) in found {
            update.execute(params![seq, hash])?;
        }
    }
    conn.execute_batch(INDEX)
}

async fn postgres(client: &Client, profiles: &Profiles) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(tables::POSTGRES).await?;
    client.batch_execute(&COLUMNS.join(";")).await?;
    let page = client
        .prepare("SELECT seq, profile, value FROM chancery_queue WHERE seq > $1 ORDER BY seq LIMIT $2")
        .await?;
    let update = client
        .prepare(
            "UPDATE chancery_queue q SET lane_hash = w.hash
             FROM unnest($1::bigint[], $2::bigint[]) w(seq, hash) WHERE q.seq = w.seq",
        )
        .await?;
    let mut after = i64::MIN;
    loop {
        let found = client.query(&page, &[&after, &PAGE]).await?;
        let seqs: Vec<Seq> = found.iter().map(|row| row.get(0)).collect();
        let Some(last) = seqs.last() else { break };
        after = *last;
        let hash = |row: &tokio_postgres::Row| hash_of(profiles, row.get(1), row.get(0), row.get(2));
        let hashes: Vec<Option<i64>> = found.iter().map(hash).collect();
        client.execute(&update, &[&seqs, &hashes]).await?;
    }
    client.batch_execute(INDEX).await
}
