//! What is in is in once, wherever a crash cuts the log.

use std::ops::Range;

use stream::log::{Log, LogConfig};

use super::super::session::Session;
use super::super::wire::Hello;
use super::*;
use crate::sink::Durable;

const A: SpoolId = SpoolId([1; 16]);
const B: SpoolId = SpoolId([2; 16]);

/// Keeps every append, and makes it durable.
struct Taping {
    log: Log,
    tape: Mutex<Vec<Vec<Record>>>,
}

impl Sink for Taping {
    fn append(&self, records: Vec<Record>) -> Durable<'_> {
        Box::pin(async move {
            self.tape.lock().unwrap().push(records.clone());
            Sink::append(&self.log, records).await
        })
    }
}

/// A centre whose log has this many partitions.
struct Centre {
    _dir: tempfile::TempDir,
    sink: Taping,
    collectors: Collectors,
    declared: Declared,
}

impl Centre {
    fn new(before: &[Record]) -> Centre {
        Centre::with(1, before)
    }

    fn with(raw_partitions: u32, before: &[Record]) -> Centre {
        let dir = tempfile::tempdir().unwrap();
        let config = LogConfig { fsync_ms_max: 0, raw_partitions, ..LogConfig::in_dir(dir.path().join("stream")) };
        let log = Log::open(config).unwrap();
        log.append(Topic::Raw, partition_of(&log, "c1"), before.to_vec()).unwrap().wait().unwrap();
        let collectors = Collectors::open(&dir.path().join("collectors.json"), &log).unwrap();
        let declared = Declared {
            id: "c1".into(),
            tenant: "town".into(),
            sources: Vec::new(),
            certificate: vec!["c1".into()],
            interrupted_after: Duration::from_secs(0),
            public_key: None,
        };
        let sink = Taping { log, tape: Mutex::default() };
        Centre { _dir: dir, sink, collectors, declared }
    }

    async fn session(&self, spool: SpoolId, start: u64, end: u64) -> Session<'_> {
        let hello = Hello { spool, base: 0, start, end };
        Session::begin(&self.collectors, &self.declared, hello, &self.sink, now()).await.unwrap()
    }

    fn all(&self) -> Vec<Record> {
        let log = &self.sink.log;
        let mut reader = log.reader(Topic::Raw, partition_of(log, "c1"), 0).unwrap();
        let mut all = Vec::new();
        while let Some(batch) = reader.poll(Duration::ZERO).unwrap() {
            all.extend(batch.iter().map(|record| Record {
                kind: record.kind,
                tenant: record.tenant.into(),
                source: record.source.into(),
                peer: record.peer,
                received: record.received,
                raw: record.raw.to_vec().into(),
            }));
        }
        all
    }

    /// The numbers that stand in the log, in order.
    fn numbers(&self) -> Vec<u64> {
        let own = self.all().into_iter().filter(|record| &*record.source == "fw");
        own.map(|record| std::str::from_utf8(&record.raw).unwrap().parse().unwrap()).collect()
    }

    fn actions(&self) -> Vec<String> {
        let notes = self.all().into_iter().filter(|record| record.source.starts_with(SOURCE_PREFIX));
        notes
            .map(|record| {
                let line: serde_json::Value = serde_json::from_slice(&record.raw).unwrap();
                line["event.action"].as_str().unwrap().trim_start_matches("collector-").to_owned()
            })
            .filter(|action| action != "status")
            .collect()
    }
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_795_137_330)
}

fn records(numbers: Range<u64>) -> Vec<Record> {
    numbers.map(|number| record("town", "fw", &number.to_string())).collect()
}

fn record(tenant: &str, source: &str, raw: &str) -> Record {
    let raw = raw.as_bytes().to_vec().into();
    Record { kind: RecordKind::Data, tenant: tenant.into(), source: source.into(), peer: None, received: now(), raw }
}

#[tokio::test]
async fn a_log_that_is_cut_anywhere_is_filled_up_exactly() {
    for partitions in [1, 3] {
        filled_up_exactly(partitions).await;
    }
}

