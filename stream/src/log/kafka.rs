//! The log on Apache Kafka: topics, partitions, offsets and groups are Kafka's own.
//!
//! Guarantees: those of [`Log`](super::Log), with the brokers in place of the disk. An ack resolves when every in-sync
//! copy has the records; brokers that are away are back-pressure, never loss; a reader stands where its caller says, and
//! offsets that are missing are told. No transaction is used: exactness rests on what the store keeps, not on Kafka.
//!
//! Limits: `buffer_bytes_max` bytes of records wait for brokers, over all partitions; a reader holds 16 MiB ahead and a
//! batch of 4 MiB; messages up to `message_bytes_max`.
//!
//! ```text
//! DIR/lock                            held while a process has the log open
//! DIR/kafka/cluster                   id of the cluster whose offsets this data folder counts in
//! DIR/kafka/TOPIC/PARTITION/gaps      what is missing, one JSON object a line
//! ```

mod append;
mod client;
mod group;
mod intake;
mod message;
mod reader;
#[cfg(test)]
mod tests;
mod token;
mod topics;

use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::commit::{NAME_BYTES_MAX, RECORD_BYTES_MAX};
use super::config::{Codec, LogConfig};
use super::disk::{Disk, SystemDisk, io_error, refused};
use super::gaps::{self, Gap};
use super::offsets;
use crate::{Error, Record, Result, Topic, metrics};

pub(super) use append::KafkaAck;
use append::{Deliveries, Pending, Shared, record_bytes};
use client::Context;
pub(super) use group::KafkaGroup;
pub(super) use intake::KafkaIntake;
pub(super) use reader::KafkaReader;
use topics::{Found, Topics};

/// What a message takes besides value, key and header.
const MESSAGE_OVERHEAD_BYTES: usize = 1024;
/// A topic must take batches of this size.
const TOPIC_MESSAGE_BYTES_MIN: u64 = 1 << 20;
/// How long what is known of a topic's end is good.
const END_GOOD: Duration = Duration::from_millis(200);
/// How long nobody is asked after no answer came.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// How long the brokers may take to answer.
const ASK: Duration = Duration::from_secs(3);
/// How long closing waits for what was appended and not acknowledged yet.
const FLUSH: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);
const FOLDER: &str = "kafka";

/// An open log on Kafka.
pub struct Kafka {
    config: LogConfig,
    settings: ClientConfig,
    context: Context,
    producer: ThreadedProducer<Deliveries>,
    shared: Arc<Shared>,
    found: [Found; 4],
    /// By topic and partition: one append at a time, so that its records stand together.
    lanes: [Vec<Mutex<Lane>>; 4],
    groups: Mutex<BTreeMap<String, BaseConsumer<Context>>>,
    _lock: Box<dyn Any + Send + Sync>,
}

/// What is kept of one partition.
#[derive(Default)]
struct Lane {
    key: Vec<u8>,
    header: Vec<u8>,
    low: u64,
    high: u64,
    asked_at: Option<Instant>,
    gaps: Vec<Gap>,
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The client's settings hold passwords.
        f.debug_struct("Kafka").field("brokers", &self.config.kafka.brokers).finish_non_exhaustive()
    }
}

impl Kafka {
    pub(super) fn open(config: LogConfig) -> Result<Kafka> {
        config.validate()?;
        let lock = lock(&config.dir)?;
        let (settings, secrets) = client::settings(&config.kafka)?;
        let token_file = config.kafka.sasl.as_ref().and_then(|sasl| sasl.token_file.as_deref().map(Arc::from));
        let context = Context { secrets: Arc::new(secrets), token_file, down: Arc::default() };
        let deliveries = Deliveries { context: context.clone(), shared: Arc::new(OnceLock::new()) };
        let told = Arc::clone(&deliveries.shared);
        let place = config.kafka.brokers.join(",");
        let producer: ThreadedProducer<Deliveries> = producing(&config, settings.clone())
            .create_with_context(deliveries)
            .map_err(|error| client::wrong(&context.secrets, "connect to", &place, &error))?;
        let topics =
            Topics { client: producer.client(), settings: &settings, secrets: &context.secrets, config: &config };
        let found = topics.prepare()?;
        same_cluster(&config.dir, producer.client().fetch_cluster_id(ASK))?;
        let shared = Arc::new(Shared::new(found.map(|found| found.partitions), config.buffer_bytes_max));
        let _ = told.set(Arc::clone(&shared));
        let lanes = found.map(|found| (0..found.partitions).map(|_| Mutex::default()).collect());
        let groups = Mutex::default();
        let log = Kafka { config, settings, context, producer, shared, found, lanes, groups, _lock: lock };
        for topic in Topic::ALL {
            if let Some(bytes) = log.found[topic as usize].message_bytes_max.filter(|b| *b < TOPIC_MESSAGE_BYTES_MIN) {
                let reason = format!("max.message.bytes is {bytes}; raise it to {TOPIC_MESSAGE_BYTES_MIN} or more");
                return Err(Error::Kafka { action: "use topic", place: topic.name().to_owned(), reason });
            }
            for partition in 0..log.partitions(topic) {
                let dir = log.folder(topic, partition);
                SystemDisk.create_dir_all(&dir).map_err(io_error("create", &dir))?;
                log.lane(topic, partition)?.gaps = gaps::load(&SystemDisk, &dir, topic, partition)?;
                log.ask_watermarks(topic, partition)?;
            }
        }
        tracing::info!(brokers = place, raw_partitions = log.partitions(Topic::Raw), "the stream is on kafka");
        Ok(log)
    }

