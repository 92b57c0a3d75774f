//! 監視ボード: what needs a hand, whether data flows, and who talks to whom.
//!
//! Figures, matrix, chart and alerts are separate requests: a slow or failed one leaves the others alone. They refresh
//! every `refresh_seconds` while the page is open; the figures bring the navigation's number of open alerts along. New
//! alerts are also said to screen readers, in one sentence and only when there are some: the page itself is not a live
//! region, for it changes every few seconds.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use store::{AlertFilter, AlertRow, AlertState, MatrixCell, SearchRequest};
use stream::{Level, Timestamp};

use super::alerts::{Column, table};
use crate::context::Context;
use crate::format;
use crate::i18n::{Lang, w};
use crate::icons::{bar, icon, severity};
use crate::layout::{Page, archive, damage, open_badge, panel_error, presets, stale, tenant_chips, tenant_names};
use crate::params::{Filter, Params, Range};
use crate::{AppState, Error, Result, SourceLive};

const DEFAULT_RANGE: &str = "1h";
const ALERTS_SHOWN: usize = 20;
const ZONES_MAX: usize = 8;
const LABEL_CHARS_MAX: usize = 20;

/// `GET /`
pub(crate) async fn page(State(state): State<AppState>, context: Context) -> Response {
    let range = Range::read(&context.params, context.now, DEFAULT_RANGE);
    let every = state.config.refresh_seconds;
    let figures = figures(&state, &context).await;
    let alerts = alerts(&state, &context).await;
    let body = html! {
        p.visually-hidden #new-alerts role="status" data-one=(context.t(w::NEW_ALERTS)) {}
        div.stack.board {
            div.kpis-slot #figures hx-get=(context.params.href("/board/figures")) hx-trigger=(format!("every {every}s")) { (figures) }
            div.halves {
                section.card {
                    header { h2 { (context.t(w::MATRIX)) } (matrix_legend(&context)) }
                    div #matrix.scroll data-lazy hx-get=(context.params.href("/board/matrix")) hx-trigger=(format!("load, every {every}s")) {
                        p.skeleton { (context.t(w::LOADING)) }
                    }
                }
                (chart(&context, range, every))
            }
            section.card.alerts #alerts hx-get=(context.params.href("/board/alerts")) hx-trigger=(format!("every {every}s")) { (alerts) }
        }
    };
    let mut page = Page::new("/", context.t(w::BOARD));
    page.subtitle = tenant_names(&context, &state);
    page.charts = true;
    page.tools = html! {
        (tenant_chips(&context, &state, "/"))
        (presets(&context, "/", range, &["15m", "1h", "6h", "24h"]))
    };
    page.render(&context, body).into_response()
}

/// `GET /board/figures`
pub(crate) async fn figures_fragment(State(state): State<AppState>, context: Context) -> Markup {
    html! { (figures(&state, &context).await) (open_badge(context.open, true)) }
}

/// `GET /board/alerts`
pub(crate) async fn alerts_fragment(State(state): State<AppState>, context: Context) -> Markup {
    alerts(&state, &context).await
}

/// `GET /board/matrix`
pub(crate) async fn matrix_fragment(State(state): State<AppState>, context: Context) -> Markup {
    let range = Range::read(&context.params, context.now, DEFAULT_RANGE);
    let tenants = context.tenants.clone();
    let cells = state.search_call(move |state| {
        let request = SearchRequest { tenants, from: range.from, to: range.to, ..SearchRequest::default() };
        Ok(state.searcher.matrix(&request)?)
    });
    match cells.await {
        Ok(cells) => matrix(&state, &context, &cells),
        Err(error) => panel_error(&context, &error),
    }
}

