//! A cut: what is in the tail goes to the engine by `_bulk`, then the positions, then it leaves the tail.
//!
//! Whatever is refused for now (no answer, 429, 5xx, a closed or read-only index) fails the cut as a full disk does: all of it
//! waits again and is sent again under the same ids. Of a long tail each [`GROUP_BYTES`] are confirmed by themselves, so that an engine
//! which is busy now and then does not begin anew each time. What is refused for good (400) is sent once more in the reduced form, which
//! the template's own types cannot refuse; only when that is refused too does the writer stop.
//!
//! Failpoints: `store::bulk::sent` (between bulk and positions), `store::bulk::positions` (between positions and tail).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bumpalo::Bump;
use serde_json::{Value, json};
use stream::{Event, EventId, fields};

use super::client::{Request, reason_of, refused, refused_with};
use super::names::written;
use super::{CHANGE, Engine, document};
use crate::index::document::unpack_here;
use crate::metrics::METRICS;
use crate::store::Inner;
use crate::tail::Chunk;
use crate::{Error, Result};

const ACTION: &str = "index events in";
/// The most bytes of index names in one address.
const PATH_BYTES_MAX: usize = 3000;

/// Bytes of the tail that are confirmed at a time.
const GROUP_BYTES: usize = 8 << 20;
/// How long to wait for an engine that is busy (429) before each further try of one request.
const BUSY_WAITS: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(300), Duration::from_secs(1)];

/// Sends what is in the tail now.
pub(crate) fn commit(inner: &Inner, engine: &Engine) -> Result<()> {
    let chunks: Vec<Arc<Chunk>> = inner.state.read().unwrap_or_else(PoisonError::into_inner).tail.clone();
    let (mut from, mut bytes) = (0, 0);
    for (place, chunk) in chunks.iter().enumerate() {
        bytes += chunk.bytes();
        if bytes >= GROUP_BYTES || place + 1 == chunks.len() {
            commit_group(inner, engine, &chunks[from..=place])?;
            (from, bytes) = (place + 1, 0);
        }
    }
    Ok(())
}

/// Sends the first chunks of the tail.
fn commit_group(inner: &Inner, engine: &Engine, chunks: &[Arc<Chunk>]) -> Result<()> {
    let started = Instant::now();
    // Documents of a partition without a position would be found before they are confirmed.
    let met: BTreeSet<u32> = chunks.iter().map(|chunk| chunk.partition).collect();
    let known = inner.catalogue().positions.clone();
    engine.begin_positions(met.into_iter().filter(|partition| !known.contains_key(partition)))?;
    let mut bulk = Bulk::new(engine);
    let mut arena = Bump::new();
    for held in chunks.iter().flat_map(|chunk| chunk.iter()) {
        let event = unpack_here(held.packed, &arena).ok_or_else(|| unreadable(held.id))?;
        bulk.add(held.id, held.tenant, &event)?;
        drop(event);
        arena.reset();
    }
    bulk.finish()?;
    inner.stop_point("store::bulk::sent")?;
    let mut positions: BTreeMap<u32, u64> = BTreeMap::new();
    for chunk in chunks {
        let position = positions.entry(chunk.partition).or_insert(0);
        *position = (*position).max(chunk.next_offset);
    }
    engine.put_positions(&positions)?;
    inner.stop_point("store::bulk::positions")?;
    inner.catalogue().positions.extend(positions.iter().map(|(partition, next)| (*partition, *next)));
    {
        // One step for searches: what leaves the tail lies below the positions from here on.
        let mut state = inner.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut confirmed = BTreeMap::clone(&state.positions);
        confirmed.extend(positions);
        state.positions = Arc::new(confirmed);
        state.tail.drain(..chunks.len());
    }
    engine.forget();
    if let Err(error) = engine.known() {
        tracing::debug!(%error, "the figures of the engine are not up to date");
    }
    METRICS.cuts.inc();
    METRICS.tail_events.sub(chunks.iter().map(|chunk| chunk.len() as i64).sum());
    METRICS.tail_bytes.sub(chunks.iter().map(|chunk| chunk.bytes() as i64).sum());
    METRICS.cut_seconds.observe(started.elapsed().as_secs_f64());
    Ok(())
}

pub(super) fn unreadable(id: EventId) -> Error {
    Error::Damaged { what: "event", place: id.to_string(), reason: "cannot be read back".into() }
}

