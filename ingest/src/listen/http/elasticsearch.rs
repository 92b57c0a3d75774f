//! What shippers made for Elasticsearch expect: its document endpoints, and true-looking answers to what they ask first.
//!
//! | Path (also below `/elastic`) | Answer |
//! |---|---|
//! | `GET, HEAD /` | name and version [`VERSION`] |
//! | `/_license`, `/_xpack` | an active licence |
//! | `/_cluster/health`, `/_cat/health`, `/_nodes` | one green node |
//! | `/_template`, `/_index_template`, `/_component_template`, `/_ilm`, `/_ingest/pipeline`, `/_data_stream`, `/_alias`, an index | it exists; a change is acknowledged and without effect |
//! | `POST, PUT /_bulk`, `/{index}/_bulk`, `/{index}/{type}/_bulk` | see `bulk` |
//! | `POST, PUT /{index}/_doc[/{id}]`, `/{index}/_create/{id}`, `/{index}/{type}[/{id}]` | one document |
//!
//! Anything else is 404 and says that nothing is searched here. Every answer carries `X-Elastic-Product` and, when asked
//! for, the media type `application/vnd.elasticsearch+json`. The token is asked for everywhere, so that a shipper with a
//! wrong one learns it at its first question. Which source a document belongs to is the token's; where a token opens
//! several sources, the index name must be the id of one of them.
//!
//! Sources: Elasticsearch reference, REST APIs; elastic/beats `libbeat/licenser` and `eslegclient`; Vector, sink
//! `elasticsearch`; Logstash, output `elasticsearch`.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::problem::{self, Problem};
use super::{Call, bulk};

/// The version that is claimed: Beats and clients of 7.14 to 9 speak with it.
const VERSION: &str = "8.17.0";
const PRODUCT: HeaderName = HeaderName::from_static("x-elastic-product");
const SCHEMES: &str = "ApiKey, Basic realm=\"sekisho\", Bearer";

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Ask<'p> {
    Info,
    License,
    Xpack,
    Health,
    CatHealth,
    Nodes,
    /// Something that is set up before documents come.
    Setup,
    Bulk(Option<&'p str>),
    Document {
        index: &'p str,
        id: Option<&'p str>,
    },
    Nothing,
}

impl<'p> Ask<'p> {
    fn of(method: &Method, path: &'p str) -> Ask<'p> {
        let path =
            path.strip_prefix("/elastic").filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path);
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).take(4).collect();
        let writes = *method == Method::POST || *method == Method::PUT;
        let reads = *method == Method::GET || *method == Method::HEAD;
        match segments.as_slice() {
            [] if reads => Ask::Info,
            ["_license", ..] if reads => Ask::License,
            ["_xpack", ..] if reads => Ask::Xpack,
            ["_cluster", "health", ..] if reads => Ask::Health,
            ["_cat", "health", ..] if reads => Ask::CatHealth,
            ["_nodes", ..] if reads => Ask::Nodes,
            ["_bulk"] if writes => Ask::Bulk(None),
            [first, ..] if first.starts_with('_') => match *first {
                "_template"
                | "_index_template"
                | "_component_template"
                | "_ilm"
                | "_ingest"
                | "_data_stream"
                | "_alias"
                | "_aliases"
                | "_security" => Ask::Setup,
                _ => Ask::Nothing,
            },
            [index, "_bulk"] | [index, _, "_bulk"] if writes => Ask::Bulk(Some(index)),
            [index, "_doc" | "_create"] if writes => Ask::Document { index, id: None },
            [index, "_doc" | "_create", id] if writes => Ask::Document { index, id: Some(id) },
            [_, "_settings" | "_mapping" | "_mappings" | "_alias" | "_refresh", ..] => Ask::Setup,
            [_, second, ..] if second.starts_with('_') => Ask::Nothing,
            [index, _] if writes => Ask::Document { index, id: None },
            [index, _, id] if writes => Ask::Document { index, id: Some(id) },
            [_] if *method == Method::PUT || reads => Ask::Setup,
            _ => Ask::Nothing,
        }
    }
}

pub(super) async fn answer(call: Call) -> Response {
    let media = media_type(&call.parts.headers);
    let refused = call.app.doors().admit(&call.parts).err();
    let answered = match refused {
        None => respond(call).await,
        Some(problem) => Err(problem),
    };
    let mut response = problem::with_hints(answered.unwrap_or_else(refusal), SCHEMES);
    let headers = response.headers_mut();
    headers.insert(PRODUCT, HeaderValue::from_static("Elasticsearch"));
    let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if let Some(media) = media.filter(|_| is_json) {
        headers.insert(header::CONTENT_TYPE, media);
    }
    response
}

