//! What the cells of one line mean together.

use super::*;
use crate::device::test::check;

const SESSION: &str = "10.1.2.3,198.51.100.20,192.0.2.10,0.0.0.0,r,town\\sato,,app,vsys1,in,out,e1,e2,log,\
                       2026/11/20 10:00:00,1,1,50123,80,0,0,0x0,tcp";

#[test]
fn headers() {
    let body = "1,2026/11/20 10:00:00,0153,SYSTEM,general,0,2026/11/20 10:00:01,,x,,0,0,general,high,text";
    for (header, host) in [
        ("", None),
        ("<14>", None),
        ("<14>Nov 20 10:00:00 fw01 ", Some("observer.name=fw01")),
        ("Nov 20 10:00:00 ", None),
        ("<14>1 2026-11-20T10:00:00Z fw01 - - - - ", Some("observer.name=fw01")),
    ] {
        let mut expected = vec!["@timestamp=2026-11-20T10:00:01Z", "event.severity=2", "message=text"];
        expected.extend(host);
        expected.push("*");
        check::<Panw>(&format!("{header}{body}"), &expected);
    }
}

#[test]
fn verdicts() {
    for (action, fields) in [
        ("allow", ["event.type=allowed", "event.outcome=success"]),
        ("deny", ["event.type=denied", "event.outcome=failure"]),
        ("reset-both", ["event.type=denied", "event.outcome=failure"]),
        ("block-url", ["event.type=denied", "event.outcome=failure"]),
    ] {
        let line = format!("1,,1,TRAFFIC,end,1,2026/11/20 10:00:00,{SESSION},{action},9,5,4,2,2026/11/20 09:59:00,60");
        let mut expected = vec!["event.start=2026-11-20T09:59:00Z", "event.end=2026-11-20T10:00:00Z"];
        expected.extend(fields);
        expected.push("*");
        check::<Panw>(&line, &expected);
    }
}

#[test]
fn the_zone_of_the_exact_time_counts_when_it_shows_the_same_time() {
    let line = |exact: &str| {
        format!("1,,1,SYSTEM,general,0,2026/11/20 10:00:01,,x,,0,0,general,high,text,1,0x0,0,0,0,0,,fw,0,0,{exact}")
    };
    check::<Panw>(&line("2026-11-20T10:00:01.5+09:00"), &["@timestamp=2026-11-20T01:00:01.5Z", "*"]);
    check::<Panw>(&line("1970-01-01T09:00:00.000+09:00"), &["@timestamp=2026-11-20T10:00:01Z", "*"]);
}

#[test]
fn not_panos() {
    check::<Panw>("no cells", &["error=no comma: not a PAN-OS log"]);
    check::<Panw>("1,2,3,OTHER", &["error=the fourth cell is not a PAN-OS log type"]);
}
