//! Tests of the header forms.

use super::*;

fn context() -> Context {
    Context::tokyo(Timestamp::parse_rfc3339("2026-11-20T12:00:00+09:00").unwrap())
}

/// Host, program, process and message of a line.
fn read(line: &str) -> (&str, &str, &str, &str) {
    let header = parse(line, &context());
    (header.hostname.unwrap_or(""), header.appname.unwrap_or(""), header.procid.unwrap_or(""), header.message)
}

#[test]
fn rfc3164_and_its_relatives() {
    for (line, expected) in [
        ("<34>Oct 11 22:14:15 host su: 'su root' failed", ("host", "su", "", "'su root' failed")),
        ("<38>Nov 20 10:00:00 host sshd[123]: Failed", ("host", "sshd", "123", "Failed")),
        ("Nov 20 10:00:00 host sshd[123]:Failed", ("host", "sshd", "123", "Failed")),
        ("Nov 20 10:00:00 sshd[123]: Failed", ("", "sshd", "123", "Failed")),
        ("Nov 20 10:00:00 2001:db8::1 sudo:   sato : TTY=x", ("2001:db8::1", "sudo", "", "sato : TTY=x")),
        ("2026-11-20T10:00:00.123456+09:00 host CRON[9]: x", ("host", "CRON", "9", "x")),
        ("<190>Nov 20 10:00:00 host message repeated 2 times", ("host", "", "", "message repeated 2 times")),
        ("<189>date=2026-11-20 time=10:00:00", ("", "", "", "date=2026-11-20 time=10:00:00")),
        ("<189>Nov 20 10:00:00 date=2026-11-20", ("", "", "", "date=2026-11-20")),
        ("<189>Nov 20 10:00:00 fw01 date=2026-11-20", ("fw01", "", "", "date=2026-11-20")),
        ("<190>[INSPECT] LAN2 x", ("", "", "", "[INSPECT] LAN2 x")),
        ("<190>LAN2: Rejected at IN", ("", "", "", "LAN2: Rejected at IN")),
        ("<13>sshd[12]: x", ("", "sshd", "12", "x")),
        ("<189>44: *Nov 20 10:00:00.123 JST: %SYS-5-X: y", ("", "", "", "%SYS-5-X: y")),
        ("Nov 20 10:00:00 ホスト su(pam_unix)[77]: x", ("ホスト", "su(pam_unix)", "77", "x")),
        ("Nov 20 10:00:00 host", ("host", "", "", "")),
        ("Nov 20 10:00:00", ("", "", "", "")),
        ("", ("", "", "", "")),
        ("<999>x", ("", "", "", "<999>x")),
        ("<>x", ("", "", "", "<>x")),
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
    let header = parse("<34>Oct 11 22:14:15 host su: x", &context());
    assert_eq!((header.priority, header.timestamp.unwrap().to_string().as_str()), (Some(34), "2026-10-11T13:14:15Z"));
}

#[test]
fn rfc5424_whole() {
    let line = "<165>1 2026-11-20T10:00:00.003Z host app 8710 ID47 [a@1 k=\"v\\\"\\]\" l=\"\"][b] \u{feff}text";
    let header = parse(line, &context());
    assert_eq!(read(line), ("host", "app", "8710", "text"));
    assert_eq!((header.version, header.msgid), (Some("1"), Some("ID47")));
    let arena = Bump::new();
    let mut found = Vec::new();
    params(header.structured_data.unwrap(), &arena, |id, name, value| found.push((id, name, value)));
    assert_eq!(found, [("a@1", "k", "v\"]"), ("a@1", "l", "")]);

    assert_eq!(read("<165>1 - - - - - -"), ("", "", "", ""));
    assert_eq!(read("<165>1 - h a - - - text - more"), ("h", "a", "", "text - more"));
    assert_eq!(read("<165>1 - h a - - -text"), ("h", "a", "", "-text"));
    assert_eq!(read("<165>1 - h a - - [open text"), ("h", "a", "", "[open text"));
}

#[test]
fn applied_to_an_event() {
    let arena = Bump::new();
    let mut event = Event::new_in(&arena);
    parse("<189>Nov 20 10:00:00 host sshd[12]: x", &context()).apply(&mut event);
    assert_eq!(event.get_int(fields::LOG_SYSLOG_PRIORITY), Some(189));
    assert_eq!(event.get_int(fields::LOG_SYSLOG_FACILITY_CODE), Some(23));
    assert_eq!(event.get_int(fields::LOG_SYSLOG_SEVERITY_CODE), Some(5));
    assert_eq!(event.get_str(fields::LOG_SYSLOG_FACILITY_NAME), Some("local7"));
    assert_eq!(event.get_str(fields::LOG_SYSLOG_SEVERITY_NAME), Some("Notice"));
    assert_eq!(event.get_str(fields::HOST_HOSTNAME), Some("host"));
    assert_eq!(event.get_str(fields::PROCESS_NAME), Some("sshd"));
    assert_eq!(event.get_int(fields::PROCESS_PID), Some(12));
    assert_eq!(event.time().to_string(), "2026-11-20T01:00:00Z");
}

proptest::proptest! {
    #[test]
    fn never_panics_and_never_loses_the_message(text in "\\PC{0,60}|(<[0-9]{0,4}>)?(1 )?[-A-Za-z0-9\\[\\]\":= \\\\]{0,60}") {
        let header = parse(&text, &context());
        proptest::prop_assert!(text.ends_with(header.message));
        let arena = Bump::new();
        params(&text, &arena, |_, _, _| {});
    }
}
