//! FortiGate (FortiOS 4.x to 7.6): traffic, UTM and event logs in the default, CSV, CEF and JSON formats.
//!
//! | Header before the pairs | Where it is met |
//! |---|---|
//! | none, or `<PRI>` | FortiGate's own syslog, files |
//! | `<PRI>Nov 20 10:00:00 host `, `<PRI>1 2026-11-20T10:00:00Z host - - - - ` | relays, `set format rfc5424` |
//! | two host names and a stray `"` before the first key | boxes that a carrier operates |
//!
//! In CEF the vendor's `FTNTFGT<key>` and in JSON the members of the object are the same keys (see `other`).
//!
//! `@timestamp` is `date` + `time` in `tz`, else in the source's zone; `event.start` is `eventtime` (s, ms, us or ns).
//! Known keys become ECS fields, the rest `fortigate.<key>` (see `keys`). `event.type` holds `allowed` or `denied`;
//! `event.action` is the vendor's `action`, for UTM logs `eventtype`. `N/A` and `(null)` are nothing.
//! A key counts once, the first time. Source: FortiOS Log Message Reference.

mod keys;
mod meaning;
mod other;
mod scan;
pub(crate) mod values;

use bumpalo::Bump;
use stream::{Event, FieldId, Timestamp, Value, fields};

use self::keys::{Keys, Seen, Slot, To};
use self::scan::{Key, Pairs, key_at};
use self::values::{address, integer, is_nothing, mac, unescape};
use crate::json::Walker;
use crate::parser::{Context, Parser, Reason};
use crate::{syslog, time};

/// Parser of FortiGate logs.
#[derive(Default)]
pub struct FortinetFortigate {
    keys: Keys,
    own: meaning::Own,
    walker: Walker,
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

/// One line while it is read.
struct Line<'e, 'a> {
    slots: Slots<'a>,
    seen: Seen,
    arena: &'a Bump,
    event: &'e mut Event<'a>,
}

impl<'e, 'a> Line<'e, 'a> {
    fn new(arena: &'a Bump, event: &'e mut Event<'a>) -> Self {
        Line { slots: Slots([""; Slot::COUNT]), seen: Seen::new(), arena, event }
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
        let mut held = Line::new(arena, event);
        let first = match key_at(line.as_bytes(), body) {
            Some(key) => key,
            None if other::is_cef(line, body) => return other::parse_cef(self, line, body, context, held),
            None => match key_behind_header(&self.keys, line, body) {
                Some(key) => key,
                None => return other::parse_json(self, line, body, context, held),
            },
        };
        let header = match line.get(..first.start) {
            Some(text) if first.start > body => syslog::parse(text.trim_end_matches([' ', '"']), context),
            _ => syslog::Header::default(),
        };
        for pair in Pairs::new(line, first) {
            let value = if pair.escaped { unescape(pair.value, arena) } else { pair.value };
            self.put(pair.key, pair.hash, value, &mut held);
        }
        self.finish(held, &header, context)
    }
}

impl FortinetFortigate {
    /// Puts a value into its field or its slot.
    #[inline]
    fn put<'a>(&mut self, key: &str, hash: u32, value: &'a str, line: &mut Line<'_, 'a>) {
        if is_nothing(value) {
            return;
        }
        let Some(meaning) = self.keys.meaning(key, hash) else { return };
        if !line.seen.first(meaning.number) {
            return;
        }
        match meaning.to {
            To::Text(field) => line.event.push(field, Value::Str(value)),
            To::Slot(slot) => {
                let held = &mut line.slots.0[slot as usize];
                if held.is_empty() {
                    *held = value;
                }
            }
            To::Int(field) => {
                if let Some(number) = integer(value) {
                    line.event.push(field, Value::Int(number));
                }
            }
            To::Ip(field, other) => push_address(line.event, field, other, value),
            To::Mac(field) => line.event.push(field, Value::Str(mac(value, line.arena).unwrap_or(value))),
            To::Nothing => {}
        }
    }

    /// What the collected values mean, once the line is read.
    fn finish<'a>(&self, mut line: Line<'_, 'a>, header: &syslog::Header<'a>, context: &Context) -> Result<(), Reason> {
        let Line { slots, event, arena, .. } = &mut line;
        if let Some(host) = header.hostname {
            event.push_str(fields::LOG_SYSLOG_HOSTNAME, host);
            if !event.has(fields::OBSERVER_NAME) {
                event.push_str(fields::OBSERVER_NAME, host);
            }
        }
        if slots.get(Slot::Type).is_empty() && !event.has(fields::EVENT_CODE) {
            return Err(Reason("neither type nor logid: not a FortiGate log"));
        }
        set_time(slots, header.timestamp, context, event);
        for (field, value) in OBSERVER {
            event.push(*field, Value::Str(value));
        }
        meaning::set(&self.own, slots, arena, event);
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
pub(crate) fn push_priority(number: u8, event: &mut Event<'_>) {
    event.push(fields::LOG_SYSLOG_PRIORITY, Value::Int(i64::from(number)));
    event.push(fields::LOG_SYSLOG_FACILITY_CODE, Value::Int(i64::from(number >> 3)));
    event.push(fields::LOG_SYSLOG_SEVERITY_CODE, Value::Int(i64::from(number & 7)));
}

/// The first key of the reference behind a header.
fn key_behind_header(keys: &Keys, line: &str, body: usize) -> Option<Key> {
    const HEADER_BYTES_MAX: usize = 512;
    let bytes = line.as_bytes();
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

#[cfg(test)]
mod tests;
