//! The keys beyond Sigma, each through the engine, from rule text and ledgers to alerts.

mod clocks;

use std::sync::Arc;

use bumpalo::Bump;
use stream::{Alert, EventId, Timestamp, fields};

use crate::rules::read_event;
use crate::{Engine, Meta, Outcome, RuleSet, Tenants};

/// A rule set and a tenant `t` in a temporary folder.
struct Setting {
    dir: tempfile::TempDir,
    rules: Arc<RuleSet>,
    tenants: Arc<Tenants>,
}

impl Setting {
    fn new(keys: &str, ledgers: &[(&str, &str)]) -> Setting {
        Setting::of(&rule("r-1", "x", "1", keys), ledgers)
    }

    fn of(rules: &str, ledgers: &[(&str, &str)]) -> Setting {
        let dir = tempfile::tempdir().unwrap();
        let body = dir.path().join("tenants/t");
        std::fs::create_dir_all(body.join("ledgers")).unwrap();
        std::fs::create_dir_all(dir.path().join("rules")).unwrap();
        std::fs::write(body.join("tenant.toml"), "name = \"見本町\"\nmodel = \"alpha\"\n").unwrap();
        std::fs::write(body.join("zones.csv"), "prefix,zone\n10.0.0.0/8,lgwan\n").unwrap();
        for (name, text) in ledgers {
            std::fs::write(body.join(format!("ledgers/{name}.csv")), text).unwrap();
        }
        std::fs::write(dir.path().join("rules/r.yml"), rules).unwrap();
        let (set, problems) = RuleSet::load(&[dir.path().join("rules")]);
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
        let tenants = Tenants::load(&dir.path().join("tenants")).unwrap();
        Setting { dir, rules: Arc::new(set), tenants: Arc::new(tenants) }
    }

    fn engine(&self) -> Engine {
        assert!(self.dir.path().exists());
        Engine::new(Arc::clone(&self.rules), Arc::clone(&self.tenants))
    }

    /// Plays events of tenant `t`; gives the times of the alerts in minutes after the first of the month.
    fn play(&self, events: &[Given]) -> Vec<i64> {
        let mut engine = self.engine();
        let mut out = Vec::new();
        events.iter().enumerate().for_each(|(at, given)| feed(&mut engine, at, given, &mut out));
        engine.finish(&mut out);
        minutes(&out)
    }

    /// The same with the state saved and read again after every event.
    fn play_restarting(&self, events: &[Given]) -> Vec<i64> {
        let mut out = Vec::new();
        let mut state: Option<Vec<u8>> = None;
        for (at, given) in events.iter().enumerate() {
            let mut engine = self.engine();
            if let Some(state) = &state {
                engine.restore(state).unwrap();
                assert_eq!(engine.snapshot().unwrap(), *state, "the same state gives the same bytes");
            }
            feed(&mut engine, at, given, &mut out);
            state = Some(engine.snapshot().unwrap());
        }
        let mut engine = self.engine();
        engine.restore(&state.unwrap()).unwrap();
        engine.finish(&mut out);
        minutes(&out)
    }
}

