//! Bounded tables of per-group state.
//!
//! **Bounds.** A rule keeps [`GROUPS_MAX`] groups and [`BYTES_MAX`] bytes, or what its `groups` says. Beyond that, groups go whose time is over, then
//! groups below half their threshold, those first that had no event for longest, until a tenth is free. A group at
//! half its threshold or more never goes for them: such groups may fill twice the bound, of which a tenth of the bound
//! stays free for newcomers. When even that is full, groups go that raised their alert already (it may be raised
//! again), and only then the others: those are *lost*, and said to be. So a table holds at most twice
//! [`GROUPS_MAX`] groups and twice [`BYTES_MAX`] bytes (256 MiB), the unused places of its hash table not counted.
//! Once [`BYTES_MAX`] are used up, lines are no longer kept; an alert then names those events without their lines.
//!
//! **What is told.** Groups that went are counted by tenant and day until [`Table::take_gone`] asks; those whose time
//! was over are not counted, they are done.
//!
//! **Clock.** Whether a group's time is over is asked of a clock that a few wrong times do not move: the median of
//! every [`BODY`] event times, each bounded by its receipt where that is known ([`crate::engine::clock`]), and never back.
//! A group that had an event stays until that clock has gone on by the lateness, however old the event was.
//!
//! Nothing depends on the order of a hash: who goes is decided by the order of arrival.
//!
//! **Saving.** A table knows which groups changed since it was last stored, so that what is stored at each commit is what
//! changed ([`Store`]). A table that was never stored keeps no such list, and the list is no longer than the table.

mod key;
mod saved;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use key::Key;
use saved::Since;
pub(crate) use saved::{SavedTable, Store};

use super::LATENESS_NANOS;
use crate::hash::Map;

/// The most groups of one rule below half their threshold.
pub(crate) const GROUPS_MAX: usize = 100_000;
/// The bytes that the groups of one rule take before groups below half their threshold go, keys and lines included.
pub(crate) const BYTES_MAX: usize = 128 << 20;
/// What a key and its place in the table take beside the key's text. A short key takes less, being in the table.
const KEY_BYTES: usize = 48;
/// So many event times move the clock to their median.
const BODY: usize = 32;
/// A day, in Japan, is what evictions are told by.
const DAY_NANOS: i64 = 86_400 * stream::NANOS_PER_SECOND;
const JST_NANOS: i64 = 9 * 3_600 * stream::NANOS_PER_SECOND;

/// State of one group.
pub(crate) trait Group: Default + Sized {
    /// Event time of its newest event, in nanoseconds.
    fn newest(&self) -> i64;
    /// Whether nothing of it matters any more at this event time.
    fn is_over(&self, now: i64) -> bool;
    /// How much would be lost with it: below the table's `half` little; at `half` an alert that was raised already;
    /// above it a group on its way to one.
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
    groups: Map<Key, Slot<G>>,
    half: usize,
    groups_max: usize,
    bytes_max: usize,
    clock: Clock,
    bytes: usize,
    /// Changes so far: the order of arrival.
    changes: u64,
    /// Changes until a full table may be swept again: sweeping costs the size of the table.
    rest: usize,
    pub(crate) evictions: u64,
    gone: Vec<Gone>,
    /// What changed since the table was stored; none when all of it must be stored.
    since: Option<Since>,
    /// Whether the next [`Table::save`] gives only that.
    changes_only: bool,
}

/// A group and when it last had an event.
#[derive(Debug)]
struct Slot<G> {
    group: G,
    /// The table's count of changes then.
    change: u64,
    /// The table's clock then.
    clock: i64,
    /// Whether it is in the list of what changed.
    listed: bool,
    /// Whether it is stored, as it was once.
    stored: bool,
}

/// Groups of a tenant that went on one day of event time, not told yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gone {
    pub(crate) tenant: String,
    /// When the day began, in nanoseconds.
    pub(crate) day: i64,
    /// The table's clock at the first of them.
    pub(crate) time: i64,
    /// Groups below half their threshold, and groups whose alert was raised.
    pub(crate) evicted: u64,
    /// Groups at half their threshold or more, without an alert.
    pub(crate) lost: u64,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Clock {
    now: i64,
    heard: Vec<i64>,
}

impl<G: Group> Table<G> {
    /// An empty table for so many groups, and as many bytes for each as any table has; groups whose fill is at least
    /// `half` are protected.
    pub(crate) fn bounded(half: usize, groups_max: usize) -> Self {
        let groups_max = groups_max.max(10);
        Table {
            groups: Map::default(),
            half,
            groups_max,
            bytes_max: (BYTES_MAX / GROUPS_MAX).saturating_mul(groups_max).max(BYTES_MAX),
            clock: Clock { now: i64::MIN, heard: Vec::new() },
            bytes: 0,
            changes: 0,
            rest: 0,
            evictions: 0,
            gone: Vec::new(),
            since: None,
            changes_only: false,
        }
    }

    /// How many groups it holds.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// The longest line that may still be kept, in bytes.
    pub(crate) fn room(&self) -> usize {
        self.bytes_max.saturating_sub(self.bytes)
    }

