//! One end of a connection as ASA writes it: `outside:192.0.2.1/443 (198.51.100.1/443) (LOCAL\sato, 123)`.
//!
//! Interface, mapped address and user may each be missing; `inside/192.0.2.1(443)` is the form of access lists.

use stream::{Event, FieldId, Value, fields as f};

use crate::device;

/// Which end it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
}

struct Names {
    interface: FieldId,
    ip: FieldId,
    domain: FieldId,
    port: FieldId,
    nat_ip: FieldId,
    nat_port: FieldId,
}

static SOURCE: Names = Names {
    interface: f::OBSERVER_INGRESS_INTERFACE_NAME,
    ip: f::SOURCE_IP,
    domain: f::SOURCE_DOMAIN,
    port: f::SOURCE_PORT,
    nat_ip: f::SOURCE_NAT_IP,
    nat_port: f::SOURCE_NAT_PORT,
};

static DESTINATION: Names = Names {
    interface: f::OBSERVER_EGRESS_INTERFACE_NAME,
    ip: f::DESTINATION_IP,
    domain: f::DESTINATION_DOMAIN,
    port: f::DESTINATION_PORT,
    nat_ip: f::DESTINATION_NAT_IP,
    nat_port: f::DESTINATION_NAT_PORT,
};

/// A user's name without the name of the ASA's own user database.
pub(super) fn without_local(text: &str) -> &str {
    text.strip_prefix("LOCAL\\").unwrap_or(text)
}

/// Sets the fields of one end.
pub(super) fn push<'a>(text: &'a str, side: Side, event: &mut Event<'a>) {
    let names = if side == Side::Source { &SOURCE } else { &DESTINATION };
    let text = text.trim_matches(|letter| matches!(letter, ' ' | ',' | '<' | '>'));
    let end = text.find([' ', '(']).unwrap_or(text.len());
    let (head, groups) = text.split_at(end);
    let (interface, address) = interface(head);
    push_word(names.interface, interface, event);
    let numbered = address.rsplit_once('/').filter(|(_, port)| !port.contains('.') && !port.contains(':'));
    let (host, port) = numbered.unwrap_or((address, ""));
    if !device::push_ip(names.ip, host, event) {
        push_word(names.domain, host, event);
    }
    push_port(names.port, port, event);
    let mut port = port;
    let mut rest = groups;
    let mut first = true;
    while let Some((_, after)) = rest.split_once('(') {
        let (group, next) = after.split_once(')').unwrap_or((after, ""));
        rest = next;
        let digits = !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
        if first && digits && port.is_empty() {
            push_port(names.port, group, event);
            port = group;
        } else if let Some((mapped, mapped_port)) = mapped(group) {
            push_mapped(names, mapped, mapped_port, host, port, event);
        } else if !group.starts_with("type ") && !digits {
            let user = without_local(group.split(',').next().unwrap_or(""));
            match side {
                Side::Source => device::push_user(user, event),
                Side::Destination => device::push_destination_user(user, event),
            }
        }
        first = false;
    }
}

/// Splits `outside:address` and `outside/address`.
fn interface(text: &str) -> (&str, &str) {
    let bare = text.rsplit_once('/').map_or(text, |(host, _)| host);
    if device::address(text).is_some() || device::address(bare).is_some() {
        return ("", text);
    }
    match text.split_once('/') {
        Some((interface, address)) if device::address(address).is_some() => (interface, address),
        _ => text.split_once(':').unwrap_or(("", text)),
    }
}

/// Reads `address/port` or an address alone.
fn mapped(group: &str) -> Option<(&str, &str)> {
    let (host, port) = group.rsplit_once('/').unwrap_or((group, ""));
    let plain = !host.contains(['\\', '@', ' ', ',']);
    let numbered = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (device::address(host).is_some() || numbered && plain).then_some((host, port))
}

/// Sets the mapped address and port where they differ from the real ones.
fn push_mapped(names: &Names, mapped: &str, mapped_port: &str, host: &str, port: &str, event: &mut Event<'_>) {
    if mapped != host {
        device::push_ip(names.nat_ip, mapped, event);
    }
    if mapped_port != port {
        push_port(names.nat_port, mapped_port, event);
    }
}

fn push_word<'a>(field: FieldId, text: &'a str, event: &mut Event<'a>) {
    if !event.has(field) {
        event.push_str(field, text);
    }
}

/// A port by number, or by one of the names that ASA writes for well-known services.
fn push_port(field: FieldId, text: &str, event: &mut Event<'_>) {
    const SERVICES: &[(&str, i64)] =
        &[("https", 443), ("ssh", 22), ("telnet", 23), ("http", 80), ("www", 80), ("snmp", 161), ("domain", 53)];
    match SERVICES.iter().find(|(name, _)| *name == text) {
        Some((name, port)) => {
            event.push(field, Value::Int(*port));
            if !event.has(f::NETWORK_PROTOCOL) {
                event.push(f::NETWORK_PROTOCOL, Value::Str(if *name == "www" { "http" } else { name }));
            }
        }
        None => device::push_int(field, text, event),
    }
}
