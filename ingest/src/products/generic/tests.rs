//! Lines of the three formats, and damaged ones.

use bumpalo::Bump;
use stream::Timestamp;

use super::*;
use crate::parser::{Parser, Reason};

fn read(parser: &mut dyn Parser, line: &str) -> (Vec<(String, String)>, Result<(), Reason>) {
    let arena = Bump::new();
    let mut event = Event::new_in(&arena);
    let result = parser.parse(line, &Context::tokyo(Timestamp::from_seconds(1_795_137_330)), &arena, &mut event);
    (event.iter().map(|(field, value)| (field.name().to_owned(), value.text().into_owned())).collect(), result)
}

#[track_caller]
fn check(mut parser: impl Parser, line: &str, expected: &[(&str, &str)]) {
    let (found, result) = read(&mut parser, line);
    assert_eq!(result, Ok(()), "{line}");
    for (name, value) in expected {
        let values: Vec<&str> =
            found.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect();
        assert_eq!(values.join(","), *value, "{name} of {line}");
    }
}

#[test]
fn key_value() {
    check(
        KeyValue::default(),
        "<134>Nov 20 10:20:00 gw01 filter[77]: src=10.20.1.15 spt=50000 dst=198.51.100.20 dpt=x proto=TCP action=Deny \
         user=CITY\\sato msg=\"a \\\"b\\\"\" zone=honcho",
        &[
            (fields::SOURCE_IP.name(), "10.20.1.15"),
            (fields::SOURCE_PORT.name(), "50000"),
            (fields::DESTINATION_PORT.name(), ""),
            ("kv.dpt", "x"),
            (fields::NETWORK_TRANSPORT.name(), "tcp"),
            (fields::EVENT_TYPE.name(), "denied,connection"),
            (fields::USER_NAME.name(), "sato"),
            (fields::MESSAGE.name(), "a \"b\""),
            ("kv.zone", "honcho"),
            (fields::LOG_SYSLOG_HOSTNAME.name(), "gw01"),
            (fields::TIMESTAMP.name(), "2026-11-20T01:20:00Z"),
        ],
    );
    check(
        KeyValue::default(),
        "date=2026-11-20 time=10:20:01 tz=+0000 source.ip=192.0.2.1 sekisho.tenant=other event.outcome=maybe",
        &[
            (fields::TIMESTAMP.name(), "2026-11-20T10:20:01Z"),
            (fields::SOURCE_IP.name(), "192.0.2.1"),
            (fields::SEKISHO_TENANT.name(), ""),
            (fields::EVENT_OUTCOME.name(), ""),
        ],
    );
    check(KeyValue::default(), "a=1|src=2001:db8::1|b=2", &[("kv.a", "1"), (fields::SOURCE_IP.name(), "2001:db8::1")]);
    assert!(read(&mut KeyValue::default(), "no pairs here").1.is_err());
}

#[test]
fn json() {
    check(
        Json::default(),
        r#"{"time":1795137330,"source":{"ip":"x","port":"50"},"event":{"category":["a","b"],"code":7},"my":{"own":[1,2]},"sekisho":{"tenant":"t"},"event.original":"forged"}"#,
        &[
            (fields::TIMESTAMP.name(), "2026-11-20T01:15:30Z"),
            ("json.source.ip", "x"),
            (fields::SOURCE_IP.name(), ""),
            (fields::SOURCE_PORT.name(), "50"),
            (fields::EVENT_CATEGORY.name(), "a,b"),
            (fields::EVENT_CODE.name(), "7"),
            ("my.own", "1,2"),
            (fields::SEKISHO_TENANT.name(), ""),
            (fields::EVENT_ORIGINAL.name(), ""),
        ],
    );
    check(
        Json::default(),
        r#"<14>Nov 20 10:30:03 ap01 app[12]: {"@timestamp":"2026-11-20T00:00:00Z","time":"2020-01-01T00:00:00Z"}"#,
        &[(fields::TIMESTAMP.name(), "2026-11-20T00:00:00Z"), (fields::LOG_SYSLOG_HOSTNAME.name(), "ap01")],
    );
    for line in ["", "x", "{", "{\"a\":", "[1]"] {
        assert!(read(&mut Json::default(), line).1.is_err(), "{line}");
    }
}

#[test]
fn cef() {
    check(
        Cef::default(),
        "<134>Nov 20 10:40:00 gw01 CEF:0|Example|Gate\\|way|1.2|100|Denied|8|rt=1795138800000 src=10.20.1.15 spt=50000 \
         proto=TCP act=blocked suser=CITY\\\\sato cs1Label=Policy Name cs1=honcho to internet msg=a \\= b\\nc cs2=bare",
        &[
            (fields::OBSERVER_PRODUCT.name(), "Gate|way"),
            (fields::TIMESTAMP.name(), "2026-11-20T01:40:00Z"),
            (fields::SOURCE_IP.name(), "10.20.1.15"),
            (fields::USER_NAME.name(), "sato"),
            (fields::EVENT_TYPE.name(), "denied"),
            (fields::EVENT_SEVERITY.name(), "8"),
            ("cef.Policy_Name", "honcho to internet"),
            ("cef.cs2", "bare"),
            (fields::MESSAGE.name(), "a = b\nc"),
            (fields::OBSERVER_NAME.name(), "gw01"),
        ],
    );
    check(
        Cef::default(),
        "CEF:1|E|M|9|m|Mail received|Low|end=2026-11-20T01:40:02Z c6a2=2001:db8::15 c6a2Label=Source in=x ",
        &[
            (fields::TIMESTAMP.name(), "2026-11-20T01:40:02Z"),
            (fields::SOURCE_IP.name(), "2001:db8::15"),
            ("cef.in", "x"),
            (fields::MESSAGE.name(), "Mail received"),
        ],
    );
    for line in ["", "CEF:0|a|b", "CEF:0|a|b|c|d|e\\|f|g"] {
        assert!(read(&mut Cef::default(), line).1.is_err(), "{line}");
    }
}

#[test]
fn hostile_keys_fill_no_memory() {
    let mut parser = KeyValue::default();
    for index in 0..Names::MAX + 100 {
        let _ = read(&mut parser, &format!("generic_test_key_{index}=1"));
    }
    assert!(parser.lookup.known.len() <= Names::MAX);
}

proptest::proptest! {
    #[test]
    fn never_panics(line in "[a-z=|\\\\\"{}\\[\\]:, 0-9.日-]{0,90}|\\PC{0,60}") {
        for parser in [&mut KeyValue::default() as &mut dyn Parser, &mut Json::default(), &mut Cef::default()] {
            let _ = read(parser, &line);
            let _ = read(parser, &format!("CEF:0|a|b|c|d|e|5|{line}"));
            let _ = read(parser, &format!("{{\"a\":{line}}}"));
        }
    }
}
