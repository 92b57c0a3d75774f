//! The engine: events in, alerts and their evidence out, in the order of the stream.
//!
//! A pure function of the rules, the tenants and the events and ticks it was given: no clock, no randomness, and
//! nothing depends on the order of a hash. [`Engine::snapshot`] holds all of its state, so that an engine restored at any
//! position goes on as if it had never stopped.
//!
//! Ids. An alert of a detection rule rests on the fingerprint of its first match; one of a correlation on the event
//! described in [`crate::correlation`]; one of silence on the last event before it. Of a record that holds several events,
//! each event's fingerprint covers its number too. The group of a suppressed rule and of a correlation is part of the id.
//!
//! Bounds: [`Alert::EVIDENCE_MAX`] events and lines per alert, lines cut at [`LINE_BYTES_MAX`] bytes; see
//! `correlation::table` for state. Beyond the evidence bound only the count goes on, told every [`COUNT_STEP`] events, at
//! ticks and at the end.

mod alert;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use stream::{Alert, Event, EventId, Evidence, FieldId, Timestamp, Value, fields, fingerprint};

use self::alert::Facts;
use crate::correlation::table::Table;
use crate::correlation::{Correlation, Effect, Entry, Measure, Windows};
use crate::rules::{Compiled, RuleSet};
use crate::sigma::extension::Silence;
use crate::sigma::{Judge, Rule, may_judge};
use crate::silence::{Sign, Silent, Watch};
use crate::suppress::Episode;
use crate::{Result, Tenants};

/// The longest line kept as evidence, in bytes.
pub const LINE_BYTES_MAX: usize = 8192;
/// How often the count of an alert whose evidence is full is told.
const COUNT_STEP: u64 = 1000;
/// The most rules that one event can set off in turn through chains of correlations.
const CHAIN_MAX: usize = 10_000;

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
#[expect(clippy::large_enum_variant, reason = "outcomes are rare and moved once; a box would only add a step")]
pub enum Outcome {
    /// A new alert.
    Alert(Alert),
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
}

/// A match to hand to a correlation: its rule index and step, the detection rule, and the events behind the match.
type Step = (u32, u16, u32, Vec<Entry>);

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
    queue: VecDeque<Step>,
    key: String,
    /// By rule index: correlations that refer to it, with the step.
    feeds: Vec<Vec<(u32, u16)>>,
    /// By rule index, for rules with `suppress`.
    episodes: BTreeMap<u32, Table<Episode>>,
    /// By rule index, for correlations.
    windows: BTreeMap<u32, Windows>,
    /// By rule index, for absence rules.
    watches: BTreeMap<u32, Watch>,
    /// Limits that sources declare, by tenant and source, in nanoseconds.
    limits: BTreeMap<String, BTreeMap<String, i64>>,
    /// Newest event time by tenant.
    newest: BTreeMap<String, Timestamp>,
    /// Counts of full alerts not told yet.
    untold: BTreeMap<String, u64>,
    /// Use cases that apply to no tenant; a configuration, not state.
    not_applicable: Vec<String>,
    /// By tenant, which rules do not apply.
    excluded: HashMap<String, Box<[bool]>>,
    stats: Stats,
}

impl Engine {
    /// An engine without history.
    pub fn new(rules: Arc<RuleSet>, tenants: Arc<Tenants>) -> Engine {
        let mut feeds = vec![Vec::new(); rules.rules.len()];
        let mut windows = BTreeMap::new();
        let mut episodes = BTreeMap::new();
        let mut watches = BTreeMap::new();
        for (index, compiled) in rules.compiled.iter().enumerate() {
            match compiled {
                Compiled::Correlation(rule) => {
                    for (step, fed) in rule.steps.iter().enumerate() {
                        feeds[*fed as usize].push((index as u32, step as u16));
                    }
                }
                Compiled::Rule(rule) if rule.absence.is_some() => {
                    watches.insert(index as u32, Watch::default());
                }
                Compiled::Rule(rule) if rule.suppress.is_some() => {
                    episodes.insert(index as u32, Table::new(1));
                }
                Compiled::Rule(_) | Compiled::Broken => {}
            }
        }
        for (index, compiled) in rules.compiled.iter().enumerate() {
            if let Compiled::Correlation(rule) = compiled {
                let alerts = rules.rules[index].alerts;
                windows.insert(index as u32, Windows::new(rule, !feeds[index].is_empty(), alerts));
            }
        }
        let names = rules.rules.iter().map(|rule| kept(&rule.id)).collect();
        Engine {
            rules,
            tenants,
            names,
            judge: Judge::default(),
            matched: Vec::new(),
            matches: Vec::new(),
            told: Vec::new(),
            queue: VecDeque::new(),
            key: String::new(),
            feeds,
            episodes,
            windows,
            watches,
            limits: BTreeMap::new(),
            newest: BTreeMap::new(),
            untold: BTreeMap::new(),
            not_applicable: Vec::new(),
            excluded: HashMap::new(),
            stats: Stats::default(),
        }
    }

