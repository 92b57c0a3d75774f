//! Tests of the store: crash, resume, and that both evaluators give the same hits. What does not look into splits runs
//! against each kind of store, OpenSearch where it can be started.

use bumpalo::Bump;
use proptest::prelude::*;
use stream::{FieldId, Value, fields};

use super::*;
use crate::{ALL_TENANTS, Query, SearchRequest};

const NOON: i64 = 1_800_000_000 * NANOS_PER_SECOND;

fn config(dir: &std::path::Path) -> StoreConfig {
    StoreConfig { dir: dir.to_path_buf(), ..StoreConfig::default() }
}

/// An empty store of each kind, with the folder that it may use.
fn each_kind(test: impl Fn(StoreConfig)) {
    let dir = tempfile::tempdir().unwrap();
    test(config(dir.path()));
    if let Some(config) = crate::elasticsearch::tests::node::config() {
        test(config);
    }
}

fn request(query: &str) -> SearchRequest {
    SearchRequest { tenants: vec![ALL_TENANTS.into()], query: query.into(), limit: 10_000, ..SearchRequest::default() }
}

#[derive(Clone, Debug)]
struct Made {
    time: i64,
    tenant: &'static str,
    values: Vec<(FieldId, &'static str)>,
    port: Option<i64>,
    bytes: Option<i64>,
    ip: Option<std::net::IpAddr>,
    original: String,
}

impl Made {
    fn event<'a>(&'a self, arena: &'a Bump) -> Event<'a> {
        let mut event = Event::new_in(arena);
        event.push(fields::TIMESTAMP, Value::Time(Timestamp(self.time)));
        event.push(fields::EVENT_ORIGINAL, Value::Str(&self.original));
        event.push(fields::SEKISHO_TENANT, Value::Str(self.tenant));
        for (field, value) in &self.values {
            event.push(*field, Value::Str(value));
        }
        if let Some(port) = self.port {
            event.push(fields::DESTINATION_PORT, Value::Int(port));
            event.push(fields::PROCESS_PID, Value::Int(port));
        }
        if let Some(bytes) = self.bytes {
            event.push(fields::SOURCE_BYTES, Value::Int(bytes));
            event.push(fields::SOURCE_PORT, Value::Int(bytes * 3));
        }
        if let Some(ip) = self.ip {
            event.push(fields::SOURCE_IP, Value::Ip(ip));
            event.push(fields::SOURCE_NAT_IP, Value::Ip(ip));
        }
        event
    }
}

fn plain(offset: u64) -> Made {
    Made {
        time: NOON + offset as i64 * 1_000_000,
        tenant: if offset.is_multiple_of(3) { "t2" } else { "t1" },
        values: vec![(fields::USER_NAME, if offset.is_multiple_of(2) { "sato" } else { "Suzuki" })],
        port: Some(offset as i64),
        bytes: None,
        ip: None,
        original: format!("line {offset} denied by policy rule={} n{}=1", offset % 7, offset % 3),
    }
}

fn add(indexer: &mut Indexer, offsets: std::ops::Range<u64>) {
    let arena = Bump::new();
    for offset in offsets.clone() {
        let made = plain(offset);
        indexer.add(EventId::new(0, offset), &made.event(&arena));
    }
    indexer.publish(0, offsets.end);
}

fn offsets(store: &Store, query: &str) -> Vec<u64> {
    store.searcher().search(&request(query)).unwrap().hits.iter().map(|hit| hit.id.offset).collect()
}

#[test]
fn an_event_is_found_before_and_after_its_cut() {
    each_kind(|config| {
        let store = Store::open(config.clone()).unwrap();
        let mut indexer = store.indexer();
        add(&mut indexer, 0..10);
        assert_eq!(offsets(&store, "user.name:SATO"), [8, 6, 4, 2, 0]);
        indexer.commit().unwrap();
        add(&mut indexer, 10..14);
        assert_eq!(offsets(&store, "user.name:sato"), [12, 10, 8, 6, 4, 2, 0]);
        assert_eq!(offsets(&store, "\"denied by policy\" suzuki").len(), 7);
        assert_eq!((store.position(0), indexer.durable(0), store.event_count()), (10, 10, 14));
        drop((indexer, store));
        let store = Store::open(config.clone()).unwrap();
        assert_eq!((store.position(0), store.event_count()), (10, 10));
        let mut indexer = store.indexer();
        add(&mut indexer, 4..14);
        assert_eq!(store.event_count(), 14);
        indexer.commit().unwrap();
        assert_eq!(offsets(&store, "").len(), 14);
        assert_eq!(store.stats().tail_events, 0);
    });
}

#[test]
fn a_tenant_never_sees_another() {
    each_kind(|config| {
        let store = Store::open(config.clone()).unwrap();
        let mut indexer = store.indexer();
        let searcher = store.searcher();
        add(&mut indexer, 0..9);
        for _ in 0..2 {
            let of = |tenant: &str| SearchRequest { tenants: vec![tenant.into()], ..request("*") };
            assert_eq!(searcher.count(&of("t1")).unwrap(), 6);
            assert_eq!(searcher.count(&of("t2")).unwrap(), 3);
            assert_eq!(searcher.count(&SearchRequest { tenants: vec![], ..request("*") }).unwrap(), 0);
            assert!(searcher.get(&["t1".into()], EventId::new(0, 0)).unwrap().is_none());
            assert!(searcher.get(&["t2".into()], EventId::new(0, 0)).unwrap().is_some());
            assert_eq!(searcher.count(&request("sekisho.tenant:t2")).unwrap(), 3);
            indexer.commit().unwrap();
        }
    });
}

#[test]
fn a_crash_between_split_and_catalogue_loses_nothing() {
    for point in ["store::cut::before_commit", "store::cut::after_commit", "store::merge::before_commit"] {
        let dir = tempfile::tempdir().unwrap();
        {
            let store = Store::open(config(dir.path())).unwrap();
            let mut indexer = store.indexer();
            for cut in 0..16 {
                add(&mut indexer, cut * 10..cut * 10 + 10);
                if cut == 15 {
                    *store.inner.stop_at.lock().unwrap() = Some(point);
                }
                assert_eq!(indexer.commit().is_err(), cut == 15, "{point}");
            }
            assert!(indexer.maybe_commit(Instant::now()).is_err());
        }
        let store = Store::open(config(dir.path())).unwrap();
        let position = store.position(0);
        assert_eq!(position, if point.ends_with("cut::before_commit") { 150 } else { 160 });
        let mut indexer = store.indexer();
        add(&mut indexer, position..170);
        indexer.commit().unwrap();
        assert_eq!(offsets(&store, ""), (0..170).rev().collect::<Vec<_>>(), "{point}");
        let folders = std::fs::read_dir(dir.path().join("splits")).unwrap().count();
        assert_eq!(folders, store.stats().splits, "{point}");
    }
}

#[test]
fn small_splits_are_merged_in_order() {
    each_kind(|config| {
        let store = Store::open(config.clone()).unwrap();
        let mut indexer = store.indexer();
        for cut in 0..40 {
            add(&mut indexer, cut * 7..cut * 7 + 7);
            indexer.commit().unwrap();
        }
        assert!(store.stats().splits < 25, "{}", store.stats().splits);
        for all in ["", "rule", "ru*", "_exists_:process.pid"] {
            assert_eq!(offsets(&store, all), (0..280).rev().collect::<Vec<_>>(), "{all}");
        }
        assert_eq!(offsets(&store, "n2").len(), 93);
        assert_eq!(offsets(&store, "process.pid:77"), [77]);
        let mut paged = Vec::new();
        let mut before = None;
        loop {
            let page = SearchRequest { limit: 33, before, ..request("denied") };
            let hits = store.searcher().search(&page).unwrap().hits;
            let Some(last) = hits.last() else { break };
            before = Some((last.timestamp, last.id));
            paged.extend(hits.iter().map(|hit| hit.id.offset));
        }
        assert_eq!(paged, (0..280).rev().collect::<Vec<_>>());
        let oldest = SearchRequest { limit: 3, newest_first: false, ..request("") };
        let oldest: Vec<u64> = store.searcher().search(&oldest).unwrap().hits.iter().map(|hit| hit.id.offset).collect();
        assert_eq!(oldest, [0, 1, 2]);
        drop((indexer, store));
        if config.kind == StoreKind::Local {
            let folders = std::fs::read_dir(config.dir.join("splits")).unwrap().count();
            assert_eq!(folders, Store::open(config.clone()).unwrap().stats().splits);
        }
    });
}

#[test]
fn a_missing_split_is_an_error_and_old_ones_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let mut indexer = store.indexer();
    add(&mut indexer, 0..3);
    indexer.commit().unwrap();
    let now = Timestamp(NOON).plus_nanos(401 * 86_400 * NANOS_PER_SECOND);
    assert_eq!(store.retain(Timestamp(NOON)).unwrap(), Retained::default());
    let splits = store.stats().splits;
    assert_eq!(store.retain(now).unwrap().splits, splits);
    assert_eq!(store.event_count(), 0);
    add(&mut indexer, 3..6);
    indexer.commit().unwrap();
    drop((indexer, store));
    for entry in std::fs::read_dir(dir.path().join("splits")).unwrap() {
        std::fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    assert!(matches!(Store::open(config(dir.path())), Err(Error::Damaged { .. })));
}

#[test]
fn retention_goes_by_receipt_and_counts_what_it_removes() {
    each_kind(|config| {
        let day = 86_400 * NANOS_PER_SECOND;
        let store = Store::open(config.clone()).unwrap();
        let mut indexer = store.indexer();
        let arena = Bump::new();
        // An archive of two years ago, a device whose clock stands at 1970, and one whose clock runs ahead.
        for (offset, (time, received)) in
            [(NOON - 700 * day, NOON), (5, NOON), (NOON, NOON - 300 * day), (NOON + 900 * day, NOON - 500 * day)]
                .into_iter()
                .enumerate()
        {
            let made = Made { time, tenant: "t1", ..plain(offset as u64) };
            let mut event = made.event(&arena);
            event.push(fields::EVENT_CREATED, Value::Time(Timestamp(received)));
            event.push(fields::SEKISHO_SOURCE_ID, Value::Str(if offset == 3 { "ahead" } else { "fw" }));
            indexer.add(EventId::new(0, offset as u64), &event);
        }
        indexer.publish(0, 4);
        indexer.commit().unwrap();
        assert_eq!(store.retain(Timestamp(NOON)).unwrap().events, 1);
        assert_eq!(offsets(&store, ""), [2, 0, 1]);
        assert_eq!(store.retain(Timestamp(NOON + 150 * day)).unwrap().events, 1);
        assert_eq!(store.retain(Timestamp(NOON + 401 * day)).unwrap().events, 2);
        drop((indexer, store));
        let retired = Store::open(config.clone()).unwrap().retired();
        assert_eq!((retired["t1"]["fw"], retired["t1"]["ahead"]), (3, 1));
    });
}

#[test]
fn a_full_disk_stops_nothing_for_good() {
    for point in ["store::cut::written", "store::cut::before_commit", "store::merge::before_commit"] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(config(dir.path())).unwrap();
        let mut indexer = store.indexer();
        for cut in 0..16 {
            add(&mut indexer, cut * 10..cut * 10 + 10);
            indexer.commit().unwrap();
        }
        add(&mut indexer, 160..170);
        *store.inner.full_at.lock().unwrap() = Some(point);
        for _ in 0..2 {
            match indexer.commit() {
                Err(error) => assert!(error.is_no_space() && error.is_disk(), "{point}: {error}"),
                Ok(()) => assert!(point.contains("merge"), "{point}"),
            }
            assert_eq!(offsets(&store, ""), (0..170).rev().collect::<Vec<_>>(), "{point}");
        }
        // More comes in meanwhile, and is part of the next try.
        add(&mut indexer, 170..175);
        *store.inner.full_at.lock().unwrap() = None;
        indexer.commit().unwrap();
        assert_eq!(indexer.durable(0), 175, "{point}");
        assert_eq!(store.stats().tail_events, 0, "{point}");
        drop((indexer, store));
        let store = Store::open(config(dir.path())).unwrap();
        assert_eq!(offsets(&store, ""), (0..175).rev().collect::<Vec<_>>(), "{point}");
        let folders = std::fs::read_dir(dir.path().join("splits")).unwrap().count();
        assert_eq!(folders, store.stats().splits, "{point}");
    }
}

