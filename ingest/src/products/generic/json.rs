//! JSON of no known product: one object per line, with or without a syslog header.
//!
//! Objects are flattened to dotted names. A name of ECS sets that field when the value fits its kind, a value that does
//! not fit is kept as `json.<name>`; every other name is kept as it is. `@timestamp` is the field of that name, else
//! `timestamp`, `time`, `ts`, `datetime`, `eventTime` or `date` at the top. Arrays give a field several values.
//! What OCSF's names mean is set too, and what the plain names of `key_value` mean (`src_ip`, `user`, `level`...) where the
//! object has no field of ECS for it.

use bumpalo::Bump;
use stream::{Event, Kind, Timestamp, Value, fields as f};

use super::{is_reserved, push_fitting};
use crate::json::{Scalar, Walker};
use crate::parser::{Context, Names, Parser, Reason};
use crate::syslog;

/// Parser of JSON lines.
#[derive(Default)]
pub struct Json {
    walker: Walker,
    names: Names,
    misfits: Names,
    ocsf: super::ocsf::Ocsf,
    plain: super::plain::Plain,
    /// Only the names of ECS and OCSF count.
    strict: bool,
}

impl Json {
    /// Reads documents of collectors, whose plain names (`host`, `path`...) speak of the collector.
    pub(crate) fn strict() -> Self {
        Json { strict: true, ..Json::default() }
    }
}

/// Names of the time at the top of an object, best first; letter case does not matter.
static TIMES: &[&str] = &["@timestamp", "timestamp", "time", "ts", "datetime", "eventtime", "event_time", "date"];

impl Parser for Json {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let text = line.trim_start_matches(['\u{feff}', ' ', '\t']);
        let header = if text.starts_with('{') {
            syslog::Header { message: text, ..syslog::Header::default() }
        } else {
            let start = text.find('{').ok_or(Reason("no JSON object"))?;
            syslog::Header {
                message: text.get(start..).unwrap_or(""),
                ..syslog::parse(text.get(..start).unwrap_or(""), context)
            }
        };
        let mut time: Option<(usize, Timestamp)> = None;
        let (names, misfits) = (&mut self.names, &mut self.misfits);
        let walked = self.walker.walk(header.message.trim_end_matches(['\0', '\r', '\n']), arena, |path, scalar| {
            if let Some(rank) = TIMES.iter().position(|name| name.eq_ignore_ascii_case(path))
                && let Some(found) = instant(scalar, context)
                && time.is_none_or(|(best, _)| rank < best)
            {
                time = Some((rank, found));
            }
            push(names, misfits, path, scalar, context, event);
        });
        if let Some((_, time)) = time {
            event.set(f::TIMESTAMP, Value::Time(time));
        }
        super::push_header(&header, event);
        walked?;
        self.ocsf.settle(arena, event);
        if !self.strict && !event.has(f::EVENT_CATEGORY) {
            self.plain.settle(context, arena, event);
            super::push_sender(&header, event);
        }
        super::push_kind(event);
        super::push_verdict(event);
        Ok(())
    }
}

fn instant(scalar: Scalar<'_>, context: &Context) -> Option<Timestamp> {
    match scalar {
        Scalar::Str(text) => super::instant(text, context),
        Scalar::Int(number) => super::epoch(number),
        Scalar::Float(_, text) => crate::time::epoch(text),
        _ => None,
    }
}

/// Sets the field of this name, if the value fits; else keeps it beside.
fn push<'a>(
    names: &mut Names,
    misfits: &mut Names,
    path: &str,
    scalar: Scalar<'a>,
    context: &Context,
    event: &mut Event<'a>,
) {
    if path.is_empty() || path == "@timestamp" || is_reserved(path) {
        return;
    }
    let (Some(field), Some(value)) = (names.field("", path), scalar.value()) else { return };
    let fits = match (value, field.kind()) {
        _ if !field.is_static() => {
            push_value(field, value, event);
            true
        }
        (Value::Str(text), _) => push_fitting(field, text, context, event),
        (Value::Int(_), Kind::Int) | (Value::Bool(_), Kind::Bool) | (Value::Float(_), Kind::Float) => {
            event.push(field, value);
            true
        }
        (Value::Int(number), Kind::Float) => {
            event.push(field, Value::Float(number as f64));
            true
        }
        // A number where ECS has text (`event.code`, `rule.id`).
        (Value::Int(_) | Value::Float(..) | Value::Bool(_), Kind::Keyword | Kind::Text) => {
            event.push(field, value);
            true
        }
        (_, Kind::Time) => match instant(scalar, context) {
            Some(time) => {
                event.push(field, Value::Time(time));
                true
            }
            None => false,
        },
        _ => false,
    };
    if !fits && let Some(beside) = misfits.field("json.", path) {
        push_value(beside, value, event);
    }
}

fn push_value<'a>(field: stream::FieldId, value: Value<'a>, event: &mut Event<'a>) {
    match value {
        Value::Str(text) => event.push_str(field, text),
        other => event.push(field, other),
    }
}
