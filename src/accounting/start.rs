//! What the last start counted in the log, so that the next one need not count it again: with millions of records that
//! wait for the worker, counting takes seconds, and a process that is ended again and again would do little else.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use store::Database;
use stream::log::Log;
use stream::{RecordKind, Timestamp, Topic};

use super::{Accounting, entry};

/// The database's setting that holds it, as JSON: with the counters that it goes with, it comes and goes.
const SETTING: &str = "received_at_start";

/// How many records were received of each source, below these offsets of the partitions of raw.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Start {
    ends: BTreeMap<u32, u64>,
    /// Tenant, source, records, receipt of the newest.
    sources: Vec<(String, String, u64, Timestamp)>,
}

impl Start {
    /// What is stored, unless the worker has come further than that in some partition, or the log does not go so far.
    pub(super) fn read(database: &Database, log: &Log) -> Result<Start> {
        let Some(stored) = database.setting(SETTING)? else { return Ok(Start::default()) };
        // What another version wrote is no reason not to start: it is counted again.
        let start: Start = serde_json::from_str(&stored).unwrap_or_default();
        for partition in 0..log.partitions(Topic::Raw) {
            let end = start.ends.get(&partition).copied().unwrap_or(0);
            if end < database.counted(partition)? || end > log.end_offset(Topic::Raw, partition) {
                return Ok(Start::default());
            }
        }
        Ok(start)
    }

    /// Counts on from there, up to the end of the log, and stores how far that is.
    pub(super) fn count(self, accounting: &Accounting, database: &Database, log: &Log) -> Result<()> {
        for (tenant, source, received, last_received) in self.sources {
            let mut sources = accounting.lock();
            let counters = entry(&mut sources, &tenant, &source);
            counters.received = received;
            counters.last_received = counters.last_received.max(Some(last_received));
        }
        let mut ends = BTreeMap::new();
        for partition in 0..log.partitions(Topic::Raw) {
            let from = database.counted(partition)?.max(self.ends.get(&partition).copied().unwrap_or(0));
            let end = log.end_offset(Topic::Raw, partition);
            let mut reader = log.reader(Topic::Raw, partition, from)?;
            while let Some(batch) = reader.next_below(end)? {
                for record in batch.iter().filter(|record| record.offset >= from && record.offset < end) {
                    if record.kind == RecordKind::Data {
                        accounting.received(record.tenant, record.source, 1, record.received);
                    }
                }
            }
            ends.insert(partition, end);
        }
        let mut start = Start { ends, sources: Vec::new() };
        for (tenant, sources) in accounting.lock().iter() {
            for (source, counters) in sources {
                let last_received = counters.last_received.unwrap_or_default();
                start.sources.push((tenant.clone(), source.clone(), counters.received, last_received));
            }
        }
        Ok(database.set_setting(SETTING, &serde_json::to_string(&start)?)?)
    }
}

#[cfg(test)]
mod tests {
    use store::DetectionBatch;
    use stream::Record;
    use stream::log::LogConfig;

    use super::*;

    fn append(log: &Log, source: &'static str, count: usize) {
        let record = |_| Record {
            kind: RecordKind::Data,
            tenant: "town".into(),
            source: source.into(),
            peer: None,
            received: Timestamp::from_seconds(1_800_000_000),
            raw: b"line".to_vec().into(),
        };
        log.append(Topic::Raw, 0, (0..count).map(record).collect()).unwrap().wait().unwrap();
    }

    fn received(database: &Database, log: &Log) -> Vec<(String, u64)> {
        let book = Accounting::open(database, log).unwrap().book(log, Timestamp::default());
        book.sources.into_iter().map(|row| (row.source, row.received)).collect()
    }

    #[test]
    fn each_start_counts_on_from_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(LogConfig::in_dir(dir.path())).unwrap();
        let database = Database::open(dir.path().join("sekisho.db")).unwrap();
        append(&log, "a", 3);
        assert_eq!(received(&database, &log), [("a".to_owned(), 3)]);
        append(&log, "a", 1);
        append(&log, "b", 2);
        assert_eq!(Start::read(&database, &log).unwrap().ends, BTreeMap::from([(0, 3)]));
        let all = [("a".to_owned(), 4), ("b".to_owned(), 2)];
        assert_eq!(received(&database, &log), all);
        assert_eq!(received(&database, &log), all, "nothing came meanwhile");
        let source = |source: &str, received| store::SourceDelta {
            tenant: "town".into(),
            source: source.into(),
            received,
            indexed: received,
            ..store::SourceDelta::default()
        };
        let works = |next_offset, sources: &[store::SourceDelta]| {
            let received = Timestamp::default();
            let batch = DetectionBatch { partition: 0, next_offset, outcomes: &[], state: None, sources, received };
            database.apply(batch).unwrap();
        };
        // The worker comes up to within what was counted, and then beyond it.
        works(5, &[source("a", 4), source("b", 1)]);
        assert_eq!(received(&database, &log), all);
        database.set_setting(SETTING, "of another version").unwrap();
        assert_eq!(received(&database, &log), all);
        append(&log, "b", 5);
        works(8, &[source("b", 3)]);
        assert_eq!(Start::read(&database, &log).unwrap(), Start::default());
        assert_eq!(received(&database, &log), [("a".to_owned(), 4), ("b".to_owned(), 7)]);
    }
}
