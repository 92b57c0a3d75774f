//! アラート: the list, its filters, and its CSV.
//!
//! Filters: `state`, `level` (several of each), `rule`, time range, `page` (from 1). Without `state` everything shows.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::Value;
use store::{AlertFilter, AlertRow, AlertState};
use stream::fields::{DESTINATION_IP, SEKISHO_DESTINATION_ZONE, SEKISHO_SOURCE_ZONE, SOURCE_IP, USER_NAME};
use stream::{FieldId, Level};

use crate::context::Context;
use crate::format;
use crate::i18n::{Lang, Word, w};
use crate::icons::{icon, severity};
use crate::layout::{Page, error_page, panel_error, presets, tenant_chips};
use crate::params::Range;
use crate::{AppState, Error, Result, export};

const PAGE_ROWS: usize = 50;

/// Columns that a table may show beside the fixed ones.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Column {
    Zone,
    Destination,
}

/// `GET /alerts`
pub(crate) async fn page(State(state): State<AppState>, context: Context) -> Response {
    let number = page_number(&context);
    let mut wanted = filter(&context);
    wanted.limit = PAGE_ROWS + 1;
    wanted.offset = (number - 1) * PAGE_ROWS;
    let tenants = context.tenants.clone();
    let read =
        state.database_call(move |state| Ok((state.database.alerts(&wanted)?, state.database.alert_counts(&tenants)?)));
    let content = match read.await {
        Err(error) => panel_error(&context, &error),
        Ok((mut rows, counts)) => {
            let more = rows.len() > PAGE_ROWS;
            rows.truncate(PAGE_ROWS);
            html! {
                section.card {
                    header { (state_chips(&context, &counts)) (level_chips(&context)) (rule_chip(&state, &context)) (tools(&context)) }
                    (table(&state, &context, &rows, &[Column::Zone, Column::Destination]))
                    (pager(&context, number, more))
                }
            }
        }
    };
    let mut page = Page::new("/alerts", context.t(w::ALERTS));
    let range = Range::read(&context.params, context.now, "");
    let range = if has_range(&context) { range } else { Range { preset: None, ..range } };
    page.tools = html! { (tenant_chips(&context, &state, "/alerts")) (presets(&context, "/alerts", range, &["24h", "7d", "30d"])) };
    page.render(&context, content).into_response()
}

/// `GET /alerts/export.csv`: what the filters choose, at most [`AlertFilter::LIMIT_MAX`] alerts; audited.
pub(crate) async fn export_csv(State(state): State<AppState>, context: Context) -> Response {
    if !context.may_export() {
        return error_page(&context, &Error::Forbidden);
    }
    let (wanted, actor, asked) = (filter(&context), context.account.name.clone(), context.params.href("/alerts"));
    let read = state.database_call(move |state| {
        state.database.audit(&actor, "export.alerts", &asked, state.now())?;
        Ok(state.database.alerts(&wanted)?)
    });
    let rows = match read.await {
        Ok(rows) => rows,
        Err(error) => return error_page(&context, &error),
    };
    match csv(&context, &rows) {
        Ok(text) => export::download("alerts.csv", "text/csv; charset=utf-8", text.into()),
        Err(error) => error_page(&context, &error),
    }
}

fn csv(context: &Context, rows: &[AlertRow]) -> Result<Vec<u8>> {
    let mut writer = export::CsvWriter::new(true);
    let head = [
        w::SEVERITY,
        w::OCCURRED,
        w::TENANT,
        w::WHAT_DETECTED,
        w::RULE,
        w::SOURCE_IP,
        w::DESTINATION_IP,
        w::USER,
        w::COUNT,
        w::STATE,
        w::VERDICT,
        w::ASSIGNEE,
    ];
    let mut titles: Vec<&str> = vec!["id"];
    titles.extend(head.iter().map(|word| context.t(*word)));
    writer.row(titles)?;
    for row in rows {
        let alert = &row.alert;
        let cells = [
            alert.id.clone(),
            crate::icons::level_word(alert.level, context.lang).to_owned(),
            format::time(alert.timestamp),
            alert.tenant.clone(),
            alert.rule.name.clone(),
            alert.rule.id.clone(),
            field(row, SOURCE_IP),
            field(row, DESTINATION_IP),
            field(row, USER_NAME),
            alert.event_count.to_string(),
            state_word(row.state, context.lang).to_owned(),
            row.verdict.map_or("", |verdict| verdict_word(verdict, context.lang)).to_owned(),
            row.assignee.clone().unwrap_or_default(),
        ];
        writer.row(cells.iter().map(String::as_str))?;
    }
    writer.take()
}

