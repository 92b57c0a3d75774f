//! Dates, days and hours as people write them in cells. Full-width digits and signs are read like their ASCII forms.

use stream::Timestamp;

use super::{Calendar, Day, Days, Hours};
use crate::csv::fold;

/// What to write in a date cell.
pub(crate) const DATE_ADVICE: &str = "write 2027-03-31, 2027/3/31, 20270331, R9.3.31 or 令和9年3月31日";

struct Era {
    names: [&'static str; 3],
    /// Gregorian year of the era's year 0.
    base: i32,
    start: (i32, u32, u32),
}

const ERAS: [Era; 3] = [
    Era { names: ["令和", "令", "R"], base: 2018, start: (2019, 5, 1) },
    Era { names: ["平成", "平", "H"], base: 1988, start: (1989, 1, 8) },
    Era { names: ["昭和", "昭", "S"], base: 1925, start: (1926, 12, 25) },
];

pub(super) fn date(text: &str) -> Result<Day, String> {
    let folded = fold(text);
    let text = folded.trim();
    let wrong = || format!("`{text}` is not a date");
    let (era, rest) = split_era(text);
    let (year, month, day) = numbers(rest, era.is_some()).ok_or_else(wrong)?;
    let year = match era {
        Some(era) => year.checked_add(era.base).ok_or_else(wrong)?,
        None => year,
    };
    let found = Day::from_date(year, month, day).ok_or_else(|| format!("`{text}` is not a day of the calendar"))?;
    if let Some(era) = era
        && Day::from_date(era.start.0, era.start.1, era.start.2).is_some_and(|start| found < start)
    {
        return Err(format!("`{text}` lies before the first day of {}", era.names[0]));
    }
    Ok(found)
}

fn split_era(text: &str) -> (Option<&'static Era>, &str) {
    for era in &ERAS {
        for name in era.names {
            let head = text.get(..name.len());
            if head.is_some_and(|head| head.eq_ignore_ascii_case(name)) {
                return (Some(era), text[name.len()..].trim_start());
            }
        }
    }
    (None, text)
}

/// Year, month and day of `2027-03-31`, `2027/3/31`, `2027.3.31`, `2027年3月31日`, `20270331`; `元` is year 1 of an era.
fn numbers(text: &str, in_era: bool) -> Option<(i32, u32, u32)> {
    if !in_era && text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some((text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..].parse().ok()?));
    }
    let separators: [char; 3] = if text.contains('年') {
        ['年', '月', '日']
    } else {
        let sign = text.chars().find(|c| matches!(c, '-' | '/' | '.'))?;
        [sign, sign, '\0']
    };
    let (year, rest) = text.split_once(separators[0])?;
    let (month, rest) = rest.split_once(separators[1])?;
    let day = if separators[2] == '\0' { rest } else { rest.strip_suffix(separators[2])? };
    let year = year.trim();
    let year = if in_era && year == "元" { 1 } else { digits(year, if in_era { 1..=2 } else { 4..=4 })? };
    (year >= 1).then_some((year as i32, digits(month.trim(), 1..=2)?, digits(day.trim(), 1..=2)?))
}

fn digits(text: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<u32> {
    (lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Reads a date with or without a time of day. Without one it is the beginning of the day, or its end (24:00) for
/// `end`; times are Japan's unless an offset is written (RFC 3339).
pub(crate) fn parse_instant(text: &str, end: bool) -> Result<Timestamp, String> {
    let folded = fold(text);
    let text = folded.trim();
    if let Some(time) = Timestamp::parse_rfc3339(text) {
        return Ok(time);
    }
    let Some((day, clock)) = text.split_once([' ', 'T']) else {
        let day = date(text)?;
        return Ok(if end { Day(day.0.saturating_add(1)).start() } else { day.start() });
    };
    let day = date(day)?;
    let (clock, seconds) = match clock.trim().rsplit_once(':') {
        Some((clock, seconds)) if clock.contains(':') => {
            (clock, digits(seconds, 2..=2).filter(|seconds| *seconds < 60))
        }
        _ => (clock.trim(), Some(0)),
    };
    match (minutes(clock), seconds) {
        (Some(minutes), Some(seconds)) => {
            let seconds = i64::from(minutes) * 60 + i64::from(seconds);
            Ok(day.start().plus_nanos(seconds * stream::NANOS_PER_SECOND))
        }
        _ => Err(format!("`{text}` has no time of day such as 22:00")),
    }
}

/// Minutes of `22:00`; at most 24:00.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes) = (digits(hours, 1..=2)?, digits(minutes, 2..=2)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= 24 * 60).then_some(total as u16)
}

pub(super) fn days(text: &str) -> Result<Days, String> {
    let folded = fold(text);
    let mut bits = 0;
    for word in folded.split(';').map(str::trim).filter(|word| !word.is_empty()) {
        bits |= match word.to_ascii_lowercase().as_str() {
            "weekday" | "平日" => Days::WEEKDAY,
            "holiday" | "休日" | "閉庁日" => Days::HOLIDAY,
            "月" | "mon" => 1,
            "火" | "tue" => 1 << 1,
            "水" | "wed" => 1 << 2,
            "木" | "thu" => 1 << 3,
            "金" | "fri" => 1 << 4,
            "土" | "sat" => 1 << 5,
            "日" | "sun" => 1 << 6,
            _ => return Err(format!("`{word}` is not a kind of day")),
        };
    }
    Ok(if bits == 0 { Days::ALL } else { Days(bits) })
}

pub(super) fn hours(text: &str) -> Result<Hours, String> {
    let folded = fold(text);
    let mut spans = Vec::new();
    for word in folded.split(';').map(str::trim).filter(|word| !word.is_empty()) {
        let wrong = || format!("`{word}` is not a span of hours");
        let (start, end) = word.split_once(['-', '~', '〜', '−', '–']).ok_or_else(wrong)?;
        let (start, end) = (minutes(start).ok_or_else(wrong)?, minutes(end).ok_or_else(wrong)?);
        if start == end || start == 24 * 60 {
            return Err(format!("`{word}` holds no time, its end is excluded"));
        }
        spans.push((start, end));
    }
    Ok(Hours(spans.into()))
}

pub(super) fn calendar(text: &str) -> Result<Calendar, String> {
    let holidays = std::collections::BTreeMap::new();
    if matches!(text, "24h" | "24h_shift") {
        return Ok(Calendar { holidays, office_days: Days::ALL, office_hours: Hours::default() });
    }
    let wrong = || format!("`{text}` is not a calendar");
    let (kind, span) = text.split_once('_').ok_or_else(wrong)?;
    let (start, end) = span.split_once('_').ok_or_else(wrong)?;
    let office_days = match kind {
        "weekday" => Days(Days::WEEKDAY),
        "all" => Days::ALL,
        _ => return Err(wrong()),
    };
    if [start, end].iter().any(|clock| clock.len() != 4 || !clock.is_ascii()) {
        return Err(wrong());
    }
    let span = format!("{}:{}-{}:{}", &start[..2], &start[2..], &end[..2], &end[2..]);
    Ok(Calendar { holidays, office_days, office_hours: hours(&span).map_err(|_| wrong())? })
}
