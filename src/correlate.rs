//! Stage 2, where the stream has several raw partitions: detection in order, over what stage 1 told.
//!
//! It reads topic `matches` ([`crate::matches`]) and does with every record what a single worker does with the records
//! themselves, so alerts, ids and evidence are those of one partition, and of `sekisho detect`. [`lanes`] keeps the
//! partitions together in time; within that their order is as it comes, and nothing depends on it.
//!
//! Exactness. What detection raised is kept together with how far in each raw partition that goes; the state of detection
//! is stored now and then with how far it has seen each. After a crash it goes on from that state: first, up to where it
//! had told, it tells nothing, then it goes on as before. Stretches that stage 1 told twice are known by their offsets.
//!
//! The clock of silences is the least of the partitions' clocks, so that a partition that is behind is not taken for
//! silent. A new revision judges from the first control record on that names it, where the state is stored: a replay
//! never begins before it. What another partition matched by the revision before is matched anew, as long as it matched
//! something.

mod lanes;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bumpalo::Bump;
use detect::{Engine, Matcher, Meta, Outcome};
use serde::{Deserialize, Serialize};
use store::{AlertChange, DetectionBatch, StatePart};
use stream::{Event, EventId, Timestamp, Topic, Value, fields};

use crate::matches::{self, Cursor, Head, Line, Next, Told};
use crate::raised::Raiser;
use crate::revision;
use crate::worker::{
    AGAIN_EVERY, ARENA_BYTES_KEPT, POLL, POLL_LAST, PROGRESS_EVERY, Parts, UNREADABLE_CONTROLS, change, insist,
    known_or,
};
use lanes::{Choice, Lanes};

/// Numbers under which the database keeps what is no raw partition, above all of those.
const NUMBERS: u32 = 1 << 20;
/// Of a development version, which had one partition of `matches`.
const FORMER: u32 = NUMBERS;
/// The state of detection.
const STATE: u32 = NUMBERS + 1;
/// How far what detection raised goes.
const RAISED: u32 = NUMBERS + 2;
/// How often the state of detection is written.
const STATE_EVERY: Duration = Duration::from_secs(10);

/// What is known of the partitions; stored with the state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    /// By raw partition: the offset after the last record that was judged.
    next: BTreeMap<u32, u64>,
    /// By raw partition: its newest clock.
    ticks: BTreeMap<u32, i64>,
    /// The clock that detection was told last.
    tick: i64,
    /// By partition of `matches`: the offset to read on from.
    at: BTreeMap<u32, u64>,
}

/// Where what detection raises goes.
pub enum Teller {
    /// Into this process's database.
    Database,
    /// Into topic `alerts`, for the process that serves.
    Topic(Raiser),
}

/// The owner of topic `matches`.
pub struct Correlator {
    parts: Parts,
    teller: Teller,
    engine: Engine,
    matcher: Matcher,
    lanes: Lanes,
    seen: Seen,
    /// By raw partition: what was raised from below this offset was told before the start, and is not told again.
    told: BTreeMap<u32, u64>,
    outcomes: Vec<Outcome>,
    changes: Vec<AlertChange>,
    matched: Vec<u32>,
    received: Timestamp,
    progress_at: Instant,
    state_at: Instant,
    opened: Instant,
    /// Whether there is anything that the stored state does not have.
    dirty: bool,
    /// Whether another revision judges since the state was stored.
    changed: bool,
}

