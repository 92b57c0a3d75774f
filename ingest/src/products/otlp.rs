//! Log records of OpenTelemetry as OTLP's JSON, one per line: what the listener `otlp` keeps, and the file exporter writes.
//!
//! Attributes of record, scope and resource set the ECS field of their name when the value fits its kind (the names of
//! OpenTelemetry's semantic conventions and of ECS are largely the same), and are else kept as `otel.attributes.*`,
//! `otel.scope.*` and `otel.resource.*`. A body that is text is `message`, one with keys is read as attributes are and
//! kept as `otel.body.*`. `severityNumber` is `log.level` in the data model's words, unless `severityText` says it.
//!
//! Bounds: values nested `DEPTH_MAX` deep, `VALUES_MAX` of them. A line holds one log record; where a file's line holds
//! several, it is refused, so that none is passed over. Source: opentelemetry-proto `logs/v1`, OTLP/JSON encoding; OpenTelemetry,
//! "Logs Data Model".

use bumpalo::Bump;
use stream::{Event, FieldId, Kind, Timestamp, Value, fields as f};

use crate::json::{Members, elements, unescape, value_end};
use crate::parser::{Context, Names, Parser, Reason};
use crate::{json_keys, put, time};

/// How deep values are followed.
const DEPTH_MAX: usize = 12;
/// The most values set from one record.
const VALUES_MAX: usize = 1024;

/// How a record of the listener begins.
const BEGIN: &str = "{\"resourceLogs\":";

/// Parser of OTLP's JSON.
#[derive(Default)]
pub struct Otlp {
    attributes: Names,
    body: Names,
    scope: Names,
    resource: Names,
}

impl Parser for Otlp {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let [resource_logs, scope_logs, record] = record(line)?;
        event.push(f::EVENT_KIND, Value::Str("event"));
        event.push(f::EVENT_MODULE, Value::Str("otlp"));
        let nanos = |name| member(record, name).and_then(|value| plain(value)?.parse().ok()).filter(|nanos| *nanos > 0);
        if let Some(nanos) = nanos("timeUnixNano").or_else(|| nanos("observedTimeUnixNano")) {
            event.push(f::TIMESTAMP, Value::Time(Timestamp(nanos)));
        }
        level(record, arena, event);
        let text = |object, name| member(object, name).and_then(|value| text(value, arena)).unwrap_or("");
        event.push_str(f::TRACE_ID, text(record, "traceId"));
        event.push_str(f::SPAN_ID, text(record, "spanId"));
        event.push_str(f::EVENT_ACTION, text(record, "eventName"));
        let scope = member(scope_logs, "scope").unwrap_or(b"");
        event.push_str(f::LOG_LOGGER, text(scope, "name"));
        let mut put = Put { context, arena, names: &mut self.body, prefix: "otel.body.", values: 0, event };
        if let Some(body) = member(record, "body") {
            match member(body, "stringValue").and_then(|value| self::text(value, arena)) {
                Some(message) => put.event.push_str(f::MESSAGE, message),
                None => put.value("", body, 0),
            }
        }
        let resource = member(resource_logs, "resource").unwrap_or(b"");
        for (names, prefix, object) in [
            (&mut self.attributes, "otel.attributes.", record),
            (&mut self.scope, "otel.scope.", scope),
            (&mut self.resource, "otel.resource.", resource),
        ] {
            let mut put = Put { context, arena, names, prefix, values: 0, event };
            put.pairs("", member(object, "attributes").unwrap_or(b""), 0);
        }
        if event.get_str(f::HOST_NAME).is_some() && !event.has(f::HOST_HOSTNAME) {
            let name = event.get_str(f::HOST_NAME).unwrap_or("");
            event.push_str(f::HOST_HOSTNAME, name);
        }
        Ok(())
    }
}

/// The text that is the body of a record of the listener; none where the line is none, or the body is no text.
pub(crate) fn body<'a>(line: &'a str, arena: &'a Bump) -> Option<&'a str> {
    let [.., record] = record(line).ok()?;
    text(member(member(record, "body")?, "stringValue")?, arena)
}

/// Whether a line looks like a record of the listener.
pub(crate) fn is(line: &str) -> bool {
    line.starts_with(BEGIN)
}

/// The objects around the one log record of a line, and itself.
fn record(line: &str) -> Result<[&[u8]; 3], Reason> {
    let text = line.trim().as_bytes();
    if value_end(text) != Some(text.len()) {
        return Err(Reason("JSON is not whole"));
    }
    let resource_logs = only(text, "resourceLogs")?;
    let scope_logs = only(resource_logs, "scopeLogs")?;
    Ok([resource_logs, scope_logs, only(scope_logs, "logRecords")?])
}

/// The one element of a list.
fn only<'a>(object: &'a [u8], name: &str) -> Result<&'a [u8], Reason> {
    let mut list = elements(member(object, name).ok_or(Reason("not a log record of OTLP"))?);
    match (list.next(), list.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Reason("no log record of OTLP in the line")),
        _ => Err(Reason("several log records of OTLP in one line")),
    }
}

fn member<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    Members::of(object).find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value)
}

/// A number as it is written, with or without quotes.
fn plain(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().map(|text| text.trim_matches('"'))
}

/// A text, unescaped.
fn text<'a>(value: &'a [u8], arena: &'a Bump) -> Option<&'a str> {
    let inner = std::str::from_utf8(value).ok()?.strip_prefix('"')?.strip_suffix('"')?;
    Some(if inner.contains('\\') { unescape(inner, arena) } else { inner })
}

