//! A town and its neighbour with traffic, alerts, rules and sources: for the tests and for the preview.

use std::path::Path;
use std::sync::Arc;

use bumpalo::Bump;
use dashboards::{
    AppState, Config, ListenerLive, Live, RuleCoverage, RuleView, SourceLive, Storage, TenantView, ZoneView,
};
use store::{AlertChange, Database, DetectionBatch, Indexer, Role, Store, StoreConfig};
use stream::{
    Alert, AlertDetail, AlertFlow, AlertRule, Event, EventId, Evidence, Level, NANOS_PER_SECOND, Timestamp, Value,
    fields,
};

pub(crate) const PASSWORD: &str = "correct horse battery";
/// Text that would run if any page forgot to escape.
pub(crate) const SCRIPT: &str = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>";

/// 2026-11-20 11:30 JST.
pub(crate) fn noon() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-20T11:30:00+09:00").expect("a time")
}

/// Figures that do not move: the moment, and how many bytes of 500 GB are in use.
pub(crate) struct Still(pub(crate) Timestamp, pub(crate) u64);

impl Live for Still {
    fn events_received_total(&self) -> u64 {
        self.sources().iter().map(|source| source.received).sum()
    }

    fn sources(&self) -> Vec<SourceLive> {
        let one = |tenant: &str, id: &str, product: &str, zone: &str, received: u64, minutes: i64| SourceLive {
            tenant: tenant.into(),
            id: id.into(),
            product: product.into(),
            zone: zone.into(),
            received,
            indexed: received - received / 1000,
            filtered: received / 2000,
            in_flight: received / 1000 - received / 2000,
            parse_failures: received / 3000,
            kernel_drops: if id == "fw-core-01" { 1234 } else { 0 },
            received_last_minute: if minutes > 5 { 0 } else { received / 240 },
            last_received: Some(self.0.plus_nanos(-minutes * 60 * NANOS_PER_SECOND - 400_000_000)),
            silent: minutes > 5,
            clock_skew_seconds: Some(if id == "auth-01" { 9 * 3600 } else { 1 }),
            missing_numbers: (id == "sw-3f-12").then_some(12),
        };
        vec![
            one("town", "fw-core-01", "fortinet_fortigate", "lgwan", 1_843_201, 0),
            one("town", "proxy-01", "squid", "internet", 912_338, 0),
            one("town", "auth-01", "system", "lgwan", 18_211, 0),
            one("town", "dc-01", "windows_security", "mynumber", 44_120, 0),
            one("town", "sw-3f-12", "yamaha_rtx", "lgwan", 9_122, 47),
            one("village", "fw-village", "fortinet_fortigate", "internet", 88_000, 1),
        ]
    }

    fn listeners(&self) -> Vec<ListenerLive> {
        let one = |kind: &str, address: &str, tenant: &str, source: &str, kernel_drops| ListenerLive {
            kind: kind.into(),
            address: address.into(),
            tenant: tenant.into(),
            source: source.into(),
            kernel_drops,
        };
        vec![
            one("syslog_udp", "192.0.2.10:5514", "town", "fw-core-01", 1234),
            one("syslog_tcp", "192.0.2.10:5601", "village", "", 0),
            one("http", "192.0.2.10:8088", "", "", 0),
        ]
    }

    fn searchable_p99_ms(&self) -> Option<u64> {
        Some(142)
    }

    fn started_at(&self) -> Timestamp {
        self.0.plus_nanos(-6 * 3600 * NANOS_PER_SECOND)
    }

    fn storage(&self) -> Storage {
        let total_bytes = 500_000_000_000;
        let used_bytes = self.1;
        Storage {
            data_bytes: 31_200_000_000,
            used_bytes,
            total_bytes,
            reserve_bytes: 25_000_000_000,
            days_left: Some(214),
        }
    }

    fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}

