//! The engine's part of one search: documents of the tenants allowed, of the time range, below the confirmed positions.
//!
//! The indices are named one by one, in the body of the request (`_msearch`), never by a wildcard; the tenant stands in
//! the filter once more. No request outlives the search's deadline, and an answer is at most 64 MiB: pages shrink until they fit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bumpalo::Bump;
use serde_json::{Value, json};
use stream::{Event, EventId, Timestamp};

use super::client::{Request, TOO_LONG, reason_of, refused, refused_with};
use super::document::Stored;
use super::names::written;
use super::query::compile;
use super::template::{OFFSET, PARTITION, TENANT, TIME};
use super::{Engine, commit};
use crate::store::View;
use crate::{ALL_TENANTS, Error, Query, Result, SearchRequest, Searcher};

/// The most documents of one page.
const PAGE_MAX: usize = 1000;
/// The documents of the first page when each is read and checked.
const PAGE_CHECKED: usize = 256;

const ACTION: &str = "search";

/// One search over what the engine holds.
pub(crate) struct Remote {
    pub(super) engine: Arc<Engine>,
    query: Query,
    indices: Vec<String>,
    indices_total: usize,
    /// Tenants, times, candidates.
    filter: Vec<Value>,
    /// What is not confirmed.
    must_not: Vec<Value>,
    /// Whether every candidate matches.
    exact: bool,
    deadline: Instant,
    /// The same without the query.
    covered: Vec<Value>,
}

impl Remote {
    pub(crate) fn new(
        engine: &Arc<Engine>,
        query: &Query,
        request: &SearchRequest,
        view: &View,
        deadline: Instant,
    ) -> Result<Remote> {
        let candidates = compile(&query.root);
        let mut range = serde_json::Map::new();
        if request.from > Timestamp::MIN {
            range.insert("gte".into(), request.from.0.into());
        }
        if request.to < Timestamp::MAX {
            range.insert("lt".into(), request.to.0.into());
        }
        let range = (!range.is_empty()).then(|| json!({"range": {TIME: range}}));
        let mut remote = Remote::of(engine, &request.tenants, view, deadline)?;
        remote.covered.extend(range);
        remote.filter.clone_from(&remote.covered);
        remote.filter.extend(candidates.filter);
        (remote.query, remote.exact) = (query.clone(), candidates.exact);
        Ok(remote)
    }

    /// Everything of the tenants.
    pub(super) fn of(engine: &Arc<Engine>, tenants: &[String], view: &View, deadline: Instant) -> Result<Remote> {
        let known = engine.known()?;
        let every = tenants.iter().any(|tenant| tenant == ALL_TENANTS);
        let mut allowed: Vec<String> = tenants.iter().map(|tenant| written(tenant)).collect();
        allowed.sort_unstable();
        let indices_total = known.indices.len();
        let of_tenants = |tenant: &String| every || allowed.binary_search(tenant).is_ok();
        let named = known.indices.into_iter().filter(|(_, (tenant, ..))| of_tenants(tenant));
        let indices: Vec<String> = named.map(|(name, _)| name).collect();
        let covered = if every { Vec::new() } else { vec![json!({"terms": {TENANT: allowed}})] };
        let mut positions = known.positions;
        positions.extend(view.positions.iter().map(|(partition, next)| (*partition, *next)));
        let unconfirmed = positions.iter().map(|(partition, next)| {
            json!({"bool": {"filter": [{"term": {PARTITION: partition}}, {"range": {OFFSET: {"gte": next}}}]}})
        });
        Ok(Remote {
            engine: Arc::clone(engine),
            query: Query::parse("")?,
            indices,
            indices_total,
            filter: covered.clone(),
            must_not: unconfirmed.collect(),
            exact: true,
            deadline,
            covered,
        })
    }

    /// Indices asked, and indices there are.
    pub(crate) fn indices(&self) -> (usize, usize) {
        (self.indices.len(), self.indices_total)
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.exact
    }

    /// How many candidates there are.
    pub(crate) fn count(&self) -> Result<u64> {
        if !self.exact {
            let mut count = 0;
            self.each(None, |_, _| count += 1)?;
            return Ok(count);
        }
        let mut body = self.body(&self.filter, None);
        body["size"] = 0.into();
        body["track_total_hits"] = true.into();
        let Some(answer) = self.ask(&body)? else { return Ok(0) };
        Ok(answer["hits"]["total"]["value"].as_u64().unwrap_or(0))
    }

