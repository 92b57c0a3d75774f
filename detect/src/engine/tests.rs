//! The engine as a whole: ids, episodes, floods, late events, silence, snapshots.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bumpalo::Bump;
use stream::{Alert, EventId, Timestamp};

use super::{Engine, Meta, Outcome};
use crate::Tenants;
use crate::rules::{RuleSet, read_event};

/// A rule set of one file.
fn rules(text: &str) -> Arc<RuleSet> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("r.yml"), text).unwrap();
    let (set, problems) = RuleSet::load(&[dir.path().to_owned()]);
    assert_eq!(problems, []);
    Arc::new(set)
}

fn our_rules() -> Arc<RuleSet> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let (set, problems) = RuleSet::load(&[dir]);
    assert_eq!(problems, []);
    Arc::new(set)
}

fn engine(rules: &Arc<RuleSet>) -> Engine {
    Engine::new(Arc::clone(rules), Arc::new(Tenants::default()))
}

/// Feeds one line as the event of this position; its time is 12:00 plus so many seconds.
fn feed(engine: &mut Engine, offset: u64, seconds: i64, fields: &str, out: &mut Vec<Outcome>) -> Vec<String> {
    let arena = Bump::new();
    let time = Timestamp::from_seconds(1_790_000_000 + seconds);
    let line = format!("{{\"@timestamp\":\"{time}\",\"line\":{offset},{fields}}}");
    let mut event = read_event(&line, &arena).unwrap();
    let meta = Meta { id: EventId::new(0, offset), tenant: "t", source: "s", received: time, raw: line.as_bytes() };
    engine.observe(&meta, &mut event, out);
    event.all(stream::fields::SEKISHO_RULE_IDS).map(|value| value.text().into_owned()).collect()
}

fn alerts(out: &[Outcome]) -> Vec<&Alert> {
    let alerts = out.iter().filter_map(|outcome| match outcome {
        Outcome::Alert(alert) => Some(alert),
        _ => None,
    });
    alerts.collect()
}

const SINGLE: &str = "title: single
id: r-single
logsource: {}
detection:
  s: {f: x}
  condition: s
level: high
sekisho:
  usecase: [X01]
  page: true
  suppress: {by: [source.ip], for: 10m}
";

const COUNT: &str = "title: base
id: r-base
name: base
logsource: {}
detection:
  s: {f: x}
  condition: s
---
title: count
id: r-count
correlation:
  type: event_count
  rules: [base]
  group-by: [user.name]
  timespan: 5m
  condition: {gte: 5}
level: medium
";

