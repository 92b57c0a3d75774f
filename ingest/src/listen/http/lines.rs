//! `POST /ingest/v1/{source}`: lines or NDJSON over HTTP, one record per line.
//!
//! The token is one of the source's (`token_sha256` in sources.toml). `Content-Encoding` gzip, deflate or zstd. Blank
//! lines are passed over. The answer comes when every record is durable: `200 {"accepted":n}`.
//!
//! | Status | Means | Do |
//! |---|---|---|
//! | 400 | the body cannot be decompressed | repair it |
//! | 401 | no token, or not one of this source's | |
//! | 404 | no such source, no such path | |
//! | 405 | not POST | |
//! | 408 | the body came too slowly | send again |
//! | 413 | body or line too large, decompressed or not | split it |
//! | 415 | another content encoding | gzip, deflate, zstd or none |
//! | 429 | too many requests, or bytes of them, at once | send again after `Retry-After` seconds |
//! | 503 | the stream takes nothing; `accepted` records of the body are durable | send again, without those |
//!
//! Errors are `application/problem+json` (RFC 9457).

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;

use super::body::away;
use super::problem::Problem;
use super::{Call, RECORD_BYTES_MAX, Stamp};

pub(super) async fn answer(call: Call) -> Response {
    match accept(call).await {
        Ok(accepted) => axum::Json(serde_json::json!({ "accepted": accepted })).into_response(),
        Err(problem) => problem.response(),
    }
}

async fn accept(call: Call) -> Result<u64, Problem> {
    let Call { app, peer, parts, body } = call;
    let id = parts.uri.path().strip_prefix("/ingest/v1/").filter(|id| !id.is_empty() && !id.contains('/'));
    let id = id.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "lines go to /ingest/v1/{source}"))?;
    if parts.method != Method::POST {
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "send lines with POST"));
    }
    let doors = app.doors();
    let owners = doors.admit(&parts)?;
    let Some(owner) = owners.iter().find(|(_, source)| **source == *id) else {
        return Err(match doors.exist(id) {
            true => Problem::new(StatusCode::UNAUTHORIZED, "the token is not one of this source's"),
            false => Problem::new(StatusCode::NOT_FOUND, "no such source"),
        });
    };
    let whole = app.read(&parts.headers, body).await?;
    let bytes = whole.bytes.clone();
    away(bytes.len(), move || check(&bytes)).await??;
    let stamp = Stamp::of(peer);
    let (accepted, error) = app.append(lines(&whole.bytes).map(|line| stamp.record(owner, line))).await;
    match error {
        None => Ok(accepted),
        Some(error) => {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, &error.to_string());
            Err(Problem { accepted: Some(accepted), ..problem })
        }
    }
}

/// Lines without their ends, sharing the body's memory; blank ones are left out.
pub(super) fn lines(body: &Bytes) -> impl Iterator<Item = Bytes> + Send {
    all_lines(body).filter(|line| !line.trim_ascii().is_empty())
}

pub(super) fn all_lines(body: &Bytes) -> impl Iterator<Item = Bytes> + Send {
    let (body, mut start) = (body.clone(), 0);
    std::iter::from_fn(move || {
        if start >= body.len() {
            return None;
        }
        let end = memchr::memchr(b'\n', &body[start..]).map_or(body.len(), |length| start + length);
        let line = crate::framing::without_line_end(body.slice(start..end));
        start = end + 1;
        Some(line)
    })
}

/// Whether every line is within its bound.
pub(super) fn check(body: &Bytes) -> Result<(), Problem> {
    let long = all_lines(body).enumerate().find(|(_, line)| line.len() > RECORD_BYTES_MAX);
    long.map_or(Ok(()), |(index, line)| {
        let detail = format!("line {} has {} bytes; at most {RECORD_BYTES_MAX} are taken", index + 1, line.len());
        Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, &detail))
    })
}
