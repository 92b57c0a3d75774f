//! From the spool to batches: consecutive records, packed, and what is missing between them.

use std::time::Duration;

use stream::log::{Batch, Log, Reader};
use stream::{RecordKind, RecordRef, Topic};

use super::filter::Filters;
use crate::collect::wire::{Frame, Packer};
use crate::{Error, Result};

/// Bytes of records in one batch, unless one record is larger.
const BATCH_BYTES: usize = 1 << 20;

/// Reads the spool in order.
pub struct Packing {
    reader: Reader,
    packer: Packer,
    filters: Option<Filters>,
    held: Option<Batch>,
    next: u64,
}

impl Packing {
    /// From this number on, which may be below what the spool still has.
    ///
    /// # Errors
    /// The spool ends before it, or cannot be read.
    pub fn open(log: &Log, from: u64, filters: Option<Filters>) -> Result<Packing> {
        let reader = log.reader(Topic::Raw, 0, from).map_err(|error| Error::Append(error.to_string()))?;
        Ok(Packing { reader, packer: Packer::default(), filters, held: None, next: from })
    }

    /// Goes on at another number.
    pub fn restart(&mut self, from: u64) {
        self.reader.seek(from);
        self.packer = Packer::default();
        (self.held, self.next) = (None, from);
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The next batch, or what is missing before it; nothing when nothing came within this time.
    ///
    /// # Errors
    /// The spool cannot be read.
    pub fn frame(&mut self, wait: Duration) -> Result<Option<Frame>> {
        loop {
            if self.held.as_ref().is_none_or(|batch| batch.next_offset() <= self.next) {
                // Once there is something, only what is there already joins it.
                let wait = if self.packer.records() == 0 { wait } else { Duration::ZERO };
                let polled = self.reader.poll(wait).map_err(|error| Error::Append(error.to_string()))?;
                self.held = polled;
            }
            let Some(batch) = self.held.take() else { return Ok(self.pack()) };
            if let Some(lost) = self.missing(&batch) {
                let packed = self.pack();
                if packed.is_some() {
                    // The batch comes again, after what was before the gap.
                    self.held = Some(batch);
                    return Ok(packed);
                }
                if let Frame::Lost { to, .. } = &lost {
                    self.next = *to;
                }
                self.held = Some(batch);
                return Ok(Some(lost));
            }
            let full = self.fill(&batch);
            self.held = Some(batch);
            if full {
                return Ok(self.pack());
            }
        }
    }

    /// What stands between the next number and the next record of this batch.
    fn missing(&self, batch: &Batch) -> Option<Frame> {
        let reason = |reason: &str| reason.to_owned();
        let first = batch.iter().find(|record| record.offset >= self.next && record.kind == RecordKind::Data);
        match first {
            Some(record) if record.offset == self.next => None,
            first => {
                let to = first.map_or(batch.next_offset(), |record| record.offset);
                let gap = batch.gap().filter(|gap| gap.to > self.next);
                let why = gap.map_or("no record of a device", |gap| &gap.reason);
                (to > self.next).then(|| Frame::Lost { from: self.next, to, reason: reason(why) })
            }
        }
    }

    /// Adds records of the batch; whether nothing more fits, or what follows is no record of a device.
    fn fill(&mut self, batch: &Batch) -> bool {
        let from = self.next;
        for record in batch.iter().filter(|record| record.offset >= from) {
            if record.offset != self.next || record.kind != RecordKind::Data {
                return true;
            }
            if !self.packer.has_room(&record, BATCH_BYTES) {
                return true;
            }
            self.add(record);
            self.next += 1;
        }
        false
    }

    /// Adds what may leave of a record.
    fn add(&mut self, mut record: RecordRef<'_>) {
        let Some(filters) = &mut self.filters else { return self.packer.add(&record, record.raw) };
        if filters.hides_peer(&record) {
            record.peer = None;
        }
        match filters.apply(&record) {
            Some(left) => self.packer.add(&record, left),
            None => self.packer.add(&record, record.raw),
        }
    }

    fn pack(&mut self) -> Option<Frame> {
        self.packer.finish().map(Frame::Batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stream::log::LogConfig;
    use stream::{Record, Timestamp};

    fn record(kind: RecordKind, raw: &str) -> Record {
        let raw = raw.as_bytes().to_vec().into();
        Record { kind, tenant: "t".into(), source: "s".into(), peer: None, received: Timestamp(7), raw }
    }

    #[test]
    fn batches_follow_each_other_and_what_is_missing_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let config = LogConfig { segment_bytes: 4 << 10, fsync_ms_max: 0, ..LogConfig::in_dir(dir.path()) };
        let log = Log::open(config).unwrap();
        let append = |records| log.append(Topic::Raw, 0, records).unwrap().wait().unwrap();
        let mut word = 1u32;
        for _ in 0..300 {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            append(vec![record(RecordKind::Data, &format!("line {word} {}", word.rotate_left(9)))]);
        }
        append(vec![record(RecordKind::Tick, ""), record(RecordKind::Data, "after the clock")]);
        log.trim(Topic::Raw, 0, 150).unwrap();
        let start = log.start_offset(Topic::Raw, 0);
        assert!(start > 0);
        let mut packing = Packing::open(&log, 0, None).unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = packing.frame(Duration::ZERO).unwrap() {
            frames.push(match frame {
                Frame::Lost { from, to, .. } => (from, to, 0),
                Frame::Batch(packed) => (packed.from, packed.to(), packed.records().unwrap().len()),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(frames, [(0, start, 0), (start, 300, 300 - start as usize), (300, 301, 0), (301, 302, 1)]);
        append(vec![record(RecordKind::Data, "one more"), record(RecordKind::Data, &"x".repeat(3 << 20))]);
        let more: Vec<_> = std::iter::from_fn(|| packing.frame(Duration::ZERO).unwrap()).collect();
        assert_eq!((more.len(), packing.next()), (2, 304), "a large record goes alone");
        assert!(Packing::open(&log, 305, None).is_err());
    }
}
