//! Tests of the database.

use std::collections::BTreeMap;

use stream::{Alert, AlertDetail, AlertRule, EventId, Evidence, Level, NANOS_PER_SECOND, Timestamp};

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000 * NANOS_PER_SECOND);

fn open() -> (tempfile::TempDir, Database) {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::open(dir.path().join("sekisho.db")).unwrap();
    (dir, database)
}

fn tenants(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

fn alert(id: &str, tenant: &str, events: std::ops::Range<u64>, page: bool) -> Alert {
    Alert {
        id: id.into(),
        timestamp: NOW,
        tenant: tenant.into(),
        rule: AlertRule { id: "rule-1".into(), name: "総当たり".into(), version: "0".into() },
        level: Level::High,
        sekisho: AlertDetail { usecase: vec!["A01".into()], flow: None, page },
        group: BTreeMap::new(),
        event_count: events.end - events.start,
        evidence: events.clone().map(line).collect(),
        events: events.map(|offset| EventId::new(0, offset)).collect(),
        anchor: BTreeMap::new(),
    }
}

fn line(offset: u64) -> Evidence {
    Evidence { source: "fw".into(), line: format!("line {offset}") }
}

fn more(id: &str, events: std::ops::Range<u64>) -> AlertChange {
    AlertChange::Evidence {
        alert_id: id.into(),
        count: events.end,
        evidence: events.clone().map(line).collect(),
        events: events.map(|offset| EventId::new(0, offset)).collect(),
    }
}

fn batch<'a>(outcomes: &'a [AlertChange], next_offset: u64, snapshot: Option<&'a [u8]>) -> DetectionBatch<'a> {
    let state = snapshot.map(|bytes| StatePart { part: 0, bytes });
    DetectionBatch { partition: 0, next_offset, outcomes, state, sources: &[], received: NOW }
}

#[test]
fn a_replayed_batch_changes_nothing() {
    let (_dir, database) = open();
    database.set_channels(tenants(&["webhook", "mail"]));
    let outcomes = [AlertChange::Alert(alert("a1", "t1", 0..5, true)), more("a1", 4..9)];
    let first = database.apply(batch(&outcomes, 10, Some(b"state"))).unwrap();
    assert_eq!((first.new_alerts.len(), first.new_events, first.pages), (1, 9, 2));
    let again = database.apply(batch(&outcomes, 10, Some(b"state"))).unwrap();
    assert_eq!(again, Applied::default());
    let row = database.alert(&tenants(&["t1"]), "a1").unwrap().unwrap();
    assert_eq!(row.alert.event_count, 9);
    assert_eq!(row.alert.events.len(), 9);
    assert_eq!(row.alert.evidence[8], line(8));
    assert_eq!(database.outbox_stats().unwrap().pending, 2);
    assert_eq!(database.detection_state(0).unwrap(), Some((10, vec![b"state".to_vec()])));
    assert_eq!(database.detection_state(1).unwrap(), None);
}

#[test]
fn a_full_disk_is_told_apart_and_the_batch_can_be_tried_again() {
    let (_dir, database) = open();
    let pages: i64 = database.lock().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    database.lock().query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    // Of a kind that does not become smaller.
    let snapshot: Vec<u8> =
        (0..1_u64 << 20).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) >> 7) as u8).collect();
    let full = database.apply(batch(&[], 10, Some(&snapshot))).unwrap_err();
    assert!(full.is_no_space() && full.is_disk(), "{full}");
    assert_eq!(database.detection_state(0).unwrap(), None);
    database.lock().query_row("PRAGMA max_page_count = 100000", [], |_| Ok(())).unwrap();
    database.apply(batch(&[], 10, Some(&snapshot))).unwrap();
    assert_eq!(database.detection_state(0).unwrap().map(|(offset, _)| offset), Some(10));
    let busy = Error::NotFound { what: "alert", id: "a".into() };
    assert!(!busy.is_disk());
}

