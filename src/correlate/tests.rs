//! Several partitions must give what one gives, whatever the order, and through crashes at any point.

use std::path::Path;
use std::sync::Arc;

use store::{ALL_TENANTS, AlertFilter, Database, Store};
use stream::log::Log;
use stream::{Record, RecordKind};

use super::*;
use crate::accounting::Accounting;
use crate::config::Config;
use crate::matching::Matching;
use crate::revision::{Loaded, Revisions};
use crate::worker::Worker;

/// Counting, and an order over sources that stand in different partitions.
const RULES: &str = "title: A failed logon\nid: 6a9a4f0e-6a0c-4c5e-9a57-0d4f6c1c2b12\nname: failed\n\
    logsource:\n    product: linux\ndetection:\n    selection:\n        event.outcome: failure\n    condition: selection\nlevel: high\n---\n\
    title: A logon\nid: 6a9a4f0e-6a0c-4c5e-9a57-0d4f6c1c2b14\nname: logon\n\
    logsource:\n    product: linux\ndetection:\n    selection:\n        event.outcome: success\n    condition: selection\nlevel: informational\n---\n\
    title: Many failed logons\nid: 6a9a4f0e-6a0c-4c5e-9a57-0d4f6c1c2b13\ncorrelation:\n    type: event_count\n    rules: [failed]\n\
    \u{20}   group-by: [user.name]\n    timespan: 10m\n    condition:\n        gte: 4\nlevel: high\n---\n\
    title: Failed, then in\nid: 6a9a4f0e-6a0c-4c5e-9a57-0d4f6c1c2b15\ncorrelation:\n    type: temporal_ordered\n    rules: [failed, logon]\n\
    \u{20}   group-by: [user.name]\n    timespan: 2m\nlevel: high\n";
const SOURCES: u64 = 7;

struct Town {
    config: Config,
    loaded: Arc<Loaded>,
    revisions: Arc<Revisions>,
    log: Log,
    database: Database,
}

impl Town {
    fn open(dir: &Path, partitions: u32) -> Town {
        let town = dir.join("tenants/town");
        std::fs::create_dir_all(&town).unwrap();
        std::fs::create_dir_all(dir.join("rules")).unwrap();
        std::fs::write(town.join("tenant.toml"), "name = \"見本町\"\nmodel = \"alpha\"\n").unwrap();
        let zones = "prefix,zone,site,owner,valid_from,valid_until,note\n10.20.0.0/16,lgwan,,,,,\n";
        std::fs::write(town.join("zones.csv"), zones).unwrap();
        let source =
            |n| format!("[[source]]\ntenant = \"town\"\nid = \"linux{n}\"\nproduct = \"system\"\ntz = \"UTC\"\n");
        std::fs::write(dir.join("sources.toml"), (0..SOURCES).map(source).collect::<String>()).unwrap();
        std::fs::write(dir.join("rules/logons.yml"), RULES).unwrap();
        let config = format!("rules = [\"rules\"]\n[stream]\nraw_partitions = {partitions}\n");
        std::fs::write(dir.join("sekisho.toml"), config).unwrap();
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

    /// Logons of a few people over all sources, a line every five seconds; some are no logons, some cannot be read.
    fn receive(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let second = (number * 5) as i64;
            let source = format!("linux{}", (number * 5 + number / 11) % SOURCES);
            let time =
                jiff::Timestamp::from_second(1_795_600_000 + second).unwrap().strftime("%b %e %H:%M:%S").to_string();
            let user = ["alpha", "bravo", "charlie"][(number / 3) as usize % 3];
            let line = match number % 10 {
                0..6 => format!("<38>{time} web sshd[1]: Failed password for {user} from 203.0.113.9 port 4 ssh2"),
                6 | 7 => format!("<38>{time} web sshd[1]: Accepted password for {user} from 203.0.113.9 port 4 ssh2"),
                8 => format!("<38>{time} web cron[2]: nothing of interest {number}"),
                _ => format!("no time at all {number}"),
            };
            let received = Timestamp::from_seconds(1_795_600_000 + second);
            self.append(&source, RecordKind::Data, received, line);
            if number % 2 == 0 {
                (0..self.log.partitions(Topic::Raw)).for_each(|partition| self.tick(partition, received));
            }
        }
    }

    fn append(&self, source: &str, kind: RecordKind, received: Timestamp, raw: String) {
        let record =
            Record { kind, tenant: "town".into(), source: source.into(), peer: None, received, raw: raw.into() };
        let partition = self.log.partition_for(Topic::Raw, "town", source);
        self.log.append(Topic::Raw, partition, vec![record]).unwrap().wait().unwrap();
    }