#[test]
fn an_index_of_another_format_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path()).unwrap();
    std::fs::write(dir.path().join("catalogue.json"), r#"{"format":1,"positions":{},"splits":[],"next_split":1}"#)
        .unwrap();
    let refused = Store::open(config(dir.path())).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("format 1") && refused.contains("raw log"), "{refused}");
}

#[test]
fn a_cut_in_the_background_leaves_no_gap() {
    each_kind(|config| {
        let store = Store::open(StoreConfig { split_events_max: 500, ..config.clone() }).unwrap();
        let mut indexer = store.indexer();
        let searcher = store.searcher();
        for batch in 0..60 {
            add(&mut indexer, batch * 50..batch * 50 + 50);
            indexer.maybe_commit(Instant::now()).unwrap();
            assert_eq!(searcher.count(&request("denied")).unwrap(), (batch + 1) * 50);
        }
        indexer.commit().unwrap();
        assert_eq!(searcher.count(&request("")).unwrap(), 3000);
    });
}

#[test]
fn a_store_that_was_just_opened_is_cut_sooner() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(config(dir.path())).unwrap();
    let mut indexer = store.indexer();
    add(&mut indexer, 0..50);
    assert!(!indexer.maybe_commit(Instant::now()).unwrap());
    assert!(indexer.maybe_commit(Instant::now() + FIRST_CUT).unwrap(), "a life of half a second leaves something");
    indexer.commit().unwrap();
    drop(indexer);
    Arc::get_mut(&mut store.inner).unwrap().opened -= Duration::from_secs(3600);
    let mut indexer = store.indexer();
    add(&mut indexer, 50..100);
    assert!(!indexer.maybe_commit(Instant::now() + Duration::from_secs(29)).unwrap(), "as configured, later on");
}

