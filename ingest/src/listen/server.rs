//! HTTP/1.1 over TCP where nothing waits for ever: for the HTTP listener, and for the pages.
//!
//! | Bound | Against |
//! |---|---|
//! | connections in all and per peer; more are closed at once | a flood of connections |
//! | time until a request's head is whole, also on a connection kept open for the next request | heads that drip (slowloris), idle connections |
//! | time until a request's body is whole | bodies that drip |
//! | time that a client may take none of an answer | clients that do not read |
//!
//! A head has at most 100 fields and [`HEAD_BYTES_MAX`] bytes. An answer may take as long as it is being read: exports are
//! long. After cancellation running requests may end within [`END_MAX`].

use std::convert::Infallible;
use std::future::Future as _;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::response::Response;
use axum::serve::Listener as _;
use hyper::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::Service as _;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::limited::{Held, Limited};

/// The largest head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long running requests may take to end after cancellation.
const END_MAX: Duration = Duration::from_secs(8);

/// What a client may cost an HTTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Open connections.
    pub connections_max: usize,
    /// Open connections of one address; loopback, where reverse proxies are, has no limit of its own.
    pub peer_connections_max: usize,
    /// Seconds until the head of a request is whole; a connection without a request lives as long.
    pub head_seconds_max: u64,
    /// Seconds until the body of a request is whole.
    pub body_seconds_max: u64,
    /// Seconds that a client may take none of its answer.
    pub stall_seconds_max: u64,
}

impl Default for HttpLimits {
    fn default() -> Self {
        HttpLimits {
            connections_max: 1024,
            peer_connections_max: 128,
            head_seconds_max: 30,
            body_seconds_max: 30,
            stall_seconds_max: 60,
        }
    }
}

/// Serves `routes` until `cancel`, then lets running requests end. Handlers find the peer as `ConnectInfo<SocketAddr>`.
/// `kind` labels the metrics of connections.
pub async fn serve_http(
    listener: TcpListener,
    routes: Router,
    limits: HttpLimits,
    kind: &'static str,
    cancel: CancellationToken,
) {
    let stall = Duration::from_secs(limits.stall_seconds_max);
    let mut listener = Limited::new(listener, limits.connections_max, limits.peer_connections_max, kind);
    let connections = TaskTracker::new();
    loop {
        let (mut stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = cancel.cancelled() => break,
        };
        stream.stall_after(stall);
        connections.spawn(connection(stream, peer, routes.clone(), limits, cancel.clone()));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn connection(stream: Held, peer: SocketAddr, routes: Router, limits: HttpLimits, cancel: CancellationToken) {
    let body_max = Duration::from_secs(limits.body_seconds_max);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(|body| Body::new(Timed { body, rest: None, body_max }));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = TowerToHyperService::new(routes.clone()).call(request);
        async move { answer.await as Result<Response, Infallible> }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new());
    http.header_read_timeout(Duration::from_secs(limits.head_seconds_max));
    http.max_buf_size(HEAD_BYTES_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(END_MAX, connection).await {
                Ok(ended) => ended,
                Err(_) => {
                    tracing::debug!(%peer, "request did not end in time");
                    return;
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "http connection ended");
    }
}

/// A body that must be whole within its time from when it is first asked for.
struct Timed {
    body: Incoming,
    rest: Option<Pin<Box<Sleep>>>,
    body_max: Duration,
}

impl hyper::body::Body for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let body_max = self.body_max;
        let rest = self.rest.get_or_insert_with(|| Box::pin(tokio::time::sleep(body_max)));
        match rest.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "the body came too slowly");
                Poll::Ready(Some(Err(axum::Error::new(late))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
