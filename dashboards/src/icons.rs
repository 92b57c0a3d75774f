//! Line icons of the navigation and the severity marks: shape tells the level without colour.

use maud::{Markup, PreEscaped, html};
use stream::Level;

use crate::i18n::{Lang, Word};

/// An icon by name.
pub(crate) fn icon(name: &str) -> Markup {
    let path = match name {
        "board" => r#"<path d="M3 3h7v7H3zM14 3h7v5h-7zM14 12h7v9h-7zM3 14h7v7H3z"/>"#,
        "search" => r#"<circle cx="11" cy="11" r="7"/><path d="M20 20l-4-4"/>"#,
        "alerts" => r#"<path d="M6 9a6 6 0 0 1 12 0c0 6 2 7 2 8H4c0-1 2-2 2-8zM10 20a2 2 0 0 0 4 0"/>"#,
        "zones" => r#"<path d="M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5"/>"#,
        "rules" => {
            r#"<path d="M4 6l1.500 1.500L8 5M4 12l1.500 1.500L8 11M4 18l1.500 1.500L8 17M12 6h8M12 12h8M12 18h8"/>"#
        }
        "sources" => r#"<path d="M3 4h18v6H3zM3 14h18v6H3zM7 7h.01M7 17h.01"/>"#,
        "download" => r#"<path d="M12 4v11M7 11l5 5 5-5M4 20h16"/>"#,
        "theme" => r#"<circle cx="12" cy="12" r="8"/><path d="M12 4a8 8 0 0 1 0 16z" fill="currentColor"/>"#,
        "warning" => r#"<path d="M12 3l10 18H2z"/>"#,
        _ => "",
    };
    html! { svg.icon viewBox="0 0 24 24" aria-hidden="true" { (PreEscaped(path)) } }
}

/// The mark of a level: octagon, triangle, diamond, circle, ring.
pub(crate) fn mark(level: Level) -> Markup {
    let shape = match level {
        Level::Critical => r#"<path d="M5 0h6l5 5v6l-5 5H5l-5-5V5z"/>"#,
        Level::High => r#"<path d="M8 1l8 14H0z"/>"#,
        Level::Medium => r#"<path d="M8 0l8 8-8 8-8-8z"/>"#,
        Level::Low => r#"<circle cx="8" cy="8" r="7"/>"#,
        Level::Informational => r#"<circle cx="8" cy="8" r="6"/>"#,
    };
    html! { svg viewBox="0 0 16 16" aria-hidden="true" { (PreEscaped(shape)) } }
}

/// The word of a level.
pub(crate) fn level_word(level: Level, lang: Lang) -> &'static str {
    lang.t(match level {
        Level::Critical => Word("緊急", "critical"),
        Level::High => Word("重大", "high"),
        Level::Medium => Word("警告", "medium"),
        Level::Low => Word("注意", "low"),
        Level::Informational => Word("情報", "info"),
    })
}

/// Shape + word + colour, with an optional number.
pub(crate) fn severity(level: Level, lang: Lang, count: Option<u64>) -> Markup {
    html! {
        span class=(format!("sev sev-{level}")) {
            (mark(level)) (level_word(level, lang)) @if let Some(count) = count { " " (crate::format::number(count)) }
        }
    }
}

/// A thin bar that shows a share.
pub(crate) fn bar(class: &str, part: u64, whole: u64) -> Markup {
    let width = part.saturating_mul(1000).checked_div(whole).unwrap_or(0).min(1000);
    html! {
        svg class=(class) viewBox="0 0 1000 4" preserveAspectRatio="none" aria-hidden="true" {
            @if class == "meter" { rect width="1000" height="4" {} }
            rect width=(width) height="4" {}
        }
    }
}