#[test]
fn a_snapshot_keeps_its_own_offset() {
    let (_dir, database) = open();
    database.apply(batch(&[], 10, Some(b"s"))).unwrap();
    database.apply(batch(&[], 20, None)).unwrap();
    assert_eq!(database.detection_state(0).unwrap(), Some((10, vec![b"s".to_vec()])));
    assert_eq!(database.counted(0).unwrap(), 20);
    database.apply(batch(&[], 15, None)).unwrap();
    assert_eq!(database.counted(0).unwrap(), 20);
}

#[test]
fn changes_of_the_state_follow_what_they_change() {
    let (_dir, database) = open();
    let part = |part, bytes, next_offset| {
        database.apply(DetectionBatch { state: Some(StatePart { part, bytes }), ..batch(&[], next_offset, None) })
    };
    assert!(part(1, b"one", 5).is_err(), "nothing is stored that it could change");
    part(0, b"whole", 10).unwrap();
    part(1, b"one", 20).unwrap();
    assert!(part(3, b"three", 40).is_err() && part(1, b"one", 30).is_err());
    part(2, b"two", 30).unwrap();
    let stored = |parts: &[&[u8]]| parts.iter().map(|part| part.to_vec()).collect::<Vec<_>>();
    let three = stored(&[b"whole", b"one", b"two"]);
    assert_eq!(database.detection_state(0).unwrap(), Some((30, three)));
    part(0, b"again", 50).unwrap();
    assert_eq!(database.detection_state(0).unwrap(), Some((50, stored(&[b"again"]))));
    part(1, b"first", 60).unwrap();
}

#[test]
fn evidence_is_bounded_and_its_count_is_not() {
    let (_dir, database) = open();
    let outcomes = [AlertChange::Alert(alert("a1", "t1", 0..10, false)), more("a1", 10..3000)];
    for _ in 0..2 {
        database.apply(batch(&outcomes, 1, None)).unwrap();
    }
    let row = database.alert(&tenants(&["*"]), "a1").unwrap().unwrap();
    assert_eq!(row.alert.event_count, 3000);
    assert_eq!(row.alert.events.len(), Alert::EVIDENCE_MAX);
    let unlisted = AlertChange::Evidence {
        alert_id: "a1".into(),
        events: vec![EventId::new(1, 1)],
        evidence: vec![],
        count: 3050,
    };
    for _ in 0..2 {
        database.apply(batch(std::slice::from_ref(&unlisted), 1, None)).unwrap();
    }
    assert_eq!(database.alert(&tenants(&["*"]), "a1").unwrap().unwrap().alert.event_count, 3050);
    assert_eq!(database.apply(batch(&[more("no", 0..1)], 1, None)).unwrap().unknown_alerts, 1);
}

#[test]
fn a_tenant_never_sees_another() {
    let (_dir, database) = open();
    let outcomes =
        [AlertChange::Alert(alert("a1", "t1", 0..1, false)), AlertChange::Alert(alert("a2", "t2", 1..2, false))];
    database.apply(batch(&outcomes, 2, None)).unwrap();
    let list = |names: &[&str]| {
        let filter = AlertFilter { tenants: tenants(names), ..AlertFilter::default() };
        database.alerts(&filter).unwrap().into_iter().map(|row| row.alert.id).collect::<Vec<_>>()
    };
    assert_eq!(list(&["t1"]), ["a1"]);
    assert_eq!(list(&["t1", "t2"]).len(), 2);
    assert_eq!(list(&["*"]).len(), 2);
    assert!(list(&[]).is_empty());
    assert!(database.alert(&tenants(&["t1"]), "a2").unwrap().is_none());
    assert_eq!(database.alert_counts(&tenants(&["t1"])).unwrap().total(), 1);
    let refused = database.acknowledge(&tenants(&["t1"]), "a2", "sato", NOW);
    assert!(matches!(refused, Err(Error::NotFound { .. })));
}

