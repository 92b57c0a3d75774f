//! Syslog over UDP: one message per datagram.
//!
//! The socket's buffer is made [`RECEIVE_BUFFER_BYTES`] large where the system allows. Datagrams are taken until none is
//! left, then queued together.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::UdpSocket;

use super::{BATCH_RECORDS_MAX, Context, drops, now, record};

const RECEIVE_BUFFER_BYTES: usize = 16 << 20;
/// How often the kernel's drops are read.
const DROPS_EVERY: Duration = Duration::from_secs(5);

pub(super) fn start(context: Context) -> io::Result<SocketAddr> {
    let bind = context.listener.bind;
    let domain = socket2::Domain::for_address(bind);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    socket.set_nonblocking(true)?;
    socket.bind(&bind.into())?;
    let socket = UdpSocket::from_std(socket.into())?;
    let address = socket.local_addr()?;
    context.tasks.clone().spawn(receive(socket, context.clone()));
    context.tasks.clone().spawn(watch_drops(address, context));
    Ok(address)
}

async fn receive(socket: UdpSocket, context: Context) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        tokio::select! {
            () = context.stop.cancelled() => return,
            ready = socket.readable() => if ready.is_err() { continue },
        }
        let received = now();
        let mut records = Vec::new();
        while records.len() < BATCH_RECORDS_MAX {
            // Any error but "nothing there" is an ICMP answer to something else; the socket itself is sound.
            let Ok((count, peer)) = socket.try_recv_from(&mut buffer) else { break };
            let end = buffer[..count].iter().rposition(|b| !matches!(b, b'\r' | b'\n' | 0)).map_or(0, |last| last + 1);
            if end > 0 {
                let who = context.identity(peer.ip());
                records.push(record(&who, peer.ip(), received, Bytes::copy_from_slice(&buffer[..end])));
            }
        }
        if !records.is_empty() && !context.enqueue(records).await {
            return;
        }
    }
}

async fn watch_drops(address: SocketAddr, context: Context) {
    let mut seen = drops::read(address).unwrap_or(0);
    loop {
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(DROPS_EVERY) => {}
        }
        let total = drops::read(address).unwrap_or(seen);
        if total > seen {
            context.metrics.kernel_drops.inc_by(total - seen);
            tracing::error!(lost = total - seen, %address, "the kernel dropped datagrams; raise net.core.rmem_max or use TCP");
            seen = total;
        }
    }
}
