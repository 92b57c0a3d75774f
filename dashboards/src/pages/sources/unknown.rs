//! Senders that no source claims, and `POST /sources/adopt`, which makes one a source. System administrators only; audited.

use std::net::IpAddr;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use crate::auth::check_post;
use crate::context::Context;
use crate::i18n::w;
use crate::layout::{Page, error_page};
use crate::pages::alerts::tenant_name;
use crate::{AdoptionWish, AppState, Error, UnknownLive, format};

/// Senders that are shown; the busiest come first.
const SHOWN_MAX: usize = 50;
/// Characters of a sample line.
const LINE_CHARS_MAX: usize = 300;
/// From this confidence on, in percent, a guessed product is filled in.
const SURE: u8 = 60;

/// The section of the page; nothing where this process receives nothing.
pub(super) async fn section(state: &AppState, context: &Context) -> Markup {
    let Some(adoption) = state.adoption.clone() else { return html! {} };
    let read = state.database_call(move |_| Ok(adoption.unknown())).await;
    // A sender of no tenant is shown to those who see every tenant.
    let all = context.tenants.iter().any(|tenant| tenant == store::ALL_TENANTS);
    let seen = |sender: &UnknownLive| if sender.tenant.is_empty() { all } else { context.sees(&sender.tenant) };
    let senders = read.map(|read| read.map(|senders| senders.into_iter().filter(seen).collect::<Vec<_>>()));
    html! {
        section.card #unknown {
            header {
                h2 { (context.t(w::UNKNOWN_SENDERS)) @if let Ok(Ok(senders)) = &senders { " " (senders.len()) } }
                span.end.note { (context.t(w::UNKNOWN_NOTE)) }
            }
            @match &senders {
                Err(error) => (failed(context, &error.public())),
                Ok(Err(error)) => (failed(context, error)),
                Ok(Ok(senders)) if senders.is_empty() => p.empty { (context.t(w::UNKNOWN_NONE)) },
                Ok(Ok(senders)) => @for sender in senders.iter().take(SHOWN_MAX) { (one(state, context, sender)) },
            }
        }
    }
}

fn failed(context: &Context, reason: &str) -> Markup {
    html! {
        div.panel-error role="alert" { b { (context.t(w::UNKNOWN_FAILED)) } p { (context.t(w::UNKNOWN_FAILED_HINT)) } pre.block { (reason) } }
    }
}

fn one(state: &AppState, context: &Context, sender: &UnknownLive) -> Markup {
    let address = sender.address.map(|address| address.to_string());
    html! {
        div.unknown {
            p {
                b.mono { (address.as_deref().unwrap_or("?")) } " "
                @if !sender.hosts.is_empty() { (format::visible(&sender.hosts.join(", "))) " " }
                span.note {
                    @if !sender.tenant.is_empty() { (tenant_name(state, &sender.tenant)) " ・ " }
                    (format::number(sender.records)) (context.t(w::UNIT)) " ・ " (context.t(w::LAST_SEEN)) " " (format::time(sender.last_received))
                }
            }
            p {
                @match &sender.guess {
                    Some((product, confidence)) => { (context.t(w::LOOKS_LIKE)) " " b { (product) } " (" (confidence) " %)" },
                    None => span.note { (context.t(w::LOOKS_LIKE_NOTHING)) },
                }
            }
            @for line in &sender.lines { div.raw { (format::visible(&format::cut(line, LINE_CHARS_MAX))) } }
            @if let Some(address) = &address { @if context.may_reload() { (form(state, context, sender, address)) } }
        }
    }
}

