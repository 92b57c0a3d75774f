//! Lines in the vendor's documented formats, and lines that nobody documented.

use super::*;

type Pairs2 = Vec<(String, String)>;

fn read(line: &str) -> (Pairs2, Result<(), Reason>) {
    let arena = Bump::new();
    let mut event = Event::new_in(&arena);
    let result = FortinetFortigate::default().parse(line, &Context::tokyo(Timestamp::default()), &arena, &mut event);
    (event.iter().map(|(field, value)| (field.name().to_owned(), value.text().into_owned())).collect(), result)
}

#[track_caller]
fn check(line: &str, expected: &[(FieldId, &str)]) {
    let (found, result) = read(line);
    assert_eq!(result, Ok(()), "{line}");
    for (field, value) in expected {
        let values: Vec<&str> =
            found.iter().filter(|(name, _)| name == field.name()).map(|(_, value)| value.as_str()).collect();
        assert_eq!(values.join(","), *value, "{} of {line}", field.name());
    }
}

const BODY: &str = "date=2026-11-20 time=10:00:00 devname=\"fw\" devid=\"FG1\" logid=\"0000000013\" type=\"traffic\" \
                    subtype=\"forward\" level=\"notice\" srcip=10.0.0.1 dstip=192.0.2.1 proto=6 service=\"HTTPS\"";

#[test]
fn permit_and_deny_are_clear() {
    let line = |rest: &str| format!("<189>{BODY} {rest}");
    for (action, kind) in [
        ("action=\"accept\"", "connection,end,allowed"),
        ("action=\"close\" app=\"x\"", "connection,end,protocol,allowed"),
        ("action=\"start\"", "connection,start,allowed"),
        ("action=\"server-rst\"", "connection,end,allowed"),
        ("action=\"timeout\" utmaction=\"block\"", "connection,end,denied"),
        ("action=\"deny\" app=\"x\"", "connection,end,denied"),
        ("status=\"deny\"", "connection,end,denied"),
        ("", "connection"),
    ] {
        check(&line(action), &[(fields::EVENT_TYPE, kind), (fields::EVENT_CATEGORY, "network")]);
    }
}

#[test]
fn times() {
    let at = |header: &str, rest: &str| format!("{header} logid=1 type=event {rest}");
    for (line, time) in [
        (at("date=2026-11-20 time=10:00:00 tz=\"+0900\"", ""), "2026-11-20T01:00:00Z"),
        (at("date=2026-11-20 time=10:00:00 tz=\"-0500\"", ""), "2026-11-20T15:00:00Z"),
        (at("date=2026-11-20 time=10:00:00", ""), "2026-11-20T01:00:00Z"),
        (at("eventtime=1795137330", ""), "2026-11-20T01:15:30Z"),
        (at("eventtime=1795137330123", ""), "2026-11-20T01:15:30.123Z"),
        (at("eventtime=1795137330123456", ""), "2026-11-20T01:15:30.123456Z"),
        (at("eventtime=1795137330123456789", ""), "2026-11-20T01:15:30.123456789Z"),
        (at("<189>1 2026-11-20T01:00:00Z fw - - - -", ""), "2026-11-20T01:00:00Z"),
        (at("date=2026-02-30 time=10:00:00", ""), ""),
    ] {
        check(&line, &[(fields::TIMESTAMP, time)]);
    }
}

#[test]
fn headers() {
    for (header, host, name) in [
        ("", "", "fw"),
        ("<189>", "", "fw"),
        ("<189>Nov 20 10:00:00 relay ", "relay", "fw"),
        ("<189>Nov 20 10:00:00 host1 host2 \"", "host1", "fw"),
        ("<189>1 2026-11-20T01:00:00Z relay - - - - ", "relay", "fw"),
        ("\u{feff}<189>", "", "fw"),
    ] {
        let line = format!("{header}{BODY}");
        check(
            &line,
            &[(fields::LOG_SYSLOG_HOSTNAME, host), (fields::OBSERVER_NAME, name), (fields::SOURCE_IP, "10.0.0.1")],
        );
    }
    check(
        "<189>Nov 20 10:00:00 relay logid=1 type=event",
        &[(fields::OBSERVER_NAME, "relay"), (fields::LOG_SYSLOG_PRIORITY, "189")],
    );
}

