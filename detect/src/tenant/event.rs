//! The judgement of an event: reads its fields in one pass, writes what the policy says of it.

use std::net::IpAddr;

use bumpalo::Bump;
use stream::fields::{self, FieldId};
use stream::{Event, Value};

use super::{Endpoint, Flow, Tenants};
use crate::flows::protocol_number;
use crate::ledger::Mac;

/// Every field that only the judgement may set.
const OURS: [FieldId; 9] = [
    fields::SEKISHO_SOURCE_ZONE,
    fields::SEKISHO_SOURCE_SITE,
    fields::SEKISHO_SOURCE_OWNER,
    fields::SEKISHO_DESTINATION_ZONE,
    fields::SEKISHO_DESTINATION_SITE,
    fields::SEKISHO_DESTINATION_OWNER,
    fields::SEKISHO_FLOW_VERDICT,
    fields::SEKISHO_FLOW_RULE,
    fields::SEKISHO_FLOW_SEVERITY,
];

/// What the judgement reads of an event; of a field with several values, the first.
#[derive(Default)]
struct Seen<'a> {
    tenant: Option<&'a str>,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    port: Option<u16>,
    transport: Option<&'a str>,
    number: Option<Value<'a>>,
    mac: Option<&'a str>,
    foreign: bool,
}

impl<'a> Seen<'a> {
    fn of(event: &Event<'a>) -> Seen<'a> {
        let mut seen = Seen::default();
        for (field, value) in event.iter() {
            match field {
                fields::SEKISHO_TENANT => keep(&mut seen.tenant, text(value)),
                fields::SOURCE_IP => keep(&mut seen.source, value.ip()),
                fields::DESTINATION_IP => keep(&mut seen.destination, value.ip()),
                fields::DESTINATION_PORT => keep(&mut seen.port, port(value)),
                fields::NETWORK_TRANSPORT => keep(&mut seen.transport, text(value)),
                fields::NETWORK_IANA_NUMBER => keep(&mut seen.number, Some(value)),
                fields::SOURCE_MAC => keep(&mut seen.mac, text(value)),
                fields::SEKISHO_SOURCE_ZONE
                | fields::SEKISHO_SOURCE_SITE
                | fields::SEKISHO_SOURCE_OWNER
                | fields::SEKISHO_DESTINATION_ZONE
                | fields::SEKISHO_DESTINATION_SITE
                | fields::SEKISHO_DESTINATION_OWNER
                | fields::SEKISHO_FLOW_VERDICT
                | fields::SEKISHO_FLOW_RULE
                | fields::SEKISHO_FLOW_SEVERITY => seen.foreign = true,
                _ => {}
            }
        }
        seen
    }

    fn protocol(&self) -> Option<u8> {
        let by_number = || match self.number? {
            Value::Int(number) => u8::try_from(number).ok(),
            Value::Str(text) => protocol_number(text),
            _ => None,
        };
        self.transport.and_then(protocol_number).or_else(by_number)
    }
}

fn keep<T>(kept: &mut Option<T>, value: Option<T>) {
    if kept.is_none() {
        *kept = value;
    }
}

fn text(value: Value<'_>) -> Option<&str> {
    match value {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

fn port(value: Value<'_>) -> Option<u16> {
    match value {
        Value::Int(number) => u16::try_from(number).ok(),
        Value::Str(text) => text.parse().ok(),
        _ => None,
    }
}

/// See [`Tenants::judge`].
pub(super) fn judge<'a>(tenants: &Tenants, event: &mut Event<'a>, arena: &'a Bump) {
    let seen = Seen::of(event);
    if seen.foreign {
        OURS.into_iter().for_each(|field| event.remove(field));
    }
    tenants.geo.set(event, seen.source, seen.destination, arena);
    let Some(tenant) = seen.tenant.and_then(|id| tenants.get(id)) else { return };
    let time = event.time();
    match (seen.source, seen.destination) {
        (Some(source), Some(destination)) => {
            let judged = tenant.judge(&Flow {
                source,
                destination,
                port: seen.port,
                protocol: seen.protocol(),
                source_mac: seen.mac.and_then(Mac::parse),
                time,
            });
            put_source(event, judged.source, arena);
            put_destination(event, judged.destination, arena);
            if let Some(verdict) = judged.verdict {
                event.push(fields::SEKISHO_FLOW_VERDICT, Value::Str(verdict.as_str()));
            }
            if let Some(row) = judged.row {
                event.push(fields::SEKISHO_FLOW_RULE, Value::Str(arena.alloc_str(&row.id)));
            }
        }
        (Some(source), None) => put_source(event, tenant.locate(source, time), arena),
        (None, Some(destination)) => put_destination(event, tenant.locate(destination, time), arena),
        (None, None) => {}
    }
}

fn put_source<'a>(event: &mut Event<'a>, endpoint: Endpoint<'_>, arena: &'a Bump) {
    put(event, fields::SEKISHO_SOURCE_ZONE, endpoint.zone.unwrap_or(""), arena);
    put(event, fields::SEKISHO_SOURCE_SITE, endpoint.site, arena);
    put(event, fields::SEKISHO_SOURCE_OWNER, endpoint.owner, arena);
}

fn put_destination<'a>(event: &mut Event<'a>, endpoint: Endpoint<'_>, arena: &'a Bump) {
    put(event, fields::SEKISHO_DESTINATION_ZONE, endpoint.zone.unwrap_or(""), arena);
    put(event, fields::SEKISHO_DESTINATION_SITE, endpoint.site, arena);
    put(event, fields::SEKISHO_DESTINATION_OWNER, endpoint.owner, arena);
}

fn put<'a>(event: &mut Event<'a>, field: FieldId, text: &str, arena: &'a Bump) {
    if !text.is_empty() {
        event.push(field, Value::Str(arena.alloc_str(text)));
    }
}
