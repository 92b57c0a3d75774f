//! How far files were read, on disk: JSON, replaced whole and synced.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stream::Topic;
use stream::log::Log;

use super::Group;
use super::follow::{Entry, Followed};
use crate::{Error, Result};

/// The state's file and what it said when it was read.
pub(super) struct State {
    path: PathBuf,
    read: Content,
}

#[derive(Default, Serialize, Deserialize)]
struct Content {
    sources: Vec<OfSource>,
}

#[derive(Serialize, Deserialize)]
struct OfSource {
    tenant: String,
    source: String,
    /// Every record of the source below this offset of its partition is of lines that the files' offsets cover.
    log_offset: u64,
    files: Vec<Entry>,
}

impl State {
    pub(super) fn load(path: &Path) -> Result<State> {
        let read = match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                Error::Config(format!(
                    "{}: {error}; remove it to read all followed files from their start",
                    path.display()
                ))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Content::default(),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        Ok(State { path: path.to_path_buf(), read })
    }

    /// What was written down of a source: where the log stood, and its files.
    pub(super) fn of(&self, tenant: &str, source: &str) -> Option<(u64, &[Entry])> {
        let known = self.read.sources.iter().find(|known| known.tenant == tenant && known.source == source)?;
        Some((known.log_offset, &known.files))
    }

    pub(super) fn write(&self, groups: &[Group], log: &Log) -> Result<()> {
        let of = |group: &Group| OfSource {
            tenant: group.tenant.to_string(),
            source: group.source.to_string(),
            log_offset: log.end_offset(Topic::Raw, log.partition_for(Topic::Raw, &group.tenant, &group.source)),
            files: group.files.iter().map(Followed::entry).cloned().collect(),
        };
        let content = Content { sources: groups.iter().map(of).collect() };
        let text = serde_json::to_vec_pretty(&content).expect("strings and numbers become JSON");
        let temporary = self.path.with_extension("new");
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&temporary, &self.path)?;
            self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        };
        write().map_err(Error::io("write", &self.path))
    }
}
