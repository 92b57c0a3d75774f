//! Listeners: bytes from the network become durable records.
//!
//! All listeners append through a [`Sink`] and read on only when it has answered, so a slow disk slows the senders
//! instead of filling memory. What is lost nevertheless is counted: datagrams the kernel had no room for, and records
//! whose append failed. On cancellation each listener takes what has arrived, makes it durable, and ends.

mod http;
mod limited;
mod route;
mod server;
mod tcp;
mod udp;

pub use server::{HttpLimits, serve_http};

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use stream::{Record, Timestamp};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Limits, ListenConfig, Listener, ListenerKind};
use crate::sink::Sink;
use crate::sources::Sources;
use crate::{Error, Result, metrics};
use route::Router;

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
    /// Datagrams that the kernel dropped here since the process started because the receive buffer was full. Whose they
    /// were is known where the listener is one source's.
    pub fn kernel_drops(&self) -> u64 {
        match self.kind {
            ListenerKind::SyslogUdp => metrics::KERNEL_DROPS.with_label_values(&[&self.address.to_string()]).get(),
            ListenerKind::SyslogTcp | ListenerKind::Http => 0,
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

/// What every listener shares.
#[derive(Clone)]
struct Shared {
    sink: Arc<dyn Sink>,
    limits: Arc<Limits>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// Binds every listener, then starts them on `tasks`; they end, drained, after `cancel`.
///
/// # Errors
/// The configuration is wrong, an address cannot be bound (then none of the listeners is started), or the metrics are
/// registered already.
pub async fn listen(
    config: ListenConfig,
    sources: Arc<Sources>,
    sink: Arc<dyn Sink>,
    registry: &prometheus::Registry,
    cancel: CancellationToken,
    tasks: &TaskTracker,
) -> Result<Vec<Bound>> {
    config.validate(&sources)?;
    metrics::register(registry)?;
    let shared = Shared { sink, limits: Arc::new(config.limits), cancel, tasks: tasks.clone() };
    let mut bound = Vec::new();
    let mut sockets = Vec::new();
    for listener in &config.listener {
        let (socket, address) = Socket::bind(listener, &shared.limits)?;
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        let (tenant, source) = (name(&listener.tenant), name(&listener.source));
        bound.push(Bound { kind: listener.kind, address, tenant, source });
        sockets.push(socket);
    }
    for ((listener, socket), bound) in config.listener.iter().zip(sockets).zip(&bound) {
        let router = Arc::new(Router::new(listener, Arc::clone(&sources)));
        let shared = shared.clone();
        match socket {
            Socket::Udp(socket) => udp::start(socket, bound.address, router, shared),
            Socket::Tcp(socket) => drop(tasks.spawn(tcp::serve(socket, listener.framing, router, shared))),
            Socket::Http(socket) => drop(tasks.spawn(http::serve(socket, router, shared))),
        }
    }
    Ok(bound)
}

enum Socket {
    Udp(tokio::net::UdpSocket),
    Tcp(tokio::net::TcpListener),
    Http(tokio::net::TcpListener),
}

impl Socket {
    fn bind(listener: &Listener, limits: &Limits) -> Result<(Socket, SocketAddr)> {
        let failed = |source| Error::Bind { address: listener.bind, kind: listener.kind.name(), source };
        let bind = || {
            Ok(match listener.kind {
                ListenerKind::SyslogUdp => {
                    let socket = udp::bind(listener.bind, limits.udp_buffer_bytes)?;
                    let address = socket.local_addr()?;
                    (Socket::Udp(socket), address)
                }
                ListenerKind::SyslogTcp => {
                    let socket = tcp::bind(listener.bind)?;
                    let address = socket.local_addr()?;
                    (Socket::Tcp(socket), address)
                }
                ListenerKind::Http => {
                    let socket = tcp::bind(listener.bind)?;
                    let address = socket.local_addr()?;
                    (Socket::Http(socket), address)
                }
            })
        };
        bind().map_err(failed)
    }
}

fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

/// Appends records and counts them once they are durable.
async fn append(sink: &dyn Sink, kind: ListenerKind, records: Vec<Record>) -> Result<()> {
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
    for record in records {
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
mod tests;