/// An event: minute, source, fields.
type Given = (i64, &'static str, String);

fn rule(id: &str, field: &str, value: &str, keys: &str) -> String {
    format!(
        "title: {id}\nid: {id}\nlogsource:\n  product: p\ndetection:\n  s:\n    {field}: {value}\n  condition: s\nlevel: high\n\
         sekisho:\n{keys}"
    )
}

const START: i64 = 1_793_458_800; // Sunday 2026-11-01 00:00 in Japan.

fn feed(engine: &mut Engine, at: usize, (minute, source, fields): &Given, out: &mut Vec<Outcome>) {
    let received = Timestamp::from_seconds(START + minute * 60).plus_nanos(1);
    feed_at(engine, at, &(*minute, source, fields.clone()), received, out);
}

/// The same with a receipt that is not the event's time.
fn feed_at(
    engine: &mut Engine,
    at: usize,
    (minute, source, fields): &Given,
    received: Timestamp,
    out: &mut Vec<Outcome>,
) {
    let arena = Bump::new();
    let time = Timestamp::from_seconds(START + minute * 60);
    let line = format!("{{\"n\": {at}, {fields}}}");
    let line: &str = arena.alloc_str(&line);
    let mut event = read_event(line, &arena).unwrap();
    event.push(fields::TIMESTAMP, stream::Value::Time(time));
    let meta = Meta { id: EventId::new(0, at as u64), tenant: "t", source, received, raw: line.as_bytes() };
    engine.observe(&meta, &mut event, out);
}

fn minutes(out: &[Outcome]) -> Vec<i64> {
    alerts(out).map(|alert| (alert.timestamp.seconds() - START) / 60).collect()
}

fn alerts(out: &[Outcome]) -> impl Iterator<Item = &Alert> {
    out.iter().filter_map(|outcome| match outcome {
        Outcome::Alert(alert) => Some(alert),
        _ => None,
    })
}

/// An event that the rule's condition fits, with more fields.
fn x(minute: i64, more: &str) -> Given {
    (minute, "s", format!("\"x\": 1, {more}"))
}

const DAY: i64 = 24 * 60;

#[test]
fn a_ledger_is_asked_for_the_day_of_the_event() {
    let accounts = "user,status,shared,valid_from,valid_until\nsato,有効,no,2026-04-01,\n\
                    mori,有効,○,2026-04-01,2026-11-02\nhara,無効,,2026-04-01,2026-12-31\n";
    let user = |minute: i64, user: &str| x(minute, &format!("\"user.name\": \"{user}\""));
    let all: Vec<Given> = ["sato", "TOWN\\\\Sato", "mori", "hara", "nobody"]
        .into_iter()
        .enumerate()
        .flat_map(|(at, name)| [user(at as i64, name), user(3 * DAY + at as i64, name)])
        .chain([x(9, "\"host.name\": \"a\"")])
        .collect();
    for (is, expected) in [
        ("is: in", vec![0, 3 * DAY, 1, 3 * DAY + 1, 2, 3 * DAY + 2, 3, 3 * DAY + 3]),
        ("is: not_in", vec![4, 3 * DAY + 4]),
        ("is: valid", vec![0, 3 * DAY, 1, 3 * DAY + 1, 2, 3, 3 * DAY + 3]),
        ("is: not_valid", vec![3 * DAY + 2, 4, 3 * DAY + 4]),
        ("is: expired", vec![3 * DAY + 2]),
        ("is: valid, where: {shared: yes}", vec![2]),
        ("is: valid, where: {status: [無効, 停止]}", vec![3, 3 * DAY + 3]),
        ("is: valid, where_not: {status: 有効}", vec![3, 3 * DAY + 3]),
    ] {
        let keys = format!("  ledger: {{name: accounts, key: {{user: user.name}}, {is}}}\n");
        assert_eq!(Setting::new(&keys, &[("accounts", accounts)]).play(&all), expected, "{is}");
        assert_eq!(Setting::new(&keys, &[]).play(&all), Vec::<i64>::new(), "{is}: nobody keeps the register");
        let keys = keys.replace(", is:", ", if_empty: true, is:");
        assert_eq!(Setting::new(&keys, &[]).play(&all).len(), all.len() - 1, "{is}: all that name a user");
    }
}

#[test]
fn several_columns_agree_in_one_row_by_what_they_mean() {
    let contractors =
        "account,source,valid_from,valid_until\nvendor1,198.51.100.0/28;192.0.2.7,2026-04-01,\nvendor2,192.0.2.9,,\n";
    let clouds = "service,domain\n共有,share.example.jp\n";
    let keys = "  ledger:\n    - name: contractors\n      key: {account: user.name, source: [client.ip, source.ip]}\n      is: not_valid\n";
    let from = |minute, user: &str, ip: &str| x(minute, &format!("\"user.name\": \"{user}\", \"source.ip\": \"{ip}\""));
    let events = [
        from(0, "vendor1@ext", "198.51.100.3"),
        from(1, "vendor1", "192.0.2.7"),
        from(2, "vendor1", "192.0.2.9"),
        from(3, "vendor2", "192.0.2.9"),
    ];
    assert_eq!(Setting::new(keys, &[("contractors", contractors)]).play(&events), [2]);
    let keys = "  ledger: {name: approved_clouds, key: {domain: url.domain}, is: not_in}\n";
    let to = |minute, domain: &str| x(minute, &format!("\"url.domain\": \"{domain}\""));
    let events =
        [to(0, "www.Share.example.jp"), to(1, "share.example.jp"), to(2, "example.jp"), to(3, "ashare.example.jp")];
    assert_eq!(Setting::new(keys, &[("approved_clouds", clouds)]).play(&events), [2, 3]);
}

#[test]
fn an_indicator_counts_while_it_is_valid() {
    let ioc = "type,value,confidence,valid_from,valid_until\nip,203.0.113.5,high,,\ncidr,198.51.100.0/24,low,,\n\
               domain,bad[.]example,high,2026-11-02,\nurl,hxxp://evil.example/a,high,,2026-11-01\n\
               hash,0123456789abcdef0123456789abcdef,high,,\n";
    let events = [
        x(0, "\"destination.ip\": \"203.0.113.5\""),
        x(1, "\"destination.ip\": \"198.51.100.9\""),
        x(2, "\"url.domain\": \"a.bad.example\""),
        x(3, "\"url.original\": \"http://EVIL.example/a\""),
        x(4, "\"file.hash.md5\": \"0123456789ABCDEF0123456789ABCDEF\""),
        x(5, "\"destination.ip\": \"203.0.113.6\", \"url.domain\": \"good.example\""),
        x(DAY + 2, "\"url.domain\": \"a.bad.example\""),
        x(DAY + 3, "\"url.original\": \"http://evil.example/a\""),
    ];
    let play = |keys: &str| Setting::new(keys, &[("ioc", ioc)]).play(&events);
    assert_eq!(play("  ioc: {}\n"), [0, 1, 3, 4, DAY + 2]);
    assert_eq!(play("  ioc: {types: [ip, domain]}\n"), [0, DAY + 2]);
    assert_eq!(play("  ioc: {where: {confidence: high}, fields: [destination.ip]}\n"), [0]);
    assert_eq!(Setting::new("  ioc: {}\n", &[]).play(&events), Vec::<i64>::new());
    let suppressed = "  ioc: {}\n  suppress: {by: [destination.ip], for: 1h}\n";
    for keys in ["  ioc: {}\n", suppressed] {
        let setting = Setting::new(keys, &[("ioc", "type,value,category,source\ncidr,198.51.100.0/24,C2,回覧\n")]);
        let (mut engine, mut out) = (setting.engine(), Vec::new());
        feed(&mut engine, 0, &events[1], &mut out);
        let anchor = &alerts(&out).next().unwrap().anchor;
        let told = |field: stream::FieldId| anchor.get(field.name()).and_then(|value| value.as_str());
        assert_eq!(told(fields::THREAT_INDICATOR_TYPE), Some("cidr"));
        assert_eq!(told(fields::THREAT_INDICATOR_NAME), Some("198.51.100.0/24"));
        assert_eq!(told(fields::THREAT_INDICATOR_DESCRIPTION), Some("C2"));
        assert_eq!(told(fields::THREAT_INDICATOR_PROVIDER), Some("回覧"));
        assert_eq!(told(fields::THREAT_INDICATOR_CONFIDENCE), None);
    }
}

#[test]
fn a_calendar_knows_office_hours_days_and_modes() {
    let holidays = "date,name\n2026-11-03,文化の日\n";
    let modes = "mode,start,end\n災害,2026-11-04 10:00,2026-11-04 12:00\n";
    // Sunday to Wednesday; Tuesday is a holiday.
    let events: Vec<Given> = (0..4).flat_map(|day| [10, 20].map(|hour| x(day * DAY + hour * 60, "\"y\": 1"))).collect();
    let hours = |keys: &str| -> Vec<(i64, i64)> {
        let times = Setting::new(keys, &[("holidays", holidays), ("modes", modes)]).play(&events);
        times.into_iter().map(|minute| (minute / DAY, minute % DAY / 60)).collect()
    };
    assert_eq!(hours("  calendar: {office: open}\n"), [(1, 10), (3, 10)]);
    assert_eq!(hours("  calendar: {office: closed, days: weekday}\n"), [(1, 20), (3, 20)]);
    assert_eq!(hours("  calendar: {days: holiday, hours: '19:00-05:00'}\n"), [(0, 20), (2, 20)]);
    assert_eq!(
        hours("  calendar: {days: 月;火;水, hours: '19:00-05:00', is: outside}\n"),
        [(0, 10), (0, 20), (1, 10), (2, 10), (3, 10)]
    );
    assert_eq!(hours("  calendar: {modes: [災害]}\n"), [(3, 10)]);
    assert_eq!(hours("  calendar: {office: open, not_modes: [災害]}\n"), [(1, 10)]);
}

#[test]
fn first_seen_learns_forgets_and_knows_who_comes_back() {
    let user = |day: i64, user: &str| x(day * DAY, &format!("\"user.name\": \"{user}\", \"source.ip\": \"192.0.2.1\""));
    let days = [(0, "a"), (1, "b"), (14, "a"), (15, "c"), (16, "c"), (40, "c"), (60, "a")];
    let events: Vec<Given> = days.into_iter().map(|(day, name)| user(day, name)).collect();
    let play = |keys: &str| -> Vec<i64> {
        let setting = Setting::new(keys, &[]);
        let times = setting.play(&events);
        assert_eq!(setting.play_restarting(&events), times);
        times.into_iter().map(|minute| minute / DAY).collect()
    };
    assert_eq!(play("  first_seen: {by: [user.name, source.ip]}\n"), [15]);
    assert_eq!(play("  first_seen: {by: [user.name], learn: 1s}\n"), [1, 15]);
    assert_eq!(play("  first_seen: {by: [user.name], ttl: 20d}\n"), [15, 40, 60]);
    assert_eq!(play("  first_seen: {by: [user.name], again: 20d}\n"), [40, 60]);
    assert_eq!(play("  first_seen: {by: [host.name], learn: 1s}\n"), Vec::<i64>::new(), "no event has the field");
}

#[test]
fn a_beacon_beats_regularly_and_few_hear_it() {
    let to = |minute: i64, ip: &str| x(minute, &format!("\"source.ip\": \"{ip}\", \"url.domain\": \"c2.example\""));
    let keys = "  beacon: {by: [source.ip, url.domain], intervals: 6, jitter: 0.1, sources_max: 1}\n  \
                suppress: {by: [source.ip, url.domain], for: 1d}\n";
    let regular: Vec<Given> = (0..12).map(|beat| to(beat * 10, "192.0.2.1")).collect();
    let setting = Setting::new(keys, &[]);
    assert_eq!(setting.play(&regular), [60], "six intervals, told once");
    assert_eq!(setting.play_restarting(&regular), [60]);
    let mut swapped = regular.clone();
    swapped.swap(2, 3);
    assert_eq!(setting.play(&swapped), [60], "late by one beat");
    let person: Vec<Given> = [0, 1, 4, 30, 31, 50, 52, 90, 95, 97].map(|minute| to(minute, "192.0.2.1")).into();
    assert_eq!(setting.play(&person), Vec::<i64>::new());
    let everybody: Vec<Given> =
        (0..12).flat_map(|beat| [to(beat * 10, "192.0.2.1"), to(beat * 10, "192.0.2.2")]).collect();
    assert_eq!(setting.play(&everybody), Vec::<i64>::new(), "an updater");
    let slow: Vec<Given> = (0..12).map(|beat| to(beat * 90, "192.0.2.1")).collect();
    assert_eq!(setting.play(&slow), Vec::<i64>::new(), "longer than max");
}

#[test]
fn a_baseline_compares_with_the_same_hour_of_the_week() {
    let keys = |more: &str| {
        format!(
            "  baseline: {{by: [source.ip], sum: http.request.bytes, factor: 3, min: 100{more}}}\n  suppress: {{by: [source.ip], for: 1h}}\n"
        )
    };
    let send = |day: i64, hour: i64, bytes: u64| {
        x(day * DAY + hour * 60, &format!("\"source.ip\": \"192.0.2.1\", \"http.request.bytes\": {bytes}"))
    };
    // Mondays at 10 much, at 11 little.
    let mut events: Vec<Given> =
        (0..4).flat_map(|week| [send(week * 7 + 1, 10, 1000), send(week * 7 + 1, 11, 50)]).collect();
    events.extend([send(29, 10, 2900), send(29, 11, 90), send(29, 11, 70), send(30, 11, 90), send(30, 12, 110)]);
    let hour = |times: Vec<i64>| -> Vec<(i64, i64)> { times.iter().map(|at| (at / DAY, at % DAY / 60)).collect() };
    let setting = Setting::new(&keys(""), &[]);
    assert_eq!(hour(setting.play(&events)), [(29, 11), (30, 12)], "160 is above 3 x 50, 2900 is not above 3 x 1000");
    assert_eq!(hour(setting.play_restarting(&events)), [(29, 11), (30, 12)]);
    assert_eq!(hour(Setting::new(&keys(", learn: 60d"), &[]).play(&events)), []);
    // The Tuesday is a holiday, so that it is compared with Sundays; on both there was nothing.
    let holiday = [("holidays", "date,name\n2026-11-30,振替\n")];
    let busy = Setting::new(&keys(""), &holiday).play(&events);
    assert_eq!(hour(busy), [(29, 10), (30, 12)], "Monday 30 November is closed: nothing was usual at 10");
}

#[test]
fn an_absence_needs_a_source_that_was_heard() {
    let rules = [
        rule(
            "r-1",
            "x",
            "1",
            "  absence: {without: b, by: [user.name], before: 2m, after: 1m}\n  suppress: {by: [user.name], for: 1h}\n",
        ),
        rule("r-2", "z", "1", "  title: b\n").replace("id: r-2\n", "id: r-2\nname: b\n"),
    ]
    .join("---\n");
    let setting = Setting::of(&rules, &[]);
    let a = |minute: i64, user: &str| x(minute, &format!("\"user.name\": \"{user}\""));
    let b = |minute: i64, user: &str| (minute, "mfa", format!("\"z\": 1, \"user.name\": \"{user}\""));
    let play = |events: &[Given]| {
        let times = setting.play(events);
        assert_eq!(setting.play_restarting(events), times);
        times
    };
    let life: Vec<Given> = (0..12).map(|at| b(at * 10, "other")).collect();
    let with = |more: Vec<Given>| {
        let mut all = life.clone();
        all.extend(more);
        all.sort_by_key(|given| given.0);
        all
    };
    assert_eq!(play(&with(vec![a(45, "sato")])), [46], "nobody answered");
    assert_eq!(play(&with(vec![a(45, "sato"), b(43, "sato")])), Vec::<i64>::new(), "answered before");
    assert_eq!(play(&with(vec![a(45, "sato"), b(46, "sato")])), Vec::<i64>::new(), "answered after");
    assert_eq!(play(&with(vec![a(45, "sato"), b(42, "sato"), b(47, "sato")])), [46], "too early and too late");
    assert_eq!(play(&with(vec![a(45, "sato"), a(48, "sato"), a(46, "mori")])), [46, 47], "one alert a key");
    assert_eq!(play(&[a(45, "sato"), a(90, "sato")]), Vec::<i64>::new(), "the other rule has no source");
    let mut silent = with(vec![a(130, "sato"), a(300, "sato")]);
    assert_eq!(play(&silent), Vec::<i64>::new(), "the other source fell silent");
    silent.push(b(301, "other"));
    assert_eq!(play(&silent), Vec::<i64>::new(), "and was not heard while it happened");
    let mut late = with(vec![a(45, "sato")]);
    late.push(b(46, "sato"));
    let at = late.iter().position(|given| given.0 == 50).unwrap();
    let answer = late.pop().unwrap();
    late.insert(at + 1, answer);
    assert_eq!(play(&late), Vec::<i64>::new(), "an answer may come late");
    let mut engine = setting.engine();
    let mut out = Vec::new();
    with(vec![a(111, "sato")]).iter().enumerate().for_each(|(at, given)| feed(&mut engine, at, given, &mut out));
    feed(&mut engine, 98, &b(113, "other"), &mut out);
    engine.tick(Timestamp::from_seconds(START + 121 * 60), &mut out);
    assert_eq!(minutes(&out), Vec::<i64>::new());
    engine.tick(Timestamp::from_seconds(START + 122 * 60), &mut out);
    assert_eq!(minutes(&out), [112], "a tick is enough");
    feed(&mut engine, 99, &a(60, "sato"), &mut out);
    engine.finish(&mut out);
    assert_eq!((minutes(&out), engine.stats().unjudged), (vec![112], 1), "an hour late");
}

#[test]
fn suppress_tells_the_first_and_then_a_summary() {
    let setting = Setting::new("  suppress: {by: [user.name], for: 10m, first: 2}\n", &[]);
    let mut engine = setting.engine();
    let mut out = Vec::new();
    for minute in 0..6 {
        feed(&mut engine, minute as usize, &x(minute, "\"user.name\": \"sato\""), &mut out);
    }
    assert_eq!(minutes(&out), [0, 1, 2]);
    let summary = alerts(&out).last().unwrap();
    assert!(summary.rule.name.ends_with("（以後のまとめ）"), "{}", summary.rule.name);
    let last = out.last().unwrap();
    assert!(matches!(last, Outcome::Evidence { alert_id, count: 4, .. } if *alert_id == summary.id), "{last:?}");
    feed(&mut engine, 9, &x(30, "\"user.name\": \"sato\""), &mut out);
    assert_eq!(minutes(&out), [0, 1, 2, 30], "it was quiet: from the beginning");
}

#[test]
fn a_rule_that_is_off_judges_who_asks_for_it() {
    let setting = Setting::new("  off: true\n  usecase: [X21]\n", &[]);
    let event = [x(0, "\"y\": 1")];
    assert_eq!(setting.play(&event), Vec::<i64>::new());
    let (mut engine, mut out) = (setting.engine(), Vec::new());
    engine.set_on_extra(&["X21".to_owned()]);
    feed(&mut engine, 0, &event[0], &mut out);
    assert_eq!(minutes(&out), [0], "asked for on behalf of every body");
    let file = setting.dir.path().join("tenants/t/tenant.toml");
    std::fs::write(file, "name = \"見本町\"\nmodel = \"alpha\"\nrules_on_extra = [\"X21\"]\n").unwrap();
    let tenants = Arc::new(Tenants::load(&setting.dir.path().join("tenants")).unwrap());
    assert_eq!(Setting { tenants, ..setting }.play(&event), [0]);
}

#[test]
fn memory_is_bounded() {
    let mut memory = super::first_seen::Memory::default();
    let rule = super::first_seen::FirstSeen {
        by: vec![vec![fields::USER_NAME]],
        ttl_nanos: i64::MAX,
        learn_nanos: 0,
        again_nanos: None,
    };
    for number in 0..super::first_seen::KEYS_MAX + 10_000 {
        let arena = Bump::new();
        let mut event = stream::Event::new_in(&arena);
        event.push(fields::USER_NAME, stream::Value::Int(number as i64));
        let time = Timestamp::from_seconds(number as i64);
        event.push(fields::TIMESTAMP, stream::Value::Time(time));
        let mut shapes = crate::places::Shapes::default();
        let event = shapes.of(&event);
        let meta = Meta { id: EventId::new(0, 0), tenant: "t", source: "s", received: time, raw: b"" };
        let case = super::Case::new(None, &meta, event);
        memory.take(&rule, &case);
    }
    assert!(memory.table.len() <= super::first_seen::KEYS_MAX && memory.table.evictions >= 10_000);
}

#[test]
fn two_registers_are_compared() {
    let accounts = "user,dept,valid_until\nsato,zeimu,\nmori,fukushi;zeimu,\nhara,,\nito,fukushi,2026-10-31\n";
    let terminals = "host,ip,dept,use\npc-1,192.0.2.1,税務;ZEIMU,個人\npc-2,192.0.2.2,fukushi,個人\npc-3,192.0.2.3,kanzai,共用\npc-4,192.0.2.4,,\n";
    let keys = "  ledger:\n    - {name: accounts, key: {user: user.name}, is: valid}\n    - name: terminals\n      key: {ip: source.ip}\n      \
                is: valid\n      where_not: {use: 共用}\n      other_than: {dept: accounts.dept}\n";
    let setting = Setting::new(keys, &[("accounts", accounts), ("terminals", terminals)]);
    let logons = ["sato", "mori", "hara", "ito", "nobody"].into_iter().enumerate().flat_map(|(at, user)| {
        (1..5).map(move |ip| {
            x((10 * at + ip) as i64, &format!("\"user.name\": \"{user}\", \"source.ip\": \"192.0.2.{ip}\""))
        })
    });
    let logons: Vec<Given> = logons.collect();
    assert_eq!(
        setting.play(&logons),
        [2],
        "sato of zeimu at fukushi's; a shared terminal and unknown departments accuse nobody"
    );
}

/// What is wrong with a rule of these keys, without the folder.
fn problem(keys: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("r.yml"), rule("r-1", "x", "1", keys)).unwrap();
    let (_, problems) = RuleSet::load(&[dir.path().to_owned()]);
    assert_eq!(problems.len(), 1, "{keys}: {problems:?}");
    problems[0].to_string().replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn a_mistake_in_a_key_is_named_with_its_place_and_what_to_write() {
    for (keys, place, word) in [
        ("  ledger: {name: account, key: {user: user.name}, is: in}\n", "r.yml:11:18:", "accounts"),
        ("  ledger: {name: accounts, key: {usr: user.name}, is: in}\n", "r.yml:11:34:", "user"),
        ("  ledger: {name: accounts, key: {dept: d}, is: in}\n", "r.yml:11:", "user"),
        ("  ledger: {name: accounts, key: {user: user.name}, is: inside}\n", "r.yml:11:", "not_valid"),
        ("  ledger: {name: accounts, key: {user: u}, is: in, where: {statu: 無効}}\n", "r.yml:11:", "write status"),
        ("  ledger: {name: accounts, key: {user: u}, is: in, on: x}\n", "r.yml:11:", "unknown field"),
        ("  ledger: {name: ioc, key: {value: u}, is: in}\n", "r.yml:11:", "ioc"),
        (
            "  ledger: {name: terminals, key: {ip: a}, is: in, other_than: {dept: accounts.dept}}\n",
            "r.yml:11:",
            "above",
        ),
        ("  ioc: {types: [address]}\n", "r.yml:11:", "domain"),
        ("  calendar: {}\n", "r.yml:11:3:", "office"),
        ("  calendar: {hours: '9-17'}\n", "r.yml:11:", "08:30-17:15"),
        ("  calendar: {days: someday}\n", "r.yml:11:", "weekday"),
        ("  calendar: {office: shut}\n", "r.yml:11:", "closed"),
        ("  calendar: {modes: [祭]}\n", "r.yml:11:", "災害"),
        ("  first_seen: {by: []}\n", "r.yml:11:3:", "by"),
        ("  first_seen: {by: [a], ttl: 10d, again: 20d}\n", "r.yml:11:", "ttl"),
        ("  baseline: {by: [a], factor: 0.5, min: 1}\n", "r.yml:11:", "factor"),
        ("  baseline: {by: [a], factor: 3, min: 1, over: p98}\n", "r.yml:11:", "p95"),
        ("  baseline: {by: [a], factor: 3, min: 1, learn: 1d}\n", "r.yml:11:", "14d"),
        ("  beacon: {by: [a], intervals: 2}\n", "r.yml:11:", "256"),
        ("  beacon: {by: [a], jitter: 2}\n", "r.yml:11:", "jitter"),
        ("  beacon: {by: [a], min: 2h}\n", "r.yml:11:", "longer"),
        ("  beacon: {by: [a], sources_max: 3}\n", "r.yml:11:", "destination"),
        ("  absence: {without: nobody, by: [a], before: 1m}\n", "r.yml:11:22:", "nobody"),
        ("  absence: {without: r-1, by: [a], before: 1m}\n", "r.yml:", "r-1"),
        ("  absence: {silence: 15m, by: [a]}\n", "r.yml:11:3:", "either"),
        ("  absence: {by: [a], before: 1m}\n", "r.yml:11:3:", "either"),
        ("  absence: {silence: 15m}\n  ioc: {}\n", "r.yml:11:", "silence"),
        ("  suppress: {for: 10m, first: many}\n", "r.yml:11:", "many"),
    ] {
        let problem = problem(keys);
        assert!(problem.starts_with(place) && problem.contains(word), "{keys}\n{problem}");
    }
}

#[test]
fn keys_say_the_length_of_each_part() {
    let mut key = String::new();
    for ip in ["0.0.0.0", "10.9.100.255", "203.0.113.70"] {
        key.clear();
        super::put_value(stream::Value::Ip(ip.parse().unwrap()), &mut key);
        assert_eq!(key, format!("{}:{ip}", ip.len()));
        let (address, text) = (key.clone(), &mut key);
        text.clear();
        super::put_value(stream::Value::Str(ip), text);
        assert_eq!(address, *text, "an address and its text are one");
    }
    for length in [0, 9, 10, 31, 32, 1000] {
        key.clear();
        super::put_part(&"x".repeat(length), &mut key);
        assert_eq!(key, format!("{length}:{}", "x".repeat(length)));
    }
}

#[test]
fn placeholders_stand_for_the_rows_of_a_register_on_that_day() {
    let rule = "title: t\nid: r-1\nlogsource: {product: p}\ndetection:\n  s:\n    x: '1'\n    user.name|expand: '%accounts.user%'\n  \
                filter:\n    x: '2'\n  condition: s and not filter\nlevel: high\n";
    let accounts = "user,valid_from,valid_until\nsato,,\nmori,2026-11-02,\nhara,,2026-10-31\n";
    let events: Vec<Given> = ["sato", "Mori", "hara", "nobody"]
        .into_iter()
        .enumerate()
        .flat_map(|(at, user)| {
            let minutes = [at as i64, 1440 + at as i64];
            minutes.map(|minute| x(minute, &format!("\"user.name\": \"{user}\"")))
        })
        .collect();
    let setting = Setting::of(rule, &[("accounts", accounts)]);
    assert_eq!(setting.rules.rules()[0].kind, crate::RuleKind::Ledger);
    let mut found = setting.play(&events);
    found.sort_unstable();
    assert_eq!(found, [0, 1440, 1441], "sato on both days, mori from the second on");
    assert_eq!(Setting::of(rule, &[]).play(&events), [0; 0], "nobody keeps the register");
}