#[test]
fn aggregates_are_the_same_in_tail_and_split() {
    each_kind(|config| {
        let store = Store::open(config.clone()).unwrap();
        let mut indexer = store.indexer();
        let arena = Bump::new();
        for offset in 0..100_u64 {
            let made = Made {
                time: NOON + offset as i64 * 10 * NANOS_PER_SECOND,
                values: vec![
                    (fields::SEKISHO_SOURCE_ZONE, "lgwan"),
                    (fields::SEKISHO_DESTINATION_ZONE, if offset < 40 { "internet" } else { "dmz" }),
                    (fields::EVENT_ACTION, if offset.is_multiple_of(4) { "deny" } else { "accept" }),
                    (fields::TAGS, "a"),
                ],
                ..plain(offset)
            };
            indexer.add(EventId::new(0, offset), &made.event(&arena));
        }
        indexer.publish(0, 100);
        let searcher = store.searcher();
        let all = request("");
        let results = || {
            (
                searcher.histogram(&all, 60, Some("event.action")).unwrap(),
                searcher.terms(&all, "event.action", 10).unwrap(),
                searcher.terms(&all, "destination.port", 3).unwrap(),
                searcher.terms(&all, "tags", 3).unwrap(),
                searcher.terms(&all, "sekisho.tenant", 3).unwrap(),
                searcher.matrix(&all).unwrap(),
            )
        };
        let in_tail = results();
        indexer.commit().unwrap();
        assert_eq!(in_tail, results());
        assert_eq!(in_tail.0.iter().map(|bucket| bucket.count).sum::<u64>(), 100);
        assert_eq!(in_tail.0[1].by, [("accept".to_string(), 5), ("deny".to_string(), 1)]);
        assert_eq!(in_tail.1, [("accept".to_string(), 75), ("deny".to_string(), 25)]);
        assert_eq!(
            (in_tail.5[1].destination_zone.as_str(), in_tail.5[1].total, in_tail.5[1].denied),
            ("internet", 40, 10)
        );
        assert!(searcher.histogram(&request("event.action:x"), 60, None).unwrap().is_empty());
    });
}

