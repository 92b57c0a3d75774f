//! Lines of devices whose clocks are wrong: what they must not do to what comes after them.

use super::*;

/// 1970 and 2099, in minutes after the first of the month.
const PAST: i64 = -START / 60;
const FUTURE: i64 = (4_080_000_000 - START) / 60;

/// Plays events with the minutes of their receipt.
fn play(setting: &Setting, events: &[(i64, Given)]) -> Vec<i64> {
    let (mut engine, mut out) = (setting.engine(), Vec::new());
    for (at, (minute, given)) in events.iter().enumerate() {
        feed_at(&mut engine, at, given, Timestamp::from_seconds(START + minute * 60), &mut out);
    }
    engine.finish(&mut out);
    minutes(&out)
}

fn seen(at: i64, minute: i64, user: &str) -> (i64, Given) {
    (at, x(minute, &format!("\"user.name\": \"{user}\"")))
}

#[test]
fn a_line_of_1970_does_not_end_learning() {
    let setting = Setting::new("  first_seen: {by: [user.name], learn: 14d}\n", &[]);
    let new = |past: i64| {
        [
            seen(0, past, "sato"),
            seen(1, 1, "mori"),
            seen(2, past, "hara"),
            seen(DAY, DAY, "abe"),
            seen(15 * DAY, 15 * DAY, "ito"),
        ]
    };
    assert_eq!(play(&setting, &new(0)), [15 * DAY]);
    assert_eq!(play(&setting, &new(PAST)), [15 * DAY], "neither as the first line nor later");
    assert_eq!(play(&setting, &[seen(0, 0, "a"), seen(1, -30 * DAY, "b"), seen(2, 2, "c")]), Vec::<i64>::new());
}

#[test]
fn a_line_of_2099_does_not_end_learning_and_hides_nobody() {
    let setting = Setting::new("  first_seen: {by: [user.name], learn: 14d}\n", &[]);
    let far = [seen(0, 0, "sato"), seen(1, FUTURE, "mori"), seen(DAY, DAY, "hara"), seen(15 * DAY, 15 * DAY, "ito")];
    assert_eq!(play(&setting, &far), [15 * DAY]);
    let setting = Setting::new("  first_seen: {by: [user.name], again: 20d}\n", &[]);
    let back = [seen(0, 0, "sato"), seen(1, FUTURE, "sato"), seen(30 * DAY, 30 * DAY, "sato")];
    assert_eq!(play(&setting, &back), [30 * DAY], "it was last seen when its line of 2099 was received");
}

#[test]
fn a_line_of_2099_does_not_blind_a_baseline_or_a_beacon() {
    let keys = "  baseline: {by: [source.ip], factor: 3, min: 3, learn: 14d}\n  suppress: {by: [source.ip], for: 1h}\n";
    let setting = Setting::new(keys, &[]);
    let one = |at: i64, minute: i64| (at, x(minute, "\"source.ip\": \"192.0.2.1\""));
    let weekly = |day: i64| one(day * DAY, day * DAY);
    let mut events = vec![weekly(0), weekly(7), one(8 * DAY, FUTURE), weekly(14), weekly(21)];
    let burst = 28 * DAY;
    events.extend((0..6).map(|minute| one(burst + minute, burst + minute)));
    assert_eq!(play(&setting, &events), [burst + 3], "more than three times the usual one");
    let setting =
        Setting::new("  beacon: {by: [source.ip], intervals: 6}\n  suppress: {by: [source.ip], for: 1d}\n", &[]);
    let mut beats = vec![one(0, FUTURE)];
    beats.extend((2..12).map(|beat| one(beat * 10, beat * 10)));
    assert_eq!(play(&setting, &beats).len(), 1);
}

#[test]
fn a_source_is_not_alive_because_it_once_said_2099() {
    let rules = [
        rule("r-1", "x", "1", "  absence: {without: b, by: [user.name], before: 2m, after: 1m}\n"),
        rule("r-2", "z", "1", "  title: b\n").replace("id: r-2\n", "id: r-2\nname: b\n"),
    ];
    let setting = Setting::of(&rules.join("---\n"), &[]);
    let b = |at: i64, minute: i64| (at, (minute, "mfa", "\"z\": 1, \"user.name\": \"other\"".to_owned()));
    let a = |at: i64, minute: i64| seen(at, minute, "sato");
    let end = seen(400, 400, "mori");
    let heard = [b(0, 0), b(30, 30), a(45, 45), b(60, 60), b(90, 90), end.clone()];
    assert_eq!(play(&setting, &heard), [46], "the other source was heard throughout");
    let silent = [b(0, 0), b(30, FUTURE), a(200, 200), end.clone()];
    assert_eq!(play(&setting, &silent), Vec::<i64>::new(), "it fell silent: nothing can be concluded");
    let ahead = [b(0, 0), b(30, 30), a(45, FUTURE), b(60, 60), end];
    assert_eq!(play(&setting, &ahead), Vec::<i64>::new(), "nobody knows when that was");
}
