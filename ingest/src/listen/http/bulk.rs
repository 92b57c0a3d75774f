//! `_bulk`: action lines and documents in turn, each document one record, each item answered for itself and in order.
//!
//! | Item | Status |
//! |---|---|
//! | `create`, `index` with a JSON object of up to 1 MiB | 201, once it is durable |
//! | ... that is no JSON object | 400 `document_parsing_exception` |
//! | ... of more than 1 MiB | 413 `content_too_long_exception` |
//! | ... for an index that is none of the token's sources, where the token opens several | 404 `index_not_found_exception` |
//! | ... that the stream did not take, while others of the request are durable | 429 `es_rejected_execution_exception` |
//! | `update`, `delete` | 400 `illegal_argument_exception`: what was received is not changed |
//!
//! The request as a whole is 400 when action lines cannot be told from documents (nothing of it is taken), 413 above
//! [`ITEMS_MAX`] items, and 429 with `Retry-After` when the stream took nothing or too much is in work at once. Source:
//! Elasticsearch reference, "Bulk index or delete documents".

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use axum::http::StatusCode;
use axum::response::Response;
use bumpalo::Bump;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::route::Owner;
use super::body::away;
use super::problem::{self, Problem};
use super::{Call, RECORD_BYTES_MAX, Stamp, admit};
use crate::json::Walker;

/// The most items of one request.
const ITEMS_MAX: usize = 100_000;
/// The index of documents that name none.
const INDEX: &str = "sekisho";

/// One item of a request.
#[derive(Debug)]
struct Item {
    action: Action,
    index: Arc<str>,
    id: Option<String>,
    /// The document, or why it is not taken.
    document: Result<Bytes, Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Create,
    Index,
    Update,
    Delete,
}

/// Why an item is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    status: u16,
    kind: &'static str,
    reason: Cow<'static, str>,
}

const CHANGES: Fault = Fault {
    status: 400,
    kind: "illegal_argument_exception",
    reason: Cow::Borrowed("what was received is not changed; use create or index"),
};
const NO_INDEX: Fault = Fault {
    status: 404,
    kind: "index_not_found_exception",
    reason: Cow::Borrowed("the token opens several sources; name one of them as the index"),
};
const REJECTED: Fault = Fault {
    status: 429,
    kind: "es_rejected_execution_exception",
    reason: Cow::Borrowed("the stream takes nothing; send it again"),
};

/// A line that says what to do with the document after it.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    create: Option<Meta<'a>>,
    #[serde(borrow)]
    index: Option<Meta<'a>>,
    #[serde(borrow)]
    update: Option<Meta<'a>>,
    #[serde(borrow)]
    delete: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "_index")]
    index: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "_id")]
    id: Option<Id<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Id<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Number(i64),
    Other(IgnoredAny),
}

/// Answers a request of many items.
pub(super) async fn many(call: Call, index: Option<&str>) -> Result<Response, Problem> {
    let began = Instant::now();
    let whole = call.app.read(&call.parts.headers, call.body).await?;
    let doors = call.app.doors();
    let owners = doors.admit(&call.parts)?;
    let (bytes, index) = (whole.bytes.clone(), index.unwrap_or(INDEX).to_owned());
    let mut items = away(bytes.len(), move || items(&bytes, &index)).await??;
    let stamp = Stamp::of(call.peer);
    for item in &mut items {
        if item.document.is_ok() && admit::choose(owners, &item.index).is_none() {
            item.document = Err(NO_INDEX);
        }
    }
    let record = |item: &Item| {
        let document = item.document.as_ref().ok()?;
        Some(stamp.record(admit::choose(owners, &item.index)?, document.clone()))
    };
    let (durable, error) = call.app.append(items.iter().filter_map(record)).await;
    if let Some(error) = error {
        if durable == 0 {
            return Err(Problem::busy(&error.to_string()));
        }
        for item in items.iter_mut().filter(|item| item.document.is_ok()).skip(durable as usize) {
            item.document = Err(REJECTED);
        }
    }
    let took = began.elapsed().as_millis();
    let number = call.app.answers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let answer = move || reply(&items, took, &format!("{:x}-{number}", stamp.received.0));
    Ok(problem::json(StatusCode::OK, away(whole.bytes.len(), answer).await?))
}