#[test]
fn a_noisy_violation_is_one_alert_with_growing_evidence() {
    let rules = rules(SINGLE);
    let mut engine = engine(&rules);
    let mut out = Vec::new();
    for n in 0..5000 {
        feed(&mut engine, n, n as i64, r#""f":"X","source.ip":"192.0.2.1""#, &mut out);
    }
    assert_eq!(alerts(&out).len(), 1);
    let lines: usize =
        out.iter().map(|one| if let Outcome::Evidence { events, .. } = one { events.len() } else { 1 }).sum();
    assert_eq!(lines, Alert::EVIDENCE_MAX);
    assert_eq!(out.len(), Alert::EVIDENCE_MAX + 4, "beyond the bound only counts");
    feed(&mut engine, 5000, 5000, r#""f":"x","source.ip":"192.0.2.1""#, &mut out);
    engine.finish(&mut out);
    assert!(matches!(out.last(), Some(Outcome::Evidence { count: 5001, events, .. }) if events.is_empty()));
    let ids = feed(&mut engine, 9000, 6000, r#""f":"x","source.ip":"192.0.2.1""#, &mut out);
    assert_eq!(alerts(&out).len(), 2, "quiet for more than ten minutes");
    assert_eq!(ids, ["r-single"]);
    let alert = alerts(&out)[0];
    assert_eq!(alert.group["source.ip"], "192.0.2.1");
    assert_eq!(alert.anchor["source.ip"], "192.0.2.1");
    assert!(alert.sekisho.page && alert.evidence[0].line.contains("\"line\":0"));
}

#[test]
fn a_count_fires_once_and_takes_what_follows() {
    let rules = rules(COUNT);
    let mut engine = engine(&rules);
    let mut out = Vec::new();
    for n in 0..4 {
        let ids = feed(&mut engine, n, n as i64 * 75, r#""f":"x","user.name":"sato""#, &mut out);
        assert!(ids.is_empty() && out.is_empty());
        assert_eq!(engine.matches().len(), 1);
    }
    feed(&mut engine, 50, 10, r#""f":"x","user.name":"ito""#, &mut out);
    assert!(out.is_empty());
    let ids = feed(&mut engine, 4, 300, r#""f":"x","user.name":"sato""#, &mut out);
    assert_eq!(ids, ["r-count"]);
    let alert = alerts(&out)[0].clone();
    assert_eq!(alert.events, (0..5).map(|n| EventId::new(0, n)).collect::<Vec<_>>());
    assert_eq!((alert.event_count, alert.evidence.len()), (5, 5));
    feed(&mut engine, 5, 600, r#""f":"x","user.name":"sato""#, &mut out);
    assert!(matches!(&out[1], Outcome::Evidence { alert_id, count: 6, .. } if *alert_id == alert.id));
    for n in 0..5 {
        feed(&mut engine, 10 + n, 901 + n as i64, r#""f":"x","user.name":"sato""#, &mut out);
    }
    assert_eq!(alerts(&out).len(), 2, "armed again after a timespan of quiet");
}

#[test]
fn arrival_order_does_not_change_the_id() {
    let rules = rules(COUNT);
    let id_of = |order: &[i64]| {
        let mut engine = engine(&rules);
        let mut out = Vec::new();
        for n in order {
            feed(&mut engine, *n as u64, n * 60, r#""f":"x","user.name":"sato""#, &mut out);
        }
        let alerts = alerts(&out);
        assert_eq!(alerts.len(), 1, "{order:?}");
        alerts[0].id.clone()
    };
    let id = id_of(&[0, 1, 2, 3, 4]);
    for order in [[4, 3, 2, 1, 0], [1, 0, 4, 2, 3], [0, 4, 1, 3, 2]] {
        assert_eq!(id_of(&order), id);
    }
}

#[test]
fn temporal_needs_every_step_within_the_timespan() {
    let text = "title: a
id: r-a
name: a
logsource: {}
detection: {s: {f: a}, condition: s}
---
title: b
id: r-b
name: b
logsource: {}
detection: {s: {f: b}, condition: s}
---
title: t
id: r-t
correlation: {type: TYPE, rules: [a, b], group-by: [user.name], timespan: 1m}
";
    for (kind, order, expected) in [
        ("temporal", "ab", true),
        ("temporal", "ba", true),
        ("temporal_ordered", "ab", true),
        ("temporal_ordered", "ba", false),
        ("temporal", "aa", false),
    ] {
        for (gap, near) in [(60, true), (61, false)] {
            let rules = rules(&text.replace("TYPE", kind));
            let mut engine = engine(&rules);
            let mut out = Vec::new();
            for (n, f) in order.chars().enumerate() {
                let fields = format!(r#""f":"{f}","user.name":"sato""#);
                feed(&mut engine, n as u64, n as i64 * gap, &fields, &mut out);
            }
            assert_eq!(alerts(&out).len() == 1, expected && near, "{kind} {order} {gap}");
        }
    }
}

#[test]
fn measures() {
    let text = |kind: &str, condition: &str| {
        format!(
            "title: b\nid: b\nname: b\nlogsource: {{}}\ndetection: {{s: {{f: x}}, condition: s}}\n---\ntitle: c\nid: c\n\
             correlation: {{type: {kind}, rules: [b], group-by: [user.name], timespan: 1h, condition: {{{condition}}}}}\n"
        )
    };
    for (kind, condition, expected) in [
        ("value_sum", "field: n, gte: 10", true),
        ("value_sum", "field: n, gt: 10", false),
        ("value_avg", "field: n, gte: 2", true),
        ("value_avg", "field: n, gte: 3", false),
        ("value_median", "field: n, gte: 2", true),
        ("value_median", "field: n, gte: 3", false),
        ("value_percentile", "field: n, percentile: 100, gte: 4", true),
        ("value_count", "field: n, gte: 4", true),
        ("value_count", "field: n, gte: 5", false),
        ("event_count", "gte: 3, lte: 3", true),
    ] {
        let rules = rules(&text(kind, condition));
        let mut engine = engine(&rules);
        let mut out = Vec::new();
        for n in 1..=4 {
            feed(&mut engine, n, n as i64, &format!(r#""f":"x","user.name":"sato","n":{n}"#), &mut out);
        }
        feed(&mut engine, 9, 9, r#""f":"x","user.name":"sato""#, &mut out);
        let fired = alerts(&out).len() == 1;
        assert_eq!(fired, expected, "{kind} {condition}");
    }
}

#[test]
fn silence_by_tick_and_by_the_next_event_is_one_alert() {
    let rules = our_rules();
    let mut engine = engine(&rules);
    engine.set_silence("t", "s", Duration::from_secs(900));
    let mut out = Vec::new();
    feed(&mut engine, 0, 0, r#""f":"x""#, &mut out);
    for second in (0..=900).step_by(60) {
        engine.tick(Timestamp::from_seconds(1_790_000_000 + second), &mut out);
    }
    assert!(out.is_empty());
    engine.tick(Timestamp::from_seconds(1_790_000_000 + 901), &mut out);
    feed(&mut engine, 1, 3000, r#""f":"x""#, &mut out);
    assert_eq!(alerts(&out).len(), 1);
    assert_eq!(alerts(&out)[0].group["sekisho.source.id"], "s");
    assert_eq!(alerts(&out)[0].timestamp, Timestamp::from_seconds(1_790_000_000 + 900));
}

/// A mixed stream: an engine that is saved and restored into a fresh one before every event tells the same as one that
/// runs through.
#[test]
fn restored_at_every_position_it_tells_the_same() {
    let rules = our_rules();
    let lines: Vec<String> = (0..160u64)
        .map(|n| match n % 8 {
            0..=3 => format!(
                r#""event.category":["authentication"],"event.outcome":"failure","event.action":"ssh_login","user.name":"u{}","source.ip":"192.0.2.{}""#,
                n % 13,
                n % 2
            ),
            4 => r#""event.category":["authentication"],"event.outcome":"success","event.action":"ssh_login","user.name":"u1","source.ip":"192.0.2.1""#
                .to_owned(),
            5 => r#""event.type":["denied"],"sekisho.flow.verdict":"violation_zone","sekisho.source.zone":"mynumber","sekisho.destination.zone":"external","source.ip":"192.0.2.9""#
                .to_owned(),
            _ => format!(
                r#""event.type":["allowed"],"sekisho.flow.verdict":"sanitiser_bypass","source.ip":"192.0.2.{}","destination.ip":"203.0.113.1","destination.port":443"#,
                n % 3
            ),
        })
        .collect();
    let mut straight = engine(&rules);
    let mut broken = engine(&rules);
    let (mut out, mut again) = (Vec::new(), Vec::new());
    for engine in [&mut straight, &mut broken] {
        engine.set_silence("t", "s", Duration::from_secs(60));
    }
    for (n, line) in lines.iter().enumerate() {
        let seconds = n as i64 * 7 + if n == 120 { 200 } else { 0 };
        feed(&mut straight, n as u64, seconds, line, &mut out);
        let saved = broken.snapshot().unwrap();
        broken = engine(&rules);
        broken.set_silence("t", "s", Duration::from_secs(60));
        broken.restore(&saved).unwrap();
        assert_eq!(broken.snapshot().unwrap(), saved, "the same state gives the same bytes");
        feed(&mut broken, n as u64, seconds, line, &mut again);
        assert_eq!(out, again, "at {n}");
    }
    straight.finish(&mut out);
    broken.finish(&mut again);
    assert_eq!(out, again);
    assert_eq!(straight.snapshot().unwrap(), broken.snapshot().unwrap());
    assert!(alerts(&out).len() >= 5, "{}", alerts(&out).len());
    assert!(broken.restore(b"").is_err() && broken.restore(&[9, 9]).is_err());
}

/// Stored in parts for long, the state is what it would be at once; parts out of place are refused.
#[test]
fn parts_of_the_state_add_up_and_stay_few() {
    let rules = our_rules();
    let mut running = engine(&rules);
    let (mut out, mut parts, mut wholes, mut largest) = (Vec::new(), Vec::new(), 0, 0);
    for n in 0..600 {
        let line = format!(
            r#""event.category":["authentication"],"event.outcome":"failure","event.action":"ssh_login","user.name":"u{}","source.ip":"192.0.2.{}""#,
            n % 13,
            n % 200
        );
        feed(&mut running, n, n as i64, &line, &mut out);
        let part = running.checkpoint().unwrap();
        wholes += usize::from(part.part == 0);
        largest = largest.max(if part.part == 0 { 0 } else { part.bytes.len() });
        parts.truncate(part.part as usize);
        assert_eq!(parts.len(), part.part as usize);
        parts.push(part.bytes);
        assert!(parts.len() <= 258);
        if n % 100 == 99 {
            let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let mut again = engine(&rules);
            again.resume(&slices).unwrap();
            assert!(again.snapshot().unwrap() == running.snapshot().unwrap(), "at {n}");
            assert!(again.resume(&slices[1..]).is_err() && again.resume(&[slices[0], slices[0]]).is_err());
            running = again;
        }
    }
    assert!((3..=20).contains(&wholes), "{wholes}");
    let whole = running.snapshot().unwrap().len();
    assert!(largest * 2 < whole, "{largest} {whole}");
}

#[test]
fn what_rules_cost_is_measured_and_changes_nothing() {
    use std::sync::atomic::{AtomicU64, Ordering};
    fn clock() -> u64 {
        static TICKS: AtomicU64 = AtomicU64::new(0);
        TICKS.fetch_add(10, Ordering::Relaxed)
    }
    let other = "---\ntitle: other\nid: r-other\nlogsource: {product: p}\ndetection:\n  s: {g: y}\n  condition: s\n";
    let rules = rules(&format!("{COUNT}{other}"));
    let (mut plain, mut sampled) = (engine(&rules), engine(&rules));
    let (mut expected, mut out) = (Vec::new(), Vec::new());
    for n in 0..20 {
        let fields = r#""f":"x","user.name":"sato""#;
        feed(&mut plain, n, n as i64, fields, &mut expected);
        let arena = Bump::new();
        let time = Timestamp::from_seconds(1_790_000_000 + n as i64);
        let line = format!("{{\"@timestamp\":\"{time}\",\"line\":{n},{fields}}}");
        let mut event = read_event(&line, &arena).unwrap();
        let meta = Meta { id: EventId::new(0, n), tenant: "t", source: "s", received: time, raw: line.as_bytes() };
        sampled.observe_sampled(&meta, &mut event, clock, &mut out);
    }
    assert_eq!(out, expected);
    assert_eq!(sampled.snapshot().unwrap(), plain.snapshot().unwrap());
    let costs: Vec<f64> = sampled.costs().nanos_per_event().collect();
    assert_eq!(
        (sampled.costs().sampled(), costs),
        (20, vec![20.0, 10.0, 0.0]),
        "one rule walked and matched, one counted"
    );
    assert_eq!(plain.costs().nanos_per_event().count(), 0);
}
