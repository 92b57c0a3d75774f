//! One JSON line for each trap or inform.
//!
//! ```json
//! {"snmp":{"version":"2c","peer":"192.0.2.9","pdu":"trap"},"trap":{"oid":"1.3.6.1.6.3.1.1.5.3","uptime":1234,
//!  "variables":[{"oid":"1.3.6.1.2.1.2.2.1.1.3","type":"integer","value":3}]}}
//! ```
//!
//! A trap of version 1 says its `enterprise`, `agent`, `generic` and `specific` too, and its `oid` is made of them as RFC
//! 3584 §3.1 says. `uptime` is in hundredths of a second. Texts are UTF-8 without control characters; other strings are
//! hexadecimal digits, of type `bytes`. Instead of `trap`, `undecoded` is the reason and the bytes as base64.

use std::net::IpAddr;

use base64::Engine as _;
use serde_json::{Map, Value, json};
use snmp_parser::asn1_rs::FromBer as _;
use snmp_parser::{
    NetworkAddress, ObjectSyntax, Oid, PduType, SnmpGenericMessage, SnmpMessage, SnmpPdu, SnmpTrapPdu, SnmpVariable,
    TrapType, VarBindValue,
};

use super::datagram;

const SYS_UP_TIME: &str = "1.3.6.1.2.1.1.3.0";
const TRAP_OID: &str = "1.3.6.1.6.3.1.1.4.1.0";
const TRAP_COMMUNITY: &str = "1.3.6.1.6.3.18.1.4.0";
/// Below it, the standard traps (SNMPv2-MIB): of version 1, `generic` + 1.
const STANDARD_TRAPS: &str = "1.3.6.1.6.3.1.1.5";

/// The line of a datagram, and whether it wants an answer.
pub(super) fn of(datagram: &[u8], peer: IpAddr) -> (String, bool) {
    let blank = datagram::without_communities(datagram);
    let (version, reason) = match datagram::head(datagram) {
        None => (None, "not an SNMP message"),
        Some(head) => match head.version {
            0 | 1 => (Some(if head.version == 0 { "1" } else { "2c" }), "does not decode"),
            3 => (Some("3"), "SNMPv3 is not understood"),
            _ => (None, "an unknown version of SNMP"),
        },
    };
    let mut snmp = Map::new();
    if let Some(version) = version {
        snmp.insert("version".into(), version.into());
    }
    snmp.insert("peer".into(), peer.to_string().into());
    let message = match SnmpGenericMessage::from_ber(&blank) {
        Ok((_, SnmpGenericMessage::V1(message) | SnmpGenericMessage::V2(message))) => message,
        _ => return (undecoded(snmp, reason, &blank), false),
    };
    let (pdu, is_inform) = match message.pdu_type() {
        PduType::TrapV1 | PduType::TrapV2 => ("trap", false),
        PduType::InformRequest => ("inform", true),
        _ => return (undecoded(snmp, "neither a trap nor an inform", &blank), false),
    };
    snmp.insert("pdu".into(), pdu.into());
    let line = json!({ "snmp": snmp, "trap": trap(&message) });
    (line.to_string(), is_inform)
}

fn undecoded(snmp: Map<String, Value>, reason: &str, blank: &[u8]) -> String {
    let datagram = base64::engine::general_purpose::STANDARD.encode(blank);
    json!({ "snmp": snmp, "undecoded": { "reason": reason, "datagram": datagram } }).to_string()
}

fn trap(message: &SnmpMessage<'_>) -> Map<String, Value> {
    let mut trap = Map::new();
    if let SnmpPdu::TrapV1(pdu) = &message.pdu {
        version_1(pdu, &mut trap);
    }
    let mut variables = Vec::new();
    for SnmpVariable { oid, val } in message.vars_iter() {
        let oid = dotted(oid);
        let (kind, value) = value(val);
        match oid.as_str() {
            SYS_UP_TIME if !trap.contains_key("uptime") => drop(trap.insert("uptime".into(), value)),
            TRAP_OID if !trap.contains_key("oid") => drop(trap.insert("oid".into(), value)),
            TRAP_COMMUNITY => {}
            _ => variables.push(json!({ "oid": oid, "type": kind, "value": value })),
        }
    }
    trap.insert("variables".into(), variables.into());
    trap
}

fn version_1(pdu: &SnmpTrapPdu<'_>, trap: &mut Map<String, Value>) {
    let enterprise = dotted(&pdu.enterprise);
    let oid = match pdu.generic_trap {
        TrapType(generic @ 0..=5) => format!("{STANDARD_TRAPS}.{}", generic + 1),
        _ => format!("{enterprise}.0.{}", pdu.specific_trap),
    };
    let NetworkAddress::IPv4(agent) = pdu.agent_addr;
    trap.insert("oid".into(), oid.into());
    trap.insert("enterprise".into(), enterprise.into());
    trap.insert("agent".into(), agent.to_string().into());
    trap.insert("generic".into(), pdu.generic_trap.0.into());
    trap.insert("specific".into(), pdu.specific_trap.into());
    trap.insert("uptime".into(), pdu.timestamp.into());
}

fn dotted(oid: &Oid<'_>) -> String {
    oid.to_id_string()
}

/// A value and the name of its type (RFC 2578).
fn value(value: &VarBindValue<'_>) -> (&'static str, Value) {
    let object = match value {
        VarBindValue::Value(object) => object,
        VarBindValue::Unspecified => return ("null", Value::Null),
        VarBindValue::NoSuchObject => return ("noSuchObject", Value::Null),
        VarBindValue::NoSuchInstance => return ("noSuchInstance", Value::Null),
        VarBindValue::EndOfMibView => return ("endOfMibView", Value::Null),
    };
    match object {
        ObjectSyntax::Number(number) => ("integer", (*number).into()),
        ObjectSyntax::String(bytes) => string(bytes),
        ObjectSyntax::Object(oid) => ("oid", dotted(oid).into()),
        ObjectSyntax::BitString(bits) => ("bits", hexadecimal(&bits.data)),
        ObjectSyntax::Empty => ("null", Value::Null),
        ObjectSyntax::IpAddress(NetworkAddress::IPv4(ip)) => ("ipAddress", ip.to_string().into()),
        ObjectSyntax::Counter32(number) => ("counter32", (*number).into()),
        ObjectSyntax::Gauge32(number) => ("gauge32", (*number).into()),
        ObjectSyntax::TimeTicks(number) => ("timeTicks", (*number).into()),
        ObjectSyntax::Opaque(bytes) => ("opaque", hexadecimal(bytes)),
        ObjectSyntax::NsapAddress(bytes) => ("nsapAddress", hexadecimal(bytes)),
        ObjectSyntax::Counter64(number) => ("counter64", (*number).into()),
        ObjectSyntax::UInteger32(number) => ("uinteger32", (*number).into()),
        ObjectSyntax::UnknownSimple(any) | ObjectSyntax::UnknownApplication(any) => ("unknown", hexadecimal(any.data)),
    }
}

fn string(bytes: &[u8]) -> (&'static str, Value) {
    let is_text =
        |text: &&str| !text.chars().any(|letter| letter.is_control() && !matches!(letter, '\t' | '\r' | '\n'));
    let trimmed = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    match std::str::from_utf8(trimmed).ok().filter(is_text) {
        Some(text) => ("string", text.into()),
        None => ("bytes", hexadecimal(bytes)),
    }
}

fn hexadecimal(bytes: &[u8]) -> Value {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}
