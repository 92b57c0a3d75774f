//! Listeners: bytes from the network become durable records.
//!
//! All listeners append through a [`Sink`] and read on only when it has answered, so a slow disk slows the senders
//! instead of filling memory. What is lost nevertheless is counted: datagrams the kernel had no room for, and records
//! whose append failed. On cancellation each listener takes what has arrived, makes it durable, and ends.

mod beats;
mod collector;
mod http;
mod limited;
mod netflow;
mod relp;
mod route;
mod server;
mod snmp;
mod tcp;
mod tls;
mod udp;

pub use server::{HttpLimits, serve_http};
pub use tls::TlsConfig;
pub(crate) use tls::connector;

/// What fuzz targets hold the readers of each protocol to; each panics where a promise is broken.
pub mod checks {
    use bytes::Bytes;

    /// Reads a body of Elasticsearch's `_bulk`: every item is answered. Gives items and documents.
    ///
    /// # Errors
    /// The request would be refused as a whole.
    pub fn bulk(body: Bytes) -> Result<(usize, usize), String> {
        super::http::check_bulk(&body)
    }

    /// Reads a body of Splunk's event collector: its events lie in it one after another. Gives how many.
    pub fn hec(body: Bytes) -> usize {
        super::http::check_hec(&body)
    }

    /// Reads a message of OTLP, JSON or protobuf: its log records are JSON. Gives how many.
    ///
    /// # Errors
    /// The request would be refused.
    pub fn otlp(body: Bytes, json: bool) -> Result<usize, String> {
        super::http::check_otlp(&body, json)
    }

    /// Reads frames of collectors, whole and cut in two: the same frames; what decodes packs to the same again. Gives how
    /// many records.
    pub fn collector(bytes: &[u8], cut: usize) -> usize {
        super::collector::check(bytes, cut)
    }

    /// Decodes datagrams of flows as they would come from one exporter: none is lost, and every line is JSON. Gives how
    /// many lines.
    pub fn netflow(datagrams: &[Vec<u8>]) -> usize {
        super::netflow::check(datagrams)
    }

    /// Reads a datagram of SNMP: its line is JSON. Gives whether it wants an answer.
    pub fn snmp_trap(datagram: &[u8]) -> bool {
        super::snmp::check(datagram)
    }

    /// Reads frames of lumberjack 2, whole and cut in two: the same frames. Gives how many, none where they are wrong.
    pub fn beats(bytes: &[u8], cut: usize) -> Option<usize> {
        super::beats::check(bytes, cut)
    }
}

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use stream::{Record, RecordKind, Timestamp};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::collect::Collectors;
use crate::config::{Limits, ListenConfig, Listener, ListenerKind};
use crate::sink::Sink;
use crate::sources::Sources;
use crate::{Error, Result, metrics};
use route::Routes;
use tcp::Speech;
use tls::Acceptor;

/// The most records one append holds.
const BATCH_RECORDS: usize = 1_000;

/// After cancellation senders may still give what they have sent, for at most this long.
const DRAIN_MAX: Duration = Duration::from_secs(2);
/// A socket that gives nothing for this long is drained.
const DRAIN_QUIET: Duration = Duration::from_millis(50);

/// A listener that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What is spoken there.
    pub kind: ListenerKind,
    /// Where, with the port that was taken.
    pub address: SocketAddr,
    /// The tenant it belongs to; empty where several share it.
    pub tenant: String,
    /// The source it belongs to; empty where several share it.
    pub source: String,
}

impl Bound {
    /// Datagrams that the kernel dropped here since the process started because the receive buffer was full, and those of
    /// the listener's own source that were shed. Whose the kernel's were is known where the listener is one source's.
    pub fn kernel_drops(&self) -> u64 {
        match self.kind {
            ListenerKind::SyslogUdp | ListenerKind::Netflow | ListenerKind::SnmpTrap => {
                let address = &*self.address.to_string();
                metrics::KERNEL_DROPS.with_label_values(&[address]).get()
                    + metrics::SHED.with_label_values(&[address, &self.tenant, &self.source]).get()
            }
            _ => 0,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.kind, self.address)?;
        match (self.tenant.as_str(), self.source.as_str()) {
            ("", _) => Ok(()),
            (tenant, "") => write!(f, " for {tenant}"),
            (tenant, source) => write!(f, " for {tenant}/{source}"),
        }
    }
}

