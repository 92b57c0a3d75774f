//! One event: fields, JSON and raw line, in the drawer or as a page of its own.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::Value;
use store::Hit;
use stream::fields::{DESTINATION_IP, EVENT_ORIGINAL, SEKISHO_SOURCE_ID, SOURCE_IP};
use stream::{EventId, Kind, Timestamp};

use super::alerts::text;
use super::hits::around;
use super::search::{plus_minus, shown};
use crate::context::Context;
use crate::i18n::{field_word, w};
use crate::layout::{Page, error_page, panel_error};
use crate::params::Filter;
use crate::{AppState, Error, format};

/// `GET /search/event/{id}`
pub(crate) async fn page(
    State(state): State<AppState>,
    Path(id): Path<String>,
    context: Context,
    headers: HeaderMap,
) -> Response {
    let tenants = context.tenants.clone();
    let drawer = headers.contains_key("hx-request");
    let found = match id.parse::<EventId>() {
        Err(()) => Err(Error::NotFound),
        Ok(id) => {
            let read = state.search_call(move |state| Ok(state.searcher.get(&tenants, id)?));
            read.await.and_then(|hit| hit.ok_or(Error::NotFound))
        }
    };
    match found {
        Ok(hit) if drawer => body(&state, &context, &hit, true).into_response(),
        Ok(hit) => {
            let mut page = Page::new("/search", context.t(w::EVENT));
            page.subtitle = format!("{} ・ {}", format::time(hit.timestamp), hit.id);
            page.render(&context, html! { section.card { (body(&state, &context, &hit, false)) } }).into_response()
        }
        // The drawer swaps only what succeeded, so the reason comes as a panel.
        Err(Error::NotFound) if drawer => {
            html! { div.empty { p.strong { (context.t(w::NOT_FOUND)) } p.note { (context.t(w::NOT_FOUND_HINT)) } } }
                .into_response()
        }
        Err(error) if drawer => panel_error(&context, &error).into_response(),
        Err(error) => error_page(&context, &error),
    }
}

fn body(state: &AppState, context: &Context, hit: &Hit, drawer: bool) -> Markup {
    // A map of texts and JSON values can always be written.
    let json = serde_json::to_string_pretty(&hit.event).unwrap_or_default();
    let raw = hit.event.get(EVENT_ORIGINAL.name()).map(text).unwrap_or_default();
    let source = hit.event.get(SEKISHO_SOURCE_ID.name()).map(text).unwrap_or_default();
    let same = around(hit).adding("f", &Filter::text(SEKISHO_SOURCE_ID.name(), &source, false));
    html! {
        @if drawer {
            div.drawer-head {
                div { h2 { (context.t(w::EVENT)) } p.note { (format::time(hit.timestamp)) " ・ " (hit.id.to_string()) } }
                button.button type="button" data-close aria-label=(context.t(w::CLOSE)) { "×" }
            }
        }
        div.toolbar {
            a.button href=(around(hit).href("/search")) { (context.t(w::AROUND)) }
            @if !source.is_empty() { a.button href=(same.href("/search")) { (context.t(w::SAME_SOURCE)) } }
            @if drawer { a.button href=(format!("/search/event/{}", hit.id)) { (context.t(w::PERMALINK)) } }
        }
        @if addressed(hit) {
            div data-lazy hx-get=(format!("/search/event/{}/holders", hit.id)) hx-trigger="load" { p.skeleton { (context.t(w::LOADING)) } }
        }
        div.tabs role="tablist" {
            button type="button" role="tab" aria-selected="true" aria-controls="tab-table" { (context.t(w::TAB_TABLE)) }
            button type="button" role="tab" aria-selected="false" aria-controls="tab-json" { (context.t(w::TAB_JSON)) }
            button type="button" role="tab" aria-selected="false" aria-controls="tab-raw" { (context.t(w::TAB_RAW)) }
            button.button type="button" data-copy data-done=(context.t(w::COPIED)) { (context.t(w::COPY)) }
        }
        div #tab-table role="tabpanel" {
            dl.kv data-copyable=(json) {
                @for (name, value) in hit.event.iter().filter(|(name, _)| *name != EVENT_ORIGINAL.name()) { (line(state, context, name, value)) }
            }
        }
        div #tab-json role="tabpanel" hidden { pre.block data-copyable { (format::visible(&json)) } }
        div #tab-raw role="tabpanel" hidden { div.raw data-copyable { (format::visible(&raw)) } }
    }
}

/// Whether there is an address that somebody may have held.
fn addressed(hit: &Hit) -> bool {
    [SOURCE_IP, DESTINATION_IP].iter().any(|field| hit.event.contains_key(field.name()))
}

fn line(state: &AppState, context: &Context, name: &str, value: &Value) -> Markup {
    let values: Vec<String> = match value {
        Value::Array(values) => values.iter().map(text).collect(),
        one => vec![text(one)],
    };
    html! {
        @for value in &values {
            @let instant = time_of(name, value);
            @let words = instant.map_or_else(|| shown(state, context, name, value), format::time);
            div {
                dt { @if let Some(word) = field_word(name, context.lang) { (word) } code { (name) } }
                @if instant.is_some() { dd.mono { (words) } span {} }
                @else {
                    dd.mono { (format::cut(value, 8000)) @if words != *value && value.len() <= 100 { span.quiet { " （" (words) "）" } } }
                    (plus_minus(context, name, value))
                }
            }
        }
    }
}

/// The instant of a time field: people read JST, never UTC.
fn time_of(name: &str, value: &str) -> Option<Timestamp> {
    let known = stream::fields::lookup(name).is_some_and(|field| field.kind() == Kind::Time);
    if known { Timestamp::parse_rfc3339(value) } else { None }
}
