//! The order in which partitions are read.

use stream::log::LogConfig;
use stream::{Record, RecordKind, RecordRef, Value};

use super::*;
use crate::matches::Writer;

const START: i64 = 1_800_000_000;

struct Told {
    log: Log,
    writers: Vec<Writer>,
    offsets: Vec<u64>,
    _dir: tempfile::TempDir,
}

impl Told {
    fn new(partitions: u32) -> Told {
        let dir = tempfile::tempdir().unwrap();
        let config = LogConfig { raw_partitions: partitions, ..LogConfig::in_dir(dir.path()) };
        let writers = (0..partitions).map(|partition| Writer::new(partition, 0, 1 << 20)).collect();
        Told { log: Log::open(config).unwrap(), writers, offsets: vec![0; partitions as usize], _dir: dir }
    }

    /// A block with events of these seconds.
    fn tell(&mut self, partition: u32, seconds: &[i64]) {
        let arena = Bump::new();
        let writer = &mut self.writers[partition as usize];
        let offset = &mut self.offsets[partition as usize];
        for second in seconds {
            let mut event = Event::new_in(&arena);
            event.push(fields::TIMESTAMP, Value::Time(Timestamp::from_seconds(START + second)));
            let received = Timestamp::from_seconds(START + 100_000);
            let record = RecordRef {
                offset: *offset,
                kind: RecordKind::Data,
                tenant: "town",
                source: "fw",
                peer: None,
                received,
                raw: b"x",
            };
            writer.data(&record, &event, &[]).unwrap();
            *offset += 1;
        }
        let raw = writer.take(*offset, "00").unwrap().unwrap();
        let record = Record {
            kind: RecordKind::Data,
            tenant: "".into(),
            source: "matches".into(),
            peer: None,
            received: Timestamp(1),
            raw: raw.into(),
        };
        self.log.append(Topic::Matches, partition, vec![record]).unwrap().wait().unwrap();
    }
}

/// Reads on as the correlator does; gives partition and second of each event, in the order in which they were read.
fn read_all(lanes: &mut Lanes, seen: &mut BTreeMap<u32, u64>, is_done: impl Fn(u32) -> bool) -> Vec<(u32, i64)> {
    let mut order = Vec::new();
    loop {
        lanes.fill(Duration::ZERO, seen).unwrap();
        let Some(choice) = lanes.choose(|_| true, &is_done) else { return order };
        let mut reading = lanes.take(choice).unwrap();
        let mut first = true;
        for record in reading
            .batch
            .iter()
            .filter(|record| record.offset >= reading.at)
            .map(|r| (r.offset, r.raw))
            .collect::<Vec<_>>()
        {
            let (_, whole) = matches::read(record.1, &mut reading.cursor, |head, line| {
                let time = time(line).unwrap().unwrap();
                if time > choice.limit && !first {
                    return Ok(Next::Stop);
                }
                first = false;
                order.push((head.partition, Timestamp(time).seconds() - START));
                seen.insert(head.partition, line.offset + 1);
                Ok(Next::More)
            })
            .unwrap();
            if !whole {
                break;
            }
            (reading.at, reading.cursor) = (record.0 + 1, Cursor::default());
        }
        lanes.put_back(choice, reading, seen);
    }
}

#[test]
fn no_partition_is_read_far_ahead_of_another() {
    let mut told = Told::new(3);
    told.tell(0, &(0..400).step_by(10).collect::<Vec<_>>());
    told.tell(0, &(400..800).step_by(10).collect::<Vec<_>>());
    told.tell(1, &(5..800).step_by(7).collect::<Vec<_>>());
    // One of these is dated long after its neighbours.
    let mut third: Vec<i64> = (0..800).step_by(40).collect();
    third.insert(3, 50_000);
    told.tell(2, &third);
    let (mut lanes, mut seen) = (Lanes::open(&told.log, &BTreeMap::new()).unwrap(), BTreeMap::new());
    let order = read_all(&mut lanes, &mut seen, |_| true);
    assert_eq!(order.len(), 80 + 114 + 21);
    let mut newest = i64::MIN;
    for (partition, second) in order.iter().filter(|(_, second)| *second < 50_000) {
        newest = newest.max(*second);
        assert!(newest - second <= 120, "partition {partition} at {second}, another at {newest}");
    }
    assert_eq!(lanes.read(&told.log).len(), 3);
}

#[test]
fn a_partition_waits_for_one_that_is_not_done() {
    let mut told = Told::new(2);
    told.tell(0, &[0, 30, 100, 200]);
    told.tell(1, &[10]);
    let (mut lanes, mut seen) = (Lanes::open(&told.log, &BTreeMap::new()).unwrap(), BTreeMap::new());
    let order = read_all(&mut lanes, &mut seen, |_| false);
    assert_eq!(order, [(0, 0), (0, 30), (1, 10)], "what comes next in the other may be of second 10");
    let at = lanes.at();
    assert_eq!(at, BTreeMap::from([(0, 0), (1, 1)]), "a block of which something is left is read again");
    told.tell(1, &[90]);
    assert_eq!(read_all(&mut lanes, &mut seen, |_| false), [(1, 90), (0, 100)]);
    assert_eq!(read_all(&mut lanes, &mut seen, |partition| partition == 1), [(0, 200)]);

    // After a restart it is read on from there; what was seen does not count for where a partition stands.
    let mut again = Lanes::open(&told.log, &at).unwrap();
    again.fill(Duration::ZERO, &seen).unwrap();
    assert_eq!(again.0[0].head, i64::MIN);
}