/// The listeners of a process, for as long as they run.
pub struct Listeners {
    /// Where they listen.
    pub bound: Vec<Bound>,
    routes: Vec<Arc<Routes>>,
    acceptors: Vec<Arc<Acceptor>>,
    /// What is declared now.
    current: Arc<ArcSwap<Sources>>,
}

impl Listeners {
    /// Goes by these sources from here on, and by the certificates as their files are now. Connections that are open
    /// keep the certificate they were made with.
    ///
    /// # Errors
    /// A certificate's file is wrong: then nothing changes.
    pub fn renew(&self, sources: &Arc<Sources>) -> Result<()> {
        let read = self.acceptors.iter().map(|acceptor| acceptor.read()).collect::<Result<Vec<_>>>()?;
        for (acceptor, config) in self.acceptors.iter().zip(read) {
            acceptor.renew(config);
        }
        self.current.store(Arc::clone(sources));
        for routes in &self.routes {
            routes.renew(Arc::clone(sources));
        }
        Ok(())
    }
}

/// What every listener shares.
#[derive(Clone)]
struct Shared {
    sink: Arc<dyn Sink>,
    collectors: Option<Arc<Collectors>>,
    limits: Arc<Limits>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// How often collectors that fell silent are looked for.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// Binds every listener, then starts them on `tasks`; they end, drained, after `cancel`. Listeners
/// for collectors need to know how far those have come.
///
/// # Errors
/// The configuration or a certificate is wrong, an address cannot be bound (then none of the listeners is started), or
/// the metrics are registered already.
pub async fn listen(
    config: ListenConfig,
    sources: Arc<Sources>,
    sink: Arc<dyn Sink>,
    collectors: Option<Arc<Collectors>>,
    registry: &prometheus::Registry,
    cancel: CancellationToken,
    tasks: &TaskTracker,
) -> Result<Listeners> {
    config.validate(&sources)?;
    metrics::register(registry)?;
    let shared = Shared { sink, collectors, limits: Arc::new(config.limits), cancel, tasks: tasks.clone() };
    let (mut bound, mut sockets) = (Vec::new(), Vec::new());
    let (mut routes, mut acceptors) = (Vec::new(), Vec::new());
    for listener in &config.listener {
        let tls = listener
            .tls
            .as_ref()
            .map(|files| {
                // Without a certificate a collector may enrol, and nothing else.
                let required = files.client_required && listener.kind != ListenerKind::Collector;
                let files = TlsConfig { client_required: required, ..files.clone() };
                Acceptor::load(&files, protocols(listener.kind)).map(Arc::new)
            })
            .transpose()?;
        acceptors.extend(tls.clone());
        let (socket, address) = Socket::bind(listener, &shared.limits)?;
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        let (tenant, source) = (name(&listener.tenant), name(&listener.source));
        bound.push(Bound { kind: listener.kind, address, tenant, source });
        routes.push(Arc::new(Routes::new(listener, Arc::clone(&sources))));
        sockets.push((socket, tls));
    }
    for (((listener, (socket, tls)), bound), routes) in config.listener.iter().zip(sockets).zip(&bound).zip(&routes) {
        let (routes, shared) = (Arc::clone(routes), shared.clone());
        let speech = match listener.kind {
            ListenerKind::Relp => Speech::Relp,
            ListenerKind::Beats => Speech::Beats,
            ListenerKind::Collector => Speech::Collector,
            _ => Speech::Syslog(listener.framing),
        };
        match socket {
            Socket::Udp(sockets) => udp::start(sockets, bound.address, &routes, &shared),
            Socket::Snmp(socket) => drop(tasks.spawn(snmp::serve(socket, bound.address, routes, shared))),
            Socket::Tcp(socket) => drop(tasks.spawn(tcp::serve(socket, speech, tls, routes, shared))),
            Socket::Http(socket) => drop(tasks.spawn(http::serve(socket, tls, routes, shared))),
        }
    }
    let current = Arc::new(ArcSwap::new(sources));
    if let Some(collectors) = &shared.collectors {
        tasks.spawn(watch(Arc::clone(&current), Arc::clone(collectors), shared.clone()));
        for folder in config.folder {
            let (collectors, sink) = (Arc::clone(collectors), Arc::clone(&shared.sink));
            let cancel = shared.cancel.clone();
            tasks.spawn(crate::collect::folder::follow(folder, Arc::clone(&current), collectors, sink, cancel));
        }
    }
    Ok(Listeners { bound, routes, acceptors, current })
}

/// Tells of collectors that fell silent.
async fn watch(sources: Arc<ArcSwap<Sources>>, collectors: Arc<Collectors>, shared: Shared) {
    loop {
        tokio::select! {
            () = shared.cancel.cancelled() => return,
            () = tokio::time::sleep(WATCH_EVERY) => {}
        }
        collectors.watch(sources.load_full().collectors(), &*shared.sink, now()).await;
    }
}

enum Socket {
    Udp(Vec<std::net::UdpSocket>),
    Snmp(std::net::UdpSocket),
    Tcp(tokio::net::TcpListener),
    Http(tokio::net::TcpListener),
}

impl Socket {
    fn bind(listener: &Listener, limits: &Limits) -> Result<(Socket, SocketAddr)> {
        let failed = |source| Error::Bind { address: listener.bind, kind: listener.kind.name(), source };
        let bind = || {
            Ok(match listener.kind {
                ListenerKind::SyslogUdp | ListenerKind::Netflow => {
                    let sockets = udp::bind(listener.bind, listener.sockets, limits.udp_buffer_bytes)?;
                    let address = sockets.first().map_or(Ok(listener.bind), std::net::UdpSocket::local_addr)?;
                    (Socket::Udp(sockets), address)
                }
                ListenerKind::SnmpTrap => {
                    let mut sockets = udp::bind(listener.bind, 1, limits.udp_buffer_bytes)?;
                    let socket = sockets.pop().ok_or(std::io::ErrorKind::NotConnected)?;
                    let address = socket.local_addr()?;
                    (Socket::Snmp(socket), address)
                }
                ListenerKind::SyslogTcp
                | ListenerKind::SyslogTls
                | ListenerKind::Relp
                | ListenerKind::Beats
                | ListenerKind::Collector => {
                    let socket = tcp::bind(listener.bind)?;
                    let address = socket.local_addr()?;
                    (Socket::Tcp(socket), address)
                }
                ListenerKind::Http | ListenerKind::Elasticsearch | ListenerKind::SplunkHec | ListenerKind::Otlp => {
                    let socket = tcp::bind(listener.bind)?;
                    let address = socket.local_addr()?;
                    (Socket::Http(socket), address)
                }
            })
        };
        bind().map_err(failed)
    }
}

/// What is spoken inside TLS, by the names of ALPN; clients with HTTP/2 insist on being told.
fn protocols(kind: ListenerKind) -> &'static [&'static [u8]] {
    match kind {
        ListenerKind::Otlp => &[b"h2", b"http/1.1"],
        ListenerKind::Http | ListenerKind::Elasticsearch | ListenerKind::SplunkHec => &[b"http/1.1"],
        _ => &[],
    }
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

/// Appends records and counts them once they are durable.
pub(crate) async fn append(sink: &dyn Sink, kind: ListenerKind, records: Vec<Record>) -> Result<()> {
    let sizes = tally(&records);
    sink.append(records).await?;
    for (tenant, source, count, bytes) in sizes {
        let labels = [kind.name(), &*tenant, &*source];
        metrics::RECEIVED_RECORDS.with_label_values(&labels).inc_by(count);
        metrics::RECEIVED_BYTES.with_label_values(&labels).inc_by(bytes);
    }
    Ok(())
}

/// Tenant, source, records and bytes of each source in a batch; most batches have one.
fn tally(records: &[Record]) -> Vec<(Arc<str>, Arc<str>, u64, u64)> {
    let mut sizes: Vec<(Arc<str>, Arc<str>, u64, u64)> = Vec::new();
    for record in records.iter().filter(|record| record.kind == RecordKind::Data) {
        let bytes = record.raw.len() as u64;
        match sizes.iter_mut().rev().find(|(tenant, source, ..)| *tenant == record.tenant && *source == record.source) {
            Some((.., count, total)) => {
                *count += 1;
                *total += bytes;
            }
            None => sizes.push((record.tenant.clone(), record.source.clone(), 1, bytes)),
        }
    }
    sizes
}

#[cfg(test)]
pub(crate) mod tests;
