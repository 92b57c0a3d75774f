//! What people do with alerts. Each action checks the tenant, changes the alert, and writes a history row and an audit
//! row in one transaction.

use rusqlite::{Transaction, params};
use stream::Timestamp;

use super::alerts::{AlertState, Verdict};
use super::{Database, audit};
use crate::{Error, Result};

struct Change<'a> {
    action: &'static str,
    state: Option<AlertState>,
    verdict: Option<Verdict>,
    comment: &'a str,
}

impl Database {
    /// The most bytes kept of a comment.
    pub const COMMENT_BYTES_MAX: usize = 16 * 1024;

    /// 対応開始: the actor takes the alert. Acknowledging twice is not an error; the last actor holds it.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another tenant's alert.
    pub fn acknowledge(&self, tenants: &[String], id: &str, actor: &str, now: Timestamp) -> Result<()> {
        let state = Some(AlertState::Acknowledged);
        self.change(tenants, id, actor, now, Change { action: "acknowledge", state, verdict: None, comment: "" })
    }

    /// 保留: puts the alert aside, with the reason.
    ///
    /// # Errors
    /// As [`Database::acknowledge`].
    pub fn hold(&self, tenants: &[String], id: &str, actor: &str, comment: &str, now: Timestamp) -> Result<()> {
        let state = Some(AlertState::Held);
        self.change(tenants, id, actor, now, Change { action: "hold", state, verdict: None, comment })
    }

    /// 完了: closes the alert with a verdict.
    ///
    /// # Errors
    /// As [`Database::acknowledge`].
    pub fn close(
        &self,
        tenants: &[String],
        id: &str,
        actor: &str,
        verdict: Verdict,
        comment: &str,
        now: Timestamp,
    ) -> Result<()> {
        let state = Some(AlertState::Closed);
        self.change(tenants, id, actor, now, Change { action: "close", state, verdict: Some(verdict), comment })
    }

    /// Back to 未対応; the verdict is withdrawn.
    ///
    /// # Errors
    /// As [`Database::acknowledge`].
    pub fn reopen(&self, tenants: &[String], id: &str, actor: &str, comment: &str, now: Timestamp) -> Result<()> {
        let state = Some(AlertState::New);
        self.change(tenants, id, actor, now, Change { action: "reopen", state, verdict: None, comment })
    }

    /// Adds a comment.
    ///
    /// # Errors
    /// As [`Database::acknowledge`].
    pub fn comment(&self, tenants: &[String], id: &str, actor: &str, comment: &str, now: Timestamp) -> Result<()> {
        self.change(tenants, id, actor, now, Change { action: "comment", state: None, verdict: None, comment })
    }

    fn change(&self, tenants: &[String], id: &str, actor: &str, now: Timestamp, change: Change<'_>) -> Result<()> {
        if change.comment.len() > Self::COMMENT_BYTES_MAX {
            let reason = format!("at most {} bytes", Self::COMMENT_BYTES_MAX);
            return Err(Error::Invalid { what: "comment", reason });
        }
        self.write("change alert", |transaction| {
            let id = &super::detection::resolve(transaction, id)?;
            let Some(before) = Self::alert_state(transaction, tenants, id)? else {
                return Err(Error::NotFound { what: "alert", id: id.clone() });
            };
            write_change(transaction, id, actor, now, &change, before)?;
            audit::insert(transaction, actor, &format!("alert.{}", change.action), id, now)
        })
    }
}

fn write_change(
    transaction: &Transaction<'_>,
    id: &str,
    actor: &str,
    now: Timestamp,
    change: &Change<'_>,
    before: AlertState,
) -> Result<()> {
    let failed = Error::database("change alert");
    let after = change.state.unwrap_or(before);
    if change.state.is_some() {
        let assignee = (after == AlertState::Acknowledged).then_some(actor);
        transaction
            .execute(
                "UPDATE alerts SET state = ?2, verdict = ?3, updated = max(updated, ?4), assignee = coalesce(?5, assignee) WHERE id = ?1",
                params![id, after.as_str(), change.verdict.map(Verdict::as_str), now.0, assignee],
            )
            .map_err(&failed)?;
    }
    transaction
        .execute(
            "INSERT INTO alert_history (alert_id, at, actor, action, state, verdict, comment) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![id, now.0, actor, change.action, after.as_str(), change.verdict.map(Verdict::as_str), change.comment],
        )
        .map_err(&failed)?;
    Ok(())
}
