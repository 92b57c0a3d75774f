//! The consumer loop and the producer against librdkafka's mock broker: what a real one does only now and then.
//!
//! The mock keeps 5 MiB per partition in memory, has no topics' settings and no security; `tests/kafka.rs` has a real one.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::super::{Codec, Group, Intake, KafkaConfig, Log, Position, StreamKind, Turn};
use super::*;
use crate::{RecordKind, Timestamp};
use bytes::Bytes;

const RAW: Topic = Topic::Raw;

struct Mock {
    cluster: MockCluster<'static, DefaultProducerContext>,
    dir: tempfile::TempDir,
}

impl Mock {
    fn new(partitions: i32) -> Mock {
        let cluster = MockCluster::new(1).unwrap();
        for topic in Topic::ALL {
            cluster.create_topic(topic.name(), if topic.follows_raw() { partitions } else { 1 }, 1).unwrap();
        }
        Mock { cluster, dir: tempfile::tempdir().unwrap() }
    }

    fn config(&self) -> LogConfig {
        let mut config =
            LogConfig { kind: StreamKind::Kafka, codec: Codec::None, ..LogConfig::in_dir(self.dir.path()) };
        config.kafka.brokers = self.cluster.bootstrap_servers().split(',').map(str::to_owned).collect();
        (config.kafka.replication, config.kafka.min_insync_replicas) = (1, 1);
        config
    }

    fn open(&self) -> Log {
        Log::open(self.config()).unwrap()
    }

    /// Puts a message into the raw topic that sekisho would not.
    fn foreign(&self, key: &str, value: &str) {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", self.cluster.bootstrap_servers());
        let producer: rdkafka::producer::BaseProducer = settings.create().unwrap();
        producer.send(BaseRecord::to(RAW.name()).partition(0).key(key).payload(value).timestamp(7)).unwrap();
        producer.flush(Duration::from_secs(10)).unwrap();
    }
}

fn record(number: u64, bytes: usize) -> Record {
    let peer = [None, Some("192.0.2.7"), Some("2001:db8::7")][number as usize % 3];
    let kind = [RecordKind::Data, RecordKind::Data, RecordKind::Tick, RecordKind::Control][number as usize % 4];
    let mut raw = format!("{number} ").into_bytes();
    raw.resize(bytes.max(raw.len()), b'x');
    Record {
        kind,
        tenant: "town".into(),
        source: format!("fw{}", number % 5).into(),
        peer: peer.map(|peer| peer.parse::<IpAddr>().unwrap()),
        received: Timestamp(1_800_000_000_000_000_001 + number as i64),
        raw: raw.into(),
    }
}

fn records(numbers: std::ops::Range<u64>) -> Vec<Record> {
    numbers.map(|number| record(number, 20)).collect()
}

/// Reads up to `end`, checks that offsets are whole, and gives the gaps met.
fn read(log: &Log, from: u64, end: u64, expected: impl Fn(u64) -> Record) -> Vec<Gap> {
    let (mut reader, mut next, mut gaps) = (log.reader(RAW, 0, from).unwrap(), from, Vec::new());
    while let Some(batch) = reader.next_below(end).unwrap() {
        if let Some(gap) = batch.gap() {
            assert_eq!(gap.from, next);
            next = gap.to;
            gaps.push(gap.clone());
        }
        assert_eq!(batch.base_offset(), next);
        for found in batch.iter() {
            assert_eq!(found, expected(next).as_ref(next));
            next += 1;
        }
        assert_eq!((batch.next_offset(), reader.offset()), (next, next));
    }
    assert_eq!(next, end);
    gaps
}

