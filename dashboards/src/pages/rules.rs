//! 検知ルール: what runs, what does not and why, what feeds each rule, and what each rule says.

mod facts;
pub(crate) mod reload;

use axum::Json;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use self::facts::{Facts, Now, State};
use crate::context::Context;
use crate::i18n::{Lang, w};
use crate::icons::severity;
use crate::layout::Page;
use crate::{AppState, Result, RuleView, format};

/// `GET /rules`
pub(crate) async fn page(Shared(state): Shared<AppState>, context: Context) -> Result<Response> {
    let rules = state.rules.load_full();
    let now = Now::of(&state, &context).await?;
    let mut rows: Vec<(&RuleView, Facts<'_>)> = rules.iter().map(|rule| (rule, now.facts(rule))).collect();
    rows.sort_by(|(a, of_a), (b, of_b)| {
        let order = |rule: &RuleView, facts: &Facts<'_>| (!facts.state.is_blind(), std::cmp::Reverse(rule.level));
        let (first, second) = (order(a, of_a), order(b, of_b));
        first.cmp(&second).then_with(|| a.usecases.cmp(&b.usecases)).then_with(|| a.title.cmp(&b.title))
    });
    let blind = rows.iter().filter(|(_, facts)| facts.state.is_blind()).count();
    let content = html! {
        section.card {
            header {
                h2 { (context.t(w::RULES)) " " (format::number(rules.len() as u64)) }
                @if blind > 0 { span.end.strong { (context.t(w::RULE_BLIND)) " " (blind) } }
                @if state.reload.is_some() && context.may_reload() {
                    form.end method="post" action="/rules/reload" {
                        input type="hidden" name="csrf" value=(context.csrf);
                        button.button type="submit" title=(context.t(w::RELOAD_HINT)) { (context.t(w::RELOAD)) }
                    }
                }
            }
            @if rows.is_empty() { p.empty { (context.t(w::NO_RULES)) } }
            @else {
                div.scroll { table.list.cards {
                    thead { tr { th { (context.t(w::SEVERITY)) } th { (context.t(w::RULE)) } th { (context.t(w::USECASE)) } th { (context.t(w::LOGSOURCE)) } th { (context.t(w::EVALUATED)) } th { (context.t(w::LAST_MATCH)) } th { (context.t(w::STATE)) } } }
                    tbody { @for (rule, facts) in &rows { (row(&context, rule, facts)) } }
                } }
            }
        }
    };
    Ok(Page::new("/rules", context.t(w::RULES)).render(&context, content).into_response())
}

fn row(context: &Context, rule: &RuleView, facts: &Facts<'_>) -> Markup {
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
                    @if !facts.sources.is_empty() { p { span.note { (context.t(w::SOURCES)) ": " } (names(facts)) } }
                    p { a href=(format!("/alerts?rule={}", format::encode(&rule.id))) { (context.t(w::ALERTS)) } " ・ " span.id { (rule.id) } }
                    @if !rule.source.is_empty() { pre.block { (rule.source) } }
                }
                @if let Some(problem) = &rule.problem { p.note { "⚠ " (problem) } }
                @else { (gap(context, rule, facts)) }
            }
            td.inline { (rule.usecases.join(", ")) }
            td.inline.quiet { (rule.logsource) }
            td.inline.nowrap { (format::number(facts.evaluated)) }
            td.inline.nowrap { @match facts.last_match { Some(at) => (format::time(at)), None => span.quiet { "—" } } }
            td.inline { (state(context, rule, facts.state)) }
        }
    }
}

/// The sources that feed a rule.
fn names(facts: &Facts<'_>) -> String {
    facts.sources.iter().map(|source| format!("{}/{}", source.tenant, source.id)).collect::<Vec<_>>().join(", ")
}

/// What stops a rule from matching, in a sentence.
fn gap(context: &Context, rule: &RuleView, facts: &Facts<'_>) -> Markup {
    let fields = rule.coverage.missing.join(", ");
    html! {
        @match facts.state {
            State::NoSource => p.note { "⚠ " (context.t(w::RULE_NO_SOURCE)) " (" (rule.logsource) ")" },
            State::NoField => p.note { "⚠ " (context.t(w::RULE_NO_FIELD)) ": " (fields) },
            State::Partly => p.note { (context.t(w::RULE_PARTLY)) ": " (fields) },
            State::Silent(Some(since)) => p.note { "⚠ " (context.t(w::RULE_BLIND_SINCE)) ": " (format::time(since)) },
            State::Silent(None) => p.note { "⚠ " (context.t(w::RULE_NEVER_FED)) },
            State::Broken | State::Unseen | State::Fed => "",
        }
    }
}

fn state(context: &Context, rule: &RuleView, state: State) -> Markup {
    html! {
        @match state {
            State::Broken if rule.problem.is_none() => span.out { (context.t(w::DISABLED)) },
            State::Broken => span.out.bad { (context.t(w::PROBLEM)) },
            State::NoSource | State::NoField | State::Silent(_) => span.out.bad { (context.t(w::RULE_BLIND)) },
            State::Unseen | State::Partly | State::Fed => span.out { (context.t(w::ENABLED)) },
        }
    }
}

/// `GET /api/v1/rules`
pub(crate) async fn api(Shared(state): Shared<AppState>, context: Context) -> Result<Json<Value>> {
    let rules = state.rules.load_full();
    let now = Now::of(&state, &context).await?;
    let row = |rule: &RuleView| {
        let facts = now.facts(rule);
        let blind_since = match facts.state {
            State::Silent(since) => since.map(|since| since.to_string()),
            _ => None,
        };
        let sources: Vec<Value> =
            facts.sources.iter().map(|source| json!({ "tenant": source.tenant, "id": source.id })).collect();
        json!({
            "id": rule.id,
            "title": rule.title,
            "title_en": rule.title_en,
            "level": rule.level,
            "usecases": rule.usecases,
            "logsource": rule.logsource,
            "enabled": rule.enabled,
            "problem": rule.problem,
            "state": facts.state.code(),
            "sources": sources,
            "missing_fields": rule.coverage.missing,
            "blind_since": blind_since,
            "evaluated": facts.evaluated,
            "cost_ns_per_event": facts.nanos_per_event,
            "last_match": facts.last_match.map(|at| at.to_string()),
        })
    };
    Ok(Json(json!({ "rules": rules.iter().map(row).collect::<Vec<_>>() })))
}

#[cfg(test)]
mod tests {
    use crate::{RuleCoverage, RuleView};

    /// A rule that is in use and says nothing.
    pub(crate) fn rule() -> RuleView {
        RuleView {
            id: "r".into(),
            title: "規則".into(),
            title_en: String::new(),
            level: stream::Level::High,
            usecases: Vec::new(),
            logsource: "category: firewall".into(),
            what: String::new(),
            why: String::new(),
            first: Vec::new(),
            attack: Vec::new(),
            false_positives: Vec::new(),
            policy: String::new(),
            enabled: true,
            problem: None,
            coverage: RuleCoverage::default(),
            last_match: None,
            source: String::new(),
        }
    }
}
