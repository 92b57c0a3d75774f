//! Tables and their migrations. `PRAGMA user_version` counts the migrations a file has seen; each runs once, in its own
//! transaction. A published migration is never edited: a change is a new one.

use rusqlite::Connection;

use crate::{Error, Result};

const MIGRATIONS: &[&str] = &[FIRST, OUTBOX_BY_CHANNEL, ALERTS_CHANGE, STATE_CHANGES];

const FIRST: &str = "
CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    level INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    received INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    state TEXT NOT NULL,
    verdict TEXT,
    assignee TEXT,
    event_count INTEGER NOT NULL,
    payload TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_by_time ON alerts (tenant, timestamp DESC);
CREATE INDEX alerts_by_state ON alerts (tenant, state, timestamp DESC);
CREATE TABLE alert_events (
    alert_id TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    sub INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (alert_id, partition, offset, sub)
) STRICT, WITHOUT ROWID;
CREATE TABLE alert_lines (
    alert_id TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    sub INTEGER NOT NULL,
    source TEXT,
    line TEXT,
    PRIMARY KEY (alert_id, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE alert_history (
    id INTEGER PRIMARY KEY,
    alert_id TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    verdict TEXT,
    comment TEXT NOT NULL
) STRICT;
CREATE INDEX alert_history_by_alert ON alert_history (alert_id, id);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    alert_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    idempotency_key TEXT NOT NULL UNIQUE,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    created INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    done_at INTEGER,
    error TEXT
) STRICT;
CREATE INDEX outbox_due ON outbox (state, next_at);
CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    password TEXT NOT NULL,
    role TEXT NOT NULL,
    tenants TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE TABLE login_failures (
    name TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    locked_until INTEGER NOT NULL
) STRICT;
CREATE TABLE sessions (
    hash BLOB PRIMARY KEY,
    name TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
    hash BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    tenants TEXT NOT NULL,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires INTEGER,
    revoked INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log can only grow'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log can only grow'); END;
CREATE TABLE detection_state (
    partition INTEGER PRIMARY KEY,
    next_offset INTEGER NOT NULL,
    snapshot BLOB NOT NULL
) STRICT;
CREATE TABLE progress (
    partition INTEGER PRIMARY KEY,
    counted INTEGER NOT NULL
) STRICT;
CREATE TABLE sources (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    received INTEGER NOT NULL,
    indexed INTEGER NOT NULL,
    filtered INTEGER NOT NULL,
    parse_failures INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    last_received INTEGER NOT NULL,
    last_event INTEGER NOT NULL,
    PRIMARY KEY (tenant, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Due rows are taken per channel.
const OUTBOX_BY_CHANNEL: &str = "CREATE INDEX outbox_due_by_channel ON outbox (state, channel, next_at);";

const ALERTS_CHANGE: &str = "
ALTER TABLE alerts ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
CREATE TABLE alert_aliases (
    id TEXT PRIMARY KEY,
    alert_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_aliases_by_alert ON alert_aliases (alert_id);
CREATE INDEX outbox_by_alert ON outbox (alert_id);
";

/// What changed of the state of detection since it was stored whole.
const STATE_CHANGES: &str = "
CREATE TABLE detection_changes (
    partition INTEGER NOT NULL,
    part INTEGER NOT NULL,
    changes BLOB NOT NULL,
    PRIMARY KEY (partition, part)
) STRICT;
";

pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    let failed = Error::database("migrate");
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(&failed)?;
    let seen = usize::try_from(version).unwrap_or(usize::MAX);
    if seen > MIGRATIONS.len() {
        return Err(Error::Invalid {
            what: "database",
            reason: format!(
                "written by a newer sekisho (format {seen}, this one knows {}); update it",
                MIGRATIONS.len()
            ),
        });
    }
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(seen) {
        let transaction = connection.transaction().map_err(&failed)?;
        transaction.execute_batch(migration).map_err(&failed)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1).map_err(&failed)?;
        transaction.commit().map_err(&failed)?;
    }
    Ok(())
}
