//! Every form of date, day and hour cell, and the edges of a day.

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

#[test]
fn every_form_of_a_date() {
    let expected = Day::from_date(2027, 3, 31).unwrap();
    for text in [
        "2027-03-31",
        "2027/3/31",
        "2027/03/31",
        "2027.3.31",
        "20270331",
        "2027年3月31日",
        "R9.3.31",
        "r09/03/31",
        "R9-3-31",
        "令和9年3月31日",
        "令和 9年 3月31日",
        "令9.3.31",
        " 2027-03-31 ",
        "２０２７／３／３１",
        "Ｒ９．３．３１",
        "平成39年3月31日",
    ] {
        assert_eq!(Day::parse(text), Ok(expected), "{text}");
    }
    assert_eq!(Day::parse("令和元年5月1日"), Ok(Day::from_date(2019, 5, 1).unwrap()));
    assert_eq!(Day::parse("平成元年1月8日"), Ok(Day::from_date(1989, 1, 8).unwrap()));
    assert_eq!(Day::parse("H31.4.30"), Ok(Day::from_date(2019, 4, 30).unwrap()));
    assert_eq!(Day::parse("S64.1.7"), Ok(Day::from_date(1989, 1, 7).unwrap()));
    assert_eq!(Day::parse("昭和元年12月25日"), Ok(Day::from_date(1926, 12, 25).unwrap()));
}

#[test]
fn what_is_not_a_date() {
    for text in [
        "",
        "2027-02-29",
        "2027-13-01",
        "27-03-31",
        "2027-3",
        "R1.4.30",
        "令和元年4月30日",
        "平成元年1月7日",
        "R0.1.1",
        "令和9年3月31",
        "2027-3/31",
        "元年3月31日",
        "soon",
        "2027-03-31-01",
        "+027-03-31",
        "R9.99999999999.1",
        "日",
        "𠮷野家",
    ] {
        assert!(Day::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_day_ends_at_midnight_in_japan() {
    let last = Day::from_date(2027, 3, 31).unwrap();
    let validity = Validity { from: Day::MIN, until: last };
    assert!(validity.contains(Day::of(at("2027-03-31T23:59:59.999999999+09:00"))));
    assert!(!validity.contains(Day::of(at("2027-04-01T00:00:00+09:00"))));
    assert!(!validity.contains(Day::of(at("2027-03-31T15:05:00Z"))));
    assert_eq!(last.start(), at("2027-03-31T00:00:00+09:00"));
    assert_eq!(Day::of(Timestamp::MIN), Day::of(Timestamp::MIN));
    assert_eq!(Moment::of(at("1969-12-31T14:59:59Z")), Moment { day: Day(-1), second: 86_399 });
    assert_eq!(last.weekday(), 2);
}

#[test]
fn kinds_of_day() {
    let calendar = Calendar::default().with_holidays([(Day::from_date(2026, 11, 23).unwrap(), "勤労感謝の日".into())]);
    let monday_holiday = Day::from_date(2026, 11, 23).unwrap();
    let (friday, saturday) = (Day::from_date(2026, 11, 20).unwrap(), Day::from_date(2026, 11, 21).unwrap());
    let days = |text: &str| Days::parse(text).unwrap();
    assert!(days("weekday").contains(friday, &calendar));
    assert!(!days("weekday").contains(monday_holiday, &calendar));
    assert!(!days("weekday").contains(saturday, &calendar));
    assert!(days("holiday").contains(monday_holiday, &calendar));
    assert!(days("holiday").contains(saturday, &calendar));
    assert!(days("月;火").contains(monday_holiday, &calendar));
    assert!(!days("月;火").contains(friday, &calendar));
    assert!(days("土;日;平日").contains(friday, &calendar));
    assert!(days("").contains(saturday, &calendar));
    assert!(Days::parse("月火").is_err());
    assert_eq!(calendar.holiday(monday_holiday), Some("勤労感謝の日"));
}

#[test]
fn hours_may_cross_midnight_and_end_is_excluded() {
    let calendar = Calendar::default();
    let inside = |hours: &str, days: &str, time: &str| {
        Hours::parse(hours).unwrap().contains(Moment::of(at(time)), Days::parse(days).unwrap(), &calendar)
    };
    assert!(inside("22:00-05:00", "", "2026-11-20T22:00:00+09:00"));
    assert!(inside("22:00-05:00", "", "2026-11-21T04:59:59+09:00"));
    assert!(!inside("22:00-05:00", "", "2026-11-21T05:00:00+09:00"));
    assert!(!inside("22:00-05:00", "", "2026-11-20T21:59:59+09:00"));
    assert!(inside("22:00-05:00", "金", "2026-11-21T02:00:00+09:00"), "friday night lasts into saturday");
    assert!(!inside("22:00-05:00", "土", "2026-11-21T02:00:00+09:00"));
    assert!(inside("9:00-12:00;13:00～17:00", "weekday", "2026-11-20T13:00:00+09:00"));
    assert!(!inside("9:00-12:00;13:00～17:00", "weekday", "2026-11-20T12:00:00+09:00"));
    assert!(inside("00:00-24:00", "", "2026-11-20T23:59:59+09:00"));
    assert!(inside("", "", "2026-11-20T23:59:59+09:00"));
    for wrong in ["22-5", "22:00", "25:00-26:00", "09:60-10:00", "10:00-10:00", "24:00-05:00", "a:b-c:d"] {
        assert!(Hours::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn office_hours() {
    let calendar = Calendar::parse("weekday_0830_1715").unwrap();
    assert!(calendar.is_open(at("2026-11-20T08:30:00+09:00")));
    assert!(!calendar.is_open(at("2026-11-20T17:15:00+09:00")));
    assert!(!calendar.is_open(at("2026-11-21T10:00:00+09:00")));
    assert!(Calendar::parse("24h").unwrap().is_open(at("2026-11-21T03:00:00+09:00")));
    for wrong in ["office", "weekday_8_17", "weekday_0830", "weekday_0830_17時", "sun_0830_1715"] {
        assert!(Calendar::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn instants_of_work_orders() {
    assert_eq!(parse_instant("2026/11/20 22:00", false), Ok(at("2026-11-20T22:00:00+09:00")));
    assert_eq!(parse_instant("R8.11.20 22:00:30", false), Ok(at("2026-11-20T22:00:30+09:00")));
    assert_eq!(parse_instant("2026-11-20T13:00:00Z", false), Ok(at("2026-11-20T22:00:00+09:00")));
    assert_eq!(parse_instant("2026-11-20T22:00", false), Ok(at("2026-11-20T22:00:00+09:00")));
    assert_eq!(parse_instant("2026-11-20", false), Ok(at("2026-11-20T00:00:00+09:00")));
    assert_eq!(parse_instant("2026-11-20", true), Ok(at("2026-11-21T00:00:00+09:00")));
    assert!(parse_instant("2026-11-20 late", false).is_err());
    assert!(parse_instant("22:00", false).is_err());
}
