//! Stage 2, where the stream has several raw partitions: detection in order, over what stage 1 told.
//!
//! It reads topic `matches` ([`crate::matches`]) and does with every record what a single worker does with the records
//! themselves, so alerts, ids and evidence are those of one partition, and of `sekisho detect`. The order in which the
//! partitions' records come is that of the topic, which is durable: a replay sees the same.
//!
//! Exactness. One transaction holds alerts and how far in the topic they were told; another, now and then, the state of
//! detection with the position in the topic and how far each raw partition has come. After a crash it goes on from that
//! state; what it tells again is passed over, and stretches that stage 1 told twice are known by their offsets.
//!
//! The clock of silences is the least of the partitions' clocks, so that a partition that is behind is not taken for
//! silent. A new revision judges from the first control record on that names it; what another partition matched by the
//! revision before is matched anew, as long as it matched something.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bumpalo::Bump;
use detect::{Engine, Matcher, Meta, Outcome};
use serde::{Deserialize, Serialize};
use store::{AlertChange, DetectionBatch, StatePart};
use stream::log::{Batch, Reader};
use stream::{Event, EventId, Timestamp, Topic, Value, fields};

use crate::matches::{self, Head, Line, Told};
use crate::revision;
use crate::worker::{
    ARENA_BYTES_KEPT, POLL, POLL_LAST, PROGRESS_EVERY, Parts, UNREADABLE_CONTROLS, change, insist, known_or,
};

/// The number under which the database keeps a partition of `matches`: above those of raw partitions.
pub const MATCHES_BASE: u32 = 1 << 20;
/// How often the state of detection is written.
const STATE_EVERY: Duration = Duration::from_secs(10);

/// What is known of the raw partitions; stored with the state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    /// By raw partition: the offset after the last record that was judged.
    next: BTreeMap<u32, u64>,
    /// By raw partition: its newest clock.
    ticks: BTreeMap<u32, i64>,
    /// The clock that detection was told last.
    tick: i64,
}

/// The owner of a partition of `matches`.
pub struct Correlator {
    parts: Parts,
    matches: u32,
    raw_partitions: u32,
    engine: Engine,
    matcher: Matcher,
    reader: Reader,
    next: u64,
    /// Below this offset, alerts were told and stored before the restart.
    told: u64,
    seen: Seen,
    outcomes: Vec<Outcome>,
    changes: Vec<AlertChange>,
    matched: Vec<u32>,
    received: Timestamp,
    progress_at: Instant,
    state_at: Instant,
    /// Whether there is anything that the stored state does not have.
    dirty: bool,
}

impl Correlator {
    /// Restores the state and stands behind it.
    ///
    /// # Errors
    /// The stored state cannot be read.
    pub fn open(mut parts: Parts, matches: u32) -> Result<Correlator> {
        let mut engine = parts.loaded.engine();
        let (mut next, mut seen) = (0, Seen::default());
        let stored = parts.database.detection_state(MATCHES_BASE + matches)?;
        let taken_over = stored.is_none();
        // A folder that had one partition goes on with what its worker knew.
        if let Some((offset, sealed)) = stored.map_or_else(|| parts.database.detection_state(0), |own| Ok(Some(own)))? {
            let revision = sealed.first().and_then(|whole| revision::unseal(whole)).map(|(revision, _)| revision);
            if let Some(revision) = revision.filter(|revision| *revision != parts.loaded.revision) {
                parts.loaded = known_or(&parts, revision);
                engine = parts.loaded.engine();
            }
            let mut states: Vec<&[u8]> = Vec::new();
            for part in &sealed {
                let mut state = revision::unseal(part).map_or(&[][..], |part| part.1);
                if !taken_over {
                    (seen, state) = postcard::take_from_bytes(state).context("read how far detection has come")?;
                }
                states.push(state);
            }
            if let Err(error) = engine.resume(&states) {
                tracing::error!(offset, %error, "the state of detection cannot be read: windows, suppressions and what rules learned start afresh here");
            }
            if taken_over {
                seen.next.insert(0, offset);
                // Under this number nothing is stored yet: the next part is a whole one.
                let whole = engine.snapshot().context("write down the state of detection")?;
                engine = parts.loaded.engine();
                engine.restore(&whole).context("take over the correlation state")?;
            } else {
                next = offset;
            }
        }
        let told = parts.database.counted(MATCHES_BASE + matches)?;
        let reader = parts.log.reader(Topic::Matches, matches, next)?;
        tracing::info!(matches, next, told, "correlation starts");
        let now = Instant::now();
        Ok(Correlator {
            matcher: engine.matcher(),
            raw_partitions: parts.log.partitions(Topic::Raw),
            engine,
            parts,
            matches,
            reader,
            next,
            told,
            seen,
            outcomes: Vec::new(),
            changes: Vec::new(),
            matched: Vec::new(),
            received: Timestamp::default(),
            progress_at: now,
            state_at: now,
            // What was taken over from a single worker is stored before that worker's row is used otherwise.
            dirty: taken_over,
        })
    }

