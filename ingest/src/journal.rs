//! Journals of systemd: every entry becomes a record, as JSON.
//!
//! `journalctl --follow` reads the journal, as a child process of ours: the format of the files is systemd's own affair, and
//! no library of it is linked. Where it was is its cursor, which every entry carries (`__CURSOR`). The cursor of the last
//! durable entry, and where the log stood then, are kept in one file beside the data, once a second and at the end. After a
//! crash the log is ahead of it: the last entry of the source that the log has says where to go on. So none is appended
//! twice and none is left out, as long as the journal still has them. For this a source is either a journal's or a
//! listener's, not both.
//!
//! The first time, it is read from the start of the machine's present boot. A child that ends is started again after a
//! pause, from `PAUSE_MIN` doubled up to `PAUSE_MAX`. At the stop it is asked to end (SIGTERM), and killed after
//! `END_MAX`. Without `journalctl` nothing starts, and the error says so.
//!
//! Bounds: `JOURNALS_MAX` journals, each a child and three threads; an entry over 1 MiB is cut and counted. While the stream is slow
//! nothing is read, and the journal waits. Source: journalctl(1), systemd.journal-fields(7).

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use stream::log::Log;
use stream::{Record, RecordKind};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::state::State;
use crate::import::LINE_BYTES_MAX;
use crate::json::Members;
use crate::sink::Sink;
use crate::sources::Sources;
use crate::{Error, Result, metrics};

mod state;

/// Journals of one process.
const JOURNALS_MAX: usize = 16;
/// Pause before a child that ended is started again.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long a child may take to end.
const END_MAX: Duration = Duration::from_secs(2);
/// The most entries of one append.
const BATCH: usize = 1_000;
/// How often a thread that waits looks up.
const LOOK_UP: Duration = Duration::from_millis(100);
/// What is read from a child at a time.
const READ_BYTES: usize = 256 << 10;
/// The longest line of a child's own words that is passed on.
const WORDS_BYTES_MAX: u64 = 1_024;

/// `[[listen.journal]]`: a journal whose entries are one source's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalConfig {
    /// The tenant.
    pub tenant: String,
    /// The source, declared in sources.toml.
    pub source: String,
    /// A folder of journal files, instead of this machine's journal: `/var/log/journal/remote`, say.
    pub directory: Option<PathBuf>,
    /// `FIELD=value` that entries must have, as journalctl(1) matches; all entries unless given.
    #[serde(default)]
    pub matches: Vec<String>,
    /// The program, looked for in `PATH` unless it is a path.
    #[serde(default = "journalctl")]
    pub command: PathBuf,
}

fn journalctl() -> PathBuf {
    "journalctl".into()
}

impl JournalConfig {
    pub(crate) fn resolve(&mut self, base: &Path) {
        if let Some(directory) = &mut self.directory {
            *directory = base.join(&*directory);
        }
        if self.command.components().count() > 1 {
            self.command = base.join(&self.command);
        }
    }

    /// The number of the first that is wrong, and what to write instead.
    pub(crate) fn validate_all(all: &[JournalConfig], sources: &Sources) -> std::result::Result<(), (usize, String)> {
        if all.len() > JOURNALS_MAX {
            return Err((JOURNALS_MAX + 1, format!("at most {JOURNALS_MAX} journals are followed")));
        }
        for (at, config) in all.iter().enumerate() {
            let wrong = |what| Err((at + 1, what));
            let JournalConfig { tenant, source, .. } = config;
            if sources.get(tenant, source).is_none() {
                return wrong(format!("sources.toml declares no source {tenant}/{source}; declare it there"));
            }
            if all[..at].iter().any(|other| other.tenant == *tenant && other.source == *source) {
                return wrong(format!("{tenant}/{source} is another journal's; give each journal its own source"));
            }
            let is_match = |text: &&String| {
                let name = text.split('=').next().unwrap_or("");
                let letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
                text.contains('=') && !name.is_empty() && name.bytes().all(letter)
            };
            if let Some(text) = config.matches.iter().find(|text| !is_match(text)) {
                return wrong(format!(
                    "`{text}` in `matches` is none; write FIELD=value, as _SYSTEMD_UNIT=ssh.service"
                ));
            }
        }
        Ok(())
    }