#[test]
fn what_is_appended_is_read_from_any_offset() {
    let mock = Mock::new(3);
    let log = mock.open();
    assert_eq!(Topic::ALL.map(|topic| log.partitions(topic)), [3, 3, 1, 3]);
    assert_eq!(log.append(RAW, 0, records(0..100)).unwrap().wait().unwrap(), 0);
    assert_eq!(log.append(RAW, 0, records(100..101)).unwrap().wait().unwrap(), 100);
    assert_eq!(log.append(RAW, 0, Vec::new()).unwrap().wait().unwrap(), 0);
    assert_eq!((log.start_offset(RAW, 0), log.end_offset(RAW, 0), log.end_offset(RAW, 1)), (0, 101, 0));
    for from in [0, 40, 101] {
        assert_eq!(read(&log, from, 101, |number| record(number, 20)), []);
    }
    let mut reader = log.reader(RAW, 0, 101).unwrap();
    assert!(reader.poll(Duration::from_millis(50)).unwrap().is_none());
    reader.seek(99);
    let batch = reader.next_below(101).unwrap().unwrap();
    assert_eq!(batch.base_offset(), 99);
    assert!(matches!(log.reader(RAW, 0, 102), Err(Error::Damaged { .. })), "the topic is shorter than what was read");
    assert!(log.reader(RAW, 3, 0).is_err() && log.append(RAW, 3, records(0..1)).is_err());
    assert!(log.gaps().is_empty() && log.stopped().is_empty());
    log.clone().close();
    assert!(log.append(RAW, 0, records(0..1)).unwrap_err().to_string().contains("closed"));
}

#[test]
fn brokers_that_are_away_are_back_pressure() {
    let mock = Mock::new(1);
    let log = Log::open(LogConfig { buffer_bytes_max: 8 << 10, ..mock.config() }).unwrap();
    log.append(RAW, 0, records(0..10)).unwrap().wait().unwrap();
    mock.cluster.broker_down(1).unwrap();
    let started = Instant::now();
    let appending = {
        let log = log.clone();
        std::thread::spawn(move || {
            // 8 KiB hold some 30 of these: the rest waits until the broker is back.
            let acks: Vec<_> =
                (10..200).map(|number| log.append(RAW, 0, records(number..number + 1)).unwrap()).collect();
            let blocked = started.elapsed();
            for ack in acks {
                ack.wait().unwrap();
            }
            blocked
        })
    };
    // The broker is down: nothing tells that nothing happens.
    #[expect(clippy::disallowed_methods, reason = "waits for what must not happen")]
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!appending.is_finished());
    assert_eq!(log.end_offset(RAW, 0), 10, "what is known stays known");
    mock.cluster.broker_up(1).unwrap();
    assert!(appending.join().unwrap() >= Duration::from_millis(1500), "appending did not wait");
    assert_eq!(read(&log, 0, 200, |number| record(number, 20)), []);
    assert!(log.stopped().is_empty());
}

#[test]
fn what_the_brokers_dropped_is_a_gap() {
    let mock = Mock::new(1);
    let log = mock.open();
    // The mock keeps 5 MiB of a partition.
    for start in (0..800).step_by(20) {
        let part = (start..start + 20).map(|number| record(number, 10 << 10)).collect();
        log.append(RAW, 0, part).unwrap().wait().unwrap();
    }
    let end = log.end_offset(RAW, 0);
    assert_eq!(end, 800);
    let gaps = read(&log, 0, end, |number| record(number, 10 << 10));
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0].from == 0 && gaps[0].count() > 100 && gaps[0].reason.contains("retention"), "{:?}", gaps[0]);
    assert_eq!(log.gaps(), gaps);
    log.close();
    assert_eq!(mock.open().gaps(), gaps, "it is remembered");
}