#[test]
fn an_alert_is_worked_on() {
    let (_dir, database) = open();
    let all = tenants(&["*"]);
    database.apply(batch(&[AlertChange::Alert(alert("a1", "t1", 0..1, false))], 1, None)).unwrap();
    database.acknowledge(&all, "a1", "sato", NOW).unwrap();
    database.hold(&all, "a1", "sato", "業者に確認中", NOW).unwrap();
    database.comment(&all, "a1", "suzuki", "回答あり", NOW).unwrap();
    database.close(&all, "a1", "suzuki", Verdict::FalsePositive, "", NOW).unwrap();
    let row = database.alert(&all, "a1").unwrap().unwrap();
    assert_eq!((row.state, row.verdict), (AlertState::Closed, Some(Verdict::FalsePositive)));
    assert_eq!(row.assignee.as_deref(), Some("sato"));
    assert_eq!(row.history.len(), 4);
    assert_eq!(row.history[2].state, AlertState::Held);
    assert_eq!(row.verdict.unwrap().label(), "誤検知");
    let closed = AlertFilter { tenants: all.clone(), states: vec![AlertState::Closed], ..AlertFilter::default() };
    assert_eq!(database.alerts(&closed).unwrap().len(), 1);
    let medium = AlertFilter { levels: vec![Level::Medium], ..closed };
    assert!(database.alerts(&medium).unwrap().is_empty());
    database.reopen(&all, "a1", "sato", "再発", NOW).unwrap();
    let counts = database.alert_counts(&all).unwrap();
    assert_eq!((counts.new, counts.closed, counts.open_by_level[1]), (1, 0, (Level::High, 1)));
    assert_eq!(database.audit_rows(None, 100).unwrap().len(), 5);
}

#[test]
fn the_outbox_delivers() {
    let (_dir, database) = open();
    assert!(database.outbox_add("a1", "mail", "{}", NOW).unwrap());
    assert!(!database.outbox_add("a1", "mail", "{}", NOW).unwrap());
    assert!(database.outbox_add("a2", "mail", "{}", NOW).unwrap());
    // A record's clock that runs ahead does not hold a page back.
    assert_eq!(database.outbox_due(NOW.plus_nanos(-1), 10).unwrap().len(), 2);
    let due = database.outbox_due(NOW, 10).unwrap();
    assert_eq!(due[0].idempotency_key, "a1:mail");
    let later = NOW.plus_nanos(NANOS_PER_SECOND);
    database.outbox_retry(due[0].id, later, "connection refused").unwrap();
    database.outbox_failed(due[1].id, NOW, "gone").unwrap();
    assert!(database.outbox_due(NOW, 10).unwrap().is_empty());
    assert_eq!(database.outbox_next().unwrap(), Some(later));
    let again = database.outbox_due(later, 10).unwrap();
    assert_eq!((again[0].attempts, again[0].error.as_deref()), (1, Some("connection refused")));
    database.outbox_done(again[0].id, later).unwrap();
    let stats = database.outbox_stats().unwrap();
    assert_eq!((stats.pending, stats.done, stats.failed, stats.oldest_pending), (0, 1, 1, None));
}

#[test]
fn a_channel_with_many_rows_does_not_hide_the_others() {
    let (_dir, database) = open();
    for number in 0..30 {
        database.outbox_add(&format!("a{number}"), "dead", "{}", NOW).unwrap();
    }
    database.outbox_add("a30", "mail", "{}", NOW).unwrap();
    let due = database.outbox_due(NOW, 10).unwrap();
    let of = |channel: &str| due.iter().filter(|row| row.channel == channel).count();
    assert_eq!((of("dead"), of("mail")), (10, 1));
    assert_eq!(due[0].alert_id, "a0");
}

#[test]
fn accounts_and_sessions() {
    let (_dir, database) = open();
    let add = |password| database.add_user("sato", password, Role::Analyst, &tenants(&["t1"]), "init", NOW);
    assert!(add("short").is_err());
    add("correct horse battery").unwrap();
    assert!(database.verify_password("sato", "wrong", NOW).unwrap().is_none());
    assert!(database.verify_password("nobody", "wrong", NOW).unwrap().is_none());
    let account = database.verify_password("sato", "correct horse battery", NOW).unwrap().unwrap();
    assert_eq!((account.role, account.tenants), (Role::Analyst, tenants(&["t1"])));
    let token = database.create_session("sato", NOW, 60).unwrap();
    assert_eq!(database.session(&token, NOW).unwrap().unwrap().name, "sato");
    assert!(database.session("guess", NOW).unwrap().is_none());
    assert!(database.session(&token, NOW.plus_nanos(61 * NANOS_PER_SECOND)).unwrap().is_none());
    database.delete_session(&token).unwrap();
    assert!(database.session(&token, NOW).unwrap().is_none());
    let token = database.create_session("sato", NOW, 60).unwrap();
    database.disable_user("sato", "admin", NOW).unwrap();
    assert!(database.session(&token, NOW).unwrap().is_none());
    assert!(database.verify_password("sato", "correct horse battery", NOW).unwrap().is_none());
    assert!(database.list_users().unwrap()[0].disabled);
}

