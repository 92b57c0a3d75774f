//! Flows of NetFlow and IPFIX: the lines that the listener `netflow` makes, one for each flow.
//!
//! Ends, ports, hardware addresses, counters in both directions, protocol, times, translated ends, user and application
//! become ECS fields, as in Elastic's netflow input; every other element is kept as `netflow.<its name in snake case>`.
//! `@timestamp` is the flow's end, else when it was observed, else when it was exported; times that count from the
//! exporter's start are reckoned from the head of their datagram.
//!
//! What became of a flow is said where the exporter says it: `firewallEvent` (created, updated and deleted are allowed, else
//! denied), or `forwardingStatus` (forwarded is allowed, dropped is denied). A router tells of both directions of a
//! connection as flows of their own; the answering one, known by a source port below `SERVICE_MAX` and a destination port
//! from `EPHEMERAL_MIN` on, is not called allowed, since nobody began a connection in its direction. Where an exporter
//! says nothing of it, neither do we. ICMP's type and code, which NetFlow 5 and 9 write as the destination port, are no
//! port. Source: IANA, IP Flow Information Export (IPFIX) Entities; RFC 3954 §8; RFC 5103; RFC 7270; Cisco, "NetFlow
//! Secure Event Logging".

use std::collections::HashMap;
use std::net::IpAddr;

use bumpalo::Bump;
use stream::{Event, FieldId, Timestamp, Value, fields as f};

use crate::device::{self, Verdict, add};
use crate::json::{Scalar, Walker};
use crate::parser::{Context, Names, Parser, Reason};
use crate::{community_id, protocols, put};
use paths::{PATHS, key};

mod paths;

/// Ports below are of services.
const SERVICE_MAX: i64 = 1_024;
/// Ports from here on are given to those who connect (Linux; Windows and IANA begin later).
const EPHEMERAL_MIN: i64 = 32_768;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// Parser of flow lines.
#[derive(Default)]
pub struct Netflow {
    walker: Walker,
    known: HashMap<String, Meaning>,
}

#[derive(Clone, Copy)]
enum Meaning {
    /// Set from together with others.
    Known(usize),
    /// That, and kept under its own name.
    Both(usize, Option<FieldId>),
    Own(Option<FieldId>),
}

/// What a line says under [`PATHS`]; of a path with several values, the first.
struct Said<'a> {
    values: [Option<Scalar<'a>>; PATHS.len()],
    is_flow: bool,
    is_options: bool,
}

impl<'a> Said<'a> {
    fn scalar(&self, key: usize) -> Option<Scalar<'a>> {
        self.values[key]
    }

    fn int(&self, key: usize) -> Option<i64> {
        match self.scalar(key) {
            Some(Scalar::Int(number)) => Some(number),
            _ => None,
        }
    }

    fn text(&self, key: usize) -> &'a str {
        self.scalar(key).and_then(Scalar::str).unwrap_or("")
    }

    fn time(&self, key: usize) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(self.text(key)).filter(|time| *time > Timestamp::default())
    }

    /// The first of these that is a number.
    fn first_int(&self, keys: &[usize]) -> Option<i64> {
        keys.iter().find_map(|key| self.int(*key))
    }

    /// An address of either version, unless it stands for none.
    fn ip(&self, keys: [usize; 2]) -> Option<IpAddr> {
        keys.iter().filter_map(|key| put::ip(self.text(*key))).find(|ip| !ip.is_unspecified())
    }
}

impl Parser for Netflow {
    fn parse<'a>(&mut self, line: &'a str, _: &Context, arena: &'a Bump, event: &mut Event<'a>) -> Result<(), Reason> {
        let mut said = Said { values: [None; PATHS.len()], is_flow: false, is_options: false };
        let known = &mut self.known;
        self.walker.walk(line.trim(), arena, |path, scalar| {
            said.is_flow |= path.starts_with("flow.");
            said.is_options |= path.starts_with("options.");
            let (held, own) = match meaning(known, path) {
                Meaning::Known(at) => (Some(at), None),
                Meaning::Both(at, own) => (Some(at), own),
                Meaning::Own(own) => (None, own),
            };
            if let Some(at) = held {
                said.values[at].get_or_insert(scalar);
            }
            if let (Some(field), Some(value)) = (own, scalar.value()) {
                event.push(field, value);
            }
        })?;
        head(&said, known, event)?;
        let reason = said.text(key!("undecoded.reason"));
        if !said.is_flow {
            device::push_time(f::TIMESTAMP, said.time(key!("netflow.exported")), event);
        }
        if !reason.is_empty() {
            return Err(undecoded(reason, known, event));
        }
        event.push(f::EVENT_KIND, Value::Str("event"));
        event.push(f::EVENT_CATEGORY, Value::Str("network"));
        if said.is_flow {
            flow(&said, arena, event);
        } else if said.is_options {
            event.push(f::EVENT_ACTION, Value::Str("netflow_options"));
            event.push(f::EVENT_TYPE, Value::Str("info"));
        } else {
            return Err(Reason("neither a flow nor an option of an exporter"));
        }
        Ok(())
    }
}

