//! The indexed judgement against one that reads every row of every file for every question, in plain words.

use std::cmp::Reverse;
use std::net::Ipv4Addr;

use ipnet::IpNet;
use proptest::prelude::*;

use super::*;

/// A row of flows.csv as the plain judge sees it: texts, read anew for each question.
#[derive(Clone, Debug)]
struct PlainRow {
    id: usize,
    from_zone: &'static str,
    from: Vec<String>,
    to_zone: &'static str,
    to: Vec<String>,
    protocol: &'static str,
    ports: Vec<(u16, u16)>,
    direction: &'static str,
    via: bool,
    hours: Option<(u32, u32)>,
    from_day: Option<u32>,
    until_day: Option<u32>,
}

impl PlainRow {
    fn csv(&self) -> String {
        let ports: Vec<_> = self.ports.iter().map(|(a, b)| format!("{a}-{b}")).collect();
        let hours = self.hours.map(|(a, b)| format!("{a:02}:00-{b:02}:00")).unwrap_or_default();
        let day = |day: Option<u32>| day.map(|day| format!("2026-11-{day:02}")).unwrap_or_default();
        format!(
            "R{},{},{},{},{},{},{},{},{},,{hours},{},{},,,,\n",
            self.id,
            self.from_zone,
            self.from.join(";"),
            self.to_zone,
            self.to.join(";"),
            self.protocol,
            if self.protocol == "icmp" { String::new() } else { ports.join(";") },
            self.direction,
            if self.via { "sanitiser" } else { "" },
            day(self.from_day),
            day(self.until_day),
        )
    }

    fn is_specific(&self) -> bool {
        !self.from.is_empty() || !self.to.is_empty()
    }

    /// The fault names in order of nearness, or `None` when the row does not speak of the flow this way round.
    fn faults(&self, flow: &Flow, reversed: bool, sanitised: bool) -> Option<Vec<usize>> {
        let inside = |side: &[String], ip: IpAddr| {
            side.is_empty() || side.iter().any(|text| text.parse::<IpNet>().unwrap().contains(&ip))
        };
        let (initiator, responder) = if reversed { (&self.to, &self.from) } else { (&self.from, &self.to) };
        let permitted = matches!((self.direction, reversed), ("both", _) | ("outbound", false) | ("inbound", true));
        if !inside(responder, flow.destination) {
            return None;
        }
        let (day, hour) = local(flow.time);
        let mut faults = Vec::new();
        if self.hours.is_some_and(|(a, b)| !if a < b { a <= hour && hour < b } else { hour >= a || hour < b }) {
            faults.push(TIME);
        }
        if self.from_day.is_some_and(|from| day < from) {
            faults.push(NOT_YET);
        }
        if self.until_day.is_some_and(|until| day > until) {
            faults.push(EXPIRED);
        }
        if !permitted {
            let known_peer = !initiator.is_empty() && inside(initiator, flow.source);
            faults.push(DIRECTION);
            return (known_peer && self.is_specific()).then_some(faults);
        }
        let protocols: &[u8] = match self.protocol {
            "tcp" => &[6],
            "udp" => &[17],
            "icmp" => &[1, 58],
            _ => &[1, 6, 17, 58],
        };
        let port_fits = self.protocol == "icmp"
            || self.ports.is_empty()
            || flow.protocol != Some(1) && self.ports.iter().any(|(a, b)| (*a..=*b).contains(&flow.port.unwrap()));
        if !protocols.contains(&flow.protocol.unwrap()) || !port_fits {
            faults.push(PORT);
        }
        if self.via && !sanitised {
            faults.push(VIA);
        }
        if !inside(initiator, flow.source) {
            return (faults.is_empty() && !responder.is_empty()).then(|| vec![SOURCE]);
        }
        Some(faults)
    }
}

const TIME: usize = 0;
const NOT_YET: usize = 1;
const EXPIRED: usize = 2;
const PORT: usize = 3;
const VIA: usize = 4;
const SOURCE: usize = 5;
const DIRECTION: usize = 6;
const NAMES: [Verdict; 7] = [
    Verdict::ViolationTime,
    Verdict::ViolationNotYet,
    Verdict::ViolationExpired,
    Verdict::ViolationPort,
    Verdict::SanitiserBypass,
    Verdict::ViolationSource,
    Verdict::ViolationDirection,
];

/// Day of November 2026 and hour, in Japan.
fn local(time: Timestamp) -> (u32, u32) {
    let hours = time.since(super::time("2026-11-01T00:00:00")) / (3600 * stream::NANOS_PER_SECOND);
    ((hours / 24 + 1) as u32, (hours % 24) as u32)
}

