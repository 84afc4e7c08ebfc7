//! What is old goes, in small bites on the writer's connection, and the disk it held is given back.

use std::sync::Arc;

use chancery_agent::ports::Clock;
use rusqlite::{Connection, params};

/// Rows looked at in one bite.
const BITE: i64 = 500;
/// Free pages that the file keeps for what comes next (16 MB).
const SPARE_PAGES: i64 = 4_096;
/// Pages given back in one bite.
const PAGES: i64 = 512;

/// How long what is done stays.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Events that all targets have got, in milliseconds.
    pub delivered_events: i64,
    /// Dead letters, counted from when they were given up, in milliseconds.
    pub dead_letters: i64,
}

impl Default for Keep {
    /// Seven and thirty days.
    fn default() -> Self {
        Self { delivered_events: 7 * 24 * 3_600_000, dead_letters: 30 * 24 * 3_600_000 }
    }
}

pub(super) struct Housekeeping {
    clock: Arc<dyn Clock>,
    keep: Keep,
    /// Events up to here were looked at in this round: those that still wait are not looked at again each time.
    after: i64,
}

impl Housekeeping {
    pub fn new(clock: Arc<dyn Clock>, keep: Keep) -> Self {
        Self { clock, keep, after: 0 }
    }

    /// One bite; whether anything was changed.
    pub fn bite(&mut self, conn: &Connection) -> rusqlite::Result<bool> {
        let memory = self.memory(conn)?;
        let queue = self.queue(conn)?;
        let events = self.events(conn)?;
        let pages = give_back(conn, SPARE_PAGES, PAGES)?;
        Ok(memory > 0 || queue > 0 || events.1 > 0 || pages)
    }

    /// Everything that is old.
    pub fn all(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        while self.memory(conn)? > 0 {}
        while self.queue(conn)? > 0 {}
        self.after = 0;
        while self.events(conn)?.0 == BITE {}
        give_back(conn, 0, i64::from(i32::MAX))?;
        Ok(())
    }

    fn memory(&self, conn: &Connection) -> rusqlite::Result<usize> {
        conn.prepare_cached(
            "DELETE FROM chancery_memory WHERE (profile, space, id) IN
             (SELECT profile, space, id FROM chancery_memory WHERE expires <= ?1 LIMIT ?2)",
        )?
        .execute(params![self.clock.now().0, BITE])
    }

    /// Dead letters that nobody asked for (due: when they were given up), and envelopes whose connection never became ready.
    fn queue(&self, conn: &Connection) -> rusqlite::Result<usize> {
        let now = self.clock.now();
        let dead = conn
            .prepare_cached(
                "DELETE FROM chancery_queue WHERE seq IN (SELECT seq FROM chancery_queue
                 INDEXED BY chancery_queue_dead WHERE queue = 'dead' AND due <= ?1 LIMIT ?2)",
            )?
            .execute(params![now.plus_millis(-self.keep.dead_letters).0, BITE])?;
        let parked = conn
            .prepare_cached(
                "DELETE FROM chancery_queue WHERE seq IN (SELECT seq FROM chancery_queue
                 INDEXED BY chancery_queue_parked WHERE queue = 'parked' AND due <= ?1 LIMIT ?2)",
            )?
            .execute(params![now.0, BITE])?;
        Ok(dead + parked)
    }

    /// How many events were looked at, how many removed. Numbers follow the time, so the first young one ends the round.
    fn events(&mut self, conn: &Connection) -> rusqlite::Result<(i64, usize)> {
        let old = self.clock.now().plus_millis(-self.keep.delivered_events).0;
        let mut looked_at = 0;
        let mut last = None;
        {
            let mut select = conn.prepare_cached(
                "SELECT number, created FROM chancery_events WHERE number > ?1 ORDER BY number LIMIT ?2",
            )?;
            let mut rows = select.query(params![self.after, BITE])?;
            while let Some(row) = rows.next()? {
                if row.get::<_, i64>(1)? > old {
                    break;
                }
                looked_at += 1;
                last = Some(row.get::<_, i64>(0)?);
            }
        }
        let Some(last) = last else {
            self.after = 0;
            return Ok((0, 0));
        };
        let removed = conn
            .prepare_cached(
                "DELETE FROM chancery_events WHERE number > ?1 AND number <= ?2
                 AND NOT EXISTS (SELECT 1 FROM chancery_undelivered u WHERE u.number = chancery_events.number)",
            )?
            .execute(params![self.after, last])?;
        self.after = if looked_at == BITE { last } else { 0 };
        Ok((looked_at, removed))
    }
}

/// Gives free pages back to the file system. Wallets are made with incremental vacuum; where one was not, this does nothing.
fn give_back(conn: &Connection, spare: i64, at_most: i64) -> rusqlite::Result<bool> {
    let free: i64 = conn.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    let surplus = (free - spare).min(at_most);
    if surplus <= 0 {
        return Ok(false);
    }
    let mut vacuum = conn.prepare(&format!("PRAGMA incremental_vacuum({surplus})"))?;
    let mut rows = vacuum.query([])?;
    // Each step frees one page.
    while rows.next()?.is_some() {}
    Ok(true)
}