    fn tick(&self, partition: u32, received: Timestamp) {
        let record = Record {
            kind: RecordKind::Tick,
            tenant: "".into(),
            source: "tick".into(),
            peer: None,
            received,
            raw: Default::default(),
        };
        self.log.append(Topic::Raw, partition, vec![record]).unwrap().wait().unwrap();
    }

    fn parts(&self, store: &Store) -> Parts {
        Parts {
            log: self.log.clone(),
            loaded: Arc::clone(&self.loaded),
            revisions: Arc::clone(&self.revisions),
            indexer: store.indexer(),
            database: self.database.clone(),
            accounting: Arc::new(Accounting::open(&self.database, &self.log).unwrap()),
            metrics: None,
            clock: || Timestamp::from_seconds(1_795_700_000),
        }
    }

    /// Works off the log to its end and commits; gives the number of events in the index.
    fn work(&self) -> u64 {
        let store = Store::open(self.config.store.clone()).unwrap();
        let partitions = self.log.partitions(Topic::Raw);
        let stop = AtomicBool::new(true);
        if partitions == 1 {
            Worker::open(self.parts(&store), 0).unwrap().run(&stop).unwrap();
            return store.event_count();
        }
        let mut correlator = Correlator::open(self.parts(&store), Teller::Database).unwrap();
        correlator.settle().unwrap();
        std::thread::scope(|scope| {
            for partition in 0..partitions {
                let worker = Matching::open(self.parts(&store), partition).unwrap();
                let stop = &stop;
                scope.spawn(move || worker.run(stop).unwrap());
            }
        });
        correlator.run(&stop).unwrap();
        store.event_count()
    }

    /// Id, count and lines of every alert.
    fn alerts(&self) -> BTreeMap<String, (u64, Vec<String>)> {
        alerts_of(&self.database)
    }
}

fn alerts_of(database: &Database) -> BTreeMap<String, (u64, Vec<String>)> {
    let filter = AlertFilter { tenants: vec![ALL_TENANTS.to_owned()], limit: 10_000, ..AlertFilter::default() };
    let rows = database.alerts(&filter).unwrap();
    let lines = |id: &str| {
        let row = database.alert(&[ALL_TENANTS.to_owned()], id).unwrap().unwrap();
        let mut lines: Vec<String> =
            row.alert.evidence.iter().map(|one| format!("{}: {}", one.source, one.line)).collect();
        lines.sort();
        lines
    };
    rows.into_iter().map(|row| (row.alert.id.clone(), (row.alert.event_count, lines(&row.alert.id)))).collect()
}

#[test]
fn several_partitions_give_what_one_gives() {
    let single = tempfile::tempdir().unwrap();
    let one = Town::open(single.path(), 1);
    one.receive(0..400);
    assert_eq!(one.work(), 400);
    let expected = one.alerts();
    assert!(expected.len() >= 3, "{} alerts", expected.len());

    for (partitions, steps) in [(3, vec![400]), (4, vec![1, 50, 51, 230, 400])] {
        let dir = tempfile::tempdir().unwrap();
        let town = Town::open(dir.path(), partitions);
        let mut from = 0;
        for to in steps {
            town.receive(from..to);
            assert_eq!(town.work(), to);
            from = to;
        }
        assert_eq!(town.alerts(), expected, "{partitions} partitions");
        let book = Accounting::open(&town.database, &town.log).unwrap().book(&town.log, Timestamp(0));
        assert!(book.balanced && book.log_in_flight == 0, "{book:?}");
        assert_eq!(book.sources.iter().map(|row| row.indexed).sum::<u64>(), 400);
    }
}

