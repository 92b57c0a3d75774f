//! What a group lets go of: what can no longer change, and what is beyond its bounds.

use std::collections::BTreeSet;

use stream::Alert;

use super::entry::Entry;
use super::episode::Episode;
use super::window::{Use, Window};
use super::{Correlation, Measure};

/// Settled episodes remembered per group, for events later than allowed.
const EPISODES_KEPT: usize = 8;
/// Events kept per group, though nothing needs them, for events later than allowed.
const ENTRIES_KEPT: usize = 16;

impl Window {
    /// Lets go of what can no longer change.
    pub(super) fn settle(&mut self, rule: &Correlation, usage: Use) {
        if self.episodes.is_empty() {
            return;
        }
        let horizon = self.horizon(rule);
        for episode in &mut self.episodes {
            // Where events may be taken back, the whole episode must be past that.
            let end = if rule.removable { episode.last.plus_nanos(rule.span_nanos) } else { episode.time };
            episode.fixed |= end < horizon;
            count(rule, &mut self.entries, episode);
        }
        self.drop_counted(usage);
        let surplus = self.episodes.len().saturating_sub(EPISODES_KEPT);
        let settled = |episode: &&Episode| episode.last.plus_nanos(rule.span_nanos) < horizon;
        let surplus = self.episodes.iter().take(surplus).take_while(settled).count();
        self.episodes.drain(..surplus);
    }

    fn drop_counted(&mut self, usage: Use) {
        if !usage.feeds {
            self.entries.retain(|entry| !entry.counted);
        }
    }

    /// Keeps the entries within their bounds.
    pub(super) fn trim(&mut self, rule: &Correlation, usage: Use) {
        let max = Alert::EVIDENCE_MAX.max(rule.limit() + 2);
        if self.entries.len() > ENTRIES_KEPT.max(rule.limit().saturating_mul(2)).min(max) {
            let mut old = self.horizon(rule).plus_nanos(-rule.span_nanos).plus_nanos(-rule.behind_nanos);
            if let Some(open) = self.episodes.iter().find(|episode| !episode.fixed) {
                old = old.min(open.from).min(open.low);
            }
            if self.entries.begin_before(old) {
                // Few go at once: looking from the front touches less memory than halving.
                let old = self.entries.iter().take_while(|entry| entry.time < old).count();
                self.entries.drop_first(old);
            }
        }
        if self.entries.len() <= max {
            return;
        }
        if !rule.monotone {
            for episode in self.episodes.iter_mut().filter(|episode| !episode.fixed) {
                episode.fixed = true;
                count(rule, &mut self.entries, episode);
            }
            self.drop_counted(usage);
        }
        let mut surplus = self.entries.len().saturating_sub(max);
        if surplus > 0 && rule.measure == Measure::Values {
            // Values that come again go first: the number of different values stays what it is.
            surplus += max / 8;
            if self.entries.are_alike() && self.episodes.is_empty() && surplus < self.entries.len() {
                return self.entries.drop_first(surplus);
            }
            let mut seen = BTreeSet::new();
            let last: Vec<bool> = self.entries.iter().rev().map(|entry| seen.insert(entry.value)).collect();
            self.give_up(rule, last.into_iter().rev().map(|last| !last), &mut surplus);
            surplus = self.entries.len().saturating_sub(max);
        }
        if surplus > 0 {
            self.give_up(rule, std::iter::repeat(true), &mut surplus);
        }
    }

    /// Removes so many of the entries marked, the oldest first; episodes they belong to go on counting them.
    fn give_up(&mut self, rule: &Correlation, mut marked: impl Iterator<Item = bool>, surplus: &mut usize) {
        let episodes = &mut self.episodes;
        self.entries.retain(|entry| {
            let goes = marked.next() == Some(true) && *surplus > 0;
            if goes {
                *surplus -= 1;
                let of = episodes.iter_mut().find(|episode| entry.told && episode.holds(rule, entry));
                if let Some(episode) = of {
                    episode.counted += 1;
                    episode.kept = episode.kept.saturating_sub(1);
                }
            }
            !goes
        });
    }
}

/// Moves an episode's entries that can no longer leave it into its count.
fn count(rule: &Correlation, entries: &mut [Entry], episode: &mut Episode) {
    let begin = episode.from.min(episode.low);
    let begin = entries.partition_point(|entry| entry.time < begin);
    for entry in entries[begin..].iter_mut().take_while(|entry| entry.time <= episode.last) {
        if (episode.fixed || rule.monotone && entry.time > episode.time) && episode.holds(rule, entry) {
            entry.counted = true;
            episode.counted += 1;
            episode.kept = episode.kept.saturating_sub(1);
        }
    }
    if episode.fixed {
        episode.low = episode.low.max(episode.time.plus_nanos(1));
    }
}
