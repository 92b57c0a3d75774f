//! All groups of one rule: a correlation, or a detection rule with `suppress`.

use std::collections::BTreeMap;

use stream::Timestamp;

use super::Correlation;
use super::entry::Entry;
use super::table::{SavedTable, Table};
use super::window::{Arrival, Taken, Use, Window};

/// All groups of one rule.
#[derive(Debug)]
pub(crate) struct Windows {
    pub(crate) table: Table<Window>,
    /// Whether other correlations refer to it.
    pub(crate) feeds: bool,
    /// Whether it raises alerts itself.
    pub(crate) alerts: bool,
}

impl Windows {
    /// Without groups; at most so many are kept.
    pub(crate) fn new(feeds: bool, alerts: bool, groups_max: usize) -> Windows {
        Windows { table: Table::bounded(1, groups_max), feeds, alerts }
    }

    pub(crate) fn save(&self) -> SavedTable<&Window> {
        self.table.save()
    }

    /// Takes over saved state; `outer` gives the index of each correlation by the one that it had.
    pub(crate) fn restore(&mut self, mut saved: SavedTable<Window>, outer: &BTreeMap<u32, u32>) {
        saved.groups_mut().for_each(|window| window.renumber(outer));
        self.table.restore(saved);
    }

    /// Takes one event; see [`Window::take`].
    pub(crate) fn take(
        &mut self,
        rule: &Correlation,
        key: &str,
        arrival: Arrival,
        entry: impl FnOnce() -> Entry,
        id_of: impl Fn(Timestamp) -> String,
    ) -> Taken {
        let usage = Use { feeds: self.feeds, alerts: self.alerts, room: self.table.room() };
        self.table.with(key, arrival.believed.0, |window| window.take(rule, usage, arrival, entry, id_of))
    }
}
