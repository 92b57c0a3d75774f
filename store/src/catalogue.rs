//! The catalogue: one JSON file that names the splits and, per partition, the next raw offset they cover.
//!
//! Replaced as a whole (temporary file, fsync, rename, fsync of the folder), so splits and offsets change together or not
//! at all. A folder of splits that it does not name is a leftover of a crash: its events are still in the raw log above
//! the catalogue's offsets, or in the splits that a merge did not replace yet.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::index::split::{SplitMeta, sync_folder};
use crate::{Error, Result};

/// 2: events stored by shape, terms given by the writer itself, receipt times.
const FORMAT: u32 = 2;
const FILE: &str = "catalogue.json";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Catalogue {
    format: u32,
    /// Next raw offset by partition.
    pub(crate) positions: BTreeMap<u32, u64>,
    pub(crate) splits: Vec<SplitMeta>,
    /// Number for the next split's id; never used twice.
    pub(crate) next_split: u64,
    /// Events that retention removed since the beginning, by tenant and source.
    #[serde(default)]
    pub(crate) retired: Retired,
}

/// What stands between the catalogue and its CRC-32C in hexadecimal digits.
const SEAL: &[u8] = b"\ncrc32c ";

fn seal(bytes: &mut Vec<u8>) {
    let sum = crc32c::crc32c(bytes);
    bytes.extend_from_slice(SEAL);
    bytes.extend_from_slice(format!("{sum:08x}\n").as_bytes());
}

/// The catalogue without its checksum; none when that is wrong. One without any was written before there was one.
fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Some(bytes) };
    let (body, mark) = bytes.split_at(end);
    let digits = mark.strip_prefix(SEAL)?.strip_suffix(b"\n")?;
    let sum = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (crc32c::crc32c(body) == sum).then_some(body)
}

/// Events that retention removed, by tenant and source.
pub type Retired = BTreeMap<String, BTreeMap<String, u64>>;

impl Catalogue {
    /// What an engine's cluster knows in place of a catalogue on disk.
    pub(crate) fn of(positions: BTreeMap<u32, u64>, retired: Retired) -> Catalogue {
        Catalogue { format: FORMAT, positions, splits: Vec::new(), next_split: 1, retired }
    }

    /// The folder of the splits.
    pub(crate) fn splits_dir(dir: &Path) -> PathBuf {
        dir.join("splits")
    }

    /// Reads the catalogue of a store, or starts one; removes what it does not name.
    pub(crate) fn open(dir: &Path) -> Result<Catalogue> {
        let splits = Self::splits_dir(dir);
        std::fs::create_dir_all(&splits).map_err(Error::io("create", &splits))?;
        let path = dir.join(FILE);
        let catalogue = match std::fs::read(&path) {
            Ok(bytes) => Self::read(&path, &bytes)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Catalogue {
                format: FORMAT,
                positions: BTreeMap::new(),
                splits: Vec::new(),
                next_split: 1,
                retired: Retired::new(),
            },
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        catalogue.sweep(&splits)?;
        Ok(catalogue)
    }

    /// Reads the catalogue of a store that another process may be using, and changes nothing.
    pub(crate) fn open_read_only(dir: &Path) -> Result<Catalogue> {
        let path = dir.join(FILE);
        let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
        Self::read(&path, &bytes)
    }

    fn read(path: &Path, bytes: &[u8]) -> Result<Catalogue> {
        let damaged = |reason| Error::Damaged { what: "catalogue", place: path.display().to_string(), reason };
        let bytes = unsealed(bytes).ok_or_else(|| damaged("its checksum is wrong".into()))?;
        // The format is read by itself first: another format may have other keys.
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        if head.format != FORMAT {
            return Err(Error::Format { place: path.display().to_string(), found: head.format, known: FORMAT });
        }
        let catalogue: Catalogue = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        Ok(catalogue)
    }

    /// Removes folders of a cut or merge that was not committed; reports splits that are gone.
    fn sweep(&self, splits: &Path) -> Result<()> {
        for entry in std::fs::read_dir(splits).map_err(Error::io("read", splits))? {
            let entry = entry.map_err(Error::io("read", splits))?;
            let name = entry.file_name();
            if !self.splits.iter().any(|split| name == *split.id) {
                let path = entry.path();
                tracing::info!(split = %name.display(), "removing a split that was never committed");
                let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
                removed.map_err(Error::io("remove", &path))?;
            }
        }
        for split in &self.splits {
            let path = splits.join(&split.id);
            if !path.is_dir() {
                return Err(Error::Damaged {
                    what: "split",
                    place: path.display().to_string(),
                    reason: format!("{} events of {} are missing", split.events, split.tenant),
                });
            }
        }
        Ok(())
    }

    /// A new split's id.
    pub(crate) fn new_id(&mut self) -> String {
        let id = format!("{:012}", self.next_split);
        self.next_split += 1;
        id
    }

    /// Replaces the stored catalogue by this one.
    pub(crate) fn save(&self, dir: &Path) -> Result<()> {
        let (path, temporary) = (dir.join(FILE), dir.join("catalogue.json.tmp"));
        let mut bytes = serde_json::to_vec(self)
            .map_err(|error| Error::Invalid { what: "catalogue", reason: error.to_string() })?;
        seal(&mut bytes);
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&temporary, &path)
        };
        write().map_err(Error::io("write", &path))?;
        sync_folder(dir)
    }
}