/// Severity by its text, else by its number: four of each level.
fn level<'a>(record: &'a [u8], arena: &'a Bump, event: &mut Event<'a>) {
    let named = member(record, "severityText").and_then(|value| text(value, arena)).unwrap_or("");
    let number: Option<i64> = member(record, "severityNumber").and_then(|value| plain(value)?.parse().ok());
    if !named.is_empty() {
        json_keys::lower(f::LOG_LEVEL, named, arena, event);
    } else if let Some(number @ 1..=24) = number {
        const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];
        event.push(f::LOG_LEVEL, Value::Str(LEVELS[(number as usize - 1) / 4]));
    }
    if let Some(number) = number {
        event.push(f::EVENT_SEVERITY, Value::Int(number));
    }
}

/// Sets the fields of one set of attributes.
struct Put<'p, 'a> {
    context: &'p Context,
    arena: &'a Bump,
    names: &'p mut Names,
    prefix: &'static str,
    values: usize,
    event: &'p mut Event<'a>,
}

impl<'a> Put<'_, 'a> {
    /// A list of `{"key": ..., "value": ...}` below a name.
    fn pairs(&mut self, below: &str, list: &'a [u8], depth: usize) {
        for pair in elements(list) {
            let key = member(pair, "key").and_then(|key| text(key, self.arena)).unwrap_or("");
            let (Some(value), false) = (member(pair, "value"), key.is_empty()) else { continue };
            match below {
                "" => self.value(key, value, depth),
                _ => self.value(&format!("{below}.{key}"), value, depth),
            }
        }
    }

    fn value(&mut self, name: &str, value: &'a [u8], depth: usize) {
        if depth > DEPTH_MAX || self.values >= VALUES_MAX {
            return;
        }
        let Some((kind, value)) = Members::of(value).next() else { return };
        let found = match kind {
            b"arrayValue" => {
                return elements(member(value, "values").unwrap_or(b""))
                    .for_each(|one| self.value(name, one, depth + 1));
            }
            b"kvlistValue" => return self.pairs(name, member(value, "values").unwrap_or(b""), depth + 1),
            b"stringValue" | b"bytesValue" => text(value, self.arena).map(Value::Str),
            b"boolValue" => Some(Value::Bool(value == b"true")),
            b"intValue" => plain(value).and_then(|number| number.parse().ok()).map(Value::Int),
            b"doubleValue" => plain(value).and_then(|number| number.parse().ok()).map(Value::Float),
            _ => None,
        };
        self.values += 1;
        if let Some(found) = found.filter(|found| *found != Value::Str("")) {
            self.field(if name.is_empty() { "value" } else { name }, found);
        }
    }

    fn field(&mut self, name: &str, value: Value<'a>) {
        if let Some(field) = f::lookup(name).filter(|field| field.is_static() && !is_own(name))
            && (field.is_list() || !self.event.has(field))
            && self.fit(field, value)
        {
            return;
        }
        if let Some(field) = self.names.field(self.prefix, name) {
            self.event.push(field, value);
        }
    }

    /// Sets an ECS field if the value fits.
    fn fit(&mut self, field: FieldId, value: Value<'a>) -> bool {
        match (field.kind(), value) {
            (Kind::Time, Value::Str(text)) => match time::iso(text, &self.context.zone) {
                Some(time) => self.event.push(field, Value::Time(time)),
                None => return false,
            },
            (_, Value::Str(text)) => return put::fit(field, text, self.event),
            (Kind::Int, Value::Int(_)) | (Kind::Bool, Value::Bool(_)) | (Kind::Float, Value::Float(_)) => {
                self.event.push(field, value);
            }
            (Kind::Keyword | Kind::Text, _) => self.event.push(field, value),
            _ => return false,
        }
        true
    }
}

/// What only sekisho itself says of an event, or this parser has said already.
fn is_own(name: &str) -> bool {
    let own = [f::EVENT_ORIGINAL, f::EVENT_CREATED, f::EVENT_INGESTED, f::EVENT_KIND, f::TIMESTAMP, f::MESSAGE];
    name.starts_with("sekisho.") || own.iter().any(|field| field.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_several_records_is_refused_and_a_body_found() {
        let arena = Bump::new();
        let line = |records: &str| format!("{BEGIN}[{{\"scopeLogs\":[{{\"logRecords\":[{records}]}}]}}]}}");
        let one = line(r#"{"body":{"stringValue":"a \"b\""}}"#);
        assert_eq!(body(&one, &arena), Some("a \"b\""));
        assert_eq!(body(&line(r#"{"body":{"intValue":"1"}}"#), &arena), None);
        for (text, reason) in [
            (line("{},{}").as_str(), "several log records of OTLP in one line"),
            (line("").as_str(), "no log record of OTLP in the line"),
            ("{\"resourceLogs\":[{", "JSON is not whole"),
            ("{\"a\":1}", "not a log record of OTLP"),
            ("text", "not a log record of OTLP"),
        ] {
            let mut event = Event::new_in(&arena);
            let text = arena.alloc_str(text);
            let context = Context::tokyo(Timestamp::default());
            assert_eq!(Otlp::default().parse(text, &context, &arena, &mut event), Err(Reason(reason)), "{text}");
        }
    }
}
