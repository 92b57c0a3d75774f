//! Times as logs write them, read by hand-written digit parsing; jiff is asked only about zones with summer time.
//!
//! | Form | Function |
//! |---|---|
//! | `2026-11-20T10:00:00.123+09:00`, `2026-11-20 10:00:00`, `2026/11/20 10:00:00,123` (RFC 3339 §5.6, ISO 8601) | [`iso`], [`iso_prefix`] |
//! | `Nov 20 10:00:00`, `Nov  5 2026 10:00:00.123 JST`, `2026 Nov 20 10:00:00`, `*Nov 20 ...` (RFC 3164 §4.1.2 and Cisco's forms) | [`rfc3164_prefix`] |
//! | `1763600400`, `1763600400.123`, ms, us, ns by the number of digits | [`epoch`] |
//! | `20/Nov/2026:10:00:00 +0900` (Apache's common log) | [`common_log`] |
//! | a date and a time apart, with a zone | [`civil_date`], [`civil_time`], [`Civil::new`] |
//!
//! Years 1970 to 2261; a second of 60 (a leap second) counts as the next minute's first. Everything that does not read
//! whole is `None`: a wrong time is worse than none.

use jiff::tz::TimeZone;
use stream::Timestamp;

use crate::parser::Context;

const DAY_SECONDS: i64 = 86_400;

/// A source's time zone; one without summer time costs an addition.
#[derive(Clone, Debug)]
pub struct Zone {
    fixed_seconds: Option<i32>,
    zone: TimeZone,
}

impl Default for Zone {
    fn default() -> Self {
        Zone::tokyo()
    }
}

impl Zone {
    /// Asia/Tokyo: +09:00, without summer time since 1952.
    pub fn tokyo() -> Self {
        Zone::fixed(9 * 3600)
    }

    /// UTC.
    pub fn utc() -> Self {
        Zone::fixed(0)
    }

    /// A fixed offset east of UTC in seconds, at most 25:59:59 either way; more counts as UTC.
    pub fn fixed(seconds: i32) -> Self {
        match jiff::tz::Offset::from_seconds(seconds) {
            Ok(offset) => Zone { fixed_seconds: Some(seconds), zone: TimeZone::fixed(offset) },
            Err(_) => Zone { fixed_seconds: Some(0), zone: TimeZone::UTC },
        }
    }

    /// A zone by its IANA name (`Asia/Tokyo`, `America/New_York`), its abbreviation (`JST`, `UTC`, `GMT`, `Z`) or its
    /// offset (`+09:00`, `+0900`, `UTC+9`). The list of zones is inside the binary.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        if let Some(seconds) = abbreviation(name).or_else(|| offset(name)) {
            return Some(Zone::fixed(seconds));
        }
        if name.eq_ignore_ascii_case("Asia/Tokyo") || name.eq_ignore_ascii_case("Japan") {
            return Some(Zone::tokyo());
        }
        if name.eq_ignore_ascii_case("Etc/UTC") {
            return Some(Zone::utc());
        }
        TimeZone::get(name).ok().map(|zone| Zone { fixed_seconds: None, zone })
    }

    /// The offset east of UTC in seconds at an instant.
    pub fn offset_at(&self, time: Timestamp) -> i32 {
        self.fixed_seconds.unwrap_or_else(|| self.zone.to_offset(time.into()).seconds())
    }

    /// The instant at which this zone's clocks show `civil`. A time that a change to summer time skips is read with the
    /// offset before the change; one that occurs twice is the first (RFC 5545 §3.3.5).
    pub fn instant(&self, civil: &Civil) -> Timestamp {
        if let Some(seconds) = self.fixed_seconds {
            return civil.at_offset(seconds);
        }
        let datetime = jiff::civil::DateTime::new(
            civil.year as i16,
            civil.month as i8,
            civil.day as i8,
            civil.hour as i8,
            civil.minute as i8,
            civil.second.min(59) as i8,
            civil.nanos as i32,
        );
        match datetime.and_then(|datetime| self.zone.to_ambiguous_timestamp(datetime).compatible()) {
            Ok(instant) => instant.into(),
            Err(_) => civil.at_offset(0),
        }
    }
}

