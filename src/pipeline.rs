//! Starts and stops the parts of one process, in the order of the line's way.
//!
//! Stop: listeners first, then the clock, then workers (which finish what was received and commit), then delivery and
//! pages. A worker that fails takes the process down: running blind would be worse.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use ingest::collect::Collectors;
use ingest::senders::Senders;
use store::{Database, Store};
use stream::log::Log;
use stream::{NANOS_PER_SECOND, Record, RecordKind, Timestamp, Topic};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounting::Accounting;
use crate::config::Config;
use crate::correlate::Correlator;
use crate::frontiers::Frontiers;
use crate::matching::Matching;
use crate::reload::Reloader;
use crate::revision::{self, Loaded, Revisions};
use crate::sink::LogSink;
use crate::views;
use crate::worker::{Parts, UNREADABLE_CONTROLS, Worker};

/// How often the clock goes into the stream.
const TICK_EVERY: Duration = Duration::from_secs(10);
/// How long listeners and services may take to end.
const STOP_MAX: Duration = Duration::from_secs(10);
/// How often retention is applied.
const RETAIN_EVERY: Duration = Duration::from_secs(600);
/// How far the wall clock may get ahead of the time that passed, for retention: a day, in nanoseconds.
const CLOCK_AHEAD_MAX: i64 = 86_400 * NANOS_PER_SECOND;
/// How often the whole index is examined, and how fast.
const EXAMINE_EVERY: Duration = Duration::from_secs(7 * 86_400);
const EXAMINED_BYTES_PER_SECOND: f64 = 64e6;
/// How often it is written down how far collectors have come.
const COLLECTORS_EVERY: Duration = Duration::from_secs(2);
/// How often the accounting file is written.
const BOOK_EVERY: Duration = Duration::from_millis(500);

/// A running pipeline.
pub struct Pipeline {
    /// The stream.
    pub log: Log,
    /// The index.
    pub store: Store,
    /// Alerts, accounts, progress.
    pub database: Database,
    /// Live figures.
    pub accounting: Arc<Accounting>,
    /// Where the listeners listen.
    pub bound: Vec<ingest::Bound>,
    /// Where the pages are.
    pub pages: Option<std::net::SocketAddr>,
    /// Takes over changed rules and ledgers.
    pub reloader: Arc<Reloader>,
    listeners: CancellationToken,
    services: CancellationToken,
    tasks: TaskTracker,
    collectors: TaskTracker,
    workers: Vec<JoinHandle<()>>,
    /// Stage 2, where there are several partitions; it ends after the workers.
    correlators: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    correlate: Arc<AtomicBool>,
    failures: mpsc::Receiver<anyhow::Error>,
}

