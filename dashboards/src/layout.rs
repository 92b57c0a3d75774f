//! The frame of every page: head, navigation, banner, footer; and the small parts pages share.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use stream::NANOS_PER_SECOND;

use crate::context::{Context, Visitor};
use crate::format;
use crate::i18n::{Word, w};
use crate::icons::icon;
use crate::params::{PRESETS, Params, Range};
use crate::{AppState, Error, assets};

/// htmx without what the content security policy forbids (inline style, eval) and without history snapshots.
const HTMX: &str = r#"{"includeIndicatorStyles":false,"allowEval":false,"historyCacheSize":0,"selfRequestsOnly":true,"timeout":60000,"responseHandling":[{"code":"[23]..","swap":true},{"code":"[45]..","swap":false,"error":true}]}"#;

pub(crate) fn logo() -> Markup {
    PreEscaped(include_str!("../assets/logo.svg").replace("<svg ", "<svg aria-hidden=\"true\" ")).into_markup()
}

trait IntoMarkup {
    fn into_markup(self) -> Markup;
}

impl IntoMarkup for PreEscaped<String> {
    fn into_markup(self) -> Markup {
        self
    }
}

/// The document around `body`, without navigation.
pub(crate) fn document(visitor: &Visitor, title: &str, charts: bool, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(visitor.lang.code()) data-theme=[visitor.theme] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="same-origin";
                meta name="htmx-config" content=(HTMX);
                title { (title) " — " (visitor.lang.t(w::PRODUCT)) }
                link rel="icon" type="image/svg+xml" href=(assets::href("logo.svg"));
                @if charts { link rel="stylesheet" href=(assets::href("uplot.css")); }
                link rel="stylesheet" href=(assets::href("app.css"));
                @if charts { script defer src=(assets::href("uplot.js")) {} }
                script defer src=(assets::href("htmx.js")) {}
                script defer src=(assets::href("app.js")) {}
            }
            body { (body) }
        }
    }
}

/// One page: its path marks the navigation, its title the window, its tools stand right of the heading.
pub(crate) struct Page<'a> {
    pub(crate) path: &'static str,
    pub(crate) title: &'a str,
    /// The window's title where it says more than the heading.
    pub(crate) window: Option<String>,
    pub(crate) subtitle: String,
    pub(crate) tools: Markup,
    pub(crate) charts: bool,
}

impl<'a> Page<'a> {
    pub(crate) fn new(path: &'static str, title: &'a str) -> Self {
        Page { path, title, window: None, subtitle: String::new(), tools: html! {}, charts: false }
    }

    /// The whole page around its content.
    pub(crate) fn render(self, context: &Context, content: Markup) -> Markup {
        let body = html! {
            a.skip href="#main" { (context.t(w::SKIP)) }
            div.frame {
                (navigation(context, self.path))
                main #main tabindex="-1" {
                    p.banner #offline role="alert" hidden { (icon("warning")) (context.t(w::OFFLINE)) }
                    header.head {
                        div { h1 { (self.title) } @if !self.subtitle.is_empty() { p.note { (self.subtitle) } } }
                        div.tools { (self.tools) (theme_button(context)) (clock(context)) }
                    }
                    (content)
                }
            }
        };
        document(context, self.window.as_deref().unwrap_or(self.title), self.charts, body)
    }
}