#[test]
fn text_of_an_attacker_opens_no_field() {
    let line = format!(
        "{BODY} agent=\"x\\\" srcip=198.51.100.9 action=\\\"accept\" url=\"/a\" srcip=203.0.113.9 action=\"deny\""
    );
    check(
        &line,
        &[
            (fields::SOURCE_IP, "10.0.0.1"),
            (fields::USER_AGENT_ORIGINAL, "x\" srcip=198.51.100.9 action=\"accept"),
            (fields::EVENT_ACTION, "deny"),
        ],
    );
}

#[test]
fn vpn_and_administrators() {
    check(
        "type=\"event\" subtype=\"vpn\" logid=1 action=\"ssl-login-fail\" remip=203.0.113.61 user=\"sato\"",
        &[
            (fields::SOURCE_IP, "203.0.113.61"),
            (fields::EVENT_OUTCOME, "failure"),
            (fields::EVENT_CATEGORY, "network,authentication"),
            (fields::USER_NAME, "sato"),
        ],
    );
    check(
        "type=event subtype=vpn logid=1 action=negotiate remip=203.0.113.40 locip=198.51.100.1 user=\"N/A\" result=ERROR",
        &[
            (fields::SOURCE_IP, "198.51.100.1"),
            (fields::DESTINATION_IP, "203.0.113.40"),
            (fields::EVENT_OUTCOME, "failure"),
            (fields::USER_NAME, ""),
        ],
    );
    check(
        "type=event subtype=system logid=1 action=Add cfgpath=user.local cfgobj=\"b\" user=admin ui=\"GUI(10.0.0.2)\"",
        &[
            (fields::SOURCE_IP, "10.0.0.2"),
            (fields::USER_TARGET_NAME, "b"),
            (fields::EVENT_TYPE, "creation"),
            (fields::SEKISHO_LOGSOURCE_SERVICE, "event"),
        ],
    );
}

#[test]
fn urls() {
    let base = "type=utm subtype=webfilter logid=1 action=blocked service=HTTPS";
    check(
        &format!("{base} hostname=\"h.example\" url=\"/a?b=1\""),
        &[
            (fields::URL_FULL, "https://h.example/a?b=1"),
            (fields::URL_DOMAIN, "h.example"),
            (fields::URL_PATH, "/a"),
            (fields::URL_QUERY, "b=1"),
            (fields::EVENT_TYPE, "denied"),
            (fields::SEKISHO_LOGSOURCE_CATEGORY, "proxy"),
        ],
    );
    check(
        &format!("{base} hostname=\"h.example\" url=\"http://h.example:8080/a.exe\""),
        &[(fields::URL_PORT, "8080"), (fields::URL_DOMAIN, "h.example"), (fields::URL_EXTENSION, "exe")],
    );
}

#[test]
fn old_names_cef_and_json_are_the_same_keys() {
    let expected = [
        (fields::SOURCE_IP, "10.0.0.1"),
        (fields::DESTINATION_PORT, "23"),
        (fields::EVENT_TYPE, "connection,end,denied"),
        (fields::OBSERVER_SERIAL_NUMBER, "FG1"),
    ];
    check("device_id=FG1 log_id=1 type=traffic src=10.0.0.1 dst=192.0.2.1 dst_port=23 status=deny", &expected);
    check(
        "<189>CEF:0|Fortinet|Fortigate|v7.4.1|00013|traffic:forward deny|3|deviceExternalId=FG1 cat=traffic:forward \
         src=10.0.0.1 dst=192.0.2.1 dpt=23 act=deny",
        &expected,
    );
    check(
        r#"{"devid":"FG1","type":"traffic","srcip":"10.0.0.1","dstip":"192.0.2.1","dstport":23,"action":"deny"}"#,
        &expected,
    );
}

#[test]
fn what_is_not_of_a_fortigate_says_so() {
    for line in ["", "<189>", "hello", "a=b c=d", "{\"a\":1}", "{", "<189>CEF:0|Fortinet|Fortigate|x"] {
        assert!(read(line).1.is_err(), "{line}");
    }
}

#[test]
fn more_keys_than_an_event_holds() {
    let mut line = String::from("type=traffic logid=1 action=deny");
    for index in 0..2000 {
        line.push_str(&format!(" k{index}=v"));
    }
    let (found, result) = read(&line);
    assert_eq!(result, Ok(()));
    assert!(found.len() <= Event::FIELDS_MAX);
}

proptest::proptest! {
    #[test]
    fn never_panics(line in "(<1>)?([a-z=\"\\\\ ,0-9.:|{}日\u{0}-]{0,80}|\\PC{0,60})") {
        let _ = read(&line);
        let _ = read(&format!("{BODY} {line}"));
        let _ = read(&format!("<1>Nov 20 10:00:00 {line} {BODY}"));
    }
}
