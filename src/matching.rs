//! Stage 1, where the stream has several raw partitions: parse, judge, match, index, and tell stage 2 what matched.
//!
//! One of these per partition. What needs no order is done here, on as many threads as there are partitions; what does is
//! done in [`crate::correlate`], which reads what these tell it ([`crate::matches`]).
//!
//! Exactness. Three positions are durable, each with its own result: the index's, the accounting's, and that of what was
//! told to stage 2 (acknowledged by the log before it is written down). A worker starts at the least of them and each part
//! passes over what it has seen; a stretch that is told again is passed over by stage 2, which knows how far it has come.
//! Records are told in the order of the partition and none is left out, so what stage 2 has seen of a partition is always
//! a beginning of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use bumpalo::Bump;
use ingest::collect::notes::CONTROL;
use store::{DetectionBatch, StatePart};
use stream::log::{Ack, Batch, Reader};
use stream::{EventId, Record, RecordKind, RecordRef, Timestamp, Topic};

use crate::judge::Judge;
use crate::matches::Writer;
use crate::revision;
use crate::tally::Tally;
use crate::worker::{ARENA_BYTES_KEPT, POLL, POLL_LAST, PROGRESS_EVERY, Parts, cut_when_due, insist, known_or};

/// Blocks that may wait for the log before the worker waits for them.
const ACKS_MAX: usize = 256;

/// One partition's worker.
pub struct Matching {
    parts: Parts,
    partition: u32,
    judge: Judge,
    reader: Reader,
    writer: Writer,
    next: u64,
    indexed: u64,
    counted: u64,
    /// What lies below was told to stage 2.
    told: u64,
    /// What is told and not acknowledged yet, with the offset after it.
    acks: VecDeque<(u64, Ack)>,
    tally: Tally,
    received: Timestamp,
    progress_at: Instant,
}