    pub(super) fn partitions(&self, topic: Topic) -> u32 {
        self.found[topic as usize].partitions
    }

    pub(super) fn append(&self, topic: Topic, partition: u32, records: &[Record]) -> Result<KafkaAck> {
        let limit = self.record_bytes_max(topic);
        if let Some(reason) = records.iter().find_map(|record| over_limit(record, limit)) {
            return Err(Error::Kafka { action: "append to", place: format!("{}/{partition}", topic.name()), reason });
        }
        drop(self.lane(topic, partition)?);
        let bytes = records.iter().map(record_bytes).sum();
        if !records.is_empty() {
            self.shared.take(topic, partition, bytes)?;
        }
        let pending = Pending::new(&self.shared, topic, partition, records, bytes);
        let mut lane = self.lane(topic, partition)?;
        for (sent, record) in records.iter().enumerate() {
            if let Err(error) = self.send(topic, partition, record, &mut lane, &pending) {
                let cause = self.context.secrets.hide(&error.to_string());
                self.shared.stop(cause.clone());
                pending.failed((records.len() - sent) as u64, &cause);
                break;
            }
        }
        Ok(KafkaAck(pending))
    }

    fn send(
        &self,
        topic: Topic,
        partition: u32,
        record: &Record,
        lane: &mut Lane,
        pending: &Arc<Pending>,
    ) -> Result<(), KafkaError> {
        message::key(record, &mut lane.key);
        message::header(record, &mut lane.header);
        let headers = OwnedHeaders::new_with_capacity(1);
        let headers = headers.insert(Header { key: message::HEADER, value: Some(lane.header.as_slice()) });
        let mut message = BaseRecord::with_opaque_to(topic.name(), Arc::clone(pending))
            .partition(partition as i32)
            .key(lane.key.as_slice())
            .payload(&record.raw[..])
            .headers(headers);
        loop {
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                // The client's own queue is wider than our buffer; should it be full all the same, it empties by itself.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    message = back;
                    std::thread::park_timeout(PAUSE);
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// The raw bytes that a record may have, with its names.
    pub(super) fn record_bytes_max(&self, topic: Topic) -> usize {
        let configured = self.config.kafka.message_bytes_max as usize;
        let of_topic = self.found[topic as usize].message_bytes_max.map_or(configured, |bytes| bytes as usize);
        RECORD_BYTES_MAX.min(configured.min(of_topic) - MESSAGE_OVERHEAD_BYTES)
    }

    pub(super) fn reader(self: &Arc<Self>, topic: Topic, partition: u32, from: u64) -> Result<KafkaReader> {
        drop(self.lane(topic, partition)?);
        KafkaReader::open(self, topic, partition, from)
    }

    pub(super) fn join(self: &Arc<Self>, group: &str, topic: Topic) -> Result<KafkaGroup> {
        KafkaGroup::join(self, group, topic)
    }

    pub(super) fn newest_end(&self, topic: Topic, partition: u32) -> Result<u64> {
        self.ask_watermarks(topic, partition).map(|(_, high)| high)
    }

    pub(super) fn start_offset(&self, topic: Topic, partition: u32) -> u64 {
        self.refresh(topic, partition);
        self.lane(topic, partition).map_or(0, |lane| lane.low)
    }

    pub(super) fn end_offset(&self, topic: Topic, partition: u32) -> u64 {
        self.refresh(topic, partition);
        self.known_end(topic, partition)
    }

    /// The end as far as it is known without asking.
    fn known_end(&self, topic: Topic, partition: u32) -> u64 {
        let delivered = self.shared.ends[topic as usize].get(partition as usize);
        let delivered = delivered.map_or(0, |end| end.load(Ordering::Acquire));
        self.lane(topic, partition).map_or(0, |lane| lane.high.max(delivered))
    }

    /// Asks for the watermarks when what is known is old; keeps what is known when nobody answers.
    fn refresh(&self, topic: Topic, partition: u32) {
        let old = |lane: MutexGuard<'_, Lane>| lane.asked_at.is_none_or(|at| at.elapsed() >= END_GOOD);
        if self.lane(topic, partition).is_ok_and(old)
            && self.watermarks(topic, partition).is_err()
            && let Ok(mut lane) = self.lane(topic, partition)
        {
            lane.asked_at = Instant::now().checked_add(ASK_AGAIN);
        }
    }

    /// Asks for first and end offset until the brokers answer.
    ///
    /// # Errors
    /// They did not within `connect_seconds_max`.
    fn ask_watermarks(&self, topic: Topic, partition: u32) -> Result<(u64, u64)> {
        let until = Instant::now() + Duration::from_secs(self.config.kafka.connect_seconds_max);
        loop {
            match self.watermarks(topic, partition) {
                Ok(found) => return Ok(found),
                Err(error) if Instant::now() >= until => {
                    return Err(self.wrong("ask for the offsets of", format!("{}/{partition}", topic.name()), &error));
                }
                Err(_) => std::thread::park_timeout(PAUSE * 20),
            }
        }
    }

    fn watermarks(&self, topic: Topic, partition: u32) -> Result<(u64, u64), KafkaError> {
        let (low, high) = self.producer.client().fetch_watermarks(topic.name(), partition as i32, ASK)?;
        let (low, high) = (u64::try_from(low).unwrap_or(0), u64::try_from(high).unwrap_or(0));
        if let Ok(mut lane) = self.lane(topic, partition) {
            (lane.low, lane.high, lane.asked_at) = (low, high, Some(Instant::now()));
        }
        self.context.is_up();
        let labels = [topic.name(), &partition.to_string()];
        metrics::START_OFFSET.with_label_values(&labels).set(i64::try_from(low).unwrap_or(i64::MAX));
        metrics::END_OFFSET.with_label_values(&labels).set(i64::try_from(high).unwrap_or(i64::MAX));
        Ok((low, high))
    }

    pub(super) fn commit(&self, group: &str, topic: Topic, partition: u32, next: u64) -> Result<()> {
        if !offsets::is_name(group) {
            let reason = format!("group {group:?} is not 1 to 64 of a-z A-Z 0-9 . _ -");
            return Err(Error::Kafka { action: "commit an offset of", place: topic.name().to_owned(), reason });
        }
        let mut list = TopicPartitionList::new();
        let next_offset = Offset::Offset(i64::try_from(next).unwrap_or(i64::MAX));
        let added = list.add_partition_offset(topic.name(), partition as i32, next_offset);
        let committed =
            added.and_then(|()| self.with_group(group, |consumer| consumer.commit(&list, CommitMode::Async)));
        if let Err(error) = committed {
            // Only a hint for lag tools: what was done is known by the store.
            tracing::debug!(
                error = self.context.secrets.hide(&error.to_string()),
                group,
                "offset not committed to kafka"
            );
        }
        let gauge = metrics::GROUP_OFFSET.with_label_values(&[topic.name(), &partition.to_string(), group]);
        gauge.set(i64::try_from(next).unwrap_or(i64::MAX));
        Ok(())
    }

    pub(super) fn committed(&self, group: &str, topic: Topic, partition: u32) -> Option<u64> {
        let mut list = TopicPartitionList::new();
        list.add_partition(topic.name(), partition as i32);
        let found = self.with_group(group, |consumer| consumer.committed_offsets(list, ASK)).ok()?;
        match found.elements().first()?.offset() {
            Offset::Offset(next) => u64::try_from(next).ok(),
            _ => None,
        }
    }

    fn with_group<T>(
        &self,
        group: &str,
        work: impl FnOnce(&BaseConsumer<Context>) -> Result<T, KafkaError>,
    ) -> Result<T, KafkaError> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if !groups.contains_key(group) {
            let mut settings = self.settings.clone();
            settings.set("group.id", group).set("enable.auto.commit", "false");
            groups.insert(group.to_owned(), settings.create_with_context(self.context.clone())?);
        }
        let consumer = groups.get(group).expect("was inserted above");
        // Nothing is assigned: this only lets the client deal with its callbacks.
        drop(consumer.poll(Duration::ZERO));
        work(consumer)
    }

    pub(super) fn forget_group(&self, group: &str) {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).remove(group);
    }

