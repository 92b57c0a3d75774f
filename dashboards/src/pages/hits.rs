//! The table of hits, newest first, in pages of [`PAGE_ROWS`]; `before=nanoseconds_id` continues after a hit.

use axum::extract::State;
use maud::{Markup, html};
use serde_json::{Map, Value};
use store::{Hit, Hits, SearchRequest};
use stream::fields::{
    DESTINATION_IP, DESTINATION_PORT, EVENT_ACTION, EVENT_KIND, EVENT_ORIGINAL, EVENT_OUTCOME, EVENT_TYPE, MESSAGE,
    SEKISHO_DESTINATION_ZONE, SEKISHO_SOURCE_ID, SEKISHO_SOURCE_ZONE, SOURCE_IP, URL_ORIGINAL, USER_NAME,
};
use stream::{EventId, FieldId, Timestamp};

use super::alerts::text;
use super::search::{plus_minus, shown};
use crate::context::Context;
use crate::i18n::{Lang, Word, w};
use crate::icons::icon;
use crate::layout::{panel_error, query_error};
use crate::params::{Params, Range};
use crate::{AppState, Error, format};

/// Characters of a zone's name in a row.
const ZONE_CHARS_MAX: usize = 16;
const PAGE_ROWS: usize = 100;
const CELL_CHARS_MAX: usize = 24;

/// `GET /search/hits`; the first page of a search is written to the audit log.
pub(crate) async fn fragment(State(state): State<AppState>, context: Context) -> Markup {
    let range = Range::read(&context.params, context.now, "1h");
    let before = context.params.get("before").and_then(cursor);
    let (tenants, query, actor) = (context.tenants.clone(), context.params.query(), context.account.name.clone());
    let read = state.search_call(move |state| {
        if before.is_none() {
            let object = format!("{} {} {} {query}", tenants.join(","), range.from, range.to);
            state.database.audit(&actor, "search", &format::cut(&object, 1000), state.now())?;
        }
        let (from, to) = (range.from, range.to);
        let request = SearchRequest { tenants, query, from, to, limit: PAGE_ROWS, before, newest_first: true };
        Ok(state.searcher.search(&request)?)
    });
    match read.await {
        Ok(hits) if hits.hits.is_empty() => empty(&context),
        Ok(hits) => table(&state, &context, &hits),
        Err(Error::Store(store::Error::Query { column, message, suggestion })) => {
            query_error(&context, column, &message, suggestion.as_deref())
        }
        Err(error) => panel_error(&context, &error),
    }
}

/// Reads `nanoseconds_id`.
pub(crate) fn cursor(text: &str) -> Option<(Timestamp, EventId)> {
    let (nanos, id) = text.split_once('_')?;
    Some((Timestamp(nanos.parse().ok()?), id.parse().ok()?))
}

fn empty(context: &Context) -> Markup {
    let params = context.params.without("before").without("event");
    let last = params.all("f").last().map(str::to_owned);
    let dropped = match &last {
        Some(filter) => params.removing("f", filter),
        None => params.without("q"),
    };
    html! {
        div.empty {
            p.strong { (context.t(w::NO_HITS)) }
            div.chips {
                a.chip href=(params.without("from").without("to").with("range", "24h").href("/search")) { (context.t(w::NO_HITS_WIDEN)) }
                @if dropped != params { a.chip href=(dropped.href("/search")) { (context.t(w::NO_HITS_DROP)) } }
                a.chip href="/sources" { (context.t(w::NO_HITS_SOURCES)) }
            }
        }
    }
}

fn table(state: &AppState, context: &Context, hits: &Hits) -> Markup {
    let older = (hits.hits.len() == PAGE_ROWS).then(|| hits.hits.last()).flatten();
    html! {
        header {
            h2 { (context.t(w::HITS)) }
            span.note {
                (context.t(w::HITS_SHOWN)) " " (hits.hits.len()) " " (context.t(w::UNIT)) " ・ "
                (format!("{:.1}", hits.took.as_secs_f64() * 1000.0)) " ms ・ "
                (context.t(w::SCANNED)) " " (hits.scanned_splits) "/" (hits.total_splits)
            }
            span.end { (export_menu(context)) }
        }
        div.scroll {
            table.list.hits.cards {
                thead { tr {
                    th { (context.t(w::TIME)) } th { (context.t(w::ZONE)) } th { (context.t(w::SOURCE_IP)) } th { (context.t(w::DESTINATION)) }
                    th { (context.t(w::USER)) } th { (context.t(w::ACTION)) } th { (context.t(w::DEVICE)) } th { (context.t(w::CONTENT)) }
                } }
                tbody { @for hit in &hits.hits { (row(state, context, hit)) } }
            }
        }
        @if let Some(hit) = older {
            nav.pager { a.button href=(context.params.without("event").with("before", &format!("{}_{}", hit.timestamp.0, hit.id)).href("/search")) { (context.t(w::OLDER)) " →" } }
        }
    }
}

