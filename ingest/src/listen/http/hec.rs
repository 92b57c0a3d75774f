//! Splunk's HTTP Event Collector.
//!
//! | Path | Body | Record |
//! |---|---|---|
//! | `POST /services/collector`, `.../event`, `.../event/1.0` | JSON objects one after another, or an array of them | each object whole: `time`, `host`, `event`... are read later |
//! | `POST /services/collector/raw`, `.../raw/1.0` | lines | each line; `host`, `source` and `sourcetype` of the query are not kept |
//! | `POST /services/collector/ack` | `{"acks":[0,1]}` | none |
//! | `GET /services/collector/health`, `.../health/1.0` | | none |
//!
//! The token is `Authorization: Splunk TOKEN`; where it opens several sources, an event's `index` names one of them.
//! Success is answered when all is durable, so an acknowledgement asked for later is always given: requests with a
//! channel (`X-Splunk-Request-Channel` or `channel` in the query) get an `ackId`. A body holds at most [`EVENTS_MAX`] events. Of a body with a bad event those before
//! it are taken, and `invalid-event-number` says which it is, counted from 0.
//!
//! | Code | Status | Means |
//! |---|---|---|
//! | 0 | 200 | all is durable |
//! | 2, 3 | 401 | no token; `Authorization` cannot be read |
//! | 4 | 403 | the token is no source's |
//! | 5, 6 | 400 | no data; not JSON objects |
//! | 7 | 400 | `index` is none of the token's sources |
//! | 8, 9 | 500, 503 | an error here; too much at once or the stream takes nothing: send again after `Retry-After` |
//! | 10 | 400 | `ack` without a channel |
//! | 12, 13 | 400 | an event without `event`; with an empty one |
//! | 17, 18 | 200, 503 | healthy; busy |
//!
//! Sources: Splunk, "HTTP Event Collector REST API endpoints" and "Troubleshoot HTTP Event Collector"; Vector, sink
//! `splunk_hec_logs`.

use std::sync::atomic::Ordering;

use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::route::Owner;
use super::body::away;
use super::bulk::Checker;
use super::problem::{self, Problem};
use super::{Call, RECORD_BYTES_MAX, Stamp, admit};
use crate::json::{Members, value_end};

/// The most events of one body.
const EVENTS_MAX: usize = 100_000;

/// What is said with a status, a code and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    status: u16,
    code: u8,
    text: &'static str,
    /// The first event that was not taken.
    event: Option<usize>,
}

const fn said(status: u16, code: u8, text: &'static str) -> Said {
    Said { status, code, text, event: None }
}

const NO_TOKEN: Said = said(401, 2, "Token is required");
const NO_SCHEME: Said = said(401, 3, "Invalid authorization");
const WRONG_TOKEN: Said = said(403, 4, "Invalid token");
const NO_DATA: Said = said(400, 5, "No data");
const FORMAT: Said = said(400, 6, "Invalid data format");
const INDEX: Said = said(400, 7, "Incorrect index");
const INTERNAL: Said = said(500, 8, "Internal server error");
const BUSY: Said = said(503, 9, "Server is busy");
const NO_CHANNEL: Said = said(400, 10, "Data channel is missing");
const NO_EVENT: Said = said(400, 12, "Event field is required");
const BLANK_EVENT: Said = said(400, 13, "Event field cannot be blank");
const HEALTHY: Said = said(200, 17, "HEC is healthy");
const UNHEALTHY: Said = said(503, 18, "HEC is unhealthy, queues are full");
const NO_PATH: Said = said(404, 6, "The requested URL was not found on this server.");
const TOO_LARGE: Said = said(413, 6, "An event or the body is too large");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Events,
    Raw,
    Acks,
    Health,
}

impl Ask {
    fn of(method: &Method, path: &str) -> Option<Ask> {
        let rest = path.trim_end_matches('/').strip_prefix("/services/collector")?;
        match (rest, method) {
            ("" | "/event" | "/event/1.0", &Method::POST) => Some(Ask::Events),
            ("/raw" | "/raw/1.0", &Method::POST) => Some(Ask::Raw),
            ("/ack" | "/ack/1.0", &Method::POST) => Some(Ask::Acks),
            ("/health" | "/health/1.0", &Method::GET | &Method::HEAD) => Some(Ask::Health),
            _ => None,
        }
    }
}

pub(super) async fn answer(call: Call) -> Response {
    let body = match Ask::of(&call.parts.method, call.parts.uri.path()) {
        None => Err(NO_PATH),
        // Load balancers ask without a token.
        Some(Ask::Health) if call.app.requests.available_permits() == 0 => Err(UNHEALTHY),
        Some(Ask::Health) => Err(HEALTHY),
        Some(Ask::Acks) => acks(call).await,
        Some(ask @ (Ask::Events | Ask::Raw)) => take(call, ask).await,
    };
    let response = match body {
        Ok(body) => problem::json(StatusCode::OK, body.to_string()),
        Err(said) => said.response(),
    };
    problem::with_hints(response, "Splunk")
}

