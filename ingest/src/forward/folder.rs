//! The one-way mode: files for a link that nothing comes back over.
//!
//! Each file is written whole beside its place, synced, then renamed; then the spool notes how far it was written. After a
//! crash between the two the same records are written again, from the same number, so under the same name. While the
//! folder holds `bytes_max` nothing is written, and the spool fills.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use stream::Topic;
use stream::log::Log;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_util::sync::CancellationToken;

use super::config::ForwardConfig;
use super::filter::Filters;
use super::link::Figures;
use super::packing::Packing;
use super::spool::{Identity, Safe};
use crate::collect::file;
use crate::collect::wire::{Frame, Hello};
use crate::sources::Sources;
use crate::{Error, Result};

/// Bytes of a file, unless one record is larger.
const FILE_BYTES: usize = 4 << 20;
/// Records wait for company for so long.
const FILE_EVERY: Duration = Duration::from_secs(1);
/// How often a sign of life is written while nothing else is.
const ALIVE_EVERY: Duration = Duration::from_secs(30);
/// The group that holds how far the files have come.
const GROUP: &str = "forward";
const POLL: Duration = Duration::from_millis(200);

/// Writes files; on a thread of its own.
pub(super) struct Writer {
    folder: PathBuf,
    id: String,
    key: Ed25519KeyPair,
    identity: Identity,
    bytes_max: u64,
    log: Log,
    packing: Packing,
    safe: Safe,
    figures: Arc<Mutex<Figures>>,
    room: Arc<tokio::sync::Notify>,
}

/// Reads the key with which files are signed.
///
/// # Errors
/// It is no Ed25519 key.
pub fn signing_key(path: &Path) -> Result<Ed25519KeyPair> {
    let wrong = |what: String| Error::Config(format!("[forward] key {}: {what}", path.display()));
    let der = PrivatePkcs8KeyDer::from_pem_file(path).map_err(|error| wrong(error.to_string()))?;
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der())
        .map_err(|_| wrong("it is no Ed25519 key; `sekisho collector add` makes one".to_owned()))
}

/// The public half of a key.
pub fn public_key(key: &Ed25519KeyPair) -> &[u8] {
    key.public_key().as_ref()
}

impl Writer {
    pub(super) fn open(
        config: &ForwardConfig,
        sources: &Arc<Sources>,
        log: &Log,
        identity: Identity,
        figures: Arc<Mutex<Figures>>,
        room: Arc<tokio::sync::Notify>,
    ) -> Result<Writer> {
        let (Some(folder), Some(id), Some(key)) = (&config.to_folder, &config.id, &config.key) else {
            return Err(Error::Config("[forward] to_folder needs id and key".to_owned()));
        };
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let next = log.committed(GROUP, Topic::Raw, 0).unwrap_or(0).max(identity.base);
        let packing = Packing::open(log, next, Filters::load(&config.filter, sources)?)?;
        let (folder, id, key) = (folder.clone(), id.clone(), signing_key(key)?);
        let (log, bytes_max) = (log.clone(), config.bytes_max);
        Ok(Writer { folder, id, key, identity, bytes_max, log, packing, safe: Safe::default(), figures, room })
    }

    pub(super) fn run(mut self, cancel: &CancellationToken) {
        let mut alive = Instant::now().checked_sub(ALIVE_EVERY);
        while !cancel.is_cancelled() {
            let due = alive.is_none_or(|at| at.elapsed() >= ALIVE_EVERY);
            match self.turn(due) {
                Ok(true) => alive = Some(Instant::now()),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "no file for the one-way link; what comes waits in the spool");
                    self.tell(|figures| (figures.connected, figures.last_error) = (false, Some(error.to_string())));
                    // Where it goes on is what was noted last.
                    let next = self.log.committed(GROUP, Topic::Raw, 0).unwrap_or(0).max(self.identity.base);
                    self.packing.restart(next);
                    std::thread::park_timeout(Duration::from_secs(5));
                }
            }
        }
    }

    /// Writes a file if there is something to say; whether it did.
    fn turn(&mut self, alive: bool) -> Result<bool> {
        if held(&self.folder)? >= self.bytes_max {
            std::thread::park_timeout(Duration::from_secs(1));
            return Err(Error::Append("the folder is full; does the link take its files?".to_owned()));
        }
        let from = self.packing.next();
        let (mut frames, mut bytes, begun) = (Vec::new(), 0, Instant::now());
        while bytes < FILE_BYTES && (frames.is_empty() || begun.elapsed() < FILE_EVERY) {
            match self.packing.frame(POLL)? {
                Some(frame) => {
                    bytes += if let Frame::Batch(packed) = &frame { packed.zstd.len() } else { 0 };
                    frames.push(frame);
                }
                None if frames.is_empty() => break,
                None => {}
            }
        }
        let (start, end) = (self.log.start_offset(Topic::Raw, 0), self.log.end_offset(Topic::Raw, 0));
        let empty = frames.is_empty();
        if empty && !alive {
            return Ok(false);
        }
        let next = self.packing.next();
        if empty {
            frames.push(Frame::Status { end: next, held_bytes: self.log.held_bytes(Topic::Raw, 0) });
        }
        let hello = Hello { spool: self.identity.spool, base: self.identity.base, start, end };
        let sealed = file::seal(&self.id, hello, &frames, &self.key);
        let name = file::name(&self.id, self.identity.spool, from, empty);
        write(&self.folder, &name, &sealed)?;
        let failed = |error: stream::Error| Error::Append(error.to_string());
        self.log.commit(GROUP, Topic::Raw, 0, next).map_err(failed)?;
        if let Some(below) = self.safe.below(next) {
            self.log.trim(Topic::Raw, 0, below).map_err(failed)?;
            self.room.notify_waiters();
        }
        self.tell(|figures| {
            (figures.connected, figures.last_error, figures.acknowledged) = (true, None, next);
            figures.last_acknowledged = Some(stream::Timestamp::from(jiff::Timestamp::now()).to_string());
        });
        Ok(true)
    }

    fn tell(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.figures.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

/// Bytes in a folder.
fn held(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let entry = entry.map_err(Error::io("read", folder))?;
        bytes += entry.metadata().map_or(0, |meta| meta.len());
    }
    Ok(bytes)
}

/// Writes a file so that its name stands for the whole of it.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let (path, beside) = (folder.join(name), folder.join(format!(".{name}.new")));
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, &path)?;
        std::fs::File::open(folder)?.sync_all()
    });
    written.map_err(Error::io("write", &path))
}
