//! The store: splits, catalogue and memory tail, and the one indexer that writes them.
//!
//! No gap, nothing twice: a search takes splits and tail together under one lock, and a cut swaps its events from the
//! tail into splits under the same lock. A cut is: write and sync the splits, commit the catalogue (splits and offsets in
//! one atomic file), swap. A crash before the commit leaves the events in the raw log, from which they are indexed again.

mod cut;
mod rewrite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stream::{Event, EventId, NANOS_PER_SECOND, Timestamp};

pub use rewrite::{Renew, Rewritten};

use crate::catalogue::{Catalogue, Retired};
use crate::elasticsearch::{self, Engine};
use crate::index::schema::IndexSchema;
use crate::index::shapes::Shapes;
use crate::index::split::Split;
use crate::metrics::METRICS;
use crate::tail::Chunk;
use crate::{Error, Result, Searcher, StoreConfig, StoreKind};
#[cfg(feature = "failpoints")]
pub(crate) use cut::injected;

/// The searchable events; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    config: StoreConfig,
    /// The cluster that holds the events in place of splits.
    engine: Option<Arc<Engine>>,
    schema: Arc<IndexSchema>,
    pub(crate) state: RwLock<View>,
    /// What the file says; locked for the whole of a commit.
    catalogue: Mutex<Catalogue>,
    /// What stored events are written against, from one split to the next.
    shapes: Mutex<Shapes>,
    /// What waits to be cut, and the cut at work.
    writer: Mutex<Writer>,
    /// What keeps the writer waiting.
    held_by: Mutex<Option<String>>,
    opened: Instant,
    /// The failpoint a test asked to stop at.
    #[cfg(test)]
    stop_at: Mutex<Option<&'static str>>,
    /// The failpoint at which a test's disk is full.
    #[cfg(test)]
    full_at: Mutex<Option<&'static str>>,
}

/// Splits and tail at one moment.
#[derive(Clone, Default)]
pub(crate) struct View {
    pub(crate) splits: Arc<Vec<Arc<Split>>>,
    pub(crate) tail: Vec<Arc<Chunk>>,
    /// With an engine: of each partition that this process writes, where the tail begins.
    pub(crate) positions: Arc<BTreeMap<u32, u64>>,
}

/// What the store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct StoreStats {
    /// Events searchable, tail included.
    pub events: u64,
    /// Of those, in the memory tail.
    pub tail_events: u64,
    /// Bytes of the memory tail.
    pub tail_bytes: u64,
    /// Splits, or indices of the engine.
    pub splits: usize,
    /// Bytes of the splits on disk.
    pub bytes: u64,
}

/// A split that is not as it was written: its events are not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its folder below `splits`.
    pub split: String,
    /// Whose events they are.
    pub tenant: String,
    /// How many.
    pub events: u64,
    /// `@timestamp` of the oldest.
    pub oldest: Timestamp,
    /// `@timestamp` of the newest.
    pub newest: Timestamp,
}

/// What retention removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// Splits removed.
    pub splits: usize,
    /// Events in them.
    pub events: u64,
    /// Bytes freed.
    pub bytes: u64,
}

/// A store that has not been open for long is cut sooner: no event waits longer than the store was open when it came, or
/// this long. Whoever is ended again and again keeps about half of what each life did, and so comes further each time;
/// the price is a small split at 0.25, 0.5, 1, 2, 4... seconds, until the configured age is reached.
const FIRST_CUT: Duration = Duration::from_millis(250);
/// The most splits that stay open.
const OPEN_MAX: usize = 512;

impl Store {
    /// Opens or creates a store. Folders that the catalogue does not name are leftovers of a crash and are deleted.
    ///
    /// # Errors
    /// A split that the catalogue names is missing, the catalogue is damaged, or the disk refused; the engine does not answer.
    pub fn open(config: StoreConfig) -> Result<Store> {
        config.validate()?;
        if config.kind == StoreKind::Elasticsearch {
            return Store::on_engine(config, true);
        }
        let catalogue = Catalogue::open(&config.dir)?;
        Ok(Store::with(config, catalogue, None))
    }

    /// Opens what is committed of a store, for searching only; another process may be writing it. Nothing is changed on
    /// disk, and [`Store::indexer`] must not be used. A split that the writer merges away meanwhile is an error of the
    /// search that reads it; opening again helps.
    ///
    /// # Errors
    /// There is no catalogue, or it is damaged; the engine does not answer.
    pub fn open_read_only(config: StoreConfig) -> Result<Store> {
        if config.kind == StoreKind::Elasticsearch {
            config.validate()?;
            return Store::on_engine(config, false);
        }
        let catalogue = Catalogue::open_read_only(&config.dir)?;
        Ok(Store::with(config, catalogue, None))
    }

