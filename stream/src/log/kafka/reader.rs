//! Reading a partition on Kafka: by explicit assignment from an offset that the caller keeps, without a group.
//!
//! Offsets must follow each other. One that does not is a gap, told with the batch behind it and recorded; an offset that
//! the brokers no longer have is a gap up to the first they have; an offset past their end is an error, because waiting
//! would skip records. The brokers' own committed offsets play no part, and `auto.offset.reset` is `error`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::super::batch::Batch;
use super::super::gaps::Gap;
use super::super::varint::put;
use super::client::Context;
use super::{Kafka, message};
use crate::{Error, RecordKind, Result, Topic, metrics};

/// Bytes of records after which a batch is given.
const BATCH_BYTES: usize = 4 << 20;
/// Records after which a batch is given.
const BATCH_RECORDS: u32 = 1 << 16;
/// How long brokers that start may say that there is no such topic.
const REFUSED_MAX: Duration = Duration::from_secs(60);

/// Reads one partition.
pub(in crate::log) struct KafkaReader {
    log: Arc<Kafka>,
    topic: Topic,
    partition: u32,
    consumer: BaseConsumer<Context>,
    /// The offset that comes next.
    offset: u64,
    /// The first message behind a gap that ended the batch before it.
    held: Option<Builder>,
    /// Offsets from here up to `offset` are no more.
    missing: Option<(u64, &'static str)>,
    /// Since when brokers say that there is no such topic, or that it may not be read.
    refused_since: Option<Instant>,
}

impl std::fmt::Debug for KafkaReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaReader")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

impl KafkaReader {
    pub(super) fn open(log: &Arc<Kafka>, topic: Topic, partition: u32, from: u64) -> Result<KafkaReader> {
        let mut settings = log.settings.clone();
        // No group is joined; the mock broker of the tests asks for a name all the same.
        settings.set("group.id", "sekisho-reader");
        settings.set("enable.auto.commit", "false");
        settings.set("enable.auto.offset.store", "false");
        settings.set("auto.offset.reset", "error");
        settings.set("check.crcs", "true");
        settings.set("queued.max.messages.kbytes", "16384");
        // Once so many wait, the client fetches no more for this long; by default a second, in which a worker runs dry.
        settings.set("fetch.queue.backoff.ms", "5");
        settings.set("fetch.wait.max.ms", "100");
        settings.set("fetch.error.backoff.ms", "100");
        settings.set("fetch.message.max.bytes", "4194304");
        let consumer = settings.create_with_context(log.context.clone());
        let consumer = consumer.map_err(|error| log.wrong("start a consumer of", topic.name(), &error))?;
        let mut reader = KafkaReader {
            log: Arc::clone(log),
            topic,
            partition,
            consumer,
            offset: from,
            held: None,
            missing: None,
            refused_since: None,
        };
        reader.place()?;
        Ok(reader)
    }

    /// Stands at the offset, or at the first one that is still there.
    fn place(&mut self) -> Result<()> {
        let (low, high) = self.log.ask_watermarks(self.topic, self.partition)?;
        if self.offset > high {
            let reason = format!(
                "the topic ends at {high}: it was made anew or lost its tail; restore it, or reset what reads it to {high}"
            );
            return Err(Error::Damaged { what: "position of a reader", place: self.name(self.offset), reason });
        }
        if self.offset < low {
            self.missing.get_or_insert((self.offset, "removed by the topic's retention"));
            self.offset = low;
        }
        self.assign()
    }

    fn assign(&mut self) -> Result<()> {
        let mut list = TopicPartitionList::new();
        let at = Offset::Offset(i64::try_from(self.offset).unwrap_or(i64::MAX));
        list.add_partition_offset(self.topic.name(), self.partition as i32, at)
            .and_then(|()| self.consumer.assign(&list))
            .map_err(|error| self.log.wrong("read", self.name(self.offset), &error))
    }

