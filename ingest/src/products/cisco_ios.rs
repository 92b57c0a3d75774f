//! Cisco IOS, IOS XE, IOS XR and NX-OS: `%FACILITY-SEVERITY-MNEMONIC: text`.
//!
//! | Header before the tag | Where it is met |
//! |---|---|
//! | `<189>123: *Nov 20 10:00:00.123 JST: `, with `host: ` before the number or behind it | IOS, `service timestamps`, `service sequence-numbers`, `logging origin-id` |
//! | `<189>: 2026 Nov 20 10:00:00 JST: ` | NX-OS |
//! | `<189>123: host RP/0/RSP0/CPU0:Nov 20 10:00:00.123 JST: config[123]: ` | IOS XR |
//! | a relay's header before any of these | relays |
//!
//! The device's own time counts; `*` and `.` before it say that the clock is not synchronised. Access lists, sign-ins,
//! commands, links, neighbours, port security, 802.1X and the zone firewall become fields (see `messages`); of all
//! other messages facility, severity, mnemonic and text are kept. Source: Cisco IOS System Message Guide; Cisco Nexus
//! 9000 Series NX-OS System Messages Reference.

mod messages;

use bumpalo::Bump;
use stream::{Event, Timestamp, Value, fields as f};

use self::messages::Class;
use crate::device::{self, Verdict, add};
use crate::keyed::{Keys, Pairs};
use crate::parser::{Context, Parser, Reason};
use crate::template::{self, Taken};
use crate::{community_id, flow_text, protocols, syslog, time};

/// Parser of IOS messages.
pub struct CiscoIos {
    keys: Keys,
}

impl Default for CiscoIos {
    fn default() -> Self {
        CiscoIos { keys: Keys::new("cisco.ios.", &[]) }
    }
}

/// `%SEC-6-IPACCESSLOGP`, and where its text starts.
struct Tag<'a> {
    facility: &'a str,
    severity: u8,
    mnemonic: &'a str,
    start: usize,
    text: usize,
}

impl Parser for CiscoIos {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let tag = tag(line).ok_or(Reason("no %FACILITY-SEVERITY-MNEMONIC tag"))?;
        header(line[..tag.start].trim_end(), context, arena, event);
        event.push(f::EVENT_KIND, Value::Str("event"));
        event.push(f::EVENT_MODULE, Value::Str("cisco_ios"));
        device::observer("Cisco", "ios", "firewall", event);
        let (process, text) = without_process(line[tag.text..].trim());
        event.push_str(f::PROCESS_NAME, process);
        event.push_str(f::MESSAGE, text);
        // What the data plane of IOS XE says stands inside a message of the platform.
        let (tag, text) = match self::tag(text).filter(|_| tag.mnemonic == "PLATFORM") {
            Some(inner) => {
                let text = text[inner.text..].trim();
                (inner, text)
            }
            None => (tag, text),
        };
        event.push_str(f::EVENT_CODE, tag.mnemonic);
        event.push(f::EVENT_SEVERITY, Value::Int(i64::from(tag.severity)));
        event.push(f::LOG_LEVEL, Value::Str(device::LEVELS[usize::from(tag.severity & 7)]));
        self.keys.own("facility", Value::Str(tag.facility), event);
        // IOS XE's forwarding engine speaks for access lists.
        let (facility, mnemonic) = match tag.facility {
            "FMANFP" => ("SEC", tag.mnemonic),
            "IPV6" => ("IPV6_ACL", tag.mnemonic),
            facility => (facility, tag.mnemonic),
        };
        let message = messages::find(facility, mnemonic);
        let taken = message.and_then(|message| template::first(message.templates, text));
        let class = message.map_or(&Class::INFO, |message| &message.class);
        if let Some(taken) = &taken {
            let mut pairs = Pairs::new_in(arena);
            for (name, value) in taken.iter().filter(|(_, value)| !value.is_empty()) {
                put(name, value, &mut self.keys, &mut pairs, arena, event);
            }
        }
        classify(class, taken.as_ref(), event);
        let service = match tag.facility {
            "BGP" | "TCP" => "bgp",
            "LDP" => "ldp",
            _ if class.service.is_empty() => "syslog",
            _ => class.service,
        };
        device::logsource("cisco", class.logsource, service, event);
        community_id::push(arena, event);
        Ok(())
    }
}

/// Finds the tag; a facility may have dashes (`MGBL-SYS`) and small letters (`OSPFv3`) in it, the severity is a digit alone
/// between two dashes.
fn tag(line: &str) -> Option<Tag<'_>> {
    for start in memchr::memchr_iter(b'%', line.as_bytes()).take(16) {
        let rest = &line[start + 1..];
        let end = rest.bytes().take(96).position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')));
        let Some(name) = end.and_then(|end| rest.get(..end)) else { continue };
        let after = rest[name.len()..].trim_start_matches(' ');
        let Some(after) = after.strip_prefix(':') else { continue };
        let found = (1..name.len().saturating_sub(2)).rev().find(|at| {
            let bytes = name.as_bytes();
            bytes[*at] == b'-' && matches!(bytes[at + 1], b'0'..=b'7') && bytes[at + 2] == b'-'
        });
        let Some(at) = found else { continue };
        let severity = name.as_bytes()[at + 1] - b'0';
        let (facility, mnemonic) = (&name[..at], &name[at + 3..]);
        if mnemonic.is_empty() || !facility.starts_with(|first: char| first.is_ascii_uppercase()) {
            continue;
        }
        return Some(Tag { facility, severity, mnemonic, start, text: line.len() - after.len() });
    }
    None
}