/// Answers a request of one document.
pub(super) async fn one(call: Call, index: &str, id: Option<&str>) -> Result<Response, Problem> {
    let whole = call.app.read(&call.parts.headers, call.body).await?;
    let doors = call.app.doors();
    let owners = doors.admit(&call.parts)?;
    let refused = |fault: Fault| {
        let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::BAD_REQUEST);
        Problem::new(status, &fault.reason)
    };
    let document = document(whole.bytes.clone(), &mut Checker::default()).map_err(refused)?;
    let owner: &Owner = admit::choose(owners, index).ok_or_else(|| refused(NO_INDEX))?;
    let stamp = Stamp::of(call.peer);
    let record = stamp.record(owner, document.clone());
    if let (_, Some(error)) = call.app.append(std::iter::once(record)).await {
        return Err(Problem::busy(&error.to_string()));
    }
    let number = call.app.answers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let generated = format!("{:x}-{number}", stamp.received.0);
    let body = serde_json::json!({
        "_index": index, "_id": id.unwrap_or(&generated), "_version": 1, "result": "created",
        "_shards": { "total": 1, "successful": 1, "failed": 0 }, "_seq_no": number, "_primary_term": 1,
    });
    Ok(problem::json(StatusCode::CREATED, body.to_string()))
}

/// The items of a body, in order.
fn items(body: &Bytes, index: &str) -> Result<Vec<Item>, Problem> {
    let wrong = |number: usize, what: &str| {
        Problem::new(StatusCode::BAD_REQUEST, &format!("malformed action/metadata line [{number}]: {what}"))
    };
    let mut lines = super::lines::all_lines(body).enumerate();
    let (mut items, mut checker) = (Vec::new(), Checker::default());
    let (default, mut last): (Arc<str>, Arc<str>) = (index.into(), index.into());
    while let Some((number, line)) = lines.next() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if items.len() == ITEMS_MAX {
            let detail = format!("more than {ITEMS_MAX} items; split the request");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, &detail));
        }
        let (action, meta) = action(&line).map_err(|what| wrong(number + 1, &what))?;
        let document = match action {
            Action::Delete => Err(CHANGES),
            _ => {
                let document = lines.next().map(|(_, line)| line).filter(|line| !line.trim_ascii().is_empty());
                let document = document.ok_or_else(|| wrong(number + 1, "no document after it"))?;
                if action == Action::Update { Err(CHANGES) } else { self::document(document, &mut checker) }
            }
        };
        let index = match meta.index {
            None => Arc::clone(&default),
            Some(name) if *name == *last => Arc::clone(&last),
            Some(name) => Arc::from(&*name),
        };
        last = Arc::clone(&index);
        let id = match meta.id {
            Some(Id::Text(id)) => Some(id.into_owned()),
            Some(Id::Number(id)) => Some(id.to_string()),
            Some(Id::Other(_)) | None => None,
        };
        items.push(Item { action, index, id, document });
    }
    if items.is_empty() {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "request body is required"));
    }
    Ok(items)
}

fn action(line: &[u8]) -> Result<(Action, Meta<'_>), String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Line { create, index, update, delete } = line;
    let mut found =
        [(Action::Create, create), (Action::Index, index), (Action::Update, update), (Action::Delete, delete)]
            .into_iter()
            .filter_map(|(action, meta)| meta.map(|meta| (action, meta)));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => Err("expected one of create, index, update and delete".into()),
    }
}

/// Reads documents as the parsers will, to say at once what no parser could read.
#[derive(Default)]
pub(super) struct Checker {
    walker: Walker,
    arena: Bump,
}

impl Checker {
    /// Why the bytes are no JSON object.
    pub(super) fn object(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err("not a JSON object");
        }
        let text = String::from_utf8_lossy(bytes);
        self.arena.reset();
        self.walker.walk(&text, &self.arena, |_, _| {}).map_err(|reason| reason.0)
    }
}

fn document(bytes: Bytes, checker: &mut Checker) -> Result<Bytes, Fault> {
    if bytes.len() > RECORD_BYTES_MAX {
        let reason = format!("a document of {} bytes; at most {RECORD_BYTES_MAX} are taken", bytes.len());
        return Err(Fault { status: 413, kind: "content_too_long_exception", reason: reason.into() });
    }
    match checker.object(&bytes) {
        Ok(()) => Ok(bytes),
        Err(reason) => Err(Fault { status: 400, kind: "document_parsing_exception", reason: reason.into() }),
    }
}

