//! `first_seen`: a combination of values that the tenant has not shown before, or not for long.
//!
//! A key is the tenant and the first value of each field of `by`; an event that lacks one of them is no match.
//! * Without `again`: a match when the key was not seen within `ttl` before the event, once the tenant has been watched
//!   for `learn` (from the time of the first event that reached this key). What is seen while learning is remembered.
//! * With `again`: a match when the key was seen before, but not within `again` before the event. Nothing to learn.
//!
//! An event older than the newest of its key (it came late) only counts as seen.
//! Bound: [`KEYS_MAX`] keys per rule, about 150 bytes each; the stalest go first, and are new when they come back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Case, Names, write_key};
use crate::correlation::table::{Group, SavedTable, Table};

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
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) table: Table<Seen>,
    /// By tenant, the time of the earliest event it was asked about.
    started: BTreeMap<String, i64>,
    key: String,
}

/// The saved form of a memory.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved<S> {
    table: SavedTable<S>,
    started: BTreeMap<String, i64>,
}

impl Default for Memory {
    fn default() -> Self {
        Memory { table: Table::bounded(1, KEYS_MAX), started: BTreeMap::new(), key: String::new() }
    }
}

impl Memory {
    /// Takes an event; whether it is a match.
    pub(super) fn take(&mut self, rule: &FirstSeen, case: &Case<'_, '_>) -> bool {
        let mut key = std::mem::take(&mut self.key);
        let whole = write_key(case, &rule.by, &mut key);
        let holds = whole && self.judge(rule, case.tenant, &key, case.time.0);
        self.key = key;
        holds
    }

    fn judge(&mut self, rule: &FirstSeen, tenant: &str, key: &str, time: i64) -> bool {
        let started = start_of(&mut self.started, tenant, time);
        let learned = time >= started.saturating_add(rule.learn_nanos);
        self.table.with(key, time, |seen| {
            let last = seen.last.replace(seen.last.map_or(time, |last| last.max(time)));
            seen.ttl_nanos = rule.ttl_nanos;
            let quiet = last.map(|last| time.saturating_sub(last));
            match (rule.again_nanos, quiet) {
                (None, None) => learned,
                (None, Some(quiet)) => learned && quiet > rule.ttl_nanos,
                (Some(again), quiet) => quiet.is_some_and(|quiet| quiet > again && quiet <= rule.ttl_nanos),
            }
        })
    }

    pub(super) fn save(&self) -> Saved<&Seen> {
        Saved { table: self.table.save(), started: self.started.clone() }
    }

    pub(super) fn restore(&mut self, saved: Saved<Seen>) {
        self.table.restore(saved.table);
        self.started = saved.started;
    }
}

/// The earliest time known of a tenant, this one included.
pub(super) fn start_of(started: &mut BTreeMap<String, i64>, tenant: &str, time: i64) -> i64 {
    match started.get_mut(tenant) {
        Some(start) => {
            *start = time.min(*start);
            *start
        }
        None => {
            started.insert(tenant.to_owned(), time);
            time
        }
    }
}
