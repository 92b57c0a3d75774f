//! Messages built by hand from RFC 1157 and RFC 3416, over real sockets.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tokio::net::UdpSocket;

use super::*;
use crate::listen::tests::{Running, start};

const COMMUNITY: &[u8] = b"s3cret";
const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Tag, length, value.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = match value.len() {
        short @ 0..=127 => vec![short as u8],
        long => [&[0x82][..], &(long as u16).to_be_bytes()].concat(),
    };
    [&[tag][..], &length, value].concat()
}

/// An object identifier: the first two numbers in one byte, the others seven bits a byte.
fn oid(text: &str) -> Vec<u8> {
    let numbers: Vec<u32> = text.split('.').map(|number| number.parse().unwrap()).collect();
    let mut bytes = vec![(numbers[0] * 40 + numbers[1]) as u8];
    for number in &numbers[2..] {
        let groups = (0..5).rev().map(|at| (number >> (7 * at) & 0x7f) as u8).skip_while(|group| *group == 0);
        let groups: Vec<u8> = if *number == 0 { vec![0] } else { groups.collect() };
        let last = groups.len() - 1;
        bytes.extend(groups.iter().enumerate().map(|(at, group)| if at == last { *group } else { group | 0x80 }));
    }
    tlv(0x06, &bytes)
}

fn variables(list: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let bound: Vec<u8> =
        list.iter().flat_map(|(name, value)| tlv(0x30, &[oid(name), value.clone()].concat())).collect();
    tlv(0x30, &bound)
}

fn message(version: u8, community: &[u8], pdu: &[u8]) -> Vec<u8> {
    tlv(0x30, &[tlv(0x02, &[version]), tlv(0x04, community), pdu.to_vec()].concat())
}

/// Version 2c: request id, two zeros, then time and trap first (RFC 3416 §4.2.6).
fn v2(pdu: u8, trap: &str, more: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut list = vec![("1.3.6.1.2.1.1.3.0", tlv(0x43, &[0x04, 0xd2])), ("1.3.6.1.6.3.1.1.4.1.0", oid(trap))];
    list.extend(more.iter().cloned());
    let body = [tlv(0x02, &[0x12, 0x34]), tlv(0x02, &[0]), tlv(0x02, &[0]), variables(&list)].concat();
    message(1, COMMUNITY, &tlv(pdu, &body))
}

fn read_line(datagram: &[u8]) -> (Value, bool) {
    let (line, is_inform) = line::of(datagram, PEER);
    assert!(!line.contains("s3cret"), "{line}");
    (serde_json::from_str(&line).unwrap(), is_inform)
}

fn undecoded(line: &Value) -> (&str, Vec<u8>) {
    use base64::Engine as _;
    let part = &line["undecoded"];
    let bytes = base64::engine::general_purpose::STANDARD.decode(part["datagram"].as_str().unwrap()).unwrap();
    (part["reason"].as_str().unwrap(), bytes)
}

#[test]
fn a_trap_of_version_1() {
    let generic = |generic: u8, specific: u8| {
        let pdu = [
            oid("1.3.6.1.4.1.9.1.2494"),
            tlv(0x40, &[192, 0, 2, 9]),
            tlv(0x02, &[generic]),
            tlv(0x02, &[specific]),
            tlv(0x43, &[0x04, 0xd2]),
            variables(&[("1.3.6.1.2.1.2.2.1.2.3", tlv(0x04, b"GigabitEthernet0/3"))]),
        ];
        message(0, COMMUNITY, &tlv(0xa4, &pdu.concat()))
    };
    let (line, is_inform) = read_line(&generic(2, 0));
    assert!(!is_inform);
    let expected = json!({
        "snmp": { "version": "1", "peer": "127.0.0.1", "pdu": "trap" },
        "trap": {
            "oid": "1.3.6.1.6.3.1.1.5.3", "enterprise": "1.3.6.1.4.1.9.1.2494", "agent": "192.0.2.9", "generic": 2,
            "specific": 0, "uptime": 1234,
            "variables": [{ "oid": "1.3.6.1.2.1.2.2.1.2.3", "type": "string", "value": "GigabitEthernet0/3" }],
        },
    });
    assert_eq!(line, expected);
    assert_eq!(read_line(&generic(6, 17)).0["trap"]["oid"], "1.3.6.1.4.1.9.1.2494.0.17");
}

