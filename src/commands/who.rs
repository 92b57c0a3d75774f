//! `sekisho who`: the terminal and the person that held an address at an instant, by what DHCP servers, RADIUS servers and
//! sign-ins logged. See `store::Binding` for how long each is believed.

use std::io::Write;

use anyhow::Result;
use stream::Timestamp;

use crate::cli::Who;
use crate::commands::accounting::open_events;
use crate::commands::search::{escaped, instant, note_holder};
use crate::commands::{DONE, FAILED, output};

/// Prints one line for each lease, session and sign-in; exit 1 when nothing says who it was.
pub fn run(args: &Who) -> Result<u8> {
    let (data, store) = open_events(&args.place)?;
    note_holder(&data);
    let searcher = store.searcher();
    let now = Timestamp::from(jiff::Timestamp::now());
    let at = args.at.as_deref().map_or(Ok(now), |text| instant(text, now))?;
    let bindings = searcher.bindings(&args.tenant, args.address, at)?;
    let mut out = output(None)?;
    for binding in &bindings {
        writeln!(out, "{}", escaped(&binding.to_json().to_string()))?;
    }
    out.flush()?;
    if bindings.is_empty() {
        eprintln!("no DHCP, RADIUS or sign-in record says who held {} at {at}", args.address);
        return Ok(FAILED);
    }
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;
    use ingest::{Decoder, SourceConfig};
    use store::{Store, StoreConfig};
    use stream::{EventId, RecordKind, RecordRef};

    use super::*;

    /// Whom the lines of these products name for an address at 10:30 in Japan, as `kind host user mac`.
    fn held(lines: &[(&str, &str)], address: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig { dir: dir.path().into(), ..StoreConfig::default() }).unwrap();
        let mut indexer = store.indexer();
        let arena = Bump::new();
        for (offset, (product, line)) in lines.iter().enumerate() {
            let source = SourceConfig::of_product(product, "Asia/Tokyo", "auto").unwrap();
            let record = RecordRef {
                offset: offset as u64,
                kind: RecordKind::Data,
                tenant: "town",
                source: product,
                peer: None,
                received: Timestamp::parse_rfc3339("2026-11-20T10:00:20+09:00").unwrap(),
                raw: line.as_bytes(),
            };
            let event = Decoder::single(source).unwrap().decode(&record, &arena);
            indexer.add(EventId::new(0, offset as u64), &event);
        }
        indexer.publish(0, lines.len() as u64);
        let at = Timestamp::parse_rfc3339("2026-11-20T10:30:00+09:00").unwrap();
        let found = store.searcher().bindings("town", address.parse().unwrap(), at).unwrap();
        found.iter().map(|b| format!("{} {} {} {}", b.kind.as_str(), b.host, b.user, b.mac).trim_end().into()).collect()
    }

    #[test]
    fn the_logs_of_dhcp_servers_name_terminals() {
        for (product, line, host) in [
            (
                "dhcpd",
                "Nov 20 10:00:03 gw01 dhcpd[50]: DHCPACK on 192.0.2.100 to 00:00:5e:00:53:01 (pc-001) via eth0",
                "pc-001",
            ),
            (
                "dhcpd",
                "2026-11-20 10:00:12.123 INFO  [kea-dhcp4.leases/12.3] DHCP4_LEASE_ALLOC [hwtype=1 00:00:5e:00:53:01], cid=[no info], tid=0x1: lease 192.0.2.100 has been allocated for 3600 seconds",
                "",
            ),
            (
                "windows_dhcp",
                "10,11/20/26,10:00:00,割り当て,192.0.2.100,PC-001.example.jp,00005E005301,,1234567,0",
                "PC-001.example.jp",
            ),
            (
                "fortinet_fortigate",
                "<190>date=2026-11-20 time=10:00:16 devname=\"FW\" devid=\"FG1\" tz=\"+0900\" logid=\"0100026001\" type=\"event\" subtype=\"system\" level=\"information\" vd=\"root\" logdesc=\"DHCP Ack log\" interface=\"internal\" dhcp_msg=\"Ack\" mac=\"00:00:5E:00:53:01\" ip=192.0.2.100 lease=86400 hostname=\"PC-0177\" msg=\"DHCP server sends a DHCPACK\"",
                "PC-0177",
            ),
            ("yamaha_rtx", "<134>[DHCPD] LAN1(port2) Allocates 192.0.2.100: 00:00:5e:00:53:01", ""),
            ("nec_ix", "<157> DHCP.009: assigned 192.0.2.100 to 00:00:5e:00:53:01, GigaEthernet2.0", ""),
            (
                "allied_telesis",
                "<30>Nov 20 10:00:01 awplus dhcpd: DHCPACK on 192.0.2.100 to 00:00:5e:00:53:01 via vlan1",
                "",
            ),
            (
                "watchguard",
                "<142>Nov 20 10:00:00 FB01 801001AAAAAA1 dhcpd[1236]: msg_id=\"1600-0065\" DHCPACK on 192.0.2.100 to 00:00:5e:00:53:01 via eth1",
                "",
            ),
        ] {
            assert_eq!(held(&[(product, line)], "192.0.2.100"), [format!("lease {host}  00-00-5E-00-53-01")], "{line}");
        }
        let granted = "Nov 20 10:00:03 gw01 dhcpd[50]: DHCPACK on 192.0.2.100 to 00:00:5e:00:53:01 (pc-001) via eth0";
        let released = "Nov 20 10:00:09 gw01 dhcpd[50]: DHCPRELEASE of 192.0.2.100 from 00:00:5e:00:53:01 (pc-001) via eth0 (found)";
        assert!(held(&[("dhcpd", granted), ("dhcpd", released)], "192.0.2.100").is_empty());
    }

    #[test]
    fn the_logs_of_directories_and_radius_servers_name_people() {
        let leased = "Nov 20 10:00:03 gw01 dhcpd[50]: DHCPACK on 192.0.2.100 to 00:00:5e:00:53:01 (pc-001) via eth0";
        let port =
            "Fri Nov 20 10:00:00 2026 : Auth: (12) Login OK: [sato] (from client sw01 port 5 cli 00-00-5E-00-53-01)";
        let accounted = "Acct-Status-Type = Start User-Name = \"kato\" Framed-IP-Address = 192.0.2.101 Acct-Session-Id = \"5A\" Timestamp = 1795136400";
        let logon = |user: &str, ip: &str| {
            format!(
                r#"{{"@timestamp":"2026-11-20T01:00:04.000Z","winlog":{{"event_id":4624,"channel":"Security","provider_name":"Microsoft-Windows-Security-Auditing","computer_name":"dc01.example.jp","event_data":{{"SubjectUserName":"-","TargetUserName":"{user}","TargetDomainName":"EXAMPLE","LogonType":"3","IpAddress":"{ip}","IpPort":"50000"}},"keywords":["Audit Success"]}},"event":{{"code":"4624"}},"host":{{"name":"dc01.example.jp"}}}}"#
            )
        };
        let (person, machine) = (logon("suzuki", "192.0.2.100"), logon("PC-001$", "192.0.2.100"));
        let lines = [
            ("freeradius", port),
            ("dhcpd", leased),
            ("windows_security", &person),
            ("windows_security", &machine),
            ("freeradius", accounted),
        ];
        let mut found = held(&lines, "192.0.2.100");
        found.sort();
        assert_eq!(
            found,
            ["lease pc-001  00-00-5E-00-53-01", "session  sato 00-00-5E-00-53-01", "sign_in  suzuki", "sign_in PC-001",]
        );
        assert_eq!(held(&lines, "192.0.2.101"), ["session  kato"]);
    }
}
