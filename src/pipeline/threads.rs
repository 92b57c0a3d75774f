//! The threads that work the stream off: all of it in one process, or some roles of several.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use store::archive::{Archiver, GROUP, State};
use stream::log::Log;
use stream::{Timestamp, Topic};
use tokio::sync::mpsc;

use crate::apart::{self, Roles};
use crate::cli::Role;
use crate::config::Config;
use crate::correlate::{Correlator, Teller};
use crate::matching::Matching;
use crate::worker::{Parts, Worker};

/// The threads that work the stream off.
pub(super) struct Threads {
    pub(super) workers: Vec<JoinHandle<()>>,
    /// They end after the workers.
    pub(super) correlators: Vec<JoinHandle<()>>,
    pub(super) failed: mpsc::Sender<anyhow::Error>,
}

impl Threads {
    /// One process does everything.
    pub(super) fn start(
        &mut self,
        parts: impl Fn(Option<detect::Metrics>) -> Parts,
        metrics: detect::Metrics,
        partitions: u32,
        stop: &Arc<AtomicBool>,
        correlate: &Arc<AtomicBool>,
    ) -> Result<()> {
        if partitions == 1 {
            let (worker, stop) = (Worker::open(parts(Some(metrics)), 0)?, Arc::clone(stop));
            return self.worker("worker-0".to_owned(), move || worker.run(&stop));
        }
        // What needs order is done by one thread, what does not by one for each partition.
        let mut correlator = Correlator::open(parts(Some(metrics)), Teller::Database)?;
        correlator.settle()?;
        let last = Arc::clone(correlate);
        let thread = spawn("correlate".to_owned(), self.failed.clone(), move || correlator.run(&last))?;
        self.correlators.push(thread);
        for partition in 0..partitions {
            let (worker, stop) = (Matching::open(parts(None), partition)?, Arc::clone(stop));
            self.worker(format!("worker-{partition}"), move || worker.run(&stop))?;
        }
        Ok(())
    }

    /// This process takes some roles of several.
    pub(super) fn start_apart(
        &mut self,
        roles: &Roles,
        config: &Config,
        parts: impl Fn(Option<detect::Metrics>) -> Parts + Send + 'static,
        metrics: detect::Metrics,
        stop: &Arc<AtomicBool>,
    ) -> Result<()> {
        if roles.has(Role::Process) {
            let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
            for number in 0..config.workers.unwrap_or_else(cores) {
                let (Parts { log, revisions, loaded, .. }, stop) = (parts(None), Arc::clone(stop));
                self.worker(format!("process-{number}"), move || apart::process(&log, &revisions, &loaded, &stop))?;
            }
        }
        if roles.has(Role::Serve) {
            let (taker, stops) = (apart::AlertTaker::open(parts(None))?, Arc::clone(stop));
            self.worker("alerts".to_owned(), move || taker.run(&stops))?;
            let partitions = parts(None).log.partitions(Topic::Events);
            for partition in 0..partitions {
                let (worker, stop) = (apart::Unpacking::open(parts(None), partition)?, Arc::clone(stop));
                self.worker(format!("index-{partition}"), move || worker.run(&stop))?;
            }
        }
        if roles.has(Role::Correlate) {
            let stop = Arc::clone(stop);
            let work = move || apart::correlate(&|| parts(Some(metrics.clone())), &stop);
            self.worker("correlate".to_owned(), work)?;
        }
        Ok(())
    }

    /// Archives every raw partition, whatever happens to the archive: only a defect takes the process down.
    pub(super) fn archive(
        &mut self,
        config: &Config,
        log: &Log,
        removable: impl Fn() -> Timestamp + Clone + Send + 'static,
        stop: &Arc<AtomicBool>,
    ) -> Result<Option<Arc<State>>> {
        let Some(archive) = &config.archive else {
            // Retention must not wait for who archived once.
            log.forget_group(GROUP).context("forget the archive's position")?;
            return Ok(None);
        };
        let state = State::open(config.archived(), &archive.url).context("open the archive")?;
        for partition in 0..log.partitions(Topic::Raw) {
            let archiver =
                Archiver::new(log.clone(), partition, archive.clone(), Arc::clone(&state), removable.clone())
                    .context("open the archive")?;
            let stop = Arc::clone(stop);
            self.worker(format!("archive-{partition}"), move || {
                archiver.run(&stop);
                Ok(())
            })?;
        }
        Ok(Some(state))
    }

    fn worker(&mut self, name: String, work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
        self.workers.push(spawn(name, self.failed.clone(), work)?);
        Ok(())
    }
}

/// Waits for threads.
pub(super) fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a worker panicked");
        }
    }
}

fn spawn(
    name: String,
    failed: mpsc::Sender<anyhow::Error>,
    work: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<JoinHandle<()>> {
    let worker = name.clone();
    let work = move || {
        // A panic is a failure like any other: the process must not go on receiving what nobody judges.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        if let Err(error) = ended.unwrap_or_else(|_| Err(anyhow!("the worker panicked; this is a defect of sekisho"))) {
            tracing::error!(worker, error = format!("{error:#}"), "worker failed; the process stops");
            // Full only when eight workers failed before, and then the process is stopping already.
            drop(failed.try_send(error.context(worker)));
        }
    };
    std::thread::Builder::new().name(name).spawn(work).context("start a worker thread")
}
