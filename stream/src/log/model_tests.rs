//! The log against a model: any sequence of appends, syncs, power losses (also in the middle of a write, a recovery or
//! a retention), failing disks, restarts, reads, commits and retention keeps every acknowledged record, once, in order,
//! with its bytes; one that was not acknowledged is there wholly or not at all.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::embedded::{Embedded, Limits};
use super::simulation::{Fault, MemoryDisk, Random};
use super::{Ack, Codec, Log, LogConfig, Retention};
use crate::{Record, RecordKind, Timestamp, Topic};

const GROUP: &str = "index";

#[derive(Clone, Debug)]
enum Op {
    Append(Vec<u16>),
    Sync,
    PowerLoss(u64),
    PowerLossAfter(u8, u64),
    Fail(u8),
    Restart,
    Read(u8),
    Commit(u8),
    Retain,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => prop::collection::vec(0u16..700, 1..12).prop_map(Op::Append),
        4 => Just(Op::Sync),
        2 => any::<u64>().prop_map(Op::PowerLoss),
        3 => (0u8..30, any::<u64>()).prop_map(|(steps, seed)| Op::PowerLossAfter(steps, seed)),
        2 => (0u8..4).prop_map(Op::Fail),
        1 => Just(Op::Restart),
        2 => any::<u8>().prop_map(Op::Read),
        2 => any::<u8>().prop_map(Op::Commit),
        1 => Just(Op::Retain),
    ]
}

