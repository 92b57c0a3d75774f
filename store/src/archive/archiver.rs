//! The one thread per raw partition that archives: reads, cuts, puts, and only then notes.
//!
//! What fails is tried again for ever, a minute apart at most, and told meanwhile ([`State::trouble`], metrics). Where the
//! archive is *behind* what was noted (`archive.json` in the data folder), it is not written to: an unmounted NAS is an empty
//! folder, and a wrong bucket an empty one. The note is a guard, never the position.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stream::log::{Cutter, Log, Piece, sound};
use stream::{NANOS_PER_SECOND, Timestamp, Topic};

use super::config::ArchiveConfig;
use super::{Bucket, Entry};
use crate::metrics::ARCHIVE;
use crate::{Error, Result};

/// The consumer group by which retention knows how far the archive is.
pub const GROUP: &str = "archive";
const POLL: Duration = Duration::from_millis(200);
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How often it is looked for objects past their retention.
const RETAIN_EVERY: Duration = Duration::from_secs(3_600);

/// What the threads of one process share.
#[derive(Debug)]
pub struct State {
    note: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    noted: Noted,
    /// What each partition waits for.
    waits: BTreeMap<u32, String>,
}

/// The content of `archive.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Noted {
    url: String,
    /// Offset after what was archived, by partition.
    next: BTreeMap<u32, u64>,
}

impl State {
    /// Reads what was noted of the archive at `url`; a note of another one counts for nothing.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(note: PathBuf, url: &str) -> Result<Arc<State>> {
        let noted = match std::fs::read(&note) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Noted::default(),
            Err(error) => return Err(Error::io("read", note)(error)),
        };
        let noted = if noted.url == url { noted } else { Noted { url: url.to_owned(), ..Noted::default() } };
        Ok(Arc::new(State { note, inner: Mutex::new(Inner { noted, waits: BTreeMap::new() }) }))
    }

    /// What is in the way of archiving, for people; nothing when all is well.
    pub fn trouble(&self) -> Option<String> {
        self.lock().waits.values().next().cloned()
    }

    /// Offset after what was archived of a partition, as noted.
    pub fn noted(&self, partition: u32) -> Option<u64> {
        self.lock().noted.next.get(&partition).copied()
    }

    /// The partitions of which something is noted.
    pub fn partitions(&self) -> Vec<u32> {
        self.lock().noted.next.iter().filter(|(_, next)| **next > 0).map(|(partition, _)| *partition).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for(&self, partition: u32, cause: Option<String>) {
        let waits = &mut self.lock().waits;
        match cause {
            Some(cause) => waits.insert(partition, cause),
            None => waits.remove(&partition),
        };
    }

    /// Notes how far a partition is archived: beside, then renamed over. One that is lost guards less, no more.
    fn write(&self, partition: u32, next: u64) {
        let mut inner = self.lock();
        inner.noted.next.insert(partition, next);
        let beside = self.note.with_extension("json.new");
        let text = serde_json::to_vec(&inner.noted).unwrap_or_default();
        let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &self.note));
        if let Err(error) = written {
            tracing::warn!(path = %self.note.display(), %error, "how far the archive is was not noted");
        }
    }
}

