//! What is planted, when, and the exact lines it consists of.

use serde::Serialize;
use stream::Timestamp;

use super::line::{self, Logon, Request, Session};
use super::random::Random;
use super::sites::{self, SOURCES, STAFF, terminal};
use super::tenants::{ELTAX, EXPIRING_PEER, EXPIRING_SERVER};

/// The kinds of incidents that can be planted; `--scenario` takes their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Kind {
    /// A flow from the My Number zone to the internet that the firewall let through.
    PermittedMynumberInternet,
    /// A flow from the LGWAN zone to the internet that passed no sanitiser.
    LgwanBypass,
    /// A registered flow, to the registered address, on another port.
    WrongPort,
    /// A registered flow used five minutes after its last valid day.
    ExpiredRow,
    /// Many failed sign-ins to one account, then a success.
    BruteForceSuccess,
    /// One source trying many accounts a few times each.
    Spray,
    /// One terminal on which many people's accounts signed in.
    ManyIds,
    /// A very large upload to the internet.
    LargeUpload,
    /// A firewall that sends nothing for almost an hour.
    SilentFirewall,
}

impl Kind {
    /// All kinds, in the order of their truth lines.
    pub const ALL: [Kind; 9] = [
        Kind::PermittedMynumberInternet,
        Kind::LgwanBypass,
        Kind::WrongPort,
        Kind::ExpiredRow,
        Kind::BruteForceSuccess,
        Kind::Spray,
        Kind::ManyIds,
        Kind::LargeUpload,
        Kind::SilentFirewall,
    ];

    /// The use case of the detection catalogue that should find it.
    pub fn usecase(self) -> &'static str {
        match self {
            Kind::PermittedMynumberInternet => "X01",
            Kind::LgwanBypass => "X12",
            Kind::WrongPort => "X05",
            Kind::ExpiredRow => "X08",
            Kind::BruteForceSuccess => "A02",
            Kind::Spray => "A03",
            Kind::ManyIds => "A05",
            Kind::LargeUpload => "E06",
            Kind::SilentFirewall => "H01",
        }
    }

    /// Minutes from the start of the first day to when it begins.
    fn begins_at(self) -> u64 {
        match self {
            Kind::WrongPort => 9 * 60 + 40,
            Kind::ManyIds => 10 * 60 + 5,
            Kind::PermittedMynumberInternet => 10 * 60 + 20,
            Kind::LargeUpload => 11 * 60 + 15,
            Kind::SilentFirewall => 13 * 60 + 10,
            Kind::BruteForceSuccess => 14 * 60 + 35,
            Kind::Spray => 15 * 60 + 50,
            Kind::LgwanBypass => 16 * 60 + 25,
            Kind::ExpiredRow => 24 * 60 + 5,
        }
    }
}

/// How long the silent firewall is silent, in minutes.
pub const SILENCE_MINUTES: u64 = 55;

/// One line of evidence.
#[derive(Clone, Debug, Serialize)]
pub struct TruthLine {
    /// Source id.
    pub source: &'static str,
    /// The line as written to the log.
    pub line: String,
}

/// One line of `truth.ndjson`.
#[derive(Clone, Debug, Serialize)]
pub struct Truth {
    /// Tenant id.
    pub tenant: &'static str,
    /// RFC 3339.
    pub start: String,
    /// RFC 3339.
    pub end: String,
    /// What was planted.
    pub kind: Kind,
    /// The use case that should find it.
    pub usecase: &'static str,
    /// The exact lines. For a silence: the last line before it.
    pub lines: Vec<TruthLine>,
}

/// One planted line.
#[derive(Clone, Debug)]
pub struct Planted {
    /// When.
    pub time: Timestamp,
    /// Index in [`SOURCES`].
    pub source: usize,
    /// The line.
    pub text: String,
}

/// The interval in which [`sites::TOWN_EDGE`] is silent.
pub fn silence(start: Timestamp) -> (Timestamp, Timestamp) {
    let from = minutes(start, Kind::SilentFirewall.begins_at());
    (from, minutes(from, SILENCE_MINUTES))
}

/// The lines of one incident, in time order; none for a silence, which is an absence of lines.
pub fn plant(kind: Kind, start: Timestamp, random: &mut Random) -> Vec<Planted> {
    plant_at(kind, minutes(start, kind.begins_at()), random)
}

/// The lines of one incident that begins at `at`.
pub fn plant_at(kind: Kind, at: Timestamp, random: &mut Random) -> Vec<Planted> {
    match kind {
        Kind::PermittedMynumberInternet => {
            flows(at, random, 3, &terminal(10, 5), "port1", ("198.51.100.77", 443), "wan1", (4_200, 81_000))
        }
        Kind::LgwanBypass => {
            flows(at, random, 2, &terminal(20, 31), "port2", ("203.0.113.99", 443), "wan1", (52_000, 9_100))
        }
        Kind::WrongPort => flows(at, random, 4, &terminal(10, 30), "port1", (ELTAX, 8443), "wan1", (1_900, 2_400)),
        Kind::ExpiredRow => {
            flows(at, random, 2, EXPIRING_SERVER, "port1", (EXPIRING_PEER, 443), "wan1", (7_700, 5_100))
        }
        Kind::BruteForceSuccess => brute_force(at, random),
        Kind::Spray => spray(at, random),
        Kind::ManyIds => many_ids(at, random),
        Kind::LargeUpload => large_upload(at, random),
        Kind::SilentFirewall => Vec::new(),
    }
}

