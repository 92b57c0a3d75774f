//! Linux netfilter log lines: iptables and nftables `LOG`, ufw, firewalld, Shorewall, UniFi, EdgeOS and VyOS.
//!
//! `IN=eth0 OUT= MAC=... SRC=192.0.2.1 DST=... LEN=52 TTL=64 PROTO=TCP SPT=1 DPT=2 SYN` behind any syslog header; what
//! stands between the program (`kernel:`) and the first key is the administrator's prefix.
//!
//! | Prefix | Read as |
//! |---|---|
//! | `[UFW BLOCK] ` | action `block` |
//! | `[WAN_LOCAL-4000-D]`, `[ipv4-INP-filter-default-D]` | rule set, rule, and A, D or R for accept, drop, reject |
//! | `Shorewall:net-fw:DROP:` | chain `net-fw`, action `drop` |
//! | `iptables DROP_INPUT: `, `FINAL_REJECT: ` | the last word in lower case; DROP, REJECT, ACCEPT... in it is the verdict |
//!
//! A packet quoted by an ICMP error (in brackets at the end) is not read. Source: Linux kernel, nf_log_syslog.c; ufw(8);
//! UniFi and EdgeOS firewall documentation.

use bumpalo::Bump;
use stream::{Event, Value, fields as f};

use crate::device::{self, Verdict, add};
use crate::keyed::{Keys, Pairs, To};
use crate::parser::{Context, Parser, Reason};
use crate::{community_id, protocols, syslog};

/// Parser of netfilter lines.
pub struct Iptables {
    keys: Keys,
}

impl Default for Iptables {
    fn default() -> Self {
        Iptables { keys: Keys::new("iptables.", &[KEYS]) }
    }
}

static KEYS: &[(&str, To)] = &[
    ("in", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("out", To::Text(f::OBSERVER_EGRESS_INTERFACE_NAME)),
    ("src", To::Ip(f::SOURCE_IP)),
    ("dst", To::Ip(f::DESTINATION_IP)),
    ("spt", To::Int(f::SOURCE_PORT)),
    ("dpt", To::Int(f::DESTINATION_PORT)),
    ("mac", To::Held),
    ("macsrc", To::Mac(f::SOURCE_MAC)),
    ("macdst", To::Mac(f::DESTINATION_MAC)),
    ("proto", To::Held),
    ("descr", To::Text(f::RULE_DESCRIPTION)),
    ("uid", To::Text(f::USER_ID)),
    ("vlan", To::Text(f::NETWORK_VLAN_ID)),
];

/// Keys that can stand first.
const FIRST: [&str; 8] = ["IN=", "OUT=", "PHYSIN=", "MAC=", "SRC=", "TTL=", "LEN=", "PROTO="];

impl Parser for Iptables {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let body = body_start(line).ok_or(Reason("no netfilter key (IN=, SRC=, PROTO=) in the line"))?;
        let header = syslog::parse(&line[..body], context);
        device::apply(&syslog::Header { appname: None, ..header }, event);
        event.push_str(f::PROCESS_NAME, header.appname.unwrap_or(""));
        device::observer("", "", "firewall", event);
        event.push(f::EVENT_MODULE, Value::Str("iptables"));
        event.push(f::EVENT_KIND, Value::Str("event"));
        add(f::EVENT_CATEGORY, &["network"], event);
        device::logsource("linux", "firewall", "iptables", event);
        let pairs = self.pairs(&line[body..], arena, event);
        if pairs.is_empty() {
            return Err(Reason("no value behind a netfilter key"));
        }
        prefix(header.message, arena, event);
        meaning(&pairs, arena, event);
        Ok(())
    }
}

/// Where the first key stands.
fn body_start(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let starts = FIRST.iter().filter_map(|key| {
        memchr::memmem::find_iter(bytes, key.as_bytes())
            .find(|at| *at == 0 || matches!(bytes[at - 1], b' ' | b':' | b']' | b'"' | b'\t'))
    });
    starts.min()
}

