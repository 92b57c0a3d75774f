//! Requests put together by hand, field by field.

use super::*;
use crate::listen::http::otlp::wire::{put_bytes, put_varint};

const MAX: usize = 1 << 20;

fn message(fields: &[(u32, &[u8])]) -> Vec<u8> {
    let mut message = Vec::new();
    fields.iter().for_each(|(number, bytes)| put_bytes(*number, bytes, &mut message));
    message
}

fn fixed(number: u32, value: u64, message: &mut Vec<u8>) {
    message.push((number << 3 | 1) as u8);
    message.extend(value.to_le_bytes());
}

fn text_value(text: &str) -> Vec<u8> {
    message(&[(1, text.as_bytes())])
}

fn attribute(key: &str, value: &[u8]) -> Vec<u8> {
    message(&[(1, key.as_bytes()), (2, value)])
}

fn request(record: &[u8]) -> Bytes {
    let resource = message(&[(1, &attribute("service.name", &text_value("web")))]);
    let scope_logs = message(&[(1, &message(&[(1, b"lib"), (2, b"1.0")])), (2, record), (3, b"https://example.jp/s")]);
    message(&[(1, &message(&[(1, &resource), (2, &scope_logs)]))]).into()
}

#[test]
fn protobuf_becomes_json() {
    let mut integer = Vec::new();
    put_varint(3, -5_i64 as u64, &mut integer);
    let mut double = Vec::new();
    fixed(4, 1.5_f64.to_bits(), &mut double);
    let mut flag = Vec::new();
    put_varint(2, 1, &mut flag);
    let array = message(&[(5, &message(&[(1, &flag), (1, &double), (1, &[])]))]);
    let list = message(&[(6, &message(&[(1, &attribute("k", &integer))]))]);
    let mut record = Vec::new();
    fixed(1, 1_795_000_000_000_000_000, &mut record);
    put_varint(2, 9, &mut record);
    for (number, bytes) in [
        (3, b"INFO".to_vec()),
        (5, text_value("日本\n\u{fffd}")),
        (6, attribute("a", &array)),
        (6, attribute("b", &list)),
        (6, attribute("c", &message(&[(7, &[0, 255])]))),
        (9, vec![0xab; 16]),
        (99, b"unknown".to_vec()),
    ] {
        put_bytes(number, &bytes, &mut record);
    }
    let export = Export::read(&request(&record), Form::Protobuf, MAX).unwrap();
    assert_eq!((export.records.len(), export.refused), (1, 0));
    let found: serde_json::Value = serde_json::from_slice(&export.records[0]).unwrap();
    let expected = serde_json::json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "web"}}]},
        "scopeLogs": [{
            "scope": {"name": "lib", "version": "1.0"},
            "schemaUrl": "https://example.jp/s",
            "logRecords": [{
                "timeUnixNano": "1795000000000000000",
                "severityNumber": 9,
                "severityText": "INFO",
                "body": {"stringValue": "日本\n\u{fffd}"},
                "attributes": [
                    {"key": "a", "value": {"arrayValue": {"values": [{"boolValue": true}, {"doubleValue": 1.5}, {}]}}},
                    {"key": "b", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "-5"}}]}}},
                    {"key": "c", "value": {"bytesValue": "AP8="}},
                ],
                "traceId": "ab".repeat(16),
            }],
        }],
    }]});
    assert_eq!(found, expected);
}

#[test]
fn json_is_cut_and_not_rewritten() {
    let body = br#" {"resourceLogs":[{"resource":{"x": 1},"scopeLogs":[{"logRecords":[{"body" : {"stringValue":"]}"}},{"n":2},7]},{"scope":{"name":"s"},"logRecords":[{}]}]},{"scopeLogs":[]}]} "#;
    let export = Export::read(&Bytes::from_static(body), Form::Json, MAX).unwrap();
    let found: Vec<_> = export.records.iter().map(|raw| std::str::from_utf8(raw).unwrap()).collect();
    let expected = [
        r#"{"resourceLogs":[{"resource":{"x": 1},"scopeLogs":[{"logRecords":[{"body" : {"stringValue":"]}"}}]}]}]}"#,
        r#"{"resourceLogs":[{"resource":{"x": 1},"scopeLogs":[{"logRecords":[{"n":2}]}]}]}"#,
        r#"{"resourceLogs":[{"resource":{"x": 1},"scopeLogs":[{"scope":{"name":"s"},"logRecords":[{}]}]}]}"#,
    ];
    assert_eq!(found, expected);
    assert_eq!((export.refused, export.reason), (1, "a log record is no object"));
    assert_eq!(Fields::of(&export.response()).count(), 1);
}

#[test]
fn what_is_broken_or_too_large_is_refused() {
    for body in [&b"\x0a\x05\x01"[..], b"\xff", b"{}"] {
        let problem = Export::read(&Bytes::copy_from_slice(body), Form::Protobuf, MAX).unwrap_err();
        assert_eq!(problem.status, StatusCode::BAD_REQUEST);
    }
    assert!(Export::read(&Bytes::from_static(b"{\"resourceLogs\":["), Form::Json, MAX).is_err());
    // One record that is broken inside, one with values in values in values: the request is taken without them.
    let mut deep = text_value("x");
    for _ in 0..DEPTH_MAX {
        deep = message(&[(5, &message(&[(1, &deep)]))]);
    }
    for record in [b"\x2a\x05\x01".to_vec(), message(&[(5, &deep)])] {
        let export = Export::read(&request(&record), Form::Protobuf, MAX).unwrap();
        assert_eq!((export.records.len(), export.refused), (0, 1));
    }
    let long = message(&[(5, &text_value(&"x".repeat(RECORD_BYTES_MAX)))]);
    assert_eq!(Export::read(&request(&long), Form::Protobuf, 4 * MAX).unwrap().refused, 1);
    let large = Export::read(&request(&message(&[(5, &text_value("x"))])), Form::Protobuf, 10).unwrap_err();
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
}

proptest::proptest! {
    #[test]
    fn never_panics(body: Vec<u8>, record: Vec<u8>) {
        let _ = super::super::check(&Bytes::from(body), false);
        let _ = super::super::check(&request(&record), false);
    }
}
