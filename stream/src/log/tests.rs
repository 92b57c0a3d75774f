//! Behaviour of the embedded log, one case at a time.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::embedded::{Embedded, Limits};
use super::simulation::{Fault, MemoryDisk, Random};
use super::*;
use crate::{Error, RecordKind};

const RAW: Topic = Topic::Raw;

fn record(number: u64) -> Record {
    Record {
        kind: RecordKind::Data,
        tenant: "town".into(),
        source: ["firewall", "proxy"][number as usize % 2].into(),
        peer: Some([192, 0, 2, 7].into()),
        received: Timestamp::from_seconds(1_700_000_000 + number as i64),
        raw: format!("<134>line {number} of the log").into_bytes().into(),
    }
}

fn records(numbers: std::ops::Range<u64>) -> Vec<Record> {
    numbers.map(record).collect()
}

fn config() -> LogConfig {
    LogConfig { segment_bytes: 4 << 10, fsync_ms_max: 0, codec: Codec::None, ..LogConfig::in_dir("/log") }
}

fn open(disk: &MemoryDisk, config: LogConfig) -> Log {
    let limits = Limits { batch_bytes: 1_000, full_disk_retry: Duration::from_millis(1), ..Limits::default() };
    Log::Embedded(Arc::new(Embedded::open(config, Arc::new(disk.clone()), limits).unwrap()))
}

/// Appends `numbers` ten at a time, each ten durable before the next.
fn fill(log: &Log, numbers: std::ops::Range<u64>) {
    for start in numbers.clone().step_by(10) {
        let ack = log.append(RAW, 0, records(start..numbers.end.min(start + 10))).unwrap();
        assert_eq!(ack.wait().unwrap(), start);
    }
}

/// Reads up to the end: the offsets that were read and the gaps. Every record must have the bytes of its number.
fn read_all(log: &Log, from: u64) -> (Vec<u64>, Vec<Gap>) {
    let mut reader = log.reader(RAW, 0, from).unwrap();
    let (mut offsets, mut gaps) = (Vec::new(), Vec::new());
    while reader.offset() < log.end_offset(RAW, 0) {
        let batch = reader.poll(Duration::ZERO).unwrap().unwrap();
        gaps.extend(batch.gap().cloned());
        for read in batch.iter() {
            assert_eq!(read, record(read.offset).as_ref(read.offset));
            offsets.push(read.offset);
        }
        assert_eq!(batch.next_offset(), reader.offset());
    }
    (offsets, gaps)
}

fn segments(disk: &MemoryDisk) -> Vec<PathBuf> {
    let files = disk.files().into_iter().map(|(path, _)| path);
    files
        .filter(|path| path.starts_with("/log/sekisho.raw") && path.extension().is_some_and(|end| end == "log"))
        .collect()
}

#[test]
fn a_real_folder_keeps_records_and_admits_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let config = LogConfig { raw_partitions: 2, ..LogConfig::in_dir(dir.path().join("stream")) };
    let log = Log::open(config.clone()).unwrap();
    let error = Log::open(config.clone()).unwrap_err().to_string();
    assert!(error.contains("another process"), "{error}");
    let partition = log.partition_for(RAW, "town", "firewall");
    assert_eq!(log.append(RAW, partition, records(0..100)).unwrap().wait().unwrap(), 0);
    log.commit("index", RAW, partition, 40).unwrap();
    log.close();

    // Fewer partitions than there are: none is hidden.
    let log = Log::open(LogConfig { raw_partitions: 1, ..config }).unwrap();
    assert_eq!(log.partitions(RAW), 2);
    assert_eq!(log.committed("index", RAW, partition), Some(40));
    let mut reader = log.reader(RAW, partition, 40).unwrap();
    let batch = reader.poll(Duration::from_secs(1)).unwrap().unwrap();
    assert_eq!((batch.base_offset(), batch.next_offset(), batch.partition()), (40, 100, partition));
    assert!(batch.iter().eq(records(40..100).iter().zip(40..).map(|(record, offset)| record.as_ref(offset))));
    for bad in ["", "..", "a/b", "x.new"] {
        assert!(log.commit(bad, RAW, 0, 0).is_err(), "{bad}");
    }
}

