//! ログ検索: the page around three independent requests (hits, histogram, facets), and the facets.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use store::SearchRequest;
use stream::FieldId;
use stream::fields;

use crate::context::Context;
use crate::i18n::{field_word, w};
use crate::icons::bar;
use crate::layout::{Page, damage, panel_error, presets, tenant_chips};
use crate::params::{Filter, Range};
use crate::{AppState, Error, format};

const PATH: &str = "/search";
const VALUES_MAX: usize = 10;
const FACETS: [FieldId; 12] = [
    fields::SEKISHO_SOURCE_ZONE,
    fields::SEKISHO_DESTINATION_ZONE,
    fields::EVENT_TYPE,
    fields::EVENT_OUTCOME,
    fields::SOURCE_IP,
    fields::DESTINATION_IP,
    fields::DESTINATION_PORT,
    fields::USER_NAME,
    fields::SEKISHO_SOURCE_ID,
    fields::SEKISHO_FLOW_VERDICT,
    fields::SEKISHO_RULE_IDS,
    fields::EVENT_KIND,
];

/// `GET /search`
pub(crate) async fn page(State(state): State<AppState>, context: Context) -> Response {
    let range = Range::read(&context.params, context.now, "1h");
    let here = |path: &str| context.params.without("event").href(path);
    let content = html! {
        (damage(&context, &state).unwrap_or_default())
        section.card {
            (query_form(&context))
            (time_bar(&context, range))
            (pills(&context))
        }
        div.results {
            aside.card.side {
                header { h2 { (context.t(w::FACETS)) } }
                div data-lazy hx-get=(here("/search/facets")) hx-trigger="load" { p.skeleton { (context.t(w::LOADING)) } }
            }
            div.stack {
                section.card {
                    details.fold open {
                        summary { h2.visually-hidden { (context.t(w::HISTOGRAM)) } span.pane-title { (context.t(w::HISTOGRAM)) span { i.key.total {} (context.t(w::TOTAL)) " " b data-sum="total" { "–" } } span { i.key.deny {} (context.t(w::DENIED)) " " b data-sum="denied" { "–" } } span.note { (context.t(w::CHART_HINT)) } } }
                        div.chart #search-chart data-chart=(here("/search/histogram.json")) {
                            p.skeleton data-chart-state { (context.t(w::LOADING)) }
                            div data-pane="total denied" data-height="120" data-bars="1" {}
                            p.chart-foot { span data-when {} }
                        }
                    }
                }
                section.card #hits data-lazy hx-get=(here("/search/hits")) hx-trigger="load" { p.skeleton { (context.t(w::LOADING)) } }
            }
        }
        dialog.drawer #drawer aria-label=(context.t(w::EVENT)) { div #drawer-body {} }
    };
    let mut page = Page::new(PATH, context.t(w::SEARCH));
    let query = context.params.query();
    page.window = (!query.is_empty()).then(|| format!("{} ・ {}", format::cut(&query, 60), context.t(w::SEARCH)));
    page.charts = true;
    page.tools = tenant_chips(&context, &state, PATH);
    page.render(&context, content).into_response()
}

fn query_form(context: &Context) -> Markup {
    html! {
        form #query-form method="get" action=(PATH) role="search" {
            div.querybar {
                label.visually-hidden for="q" { (context.t(w::QUERY)) }
                input #q type="search" name="q" value=[context.params.get("q")] placeholder=(context.t(w::QUERY_HINT)) autocomplete="off" spellcheck="false" maxlength="4000";
                button.button.primary type="submit" { (context.t(w::RUN)) }
            }
            @for (key, value) in context.params.others(&["q", "before", "event"]) { input type="hidden" name=(key) value=(value); }
        }
    }
}

fn time_bar(context: &Context, range: Range) -> Markup {
    html! {
        div.timebar {
            (presets(context, PATH, range, &["15m", "1h", "6h", "24h", "7d", "30d"]))
            details.absolute {
                summary.button { (context.t(w::ABSOLUTE)) }
                form.pop method="get" action=(PATH) {
                    label { (context.t(w::FROM)) input type="datetime-local" name="from" step="1" value=(format::local_input(range.from)) required; }
                    label { (context.t(w::TO)) input type="datetime-local" name="to" step="1" value=(format::local_input(range.to)) required; }
                    @for (key, value) in context.params.others(&["from", "to", "range", "before", "event"]) { input type="hidden" name=(key) value=(value); }
                    button.button.primary type="submit" { (context.t(w::APPLY)) }
                }
            }
            a.button.plain data-window="previous" href=(range.moved(&context.params, -1).without("event").href(PATH)) title=(context.t(w::PREVIOUS)) { "← " kbd { "[" } }
            span.note.nowrap { (format::time(range.from)) " – " (format::time(range.to)) }
            a.button.plain data-window="next" href=(range.moved(&context.params, 1).without("event").href(PATH)) title=(context.t(w::NEXT)) { kbd { "]" } " →" }
            span.keys { kbd { "/" } (context.t(w::KEYS_FOCUS)) kbd { "J" } kbd { "K" } (context.t(w::KEYS_MOVE)) kbd { "Enter" } (context.t(w::KEYS_OPEN)) }
        }
    }
}

