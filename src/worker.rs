//! The one place where parse, detect and index meet.
//!
//! A worker owns one partition of `raw` and is a loop: read a batch, parse, judge, match, correlate, add to the index,
//! publish. It decides nothing by the wall clock; what it is given is a function of the log alone.
//!
//! Exactness. Three positions are durable, each with its own result: the index's (in the catalogue), the correlation
//! snapshot's and the accounting's (both in the database). A snapshot is stored only once the index is durable up to its
//! position, and an alert is stored before the position that covers it, so the snapshot's position is the least of the
//! three. A worker starts there; index and accounting pass over what they have seen, and alerts are inserted by id, so
//! what detection repeats after a crash changes nothing.
//!
//! An index that was removed or restored from a backup is behind the snapshot. What it lacks is indexed again with the
//! tags that an engine without history gives; detection itself is set aside meanwhile and goes on, with all it knew, at
//! the position where it stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bumpalo::Bump;
use detect::{Checkpoint, Engine, Meta, Outcome};
use ingest::collect::notes::CONTROL;
use prometheus::IntCounter;
use store::{AlertChange, Database, DetectionBatch, Indexer, StatePart};
use stream::log::{Batch, Log, Reader};
use stream::{EventId, RecordKind, RecordRef, Timestamp, Topic};

use crate::accounting::Accounting;
use crate::coverage;
use crate::revision::{self, Loaded, Revisions};
use crate::tally::Tally;

/// How often the state of detection is stored while it does again what was done before the start: a process that is ended
/// again and again must come further each time.
pub const AGAIN_EVERY: Duration = Duration::from_millis(300);
/// How often progress is written when nothing urgent happens.
pub const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// How long a worker waits for records before it looks at its clocks.
pub const POLL: Duration = Duration::from_millis(50);
/// The same once it is to stop: what is durable already may take a moment to come from another machine.
pub const POLL_LAST: Duration = Duration::from_millis(5);
/// How long a worker waits for a disk that refuses before it tries again; twice as long each time.
const DISK_WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest such wait.
const DISK_WAIT_MAX: Duration = Duration::from_secs(30);
/// An arena that grew past this is given back instead of kept.
pub const ARENA_BYTES_KEPT: usize = 32 << 20;

/// Control records that no worker could read.
pub static UNREADABLE_CONTROLS: LazyLock<IntCounter> = LazyLock::new(|| {
    IntCounter::new(
        "sekisho_worker_unreadable_controls_total",
        "Control records and messages between roles that could not be read and were passed over.",
    )
    .expect("metric names are constants")
});

/// What a worker works with.
pub struct Parts {
    /// The stream.
    pub log: Log,
    /// Sources, ledgers and rules by which records are judged until the stream says otherwise.
    pub loaded: Arc<Loaded>,
    /// The revisions that the stream may name.
    pub revisions: Arc<Revisions>,
    /// The index.
    pub indexer: Indexer,
    /// Alerts, progress, accounting.
    pub database: Database,
    /// Live figures.
    pub accounting: Arc<Accounting>,
    /// Metrics of detection, published by one worker of the process.
    pub metrics: Option<detect::Metrics>,
    /// The wall clock, for latency figures only; never frozen.
    pub clock: fn() -> Timestamp,
}

/// One partition's worker.
pub struct Worker {
    parts: Parts,
    partition: u32,
    engine: Engine,
    decoder: ingest::Decoder,
    reader: Reader,
    next: u64,
    indexed: u64,
    counted: u64,
    changes: Vec<AlertChange>,
    outcomes: Vec<Outcome>,
    tally: Tally,
    received: Timestamp,
    progress_at: Instant,
    state_at: Instant,
    waiting: Option<(u64, Checkpoint)>,
    aside: Option<Aside>,
}

/// Detection as it stood at an offset, while the index catches up with it.
struct Aside {
    offset: u64,
    engine: Engine,
    loaded: Arc<Loaded>,
}