#[test]
fn seeking_finds_every_offset_across_segments() {
    let disk = MemoryDisk::default();
    let log = open(&disk, config());
    fill(&log, 0..300);
    assert!(segments(&disk).len() > 4);
    log.close();
    let log = open(&disk, config());
    let mut reader = log.reader(RAW, 0, 0).unwrap();
    for offset in (0..300).rev() {
        reader.seek(offset);
        let batch = reader.poll(Duration::ZERO).unwrap().unwrap();
        assert_eq!(batch.iter().next().unwrap().offset, offset);
    }
    assert_eq!(read_all(&log, 0), ((0..300).collect(), vec![]));
}

#[test]
fn a_reader_waits_for_durable_records_and_refuses_a_lost_tail() {
    let disk = MemoryDisk::default();
    let log = open(&disk, config());
    let mut reader = log.reader(RAW, 0, 0).unwrap();
    let started = Instant::now();
    assert!(reader.poll(Duration::from_millis(20)).unwrap().is_none());
    assert!(started.elapsed() >= Duration::from_millis(20));
    let writer = log.clone();
    let thread = std::thread::spawn(move || fill(&writer, 0..1));
    assert_eq!(reader.poll(Duration::from_secs(10)).unwrap().unwrap().iter().count(), 1);
    thread.join().unwrap();

    assert!(matches!(log.reader(RAW, 0, 2), Err(Error::Damaged { .. })));
    reader.seek(2);
    assert!(reader.poll(Duration::ZERO).unwrap_err().to_string().contains("sekisho.raw/0/2"));
    assert!(log.reader(RAW, 9, 0).is_err());
}

struct CountWakes(std::sync::mpsc::SyncSender<()>);

impl Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

#[test]
fn an_ack_can_be_awaited() {
    let disk = MemoryDisk::default();
    let log = open(&disk, LogConfig { fsync_ms_max: 50, ..config() });
    fill(&log, 0..1);
    let (send, receive) = std::sync::mpsc::sync_channel(1);
    let waker = Waker::from(Arc::new(CountWakes(send)));
    let mut ack = pin!(log.append(RAW, 0, records(1..3)).unwrap());
    let dropped = log.append(RAW, 0, records(3..4)).unwrap();
    assert!(ack.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "the last sync began just now");
    drop(dropped);
    drop(log.append(RAW, 0, vec![]).unwrap());
    receive.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(matches!(ack.poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(1))));
    assert_eq!(log.append(RAW, 0, vec![]).unwrap().wait().unwrap(), 4);
}

#[test]
fn many_small_appends_share_a_batch() {
    let disk = MemoryDisk::default();
    let log = open(&disk, LogConfig { fsync_ms_max: 200, ..config() });
    fill(&log, 0..1);
    let acks: Vec<Ack> = (1..9).map(|number| log.append(RAW, 0, records(number..number + 1)).unwrap()).collect();
    for (ack, number) in acks.into_iter().zip(1..) {
        assert_eq!(ack.wait().unwrap(), number);
    }
    let mut reader = log.reader(RAW, 0, 1).unwrap();
    assert_eq!(reader.poll(Duration::ZERO).unwrap().unwrap().iter().count(), 8);
}

#[test]
fn a_full_disk_is_waited_out_and_a_full_buffer_blocks() {
    let disk = MemoryDisk::default();
    let log = open(&disk, LogConfig { buffer_bytes_max: 4 << 10, ..config() });
    fill(&log, 0..10);
    disk.fail_next(Fault::FullDisk);
    fill(&log, 10..30);
    // Far more than the buffer: each append waits for room and none is lost.
    let acks: Vec<Ack> = (30..200).map(|n| log.append(RAW, 0, records(n..n + 1)).unwrap()).collect();
    assert!(acks.into_iter().all(|ack| ack.wait().is_ok()));
    assert!(log.stopped().is_empty());
    assert_eq!(read_all(&log, 0), ((0..200).collect(), vec![]));

    let huge = Record { raw: vec![0; (16 << 20) + 1].into(), ..record(0) };
    assert!(log.append(RAW, 0, vec![huge]).unwrap_err().to_string().contains("over the limit"));
}

