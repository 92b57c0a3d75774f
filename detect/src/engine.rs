//! The engine: events in, alerts and their evidence out, in the order of the stream.
//!
//! A pure function of the rules, the tenants and the events and ticks it was given: no clock, no randomness, and
//! nothing depends on the order of a hash. [`Engine::snapshot`] holds all of its state and [`Engine::checkpoint`] what
//! changed of it, so that an engine restored at any position goes on as if it had never stopped.
//!
//! Ids. An alert of a detection rule rests on the fingerprint of its event; one of a suppressed rule or of a correlation on
//! the instant described in [`crate::correlation`], and on its group; one of silence on the instant of the last event before
//! it. Of a record that holds several events, each event's fingerprint covers its number too.
//!
//! Late events. An event more than the lateness behind the newest of its source is marked `sekisho.late`; it counts all
//! the same. What an event says about time is not believed where its line gave no time.
//!
//! Bounds: [`Alert::EVIDENCE_MAX`] events and lines per alert, lines cut at [`LINE_BYTES_MAX`] bytes; see
//! `correlation::table` for state. Beyond the evidence bound only the count goes on, told every [`COUNT_STEP`] events, at
//! ticks and at the end.

mod absence;
mod alert;
mod beyond;
mod book;
mod by_rule;
pub(crate) mod clock;
mod correlate;
mod cost;
mod evidence;
mod known;
mod matcher;
mod overflow;
mod plain;
mod single;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stream::{Alert, Event, EventId, Evidence, Timestamp, Value, fields, fingerprint};

use self::alert::Facts;
pub use self::book::AlertBook;
use self::by_rule::ByRule;
use self::correlate::Delivery;
pub use self::cost::{Clock, Costs};
use self::known::Known;
pub use self::matcher::Matcher;
pub use self::plain::{PlainBook, Said};
pub use self::snapshot::Checkpoint;
use crate::Tenants;
use crate::beyond::Case;
use crate::by_source::BySource;
use crate::correlation::table::Table;
use crate::correlation::{Correlation, Windows};
use crate::hash::Map;
use crate::places::Shapes;
use crate::rules::RuleSet;
use crate::sigma::Judge;
use crate::silence::Watch;
use crate::suppress::Episode;

/// The longest line kept as evidence, in bytes.
pub const LINE_BYTES_MAX: usize = 8192;
/// How often the count of an alert whose evidence is full is told.
const COUNT_STEP: u64 = 1000;

/// What the engine needs to know of an event beside its fields.
#[derive(Clone, Copy, Debug)]
pub struct Meta<'a> {
    /// The event's id.
    pub id: EventId,
    /// Tenant id.
    pub tenant: &'a str,
    /// Source id within the tenant.
    pub source: &'a str,
    /// When the record was received.
    pub received: Timestamp,
    /// The record's raw bytes.
    pub raw: &'a [u8],
}

/// What detection tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A new alert; or a known one, with more evidence and perhaps an earlier time.
    Alert(Alert),
    /// An alert in the place of others told before, whose handling and deliveries it takes over: a late event moved it or
    /// joined them. It carries only evidence that they did not.
    Replaced {
        /// Ids of the alerts that are no more.
        old: Vec<String>,
        /// What they became.
        alert: Alert,
    },
    /// A late event undid an alert, with all its evidence. It may come back, under its id or replaced.
    Withdrawn {
        /// The alert's id.
        alert_id: String,
    },
    /// More of an alert that was told before.
    Evidence {
        /// The alert's id.
        alert_id: String,
        /// Further supporting events; empty when the alert holds its maximum already.
        events: Vec<EventId>,
        /// Their lines.
        evidence: Vec<Evidence>,
        /// Supporting events in all, these included: merging by the larger number is idempotent.
        count: u64,
    },
}

