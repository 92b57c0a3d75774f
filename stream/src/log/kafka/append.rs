//! Appending on Kafka: an idempotent producer whose deliveries resolve the acks.
//!
//! A record counts when every in-sync copy has it (`acks=all`). The producer tries for ever and never leaves a record out
//! (`message.timeout.ms=0`, `enable.gapless.guarantee=true`): brokers that are away fill the buffer, and then `append`
//! blocks. Should the producer give up all the same (no right to write, a topic that was deleted), the log stops: nothing
//! that was not acknowledged counts as received, and a restart begins anew.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, ProducerContext};

use super::client::Context;
use crate::{Error, Record, Result, Topic, metrics};

/// What a record takes in the buffer besides its bytes.
const RECORD_OVERHEAD_BYTES: usize = 256;

/// What appenders and deliveries share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<Buffer>,
    space: Condvar,
    /// Offset after the newest record that is known to be durable, by topic and partition.
    pub(super) ends: [Vec<AtomicU64>; 4],
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Buffer {
    bytes: usize,
    stopped: Option<String>,
    closing: bool,
}

impl Shared {
    pub(super) fn new(partitions: [u32; 4], bytes_max: usize) -> Shared {
        let ends = partitions.map(|count| (0..count).map(|_| AtomicU64::new(0)).collect());
        Shared { ends, bytes_max, ..Shared::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room and takes it.
    ///
    /// # Errors
    /// The log has stopped or was closed.
    pub(super) fn take(&self, topic: Topic, partition: u32, bytes: usize) -> Result<()> {
        let mut buffer = self.lock();
        let mut waited = false;
        while buffer.stopped.is_none() && !buffer.closing && buffer.bytes > 0 && buffer.bytes + bytes > self.bytes_max {
            waited = true;
            buffer = self.space.wait(buffer).unwrap_or_else(PoisonError::into_inner);
        }
        if buffer.closing || buffer.stopped.is_some() {
            return Err(stopped(topic, partition, buffer.stopped.clone()));
        }
        buffer.bytes += bytes;
        let labels = [topic.name(), &partition.to_string()];
        metrics::BUFFER_BYTES.with_label_values(&labels).add(bytes as i64);
        if waited {
            metrics::BLOCKED.with_label_values(&labels).inc();
        }
        Ok(())
    }

    fn give_back(&self, topic: Topic, partition: u32, bytes: usize) {
        self.lock().bytes -= bytes;
        metrics::BUFFER_BYTES.with_label_values(&[topic.name(), &partition.to_string()]).sub(bytes as i64);
        self.space.notify_all();
    }

    /// Refuses appends from now on.
    pub(super) fn stop(&self, cause: String) {
        let mut buffer = self.lock();
        if buffer.stopped.is_none() && !buffer.closing {
            tracing::error!(cause, "kafka refused a record for good; the log stops");
            buffer.stopped = Some(cause);
        }
        drop(buffer);
        self.space.notify_all();
    }

    pub(super) fn close(&self) -> bool {
        let was_open = !std::mem::replace(&mut self.lock().closing, true);
        self.space.notify_all();
        was_open
    }

    pub(super) fn stopped(&self) -> Option<String> {
        self.lock().stopped.clone()
    }

    fn reached(&self, topic: Topic, partition: u32, end: u64) {
        if let Some(known) = self.ends[topic as usize].get(partition as usize) {
            known.fetch_max(end, Ordering::AcqRel);
        }
    }
}

fn stopped(topic: Topic, partition: u32, cause: Option<String>) -> Error {
    let cause = cause.unwrap_or_else(|| "the log was closed".to_owned());
    Error::Stopped { topic: topic.name(), partition, cause }
}

/// Bytes that count for a record.
pub(super) fn record_bytes(record: &Record) -> usize {
    record.raw.len() + record.tenant.len() + record.source.len() + RECORD_OVERHEAD_BYTES
}

/// The records of one append, of which deliveries are awaited.
#[derive(Debug)]
pub(super) struct Pending {
    topic: Topic,
    partition: u32,
    bytes: usize,
    raw_bytes: u64,
    records: u64,
    shared: Arc<Shared>,
    state: Mutex<Waiting>,
    done: Condvar,
}

#[derive(Debug)]
struct Waiting {
    left: u64,
    first: u64,
    failed: Option<String>,
    waker: Option<Waker>,
}

impl Pending {
    /// For records that have room in the buffer.
    pub(super) fn new(
        shared: &Arc<Shared>,
        topic: Topic,
        partition: u32,
        records: &[Record],
        bytes: usize,
    ) -> Arc<Self> {
        let raw_bytes = records.iter().map(|record| record.raw.len() as u64).sum();
        let records = records.len() as u64;
        let state = Mutex::new(Waiting { left: records, first: u64::MAX, failed: None, waker: None });
        let (shared, done) = (Arc::clone(shared), Condvar::new());
        Arc::new(Pending { topic, partition, bytes, raw_bytes, records, shared, state, done })
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One record stands at this offset.
    fn delivered(&self, offset: u64) {
        self.shared.reached(self.topic, self.partition, offset + 1);
        self.settle(1, |waiting| waiting.first = waiting.first.min(offset));
    }

    /// So many records will not come.
    pub(super) fn failed(&self, count: u64, cause: &str) {
        self.settle(count, |waiting| {
            waiting.failed.get_or_insert_with(|| cause.to_owned());
        });
    }

    fn settle(&self, count: u64, note: impl FnOnce(&mut Waiting)) {
        let mut waiting = self.lock();
        note(&mut waiting);
        waiting.left -= count;
        if waiting.left > 0 || count == 0 {
            return;
        }
        let (failed, waker) = (waiting.failed.is_some(), waiting.waker.take());
        drop(waiting);
        self.shared.give_back(self.topic, self.partition, self.bytes);
        if !failed {
            let labels = [self.topic.name(), &self.partition.to_string()];
            metrics::APPEND_RECORDS.with_label_values(&labels).inc_by(self.records);
            metrics::APPEND_BYTES.with_label_values(&labels).inc_by(self.raw_bytes);
        }
        self.done.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A promise that appended records are durable.
#[derive(Debug)]
pub(in crate::log) struct KafkaAck(pub(super) Arc<Pending>);

impl KafkaAck {
    pub(in crate::log) fn wait(self) -> Result<u64> {
        let mut waiting = self.0.lock();
        while waiting.left > 0 {
            waiting = self.0.done.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        self.result(&waiting)
    }

    fn result(&self, waiting: &Waiting) -> Result<u64> {
        match &waiting.failed {
            Some(cause) => Err(stopped(self.0.topic, self.0.partition, Some(cause.clone()))),
            // An append of nothing has no first offset.
            None => Ok(if self.0.records == 0 { 0 } else { waiting.first }),
        }
    }
}

impl Future for KafkaAck {
    type Output = Result<u64>;

    fn poll(self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Result<u64>> {
        let mut waiting = self.0.lock();
        if waiting.left == 0 {
            return Poll::Ready(self.result(&waiting));
        }
        waiting.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

/// Hears of deliveries.
pub(super) struct Deliveries {
    pub(super) context: Context,
    /// Set once the partitions are known.
    pub(super) shared: Arc<std::sync::OnceLock<Arc<Shared>>>,
}

impl ClientContext for Deliveries {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(shared) = self.shared.get().filter(|_| is_fatal(&error)) {
            shared.stop(self.context.secrets.hide(&format!("{error}: {reason}")));
        }
        self.context.error(error, reason);
    }

    fn generate_oauth_token(
        &self,
        settings: Option<&str>,
    ) -> std::result::Result<OAuthToken, Box<dyn std::error::Error>> {
        self.context.generate_oauth_token(settings)
    }
}

fn is_fatal(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal)
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Arc<Pending>) {
        match result {
            Ok(message) => {
                self.context.is_up();
                pending.delivered(u64::try_from(message.offset()).unwrap_or(0));
            }
            Err((error, _)) => {
                let mut cause = self.context.secrets.hide(&error.to_string());
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::InvalidRecord) {
                    cause.push_str("; is this machine's clock ahead of the brokers'?");
                }
                pending.shared.stop(cause.clone());
                pending.failed(1, &cause);
            }
        }
    }
}
