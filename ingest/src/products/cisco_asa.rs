//! Cisco ASA, PIX and FWSM system log messages, and those that FTD shares with them: `%ASA-6-302013: Built ...`.
//!
//! | Header before the tag | Where it is met |
//! |---|---|
//! | none, `<PRI>`, `<PRI>Nov 20 2026 10:00:00: `, with a host name, with `: ` | `logging timestamp`, `logging device-id` |
//! | `<PRI>2026-11-20T10:00:00Z host : `, `<PRI>:Nov 20 10:00:00 JST: ` | `logging timestamp rfc5424`, EMBLEM |
//! | `Nov 20 10:00:00 host CiscoASA[999]: ` | relays |
//! | `<PRI>1 2026-11-20T10:00:00Z host app - - - ` | relays |
//!
//! The tag is `%ASA-LEVEL-NUMBER`, `%ASA-CLASS-LEVEL-NUMBER` (`session`, `vpn`...) or `%ASA--LEVEL-NUMBER`. Messages of
//! known numbers are read by templates (see `messages`); of all others number, level and text are kept. The first end
//! of `Built outbound` is the server, so it becomes the destination. An address that is a name (`names` is on) becomes
//! a domain. Source: Cisco Secure Firewall ASA Series Syslog Messages.

mod endpoint;
mod messages;

use bumpalo::Bump;
use stream::{Event, Value, fields as f};

use self::endpoint::Side;
use self::messages::{Class, Message};
use crate::device::{self, add};
use crate::parser::{Context, Parser, Reason};
use crate::template::{self, Taken};
use crate::{community_id, protocols, syslog};

/// Parser of ASA messages.
#[derive(Default)]
pub struct CiscoAsa;

/// A message's tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// `ASA`, `PIX`, `FWSM`, `FTD`.
    pub(super) product: &'a str,
    pub(super) level: u8,
    pub(super) number: &'a str,
    /// Where the tag's `%` stands, and where the text starts.
    pub(super) start: usize,
    pub(super) text: usize,
}

impl Parser for CiscoAsa {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let tag = tag(line).ok_or(Reason("no %ASA tag with a level and a number"))?;
        header(&tag, line, context, event);
        device::observer("Cisco", "asa", "firewall", event);
        event.push(f::EVENT_MODULE, Value::Str("cisco_asa"));
        device::logsource("cisco", "", "asa", event);
        message(&tag, line, arena, event);
        Ok(())
    }
}

/// Finds the tag.
pub(super) fn tag(line: &str) -> Option<Tag<'_>> {
    const PRODUCTS: [&str; 5] = ["ASA", "FTD", "PIX", "FWSM", "NGIPS"];
    for start in memchr::memchr_iter(b'%', line.as_bytes()).take(16) {
        let rest = &line[start + 1..];
        let Some(product) = PRODUCTS.iter().find(|product| rest.starts_with(**product)) else { continue };
        let mut after = rest[product.len()..].strip_prefix('-')?;
        // `--6-` and `-session-6-`.
        if !after.starts_with(|first: char| first.is_ascii_digit()) {
            after = after.split_once('-')?.1;
        }
        let (level, after) = after.split_once('-')?;
        let digits = after.bytes().take(8).take_while(u8::is_ascii_digit).count();
        let level = level.parse().ok().filter(|level| *level < 8)?;
        if digits == 0 {
            return None;
        }
        let text = after[digits..].trim_start_matches([':', ' ']);
        return Some(Tag { product, level, number: &after[..digits], start, text: line.len() - text.len() });
    }
    None
}