/// What a clock shows: a valid date from 1970-01-01 to 2261-12-31 and a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    nanos: u32,
}

impl Civil {
    /// From a date and a time of day; `None` when the date does not exist.
    pub fn new((year, month, day): (u16, u8, u8), time: TimeOfDay) -> Option<Self> {
        if !(1970..=2261).contains(&year) || !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
            return None;
        }
        let TimeOfDay { hour, minute, second, nanos } = time;
        (hour < 24 && minute < 60 && second <= 60 && nanos < 1_000_000_000).then_some(Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
            nanos,
        })
    }

    /// The instant, for a clock that is `seconds` east of UTC.
    pub fn at_offset(&self, seconds: i32) -> Timestamp {
        let days = days_from_epoch(self.year, self.month, self.day);
        let of_day = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        Timestamp::from_seconds(days * DAY_SECONDS + of_day - i64::from(seconds)).plus_nanos(i64::from(self.nanos))
    }
}

/// A time of day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
    /// Fraction of the second in nanoseconds.
    pub nanos: u32,
}

/// Reads a whole text in ISO form; a time without a zone is in `zone`.
pub fn iso(text: &str, zone: &Zone) -> Option<Timestamp> {
    iso_prefix(text, zone).filter(|(_, length)| *length == text.len()).map(|(time, _)| time)
}

/// Reads an ISO form at the start of the text: the instant, and how many bytes it took.
///
/// Date `2026-11-20` or `2026/11/20`; then `T`, `t` or a blank; time with seconds and a fraction after `.` or `,`; then
/// nothing, `Z`, `+09:00`, `+0900` or `+09`, the offsets also after one blank, or ` JST` and the like.
pub fn iso_prefix(text: &str, zone: &Zone) -> Option<(Timestamp, usize)> {
    let bytes = text.as_bytes();
    let (date, mut at) = civil_date(bytes)?;
    if !matches!(bytes.get(at), Some(b'T' | b't' | b' ')) {
        return None;
    }
    at += 1;
    let (time, length) = civil_time(&bytes[at..])?;
    at += length;
    let civil = Civil::new(date, time)?;
    match zone_suffix(&bytes[at..]).or_else(|| zone_word(&bytes[at..])) {
        Some((seconds, length)) => Some((civil.at_offset(seconds), at + length)),
        None => Some((zone.instant(&civil), at)),
    }
}

/// Reads an RFC 3164 time stamp at the start of the text, in the forms found in the wild: the instant, and how many
/// bytes it took (without the blank or colon after it).
///
/// Without a year it takes the year that puts it nearest to `context.received`; without a zone it is in `context.zone`.
pub fn rfc3164_prefix(text: &str, context: &Context) -> Option<(Timestamp, usize)> {
    let bytes = text.as_bytes();
    let mut at = usize::from(matches!(bytes.first(), Some(b'*' | b'.')));
    let mut year = None;
    if bytes.get(at).is_some_and(u8::is_ascii_digit) {
        year = Some(digits4(bytes.get(at..)?)?);
        at += 4 + spaces(bytes.get(at + 4..)?)?;
    }
    let month = month_number(bytes.get(at..at + 3)?)?;
    at += 3 + spaces(&bytes[at + 3..])?;
    let (day, length) = digits1_2(&bytes[at..])?;
    at += length + spaces(&bytes[at + length..])?;
    if year.is_none() && matches!(bytes.get(at + 4), Some(b' ')) {
        year = Some(digits4(&bytes[at..])?);
        at += 5;
    }
    let (time, length) = civil_time(&bytes[at..])?;
    at += length;
    if year.is_none()
        && let Some(found) = trailing_year(&bytes[at..])
    {
        year = Some(found);
        at += 5;
    }
    let offset_seconds =
        zone_word(&bytes[at..]).or_else(|| zone_suffix(&bytes[at..])).or_else(|| zone_from_utc(&bytes[at..]));
    let place = |civil: &Civil| match offset_seconds {
        Some((seconds, _)) => civil.at_offset(seconds),
        None => context.zone.instant(civil),
    };
    let instant = match year {
        Some(year) => place(&Civil::new((year, month, day), time)?),
        None => nearest_year(month, day, time, context, place)?,
    };
    Some((instant, at + offset_seconds.map_or(0, |(_, length)| length)))
}

