//! The log: topics of durable records, read in order by offset.
//!
//! Guarantees of every backend:
//! - an [`Ack`] resolves only when its records are on stable storage, in order, and never lost by a crash after that;
//! - a [`Reader`] sees durable records only, each offset once and in order; what is missing is reported as a [`Gap`]
//!   in the [`Batch`] that follows it, never skipped silently;
//! - memory is bounded: `append` blocks while `buffer_bytes_max` bytes are waiting for the disk.
//!
//! Useful for: everything that must survive a crash before it is parsed. Not useful for: look-ups by key or time.
//!
//! The embedded backend keeps one folder per topic and partition; `log/segment.rs` gives the file format. The Kafka
//! backend (feature `kafka`) fits the same calls: partitions, offsets, groups and seeking have Kafka's meaning here.
//! "On stable storage" means there: every in-sync copy has it (`acks=all`).
//!
//! Limits: 16 MiB of raw bytes per record, 65,535 bytes per tenant or source name, 64 characters per group name.

mod batch;
mod commit;
mod config;
mod cut;
mod disk;
mod durable;
mod embedded;
mod encode;
mod flusher;
mod gaps;
mod group;
mod index;
#[cfg(feature = "kafka")]
mod kafka;
mod offsets;
mod partition;
mod reader;
mod recovery;
mod retention;
mod segment;
mod spool;
mod varint;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::{Record, Result, Timestamp, Topic};

use commit::EmbeddedAck;
use disk::refused;
use reader::EmbeddedReader;

pub use batch::{Batch, Records};
pub use config::{Codec, KafkaConfig, LogConfig, Mechanism, Retention, SaslConfig, StreamKind, TlsConfig};
pub use cut::{CutLimits, Cutter, Piece, Sound, place_segments, sound};
pub use gaps::Gap;
pub use group::{Group, Intake, Position, Turn};
pub use retention::{Held, Passed, Removed, Retained};

/// A log of topics and partitions. Cloning is cheap: clones share the log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Log {
    /// Segment files in a folder of this machine, no server.
    Embedded(Arc<embedded::Embedded>),
    /// Topics of Apache Kafka.
    #[cfg(feature = "kafka")]
    Kafka(Arc<kafka::Kafka>),
}

impl Log {
    /// Opens the log that the configuration names. Embedded: creates it where it does not exist, and recovers what a
    /// crash left. Kafka: waits for the brokers, creates topics that are missing, and checks them.
    ///
    /// # Errors
    /// When the configuration is out of its limits, another process has the folder open, a file cannot be read, no broker
    /// answers, or a topic is not fit.
    pub fn open(config: LogConfig) -> Result<Log> {
        match config.kind {
            StreamKind::Embedded => {
                let dir = config.dir.clone();
                if is_of_kafka(&dir) {
                    let reason = "this data folder belongs to a stream on kafka; use an empty data folder".to_owned();
                    return Err(refused("open the embedded stream in", &dir, reason));
                }
                let disk = Arc::new(disk::SystemDisk);
                Ok(Log::Embedded(Arc::new(embedded::Embedded::open(config, disk, embedded::Limits::default())?)))
            }
            #[cfg(feature = "kafka")]
            StreamKind::Kafka => Ok(Log::Kafka(Arc::new(kafka::Kafka::open(config)?))),
            #[cfg(not(feature = "kafka"))]
            StreamKind::Kafka => {
                let reason = "this sekisho was built without the feature `kafka`".to_owned();
                Err(refused("use kafka with", &config.dir, reason))
            }
        }
    }

    /// Number of partitions of a topic; partitions count from 0.
    pub fn partitions(&self, topic: Topic) -> u32 {
        match self {
            Log::Embedded(log) => log.partitions(topic),
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => log.partitions(topic),
        }
    }

    /// The partition that holds a source's records: CRC32C of `tenant NUL source`, modulo the partitions.
    pub fn partition_for(&self, topic: Topic, tenant: &str, source: &str) -> u32 {
        let key = crc32c::crc32c_append(crc32c::crc32c(tenant.as_bytes()), b"\0");
        crc32c::crc32c_append(key, source.as_bytes()) % self.partitions(topic).max(1)
    }

    /// Appends records in order; many small appends share one write and one sync.
    ///
    /// Blocks only while the buffer is full (back-pressure), which is also what a full disk, or brokers that are away, come
    /// to.
    ///
    /// # Errors
    /// [`Stopped`](crate::Error::Stopped) after a failed write or sync and after [`close`](Log::close);
    /// an error naming the limit when a record is over it, with nothing appended.
    pub fn append(&self, topic: Topic, partition: u32, records: Vec<Record>) -> Result<Ack> {
        match self {
            Log::Embedded(log) => {
                Ok(Ack(Promise::Embedded(commit::append(log.partition(topic, partition)?, records)?)))
            }
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => Ok(Ack(Promise::Kafka(log.append(topic, partition, &records)?))),
        }
    }