/// A crash may lose any of the positions that were not written yet: each is set back on its own.
#[test]
fn what_is_told_or_done_twice_changes_nothing() {
    let single = tempfile::tempdir().unwrap();
    let one = Town::open(single.path(), 1);
    one.receive(0..300);
    one.work();
    let expected = one.alerts();

    for lost in ["told", "state", "index"] {
        let dir = tempfile::tempdir().unwrap();
        let town = Town::open(dir.path(), 3);
        town.receive(0..150);
        town.work();
        let before: Vec<_> =
            (0..3).map(|partition| town.database.detection_state(partition).unwrap().unwrap()).collect();
        let state = town.database.detection_state(STATE).unwrap().unwrap();
        town.receive(150..300);
        town.work();
        let put = |partition: u32, (next_offset, parts): &(u64, Vec<Vec<u8>>)| {
            for (bytes, part) in parts.iter().zip(0..) {
                let state = Some(StatePart { part, bytes });
                let (outcomes, sources, received) = (&[], &[], Timestamp(0));
                let batch = DetectionBatch { partition, next_offset: *next_offset, outcomes, state, sources, received };
                town.database.apply(batch).unwrap();
            }
        };
        match lost {
            // Stage 1 tells the second half once more.
            "told" => before.iter().zip(0..).for_each(|(state, partition)| put(partition, state)),
            // Stage 2 judges it once more.
            "state" => put(STATE, &state),
            _ => std::fs::remove_dir_all(&town.config.store.dir).unwrap(),
        }
        assert_eq!(town.work(), 300, "{lost}");
        assert_eq!(town.alerts(), expected, "{lost}");
    }
}

#[test]
fn a_folder_with_one_partition_goes_on_with_more() {
    let single = tempfile::tempdir().unwrap();
    let one = Town::open(single.path(), 1);
    one.receive(0..200);
    one.work();
    let expected = one.alerts();

    let dir = tempfile::tempdir().unwrap();
    let before = Town::open(dir.path(), 1);
    before.receive(0..77);
    before.work();
    before.log.close();
    let after = Town::open(dir.path(), 3);
    assert_eq!(after.work(), 77);
    after.receive(77..200);
    assert_eq!(after.work(), 200);
    assert_eq!(after.alerts(), expected, "open windows were taken over");
}

impl Town {
    /// Works off what has come, with correlation on a machine of its own, whose raiser this is.
    fn work_apart(&self, machine: &Path, raiser: Raiser) {
        let store = Store::open(self.config.store.clone()).unwrap();
        let stop = AtomicBool::new(true);
        for partition in 0..self.log.partitions(Topic::Raw) {
            Matching::open(self.parts(&store), partition).unwrap().run(&stop).unwrap();
        }
        let database = Database::open(machine).unwrap();
        let parts = Parts { database, ..self.parts(&store) };
        Correlator::open(parts, Teller::Topic(raiser)).unwrap().run(&stop).unwrap();
    }

    fn raiser(&self) -> Raiser {
        Raiser::begin(&self.log, 0, Timestamp(1)).unwrap()
    }

    /// What topic `alerts` comes to in a database of its own.
    fn raised(&self, dir: &Path) -> BTreeMap<String, (u64, Vec<String>)> {
        let database = Database::open(dir.join("served.db")).unwrap();
        let mut collector = crate::raised::Collector::default();
        let mut reader = self.log.reader(Topic::Alerts, 0, 0).unwrap();
        while let Some(batch) = reader.next_below(self.log.end_offset(Topic::Alerts, 0)).unwrap() {
            for stretch in batch.iter().filter_map(|record| collector.take(record.raw).unwrap()) {
                let (state, sources, received) = (None, &[][..], Timestamp(1));
                let outcomes = &stretch.changes;
                let batch = DetectionBatch { partition: 0, next_offset: 1, outcomes, state, sources, received };
                database.apply(batch).unwrap();
            }
        }
        alerts_of(&database)
    }
}

#[test]
fn correlation_moves_between_machines() {
    let single = tempfile::tempdir().unwrap();
    let one = Town::open(single.path(), 1);
    one.receive(0..400);
    one.work();
    let expected = one.alerts();

    let dir = tempfile::tempdir().unwrap();
    let town = Town::open(dir.path(), 3);
    let machine = |name: &str| dir.path().join(name);
    for (range, name) in [(0..90, "a.db"), (90..91, "b.db"), (91..200, "a.db"), (200..260, "b.db")] {
        town.receive(range);
        town.work_apart(&machine(name), town.raiser());
    }
    // A former owner has not heard of the new one: what it raises does not count, and neither does the state it stores.
    let former = town.raiser();
    let owner = town.raiser();
    town.receive(260..330);
    town.work_apart(&machine("a.db"), former);
    town.work_apart(&machine("b.db"), owner);
    town.receive(330..350);
    let (former, owner) = (town.raiser(), town.raiser());
    town.work_apart(&machine("a.db"), former);
    drop(owner);
    town.work_apart(&machine("a.db"), town.raiser());
    town.receive(350..400);
    // One that has no state at all begins with what the stream holds.
    town.work_apart(&machine("c.db"), town.raiser());
    assert_eq!(town.raised(dir.path()), expected);
}
