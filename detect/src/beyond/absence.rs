//! `absence` with `without`: a match of this rule (A) with no match of another (B) around it.
//!
//! A and B belong together when the tenant and the values of `by` (`by_without` for B, when its fields are called
//! otherwise) are the same; an event that lacks one of the fields is neither. A is answered for by a B from `before` before it to
//! `after` after it, both ends included, in event time. What nobody answered for is judged when the tenant's watermark
//! is [`LATENESS_NANOS`] past the end of that span, so that arrival order within it changes nothing. The watermark is
//! the newest event time of the tenant's sources, where that is not in the future of its receipt, and follows the
//! clock of ticks while events are at most an hour behind it.
//!
//! **Only while B was heard.** B's sources are those of the tenant that gave a B before. Judged is A only when each of
//! them was heard after the span, without a gap longer than its limit in it (see [`super::health`]); a source that has
//! been silent for a day is left out. When none is left, or one fell silent, nothing is concluded: that is the matter of
//! the silence rule. Such an A is counted (`unjudged`), and so is one that came later than the lateness or is dated ahead
//! of its receipt by more than that; a B dated so answers nothing.
//!
//! The alert's time is the end of the span; its id rests on A.
//! Bounds: [`KEYS_MAX`] keys and 64 MiB of alerts that wait per rule, [`PENDING_MAX`] per key (the oldest goes).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::health::Health;
use super::{Case, Names, write_key};
use crate::correlation::LATENESS_NANOS;
use crate::correlation::table::{Group, SavedTable, Table};

/// The most keys of one rule.
pub(crate) const KEYS_MAX: usize = 100_000;
/// The most unanswered events of one key.
pub(crate) const PENDING_MAX: usize = 16;
/// The most spans of answers kept of one key.
const SPANS_MAX: usize = 64;
/// After so long a source that says nothing is no longer waited for: a day.
const GONE_NANOS: i64 = 86_400 * stream::NANOS_PER_SECOND;

/// How often what waits for a quiet source is looked at again: every ten seconds of the watermark.
const AGAIN_NANOS: i64 = 10 * stream::NANOS_PER_SECOND;

/// `sekisho.absence.without`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Without {
    /// Index of B in the rule list.
    pub(crate) other: u32,
    pub(crate) by: Vec<Names>,
    pub(crate) by_other: Vec<Names>,
    pub(crate) before_nanos: i64,
    pub(crate) after_nanos: i64,
}

impl Without {
    fn span(&self) -> i64 {
        self.before_nanos + self.after_nanos
    }
}

/// An A that nobody has answered for yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// Event time of A.
    pub(crate) time: i64,
    /// When it is judged next.
    at: i64,
    /// Its alert, as JSON.
    pub(crate) alert: String,
    /// Its key under `suppress`.
    pub(crate) key: String,
}

/// The As and Bs of one key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pair {
    /// Spans in which Bs follow each other at most a whole span apart, ascending: every span of an A that lies in one
    /// holds a B.
    answers: Vec<(i64, i64)>,
    pending: Vec<Pending>,
    newest: i64,
    keep_nanos: i64,
}

impl Group for Pair {
    fn newest(&self) -> i64 {
        self.newest
    }

    fn is_over(&self, now: i64) -> bool {
        self.pending.is_empty() && self.newest.saturating_add(self.keep_nanos) < now
    }

    fn fill(&self) -> usize {
        self.pending.len()
    }

    fn line_bytes(&self) -> usize {
        self.pending.iter().map(|pending| pending.alert.len() + pending.key.len()).sum()
    }
}

/// What one rule waits for.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) table: Table<Pair>,
    /// By tenant, when to judge which key.
    due: BTreeMap<String, BTreeSet<(i64, String)>>,
    /// By tenant, the sources that gave a B.
    sources: BTreeMap<String, BTreeSet<String>>,
    /// As of which nothing was concluded.
    pub(super) unjudged: u64,
    key: String,
}

