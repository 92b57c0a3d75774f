//! One alert: what happened, why it matters, what to do first, the evidence, and what people did.

use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use store::{AlertRow, AlertState, Verdict};
use stream::NANOS_PER_SECOND;
use stream::fields::{DESTINATION_IP, SOURCE_IP, USER_NAME};

use super::alerts::{field, state_mark, state_word, tenant_name, text, verdict_word, zone_pair};
use crate::auth::check_post;
use crate::context::Context;
use crate::i18n::{Lang, Word, field_word, verdict_word as flow_word, w};
use crate::icons::severity;
use crate::layout::{Page, error_page};
use crate::params::{Filter, Params, absolute};
use crate::{AppState, Error, Result, RuleView, format};

const LINES_SHOWN: usize = 50;

/// `GET /alerts/{id}`
pub(crate) async fn page(State(state): State<AppState>, Path(id): Path<String>, context: Context) -> Response {
    let tenants = context.tenants.clone();
    let read = state.database_call(move |state| Ok(state.database.alert(&tenants, &id)?));
    match read.await {
        Ok(Some(row)) => render(&state, &context, &row).into_response(),
        Ok(None) => error_page(&context, &Error::NotFound),
        Err(error) => error_page(&context, &error),
    }
}

/// `POST /alerts/{id}/{action}`: acknowledge, hold, close, reopen or comment; then back to the alert.
pub(crate) async fn act(
    State(state): State<AppState>,
    Path((id, action)): Path<(String, String)>,
    context: Context,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    if let Err(error) = check_post(&context, &headers, &fields) {
        return error_page(&context, &error);
    }
    if !context.may_handle() {
        return error_page(&context, &Error::Forbidden);
    }
    let back = format!("/alerts/{id}");
    let (tenants, actor) = (context.tenants.clone(), context.account.name.clone());
    let changed = state.database_call(move |state| change(state, &tenants, &id, &actor, &action, &fields));
    match changed.await {
        Ok(()) => Redirect::to(&back).into_response(),
        Err(Error::Store(store::Error::NotFound { .. })) => error_page(&context, &Error::NotFound),
        Err(error) => error_page(&context, &error),
    }
}

fn change(
    state: &AppState,
    tenants: &[String],
    id: &str,
    actor: &str,
    action: &str,
    fields: &[(String, String)],
) -> Result<()> {
    let sent = |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim());
    let comment = sent("comment");
    let needed = |text: &str| match text.is_empty() {
        true => Err(Error::BadRequest("理由を書いてください / write the reason".into())),
        false => Ok(()),
    };
    let (database, now) = (&state.database, state.now());
    match action {
        "acknowledge" => database.acknowledge(tenants, id, actor, now)?,
        "hold" => {
            needed(comment)?;
            database.hold(tenants, id, actor, comment, now)?;
        }
        "close" => {
            needed(comment)?;
            let verdict: Verdict = sent("verdict")
                .parse()
                .map_err(|()| Error::BadRequest("判定を選んでください / choose a verdict".into()))?;
            database.close(tenants, id, actor, verdict, comment, now)?;
        }
        "reopen" => database.reopen(tenants, id, actor, comment, now)?,
        "comment" => {
            needed(comment)?;
            database.comment(tenants, id, actor, comment, now)?;
        }
        _ => return Err(Error::NotFound),
    }
    Ok(())
}

fn render(state: &AppState, context: &Context, row: &AlertRow) -> Markup {
    let alert = &row.alert;
    let rule = state.rule(&alert.rule.id);
    let mut page = Page::new("/alerts", &alert.rule.name);
    page.subtitle = format!("{} ・ {}", format::time(alert.timestamp), tenant_name(state, &alert.tenant));
    let zones = zone_pair(state, context, row);
    let content = html! {
        div.stack {
            div.title-line {
                (severity(alert.level, context.lang, None)) (state_mark(row.state, context.lang))
                @if let Some(verdict) = row.verdict { span.state { (verdict_word(verdict, context.lang)) } }
                @if !zones.is_empty() { span { (zones) } }
                @for usecase in &alert.sekisho.usecase { span.id { (usecase) } }
                span.id { "#" (alert.id.get(..12).unwrap_or(&alert.id)) }
            }
            (links(context, row))
            (explanation(context, rule.as_ref()))
            div.alert-grid {
                div.stack { (main_fields(context, row)) (evidence(context, row)) }
                div.stack { (actions(context, row)) (history(context, row)) (about(context, row, rule.as_ref())) }
            }
        }
    };
    page.render(context, content)
}

