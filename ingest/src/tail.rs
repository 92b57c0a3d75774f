//! Files that grow: every line that a program writes to its log becomes a record.
//!
//! A file is known by its device, its inode and its first bytes, not by its name:
//!
//! - Renamed (rotation by rename), it is read to its end under whatever name it has, and what then has the old name is
//!   another file, read from its start.
//! - Shorter than what was read of it, or with another beginning (rotation by truncate), it is read from its start.
//! - A last line without its end waits for it; once the file has lost its name or its place in the patterns, and was
//!   quiet for `QUIET_MAX`, the line is taken as it is.
//!
//! How far each file was read is kept in one file beside the data, together with where the log stood then, and written
//! once a second. After a crash the log is ahead of it: the records of the source that follow that position are compared
//! with the files' next lines, so that none is appended twice and none is left out. For this a source is either followed
//! here or received by a listener, not both.
//!
//! Bounds: `FILES_MAX` files are followed at one time, `TURN_BYTES` of a file are read before the next one's turn, a
//! line over 1 MiB becomes several records. One thread, which waits for the stream when that is slow: a file is patient.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Deserialize;
use stream::log::Log;
use stream::{Record, RecordKind, Topic};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::follow::Followed;
use self::state::State;
use crate::sink::Sink;
use crate::sources::Sources;
use crate::{Error, Result};

mod follow;
mod glob;
mod state;

/// Files followed at one time.
const FILES_MAX: usize = 1_024;
/// Bytes of one file read in a row.
const TURN_BYTES: usize = 1 << 20;
/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often names are looked up in folders.
const FIND_EVERY: Duration = Duration::from_secs(2);
/// How often the state is written while lines come.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// A file that nobody names any more is let go when it was quiet for so long.
const QUIET_MAX: Duration = Duration::from_secs(10);

/// `[[listen.file]]`: files whose lines are one source's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// Paths; `*` and `?` stand for any characters within one name. Packed files are passed over: import them.
    pub paths: Vec<PathBuf>,
    /// The tenant.
    pub tenant: String,
    /// The source, declared in sources.toml.
    pub source: String,
}

impl FileConfig {
    pub(crate) fn resolve(&mut self, base: &Path) {
        for path in &mut self.paths {
            *path = base.join(&*path);
        }
    }

    /// What is wrong, and what to write instead.
    pub(crate) fn validate(&self, sources: &Sources) -> std::result::Result<(), String> {
        if self.paths.is_empty() {
            return Err("`paths` is empty; write at least one path".into());
        }
        if sources.get(&self.tenant, &self.source).is_none() {
            return Err(format!("sources.toml declares no source {}/{}; declare it there", self.tenant, self.source));
        }
        Ok(())
    }
}

/// Follows files on a thread of its own until `cancel`. `state` is the file that says how far they were read.
///
/// # Errors
/// The state cannot be read or written, or the log cannot be read.
pub fn follow(
    files: &[FileConfig],
    state: &Path,
    log: &Log,
    sink: Arc<dyn Sink>,
    cancel: CancellationToken,
    tasks: &TaskTracker,
) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let mut tailer = Tailer::open(files, state, log, sink)?;
    let (runtime, running) = (tokio::runtime::Handle::current(), tasks.token());
    let work = move || {
        while !cancel.is_cancelled() {
            let busy = runtime.block_on(tailer.turn());
            if !busy {
                std::thread::park_timeout(LOOK_EVERY);
            }
        }
        tailer.keep();
        drop(running);
    };
    let started = std::thread::Builder::new().name("tail".into()).spawn(work);
    started.map(drop).map_err(|source| Error::Io { action: "start a thread for", path: state.to_path_buf(), source })
}

/// All files of all sources.
struct Tailer {
    groups: Vec<Group>,
    state: State,
    log: Log,
    sink: Arc<dyn Sink>,
    found_at: Option<Instant>,
    kept_at: Instant,
    changed: bool,
    /// Files over [`FILES_MAX`] were told of.
    told: bool,
}

/// The files of one source.
struct Group {
    patterns: Vec<PathBuf>,
    tenant: Arc<str>,
    source: Arc<str>,
    files: Vec<Followed>,
}

impl Tailer {
    fn open(configs: &[FileConfig], state: &Path, log: &Log, sink: Arc<dyn Sink>) -> Result<Tailer> {
        let mut groups: Vec<Group> = Vec::new();
        for config in configs {
            let same = groups.iter_mut().find(|group| *group.tenant == config.tenant && *group.source == config.source);
            match same {
                Some(group) => group.patterns.extend(config.paths.clone()),
                None => groups.push(Group {
                    patterns: config.paths.clone(),
                    tenant: config.tenant.as_str().into(),
                    source: config.source.as_str().into(),
                    files: Vec::new(),
                }),
            }
        }
        let mut tailer = Tailer {
            groups,
            state: State::load(state)?,
            log: log.clone(),
            sink,
            found_at: None,
            kept_at: Instant::now(),
            changed: false,
            told: false,
        };
        tailer.resume()?;
        // Before the first line: a crash after it must find where the log stood.
        tailer.state.write(&tailer.groups, &tailer.log)?;
        Ok(tailer)
    }