async fn filled_up_exactly(partitions: u32) {
    let whole = Centre::with(partitions, &[]);
    let session = whole.session(A, 0, 9).await;
    assert_eq!(session.records(0, records(0..4), now()).await.unwrap(), 4);
    assert_eq!(session.records(6, records(6..9), now()).await.unwrap(), 9);
    assert_eq!(session.records(4, records(4..6), now()).await.unwrap(), 9);
    assert_eq!(whole.actions(), ["started", "gap", "gap-closed"]);
    assert_eq!(whole.numbers(), [0, 1, 2, 3, 6, 7, 8, 4, 5]);
    let all = whole.all();
    for cut in 0..=all.len() {
        let mut before = all[..cut].to_vec();
        // Another process starts, and somebody else's records follow those that were cut.
        before.push(opening_mark(now()));
        before.extend((0..5).map(|_| record("town", "proxy", "other")));
        let centre = Centre::with(partitions, &before);
        let session = centre.session(A, 0, 9).await;
        session.records(0, records(0..4), now()).await.unwrap();
        session.records(6, records(6..9), now()).await.unwrap();
        assert_eq!(session.records(2, records(2..9), now()).await.unwrap(), 9);
        let mut numbers = centre.numbers();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..9).collect::<Vec<_>>(), "cut at {cut}");
        let actions = centre.actions();
        let gaps = |what: &str| actions.iter().filter(|action| *action == what).count();
        assert_eq!((gaps("gap"), gaps("gap-closed")), (1, 1), "cut at {cut}: {actions:?}");
    }
}

#[tokio::test]
async fn the_state_file_is_a_short_cut_and_nothing_more() {
    let centre = Centre::new(&[]);
    let session = centre.session(A, 0, 100).await;
    session.records(0, records(0..10), now()).await.unwrap();
    centre.collectors.write(&centre.sink.log).await.unwrap();
    session.records(12, records(12..20), now()).await.unwrap();
    let path = &centre.collectors.path;
    let reopened = |path: &Path| Collectors::open(path, &centre.sink.log).unwrap();
    let state = |collectors: &Collectors| collectors.get("c1").unwrap().progress.try_lock().unwrap().clone();
    let expected = state(&centre.collectors);
    assert_eq!((expected.next(A), expected.missing()), (20, 2));
    assert_eq!(state(&reopened(path)), expected);
    assert_eq!(state(&reopened(Path::new("/nonexistent/collectors.json"))), expected);
    // Written with what came after the position: reading it again changes nothing.
    let text =
        serde_json::to_vec(&File { positions: vec![0], collectors: [("c1".to_owned(), expected.clone())].into() });
    std::fs::write(path, text.unwrap()).unwrap();
    assert_eq!(state(&reopened(path)), expected);
    std::fs::write(path, "{").unwrap();
    assert_eq!(state(&reopened(path)), expected);
}

#[tokio::test]
async fn nobody_speaks_for_another_tenant_or_for_the_centre() {
    let centre = Centre::new(&[]);
    let session = centre.session(A, 0, 3).await;
    let forged = Note::Gap { spool: A, numbers: 3..1_000, reason: String::new() }.record("town", "c1", now());
    let mut ahead = record("town", "proxy", "x");
    ahead.received = Timestamp(i64::MAX);
    let given = vec![record("village", "fw2", "x"), forged, ahead];
    assert_eq!(session.records(0, given, now()).await.unwrap(), 3);
    let all = centre.all();
    let owners: Vec<String> = all
        .iter()
        .filter(|record| record.kind == RecordKind::Data)
        .map(|record| format!("{}/{}", record.tenant, record.source))
        .collect();
    assert_eq!(owners, ["town/collector-c1", "town/unknown", "town/unknown", "town/proxy"]);
    assert!(all.iter().all(|record| record.received == now()));
    let again = Collectors::open(Path::new("/nonexistent/x"), &centre.sink.log).unwrap();
    assert_eq!(again.get("c1").unwrap().progress.try_lock().unwrap().next(A), 3);
}

#[tokio::test]
async fn spools_that_change_and_silences_are_told_and_ended() {
    let centre = Centre::new(&[]);
    let session = centre.session(A, 0, 4).await;
    session.records(0, records(0..4), now()).await.unwrap();
    assert_eq!(session.lost(2, 6, "removed by retention", now()).await.unwrap(), 6);
    assert_eq!(session.lost(4, 6, "removed by retention", now()).await.unwrap(), 6);
    let declared = [centre.declared.clone()];
    centre.collectors.watch(&declared, &centre.sink, now()).await;
    centre.collectors.watch(&declared, &centre.sink, now()).await;
    let back = centre.session(A, 4, 10).await;
    assert!(session.records(6, records(6..7), now()).await.is_err(), "the connection before is out");
    back.records(6, records(6..8), now()).await.unwrap();
    assert_eq!(centre.actions(), ["started", "gap", "interrupted"]);
    back.records(8, records(8..10), now()).await.unwrap();
    centre.session(B, 0, 0).await;
    assert_eq!(centre.session(A, 4, 10).await.next().await, 10);
    assert_eq!(centre.actions()[3..], ["resumed", "replaced", "returned"]);
}
