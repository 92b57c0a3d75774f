//! Searching splits and the memory tail.

use std::time::Duration;

use serde_json::{Map, Value};
use stream::{EventId, Timestamp};

use crate::{Result, Store};

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
    /// Splits that were read.
    pub scanned_splits: usize,
    /// Splits there are.
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
    #[allow(dead_code)]
    store: Store,
}

impl Searcher {
    /// The events that match, in order, up to the limit.
    ///
    /// # Errors
    /// [`crate::Error::Query`] when the query cannot be understood, [`crate::Error::Timeout`], or a damaged split.
    pub fn search(&self, _request: &SearchRequest) -> Result<Hits> {
        unimplemented!()
    }

    /// How many events match; `limit` and `before` do not count.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn count(&self, _request: &SearchRequest) -> Result<u64> {
        unimplemented!()
    }

    /// Matching events per time step, oldest first, steps without events included when the range has two ends.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn histogram(
        &self,
        _request: &SearchRequest,
        _interval_seconds: u64,
        _by: Option<&str>,
    ) -> Result<Vec<Bucket>> {
        unimplemented!()
    }

    /// The most frequent values of a field, largest first.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn terms(&self, _request: &SearchRequest, _field: &str, _limit: usize) -> Result<Vec<(String, u64)>> {
        unimplemented!()
    }

    /// Matching events by source and destination zone.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn matrix(&self, _request: &SearchRequest) -> Result<Vec<MatrixCell>> {
        unimplemented!()
    }

    /// One event by id, if it exists and belongs to one of the tenants.
    ///
    /// # Errors
    /// A damaged split.
    pub fn get(&self, _tenants: &[String], _id: EventId) -> Result<Option<Hit>> {
        unimplemented!()
    }
}
