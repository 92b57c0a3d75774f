//! What detection commits: alerts, evidence, pages, counters, snapshot and offset, all or nothing.
//!
//! Exactly once in effect. An alert is inserted by id, so a replay ignores what is known. A supporting event is counted
//! by its id, so a replayed outcome counts nothing twice. A page is written only with a newly inserted alert. The offset
//! belongs to the snapshot: after a restart detection replays from there and finds its own results in place. What it
//! told before [`Database::counted`] is stored, and the caller does not tell it again.
//!
//! A late event may move an alert, join alerts or undo one ([`changes`]): an old id then leads to what took its place.

use rusqlite::{OptionalExtension, Transaction, named_params, params};
use serde::{Deserialize, Serialize};
use stream::{Alert, EventId, Evidence, Timestamp};

mod changes;
mod packed;

pub(super) use changes::resolve;

use super::alerts::AlertState;
use super::sources::{self, SourceDelta};
use super::{Database, outbox};
use crate::{Error, Result};

/// One result of detection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "a batch holds a handful, and a box would be one more thing to unwrap")]
pub enum AlertChange {
    /// An alert that may be new.
    Alert(Alert),
    /// An alert in the place of others, whose handling, evidence and deliveries it takes over.
    Replaced {
        /// Ids of the alerts that are no more.
        old: Vec<String>,
        /// What they became, with the evidence that they did not have.
        alert: Alert,
    },
    /// An alert is undone, with all its evidence; it may come back.
    Withdrawn {
        /// The alert.
        alert_id: String,
    },
    /// More of a known alert.
    Evidence {
        /// The alert.
        alert_id: String,
        /// Further events; one that is known already is not counted again.
        events: Vec<EventId>,
        /// Their lines, in the same order; may be shorter.
        evidence: Vec<Evidence>,
        /// Supporting events of the alert in all, these included; the larger of this and what is stored is kept, so that
        /// a replay changes nothing.
        count: u64,
    },
}

/// A batch of results with the progress they belong to.
#[derive(Clone, Copy, Debug)]
pub struct DetectionBatch<'a> {
    /// Partition of the `raw` topic.
    pub partition: u32,
    /// The next offset after the batch.
    pub next_offset: u64,
    /// In the order in which detection made them.
    pub outcomes: &'a [AlertChange],
    /// State after the batch, or what changed of it; `None` keeps the stored state with its own offset.
    pub state: Option<StatePart<'a>>,
    /// Counters of the records of this batch at or above [`Database::counted`].
    pub sources: &'a [SourceDelta],
    /// Receipt time of the newest record, the clock of the rows written.
    pub received: Timestamp,
}

/// Part of the state of detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatePart<'a> {
    /// 0 for all of it, which replaces every part that is stored; else its number among the changes after that, from 1.
    pub part: u32,
    /// What detection reads.
    pub bytes: &'a [u8],
}

/// What a batch changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Ids of alerts that were new.
    pub new_alerts: Vec<String>,
    /// Supporting events that were new.
    pub new_events: u64,
    /// Pages written.
    pub pages: u64,
    /// Evidence for alerts that do not exist; a defect of the caller, logged and counted.
    pub unknown_alerts: u64,
}

impl Database {
    /// Commits a batch in one transaction.
    ///
    /// # Errors
    /// The database refused; then nothing of the batch is stored.
    pub fn apply(&self, batch: DetectionBatch<'_>) -> Result<Applied> {
        let channels = self.channels();
        let state = batch.state.map(|state| (state.part, packed::pack(state.bytes)));
        self.write("apply detection results", |transaction| {
            let mut applied = Applied::default();
            for outcome in batch.outcomes {
                match outcome {
                    AlertChange::Alert(alert) => insert(transaction, alert, batch.received, &channels, &mut applied)?,
                    AlertChange::Replaced { old, alert } => {
                        changes::replace(transaction, old, alert, batch.received, &channels, &mut applied)?;
                    }
                    AlertChange::Withdrawn { alert_id } => changes::withdraw(transaction, alert_id, batch.received)?,
                    AlertChange::Evidence { alert_id, events, evidence, count } => {
                        let more = Events { events, evidence, count: *count };
                        let id = changes::resolve(transaction, alert_id)?;
                        merge(transaction, &id, &more, batch.received, &mut applied)?;
                    }
                }
            }
            sources::add(transaction, batch.sources)?;
            save_progress(transaction, &batch, state.as_ref())?;
            Ok(applied)
        })
    }

