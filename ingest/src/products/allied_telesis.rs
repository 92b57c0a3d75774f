//! Allied Telesis: AlliedWare Plus switches and AR firewalls, and the older CentreCOM routers.
//!
//! | Line | Feature |
//! |---|---|
//! | `kernel: Firewall rule 10: DENY IN=eth1 OUT=vlan1 SRC=... DST=... PROTO=TCP SPT=5000 DPT=22` | firewall rules; `Firewall: DENY` is the default rule |
//! | `Firewall: NEW proto=tcp orig_src=... orig_dst=... orig_sport=... reply_src=...`, `END ... orig_pkts=... reply_bytes=...` | connection logging, with the addresses behind NAT |
//! | `IPS[2039]: [Drop] IPREP: message [tcp] a:p -> b:p`, `[Alert] MALWARE: ... URL:http://...` | IPS, IP reputation, malware protection |
//! | `IPS[2039]: [Drop] URLFILTER: URL:http://.../ [http] a:p -> b:p`, `[Http] URL:... a:p -> b:p` | URL filtering, URL requests |
//! | `IMISH[1234]: [manager@192.0.2.50]configure terminal` | commands |
//!
//! The program before the text is `log.logger`. The log as the device prints it (`date time facility.severity host
//! program[pid]: text`) is read too. Source: AlliedWare Plus, Advanced Network Protection feature overview (logging);
//! command reference, logging.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use super::router::{self, Device, Line};
use crate::parser::{Context, Parser, Reason};
use crate::row::{Row, Table};
use crate::{device, flow_text, json_keys, put};

/// Parser of this product.
#[derive(Default)]
pub struct AlliedTelesis {}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_MODULE, "allied_telesis"),
    (fields::OBSERVER_VENDOR, "Allied Telesis"),
    (fields::OBSERVER_PRODUCT, "AlliedWare Plus"),
    (fields::OBSERVER_TYPE, "switch"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "allied_telesis"),
];

static CONNECTION: &Table = &[
    ("orig_src", fields::SOURCE_IP),
    ("orig_dst", fields::DESTINATION_IP),
    ("orig_sport", fields::SOURCE_PORT),
    ("orig_dport", fields::DESTINATION_PORT),
    ("orig_pkts", fields::SOURCE_PACKETS),
    ("orig_bytes", fields::SOURCE_BYTES),
    ("reply_pkts", fields::DESTINATION_PACKETS),
    ("reply_bytes", fields::DESTINATION_BYTES),
];

static DEVICE: Device = Device { constant: CONSTANT, leads: &[], read };

impl Parser for AlliedTelesis {
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
    let text = line.text;
    if let Some(at) = text.find("orig_src=") {
        connection(text, at, line.arena, event);
        return Some("firewall");
    }
    if line.program.starts_with("IPS") && text.starts_with('[') {
        return protection(text, line.arena, event);
    }
    if let Some(rest) = text.strip_prefix("Firewall") {
        // The common reader takes the packet; only the rule is the product's own.
        let rule = rest.trim_start().strip_prefix("rule ").and_then(|rest| rest.split_once(':'));
        event.push_str(fields::RULE_ID, rule.map_or("", |(rule, _)| rule));
    }
    None
}

/// `NEW proto=tcp orig_src=...`: the reply's addresses are the other side of NAT.
fn connection<'a>(text: &'a str, at: usize, arena: &'a Bump, event: &mut Event<'a>) {
    let row = Row::of_pairs(text, b' ', arena);
    row.put(CONNECTION, event);
    flow_text::transport(row.get(&["proto"]), event);
    for (key, ip, real) in [
        ("reply_src", fields::DESTINATION_NAT_IP, fields::DESTINATION_IP),
        ("reply_dst", fields::SOURCE_NAT_IP, fields::SOURCE_IP),
    ] {
        if let Some(address) = put::ip(row.get(&[key])).filter(|address| event.get_ip(real) != Some(*address)) {
            event.push(ip, Value::Ip(address));
        }
    }
    for (key, port, real) in [
        ("reply_sport", fields::DESTINATION_NAT_PORT, fields::DESTINATION_PORT),
        ("reply_dport", fields::SOURCE_NAT_PORT, fields::SOURCE_PORT),
    ] {
        if let Some(number) = row.get(&[key]).parse().ok().filter(|number| event.get_int(real) != Some(*number)) {
            event.push(port, Value::Int(number));
        }
    }
    device::push_totals(event);
    router::packet_class(event);
    let ended = text[..at].contains("END ");
    put::words(fields::EVENT_TYPE, &["allowed", if ended { "end" } else { "start" }], event);
    flow_text::outcome(event);
    event.push_str(fields::NETWORK_APPLICATION, row.get(&["application", "app"]));
    event.push(fields::EVENT_ACTION, Value::Str(if ended { "END" } else { "NEW" }));
}

/// `[Drop] IPREP: message URL:http://... [http] a:p -> b:p`.
fn protection<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> Option<&'static str> {
    let (action, rest) = text.strip_prefix('[')?.split_once(']')?;
    flow_text::packet(rest, event)?;
    event.push_str(fields::EVENT_ACTION, action);
    router::packet_class(event);
    if let Some((lead, after)) = rest.split_once("URL:") {
        let url = put::word(after).0;
        event.push_str(fields::URL_ORIGINAL, url);
        if url.contains("://") {
            event.push_str(fields::URL_FULL, url);
        }
        super::squid::url::push(url, event);
        names(lead, event);
    } else {
        names(rest.rsplit_once(" [").map_or(rest, |(lead, _)| lead), event);
    }
    if let Some((_, protocol)) = rest.rsplit_once(" [").and_then(|(_, inner)| inner.split_once(']').map(|p| (p.1, p.0)))
    {
        if !event.has(fields::NETWORK_TRANSPORT) {
            flow_text::transport(protocol, event);
        }
        if !event.has(fields::NETWORK_TRANSPORT) {
            json_keys::lower(fields::NETWORK_PROTOCOL, protocol, arena, event);
        }
    }
    match action.to_ascii_lowercase().as_str() {
        "drop" => put::words(fields::EVENT_TYPE, &["denied"], event),
        _ => put::words(fields::EVENT_TYPE, &["allowed"], event),
    }
    flow_text::outcome(event);
    if matches!(event.get_str(fields::RULE_CATEGORY), None | Some("URLFILTER")) {
        put::words(fields::EVENT_CATEGORY, &["web"], event);
    } else {
        event.set(fields::EVENT_KIND, Value::Str("alert"));
        put::words(fields::EVENT_CATEGORY, &["intrusion_detection"], event);
    }
    Some("firewall")
}

/// `IPREP: DDoSAttacker: message`: the feature and the rule.
fn names<'a>(text: &'a str, event: &mut Event<'a>) {
    if let Some((feature, message)) = text.trim().split_once(':') {
        event.push_str(fields::RULE_CATEGORY, feature);
        event.push_str(fields::RULE_NAME, message.trim());
    }
}
