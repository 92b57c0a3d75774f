//! Objects and their names.
//!
//! ```text
//! raw/<partition>/<first offset>-<offset after the last>_<from>-<to>_<BLAKE3 of the content>.seg
//! raw/0/00000000000000000000-00000000000000041210_20261120T000000Z-20261120T010000Z_6f0c...e1.seg
//! ```
//! Offsets have 20 digits, so names sort by them; `from` and `to` (excluded) bound the receipt times, in whole seconds of UTC.
//! Everything that a list tells, the seal included, is in the name: one request puts an object and its seal, there is no moment
//! at which one is there without the other, and 26,000 objects are listed with 26 requests.
//!
//! The stream's partition and not a body leads, because order, exactness and the chain are the partition's.

use std::fmt::Write;

use stream::log::Piece;
use stream::{NANOS_PER_SECOND, Timestamp};

/// What every name of an object begins with, below the prefix.
pub(super) const RAW: &str = "raw";
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// One object, as its name tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The raw partition.
    pub partition: u32,
    /// First offset.
    pub first: u64,
    /// Offset after the last one.
    pub next: u64,
    /// No record was received before.
    pub from: Timestamp,
    /// Every record was received before.
    pub to: Timestamp,
    /// BLAKE3 of the content.
    pub hash: [u8; 32],
    /// Size.
    pub bytes: u64,
}

impl Entry {
    pub(super) fn of(partition: u32, piece: &Piece) -> Entry {
        Entry {
            partition,
            first: piece.first,
            next: piece.next,
            from: Timestamp::from_seconds(piece.received.0.seconds()),
            to: Timestamp::from_seconds(piece.received.1.seconds().saturating_add(1)),
            hash: piece.hash,
            bytes: piece.bytes.len() as u64,
        }
    }

    /// The path of the object below the prefix.
    pub fn path(&self) -> String {
        let (first, next, hash) = (self.first, self.next, hex(&self.hash));
        format!("{RAW}/{}/{first:020}-{next:020}_{}-{}_{hash}.seg", self.partition, told(self.from), told(self.to))
    }

    /// What a name in the folder of a partition tells; nothing when it is not the name of an object.
    pub(super) fn read(partition: u32, name: &str, bytes: u64) -> Option<Entry> {
        let mut parts = name.strip_suffix(".seg")?.split('_');
        let (first, next) = parts.next()?.split_once('-')?;
        let (from, to) = parts.next()?.split_once('-')?;
        let hash = unhex(parts.next()?)?;
        let entry = Entry {
            partition,
            first: offset(first)?,
            next: offset(next)?,
            from: instant(from)?,
            to: instant(to)?,
            hash,
            bytes,
        };
        (parts.next().is_none() && entry.first < entry.next).then_some(entry)
    }

    /// Whether a record that was received from `from` on and before `to` may be in it.
    pub fn overlaps(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from < to && from < self.to
    }
}

fn offset(digits: &str) -> Option<u64> {
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

fn told(instant: Timestamp) -> String {
    jiff::Timestamp::from(instant).strftime(TIME).to_string()
}

fn instant(text: &str) -> Option<Timestamp> {
    let civil = jiff::civil::DateTime::strptime(TIME, text).ok()?;
    let seconds = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    // What lies at the ends of the range of nanoseconds.
    Some(Timestamp(seconds.saturating_mul(NANOS_PER_SECOND)))
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_tell_everything(
            partition: u32, first in 0..u64::MAX, more in 1u64..1 << 40,
            received in (0i64..9_000_000_000, 0i64..100_000), hash: [u8; 32], bytes: u64,
        ) {
            let entry = Entry {
                partition, first, next: first.saturating_add(more),
                from: Timestamp::from_seconds(received.0), to: Timestamp::from_seconds(received.0 + received.1),
                hash, bytes,
            };
            let path = entry.path();
            let name = path.strip_prefix(&format!("raw/{partition}/")).unwrap();
            prop_assert_eq!(Entry::read(partition, name, bytes), Some(entry));
        }

        #[test]
        fn other_names_are_none(name in "\\PC{0,160}") {
            prop_assert_eq!(Entry::read(0, &name, 0), None);
        }
    }
}
