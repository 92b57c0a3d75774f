//! What can go wrong, and how it is answered.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// This crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of pages and API.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is wrong.
    #[error("{0}")]
    Config(String),
    /// The store failed or refused the query.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Metrics could not be registered or printed.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Too many queries at once.
    #[error("too many queries at once; try again in a moment")]
    Busy,
    /// A store call panicked.
    #[error("internal error while reading the store; see the log")]
    Internal,
    /// The request cannot be understood.
    #[error("{0}")]
    BadRequest(String),
    /// It does not exist, or belongs to another tenant.
    #[error("not found")]
    NotFound,
    /// The request came from another site, or its token is missing.
    #[error("refused: the request did not come from this site; reload the page and try again")]
    Forged,
    /// Neither a session nor a token, or one that has ended.
    #[error("not signed in: send a session cookie or `Authorization: Bearer TOKEN`")]
    NotSignedIn,
    /// The account may not do this.
    #[error("refused: the account's role does not allow this")]
    Forbidden,
}

impl Error {
    /// The HTTP status it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Error::Store(store::Error::Query { .. }) | Error::BadRequest(_) => StatusCode::BAD_REQUEST,
            Error::NotFound => StatusCode::NOT_FOUND,
            Error::NotSignedIn => StatusCode::UNAUTHORIZED,
            Error::Forged | Error::Forbidden => StatusCode::FORBIDDEN,
            Error::Busy | Error::Store(store::Error::Engine { again: true, .. }) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What an outsider may read of it: internal causes stay in the log.
    pub(crate) fn public(&self) -> String {
        match self.status() {
            // Where it is and what it said is nobody's outside.
            _ if matches!(self, Error::Store(store::Error::Engine { again: true, .. })) => {
                "the search engine does not answer; what is received meanwhile is kept and will be found".into()
            }
            StatusCode::INTERNAL_SERVER_ERROR => "internal error; see the server's log".into(),
            _ => self.to_string(),
        }
    }

    /// As machines read it: `application/problem+json` (RFC 9457) with `title`, `status` and `detail`; a query that
    /// cannot be read adds `column` and `suggestion`.
    pub(crate) fn problem(&self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = %self, "api request failed");
        }
        let title = status.canonical_reason().unwrap_or("error");
        let mut body = json!({ "title": title, "status": status.as_u16(), "detail": self.public() });
        if let Error::Store(store::Error::Query { column, message, suggestion }) = self {
            body["detail"] = message.as_str().into();
            body["column"] = (*column).into();
            body["suggestion"] = suggestion.as_deref().into();
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = %self, "request failed");
        }
        (status, self.public()).into_response()
    }
}
