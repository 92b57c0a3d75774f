//! The one thread per partition that writes: encodes what is queued, writes it, syncs it, then acknowledges it.
//!
//! A sync begins when something is queued and the last one began `fsync_ms_max` ago, or 4 MiB are queued: a lone record
//! waits for nothing, a flood shares syncs. A full disk is waited out (appends block meanwhile); any other failure
//! of a write or sync stops the partition, because after a failed `fsync` nobody knows what is on the disk.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::commit::record_bytes;
use super::disk::{DiskFile, io_error};
use super::encode::Encoder;
use super::index::Index;
use super::partition::Partition;
use super::segment::{self, HEADER_BYTES, Header, Segment};
use crate::{Error, Record, Result, metrics};

const WRITE_BYTES: usize = 8 << 20;
/// A segment of at least this many bytes is closed when its records span more than a day, so that age can remove it.
const OLD_SEGMENT_BYTES: u64 = 1 << 20;
const OLD_SEGMENT_NANOS: i64 = 86_400 * crate::NANOS_PER_SECOND;

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) segment: Arc<Segment>,
    pub(super) file: Box<dyn DiskFile>,
    pub(super) salt: u64,
    /// Where the next write goes.
    pub(super) bytes: u64,
}

/// The writing side of a partition.
pub(super) struct Flusher {
    partition: Arc<Partition>,
    active: Active,
    encoder: Encoder,
    /// Encoded batches that are not written yet, with their positions in the segment.
    buffer: Vec<u8>,
    batches: Vec<(u64, Header)>,
    plain_bytes: usize,
    checkpointed: u64,
    checkpoint_due: Instant,
}

/// Stops the partition if the flusher panics, so that nobody waits for it for ever.
struct StopOnPanic(Arc<Partition>);

impl Drop for StopOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop("the flusher panicked");
        }
    }
}

impl Flusher {
    pub(super) fn new(partition: Arc<Partition>, active: Active) -> Result<Self> {
        let encoder = Encoder::new(partition.config.codec).map_err(io_error("set up zstd for", &partition.dir))?;
        let checkpointed = partition.end_offset();
        Ok(Flusher {
            partition,
            active,
            encoder,
            buffer: Vec::new(),
            batches: Vec::new(),
            plain_bytes: 0,
            checkpointed,
            checkpoint_due: Instant::now(),
        })
    }