fn export_menu(context: &Context) -> Markup {
    let link =
        |format: &str| context.params.without("before").without("event").with("format", format).href("/search/export");
    html! {
        @if context.may_export() {
            a.button href=(link("csv")) title=(context.t(w::CSV_EXCEL)) { (icon("download")) (context.t(w::CSV)) }
            a.button href=(link("ndjson")) { (icon("download")) (context.t(w::NDJSON)) }
        }
    }
}

fn row(state: &AppState, context: &Context, hit: &Hit) -> Markup {
    let id = hit.id.to_string();
    let link = context.params.without("event").href(&format!("/search/event/{id}"));
    html! {
        tr data-row {
            td.when.nowrap { a data-open data-drawer=(id) href=(link) title=(format::time(hit.timestamp)) { (format::time_short(hit.timestamp)) } }
            td.flow { (zones(state, context, &hit.event)) }
            (value_cell(state, context, &hit.event, SOURCE_IP))
            (destination_cell(context, &hit.event))
            (value_cell(state, context, &hit.event, USER_NAME))
            (outcome_cell(context, &hit.event))
            (value_cell(state, context, &hit.event, SEKISHO_SOURCE_ID))
            td.what { div.line title=(format::cut(&content(&hit.event), 1000)) { (format::cut(&content(&hit.event), 400)) } }
        }
    }
}

fn get(event: &Map<String, Value>, field: FieldId) -> String {
    event.get(field.name()).map(text).unwrap_or_default()
}

fn zones(state: &AppState, context: &Context, event: &Map<String, Value>) -> Markup {
    let pair = [SEKISHO_SOURCE_ZONE, SEKISHO_DESTINATION_ZONE].map(|field| get(event, field));
    let name = |id: &str| format::cut(&context.zone_short(state, id), ZONE_CHARS_MAX);
    html! {
        @match (pair[0].is_empty(), pair[1].is_empty()) {
            (true, true) => {},
            (false, true) => (name(&pair[0])),
            (true, false) => { "→ " (name(&pair[1])) },
            (false, false) if pair[0] == pair[1] => (name(&pair[0])),
            (false, false) => { (name(&pair[0])) " → " (name(&pair[1])) },
        }
        @if !pair[0].is_empty() { (plus_minus(context, SEKISHO_SOURCE_ZONE.name(), &pair[0])) }
    }
}

fn value_cell(state: &AppState, context: &Context, event: &Map<String, Value>, field: FieldId) -> Markup {
    let value = get(event, field);
    html! {
        @if value.is_empty() { td.blank {} }
        @else { td.inline.mono { span title=(format::cut(&value, 300)) { (format::cut(&shown(state, context, field.name(), &value), CELL_CHARS_MAX)) } (plus_minus(context, field.name(), &value)) } }
    }
}

fn destination_cell(context: &Context, event: &Map<String, Value>) -> Markup {
    let (ip, port) = (get(event, DESTINATION_IP), get(event, DESTINATION_PORT));
    html! {
        @if ip.is_empty() && port.is_empty() { td.blank {} }
        @else {
            td.inline.mono {
                (ip) @if !port.is_empty() { span.quiet { ":" (port) } }
                @if !ip.is_empty() { (plus_minus(context, DESTINATION_IP.name(), &ip)) }
            }
        }
    }
}

fn outcome_cell(context: &Context, event: &Map<String, Value>) -> Markup {
    let (action, outcome, kind) = (get(event, EVENT_ACTION), get(event, EVENT_OUTCOME), get(event, EVENT_KIND));
    let denied = get(event, EVENT_TYPE).split(", ").any(|word| word == "denied");
    let failed = kind == "pipeline_error";
    let bad = denied || outcome == "failure" || failed;
    let word = if failed {
        context.t(w::FAILURES).to_owned()
    } else if denied {
        context.t(w::DENIED).to_owned()
    } else {
        outcome_word(&outcome, context.lang).to_owned()
    };
    html! {
        td.inline.nowrap {
            @if !word.is_empty() { span.out.bad[bad] { (word) } " " }
            (format::cut(&action, 24))
            @if !action.is_empty() { (plus_minus(context, EVENT_ACTION.name(), &action)) }
        }
    }
}

fn outcome_word(outcome: &str, lang: Lang) -> &str {
    match outcome {
        "success" => lang.t(Word("成功", "success")),
        "failure" => lang.t(Word("失敗", "failure")),
        _ => "",
    }
}

fn content(event: &Map<String, Value>) -> String {
    [URL_ORIGINAL, MESSAGE, EVENT_ORIGINAL]
        .into_iter()
        .map(|field| get(event, field))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

/// Parameters of the search that shows the hit with five minutes around it.
pub(crate) fn around(hit: &Hit) -> Params {
    let nanos = 300 * stream::NANOS_PER_SECOND;
    crate::params::absolute(&Params::default(), hit.timestamp.plus_nanos(-nanos), hit.timestamp.plus_nanos(nanos))
}
