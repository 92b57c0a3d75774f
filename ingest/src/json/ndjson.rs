//! Events of NDJSON files under the names they carry themselves, for judging files: `sekisho detect`.
//!
//! One JSON object per line, flat or nested, in ECS names, in Sigma's (`Image`, `EventID`) or in any other. Objects
//! become dotted names; a list gives a field several values; `null` is no value. Unlike a product's parser this one drops
//! nothing: an empty text and `-` are values, because rules ask for them. A field of ECS gets the type that ECS gives it
//! when the value reads as one, else it stays as it is written.
//!
//! Logsource: the keys `product`, `category` and `service` at the top say it (`sekisho.logsource.*` too); what channel,
//! provider and event id of a Windows event say is left to the rules' side. Time: the best of [`TIMES`], in the source's
//! zone when it names none, else when the file was received. A line that is no JSON object becomes an event of kind
//! `pipeline_error` with the reason and the line.
//!
//! Bounds: those of [`crate::json`]; at most [`VALUES_MAX`] values of a line are kept.

use bumpalo::Bump;
use stream::{Event, FieldId, Kind, Timestamp, Value, fields as f};

use super::walk::Visit;
use super::{Path, Scalar, Walker};
use crate::charset::Charset;
use crate::parser::Reason;
use crate::time::{self, Zone};

/// The most values kept of one line; room is left for what sekisho adds.
const VALUES_MAX: usize = Event::FIELDS_MAX - 48;

/// Names of the time, best first, after `@timestamp` itself; letter case does not matter.
const TIMES: &[&str] = &[
    "timestamp",
    "time",
    "ts",
    "datetime",
    "event_time",
    "eventtime",
    "date",
    "timecreated",
    "systemtime",
    "event.system.timecreated.#attributes.systemtime",
    "event.system.timecreated.@systemtime",
    "event.system.timecreated.systemtime",
    "utctime",
    "event.eventdata.utctime",
    "winlog.event_data.utctime",
];

/// Reads lines into events; keeps what each path means from one line to the next.
pub struct Ndjson {
    walker: Walker,
    keys: Keys,
    zone: Zone,
    utc: Zone,
}

/// What the paths mean, by the walker's numbers.
#[derive(Default)]
struct Keys {
    all: Vec<Option<Key>>,
    /// [`Key::plain`], close together: it is asked for nearly every value.
    plain: Vec<Option<FieldId>>,
}

/// What a path means.
#[derive(Clone, Copy)]
struct Key {
    /// Its field; none for what only sekisho sets, and when no more names can be kept.
    field: Option<FieldId>,
    /// Whether values are brought to the field's type.
    typed: bool,
    /// Its place among the names of the time.
    rank: u8,
    /// Part of the logsource that it also says.
    logsource: Option<FieldId>,
    /// Its field in Sigma's flat names, for the nested forms of a Windows event.
    flat: Option<FieldId>,
    /// Its field, when there is nothing to do with a text or a whole number but to keep it.
    plain: Option<FieldId>,
}

const NO_TIME: u8 = u8::MAX;

impl Ndjson {
    /// A reader for files whose times, where they name no zone, are of this one.
    pub fn new(zone: Zone) -> Ndjson {
        Ndjson { walker: Walker::default(), keys: Keys::default(), zone, utc: Zone::utc() }
    }

    /// Reads one line; `received` is its time when it names none.
    pub fn read<'a>(&mut self, raw: &'a [u8], received: Timestamp, arena: &'a Bump) -> Event<'a> {
        let mut event = Event::new_in(arena);
        let (text, charset) = match simdutf8::basic::from_utf8(raw) {
            Ok(text) => (text, None),
            Err(_) => Charset::Auto.decode(raw, arena),
        };
        let mut time: Option<(u8, Timestamp)> = None;
        let result = self.object(text, &mut time, arena, &mut event);
        if let Some(charset) = charset {
            event.push(f::SEKISHO_CHARSET, Value::Str(charset));
        }
        event.push(f::TIMESTAMP, Value::Time(time.map_or(received, |(_, time)| time)));
        if let Err(reason) = result {
            event.set(f::EVENT_KIND, Value::Str("pipeline_error"));
            event.set(f::EVENT_ORIGINAL, Value::Str(text));
            event.set(f::SEKISHO_PARSE_REASON, Value::Str(reason.0));
            event.set(f::ERROR_MESSAGE, Value::Str(reason.0));
        }
        event
    }

