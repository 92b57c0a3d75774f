//! Beyond Sigma: what stands under `sekisho:` and narrows a rule further than one event's own fields can.
//!
//! A detection rule matches an event when its Sigma condition holds and then, in this order, each of these that it has:
//! `ledger`, `ioc` and `calendar`, which ask what the tenant wrote down for the event's time, and `first_seen`,
//! `baseline` and `beacon`, which ask what came before. A key with memory sees only the events that passed those in
//! front of it. What fails one of them is no match at all: no alert, no evidence, nothing handed to correlations.
//! `absence` with `without` ([`absence`]) turns a match into a question that is answered later.
//!
//! All of it is a function of the stream and of the tenant's ledgers: event time only, no clock, no hash order.
//! Memory is bounded per rule, the bound stands at the head of each file; what a full table drops is counted.

mod absence;
mod baseline;
mod beacon;
mod calendar;
mod compile;
mod first_seen;
mod health;
mod ioc;
mod join;
mod state;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};

use stream::{Event, FieldId, Timestamp, Value};

pub(crate) use absence::Pending;
pub(crate) use compile::compile;
pub(crate) use state::{SavedState, State};

use crate::Tenant;

/// The event at hand, as the keys need it.
#[derive(Clone, Copy)]
pub(crate) struct Case<'c, 'e> {
    /// Tenant id.
    pub(crate) tenant: &'c str,
    /// Source id within the tenant.
    pub(crate) source: &'c str,
    /// The tenant's ledgers and calendar; none for a tenant without a folder.
    pub(crate) body: Option<&'c Tenant>,
    pub(crate) event: &'c Event<'e>,
    pub(crate) time: Timestamp,
    pub(crate) received: Timestamp,
}

/// The keys of one rule, compiled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beyond {
    pub(crate) joins: Box<[join::Join]>,
    pub(crate) ioc: Option<ioc::Ioc>,
    pub(crate) calendar: Option<calendar::Gate>,
    pub(crate) first_seen: Option<first_seen::FirstSeen>,
    pub(crate) baseline: Option<baseline::Baseline>,
    pub(crate) beacon: Option<beacon::Beacon>,
    pub(crate) without: Option<absence::Without>,
}

impl Beyond {
    /// Whether the keys without memory hold.
    fn holds(&self, case: &Case<'_, '_>) -> bool {
        self.calendar.as_ref().is_none_or(|gate| gate.holds(case))
            && self.joins.iter().all(|join| join.holds(case))
            && self.ioc.as_ref().is_none_or(|ioc| ioc.holds(case))
    }

    /// How long after an event the answer that it asks for may come.
    pub(crate) fn after_nanos(&self) -> i64 {
        self.without.as_ref().map_or(0, |without| without.after_nanos)
    }

    /// Whether it remembers anything from event to event.
    fn remembers(&self) -> bool {
        self.first_seen.is_some() || self.baseline.is_some() || self.beacon.is_some() || self.without.is_some()
    }
}

/// The fields that one name of a rule stands for in its logsource.
pub(crate) type Names = Vec<FieldId>;

/// The first value of the fields a name stands for.
fn first_value<'a>(event: &Event<'a>, fields: &[FieldId]) -> Option<Value<'a>> {
    fields.iter().find_map(|field| event.get(*field))
}

/// Every value of the fields a name stands for.
fn all_values<'v, 'a>(event: &'v Event<'a>, fields: &'v [FieldId]) -> impl Iterator<Item = Value<'a>> + 'v {
    fields.iter().flat_map(|field| event.all(*field))
}

/// Writes the tenant and the first value of each name into `key`; false when the event lacks one of them.
fn write_key(case: &Case<'_, '_>, by: &[Names], key: &mut String) -> bool {
    key.clear();
    put_part(case.tenant, key);
    for fields in by {
        match first_value(case.event, fields) {
            None => return false,
            Some(Value::Str(text)) => put_part(text, key),
            Some(Value::Ip(IpAddr::V4(ip))) => put_address(ip, key),
            Some(value) => put_part(&value.text(), key),
        }
    }
    true
}

/// Writes a text after its length, so that no two lists of texts look alike.
fn put_part(text: &str, key: &mut String) {
    put_number(text.len(), key);
    key.push(':');
    key.push_str(text);
}

/// The same for an address, without the machinery of formatting: keys are written for most events.
fn put_address(ip: Ipv4Addr, key: &mut String) {
    let digits = |octet: u8| 1 + usize::from(octet > 9) + usize::from(octet > 99);
    put_number(3 + ip.octets().into_iter().map(digits).sum::<usize>(), key);
    for (at, octet) in ip.octets().into_iter().enumerate() {
        key.push(if at == 0 { ':' } else { '.' });
        put_number(octet.into(), key);
    }
}

fn put_number(number: usize, key: &mut String) {
    if number > 9 {
        put_number(number / 10, key);
    }
    key.push(char::from(b'0' + (number % 10) as u8));
}