    fn on_engine(config: StoreConfig, writes: bool) -> Result<Store> {
        let engine = Engine::open(&config.elasticsearch, writes)?;
        let catalogue = engine.catalogue()?;
        Ok(Store::with(config, catalogue, Some(Arc::new(engine))))
    }

    fn with(config: StoreConfig, catalogue: Catalogue, engine: Option<Arc<Engine>>) -> Store {
        let schema = IndexSchema::new();
        let dir = Catalogue::splits_dir(&config.dir);
        let splits: Vec<_> =
            catalogue.splits.iter().map(|meta| Arc::new(Split::new(&dir, meta.clone(), schema.clone()))).collect();
        METRICS.splits.set(splits.len() as i64);
        let state = RwLock::new(View { splits: Arc::new(splits), ..View::default() });
        let inner = Inner {
            config,
            engine,
            schema,
            state,
            catalogue: Mutex::new(catalogue),
            shapes: Mutex::new(Shapes::default()),
            writer: Mutex::default(),
            held_by: Mutex::new(None),
            opened: Instant::now(),
            #[cfg(test)]
            stop_at: Mutex::new(None),
            #[cfg(test)]
            full_at: Mutex::new(None),
        };
        Store { inner: Arc::new(inner) }
    }

    /// A writer. Several may be used at a time, each for partitions of its own: they share the tail and its cuts.
    pub fn indexer(&self) -> Indexer {
        let cuts = self.inner.writer().cuts;
        let durable = self.inner.catalogue().positions.clone();
        Indexer { durable, cuts, store: self.clone(), building: BTreeMap::new() }
    }

    /// The reader.
    pub fn searcher(&self) -> Searcher {
        Searcher::new(self.clone())
    }

    /// The next raw offset of the partition that is not yet durable in the index: where to resume.
    pub fn position(&self, partition: u32) -> u64 {
        self.inner.catalogue().positions.get(&partition).copied().unwrap_or(0)
    }

    /// Events searchable, tail included.
    pub fn event_count(&self) -> u64 {
        self.stats().events
    }