    fn object<'a>(
        &mut self,
        text: &'a str,
        time: &mut Option<(u8, Timestamp)>,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let text = text.trim_start_matches(['\u{feff}', ' ', '\t']);
        if !text.starts_with('{') {
            return Err(Reason("no JSON object"));
        }
        let Ndjson { walker, keys, zone, utc } = self;
        walker.walk_numbered(text, arena, &mut Reading { keys, zone, utc, time, event })
    }
}

/// A line while it is read.
struct Reading<'r, 'a> {
    keys: &'r mut Keys,
    zone: &'r Zone,
    utc: &'r Zone,
    /// The best time so far, with its rank.
    time: &'r mut Option<(u8, Timestamp)>,
    event: &'r mut Event<'a>,
}

impl<'a> Reading<'_, 'a> {
    /// Keeps a value with whose path there is nothing else to do.
    #[inline(always)]
    fn keep(&mut self, number: Option<u32>, value: Value<'a>) -> bool {
        match number.and_then(|number| self.keys.plain.get(number as usize)) {
            Some(Some(field)) if self.event.len() < VALUES_MAX => {
                self.event.push(*field, value);
                true
            }
            _ => false,
        }
    }
}

impl<'a> Visit<'a> for Reading<'_, 'a> {
    #[inline(never)]
    fn text(&mut self, number: u32, text: &'a str) -> bool {
        self.keep(Some(number), Value::Str(text))
    }

    fn scalar(&mut self, path: Path<'_>, scalar: Scalar<'a>) {
        if let Scalar::Int(whole) = scalar
            && self.keep(path.number, Value::Int(whole))
        {
            return;
        }
        let key = self.keys.of(path);
        let Some(value) = scalar.value() else { return };
        if key.rank != NO_TIME && self.time.is_none_or(|(best, _)| key.rank < best) {
            let zone = if is_utc(path.name) { self.utc } else { self.zone };
            if let Some(found) = instant(scalar, zone) {
                *self.time = Some((key.rank, found));
                if key.rank == 0 {
                    return;
                }
            }
        }
        if self.event.len() >= VALUES_MAX {
            return;
        }
        if let Some(also) = key.logsource.or(key.flat) {
            self.event.push(also, value);
        }
        if let Some(field) = key.field {
            let value = if key.typed { typed(field, value, self.zone) } else { value };
            self.event.push(field, value);
        }
    }
}

impl Keys {
    /// What the path means, remembered by its number.
    #[inline]
    fn of(&mut self, path: Path<'_>) -> Key {
        let Some(number) = path.number else { return Key::of(path.name) };
        if let Some(Some(key)) = self.all.get(number as usize) {
            return *key;
        }
        let key = Key::of(path.name);
        if self.all.len() <= number as usize {
            self.all.resize(number as usize + 1, None);
            self.plain.resize(number as usize + 1, None);
        }
        (self.all[number as usize], self.plain[number as usize]) = (Some(key), key.plain);
        key
    }
}

impl Key {
    fn of(name: &str) -> Key {
        let rank = match name {
            _ if name == f::TIMESTAMP.name() => Some(0),
            _ if name == f::WINLOG_TIME_CREATED.name() => Some(1),
            _ => TIMES.iter().position(|time| time.eq_ignore_ascii_case(name)).map(|rank| rank + 2),
        };
        let logsource = match name {
            "product" => Some(f::SEKISHO_LOGSOURCE_PRODUCT),
            "category" => Some(f::SEKISHO_LOGSOURCE_CATEGORY),
            "service" => Some(f::SEKISHO_LOGSOURCE_SERVICE),
            _ => None,
        };
        // What judging adds itself is not a line's to say; its logsource is.
        let reserved = name.starts_with("sekisho.") && !name.starts_with("sekisho.logsource.");
        // Values at no path at all are those of a text that is no object.
        let field = if reserved || name.is_empty() { None } else { stream::intern(name) };
        let typed = field.is_some_and(|field| !matches!(field.kind(), Kind::Keyword | Kind::Text));
        let flat = flat(name).and_then(stream::intern);
        let plain = field.filter(|_| !typed && rank.is_none() && logsource.is_none() && flat.is_none());
        Key { field, typed, rank: rank.map_or(NO_TIME, |rank| rank as u8), logsource, flat, plain }
    }
}