/// The truth about an incident that was planted.
pub fn truth(kind: Kind, lines: &[Planted]) -> Option<Truth> {
    let (first, last) = (lines.first()?, lines.last()?);
    Some(Truth {
        tenant: SOURCES[first.source].tenant,
        start: first.time.to_string(),
        end: last.time.to_string(),
        kind,
        usecase: kind.usecase(),
        lines: lines.iter().map(|l| TruthLine { source: SOURCES[l.source].id, line: l.text.clone() }).collect(),
    })
}

fn minutes(from: Timestamp, count: u64) -> Timestamp {
    from.plus_nanos(count as i64 * 60 * stream::NANOS_PER_SECOND)
}

fn seconds(from: Timestamp, count: u64) -> Timestamp {
    from.plus_nanos(count as i64 * stream::NANOS_PER_SECOND)
}

#[allow(clippy::too_many_arguments)] // one call per incident; a struct would only rename the eight
fn flows(
    at: Timestamp,
    random: &mut Random,
    count: u64,
    from: &str,
    inside: &str,
    to: (&str, u64),
    outside: &str,
    bytes: (u64, u64),
) -> Vec<Planted> {
    (0..count)
        .map(|n| {
            let time = seconds(at, n * 47);
            let session = Session {
                device: super::background::CORE,
                source: (from, random.between(49_152, 65_000), inside),
                destination: (to.0, to.1, outside),
                protocol: 6,
                action: "accept",
                policy: 7,
                session: random.between(1_000, 99_999_999),
                duration: random.between(2, 60),
                bytes,
            };
            Planted { time, source: sites::TOWN_CORE, text: line::fortigate(time, &session) }
        })
        .collect()
}

fn brute_force(at: Timestamp, random: &mut Random) -> Vec<Planted> {
    let host = "relay01";
    let mut planted: Vec<Planted> = (0..16)
        .map(|n| {
            let time = seconds(at, n * 9);
            let tag = format!("sshd[{}]", 20_100 + n);
            let port = random.between(30_000, 60_000);
            let message = format!("Failed password for operator from 203.0.113.66 port {port} ssh2");
            Planted { time, source: sites::KEN_RELAY, text: line::syslog(time, host, &tag, &message) }
        })
        .collect();
    let time = seconds(at, 16 * 9 + 4);
    let message = "Accepted password for operator from 203.0.113.66 port 41022 ssh2";
    planted.push(Planted { time, source: sites::KEN_RELAY, text: line::syslog(time, host, "sshd[20131]", message) });
    planted
}

fn spray(at: Timestamp, random: &mut Random) -> Vec<Planted> {
    (0..24)
        .map(|n| {
            let time = seconds(at, n * 21);
            let user = STAFF[(n as usize / 2 + 3) % STAFF.len()];
            let port = random.between(30_000, 60_000);
            let message = format!("Failed password for {user} from 203.0.113.45 port {port} ssh2");
            let tag = format!("sshd[{}]", 8_400 + n);
            Planted { time, source: sites::KUMIAI_SERVER, text: line::syslog(time, "srv01", &tag, &message) }
        })
        .collect()
}

fn many_ids(at: Timestamp, random: &mut Random) -> Vec<Planted> {
    let address = terminal(20, 40);
    (0..6)
        .map(|n| {
            let time = minutes(at, n * 26);
            let logon = Logon {
                event_id: 4624,
                host: "dc01.town.example.jp",
                user: STAFF[10 + n as usize],
                address: &address,
                port: random.between(49_152, 65_000),
                logon_type: 2,
                record: 7_000_000 + n,
            };
            Planted { time, source: sites::TOWN_DC, text: line::windows(time, &logon) }
        })
        .collect()
}

fn large_upload(at: Timestamp, random: &mut Random) -> Vec<Planted> {
    let session = Session {
        device: super::background::EDGE,
        source: ("10.30.100.10", random.between(49_152, 65_000), "port3"),
        destination: ("203.0.113.150", 443, "wan1"),
        protocol: 6,
        action: "close",
        policy: 12,
        session: random.between(1_000, 99_999_999),
        duration: 540,
        bytes: (734_003_200, 912_000),
    };
    let request = Request {
        elapsed: 540_200,
        client: &terminal(30, 17),
        result: "TCP_TUNNEL/200",
        bytes: 912_400,
        method: "CONNECT",
        url: "upload.storage.example:443",
        user: STAFF[17],
        peer: "HIER_DIRECT/203.0.113.150",
        mime: "-",
    };
    let end = seconds(at, 540);
    vec![
        Planted { time: end, source: sites::TOWN_EDGE, text: line::fortigate(end, &session) },
        Planted { time: end, source: sites::TOWN_PROXY, text: line::squid(end, &request) },
    ]
}
