//! A sparse index of a segment: offset to file position every 256 KiB, and the range of receipt times.
//!
//! In memory only, 8 KiB for a segment of 128 MiB; rebuilt from the batch headers when it is first needed.

use std::io;

use super::disk::Disk;
use super::segment::{HEADER_BYTES, Header, Scanner, Segment};

const STEP_BYTES: u64 = 256 << 10;

/// Offsets and positions, both rising.
#[derive(Clone, Debug)]
pub(super) struct Index {
    entries: Vec<(u64, u64)>,
    /// Earliest receipt time, `i64::MAX` when there is no record.
    pub(super) received_min: i64,
    /// Latest receipt time, `i64::MIN` when there is no record.
    pub(super) received_max: i64,
}

impl Index {
    pub(super) fn new() -> Self {
        Index { entries: Vec::new(), received_min: i64::MAX, received_max: i64::MIN }
    }

    /// Adds a batch that stands at a position.
    pub(super) fn add(&mut self, at: u64, header: &Header) {
        self.received_min = self.received_min.min(header.received_min);
        self.received_max = self.received_max.max(header.received_max);
        let due = self
            .entries
            .last()
            .is_none_or(|&(offset, position)| header.base > offset && at >= position.saturating_add(STEP_BYTES));
        if due {
            self.entries.push((header.base, at));
        }
    }

    /// A position at or before the batch that holds `offset`.
    pub(super) fn position(&self, offset: u64) -> u64 {
        let after = self.entries.partition_point(|&(base, _)| base <= offset);
        if after == 0 { HEADER_BYTES as u64 } else { self.entries[after - 1].1 }
    }
}

/// Builds the index of a closed segment from its batch headers, past damaged places.
pub(super) fn build(disk: &dyn Disk, segment: &Segment) -> io::Result<Index> {
    let mut scanner = Scanner::open(disk, segment)?;
    let limit = segment.bytes();
    let (mut at, mut next) = (HEADER_BYTES as u64, segment.base);
    let mut index = Index::new();
    while at < limit {
        let header = match scanner.header(at, limit)? {
            Some(header) if header.base >= next => header,
            _ => match scanner.resync(at + 1, limit, next)? {
                Some((found, header)) => {
                    at = found;
                    header
                }
                None => break,
            },
        };
        index.add(at, &header);
        next = header.next();
        at += header.total_bytes();
    }
    Ok(index)
}
