//! Lookups at a moment, and every kind of bad cell.

use std::fs;

use super::*;

fn load(files: &[(&str, &str)]) -> (Ledgers, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let mut problems = Problems::default();
    let ledgers = Ledgers::load(dir.path(), &mut problems);
    let shown = problems.into_vec().into_iter().map(|problem| {
        let file = problem.file.file_name().unwrap().to_string_lossy().into_owned();
        format!("{file}:{}:{}: {}; {}", problem.line, problem.column, problem.message, problem.advice)
    });
    (ledgers, shown.collect())
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("{text}+09:00")).unwrap()
}

#[test]
fn accounts_and_terminals_as_they_were() {
    let (ledgers, problems) = load(&[
        (
            "accounts.csv",
            "user,dept,kind,privileged,shared,home_terminal,status,valid_from,valid_until,last_logon,職員番号\r\n\
             Sato,税務課,職員,はい,×,LG001,有効,R8.4.1,R9.3.31,2026/11/1,00123\r\n\
             sato,住民課,職員,no,no,LG002,有効,2027-04-01,,2026-11-20 09:00,00123\r\n",
        ),
        (
            "terminals.csv",
            "host,ip,mac,dept,zone,use,valid_from,valid_until\nPC1,10.1.1.1;10.1.1.2,02:00:5e:00:00:01,税務課,lgwan,個人,,2026-12-31\n\
             NAT1,10.1.1.0/24,,情報課,lgwan,ＮＡＴ,,\n",
        ),
    ]);
    assert_eq!(problems, [""; 0]);
    let (march, april) = (at("2027-03-31T23:59:59"), at("2027-04-01T00:00:00"));
    let accounts = ledgers.get("accounts").unwrap();
    let dept = |user: &str, time| ledgers.account(user, time).map(|row| accounts.cell(row, "dept"));
    assert_eq!(dept("SATO", march), Some("税務課"));
    assert_eq!(dept("TOWN\\sato", april), Some("住民課"));
    assert_eq!(dept("sato@town.example", april), Some("住民課"));
    assert_eq!(dept("sato", at("2026-03-31T12:00:00")), None);
    assert_eq!(dept("suzuki", march), None);
    assert_eq!(accounts.find("職員番号", "００１２３", march).count(), 1, "an extra column, read row by row");
    let terminals = ledgers.get("terminals").unwrap();
    let host = |ip: &str, time: &str| {
        ledgers.terminal_by_ip(ip.parse().unwrap(), at(time)).map(|row| terminals.cell(row, "host").to_owned())
    };
    assert_eq!(host("10.1.1.2", "2026-12-31T23:59:59").as_deref(), Some("PC1"));
    assert_eq!(host("10.1.1.2", "2027-01-01T00:00:00").as_deref(), Some("NAT1"));
    assert_eq!(host("10.2.1.2", "2026-12-31T23:59:59"), None);
    let mac = Mac::parse("0200.5E00.0001").unwrap();
    assert_eq!(mac.to_string(), "02-00-5E-00-00-01");
    assert!(ledgers.terminal_by_mac(mac, at("2026-12-31T12:00:00")).is_some());
    assert_eq!(terminals.find("mac", "02-00-5e-00-00-01", at("2026-12-31T12:00:00")).count(), 1);
    assert_eq!(terminals.find("ip", "10.1.1.2", at("2026-12-31T12:00:00")).count(), 1);
    assert!(Mac::parse("02:00:5e:00:00").is_none() && Mac::parse("02:00:5e:00:00:01:02").is_none());
}

#[test]
fn sanitisers_clouds_orders_modes_holidays() {
    let (ledgers, problems) = load(&[
        ("sanitisers.csv", "name,ip,method,valid_from,valid_until\nS1,10.20.200.10;2001:db8::/64,file,,R9.3.31\n"),
        ("approved_clouds.csv", "service,domain,owner,valid_from,valid_until\n収納,*.Pay.example.jp,税務課,,\n"),
        (
            "work_orders.csv",
            "id,account,target,start,end,purpose\nW-1,vendor01,srv1,2026-11-20 22:00,2026-11-21,更新\nW-2,vendor02,,,,常時\n",
        ),
        ("modes.csv", "mode,start,end,reason\n異動期,2027-03-25,2027-04-14,\n災害,2026-11-20 10:00,,大雨\n"),
        ("holidays.csv", "date,name\n令和8年11月23日,勤労感謝の日\n"),
        ("contractors.csv", "account,company,contract_no,source\nvendor01,見本システム,令和8-1,198.51.100.0/28\n"),
        ("removable_media.csv", "serial,user,terminal\nUSB-0001,sato,LG001\n"),
    ]);
    assert_eq!(problems, [""; 0]);
    let now = at("2026-11-20T23:00:00");
    let sanitiser = |ip: &str, time| ledgers.is_sanitiser(ip.parse().unwrap(), time);
    assert!(sanitiser("10.20.200.10", now) && sanitiser("2001:db8::5", now));
    assert!(!sanitiser("10.20.200.11", now) && !sanitiser("10.20.200.10", at("2027-04-01T00:05:00")));
    assert!(ledgers.approved_cloud("a.b.pay.EXAMPLE.jp.", now).is_some());
    assert!(ledgers.approved_cloud("evilpay.example.jp", now).is_none());
    let orders = ledgers.get("work_orders").unwrap();
    assert_eq!(orders.find("account", "vendor01", now).count(), 1);
    assert_eq!(orders.find("account", "vendor01", at("2026-11-20T21:59:59")).count(), 0);
    assert_eq!(orders.find("account", "vendor01", at("2026-11-21T23:59:59")).count(), 1);
    assert_eq!(orders.find("account", "vendor01", at("2026-11-22T00:00:00")).count(), 0);
    assert_eq!(orders.find("account", "vendor02", now).count(), 1);
    assert_eq!(ledgers.modes(at("2027-04-14T23:59:59")).collect::<Vec<_>>(), ["異動期", "災害"]);
    assert_eq!(ledgers.modes(at("2026-11-20T09:59:59")).count(), 0);
    assert_eq!(ledgers.holidays().count(), 1);
}