fn made() -> impl Strategy<Value = Made> {
    let words = prop::sample::select(vec![
        "deny",
        "Accept",
        "東京都庁",
        "10.1.0.5",
        "a.b",
        "x=1",
        "root",
        "東",
        "ＡＢ",
        "root=deny",
        "\"deny\":7",
        "ab=東京",
        "11",
        "33",
        "033",
        "33=1",
        "1800000000",
        "1800003600.123",
        "1800000000123456789",
    ]);
    let value =
        prop::sample::select(vec!["deny", "Accept", "root", "東京都", "7", "a.b", "root user", "a\"b", "10.1.0.5"]);
    let field = prop::sample::select(vec![
        fields::EVENT_ACTION,
        fields::USER_NAME,
        fields::TAGS,
        fields::MESSAGE,
        fields::HOST_HOSTNAME,
        fields::SEKISHO_RULE_IDS,
    ]);
    let ip = prop::sample::select(vec!["10.1.0.5", "10.2.0.1", "2001:db8::1", "::ffff:10.1.0.5"]);
    (
        (prop_oneof![0..2_i64, 0..40_i64], prop::option::of(prop::sample::select(vec![-11_i64, 11, 33, 4]))),
        any::<bool>(),
        prop::collection::vec((field, value), 0..4),
        prop::option::of(0..10_i64),
        prop::option::of(ip),
        prop::collection::vec(words, 0..6),
    )
        .prop_map(|((time, bytes), second, values, port, ip, words)| Made {
            time: NOON + time * 3_600_000_000_000,
            tenant: if second { "t2" } else { "t1" },
            values,
            port,
            bytes,
            ip: ip.map(|ip| ip.parse().unwrap()),
            original: words.join(" "),
        })
}

