//! Listeners: from sockets to durable records.
//!
//! Every listener puts records into one bounded queue; one appender takes all that is queued, appends it to the stream,
//! and waits until it is durable. A full queue is back-pressure: TCP senders wait, HTTP senders are told so, and on UDP
//! the kernel's own buffer fills, whose drops are counted.
//! Bounds: [`QUEUE_BATCHES_MAX`] batches of at most [`BATCH_RECORDS_MAX`] records wait; [`CONNECTIONS_MAX`] connections.

mod drops;
mod http;
mod tcp;
mod udp;

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use stream::{Record, RecordKind, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{ListenConfig, Listener, ListenerKind};
use crate::metrics::Metrics;
use crate::sources::Sources;
use crate::{Error, Result};

/// The most batches that wait for the appender.
const QUEUE_BATCHES_MAX: usize = 256;
/// The most records of one batch.
const BATCH_RECORDS_MAX: usize = 1_000;
/// The most records appended at once.
const APPEND_RECORDS_MAX: usize = 50_000;
/// The most connections open at once, all TCP listeners together.
const CONNECTIONS_MAX: usize = 10_000;
/// Tenant of records whose sender no source declares and whose listener names no tenant.
pub const HOLDING_TENANT: &str = "unknown";
/// Source of records whose sender no source declares.
pub const HOLDING_SOURCE: &str = "unknown";

/// What a sink answers once records are durable.
pub type Appended<'a> = Pin<Box<dyn Future<Output = std::result::Result<(), String>> + Send + 'a>>;

/// Takes records and answers when they are durable.
pub trait Sink: Send + Sync + 'static {
    /// Appends records in order.
    fn append(&self, records: Vec<Record>) -> Appended<'_>;
}

/// A listener that listens.
#[derive(Clone, Debug)]
pub struct Bound {
    /// What it speaks.
    pub kind: ListenerKind,
    /// Where.
    pub address: SocketAddr,
    /// Its tenant, if it has one.
    pub tenant: String,
    /// Its source, if it has one.
    pub source: String,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.kind.as_str(), self.address)?;
        if self.source.is_empty() { Ok(()) } else { write!(f, " for {}/{}", self.tenant, self.source) }
    }
}

/// A batch on its way to the appender, with whom to tell when it is durable.
pub(crate) struct Queued {
    records: Vec<Record>,
    done: Option<oneshot::Sender<std::result::Result<(), String>>>,
}

/// What every listener works with.
#[derive(Clone)]
pub(crate) struct Context {
    listener: Arc<Listener>,
    sources: Arc<Sources>,
    queue: mpsc::Sender<Queued>,
    metrics: Metrics,
    stop: CancellationToken,
    connections: Arc<tokio::sync::Semaphore>,
    tasks: TaskTracker,
}

impl Context {
    /// Who a peer is.
    fn identity(&self, peer: IpAddr) -> (Arc<str>, Arc<str>) {
        let listener = &self.listener;
        match (&listener.tenant, &listener.source, self.sources.by_peer(peer.to_canonical())) {
            (Some(tenant), Some(source), _) => (tenant.as_str().into(), source.as_str().into()),
            (None, _, Some(known)) => (known.tenant.as_str().into(), known.id.as_str().into()),
            (Some(tenant), None, Some(known)) if *tenant == known.tenant => {
                (known.tenant.as_str().into(), known.id.as_str().into())
            }
            (tenant, _, _) => (tenant.as_deref().unwrap_or(HOLDING_TENANT).into(), HOLDING_SOURCE.into()),
        }
    }

    fn count(&self, records: &[Record]) {
        let kind = [self.listener.kind.as_str()];
        self.metrics.records.with_label_values(&kind).inc_by(records.len() as u64);
        let bytes = records.iter().map(|record| record.raw.len() as u64).sum();
        self.metrics.bytes.with_label_values(&kind).inc_by(bytes);
    }

    /// Queues records; waits while the queue is full. Gives whether the appender still takes any.
    async fn enqueue(&self, records: Vec<Record>) -> bool {
        self.count(&records);
        self.queue.send(Queued { records, done: None }).await.is_ok()
    }
}

fn record(who: &(Arc<str>, Arc<str>), peer: IpAddr, received: Timestamp, raw: bytes::Bytes) -> Record {
    let (tenant, source) = (Arc::clone(&who.0), Arc::clone(&who.1));
    Record { kind: RecordKind::Data, tenant, source, peer: Some(peer.to_canonical()), received, raw }
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

/// Starts every listener and the appender; all of them end when `stop` is cancelled, after what they had taken is durable.
///
/// # Errors
/// The configuration is wrong or a port is taken; then nothing listens.
pub async fn listen(
    config: ListenConfig,
    sources: Arc<Sources>,
    sink: Arc<dyn Sink>,
    registry: &prometheus::Registry,
    stop: CancellationToken,
    tasks: &TaskTracker,
) -> Result<Vec<Bound>> {
    config.validate(&sources)?;
    let metrics = Metrics::register(registry)?;
    let (queue, queued) = mpsc::channel(QUEUE_BATCHES_MAX);
    let connections = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    let mut bound = Vec::new();
    for listener in config.listener {
        let (kind, bind) = (listener.kind, listener.bind);
        let context = Context {
            listener: Arc::new(listener),
            sources: Arc::clone(&sources),
            queue: queue.clone(),
            metrics: metrics.clone(),
            stop: stop.clone(),
            connections: Arc::clone(&connections),
            tasks: tasks.clone(),
        };
        let failed = |source| Error::Bind { address: bind, kind: kind.as_str(), source };
        let address = match kind {
            ListenerKind::SyslogUdp => udp::start(context.clone()),
            ListenerKind::SyslogTcp => tcp::start(context.clone()).await,
            ListenerKind::Http => http::start(context.clone()).await,
        }
        .map_err(failed)?;
        let (tenant, source) = (context.listener.tenant.clone(), context.listener.source.clone());
        bound.push(Bound { kind, address, tenant: tenant.unwrap_or_default(), source: source.unwrap_or_default() });
    }
    drop(queue);
    tasks.spawn(append(queued, sink));
    Ok(bound)
}

/// Appends what is queued until every listener is gone and the queue is empty.
async fn append(mut queued: mpsc::Receiver<Queued>, sink: Arc<dyn Sink>) {
    let mut waiting = Vec::new();
    while queued.recv_many(&mut waiting, QUEUE_BATCHES_MAX).await > 0 {
        let (mut records, mut done) = (Vec::new(), Vec::new());
        for batch in waiting.drain(..) {
            if records.len() + batch.records.len() > APPEND_RECORDS_MAX {
                flush(&*sink, std::mem::take(&mut records), std::mem::take(&mut done)).await;
            }
            records.extend(batch.records);
            done.extend(batch.done);
        }
        flush(&*sink, records, done).await;
    }
}

async fn flush(
    sink: &dyn Sink,
    records: Vec<Record>,
    done: Vec<oneshot::Sender<std::result::Result<(), String>>>,
) {
    if records.is_empty() {
        return;
    }
    let count = records.len();
    let result = sink.append(records).await;
    if let Err(error) = &result {
        tracing::error!(count, %error, "records could not be made durable; senders without acknowledgement lose them");
    }
    for sender in done {
        // A client that hung up does not wait for the answer.
        drop(sender.send(result.clone()));
    }
}