/// The table of alerts, which becomes cards on a phone.
pub(crate) fn table(state: &AppState, context: &Context, rows: &[AlertRow], columns: &[Column]) -> Markup {
    if rows.is_empty() {
        return html! { div.empty { p.strong { (context.t(w::NO_ALERTS)) } p.note { (context.t(w::NO_ALERTS_HINT)) } } };
    }
    let tenants = context.tenants.len() != 1 || context.tenants.iter().any(|tenant| tenant == store::ALL_TENANTS);
    let zone = columns.contains(&Column::Zone);
    let destination = columns.contains(&Column::Destination);
    html! {
        div.scroll {
            table.list.cards {
                thead { tr {
                    th { (context.t(w::SEVERITY)) } th { (context.t(w::OCCURRED)) } th { (context.t(w::WHAT_DETECTED)) }
                    @if tenants { th { (context.t(w::TENANT)) } }
                    @if zone { th { (context.t(w::ZONE)) } }
                    th { (context.t(w::SOURCE_IP)) }
                    @if destination { th { (context.t(w::DESTINATION_IP)) } }
                    th { (context.t(w::USER)) } th.num { (context.t(w::COUNT)) } th { (context.t(w::STATE)) } th { (context.t(w::ASSIGNEE)) }
                } }
                tbody { @for row in rows { (table_row(state, context, row, tenants, zone, destination)) } }
            }
        }
    }
}

fn table_row(
    state: &AppState,
    context: &Context,
    row: &AlertRow,
    tenants: bool,
    zone: bool,
    destination: bool,
) -> Markup {
    let alert = &row.alert;
    let blank = |text: &str| if text.is_empty() { "blank" } else { "inline" };
    let (source, target, user) = (field(row, SOURCE_IP), field(row, DESTINATION_IP), field(row, USER_NAME));
    let zones = zone_pair(state, context, row);
    html! {
        tr data-row data-alert=(alert.id) class=[(row.state == AlertState::Closed).then_some("done")] {
            td.inline { (severity(alert.level, context.lang, None)) }
            td.inline.nowrap title=(format::time(alert.timestamp)) { (format::time_short(alert.timestamp)) }
            td {
                a.title data-open href=(format!("/alerts/{}", alert.id)) { (alert.rule.name) }
                @for usecase in &alert.sekisho.usecase { span.id { (usecase) } }
            }
            @if tenants { td.inline { (tenant_name(state, &alert.tenant)) } }
            @if zone { td class=(if zones.is_empty() { "blank" } else { "" }) { (zones) } }
            td.mono class=(blank(&source)) { (source) }
            @if destination { td.mono class=(blank(&target)) { (target) } }
            td class=(format!("nowrap {}", blank(&user))) { (format::cut(&user, 32)) }
            td.num.inline data-label=(context.t(w::COUNT)) { (format::number(alert.event_count)) }
            td.inline { (state_mark(row.state, context.lang)) }
            td class=(if row.assignee.is_some() { "inline" } else { "blank" }) { (row.assignee.as_deref().unwrap_or("—")) }
        }
    }
}

/// `LGWAN接続系 → 外部`, as far as the anchor knows.
pub(crate) fn zone_pair(state: &AppState, context: &Context, row: &AlertRow) -> String {
    let (from, to) = (field(row, SEKISHO_SOURCE_ZONE), field(row, SEKISHO_DESTINATION_ZONE));
    match (from.is_empty(), to.is_empty()) {
        (true, true) => String::new(),
        (false, true) => context.zone_short(state, &from),
        (true, false) => format!("→ {}", context.zone_short(state, &to)),
        (false, false) if from == to => context.zone_short(state, &from),
        (false, false) => format!("{} → {}", context.zone_short(state, &from), context.zone_short(state, &to)),
    }
}

/// A field of the anchor or the group, as text.
pub(crate) fn field(row: &AlertRow, field: FieldId) -> String {
    let name = field.name();
    match row.alert.anchor.get(name) {
        Some(value) => text(value),
        None => row.alert.group.get(name).cloned().unwrap_or_default(),
    }
}

/// A JSON value the way people read it.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A tenant's name, or its id.
pub(crate) fn tenant_name(state: &AppState, id: &str) -> String {
    let tenants = state.tenants.load();
    let found = tenants.iter().find(|tenant| tenant.id == id && !tenant.name.is_empty());
    found.map_or_else(|| id.to_owned(), |tenant| tenant.name.clone())
}

/// The word of a state.
pub(crate) fn state_word(state: AlertState, lang: Lang) -> &'static str {
    lang.t(Word(
        state.label(),
        match state {
            AlertState::New => "new",
            AlertState::Acknowledged => "in progress",
            AlertState::Held => "on hold",
            AlertState::Closed => "closed",
        },
    ))
}

