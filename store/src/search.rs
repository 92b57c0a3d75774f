//! Searching splits and the memory tail.
//!
//! Newest first stops early: splits are visited by their newest event, documents of a split stand newest first, and the
//! walk ends when nothing older can enter the page. A search of any kind ends after [`Searcher::SECONDS_MAX`].

mod matrix;
mod page;
mod scan;
mod values;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use stream::{EventId, NANOS_PER_SECOND, Timestamp};

use self::page::Page;
use self::scan::{Scan, Walk};
use self::values::{Counted, ValueCounter, add, count_event};
use crate::elasticsearch::{Remote, is_counted, read};
use crate::metrics::METRICS;
use crate::query::FieldRef;
use crate::{Error, Result, Store};

/// What to search for.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// Tenants the caller may see; empty means none, [`crate::ALL_TENANTS`] every one.
    pub tenants: Vec<String>,
    /// The query; empty matches everything.
    pub query: String,
    /// Start of the time range, included.
    pub from: Timestamp,
    /// End of the time range, excluded.
    pub to: Timestamp,
    /// The most hits to return; at most [`SearchRequest::LIMIT_MAX`].
    pub limit: usize,
    /// Paging: only events after this one in the order asked for.
    pub before: Option<(Timestamp, EventId)>,
    /// Newest first, else oldest first.
    pub newest_first: bool,
}

impl SearchRequest {
    /// The most hits one search returns.
    pub const LIMIT_MAX: usize = 10_000;
}

impl Default for SearchRequest {
    fn default() -> Self {
        SearchRequest {
            tenants: Vec::new(),
            query: String::new(),
            from: Timestamp::MIN,
            to: Timestamp::MAX,
            limit: 50,
            before: None,
            newest_first: true,
        }
    }
}

/// One event found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Its id.
    pub id: EventId,
    /// `@timestamp`.
    pub timestamp: Timestamp,
    /// Every field by its dotted ECS name, `event.original` included.
    pub event: Map<String, Value>,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Hits {
    /// In the order asked for.
    pub hits: Vec<Hit>,
    /// Splits that were read, or indices that were asked.
    pub scanned_splits: usize,
    /// Splits or indices there are.
    pub total_splits: usize,
    /// How long it took.
    pub took: Duration,
}

/// One step of a histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// Start of the step, a multiple of the interval since 1970.
    pub start: Timestamp,
    /// Events in it.
    pub count: u64,
    /// The same by value of the field asked for, largest first; empty when none was.
    pub by: Vec<(String, u64)>,
}

/// Traffic between two zones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatrixCell {
    /// Zone it came from.
    pub source_zone: String,
    /// Zone it went to.
    pub destination_zone: String,
    /// Events.
    pub total: u64,
    /// Of those, refused by the device.
    pub denied: u64,
}

/// Searches a store; cheap to clone, and never blocks indexing for longer than a pointer swap.
#[derive(Clone)]
pub struct Searcher {
    store: Store,
}

impl Searcher {
    /// A search of any kind ends after this many seconds.
    pub const SECONDS_MAX: u64 = 30;
    /// The most steps of a histogram.
    pub const BUCKETS_MAX: i64 = 10_000;
    /// The most distinct values that one answer tells apart; further ones are left out.
    pub const VALUES_MAX: usize = 100_000;

    pub(crate) fn new(store: Store) -> Searcher {
        Searcher { store }
    }

    /// The events that match, in order, up to the limit.
    ///
    /// # Errors
    /// [`crate::Error::Query`] when the query cannot be understood, [`crate::Error::Timeout`], or a damaged split.
    pub fn search(&self, request: &SearchRequest) -> Result<Hits> {
        let started = Instant::now();
        self.measured(|searcher| {
            let scan = Scan::new(&searcher.store, request)?;
            let mut page = Page::new(request);
            let scanned_splits = page.fill(&scan)?;
            let hits = page.hits()?;
            let total_splits = scan.remote.as_ref().map_or(scan.view.splits.len(), |remote| remote.indices().1);
            Ok(Hits { hits, scanned_splits, total_splits, took: started.elapsed() })
        })
    }

