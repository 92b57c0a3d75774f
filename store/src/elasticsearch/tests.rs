//! Tests of the engine's own ways: kills between bulk and positions, refusals, back-pressure. What both kinds of store have in common
//! is tested for both in [`crate::store`]'s tests.

mod fake;
pub(crate) mod node;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bumpalo::Bump;
use serde_json::{Value, json};
use stream::{Event, EventId, NANOS_PER_SECOND, Timestamp, fields};

use self::fake::Fake;
use crate::{ALL_TENANTS, Error, Indexer, SearchRequest, Store, StoreConfig};

const NOON: i64 = 1_800_000_000 * NANOS_PER_SECOND;
/// Events of the test with kills, of each partition.
const EVENTS: u64 = 4000;
/// Events of one publication there.
const BATCH: u64 = 40;
/// Kills there.
const KILLS: usize = 12;
/// The child's name for itself.
const CHILD: &str = "elasticsearch::tests::a_child_indexes_until_it_is_killed";

fn request(query: &str) -> SearchRequest {
    SearchRequest { tenants: vec![ALL_TENANTS.into()], query: query.into(), limit: 10_000, ..SearchRequest::default() }
}

fn add(indexer: &mut Indexer, partition: u32, offsets: std::ops::Range<u64>) {
    let arena = Bump::new();
    for offset in offsets.clone() {
        let mut event = Event::new_in(&arena);
        let original = arena.alloc_str(&format!("line {offset} of partition {partition} denied"));
        event.push(fields::TIMESTAMP, stream::Value::Time(Timestamp(NOON + offset as i64 * NANOS_PER_SECOND)));
        event.push(fields::EVENT_ORIGINAL, stream::Value::Str(original));
        event.push(fields::SEKISHO_TENANT, stream::Value::Str(if offset % 3 == 0 { "t2" } else { "t1" }));
        event.push(fields::FILE_NAME, stream::Value::Str("a.txt"));
        indexer.add(EventId::new(partition, offset), &event);
    }
    indexer.publish(partition, offsets.end);
}

/// Documents in all indices of a prefix, as the engine counts them.
fn documents(config: &StoreConfig) -> u64 {
    let base = &config.elasticsearch.urls[0];
    let pattern = format!("{}-events-*", config.elasticsearch.index_prefix);
    ureq::post(format!("{base}/{pattern}/_refresh")).send_empty().unwrap();
    let counted = ureq::get(format!("{base}/{pattern}/_count")).call().unwrap().body_mut().read_to_string().unwrap();
    serde_json::from_str::<Value>(&counted).unwrap()["count"].as_u64().unwrap()
}

fn put(config: &StoreConfig, path: &str, body: &Value) {
    let url = format!("{}{path}", config.elasticsearch.urls[0]);
    ureq::put(url).header("content-type", "application/json").send(body.to_string()).unwrap();
}

/// Not a test by itself: what [`killed_between_bulk_and_positions_every_event_is_there_once`] kills.
#[test]
fn a_child_indexes_until_it_is_killed() {
    let Ok(url) = std::env::var(node::URL) else { return };
    let config = node::config_at(url, std::env::var("SEKISHO_STORE_TEST_PREFIX").unwrap());
    let store = Store::open(config).unwrap();
    let mut indexer = store.indexer();
    loop {
        for partition in 0..2 {
            // As a worker: from the durable position on, here with repeats from before it.
            let durable = indexer.durable(partition);
            let from = durable.saturating_sub(7);
            if durable < EVENTS {
                add(&mut indexer, partition, from..(durable + BATCH).min(EVENTS));
            }
        }
        indexer.commit().unwrap();
        if (0..2).all(|partition| indexer.durable(partition) >= EVENTS) {
            return;
        }
    }
}

