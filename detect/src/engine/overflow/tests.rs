//! Full tables: who alerts all the same, what is told, and that a wrong clock changes neither.

use std::sync::Arc;

use bumpalo::Bump;
use stream::{Alert, EventId, Timestamp};

use crate::Tenants;
use crate::engine::{AlertBook, Engine, Meta, Outcome};
use crate::rules::{RuleSet, read_event};

const START: i64 = 1_790_000_000;

const RULES: &str = "title: base
id: base
name: base
logsource: {}
detection: {s: {f: x}, condition: s}
---
title: count
id: count
correlation: {type: event_count, rules: [base], group-by: [user.name], timespan: 10m, condition: {gte: 6}}
sekisho: {title: 数える, groups: 20}
---
title: evicted
id: evicted
logsource: {}
detection: {s: {sekisho.overflow: evicted}, condition: s}
level: medium
sekisho: {overflow: evicted}
---
title: lost
id: lost
logsource: {}
detection: {s: {sekisho.overflow: lost}, condition: s}
level: critical
sekisho: {overflow: lost}
";

struct Run {
    rules: Arc<RuleSet>,
    engine: Engine,
    book: AlertBook,
    events: u64,
}

impl Run {
    fn new() -> Run {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("r.yml"), RULES).unwrap();
        let (set, problems) = RuleSet::load(&[dir.path().to_owned()]);
        assert_eq!(problems, []);
        let rules = Arc::new(set);
        let engine = Engine::new(Arc::clone(&rules), Arc::new(Tenants::default()));
        Run { rules, engine, book: AlertBook::default(), events: 0 }
    }

    fn event(&mut self, user: &str, received: i64, year: Option<i16>) {
        let arena = Bump::new();
        let received = Timestamp::from_seconds(START + received);
        let time = year.map_or(received.to_string(), |year| format!("{year}-01-01T00:00:00Z"));
        let line = format!("{{\"@timestamp\":\"{time}\",\"n\":{},\"f\":\"x\",\"user.name\":\"{user}\"}}", self.events);
        let mut event = read_event(&line, &arena).unwrap();
        let meta = Meta { id: EventId::new(0, self.events), tenant: "t", source: "s", received, raw: line.as_bytes() };
        let mut out = Vec::new();
        self.engine.observe(&meta, &mut event, &mut out);
        self.events += 1;
        out.into_iter().for_each(|outcome| self.book.take(outcome));
    }

    fn tick(&mut self, seconds: i64) -> Vec<Outcome> {
        let mut out = Vec::new();
        self.engine.tick(Timestamp::from_seconds(START + seconds), &mut out);
        out.iter().for_each(|outcome| self.book.take(outcome.clone()));
        out
    }

    fn alerts(self, rule: &str) -> Vec<Alert> {
        self.book.into_alerts().into_iter().filter(|alert| alert.rule.id == rule).collect()
    }
}

#[test]
fn a_flood_is_told_once_and_hides_nobody_at_half() {
    let mut run = Run::new();
    for user in 0..15 {
        (0..3).for_each(|_| run.event(&format!("half{user}"), 0, None));
    }
    for n in 0..300 {
        run.event(&format!("u{n}"), n, None);
        if n % 100 == 99 {
            // A restart in between goes on with the same numbers.
            let saved = run.engine.snapshot().unwrap();
            run.engine = Engine::new(Arc::clone(&run.rules), Arc::new(Tenants::default()));
            run.engine.restore(&saved).unwrap();
            let told = run.tick(n);
            assert_eq!(matches!(told[..], [Outcome::Alert(_)]), n == 99, "{told:?}");
        }
    }
    for user in 0..15 {
        (0..3).for_each(|_| run.event(&format!("half{user}"), 301, None));
    }
    let evictions = run.engine.stats().evictions;
    assert!(run.tick(302).len() <= 1 && run.tick(303).is_empty());
    let alerts = run.book.into_alerts();
    let of = |rule: &str| alerts.iter().filter(|alert| alert.rule.id == rule).collect::<Vec<&Alert>>();
    assert_eq!(of("count").len(), 15);
    assert!(of("count").iter().all(|alert| alert.event_count == 6));
    let told = of("evicted");
    assert_eq!((told.len(), of("lost").len()), (1, 0));
    assert_eq!((told[0].event_count, told[0].tenant.as_str()), (evictions, "t"));
    assert_eq!(told[0].group["rule.id"], "count");
    assert_eq!(told[0].anchor["rule.name"], "数える");
}

#[test]
fn what_cannot_be_held_is_an_alert_of_its_own() {
    let mut run = Run::new();
    for user in 0..100 {
        (0..3).for_each(|_| run.event(&format!("half{user}"), user, None));
    }
    run.tick(101);
    let lost = run.alerts("lost");
    assert_eq!(lost.len(), 1);
    assert!(lost[0].event_count >= 60 && lost[0].level == stream::Level::Critical);
}

#[test]
fn one_line_dated_2099_ends_no_group() {
    for year in [None, Some(2099), Some(1999)] {
        let mut run = Run::new();
        for user in 0..15 {
            (0..5).for_each(|_| run.event(&format!("half{user}"), 0, None));
        }
        for n in 0..200 {
            run.event(&format!("u{n}"), 1, year.filter(|_| n % 40 == 0));
        }
        (0..15).for_each(|user| run.event(&format!("half{user}"), 2, None));
        assert_eq!(run.alerts("count").len(), 15, "{year:?}");
    }
}

/// A line with a wrong date in a group makes no other of the group late.
#[test]
fn a_group_outlives_a_line_dated_2099() {
    let mut run = Run::new();
    for n in 0..40 {
        let year = (n % 9 == 4).then_some(2099);
        run.event("sato", n * 100, year);
    }
    let right = run.alerts("count");
    assert_eq!(right.len(), 1);
    assert_eq!(right[0].event_count, 36, "those of 2026 are one episode");
}
