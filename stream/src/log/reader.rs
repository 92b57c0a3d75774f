//! Reading a partition in order, past damaged places, which are reported.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::disk::io_error;
use super::gaps::{self, Gap};
use super::index;
use super::partition::Partition;
use super::segment::{Found, Scanner, Segment};
use crate::{Error, Result};

const REMOVED: &str = "removed by retention";

/// Reads one partition from an offset on; sees durable records only. Holds at most one batch and 256 KiB.
#[derive(Debug)]
pub(super) struct EmbeddedReader {
    partition: Arc<Partition>,
    offset: u64,
    cursor: Option<Cursor>,
    missing: Option<Missing>,
}

/// Where the reader stands in a file.
#[derive(Debug)]
struct Cursor {
    segment: Arc<Segment>,
    scanner: Scanner,
    at: u64,
}

/// Offsets from here to the reader's offset are not readable.
#[derive(Debug)]
struct Missing {
    from: u64,
    reason: &'static str,
}

/// What is readable of one segment at one moment.
struct View {
    segment: Arc<Segment>,
    limit: u64,
    /// Offset after the segment's last record.
    end: u64,
}

impl EmbeddedReader {
    pub(super) fn open(partition: &Arc<Partition>, from: u64) -> Result<EmbeddedReader> {
        let reader = EmbeddedReader { partition: partition.clone(), offset: from, cursor: None, missing: None };
        reader.check(partition.end_offset())?;
        Ok(reader)
    }

    /// See [`Reader::poll`](super::Reader::poll). Fails when a file cannot be read.
    pub(super) fn poll(&mut self, timeout: Duration) -> Result<Option<Batch>> {
        let deadline = Instant::now() + timeout;
        loop {
            let Some(view) = self.view(deadline)? else { return Ok(self.take_gap().map(|gap| self.only(gap))) };
            if let Some(batch) = self.read(&view)? {
                return Ok(Some(batch));
            }
        }
    }

    /// Continues at another offset.
    pub(super) fn seek(&mut self, offset: u64) {
        self.offset = offset;
        self.cursor = None;
        self.missing = None;
    }

    /// The offset that is read next.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    fn only(&self, gap: Gap) -> Batch {
        Batch::only_gap(self.partition.number, gap)
    }

    fn check(&self, end: u64) -> Result<()> {
        if self.offset <= end {
            return Ok(());
        }
        let reason = format!(
            "the log ends at {end}: its folder was replaced or lost its tail; restore it, or reset what reads it to {end}"
        );
        Err(Error::Damaged { what: "position of a reader", place: self.partition.place(self.offset), reason })
    }

    /// Waits for something readable; nothing at the deadline, or when a gap reaches up to the end.
    fn view(&mut self, deadline: Instant) -> Result<Option<View>> {
        let partition = self.partition.clone();
        let mut state = partition.lock();
        loop {
            let start = state.start_offset();
            if self.offset < start {
                self.miss(REMOVED);
                self.offset = start;
            }
            if self.offset < state.durable_end {
                let at = state.segments.partition_point(|segment| segment.base <= self.offset).saturating_sub(1);
                let Some(segment) = state.segments.get(at).cloned() else { return Ok(None) };
                let end = state.segments.get(at + 1).map_or(state.durable_end, |next| next.base);
                return Ok(Some(View { limit: segment.bytes(), segment, end }));
            }
            let now = Instant::now();
            self.check(state.durable_end)?;
            if self.missing.is_some() || now >= deadline {
                return Ok(None);
            }
            let waited = partition.durable.wait_timeout(state, deadline - now);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Reads up to the next batch of a segment; nothing when the segment has no more.
    fn read(&mut self, view: &View) -> Result<Option<Batch>> {
        let fail = |error| io_error("read", &view.segment.path)(error);
        let mut cursor = match self.cursor.take().filter(|cursor| cursor.segment.base == view.segment.base) {
            Some(cursor) => cursor,
            None => match self.enter(view) {
                Ok(cursor) => cursor,
                // Retention removed it since the look: the next look starts at the new first segment.
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.is_removed(view) => return Ok(None),
                Err(error) => return Err(fail(error)),
            },
        };
        let mut damage = "records are missing";
        loop {
            match cursor.scanner.batch(cursor.at, view.limit).map_err(fail)? {
                Found::Batch(header, payload) => {
                    cursor.at += header.total_bytes();
                    if header.next() <= self.offset {
                        continue;
                    }
                    if header.base > self.offset {
                        self.miss(damage);
                        self.offset = header.base;
                    }
                    match Batch::decode(self.partition.number, &header, payload, self.offset) {
                        Ok(batch) => {
                            self.cursor = Some(cursor);
                            return Ok(Some(self.deliver(batch)));
                        }
                        Err(reason) => {
                            damage = reason;
                            self.miss(reason);
                            self.offset = header.next();
                        }
                    }
                }
                Found::Bad(reason) => {
                    damage = reason;
                    let next = cursor.scanner.resync(cursor.at + 1, view.limit, view.segment.base).map_err(fail)?;
                    cursor.at = next.map_or(view.limit, |(at, _)| at);
                }
                Found::End => {
                    if self.offset < view.end {
                        self.miss(damage);
                        self.offset = view.end;
                    }
                    self.cursor = Some(cursor);
                    return Ok(None);
                }
            }
        }
    }

    fn enter(&self, view: &View) -> io::Result<Cursor> {
        let disk = self.partition.disk.as_ref();
        let segment = view.segment.clone();
        let at = {
            let mut slot = segment.index.lock().unwrap_or_else(PoisonError::into_inner);
            if slot.is_none() {
                *slot = Some(index::build(disk, &segment)?);
            }
            slot.as_ref().map_or(0, |index| index.position(self.offset))
        };
        let scanner = Scanner::open(disk, &segment)?;
        Ok(Cursor { segment, scanner, at })
    }

    fn is_removed(&self, view: &View) -> bool {
        self.partition.start_offset() > view.segment.base
    }

    /// Notes that records from the present offset on are missing.
    fn miss(&mut self, reason: &'static str) {
        let from = self.offset;
        // Damage says more than retention when both meet.
        match &mut self.missing {
            Some(missing) if missing.reason == REMOVED => missing.reason = reason,
            Some(_) => {}
            None => self.missing = Some(Missing { from, reason }),
        }
    }

    fn take_gap(&mut self) -> Option<Gap> {
        let Missing { from, reason } = self.missing.take()?;
        let (topic, partition) = (self.partition.topic, self.partition.number);
        let gap = Gap { topic, partition, from, to: self.offset, reason: reason.to_owned() };
        if reason != REMOVED {
            gaps::record(&self.partition, &gap);
        }
        Some(gap)
    }

    fn deliver(&mut self, batch: Batch) -> Batch {
        let gap = self.take_gap();
        self.offset = batch.next_offset();
        batch.with_gap(gap)
    }
}
