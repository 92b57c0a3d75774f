//! Stretches of a partition as segment files of their own: what an archive keeps.
//!
//! A [`Cutter`] takes the batches of one partition in order and gives [`Piece`]s: whole segment files (`segment.rs`), so that a
//! folder of them is a log again ([`place_segments`]). Each piece carries the BLAKE3 of the piece before it in its header.
//!
//! What a piece holds is a function of the records from its first offset on and of the limits, not of when or in what
//! batches they were read: who crashed and begins at the same offset cuts the same bytes. Hence
//! - a piece ends before the first record that is received in another stretch of `seconds_max` (counted from 1970), later
//!   than the piece's own or more than a whole one earlier; with the clock in the stream that is soon after its end;
//! - or before the record with which it might take more than `bytes_max`;
//! - records are put together anew in batches of [`BATCH_BYTES`] (less where `bytes_max` is small);
//! - the salt is a hash of the content instead of a random number: senders cannot foresee it either.
//!
//! Offsets that the log cannot give are missing in the piece as well, and within its range.
//!
//! Memory: `bytes_max`, and two batches; a single record that is larger is a piece of its own.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::batch::Batch;
use super::commit::read_bytes;
use super::config::Codec;
use super::disk::{Disk, SystemDisk, io_error};
use super::durable::write_numbers;
use super::encode::Encoder;
use super::offsets;
use super::partition::CHECKPOINT;
use super::segment::{HEADER_BYTES, Header, file_name, read_header, segment_header};
use crate::{NANOS_PER_SECOND, Record, RecordRef, Result, Timestamp, Topic};

/// Records of a batch, before compression, unless one record is larger.
const BATCH_BYTES: usize = 1 << 20;

/// When a piece ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutLimits {
    /// Bytes of a piece, after compression.
    pub bytes_max: usize,
    /// Length of a stretch of receipt time.
    pub seconds_max: u64,
}

/// Consecutive records of a partition as a segment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// First offset.
    pub first: u64,
    /// Offset after the last one.
    pub next: u64,
    /// Records; fewer than the offsets where the log had a gap.
    pub records: u64,
    /// Earliest and latest receipt time.
    pub received: (Timestamp, Timestamp),
    /// BLAKE3 of `bytes`.
    pub hash: [u8; 32],
    /// The file.
    pub bytes: Vec<u8>,
}

/// Cuts one partition.
pub struct Cutter {
    limits: CutLimits,
    batch_bytes: usize,
    encoder: Encoder,
    first: u64,
    next: u64,
    before: [u8; 32],
    /// Number of the stretch that the first record is received in.
    stretch: Option<i64>,
    received: (i64, i64),
    records: u64,
    /// The batch that is being put together, from `waiting_base` on.
    waiting: Vec<Record>,
    waiting_base: u64,
    waiting_bytes: usize,
    /// The segment so far; headers are written at its end, when the salt is known.
    out: Vec<u8>,
    headers: Vec<(usize, Header)>,
    names: HashSet<Arc<str>>,
}

impl Cutter {
    /// A cutter whose first piece begins at `first`, behind a piece with the hash `before` (zeros: there is none).
    ///
    /// # Errors
    /// zstd cannot be set up.
    pub fn new(first: u64, before: [u8; 32], limits: CutLimits) -> Result<Cutter> {
        let encoder = Encoder::new(Codec::Zstd).map_err(io_error("set up zstd for", Path::new("the archive")))?;
        Ok(Cutter {
            limits,
            batch_bytes: BATCH_BYTES.min(limits.bytes_max / 8),
            encoder,
            first,
            next: first,
            before,
            stretch: None,
            received: (i64::MAX, i64::MIN),
            records: 0,
            waiting: Vec::new(),
            waiting_base: first,
            waiting_bytes: 0,
            out: vec![0; HEADER_BYTES],
            headers: Vec::new(),
            names: HashSet::new(),
        })
    }

    /// The offset that is expected next.
    pub fn next_offset(&self) -> u64 {
        self.next
    }

    /// Takes the next records, and hands out each piece that is whole with them. After an error the cutter is of no more use.
    ///
    /// # Errors
    /// What `whole` returned, or a failed compression.
    pub fn take<E: From<crate::Error>>(
        &mut self,
        batch: &Batch,
        whole: &mut impl FnMut(Piece) -> Result<(), E>,
    ) -> Result<(), E> {
        let from = self.next;
        for record in batch.iter().filter(|record| record.offset >= from) {
            // What is missing before it belongs to what came before, whether it was told with this batch or ahead of it.
            self.next = record.offset;
            if self.ends_before(&record) {
                let piece = self.finish()?;
                whole(piece)?;
            }
            self.add(&record)?;
        }
        // A gap that nothing readable follows yet.
        self.next = self.next.max(batch.next_offset());
        Ok(())
    }

    fn ends_before(&self, record: &RecordRef<'_>) -> bool {
        let Some(own) = self.stretch else { return false };
        let stretch = self.stretch_of(record);
        let bytes = self.out.len() + 2 * HEADER_BYTES + self.waiting_bytes + read_bytes(record);
        stretch > own || stretch < own.saturating_sub(1) || bytes > self.limits.bytes_max
    }

    fn stretch_of(&self, record: &RecordRef<'_>) -> i64 {
        let nanos = i64::try_from(self.limits.seconds_max).unwrap_or(i64::MAX).saturating_mul(NANOS_PER_SECOND);
        record.received.0.div_euclid(nanos.max(1))
    }

