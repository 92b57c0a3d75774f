//! Memory by key, with the time from which a tenant has been watched: what `first_seen` and `baseline` have in common.
//!
//! A key is the tenant and the first value of each field of `by`; an event that lacks one of them has none.
//! Bound: [`Remembered::KEYS_MAX`] keys per rule; the stalest go first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Case, Names, write_key};
use crate::correlation::LATENESS_NANOS;
use crate::correlation::table::{Group, SavedTable, Table};
use crate::engine::clock;

/// What is remembered of one key.
pub(super) trait Remembered: Group {
    /// The most keys of one rule.
    const KEYS_MAX: usize;
}

/// What one rule remembers.
#[derive(Debug)]
pub(super) struct Keyed<G> {
    pub(super) table: Table<G>,
    /// By tenant, when watching began: see [`start_of`].
    started: BTreeMap<String, i64>,
    key: String,
}

/// The saved form of a memory.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved<G> {
    table: SavedTable<G>,
    started: BTreeMap<String, i64>,
}

impl<G: Remembered> Default for Keyed<G> {
    fn default() -> Self {
        Keyed { table: Table::bounded(1, G::KEYS_MAX), started: BTreeMap::new(), key: String::new() }
    }
}

impl<G: Remembered> Keyed<G> {
    /// Changes what is remembered of the event's key, given when watching its tenant began; none for an event without
    /// a key.
    pub(super) fn with<R>(
        &mut self,
        by: &[Names],
        case: &Case<'_, '_>,
        change: impl FnOnce(&mut G, Option<i64>) -> R,
    ) -> Option<R> {
        let mut key = std::mem::take(&mut self.key);
        let result = write_key(case, by, &mut key).then(|| {
            let started = start_of(&mut self.started, case);
            self.table.with(&key, case.now.0, |group| change(group, started))
        });
        self.key = key;
        result
    }

    pub(super) fn save(&self) -> Saved<&G> {
        Saved { table: self.table.save(), started: self.started.clone() }
    }

    pub(super) fn restore(&mut self, saved: Saved<G>) {
        self.table.restore(saved.table);
        self.started = saved.started;
    }
}

/// When watching a tenant began, this event included; none while nothing was heard that it could begin with. An event
/// that came late moves it back by what may be late, so that old or wrongly dated lines do not end the learning.
fn start_of(started: &mut BTreeMap<String, i64>, case: &Case<'_, '_>) -> Option<i64> {
    let time = case.now.0;
    match started.get_mut(case.tenant) {
        Some(start) => {
            if time >= start.saturating_sub(LATENESS_NANOS) {
                *start = time.min(*start);
            }
            Some(*start)
        }
        None if clock::may_begin(case.time, case.received) => {
            started.insert(case.tenant.to_owned(), time);
            Some(time)
        }
        None => None,
    }
}
