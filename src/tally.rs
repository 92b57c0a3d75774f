//! Counts of what a worker did, by source, for the database and the live figures.

use std::collections::{BTreeMap, HashMap};

use ingest::Sources;
use store::SourceDelta;
use stream::{Event, RecordRef, fields};

use crate::accounting::{Accounting, Indexed};
use crate::health::{Sequence, is_numbered};

/// What was counted since the last [`Tally::take`].
#[derive(Default)]
pub struct Tally {
    run: SourceDelta,
    /// Receipt minus event time of the run's last line that was understood.
    skew: Option<i64>,
    /// The numbers of the run's lines, where the product numbers them.
    sequence: Option<Sequence>,
    /// The same at the end of each source's last run.
    sequences: HashMap<(String, String), Sequence>,
    deltas: BTreeMap<(String, String), SourceDelta>,
}

impl Tally {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.deltas.is_empty()
    }

    /// Adds a record to the run of records of one source that it belongs to; runs are summed up when they end.
    pub fn count(&mut self, record: &RecordRef<'_>, event: &Event<'_>, sources: &Sources, accounting: &Accounting) {
        if self.run.source != record.source || self.run.tenant != record.tenant || self.run.received == 0 {
            self.end_run(accounting);
            self.begin_run(record, sources);
        }
        let (time, failed) = (event.time(), event.has(fields::SEKISHO_PARSE_REASON));
        self.run.received += 1;
        self.run.indexed += 1;
        self.run.parse_failures += u64::from(failed);
        self.run.bytes += record.raw.len() as u64;
        self.run.last_received = self.run.last_received.max(record.received);
        self.run.last_event = self.run.last_event.max(time);
        if !failed {
            self.skew = Some(record.received.since(time));
        }
        if let Some(sequence) = &mut self.sequence
            && let Some(number) = event.get_int(fields::EVENT_SEQUENCE)
        {
            sequence.follow(number);
        }
    }

    fn begin_run(&mut self, record: &RecordRef<'_>, sources: &Sources) {
        self.run.tenant = record.tenant.to_owned();
        self.run.source = record.source.to_owned();
        let declared = sources.get(record.tenant, record.source);
        self.sequence = declared
            .filter(|source| is_numbered(&source.product))
            .map(|source| self.sequences.get(&(source.tenant.clone(), source.id.clone())).copied().unwrap_or_default());
    }

    /// Ends the run, and shows it to the live figures.
    pub fn end_run(&mut self, accounting: &Accounting) {
        let run = std::mem::take(&mut self.run);
        let (skew, sequence) = (self.skew.take(), self.sequence.take());
        if run.received == 0 {
            return;
        }
        let missing_numbers = sequence.map(|sequence| sequence.missing);
        let indexed = Indexed { count: run.indexed, failures: run.parse_failures, skew, missing_numbers };
        accounting.indexed(&run.tenant, &run.source, &indexed);
        if let Some(sequence) = sequence {
            self.sequences.insert((run.tenant.clone(), run.source.clone()), sequence);
        }
        let sum = self.deltas.entry((run.tenant.clone(), run.source.clone())).or_default();
        sum.received += run.received;
        sum.indexed += run.indexed;
        sum.parse_failures += run.parse_failures;
        sum.bytes += run.bytes;
        sum.last_received = sum.last_received.max(run.last_received);
        sum.last_event = sum.last_event.max(run.last_event);
        (sum.tenant, sum.source) = (run.tenant, run.source);
    }

    /// All of it, to be stored.
    pub fn take(&mut self) -> Vec<SourceDelta> {
        std::mem::take(&mut self.deltas).into_values().collect()
    }
}
