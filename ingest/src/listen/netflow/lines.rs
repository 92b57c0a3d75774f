//! One JSON line for each flow, and for each datagram or part of one that is none.
//!
//! ```json
//! {"netflow":{"version":9,"exporter":"192.0.2.1","domain":1,"sequence":7,"exported":"2026-11-18T11:06:40Z","uptime":90000,
//!  "template":256},"flow":{"sourceIPv4Address":"198.51.100.7","octetDeltaCount":1420}}
//! ```
//!
//! `flow` has the fields of the record by the names of IANA's registry, in their order; one that comes several times is a
//! list. Instead of `flow`, `options` is what an exporter says of itself (its interfaces, applications, samplers), with
//! what it is about under `scope`; and `undecoded` is the reason and the bytes, as base64 of a datagram that holds nothing
//! else, of what could not be decoded.

use std::fmt::Write as _;
use std::net::IpAddr;

use base64::Engine as _;
use netflow_parser::FieldValue;
use netflow_parser::static_versions::{v5, v7};
use netflow_parser::variable_versions::v9::ScopeDataField;
use stream::Timestamp;

use super::elements::{self, Id};

/// What stands in a datagram's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) version: u16,
    pub(super) exporter: IpAddr,
    /// Source id of version 9, observation domain of IPFIX, engine of version 5.
    pub(super) domain: u32,
    pub(super) sequence: u32,
    pub(super) exported: Timestamp,
    /// Milliseconds since the exporter started; IPFIX does not say.
    pub(super) uptime: Option<u32>,
}

impl Head {
    fn begin(&self, template: Option<u16>) -> String {
        let Head { version, exporter, domain, sequence, exported, .. } = self;
        let mut line = format!(
            "{{\"netflow\":{{\"version\":{version},\"exporter\":\"{exporter}\",\"domain\":{domain},\
             \"sequence\":{sequence},\"exported\":\"{exported}\""
        );
        for (name, number) in [("uptime", self.uptime), ("template", template.map(u32::from))] {
            if let Some(number) = number {
                write!(line, ",\"{name}\":{number}").expect("a string takes text");
            }
        }
        line.push_str("},");
        line
    }
}

/// What could not be decoded; the head where there is one.
pub(super) fn undecoded(head: Option<&Head>, exporter: IpAddr, reason: &str, datagram: &[u8]) -> String {
    let mut line =
        head.map_or_else(|| format!("{{\"netflow\":{{\"exporter\":\"{exporter}\"}},"), |head| head.begin(None));
    line.push_str("\"undecoded\":{\"reason\":");
    elements::text(reason, &mut line);
    line.push_str(",\"datagram\":\"");
    base64::engine::general_purpose::STANDARD.encode_string(datagram, &mut line);
    line.push_str("\"}}");
    line
}

/// The lines of one set, whose records have the same elements.
pub(super) struct Records<'h> {
    begin: String,
    kind: &'static str,
    ids: Vec<Id>,
    head: &'h Head,
    scratch: Vec<u8>,
}

impl<'h> Records<'h> {
    pub(super) fn flows(head: &'h Head, template: u16) -> Self {
        Records { begin: head.begin(Some(template)), kind: "flow", ids: Vec::new(), head, scratch: Vec::new() }
    }

    pub(super) fn options(head: &'h Head, template: u16) -> Self {
        Records { kind: "options", ..Records::flows(head, template) }
    }

    /// The line of one record.
    pub(super) fn line<T: Copy>(
        &mut self,
        scope: &[ScopeDataField],
        fields: &[(T, FieldValue)],
        id: impl Fn(T) -> Id,
    ) -> String {
        debug_assert!(self.head.version >= 9, "the older versions have no templates");
        if self.ids.len() != fields.len() {
            self.ids = fields.iter().map(|(field, _)| id(*field)).collect();
        }
        let mut line = String::with_capacity(self.begin.len() + 32 * fields.len());
        write!(line, "{}\"{}\":{{", self.begin, self.kind).expect("a string takes text");
        push_scope(scope, &mut line);
        let mut first = scope.is_empty();
        for (at, own) in self.ids.iter().enumerate() {
            if self.ids[..at].contains(own) {
                continue;
            }
            line.push_str(if first { "\"" } else { ",\"" });
            first = false;
            elements::name(*own, &mut line);
            line.push_str("\":");
            let mut values =
                fields[at..].iter().zip(&self.ids[at..]).filter(|(_, id)| *id == own).map(|(field, _)| field);
            let several = self.ids[at + 1..].contains(own);
            line.push_str(if several { "[" } else { "" });
            if let Some((_, value)) = values.next() {
                elements::value(*own, value, &mut self.scratch, &mut line);
            }
            for (_, value) in values {
                line.push(',');
                elements::value(*own, value, &mut self.scratch, &mut line);
            }
            line.push_str(if several { "]" } else { "" });
        }
        line.push_str("}}");
        line
    }
}

