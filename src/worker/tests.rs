//! Workers on small logs: what the stream holds and what was lost of the index must not change what detection says.

use std::path::Path;

use store::{ALL_TENANTS, AlertFilter, Store};
use stream::{Record, fields};

use super::*;
use crate::config::Config;

const RULES: &str = "title: A failed logon\nid: 6a9a4f0e-6a0c-4c5e-9a57-0d4f6c1c2b12\nname: failed\n\
    logsource:\n    product: linux\ndetection:\n    selection:\n        event.outcome: failure\n    condition: selection\nlevel: informational\n---\n\
    title: Many failed logons\nid: 6a9a4f0e-6a0c-4c5e-9a57-0d4f6c1c2b13\ncorrelation:\n    type: event_count\n    rules: [failed]\n\
    \u{20}   group-by: [user.name]\n    timespan: 10m\n    condition:\n        gte: 3\nlevel: high\n";

/// A town's folder and what is open of it.
struct Town {
    config: Config,
    loaded: Arc<Loaded>,
    revisions: Arc<Revisions>,
    log: Log,
    database: Database,
}

impl Town {
    fn open(dir: &Path) -> Town {
        let town = dir.join("tenants/town");
        std::fs::create_dir_all(&town).unwrap();
        std::fs::create_dir_all(dir.join("rules")).unwrap();
        std::fs::write(town.join("tenant.toml"), "name = \"見本町\"\nmodel = \"alpha\"\n").unwrap();
        let zones = "prefix,zone,site,owner,valid_from,valid_until,note\n10.20.0.0/16,lgwan,,,,,\n";
        std::fs::write(town.join("zones.csv"), zones).unwrap();
        let source = "[[source]]\ntenant = \"town\"\nid = \"linux01\"\nproduct = \"system\"\ntz = \"UTC\"\n";
        std::fs::write(dir.join("sources.toml"), source).unwrap();
        std::fs::write(dir.join("rules/logons.yml"), RULES).unwrap();
        std::fs::write(dir.join("sekisho.toml"), "rules = [\"rules\"]\n").unwrap();
        let config = Config::load(&dir.join("sekisho.toml")).unwrap();
        std::fs::create_dir_all(&config.data).unwrap();
        let loaded = Arc::new(Loaded::from(&config).unwrap());
        assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
        let revisions = Arc::new(Revisions::open(&config));
        revisions.keep(&config, Arc::clone(&loaded)).unwrap();
        let log = Log::open(config.stream.clone()).unwrap();
        let database = Database::open(config.database()).unwrap();
        Town { config, loaded, revisions, log, database }
    }

    fn append(&self, kind: RecordKind, second: i64, raw: &str) {
        let received = Timestamp::parse_rfc3339("2026-11-20T10:00:00Z").unwrap().plus_nanos(second * 1_000_000_000);
        let raw = raw.as_bytes().to_vec().into();
        let record = Record { kind, tenant: "town".into(), source: "linux01".into(), peer: None, received, raw };
        self.log.append(Topic::Raw, 0, vec![record]).unwrap().wait().unwrap();
    }

    fn failures(&self, seconds: std::ops::Range<i64>) {
        for second in seconds {
            let line = format!(
                "<38>Nov 20 10:00:{second:02} web sshd[1]: Failed password for alpha from 203.0.113.9 port 4 ssh2"
            );
            self.append(RecordKind::Data, second, &line);
        }
    }

    /// Works off the log to its end and commits; gives the number of events in the index.
    fn work(&self) -> u64 {
        let store = Store::open(self.config.store.clone()).unwrap();
        let parts = Parts {
            log: self.log.clone(),
            loaded: Arc::clone(&self.loaded),
            revisions: Arc::clone(&self.revisions),
            indexer: store.indexer(),
            database: self.database.clone(),
            accounting: Arc::new(Accounting::open(&self.database, &self.log).unwrap()),
            metrics: None,
            clock: || Timestamp::parse_rfc3339("2026-11-20T11:00:00Z").unwrap(),
        };
        Worker::open(parts, 0).unwrap().run(&AtomicBool::new(true)).unwrap();
        store.event_count()
    }

