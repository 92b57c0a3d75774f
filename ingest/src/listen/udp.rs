//! Syslog over UDP (RFC 5426): one datagram is one message.
//!
//! One task does nothing but empty the socket into a bounded queue; another appends. When the stream is too slow for the
//! queue, the kernel's buffer fills, and what it drops is read from `/proc/net/udp` and counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use stream::{Record, RecordKind, Timestamp};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::route::Router;
use super::tcp::count;
use super::{BATCH_RECORDS, DRAIN_MAX, DRAIN_QUIET, Shared, append, now};
use crate::framing::{Frame, without_line_end};
use crate::metrics;

/// Records between socket and stream.
const QUEUE_RECORDS: usize = 16_384;
/// The largest datagram.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;
/// Datagrams share pieces of memory of this size.
const PIECE_BYTES: usize = 512 << 10;
/// Datagrams read after one wake-up before other tasks get their turn.
const BURST: usize = 256;
/// How often the kernel's drops are read.
const DROPS_EVERY: Duration = Duration::from_secs(5);

pub(super) fn bind(address: SocketAddr, buffer_bytes: usize) -> std::io::Result<UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(buffer_bytes)?;
    let granted = socket.recv_buffer_size()?;
    if granted < buffer_bytes {
        tracing::warn!(%address, granted, wanted = buffer_bytes, "small UDP receive buffer: set sysctl net.core.rmem_max");
    }
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

pub(super) fn start(socket: UdpSocket, address: SocketAddr, router: Arc<Router>, shared: Shared) {
    let (queue, queued) = mpsc::channel(QUEUE_RECORDS);
    let tasks = shared.tasks.clone();
    tasks.spawn(append_all(queued, Arc::clone(&router), shared.clone()));
    tasks.spawn(receive(socket, address, router, queue, shared));
}

async fn receive(
    socket: UdpSocket,
    address: SocketAddr,
    router: Arc<Router>,
    queue: mpsc::Sender<Record>,
    shared: Shared,
) {
    let mut reader = Reader { router, piece: BytesMut::new() };
    let mut drops = Drops::of(&socket, address);
    let mut every = tokio::time::interval(DROPS_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = shared.cancel.cancelled() => break,
            _ = every.tick() => drops.read(),
            ready = socket.readable() => if let Err(error) = ready {
                tracing::error!(%address, %error, "wait for datagrams");
                break;
            }
        }
        if reader.burst(&socket, BURST, &queue).await.is_none() {
            return;
        }
    }
    let deadline = tokio::time::Instant::now() + DRAIN_MAX;
    while tokio::time::Instant::now() < deadline {
        match tokio::time::timeout(DRAIN_QUIET, socket.readable()).await {
            Ok(Ok(())) if reader.burst(&socket, BURST, &queue).await.is_some() => {}
            _ => break,
        }
    }
    drops.read();
}

struct Reader {
    router: Arc<Router>,
    piece: BytesMut,
}

impl Reader {
    /// Takes what is in the socket, at most `most` datagrams; nothing when nobody appends any more.
    async fn burst(&mut self, socket: &UdpSocket, most: usize, queue: &mpsc::Sender<Record>) -> Option<()> {
        let received = now();
        for _ in 0..most {
            if self.piece.capacity() < DATAGRAM_BYTES_MAX {
                self.piece = BytesMut::with_capacity(PIECE_BYTES);
            }
            let peer = match socket.try_recv_buf_from(&mut self.piece) {
                Ok((_, peer)) => peer,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    tracing::debug!(%error, "receive a datagram");
                    continue;
                }
            };
            let raw = without_line_end(self.piece.split().freeze());
            if let Some(record) = self.record(raw, peer, received) {
                queue.send(record).await.ok()?;
            }
        }
        Some(())
    }

    fn record(&self, raw: bytes::Bytes, peer: SocketAddr, received: Timestamp) -> Option<Record> {
        let raw = count(Frame { raw, cut_bytes: 0 }, self.router.kind.name())?;
        let owner = self.router.of_peer(peer.ip()).unwrap_or_else(|| self.router.of_message(&raw));
        let (tenant, source) = owner.clone();
        Some(Record { kind: RecordKind::Data, tenant, source, peer: Some(peer.ip()), received, raw })
    }
}

async fn append_all(mut queued: mpsc::Receiver<Record>, router: Arc<Router>, shared: Shared) {
    loop {
        let mut records = Vec::new();
        // Takes what waits; while one append is on its way to the disk, the next batch gathers.
        let count = queued.recv_many(&mut records, BATCH_RECORDS * 4).await;
        if count == 0 {
            return;
        }
        if let Err(error) = append(&*shared.sink, router.kind, records).await {
            metrics::LOST_RECORDS.with_label_values(&[router.kind.name()]).inc_by(count as u64);
            tracing::error!(%error, count, "records lost: the stream did not take them and UDP cannot repeat");
        }
    }
}

/// The kernel's own count of what it dropped at one socket.
struct Drops {
    inode: Option<String>,
    table: &'static str,
    listener: String,
    counted: u64,
}

impl Drops {
    fn of(socket: &UdpSocket, address: SocketAddr) -> Self {
        use std::os::fd::AsRawFd as _;
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd()));
        let inode =
            link.ok().and_then(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()));
        let table = if address.is_ipv6() { "/proc/net/udp6" } else { "/proc/net/udp" };
        Drops { inode, table, listener: address.to_string(), counted: 0 }
    }

    fn read(&mut self) {
        let Some(inode) = &self.inode else { return };
        let Ok(text) = std::fs::read_to_string(self.table) else { return };
        let Some(drops) = drops_in(&text, inode) else { return };
        let new = drops.saturating_sub(self.counted);
        if new > 0 {
            tracing::error!(
                listener = self.listener,
                datagrams = new,
                "the kernel dropped datagrams: raise net.core.rmem_max, or use TCP"
            );
        }
        metrics::KERNEL_DROPS.with_label_values(&[&self.listener]).inc_by(new);
        self.counted = drops.max(self.counted);
    }
}

/// Last column of the socket's line in /proc/net/udp; the inode is the tenth (proc(5)).
fn drops_in(table: &str, inode: &str) -> Option<u64> {
    let line = table.lines().skip(1).find(|line| line.split_ascii_whitespace().nth(9) == Some(inode))?;
    line.split_ascii_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_the_last_column() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            \x20 77: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 0000000000000000 17\n";
        assert_eq!(drops_in(table, "4242"), Some(17));
        assert_eq!(drops_in(table, "4243"), None);
    }
}
