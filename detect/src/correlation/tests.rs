//! Correlation against its reference: any arrival within the lateness, saved and restored, interrupted and replayed.

mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bumpalo::Bump;
use proptest::prelude::*;
use stream::{EventId, Fingerprint, Timestamp, alert_id};

use self::reference::{Event, Feed, Kind, Rule};
use crate::engine::{AlertBook, Engine, Meta, Outcome};
use crate::rules::{RuleSet, read_event};
use crate::{Tenants, correlation::LATENESS_NANOS};

/// What is compared of an alert.
type Seen = (Timestamp, BTreeMap<String, String>, BTreeSet<u64>, u64);

const START: i64 = 1_790_000_000;

fn yaml(rules: &[Rule]) -> String {
    let mut text = String::new();
    for letter in ['a', 'b', 'c'] {
        text += &format!(
            "title: {letter}\nid: {letter}\nname: {letter}\nlogsource: {{}}\ndetection: {{s: {{f: {letter}}}, condition: s}}\n---\n"
        );
    }
    for (index, rule) in rules.iter().enumerate() {
        let kind = match rule.kind {
            Kind::Events => "event_count",
            Kind::Values => "value_count",
            Kind::Sum => "value_sum",
            Kind::Average => "value_avg",
            Kind::Median => "value_median",
            Kind::Percentile => "value_percentile",
            Kind::Temporal => "temporal",
            Kind::Ordered => "temporal_ordered",
        };
        let steps: Vec<String> = rule
            .steps
            .iter()
            .map(|step| match step {
                Feed::Letter(letter) => letter.to_string(),
                Feed::Inner(inner) => format!("c{inner}"),
            })
            .collect();
        let group = if rule.grouped { "\n  group-by: [user.name]" } else { "" };
        let field = match rule.kind {
            Kind::Events => "",
            Kind::Percentile => "field: n, percentile: 90, ",
            _ => "field: n, ",
        };
        let condition = match rule.kind {
            Kind::Temporal | Kind::Ordered => String::new(),
            _ => format!("\n  condition: {{{field}{}: {}}}", rule.operator, rule.limit),
        };
        text += &format!(
            "title: c{index}\nid: c{index}\nname: c{index}\ncorrelation:\n  type: {kind}\n  rules: [{}]{group}\n  \
             timespan: {}s\n  generate: true{condition}\nlevel: low\n---\n",
            steps.join(", "),
            rule.span
        );
    }
    text.truncate(text.len() - 4);
    text
}

fn load(text: &str) -> Arc<RuleSet> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("r.yml"), text).unwrap();
    let (set, problems) = RuleSet::load(&[dir.path().to_owned()]);
    assert_eq!(problems, [], "{text}");
    Arc::new(set)
}

fn engine(rules: &Arc<RuleSet>) -> Engine {
    Engine::new(Arc::clone(rules), Arc::new(Tenants::default()))
}

fn feed(engine: &mut Engine, event: &Event, out: &mut Vec<Outcome>) {
    let arena = Bump::new();
    let time = Timestamp::from_seconds(START + event.time);
    let line = format!(
        "{{\"@timestamp\":\"{time}\",\"id\":{},\"f\":\"{}\",\"user.name\":\"u{}\",\"n\":{}}}",
        event.id, event.letter, event.user, event.number
    );
    let mut read = read_event(&line, &arena).unwrap();
    let meta = Meta { id: EventId::new(0, event.id), tenant: "t", source: "s", received: time, raw: line.as_bytes() };
    engine.observe(&meta, &mut read, out);
}

fn seen(book: AlertBook) -> BTreeMap<String, Seen> {
    // The base rules raise alerts too.
    let alerts = book.into_alerts().into_iter().filter(|alert| alert.rule.id.len() > 1);
    let seen = alerts.map(|alert| {
        assert_eq!(alert.events.len(), alert.evidence.len());
        assert!(alert.evidence.iter().all(|evidence| !evidence.line.is_empty()));
        (
            alert.id,
            (alert.timestamp, alert.group, alert.events.iter().map(|event| event.offset).collect(), alert.event_count),
        )
    });
    seen.collect()
}

fn expected(rules: &[Rule], events: &[Event]) -> BTreeMap<String, Seen> {
    let mut all = BTreeMap::new();
    for index in 0..rules.len() {
        for alert in reference::alerts(rules, index, events) {
            let user = alert.user.map(|user| ("user.name".to_owned(), format!("u{user}")));
            let group: BTreeMap<String, String> = user.into_iter().collect();
            let mut instant = [0; 16];
            instant[..8].copy_from_slice(&Timestamp::from_seconds(START + alert.anchor).0.to_le_bytes());
            let id = alert_id(&format!("c{index}"), "t", &group, &[Fingerprint(instant)]);
            let time = Timestamp::from_seconds(START + alert.time);
            assert!(all.insert(id, (time, group, alert.events, alert.count)).is_none(), "an id twice");
        }
    }
    all
}

fn kind() -> impl Strategy<Value = Kind> {
    use Kind::*;
    prop::sample::select(vec![Events, Values, Sum, Average, Median, Percentile, Temporal, Ordered])
}

/// A rule over base rules, or over the rules before it.
fn rule(inner: usize) -> impl Strategy<Value = Rule> {
    let operator = prop::sample::select(vec!["gte", "gte", "gt", "lte", "lt", "eq", "neq"]);
    let span = prop::sample::select(vec![30_i64, 120, 500, 1500]);
    let letters = prop::sample::subsequence(vec!['a', 'b', 'c'], 1..=2);
    (kind(), operator, 1..6_i64, span, any::<bool>(), letters, any::<bool>()).prop_map(
        move |(kind, operator, limit, span, grouped, letters, first)| {
            let mut steps: Vec<Feed> = letters.into_iter().map(Feed::Letter).collect();
            if inner > 0 {
                steps.truncate(1);
                steps.insert(if first { 0 } else { 1 }, Feed::Inner(inner - 1));
            }
            Rule { kind, operator, limit, span, grouped, steps }
        },
    )
}

