//! `beacon`: events of one key at intervals too regular for a person.
//!
//! A key is the tenant and the first value of each field of `by`, usually source and destination. Events less than
//! half of `min` apart are one beat (a page fetches many things at once). A match when the last `intervals` intervals
//! between beats have a mean from `min` to `max` and a coefficient of variation (standard deviation divided by mean) of
//! at most `jitter`. With `sources_max`, only while at most so many keys share the value of the last field of `by`: what
//! everybody talks to at regular intervals is an updater, and its beats are not kept. An event that came late takes its
//! place among the beats.
//!
//! Bound: [`KEYS_MAX`] keys of at most [`INTERVALS_MAX`] intervals (2 KiB each) per rule; the stalest go first.

use serde::{Deserialize, Serialize};

use super::{Case, Names, write_key};
use crate::correlation::table::{Group, SavedTable, Table};
use crate::hash::mark;

/// The most keys of one rule.
pub(crate) const KEYS_MAX: usize = 50_000;
/// The most intervals a rule may ask for.
pub(crate) const INTERVALS_MAX: usize = 256;
/// The most sources a rule may ask for.
pub(crate) const SOURCES_MAX: usize = 100;

/// `sekisho.beacon`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Beacon {
    pub(crate) by: Vec<Names>,
    pub(crate) intervals: usize,
    pub(crate) jitter: f64,
    pub(crate) min_nanos: i64,
    pub(crate) max_nanos: i64,
    pub(crate) sources_max: Option<usize>,
}

/// The beats of one key, ascending.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pulse {
    times: Vec<i64>,
    /// After so long without a beat nothing of it matters.
    rest_nanos: i64,
}

impl Group for Pulse {
    fn newest(&self) -> i64 {
        self.times.last().copied().unwrap_or(i64::MIN)
    }

    fn is_over(&self, now: i64) -> bool {
        self.newest().saturating_add(self.rest_nanos) < now
    }

    fn fill(&self) -> usize {
        0
    }

    fn line_bytes(&self) -> usize {
        0
    }
}

/// Hashes of the keys that share a destination, ascending; full once there are more than a rule allows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Shared {
    keys: Vec<u64>,
    newest: i64,
}

impl Group for Shared {
    fn newest(&self) -> i64 {
        self.newest
    }

    fn is_over(&self, now: i64) -> bool {
        self.newest.saturating_add(7 * 86_400 * stream::NANOS_PER_SECOND) < now
    }

    fn fill(&self) -> usize {
        0
    }

    fn line_bytes(&self) -> usize {
        0
    }
}

/// The beats that one rule has heard.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) table: Table<Pulse>,
    pub(super) shared: Table<Shared>,
    key: String,
    last: String,
}

/// The saved form of a memory.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved<P, S> {
    table: SavedTable<P>,
    shared: SavedTable<S>,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            table: Table::bounded(1, KEYS_MAX),
            shared: Table::bounded(1, KEYS_MAX),
            key: String::new(),
            last: String::new(),
        }
    }
}

impl Memory {
    /// Takes an event; whether it is a match.
    pub(super) fn take(&mut self, rule: &Beacon, case: &Case<'_, '_>) -> bool {
        if !rule.by.iter().all(|fields| case.event.first_of(fields).is_some()) {
            return false;
        }
        let (time, key) = (case.now.0, &mut self.key);
        // Takes note of who has this destination; only while it is for few, the whole key is needed.
        let few = match (rule.sources_max, rule.by.last()) {
            (Some(most), Some(last)) => {
                write_key(case, std::slice::from_ref(last), &mut self.last);
                let hash = || {
                    write_key(case, &rule.by, key);
                    hash_of(key)
                };
                self.shared.with(&self.last, time, |shared| shared.add(hash, time, most))
            }
            _ => write_key(case, &rule.by, key),
        };
        few && self.table.with(&self.key, time, |pulse| pulse.beat(rule, time))
    }

    pub(super) fn save(&self) -> Saved<&Pulse, &Shared> {
        Saved { table: self.table.save(), shared: self.shared.save() }
    }

    pub(super) fn restore(&mut self, saved: Saved<Pulse, Shared>) {
        self.table.restore(saved.table);
        self.shared.restore(saved.shared);
    }
}

impl Shared {
    /// Takes one more key, which is asked for while there are few; whether there still are.
    fn add(&mut self, key: impl FnOnce() -> u64, time: i64, most: usize) -> bool {
        self.newest = self.newest.max(time);
        if self.keys.len() > most {
            return false;
        }
        let key = key();
        if let Err(at) = self.keys.binary_search(&key) {
            self.keys.insert(at, key);
        }
        self.keys.len() <= most
    }
}

impl Pulse {
    /// Takes an event; whether the beats are regular now.
    fn beat(&mut self, rule: &Beacon, time: i64) -> bool {
        self.rest_nanos = rule.max_nanos.saturating_mul(4);
        let at = self.times.partition_point(|held| *held <= time);
        let near = |index: usize| self.times.get(index).is_some_and(|held| (held - time).abs() < rule.min_nanos / 2);
        if near(at) || at.checked_sub(1).is_some_and(near) {
            return false;
        }
        self.times.insert(at, time);
        let surplus = self.times.len().saturating_sub(rule.intervals + 1);
        self.times.drain(..surplus);
        self.times.len() > rule.intervals && self.is_regular(rule)
    }

    fn is_regular(&self, rule: &Beacon) -> bool {
        let intervals = self.times.windows(2).map(|pair| (pair[1] - pair[0]) as f64);
        let count = (self.times.len() - 1) as f64;
        let mean = intervals.clone().sum::<f64>() / count;
        let variance = intervals.map(|interval| (interval - mean).powi(2)).sum::<f64>() / count;
        (rule.min_nanos as f64..=rule.max_nanos as f64).contains(&mean) && variance.sqrt() <= rule.jitter * mean
    }
}

/// The same in every process: it is part of a snapshot.
fn hash_of(key: &str) -> u64 {
    mark(&[key.as_bytes()]).iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
