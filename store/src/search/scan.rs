//! One search over one view: which splits and tail events it covers, and the walk over a split's matches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bumpalo::Bump;
use stream::Event;
use tantivy::TERMINATED;
use tantivy::query::{EnableScoring, Scorer};

use super::{SearchRequest, Searcher};
use crate::elasticsearch::Remote;
use crate::index::compile::Compiler;
use crate::index::document::unpack_here;
use crate::index::split::{Opened, Split};
use crate::store::View;
use crate::tail::TailEvent;
use crate::{Error, Query, Result, Store, tenant_allowed};

pub(super) struct Scan<'a> {
    pub(super) view: View,
    pub(super) query: Query,
    pub(super) request: &'a SearchRequest,
    /// What the engine holds, where there is one.
    pub(super) remote: Option<Remote>,
    deadline: Instant,
}

impl<'a> Scan<'a> {
    pub(super) fn new(store: &Store, request: &'a SearchRequest) -> Result<Scan<'a>> {
        let (query, view) = (Query::parse(&request.query)?, store.view());
        let deadline = Instant::now() + Duration::from_secs(Searcher::SECONDS_MAX);
        let remote = store.engine().map(|engine| Remote::new(engine, &query, request, &view, deadline)).transpose()?;
        Ok(Scan { view, query, request, remote, deadline })
    }

    pub(super) fn check_time(&self) -> Result<()> {
        if Instant::now() > self.deadline {
            return Err(Error::Timeout { seconds: Searcher::SECONDS_MAX });
        }
        Ok(())
    }

    /// Whether the time range and the tenants admit an event.
    pub(super) fn covers(&self, time: i64, tenant: &str) -> bool {
        self.request.from.0 <= time && time < self.request.to.0 && tenant_allowed(&self.request.tenants, tenant)
    }

    /// Splits that may hold matches.
    pub(super) fn splits(&self) -> Vec<Arc<Split>> {
        let covered = self.view.splits.iter().filter(|split| {
            split.meta.newest >= self.request.from.0
                && split.meta.oldest < self.request.to.0
                && tenant_allowed(&self.request.tenants, &split.meta.tenant)
        });
        covered.cloned().collect()
    }

    /// Oldest and newest time that there are events of within the range, tenants aside.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        let splits = self.view.splits.iter().map(|split| (split.meta.oldest, split.meta.newest));
        let chunks = self.view.tail.iter().filter(|chunk| chunk.len() > 0).map(|chunk| (chunk.oldest, chunk.newest));
        let (from, to) = (self.request.from.0, self.request.to.0.saturating_sub(1));
        let within = |(oldest, newest): (i64, i64)| {
            let clipped = (oldest.max(from), newest.min(to));
            (clipped.0 <= clipped.1).then_some(clipped)
        };
        splits.chain(chunks).filter_map(within).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Calls for every match in the tail with its time.
    pub(super) fn tail(&self, mut matched: impl FnMut(i64, &Event<'_>)) -> Result<()> {
        let mut arena = Bump::new();
        for chunk in &self.view.tail {
            self.check_time()?;
            for tail_event in chunk.iter() {
                if self.covers(tail_event.time, tail_event.tenant) {
                    self.check(&tail_event, &arena, |event| matched(tail_event.time, event))?;
                    arena.reset();
                }
            }
        }
        Ok(())
    }

    /// Calls when a tail event matches.
    pub(super) fn check(&self, held: &TailEvent<'_>, arena: &Bump, matched: impl FnOnce(&Event<'_>)) -> Result<bool> {
        let event = unpack_here(held.packed, arena).ok_or_else(|| Error::Damaged {
            what: "event",
            place: format!("memory tail, event {}", held.id),
            reason: "not a stored event".into(),
        })?;
        let matches = self.query.matches(&event);
        if matches {
            matched(&event);
        }
        Ok(matches)
    }

    /// The matches of a split within the time range, newest first; none of a damaged one, which [`Store::damaged`] tells.
    pub(super) fn walk(&self, split: &Split) -> Result<Option<Walk<'_>>> {
        self.walk_between(split, self.request.from.0, self.request.to.0)
    }

    pub(super) fn walk_between(&self, split: &Split, from: i64, to: i64) -> Result<Option<Walk<'_>>> {
        self.check_time()?;
        if !split.is_usable() {
            return Ok(None);
        }
        let opened = split.open()?;
        let compiler = Compiler { schema: &opened.schema, reader: &opened.reader, tenant: &split.meta.tenant };
        let candidates = compiler.compile(&self.query.root).map_err(opened.failed("search"))?;
        let range = opened.documents(from, to);
        let schema = EnableScoring::disabled_from_schema(&opened.schema.schema);
        let weight = candidates.query.weight(schema).map_err(opened.failed("search"))?;
        let scorer = weight.scorer(&opened.reader, 1.0).map_err(opened.failed("search"))?;
        let counted = candidates.exact && candidates.all;
        let exact = candidates.exact;
        Ok(Some(Walk { scan: self, scorer, range, opened, exact, counted, started: false, steps: 0 }))
    }
}

/// The matches of one split, in document order.
pub(super) struct Walk<'a> {
    scan: &'a Scan<'a>,
    scorer: Box<dyn Scorer>,
    range: std::ops::Range<u32>,
    pub(super) opened: Arc<Opened>,
    exact: bool,
    /// Every document matches, so counting needs no walk.
    counted: bool,
    started: bool,
    steps: u32,
}

impl Walk<'_> {
    /// The next match.
    pub(super) fn next(&mut self) -> Result<Option<u32>> {
        loop {
            let doc = match self.started {
                true if self.scorer.doc() == TERMINATED => TERMINATED,
                true => self.scorer.advance(),
                false if self.scorer.doc() < self.range.start => self.scorer.seek(self.range.start),
                false => self.scorer.doc(),
            };
            self.started = true;
            if doc >= self.range.end {
                return Ok(None);
            }
            self.steps = self.steps.wrapping_add(1);
            if self.steps.is_multiple_of(4096) || (!self.exact && self.steps.is_multiple_of(64)) {
                self.scan.check_time()?;
            }
            if self.exact || self.verify(doc)? {
                return Ok(Some(doc));
            }
        }
    }

    pub(super) fn count(mut self) -> Result<u64> {
        if self.counted {
            return Ok(self.range.len() as u64);
        }
        let mut count = 0;
        while self.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn verify(&self, doc: u32) -> Result<bool> {
        let arena = Bump::new();
        Ok(self.scan.query.matches(&self.opened.event(doc, &arena)?))
    }
}