/// What an option of version 9 is about (RFC 3954 §6.1).
fn push_scope(scope: &[ScopeDataField], line: &mut String) {
    if scope.is_empty() {
        return;
    }
    line.push_str("\"scope\":{");
    for (at, field) in scope.iter().enumerate() {
        let (name, bytes) = match field {
            ScopeDataField::System(bytes) => ("system".to_owned(), bytes),
            ScopeDataField::Interface(bytes) => ("interface".to_owned(), bytes),
            ScopeDataField::LineCard(bytes) => ("lineCard".to_owned(), bytes),
            ScopeDataField::NetFlowCache(bytes) => ("cache".to_owned(), bytes),
            ScopeDataField::Template(bytes) => ("template".to_owned(), bytes),
            ScopeDataField::Unknown(number, bytes) => (format!("scope{number}"), bytes),
        };
        let comma = if at == 0 { "" } else { "," };
        write!(line, "{comma}\"{name}\":\"").expect("a string takes text");
        for byte in bytes {
            write!(line, "{byte:02x}").expect("a string takes text");
        }
        line.push('"');
    }
    line.push('}');
}

/// A flow of version 5, by the names of the same elements.
pub(super) fn v5(head: &Head, flow: &v5::FlowSet, sampling: u16) -> String {
    let mut line = head.begin(None);
    let v5::FlowSet { src_addr, dst_addr, next_hop, input, output, d_pkts, d_octets, first, last, .. } = flow;
    let v5::FlowSet { src_port, dst_port, tcp_flags, protocol_number, tos, src_as, dst_as, src_mask, dst_mask, .. } =
        flow;
    write!(
        line,
        "\"flow\":{{\"sourceIPv4Address\":\"{src_addr}\",\"destinationIPv4Address\":\"{dst_addr}\",\
         \"ipNextHopIPv4Address\":\"{next_hop}\",\"ingressInterface\":{input},\"egressInterface\":{output},\
         \"packetDeltaCount\":{d_pkts},\"octetDeltaCount\":{d_octets},\"flowStartSysUpTime\":{first},\
         \"flowEndSysUpTime\":{last},\"sourceTransportPort\":{src_port},\"destinationTransportPort\":{dst_port},\
         \"tcpControlBits\":{tcp_flags},\"protocolIdentifier\":{protocol_number},\"ipClassOfService\":{tos},\
         \"bgpSourceAsNumber\":{src_as},\"bgpDestinationAsNumber\":{dst_as},\"sourceIPv4PrefixLength\":{src_mask},\
         \"destinationIPv4PrefixLength\":{dst_mask}"
    )
    .expect("a string takes text");
    if sampling > 0 {
        write!(line, ",\"samplingInterval\":{sampling}").expect("a string takes text");
    }
    line.push_str("}}");
    line
}

/// A flow of version 7 (Catalyst 5000 and 6500), which is one of version 5 without some of its fields.
pub(super) fn v7(head: &Head, flow: &v7::FlowSet) -> String {
    let mut line = head.begin(None);
    let v7::FlowSet { src_addr, dst_addr, input, output, d_pkts, d_octets, first, last, src_port, dst_port, .. } = flow;
    let v7::FlowSet { protocol_number, tos, router_src, .. } = flow;
    write!(
        line,
        "\"flow\":{{\"sourceIPv4Address\":\"{src_addr}\",\"destinationIPv4Address\":\"{dst_addr}\",\
         \"ingressInterface\":{input},\"egressInterface\":{output},\"packetDeltaCount\":{d_pkts},\
         \"octetDeltaCount\":{d_octets},\"flowStartSysUpTime\":{first},\"flowEndSysUpTime\":{last},\
         \"sourceTransportPort\":{src_port},\"destinationTransportPort\":{dst_port},\
         \"protocolIdentifier\":{protocol_number},\"ipClassOfService\":{tos},\"ipv4RouterSc\":\"{router_src}\"}}}}"
    )
    .expect("a string takes text");
    line
}