    /// Works until told to stop, then until everything told is judged, and commits.
    ///
    /// # Errors
    /// The log or the database failed; what was not committed is done again after a restart.
    pub fn run(mut self, stop: &AtomicBool) -> Result<()> {
        let mut arena = Bump::new();
        loop {
            let stopping = stop.load(Ordering::Acquire);
            match self.reader.poll(if stopping { POLL_LAST } else { POLL })? {
                Some(batch) => self.batch(&batch, &mut arena, stop)?,
                None if stopping && self.next >= self.parts.log.end_offset(Topic::Matches, self.matches) => break,
                None => {}
            }
            self.keep_up(stop)?;
        }
        self.save(stop)?;
        self.save_state(stop)
    }

    /// Stores what was taken over, before anything else writes.
    ///
    /// # Errors
    /// The database refused.
    pub fn settle(&mut self) -> Result<()> {
        if self.dirty { self.save_state(&AtomicBool::new(true)) } else { Ok(()) }
    }

    fn batch(&mut self, batch: &Batch, arena: &mut Bump, stop: &AtomicBool) -> Result<()> {
        if let Some(gap) = batch.gap() {
            tracing::error!(
                ?gap,
                "what stage 1 told is missing from the log: correlations have a hole; see the gaps file"
            );
        }
        let from = self.next;
        for record in batch.iter().filter(|record| record.offset >= from) {
            if let Err(error) = self.block(record.raw, arena) {
                // It will read the same at every start; what it spoke of is missing, and somebody is told.
                tracing::error!(
                    offset = record.offset,
                    error = format!("{error:#}"),
                    "a block of matches is passed over"
                );
                UNREADABLE_CONTROLS.inc();
            }
            if record.offset < self.told {
                self.outcomes.clear();
            }
            self.received = self.received.max(record.received);
            self.changes.extend(self.outcomes.drain(..).map(change));
            if arena.allocated_bytes() > ARENA_BYTES_KEPT {
                *arena = Bump::new();
            }
            arena.reset();
        }
        self.next = batch.next_offset().max(self.next);
        self.dirty = true;
        if !self.changes.is_empty() {
            self.save(stop)?;
        }
        Ok(())
    }

    fn block(&mut self, block: &[u8], arena: &Bump) -> Result<()> {
        let head = matches::read(block, |head, line| {
            if line.offset < self.seen.next.get(&head.partition).copied().unwrap_or(0) {
                return Ok(());
            }
            self.line(head, line, arena)
        })?;
        let seen = self.seen.next.entry(head.partition).or_insert(0);
        if head.from > *seen {
            tracing::error!(
                partition = head.partition,
                from = *seen,
                to = head.from,
                "stage 1 told nothing of these records"
            );
        }
        *seen = head.to.max(*seen);
        Ok(())
    }

