//! AlaxalA AX switches and routers: operation logs and system messages, access list logging, Web, MAC and 802.1X
//! authentication, logins. The devices send no host name; a relay may add one.
//!
//! | Line | Series |
//! |---|---|
//! | `EVT 11/20 10:00:00 01S E3 PORT GigabitEthernet1/0/1 25011001 1350:0000000000ab Port up` | AX2000 to AX6000: kind, time, switch, level, location, interface, message id, code, text; `no-date-info` leaves out time, id and code |
//! | `2026/11/20 10:00:00 JST 1-1(A) S6 ACLLOG 2d000004 00 0000000000ab denied:...` | AX8000: time, unit, level, type, message id, code, text |
//! | `denied:[(vlan)]6 192.0.2.1(1024)(VLAN0010) -> 198.51.100.1(80), 1 packets` | access list, protocol or next header as a number |
//! | `denied:0000.5e00.5301(header)(VLAN0010) -> 0000.5e00.5302, 1 packets` | MAC access list |
//! | `AUT 11/20 10:00:00 WEB No=1:NORMAL:LOGIN: MAC=... USER=... IP=... PORT=... VLAN=... Login succeeded.` | authentication |
//!
//! Source: AX series message and log reference, "operation log format", ACLLOG; operation command reference, "show
//! web-authentication logging".

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use super::dhcpd::mac;
use super::router::{self, Device, Line};
use crate::parser::{Context, Parser, Reason};
use crate::{flow_text, put, time};

/// Parser of AX messages.
#[derive(Default)]
pub struct Alaxala {}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_MODULE, "alaxala"),
    (fields::OBSERVER_VENDOR, "AlaxalA"),
    (fields::OBSERVER_PRODUCT, "AX"),
    (fields::OBSERVER_TYPE, "switch"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "alaxala"),
];

/// Kinds of operation log.
const KINDS: [&str; 12] = ["KEY", "RSP", "ERR", "EVT", "AUT", "ACL", "CON", "RTM", "OSP", "BGP", "TRC", "SRS"];

static DEVICE: Device = Device {
    constant: CONSTANT,
    leads: &[
        "KEY", "RSP", "ERR", "EVT", "AUT", "ACL", "CON", "RTM", "OSP", "BGP", "TRC", "SRS", "E3", "E4", "E5", "E6",
        "E7", "E8", "E9", "S0", "S1", "S2", "S3", "S4", "S5", "S6", "S7", "R5", "R6", "R7", "R8",
    ],
    read,
};

impl Parser for Alaxala {
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
    let text = prologue(line, event);
    if let Some(rest) = text.split_once("No=").map(|(_, rest)| rest)
        && rest.contains(":LOGIN:") | rest.contains(":LOGOUT:") | rest.contains(":SYSTEM:")
    {
        authentication(rest, line.arena, event);
        return Some("");
    }
    if let Some(at) = text.find("denied:").or_else(|| text.find("permitted:")) {
        access_list(&text[at..], line.arena, event);
        return Some("firewall");
    }
    // The message of a login that was granted does not say so.
    if text.contains("ogin ") && !["incorrect", "refused", "fail"].iter().any(|word| text.contains(word)) {
        event.push(fields::EVENT_OUTCOME, Value::Str("success"));
    }
    if text.len() < line.text.len() {
        // The common reader takes the text without what stood before it.
        put::text(fields::MESSAGE, line.text, event);
        return Some(router::text("", text, line.arena, event));
    }
    None
}

/// Reads kind, time, level, location, interface and message id before the text: the rest of the line.
fn prologue<'a>(line: &Line<'a, '_>, event: &mut Event<'a>) -> &'a str {
    let mut text = line.text;
    let (kind, rest) = put::word(text);
    if KINDS.contains(&kind) {
        put::text(fields::LOG_LOGGER, kind, event);
        text = rest;
    }
    text = own_time(text, line, event);
    let mut located = false;
    for _ in 0..6 {
        let (word, rest) = put::word(text);
        let bytes = word.as_bytes();
        if word.len() == 2 && matches!(bytes[0], b'E' | b'S' | b'R') && bytes[1].is_ascii_digit() {
            event.push_str(fields::LOG_LEVEL, word);
            located = true;
        } else if is_message_id(word) {
            event.push_str(fields::EVENT_CODE, word);
            // What follows is more of the code: `1350:0000000000ab`, `00 0000000000ab`.
            let (more, after) = put::word(rest);
            if more.len() == 2 && more.bytes().all(|b| b.is_ascii_digit()) {
                return put::word(after).1;
            }
            let is_more = more.contains(':') && more.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
            return if is_more { after } else { rest };
        } else if is_switch(word) {
            // The unit of a stack.
        } else if located && !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
            event.set(fields::LOG_LOGGER, Value::Str(word));
        } else if located && is_interface(word) {
            event.push_str(fields::OBSERVER_INGRESS_INTERFACE_NAME, word);
        } else {
            break;
        }
        text = rest;
    }
    text
}

