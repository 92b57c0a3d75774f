//! How numbers, times and sizes are printed.
//!
//! Times are `2026/11/20 14:05:09 JST` for everyone (Japan has one zone and no summer time); numbers carry thousands
//! separators, and from ten thousand on the board says 万 in Japanese.

use jiff::tz::{Offset, TimeZone};
use stream::Timestamp;

use crate::i18n::Lang;

/// Japan standard time, +09:00.
pub(crate) fn jst() -> TimeZone {
    TimeZone::fixed(Offset::constant(9))
}

fn zoned(instant: Timestamp) -> jiff::Zoned {
    jiff::Timestamp::from(instant).to_zoned(jst())
}

/// `2026/11/20 14:05:09 JST`
pub(crate) fn time(instant: Timestamp) -> String {
    zoned(instant).strftime("%Y/%m/%d %H:%M:%S JST").to_string()
}

/// `11/20 14:05:09`
pub(crate) fn time_short(instant: Timestamp) -> String {
    zoned(instant).strftime("%m/%d %H:%M:%S").to_string()
}

/// `14:05:09`
pub(crate) fn clock(instant: Timestamp) -> String {
    zoned(instant).strftime("%H:%M:%S").to_string()
}

/// `2026/11/20（金）JST`
pub(crate) fn date(instant: Timestamp, lang: Lang) -> String {
    let zoned = zoned(instant);
    if lang == Lang::En {
        return zoned.strftime("%Y/%m/%d (%a) JST").to_string();
    }
    let index = zoned.weekday().to_monday_zero_offset().unsigned_abs();
    let day = ["月", "火", "水", "木", "金", "土", "日"].get(usize::from(index)).copied().unwrap_or("");
    format!("{}（{day}）JST", zoned.strftime("%Y/%m/%d"))
}

/// `2026-11-20T14:05:09` in JST: the value of an HTML date-time field and of `from`/`to` in a URL.
pub(crate) fn local_input(instant: Timestamp) -> String {
    zoned(instant).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// Reads a `from`/`to` value: RFC 3339, or civil time in JST with or without seconds, `-` or `/` in the date.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    if let Some(instant) = Timestamp::parse_rfc3339(text) {
        return Some(instant);
    }
    let text = text.trim().trim_end_matches("JST").trim().replace('/', "-").replace(' ', "T");
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    civil.to_zoned(jst()).ok().map(|zoned| zoned.timestamp().into())
}

/// `1,234,567`
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Short form for cells: `3,317`, `12.1万`, `3.4億`; in English `121k`, `3.4M`.
pub(crate) fn short(value: u64, lang: Lang) -> String {
    let units: [(u64, &str); 2] = match lang {
        Lang::Ja => [(100_000_000, "億"), (10_000, "万")],
        Lang::En => [(1_000_000, "M"), (10_000, "k")],
    };
    for (unit, word) in units {
        if value >= unit {
            let unit = if word == "k" { 1000 } else { unit };
            let scaled = value as f64 / unit as f64;
            return if scaled >= 100.0 { format!("{scaled:.0}{word}") } else { format!("{scaled:.1}{word}") };
        }
    }
    number(value)
}

/// `3.1 GB`, decimal units.
pub(crate) fn bytes(value: u64) -> String {
    for (unit, word) in [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")] {
        if value >= unit {
            return format!("{:.1} {word}", value as f64 / unit as f64);
        }
    }
    format!("{value} B")
}

/// `41 分`, `3 時間`, `2 日`: how long ago, roughly. Never negative.
pub(crate) fn age(now: Timestamp, then: Timestamp, lang: Lang) -> String {
    let seconds = (now.since(then) / stream::NANOS_PER_SECOND).max(0);
    let (value, ja, en) = match seconds {
        0..60 => (seconds, "秒", "s"),
        60..5400 => (seconds / 60, "分", "min"),
        5400..129_600 => (seconds / 3600, "時間", "h"),
        _ => (seconds / 86_400, "日", "d"),
    };
    format!("{value} {}", if lang == Lang::Ja { ja } else { en })
}

/// A percentage: `0.4%`, `35%`, `100%`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0%".into();
    }
    let value = part as f64 * 100.0 / whole as f64;
    if value > 0.0 && value < 0.05 {
        return "<0.1%".into();
    }
    if value > 0.0 && value < 9.95 { format!("{value:.1}%") } else { format!("{value:.0}%") }
}

/// Cuts text to at most `max` characters and marks the cut; what would act on the page stands as a token.
pub(crate) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => visible(text),
        Some((at, _)) => format!("{}…", visible(&text[..at])),
    }
}

/// Text whose characters all stand on the page: controls, marks that turn the direction of writing, and invisible ones,
/// which attackers write into names and paths, are shown as `\u{202e}`. Line ends and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

fn acts(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Percent-encodes a query value (RFC 3986 unreserved characters stay).
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_page_is_shown() {
        let hostile = "invoice\u{202e}fdp.exe\0\u{1b}[2J\u{200b}";
        assert_eq!(cut(hostile, 100), "invoice\\u{202e}fdp.exe\\u{0}\\u{1b}[2J\\u{200b}");
        assert_eq!(cut(hostile, 8), "invoice\\u{202e}…");
        assert_eq!(visible("一行\n二行\tabc"), "一行\n二行\tabc");
    }

    #[test]
    fn numbers_and_times() {
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(number(12), "12");
        assert_eq!(short(9_999, Lang::Ja), "9,999");
        assert_eq!(short(121_000, Lang::Ja), "12.1万");
        assert_eq!(short(121_000, Lang::En), "121k");
        assert_eq!(percent(4, 1000), "0.4%");
        assert_eq!(percent(1, 1), "100%");
        let instant = Timestamp::parse_rfc3339("2026-11-20T05:05:09Z").unwrap();
        assert_eq!(time(instant), "2026/11/20 14:05:09 JST");
        assert_eq!(date(instant, Lang::Ja), "2026/11/20（金）JST");
        for text in ["2026-11-20T14:05:09", "2026/11/20 14:05:09 JST", "2026-11-20T05:05:09Z"] {
            assert_eq!(parse_time(text), Some(instant), "{text}");
        }
        assert_eq!(parse_time(&local_input(instant)), Some(instant));
        assert_eq!(parse_time("yesterday"), None);
        assert_eq!(cut("日本語テキスト", 3), "日本語…");
        assert_eq!(encode("a b:\"日\""), "a%20b%3A%22%E6%97%A5%22");
    }
}