/// What a path means; remembered, but for more paths than [`Names::MAX`].
fn meaning(known: &mut HashMap<String, Meaning>, path: &str) -> Meaning {
    if let Some(meaning) = known.get(path) {
        return *meaning;
    }
    if known.len() >= Names::MAX {
        return Meaning::Own(None);
    }
    let own = || stream::intern(&format!("netflow.{}", snake(path.strip_prefix("flow.").unwrap_or(path))));
    let meaning = match PATHS.iter().position(|(known, _)| *known == path) {
        Some(at) if PATHS[at].1 => Meaning::Both(at, own()),
        Some(at) => Meaning::Known(at),
        None if path.starts_with("netflow.template") => Meaning::Own(stream::intern("netflow.template_id")),
        None => Meaning::Own(own()),
    };
    known.insert(path.to_owned(), meaning);
    meaning
}

/// `postNATSourceIPv4Address` is `post_nat_source_ipv4_address`.
fn snake(name: &str) -> String {
    let name = name.replace("IPv", "Ipv").replace("VRFname", "vrfName");
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 8);
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let next_is_lower = letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        let begins = before.is_some_and(|before| {
            before.is_ascii_lowercase() || before.is_ascii_digit() || before.is_ascii_uppercase() && next_is_lower
        });
        if letter.is_ascii_uppercase() && begins {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// What the datagram's head says.
fn head<'a>(said: &Said<'a>, known: &mut HashMap<String, Meaning>, event: &mut Event<'a>) -> Result<(), Reason> {
    let exporter = put::ip(said.text(key!("netflow.exporter"))).ok_or(Reason("not a line of the netflow listener"))?;
    event.push(f::EVENT_MODULE, Value::Str("netflow"));
    event.push(f::OBSERVER_IP, Value::Ip(exporter));
    device::logsource("netflow", "firewall", "", event);
    for (path, name) in [
        (key!("netflow.version"), "exporter.version"),
        (key!("netflow.domain"), "exporter.source_id"),
        (key!("netflow.exported"), "exporter.timestamp"),
        (key!("netflow.uptime"), "exporter.uptime_millis"),
    ] {
        if let Some(value) = said.scalar(path).and_then(Scalar::value)
            && let Meaning::Own(Some(field)) = meaning(known, name)
        {
            event.push(field, value);
        }
    }
    if let Some(number) = said.int(key!("netflow.sequence")) {
        event.push(f::EVENT_SEQUENCE, Value::Int(number));
    }
    Ok(())
}

/// Why the listener kept the bytes; the reason as it is written stays beside.
fn undecoded<'a>(reason: &'a str, known: &mut HashMap<String, Meaning>, event: &mut Event<'a>) -> Reason {
    if let Meaning::Own(Some(field)) = meaning(known, "undecoded_reason") {
        event.push(field, Value::Str(reason));
    }
    Reason(match reason {
        "template unknown" => "flows whose template did not come",
        "no room to wait for the template" => "flows whose template had not come, and no room to wait for it",
        "too many exporters" => "flows of more exporters than the listener keeps templates of",
        _ => "a datagram of flows that does not decode",
    })
}

fn flow<'a>(said: &Said<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    for (field, names) in [
        (f::SOURCE_IP, [key!("flow.sourceIPv4Address"), key!("flow.sourceIPv6Address")]),
        (f::DESTINATION_IP, [key!("flow.destinationIPv4Address"), key!("flow.destinationIPv6Address")]),
        (f::SOURCE_NAT_IP, [key!("flow.postNATSourceIPv4Address"), key!("flow.postNATSourceIPv6Address")]),
        (
            f::DESTINATION_NAT_IP,
            [key!("flow.postNATDestinationIPv4Address"), key!("flow.postNATDestinationIPv6Address")],
        ),
    ] {
        if let Some(ip) = said.ip(names) {
            event.push(field, Value::Ip(ip));
        }
    }
    if let Some(ip) = event.get_ip(f::SOURCE_IP) {
        event.push(f::NETWORK_TYPE, Value::Str(if ip.is_ipv4() { "ipv4" } else { "ipv6" }));
    }
    device::push_mac(f::SOURCE_MAC, said.text(key!("flow.sourceMacAddress")), arena, event);
    device::push_mac(f::DESTINATION_MAC, said.text(key!("flow.destinationMacAddress")), arena, event);
    if !event.has(f::DESTINATION_MAC) {
        device::push_mac(f::DESTINATION_MAC, said.text(key!("flow.postDestinationMacAddress")), arena, event);
    }
    transport(said, arena, event);
    counters(said, event);
    times(said, event);
    details(said, arena, event);
    classify(said, event);
    community_id::push(arena, event);
}