fn links(context: &Context, row: &AlertRow) -> Markup {
    let around = 300 * NANOS_PER_SECOND;
    let at = row.alert.timestamp;
    let mut base = absolute(&Params::default(), at.plus_nanos(-around), at.plus_nanos(around + NANOS_PER_SECOND));
    base = base.with("tenant", &row.alert.tenant);
    let same = [SOURCE_IP, USER_NAME].into_iter().find_map(|id| {
        let value = field(row, id);
        (!value.is_empty()).then(|| Filter::text(id.name(), &value, false))
    });
    let hour = 3600 * NANOS_PER_SECOND;
    let day = absolute(&base, at.plus_nanos(-24 * hour), at.plus_nanos(hour));
    let mut group = absolute(&base, at.plus_nanos(-hour), at.plus_nanos(hour));
    for (field, value) in &row.alert.group {
        group = group.adding("f", &Filter::text(field, value, false));
    }
    html! {
        div.toolbar {
            @if context.may_handle() && matches!(row.state, AlertState::New | AlertState::Held) {
                form method="post" action=(format!("/alerts/{}/acknowledge", row.alert.id)) {
                    input type="hidden" name="csrf" value=(context.csrf);
                    button.button.primary type="submit" { (context.t(w::ACKNOWLEDGE)) }
                }
            }
            a.button href=(base.href("/search")) { (context.t(w::AROUND)) }
            @if let Some(same) = same { a.button href=(day.adding("f", &same).href("/search")) { (context.t(w::SAME_SOURCE)) } }
            @if !row.alert.group.is_empty() { a.button href=(group.href("/search")) { (context.t(w::EVIDENCE_SEARCH)) } }
        }
    }
}

fn explanation(context: &Context, rule: Option<&RuleView>) -> Markup {
    let paragraph = |text: &str| {
        html! { @if text.is_empty() { p.note { (context.t(w::NO_TEXT)) } } @else { p { (text) } } }
    };
    html! {
        @match rule {
            None => p.note { (context.t(w::RULE_GONE)) },
            Some(rule) => div.explain {
                section.card { h2 { (context.t(w::WHAT)) } (paragraph(&rule.what)) }
                section.card { h2 { (context.t(w::WHY)) } (paragraph(&rule.why)) }
                section.card.first {
                    h2 { (context.t(w::FIRST)) }
                    @if rule.first.is_empty() { p.note { (context.t(w::NO_TEXT)) } }
                    @else if rule.first.len() == 1 { p { (rule.first[0]) } }
                    @else { ol { @for step in &rule.first { li { (step) } } } }
                }
            },
        }
    }
}

fn main_fields(context: &Context, row: &AlertRow) -> Markup {
    let alert = &row.alert;
    let filter = |name: &str, value: &str, not: bool| {
        let hour = 3600 * NANOS_PER_SECOND;
        let params = absolute(&Params::default(), alert.timestamp.plus_nanos(-hour), alert.timestamp.plus_nanos(hour));
        params.with("tenant", &alert.tenant).adding("f", &Filter::text(name, value, not)).href("/search")
    };
    let line = |name: &str, value: &str| {
        html! {
            div {
                dt { @if let Some(word) = field_word(name, context.lang) { (word) } code { (name) } }
                dd.mono { (value) @if name.ends_with(".zone") { @if let Some(zone) = crate::i18n::zone_word(value, context.lang) { " （" (zone) "）" } } }
                span.pm {
                    a href=(filter(name, value, false)) title=(context.t(w::INCLUDE)) aria-label=(context.t(w::INCLUDE)) { "＋" }
                    a href=(filter(name, value, true)) title=(context.t(w::EXCLUDE)) aria-label=(context.t(w::EXCLUDE)) { "－" }
                }
            }
        }
    };
    html! {
        section.card {
            header { h2 { (context.t(w::ANCHOR)) } }
            dl.kv {
                @if let Some(flow) = &alert.sekisho.flow {
                    div { dt { (context.t(w::VERDICT_FLOW)) } dd { (flow_word(&flow.verdict, context.lang).unwrap_or("")) " " code.id { (flow.verdict) } } span {} }
                }
                @for (name, value) in &alert.group { (line(name, value)) }
                @for (name, value) in alert.anchor.iter().filter(|(name, _)| !alert.group.contains_key(*name)) { (line(name, &text(value))) }
                div { dt { (context.t(w::COUNT)) } dd { (format::number(alert.event_count)) } span {} }
            }
            @if [SOURCE_IP, DESTINATION_IP].into_iter().any(|id| !field(row, id).is_empty()) {
                div data-lazy hx-get=(format!("/alerts/{}/holders", alert.id)) hx-trigger="load" { p.skeleton { (context.t(w::LOADING)) } }
            }
        }
    }
}