/// Reads `20/Nov/2026:10:00:00 +0900`, whole; without an offset it is in `zone`.
pub fn common_log(text: &str, zone: &Zone) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let (day, length) = digits1_2(bytes)?;
    let rest = bytes.get(length..)?;
    let separated = |at: usize, with: u8| rest.get(at) == Some(&with);
    if !(separated(0, b'/') && separated(4, b'/') && (separated(9, b':') || separated(9, b' '))) {
        return None;
    }
    let date = (digits4(&rest[5..])?, month_number(&rest[1..4])?, day);
    let (time, length) = civil_time(&rest[10..])?;
    let civil = Civil::new(date, time)?;
    let suffix = &rest[10 + length..];
    match zone_suffix(suffix) {
        Some((seconds, length)) if length == suffix.len() => Some(civil.at_offset(seconds)),
        None if suffix.is_empty() => Some(zone.instant(&civil)),
        _ => None,
    }
}

/// Reads a whole number since the Unix epoch: up to 11 digits are seconds (a fraction may follow), 12 to 14
/// milliseconds, 15 to 17 microseconds, 18 or 19 nanoseconds.
pub fn epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = match memchr::memchr(b'.', text.as_bytes()) {
        Some(at) => (&text[..at], Some(&text.as_bytes()[at + 1..])),
        None => (text, None),
    };
    let bytes = whole.as_bytes();
    if bytes.is_empty() || bytes.len() > 19 || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = bytes.iter().try_fold(0i64, |n, b| n.checked_mul(10)?.checked_add(i64::from(b - b'0')))?;
    let scale = match bytes.len() {
        ..=11 => 1_000_000_000,
        12..=14 => 1_000_000,
        15..=17 => 1_000,
        _ => 1,
    };
    let nanos = match fraction {
        Some(fraction) if bytes.len() <= 11 => {
            fraction_nanos(fraction).filter(|(_, length)| *length == fraction.len())?.0
        }
        Some(fraction) if !fraction.iter().all(u8::is_ascii_digit) => return None,
        _ => 0,
    };
    Some(Timestamp(number.checked_mul(scale)?.checked_add(i64::from(nanos))?))
}

/// Reads `2026-11-20` or `2026/11/20` (one-digit months and days too) at the start: the date, and how many bytes.
pub fn civil_date(bytes: &[u8]) -> Option<((u16, u8, u8), usize)> {
    let year = digits4(bytes)?;
    let separator = *bytes.get(4)?;
    if !matches!(separator, b'-' | b'/') {
        return None;
    }
    let (month, length) = digits1_2(&bytes[5..])?;
    let at = 5 + length;
    if bytes.get(at) != Some(&separator) {
        return None;
    }
    let (day, length) = digits1_2(&bytes[at + 1..])?;
    Some(((year, month, day), at + 1 + length))
}

