//! Retention: whole segments are unlinked, the oldest first, never the one that is written to.
//!
//! Age waits for every registered group and says which one held it, and so does a file system that is nearly full: what
//! nobody has worked off is not given up for space. Bytes do not wait, because they were set by hand as an end: what a
//! group had not read is said, traced as an error, and kept as a gap.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::config::Retention;
use super::disk::io_error;
use super::gaps::{self, Gap};
use super::index;
use super::partition::Partition;
use super::segment::Segment;
use crate::{Result, Timestamp, Topic, metrics};

/// What [`Log::retain`](super::Log::retain) did and did not do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Segments that were removed.
    pub removed: Vec<Removed>,
    /// Segments that are old enough but that a group still has to read: kept.
    pub held: Vec<Held>,
    /// Records that were removed for space before a group read them: lost to it.
    pub passed: Vec<Passed>,
}

/// A removed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: u32,
    /// First offset that was removed.
    pub from: u64,
    /// Offset after the last one.
    pub to: u64,
    /// Size of the file.
    pub bytes: u64,
}

/// A group that age retention waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: u32,
    /// The slowest group.
    pub group: String,
    /// The offset it committed.
    pub committed: u64,
    /// First offset of the segment that is kept for it.
    pub from: u64,
}

/// A group that space retention did not wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: u32,
    /// The group.
    pub group: String,
    /// First offset it had not read.
    pub from: u64,
    /// Offset after the last one that was removed.
    pub to: u64,
}

/// Applies the policy to one partition.
pub(super) fn retain(partition: &Partition, now: Timestamp, retained: &mut Retained) -> Result<()> {
    let policy = policy(partition);
    let (segments, groups) = {
        let state = partition.lock();
        (state.segments.clone(), state.groups.clone())
    };
    let slowest = groups.iter().min_by_key(|(_, next)| **next);
    let oldest = policy.age.map(|age| now.plus_nanos(-i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)));
    let mut bytes: u64 = segments.iter().map(|segment| segment.bytes()).sum();
    let mut wanted = short_of(partition)?;
    let mut gone = 0;
    for pair in segments.windows(2) {
        let (segment, end) = (&pair[0], pair[1].base);
        let over_bytes = policy.bytes.is_some_and(|most| bytes > most);
        let over_age = match oldest {
            Some(oldest) if !over_bytes && wanted == 0 => newest(partition, segment)? < oldest,
            _ => false,
        };
        // Space is made of what was worked off only; before any group registered, nothing was.
        let over_space = wanted > 0 && !groups.is_empty();
        if !over_bytes && !over_age && !over_space {
            break;
        }
        if let Some((group, &committed)) = slowest.filter(|(_, next)| **next < end && !over_bytes) {
            tracing::warn!(
                topic = partition.topic.name(),
                partition = partition.number,
                group,
                committed,
                "retention waits for a group that has not read old records"
            );
            let (topic, number, from) = (partition.topic, partition.number, segment.base);
            retained.held.push(Held { topic, partition: number, group: group.clone(), committed, from });
            break;
        }
        bytes -= segment.bytes();
        wanted = wanted.saturating_sub(segment.bytes());
        gone += 1;
    }
    if gone > 0 {
        let end = segments[gone].base;
        pass(partition, &groups, segments[0].base, end, retained);
        remove(partition, &segments[..gone], end, retained)?;
    }
    Ok(())
}

/// What stage 1 tells stage 2 can be made again from the raw records: it is not kept for years.
const MATCHES_AGE: Duration = Duration::from_secs(7 * 86_400);

fn policy(partition: &Partition) -> Retention {
    let policy = partition.config.retention;
    match policy.age {
        Some(age) if partition.topic == Topic::Matches => Retention { age: Some(age.min(MATCHES_AGE)), ..policy },
        _ => policy,
    }
}

/// Bytes that are missing to the share of the file system that is to stay free.
fn short_of(partition: &Partition) -> Result<u64> {
    let policy = partition.config.retention;
    if policy.free_percent_min == 0 {
        return Ok(0);
    }
    let space = partition.disk.space(&partition.dir).map_err(io_error("measure the file system of", &partition.dir))?;
    let short = policy.reserve_bytes(space.total_bytes).saturating_sub(space.free_bytes);
    if short > 0 {
        tracing::warn!(
            topic = partition.topic.name(),
            partition = partition.number,
            free_bytes = space.free_bytes,
            short_bytes = short,
            "the disk is nearly full; the oldest records that were worked off are removed"
        );
    }
    Ok(short)
}

/// Receipt time of a closed segment's newest record.
fn newest(partition: &Partition, segment: &Segment) -> Result<Timestamp> {
    let mut slot = segment.index.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.is_none() {
        *slot = Some(index::build(partition.disk.as_ref(), segment).map_err(io_error("read", &segment.path))?);
    }
    Ok(Timestamp(slot.as_ref().map_or(i64::MAX, |index| index.received_max)))
}

/// Says which groups lose records, before they do.
fn pass(partition: &Partition, groups: &BTreeMap<String, u64>, start: u64, end: u64, retained: &mut Retained) {
    let (topic, number) = (partition.topic, partition.number);
    for (group, &next) in groups.iter().filter(|(_, next)| **next < end) {
        let from = next.max(start);
        tracing::error!(
            topic = topic.name(),
            partition = number,
            group,
            from,
            to = end,
            "records were removed for space before a group read them; raise retention.bytes or speed the group up"
        );
        retained.passed.push(Passed { topic, partition: number, group: group.clone(), from, to: end });
        let reason = format!("removed for space before group {group} read them");
        gaps::record(partition, &Gap { topic, partition: number, from, to: end, reason });
    }
}

/// Notes the new start durably, then unlinks: a crash in between leaves files, not a false gap.
pub(super) fn remove(
    partition: &Partition,
    segments: &[Arc<Segment>],
    end: u64,
    retained: &mut Retained,
) -> Result<()> {
    partition.forget_below(end)?;
    for (at, segment) in segments.iter().enumerate() {
        let to = segments.get(at + 1).map_or(end, |next| next.base);
        match partition.disk.remove(&segment.path) {
            // Another call was faster.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            removed => removed.map_err(io_error("remove", &segment.path))?,
        }
        tracing::info!(
            topic = partition.topic.name(),
            partition = partition.number,
            from = segment.base,
            to,
            "retention removed a segment"
        );
        metrics::REMOVED_RECORDS.with_label_values(&partition.labels()).inc_by(to - segment.base);
        let (topic, number, bytes) = (partition.topic, partition.number, segment.bytes());
        retained.removed.push(Removed { topic, partition: number, from: segment.base, to, bytes });
    }
    partition.disk.sync_dir(&partition.dir).map_err(io_error("sync", &partition.dir))?;
    partition.show_offsets();
    Ok(())
}