fn pills(context: &Context) -> Markup {
    let filters = context.params.filters();
    let base = context.params.without("before").without("event");
    html! {
        @if !filters.is_empty() {
            div.pills {
                @for filter in &filters {
                    @let text = Filter::text(&filter.field, &filter.value, filter.not);
                    @let turned = base.removing("f", &text).adding("f", &Filter::text(&filter.field, &filter.value, !filter.not));
                    span.pill.not[filter.not] {
                        a href=(turned.href(PATH)) title=(context.t(if filter.not { w::INCLUDE } else { w::EXCLUDE })) { (if filter.not { "≠" } else { "＝" }) }
                        span { (field_word(&filter.field, context.lang).unwrap_or(&filter.field)) ": " b { (format::cut(&filter.value, 80)) } }
                        a href=(base.removing("f", &text).href(PATH)) title=(context.t(w::REMOVE)) aria-label=(context.t(w::REMOVE)) { "×" }
                    }
                }
                @if filters.len() > 1 { a.button.plain href=(base.without("f").href(PATH)) { (context.t(w::CLEAR)) } }
            }
        }
    }
}

/// `GET /search/facets`: the most frequent values of the fields people filter by.
pub(crate) async fn facets(State(state): State<AppState>, context: Context) -> Markup {
    let range = Range::read(&context.params, context.now, "1h");
    let (tenants, query) = (context.tenants.clone(), context.params.query());
    let read = state.search_call(move |state| {
        let request = SearchRequest { tenants, query, from: range.from, to: range.to, ..SearchRequest::default() };
        let mut all = Vec::with_capacity(FACETS.len());
        for field in FACETS {
            all.push((field.name(), state.searcher.terms(&request, field.name(), VALUES_MAX)?));
        }
        Ok(all)
    });
    let all = match read.await {
        Ok(all) => all,
        // The hits point at the column; once is enough.
        Err(Error::Store(store::Error::Query { .. })) => return html! { p.note { (context.t(w::QUERY_ERROR)) } },
        Err(error) => return panel_error(&context, &error),
    };
    html! {
        @for (field, values) in all.iter().filter(|(_, values)| !values.is_empty()) { (facet(&state, &context, field, values)) }
        @if all.iter().all(|(_, values)| values.is_empty()) { p.note { (context.t(w::NO_HITS)) } }
    }
}

fn facet(state: &AppState, context: &Context, field: &str, values: &[(String, u64)]) -> Markup {
    let most = values.iter().map(|(_, count)| *count).max().unwrap_or(0);
    html! {
        section.facet {
            h3 { @if let Some(word) = field_word(field, context.lang) { (word) " " } code { (field) } }
            ul {
                @for (value, count) in values {
                    li {
                        span.value title=(value) { (shown(state, context, field, value)) }
                        span.quiet { (format::short(*count, context.lang)) }
                        (plus_minus(context, field, value))
                        (bar("bar", *count, most))
                    }
                }
            }
        }
    }
}

/// A value with its name beside it where it has one: zones, verdicts, rules.
pub(crate) fn shown(state: &AppState, context: &Context, field: &str, value: &str) -> String {
    let cut = format::cut(value, 120);
    if field == fields::SEKISHO_SOURCE_ZONE.name() || field == fields::SEKISHO_DESTINATION_ZONE.name() {
        return context.zone_short(state, value);
    }
    if field == fields::SEKISHO_FLOW_VERDICT.name() {
        return crate::i18n::verdict_word(value, context.lang).map_or(cut, str::to_owned);
    }
    if field == fields::SEKISHO_RULE_IDS.name() {
        return state.rule(value).map_or(cut, |rule| rule.title);
    }
    cut
}

/// ＋ and － of a value: links that narrow the search.
pub(crate) fn plus_minus(context: &Context, field: &str, value: &str) -> Markup {
    let base = context.params.without("before").without("event");
    let link = |not: bool| {
        base.removing("f", &Filter::text(field, value, !not)).adding("f", &Filter::text(field, value, not)).href(PATH)
    };
    html! {
        span.pm {
            a href=(link(false)) title=(context.t(w::INCLUDE)) aria-label=(format!("{}: {field} {}", context.t(w::INCLUDE), format::cut(value, 60))) { "＋" }
            a href=(link(true)) title=(context.t(w::EXCLUDE)) aria-label=(format!("{}: {field} {}", context.t(w::EXCLUDE), format::cut(value, 60))) { "－" }
        }
    }
}