#[test]
fn a_failed_sync_stops_the_partition_and_what_was_read_before_survives() {
    for fault in [Fault::FailedSync, Fault::FailedWrite, Fault::ShortWrite] {
        let disk = MemoryDisk::default();
        let log = open(&disk, config());
        fill(&log, 0..50);
        disk.fail_next(fault);
        let ack = log.append(RAW, 0, records(50..60)).unwrap();
        assert!(matches!(ack.wait(), Err(Error::Stopped { .. })), "{fault:?}");
        assert!(matches!(log.append(RAW, 0, records(60..61)), Err(Error::Stopped { .. })));
        assert_eq!(log.stopped().len(), 1);
        assert_eq!(read_all(&log, 0), ((0..50).collect(), vec![]));
        log.close();
        // A restart, and only then a power loss: what the restart showed must be on the disk, not only in the cache.
        let log = open(&disk, config());
        let (shown, gaps) = read_all(&log, 0);
        assert!(shown.len() >= 50 && gaps.is_empty(), "{fault:?}");
        for seed in 0..20 {
            let log = open(&disk.crash(seed), config());
            assert_eq!(read_all(&log, 0), (shown.clone(), vec![]), "{fault:?}");
        }
    }
}

#[test]
fn a_torn_tail_is_cut_and_a_damaged_middle_is_not() {
    let disk = MemoryDisk::default();
    let log = open(&disk, LogConfig { segment_bytes: 1 << 20, ..config() });
    fill(&log, 0..100);
    log.close();
    let path = segments(&disk).remove(0);
    // An unfinished write behind the acknowledged end.
    disk.damage(&path, |bytes| bytes.extend_from_slice(b"SKB1 and not much more"));
    let log = open(&disk, LogConfig { segment_bytes: 1 << 20, ..config() });
    assert_eq!(read_all(&log, 0), ((0..100).collect(), vec![]));
    fill(&log, 100..110);
    log.close();
    // Damage in the middle and at the acknowledged end.
    disk.damage(&path, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let end = bytes.len() - 3;
        bytes.truncate(end);
    });
    let length = disk.files().into_iter().find(|(file, _)| *file == path).unwrap().1;
    for _ in 0..3 {
        let log = open(&disk, LogConfig { segment_bytes: 1 << 20, ..config() });
        assert_eq!(log.gaps().iter().map(|gap| gap.count()).collect::<Vec<_>>(), [10, 10]);
        assert_eq!(log.end_offset(RAW, 0), 110);
        let (offsets, gaps) = read_all(&log, 0);
        assert_eq!((offsets.len(), gaps.len(), gaps[1].to), (90, 2, 110));
        assert_eq!(log.gaps().len(), 2, "a gap is recorded once");
    }
    let lengths = disk.files().into_iter().find(|(file, _)| *file == path).unwrap().1;
    assert_eq!(length, lengths, "nothing acknowledged was cut");
    let log = open(&disk, config());
    fill(&log, 110..120);
    let (offsets, gaps) = read_all(&log, 105);
    assert_eq!((offsets, gaps.len()), ((110..120).collect(), 1));
}