/// A row of zones.csv: prefix, zone, first and last day of November 2026.
type PlainZone = (IpNet, &'static str, u32, u32);

fn zone(zones: &[PlainZone], ip: IpAddr, day: u32) -> &'static str {
    let fits = zones.iter().filter(|(net, _, from, until)| net.contains(&ip) && *from <= day && day <= *until);
    let longest = fits.min_by_key(|(net, ..)| Reverse(net.prefix_len())).map(|row| row.1);
    let private = matches!(ip, IpAddr::V4(ip) if ip.is_private());
    longest.unwrap_or(if private { "unmapped" } else { "external" })
}

fn matches_zone(pattern: &str, zone: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == zone, |head| zone.starts_with(head))
}

fn plain_judge(zones: &[PlainZone], rows: &[PlainRow], flow: &Flow) -> (Verdict, Option<usize>) {
    let day = local(flow.time).0;
    let (from, to) = (zone(zones, flow.source, day), zone(zones, flow.destination, day));
    if from == "unmapped" {
        return (Verdict::UnmappedSource, None);
    }
    if to == "unmapped" {
        return (Verdict::UnmappedDestination, None);
    }
    let sanitiser: IpAddr = "10.0.1.1".parse().unwrap();
    let sanitised = flow.source == sanitiser || flow.destination == sanitiser;
    let mut specific = Vec::new();
    let mut matrix = Vec::new();
    let mut narrows = None;
    for row in rows {
        for reversed in [false, true] {
            let (initiator, responder) =
                if reversed { (row.to_zone, row.from_zone) } else { (row.from_zone, row.to_zone) };
            if !matches_zone(initiator, from) || !matches_zone(responder, to) {
                continue;
            }
            let Some(faults) = row.faults(flow, reversed, sanitised) else { continue };
            let key = (faults.len(), row.from.is_empty() || row.to.is_empty(), faults.iter().max().copied(), row.id);
            if row.is_specific() {
                specific.push(key);
                continue;
            }
            let in_force = !faults.contains(&EXPIRED) && !faults.contains(&NOT_YET);
            if from == to && in_force && row.from_zone == row.to_zone && !row.from_zone.ends_with('*') {
                narrows = narrows.or(Some(row.id));
            }
            if (from != to || in_force) && !faults.contains(&PORT) {
                matrix.push(key);
            }
        }
    }
    let (specific, matrix) = (specific.into_iter().min(), matrix.into_iter().min());
    match (specific, matrix) {
        (Some((0, _, _, row)), _) => return (Verdict::AllowedSpecific, Some(row)),
        (_, Some((0, _, _, row))) => return (Verdict::Allowed, Some(row)),
        (Some((_, _, worst, row)), _) => return (NAMES[worst.unwrap()], Some(row)),
        _ => {}
    }
    let lgwan = |zone: &str| zone == "lgwan";
    let internet = |zone: &str| zone == "internet" || zone == "external";
    if (lgwan(from) && internet(to) || internet(from) && lgwan(to)) && !sanitised {
        return (Verdict::SanitiserBypass, matrix.map(|near| near.3));
    }
    match (matrix, narrows) {
        (Some((_, _, worst, row)), _) => (NAMES[worst.unwrap()], Some(row)),
        (None, Some(row)) => (Verdict::ViolationZone, Some(row)),
        (None, None) if from == to => (Verdict::Allowed, None),
        (None, None) => (Verdict::ViolationZone, None),
    }
}

const ZONE_NAMES: [&str; 5] = ["lgwan", "internet", "mynumber", "dept:a", "dept:b"];

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        8 => (0_u8..4, 0_u8..4).prop_map(|(a, b)| IpAddr::from(Ipv4Addr::new(10, 0, a, b))),
        1 => (0_u8..4).prop_map(|b| IpAddr::from(Ipv4Addr::new(203, 0, 113, b))),
    ]
}

fn side() -> impl Strategy<Value = Vec<String>> {
    let net = (address(), prop_oneof![Just(32_u8), Just(31), Just(24)])
        .prop_map(|(ip, length)| IpNet::new(ip, length).unwrap().trunc().to_string());
    prop_oneof![2 => Just(Vec::new()), 3 => proptest::collection::vec(net, 1..3)]
}

fn row() -> impl Strategy<Value = PlainRow> {
    let zone = prop::sample::select(vec!["lgwan", "internet", "mynumber", "external", "dept:a", "dept:*"]);
    let ports = proptest::collection::vec((0_u16..4).prop_map(|port| (port, port + 1)), 0..2);
    let hours = proptest::option::of((0_u32..12, 12_u32..24, any::<bool>()))
        .prop_map(|hours| hours.map(|(a, b, swap)| if swap { (b, a) } else { (a, b) }));
    let days = (proptest::option::of(1_u32..6), proptest::option::of(5_u32..10));
    (
        (zone.clone(), side(), zone, side()),
        prop::sample::select(vec!["tcp", "udp", "icmp", "any", ""]),
        ports,
        prop::sample::select(vec!["outbound", "inbound", "both"]),
        prop::bool::weighted(0.2),
        hours,
        days,
    )
        .prop_map(|((from_zone, from, to_zone, to), protocol, ports, direction, via, hours, days)| PlainRow {
            id: 0,
            from_zone,
            from,
            to_zone,
            to,
            protocol,
            ports: if protocol == "icmp" { Vec::new() } else { ports },
            direction,
            via,
            hours,
            from_day: days.0,
            until_day: days.1,
        })
}

