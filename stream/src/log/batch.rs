//! Batches as readers get them: checked once, then iterated without failing.

use std::net::IpAddr;

use super::gaps::Gap;
use super::segment::Header;
use super::varint::{take, take_bytes};
use crate::{RecordKind, RecordRef, Timestamp};

/// Consecutive records of one partition, and the gap before them if there is one.
#[derive(Clone, Debug)]
pub struct Batch {
    partition: u32,
    from: u64,
    next: u64,
    gap: Option<Gap>,
    base: u64,
    count: u32,
    received_min: i64,
    records_bytes: usize,
    plain: Vec<u8>,
    names: Vec<Box<str>>,
}

impl Batch {
    /// The partition.
    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// Offset of the first record that [`iter`](Batch::iter) gives.
    pub fn base_offset(&self) -> u64 {
        self.from
    }

    /// Offset after the last record: where to continue, and what to commit once the batch is dealt with.
    pub fn next_offset(&self) -> u64 {
        self.next
    }

    /// The records in order, borrowing from the batch. None when nothing readable follows a gap yet.
    pub fn iter(&self) -> Records<'_> {
        let mut records = Records { rest: &self.plain[..self.records_bytes], batch: self, offset: self.base };
        while records.offset < self.from && records.next().is_some() {}
        records
    }

    /// Offsets just before this batch that should have been here and are not.
    pub fn gap(&self) -> Option<&Gap> {
        self.gap.as_ref()
    }

    /// Nothing but a gap.
    pub(super) fn only_gap(partition: u32, gap: Gap) -> Batch {
        Batch {
            partition,
            from: gap.to,
            next: gap.to,
            gap: Some(gap),
            base: 0,
            count: 0,
            received_min: 0,
            records_bytes: 0,
            plain: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Records that are encoded already, of consecutive offsets from `base` on, with receipt times after 0.
    #[cfg(feature = "kafka")]
    pub(super) fn of(
        partition: u32,
        base: u64,
        count: u32,
        records: Vec<u8>,
        names: Vec<Box<str>>,
        gap: Option<Gap>,
    ) -> Batch {
        Batch {
            partition,
            from: base,
            next: base + u64::from(count),
            gap,
            base,
            count,
            received_min: 0,
            records_bytes: records.len(),
            plain: records,
            names,
        }
    }

    pub(super) fn with_gap(self, gap: Option<Gap>) -> Batch {
        Batch { gap, ..self }
    }

    /// Decompresses and checks a batch whose checksums are right; records below `from` are left out.
    pub(super) fn decode(partition: u32, header: &Header, payload: Vec<u8>, from: u64) -> Result<Batch, &'static str> {
        let plain_bytes = header.plain_bytes as usize;
        let plain = match header.codec {
            0 => payload,
            _ => zstd::bulk::decompress(&payload, plain_bytes).map_err(|_| "payload does not decompress")?,
        };
        let records_bytes = plain_bytes.checked_sub(header.table_bytes as usize).ok_or("string table too long")?;
        let table = plain.get(records_bytes..plain_bytes).ok_or("payload is shorter than its header says")?;
        let names = names(table).ok_or("string table does not decode")?;
        let batch = Batch {
            partition,
            from: from.max(header.base),
            next: header.next(),
            gap: None,
            base: header.base,
            count: header.count,
            received_min: header.received_min,
            records_bytes,
            plain,
            names,
        };
        let mut all = Records { rest: &batch.plain[..records_bytes], batch: &batch, offset: batch.base };
        let count = all.by_ref().count();
        if count != batch.count as usize || !all.rest.is_empty() {
            return Err("records do not decode");
        }
        Ok(batch)
    }
}

fn names(mut bytes: &[u8]) -> Option<Vec<Box<str>>> {
    let count = take(&mut bytes)?;
    let mut names = Vec::new();
    for _ in 0..count {
        let length = take(&mut bytes)?;
        names.push(std::str::from_utf8(take_bytes(&mut bytes, length)?).ok()?.into());
    }
    bytes.is_empty().then_some(names)
}

/// Iterator over the records of a [`Batch`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    batch: &'a Batch,
    offset: u64,
}

impl<'a> Records<'a> {
    fn read(&mut self) -> Option<RecordRef<'a>> {
        let (&flags, rest) = self.rest.split_first()?;
        self.rest = rest;
        let kind = match flags & 3 {
            0 => RecordKind::Data,
            1 => RecordKind::Tick,
            2 => RecordKind::Control,
            _ => return None,
        };
        let tenant = self.name()?;
        let source = self.name()?;
        let peer = match flags >> 2 {
            0 => None,
            1 => Some(IpAddr::from(<[u8; 4]>::try_from(take_bytes(&mut self.rest, 4)?).ok()?)),
            2 => Some(IpAddr::from(<[u8; 16]>::try_from(take_bytes(&mut self.rest, 16)?).ok()?)),
            _ => return None,
        };
        let received = Timestamp(self.batch.received_min.wrapping_add(take(&mut self.rest)? as i64));
        let length = take(&mut self.rest)?;
        let raw = take_bytes(&mut self.rest, length)?;
        Some(RecordRef { offset: self.offset, kind, tenant, source, peer, received, raw })
    }

    fn name(&mut self) -> Option<&'a str> {
        let index = usize::try_from(take(&mut self.rest)?).ok()?;
        Some(self.batch.names.get(index)?)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = RecordRef<'a>;

    fn next(&mut self) -> Option<RecordRef<'a>> {
        if self.offset >= self.batch.next {
            return None;
        }
        let record = self.read()?;
        self.offset += 1;
        Some(record)
    }
}