impl Correlator {
    /// Restores the state and stands behind it.
    ///
    /// # Errors
    /// The stored state cannot be read.
    pub fn open(mut parts: Parts, teller: Teller) -> Result<Correlator> {
        ensure!(
            parts.database.detection_state(FORMER)?.is_none(),
            "this data folder was written by a development version; use an empty one, and `sekisho import` the archive"
        );
        let mut engine = parts.loaded.engine();
        let mut seen = Seen::default();
        let mut told = match &teller {
            Teller::Database => read_told(&parts)?,
            Teller::Topic(raiser) => raiser.told().clone(),
        };
        let mut stored = parts.database.detection_state(STATE)?;
        if let Teller::Topic(_) = &teller
            && stored.as_ref().is_some_and(|(_, sealed)| is_beyond(sealed, &told))
        {
            // It was stored when another process had taken over already, and what it raised since did not count.
            tracing::warn!("the stored state is beyond what was told; correlation begins with what the stream holds");
            stored = None;
        }
        let taken_over = stored.is_none() && matches!(teller, Teller::Database);
        // A folder that had one partition goes on with what its worker knew.
        if taken_over {
            stored = parts.database.detection_state(0)?;
        }
        if let Some((offset, sealed)) = stored {
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
                told.insert(0, parts.database.counted(0)?);
                // Under this number nothing is stored yet: the next part is a whole one.
                let whole = engine.snapshot().context("write down the state of detection")?;
                engine = parts.loaded.engine();
                engine.restore(&whole).context("take over the correlation state")?;
            }
        }
        let lanes = Lanes::open(&parts.log, &seen.at)?;
        tracing::info!(next = ?seen.next, ?told, "correlation starts");
        let now = Instant::now();
        Ok(Correlator {
            matcher: engine.matcher(),
            engine,
            parts,
            teller,
            lanes,
            seen,
            told,
            outcomes: Vec::new(),
            changes: Vec::new(),
            matched: Vec::new(),
            received: Timestamp::default(),
            progress_at: now,
            state_at: now,
            opened: now,
            // What was taken over from a single worker is stored before that worker's row is used otherwise.
            dirty: taken_over,
            changed: false,
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
            let wait = if stopping { POLL_LAST } else { POLL };
            // Where something must be waited for, it is not the end: what is left is judged after the next start.
            if !self.work(wait, &mut arena, stop)? && stopping && self.is_read() {
                break;
            }
            if stopping && self.is_held_up() {
                tracing::warn!("a partition that is behind holds up the others; they are judged after the next start");
                break;
            }
        }
        self.finish(stop)
    }

    /// Reads on and commits what is due; waits so long where there is nothing to read. Gives whether there was.
    ///
    /// # Errors
    /// As [`Correlator::run`].
    pub fn work(&mut self, wait: Duration, arena: &mut Bump, stop: &AtomicBool) -> Result<bool> {
        self.lanes.fill(Duration::ZERO, &self.seen.next)?;
        let mut choice = self.choose();
        if choice.is_none() {
            self.lanes.fill(wait, &self.seen.next)?;
            self.give_up();
            choice = self.choose();
        }
        if let Some(choice) = choice {
            self.advance(choice, arena, stop)?;
        }
        self.keep_up(stop)?;
        Ok(choice.is_some())
    }

    /// Stores everything.
    ///
    /// # Errors
    /// As [`Correlator::run`].
    pub fn finish(&mut self, stop: &AtomicBool) -> Result<()> {
        self.save_state(stop)
    }

    /// Stores what was taken over, before anything else writes.
    ///
    /// # Errors
    /// The database refused.
    pub fn settle(&mut self) -> Result<()> {
        if self.dirty { self.save_state(&AtomicBool::new(true)) } else { Ok(()) }
    }

    /// Where what it raises goes.
    pub fn teller(&self) -> &Teller {
        &self.teller
    }

    fn choose(&self) -> Option<Choice> {
        let next = |partition: u32| self.seen.next.get(&partition).copied().unwrap_or(0);
        let replays = self.replays();
        let goes = |partition| !replays || next(partition) < self.told.get(&partition).copied().unwrap_or(0);
        // When no broker answers, nobody is done.
        let is_done = |partition| {
            !replays && self.parts.log.newest_end(Topic::Raw, partition).is_ok_and(|end| next(partition) >= end)
        };
        self.lanes.choose(goes, is_done)
    }

    /// What was told before the start and is no longer in the log is not waited for.
    fn give_up(&mut self) {
        if !self.replays() {
            return;
        }
        for partition in self.lanes.read(&self.parts.log) {
            let told = self.told.get(&partition).copied().unwrap_or(0);
            let seen = self.seen.next.entry(partition).or_insert(0);
            if *seen < told {
                tracing::error!(partition, from = *seen, to = told, "what stage 1 told of these records is gone");
                *seen = told;
            }
        }
    }