/// Cuts off `mm/dd hh:mm:ss` or `yyyy/mm/dd hh:mm:ss[.nnn] zone`.
fn own_time<'a>(text: &'a str, line: &Line<'a, '_>, event: &mut Event<'a>) -> &'a str {
    if let Some((stamp, length)) = time::iso_prefix(text, &line.context.zone) {
        event.set(fields::TIMESTAMP, Value::Time(stamp));
        let rest = text[length..].trim_start();
        let (zone, after) = put::word(rest);
        return if zone.len() <= 5 && zone.bytes().all(|b| b.is_ascii_uppercase()) { after } else { rest };
    }
    let (date, rest) = put::word(text);
    let (clock, after) = put::word(rest);
    let Some((month, day)) = date.split_once('/') else { return text };
    let (Ok(month @ 1..=12), true, 8) = (month.parse::<usize>(), day.len() == 2, clock.len()) else { return text };
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let named = bumpalo::format!(in line.arena, "{} {} {}", MONTHS[month - 1], day, clock);
    match time::rfc3164_prefix(&named, line.context) {
        Some((stamp, _)) => {
            if !event.has(fields::TIMESTAMP) {
                event.push(fields::TIMESTAMP, Value::Time(stamp));
            }
            after
        }
        None => text,
    }
}

/// Eight hexadecimal digits.
fn is_message_id(word: &str) -> bool {
    word.len() == 8 && word.bytes().all(|b| b.is_ascii_hexdigit()) && word.bytes().any(|b| b.is_ascii_digit())
}

/// `01S`, `1-1(A)`.
fn is_switch(word: &str) -> bool {
    word.len() >= 2
        && word.starts_with(|first: char| first.is_ascii_digit())
        && word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'S' | b'M' | b'B' | b'A' | b'-' | b'(' | b')'))
}

/// `GigabitEthernet1/0/1`, `ChGr:1`, `VLAN0010`, `1/0/1`.
fn is_interface(word: &str) -> bool {
    word.bytes().any(|b| b.is_ascii_digit())
        && (word.contains('/') || word.starts_with("VLAN") || word.starts_with("ChGr"))
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b':' | b'-' | b'.'))
}

/// `1:NORMAL:LOGIN: MAC=0000.5e00.5301 USER=sato IP=192.0.2.9 PORT=0/1 VLAN=10 Login succeeded.`.
fn authentication<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    let mut parts = text.splitn(4, ':');
    let (number, level, kind) =
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or("").trim());
    put::text(fields::EVENT_CODE, number, event);
    put::text(fields::LOG_LEVEL, level, event);
    let mut rest = parts.next().unwrap_or("").trim_start();
    while let (pair, after) = put::word(rest)
        && let Some((key, value)) = pair.split_once('=')
    {
        match key {
            "MAC" => {
                if let Some(mac) = mac(value, arena) {
                    event.push(fields::SOURCE_MAC, Value::Str(mac));
                }
            }
            "USER" => put::user(value, event),
            "IP" => put::end(&put::SOURCE, value, event),
            "PORT" | "CHGR" => event.push_str(fields::OBSERVER_INGRESS_INTERFACE_NAME, value),
            "VLAN" => event.push_str(fields::NETWORK_VLAN_ID, value),
            _ => {}
        }
        rest = after;
    }
    event.push_str(fields::EVENT_REASON, rest);
    match kind {
        "LOGIN" => {
            put::words(fields::EVENT_CATEGORY, &["authentication"], event);
            put::words(fields::EVENT_TYPE, &["start"], event);
            event.set(fields::EVENT_ACTION, Value::Str("login"));
            let outcome = if level == "NORMAL" { "success" } else { "failure" };
            event.set(fields::EVENT_OUTCOME, Value::Str(outcome));
        }
        "LOGOUT" => {
            put::words(fields::EVENT_CATEGORY, &["session"], event);
            put::words(fields::EVENT_TYPE, &["end"], event);
            event.set(fields::EVENT_ACTION, Value::Str("logout"));
        }
        _ => put::words(fields::EVENT_TYPE, &["info"], event),
    }
}

/// `denied:[(10)]6 192.0.2.1(1024)(VLAN0010) -> 198.51.100.1(80), 1 packets`.
fn access_list<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    let (verb, rest) = text.split_once(':').unwrap_or((text, ""));
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    put::words(fields::EVENT_TYPE, &["connection", if verb == "denied" { "denied" } else { "allowed" }], event);
    event.push_str(fields::EVENT_ACTION, verb);
    flow_text::outcome(event);
    let rest = match rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
        Some((vlan, rest)) => {
            event.push_str(fields::NETWORK_VLAN_ID, vlan);
            rest
        }
        None => rest,
    };
    let (left, right) = rest.split_once(" -> ").unwrap_or((rest, ""));
    // Without a protocol the ends are MAC addresses.
    let (protocol, source) = left.trim_start().split_once(' ').unwrap_or(("", left));
    flow_text::transport(protocol, event);
    // The port in the first brackets, the interface in the last.
    let interface = source.rsplit_once('(').map_or("", |(_, inner)| inner.trim_end_matches(')'));
    if interface.parse::<u16>().is_err() {
        put::text(fields::OBSERVER_INGRESS_INTERFACE_NAME, interface, event);
    }
    let destination = put::word(right).0;
    let ends = [
        (source, fields::SOURCE_IP, fields::SOURCE_PORT, fields::SOURCE_MAC),
        (destination, fields::DESTINATION_IP, fields::DESTINATION_PORT, fields::DESTINATION_MAC),
    ];
    for (text, ip, port, hardware) in ends {
        if let Some((address, number)) = flow_text::endpoint(text) {
            event.push(ip, Value::Ip(address));
            if let Some(number) = number {
                event.push(port, Value::Int(i64::from(number)));
            }
        } else if let Some(mac) = mac(text.split(['(', ',']).next().unwrap_or(""), arena) {
            event.push(hardware, Value::Str(mac));
        }
    }
    if let Some((_, count)) = right.rsplit_once(", ") {
        put::count(fields::NETWORK_PACKETS, put::word(count).0, event);
    }
}
