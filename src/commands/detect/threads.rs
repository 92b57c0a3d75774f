//! Runs judging on this thread or on several, and gives every input's blocks back in their order.
//!
//! A thread reads the block that it judges itself, so that the bytes stay with the core that needs them, where it can into
//! the same memory each time; inputs are read by one thread at a time, which numbers their blocks.
//!
//! Bounds: at most [`WAITING_MIN`] blocks per input, or [`WAITING_PER_THREAD`] for each thread and
//! [`WAITING_MAX`] over all inputs, are read ahead.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

use anyhow::{Result, anyhow};
use crossbeam_channel::{Receiver, Sender, bounded};
use detect::{Engine, Tenants};

use super::feed::Feed;
use super::judge::{Judge, Judged, Keep, Lane};

/// The least number of blocks read ahead of each input.
const WAITING_MIN: usize = 2;
/// Enough that no thread runs out of work while the one that puts blocks in order waits for a processor.
const WAITING_PER_THREAD: usize = 8;
/// The most blocks read ahead of all inputs, [`WAITING_MIN`] of each excepted.
const WAITING_MAX: usize = 128;

/// Where judging happens.
enum Place<'s> {
    Here(Box<Judge>),
    Threads { jobs: Sender<Job>, done: Receiver<Done>, _threads: Vec<ScopedJoinHandle<'s, ()>> },
}

/// One more block of a lane is to be read and judged.
struct Job {
    lane: usize,
    source: Arc<Mutex<Source>>,
    judged: Box<Judged>,
}

/// An input, and the number of its next block.
struct Source {
    feed: Feed,
    number: u64,
}

struct Done {
    lane: usize,
    judged: Box<Judged>,
    /// The block's number; none at the end of the input.
    result: Result<Option<u64>>,
}

impl Job {
    fn done(mut self, judge: &mut Judge) -> Done {
        judge.lend_bytes(&mut self.judged);
        let result = self.read().and_then(|number| {
            if number.is_some() {
                judge.judge(self.lane, &mut self.judged)?;
            }
            Ok(number)
        });
        judge.lend_bytes(&mut self.judged);
        Done { lane: self.lane, judged: self.judged, result }
    }

    fn read(&mut self) -> Result<Option<u64>> {
        // A thread that failed while it read ends all of it.
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(block) = source.feed.next(std::mem::take(&mut self.judged.block))? else { return Ok(None) };
        self.judged.block = block;
        source.number += 1;
        Ok(Some(source.number - 1))
    }
}

/// The inputs, read ahead and judged.
pub(super) struct Blocks<'s> {
    place: Place<'s>,
    lanes: Vec<Waiting>,
    #[expect(clippy::vec_box, reason = "boxes go to the threads and come back; taking them apart would copy them")]
    spare: Vec<Box<Judged>>,
    ahead: usize,
}

struct Waiting {
    source: Arc<Mutex<Source>>,
    at_end: bool,
    /// Jobs that did not come back.
    out: usize,
    /// The number of the next block.
    taken: u64,
    ready: BTreeMap<u64, Box<Judged>>,
}

impl<'s> Blocks<'s> {
    /// Starts `threads` threads; none for one, which is this thread.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(super) fn start<'e>(
        scope: &'s Scope<'s, 'e>,
        threads: usize,
        lanes: &Arc<[Lane]>,
        feeds: Vec<Feed>,
        engine: &Engine,
        tenants: Option<&Arc<Tenants>>,
        keep: Keep,
    ) -> Result<Blocks<'s>> {
        let rules = engine.rules();
        let judge = || Judge::new(Arc::clone(lanes), tenants.cloned(), engine.matcher(), Arc::clone(rules), keep);
        let ahead = (WAITING_PER_THREAD * threads).min(WAITING_MAX).div_ceil(feeds.len().max(1)).max(WAITING_MIN);
        let place = if threads <= 1 {
            Place::Here(Box::new(judge()))
        } else {
            let (jobs, take) = bounded::<Job>(ahead * feeds.len().max(1));
            let (give, done) = bounded(ahead * feeds.len().max(1));
            let start = |number: usize| {
                let (take, give, mut judge) = (take.clone(), give.clone(), judge());
                std::thread::Builder::new().name(format!("judge-{number}")).spawn_scoped(scope, move || {
                    for job in take {
                        if give.send(job.done(&mut judge)).is_err() {
                            return;
                        }
                    }
                })
            };
            let started = (0..threads).map(start).collect::<std::io::Result<Vec<_>>>()?;
            Place::Threads { jobs, done, _threads: started }
        };
        let lanes = feeds
            .into_iter()
            .map(|feed| Source { feed, number: 0 })
            .map(|source| Waiting {
                source: Arc::new(Mutex::new(source)),
                at_end: false,
                out: 0,
                taken: 0,
                ready: BTreeMap::new(),
            })
            .collect();
        Ok(Blocks { place, lanes, spare: Vec::new(), ahead })
    }

    /// The lane's next block; nothing at its end. `used` is the one before it, whose allocations are used again.
    ///
    /// # Errors
    /// The input cannot be read.
    pub(super) fn next(&mut self, lane: usize, used: Option<Box<Judged>>) -> Result<Option<Box<Judged>>> {
        self.spare.extend(used);
        if let Place::Here(judge) = &mut self.place {
            let source = Arc::clone(&self.lanes[lane].source);
            let Done { judged, result, .. } =
                Job { lane, source, judged: self.spare.pop().unwrap_or_default() }.done(judge);
            return Ok(result?.map(|_| judged));
        }
        loop {
            self.send(lane)?;
            let waiting = &mut self.lanes[lane];
            if let Some(judged) = waiting.ready.remove(&waiting.taken) {
                waiting.taken += 1;
                // The place that became free is filled before the block is worked on.
                self.send(lane)?;
                return Ok(Some(judged));
            }
            if waiting.at_end && waiting.out == 0 {
                return Ok(None);
            }
            let Place::Threads { done, .. } = &self.place else { return Ok(None) };
            let Done { lane, judged, result } = done.recv().map_err(|_| anyhow!("a judging thread ended early"))?;
            let waiting = &mut self.lanes[lane];
            waiting.out -= 1;
            match result? {
                Some(number) => _ = waiting.ready.insert(number, judged),
                None => waiting.at_end = true,
            }
        }
    }

    /// Has blocks read and judged ahead.
    fn send(&mut self, lane: usize) -> Result<()> {
        let Place::Threads { jobs, .. } = &self.place else { return Ok(()) };
        let waiting = &mut self.lanes[lane];
        while !waiting.at_end && waiting.out + waiting.ready.len() < self.ahead {
            let judged = self.spare.pop().unwrap_or_default();
            let job = Job { lane, source: Arc::clone(&waiting.source), judged };
            jobs.send(job).map_err(|_| anyhow!("a judging thread ended early"))?;
            waiting.out += 1;
        }
        Ok(())
    }
}