/// Sets what stands before the tag, and the tag itself.
pub(super) fn header<'a>(tag: &Tag<'a>, line: &'a str, context: &Context, event: &mut Event<'a>) {
    let prefix = line[..tag.start].trim_end();
    // EMBLEM writes a colon behind the priority.
    let (priority, rest) = syslog::without_priority(prefix);
    let header = match (priority, rest.strip_prefix(':')) {
        (Some(_), Some(rest)) => syslog::Header { priority, ..syslog::parse(rest, context) },
        _ => syslog::parse(prefix, context),
    };
    device::apply(&header, event);
    // `2026-11-20T10:00:00Z host :` leaves the host as the message.
    let left = header.message.trim_end_matches([':', ' ', '-']);
    let word = !left.is_empty() && !left.contains([' ', '<', '>']);
    if header.hostname.is_none() && header.appname.is_none() && header.timestamp.is_some() && word {
        event.push_str(f::OBSERVER_NAME, left);
    }
    let name: &'a str = event.get_str(f::OBSERVER_NAME).unwrap_or("");
    event.push_str(f::HOST_HOSTNAME, name);
    if header.hostname.is_some() {
        event.push_str(f::PROCESS_NAME, header.appname.unwrap_or(""));
        device::push_int(f::PROCESS_PID, header.procid.unwrap_or(""), event);
    }
    event.push_str(f::EVENT_CODE, tag.number);
    event.push(f::EVENT_SEVERITY, Value::Int(i64::from(tag.level)));
    event.push(f::LOG_LEVEL, Value::Str(device::LEVELS[usize::from(tag.level & 7)]));
    event.push(f::EVENT_KIND, Value::Str("event"));
}

/// Sets what the text says.
pub(super) fn message<'a>(tag: &Tag<'a>, line: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    let text = line[tag.text..].trim_end();
    event.push_str(f::MESSAGE, text);
    let message = messages::find(tag.number);
    let taken = message.and_then(|message| template::first(message.templates, text));
    if let Some(taken) = &taken {
        put_all(taken, arena, event);
    }
    classify(message, taken.as_ref(), event);
    icmp_id(text, arena, event);
    community_id::push(arena, event);
}

fn put_all<'a>(taken: &Taken<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let outbound = taken.get("direction").eq_ignore_ascii_case("outbound");
    for (name, text) in taken.iter() {
        if !text.is_empty() {
            put(name, text, outbound, arena, event);
        }
    }
    let icmp = event.get_str(f::NETWORK_TRANSPORT).is_some_and(|name| name.contains("icmp"));
    if icmp {
        // What stands behind the slash is an identifier.
        event.remove(f::SOURCE_PORT);
        event.remove(f::DESTINATION_PORT);
        if !event.has(f::NETWORK_PROTOCOL) {
            event.push(f::NETWORK_PROTOCOL, Value::Str("icmp"));
        }
    }
    let mapped = device::address(taken.get("gaddr").split('/').next().unwrap_or(""));
    if let Some(mapped) = mapped.filter(|mapped| event.get_ip(f::SOURCE_IP) != Some(*mapped)) {
        event.push(f::SOURCE_NAT_IP, Value::Ip(mapped));
    }
    if let Some(seconds) = Some(taken.get("duration")).and_then(device::clock_seconds) {
        if let Some(time) = event.get(f::TIMESTAMP)
            && !event.has(f::EVENT_END)
        {
            event.push(f::EVENT_END, time);
        }
        device::push_duration(seconds, event);
    }
}