async fn take(call: Call, ask: Ask) -> Result<Value, Said> {
    let Call { app, peer, parts, body } = call;
    let doors = app.doors();
    let owners = doors.admit(&parts).map_err(|_| refusal(&parts))?;
    let whole = app.read(&parts.headers, body).await.map_err(said_of)?;
    let bytes = whole.bytes.clone();
    if bytes.trim_ascii().is_empty() {
        return Err(NO_DATA);
    }
    let stamp = Stamp::of(peer);
    let (durable, error, bad) = if ask == Ask::Raw {
        let owner = admit::choose(owners, &query(&parts, "index").unwrap_or_default()).ok_or(INDEX)?;
        let lines = bytes.clone();
        away(bytes.len(), move || super::lines::check(&lines)).await.and_then(|checked| checked).map_err(said_of)?;
        let (durable, error) = app.append(super::lines::lines(&bytes).map(|line| stamp.record(owner, line))).await;
        (durable, error, None)
    } else {
        let owners = owners.to_vec();
        let (events, bad) = away(bytes.len(), move || events(&bytes, &owners)).await.map_err(said_of)?;
        let records = events.into_iter().map(|(owner, event)| stamp.record(&owner, event));
        let (durable, error) = app.append(records).await;
        (durable, error, bad)
    };
    if error.is_some() {
        // What is durable already comes twice: the protocol cannot say how many are.
        tracing::debug!(durable, "asked to send again");
        return Err(BUSY);
    }
    if let Some(bad) = bad {
        return Err(bad);
    }
    let mut body = json!({ "text": "Success", "code": 0 });
    if channel(&parts).is_some() {
        body["ackId"] = app.answers.fetch_add(1, Ordering::Relaxed).into();
    }
    Ok(body)
}

/// Whatever was answered with success is durable: every number that is asked for is acknowledged.
async fn acks(call: Call) -> Result<Value, Said> {
    let Call { app, parts, body, .. } = call;
    app.doors().admit(&parts).map_err(|_| refusal(&parts))?;
    channel(&parts).ok_or(NO_CHANNEL)?;
    let whole = app.read(&parts.headers, body).await.map_err(said_of)?;
    let asked: Value = serde_json::from_slice(&whole.bytes).map_err(|_| FORMAT)?;
    let asked = asked["acks"].as_array().ok_or(FORMAT)?;
    let acks: serde_json::Map<String, Value> =
        asked.iter().filter_map(Value::as_u64).map(|id| (id.to_string(), true.into())).collect();
    Ok(json!({ "acks": acks }))
}

/// The events of a body with their owners, up to the first bad one, and what is wrong with that.
fn events(body: &Bytes, owners: &[Owner]) -> (Vec<(Owner, Bytes)>, Option<Said>) {
    let (mut events, mut checker) = (Vec::new(), Checker::default());
    let is_array = body.trim_ascii_start().first() == Some(&b'[');
    let mut at = if is_array { body.len() - body.trim_ascii_start().len() + 1 } else { 0 };
    loop {
        let rest = &body[at..];
        let between = rest.iter().take_while(|byte| byte.is_ascii_whitespace() || is_array && **byte == b',').count();
        at += between;
        let rest = &body[at..];
        if rest.is_empty() || is_array && rest.trim_ascii() == b"]" {
            return (events, None);
        }
        let found = value_end(rest).ok_or(FORMAT).and_then(|length| {
            if events.len() == EVENTS_MAX {
                return Err(TOO_LARGE);
            }
            let owner = owner(&rest[..length], owners, &mut checker)?;
            Ok((owner.clone(), body.slice(at..at + length)))
        });
        match found {
            Ok((owner, event)) => {
                at += event.len();
                events.push((owner, event));
            }
            Err(bad) => {
                let bad = Said { event: Some(events.len()), ..bad };
                return (events, Some(bad));
            }
        }
    }
}

/// Whose event it is.
fn owner<'o>(event: &[u8], owners: &'o [Owner], checker: &mut Checker) -> Result<&'o Owner, Said> {
    if event.len() > RECORD_BYTES_MAX {
        return Err(TOO_LARGE);
    }
    checker.object(event).map_err(|_| FORMAT)?;
    let member = |name: &[u8]| Members::of(event).find(|(key, _)| *key == name).map(|(_, value)| value);
    match member(b"event") {
        None => return Err(NO_EVENT),
        Some(b"\"\"" | b"null") => return Err(BLANK_EVENT),
        Some(_) => {}
    }
    let index: Option<String> = member(b"index").and_then(|name| serde_json::from_slice(name).ok());
    admit::choose(owners, &index.unwrap_or_default()).ok_or(INDEX)
}

