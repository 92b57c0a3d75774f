//! Every verdict, the folder as a whole, and the judgement of events.

use std::fs;

use stream::{Value, fields};

use super::*;
use crate::Day;

mod differential;

const ZONES: &str = "prefix,zone,site,owner,valid_from,valid_until,note\n\
    10.10.0.0/16,mynumber,本庁舎,住民課,,,\n\
    10.20.0.0/16,lgwan,本庁舎,総務課,,,\n\
    10.30.0.0/16,internet,本庁舎,総務課,,,\n\
    10.40.1.0/24,dept:zeimu,,,,,\n\
    10.40.2.0/24,dept:kensetsu,,,,,\n\
    192.0.2.0/25,dmz,,,,,\n";
const FLOWS: &str = "id,from_zone,from,to_zone,to,protocol,ports,direction,via,days,hours,valid_from,valid_until,owner,approval,review_by,purpose\n";
const SANITISERS: &str = "name,ip,method,valid_from,valid_until\n無害化,10.20.200.10,file,,2027-03-31\n";
const TERMINALS: &str = "host,ip,mac,dept,zone,use,valid_from,valid_until\nZ1,10.10.20.5,02:00:5e:10:00:01;02-00-5E-10-00-02,税務課,mynumber,個人,,\n";

fn write(dir: &Path, name: &str, text: &str) {
    let file = dir.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// Tenant `town` with these rows of flows.csv.
fn town(flows: &str) -> Result<Tenants, Vec<Problem>> {
    let dir = tempfile::tempdir().unwrap();
    let town = dir.path().join("town");
    write(&town, "tenant.toml", "name = \"見本町\"\nmodel = \"alpha\"\n");
    write(&town, "zones.csv", ZONES);
    write(&town, "flows.csv", &format!("{FLOWS}{flows}"));
    write(&town, "ledgers/sanitisers.csv", SANITISERS);
    write(&town, "ledgers/terminals.csv", TERMINALS);
    write(&town, "ledgers/holidays.csv", "date,name\n2026-11-23,勤労感謝の日\n");
    Tenants::load(dir.path())
}

fn time(text: &str) -> Timestamp {
    let text = if text.contains('T') { format!("{text}+09:00") } else { format!("{text}T12:00:00+09:00") };
    Timestamp::parse_rfc3339(&text).unwrap()
}

/// Judges `source > destination protocol port at`, such as `10.10.20.5 > 203.0.113.10 tcp 443 2026-11-20`.
fn judge(tenants: &Tenants, text: &str) -> (String, String) {
    judge_mac(tenants, text, None)
}

fn judge_mac(tenants: &Tenants, text: &str, mac: Option<&str>) -> (String, String) {
    let words: Vec<_> = text.split(' ').collect();
    let flow = Flow {
        source: words[0].parse().unwrap(),
        destination: words[2].parse().unwrap(),
        protocol: crate::flows::protocol_number(words[3]),
        port: words[4].parse().ok(),
        source_mac: mac.map(|mac| Mac::parse(mac).unwrap()),
        time: time(words[5]),
    };
    let judged = tenants.get("town").unwrap().judge(&flow);
    let verdict = judged.verdict.map_or("none", Verdict::as_str);
    (verdict.to_owned(), judged.row.map_or(String::new(), |row| row.id.to_string()))
}

/// `text => verdict row`, one a line.
fn expect(tenants: &Tenants, cases: &str) {
    for case in cases.lines().map(str::trim).filter(|case| !case.is_empty()) {
        let (text, expected) = case.split_once(" => ").unwrap();
        let (verdict, row) = judge(tenants, text);
        assert_eq!(format!("{verdict} {row}").trim(), expected.trim(), "{text}");
    }
}

#[test]
fn every_verdict() {
    let tenants = town(
        "M-01,internet,,external,,tcp,80;443;8000-8010,outbound,,,,,,,,,\n\
         M-02,lgwan,,internet,,tcp,443,both,sanitiser,,,,,,,,\n\
         M-03,lgwan,,dmz,,tcp,22,,,weekday,09:00-17:00,2026-04-01,2027-03-31,,,,\n\
         TK-1,mynumber,10.10.20.0/28,external,203.0.113.10;203.0.113.16-203.0.113.19,tcp,443,outbound,,,07:00-22:00,R8.4.1,令和9年3月31日,税務課,,,\n\
         TK-2,mynumber,10.10.100.20,lgwan,10.20.50.10,tcp;udp,8443,inbound,,,,,,,,,\n\
         TK-3,mynumber,10.10.30.0/24,dmz,192.0.2.9,icmp,,both,,月;火,22:00-05:00,,,,,,\n\
         TK-4,lgwan,10.20.1.1,dmz,192.0.2.5,any,,,sanitiser,,,,,,,,\n",
    )
    .unwrap();
    expect(
        &tenants,
        "10.30.1.1 > 198.51.100.1 tcp 443 2026-11-20 => allowed M-01
         10.30.1.1 > 198.51.100.1 tcp 8010 2026-11-20 => allowed M-01
         10.30.1.1 > 198.51.100.1 tcp 8011 2026-11-20 => violation_zone
         10.30.1.1 > 198.51.100.1 udp 443 2026-11-20 => violation_zone
         10.30.1.1 > 198.51.100.1 - - 2026-11-20 => allowed M-01
         198.51.100.1 > 10.30.1.1 tcp 443 2026-11-20 => violation_zone
         10.30.1.1 > 10.30.2.2 tcp 445 2026-11-20 => allowed
         10.10.1.1 > 10.30.1.1 tcp 443 2026-11-20 => violation_zone
         10.10.1.1 > 198.51.100.1 tcp 443 2026-11-20 => violation_zone
         10.40.1.1 > 10.40.1.2 tcp 445 2026-11-20 => allowed
         10.40.1.1 > 10.40.2.2 tcp 445 2026-11-20 => violation_zone
         198.51.100.1 > 203.0.113.1 tcp 443 2026-11-20 => allowed
         10.20.200.10 > 10.30.1.1 tcp 443 2026-11-20 => allowed M-02
         10.30.1.1 > 10.20.200.10 tcp 443 2026-11-20 => allowed M-02
         10.20.200.10 > 10.30.1.1 tcp 22 2026-11-20 => violation_zone
         10.20.200.10 > 198.51.100.1 tcp 443 2026-11-20 => violation_zone
         10.20.1.1 > 10.30.1.1 tcp 443 2026-11-20 => sanitiser_bypass M-02
         10.20.200.10 > 10.30.1.1 tcp 443 2027-04-01 => sanitiser_bypass M-02
         10.20.1.1 > 198.51.100.1 tcp 443 2026-11-20 => sanitiser_bypass
         198.51.100.1 > 10.20.1.1 tcp 443 2026-11-20 => sanitiser_bypass
         10.20.1.2 > 192.0.2.5 tcp 22 2026-11-20T09:00:00 => allowed M-03
         10.20.1.2 > 192.0.2.5 tcp 22 2026-11-20T17:00:00 => violation_time M-03
         10.20.1.2 > 192.0.2.5 tcp 22 2026-11-23T10:00:00 => violation_time M-03
         10.20.1.2 > 192.0.2.5 tcp 22 2026-03-31T10:00:00 => violation_not_yet M-03
         10.20.1.2 > 192.0.2.5 tcp 22 2027-04-01T10:00:00 => violation_expired M-03
         10.10.20.5 > 203.0.113.10 tcp 443 2026-11-20 => allowed_specific TK-1
         10.10.20.5 > 203.0.113.19 tcp 443 2026-11-20 => allowed_specific TK-1
         10.10.20.5 > 203.0.113.20 tcp 443 2026-11-20 => violation_zone
         10.10.20.5 > 203.0.113.10 tcp 8443 2026-11-20 => violation_port TK-1
         10.10.20.5 > 203.0.113.10 udp 443 2026-11-20 => violation_port TK-1
         10.10.20.5 > 203.0.113.10 icmp - 2026-11-20 => violation_port TK-1
         10.10.20.16 > 203.0.113.10 tcp 443 2026-11-20 => violation_source TK-1
         10.10.20.16 > 203.0.113.10 tcp 80 2026-11-20 => violation_zone
         10.10.20.16 > 203.0.113.10 tcp 443 2027-04-01 => violation_zone
         203.0.113.10 > 10.10.20.5 tcp 51515 2026-11-20 => violation_direction TK-1
         203.0.113.11 > 10.10.20.5 tcp 443 2026-11-20 => violation_zone
         10.10.20.5 > 203.0.113.10 tcp 443 2026-11-20T22:00:00 => violation_time TK-1
         10.10.20.5 > 203.0.113.10 tcp 443 2026-03-31 => violation_not_yet TK-1
         10.10.20.5 > 203.0.113.10 tcp 443 2027-03-31T21:59:59 => allowed_specific TK-1
         10.10.20.5 > 203.0.113.10 tcp 443 2027-04-01T07:00:00 => violation_expired TK-1
         10.10.20.5 > 203.0.113.10 tcp 443 2027-04-01T00:05:00 => violation_expired TK-1
         10.20.50.10 > 10.10.100.20 udp 8443 2026-11-20 => allowed_specific TK-2
         10.10.100.20 > 10.20.50.10 tcp 8443 2026-11-20 => violation_direction TK-2
         10.20.50.11 > 10.10.100.20 tcp 8443 2026-11-20 => violation_source TK-2
         10.10.30.7 > 192.0.2.9 icmp - 2026-11-24T04:59:59 => allowed_specific TK-3
         10.10.30.7 > 192.0.2.9 ipv6-icmp - 2026-11-24T23:00:00 => allowed_specific TK-3
         192.0.2.9 > 10.10.30.7 icmp - 2026-11-25T02:00:00 => allowed_specific TK-3
         10.10.30.7 > 192.0.2.9 icmp - 2026-11-25T23:00:00 => violation_time TK-3
         10.20.1.1 > 192.0.2.5 tcp 443 2026-11-20 => sanitiser_bypass TK-4
         10.99.1.1 > 198.51.100.1 tcp 443 2026-11-20 => unmapped_source
         10.99.1.1 > 10.98.1.1 tcp 443 2026-11-20 => unmapped_source
         10.30.1.1 > 10.99.1.1 tcp 443 2026-11-20 => unmapped_destination
         10.10.1.1 > 224.0.0.251 udp 5353 2026-11-20 => none
         10.10.1.1 > 255.255.255.255 udp 67 2026-11-20 => none
         ::ffff:10.10.20.5 > 203.0.113.10 tcp 443 2026-11-20 => allowed_specific TK-1",
    );
}

#[test]
fn the_last_day_lasts_until_midnight_in_japan() {
    let tenants = town("TK-1,mynumber,10.10.20.5,external,203.0.113.10,tcp,443,,,,,,2027/3/31,,,,\n").unwrap();
    expect(
        &tenants,
        "10.10.20.5 > 203.0.113.10 tcp 443 2027-03-31T23:59:59.999 => allowed_specific TK-1
         10.10.20.5 > 203.0.113.10 tcp 443 2027-04-01T00:00:00 => violation_expired TK-1
         10.10.20.5 > 203.0.113.10 tcp 443 2027-04-01T00:05:00 => violation_expired TK-1",
    );
}

#[test]
fn mac_addresses_of_registered_terminals() {
    let tenants = town(
        "TK-1,mynumber,10.10.20.0/28,external,203.0.113.10,tcp,443,,,,,,,,,,\nM-1,mynumber,,dmz,,tcp,443,,,,,,,,,,\n",
    )
    .unwrap();
    let verdict = |text: &str, mac: &str| judge_mac(&tenants, text, Some(mac)).0;
    let registered = "10.10.20.5 > 203.0.113.10 tcp 443 2026-11-20";
    assert_eq!(verdict(registered, "02-00-5E-10-00-01"), "allowed_specific");
    assert_eq!(verdict(registered, "0200.5e10.0002"), "allowed_specific");
    assert_eq!(verdict(registered, "02:00:5e:10:00:09"), "violation_mac");
    assert_eq!(judge_mac(&tenants, registered, None).0, "allowed_specific");
    assert_eq!(verdict("10.10.20.6 > 203.0.113.10 tcp 443 2026-11-20", "02:00:5e:10:00:09"), "allowed_specific");
    assert_eq!(verdict("10.10.20.5 > 203.0.113.10 tcp 22 2026-11-20", "02:00:5e:10:00:09"), "violation_port");
    assert_eq!(verdict("10.10.20.5 > 192.0.2.5 tcp 443 2026-11-20", "02:00:5e:10:00:09"), "allowed");
}

#[test]
fn the_most_specific_and_the_nearest_row_decide() {
    let tenants = town(
        "M-1,mynumber,,lgwan,,tcp,443,,,,,,,,,,\n\
         TK-1,mynumber,10.10.20.5,lgwan,10.20.1.1,tcp,443,,,,,,2026-12-31,,,,\n\
         TK-2,mynumber,,lgwan,10.20.9.9,tcp,22,,,,,,,,,,\n\
         TK-3,mynumber,10.10.20.5,lgwan,10.20.9.9,tcp,22,,,,,,,,,,\n\
         TK-4,mynumber,10.10.0.0/16,dmz,192.0.2.5,tcp,443,,,,,,2026-12-31,,,,\n\
         TK-4,mynumber,10.10.0.0/16,dmz,192.0.2.5,tcp,443,,,,,2027-02-01,,,,,\n\
         TK-5,mynumber,10.10.0.0/16,dmz,192.0.2.5,tcp,8443,,,,,,,,,,\n\
         TK-6,mynumber,10.10.7.7,external,,tcp,443,,,,,,,,,,\n\
         M-2,dept:*,,dept:*,,tcp,9100,,,,,,,,,,\n\
         M-3,lgwan,,lgwan,,tcp,443,,,,,,,,,,\n\
         TK-7,internet,10.30.1.1,internet,10.30.2.2,tcp,443,,,,09:00-17:00,,,,,,\n\
         M-4,internet,,mynumber,,tcp,443,,sanitiser,,,,,,,,\n\
         M-5,dmz,,*,,udp,514,,,,,,,,,,\n",
    )
    .unwrap();
    expect(
        &tenants,
        "10.10.20.5 > 10.20.1.1 tcp 443 2026-11-20 => allowed_specific TK-1
         10.10.20.5 > 10.20.1.1 tcp 443 2027-01-01 => allowed M-1
         10.10.20.5 > 10.20.1.1 tcp 22 2026-11-20 => violation_port TK-1
         10.10.20.5 > 10.20.9.9 tcp 22 2026-11-20 => allowed_specific TK-3
         10.10.20.6 > 10.20.9.9 tcp 22 2026-11-20 => allowed_specific TK-2
         10.10.20.6 > 192.0.2.5 tcp 443 2027-01-15 => violation_not_yet TK-4
         10.10.20.6 > 192.0.2.5 tcp 443 2027-02-01 => allowed_specific TK-4
         10.10.20.6 > 192.0.2.5 tcp 22 2027-02-01 => violation_port TK-4
         198.51.100.1 > 10.10.7.7 tcp 443 2026-11-20 => violation_zone
         10.10.7.7 > 198.51.100.1 tcp 22 2026-11-20 => violation_port TK-6
         10.10.7.8 > 198.51.100.1 tcp 443 2026-11-20 => violation_zone
         10.40.1.1 > 10.40.2.2 tcp 9100 2026-11-20 => allowed M-2
         10.40.1.1 > 10.40.1.2 tcp 445 2026-11-20 => allowed
         10.20.1.1 > 10.20.1.2 tcp 443 2026-11-20 => allowed M-3
         10.20.1.1 > 10.20.1.2 tcp 445 2026-11-20 => violation_zone M-3
         10.30.1.1 > 10.30.2.2 tcp 443 2026-11-20T20:00:00 => violation_time TK-7
         10.30.1.1 > 10.30.2.3 tcp 443 2026-11-20T20:00:00 => allowed
         10.30.1.1 > 10.10.1.1 tcp 443 2026-11-20 => sanitiser_bypass M-4
         192.0.2.5 > 10.10.1.1 udp 514 2026-11-20 => allowed M-5",
    );
}

#[test]
fn every_bad_cell_of_a_row_is_named() {
    let problems = town(
        ",lgwan,,dmz,,,,,,,,,,,,,\n\
         A,lgwna,,plant,,,,,,,,,,,,,\n\
         B,lgwan,10.20.1,dmz,192.0.2.5/24,tcpp,70000,out,proxy,月火,9-17,2027-02-30,R0.1.1,,,soon,\n\
         C,*,,*,,,,,,,,,,,,,\n\
         D,lgwan,,dmz,,icmp,80,,,,,,,,,,\n\
         E,lgwan,,dmz,,tcp,90-80,,,,,2027-04-01,2027-03-31,,,,\n\
         F,lgwan,,dmz,,tcp,80,,,,,,2027-03-31,,,,\n\
         F,lgwan,,dmz,,tcp,81,,,,,2027-03-31,,,,,\n\
         F,lgwan,,dmz,,tcp,81,,,,,2028-04-01,,,,,,extra\n",
    )
    .unwrap_err();
    let found: Vec<_> = problems.iter().map(|p| (p.line, p.message.split(':').next().unwrap().to_owned())).collect();
    let expected = [
        (10, "`extra` stands beyond the last of 17 columns"),
        (2, "id"),
        (3, "from_zone"),
        (3, "to_zone"),
        (4, "from"),
        (4, "to"),
        (4, "protocol"),
        (4, "ports"),
        (4, "direction"),
        (4, "via"),
        (4, "days"),
        (4, "hours"),
        (4, "valid_from"),
        (4, "valid_until"),
        (4, "review_by"),
        (5, "to_zone"),
        (6, "ports"),
        (7, "ports"),
        (7, "valid_until"),
        (9, "id"),
    ];
    assert_eq!(found, expected.map(|(line, column)| (line, column.to_owned())));
    assert!(problems[2].to_string().ends_with(
        "flows.csv:3:3: from_zone: no row of zones.csv has zone `lgwna`; write `lgwan`, or add the zone to zones.csv"
    ));
    assert!(problems.iter().all(|problem| !problem.advice.is_empty() && problem.column > 0));
}

#[test]
fn events_get_zones_and_verdict_and_lose_what_they_claim() {
    let tenants = town("TK-1,mynumber,10.10.20.5,external,203.0.113.10,tcp,443,,,,,,,,,,\n").unwrap();
    let arena = Bump::new();
    let mut event = Event::new_in(&arena);
    event.push(fields::TIMESTAMP, Value::Time(time("2026-11-20")));
    event.push(fields::SEKISHO_TENANT, Value::Str("town"));
    event.push(fields::SOURCE_IP, Value::Ip("10.10.20.5".parse().unwrap()));
    event.push(fields::SEKISHO_FLOW_VERDICT, Value::Str("allowed"));
    event.push(fields::SEKISHO_FLOW_SEVERITY, Value::Str("low"));
    tenants.judge(&mut event, &arena);
    assert_eq!(event.get_str(fields::SEKISHO_SOURCE_ZONE), Some("mynumber"));
    assert_eq!(event.get_str(fields::SEKISHO_SOURCE_SITE), Some("本庁舎"));
    assert_eq!(event.get_str(fields::SEKISHO_SOURCE_OWNER), Some("住民課"));
    assert!(!event.has(fields::SEKISHO_FLOW_VERDICT) && !event.has(fields::SEKISHO_FLOW_SEVERITY));

    event.push(fields::DESTINATION_IP, Value::Str("203.0.113.10"));
    event.push(fields::DESTINATION_PORT, Value::Int(8443));
    event.push(fields::NETWORK_TRANSPORT, Value::Str("TCP"));
    tenants.judge(&mut event, &arena);
    assert_eq!(event.get_str(fields::SEKISHO_DESTINATION_ZONE), Some("external"));
    assert_eq!(event.get_str(fields::SEKISHO_FLOW_VERDICT), Some("violation_port"));
    assert_eq!(event.get_str(fields::SEKISHO_FLOW_RULE), Some("TK-1"));
    assert_eq!(event.all(fields::SEKISHO_SOURCE_ZONE).count(), 1, "judged twice, set once");

    event.set(fields::SOURCE_IP, Value::Ip("192.168.1.1".parse().unwrap()));
    tenants.judge(&mut event, &arena);
    assert_eq!(event.get_str(fields::SEKISHO_SOURCE_ZONE), Some("unmapped"));
    assert_eq!(event.get_str(fields::SEKISHO_FLOW_VERDICT), Some("unmapped_source"));
    assert!(!event.has(fields::SEKISHO_FLOW_RULE) && !event.has(fields::SEKISHO_SOURCE_SITE));

    event.set(fields::SEKISHO_TENANT, Value::Str("city"));
    tenants.judge(&mut event, &arena);
    assert!(!event.has(fields::SEKISHO_SOURCE_ZONE) && !event.has(fields::SEKISHO_FLOW_VERDICT));
}

#[test]
fn a_proposal_is_tried_beside_what_is_in_force() {
    let tenants = town("M-1,lgwan,,dmz,,tcp,443,,,,,,,,,,\n").unwrap();
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "proposed.csv", &format!("{FLOWS}M-1,lgwan,,dmz,,tcp,22,,,,,,,,,,\n"));
    let proposed = tenants.get("town").unwrap().with_flows(&dir.path().join("proposed.csv")).unwrap();
    let proposed = Tenants { list: vec![proposed], ..Tenants::default() };
    let text = "10.20.1.1 > 192.0.2.5 tcp 22 2026-11-20";
    assert_eq!(judge(&tenants, text).0, "violation_zone");
    assert_eq!(judge(&proposed, text).0, "allowed");
    assert!(tenants.get("town").unwrap().with_flows(&dir.path().join("none.csv")).is_err());
}

