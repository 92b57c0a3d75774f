//! SNMP traps: the lines that the listener `snmp_trap` makes, one for each trap or inform.
//!
//! `event.code` is the trap's object identifier, `event.action` its name where it is a well-known one (`TRAPS`); the device
//! is `observer.ip`: the agent's address of version 1, else `snmpTrapAddress` (RFC 3584), else the sender's. Variables that
//! name an interface become `observer.ingress.interface.*`; all are kept as `snmp.variables`, texts `name=value` with the
//! names of MIB-II for the objects in `OBJECTS`, and stand in `message`. A trap has no time of its own.
//! `authenticationFailure` means that somebody asked the device with a wrong community: a failure, from `authAddr` where
//! the device names it. Source: RFC 1157 §4.1.6, RFC 3416 §4.2.6, RFC 3418, RFC 2863, RFC 3584.

use bumpalo::Bump;
use bumpalo::collections::String as BumpString;
use stream::{Event, Value, fields as f};

use crate::json::{Scalar, Walker};
use crate::parser::{Context, Names, Parser, Reason};
use crate::{device, put};

/// The most bytes of `message`.
const MESSAGE_BYTES_MAX: usize = 4_096;

/// Well-known traps: identifier, name, category and type in ECS's words.
static TRAPS: &[(&str, &str, &str, &str)] = &[
    ("1.3.6.1.6.3.1.1.5.1", "coldStart", "host", "start"),
    ("1.3.6.1.6.3.1.1.5.2", "warmStart", "host", "start"),
    ("1.3.6.1.6.3.1.1.5.3", "linkDown", "network", "change"),
    ("1.3.6.1.6.3.1.1.5.4", "linkUp", "network", "change"),
    ("1.3.6.1.6.3.1.1.5.5", "authenticationFailure", "authentication", "info"),
    ("1.3.6.1.6.3.1.1.5.6", "egpNeighborLoss", "network", "change"),
    // BRIDGE-MIB, RFC 4188.
    ("1.3.6.1.2.1.17.0.1", "newRoot", "network", "change"),
    ("1.3.6.1.2.1.17.0.2", "topologyChange", "network", "change"),
    // BGP4-MIB, RFC 4273; the second form is RFC 1657's.
    ("1.3.6.1.2.1.15.0.1", "bgpEstablishedNotification", "network", "change"),
    ("1.3.6.1.2.1.15.0.2", "bgpBackwardTransNotification", "network", "change"),
    ("1.3.6.1.2.1.15.7.1", "bgpEstablished", "network", "change"),
    ("1.3.6.1.2.1.15.7.2", "bgpBackwardTransition", "network", "change"),
    // OSPF-TRAP-MIB, RFC 4750.
    ("1.3.6.1.2.1.14.16.2.2", "ospfNbrStateChange", "network", "change"),
    ("1.3.6.1.2.1.14.16.2.16", "ospfIfStateChange", "network", "change"),
    // RMON-MIB, RFC 2819.
    ("1.3.6.1.2.1.16.0.1", "risingAlarm", "host", "info"),
    ("1.3.6.1.2.1.16.0.2", "fallingAlarm", "host", "info"),
    // UPS-MIB, RFC 1628.
    ("1.3.6.1.2.1.33.2.1", "upsTrapOnBattery", "host", "change"),
    ("1.3.6.1.2.1.33.2.3", "upsTrapAlarmEntryAdded", "host", "info"),
    ("1.3.6.1.2.1.33.2.4", "upsTrapAlarmEntryRemoved", "host", "info"),
    // ENTITY-MIB, RFC 6933.
    ("1.3.6.1.2.1.47.2.0.1", "entConfigChange", "configuration", "change"),
    // CISCO-CONFIG-MAN-MIB, CISCO-PORT-SECURITY-MIB.
    ("1.3.6.1.4.1.9.9.43.2.0.1", "ciscoConfigManEvent", "configuration", "change"),
    ("1.3.6.1.4.1.9.9.315.0.0.1", "cpsSecureMacAddrViolation", "network", "denied"),
    // NET-SNMP-AGENT-MIB.
    ("1.3.6.1.4.1.8072.4.0.2", "nsNotifyShutdown", "host", "end"),
    ("1.3.6.1.4.1.8072.4.0.3", "nsNotifyRestart", "host", "start"),
];

