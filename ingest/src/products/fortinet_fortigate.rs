//! FortiGate (FortiOS 4.x to 7.6): traffic, UTM and event logs in the default, CSV, CEF and JSON formats.
//!
//! | Header before the pairs | Where it is met |
//! |---|---|
//! | none, or `<PRI>` | FortiGate's own syslog, files |
//! | `<PRI>Nov 20 10:00:00 host `, `<PRI>1 2026-11-20T10:00:00Z host - - - - ` | relays, `set format rfc5424` |
//! | two host names and a stray `"` before the first key | boxes that a carrier operates |
//!
//! `@timestamp` is `date` + `time` in `tz`, else in the source's zone; `event.start` is `eventtime` (s, ms, us or ns).
//! Known keys become ECS fields, the rest `fortigate.<key>` (see [`keys`]). `event.type` holds `allowed` or `denied`;
//! `event.action` is the vendor's `action`, for UTM logs `eventtype`. `N/A` and `(null)` are nothing.
//! A key counts once, the first time. Source: FortiOS Log Message Reference.

mod keys;
mod meaning;
mod scan;
mod values;

use bumpalo::Bump;
use stream::{Event, FieldId, Timestamp, Value, fields};

use self::keys::{Keys, Seen, Slot, To};
use self::scan::{Key, Pairs, key_at};
use self::values::{address, integer, is_nothing, mac, unescape};
use crate::parser::{Context, Parser, Reason};
use crate::products::generic::{Cef, Json};
use crate::{syslog, time};

/// Parser of FortiGate logs.
#[derive(Default)]
pub struct FortinetFortigate {
    keys: Keys,
    own: meaning::Own,
    cef: Cef,
    json: Json,
}

/// The values kept aside while a line is read.
struct Slots<'a>([&'a str; Slot::COUNT]);

impl<'a> Slots<'a> {
    /// The value, empty when the line has none.
    #[inline]
    fn get(&self, slot: Slot) -> &'a str {
        self.0[slot as usize]
    }

    /// The value, if the line has one.
    #[inline]
    fn find(&self, slot: Slot) -> Option<&'a str> {
        Some(self.get(slot)).filter(|value| !value.is_empty())
    }
}

impl Parser for FortinetFortigate {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let body = priority(line, event);
        let Some(first) = first_key(&self.keys, line, body) else {
            return self.parse_other(line, body, context, arena, event);
        };
        let header = match line.get(..first.start) {
            Some(text) if first.start > body => syslog::parse(text.trim_end_matches([' ', '"']), context),
            _ => syslog::Header::default(),
        };
        let mut slots = Slots([""; Slot::COUNT]);
        self.read_pairs(line, first, arena, event, &mut slots);
        if let Some(host) = header.hostname {
            event.push_str(fields::LOG_SYSLOG_HOSTNAME, host);
            if !event.has(fields::OBSERVER_NAME) {
                event.push_str(fields::OBSERVER_NAME, host);
            }
        }
        if slots.get(Slot::Type).is_empty() && !event.has(fields::EVENT_CODE) {
            return Err(Reason("neither type nor logid: not a FortiGate log"));
        }
        set_time(&slots, header.timestamp, context, event);
        set_observer(event);
        meaning::set(&self.own, &slots, arena, event);
        Ok(())
    }
}

impl FortinetFortigate {
    /// Puts each pair into its field or its slot.
    fn read_pairs<'a>(
        &mut self,
        line: &'a str,
        first: Key,
        arena: &'a Bump,
        event: &mut Event<'a>,
        slots: &mut Slots<'a>,
    ) {
        let mut seen = Seen::new();
        for pair in Pairs::new(line, first) {
            if is_nothing(pair.value) {
                continue;
            }
            let Some(meaning) = self.keys.meaning(pair.key, pair.hash) else { continue };
            if !seen.first(meaning.number) {
                continue;
            }
            let value = if pair.escaped { unescape(pair.value, arena) } else { pair.value };
            match meaning.to {
                To::Text(field) => event.push(field, Value::Str(value)),
                To::Slot(slot) => {
                    let held = &mut slots.0[slot as usize];
                    if held.is_empty() {
                        *held = value;
                    }
                }
                To::Int(field) => {
                    if let Some(number) = integer(value) {
                        event.push(field, Value::Int(number));
                    }
                }
                To::Ip(field, other) => push_address(event, field, other, value),
                To::Mac(field) => {
                    event.push(field, Value::Str(mac(value, arena).unwrap_or(value)));
                }
                To::Nothing => {}
            }
        }
    }

    /// The CEF and JSON formats that a FortiGate can be told to write.
    fn parse_other<'a>(
        &mut self,
        line: &'a str,
        body: usize,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let rest = line.get(body..).unwrap_or("");
        if rest.contains("CEF:") {
            self.cef.parse(rest, context, arena, event)?;
        } else if rest.trim_start().starts_with('{') {
            self.json.parse(rest, context, arena, event)?;
        } else {
            return Err(Reason("no key=value pair: not a FortiGate log"));
        }
        for (field, value) in OBSERVER {
            event.set(*field, Value::Str(value));
        }
        event.set(fields::SEKISHO_LOGSOURCE_PRODUCT, Value::Str("fortigate"));
        Ok(())
    }
}

