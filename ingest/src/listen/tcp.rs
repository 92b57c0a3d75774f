//! Connections: syslog over TCP (RFC 6587) and TLS (RFC 5425), and what they share with RELP.
//!
//! Each connection reads, appends what was whole, and waits for durability before it reads on: TCP's own window is the
//! back-pressure, and memory per connection is one read and one message: 4 KiB while it is quiet, at most 576 KiB. Syslog has no acknowledgement: what a
//! sender wrote but we had not read when the process dies is the sender's to repeat.
//!
//! Syslog senders are quiet for long and lose what they write into a connection that was closed meanwhile, so a living
//! quiet peer is kept (`idle_seconds_max`, a day); a dead one is found by TCP's keep-alive within two minutes; and one
//! peer holds at most `peer_connections_max` connections, so that it never takes the others' places.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener as _;
use bytes::BytesMut;
use stream::{Record, RecordKind};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::limited::{Held, Limited};
use super::route::{Router, Routes, Sender};
use super::tls::Acceptor;
use super::{BATCH_RECORDS, DRAIN_MAX, DRAIN_QUIET, Shared, append, beats, collector, now, relp};
use crate::framing::{Frame, Framer, Framing};
use crate::metrics;

/// A quiet peer is probed by the kernel, and cleared away when it does not answer four times: two minutes in all.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(15);
/// Bytes asked for in one read of a quiet connection; four times as many when a read was filled.
const READ_BYTES_MIN: usize = 4 << 10;
/// The most bytes asked for in one read.
const READ_BYTES_MAX: usize = 512 << 10;
/// A peer that takes nothing of an answer for so long is let go.
const STALL_MAX: Duration = Duration::from_secs(60);

/// What is spoken on a connection.
#[derive(Clone, Copy)]
pub(super) enum Speech {
    Syslog(Framing),
    Relp,
    Beats,
    Collector,
}

pub(super) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

pub(super) async fn serve(
    listener: TcpListener,
    speech: Speech,
    tls: Option<Arc<Acceptor>>,
    routes: Arc<Routes>,
    shared: Shared,
) {
    let limits = &shared.limits;
    let kind = routes.kind().name();
    let mut listener = Limited::new(listener, limits.connections_max, limits.peer_connections_max, kind);
    loop {
        let (mut stream, peer) = tokio::select! {
            biased;
            accepted = listener.accept() => accepted,
            // Connections that wait to be accepted have sent something, maybe.
            () = drained(&shared.cancel) => return,
        };
        let keepalive = socket2::TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY).with_retries(4);
        if let Err(error) = socket2::SockRef::from(&stream.stream).set_tcp_keepalive(&keepalive) {
            tracing::debug!(%peer, %error, "set keep-alive");
        }
        stream.stall_after(STALL_MAX);
        let (tls, routes, inner) = (tls.clone(), Arc::clone(&routes), shared.clone());
        shared.tasks.spawn(async move { greet(stream, peer, speech, tls, &routes, &inner).await });
    }
}

async fn drained(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(DRAIN_QUIET).await;
}

/// Shakes hands where the listener speaks TLS, and lets the sender speak.
async fn greet(
    stream: Held,
    peer: SocketAddr,
    speech: Speech,
    tls: Option<Arc<Acceptor>>,
    routes: &Routes,
    shared: &Shared,
) {
    let mut sender = Sender { peer: peer.ip(), names: Vec::new() };
    let Some(tls) = tls else { return listen_to(stream, speech, &sender, routes, shared).await };
    let longest = Duration::from_secs(shared.limits.handshake_seconds_max);
    let greeted = tokio::select! {
        greeted = tls.accept(stream, longest) => greeted,
        // Nothing was said yet that could be lost.
        () = shared.cancel.cancelled() => return,
    };
    match greeted {
        Ok((stream, names)) => {
            sender.names = names;
            listen_to(stream, speech, &sender, routes, shared).await;
        }
        Err(error) => {
            let kind = routes.kind().name();
            metrics::HANDSHAKES_FAILED.with_label_values(&[kind]).inc();
            tracing::warn!(%peer, %error, kind, "no TLS with this sender; does it trust our certificate, and we its?");
        }
    }
}

async fn listen_to(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    speech: Speech,
    sender: &Sender,
    routes: &Routes,
    shared: &Shared,
) {
    match speech {
        Speech::Syslog(framing) => connection(&mut stream, framing, sender, routes, shared).await,
        Speech::Relp => relp::connection(&mut stream, sender, routes, shared).await,
        Speech::Beats => beats::connection(&mut stream, sender, routes, shared).await,
        Speech::Collector => collector::connection(&mut stream, sender, routes, shared).await,
    }
    // TLS ends with a word; the peer may be gone.
    stream.shutdown().await.ok();
}

async fn connection(
    stream: &mut (impl AsyncRead + Unpin),
    framing: Framing,
    sender: &Sender,
    routes: &Routes,
    shared: &Shared,
) {
    let mut framer = Framer::new(framing);
    let mut input = Input::default();
    let idle = Duration::from_secs(shared.limits.idle_seconds_max);
    loop {
        let read = tokio::select! {
            biased;
            read = input.read(stream, framer.buffer(), idle) => read,
            () = shared.cancel.cancelled() => break,
        };
        let more = match read {
            Ok(bytes) => bytes > 0,
            Err(error) => {
                tracing::debug!(peer = %sender.peer, %error, "connection ended");
                false
            }
        };
        if !take(&mut framer, !more, sender, &routes.load(), shared).await || !more {
            return;
        }
        // A connection that always has bytes ready must see the cancellation too.
        if shared.cancel.is_cancelled() {
            break;
        }
    }
    let deadline = tokio::time::Instant::now() + DRAIN_MAX;
    while tokio::time::Instant::now() < deadline {
        match input.read(stream, framer.buffer(), DRAIN_QUIET).await {
            Ok(bytes) if bytes > 0 => {
                if !take(&mut framer, false, sender, &routes.load(), shared).await {
                    return;
                }
            }
            _ => break,
        }
    }
    take(&mut framer, true, sender, &routes.load(), shared).await;
}

/// Reads of a size that goes with how much comes, so that ten thousand quiet connections hold little memory.
pub(super) struct Input {
    read_bytes: usize,
}

impl Default for Input {
    fn default() -> Self {
        Input { read_bytes: READ_BYTES_MIN }
    }
}

impl Input {
    /// Appends what comes to the buffer; nothing came when the connection is at its end.
    pub(super) async fn read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        buffer: &mut BytesMut,
        quiet_max: Duration,
    ) -> std::io::Result<usize> {
        if buffer.is_empty() && self.read_bytes == READ_BYTES_MIN && buffer.capacity() > READ_BYTES_MIN {
            *buffer = BytesMut::new();
        }
        buffer.reserve(self.read_bytes);
        let bytes = tokio::time::timeout(quiet_max, stream.read_buf(buffer)).await??;
        self.read_bytes = match bytes {
            filled if filled >= self.read_bytes => (self.read_bytes * 4).min(READ_BYTES_MAX),
            little if little < self.read_bytes / 8 => (self.read_bytes / 2).max(READ_BYTES_MIN),
            _ => self.read_bytes,
        };
        Ok(bytes)
    }
}

/// Appends the whole messages; with `last`, what is left too. Whether the connection may go on.
async fn take(framer: &mut Framer, last: bool, sender: &Sender, router: &Router, shared: &Shared) -> bool {
    let received = now();
    let peer = sender.peer;
    let fixed = router.of_sender(sender);
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