/// Reads `10:00:00`, with a fraction after `.` or `,` of up to nine digits (more are ignored): the time, how many bytes.
pub fn civil_time(bytes: &[u8]) -> Option<(TimeOfDay, usize)> {
    let (hour, length) = digits1_2(bytes)?;
    let rest = bytes.get(length..length + 6)?;
    if rest[0] != b':' || rest[3] != b':' {
        return None;
    }
    let minute = digits2(&rest[1..3])?;
    let second = digits2(&rest[4..6])?;
    let at = length + 6;
    let fraction = match bytes.get(at) {
        Some(b'.' | b',') => fraction_nanos(&bytes[at + 1..]),
        _ => None,
    };
    let (nanos, length) = fraction.map_or((0, 0), |(nanos, length)| (nanos, length + 1));
    (hour < 24 && minute < 60 && second <= 60).then_some((TimeOfDay { hour, minute, second, nanos }, at + length))
}

/// Reads an offset, whole: `+09:00`, `+0900`, `+09`, `-5`, `UTC+9`, `GMT-03:30`; seconds east of UTC.
pub fn offset(text: &str) -> Option<i32> {
    let text = text.trim();
    let text = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT")).unwrap_or(text);
    if let [sign @ (b'+' | b'-'), hour @ b'0'..=b'9'] = text.as_bytes() {
        let seconds = i32::from(hour - b'0') * 3600;
        return Some(if *sign == b'-' { -seconds } else { seconds });
    }
    numeric_offset(text.as_bytes()).filter(|(_, length)| *length == text.len()).map(|(seconds, _)| seconds)
}

/// The number of an English month name's first three letters, in any case.
pub fn month_number(name: &[u8]) -> Option<u8> {
    let lower = [name.first()? | 0x20, name.get(1)? | 0x20, name.get(2)? | 0x20];
    Some(match &lower {
        b"jan" => 1,
        b"feb" => 2,
        b"mar" => 3,
        b"apr" => 4,
        b"may" => 5,
        b"jun" => 6,
        b"jul" => 7,
        b"aug" => 8,
        b"sep" => 9,
        b"oct" => 10,
        b"nov" => 11,
        b"dec" => 12,
        _ => return None,
    })
}

fn nearest_year(
    month: u8,
    day: u8,
    time: TimeOfDay,
    context: &Context,
    place: impl Fn(&Civil) -> Timestamp,
) -> Option<Timestamp> {
    let received = context.received.plus_nanos(i64::from(context.zone.offset_at(context.received)) * 1_000_000_000);
    let year = year_of(received);
    // 29 February exists every fourth year, at times every eighth.
    let reach = if month == 2 && day == 29 { 8 } else { 1 };
    (year - reach..=year + reach)
        .filter_map(|year| Civil::new((u16::try_from(year).ok()?, month, day), time))
        .map(|civil| place(&civil))
        .min_by_key(|instant| (i128::from(instant.0) - i128::from(context.received.0)).abs())
}

/// ` 2026` before a blank or the end; a colon may follow, if it does not begin an IPv6 address.
fn trailing_year(bytes: &[u8]) -> Option<u16> {
    let ended = matches!(bytes.get(5..), Some([] | [b' ', ..] | [b':'] | [b':', b' ', ..]));
    if bytes.first() != Some(&b' ') || !ended {
        return None;
    }
    digits4(&bytes[1..]).filter(|year| (1990..=2100).contains(year))
}

/// ` JST` and the like before a blank, a colon or the end.
fn zone_word(bytes: &[u8]) -> Option<(i32, usize)> {
    let word = bytes.strip_prefix(b" ")?;
    let length = word.iter().take(4).take_while(|b| b.is_ascii_uppercase()).count();
    if !matches!(word.get(length), None | Some(b' ' | b':')) || length < 3 {
        return None;
    }
    let seconds = abbreviation(std::str::from_utf8(&word[..length]).ok()?)?;
    Some((seconds, length + 1))
}

/// ` GMT+00:00`, ` UTC-05:00`: as CEF and Java write a zone.
fn zone_from_utc(bytes: &[u8]) -> Option<(i32, usize)> {
    let rest = bytes.strip_prefix(b" GMT").or_else(|| bytes.strip_prefix(b" UTC"))?;
    numeric_offset(rest).map(|(seconds, length)| (seconds, length + 4))
}

