//! Correlation rules: event_count, value_count, value_sum, value_avg, value_percentile, value_median, temporal and
//! temporal_ordered, over sliding windows in event time; a correlation may refer to correlations.
//!
//! **Windows.** A window of `timespan` ends at an event and reaches back to and including the instant `timespan` before
//! it. Every window that a new event lies in is judged, so an event that arrives late (up to [`LATENESS_NANOS`])
//! counts as if it had been on time. Events of the same instant count as simultaneous, in either order.
//!
//! **Alerts.** The first window that fulfils the condition raises the alert; further matching events of the same group
//! are evidence of the same alert (an *episode*) until none has come for a timespan, at most
//! [`crate::suppress::EPISODE_NANOS_MAX`]. The id's anchor is the earliest event of that window for counts and sums,
//! and the event that completes it for temporal rules: neither depends on how often the input was read.
//!
//! **Groups.** The key is the tenant and the values of `group-by` (first value of a list; an absent field is an empty
//! value; an event that has none of them is not counted). At most [`table::GROUPS_MAX`] per rule; see [`table`] for
//! what is evicted.
//!
//! Source: Sigma specification 2.1, correlation rules. Not in it and refused: tumbling and session windows, boolean
//! conditions of temporal rules.

mod compile;
mod state;
pub(crate) mod table;

use std::collections::BTreeMap;

use stream::FieldId;

pub(crate) use compile::{Known, compile};
pub(crate) use state::{Effect, Entry, Window, Windows};

/// How late an event may be to count in its window: 10 minutes.
pub(crate) const LATENESS_NANOS: i64 = 600 * stream::NANOS_PER_SECOND;

/// What is counted or compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Measure {
    /// Events.
    Events,
    /// Different values.
    Values,
    /// The sum of a field.
    Sum,
    /// The mean of a field.
    Average,
    /// A percentile of a field, 0 to 100; 50 is the median.
    Percentile(f64),
    /// One event of each step within the timespan; in this order, when set.
    Steps { ordered: bool },
}

/// A comparison of the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

impl Operator {
    fn holds(self, value: f64, limit: u64) -> bool {
        let limit = limit as f64;
        match self {
            Operator::Less => value < limit,
            Operator::LessEqual => value <= limit,
            Operator::Greater => value > limit,
            Operator::GreaterEqual => value >= limit,
            Operator::Equal => value == limit,
            Operator::NotEqual => value != limit,
        }
    }
}

/// How events of one detection rule are grouped and measured: per name, the fields it stands for in that rule's
/// logsource.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaf {
    pub(crate) group: Vec<Vec<FieldId>>,
    pub(crate) measured: Vec<Vec<FieldId>>,
}

/// A compiled correlation rule.
#[derive(Clone, Debug)]
pub(crate) struct Correlation {
    pub(crate) measure: Measure,
    pub(crate) conditions: Vec<(Operator, u64)>,
    /// The rules referred to, by index in the rule list, in order.
    pub(crate) steps: Vec<u32>,
    /// Names of the group-by fields.
    pub(crate) group_by: Vec<String>,
    pub(crate) span_nanos: i64,
    /// By detection rule, also those behind a correlation referred to.
    pub(crate) leaves: BTreeMap<u32, Leaf>,
    /// How many correlations lie between it and detection rules: judged in ascending order.
    pub(crate) depth: u32,
}

impl Correlation {
    /// The most conditions' limits; more would need more memory per group than is sane.
    pub(crate) const LIMIT_MAX: u64 = 100_000;

    /// Half of what makes it fire: groups at or above it are never evicted.
    pub(crate) fn half(&self) -> usize {
        match self.measure {
            Measure::Steps { .. } => self.steps.len().div_ceil(2).max(1),
            _ => (self.limit() / 2).max(1),
        }
    }

    /// The largest limit of the conditions.
    pub(crate) fn limit(&self) -> usize {
        self.conditions.iter().map(|(_, limit)| *limit as usize).max().unwrap_or(1)
    }

    /// Whether the measured value fulfils the condition.
    pub(crate) fn fulfilled(&self, value: f64) -> bool {
        self.conditions.iter().all(|(operator, limit)| operator.holds(value, *limit))
    }
}