/// One correlation, or a chain of two or three.
fn rules() -> impl Strategy<Value = Vec<Rule>> {
    prop_oneof![
        4 => rule(0).prop_map(|rule| vec![rule]),
        3 => (rule(0), rule(1)).prop_map(|(a, b)| vec![a, b]),
        3 => (rule(0), rule(1), rule(2)).prop_map(|(a, b, c)| vec![a, b, c]),
    ]
}

/// Events with the seconds that each arrives late.
fn events() -> impl Strategy<Value = Vec<(Event, i64)>> {
    let event = (0..2500_i64, prop::sample::select(vec!['a', 'a', 'b', 'c']), 0..2_u8, -1..4_i64, 0..=600_i64);
    let near = prop::collection::vec(event, 1..40);
    (near, prop::sample::select(vec![1_i64, 7, 60]), any::<bool>()).prop_map(|(events, grain, long)| {
        let events = events.into_iter().enumerate().map(|(id, (time, letter, user, number, delay))| {
            let time = (if long { time * 3 } else { time }) / grain * grain;
            (Event { id: id as u64, time, letter, user, number }, delay)
        });
        events.collect()
    })
}

/// In the order in which the delays let them arrive.
fn arrival(events: &[(Event, i64)]) -> Vec<Event> {
    assert_eq!(LATENESS_NANOS, 600 * stream::NANOS_PER_SECOND);
    let mut order: Vec<&(Event, i64)> = events.iter().collect();
    order.sort_by_key(|(event, delay)| event.time + delay);
    order.into_iter().map(|(event, _)| event.clone()).collect()
}

/// A late event takes an event out of an alert two correlations further out: what the alert had joined is two again.
#[test]
fn a_chain_of_three_whose_condition_falls() {
    let rule =
        |operator, limit, span, grouped, steps| Rule { kind: Kind::Events, operator, limit, span, grouped, steps };
    let rules = [
        rule("gte", 1, 30, false, vec![Feed::Letter('a')]),
        rule("neq", 3, 500, true, vec![Feed::Letter('a'), Feed::Inner(0)]),
        rule("lte", 1, 120, false, vec![Feed::Letter('c'), Feed::Inner(1)]),
    ];
    let event = |(id, time, user, delay)| (Event { id, time, letter: 'a', user, number: 0 }, delay);
    let events = [(0, 189, 1, 443), (1, 238, 1, 199), (2, 0, 1, 0), (3, 315, 0, 0), (4, 119, 0, 0)].map(event);
    let (mut engine, mut book, mut out) = (engine(&load(&yaml(&rules))), AlertBook::default(), Vec::new());
    for event in arrival(&events) {
        feed(&mut engine, &event, &mut out);
        out.drain(..).for_each(|outcome| book.take(outcome));
    }
    assert_eq!(seen(book), expected(&rules, &events.map(|(event, _)| event)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arrival_within_the_lateness_changes_nothing(rules in rules(), events in events()) {
        let set = load(&yaml(&rules));
        let sorted: Vec<Event> = events.iter().map(|(event, _)| event.clone()).collect();
        let expected = expected(&rules, &sorted);
        let (mut engine, mut book, mut out) = (engine(&set), AlertBook::default(), Vec::new());
        for event in arrival(&events) {
            feed(&mut engine, &event, &mut out);
            out.drain(..).for_each(|outcome| book.take(outcome));
        }
        engine.finish(&mut out);
        out.drain(..).for_each(|outcome| book.take(outcome));
        prop_assert_eq!(seen(book), expected);
    }

    /// Outcomes are applied now and then with the position they belong to, what changed is stored after some of these times,
    /// and the process is lost at any event: it goes on from the snapshot, and what was applied before is not again.
    #[test]
    fn an_interrupted_run_ends_like_any_other(
        rules in rules(),
        events in events(),
        steps in prop::collection::vec(0..10_u8, 40 * 6),
    ) {
        let set = load(&yaml(&rules));
        let sorted: Vec<Event> = events.iter().map(|(event, _)| event.clone()).collect();
        let expected = expected(&rules, &sorted);
        let events = arrival(&events);
        let (mut running, mut book, mut out) = (engine(&set), AlertBook::default(), Vec::new());
        let (mut saved, mut at, mut applied) = ((vec![running.checkpoint().unwrap().bytes], 0), 0, 0);
        let mut steps = steps.into_iter();
        while at < events.len() {
            feed(&mut running, &events[at], &mut out);
            if at < applied {
                out.clear();
            }
            at += 1;
            match steps.next() {
                Some(0) => {
                    out.clear();
                    running = engine(&set);
                    running.resume(&saved.0.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
                    at = saved.1;
                }
                Some(step @ 1..=6) => {
                    out.drain(..).for_each(|outcome| book.take(outcome));
                    applied = at.max(applied);
                    if step < 3 {
                        let part = running.checkpoint().unwrap();
                        saved.0.truncate(part.part as usize);
                        saved.0.push(part.bytes);
                        saved.1 = at;
                    }
                }
                _ => {}
            }
        }
        running.finish(&mut out);
        out.drain(..).for_each(|outcome| book.take(outcome));
        prop_assert_eq!(seen(book), expected);
    }
}