#[test]
fn indicators() {
    let hash = "d41d8cd98f00b204e9800998ecf8427e";
    let text = format!(
        "type,value,category,confidence,valid_from,valid_until,source\nip,203.0.113.66,c2,high,,,a\ncidr,198.51.100.0/24,scan,low,,2026-12-31,a\n\
         domain,bad[.]example,c2,high,,,b\nurl,hxxp://Bad.example/Path,phish,high,,,b\nhash,{},malware,high,,,c\n",
        hash.to_uppercase()
    );
    let (ledgers, problems) = load(&[("ioc.csv", &text)]);
    assert_eq!(problems, [""; 0]);
    let (ioc, now) = (ledgers.indicators(), at("2026-11-20T12:00:00"));
    assert_eq!(ioc.len(), 5);
    assert_eq!(ioc.ip("203.0.113.66".parse().unwrap(), now).map(|row| row.line), Some(2));
    assert!(ioc.ip("198.51.100.9".parse().unwrap(), now).is_some());
    assert!(ioc.ip("198.51.100.9".parse().unwrap(), at("2027-01-01T00:00:00")).is_none());
    assert!(ioc.domain("www.BAD.example.", now).is_some() && ioc.domain("notbad.example", now).is_none());
    assert!(ioc.url("http://bad.EXAMPLE/Path", now).is_some() && ioc.url("http://bad.example/path", now).is_none());
    assert!(ioc.hash(hash, now).is_some() && ioc.hash("00", now).is_none());
}

#[test]
fn every_kind_of_bad_cell() {
    let (ledgers, problems) = load(&[
        (
            "accounts.csv",
            "user,privileged,valid_until,last_logon\n,yes,,\na,maybe,2027-02-30,often\nb,yes,2027-03-31,2026-11-20 09:00\n",
        ),
        ("terminals.csv", "host,ip,mac,use\nP,10.1,02:00,私物\n"),
        ("sanitisers.csv", "name,ip,method\nS,,file\nS,10.1.1.1,magic\n"),
        ("approved_clouds.csv", "service,domain\nX,https://example.jp\n"),
        ("work_orders.csv", "id,start,end\nW,2026-11-21,2026-11-20\n"),
        ("ioc.csv", "type,value\nip,host\nfile,x\nhash,xyz\nurl,bad.example\ndomain,10.0.0.1\n"),
        ("holidays.csv", "date,name\n11/23,祝日\n"),
        ("modes.csv", "mode,start\n平時,2026-11-20\n災害,\n"),
    ]);
    let expected = [
        "accounts.csv:2:1: user: is empty; fill it, or delete the row",
        "accounts.csv:3:3: privileged: `maybe` is neither yes nor no; write yes or no",
        "accounts.csv:3:20: last_logon: `often` is not a date",
        "accounts.csv:3:9: valid_until: `2027-02-30` is not a day of the calendar; write 2027-03-31",
        "terminals.csv:2:3: ip: `10.1` is not an address; write an address",
        "terminals.csv:2:8: mac: `02:00` is not a MAC address; write it like",
        "terminals.csv:2:14: use: `私物` is not known here; write one of 個人, 共用",
        "sanitisers.csv:2:3: ip: is empty",
        "sanitisers.csv:3:12: method: `magic` is not known here; write one of file, mail",
        "work_orders.csv:2:14: end: `2026-11-20` is not after `2026-11-21`; write an end",
        "approved_clouds.csv:2:3: domain: `https://example.jp` is not a domain; write it like example.jp",
        "ioc.csv:2:4: value: `host` is not an address",
        "ioc.csv:3:1: type: `file` is not known here; write one of ip, cidr, domain, url, hash",
        "ioc.csv:4:6: value: `xyz` is not a hash",
        "ioc.csv:5:5: value: `bad.example` is not a URL",
        "ioc.csv:6:8: value: `10.0.0.1` is not a domain",
        "holidays.csv:2:1: date: `11/23` is not a date",
        "modes.csv:2:1: mode: `平時` is not known here; write one of 異動期, 災害",
        "modes.csv:3:4: start: is empty",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}\nexpected {expected}");
    }
    assert_eq!(ledgers.get("accounts").unwrap().rows().len(), 1, "the good row is there");
}
