//! Episodes: alerts of one group and what still belongs to them, found by going through the group's events in order.

use serde::{Deserialize, Serialize};
use stream::Timestamp;

use super::measure::{Rows, in_order, measure};
use super::{Correlation, EPISODE_NANOS_MAX, Entry, Measure};

/// An alert that takes more evidence, and may still change while events as late as allowed can come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Episode {
    /// Empty until it is told.
    pub(crate) alert_id: String,
    /// The instant that the alert's id rests on.
    pub(crate) anchor: Timestamp,
    /// First event of the window that raised it.
    pub(crate) start: Timestamp,
    /// Supporting events from here on belong to it.
    pub(crate) from: Timestamp,
    /// The instant at which the condition became true.
    pub(crate) time: Timestamp,
    /// Its newest event.
    pub(crate) last: Timestamp,
    /// Its events that are no longer kept one by one.
    pub(crate) counted: u64,
    /// Its events that are.
    pub(crate) kept: u64,
    /// Whether the window that raised it can no longer change.
    pub(crate) fixed: bool,
    /// Its kept events are at or after this.
    pub(crate) low: Timestamp,
    /// Events of the last step before this come before the steps they should follow.
    ready: Timestamp,
}

impl Episode {
    /// Whether an event of this time carries it on.
    pub(crate) fn reaches(&self, rule: &Correlation, time: Timestamp) -> bool {
        time >= self.time
            && time <= self.last.plus_nanos(rule.span_nanos)
            && time <= self.time.plus_nanos(EPISODE_NANOS_MAX.max(rule.span_nanos))
    }

    pub(crate) fn count(&self) -> u64 {
        self.counted + self.kept
    }

    /// Whether it may leave out events that it held before.
    pub(crate) fn is_narrower(&self, before: &Episode) -> bool {
        self.from > before.from || self.low > before.low || self.ready > before.ready
    }

    /// Whether an entry that is kept belongs to it.
    pub(crate) fn holds(&self, rule: &Correlation, entry: &Entry) -> bool {
        if entry.counted || entry.time > self.last {
            return false;
        }
        if !entry.hit {
            return entry.time >= self.from;
        }
        let early = entry.time < self.ready && usize::from(entry.step) + 1 == rule.steps.len();
        entry.time >= self.low && !early
    }
}

/// An episode as the events known now give it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) episode: Episode,
    /// Which episodes told before it holds, by index.
    pub(crate) olds: Vec<usize>,
}

impl Found {
    fn of(old: usize, episode: &Episode) -> Found {
        Found { episode: episode.clone(), olds: vec![old] }
    }

    /// The episode told before that has its id.
    pub(crate) fn same(&self, olds: &[Episode]) -> Option<usize> {
        self.olds.iter().copied().find(|old| olds[*old].anchor == self.episode.anchor)
    }

    /// Takes in an episode told before, when its condition became true within this one.
    fn absorbs(&mut self, old: usize, told: &Episode) -> bool {
        let held = self.episode.time <= told.time && told.time <= self.episode.last;
        if held {
            self.olds.push(old);
            self.episode.counted += told.counted;
            if told.counted > 0 {
                self.episode.last = self.episode.last.max(told.last);
            }
        }
        held
    }
}

/// Which windows must be judged: those that end in this range, and those that raised an alert before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dirty {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// What one pass over a group's events finds.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    pub(crate) found: Vec<Found>,
    /// Episodes told before that are no more, by index.
    pub(crate) gone: Vec<usize>,
    /// The largest measured value of a window that did not fulfil the condition.
    pub(crate) value: f64,
}