/// A record that is recognised by its number and age (a number can be given out again after a power loss).
fn record(number: u64, age: u64, bytes: u16) -> Record {
    let mut random = Random(number ^ (age << 40));
    let name = |prefix: &str, n: u64| Arc::from(format!("{prefix}{n}"));
    Record {
        kind: [RecordKind::Data, RecordKind::Tick, RecordKind::Control][random.next(3) as usize],
        tenant: name("t", random.next(3)),
        source: name("s", random.next(9)),
        peer: [None, Some([192, 0, 2, 1].into()), Some([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into())]
            [random.next(3) as usize],
        received: Timestamp::from_seconds(1_700_000_000 + random.next(1_000) as i64),
        raw: (0..bytes).map(|_| b'a' + random.next(20) as u8).collect(),
    }
}

struct Model {
    disk: MemoryDisk,
    log: Option<Log>,
    limits: Limits,
    codec: Codec,
    /// Every appended record by offset; nothing where a record that was never acknowledged was lost for good.
    records: Vec<Option<Record>>,
    acks: Vec<(u64, Ack)>,
    acknowledged: u64,
    age: u64,
    start: u64,
    /// What the group's offset may be after a crash.
    commits: BTreeSet<Option<u64>>,
    /// Seed of a power loss that is due.
    due: Option<u64>,
}

impl Model {
    fn open(&self) -> crate::Result<Log> {
        let config = LogConfig {
            dir: "/log".into(),
            segment_bytes: 4 << 10,
            fsync_ms_max: 0,
            codec: self.codec,
            buffer_bytes_max: 4 << 10,
            retention: Retention { bytes: Some(12 << 10), ..Retention::NEVER },
            ..LogConfig::default()
        };
        Ok(Log::Embedded(Arc::new(Embedded::open(config, Arc::new(self.disk.clone()), self.limits)?)))
    }

    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Append(sizes) => self.append(sizes),
            Op::Sync => self.sync(),
            Op::PowerLoss(seed) => self.power_loss(seed),
            Op::PowerLossAfter(steps, seed) => {
                self.disk.power_off_after(steps.into());
                self.due = Some(seed);
            }
            Op::Fail(kind) => self
                .disk
                .fail_next([Fault::ShortWrite, Fault::FullDisk, Fault::FailedWrite, Fault::FailedSync][kind as usize]),
            Op::Restart => self.restart(),
            Op::Read(part) => {
                let (start, end) = (self.log().start_offset(Topic::Raw, 0), self.log().end_offset(Topic::Raw, 0));
                self.read(start + (end - start) * u64::from(part) / 255);
            }
            Op::Commit(part) => self.commit(part),
            Op::Retain => {
                let done = self.log().retain(Timestamp::from_seconds(2_000_000_000));
                match done {
                    Ok(_) => self.start = self.log().start_offset(Topic::Raw, 0),
                    Err(error) => assert!(is_injected(&error), "{error}"),
                }
            }
        }
    }

    fn append(&mut self, sizes: Vec<u16>) {
        let first = self.records.len() as u64;
        let records: Vec<Record> =
            sizes.iter().enumerate().map(|(at, bytes)| record(first + at as u64, self.age, *bytes)).collect();
        match self.log().append(Topic::Raw, 0, records.clone()) {
            Ok(ack) => {
                assert_eq!(ack.first_offset(), Some(first));
                self.records.extend(records.into_iter().map(Some));
                self.acks.push((self.records.len() as u64, ack));
            }
            Err(_) => assert!(!self.log().stopped().is_empty()),
        }
    }

    fn sync(&mut self) {
        for (end, ack) in std::mem::take(&mut self.acks) {
            match ack.wait() {
                Ok(_) => self.acknowledged = self.acknowledged.max(end),
                Err(_) => assert!(!self.log().stopped().is_empty()),
            }
        }
        assert!(self.log().end_offset(Topic::Raw, 0) >= self.acknowledged);
    }

    fn commit(&mut self, part: u8) {
        let next = self.log().end_offset(Topic::Raw, 0) * u64::from(part) / 255;
        match self.log().commit(GROUP, Topic::Raw, 0, next) {
            Ok(()) => {
                self.commits = BTreeSet::from([Some(next)]);
                assert_eq!(self.log().committed(GROUP, Topic::Raw, 0), Some(next));
            }
            Err(_) => {
                self.commits.insert(Some(next));
            }
        }
    }

    fn power_loss(&mut self, seed: u64) {
        // What is acknowledged by now must survive; the rest may.
        self.acknowledged = self.acknowledged.max(self.log().end_offset(Topic::Raw, 0));
        let after = self.disk.crash(seed);
        self.disk.power_off_after(0);
        self.start_again(Some(after));
    }

    fn restart(&mut self) {
        if self.disk.is_off() {
            let seed = self.due.unwrap_or(0);
            return self.power_loss(seed);
        }
        let stopped = !self.log().stopped().is_empty();
        self.sync();
        self.log.take().unwrap().close();
        if self.disk.is_off() {
            return self.start_again(Some(self.disk.crash(self.due.unwrap_or(0))));
        }
        assert!(stopped || self.acknowledged <= self.records.len() as u64);
        self.start_again(None);
    }

    /// Opens the log, through power losses and failures while it recovers, and compares it with the model.
    fn start_again(&mut self, disk: Option<MemoryDisk>) {
        self.acks.clear();
        self.log = None;
        self.disk = disk.unwrap_or_else(|| self.disk.clone());
        for seed in 0.. {
            match self.open() {
                Ok(log) => {
                    self.log = Some(log);
                    break;
                }
                Err(error) => {
                    assert!(self.disk.is_off() || is_injected(&error), "{error}");
                    if self.disk.is_off() {
                        self.disk = self.disk.crash(self.due.unwrap_or(0) + seed);
                    }
                }
            }
        }
        self.due = None;
        let end = self.log().end_offset(Topic::Raw, 0);
        let start = self.log().start_offset(Topic::Raw, 0);
        assert!((self.acknowledged..=self.records.len() as u64).contains(&end), "{end} {}", self.acknowledged);
        // A retention that was cut short may have removed more than it could say, never less than it said.
        assert!(start >= self.start && start <= end, "{start} {}", self.start);
        self.start = start;
        self.records.truncate(end as usize);
        let committed = self.log().committed(GROUP, Topic::Raw, 0);
        assert!(self.commits.contains(&committed), "{committed:?} {:?}", self.commits);
        self.commits = BTreeSet::from([committed]);
        self.read(start);
        // What can be read after a recovery is durable from then on.
        self.acknowledged = end;
        self.age += 1;
    }

    fn read(&mut self, from: u64) {
        let end = self.log().end_offset(Topic::Raw, 0);
        let mut reader = self.log().reader(Topic::Raw, 0, from).unwrap();
        let mut expected = from;
        while expected < end {
            let batch = match reader.poll(Duration::ZERO) {
                Ok(batch) => batch.unwrap(),
                Err(error) => return assert!(self.disk.is_off(), "{error}"),
            };
            if let Some(gap) = batch.gap() {
                assert_eq!(gap.from, expected);
                for offset in gap.from..gap.to {
                    let hole = &mut self.records[offset as usize];
                    assert!(hole.is_none() || offset >= self.acknowledged, "{gap:?} {}", self.acknowledged);
                    *hole = None;
                }
                expected = gap.to;
            }
            assert_eq!(batch.base_offset(), expected);
            for record in batch.iter() {
                assert_eq!(record.offset, expected);
                assert_eq!(self.records[expected as usize].as_ref().map(|known| known.as_ref(expected)), Some(record));
                expected += 1;
            }
            assert_eq!(batch.next_offset(), expected);
        }
    }
}

fn is_injected(error: &crate::Error) -> bool {
    let text = error.to_string();
    ["failed write", "short write", "failed sync", "no storage space", "power is off"]
        .iter()
        .any(|part| text.contains(part))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn acknowledged_records_survive(
        ops in prop::collection::vec(op(), 1..60),
        compress in any::<bool>(),
        often in any::<bool>(),
    ) {
        let limits = Limits {
            batch_bytes: 700,
            flush_bytes: 1_500,
            checkpoint_every: if often { Duration::ZERO } else { Duration::from_secs(3_600) },
            full_disk_retry: Duration::ZERO,
        };
        let mut model = Model {
            disk: MemoryDisk::default(),
            log: None,
            limits,
            codec: if compress { Codec::Zstd } else { Codec::None },
            records: Vec::new(),
            acks: Vec::new(),
            acknowledged: 0,
            age: 0,
            start: 0,
            commits: BTreeSet::from([None]),
            due: None,
        };
        model.start_again(None);
        ops.into_iter().for_each(|op| model.apply(op));
        model.restart();
    }
}
