//! The state of one group: its events, its episodes, and what one more event does to them.
//!
//! An event that carries an episode on only adds to its count. Any other is put in its place among those kept, the
//! group's episodes are found again ([`super::episode`]), and the difference from what was told is told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stream::{EventId, Timestamp};

use super::entries::Entries;
use super::entry::{Entry, Status};
use super::episode::{Dirty, Episode, Pass, pass};
use super::table::Group;
use super::{Correlation, EPISODE_NANOS_MAX, LATENESS_NANOS, Measure};

/// The entries and the episodes of one group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// Sorted by time, then fingerprint, id and step.
    pub(super) entries: Entries,
    /// In the order of time.
    pub(super) episodes: Vec<Episode>,
    /// The event taken last: it may come again for another of the rules referred to.
    latest: Option<(EventId, u16)>,
    /// Time of its newest event, as far as it is believed.
    pub(super) newest: Timestamp,
    /// How long it matters after its newest event, lateness not included.
    reach_nanos: i64,
    /// Whether it has reached half of the rule's threshold and has not raised its alert yet.
    half: bool,
    bytes: usize,
}

/// An event as it comes to a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) time: Timestamp,
    /// Its time as a clock may take it, see [`crate::engine::clock`].
    pub(crate) believed: Timestamp,
    pub(crate) id: EventId,
    pub(crate) step: u16,
    /// What it was to this rule before, and what it is now; an event of a detection rule becomes a hit at once.
    pub(crate) from: Status,
    pub(crate) to: Status,
}

/// What is to be told of a group.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// The event at hand belongs to an alert already raised, which now has this many.
    More { alert_id: String, count: u64 },
    /// So do these.
    Evidence { alert_id: String, entries: Vec<Entry>, count: u64 },
    /// An alert, in the place of the `old` ones, or with an earlier time than it was raised with.
    Alert {
        alert_id: String,
        time: Timestamp,
        old: Vec<String>,
        /// Whether an alert of this id was told before.
        again: bool,
        entries: Vec<Entry>,
        count: u64,
    },
    /// A late event undid the alert.
    Withdrawn { alert_id: String },
}

/// The result of one event: what to tell people, and what to tell correlations that refer to this one.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) effects: Vec<Effect>,
    /// Entries whose status changed, with the status before.
    pub(crate) changes: Vec<(Entry, Status)>,
}

/// How a rule's groups are used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    /// Whether other correlations refer to it.
    pub(crate) feeds: bool,
    /// Whether it raises alerts itself.
    pub(crate) alerts: bool,
    /// The longest line that may be kept, in bytes.
    pub(crate) room: usize,
}

impl Group for Window {
    fn newest(&self) -> i64 {
        self.newest.0
    }

    fn is_over(&self, now: i64) -> bool {
        self.newest.0.saturating_add(self.reach_nanos).saturating_add(LATENESS_NANOS) < now
    }

    fn fill(&self) -> usize {
        if self.half { 2 } else { usize::from(!self.episodes.is_empty()) }
    }