/// Documents on their way, in requests of bounded size.
pub(super) struct Bulk<'a> {
    engine: &'a Engine,
    /// The request being put together.
    body: Vec<u8>,
    /// Its documents: id, and where each begins with its action and with itself.
    items: Vec<(EventId, usize, usize)>,
    /// Indices that were written and not refreshed.
    touched: BTreeSet<String>,
    /// Written names by tenant.
    tenants: BTreeMap<String, String>,
}

impl<'a> Bulk<'a> {
    pub(super) fn new(engine: &'a Engine) -> Bulk<'a> {
        Bulk { engine, body: Vec::new(), items: Vec::new(), touched: BTreeSet::new(), tenants: BTreeMap::new() }
    }

    /// Adds a document, and sends what is together when that is enough.
    pub(super) fn add(&mut self, id: EventId, tenant: &str, event: &Event<'_>) -> Result<()> {
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.to_owned(), written(tenant));
        }
        let tenant = self.tenants[tenant].clone();
        let index = self.engine.names.index(&tenant, received(event));
        self.add_to(index, id, &tenant, event)
    }

    /// As [`Bulk::add`], of a written tenant, into an index.
    pub(super) fn add_to(&mut self, index: String, id: EventId, tenant: &str, event: &Event<'_>) -> Result<()> {
        if !self.touched.contains(&index) {
            self.engine.create(&index, &json!({}))?;
            self.touched.insert(index.clone());
        }
        let start = self.body.len();
        let action = json!({"index": {"_index": index, "_id": id.to_string()}});
        self.body.extend_from_slice(action.to_string().as_bytes());
        self.body.push(b'\n');
        let begin = self.body.len();
        document::put(id, tenant, event, &mut self.body);
        self.body.push(b'\n');
        self.items.push((id, start, begin));
        if self.body.len() >= self.engine.config.bulk_bytes_max { self.send() } else { Ok(()) }
    }

    /// Sends what is left, and makes all of it searchable.
    pub(super) fn finish(mut self) -> Result<()> {
        self.send()?;
        let touched = std::mem::take(&mut self.touched);
        let mut path = String::new();
        for index in &touched {
            if path.len() + index.len() > PATH_BYTES_MAX {
                self.refresh(&std::mem::take(&mut path))?;
            }
            path.push(if path.is_empty() { '/' } else { ',' });
            path.push_str(index);
        }
        self.refresh(&path)
    }

    fn refresh(&self, indices: &str) -> Result<()> {
        if indices.is_empty() {
            return Ok(());
        }
        let answer = self.engine.ask("refresh", "POST", &format!("{indices}/_refresh"), None)?;
        super::search::check_shards("refresh", self.engine.place(), &answer)
    }

    fn send(&mut self) -> Result<()> {
        if self.items.is_empty() {
            return Ok(());
        }
        let mut waits = BUSY_WAITS.iter();
        loop {
            match (self.send_items(0..self.items.len()), waits.next()) {
                (Err(Error::Engine { status: Some(429), .. }), Some(wait)) => std::thread::park_timeout(*wait),
                (sent, _) => break sent?,
            }
        }
        self.body.clear();
        self.items.clear();
        Ok(())
    }

    /// Sends some documents, in halves when something on the way takes no more at once.
    fn send_items(&self, places: Range<usize>) -> Result<()> {
        let begin = |place: usize| self.items.get(place).map_or(self.body.len(), |item| item.1);
        let answer = match self.post(&self.body[begin(places.start)..begin(places.end)]) {
            Err(Error::Engine { status: Some(413), .. }) if places.len() > 1 => {
                let middle = places.start + places.len() / 2;
                return self.send_items(places.start..middle).and_then(|()| self.send_items(middle..places.end));
            }
            answer => answer?,
        };
        if answer["errors"] == Value::Bool(false) {
            return Ok(());
        }
        let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
        if items.len() != places.len() {
            let reason = format!("{} answers for {} documents", items.len(), places.len());
            return Err(refused(ACTION, self.engine.place(), reason, true));
        }
        let mut again = Vec::new();
        for (place, item) in places.zip(items) {
            again.extend(self.refusal(place, &item["index"])?.map(|reason| (place, reason)));
        }
        if again.is_empty() { Ok(()) } else { self.send_reduced(&again) }
    }

    /// Why a document was refused for good; an error when it was refused for now.
    fn refusal(&self, place: usize, item: &Value) -> Result<Option<String>> {
        let status = item["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(500);
        if (200..300).contains(&status) {
            return Ok(None);
        }
        let reason = reason_of(&item["error"]).unwrap_or_else(|| "no reason given".into());
        if status == 400 {
            return Ok(Some(reason));
        }
        let (id, ..) = self.items[place];
        let reason = format!("event {id}: {reason}");
        // An index that was removed meanwhile is made again.
        if status == 404 {
            self.engine.lock(&self.engine.made).clear();
            return Err(refused(ACTION, self.engine.place(), reason, true));
        }
        Err(refused_with(ACTION, self.engine.place(), reason, status))
    }

    /// Sends documents once more with what the search needs alone.
    fn send_reduced(&self, documents: &[(usize, String)]) -> Result<()> {
        let mut body = Vec::new();
        for (place, reason) in documents {
            let (id, start, begin) = self.items[*place];
            let end = self.items.get(place + 1).map_or(self.body.len(), |next| next.1);
            body.extend_from_slice(&self.body[start..begin]);
            let whole = &self.body[begin..end];
            document::reduce(whole, reason, &mut body).ok_or_else(|| unreadable(id))?;
            body.push(b'\n');
            tracing::warn!(event = %id, reason, "the engine refused the event; it is indexed without the fields that only the engine's own tools show");
        }
        METRICS.reduced.inc_by(documents.len() as u64);
        let answer = self.post(&body)?;
        let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
        for ((place, _), item) in documents.iter().zip(items) {
            if let Some(reason) = self.refusal(*place, &item["index"])? {
                let (id, ..) = self.items[*place];
                let reason = format!(
                    "event {id}, even without its own fields: {reason}; look at the index's mapping and ingest pipelines"
                );
                return Err(refused(ACTION, self.engine.place(), reason, false));
            }
        }
        Ok(())
    }

    fn post(&self, body: &[u8]) -> Result<Value> {
        let path = "/_bulk";
        let request = Request { action: ACTION, method: "POST", path, body: Some(body), timeout: CHANGE };
        self.engine.client.send(&request)?.good(ACTION)
    }
}