    pub(super) fn gaps(&self) -> Vec<Gap> {
        let lanes = self.lanes.iter().flatten();
        lanes.flat_map(|lane| lane.lock().unwrap_or_else(PoisonError::into_inner).gaps.clone()).collect()
    }

    /// Records a gap durably and traces it, unless it is known.
    fn record(&self, gap: &Gap) {
        let Ok(mut lane) = self.lane(gap.topic, gap.partition) else { return };
        let Some(more) = gaps::merge(&mut lane.gaps, gap) else { return };
        let labels = [gap.topic.name(), &gap.partition.to_string()];
        metrics::GAP_RECORDS.with_label_values(&labels).inc_by(more);
        if let Err(error) = gaps::save(&SystemDisk, &self.folder(gap.topic, gap.partition), &lane.gaps) {
            tracing::error!(%error, "cannot write the gaps file");
        }
    }

    pub(super) fn stopped(&self) -> Vec<(Topic, u32, String)> {
        self.shared.stopped().map(|cause| (Topic::Raw, 0, cause)).into_iter().collect()
    }

    pub(super) fn close(&self) {
        if !self.shared.close() {
            return;
        }
        if let Err(error) = self.producer.flush(FLUSH) {
            tracing::warn!(
                error = self.context.secrets.hide(&error.to_string()),
                records = self.producer.in_flight_count(),
                "records that nobody was told are durable did not reach kafka"
            );
        }
    }