#[test]
fn damage_never_panics_and_never_loses_silently() {
    let disk = MemoryDisk::default();
    for codec in [Codec::None, Codec::Zstd] {
        let disk = disk.crash(0);
        let log = open(&disk, LogConfig { codec, ..config() });
        fill(&log, 0..150);
        log.close();
        let paths = segments(&disk);
        for seed in 0..400 {
            let mut random = Random(seed);
            let disk = disk.crash(seed);
            for _ in 0..=random.next(3) {
                let path = &paths[random.next(paths.len() as u64) as usize];
                disk.damage(path, |bytes| damage(bytes, &mut random));
            }
            // Sometimes under an open log, sometimes between two runs.
            let log = open(&disk, LogConfig { codec, ..config() });
            assert_eq!(log.end_offset(RAW, 0), 150, "seed {seed}");
            let (offsets, gaps) = read_all(&log, 0);
            let mut all = offsets.clone();
            all.extend(gaps.iter().flat_map(|gap| gap.from..gap.to));
            all.sort_unstable();
            assert_eq!(all, (0..150).collect::<Vec<_>>(), "seed {seed}: every offset is read once or is in a gap");
            // One damaged place costs one batch of ten, two where a place lies across their border, or a cut tail.
            let recorded: u64 = log.gaps().iter().map(Gap::count).sum();
            assert_eq!(recorded, 150 - offsets.len() as u64, "seed {seed}: every gap is recorded");
            fill(&log, 150..160);
            assert_eq!(read_all(&log, 150).0.len(), 10);
        }
    }
}

/// Flips a bit, overwrites some bytes, or cuts the file.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.next(bytes.len() as u64) as usize;
    match random.next(5) {
        0 => bytes.truncate(at),
        1 => {
            let end = bytes.len().min(at + 200);
            bytes[at..end].iter_mut().for_each(|byte| *byte = random.next(256) as u8);
        }
        _ => bytes[at] ^= 1 << random.next(8),
    }
}

#[test]
fn a_flipped_bit_costs_one_batch() {
    let disk = MemoryDisk::default();
    let log = open(&disk, config());
    fill(&log, 0..60);
    log.close();
    let path = segments(&disk).remove(0);
    let length = disk.files().into_iter().find(|(file, _)| *file == path).unwrap().1;
    for at in 0..length {
        let disk = disk.crash(0);
        disk.damage(&path, |bytes| bytes[at] ^= 0x10);
        let log = open(&disk, config());
        let lost = 60 - read_all(&log, 0).0.len();
        assert!(lost <= 10, "byte {at} cost {lost} records");
        assert_eq!(log.gaps().len(), usize::from(lost > 0));
    }
}

#[test]
fn a_batch_inside_a_log_line_is_not_taken_for_one() {
    let disk = MemoryDisk::default();
    let config = LogConfig { segment_bytes: 1 << 20, ..config() };
    let log = open(&disk, config.clone());
    fill(&log, 0..10);
    log.close();
    let path = segments(&disk).remove(0);
    // Someone who knows the format, but not the salt, sends a batch that claims the offsets behind the line.
    let mut forged = Vec::new();
    let mut encoder = encode::Encoder::new(Codec::None).unwrap();
    encoder.batch(&records(11..20), 11, 4_711, &mut forged).unwrap();
    let log = open(&disk, config.clone());
    let line = Record { raw: forged.into(), ..record(10) };
    log.append(RAW, 0, vec![line]).unwrap().wait().unwrap();
    fill(&log, 11..20);
    log.close();
    let at = disk.files().into_iter().find(|(file, _)| *file == path).unwrap().1;
    disk.damage(&path, |bytes| {
        let start = bytes.windows(4).enumerate().filter(|(_, four)| four == b"SKB1").map(|(at, _)| at).nth(1).unwrap();
        assert!(start < at);
        bytes[start + 8] ^= 1;
    });
    let log = open(&disk, config);
    let (offsets, gaps) = read_all(&log, 0);
    assert_eq!(offsets, (0..10).chain(11..20).collect::<Vec<_>>());
    assert_eq!((gaps.len(), gaps[0].from, gaps[0].to), (1, 10, 11));
}

