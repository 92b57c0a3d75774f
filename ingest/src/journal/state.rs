//! How far journals were read, on disk: JSON, replaced whole and synced.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stream::log::Log;
use stream::{RecordKind, Topic};

use super::cursor_of;
use crate::{Error, Result};

/// How often the state is written while entries come.
pub(super) const KEEP_EVERY: Duration = Duration::from_secs(1);

/// The state's file, and what it says.
pub(super) struct State {
    path: PathBuf,
    content: Mutex<Content>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Content {
    journals: Vec<OfJournal>,
}

#[derive(Clone, Serialize, Deserialize)]
struct OfJournal {
    tenant: String,
    source: String,
    /// Of the last entry that is in the log below the offset.
    cursor: Option<String>,
    log_offset: u64,
}

impl State {
    pub(super) fn load(path: &Path) -> Result<State> {
        let content = match std::fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                let path = path.display();
                Error::Config(format!("{path}: {error}; remove it to read followed journals from this boot's start"))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Content::default(),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        Ok(State { path: path.to_path_buf(), content: Mutex::new(content) })
    }

    /// Where to go on: behind the last entry that the log has, which is the one written down or a later one.
    pub(super) fn resume(&self, tenant: &str, source: &str, log: &Log) -> Result<Option<String>> {
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = content.journals.into_iter().find(|known| known.tenant == tenant && known.source == source);
        let Some(OfJournal { mut cursor, log_offset, .. }) = known else { return Ok(None) };
        let partition = log.partition_for(Topic::Raw, tenant, source);
        let from = log_offset.max(log.start_offset(Topic::Raw, partition));
        let end = log.end_offset(Topic::Raw, partition);
        let mut reader = log.reader(Topic::Raw, partition, from).map_err(stream_error)?;
        let mut next = from;
        while next < end {
            let Some(batch) = reader.poll(Duration::ZERO).map_err(stream_error)? else { break };
            let own = batch.iter().filter(|record| record.offset >= from && record.kind == RecordKind::Data);
            for record in own.filter(|record| record.tenant == tenant && record.source == source) {
                cursor = cursor_of(record.raw).or(cursor);
            }
            next = batch.next_offset();
        }
        Ok(cursor)
    }

    pub(super) fn keep(&self, tenant: &str, source: &str, cursor: Option<&str>, log: &Log) -> Result<()> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let log_offset = log.end_offset(Topic::Raw, log.partition_for(Topic::Raw, tenant, source));
        let now = OfJournal {
            tenant: tenant.to_owned(),
            source: source.to_owned(),
            cursor: cursor.map(str::to_owned),
            log_offset,
        };
        match content.journals.iter_mut().find(|known| known.tenant == tenant && known.source == source) {
            Some(known) => *known = now,
            None => content.journals.push(now),
        }
        let text = serde_json::to_vec_pretty(&*content).expect("strings and numbers become JSON");
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

fn stream_error(error: stream::Error) -> Error {
    Error::Append(error.to_string())
}
