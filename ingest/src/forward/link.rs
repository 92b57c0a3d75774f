//! The connection to the centre: outward only, to one address, mutual TLS; made again after every end, with growing
//! pauses.
//!
//! At most `WINDOW` batches are on their way without an answer. The centre's answer to a batch means that it is durable
//! there; only then is it removed here. A sign of life goes out every `STATUS_EVERY`, and one that is not answered within
//! `ANSWER_MAX` ends the connection. Memory: the window's batches, one batch of the log, 1 MiB each or one record.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use stream::log::Log;
use stream::{Timestamp, Topic};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::ForwardConfig;
use super::filter::Filters;
use super::folder::Writer;
use super::packing::Packing;
use super::spool::{Identity, Safe};
use crate::collect::wire::{Frame, Hello, Wrong};
use crate::sources::Sources;
use crate::{Error, Result, listen};

/// Batches that may be on their way.
const WINDOW: usize = 8;
/// How often a sign of life is sent.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// How long the centre may take to answer anything.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// How long connecting and greeting may take.
const GREETING_MAX: Duration = Duration::from_secs(15);
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// The centre was there a moment ago.
const PAUSE_AFTER_WELCOME: Duration = Duration::from_secs(2);
/// How long the spool is waited at in one go.
const POLL: Duration = Duration::from_millis(100);
/// What a collector tells of itself, for `sekisho accounting`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// When, RFC 3339.
    pub as_of: String,
    /// The spool's name.
    pub spool: String,
    /// Where it pushes to.
    pub to: String,
    /// Whether the centre is connected.
    pub connected: bool,
    /// The first number that is kept.
    pub start: u64,
    /// The number after the last.
    pub end: u64,
    /// Everything below is in the centre's log, or told to be missing.
    pub acknowledged: u64,
    /// Bytes of the spool on the disk.
    pub held_bytes: u64,
    /// When the centre last acknowledged something, RFC 3339.
    pub last_acknowledged: Option<String>,
    /// Why the last connection ended.
    pub last_error: Option<String>,
}

/// A collector's end of the connection.
struct Link {
    config: ForwardConfig,
    sources: Arc<Sources>,
    log: Log,
    dir: PathBuf,
    room: Arc<Notify>,
    figures: Arc<Mutex<Figures>>,
    cancel: CancellationToken,
}

/// Pushes what the spool holds and gets, until `cancel`. `dir` keeps the spool's name; `room` is told when something was
/// removed. Gives what it knows of itself.
///
/// # Errors
/// The configuration, a certificate or the spool's name is wrong.
pub fn start(
    config: &ForwardConfig,
    sources: &Arc<Sources>,
    log: &Log,
    dir: &Path,
    room: Arc<Notify>,
    cancel: CancellationToken,
    tasks: &TaskTracker,
) -> Result<Arc<Mutex<Figures>>> {
    config.validate()?;
    let identity = Identity::load(&dir.join("spool.json"), log)?;
    let place = config.to_folder.as_ref().map(|folder| folder.display().to_string());
    let to = place.or_else(|| config.to.map(|to| to.to_string())).unwrap_or_default();
    let figures = Figures { spool: identity.spool.to_string(), to, ..Figures::default() };
    let figures = Arc::new(Mutex::new(figures));
    if config.to_folder.is_some() {
        let writer = Writer::open(config, sources, log, identity, Arc::clone(&figures), room)?;
        tasks.spawn_blocking(move || writer.run(&cancel));
        return Ok(figures);
    }
    // Wrong files are told at the start; later, when they are renewed, with every connection.
    listen::connector(config)?;
    Filters::load(&config.filter, sources)?;
    let link = Link {
        config: config.clone(),
        sources: Arc::clone(sources),
        log: log.clone(),
        dir: dir.to_path_buf(),
        room,
        figures: Arc::clone(&figures),
        cancel,
    };
    tasks.spawn(link.run());
    Ok(figures)
}