    fn lane(&self, topic: Topic, partition: u32) -> Result<MutexGuard<'_, Lane>> {
        let lane = self.lanes[topic as usize].get(partition as usize).ok_or_else(|| {
            let reason = format!("partition {partition} does not exist; there are {}", self.partitions(topic));
            refused("use", Path::new(topic.name()), reason)
        })?;
        Ok(lane.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn folder(&self, topic: Topic, partition: u32) -> PathBuf {
        self.config.dir.join(FOLDER).join(topic.name()).join(partition.to_string())
    }

    fn wrong(&self, action: &'static str, place: impl Into<String>, error: &KafkaError) -> Error {
        client::wrong(&self.context.secrets, action, place, error)
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.close();
    }
}

/// The producer's settings; part of what makes it exact.
fn producing(config: &LogConfig, mut settings: ClientConfig) -> ClientConfig {
    let compression = match config.codec {
        Codec::None => "none",
        Codec::Zstd => "zstd",
    };
    settings.set("acks", "all");
    settings.set("enable.idempotence", "true");
    settings.set("enable.gapless.guarantee", "true");
    settings.set("message.timeout.ms", "0");
    settings.set("compression.type", compression);
    settings.set("compression.level", if config.codec == Codec::Zstd { "1" } else { "-1" });
    settings.set("linger.ms", config.fsync_ms_max.to_string());
    settings.set("batch.size", "1000000");
    settings.set("batch.num.messages", "100000");
    settings.set("message.max.bytes", config.kafka.message_bytes_max.to_string());
    // Our own buffer is the bound; the client's lies above it.
    settings.set("queue.buffering.max.messages", "0");
    settings
        .set("queue.buffering.max.kbytes", ((config.buffer_bytes_max >> 9) + 65_536).min(2_147_483_647).to_string());
    settings
}

fn over_limit(record: &Record, limit: usize) -> Option<String> {
    let bytes = record.raw.len() + record.tenant.len() + record.source.len();
    if bytes > limit {
        return Some(format!(
            "a record of {bytes} bytes is over the limit of {limit}; raise kafka.message_bytes_max and the topic's max.message.bytes"
        ));
    }
    let longest = record.tenant.len().max(record.source.len());
    (longest > NAME_BYTES_MAX).then(|| format!("a name of {longest} bytes is over the limit of {NAME_BYTES_MAX}"))
}

fn lock(dir: &Path) -> Result<Box<dyn Any + Send + Sync>> {
    SystemDisk.create_dir_all(dir).map_err(io_error("create", dir))?;
    SystemDisk.lock(&dir.join("lock")).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => refused("lock", dir, "another process has this log open".to_owned()),
        _ => io_error("lock", dir)(error),
    })
}

/// Remembers the cluster at first, and refuses another one later: its offsets would mean other records.
fn same_cluster(dir: &Path, id: Option<String>) -> Result<()> {
    if dir.join(Topic::Raw.name()).exists() {
        let reason = "this data folder belongs to an embedded stream; offsets of kafka would mean other records: use an empty data folder".to_owned();
        return Err(refused("use kafka with", dir, reason));
    }
    let folder = dir.join(FOLDER);
    let path = folder.join("cluster");
    let Some(id) = id else { return Ok(()) };
    match std::fs::read_to_string(&path) {
        Ok(known) if known == id => Ok(()),
        Ok(known) => {
            let reason = format!(
                "this data folder belongs to the kafka cluster {known}, the brokers are of {id}: use another data folder"
            );
            Err(refused("use kafka with", dir, reason))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            SystemDisk.create_dir_all(&folder).map_err(io_error("create", &folder))?;
            super::durable::write_atomic(&SystemDisk, &folder, "cluster", id.as_bytes())
        }
        Err(error) => Err(io_error("read", &path)(error)),
    }
}

/// Whether a data folder belongs to a stream on Kafka.
pub(super) fn owns(dir: &Path) -> bool {
    dir.join(FOLDER).join("cluster").exists()
}