fn navigation(context: &Context, active: &str) -> Markup {
    let pages: [(&str, Word, &str, u64); 6] = [
        ("/", w::BOARD, "board", 0),
        ("/search", w::SEARCH, "search", 0),
        ("/alerts", w::ALERTS, "alerts", context.open),
        ("/zones", w::ZONES, "zones", 0),
        ("/rules", w::RULES, "rules", 0),
        ("/sources", w::SOURCES, "sources", context.silent),
    ];
    let keep = |path: &str| match context.params.get("tenant") {
        Some(tenant) => Params::default().with("tenant", tenant).href(path),
        None => path.to_owned(),
    };
    let initial: String = context.account.name.chars().take(1).flat_map(char::to_uppercase).collect();
    html! {
        nav.nav aria-label=(context.t(w::MENU)) {
            a.brand href="/" { (logo()) div { b { (context.t(w::PRODUCT)) } span { (context.t(w::TAGLINE)) } } }
            ul {
                @for (path, word, image, count) in pages {
                    li {
                        a href=(keep(path)) aria-current=[(path == active).then_some("page")] {
                            (icon(image)) (context.t(word))
                            @if path == "/alerts" { (open_badge(count, false)) }
                            @else if count > 0 { span.badge { (format::number(count)) } }
                        }
                    }
                }
            }
            form.who method="post" action="/sign-out" {
                span.avatar aria-hidden="true" { (initial) }
                div {
                    b { (context.account.name) }
                    @if context.lang == crate::i18n::Lang::Ja { span.note { " " (context.account.role.label()) } }
                    br;
                    input type="hidden" name="csrf" value=(context.csrf);
                    button type="submit" { (context.t(w::SIGN_OUT)) }
                    " "
                    button type="submit" formaction=(format!("/language?next={}", format::encode(&context.params.without("lang").href(&context.path)))) { (context.t(w::LANGUAGE)) }
                }
            }
        }
    }
}

/// The number of 未対応 alerts in the navigation; `again` replaces the one that a page shows already.
pub(crate) fn open_badge(count: u64, again: bool) -> Markup {
    html! {
        span.badge #open-badge hidden[count == 0] hx-swap-oob=[again.then_some("true")] { (format::number(count)) }
    }
}

fn theme_button(visitor: &Visitor) -> Markup {
    html! {
        button.button type="button" data-theme-toggle title=(visitor.lang.t(w::THEME)) aria-label=(visitor.lang.t(w::THEME)) { (icon("theme")) }
    }
}

fn clock(context: &Context) -> Markup {
    html! {
        div.wallclock {
            b data-clock=(context.now.millis()) data-frozen=[std::env::var_os("SEKISHO_NOW").map(|_| "1")] { (format::clock(context.now)) }
            span { (format::date(context.now, context.lang)) }
        }
    }
}

/// The presets of the range as links that keep the rest of the state.
pub(crate) fn presets(context: &Context, path: &str, range: Range, names: &[&str]) -> Markup {
    let base = context.params.without("from").without("to").without("before").without("event");
    html! {
        div.segments role="group" aria-label=(context.t(w::RANGE)) {
            @for (name, _, ja, en) in PRESETS.iter().filter(|(name, ..)| names.contains(name)) {
                a href=(base.with("range", name).href(path)) aria-current=[(range.preset == Some(*name)).then_some("true")] {
                    (context.t(Word(ja, en)))
                }
            }
        }
    }
}

/// Chips to choose one of several tenants; nothing where the account has one.
pub(crate) fn tenant_chips(context: &Context, state: &AppState, path: &str) -> Markup {
    let tenants = state.tenants.load();
    let account = &context.account;
    let all = account.role == store::Role::SystemAdmin || account.tenants.iter().any(|t| t == store::ALL_TENANTS);
    let mine: Vec<_> = tenants.iter().filter(|tenant| all || account.tenants.contains(&tenant.id)).collect();
    let chosen = context.params.get("tenant");
    let base = context.params.without("before").without("event").without("page");
    html! {
        @if mine.len() > 1 {
            nav.chips aria-label=(context.t(w::TENANT)) {
                a.chip href=(base.without("tenant").href(path)) aria-current=[chosen.is_none().then_some("true")] { (context.t(w::ALL)) }
                @for tenant in mine {
                    a.chip href=(base.with("tenant", &tenant.id).href(path)) aria-current=[(chosen == Some(tenant.id.as_str())).then_some("true")] {
                        @if tenant.name.is_empty() { (tenant.id) } @else { (tenant.name) }
                    }
                }
            }
        }
    }
}

/// Names of the tenants that the request sees, for the subtitle.
pub(crate) fn tenant_names(context: &Context, state: &AppState) -> String {
    let tenants = state.tenants.load();
    let names: Vec<String> = tenants
        .iter()
        .filter(|tenant| context.sees(&tenant.id))
        .map(|tenant| {
            if tenant.model.is_empty() { tenant.name.clone() } else { format!("{}（{}）", tenant.name, tenant.model) }
        })
        .collect();
    names.join(" ・ ")
}

