//! To version 1: the tables.

use super::Step;

pub(super) const STEP: Step = Step {
    to: 1,
    name: "tables",
    sqlite: |conn, _| conn.execute_batch(SQLITE),
    postgres: |client, _| Box::pin(client.batch_execute(POSTGRES)),
};

/// Builds of versions 1 and 2 have added indexes without a step, so it must do no harm where the tables are there.
pub(super) const SQLITE: &str = "
    CREATE TABLE IF NOT EXISTS chancery_meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS chancery_queue (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        profile INTEGER NOT NULL,
        queue TEXT NOT NULL,
        due INTEGER NOT NULL,
        created INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        value BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS chancery_queue_order ON chancery_queue (queue, seq);
    CREATE INDEX IF NOT EXISTS chancery_queue_dead ON chancery_queue (due) WHERE queue = 'dead';
    CREATE INDEX IF NOT EXISTS chancery_queue_parked ON chancery_queue (due) WHERE queue = 'parked';
    CREATE TABLE IF NOT EXISTS chancery_events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        profile INTEGER NOT NULL,
        topic INTEGER NOT NULL,
        created INTEGER NOT NULL,
        value BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS chancery_events_topic ON chancery_events (profile, topic, number);
    CREATE TABLE IF NOT EXISTS chancery_undelivered (
        number INTEGER NOT NULL,
        target INTEGER NOT NULL,
        PRIMARY KEY (number, target)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS chancery_memory (
        profile INTEGER NOT NULL,
        space TEXT NOT NULL,
        id BLOB NOT NULL,
        expires INTEGER,
        value BLOB NOT NULL,
        PRIMARY KEY (profile, space, id)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS chancery_memory_expires ON chancery_memory (expires) WHERE expires IS NOT NULL;
    CREATE TABLE IF NOT EXISTS chancery_index (
        item INTEGER PRIMARY KEY,
        scope INTEGER NOT NULL,
        v BLOB NOT NULL,
        state INTEGER,
        role INTEGER,
        connection INTEGER,
        thread INTEGER
    );
    CREATE INDEX IF NOT EXISTS chancery_index_state ON chancery_index (scope, state, item, role);
    CREATE INDEX IF NOT EXISTS chancery_index_role ON chancery_index (scope, role);
    CREATE INDEX IF NOT EXISTS chancery_index_connection ON chancery_index (scope, connection);
    CREATE INDEX IF NOT EXISTS chancery_index_thread ON chancery_index (scope, thread);
";

/// As for SQLite. No foreign keys to Askar's tables: `--recreate-wallet` of ACA-Py drops those without ours.
pub(super) const POSTGRES: &str = "
    CREATE TABLE IF NOT EXISTS chancery_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS chancery_queue (
        seq BIGSERIAL PRIMARY KEY,
        profile BIGINT NOT NULL,
        queue TEXT NOT NULL,
        due BIGINT NOT NULL,
        created BIGINT NOT NULL,
        attempts BIGINT NOT NULL,
        value BYTEA NOT NULL
    );
    CREATE INDEX IF NOT EXISTS chancery_queue_order ON chancery_queue (queue, seq);
    CREATE INDEX IF NOT EXISTS chancery_queue_dead ON chancery_queue (due) WHERE queue = 'dead';
    CREATE INDEX IF NOT EXISTS chancery_queue_parked ON chancery_queue (due) WHERE queue = 'parked';
    CREATE TABLE IF NOT EXISTS chancery_events (
        number BIGSERIAL PRIMARY KEY,
        profile BIGINT NOT NULL,
        topic BIGINT NOT NULL,
        created BIGINT NOT NULL,
        value BYTEA NOT NULL
    );
    CREATE INDEX IF NOT EXISTS chancery_events_topic ON chancery_events (profile, topic, number);
    CREATE TABLE IF NOT EXISTS chancery_undelivered (
        number BIGINT NOT NULL,
        target BIGINT NOT NULL,
        PRIMARY KEY (number, target)
    );
    CREATE TABLE IF NOT EXISTS chancery_memory (
        profile BIGINT NOT NULL,
        space TEXT NOT NULL,
        id BYTEA NOT NULL,
        expires BIGINT,
        value BYTEA NOT NULL,
        PRIMARY KEY (profile, space, id)
    );
    CREATE INDEX IF NOT EXISTS chancery_memory_expires ON chancery_memory (expires) WHERE expires IS NOT NULL;
    CREATE TABLE IF NOT EXISTS chancery_index (
        item BIGINT PRIMARY KEY,
        scope BIGINT NOT NULL,
        v BYTEA NOT NULL,
        state BIGINT,
        role BIGINT,
        connection BIGINT,
        thread BIGINT
    );
    CREATE INDEX IF NOT EXISTS chancery_index_state ON chancery_index (scope, state, item);
    CREATE INDEX IF NOT EXISTS chancery_index_role ON chancery_index (scope, role, item);
    CREATE INDEX IF NOT EXISTS chancery_index_connection ON chancery_index (scope, connection, item);
    CREATE INDEX IF NOT EXISTS chancery_index_thread ON chancery_index (scope, thread, item);
";
