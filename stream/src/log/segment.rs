//! Segment files: what stands in them, and how batches are found in them.
//!
//! A segment is named after its first offset (`00000000000000001000.log`). All numbers are little-endian.
//!
//! ```text
//! segment  64 bytes  magic "SKSEGM01", crc32c of the rest u32, version u32 (1), base offset u64, salt u64,
//!                    32 bytes: zeros, or in what the archive keeps the hash of the piece before it (`cut.rs`)
//! batch    64 bytes  magic "SKB1", crc32c of the rest of the header u32, crc32c of the payload u32,
//!                    payload bytes u32, base offset u64, count u32, codec u8 (0 none, 1 zstd), 3 zeros,
//!                    plain bytes u32, string table bytes u32, first and last receipt time (ns) i64 i64, salt u64
//!          payload   records, then the string table (see `encode.rs`), compressed as a whole
//! ```
//!
//! The salt is random per segment and repeated in every batch: a log line that contains the bytes of a batch cannot be
//! taken for one when batches are looked for behind a damaged place, because its sender does not know the salt.
//!
//! Limits: 16 MiB per record, 64 MiB per batch before compression.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::disk::{Disk, DiskFile, fill_at, read_exact_at};
use super::index::Index;

/// Bytes of the header of a segment and of a batch.
pub(super) const HEADER_BYTES: usize = 64;
/// Largest payload, before and after compression.
pub(super) const PLAIN_BYTES_MAX: u32 = 64 << 20;
const SEGMENT_MAGIC: &[u8; 8] = b"SKSEGM01";
const BATCH_MAGIC: &[u8; 4] = b"SKB1";
const WINDOW_BYTES: usize = 256 << 10;

/// One segment as readers know it.
#[derive(Debug)]
pub(super) struct Segment {
    /// First offset.
    pub(super) base: u64,
    /// The file.
    pub(super) path: PathBuf,
    /// Bytes that are durable; changes only while the partition is locked.
    bytes: AtomicU64,
    /// Sparse index; built on the first seek for segments that were there at opening.
    pub(super) index: Mutex<Option<Index>>,
}

impl Segment {
    pub(super) fn new(base: u64, path: PathBuf, bytes: u64, index: Option<Index>) -> Self {
        Segment { base, path, bytes: AtomicU64::new(bytes), index: Mutex::new(index) }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    pub(super) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Release);
    }
}

/// The file name of a segment.
pub(super) fn file_name(base: u64) -> String {
    format!("{base:020}.log")
}

/// The first offset of a segment, from its file name.
pub(super) fn base_of(name: &str) -> Option<u64> {
    name.strip_suffix(".log").filter(|digits| digits.len() == 20)?.parse().ok()
}

/// A salt that nobody outside can guess (the keys of `RandomState` come from the system's random numbers).
fn new_salt() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// Creates a segment file, header and name durable, and returns it with its salt.
pub(super) fn create(disk: &dyn Disk, dir: &Path, base: u64) -> io::Result<(Box<dyn DiskFile>, u64)> {
    let file = disk.create(&dir.join(file_name(base)))?;
    let salt = new_salt();
    file.write_at(&segment_header(base, salt, &[0; 32]), 0)?;
    file.sync_all()?;
    disk.sync_dir(dir)?;
    Ok((file, salt))
}

/// The header of a segment; `before` is the hash of the piece before it.
pub(super) fn segment_header(base: u64, salt: u64, before: &[u8; 32]) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(SEGMENT_MAGIC);
    bytes[12..16].copy_from_slice(&1u32.to_le_bytes());
    bytes[16..24].copy_from_slice(&base.to_le_bytes());
    bytes[24..32].copy_from_slice(&salt.to_le_bytes());
    bytes[32..].copy_from_slice(before);
    let crc = crc32c::crc32c(&bytes[12..]);
    bytes[8..12].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The salt of a segment, if its header is sound.
