//! `POST /ingest/v1/{source}`: lines or NDJSON over HTTP, one record per line.
//!
//! `Authorization: Bearer TOKEN`, one of the source's tokens (`token_sha256` in sources.toml). `Content-Encoding` gzip
//! or zstd; sizes as in [`Limits`](crate::config::Limits), a line at most 1 MiB. Blank lines are
//! passed over. The answer comes when every record is durable: `200 {"accepted":n}`.
//!
//! | Status | Means | Do |
//! |---|---|---|
//! | 400 | the body cannot be decompressed | repair it |
//! | 401 | no token, or not one of this source's | |
//! | 404 | no such source | |
//! | 408 | the body came too slowly | send again |
//! | 413 | body or line too large, decompressed or not | split it |
//! | 415 | another content encoding | gzip, zstd or none |
//! | 429 | too many requests at once | send again after `Retry-After` seconds |
//! | 503 | the stream takes nothing; `accepted` records of the body are durable | send again, without those |
//!
//! Errors are `application/problem+json` (RFC 9457).

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use bytes::Bytes;
use sha2::Digest as _;
use stream::{Record, RecordKind};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::route::Router;
use super::server::serve_http;
use super::{Shared, append, now};
use crate::metrics;
use crate::sources::SourceConfig;

/// The longest line, 1 MiB: Windows events as JSON are the largest that occur.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Records of one append.
const BATCH_RECORDS: usize = 5_000;
/// Bytes of one append, reached first by long lines.
const BATCH_BYTES: usize = 4 << 20;
/// Bodies larger than this are decompressed and cut away from the async threads.
const INLINE_BYTES: usize = 16 << 10;

struct App {
    router: Arc<Router>,
    shared: Shared,
    requests: Semaphore,
}

pub(super) async fn serve(listener: TcpListener, router: Arc<Router>, shared: Shared) {
    let (cancel, kind) = (shared.cancel.clone(), router.kind.name());
    let limits = shared.limits.http();
    let requests = Semaphore::new(shared.limits.http_requests_max);
    let app = Arc::new(App { router, shared, requests });
    let routes = axum::Router::new().route("/ingest/v1/{source}", post(ingest)).with_state(app);
    serve_http(listener, routes, limits, kind, cancel).await;
}

async fn ingest(
    State(app): State<Arc<App>>,
    Path(source): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let response = match accept(&app, &source, peer, &headers, body).await {
        Ok(accepted) => axum::Json(serde_json::json!({ "accepted": accepted })).into_response(),
        Err(problem) => problem.response(),
    };
    metrics::HTTP_RESPONSES.with_label_values(&[response.status().as_str()]).inc();
    response
}

async fn accept(app: &App, source: &str, peer: SocketAddr, headers: &HeaderMap, body: Body) -> Result<u64, Problem> {
    let source = authorise(app, source, headers)?;
    let encoding = Encoding::of(headers)?;
    let _permit = app
        .requests
        .try_acquire()
        .map_err(|_| Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many requests at once"))?;
    let limits = &app.shared.limits;
    let wait = Duration::from_secs(limits.http_body_seconds_max);
    let body = match tokio::time::timeout(wait, axum::body::to_bytes(body, limits.http_body_bytes_max)).await {
        Ok(Ok(body)) => body,
        // The other reason is a connection that broke, which nobody reads an answer from.
        Ok(Err(_)) => return Err(too_large(limits.http_body_bytes_max, "as sent")),
        Err(_) => return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly")),
    };
    let cap = limits.http_decompressed_bytes_max;
    let lines = if body.len() <= INLINE_BYTES && encoding == Encoding::Identity {
        lines(&body)?
    } else {
        let work = tokio::task::spawn_blocking(move || lines(&encoding.decode(body, cap)?));
        work.await.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))??
    };
    let received = now();
    let (tenant, id): (Arc<str>, Arc<str>) = (source.tenant.as_str().into(), source.id.as_str().into());
    let record = |raw| Record {
        kind: RecordKind::Data,
        tenant: tenant.clone(),
        source: id.clone(),
        peer: Some(peer.ip().to_canonical()),
        received,
        raw,
    };
    let mut accepted = 0;
    let mut lines = lines.into_iter().peekable();
    while lines.peek().is_some() {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
            let Some(line) = lines.next() else { break };
            bytes += line.len();
            batch.push(record(line));
        }
        let count = batch.len() as u64;
        append(&*app.shared.sink, app.router.kind, batch).await.map_err(|error| {
            tracing::error!(%error, source = source.id, "http records not durable");
            Problem { accepted: Some(accepted), ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()) }
        })?;
        accepted += count;
    }
    Ok(accepted)
}

