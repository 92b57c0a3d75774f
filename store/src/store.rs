//! The store: splits, catalogue and memory tail, and the one indexer that writes them.

use std::time::Instant;

use stream::{Event, EventId, Timestamp};

use crate::{Result, Searcher, StoreConfig};

/// The searchable events; cheap to clone.
#[derive(Clone)]
pub struct Store {}

/// What the store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct StoreStats {
    /// Events searchable, tail included.
    pub events: u64,
    /// Of those, in the memory tail.
    pub tail_events: u64,
    /// Bytes of the memory tail.
    pub tail_bytes: u64,
    /// Splits.
    pub splits: usize,
    /// Bytes of the splits on disk.
    pub bytes: u64,
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

impl Store {
    /// Opens or creates a store. Folders that the catalogue does not name are leftovers of a crash and are deleted.
    ///
    /// # Errors
    /// A split that the catalogue names is missing, the catalogue is damaged, or the disk refused.
    pub fn open(_config: StoreConfig) -> Result<Store> {
        unimplemented!()
    }

    /// The writer. Only one may be used at a time.
    pub fn indexer(&self) -> Indexer {
        unimplemented!()
    }

    /// The reader.
    pub fn searcher(&self) -> Searcher {
        unimplemented!()
    }

    /// The next raw offset of the partition that is not yet durable in the index: where to resume.
    pub fn position(&self, _partition: u32) -> u64 {
        unimplemented!()
    }

    /// Events searchable, tail included.
    pub fn event_count(&self) -> u64 {
        unimplemented!()
    }

    /// What the store holds.
    pub fn stats(&self) -> StoreStats {
        unimplemented!()
    }

    /// Removes whole splits whose newest event is older than the retention.
    ///
    /// # Errors
    /// The disk refused.
    pub fn retain(&self, _now: Timestamp) -> Result<Retained> {
        unimplemented!()
    }
}

/// Adds events. Added events become searchable at [`Indexer::publish`] and durable at a commit; until then they are
/// durable in the raw log, from which a restart indexes again from [`Store::position`].
pub struct Indexer {}

impl Indexer {
    /// Adds one event; its tenant is `sekisho.tenant`.
    pub fn add(&mut self, _id: EventId, _event: &Event<'_>) {
        unimplemented!()
    }

    /// Makes what was added searchable, and remembers that the partition was read up to `next_offset`.
    pub fn publish(&mut self, _partition: u32, _next_offset: u64) {
        unimplemented!()
    }

    /// Cuts a split in the background when age, number or bytes ask for it. Gives whether it did.
    ///
    /// # Errors
    /// An earlier cut failed; nothing more is indexed.
    pub fn maybe_commit(&mut self, _now: Instant) -> Result<bool> {
        unimplemented!()
    }

    /// Cuts a split now and waits until everything published is durable.
    ///
    /// # Errors
    /// The disk refused; what was not committed is still searchable and still in the raw log.
    pub fn commit(&mut self) -> Result<()> {
        unimplemented!()
    }

    /// The next raw offset of the partition that is not yet durable in the index.
    pub fn durable(&self, _partition: u32) -> u64 {
        unimplemented!()
    }
}