impl Iptables {
    fn pairs<'a>(&mut self, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> Pairs<'a> {
        let mut pairs = Pairs::new_in(arena);
        // An ICMP error quotes the packet it is about.
        let text = text.split(" [").next().unwrap_or(text);
        for word in text.split_ascii_whitespace() {
            match word.split_once('=') {
                Some((key, value)) if !key.is_empty() && key.len() <= 16 => {
                    self.keys.put(device::lower(key, arena), Value::Str(value), &mut pairs, arena, event);
                }
                None if matches!(word, "SYN" | "ACK" | "FIN" | "RST" | "PSH" | "URG" | "ECE" | "CWR" | "DF" | "MF") => {
                    self.keys.own("flags", Value::Str(word), event);
                }
                _ => {}
            }
        }
        pairs
    }
}

/// Sets what the administrator's prefix says.
fn prefix<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    let mut text = text.rsplit_once("kernel:").map_or(text, |(_, rest)| rest).trim();
    // The kernel's clock: `[12345.678901] `.
    if let Some((clock, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        && clock.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b' '))
    {
        text = rest.trim();
    }
    let text = text.trim_end_matches("DESCR=").trim();
    if let Some(inner) = text.strip_prefix('[').and_then(|inner| inner.split(']').next()) {
        bracketed(inner.trim(), arena, event);
    } else if let Some(rest) = text.strip_prefix("Shorewall:") {
        let mut parts = rest.trim_end_matches(':').split(':');
        event.push_str(f::RULE_NAME, parts.next().unwrap_or(""));
        act(device::lower(parts.next().unwrap_or(""), arena), event);
    } else if let Some(word) = text.trim_end_matches([':', '-', ' ', '>', '=']).rsplit([' ', ':']).next() {
        act(device::lower(word, arena), event);
    }
}

fn bracketed<'a>(inner: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    if let Some(action) = inner.strip_prefix("UFW ") {
        return act(device::lower(action, arena), event);
    }
    let verdict = match inner.rsplit_once('-') {
        Some((rest, "A")) => Some((rest, "accept")),
        Some((rest, "D")) => Some((rest, "drop")),
        Some((rest, "R")) => Some((rest, "reject")),
        _ => None,
    };
    match verdict {
        Some((rest, action)) => {
            let (name, number) = rest.rsplit_once('-').unwrap_or((rest, ""));
            event.push_str(f::RULE_NAME, name);
            event.push_str(f::RULE_ID, number);
            act(action, event);
        }
        None => act(device::lower(inner, arena), event),
    }
}

/// Sets the action, and the verdict if one of the words in it is one.
fn act<'a>(action: &'a str, event: &mut Event<'a>) {
    event.push_str(f::EVENT_ACTION, action);
    let mut said = action.split(|letter: char| !letter.is_ascii_alphanumeric());
    let Some(word) = said.rfind(|word| device::verdict(word) != Verdict::Unsaid) else { return };
    device::push_verdict(device::verdict(word), event);
    add(f::EVENT_TYPE, &["connection"], event);
    // A prefix with more than the verdict names the rule.
    if word.len() < action.len() && !event.has(f::RULE_NAME) {
        event.push_str(f::RULE_NAME, action);
    }
}

fn meaning<'a>(pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let protocol = pairs.get("proto");
    if !protocol.is_empty() && !protocols::push(protocol, event) {
        event.push_str(f::NETWORK_TRANSPORT, device::lower(protocol, arena));
    }
    match event.get_ip(f::SOURCE_IP) {
        Some(std::net::IpAddr::V4(_)) => event.push(f::NETWORK_TYPE, Value::Str("ipv4")),
        Some(std::net::IpAddr::V6(_)) => event.push(f::NETWORK_TYPE, Value::Str("ipv6")),
        None => {}
    }
    // Destination, source and protocol of the Ethernet header.
    let mac = pairs.get("mac");
    if let (Some(destination), Some(source)) = (mac.get(..17), mac.get(18..35)) {
        device::push_mac(f::DESTINATION_MAC, destination, arena, event);
        device::push_mac(f::SOURCE_MAC, source, arena, event);
    }
    if let (Some(kind), Some(code)) = (pairs.int("type"), pairs.int("code"))
        && event.get_str(f::NETWORK_TRANSPORT).is_some_and(|name| name.contains("icmp"))
    {
        let (kind, code) = (u8::try_from(kind).unwrap_or(0), u8::try_from(code).unwrap_or(0));
        community_id::push_icmp(kind, code, arena, event);
    }
    community_id::push(arena, event);
}
