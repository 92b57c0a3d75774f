//! The windows of one correlation rule, per group.

use serde::{Deserialize, Serialize};
use stream::{Alert, EventId, Fingerprint, Timestamp};

use super::table::{Group, SavedTable, Table};
use super::{Correlation, LATENESS_NANOS, Measure};
use crate::suppress::Episode;

/// One event in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) time: Timestamp,
    pub(crate) print: Fingerprint,
    pub(crate) id: EventId,
    /// Which of the rules referred to it matched.
    pub(crate) step: u16,
    /// A hash of the measured values, for value_count.
    pub(crate) value: Option<Fingerprint>,
    /// The measured number, for sums, means and percentiles.
    pub(crate) number: f64,
    pub(crate) source: Box<str>,
    pub(crate) line: Box<str>,
}

impl Entry {
    fn order(&self) -> (Timestamp, Fingerprint, EventId) {
        (self.time, self.print, self.id)
    }
}

/// The entries and the episode of one group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// Sorted by time, then fingerprint, then id.
    entries: Vec<Entry>,
    /// Per step, times at which it held, ascending; for temporal rules only.
    hits: Vec<Vec<Timestamp>>,
    pub(crate) episode: Episode,
    span_nanos: i64,
    /// The newest entry that was handed to correlations that refer to this one.
    handed: Option<(Timestamp, Fingerprint, EventId)>,
}

/// A window that fulfils the condition, as a range of the entries.
struct Found {
    time: Timestamp,
    range: std::ops::Range<usize>,
}

impl Group for Window {
    fn newest(&self) -> i64 {
        self.entries.last().map_or(self.episode.last.0, |entry| entry.time.0)
    }

    fn is_over(&self, now: i64) -> bool {
        self.newest().saturating_add(self.span_nanos).saturating_add(LATENESS_NANOS) < now
    }

    fn fill(&self) -> usize {
        if self.hits.is_empty() { self.entries.len() } else { self.hits.iter().filter(|step| !step.is_empty()).count() }
    }

    fn line_bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.line.len()).sum()
    }
}

/// What a new event did to its group.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// Nothing to tell.
    None,
    /// The event belongs to an alert already raised, which now has this many.
    More { alert_id: String, count: u64 },
    /// A window fulfils the condition.
    Fired(Fired),
}

/// A window that fulfils the condition for the first time in its episode.
#[derive(Debug, PartialEq)]
pub(crate) struct Fired {
    /// Time of the window's last event.
    pub(crate) time: Timestamp,
    /// Fingerprints the alert's id rests on.
    pub(crate) anchor: Fingerprint,
    /// The window's events in event-time order.
    pub(crate) entries: Vec<Entry>,
}

/// The result of one event: what to tell people, and what to tell correlations that refer to this one.
pub(crate) struct Outcome {
    pub(crate) effect: Effect,
    /// The events behind a condition that holds at this event; empty when it does not.
    pub(crate) holds: Vec<Entry>,
}

/// All groups of one correlation rule.
#[derive(Debug)]
pub(crate) struct Windows {
    pub(crate) table: Table<Window>,
    /// Whether other correlations refer to it, so that events behind a fulfilled condition are handed on.
    pub(crate) feeds: bool,
    /// Whether it raises alerts itself.
    pub(crate) alerts: bool,
}

/// The most hit times kept per step of a temporal rule.
const HITS_MAX: usize = 256;

impl Windows {
    pub(crate) fn new(rule: &Correlation, feeds: bool, alerts: bool) -> Windows {
        Windows { table: Table::new(rule.half()), feeds, alerts }
    }

    pub(crate) fn save(&self) -> SavedTable<&Window> {
        self.table.save()
    }

    pub(crate) fn restore(&mut self, saved: SavedTable<Window>) {
        self.table.restore(saved);
    }