/// The source of this id that one of the tokens opens. Which tokens there are cannot be told from how long it takes.
fn authorise<'a>(app: &'a App, id: &'a str, headers: &HeaderMap) -> Result<&'a SourceConfig, Problem> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty());
    let Some((_, token)) = token else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "no bearer token"));
    };
    let digest = sha2::Sha256::digest(token.trim().as_bytes());
    let candidates = app.router.sources.of_id(id).filter(|source| app.router.admits(source));
    let (mut opened, mut any) = (None, false);
    for source in candidates {
        any = true;
        if source.token_sha256.iter().any(|hash| equal(hash, &digest)) {
            opened = opened.or(Some(source));
        }
    }
    match opened {
        Some(source) => Ok(source),
        None if any => Err(Problem::new(StatusCode::UNAUTHORIZED, "the token is not one of this source's")),
        None => Err(Problem::new(StatusCode::NOT_FOUND, "no such source")),
    }
}

/// Compares a hash in hex with a digest, looking at every byte whatever the first ones are.
fn equal(hex: &str, digest: &[u8]) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(16);
    let pairs = hex.as_bytes().chunks_exact(2);
    let difference = pairs
        .zip(digest)
        .fold(0, |difference, (pair, byte)| difference | ((digit(pair[0]) << 4 | digit(pair[1])) ^ u32::from(*byte)));
    difference == 0 && hex.len() == digest.len() * 2
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Encoding, Problem> {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Encoding::Identity) };
        match value.to_str().unwrap_or("?").trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Encoding::Identity),
            "gzip" | "x-gzip" => Ok(Encoding::Gzip),
            "zstd" => Ok(Encoding::Zstd),
            _ => Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content encodings are gzip, zstd and identity")),
        }
    }

    fn decode(self, body: Bytes, bytes_max: usize) -> Result<Bytes, Problem> {
        let wrong =
            |error: std::io::Error| Problem::new(StatusCode::BAD_REQUEST, &format!("decompress the body: {error}"));
        let mut plain = Vec::new();
        let limit = bytes_max as u64 + 1;
        match self {
            Encoding::Identity if body.len() > bytes_max => return Err(too_large(bytes_max, "decompressed")),
            Encoding::Identity => return Ok(body),
            Encoding::Gzip => {
                flate2::read::MultiGzDecoder::new(&*body).take(limit).read_to_end(&mut plain).map_err(wrong)?
            }
            Encoding::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(&*body).map_err(wrong)?;
                decoder.take(limit).read_to_end(&mut plain).map_err(wrong)?
            }
        };
        if plain.len() > bytes_max { Err(too_large(bytes_max, "decompressed")) } else { Ok(plain.into()) }
    }
}

/// Lines without their ends, sharing the body's memory.
fn lines(body: &Bytes) -> Result<Vec<Bytes>, Problem> {
    let mut found = Vec::new();
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', body).chain(std::iter::once(body.len()));
    for (index, end) in ends.enumerate() {
        let line = crate::framing::without_line_end(body.slice(start..end));
        start = (end + 1).min(body.len());
        if line.len() > LINE_BYTES_MAX {
            let detail = format!("line {} has {} bytes; at most {LINE_BYTES_MAX} are taken", index + 1, line.len());
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, &detail));
        }
        if !line.trim_ascii().is_empty() {
            found.push(line);
        }
    }
    Ok(found)
}

fn too_large(bytes_max: usize, how: &str) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body has more than {bytes_max} bytes {how}; split it"))
}

struct Problem {
    status: StatusCode,
    detail: String,
    accepted: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, detail: &str) -> Self {
        Problem { status, detail: detail.to_owned(), accepted: None }
    }

    fn response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("error");
        let mut body = serde_json::json!({ "title": title, "status": self.status.as_u16(), "detail": self.detail });
        if let Some(accepted) = self.accepted {
            body["accepted"] = accepted.into();
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}
