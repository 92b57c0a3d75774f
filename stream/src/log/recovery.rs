//! Opening a partition: what a crash, a power loss or a broken disk left is read, cut or recorded.
//!
//! Only the last segment can have a tail that was never acknowledged: each earlier one was synced before its successor
//! was created. In it
//! - a batch that is not sound, with no sound one behind it, at or above the checkpoint, is a true tail: cut;
//! - a batch that is not sound with a sound one behind it, or below the checkpoint, is damage: a [`Gap`], nothing cut;
//! - sound batches above the checkpoint are kept, acknowledged or not, and written and synced again before anyone reads
//!   them: after a failed sync the page cache may hold what the disk does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, DiskFile, io_error, read_exact_at};
use super::durable::read_numbers;
use super::flusher::Active;
use super::gaps::Gap;
use super::index::Index;
use super::partition::{CHECKPOINT, State};
use super::segment::{self, Found, HEADER_BYTES, Scanner, Segment, base_of, file_name};
use super::{gaps, offsets};
use crate::{Result, Topic};

const COPY_BYTES: u64 = 1 << 20;

/// A partition as found on the disk.
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) active: Active,
    /// Gaps found now, to be recorded.
    pub(super) gaps: Vec<Gap>,
}

struct Recovery<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    topic: Topic,
    partition: u32,
    /// Everything below was acknowledged.
    acknowledged: u64,
    gaps: Vec<Gap>,
}

/// Reads a partition's folder and makes it fit for appending.
pub(super) fn recover(disk: &dyn Disk, dir: &Path, topic: Topic, partition: u32) -> Result<Recovered> {
    // A rename that is seen now must be there after the next power loss too.
    for folder in [dir, &dir.join(offsets::FOLDER)] {
        disk.sync_dir(folder).map_err(io_error("sync", folder))?;
    }
    let [start, acknowledged] = read_numbers(disk, &dir.join(CHECKPOINT))?.unwrap_or([0, 0]);
    let mut recovery = Recovery { disk, dir, topic, partition, acknowledged, gaps: Vec::new() };
    let mut segments = recovery.segments(start)?;
    let active = match segments.pop() {
        Some(last) => {
            let first = segments.first().map_or(last.base, |segment| segment.base);
            recovery.gap(start, first, "the oldest segment files are missing");
            recovery.last(last, &mut segments)?
        }
        None => {
            recovery.gap(start, acknowledged, "every segment file is missing");
            recovery.create(acknowledged, &mut segments)?
        }
    };
    disk.sync_dir(dir).map_err(io_error("sync", dir))?;
    let (active, end) = active;
    let state = State {
        next_offset: end,
        durable_end: end,
        segments,
        gaps: gaps::load(disk, dir, topic, partition)?,
        groups: offsets::load(disk, dir)?,
        ..State::default()
    };
    Ok(Recovered { state, active, gaps: recovery.gaps })
}

