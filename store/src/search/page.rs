//! A page of hits: the best so far in the order asked for, and where each one lies.

use std::collections::BTreeMap;
use std::sync::Arc;

use bumpalo::Bump;
use stream::{EventId, Timestamp};

use super::scan::Scan;
use super::{Hit, SearchRequest};
use crate::elasticsearch::{self, Remote, Stored};
use crate::index::document::unpack_here;
use crate::index::split::Opened;
use crate::tail::Chunk;
use crate::{Error, Result, Store, tenant_allowed};

type Key = (i64, EventId);

enum Place {
    Tail(Arc<Chunk>, usize),
    Split(Arc<Opened>, u32),
    Engine(Box<Stored>),
}

pub(super) struct Page {
    limit: usize,
    newest_first: bool,
    before: Option<Key>,
    best: BTreeMap<Key, Place>,
}

impl Page {
    pub(super) fn new(request: &SearchRequest) -> Page {
        Page {
            limit: request.limit.min(SearchRequest::LIMIT_MAX),
            newest_first: request.newest_first,
            before: request.before.map(|(time, id)| (time.0, id)),
            best: BTreeMap::new(),
        }
    }

    /// Finds the page; gives how many splits were read.
    pub(super) fn fill(&mut self, scan: &Scan<'_>) -> Result<usize> {
        if self.limit == 0 {
            return Ok(0);
        }
        self.fill_from_tail(scan)?;
        if let Some(remote) = &scan.remote {
            self.fill_from_engine(remote)?;
            return Ok(remote.indices().0);
        }
        let mut splits = scan.splits();
        splits.sort_by_key(|split| {
            if self.newest_first { -i128::from(split.meta.newest) } else { i128::from(split.meta.oldest) }
        });
        let (from, to) = match (self.before, self.newest_first) {
            (Some((time, _)), true) => (scan.request.from.0, scan.request.to.0.min(time.saturating_add(1))),
            (Some((time, _)), false) => (scan.request.from.0.max(time), scan.request.to.0),
            (None, _) => (scan.request.from.0, scan.request.to.0),
        };
        let mut scanned = 0;
        for split in splits {
            let edge = if self.newest_first { split.meta.newest } else { split.meta.oldest };
            if self.is_past(edge) {
                break;
            }
            if split.meta.newest < from || split.meta.oldest >= to {
                continue;
            }
            let Some(mut walk) = scan.walk_between(&split, from, to)? else { continue };
            scanned += 1;
            while let Some(doc) = walk.next()? {
                let time = walk.opened.time(doc);
                if self.newest_first && self.is_past(time) {
                    break;
                }
                if !self.newest_first && self.is_past(time) {
                    continue;
                }
                let key = (time, walk.opened.event_id(doc));
                if self.wants(key) {
                    self.put(key, Place::Split(walk.opened.clone(), doc));
                }
            }
        }
        Ok(scanned)
    }

    fn fill_from_tail(&mut self, scan: &Scan<'_>) -> Result<()> {
        let mut arena = Bump::new();
        for chunk in scan.view.tail.iter().rev() {
            scan.check_time()?;
            let edge = if self.newest_first { chunk.newest } else { chunk.oldest };
            if chunk.len() == 0 || self.is_past(edge) {
                continue;
            }
            for index in 0..chunk.len() {
                let Some(event) = chunk.get(index) else { break };
                let key = (event.time, event.id);
                if scan.covers(event.time, event.tenant) && self.wants(key) {
                    if scan.check(&event, &arena, |_| ())? {
                        self.put(key, Place::Tail(chunk.clone(), index));
                    }
                    arena.reset();
                }
            }
        }
        Ok(())
    }

