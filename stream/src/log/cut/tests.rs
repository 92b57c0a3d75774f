//! Pieces are the same however the records were read, and a log again.

use std::convert::identity;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::RecordKind;
use crate::log::{Log, LogConfig};

const RAW: Topic = Topic::Raw;

fn record(number: usize, second: i64, bytes: usize) -> Record {
    let mut raw = format!("<13>line {number} ").into_bytes();
    // Bytes that do not compress to nothing.
    raw.extend((0..bytes).map(|at| (at * at + number * 31) as u8));
    Record {
        kind: if number.is_multiple_of(10) { RecordKind::Tick } else { RecordKind::Data },
        tenant: "town".into(),
        source: format!("fw-{}", number % 3).into(),
        peer: number.is_multiple_of(2).then(|| [192, 0, 2, 1].into()),
        received: Timestamp::from_seconds(1_800_000_000 + second),
        raw: raw.into(),
    }
}

/// A log with these records; `appends` says how many at a time.
fn log(dir: &Path, records: &[Record], appends: &[usize]) -> Log {
    let log = Log::open(LogConfig { fsync_ms_max: 0, ..LogConfig::in_dir(dir) }).unwrap();
    let (mut at, mut turn) = (0, 0);
    while at < records.len() {
        let count = appends[turn % appends.len()].min(records.len() - at);
        log.append(RAW, 0, records[at..at + count].to_vec()).unwrap().wait().unwrap();
        (at, turn) = (at + count, turn + 1);
    }
    log
}

fn pieces(log: &Log, from: u64, before: [u8; 32], limits: CutLimits) -> Vec<Piece> {
    let mut cutter = Cutter::new(from, before, limits).unwrap();
    let mut reader = log.reader(RAW, 0, from).unwrap();
    let mut all = Vec::new();
    while let Some(batch) = reader.next_below(log.end_offset(RAW, 0)).unwrap() {
        cutter
            .take(&batch, &mut |piece| {
                all.push(piece);
                Ok::<_, crate::Error>(())
            })
            .unwrap();
    }
    all
}

fn read(log: &Log, from: u64) -> Vec<(u64, Record)> {
    let mut reader = log.reader(RAW, 0, from).unwrap();
    let mut all = Vec::new();
    while let Some(batch) = reader.next_below(log.end_offset(RAW, 0)).unwrap() {
        assert_eq!(batch.gap(), None);
        all.extend(batch.iter().map(|record| {
            let owned = Record {
                kind: record.kind,
                tenant: record.tenant.into(),
                source: record.source.into(),
                peer: record.peer,
                received: record.received,
                raw: record.raw.to_vec().into(),
            };
            (record.offset, owned)
        }));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn however_it_was_read_the_pieces_are_the_same_and_a_log_again(
        steps in prop::collection::vec((-3i64..40, 0usize..3_000), 2..120),
        (one, other) in (prop::collection::vec(1usize..20, 1..5), prop::collection::vec(1usize..20, 1..5)),
        bytes_max in 16usize << 10..80 << 10,
    ) {
        let limits = CutLimits { bytes_max, seconds_max: 60 };
        let mut second = 0;
        let records: Vec<Record> = steps.iter().enumerate().map(|(number, (step, bytes))| {
            second += step;
            record(number, second, *bytes)
        }).collect();
        let (dir, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (log, same) = (log(dir.path(), &records, &one), log(again.path(), &records, &other));
        let cut = pieces(&log, 0, [0; 32], limits);
        prop_assert_eq!(&cut, &pieces(&same, 0, [0; 32], limits));
        let (mut next, mut before) = (0, [0; 32]);
        for piece in &cut {
            prop_assert!(piece.bytes.len() <= bytes_max);
            let found = sound(0, &piece.bytes).unwrap();
            prop_assert_eq!((found.first, found.next, found.before), (next, piece.next, before));
            prop_assert_eq!((found.records, found.received), (piece.records, piece.received));
            (next, before) = (piece.next, piece.hash);
        }
        // Who begins anew behind any piece cuts the others.
        for (at, piece) in cut.iter().enumerate() {
            prop_assert_eq!(&cut[at + 1..], &pieces(&same, piece.next, piece.hash, limits)[..]);
        }
        let originals = read(&log, 0);
        for from in 0..cut.len() {
            let laid = tempfile::tempdir().unwrap();
            let some = cut[from..].iter().map(|piece| Ok::<_, crate::Error>((piece.first, piece.bytes.clone().into())));
            place_segments(laid.path(), 0, next, some).unwrap();
            let fetched = Log::open(LogConfig::in_dir(laid.path())).unwrap();
            prop_assert_eq!(fetched.gaps(), vec![]);
            let first = cut[from].first;
            prop_assert_eq!((fetched.start_offset(RAW, 0), fetched.end_offset(RAW, 0)), (first, next));
            prop_assert_eq!(&read(&fetched, first)[..], &originals[first as usize..next as usize]);
            fetched.close();
        }
    }
}

#[test]
fn any_flipped_bit_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let records: Vec<Record> = (0..40).map(|number| record(number, number as i64 * 10, 50)).collect();
    let log = log(dir.path(), &records, &[7]);
    let cut = pieces(&log, 0, [0; 32], CutLimits { bytes_max: 1 << 20, seconds_max: 60 });
    let piece = cut.first().unwrap();
    for at in 0..piece.bytes.len() {
        let mut bytes = piece.bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(sound(0, &bytes).is_err(), "byte {at}");
        // A cut between two batches is sound by itself: the name tells where a piece ends.
        assert!(sound(0, &piece.bytes[..at]).map_or(true, |found| found.next < piece.next), "cut at {at}");
    }
}

#[test]
fn a_gap_is_within_a_piece_and_a_large_record_is_a_piece() {
    let dir = tempfile::tempdir().unwrap();
    let mut records: Vec<Record> = (0..30).map(|number| record(number, 5, 10)).collect();
    records[20].raw = vec![7; 300 << 10].into();
    let log = log(dir.path(), &records, &[5]);
    let limits = CutLimits { bytes_max: 64 << 10, seconds_max: 60 };
    let mut reader = log.reader(RAW, 0, 0).unwrap();
    let mut cutter = Cutter::new(0, [0; 32], limits).unwrap();
    let mut all = Vec::new();
    let mut keep = |piece| {
        all.push(piece);
        Ok::<_, crate::Error>(())
    };
    for number in 0..6 {
        let batch = reader.poll(Duration::from_secs(1)).unwrap().unwrap();
        if number != 2 {
            cutter.take(&batch, &mut keep).unwrap();
        }
    }
    let spans: Vec<_> = all.iter().map(|piece| (piece.first, piece.next, piece.records)).collect();
    assert_eq!(spans, [(0, 20, 15), (20, 21, 1)]);
    let found = sound(0, &all[0].bytes).map_or_else(|reason| panic!("{reason}"), identity);
    assert_eq!((found.next, found.records), (20, 15));
}
