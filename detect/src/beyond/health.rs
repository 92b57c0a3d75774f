//! Which sources were heard without a break: what an absence may be concluded from.
//!
//! Of every source the newest event time is kept, and the gaps between two events that were longer than its limit
//! (`silence_after` of the source, else [`LIMIT_NANOS`]): the last [`GAPS_MAX`]. An event that comes late closes its gap.
//! Bound: [`SOURCES_MAX`] sources; of more nothing is known, so that nothing is concluded from their silence.

use serde::{Deserialize, Serialize};

use crate::by_source::{BySource, Hint};

/// How long a source that declares no limit may be silent: an hour.
pub(crate) const LIMIT_NANOS: i64 = 3_600 * stream::NANOS_PER_SECOND;
const GAPS_MAX: usize = 16;
const SOURCES_MAX: usize = 100_000;

/// What was heard of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Life {
    pub(super) newest: i64,
    pub(super) limit: i64,
    /// Ascending.
    gaps: Vec<(i64, i64)>,
}

/// By tenant and source.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Health {
    lives: BySource<Life>,
    count: usize,
}

impl Health {
    /// Takes an event of a source.
    pub(super) fn hear(&mut self, tenant: &str, source: &str, time: i64, declared: Option<i64>, hint: &Hint) {
        if let Some(life) = self.lives.get_mut(tenant, source, hint) {
            life.hear(time, declared);
        } else if self.count < SOURCES_MAX {
            self.count += 1;
            let life = Life { newest: time, limit: declared.unwrap_or(LIMIT_NANOS), gaps: Vec::new() };
            self.lives.insert(tenant, source, life);
        }
    }

    pub(super) fn get(&self, tenant: &str, source: &str) -> Option<&Life> {
        self.lives.get(tenant, source)
    }
}

impl Life {
    fn hear(&mut self, time: i64, declared: Option<i64>) {
        self.limit = declared.unwrap_or(LIMIT_NANOS);
        if time > self.newest {
            if time - self.newest > self.limit {
                self.gaps.push((self.newest, time));
                let surplus = self.gaps.len().saturating_sub(GAPS_MAX);
                self.gaps.drain(..surplus);
            }
            self.newest = time;
        } else if let Some(at) = self.gaps.iter().position(|(from, to)| *from < time && time < *to) {
            let (from, to) = self.gaps.remove(at);
            let limit = self.limit;
            let parts = [(from, time), (time, to)].into_iter().filter(|(from, to)| to - from > limit);
            self.gaps.splice(at..at, parts);
        }
    }

    /// Whether a gap lies within or across the span.
    pub(super) fn has_gap(&self, from: i64, to: i64) -> bool {
        self.gaps.iter().any(|(start, end)| *start < to && from < *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * stream::NANOS_PER_SECOND;

    #[test]
    fn a_gap_is_longer_than_the_limit_and_a_late_event_closes_it() {
        let mut health = Health::default();
        for minute in [0, 10, 25, 60, 70] {
            health.hear("t", "s", minute * MINUTE, Some(15 * MINUTE), &Hint::default());
        }
        let gap = |health: &Health, from: i64, to: i64| {
            health.get("t", "s").is_some_and(|life| life.has_gap(from * MINUTE, to * MINUTE))
        };
        assert!(!gap(&health, 0, 25) && gap(&health, 30, 31) && gap(&health, 59, 65) && !gap(&health, 60, 70));
        health.hear("t", "s", 40 * MINUTE, Some(15 * MINUTE), &Hint::default());
        assert!(!gap(&health, 26, 39) && gap(&health, 41, 42), "25 to 40 is no gap any more");
        health.hear("t", "s", 50 * MINUTE, Some(15 * MINUTE), &Hint::default());
        assert!(!gap(&health, 0, 70));
        assert!(health.get("t", "other").is_none() && health.get("other", "s").is_none());
    }
}