    /// How many events match; `limit` and `before` do not count.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn count(&self, request: &SearchRequest) -> Result<u64> {
        self.measured(|searcher| {
            let scan = Scan::new(&searcher.store, request)?;
            let mut count = 0;
            scan.tail(|_, _| count += 1)?;
            if let Some(remote) = &scan.remote {
                count += remote.count()?;
            }
            for split in scan.splits() {
                count += scan.walk(&split)?.map_or(Ok(0), Walk::count)?;
            }
            Ok(count)
        })
    }

    /// Matching events per time step, oldest first; steps without events between the first and the last are included.
    ///
    /// # Errors
    /// As [`Searcher::search`]; [`Error::Invalid`] when there would be more than [`Searcher::BUCKETS_MAX`] steps.
    pub fn histogram(&self, request: &SearchRequest, interval_seconds: u64, by: Option<&str>) -> Result<Vec<Bucket>> {
        self.measured(|searcher| {
            let scan = Scan::new(&searcher.store, request)?;
            let interval = i64::try_from(interval_seconds).unwrap_or(i64::MAX).max(1).saturating_mul(NANOS_PER_SECOND);
            let far = scan.remote.as_ref().map_or(Ok(None), |remote| remote.span())?;
            let span = scan.span().into_iter().chain(far).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
            if let Some((oldest, newest)) = span
                && newest.saturating_sub(oldest) / interval > Self::BUCKETS_MAX
            {
                let reason =
                    format!("more than {} steps; take longer steps or a shorter time range", Self::BUCKETS_MAX);
                return Err(Error::Invalid { what: "histogram", reason });
            }
            let by = by.map(FieldRef::new);
            let mut steps: BTreeMap<i64, (u64, Counted)> = BTreeMap::new();
            scan.tail(|time, event| {
                let step = steps.entry(time - time.rem_euclid(interval)).or_default();
                step.0 += 1;
                if let Some(by) = &by {
                    count_event(by, event, &mut step.1);
                }
            })?;
            if let Some(remote) = &scan.remote {
                remote_steps(remote, interval_seconds, interval, by.as_ref(), &mut steps)?;
            }
            for split in scan.splits() {
                split_steps(&scan, &split, interval, by.as_ref(), &mut steps)?;
            }
            Ok(filled(steps, interval))
        })
    }

    /// The most frequent values of a field, largest first.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn terms(&self, request: &SearchRequest, field: &str, limit: usize) -> Result<Vec<(String, u64)>> {
        self.measured(|searcher| {
            let scan = Scan::new(&searcher.store, request)?;
            let field = FieldRef::new(field);
            let mut counted = Counted::default();
            scan.tail(|_, event| count_event(&field, event, &mut counted))?;
            if let Some(remote) = &scan.remote {
                let engine_counts = remote.is_exact() && is_counted(&field);
                if engine_counts {
                    remote.values(None, &field, |_, value, count| add(&mut counted, &value, count))?;
                }
                remote.each(engine_counts.then(read), |_, event| count_event(&field, event, &mut counted))?;
            }
            for split in scan.splits() {
                let Some(mut walk) = scan.walk(&split)? else { continue };
                let mut counter = ValueCounter::new(&walk.opened, &split.meta.tenant, &field)?;
                while let Some(doc) = walk.next()? {
                    counter.add(doc)?;
                }
                counter.drain(&mut counted)?;
            }
            let mut terms = sorted(counted);
            terms.truncate(limit);
            Ok(terms)
        })
    }

    /// Matching events by source and destination zone; events without both are left out.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn matrix(&self, request: &SearchRequest) -> Result<Vec<MatrixCell>> {
        self.measured(|searcher| matrix::matrix(&Scan::new(&searcher.store, request)?))
    }

    /// One event by id, if it exists and belongs to one of the tenants.
    ///
    /// # Errors
    /// A damaged split.
    pub fn get(&self, tenants: &[String], id: EventId) -> Result<Option<Hit>> {
        self.measured(|searcher| page::get(&searcher.store, tenants, id))
    }

    fn measured<T>(&self, search: impl FnOnce(&Searcher) -> Result<T>) -> Result<T> {
        let timer = METRICS.search_seconds.start_timer();
        // What lies in a large split that was not examined yet may be anything.
        let searched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| search(self)));
        let result = searched.unwrap_or_else(|_| {
            let reason = "reading it failed in an unforeseen way".into();
            Err(Error::Damaged { what: "index", place: "one of the splits of this time range".into(), reason })
        });
        timer.observe_duration();
        if matches!(&result, Err(error) if !matches!(error, Error::Query { .. })) {
            METRICS.search_failures.inc();
        }
        self.store.close_unused();
        result
    }
}

