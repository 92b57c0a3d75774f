//! Tests of the time forms.

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

#[test]
fn iso_forms() {
    let tokyo = Zone::tokyo();
    for (text, expected) in [
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ("2026-11-20T10:00:00.123456789+09:00", "2026-11-20T01:00:00.123456789Z"),
        ("2026-11-20T10:00:00.1234567891234Z", "2026-11-20T10:00:00.123456789Z"),
        ("2026-11-20 10:00:00", "2026-11-20T01:00:00Z"),
        ("2026/11/20 10:00:00,5", "2026-11-20T01:00:00.5Z"),
        ("2026-11-20T10:00:00-0330", "2026-11-20T13:30:00Z"),
        ("2026-11-20 10:00:00 +0900", "2026-11-20T01:00:00Z"),
        ("2026-2-3T1:02:03+09", "2026-02-02T16:02:03Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"),
    ] {
        assert_eq!(iso(text, &tokyo), Some(at(expected)), "{text}");
    }
    for text in [
        "",
        "2026",
        "2026-11-20",
        "2026-11-20T10:00",
        "2026-13-20T10:00:00Z",
        "2026-02-30T10:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T10:60:00Z",
        "2026-11-20T10:00:00Zx",
        "2026-11/20T10:00:00Z",
        "２０２６-11-20T10:00:00Z",
        "9999-11-20T10:00:00Z",
    ] {
        assert_eq!(iso(text, &tokyo), None, "{text}");
    }
}

#[test]
fn days_agree_with_jiff() {
    for day in (0..106_000).step_by(7) {
        let expected = jiff::Timestamp::from_second(day * DAY_SECONDS).unwrap();
        let date = expected.to_zoned(TimeZone::UTC).date();
        assert_eq!(days_from_epoch(date.year() as u16, date.month() as u8, date.day() as u8), day);
        assert_eq!(year_of(Timestamp::from_seconds(day * DAY_SECONDS)), i64::from(date.year()));
    }
}

#[test]
fn rfc3164_forms() {
    let context = Context::tokyo(at("2026-11-20T12:00:00+09:00"));
    for (text, expected, length) in [
        ("Nov 20 10:00:00 host", "2026-11-20T10:00:00+09:00", 15),
        ("Nov  5 10:00:00 host", "2026-11-05T10:00:00+09:00", 15),
        ("Nov 5 10:00:00 host", "2026-11-05T10:00:00+09:00", 14),
        ("Nov 20 2025 10:00:00: %ASA", "2025-11-20T10:00:00+09:00", 20),
        ("2025 Nov 20 10:00:00 host", "2025-11-20T10:00:00+09:00", 20),
        ("*Nov 20 10:00:00.123: %SYS", "2026-11-20T10:00:00.123+09:00", 20),
        ("Nov 20 10:00:00.123 UTC: %SYS", "2026-11-20T10:00:00.123Z", 23),
        ("Nov 20 10:00:00 JST host", "2026-11-20T10:00:00+09:00", 19),
        ("Nov 20 10:00:00 2024 host", "2024-11-20T10:00:00+09:00", 20),
        ("Nov 20 10:00:00+0000 host", "2026-11-20T10:00:00Z", 20),
    ] {
        assert_eq!(rfc3164_prefix(text, &context), Some((at(expected), length)), "{text}");
    }
    for text in
        ["", "Nov", "Nov 20", "Nov 20 10:00", "Foo 20 10:00:00", "Nov 31 10:00:00", "Nov 20 25:00:00", "Nov20 1:00:00"]
    {
        assert_eq!(rfc3164_prefix(text, &context), None, "{text}");
    }
}

#[test]
fn a_year_is_the_nearest_to_receipt() {
    let year = |text: &str, received: &str| rfc3164_prefix(text, &Context::utc(at(received))).unwrap().0.to_string();
    assert_eq!(year("Dec 31 23:59:59", "2027-01-01T00:00:05Z"), "2026-12-31T23:59:59Z");
    assert_eq!(year("Jan  1 00:00:01", "2026-12-31T23:59:58Z"), "2027-01-01T00:00:01Z");
    assert_eq!(year("Mar  1 00:00:00", "2027-03-01T00:00:00Z"), "2027-03-01T00:00:00Z");
    assert_eq!(year("Feb 29 12:00:00", "2027-01-10T00:00:00Z"), "2028-02-29T12:00:00Z");
    assert_eq!(year("Feb 29 12:00:00", "2025-03-10T00:00:00Z"), "2024-02-29T12:00:00Z");
}

#[test]
fn summer_time_is_asked_of_the_zone() {
    let zone = Zone::named("America/New_York").unwrap();
    assert_eq!(iso("2026-07-01T12:00:00", &zone), Some(at("2026-07-01T16:00:00Z")));
    assert_eq!(iso("2026-12-01T12:00:00", &zone), Some(at("2026-12-01T17:00:00Z")));
    // Skipped and doubled hours.
    assert_eq!(iso("2026-03-08T02:30:00", &zone), Some(at("2026-03-08T07:30:00Z")));
    assert_eq!(iso("2026-11-01T01:30:00", &zone), Some(at("2026-11-01T05:30:00Z")));
    for name in ["Asia/Tokyo", "JST", "+0900", "+09:00", "UTC+9"] {
        assert_eq!(Zone::named(name).unwrap().offset_at(Timestamp(0)), 32_400, "{name}");
    }
    assert!(Zone::named("Mars/Olympus").is_none());
}

#[test]
fn epochs_by_digits() {
    for text in ["1763600400", "1763600400000", "1763600400000000", "1763600400000000000", "1763600400.000"] {
        assert_eq!(epoch(text), Some(Timestamp::from_seconds(1_763_600_400)), "{text}");
    }
    assert_eq!(epoch("1157689320.327").unwrap().to_string(), "2006-09-08T04:22:00.327Z");
    for text in ["", ".", "1.", "-1", "1e9", "12345678901234567890", "9999999999999999999", "1.2x", "99999999999"] {
        assert_eq!(epoch(text), None, "{text}");
    }
}

#[test]
fn common_log_form() {
    let zone = Zone::tokyo();
    assert_eq!(common_log("20/Nov/2026:10:00:00 +0000", &zone), Some(at("2026-11-20T10:00:00Z")));
    assert_eq!(common_log("20/Nov/2026:10:00:00", &zone), Some(at("2026-11-20T01:00:00Z")));
    for text in ["", "20/Nov/2026", "20/Foo/2026:10:00:00", "20/Nov/2026:10:00:00 x"] {
        assert_eq!(common_log(text, &zone), None, "{text}");
    }
}

/// 2262-01-01: the first year that is not read.
const Y2262: i64 = 9_214_646_400_000_000_000;

proptest::proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,40}|[A-Za-z]{3} [0-9: ]{0,20}.{0,4}|[0-9T:/+. -]{0,40}") {
        let context = Context::tokyo(Timestamp(i64::MAX));
        let _ = (rfc3164_prefix(&text, &context), iso(&text, &context.zone), epoch(&text), common_log(&text, &context.zone), offset(&text));
        let _ = rfc3164_prefix(&text, &Context::tokyo(Timestamp(i64::MIN)));
    }

    #[test]
    fn iso_agrees_with_jiff(nanos in 0..Y2262) {
        let text = Timestamp(nanos).to_string();
        proptest::prop_assert_eq!(iso(&text, &Zone::tokyo()), Some(Timestamp(nanos)));
    }
}