    /// Pages of candidates in the order asked for, from behind `after` on.
    pub(crate) fn pages(&self, newest_first: bool, after: Option<(i64, EventId)>, wanted: usize) -> Pages<'_> {
        let size = if self.exact { wanted.clamp(1, PAGE_MAX) } else { PAGE_CHECKED };
        Pages {
            remote: self,
            also: None,
            newest_first,
            after,
            size,
            grows: !self.exact,
            ended: self.indices.is_empty(),
        }
    }

    /// Whether a candidate matches.
    pub(crate) fn holds(&self, stored: &Stored, arena: &Bump) -> Result<bool> {
        Ok(self.exact || self.query.matches(&event(stored, arena)?))
    }

    /// Calls for every match, newest first; `also` is one more filter.
    pub(crate) fn each(&self, also: Option<Value>, mut matched: impl FnMut(i64, &Event<'_>)) -> Result<()> {
        let mut pages = Pages { also, grows: true, size: PAGE_CHECKED, ..self.pages(true, None, PAGE_MAX) };
        let mut arena = Bump::new();
        while let Some(page) = pages.next()? {
            for stored in page {
                let event = event(&stored, &arena)?;
                if self.exact || self.query.matches(&event) {
                    matched(stored.time.0, &event);
                }
                drop(event);
                arena.reset();
            }
        }
        Ok(())
    }

    /// One event by id.
    pub(crate) fn get(engine: &Arc<Engine>, tenants: &[String], view: &View, id: EventId) -> Result<Option<Stored>> {
        let deadline = Instant::now() + Duration::from_secs(Searcher::SECONDS_MAX);
        let mut remote = Remote::of(engine, tenants, view, deadline)?;
        remote.filter.push(json!({"ids": {"values": [id.to_string()]}}));
        let page = remote.pages(true, None, 1).next()?;
        Ok(page.unwrap_or_default().into_iter().next())
    }

    /// A request's filters, without what it asks for.
    pub(super) fn body(&self, filter: &[Value], also: Option<&Value>) -> Value {
        let filter: Vec<&Value> = filter.iter().chain(also).collect();
        json!({"query": {"bool": {"filter": filter, "must_not": self.must_not}}})
    }

    /// Candidates as a filter list.
    pub(super) fn candidates(&self) -> &[Value] {
        &self.filter
    }

    /// Tenants and times alone.
    pub(super) fn covered(&self) -> &[Value] {
        &self.covered
    }

    /// Asks the indices of the tenants; nothing when there are none.
    pub(super) fn ask(&self, body: &Value) -> Result<Option<Value>> {
        if self.indices.is_empty() {
            return Ok(None);
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        let timeout = Error::Timeout { seconds: Searcher::SECONDS_MAX };
        if left.is_zero() {
            return Err(timeout);
        }
        let header = json!({"index": self.indices, "ignore_unavailable": true, "allow_partial_search_results": false});
        let mut body = body.clone();
        body["timeout"] = format!("{}ms", left.as_millis().max(1)).into();
        let lines = format!("{header}\n{body}\n");
        let request = Request {
            action: ACTION,
            method: "POST",
            path: "/_msearch",
            body: Some(lines.as_bytes()),
            timeout: left + Duration::from_secs(1),
        };
        let answer = self.engine.client.send(&request).and_then(|answer| answer.good(ACTION));
        let mut answer = match answer {
            Err(Error::Engine { again: true, .. }) if Instant::now() >= self.deadline => return Err(timeout),
            answer => answer?["responses"][0].take(),
        };
        if let Some(reason) = reason_of(&answer["error"]) {
            let status = answer["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(500);
            let cause = answer["error"]["root_cause"][0]["reason"].as_str().unwrap_or("");
            return Err(refused_with(ACTION, self.engine.place(), format!("{reason} {cause}"), status));
        }
        if answer["timed_out"] == Value::Bool(true) {
            return Err(timeout);
        }
        check_shards(ACTION, self.engine.place(), &answer)?;
        Ok(Some(answer.take()))
    }
}

/// Pages of candidates.
pub(crate) struct Pages<'a> {
    remote: &'a Remote,
    also: Option<Value>,
    newest_first: bool,
    after: Option<(i64, EventId)>,
    size: usize,
    grows: bool,
    ended: bool,
}

impl Pages<'_> {
    /// The next page; none after the last.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<Stored>>> {
        while !self.ended {
            let mut answer = match self.remote.ask(&self.body()) {
                Err(Error::Engine { reason, .. }) if reason == TOO_LONG && self.size > 1 => {
                    (self.size, self.grows) = (self.size / 2, false);
                    continue;
                }
                answer => answer?.unwrap_or(Value::Null),
            };
            let hits = match answer["hits"]["hits"].take() {
                Value::Array(hits) => hits,
                _ => Vec::new(),
            };
            self.ended = hits.len() < self.size;
            if self.grows {
                self.size = (self.size * 2).min(PAGE_MAX);
            }
            let mut page = Vec::with_capacity(hits.len());
            for mut hit in hits {
                let stored = Stored::read(&mut hit, &Stored::BY_TIME).ok_or_else(|| Error::Damaged {
                    what: "event",
                    place: format!("{} {}", hit["_index"].as_str().unwrap_or(""), hit["_id"].as_str().unwrap_or("")),
                    reason: "not a document of sekisho's".into(),
                })?;
                page.push(stored);
            }
            self.after = page.last().map(|last| (last.time.0, last.id));
            return Ok((!page.is_empty()).then_some(page));
        }
        Ok(None)
    }

    fn body(&self) -> Value {
        let order = if self.newest_first { "desc" } else { "asc" };
        let mut body = self.remote.body(self.remote.candidates(), self.also.as_ref());
        body["size"] = self.size.into();
        body["track_total_hits"] = false.into();
        body["_source"] = json!(Stored::source());
        body["sort"] = Stored::BY_TIME.iter().map(|field| json!({*field: order})).collect();
        if let Some((time, id)) = self.after {
            body["search_after"] = json!([time, id.partition, id.offset, id.sub]);
        }
        body
    }
}

pub(crate) fn event<'a>(stored: &'a Stored, arena: &'a Bump) -> Result<Event<'a>> {
    stored.event(arena).ok_or_else(|| commit::unreadable(stored.id))
}

/// An answer of some shards only is none.
pub(super) fn check_shards(action: &'static str, place: &str, answer: &Value) -> Result<()> {
    let shards = &answer["_shards"];
    if shards["failed"].as_u64().unwrap_or(0) == 0 {
        return Ok(());
    }
    let first = reason_of(&shards["failures"][0]["reason"]).unwrap_or_default();
    Err(refused(action, place, format!("{} shards failed: {first}", shards["failed"]), true))
}