#[test]
fn a_message_that_others_wrote_is_data() {
    let mock = Mock::new(1);
    let log = mock.open();
    log.append(RAW, 0, records(0..2)).unwrap().wait().unwrap();
    mock.foreign("town\0fw9", "<134>a line of rsyslog");
    mock.foreign("just a key", "{}");
    log.append(RAW, 0, records(4..6)).unwrap().wait().unwrap();
    let mut reader = log.reader(RAW, 0, 2).unwrap();
    let mut seen = Vec::new();
    while let Some(batch) = reader.next_below(4).unwrap() {
        for found in batch.iter().filter(|found| found.offset < 4) {
            let line = String::from_utf8_lossy(found.raw).into_owned();
            seen.push((found.kind, found.tenant.to_owned(), found.source.to_owned(), found.received, line));
        }
    }
    let received = Timestamp(7_000_000);
    let data = |tenant: &str, source: &str, line: &str| {
        (RecordKind::Data, tenant.to_owned(), source.to_owned(), received, line.to_owned())
    };
    assert_eq!(seen, [data("town", "fw9", "<134>a line of rsyslog"), data("", "kafka", "{}")]);
}

#[test]
fn a_record_over_the_limit_is_refused_whole() {
    let mock = Mock::new(1);
    let mut config = mock.config();
    config.kafka.message_bytes_max = 2 << 20;
    let log = Log::open(config).unwrap();
    let error = log.append(RAW, 0, vec![record(0, 9), record(1, 2 << 20)]).unwrap_err().to_string();
    assert!(error.contains("message_bytes_max"), "{error}");
    assert_eq!(log.append(RAW, 0, vec![record(0, (2 << 20) - 2048)]).unwrap().wait().unwrap(), 0);
    assert_eq!(read(&log, 0, 1, |number| record(number, (2 << 20) - 2048)), []);
}

#[test]
fn a_topic_that_may_not_be_written_stops_the_log() {
    let mock = Mock::new(1);
    let log = mock.open();
    log.append(RAW, 0, records(0..5)).unwrap().wait().unwrap();
    let refused = rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    mock.cluster.request_errors(rdkafka::types::RDKafkaApiKey::Produce, &[refused]);
    let error = log.append(RAW, 0, records(5..6)).unwrap().wait().unwrap_err();
    assert!(matches!(error, Error::Stopped { .. }), "{error}");
    assert_eq!(log.stopped().len(), 1);
    assert!(log.append(RAW, 0, records(5..6)).is_err());
}

#[test]
fn a_folder_keeps_to_one_stream() {
    let mock = Mock::new(1);
    mock.open().close();
    let refused = Log::open(LogConfig::in_dir(mock.dir.path())).unwrap_err().to_string();
    assert!(refused.contains("kafka"), "{refused}");
    std::fs::write(mock.dir.path().join("kafka/cluster"), "another").unwrap();
    let refused = Log::open(mock.config()).unwrap_err().to_string();
    assert!(refused.contains("another"), "{refused}");

    let other = Mock { cluster: MockCluster::new(1).unwrap(), dir: tempfile::tempdir().unwrap() };
    Log::open(LogConfig::in_dir(other.dir.path())).unwrap().close();
    let refused = Log::open(LogConfig { dir: other.dir.path().to_owned(), ..mock.config() }).unwrap_err().to_string();
    assert!(refused.contains("embedded"), "{refused}");
}

#[test]
fn too_few_partitions_are_told_with_what_to_do() {
    let mock = Mock::new(2);
    let refused = Log::open(LogConfig { raw_partitions: 4, ..mock.config() }).unwrap_err().to_string();
    assert!(refused.contains("2 partitions") && refused.contains("raw_partitions = 2"), "{refused}");
}

