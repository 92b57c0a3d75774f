//! What the syslog of routers and switches has in common: a header that is not always whole, a code, a packet, a login.
//!
//! Used by the products whose vendors document their messages as lists of texts: nothing is set that does not stand in
//! the line in a form that means one thing. A product is a [`Device`]: its constants, the words that begin its own text,
//! and what it reads beyond the common.

pub(super) mod state;
mod vpn;

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use super::dhcpd::mac;
use crate::parser::{Context, Reason};
use crate::row::{Row, Table};
use crate::{community_id, flow_text, put, syslog, time};

/// One product of this kind.
pub(super) struct Device {
    /// Vendor, product and kind.
    pub(super) constant: &'static [(FieldId, &'static str)],
    /// Words that stand where a host name would, but belong to the device's text.
    pub(super) leads: &'static [&'static str],
    /// Reads what is the product's own: the logsource category if the text was of such a form.
    pub(super) read: Read,
}

/// Reads a line: the logsource category if it is of the product's own form, else nothing is set.
pub(super) type Read = for<'a, 'c> fn(&Line<'a, 'c>, &mut Event<'a>) -> Option<&'static str>;

/// A line behind its header.
pub(super) struct Line<'a, 'c> {
    /// The program or function.
    pub(super) program: &'a str,
    /// What follows it.
    pub(super) text: &'a str,
    /// For times inside the text.
    pub(super) context: &'c Context,
    /// For what must be built.
    pub(super) arena: &'a Bump,
}

/// Fields of netfilter's `KEY=value`.
static NETFILTER: &Table = &[
    ("SRC", fields::SOURCE_IP),
    ("DST", fields::DESTINATION_IP),
    ("SPT", fields::SOURCE_PORT),
    ("DPT", fields::DESTINATION_PORT),
    ("IN", fields::OBSERVER_INGRESS_INTERFACE_NAME),
    ("OUT", fields::OBSERVER_EGRESS_INTERFACE_NAME),
];

/// Reads a line of a device.
///
/// # Errors
/// There is no text behind the header.
pub(super) fn parse<'a>(
    device: &Device,
    line: &'a str,
    context: &Context,
    arena: &'a Bump,
    event: &mut Event<'a>,
) -> Result<(), Reason> {
    let (program, body) = header(line, Some(device.leads), context, event);
    if body.is_empty() {
        return Err(Reason("empty line"));
    }
    event.push_str(fields::LOG_LOGGER, program);
    let category = match (device.read)(&Line { program, text: body, context, arena }, event) {
        Some(category) => {
            put::text(fields::MESSAGE, body, event);
            category
        }
        None => text(program, body, arena, event),
    };
    if category == "firewall" {
        community_id::push(arena, event);
    }
    crate::device::observer_address(event);
    finish(device.constant, category, event);
    Ok(())
}

/// Reads a header: `<PRI>`, blanks, a time with or without year, a host if `leads`, a program. Sets `observer.name`, the
/// time and the priority; gives the program and the text. A word among `leads` is not a host but the start of the text.
pub(super) fn header<'a>(
    line: &'a str,
    leads: Option<&[&str]>,
    context: &Context,
    event: &mut Event<'a>,
) -> (&'a str, &'a str) {
    let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
    let (priority, rest) = syslog::without_priority(line);
    if let Some(number) = priority {
        super::fortinet_fortigate::push_priority(number, event);
    }
    let rest = rest.trim_start_matches(' ');
    // RFC 5424, or a relay's header with a host.
    let versioned = priority.is_some() && rest.starts_with("1 ");
    if leads.is_some() || versioned {
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
                Some((program, text)) if !program.contains(' ') => {
                    let (name, pid) = program.split_once('[').unwrap_or((program, ""));
                    put::count(fields::PROCESS_PID, pid.trim_end_matches(']'), event);
                    (name, text)
                }
                _ => ("", rest),
            };
        }
        if let Some(host) = head.hostname
            && is_lead(host, leads.unwrap_or(&[]))
            && let Some(at) = line.find(host)
        {
            return ("", &line[at..]);
        }
        event.push_str(fields::OBSERVER_NAME, head.hostname.unwrap_or(""));
        if let Some(pid) = head.procid {
            put::count(fields::PROCESS_PID, pid, event);
        }
        return match head.appname {
            Some(program) => (program, head.message),
            None => function(head.message),
        };
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

