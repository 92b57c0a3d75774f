//! Several files as one sequence in the order of their event times.
//!
//! Of each file one record is looked at, so memory does not grow with the files. A file's own order is kept: a line
//! whose time is earlier than that of a line before it, or that carries no time, goes directly behind that line. With
//! one file no time is read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result, ensure};
use bumpalo::Bump;
use ingest::Decoder;
use stream::{Record, RecordKind, RecordRef, Timestamp, Value, fields};

use super::checkpoint::{Progress, Start};

/// Files of one command: each is open all the time.
pub const FILES_MAX: usize = 256;
/// An arena that grew past this is given back instead of kept.
const ARENA_BYTES_KEPT: usize = 8 << 20;

/// One file on its way in.
pub struct Feed {
    /// The file.
    pub path: PathBuf,
    /// Its tenant.
    pub tenant: Arc<str>,
    /// Its source.
    pub source: Arc<str>,
    /// The receipt time that its records get.
    pub received: Timestamp,
    /// What it is known by.
    pub key: String,
    /// How far it is, and where it stands in the checkpoint.
    pub start: Start,
    /// Bytes read of the file.
    pub read: Arc<AtomicU64>,
    /// Records handed out by this import.
    pub given: u64,
    records: Box<dyn Iterator<Item = Result<Vec<u8>>>>,
    next: Option<Vec<u8>>,
    at: Timestamp,
}

/// The records of a file that are not blank.
pub fn records(path: &std::path::Path, read: &Arc<AtomicU64>) -> Result<Box<dyn Iterator<Item = Result<Vec<u8>>>>> {
    let name = path.to_path_buf();
    let lines = ingest::import::records_counted(path, Arc::clone(read))?;
    let lines = lines.map(move |line| line.with_context(|| format!("read {}", name.display())));
    Ok(Box::new(lines.filter(|line| !matches!(line, Ok(line) if line.is_empty()))))
}

impl Feed {
    /// A file that goes on at `start`.
    pub fn open(
        path: PathBuf,
        (tenant, source): (Arc<str>, Arc<str>),
        received: Timestamp,
        key: String,
        start: Start,
    ) -> Result<Feed> {
        let read = Arc::new(AtomicU64::new(0));
        let mut records = records(&path, &read)?;
        for _ in 0..start.progress.lines {
            records.next().transpose()?;
        }
        let at = Timestamp::MIN;
        Ok(Feed { path, tenant, source, received, key, start, read, given: 0, records, next: None, at })
    }

    /// Its progress so far.
    pub fn progress(&mut self) -> &mut Progress {
        &mut self.start.progress
    }

    fn record(&self, raw: Vec<u8>) -> Record {
        Record {
            kind: RecordKind::Data,
            tenant: Arc::clone(&self.tenant),
            source: Arc::clone(&self.source),
            peer: None,
            received: self.received,
            raw: raw.into(),
        }
    }
}

/// The files, and whose record comes next.
pub struct Merge {
    /// The files, in the order in which they were named.
    pub feeds: Vec<Feed>,
    order: BinaryHeap<Reverse<(Timestamp, usize)>>,
    decoder: Decoder,
    arena: Bump,
}

impl Merge {
    /// Looks at the first record of each file.
    pub fn new(feeds: Vec<Feed>, decoder: Decoder) -> Result<Merge> {
        ensure!(feeds.len() <= FILES_MAX, "{} files; import at most {FILES_MAX} at a time", feeds.len());
        let mut merge = Merge { feeds, order: BinaryHeap::new(), decoder, arena: Bump::new() };
        for index in 0..merge.feeds.len() {
            merge.advance(index)?;
        }
        Ok(merge)
    }

    /// The next record in the order of event time, and the index of its file.
    pub fn pop(&mut self) -> Result<Option<(usize, Record)>> {
        let Some(Reverse((_, index))) = self.order.pop() else { return Ok(None) };
        let raw = self.feeds[index].next.take().expect("a file in the order has a record");
        self.feeds[index].progress().add(&raw);
        let record = self.feeds[index].record(raw);
        self.advance(index)?;
        Ok(Some((index, record)))
    }

    /// Passes over the record that comes next of a file of this tenant and source if it is these bytes.
    pub fn pass(&mut self, tenant: &str, source: &str, raw: &[u8], may: impl Fn(&Feed) -> bool) -> Result<bool> {
        let fits = |feed: &Feed| {
            *feed.tenant == *tenant && *feed.source == *source && feed.next.as_deref() == Some(raw) && may(feed)
        };
        let waiting = self.order.iter().filter(|Reverse((_, index))| fits(&self.feeds[*index]));
        let Some(&Reverse((at, index))) = waiting.max() else { return Ok(false) };
        self.order.retain(|entry| *entry != Reverse((at, index)));
        self.feeds[index].progress().add(raw);
        self.advance(index)?;
        Ok(true)
    }

    fn advance(&mut self, index: usize) -> Result<()> {
        let several = self.feeds.len() > 1;
        let feed = &mut self.feeds[index];
        let Some(raw) = feed.records.next().transpose()? else { return Ok(()) };
        if several {
            let record = RecordRef {
                offset: 0,
                kind: RecordKind::Data,
                tenant: &feed.tenant,
                source: &feed.source,
                peer: None,
                received: feed.received,
                raw: &raw,
            };
            let event = self.decoder.decode(&record, &self.arena);
            // A line without a time of its own has that of its receipt.
            if let Some(Value::Time(at)) = event.get(fields::TIMESTAMP)
                && at != feed.received
            {
                feed.at = feed.at.max(at);
            }
            drop(event);
            if self.arena.allocated_bytes() > ARENA_BYTES_KEPT {
                self.arena = Bump::new();
            }
            self.arena.reset();
        }
        feed.next = Some(raw);
        self.order.push(Reverse((feed.at, index)));
        Ok(())
    }
}