/// Plain counters since the engine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events judged.
    pub events: u64,
    /// Matches of detection rules.
    pub matches: u64,
    /// Alerts raised.
    pub alerts: u64,
    /// Events that became further evidence.
    pub evidence: u64,
    /// Groups evicted from full tables.
    pub evictions: u64,
    /// Groups held.
    pub groups: u64,
    /// Matches of `absence` rules of which nothing could be concluded: the other source was silent, or they came too late.
    pub unjudged: u64,
}

/// Judges events by a rule set.
#[derive(Debug)]
pub struct Engine {
    rules: Arc<RuleSet>,
    tenants: Arc<Tenants>,
    /// Rule ids by index, for the life of the process, so that events may borrow them.
    names: Vec<&'static str>,
    judge: Judge,
    matched: Vec<u32>,
    matches: Vec<usize>,
    /// Buffers of one event, kept for the next.
    told: Vec<u32>,
    queue: Vec<Delivery>,
    working: Vec<Delivery>,
    key: String,
    /// Where fields of events stand, and what is known of their sources.
    shapes: Shapes,
    sources: known::Sources,
    /// By rule index: correlations that refer to it, with the step.
    feeds: Vec<Vec<(u32, u16)>>,
    /// By rule index: the correlations behind those, in turn.
    ancestors: Vec<Vec<u32>>,
    /// By rule index, for rules with `suppress` that have `first` or judge an absence.
    episodes: ByRule<Table<Episode>>,
    /// By rule index, for rules with `suppress`: the correlations that they stand for.
    forms: ByRule<Arc<Correlation>>,
    /// By rule index, for correlations and rules with `suppress`.
    windows: ByRule<Windows>,
    /// By rule index, for absence rules.
    watches: ByRule<Watch>,
    /// What the keys beyond Sigma remember.
    beyond: crate::beyond::State,
    /// Limits that sources declare, by tenant and source, in nanoseconds.
    limits: BTreeMap<String, BTreeMap<String, i64>>,
    /// Newest event time by tenant and source.
    newest: BySource<Timestamp>,
    /// What was stored of this.
    chain: snapshot::Chain,
    /// What was told of full tables.
    overflows: overflow::Told,
    /// Counts of full alerts not told yet.
    untold: BTreeMap<String, u64>,
    /// Use cases that apply to no tenant; a configuration, not state.
    not_applicable: Vec<String>,
    /// Use cases whose rules judge every tenant though they are off; a configuration, not state.
    on_extra: Vec<String>,
    /// By tenant, which rules do not apply.
    excluded: Map<String, Arc<[bool]>>,
    /// The last that was asked for of them.
    recent: Option<(Box<str>, Arc<[bool]>)>,
    stats: Stats,
    /// What rules cost, and the clock while an event is measured.
    costs: Costs,
    clock: Option<Clock>,
}

