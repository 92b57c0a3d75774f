//! The text people read on the phone: short Japanese lines, the worst first.
//!
//! Values come from alerts and so from attackers: control characters and bidirectional overrides are replaced, each
//! value is cut at [`VALUE_CHARS_MAX`] characters.

use jiff::tz::{Offset, TimeZone};
use stream::fields::{DESTINATION_IP, DESTINATION_PORT, SOURCE_IP, USER_NAME};
use stream::{Alert, FieldId, Level, Timestamp};

const VALUE_CHARS_MAX: usize = 200;

/// The parts of a message.
pub(crate) struct Message {
    /// One line: `【緊急】title（団体）`.
    pub(crate) subject: String,
    /// A few lines.
    pub(crate) text: String,
    /// Link to the alert, if the pages have an address.
    pub(crate) url: Option<String>,
}

/// Writes the message of an alert.
pub(crate) fn compose(alert: &Alert, public_url: Option<&str>) -> Message {
    let level = level_word(alert.level);
    let title = clean(&alert.rule.name);
    let tenant = clean(&alert.tenant);
    let subject = format!("【{level}】{title}（{tenant}）");
    let mut lines = vec![subject.clone(), format!("発生: {}", time(alert.timestamp)), format!("団体: {tenant}")];
    let mut add = |label: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(format!("{label}: {value}"));
        }
    };
    add("送信元", value(alert, SOURCE_IP));
    add(
        "宛先",
        value(alert, DESTINATION_IP).map(|ip| match value(alert, DESTINATION_PORT) {
            Some(port) => format!("{ip} ポート {port}"),
            None => ip,
        }),
    );
    add("利用者", value(alert, USER_NAME));
    add("判定", alert.sekisho.flow.as_ref().map(|flow| clean(&flow.verdict)));
    lines.push(format!("件数: {}", alert.event_count));
    let url = public_url.map(|base| format!("{}/alerts/{}", base.trim_end_matches('/'), alert.id));
    if let Some(url) = &url {
        lines.push(format!("詳細と対応開始: {url}"));
    }
    Message { subject, text: lines.join("\n"), url }
}

fn value(alert: &Alert, field: FieldId) -> Option<String> {
    let name = field.name();
    let text = match alert.anchor.get(name) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Null) | None => alert.group.get(name)?.clone(),
        Some(other) => other.to_string(),
    };
    (!text.is_empty()).then(|| clean(&text))
}

/// One line without control characters and without marks that turn the direction of writing.
pub(crate) fn clean(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().take(VALUE_CHARS_MAX).map(|c| if hidden(c) { ' ' } else { c }).collect()
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Critical => "緊急",
        Level::High => "重大",
        Level::Medium => "警告",
        Level::Low => "注意",
        Level::Informational => "情報",
    }
}

fn time(instant: Timestamp) -> String {
    let zone = TimeZone::fixed(Offset::constant(9));
    jiff::Timestamp::from(instant).to_zoned(zone).strftime("%Y/%m/%d %H:%M:%S JST").to_string()
}