/// Counts a split's documents into steps. They stand newest first, so a step is a range of document ids.
fn split_steps(
    scan: &Scan<'_>,
    split: &crate::index::split::Split,
    interval: i64,
    by: Option<&FieldRef>,
    steps: &mut BTreeMap<i64, (u64, Counted)>,
) -> Result<()> {
    let Some(mut walk) = scan.walk(split)? else { return Ok(()) };
    let mut counter = by.map(|by| ValueCounter::new(&walk.opened, &split.meta.tenant, by)).transpose()?;
    let (mut start, mut end, mut count) = (0, 0, 0);
    loop {
        let doc = walk.next()?;
        if doc.is_none_or(|doc| doc >= end) {
            if count > 0 {
                let step = steps.entry(start).or_default();
                step.0 += count;
                if let Some(counter) = &mut counter {
                    counter.drain(&mut step.1)?;
                }
            }
            let Some(doc) = doc else { return Ok(()) };
            let time = walk.opened.time(doc);
            start = time - time.rem_euclid(interval);
            end = walk.opened.first_at_or_before(start.saturating_sub(1));
            count = 0;
        }
        count += 1;
        if let (Some(counter), Some(doc)) = (&mut counter, doc) {
            counter.add(doc)?;
        }
    }
}

/// Counts into steps what the engine holds; it does so itself where it can.
fn remote_steps(
    remote: &Remote,
    seconds: u64,
    interval: i64,
    by: Option<&FieldRef>,
    steps: &mut BTreeMap<i64, (u64, Counted)>,
) -> Result<()> {
    let start = |time: i64| time - time.rem_euclid(interval);
    if !remote.is_exact() || by.is_some_and(|by| !is_counted(by)) {
        return remote.each(None, |time, event| {
            let step = steps.entry(start(time)).or_default();
            step.0 += 1;
            if let Some(by) = by {
                count_event(by, event, &mut step.1);
            }
        });
    }
    remote.steps(seconds, |time, count| steps.entry(start(time)).or_default().0 += count)?;
    if let Some(by) = by {
        remote.values(Some(seconds), by, |time, value, count| {
            add(&mut steps.entry(start(time)).or_default().1, &value, count);
        })?;
        remote
            .each(Some(read()), |time, event| count_event(by, event, &mut steps.entry(start(time)).or_default().1))?;
    }
    Ok(())
}

fn filled(steps: BTreeMap<i64, (u64, Counted)>, interval: i64) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for (start, (count, by)) in steps {
        while let Some(next) = buckets.last().map(|last| last.start.0 + interval).filter(|next| *next < start) {
            buckets.push(Bucket { start: Timestamp(next), count: 0, by: Vec::new() });
        }
        buckets.push(Bucket { start: Timestamp(start), count, by: sorted(by) });
    }
    buckets
}

fn sorted(counted: HashMap<String, u64>) -> Vec<(String, u64)> {
    let mut values: Vec<(String, u64)> = counted.into_iter().collect();
    values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    values
}
