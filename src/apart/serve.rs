//! What `serve` reads of the others: events into the index, alerts into the database.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bumpalo::Bump;
use store::{DetectionBatch, StatePart};
use stream::log::{Batch, Reader};
use stream::{Event, EventId, RecordKind, RecordRef, Timestamp, Topic, fields};

use crate::raised::{Collector, PARTITION};
use crate::tally::Tally;
use crate::worker::{ARENA_BYTES_KEPT, POLL, PROGRESS_EVERY, Parts, UNREADABLE_CONTROLS, cut_when_due, insist};

/// Numbers under which the database keeps how far topic `alerts` was taken, and each partition of `events`, above those
/// of raw partitions and of correlation.
const ALERTS: u32 = (1 << 20) + 3;
const EVENTS: u32 = 2 << 20;

/// Reads a partition of `events` into the index.
pub struct Unpacking {
    parts: Parts,
    partition: u32,
    reader: Reader,
    /// Offsets in `raw`: what lies below is in the index, and is counted.
    next: u64,
    indexed: u64,
    counted: u64,
    /// Where `events` may be read on from once `raw` is durable up to there, in this order.
    waiting: VecDeque<(u64, u64)>,
    tally: Tally,
    received: Timestamp,
    progress_at: Instant,
}

impl Unpacking {
    /// Stands where what is not in the index yet begins.
    ///
    /// # Errors
    /// The log or the database cannot be read.
    pub fn open(parts: Parts, partition: u32) -> Result<Unpacking> {
        let (indexed, counted) = (parts.indexer.durable(partition), parts.database.counted(partition)?);
        let from = parts.database.counted(EVENTS + partition)?;
        let reader = parts.log.reader(Topic::Events, partition, from)?;
        tracing::info!(partition, from, indexed, counted, "indexing starts");
        Ok(Unpacking {
            parts,
            partition,
            reader,
            next: indexed.min(counted),
            indexed,
            counted,
            waiting: VecDeque::new(),
            tally: Tally::default(),
            received: Timestamp::default(),
            progress_at: Instant::now(),
        })
    }

    /// Works until told to stop, and commits.
    ///
    /// # Errors
    /// The log, the index or the database failed; what was not committed is done again after a restart.
    pub fn run(mut self, stop: &AtomicBool) -> Result<()> {
        let mut arena = Bump::new();
        while !stop.load(Ordering::Acquire) {
            if let Some(batch) = self.reader.poll(POLL)? {
                self.batch(&batch, &arena);
            }
            if arena.allocated_bytes() > ARENA_BYTES_KEPT {
                arena = Bump::new();
            }
            arena.reset();
            self.keep_up(stop)?;
        }
        self.parts.indexer.commit()?;
        self.save(stop)
    }

    fn batch(&mut self, batch: &Batch, arena: &Bump) {
        if let Some(gap) = batch.gap() {
            tracing::error!(partition = self.partition, ?gap, "events are missing from the log; see the gaps file");
        }
        let (mut oldest, mut events) = (Timestamp::MAX, 0);
        for record in batch.iter().filter(|record| record.kind == RecordKind::Data) {
            match self.event(&record, arena) {
                Ok(()) => (oldest, events) = (oldest.min(record.received), events + 1),
                Err(error) => {
                    let (partition, offset, error) = (self.partition, record.offset, format!("{error:#}"));
                    tracing::error!(partition, offset, error, "a message in topic events is passed over");
                    UNREADABLE_CONTROLS.inc();
                }
            }
            self.received = self.received.max(record.received);
        }
        self.tally.end_run(&self.parts.accounting);
        self.indexed = self.indexed.max(self.next);
        self.counted = self.counted.max(self.next);
        self.parts.indexer.publish(self.partition, self.indexed);
        self.parts.accounting.worked(self.partition, self.next);
        self.waiting.push_back((batch.next_offset(), self.next));
        if events > 0 {
            self.parts.accounting.lag.record(oldest, (self.parts.clock)(), events);
        }
    }

    fn event(&mut self, record: &RecordRef<'_>, arena: &Bump) -> Result<()> {
        let (event, id) = Event::read_json(record.raw, arena)?;
        let id: EventId = id.and_then(|id| id.parse().ok()).context("it has no id of an event")?;
        ensure!(id.partition == self.partition, "it is of partition {}", id.partition);
        // What was told once more.
        if id.offset < self.next {
            return Ok(());
        }
        if id.offset >= self.indexed {
            self.parts.indexer.add(id, &event);
        }
        if id.offset >= self.counted {
            let raw = event.get_str(fields::EVENT_ORIGINAL).unwrap_or("").as_bytes();
            let record = RecordRef { offset: id.offset, raw, ..*record };
            self.parts.accounting.received(record.tenant, record.source, 1, record.received);
            self.tally.count(&record, &event, &self.parts.loaded.sources, &self.parts.accounting);
        }
        self.next = id.offset + 1;
        Ok(())
    }

