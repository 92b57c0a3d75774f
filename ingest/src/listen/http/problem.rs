//! Why a request is refused; each protocol says it in its own words, this one in those of RFC 9457.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// A refusal.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) detail: String,
    /// How many records of the body are durable nevertheless, where that must be said.
    pub(super) accepted: Option<u64>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: &str) -> Self {
        Problem { status, detail: detail.to_owned(), accepted: None }
    }

    pub(super) fn too_large(bytes_max: usize, how: &str) -> Problem {
        let detail = format!("the body has more than {bytes_max} bytes {how}; split it");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, &detail)
    }

    pub(super) fn busy(detail: &str) -> Problem {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
    }

    /// As `application/problem+json`.
    pub(super) fn response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("error");
        let mut body = serde_json::json!({ "title": title, "status": self.status.as_u16(), "detail": self.detail });
        if let Some(accepted) = self.accepted {
            body["accepted"] = accepted.into();
        }
        let mut response = json(self.status, body.to_string());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        with_hints(response, "Bearer")
    }
}

/// An answer of JSON.
pub(super) fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// Adds what a client needs to do better: how to sign in, when to come again.
pub(super) fn with_hints(mut response: Response, schemes: &'static str) -> Response {
    let status = response.status();
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(schemes));
    }
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
