//! Accounting per source: `received = indexed + filtered + in flight`, exactly.
//!
//! Counters change in the transaction that also advances [`Database::counted`], so a replay counts nothing twice.

use rusqlite::{Transaction, named_params};
use stream::Timestamp;

use super::{Database, TENANT_ALLOWED, tenants_json};
use crate::{Error, Result};

/// What a batch adds to the counters of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceDelta {
    /// Tenant id.
    pub tenant: String,
    /// Source id.
    pub source: String,
    /// Records received.
    pub received: u64,
    /// Events indexed.
    pub indexed: u64,
    /// Records left out by a named rule.
    pub filtered: u64,
    /// Of the indexed, those that could not be parsed.
    pub parse_failures: u64,
    /// Raw bytes received.
    pub bytes: u64,
    /// Receipt time of the newest record.
    pub last_received: Timestamp,
    /// Event time of the newest event.
    pub last_event: Timestamp,
}

/// The counters of one source since it was first seen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SourceRow {
    /// Tenant id.
    pub tenant: String,
    /// Source id.
    pub source: String,
    /// Records received.
    pub received: u64,
    /// Events indexed.
    pub indexed: u64,
    /// Records left out by a named rule.
    pub filtered: u64,
    /// Of the indexed, those that could not be parsed.
    pub parse_failures: u64,
    /// Raw bytes received.
    pub bytes: u64,
    /// Receipt time of the newest record.
    pub last_received: Timestamp,
    /// Event time of the newest event.
    pub last_event: Timestamp,
}

impl Database {
    /// The counters of every source of the tenants, by tenant and source.
    ///
    /// # Errors
    /// The database refused.
    pub fn sources(&self, tenants: &[String]) -> Result<Vec<SourceRow>> {
        let failed = Error::database("read accounting");
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached(&format!(
                "SELECT tenant, source, received, indexed, filtered, parse_failures, bytes, last_received, last_event
                 FROM sources WHERE {TENANT_ALLOWED} ORDER BY tenant, source"
            ))
            .map_err(&failed)?;
        let rows = statement
            .query_map(named_params! { ":tenants": tenants_json(tenants) }, |row| {
                let count = |index| Ok::<_, rusqlite::Error>(row.get::<_, i64>(index)? as u64);
                Ok(SourceRow {
                    tenant: row.get(0)?,
                    source: row.get(1)?,
                    received: count(2)?,
                    indexed: count(3)?,
                    filtered: count(4)?,
                    parse_failures: count(5)?,
                    bytes: count(6)?,
                    last_received: Timestamp(row.get(7)?),
                    last_event: Timestamp(row.get(8)?),
                })
            })
            .map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(&failed)
    }
}

pub(super) fn add(transaction: &Transaction<'_>, deltas: &[SourceDelta]) -> Result<()> {
    let failed = Error::database("count sources");
    let mut statement = transaction
        .prepare_cached(
            "INSERT INTO sources (tenant, source, received, indexed, filtered, parse_failures, bytes, last_received, last_event)
             VALUES (:tenant, :source, :received, :indexed, :filtered, :failures, :bytes, :last_received, :last_event)
             ON CONFLICT (tenant, source) DO UPDATE SET received = received + excluded.received,
                 indexed = indexed + excluded.indexed, filtered = filtered + excluded.filtered,
                 parse_failures = parse_failures + excluded.parse_failures, bytes = bytes + excluded.bytes,
                 last_received = max(last_received, excluded.last_received), last_event = max(last_event, excluded.last_event)",
        )
        .map_err(&failed)?;
    for delta in deltas {
        statement
            .execute(named_params! {
                ":tenant": delta.tenant, ":source": delta.source, ":received": delta.received as i64,
                ":indexed": delta.indexed as i64, ":filtered": delta.filtered as i64,
                ":failures": delta.parse_failures as i64, ":bytes": delta.bytes as i64,
                ":last_received": delta.last_received.0, ":last_event": delta.last_event.0,
            })
            .map_err(&failed)?;
    }
    Ok(())
}