    /// The stored state of a partition in its parts, the whole one first, and the offset to replay from.
    ///
    /// # Errors
    /// The database refused.
    pub fn detection_state(&self, partition: u32) -> Result<Option<(u64, Vec<Vec<u8>>)>> {
        let failed = Error::database("read detection state");
        let connection = self.lock();
        let whole: Option<(i64, Vec<u8>)> = connection
            .query_row("SELECT next_offset, snapshot FROM detection_state WHERE partition = ?1", [partition], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(&failed)?;
        let Some((next_offset, whole)) = whole else { return Ok(None) };
        let mut parts = vec![packed::unpack(partition, whole)];
        let mut statement = connection
            .prepare_cached("SELECT changes FROM detection_changes WHERE partition = ?1 ORDER BY part")
            .map_err(&failed)?;
        let changes = statement.query_map([partition], |row| row.get(0)).map_err(&failed)?;
        for change in changes {
            parts.push(packed::unpack(partition, change.map_err(&failed)?));
        }
        Ok(Some((next_offset as u64, parts)))
    }

    /// Records of the partition below this offset are in the counters already; a replay does not count them again.
    ///
    /// # Errors
    /// The database refused.
    pub fn counted(&self, partition: u32) -> Result<u64> {
        let counted: Option<i64> = self
            .lock()
            .query_row("SELECT counted FROM progress WHERE partition = ?1", [partition], |row| row.get(0))
            .optional()
            .map_err(Error::database("read progress"))?;
        Ok(counted.unwrap_or(0) as u64)
    }
}

struct Events<'a> {
    events: &'a [EventId],
    evidence: &'a [Evidence],
    count: u64,
}

fn insert(
    transaction: &Transaction<'_>,
    alert: &Alert,
    received: Timestamp,
    channels: &[String],
    applied: &mut Applied,
) -> Result<()> {
    let failed = Error::database("insert alert");
    let id = alert.id.as_str();
    let other = changes::resolve(transaction, id)?;
    if other != id {
        // It is itself again. It takes over what took its place, when that was undone; else the two are apart again.
        if changes::is_withdrawn(transaction, &other)? {
            return changes::replace(transaction, &[other], alert, received, channels, applied);
        }
        changes::part(transaction, id)?;
    }
    let payload = payload(alert)?;
    let inserted = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO alerts (id, tenant, rule_id, level, timestamp, received, updated, state, event_count, payload)
             VALUES (:id, :tenant, :rule, :level, :timestamp, :received, :received, :state, 0, :payload)",
        )
        .map_err(&failed)?
        .execute(named_params! {
            ":id": alert.id, ":tenant": alert.tenant, ":rule": alert.rule.id, ":level": alert.level as i64,
            ":timestamp": alert.timestamp.0, ":received": received.0, ":state": AlertState::New.as_str(), ":payload": payload,
        })
        .map_err(&failed)?;
    if inserted == 1 {
        applied.new_alerts.push(alert.id.clone());
        page(transaction, alert, received, channels, applied)?;
    } else {
        changes::renew(transaction, id, alert, received, channels, applied)?;
    }
    let events = Events { events: &alert.events, evidence: &alert.evidence, count: alert.event_count };
    merge(transaction, id, &events, received, applied)
}

/// Writes the pages of an alert; one that is known is not written again.
fn page(
    transaction: &Transaction<'_>,
    alert: &Alert,
    received: Timestamp,
    channels: &[String],
    applied: &mut Applied,
) -> Result<()> {
    if alert.sekisho.page {
        let page = to_json(alert)?;
        for channel in channels {
            applied.pages += outbox::insert(transaction, &alert.id, channel, &page, received)?;
        }
    }
    Ok(())
}

/// The alert as its row keeps it: events and lines have tables of their own.
fn payload(alert: &Alert) -> Result<String> {
    to_json(&Alert { events: Vec::new(), evidence: Vec::new(), ..alert.clone() })
}

