//! Reading alerts: list, one, counts.

use rusqlite::{OptionalExtension, Row, named_params};
use stream::{Alert, EventId, Evidence, Level, Timestamp};

use super::detection::resolve;
use super::{Database, TENANT_ALLOWED, tenants_json};
use crate::{Error, Result};

/// Where an alert stands with the people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// 未対応
    New,
    /// 対応中
    Acknowledged,
    /// 保留
    Held,
    /// 完了
    Closed,
}

impl AlertState {
    /// Every state, in the order of work.
    pub const ALL: [AlertState; 4] = [AlertState::New, AlertState::Acknowledged, AlertState::Held, AlertState::Closed];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::New => "new",
            AlertState::Acknowledged => "acknowledged",
            AlertState::Held => "held",
            AlertState::Closed => "closed",
        }
    }

    /// The word on the screens.
    pub fn label(self) -> &'static str {
        match self {
            AlertState::New => "未対応",
            AlertState::Acknowledged => "対応中",
            AlertState::Held => "保留",
            AlertState::Closed => "完了",
        }
    }
}

impl std::str::FromStr for AlertState {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.as_str() == text || state.label() == text).ok_or(())
    }
}

/// What a closed alert turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// 真の検知
    TruePositive,
    /// 誤検知
    FalsePositive,
    /// 許容済
    Accepted,
    /// 訓練
    Exercise,
    /// 調査不能
    Undetermined,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Verdict; 5] =
        [Verdict::TruePositive, Verdict::FalsePositive, Verdict::Accepted, Verdict::Exercise, Verdict::Undetermined];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::TruePositive => "true_positive",
            Verdict::FalsePositive => "false_positive",
            Verdict::Accepted => "accepted",
            Verdict::Exercise => "exercise",
            Verdict::Undetermined => "undetermined",
        }
    }

    /// The word on the screens.
    pub fn label(self) -> &'static str {
        match self {
            Verdict::TruePositive => "真の検知",
            Verdict::FalsePositive => "誤検知",
            Verdict::Accepted => "許容済",
            Verdict::Exercise => "訓練",
            Verdict::Undetermined => "調査不能",
        }
    }
}

impl std::str::FromStr for Verdict {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == text || verdict.label() == text).ok_or(())
    }
}

/// Which alerts to list; newest first.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// Tenants the caller may see.
    pub tenants: Vec<String>,
    /// Empty means any.
    pub states: Vec<AlertState>,
    /// Empty means any.
    pub levels: Vec<Level>,
    /// Rule id.
    pub rule: Option<String>,
    /// Event time, included.
    pub from: Option<Timestamp>,
    /// Event time, excluded.
    pub to: Option<Timestamp>,
    /// At most [`AlertFilter::LIMIT_MAX`]; 0 means that.
    pub limit: usize,
    /// Alerts to skip.
    pub offset: usize,
}

impl AlertFilter {
    /// The most alerts one list gives.
    pub const LIMIT_MAX: usize = 10_000;
}

/// An alert with its handling.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// The alert. `event_count` is exact; `events` and `evidence` are filled by [`Database::alert`], empty in a list.
    pub alert: Alert,
    /// Where it stands.
    pub state: AlertState,
    /// Set when closed.
    pub verdict: Option<Verdict>,
    /// Who acknowledged it last.
    pub assignee: Option<String>,
    /// When it was raised (receipt clock).
    pub received: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// What people did, oldest first; empty in a list.
    pub history: Vec<AlertHistory>,
}

/// One thing that was done with an alert.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AlertHistory {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// `acknowledge`, `hold`, `close`, `reopen` or `comment`.
    pub action: String,
    /// State after it.
    pub state: AlertState,
    /// Verdict after it.
    pub verdict: Option<Verdict>,
    /// Free text.
    pub comment: String,
}

/// Numbers for the home screen.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct AlertCounts {
    /// 未対応
    pub new: u64,
    /// 対応中
    pub acknowledged: u64,
    /// 保留
    pub held: u64,
    /// 完了
    pub closed: u64,
    /// Not closed, by level, most severe first.
    pub open_by_level: Vec<(Level, u64)>,
    /// All, by rule id, most frequent first.
    pub by_rule: Vec<(String, u64)>,
}