#[test]
fn parents_children_and_what_screens_show() {
    let dir = tempfile::tempdir().unwrap();
    for (id, parent) in [("ken", ""), ("machi", "parent = \"ken\"\n"), ("mura", "parent = \"ken\"\n")] {
        let toml = format!("name = \"{id}\"\nmodel = \"alpha\"\n{parent}\n[labels]\n\"dept:zeimu\" = \"税務課\"\n");
        write(dir.path(), &format!("{id}/tenant.toml"), &toml);
        write(dir.path(), &format!("{id}/zones.csv"), ZONES);
    }
    let tenants = Tenants::load(dir.path()).unwrap();
    assert_eq!(tenants.ids().collect::<Vec<_>>(), ["ken", "machi", "mura"]);
    assert_eq!(tenants.children("ken").map(Tenant::id).collect::<Vec<_>>(), ["machi", "mura"]);
    let machi = tenants.get("machi").unwrap();
    let labels: Vec<_> = machi.zones().into_iter().map(|zone| zone.label).collect();
    assert_eq!(
        labels,
        [
            "マイナンバー利用事務系",
            "LGWAN接続系",
            "インターネット接続系",
            "公開系（DMZ）",
            "部署ネットワーク（kensetsu）",
            "税務課",
            "外部ネットワーク"
        ]
    );
    assert_eq!(machi.zones()[0].prefixes, ["10.10.0.0/16"]);
    assert_eq!(machi.locate("10.20.1.1".parse().unwrap(), time("2026-11-20")).owner, "総務課");

    write(dir.path(), "ken/tenant.toml", "name = \"k\"\nmodel = \"alpha\"\nparent = \"mura\"\n");
    write(dir.path(), "machi/tenant.toml", "name = \"m\"\nmodel = \"alpha\"\nparent = \"kenn\"\n");
    let problems = Tenants::load(dir.path()).unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[1].message.contains("no tenant is called `kenn`"));
    assert_eq!((problems[1].line, problems[1].column), (3, 10));
}