/// `F0/0: fman_fp_image: ` and `R0/0: cpp_cp: ` of IOS XE: which process a message comes from, and the message.
fn without_process(text: &str) -> (&str, &str) {
    let Some((place, rest)) = text.split_once(": ") else { return ("", text) };
    let Some((process, message)) = rest.split_once(": ") else { return ("", text) };
    // `Switch 1 R0/0` in a stack.
    let place = if place.starts_with("Switch ") { place.rsplit(' ').next().unwrap_or("") } else { place };
    let place = place.trim_start();
    let slot = place.as_bytes();
    let placed = (2..=6).contains(&slot.len())
        && slot[0].is_ascii_uppercase()
        && slot.iter().any(u8::is_ascii_digit)
        && slot[1..].iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'/');
    if placed && !process.contains(' ') { (process, message.trim_start()) } else { ("", text) }
}

/// `1d02h`, `00:01:05`, `2w3d`: the time since the start, where the clock is not set.
fn is_uptime(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
        && word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'y' | b'w' | b'd' | b'h' | b':' | b'.'))
        && (word.contains(['y', 'w', 'd', 'h']) || word.matches(':').count() == 2)
}

/// Reads the parts of the header in whatever order they stand.
fn header<'a>(prefix: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
    let (priority, mut rest) = syslog::without_priority(prefix);
    if let Some(priority) = priority {
        super::fortinet_fortigate::push_priority(priority, event);
    }
    let (mut stamp, mut name): (Option<Timestamp>, &str) = (None, "");
    // RFC 5424 by a relay.
    if priority.is_some() && rest.starts_with("1 ") {
        let header = syslog::parse(prefix, context);
        (stamp, name, rest) = (header.timestamp, header.hostname.unwrap_or(""), header.message);
    }
    for _ in 0..12 {
        rest = rest.trim_start_matches([' ', ':', '*', '.', '\t']);
        if rest.is_empty() {
            break;
        }
        if let Some((found, length)) = read_stamp(rest, context, arena) {
            // The last one is the device's own.
            stamp = Some(found);
            rest = &rest[length..];
            continue;
        }
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let digits = word.trim_end_matches(':');
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            // The device's own counter stands behind that of the transport.
            event.remove(f::EVENT_SEQUENCE);
            device::push_int(f::EVENT_SEQUENCE, digits, event);
        } else if let Some((_, inner)) = word.split_once(':').filter(|(node, _)| node.contains("/CPU")) {
            // IOS XR's node has the month behind it.
            rest = &rest[word.len() - inner.len()..];
            continue;
        } else if name.is_empty() && !word.contains(['[', '(']) && !is_uptime(digits) {
            name = word.trim_end_matches(':');
        }
        rest = after;
    }
    device::push_time(f::TIMESTAMP, stamp, event);
    event.push_str(f::LOG_SYSLOG_HOSTNAME, name);
    event.push_str(f::OBSERVER_NAME, name);
    event.push_str(f::HOST_HOSTNAME, name);
    device::observer_address(event);
}

fn read_stamp<'a>(text: &'a str, context: &Context, arena: &'a Bump) -> Option<(Timestamp, usize)> {
    if let Some(found) = time::rfc3164_prefix(text, context).or_else(|| time::iso_prefix(text, &context.zone)) {
        return Some(found);
    }
    // NX-OS writes the year first: `2026 Nov 20 10:00:00`.
    let (year, rest) = text.split_once(' ').filter(|(year, _)| year.len() == 4)?;
    let year: u16 = year.parse().ok()?;
    let day_end = rest.match_indices(' ').find(|(at, _)| *at > 0 && rest.as_bytes()[at - 1].is_ascii_digit())?.0;
    let moved = bumpalo::format!(in arena, "{} {}{}", &rest[..day_end], year, &rest[day_end..]).into_bump_str();
    let (found, length) = time::rfc3164_prefix(moved, context)?;
    Some((found, length.min(text.len()))).filter(|(_, length)| text.is_char_boundary(*length))
}

