//! Beyond Sigma: what stands under `sekisho:` and narrows a rule further than one event's own fields can.
//!
//! A detection rule matches an event when its Sigma condition holds and then, in this order, each of these that it has:
//! `ledger`, `ioc` and `calendar`, which ask what the tenant wrote down for the event's time, and `first_seen`,
//! `baseline` and `beacon`, which ask what came before. A key with memory sees only the events that passed those in
//! front of it. What fails one of them is no match at all: no alert, no evidence, nothing handed to correlations.
//! `absence` with `without` ([`absence`]) turns a match into a question that is answered later.
//!
//! All of it is a function of the stream and of the tenant's ledgers: event time only, no clock, no hash order. What is
//! remembered of an event goes by its time as far as that is believed ([`clock`]): a line dated 2099 counts as one of now.
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
mod keyed;
mod state;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};

use stream::{FieldId, Timestamp, Value};

pub(crate) use absence::Pending;
pub(crate) use compile::compile;
pub(crate) use ioc::USUAL;
pub(crate) use state::{Heard, SavedState, State};

use crate::engine::clock;
use crate::places::Placed;
use crate::{Meta, Tenant};

/// The event at hand, as the keys need it.
pub(crate) struct Case<'c, 'e> {
    /// Tenant id.
    pub(crate) tenant: &'c str,
    /// Source id within the tenant.
    pub(crate) source: &'c str,
    /// The tenant's ledgers and calendar; none for a tenant without a folder.
    pub(crate) body: Option<&'c Tenant>,
    pub(crate) event: Placed<'c, 'e>,
    pub(crate) time: Timestamp,
    /// Its time as far as it is believed: what is remembered goes by this one. See [`clock`].
    pub(crate) now: Timestamp,
    pub(crate) received: Timestamp,
    /// Bit n: the value at place n is no indicator that holds at the event's time. Several rules ask.
    no_indicators: Cell<u128>,
}

impl<'c, 'e> Case<'c, 'e> {
    pub(crate) fn new(body: Option<&'c Tenant>, meta: &Meta<'c>, event: Placed<'c, 'e>) -> Self {
        let (time, received) = (time_of(event), meta.received);
        let now = clock::believed(time, received);
        let no_indicators = Cell::new(0);
        Case { tenant: meta.tenant, source: meta.source, body, event, time, now, received, no_indicators }
    }

    fn is_no_indicator(&self, place: usize) -> bool {
        place < 128 && self.no_indicators.get() >> place & 1 == 1
    }

    fn note_no_indicator(&self, place: usize) {
        if place < 128 {
            self.no_indicators.set(self.no_indicators.get() | 1 << place);
        }
    }

    /// Whether its time lies ahead of its receipt by more than may be.
    fn is_ahead(&self) -> bool {
        self.time > self.now
    }
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

    /// What the alert of a match tells beyond the event itself.
    pub(crate) fn tells(&self, case: &Case<'_, '_>) -> Vec<(FieldId, Box<str>)> {
        self.ioc.as_ref().map_or_else(Vec::new, |ioc| ioc.indicator(case))
    }

    /// Lists of fields of each of which an event must have one to be a match at all.
    pub(crate) fn needs(&self) -> Vec<&[FieldId]> {
        let joins = self
            .joins
            .iter()
            .flat_map(|join| std::iter::once(&join.first.1).chain(join.more.iter().map(|(_, fields)| fields)));
        let first_seen = self.first_seen.iter().flat_map(|rule| &rule.by);
        let baseline = self.baseline.iter().flat_map(|rule| rule.by.iter().chain(&rule.sum));
        let beacon = self.beacon.iter().flat_map(|rule| &rule.by);
        let without = self.without.iter().flat_map(|rule| &rule.by);
        let by = first_seen.chain(baseline).chain(beacon).chain(without);
        let ioc = self.ioc.iter().map(|ioc| ioc.fields.list());
        joins.map(Vec::as_slice).chain(by.map(Vec::as_slice)).chain(ioc).collect()
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

/// The event's time; see [`stream::Event::time`].
pub(crate) fn time_of(event: Placed<'_, '_>) -> Timestamp {
    match event.get(stream::fields::TIMESTAMP) {
        Some(Value::Time(time)) => time,
        _ => Timestamp::default(),
    }
}

/// Writes the tenant and the first value of each name into `key`; false when the event lacks one of them.
fn write_key(case: &Case<'_, '_>, by: &[Names], key: &mut String) -> bool {
    key.clear();
    put_part(case.tenant, key);
    for fields in by {
        let Some(value) = case.event.first_of(fields) else { return false };
        put_value(value, key);
    }
    true
}

/// Writes a value's text after its length, so that no two lists of values look alike.
pub(crate) fn put_value(value: Value<'_>, key: &mut String) {
    match value {
        Value::Str(text) => put_part(text, key),
        // Without the machinery of formatting: keys are written for most events.
        Value::Ip(IpAddr::V4(ip)) => {
            let (text, end) = dotted(ip);
            key.push_str(LENGTHS[end]);
            key.push_str(std::str::from_utf8(&text[..end]).unwrap_or_default());
        }
        value => put_part(&value.text(), key),
    }
}

/// The same for a text.
pub(crate) fn put_part(text: &str, key: &mut String) {
    match LENGTHS.get(text.len()) {
        Some(length) => key.push_str(length),
        None => key.push_str(&format!("{}:", text.len())),
    }
    key.push_str(text);
}

/// Writes an address as people do.
pub(crate) fn put_dotted(ip: Ipv4Addr, out: &mut String) {
    let (text, end) = dotted(ip);
    out.push_str(std::str::from_utf8(&text[..end]).unwrap_or_default());
}

/// Lengths before short texts.
const LENGTHS: [&str; 32] = [
    "0:", "1:", "2:", "3:", "4:", "5:", "6:", "7:", "8:", "9:", "10:", "11:", "12:", "13:", "14:", "15:", "16:", "17:",
    "18:", "19:", "20:", "21:", "22:", "23:", "24:", "25:", "26:", "27:", "28:", "29:", "30:", "31:",
];

/// An address as people write it, and its length.
fn dotted(ip: Ipv4Addr) -> ([u8; 15], usize) {
    let (mut text, mut end) = ([b'.'; 15], 0);
    for (at, octet) in ip.octets().into_iter().enumerate() {
        end += usize::from(at > 0);
        for (least, power) in [(100, 100), (10, 10), (0, 1)] {
            if octet >= least {
                text[end] = b'0' + octet / power % 10;
                end += 1;
            }
        }
    }
    (text, end)
}