/// Objects whose names are written instead of their identifiers; what follows is the instance.
static OBJECTS: &[(&str, &str)] = &[
    ("1.3.6.1.2.1.1.1", "sysDescr"),
    ("1.3.6.1.2.1.1.5", "sysName"),
    ("1.3.6.1.2.1.1.6", "sysLocation"),
    ("1.3.6.1.2.1.2.2.1.1", "ifIndex"),
    ("1.3.6.1.2.1.2.2.1.2", "ifDescr"),
    ("1.3.6.1.2.1.2.2.1.3", "ifType"),
    ("1.3.6.1.2.1.2.2.1.7", "ifAdminStatus"),
    ("1.3.6.1.2.1.2.2.1.8", "ifOperStatus"),
    ("1.3.6.1.2.1.31.1.1.1.1", "ifName"),
    ("1.3.6.1.2.1.31.1.1.1.18", "ifAlias"),
    ("1.3.6.1.4.1.9.2.1.5", "authAddr"),
    ("1.3.6.1.4.1.9.2.2.1.1.20", "locIfReason"),
    ("1.3.6.1.6.3.1.1.4.3", "snmpTrapEnterprise"),
    ("1.3.6.1.6.3.18.1.3", "snmpTrapAddress"),
];

/// Parser of trap lines.
#[derive(Default)]
pub struct SnmpTrap {
    walker: Walker,
    names: Names,
}

/// What a line says, but for its variables.
#[derive(Default)]
struct Said<'a> {
    peer: &'a str,
    oid: &'a str,
    agent: &'a str,
    reason: &'a str,
    /// The variable whose value comes next.
    variable: &'a str,
    address: &'a str,
    is_trap: bool,
}

impl Parser for SnmpTrap {
    fn parse<'a>(&mut self, line: &'a str, _: &Context, arena: &'a Bump, event: &mut Event<'a>) -> Result<(), Reason> {
        let mut said = Said::default();
        let mut summary = BumpString::new_in(arena);
        let names = &mut self.names;
        self.walker.walk(line.trim(), arena, |path, scalar| {
            said.is_trap |= path.starts_with("trap.");
            let text = scalar.str().unwrap_or("");
            match path {
                "snmp.peer" => said.peer = text,
                "trap.oid" => said.oid = text,
                "trap.agent" => said.agent = text,
                "undecoded.reason" => said.reason = text,
                "undecoded.datagram" | "trap.variables.type" => {}
                "trap.variables.oid" => said.variable = text,
                "trap.variables.value" => variable(&mut said, scalar, &mut summary, names, arena, event),
                _ => {
                    let name = path.strip_prefix("trap.").or(path.strip_prefix("snmp.")).unwrap_or(path);
                    if let (Some(field), Some(value)) = (names.field("snmp.", name), scalar.value()) {
                        event.push(field, value);
                    }
                }
            }
        })?;
        settle(&said, summary, names, arena, event)
    }
}