    /// The raw bytes that a record of a topic may have, its names included.
    #[cfg_attr(
        not(feature = "kafka"),
        expect(unused_variables, reason = "the embedded log's bound is the same for all")
    )]
    pub fn record_bytes_max(&self, topic: Topic) -> usize {
        match self {
            Log::Embedded(_) => commit::RECORD_BYTES_MAX,
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => log.record_bytes_max(topic),
        }
    }

    /// A reader that starts at offset `from`. Below the start of the log, the first batch carries a gap up to it.
    ///
    /// # Errors
    /// [`Damaged`](crate::Error::Damaged) when `from` is past the end: the folder was replaced or lost its tail, and
    /// waiting would skip records.
    pub fn reader(&self, topic: Topic, partition: u32, from: u64) -> Result<Reader> {
        match self {
            Log::Embedded(log) => {
                Ok(Reader(Source::Embedded(EmbeddedReader::open(log.partition(topic, partition)?, from)?)))
            }
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => Ok(Reader(Source::Kafka(Box::new(log.reader(topic, partition, from)?)))),
        }
    }

    /// First offset that is still kept; 0 for a partition that does not exist.
    pub fn start_offset(&self, topic: Topic, partition: u32) -> u64 {
        match self {
            Log::Embedded(log) => log.partition(topic, partition).map_or(0, |partition| partition.start_offset()),
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => log.start_offset(topic, partition),
        }
    }

    /// Offset after the last durable record; 0 for a partition that does not exist.
    pub fn end_offset(&self, topic: Topic, partition: u32) -> u64 {
        match self {
            Log::Embedded(log) => log.partition(topic, partition).map_or(0, |partition| partition.end_offset()),
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => log.end_offset(topic, partition),
        }
    }

    /// As [`Log::end_offset`], asked for at this moment also where another process appends.
    ///
    /// # Errors
    /// No broker answers in time.
    pub fn newest_end(&self, topic: Topic, partition: u32) -> Result<u64> {
        match self {
            Log::Embedded(_) => Ok(self.end_offset(topic, partition)),
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => log.newest_end(topic, partition),
        }
    }

    /// Joins a group whose members share a topic's partitions. On Kafka only: an embedded log has one process.
    ///
    /// # Errors
    /// The log is embedded, or the brokers refuse.
    #[cfg_attr(not(feature = "kafka"), expect(unused_variables, reason = "groups are Kafka's"))]
    pub fn join(&self, group: &str, topic: Topic) -> Result<Group> {
        match self {
            Log::Embedded(_) => {
                let reason = "the embedded stream belongs to one process; processes share a stream on kafka".to_owned();
                Err(refused("join a group on", Path::new(topic.name()), reason))
            }
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => Ok(Group::of(log.join(group, topic)?)),
        }
    }

    /// Records durably that a consumer group needs nothing below `next`; registers the group for retention. On Kafka it is
    /// a hint for lag tools: neither durable nor waited for.
    ///
    /// # Errors
    /// When the group's name is not 1 to 64 of `a-z A-Z 0-9 . _ -`, or the file cannot be written.
    pub fn commit(&self, group: &str, topic: Topic, partition: u32, next: u64) -> Result<()> {
        match self {
            Log::Embedded(log) => offsets::commit(log.partition(topic, partition)?, group, next),
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => log.commit(group, topic, partition, next),
        }
    }

    /// The offset a group last committed.
    pub fn committed(&self, group: &str, topic: Topic, partition: u32) -> Option<u64> {
        match self {
            Log::Embedded(log) => log.partition(topic, partition).ok()?.committed(group),
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => log.committed(group, topic, partition),
        }
    }

    /// Forgets a group that no longer reads, so that retention no longer waits for it.
    ///
    /// # Errors
    /// When its files cannot be removed.
    pub fn forget_group(&self, group: &str) -> Result<()> {
        match self {
            Log::Embedded(log) => log.all().iter().try_for_each(|partition| offsets::forget(partition, group)),
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => {
                log.forget_group(group);
                Ok(())
            }
        }
    }

    /// Unlinks whole segments that are over the age or the bytes of the configured [`Retention`]. On Kafka the brokers do.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn retain(&self, now: Timestamp) -> Result<Retained> {
        match self {
            Log::Embedded(log) => {
                let mut retained = Retained::default();
                log.all().iter().try_for_each(|partition| retention::retain(partition, now, &mut retained))?;
                Ok(retained)
            }
            #[cfg(feature = "kafka")]
            Log::Kafka(_) => Ok(Retained::default()),
        }
    }

    /// Every known gap: offsets that were given out and cannot be read any more, oldest first per partition.
    pub fn gaps(&self) -> Vec<Gap> {
        match self {
            Log::Embedded(log) => log.all().iter().flat_map(|partition| partition.gaps()).collect(),
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => log.gaps(),
        }
    }

    /// Partitions that stopped accepting appends, with the first failure of each.
    pub fn stopped(&self) -> Vec<(Topic, u32, String)> {
        match self {
            Log::Embedded(log) => {
                log.all().iter().filter_map(|p| p.stopped().map(|cause| (p.topic, p.number, cause))).collect()
            }
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => log.stopped(),
        }
    }

    /// Writes and syncs what is buffered, notes the acknowledged end, and refuses appends from then on.
    ///
    /// Failures are traced; they lose nothing that was acknowledged.
    pub fn close(self) {
        match self {
            Log::Embedded(log) => log.close(),
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => log.close(),
        }
    }
}

