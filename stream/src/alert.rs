//! Alerts: what detection hands to people.
//!
//! An alert's id is a hash of rule id, group key and the fingerprints of its anchoring events, so that production,
//! a restart after a crash, a backtest and a re-import all give the same id; inserting by id then counts each once.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{EventId, Fingerprint, Timestamp};

/// Sigma's levels; the screens call them 情報, 注意, 警告, 重大 and 緊急.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// 情報
    Informational,
    /// 注意
    Low,
    /// 警告
    Medium,
    /// 重大
    High,
    /// 緊急
    Critical,
}

impl Level {
    /// Sigma's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Informational => "informational",
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "informational" => Level::Informational,
            "low" => Level::Low,
            "medium" => Level::Medium,
            "high" => Level::High,
            "critical" => Level::Critical,
            _ => return Err(()),
        })
    }
}

/// The rule that raised an alert, as it was when it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRule {
    /// Sigma id.
    pub id: String,
    /// Title: Japanese where the rule has one.
    pub name: String,
    /// First 12 hex digits of the hash of the rule's text.
    pub version: String,
}

/// One line that supports an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Source id.
    pub source: String,
    /// The raw line, decoded to text.
    pub line: String,
}

/// An alert. Its NDJSON form is fixed by the command's contract; `events` and `evidence` hold at most
/// [`Alert::EVIDENCE_MAX`] entries, `event_count` counts all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// 32 hex digits, see [`alert_id`].
    pub id: String,
    /// Event time of the last anchoring event, the moment the condition became true.
    #[serde(rename = "@timestamp", with = "rfc3339")]
    pub timestamp: Timestamp,
    /// Tenant id.
    pub tenant: String,
    /// The rule.
    pub rule: AlertRule,
    /// Severity.
    pub level: Level,
    /// Our own fields: `usecase` ids and, for flow rules, `flow.verdict`.
    pub sekisho: AlertDetail,
    /// The group key by field name; empty for an ungrouped rule.
    pub group: BTreeMap<String, String>,
    /// Ids of supporting events, in event-time order.
    pub events: Vec<EventId>,
    /// Raw lines of the same events.
    pub evidence: Vec<Evidence>,
    /// How many events support it in all.
    pub event_count: u64,
    /// ECS fields of the anchor (`source.ip`, `destination.ip`, `user.name`, ...), dotted names.
    #[serde(flatten)]
    pub anchor: BTreeMap<String, serde_json::Value>,
}

/// The part of an alert under `sekisho`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertDetail {
    /// Use-case ids of the catalogue (`X01`).
    pub usecase: Vec<String>,
    /// Flow judgement, for flow rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<AlertFlow>,
    /// Whether it pages.
    #[serde(default)]
    pub page: bool,
}

/// The flow judgement an alert rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertFlow {
    /// The verdict's word (`violation_zone`).
    pub verdict: String,
}

impl Alert {
    /// The most events and lines kept in one alert.
    pub const EVIDENCE_MAX: usize = 1000;
}

/// The id of an alert: SHA-256 over rule id, group key and the anchors' fingerprints in sorted order, 32 hex digits.
pub fn alert_id(rule_id: &str, tenant: &str, group: &BTreeMap<String, String>, anchors: &[Fingerprint]) -> String {
    format!("{:032x}", alert_number(rule_id, tenant, group, anchors))
}

/// [`alert_id`] as the number that its digits write: in the same order, and half as large.
pub fn alert_number(rule_id: &str, tenant: &str, group: &BTreeMap<String, String>, anchors: &[Fingerprint]) -> u128 {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(rule_id.as_bytes());
    part(tenant.as_bytes());
    for (field, value) in group {
        part(field.as_bytes());
        part(value.as_bytes());
    }
    match anchors {
        [anchor] => part(&anchor.0),
        several => {
            let mut sorted = several.to_vec();
            sorted.sort_unstable();
            sorted.iter().for_each(|anchor| part(&anchor.0));
        }
    }
    hasher.finalize().first_chunk().map_or(0, |head| u128::from_be_bytes(*head))
}

mod rfc3339 {
    use super::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(instant)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Timestamp::parse_rfc3339(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_independent_of_anchor_order() {
        let (a, b) = (Fingerprint([1; 16]), Fingerprint([2; 16]));
        let group = BTreeMap::from([("user.name".to_string(), "sato".to_string())]);
        assert_eq!(alert_id("r", "t", &group, &[a, b]), alert_id("r", "t", &group, &[b, a]));
        assert_ne!(alert_id("r", "t", &group, &[a]), alert_id("r", "u", &group, &[a]));
    }

    #[test]
    fn json_round_trip() {
        let alert = Alert {
            id: "00".into(),
            timestamp: Timestamp::from_seconds(1_800_000_000),
            tenant: "t".into(),
            rule: AlertRule { id: "r".into(), name: "名前".into(), version: "v".into() },
            level: Level::Critical,
            sekisho: AlertDetail {
                usecase: vec!["X01".into()],
                flow: Some(AlertFlow { verdict: "violation_zone".into() }),
                page: true,
            },
            group: BTreeMap::new(),
            events: vec![EventId::new(0, 7)],
            evidence: vec![Evidence { source: "fw".into(), line: "x".into() }],
            event_count: 1,
            anchor: BTreeMap::from([("source.ip".into(), "192.0.2.1".into())]),
        };
        let json = serde_json::to_string(&alert).unwrap();
        assert_eq!(serde_json::from_str::<Alert>(&json).unwrap(), alert);
    }
}