#[test]
fn tenant_toml_says_what_is_wrong_and_where() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "t/zones.csv", ZONES);
    let load = |toml: &str| {
        write(dir.path(), "t/tenant.toml", toml);
        Tenants::load_one(&dir.path().join("t")).map_err(|problems| {
            let shown = problems.iter().map(|p| format!("{}:{} {}; {}", p.line, p.column, p.message, p.advice));
            shown.collect::<Vec<_>>().join("\n")
        })
    };
    let good = "name = \"見本市\"\nmodel = \"beta_prime\"\nkind = \"市\"\ncalendar = \"24h\"\nseccloud = true\n\
                rules_not_applicable = [\"X01\"]\nrules_on_extra = [\"A24\"]\n[calendars_extra]\n\"消防\" = \"24h\"\n\
                [[contacts]]\nname = \"当番\"\nmail = \"soc@example.lg.jp\"\n";
    let tenants = load(good).unwrap();
    let profile = tenants.get("t").unwrap().profile();
    assert_eq!((profile.name.as_str(), profile.model), ("見本市", Model::BetaPrime));
    assert_eq!(profile.rules_not_applicable, ["X01"]);
    assert_eq!(profile.contacts[0]["mail"], "soc@example.lg.jp");
    assert!(profile.calendars.contains_key("消防"));

    let wrong = load(
        "name = 3\nmodel = \"gamma\"\ncalender = \"24h\"\nrules_on_extra = [\"X1\", 3]\ncalendar = \"office\"\ncontacts = \"x\"\n",
    )
    .unwrap_err();
    for expected in [
        "3:1 no key is named `calender`; write `calendar`",
        "1:8 name: is not a text",
        "2:9 model: `gamma` is not a model; write one of alpha",
        "4:19 rules_on_extra: not a use-case id",
        "4:25 rules_on_extra: not a use-case id",
        "5:12 calendar: `office` is not a calendar",
        "6:12 contacts: is not a list of tables",
    ] {
        assert!(wrong.contains(expected), "{expected} in\n{wrong}");
    }
    assert!(load("name = \"x\n").unwrap_err().starts_with("1:"));
    assert!(load("").unwrap_err().contains("`model` is missing"));
}