/// The saved form of a memory.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved<P> {
    table: SavedTable<P>,
    due: BTreeMap<String, BTreeSet<(i64, String)>>,
    sources: BTreeMap<String, BTreeSet<String>>,
    unjudged: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Memory {
            table: Table::bounded(1, KEYS_MAX),
            due: BTreeMap::new(),
            sources: BTreeMap::new(),
            unjudged: 0,
            key: String::new(),
        }
    }
}

/// What can be said of an A now.
#[derive(Debug, PartialEq)]
enum Verdict {
    Absent,
    /// Not before this watermark.
    Wait(i64),
    Unjudged,
}

impl Memory {
    /// Takes a B: it answers for the As around it, now and later.
    pub(super) fn answer(&mut self, rule: &Without, case: &Case<'_, '_>) {
        match self.sources.get_mut(case.tenant) {
            Some(sources) if sources.contains(case.source) => {}
            Some(sources) => {
                sources.insert(case.source.to_owned());
            }
            None => {
                self.sources.insert(case.tenant.to_owned(), BTreeSet::from([case.source.to_owned()]));
            }
        }
        let mut key = std::mem::take(&mut self.key);
        // An answer dated ahead is none: nobody knows when it was.
        if !case.is_ahead() && write_key(case, &rule.by_other, &mut key) {
            let time = case.time.0;
            self.table.with(&key, time, |pair| {
                pair.touch(rule, time);
                pair.answers(rule, time);
                pair.pending.retain(|one| time < one.time - rule.before_nanos || time > one.time + rule.after_nanos);
            });
        }
        self.key = key;
    }

    /// Takes an A; `alert` makes its alert and its key under `suppress` when nobody has answered for it yet, if it can.
    pub(super) fn ask(
        &mut self,
        rule: &Without,
        case: &Case<'_, '_>,
        mark: i64,
        alert: impl FnOnce() -> Option<(String, String)>,
    ) {
        let time = case.time.0;
        let mut key = std::mem::take(&mut self.key);
        if !write_key(case, &rule.by, &mut key) || case.is_ahead() || time.saturating_add(LATENESS_NANOS) < mark {
            self.unjudged += 1;
        } else {
            let at = time + rule.after_nanos + LATENESS_NANOS;
            let (mut waits, mut lost) = (false, false);
            self.table.with(&key, time, |pair| {
                pair.touch(rule, time);
                if pair.is_answered(rule, time) {
                    return;
                }
                let Some((alert, key)) = alert() else {
                    lost = true;
                    return;
                };
                pair.pending.push(Pending { time, at, alert, key });
                (waits, lost) = (true, pair.drop_surplus());
            });
            self.unjudged += u64::from(lost);
            if waits {
                self.wait(case.tenant, at, &key);
            }
        }
        self.key = key;
    }

    fn wait(&mut self, tenant: &str, at: i64, key: &str) {
        match self.due.get_mut(tenant) {
            Some(due) => {
                due.insert((at, key.to_owned()));
            }
            None => {
                self.due.insert(tenant.to_owned(), BTreeSet::from([(at, key.to_owned())]));
            }
        }
    }

    /// Gives the As of a tenant that stay without B now that its watermark is here; all that are left at the end of an
    /// input.
    pub(super) fn due(&mut self, rule: &Without, tenant: &str, mark: i64, health: &Health, end: bool) -> Vec<Pending> {
        let mut absent = Vec::new();
        loop {
            let Some(due) = self.due.get_mut(tenant) else { return absent };
            let Some(first) = due.first() else { return absent };
            if first.0 > mark && !end {
                return absent;
            }
            let Some((at, key)) = due.pop_first() else { return absent };
            let sources = self.sources.get(tenant);
            let mut later = Vec::new();
            let unjudged = &mut self.unjudged;
            self.table.with(&key, mark, |pair| {
                for mut pending in std::mem::take(&mut pair.pending) {
                    if pending.at > at {
                        pair.pending.push(pending);
                        continue;
                    }
                    match verdict(rule, pending.time, mark, tenant, sources, health) {
                        Verdict::Absent => absent.push(pending),
                        Verdict::Wait(until) if !end => {
                            pending.at = until;
                            later.push(until);
                            pair.pending.push(pending);
                        }
                        Verdict::Wait(_) | Verdict::Unjudged => *unjudged += 1,
                    }
                }
            });
            later.into_iter().for_each(|until| self.wait(tenant, until, &key));
        }
    }

