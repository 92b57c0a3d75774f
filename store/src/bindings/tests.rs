//! Leases, sessions and sign-ins as the parsers give them, and whom they name at which instant.

use bumpalo::Bump;
use stream::Event;

use super::*;
use crate::{Store, StoreConfig};

const TEN: i64 = 1_800_000_000;
const PC1: &str = "00-00-5E-00-53-01";
const PC2: &str = "00-00-5E-00-53-02";

struct Town {
    _folder: tempfile::TempDir,
    store: Store,
}

type Line<'a> = (i64, &'a str, &'a [(&'a str, &'a str)]);

/// Seconds after ten, tenant, fields.
fn town(lines: &[Line<'_>]) -> Town {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig { dir: folder.path().into(), ..StoreConfig::default() }).unwrap();
    let mut indexer = store.indexer();
    let arena = Bump::new();
    for (offset, (second, tenant, said)) in lines.iter().enumerate() {
        let mut event = Event::new_in(&arena);
        event.push(fields::TIMESTAMP, stream::Value::Time(Timestamp::from_seconds(TEN + second)));
        event.push(fields::EVENT_ORIGINAL, stream::Value::Str("a line"));
        event.push(fields::SEKISHO_TENANT, stream::Value::Str(tenant));
        for (name, value) in *said {
            let field = fields::intern(name).unwrap();
            let value = match field.kind() {
                stream::Kind::Ip => stream::Value::Ip(value.parse().unwrap()),
                _ => stream::Value::Str(value),
            };
            event.push(field, value);
        }
        indexer.add(EventId::new(0, offset as u64), &event);
    }
    indexer.publish(0, lines.len() as u64);
    indexer.commit().unwrap();
    Town { _folder: folder, store }
}

impl Town {
    /// `kind host user mac` of each binding.
    fn held(&self, ip: &str, second: i64) -> Vec<String> {
        let at = Timestamp::from_seconds(TEN + second);
        let bindings = self.store.searcher().bindings("town", ip.parse().unwrap(), at).unwrap();
        let words = |b: &Binding| format!("{} {} {} {}", b.kind.as_str(), b.host, b.user, b.mac).trim_end().to_owned();
        bindings.iter().map(words).collect()
    }
}

macro_rules! grant {
    ($mac:expr, $host:expr $(, $more:expr)*) => {
        &[
            ("source.ip", "10.1.2.3"),
            ("network.protocol", "dhcp"),
            ("event.type", "connection"),
            ("event.type", "allowed"),
            ("event.outcome", "success"),
            ("event.action", "DHCPACK"),
            ("source.mac", $mac),
            ("source.domain", $host),
            $($more),*
        ]
    };
}

const RELEASE: &[(&str, &str)] = &[
    ("source.ip", "10.1.2.3"),
    ("network.protocol", "dhcp"),
    ("event.type", "end"),
    ("event.action", "DHCPRELEASE"),
    ("source.mac", PC1),
];

fn sign_in(user: &'static str) -> [(&'static str, &'static str); 5] {
    [
        ("source.ip", "10.1.2.3"),
        ("event.category", "authentication"),
        ("event.type", "start"),
        ("event.outcome", "success"),
        ("user.name", user),
    ]
}

#[test]
fn a_lease_names_the_terminal_and_sign_ins_the_person() {
    let town = town(&[
        (0, "town", grant!(PC1, "pc-001")),
        (60, "town", &sign_in("PC-001$")),
        (120, "town", &sign_in("sato")),
        (150, "town", &sign_in("SATO")),
        (150, "town", &sign_in("ANONYMOUS LOGON")),
        (160, "village", &sign_in("mori")),
        (
            170,
            "town",
            &[
                ("source.ip", "10.1.2.3"),
                ("event.category", "authentication"),
                ("event.outcome", "failure"),
                ("user.name", "suzuki"),
            ],
        ),
    ]);
    let lease = format!("lease pc-001  {PC1}");
    assert_eq!(town.held("10.1.2.3", 180), [lease.clone(), "sign_in  SATO".into(), "sign_in PC-001".into()]);
    assert_eq!(town.held("10.1.2.3", 119), [lease.clone(), "sign_in PC-001".into()]);
    assert_eq!(town.held("::ffff:10.1.2.3", 0), [lease]);
    assert!(town.held("10.1.2.3", -1).is_empty());
    assert!(town.held("10.1.2.4", 180).is_empty());
    // Hours later the sign-in is too old to be believed; after eight days the lease is, too.
    assert_eq!(town.held("10.1.2.3", 150 + Binding::SIGN_IN_SECONDS + 1).len(), 1);
    assert!(town.held("10.1.2.3", Binding::LEASE_SECONDS + 1).is_empty());
}

#[test]
fn an_address_that_changed_hands_names_the_new_holder_alone() {
    let town = town(&[
        (0, "town", grant!(PC1, "pc-001")),
        (10, "town", &sign_in("sato")),
        (1000, "town", RELEASE),
        (1100, "town", grant!(PC2, "pc-002")),
        (1200, "town", grant!(PC2, "pc-002")),
        (1300, "town", &sign_in("suzuki")),
        (2000, "town", grant!(PC1, "pc-001")),
    ]);
    assert_eq!(town.held("10.1.2.3", 999), [format!("lease pc-001  {PC1}"), "sign_in  sato".into()]);
    assert!(town.held("10.1.2.3", 1050).is_empty());
    assert_eq!(town.held("10.1.2.3", 1250), [format!("lease pc-002  {PC2}")]);
    assert_eq!(town.held("10.1.2.3", 1400), [format!("lease pc-002  {PC2}"), "sign_in  suzuki".into()]);
    assert_eq!(town.held("10.1.2.3", 2000), [format!("lease pc-001  {PC1}")]);
}

#[test]
fn a_lease_holds_as_long_as_its_server_says() {
    let town =
        town(&[(0, "town", grant!(PC1, "pc-001", ("dhcp.lease_seconds", "3600"))), (10, "town", &sign_in("sato"))]);
    assert_eq!(town.held("10.1.2.3", 3600).len(), 2);
    assert!(town.held("10.1.2.3", 3601).is_empty(), "whoever has it now is not known");
}

#[test]
fn the_port_knows_the_station_and_accounting_ends() {
    let accept = [
        ("sekisho.logsource.service", "radius"),
        ("event.category", "authentication"),
        ("event.outcome", "success"),
        ("source.mac", PC1),
        ("user.name", "tanaka"),
    ];
    let session = |kind: &'static str, id: &'static str, user: &'static str| {
        [
            ("sekisho.logsource.service", "radius"),
            ("event.category", "session"),
            ("event.type", kind),
            ("event.id", id),
            ("source.ip", "10.1.2.9"),
            ("user.name", user),
        ]
    };
    let town = town(&[
        (-30, "town", &accept),
        (0, "town", grant!(PC1, "pc-001")),
        (100, "town", &session("start", "A", "sato")),
        (200, "town", &session("info", "A", "sato")),
        (300, "town", &session("start", "B", "host/pc-009.example.jp")),
        (400, "town", &session("end", "A", "sato")),
    ]);
    assert_eq!(town.held("10.1.2.3", 60), [format!("lease pc-001  {PC1}"), format!("session  tanaka {PC1}")]);
    assert_eq!(town.held("10.1.2.9", 250), ["session  sato"]);
    assert_eq!(town.held("10.1.2.9", 350), ["session pc-009.example.jp", "session  sato"]);
    assert_eq!(town.held("10.1.2.9", 400), ["session pc-009.example.jp"]);
}