/// Protocol, and the ports of those that have any.
fn transport<'a>(said: &Said<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let protocol = said.int(key!("flow.protocolIdentifier")).and_then(|number| u8::try_from(number).ok());
    if let Some(number) = protocol {
        protocols::push(decimal(i64::from(number), arena), event);
    }
    match protocol {
        Some(1 | 58) => icmp(said, arena, event),
        // TCP, UDP, DCCP, SCTP, UDP-Lite; or none is named, as by exporters that name the ports only.
        Some(6 | 17 | 33 | 132 | 136) | None => {
            for (field, names) in [
                (
                    f::SOURCE_PORT,
                    [key!("flow.sourceTransportPort"), key!("flow.tcpSourcePort"), key!("flow.udpSourcePort")],
                ),
                (
                    f::DESTINATION_PORT,
                    [
                        key!("flow.destinationTransportPort"),
                        key!("flow.tcpDestinationPort"),
                        key!("flow.udpDestinationPort"),
                    ],
                ),
            ] {
                port(field, said.first_int(&names), event);
            }
            for (field, name) in [
                (f::SOURCE_NAT_PORT, key!("flow.postNAPTSourceTransportPort")),
                (f::DESTINATION_NAT_PORT, key!("flow.postNAPTDestinationTransportPort")),
            ] {
                port(field, said.int(name).filter(|port| *port > 0), event);
            }
        }
        Some(_) => {}
    }
}

fn port(field: FieldId, number: Option<i64>, event: &mut Event<'_>) {
    if let Some(number @ 0..=0xffff) = number {
        event.push(field, Value::Int(number));
    }
}

/// Type and code of ICMP, of which a number of 16 bits has both.
fn icmp<'a>(said: &Said<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let pair = |kind, code| Some((said.int(kind)?, said.int(code)?));
    let both = [key!("flow.icmpTypeCodeIPv4"), key!("flow.icmpTypeCodeIPv6"), key!("flow.destinationTransportPort")];
    let found = pair(key!("flow.icmpTypeIPv4"), key!("flow.icmpCodeIPv4"))
        .or_else(|| pair(key!("flow.icmpTypeIPv6"), key!("flow.icmpCodeIPv6")))
        .or_else(|| said.first_int(&both).map(|number| (number >> 8, number & 0xff)));
    let bytes = found.and_then(|(kind, code)| Some((u8::try_from(kind).ok()?, u8::try_from(code).ok()?)));
    if let Some((kind, code)) = bytes {
        community_id::push_icmp(kind, code, arena, event);
    }
}

/// Of biflows both directions, of others the one.
fn counters(said: &Said<'_>, event: &mut Event<'_>) {
    const SOURCE_BYTES: [usize; 4] = [
        key!("flow.octetDeltaCount"),
        key!("flow.initiatorOctets"),
        key!("flow.octetTotalCount"),
        key!("flow.postOctetDeltaCount"),
    ];
    const SOURCE_PACKETS: [usize; 4] = [
        key!("flow.packetDeltaCount"),
        key!("flow.initiatorPackets"),
        key!("flow.packetTotalCount"),
        key!("flow.postPacketDeltaCount"),
    ];
    const DESTINATION_BYTES: [usize; 3] =
        [key!("flow.reverseOctetDeltaCount"), key!("flow.responderOctets"), key!("flow.reverseOctetTotalCount")];
    const DESTINATION_PACKETS: [usize; 3] =
        [key!("flow.reversePacketDeltaCount"), key!("flow.responderPackets"), key!("flow.reversePacketTotalCount")];
    for (source, destination, network, sent, answered) in [
        (f::SOURCE_BYTES, f::DESTINATION_BYTES, f::NETWORK_BYTES, &SOURCE_BYTES[..], &DESTINATION_BYTES[..]),
        (f::SOURCE_PACKETS, f::DESTINATION_PACKETS, f::NETWORK_PACKETS, &SOURCE_PACKETS[..], &DESTINATION_PACKETS[..]),
    ] {
        let (sent, answered) = (said.first_int(sent), said.first_int(answered));
        for (field, number) in [(source, sent), (destination, answered)] {
            if let Some(number) = number {
                event.push(field, Value::Int(number));
            }
        }
        if sent.is_some() || answered.is_some() {
            let total = sent.unwrap_or(0).saturating_add(answered.unwrap_or(0));
            event.push(network, Value::Int(total));
        }
    }
}