    /// Takes one event of this time; for a step that is itself a correlation, also the events `behind` it that are
    /// new. The entry is asked for only when the event is counted: most events of an episode are only evidence.
    pub(crate) fn take(
        &mut self,
        rule: &Correlation,
        key: &str,
        time: Timestamp,
        behind: Vec<Entry>,
        entry: impl FnOnce() -> Entry,
    ) -> Outcome {
        let (feeds, alerts) = (self.feeds, self.alerts);
        let room = self.table.room();
        self.table.with(key, time.0, |window| {
            window.span_nanos = rule.span_nanos;
            let more = alerts && window.episode.covers(time);
            let more = more.then(|| Effect::More {
                count: window.episode.extend(time),
                alert_id: window.episode.alert_id.clone(),
            });
            if !feeds && let Some(effect) = more {
                return Outcome { effect, holds: Vec::new() };
            }
            let fires = alerts && more.is_none();
            let mut entry = entry();
            if entry.line.len() > room {
                entry.line = "".into();
            }
            let (fired, holds) = match rule.measure {
                Measure::Steps { ordered } => {
                    let fired = window.step(rule, ordered, &entry, behind);
                    let holds = fired.as_ref().filter(|_| feeds).map_or(Vec::new(), |fired| fired.entries.clone());
                    (fired.filter(|_| fires), holds)
                }
                _ => {
                    let order = entry.order();
                    window.count(rule, entry).map_or((None, Vec::new()), |found| {
                        let holds = if feeds { window.hand_on(&found, order) } else { Vec::new() };
                        (fires.then(|| window.fire(&found)), holds)
                    })
                }
            };
            let effect = more.or(fired.map(Effect::Fired)).unwrap_or(Effect::None);
            if !feeds && matches!(effect, Effect::Fired(_)) {
                window.entries.clear();
                window.hits.iter_mut().for_each(Vec::clear);
            }
            Outcome { effect, holds }
        })
    }

    /// Notes that the fired window of this group became an alert.
    pub(crate) fn started(&mut self, key: &str, episode: Episode) {
        self.table.with(key, episode.last.0, |window| window.episode = episode);
    }
}

impl Window {
    fn fire(&self, found: &Found) -> Fired {
        let entries = self.entries[found.range.clone()].to_vec();
        Fired { time: found.time, anchor: entries[0].print, entries }
    }

    /// The events of a window that were not handed on before, the new one always among them.
    fn hand_on(&mut self, found: &Found, order: (Timestamp, Fingerprint, EventId)) -> Vec<Entry> {
        let new = self.entries[found.range.clone()].iter();
        let new: Vec<Entry> = new
            .filter(|held| held.order() == order || self.handed.is_none_or(|handed| held.order() > handed))
            .cloned()
            .collect();
        self.handed = self.handed.max(new.last().map(Entry::order));
        new
    }

    /// Puts the entry in its place; false when it is there already.
    fn insert(&mut self, entry: Entry) -> bool {
        match self.entries.binary_search_by(|held| held.order().cmp(&entry.order())) {
            Ok(_) => false,
            Err(at) => {
                self.entries.insert(at, entry);
                true
            }
        }
    }

    fn newest_time(&self) -> Timestamp {
        self.entries.last().map_or(Timestamp::MIN, |entry| entry.time)
    }

    fn count(&mut self, rule: &Correlation, entry: Entry) -> Option<Found> {
        let at = entry.time;
        self.insert(entry);
        let horizon = self.newest_time().plus_nanos(-rule.span_nanos - LATENESS_NANOS);
        let old = self.entries.partition_point(|held| held.time < horizon);
        self.entries.drain(..old);
        let max = Alert::EVIDENCE_MAX.max(rule.limit() + 2);
        while self.entries.len() > max {
            let value = |at: usize| self.entries[at].value;
            let again = (0..self.entries.len()).find(|at| {
                value(*at).is_some() && self.entries[at + 1..].iter().any(|later| later.value == value(*at))
            });
            self.entries.remove(again.unwrap_or(0));
        }
        let mut end = self.entries.partition_point(|held| held.time < at);
        while end < self.entries.len() && self.entries[end].time.since(at) <= rule.span_nanos {
            let time = self.entries[end].time;
            end = self.entries.partition_point(|held| held.time <= time);
            let start = self.entries.partition_point(|held| held.time < time.plus_nanos(-rule.span_nanos));
            let window = &self.entries[start..end];
            if measure(rule, window).is_some_and(|value| rule.fulfilled(value)) {
                return Some(Found { time, range: start..end });
            }
        }
        None
    }

