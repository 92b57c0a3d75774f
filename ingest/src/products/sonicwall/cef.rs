//! SonicOS in ArcSight's format: `CEF:0|SonicWall|NSa 2700|7.0.1|537|Connection Closed|4|src=192.0.2.1 spt=40000 ...`.
//!
//! The keys are CEF's, but the custom ones hold their value in the label: `cs1Label` and `snpt` are the translated source,
//! `cs3Label` and `cs4Label` the zones, `cn1Label` to `cn3Label` packets and milliseconds, `cs1` the rule; quotes stay
//! around a value. Source: SonicOS Log Events Reference Guide, "ArcSight CEF fields".

use bumpalo::Bump;
use stream::{Event, Value, fields as f};

use crate::keyed::{Keys, Pairs, To};

/// What CEF's keys stand for here; the others are those of the native formats.
pub(super) static KEYS: &[(&str, To)] = &[
    ("smac", To::Mac(f::SOURCE_MAC)),
    ("dmac", To::Mac(f::DESTINATION_MAC)),
    ("spt", To::Int(f::SOURCE_PORT)),
    ("dpt", To::Int(f::DESTINATION_PORT)),
    ("deviceInboundInterface", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("deviceOutboundInterface", To::Text(f::OBSERVER_EGRESS_INTERFACE_NAME)),
    ("cs1Label", To::Ip(f::SOURCE_NAT_IP)),
    ("snpt", To::Int(f::SOURCE_NAT_PORT)),
    ("cs2Label", To::Ip(f::DESTINATION_NAT_IP)),
    ("dnpt", To::Int(f::DESTINATION_NAT_PORT)),
    ("cs3Label", To::Text(f::OBSERVER_INGRESS_ZONE)),
    ("cs4Label", To::Text(f::OBSERVER_EGRESS_ZONE)),
    ("susr", To::Held),
    ("out", To::Int(f::SOURCE_BYTES)),
    ("in", To::Int(f::DESTINATION_BYTES)),
    ("cn1Label", To::Int(f::DESTINATION_PACKETS)),
    ("cn2Label", To::Int(f::SOURCE_PACKETS)),
    ("cn3Label", To::Held),
    ("cs1", To::Held),
    ("cnt", To::Held),
    ("request", To::Held),
    ("version", To::Text(f::OBSERVER_VERSION)),
];

/// Where such a line's `CEF:` stands.
pub(super) fn start(line: &str) -> Option<usize> {
    let vendor = line.find("|SonicWall|")?;
    line[..vendor].rfind("CEF:")
}

/// Reads head and extension under the names of the native formats.
pub(super) fn read<'a>(text: &'a str, keys: &mut Keys, pairs: &mut Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let mut columns = text.splitn(8, '|').skip(2);
    for key in ["model", "version", "m", "msg", "pri"] {
        keys.put(key, Value::Str(columns.next().unwrap_or("")), pairs, arena, event);
    }
    for (key, value) in crate::products::generic::extension(columns.next().unwrap_or("")) {
        keys.put(key, Value::Str(value.trim_matches('"').trim()), pairs, arena, event);
    }
}