#[cfg(feature = "kafka")]
fn is_of_kafka(dir: &Path) -> bool {
    kafka::owns(dir)
}

#[cfg(not(feature = "kafka"))]
fn is_of_kafka(_: &Path) -> bool {
    false
}

/// A promise that appended records are durable. Wait for it or await it; dropping it changes nothing.
#[derive(Debug)]
#[must_use = "records count as received only when the ack resolves"]
pub struct Ack(Promise);

#[derive(Debug)]
enum Promise {
    Embedded(EmbeddedAck),
    #[cfg(feature = "kafka")]
    Kafka(kafka::KafkaAck),
}

impl Ack {
    /// The offset that the first record of an append to the embedded log has, if the append succeeds.
    #[cfg(test)]
    fn first_offset(&self) -> Option<u64> {
        match &self.0 {
            Promise::Embedded(ack) => Some(ack.first_offset()),
            #[cfg(feature = "kafka")]
            Promise::Kafka(_) => None,
        }
    }

    /// Blocks until the records are on stable storage and returns the first one's offset.
    ///
    /// # Errors
    /// [`Stopped`](crate::Error::Stopped) when a write, sync or delivery failed: the records may or may not be in the log.
    pub fn wait(self) -> Result<u64> {
        match self.0 {
            Promise::Embedded(ack) => ack.wait(),
            #[cfg(feature = "kafka")]
            Promise::Kafka(ack) => ack.wait(),
        }
    }
}

/// The same as [`Ack::wait`], without blocking the thread.
impl Future for Ack {
    type Output = Result<u64>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<u64>> {
        match &mut self.0 {
            Promise::Embedded(ack) => Pin::new(ack).poll(context),
            #[cfg(feature = "kafka")]
            Promise::Kafka(ack) => Pin::new(ack).poll(context),
        }
    }
}

/// Reads one partition from an offset on; sees durable records only. Bounded: a batch, and what is read ahead of it.
#[derive(Debug)]
pub struct Reader(Source);

#[derive(Debug)]
enum Source {
    Embedded(EmbeddedReader),
    #[cfg(feature = "kafka")]
    Kafka(Box<kafka::KafkaReader>),
}

impl Reader {
    /// The next records; nothing when none became durable within `timeout`. May return early with fewer than there are.
    /// On Kafka, records that are durable already may take longer than no time at all to come.
    ///
    /// # Errors
    /// When a file cannot be read, the reader was sent past the end of the log, or a topic is gone.
    pub fn poll(&mut self, timeout: Duration) -> Result<Option<Batch>> {
        match &mut self.0 {
            Source::Embedded(reader) => reader.poll(timeout),
            #[cfg(feature = "kafka")]
            Source::Kafka(reader) => reader.poll(timeout),
        }
    }

    /// The next records below `end`, which are durable already: waits as long as they take to come.
    ///
    /// # Errors
    /// As [`Reader::poll`], and when nothing comes for a minute.
    pub fn next_below(&mut self, end: u64) -> Result<Option<Batch>> {
        for _ in 0..60 {
            if self.offset() >= end {
                return Ok(None);
            }
            if let Some(batch) = self.poll(Duration::from_secs(1))? {
                return Ok(Some(batch));
            }
        }
        Err(crate::Error::Damaged {
            what: "log",
            place: format!("offset {}", self.offset()),
            reason: format!("records up to {end} are durable, and none of them came within a minute"),
        })
    }

    /// Continues at another offset.
    pub fn seek(&mut self, offset: u64) {
        match &mut self.0 {
            Source::Embedded(reader) => reader.seek(offset),
            #[cfg(feature = "kafka")]
            Source::Kafka(reader) => reader.seek(offset),
        }
    }

    /// The offset that is read next.
    pub fn offset(&self) -> u64 {
        match &self.0 {
            Source::Embedded(reader) => reader.offset(),
            #[cfg(feature = "kafka")]
            Source::Kafka(reader) => reader.offset(),
        }
    }
}
