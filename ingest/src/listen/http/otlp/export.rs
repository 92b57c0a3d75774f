//! The log records of a request, each as JSON with its resource and scope.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::super::RECORD_BYTES_MAX;
use super::super::bulk::Checker;
use super::super::problem::Problem;
use super::RECORDS_MAX;
use super::wire::{self, Broken, Fields, Wire};
use crate::json::{Members, elements};

/// The deepest nesting of values; a record with a deeper one is refused.
const DEPTH_MAX: usize = 24;
const TAIL: &[u8] = b"]}]}]}";

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Protobuf,
    Json,
}

/// What a request holds.
#[derive(Debug, Default)]
pub(super) struct Export {
    pub(super) records: Vec<Bytes>,
    /// Bytes of the records.
    pub(super) bytes: usize,
    /// Log records that cannot be kept.
    pub(super) refused: usize,
    /// Why the first of them cannot.
    pub(super) reason: &'static str,
    bytes_max: usize,
}

impl Export {
    /// Reads a request; together the records have at most `bytes_max` bytes.
    pub(super) fn read(message: &Bytes, form: Form, bytes_max: usize) -> Result<Export, Problem> {
        let mut export = Export { bytes_max, ..Export::default() };
        match form {
            Form::Protobuf => export.protobuf(message)?,
            Form::Json => export.json(message)?,
        }
        Ok(export)
    }

    /// `ExportLogsServiceResponse`.
    pub(super) fn response(&self) -> Vec<u8> {
        let mut response = Vec::new();
        if self.refused > 0 {
            let mut partial = Vec::new();
            wire::put_varint(1, self.refused as u64, &mut partial);
            wire::put_bytes(2, self.reason.as_bytes(), &mut partial);
            wire::put_bytes(1, &partial, &mut response);
        }
        response
    }

    fn protobuf(&mut self, message: &[u8]) -> Result<(), Problem> {
        for resource_logs in messages(message, 1) {
            let resource_logs = resource_logs?;
            let mut head = b"{\"resourceLogs\":[{".to_vec();
            member("resource", &RESOURCE, resource_logs, 1, &mut head)?;
            schema_url(resource_logs, &mut head)?;
            head.extend_from_slice(b"\"scopeLogs\":[{");
            for scope_logs in messages(resource_logs, 2) {
                let scope_logs = scope_logs?;
                let mut head = head.clone();
                member("scope", &SCOPE, scope_logs, 1, &mut head)?;
                schema_url(scope_logs, &mut head)?;
                head.extend_from_slice(b"\"logRecords\":[");
                for record in messages(scope_logs, 2) {
                    let record = record?;
                    let mut raw = head.clone();
                    let read = match record.len() > RECORD_BYTES_MAX {
                        true => Err("a log record is longer than 1 MiB"),
                        false => write(&LOG_RECORD, record, 0, &mut raw),
                    };
                    self.push(raw, read)?;
                }
            }
        }
        Ok(())
    }

    fn json(&mut self, message: &[u8]) -> Result<(), Problem> {
        Checker::default().object(message).map_err(|reason| not_otlp(&format!("JSON: {reason}")))?;
        let list = |object, name: &str| elements(named(object, name).unwrap_or(b"[]"));
        for resource_logs in list(message, "resourceLogs") {
            let mut head = b"{\"resourceLogs\":[{".to_vec();
            copy(resource_logs, &["resource", "schemaUrl"], &mut head);
            head.extend_from_slice(b"\"scopeLogs\":[{");
            for scope_logs in list(resource_logs, "scopeLogs") {
                let mut head = head.clone();
                copy(scope_logs, &["scope", "schemaUrl"], &mut head);
                head.extend_from_slice(b"\"logRecords\":[");
                for record in list(scope_logs, "logRecords") {
                    let mut raw = head.clone();
                    raw.extend_from_slice(record);
                    let is_object = record.first() == Some(&b'{');
                    self.push(raw, if is_object { Ok(()) } else { Err("a log record is no object") })?;
                }
            }
        }
        Ok(())
    }