/// Filled in as far as it can be, so that one click is enough.
fn form(state: &AppState, context: &Context, sender: &UnknownLive, address: &str) -> Markup {
    let tenants = state.tenants.load();
    let product =
        sender.guess.as_ref().filter(|(_, confidence)| *confidence >= SURE).map_or("", |(product, _)| product);
    html! {
        form.adopt method="post" action="/sources/adopt" {
            input type="hidden" name="csrf" value=(context.csrf);
            input type="hidden" name="address" value=(address);
            label { (context.t(w::TENANT)) " "
                select name="tenant" required {
                    @if sender.tenant.is_empty() && tenants.len() > 1 { option value="" { "—" } }
                    @for tenant in tenants.iter().filter(|tenant| sender.tenant.is_empty() || tenant.id == sender.tenant) {
                        option value=(tenant.id) { @if tenant.name.is_empty() { (tenant.id) } @else { (tenant.name) } }
                    }
                }
            }
            label { (context.t(w::SOURCE_ID)) " " input type="text" name="id" required maxlength="64" value=(suggested(sender, product)); }
            label { (context.t(w::PRODUCT_NAME)) " " input type="text" name="product" required maxlength="64" value=(product); }
            button.button.primary type="submit" { (context.t(w::ADOPT)) }
        }
    }
}

/// The first host name, else product and address.
fn suggested(sender: &UnknownLive, product: &str) -> String {
    let plain = |text: &str| -> String {
        let kept = text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
        kept.take(60).collect::<String>().trim_matches('-').to_owned()
    };
    let host = sender.hosts.first().map(|host| plain(host.split('.').next().unwrap_or("")));
    host.filter(|host| host.chars().any(|c| c.is_ascii_alphabetic())).unwrap_or_else(|| {
        let address = sender.address.map(|address| plain(&address.to_string())).unwrap_or_default();
        format!("{}-{address}", if product.is_empty() { "source" } else { product })
    })
}

/// `POST /sources/adopt`: `address`, `tenant`, `id`, `product`.
pub(crate) async fn adopt(
    State(state): State<AppState>,
    context: Context,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    if let Err(error) = check_post(&context, &headers, &fields) {
        return error_page(&context, &error);
    }
    let Some(adoption) = state.adoption.clone().filter(|_| context.may_reload()) else {
        return error_page(&context, &Error::Forbidden);
    };
    let sent = |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim()).to_owned();
    let Ok(address) = sent("address").parse::<IpAddr>() else {
        return refused(&context, context.t(w::ADOPT_NO_ADDRESS));
    };
    let wish = AdoptionWish { address, tenant: sent("tenant"), id: sent("id"), product: sent("product") };
    if [&wish.tenant, &wish.id, &wish.product].into_iter().any(String::is_empty) {
        return refused(&context, context.t(w::ADOPT_INCOMPLETE));
    }
    let actor = context.account.name.clone();
    let outcome = state.database_call(move |state| {
        let outcome = adoption.adopt(&wish);
        let asked = format!("{} as {}/{} ({})", wish.address, wish.tenant, wish.id, wish.product);
        let action = if outcome.is_ok() { "source.adopt" } else { "source.adopt.refused" };
        state.database.audit(&actor, action, &format::cut(&asked, 1000), state.now())?;
        Ok(outcome)
    });
    match outcome.await {
        Ok(Ok(_)) => Redirect::to("/sources").into_response(),
        Ok(Err(reason)) => refused(&context, &reason),
        Err(error) => error_page(&context, &error),
    }
}

fn refused(context: &Context, reason: &str) -> Response {
    let content = html! {
        section.card {
            header { h2 { (context.t(w::ADOPT_REFUSED)) } }
            p { (context.t(w::ADOPT_REFUSED_HINT)) }
            pre.block { (format::visible(reason)) }
            div.chips { a.button href="/sources" { (context.t(w::BACK)) } }
        }
    };
    let page = Page::new("/sources", context.t(w::ADOPT_REFUSED)).render(context, content);
    (StatusCode::CONFLICT, page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_suggested_from_what_is_known() {
        let sender = |hosts: &[&str]| UnknownLive {
            tenant: String::new(),
            address: Some("192.0.2.7".parse().unwrap()),
            records: 1,
            last_received: stream::Timestamp::default(),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            lines: Vec::new(),
            guess: None,
        };
        assert_eq!(suggested(&sender(&["FW_01.town.example.jp"]), "squid"), "fw-01");
        assert_eq!(suggested(&sender(&["192.0.2.7"]), "squid"), "squid-192-0-2-7");
        assert_eq!(suggested(&sender(&["\"><script>"]), ""), "script");
        assert_eq!(suggested(&sender(&[]), ""), "source-192-0-2-7");
    }
}