    fn line_bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.line.len()).sum()
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Window {
    /// Takes one event. The entry is asked for only when it is kept or handed on; `id_of` gives the id of an alert
    /// with this anchor.
    pub(crate) fn take(
        &mut self,
        rule: &Correlation,
        usage: Use,
        arrival: Arrival,
        entry: impl FnOnce() -> Entry,
        id_of: impl Fn(Timestamp) -> String,
    ) -> Taken {
        let mut taken = Taken::default();
        self.reach_nanos = rule.span_nanos.saturating_add(rule.behind_nanos);
        self.half &= !self.is_over(arrival.believed.0);
        if !usage.feeds && usage.alerts && self.join(rule, &arrival, &mut taken) {
            return taken;
        }
        let mut entry = entry();
        if entry.line.len() > usage.room {
            entry.forget_line();
        }
        entry.hit = arrival.to == Status::Hit;
        // Most events are the newest of their group.
        let place = match self.entries.are_before(entry.time) {
            true => Err(self.entries.len()),
            false => self.entries.binary_search_by(|held| held.order(&entry)),
        };
        let joined = usage.feeds && usage.alerts && place.is_err() && self.join(rule, &arrival, &mut taken);
        (entry.counted, entry.told) = (joined, joined);
        let is_new = self.bytes == 0;
        if !self.place(place, entry, &arrival, &mut taken) {
            return taken;
        }
        self.newest = if is_new { arrival.believed } else { self.newest.max(arrival.believed) };
        let near = Dirty { from: arrival.time, to: arrival.time.plus_nanos(rule.span_nanos) };
        let mut value = 0.0;
        if usage.feeds {
            value = self.statuses(rule, near, &mut taken.changes);
        }
        if usage.alerts
            && !joined
            && let Some(few) = self.too_few(rule, arrival.to)
        {
            value = few.max(value);
        } else if usage.alerts && !joined {
            let all = Dirty { from: arrival.time.min(self.horizon(rule)), to: Timestamp::MAX };
            let dirty = if rule.monotone { near } else { all };
            let pass = pass(rule, &self.entries, &self.episodes, dirty);
            value = value.max(pass.value);
            self.tell(rule, usage, pass, arrival.from != Status::Nothing, id_of, &mut taken.effects);
        }
        // What has raised its alert is on its way to the next one only from what comes after it.
        let told = !usage.feeds && taken.effects.iter().any(|effect| matches!(effect, Effect::Alert { .. }));
        self.half = (self.half && !told) || 2.0 * value >= rule.threshold();
        self.settle(rule, usage);
        self.trim(rule, usage);
        self.entries.shrink();
        // From lengths, not capacities: what goes from a full table must not depend on how the lists came to be.
        self.bytes = size_of::<Window>()
            + self.entries.bytes()
            + self.entries.len() / 2 * size_of::<Entry>()
            + self.episodes.len() * (size_of::<Episode>() + 48);
        taken
    }

    /// Gives the correlations that entries may be handed on to the indexes that they have now.
    pub(crate) fn renumber(&mut self, outer: &BTreeMap<u32, u32>) {
        if self.entries.iter().all(|entry| entry.onward.is_empty()) {
            return;
        }
        self.entries.change(|entry| {
            let mut places = std::mem::take(&mut entry.onward).into_vec();
            places.retain_mut(|place| outer.get(&place.rule).map(|now| place.rule = *now).is_some());
            entry.onward = places.into();
        });
    }

    /// What a new event measures, as far as it matters, in a group of so few events (or of one value) that no window can
    /// fulfil the condition; none when that must be measured.
    fn too_few(&self, rule: &Correlation, arrived: Status) -> Option<f64> {
        if !rule.monotone || !self.episodes.is_empty() || arrived != Status::Hit {
            return None;
        }
        if let Measure::Steps { ordered } = rule.measure {
            // Events of one step are one step; of a later one, none that is in order.
            let step = self.entries.step()?;
            let value = if ordered && step > 0 { 0.0 } else { 1.0 };
            return (!rule.fulfilled(value)).then_some(value);
        }
        if !matches!(rule.measure, Measure::Events | Measure::Values) {
            return None;
        }
        let one = rule.measure == Measure::Values && self.entries.are_alike();
        let most = if one { 1.0 } else { self.entries.len() as f64 };
        let at_half = |value: f64| 2.0 * value >= rule.threshold();
        match () {
            () if rule.fulfilled(most) => None,
            // The window that ends with the event has at least the event, and at most all there are.
            () if at_half(1.0) => Some(1.0),
            () if !at_half(most) => Some(most),
            () => None,
        }
    }

    /// Nothing older than this can come on time.
    pub(super) fn horizon(&self, rule: &Correlation) -> Timestamp {
        self.newest.plus_nanos(-LATENESS_NANOS).plus_nanos(-rule.behind_nanos)
    }

    /// Whether the event only adds to an episode; then it is counted there.
    fn join(&mut self, rule: &Correlation, arrival: &Arrival, taken: &mut Taken) -> bool {
        let Arrival { time, from, to, .. } = *arrival;
        if from != Status::Nothing || to == Status::Nothing || rule.removable || self.episodes.is_empty() {
            return false;
        }
        let late = time < self.horizon(rule);
        let newest = self.entries.last().map_or(Timestamp::MIN, |entry| entry.time);
        let last = self.episodes.len() - 1;
        let joins = |(index, episode): (usize, &Episode)| {
            let settled = rule.monotone || episode.fixed;
            let joins = if to == Status::Hit {
                let carries_on = index == last && newest <= episode.last && episode.reaches(rule, time);
                let within = episode.fixed && time >= episode.time && time <= episode.last;
                let near = time >= episode.start.plus_nanos(-rule.span_nanos)
                    && time <= episode.last.plus_nanos(rule.span_nanos)
                    && time <= episode.time.plus_nanos(EPISODE_NANOS_MAX.max(rule.span_nanos));
                settled && (carries_on || within) || late && episode.fixed && near
            } else {
                let begin = if episode.fixed { episode.from } else { episode.time };
                settled && time >= begin && time <= episode.last
            };
            joins.then_some(index)
        };
        let Some(index) = self.episodes.iter().enumerate().rev().find_map(joins) else { return false };
        if self.latest.replace((arrival.id, arrival.step)) == Some((arrival.id, arrival.step)) {
            return true;
        }
        let episode = &mut self.episodes[index];
        episode.counted += 1;
        if to == Status::Hit {
            episode.last = episode.last.max(time);
            episode.start = episode.start.min(time);
        }
        self.newest = self.newest.max(arrival.believed);
        taken.effects.push(Effect::More { alert_id: episode.alert_id.clone(), count: episode.count() });
        true
    }

    /// Puts the entry in its place, changes it, or takes it out; false when nothing changes.
    fn place(&mut self, place: Result<usize, usize>, entry: Entry, arrival: &Arrival, taken: &mut Taken) -> bool {
        self.latest = Some((arrival.id, arrival.step));
        match (place, arrival.to) {
            (Ok(at), Status::Nothing) if self.entries[at].counted => false,
            (Ok(at), Status::Nothing) => {
                let mut removed = self.entries.remove(at);
                let before = std::mem::take(&mut removed.status);
                if before != Status::Nothing && self.sibling(at, removed.id).is_none() {
                    taken.changes.push((removed, before));
                }
                true
            }
            (Ok(at), _) => std::mem::replace(&mut self.entries[at].hit, entry.hit) != entry.hit,
            // What is not kept any more was counted.
            (Err(_), to) if to == Status::Nothing || arrival.from != Status::Nothing => false,
            (Err(at), _) => {
                // Another entry of this event has its time.
                let alone = self.entries.are_before(entry.time);
                let status = if alone { Status::Nothing } else { self.sibling(at, entry.id).unwrap_or_default() };
                self.entries.insert(at, Entry { status, ..entry });
                true
            }
        }
    }

    /// The status of another entry of this event beside this place.
    fn sibling(&self, at: usize, id: EventId) -> Option<Status> {
        let beside = self.entries[at.saturating_sub(1)..].iter().take(2);
        beside.filter(|entry| entry.id == id).map(|entry| entry.status).next()
    }

    /// Tells the difference between the episodes told before and those found now. `changes` is set when an event
    /// that was known became something else.
    fn tell(
        &mut self,
        rule: &Correlation,
        usage: Use,
        pass: Pass,
        changes: bool,
        id_of: impl Fn(Timestamp) -> String,
        effects: &mut Vec<Effect>,
    ) {
        let olds = std::mem::take(&mut self.episodes);
        let mut gone = pass.gone;
        for found in &pass.found {
            let (episode, same) = (&found.episode, found.same(&olds));
            let shrinks = same.is_none_or(|old| episode.is_narrower(&olds[old]));
            if !rule.monotone && !episode.fixed && (changes || shrinks) {
                gone.extend(&found.olds);
            }
        }
        // What was told of these may hold events that no longer belong to them: it is told anew.
        for old in &gone {
            effects.push(Effect::Withdrawn { alert_id: olds[*old].alert_id.clone() });
            let (old, entries) = (&olds[*old], self.entries.iter_mut());
            let held = entries.filter(|entry| entry.time >= old.from.min(old.low) && entry.time <= old.last);
            held.for_each(|entry| entry.told = false);
        }
        for found in pass.found {
            let same = found.same(&olds);
            let anew = found.olds.iter().any(|old| gone.contains(old));
            let mut episode = found.episode;
            let begin = episode.from.min(episode.low);
            let begin = self.entries.partition_point(|entry| entry.time < begin);
            let (mut told, mut kept, mut freed) = (Vec::new(), 0, 0);
            for entry in self.entries[begin..].iter_mut().take_while(|entry| entry.time <= episode.last) {
                if !episode.holds(rule, entry) {
                    continue;
                }
                kept += 1;
                if !entry.told {
                    entry.told = true;
                    told.push(entry.clone());
                    if rule.monotone && !usage.feeds {
                        freed += entry.forget_line();
                    }
                }
            }
            self.entries.forgot(freed);
            episode.kept = kept;
            episode.alert_id = same.map_or_else(|| id_of(episode.anchor), |old| olds[old].alert_id.clone());
            let (alert_id, count) = (episode.alert_id.clone(), episode.count());
            let others = found.olds.iter().filter(|old| Some(**old) != same);
            let old: Vec<String> = others.map(|old| olds[*old].alert_id.clone()).collect();
            let moved = same.is_none_or(|old| olds[old].time != episode.time);
            if anew || moved || !old.is_empty() {
                let (time, again) = (episode.time, same.is_some());
                effects.push(Effect::Alert { alert_id, time, old, again, entries: told, count });
            } else if !told.is_empty() {
                effects.push(Effect::Evidence { alert_id, entries: told, count });
            }
            self.episodes.push(episode);
        }
    }
}
