//! The outbox: pages to send. A row is written in the transaction of its alert and leaves `pending` only when a channel
//! accepted it (`done`) or it was given up (`failed`). The idempotency key never changes, so a receiver can tell a
//! repeated delivery.

use rusqlite::{Transaction, params};
use stream::Timestamp;

use super::Database;
use crate::{Error, Result};

/// A page to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Row number.
    pub id: i64,
    /// The alert.
    pub alert_id: String,
    /// Channel name.
    pub channel: String,
    /// `alert id:channel`.
    pub idempotency_key: String,
    /// The alert as JSON, as it was when it was raised.
    pub payload: String,
    /// Failed attempts so far.
    pub attempts: u32,
    /// When it was written.
    pub created: Timestamp,
    /// When it may be sent.
    pub next_at: Timestamp,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// Numbers of the outbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct OutboxStats {
    /// Waiting.
    pub pending: u64,
    /// Delivered.
    pub done: u64,
    /// Given up.
    pub failed: u64,
    /// When the oldest waiting row was written.
    pub oldest_pending: Option<Timestamp>,
}

impl Database {
    /// Rows that may be sent now: of each channel at most `channel_rows_max`, its oldest first, so that a channel that
    /// accepts nothing never hides the rows of another.
    ///
    /// # Errors
    /// The database refused.
    pub fn outbox_due(&self, now: Timestamp, channel_rows_max: usize) -> Result<Vec<OutboxRow>> {
        let failed = Error::database("read outbox");
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached(
                // The first part walks the index from channel to channel without reading their rows.
                "WITH RECURSIVE channels(name) AS (
                     SELECT min(channel) FROM outbox WHERE state = 'pending'
                     UNION ALL
                     SELECT (SELECT min(channel) FROM outbox WHERE state = 'pending' AND channel > name)
                     FROM channels WHERE name IS NOT NULL)
                 SELECT id, alert_id, channel, idempotency_key, payload, attempts, created, next_at, error
                 FROM channels JOIN outbox ON outbox.id IN (
                     SELECT id FROM outbox WHERE state = 'pending' AND channel = name AND next_at <= ?1
                     ORDER BY next_at, id LIMIT ?2)
                 ORDER BY next_at, id",
            )
            .map_err(&failed)?;
        let rows = statement
            .query_map(params![now.0, channel_rows_max as i64], |row| {
                Ok(OutboxRow {
                    id: row.get(0)?,
                    alert_id: row.get(1)?,
                    channel: row.get(2)?,
                    idempotency_key: row.get(3)?,
                    payload: row.get(4)?,
                    attempts: row.get(5)?,
                    created: Timestamp(row.get(6)?),
                    next_at: Timestamp(row.get(7)?),
                    error: row.get(8)?,
                })
            })
            .map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(&failed)
    }

    /// When the next waiting row may be sent; `None` when none waits.
    ///
    /// # Errors
    /// The database refused.
    pub fn outbox_next(&self) -> Result<Option<Timestamp>> {
        let next: Option<i64> = self
            .lock()
            .query_row("SELECT min(next_at) FROM outbox WHERE state = 'pending'", [], |row| row.get(0))
            .map_err(Error::database("read outbox"))?;
        Ok(next.map(Timestamp))
    }

    /// Adds a row by hand: a test page, a repeat to another channel. `false` when the key is known.
    ///
    /// # Errors
    /// The database refused.
    pub fn outbox_add(&self, alert_id: &str, channel: &str, payload: &str, now: Timestamp) -> Result<bool> {
        self.write("write outbox", |transaction| Ok(insert(transaction, alert_id, channel, payload, now)? == 1))
    }

    /// The channel accepted it.
    ///
    /// # Errors
    /// The database refused.
    pub fn outbox_done(&self, id: i64, now: Timestamp) -> Result<()> {
        self.outbox_set(
            "UPDATE outbox SET state = 'done', attempts = attempts + 1, done_at = ?2, error = ?3 WHERE id = ?1",
            id,
            now,
            None,
        )
    }

    /// The attempt failed; try again at `next_at`.
    ///
    /// # Errors
    /// The database refused.
    pub fn outbox_retry(&self, id: i64, next_at: Timestamp, error: &str) -> Result<()> {
        self.outbox_set(
            "UPDATE outbox SET attempts = attempts + 1, next_at = ?2, error = ?3 WHERE id = ?1 AND state = 'pending'",
            id,
            next_at,
            Some(error),
        )
    }

    /// It is given up.
    ///
    /// # Errors
    /// The database refused.
    pub fn outbox_failed(&self, id: i64, now: Timestamp, error: &str) -> Result<()> {
        self.outbox_set(
            "UPDATE outbox SET state = 'failed', attempts = attempts + 1, done_at = ?2, error = ?3 WHERE id = ?1 AND state = 'pending'",
            id,
            now,
            Some(error),
        )
    }

    /// Numbers of the outbox.
    ///
    /// # Errors
    /// The database refused.
    pub fn outbox_stats(&self) -> Result<OutboxStats> {
        self.lock()
            .query_row(
                "SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'done'),
                        count(*) FILTER (WHERE state = 'failed'), min(created) FILTER (WHERE state = 'pending') FROM outbox",
                [],
                |row| {
                    Ok(OutboxStats {
                        pending: row.get::<_, i64>(0)? as u64,
                        done: row.get::<_, i64>(1)? as u64,
                        failed: row.get::<_, i64>(2)? as u64,
                        oldest_pending: row.get::<_, Option<i64>>(3)?.map(Timestamp),
                    })
                },
            )
            .map_err(Error::database("count outbox"))
    }

    fn outbox_set(&self, sql: &str, id: i64, at: Timestamp, error: Option<&str>) -> Result<()> {
        self.lock()
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params![id, at.0, error]))
            .map_err(Error::database("update outbox"))?;
        Ok(())
    }
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    alert_id: &str,
    channel: &str,
    payload: &str,
    now: Timestamp,
) -> Result<u64> {
    let inserted = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO outbox (alert_id, channel, idempotency_key, payload, state, attempts, created, next_at)
             VALUES (?1, ?2, ?3, ?4, 'pending', 0, ?5, 0)",
        )
        .and_then(|mut statement| {
            statement.execute(params![alert_id, channel, format!("{alert_id}:{channel}"), payload, now.0])
        })
        .map_err(Error::database("write outbox"))?;
    Ok(inserted as u64)
}
