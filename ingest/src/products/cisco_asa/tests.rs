//! Headers, tags, and the ends of connections.

use super::*;
use crate::device::test::check;

#[test]
fn headers() {
    let text = "%ASA-6-110002: Failed to locate egress interface for TCP from inside:192.0.2.1/5 to 198.51.100.1/80";
    for (prefix, name) in [
        ("", None),
        ("<166>", None),
        ("<166>Nov 20 2026 10:00:00: ", None),
        ("<166>:Nov 20 10:00:00 UTC: ", None),
        ("Nov 20 2026 10:00:00 fw01 : ", Some("fw01")),
        ("<166>Nov 20 10:00:00 fw01 ", Some("fw01")),
        ("Nov 20 10:00:00 fw01: ", Some("fw01")),
        ("<166>2026-11-20T10:00:00Z fw01 : ", Some("fw01")),
        ("<166>1 2026-11-20T10:00:00Z fw01 - - - - ", Some("fw01")),
        ("Nov 20 10:00:00 fw01 CiscoASA[999]: ", Some("fw01")),
    ] {
        let observer = name.map(|name| format!("observer.name={name}"));
        let mut expected = vec!["event.code=110002", "source.ip=192.0.2.1", "source.port=5", "destination.port=80"];
        expected.extend(observer.as_deref());
        if prefix.len() > 5 {
            expected.push("@timestamp=2026-11-20T10:00:00Z");
        }
        expected.push("*");
        check::<CiscoAsa>(&format!("{prefix}{text}"), &expected);
    }
}

#[test]
fn tags() {
    let read = |line| tag(line).map(|tag| (tag.product, tag.level, tag.number));
    assert_eq!(read("%ASA-session-6-302013: x"), Some(("ASA", 6, "302013")));
    assert_eq!(read("100% %FWSM--4-106023: x"), Some(("FWSM", 4, "106023")));
    assert_eq!(read("%ASA-9-1: x"), None);
    assert_eq!(read("%SYS-5-CONFIG_I: x"), None);
}

#[test]
fn ends() {
    let deny =
        |source: &str| format!("%ASA-4-106023: Deny tcp src {source} dst out:198.51.100.1/80 by access-group \"a\"");
    for (end, fields) in [
        ("in:192.0.2.1/5", &["observer.ingress.interface.name=in", "source.ip=192.0.2.1", "source.port=5"][..]),
        ("in:2001:db8::1/5", &["observer.ingress.interface.name=in", "source.ip=2001:db8::1"]),
        ("in:192.0.2.1/5(LOCAL\\town\\sato)", &["source.user.name=sato", "source.user.domain=town"]),
        (
            "in:192.0.2.1/5 (203.0.113.1/6) (sato@example.jp, 12)",
            &[
                "source.nat.ip=203.0.113.1",
                "source.nat.port=6",
                "source.user.name=sato",
                "source.user.domain=example.jp",
            ],
        ),
        ("in:host1/5", &["source.domain=host1", "source.port=5"]),
        ("in/192.0.2.1(5)", &["observer.ingress.interface.name=in", "source.ip=192.0.2.1", "source.port=5"]),
        ("in/2001:db8::1(5)", &["source.ip=2001:db8::1", "source.port=5"]),
    ] {
        let mut expected =
            vec!["destination.ip=198.51.100.1", "event.type=connection", "event.type=denied", "rule.name=a"];
        expected.extend(fields);
        expected.push("*");
        check::<CiscoAsa>(&deny(end), &expected);
    }
}

#[test]
fn the_client_is_the_source() {
    for (direction, source, destination) in
        [("inbound", "203.0.113.1", "192.0.2.80"), ("outbound", "192.0.2.80", "203.0.113.1")]
    {
        let line = format!(
            "%ASA-6-302013: Built {direction} TCP connection 7 for outside:203.0.113.1/5 (203.0.113.1/5) to \
             inside:192.0.2.80/6 (192.0.2.80/6)"
        );
        let (source, destination) = (format!("source.ip={source}"), format!("destination.ip={destination}"));
        check::<CiscoAsa>(&line, &[&source, &destination, "event.type=start", "*"]);
    }
}