    /// Adds a record, or counts why it is none.
    fn push(&mut self, mut raw: Vec<u8>, read: Result<(), &'static str>) -> Result<(), Problem> {
        raw.extend_from_slice(TAIL);
        let long = (raw.len() > RECORD_BYTES_MAX).then_some("a log record with its resource is longer than 1 MiB");
        if let Some(reason) = read.err().or(long) {
            self.refused += 1;
            self.reason = if self.reason.is_empty() { reason } else { self.reason };
            return Ok(());
        }
        self.bytes += raw.len();
        if self.records.len() == RECORDS_MAX || self.bytes > self.bytes_max {
            let detail = format!("more than {RECORDS_MAX} log records, or {} bytes of them; split it", self.bytes_max);
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, &detail));
        }
        self.records.push(raw.into());
        Ok(())
    }
}

fn not_otlp(what: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, &format!("the body is not OTLP: {what}"))
}

impl From<Broken> for Problem {
    fn from(_: Broken) -> Problem {
        not_otlp("protobuf that ends early or has unknown parts")
    }
}

/// The messages of a repeated field.
fn messages(message: &[u8], number: u32) -> impl Iterator<Item = Result<&[u8], Broken>> {
    Fields::of(message).filter_map(move |field| match field {
        Ok((found, Wire::Bytes(bytes))) if found == number => Some(Ok(bytes)),
        Ok(_) => None,
        Err(broken) => Some(Err(broken)),
    })
}

/// Writes `"name":{...},` of a message field that is there once.
fn member(name: &str, fields: &Message, message: &[u8], number: u32, out: &mut Vec<u8>) -> Result<(), Problem> {
    if let Some(found) = messages(message, number).last() {
        let found = found?;
        let long = found.len() > RECORD_BYTES_MAX;
        out.extend_from_slice(format!("\"{name}\":").as_bytes());
        let written = if long { Err("longer than 1 MiB") } else { write(fields, found, 0, out) };
        written.map_err(|reason| not_otlp(&format!("{name}: {reason}")))?;
        out.push(b',');
    }
    Ok(())
}

fn schema_url(message: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    if let Some(url) = messages(message, 3).last() {
        let url = url?;
        out.extend_from_slice(b"\"schemaUrl\":");
        text(&url[..url.len().min(RECORD_BYTES_MAX)], out);
        out.push(b',');
    }
    Ok(())
}

fn named<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    Members::of(object).find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value)
}

/// Copies members as they are written, each with a comma behind it.
fn copy(object: &[u8], names: &[&str], out: &mut Vec<u8>) {
    for name in names {
        if let Some(value) = named(object, name) {
            out.extend_from_slice(format!("\"{name}\":").as_bytes());
            out.extend_from_slice(value);
            out.push(b',');
        }
    }
}

