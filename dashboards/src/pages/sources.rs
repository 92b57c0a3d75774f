//! 送信元: what each source sent, what became of it, whether the accounting balances, and who else sends.

mod clock;
pub(crate) mod unknown;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::alerts::tenant_name;
use crate::context::Context;
use crate::i18n::w;
use crate::layout::{Page, stale, tenant_chips};
use crate::params::{Filter, Params};
use crate::{AppState, ListenerLive, SourceLive, format};

/// `GET /sources`
pub(crate) async fn page(State(state): State<AppState>, context: Context) -> Response {
    let mut sources: Vec<SourceLive> =
        state.live.sources().into_iter().filter(|source| context.sees(&source.tenant)).collect();
    // What needs a hand stands first.
    sources.sort_by(|a, b| b.silent.cmp(&a.silent).then_with(|| a.tenant.cmp(&b.tenant)).then_with(|| a.id.cmp(&b.id)));
    let content = html! {
        (stale(&context, &state).unwrap_or_default())
        div.stack {
            section.card {
                header {
                    h2 { (context.t(w::SOURCES)) " " (sources.len()) }
                    span.end.note { (context.t(w::BALANCE_RULE)) }
                }
                @if sources.is_empty() { p.empty { (context.t(w::NO_SOURCES)) } } @else { (table(&state, &context, &sources)) }
            }
            (unknown::section(&state, &context).await)
            (listeners(&state, &context))
        }
    };
    let mut page = Page::new("/sources", context.t(w::SOURCES));
    page.tools = tenant_chips(&context, &state, "/sources");
    page.render(&context, content).into_response()
}

/// Whether received = indexed + filtered + in flight.
pub(crate) fn balanced(source: &SourceLive) -> bool {
    source.received == source.indexed + source.filtered + source.in_flight
}

fn table(state: &AppState, context: &Context, sources: &[SourceLive]) -> Markup {
    let sum = |of: fn(&SourceLive) -> u64| format::number(sources.iter().map(of).sum());
    html! {
        div.scroll {
            table.list.cards {
                thead { tr {
                    th { (context.t(w::STATE)) } th { (context.t(w::SOURCES)) } th { (context.t(w::TENANT)) } th { (context.t(w::PRODUCT_NAME)) } th { (context.t(w::ZONE)) }
                    th { (context.t(w::LAST_SEEN)) } th.num { (context.t(w::RATE)) } th.num { (context.t(w::RECEIVED)) } th.num { (context.t(w::INDEXED)) }
                    th.num { (context.t(w::FILTERED)) } th.num { (context.t(w::IN_FLIGHT)) } th.num { (context.t(w::FAILURES)) } th.num { (context.t(w::KERNEL_DROPS)) } th { (context.t(w::BALANCE)) }
                } }
                tbody {
                    @for source in sources { (row(state, context, source)) }
                    tr.strong {
                        td.blank {} td { (context.t(w::TOTAL)) } td.blank {} td.blank {} td.blank {} td.blank {}
                        td.num.inline data-label=(context.t(w::RATE)) { (sum(|s| s.received_last_minute)) }
                        td.num.inline data-label=(context.t(w::RECEIVED)) { (sum(|s| s.received)) }
                        td.num.inline data-label=(context.t(w::INDEXED)) { (sum(|s| s.indexed)) }
                        td.num.inline data-label=(context.t(w::FILTERED)) { (sum(|s| s.filtered)) }
                        td.num.inline data-label=(context.t(w::IN_FLIGHT)) { (sum(|s| s.in_flight)) }
                        td.num.inline data-label=(context.t(w::FAILURES)) { (sum(|s| s.parse_failures)) }
                        td.num.inline data-label=(context.t(w::KERNEL_DROPS)) { (sum(|s| s.kernel_drops)) }
                        td.inline { (balance(context, sources.iter().all(balanced))) }
                    }
                }
            }
        }
    }
}

