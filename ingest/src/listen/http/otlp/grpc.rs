//! gRPC around OTLP: one length-prefixed message in, one out, the status in trailers.
//!
//! Only what a unary call needs, on the HTTP/2 of the server that is there already: a framework for gRPC would bring a
//! second stack and a code generator for a single method. Source: grpc.io, "gRPC over HTTP2".

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::body::Frame;

use super::super::Call;
use super::super::body::Whole;
use super::super::problem::Problem;
use super::export::Form;
use super::take;

const METHOD: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const PREFIX_BYTES: usize = 5;

/// Whether the request is one of gRPC.
pub(super) fn is(headers: &HeaderMap) -> bool {
    super::media_type(headers).starts_with("application/grpc")
}

pub(super) async fn answer(call: Call) -> Response {
    match accept(call).await {
        Ok(message) => {
            let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
            framed.put_u8(0);
            framed.put_u32(message.len() as u32);
            framed.extend_from_slice(&message);
            respond(Body::new(Unary { message: Some(framed.freeze()), ended: false }), HeaderMap::new())
        }
        Err(problem) => respond(Body::empty(), status(code(problem.status), &problem.detail)),
    }
}

async fn accept(mut call: Call) -> Result<Vec<u8>, Problem> {
    if call.parts.uri.path() != METHOD {
        return Err(Problem::new(StatusCode::NOT_FOUND, "only LogsService/Export is here"));
    }
    let compression = call.parts.headers.remove("grpc-encoding");
    let gzip = match compression.as_ref().map(HeaderValue::as_bytes) {
        None | Some(b"identity") => false,
        Some(b"gzip") => true,
        Some(_) => return Err(Problem::new(StatusCode::NOT_FOUND, "grpc-encoding is gzip or identity")),
    };
    // The messages are compressed here, never the body.
    call.parts.headers.remove(header::CONTENT_ENCODING);
    let export = take(call, Form::Protobuf, move |whole, bytes_max| message(whole, gzip, bytes_max)).await?;
    Ok(export.response())
}

/// The one message of a body.
fn message(whole: &mut Whole, gzip: bool, bytes_max: usize) -> Result<Bytes, Problem> {
    let wrong = |what| Problem::new(StatusCode::BAD_REQUEST, what);
    let body = whole.bytes.clone();
    let Some(([compressed, length @ ..], rest)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(wrong("the message has no prefix"));
    };
    if rest.len() != u32::from_be_bytes(*length) as usize {
        return Err(wrong("not one whole message"));
    }
    match (compressed, gzip) {
        (0, _) => Ok(body.slice(PREFIX_BYTES..)),
        (1, true) => whole.gunzip(rest, bytes_max),
        _ => Err(wrong("the message is compressed, and grpc-encoding does not say how")),
    }
}

/// gRPC's number for a status of HTTP. What may be sent again is UNAVAILABLE: senders retry it without being told when.
pub(super) fn code(status: StatusCode) -> u8 {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::PAYLOAD_TOO_LARGE => 3,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => 12,
        StatusCode::INTERNAL_SERVER_ERROR => 13,
        StatusCode::UNAUTHORIZED => 16,
        _ => 14,
    }
}

fn status(code: u8, message: &str) -> HeaderMap {
    let mut status = HeaderMap::new();
    status.insert("grpc-status", HeaderValue::from(u16::from(code)));
    let plain: String = message.chars().filter(|c| (' '..='~').contains(c) && *c != '%').collect();
    if let Ok(message) = HeaderValue::from_str(&plain) {
        status.insert("grpc-message", message);
    }
    status
}

fn respond(body: Body, status: HeaderMap) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().extend(status);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// A message, and the trailers that say that all went well.
struct Unary {
    message: Option<Bytes>,
    ended: bool,
}

impl hyper::body::Body for Unary {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        if let Some(message) = self.message.take() {
            return Poll::Ready(Some(Ok(Frame::data(message))));
        }
        if std::mem::replace(&mut self.ended, true) {
            return Poll::Ready(None);
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn one_message_in_a_body() {
        let message = |body: &Bytes, gzip, bytes_max| message(&mut Whole::of(body.clone()), gzip, bytes_max);
        let plain = Bytes::from_static(b"\0\0\0\0\x02ab");
        assert_eq!(message(&plain, false, 9).unwrap(), "ab");
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(&[b'x'; 100]).unwrap();
        let gz = gz.finish().unwrap();
        let mut body = vec![1, 0, 0, 0, gz.len() as u8];
        body.extend(gz);
        let body = Bytes::from(body);
        assert_eq!(message(&body, true, 100).unwrap().len(), 100);
        assert_eq!(message(&body, true, 99).unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(message(&body, false, 100).is_err());
        for broken in [&b""[..], b"\0\0\0", b"\0\0\0\0\x03ab", b"\0\0\0\0\x01ab", b"\x01\0\0\0\x02ab"] {
            assert!(message(&Bytes::copy_from_slice(broken), true, 9).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn a_status_fits_a_header() {
        let status = status(14, "日本 100% full\n");
        assert_eq!(status["grpc-status"], "14");
        assert_eq!(status["grpc-message"], " 100 full");
    }
}