    /// What keeps the writer from going on, if anything does: a disk that refuses.
    pub fn held_by(&self) -> Option<String> {
        self.inner.held_by.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was found damaged so far and is left out of searches.
    pub fn damaged(&self) -> Vec<Damage> {
        let view = self.view();
        let damaged = view.splits.iter().filter(|split| split.soundness().known() == Some(false));
        damaged
            .map(|split| Damage {
                split: split.meta.id.clone(),
                tenant: split.meta.tenant.clone(),
                events: split.meta.events,
                oldest: Timestamp(split.meta.oldest),
                newest: Timestamp(split.meta.newest),
            })
            .collect()
    }

    /// Reads one split of which it is not known whether it is whole; gives its bytes, nothing when all are known.
    pub fn examine_next(&self) -> Option<u64> {
        let view = self.view();
        let split = view.splits.iter().find(|split| split.soundness().known().is_none())?;
        split.examine();
        // One that could not be read is not asked for again and again.
        if split.soundness().known().is_none() {
            split.soundness().found(true);
        }
        Some(split.meta.bytes)
    }

    /// What was found whole is to be examined anew.
    pub fn examine_anew(&self) {
        self.view().splits.iter().for_each(|split| split.soundness().forget());
    }

    /// What the store holds.
    pub fn stats(&self) -> StoreStats {
        let view = self.view();
        let tail_events = view.tail.iter().map(|chunk| chunk.len() as u64).sum();
        let mut stats = StoreStats {
            events: tail_events + view.splits.iter().map(|split| split.meta.events).sum::<u64>(),
            tail_events,
            tail_bytes: view.tail.iter().map(|chunk| chunk.bytes() as u64).sum(),
            splits: view.splits.len(),
            bytes: view.splits.iter().map(|split| split.meta.bytes).sum(),
        };
        if let Some(known) = self.inner.engine.as_ref().and_then(|engine| engine.last_known()) {
            stats.splits = known.indices.len();
            for (_, events, bytes) in known.indices.values() {
                stats.events += events;
                stats.bytes += bytes;
            }
        }
        stats
    }

    /// Events that retention removed since the store was made, by tenant and source. They count as indexed.
    pub fn retired(&self) -> Retired {
        self.inner.catalogue().retired.clone()
    }

    /// Removes whole splits whose events were all received longer ago than the retention. What an event says of its own
    /// time plays no part: an imported archive stays as long as what came with it.
    ///
    /// # Errors
    /// The disk or the engine refused.
    pub fn retain(&self, now: Timestamp) -> Result<Retained> {
        let days = i64::from(self.inner.config.retention_days);
        if days == 0 {
            return Ok(Retained::default());
        }
        let end = now.plus_nanos(-days.saturating_mul(86_400 * NANOS_PER_SECOND)).0;
        if let Some(engine) = &self.inner.engine {
            let (retained, retired) = engine.retain(end)?;
            self.inner.catalogue().retired = retired;
            return Ok(retained);
        }
        let mut catalogue = self.inner.catalogue();
        let mut next = catalogue.clone();
        let mut retained = Retained::default();
        let (keep, gone): (Vec<_>, Vec<_>) = next.splits.into_iter().partition(|split| split.received >= end);
        next.splits = keep;
        for split in gone {
            retained.splits += 1;
            retained.events += split.events;
            retained.bytes += split.bytes;
            let retired = next.retired.entry(split.tenant).or_default();
            for (source, events) in split.sources {
                *retired.entry(source).or_default() += events;
            }
        }
        if retained.splits > 0 {
            next.save(&self.inner.config.dir)?;
            *catalogue = next;
            self.inner.drop_splits(|split| split.meta.received < end);
        }
        Ok(retained)
    }

    pub(crate) fn engine(&self) -> Option<&Arc<Engine>> {
        self.inner.engine.as_ref()
    }

    pub(crate) fn view(&self) -> View {
        self.inner.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes the least used splits when too many are open.
    pub(crate) fn close_unused(&self) {
        let view = self.view();
        let mut open: Vec<(u64, &Arc<Split>)> =
            view.splits.iter().filter_map(|split| Some((split.open_since()?, split))).collect();
        if open.len() > OPEN_MAX {
            open.sort_by_key(|(turn, _)| *turn);
            let surplus = open.len() - OPEN_MAX / 2;
            open[..surplus].iter().for_each(|(_, split)| split.close());
        }
    }
}

impl Inner {
    pub(crate) fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        self.catalogue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn splits_dir(&self) -> PathBuf {
        Catalogue::splits_dir(&self.config.dir)
    }

    /// Takes splits out of the view; their files go when the last search lets go of them.
    fn drop_splits(&self, gone: impl Fn(&Split) -> bool) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let (out, keep): (Vec<_>, Vec<_>) = state.splits.iter().cloned().partition(|split| gone(split));
        out.iter().for_each(|split| split.doom());
        METRICS.splits.set(keep.len() as i64);
        state.splits = Arc::new(keep);
    }
}

/// Adds events. Added events become searchable at [`Indexer::publish`] and durable at a commit; until then they are
/// durable in the raw log, from which a restart indexes again from [`Store::position`].
pub struct Indexer {
    store: Store,
    durable: BTreeMap<u32, u64>,
    /// Cuts that had ended when `durable` was taken.
    cuts: u64,
    /// Added and not yet published, by partition.
    building: BTreeMap<u32, Chunk>,
}

/// What the indexers of a store share.
#[derive(Default)]
struct Writer {
    waiting: Waiting,
    running: Option<Running>,
    stopped: Option<String>,
    /// Cuts that have ended.
    cuts: u64,
}

/// A cut at work, and what waits again should the disk refuse.
struct Running {
    cut: JoinHandle<Result<()>>,
    took: Waiting,
}

/// What was published and is not being cut yet.
#[derive(Default)]
struct Waiting {
    events: usize,
    bytes: usize,
    since: Option<Instant>,
}

impl Indexer {
    /// Adds one event; its tenant is `sekisho.tenant`. An event below [`Store::position`] as it was when the indexer was
    /// made, or below a later commit, is in the index already and is left out: a replay may start earlier.
    pub fn add(&mut self, id: EventId, event: &Event<'_>) {
        if id.offset >= self.durable(id.partition) {
            self.building.entry(id.partition).or_default().add(id, event);
        }
    }

    /// Makes what was added searchable, and remembers that the partition was read up to `next_offset`.
    pub fn publish(&mut self, partition: u32, next_offset: u64) {
        let mut chunk = self.building.remove(&partition).unwrap_or_default();
        if chunk.len() == 0 && next_offset <= self.durable(partition) {
            return;
        }
        chunk.shrink();
        (chunk.partition, chunk.next_offset) = (partition, next_offset);
        METRICS.events.inc_by(chunk.len() as u64);
        METRICS.tail_events.add(chunk.len() as i64);
        METRICS.tail_bytes.add(chunk.bytes() as i64);
        let inner = Arc::clone(&self.store.inner);
        let mut writer = inner.writer();
        writer.waiting.events += chunk.len();
        writer.waiting.bytes += chunk.bytes();
        writer.waiting.since.get_or_insert_with(Instant::now);
        let mut state = inner.state.write().unwrap_or_else(PoisonError::into_inner);
        if inner.engine.is_some() && !state.positions.contains_key(&partition) {
            let begins = self.durable(partition);
            Arc::make_mut(&mut state.positions).insert(partition, begins);
        }
        state.tail.push(Arc::new(chunk));
    }

