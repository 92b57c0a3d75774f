//! The memory tail: events published since the last cut, packed, in chunks that never change.

use std::sync::Arc;

use stream::{Event, EventId, fields};

use crate::index::document::pack_here;

/// One published batch of one partition.
#[derive(Default)]
pub(crate) struct Chunk {
    entries: Vec<Entry>,
    data: Vec<u8>,
    tenants: Vec<Arc<str>>,
    pub(crate) partition: u32,
    /// The raw offset after the batch.
    pub(crate) next_offset: u64,
    pub(crate) oldest: i64,
    pub(crate) newest: i64,
}

struct Entry {
    time: i64,
    id: EventId,
    tenant: u32,
    start: usize,
    end: usize,
}

/// An event of a chunk.
#[derive(Clone, Copy)]
pub(crate) struct TailEvent<'a> {
    pub(crate) time: i64,
    pub(crate) id: EventId,
    pub(crate) tenant: &'a Arc<str>,
    pub(crate) packed: &'a [u8],
}

impl Chunk {
    pub(crate) fn add(&mut self, id: EventId, event: &Event<'_>) {
        let tenant = event.get_str(fields::SEKISHO_TENANT).unwrap_or("");
        let tenant = match self.tenants.iter().position(|known| **known == *tenant) {
            Some(known) => known,
            None => {
                self.tenants.push(Arc::from(tenant));
                self.tenants.len() - 1
            }
        };
        let (time, start) = (event.time().0, self.data.len());
        pack_here(event, &mut self.data);
        self.oldest = if self.entries.is_empty() { time } else { self.oldest.min(time) };
        self.newest = if self.entries.is_empty() { time } else { self.newest.max(time) };
        self.entries.push(Entry { time, id, tenant: tenant as u32, start, end: self.data.len() });
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.data.len() + self.entries.len() * size_of::<Entry>()
    }

    /// Gives back room that was reserved ahead.
    pub(crate) fn shrink(&mut self) {
        self.data.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    pub(crate) fn get(&self, index: usize) -> Option<TailEvent<'_>> {
        let entry = self.entries.get(index)?;
        Some(TailEvent {
            time: entry.time,
            id: entry.id,
            tenant: &self.tenants[entry.tenant as usize],
            packed: &self.data[entry.start..entry.end],
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = TailEvent<'_>> {
        (0..self.entries.len()).filter_map(|index| self.get(index))
    }
}
