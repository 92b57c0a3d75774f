//! Tests of the search language.

use bumpalo::Bump;
use stream::{Timestamp, Value};

use super::*;
use crate::Error;

const LINE: &str = "<189>date=2026-11-20 srcip=10.1.2.3 action=\"deny\" msg=\"Access denied by policy 7\" 庁内から外部";

fn hit(query: &str) -> bool {
    let arena = Bump::new();
    let mut event = Event::new_in(&arena);
    event.push(fields::TIMESTAMP, Value::Time(Timestamp::parse_rfc3339("2026-11-20T14:05:09+09:00").unwrap()));
    event.push(fields::EVENT_ORIGINAL, Value::Str(LINE));
    event.push(fields::EVENT_ACTION, Value::Str("Deny"));
    event.push(fields::SOURCE_IP, Value::Ip("10.1.2.3".parse().unwrap()));
    event.push(fields::SOURCE_NAT_IP, Value::Ip("2001:db8::5".parse().unwrap()));
    event.push(fields::DESTINATION_PORT, Value::Int(443));
    event.push(fields::USER_NAME, Value::Str("sato.taro"));
    event.push(fields::TAGS, Value::Str("one"));
    event.push(fields::TAGS, Value::Str("two"));
    event.push(fields::SEKISHO_SOURCE_ZONE, Value::Str("lgwan"));
    event.push(stream::intern("fortigate.policyid").unwrap(), Value::Str("7"));
    Query::parse(query).unwrap().matches(&event)
}

#[test]
fn what_matches() {
    let hits = [
        "",
        "*",
        "denied",
        "DENIED policy",
        "\"denied by policy\"",
        "2026-11-20",
        "10.1.2.3",
        "deny",
        "庁内",
        "外",
        "10.1.*",
        "den?ed",
        "policy~7 OR denied",
        "event.action:deny",
        "event.action:\"DENY\"",
        "event.action:d*",
        "source.ip:10.1.0.0/16",
        "source.ip:10.1.2.3",
        "ip:10.1.2.3",
        "source.ip:[10.1.0.0 TO 10.2.0.0]",
        "source.nat.ip:2001:db8::/32",
        "destination.port:443",
        "destination.port:>=443",
        "destination.port:{442 TO 444}",
        "destination.port:[* TO 443]",
        "user.name:sato*",
        "user.name:*",
        "_exists_:user.name",
        "NOT user.name:suzuki",
        "-user.name:suzuki",
        "tags:one AND tags:two",
        "tags:(two OR three)",
        "ゾーン:LGWAN接続系",
        "送信元ゾーン:lgwan",
        "fortigate.policyid:7",
        "fortigate.policyid:>6",
        "@timestamp:2026-11-20",
        "@timestamp:>=2026-11-20T14:00",
        "@timestamp:[2026-11-20 TO 2026-11-20]",
        "denied -(suzuki OR tanaka)",
        "!suzuki denied",
        "message:* OR event.original:denied",
        "srcip=10.1.2.3",
        "action=*deny*",
        "ＤＥＮＩＥＤ",
        "user.name:>=sato",
        "a OR b OR denied",
        "(denied)",
        "NOT NOT denied",
        "\"<189>date\"",
    ];
    for query in hits {
        assert!(hit(query), "{query}");
    }
    let misses = [
        "allowed",
        "\"denied policy\"",
        "event.action:den",
        "source.ip:10.2.0.0/16",
        "destination.port:>443",
        "destination.port:{443 TO 500]",
        "user.name:sato",
        "NOT denied",
        "-denied",
        "tags:three",
        "tags:(one AND three)",
        "ゾーン:マイナンバー利用事務系",
        "@timestamp:2026-11-21",
        "@timestamp:<2026-11-20",
        "denied AND suzuki",
        "message:denied",
        "fortigate.policyid:>7",
        "suzuki OR tanaka",
        "host.name:*",
        "外部から",
        "policy=9*",
    ];
    for query in misses {
        assert!(!hit(query), "{query}");
    }
}

#[test]
fn errors_name_the_column() {
    let cases = [
        ("a AND", 6, "途中"),
        ("(a", 1, "閉じて"),
        ("a)", 2, "開き括弧"),
        ("()", 2, "条件がありません"),
        ("x \"a", 3, "引用符"),
        ("source.ip:abc", 11, "IPアドレス"),
        ("destination.port:http", 18, "数値"),
        ("usr.name: a", 10, "値がありません"),
        ("sorce:x", 1, "という項目はありません"),
        ("a destination.port:[1 2]", 23, "TO"),
        ("destination.port:[1 TO 2", 18, "閉じて"),
        ("@timestamp:yesterday", 12, "日時"),
        ("OR a", 1, ""),
    ];
    for (query, expected, part) in cases {
        match Query::parse(query) {
            Err(Error::Query { column, message, .. }) => {
                assert_eq!(column, expected, "{query}: {message}");
                assert!(message.contains(part), "{query}: {message}");
            }
            other => assert_eq!(query, "OR a", "{other:?}"),
        }
    }
    assert!(Query::parse(&"(".repeat(40)).is_err());
    assert!(Query::parse(&"a ".repeat(300)).is_err());
    assert!(Query::parse(&"a".repeat(9000)).is_err());
    let Err(Error::Query { suggestion, .. }) = Query::parse("user.nam:x AND sorceip:1") else { panic!() };
    assert!(suggestion.unwrap().contains("引用符"));
}

#[test]
fn text_with_colons_is_text() {
    for query in ["14:05:09", "http://example.jp/a", "00:0c:29:aa:bb:cc", "2001:db8::1", "foo::bar"] {
        assert!(Query::parse(query).is_ok(), "{query}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]
    #[test]
    fn nothing_panics(query in ".{0,60}", structured in r#"[a-z:*?()\[\]{}"\-!>=< ANDORT0-9./\\]{0,40}"#) {
        for text in [query, structured] {
            if let Ok(query) = Query::parse(&text) {
                let arena = Bump::new();
                let mut event = Event::new_in(&arena);
                event.push(fields::EVENT_ORIGINAL, Value::Str("a b 1.2.3.4"));
                query.matches(&event);
            }
        }
    }
}
