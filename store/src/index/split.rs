//! A split on disk: writing, opening, reading documents, removing.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bumpalo::Bump;
use serde::{Deserialize, Serialize};
use stream::{Event, EventId, Timestamp, Value, fields};
use tantivy::columnar::Column;
use tantivy::index::SegmentReader;
use tantivy::store::{Compressor, StoreReader, ZstdCompressor};
use tantivy::{Index, IndexSettings};

use super::document::unpack_here;
use super::schema::{self, IndexSchema};
use super::shapes::{self, Shapes};
use super::sound::{self, Soundness};
use super::writer::SplitWriter;
use crate::metrics::METRICS;
use crate::{Error, Result};

/// What the catalogue knows about a split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SplitMeta {
    /// Folder name.
    pub(crate) id: String,
    pub(crate) tenant: String,
    /// Oldest and newest `@timestamp`, nanoseconds.
    pub(crate) oldest: i64,
    pub(crate) newest: i64,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// How often its events were merged: 0, 1 or 2.
    pub(crate) level: u8,
    /// Lowest and highest raw offset by partition.
    pub(crate) offsets: Vec<(u32, u64, u64)>,
    /// When the event that came last was received, nanoseconds: what retention goes by, for `@timestamp` is what a device
    /// claims.
    pub(crate) received: i64,
    /// Events by source, for accounting.
    pub(crate) sources: BTreeMap<String, u64>,
    /// Checksum of its files ([`super::sound`]); none of splits written before there was one.
    #[serde(default)]
    pub(crate) sum: Option<u32>,
}

/// What a split's events have in common, gathered while they are written.
#[derive(Default)]
struct Gathered {
    received: Option<i64>,
    sources: BTreeMap<String, u64>,
    source: String,
    run: u64,
}

impl Gathered {
    fn add(&mut self, event: &Event<'_>) {
        let received = match event.get(fields::EVENT_CREATED) {
            Some(Value::Time(time)) => time.0,
            _ => event.time().0,
        };
        self.received = self.received.max(Some(received));
        let source = event.get_str(fields::SEKISHO_SOURCE_ID).unwrap_or("");
        if source != self.source {
            self.end_run();
            source.clone_into(&mut self.source);
        }
        self.run += 1;
    }

    fn end_run(&mut self) {
        if self.run > 0 {
            *self.sources.entry(self.source.clone()).or_default() += std::mem::take(&mut self.run);
        }
    }
}

/// An event to be written: when, which, and its form in the memory tail.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    pub(crate) time: i64,
    pub(crate) id: EventId,
    pub(crate) tail: &'a [u8],
}

pub(crate) fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::Zstd(ZstdCompressor { compression_level: Some(1) }),
        docstore_compress_dedicated_thread: false,
        docstore_blocksize: 64 * 1024,
        ..IndexSettings::default()
    }
}

/// Writes a split of one tenant and makes it durable; the catalogue does not know it yet.
pub(crate) fn write(
    splits: &Path,
    id: &str,
    tenant: &str,
    schema: &IndexSchema,
    shapes: &mut Shapes,
    mut events: Vec<Packed<'_>>,
) -> Result<SplitMeta> {
    events.sort_unstable_by_key(|event| std::cmp::Reverse((event.time, event.id)));
    let path = splits.join(id);
    std::fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
    let failed = |error| Error::index("write", id)(error);
    let mut writer = SplitWriter::create(&path, schema, settings(), shapes).map_err(failed)?;
    let (mut gathered, mut arena) = (Gathered::default(), Bump::new());
    for packed in &events {
        let Some(event) = unpack_here(packed.tail, &arena) else {
            return Err(Error::Damaged {
                what: "event",
                place: packed.id.to_string(),
                reason: "cannot be read back".into(),
            });
        };
        writer.add(packed.id, &event).map_err(failed)?;
        gathered.add(&event);
        drop(event);
        arena.reset();
    }
    writer.finish(&path, id)?;
    let (bytes, sum) = (sync(&path)?, sound::sum(&path)?);
    gathered.end_run();
    let time = |event: Option<&Packed<'_>>| event.map_or(0, |event| event.time);
    Ok(SplitMeta {
        id: id.to_owned(),
        tenant: tenant.to_owned(),
        oldest: time(events.last()),
        newest: time(events.first()),
        events: events.len() as u64,
        bytes,
        level: 0,
        offsets: offsets(events.iter().map(|event| event.id)),
        received: gathered.received.unwrap_or(0),
        sources: gathered.sources,
        sum: Some(sum),
    })
}