#[test]
fn too_many_wrong_passwords_lock() {
    let (_dir, database) = open();
    for _ in 0..5 {
        assert!(database.verify_password("x", "wrong", NOW).unwrap().is_none());
    }
    let Err(Error::Locked { until, .. }) = database.verify_password("x", "wrong", NOW) else { panic!("not locked") };
    assert!(database.verify_password("x", "wrong", until).unwrap().is_none());
    assert!(database.verify_password("x", "wrong", until).unwrap().is_none());
}

#[test]
fn a_failed_sign_in_writes_no_name_that_nobody_has_as_its_actor() {
    let (_dir, database) = open();
    database.add_user("sato", "correct horse battery", Role::Analyst, &tenants(&["t1"]), "init", NOW).unwrap();
    let hostile = format!("system\u{1b}[2J\r\n\u{202e}{}", "x".repeat(50_000));
    for name in [hostile.as_str(), "sato"] {
        assert!(database.verify_password(name, "wrong", NOW).unwrap().is_none());
    }
    let rows = database.audit_rows(None, 2).unwrap();
    assert_eq!((rows[0].actor.as_str(), rows[0].object.as_str()), ("sato", ""));
    assert_eq!(rows[1].actor, "(not signed in)");
    assert!(rows[1].object.starts_with("system\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}xxx"), "{}", rows[1].object);
    assert_eq!(rows[1].object.chars().count(), 128);
    // A long name locks like any other, and what is remembered of it is as short.
    for _ in 0..4 {
        assert!(database.verify_password(&hostile, "wrong", NOW).unwrap().is_none());
    }
    assert!(
        matches!(database.verify_password(&hostile, "wrong", NOW), Err(Error::Locked { name, .. }) if name.len() < 600)
    );
}

#[test]
fn tokens_and_settings() {
    let (_dir, database) = open();
    let secret = database.create_token("grafana", Role::Operator, &tenants(&["t1"]), None, "admin", NOW).unwrap();
    assert_eq!(database.token(&secret, NOW).unwrap().unwrap().name, "grafana");
    assert!(database.create_token("grafana", Role::Operator, &[], None, "admin", NOW).is_err());
    database.revoke_token("grafana", "admin", NOW).unwrap();
    assert!(database.token(&secret, NOW).unwrap().is_none());
    assert!(database.list_tokens().unwrap()[0].revoked);
    database.set_setting("a", "1").unwrap();
    database.set_setting("a", "2").unwrap();
    assert_eq!(database.setting("a").unwrap().as_deref(), Some("2"));
}

#[test]
fn the_audit_log_only_grows() {
    let (_dir, database) = open();
    database.audit("sato", "search", "user.name:x", NOW).unwrap();
    assert!(database.lock().execute("DELETE FROM audit", []).is_err());
    assert!(database.lock().execute("UPDATE audit SET actor = 'x'", []).is_err());
    assert_eq!(database.audit_rows(None, 10).unwrap()[0].object, "user.name:x");
    assert!(database.audit_rows(Some(1), 10).unwrap().is_empty());
}