async fn figures(state: &AppState, context: &Context) -> Markup {
    let tenants = context.tenants.clone();
    let read = state.database_call(move |state| {
        let counts = state.database.alert_counts(&tenants)?;
        let states = vec![AlertState::New];
        let newest = AlertFilter { tenants, states, ..AlertFilter::default() };
        let waiting = state.database.alerts(&newest)?;
        Ok((counts.new, waiting, state.database.outbox_stats()?.failed))
    });
    let (open, undelivered) = match read.await {
        Ok((count, waiting, undelivered)) => (open_card(context, count, &waiting), undelivered),
        Err(error) => (panel_error(context, &error), 0),
    };
    let sources: Vec<SourceLive> =
        state.live.sources().into_iter().filter(|source| context.sees(&source.tenant)).collect();
    html! {
        (stale(context, state).unwrap_or_default())
        @if undelivered > 0 { p.banner role="alert" { (icon("warning")) (context.t(w::UNDELIVERED)) " " (format::number(undelivered)) } }
        (damage(context, state).unwrap_or_default())
        (archive(context, state).unwrap_or_default())
        @if state.live.storage().is_low() { p.banner role="alert" { (icon("warning")) (context.t(w::STORAGE_LOW)) } }
        div.kpis {
            (open)
            (received_card(context, &sources))
            (lag_card(context, state))
            (sources_card(context, &sources))
            (storage_card(context, state))
        }
    }
}

fn open_card(context: &Context, count: u64, waiting: &[AlertRow]) -> Markup {
    let of = |level| waiting.iter().filter(|row| row.alert.level == level).count() as u64;
    let levels = [Level::Critical, Level::High, Level::Medium, Level::Low].map(|level| (level, of(level)));
    let oldest: Option<Timestamp> = waiting.iter().map(|row| row.received).min();
    html! {
        section.card.kpi.hot[of(Level::Critical) + of(Level::High) > 0] {
            h2 { (context.t(w::OPEN_ALERTS)) }
            p.figure { (format::number(count)) small { (context.t(w::UNIT)) } }
            p.foot {
                @if count == 0 { (context.t(w::NONE_OPEN)) }
                @for (level, count) in levels.into_iter().filter(|(_, count)| *count > 0).take(3) {
                    a href=(format!("/alerts?state=new&level={level}")) { (severity(level, context.lang, Some(count))) }
                }
                @if let Some(oldest) = oldest { span { (context.t(w::OLDEST)) " " (format::age(context.now, oldest, context.lang)) (context.t(w::AGO)) } }
            }
        }
    }
}

fn received_card(context: &Context, sources: &[SourceLive]) -> Markup {
    let minute: u64 = sources.iter().map(|source| source.received_last_minute).sum();
    let total: u64 = sources.iter().map(|source| source.received).sum();
    html! {
        section.card.kpi {
            h2 { (context.t(w::RECEIVED_LAST_MINUTE)) }
            p.figure { (figure(minute, context.lang)) small { (context.t(w::PER_MINUTE)) } }
            p.foot { (context.t(w::IN_ALL)) " " (format::short(total, context.lang)) " " (context.t(w::UNIT)) }
        }
    }
}

fn figure(value: u64, lang: Lang) -> Markup {
    let text = format::short(value, lang);
    let digits = text.trim_end_matches(['万', '億', 'k', 'M']);
    html! { (digits) @if digits.len() < text.len() { small { (text[digits.len()..]) } } }
}

fn lag_card(context: &Context, state: &AppState) -> Markup {
    let (value, unit) = match state.live.searchable_p99_ms() {
        None => ("—".to_owned(), w::MILLISECONDS),
        Some(ms) if ms < 1000 => (ms.to_string(), w::MILLISECONDS),
        Some(ms) => (format!("{:.1}", ms as f64 / 1000.0), w::SECONDS),
    };
    html! {
        section.card.kpi {
            h2 { (context.t(w::LAG)) }
            p.figure { (value) small { (context.t(unit)) } }
            p.foot { (context.t(w::LAG_TARGET)) }
        }
    }
}

fn sources_card(context: &Context, sources: &[SourceLive]) -> Markup {
    let silent: Vec<&SourceLive> = sources.iter().filter(|source| source.silent).collect();
    html! {
        section.card.kpi {
            h2 { (context.t(w::SOURCES)) }
            p.figure { (sources.len() - silent.len()) small { "/ " (sources.len()) " " (context.t(w::UNITS_SOURCES)) } }
            p.foot {
                @if silent.is_empty() { (context.t(w::ALL_ALIVE)) }
                @else {
                    span.health.bad { svg viewBox="0 0 16 16" aria-hidden="true" { path d="M8 0l8 8-8 8-8-8z" {} } (context.t(w::SILENT)) " " (silent.len()) " " (context.t(w::UNITS_SOURCES)) }
                    @for source in silent.iter().take(2) { a href="/sources" { (source.id) } }
                }
            }
        }
    }
}