    /// When something of a tenant is to be judged next.
    pub(super) fn next_due(&self, tenant: &str) -> Option<i64> {
        self.due.get(tenant)?.first().map(|(at, _)| *at)
    }

    pub(super) fn tenants(&self) -> Vec<String> {
        self.due.keys().cloned().collect()
    }

    pub(super) fn save(&self) -> Saved<&Pair> {
        Saved {
            table: self.table.save(),
            due: self.due.clone(),
            sources: self.sources.clone(),
            unjudged: self.unjudged,
        }
    }

    pub(super) fn restore(&mut self, saved: Saved<Pair>) {
        self.table.restore(saved.table);
        (self.due, self.sources, self.unjudged) = (saved.due, saved.sources, saved.unjudged);
    }
}

/// Whether a B can be missing, given what was heard of the sources that give Bs.
fn verdict(
    rule: &Without,
    time: i64,
    mark: i64,
    tenant: &str,
    sources: Option<&BTreeSet<String>>,
    health: &Health,
) -> Verdict {
    let (from, to) = (time - rule.before_nanos, time + rule.after_nanos);
    let mut verdict = Verdict::Unjudged;
    for life in sources.into_iter().flatten().filter_map(|source| health.get(tenant, source)) {
        if life.newest < to - GONE_NANOS {
            continue;
        }
        if life.newest < to {
            let until = life.newest + life.limit + 1;
            if mark >= until {
                return Verdict::Unjudged;
            }
            verdict = Verdict::Wait(until.min(mark.saturating_add(AGAIN_NANOS)));
        } else if life.has_gap(from, to) {
            return Verdict::Unjudged;
        } else if verdict == Verdict::Unjudged {
            verdict = Verdict::Absent;
        }
    }
    verdict
}

impl Pair {
    fn touch(&mut self, rule: &Without, time: i64) {
        self.newest = self.newest.max(time);
        self.keep_nanos = 2 * (rule.span() + LATENESS_NANOS);
    }

    /// Notes a B.
    fn answers(&mut self, rule: &Without, time: i64) {
        let reach = rule.span();
        if let Some(last) = self.answers.last_mut()
            && time >= last.0
            && time - last.1 <= reach
        {
            // Most answers: soon after the one before it. The list ended so already.
            last.1 = last.1.max(time);
            let horizon = self.newest - self.keep_nanos;
            let old = self.answers.partition_point(|(_, end)| *end < horizon);
            self.answers.drain(..old);
            return;
        }
        let at = self.answers.partition_point(|(start, _)| *start <= time);
        self.answers.insert(at, (time, time));
        self.answers.dedup_by(|later, earlier| {
            let joins = later.0 - earlier.1 <= reach;
            if joins {
                earlier.1 = earlier.1.max(later.1);
            }
            joins
        });
        let horizon = self.newest - self.keep_nanos;
        let old = self.answers.partition_point(|(_, end)| *end < horizon);
        let surplus = self.answers.len().saturating_sub(SPANS_MAX);
        self.answers.drain(..old.max(surplus));
    }

    fn is_answered(&self, rule: &Without, time: i64) -> bool {
        let (from, to) = (time - rule.before_nanos, time + rule.after_nanos);
        self.answers.iter().any(|(start, end)| *start <= to && from <= *end)
    }

    /// Drops the oldest A when there are too many; whether one was dropped.
    fn drop_surplus(&mut self) -> bool {
        let full = self.pending.len() > PENDING_MAX;
        if full {
            let oldest = (0..self.pending.len()).min_by_key(|at| self.pending[*at].time).unwrap_or(0);
            self.pending.remove(oldest);
        }
        full
    }
}