    /// Cuts a split in the background when age, number or bytes ask for it. Gives whether it did. Waits for the running
    /// cut when the tail has grown to twice its limit.
    ///
    /// # Errors
    /// A cut failed. When the disk refused ([`Error::is_disk`]) its events wait again, searchable, and a later call tries
    /// anew; after any other failure nothing more is indexed until a restart.
    pub fn maybe_commit(&mut self, now: Instant) -> Result<bool> {
        let inner = Arc::clone(&self.store.inner);
        let (config, mut writer) = (&inner.config, inner.writer());
        let waiting = &writer.waiting;
        let overfull = waiting.bytes >= config.tail_bytes_max || waiting.events >= config.split_events_max * 2;
        if writer.running.as_ref().is_some_and(|running| running.cut.is_finished() || overfull) {
            let joined = writer.join();
            self.refresh(&writer);
            joined?;
        }
        self.refresh(&writer);
        let waiting = &writer.waiting;
        let small = waiting.events < StoreConfig::SPLIT_EVENTS_MIN.min(config.split_events_max);
        let factor = if small { StoreConfig::SMALL_SPLIT_FACTOR } else { 1 };
        let age_max = match inner.engine {
            Some(_) => config.elasticsearch.bulk_seconds_max,
            None => config.split_seconds_max.saturating_mul(factor),
        };
        let age_max = Duration::from_secs(age_max);
        let due = waiting.since.is_some_and(|since| {
            let age_max = age_max.min(FIRST_CUT.max(since.saturating_duration_since(inner.opened)));
            now.saturating_duration_since(since) >= age_max
        }) || waiting.events >= config.split_events_max
            || waiting.bytes >= config.tail_bytes_max / 2;
        if !due || writer.running.is_some() {
            return match &writer.stopped {
                Some(cause) => Err(Error::Stopped { cause: cause.clone() }),
                None => Ok(false),
            };
        }
        writer.start(&self.store)?;
        Ok(true)
    }

    /// Cuts a split now and waits until everything published is durable.
    ///
    /// # Errors
    /// As [`Indexer::maybe_commit`]; what was not committed is still searchable and still in the raw log.
    pub fn commit(&mut self) -> Result<()> {
        let inner = Arc::clone(&self.store.inner);
        let mut writer = inner.writer();
        let mut result = writer.join();
        if result.is_ok() && writer.waiting.since.is_some() {
            result = writer.start(&self.store).and_then(|()| writer.join());
        }
        self.refresh(&writer);
        result
    }

    /// Learns what the cuts that have ended made durable.
    fn refresh(&mut self, writer: &Writer) {
        if self.cuts != writer.cuts {
            self.cuts = writer.cuts;
            self.durable.clone_from(&self.store.inner.catalogue().positions);
        }
    }

    /// The next raw offset of the partition that is not yet durable in the index.
    pub fn durable(&self, partition: u32) -> u64 {
        self.durable.get(&partition).copied().unwrap_or(0)
    }

    /// Tells [`Store::held_by`] what the caller waits for, or that it goes on.
    pub fn hold(&self, cause: Option<String>) {
        *self.store.inner.held_by.lock().unwrap_or_else(PoisonError::into_inner) = cause;
    }
}

impl Writer {
    fn start(&mut self, store: &Store) -> Result<()> {
        if let Some(cause) = &self.stopped {
            return Err(Error::Stopped { cause: cause.clone() });
        }
        let inner = Arc::clone(&store.inner);
        let work = move || {
            if let Some(engine) = &inner.engine {
                return elasticsearch::commit(&inner, engine);
            }
            cut::cut(&inner)?;
            match cut::merge_small(&inner) {
                // Nothing is lost: the parts stay, and the next cut tries again.
                Err(error) if error.is_disk() => tracing::warn!(%error, "small splits are not merged"),
                other => other?,
            }
            Ok(())
        };
        let spawned = std::thread::Builder::new().name("store-cut".into()).spawn(work);
        let cut = spawned.map_err(Error::io("start a thread for", &store.inner.config.dir))?;
        self.running = Some(Running { cut, took: std::mem::take(&mut self.waiting) });
        Ok(())
    }

    fn join(&mut self) -> Result<()> {
        let Some(Running { cut, took }) = self.running.take() else { return Ok(()) };
        let result = cut.join().unwrap_or_else(|_| Err(Error::Stopped { cause: "the cut panicked".into() }));
        self.cuts += 1;
        match &result {
            Ok(()) => {}
            Err(error) if error.is_disk() => {
                self.waiting.events += took.events;
                self.waiting.bytes += took.bytes;
                self.waiting.since = took.since.or(self.waiting.since);
            }
            Err(error) => self.stopped = Some(error.to_string()),
        }
        result
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        if let Err(error) = self.store.inner.writer().join() {
            tracing::error!(%error, "the last cut failed; its events are still in the raw log");
        }
    }
}
