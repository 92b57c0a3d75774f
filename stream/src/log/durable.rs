//! Small files that change as a whole: written beside, synced, renamed over, and the folder synced.

use std::path::Path;

use super::disk::{Disk, io_error, read_small};
use crate::Result;

/// Replaces `dir/name` so that after a crash it holds either the old or the new bytes, and after success the new.
pub(super) fn write_atomic(disk: &dyn Disk, dir: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = dir.join(name);
    let beside = dir.join(format!("{name}.new"));
    if let Err(error) = disk.remove(&beside)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(io_error("remove", &beside)(error));
    }
    let file = disk.create(&beside).map_err(io_error("create", &beside))?;
    file.write_at(bytes, 0).map_err(io_error("write", &beside))?;
    file.sync_all().map_err(io_error("sync", &beside))?;
    disk.rename(&beside, &path).map_err(io_error("rename over", &path))?;
    disk.sync_dir(dir).map_err(io_error("sync", dir))
}

/// Writes numbers with their CRC32C as one line of text.
pub(super) fn write_numbers(disk: &dyn Disk, dir: &Path, name: &str, numbers: &[u64]) -> Result<()> {
    let text: String = numbers.iter().map(|number| format!("{number} ")).collect();
    let line = format!("{text}{:08x}\n", crc32c::crc32c(text.as_bytes()));
    write_atomic(disk, dir, name, line.as_bytes())
}

/// Reads what [`write_numbers`] wrote; nothing when the file is missing or, which is traced, damaged.
pub(super) fn read_numbers<const N: usize>(disk: &dyn Disk, path: &Path) -> Result<Option<[u64; N]>> {
    let Some(bytes) = read_small(disk, path)? else { return Ok(None) };
    let numbers = parse(&bytes);
    if numbers.is_none() {
        tracing::error!(path = %path.display(), "the file is damaged and is ignored");
    }
    Ok(numbers)
}

fn parse<const N: usize>(bytes: &[u8]) -> Option<[u64; N]> {
    let text = std::str::from_utf8(bytes).ok()?;
    let at = text.trim_end().rfind(' ')? + 1;
    let crc = u32::from_str_radix(text[at..].trim_end(), 16).ok()?;
    if crc32c::crc32c(&text.as_bytes()[..at]) != crc {
        return None;
    }
    let numbers: Vec<u64> = text[..at].split_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::disk::SystemDisk;
    use super::*;

    #[test]
    fn numbers_round_trip_and_damage_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n");
        assert_eq!(read_numbers::<2>(&SystemDisk, &path).unwrap(), None);
        write_numbers(&SystemDisk, dir.path(), "n", &[7, u64::MAX]).unwrap();
        assert_eq!(read_numbers(&SystemDisk, &path).unwrap(), Some([7, u64::MAX]));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read_numbers::<2>(&SystemDisk, &path).unwrap(), None);
    }
}