    /// Whether some of what comes next was told before the start.
    fn replays(&self) -> bool {
        self.told.iter().any(|(partition, told)| self.seen.next.get(partition).copied().unwrap_or(0) < *told)
    }

    fn is_read(&self) -> bool {
        self.lanes.read(&self.parts.log).len() == self.parts.log.partitions(Topic::Matches) as usize
    }

    /// Whether what is at hand waits for what no worker of this process will tell any more.
    fn is_held_up(&self) -> bool {
        !self.is_read() && self.lanes.are_at_hand(&self.parts.log) && self.choose().is_none()
    }

    fn advance(&mut self, choice: Choice, arena: &mut Bump, stop: &AtomicBool) -> Result<()> {
        let Some(mut reading) = self.lanes.take(choice) else { return Ok(()) };
        let replays = self.replays();
        let mut first = true;
        let from = reading.at;
        for record in reading.batch.iter().filter(|record| record.offset >= from) {
            let read = matches::read(record.raw, &mut reading.cursor, |head, line| {
                self.line(head, line, choice.limit, replays, &mut first, arena)
            });
            match read {
                Ok((head, whole)) => {
                    if !whole {
                        break;
                    }
                    self.reaches(&head);
                    let seen = self.seen.next.entry(head.partition).or_insert(0);
                    *seen = head.to.max(*seen);
                }
                Err(error) => {
                    // It will read the same at every start; what it spoke of is missing, and somebody is told.
                    let (offset, error) = (record.offset, format!("{error:#}"));
                    tracing::error!(offset, error, "a block of matches is passed over");
                    UNREADABLE_CONTROLS.inc();
                }
            }
            (reading.at, reading.cursor) = (record.offset + 1, Cursor::default());
            self.received = self.received.max(record.received);
            if arena.allocated_bytes() > ARENA_BYTES_KEPT {
                *arena = Bump::new();
            }
            arena.reset();
        }
        self.lanes.put_back(choice, reading, &self.seen.next);
        self.dirty = true;
        if replays {
            self.outcomes.clear();
        }
        self.changes.extend(self.outcomes.drain(..).map(change));
        if self.changed {
            self.save_state(stop)?;
        } else if !self.changes.is_empty() {
            self.save(stop)?;
        }
        Ok(())
    }

    /// Judges a record, unless it must wait.
    fn line(
        &mut self,
        head: &Head<'_>,
        line: &Line<'_>,
        limit: i64,
        replays: bool,
        first: &mut bool,
        arena: &Bump,
    ) -> Result<Next> {
        self.reaches(head);
        let partition = head.partition;
        let next = self.seen.next.get(&partition).copied().unwrap_or(0);
        if line.offset < next {
            return Ok(Next::More);
        }
        let told = self.told.get(&partition).copied().unwrap_or(0);
        if replays && line.offset >= told {
            self.seen.next.insert(partition, told.max(next));
            return Ok(Next::Stop);
        }
        if self.changed {
            return Ok(Next::Stop);
        }
        let id = EventId::new(partition, line.offset);
        let meta = |raw| Meta { id, tenant: line.tenant, source: line.source, received: line.received, raw };
        let mut waits = |time: Option<i64>| {
            let waits = time.is_some_and(|time| time > limit) && !*first;
            *first &= time.is_none();
            waits
        };
        match &line.told {
            Told::Quiet(time) => {
                if waits(time.map(|time| time.min(line.received).0)) {
                    return Ok(Next::Stop);
                }
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
                if waits(lanes::time_of(&event, line.received)) {
                    return Ok(Next::Stop);
                }
                self.matched.clear();
                if head.revision == self.parts.loaded.revision {
                    self.matched.extend_from_slice(matched);
                } else {
                    self.matcher.matched(&event, &mut self.matched);
                }
                let matched = std::mem::take(&mut self.matched);
                self.engine.observe_matched(&meta(raw), &mut event, &matched, &mut self.outcomes);
                self.matched = matched;
            }
            Told::Tick => self.tick(partition, line.received),
            Told::Control(raw) => self.control(partition, raw)?,
        }
        self.seen.next.insert(partition, line.offset + 1);
        Ok(Next::More)
    }

