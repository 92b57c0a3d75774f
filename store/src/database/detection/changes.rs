//! Alerts that a late event changes: moved under another id, joined, or undone.
//!
//! What people did with an alert, what was sent of it and what supports it stay with what took its place. A page that was
//! sent is not sent again: the outbox row keeps its key. An undone alert keeps its row, out of every list, so that links
//! to it still lead somewhere and it can come back with its history.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use stream::{Alert, EventId, Evidence, Timestamp};

use super::{Applied, Events, insert, merge, page, to_json};
use crate::{Error, Result};

/// The alert that an id stands for: itself, or what took its place.
pub(in crate::database) fn resolve(connection: &Connection, id: &str) -> Result<String> {
    let target: Option<String> = connection
        .prepare_cached("SELECT alert_id FROM alert_aliases WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
        .map_err(Error::database("read alert"))?;
    Ok(target.unwrap_or_else(|| id.to_owned()))
}

pub(super) fn is_withdrawn(transaction: &Transaction<'_>, id: &str) -> Result<bool> {
    let withdrawn: Option<bool> = transaction
        .prepare_cached("SELECT withdrawn FROM alerts WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
        .map_err(Error::database("read alert"))?;
    Ok(withdrawn == Some(true))
}

/// The id no longer leads to what took its place.
pub(super) fn part(transaction: &Transaction<'_>, id: &str) -> Result<()> {
    run(transaction, "DELETE FROM alert_aliases WHERE id = ?1", params![id])
}

/// Puts an alert in the place of others.
pub(super) fn replace(
    transaction: &Transaction<'_>,
    old: &[String],
    alert: &Alert,
    received: Timestamp,
    channels: &[String],
    applied: &mut Applied,
) -> Result<()> {
    let id = alert.id.as_str();
    let mut moved = false;
    for old in old.iter().filter(|old| *old != id) {
        moved |= take_over(transaction, old, id, received, applied)?;
        let failed = Error::database("replace alert");
        run(transaction, "UPDATE alert_aliases SET alert_id = ?2 WHERE alert_id = ?1", params![old, id])?;
        transaction
            .execute("INSERT OR REPLACE INTO alert_aliases (id, alert_id) VALUES (?1, ?2)", params![old, id])
            .map_err(failed)?;
    }
    part(transaction, id)?;
    if !moved && !exists(transaction, id)? {
        return insert(transaction, alert, received, channels, applied);
    }
    renew(transaction, id, alert, received, channels, applied)?;
    let events = Events { events: &alert.events, evidence: &alert.evidence, count: alert.event_count };
    merge(transaction, id, &events, received, applied)
}

/// A known alert is told again: it exists, and its time may be an earlier one.
pub(super) fn renew(
    transaction: &Transaction<'_>,
    id: &str,
    alert: &Alert,
    received: Timestamp,
    channels: &[String],
    applied: &mut Applied,
) -> Result<()> {
    let failed = Error::database("renew alert");
    let (stored, withdrawn): (String, bool) = transaction
        .query_row("SELECT payload, withdrawn FROM alerts WHERE id = ?1", [id], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(&failed)?;
    // What the alert said of its first event stays; a stored alert that cannot be read is told anew.
    let mut known: Alert = serde_json::from_str(&stored).unwrap_or_else(|_| alert.clone());
    known.timestamp = if withdrawn { alert.timestamp } else { known.timestamp.min(alert.timestamp) };
    known.id = id.to_owned();
    (known.events, known.evidence) = (Vec::new(), Vec::new());
    let time = known.timestamp.0;
    run(
        transaction,
        "UPDATE alerts SET payload = ?2, timestamp = ?3, updated = max(updated, ?4), withdrawn = 0 WHERE id = ?1",
        params![id, to_json(&known)?, time, received.0],
    )?;
    if withdrawn && !paged(transaction, id)? {
        page(transaction, alert, received, channels, applied)?;
    }
    Ok(())
}

/// Undoes an alert: nothing supports it, and what was not sent of it is not.
pub(super) fn withdraw(transaction: &Transaction<'_>, alert_id: &str, received: Timestamp) -> Result<()> {
    let id = resolve(transaction, alert_id)?;
    run(transaction, "DELETE FROM alert_events WHERE alert_id = ?1", params![id])?;
    run(transaction, "DELETE FROM alert_lines WHERE alert_id = ?1", params![id])?;
    run(transaction, "DELETE FROM outbox WHERE alert_id = ?1 AND state = 'pending' AND attempts = 0", params![id])?;
    run(
        transaction,
        "UPDATE alerts SET withdrawn = 1, event_count = 0, updated = max(updated, ?2) WHERE id = ?1",
        params![id, received.0],
    )
}

/// Moves what belongs to an alert to another id, whether that exists or not; false when there is nothing to move.
fn take_over(
    transaction: &Transaction<'_>,
    old: &str,
    id: &str,
    received: Timestamp,
    applied: &mut Applied,
) -> Result<bool> {
    if !exists(transaction, old)? {
        return Ok(false);
    }
    let failed = Error::database("move alert");
    // Children may point to an id that comes with the next statement.
    transaction.pragma_update(None, "defer_foreign_keys", true).map_err(&failed)?;
    if exists(transaction, id)? {
        let (events, evidence) = support(transaction, old)?;
        run(
            transaction,
            "UPDATE alerts SET state = o.state, verdict = o.verdict, assignee = o.assignee FROM
             (SELECT state, verdict, assignee FROM alerts WHERE id = ?1) AS o
             WHERE id = ?2 AND alerts.state = 'new' AND o.state <> 'new'",
            params![old, id],
        )?;
        run(
            transaction,
            "UPDATE alerts SET received = min(received, (SELECT received FROM alerts WHERE id = ?1)),
                    timestamp = min(timestamp, (SELECT timestamp FROM alerts WHERE id = ?1 AND withdrawn = 0))
             WHERE id = ?2 AND EXISTS (SELECT 1 FROM alerts WHERE id = ?1 AND withdrawn = 0)",
            params![old, id],
        )?;
        run(
            transaction,
            "DELETE FROM outbox WHERE alert_id = ?1 AND state = 'pending' AND attempts = 0
               AND channel IN (SELECT channel FROM outbox WHERE alert_id = ?2)",
            params![old, id],
        )?;
        run(transaction, "UPDATE alert_history SET alert_id = ?2 WHERE alert_id = ?1", params![old, id])?;
        run(transaction, "UPDATE outbox SET alert_id = ?2 WHERE alert_id = ?1", params![old, id])?;
        run(transaction, "DELETE FROM alerts WHERE id = ?1", params![old])?;
        let more = Events { events: &events, evidence: &evidence, count: 0 };
        merge(transaction, id, &more, received, applied)?;
    } else {
        run(transaction, "UPDATE alerts SET id = ?2 WHERE id = ?1", params![old, id])?;
        for table in ["alert_events", "alert_lines", "alert_history", "outbox"] {
            run(transaction, &format!("UPDATE {table} SET alert_id = ?2 WHERE alert_id = ?1"), params![old, id])?;
        }
    }
    Ok(true)
}

/// An alert's events and lines.
fn support(transaction: &Transaction<'_>, id: &str) -> Result<(Vec<EventId>, Vec<Evidence>)> {
    let failed = Error::database("read evidence");
    let mut statement = transaction
        .prepare_cached(
            "SELECT partition, offset, sub, source, line FROM alert_lines WHERE alert_id = ?1 ORDER BY number",
        )
        .map_err(&failed)?;
    let rows = statement.query_map([id], |row| {
        let event = EventId { partition: row.get(0)?, offset: row.get::<_, i64>(1)? as u64, sub: row.get(2)? };
        let (source, line) = (row.get::<_, Option<String>>(3)?, row.get::<_, Option<String>>(4)?);
        Ok((event, Evidence { source: source.unwrap_or_default(), line: line.unwrap_or_default() }))
    });
    let rows = rows.map_err(&failed)?;
    rows.collect::<rusqlite::Result<(Vec<EventId>, Vec<Evidence>)>>().map_err(&failed)
}

fn exists(transaction: &Transaction<'_>, id: &str) -> Result<bool> {
    transaction
        .prepare_cached("SELECT 1 FROM alerts WHERE id = ?1")
        .and_then(|mut statement| statement.exists([id]))
        .map_err(Error::database("read alert"))
}

fn paged(transaction: &Transaction<'_>, id: &str) -> Result<bool> {
    transaction
        .prepare_cached("SELECT 1 FROM outbox WHERE alert_id = ?1")
        .and_then(|mut statement| statement.exists([id]))
        .map_err(Error::database("read outbox"))
}

fn run(transaction: &Transaction<'_>, sql: &str, params: impl rusqlite::Params) -> Result<()> {
    let changed = transaction.prepare_cached(sql).and_then(|mut statement| statement.execute(params));
    changed.map(drop).map_err(Error::database("change alert"))
}