impl Recovery<'_> {
    fn gap(&mut self, from: u64, to: u64, reason: &str) {
        if from < to {
            let (topic, partition) = (self.topic, self.partition);
            self.gaps.push(Gap { topic, partition, from, to, reason: reason.to_owned() });
        }
    }

    /// Every segment file in order; the index of the closed ones is built when it is needed. Those that retention was
    /// about to unlink, all of them below `start`, are unlinked.
    fn segments(&self, start: u64) -> Result<Vec<Arc<Segment>>> {
        let names = self.disk.list(self.dir).map_err(io_error("list", self.dir))?;
        let mut bases: Vec<u64> = names.iter().filter_map(|name| base_of(name)).collect();
        bases.sort_unstable();
        let gone = bases.windows(2).take_while(|pair| pair[1] <= start).count();
        for base in bases.drain(..gone) {
            let path = self.dir.join(file_name(base));
            self.disk.remove(&path).map_err(io_error("remove", &path))?;
        }
        let measure = |base: u64| {
            let path = self.dir.join(file_name(base));
            let bytes = self.disk.open(&path).and_then(|file| file.bytes()).map_err(io_error("open", &path))?;
            Ok(Arc::new(Segment::new(base, path, bytes, None)))
        };
        bases.into_iter().map(measure).collect()
    }

    /// A new segment to write to, pushed onto the list.
    fn create(&self, base: u64, segments: &mut Vec<Arc<Segment>>) -> Result<(Active, u64)> {
        let path = self.dir.join(file_name(base));
        let (file, salt) = segment::create(self.disk, self.dir, base).map_err(io_error("create", &path))?;
        let segment = Arc::new(Segment::new(base, path, HEADER_BYTES as u64, Some(Index::new())));
        segments.push(segment.clone());
        Ok((Active { segment, file, salt, bytes: HEADER_BYTES as u64 }, base))
    }

    /// Recovers the last segment; returns what to write to and the end of the log.
    fn last(&mut self, last: Arc<Segment>, segments: &mut Vec<Arc<Segment>>) -> Result<(Active, u64)> {
        let limit = last.bytes();
        let mut scanner = Scanner::open(self.disk, &last).map_err(io_error("open", &last.path))?;
        let (index, at, end) = self.scan(&mut scanner, &last, limit)?;
        let Some(salt) = scanner.salt() else {
            self.set_aside(&last.path, last.base, limit)?;
            return self.create(last.base.max(self.acknowledged), segments);
        };
        if end < self.acknowledged {
            self.gap(end, self.acknowledged, "acknowledged batches at the end are damaged or missing");
            segments.push(last);
            return self.create(self.acknowledged, segments);
        }
        let file = scanner.into_file();
        self.settle(file.as_ref(), &last.path, index.position(self.acknowledged.min(end)), at, limit)?;
        last.set_bytes(at);
        *last.index.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(index);
        segments.push(last.clone());
        Ok((Active { segment: last, file, salt, bytes: at }, end))
    }

    /// Reads every batch; returns the index, the position after the last sound batch, and the offset after it.
    fn scan(&mut self, scanner: &mut Scanner, last: &Segment, limit: u64) -> Result<(Index, u64, u64)> {
        let fail = |error| io_error("read", &last.path)(error);
        let (mut index, mut at, mut end) = (Index::new(), HEADER_BYTES as u64, last.base);
        loop {
            let reason = match scanner.batch(at, limit).map_err(fail)? {
                Found::End => break,
                Found::Batch(header, _) if header.base >= end => {
                    self.gap(end, header.base, "batches are missing in front of a sound one");
                    index.add(at, &header);
                    end = header.next();
                    at += header.total_bytes();
                    continue;
                }
                Found::Batch(..) => "a batch repeats offsets",
                Found::Bad(reason) => reason,
            };
            let Some((found, header)) = scanner.resync(at + 1, limit, end).map_err(fail)? else { break };
            self.gap(end, header.base, reason);
            // The gap is noted: count from the batch behind it.
            end = header.base;
            at = found;
        }
        Ok((index, at.min(limit.max(HEADER_BYTES as u64)), end))
    }

    /// Cuts a tail that was never acknowledged, and makes durable whatever may not have been, the header too.
    fn settle(&self, file: &dyn DiskFile, path: &Path, from: u64, at: u64, limit: u64) -> Result<()> {
        if at < limit {
            tracing::info!(path = %path.display(), bytes = limit - at, "cut an unfinished write that was not acknowledged");
            file.truncate(at).map_err(io_error("truncate", path))?;
        }
        let mut position = if from <= HEADER_BYTES as u64 { 0 } else { from };
        while position < at {
            let count = COPY_BYTES.min(at - position);
            let bytes = read_exact_at(file, count as usize, position).map_err(io_error("read", path))?;
            file.write_at(&bytes, position).map_err(io_error("write", path))?;
            position += count;
        }
        file.sync_all().map_err(io_error("sync", path))
    }

    /// Deals with a last segment that has neither a sound header nor a sound batch.
    fn set_aside(&mut self, path: &Path, base: u64, bytes: u64) -> Result<()> {
        if bytes <= HEADER_BYTES as u64 {
            // Its creation was not finished: a batch is written only after the header is durable.
            self.gap(base, self.acknowledged, "acknowledged batches at the end are missing");
            return self.disk.remove(path).map_err(io_error("remove", path));
        }
        let aside = PathBuf::from(format!("{}.damaged", path.display()));
        tracing::error!(path = %aside.display(), bytes, "no batch of the last segment can be read; it was set aside");
        self.gap(base, self.acknowledged, "no batch of the segment can be read");
        self.disk.rename(path, &aside).map_err(io_error("set aside", path))
    }
}
