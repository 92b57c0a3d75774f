//! Making events anew: the same ids, other fields, in place of those that were.
//!
//! A split with events that are wanted is written again as a whole, in pieces of `PIECE_EVENTS`; events that are
//! not wanted, or that cannot be made anew, are written as they were. One commit of the catalogue puts the new splits in
//! the place of the old one: a crash before it leaves the old one, after it the new ones, never both and never neither.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use bumpalo::Bump;
use stream::{Event, EventId, Timestamp, fields};

use super::{Inner, Store};
use crate::Result;
use crate::index::document::{pack_here, unpack_here};
use crate::index::merge::day;
use crate::index::split::{self, Packed, Split, SplitMeta};
use crate::{Error, metrics::METRICS};

/// Events that are held and written at a time.
const PIECE_EVENTS: u32 = 200_000;

/// What [`Store::rewrite`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Splits that were written again.
    pub splits: u64,
    /// Events that were wanted.
    pub wanted: u64,
    /// Of those, made anew.
    pub renewed: u64,
}

/// Makes an event anew from its id and what it is now; none to keep that.
pub type Renew<'r> = dyn for<'a> FnMut(EventId, &Event<'a>, &'a Bump) -> Option<Event<'a>> + 'r;

/// An event in memory: when, which, and where its bytes are.
struct Held {
    time: i64,
    id: EventId,
    bytes: std::ops::Range<usize>,
    wanted: bool,
}

impl Store {
    /// Makes the events anew whose `@timestamp` is within `from..to` and, where a source is given, that are its.
    /// Nothing may be indexed meanwhile.
    ///
    /// # Errors
    /// The disk refused, or a split is damaged: what was committed before stays, the split at work is as it was.
    pub fn rewrite(
        &self,
        from: Timestamp,
        to: Timestamp,
        source: Option<&str>,
        renew: &mut Renew<'_>,
    ) -> Result<Rewritten> {
        if let Some(engine) = &self.inner.engine {
            return engine.rewrite(from, to, source, renew);
        }
        let mut done = Rewritten::default();
        let splits = self.view().splits;
        for split in splits.iter().filter(|split| split.meta.newest >= from.0 && split.meta.oldest < to.0) {
            if source.is_some_and(|source| !split.meta.sources.contains_key(source)) {
                continue;
            }
            if !split.examine() {
                return Err(Error::Damaged {
                    what: "split",
                    place: split.meta.id.clone(),
                    reason: "its checksum is wrong".into(),
                });
            }
            let opened = split.open()?;
            let documents = opened.documents(from.0, to.0);
            if !documents.is_empty() {
                let mut work =
                    Work { inner: &self.inner, split, source, documents, done: &mut done, metas: Vec::new() };
                let written =
                    work.write(renew).and_then(|()| commit(&self.inner, split, std::mem::take(&mut work.metas)));
                let begun = std::mem::take(&mut work.metas);
                written.inspect_err(|_| {
                    let dir = self.inner.splits_dir();
                    begun.iter().for_each(|meta| drop(std::fs::remove_dir_all(dir.join(&meta.id))));
                })?;
            }
            drop(opened);
            split.close();
        }
        Ok(done)
    }
}

/// One split being written again.
struct Work<'a> {
    inner: &'a Inner,
    split: &'a Split,
    source: Option<&'a str>,
    documents: std::ops::Range<u32>,
    done: &'a mut Rewritten,
    metas: Vec<SplitMeta>,
}