#[test]
fn counters_add_up_and_a_backup_opens() {
    let (dir, database) = open();
    let delta = SourceDelta {
        tenant: "t1".into(),
        source: "fw".into(),
        received: 3,
        indexed: 3,
        last_received: NOW,
        ..SourceDelta::default()
    };
    let deltas = [delta];
    for next_offset in [3, 6] {
        let empty = batch(&[], next_offset, None);
        database.apply(DetectionBatch { sources: &deltas, ..empty }).unwrap();
    }
    let copy = dir.path().join("copy.db");
    database.backup(&copy).unwrap();
    let rows = Database::open(&copy).unwrap().sources(&tenants(&["t1"])).unwrap();
    assert_eq!((rows[0].received, rows[0].indexed, rows[0].last_received), (6, 6, NOW));
    assert!(database.sources(&tenants(&["t2"])).unwrap().is_empty());
}

#[test]
fn what_takes_an_alerts_place_keeps_its_handling_and_pages_once() {
    let (_dir, database) = open();
    database.set_channels(vec!["mail".into()]);
    let tenants = ["t1".to_owned()];
    let outcomes =
        [AlertChange::Alert(alert("a1", "t1", 0..5, true)), AlertChange::Alert(alert("a2", "t1", 5..8, true))];
    database.apply(batch(&outcomes, 8, None)).unwrap();
    database.acknowledge(&tenants, "a2", "sato", Timestamp(5)).unwrap();
    let joined = AlertChange::Replaced { old: vec!["a1".into(), "a2".into()], alert: alert("a0", "t1", 8..9, true) };
    let applied = database.apply(batch(&[joined, more("a1", 9..10)], 10, None)).unwrap();
    assert_eq!((applied.pages, applied.new_alerts.len(), applied.unknown_alerts), (0, 0, 0));
    for id in ["a0", "a1", "a2"] {
        let row = database.alert(&tenants, id).unwrap().unwrap();
        assert_eq!((row.alert.id.as_str(), row.alert.events.len(), row.state), ("a0", 10, AlertState::Acknowledged));
        assert_eq!((row.history.len(), row.assignee.as_deref()), (1, Some("sato")));
    }
    let filter = AlertFilter { tenants: tenants.to_vec(), ..AlertFilter::default() };
    assert_eq!(database.alerts(&filter).unwrap().len(), 1);
    let withdrawn = [AlertChange::Withdrawn { alert_id: "a1".into() }];
    database.apply(batch(&withdrawn, 11, None)).unwrap();
    assert!(database.alerts(&filter).unwrap().is_empty(), "undone");
    assert_eq!(database.alert_counts(&tenants).unwrap().total(), 0);
    let again = AlertChange::Alert(alert("a2", "t1", 5..8, false));
    database.apply(batch(&[again], 12, None)).unwrap();
    let row = database.alert(&tenants, "a1").unwrap().unwrap();
    assert_eq!((row.alert.id.as_str(), row.alert.events.len(), row.history.len()), ("a2", 3, 1));
}

/// A late event that parts what an earlier one had joined: one is undone and told anew, the other is itself again.
#[test]
fn what_was_joined_can_part_again() {
    let (_dir, database) = open();
    database.set_channels(vec!["mail".into()]);
    let tenants = ["t1".to_owned()];
    let first = [AlertChange::Alert(alert("a1", "t1", 0..5, true)), AlertChange::Alert(alert("a2", "t1", 5..8, true))];
    database.apply(batch(&first, 8, None)).unwrap();
    let joined = [AlertChange::Replaced { old: vec!["a2".into()], alert: alert("a1", "t1", 8..9, true) }];
    database.apply(batch(&joined, 9, None)).unwrap();
    let parted = [
        AlertChange::Withdrawn { alert_id: "a1".into() },
        AlertChange::Alert(alert("a1", "t1", 0..5, true)),
        AlertChange::Alert(alert("a2", "t1", 5..8, true)),
        more("a1", 10..11),
    ];
    let applied = database.apply(batch(&parted, 11, None)).unwrap();
    assert_eq!(applied.unknown_alerts, 0);
    let pages = database.outbox_due(NOW, 10).unwrap();
    let mut keys: Vec<&str> = pages.iter().map(|row| row.idempotency_key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["a1:mail", "a2:mail"], "none had been sent, each waits once");
    for (id, events) in [("a1", 6), ("a2", 3)] {
        let row = database.alert(&tenants, id).unwrap().unwrap();
        assert_eq!((row.alert.id.as_str(), row.alert.events.len()), (id, events));
    }
}
