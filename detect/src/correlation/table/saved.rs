//! Saving a table: all of it, or what changed since it was stored.

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::{Clock, Gone, Group, Slot, Table, bytes_of};

/// How a table takes part in storing: all tables of an engine, whatever their groups.
pub(crate) trait Store {
    /// The next save is for storing: only what changed, unless all of it is asked for.
    fn begin(&mut self, whole: bool);
    /// What was saved is stored, or will be before anything that is saved later; not so when it failed.
    fn end(&mut self, stored: bool);
    /// What went since this was asked last.
    fn take_gone(&mut self) -> Vec<Gone>;
}

/// What changed in a table since it was stored.
#[derive(Debug, Default)]
pub(super) struct Since {
    /// Keys of groups that are new or had an event; a key may have gone, or stand here again.
    pub(super) changed: Vec<Key>,
    /// Keys that are stored and gone.
    gone: Vec<Key>,
}

impl Since {
    /// A group goes from the table.
    pub(super) fn note_gone<G>(since: &mut Option<Since>, key: &Key, slot: &Slot<G>) {
        if let Some(since) = since.as_mut().filter(|_| slot.stored) {
            since.gone.push(key.clone());
        }
    }
}

/// The saved form of a table.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedTable<G> {
    /// Whether these are all groups, or those that changed.
    pub(super) whole: bool,
    /// In the order of their last events.
    pub(super) groups: Vec<SavedGroup<G>>,
    /// Keys that went, before these came.
    without: Vec<String>,
    clock: Clock,
    changes: u64,
    rest: usize,
    evictions: u64,
    gone: Vec<Gone>,
}

/// The saved form of a group.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedGroup<G> {
    key: String,
    change: u64,
    clock: i64,
    group: G,
}

impl<'g, G> SavedGroup<&'g G> {
    fn of((key, slot): (&Key, &'g Slot<G>)) -> SavedGroup<&'g G> {
        SavedGroup { key: key.text().to_owned(), change: slot.change, clock: slot.clock, group: &slot.group }
    }
}

impl<G> SavedGroup<G> {
    fn slot(self) -> (Key, Slot<G>) {
        (
            self.key.as_str().into(),
            Slot { group: self.group, change: self.change, clock: self.clock, listed: false, stored: false },
        )
    }
}

impl<G> SavedTable<G> {
    pub(crate) fn groups_mut(&mut self) -> impl Iterator<Item = &mut G> {
        self.groups.iter_mut().map(|saved| &mut saved.group)
    }
}

impl<G: Group> Table<G> {
    /// The state to save: all of it, or what changed.
    pub(crate) fn save(&self) -> SavedTable<&G> {
        let since = self.since.as_ref().filter(|_| self.changes_only);
        let mut groups: Vec<SavedGroup<&G>> = match since {
            None => self.groups.iter().map(SavedGroup::of).collect(),
            Some(since) => since
                .changed
                .iter()
                .filter_map(|key| self.groups.get_key_value(key.bytes()))
                .map(SavedGroup::of)
                .collect(),
        };
        groups.sort_unstable_by_key(|saved| saved.change);
        groups.dedup_by_key(|saved| saved.change);
        SavedTable {
            whole: since.is_none(),
            groups,
            without: since.map_or_else(Vec::new, |since| since.gone.iter().map(|key| key.text().to_owned()).collect()),
            clock: self.clock.clone(),
            changes: self.changes,
            rest: self.rest,
            evictions: self.evictions,
            gone: self.gone.clone(),
        }
    }

    /// Takes over saved state; of changes, on top of what it has.
    pub(crate) fn restore(&mut self, saved: SavedTable<G>) {
        if saved.whole {
            self.groups.clear();
        }
        for key in &saved.without {
            self.groups.remove(key.as_bytes());
        }
        self.groups.extend(saved.groups.into_iter().map(SavedGroup::slot));
        self.since = None;
        self.clock = saved.clock;
        self.changes = saved.changes;
        self.rest = saved.rest;
        self.evictions = saved.evictions;
        self.gone = saved.gone;
        self.bytes = self.groups.iter().map(|(key, slot)| bytes_of(key, slot)).sum();
    }
}

impl<G: Group> Store for Table<G> {
    fn begin(&mut self, whole: bool) {
        self.changes_only = !whole;
    }

    fn end(&mut self, stored: bool) {
        let whole = !std::mem::take(&mut self.changes_only) || self.since.is_none();
        let since = self.since.take();
        if !stored {
            return;
        }
        let mark = |slot: &mut Slot<G>| (slot.listed, slot.stored) = (false, true);
        match since {
            Some(since) if !whole => {
                for key in &since.changed {
                    self.groups.get_mut(key.bytes()).into_iter().for_each(mark);
                }
            }
            _ => self.groups.values_mut().for_each(mark),
        }
        self.since = Some(Since::default());
    }

    fn take_gone(&mut self) -> Vec<Gone> {
        std::mem::take(&mut self.gone)
    }
}