fn storage_card(context: &Context, state: &AppState) -> Markup {
    let storage = state.live.storage();
    html! {
        section.card.kpi {
            h2 { (context.t(w::STORAGE)) }
            @if storage.total_bytes == 0 { p.figure { (format::bytes(storage.data_bytes)) } }
            @else {
                p.figure { (format!("{:.0}", storage.used_bytes as f64 * 100.0 / storage.total_bytes as f64)) small { "%" } }
                (bar("meter", storage.used_bytes, storage.total_bytes))
            }
            p.foot {
                span { (context.t(w::STORAGE_DATA)) " " (format::bytes(storage.data_bytes)) }
                @if let Some(days) = storage.days_left { span { (context.t(w::DAYS_LEFT)) " " (format::number(days.into())) " " (context.t(w::DAYS)) } }
            }
        }
    }
}

fn matrix_legend(context: &Context) -> Markup {
    html! {
        span.end.note {
            span.legend { (context.t(w::MATRIX_LEGEND)) span.ramp aria-hidden="true" { @for step in 1..=8 { i class=(format!("h{step}")) {} } } }
            span.legend { svg.corner-mark viewBox="0 0 10 10" aria-hidden="true" { path d="M0 0h10v10z" {} } (context.t(w::MATRIX_CORNER)) }
        }
    }
}

fn matrix(state: &AppState, context: &Context, cells: &[MatrixCell]) -> Markup {
    let zones = matrix_zones(state, context, cells);
    if zones.is_empty() {
        return html! { p.empty { (context.t(w::MATRIX_EMPTY)) } };
    }
    let most = cells.iter().map(|cell| cell.total).max().unwrap_or(0);
    let find = |from: &str, to: &str| {
        cells
            .iter()
            .find(|cell| cell.source_zone == from && cell.destination_zone == to)
            .map_or((0, 0), |cell| (cell.total, cell.denied))
    };
    html! {
        table.matrix {
            thead { tr { th scope="col" { (context.t(w::MATRIX_FROM_TO)) } @for to in &zones { th scope="col" { (format::cut(&context.zone_short(state, to), LABEL_CHARS_MAX)) } } } }
            tbody {
                @for from in &zones {
                    tr {
                        th scope="row" { (format::cut(&context.zone_short(state, from), LABEL_CHARS_MAX)) }
                        @for to in &zones { td { (matrix_cell(context, from, to, find(from, to), most)) } }
                    }
                }
            }
        }
    }
}

fn matrix_cell(context: &Context, from: &str, to: &str, (total, denied): (u64, u64), most: u64) -> Markup {
    if total == 0 {
        return html! { div.cell.h0 { "–" } };
    }
    let corner = if denied * 10 >= total * 3 { " corner" } else { "" };
    let link = context
        .params
        .adding("f", &Filter::text(stream_name(true), from, false))
        .adding("f", &Filter::text(stream_name(false), to, false));
    html! {
        a class=(format!("cell h{}{corner}", step(total, most))) href=(link.href("/search")) {
            b { (format::short(total, context.lang)) }
            span { (context.t(w::DENIED)) " " (format::percent(denied, total)) }
        }
    }
}

fn stream_name(source: bool) -> &'static str {
    use stream::fields::{SEKISHO_DESTINATION_ZONE, SEKISHO_SOURCE_ZONE};
    if source { SEKISHO_SOURCE_ZONE.name() } else { SEKISHO_DESTINATION_ZONE.name() }
}

/// One of eight logarithmic steps between 1 and the largest cell.
fn step(total: u64, most: u64) -> u32 {
    let share = ((total + 1) as f64).ln() / ((most + 1) as f64).ln().max(f64::MIN_POSITIVE);
    ((share * 8.0).ceil() as u32).clamp(1, 8)
}

