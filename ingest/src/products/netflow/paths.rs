//! The paths of a flow's line that this product makes something of, and their places, known when it is compiled.

/// Paths that more is made of than a field of their own name; those with `true` are kept too.
pub(super) const PATHS: &[(&str, bool)] = &[
    ("netflow.version", false),
    ("netflow.exporter", false),
    ("netflow.domain", false),
    ("netflow.sequence", false),
    ("netflow.exported", false),
    ("netflow.uptime", false),
    ("undecoded.reason", false),
    ("undecoded.datagram", false),
    ("flow.sourceIPv4Address", false),
    ("flow.sourceIPv6Address", false),
    ("flow.destinationIPv4Address", false),
    ("flow.destinationIPv6Address", false),
    ("flow.postNATSourceIPv4Address", false),
    ("flow.postNATSourceIPv6Address", false),
    ("flow.postNATDestinationIPv4Address", false),
    ("flow.postNATDestinationIPv6Address", false),
    ("flow.postNAPTSourceTransportPort", false),
    ("flow.postNAPTDestinationTransportPort", false),
    ("flow.sourceTransportPort", false),
    ("flow.destinationTransportPort", false),
    ("flow.udpSourcePort", false),
    ("flow.udpDestinationPort", false),
    ("flow.tcpSourcePort", false),
    ("flow.tcpDestinationPort", false),
    ("flow.sourceMacAddress", false),
    ("flow.destinationMacAddress", false),
    ("flow.postDestinationMacAddress", true),
    ("flow.protocolIdentifier", false),
    ("flow.octetDeltaCount", false),
    ("flow.octetTotalCount", false),
    ("flow.initiatorOctets", false),
    ("flow.postOctetDeltaCount", true),
    ("flow.packetDeltaCount", false),
    ("flow.packetTotalCount", false),
    ("flow.initiatorPackets", false),
    ("flow.postPacketDeltaCount", true),
    ("flow.reverseOctetDeltaCount", false),
    ("flow.reverseOctetTotalCount", false),
    ("flow.responderOctets", false),
    ("flow.reversePacketDeltaCount", false),
    ("flow.reversePacketTotalCount", false),
    ("flow.responderPackets", false),
    ("flow.flowStartSysUpTime", false),
    ("flow.flowEndSysUpTime", false),
    ("flow.systemInitTimeMilliseconds", false),
    ("flow.flowStartSeconds", false),
    ("flow.flowStartMilliseconds", false),
    ("flow.flowStartMicroseconds", false),
    ("flow.flowStartNanoseconds", false),
    ("flow.flowStartDeltaMicroseconds", false),
    ("flow.flowEndSeconds", false),
    ("flow.flowEndMilliseconds", false),
    ("flow.flowEndMicroseconds", false),
    ("flow.flowEndNanoseconds", false),
    ("flow.flowEndDeltaMicroseconds", false),
    ("flow.flowDurationMilliseconds", false),
    ("flow.flowDurationMicroseconds", false),
    ("flow.observationTimeSeconds", false),
    ("flow.observationTimeMilliseconds", false),
    ("flow.observationTimeMicroseconds", false),
    ("flow.observationTimeNanoseconds", false),
    ("flow.flowDirection", false),
    ("flow.forwardingStatus", true),
    ("flow.firewallEvent", true),
    ("flow.flowEndReason", true),
    ("flow.ingressInterface", false),
    ("flow.egressInterface", false),
    ("flow.vlanId", false),
    ("flow.bgpSourceAsNumber", false),
    ("flow.bgpDestinationAsNumber", false),
    ("flow.icmpTypeCodeIPv4", true),
    ("flow.icmpTypeCodeIPv6", true),
    ("flow.icmpTypeIPv4", true),
    ("flow.icmpCodeIPv4", true),
    ("flow.icmpTypeIPv6", true),
    ("flow.icmpCodeIPv6", true),
    ("flow.userName", false),
    ("flow.applicationName", false),
];

/// Where a path stands in [`PATHS`], found when this is compiled.
macro_rules! key {
    ($path:literal) => {
        const { $crate::products::netflow::paths::place($path) }
    };
}

pub(in crate::products) const fn place(path: &str) -> usize {
    let mut at = 0;
    while !is_same(PATHS[at].0.as_bytes(), path.as_bytes()) {
        at += 1;
    }
    at
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

pub(super) use key;
