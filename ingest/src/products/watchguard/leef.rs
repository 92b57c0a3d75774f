//! The Firebox's other syslog format, IBM LEEF: `LEEF:1.0|WatchGuard|XTM|12.8.2|30000151|policy=DNS-00<TAB>disp=Allow<TAB>...`.
//!
//! Attributes are separated by tabs, which relays write as `#011`; the head may have lost its `LEEF:`. What the native
//! format says in words stands in `msg`. Source: WatchGuard Fireware Log Catalog; Fireware Help, "Configure Syslog Server
//! Settings" (IBM LEEF).

use bumpalo::Bump;
use stream::{Event, Value, fields as f};

use super::Watchguard;
use crate::device::{self, Verdict};
use crate::keyed::{Pairs, To};
use crate::parser::Context;
use crate::{protocols, syslog, time};

/// What the attributes stand for; the names of the native format are read as there.
pub(super) static KEYS: &[(&str, To)] = &[
    ("devTime", To::Held),
    ("devTimeFormat", To::Held),
    ("serial", To::Text(f::OBSERVER_SERIAL_NUMBER)),
    ("sys_name", To::Text(f::OBSERVER_NAME)),
    ("host_name", To::Text(f::OBSERVER_NAME)),
    ("policy", To::Held),
    ("disp", To::Held),
    ("in_if", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("out_if", To::Text(f::OBSERVER_EGRESS_INTERFACE_NAME)),
    ("src", To::Ip(f::SOURCE_IP)),
    ("dst", To::Ip(f::DESTINATION_IP)),
    ("srcPort", To::Int(f::SOURCE_PORT)),
    ("dstPort", To::Int(f::DESTINATION_PORT)),
    ("srcPostNAT", To::Ip(f::SOURCE_NAT_IP)),
    ("srcPostNATPort", To::Int(f::SOURCE_NAT_PORT)),
    ("srcPostNATPORT", To::Int(f::SOURCE_NAT_PORT)),
    ("dstPostNAT", To::Ip(f::DESTINATION_NAT_IP)),
    ("dstPostNATPort", To::Int(f::DESTINATION_NAT_PORT)),
    ("dstPostNATPORT", To::Int(f::DESTINATION_NAT_PORT)),
    ("proto", To::Held),
];

/// The head's columns and the attributes behind them, and where the head starts.
fn head(line: &str) -> Option<(usize, [&str; 3], &str)> {
    let at = line.find("|WatchGuard|")?;
    let start = line[..at].rfind(' ').map_or(0, |blank| blank + 1);
    let mut columns = line[at + 12..].splitn(4, '|');
    let head = [columns.next()?, columns.next()?, columns.next()?];
    Some((start, head, columns.next()?))
}

/// Reads a line of this format; whether it is one.
pub(super) fn read<'a>(
    parser: &mut Watchguard,
    line: &'a str,
    context: &Context,
    arena: &'a Bump,
    event: &mut Event<'a>,
) -> bool {
    let Some((start, [product, version, code], text)) = head(line) else { return false };
    let header = syslog::parse(line[..start].trim_end(), context);
    device::observer("WatchGuard", "Firebox", "firewall", event);
    event.push_str(f::OBSERVER_PRODUCT, product);
    event.push_str(f::OBSERVER_VERSION, version);
    event.push(f::EVENT_MODULE, Value::Str("watchguard"));
    event.push(f::EVENT_KIND, Value::Str("event"));
    event.push_str(f::EVENT_CODE, code);
    let mut pairs = Pairs::new_in(arena);
    let tabs = text.contains('\t');
    let mut put = |part: &'a str, event: &mut Event<'a>| {
        if let Some((key, value)) = part.split_once('=') {
            parser.keys.put(key.trim(), Value::Str(value.trim()), &mut pairs, arena, event);
        }
    };
    if tabs {
        text.split('\t').for_each(|part| put(part, event));
    } else {
        text.split("#011").for_each(|part| put(part, event));
    }
    // `Sep 23 2022 09:51:24 +0200`.
    let stamp = time::rfc3164_prefix(pairs.get("devTime"), context).map(|(stamp, _)| stamp);
    device::push_time(f::TIMESTAMP, stamp, event);
    device::apply(&syslog::Header { appname: None, ..header }, event);
    let message = pairs.get("msg");
    event.push_str(f::EVENT_REASON, message);
    if event.has(f::SOURCE_IP) {
        traffic(&pairs, event);
    } else {
        event.remove(f::MESSAGE);
        parser.other(message, arena, event);
    }
    true
}

fn traffic<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    let policy = pairs.get("policy");
    if !event.has(f::RULE_NAME) {
        event.push_str(f::RULE_NAME, policy);
    }
    event.push_str(f::RULE_RULESET, policy);
    protocols::push(pairs.get("proto"), event);
    let action = pairs.get("disp");
    event.push_str(f::EVENT_ACTION, action);
    super::judged(
        match action {
            "" => Verdict::Unsaid,
            "Allow" => Verdict::Allowed,
            _ => Verdict::Denied,
        },
        event,
    );
    super::proxied(pairs, event);
}
