//! Accounting and live figures: what was received, what is indexed, what is on its way.
//!
//! Received counts records that are durable in the log; at a start they are counted from the database up to its
//! position and from the log after it ([`Start`]), so the figures are exact through crashes. Indexed counts records the
//! worker has added. The difference is in flight, and is held against the log's own positions.

mod start;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use store::Database;
use stream::log::Log;
use stream::{Timestamp, Topic};

use crate::health::Skew;
use crate::lag::Lag;
use start::Start;

/// Tenant id -> source id -> counters.
type Sources = BTreeMap<String, BTreeMap<String, Counters>>;

/// Counters of one source.
#[derive(Clone, Debug, Default)]
struct Counters {
    received: u64,
    indexed: u64,
    parse_failures: u64,
    last_received: Option<Timestamp>,
    recent: Recent,
    skew: Skew,
    missing_numbers: Option<u64>,
}

/// A run of records of one source that was added to the index.
#[derive(Clone, Copy, Debug, Default)]
pub struct Indexed {
    /// Records.
    pub count: u64,
    /// Of these, those that could not be parsed.
    pub failures: u64,
    /// Receipt minus event time in nanoseconds, of a line that was understood.
    pub skew: Option<i64>,
    /// Numbers of the source's lines that are missing since the start, where the product numbers them.
    pub missing_numbers: Option<u64>,
}

/// Seconds that [`Recent`] holds.
const RECENT_SECONDS: i64 = 60;

/// What came in each of the last seconds.
#[derive(Clone, Debug)]
struct Recent {
    counts: [u64; RECENT_SECONDS as usize],
    /// The newest second that is held; older ones are in the slots before it, around the ring.
    newest: i64,
}

impl Default for Recent {
    fn default() -> Self {
        Recent { counts: [0; RECENT_SECONDS as usize], newest: i64::MIN / 2 }
    }
}

impl Recent {
    fn add(&mut self, second: i64, count: u64) {
        for passed in self.newest.max(second - RECENT_SECONDS) + 1..=second {
            *self.slot(passed) = 0;
        }
        self.newest = self.newest.max(second);
        if second > self.newest - RECENT_SECONDS {
            *self.slot(second) += count;
        }
    }

    /// What came in the sixty seconds that end with `now`.
    fn until(&self, now: i64) -> u64 {
        let held = (self.newest - RECENT_SECONDS).max(now - RECENT_SECONDS) + 1..=self.newest.min(now);
        held.map(|second| self.counts[second.rem_euclid(RECENT_SECONDS) as usize]).sum()
    }

    fn slot(&mut self, second: i64) -> &mut u64 {
        &mut self.counts[second.rem_euclid(RECENT_SECONDS) as usize]
    }
}

/// Counters of all sources; shared by listeners, workers and pages.
#[derive(Default)]
pub struct Accounting {
    sources: Mutex<Sources>,
    positions: Mutex<BTreeMap<u32, u64>>,
    retired: Mutex<store::Retired>,
    /// Received -> searchable.
    pub lag: Lag,
    /// What rules cost.
    pub costs: crate::coverage::RuleCosts,
}

/// One source as `sekisho accounting` and `/api/v1/accounting` show it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Tenant id.
    pub tenant: String,
    /// Source id.
    pub source: String,
    /// Records durable in the log.
    pub received: u64,
    /// Events in the index.
    pub indexed: u64,
    /// Left out by a named rule.
    pub filtered: u64,
    /// `received - indexed - filtered`.
    pub in_flight: u64,
    /// Of the indexed, those that retention has removed since: `indexed - retired` can be found.
    #[serde(default)]
    pub retired: u64,
    /// Of the indexed, those that could not be parsed.
    pub parse_failures: u64,
    /// When the last record came, RFC 3339.
    pub last_received: Option<String>,
    /// Records received in the last sixty seconds.
    pub received_last_minute: u64,
    /// Median of receipt minus event time in seconds, since the process started: positive when the clock is behind.
    #[serde(default)]
    pub clock_skew_seconds: Option<i64>,
    /// Numbers of lines that are missing since the process started, where the product numbers them.
    #[serde(default)]
    pub missing_numbers: Option<u64>,
}

/// All sources at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Book {
    /// When, RFC 3339.
    pub as_of: String,
    /// Whether the sources' sum agrees with the log's own positions.
    pub balanced: bool,
    /// Records in the log that the worker has not reached, by the log's own count.
    pub log_in_flight: u64,
    /// By tenant and source.
    pub sources: Vec<Row>,
    /// Nanoseconds per event by rule id, as far as they were measured.
    #[serde(default)]
    pub rule_costs: BTreeMap<String, u64>,
}

impl Accounting {
    /// Counts what is durable: the database's counters up to its position, and the log after it.
    ///
    /// # Errors
    /// The database or the log cannot be read.
    pub fn open(database: &Database, log: &Log) -> Result<Accounting> {
        let accounting = Accounting::stored(database, log)?;
        Start::read(database, log)?.count(&accounting, database, log)?;
        Ok(accounting)
    }