    /// Runs until the log closes or a write fails.
    pub(super) fn run(mut self) {
        let guard = StopOnPanic(self.partition.clone());
        let result = loop {
            match self.wait() {
                Ok(Some((records, base))) => {
                    if let Err(error) = self.commit(records, base) {
                        break Err(error);
                    }
                }
                Ok(None) => break self.checkpoint(),
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = result {
            self.partition.stop(&error.to_string());
        }
        drop(guard);
    }

    /// Waits for records that are due; nothing once the log closes. Takes checkpoints while idle or every second.
    fn wait(&mut self) -> Result<Option<(Vec<Record>, u64)>> {
        let partition = self.partition.clone();
        let mut state = partition.lock();
        loop {
            let now = Instant::now();
            let behind = state.durable_end > self.checkpointed;
            if behind && now >= self.checkpoint_due {
                drop(state);
                self.checkpoint()?;
                state = partition.lock();
                continue;
            }
            let until = if state.queue.is_empty() {
                if state.closing {
                    return Ok(None);
                }
                behind.then_some(self.checkpoint_due)
            } else {
                let due = state.synced_at.map_or(now, |at| at + Duration::from_millis(partition.config.fsync_ms_max));
                if state.closing || now >= due || state.queue_bytes >= partition.limits.flush_bytes {
                    let records = std::mem::take(&mut state.queue);
                    state.flight_bytes = std::mem::take(&mut state.queue_bytes);
                    state.synced_at = Some(now);
                    return Ok(Some((records, state.durable_end)));
                }
                Some(due)
            };
            state = match until {
                None => partition.work.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let timeout = until.saturating_duration_since(now);
                    partition.work.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn checkpoint(&mut self) -> Result<()> {
        match self.partition.checkpoint() {
            Ok(end) => self.checkpointed = end,
            // The old one still holds: it is a lower bound. The next one may find room.
            Err(Error::Io { source, path, .. }) if is_full(&source) => {
                tracing::warn!(path = %path.display(), "the disk is full; the checkpoint is not renewed");
            }
            Err(error) => return Err(error),
        }
        self.checkpoint_due = Instant::now() + self.partition.limits.checkpoint_every;
        Ok(())
    }

    /// Writes, syncs and acknowledges records whose first offset is `base`.
    fn commit(&mut self, records: Vec<Record>, base: u64) -> Result<()> {
        let mut rest = &records[..];
        let mut offset = base;
        while !rest.is_empty() {
            let (batch, after, bytes) = self.split(rest);
            if self.is_over(bytes, batch) {
                self.sync(offset)?;
                self.roll(offset)?;
            }
            let at = self.active.bytes + self.buffer.len() as u64;
            let header = self
                .encoder
                .batch(batch, offset, self.active.salt, &mut self.buffer)
                .map_err(io_error("compress a batch for", &self.active.segment.path))?;
            offset = header.next();
            self.batches.push((at, header));
            self.plain_bytes += bytes;
            rest = after;
            if self.buffer.len() >= WRITE_BYTES {
                self.write()?;
            }
        }
        self.sync(offset)
    }

    /// Takes the records of the next batch from the front.
    fn split<'a>(&self, records: &'a [Record]) -> (&'a [Record], &'a [Record], usize) {
        let (mut bytes, mut count) = (0, 0);
        for record in records {
            let more = record_bytes(record);
            if count > 0 && bytes + more > self.partition.limits.batch_bytes {
                break;
            }
            bytes += more;
            count += 1;
        }
        let (batch, after) = records.split_at(count);
        (batch, after, bytes)
    }

    /// Whether the segment is to be closed before this batch.
    fn is_over(&self, bytes: usize, batch: &[Record]) -> bool {
        let used = self.active.bytes + self.buffer.len() as u64;
        if used <= HEADER_BYTES as u64 {
            return false;
        }
        if used + bytes as u64 > self.partition.config.segment_bytes {
            return true;
        }
        let index = self.active.segment.index.lock().unwrap_or_else(PoisonError::into_inner);
        let first = index.as_ref().map_or(i64::MAX, |index| index.received_min);
        let newest = batch.iter().map(|record| record.received.0).max().unwrap_or(i64::MIN);
        used >= OLD_SEGMENT_BYTES && first < i64::MAX && newest.saturating_sub(first) > OLD_SEGMENT_NANOS
    }

    /// Writes what is encoded; not yet durable.
    fn write(&mut self) -> Result<()> {
        while !self.buffer.is_empty() {
            match self.active.file.write_at(&self.buffer, self.active.bytes) {
                Ok(()) => {
                    self.active.bytes += self.buffer.len() as u64;
                    metrics::WRITTEN_BYTES.with_label_values(&self.partition.labels()).inc_by(self.buffer.len() as u64);
                    self.buffer.clear();
                    metrics::DISK_FULL.with_label_values(&self.partition.labels()).set(0);
                }
                // Writing again at the same place covers whatever part was written.
                Err(error) => self.wait_for_space(error, "append to", self.active.segment.path.clone())?,
            }
        }
        Ok(())
    }

    /// Makes everything up to offset `end` durable and acknowledges it.
    fn sync(&mut self, end: u64) -> Result<()> {
        if self.batches.is_empty() {
            return Ok(());
        }
        let timer = metrics::SYNC_SECONDS.start_timer();
        self.write()?;
        fail::fail_point!("log-between-write-and-sync", |kind| {
            Err(io_error("sync", &self.active.segment.path)(super::disk::injected(kind)))
        });
        self.active.file.sync_data().map_err(io_error("sync", &self.active.segment.path))?;
        timer.observe_duration();
        self.publish(end);
        Ok(())
    }

    fn publish(&mut self, end: u64) {
        let partition = &self.partition;
        let plain_bytes = std::mem::take(&mut self.plain_bytes);
        let (count, woken) = {
            let mut state = partition.lock();
            let mut index = self.active.segment.index.lock().unwrap_or_else(PoisonError::into_inner);
            let index = index.get_or_insert_with(Index::new);
            self.batches.drain(..).for_each(|(at, header)| index.add(at, &header));
            self.active.segment.set_bytes(self.active.bytes);
            let count = end - state.durable_end;
            state.durable_end = end;
            state.flight_bytes = state.flight_bytes.saturating_sub(plain_bytes);
            metrics::BUFFER_BYTES.with_label_values(&partition.labels()).set(state.buffered() as i64);
            let later = state.wakers.split_off(&(end + 1));
            (count, std::mem::replace(&mut state.wakers, later))
        };
        partition.durable.notify_all();
        partition.space.notify_all();
        woken.into_values().for_each(std::task::Waker::wake);
        metrics::APPEND_RECORDS.with_label_values(&partition.labels()).inc_by(count);
        metrics::APPEND_BYTES.with_label_values(&partition.labels()).inc_by(plain_bytes as u64);
        metrics::END_OFFSET.with_label_values(&partition.labels()).set(i64::try_from(end).unwrap_or(i64::MAX));
    }

    /// Starts a new segment at offset `base`; everything below it is durable.
    fn roll(&mut self, base: u64) -> Result<()> {
        let path = self.partition.dir.join(segment::file_name(base));
        let (file, salt) = loop {
            match segment::create(self.partition.disk.as_ref(), &self.partition.dir, base) {
                Ok(created) => break created,
                Err(error) => {
                    self.wait_for_space(error, "create", path.clone())?;
                    // Made by this thread just now, and empty but for its header.
                    let removed = self.partition.disk.remove(&path);
                    removed.or_else(ignore_missing).map_err(io_error("remove", &path))?;
                }
            }
        };
        let segment = Arc::new(Segment::new(base, path, HEADER_BYTES as u64, Some(Index::new())));
        self.active = Active { segment: segment.clone(), file, salt, bytes: HEADER_BYTES as u64 };
        self.partition.lock().segments.push(segment);
        self.checkpoint()
    }

    /// Returns after a while when the disk is full, and at once with the error when it is anything else.
    fn wait_for_space(&self, error: io::Error, action: &'static str, path: PathBuf) -> Result<(), Error> {
        let gauge = metrics::DISK_FULL.with_label_values(&self.partition.labels());
        let state = self.partition.lock();
        if !is_full(&error) || state.closing {
            gauge.set(0);
            return Err(io_error(action, &path)(error));
        }
        if gauge.get() == 0 {
            tracing::error!(path = %path.display(), "the disk is full; appends wait until space is free");
            gauge.set(1);
        }
        let retry = self.partition.limits.full_disk_retry;
        let closing = |state: &mut super::partition::State| !state.closing;
        let waited = self.partition.work.wait_timeout_while(state, retry, closing);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