/// The document of a partition's position.
fn position(partition: u32, next: u64) -> (String, Value) {
    (format!("position-{partition}"), json!({"kind": "position", "partition": partition, "next_offset": next}))
}

/// When an event was received, which decides its index.
pub(super) fn received(event: &Event<'_>) -> i64 {
    match event.get(fields::EVENT_CREATED) {
        Some(stream::Value::Time(time)) => time.0,
        _ => event.time().0,
    }
}

impl Engine {
    fn put_positions(&self, positions: &BTreeMap<u32, u64>) -> Result<()> {
        self.put_state(
            "write the positions",
            "index",
            positions.iter().map(|(partition, next)| position(*partition, *next)),
        )
    }

    /// Writes position 0 for partitions that have none.
    fn begin_positions(&self, partitions: impl Iterator<Item = u32>) -> Result<()> {
        let documents: Vec<_> = partitions.map(|partition| position(partition, 0)).collect();
        if documents.is_empty() {
            Ok(())
        } else {
            self.put_state("write the positions", "create", documents.into_iter())
        }
    }

    /// Puts documents of `PREFIX-state`, searchable at once.
    pub(super) fn put_state(
        &self,
        action: &'static str,
        operation: &'static str,
        documents: impl Iterator<Item = (String, Value)>,
    ) -> Result<()> {
        let mut body = String::new();
        for (id, mut document) in documents {
            document["id"] = id.as_str().into();
            body.push_str(&json!({operation: {"_id": id}}).to_string());
            body.push('\n');
            body.push_str(&document.to_string());
            body.push('\n');
        }
        let path = format!("/{}/_bulk", self.names.state());
        let request = Request { action, method: "POST", path: &path, body: Some(body.as_bytes()), timeout: CHANGE };
        let answer = self.client.send(&request)?.good(action)?;
        // 409: it is there, where it was only to be made.
        let is_good = |item: &Value| matches!(item[operation]["status"].as_u64(), Some(200..300 | 409));
        if answer["errors"] != Value::Bool(false) {
            let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
            if let Some(item) = items.iter().find(|item| !is_good(item)) {
                let reason = reason_of(&item[operation]["error"]).unwrap_or_else(|| "not accepted".into());
                return Err(refused(action, self.place(), reason, true));
            }
        }
        let path = format!("/{}/_refresh", self.names.state());
        self.ask("refresh", "POST", &path, None)?;
        Ok(())
    }
}
