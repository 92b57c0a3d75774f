//! REST API under `/api/v1/`, and what machines ask of the service: `/metrics`, `/ready`, `/live`.
//!
//! JSON, times in RFC 3339 UTC, session cookie or `Authorization: Bearer TOKEN`. Errors are
//! `{"error": "...", "column": n}` with status 400, 401, 404 or 500. Parameters of `search` are those of the page
//! (`q`, `f`, `range`, `from`, `to`, `tenant`) plus `limit` (1 to 1,000, default 100) and `before`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use store::{AlertFilter, SearchRequest};

use crate::auth::{bearer_token, equal_secret};
use crate::context::Context;
use crate::pages::hits::cursor;
use crate::pages::sources::balanced;
use crate::params::Range;
use crate::{AppState, Error, Result};

const LIMIT_MAX: usize = 1000;

/// `GET /api/v1/search`
pub(crate) async fn search(State(state): State<AppState>, context: Context) -> Response {
    let range = Range::read(&context.params, context.now, "1h");
    let request = SearchRequest {
        tenants: context.tenants.clone(),
        query: context.params.query(),
        from: range.from,
        to: range.to,
        limit: limit(&context, 100),
        before: context.params.get("before").and_then(cursor),
        newest_first: true,
    };
    let (actor, asked) = (context.account.name.clone(), context.params.href("/api/v1/search"));
    let read = state.search_call(move |state| {
        state.database.audit(&actor, "search.api", &asked, state.now())?;
        Ok(state.searcher.search(&request)?)
    });
    answer(read.await.map(|found| {
        let next = found.hits.last().map(|hit| format!("{}_{}", hit.timestamp.0, hit.id));
        let hits: Vec<Value> = found
            .hits
            .into_iter()
            .map(|hit| {
                let mut event = hit.event;
                event.insert("_id".into(), hit.id.to_string().into());
                Value::Object(event)
            })
            .collect();
        json!({
            "hits": hits,
            "next": next,
            "took_ms": found.took.as_secs_f64() * 1000.0,
            "scanned_splits": found.scanned_splits,
            "total_splits": found.total_splits,
        })
    }))
}

/// `GET /api/v1/alerts`: `state`, `level`, `rule`, `limit`, `offset`.
pub(crate) async fn alerts(State(state): State<AppState>, context: Context) -> Response {
    let params = &context.params;
    let filter = AlertFilter {
        tenants: context.tenants.clone(),
        states: params.all("state").filter_map(|state| state.parse().ok()).collect(),
        levels: params.all("level").filter_map(|level| level.parse().ok()).collect(),
        rule: params.get("rule").map(str::to_owned),
        from: params.get("from").and_then(crate::format::parse_time),
        to: params.get("to").and_then(crate::format::parse_time),
        limit: limit(&context, 100),
        offset: params.get("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0),
    };
    let read = state.database_call(move |state| Ok(state.database.alerts(&filter)?));
    answer(read.await.map(|rows| {
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| {
                json!({
                    "alert": row.alert,
                    "state": row.state.as_str(),
                    "verdict": row.verdict.map(store::Verdict::as_str),
                    "assignee": row.assignee,
                    "received": row.received.to_string(),
                    "updated": row.updated.to_string(),
                })
            })
            .collect();
        json!({ "alerts": rows })
    }))
}

/// `GET /api/v1/accounting`: per source, `received = indexed + filtered + in_flight`.
pub(crate) async fn accounting(State(state): State<AppState>, context: Context) -> Json<Value> {
    let sources: Vec<_> = state.live.sources().into_iter().filter(|source| context.sees(&source.tenant)).collect();
    let rows: Vec<Value> = sources
        .iter()
        .map(|source| {
            json!({
                "tenant": source.tenant,
                "source": source.id,
                "product": source.product,
                "received": source.received,
                "indexed": source.indexed,
                "filtered": source.filtered,
                "in_flight": source.in_flight,
                "parse_failures": source.parse_failures,
                "kernel_drops": source.kernel_drops,
                "last_received": source.last_received.map(|at| at.to_string()),
                "silent": source.silent,
                "balanced": balanced(source),
            })
        })
        .collect();
    Json(json!({ "balanced": sources.iter().all(balanced), "sources": rows }))
}

/// `GET /api/v1/rules`
pub(crate) async fn rules(State(state): State<AppState>, _context: Context) -> Json<Value> {
    let rows: Vec<Value> = state
        .rules
        .load()
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "title": rule.title,
                "title_en": rule.title_en,
                "level": rule.level,
                "usecases": rule.usecases,
                "logsource": rule.logsource,
                "enabled": rule.enabled,
                "problem": rule.problem,
                "last_match": rule.last_match.map(|at| at.to_string()),
            })
        })
        .collect();
    Json(json!({ "rules": rows }))
}

/// Anything else under `/api/`.
pub(crate) async fn unknown(_context: Context) -> Response {
    failure(&Error::NotFound)
}

/// `GET /metrics`: Prometheus text format 0.0.4.
pub(crate) async fn metrics(State(state): State<AppState>, headers: HeaderMap) -> Result<Response> {
    if let Some(wanted) = &state.config.metrics_token
        && !bearer_token(&headers).is_some_and(|sent| equal_secret(&sent, wanted))
    {
        return Ok((StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], "token needed").into_response());
    }
    let text = prometheus::TextEncoder::new().encode_to_string(&state.registry.gather())?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}

/// `GET /ready`: 200 when records are accepted and the database answers, else 503 with the reason.
pub(crate) async fn ready(State(state): State<AppState>) -> Response {
    let checked = state.database_call(|state| {
        state.database.outbox_stats()?;
        Ok(state.live.ready())
    });
    match checked.await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(reason)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
        }
    }
}

/// `GET /live`: 200 while the process answers.
pub(crate) async fn live() -> &'static str {
    "live\n"
}

fn limit(context: &Context, default: usize) -> usize {
    context.params.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(default).clamp(1, LIMIT_MAX)
}

fn answer(result: Result<Value>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => failure(&error),
    }
}

fn failure(error: &Error) -> Response {
    let mut body = json!({ "error": error.public() });
    if let Error::Store(store::Error::Query { column, message, suggestion }) = error {
        body = json!({ "error": message, "column": column, "suggestion": suggestion });
    } else if error.status().is_server_error() {
        tracing::error!(error = %error, "api request failed");
    }
    (error.status(), Json(body)).into_response()
}