impl Link {
    async fn run(self) {
        let mut pause = PAUSE_MIN;
        while !self.cancel.is_cancelled() {
            let ended = tokio::select! {
                ended = self.connect() => ended,
                () = self.cancel.cancelled() => return,
            };
            let error = ended.err().map_or("the centre ended the connection".to_owned(), |error| error.to_string());
            tracing::warn!(
                to = self.config.to.map(tracing::field::display),
                error,
                "not connected to the centre; what comes waits in the spool"
            );
            let mut welcome = false;
            self.figures(|figures| {
                welcome = std::mem::replace(&mut figures.connected, false);
                figures.last_error = Some(error);
            });
            if welcome {
                pause = pause.min(PAUSE_AFTER_WELCOME);
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.cancel.cancelled() => return,
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn figures(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.figures.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// One connection, from its beginning to its end.
    async fn connect(&self) -> std::io::Result<()> {
        let (Some(to), Some(name)) = (self.config.to, &self.config.server_name) else { return Ok(()) };
        let name = ServerName::try_from(name.clone()).map_err(std::io::Error::other)?;
        let connector = listen::connector(&self.config).map_err(std::io::Error::other)?;
        let greeting = async {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
            let mut stream = connector.connect(name, stream).await?;
            let identity = Identity::load(&self.dir.join("spool.json"), &self.log).map_err(std::io::Error::other)?;
            let next = self.greet(&mut stream, identity).await?;
            Ok::<_, std::io::Error>((stream, next))
        };
        let (stream, next) = tokio::time::timeout(GREETING_MAX, greeting).await??;
        self.figures(|figures| (figures.connected, figures.last_error) = (true, None));
        tracing::info!(%to, next, "connected to the centre");
        let (mut from_centre, mut to_centre) = tokio::io::split(stream);
        let (acknowledged, seen) = watch::channel(next);
        let filters = Filters::load(&self.config.filter, &self.sources).map_err(std::io::Error::other)?;
        let packing = Packing::open(&self.log, next, filters).map_err(std::io::Error::other)?;
        tokio::try_join!(self.hear(&mut from_centre, acknowledged), self.push(&mut to_centre, packing, seen))?;
        Ok(())
    }

    /// Says who we are; gives the number that the centre expects.
    async fn greet(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        identity: Identity,
    ) -> std::io::Result<u64> {
        let (start, end) = (self.log.start_offset(Topic::Raw, 0), self.log.end_offset(Topic::Raw, 0));
        let hello = Hello { spool: identity.spool, base: identity.base, start, end };
        say(stream, &Frame::Hello(hello)).await?;
        let mut buffer = BytesMut::new();
        match frame(stream, &mut buffer).await? {
            Frame::Welcome(next) if next <= end => Ok(next.max(identity.base)),
            Frame::Welcome(next) => {
                // Given out a second time, the numbers between would be passed over: they need another name.
                tracing::error!(next, end, "the spool has gone back, as from a backup; it goes on under a new name");
                Identity::renew(&self.dir.join("spool.json"), end).map_err(std::io::Error::other)?;
                Err(std::io::Error::other("the spool has a new name"))
            }
            Frame::Refused(reason) => Err(std::io::Error::other(format!("the centre refused us: {reason}"))),
            _ => Err(Wrong("the centre's first frame is no welcome").into()),
        }
    }

    /// Takes the centre's answers.
    async fn hear(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        acknowledged: watch::Sender<u64>,
    ) -> std::io::Result<()> {
        let mut buffer = BytesMut::new();
        let mut safe = Safe::default();
        loop {
            match tokio::time::timeout(ANSWER_MAX, frame(stream, &mut buffer)).await?? {
                Frame::Ack(next) => {
                    let now: Timestamp = jiff::Timestamp::now().into();
                    self.figures(|figures| {
                        (figures.acknowledged, figures.last_acknowledged) = (next, Some(now.to_string()));
                    });
                    acknowledged.send_replace(next);
                    if let Some(below) = safe.below(next) {
                        self.trim(below).await;
                    }
                }
                Frame::Refused(reason) => return Err(std::io::Error::other(reason)),
                _ => return Err(Wrong("a frame that is not the centre's to send").into()),
            }
        }
    }

    async fn trim(&self, below: u64) {
        let log = self.log.clone();
        let trimmed = tokio::task::spawn_blocking(move || log.trim(Topic::Raw, 0, below)).await;
        if let Ok(Err(error)) = trimmed {
            tracing::error!(%error, "what the centre has cannot be removed from the spool");
        }
        self.room.notify_waiters();
    }

    /// Sends batches and signs of life.
    async fn push(
        &self,
        stream: &mut (impl AsyncWrite + Unpin),
        mut packing: Packing,
        mut seen: watch::Receiver<u64>,
    ) -> std::io::Result<()> {
        let mut on_the_way: VecDeque<u64> = VecDeque::new();
        let mut status_due = Instant::now();
        loop {
            if Instant::now() >= status_due {
                let (end, held_bytes) = (self.log.end_offset(Topic::Raw, 0), self.log.held_bytes(Topic::Raw, 0));
                say(stream, &Frame::Status { end, held_bytes }).await?;
                status_due = Instant::now() + STATUS_EVERY;
            }
            let acknowledged = *seen.borrow_and_update();
            on_the_way.retain(|to| *to > acknowledged);
            if on_the_way.len() >= WINDOW {
                // Answered, or ended, within ANSWER_MAX.
                tokio::time::timeout_at(status_due, seen.changed()).await.ok();
                continue;
            }
            let taken = tokio::task::spawn_blocking(move || {
                let frame = packing.frame(POLL);
                (packing, frame)
            });
            let frame;
            (packing, frame) = taken.await.map_err(std::io::Error::other)?;
            if let Some(frame) = frame.map_err(std::io::Error::other)? {
                say(stream, &frame).await?;
                on_the_way.push_back(packing.next());
            }
        }
    }
}

async fn frame(stream: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> std::io::Result<Frame> {
    loop {
        if let Some(frame) = Frame::take(buffer)? {
            return Ok(frame);
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the centre ended the connection"));
        }
    }
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), frame: &Frame) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    frame.write(&mut bytes);
    let written = async {
        stream.write_all(&bytes).await?;
        stream.flush().await
    };
    tokio::time::timeout(ANSWER_MAX, written).await?
}

/// What a collector wrote down last.
///
/// # Errors
/// There is no such file, or it is something else.
pub fn read_figures(path: &Path) -> Result<Figures> {
    let text = std::fs::read(path).map_err(Error::io("read", path))?;
    serde_json::from_slice(&text).map_err(|error| Error::Config(format!("{}: {error}", path.display())))
}

/// Writes the figures of this moment, replacing the file whole.
///
/// # Errors
/// The disk refused.
pub fn write_figures(figures: &Mutex<Figures>, log: &Log, path: &Path) -> Result<()> {
    let now: Timestamp = jiff::Timestamp::now().into();
    let mut figures = figures.lock().unwrap_or_else(PoisonError::into_inner).clone();
    figures.as_of = now.to_string();
    (figures.start, figures.end) = (log.start_offset(Topic::Raw, 0), log.end_offset(Topic::Raw, 0));
    figures.held_bytes = log.held_bytes(Topic::Raw, 0);
    let text = serde_json::to_vec_pretty(&figures).expect("strings and numbers become JSON");
    let temporary = path.with_extension("json.new");
    std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, path)).map_err(Error::io("write", path))
}