/// The channel of a request.
fn channel(parts: &Parts) -> Option<String> {
    let header = parts.headers.get("x-splunk-request-channel").and_then(|value| value.to_str().ok());
    header.map(str::to_owned).or_else(|| query(parts, "channel")).filter(|channel| !channel.is_empty())
}

/// A value of the query, as it is written.
fn query(parts: &Parts, name: &str) -> Option<String> {
    let pairs = parts.uri.query().unwrap_or("").split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// Why a request without a good token is refused.
fn refusal(parts: &Parts) -> Said {
    match parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or("")) {
        None => NO_TOKEN,
        Some(value) if value.split_once(' ').is_some_and(|(_, token)| !token.trim().is_empty()) => WRONG_TOKEN,
        Some(_) => NO_SCHEME,
    }
}

fn said_of(problem: Problem) -> Said {
    match problem.status {
        StatusCode::TOO_MANY_REQUESTS => BUSY,
        StatusCode::PAYLOAD_TOO_LARGE => TOO_LARGE,
        StatusCode::INTERNAL_SERVER_ERROR => INTERNAL,
        status => Said { status: status.as_u16(), ..FORMAT },
    }
}

impl Said {
    fn response(self) -> Response {
        let mut body = json!({ "text": self.text, "code": self.code });
        if let Some(event) = self.event {
            body["invalid-event-number"] = event.into();
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        problem::json(status, body.to_string())
    }
}

/// How many events a body holds, for fuzzing; whatever they are, they lie in the body one after another.
pub(in super::super) fn check(body: &Bytes) -> usize {
    let (events, bad) = events(body, &[("t".into(), "s".into())]);
    assert!(bad.is_none_or(|bad| bad.event == Some(events.len())));
    assert!(events.iter().map(|(_, event)| event.len()).sum::<usize>() <= body.len());
    events.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, owners: &[&str]) -> (Vec<String>, Option<(u8, usize)>) {
        let owners: Vec<Owner> = owners.iter().map(|id| ("t".into(), (*id).into())).collect();
        let (events, bad) = events(&Bytes::copy_from_slice(body.as_bytes()), &owners);
        let text = |(owner, event): &(Owner, Bytes)| format!("{} {}", owner.1, String::from_utf8_lossy(event));
        (events.iter().map(text).collect(), bad.map(|bad| (bad.code, bad.event.unwrap())))
    }

    #[test]
    fn events_come_one_after_another() {
        let (a, b) = ("{\"event\":\"x}\",\"time\":1.5}", "{\"event\":{\"a\":[1]},\"fields\":{}}");
        let expected = vec![format!("s {a}"), format!("s {b}")];
        for body in [format!("{a}{b}"), format!(" {a}\r\n\n{b}\n"), format!("[{a},{b}] "), format!("[ {a} , {b}\n]")] {
            assert_eq!(read(&body, &["s"]), (expected.clone(), None), "{body}");
        }
    }

    #[test]
    fn a_bad_event_is_named_and_those_before_it_are_taken() {
        let good = "{\"event\":\"x\"}";
        for (bad, code) in [
            ("{\"time\":1}", 12),
            ("{\"event\":\"\"}", 13),
            ("{\"event\":null}", 13),
            ("{\"event\":", 6),
            ("{\"event\" 1}", 6),
            ("text", 6),
            ("]", 6),
        ] {
            let (events, found) = read(&format!("{good}{good}{bad}{good}"), &["s"]);
            assert_eq!((events.len(), found), (2, Some((code, 2))), "{bad}");
        }
    }

    #[test]
    fn an_index_chooses_among_several_sources() {
        let body = "{\"event\":1,\"index\":\"b\"}{\"event\":2,\"index\":\"c\"}";
        let (events, bad) = read(body, &["a", "b"]);
        assert_eq!((events.len(), bad), (1, Some((7, 1))));
        assert!(events[0].starts_with("b "));
    }

    #[test]
    fn paths() {
        assert_eq!(Ask::of(&Method::POST, "/services/collector"), Some(Ask::Events));
        assert_eq!(Ask::of(&Method::POST, "/services/collector/raw/1.0"), Some(Ask::Raw));
        assert_eq!(Ask::of(&Method::GET, "/services/collector/health/"), Some(Ask::Health));
        assert_eq!(Ask::of(&Method::GET, "/services/collector/event"), None);
        assert_eq!(Ask::of(&Method::POST, "/other"), None);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(body: Vec<u8>, text in "[\\[\\]{}\",:\\\\event0-9 .-]{0,40}") {
            check(&Bytes::from(body));
            check(&Bytes::from(text.into_bytes()));
        }
    }
}
