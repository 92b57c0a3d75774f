//! Starts and stops the parts of one process, in the order of the line's way.
//!
//! Stop: listeners first, then the clock, then workers (which finish what was received and commit), then delivery and
//! pages. A worker that fails takes the process down: running blind would be worse.

mod threads;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use ingest::collect::Collectors;
use ingest::senders::Senders;
use store::{Database, Store, StoreConfig, StoreKind};
use stream::log::Log;
use stream::{NANOS_PER_SECOND, Record, RecordKind, Timestamp, Topic};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounting::Accounting;
use crate::apart::Roles;
use crate::cli::Role;
use crate::config::Config;
use crate::reload::Reloader;
use crate::revision::{self, Loaded, Revisions};
use crate::sink::LogSink;
use crate::views;
use crate::worker::{Parts, UNREADABLE_CONTROLS};
use threads::{Threads, join};

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
    pub pages: Option<SocketAddr>,
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
    /// Opens the data folder, restores every position, and starts what the roles are. `pages` tells where they are
    /// served; a process that does not serve has `/metrics` and its like there.
    ///
    /// # Errors
    /// The data folder is in use or damaged, a port is taken, or the configuration is wrong.
    pub async fn start(config: Config, loaded: Loaded, roles: &Roles, pages: Option<SocketAddr>) -> Result<Pipeline> {
        let serves = roles.has(Role::Serve);
        std::fs::create_dir_all(&config.data).with_context(|| format!("create {}", config.data.display()))?;
        let log = Log::open(config.stream.clone()).context("open the stream")?;
        // Who does not serve has no index; an empty one of its own keeps the rest the same.
        let own = StoreConfig { dir: config.store.dir.clone(), ..StoreConfig::default() };
        let store = Store::open(if serves { config.store.clone() } else { own }).context("open the index")?;
        if serves {
            check_stream(&config, &log, &store)?;
        }
        let database = Database::open(config.database()).context("open the database")?;
        database.set_channels(config.oncall.channel_names());
        let revisions = Arc::new(Revisions::open(&config));
        let loaded = Arc::new(loaded);
        if serves {
            revisions.keep(&config, Arc::clone(&loaded)).context("keep the revision of rules and ledgers")?;
        } else {
            revisions.hold(Arc::clone(&loaded));
        }
        let accounting = if roles.are_apart() { Accounting::stored } else { Accounting::open };
        let accounting = Arc::new(accounting(&database, &log)?);
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

        let metrics = detect::Metrics::new(&registry)?;
        let parts = {
            let (log, loaded, revisions) = (log.clone(), Arc::clone(&loaded), Arc::clone(&revisions));
            let (store, database, accounting) = (store.clone(), database.clone(), Arc::clone(&accounting));
            move |metrics: Option<detect::Metrics>| Parts {
                log: log.clone(),
                loaded: Arc::clone(&loaded),
                revisions: Arc::clone(&revisions),
                indexer: store.indexer(),
                database: database.clone(),
                accounting: Arc::clone(&accounting),
                metrics,
                clock: now,
            }
        };
        let correlate = Arc::new(AtomicBool::new(false));
        let mut threads = Threads { workers: Vec::new(), correlators: Vec::new(), failed: failed.clone() };
        if roles.are_apart() {
            threads.start_apart(roles, &config, parts, metrics, &stop)?;
        } else {
            threads.start(parts, metrics, log.partitions(Topic::Raw), &stop, &correlate)?;
        }
        // The process that serves is one, whatever the roles.
        let archive = if serves {
            let begun = (now(), std::time::Instant::now());
            threads.archive(&config, &log, move || removable(begun.0, begun.1.elapsed(), now()), &stop)?
        } else {
            None
        };
        if archive.is_some() {
            store::metrics::register_archive(&registry)?;
        }
        let Threads { workers, correlators, .. } = threads;
        // Where roles are apart, one process is the clock, and says by what is judged.
        if serves {
            // From here on this revision judges; what is older is judged by the one that was announced before it.
            revision::announce(&log, &loaded.revision, now()).context("announce rules and ledgers to the stream")?;
            tasks.spawn(tick(log.clone(), listeners.clone()));
        }
        let senders = Arc::new(Senders::load(&config.senders())?);
        let book = Book { accounting: Arc::clone(&accounting), log: log.clone(), senders: Arc::clone(&senders) };
        tasks.spawn(keep_book(book, config.accounting(), config.senders(), services.clone(), failed));
        tasks.spawn(retain(log.clone(), store.clone(), Arc::clone(&accounting), services.clone()));
        tasks.spawn(examine(store.clone(), services.clone()));
        if serves {
            let deliverer =
                oncall::Deliverer::new(config.oncall.clone(), database.clone()).context("start delivery")?;
            tasks.spawn(deliverer.run(services.clone()));
        }

        let listen = if roles.has(Role::Collect) { config.listen.clone() } else { ingest::ListenConfig::default() };
        let takes = listen.takes_collectors();
        let known = takes.then(|| open_collectors(&config, &log)).transpose()?;
        tasks.spawn(keep_collectors(known.clone(), log.clone(), services.clone()));
        let sink: Arc<dyn ingest::Sink> = Arc::new(LogSink::new(log.clone(), Arc::clone(&accounting), senders));
        let listening = ingest::listen(
            listen.clone(),
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
        ingest::tail::follow(&listen.file, &state, &log, Arc::clone(&sink), listeners.clone(), &collectors)
            .context("follow files")?;
        let state = config.data.join("journal.json");
        ingest::kafka::follow(&listen.kafka, &sink, &listeners, &collectors).context("read topics")?;
        ingest::journal::follow(&listen.journal, &state, &log, sink, listeners.clone(), &collectors)
            .context("follow journals")?;
        let bound = listening.bound.clone();
        let reloader = Reloader::new(log.clone(), revisions, &config, Arc::clone(&loaded), listening, serves);
        let reloader = Arc::new(reloader);
        let pages = if let Some(listen) = pages {
            let live = views::LiveView::new(
                Arc::clone(&accounting),
                log.clone(),
                store.clone(),
                reloader.sources(),
                &config,
                bound.clone(),
                archive,
            );
            let mut state = dashboards::AppState::new(
                config.dashboards.clone(),
                database.clone(),
                store.searcher(),
                Arc::new(live),
                registry,
            )?;
            reloader.show_on(&mut state);
            let connections_max = state.config.connections_max;
            let router = if serves { dashboards::router(state) } else { dashboards::machine_router(state) };
            Some(serve_pages(router, connections_max, listen, &tasks, services.clone()).await?)
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

/// Refuses indices of an engine that are ahead of the stream: they are another data folder's, and what comes in here below
/// their positions would be taken for indexed.
fn check_stream(config: &Config, log: &Log, store: &Store) -> Result<()> {
    if config.store.kind == StoreKind::Local {
        return Ok(());
    }
    for partition in 0..log.partitions(Topic::Raw) {
        let (indexed, end) = (store.position(partition), log.end_offset(Topic::Raw, partition));
        anyhow::ensure!(
            indexed <= end,
            "the indices with prefix {:?} are ahead of the stream in {}: record {indexed} of partition {partition} is indexed, the stream ends at {end}; \
             they belong to another data folder: set another store.elasticsearch.index_prefix, or restore the stream that belongs to them",
            config.store.elasticsearch.index_prefix,
            config.data.display(),
        );
    }
    Ok(())
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
    router: axum::Router,
    connections_max: usize,
    listen: SocketAddr,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("listen on {listen}; choose another address in [dashboards] listen"))?;
    let address = listener.local_addr()?;
    let limits = ingest::HttpLimits { connections_max, ..ingest::HttpLimits::default() };
    tasks.spawn(ingest::serve_http(listener, router, limits, "pages", stop));
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