pub(super) fn read_salt(file: &dyn DiskFile, base: u64) -> io::Result<Option<u64>> {
    let mut bytes = [0; HEADER_BYTES];
    let whole = fill_at(file, &mut bytes, 0)? == HEADER_BYTES;
    Ok(read_header(&bytes).filter(|header| whole && header.0 == base).map(|header| header.1))
}

/// Base offset, salt and the hash of the piece before, if the header of a segment is sound.
pub(super) fn read_header(bytes: &[u8]) -> Option<(u64, u64, [u8; 32])> {
    let bytes = bytes.get(..HEADER_BYTES)?;
    let sound =
        bytes[..8] == *SEGMENT_MAGIC && u32_at(bytes, 8) == crc32c::crc32c(&bytes[12..]) && u32_at(bytes, 12) == 1;
    let before = bytes[32..].try_into().ok()?;
    sound.then(|| (u64_at(bytes, 16), u64_at(bytes, 24), before))
}

/// The header of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) payload_crc: u32,
    pub(super) payload_bytes: u32,
    pub(super) base: u64,
    pub(super) count: u32,
    pub(super) codec: u8,
    pub(super) plain_bytes: u32,
    pub(super) table_bytes: u32,
    pub(super) received_min: i64,
    pub(super) received_max: i64,
    pub(super) salt: u64,
}

impl Header {
    /// Offset after the last record.
    pub(super) fn next(&self) -> u64 {
        self.base + u64::from(self.count)
    }

