//! Bounded tables of per-group state.
//!
//! At most [`GROUPS_MAX`] groups and [`BYTES_MAX`] bytes per rule. A full table first drops groups whose time is over,
//! then evicts the stalest of those below half their threshold, until a tenth is free. Groups at half their threshold or
//! more go only when they alone fill twice the bound: memory stays bounded whatever comes. Once the bytes are used up,
//! lines are no longer kept; an alert then names those events without their lines. Evictions are counted.
//! Nothing depends on the order of a hash: who goes is decided by time, then key.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// The most groups of one rule.
pub(crate) const GROUPS_MAX: usize = 100_000;
/// The most bytes that the groups of one rule take, their keys and lines included.
pub(crate) const BYTES_MAX: usize = 128 << 20;
/// What a key and its place in the table take beside the key's text.
const KEY_BYTES: usize = 48;

/// State of one group.
pub(crate) trait Group: Default + Sized {
    /// Event time of its newest event, in nanoseconds.
    fn newest(&self) -> i64;
    /// Whether nothing of it matters any more at this event time.
    fn is_over(&self, now: i64) -> bool;
    /// How many of its events count towards the threshold.
    fn fill(&self) -> usize;
    /// Bytes of lines it keeps.
    fn line_bytes(&self) -> usize;
    /// About what it takes in memory beside its key.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.line_bytes()
    }
}

/// The groups of one rule.
#[derive(Debug)]
pub(crate) struct Table<G> {
    groups: HashMap<String, G>,
    half: usize,
    max: usize,
    newest: i64,
    bytes: usize,
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
        Table { groups: HashMap::new(), half, max, newest: i64::MIN, bytes: 0, rest: 0, evictions: 0 }
    }

    /// How many groups it holds.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// The longest line that may still be kept, in bytes.
    pub(crate) fn room(&self) -> usize {
        BYTES_MAX.saturating_sub(self.bytes)
    }

    /// Changes the group of this key, which is made when it is new. `now` is the event's time.
    pub(crate) fn with<R>(&mut self, key: &str, now: i64, change: impl FnOnce(&mut G) -> R) -> R {
        self.newest = self.newest.max(now);
        let known = self.groups.contains_key(key);
        if !known && self.groups.len() >= self.max || self.bytes >= BYTES_MAX {
            self.make_room();
        }
        let known = known && self.groups.contains_key(key);
        let group = match self.groups.get_mut(key) {
            Some(group) => group,
            None => self.groups.entry(key.to_owned()).or_default(),
        };
        let before = if known { group.bytes() } else { 0 };
        let result = change(group);
        let key = if known { 0 } else { KEY_BYTES + key.len() };
        self.bytes = (self.bytes + key + group.bytes()).saturating_sub(before);
        result
    }

    fn make_room(&mut self) {
        let beyond = self.groups.len() >= 2 * self.max || self.bytes >= 2 * BYTES_MAX;
        if self.rest > 0 && !beyond {
            self.rest -= 1;
            return;
        }
        let now = self.newest;
        self.groups.retain(|_, group| !group.is_over(now));
        self.bytes = self.groups.iter().map(|(key, group)| KEY_BYTES + key.len() + group.bytes()).sum();
        let half = self.half;
        self.evict(self.max, BYTES_MAX, |group| group.fill() < half);
        if self.groups.len() >= 2 * self.max || self.bytes >= 2 * BYTES_MAX {
            self.evict(2 * self.max, 2 * BYTES_MAX, |_| true);
        }
        self.rest = self.max / 10;
    }

    /// Evicts the stalest until a tenth of these bounds is free.
    fn evict(&mut self, groups_max: usize, bytes_max: usize, may_go: impl Fn(&G) -> bool) {
        let (groups_goal, bytes_goal) = (groups_max - groups_max / 10, bytes_max - bytes_max / 10);
        if self.groups.len() <= groups_goal && self.bytes <= bytes_goal {
            return;
        }
        let going = self.groups.iter().filter(|(_, group)| may_go(group));
        let mut going: Vec<(i64, &str)> = going.map(|(key, group)| (group.newest(), key.as_str())).collect();
        going.sort_unstable();
        let going: Vec<String> = going.into_iter().map(|(_, key)| key.to_owned()).collect();
        for key in going {
            if self.groups.len() <= groups_goal && self.bytes <= bytes_goal {
                break;
            }
            if let Some(group) = self.groups.remove(&key) {
                self.bytes = self.bytes.saturating_sub(KEY_BYTES + key.len() + group.bytes());
                self.evictions += 1;
            }
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
        self.bytes = self.groups.iter().map(|(key, group)| KEY_BYTES + key.len() + group.bytes()).sum();
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

impl<G> SavedTable<G> {
    pub(crate) fn groups_mut(&mut self) -> impl Iterator<Item = &mut G> {
        self.groups.iter_mut().map(|(_, group)| group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Clone)]
    struct Counter {
        at: i64,
        fill: usize,
        bytes: usize,
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
            self.bytes
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

    #[test]
    fn bytes_are_bounded_too() {
        let mut table = Table::bounded(5, 1000);
        for key in 0..900 {
            table.with(&format!("{key}"), key, |group: &mut Counter| {
                group.at = key;
                group.bytes = 1 << 20;
            });
            assert!(table.bytes <= 2 * BYTES_MAX);
        }
        assert!(table.evictions > 600 && table.groups.contains_key("899") && !table.groups.contains_key("0"));
    }
}