fn query() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "deny",
        "accept",
        "root",
        "東京",
        "東",
        "\"deny root\"",
        "\"東京都庁\"",
        "de*",
        "*ot",
        "10.1*",
        "10.1.0.5",
        "a.b",
        "event.action:deny",
        "event.action:*",
        "event.action:d?ny",
        "user.name:\"root user\"",
        "user.name:root*",
        "tags:deny",
        "tags:*",
        "tags:r*t",
        "tags:root*",
        "tags:東京*",
        "tags:10.1.0*",
        "tags:\"root user\"",
        "tags:7",
        "host.hostname:東京都",
        "host.hostname:?oot",
        "x",
        "ro*",
        "\"root deny\"",
        "x AND NOT tags:a.b",
        "tags:>5",
        "tags:[a TO e]",
        "message:root",
        "message:東京",
        "message:*",
        "host.hostname:accept",
        "destination.port:3",
        "destination.port:>=5",
        "destination.port:[2 TO 6}",
        "process.pid:4",
        "process.pid:*",
        "process.pid:<3",
        "source.ip:10.1.0.0/16",
        "source.ip:10.1.0.5",
        "source.ip:2001:db8::/32",
        "source.ip:::/0",
        "source.ip:10.*",
        "source.ip:*",
        "source.nat.ip:10.1.0.5",
        "source.nat.ip:10.0.0.0/8",
        "source.nat.ip:[10.0.0.0 TO 10.1.255.255]",
        "sekisho.tenant:t1",
        "@timestamp:>=2027-01-16",
        "x=*",
        "=",
        "*",
        "event.original:deny",
        "no.such.field:1",
        "sekisho.rule.ids:7",
        "user.name:>m",
        "root*user",
        "a\\\"b",
        "ab",
        "11",
        "33",
        "99",
        "1*",
        "?3",
        "*3",
        "*9*",
        "18*",
        "1800003600*",
        "*.1*",
        "\"33 11\"",
        "tags:33",
        "tags:18*",
        "message:33",
        "1800000000",
        "1800003600.123",
        "1800000000123456789",
        "180000000?",
    ]);
    leaf.prop_map(String::from).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