/// One variable: its value, after its identifier.
fn variable<'a>(
    said: &mut Said<'a>,
    scalar: Scalar<'a>,
    summary: &mut BumpString<'a>,
    names: &mut Names,
    arena: &'a Bump,
    event: &mut Event<'a>,
) {
    let oid = std::mem::take(&mut said.variable);
    let is_instance = |base: &str| oid.strip_prefix(base).is_some_and(|rest| rest.starts_with('.'));
    let known = OBJECTS.iter().find(|(base, _)| is_instance(base));
    let name = known.map_or("", |(_, name)| *name);
    let instance = known.map_or(oid, |(base, _)| &oid[base.len()..]);
    let text: &'a str = match scalar.value() {
        Some(Value::Str(text)) => text,
        Some(other) => arena.alloc_str(&other.text()),
        None => "",
    };
    if let Some(field) = names.field("snmp.", "variables") {
        event.push(field, Value::Str(bumpalo::format!(in arena, "{}{}={}", name, instance, text).into_bump_str()));
    }
    if summary.len() + text.len() + 64 < MESSAGE_BYTES_MAX {
        summary.push_str(if summary.is_empty() { "" } else { ", " });
        summary.push_str(name);
        summary.push_str(instance);
        summary.push('=');
        summary.push_str(text);
    }
    match name {
        "ifIndex" => put::text(f::OBSERVER_INGRESS_INTERFACE_ID, text, event),
        // The short name counts, wherever it stands.
        "ifName" => event.set(f::OBSERVER_INGRESS_INTERFACE_NAME, Value::Str(text)),
        "ifDescr" => put::text(f::OBSERVER_INGRESS_INTERFACE_NAME, text, event),
        "ifAlias" => put::text(f::OBSERVER_INGRESS_INTERFACE_ALIAS, text, event),
        "sysName" => put::text(f::OBSERVER_NAME, text, event),
        "authAddr" => {
            device::push_real_ip(f::SOURCE_IP, text, event);
        }
        "snmpTrapAddress" => said.address = text,
        "snmpTrapEnterprise" => {
            if let Some(field) = names.field("snmp.", "enterprise") {
                put::text(field, text, event);
            }
        }
        "locIfReason" => put::text(f::EVENT_REASON, text, event),
        _ => {}
    }
}

/// What the whole line means.
fn settle<'a>(
    said: &Said<'a>,
    summary: BumpString<'a>,
    names: &mut Names,
    arena: &'a Bump,
    event: &mut Event<'a>,
) -> Result<(), Reason> {
    let sender = put::ip(said.peer).ok_or(Reason("not a line of the snmp_trap listener"))?;
    event.push(f::EVENT_MODULE, Value::Str("snmp"));
    let device = [said.agent, said.address].into_iter().filter_map(put::ip).find(|ip| !ip.is_unspecified());
    event.push(f::OBSERVER_IP, Value::Ip(device.unwrap_or(sender)));
    device::logsource("snmp", "", "trap", event);
    if !said.reason.is_empty() {
        if let Some(field) = names.field("snmp.", "undecoded_reason") {
            event.push(field, Value::Str(said.reason));
        }
        return Err(Reason(match said.reason {
            "SNMPv3 is not understood" => "an SNMPv3 message, which is not understood",
            "neither a trap nor an inform" => "an SNMP message that is neither a trap nor an inform",
            _ => "an SNMP message that does not decode",
        }));
    }
    if !said.is_trap {
        return Err(Reason("not a line of the snmp_trap listener"));
    }
    event.push(f::EVENT_KIND, Value::Str("event"));
    event.push_str(f::EVENT_CODE, said.oid);
    let known = TRAPS.iter().find(|(oid, ..)| *oid == said.oid);
    let (name, category, kind) =
        known.map_or(("", "network", "info"), |(_, name, category, kind)| (name, category, kind));
    event.push(f::EVENT_CATEGORY, Value::Str(category));
    event.push(f::EVENT_TYPE, Value::Str(kind));
    event.push(f::EVENT_ACTION, Value::Str(if name.is_empty() { "snmp_trap" } else { name }));
    if name == "authenticationFailure" {
        event.push(f::EVENT_OUTCOME, Value::Str("failure"));
    }
    let title = if name.is_empty() { said.oid } else { name };
    let message = match summary.is_empty() {
        true => title,
        false => bumpalo::format!(in arena, "{}: {}", title, summary).into_bump_str(),
    };
    event.push_str(f::MESSAGE, message);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_line_of_the_listener_is_refused() {
        for (line, reason) in [
            ("{}", "not a line of the snmp_trap listener"),
            (r#"{"snmp":{"peer":"192.0.2.9"}}"#, "not a line of the snmp_trap listener"),
            (
                r#"{"snmp":{"version":"3","peer":"192.0.2.9"},"undecoded":{"reason":"SNMPv3 is not understood","datagram":""}}"#,
                "an SNMPv3 message, which is not understood",
            ),
        ] {
            let found = device::test::fields::<SnmpTrap>(line);
            assert!(found.contains(&format!("error={reason}")), "{found:?}");
        }
    }
}