    /// Bytes of header and payload.
    pub(super) fn total_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.payload_bytes)
    }

    pub(super) fn write(&self, out: &mut [u8]) {
        out[..HEADER_BYTES].fill(0);
        out[..4].copy_from_slice(BATCH_MAGIC);
        out[8..12].copy_from_slice(&self.payload_crc.to_le_bytes());
        out[12..16].copy_from_slice(&self.payload_bytes.to_le_bytes());
        out[16..24].copy_from_slice(&self.base.to_le_bytes());
        out[24..28].copy_from_slice(&self.count.to_le_bytes());
        out[28] = self.codec;
        out[32..36].copy_from_slice(&self.plain_bytes.to_le_bytes());
        out[36..40].copy_from_slice(&self.table_bytes.to_le_bytes());
        out[40..48].copy_from_slice(&self.received_min.to_le_bytes());
        out[48..56].copy_from_slice(&self.received_max.to_le_bytes());
        out[56..64].copy_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c::crc32c(&out[8..HEADER_BYTES]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
    }

    /// Reads a header; nothing when it is not sound or over the limits.
    pub(super) fn read(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        if bytes[..4] != *BATCH_MAGIC || u32_at(bytes, 4) != crc32c::crc32c(&bytes[8..]) {
            return None;
        }
        let header = Header {
            payload_crc: u32_at(bytes, 8),
            payload_bytes: u32_at(bytes, 12),
            base: u64_at(bytes, 16),
            count: u32_at(bytes, 24),
            codec: bytes[28],
            plain_bytes: u32_at(bytes, 32),
            table_bytes: u32_at(bytes, 36),
            received_min: u64_at(bytes, 40) as i64,
            received_max: u64_at(bytes, 48) as i64,
            salt: u64_at(bytes, 56),
        };
        let sound = header.count > 0
            && header.codec <= 1
            && header.payload_bytes <= PLAIN_BYTES_MAX
            && header.plain_bytes <= PLAIN_BYTES_MAX
            && header.table_bytes <= header.plain_bytes
            && header.base.checked_add(u64::from(header.count)).is_some();
        sound.then_some(header)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Reads batches of one segment file, with read-ahead of 256 KiB.
#[derive(Debug)]
pub(super) struct Scanner {
    file: Box<dyn DiskFile>,
    /// Nothing until the segment's header or, if that is damaged, the first sound batch tells it.
    salt: Option<u64>,
    window: Vec<u8>,
    window_at: u64,
}

/// What stands at a position.
#[derive(Debug)]
pub(super) enum Found {
    /// A sound batch.
    Batch(Header, Vec<u8>),
    /// The limit: nothing more to read.
    End,
    /// Not a sound batch, and what is wrong.
    Bad(&'static str),
}

impl Scanner {
    pub(super) fn open(disk: &dyn Disk, segment: &Segment) -> io::Result<Scanner> {
        let file = disk.open(&segment.path)?;
        let salt = read_salt(file.as_ref(), segment.base)?;
        Ok(Scanner { file, salt, window: Vec::new(), window_at: 0 })
    }

    pub(super) fn salt(&self) -> Option<u64> {
        self.salt
    }

    pub(super) fn into_file(self) -> Box<dyn DiskFile> {
        self.file
    }

    /// The sound header at a position, without a look at its payload.
    pub(super) fn header(&mut self, at: u64, limit: u64) -> io::Result<Option<Header>> {
        let salt = self.salt;
        let bytes = self.bytes(at, HEADER_BYTES, limit)?;
        Ok(Header::read(bytes).filter(|header| {
            salt.is_none_or(|salt| salt == header.salt) && at.saturating_add(header.total_bytes()) <= limit
        }))
    }

    /// The batch at a position, all checksums verified. Bytes at `limit` and beyond are not looked at.
    pub(super) fn batch(&mut self, at: u64, limit: u64) -> io::Result<Found> {
        if at >= limit {
            return Ok(Found::End);
        }
        let Some(header) = self.header(at, limit)? else { return Ok(Found::Bad("damaged or unfinished batch header")) };
        let bytes = header.payload_bytes as usize;
        let payload = if bytes <= WINDOW_BYTES / 2 {
            self.bytes(at + HEADER_BYTES as u64, bytes, limit)?.to_vec()
        } else {
            read_exact_at(self.file.as_ref(), bytes, at + HEADER_BYTES as u64)?
        };
        if payload.len() < bytes || crc32c::crc32c(&payload) != header.payload_crc {
            return Ok(Found::Bad("damaged or unfinished batch payload"));
        }
        self.salt = Some(header.salt);
        Ok(Found::Batch(header, payload))
    }

    /// Looks for the next sound batch at `from` or behind it whose base offset is at least `base_min`.
    pub(super) fn resync(&mut self, mut from: u64, limit: u64, base_min: u64) -> io::Result<Option<(u64, Header)>> {
        while from < limit {
            let bytes = self.ahead(from, limit)?;
            let Some(skip) = memchr::memmem::find(bytes, BATCH_MAGIC) else {
                // A magic may straddle two windows.
                from += (bytes.len() as u64).saturating_sub(3).max(1);
                continue;
            };
            from += skip as u64;
            if let Some(header) = self.header(from, limit)?
                && header.base >= base_min
                && let Found::Batch(header, _) = self.batch(from, limit)?
            {
                return Ok(Some((from, header)));
            }
            from += 1;
        }
        Ok(None)
    }

    /// All bytes that are held from a position on; at least a header's, fewer at the limit or the end of the file.
    fn ahead(&mut self, at: u64, limit: u64) -> io::Result<&[u8]> {
        self.bytes(at, HEADER_BYTES, limit)?;
        let start = usize::try_from(at - self.window_at).unwrap_or(usize::MAX).min(self.window.len());
        Ok(&self.window[start..])
    }

    /// Up to `count` bytes at a position, fewer at the limit or the end of the file.
    fn bytes(&mut self, at: u64, count: usize, limit: u64) -> io::Result<&[u8]> {
        let count = count.min(usize::try_from(limit.saturating_sub(at)).unwrap_or(usize::MAX));
        let held = self.window_at..self.window_at + self.window.len() as u64;
        if at < held.start || at + count as u64 > held.end {
            let wanted = WINDOW_BYTES.max(count).min(usize::try_from(limit.saturating_sub(at)).unwrap_or(usize::MAX));
            self.window.resize(wanted, 0);
            let filled = fill_at(self.file.as_ref(), &mut self.window, at)?;
            self.window.truncate(filled);
            self.window_at = at;
        }
        let start = ((at - self.window_at) as usize).min(self.window.len());
        Ok(&self.window[start..(start + count).min(self.window.len())])
    }
}