/// A panel that failed while the others live on.
pub(crate) fn panel_error(context: &Context, error: &Error) -> Markup {
    if error.status().is_server_error() {
        tracing::error!(error = %error, path = %context.path, "panel failed");
    }
    html! {
        div.panel-error role="alert" {
            b { (context.t(w::PANEL_ERROR)) } " " (error.public())
            p.note { (context.t(w::PANEL_ERROR_HINT)) }
        }
    }
}

/// A query that cannot be read, with a caret under the place.
pub(crate) fn query_error(context: &Context, column: usize, message: &str, suggestion: Option<&str>) -> Markup {
    let shift = context.params.column_shift();
    let typed = context.params.get("q").unwrap_or("").trim();
    let column = column.saturating_sub(shift).max(1);
    let caret: String = typed.chars().take(column - 1).map(|c| if is_wide(c) { '　' } else { ' ' }).collect();
    html! {
        div.panel-error role="alert" {
            b { (context.t(w::QUERY_ERROR)) } " (" (column) " " (context.t(w::COLUMN)) "): " (message)
            pre { (typed) "\n" (caret) "^" }
            @if let Some(suggestion) = suggestion { p { "→ " (suggestion) } }
        }
    }
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}')
}

/// An error as a whole page.
pub(crate) fn error_page(context: &Context, error: &Error) -> axum::response::Response {
    use axum::response::IntoResponse;
    let status = error.status();
    if status.is_server_error() {
        tracing::error!(error = %error, path = %context.path, "page failed");
    }
    let (word, hint) = match error {
        Error::NotFound => (w::NOT_FOUND, w::NOT_FOUND_HINT),
        Error::Forged | Error::Forbidden => (w::REFUSED, w::REFUSED_HINT),
        _ => (w::PANEL_ERROR, w::PANEL_ERROR_HINT),
    };
    let title = context.t(word);
    let body = html! {
        section.card { div.empty { p.strong { (error.public()) } p { (context.t(hint)) } div.chips { a.button href="/" { (context.t(w::BACK)) } } } }
    };
    (status, Page::new("", title).render(context, body)).into_response()
}

/// What of the index is damaged and so not found, of the tenants that may be seen.
pub(crate) fn damage(context: &Context, state: &AppState) -> Option<Markup> {
    let mut damaged = state.live.damaged();
    damaged.retain(|(tenant, ..)| context.sees(tenant));
    (!damaged.is_empty()).then(|| {
        html! {
            div.banner role="alert" {
                (icon("warning"))
                div {
                    (context.t(w::DAMAGED))
                    @for (tenant, events, oldest, newest) in damaged.iter().take(10) {
                        br; (tenant) " " (format::time(*oldest)) " – " (format::time(*newest)) " " (format::number(*events)) " " (context.t(w::UNIT))
                    }
                }
            }
        }
    })
}

/// Whether what was received is not being archived.
pub(crate) fn archive(context: &Context, state: &AppState) -> Option<Markup> {
    state.live.archive_trouble().map(|_| {
        html! {
            div.banner role="alert" { (icon("warning")) div { (context.t(w::ARCHIVE_WAITS)) } }
        }
    })
}

/// Whether the newest record is older than the configured limit, and its time.
pub(crate) fn stale(context: &Context, state: &AppState) -> Option<Markup> {
    let sources = state.live.sources();
    let last =
        sources.iter().filter(|source| context.sees(&source.tenant)).filter_map(|source| source.last_received).max();
    let limit = i64::from(state.config.stale_seconds) * NANOS_PER_SECOND;
    let quiet = context.now.since(last.unwrap_or_else(|| state.live.started_at()));
    (quiet > limit).then(|| {
        html! {
            p.banner role="alert" {
                (icon("warning")) (context.t(w::STALE)) " "
                @match last { Some(at) => (format::time(at)), None => (context.t(w::NEVER)) }
            }
        }
    })
}