fn times(said: &Said<'_>, event: &mut Event<'_>) {
    let exported = said.time(key!("netflow.exported"));
    let absolute = |names: [usize; 4]| names.iter().find_map(|key| said.time(*key));
    let before = |micros| Some(exported?.plus_nanos(said.int(micros)?.checked_mul(-1_000)?));
    let start = absolute([
        key!("flow.flowStartNanoseconds"),
        key!("flow.flowStartMicroseconds"),
        key!("flow.flowStartMilliseconds"),
        key!("flow.flowStartSeconds"),
    ])
    .or_else(|| of_uptime(said, exported, key!("flow.flowStartSysUpTime")))
    .or_else(|| before(key!("flow.flowStartDeltaMicroseconds")));
    let end = absolute([
        key!("flow.flowEndNanoseconds"),
        key!("flow.flowEndMicroseconds"),
        key!("flow.flowEndMilliseconds"),
        key!("flow.flowEndSeconds"),
    ])
    .or_else(|| of_uptime(said, exported, key!("flow.flowEndSysUpTime")))
    .or_else(|| before(key!("flow.flowEndDeltaMicroseconds")));
    let observed = absolute([
        key!("flow.observationTimeNanoseconds"),
        key!("flow.observationTimeMicroseconds"),
        key!("flow.observationTimeMilliseconds"),
        key!("flow.observationTimeSeconds"),
    ]);
    let said_millis =
        said.int(key!("flow.flowDurationMilliseconds")).and_then(|number| number.checked_mul(NANOS_PER_MILLI));
    let said_micros = || said.int(key!("flow.flowDurationMicroseconds")).and_then(|number| number.checked_mul(1_000));
    let duration = said_millis.or_else(said_micros);
    let end = end.or_else(|| Some(start?.plus_nanos(duration?)));
    let duration = duration.or_else(|| Some(end?.since(start?))).filter(|nanos| *nanos >= 0);
    device::push_time(f::EVENT_START, start, event);
    device::push_time(f::EVENT_END, end, event);
    device::push_time(f::TIMESTAMP, end.or(observed).or(exported), event);
    if let Some(nanos) = duration {
        event.push(f::EVENT_DURATION, Value::Int(nanos));
    }
}

/// A time in milliseconds since the exporter started. The head says what that clock showed when the datagram was sent; it
/// starts anew after 49 days, so what counts is the difference.
fn of_uptime(said: &Said<'_>, exported: Option<Timestamp>, key: usize) -> Option<Timestamp> {
    let millis = said.int(key)?;
    match said.int(key!("netflow.uptime")) {
        Some(uptime) => {
            let before = (uptime as u32).wrapping_sub(u32::try_from(millis).ok()?) as i32;
            Some(exported?.plus_nanos(-i64::from(before) * NANOS_PER_MILLI))
        }
        None => {
            let started = said.time(key!("flow.systemInitTimeMilliseconds"))?;
            Some(started.plus_nanos(millis.checked_mul(NANOS_PER_MILLI)?))
        }
    }
}

fn details<'a>(said: &Said<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let direction = match said.int(key!("flow.flowDirection")) {
        Some(0) => "inbound",
        Some(1) => "outbound",
        _ => "",
    };
    event.push_str(f::NETWORK_DIRECTION, direction);
    for (field, name) in [
        (f::OBSERVER_INGRESS_INTERFACE_ID, key!("flow.ingressInterface")),
        (f::OBSERVER_EGRESS_INTERFACE_ID, key!("flow.egressInterface")),
        (f::NETWORK_VLAN_ID, key!("flow.vlanId")),
    ] {
        if let Some(number) = said.int(name).filter(|number| *number > 0) {
            event.push(field, Value::Str(decimal(number, arena)));
        }
    }
    for (field, name) in [
        (f::SOURCE_AS_NUMBER, key!("flow.bgpSourceAsNumber")),
        (f::DESTINATION_AS_NUMBER, key!("flow.bgpDestinationAsNumber")),
    ] {
        if let Some(number) = said.int(name).filter(|number| *number > 0) {
            event.push(field, Value::Int(number));
        }
    }
    let reason = match said.int(key!("flow.flowEndReason")) {
        Some(1) => "idle timeout",
        Some(2) => "active timeout",
        Some(3) => "end of flow detected",
        Some(4) => "forced end",
        Some(5) => "lack of resources",
        _ => "",
    };
    event.push_str(f::EVENT_REASON, reason);
    event.push_str(f::NETWORK_APPLICATION, device::lower(said.text(key!("flow.applicationName")).trim(), arena));
    device::push_user(said.text(key!("flow.userName")), event);
}

