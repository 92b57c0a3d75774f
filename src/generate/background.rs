//! Ordinary traffic: what a working day looks like, all of it allowed by the ledgers or refused at the edge.

use stream::Timestamp;

use super::line::{self, Logon, Request, Session, japan};
use super::random::Random;
use super::sites::{self, STAFF, WEB_SITES, terminal};
use super::tenants::{ELTAX, EXPIRING_PEER, EXPIRING_SERVER};

/// Name and serial number of the town's zone firewall.
pub const CORE: (&str, &str) = ("fw-core", "FGT60FTK00000001");
/// Of its internet firewall.
pub const EDGE: (&str, &str) = ("fw-edge", "FGT60FTK00000002");
const KUMIAI: (&str, &str) = ("fw01", "FGT40FTK00000003");
const KEN: (&str, &str) = ("fw-sc", "FGT200FT00000004");

/// The firewall that sends from this source, if it is one.
pub fn firewall(source: usize) -> Option<(&'static str, &'static str)> {
    match source {
        sites::TOWN_CORE => Some(CORE),
        sites::TOWN_EDGE => Some(EDGE),
        sites::KUMIAI_FW => Some(KUMIAI),
        sites::KEN_FW => Some(KEN),
        _ => None,
    }
}

/// One ordinary line of a source. `first_day` tells whether the exception that ends that day is still in use.
pub fn line(source: usize, time: Timestamp, serial: u64, first_day: bool, random: &mut Random) -> String {
    match source {
        sites::TOWN_CORE => core(time, serial, first_day, random),
        sites::TOWN_EDGE => edge(time, serial, EDGE, "10.30.100.10", "192.0.2.10", random),
        sites::KUMIAI_FW => edge(time, serial, KUMIAI, "172.16.100.10", "192.0.2.130", random),
        sites::KEN_FW => edge(time, serial, KEN, "172.20.100.10", "192.0.2.200", random),
        sites::TOWN_PROXY => proxy(time, |person| terminal(30, person), random),
        sites::KUMIAI_PROXY => proxy(time, |person| format!("172.16.1.{}", 10 + person), random),
        sites::TOWN_DC => logon(time, serial, random),
        sites::TOWN_WEB => server(time, "web01", "10.30.250.5", serial, random),
        sites::KUMIAI_SERVER => server(time, "srv01", "172.16.250.5", serial, random),
        _ => server(time, "relay01", "172.20.250.5", serial, random),
    }
}

fn session<'a>(
    device: (&'a str, &'a str),
    from: (&'a str, &'a str),
    to: (&'a str, u64, &'a str),
    serial: u64,
    random: &mut Random,
) -> Session<'a> {
    Session {
        device,
        source: (from.0, random.between(49_152, 65_000), from.1),
        destination: to,
        protocol: 6,
        action: if random.chance(70) { "close" } else { "accept" },
        policy: random.between(1, 40),
        session: 1_000 + serial % 90_000_000,
        duration: random.between(1, 300),
        bytes: (random.between(400, 90_000), random.between(600, 2_000_000)),
    }
}

fn core(time: Timestamp, serial: u64, first_day: bool, random: &mut Random) -> String {
    let person = random.below(STAFF.len() as u64) as usize;
    let office = (7..22).contains(&japan(time).hour());
    let (mynumber, lgwan) = (terminal(10, person), terminal(20, person));
    let taxman = terminal(10, 24 + person % 24);
    let s = match random.below(100) {
        0..30 => session(CORE, (&mynumber, "port1"), ("10.10.100.10", 1521, "port1"), serial, random),
        30..62 => session(CORE, (&lgwan, "port2"), ("10.20.100.10", 445, "port2"), serial, random),
        62..80 => session(CORE, (&lgwan, "port2"), ("10.30.200.10", 443, "port3"), serial, random),
        80..86 => session(CORE, ("10.30.200.10", "port3"), ("10.20.200.10", 443, "port2"), serial, random),
        86..92 if office => session(CORE, (&taxman, "port1"), (ELTAX, 443, "wan1"), serial, random),
        92..95 if first_day => session(CORE, (EXPIRING_SERVER, "port1"), (EXPIRING_PEER, 443, "wan1"), serial, random),
        _ => session(CORE, ("10.10.100.20", "port1"), ("10.20.50.10", 8443, "port2"), serial, random),
    };
    line::fortigate(time, &s)
}

