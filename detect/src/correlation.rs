//! Correlation rules: event_count, value_count, value_sum, value_avg, value_percentile, value_median, temporal and
//! temporal_ordered, over sliding windows in event time; a correlation may refer to correlations.
//!
//! What a rule raises is a function of the set of events, not of the order in which they arrive, as long as none arrives
//! more than [`LATENESS_NANOS`] after a newer one. Alerts are raised at once; when a late event changes what was raised,
//! the change is told. The definitions go through the events of one group in the order of event time, instant by
//! instant (events of one instant are simultaneous), and look only back:
//!
//! **Window.** A window of `timespan` ends at an instant that has an event, and reaches back to and including the
//! instant `timespan` before it, but not into an episode before it.
//!
//! **Episode.** The first window that fulfils the condition begins an episode. Later events carry it on until none has
//! come for a timespan, or until it has gone on for a day (a timespan, when that is longer) since its condition became
//! true. Then windows are judged again. One episode is one alert: its evidence is the events of its first window and
//! all after it. Of temporal_ordered, events of the last step that come before the steps they should follow are left out.
//!
//! **Id.** The alert's id rests on one instant: the first event of the first window, for temporal rules the end of that
//! window. A late event may move that instant back, or join two episodes: the alert then takes the place of the old ones.
//! It may undo an alert only where more events can make a condition false (`lt`, `eq`, means, percentiles, sums).
//!
//! **Chains.** To a correlation that refers to this one, an event counts when the window that ends at it fulfils the
//! condition, episodes or not; the other events of such a window support it. Each goes to the group of its own fields.
//!
//! **Suppress.** A detection rule with `suppress` is an event_count of one with the quiet time as its timespan.
//!
//! **Later than allowed.** Such an event still counts: as evidence of an episode it lies in or near, else in the windows
//! of what is still kept.
//!
//! **Wrong clocks.** An event counts at its own time, whatever that is. What makes others late, and what ends groups, is its
//! time as far as its receipt lets it be believed ([`crate::engine::clock`]).
//!
//! **Groups.** The key is the tenant and the values of `group-by` (first value of a list; an absent field is an empty
//! value; an event that has none of them is not counted).
//!
//! **Bounds.** See [`table`] for groups. Per group, events that carry an episode on are only counted; of others at most
//! [`stream::Alert::EVIDENCE_MAX`] (or the limit) are kept. A group that has more of them within the lateness takes late
//! events into account as far back as they are kept. Of an alert with more than that many events, which are its evidence
//! depends on arrival; their number does not.
//!
//! Source: Sigma specification 2.1, correlation rules. Not in it and refused: tumbling and session windows, boolean
//! conditions of temporal rules.

mod compile;
mod entries;
mod entry;
mod episode;
mod keep;
mod measure;
mod state;
mod status;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod window;

use std::collections::BTreeMap;

use stream::FieldId;

pub(crate) use compile::{Known, compile};
pub(crate) use entry::{Entry, Mark, Onward, Status};
pub(crate) use state::Windows;
pub(crate) use window::{Arrival, Effect, Window};

/// How late an event may be to count in its window: 10 minutes.
pub(crate) const LATENESS_NANOS: i64 = 600 * stream::NANOS_PER_SECOND;

/// The longest episode, unless the timespan is longer: 24 hours of event time from when its condition became true.
pub(crate) const EPISODE_NANOS_MAX: i64 = 86_400 * stream::NANOS_PER_SECOND;

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
    /// How far before a window events may lie that only support it: the timespans of the correlations referred to.
    pub(crate) behind_nanos: i64,
    /// Whether a window that fulfils the condition does so whatever further events come.
    pub(crate) monotone: bool,
    /// Whether it refers to correlations: a late event may then take back what was handed on, or move what supports it.
    pub(crate) removable: bool,
}

impl Correlation {
    /// The most conditions' limits; more would need more memory per group than is sane.
    pub(crate) const LIMIT_MAX: u64 = 100_000;

    /// The largest limit of the conditions.
    pub(crate) fn limit(&self) -> usize {
        self.conditions.iter().map(|(_, limit)| *limit as usize).max().unwrap_or(1)
    }

    /// A group that has measured half of this is not evicted.
    pub(crate) fn threshold(&self) -> f64 {
        match self.measure {
            Measure::Steps { .. } => self.steps.len() as f64,
            _ => self.limit() as f64,
        }
    }

    /// Whether the measured value fulfils the condition; of a temporal rule, whether every step was seen.
    pub(crate) fn fulfilled(&self, value: f64) -> bool {
        match self.measure {
            Measure::Steps { .. } => value >= self.steps.len() as f64,
            _ => self.conditions.iter().all(|(operator, limit)| operator.holds(value, *limit)),
        }
    }

    /// Whether more events never make its condition false, leaving aside what it refers to.
    fn only_grows(&self) -> bool {
        let grows = |(operator, _): &(Operator, u64)| matches!(operator, Operator::Greater | Operator::GreaterEqual);
        match self.measure {
            Measure::Steps { .. } => true,
            Measure::Events | Measure::Values => self.conditions.iter().all(grows),
            Measure::Sum | Measure::Average | Measure::Percentile(_) => false,
        }
    }
}
