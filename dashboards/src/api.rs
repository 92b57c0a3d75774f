//! REST API under `/api/v1/`, and what machines ask of the service: `/metrics`, `/ready`, `/live`.
//!
//! JSON, times in RFC 3339 UTC, session cookie or `Authorization: Bearer TOKEN`. Errors are
//! `application/problem+json` (RFC 9457) with status 400, 401, 403, 404, 500 or 503; a query error has `column` too.
//! Parameters of `search` are those of the page (`q`, `f`, `range`, `from`, `to`, `tenant`) plus `limit` (1 to 1,000,
//! default 100) and `before`. It gives whole events page after page, so it wants the right to export: an operator
//! searches on the pages. Every search, and every one refused, is written to the audit log.

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
use crate::{AppState, Error, Result, format};

/// Characters of a request that the audit log keeps.
const AUDIT_CHARS_MAX: usize = 1000;
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
    let actor = context.account.name.clone();
    let asked = format::cut(&context.params.href("/api/v1/search"), AUDIT_CHARS_MAX);
    let allowed = context.may_export();
    let action = if allowed { "search.api" } else { "search.api.refused" };
    let written =
        state.database_call(move |state| Ok(state.database.audit(&actor, action, &asked, state.now())?)).await;
    if let Err(error) = written {
        return error.problem();
    }
    if !allowed {
        return Error::Forbidden.problem();
    }
    let read = state.search_call(move |state| Ok(state.searcher.search(&request)?)).await;
    let shift = context.params.column_shift();
    let damaged: u64 =
        state.live.damaged().iter().filter(|(tenant, ..)| context.sees(tenant)).map(|(_, events, ..)| events).sum();
    answer(read.map_err(|error| at_typed_column(error, &context, shift)).map(|found| {
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
            "damaged_events": damaged,
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
                "clock_skew_seconds": source.clock_skew_seconds,
                "missing_numbers": source.missing_numbers,
                "balanced": balanced(source),
            })
        })
        .collect();
    Json(json!({ "balanced": sources.iter().all(balanced), "sources": rows }))
}

/// Anything else under `/api/`.
pub(crate) async fn unknown(_context: Context) -> Response {
    Error::NotFound.problem()
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

/// `GET /ready`: 200 when records are accepted and the database answers, else 503 with the reason. What needs a hand
/// before it becomes a reason follows as lines `warning: ...`.
pub(crate) async fn ready(State(state): State<AppState>) -> Response {
    let checked = state.database_call(|state| {
        state.database.outbox_stats()?;
        Ok(state.live.ready())
    });
    match checked.await {
        Ok(Ok(())) => {
            let storage = state.live.storage();
            let free = format::bytes(storage.total_bytes.saturating_sub(storage.used_bytes));
            let mut told = String::from("ready\n");
            if storage.is_low() {
                told += &format!(
                    "warning: the disk is nearly full ({free} free); the oldest raw records will be removed\n"
                );
            }
            for (tenant, events, oldest, newest) in state.live.damaged() {
                told += &format!(
                    "warning: a part of the index is damaged: {events} events of {tenant} from {oldest} to {newest} are not found\n"
                );
            }
            if let Some(trouble) = state.live.archive_trouble() {
                told += &format!("warning: what was received is not archived: {}\n", trouble.replace('\n', " "));
            }
            told.into_response()
        }
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

pub(crate) fn answer(result: Result<Value>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => error.problem(),
    }
}

/// A query error whose column counts in `q` as it was sent, not in the query that was made of it and the filters.
fn at_typed_column(error: Error, context: &Context, shift: usize) -> Error {
    let Error::Store(store::Error::Query { column, message, suggestion }) = error else { return error };
    let typed = context.params.get("q").unwrap_or("");
    let spaces = typed.chars().take_while(|c| c.is_whitespace()).count();
    let column = (column + spaces).saturating_sub(shift).max(1);
    Error::Store(store::Error::Query { column, message, suggestion })
}