/// Adds events to an alert as a set. Lines and listed ids stop at [`Alert::EVIDENCE_MAX`]; the count does not.
fn merge(
    transaction: &Transaction<'_>,
    id: &str,
    more: &Events<'_>,
    received: Timestamp,
    applied: &mut Applied,
) -> Result<()> {
    let failed = Error::database("merge evidence");
    let known: Option<i64> = transaction
        .prepare_cached("SELECT (SELECT count(*) FROM alert_events WHERE alert_id = id) FROM alerts WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
        .map_err(&failed)?;
    let Some(before) = known else {
        tracing::error!(alert = id, "evidence for an alert that does not exist was not stored");
        applied.unknown_alerts += 1;
        return Ok(());
    };
    let mut number = before;
    let mut add_event = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO alert_events (alert_id, partition, offset, sub, number) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .map_err(&failed)?;
    let mut add_line = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO alert_lines (alert_id, number, partition, offset, sub, source, line) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .map_err(&failed)?;
    for (index, event) in more.events.iter().enumerate() {
        if number as usize >= Alert::EVIDENCE_MAX {
            break;
        }
        let place = (event.partition, event.offset as i64, event.sub);
        if add_event.execute(params![id, place.0, place.1, place.2, number]).map_err(&failed)? == 0 {
            continue;
        }
        let line = more.evidence.get(index);
        let (source, text) = (line.map(|line| &line.source), line.map(|line| &line.line));
        add_line.execute(params![id, number, place.0, place.1, place.2, source, text]).map_err(&failed)?;
        number += 1;
    }
    applied.new_events += (number - before) as u64;
    let count = more.count.max(number as u64) as i64;
    transaction
        .prepare_cached(
            "UPDATE alerts SET event_count = ?2, updated = max(updated, ?3) WHERE id = ?1 AND event_count < ?2",
        )
        .and_then(|mut statement| statement.execute(params![id, count, received.0]))
        .map_err(&failed)?;
    Ok(())
}

fn save_progress(
    transaction: &Transaction<'_>,
    batch: &DetectionBatch<'_>,
    state: Option<&(u32, Vec<u8>)>,
) -> Result<()> {
    let failed = Error::database("save progress");
    let next = batch.next_offset as i64;
    if let Some((part, bytes)) = state {
        save_state(transaction, batch.partition, next, StatePart { part: *part, bytes })?;
    }
    transaction
        .prepare_cached(
            "INSERT INTO progress (partition, counted) VALUES (?1, ?2)
             ON CONFLICT (partition) DO UPDATE SET counted = max(counted, excluded.counted)",
        )
        .and_then(|mut statement| statement.execute(params![batch.partition, next]))
        .map_err(&failed)?;
    Ok(())
}

/// Stores a part of the state. Changes are stored only behind what they change.
fn save_state(transaction: &Transaction<'_>, partition: u32, next: i64, state: StatePart<'_>) -> Result<()> {
    let failed = Error::database("save detection state");
    if state.part == 0 {
        transaction
            .execute("DELETE FROM detection_changes WHERE partition = ?1", [partition])
            .and_then(|_| {
                transaction.execute(
                    "INSERT INTO detection_state (partition, next_offset, snapshot) VALUES (?1, ?2, ?3)
                     ON CONFLICT (partition) DO UPDATE SET next_offset = excluded.next_offset, snapshot = excluded.snapshot",
                    params![partition, next, state.bytes],
                )
            })
            .map_err(&failed)?;
        return Ok(());
    }
    let stored: Option<u32> = transaction
        .query_row(
            "SELECT (SELECT coalesce(max(part), 0) FROM detection_changes WHERE partition = ?1)
             FROM detection_state WHERE partition = ?1",
            [partition],
            |row| row.get(0),
        )
        .optional()
        .map_err(&failed)?;
    if stored != Some(state.part - 1) {
        let reason =
            format!("changes {} do not follow {stored:?}, which is stored of partition {partition}", state.part);
        return Err(Error::Invalid { what: "detection state", reason });
    }
    transaction
        .execute(
            "INSERT INTO detection_changes (partition, part, changes) VALUES (?1, ?2, ?3)",
            params![partition, state.part, state.bytes],
        )
        .and_then(|_| {
            transaction
                .execute("UPDATE detection_state SET next_offset = ?2 WHERE partition = ?1", params![partition, next])
        })
        .map_err(&failed)?;
    Ok(())
}

fn to_json(alert: &Alert) -> Result<String> {
    serde_json::to_string(alert).map_err(|error| Error::Invalid { what: "alert", reason: error.to_string() })
}