/// `filter: text` where no time and host precede it.
fn function(text: &str) -> (&str, &str) {
    match text.split_once(": ") {
        Some((name, rest)) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') => {
            (name, rest)
        }
        _ => ("", text),
    }
}

fn is_lead(word: &str, leads: &[&str]) -> bool {
    leads.iter().any(|lead| match lead.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == *lead,
    })
}

/// `daemon.notice`.
fn is_selector(word: &str) -> bool {
    let severity = word.split_once('.').map_or("", |(_, severity)| severity);
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"].contains(&severity)
}

/// Sets what a text says about a packet, a login, or the state of the device: the logsource category.
pub(super) fn text<'a>(program: &'a str, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> &'static str {
    put::text(fields::MESSAGE, text, event);
    if text.contains("SRC=") && text.contains("DST=") {
        netfilter(text, arena, event);
        judged(text, event);
        return "firewall";
    }
    // A packet has its arrow; a tunnel's ends may stand between `from` and `to`.
    if !(text.contains(" > ") || text.contains(" -> ")) && vpn::read(program, text, event) {
        return "";
    }
    if flow_text::packet(text, event).is_some() || pairs(text, arena, event) {
        judged(text, event);
        return "firewall";
    }
    if state::site(text, event) {
        return "proxy";
    }
    if flow_text::login(text, event) || state::read(program, text, arena, event) {
        return "";
    }
    put::words(fields::EVENT_TYPE, &["info"], event);
    ""
}

/// What was done with a packet, by which rule, where.
fn judged<'a>(text: &'a str, event: &mut Event<'a>) {
    flow_text::verdict(text, event);
    flow_text::outcome(event);
    flow_text::place(text, event);
    packet_class(event);
}

/// Keys of a packet written as `src=192.0.2.1 dst=198.51.100.1 proto=tcp sport=1024 dport=80`.
static PAIRS: &Table = &[
    ("src", fields::SOURCE_IP),
    ("srcip", fields::SOURCE_IP),
    ("src_ip", fields::SOURCE_IP),
    ("source", fields::SOURCE_IP),
    ("dst", fields::DESTINATION_IP),
    ("dstip", fields::DESTINATION_IP),
    ("dst_ip", fields::DESTINATION_IP),
    ("destination", fields::DESTINATION_IP),
    ("sport", fields::SOURCE_PORT),
    ("srcport", fields::SOURCE_PORT),
    ("src_port", fields::SOURCE_PORT),
    ("spt", fields::SOURCE_PORT),
    ("dport", fields::DESTINATION_PORT),
    ("dstport", fields::DESTINATION_PORT),
    ("dst_port", fields::DESTINATION_PORT),
    ("dpt", fields::DESTINATION_PORT),
    ("in", fields::OBSERVER_INGRESS_INTERFACE_NAME),
    ("out", fields::OBSERVER_EGRESS_INTERFACE_NAME),
    ("if", fields::OBSERVER_INGRESS_INTERFACE_NAME),
    ("interface", fields::OBSERVER_INGRESS_INTERFACE_NAME),
    ("rule", fields::RULE_NAME),
    ("user", fields::USER_NAME),
];

/// Reads a packet written in keys and values; whether both ends are there.
fn pairs<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> bool {
    if memchr::memchr(b'=', text.as_bytes()).is_none() {
        return false;
    }
    let row = Row::of_pairs(text, b',', arena);
    let (source, destination) =
        (row.get(&["src", "srcip", "src_ip", "source"]), row.get(&["dst", "dstip", "dst_ip", "destination"]));
    if let (Some(source), Some(destination)) = (flow_text::endpoint(source), flow_text::endpoint(destination)) {
        for (end, ip, port) in [
            (source, fields::SOURCE_IP, fields::SOURCE_PORT),
            (destination, fields::DESTINATION_IP, fields::DESTINATION_PORT),
        ] {
            event.set(ip, Value::Ip(end.0));
            if let Some(number) = end.1 {
                event.set(port, Value::Int(i64::from(number)));
            }
        }
        row.put(PAIRS, event);
        flow_text::transport(row.get(&["proto", "protocol", "prot"]), event);
        return true;
    }
    false
}

/// The class of an event about a packet or a connection.
pub(super) fn packet_class(event: &mut Event<'_>) {
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
    if !event.has(fields::EVENT_KIND) {
        event.push(fields::EVENT_KIND, Value::Str("event"));
    }
    put::constants(list, event);
    event.push_str(fields::SEKISHO_LOGSOURCE_CATEGORY, category);
}
