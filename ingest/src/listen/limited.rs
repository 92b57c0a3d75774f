//! A listener that has at most so many open connections, in all and of one peer; more are closed at once and counted.

use std::collections::HashMap;
use std::future::Future as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use crate::metrics;

/// How long to wait when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Limited {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    peers: Arc<Peers>,
    kind: &'static str,
}

impl Limited {
    pub(super) fn new(
        listener: TcpListener,
        connections_max: usize,
        peer_connections_max: usize,
        kind: &'static str,
    ) -> Self {
        let peers = Arc::new(Peers { open: Mutex::default(), each_max: peer_connections_max });
        Limited { listener, permits: Arc::new(Semaphore::new(connections_max)), peers, kind }
    }
}

impl Listener for Limited {
    type Io = Held;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Held, SocketAddr) {
        let kind = self.kind;
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let permit = Arc::clone(&self.permits).try_acquire_owned().ok();
                    let place = permit.zip(self.peers.admit(peer.ip()));
                    if let Some((permit, place)) = place {
                        return (Held::new(stream, permit, place, kind), peer);
                    }
                    metrics::REFUSED.with_label_values(&[kind]).inc();
                    let (left, each_max) = (self.permits.available_permits(), self.peers.each_max);
                    tracing::warn!(%peer, kind, left, each_max, "connection refused: connections_max or peer_connections_max");
                }
                Err(error) => {
                    tracing::warn!(%error, kind, "accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Open connections per peer.
struct Peers {
    open: Mutex<HashMap<IpAddr, usize>>,
    each_max: usize,
}

impl Peers {
    /// A place for one more connection of the peer. Loopback, where proxies and relays are, has no limit of its own.
    fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(peer).or_default();
        if *count >= self.each_max && !peer.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Place { peers: Arc::clone(self), peer })
    }
}

/// A peer's connection among those it may have, until it is dropped.
struct Place {
    peers: Arc<Peers>,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.peers.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.peer);
            }
        }
    }
}

/// An open connection; counts as one until it is dropped.
pub(super) struct Held {
    pub(super) stream: TcpStream,
    kind: &'static str,
    /// How long a write may wait for the peer to take something; for ever unless set.
    stall_max: Option<Duration>,
    stalled: Option<Pin<Box<Sleep>>>,
    _place: Place,
    _permit: OwnedSemaphorePermit,
}

impl Held {
    fn new(stream: TcpStream, permit: OwnedSemaphorePermit, place: Place, kind: &'static str) -> Self {
        metrics::CONNECTIONS.with_label_values(&[kind]).inc();
        Held { stream, kind, stall_max: None, stalled: None, _place: place, _permit: permit }
    }

    /// Makes a write fail that waits for longer than this.
    pub(super) fn stall_after(&mut self, longest: Duration) {
        self.stall_max = Some(longest);
    }

    /// Turns a wait that has become too long into an error.
    fn unless_stalled<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let (Some(longest), true) = (self.stall_max, written.is_pending()) else {
            self.stalled = None;
            return written;
        };
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(longest)));
        match stalled.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing"))),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        metrics::CONNECTIONS.with_label_values(&[self.kind]).dec();
    }
}

impl AsyncRead for Held {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Held {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.unless_stalled(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_its_share_and_gets_it_back() {
        let peers = Arc::new(Peers { open: Mutex::default(), each_max: 2 });
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        let first = peers.admit(peer).unwrap();
        let _second = peers.admit("::ffff:192.0.2.1".parse().unwrap()).unwrap();
        assert!(peers.admit(peer).is_none());
        assert!(peers.admit("192.0.2.2".parse().unwrap()).is_some());
        drop(first);
        assert!(peers.admit(peer).is_some());
        let local: Vec<_> = (0..5).map(|_| peers.admit("127.0.0.1".parse().unwrap()).unwrap()).collect();
        assert_eq!(local.len(), 5);
        drop((local, _second));
        assert!(peers.open.lock().unwrap().is_empty());
    }
}
