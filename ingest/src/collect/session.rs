//! One connection of a collector, or its files: takes records in, each number once, and tells what there is to tell.
//!
//! Batches of one collector are appended one after the other; a newer connection ends the older one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use stream::{Record, Timestamp};

use super::declared::Declared;
use super::ledger::{Collectors, Known, apply};
use super::notes::{Header, Note};
use super::progress::Progress;
use super::wire::{Hello, SpoolId};
use crate::sink::Sink;
use crate::{Error, Result, UNKNOWN, metrics};

/// A receipt time may be so far ahead of our clock; later ones are taken as now.
const AHEAD_SECONDS_MAX: i64 = 600;

/// A connection of a collector, or its files.
pub struct Session<'a> {
    declared: Declared,
    known: Arc<Known>,
    number: u64,
    spool: SpoolId,
    sink: &'a dyn Sink,
}

impl<'a> Session<'a> {
    /// Begins with what the collector says of its spool; a connection it had before ends.
    ///
    /// # Errors
    /// The stream did not take the note of it.
    pub async fn begin(
        collectors: &Collectors,
        declared: &Declared,
        hello: Hello,
        sink: &'a dyn Sink,
        now: Timestamp,
    ) -> Result<Session<'a>> {
        let known = collectors.get(&declared.id)?;
        let number = known.session.fetch_add(1, Ordering::AcqRel) + 1;
        let session = Session { declared: declared.clone(), known, number, spool: hello.spool, sink };
        session.known.hear();
        session.known.waits_until(hello.end);
        let mut progress = session.known.progress.lock().await;
        let spool = hello.spool;
        let note = match (progress.spool(spool), progress.current()) {
            (None, None) => Some(Note::Started { spool, base: hello.base }),
            (None, Some(before)) => {
                Some(Note::Replaced { spool, base: hello.base, before: before.id, next: before.next })
            }
            (Some(known), Some(current)) if current.id != spool => Some(Note::Returned { spool, next: known.next }),
            _ => None,
        };
        if let Some(note) = note {
            session.append(&mut progress, vec![session.note(&note, now)], &[note]).await?;
        }
        session.settle(&mut progress, now).await?;
        drop(progress);
        Ok(session)
    }

    /// The number expected next.
    pub async fn next(&self) -> u64 {
        self.known.progress.lock().await.next(self.spool)
    }

    /// Appends those of the records that are not in, the first of which has this number; gives the number expected next.
    ///
    /// # Errors
    /// The stream did not take them, or another connection of the collector has begun.
    pub async fn records(&self, from: u64, records: Vec<Record>, now: Timestamp) -> Result<u64> {
        let mut progress = self.current().await?;
        let numbers = from..from.saturating_add(records.len() as u64);
        let wanted = progress.wanted(self.spool, numbers.clone());
        metrics::COLLECTOR_AGAIN
            .with_label_values(&[&self.declared.id])
            .inc_by(records.len() as u64 - wanted.iter().map(|range| range.end - range.start).sum::<u64>());
        let Some(last) = wanted.last() else { return Ok(progress.next(self.spool)) };
        let (mut batch, mut done) = (Vec::with_capacity(records.len() + 2), Vec::new());
        let next = progress.next(self.spool);
        if last.start > next {
            let numbers = next..last.start;
            let note = Note::Gap { spool: self.spool, numbers, reason: "they were not sent".to_owned() };
            batch.push(self.note(&note, now));
            done.push(note);
        }
        let mut ahead = progress.clone();
        let mut records = records.into_iter();
        let mut at = from;
        for range in wanted {
            let skipped = (range.start - at) as usize;
            let count = (range.end - range.start) as usize;
            let header = Header {
                collector: self.declared.id.clone(),
                spool: self.spool.to_string(),
                from: range.start,
                records: count as u64,
            };
            batch.push(header.record(now));
            batch.extend(records.by_ref().skip(skipped).take(count).map(|record| self.admit(record, now)));
            at = range.end;
            ahead.cover(self.spool, range);
        }
        for numbers in ahead.closed(self.spool) {
            let note = Note::GapClosed { spool: self.spool, numbers };
            batch.push(self.note(&note, now));
            done.push(note);
        }
        crate::listen::append(self.sink, crate::ListenerKind::Collector, batch).await?;
        done.iter().for_each(|note| apply(&mut progress, note));
        for range in progress.wanted(self.spool, numbers) {
            progress.cover(self.spool, range);
        }
        self.settle(&mut progress, now).await?;
        Ok(progress.next(self.spool))
    }

    /// Notes numbers that the collector cannot give; gives the number expected next.
    ///
    /// # Errors
    /// The stream did not take the note, or another connection of the collector has begun.
    pub async fn lost(&self, from: u64, to: u64, reason: &str, now: Timestamp) -> Result<u64> {
        let mut progress = self.current().await?;
        // What is missing already was told before.
        let numbers = from.max(progress.next(self.spool))..to;
        if !numbers.is_empty() {
            tracing::error!(collector = self.declared.id, ?numbers, reason, "records of a collector are missing");
            let note = Note::Gap { spool: self.spool, numbers, reason: reason.to_owned() };
            self.append(&mut progress, vec![self.note(&note, now)], &[note]).await?;
            self.settle(&mut progress, now).await?;
        }
        Ok(progress.next(self.spool))
    }

    /// Takes a sign of life; gives the number expected next.
    ///
    /// # Errors
    /// The stream did not take the note of it, or another connection of the collector has begun.
    pub async fn alive(&self, end: u64, held_bytes: u64, now: Timestamp) -> Result<u64> {
        let mut progress = self.current().await?;
        let next = progress.next(self.spool);
        if self.known.is_due() {
            let note = Note::Status { spool: self.spool, next, end, held_bytes };
            self.append(&mut progress, vec![self.note(&note, now)], &[]).await?;
        }
        Ok(next)
    }

    /// Notes that something of the collector was not taken.
    ///
    /// # Errors
    /// The stream did not take the note.
    pub async fn refuse(&self, reason: &str, now: Timestamp) -> Result<()> {
        let mut progress = self.current().await?;
        self.append(&mut progress, vec![self.note(&Note::Refused { reason: reason.to_owned() }, now)], &[]).await
    }

    async fn current(&self) -> Result<tokio::sync::MutexGuard<'_, Progress>> {
        let progress = self.known.progress.lock().await;
        if self.known.session.load(Ordering::Acquire) != self.number {
            return Err(Error::Append("another connection of this collector has begun".into()));
        }
        self.known.hear();
        Ok(progress)
    }

    /// Tells what has come to its end: gaps that are filled, and an interruption once everything that waited is in.
    async fn settle(&self, progress: &mut Progress, now: Timestamp) -> Result<()> {
        let mut notes: Vec<Note> = Vec::new();
        for numbers in progress.closed(self.spool) {
            notes.push(Note::GapClosed { spool: self.spool, numbers });
        }
        let end = self.known.waiting_end();
        let next = progress.next(self.spool);
        if let Some(from) = progress.interrupted.filter(|_| next >= end) {
            tracing::info!(collector = self.declared.id, from, next, "a collector is back and has caught up");
            // Of another spool than before, its numbers have nothing to do with the old ones.
            notes.push(Note::Resumed { from: from.min(next), to: next });
        }
        if notes.is_empty() {
            return Ok(());
        }
        let records = notes.iter().map(|note| self.note(note, now)).collect();
        self.append(progress, records, &notes).await
    }

    async fn append(&self, progress: &mut Progress, records: Vec<Record>, notes: &[Note]) -> Result<()> {
        crate::listen::append(self.sink, crate::ListenerKind::Collector, records).await?;
        notes.iter().for_each(|note| apply(progress, note));
        Ok(())
    }

    fn note(&self, note: &Note, now: Timestamp) -> Record {
        note.record(&self.declared.tenant, &self.declared.id, now)
    }

    /// The record as it may stand here: of a source that the collector may speak for, received no later than now.
    fn admit(&self, record: Record, now: Timestamp) -> Record {
        let mut record = record;
        if !self.declared.may_bring(&record.tenant, &record.source) {
            metrics::COLLECTOR_FOREIGN.with_label_values(&[&self.declared.id]).inc();
            (record.tenant, record.source) = (self.declared.tenant.as_str().into(), UNKNOWN.into());
        }
        if record.received < Timestamp::default() || record.received.seconds() > now.seconds() + AHEAD_SECONDS_MAX {
            record.received = now;
        }
        record
    }
}