    /// What the engine holds comes in the order asked for: the first event that is not wanted ends it.
    fn fill_from_engine(&mut self, remote: &Remote) -> Result<()> {
        let mut pages = remote.pages(self.newest_first, self.before, self.limit);
        let mut arena = Bump::new();
        while let Some(page) = pages.next()? {
            for stored in page {
                let key = (stored.time.0, stored.id);
                if !self.wants(key) {
                    return Ok(());
                }
                let holds = remote.holds(&stored, &arena)?;
                arena.reset();
                if holds {
                    self.put(key, Place::Engine(Box::new(stored)));
                }
            }
        }
        Ok(())
    }

    /// Whether the page is full of better hits than any at this time or beyond it.
    fn is_past(&self, time: i64) -> bool {
        if self.best.len() < self.limit {
            return false;
        }
        match self.newest_first {
            true => self.best.keys().next().is_some_and(|(worst, _)| time < *worst),
            false => self.best.keys().next_back().is_some_and(|(worst, _)| time > *worst),
        }
    }

    fn wants(&self, key: Key) -> bool {
        let after_cursor = match self.before {
            Some(before) if self.newest_first => key < before,
            Some(before) => key > before,
            None => true,
        };
        let better = || match self.newest_first {
            true => self.best.keys().next().is_some_and(|worst| key > *worst),
            false => self.best.keys().next_back().is_some_and(|worst| key < *worst),
        };
        after_cursor && (self.best.len() < self.limit || better())
    }

    fn put(&mut self, key: Key, place: Place) {
        self.best.insert(key, place);
        if self.best.len() > self.limit {
            if self.newest_first {
                self.best.pop_first()
            } else {
                self.best.pop_last()
            };
        }
    }

    pub(super) fn hits(self) -> Result<Vec<Hit>> {
        let newest_first = self.newest_first;
        let hits: Result<Vec<Hit>> = self.best.into_iter().map(|(key, place)| hit(key, &place)).collect();
        let mut hits = hits?;
        if newest_first {
            hits.reverse();
        }
        Ok(hits)
    }
}

fn hit((time, id): Key, place: &Place) -> Result<Hit> {
    let damaged = || Error::Damaged { what: "event", place: id.to_string(), reason: "not a stored event".into() };
    let arena = Bump::new();
    let event = match place {
        Place::Tail(chunk, index) => {
            unpack_here(chunk.get(*index).ok_or_else(damaged)?.packed, &arena).ok_or_else(damaged)?
        }
        Place::Split(opened, doc) => opened.event(*doc, &arena)?,
        Place::Engine(stored) => elasticsearch::event(stored, &arena)?,
    };
    let mut json = Vec::new();
    event.write_json(&mut json);
    let event = serde_json::from_slice(&json).map_err(|_| damaged())?;
    Ok(Hit { id, timestamp: Timestamp(time), event })
}

/// One event by id.
pub(super) fn get(store: &Store, tenants: &[String], id: EventId) -> Result<Option<Hit>> {
    let view = &store.view();
    for chunk in view.tail.iter().filter(|chunk| chunk.partition == id.partition) {
        for index in 0..chunk.len() {
            let Some(event) = chunk.get(index).filter(|event| event.id == id) else { continue };
            if !tenant_allowed(tenants, event.tenant) {
                return Ok(None);
            }
            return hit((event.time, id), &Place::Tail(chunk.clone(), index)).map(Some);
        }
    }
    if let Some(engine) = store.engine() {
        let stored = Remote::get(engine, tenants, view, id)?;
        return stored.map(|stored| hit((stored.time.0, id), &Place::Engine(Box::new(stored)))).transpose();
    }
    for split in view.splits.iter().filter(|split| tenant_allowed(tenants, &split.meta.tenant)) {
        let covers = |(partition, low, high): &(u32, u64, u64)| {
            *partition == id.partition && (*low..=*high).contains(&id.offset)
        };
        if split.meta.offsets.iter().any(covers) && split.is_usable() {
            let opened = split.open()?;
            if let Some(doc) = opened.find(id) {
                return hit((opened.time(doc), id), &Place::Split(opened, doc)).map(Some);
            }
        }
    }
    Ok(None)
}