    fn step(&mut self, rule: &Correlation, ordered: bool, entry: &Entry, behind: Vec<Entry>) -> Option<Fired> {
        self.hits.resize(rule.steps.len(), Vec::new());
        for mut one in behind {
            one.step = entry.step;
            if one.order() != entry.order() {
                self.insert(one);
            }
        }
        self.insert(entry.clone());
        let hits = &mut self.hits[usize::from(entry.step)];
        let at = hits.partition_point(|held| *held <= entry.time);
        hits.insert(at, entry.time);
        let newest = self.newest_time();
        let horizon = newest.plus_nanos(-rule.span_nanos - LATENESS_NANOS);
        for hits in &mut self.hits {
            let old = hits.partition_point(|held| *held < horizon).max(hits.len().saturating_sub(HITS_MAX));
            hits.drain(..old);
        }
        let horizon = newest.plus_nanos(-2 * rule.span_nanos - LATENESS_NANOS);
        let old = self.entries.partition_point(|held| held.time < horizon);
        let surplus = self.entries.len().saturating_sub(Alert::EVIDENCE_MAX);
        self.entries.drain(..old.max(surplus));
        let (_, end) = if ordered { self.in_order(rule, entry) } else { self.in_any_order(rule, entry) }?;
        let last_step = rule.steps.len() - 1;
        let before = self.hits[last_step.saturating_sub(1)].iter().rev().find(|hit| **hit <= end);
        let belongs = |held: &&Entry| {
            let early =
                ordered && usize::from(held.step) == last_step && before.is_some_and(|before| held.time < *before);
            held.time <= end && !early
        };
        let entries: Vec<Entry> = self.entries.iter().filter(belongs).cloned().collect();
        let completes = |held: &&Entry| held.time == end && (!ordered || usize::from(held.step) == last_step);
        let anchor = entries.iter().rev().find(completes).map_or(entry.print, |last| last.print);
        Some(Fired { time: end, anchor, entries })
    }

    /// A chain of hits in the order of the steps, within the timespan and through the new hit: its first and last time.
    fn in_order(&self, rule: &Correlation, entry: &Entry) -> Option<(Timestamp, Timestamp)> {
        let step = usize::from(entry.step);
        let mut first = entry.time;
        for hits in self.hits[..step].iter().rev() {
            let before = hits.partition_point(|held| *held <= first);
            first = *hits.get(before.checked_sub(1)?)?;
        }
        let mut last = entry.time;
        for hits in &self.hits[step + 1..] {
            last = *hits.get(hits.partition_point(|held| *held < last))?;
        }
        (last.since(first) <= rule.span_nanos).then_some((first, last))
    }

    /// A timespan that holds the new hit and a hit of every step: its first and last time.
    fn in_any_order(&self, rule: &Correlation, entry: &Entry) -> Option<(Timestamp, Timestamp)> {
        let mut starts: Vec<Timestamp> = self.hits.iter().flatten().copied().collect();
        starts.retain(|start| *start <= entry.time && entry.time.since(*start) <= rule.span_nanos);
        starts.sort_unstable();
        starts.into_iter().find_map(|start| {
            let mut last = entry.time;
            for hits in &self.hits {
                let hit = *hits.get(hits.partition_point(|held| *held < start))?;
                last = last.max(hit);
            }
            (last.since(start) <= rule.span_nanos).then_some((start, last))
        })
    }
}

/// The measured value of a window; none when there is nothing to measure.
fn measure(rule: &Correlation, window: &[Entry]) -> Option<f64> {
    match rule.measure {
        Measure::Events => Some(window.len() as f64),
        Measure::Values => {
            let mut values: Vec<Fingerprint> = window.iter().filter_map(|entry| entry.value).collect();
            values.sort_unstable();
            values.dedup();
            Some(values.len() as f64)
        }
        Measure::Sum => Some(window.iter().map(|entry| entry.number).sum()),
        Measure::Average => Some(window.iter().map(|entry| entry.number).sum::<f64>() / window.len().max(1) as f64),
        Measure::Percentile(rank) => {
            let mut numbers: Vec<f64> = window.iter().map(|entry| entry.number).collect();
            numbers.sort_unstable_by(f64::total_cmp);
            let place = rank / 100.0 * numbers.len().checked_sub(1)? as f64;
            let (below, above) = (numbers[place.floor() as usize], numbers[place.ceil() as usize]);
            Some(below + (above - below) * place.fract())
        }
        Measure::Steps { .. } => None,
    }
}
