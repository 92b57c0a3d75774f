//! Longest prefix, days, default rows and every mistake of `zones.csv`.

use super::*;

const HEADER: &str = "prefix,zone,site,owner,valid_from,valid_until,note\n";

fn load(rows: &str) -> (Zones, Vec<Problem>) {
    let mut problems = Problems::default();
    let file = Path::new("zones.csv");
    let zones = Table::parse(file, &format!("{HEADER}{rows}"), &SCHEMA, &mut problems)
        .map(|table| Zones::from_table(file, &table, &mut problems))
        .unwrap_or_default();
    (zones, problems.into_vec())
}

fn zone_on(zones: &Zones, ip: &str, day: &str) -> String {
    match zones.locate(ip.parse().unwrap(), Day::parse(day).unwrap()) {
        Place::Zone { zone, .. } => zones.name(zone).to_owned(),
        Place::Unmapped => "unmapped".to_owned(),
        Place::Link => "link".to_owned(),
    }
}

#[test]
fn the_longest_valid_prefix_wins() {
    let (zones, problems) = load(
        "10.0.0.0/8,lgwan,本庁,情報課,,,\n\
         10.10.0.0/16,mynumber,本庁,税務課,R8.4.1,R9.3.31,\n\
         10.10.0.0/16,dmz,,,2027-04-01,,\n\
         10.10.20.0/24;10.10.30.0/24,dept:Zeimu,,,,2026-12-31,\n\
         2001:db8:1::/48,インターネット接続系,,,,,\n",
    );
    assert_eq!(problems, []);
    assert_eq!(zone_on(&zones, "10.10.20.5", "2026-11-20"), "dept:zeimu");
    assert_eq!(zone_on(&zones, "10.10.30.5", "2026-11-20"), "dept:zeimu");
    assert_eq!(zone_on(&zones, "10.10.20.5", "2027-03-31"), "mynumber");
    assert_eq!(zone_on(&zones, "10.10.20.5", "2027-04-01"), "dmz");
    assert_eq!(zone_on(&zones, "10.10.99.5", "2026-03-31"), "lgwan");
    assert_eq!(zone_on(&zones, "::ffff:10.10.99.5", "2026-11-20"), "mynumber");
    assert_eq!(zone_on(&zones, "2001:db8:1::5", "2026-11-20"), "internet");
    assert_eq!(zone_on(&zones, "2001:db8:2::5", "2026-11-20"), "external");
}

#[test]
fn default_rows_never_cover_private_addresses() {
    let (zones, problems) =
        load("0.0.0.0/0,seccloud,,,,2027-03-31,\n::/0,external,,,,,\n10.1.0.0/16,lgwan,,,,2026-12-31,\n");
    assert_eq!(problems, []);
    assert_eq!(zone_on(&zones, "203.0.113.5", "2026-11-20"), "seccloud");
    assert_eq!(zone_on(&zones, "203.0.113.5", "2027-04-01"), "external");
    assert_eq!(zone_on(&zones, "2001:db8::1", "2026-11-20"), "external");
    for private in ["10.2.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.1.1", "fd00::1"] {
        assert_eq!(zone_on(&zones, private, "2026-11-20"), "unmapped", "{private}");
    }
    assert_eq!(zone_on(&zones, "10.1.0.1", "2027-01-01"), "unmapped", "its row has ended");
    for public in ["172.32.0.1", "100.128.0.1", "192.169.0.1", "11.0.0.1"] {
        assert_eq!(zone_on(&zones, public, "2026-11-20"), "seccloud", "{public}");
    }
    for link in ["0.0.0.0", "127.0.0.1", "224.0.0.251", "255.255.255.255", "ff02::1", "fe80::1", "::1", "::"] {
        assert_eq!(zone_on(&zones, link, "2026-11-20"), "link", "{link}");
    }
}

#[test]
fn every_mistake_is_named_and_hides_no_other_row() {
    let (zones, problems) = load(
        "10.0.0.0/8,lgwan,,,,,\n\
         10.1.2.3/16,lgwan,,,,,\n\
         ,lgwan,,,,,\n\
         10.2.0.0/16,,,,,,\n\
         10.3.0.0/16,dept:*,,,,,\n\
         10.4.0.0/16,unmapped,,,,,\n\
         10.5.0.0/16,dmz,,,2027-04-31,,\n\
         10.0.0.0/8,dmz,,,2027-04-01,,\n\
         10.0.0.0/8,lgwan,,,,,again the same\n\
         192.168.0.0/16,internet,,,,,\n",
    );
    assert_eq!(zone_on(&zones, "192.168.0.1", "2026-11-20"), "internet");
    let found: Vec<_> = problems.iter().map(|problem| (problem.line, problem.column)).collect();
    assert_eq!(found, [(3, 1), (4, 1), (5, 13), (6, 13), (7, 13), (8, 19), (9, 1), (10, 1)]);
    assert_eq!(
        problems[0].to_string(),
        format!(
            "zones.csv:3:1: prefix: `10.1.2.3/16` has bits set after the prefix; the network is `10.1.0.0/16`; {PREFIX_ADVICE}"
        )
    );
    assert!(problems.iter().all(|problem| !problem.advice.is_empty()));
}

#[test]
fn zones_are_bounded() {
    let rows: String = (0..600).map(|n| format!("10.{}.{}.0/24,dept:{n},,,,,\n", n / 256, n % 256)).collect();
    let (_, problems) = load(&rows);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("601 zones"), "{}", problems[0]);
}