/// State over a new store in `dir`, with about `minutes` minutes of traffic before `now`, `rate` events each.
pub(crate) fn state(dir: &Path, now: Timestamp, minutes: i64, rate: i64) -> AppState {
    let store = Store::open(StoreConfig { dir: dir.join("store"), ..StoreConfig::default() }).expect("store");
    let mut indexer = store.indexer();
    fill(&mut indexer, now, minutes, rate);
    let database = Database::open(dir.join("db")).expect("database");
    let users: [(&str, Role, &[&str]); 5] = [
        ("admin", Role::SystemAdmin, &[]),
        ("tanaka", Role::Analyst, &["town"]),
        ("mori", Role::Analyst, &["village"]),
        ("kansa", Role::Auditor, &["town"]),
        ("kanshi", Role::Operator, &["town"]),
    ];
    for (name, role, tenants) in users {
        let tenants: Vec<String> = tenants.iter().map(|tenant| (*tenant).to_owned()).collect();
        database.add_user(name, PASSWORD, role, &tenants, "test", now).expect("account");
    }
    let alerts: Vec<AlertChange> = alerts(now).into_iter().map(AlertChange::Alert).collect();
    let batch =
        DetectionBatch { partition: 0, next_offset: 1, outcomes: &alerts, state: None, sources: &[], received: now };
    database.apply(batch).expect("alerts");
    let all = vec![store::ALL_TENANTS.to_owned()];
    for number in [3, 5] {
        database.acknowledge(&all, &alert_number(number), "tanaka", now).expect("acknowledge");
    }
    for number in [6, 7] {
        let verdict = store::Verdict::FalsePositive;
        database.close(&all, &alert_number(number), "tanaka", verdict, "定期点検による通信", now).expect("close");
    }
    let registry = prometheus::Registry::new();
    let live = Arc::new(Still(now, 305_000_000_000));
    let mut state = AppState::new(Config::default(), database, store.searcher(), live, registry).expect("state");
    state.clock = Arc::new(move || now);
    state.rules.store(Arc::new(rules(now)));
    state.tenants.store(Arc::new(tenants()));
    state
}

fn tenants() -> Vec<TenantView> {
    let zone = |id: &str, label: &str, prefix: &str| ZoneView {
        id: id.into(),
        label: label.into(),
        prefixes: vec![prefix.into()],
    };
    let town = TenantView {
        id: "town".into(),
        name: "例示町".into(),
        model: "αモデル".into(),
        zones: vec![
            zone("mynumber", "マイナンバー利用事務系", "10.10.0.0/16"),
            zone("lgwan", "LGWAN接続系", "10.20.0.0/16"),
            zone("internet", "インターネット接続系", "10.30.0.0/16"),
            zone("dmz", "DMZ・公開系", "192.0.2.0/24"),
        ],
        flows: vec![["F001", "LGWAN接続系", "外部", "443", "2027/03/31", "電子申請の受付"].map(String::from)],
    };
    let village = TenantView {
        id: "village".into(),
        name: "見本村".into(),
        model: "インターネットのみ".into(),
        ..TenantView::default()
    };
    vec![town, village]
}

fn rules(now: Timestamp) -> Vec<RuleView> {
    let rule = |id: &str, title: &str, level, usecase: &str| {
        RuleView {
        id: id.into(),
        title: title.into(),
        title_en: String::new(),
        level,
        usecases: vec![usecase.into()],
        logsource: "category: firewall".into(),
        what: "LGWAN接続系の端末から、許可通信の一覧にない相手へ通信が成立しました。".into(),
        why: "三層分離の境界を越える通信路ができており、マイナンバー利用事務系の情報が外へ出るおそれがあります。".into(),
        first: vec![
            "送信元の端末と利用者を特定し、業務で使ったかを所管課に確認する".into(),
            "同じ送信元の直近24時間の通信を検索する".into(),
            "許可外であれば端末をネットワークから切り離し、CISOへ連絡する".into(),
        ],
        attack: vec!["T1041".into()],
        false_positives: vec!["アドレス変更後に台帳が古いままの場合".into()],
        policy: "情報セキュリティ対策基準 3.1 通信経路の分割".into(),
        enabled: true,
        problem: None,
        coverage: RuleCoverage {
            sources: vec![("town".into(), "fw-core".into())],
            missing: Vec::new(),
            never: false,
        },
        last_match: Some(now.plus_nanos(-240 * NANOS_PER_SECOND)),
        source: "title: example\ndetection:\n  selection:\n    sekisho.flow.verdict: violation_zone\n  condition: selection\n".into(),
    }
    };
    let mut all = vec![
        rule("zone-0001", "マイナンバー系とインターネットの直接通信（許可）", Level::Critical, "X01"),
        rule("zone-0007", "LGWAN系からマイナンバー系への許可外通信", Level::Critical, "X04"),
        rule("zone-0008", "期限切れの特定通信の利用", Level::High, "X08"),
        rule("auth-0003", "特権アカウントの短時間多数認証失敗", Level::High, "A03"),
        rule("src-0001", "ログ送信元の沈黙（15分以上）", Level::Medium, "H01"),
        rule("dlp-0004", "勤務時間外の大容量アップロード", Level::Medium, "E06"),
    ];
    all[4].problem = Some("この記録を送る送信元がありません（yamaha_rtx）".into());
    all
}

pub(crate) fn alert_number(number: usize) -> String {
    format!("{number:032x}")
}

