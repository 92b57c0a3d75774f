//! Bounded tables of per-group state.
//!
//! At most [`GROUPS_MAX`] groups and [`LINE_BYTES_MAX`] bytes of kept lines per rule. A full table first drops groups
//! whose time is over, then evicts the stalest of those less than half full, a tenth of the table at a time. Groups at
//! half their threshold or more go only when they alone fill twice the bound. Evictions are counted.
//! Nothing depends on the order of a hash: who goes is decided by time, then key.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// The most groups of one rule.
pub(crate) const GROUPS_MAX: usize = 100_000;
/// The most bytes of raw lines that one rule keeps for groups that have not fired.
pub(crate) const LINE_BYTES_MAX: usize = 64 << 20;

/// State of one group.
pub(crate) trait Group: Default {
    /// Event time of its newest event, in nanoseconds.
    fn newest(&self) -> i64;
    /// Whether nothing of it matters any more at this event time.
    fn is_over(&self, now: i64) -> bool;
    /// How many of its events count towards the threshold.
    fn fill(&self) -> usize;
    /// Bytes of lines it keeps.
    fn line_bytes(&self) -> usize;
}

/// The groups of one rule.
#[derive(Debug)]
pub(crate) struct Table<G> {
    groups: HashMap<String, G>,
    half: usize,
    max: usize,
    newest: i64,
    line_bytes: usize,
    /// Changes until a full table may be swept again: sweeping costs the size of the table.
    rest: usize,
    pub(crate) evictions: u64,
}

impl<G: Group> Table<G> {
    /// An empty table; groups with at least `half` counting events are protected.
    pub(crate) fn new(half: usize) -> Self {
        Self::bounded(half, GROUPS_MAX)
    }

    pub(crate) fn bounded(half: usize, max: usize) -> Self {
        Table { groups: HashMap::new(), half, max, newest: i64::MIN, line_bytes: 0, rest: 0, evictions: 0 }
    }

    /// How many groups it holds.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// The longest line that may still be kept, in bytes.
    pub(crate) fn room(&self) -> usize {
        LINE_BYTES_MAX.saturating_sub(self.line_bytes)
    }

    /// Changes the group of this key, which is made when it is new. `now` is the event's time.
    pub(crate) fn with<R>(&mut self, key: &str, now: i64, change: impl FnOnce(&mut G) -> R) -> R {
        self.newest = self.newest.max(now);
        let full = self.groups.len() >= self.max || self.line_bytes >= LINE_BYTES_MAX;
        if full && (self.line_bytes >= LINE_BYTES_MAX || !self.groups.contains_key(key)) {
            self.make_room();
        }
        let group = match self.groups.get_mut(key) {
            Some(group) => group,
            None => self.groups.entry(key.to_owned()).or_default(),
        };
        let before = group.line_bytes();
        let result = change(group);
        let after = group.line_bytes();
        self.line_bytes = (self.line_bytes + after).saturating_sub(before);
        result
    }

    fn make_room(&mut self) {
        if self.groups.len() < self.max && self.line_bytes < LINE_BYTES_MAX {
            return;
        }
        if self.rest > 0 && self.groups.len() < 2 * self.max {
            self.rest -= 1;
            return;
        }
        let now = self.newest;
        self.groups.retain(|_, group| !group.is_over(now));
        let goal = self.max - self.max / 10;
        self.evict(goal, |fill, half| fill < half);
        if self.groups.len() >= 2 * self.max {
            self.evict(2 * self.max - self.max / 10, |_, _| true);
        }
        self.line_bytes = self.groups.values().map(Group::line_bytes).sum();
        self.rest = self.max / 10;
    }

    fn evict(&mut self, goal: usize, may_go: impl Fn(usize, usize) -> bool) {
        let surplus = self.groups.len().saturating_sub(goal);
        if surplus == 0 {
            return;
        }
        let going = self.groups.iter().filter(|(_, group)| may_go(group.fill(), self.half));
        let mut going: Vec<(i64, String)> = going.map(|(key, group)| (group.newest(), key.clone())).collect();
        going.sort_unstable();
        going.truncate(surplus);
        self.evictions += going.len() as u64;
        for (_, key) in going {
            self.groups.remove(&key);
        }
    }

    /// Every group, by key; for snapshots.
    pub(crate) fn sorted(&self) -> Vec<(&str, &G)> {
        let mut all: Vec<(&str, &G)> = self.groups.iter().map(|(key, group)| (key.as_str(), group)).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    /// The state to save.
    pub(crate) fn save(&self) -> SavedTable<&G> {
        SavedTable {
            groups: self.sorted().into_iter().map(|(key, group)| (key.to_owned(), group)).collect(),
            newest: self.newest,
            rest: self.rest,
            evictions: self.evictions,
        }
    }

    /// Takes over saved state.
    pub(crate) fn restore(&mut self, saved: SavedTable<G>) {
        self.groups = saved.groups.into_iter().collect();
        self.newest = saved.newest;
        self.rest = saved.rest;
        self.evictions = saved.evictions;
        self.line_bytes = self.groups.values().map(Group::line_bytes).sum();
    }
}

/// The saved form of a table.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedTable<G> {
    groups: Vec<(String, G)>,
    newest: i64,
    rest: usize,
    evictions: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Clone)]
    struct Counter {
        at: i64,
        fill: usize,
    }

    impl Group for Counter {
        fn newest(&self) -> i64 {
            self.at
        }
        fn is_over(&self, now: i64) -> bool {
            self.at + 1_000_000 < now
        }
        fn fill(&self) -> usize {
            self.fill
        }
        fn line_bytes(&self) -> usize {
            0
        }
    }

    #[test]
    fn keeps_half_full_groups_and_counts_who_goes() {
        let mut table = Table::bounded(5, 100);
        for key in 0..50 {
            table.with(&format!("full{key}"), 0, |group: &mut Counter| group.fill = 5);
        }
        for key in 0..10_000 {
            table.with(&format!("{key}"), key, |group| {
                group.at = key;
                group.fill = 1;
            });
            assert!(table.len() <= 200);
        }
        assert!((0..50).all(|key| table.groups.contains_key(&format!("full{key}"))));
        assert!(table.groups.contains_key("9999"));
        assert_eq!(table.evictions, 10_050 - table.len() as u64);
    }

    #[test]
    fn a_table_of_full_groups_stays_bounded() {
        let mut table = Table::bounded(1, 100);
        for key in 0..5_000 {
            table.with(&format!("{key}"), key, |group: &mut Counter| {
                group.at = key;
                group.fill = 9;
            });
        }
        assert!(table.len() <= 200);
        assert!(table.evictions >= 4_800);
    }
}