impl Engine {
    /// Declares how long a source may be silent (`silence_after` of its configuration); a configuration, not state.
    pub fn set_silence(&mut self, tenant: &str, source: &str, limit: Duration) {
        let nanos = i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX);
        self.limits.entry(tenant.to_owned()).or_default().insert(source.to_owned(), nanos);
        self.forget_known();
    }

    /// Declares use cases that apply to no tenant (`rules_not_applicable` of sekisho.toml). Call before the first event.
    pub fn set_not_applicable(&mut self, usecases: &[String]) {
        self.not_applicable = usecases.to_vec();
        self.forget_known();
    }

    /// Declares use cases whose rules judge every tenant though they are off (`rules_on_extra` of sekisho.toml). Call
    /// before the first event.
    pub fn set_on_extra(&mut self, usecases: &[String]) {
        self.on_extra = usecases.to_vec();
        self.forget_known();
    }

    /// Judges one event: pushes what it sets off, and puts the ids of the alerts' rules into `sekisho.rule.ids`.
    pub fn observe(&mut self, meta: &Meta<'_>, event: &mut Event<'_>, out: &mut Vec<Outcome>) {
        let mut matched = std::mem::take(&mut self.matched);
        matched.clear();
        self.judge.judge(&self.rules.program, event, &mut matched);
        self.observe_matched(meta, event, &matched, out);
        self.matched = matched;
    }

    /// The ordered part of [`Engine::observe`]: takes an event with the indexes of the detection rules that match it,
    /// ascending, as `Judge` found them, here or on another thread.
    pub fn observe_matched(&mut self, meta: &Meta<'_>, event: &mut Event<'_>, matched: &[u32], out: &mut Vec<Outcome>) {
        self.stats.events += 1;
        self.matches.clear();
        let (place, known) = self.take_known(meta);
        let mut shapes = std::mem::take(&mut self.shapes);
        let mut told = std::mem::take(&mut self.told);
        self.observe_known(meta, event, matched, &known, &mut shapes, &mut told, out);
        for index in told.drain(..) {
            event.push_unique(fields::SEKISHO_RULE_IDS, Value::Str(self.names[index as usize]));
        }
        (self.shapes, self.told) = (shapes, told);
        self.put_back(place, known);
    }

    /// The same, given what is known of the event's source; puts the rules whose alerts it is evidence of into `told`.
    #[expect(clippy::too_many_arguments, reason = "buffers of the engine, taken out of it for the event")]
    fn observe_known(
        &mut self,
        meta: &Meta<'_>,
        event: &mut Event<'_>,
        matched: &[u32],
        known: &Known,
        shapes: &mut Shapes,
        told: &mut Vec<u32>,
        out: &mut Vec<Outcome>,
    ) {
        let mut placed = shapes.of(event);
        if self.is_late(meta, placed, known) {
            event.set(fields::SEKISHO_LATE, Value::Bool(true));
            placed = shapes.of(event);
        }
        if matched.is_empty() && !self.beyond.listens() {
            return;
        }
        let case = Case::new(known.body(), meta, placed);
        if self.beyond.listens() {
            self.hear(&case, known, out);
        }
        if !matched.is_empty() {
            let mut facts = Facts::new(meta, placed, case.time, known);
            self.rules_of(matched, &case, &mut facts, told, out);
            self.correlations(&facts, told, out);
        }
    }

    /// Takes the clock of a tick record: raises the silences it shows and tells full tables and counts not told yet.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Outcome>) {
        self.silences_at(now, out);
        self.absences_at(now, out);
        self.tell_overflows(out);
        self.tell_counts(out);
    }

    /// Ends an offline input: raises the silences that the tenant's other sources show and tells the last counts.
    pub fn finish(&mut self, out: &mut Vec<Outcome>) {
        self.silences_at_end(out);
        self.absences_at_end(out);
        self.tell_overflows(out);
        self.tell_counts(out);
    }

    /// Indexes into [`RuleSet::rules`] of the detection rules that matched the last event, ascending.
    pub fn matches(&self) -> &[usize] {
        &self.matches
    }

    /// The rules it judges by.
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// Counters for metrics.
    pub fn stats(&self) -> Stats {
        let tables = self.episodes.iter().map(|(_, table)| (table.len(), table.evictions));
        let windows = self.windows.iter().map(|(_, windows)| (windows.table.len(), windows.table.evictions));
        let (groups, evictions) = tables
            .chain(windows)
            .fold(self.beyond.groups(), |sum, (len, evictions)| (sum.0 + len as u64, sum.1 + evictions));
        Stats { groups, evictions, unjudged: self.beyond.unjudged(), ..self.stats }
    }
}

/// The fingerprint of an event: of its record, and of its number where the record holds several.
fn print_of(tenant: &str, source: &str, raw: &[u8], id: EventId) -> stream::Fingerprint {
    if id.sub == 0 {
        return fingerprint(tenant, source, raw);
    }
    let mut numbered = raw.to_vec();
    numbered.extend_from_slice(&id.sub.to_le_bytes());
    fingerprint(tenant, source, &numbered)
}
