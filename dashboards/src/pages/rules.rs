//! 検知ルール: what runs, what does not and why, and what each rule says.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use crate::context::Context;
use crate::i18n::{Lang, w};
use crate::icons::severity;
use crate::layout::Page;
use crate::{AppState, RuleView, format};

/// `GET /rules`
pub(crate) async fn page(State(state): State<AppState>, context: Context) -> Response {
    let rules = state.rules.load_full();
    let mut sorted: Vec<&RuleView> = rules.iter().collect();
    sorted.sort_by(|a, b| {
        let order = |rule: &RuleView| (rule.problem.is_none(), std::cmp::Reverse(rule.level));
        order(a).cmp(&order(b)).then_with(|| a.usecases.cmp(&b.usecases)).then_with(|| a.title.cmp(&b.title))
    });
    let problems = rules.iter().filter(|rule| rule.problem.is_some()).count();
    let content = html! {
        section.card {
            header {
                h2 { (context.t(w::RULES)) " " (format::number(rules.len() as u64)) }
                @if problems > 0 { span.end.strong { (context.t(w::PROBLEM)) " " (problems) } }
            }
            @if sorted.is_empty() { p.empty { (context.t(w::NO_RULES)) } }
            @else {
                div.scroll { table.list.cards {
                    thead { tr { th { (context.t(w::SEVERITY)) } th { (context.t(w::RULE)) } th { (context.t(w::USECASE)) } th { (context.t(w::LOGSOURCE)) } th { (context.t(w::LAST_MATCH)) } th { (context.t(w::STATE)) } } }
                    tbody { @for rule in sorted { (row(&context, rule)) } }
                } }
            }
        }
    };
    Page::new("/rules", context.t(w::RULES)).render(&context, content).into_response()
}

fn row(context: &Context, rule: &RuleView) -> Markup {
    let title = if context.lang == Lang::En && !rule.title_en.is_empty() { &rule.title_en } else { &rule.title };
    html! {
        tr {
            td.inline { (severity(rule.level, context.lang, None)) }
            td {
                details.rule-detail {
                    summary { span.strong { (title) } }
                    @if !rule.what.is_empty() { p { span.note { (context.t(w::WHAT)) ": " } (rule.what) } }
                    @if !rule.why.is_empty() { p { span.note { (context.t(w::WHY)) ": " } (rule.why) } }
                    @if !rule.first.is_empty() { p { span.note { (context.t(w::FIRST)) ": " } (rule.first.join(" ／ ")) } }
                    @if !rule.policy.is_empty() { p { span.note { (context.t(w::POLICY)) ": " } (rule.policy) } }
                    @if !rule.attack.is_empty() { p { span.note { (context.t(w::ATTACK)) ": " } (rule.attack.join(", ")) } }
                    p { a href=(format!("/alerts?rule={}", format::encode(&rule.id))) { (context.t(w::ALERTS)) } " ・ " span.id { (rule.id) } }
                    @if !rule.source.is_empty() { pre.block { (rule.source) } }
                }
                @if let Some(problem) = &rule.problem { p.note { "⚠ " (problem) } }
            }
            td.inline { (rule.usecases.join(", ")) }
            td.inline.quiet { (rule.logsource) }
            td.inline.nowrap { @match rule.last_match { Some(at) => (format::time(at)), None => span.quiet { "—" } } }
            td.inline {
                @if rule.problem.is_some() { span.out.bad { (context.t(w::PROBLEM)) } }
                @else if rule.enabled { span.out { (context.t(w::ENABLED)) } }
                @else { span.out { (context.t(w::DISABLED)) } }
            }
        }
    }
}
