//! ゾーンと許可通信: the zones and permitted flows in force, to read.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use crate::context::Context;
use crate::i18n::{Word, w};
use crate::layout::{Page, tenant_chips};
use crate::{AppState, TenantView};

/// `GET /zones`
pub(crate) async fn page(State(state): State<AppState>, context: Context) -> Response {
    let tenants = state.tenants.load_full();
    let content = html! {
        div.stack { @for tenant in tenants.iter().filter(|tenant| context.sees(&tenant.id)) { (one(&state, &context, tenant)) } }
    };
    let mut page = Page::new("/zones", context.t(w::ZONES));
    page.tools = tenant_chips(&context, &state, "/zones");
    page.render(&context, content).into_response()
}

fn one(state: &AppState, context: &Context, tenant: &TenantView) -> Markup {
    html! {
        section.card {
            header { h2 { (tenant.name) " " span.id { (tenant.id) } } @if !tenant.model.is_empty() { span.end.note { (tenant.model) } } }
            div.scroll { table.list {
                thead { tr { th { (context.t(w::ZONE)) } th { "ID" } th { (context.t(w::PREFIXES)) } } }
                tbody { @for zone in &tenant.zones { tr { td { (context.zone(state, &zone.id)) } td.mono { (zone.id) } td.mono { @for prefix in &zone.prefixes { (prefix) " " } } } } }
            } }
        }
        section.card {
            header { h2 { (context.t(w::FLOWS)) " " (tenant.flows.len()) } }
            @if tenant.flows.is_empty() { p.note { (context.t(w::NO_FLOWS)) } }
            @else {
                div.scroll { table.list {
                    thead { tr { th { (context.t(w::FLOW_ID)) } th { (context.t(Word("送信側", "From"))) } th { (context.t(Word("受信側", "To"))) } th { (context.t(w::PORTS)) } th { (context.t(w::VALID_UNTIL)) } th { (context.t(w::PURPOSE)) } } }
                    tbody { @for flow in &tenant.flows { tr { td.mono { (flow[0]) } td { (flow[1]) } td { (flow[2]) } td.mono { (flow[3]) } td.nowrap { (flow[4]) } td { (flow[5]) } } } }
                } }
            }
        }
    }
}
