//! HTTP to the engine: one blocking request at a time per caller, over kept connections.
//!
//! What may go right when it is tried again (no connection, 401, 403, 408, 429, 5xx) is an error with `again` set; the writer waits
//! on it as on a full disk. Secrets are read once, sent as a header and never printed. Redirects are not followed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};

use super::ElasticsearchConfig;
use crate::{Error, Result};

/// The longest answer that is read.
pub(super) const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// Why an answer longer than that is an error.
pub(super) const TOO_LONG: &str = "the answer is longer than 64 MiB";
/// How much of an answer is shown in an error.
const SHOWN_BYTES_MAX: usize = 300;

/// The nodes.
pub(super) struct Client {
    agent: ureq::Agent,
    urls: Vec<String>,
    /// The node that answered last.
    current: AtomicUsize,
    /// The value of `authorization`.
    authorization: Option<String>,
}

/// A request: what it is for, and what is sent.
pub(super) struct Request<'a> {
    /// For errors: `index events`, `search`.
    pub(super) action: &'static str,
    pub(super) method: &'static str,
    /// Begins with `/`; made of constants and index names only.
    pub(super) path: &'a str,
    pub(super) body: Option<&'a [u8]>,
    pub(super) timeout: Duration,
}

/// An answer, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    url: String,
}

impl Client {
    pub(super) fn new(config: &ElasticsearchConfig) -> Result<Client> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = &config.ca {
            let pem = std::fs::read(path).map_err(Error::io("read the authorities in", path))?;
            let certificates: Vec<Certificate<'static>> = ureq::tls::parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                let reason = format!("{} holds no certificate in PEM form", path.display());
                return Err(Error::Invalid { what: "store.elasticsearch.ca", reason });
            }
            tls = tls.root_certs(RootCerts::Specific(Arc::new(certificates)));
        }
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent("sekisho")
            .tls_config(tls.build())
            .build()
            .into();
        let urls = config.urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        Ok(Client { agent, urls, current: AtomicUsize::new(0), authorization: authorization(config)? })
    }

    /// Asks one node after the other until one answers.
    pub(super) fn send(&self, request: &Request<'_>) -> Result<Answer> {
        let first = self.current.load(Ordering::Relaxed);
        let mut failure = None;
        for turn in 0..self.urls.len() {
            let node = (first + turn) % self.urls.len();
            match self.send_to(&self.urls[node], request) {
                Ok(answer) => {
                    self.current.store(node, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| refused(request.action, "", "no node is configured".into(), true)))
    }

    fn send_to(&self, base: &str, request: &Request<'_>) -> Result<Answer> {
        let url = format!("{base}{}", request.path);
        let failed = |error: ureq::Error| match error {
            ureq::Error::BodyExceedsLimit(_) => refused(request.action, &url, TOO_LONG.into(), false),
            error => refused(request.action, &url, error.to_string(), true),
        };
        let mut builder = ureq::http::Request::builder().method(request.method).uri(&url);
        if let Some(authorization) = &self.authorization {
            builder = builder.header("authorization", authorization);
        }
        let kind = if request.path.ends_with("_bulk") || request.path.ends_with("_msearch") {
            "application/x-ndjson"
        } else {
            "application/json"
        };
        let unsent = |error: ureq::http::Error| refused(request.action, &url, error.to_string(), false);
        let mut answer = match request.body {
            Some(body) => {
                let sent = builder.header("content-type", kind).body(body).map_err(unsent)?;
                let configured = self.agent.configure_request(sent).timeout_global(Some(request.timeout)).build();
                self.agent.run(configured)
            }
            None => {
                let sent = builder.body(()).map_err(unsent)?;
                let configured = self.agent.configure_request(sent).timeout_global(Some(request.timeout)).build();
                self.agent.run(configured)
            }
        }
        .map_err(failed)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().map_err(failed)?;
        Ok(Answer { status, body, url })
    }
}

impl Answer {
    /// The body of a 2xx answer; any other is an error.
    pub(super) fn good(self, action: &'static str) -> Result<Value> {
        if !(200..300).contains(&self.status) {
            return Err(self.refused(action));
        }
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| refused(action, &self.url, format!("an answer that is not JSON ({error})"), false))
    }

    pub(super) fn refused(&self, action: &'static str) -> Error {
        let answer = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        let reason = match reason_of(&answer["error"]) {
            Some(reason) => reason,
            None => String::from_utf8_lossy(&self.body[..self.body.len().min(SHOWN_BYTES_MAX)]).into_owned(),
        };
        let advice = match self.status {
            401 => "; look at user and password_file, or api_key_file",
            403 => "; the user needs more rights, or the engine's disks are full",
            413 => "; lower store.elasticsearch.bulk_bytes_max",
            _ => "",
        };
        let reason = format!("HTTP status {}: {reason}{advice}", self.status);
        refused_with(action, &self.url, reason, self.status)
    }
}

/// Whether the same may be accepted later.
fn may_pass(status: u16) -> bool {
    matches!(status, 401 | 403 | 408 | 429 | 500..=599)
}

/// An error of the engine in words: its type and reason.
pub(super) fn reason_of(error: &Value) -> Option<String> {
    let kind = error["type"].as_str()?;
    let reason = error["reason"].as_str().unwrap_or("");
    let cause = error["caused_by"]["reason"].as_str().map(|cause| format!(" ({cause})")).unwrap_or_default();
    let mut reason = format!("{kind}: {reason}{cause}");
    reason.truncate(reason.floor_char_boundary(SHOWN_BYTES_MAX));
    Some(reason)
}

pub(super) fn refused(action: &'static str, place: &str, reason: String, again: bool) -> Error {
    Error::Engine { action, place: place.to_owned(), reason, again, status: None }
}

/// As [`refused`], by a status that says whether the same may pass later.
pub(super) fn refused_with(action: &'static str, place: &str, reason: String, status: u16) -> Error {
    Error::Engine { action, place: place.to_owned(), reason, again: may_pass(status), status: Some(status) }
}

fn authorization(config: &ElasticsearchConfig) -> Result<Option<String>> {
    let secret = |path: &std::path::Path| -> Result<String> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read the secret in", path))?;
        Ok(text.lines().next().unwrap_or("").to_owned())
    };
    if let (Some(user), Some(path)) = (&config.user, &config.password_file) {
        let pair = format!("{user}:{}", secret(path)?);
        return Ok(Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))));
    }
    config.api_key_file.as_deref().map(|path| Ok(format!("ApiKey {}", secret(path)?.trim()))).transpose()
}
