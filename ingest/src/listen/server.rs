//! HTTP/1.1 over TCP, also HTTP/2 and TLS where a listener asks for it, where nothing waits for ever: for the HTTP listener, and for the pages.
//!
//! | Bound | Against |
//! |---|---|
//! | connections in all and per peer; more are closed at once | a flood of connections |
//! | time until a request's head is whole, also on a connection kept open for the next request | heads that drip (slowloris), idle connections |
//! | time until a request's body is whole | bodies that drip |
//! | time that a client may take none of an answer | clients that do not read |
//!
//! A head has at most 100 fields and [`HEAD_BYTES_MAX`] bytes; with HTTP/2 a connection has at most [`STREAMS_MAX`] requests
//! at a time, and is asked for a sign of life every [`PING_EVERY`]. An answer may take as long as it is being read: exports are
//! long. After cancellation running requests may end within [`END_MAX`].

mod preface;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::limited::{Held, Limited};
use super::tls::Acceptor;
use crate::metrics;

/// The largest head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Requests of one HTTP/2 connection at a time.
const STREAMS_MAX: u32 = 64;
/// A client with HTTP/2 is asked so often whether it is there,
const PING_EVERY: Duration = Duration::from_secs(30);
/// and answers within this time.
const PONG_WITHIN: Duration = Duration::from_secs(20);
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
    serve_over(listener, Manner { tls: None, http2: false }, routes, limits, kind, cancel).await;
}

/// What lies below the requests.
#[derive(Clone)]
pub(super) struct Manner {
    pub(super) tls: Option<Arc<Acceptor>>,
    /// Whether a client may begin with HTTP/2.
    pub(super) http2: bool,
}

/// As [`serve_http`], over TLS or with HTTP/2.
pub(super) async fn serve_over(
    listener: TcpListener,
    manner: Manner,
    routes: Router,
    limits: HttpLimits,
    kind: &'static str,
    cancel: CancellationToken,
) {
    let stall = Duration::from_secs(limits.stall_seconds_max);
    let mut listener = Limited::new(listener, limits.connections_max, limits.peer_connections_max, kind);
    let tasks = TaskTracker::new();
    loop {
        let (mut stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = cancel.cancelled() => break,
        };
        stream.stall_after(stall);
        let names = Certified::default();
        let client =
            Client { peer, names, routes: routes.clone(), limits, cancel: cancel.clone(), tasks: tasks.clone() };
        tasks.spawn(greet(stream, manner.clone(), client, kind));
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// The names in the certificate that a client showed; handlers find them among the extensions of a request.
#[derive(Clone, Default)]
pub(super) struct Certified(pub(super) Arc<[String]>);

/// One connection's client, and what it is served.
struct Client {
    peer: SocketAddr,
    names: Certified,
    routes: Router,
    limits: HttpLimits,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// Shakes hands where TLS is spoken, and finds out which HTTP it is.
async fn greet(stream: Held, manner: Manner, mut client: Client, kind: &'static str) {
    let longest = Duration::from_secs(client.limits.head_seconds_max);
    let Some(tls) = manner.tls else { return client.tell(stream, manner.http2, longest).await };
    let cancel = client.cancel.clone();
    let greeted = tokio::select! {
        greeted = tls.accept(stream, longest) => greeted,
        () = cancel.cancelled() => return,
    };
    match greeted {
        Ok((stream, names)) => {
            client.names = Certified(names.into());
            client.tell(stream, manner.http2, longest).await;
        }
        Err(error) => {
            metrics::HANDSHAKES_FAILED.with_label_values(&[kind]).inc();
            tracing::warn!(peer = %client.peer, %error, kind, "no TLS with this client; does it trust our certificate?");
        }
    }
}

impl Client {
    async fn tell(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, http2: bool, longest: Duration) {
        if !http2 {
            return self.http1(stream).await;
        }
        let told = tokio::select! {
            told = tokio::time::timeout(longest, preface::is_http2(stream)) => told,
            () = self.cancel.cancelled() => return,
        };
        match told {
            Ok(Ok((stream, true))) => self.http2(stream).await,
            Ok(Ok((stream, false))) => self.http1(stream).await,
            Ok(Err(_)) | Err(_) => tracing::debug!(peer = %self.peer, "said nothing"),
        }
    }

    async fn http1(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new());
        http.header_read_timeout(Duration::from_secs(self.limits.head_seconds_max));
        http.max_buf_size(HEAD_BYTES_MAX);
        let service = hyper::service::service_fn(|request| self.answer(request));
        let connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        self.drive(connection, |connection| connection.graceful_shutdown()).await;
    }

    async fn http2(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let mut http = hyper::server::conn::http2::Builder::new(Tasks(self.tasks.clone()));
        http.timer(TokioTimer::new());
        http.keep_alive_interval(Some(PING_EVERY));
        http.keep_alive_timeout(PONG_WITHIN);
        http.max_header_list_size(HEAD_BYTES_MAX as u32);
        http.max_concurrent_streams(STREAMS_MAX);
        let service = hyper::service::service_fn(|request| self.answer(request));
        let connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        self.drive(connection, |connection| connection.graceful_shutdown()).await;
    }

    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + 'static {
        let body_max = Duration::from_secs(self.limits.body_seconds_max);
        let mut request = request.map(|body| Body::new(Timed { body, rest: None, body_max }));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(self.names.clone());
        TowerToHyperService::new(self.routes.clone()).call(request)
    }

    /// Drives a connection to its end; after cancellation, to the end of the running requests.
    async fn drive<C: Future<Output = hyper::Result<()>>>(
        &self,
        mut connection: Pin<&mut C>,
        end: impl FnOnce(Pin<&mut C>),
    ) {
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.cancel.cancelled() => {
                end(connection.as_mut());
                match tokio::time::timeout(END_MAX, connection).await {
                    Ok(ended) => ended,
                    Err(_) => {
                        tracing::debug!(peer = %self.peer, "request did not end in time");
                        return;
                    }
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %self.peer, %error, "http connection ended");
        }
    }
}

/// Runs the requests of an HTTP/2 connection.
#[derive(Clone)]
struct Tasks(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, work: F) {
        self.0.spawn(work);
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