/// Sets what a template's name took.
fn put<'a>(name: &str, text: &'a str, outbound: bool, arena: &'a Bump, event: &mut Event<'a>) {
    match name {
        "source" => endpoint::push(text, Side::Source, event),
        "destination" => endpoint::push(text, Side::Destination, event),
        // The first end of a connection is the lower-security one: the client of an inbound connection.
        "one" => endpoint::push(text, if outbound { Side::Destination } else { Side::Source }, event),
        "two" => endpoint::push(text, if outbound { Side::Source } else { Side::Destination }, event),
        "protocol" => transport(text, arena, event),
        "application" => event.push_str(f::NETWORK_PROTOCOL, device::lower(text, arena)),
        "direction" => event.push_str(f::NETWORK_DIRECTION, device::lower(text, arena)),
        "ingress" => event.push_str(f::OBSERVER_INGRESS_INTERFACE_NAME, text),
        "egress" => event.push_str(f::OBSERVER_EGRESS_INTERFACE_NAME, text),
        "user" => device::push_user(endpoint::without_local(text.trim_matches(['\'', '"', '<', '>'])), event),
        "target" => event.push_str(f::USER_TARGET_NAME, text.trim_matches(['\'', '"', '<', '>'])),
        "group" => event.push_str(f::USER_GROUP_NAME, text.trim_matches(['\'', '"', '<', '>'])),
        "reason" => event.push_str(f::EVENT_REASON, text.strip_suffix('.').unwrap_or(text)),
        "agent" => event.push_str(f::USER_AGENT_ORIGINAL, text),
        "nat" => {
            device::push_ip(f::SOURCE_NAT_IP, text.trim_matches(['<', '>']), event);
        }
        "destination_url" => {
            let (server, url) = text.split_once(':').unwrap_or((text, ""));
            endpoint::push(server, Side::Destination, event);
            put("url", url, outbound, arena, event);
        }
        "bytes" => device::push_int(f::NETWORK_BYTES, text, event),
        "tail" => tail(text, event),
        "sent" => device::push_int(f::SOURCE_BYTES, text, event),
        "received" => device::push_int(f::DESTINATION_BYTES, text, event),
        "rule" => event.push_str(f::RULE_NAME, text.trim_matches('"')),
        "command" => event.push_str(f::PROCESS_COMMAND_LINE, text.trim_matches('\'')),
        "file" => event.push_str(f::FILE_NAME, text),
        "domain" => event.push_str(f::DESTINATION_DOMAIN, text),
        "url" => {
            event.push_str(f::URL_ORIGINAL, text);
            super::squid::url::push(text, event);
        }
        _ => {}
    }
}

fn transport<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    if !protocols::push(text, event) {
        event.push_str(f::NETWORK_TRANSPORT, device::lower(text, arena));
    }
}

/// What follows `bytes `: the count, a reason, `from INTERFACE` and a user in parentheses.
fn tail<'a>(text: &'a str, event: &mut Event<'a>) {
    let (bytes, rest) = text.split_once(' ').unwrap_or((text, ""));
    device::push_int(f::NETWORK_BYTES, bytes, event);
    let mut reason = rest.trim();
    if let Some((before, user)) = reason.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) {
        device::push_user(endpoint::without_local(user), event);
        reason = before.trim_end();
    }
    reason = reason.split(" from ").next().unwrap_or("");
    event.push_str(f::EVENT_REASON, reason);
}

/// `type 8, code 0` or `type 8 code 0`, anywhere in the text of an ICMP message.
fn icmp_id<'a>(text: &str, arena: &'a Bump, event: &mut Event<'a>) {
    if event.get_str(f::NETWORK_TRANSPORT) != Some("icmp") {
        return;
    }
    let digits = |text: &str| -> Option<u8> {
        let end = text.bytes().take_while(u8::is_ascii_digit).count();
        text[..end].parse().ok()
    };
    let found = text.split_once("type ").and_then(|(_, rest)| {
        let (_, code) = rest.split_once("code ")?;
        Some((digits(rest)?, digits(code)?))
    });
    if let Some((kind, code)) = found {
        community_id::push_icmp(kind, code, arena, event);
    }
}

/// Sets action, outcome, category and type.
fn classify<'a>(message: Option<&Message>, taken: Option<&Taken<'a>>, event: &mut Event<'a>) {
    let class = match taken.map_or("", |taken| taken.get("verdict")) {
        "permitted" | "est-allowed" | "Successful" | "accepted" | "Permitted" => Class::ALLOWED,
        "denied" | "Denied" | "denied by ACL" => Class::DENIED,
        _ => message.map_or(Class::INFO, |message| message.class),
    };
    event.push(f::EVENT_ACTION, Value::Str(class.action));
    event.push_str(f::EVENT_OUTCOME, class.outcome);
    add(f::EVENT_CATEGORY, class.category, event);
    add(f::EVENT_TYPE, class.types, event);
    if class.types.contains(&"denied") || class.types.contains(&"allowed") {
        event.push(f::SEKISHO_LOGSOURCE_CATEGORY, Value::Str("firewall"));
    }
}

#[cfg(test)]
mod tests;