/// Sigma's name for a part of a Windows event as the XML (`Event.System.Channel`, `Event.EventData.Image`) and Winlogbeat
/// (`winlog.channel`, `winlog.event_data.Image`) nest it.
fn flat(name: &str) -> Option<&str> {
    for prefix in ["Event.EventData.", "Event.UserData.", "EventData.", "winlog.event_data."] {
        if let Some(data) = name.strip_prefix(prefix) {
            // Elements of user data stand one level deeper, under the name of the event's template.
            return data.rsplit('.').next().filter(|data| !data.is_empty() && !data.starts_with(['#', '@']));
        }
    }
    let known = [
        (f::WINLOG_EVENT_ID, "EventID"),
        (f::WINLOG_CHANNEL, "Channel"),
        (f::WINLOG_PROVIDER_NAME, "Provider_Name"),
        (f::WINLOG_COMPUTER_NAME, "Computer"),
    ];
    if let Some((_, flat)) = known.iter().find(|(field, _)| field.name() == name) {
        return Some(flat);
    }
    let system = name.strip_prefix("Event.").unwrap_or(name).strip_prefix("System.")?;
    Some(match system {
        "EventID" | "EventID.#text" => "EventID",
        "Provider.#attributes.Name" | "Provider.@Name" | "Provider.Name" | "Provider_attributes.Name" => {
            "Provider_Name"
        }
        "Channel" => "Channel",
        "Computer" => "Computer",
        _ => return None,
    })
}

/// Whether times of this name are UTC whatever the source's zone.
fn is_utc(name: &str) -> bool {
    name.len() >= 7 && name.as_bytes()[name.len() - 7..].eq_ignore_ascii_case(b"utctime")
}

/// The value as the field's type, if it reads as one.
fn typed<'a>(field: FieldId, value: Value<'a>, zone: &Zone) -> Value<'a> {
    let read = match (field.kind(), value) {
        (Kind::Int, Value::Str(text)) => text.parse().ok().map(Value::Int),
        (Kind::Float, Value::Str(text)) => {
            text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float)
        }
        (Kind::Float, Value::Int(number)) => Some(Value::Float(number as f64)),
        (Kind::Bool, Value::Str("true")) => Some(Value::Bool(true)),
        (Kind::Bool, Value::Str("false")) => Some(Value::Bool(false)),
        (Kind::Ip, Value::Str(text)) => text.parse().ok().map(Value::Ip),
        (Kind::Time, Value::Str(text)) => time::iso(text, zone).or_else(|| time::epoch(text)).map(Value::Time),
        _ => None,
    };
    read.unwrap_or(value)
}