    /// Declares how long a source may be silent (`silence_after` of its configuration); a configuration, not state.
    pub fn set_silence(&mut self, tenant: &str, source: &str, limit: Duration) {
        let nanos = i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX);
        self.limits.entry(tenant.to_owned()).or_default().insert(source.to_owned(), nanos);
    }

    /// Declares use cases that apply to no tenant (`rules_not_applicable` of sekisho.toml). Call before the first event.
    pub fn set_not_applicable(&mut self, usecases: &[String]) {
        self.not_applicable = usecases.to_vec();
        self.excluded.clear();
    }

    /// Judges one event: pushes what it sets off, and puts the ids of the alerts' rules into `sekisho.rule.ids`.
    pub fn observe(&mut self, meta: &Meta<'_>, event: &mut Event<'_>, out: &mut Vec<Outcome>) {
        self.stats.events += 1;
        self.matched.clear();
        self.matches.clear();
        let rules = Arc::clone(&self.rules);
        self.judge.judge(&rules.program, event, &mut self.matched);
        if !self.watches.is_empty() {
            self.note_time(meta.tenant, event.time());
        }
        if self.matched.is_empty() {
            return;
        }
        self.exclude(meta.tenant);
        let mut told = std::mem::take(&mut self.told);
        let mut queue = std::mem::take(&mut self.queue);
        let mut facts = Facts::new(meta, event);
        for at in 0..self.matched.len() {
            let index = self.matched[at];
            let excluded = self.excluded.get(meta.tenant).is_some_and(|excluded| excluded[index as usize]);
            let Compiled::Rule(rule) = &rules.compiled[index as usize] else { continue };
            if excluded {
                continue;
            }
            if let Some(limit) = rule.absence {
                self.sign(index, limit, rule, &facts, out);
                continue;
            }
            self.stats.matches += 1;
            self.matches.push(index as usize);
            if rules.rules[index as usize].alerts {
                self.single(index, rule, &mut facts, out);
                told.push(index);
            }
            queue.extend(self.feeds[index as usize].iter().map(|(outer, step)| (*outer, *step, index, Vec::new())));
        }
        for _ in 0..CHAIN_MAX {
            let Some((index, step, leaf, behind)) = queue.pop_front() else { break };
            if self.excluded.get(meta.tenant).is_some_and(|excluded| excluded[index as usize]) {
                continue;
            }
            let Compiled::Correlation(rule) = &rules.compiled[index as usize] else { continue };
            let (tells, holds) = self.correlate(index, rule, step, leaf, behind, &mut facts, out);
            if tells {
                told.push(index);
            }
            if !holds.is_empty() {
                let feeds = self.feeds[index as usize].iter();
                queue.extend(feeds.map(|(outer, step)| (*outer, *step, leaf, holds.clone())));
            }
        }
        for index in told.drain(..) {
            event.push_unique(fields::SEKISHO_RULE_IDS, Value::Str(self.names[index as usize]));
        }
        queue.clear();
        (self.told, self.queue) = (told, queue);
    }

    /// Takes the clock of a tick record: raises the silences it shows and tells counts not told yet.
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Outcome>) {
        let rules = Arc::clone(&self.rules);
        let mut found = Vec::new();
        for (index, watch) in &mut self.watches {
            let limits = &self.limits;
            let limit = |tenant: &str, source: &str| limit_of(limits, &rules, *index, tenant, source);
            found.extend(watch.tick(now, limit).into_iter().map(|silent| (*index, silent)));
        }
        found.into_iter().for_each(|(index, silent)| self.silent(index, silent, out));
        self.tell_counts(out);
    }

    /// Ends an offline input: raises the silences that the tenant's other sources show and tells the last counts.
    pub fn finish(&mut self, out: &mut Vec<Outcome>) {
        let rules = Arc::clone(&self.rules);
        let mut found = Vec::new();
        for (index, watch) in &mut self.watches {
            let limits = &self.limits;
            let limit = |tenant: &str, source: &str| limit_of(limits, &rules, *index, tenant, source);
            found.extend(watch.finish(&self.newest, limit).into_iter().map(|silent| (*index, silent)));
        }
        found.into_iter().for_each(|(index, silent)| self.silent(index, silent, out));
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
        let tables = self.episodes.values().map(|table| (table.len(), table.evictions));
        let windows = self.windows.values().map(|windows| (windows.table.len(), windows.table.evictions));
        let (groups, evictions) =
            tables.chain(windows).fold((0, 0), |sum, (len, evictions)| (sum.0 + len as u64, sum.1 + evictions));
        Stats { groups, evictions, ..self.stats }
    }

    /// All state, in a form that [`Engine::restore`] reads. The same state gives the same bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        snapshot::save(self)
    }

    /// Takes over the state of a snapshot. State of rules that are gone or were changed since is left out.
    ///
    /// # Errors
    /// When the bytes are not a snapshot; the engine is then as it was.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        snapshot::restore(self, bytes)
    }

    fn note_time(&mut self, tenant: &str, time: Timestamp) {
        match self.newest.get_mut(tenant) {
            Some(newest) => *newest = time.max(*newest),
            None => {
                self.newest.insert(tenant.to_owned(), time);
            }
        }
    }

    /// Makes sure that it is known which rules do not apply to the tenant.
    fn exclude(&mut self, tenant: &str) {
        if self.excluded.contains_key(tenant) {
            return;
        }
        let mut excluded = alert::excluded(&self.tenants, tenant);
        excluded.extend(self.not_applicable.iter().cloned());
        let of = self
            .rules
            .rules
            .iter()
            .map(|rule| !rule.usecase.is_empty() && rule.usecase.iter().all(|usecase| excluded.contains(usecase)));
        self.excluded.insert(tenant.to_owned(), of.collect());
    }

    /// A detection rule that raises alerts matched.
    fn single(&mut self, index: u32, rule: &Rule, facts: &mut Facts<'_, '_>, out: &mut Vec<Outcome>) {
        let info = &self.rules.rules[index as usize];
        let Some(suppress) = &rule.suppress else {
            let alert = facts.alert(info, BTreeMap::new(), vec![facts.entry(0)], None);
            self.stats.alerts += 1;
            out.push(Outcome::Alert(alert));
            return;
        };
        facts.key(suppress.by.iter().map(|(_, fields)| fields.as_slice()), &mut self.key);
        let group = || facts.group(suppress.by.iter().map(|(name, fields)| (name.as_str(), fields.as_slice())));
        let Some(table) = self.episodes.get_mut(&index) else { return };
        let quiet = suppress.quiet_nanos;
        let time = facts.time();
        enum Found {
            More(String, u64),
            New(Box<Alert>),
        }
        let found = table.with(&self.key, time.0, |episode| {
            if episode.covers(time) {
                let count = episode.extend(time);
                return Found::More(episode.alert_id.clone(), count);
            }
            let alert = facts.alert(info, group(), vec![facts.entry(0)], None);
            if !episode.is_after(time) {
                *episode = Episode::start(alert.id.clone(), time, time, quiet, 1);
            }
            Found::New(Box::new(alert))
        });
        match found {
            Found::More(alert_id, count) => self.more(alert_id, count, facts, out),
            Found::New(alert) => {
                self.stats.alerts += 1;
                out.push(Outcome::Alert(*alert));
            }
        }
    }

    /// An event counts towards a correlation. Gives whether it told something, and the events to hand on.
    #[expect(clippy::too_many_arguments, reason = "one call, from the queue of one event")]
    fn correlate(
        &mut self,
        index: u32,
        rule: &Correlation,
        step: u16,
        leaf: u32,
        behind: Vec<Entry>,
        facts: &mut Facts<'_, '_>,
        out: &mut Vec<Outcome>,
    ) -> (bool, Vec<Entry>) {
        let Some(fields) = rule.leaves.get(&leaf) else { return (false, Vec::new()) };
        let names = rule.group_by.iter().map(String::as_str);
        let any = facts.key(fields.group.iter().map(Vec::as_slice).take(rule.group_by.len()), &mut self.key);
        if !any && !rule.group_by.is_empty() {
            return (false, Vec::new());
        }
        let number = match rule.measure {
            Measure::Values if !facts.has_value(&fields.measured) => return (false, Vec::new()),
            Measure::Sum | Measure::Average | Measure::Percentile(_) => match facts.number(&fields.measured) {
                None => return (false, Vec::new()),
                Some(number) => number,
            },
            Measure::Values | Measure::Events | Measure::Steps { .. } => 0.0,
        };
        let values = rule.measure == Measure::Values;
        let entry =
            || Entry { number, value: values.then(|| facts.values(&fields.measured)).flatten(), ..facts.entry(step) };
        let Some(windows) = self.windows.get_mut(&index) else { return (false, Vec::new()) };
        let outcome = windows.take(rule, &self.key, facts.time(), behind, entry);
        match outcome.effect {
            Effect::None => (false, outcome.holds),
            Effect::More { alert_id, count } => {
                self.more(alert_id, count, facts, out);
                (true, outcome.holds)
            }
            Effect::Fired(mut fired) => {
                let info = &self.rules.rules[index as usize];
                let entries = std::mem::take(&mut fired.entries);
                let count = entries.len() as u64;
                let first = entries.first().map_or(fired.time, |entry| entry.time);
                let group = facts.group(names.zip(fields.group.iter().map(Vec::as_slice)));
                let alert = facts.alert(info, group, entries, Some((fired.time, fired.anchor)));
                windows.started(&self.key, Episode::start(alert.id.clone(), first, fired.time, rule.span_nanos, count));
                self.stats.alerts += 1;
                out.push(Outcome::Alert(alert));
                (true, outcome.holds)
            }
        }
    }

    /// The event is further evidence of a known alert.
    fn more(&mut self, alert_id: String, count: u64, facts: &Facts<'_, '_>, out: &mut Vec<Outcome>) {
        self.stats.evidence += 1;
        if count <= Alert::EVIDENCE_MAX as u64 {
            let evidence = vec![facts.evidence()];
            out.push(Outcome::Evidence { alert_id, events: vec![facts.meta.id], evidence, count });
        } else if count.is_multiple_of(COUNT_STEP) {
            self.untold.remove(&alert_id);
            out.push(Outcome::Evidence { alert_id, events: Vec::new(), evidence: Vec::new(), count });
        } else {
            self.untold.insert(alert_id, count);
        }
    }

    fn tell_counts(&mut self, out: &mut Vec<Outcome>) {
        for (alert_id, count) in std::mem::take(&mut self.untold) {
            out.push(Outcome::Evidence { alert_id, events: Vec::new(), evidence: Vec::new(), count });
        }
    }

    /// A source watched by an absence rule gave a sign of life.
    fn sign(&mut self, index: u32, limit: Silence, rule: &Rule, facts: &Facts<'_, '_>, out: &mut Vec<Outcome>) {
        let (meta, event) = (facts.meta, facts.event());
        let declared = self.limits.get(meta.tenant).and_then(|sources| sources.get(meta.source)).copied();
        let limit = match (declared, limit) {
            (Some(nanos), _) => nanos,
            (None, Silence::Nanos(nanos)) if may_judge(event, &rule.logsource) => nanos,
            _ => return,
        };
        let Some(watch) = self.watches.get_mut(&index) else { return };
        let sign = Sign {
            tenant: meta.tenant,
            source: meta.source,
            time: event.time(),
            received: meta.received,
            id: meta.id,
            raw: meta.raw,
            text: event.get_str(fields::EVENT_ORIGINAL),
        };
        if let Some(silent) = watch.sign(&sign, limit) {
            self.silent(index, silent, out);
        }
    }

    fn silent(&mut self, index: u32, silent: Silent, out: &mut Vec<Outcome>) {
        self.exclude(&silent.tenant);
        if self.excluded.get(&silent.tenant).is_some_and(|excluded| excluded[index as usize]) {
            return;
        }
        self.stats.alerts += 1;
        out.push(Outcome::Alert(alert::of_silence(&self.rules.rules[index as usize], silent)));
    }
}

/// The limit of a source: its own, else that of the rule.
fn limit_of(
    limits: &BTreeMap<String, BTreeMap<String, i64>>,
    rules: &RuleSet,
    index: u32,
    tenant: &str,
    source: &str,
) -> Option<i64> {
    let declared = limits.get(tenant).and_then(|sources| sources.get(source)).copied();
    declared.or_else(|| match &rules.compiled[index as usize] {
        Compiled::Rule(rule) => match rule.absence {
            Some(Silence::Nanos(nanos)) => Some(nanos),
            _ => None,
        },
        _ => None,
    })
}

/// The text, kept for the life of the process; the same text once, so that reloading rules does not add up.
fn kept(text: &str) -> &'static str {
    use std::collections::HashSet;
    use std::sync::{Mutex, PoisonError};
    static KEPT: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    if let Some(held) = kept.get(text) {
        return held;
    }
    let held: &'static str = Box::leak(text.to_owned().into_boxed_str());
    kept.insert(held);
    held
}

/// The first value of the fields a name stands for.
fn first_value<'a>(event: &Event<'a>, fields: &[FieldId]) -> Option<Value<'a>> {
    fields.iter().find_map(|field| event.get(*field))
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