/// Minutes ago, rule, source, destination, zones, user, events.
type AlertLine = (i64, usize, &'static str, &'static str, &'static str, &'static str, &'static str, u64);

fn alerts(now: Timestamp) -> Vec<Alert> {
    let rows: [AlertLine; 9] = [
        (4, 1, "10.20.2.113", "10.10.1.66", "lgwan", "mynumber", "", 237),
        (29, 0, "10.10.0.19", "203.0.113.245", "mynumber", "external", "", 1),
        (19, 2, "10.20.5.154", "198.51.100.32", "lgwan", "external", "", 6),
        (34, 3, "10.20.5.20", "10.20.0.216", "lgwan", "lgwan", "adm-sato", 229),
        (97, 5, "10.30.7.97", "203.0.113.124", "internet", "external", "suzuki", 34),
        (127, 4, "", "", "", "", "", 1),
        (162, 2, "10.20.5.11", "198.51.100.32", "lgwan", "external", "", 22),
        (175, 3, "10.20.2.194", "10.20.0.216", "lgwan", "lgwan", "kato", 100),
        (44, 0, "10.30.0.8", "203.0.113.9", "internet", "external", "village-user", 3),
    ];
    let rules = rules(now);
    let mut alerts = Vec::new();
    for (index, (minutes, rule, source, destination, from, to, user, count)) in rows.into_iter().enumerate() {
        let rule = &rules[rule];
        let mut anchor = std::collections::BTreeMap::new();
        let named = [
            (fields::SOURCE_IP, source),
            (fields::DESTINATION_IP, destination),
            (fields::SEKISHO_SOURCE_ZONE, from),
            (fields::SEKISHO_DESTINATION_ZONE, to),
            (fields::USER_NAME, user),
        ];
        for (field, value) in named.into_iter().filter(|(_, value)| !value.is_empty()) {
            anchor.insert(field.name().to_owned(), value.into());
        }
        alerts.push(Alert {
            id: alert_number(index + 1),
            timestamp: now.plus_nanos(-minutes * 60 * NANOS_PER_SECOND + 17 * NANOS_PER_SECOND),
            tenant: if index == 8 { "village" } else { "town" }.into(),
            rule: AlertRule { id: rule.id.clone(), name: rule.title.clone(), version: "4be0c1d2a9f1".into() },
            level: rule.level,
            sekisho: AlertDetail {
                usecase: rule.usecases.clone(),
                flow: rule.id.starts_with("zone").then(|| AlertFlow { verdict: "violation_zone".into() }),
                page: true,
            },
            group: if source.is_empty() { Default::default() } else { [(fields::SOURCE_IP.name().to_owned(), source.to_owned())].into() },
            events: vec![EventId::new(0, 100 + index as u64)],
            evidence: vec![Evidence {
                source: "fw-core-01".into(),
                line: format!("date=2026-11-20 time=11:26:17 devname=\"fw-core-01\" type=\"traffic\" srcip={source} dstip={destination} dstport=445 action=\"accept\" {SCRIPT}"),
            }],
            event_count: count,
            anchor,
        });
    }
    alerts
}

/// The same numbers in every run.
struct Seed(u64);

impl Seed {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

const FLOWS: [(&str, &str, &str, &str, u64, u64); 8] = [
    // from zone, to zone, source prefix, destination prefix, weight, denied in 1000
    ("internet", "external", "10.30", "203.0.113", 60, 20),
    ("lgwan", "lgwan", "10.20.4", "10.20.1", 40, 4),
    ("mynumber", "mynumber", "10.10.2", "10.10.1", 12, 1),
    ("external", "dmz", "198.51.100", "192.0.2", 30, 340),
    ("lgwan", "external", "10.20.5", "203.0.113", 4, 620),
    ("mynumber", "external", "10.10.7", "203.0.113", 1, 1000),
    ("dmz", "lgwan", "192.0.2", "10.20.9", 2, 820),
    ("lgwan", "mynumber", "10.20.2", "10.10.1", 3, 410),
];

fn fill(indexer: &mut Indexer, now: Timestamp, minutes: i64, rate: i64) {
    let mut seed = Seed(7);
    let weights: u64 = FLOWS.iter().map(|flow| flow.4).sum();
    let mut offset = 0;
    let total = minutes * rate;
    let mut arena = Bump::new();
    for index in 0..total {
        let wave = 1.0 + 0.5 * ((index as f64) / (total as f64) * 9.0).sin();
        let time = now.plus_nanos(-((total - index) * 60 * NANOS_PER_SECOND / rate));
        if (seed.below(1000) as f64) > wave * 660.0 {
            continue;
        }
        let mut pick = seed.below(weights);
        let flow = FLOWS.iter().find(|flow| match pick.checked_sub(flow.4) {
            Some(rest) => {
                pick = rest;
                false
            }
            None => true,
        });
        let Some(flow) = flow else { continue };
        let made = Made::new(flow, &mut seed, offset == 150);
        indexer.add(EventId::new(0, offset), &made.event(&arena, time, offset));
        offset += 1;
        if offset.is_multiple_of(1000) {
            arena.reset();
        }
    }
    let hostile = Made::hostile();
    indexer.add(EventId::new(0, offset), &hostile.event(&arena, now.plus_nanos(-NANOS_PER_SECOND), offset));
    let foreign = Made { tenant: "village", ..Made::new(&FLOWS[0], &mut seed, false) };
    indexer.add(EventId::new(0, offset + 1), &foreign.event(&arena, now.plus_nanos(-2 * NANOS_PER_SECOND), offset + 1));
    indexer.publish(0, offset + 2);
}

struct Made {
    tenant: &'static str,
    device: String,
    source: String,
    destination: String,
    from: String,
    to: String,
    port: i64,
    denied: bool,
    user: String,
    original: String,
    rule: bool,
}

impl Made {
    fn new(flow: &(&str, &str, &str, &str, u64, u64), seed: &mut Seed, rule: bool) -> Made {
        let address = |prefix: &str, seed: &mut Seed| match prefix.matches('.').count() {
            1 => format!("{prefix}.{}.{}", seed.below(8), 1 + seed.below(250)),
            _ => format!("{prefix}.{}", 1 + seed.below(60)),
        };
        let (source, destination) = (address(flow.2, seed), address(flow.3, seed));
        let denied = seed.below(1000) < flow.5;
        let port = [443, 443, 443, 80, 445, 53, 3389, 22][seed.below(8) as usize];
        let user = ["", "", "sato", "suzuki", "tanaka", "kato"][seed.below(6) as usize];
        let action = if denied { "deny" } else { "accept" };
        let original = format!(
            "<189>date=2026-11-20 time=11:00:00 devname=\"fw-core-01\" type=\"traffic\" subtype=\"forward\" srcip={source} dstip={destination} dstport={port} proto=6 action=\"{action}\" user=\"{user}\" sentbyte={}",
            seed.below(90_000)
        );
        Made {
            tenant: "town",
            device: if flow.0 == "internet" { "proxy-01" } else { "fw-core-01" }.into(),
            source,
            destination,
            from: flow.0.into(),
            to: flow.1.into(),
            port,
            denied,
            user: user.into(),
            original,
            rule: rule || (denied && flow.0 == "mynumber"),
        }
    }

    fn hostile() -> Made {
        let text = SCRIPT.to_owned();
        Made {
            tenant: "town",
            device: text.clone(),
            source: "10.30.0.1".into(),
            destination: "203.0.113.1".into(),
            from: text.clone(),
            to: text.clone(),
            port: 80,
            denied: false,
            user: text.clone(),
            original: format!("=cmd|' /C calc'!A0 {text}"),
            rule: false,
        }
    }

    fn event<'a>(&'a self, arena: &'a Bump, time: Timestamp, offset: u64) -> Event<'a> {
        let mut event = Event::new_in(arena);
        event.push(fields::TIMESTAMP, Value::Time(time));
        event.push(fields::SEKISHO_TENANT, Value::Str(self.tenant));
        event.push(fields::SEKISHO_SOURCE_ID, Value::Str(&self.device));
        event.push(fields::EVENT_KIND, Value::Str("event"));
        event.push(fields::EVENT_CATEGORY, Value::Str("network"));
        event.push(fields::EVENT_TYPE, Value::Str("connection"));
        event.push(fields::EVENT_TYPE, Value::Str(if self.denied { "denied" } else { "allowed" }));
        event.push(fields::EVENT_ACTION, Value::Str(if self.denied { "deny" } else { "accept" }));
        event.push(fields::EVENT_OUTCOME, Value::Str(if self.denied { "failure" } else { "success" }));
        for (field, text) in [(fields::SOURCE_IP, &self.source), (fields::DESTINATION_IP, &self.destination)] {
            if let Ok(ip) = text.parse() {
                event.push(field, Value::Ip(ip));
            }
        }
        event.push(fields::DESTINATION_PORT, Value::Int(self.port));
        event.push(fields::NETWORK_TRANSPORT, Value::Str("tcp"));
        event.push_str(fields::USER_NAME, &self.user);
        event.push(fields::SEKISHO_SOURCE_ZONE, Value::Str(&self.from));
        event.push(fields::SEKISHO_DESTINATION_ZONE, Value::Str(&self.to));
        let verdict = if self.denied { "violation_zone" } else { "allowed" };
        event.push(fields::SEKISHO_FLOW_VERDICT, Value::Str(verdict));
        if self.rule {
            event.push(fields::SEKISHO_RULE_IDS, Value::Str("zone-0001"));
        }
        event.push(fields::EVENT_SEQUENCE, Value::Int(offset as i64));
        event.push(fields::EVENT_ORIGINAL, Value::Str(&self.original));
        event
    }
}
