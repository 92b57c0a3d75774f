//! Whether a split is as it was written: a CRC-32C over all its files, which the catalogue keeps.
//!
//! The index itself checks nothing when it reads: one flipped bit gives another line, other matches, or a panic. So no
//! search uses a split of up to [`AT_ONCE_BYTES`] before it was read once and found whole; larger ones are read in the
//! background ([`crate::Store::examine_next`]). What is damaged is left out of searches and merges, and told.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::{Error, Result};

/// Up to this size a split is read whole before it is first used: a tenth of a second.
pub(crate) const AT_ONCE_BYTES: u64 = 64 << 20;
const CHUNK_BYTES: usize = 1 << 20;

/// The checksum of a folder's files: names, lengths and contents in the order of the names.
pub(crate) fn sum(folder: &Path) -> Result<u32> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
        names.push(entry.map_err(Error::io("read", folder))?.file_name());
    }
    names.sort_unstable();
    let (mut sum, mut chunk) = (0, vec![0; CHUNK_BYTES]);
    for name in names {
        let path = folder.join(&name);
        let mut file = File::open(&path).map_err(Error::io("open", &path))?;
        let mut length = 0u64;
        sum = crc32c::crc32c_append(sum, name.as_encoded_bytes());
        loop {
            let read = file.read(&mut chunk).map_err(Error::io("read", &path))?;
            if read == 0 {
                break;
            }
            sum = crc32c::crc32c_append(sum, &chunk[..read]);
            length += read as u64;
        }
        sum = crc32c::crc32c_append(sum, &length.to_le_bytes());
    }
    Ok(sum)
}

/// What is known of a split's files.
#[derive(Debug, Default)]
pub(crate) struct Soundness(AtomicU8);

impl Soundness {
    const UNKNOWN: u8 = 0;
    const WHOLE: u8 = 1;
    const DAMAGED: u8 = 2;

    /// Whole or damaged, if it was found out.
    pub(crate) fn known(&self) -> Option<bool> {
        match self.0.load(Ordering::Acquire) {
            Self::WHOLE => Some(true),
            Self::DAMAGED => Some(false),
            _ => None,
        }
    }

    /// Notes what was found; gives whether it is the first that finds a damage.
    pub(crate) fn found(&self, whole: bool) -> bool {
        let state = if whole { Self::WHOLE } else { Self::DAMAGED };
        self.0.swap(state, Ordering::AcqRel) != Self::DAMAGED && !whole
    }

    /// What was whole is to be found out anew.
    pub(crate) fn forget(&self) {
        // Damaged stays damaged.
        self.0.compare_exchange(Self::WHOLE, Self::UNKNOWN, Ordering::AcqRel, Ordering::Acquire).ok();
    }
}