impl AlertCounts {
    /// Alerts that are not closed.
    pub fn open(&self) -> u64 {
        self.new + self.acknowledged + self.held
    }

    /// All alerts.
    pub fn total(&self) -> u64 {
        self.open() + self.closed
    }
}

const LEVELS: [Level; 5] = [Level::Critical, Level::High, Level::Medium, Level::Low, Level::Informational];
const COLUMNS: &str = "payload, state, verdict, assignee, received, updated, event_count";

impl Database {
    /// Alerts, newest first, without their events.
    ///
    /// # Errors
    /// The database refused.
    pub fn alerts(&self, filter: &AlertFilter) -> Result<Vec<AlertRow>> {
        let failed = Error::database("list alerts");
        let limit = match filter.limit {
            0 => AlertFilter::LIMIT_MAX,
            limit => limit.min(AlertFilter::LIMIT_MAX),
        };
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        let levels: Vec<i64> = filter.levels.iter().map(|level| *level as i64).collect();
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM alerts WHERE {TENANT_ALLOWED} AND withdrawn = 0
                   AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))
                   AND (:levels = '[]' OR level IN (SELECT value FROM json_each(:levels)))
                   AND (:rule IS NULL OR rule_id = :rule) AND timestamp >= :from AND timestamp < :to
                 ORDER BY timestamp DESC, id LIMIT :limit OFFSET :offset"
            ))
            .map_err(&failed)?;
        let rows = statement
            .query_and_then(
                named_params! {
                    ":tenants": tenants_json(&filter.tenants),
                    ":states": serde_json::json!(states).to_string(),
                    ":levels": serde_json::json!(levels).to_string(),
                    ":rule": filter.rule,
                    ":from": filter.from.unwrap_or(Timestamp::MIN).0,
                    ":to": filter.to.unwrap_or(Timestamp::MAX).0,
                    ":limit": limit as i64,
                    ":offset": i64::try_from(filter.offset).unwrap_or(i64::MAX),
                },
                alert_row,
            )
            .map_err(&failed)?;
        rows.collect()
    }

    /// One alert with its events, lines and history; `None` when it does not exist or belongs to another tenant. The id
    /// of an alert that another took the place of gives that one.
    ///
    /// # Errors
    /// The database refused.
    pub fn alert(&self, tenants: &[String], id: &str) -> Result<Option<AlertRow>> {
        let failed = Error::database("read alert");
        let connection = self.lock();
        let id = &resolve(&connection, id)?;
        let mut statement = connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM alerts WHERE id = :id AND {TENANT_ALLOWED}"))
            .map_err(&failed)?;
        let mut rows = statement
            .query_and_then(named_params! { ":id": id, ":tenants": tenants_json(tenants) }, alert_row)
            .map_err(&failed)?;
        let Some(row) = rows.next() else { return Ok(None) };
        let mut row = row?;
        let mut lines = connection
            .prepare_cached(
                "SELECT partition, offset, sub, source, line FROM alert_lines WHERE alert_id = ?1 ORDER BY number",
            )
            .map_err(&failed)?;
        let lines = lines.query_map([id], |row| {
            let event = EventId { partition: row.get(0)?, offset: row.get::<_, i64>(1)? as u64, sub: row.get(2)? };
            Ok((event, row.get::<_, Option<String>>(3)?, row.get::<_, Option<String>>(4)?))
        });
        for line in lines.map_err(&failed)? {
            let (event, source, line) = line.map_err(&failed)?;
            row.alert.events.push(event);
            if let (Some(source), Some(line)) = (source, line) {
                row.alert.evidence.push(Evidence { source, line });
            }
        }
        let mut history = connection
            .prepare_cached(
                "SELECT at, actor, action, state, verdict, comment FROM alert_history WHERE alert_id = ?1 ORDER BY id",
            )
            .map_err(&failed)?;
        let history = history.query_map([id], history_row).map_err(&failed)?;
        row.history = history.collect::<Result<_, _>>().map_err(&failed)?;
        Ok(Some(row))
    }

    /// Numbers of alerts by state, level and rule.
    ///
    /// # Errors
    /// The database refused.
    pub fn alert_counts(&self, tenants: &[String]) -> Result<AlertCounts> {
        let failed = Error::database("count alerts");
        let tenants = tenants_json(tenants);
        let connection = self.lock();
        let mut counts = AlertCounts::default();
        let mut statement = connection
            .prepare_cached(&format!(
                "SELECT state, level, count(*) FROM alerts WHERE {TENANT_ALLOWED} AND withdrawn = 0 GROUP BY state, level"
            ))
            .map_err(&failed)?;
        let mut by_level = [0; LEVELS.len()];
        let rows = statement
            .query_map(named_params! { ":tenants": tenants }, |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)? as u64))
            })
            .map_err(&failed)?;
        for row in rows {
            let (state, level, count) = row.map_err(&failed)?;
            match state.parse().unwrap_or(AlertState::New) {
                AlertState::New => counts.new += count,
                AlertState::Acknowledged => counts.acknowledged += count,
                AlertState::Held => counts.held += count,
                AlertState::Closed => {
                    counts.closed += count;
                    continue;
                }
            }
            if let Some(at) = LEVELS.iter().position(|known| *known as i64 == level) {
                by_level[at] += count;
            }
        }
        counts.open_by_level = LEVELS.into_iter().zip(by_level).collect();
        let mut statement = connection
            .prepare_cached(&format!(
                "SELECT rule_id, count(*) AS n FROM alerts WHERE {TENANT_ALLOWED} AND withdrawn = 0 GROUP BY rule_id ORDER BY n DESC, rule_id"
            ))
            .map_err(&failed)?;
        let rows = statement
            .query_map(named_params! { ":tenants": tenants }, |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))
            .map_err(&failed)?;
        counts.by_rule = rows.collect::<Result<_, _>>().map_err(&failed)?;
        Ok(counts)
    }

    /// The state of an alert, for a change; `None` when the caller may not see it.
    pub(super) fn alert_state(
        transaction: &rusqlite::Transaction<'_>,
        tenants: &[String],
        id: &str,
    ) -> Result<Option<AlertState>> {
        let state: Option<String> = transaction
            .query_row(
                &format!("SELECT state FROM alerts WHERE id = :id AND {TENANT_ALLOWED}"),
                named_params! { ":id": id, ":tenants": tenants_json(tenants) },
                |row| row.get(0),
            )
            .optional()
            .map_err(Error::database("read alert"))?;
        Ok(state.map(|state| state.parse().unwrap_or(AlertState::New)))
    }
}