/// `Z`, or a numeric offset that may follow a blank.
fn zone_suffix(bytes: &[u8]) -> Option<(i32, usize)> {
    match bytes.first()? {
        b'Z' | b'z' => Some((0, 1)),
        b'+' | b'-' => numeric_offset(bytes),
        b' ' => numeric_offset(&bytes[1..]).map(|(seconds, length)| (seconds, length + 1)),
        _ => None,
    }
}

fn numeric_offset(bytes: &[u8]) -> Option<(i32, usize)> {
    let negative = match bytes.first()? {
        b'+' => false,
        b'-' => true,
        _ => return None,
    };
    let hours = digits2(bytes.get(1..3)?)?;
    let (minutes, length) = match bytes.get(3..) {
        Some([b':', a @ b'0'..=b'9', b @ b'0'..=b'9', ..]) => ((a - b'0') * 10 + (b - b'0'), 6),
        Some([a @ b'0'..=b'9', b @ b'0'..=b'9', ..]) => ((a - b'0') * 10 + (b - b'0'), 5),
        _ => (0, 3),
    };
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    (hours < 24 && minutes < 60).then_some((if negative { -seconds } else { seconds }, length))
}

/// Abbreviations that mean one offset; `CST`, `IST` and `BST` mean several, and are left to the source's zone.
fn abbreviation(name: &str) -> Option<i32> {
    match name {
        "UTC" | "GMT" | "Z" | "UCT" => Some(0),
        "JST" | "KST" => Some(9 * 3600),
        "EDT" => Some(-4 * 3600),
        "EST" | "CDT" => Some(-5 * 3600),
        "MDT" => Some(-6 * 3600),
        "MST" | "PDT" => Some(-7 * 3600),
        "PST" => Some(-8 * 3600),
        "CET" => Some(3600),
        "CEST" | "EET" => Some(2 * 3600),
        "EEST" | "MSK" => Some(3 * 3600),
        "AEST" => Some(10 * 3600),
        "AEDT" => Some(11 * 3600),
        _ => None,
    }
}

/// Digits as a fraction of a second; at least one digit.
fn fraction_nanos(bytes: &[u8]) -> Option<(u32, usize)> {
    let length = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let digits = bytes[..length].iter().map(|digit| u32::from(digit - b'0'));
    let nanos = digits.chain(std::iter::repeat(0)).take(9).fold(0, |nanos, digit| nanos * 10 + digit);
    (length > 0).then_some((nanos, length))
}

/// How many blanks there are; at least one.
fn spaces(bytes: &[u8]) -> Option<usize> {
    Some(bytes.iter().take_while(|b| **b == b' ').count()).filter(|count| *count > 0)
}

fn digits1_2(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', ..] => Some(((a - b'0') * 10 + (b - b'0'), 2)),
        [a @ b'0'..=b'9', ..] => Some((a - b'0', 1)),
        _ => None,
    }
}

fn digits2(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', ..] => Some((a - b'0') * 10 + (b - b'0')),
        _ => None,
    }
}

fn digits4(bytes: &[u8]) -> Option<u16> {
    let high = digits2(bytes)?;
    let low = digits2(bytes.get(2..)?)?;
    Some(u16::from(high) * 100 + u16::from(low))
}

fn days_in(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar; the year counted from March, so that the leap day comes last.
fn days_from_epoch(year: u16, month: u8, day: u8) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let month = i64::from(month);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The Gregorian year of an instant that was already moved into its zone.
fn year_of(time: Timestamp) -> i64 {
    let days = time.seconds().div_euclid(DAY_SECONDS) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    year + era * 400 + i64::from((5 * of_year + 2) / 153 >= 10)
}

#[cfg(test)]
mod tests;