    /// Opens every file where the state says, and passes over the lines that the log has beyond it.
    fn resume(&mut self) -> Result<()> {
        for group in &mut self.groups {
            let Some((position, known)) = self.state.of(&group.tenant, &group.source) else { continue };
            for entry in known {
                match Followed::reopen(entry) {
                    Some(file) => group.files.push(file),
                    None => tracing::error!(
                        path = %entry.path.display(), read_bytes = entry.offset,
                        "a followed file is gone or another one; what was not read of it is lost to sekisho"
                    ),
                }
            }
            group.find(&mut FILES_MAX.saturating_sub(group.files.len()));
            let partition = self.log.partition_for(Topic::Raw, &group.tenant, &group.source);
            let from = position.max(self.log.start_offset(Topic::Raw, partition));
            let end = self.log.end_offset(Topic::Raw, partition);
            let mut reader = self.log.reader(Topic::Raw, partition, from).map_err(stream_error)?;
            while let Some(batch) = reader.next_below(end).map_err(stream_error)? {
                let own = batch.iter().filter(|record| record.offset >= from && record.kind == RecordKind::Data);
                for record in own.filter(|record| *record.tenant == *group.tenant && *record.source == *group.source) {
                    // A line of two files that are both at it is passed over in one of them: the other one's comes too.
                    let _ = group.files.iter_mut().any(|file| file.pass(record.raw));
                }
            }
        }
        Ok(())
    }

    /// Reads what has come; whether there was anything.
    async fn turn(&mut self) -> bool {
        if self.found_at.is_none_or(|at| at.elapsed() >= FIND_EVERY) {
            self.find();
        }
        let mut busy = false;
        for index in 0..self.groups.len() {
            for file in 0..self.groups[index].files.len() {
                busy |= self.read(index, file).await;
            }
        }
        if self.changed && self.kept_at.elapsed() >= KEEP_EVERY {
            self.keep();
        }
        busy
    }

    fn find(&mut self) {
        let mut room = FILES_MAX.saturating_sub(self.groups.iter().map(|group| group.files.len()).sum());
        for group in &mut self.groups {
            self.changed |= group.find(&mut room);
        }
        if room == 0 && !self.told {
            tracing::error!(files_max = FILES_MAX, "too many files match; those beyond are not followed");
            self.told = true;
        }
        self.found_at = Some(Instant::now());
    }

    async fn read(&mut self, group: usize, file: usize) -> bool {
        let Group { tenant, source, files, .. } = &mut self.groups[group];
        let file = &mut files[file];
        let (lines, end) = match file.lines(TURN_BYTES) {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(path = %file.path().display(), %error, "read a followed file");
                return false;
            }
        };
        if end == file.offset() {
            return false;
        }
        let record = |raw: Bytes| Record {
            kind: RecordKind::Data,
            tenant: Arc::clone(tenant),
            source: Arc::clone(source),
            peer: None,
            received: jiff::Timestamp::now().into(),
            raw,
        };
        let records: Vec<Record> = lines.into_iter().map(record).collect();
        if !records.is_empty()
            && let Err(error) = self.sink.append(records).await
        {
            tracing::error!(path = %file.path().display(), %error, "lines not durable; they are read again");
            return false;
        }
        file.advance(end);
        self.changed = true;
        true
    }

    /// Writes how far the files were read. Nothing is on its way to the log now, so its end belongs to it.
    fn keep(&mut self) {
        match self.state.write(&self.groups, &self.log) {
            Ok(()) => self.changed = false,
            Err(error) => tracing::error!(%error, "how far files were read is not written down"),
        }
        self.kept_at = Instant::now();
    }
}

impl Group {
    /// Lets go of what is done and opens what is new; whether anything changed.
    fn find(&mut self, room: &mut usize) -> bool {
        let mut named = HashSet::new();
        let mut opened = Vec::new();
        for path in self.patterns.iter().flat_map(|pattern| glob::matches(pattern)) {
            let Some(id) = follow::id_of(&path) else { continue };
            if !named.insert(id) {
                continue;
            }
            match self.files.iter_mut().find(|file| file.id() == id) {
                Some(file) => file.named(path),
                None if *room > 0 => {
                    opened.extend(Followed::open(path));
                    *room -= 1;
                }
                None => {}
            }
        }
        let before = self.files.len();
        for file in self.files.iter_mut().filter(|file| !named.contains(&file.id())) {
            file.unnamed();
        }
        self.files.retain(|file| !file.done(QUIET_MAX));
        let changed = before != self.files.len() || !opened.is_empty();
        self.files.append(&mut opened);
        changed
    }
}

fn stream_error(error: stream::Error) -> Error {
    Error::Append(error.to_string())
}

#[cfg(test)]
mod tests;
