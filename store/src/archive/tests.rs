//! An archive in a folder: crashes, outages, and everything that can be done to its objects.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use stream::log::{Cutter, Log, LogConfig, Piece, place_segments};
use stream::{Record, RecordKind, Timestamp, Topic};
use tempfile::TempDir;

use super::*;

const RAW: Topic = Topic::Raw;

/// A stream and a folder for its archive.
struct Place {
    dir: TempDir,
    config: ArchiveConfig,
    log: Log,
    second: i64,
    number: usize,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("nas")).unwrap();
        let mut config = ArchiveConfig::at(format!("file://{}", dir.path().join("nas").display()));
        config.object_bytes_max = 64 << 10;
        config.object_seconds_max = 60;
        let log = Log::open(LogConfig { fsync_ms_max: 0, ..LogConfig::in_dir(dir.path().join("stream")) }).unwrap();
        Place { dir, config, log, second: 1_800_000_000, number: 0 }
    }

    fn nas(&self) -> PathBuf {
        self.dir.path().join("nas")
    }

    /// Appends records, ten seconds apart.
    fn receive(&mut self, count: usize, bytes: usize) {
        let records = (0..count).map(|_| {
            (self.number, self.second) = (self.number + 1, self.second + 10);
            let mut raw = format!("line {} ", self.number).into_bytes();
            raw.extend((0..bytes).map(|at| (at * at * 7 + self.number) as u8));
            Record {
                kind: RecordKind::Data,
                tenant: "town".into(),
                source: "fw".into(),
                peer: None,
                received: Timestamp::from_seconds(self.second),
                raw: raw.into(),
            }
        });
        let records = records.collect();
        self.log.append(RAW, 0, records).unwrap().wait().unwrap();
    }

    /// What an archive from the start of the stream holds.
    fn expected(&self) -> Vec<Piece> {
        let mut cutter = Cutter::new(0, [0; 32], self.config.limits()).unwrap();
        let mut reader = self.log.reader(RAW, 0, 0).unwrap();
        let mut all = Vec::new();
        while let Some(batch) = reader.next_below(self.log.end_offset(RAW, 0)).unwrap() {
            let mut keep = |piece| {
                all.push(piece);
                Ok::<_, crate::Error>(())
            };
            cutter.take(&batch, &mut keep).unwrap();
        }
        all
    }

    fn state(&self) -> Arc<State> {
        State::open(self.dir.path().join("archive.json"), &self.config.url).unwrap()
    }

    /// Archives until all that is whole is there, or the crash came; gives what it waits for instead.
    fn archive(&self, crash: Option<(&'static str, u32)>) -> Option<String> {
        let whole = self.expected().last().map_or(0, |piece| piece.next);
        // The group is told last.
        self.archive_until(crash, || crash.is_none() && self.log.committed(GROUP, RAW, 0).unwrap_or(0) >= whole)
    }

    /// Archives until it is told what it waits for.
    fn told(&self) -> String {
        self.archive_until(None, || false).unwrap()
    }

    fn archive_until(&self, crash: Option<(&'static str, u32)>, done: impl Fn() -> bool) -> Option<String> {
        let state = self.state();
        let clock = Timestamp::from_seconds(self.second);
        let mut archiver =
            Archiver::new(self.log.clone(), 0, self.config.clone(), Arc::clone(&state), move || clock).unwrap();
        archiver.crash = crash;
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = std::thread::spawn(move || archiver.run(&flag));
        let until = Instant::now() + Duration::from_secs(20);
        let mut trouble = None;
        while Instant::now() < until && trouble.is_none() && !thread.is_finished() {
            trouble = state.trouble();
            if done() {
                break;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Release);
        thread.join().unwrap();
        trouble
    }

    fn bucket(&self) -> Bucket {
        Bucket::open(&self.config).unwrap()
    }

    fn entries(&self) -> Vec<Entry> {
        self.bucket().entries(0).unwrap()
    }

    fn check(&self) -> Verified {
        let ends = Ends { removed_before: Timestamp::MIN, noted: self.state().noted(0) };
        verify(&self.bucket(), &self.entries(), Some(ends), &mut |_| {}).unwrap()
    }

    fn file(&self, at: usize) -> PathBuf {
        self.nas().join(self.entries()[at].path())
    }

    fn assert_whole(&self) {
        let (expected, entries) = (self.expected(), self.entries());
        let named: Vec<Entry> = expected.iter().map(|piece| Entry::of(0, piece)).collect();
        assert_eq!(entries, named);
        for (entry, piece) in entries.iter().zip(&expected) {
            assert_eq!(self.bucket().read(entry).unwrap(), piece.bytes);
        }
        let found = self.check();
        assert_eq!(found.faults, Vec::<String>::new());
        assert_eq!(found.records, expected.iter().map(|piece| piece.records).sum::<u64>());
    }
}

fn lines(log: &Log, end: u64) -> Vec<(u64, Vec<u8>)> {
    let mut reader = log.reader(RAW, 0, 0).unwrap();
    let mut all = Vec::new();
    while let Some(batch) = reader.next_below(end).unwrap() {
        all.extend(batch.iter().map(|record| (record.offset, record.raw.to_vec())));
    }
    all.retain(|(offset, _)| *offset < end);
    all
}

fn point() -> impl Strategy<Value = &'static str> {
    let points = ["store::archive::cut", "store::archive::put", "store::archive::noted", "store::archive::committed"];
    prop::sample::select(points.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn crashes_leave_neither_hole_nor_overlap(
        rounds in prop::collection::vec((point(), 0u32..4, 1usize..60, 0usize..4_000), 1..6),
    ) {
        let mut place = Place::new();
        for (point, after, count, bytes) in rounds {
            place.receive(count, bytes);
            // Where the crash does not come, all that is whole is archived.
            let crash = (place.expected().len() > place.entries().len() + after as usize).then_some((point, after));
            prop_assert_eq!(place.archive(crash), None);
        }
        place.receive(20, 10);
        prop_assert_eq!(place.archive(None), None);
        place.assert_whole();
        let (end, laid) = (place.entries().last().unwrap().next, tempfile::tempdir().unwrap());
        let bucket = place.bucket();
        let entries = place.entries();
        let pieces = entries.iter().map(|entry| Ok::<_, crate::Error>((entry.first, bucket.read(entry)?)));
        place_segments(laid.path(), 0, end, pieces).unwrap();
        let fetched = Log::open(LogConfig::in_dir(laid.path())).unwrap();
        prop_assert_eq!(fetched.gaps(), vec![]);
        prop_assert_eq!(lines(&fetched, end), lines(&place.log, end));
        fetched.close();
    }
}

fn archived() -> Place {
    let mut place = Place::new();
    place.receive(60, 100);
    assert_eq!(place.archive(None), None);
    place.assert_whole();
    assert!(place.entries().len() > 5);
    place
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn whatever_was_done_to_an_object_is_found() {
    let faults = |harm: &dyn Fn(&Place)| {
        let place = archived();
        harm(&place);
        place.check().faults.join("\n")
    };
    for at in [0, 40, 70, 300] {
        assert!(faults(&|place| flip(&place.file(2), at)).contains("another hash"), "byte {at}");
    }
    assert!(faults(&|place| std::fs::remove_file(place.file(2)).unwrap()).contains("objects are missing"));
    assert!(faults(&|place| std::fs::remove_file(place.file(0)).unwrap()).contains("there was one before it"));
    let last = |place: &Place| std::fs::remove_file(place.file(place.entries().len() - 1)).unwrap();
    assert!(faults(&last).contains("their objects are missing"));
    let swapped = faults(&|place| {
        let (one, other, aside) = (place.file(1), place.file(2), place.nas().join("aside"));
        std::fs::rename(&one, &aside).unwrap();
        std::fs::rename(&other, &one).unwrap();
        std::fs::rename(&aside, &other).unwrap();
    });
    assert_eq!(swapped.matches("another hash").count(), 2, "{swapped}");
    // One that was made anew with a hash of its own, by who knows the format.
    let forged = faults(&|place| {
        let entries = place.entries();
        let mut cutter = Cutter::new(entries[2].first, [7; 32], place.config.limits()).unwrap();
        let mut reader = place.log.reader(RAW, 0, entries[2].first).unwrap();
        let mut new = None;
        while let Some(batch) = reader.next_below(entries[2].next + 6).unwrap() {
            let mut keep = |piece| {
                new.get_or_insert(piece);
                Ok::<_, crate::Error>(())
            };
            cutter.take(&batch, &mut keep).unwrap();
        }
        let new = new.unwrap();
        std::fs::remove_file(place.file(2)).unwrap();
        std::fs::write(place.nas().join(Entry::of(0, &new).path()), &new.bytes).unwrap();
    });
    assert_eq!(forged.matches("behind another object").count(), 2, "{forged}");
    // An object twice.
    let doubled = faults(&|place| {
        let entry = Entry { next: place.entries()[2].next - 1, ..place.entries()[2].clone() };
        std::fs::copy(place.file(2), place.nas().join(entry.path())).unwrap();
    });
    assert!(doubled.contains("objects overlap"), "{doubled}");
}

#[test]
fn a_folder_that_is_away_is_told_and_nothing_is_written_beside_it() {
    let mut place = archived();
    let before = place.entries();
    let aside = place.dir.path().join("aside");
    std::fs::rename(place.nas(), &aside).unwrap();
    place.receive(30, 100);
    assert!(place.told().contains("mounted"), "no folder");
    // Not mounted: an empty folder.
    std::fs::create_dir(place.nas()).unwrap();
    assert!(place.told().contains("mount it"));
    assert_eq!(std::fs::read_dir(place.nas()).unwrap().count(), 0);
    assert_eq!(place.log.committed(GROUP, RAW, 0), before.last().map(|entry| entry.next));
    std::fs::remove_dir(place.nas()).unwrap();
    std::fs::rename(&aside, place.nas()).unwrap();
    assert_eq!(place.archive(None), None);
    place.assert_whole();
    assert!(place.entries().len() > before.len());
}

#[test]
fn what_a_crash_left_of_a_file_is_removed() {
    let mut place = archived();
    let (left, other) = (place.file(1).with_extension("seg#1"), place.nas().join("raw/0/notes#1"));
    for path in [&left, &other] {
        std::fs::write(path, "half").unwrap();
    }
    assert_eq!(place.check().faults, Vec::<String>::new());
    place.receive(20, 10);
    assert_eq!(place.archive(None), None);
    assert!(!left.exists() && other.exists());
    place.assert_whole();
}

#[test]
fn an_archive_of_another_stream_is_refused() {
    let place = archived();
    let mut other = Place { config: place.config.clone(), ..Place::new() };
    assert!(other.told().contains("ahead of the stream"));
    other.second += 5;
    other.receive(90, 100);
    assert!(other.told().contains("another data folder"));
    let before = place.entries().len();
    assert_eq!((place.entries().len(), place.check().faults.len()), (before, 0));
}

#[test]
fn retention_removes_the_oldest_and_verify_knows() {
    let mut place = archived();
    place.config.retention_days = 1;
    place.second += 2 * 86_400;
    place.receive(2, 10);
    // It removes after it put, and no more once it is stopped.
    assert_eq!(place.archive_until(None, || place.entries().len() == 1), None);
    let entries = place.entries();
    assert_eq!((entries.len(), entries[0].next), (1, 60));
    let check = |removed_before| {
        let ends = Ends { removed_before, noted: place.state().noted(0) };
        verify(&place.bucket(), &entries, Some(ends), &mut |_| {}).unwrap().faults
    };
    assert_eq!(check(Timestamp::from_seconds(place.second)), Vec::<String>::new());
    assert_eq!(check(Timestamp::MIN).len(), 1);
    place.receive(20, 10);
    assert_eq!(place.archive(None), None);
    assert!(place.entries().len() > 1);
}

#[test]
fn the_log_keeps_what_is_not_archived() {
    let mut place = Place::new();
    place.receive(1, 10);
    std::fs::remove_dir(place.nas()).unwrap();
    assert!(place.told().contains("mounted"));
    assert_eq!(place.log.committed(GROUP, RAW, 0), Some(0));
}