/// Where lines come in. A listener of no tenant is shown to those who see every tenant.
fn listeners(state: &AppState, context: &Context) -> Markup {
    let all = || context.tenants.iter().any(|tenant| tenant == store::ALL_TENANTS);
    let seen = |listener: &ListenerLive| match listener.tenant.as_str() {
        "" => all(),
        tenant => context.sees(tenant),
    };
    let listeners: Vec<ListenerLive> = state.live.listeners().into_iter().filter(seen).collect();
    if listeners.is_empty() {
        return html! {};
    }
    html! {
        section.card {
            header { h2 { (context.t(w::LISTENERS)) " " (listeners.len()) } span.end.note { (context.t(w::LISTENERS_NOTE)) } }
            div.scroll {
                table.list.cards {
                    thead { tr {
                        th { (context.t(w::PROTOCOL)) } th { (context.t(w::ADDRESS)) } th { (context.t(w::TENANT)) }
                        th { (context.t(w::SOURCES)) } th.num { (context.t(w::KERNEL_DROPS)) }
                    } }
                    tbody {
                        @for listener in &listeners {
                            tr {
                                td.inline { (listener.kind) }
                                td.inline.mono { (listener.address) }
                                td.inline { @if listener.tenant.is_empty() { (context.t(w::SHARED)) } @else { (tenant_name(state, &listener.tenant)) } }
                                td.inline { @if listener.source.is_empty() { (context.t(w::SHARED)) } @else { (listener.source) } }
                                td.num.inline data-label=(context.t(w::KERNEL_DROPS)) { (format::number(listener.kernel_drops)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn row(state: &AppState, context: &Context, source: &SourceLive) -> Markup {
    let search = Params::default()
        .with("tenant", &source.tenant)
        .with("range", "24h")
        .adding("f", &Filter::text(stream::fields::SEKISHO_SOURCE_ID.name(), &source.id, false));
    let failures = search.adding("f", &Filter::text(stream::fields::EVENT_KIND.name(), "pipeline_error", false));
    html! {
        tr data-row {
            td.inline { (health(context, source)) }
            td {
                a.title data-open href=(search.href("/search")) { (source.id) }
                @if let Some(words) = source.clock_skew_seconds.and_then(|skew| clock::words(skew, context.lang)) { p.note { "⚠ " (words) } }
                @if let Some(missing @ 1..) = source.missing_numbers { p.note { "⚠ " (context.t(w::MISSING_NUMBERS)) ": " (format::number(missing)) } }
            }
            td.inline { (tenant_name(state, &source.tenant)) }
            td.inline { (source.product) }
            td class=(if source.zone.is_empty() { "blank" } else { "inline" }) { (if source.zone.is_empty() { String::new() } else { context.zone(state, &source.zone) }) }
            td.nowrap data-label=(context.t(w::LAST_SEEN)) {
                @match source.last_received {
                    None => span.quiet { (context.t(w::NEVER)) },
                    Some(at) => { (format::time(at)) " " span.note { (format::age(context.now, at, context.lang)) (context.t(w::AGO)) } },
                }
            }
            td.num.inline data-label=(context.t(w::RATE)) { (format::number(source.received_last_minute)) }
            td.num.inline data-label=(context.t(w::RECEIVED)) { (format::number(source.received)) }
            td.num.inline data-label=(context.t(w::INDEXED)) { (format::number(source.indexed)) }
            td.num.inline data-label=(context.t(w::FILTERED)) { (format::number(source.filtered)) }
            td.num.inline data-label=(context.t(w::IN_FLIGHT)) { (format::number(source.in_flight)) }
            td.num.inline data-label=(context.t(w::FAILURES)) {
                @if source.parse_failures > 0 { a href=(failures.href("/search")) { (format::number(source.parse_failures)) } " " span.note { (format::percent(source.parse_failures, source.received)) } }
                @else { "0" }
            }
            td.num.inline data-label=(context.t(w::KERNEL_DROPS)) { (format::number(source.kernel_drops)) }
            td.inline { (balance(context, balanced(source))) }
        }
    }
}

fn health(context: &Context, source: &SourceLive) -> Markup {
    html! {
        @if source.silent { span.health.bad { svg viewBox="0 0 16 16" aria-hidden="true" { path d="M8 0l8 8-8 8-8-8z" {} } (context.t(w::SILENT)) } }
        @else if source.last_received.is_none() { span.health.off { svg viewBox="0 0 16 16" aria-hidden="true" { circle cx="8" cy="8" r="6" {} } (context.t(w::NEVER)) } }
        @else { span.health { svg viewBox="0 0 16 16" aria-hidden="true" { circle cx="8" cy="8" r="7" {} } (context.t(w::ALIVE)) } }
    }
}

fn balance(context: &Context, even: bool) -> Markup {
    html! { @if even { span.out { (context.t(w::BALANCED)) } } @else { span.out.bad { (context.t(w::UNBALANCED)) } } }
}