async fn respond(call: Call) -> Result<Response, Problem> {
    let (method, path) = (call.parts.method.clone(), call.parts.uri.path().to_owned());
    let body = match Ask::of(&method, &path) {
        Ask::Bulk(index) => return bulk::many(call, index).await,
        Ask::Document { index, id } => return bulk::one(call, index, id).await,
        Ask::CatHealth if !call.parts.uri.query().unwrap_or("").contains("json") => {
            return Ok("sekisho green 1 1 1 1 0 0 0 0 - 100.0%\n".into_response());
        }
        Ask::Info => info(),
        Ask::License => json!({ "license": license() }),
        Ask::Xpack => json!({ "build": {}, "license": license(), "features": {} }),
        Ask::Health | Ask::CatHealth => health(),
        Ask::Nodes => json!({ "_nodes": { "total": 0, "successful": 0, "failed": 0 }, "nodes": {} }),
        Ask::Setup if method == Method::GET || method == Method::HEAD => json!({}),
        Ask::Setup => json!({ "acknowledged": true, "shards_acknowledged": true }),
        Ask::Nothing => {
            let detail = format!("{method} {path}: documents are taken here, nothing is searched or managed");
            return Err(Problem::new(StatusCode::NOT_FOUND, &detail));
        }
    };
    Ok(problem::json(StatusCode::OK, body.to_string()))
}

fn info() -> serde_json::Value {
    json!({
        "name": "sekisho",
        "cluster_name": "sekisho",
        "cluster_uuid": "sekisho-0000000000000",
        "version": {
            "number": VERSION,
            "build_flavor": "default",
            "build_type": "sekisho",
            "build_snapshot": false,
            "lucene_version": "9.12.0",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    })
}

fn license() -> serde_json::Value {
    json!({
        "uid": "sekisho",
        "type": "basic",
        "mode": "basic",
        "status": "active",
        "expiry_date_in_millis": 4_102_444_800_000_u64,
    })
}

fn health() -> serde_json::Value {
    json!({
        "cluster_name": "sekisho",
        "status": "green",
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": 1,
        "active_shards": 1,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "active_shards_percent_as_number": 100.0,
    })
}

/// A refusal as Elasticsearch says it.
fn refusal(problem: Problem) -> Response {
    let kind = match problem.status {
        StatusCode::UNAUTHORIZED => "security_exception",
        StatusCode::NOT_FOUND => "resource_not_found_exception",
        StatusCode::TOO_MANY_REQUESTS => "es_rejected_execution_exception",
        StatusCode::PAYLOAD_TOO_LARGE => "content_too_long_exception",
        StatusCode::BAD_REQUEST => "illegal_argument_exception",
        _ => "exception",
    };
    let cause = json!({ "type": kind, "reason": problem.detail });
    let mut error = cause.clone();
    error["root_cause"] = json!([cause]);
    problem::json(problem.status, json!({ "error": error, "status": problem.status.as_u16() }).to_string())
}

/// The media type of newer clients, with the version that the client names.
fn media_type(headers: &HeaderMap) -> Option<HeaderValue> {
    let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
    let (_, rest) = accept.split_once("application/vnd.elasticsearch+json")?;
    let version = rest.split_once("compatible-with=").map_or("8", |(_, version)| version);
    let version = version.get(..1).filter(|digit| digit.bytes().all(|byte| byte.is_ascii_digit())).unwrap_or("8");
    HeaderValue::from_str(&format!("application/vnd.elasticsearch+json;compatible-with={version}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shippers_ask() {
        for (method, path, expected) in [
            (Method::HEAD, "/", Ask::Info),
            (Method::GET, "/elastic", Ask::Info),
            (Method::GET, "/elastic/", Ask::Info),
            (Method::GET, "/_license", Ask::License),
            (Method::GET, "/_xpack", Ask::Xpack),
            (Method::GET, "/_cluster/health", Ask::Health),
            (Method::GET, "/_cat/health", Ask::CatHealth),
            (Method::GET, "/_nodes/http", Ask::Nodes),
            (Method::GET, "/_ilm/policy/filebeat", Ask::Setup),
            (Method::PUT, "/_index_template/filebeat-8.17.0", Ask::Setup),
            (Method::HEAD, "/_template/logstash", Ask::Setup),
            (Method::GET, "/_ingest/pipeline/x", Ask::Setup),
            (Method::HEAD, "/filebeat-8.17.0", Ask::Setup),
            (Method::POST, "/_bulk", Ask::Bulk(None)),
            (Method::POST, "/fw/_bulk", Ask::Bulk(Some("fw"))),
            (Method::PUT, "/elastic/fw/events/_bulk", Ask::Bulk(Some("fw"))),
            (Method::POST, "/fw/_doc", Ask::Document { index: "fw", id: None }),
            (Method::PUT, "/fw/_create/7", Ask::Document { index: "fw", id: Some("7") }),
            (Method::POST, "/system/events", Ask::Document { index: "system", id: None }),
            (Method::POST, "/fw/_search", Ask::Nothing),
            (Method::GET, "/_search", Ask::Nothing),
            (Method::GET, "/_bulk", Ask::Nothing),
            (Method::DELETE, "/fw", Ask::Nothing),
            (Method::POST, "/elasticity/_bulk", Ask::Bulk(Some("elasticity"))),
        ] {
            assert_eq!(Ask::of(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn the_clients_media_type_comes_back() {
        let mut headers = HeaderMap::new();
        assert_eq!(media_type(&headers), None);
        for (accept, expected) in [
            ("application/vnd.elasticsearch+json; compatible-with=9", "9"),
            ("application/vnd.elasticsearch+json;compatible-with=8,text/plain", "8"),
            ("application/vnd.elasticsearch+json", "8"),
        ] {
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            let found = media_type(&headers).unwrap();
            assert_eq!(found.to_str().unwrap().rsplit('=').next(), Some(expected));
        }
    }
}