/// Zones of the tenants in their own order, then the busiest of the others; only those with traffic when there are
/// more than [`ZONES_MAX`].
fn matrix_zones(state: &AppState, context: &Context, cells: &[MatrixCell]) -> Vec<String> {
    let mut zones: Vec<String> = Vec::new();
    let busy = |zone: &str| cells.iter().any(|cell| cell.source_zone == zone || cell.destination_zone == zone);
    for tenant in state.tenants.load().iter().filter(|tenant| context.sees(&tenant.id)) {
        for zone in &tenant.zones {
            if !zones.contains(&zone.id) && busy(&zone.id) {
                zones.push(zone.id.clone());
            }
        }
    }
    let mut sorted: Vec<&MatrixCell> = cells.iter().collect();
    sorted.sort_by(|a, b| b.total.cmp(&a.total).then_with(|| a.source_zone.cmp(&b.source_zone)));
    for cell in sorted {
        for zone in [&cell.source_zone, &cell.destination_zone] {
            if !zone.is_empty() && !zones.contains(zone) {
                zones.push(zone.clone());
            }
        }
    }
    zones.truncate(ZONES_MAX);
    zones
}

fn chart(context: &Context, range: Range, every: u32) -> Markup {
    let key = |class: &str, word, sum: &str| {
        html! { span { i class=(format!("key {class}")) {} (context.t(word)) " " b data-sum=(sum) { "–" } } }
    };
    let reset: Option<Params> = range.preset.is_none().then(|| context.params.without("from").without("to"));
    html! {
        section.card {
            header { h2 { (context.t(w::PER_MINUTE_TITLE)) } span.end.note { (context.t(w::CHART_HINT)) } }
            div.chart #board-chart data-chart=(context.params.href("/board/chart.json")) data-every=(every) {
                p.skeleton data-chart-state { (context.t(w::LOADING)) }
                div.pane-title { (key("total", w::TOTAL, "total")) }
                div data-pane="total" data-height="118" data-marks="1" {}
                div.pane-title { (key("deny", w::DENIED, "denied")) (key("hit", w::DETECTIONS, "detections")) }
                div data-pane="denied detections" data-height="104" {}
                p.chart-foot { span data-when {} @if let Some(reset) = reset { a href=(reset.href("/")) { (context.t(w::WHOLE_RANGE)) } } }
            }
        }
    }
}

async fn alerts(state: &AppState, context: &Context) -> Markup {
    let tenants = context.tenants.clone();
    let read = state.database_call(move |state| -> Result<Vec<AlertRow>, Error> {
        let open = vec![AlertState::New, AlertState::Acknowledged, AlertState::Held];
        let filter = AlertFilter { tenants: tenants.clone(), states: open, limit: 200, ..AlertFilter::default() };
        let mut rows = state.database.alerts(&filter)?;
        rows.sort_by_key(|row| {
            (row.state != AlertState::New, std::cmp::Reverse(row.alert.level), std::cmp::Reverse(row.alert.timestamp))
        });
        rows.truncate(ALERTS_SHOWN);
        if rows.len() < ALERTS_SHOWN {
            let closed = AlertFilter {
                tenants,
                states: vec![AlertState::Closed],
                limit: ALERTS_SHOWN - rows.len(),
                ..AlertFilter::default()
            };
            rows.extend(state.database.alerts(&closed)?);
        }
        Ok(rows)
    });
    let rows = match read.await {
        Ok(rows) => rows,
        Err(error) => return panel_error(context, &error),
    };
    html! {
        header {
            h2 { (context.t(w::ALERTS)) }
            nav.chips aria-label=(context.t(w::SEVERITY)) {
                a.chip href="/alerts" { (context.t(w::ALL)) }
                @for level in [Level::Critical, Level::High, Level::Medium, Level::Low] {
                    a.chip href=(format!("/alerts?level={level}")) { (severity(level, context.lang, None)) }
                }
            }
            span.end {
                span.keys { kbd { "J" } kbd { "K" } (context.t(w::KEYS_MOVE)) kbd { "Enter" } (context.t(w::KEYS_OPEN)) }
                @if context.may_export() { a.button href=(context.params.href("/alerts/export.csv")) { (icon("download")) (context.t(w::CSV)) } }
            }
        }
        (table(state, context, &rows, &[Column::Zone, Column::Destination]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_logarithmic_and_bounded() {
        assert_eq!(step(1, 1), 8);
        assert_eq!(step(1, 1_000_000), 1);
        assert_eq!(step(1_000_000, 1_000_000), 8);
        let steps: Vec<u32> = [1, 10, 100, 1000, 10_000, 100_000].iter().map(|n| step(*n, 1_000_000)).collect();
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
    }
}