    /// What is run to read on behind a cursor.
    fn command(&self, cursor: Option<&str>) -> Command {
        let mut command = Command::new(&self.command);
        command.args(["--follow", "--output=json", "--all", "--no-pager", "--quiet", "--no-tail"]);
        match cursor {
            Some(cursor) => command.arg(format!("--after-cursor={cursor}")),
            None if self.directory.is_none() => command.arg("--boot"),
            None => &mut command,
        };
        if let Some(directory) = &self.directory {
            command.arg("--directory").arg(directory);
        }
        command.args(&self.matches);
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Follows journals, each on threads of its own, until `cancel`. `state` is the file that says how far they were read.
///
/// # Errors
/// There is no `journalctl`, the state cannot be read, or the log cannot be read.
pub fn follow(
    journals: &[JournalConfig],
    state: &Path,
    log: &Log,
    sink: Arc<dyn Sink>,
    cancel: CancellationToken,
    tasks: &TaskTracker,
) -> Result<()> {
    if journals.is_empty() {
        return Ok(());
    }
    for config in journals {
        let probe = Command::new(&config.command).arg("--version").stdin(Stdio::null()).output();
        probe.map_err(|error| {
            let program = config.command.display();
            Error::Config(format!(
                "listen.journal: run `{program}`: {error}; install systemd's journal tools, name the program in \
                 `command`, or remove the table"
            ))
        })?;
    }
    let state = Arc::new(State::load(state)?);
    for config in journals {
        let journal = Journal::open(config, &state, log, &sink, &cancel)?;
        let (child, cancel) = (Arc::clone(&journal.child), cancel.clone());
        tasks.spawn(async move {
            cancel.cancelled().await;
            end(&child).await;
        });
        let running = tasks.token();
        let runtime = tokio::runtime::Handle::current();
        let work = move || {
            journal.run(&runtime);
            drop(running);
        };
        let started = std::thread::Builder::new().name("journal".into()).spawn(work);
        started.map_err(Error::io("start a thread for", &config.command))?;
    }
    Ok(())
}

/// The child that runs, if one does.
type Running = Arc<Mutex<Option<Child>>>;

fn lock(child: &Running) -> MutexGuard<'_, Option<Child>> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks the child to end, and makes it.
async fn end(child: &Running) {
    let asked = Instant::now();
    let pid = |child: &Child| i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = lock(child).as_ref().and_then(pid) {
        // Not waited for yet, so the number is still its own.
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
    }
    while lock(child).is_some() {
        if asked.elapsed() >= END_MAX
            && let Some(child) = lock(child).as_mut()
        {
            child.kill().ok();
        }
        tokio::time::sleep(LOOK_UP).await;
    }
}

/// One journal and its reader.
struct Journal {
    config: JournalConfig,
    tenant: Arc<str>,
    source: Arc<str>,
    cursor: Option<String>,
    state: Arc<State>,
    log: Log,
    sink: Arc<dyn Sink>,
    cancel: CancellationToken,
    child: Running,
    kept_at: Instant,
}

impl Journal {
    fn open(
        config: &JournalConfig,
        state: &Arc<State>,
        log: &Log,
        sink: &Arc<dyn Sink>,
        cancel: &CancellationToken,
    ) -> Result<Journal> {
        let cursor = state.resume(&config.tenant, &config.source, log)?;
        Ok(Journal {
            config: config.clone(),
            tenant: config.tenant.as_str().into(),
            source: config.source.as_str().into(),
            cursor,
            state: Arc::clone(state),
            log: log.clone(),
            sink: Arc::clone(sink),
            cancel: cancel.clone(),
            child: Running::default(),
            kept_at: Instant::now(),
        })
    }

    /// Starts a child again and again, until the stop.
    fn run(mut self, runtime: &tokio::runtime::Handle) {
        // Before the first entry: a crash after it must find where the log stood.
        self.keep();
        let mut pause = PAUSE_MIN;
        while !self.cancel.is_cancelled() {
            let begun = self.cursor.clone();
            if let Err(error) = self.read_child(runtime) {
                let command = self.config.command.display();
                tracing::error!(%command, %error, "follow a journal; it is tried again");
            }
            pause = if self.cursor == begun { (pause * 2).min(PAUSE_MAX) } else { PAUSE_MIN };
            let waited = Instant::now();
            while !self.cancel.is_cancelled() && waited.elapsed() < pause {
                std::thread::park_timeout(LOOK_UP);
            }
        }
        self.keep();
    }

    /// Appends what one child gives, until it ends.
    fn read_child(&mut self, runtime: &tokio::runtime::Handle) -> std::io::Result<()> {
        let (stdout, words) = {
            let mut running = lock(&self.child);
            if self.cancel.is_cancelled() {
                return Ok(());
            }
            let mut child = self.config.command(self.cursor.as_deref()).spawn()?;
            let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
            *running = Some(child);
            let words = std::thread::Builder::new().name("journal-words".into()).spawn(move || pass_on(stderr));
            (stdout, words)
        };
        let read = match stdout {
            Some(stdout) => self.entries(BufReader::with_capacity(READ_BYTES, stdout), runtime),
            None => Ok(()),
        };
        // Where the reading ended first, the child must end too; it has when it was the child's doing.
        let status = loop {
            let mut running = lock(&self.child);
            let Some(child) = running.as_mut() else { break None };
            if read.is_err() {
                child.kill().ok();
            }
            if let Some(status) = child.try_wait()? {
                *running = None;
                break Some(status);
            }
            drop(running);
            std::thread::park_timeout(LOOK_UP);
        };
        if let Ok(words) = words {
            words.join().ok();
        }
        if !self.cancel.is_cancelled() {
            let status = status.map(|status| status.to_string()).unwrap_or_default();
            tracing::warn!(status, "a program that follows a journal ended; it is started again");
        }
        read
    }

    /// Appends entries as they come: those that are there together.
    fn entries(
        &mut self,
        mut lines: BufReader<impl std::io::Read>,
        runtime: &tokio::runtime::Handle,
    ) -> std::io::Result<()> {
        loop {
            let mut batch: Vec<Vec<u8>> = Vec::new();
            loop {
                let mut line = Vec::new();
                let taken = lines.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
                if taken == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
                    let cut = skip_line(&mut lines)?;
                    metrics::CUT_RECORDS.with_label_values(&["journal"]).inc();
                    metrics::CUT_BYTES.with_label_values(&["journal"]).inc_by(cut);
                }
                // Without its end it is what a child left that was ended; it comes again.
                if line.last() == Some(&b'\n') || taken == LINE_BYTES_MAX {
                    batch.push(line);
                }
                if taken == 0 || batch.len() >= BATCH || memchr::memchr(b'\n', lines.buffer()).is_none() {
                    break;
                }
            }
            let at_end = batch.is_empty() && lines.fill_buf()?.is_empty();
            if !batch.is_empty() && !self.append(batch, runtime) {
                return Err(std::io::Error::other("entries not durable; they are read again"));
            }
            if at_end {
                return Ok(());
            }
            if self.kept_at.elapsed() >= state::KEEP_EVERY {
                self.keep();
            }
        }
    }

    fn append(&mut self, batch: Vec<Vec<u8>>, runtime: &tokio::runtime::Handle) -> bool {
        let cursor = batch.iter().rev().find_map(|line| cursor_of(line));
        let record = |line: Vec<u8>| Record {
            kind: RecordKind::Data,
            tenant: Arc::clone(&self.tenant),
            source: Arc::clone(&self.source),
            peer: None,
            received: jiff::Timestamp::now().into(),
            raw: crate::framing::without_line_end(line.into()),
        };
        let records: Vec<Record> = batch.into_iter().map(record).filter(|record| !record.raw.is_empty()).collect();
        if records.is_empty() {
            return true;
        }
        if let Err(error) = runtime.block_on(self.sink.append(records)) {
            tracing::error!(tenant = &*self.tenant, source = &*self.source, %error, "entries not durable");
            return false;
        }
        self.cursor = cursor.or(self.cursor.take());
        true
    }

    /// Writes down the cursor. Nothing of this source is on its way to the log now, so its end belongs to it.
    fn keep(&mut self) {
        if let Err(error) = self.state.keep(&self.tenant, &self.source, self.cursor.as_deref(), &self.log) {
            tracing::error!(%error, "how far a journal was read is not written down");
        }
        self.kept_at = Instant::now();
    }
}

/// The cursor of an entry.
fn cursor_of(line: &[u8]) -> Option<String> {
    let (_, value) = Members::of(line).find(|(key, _)| *key == b"__CURSOR")?;
    serde_json::from_slice(value).ok()
}

/// Reads over the rest of a line; how long it was.
fn skip_line(lines: &mut impl std::io::BufRead) -> std::io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = lines.fill_buf()?;
        let end = memchr::memchr(b'\n', buffer).map(|at| at + 1);
        let taken = end.unwrap_or(buffer.len());
        lines.consume(taken);
        skipped += taken as u64;
        if end.is_some() || taken == 0 {
            return Ok(skipped);
        }
    }
}

/// Passes a child's own words on to our log.
fn pass_on(stderr: Option<impl std::io::Read>) {
    let Some(stderr) = stderr else { return };
    let mut lines = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        match lines.by_ref().take(WORDS_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => tracing::warn!(said = %String::from_utf8_lossy(line.trim_ascii()), "journalctl"),
        }
    }
}

#[cfg(test)]
mod tests;
