//! Who held an address at an instant: the line in an event and in an alert, and `GET /api/v1/bindings`.
//!
//! The answer is read back from the events themselves (`store::Binding`), when somebody looks. Every look is written to
//! the audit log: it names people.

use std::net::IpAddr;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Value, json};
use store::{ALL_TENANTS, Binding, BindingKind};
use stream::fields::{DESTINATION_IP, SEKISHO_TENANT, SOURCE_IP};
use stream::{EventId, Timestamp};

use super::alerts::{field, text};
use crate::api::answer;
use crate::context::Context;
use crate::i18n::w;
use crate::layout::panel_error;
use crate::{AppState, Error, Result, format};

/// Whose addresses are asked about, and when.
struct Asked {
    tenant: String,
    addresses: Vec<IpAddr>,
    at: Timestamp,
}

/// `GET /search/event/{id}/holders`
pub(crate) async fn of_event(State(state): State<AppState>, Path(id): Path<String>, context: Context) -> Markup {
    let Ok(id) = id.parse::<EventId>() else { return panel_error(&context, &Error::NotFound) };
    let tenants = context.tenants.clone();
    let read = state.search_call(move |state| {
        let hit = state.searcher.get(&tenants, id)?.ok_or(Error::NotFound)?;
        let value = |field: stream::FieldId| hit.event.get(field.name()).map(text).unwrap_or_default();
        let addresses = [SOURCE_IP, DESTINATION_IP].into_iter().filter_map(|field| value(field).parse().ok());
        Ok(Asked { tenant: value(SEKISHO_TENANT), addresses: addresses.collect(), at: hit.timestamp })
    });
    panel(&state, &context, read.await).await
}

/// `GET /alerts/{id}/holders`
pub(crate) async fn of_alert(State(state): State<AppState>, Path(id): Path<String>, context: Context) -> Markup {
    let tenants = context.tenants.clone();
    let read = state.database_call(move |state| {
        let row = state.database.alert(&tenants, &id)?.ok_or(Error::NotFound)?;
        let addresses = [SOURCE_IP, DESTINATION_IP].into_iter().filter_map(|id| field(&row, id).parse().ok()).collect();
        Ok(Asked { tenant: row.alert.tenant, addresses, at: row.alert.timestamp })
    });
    panel(&state, &context, read.await).await
}

async fn panel(state: &AppState, context: &Context, asked: Result<Asked>) -> Markup {
    let asked = match asked {
        Ok(asked) => asked,
        Err(error) => return panel_error(context, &error),
    };
    let mut lists = Vec::new();
    for address in asked.addresses {
        match look(state, context, "holders", asked.tenant.clone(), address, asked.at).await {
            Ok(bindings) => lists.push((address, bindings)),
            Err(error) => return panel_error(context, &error),
        }
    }
    html! {
        @for (address, bindings) in &lists {
            div {
                p.note { (format::time(asked.at)) " ・ " span.mono { (address) } " " (context.t(w::HELD_BY)) }
                @if bindings.is_empty() { p.note { (context.t(w::HELD_BY_NONE)) } }
                @else { ul.holders { @for binding in bindings { li { (line(context, binding)) } } } }
            }
        }
    }
}

fn line(context: &Context, binding: &Binding) -> Markup {
    let kind = match binding.kind {
        BindingKind::Lease => w::HELD_LEASE,
        BindingKind::Session => w::HELD_SESSION,
        BindingKind::SignIn => w::HELD_SIGN_IN,
    };
    html! {
        @if !binding.user.is_empty() { (context.t(w::USER)) " " b { (binding.user) } " " }
        @if !binding.host.is_empty() { (context.t(w::TERMINAL)) " " b { (binding.host) } " " }
        @if !binding.mac.is_empty() { span.mono { (binding.mac) } " " }
        span.note { (context.t(kind)) " " a href=(format!("/search/event/{}", binding.event)) { (format::time(binding.since)) } }
    }
}

/// Looks, and writes down who looked.
async fn look(
    state: &AppState,
    context: &Context,
    action: &'static str,
    tenant: String,
    address: IpAddr,
    at: Timestamp,
) -> Result<Vec<Binding>> {
    let actor = context.account.name.clone();
    let read = state.search_call(move |state| {
        state.database.audit(&actor, action, &format!("{tenant} {address} {at}"), state.now())?;
        Ok(state.searcher.bindings(&tenant, address, at)?)
    });
    read.await
}

/// `GET /api/v1/bindings`: `ip`, `at` (now unless given), and `tenant` where the account sees several.
pub(crate) async fn api(State(state): State<AppState>, context: Context) -> Response {
    answer(bindings(&state, &context).await)
}

async fn bindings(state: &AppState, context: &Context) -> Result<Value> {
    let asked = |name: &str| context.params.get(name).unwrap_or("").trim();
    let wrong = |text: &str| Error::BadRequest(text.to_owned());
    let address: IpAddr = asked("ip").parse().map_err(|_| wrong("ip: write an IPv4 or IPv6 address"))?;
    let at = match asked("at") {
        "" => context.now,
        text => format::parse_time(text).ok_or_else(|| wrong("at: write RFC 3339, or 2026-11-20T10:03:00 in JST"))?,
    };
    let tenant = match context.tenants.as_slice() {
        [] => return Err(Error::NotFound),
        [one] if one != ALL_TENANTS => one.clone(),
        _ => return Err(wrong("tenant: say whose address it is; bodies use the same private addresses")),
    };
    let found = look(state, context, "bindings.api", tenant.clone(), address, at).await?;
    let rows: Vec<Value> = found.iter().map(Binding::to_json).collect();
    Ok(json!({ "tenant": tenant, "ip": address.to_string(), "at": at.to_string(), "bindings": rows }))
}
