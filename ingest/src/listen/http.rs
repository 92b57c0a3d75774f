//! `POST /ingest/v1/{source}`: lines or NDJSON, one record per line, answered when durable.
//!
//! `Authorization: Bearer TOKEN` says whose source it is: tokens are kept as SHA-256 in sources.toml and compared in
//! constant time. Bodies may be gzip or zstd. Bounds: [`BODY_BYTES_MAX`] on the wire, [`TEXT_BYTES_MAX`] unpacked.
//! Answers: 200 `{"accepted": n}`; 401, 413, 415, 503 as RFC 9457 problems.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::{Context, Queued, now, record};
use crate::sources::SourceConfig;

/// The largest body on the wire, in bytes.
const BODY_BYTES_MAX: usize = 16 << 20;
/// The largest body unpacked, in bytes.
const TEXT_BYTES_MAX: u64 = 128 << 20;

pub(super) async fn start(context: Context) -> io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(context.listener.bind).await?;
    let address = listener.local_addr()?;
    let (stop, tasks) = (context.stop.clone(), context.tasks.clone());
    let router = Router::new()
        .route("/ingest/v1/{source}", post(ingest))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(context)
        .into_make_service_with_connect_info::<SocketAddr>();
    tasks.spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await }).await;
        if let Err(error) = served {
            tracing::error!(%error, "the HTTP listener stopped");
        }
    });
    Ok(address)
}

async fn ingest(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(source) = authorised(&context, &source, &headers) else {
        context.metrics.refused.with_label_values(&["token"]).inc();
        return problem(StatusCode::UNAUTHORIZED, "no source of this name has this token; see token_sha256 in sources.toml");
    };
    let who: (Arc<str>, Arc<str>) = (source.tenant.as_str().into(), source.id.as_str().into());
    let text = match unpack(&headers, body) {
        Ok(text) => text,
        Err((status, why)) => {
            context.metrics.refused.with_label_values(&["body"]).inc();
            return problem(status, why);
        }
    };
    let received = now();
    let lines = memchr::memchr_iter(b'\n', &text).chain([text.len()]);
    let (mut records, mut start) = (Vec::new(), 0);
    for end in lines {
        let line = text.slice(start.min(end)..end);
        let length = line.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(0, |last| last + 1);
        if length > 0 {
            records.push(record(&who, peer.ip(), received, line.slice(..length)));
        }
        start = end + 1;
    }
    let accepted = records.len();
    if accepted == 0 {
        return axum::Json(serde_json::json!({ "accepted": 0 })).into_response();
    }
    context.count(&records);
    let (done, durable) = oneshot::channel();
    if context.queue.send(Queued { records, done: Some(done) }).await.is_err() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "sekisho is stopping; send the same body again");
    }
    match durable.await {
        Ok(Ok(())) => axum::Json(serde_json::json!({ "accepted": accepted })).into_response(),
        Ok(Err(_)) | Err(_) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "the records are not durable; send the same body again")
        }
    }
}

/// The source of this name whose token this is; every candidate is compared, so time tells nothing.
fn authorised<'a>(context: &'a Context, id: &str, headers: &HeaderMap) -> Option<&'a SourceConfig> {
    let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    let hash = hex(&Sha256::digest(token.trim().as_bytes()));
    let mut found = None;
    for source in context.sources.iter().filter(|source| source.id == id) {
        for expected in &source.token_sha256 {
            if same(expected.to_ascii_lowercase().as_bytes(), hash.as_bytes()) {
                found = Some(source);
            }
        }
    }
    found.filter(|source| context.listener.tenant.as_ref().is_none_or(|tenant| *tenant == source.tenant))
}

/// Compares in time that depends on the length only.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unpack(headers: &HeaderMap, body: Bytes) -> Result<Bytes, (StatusCode, &'static str)> {
    let encoding = headers.get(header::CONTENT_ENCODING).map_or("identity", |value| value.to_str().unwrap_or("?"));
    match encoding {
        "identity" => Ok(body),
        "gzip" => read_capped(flate2::read::MultiGzDecoder::new(&body[..])),
        "zstd" => match zstd::stream::read::Decoder::new(&body[..]) {
            Ok(decoder) => read_capped(decoder),
            Err(_) => Err((StatusCode::BAD_REQUEST, "the body is not zstd")),
        },
        _ => Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Encoding must be gzip, zstd or absent")),
    }
}

fn read_capped(reader: impl Read) -> Result<Bytes, (StatusCode, &'static str)> {
    let mut text = Vec::new();
    match reader.take(TEXT_BYTES_MAX + 1).read_to_end(&mut text) {
        Err(_) => Err((StatusCode::BAD_REQUEST, "the body does not unpack")),
        Ok(_) if text.len() as u64 > TEXT_BYTES_MAX => {
            Err((StatusCode::PAYLOAD_TOO_LARGE, "the body unpacks to more than 128 MiB; send smaller ones"))
        }
        Ok(_) => Ok(text.into()),
    }
}

fn problem(status: StatusCode, detail: &'static str) -> Response {
    let title = status.canonical_reason().unwrap_or("error");
    let body = serde_json::json!({ "type": "about:blank", "status": status.as_u16(), "title": title, "detail": detail });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