fn evidence(context: &Context, row: &AlertRow) -> Markup {
    let alert = &row.alert;
    let shown = alert.evidence.len().min(LINES_SHOWN);
    html! {
        section.card {
            header {
                h2 { (context.t(w::EVIDENCE)) }
                @if (shown as u64) < alert.event_count { span.end.note { (format::number(alert.event_count)) " " (context.t(w::SHOWN_OF)) } }
            }
            @if shown == 0 { p.note { (context.t(w::EVIDENCE_NONE)) } }
            div.lines {
                @for (index, line) in alert.evidence.iter().take(LINES_SHOWN).enumerate() {
                    figure {
                        figcaption {
                            (line.source)
                            @if let Some(event) = alert.events.get(index) { " ・ " a href=(format!("/search/event/{event}")) { (event.to_string()) } }
                        }
                        div.raw { (format::cut(&line.line, 4000)) }
                    }
                }
            }
        }
    }
}

fn actions(context: &Context, row: &AlertRow) -> Markup {
    let post = |action: &str| format!("/alerts/{}/{action}", row.alert.id);
    let csrf = html! { input type="hidden" name="csrf" value=(context.csrf); };
    html! {
        @if context.may_handle() {
            section.card.form {
                h2 { (context.t(w::STATE)) ": " (state_word(row.state, context.lang)) @if let Some(who) = &row.assignee { " ・ " (who) } }
                @if row.state == AlertState::Closed {
                    form.form method="post" action=(post("reopen")) { (csrf) label { (context.t(w::COMMENT)) input type="text" name="comment" maxlength="2000"; } button.button type="submit" { (context.t(w::REOPEN)) } }
                } @else {
                    details open[row.state == AlertState::Acknowledged] {
                        summary.button { (context.t(w::CLOSE_ALERT)) "…" }
                        form.form method="post" action=(post("close")) {
                            (csrf)
                            fieldset.verdicts { legend.note { (context.t(w::VERDICT)) }
                                @for verdict in Verdict::ALL { label { input type="radio" name="verdict" value=(verdict.as_str()) required; (verdict_word(verdict, context.lang)) } }
                            }
                            label { (context.t(w::COMMENT_NEEDED)) textarea name="comment" required maxlength="4000" {} }
                            button.button.primary type="submit" { (context.t(w::CLOSE_ALERT)) }
                        }
                    }
                    @if row.state != AlertState::Held {
                        details {
                            summary.button { (context.t(w::HOLD)) "…" }
                            form.form method="post" action=(post("hold")) { (csrf) label { (context.t(w::HOLD_REASON)) input type="text" name="comment" required maxlength="2000"; } button.button type="submit" { (context.t(w::HOLD)) } }
                        }
                    }
                }
            }
        }
    }
}

fn history(context: &Context, row: &AlertRow) -> Markup {
    let word = |action: &str| match action {
        "acknowledge" => context.t(w::ACKNOWLEDGE),
        "hold" => context.t(w::HOLD),
        "close" => context.t(w::CLOSE_ALERT),
        "reopen" => context.t(w::REOPEN),
        _ => context.t(w::COMMENT),
    };
    html! {
        section.card.form {
            h2 { (context.t(w::HISTORY)) }
            ol.timeline {
                @for entry in row.history.iter().rev() {
                    li {
                        div { b { (word(&entry.action)) } @if let Some(verdict) = entry.verdict { " ・ " (verdict_word(verdict, context.lang)) } " — " (entry.actor) }
                        div.note { (format::time(entry.at)) }
                        @if !entry.comment.is_empty() { p { (entry.comment) } }
                    }
                }
                li { div { b { (context.t(Word("検知", "Raised"))) } } div.note { (format::time(row.received)) } }
            }
            @if context.may_handle() {
                form.form method="post" action=(format!("/alerts/{}/comment", row.alert.id)) {
                    input type="hidden" name="csrf" value=(context.csrf);
                    label { (context.t(w::COMMENT)) textarea name="comment" required maxlength="4000" {} }
                    button.button type="submit" { (context.t(w::ADD_COMMENT)) }
                }
            }
        }
    }
}

fn about(context: &Context, row: &AlertRow, rule: Option<&RuleView>) -> Markup {
    let alert = &row.alert;
    html! {
        section.card.form {
            h2 { (context.t(w::RULE)) }
            p { a href=(format!("/alerts?rule={}", format::encode(&alert.rule.id))) { (alert.rule.name) } }
            @if let Some(rule) = rule {
                @if context.lang == Lang::En && !rule.title_en.is_empty() { p { (rule.title_en) } }
                @if !rule.policy.is_empty() { p { span.note { (context.t(w::POLICY)) ": " } (rule.policy) } }
                @if !rule.attack.is_empty() { p { span.note { (context.t(w::ATTACK)) ": " } (rule.attack.join(", ")) } }
                @if !rule.false_positives.is_empty() { div { span.note { (context.t(w::FALSE_POSITIVES)) } ul { @for text in &rule.false_positives { li { (text) } } } } }
            }
            p.id { (alert.rule.id) " ・ " (context.t(w::RULE_VERSION)) " " (alert.rule.version) }
        }
    }
}