/// The word of a verdict.
pub(crate) fn verdict_word(verdict: store::Verdict, lang: Lang) -> &'static str {
    lang.t(Word(
        verdict.label(),
        match verdict {
            store::Verdict::TruePositive => "true positive",
            store::Verdict::FalsePositive => "false positive",
            store::Verdict::Accepted => "accepted",
            store::Verdict::Exercise => "exercise",
            store::Verdict::Undetermined => "undetermined",
        },
    ))
}

/// The framed word of a state.
pub(crate) fn state_mark(state: AlertState, lang: Lang) -> Markup {
    html! { span class=(format!("state state-{}", state.as_str())) { (state_word(state, lang)) } }
}

fn filter(context: &Context) -> AlertFilter {
    let params = &context.params;
    let range = has_range(context).then(|| Range::read(params, context.now, "24h"));
    AlertFilter {
        tenants: context.tenants.clone(),
        states: params.all("state").filter_map(|state| state.parse().ok()).collect(),
        levels: params.all("level").filter_map(|level| level.parse().ok()).collect(),
        rule: params.get("rule").map(str::to_owned),
        from: range.map(|range| range.from),
        to: range.map(|range| range.to),
        limit: 0,
        offset: 0,
    }
}

fn has_range(context: &Context) -> bool {
    ["range", "from", "to"].iter().any(|key| context.params.get(key).is_some())
}

fn page_number(context: &Context) -> usize {
    context.params.get("page").and_then(|page| page.parse().ok()).unwrap_or(1).clamp(1, 100_000)
}

fn state_chips(context: &Context, counts: &store::AlertCounts) -> Markup {
    let base = context.params.without("page");
    let chosen: Vec<&str> = context.params.all("state").collect();
    let count = |state| match state {
        AlertState::New => counts.new,
        AlertState::Acknowledged => counts.acknowledged,
        AlertState::Held => counts.held,
        AlertState::Closed => counts.closed,
    };
    html! {
        nav.chips aria-label=(context.t(w::STATE)) {
            a.chip href=(base.without("state").href("/alerts")) aria-current=[chosen.is_empty().then_some("true")] { (context.t(w::ALL)) }
            @for state in AlertState::ALL {
                @let on = chosen.contains(&state.as_str());
                @let link = if on { base.removing("state", state.as_str()) } else { base.adding("state", state.as_str()) };
                a.chip href=(link.href("/alerts")) aria-current=[on.then_some("true")] { (state_word(state, context.lang)) " " (format::number(count(state))) }
            }
        }
    }
}

fn level_chips(context: &Context) -> Markup {
    let base = context.params.without("page");
    html! {
        nav.chips aria-label=(context.t(w::SEVERITY)) {
            @for level in [Level::Critical, Level::High, Level::Medium, Level::Low, Level::Informational] {
                @let on = context.params.all("level").any(|chosen| chosen == level.as_str());
                @let link = if on { base.removing("level", level.as_str()) } else { base.adding("level", level.as_str()) };
                a.chip href=(link.href("/alerts")) aria-current=[on.then_some("true")] { (severity(level, context.lang, None)) }
            }
        }
    }
}

fn rule_chip(state: &AppState, context: &Context) -> Markup {
    html! {
        @if let Some(rule) = context.params.get("rule") {
            span.pill { (context.t(w::FILTER_RULE)) ": " (state.rule(rule).map_or_else(|| rule.to_owned(), |rule| rule.title))
                a href=(context.params.without("rule").without("page").href("/alerts")) title=(context.t(w::REMOVE)) aria-label=(context.t(w::REMOVE)) { "×" } }
        }
    }
}

fn tools(context: &Context) -> Markup {
    html! {
        span.end {
            span.keys { kbd { "J" } kbd { "K" } (context.t(w::KEYS_MOVE)) kbd { "Enter" } (context.t(w::KEYS_OPEN)) }
            @if context.may_export() { a.button href=(context.params.without("page").href("/alerts/export.csv")) { (icon("download")) (context.t(w::CSV)) } }
        }
    }
}

fn pager(context: &Context, number: usize, more: bool) -> Markup {
    let link = |page: usize| context.params.with("page", &page.to_string()).href("/alerts");
    html! {
        @if number > 1 || more {
            nav.pager {
                @if number > 1 { a.button data-window="previous" href=(link(number - 1)) { "← " (context.t(w::PAGE_PREVIOUS)) } }
                @if more { a.button data-window="next" href=(link(number + 1)) { (context.t(w::PAGE_NEXT)) " →" } }
            }
        }
    }
}
