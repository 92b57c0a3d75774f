//! Runs judging on this thread or on several, and gives every input's blocks back in their order.
//!
//! Bounds: at most [`WAITING_MIN`] blocks per input, or twice the threads over all inputs, are read ahead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};

use anyhow::{Result, anyhow};
use crossbeam_channel::{Receiver, Sender, bounded};
use detect::{Engine, Tenants};

use super::feed::Feed;
use super::judge::{Judge, Judged, Lane};

/// The least number of blocks read ahead of each input.
const WAITING_MIN: usize = 2;

/// Where judging happens.
enum Place<'s> {
    Here(Box<Judge>),
    Threads { jobs: Sender<Job>, done: Receiver<Done>, _threads: Vec<ScopedJoinHandle<'s, ()>> },
}

struct Job {
    lane: usize,
    number: u64,
    judged: Box<Judged>,
}

struct Done {
    job: Job,
    result: Result<()>,
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
    feed: Feed,
    at_end: bool,
    sent: u64,
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
    ) -> Result<Blocks<'s>> {
        let judge = || Judge::new(Arc::clone(lanes), tenants.cloned(), engine.matcher());
        let ahead = (2 * threads).div_ceil(feeds.len().max(1)).max(WAITING_MIN);
        let place = if threads <= 1 {
            Place::Here(Box::new(judge()))
        } else {
            let (jobs, take) = bounded::<Job>(ahead * feeds.len().max(1));
            let (give, done) = bounded(ahead * feeds.len().max(1));
            let start = |number: usize| {
                let (take, give, mut judge) = (take.clone(), give.clone(), judge());
                std::thread::Builder::new().name(format!("judge-{number}")).spawn_scoped(scope, move || {
                    for mut job in take {
                        let result = judge.judge(job.lane, &mut job.judged);
                        if give.send(Done { job, result }).is_err() {
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
            .map(|feed| Waiting { feed, at_end: false, sent: 0, taken: 0, ready: BTreeMap::new() })
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
            let mut judged = self.spare.pop().unwrap_or_default();
            let Some(block) = self.lanes[lane].feed.next(std::mem::take(&mut judged.block))? else { return Ok(None) };
            judged.block = block;
            judge.judge(lane, &mut judged)?;
            return Ok(Some(judged));
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
            if waiting.at_end && waiting.taken == waiting.sent {
                return Ok(None);
            }
            let Place::Threads { done, .. } = &self.place else { return Ok(None) };
            let Done { job, result } = done.recv().map_err(|_| anyhow!("a judging thread ended early"))?;
            result?;
            self.lanes[job.lane].ready.insert(job.number, job.judged);
        }
    }

    /// Reads ahead.
    fn send(&mut self, lane: usize) -> Result<()> {
        let Place::Threads { jobs, .. } = &self.place else { return Ok(()) };
        let waiting = &mut self.lanes[lane];
        while !waiting.at_end && waiting.sent - waiting.taken < self.ahead as u64 {
            let mut judged = self.spare.pop().unwrap_or_default();
            let Some(block) = waiting.feed.next(std::mem::take(&mut judged.block))? else {
                waiting.at_end = true;
                break;
            };
            judged.block = block;
            let job = Job { lane, number: waiting.sent, judged };
            jobs.send(job).map_err(|_| anyhow!("a judging thread ended early"))?;
            waiting.sent += 1;
        }
        Ok(())
    }
}
