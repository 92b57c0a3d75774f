//! Syslog over TCP (RFC 6587).
//!
//! Each connection reads, appends what was whole, and waits for durability before it reads on: TCP's own window is the
//! back-pressure, and memory per connection is one read and one message. The protocol has no acknowledgement: what a
//! sender wrote but we had not read when the process dies is the sender's to repeat.
//!
//! Syslog senders are quiet for long and lose what they write into a connection that was closed meanwhile, so a living
//! quiet peer is kept (`idle_seconds_max`, a day); a dead one is found by TCP's keep-alive within two minutes; and one
//! peer holds at most `peer_connections_max` connections, so that it never takes the others' places.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener as _;
use stream::{Record, RecordKind};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::limited::{Held, Limited};
use super::route::Router;
use super::{BATCH_RECORDS, DRAIN_MAX, DRAIN_QUIET, Shared, append, now};
use crate::framing::{Frame, Framer, Framing};
use crate::metrics;

/// A quiet peer is probed by the kernel, and cleared away when it does not answer four times: two minutes in all.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(15);
/// Bytes asked for in one read.
const READ_BYTES: usize = 128 << 10;

pub(super) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

pub(super) async fn serve(listener: TcpListener, framing: Framing, router: Arc<Router>, shared: Shared) {
    let limits = &shared.limits;
    let mut listener = Limited::new(listener, limits.connections_max, limits.peer_connections_max, router.kind.name());
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            accepted = listener.accept() => accepted,
            // Connections that wait to be accepted have sent something, maybe.
            () = drained(&shared.cancel) => return,
        };
        let keepalive = socket2::TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY).with_retries(4);
        if let Err(error) = socket2::SockRef::from(&stream.stream).set_tcp_keepalive(&keepalive) {
            tracing::debug!(%peer, %error, "set keep-alive");
        }
        let (router, inner) = (Arc::clone(&router), shared.clone());
        shared.tasks.spawn(async move { connection(stream, peer.ip(), framing, &router, &inner).await });
    }
}

async fn drained(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(DRAIN_QUIET).await;
}

async fn connection(mut stream: Held, peer: IpAddr, framing: Framing, router: &Router, shared: &Shared) {
    let mut framer = Framer::new(framing);
    let idle = Duration::from_secs(shared.limits.idle_seconds_max);
    loop {
        let read = tokio::select! {
            biased;
            read = read(&mut stream, &mut framer, idle) => read,
            () = shared.cancel.cancelled() => break,
        };
        let more = match read {
            Ok(bytes) => bytes > 0,
            Err(error) => {
                tracing::debug!(%peer, %error, "connection ended");
                false
            }
        };
        if !take(&mut framer, !more, peer, router, shared).await || !more {
            return;
        }
        // A connection that always has bytes ready must see the cancellation too.
        if shared.cancel.is_cancelled() {
            break;
        }
    }
    let deadline = tokio::time::Instant::now() + DRAIN_MAX;
    while tokio::time::Instant::now() < deadline {
        match read(&mut stream, &mut framer, DRAIN_QUIET).await {
            Ok(bytes) if bytes > 0 => {
                if !take(&mut framer, false, peer, router, shared).await {
                    return;
                }
            }
            _ => break,
        }
    }
    take(&mut framer, true, peer, router, shared).await;
}

async fn read(stream: &mut Held, framer: &mut Framer, quiet_max: Duration) -> std::io::Result<usize> {
    let buffer = framer.buffer();
    buffer.reserve(READ_BYTES);
    tokio::time::timeout(quiet_max, stream.stream.read_buf(buffer)).await?
}

/// Appends the whole messages; with `last`, what is left too. Whether the connection may go on.
async fn take(framer: &mut Framer, last: bool, peer: IpAddr, router: &Router, shared: &Shared) -> bool {
    let received = now();
    let fixed = router.of_peer(peer);
    loop {
        let mut records = Vec::new();
        while records.len() < BATCH_RECORDS {
            let next = framer.next_frame();
            let Some(frame) = next.or_else(|| last.then(|| framer.finish()).flatten()) else { break };
            if let Some(raw) = count(frame, router.kind.name()) {
                let (tenant, source) = fixed.unwrap_or_else(|| router.of_message(&raw)).clone();
                records.push(Record { kind: RecordKind::Data, tenant, source, peer: Some(peer), received, raw });
            }
        }
        let count = records.len();
        if count == 0 {
            return true;
        }
        if let Err(error) = append(&*shared.sink, router.kind, records).await {
            metrics::LOST_RECORDS.with_label_values(&[router.kind.name()]).inc_by(count as u64);
            tracing::error!(%peer, %error, count, "records not durable; the connection is closed so that the sender repeats");
            return false;
        }
    }
}

/// Counts what was cut; nothing when the message is empty.
pub(super) fn count(frame: Frame, kind: &str) -> Option<bytes::Bytes> {
    if frame.cut_bytes > 0 {
        metrics::CUT_RECORDS.with_label_values(&[kind]).inc();
        metrics::CUT_BYTES.with_label_values(&[kind]).inc_by(frame.cut_bytes);
    }
    if frame.raw.is_empty() {
        metrics::EMPTY.with_label_values(&[kind]).inc();
        return None;
    }
    Some(frame.raw)
}