#[test]
fn killed_between_bulk_and_positions_every_event_is_there_once() {
    let Some(config) = node::config() else { return };
    let child = |abort: Option<&str>| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([CHILD, "--exact", "--nocapture"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.env(node::URL, &config.elasticsearch.urls[0]);
        command.env("SEKISHO_STORE_TEST_PREFIX", &config.elasticsearch.index_prefix);
        command.envs(abort.map(|point| ("SEKISHO_STORE_ABORT_AT", point)));
        command.spawn().unwrap()
    };
    let reader = Store::open_read_only(config.clone()).unwrap();
    let mut confirmed = 0;
    for kill in 0..KILLS {
        let abort = [Some("store::bulk::sent"), Some("store::bulk::positions"), None][kill % 3];
        let mut process = child(abort);
        if abort.is_none() {
            std::thread::park_timeout(Duration::from_millis(150 + 90 * kill as u64));
            process.kill().unwrap();
        }
        assert!(!process.wait().unwrap().success());
        // What is found meanwhile is what is confirmed, each event once.
        // The engine may still be at what the dead process asked for last: looked at until nothing moves meanwhile.
        let (hits, positions) = loop {
            let before = reader_positions(&config);
            reader.engine().unwrap().forget();
            let hits = reader.searcher().search(&request("denied")).unwrap().hits;
            if before == reader_positions(&config) {
                break (hits, before);
            }
        };
        let mut ids: Vec<EventId> = hits.iter().map(|hit| hit.id).collect();
        ids.sort_unstable();
        let expected: Vec<EventId> = positions
            .iter()
            .enumerate()
            .flat_map(|(partition, next)| (0..*next).map(move |offset| EventId::new(partition as u32, offset)))
            .collect();
        assert_eq!(ids.len(), expected.len());
        assert_eq!(ids, expected, "after kill {kill}");
        let now: u64 = positions.iter().sum();
        assert!(now >= confirmed);
        confirmed = now;
    }
    assert!(child(None).wait().unwrap().success());
    assert_eq!(documents(&config), 2 * EVENTS);
    let store = Store::open(config.clone()).unwrap();
    assert_eq!((store.position(0), store.position(1)), (EVENTS, EVENTS));
    assert_eq!(store.searcher().count(&request("denied")).unwrap(), 2 * EVENTS);
    assert_eq!(store.searcher().count(&request("\"of partition 1\"")).unwrap(), EVENTS);
}

fn reader_positions(config: &StoreConfig) -> [u64; 2] {
    let store = Store::open_read_only(config.clone()).unwrap();
    [store.position(0), store.position(1)]
}

#[test]
fn what_the_engine_refuses_for_good_is_indexed_in_the_reduced_form() {
    let Some(config) = node::config() else { return };
    let prefix = &config.elasticsearch.index_prefix;
    let store = Store::open(config.clone()).unwrap();
    // An index of somebody's own making, in which a name is a number.
    let mapping = json!({"mappings": {"dynamic": false, "properties": {"file.name": {"type": "integer"}}}});
    let template = json!({"index_patterns": [format!("{prefix}-events-*")], "priority": 501, "template": mapping});
    let whole = ureq::get(format!("{}/_index_template/{prefix}-events", config.elasticsearch.urls[0])).call();
    let whole: Value = serde_json::from_str(&whole.unwrap().body_mut().read_to_string().unwrap()).unwrap();
    let mut own = whole["index_templates"][0]["index_template"].clone();
    own["priority"] = template["priority"].clone();
    own["template"]["mappings"]["properties"]["file"]["properties"]["name"] = json!({"type": "integer"});
    own["template"]["mappings"]["properties"]["file.name"] = json!({"type": "integer"});
    put(&config, &format!("/_index_template/{prefix}-own"), &own);
    let mut indexer = store.indexer();
    add(&mut indexer, 0, 0..30);
    indexer.commit().unwrap();
    let found = |query: &str| store.searcher().search(&request(query)).unwrap().hits;
    let hits = found("denied file.name:a.txt sekisho.tenant:t1");
    assert_eq!(hits.len(), 20);
    assert_eq!(hits[0].event[fields::FILE_NAME.name()], "a.txt");
    assert_eq!((indexer.durable(0), documents(&config)), (30, 30));
    let base = &config.elasticsearch.urls[0];
    let body = json!({"query": {"exists": {"field": "sekisho.store.reduced"}}}).to_string();
    let url = format!("{base}/{prefix}-events-*/_count");
    let counted =
        ureq::post(url).header("content-type", "application/json").send(body).unwrap().body_mut().read_to_string();
    assert!(counted.unwrap().contains("\"count\":30"));
    let terms = store.searcher().terms(&request(""), "sekisho.tenant", 5).unwrap();
    assert_eq!(terms, [("t1".to_owned(), 20), ("t2".to_owned(), 10)]);
}

#[test]
fn a_busy_or_absent_engine_is_waited_for_and_nothing_is_lost() {
    let fake = Fake::start();
    let store = Store::open(fake.config()).unwrap();
    let mut indexer = store.indexer();
    add(&mut indexer, 0, 0..10);
    for refusal in ["status 429", "status 503", "item 429", "item 503", "item 403", "close"] {
        fake.refuse(Some(refusal));
        let error = indexer.commit().unwrap_err();
        assert!(error.is_disk(), "{refusal}: {error}");
        assert!(error.to_string().contains(&fake.url), "{error}");
        assert_eq!((indexer.durable(0), store.stats().tail_events), (0, 10), "{refusal}");
        add(&mut indexer, 0, 10..10);
    }
    // What is in between takes 2,000 bytes at a time.
    fake.refuse(Some("long 2000"));
    indexer.commit().unwrap();
    assert_eq!((indexer.durable(0), store.stats().tail_events), (10, 0));
    // One that even the reduced form does not help stops the writer, by name.
    add(&mut indexer, 0, 10..11);
    fake.refuse(Some("item 400"));
    let error = indexer.commit().unwrap_err();
    assert!(!error.is_disk() && error.to_string().contains("event 0-10"), "{error}");
    assert!(matches!(indexer.maybe_commit(Instant::now()), Err(Error::Stopped { .. })));
    assert_eq!(indexer.durable(0), 10);
}

#[test]
fn a_secret_is_sent_and_never_shown() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("password");
    std::fs::write(&path, "open-sesame\n").unwrap();
    let mut config = fake.config();
    (config.elasticsearch.user, config.elasticsearch.password_file) = (Some("sekisho".into()), Some(path));
    let store = Store::open(config.clone()).unwrap();
    // base64 of `sekisho:open-sesame`
    assert!(fake.heard().contains("Basic c2VraXNobzpvcGVuLXNlc2FtZQ=="));
    let mut indexer = store.indexer();
    add(&mut indexer, 0, 0..1);
    fake.refuse(Some("status 401"));
    let error = indexer.commit().unwrap_err();
    let shown = format!("{error} {error:?} {config:?}");
    assert!(error.is_disk() && shown.contains("password_file"), "{shown}");
    assert!(!shown.contains("open-sesame") && !shown.contains("c2VraXNo"), "{shown}");
}

#[test]
fn an_engine_that_cannot_hold_events_is_refused_by_name() {
    let fake = Fake::start();
    fake.be(r#"{"version": {"distribution": "quickwit", "number": "7.17.0"}}"#);
    let error = Store::open(fake.config()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("quickwit") && error.contains("OpenSearch 2"), "{error}");
    fake.be(r#"{"version": {"number": "7.17.0"}}"#);
    assert!(Store::open(fake.config()).is_err());
    fake.be(r#"{"version": {"number": "9.1.0"}}"#);
    Store::open(fake.config()).unwrap();
}