    fn add(&mut self, record: &RecordRef<'_>) -> Result<()> {
        let size = read_bytes(record);
        if self.waiting_bytes + size > self.batch_bytes
            || record.offset != self.waiting_base + self.waiting.len() as u64
        {
            self.encode()?;
            self.waiting_base = record.offset;
        }
        self.stretch = self.stretch.or_else(|| Some(self.stretch_of(record)));
        self.received = (self.received.0.min(record.received.0), self.received.1.max(record.received.0));
        self.records += 1;
        self.waiting_bytes += size;
        let (tenant, source) = (self.name(record.tenant), self.name(record.source));
        self.waiting.push(Record {
            kind: record.kind,
            tenant,
            source,
            peer: record.peer,
            received: record.received,
            raw: Bytes::copy_from_slice(record.raw),
        });
        self.next = record.offset + 1;
        Ok(())
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = name.into();
        self.names.insert(Arc::clone(&new));
        new
    }

    fn encode(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let at = self.out.len();
        let header = self.encoder.batch(&self.waiting, self.waiting_base, 0, &mut self.out);
        self.headers.push((at, header.map_err(io_error("compress for", Path::new("the archive")))?));
        self.waiting.clear();
        self.waiting_bytes = 0;
        Ok(())
    }

    /// Ends the piece and begins the next.
    fn finish(&mut self) -> Result<Piece> {
        self.encode()?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.before).update(&self.out[HEADER_BYTES..]);
        let salt = u64::from_le_bytes(*hasher.finalize().as_bytes().first_chunk().unwrap_or(&[0; 8]));
        for (at, header) in self.headers.drain(..) {
            Header { salt, ..header }.write(&mut self.out[at..]);
        }
        self.out[..HEADER_BYTES].copy_from_slice(&segment_header(self.first, salt, &self.before));
        let bytes = std::mem::replace(&mut self.out, vec![0; HEADER_BYTES]);
        let hash = *blake3::hash(&bytes).as_bytes();
        let (from, to) = (Timestamp(self.received.0), Timestamp(self.received.1));
        let piece =
            Piece { first: self.first, next: self.next, records: self.records, received: (from, to), hash, bytes };
        self.first = self.next;
        self.waiting_base = self.next;
        self.before = hash;
        self.stretch = None;
        self.received = (i64::MAX, i64::MIN);
        self.records = 0;
        self.names.clear();
        Ok(piece)
    }
}

/// What a piece was found to hold.
#[derive(Clone, Debug)]
pub struct Sound {
    /// First offset, by its header.
    pub first: u64,
    /// Offset after the last record.
    pub next: u64,
    /// Hash of the piece before it; zeros when it is the first.
    pub before: [u8; 32],
    /// Records.
    pub records: u64,
    /// Earliest and latest receipt time.
    pub received: (Timestamp, Timestamp),
    /// Its last records.
    pub last: Option<Batch>,
}

/// Reads a piece whole: every checksum, every record.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn sound(partition: u32, bytes: &[u8]) -> Result<Sound, String> {
    let (first, salt, before) = read_header(bytes).ok_or("the segment's header is damaged")?;
    let mut at = HEADER_BYTES;
    let mut found =
        Sound { first, next: first, before, records: 0, received: (Timestamp::MAX, Timestamp::MIN), last: None };
    while at < bytes.len() {
        let wrong = |what: &str| format!("{what} at byte {at}");
        let header = Header::read(&bytes[at..]).filter(|header| header.salt == salt);
        let header = header.ok_or_else(|| wrong("damaged batch header"))?;
        let payload = bytes.get(at + HEADER_BYTES..at + header.total_bytes() as usize);
        let payload = payload.filter(|payload| crc32c::crc32c(payload) == header.payload_crc);
        let payload = payload.ok_or_else(|| wrong("damaged batch"))?.to_vec();
        if header.base < found.next {
            return Err(wrong("a batch repeats offsets"));
        }
        found.last = Some(Batch::decode(partition, &header, payload, header.base).map_err(wrong)?);
        found.records += u64::from(header.count);
        found.received.0 = found.received.0.min(Timestamp(header.received_min));
        found.received.1 = found.received.1.max(Timestamp(header.received_max));
        found.next = header.next();
        at += header.total_bytes() as usize;
    }
    Ok(found)
}

/// Writes pieces of one partition of topic `raw` into `dir`, a new folder that [`Log::open`](super::Log::open) reads: `pieces` gives
/// the first offset and the bytes of one after the other, the oldest first; `end` is the offset after the last.
///
/// # Errors
/// There is such a file already, the disk refuses, or what `pieces` returns.
pub fn place_segments<E: From<crate::Error>>(
    dir: &Path,
    partition: u32,
    end: u64,
    pieces: impl Iterator<Item = Result<(u64, Bytes), E>>,
) -> Result<(), E> {
    let disk = SystemDisk;
    let folder = dir.join(Topic::Raw.name()).join(partition.to_string());
    let groups = folder.join(offsets::FOLDER);
    disk.create_dir_all(&groups).map_err(io_error("create", &groups))?;
    let mut start = None;
    for piece in pieces {
        let (first, bytes) = piece?;
        let path = folder.join(file_name(first));
        let file = disk.create(&path).map_err(io_error("create", &path))?;
        file.write_at(&bytes, 0).map_err(io_error("write", &path))?;
        file.sync_all().map_err(io_error("sync", &path))?;
        if start.is_none() {
            // What is below was never here: not a gap.
            write_numbers(&disk, &folder, CHECKPOINT, &[first, end])?;
        }
        start = start.or(Some(first));
    }
    disk.sync_dir(&folder).map_err(io_error("sync", &folder))?;
    Ok(())
}

#[cfg(test)]
mod tests;