#[test]
fn a_trap_of_version_2_with_every_type() {
    let values = [
        tlv(0x02, &[0xff]),
        tlv(0x04, &[0x00, 0x1b]),
        tlv(0x04, "北庁舎".as_bytes()),
        oid("1.3.6.1.4.1.9"),
        tlv(0x40, &[203, 0, 113, 7]),
        tlv(0x41, &[0x00, 0xff, 0xff, 0xff, 0xff]),
        tlv(0x42, &[7]),
        tlv(0x46, &[0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        tlv(0x44, &[1, 2]),
        vec![0x80, 0],
        vec![0x05, 0],
    ];
    let names: Vec<String> = (1..=values.len()).map(|number| format!("1.3.6.1.4.1.8072.9999.{number}")).collect();
    let list: Vec<(&str, Vec<u8>)> = names.iter().map(String::as_str).zip(values).collect();
    let (line, _) = read_line(&v2(0xa7, "1.3.6.1.4.1.8072.4.0.3", &list));
    let trap = &line["trap"];
    assert_eq!((&trap["oid"], &trap["uptime"]), (&json!("1.3.6.1.4.1.8072.4.0.3"), &json!(1234)));
    let found: Vec<(String, Value)> = trap["variables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| (variable["type"].as_str().unwrap().to_owned(), variable["value"].clone()))
        .collect();
    let expected = [
        ("integer", json!(-1)),
        ("bytes", json!("001b")),
        ("string", json!("北庁舎")),
        ("oid", json!("1.3.6.1.4.1.9")),
        ("ipAddress", json!("203.0.113.7")),
        ("counter32", json!(4_294_967_295_u32)),
        ("gauge32", json!(7)),
        ("counter64", json!(u64::MAX)),
        ("opaque", json!("0102")),
        ("noSuchObject", Value::Null),
        ("null", Value::Null),
    ];
    assert_eq!(found, expected.map(|(kind, value)| (kind.to_owned(), value)));
}

#[test]
fn no_community_is_kept_wherever_it_stands() {
    // What a proxy adds (RFC 3584), and a message that does not decode.
    let proxied = v2(0xa7, "1.3.6.1.6.3.1.1.5.1", &[("1.3.6.1.6.3.18.1.4.0", tlv(0x04, COMMUNITY))]);
    let (line, _) = read_line(&proxied);
    assert_eq!(line["trap"]["variables"], json!([]));
    let mut cut = proxied.clone();
    cut.truncate(proxied.len() - 3);
    for datagram in [cut, message(1, COMMUNITY, &tlv(0xa7, b"junk")), message(1, b"\xff\xfe", &tlv(0xa0, b""))] {
        let (line, is_inform) = read_line(&datagram);
        let (reason, bytes) = undecoded(&line);
        assert_eq!((reason, is_inform, bytes.len()), ("does not decode", false, datagram.len()));
        assert!(memchr::memmem::find(&bytes, b"s3c").is_none());
    }
    // A community that is no text hides nothing.
    let body = [tlv(0x02, &[1]), tlv(0x02, &[0]), tlv(0x02, &[0]), variables(&[])].concat();
    assert_eq!(read_line(&message(1, b"\xff\xfe", &tlv(0xa7, &body))).0["snmp"]["pdu"], "trap");
}

#[test]
fn what_is_not_understood_is_kept_with_the_reason() {
    let get = [tlv(0x02, &[1]), tlv(0x02, &[0]), tlv(0x02, &[0]), variables(&[])].concat();
    let v3 = tlv(0x30, &[tlv(0x02, &[3]), tlv(0x30, &tlv(0x02, &[1])), tlv(0x04, b""), tlv(0x04, b"")].concat());
    for (datagram, reason) in [
        (v3, "SNMPv3 is not understood"),
        (message(1, COMMUNITY, &tlv(0xa0, &get)), "neither a trap nor an inform"),
        (b"text".to_vec(), "not an SNMP message"),
        (message(7, COMMUNITY, &tlv(0xa7, &get)), "an unknown version of SNMP"),
    ] {
        assert_eq!(undecoded(&read_line(&datagram).0).0, reason);
    }
}

async fn sender(running: &Running) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(running.bound[0].address).await.unwrap();
    socket
}

async fn answered(socket: &UdpSocket, millis: u64) -> Option<Vec<u8>> {
    let mut room = [0; 1500];
    let received = tokio::time::timeout(Duration::from_millis(millis), socket.recv(&mut room)).await.ok()?;
    received.ok().map(|length| room[..length].to_vec())
}

#[tokio::test]
async fn an_inform_is_answered_once_it_is_durable_and_a_trap_never() {
    let running = start("[[listener]]\nkind='snmp_trap'\nbind='127.0.0.1:0'\n").await;
    let socket = sender(&running).await;
    let (trap, inform) = (v2(0xa7, "1.3.6.1.6.3.1.1.5.3", &[]), v2(0xa6, "1.3.6.1.6.3.1.1.5.4", &[]));
    socket.send(&trap).await.unwrap();
    running.received(1).await;
    running.sink.broken.store(true, Ordering::SeqCst);
    socket.send(&inform).await.unwrap();
    assert_eq!(answered(&socket, 300).await, None, "neither the trap nor what is not durable");
    running.sink.broken.store(false, Ordering::SeqCst);
    socket.send(&inform).await.unwrap();
    let answer = answered(&socket, 10_000).await.expect("the answer comes");
    // The same message as a response: request id, no error, the same variables.
    let mut expected = inform.clone();
    let pdu = 5 + 2 + COMMUNITY.len();
    assert_eq!(expected[pdu], 0xa6);
    expected[pdu] = 0xa2;
    assert_eq!(answer, expected);
    let records = running.stop().await;
    let pdus: Vec<Value> =
        records.iter().map(|(_, line)| serde_json::from_str::<Value>(line).unwrap()["snmp"]["pdu"].clone()).collect();
    assert_eq!(pdus, ["trap", "inform"]);
    assert!(records.iter().all(|(source, _)| source == "u/near"));
}

#[tokio::test]
async fn what_the_kernel_holds_at_the_stop_is_taken() {
    let running = start("[[listener]]\nkind='snmp_trap'\nbind='127.0.0.1:0'\n").await;
    let socket = sender(&running).await;
    for _ in 0..100 {
        socket.send(&v2(0xa7, "1.3.6.1.6.3.1.1.5.1", &[])).await.unwrap();
    }
    assert_eq!(running.stop().await.len(), 100);
}
