//! `first_seen`: a combination of values that the tenant has not shown before, or not for long.
//!
//! A key is the tenant and the first value of each field of `by`; an event that lacks one of them is no match.
//! * Without `again`: a match when the key was not seen within `ttl` before the event, once the tenant has been watched
//!   for `learn` (from the time of the first event that reached this key, as far as its time can be believed: see
//!   [`crate::engine::clock`]). What is seen while learning is remembered.
//! * With `again`: a match when the key was seen before, but not within `again` before the event. Nothing to learn.
//!
//! An event older than the newest of its key (it came late) only counts as seen.
//! Bound: [`KEYS_MAX`] keys per rule, about 150 bytes each; the stalest go first, and are new when they come back.

use serde::{Deserialize, Serialize};

use super::keyed::{Keyed, Remembered};
use super::{Case, Names};
use crate::correlation::table::Group;

/// The most keys of one rule.
pub(crate) const KEYS_MAX: usize = 100_000;

/// `sekisho.first_seen`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct FirstSeen {
    pub(crate) by: Vec<Names>,
    pub(crate) ttl_nanos: i64,
    pub(crate) learn_nanos: i64,
    pub(crate) again_nanos: Option<i64>,
}

/// When a key was last seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    last: Option<i64>,
    ttl_nanos: i64,
}

impl Group for Seen {
    fn newest(&self) -> i64 {
        self.last.unwrap_or(i64::MIN)
    }

    fn is_over(&self, now: i64) -> bool {
        self.newest().saturating_add(self.ttl_nanos) < now
    }

    fn fill(&self) -> usize {
        0
    }

    fn line_bytes(&self) -> usize {
        0
    }
}

/// What one rule has seen.
pub(super) type Memory = Keyed<Seen>;

impl Remembered for Seen {
    const KEYS_MAX: usize = KEYS_MAX;
}

impl Keyed<Seen> {
    /// Takes an event; whether it is a match.
    pub(super) fn take(&mut self, rule: &FirstSeen, case: &Case<'_, '_>) -> bool {
        let time = case.now.0;
        let found = self.with(&rule.by, case, |seen, started| {
            let learned = started.is_some_and(|started| time >= started.saturating_add(rule.learn_nanos));
            let last = seen.last.replace(seen.last.map_or(time, |last| last.max(time)));
            seen.ttl_nanos = rule.ttl_nanos;
            let quiet = last.map(|last| time.saturating_sub(last));
            match (rule.again_nanos, quiet) {
                (None, None) => learned,
                (None, Some(quiet)) => learned && quiet > rule.ttl_nanos,
                (Some(again), quiet) => quiet.is_some_and(|quiet| quiet > again && quiet <= rule.ttl_nanos),
            }
        });
        found.unwrap_or(false)
    }
}