impl Pipeline {
    /// Opens the data folder, restores every position, and starts everything. `serve` tells whether pages are served.
    ///
    /// # Errors
    /// The data folder is in use or damaged, a port is taken, or the configuration is wrong.
    pub async fn start(config: Config, loaded: Loaded, serve: bool) -> Result<Pipeline> {
        std::fs::create_dir_all(&config.data).with_context(|| format!("create {}", config.data.display()))?;
        let log = Log::open(config.stream.clone()).context("open the stream")?;
        let store = Store::open(config.store.clone()).context("open the index")?;
        let database = Database::open(config.database()).context("open the database")?;
        database.set_channels(config.oncall.channel_names());
        let revisions = Arc::new(Revisions::open(&config));
        let loaded = Arc::new(loaded);
        revisions.keep(&config, Arc::clone(&loaded)).context("keep the revision of rules and ledgers")?;
        let accounting = Arc::new(Accounting::open(&database, &log)?);
        accounting.retired(store.retired());
        // Before anything can be sent: what a crash left in the file is out of date.
        accounting.book(&log, now()).write(&config.accounting())?;
        let registry = prometheus::Registry::new();
        stream::metrics::register(&registry)?;
        store::metrics::register(&registry)?;
        oncall::metrics::register(&registry)?;
        registry.register(Box::new(UNREADABLE_CONTROLS.clone()))?;
        let (failed, failures) = mpsc::channel(8);
        let stop = Arc::new(AtomicBool::new(false));
        let (listeners, services) = (CancellationToken::new(), CancellationToken::new());
        let (tasks, collectors) = (TaskTracker::new(), TaskTracker::new());

        let mut metrics = Some(detect::Metrics::new(&registry)?);
        let mut parts = || Parts {
            log: log.clone(),
            loaded: Arc::clone(&loaded),
            revisions: Arc::clone(&revisions),
            indexer: store.indexer(),
            database: database.clone(),
            accounting: Arc::clone(&accounting),
            metrics: metrics.take(),
            clock: now,
        };
        let correlate = Arc::new(AtomicBool::new(false));
        let (mut workers, mut correlators) = (Vec::new(), Vec::new());
        let partitions = log.partitions(Topic::Raw);
        if partitions == 1 {
            let worker = Worker::open(parts(), 0)?;
            let stop = Arc::clone(&stop);
            workers.push(spawn("worker-0".to_owned(), failed.clone(), move || worker.run(&stop))?);
        } else {
            // What needs order is done by one thread, what does not by one for each partition.
            let mut correlator = Correlator::open(parts(), 0)?;
            correlator.settle()?;
            let last = Arc::clone(&correlate);
            correlators.push(spawn("correlate-0".to_owned(), failed.clone(), move || correlator.run(&last))?);
            let ends = log.clone();
            let end = move |partition| ends.end_offset(Topic::Raw, partition);
            let frontiers = Arc::new(Frontiers::new(partitions, end));
            for partition in 0..partitions {
                let worker = Matching::open(parts(), partition, Arc::clone(&frontiers))?;
                let stop = Arc::clone(&stop);
                let name = format!("worker-{partition}");
                workers.push(spawn(name, failed.clone(), move || worker.run(&stop))?);
            }
        }
        // From here on this revision judges; what is older is judged by the one that was announced before it.
        revision::announce(&log, &loaded.revision, now()).context("announce rules and ledgers to the stream")?;
        tasks.spawn(tick(log.clone(), listeners.clone()));
        let senders = Arc::new(Senders::load(&config.senders())?);
        let book = Book { accounting: Arc::clone(&accounting), log: log.clone(), senders: Arc::clone(&senders) };
        tasks.spawn(keep_book(book, config.accounting(), config.senders(), services.clone(), failed));
        tasks.spawn(retain(log.clone(), store.clone(), Arc::clone(&accounting), services.clone()));
        tasks.spawn(examine(store.clone(), services.clone()));
        let deliverer = oncall::Deliverer::new(config.oncall.clone(), database.clone()).context("start delivery")?;
        tasks.spawn(deliverer.run(services.clone()));

        let takes = config.listen.takes_collectors();
        let known = takes.then(|| open_collectors(&config, &log)).transpose()?;
        tasks.spawn(keep_collectors(known.clone(), log.clone(), services.clone()));
        let sink: Arc<dyn ingest::Sink> = Arc::new(LogSink::new(log.clone(), Arc::clone(&accounting), senders));
        let listening = ingest::listen(
            config.listen.clone(),
            Arc::clone(&loaded.sources),
            Arc::clone(&sink),
            known,
            &registry,
            listeners.clone(),
            &collectors,
        )
        .await
        .context("start the listeners")?;
        let state = config.data.join("tail.json");
        ingest::tail::follow(&config.listen.file, &state, &log, Arc::clone(&sink), listeners.clone(), &collectors)
            .context("follow files")?;
        let state = config.data.join("journal.json");
        ingest::journal::follow(&config.listen.journal, &state, &log, sink, listeners.clone(), &collectors)
            .context("follow journals")?;
        let bound = listening.bound.clone();
        let reloader = Reloader::new(log.clone(), revisions, &config, Arc::clone(&loaded), listening);
        let reloader = Arc::new(reloader);
        let pages = if serve {
            let live = views::LiveView::new(
                Arc::clone(&accounting),
                log.clone(),
                store.clone(),
                reloader.sources(),
                &config,
                bound.clone(),
            );
            let mut state = dashboards::AppState::new(
                config.dashboards.clone(),
                database.clone(),
                store.searcher(),
                Arc::new(live),
                registry,
            )?;
            reloader.show_on(&mut state);
            Some(serve_pages(state, config.dashboards.listen, &tasks, services.clone()).await?)
        } else {
            None
        };
        tasks.close();
        collectors.close();
        Ok(Pipeline {
            log,
            store,
            database,
            accounting,
            bound,
            pages,
            reloader,
            listeners,
            services,
            tasks,
            collectors,
            workers,
            correlators,
            stop,
            correlate,
            failures,
        })
    }