impl Worker {
    /// Restores the partition's state and stands at the first record that some part has not seen.
    ///
    /// # Errors
    /// The stored state cannot be read.
    pub fn open(mut parts: Parts, partition: u32) -> Result<Worker> {
        let indexed = parts.indexer.durable(partition);
        let (mut next, mut aside) = (0, None);
        let mut engine = parts.loaded.engine();
        if let Some((offset, sealed)) = parts.database.detection_state(partition)? {
            let revision = sealed.first().and_then(|whole| revision::unseal(whole)).map(|(revision, _)| revision);
            if let Some(revision) = revision.filter(|revision| *revision != parts.loaded.revision) {
                parts.loaded = known_or(&parts, revision);
                engine = parts.loaded.engine();
            }
            let state: Vec<&[u8]> =
                sealed.iter().map(|part| revision::unseal(part).map_or(&[][..], |part| part.1)).collect();
            if let Err(error) = engine.resume(&state) {
                // Written by another version, or damaged: better without what was open than not at all.
                tracing::error!(partition, offset, %error, "the state of detection cannot be read: windows, suppressions and what rules learned start afresh here");
            }
            next = offset;
            if offset > indexed {
                tracing::warn!(partition, indexed, offset, "the index is behind; what it lacks is indexed again");
                let restored = std::mem::replace(&mut engine, parts.loaded.engine());
                aside = Some(Aside { offset, engine: restored, loaded: Arc::clone(&parts.loaded) });
                next = indexed;
            }
        }
        let counted = parts.database.counted(partition)?;
        let reader = parts.log.reader(Topic::Raw, partition, next)?;
        tracing::info!(partition, next, indexed, counted, "worker starts");
        let now = Instant::now();
        Ok(Worker {
            decoder: ingest::Decoder::new(Arc::clone(&parts.loaded.sources)),
            engine,
            parts,
            partition,
            reader,
            next,
            indexed,
            counted,
            changes: Vec::new(),
            outcomes: Vec::new(),
            tally: Tally::default(),
            received: Timestamp::default(),
            progress_at: now,
            state_at: now,
            waiting: None,
            aside,
        })
    }

    /// Works until told to stop, then until everything received is done, and commits.
    ///
    /// # Errors
    /// The log, the index or the database failed; what was not committed is done again after a restart.
    pub fn run(mut self, stop: &AtomicBool) -> Result<()> {
        let mut arena = Bump::new();
        loop {
            let stopping = stop.load(Ordering::Acquire);
            match self.reader.poll(if stopping { POLL_LAST } else { POLL })? {
                Some(batch) => self.batch(&batch, &arena, stop)?,
                None if stopping && self.next >= self.parts.log.end_offset(Topic::Raw, self.partition) => break,
                None => {}
            }
            if arena.allocated_bytes() > ARENA_BYTES_KEPT {
                arena = Bump::new();
            }
            arena.reset();
            self.keep_up(stop)?;
        }
        self.parts.indexer.commit()?;
        // Still set aside only when the log ends before it: then the stored state is ahead of the log and stays.
        self.save_snapshot(stop)?;
        if self.aside.is_none() {
            self.waiting = Some((self.next, self.state()?));
        }
        self.save_snapshot(stop)
    }

    /// What to store of the state of detection, with the revision it belongs to.
    fn state(&mut self) -> Result<Checkpoint> {
        let state = self.engine.checkpoint().context("write down the state of detection")?;
        Ok(Checkpoint { bytes: revision::seal(&self.parts.loaded.revision, &state.bytes), ..state })
    }

    fn batch(&mut self, batch: &Batch, arena: &Bump, stop: &AtomicBool) -> Result<()> {
        if let Some(gap) = batch.gap() {
            tracing::error!(partition = self.partition, ?gap, "records are missing from the log; see the gaps file");
        }
        let mut oldest = Timestamp::MAX;
        let mut events = 0;
        let from = self.next;
        for record in batch.iter().filter(|record| record.offset >= from) {
            self.resume_at(record.offset);
            match record.kind {
                RecordKind::Tick => {
                    self.engine.tick(record.received, &mut self.outcomes);
                }
                RecordKind::Data => {
                    self.record(&record, arena);
                    oldest = oldest.min(record.received);
                    events += 1;
                }
                // How far collectors have come is the listeners' business.
                RecordKind::Control if record.source == CONTROL => {}
                RecordKind::Control => self.control(record.raw)?,
            }
            if record.offset < self.counted {
                // Told and stored before the restart: detection tells the same again, and an alert may have changed since.
                self.outcomes.clear();
            }
            self.received = self.received.max(record.received);
        }
        self.tally.end_run(&self.parts.accounting);
        self.next = batch.next_offset().max(self.next);
        self.resume_at(self.next);
        self.indexed = self.indexed.max(self.next);
        self.counted = self.counted.max(self.next);
        self.parts.indexer.publish(self.partition, self.indexed);
        self.parts.accounting.worked(self.partition, self.next);
        if events > 0 {
            // The batch's oldest record stands for all of it: the figure is an upper bound.
            self.parts.accounting.lag.record(oldest, (self.parts.clock)(), events);
        }
        self.changes.extend(self.outcomes.drain(..).map(change));
        if !self.changes.is_empty() {
            self.save(stop)?;
        }
        Ok(())
    }