fn zones() -> impl Strategy<Value = Vec<PlainZone>> {
    let zone = (0_u8..4, 0_u8..4, prop::sample::select(vec![16_u8, 24, 31, 32]), 0_usize..5, 1_u32..4, 6_u32..12);
    proptest::collection::vec(zone, 1..12).prop_map(|rows| {
        let mut seen = std::collections::BTreeSet::new();
        let rows = rows.into_iter().map(|(a, b, length, zone, from, until)| {
            let net = IpNet::new(IpAddr::from(Ipv4Addr::new(10, 0, a, b)), length).unwrap().trunc();
            (net, ZONE_NAMES[zone], from, until)
        });
        let mut rows: Vec<_> = rows.filter(|row| seen.insert(row.0)).collect();
        // Every zone that rows may name exists.
        rows.extend(ZONE_NAMES.iter().enumerate().map(|(index, zone)| {
            (IpNet::new(IpAddr::from(Ipv4Addr::new(10, 9, index as u8, 0)), 24).unwrap(), *zone, 1, 30)
        }));
        rows
    })
}

fn flow() -> impl Strategy<Value = Flow> {
    (address(), address(), 0_u16..5, prop::sample::select(vec![1_u8, 6, 17]), 0_i64..24 * 12).prop_map(
        |(source, destination, port, protocol, hour)| Flow {
            source,
            destination,
            port: (protocol != 1).then_some(port),
            protocol: Some(protocol),
            source_mac: None,
            time: super::time("2026-11-01T00:00:00").plus_nanos(hour * 3600 * stream::NANOS_PER_SECOND),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn agrees_with_reading_every_row(
        zones in zones(),
        mut rows in proptest::collection::vec(row(), 0..14),
        flows in proptest::collection::vec(flow(), 60),
    ) {
        rows.iter_mut().enumerate().for_each(|(index, row)| row.id = index);
        let dir = tempfile::tempdir().unwrap();
        let town = dir.path().join("town");
        write(&town, "tenant.toml", "name = \"t\"\nmodel = \"alpha\"\n");
        let lines = zones.iter().map(|(net, zone, from, until)| format!("{net},{zone},,,2026-11-{from},2026-11-{until},\n"));
        write(&town, "zones.csv", &format!("prefix,zone,site,owner,valid_from,valid_until,note\n{}", lines.collect::<String>()));
        write(&town, "flows.csv", &format!("{FLOWS}{}", rows.iter().map(PlainRow::csv).collect::<String>()));
        write(&town, "ledgers/sanitisers.csv", "name,ip\ns,10.0.1.1\n");
        let tenants = Tenants::load(dir.path()).map_err(|problems| TestCaseError::fail(format!("{problems:?}")))?;
        let tenant = tenants.get("town").unwrap();
        for flow in &flows {
            let judged = tenant.judge(flow);
            let found = (judged.verdict.unwrap(), judged.row.map(|row| row.id.to_string()));
            let (verdict, row) = plain_judge(&zones, &rows, flow);
            prop_assert_eq!(found, (verdict, row.map(|row| format!("R{row}"))), "{:?}", flow);
        }
    }

    #[test]
    fn any_bytes_load_or_are_problems(
        file in prop::sample::select(vec!["tenant.toml", "zones.csv", "flows.csv", "ledgers/ioc.csv", "ledgers/work_orders.csv"]),
        noise in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cells in proptest::collection::vec("[0-9RH令和元年月日:;./*-]{0,14}", 0..24),
    ) {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/alpha-town/tenants/town");
        let mut bytes = fs::read(example.join(file)).unwrap();
        bytes.extend(cells.join(",").bytes());
        for (index, byte) in noise {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let dir = tempfile::tempdir().unwrap();
        for name in ["tenant.toml", "zones.csv", "flows.csv"] {
            write(dir.path(), name, &fs::read_to_string(example.join(name)).unwrap());
        }
        fs::create_dir_all(dir.path().join("ledgers")).unwrap();
        fs::write(dir.path().join(file), bytes).unwrap();
        if let Err(problems) = Tenants::load(dir.path()) {
            prop_assert!(problems.iter().all(|problem| !problem.advice.is_empty() && !problem.message.is_empty()));
        }
    }
}