    /// Waits until a worker fails; never returns while all is well.
    pub async fn failed(&mut self) -> anyhow::Error {
        self.failures.recv().await.unwrap_or_else(|| anyhow!("every worker has ended"))
    }

    /// Stops in order: everything received is indexed, judged and committed before this returns.
    ///
    /// # Errors
    /// A worker failed while finishing; what it had not committed is done again at the next start.
    pub async fn stop(mut self) -> Result<()> {
        self.listeners.cancel();
        // A client that never finishes its request must not keep what was received from being committed.
        if tokio::time::timeout(STOP_MAX, self.collectors.wait()).await.is_err() {
            tracing::warn!("a listener did not end in time; what it had not made durable was not acknowledged");
        }
        self.stop.store(true, Ordering::Release);
        let (workers, correlators) = (std::mem::take(&mut self.workers), std::mem::take(&mut self.correlators));
        let correlate = Arc::clone(&self.correlate);
        tokio::task::spawn_blocking(move || {
            join(workers);
            // All that there is to judge has been told.
            correlate.store(true, Ordering::Release);
            join(correlators);
        })
        .await?;
        self.services.cancel();
        if tokio::time::timeout(STOP_MAX, self.tasks.wait()).await.is_err() {
            tracing::warn!("a page or a delivery did not end in time");
        }
        let failure = self.failures.try_recv().ok();
        self.log.close();
        failure.map_or(Ok(()), Err)
    }
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

fn join(threads: Vec<JoinHandle<()>>) {
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

/// Puts the clock into the stream, so that silence is judged the same way in a replay.
async fn tick(log: Log, stop: CancellationToken) {
    let mut every = tokio::time::interval(TICK_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        for partition in 0..log.partitions(Topic::Raw) {
            let record = Record {
                kind: RecordKind::Tick,
                tenant: "".into(),
                source: "tick".into(),
                peer: None,
                received: now(),
                raw: Default::default(),
            };
            let log = log.clone();
            let appended = tokio::task::spawn_blocking(move || log.append(Topic::Raw, partition, vec![record])).await;
            if let Ok(Err(error)) = appended {
                tracing::error!(partition, %error, "the clock could not be written");
            }
        }
    }
}

/// Writes the accounting file and the list of unknown senders, and takes the process down when the log has stopped: it would only look alive.
async fn keep_book(
    book: Book,
    figures: PathBuf,
    senders: PathBuf,
    stop: CancellationToken,
    failed: mpsc::Sender<anyhow::Error>,
) {
    let mut told = false;
    loop {
        let stopping = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(BOOK_EVERY) => false,
        };
        write_book(&book.accounting, &book.log, &figures);
        if let Err(error) = book.senders.write(&senders) {
            tracing::warn!(%error, "the list of unknown senders is not up to date");
        }
        if let Some((topic, partition, cause)) = book.log.stopped().into_iter().next().filter(|_| !told) {
            told = true;
            drop(failed.try_send(anyhow!("the stream stopped at {}/{partition}: {cause}", topic.name())));
        }
        if stopping {
            return;
        }
    }
}

/// What is written down for other commands to read.
struct Book {
    accounting: Arc<Accounting>,
    log: Log,
    senders: Arc<Senders>,
}

/// What is known of collectors, and who signs for new ones.
fn open_collectors(config: &Config, log: &Log) -> Result<Arc<Collectors>> {
    let mut collectors = Collectors::open(&config.collectors(), log)?;
    if let Some(signer) = crate::commands::collector::signer(config) {
        collectors.sign_with(signer);
    }
    Ok(Arc::new(collectors))
}

/// Writes down how far each collector has come: a short cut for the next start, never more.
async fn keep_collectors(collectors: Option<Arc<Collectors>>, log: Log, stop: CancellationToken) {
    let Some(collectors) = collectors else { return };
    loop {
        let stopping = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(COLLECTORS_EVERY) => false,
        };
        if let Err(error) = collectors.write(&log).await {
            tracing::warn!(%error, "how far collectors have come is not written down; a start reads it from the log");
        }
        if stopping {
            return;
        }
    }
}

