//! Keeps the workers of several partitions near each other in time.
//!
//! Detection in order sees their records as one sequence, and what it raises does not depend on that sequence as long as
//! no event is further behind the others than the allowed lateness (10 minutes). A worker that catches up, or reads an
//! imported archive, must therefore not run ahead of one that has more to do: it waits while the next event of another is
//! more than [`AHEAD_MAX`] earlier than its own. The one that is furthest behind never waits. A worker counts as done only
//! while the log holds nothing that it has not read: one that is held up holds the others up.
//!
//! Time is the event's, at most its receipt. One line of an archive that is dated long after its neighbours lets the
//! others go ahead for as long as its worker waits with it.

use std::sync::{Condvar, Mutex, PoisonError};

use stream::{NANOS_PER_SECOND, Timestamp};

/// How far ahead a worker may be, in nanoseconds.
pub const AHEAD_MAX: i64 = 60 * NANOS_PER_SECOND;

/// Where the workers stand.
pub struct Frontiers {
    heads: Mutex<Vec<Head>>,
    changed: Condvar,
    /// The end of a worker's partition.
    end: Box<dyn Fn(u32) -> u64 + Send + Sync>,
}

#[derive(Clone, Copy)]
struct Head {
    /// The time of the oldest event that it had not told when it last asked.
    time: i64,
    /// It has told everything below this offset, and had nothing more then.
    done: Option<u64>,
}

impl Frontiers {
    /// For so many workers, none of which has looked at its partition yet; `end` tells the end of a worker's partition.
    pub fn new(workers: u32, end: impl Fn(u32) -> u64 + Send + Sync + 'static) -> Frontiers {
        let heads = vec![Head { time: i64::MIN, done: None }; workers as usize];
        Frontiers { heads: Mutex::new(heads), changed: Condvar::new(), end: Box::new(end) }
    }

    /// Up to when the worker may tell events, without waiting; `oldest` is the time of the oldest that it has not told.
    pub fn limit(&self, worker: u32, oldest: Timestamp) -> Timestamp {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        self.stand(&mut heads, worker, oldest);
        self.limit_of(&heads, worker)
    }

    /// The worker has told all before its next event, which is of this time; waits until that may be told. Gives up to when
    /// it need not ask again.
    pub fn wait(&self, worker: u32, time: Timestamp) -> Timestamp {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        self.stand(&mut heads, worker, time);
        loop {
            let limit = self.limit_of(&heads, worker);
            if time <= limit {
                return limit;
            }
            heads = self.changed.wait(heads).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stand(&self, heads: &mut [Head], worker: u32, time: Timestamp) {
        if let Some(head) = heads.get_mut(worker as usize) {
            *head = Head { time: time.0, done: None };
            self.changed.notify_all();
        }
    }

    fn limit_of(&self, heads: &[Head], worker: u32) -> Timestamp {
        let others = heads.iter().zip(0..).filter(|(_, other)| *other != worker);
        let behind = others.filter(|(head, other)| head.done.is_none_or(|next| next < (self.end)(*other)));
        Timestamp(behind.map(|(head, _)| head.time).min().unwrap_or(i64::MAX).saturating_add(AHEAD_MAX))
    }

    /// The worker has told everything below `next`, and has nothing more.
    pub fn done(&self, worker: u32, next: u64) {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = heads.get_mut(worker as usize).filter(|head| head.done != Some(next)) {
            head.done = Some(next);
            self.changed.notify_all();
        }
    }

    /// The worker has ended: nobody waits for it.
    pub fn ended(&self, worker: u32) {
        self.done(worker, u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn a_worker_waits_for_one_that_is_far_behind() {
        let end = Arc::new(AtomicU64::new(7));
        let of = Arc::clone(&end);
        let frontiers = Arc::new(Frontiers::new(2, move |_| of.load(Ordering::SeqCst)));
        let at = |second: i64| Timestamp::from_seconds(1_800_000_000 + second);
        frontiers.done(1, 7);
        assert_eq!(frontiers.wait(0, at(0)), Timestamp::MAX, "the other has nothing to do");
        assert_eq!(frontiers.wait(1, at(60)), at(60));
        assert_eq!(frontiers.limit(1, at(50)), at(60));
        let waiting = |worker: u32, time: Timestamp| {
            let frontiers = Arc::clone(&frontiers);
            let waiting = std::thread::spawn(move || frontiers.wait(worker, time));
            // Nothing tells that it waits.
            #[expect(clippy::disallowed_methods, reason = "waits for what must not happen")]
            std::thread::sleep(std::time::Duration::from_millis(120));
            waiting
        };
        let ahead = waiting(1, at(100));
        assert!(!ahead.is_finished());
        assert_eq!(frontiers.wait(0, at(41)), at(160));
        assert_eq!(ahead.join().unwrap(), at(101));
        // A hole in time: whoever is behind goes on, however far its next event is.
        assert_eq!(frontiers.wait(0, at(159)), at(160));
        // It was done, and has not read what came since.
        frontiers.done(1, 7);
        end.store(8, Ordering::SeqCst);
        let ahead = waiting(0, at(190));
        assert!(!ahead.is_finished());
        frontiers.done(1, 8);
        ahead.join().unwrap();
        frontiers.ended(0);
        frontiers.wait(1, at(9000));
    }
}