/// Indexes events and compares every query's hits and count with what the plain evaluator says.
fn evaluators_agree(config: StoreConfig, events: &[Made], queries: &[String]) -> Result<(), TestCaseError> {
    let store = Store::open(config).unwrap();
    let mut indexer = store.indexer();
    let arena = Bump::new();
    for (offset, made) in events.iter().enumerate() {
        indexer.add(EventId::new(0, offset as u64), &made.event(&arena));
    }
    indexer.publish(0, events.len() as u64);
    indexer.commit().unwrap();
    for text in queries {
        let query = Query::parse(text).unwrap();
        let matching = events.iter().enumerate().filter(|(_, made)| query.matches(&made.event(&arena)));
        let mut expected: Vec<(i64, u64)> = matching.map(|(offset, made)| (made.time, offset as u64)).collect();
        expected.sort_unstable();
        expected.reverse();
        let hits = store.searcher().search(&request(text)).unwrap().hits;
        let found: Vec<(i64, u64)> = hits.iter().map(|hit| (hit.timestamp.0, hit.id.offset)).collect();
        prop_assert_eq!(&found, &expected, "{}", text);
        for hit in &hits {
            let mut json = Vec::new();
            events[hit.id.offset as usize].event(&arena).write_json(&mut json);
            prop_assert_eq!(
                serde_json::to_value(&hit.event).unwrap(),
                serde_json::from_slice::<serde_json::Value>(&json).unwrap()
            );
        }
        prop_assert_eq!(store.searcher().count(&request(text)).unwrap(), expected.len() as u64, "{}", text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The index and the plain evaluator find the same events, whatever the query.
    #[test]
    fn both_evaluators_agree(events in prop::collection::vec(made(), 1..30), queries in prop::collection::vec(query(), 24)) {
        let dir = tempfile::tempdir().unwrap();
        evaluators_agree(config(dir.path()), &events, &queries)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    /// So do the engine and the plain evaluator.
    #[test]
    fn both_evaluators_agree_on_the_engine(events in prop::collection::vec(made(), 1..80), queries in prop::collection::vec(query(), 100)) {
        if let Some(config) = crate::elasticsearch::tests::node::config() {
            evaluators_agree(config, &events, &queries)?;
        }
    }
}

#[test]
fn figures_of_odd_values_are_the_same_everywhere() {
    each_kind(|config| {
        let store = Store::open(config).unwrap();
        let mut indexer = store.indexer();
        let arena = Bump::new();
        let long: &'static str = Box::leak("長い値 ".repeat(3000).into_boxed_str());
        let addresses = ["2001:db8::1", "::ffff:10.1.0.5", "10.1.0.5", "::1", "2001:db8:0:0:1:0:0:1"];
        let zones = [fields::SEKISHO_SOURCE_ZONE, fields::SEKISHO_DESTINATION_ZONE];
        for offset in 0..40_u64 {
            let mut values = vec![(zones[0], "lgwan"), (zones[1], if offset % 2 == 0 { "dmz" } else { "internet" })];
            values.push((fields::EVENT_ACTION, if offset % 4 == 0 { "DENY" } else { "accept" }));
            values.extend((offset % 3 == 0).then_some((fields::SEKISHO_RULE_IDS, "r1")));
            values.extend((offset % 6 == 0).then_some((fields::SEKISHO_RULE_IDS, "r1")));
            values.extend((offset % 7 == 0).then_some((fields::USER_NAME, long)));
            values.extend((offset == 11).then_some((zones[0], "dmz")));
            let ip = Some(addresses[offset as usize % addresses.len()].parse().unwrap());
            let time = if offset == 39 { -5 * NANOS_PER_SECOND - 1 } else { NOON + offset as i64 * NANOS_PER_SECOND };
            let made = Made { time, values, ip, bytes: Some(offset as i64 - 20), ..plain(offset) };
            let mut event = made.event(&arena);
            event.push(fields::SOURCE_PORT, Value::Str("not a number"));
            indexer.add(EventId::new(0, offset), &event);
        }
        indexer.publish(0, 40);
        let searcher = store.searcher();
        let results = || {
            let recent = SearchRequest { from: Timestamp(NOON), ..request("line") };
            let terms = |field: &str, query: &str| {
                let mut terms = searcher.terms(&request(query), field, 100).unwrap();
                // Of a long one, what a failure needs to show.
                terms.iter_mut().for_each(|(value, _)| value.truncate(value.floor_char_boundary(40)));
                terms
            };
            let fields = [
                "source.ip",
                "source.bytes",
                "source.port",
                "user.name",
                "sekisho.rule.ids",
                "sekisho.tenant",
                "source.nat.ip",
            ];
            let exact: Vec<_> = fields.iter().map(|field| terms(field, "line")).collect();
            let read: Vec<_> = fields.iter().map(|field| terms(field, "\"denied by policy\"")).collect();
            let steps = |query: &SearchRequest| searcher.histogram(query, 7, Some("sekisho.rule.ids")).unwrap();
            let phrase = SearchRequest { query: "\"denied by policy\"".into(), ..recent.clone() };
            let pages: Vec<_> = searcher.search(&request(&format!("user.name:\"{}\"", &long[..90]))).unwrap().hits;
            let matrices = [searcher.matrix(&recent).unwrap(), searcher.matrix(&phrase).unwrap()];
            (
                exact,
                read,
                steps(&recent),
                steps(&phrase),
                matrices,
                pages.len(),
                searcher.histogram(&request("NOT n7"), 1 << 40, None).unwrap(),
            )
        };
        let in_tail = results();
        assert_eq!(in_tail.0, in_tail.1);
        assert_eq!(in_tail.2, in_tail.3);
        indexer.commit().unwrap();
        assert_eq!(in_tail, results());
    });
}

#[test]
fn events_made_anew_take_the_place_of_those_that_were() {
    each_kind(|config| {
        let store = Store::open(config).unwrap();
        let mut indexer = store.indexer();
        add(&mut indexer, 0..50);
        indexer.commit().unwrap();
        let range = (Timestamp(NOON + 10_000_000), Timestamp(NOON + 30_000_000));
        let done = store.rewrite(range.0, range.1, None, &mut |id, was, arena| {
            let mut event = was.clone();
            event.set(fields::USER_NAME, Value::Str(arena.alloc_str(&format!("user{}", id.offset))));
            (id.offset != 20).then_some(event)
        });
        let done = done.unwrap();
        assert_eq!((done.wanted, done.renewed), (20, 19));
        assert_eq!(offsets(&store, "user.name:user1?"), (10..20).rev().collect::<Vec<_>>());
        assert_eq!(offsets(&store, "user.name:user2?").len(), 9);
        assert_eq!(offsets(&store, "denied"), (0..50).rev().collect::<Vec<_>>());
        assert_eq!(offsets(&store, "user.name:sato").len(), 16);
    });
}

#[test]
fn a_flipped_bit_anywhere_in_a_split_is_told_and_never_another_answer() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let mut indexer = store.indexer();
    for range in [0..40, 40..80] {
        add(&mut indexer, range);
        indexer.commit().unwrap();
    }
    let (whole, splits) = (offsets(&store, ""), store.view().splits.clone());
    assert_eq!((whole.len(), splits.len()), (80, 4));
    assert!(store.damaged().is_empty());
    let broken = dir.path().join("splits").join(&splits[0].meta.id);
    let kept: Vec<u64> =
        whole.iter().copied().filter(|offset| !(*offset < 40 && tenant_of(*offset) == splits[0].meta.tenant)).collect();
    for file in std::fs::read_dir(&broken).unwrap() {
        let path = file.unwrap().path();
        let good = std::fs::read(&path).unwrap();
        for at in [0, good.len() / 3, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            std::fs::write(&path, bad).unwrap();
            let reopened = Store::open_read_only(config(dir.path())).unwrap();
            assert_eq!(offsets(&reopened, ""), kept, "{} byte {at}", path.display());
            let damaged = reopened.damaged();
            assert_eq!(damaged.len(), 1);
            assert_eq!((damaged[0].events, &damaged[0].split), (splits[0].meta.events, &splits[0].meta.id));
            std::fs::write(&path, &good).unwrap();
        }
    }
    // In the background, before anybody searches; what is damaged is not merged.
    let path = broken.join("meta.json");
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, b"{").unwrap();
    let reopened = Store::open(config(dir.path())).unwrap();
    while reopened.examine_next().is_some() {}
    assert_eq!(reopened.damaged().len(), 1);
    let sound: Vec<_> =
        reopened.view().splits.iter().filter(|split| split.soundness().known() == Some(true)).cloned().collect();
    assert_eq!(sound.len(), 3);
    std::fs::write(&path, good).unwrap();
    assert_eq!(offsets(&Store::open_read_only(config(dir.path())).unwrap(), ""), whole);
}

fn tenant_of(offset: u64) -> &'static str {
    plain(offset).tenant
}

#[test]
fn a_changed_catalogue_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(config(dir.path())).unwrap();
    let mut indexer = store.indexer();
    add(&mut indexer, 0..10);
    indexer.commit().unwrap();
    drop((indexer, store));
    let path = dir.path().join("catalogue.json");
    let good = std::fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, bad).unwrap();
        assert!(Store::open_read_only(config(dir.path())).is_err(), "byte {at}");
    }
    // One of before there was a checksum.
    let end = good.iter().position(|byte| *byte == b'\n').unwrap();
    std::fs::write(&path, &good[..end]).unwrap();
    assert_eq!(offsets(&Store::open_read_only(config(dir.path())).unwrap(), "").len(), 10);
}