fn put<'a>(
    name: &'static str,
    text: &'a str,
    keys: &mut Keys,
    pairs: &mut Pairs<'a>,
    arena: &'a Bump,
    event: &mut Event<'a>,
) {
    let side = |event: &mut Event<'a>, ip, domain, port| {
        let text = text.split(' ').next().unwrap_or(text);
        let (host, number) = text.strip_suffix(')').and_then(|text| text.split_once('(')).unwrap_or((text, ""));
        let (host, number) =
            match host.rsplit_once(':').filter(|(host, _)| number.is_empty() && device::address(host).is_some()) {
                Some(parts) if !host.contains("::") || host.starts_with('[') => parts,
                _ => (host, number),
            };
        if !event.has(ip) && !device::push_ip(ip, host.trim_end_matches(['.', ',']), event) && host.contains('.') {
            event.push_str(domain, host);
        }
        if number != "0" {
            device::push_int(port, number, event);
        }
    };
    match name {
        "source" => {
            side(event, f::SOURCE_IP, f::SOURCE_DOMAIN, f::SOURCE_PORT);
            came_in(text, arena, event);
        }
        "destination" => side(event, f::DESTINATION_IP, f::DESTINATION_DOMAIN, f::DESTINATION_PORT),
        // The zone firewall names applications too.
        "protocol" if !protocols::push(text, event) => event.push_str(f::NETWORK_PROTOCOL, device::lower(text, arena)),
        "protocol" | "verdict" | "result" => {}
        "user" => device::push_user(text.trim_matches(['\'', '"']), event),
        "command" => event.push_str(f::PROCESS_COMMAND_LINE, text.trim_start_matches("!exec: ").trim()),
        "reason" => event.push_str(f::EVENT_REASON, text.trim_end_matches(['.', ']'])),
        "interface" => event.push_str(f::OBSERVER_INGRESS_INTERFACE_NAME, text.trim_end_matches(['.', ','])),
        "ingress_zone" => event.push_str(f::OBSERVER_INGRESS_ZONE, text),
        "port" => device::push_int(f::DESTINATION_PORT, text, event),
        "src_port" if text == "0" => {}
        "src_port" => device::push_int(f::SOURCE_PORT, text, event),
        "nat" => {
            if let Some((ip, port)) = flow_text::endpoint(text) {
                event.push(f::SOURCE_NAT_IP, Value::Ip(ip));
                if let Some(port) = port {
                    event.push(f::SOURCE_NAT_PORT, Value::Int(i64::from(port)));
                }
            }
        }
        "state" => keys.put(name, Value::Str(text.trim_end_matches([' ', '.'])), pairs, arena, event),
        "access_list" => {
            event.push_str(f::RULE_NAME, text);
            keys.put(name, Value::Str(text), pairs, arena, event);
        }
        "mac" => device::push_mac(f::SOURCE_MAC, text.trim_end_matches(['.', ',']), arena, event),
        "vlan" => event.push_str(f::NETWORK_VLAN_ID, text),
        "rule" => event.push_str(f::RULE_NAME, text),
        "packets" => {
            let digits = text.split(' ').next().unwrap_or("");
            device::push_int(f::SOURCE_PACKETS, digits, event);
            device::push_int(f::NETWORK_PACKETS, digits, event);
        }
        "sent" => device::push_int(f::SOURCE_BYTES, text, event),
        "received" => device::push_int(f::DESTINATION_BYTES, text, event),
        name => keys.put(name, Value::Str(text), pairs, arena, event),
    }
}

/// `192.0.2.1(1024) (GigabitEthernet0/1 0000.5e00.5301)`: the interface, and from whom.
fn came_in<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    if let Some((_, inner)) = text.split_once(" (") {
        let (interface, mac) = inner.trim_end_matches(')').split_once(' ').unwrap_or((inner, ""));
        event.push_str(f::OBSERVER_INGRESS_INTERFACE_NAME, interface.trim_end_matches(')'));
        device::push_mac(f::SOURCE_MAC, mac.trim(), arena, event);
    }
}

fn classify(class: &Class, taken: Option<&Taken<'_>>, event: &mut Event<'_>) {
    add(f::EVENT_CATEGORY, class.category, event);
    add(f::EVENT_TYPE, class.types, event);
    event.push_str(f::EVENT_ACTION, class.action);
    event.push_str(f::EVENT_OUTCOME, class.outcome);
    let said = |name: &str| taken.map_or("", |taken| taken.get(name));
    match device::verdict(said("verdict")) {
        Verdict::Allowed => {
            event.push(f::EVENT_ACTION, Value::Str("allow"));
            add(f::EVENT_TYPE, &["allowed"], event);
        }
        Verdict::Denied => {
            event.push(f::EVENT_ACTION, Value::Str("deny"));
            add(f::EVENT_TYPE, &["denied"], event);
        }
        Verdict::Unsaid => {}
    }
    match said("result").split([' ', '.', ',']).next() {
        Some("Succeeded" | "succeeded" | "successful" | "passed" | "Accepted" | "SUCCESS") => {
            event.push(f::EVENT_OUTCOME, Value::Str("success"));
        }
        Some("Failed" | "failed" | "denied" | "failure" | "FAILURE" | "FAILED") => {
            event.push(f::EVENT_OUTCOME, Value::Str("failure"))
        }
        _ => {}
    }
}
