//! Cutting the tail into splits, and merging small splits. Runs on a thread of its own, one at a time.
//!
//! Failpoints (feature `failpoints`): `store::cut::written`, `store::cut::before_commit`, `store::cut::after_commit`, `store::merge::before_commit`; in the database `store::database::before_commit`,
//! `store::database::after_commit`. Each takes `abort`, `enospc`, `eio`.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::Inner;
use crate::Result;
use crate::index::merge::{self, day};
use crate::index::split::{self, Packed, Split, SplitMeta};
use crate::metrics::METRICS;
use crate::tail::Chunk;

/// The most days one cut keeps apart for one tenant; clocks that lie more are put together.
const DAYS_MAX: usize = 32;

/// Turns what is in the tail now into splits.
pub(super) fn cut(inner: &Inner) -> Result<()> {
    let started = Instant::now();
    let chunks: Vec<Arc<Chunk>> = inner.state.read().unwrap_or_else(PoisonError::into_inner).tail.clone();
    if chunks.is_empty() {
        return Ok(());
    }
    let mut groups: BTreeMap<(&str, i64), Vec<Packed<'_>>> = BTreeMap::new();
    for event in chunks.iter().flat_map(|chunk| chunk.iter()) {
        let packed = Packed { time: event.time, id: event.id, tail: event.packed };
        groups.entry((event.tenant, day(event.time))).or_default().push(packed);
    }
    let mut metas = Vec::new();
    for ((tenant, _), events) in few_days(groups) {
        let id = inner.catalogue().new_id();
        let mut shapes = inner.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        let written = split::write(&inner.splits_dir(), &id, tenant, &inner.schema, &mut shapes, events);
        let written = written.and_then(|meta| inner.stop_point("store::cut::written").map(|()| meta));
        match written {
            Ok(meta) => metas.push(meta),
            Err(error) => {
                // What a full disk needs least; the next try writes all of them again.
                let begun = metas.iter().map(|meta: &SplitMeta| meta.id.as_str()).chain([id.as_str()]);
                begun.for_each(|id| drop(std::fs::remove_dir_all(inner.splits_dir().join(id))));
                return Err(error);
            }
        }
    }
    inner.stop_point("store::cut::before_commit")?;
    {
        let mut catalogue = inner.catalogue();
        let mut next = catalogue.clone();
        next.splits.extend(metas.iter().cloned());
        for chunk in &chunks {
            let position = next.positions.entry(chunk.partition).or_insert(0);
            *position = (*position).max(chunk.next_offset);
        }
        next.save(&inner.config.dir)?;
        *catalogue = next;
    }
    inner.stop_point("store::cut::after_commit")?;
    swap_in(inner, metas, chunks.len());
    METRICS.cuts.inc();
    METRICS.tail_events.sub(chunks.iter().map(|chunk| chunk.len() as i64).sum());
    METRICS.tail_bytes.sub(chunks.iter().map(|chunk| chunk.bytes() as i64).sum());
    METRICS.cut_seconds.observe(started.elapsed().as_secs_f64());
    Ok(())
}

type Groups<'a> = BTreeMap<(&'a str, i64), Vec<Packed<'a>>>;

