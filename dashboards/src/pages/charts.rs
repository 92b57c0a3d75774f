//! Data of the charts: events per step, those the device refused, those that detection marked, and alerts as markers.
//!
//! JSON: `{from, to, interval, start: [s], total: [n], denied: [n], detections: [n], alerts: [[s, level]]}`,
//! times in seconds since 1970. At most [`MARKS_MAX`] markers.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::{AlertFilter, Bucket, SearchRequest};
use stream::fields::{EVENT_ACTION, EVENT_TYPE, SEKISHO_RULE_IDS};

use crate::context::Context;
use crate::params::Range;
use crate::{AppState, Result};

const MARKS_MAX: usize = 500;
const DENIED_ACTIONS: [&str; 9] =
    ["deny", "denied", "block", "blocked", "drop", "dropped", "reject", "rejected", "refused"];

#[derive(Serialize)]
struct Chart {
    from: i64,
    to: i64,
    interval: u64,
    start: Vec<i64>,
    total: Vec<u64>,
    denied: Vec<u64>,
    detections: Vec<u64>,
    alerts: Vec<(i64, &'static str)>,
}

/// `GET /board/chart.json`: at most 400 steps, one minute each up to six hours.
pub(crate) async fn board(State(state): State<AppState>, context: Context) -> Response {
    let range = Range::read(&context.params, context.now, "1h");
    let interval = if range.seconds() > 900 { range.interval(400).max(60) } else { range.interval(120) };
    answer(&state, &context, range, interval, true).await
}

/// `GET /search/histogram.json`: about 90 steps.
pub(crate) async fn search(State(state): State<AppState>, context: Context) -> Response {
    let range = Range::read(&context.params, context.now, "1h");
    answer(&state, &context, range, range.interval(90), false).await
}

async fn answer(state: &AppState, context: &Context, range: Range, interval: u64, board: bool) -> Response {
    let tenants = context.tenants.clone();
    let query = if board { String::new() } else { context.params.query() };
    let read = state.search_call(move |state| {
        let request = SearchRequest {
            tenants: tenants.clone(),
            query,
            from: range.from,
            to: range.to,
            ..SearchRequest::default()
        };
        let mut chart = build(state, &request, interval, board)?;
        if board {
            let filter = AlertFilter {
                tenants,
                from: Some(range.from),
                to: Some(range.to),
                limit: MARKS_MAX,
                ..AlertFilter::default()
            };
            let rows = state.database.alerts(&filter)?;
            chart.alerts = rows.iter().map(|row| (row.alert.timestamp.seconds(), row.alert.level.as_str())).collect();
        }
        Ok(chart)
    });
    match read.await {
        Ok(chart) => Json(chart).into_response(),
        Err(error) => error.into_response(),
    }
}

/// What the zone matrix counts as refused by the device.
fn denied_condition() -> String {
    let action = EVENT_ACTION.name();
    let actions: Vec<String> = DENIED_ACTIONS.iter().map(|word| format!("{action}:{word}")).collect();
    format!("({}:denied OR {})", EVENT_TYPE.name(), actions.join(" OR "))
}

fn build(state: &AppState, request: &SearchRequest, interval: u64, board: bool) -> Result<Chart> {
    let total = state.searcher.histogram(request, interval, None)?;
    let narrowed = |condition: String| -> Result<Vec<Bucket>> {
        let query = if request.query.is_empty() { condition } else { format!("({}) AND {condition}", request.query) };
        Ok(state.searcher.histogram(&SearchRequest { query, ..request.clone() }, interval, None)?)
    };
    let denied = narrowed(denied_condition())?;
    let detections = if board { narrowed(format!("{}:*", SEKISHO_RULE_IDS.name()))? } else { Vec::new() };
    let start: Vec<i64> = total.iter().map(|bucket| bucket.start.seconds()).collect();
    let aligned = |buckets: &[Bucket]| {
        let mut counts = vec![0; start.len()];
        for bucket in buckets {
            if let Ok(index) = start.binary_search(&bucket.start.seconds()) {
                counts[index] = bucket.count;
            }
        }
        counts
    };
    Ok(Chart {
        from: request.from.seconds(),
        to: request.to.seconds(),
        interval,
        total: total.iter().map(|bucket| bucket.count).collect(),
        denied: aligned(&denied),
        detections: aligned(&detections),
        start,
        alerts: Vec::new(),
    })
}
