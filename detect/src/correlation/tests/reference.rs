//! The definitions of [`crate::correlation`], written down as plainly as they can be: over the whole sorted list, in
//! quadratic time, without state.

use std::collections::{BTreeMap, BTreeSet};

/// The longest episode, in seconds.
const DAY: i64 = 86_400;

/// One generated event.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) id: u64,
    pub(super) time: i64,
    /// Which of the base rules it matches.
    pub(super) letter: char,
    pub(super) user: u8,
    pub(super) number: i64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Events,
    Values,
    Sum,
    Average,
    Median,
    Percentile,
    Temporal,
    Ordered,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Feed {
    /// Events with this letter.
    Letter(char),
    /// Another correlation, by index.
    Inner(usize),
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) kind: Kind,
    pub(super) operator: &'static str,
    pub(super) limit: i64,
    pub(super) span: i64,
    pub(super) grouped: bool,
    pub(super) steps: Vec<Feed>,
}

/// What an event is to a rule, for one step.
#[derive(Clone, Debug)]
struct Entry {
    event: Event,
    step: usize,
    hit: bool,
}

/// An alert: its group, the instant of its id, its time, its events, and how many they are, each step of a temporal rule counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alert {
    pub(super) user: Option<u8>,
    pub(super) anchor: i64,
    pub(super) time: i64,
    pub(super) events: BTreeSet<u64>,
    pub(super) count: u64,
}

/// The alerts of one of the rules.
pub(super) fn alerts(rules: &[Rule], index: usize, events: &[Event]) -> Vec<Alert> {
    let rule = &rules[index];
    let groups = groups(rules, index, events).into_iter();
    groups.flat_map(|(user, entries)| episodes(rules, rule, user, &entries)).collect()
}

fn groups(rules: &[Rule], index: usize, events: &[Event]) -> BTreeMap<Option<u8>, Vec<Entry>> {
    let rule = &rules[index];
    let mut entries: Vec<Entry> = Vec::new();
    for (step, feed) in rule.steps.iter().enumerate() {
        // Which of several detection rules matched is asked by temporal rules only.
        let letters = rule.steps.iter().position(|step| matches!(step, Feed::Letter(_)));
        match feed {
            Feed::Letter(letter) => {
                let step = if matches!(rule.kind, Kind::Temporal | Kind::Ordered) { step } else { letters.unwrap() };
                let of = events.iter().filter(|event| event.letter == *letter);
                entries.extend(of.map(|event| Entry { event: event.clone(), step, hit: true }));
            }
            Feed::Inner(inner) => entries
                .extend(handed_on(rules, *inner, events).into_iter().map(|(event, hit)| Entry { event, step, hit })),
        }
    }
    entries.sort_by_key(|entry| (entry.event.time, entry.event.id, entry.step));
    entries.dedup_by_key(|entry| (entry.event.time, entry.event.id, entry.step));
    let mut groups: BTreeMap<Option<u8>, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        groups.entry(rule.grouped.then_some(entry.event.user)).or_default().push(entry);
    }
    groups
}

/// The events that count or support in a correlation that refers to this one.
fn handed_on(rules: &[Rule], index: usize, events: &[Event]) -> Vec<(Event, bool)> {
    let rule = &rules[index];
    let mut handed: BTreeMap<u64, (Event, bool)> = BTreeMap::new();
    for entries in groups(rules, index, events).into_values() {
        let holds = |time: i64| {
            let window =
                entries.iter().filter(|entry| entry.hit && (time - rule.span..=time).contains(&entry.event.time));
            let window: Vec<&Entry> = window.collect();
            window.iter().any(|entry| entry.event.time == time) && fulfilled(rule, &window)
        };
        for entry in &entries {
            let time = entry.event.time;
            let reach = if entry.hit { rule.span } else { rule.span + behind(rules, rule) };
            let later =
                entries.iter().map(|other| other.event.time).filter(|other| (time..=time + reach).contains(other));
            let hit = entry.hit && holds(time);
            if hit || later.into_iter().any(holds) {
                let held = handed.entry(entry.event.id).or_insert((entry.event.clone(), hit));
                held.1 |= hit;
            }
        }
    }
    handed.into_values().collect()
}

