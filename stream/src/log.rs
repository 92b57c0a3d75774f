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
//! The embedded backend keeps one folder per topic and partition; `log/segment.rs` gives the file format. A Kafka
//! backend fits the same calls: partitions, offsets, groups and seeking have Kafka's meaning here.
//!
//! Limits: 16 MiB of raw bytes per record, 65,535 bytes per tenant or source name, 64 characters per group name.

mod batch;
mod commit;
mod config;
mod disk;
mod durable;
mod embedded;
mod encode;
mod flusher;
mod gaps;
mod index;
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

use std::sync::Arc;

use crate::{Record, Result, Timestamp, Topic};

pub use batch::{Batch, Records};
pub use commit::Ack;
pub use config::{Codec, LogConfig, Retention};
pub use gaps::Gap;
pub use reader::Reader;
pub use retention::{Held, Passed, Removed, Retained};

/// A log of topics and partitions. Cloning is cheap: clones share the log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Log {
    /// Segment files in a folder of this machine, no server.
    Embedded(Arc<embedded::Embedded>),
}

impl Log {
    /// Opens the log in `config.dir`, creates it where it does not exist, and recovers what a crash left.
    ///
    /// # Errors
    /// When the configuration is out of its limits, another process has the folder open, or a file cannot be read.
    pub fn open(config: LogConfig) -> Result<Log> {
        let disk = Arc::new(disk::SystemDisk);
        Ok(Log::Embedded(Arc::new(embedded::Embedded::open(config, disk, embedded::Limits::default())?)))
    }

    /// Number of partitions of a topic; partitions count from 0.
    pub fn partitions(&self, topic: Topic) -> u32 {
        let Log::Embedded(log) = self;
        log.partitions(topic)
    }

    /// The partition that holds a source's records: CRC32C of `tenant NUL source`, modulo the partitions.
    pub fn partition_for(&self, topic: Topic, tenant: &str, source: &str) -> u32 {
        let key = crc32c::crc32c_append(crc32c::crc32c(tenant.as_bytes()), b"\0");
        crc32c::crc32c_append(key, source.as_bytes()) % self.partitions(topic).max(1)
    }

    /// Appends records in order; many small appends share one write and one sync.
    ///
    /// Blocks only while the partition's buffer is full (back-pressure), which is also what a full disk comes to.
    ///
    /// # Errors
    /// [`Stopped`](crate::Error::Stopped) after a failed write or sync and after [`close`](Log::close);
    /// an error naming the limit when a record is over it, with nothing appended.
    pub fn append(&self, topic: Topic, partition: u32, records: Vec<Record>) -> Result<Ack> {
        let Log::Embedded(log) = self;
        commit::append(log.partition(topic, partition)?, records)
    }

    /// A reader that starts at offset `from`. Below the start of the log, the first batch carries a gap up to it.
    ///
    /// # Errors
    /// [`Damaged`](crate::Error::Damaged) when `from` is past the end: the folder was replaced or lost its tail, and
    /// waiting would skip records.
    pub fn reader(&self, topic: Topic, partition: u32, from: u64) -> Result<Reader> {
        let Log::Embedded(log) = self;
        Reader::open(log.partition(topic, partition)?, from)
    }

    /// First offset that is still kept; 0 for a partition that does not exist.
    pub fn start_offset(&self, topic: Topic, partition: u32) -> u64 {
        let Log::Embedded(log) = self;
        log.partition(topic, partition).map_or(0, |partition| partition.start_offset())
    }

    /// Offset after the last durable record; 0 for a partition that does not exist.
    pub fn end_offset(&self, topic: Topic, partition: u32) -> u64 {
        let Log::Embedded(log) = self;
        log.partition(topic, partition).map_or(0, |partition| partition.end_offset())
    }

    /// Records durably that a consumer group needs nothing below `next`; registers the group for retention.
    ///
    /// # Errors
    /// When the group's name is not 1 to 64 of `a-z A-Z 0-9 . _ -`, or the file cannot be written.
    pub fn commit(&self, group: &str, topic: Topic, partition: u32, next: u64) -> Result<()> {
        let Log::Embedded(log) = self;
        offsets::commit(log.partition(topic, partition)?, group, next)
    }

    /// The offset a group last committed.
    pub fn committed(&self, group: &str, topic: Topic, partition: u32) -> Option<u64> {
        let Log::Embedded(log) = self;
        log.partition(topic, partition).ok()?.committed(group)
    }

    /// Forgets a group that no longer reads, so that retention no longer waits for it.
    ///
    /// # Errors
    /// When its files cannot be removed.
    pub fn forget_group(&self, group: &str) -> Result<()> {
        let Log::Embedded(log) = self;
        log.all().iter().try_for_each(|partition| offsets::forget(partition, group))
    }

    /// Unlinks whole segments that are over the age or the bytes of the configured [`Retention`].
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn retain(&self, now: Timestamp) -> Result<Retained> {
        let Log::Embedded(log) = self;
        let mut retained = Retained::default();
        log.all().iter().try_for_each(|partition| retention::retain(partition, now, &mut retained))?;
        Ok(retained)
    }

    /// Every known gap: offsets that were given out and cannot be read any more, oldest first per partition.
    pub fn gaps(&self) -> Vec<Gap> {
        let Log::Embedded(log) = self;
        log.all().iter().flat_map(|partition| partition.gaps()).collect()
    }

    /// Partitions that stopped accepting appends, with the first failure of each.
    pub fn stopped(&self) -> Vec<(Topic, u32, String)> {
        let Log::Embedded(log) = self;
        log.all().iter().filter_map(|p| p.stopped().map(|cause| (p.topic, p.number, cause))).collect()
    }

    /// Writes and syncs what is buffered, notes the acknowledged end, and refuses appends from then on.
    ///
    /// Failures are traced; they lose nothing that was acknowledged.
    pub fn close(self) {
        let Log::Embedded(log) = self;
        log.close();
    }
}