fn edge(time: Timestamp, serial: u64, device: (&str, &str), proxy: &str, public: &str, random: &mut Random) -> String {
    let (_, site) = *random.pick(WEB_SITES);
    let visitor = format!("203.0.113.{}", random.between(160, 250));
    let mut s = match random.below(100) {
        0..55 => session(device, (proxy, "port3"), (site, 443, "wan1"), serial, random),
        55..65 => session(device, (proxy, "port3"), (site, 80, "wan1"), serial, random),
        65..75 => session(device, (proxy, "port3"), ("198.51.100.53", 53, "wan1"), serial, random),
        75..90 => session(device, (&visitor, "wan1"), (public, 443, "dmz"), serial, random),
        90..94 => session(device, (public, "dmz"), ("198.51.100.25", 25, "wan1"), serial, random),
        _ => {
            // The internet's constant knocking, refused by the implicit deny.
            let port = *random.pick(&[23, 445, 1433, 3389, 5900, 8080]);
            let mut refused = session(device, (&visitor, "wan1"), (public, port, "dmz"), serial, random);
            (refused.action, refused.policy, refused.duration, refused.bytes) = ("deny", 0, 0, (0, 0));
            refused
        }
    };
    if s.destination.1 == 53 {
        (s.protocol, s.bytes) = (17, (78, 240));
    }
    line::fortigate(time, &s)
}

fn proxy(time: Timestamp, terminal: impl Fn(usize) -> String, random: &mut Random) -> String {
    let person = random.below(STAFF.len() as u64) as usize;
    let (domain, address) = *random.pick(WEB_SITES);
    let (peer, client) = (format!("HIER_DIRECT/{address}"), terminal(person));
    let tunnel = random.chance(65);
    let url = if tunnel {
        format!("{domain}:443")
    } else {
        format!("http://{domain}/{}/{}.html", random.pick(&["news", "guide", "map", "kurashi"]), random.below(900))
    };
    let refused = random.chance(3);
    let (result, bytes) = match (refused, tunnel) {
        (true, _) => ("TCP_DENIED/403", 3_900),
        (false, true) => ("TCP_TUNNEL/200", random.between(1_000, 900_000)),
        (false, false) => {
            (*random.pick(&["TCP_MISS/200", "TCP_MISS/304", "TCP_MEM_HIT/200"]), random.between(300, 90_000))
        }
    };
    let request = Request {
        elapsed: random.between(3, 30_000),
        client: &client,
        result,
        bytes,
        method: if tunnel { "CONNECT" } else { "GET" },
        url: &url,
        user: STAFF[person],
        peer: if refused { "HIER_NONE/-" } else { &peer },
        mime: if tunnel { "-" } else { "text/html" },
    };
    line::squid(time, &request)
}

fn logon(time: Timestamp, serial: u64, random: &mut Random) -> String {
    let person = random.below(STAFF.len() as u64) as usize;
    let logon = Logon {
        event_id: if random.chance(2) { 4625 } else { 4624 },
        host: "dc01.town.example.jp",
        user: STAFF[person],
        address: &terminal(20, person),
        port: random.between(49_152, 65_000),
        logon_type: if random.chance(20) { 2 } else { 3 },
        record: 100_000 + serial,
    };
    line::windows(time, &logon)
}

fn server(time: Timestamp, host: &str, admin: &str, serial: u64, random: &mut Random) -> String {
    let pid = 1_000 + serial % 30_000;
    let port = random.between(30_000, 60_000);
    let (tag, message) = match random.below(100) {
        0..30 => ("CRON", "(root) CMD (/usr/local/bin/rotate-report)".to_owned()),
        30..60 => (
            "sshd",
            format!(
                "Accepted publickey for deploy from {admin} port {port} ssh2: ED25519 SHA256:q5s1uY0mZ3kWb8Tn4VxE2hJr7cLdPaGfOi9XsRwUyBk"
            ),
        ),
        60..80 => ("sshd", format!("Disconnected from user deploy {admin} port {port}")),
        80..92 => ("systemd-logind", format!("New session {} of user deploy.", serial % 100_000)),
        92..97 => (
            "sudo",
            "  deploy : TTY=pts/0 ; PWD=/home/deploy ; USER=root ; COMMAND=/usr/bin/systemctl reload nginx".to_owned(),
        ),
        // A stray knock from an address that does not come back: far below any threshold.
        _ => (
            "sshd",
            format!(
                "Failed password for invalid user {} from 203.0.113.{} port {port} ssh2",
                random.pick(&["test", "guest", "oracle"]),
                random.between(100, 140)
            ),
        ),
    };
    line::syslog(time, host, &format!("{tag}[{pid}]"), &message)
}
