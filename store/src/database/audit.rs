//! The audit log: who did what to what, and when. It can only grow; triggers refuse change and removal.

use rusqlite::{Connection, params};
use stream::Timestamp;

use super::Database;
use crate::{Error, Result};

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AuditRow {
    /// Its number, growing without gaps.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// Account, token name or `system`.
    pub actor: String,
    /// What (`sign_in`, `alert.close`, `search`, `export`).
    pub action: String,
    /// To what (an alert's id, a query, an account).
    pub object: String,
}

impl Database {
    /// The most lines one read gives.
    pub const AUDIT_ROWS_MAX: usize = 10_000;

    /// Adds a line.
    ///
    /// # Errors
    /// The database refused; what was to be audited must then not happen.
    pub fn audit(&self, actor: &str, action: &str, object: &str, now: Timestamp) -> Result<()> {
        insert(&self.lock(), actor, action, object, now)
    }

    /// The newest lines, newest first; with `before`, those older than that number.
    ///
    /// # Errors
    /// The database refused.
    pub fn audit_rows(&self, before: Option<u64>, limit: usize) -> Result<Vec<AuditRow>> {
        let failed = Error::database("read audit log");
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached("SELECT id, at, actor, action, object FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2")
            .map_err(&failed)?;
        let before = before.and_then(|id| i64::try_from(id).ok()).unwrap_or(i64::MAX);
        let rows = statement
            .query_map(params![before, limit.min(Self::AUDIT_ROWS_MAX) as i64], |row| {
                Ok(AuditRow {
                    id: row.get::<_, i64>(0)? as u64,
                    at: Timestamp(row.get(1)?),
                    actor: row.get(2)?,
                    action: row.get(3)?,
                    object: row.get(4)?,
                })
            })
            .map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(&failed)
    }
}

pub(super) fn insert(connection: &Connection, actor: &str, action: &str, object: &str, now: Timestamp) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO audit (at, actor, action, object) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut statement| statement.execute(params![now.0, actor, action, object]))
        .map_err(Error::database("write audit log"))?;
    Ok(())
}
