//! Appending, and waiting for the sync that makes it count.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};

use super::disk::refused;
use super::partition::{Partition, State};
use crate::{Record, RecordRef, Result, metrics};

pub(super) const RECORD_BYTES_MAX: usize = 16 << 20;
pub(super) const NAME_BYTES_MAX: usize = u16::MAX as usize;
/// What a record takes in the buffer besides its bytes.
const RECORD_OVERHEAD_BYTES: usize = 64;

/// Bytes that count for a record, at least what it takes in a batch.
pub(super) fn record_bytes(record: &Record) -> usize {
    record.raw.len() + record.tenant.len() + record.source.len() + RECORD_OVERHEAD_BYTES
}

/// The same of a record that was read.
pub(super) fn read_bytes(record: &RecordRef<'_>) -> usize {
    record.raw.len() + record.tenant.len() + record.source.len() + RECORD_OVERHEAD_BYTES
}

/// Queues records for the flusher.
pub(super) fn append(partition: &Arc<Partition>, records: Vec<Record>) -> Result<EmbeddedAck> {
    if let Some(bad) = records.iter().find_map(over_limit) {
        return Err(refused("append to", &partition.dir, bad));
    }
    let bytes: usize = records.iter().map(record_bytes).sum();
    let mut state = partition.lock();
    let mut waited = false;
    loop {
        if let Some(cause) = state.stopped.clone() {
            return Err(partition.stopped_error(cause));
        }
        if state.closing {
            return Err(partition.stopped_error("the log was closed".to_owned()));
        }
        if state.buffered() == 0 || state.buffered() + bytes <= partition.config.buffer_bytes_max {
            break;
        }
        waited = true;
        state = partition.space.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    let first = state.next_offset;
    let end = first + records.len() as u64;
    let flush_bytes = partition.limits.flush_bytes;
    let wake = state.queue.is_empty() || (state.queue_bytes < flush_bytes && state.queue_bytes + bytes >= flush_bytes);
    state.next_offset = end;
    state.queue_bytes += bytes;
    state.queue.extend(records);
    metrics::BUFFER_BYTES.with_label_values(&partition.labels()).set(state.buffered() as i64);
    drop(state);
    if wake {
        partition.work.notify_one();
    }
    if waited {
        metrics::BLOCKED.with_label_values(&partition.labels()).inc();
    }
    Ok(EmbeddedAck { partition: partition.clone(), first, end })
}

fn over_limit(record: &Record) -> Option<String> {
    if record.raw.len() > RECORD_BYTES_MAX {
        return Some(format!("a record of {} bytes is over the limit of {RECORD_BYTES_MAX}", record.raw.len()));
    }
    let longest = record.tenant.len().max(record.source.len());
    (longest > NAME_BYTES_MAX).then(|| format!("a name of {longest} bytes is over the limit of {NAME_BYTES_MAX}"))
}

/// A promise that appended records are durable.
#[derive(Debug)]
pub(super) struct EmbeddedAck {
    partition: Arc<Partition>,
    first: u64,
    end: u64,
}

impl EmbeddedAck {
    /// The offset that the first record has, if the append succeeds.
    #[cfg(test)]
    pub(super) fn first_offset(&self) -> u64 {
        self.first
    }

    /// See [`Ack::wait`](super::Ack::wait).
    pub(super) fn wait(self) -> Result<u64> {
        let mut state = self.partition.lock();
        loop {
            if let Some(result) = self.result(&state) {
                return result;
            }
            state = self.partition.durable.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn result(&self, state: &State) -> Option<Result<u64>> {
        // An empty append promises nothing.
        if self.first == self.end || state.durable_end >= self.end {
            return Some(Ok(self.first));
        }
        state.stopped.clone().map(|cause| Err(self.partition.stopped_error(cause)))
    }
}

impl Future for EmbeddedAck {
    type Output = Result<u64>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<u64>> {
        let mut state = self.partition.lock();
        if let Some(result) = self.result(&state) {
            return Poll::Ready(result);
        }
        state.wakers.insert(self.end, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for EmbeddedAck {
    fn drop(&mut self) {
        // An empty append shares its end with the one before it, and never waits.
        if self.first != self.end {
            self.partition.lock().wakers.remove(&self.end);
        }
    }
}