fn offsets(ids: impl Iterator<Item = EventId>) -> Vec<(u32, u64, u64)> {
    let mut ranges: Vec<(u32, u64, u64)> = Vec::new();
    for id in ids {
        match ranges.iter_mut().find(|(partition, ..)| *partition == id.partition) {
            Some((_, low, high)) => (*low, *high) = ((*low).min(id.offset), (*high).max(id.offset)),
            None => ranges.push((id.partition, id.offset, id.offset)),
        }
    }
    ranges
}

/// Syncs every file of a folder, the folder, and the folder above. Gives the bytes of the files.
pub(crate) fn sync(path: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(path).map_err(Error::io("read", path))? {
        let entry = entry.map_err(Error::io("read", path))?.path();
        let file = File::open(&entry).map_err(Error::io("open", &entry))?;
        bytes += file.metadata().map_err(Error::io("read", &entry))?.len();
        file.sync_all().map_err(Error::io("fsync", &entry))?;
    }
    sync_folder(path)?;
    sync_folder(path.parent().unwrap_or(path))?;
    Ok(bytes)
}

pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(Error::io("fsync", path))
}

/// A split in the catalogue; its files are opened when first searched.
pub(crate) struct Split {
    pub(crate) meta: SplitMeta,
    path: PathBuf,
    schema: Arc<IndexSchema>,
    opened: Mutex<Option<Arc<Opened>>>,
    /// Turn of its last use, for closing the least used.
    used: AtomicU64,
    doomed: AtomicBool,
    soundness: Soundness,
}

/// An open split.
pub(crate) struct Opened {
    pub(crate) reader: SegmentReader,
    pub(crate) schema: Arc<IndexSchema>,
    pub(crate) times: Column<i64>,
    partitions: Column<u64>,
    offsets: Column<u64>,
    subs: Column<u64>,
    store: StoreReader,
    /// Read when the first event is.
    shapes: OnceLock<shapes::Known>,
    path: PathBuf,
    id: String,
}

impl Split {
    pub(crate) fn new(splits: &Path, meta: SplitMeta, schema: Arc<IndexSchema>) -> Split {
        Split {
            path: splits.join(&meta.id),
            meta,
            schema,
            opened: Mutex::new(None),
            used: AtomicU64::new(0),
            doomed: AtomicBool::new(false),
            soundness: Soundness::default(),
        }
    }

    /// Whether a search may use it, as far as that can be found out at once.
    pub(crate) fn is_usable(&self) -> bool {
        self.soundness.known().unwrap_or_else(|| self.meta.bytes > sound::AT_ONCE_BYTES || self.examine())
    }

    /// Whether its files are as they were written, if it was found out.
    pub(crate) fn soundness(&self) -> &Soundness {
        &self.soundness
    }

    /// Reads its files; gives whether they are as they were written.
    pub(crate) fn examine(&self) -> bool {
        let Some(wanted) = self.meta.sum else {
            self.soundness.found(true);
            return true;
        };
        match sound::sum(&self.path) {
            Ok(sum) => {
                if self.soundness.found(sum == wanted) {
                    METRICS.damaged.inc();
                    let SplitMeta { id, tenant, events, .. } = &self.meta;
                    let (oldest, newest) = (Timestamp(self.meta.oldest), Timestamp(self.meta.newest));
                    tracing::error!(split = id, tenant, events, %oldest, %newest, "a part of the index is damaged: its events are not found until it is restored from a backup or the index is rebuilt from the raw log");
                }
                sum == wanted
            }
            // Whoever opens it says what is wrong; a writer may have merged it away meanwhile.
            Err(error) => {
                tracing::debug!(%error, split = self.meta.id, "the checksum could not be read");
                true
            }
        }
    }

    /// Opens the split, or gives it as opened before.
    pub(crate) fn open(&self) -> Result<Arc<Opened>> {
        static TURN: AtomicU64 = AtomicU64::new(1);
        self.used.store(TURN.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = &*opened {
            return Ok(opened.clone());
        }
        let fresh = Arc::new(Opened::open(&self.path, &self.meta, self.schema.clone())?);
        *opened = Some(fresh.clone());
        Ok(fresh)
    }

    /// The turn of its last use, if it is open.
    pub(crate) fn open_since(&self) -> Option<u64> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        opened.then(|| self.used.load(Ordering::Relaxed))
    }

