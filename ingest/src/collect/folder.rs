//! `[[listen.folder]]`: what a one-way link delivered is taken in, in the order of its numbers.
//!
//! A file is removed once its records are durable; one that is not signed by a declared collector goes to `refused/`
//! beside it and is told. When a number is missing, what follows it waits for `gap_after`; then the gap is told, and what
//! follows is taken. A file that comes after that fills the gap, and the end of the gap is told. So the numbers prove
//! that everything has come, without a way back.
//!
//! Bounds: `FILES_MAX` files are looked at in one go, one is in memory at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde::Deserialize;
use stream::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Collectors;
use super::file::{BYTES_MAX, ENDING, claimed_id, open};
use super::session::Session;
use super::wire::Frame;
use crate::sink::Sink;
use crate::sources::Sources;
use crate::{Error, Result};

/// Files that are looked at in one go.
const FILES_MAX: usize = 10_000;
/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A folder that a one-way link fills.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderConfig {
    /// The folder; what is taken in is removed from it.
    pub path: PathBuf,
    /// How long a missing file is waited for before it is told and passed over. Default `60s`.
    #[serde(default = "gap_after")]
    pub gap_after: String,
}

fn gap_after() -> String {
    "60s".to_owned()
}

impl FolderConfig {
    pub(crate) fn resolve(&mut self, base: &Path) {
        self.path = base.join(&self.path);
    }

    /// What is wrong, and what to write instead.
    pub(crate) fn validate(&self) -> std::result::Result<(), String> {
        self.gap_after().map(drop)
    }

    fn gap_after(&self) -> std::result::Result<Duration, String> {
        crate::sources::duration("gap_after", &self.gap_after)
    }
}

/// Takes in what comes, until `cancel`.
pub(crate) async fn follow(
    config: FolderConfig,
    sources: Arc<ArcSwap<Sources>>,
    collectors: Arc<Collectors>,
    sink: Arc<dyn Sink>,
    cancel: CancellationToken,
) {
    let gap_after = config.gap_after().unwrap_or(Duration::from_secs(60));
    let mut folder = Folder { path: config.path, gap_after, sources, collectors, sink, waiting: BTreeMap::new() };
    while !cancel.is_cancelled() {
        match folder.look(&cancel).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(path = %folder.path.display(), %error, "a folder of collectors cannot be read")
            }
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

struct Folder {
    path: PathBuf,
    gap_after: Duration,
    sources: Arc<ArcSwap<Sources>>,
    collectors: Arc<Collectors>,
    sink: Arc<dyn Sink>,
    /// Files that wait for those before them, since when.
    waiting: BTreeMap<PathBuf, Instant>,
}

/// What became of a file.
enum Taken {
    Done,
    Waits,
    Refused(String),
}

impl Folder {
    /// Takes in what is there; whether anything was.
    async fn look(&mut self, cancel: &CancellationToken) -> Result<bool> {
        let names = list(&self.path)?;
        self.waiting.retain(|path, _| names.contains(path));
        let mut any = false;
        for path in names {
            if cancel.is_cancelled() {
                break;
            }
            match self.take(&path).await? {
                Taken::Done => {
                    std::fs::remove_file(&path).map_err(Error::io("remove", &path))?;
                    any = true;
                }
                Taken::Waits => drop(self.waiting.entry(path).or_insert_with(Instant::now)),
                Taken::Refused(reason) => {
                    tracing::error!(path = %path.display(), reason, "a file is refused");
                    self.put_aside(&path)?;
                }
            }
        }
        Ok(any)
    }

    async fn take(&mut self, path: &Path) -> Result<Taken> {
        let length = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
        if length > BYTES_MAX as u64 {
            return Ok(Taken::Refused("the file is too long".to_owned()));
        }
        let bytes = tokio::fs::read(path).await.map_err(Error::io("read", path))?;
        let sources = self.sources.load_full();
        let id = claimed_id(&bytes).ok();
        let declared = id.and_then(|id| sources.collectors().iter().find(|collector| collector.id == id));
        let Some(declared) = declared else {
            return Ok(Taken::Refused("sources.toml declares no such collector".to_owned()));
        };
        let Some(key) = &declared.public_key else {
            return Ok(Taken::Refused(format!("collector {} declares no public_key", declared.id)));
        };
        let (hello, frames) = match open(&bytes, key) {
            Ok(opened) => opened,
            // Nobody knows who made it, so it is no word of the collector's own.
            Err(wrong) => return Ok(Taken::Refused(wrong.0.to_owned())),
        };
        drop(bytes);
        let session = Session::begin(&self.collectors, declared, hello, &*self.sink, now()).await?;
        let mut next = session.next().await;
        let from = frames.iter().find_map(|frame| match frame {
            Frame::Batch(packed) => Some(packed.from),
            Frame::Lost { from, .. } => Some(*from),
            // What was said before this file is in, or missing.
            Frame::Status { end, .. } => Some(*end),
            _ => None,
        });
        if from.is_some_and(|from| from > next) {
            let since = self.waiting.get(path).map(Instant::elapsed);
            if since.is_none_or(|since| since < self.gap_after) {
                return Ok(Taken::Waits);
            }
            next = session.lost(next, from.unwrap_or(next), "no file with these numbers has come", now()).await?;
        }
        for frame in frames {
            match frame {
                Frame::Batch(packed) => match packed.records() {
                    Ok(records) => next = session.records(packed.from, records, now()).await?,
                    Err(wrong) => {
                        session.refuse(wrong.0, now()).await?;
                        return Ok(Taken::Refused(wrong.0.to_owned()));
                    }
                },
                Frame::Lost { from, to, reason } => next = session.lost(from, to, &reason, now()).await?,
                Frame::Status { end, held_bytes } => next = session.alive(end, held_bytes, now()).await?,
                _ => {}
            }
        }
        tracing::debug!(collector = declared.id, path = %path.display(), next, "a file is in");
        Ok(Taken::Done)
    }

    fn put_aside(&self, path: &Path) -> Result<()> {
        let aside = self.path.join("refused");
        std::fs::create_dir_all(&aside).map_err(Error::io("create", &aside))?;
        let to = aside.join(path.file_name().unwrap_or_default());
        std::fs::rename(path, &to).map_err(Error::io("move", path))
    }
}

/// Whole files, in the order of their names.
fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        if path.to_str().is_some_and(|name| name.ends_with(ENDING)) {
            paths.push(path);
        }
    }
    paths.sort();
    paths.truncate(FILES_MAX);
    Ok(paths)
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

#[cfg(test)]
mod tests;