/// The answer; documents without an id get one that begins with `ids`.
fn reply(items: &[Item], took: u128, ids: &str) -> String {
    let errors = items.iter().any(|item| item.document.is_err());
    let mut out = String::with_capacity(64 + items.len() * 128);
    let _ = write!(out, "{{\"took\":{took},\"errors\":{errors},\"items\":[");
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        let action = match item.action {
            Action::Create => "create",
            Action::Index => "index",
            Action::Update => "update",
            Action::Delete => "delete",
        };
        let id = item.id.clone().unwrap_or_else(|| format!("{ids}-{number}"));
        let (index, id) = (quoted(&item.index), quoted(&id));
        let _ = write!(out, "{{\"{action}\":{{\"_index\":{index},\"_id\":{id},");
        let _ = match &item.document {
            Ok(_) => write!(out, "\"_version\":1,\"result\":\"created\",\"status\":201}}}}"),
            Err(Fault { status, kind, reason }) => {
                let reason = quoted(reason);
                write!(out, "\"status\":{status},\"error\":{{\"type\":\"{kind}\",\"reason\":{reason}}}}}}}")
            }
        };
    }
    out.push_str("]}");
    out
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What a body holds, for fuzzing: items, and of them those with a document.
///
/// # Errors
/// The request as a whole would be refused.
pub(in super::super) fn check(body: &Bytes) -> Result<(usize, usize), String> {
    let items = items(body, INDEX).map_err(|problem| problem.detail)?;
    let answer: serde_json::Value = serde_json::from_str(&reply(&items, 0, "x")).map_err(|error| error.to_string())?;
    let answered = answer["items"].as_array().map_or(0, Vec::len);
    assert_eq!(answered, items.len(), "every item is answered");
    Ok((items.len(), items.iter().filter(|item| item.document.is_ok()).count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(body: &str) -> Vec<(String, u64)> {
        let items = items(&Bytes::copy_from_slice(body.as_bytes()), "path").unwrap();
        let answer: serde_json::Value = serde_json::from_str(&reply(&items, 3, "id")).unwrap();
        assert_eq!(answer["errors"], items.iter().any(|item| item.document.is_err()));
        let list = answer["items"].as_array().unwrap().iter();
        list.map(|item| {
            let (action, item) = item.as_object().unwrap().iter().next().unwrap();
            let name = format!("{action} {} {}", item["_index"].as_str().unwrap(), item["_id"].as_str().unwrap());
            (name, item["status"].as_u64().unwrap())
        })
        .collect()
    }

    #[test]
    fn every_item_is_answered_in_its_order() {
        let body = "{\"create\":{\"_index\":\"a\",\"pipeline\":\"x\"}}\n{\"m\":\"1\"}\n\
                    {\"index\":{\"_id\":7,\"_type\":\"_doc\"}}\r\n{\"m\":2}\r\n\
                    {\"delete\":{\"_index\":\"a\",\"_id\":\"1\"}}\n\
                    {\"update\":{\"_index\":\"a\",\"_id\":\"q\\\"\"}}\n{\"doc\":{}}\n\
                    {\"index\":{\"_index\":\"a\"}}\n{\"m\": nothing}\n\
                    {\"index\":{}}\n[1]\n\n\
                    {\"create\":{}}\n{\"last\":true}";
        let found = statuses(body);
        let expected = [
            ("create a id-0", 201),
            ("index path 7", 201),
            ("delete a 1", 400),
            ("update a q\"", 400),
            ("index a id-4", 400),
            ("index path id-5", 400),
            ("create path id-6", 201),
        ];
        assert_eq!(found, expected.map(|(name, status)| (name.to_owned(), status)));
        let long = format!("{{\"index\":{{}}}}\n{{\"m\":\"{}\"}}\n", "x".repeat(RECORD_BYTES_MAX));
        assert_eq!(statuses(&long)[0].1, 413);
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused_whole() {
        for (body, expected) in [
            ("", "body is required"),
            ("\n\n", "body is required"),
            ("{\"m\":1}\n", "line [1]: expected one of"),
            ("{\"index\":{}}\n", "line [1]: no document"),
            ("{\"index\":{}}\n{}\nnot json\n{}\n", "line [3]"),
            ("{\"index\":{},\"create\":{}}\n{}\n", "expected one of"),
        ] {
            let problem = items(&Bytes::copy_from_slice(body.as_bytes()), "i").unwrap_err();
            assert_eq!(problem.status, StatusCode::BAD_REQUEST);
            assert!(problem.detail.contains(expected), "{body:?}: {}", problem.detail);
        }
        let many = "{\"index\":{}}\n{}\n".repeat(ITEMS_MAX + 1);
        let problem = items(&Bytes::from(many), "i").unwrap_err();
        assert_eq!(problem.status, StatusCode::PAYLOAD_TOO_LARGE);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(body: Vec<u8>, text in "(\\{\"(index|create|delete)\":\\{\\}\\}\n|\\{[\"a:,1\\\\]{0,8}\\}\n|\n){0,8}") {
            let _ = check(&Bytes::from(body));
            let _ = check(&Bytes::from(text.into_bytes()));
        }
    }
}
