//! Merging small splits of one tenant and one day into a larger one. An event is merged at most twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use stream::NANOS_PER_SECOND;
use tantivy::IndexSettings;
use tantivy::directory::MmapDirectory;
use tantivy::index::{IndexSortByField, Order};
use tantivy::indexer::merge_filtered_segments;

use super::split::{Split, SplitMeta, open_index, settings, sync};
use super::{schema, shapes, sound};
use crate::{Error, Result};

/// So many splits of one level make one of the next.
const FACTOR: usize = 16;
/// A day that is over is merged when it still has so many mergeable splits.
const FACTOR_PAST: usize = 4;
/// The most events of a merged split.
const EVENTS_MAX: u64 = 5_000_000;
/// The most merges an event goes through.
const LEVEL_MAX: u8 = 2;

/// The day in Japan that a time belongs to; a split holds one day, so that retention and pruning work by whole splits.
pub(crate) fn day(time: i64) -> i64 {
    time.saturating_add(9 * 3600 * NANOS_PER_SECOND).div_euclid(86_400 * NANOS_PER_SECOND)
}

/// Splits that should become one, if any; the oldest such day first.
pub(crate) fn candidates(splits: &[Arc<Split>]) -> Option<Vec<Arc<Split>>> {
    let mut groups: BTreeMap<(&str, i64, i64, u8), Vec<&Arc<Split>>> = BTreeMap::new();
    let mut newest: BTreeMap<&str, i64> = BTreeMap::new();
    for split in splits {
        // Of one day of receipt too: what came today does not keep what came last year.
        let (tenant, received) = (split.meta.tenant.as_str(), day(split.meta.received));
        let last = newest.entry(tenant).or_insert(received);
        *last = (*last).max(received);
        let damaged = split.soundness().known() == Some(false);
        if !damaged && split.meta.level < LEVEL_MAX && split.meta.events < EVENTS_MAX / 2 {
            groups.entry((tenant, received, day(split.meta.newest), split.meta.level)).or_default().push(split);
        }
    }
    groups.into_iter().find_map(|((tenant, received, ..), mut group)| {
        let past = newest.get(tenant).is_some_and(|last| *last > received);
        group.sort_by_key(|split| split.meta.newest);
        let mut events = 0;
        let fit = group.iter().take_while(|split| {
            events += split.meta.events;
            events <= EVENTS_MAX
        });
        let fit = fit.count().min(FACTOR * 4);
        (fit >= if past { FACTOR_PAST } else { FACTOR })
            .then(|| group[..fit].iter().map(|split| Arc::clone(split)).collect())
    })
}

/// Writes the merged split and makes it durable; the catalogue does not know it yet.
pub(crate) fn merge(splits: &Path, id: &str, parts: &[Arc<Split>]) -> Result<SplitMeta> {
    let failed = |error| Error::index("merge", id)(error);
    let path = splits.join(id);
    std::fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
    let mut segments = Vec::with_capacity(parts.len());
    for part in parts {
        segments.extend(open_index(&splits.join(&part.meta.id))?.searchable_segments().map_err(failed)?);
    }
    let directory = MmapDirectory::open(&path).map_err(|error| failed(error.into()))?;
    // The parts are written in this order already; naming it makes tantivy merge them by it instead of stacking them.
    let order = IndexSortByField { field: schema::TIME.into(), order: Order::Desc };
    let target = IndexSettings { sort_by_field: Some(order), ..settings() };
    let whole = segments.iter().map(|_| None).collect();
    merge_filtered_segments(&segments, target, whole, directory).map_err(failed)?;
    shapes::merge(&path, parts.iter().map(|part| splits.join(&part.meta.id)))?;
    let (bytes, sum) = (sync(&path)?, sound::sum(&path)?);
    let metas = || parts.iter().map(|part| &part.meta);
    let mut offsets: Vec<(u32, u64, u64)> = Vec::new();
    for (partition, low, high) in metas().flat_map(|meta| meta.offsets.iter().copied()) {
        match offsets.iter_mut().find(|(known, ..)| *known == partition) {
            Some((_, known_low, known_high)) => {
                (*known_low, *known_high) = ((*known_low).min(low), (*known_high).max(high))
            }
            None => offsets.push((partition, low, high)),
        }
    }
    let mut sources: BTreeMap<String, u64> = BTreeMap::new();
    for (source, events) in metas().flat_map(|meta| &meta.sources) {
        *sources.entry(source.clone()).or_default() += events;
    }
    Ok(SplitMeta {
        id: id.to_owned(),
        tenant: parts.first().map(|part| part.meta.tenant.clone()).unwrap_or_default(),
        oldest: metas().map(|meta| meta.oldest).min().unwrap_or(0),
        newest: metas().map(|meta| meta.newest).max().unwrap_or(0),
        events: metas().map(|meta| meta.events).sum(),
        bytes,
        level: metas().map(|meta| meta.level).max().unwrap_or(0) + 1,
        offsets,
        received: metas().map(|meta| meta.received).max().unwrap_or(0),
        sources,
        sum: Some(sum),
    })
}
