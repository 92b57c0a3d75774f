//! `sekisho run --role collect`: listeners and the way to the centre, and nothing that parses or judges.
//!
//! The stream is the spool. Stop: listeners first, so that what was received is in the spool; then the connection. What
//! the centre has not acknowledged stays and goes out after the next start.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use ingest::Sources;
use ingest::forward::{self, Figures, SpoolSink};
use ingest::senders::Senders;
use stream::log::{Log, StreamKind};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::{Configured, Role};
use crate::commands::DONE;
use crate::config::Config;

/// How long listeners may take to end.
const STOP_MAX: Duration = Duration::from_secs(10);
/// How often figures and unknown senders are written.
const BOOK_EVERY: Duration = Duration::from_millis(500);
/// How often what is too old is given up.
const RETAIN_EVERY: Duration = Duration::from_secs(60);

/// Whether the arguments ask for a collector that pushes, and not for one that has the centre's Kafka.
pub fn is_wanted(args: &Configured, config: &Config) -> bool {
    args.role == [Role::Collect] && (config.forward.is_some() || config.stream.kind == StreamKind::Embedded)
}

/// Collects and pushes until told to stop.
pub fn run(config: Config) -> Result<u8> {
    let collector = config.forward.as_ref();
    let forward = collector.context("--role collect needs [forward] in the configuration: where to push to")?.clone();
    let sources = Arc::new(Sources::load(&config.sources)?);
    forward.validate()?;
    config.listen.validate(&sources)?;
    let speaks = |listener: &ingest::Listener| listener.kind == ingest::ListenerKind::Collector;
    ensure!(!config.listen.listener.iter().any(speaks), "a collector takes no collectors; point them at the centre");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(collect(&config, &forward, sources))
}

async fn collect(config: &Config, forward: &forward::ForwardConfig, sources: Arc<Sources>) -> Result<u8> {
    let (mut terminate, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    std::fs::create_dir_all(&config.data).with_context(|| format!("create {}", config.data.display()))?;
    let stream = forward::spool::log_config(forward, &config.stream)?;
    let log = Log::open(stream).context("open the spool")?;
    let registry = prometheus::Registry::new();
    let (listeners, services) = (CancellationToken::new(), CancellationToken::new());
    let (collectors, tasks) = (TaskTracker::new(), TaskTracker::new());
    let room = Arc::new(Notify::new());
    let figures = forward::start(forward, &sources, &log, &config.data, Arc::clone(&room), services.clone(), &tasks)?;
    let senders = Arc::new(Senders::load(&config.senders())?);
    let sink = SpoolSink::new(log.clone(), forward, Arc::clone(&senders), room, listeners.clone());
    let sink: Arc<dyn ingest::Sink> = Arc::new(sink);
    let listening = ingest::listen(
        config.listen.clone(),
        sources,
        Arc::clone(&sink),
        None,
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
    ingest::kafka::follow(&config.listen.kafka, &sink, &listeners, &collectors).context("read topics")?;
    ingest::journal::follow(&config.listen.journal, &state, &log, sink, listeners.clone(), &collectors)
        .context("follow journals")?;
    for bound in &listening.bound {
        tracing::info!(listener = %bound, "listening");
    }
    tracing::info!("collecting");
    let mut book = tokio::time::interval(BOOK_EVERY);
    book.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut retain = tokio::time::interval(RETAIN_EVERY);
    let failure = loop {
        tokio::select! {
            _ = terminate.recv() => break None,
            _ = tokio::signal::ctrl_c() => break None,
            _ = hangup.recv() => renew(config, &listening),
            _ = retain.tick() => give_up(&log).await,
            _ = book.tick() => {
                write_book(config, &figures, &senders, &log);
                if let Some((_, _, cause)) = log.stopped().into_iter().next() {
                    break Some(anyhow!("the spool stopped: {cause}"));
                }
            }
        }
    };
    tracing::info!("stopping: what was received is in the spool first");
    listeners.cancel();
    collectors.close();
    if tokio::time::timeout(STOP_MAX, collectors.wait()).await.is_err() {
        tracing::warn!("a listener did not end in time; what it had not made durable was not acknowledged");
    }
    services.cancel();
    tasks.close();
    tokio::time::timeout(STOP_MAX, tasks.wait()).await.ok();
    write_book(config, &figures, &senders, &log);
    log.close();
    failure.map_or(Ok(DONE), Err)
}

/// Goes by the sources and certificates as their files are now.
fn renew(config: &Config, listening: &ingest::Listeners) {
    let renewed = Sources::load(&config.sources).and_then(|sources| listening.renew(&Arc::new(sources)));
    match renewed {
        Ok(()) => tracing::info!("sources and certificates are in use as they are now"),
        Err(error) => tracing::error!(%error, "reload refused; what was in use stays in use"),
    }
}

/// Removes what has waited for longer than it may; the centre is told when it asks for it.
async fn give_up(log: &Log) {
    let log = log.clone();
    let retained = tokio::task::spawn_blocking(move || log.retain(jiff::Timestamp::now().into())).await;
    match retained {
        Ok(Ok(retained)) if !retained.removed.is_empty() => {
            tracing::warn!(removed = ?retained.removed, "records older than [forward] age_max were removed");
        }
        Ok(Err(error)) => tracing::error!(%error, "old records cannot be removed"),
        _ => {}
    }
}

fn write_book(config: &Config, figures: &Mutex<Figures>, senders: &Senders, log: &Log) {
    if let Err(error) = forward::link::write_figures(figures, log, &config.forwarding()) {
        tracing::warn!(%error, "the figures are not up to date");
    }
    if let Err(error) = senders.write(&config.senders()) {
        tracing::warn!(%error, "the list of unknown senders is not up to date");
    }
}
