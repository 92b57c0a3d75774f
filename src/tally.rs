//! Counts of what a worker did, by source, for the database.

use std::collections::BTreeMap;

use store::SourceDelta;
use stream::{RecordRef, Timestamp};

use crate::accounting::Accounting;

/// What was counted since the last [`Tally::take`].
#[derive(Default)]
pub struct Tally {
    run: SourceDelta,
    deltas: BTreeMap<(String, String), SourceDelta>,
}

impl Tally {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.deltas.is_empty()
    }

    /// Adds a record to the run of records of one source that it belongs to; runs are summed up when they end.
    pub fn count(&mut self, record: &RecordRef<'_>, time: Timestamp, failed: bool, accounting: &Accounting) {
        if self.run.source != record.source || self.run.tenant != record.tenant {
            self.end_run(accounting);
            self.run.tenant = record.tenant.to_owned();
            self.run.source = record.source.to_owned();
        }
        self.run.received += 1;
        self.run.indexed += 1;
        self.run.parse_failures += u64::from(failed);
        self.run.bytes += record.raw.len() as u64;
        self.run.last_received = self.run.last_received.max(record.received);
        self.run.last_event = self.run.last_event.max(time);
    }

    /// Ends the run, and shows it to the live figures.
    pub fn end_run(&mut self, accounting: &Accounting) {
        let run = std::mem::take(&mut self.run);
        if run.received == 0 {
            return;
        }
        accounting.indexed(&run.tenant, &run.source, run.indexed, run.parse_failures);
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