impl Work<'_> {
    fn write(&mut self, renew: &mut Renew<'_>) -> Result<()> {
        let events = u32::try_from(self.split.meta.events).unwrap_or(u32::MAX);
        let mut start = 0;
        while start < events {
            let end = start.saturating_add(PIECE_EVENTS).min(events);
            self.piece(start..end, renew)?;
            start = end;
        }
        self.done.splits += 1;
        Ok(())
    }

    fn piece(&mut self, documents: std::ops::Range<u32>, renew: &mut Renew<'_>) -> Result<()> {
        let (mut held, old) = self.read(documents)?;
        // In the order of the log, where what they are made from stands.
        held.sort_unstable_by_key(|event| event.id);
        let (mut new, mut arena) = (Vec::new(), Bump::new());
        for event in held.iter_mut().filter(|event| event.wanted) {
            self.done.wanted += 1;
            let was = unpack_here(&old[event.bytes.clone()], &arena).ok_or_else(|| unreadable(event.id))?;
            if let Some(mut renewed) = renew(event.id, &was, &arena) {
                for field in [fields::SEKISHO_RULE_IDS, fields::SEKISHO_RULE_NAMES, fields::SEKISHO_LATE] {
                    renewed.remove(field);
                    was.all(field).for_each(|value| renewed.push(field, value));
                }
                let start = new.len();
                pack_here(&renewed, &mut new);
                (event.time, event.bytes) = (renewed.time().0, start..new.len());
                self.done.renewed += 1;
            } else {
                event.wanted = false;
            }
            drop(was);
            arena.reset();
        }
        let mut days: BTreeMap<i64, Vec<Packed<'_>>> = BTreeMap::new();
        for event in &held {
            let tail = if event.wanted { &new[event.bytes.clone()] } else { &old[event.bytes.clone()] };
            days.entry(day(event.time)).or_default().push(Packed { time: event.time, id: event.id, tail });
        }
        for events in days.into_values() {
            let id = self.inner.catalogue().new_id();
            let tenant = &self.split.meta.tenant;
            let mut shapes = self.inner.shapes.lock().unwrap_or_else(PoisonError::into_inner);
            let dir = self.inner.splits_dir();
            let written = split::write(&dir, &id, tenant, &self.inner.schema, &mut shapes, events);
            let meta = written.inspect_err(|_| drop(std::fs::remove_dir_all(dir.join(&id))))?;
            self.metas.push(SplitMeta { level: self.split.meta.level, ..meta });
        }
        Ok(())
    }

    /// Reads documents into memory.
    fn read(&self, documents: std::ops::Range<u32>) -> Result<(Vec<Held>, Vec<u8>)> {
        let opened = self.split.open()?;
        let (mut held, mut bytes, mut arena) = (Vec::new(), Vec::new(), Bump::new());
        for doc in documents {
            let event = opened.event(doc, &arena)?;
            let start = bytes.len();
            pack_here(&event, &mut bytes);
            let of_source = self.source.is_none_or(|source| event.get_str(fields::SEKISHO_SOURCE_ID) == Some(source));
            held.push(Held {
                time: event.time().0,
                id: opened.event_id(doc),
                bytes: start..bytes.len(),
                wanted: of_source && self.documents.contains(&doc),
            });
            drop(event);
            arena.reset();
        }
        Ok((held, bytes))
    }
}

fn unreadable(id: EventId) -> Error {
    Error::Damaged { what: "event", place: id.to_string(), reason: "cannot be read back".into() }
}

/// Puts the new splits in the place of the old one.
fn commit(inner: &Inner, old: &Split, metas: Vec<SplitMeta>) -> Result<()> {
    let dir = inner.splits_dir();
    let mut catalogue = inner.catalogue();
    let mut next = catalogue.clone();
    next.splits.retain(|split| split.id != old.meta.id);
    next.splits.extend(metas.iter().cloned());
    let saved = inner.stop_point("store::rewrite::before_commit").and_then(|()| next.save(&inner.config.dir));
    saved.inspect_err(|_| metas.iter().for_each(|meta| drop(std::fs::remove_dir_all(dir.join(&meta.id)))))?;
    *catalogue = next;
    drop(catalogue);
    let mut state = inner.state.write().unwrap_or_else(PoisonError::into_inner);
    let fresh = metas.into_iter().map(|meta| Arc::new(Split::new(&dir, meta, inner.schema.clone())));
    let keep = state.splits.iter().filter(|split| split.meta.id != old.meta.id).cloned();
    let splits: Vec<Arc<Split>> = keep.chain(fresh).collect();
    METRICS.splits.set(splits.len() as i64);
    state.splits = Arc::new(splits);
    old.doom();
    Ok(())
}