#[test]
fn topics_of_others_are_read_once_committed() {
    let mock = Mock::new(1);
    mock.cluster.create_topic("beats", 2, 1).unwrap();
    let config = mock.config().kafka;
    let topics = |name: &str| vec![name.to_owned()];
    let error =
        Intake::open(&KafkaConfig { connect_seconds_max: 1, ..config.clone() }, "g", &topics("none")).unwrap_err();
    assert!(error.to_string().contains("there is no such topic"), "{error}");
    let producer: ThreadedProducer<DefaultProducerContext> =
        ClientConfig::new().set("bootstrap.servers", mock.cluster.bootstrap_servers()).create().unwrap();
    let send = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            let line = format!("line {number}");
            let message = BaseRecord::<(), str>::to("beats").partition((number % 2) as i32).payload(&line);
            producer.send(message).map_err(|(error, _)| error).unwrap();
        }
        // One without a value is no line.
        producer.send(BaseRecord::<str, str>::to("beats").partition(0).key("k")).map_err(|(error, _)| error).unwrap();
        producer.flush(Duration::from_secs(10)).unwrap();
    };
    let read = |intake: &mut Intake, count: usize| {
        let (mut lines, until) = (Vec::new(), Instant::now() + Duration::from_secs(60));
        while lines.len() < count {
            assert!(Instant::now() < until, "{lines:?}");
            lines.extend(intake.poll(Duration::from_millis(100)).unwrap());
        }
        lines.sort();
        lines
    };
    let lines = |numbers: std::ops::Range<u64>| {
        numbers.map(|n| format!("line {n}").into_bytes().into()).collect::<Vec<Bytes>>()
    };
    send(0..4);
    let mut intake = Intake::open(&config, "g", &topics("beats")).unwrap();
    assert_eq!(read(&mut intake, 4), lines(0..4));
    intake.commit();
    send(4..8);
    assert_eq!(read(&mut intake, 4), lines(4..8));
    // Not committed: it comes again.
    drop(intake);
    let mut intake = Intake::open(&config, "g", &topics("beats")).unwrap();
    assert_eq!(read(&mut intake, 4), lines(4..8));
}

/// Lets the members do as the group says until `done`; gives what each holds.
fn settle(members: &mut [Group], held: &mut [Vec<u32>], done: impl Fn(&[Vec<u32>]) -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done(held) {
        assert!(Instant::now() < until, "{held:?}");
        for (member, held) in members.iter_mut().zip(held.iter_mut()) {
            for turn in member.poll(Duration::from_millis(20)).unwrap() {
                match turn {
                    Turn::Assigned(partitions) => held.extend(partitions),
                    Turn::Wanted(partitions) => {
                        held.retain(|partition| !partitions.contains(partition));
                        member.give_back(&partitions).unwrap();
                    }
                    Turn::Lost(partitions) => held.retain(|partition| !partitions.contains(partition)),
                }
            }
            held.sort_unstable();
        }
    }
}

#[test]
fn members_share_partitions_and_take_over_where_others_were() {
    let mock = Mock::new(4);
    let log = mock.open();
    let mut members = vec![log.join("workers", RAW).unwrap()];
    let mut held = vec![Vec::new()];
    settle(&mut members, &mut held, |held| held[0] == [0, 1, 2, 3]);
    assert_eq!(members[0].committed(2).unwrap(), None);
    let position = Position { next: 77, note: "00ff".to_owned() };
    let own: Vec<_> = (0..4).map(|partition| (partition, position.clone())).collect();
    assert!(members[0].commit(&own).unwrap());

    members.push(log.join("workers", RAW).unwrap());
    held.push(Vec::new());
    settle(&mut members, &mut held, |held| held[0].len() == 2 && held[1].len() == 2);
    let (lost, kept) = (held[1][0], held[0][0]);
    assert_eq!(members[1].committed(lost).unwrap(), Some(position));
    // What is no longer its own is not committed.
    let further = Position { next: 99, note: String::new() };
    assert!(members[0].commit(&[(lost, further.clone()), (kept, further.clone())]).unwrap());
    assert_eq!(members[1].committed(lost).unwrap().unwrap().next, 77);

    // Who leaves gives everything back, also what others were waiting for.
    drop(members.remove(0));
    held.remove(0);
    settle(&mut members, &mut held, |held| held[0] == [0, 1, 2, 3]);
    assert_eq!(members[0].committed(kept).unwrap(), Some(further));
}
