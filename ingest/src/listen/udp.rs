//! Syslog over UDP (RFC 5426): one datagram is one message. Flows over UDP: one datagram is many ([`netflow`](super::netflow)).
//!
//! Each socket has a thread that does nothing but empty it, up to [`BATCH`] datagrams a call (recvmmsg), so that neither
//! parsing nor the disk keeps datagrams in the kernel's buffer, which is small. What was received waits for the stream in
//! a queue of `udp_queue_bytes_max` for each listener. A listener may have several sockets on its port (SO_REUSEPORT): the
//! kernel gives all that one sender's port sends to the same one, so its order stays.
//!
//! UDP has no back-pressure, so what is lost is counted, and it is the noisy who lose:
//!
//! - When the queue is full, the datagrams of a source that holds more than half of it are shed; the others' still have
//!   as much room again. Counted by source.
//! - When even that is full, the socket is not read, and the kernel drops what its buffer has no room for. Its own count
//!   of it (what SO_RXQ_OVFL tells) is read from `/proc/net/udp`.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use stream::{Record, RecordKind, Timestamp};
use tokio::sync::mpsc;

use self::queue::{Held, Input, Queue, queue};
use super::netflow::{Line, Netflow};
use super::route::{Router, Routes};
use super::tcp::count;
use super::{BATCH_RECORDS, DRAIN_MAX, DRAIN_QUIET, Shared, append, now};
use crate::config::ListenerKind;
use crate::framing::{Frame, without_line_end};
use crate::metrics;
use batch::Batch;

mod batch;
pub(super) mod drops;
mod queue;

/// Datagrams of one call.
const BATCH: usize = 64;
/// The largest datagram.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;
/// Datagrams share pieces of memory of this size.
const PIECE_BYTES: usize = 512 << 10;
/// How often the kernel's drops are read, and told with what was shed.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// A thread looks up from an idle socket so often.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Binds so many sockets to the address, all of them to the port that the first one got.
pub(super) fn bind(address: SocketAddr, sockets: usize, buffer_bytes: usize) -> std::io::Result<Vec<UdpSocket>> {
    let mut bound: Vec<UdpSocket> = Vec::new();
    for _ in 0..sockets {
        let at = bound.first().map_or(Ok(address), UdpSocket::local_addr)?;
        let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None)?;
        // Only where it was asked for: otherwise a second process on the port would take half of what comes, unseen.
        socket.set_reuse_port(sockets > 1)?;
        socket.set_recv_buffer_size(buffer_bytes)?;
        let granted = socket.recv_buffer_size()?;
        if granted < buffer_bytes {
            tracing::warn!(%address, granted, wanted = buffer_bytes, "small UDP receive buffer: set sysctl net.core.rmem_max");
        }
        socket.set_read_timeout(Some(LOOK_UP))?;
        socket.bind(&at.into())?;
        bound.push(socket.into());
    }
    Ok(bound)
}

/// Starts a thread per socket and the task that appends.
pub(super) fn start(sockets: Vec<UdpSocket>, address: SocketAddr, routes: &Arc<Routes>, shared: &Shared) {
    let (input, queued, queue) = queue(shared.limits.udp_queue_bytes_max);
    shared.tasks.spawn(append_all(queued, queue, routes.kind(), shared.clone()));
    let thread = if routes.kind() == ListenerKind::Netflow { "netflow" } else { "syslog-udp" };
    for socket in sockets {
        let (routes, input, shared) = (Arc::clone(routes), input.clone(), shared.clone());
        let running = shared.tasks.token();
        let netflow = (routes.kind() == ListenerKind::Netflow).then(Netflow::new);
        let work = move || {
            Receiver { socket, address, routes, input, piece: BytesMut::new(), netflow }.run(&shared);
            drop(running);
        };
        if let Err(error) = std::thread::Builder::new().name(thread.into()).spawn(work) {
            tracing::error!(%address, %error, "start a thread for datagrams; nothing is received at this socket");
        }
    }
}

/// Empties one socket.
struct Receiver {
    socket: UdpSocket,
    address: SocketAddr,
    routes: Arc<Routes>,
    input: Input,
    piece: BytesMut,
    /// What decodes, where datagrams are not kept as they are.
    netflow: Option<Netflow>,
}