#[test]
fn a_disk_that_is_nearly_full_gives_up_what_was_worked_off() {
    let disk = MemoryDisk::default();
    let retention = Retention { free_percent_min: 50, ..Retention::NEVER };
    let log = open(&disk, LogConfig { retention, ..config() });
    fill(&log, 0..300);
    let now = Timestamp::from_seconds(1_700_000_300);
    let used = disk.set_capacity(None);
    // Enough is free, and then too little, but nobody has said that it was worked off.
    disk.set_capacity(Some(used * 2));
    assert_eq!(log.retain(now).unwrap(), Retained::default());
    disk.set_capacity(Some(used));
    assert_eq!(log.retain(now).unwrap(), Retained::default());
    log.commit("index", RAW, 0, 100).unwrap();
    let retained = log.retain(now).unwrap();
    let start = log.start_offset(RAW, 0);
    assert!(start > 0 && start <= 100 && retained.passed.is_empty(), "{start} {retained:?}");
    assert_eq!(retained.held[0].group, "index");
    log.commit("index", RAW, 0, 300).unwrap();
    log.retain(now).unwrap();
    let left = disk.set_capacity(Some(used));
    assert!(left <= used / 2 && left + (6 << 10) > used / 2, "{left} of {used}: no more than it takes");
    assert_eq!(log.retain(now).unwrap(), Retained::default());
}

#[test]
fn age_waits_for_groups_and_bytes_do_not() {
    let disk = MemoryDisk::default();
    let retention = Retention { age: Some(Duration::from_secs(100)), ..Retention::NEVER };
    let log = open(&disk, LogConfig { retention, ..config() });
    fill(&log, 0..300);
    let count = segments(&disk).len();
    assert!(count > 4);
    log.commit("index", RAW, 0, 0).unwrap();
    log.commit("detect", RAW, 0, 300).unwrap();
    // Records are a second apart: at 1,700,000,300 those below 200 are too old.
    let now = Timestamp::from_seconds(1_700_000_300);
    let retained = log.retain(now).unwrap();
    assert_eq!((retained.removed.len(), retained.passed.len()), (0, 0));
    assert_eq!((retained.held[0].group.as_str(), retained.held[0].committed), ("index", 0));
    log.commit("index", RAW, 0, 300).unwrap();
    let retained = log.retain(now).unwrap();
    let start = log.start_offset(RAW, 0);
    assert!(retained.held.is_empty() && start > 100 && start <= 200, "{start}");
    assert_eq!(retained.removed.last().unwrap().to, start);
    assert_eq!(log.retain(now).unwrap(), Retained::default());
    // A reader that comes later is told.
    let (offsets, gaps) = read_all(&log, 0);
    assert_eq!((offsets, gaps[0].to, gaps.len()), ((start..300).collect(), start, 1));
    assert!(log.gaps().is_empty(), "nobody lost anything");
    log.close();

    let retention = Retention { bytes: Some(5 << 10), ..Retention::NEVER };
    let log = open(&disk, LogConfig { retention, ..config() });
    assert_eq!(log.start_offset(RAW, 0), start);
    log.commit("slow", RAW, 0, start + 1).unwrap();
    let retained = log.retain(now).unwrap();
    assert_eq!((retained.passed[0].group.as_str(), retained.passed[0].from), ("slow", start + 1));
    assert_eq!(retained.passed[0].to, log.start_offset(RAW, 0));
    assert_eq!(log.gaps().len(), 1);
    log.forget_group("slow").unwrap();
    assert_eq!(log.committed("slow", RAW, 0), None);
}

#[test]
fn a_spool_gives_up_what_is_safe_elsewhere_and_nothing_else() {
    let disk = MemoryDisk::default();
    let log = open(&disk, config());
    fill(&log, 0..400);
    let held = log.held_bytes(RAW, 0);
    assert!(segments(&disk).len() > 3 && held > 0);
    assert!(log.trim(RAW, 0, 1).unwrap().removed.is_empty());
    let removed = log.trim(RAW, 0, 200).unwrap().removed;
    let start = log.start_offset(RAW, 0);
    assert!(start > 0 && start <= 200 && removed.last().unwrap().to == start);
    assert_eq!(read_all(&log, start), ((start..400).collect(), vec![]));
    log.trim(RAW, 0, 400).unwrap();
    assert_eq!(segments(&disk).len(), 1, "the one that is written to stays");
    assert!(log.held_bytes(RAW, 0) < held && log.gaps().is_empty());
    fill(&log, 400..410);
    log.close();
    let log = open(&disk, config());
    assert_eq!((log.end_offset(RAW, 0), log.gaps()), (410, vec![]));
}