    /// Closes its files once no search uses them.
    pub(crate) fn close(&self) {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Removes its files once no search uses them; the catalogue no longer names it.
    pub(crate) fn doom(&self) {
        self.doomed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Split {
    fn drop(&mut self) {
        if self.doomed.load(Ordering::Relaxed)
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(split = self.meta.id, %error, "removing an old split failed; the next start removes it");
        }
    }
}

impl Opened {
    pub(crate) fn open(path: &Path, meta: &SplitMeta, schema: Arc<IndexSchema>) -> Result<Opened> {
        let damaged = |reason: String| Error::Damaged { what: "split", place: path.display().to_string(), reason };
        let index = open_index(path)?;
        let segments = index.searchable_segments().map_err(|error| damaged(error.to_string()))?;
        let [segment] = &segments[..] else {
            return Err(damaged(format!("{} segments instead of one", segments.len())));
        };
        let read = || {
            let reader = SegmentReader::open(segment)?;
            let columns = reader.fast_fields();
            Ok(Opened {
                times: columns.i64(schema::TIME)?,
                partitions: columns.u64(schema::PARTITION)?,
                offsets: columns.u64(schema::OFFSET)?,
                subs: columns.u64(schema::SUB)?,
                store: reader.get_store_reader(8)?,
                shapes: OnceLock::new(),
                path: path.to_path_buf(),
                reader,
                schema,
                id: meta.id.clone(),
            })
        };
        let opened = read().map_err(|error: tantivy::TantivyError| damaged(error.to_string()))?;
        if u64::from(opened.reader.max_doc()) != meta.events {
            return Err(damaged(format!("{} events instead of {}", opened.reader.max_doc(), meta.events)));
        }
        Ok(opened)
    }

    pub(crate) fn failed(&self, action: &'static str) -> impl FnOnce(tantivy::TantivyError) -> Error + use<> {
        Error::index(action, &self.id)
    }

    pub(crate) fn time(&self, doc: u32) -> i64 {
        self.times.first(doc).unwrap_or(0)
    }

    pub(crate) fn event_id(&self, doc: u32) -> EventId {
        EventId {
            partition: self.partitions.first(doc).unwrap_or(0) as u32,
            offset: self.offsets.first(doc).unwrap_or(0),
            sub: self.subs.first(doc).unwrap_or(0) as u32,
        }
    }

    /// The first document at or below a time: they stand newest first.
    pub(crate) fn first_at_or_before(&self, time: i64) -> u32 {
        let (mut low, mut high) = (0, self.reader.max_doc());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time(middle) > time { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The documents of `from <= time < to`, as a range of document ids.
    pub(crate) fn documents(&self, from: i64, to: i64) -> std::ops::Range<u32> {
        if from >= to {
            return 0..0;
        }
        let start = if to == i64::MAX { 0 } else { self.first_at_or_before(to - 1) };
        let end = if from == i64::MIN { self.reader.max_doc() } else { self.first_at_or_before(from - 1) };
        start..end
    }

    /// The document of an event.
    pub(crate) fn find(&self, id: EventId) -> Option<u32> {
        let mut docs = Vec::new();
        self.offsets.get_docids_for_value_range(id.offset..=id.offset, 0..self.reader.max_doc(), &mut docs);
        docs.into_iter().find(|doc| self.event_id(*doc) == id)
    }

    /// Reads a document's event.
    pub(crate) fn event<'a>(&'a self, doc: u32, arena: &'a Bump) -> Result<Event<'a>> {
        let bytes = self.store.get_document_bytes(doc).map_err(self.failed("read"))?;
        let shapes = match self.shapes.get() {
            Some(shapes) => shapes,
            None => {
                let read = shapes::Known::open(&self.path)?;
                self.shapes.get_or_init(|| read)
            }
        };
        shapes.event(arena.alloc_slice_copy(&bytes), arena).ok_or_else(|| self.damaged(doc))
    }

    fn damaged(&self, doc: u32) -> Error {
        Error::Damaged {
            what: "event",
            place: format!("split {} document {doc}", self.id),
            reason: "not a stored event".into(),
        }
    }
}

pub(crate) fn open_index(path: &Path) -> Result<Index> {
    let damaged = |reason: String| Error::Damaged { what: "split", place: path.display().to_string(), reason };
    Index::open_in_dir(path).map_err(|error| damaged(error.to_string()))
}