    fn keep_up(&mut self, stop: &AtomicBool) -> Result<()> {
        let now = Instant::now();
        cut_when_due(&mut self.parts.indexer, now, stop)?;
        let durable = self.parts.indexer.durable(self.partition);
        let due = !self.tally.is_empty() || self.waiting.front().is_some_and(|(_, raw)| *raw <= durable);
        if due && now.duration_since(self.progress_at) >= PROGRESS_EVERY {
            self.save(stop)?;
        }
        Ok(())
    }

    /// Two transactions: the accounting with how far it goes, and from where `events` is needed.
    fn save(&mut self, stop: &AtomicBool) -> Result<()> {
        let sources = self.tally.take();
        let batch = |partition, next_offset, sources| DetectionBatch {
            partition,
            next_offset,
            outcomes: &[],
            state: None,
            sources,
            received: self.received,
        };
        let counted = batch(self.partition, self.next, &sources);
        let database = &self.parts.database;
        insist(&mut self.parts.indexer, stop, |_| database.apply(counted))?;
        let durable = self.parts.indexer.durable(self.partition);
        let mut from = None;
        while let Some((events, _)) = self.waiting.pop_front_if(|(_, raw)| *raw <= durable) {
            from = Some(events);
        }
        if let Some(from) = from {
            let done = batch(EVENTS + self.partition, from, &[]);
            insist(&mut self.parts.indexer, stop, |_| database.apply(done))?;
            self.parts.log.commit("sekisho", Topic::Events, self.partition, from)?;
        }
        self.progress_at = Instant::now();
        Ok(())
    }
}

/// Takes what detection raised into the database.
pub struct AlertTaker {
    parts: Parts,
    reader: Reader,
    collector: Collector,
}

impl AlertTaker {
    /// Stands behind what was taken.
    ///
    /// # Errors
    /// The log or the database cannot be read.
    pub fn open(parts: Parts) -> Result<AlertTaker> {
        let stored = parts.database.detection_state(ALERTS)?;
        let from = stored.as_ref().map_or(0, |stored| stored.0);
        let epoch = stored.and_then(|(_, parts)| postcard::from_bytes(parts.first()?).ok()).unwrap_or(0);
        let reader = parts.log.reader(Topic::Alerts, PARTITION, from)?;
        Ok(AlertTaker { parts, reader, collector: Collector::after(epoch) })
    }

    /// Works until told to stop.
    ///
    /// # Errors
    /// The log or the database failed.
    pub fn run(mut self, stop: &AtomicBool) -> Result<()> {
        while !stop.load(Ordering::Acquire) {
            let Some(batch) = self.reader.poll(POLL)? else { continue };
            if let Some(gap) = batch.gap() {
                tracing::error!(?gap, "alerts are missing from the log; see the gaps file");
            }
            for record in batch.iter() {
                match self.collector.take(record.raw) {
                    Ok(Some(stretch)) => self.apply(&stretch.changes, record.offset + 1, record.received, stop)?,
                    Ok(None) => {}
                    Err(error) => {
                        let (offset, error) = (record.offset, format!("{error:#}"));
                        tracing::error!(offset, error, "a message in topic alerts is passed over");
                        UNREADABLE_CONTROLS.inc();
                    }
                }
            }
        }
        Ok(())
    }

    /// One transaction: alerts, pages, and how far the topic was taken.
    fn apply(
        &mut self,
        changes: &[store::AlertChange],
        next_offset: u64,
        received: Timestamp,
        stop: &AtomicBool,
    ) -> Result<()> {
        let epoch = postcard::to_stdvec(&self.collector.epoch).context("write down an epoch")?;
        let state = Some(StatePart { part: 0, bytes: &epoch });
        let batch = DetectionBatch { partition: ALERTS, next_offset, outcomes: changes, state, sources: &[], received };
        let database = &self.parts.database;
        let applied = insist(&mut self.parts.indexer, stop, |_| database.apply(batch))?;
        for id in &applied.new_alerts {
            tracing::info!(alert = %id, "alert");
        }
        self.parts.log.commit("sekisho", Topic::Alerts, PARTITION, next_offset)?;
        Ok(())
    }
}