/// The fields of a message: number, name in JSON, what it is.
type Message = [(u32, &'static str, Kind)];

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Bool,
    /// A signed number of 64 bits: text in JSON.
    Int,
    /// A number of up to 32 bits.
    Small,
    /// Nanoseconds of 64 bits: text in JSON.
    Fixed,
    Double,
    /// Ids of traces and spans.
    Hex,
    Base64,
    One(&'static Message),
    Many(&'static Message),
}

static ANY_VALUE: [(u32, &str, Kind); 7] = [
    (1, "stringValue", Kind::Text),
    (2, "boolValue", Kind::Bool),
    (3, "intValue", Kind::Int),
    (4, "doubleValue", Kind::Double),
    (5, "arrayValue", Kind::One(&ARRAY_VALUE)),
    (6, "kvlistValue", Kind::One(&KEY_VALUES)),
    (7, "bytesValue", Kind::Base64),
];
static ARRAY_VALUE: [(u32, &str, Kind); 1] = [(1, "values", Kind::Many(&ANY_VALUE))];
static KEY_VALUES: [(u32, &str, Kind); 1] = [(1, "values", Kind::Many(&KEY_VALUE))];
static KEY_VALUE: [(u32, &str, Kind); 2] = [(1, "key", Kind::Text), (2, "value", Kind::One(&ANY_VALUE))];
static RESOURCE: [(u32, &str, Kind); 2] =
    [(1, "attributes", Kind::Many(&KEY_VALUE)), (2, "droppedAttributesCount", Kind::Small)];
static SCOPE: [(u32, &str, Kind); 4] = [
    (1, "name", Kind::Text),
    (2, "version", Kind::Text),
    (3, "attributes", Kind::Many(&KEY_VALUE)),
    (4, "droppedAttributesCount", Kind::Small),
];
static LOG_RECORD: [(u32, &str, Kind); 11] = [
    (1, "timeUnixNano", Kind::Fixed),
    (11, "observedTimeUnixNano", Kind::Fixed),
    (2, "severityNumber", Kind::Small),
    (3, "severityText", Kind::Text),
    (12, "eventName", Kind::Text),
    (5, "body", Kind::One(&ANY_VALUE)),
    (6, "attributes", Kind::Many(&KEY_VALUE)),
    (7, "droppedAttributesCount", Kind::Small),
    (8, "flags", Kind::Small),
    (9, "traceId", Kind::Hex),
    (10, "spanId", Kind::Hex),
];

/// Writes a message as a JSON object, in the order of its table. What a field is written as on the wire and in the table
/// must agree; else it is left out, as protobuf's readers do with what they do not know.
fn write(fields: &Message, message: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<(), &'static str> {
    if depth > DEPTH_MAX {
        return Err("values are nested too deeply");
    }
    out.push(b'{');
    let mut first = true;
    for (number, name, kind) in fields {
        let mut values = 0;
        for field in Fields::of(message) {
            let (found, wire) = field.map_err(|Broken| "broken protobuf")?;
            if found != *number || (values > 0 && !matches!(kind, Kind::Many(_))) || !kind.fits(wire) {
                continue;
            }
            if values == 0 {
                if !first {
                    out.push(b',');
                }
                first = false;
                out.extend_from_slice(format!("\"{name}\":").as_bytes());
            }
            if matches!(kind, Kind::Many(_)) {
                out.push(if values == 0 { b'[' } else { b',' });
            }
            values += 1;
            value(*kind, wire, depth, out)?;
        }
        if values > 0 && matches!(kind, Kind::Many(_)) {
            out.push(b']');
        }
    }
    out.push(b'}');
    Ok(())
}

impl Kind {
    fn fits(self, wire: Wire<'_>) -> bool {
        match self {
            Kind::Text | Kind::Hex | Kind::Base64 | Kind::One(_) | Kind::Many(_) => matches!(wire, Wire::Bytes(_)),
            Kind::Bool | Kind::Int => matches!(wire, Wire::Varint(_)),
            Kind::Small => matches!(wire, Wire::Varint(_) | Wire::Fixed32(_)),
            Kind::Fixed | Kind::Double => matches!(wire, Wire::Fixed64(_)),
        }
    }
}

fn value(kind: Kind, wire: Wire<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), &'static str> {
    match (kind, wire) {
        (Kind::One(fields) | Kind::Many(fields), Wire::Bytes(bytes)) => write(fields, bytes, depth + 1, out)?,
        (Kind::Hex, Wire::Bytes(bytes)) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            text(hex.as_bytes(), out);
        }
        (Kind::Base64, Wire::Bytes(bytes)) => text(STANDARD.encode(bytes).as_bytes(), out),
        (_, Wire::Bytes(bytes)) => text(bytes, out),
        (Kind::Bool, Wire::Varint(number)) => out.extend_from_slice(if number == 0 { b"false" } else { b"true" }),
        (Kind::Int, Wire::Varint(number)) => out.extend_from_slice(format!("\"{}\"", number as i64).as_bytes()),
        (_, Wire::Varint(number)) => out.extend_from_slice((number as u32).to_string().as_bytes()),
        (_, Wire::Fixed32(number)) => out.extend_from_slice(number.to_string().as_bytes()),
        (Kind::Double, Wire::Fixed64(bits)) => match f64::from_bits(bits) {
            number if number.is_finite() => {
                out.extend_from_slice(serde_json::Value::from(number).to_string().as_bytes())
            }
            number => text(number.to_string().as_bytes(), out),
        },
        (_, Wire::Fixed64(number)) => out.extend_from_slice(format!("\"{number}\"").as_bytes()),
    }
    Ok(())
}

/// Writes text as JSON; what is not UTF-8 in it becomes U+FFFD.
fn text(bytes: &[u8], out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(bytes);
    out.extend_from_slice(serde_json::Value::from(&*text).to_string().as_bytes());
}

#[cfg(test)]
mod tests;