fn instant(scalar: Scalar<'_>, zone: &Zone) -> Option<Timestamp> {
    match scalar {
        Scalar::Str(text) => {
            time::iso(text, zone).or_else(|| time::epoch(text).filter(|_| text.len() >= 9)).or_else(|| {
                // Windows Event Viewer's and Python's habit of a blank before the zone's name.
                text.strip_suffix(" UTC").and_then(|text| time::iso(text, &Zone::utc()))
            })
        }
        Scalar::Int(number) => crate::products::generic::epoch(number),
        Scalar::Float(_, text) => time::epoch(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&[u8]]) -> Vec<Vec<String>> {
        let mut reader = Ndjson::new(Zone::tokyo());
        let arena = Bump::new();
        let text = |event: Event<'_>| {
            let values = event.iter().filter(|(field, _)| !matches!(*field, f::ERROR_MESSAGE | f::EVENT_KIND));
            values.map(|(field, value)| format!("{}={}", field.name(), value.text())).collect()
        };
        lines.iter().map(|line| text(reader.read(line, Timestamp::from_seconds(1_800_000_000), &arena))).collect()
    }

    #[test]
    fn native_names_are_kept_with_every_value() {
        let line = br#"{"product":"windows","EventID":1,"Image":"C:\\a.exe","User":"-","Hash":"","None":null,"Tags":["a","b"]}"#;
        let expected = [
            "sekisho.logsource.product=windows",
            "product=windows",
            "EventID=1",
            "Image=C:\\a.exe",
            "User=-",
            "Hash=",
            "Tags=a",
            "Tags=b",
            "@timestamp=2027-01-15T08:00:00Z",
        ];
        assert_eq!(read(&[line, line]), [expected, expected]);
    }

    #[test]
    fn nested_objects_and_types_of_ecs() {
        let line = br##"{"Event":{"System":{"TimeCreated":{"#attributes":{"SystemTime":"2026-11-20T01:00:00Z"}}}},
            "source.ip":"192.0.2.1","source":{"port":"x"},"destination":{"port":"53"},"sekisho":{"tenant":"other"}}"##;
        let found = read(&[line]);
        let expected = [
            "Event.System.TimeCreated.#attributes.SystemTime=2026-11-20T01:00:00Z",
            "source.ip=192.0.2.1",
            "source.port=x",
            "destination.port=53",
            "@timestamp=2026-11-20T01:00:00Z",
        ];
        assert_eq!(found, [expected]);
    }

    #[test]
    fn nested_windows_events_have_sigmas_names_too() {
        let nested = br##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"P"}},"EventID":{"#text":1},"Channel":"C"},"EventData":{"Image":"i","#attributes":{"Name":"n"}},"UserData":{"T":{"User":"u"}}}}"##;
        let beat = br#"{"winlog":{"event_id":1,"channel":"C","provider_name":"P","event_data":{"Image":"i"}}}"#;
        for (line, user) in [(nested.as_slice(), true), (beat.as_slice(), false)] {
            let found = read(&[line]).remove(0);
            for name in ["EventID=1", "Channel=C", "Provider_Name=P", "Image=i"] {
                assert!(found.contains(&name.to_owned()), "{name} in {found:?}");
            }
            assert_eq!(found.contains(&"User=u".to_owned()), user);
        }
    }

    #[test]
    fn the_best_time_wins_and_utc_is_utc() {
        let found = read(&[
            br#"{"UtcTime":"2026-11-20 01:00:00.5","a":1}"#,
            br#"{"UtcTime":"2026-11-20 01:00:00","TimeCreated":"2026-11-20 11:00:00"}"#,
            br#"{"ts":1795137330,"@timestamp":"2026-11-20T10:00:00"}"#,
        ]);
        let times: Vec<_> = found.iter().map(|event| event.last().unwrap().as_str()).collect();
        let expected =
            ["@timestamp=2026-11-20T01:00:00.5Z", "@timestamp=2026-11-20T02:00:00Z", "@timestamp=2026-11-20T01:00:00Z"];
        assert_eq!(times, expected);
    }

    #[test]
    fn a_damaged_line_is_an_event_with_a_reason() {
        let found = read(&[br#"{"a":1,"b":"#, b"plain", b"[1]", b"\x82\xa0"]);
        assert!(
            found[0].contains(&"a=1".to_owned())
                && found[0].contains(&"sekisho.parse.reason=JSON ends early".to_owned())
        );
        for event in &found[1..] {
            assert!(event.contains(&"sekisho.parse.reason=no JSON object".to_owned()), "{event:?}");
        }
        assert!(found[3].contains(&"event.original=あ".to_owned()), "{:?}", found[3]);
    }

    #[test]
    fn bounded() {
        let many = format!("{{{}}}", (0..2000).map(|at| format!("\"few\":{at}")).collect::<Vec<_>>().join(","));
        let arena = Bump::new();
        let event = Ndjson::new(Zone::utc()).read(many.as_bytes(), Timestamp::default(), &arena);
        assert_eq!(event.len(), VALUES_MAX + 1);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(line: Vec<u8>, text in "\\{?[\\[\\]{}\",:\\\\ua0-9é .-]{0,60}") {
            let _ = read(&[&line, text.as_bytes(), &line]);
        }
    }
}