    fn line(&mut self, head: &Head<'_>, line: Line<'_>, arena: &Bump) -> Result<()> {
        let id = EventId::new(head.partition, line.offset);
        let meta = |raw| Meta { id, tenant: line.tenant, source: line.source, received: line.received, raw };
        match line.told {
            Told::Quiet(time) => {
                let mut event = Event::new_in(arena);
                event.push(fields::TIMESTAMP, Value::Time(time.unwrap_or(line.received)));
                if time.is_none() {
                    event.push(fields::SEKISHO_PARSE_REASON, Value::Str("no time of its own"));
                }
                self.engine.observe_matched(&meta(&[]), &mut event, &[], &mut self.outcomes);
            }
            Told::Matched { raw, event, matched } => {
                let original = std::str::from_utf8(raw).unwrap_or("");
                let mut event = Event::decode(event, original, arena)?;
                self.matched.clear();
                if head.revision == self.parts.loaded.revision {
                    self.matched.extend_from_slice(&matched);
                } else {
                    self.matcher.matched(&event, &mut self.matched);
                }
                let matched = std::mem::take(&mut self.matched);
                self.engine.observe_matched(&meta(raw), &mut event, &matched, &mut self.outcomes);
                self.matched = matched;
            }
            Told::Tick => self.tick(head.partition, line.received),
            Told::Control(raw) => self.control(head.partition, raw)?,
        }
        Ok(())
    }

    /// A partition's clock; detection is told the least of all.
    fn tick(&mut self, partition: u32, now: Timestamp) {
        let tick = self.seen.ticks.entry(partition).or_insert(now.0);
        *tick = now.0.max(*tick);
        let all = self.seen.ticks.len() >= self.raw_partitions as usize;
        let least = self.seen.ticks.values().min().copied().unwrap_or(i64::MIN);
        if all && least > self.seen.tick {
            self.seen.tick = least;
            self.engine.tick(Timestamp(least), &mut self.outcomes);
        }
    }

    /// Another revision judges, from the first partition on that names it. Rules that are in both keep their state.
    fn control(&mut self, partition: u32, raw: &[u8]) -> Result<()> {
        let id = match revision::announced(raw) {
            Ok(id) => id,
            Err(error) => {
                let using = &self.parts.loaded.revision;
                tracing::error!(partition, error = format!("{error:#}"), using, "a control record is passed over");
                UNREADABLE_CONTROLS.inc();
                return Ok(());
            }
        };
        if id == self.parts.loaded.revision {
            return Ok(());
        }
        let state = self.engine.snapshot().context("write down the state of detection")?;
        self.parts.loaded = known_or(&self.parts, &id);
        self.engine = self.parts.loaded.engine();
        self.engine.restore(&state).context("take over the correlation state")?;
        self.matcher = self.engine.matcher();
        tracing::info!(partition, revision = id, "rules and ledgers changed");
        Ok(())
    }

    /// Commits what is due.
    fn keep_up(&mut self, stop: &AtomicBool) -> Result<()> {
        let now = Instant::now();
        if self.dirty && now.duration_since(self.progress_at) >= PROGRESS_EVERY {
            self.progress_at = now;
            if let Some(metrics) = &mut self.parts.metrics {
                metrics.publish(&self.engine.stats());
            }
        }
        if self.dirty && now.duration_since(self.state_at) >= STATE_EVERY {
            self.save_state(stop)?;
        }
        Ok(())
    }

    /// One transaction: alerts, pages, and up to where they were told.
    fn save(&mut self, stop: &AtomicBool) -> Result<()> {
        let batch = DetectionBatch {
            partition: MATCHES_BASE + self.matches,
            next_offset: self.next,
            outcomes: &self.changes,
            state: None,
            sources: &[],
            received: self.received,
        };
        let database = &self.parts.database;
        let applied = insist(&mut self.parts.indexer, stop, |_| database.apply(batch))?;
        for id in &applied.new_alerts {
            tracing::info!(alert = %id, "alert");
        }
        self.changes.clear();
        Ok(())
    }

    /// Stores the state of detection.
    fn save_state(&mut self, stop: &AtomicBool) -> Result<()> {
        let state = self.engine.checkpoint().context("write down the state of detection")?;
        let mut bytes = postcard::to_stdvec(&self.seen).context("write down how far detection has come")?;
        bytes.extend_from_slice(&state.bytes);
        let bytes = revision::seal(&self.parts.loaded.revision, &bytes);
        let batch = DetectionBatch {
            partition: MATCHES_BASE + self.matches,
            next_offset: self.next,
            outcomes: &[],
            state: Some(StatePart { part: state.part, bytes: &bytes }),
            sources: &[],
            received: self.received,
        };
        let database = &self.parts.database;
        insist(&mut self.parts.indexer, stop, |_| database.apply(batch))?;
        self.parts.log.commit("sekisho", Topic::Matches, self.matches, self.next)?;
        self.state_at = Instant::now();
        self.dirty = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
