//! DHCP servers: ISC dhcpd (v4 and v6) and Kea, from their files or behind a syslog header.
//!
//! The client is `source`: its address `source.ip` (of an ACK, offer, request or release), its MAC `source.mac`, its name
//! `source.domain`. `event.action` is the message's name (`DHCPACK`, `DHCP4_LEASE_ALLOC`).
//! Source: dhcpd(8), ISC dhcp `server/dhcp.c`; Kea Messages Manual.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::parser::{Context, Names, Parser, Reason};
use crate::{put, syslog, time};

/// Parser of DHCP servers' logs.
#[derive(Default)]
pub struct Dhcpd {
    names: Names,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "dhcpd"),
    (fields::EVENT_CATEGORY, "network"),
    (fields::NETWORK_PROTOCOL, "dhcp"),
    (fields::NETWORK_TRANSPORT, "udp"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "dhcp"),
];

/// How dhcpd's remarks start that are no DHCP message, for lines without its name.
static REMARKS: &[&str] =
    &["reuse_lease:", "uid lease ", "ICMP Echo reply while lease ", "Wrote ", "Dynamic and static leases present"];

impl Parser for Dhcpd {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let known = if let Some(text) = self.kea_header(line, context, event) {
            self.kea(text, arena, event);
            true
        } else {
            let head = syslog::parse(line, context);
            put::header(&head, event);
            event.push_str(fields::PROCESS_NAME, head.appname.unwrap_or(""));
            match self.kea_header(head.message, context, event) {
                Some(text) => {
                    self.kea(text, arena, event);
                    true
                }
                None if head.message.starts_with("DHCP4_") || head.message.starts_with("DHCP6_") => {
                    self.kea(head.message, arena, event);
                    true
                }
                None => {
                    event.push_str(fields::MESSAGE, head.message);
                    self.isc(head.message, arena, event)
                        || head.appname.is_some_and(|name| name.contains("dhcp") || name.contains("kea"))
                        || REMARKS.iter().any(|lead| head.message.starts_with(lead))
                }
            }
        };
        if !known {
            return Err(Reason("neither a DHCP message nor a DHCP server's line"));
        }
        put::constants(CONSTANT, event);
        if !event.has(fields::EVENT_TYPE) {
            put::words(fields::EVENT_TYPE, &["info"], event);
        }
        Ok(())
    }
}