/// Puts the days of a tenant together when there are too many of them.
fn few_days(groups: Groups<'_>) -> Groups<'_> {
    let mut days: BTreeMap<&str, usize> = BTreeMap::new();
    for (tenant, _) in groups.keys() {
        *days.entry(tenant).or_default() += 1;
    }
    let mut few: Groups<'_> = BTreeMap::new();
    for ((tenant, day), events) in groups {
        let day = if days.get(tenant).is_some_and(|days| *days > DAYS_MAX) { 0 } else { day };
        few.entry((tenant, day)).or_default().extend(events);
    }
    few
}

fn swap_in(inner: &Inner, metas: Vec<SplitMeta>, chunks: usize) {
    let dir = inner.splits_dir();
    let fresh = metas.into_iter().map(|meta| Arc::new(Split::new(&dir, meta, inner.schema.clone())));
    let mut state = inner.state.write().unwrap_or_else(PoisonError::into_inner);
    let mut splits = Vec::clone(&state.splits);
    splits.extend(fresh);
    METRICS.splits.set(splits.len() as i64);
    state.splits = Arc::new(splits);
    state.tail.drain(..chunks);
}

/// Merges small splits while there are enough of one tenant and day.
pub(super) fn merge_small(inner: &Inner) -> Result<()> {
    loop {
        let splits = inner.state.read().unwrap_or_else(PoisonError::into_inner).splits.clone();
        let Some(parts) = merge::candidates(&splits) else { return Ok(()) };
        drop(splits);
        // A damage must not become part of a split with a checksum of its own.
        if !parts.iter().all(|part| part.examine()) {
            continue;
        }
        let id = inner.catalogue().new_id();
        let merged = merge::merge(&inner.splits_dir(), &id, &parts);
        let meta = merged.inspect_err(|_| drop(std::fs::remove_dir_all(inner.splits_dir().join(&id))))?;
        inner.stop_point("store::merge::before_commit")?;
        replace(inner, &parts, meta)?;
        METRICS.merged.inc_by(parts.len() as u64);
    }
}

/// Commits a merged split in place of its parts, unless retention removed one of them meanwhile.
fn replace(inner: &Inner, parts: &[Arc<Split>], meta: SplitMeta) -> Result<()> {
    let is_part = |id: &str| parts.iter().any(|part| part.meta.id == id);
    let merged = Arc::new(Split::new(&inner.splits_dir(), meta.clone(), inner.schema.clone()));
    let mut catalogue = inner.catalogue();
    let mut next = catalogue.clone();
    next.splits.retain(|split| !is_part(&split.id));
    if catalogue.splits.len() - next.splits.len() != parts.len() {
        merged.doom();
        return Ok(());
    }
    next.splits.push(meta);
    next.save(&inner.config.dir)?;
    *catalogue = next;
    drop(catalogue);
    let mut state = inner.state.write().unwrap_or_else(PoisonError::into_inner);
    let mut splits: Vec<Arc<Split>> = state.splits.iter().filter(|split| !is_part(&split.meta.id)).cloned().collect();
    splits.push(merged);
    METRICS.splits.set(splits.len() as i64);
    state.splits = Arc::new(splits);
    parts.iter().for_each(|part| part.doom());
    Ok(())
}

#[cfg(feature = "failpoints")]
pub(crate) fn injected(name: &'static str, kind: Option<String>) -> crate::Error {
    match kind.as_deref() {
        Some("abort") => std::process::abort(),
        Some("enospc") => crate::Error::io("write", name)(std::io::ErrorKind::StorageFull.into()),
        Some("eio") => crate::Error::io("write", name)(std::io::Error::from_raw_os_error(5)),
        _ => crate::Error::Stopped { cause: name.into() },
    }
}

impl Inner {
    /// A place where tests stop as a crash would.
    pub(crate) fn stop_point(&self, name: &'static str) -> Result<()> {
        #[cfg(test)]
        if *self.stop_at.lock().unwrap_or_else(PoisonError::into_inner) == Some(name) {
            return Err(crate::Error::Stopped { cause: name.into() });
        }
        #[cfg(test)]
        if *self.full_at.lock().unwrap_or_else(PoisonError::into_inner) == Some(name) {
            return Err(crate::Error::io("write", name)(std::io::ErrorKind::StorageFull.into()));
        }
        #[cfg(feature = "failpoints")]
        fail::fail_point!(name, |kind| Err(injected(name, kind)));
        #[cfg(test)]
        if std::env::var_os("SEKISHO_STORE_ABORT_AT").is_some_and(|at| at == name) {
            std::process::abort();
        }
        let _ = name;
        Ok(())
    }
}