impl Receiver {
    fn run(mut self, shared: &Shared) {
        let mut batch = Batch::new();
        let mut drops = drops::Drops::of(&self.socket, self.address);
        let mut told = Instant::now();
        while !shared.cancel.is_cancelled() {
            if self.take(&mut batch).is_none() {
                break;
            }
            if told.elapsed() >= TELL_EVERY {
                drops.read();
                self.input.tell(&self.address);
                told = Instant::now();
                self.settle(false);
            }
        }
        // What the kernel holds was sent before the stop.
        let deadline = Instant::now() + DRAIN_MAX;
        if self.socket.set_read_timeout(Some(DRAIN_QUIET)).is_ok() {
            while Instant::now() < deadline && self.take(&mut batch).is_some_and(|taken| taken > 0) {}
        }
        self.settle(true);
        drops.read();
        self.input.tell(&self.address);
    }

    /// Gives up on what has waited for its template long enough, or at the end on all of it.
    fn settle(&mut self, end: bool) {
        let Some(netflow) = &mut self.netflow else { return };
        let mut lines = Vec::new();
        match end {
            true => netflow.end(&mut lines),
            false => netflow.expire(Instant::now(), &mut lines),
        }
        if !lines.is_empty() {
            let router = self.routes.load();
            self.input.put(lines.into_iter().map(|line| flow(&router, line)).collect());
        }
    }

    /// Takes what is in the socket, waiting for the first; how many, or nothing when nobody appends any more.
    fn take(&mut self, batch: &mut Batch) -> Option<usize> {
        let Receiver { routes, piece, netflow, .. } = self;
        let mut lines = Vec::new();
        let at = Instant::now();
        let mut router: Option<(Arc<Router>, Timestamp)> = None;
        let mut records = Vec::new();
        let taken = batch.receive(&self.socket, |bytes, peer| {
            let (router, received) = router.get_or_insert_with(|| (routes.load(), now()));
            if let Some(netflow) = netflow {
                netflow.decode(bytes, peer, *received, at, &mut lines);
                records.extend(lines.drain(..).map(|line| flow(router, line)));
                return;
            }
            if piece.capacity() - piece.len() < bytes.len() {
                *piece = BytesMut::with_capacity(PIECE_BYTES);
            }
            piece.extend_from_slice(bytes);
            records.extend(record(router, without_line_end(piece.split().freeze()), peer, *received));
        });
        match taken {
            Ok(taken) => self.input.put(records).then_some(taken),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted) => {
                Some(0)
            }
            Err(error) => {
                tracing::warn!(address = %self.address, %error, "receive datagrams");
                std::thread::park_timeout(LOOK_UP);
                Some(0)
            }
        }
    }
}

fn record(router: &Router, raw: bytes::Bytes, peer: IpAddr, received: Timestamp) -> Option<Record> {
    let raw = count(Frame { raw, cut_bytes: 0 }, router.kind.name())?;
    let (tenant, source) = router.of_peer(peer).unwrap_or_else(|| router.of_message(&raw)).clone();
    Some(Record { kind: RecordKind::Data, tenant, source, peer: Some(peer), received, raw })
}

/// The record of a line that was made of a datagram.
fn flow(router: &Router, line: Line) -> Record {
    let (tenant, source) = router.of_peer(line.exporter).unwrap_or_else(|| router.of_host("")).clone();
    let (peer, received) = (Some(line.exporter), line.received);
    Record { kind: RecordKind::Data, tenant, source, peer, received, raw: line.raw.into() }
}

async fn append_all(mut queued: mpsc::Receiver<Vec<Record>>, queue: Arc<Queue>, kind: ListenerKind, shared: Shared) {
    let mut batches = Vec::new();
    loop {
        // Takes what waits; while one append is on its way to the disk, the next batch gathers.
        if queued.recv_many(&mut batches, BATCH_RECORDS).await == 0 {
            return;
        }
        let records: Vec<Record> = batches.drain(..).flatten().collect();
        let (count, held) = (records.len() as u64, Held::of(&records));
        if let Err(error) = append(&*shared.sink, kind, records).await {
            metrics::LOST_RECORDS.with_label_values(&[kind.name()]).inc_by(count);
            tracing::error!(%error, count, "records lost: the stream did not take them and UDP cannot repeat");
        }
        queue.release(&held);
    }
}