/// Archives one raw partition.
pub struct Archiver {
    log: Log,
    partition: u32,
    config: ArchiveConfig,
    state: Arc<State>,
    /// The time by which objects may be removed.
    removable: Box<dyn Fn() -> Timestamp + Send>,
    retained_at: Option<Instant>,
    /// Offset after what is archived.
    next: u64,
    /// Where a test ends the work as a crash would, and after how many objects.
    #[cfg(test)]
    pub(super) crash: Option<(&'static str, u32)>,
}

/// Why the work ended.
enum Ended {
    /// The process stops.
    Stopping,
    /// It is to be tried again from what the archive holds.
    Failed(Error),
}

impl From<stream::Error> for Ended {
    fn from(error: stream::Error) -> Ended {
        Ended::Failed(error.into())
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Ended {
        Ended::Failed(error)
    }
}

impl Archiver {
    /// An archiver, and the promise that from now on nothing is removed that is not archived.
    ///
    /// # Errors
    /// The group cannot be registered with the log.
    pub fn new(
        log: Log,
        partition: u32,
        config: ArchiveConfig,
        state: Arc<State>,
        removable: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<Archiver> {
        let start = log.start_offset(Topic::Raw, partition);
        let known = state.noted(partition).map_or(start, |next| next.max(start));
        let next = known.min(log.end_offset(Topic::Raw, partition));
        log.commit(GROUP, Topic::Raw, partition, next)?;
        Ok(Archiver {
            log,
            partition,
            config,
            state,
            removable: Box::new(removable),
            retained_at: None,
            next,
            #[cfg(test)]
            crash: None,
        })
    }

    /// Works until told to stop. What is not a whole object then is cut again at the next start.
    pub fn run(mut self, stop: &Arc<AtomicBool>) {
        let mut pause = PAUSE_MIN;
        loop {
            let begun = Instant::now();
            match self.work(stop) {
                Ended::Stopping => return,
                Ended::Failed(_) if stop.load(Ordering::Acquire) => return,
                Ended::Failed(error) => self.tell(&error),
            }
            if begun.elapsed() > PAUSE_MAX {
                pause = PAUSE_MIN;
            }
            if !wait(pause, stop) {
                return;
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn work(&mut self, stop: &Arc<AtomicBool>) -> Ended {
        match self.try_work(stop) {
            Ok(()) => Ended::Stopping,
            Err(ended) => ended,
        }
    }

    fn try_work(&mut self, stop: &Arc<AtomicBool>) -> Result<(), Ended> {
        let bucket = Bucket::open_until(&self.config, Arc::clone(stop))?;
        let mut last = place(&self.log, self.partition, &bucket, &self.state)?;
        let next = match &last {
            Some(entry) => {
                self.state.write(self.partition, entry.next);
                entry.next
            }
            None => self.log.start_offset(Topic::Raw, self.partition),
        };
        self.done_to(next)?;
        self.state.wait_for(self.partition, None);
        let mut cutter = Cutter::new(next, last.as_ref().map_or([0; 32], |entry| entry.hash), self.config.limits())?;
        let mut reader = self.log.reader(Topic::Raw, self.partition, next)?;
        while !stop.load(Ordering::Acquire) {
            if let Some(batch) = reader.poll(POLL)? {
                if let Some(gap) = batch.gap() {
                    tracing::error!(?gap, "records are missing from the stream and so from the archive");
                }
                cutter.take(&batch, &mut |piece| self.keep(&bucket, piece, &mut last, stop))?;
            }
            self.show();
        }
        Ok(())
    }

    /// Puts a piece, however long that takes, and notes it.
    fn keep(
        &mut self,
        bucket: &Bucket,
        piece: Piece,
        last: &mut Option<Entry>,
        stop: &AtomicBool,
    ) -> Result<(), Ended> {
        let entry = Entry::of(self.partition, &piece);
        let content = Bytes::from(piece.bytes);
        self.pass("store::archive::cut")?;
        let mut pause = PAUSE_MIN;
        loop {
            match put(bucket, last.as_ref(), &entry, &content) {
                Ok(()) => break,
                Err(_) if stop.load(Ordering::Acquire) => return Err(Ended::Stopping),
                Err(error) => self.tell(&error),
            }
            if !wait(pause, stop) {
                return Err(Ended::Stopping);
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
        self.pass("store::archive::put")?;
        self.state.wait_for(self.partition, None);
        self.state.write(self.partition, entry.next);
        self.pass("store::archive::noted")?;
        self.done_to(entry.next)?;
        self.pass("store::archive::committed")?;
        ARCHIVE.objects.inc();
        ARCHIVE.bytes.inc_by(entry.bytes);
        ARCHIVE.last_success.set(jiff::Timestamp::now().as_second());
        tracing::debug!(object = entry.path(), bytes = entry.bytes, "archived");
        *last = Some(entry);
        self.retain(bucket);
        Ok(())
    }

    /// A place where tests end the work as a crash would.
    fn pass(&mut self, point: &'static str) -> Result<(), Ended> {
        #[cfg(test)]
        match &mut self.crash {
            Some((at, 0)) if *at == point => return Err(Ended::Stopping),
            Some((at, more)) if *at == point => *more -= 1,
            _ => {}
        }
        #[cfg(feature = "failpoints")]
        fail::fail_point!(point, |kind| Err(Ended::Failed(crate::store::injected(point, kind))));
        let _ = point;
        Ok(())
    }

    /// Nothing below `next` is needed here any more.
    fn done_to(&mut self, next: u64) -> Result<()> {
        self.next = next;
        self.log.commit(GROUP, Topic::Raw, self.partition, next)?;
        let partition = self.partition.to_string();
        ARCHIVE.next_offset.with_label_values(&[&partition]).set(i64::try_from(next).unwrap_or(i64::MAX));
        self.show();
        Ok(())
    }

    fn show(&self) {
        let (end, partition) = (self.log.end_offset(Topic::Raw, self.partition), self.partition.to_string());
        let lag = end.saturating_sub(self.next);
        ARCHIVE.lag.with_label_values(&[&partition]).set(i64::try_from(lag).unwrap_or(i64::MAX));
    }

    fn tell(&self, error: &Error) {
        tracing::warn!(partition = self.partition, %error, "cannot archive; it is tried again, and the stream keeps what is not archived");
        ARCHIVE.failures.inc();
        self.state.wait_for(self.partition, Some(error.to_string()));
    }

    /// Removes objects past their retention, the oldest first; a failure is told and tried again an hour later.
    fn retain(&mut self, bucket: &Bucket) {
        let due = self.retained_at.is_none_or(|at| at.elapsed() >= RETAIN_EVERY);
        if self.config.retention_days == 0 || !due {
            return;
        }
        self.retained_at = Some(Instant::now());
        let until = until((self.removable)(), self.config.retention_days);
        let removed = bucket.entries(self.partition).and_then(|entries| {
            let mut count = 0;
            // The newest stays: the next one carries its hash, and the list tells how far the archive is.
            for pair in entries.windows(2).take_while(|pair| pair[0].to < until) {
                bucket.remove(&pair[0])?;
                count += 1;
            }
            Ok(count)
        });
        match removed {
            Ok(0) => {}
            Ok(count) => tracing::info!(objects = count, "objects of the archive past their retention were removed"),
            Err(error) => tracing::warn!(%error, "objects past their retention were not removed"),
        }
    }
}

pub(super) fn until(now: Timestamp, days: u32) -> Timestamp {
    now.plus_nanos(-i64::from(days).saturating_mul(86_400 * NANOS_PER_SECOND))
}

/// One try. Behind an object that is there: a folder whose file system went away would take anything.
fn put(bucket: &Bucket, last: Option<&Entry>, entry: &Entry, content: &Bytes) -> Result<()> {
    if let Some(last) = last
        && !bucket.has(last)?
    {
        return Err(refused(bucket, format!("the object before it, {}, is not there; is it mounted?", last.path())));
    }
    bucket.put(entry, content)
}

fn refused(bucket: &Bucket, reason: String) -> Error {
    Error::Archive { action: "go on in", place: format!("{bucket:?}"), reason }
}

/// The object behind which to go on: the last of the list, if it is this stream's.
fn place(log: &Log, partition: u32, bucket: &Bucket, state: &State) -> Result<Option<Entry>> {
    bucket.sweep(partition)?;
    let entries = bucket.entries(partition)?;
    let (listed, noted) = (entries.last().map_or(0, |entry| entry.next), state.noted(partition).unwrap_or(0));
    let start = log.start_offset(Topic::Raw, partition);
    if listed < noted {
        let note = state.note.display();
        return Err(refused(
            bucket,
            format!(
                "it ends at record {listed} of partition {partition}, and {noted} was archived; mount it, or restore it. \
                 Where the objects were removed on purpose: stop, remove {note}, start"
            ),
        ));
    }
    let Some(last) = entries.into_iter().next_back() else { return Ok(None) };
    let end = log.newest_end(Topic::Raw, partition)?;
    if last.next > end {
        let reason = format!(
            "it is ahead of the stream: record {} of partition {partition} is archived, the stream ends at {end}; it belongs to \
             another data folder: set another archive.url",
            last.next
        );
        return Err(refused(bucket, reason));
    }
    if last.next > start {
        compare(log, bucket, &last, start)?;
    }
    Ok(Some(last))
}

/// Whether the last records of an object are those of the stream.
fn compare(log: &Log, bucket: &Bucket, entry: &Entry, start: u64) -> Result<()> {
    let content = bucket.read(entry)?;
    let damaged = |reason: String| {
        let path = entry.path();
        refused(bucket, format!("{path} is damaged: {reason}; restore it, or remove it and what is noted of it"))
    };
    if blake3::hash(&content).as_bytes() != &entry.hash {
        return Err(damaged("its content has another hash than its name".to_owned()));
    }
    let found = sound(entry.partition, &content).map_err(damaged)?;
    let Some(archived) = found.last else { return Ok(()) };
    let mut reader = log.reader(Topic::Raw, entry.partition, archived.base_offset().max(start))?;
    while let Some(batch) = reader.next_below(archived.next_offset())? {
        let from = batch.base_offset();
        let mut archived = archived.iter().skip_while(|record| record.offset < from);
        for record in batch.iter().take_while(|record| record.offset < found.next) {
            if archived.next() != Some(record) {
                let reason = format!(
                    "record {} of partition {} is another one there than in the stream; it belongs to another data folder: \
                     set another archive.url",
                    record.offset, entry.partition
                );
                return Err(refused(bucket, reason));
            }
        }
    }
    Ok(())
}

/// Waits; false when the process is stopping.
#[allow(clippy::disallowed_methods, reason = "there is nothing that would signal that a store is back")]
fn wait(pause: Duration, stop: &AtomicBool) -> bool {
    let until = Instant::now() + pause;
    while Instant::now() < until {
        if stop.load(Ordering::Acquire) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    !stop.load(Ordering::Acquire)
}