    pub(in crate::log) fn poll(&mut self, timeout: Duration) -> Result<Option<Batch>> {
        let deadline = Instant::now() + timeout;
        let mut builder = self.held.take().unwrap_or_default();
        while builder.records.len() < BATCH_BYTES && builder.count < BATCH_RECORDS {
            let wait =
                if builder.count > 0 { Duration::ZERO } else { deadline.saturating_duration_since(Instant::now()) };
            let error = match self.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    let offset = u64::try_from(message.offset()).unwrap_or(0);
                    // Once more what a new assignment had fetched already.
                    if offset < self.offset {
                        continue;
                    }
                    self.log.context.is_up();
                    self.refused_since = None;
                    let gap = (offset > self.offset || self.missing.is_some()).then(|| {
                        let (from, reason) = self.missing.take().unwrap_or((self.offset, "records are missing"));
                        Gap {
                            topic: self.topic,
                            partition: self.partition,
                            from,
                            to: offset,
                            reason: reason.to_owned(),
                        }
                    });
                    self.offset = offset + 1;
                    if gap.is_some() && builder.count > 0 {
                        let mut next = Builder { gap, ..Builder::default() };
                        next.push(&message, offset, self.topic);
                        self.held = Some(next);
                        break;
                    }
                    builder.gap = builder.gap.or(gap);
                    builder.push(&message, offset, self.topic);
                    continue;
                }
                Some(Err(error)) => error,
            };
            self.heard(&error)?;
            // Records that are here are given before what is wrong behind them.
            if builder.count > 0 || (self.missing.is_none() && Instant::now() >= deadline) {
                break;
            }
        }
        Ok(self.give(builder))
    }

    fn give(&mut self, builder: Builder) -> Option<Batch> {
        if builder.count == 0 {
            // Nothing but a gap: what was next is gone, and nothing came behind it yet.
            let (from, reason) = self.missing.take()?;
            let gap =
                Gap { topic: self.topic, partition: self.partition, from, to: self.offset, reason: reason.to_owned() };
            self.log.record(&gap);
            return Some(Batch::only_gap(self.partition, gap));
        }
        if let Some(gap) = &builder.gap {
            self.log.record(gap);
        }
        let labels = [self.topic.name(), &self.partition.to_string()];
        let next = builder.base + u64::from(builder.count);
        let lag = self.log.known_end(self.topic, self.partition).saturating_sub(next);
        metrics::LAG_RECORDS.with_label_values(&labels).set(i64::try_from(lag).unwrap_or(i64::MAX));
        Some(builder.finish(self.partition))
    }

    /// Deals with what the client says instead of a message.
    fn heard(&mut self, error: &KafkaError) -> Result<()> {
        let code = error.rdkafka_error_code();
        match code {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                tracing::warn!(
                    topic = self.topic.name(),
                    partition = self.partition,
                    offset = self.offset,
                    "the brokers do not have this offset"
                );
                self.place()
            }
            Some(
                RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed,
            ) if self.refused_since.get_or_insert_with(Instant::now).elapsed() < REFUSED_MAX => Ok(()),
            Some(
                RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::Fatal,
            ) => Err(self.log.wrong("read", self.name(self.offset), error)),
            // Brokers that are away come back; a batch that is damaged leaves a gap, which the next offset shows.
            _ => {
                let error = self.log.wrong("read", self.name(self.offset), error);
                tracing::debug!(%error, "kafka consumer");
                Ok(())
            }
        }
    }

    pub(in crate::log) fn seek(&mut self, offset: u64) {
        self.offset = offset;
        self.held = None;
        self.missing = None;
        if let Err(error) = self.assign() {
            tracing::error!(%error, "cannot seek");
        }
    }

    pub(in crate::log) fn offset(&self) -> u64 {
        self.held.as_ref().map_or(self.offset, |held| held.gap.as_ref().map_or(held.base, |gap| gap.from))
    }

    fn name(&self, offset: u64) -> String {
        format!("{}/{} offset {offset}", self.topic.name(), self.partition)
    }
}

/// Collects records of consecutive offsets in the form of the embedded log's batches.
#[derive(Default)]
struct Builder {
    base: u64,
    count: u32,
    records: Vec<u8>,
    names: Vec<Box<str>>,
    by_name: HashMap<Box<str>, usize>,
    /// Places of the names of the record before: neighbours are often of one source.
    last: [usize; 2],
    gap: Option<Gap>,
}

impl Builder {
    fn push(&mut self, message: &BorrowedMessage<'_>, offset: u64, topic: Topic) {
        if self.count == 0 {
            self.base = offset;
        }
        self.count += 1;
        let header = message.headers().and_then(|headers| {
            headers.iter().find(|header| header.key == message::HEADER).and_then(|header| header.value)
        });
        let envelope = message::envelope(header, message.key(), message.timestamp().to_millis());
        if !envelope.own {
            metrics::FOREIGN_RECORDS.with_label_values(&[topic.name(), &message.partition().to_string()]).inc();
            tracing::debug!(
                topic = topic.name(),
                partition = message.partition(),
                offset,
                "a message that sekisho did not write"
            );
        }
        let kind = match envelope.kind {
            RecordKind::Data => 0,
            RecordKind::Tick => 1,
            RecordKind::Control => 2,
        };
        let raw = message.payload().unwrap_or_default();
        let peer = match envelope.peer {
            None => 0,
            Some(std::net::IpAddr::V4(_)) => 1,
            Some(std::net::IpAddr::V6(_)) => 2,
        };
        self.records.push(kind | peer << 2);
        for (part, name) in [envelope.tenant, envelope.source].into_iter().enumerate() {
            let index = self.index(part, name);
            put(&mut self.records, index as u64);
        }
        match envelope.peer {
            None => {}
            Some(std::net::IpAddr::V4(ip)) => self.records.extend_from_slice(&ip.octets()),
            Some(std::net::IpAddr::V6(ip)) => self.records.extend_from_slice(&ip.octets()),
        }
        put(&mut self.records, envelope.received.0 as u64);
        put(&mut self.records, raw.len() as u64);
        self.records.extend_from_slice(raw);
    }

    fn index(&mut self, part: usize, name: &str) -> usize {
        if self.names.get(self.last[part]).is_some_and(|known| **known == *name) {
            return self.last[part];
        }
        let next = self.names.len();
        let index = *self.by_name.entry(name.into()).or_insert(next);
        if index == next {
            self.names.push(name.into());
        }
        self.last[part] = index;
        index
    }

    fn finish(self, partition: u32) -> Batch {
        Batch::of(partition, self.base, self.count, self.records, self.names, self.gap)
    }
}
