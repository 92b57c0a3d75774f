//! What the syslog of routers and switches has in common: a header that is not always whole, a code, a packet, a login.
//!
//! Used by the products whose vendors document their messages as lists of texts: nothing is set that does not stand in
//! the line in a form that means one thing.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use super::dhcpd::mac;
use crate::parser::Context;
use crate::row::{Row, Table};
use crate::{flow_text, put, syslog, time};

/// Fields of netfilter's `KEY=value`.
static NETFILTER: &Table = &[
    ("SRC", fields::SOURCE_IP),
    ("DST", fields::DESTINATION_IP),
    ("SPT", fields::SOURCE_PORT),
    ("DPT", fields::DESTINATION_PORT),
    ("IN", fields::OBSERVER_INGRESS_INTERFACE_NAME),
    ("OUT", fields::OBSERVER_EGRESS_INTERFACE_NAME),
];

/// Reads a header: `<PRI>`, blanks, a time with or without year, a host if `hosts`, a program. Sets `observer.name`, the
/// time and the priority; gives the program and the text.
pub(super) fn header<'a>(line: &'a str, hosts: bool, context: &Context, event: &mut Event<'a>) -> (&'a str, &'a str) {
    let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
    let (priority, rest) = syslog::without_priority(line);
    if let Some(number) = priority {
        super::fortinet_fortigate::push_priority(number, event);
    }
    let rest = rest.trim_start_matches(' ');
    // RFC 5424, or a relay's header with a host.
    let versioned = priority.is_some() && rest.starts_with("1 ");
    if hosts || versioned {
        let head = syslog::parse(if versioned { line } else { rest }, context);
        if let Some(stamp) = head.timestamp {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
        }
        if let Some(inner) = head.hostname.filter(|host| is_selector(host)) {
            // `date time facility.severity host program[pid]: text`, as AlliedWare Plus prints its log.
            event.push_str(fields::LOG_LEVEL, inner.rsplit('.').next().unwrap_or(""));
            let (host, rest) = put::word(head.message);
            event.push_str(fields::OBSERVER_NAME, host);
            return match rest.split_once(": ") {
                Some((program, text)) if !program.contains(' ') => (program.split('[').next().unwrap_or(""), text),
                _ => ("", rest),
            };
        }
        event.push_str(fields::OBSERVER_NAME, head.hostname.unwrap_or(""));
        if let Some(pid) = head.procid {
            put::count(fields::PROCESS_PID, pid, event);
        }
        return (head.appname.unwrap_or(""), head.message);
    }
    let stamped = time::iso_prefix(rest, &context.zone).or_else(|| time::rfc3164_prefix(rest, context));
    match stamped {
        Some((stamp, length)) => {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
            ("", rest.get(length..).unwrap_or("").trim_start_matches([':', ' ']))
        }
        None => ("", rest),
    }
}

/// `daemon.notice`.
fn is_selector(word: &str) -> bool {
    let severity = word.split_once('.').map_or("", |(_, severity)| severity);
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"].contains(&severity)
}

/// Sets what a text says about a packet, or about a login; whether it says either.
pub(super) fn text<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> &'static str {
    event.push_str(fields::MESSAGE, text);
    if text.contains("SRC=") && text.contains("DST=") {
        netfilter(text, arena, event);
        flow_text::verdict(text, event);
        packet_class(event);
        return "firewall";
    }
    if flow_text::packet(text, event).is_some() {
        flow_text::verdict(text, event);
        packet_class(event);
        return "firewall";
    }
    if flow_text::login(text, event) {
        return "";
    }
    put::words(fields::EVENT_TYPE, &["info"], event);
    ""
}

fn packet_class(event: &mut Event<'_>) {
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    put::words(fields::EVENT_TYPE, &["connection"], event);
}

fn netfilter<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    let row = Row::of_pairs(text, b' ', arena);
    row.put(NETFILTER, event);
    flow_text::transport(row.get(&["PROTO", "proto"]), event);
    put::count(fields::NETWORK_BYTES, row.get(&["LEN"]), event);
    // `MAC=` holds destination, source and type.
    let hardware = row.get(&["MAC"]);
    if let (Some(destination), Some(source)) =
        (hardware.get(..17).and_then(|text| mac(text, arena)), hardware.get(18..35).and_then(|text| mac(text, arena)))
    {
        event.push(fields::SOURCE_MAC, Value::Str(source));
        event.push(fields::DESTINATION_MAC, Value::Str(destination));
    }
}

/// Constants and logsource of a product.
pub(super) fn finish(list: &[(FieldId, &'static str)], category: &'static str, event: &mut Event<'_>) {
    event.push(fields::EVENT_KIND, Value::Str("event"));
    put::constants(list, event);
    event.push_str(fields::SEKISHO_LOGSOURCE_CATEGORY, category);
}
