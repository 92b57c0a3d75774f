//! Logs of OpenTelemetry (OTLP 1.x): `POST /v1/logs` with protobuf or JSON, and gRPC `LogsService/Export`, on one port.
//!
//! Each log record becomes one record in OTLP's own JSON, with its resource and scope, as the file exporter writes it:
//! `{"resourceLogs":[{"resource":...,"scopeLogs":[{"scope":...,"logRecords":[...]}]}]}`. What was sent as JSON is cut and
//! put together as it is; protobuf is written in the proto3 JSON mapping, fields that this version does not know are left
//! out. Success is answered when all is durable; records that cannot be kept (longer than 1 MiB, broken) are counted in
//! `partialSuccess`. The token is `Authorization: Bearer TOKEN`, also as gRPC metadata; where it opens several sources,
//! `service.name` of the resource does not choose: give each its own token.
//!
//! | HTTP | gRPC | Means |
//! |---|---|---|
//! | 200 | OK | taken, but for what `partialSuccess` counts |
//! | 400, 415 | INVALID_ARGUMENT | not OTLP |
//! | 401 | UNAUTHENTICATED | the token |
//! | 404 | UNIMPLEMENTED | traces and metrics are not taken |
//! | 408, 429, 503 | UNAVAILABLE | send again |
//! | 413 | INVALID_ARGUMENT | split it |
//!
//! Bounds: [`RECORDS_MAX`] log records of a request, and as many bytes of them with resource and scope as a body may have
//! decompressed. Sources: OpenTelemetry, "OTLP Specification 1.x" and opentelemetry-proto `logs/v1`.

mod export;
mod grpc;
mod wire;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::json;

use self::export::{Export, Form};
use super::body::{Whole, away};
use super::problem::{self, Problem};
use super::{Call, Stamp, admit};

/// The most log records of one request.
const RECORDS_MAX: usize = 100_000;
const PROTOBUF: &str = "application/x-protobuf";

pub(super) async fn answer(call: Call) -> Response {
    if grpc::is(&call.parts.headers) {
        return grpc::answer(call).await;
    }
    let form = match media_type(&call.parts.headers) {
        "application/json" => Form::Json,
        _ => Form::Protobuf,
    };
    match accept(call, form).await {
        Ok(export) => success(form, &export),
        Err(problem) => refusal(form, problem),
    }
}

async fn accept(call: Call, form: Form) -> Result<Export, Problem> {
    match (&call.parts.method, call.parts.uri.path()) {
        (&Method::POST, "/v1/logs") => {}
        (_, "/v1/logs") => return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "send logs with POST")),
        _ => return Err(Problem::new(StatusCode::NOT_FOUND, "logs go to /v1/logs; traces and metrics are not taken")),
    }
    if form == Form::Protobuf && media_type(&call.parts.headers) != PROTOBUF {
        let detail = "logs are application/x-protobuf or application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    take(call, form, |whole, _| Ok(whole.bytes.clone())).await
}

/// Reads the message in the body, and makes its log records durable.
async fn take(
    call: Call,
    form: Form,
    message: impl FnOnce(&mut Whole, usize) -> Result<Bytes, Problem> + Send + 'static,
) -> Result<Export, Problem> {
    let Call { app, peer, parts, body } = call;
    let doors = app.doors();
    let owners = doors.admit(&parts)?;
    let several = || Problem::new(StatusCode::UNAUTHORIZED, "the token opens several sources; give each its own");
    let owner = admit::choose(owners, "").ok_or_else(several)?;
    let mut whole = app.read(&parts.headers, body).await?;
    let bytes_max = app.shared.limits.http_decompressed_bytes_max;
    let read = away(whole.bytes.len(), move || {
        let export = Export::read(&message(&mut whole, bytes_max)?, form, bytes_max)?;
        whole.hold(export.bytes)?;
        Ok::<_, Problem>((whole, export))
    });
    let (_held, mut export) = read.await??;
    let stamp = Stamp::of(peer);
    let records = std::mem::take(&mut export.records);
    match app.append(records.into_iter().map(|raw| stamp.record(owner, raw))).await {
        (_, None) => Ok(export),
        (_, Some(error)) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())),
    }
}

/// The media type without its parameters.
fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim()
}

fn success(form: Form, export: &Export) -> Response {
    match form {
        Form::Protobuf => protobuf(StatusCode::OK, export.response()),
        Form::Json => {
            let body = match export.refused {
                0 => json!({}),
                count => json!({ "partialSuccess": {
                    "rejectedLogRecords": count.to_string(), "errorMessage": export.reason,
                } }),
            };
            problem::json(StatusCode::OK, body.to_string())
        }
    }
}

/// A refusal as `google.rpc.Status`.
fn refusal(form: Form, problem: Problem) -> Response {
    let code = grpc::code(problem.status);
    let response = match form {
        Form::Json => problem::json(problem.status, json!({ "code": code, "message": problem.detail }).to_string()),
        Form::Protobuf => {
            let mut body = Vec::new();
            wire::put_varint(1, u64::from(code), &mut body);
            wire::put_bytes(2, problem.detail.as_bytes(), &mut body);
            protobuf(problem.status, body)
        }
    };
    problem::with_hints(response, "Bearer")
}

fn protobuf(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    response
}

/// How many log records a request holds, for fuzzing: each is JSON that can be read.
///
/// # Errors
/// The request would be refused.
pub(in super::super) fn check(body: &Bytes, json: bool) -> Result<usize, String> {
    let form = if json { Form::Json } else { Form::Protobuf };
    let export = Export::read(body, form, 1 << 20).map_err(|problem| problem.detail)?;
    for record in &export.records {
        assert!(record.len() <= super::RECORD_BYTES_MAX);
        if !json {
            assert!(serde_json::from_slice::<serde::de::IgnoredAny>(record).is_ok(), "{record:?}");
        }
    }
    Ok(export.records.len())
}
