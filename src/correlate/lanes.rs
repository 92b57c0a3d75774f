//! The partitions of `matches` side by side: which of them is read on, and up to when.
//!
//! Detection in order sees their records as one sequence, and what it raises does not depend on that sequence as long as
//! no event is further behind the others than the allowed lateness (10 minutes). A partition whose worker catches up, or
//! reads an imported archive, must therefore not be read far ahead of one that has more to come: it waits while the next
//! event of another is more than [`AHEAD_MAX`] earlier. The one that is furthest behind never waits. A partition counts as
//! done only while its raw records have all been told: one whose worker is held up holds the others up.
//!
//! Time is the event's, at most its receipt. Where a partition stands is the oldest of the events that come next in it,
//! so that one that is dated long after its neighbours does not let the others go ahead.
//!
//! Bound: a batch of each partition (4 MiB, or one larger block) and what the log reads ahead of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use bumpalo::Bump;
use stream::log::{Batch, Log, Reader};
use stream::{Event, NANOS_PER_SECOND, Timestamp, Topic, fields};

use crate::matches::{self, Cursor, Line, Next, Told};

/// How far a partition may be read ahead of another, in nanoseconds.
const AHEAD_MAX: i64 = 60 * NANOS_PER_SECOND;
/// How many of the events that come next tell where a partition stands.
const LOOK_AHEAD: usize = 32;

/// The partitions of `matches`.
pub struct Lanes(Vec<Lane>);

struct Lane {
    partition: u32,
    reader: Reader,
    reading: Option<Reading>,
    /// Offset in `matches` of the block that comes next or is being read.
    at: u64,
    /// The time of the oldest of the events that come next; of those that came last where none is at hand.
    head: i64,
}

/// A batch that is being read.
pub struct Reading {
    /// Blocks.
    pub batch: Batch,
    /// Offset of the block that is being read.
    pub at: u64,
    /// Where in it.
    pub cursor: Cursor,
}

/// What is to be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    lane: usize,
    /// Events after this time wait; the first one never does.
    pub limit: i64,
}

impl Lanes {
    /// All partitions, each from this offset on.
    ///
    /// # Errors
    /// The log cannot be read there.
    pub fn open(log: &Log, at: &BTreeMap<u32, u64>) -> Result<Lanes> {
        let lane = |partition| {
            let at = at.get(&partition).copied().unwrap_or(0);
            let reader = log.reader(Topic::Matches, partition, at)?;
            anyhow::Ok(Lane { partition, reader, reading: None, at, head: i64::MIN })
        };
        Ok(Lanes((0..log.partitions(Topic::Matches)).map(lane).collect::<Result<_>>()?))
    }

    /// Where each partition is to be read on after a restart.
    pub fn at(&self) -> BTreeMap<u32, u64> {
        self.0.iter().map(|lane| (lane.partition, lane.at)).collect()
    }

    /// The partitions of which nothing is at hand, and for which the log has no more.
    pub fn read(&self, log: &Log) -> Vec<u32> {
        let is_read = |lane: &&Lane| {
            lane.reading.is_none() && lane.reader.offset() >= log.end_offset(Topic::Matches, lane.partition)
        };
        self.0.iter().filter(is_read).map(|lane| lane.partition).collect()
    }

    /// Whether what comes next is at hand for every partition for which the log has more.
    pub fn are_at_hand(&self, log: &Log) -> bool {
        self.0.iter().all(|lane| {
            lane.reading.is_some() || lane.reader.offset() >= log.end_offset(Topic::Matches, lane.partition)
        })
    }

