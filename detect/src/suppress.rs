//! `sekisho.suppress`: one alert for matches that follow each other.
//!
//! Without `first` it is judged as a correlation ([`form`], [`crate::correlation`]), and does not depend on the order of
//! arrival. With `first`, the matches that get an alert of their own are the first to arrive:
//!
//! The first match raises the alert and anchors its id; later matches of the same key are evidence of the same alert as
//! long as no more than the quiet time passes between them. A match up to the quiet time before the first one belongs to it
//! too (it came late). An episode lasts at most [`EPISODE_NANOS_MAX`], so that what goes on for days is raised again
//! each day.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stream::Timestamp;

use crate::correlation::table::Group;
use crate::correlation::{Correlation, EPISODE_NANOS_MAX, Measure, Operator};
use crate::sigma::Suppress;

/// The correlation that a `suppress` without `first` stands for: one event per key, and what follows it.
pub(crate) fn form(suppress: &Suppress) -> Correlation {
    Correlation {
        measure: Measure::Events,
        conditions: vec![(Operator::GreaterEqual, 1)],
        steps: Vec::new(),
        group_by: suppress.by.iter().map(|(name, _)| name.clone()).collect(),
        span_nanos: suppress.quiet_nanos,
        leaves: BTreeMap::new(),
        depth: 0,
        behind_nanos: 0,
        monotone: true,
        removable: false,
    }
}

/// An alert that takes more evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Episode {
    /// The alert's id; empty when there is none.
    pub(crate) alert_id: String,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    quiet_nanos: i64,
    /// Supporting events so far.
    pub(crate) count: u64,
}

impl Episode {
    /// An episode that starts with an alert.
    pub(crate) fn start(alert_id: String, first: Timestamp, last: Timestamp, quiet_nanos: i64, count: u64) -> Episode {
        Episode { alert_id, first, last, quiet_nanos, count }
    }

    /// Whether an event of this time belongs to it.
    pub(crate) fn covers(&self, time: Timestamp) -> bool {
        !self.alert_id.is_empty()
            && time >= self.first.plus_nanos(-self.quiet_nanos)
            && time <= self.last.plus_nanos(self.quiet_nanos)
            && time <= self.first.plus_nanos(EPISODE_NANOS_MAX.max(self.quiet_nanos))
    }

    /// Whether an event of this time is from before it, so that it must not end it.
    pub(crate) fn is_after(&self, time: Timestamp) -> bool {
        !self.alert_id.is_empty() && time < self.first.plus_nanos(-self.quiet_nanos)
    }

    /// Takes one more event and gives the new count.
    pub(crate) fn extend(&mut self, time: Timestamp) -> u64 {
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        self.count += 1;
        self.count
    }
}

impl Group for Episode {
    fn newest(&self) -> i64 {
        self.last.0
    }

    fn is_over(&self, now: i64) -> bool {
        self.last.0.saturating_add(self.quiet_nanos) < now
    }

    fn fill(&self) -> usize {
        0
    }

    fn line_bytes(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn covers_until_quiet_and_never_longer_than_a_day() {
        let quiet = 600 * stream::NANOS_PER_SECOND;
        let mut episode = Episode::start("a".into(), at(1000), at(1000), quiet, 1);
        assert!(episode.covers(at(1600)) && episode.covers(at(400)));
        assert!(!episode.covers(at(1601)) && !episode.covers(at(399)));
        assert!(episode.is_after(at(399)));
        let mut time = 1000;
        while episode.covers(at(time)) {
            episode.extend(at(time));
            time += 500;
        }
        assert!((86_000..=88_000).contains(&time), "{time}");
        assert!(!Episode::default().covers(at(0)));
    }
}