impl Matching {
    /// Restores the partition's positions and stands at the first record that some part has not seen.
    ///
    /// # Errors
    /// The stored state cannot be read.
    pub fn open(mut parts: Parts, partition: u32) -> Result<Matching> {
        let indexed = parts.indexer.durable(partition);
        let counted = parts.database.counted(partition)?;
        let mut told = 0;
        if let Some((offset, sealed)) = parts.database.detection_state(partition)? {
            told = offset;
            let revision = sealed.first().and_then(|whole| revision::unseal(whole)).map(|(revision, _)| revision);
            if let Some(revision) = revision.filter(|revision| *revision != parts.loaded.revision) {
                parts.loaded = known_or(&parts, revision);
            }
        }
        let next = told.min(indexed).min(counted);
        let reader = parts.log.reader(Topic::Raw, partition, next)?;
        tracing::info!(partition, next, indexed, counted, told, "worker starts");
        Ok(Matching {
            judge: Judge::new(Arc::clone(&parts.loaded)),
            writer: Writer::new(partition, told.max(next), parts.log.record_bytes_max(Topic::Matches)),
            parts,
            partition,
            reader,
            next,
            indexed,
            counted,
            told,
            acks: VecDeque::new(),
            tally: Tally::default(),
            received: Timestamp::default(),
            progress_at: Instant::now(),
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
                Some(batch) => self.batch(&batch, &arena)?,
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
        self.save(stop)
    }

    fn batch(&mut self, batch: &Batch, arena: &Bump) -> Result<()> {
        if let Some(gap) = batch.gap() {
            tracing::error!(partition = self.partition, ?gap, "records are missing from the log; see the gaps file");
        }
        let mut oldest = Timestamp::MAX;
        let mut events = 0;
        let from = self.next;
        for record in batch.iter().filter(|record| record.offset >= from) {
            match record.kind {
                RecordKind::Data => {
                    self.data(&record, arena)?;
                    oldest = oldest.min(record.received);
                    events += 1;
                }
                RecordKind::Tick if record.offset >= self.told => self.writer.tick(&record)?,
                RecordKind::Tick => {}
                // How far collectors have come is the listeners' business.
                RecordKind::Control if record.source == CONTROL => {}
                RecordKind::Control => self.control(&record)?,
            }
            if self.writer.is_full() {
                self.tell(record.offset + 1)?;
            }
            self.received = self.received.max(record.received);
        }
        self.publish(batch.next_offset().max(self.next))?;
        if events > 0 {
            // The batch's oldest record stands for all of it: the figure is an upper bound.
            self.parts.accounting.lag.record(oldest, (self.parts.clock)(), events);
        }
        Ok(())
    }

    fn data(&mut self, record: &RecordRef<'_>, arena: &Bump) -> Result<()> {
        let id = EventId::new(self.partition, record.offset);
        let mut event = self.judge.event(record, arena);
        if record.offset >= self.told {
            self.writer.data(record, &event, self.judge.matched())?;
        }
        if record.offset >= self.indexed {
            self.judge.tag(record.tenant, &mut event, arena);
            self.parts.indexer.add(id, &event);
        }
        if record.offset >= self.counted {
            self.tally.count(record, &event, &self.parts.loaded.sources, &self.parts.accounting);
        }
        Ok(())
    }

    /// From the next record on, another revision matches.
    fn control(&mut self, record: &RecordRef<'_>) -> Result<()> {
        if record.offset >= self.told {
            self.writer.control(record)?;
        }
        let id = match revision::announced(record.raw) {
            Ok(id) => id,
            Err(error) => {
                // Stage 2 says what it means.
                tracing::debug!(partition = self.partition, error = format!("{error:#}"), "a control record");
                return Ok(());
            }
        };
        if id != self.parts.loaded.revision {
            // A block has one revision.
            self.tell(record.offset + 1)?;
            self.parts.loaded = known_or(&self.parts, &id);
            self.judge = Judge::new(Arc::clone(&self.parts.loaded));
        }
        Ok(())
    }

    /// Makes what lies below `next` searchable, and tells it.
    fn publish(&mut self, next: u64) -> Result<()> {
        self.tell(next)?;
        self.tally.end_run(&self.parts.accounting);
        self.next = next.max(self.next);
        self.indexed = self.indexed.max(self.next);
        self.counted = self.counted.max(self.next);
        self.parts.indexer.publish(self.partition, self.indexed);
        self.parts.accounting.worked(self.partition, self.next);
        Ok(())
    }

    fn tell(&mut self, next: u64) -> Result<()> {
        if next <= self.told {
            return Ok(());
        }
        let Some(block) = self.writer.take(next, &self.parts.loaded.revision)? else { return Ok(()) };
        let record = Record {
            kind: RecordKind::Data,
            tenant: "".into(),
            source: "matches".into(),
            peer: None,
            received: (self.parts.clock)(),
            raw: block.into(),
        };
        let ack = self.parts.log.append(Topic::Matches, self.partition, vec![record]).context("tell what matched")?;
        self.acks.push_back((next, ack));
        self.told = next;
        if self.acks.len() > ACKS_MAX {
            let (_, ack) = self.acks.pop_front().context("there is one")?;
            ack.wait().context("tell what matched")?;
        }
        Ok(())
    }

    /// Commits what is due.
    fn keep_up(&mut self, stop: &AtomicBool) -> Result<()> {
        let now = Instant::now();
        let cut = cut_when_due(&mut self.parts.indexer, now, stop)?;
        let due = !self.tally.is_empty() || !self.acks.is_empty();
        if due && (cut || now.duration_since(self.progress_at) >= PROGRESS_EVERY) {
            self.save(stop)?;
        }
        Ok(())
    }

    /// One transaction: accounting, and how far stage 2 was told, once the log has it.
    fn save(&mut self, stop: &AtomicBool) -> Result<()> {
        for (_, ack) in self.acks.drain(..) {
            ack.wait().context("tell what matched")?;
        }
        let sources = self.tally.take();
        // The revision by which the next record is matched; there is no other state here. While the index catches up, what
        // is stored is ahead and stays.
        let state = revision::seal(&self.parts.loaded.revision, &[]);
        let batch = DetectionBatch {
            partition: self.partition,
            next_offset: self.next,
            outcomes: &[],
            state: (self.told <= self.next).then_some(StatePart { part: 0, bytes: &state }),
            sources: &sources,
            received: self.received,
        };
        let database = &self.parts.database;
        insist(&mut self.parts.indexer, stop, |_| database.apply(batch))?;
        // A hint for lag tools, and what retention must not pass.
        let durable = self.parts.indexer.durable(self.partition).min(self.next);
        self.parts.log.commit("sekisho", Topic::Raw, self.partition, durable)?;
        self.progress_at = Instant::now();
        Ok(())
    }
}