    /// Says so when a block does not begin where the one before it ended.
    fn reaches(&mut self, head: &Head<'_>) {
        let seen = self.seen.next.entry(head.partition).or_insert(0);
        if head.from > *seen {
            let (partition, from, to) = (head.partition, *seen, head.from);
            tracing::error!(partition, from, to, "stage 1 told nothing of these records");
            *seen = head.from;
        }
    }

    /// A partition's clock; detection is told the least of all.
    fn tick(&mut self, partition: u32, now: Timestamp) {
        let tick = self.seen.ticks.entry(partition).or_insert(now.0);
        *tick = now.0.max(*tick);
        let all = self.seen.ticks.len() >= self.parts.log.partitions(Topic::Raw) as usize;
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
        self.changed = true;
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
        // Sooner at first: a process that is ended again and again must come further each time.
        let lived = self.state_at.duration_since(self.opened);
        let every = if self.replays() { AGAIN_EVERY } else { lived.clamp(AGAIN_EVERY, STATE_EVERY) };
        if self.dirty && now.duration_since(self.state_at) >= every {
            self.save_state(stop)?;
        }
        Ok(())
    }

    /// Tells what was raised, together with how far that goes.
    fn save(&mut self, stop: &AtomicBool) -> Result<()> {
        match &mut self.teller {
            Teller::Database => {
                let bytes = postcard::to_stdvec(&self.seen.next).context("write down how far detection has told")?;
                let state = StatePart { part: 0, bytes: &bytes };
                self.apply(RAISED, state, stop)
            }
            Teller::Topic(raiser) => {
                raiser.raise(&self.parts.log, &self.seen.next, &self.changes, self.received)?;
                self.changes.clear();
                Ok(())
            }
        }
    }

    /// Stores the state of detection, with what was raised and not told yet.
    fn save_state(&mut self, stop: &AtomicBool) -> Result<()> {
        if matches!(self.teller, Teller::Topic(_)) && !self.replays() {
            self.save(stop)?;
        }
        self.seen.at = self.lanes.at();
        let state = self.engine.checkpoint().context("write down the state of detection")?;
        let mut bytes = postcard::to_stdvec(&self.seen).context("write down how far detection has come")?;
        bytes.extend_from_slice(&state.bytes);
        let bytes = revision::seal(&self.parts.loaded.revision, &bytes);
        self.apply(STATE, StatePart { part: state.part, bytes: &bytes }, stop)?;
        for (partition, at) in &self.seen.at {
            self.parts.log.commit("sekisho", Topic::Matches, *partition, *at)?;
        }
        self.state_at = Instant::now();
        (self.dirty, self.changed) = (false, false);
        Ok(())
    }

    /// One transaction: a state, and what was raised.
    fn apply(&mut self, number: u32, state: StatePart<'_>, stop: &AtomicBool) -> Result<()> {
        let batch = DetectionBatch {
            partition: number,
            next_offset: self.seen.next.values().sum(),
            outcomes: &self.changes,
            state: Some(state),
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
}

/// Whether a stored state has seen more than what was told, of some partition.
fn is_beyond(sealed: &[Vec<u8>], told: &BTreeMap<u32, u64>) -> bool {
    let newest = sealed.last().and_then(|part| revision::unseal(part));
    let seen = newest.and_then(|(_, state)| postcard::take_from_bytes::<Seen>(state).ok());
    seen.is_none_or(|(seen, _)| {
        seen.next.iter().any(|(partition, next)| told.get(partition).is_none_or(|told| next > told))
    })
}

/// How far what is stored goes, by raw partition: the state stands for what was stored with it.
fn read_told(parts: &Parts) -> Result<BTreeMap<u32, u64>> {
    let Some((_, told)) = parts.database.detection_state(RAISED)? else { return Ok(BTreeMap::new()) };
    let told = told.first().map(|told| postcard::from_bytes(told).context("read how far detection has told"));
    told.unwrap_or_else(|| Ok(BTreeMap::new()))
}

#[cfg(test)]
mod tests;