    /// Takes what has come; waits for some of it where nothing has. `seen` tells what lies behind, by raw partition.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn fill(&mut self, wait: Duration, seen: &BTreeMap<u32, u64>) -> Result<()> {
        let mut came = false;
        for lane in &mut self.0 {
            came |= lane.fill(Duration::ZERO, seen)?;
        }
        let mut empty: Vec<&mut Lane> = self.0.iter_mut().filter(|lane| lane.reading.is_none()).collect();
        if !came && !wait.is_zero() && !empty.is_empty() {
            // One after the other: a log wakes who waits for one partition.
            let each = wait / empty.len() as u32;
            for lane in &mut empty {
                if lane.fill(each, seen)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// What to read on. `goes` tells which partitions take part, `is_done` whether one's raw records have all been told.
    /// None: there is nothing, or it must wait for what another partition is about to bring.
    pub fn choose(&self, goes: impl Fn(u32) -> bool, mut is_done: impl FnMut(u32) -> bool) -> Option<Choice> {
        let going = || self.0.iter().enumerate().filter(|(_, lane)| goes(lane.partition));
        let (chosen, head) = going()
            .filter(|(_, lane)| lane.reading.is_some())
            .map(|(number, lane)| (number, lane.head))
            .min_by_key(|(_, head)| *head)?;
        let mut limit = i64::MAX;
        for (_, other) in going().filter(|(number, _)| *number != chosen) {
            let may = other.head.saturating_add(AHEAD_MAX);
            if head <= may {
                limit = limit.min(may);
            } else if !is_done(other.partition) {
                return None;
            }
        }
        Some(Choice { lane: chosen, limit })
    }

    /// Gives the chosen batch out, to be read on.
    pub fn take(&mut self, choice: Choice) -> Option<Reading> {
        self.0[choice.lane].reading.take()
    }

    /// Takes a batch back that was read up to where it says; it is let go once all of it was.
    pub fn put_back(&mut self, choice: Choice, reading: Reading, seen: &BTreeMap<u32, u64>) {
        let lane = &mut self.0[choice.lane];
        lane.at = reading.at;
        if reading.at < reading.batch.next_offset() {
            lane.head = head(&reading, seen);
            lane.reading = Some(reading);
        }
    }
}

impl Lane {
    fn fill(&mut self, wait: Duration, seen: &BTreeMap<u32, u64>) -> Result<bool> {
        if self.reading.is_some() {
            return Ok(false);
        }
        let Some(batch) = self.reader.poll(wait).context("read what stage 1 told")? else { return Ok(false) };
        if let Some(gap) = batch.gap() {
            tracing::error!(
                ?gap,
                "what stage 1 told is missing from the log: correlations have a hole; see the gaps file"
            );
        }
        let at = batch.base_offset().max(self.at);
        if at >= batch.next_offset() {
            self.at = batch.next_offset();
            return Ok(true);
        }
        let reading = Reading { batch, at, cursor: Cursor::default() };
        (self.at, self.head) = (at, head(&reading, seen));
        self.reading = Some(reading);
        Ok(true)
    }
}

/// The time of the oldest of the events that come next; the beginning of time where nothing tells one.
fn head(reading: &Reading, seen: &BTreeMap<u32, u64>) -> i64 {
    let Some(record) = reading.batch.iter().find(|record| record.offset >= reading.at) else { return i64::MIN };
    let mut cursor = reading.cursor;
    let (mut oldest, mut looked) = (i64::MAX, 0);
    let read = matches::read(record.raw, &mut cursor, |head, line| {
        if line.offset >= seen.get(&head.partition).copied().unwrap_or(0)
            && let Some(time) = time(line)?
        {
            oldest = oldest.min(time);
            looked += 1;
        }
        Ok(if looked < LOOK_AHEAD { Next::More } else { Next::Stop })
    });
    if read.is_err() || looked == 0 { i64::MIN } else { oldest }
}

/// When what a record came to happened; none for what has no time of its own.
fn time(line: &Line<'_>) -> Result<Option<i64>> {
    match &line.told {
        Told::Quiet(time) => Ok(time.map(|time| time.min(line.received).0)),
        Told::Matched { raw, event, .. } => {
            let arena = Bump::new();
            Ok(time_of(&Event::decode(event, std::str::from_utf8(raw).unwrap_or(""), &arena)?, line.received))
        }
        Told::Tick | Told::Control(_) => Ok(None),
    }
}

/// The time of an event that was received then; none when it has none of its own.
pub fn time_of(event: &Event<'_>, received: Timestamp) -> Option<i64> {
    (!event.has(fields::SEKISHO_PARSE_REASON)).then(|| event.time().min(received).0)
}

#[cfg(test)]
mod tests;