    /// Id and count of every alert.
    fn alerts(&self) -> Vec<(String, u64)> {
        let filter = AlertFilter { tenants: vec![ALL_TENANTS.to_owned()], ..AlertFilter::default() };
        let rows = self.database.alerts(&filter).unwrap();
        rows.into_iter().map(|row| (row.alert.id, row.alert.event_count)).collect()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn an_index_restored_from_a_backup_leaves_what_goes_on_as_it_is() {
    let untouched = tempfile::tempdir().unwrap();
    let whole = Town::open(untouched.path());
    whole.failures(0..7);
    assert_eq!(whole.work(), 7);
    let expected = whole.alerts();
    assert_eq!(expected.len(), 1);
    assert_eq!(expected[0].1, 7);

    for backup_of in [2, 4] {
        let dir = tempfile::tempdir().unwrap();
        let town = Town::open(dir.path());
        let (store, backup) = (town.config.store.dir.clone(), dir.path().join("backup"));
        town.failures(0..backup_of);
        town.work();
        copy(&store, &backup);
        town.failures(backup_of..6);
        assert_eq!(town.work(), 6);
        std::fs::remove_dir_all(&store).unwrap();
        copy(&backup, &store);
        town.failures(6..7);
        assert_eq!(town.work(), 7, "what the index lacked is in it again");
        assert_eq!(town.alerts(), expected, "backup of {backup_of}");
        // And the state that was stored is that of the whole log.
        town.failures(7..8);
        town.work();
        assert_eq!(town.alerts(), [(expected[0].0.clone(), 8)]);
    }
}

#[test]
fn an_unreadable_control_record_is_passed_over_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let town = Town::open(dir.path());
    let before = UNREADABLE_CONTROLS.get();
    town.failures(0..2);
    town.append(RecordKind::Control, 2, "{\"revision\"");
    town.append(RecordKind::Control, 2, "");
    town.failures(2..4);
    assert_eq!(town.work(), 4);
    assert_eq!(UNREADABLE_CONTROLS.get() - before, 2);
    assert_eq!(town.alerts().iter().map(|(_, count)| *count).collect::<Vec<_>>(), [4]);
}

/// Written by another version: detection goes on without what was open, and stores its own state again.
#[test]
fn a_state_that_cannot_be_read_does_not_keep_the_worker_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let town = Town::open(dir.path());
    town.failures(0..4);
    assert_eq!(town.work(), 4);
    let alerts = town.alerts();
    let (offset, _) = town.database.detection_state(0).unwrap().unwrap();
    let bytes = revision::seal(&town.loaded.revision, b"\x01another version");
    let batch = DetectionBatch {
        partition: 0,
        next_offset: offset,
        outcomes: &[],
        state: Some(StatePart { part: 0, bytes: &bytes }),
        sources: &[],
        received: Timestamp::default(),
    };
    town.database.apply(batch).unwrap();
    town.failures(4..7);
    assert_eq!(town.work(), 7);
    assert!(town.alerts().len() > alerts.len() && alerts.iter().all(|alert| town.alerts().contains(alert)));
    let (_, parts) = town.database.detection_state(0).unwrap().unwrap();
    assert!(parts.len() == 1 && parts[0] != bytes);
}

#[test]
fn flows_are_judged_by_zones_as_any_connection() {
    let dir = tempfile::tempdir().unwrap();
    crate::builtin::write_config("alpha-town", dir.path()).unwrap();
    let config = Config::load(&dir.path().join("sekisho.toml")).unwrap();
    let tenants = detect::Tenants::load(&config.tenants).unwrap();
    let source = ingest::SourceConfig::of_product("netflow", "Asia/Tokyo", "auto").unwrap();
    let mut decoder = ingest::Decoder::single(source).unwrap();
    let mut judged = |from: (&str, u16), to: (&str, u16), status: u8| {
        let line = format!(
            r#"{{"netflow":{{"version":9,"exporter":"192.0.2.1","domain":0,"sequence":1,"exported":"2026-11-20T01:00:00Z"}},"flow":{{"sourceIPv4Address":"{}","sourceTransportPort":{},"destinationIPv4Address":"{}","destinationTransportPort":{},"protocolIdentifier":6,"forwardingStatus":{status}}}}}"#,
            from.0, from.1, to.0, to.1
        );
        let arena = Bump::new();
        let received = Timestamp::parse_rfc3339("2026-11-20T01:00:05Z").unwrap();
        let (kind, raw) = (RecordKind::Data, line.as_bytes());
        let record = RecordRef { offset: 0, kind, tenant: "town", source: "flows", peer: None, received, raw };
        let mut event = decoder.decode(&record, &arena);
        tenants.judge(&mut event, &arena);
        let kinds: Vec<String> = event.all(fields::EVENT_TYPE).map(|value| value.text().into_owned()).collect();
        (event.get_str(fields::SEKISHO_FLOW_VERDICT).unwrap_or("").to_owned(), kinds.join(" "))
    };
    let said = |verdict: &str, kinds: &str| (verdict.to_owned(), kinds.to_owned());
    let (resident, office, web) = (("10.10.5.1", 50_000), ("10.30.1.1", 50_000), ("198.51.100.7", 443));
    assert_eq!(judged(resident, web, 64), said("violation_zone", "connection allowed"));
    assert_eq!(judged(resident, web, 128), said("violation_zone", "connection denied"));
    assert_eq!(judged(office, web, 64), said("allowed", "connection allowed"));
    // The answering half is nobody's connection: it is not called allowed, and so raises nothing.
    assert_eq!(judged(web, office, 64).1, "connection");
}