/// Goes through the group's events, instant by instant. `olds` are the episodes told before, in the order of time.
pub(crate) fn pass(rule: &Correlation, entries: &[Entry], olds: &[Episode], dirty: Dirty) -> Pass {
    let mut pass = Pass::default();
    let mut current: Option<Found> = None;
    let (mut at, mut old) = (0, 0);
    if !rule.removable && olds.iter().all(|episode| episode.fixed) {
        // Nothing before the new event can change.
        at = entries.partition_point(|entry| entry.time < dirty.from);
    }
    let mut rows = matches!(rule.measure, Measure::Steps { ordered: true }).then(|| Rows::new(rule));
    if let Some(rows) = &mut rows {
        let begin = entries[..at].partition_point(|entry| entry.time < dirty.from.plus_nanos(-rule.span_nanos));
        entries[begin..at]
            .chunk_by(|a, b| a.time == b.time)
            .for_each(|instant| rows.add(instant[0].time, counting(instant)));
    }
    while at < entries.len() {
        let time = entries[at].time;
        let end = at + entries[at..].partition_point(|entry| entry.time == time);
        if let Some(rows) = &mut rows {
            rows.add(time, counting(&entries[at..end]));
        }
        while let Some(episode) = olds.get(old).filter(|episode| episode.fixed && episode.time <= time) {
            pass.found.extend(current.replace(Found::of(old, episode)));
            old += 1;
        }
        if entries[at..end].iter().any(|entry| entry.hit && !entry.counted) {
            match &mut current {
                Some(found) if found.episode.reaches(rule, time) => {
                    found.episode.last = found.episode.last.max(time);
                }
                _ => {
                    let again = olds[old..].iter().any(|episode| !episode.fixed && episode.time == time);
                    if again || (time >= dirty.from && time <= dirty.to) {
                        let floor = current.as_ref().map(|found| found.episode.last);
                        let (found, value) = judge(rule, &entries[..end], time, floor, rows.as_ref());
                        match found {
                            Some(found) => pass.found.extend(current.replace(found)),
                            None => pass.value = pass.value.max(value),
                        }
                    }
                }
            }
        }
        while let Some(episode) = olds.get(old).filter(|episode| !episode.fixed && episode.time <= time) {
            if !current.as_mut().is_some_and(|found| found.absorbs(old, episode)) {
                pass.gone.push(old);
            }
            old += 1;
        }
        at = end;
    }
    for (index, episode) in olds.iter().enumerate().skip(old) {
        if episode.fixed {
            pass.found.extend(current.replace(Found::of(index, episode)));
        } else if !current.as_mut().is_some_and(|found| found.absorbs(index, episode)) {
            pass.gone.push(index);
        }
    }
    pass.found.extend(current);
    pass
}

/// The entries that a window measures.
fn counting(entries: &[Entry]) -> impl Iterator<Item = &Entry> + Clone {
    entries.iter().filter(|entry| entry.hit && !entry.counted)
}

/// Judges the window that ends at the last of these entries, not reaching back into the episode before it. `rows` are
/// theirs, where the measure is one of steps in order.
fn judge(
    rule: &Correlation,
    entries: &[Entry],
    time: Timestamp,
    floor: Option<Timestamp>,
    rows: Option<&Rows>,
) -> (Option<Found>, f64) {
    let after = floor.filter(|floor| *floor < time).map_or(Timestamp::MIN, |floor| floor.plus_nanos(1));
    let low = time.plus_nanos(-rule.span_nanos).max(after);
    let begin = entries.partition_point(|entry| entry.time < low);
    let window = || counting(&entries[begin..]);
    // Going through each window would be the square of a group's events, for every event.
    let value = rows.map_or_else(|| measure(rule, window()), |rows| Some(rows.since(low) as f64));
    let Some(value) = value else { return (None, 0.0) };
    if !rule.fulfilled(value) {
        return (None, value);
    }
    let start = window().next().map_or(time, |entry| entry.time);
    let (low, anchor) = if matches!(rule.measure, Measure::Steps { .. }) { (low, time) } else { (start, start) };
    let ready = match rule.measure {
        Measure::Steps { ordered: true } => in_order(rule, window()).1,
        _ => Timestamp::MIN,
    };
    let episode = Episode {
        alert_id: String::new(),
        anchor,
        start,
        from: low.plus_nanos(-rule.behind_nanos).max(after),
        time,
        last: time,
        counted: 0,
        kept: 0,
        fixed: false,
        low,
        ready,
    };
    (Some(Found { episode, olds: Vec::new() }), value)
}