/// Reads the whole index once a week, slowly, and looks whether it is as it was written.
async fn examine(store: Store, stop: CancellationToken) {
    let mut begun = tokio::time::Instant::now();
    loop {
        let examined = store.clone();
        let bytes = tokio::task::spawn_blocking(move || examined.examine_next()).await.ok().flatten();
        let pause = match bytes {
            Some(bytes) => Duration::from_secs_f64(bytes as f64 / EXAMINED_BYTES_PER_SECOND),
            None => Duration::from_secs(60),
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        if begun.elapsed() >= EXAMINE_EVERY {
            store.examine_anew();
            begun = tokio::time::Instant::now();
        }
    }
}

/// The time by which records may be removed: the wall clock's, but not what it jumped ahead since the start. A clock that is set
/// to a wrong year must not empty the archive.
fn removable(begun: Timestamp, passed: Duration, wall: Timestamp) -> Timestamp {
    let passed = i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX);
    wall.min(begun.plus_nanos(passed.saturating_add(CLOCK_AHEAD_MAX)))
}

/// Removes what is older than its retention; failures are told and tried again.
async fn retain(log: Log, store: Store, accounting: Arc<Accounting>, stop: CancellationToken) {
    let begun = (now(), std::time::Instant::now());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETAIN_EVERY) => {}
        }
        let (log, store, accounting) = (log.clone(), store.clone(), Arc::clone(&accounting));
        let until = removable(begun.0, begun.1.elapsed(), now());
        let applied = tokio::task::spawn_blocking(move || -> Result<()> {
            let (log, removed) = (log.retain(until)?, store.retain(until)?);
            accounting.retired(store.retired());
            if removed.splits > 0 {
                tracing::info!(
                    splits = removed.splits,
                    events = removed.events,
                    "events past their retention were removed"
                );
            }
            tracing::debug!(?log, "retention of the stream");
            Ok(())
        });
        if let Ok(Err(error)) = applied.await {
            tracing::error!(error = format!("{error:#}"), "retention could not be applied");
        }
    }
}

fn write_book(accounting: &Accounting, log: &Log, path: &Path) {
    if let Err(error) = accounting.book(log, now()).write(path) {
        tracing::warn!(error = format!("{error:#}"), "the accounting file is not up to date");
    }
}

async fn serve_pages(
    state: dashboards::AppState,
    listen: std::net::SocketAddr,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<std::net::SocketAddr> {
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("listen on {listen}; choose another address in [dashboards] listen"))?;
    let address = listener.local_addr()?;
    let limits = ingest::HttpLimits { connections_max: state.config.connections_max, ..ingest::HttpLimits::default() };
    tasks.spawn(ingest::serve_http(listener, dashboards::router(state), limits, "pages", stop));
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_ahead_removes_nothing() {
        let begun = Timestamp::from_seconds(1_800_000_000);
        let after = |seconds: i64| begun.plus_nanos(seconds * NANOS_PER_SECOND);
        let hour = Duration::from_secs(3_600);
        assert_eq!(removable(begun, hour, after(3_600)), after(3_600));
        assert_eq!(removable(begun, hour, after(-500)), after(-500));
        assert_eq!(removable(begun, hour, after(10 * 365 * 86_400)), after(3_600 + 86_400));
    }
}
