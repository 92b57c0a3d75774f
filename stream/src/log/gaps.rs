//! Gaps: offsets that were given out and cannot be read, kept in the partition's `gaps` file (one JSON object a line).
//!
//! At most [`GAPS_MAX`] gaps are kept per partition; later ones are still reported to readers and traced.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::disk::{Disk, read_small};
use super::durable::write_atomic;
use super::partition::Partition;
use crate::{Result, Topic, metrics};

const GAPS_MAX: usize = 4_096;
const FILE: &str = "gaps";

/// Offsets `from..to` of a partition that no reader will get, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: u32,
    /// First missing offset.
    pub from: u64,
    /// Offset after the last missing one.
    pub to: u64,
    /// What happened, for people.
    pub reason: String,
}

impl Gap {
    /// Number of missing records.
    pub fn count(&self) -> u64 {
        self.to.saturating_sub(self.from)
    }
}

#[derive(Serialize, Deserialize)]
struct Line {
    from: u64,
    to: u64,
    reason: String,
}

/// Reads the gaps of a partition; lines that cannot be read are traced and left out.
pub(super) fn load(disk: &dyn Disk, dir: &Path, topic: Topic, partition: u32) -> Result<Vec<Gap>> {
    let path = dir.join(FILE);
    let bytes = read_small(disk, &path)?.unwrap_or_default();
    let mut gaps = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).take(GAPS_MAX) {
        match serde_json::from_slice::<Line>(line) {
            Ok(Line { from, to, reason }) => gaps.push(Gap { topic, partition, from, to, reason }),
            Err(error) => tracing::error!(path = %path.display(), %error, "a line of the gaps file is damaged"),
        }
    }
    Ok(gaps)
}

/// Records a gap durably and traces it, unless it is known; overlapping ones become one. A failure to write is traced: the gap stays in memory.
pub(super) fn record(partition: &Partition, gap: &Gap) {
    let _one_writer = partition.lock_files();
    let all = {
        let mut state = partition.lock();
        let Some(more) = merge(&mut state.gaps, gap) else { return };
        metrics::GAP_RECORDS.with_label_values(&partition.labels()).inc_by(more);
        state.gaps.clone()
    };
    if let Err(error) = save(partition.disk.as_ref(), &partition.dir, &all) {
        tracing::error!(%error, "cannot write the gaps file");
    }
}

/// Traces a gap and adds it to the known ones of its partition; overlapping ones become one. Gives how many more records
/// are missing, or nothing when it was known.
pub(super) fn merge(known: &mut Vec<Gap>, gap: &Gap) -> Option<u64> {
    if known.iter().any(|known| known.from <= gap.from && gap.to <= known.to) {
        return None;
    }
    tracing::error!(
        topic = gap.topic.name(), partition = gap.partition, from = gap.from, to = gap.to, reason = %gap.reason,
        "records are missing from the log"
    );
    let mut union = gap.clone();
    let mut counted = 0;
    known.retain(|other| {
        let overlaps = other.from < gap.to && gap.from < other.to;
        if overlaps {
            counted += other.count();
            union.from = union.from.min(other.from);
            union.to = union.to.max(other.to);
        }
        !overlaps
    });
    let more = union.count().saturating_sub(counted);
    if known.len() < GAPS_MAX {
        let at = known.partition_point(|known| known.from < union.from);
        known.insert(at, union);
    }
    Some(more)
}

/// Writes the whole gaps file.
pub(super) fn save(disk: &dyn Disk, dir: &Path, gaps: &[Gap]) -> Result<()> {
    let mut text = Vec::new();
    for gap in gaps {
        let line = Line { from: gap.from, to: gap.to, reason: gap.reason.clone() };
        let written = serde_json::to_writer(&mut text, &line);
        written.expect("writing to memory does not fail");
        text.push(b'\n');
    }
    write_atomic(disk, dir, FILE, &text)
}