#[test]
fn missing_folders_and_files_are_problems() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Tenants::load(dir.path()).unwrap_err().len(), 1);
    assert_eq!(Tenants::load(&dir.path().join("none")).unwrap_err().len(), 1);
    write(dir.path(), "town/notes.txt", "x");
    write(dir.path(), "town/ledgers/acounts.csv", "user\n");
    let problems = Tenants::load(dir.path()).unwrap_err();
    let shown: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 3, "{shown:?}");
    assert!(shown[2].ends_with("is no register that is known; name it accounts.csv"), "{}", shown[2]);
}

#[test]
fn the_examples_in_config_load() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    let load = |example: &str| {
        let loaded = Tenants::load(&config.join(example).join("tenants"));
        loaded.unwrap_or_else(|problems| panic!("{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>()))
    };
    let (town, kumiai, prefecture) = (load("alpha-town"), load("internet-only"), load("prefecture"));
    expect(
        &town,
        "10.10.20.5 > 203.0.113.10 tcp 443 2026-11-20 => allowed_specific TK-0001
         10.10.20.5 > 203.0.113.10 tcp 443 2027-04-01T00:05:00 => violation_expired TK-0001
         10.10.20.5 > 203.0.113.10 tcp 443 2026-11-23 => violation_time TK-0001
         10.10.1.1 > 203.0.113.99 tcp 443 2026-11-20 => violation_zone
         10.20.1.1 > 203.0.113.99 tcp 443 2026-11-20 => sanitiser_bypass
         10.20.200.10 > 10.30.1.1 tcp 443 2026-11-20 => allowed M-07
         10.20.30.1 > 10.20.40.1 tcp 445 2026-11-20 => violation_zone",
    );
    assert_eq!(kumiai.get("kumiai").unwrap().profile().model, Model::InternetOnly);
    assert_eq!(prefecture.children("ken").map(Tenant::id).collect::<Vec<_>>(), ["kumiai", "town"]);
    for tenant in town.iter().chain(kumiai.iter()).chain(prefecture.iter()) {
        assert!(tenant.calendar().holiday(Day::parse("2026-11-23").unwrap()).is_some());
        assert!(tenant.ledgers().all().iter().filter(|ledger| !ledger.rows().is_empty()).count() >= 9);
    }
}

/// Prints nanoseconds per judged event: `cargo test -p detect --lib -- --ignored --nocapture judge_speed`.
#[test]
#[ignore = "a measurement"]
fn judge_speed() {
    let mut rows = String::new();
    for n in 0..500 {
        let host = format!("10.10.{}.{}", n / 250, n % 250 + 1);
        rows += &format!(
            "TK-{n},mynumber,{host},external,203.0.113.{},tcp,443,,,,07:00-22:00,2026-04-01,2027-03-31,,,,\n",
            n % 250
        );
    }
    rows += "M-1,internet,,external,,tcp,80;443,,,,,,,,,,\n";
    let tenants = town(&rows).unwrap();
    let build_and_judge = |judged: bool| {
        let mut arena = Bump::new();
        let noon = time("2026-11-20");
        let started = std::time::Instant::now();
        for n in 0..EVENTS {
            arena.reset();
            let mut event = Event::new_in(&arena);
            event.push(fields::TIMESTAMP, Value::Time(noon.plus_nanos(i64::from(n))));
            for field in fields::FieldId::all_static().skip(20).take(30) {
                event.push(field, Value::Str("x"));
            }
            event.push(fields::SEKISHO_TENANT, Value::Str("town"));
            let source = [10, 10 + (n % 3) as u8 * 10, (n >> 8) as u8 % 4, n as u8];
            event.push(fields::SOURCE_IP, Value::Ip(IpAddr::from(source)));
            event.push(fields::DESTINATION_IP, Value::Ip(IpAddr::from([203, 0, 113, (n % 200) as u8])));
            event.push(fields::DESTINATION_PORT, Value::Int(443));
            event.push(fields::NETWORK_TRANSPORT, Value::Str("tcp"));
            if judged {
                tenants.judge(&mut event, &arena);
            }
            std::hint::black_box(&event);
        }
        started.elapsed().as_nanos() / u128::from(EVENTS)
    };
    const EVENTS: u32 = 1_000_000;
    let (without, with) = (build_and_judge(false), build_and_judge(true));
    eprintln!("judgement of an event of 36 fields by 501 rows: {} ns", with - without);
}
