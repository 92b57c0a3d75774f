//! Listeners that speak HTTP. What they share is here: who may come in, how a body is read, how records are appended.
//!
//! | Kind | Endpoints | Module |
//! |---|---|---|
//! | `http` | `POST /ingest/v1/{source}`: lines or NDJSON | `lines` |
//! | `elasticsearch` | `_bulk`, and what shippers ask before it | `elasticsearch`, `bulk` |
//! | `splunk_hec` | `/services/collector` | `hec` |
//! | `otlp` | `POST /v1/logs`, and gRPC `LogsService/Export` | `otlp` |
//!
//! Every one answers success only when all that it names is durable. Bounds: requests in work, bytes of bodies in work
//! (as sent and decompressed together), sizes and times as in [`Limits`](crate::config::Limits); a line, document or
//! event has at most [`RECORD_BYTES_MAX`] bytes.

mod admit;
mod body;
mod bulk;
mod elasticsearch;
mod hec;
mod lines;
mod otlp;
mod problem;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use stream::{Record, RecordKind, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use arc_swap::ArcSwap;

use self::admit::Doors;
use super::route::{Owner, Routes};
use super::server::{Manner, serve_over};
use super::tls::Acceptor;
use super::{Shared, append, now};
use crate::config::ListenerKind;
use crate::metrics;

pub(super) use self::bulk::check as check_bulk;
pub(super) use self::hec::check as check_hec;
pub(super) use self::otlp::check as check_otlp;

/// The longest line, document or event, 1 MiB: Windows events as JSON are the largest that occur.
const RECORD_BYTES_MAX: usize = 1 << 20;
/// Records of one append.
const BATCH_RECORDS: usize = 5_000;
/// Bytes of one append, reached first by long records.
const BATCH_BYTES: usize = 4 << 20;

/// What the requests of one listener share.
struct App {
    routes: Arc<Routes>,
    shared: Shared,
    doors: ArcSwap<Doors>,
    requests: Arc<Semaphore>,
    /// Bytes of bodies that may be held at one time, as [`body::units`] counts them.
    memory: Arc<Semaphore>,
    /// Numbers answers that are asked for a number.
    answers: AtomicU64,
}

/// One request.
struct Call {
    app: Arc<App>,
    peer: SocketAddr,
    parts: Parts,
    body: axum::body::Body,
}

pub(super) async fn serve(listener: TcpListener, tls: Option<Arc<Acceptor>>, routes: Arc<Routes>, shared: Shared) {
    let (cancel, kind) = (shared.cancel.clone(), routes.kind().name());
    let (limits, http2) = (shared.limits.http(), routes.kind() == ListenerKind::Otlp);
    let app = App {
        doors: ArcSwap::from_pointee(Doors::new(routes.load())),
        requests: Arc::new(Semaphore::new(shared.limits.http_requests_max)),
        memory: Arc::new(Semaphore::new(body::units(shared.limits.http_memory_bytes_max))),
        answers: AtomicU64::new(0),
        routes,
        shared,
    };
    let routes = axum::Router::new().fallback(answer).with_state(Arc::new(app));
    let manner = Manner { tls, http2 };
    serve_over(listener, manner, routes, limits, kind, cancel).await;
}

async fn answer(State(app): State<Arc<App>>, ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request) -> Response {
    let kind = app.routes.kind();
    let (parts, body) = request.into_parts();
    let call = Call { app, peer, parts, body };
    let response = match kind {
        ListenerKind::Elasticsearch => elasticsearch::answer(call).await,
        ListenerKind::SplunkHec => hec::answer(call).await,
        ListenerKind::Otlp => otlp::answer(call).await,
        _ => lines::answer(call).await,
    };
    metrics::HTTP_RESPONSES.with_label_values(&[response.status().as_str()]).inc();
    response
}

/// Makes the records of one request.
struct Stamp {
    peer: IpAddr,
    received: Timestamp,
}

impl Stamp {
    fn of(peer: SocketAddr) -> Stamp {
        Stamp { peer: peer.ip().to_canonical(), received: now() }
    }

    fn record(&self, (tenant, source): &Owner, raw: Bytes) -> Record {
        Record {
            kind: RecordKind::Data,
            tenant: tenant.clone(),
            source: source.clone(),
            peer: Some(self.peer),
            received: self.received,
            raw,
        }
    }
}

impl App {
    /// Who may come in, by the sources that are declared now.
    fn doors(&self) -> Arc<Doors> {
        let (router, doors) = (self.routes.load(), self.doors.load_full());
        if doors.are_of(&router) {
            return doors;
        }
        let doors = Arc::new(Doors::new(router));
        self.doors.store(Arc::clone(&doors));
        doors
    }

    /// Appends records in their order, batch after batch: how many are durable, and why not all of them.
    async fn append(&self, records: impl Iterator<Item = Record>) -> (u64, Option<crate::Error>) {
        let mut records = records.peekable();
        let mut durable = 0;
        while records.peek().is_some() {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            while batch.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
                let Some(record) = records.next() else { break };
                bytes += record.raw.len();
                batch.push(record);
            }
            let count = batch.len() as u64;
            if let Err(error) = append(&*self.shared.sink, self.routes.kind(), batch).await {
                tracing::error!(%error, kind = %self.routes.kind(), "records not durable; the sender is told to repeat them");
                return (durable, Some(error));
            }
            durable += count;
        }
        (durable, None)
    }
}

#[cfg(test)]
mod tests;
