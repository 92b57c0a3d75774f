//! A listener that has at most so many open connections; more are closed at once and counted.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::ListenerKind;
use crate::metrics;

/// How long to wait when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Limited {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    connections_max: usize,
    kind: ListenerKind,
}

impl Limited {
    pub(super) fn new(listener: TcpListener, connections_max: usize, kind: ListenerKind) -> Self {
        Limited { listener, permits: Arc::new(Semaphore::new(connections_max)), connections_max, kind }
    }
}

impl Listener for Limited {
    type Io = Held;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Held, SocketAddr) {
        let kind = self.kind.name();
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => match Arc::clone(&self.permits).try_acquire_owned() {
                    Ok(permit) => return (Held::new(stream, permit, kind), peer),
                    Err(_) => {
                        metrics::REFUSED.with_label_values(&[kind]).inc();
                        let limit = self.connections_max;
                        tracing::warn!(%peer, kind, limit, "connection refused: raise listen.limits.connections_max");
                    }
                },
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

/// An open connection; counts as one until it is dropped.
pub(super) struct Held {
    pub(super) stream: TcpStream,
    kind: &'static str,
    _permit: OwnedSemaphorePermit,
}

impl Held {
    fn new(stream: TcpStream, permit: OwnedSemaphorePermit, kind: &'static str) -> Self {
        metrics::CONNECTIONS.with_label_values(&[kind]).inc();
        Held { stream, kind, _permit: permit }
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
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Who is on the other side of an HTTP connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Connected<IncomingStream<'_, Limited>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Limited>) -> Self {
        Peer(*stream.remote_addr())
    }
}