    /// What is stored, for a process that does not receive: there a record counts as received when it is indexed.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn stored(database: &Database, log: &Log) -> Result<Accounting> {
        let accounting = Accounting::default();
        for row in database.sources(&[store::ALL_TENANTS.to_owned()])? {
            let counters = Counters {
                received: row.received,
                indexed: row.indexed,
                parse_failures: row.parse_failures,
                last_received: Some(row.last_received),
                ..Counters::default()
            };
            *entry(&mut accounting.lock(), &row.tenant, &row.source) = counters;
        }
        for partition in 0..log.partitions(Topic::Raw) {
            accounting.worked(partition, database.counted(partition)?);
        }
        Ok(accounting)
    }

    /// Counts records that became durable.
    pub fn received(&self, tenant: &str, source: &str, count: u64, at: Timestamp) {
        let mut sources = self.lock();
        let counters = entry(&mut sources, tenant, source);
        counters.received += count;
        counters.last_received = counters.last_received.max(Some(at));
        counters.recent.add(at.seconds(), count);
    }

    /// Counts records that were added to the index.
    pub fn indexed(&self, tenant: &str, source: &str, run: &Indexed) {
        let mut sources = self.lock();
        let counters = entry(&mut sources, tenant, source);
        counters.indexed += run.count;
        counters.parse_failures += run.failures;
        run.skew.into_iter().for_each(|skew| counters.skew.note(skew));
        counters.missing_numbers = run.missing_numbers.or(counters.missing_numbers);
    }

    /// Remembers what retention has removed, all in all.
    pub fn retired(&self, retired: store::Retired) {
        *self.retired.lock().unwrap_or_else(PoisonError::into_inner) = retired;
    }

    /// Remembers how far a partition's worker has come.
    pub fn worked(&self, partition: u32, next: u64) {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, next);
    }

    /// The figures at this moment.
    pub fn book(&self, log: &Log, now: Timestamp) -> Book {
        let ahead = |(partition, next): (&u32, &u64)| log.end_offset(Topic::Raw, *partition).saturating_sub(*next);
        let log_in_flight = self.positions.lock().unwrap_or_else(PoisonError::into_inner).iter().map(ahead).sum();
        let second = now.seconds();
        let mut sources: Vec<Row> = self
            .lock()
            .iter()
            .flat_map(|(tenant, sources)| sources.iter().map(move |(source, c)| row(tenant, source, c, second)))
            .collect();
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for row in &mut sources {
            row.retired = retired.get(&row.tenant).and_then(|known| known.get(&row.source)).copied().unwrap_or(0);
        }
        let in_flight: u64 = sources.iter().map(|row| row.in_flight).sum();
        // The two are read one after the other while records flow; only a drained log can be held to equality.
        let drained = || sources.iter().all(|row| row.received == row.indexed + row.filtered);
        let balanced = log_in_flight > 0 || (in_flight == 0 && drained());
        let rule_costs = self.costs.nanos_per_event().into_iter().collect();
        Book { as_of: now.to_string(), balanced, log_in_flight, sources, rule_costs }
    }

    /// Records received since the installation, all sources.
    pub fn received_total(&self) -> u64 {
        self.lock().values().flat_map(BTreeMap::values).map(|counters| counters.received).sum()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Writes the figures for `sekisho accounting`, replacing the file whole.
    ///
    /// # Errors
    /// The disk refused.
    pub fn write(&self, path: &Path) -> Result<()> {
        let temporary = path.with_extension("json.new");
        std::fs::write(&temporary, serde_json::to_vec_pretty(self)?)
            .and_then(|()| std::fs::rename(&temporary, path))
            .with_context(|| format!("write {}", path.display()))
    }

    /// Reads what a running or stopped process wrote last.
    ///
    /// # Errors
    /// There is no such file, or it is not a book.
    pub fn read(path: &Path) -> Result<Book> {
        let text = std::fs::read(path)
            .with_context(|| format!("read {}; is this the data folder of a sekisho that ran?", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("read {}", path.display()))
    }
}

fn entry<'a>(sources: &'a mut Sources, tenant: &str, source: &str) -> &'a mut Counters {
    // Looked up by reference first: names are copied once per source, not once per call.
    if !sources.get(tenant).is_some_and(|known| known.contains_key(source)) {
        sources.entry(tenant.to_owned()).or_default().insert(source.to_owned(), Counters::default());
    }
    sources.get_mut(tenant).and_then(|known| known.get_mut(source)).expect("was inserted above")
}

fn row(tenant: &str, source: &str, counters: &Counters, second: i64) -> Row {
    Row {
        tenant: tenant.to_owned(),
        source: source.to_owned(),
        received: counters.received,
        indexed: counters.indexed,
        filtered: 0,
        in_flight: counters.received.saturating_sub(counters.indexed),
        retired: 0,
        parse_failures: counters.parse_failures,
        last_received: counters.last_received.map(|time| time.to_string()),
        received_last_minute: counters.recent.until(second),
        clock_skew_seconds: counters.skew.median(),
        missing_numbers: counters.missing_numbers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_minute_is_sixty_seconds_long_at_any_moment() {
        let mut recent = Recent::default();
        assert_eq!(recent.until(1_800_000_000), 0);
        let start = 1_800_000_007;
        recent.add(start, 5);
        assert_eq!(recent.until(start), 5, "counted at once, not after the minute is full");
        recent.add(start + 30, 2);
        // The next one comes late, of a second that has passed.
        recent.add(start + 10, 1);
        assert_eq!((recent.until(start + 59), recent.until(start + 60), recent.until(start + 69)), (8, 3, 3));
        assert_eq!((recent.until(start + 70), recent.until(start + 90)), (2, 0));
        recent.add(start + 1000, 7);
        recent.add(start, 9);
        assert_eq!((recent.until(start + 1000), recent.until(start + 999)), (7, 0));
    }
}