/// An address, or else text of the other field.
fn push_address<'a>(event: &mut Event<'a>, field: FieldId, other: FieldId, value: &'a str) {
    match address(value) {
        Some(ip) => event.push(field, Value::Ip(ip)),
        None if other != field && !event.has(other) => event.push(other, Value::Str(value)),
        None => {}
    }
}

/// Reads `<PRI>`; where what follows starts.
fn priority(line: &str, event: &mut Event<'_>) -> usize {
    let start = if line.starts_with('\u{feff}') { 3 } else { 0 };
    match line.get(start..).and_then(syslog::priority_prefix) {
        Some((number, length)) => {
            push_priority(number, event);
            start + length
        }
        None => start,
    }
}

/// Sets the codes only: their names say nothing more and would stand in the index once per line.
pub(super) fn push_priority(number: u8, event: &mut Event<'_>) {
    event.push(fields::LOG_SYSLOG_PRIORITY, Value::Int(i64::from(number)));
    event.push(fields::LOG_SYSLOG_FACILITY_CODE, Value::Int(i64::from(number >> 3)));
    event.push(fields::LOG_SYSLOG_SEVERITY_CODE, Value::Int(i64::from(number & 7)));
}

/// The first pair's key: at the body's start any key, further on (behind a header) one of the reference.
fn first_key(keys: &Keys, line: &str, body: usize) -> Option<Key> {
    const HEADER_BYTES_MAX: usize = 512;
    let bytes = line.as_bytes();
    if let Some(key) = key_at(bytes, body) {
        return Some(key);
    }
    let stop = bytes.len().min(body + HEADER_BYTES_MAX);
    (body + 1..stop)
        .filter(|at| matches!(bytes[at - 1], b' ' | b'"' | b'\t' | b':'))
        .filter_map(|at| key_at(bytes, at))
        .find(|key| line.get(key.start..key.end).is_some_and(|name| keys.is_known(name)))
}

/// `@timestamp` from `date`, `time` and `tz`, `event.start` from `eventtime`.
fn set_time<'a>(slots: &Slots<'a>, header: Option<Timestamp>, context: &Context, event: &mut Event<'a>) {
    let start = slots.find(Slot::EventTime).and_then(time::epoch);
    let instant = civil(slots).map(|civil| match slots.find(Slot::Zone).and_then(time::offset) {
        Some(seconds) => civil.at_offset(seconds),
        None => context.zone.instant(&civil),
    });
    if let Some(instant) = instant.or(start).or(header) {
        event.push(fields::TIMESTAMP, Value::Time(instant));
    }
    if let Some(start) = start {
        event.push(fields::EVENT_START, Value::Time(start));
    }
    if let Some(zone) = slots.find(Slot::Zone) {
        event.push(fields::EVENT_TIMEZONE, Value::Str(zone));
    }
}

fn civil(slots: &Slots<'_>) -> Option<time::Civil> {
    let (date, length) = time::civil_date(slots.get(Slot::Date).as_bytes())?;
    let (time, _) = time::civil_time(slots.get(Slot::Time).as_bytes())?;
    (length == slots.get(Slot::Date).len()).then(|| time::Civil::new(date, time))?
}

static OBSERVER: &[(FieldId, &str)] = &[
    (fields::OBSERVER_VENDOR, "Fortinet"),
    (fields::OBSERVER_PRODUCT, "Fortigate"),
    (fields::OBSERVER_TYPE, "firewall"),
    (fields::EVENT_MODULE, "fortinet_fortigate"),
];

fn set_observer(event: &mut Event<'_>) {
    for (field, value) in OBSERVER {
        event.push(*field, Value::Str(value));
    }
}

#[cfg(test)]
mod tests;