fn alert_row(row: &Row<'_>) -> Result<AlertRow> {
    let failed = Error::database("read alert");
    let payload: String = row.get(0).map_err(&failed)?;
    let mut alert: Alert = serde_json::from_str(&payload).map_err(|error| Error::Damaged {
        what: "alert",
        place: "database".into(),
        reason: error.to_string(),
    })?;
    let get = |index| row.get::<_, i64>(index).map_err(&failed);
    alert.event_count = get(6)? as u64;
    let state: String = row.get(1).map_err(&failed)?;
    let verdict: Option<String> = row.get(2).map_err(&failed)?;
    Ok(AlertRow {
        alert,
        state: state.parse().unwrap_or(AlertState::New),
        verdict: verdict.and_then(|verdict| verdict.parse().ok()),
        assignee: row.get(3).map_err(&failed)?,
        received: Timestamp(get(4)?),
        updated: Timestamp(get(5)?),
        history: Vec::new(),
    })
}

fn history_row(row: &Row<'_>) -> rusqlite::Result<AlertHistory> {
    let state: String = row.get(3)?;
    let verdict: Option<String> = row.get(4)?;
    Ok(AlertHistory {
        at: Timestamp(row.get(0)?),
        actor: row.get(1)?,
        action: row.get(2)?,
        state: state.parse().unwrap_or(AlertState::New),
        verdict: verdict.and_then(|verdict| verdict.parse().ok()),
        comment: row.get(5)?,
    })
}
