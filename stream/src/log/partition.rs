//! What appenders, the flusher, readers and retention of one partition share.
//!
//! One lock guards the state and is never held over a read, write or sync. A second one, `files`, lets one thread at a
//! time replace the small files (checkpoint, gaps, group offsets) and is taken before the first.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use super::config::LogConfig;
use super::disk::Disk;
use super::durable::write_numbers;
use super::embedded::Limits;
use super::gaps::Gap;
use super::segment::Segment;
use crate::{Error, Record, Result, Topic, metrics};

/// Name of the file with the first kept offset and an offset below which everything was acknowledged.
pub(super) const CHECKPOINT: &str = "checkpoint";

/// One partition of one topic.
pub(super) struct Partition {
    pub(super) topic: Topic,
    pub(super) number: u32,
    pub(super) dir: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) config: Arc<LogConfig>,
    pub(super) limits: Limits,
    state: Mutex<State>,
    files: Mutex<()>,
    /// Wakes the flusher: records are queued, or the log closes.
    pub(super) work: Condvar,
    /// Wakes appenders: the buffer has room.
    pub(super) space: Condvar,
    /// Wakes readers and waiting acks: the durable end moved, or the partition stopped.
    pub(super) durable: Condvar,
}

/// The mutable part of a partition.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Records that wait for the flusher.
    pub(super) queue: Vec<Record>,
    pub(super) queue_bytes: usize,
    /// Bytes that the flusher took and has not made durable.
    pub(super) flight_bytes: usize,
    /// Offset of the next appended record.
    pub(super) next_offset: u64,
    /// Offset after the last durable record.
    pub(super) durable_end: u64,
    /// Segments in order; the last one is written to.
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) gaps: Vec<Gap>,
    /// Committed offset of each group.
    pub(super) groups: BTreeMap<String, u64>,
    /// Tasks that wait for the durable end to reach an offset.
    pub(super) wakers: BTreeMap<u64, Waker>,
    pub(super) stopped: Option<String>,
    pub(super) closing: bool,
    /// When the last sync began.
    pub(super) synced_at: Option<Instant>,
}

impl State {
    pub(super) fn buffered(&self) -> usize {
        self.queue_bytes + self.flight_bytes
    }

    pub(super) fn start_offset(&self) -> u64 {
        self.segments.first().map_or(self.durable_end, |segment| segment.base)
    }
}

impl Partition {
    pub(super) fn new(
        topic: Topic,
        number: u32,
        dir: PathBuf,
        disk: Arc<dyn Disk>,
        config: Arc<LogConfig>,
        limits: Limits,
        state: State,
    ) -> Self {
        let partition = Partition {
            topic,
            number,
            dir,
            disk,
            config,
            limits,
            state: Mutex::new(state),
            files: Mutex::new(()),
            work: Condvar::new(),
            space: Condvar::new(),
            durable: Condvar::new(),
        };
        partition.show_offsets();
        partition
    }

    /// Locks the state. A thread that panicked left it whole: every change is made after what can fail.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to replace small files.
    pub(super) fn lock_files(&self) -> MutexGuard<'_, ()> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn start_offset(&self) -> u64 {
        self.lock().start_offset()
    }

    pub(super) fn end_offset(&self) -> u64 {
        self.lock().durable_end
    }

    pub(super) fn committed(&self, group: &str) -> Option<u64> {
        self.lock().groups.get(group).copied()
    }

    pub(super) fn gaps(&self) -> Vec<Gap> {
        self.lock().gaps.clone()
    }

    pub(super) fn stopped(&self) -> Option<String> {
        self.lock().stopped.clone()
    }

    /// Refuses every further append; acks that are not durable fail. The first cause stays.
    pub(super) fn stop(&self, cause: &str) {
        let wakers = {
            let mut state = self.lock();
            if state.stopped.is_none() {
                tracing::error!(topic = self.topic.name(), partition = self.number, cause, "the log stopped");
                state.stopped = Some(cause.to_owned());
            }
            state.queue.clear();
            state.queue_bytes = 0;
            std::mem::take(&mut state.wakers)
        };
        metrics::STOPPED.with_label_values(&self.labels()).set(1);
        self.durable.notify_all();
        self.space.notify_all();
        wakers.into_values().for_each(Waker::wake);
    }

    pub(super) fn stopped_error(&self, cause: String) -> Error {
        Error::Stopped { topic: self.topic.name(), partition: self.number, cause }
    }

    /// Notes durably what is kept and what was acknowledged.
    pub(super) fn checkpoint(&self) -> Result<u64> {
        let _one_writer = self.lock_files();
        let (start, end) = {
            let state = self.lock();
            (state.start_offset(), state.durable_end)
        };
        write_numbers(self.disk.as_ref(), &self.dir, CHECKPOINT, &[start, end])?;
        Ok(end)
    }

    /// Notes durably that nothing below `start`, the base of a segment, is kept, then forgets those segments.
    pub(super) fn forget_below(&self, start: u64) -> Result<()> {
        let _one_writer = self.lock_files();
        let end = self.lock().durable_end;
        write_numbers(self.disk.as_ref(), &self.dir, CHECKPOINT, &[start, end])?;
        self.lock().segments.retain(|segment| segment.base >= start);
        Ok(())
    }

    pub(super) fn show_offsets(&self) {
        let (start, end) = {
            let state = self.lock();
            (state.start_offset(), state.durable_end)
        };
        metrics::START_OFFSET.with_label_values(&self.labels()).set(i64::try_from(start).unwrap_or(i64::MAX));
        metrics::END_OFFSET.with_label_values(&self.labels()).set(i64::try_from(end).unwrap_or(i64::MAX));
    }

    /// Values of the labels `topic` and `partition`.
    pub(super) fn labels(&self) -> [&'static str; 2] {
        const NUMBERS: [&str; 16] =
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"];
        [self.topic.name(), NUMBERS.get(self.number as usize).copied().unwrap_or("16 and above")]
    }

    /// `topic/partition/offset`, for messages.
    pub(super) fn place(&self, offset: u64) -> String {
        format!("{}/{}/{offset}", self.topic.name(), self.number)
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition({}/{})", self.topic.name(), self.number)
    }
}