fn behind(rules: &[Rule], rule: &Rule) -> i64 {
    let inner =
        rule.steps.iter().filter_map(|step| if let Feed::Inner(inner) = step { Some(&rules[*inner]) } else { None });
    inner.map(|inner| inner.span + behind(rules, inner)).max().unwrap_or(0)
}

fn episodes(rules: &[Rule], rule: &Rule, user: Option<u8>, entries: &[Entry]) -> Vec<Alert> {
    let mut instants: Vec<i64> = entries.iter().filter(|entry| entry.hit).map(|entry| entry.event.time).collect();
    instants.dedup();
    let mut alerts = Vec::new();
    let (mut at, mut floor) = (0, i64::MIN);
    while at < instants.len() {
        let time = instants[at];
        let low = (time - rule.span).max(floor.saturating_add(1));
        let window: Vec<&Entry> =
            entries.iter().filter(|entry| entry.hit && (low..=time).contains(&entry.event.time)).collect();
        at += 1;
        if !fulfilled(rule, &window) {
            continue;
        }
        let temporal = matches!(rule.kind, Kind::Temporal | Kind::Ordered);
        let low = if temporal { low } else { window[0].event.time };
        let anchor = if temporal { time } else { low };
        let ready = if rule.kind == Kind::Ordered { ready(rule, &window) } else { i64::MIN };
        let from = (low - behind(rules, rule)).max(floor.saturating_add(1));
        let mut last = time;
        while at < instants.len() && instants[at] - last <= rule.span && instants[at] - time <= DAY.max(rule.span) {
            last = instants[at];
            at += 1;
        }
        let belongs = |entry: &&Entry| {
            let early = entry.step + 1 == rule.steps.len() && entry.event.time < ready;
            let begin = if entry.hit { low } else { from };
            (begin..=last).contains(&entry.event.time) && !(entry.hit && early)
        };
        let events: Vec<u64> = entries.iter().filter(belongs).map(|entry| entry.event.id).collect();
        alerts.push(Alert { user, anchor, time, count: events.len() as u64, events: events.into_iter().collect() });
        floor = last;
    }
    alerts
}

fn fulfilled(rule: &Rule, window: &[&Entry]) -> bool {
    let numbers = || {
        let mut numbers: Vec<f64> = window.iter().map(|entry| entry.event.number as f64).collect();
        numbers.sort_by(f64::total_cmp);
        numbers
    };
    let value = match rule.kind {
        Kind::Temporal => return (0..rule.steps.len()).all(|step| window.iter().any(|entry| entry.step == step)),
        Kind::Ordered => return chain(rule, window).is_some(),
        Kind::Events => window.iter().map(|entry| entry.event.id).collect::<BTreeSet<_>>().len() as f64,
        Kind::Values => window.iter().map(|entry| entry.event.number).collect::<BTreeSet<_>>().len() as f64,
        Kind::Sum => window.iter().map(|entry| entry.event.number as f64).sum(),
        _ if window.is_empty() => return false,
        Kind::Average => window.iter().map(|entry| entry.event.number as f64).sum::<f64>() / window.len() as f64,
        Kind::Median | Kind::Percentile => {
            let (numbers, rank) = (numbers(), if rule.kind == Kind::Median { 0.5 } else { 0.9 });
            let place = rank * (numbers.len() - 1) as f64;
            let (below, above) = (numbers[place.floor() as usize], numbers[place.ceil() as usize]);
            below + (above - below) * place.fract()
        }
    };
    let limit = rule.limit as f64;
    match rule.operator {
        "gte" => value >= limit,
        "gt" => value > limit,
        "lte" => value <= limit,
        "lt" => value < limit,
        "eq" => value == limit,
        _ => value != limit,
    }
}

/// The earliest times at which the steps can follow each other.
fn chain(rule: &Rule, window: &[&Entry]) -> Option<Vec<i64>> {
    let mut times = vec![i64::MIN];
    for step in 0..rule.steps.len() {
        let after = *times.last()?;
        let of = window.iter().filter(|entry| entry.step == step && entry.event.time >= after);
        times.push(of.map(|entry| entry.event.time).min()?);
    }
    Some(times)
}

fn ready(rule: &Rule, window: &[&Entry]) -> i64 {
    chain(rule, window).map_or(i64::MIN, |times| times[times.len() - 2])
}