#[test]
fn missing_files_are_gaps() {
    let disk = MemoryDisk::default();
    let log = open(&disk, config());
    fill(&log, 0..300);
    log.close();
    let paths = segments(&disk);
    for (gone, kept_end) in [(0, true), (2, true), (paths.len() - 1, false)] {
        let disk = disk.crash(0);
        super::disk::Disk::remove(&disk, &paths[gone]).unwrap();
        let log = open(&disk, config());
        assert_eq!(log.end_offset(RAW, 0), 300);
        let start = log.start_offset(RAW, 0);
        let (offsets, gaps) = read_all(&log, start);
        assert!(offsets.len() < 300 && (offsets.last() == Some(&299)) == kept_end);
        assert_eq!(log.gaps().iter().map(Gap::count).sum::<u64>(), 300 - offsets.len() as u64, "{gaps:?}");
    }
    let disk = disk.crash(0);
    paths.iter().for_each(|path| super::disk::Disk::remove(&disk, path).unwrap());
    let log = open(&disk, config());
    assert_eq!((log.start_offset(RAW, 0), log.end_offset(RAW, 0), log.gaps()[0].count()), (300, 300, 300));
}

/// Prints what appending costs: `cargo test -p stream --lib throughput -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn throughput() {
    let line: bytes::Bytes = vec![b'x'; 500].into();
    let tenant: Arc<str> = "town".into();
    for codec in [Codec::None, Codec::Zstd] {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(LogConfig { codec, ..LogConfig::in_dir(dir.path()) }).unwrap();
        let batch: Vec<Record> =
            (0..1_000).map(|_| Record { raw: line.clone(), tenant: tenant.clone(), ..record(0) }).collect();
        let meter = Meter::start();
        let mut bytes = 0u64;
        let mut last = None;
        while meter.started.elapsed() < Duration::from_secs(3) {
            last = Some(log.append(RAW, 0, batch.clone()).unwrap());
            bytes += 500 * 1_000;
        }
        last.unwrap().wait().unwrap();
        let appended = meter.stop(bytes);
        let meter = Meter::start();
        let mut reader = log.reader(RAW, 0, 0).unwrap();
        let mut read = 0u64;
        while let Some(batch) = reader.poll(Duration::ZERO).unwrap() {
            read += batch.iter().map(|record| record.raw.len() as u64).sum::<u64>();
        }
        assert_eq!(read, bytes);
        eprintln!("{codec:?}: append {appended}; read {}", meter.stop(read));
    }
}

struct Meter {
    started: Instant,
    user: u64,
    kernel: u64,
}

impl Meter {
    fn start() -> Self {
        Meter { started: Instant::now(), user: cpu_ticks(false), kernel: cpu_ticks(true) }
    }

    fn stop(self, bytes: u64) -> String {
        let speed = bytes as f64 / self.started.elapsed().as_secs_f64() / 1e6;
        let nanos = |before, kernel| (cpu_ticks(kernel) - before) as f64 * 1e7 / bytes as f64;
        let (user, kernel) = (nanos(self.user, false), nanos(self.kernel, true));
        format!("{speed:.0} MB/s, {user:.2} ns a byte in the process and {kernel:.2} in the kernel")
    }
}

/// User time of this process in hundredths of a second, with `kernel` the system time instead (proc(5), fields 14, 15).
fn cpu_ticks(kernel: bool) -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11 + usize::from(kernel)].parse().unwrap()
}