/// What kind of event it is, and what became of it.
fn classify(said: &Said<'_>, event: &mut Event<'_>) {
    let (action, kind, verdict) = match said.int(key!("flow.firewallEvent")) {
        Some(1) => ("flow_created", "start", Verdict::Allowed),
        Some(2) => ("flow_deleted", "end", Verdict::Allowed),
        Some(3) => ("flow_denied", "", Verdict::Denied),
        Some(4) => ("flow_alert", "", Verdict::Unsaid),
        Some(5) => ("flow_updated", "", Verdict::Allowed),
        _ => match said.int(key!("flow.forwardingStatus")).map(|status| status >> 6 & 3) {
            Some(1) if is_answer(event) => ("netflow_flow", "", Verdict::Unsaid),
            Some(1) => ("netflow_flow", "", Verdict::Allowed),
            Some(2) => ("netflow_flow", "", Verdict::Denied),
            _ => ("netflow_flow", "", Verdict::Unsaid),
        },
    };
    event.push(f::EVENT_ACTION, Value::Str(action));
    add(f::EVENT_TYPE, &["connection"], event);
    if !kind.is_empty() {
        add(f::EVENT_TYPE, &[kind], event);
    }
    device::push_verdict(verdict, event);
}

/// Whether the flow is the answering half of a connection.
fn is_answer(event: &Event<'_>) -> bool {
    let port = |field| event.get_int(field).unwrap_or(0);
    (1..SERVICE_MAX).contains(&port(f::SOURCE_PORT)) && port(f::DESTINATION_PORT) >= EPHEMERAL_MIN
}

fn decimal(number: i64, arena: &Bump) -> &str {
    bumpalo::format!(in arena, "{}", number).into_bump_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_snake_case() {
        for (name, expected) in [
            ("postNATSourceIPv4Address", "post_nat_source_ipv4_address"),
            ("postNAPTSourceTransportPort", "post_napt_source_transport_port"),
            ("icmpTypeCodeIPv4", "icmp_type_code_ipv4"),
            ("dot1qVlanId", "dot1q_vlan_id"),
            ("VRFname", "vrf_name"),
            ("ipv4IHL", "ipv4_ihl"),
            ("layer2OctetDeltaCount", "layer2_octet_delta_count"),
            ("enterprise12356element7", "enterprise12356element7"),
        ] {
            assert_eq!(snake(name), expected);
        }
    }

    #[test]
    fn the_clock_of_an_exporter_may_start_anew_within_a_flow() {
        let line = r#"{"netflow":{"version":9,"exporter":"192.0.2.1","domain":0,"sequence":1,"exported":"2026-11-18T11:06:40Z","uptime":500,"template":256},"flow":{"flowStartSysUpTime":4294967000,"flowEndSysUpTime":400,"protocolIdentifier":6}}"#;
        let found = device::test::fields::<Netflow>(line);
        for expected in [
            "event.start=2026-11-18T11:06:39.204Z",
            "event.end=2026-11-18T11:06:39.9Z",
            "@timestamp=2026-11-18T11:06:39.9Z",
            "event.duration=696000000",
        ] {
            assert!(found.iter().any(|field| field == expected), "{expected} is not in {found:#?}");
        }
    }

    #[test]
    fn what_is_no_line_of_the_listener_is_refused() {
        for (line, reason) in [
            ("{}", "not a line of the netflow listener"),
            (r#"{"netflow":{"exporter":"x"},"flow":{}}"#, "not a line of the netflow listener"),
            (r#"{"netflow":{"exporter":"192.0.2.1"}}"#, "neither a flow nor an option of an exporter"),
            (
                r#"{"netflow":{"exporter":"192.0.2.1"},"undecoded":{"reason":"template unknown","datagram":""}}"#,
                "flows whose template did not come",
            ),
        ] {
            let found = device::test::fields::<Netflow>(line);
            assert!(found.contains(&format!("error={reason}")), "{found:?}");
        }
    }
}