impl Dhcpd {
    /// Reads a message of ISC's server that another device's log holds; whether it is one.
    pub(crate) fn message<'a>(&mut self, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> bool {
        event.push(fields::NETWORK_PROTOCOL, Value::Str("dhcp"));
        self.isc(text, arena, event)
    }

    fn own<'a>(&mut self, key: &str, value: &'a str, event: &mut Event<'a>) {
        if let Some(field) = self.names.field("dhcp.", key) {
            event.push_str(field, value);
        }
    }

    /// `DHCPACK on 192.0.2.5 to 00:00:5e:00:53:01 (pc1) via eth0`.
    fn isc<'a>(&mut self, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> bool {
        let (verb, rest) = put::word(text);
        if !verb.starts_with("DHCP") && !verb.starts_with("BOOT") {
            return self.isc_v6(text, event);
        }
        let verb = verb.trim_end_matches(':');
        event.push_str(fields::EVENT_ACTION, verb);
        let mut words = rest;
        loop {
            let (word, after) = put::word(words);
            match word {
                "" => break,
                "from" | "to" | "on" | "for" | "of" => {
                    let (value, next) = put::word(after);
                    client(value.trim_end_matches(':'), arena, event);
                    words = next;
                    continue;
                }
                "via" => {
                    let (value, next) = put::word(after);
                    self.via(value.trim_end_matches(':'), event);
                    if let Some(reason) = value.ends_with(':').then_some(next) {
                        event.push_str(fields::EVENT_REASON, reason);
                        put::words(fields::EVENT_TYPE, &["denied"], event);
                    }
                    break;
                }
                _ => {}
            }
            if let Some(inner) = word.strip_prefix('(').and_then(|word| word.strip_suffix(')')) {
                match (put::ip(inner), mac(inner, arena)) {
                    // The server that the client asked.
                    (Some(ip), _) => event.push(fields::DESTINATION_IP, Value::Ip(ip)),
                    (_, Some(mac)) => put::text(fields::SOURCE_MAC, mac, event),
                    _ => put::text(fields::SOURCE_DOMAIN, inner, event),
                }
            }
            words = after;
        }
        let kind = match verb {
            "DHCPACK" => "allowed",
            "DHCPNAK" => "denied",
            "DHCPRELEASE" => "end",
            _ => "protocol",
        };
        put::words(fields::EVENT_TYPE, &["connection", kind], event);
        put::words(fields::EVENT_TYPE, if kind == "protocol" { &["info"] } else { &["protocol", "info"] }, event);
        if let Some(outcome) = match verb {
            "DHCPACK" => Some("success"),
            "DHCPNAK" | "DHCPDECLINE" => Some("failure"),
            _ => None,
        } {
            event.push(fields::EVENT_OUTCOME, Value::Str(outcome));
        }
        true
    }

    /// How long a lease holds: the number between the lead and ` seconds`.
    fn lease_seconds<'a>(&mut self, text: &'a str, lead: &str, event: &mut Event<'a>) {
        if let Some(seconds) = put::between(text, lead, " seconds").filter(|text| text.parse::<u32>().is_ok()) {
            self.own("lease_seconds", seconds, event);
        }
    }

    fn via<'a>(&mut self, value: &'a str, event: &mut Event<'a>) {
        match put::ip(value) {
            Some(_) => self.own("relay", value, event),
            None => event.push_str(fields::OBSERVER_INGRESS_INTERFACE_NAME, value),
        }
    }

    /// `Solicit message from fe80::1 port 546, transaction ID 0x1`, `Reply NA: address 2001:db8::5 to client with duid ...`.
    fn isc_v6<'a>(&mut self, text: &'a str, event: &mut Event<'a>) -> bool {
        if let Some((verb, rest)) = text.split_once(" message from ") {
            event.push_str(fields::EVENT_ACTION, verb);
            let (address, rest) = put::word(rest);
            put::end(&put::SOURCE, address, event);
            put::port(
                fields::SOURCE_PORT,
                rest.strip_prefix("port ").unwrap_or("").split(',').next().unwrap_or(""),
                event,
            );
            return true;
        }
        if let Some((name, address)) =
            text.strip_prefix("Added new forward map from ").and_then(|rest| rest.split_once(" to "))
        {
            event.push_str(fields::EVENT_ACTION, "dns-update");
            event.push_str(fields::SOURCE_DOMAIN, name);
            put::end(&put::SOURCE, put::word(address).0, event);
            event.push(fields::EVENT_OUTCOME, Value::Str("success"));
            return true;
        }
        if let Some((address, why)) = text.strip_prefix("Abandoning IP address ").and_then(|rest| rest.split_once(": "))
        {
            event.push_str(fields::EVENT_ACTION, "abandon");
            put::end(&put::SOURCE, address, event);
            event.push_str(fields::EVENT_REASON, why);
            return true;
        }
        let Some((verb, rest)) = text.split_once(": address ") else { return false };
        let (address, rest) = put::word(rest);
        event.push_str(fields::EVENT_ACTION, verb);
        put::end(&put::SOURCE, address, event);
        if let Some((_, rest)) = rest.split_once("duid ") {
            self.own("duid", put::word(rest).0, event);
        }
        if verb.starts_with("Reply ") {
            put::words(fields::EVENT_TYPE, &["connection", "allowed"], event);
            event.push(fields::EVENT_OUTCOME, Value::Str("success"));
            self.lease_seconds(rest, " valid for ", event);
        } else if verb.starts_with("Release") {
            put::words(fields::EVENT_TYPE, &["connection", "end"], event);
        }
        true
    }

    /// `2026-11-20 10:00:00.123 INFO  [kea-dhcp4.leases/12.34] `: what follows.
    fn kea_header<'a>(&mut self, text: &'a str, context: &Context, event: &mut Event<'a>) -> Option<&'a str> {
        let (stamp, rest) = match time::iso_prefix(text, &context.zone) {
            Some((stamp, length)) => (Some(stamp), text.get(length..)?.trim_start()),
            None => (None, text),
        };
        let (level, rest) = put::word(rest);
        if !matches!(level, "DEBUG" | "INFO" | "WARN" | "ERROR" | "FATAL") {
            return None;
        }
        // Through syslog the logger is left out.
        if rest.starts_with("DHCP4_") || rest.starts_with("DHCP6_") {
            event.push_str(fields::LOG_LEVEL, level);
            if let Some(stamp) = stamp {
                event.set(fields::TIMESTAMP, Value::Time(stamp));
            }
            return Some(rest);
        }
        let (logger, rest) = rest.strip_prefix('[')?.split_once("] ")?;
        if let Some(stamp) = stamp {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
        }
        event.push_str(fields::LOG_LEVEL, level);
        event.push_str(fields::LOG_LOGGER, logger.split('/').next().unwrap_or(""));
        if let Some((_, pid)) = logger.split_once('/') {
            put::count(fields::PROCESS_PID, pid.split('.').next().unwrap_or(""), event);
        }
        Some(rest)
    }

    /// `DHCP4_LEASE_ALLOC [hwtype=1 00:00:5e:00:53:01], cid=[...], tid=0x1: lease 192.0.2.5 has been allocated`.
    fn kea<'a>(&mut self, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
        let (id, rest) = put::word(text);
        event.push_str(fields::EVENT_ACTION, id);
        event.push_str(fields::MESSAGE, rest);
        if let Some(hardware) = put::between(rest, "[hwtype=", "]").and_then(|inner| inner.split_once(' '))
            && let Some(mac) = mac(hardware.1, arena)
        {
            event.push(fields::SOURCE_MAC, Value::Str(mac));
        }
        if let Some(duid) = put::between(rest, "duid=[", "]") {
            self.own("duid", duid, event);
        }
        if let Some((_, tail)) = rest.split_once("tid=0x") {
            self.own("transaction_id", tail.split([':', ' ', ',', '.']).next().unwrap_or(""), event);
        }
        let lease =
            ["lease for address ", "lease ", "address ", "for addr "].iter().find_map(|lead| rest.split_once(lead));
        if let Some((_, lease)) = lease {
            let address = put::word(lease).0.trim_end_matches([',', '.']);
            if put::ip(address).is_some() {
                put::end(&put::SOURCE, address, event);
            }
        }
        // Packets received and sent tell where.
        if id.contains("_PACKET_")
            && let Some((_, interface)) = rest.rsplit_once(" on interface ")
        {
            event.push_str(fields::OBSERVER_INGRESS_INTERFACE_NAME, put::word(interface).0);
        }
        if id.ends_with("_ALLOC") || id.ends_with("_RENEW") {
            put::words(fields::EVENT_TYPE, &["connection", "allowed"], event);
            event.push(fields::EVENT_OUTCOME, Value::Str("success"));
            self.lease_seconds(rest, " for ", event);
        } else if matches!(id, "DHCP4_RELEASE" | "DHCP6_RELEASE_NA") {
            put::words(fields::EVENT_TYPE, &["connection", "end"], event);
        } else if id.contains("FAIL") || id.contains("_NAK") || id.contains("DECLINE") {
            put::words(fields::EVENT_TYPE, &["connection", "error"], event);
            event.push(fields::EVENT_OUTCOME, Value::Str("failure"));
        }
    }
}

/// A client's address or MAC.
fn client<'a>(value: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    if let Some(mac) = mac(value, arena) {
        put::text(fields::SOURCE_MAC, mac, event);
    } else if put::ip(value).is_some() {
        put::end(&put::SOURCE, value, event);
    }
}

/// A MAC in ECS's form, `00-00-5E-00-53-01`.
pub(crate) fn mac<'a>(text: &str, arena: &'a Bump) -> Option<&'a str> {
    let digits: bumpalo::collections::String<'a> = bumpalo::collections::String::from_iter_in(
        text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).map(|c| c.to_ascii_uppercase()),
        arena,
    );
    if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) || !text.contains([':', '-', '.']) {
        return None;
    }
    let mut mac = bumpalo::collections::String::with_capacity_in(17, arena);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 2 == 0 {
            mac.push('-');
        }
        mac.push(digit);
    }
    Some(mac.into_bump_str())
}