    /// Changes the group of this key, which is made when it is new. `now` is the event's time, as far as it is believed.
    pub(crate) fn with<R>(&mut self, key: &str, now: i64, change: impl FnOnce(&mut G) -> R) -> R {
        self.clock.hear(now);
        self.changes += 1;
        let text = key.as_bytes();
        let grows = self.groups.len() >= self.groups_max && !self.groups.contains_key(text);
        if grows || self.bytes >= self.bytes_max {
            self.make_room(now);
        }
        let (slot, known) = match self.groups.get_mut(text) {
            Some(slot) => (slot, true),
            None => {
                let slot = Slot { group: G::default(), change: 0, clock: i64::MIN, listed: false, stored: false };
                (self.groups.entry(key.into()).or_insert(slot), false)
            }
        };
        if let Some(since) = self.since.as_mut().filter(|_| !slot.listed) {
            slot.listed = true;
            since.changed.push(key.into());
            // A flood between two commits: it is shorter to store the table.
            if since.changed.len() > 2 * self.groups_max {
                self.since = None;
            }
        }
        (slot.change, slot.clock) = (self.changes, self.clock.now);
        let before = if known { slot.group.bytes() } else { 0 };
        let result = change(&mut slot.group);
        let key = if known { 0 } else { KEY_BYTES + key.len() };
        self.bytes = (self.bytes + key + slot.group.bytes()).saturating_sub(before);
        result
    }

    fn make_room(&mut self, now: i64) {
        let (groups_max, bytes_max) = (self.groups_max, self.bytes_max);
        let beyond = self.groups.len() >= 2 * groups_max || self.bytes >= 2 * bytes_max;
        if self.rest > 0 && !beyond {
            self.rest -= 1;
            return;
        }
        let clock = self.clock.now;
        let since = &mut self.since;
        self.groups.retain(|key, slot| {
            let goes = slot.clock.saturating_add(LATENESS_NANOS) < clock && slot.group.is_over(clock);
            if goes {
                Since::note_gone(since, key, slot);
            }
            !goes
        });
        let (groups_part, bytes_part) = (groups_max / 10, bytes_max / 10);
        let half = self.half;
        let (mut kept, mut kept_bytes) = (0, 0);
        self.bytes = 0;
        for (key, slot) in &self.groups {
            let bytes = bytes_of(key, slot);
            self.bytes += bytes;
            if slot.group.fill() >= half {
                kept += 1;
                kept_bytes += bytes;
            }
        }
        let little = |fill| fill < half;
        let (groups_goal, bytes_goal) = (groups_max - groups_part, bytes_max - bytes_part);
        self.evict(now, groups_goal.max(kept + groups_part), bytes_goal.max(kept_bytes + bytes_part), little, false);
        if kept + 2 * groups_part > 2 * groups_max || kept_bytes + 2 * bytes_part > 2 * bytes_max {
            let (groups_goal, bytes_goal) = (2 * groups_max - 2 * groups_part, 2 * bytes_max - 2 * bytes_part);
            self.evict(now, groups_goal, bytes_goal, |fill| fill == half, false);
            self.evict(now, groups_goal, bytes_goal, |fill| fill > half, true);
        }
        self.rest = groups_part;
    }

    /// Evicts those that had no event for longest, until this is met.
    fn evict(&mut self, now: i64, groups: usize, bytes: usize, may_go: impl Fn(usize) -> bool, lost: bool) {
        if self.groups.len() <= groups && self.bytes <= bytes {
            return;
        }
        let going = self.groups.iter().filter(|(_, slot)| may_go(slot.group.fill()));
        let mut going: Vec<(u64, usize)> = going.map(|(key, slot)| (slot.change, bytes_of(key, slot))).collect();
        going.sort_unstable();
        let (mut len, mut last) = (self.groups.len(), 0);
        for (change, freed) in going {
            if len <= groups && self.bytes <= bytes {
                break;
            }
            last = change;
            len -= 1;
            self.bytes = self.bytes.saturating_sub(freed);
        }
        let time = if self.clock.now > i64::MIN { self.clock.now } else { now };
        let (mut counts, since): (BTreeMap<String, u64>, _) = (BTreeMap::new(), &mut self.since);
        self.groups.retain(|key, slot| {
            let goes = slot.change <= last && may_go(slot.group.fill());
            if goes {
                Since::note_gone(since, key, slot);
                let tenant = tenant_of(key.text());
                match counts.get_mut(tenant) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(tenant.to_owned(), 1)),
                }
            }
            !goes
        });
        let day = time.saturating_add(JST_NANOS).div_euclid(DAY_NANOS).saturating_mul(DAY_NANOS);
        let day = day.saturating_sub(JST_NANOS);
        for (tenant, count) in counts {
            self.evictions += count;
            let at = self.gone.iter().position(|gone| gone.day == day && gone.tenant == tenant);
            let at = at.unwrap_or_else(|| {
                self.gone.push(Gone { tenant, day, time, evicted: 0, lost: 0 });
                self.gone.len() - 1
            });
            *(if lost { &mut self.gone[at].lost } else { &mut self.gone[at].evicted }) += count;
        }
    }
}

fn bytes_of<G: Group>(key: &Key, slot: &Slot<G>) -> usize {
    KEY_BYTES + key.len() + slot.group.bytes()
}

/// The tenant that a key begins with, after its length.
fn tenant_of(key: &str) -> &str {
    let tenant = key.split_once(':').and_then(|(length, rest)| rest.get(..length.parse().ok()?));
    tenant.unwrap_or_default()
}

impl Clock {
    fn hear(&mut self, time: i64) {
        self.heard.push(time);
        if self.heard.len() == BODY {
            let (_, median, _) = self.heard.select_nth_unstable(BODY / 2);
            self.now = self.now.max(*median);
            self.heard.clear();
        }
    }
}

#[cfg(test)]
mod tests;