    /// Lets detection go on where it was set aside, once the index has come so far.
    fn resume_at(&mut self, offset: u64) {
        if let Some(aside) = self.aside.take_if(|aside| aside.offset <= offset) {
            (self.engine, self.parts.loaded) = (aside.engine, aside.loaded);
            self.decoder = ingest::Decoder::new(Arc::clone(&self.parts.loaded.sources));
            tracing::info!(partition = self.partition, offset, "the index has caught up; detection goes on");
        }
    }

    /// From the next record on, another revision judges. Rules that are in both keep their state.
    fn control(&mut self, raw: &[u8]) -> Result<()> {
        let id = match revision::announced(raw) {
            Ok(id) => id,
            Err(error) => {
                // It will read the same at every start: the revision in use goes on, and somebody is told.
                let using = &self.parts.loaded.revision;
                tracing::error!(
                    partition = self.partition,
                    error = format!("{error:#}"),
                    using,
                    "a control record is passed over"
                );
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
        self.decoder = ingest::Decoder::new(Arc::clone(&self.parts.loaded.sources));
        tracing::info!(partition = self.partition, revision = id, "rules and ledgers changed");
        Ok(())
    }

    fn record<'a>(&mut self, record: &RecordRef<'a>, arena: &'a Bump) {
        let id = EventId::new(self.partition, record.offset);
        let mut event = self.decoder.decode(record, arena);
        self.parts.loaded.tenants.judge(&mut event, arena);
        let meta =
            Meta { id, tenant: record.tenant, source: record.source, received: record.received, raw: record.raw };
        if record.offset.is_multiple_of(coverage::SAMPLE_EVERY) {
            self.engine.observe_sampled(&meta, &mut event, coverage::clock, &mut self.outcomes);
        } else {
            self.engine.observe(&meta, &mut event, &mut self.outcomes);
        }
        if record.offset >= self.indexed {
            self.parts.indexer.add(id, &event);
        }
        if record.offset >= self.counted {
            self.tally.count(record, &event, &self.parts.loaded.sources, &self.parts.accounting);
        }
    }

    /// Commits what is due.
    fn keep_up(&mut self, stop: &AtomicBool) -> Result<()> {
        let now = Instant::now();
        let cut = cut_when_due(&mut self.parts.indexer, now, stop)?;
        if cut && self.waiting.is_none() && self.aside.is_none() {
            // State and index stand at the same position now; the state is stored when the index is durable there.
            self.waiting = Some((self.next, self.state()?));
        }
        let behind = self.next < self.counted && self.next <= self.parts.indexer.durable(self.partition);
        if behind && self.waiting.is_none() && self.aside.is_none() && now.duration_since(self.state_at) >= AGAIN_EVERY
        {
            self.waiting = Some((self.next, self.state()?));
        }
        self.save_snapshot(stop)?;
        if now.duration_since(self.progress_at) >= PROGRESS_EVERY && !self.tally.is_empty() {
            self.save(stop)?;
            self.parts.accounting.costs.tell(self.partition, self.engine.rules(), self.engine.costs());
            if let Some(metrics) = &mut self.parts.metrics {
                metrics.publish(&self.engine.stats());
            }
        }
        Ok(())
    }

    /// One transaction: alerts, pages, accounting and progress.
    fn save(&mut self, stop: &AtomicBool) -> Result<()> {
        let sources = self.tally.take();
        let batch = DetectionBatch {
            partition: self.partition,
            next_offset: self.next,
            outcomes: &self.changes,
            state: None,
            sources: &sources,
            received: self.received,
        };
        let database = &self.parts.database;
        let applied = insist(&mut self.parts.indexer, stop, |_| database.apply(batch))?;
        for id in &applied.new_alerts {
            tracing::info!(alert = %id, "alert");
        }
        self.changes.clear();
        self.progress_at = Instant::now();
        Ok(())
    }

    /// Stores the waiting correlation state once the index is durable up to its position.
    fn save_snapshot(&mut self, stop: &AtomicBool) -> Result<()> {
        let durable = self.parts.indexer.durable(self.partition);
        let Some((position, snapshot)) = self.waiting.take_if(|(position, _)| *position <= durable) else {
            return Ok(());
        };
        self.state_at = Instant::now();
        self.save(stop)?;
        let batch = DetectionBatch {
            partition: self.partition,
            next_offset: position,
            outcomes: &[],
            state: Some(StatePart { part: snapshot.part, bytes: &snapshot.bytes }),
            sources: &[],
            received: self.received,
        };
        let database = &self.parts.database;
        insist(&mut self.parts.indexer, stop, |_| database.apply(batch))?;
        // A hint for lag tools, and what retention must not pass.
        self.parts.log.commit("sekisho", Topic::Raw, self.partition, position)?;
        Ok(())
    }
}

/// Writes what is in the tail when it is time to; gives whether it was.
///
/// # Errors
/// The index refused, and will again.
pub fn cut_when_due(indexer: &mut Indexer, now: Instant, stop: &AtomicBool) -> store::Result<bool> {
    // After a refusal nothing more is read until what waits is durable: the tail stays within its limit.
    let mut refused = false;
    insist(indexer, stop, |indexer| {
        let cut = if refused { indexer.commit().map(|()| true) } else { indexer.maybe_commit(now) };
        cut.inspect_err(|_| refused = true)
    })
}

/// Does it again, after a wait, as long as the disk refuses: what is received meanwhile is in the log, and nothing that
/// was not written counts as written. Gives up when told to stop. The store says to `/ready` what it waits for.
pub fn insist<T>(
    indexer: &mut Indexer,
    stop: &AtomicBool,
    mut work: impl FnMut(&mut Indexer) -> store::Result<T>,
) -> store::Result<T> {
    let (mut wait, mut held) = (DISK_WAIT_MIN, false);
    loop {
        match work(indexer) {
            Err(error) if error.is_disk() && !stop.load(Ordering::Acquire) => {
                tracing::error!(%error, "the disk or the search engine refuses; the worker waits: free space, replace the disk and restart, or bring the engine back");
                indexer.hold(Some(error.to_string()));
                held = true;
                let until = Instant::now() + wait;
                while Instant::now() < until && !stop.load(Ordering::Acquire) {
                    // Parked, not slept: nobody signals that a disk has room again.
                    std::thread::park_timeout(POLL);
                }
                wait = (wait * 2).min(DISK_WAIT_MAX);
            }
            result => {
                if held {
                    tracing::info!("the worker goes on");
                    indexer.hold(None);
                }
                return result;
            }
        }
    }
}

/// The revision of this id. When its file is gone, the one in use goes on: better judged by other rules than by none.
pub fn known_or(parts: &Parts, id: &str) -> Arc<Loaded> {
    parts.revisions.get(id).unwrap_or_else(|error| {
        let using = &parts.loaded.revision;
        tracing::error!(error = format!("{error:#}"), using, "a revision that the stream names cannot be read");
        Arc::clone(&parts.loaded)
    })
}

/// The store's word for an outcome of detection.
pub fn change(outcome: Outcome) -> AlertChange {
    match outcome {
        Outcome::Alert(alert) => AlertChange::Alert(alert),
        Outcome::Replaced { old, alert } => AlertChange::Replaced { old, alert },
        Outcome::Withdrawn { alert_id } => AlertChange::Withdrawn { alert_id },
        Outcome::Evidence { alert_id, events, evidence, count } => {
            AlertChange::Evidence { alert_id, events, evidence, count }
        }
    }
}

#[cfg(test)]
mod tests;
