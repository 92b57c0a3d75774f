//! IIJ: SEIL, SEIL/X and BPV4 routers, RFC 3164 syslog, with or without a host name.
//!
//! | Line | Function |
//! |---|---|
//! | `pppoe0 @0:3[name] b 198.51.100.7,1234 -> 192.0.2.10,23 PR tcp len 20 60 IN -S` | filter: interface, rule, action, packet |
//! | `lan1 @ MAP 192.0.2.10,50000 <- -> 203.0.113.1,61000 [198.51.100.20 443]` | NAT session |
//! | `... 198.51.100.7 -> 192.0.2.10 PR icmp type 8 code 0 len ...` | ICMP |
//! | `... -> 192.0.2.10,443 AP winny len ...` | application |
//! | `relaydid=1 action=MAILREJECT mode=smtp sender=... recipient=... host=... code=550` | application gateway |
//!
//! The program or function before the text is `log.logger`. Other packets and logins are read as in every router's log.
//! Source: SEIL series log list, function filter, ipf, application-gateway.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use super::router::{self, Device, Line};
use crate::parser::{Context, Parser, Reason};
use crate::row::Row;
use crate::{flow_text, put};

/// Parser of this product.
#[derive(Default)]
pub struct Seil {}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_MODULE, "seil"),
    (fields::OBSERVER_VENDOR, "IIJ"),
    (fields::OBSERVER_PRODUCT, "SEIL"),
    (fields::OBSERVER_TYPE, "router"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "seil"),
];

static DEVICE: Device =
    Device { constant: CONSTANT, leads: &["lan*", "pppoe*", "ppp*", "ipsec*", "tunnel*", "bridge*", "wwan*"], read };

impl Parser for Seil {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        router::parse(&DEVICE, line, context, arena, event)
    }
}

fn read<'a>(line: &Line<'a, '_>, event: &mut Event<'a>) -> Option<&'static str> {
    if line.text.starts_with("relaydid=") {
        relay(line, event);
        return Some("");
    }
    let (first, rest) = put::word(line.text);
    // `2x` before the interface: so many of the same.
    let repeated = first.strip_suffix('x').is_some_and(|count| count.bytes().all(|byte| byte.is_ascii_digit()));
    let (interface, rest) = if repeated { put::word(rest) } else { (first, rest) };
    let (rule, rest) = put::word(rest);
    if rule == "@" {
        return translation(interface, rest, event);
    }
    let rule = rule.strip_prefix('@')?;
    let (place, name) = rule.split_once('[').unwrap_or((rule, ""));
    let (action, packet) = put::word(rest);
    let after = flow_text::packet(packet, event)?;
    event.push_str(fields::RULE_ID, place);
    event.push_str(fields::RULE_NAME, if name.is_empty() { place } else { name.trim_end_matches(']') });
    router::packet_class(event);
    let (action, verdict) = match action.as_bytes().first().map(u8::to_ascii_lowercase) {
        Some(b'b' | b'd') => ("block", "denied"),
        _ => ("pass", "allowed"),
    };
    event.push(fields::EVENT_ACTION, Value::Str(action));
    put::words(fields::EVENT_TYPE, &[verdict], event);
    flow_text::outcome(event);
    let mut words = after.split_ascii_whitespace();
    while let Some(word) = words.next() {
        match word {
            "PR" => flow_text::transport(words.next().unwrap_or(""), event),
            "AP" => event.push_str(fields::NETWORK_APPLICATION, words.next().unwrap_or("")),
            "IN" | "in" => {
                event.push_str(fields::OBSERVER_INGRESS_INTERFACE_NAME, interface);
                event.push(fields::NETWORK_DIRECTION, Value::Str("inbound"));
            }
            "OUT" | "out" => {
                event.push_str(fields::OBSERVER_EGRESS_INTERFACE_NAME, interface);
                event.push(fields::NETWORK_DIRECTION, Value::Str("outbound"));
            }
            _ => {}
        }
    }
    Some("firewall")
}

/// `lan1 @ MAP 192.0.2.10,50000 <- -> 203.0.113.1,61000 [198.51.100.20 443]`: inside, as seen from outside, destination.
fn translation<'a>(interface: &'a str, text: &'a str, event: &mut Event<'a>) -> Option<&'static str> {
    let (verb, rest) = put::word(text);
    let (left, right) = rest.split_once(" <- -> ")?;
    let (mapped, peer) = put::word(right);
    let (inside, mapped) = (flow_text::endpoint(left.trim())?, flow_text::endpoint(mapped)?);
    for (end, ip, port) in
        [(inside, fields::SOURCE_IP, fields::SOURCE_PORT), (mapped, fields::SOURCE_NAT_IP, fields::SOURCE_NAT_PORT)]
    {
        event.push(ip, Value::Ip(end.0));
        if let Some(number) = end.1 {
            event.push(port, Value::Int(i64::from(number)));
        }
    }
    let (peer, port) = put::word(peer.trim_start_matches('[').split(']').next().unwrap_or(""));
    if let Some(ip) = put::ip(peer) {
        event.push(fields::DESTINATION_IP, Value::Ip(ip));
        put::port(fields::DESTINATION_PORT, port, event);
    }
    event.push_str(fields::OBSERVER_EGRESS_INTERFACE_NAME, interface);
    event.push_str(fields::EVENT_ACTION, verb);
    router::packet_class(event);
    Some("firewall")
}

/// `relaydid=1 action=MAILREJECT mode=smtp sender=... recipient=... host=... code=...`.
fn relay<'a>(line: &Line<'a, '_>, event: &mut Event<'a>) {
    let row = Row::of_pairs(line.text, b' ', line.arena);
    event.push_str(fields::EVENT_ACTION, row.get(&["action"]));
    event.push_str(fields::NETWORK_PROTOCOL, row.get(&["mode"]));
    event.push_str(fields::EMAIL_FROM_ADDRESS, row.get(&["sender"]).trim_matches(['<', '>']));
    event.push_str(fields::EMAIL_TO_ADDRESS, row.get(&["recipient"]).trim_matches(['<', '>']));
    event.push_str(fields::EVENT_CODE, row.get(&["code"]));
    put::end(&put::SOURCE, row.get(&["host"]), event);
    let reject = row.get(&["action"]).contains("REJECT");
    put::words(fields::EVENT_CATEGORY, &[if reject { "email" } else { "network" }], event);
    put::words(fields::EVENT_TYPE, &[if reject { "denied" } else { "info" }], event);
}
