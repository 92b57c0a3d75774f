//! What was received and is not durable yet, with a bound in bytes that a noisy source meets before the others do.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stream::Record;
use tokio::sync::mpsc;

use super::super::route::Owner;
use crate::metrics;

/// What a record takes beside its bytes.
const RECORD_BYTES: usize = 128;
/// Batches on their way; the bound in bytes is met first unless batches are tiny.
const BATCHES: usize = 16_384;
/// A thread that waits for room looks up so often.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Where a socket's thread puts what it received.
#[derive(Clone)]
pub(super) struct Input {
    batches: mpsc::Sender<Vec<Record>>,
    queue: Arc<Queue>,
}

/// What waits, in bytes.
pub(super) struct Queue {
    bytes_max: usize,
    waiting: Mutex<Waiting>,
    room: Condvar,
}

#[derive(Default)]
struct Waiting {
    total: usize,
    of: HashMap<Owner, usize>,
    /// Shed since it was last told.
    shed: BTreeMap<Owner, u64>,
}

/// Bytes of one batch, by source.
pub(super) struct Held(HashMap<Owner, usize>);

impl Held {
    pub(super) fn of(records: &[Record]) -> Held {
        let mut held: HashMap<Owner, usize> = HashMap::new();
        for record in records {
            *held.entry(owner(record)).or_default() += size(record);
        }
        Held(held)
    }
}

fn owner(record: &Record) -> Owner {
    (Arc::clone(&record.tenant), Arc::clone(&record.source))
}

fn size(record: &Record) -> usize {
    record.raw.len() + RECORD_BYTES
}

/// A queue: both its ends, and what they have in common.
pub(super) fn queue(bytes_max: usize) -> (Input, mpsc::Receiver<Vec<Record>>, Arc<Queue>) {
    let (batches, queued) = mpsc::channel(BATCHES);
    let queue = Arc::new(Queue { bytes_max, waiting: Mutex::default(), room: Condvar::new() });
    (Input { batches, queue: Arc::clone(&queue) }, queued, queue)
}

impl Input {
    /// Puts what there is room for into the queue; waits where no single source is to blame. Not when nobody takes it
    /// out any more.
    pub(super) fn put(&self, mut records: Vec<Record>) -> bool {
        if records.is_empty() {
            return true;
        }
        let queue = &self.queue;
        let mut waiting = queue.lock();
        while waiting.total >= queue.bytes_max * 2 && !self.batches.is_closed() {
            waiting = queue.room.wait_timeout(waiting, LOOK_UP).unwrap_or_else(PoisonError::into_inner).0;
        }
        records.retain(|record| waiting.admits(record, queue.bytes_max));
        drop(waiting);
        records.is_empty() || self.batches.blocking_send(records).is_ok()
    }

    /// Counts what was shed since the last time, and says whose it was.
    pub(super) fn tell(&self, listener: &SocketAddr) {
        self.queue.tell(listener);
    }
}

impl Queue {
    /// What was held is durable, or lost.
    pub(super) fn release(&self, held: &Held) {
        let mut waiting = self.lock();
        for (owner, bytes) in &held.0 {
            waiting.total -= bytes;
            if let Some(left) = waiting.of.get_mut(owner) {
                *left -= bytes;
                if *left == 0 {
                    waiting.of.remove(owner);
                }
            }
        }
        self.room.notify_all();
    }

    fn tell(&self, listener: &SocketAddr) {
        for ((tenant, source), datagrams) in std::mem::take(&mut self.lock().shed) {
            tracing::error!(%listener, tenant = &*tenant, source = &*source, datagrams, "shed: this source filled the queue, the disk is too slow for it");
            let labels = [&*listener.to_string(), &*tenant, &*source];
            metrics::SHED.with_label_values(&labels).inc_by(datagrams);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn admits(&mut self, record: &Record, bytes_max: usize) -> bool {
        let (owner, bytes) = (owner(record), size(record));
        let share = self.of.get(&owner).copied().unwrap_or(0);
        if self.total + bytes > bytes_max && share * 2 > self.total {
            *self.shed.entry(owner).or_default() += 1;
            return false;
        }
        self.total += bytes;
        *self.of.entry(owner).or_default() += bytes;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(source: &str, count: usize) -> Vec<Record> {
        let record = Record {
            kind: stream::RecordKind::Data,
            tenant: "t".into(),
            source: source.into(),
            peer: None,
            received: stream::Timestamp::default(),
            raw: vec![b'x'; 1000 - RECORD_BYTES].into(),
        };
        vec![record; count]
    }

    #[test]
    fn the_noisy_source_is_shed_and_the_quiet_one_is_not() {
        let (input, mut queued, queue) = queue(100_000);
        assert!(input.put(records("noisy", 150)));
        assert!(input.put(records("quiet", 20)));
        assert!(input.put(records("noisy", 10)));
        let mut taken = Vec::new();
        while let Ok(batch) = queued.try_recv() {
            taken.extend(batch);
        }
        let of = |source: &str| taken.iter().filter(|record| &*record.source == source).count();
        assert_eq!((of("noisy"), of("quiet")), (100, 20));
        assert_eq!(queue.lock().shed.values().copied().collect::<Vec<_>>(), [60]);

        queue.release(&Held::of(&taken));
        assert_eq!(queue.lock().total, 0);
        assert!(queue.lock().of.is_empty());
        assert!(input.put(records("noisy", 100)), "there is room again");
        assert_eq!(queue.lock().total, 100_000);
    }

    #[test]
    fn nobody_waits_for_a_queue_that_nobody_empties() {
        let (input, queued, _queue) = queue(1000);
        assert!(input.put(records("a", 1)));
        assert!(input.put(records("b", 1)));
        drop(queued);
        assert!(!input.put(records("c", 1)));
    }
}
