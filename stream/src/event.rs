//! Events: the ECS fields of one record.
//!
//! An event borrows: text values point into the raw record or into the arena of the batch, so that parsing allocates
//! nothing per event once the arena is warm. A field that holds several values stands several times.
//! At most [`Event::FIELDS_MAX`] values; what comes after is not kept as fields and stays in `event.original`.

mod read_json;

use std::borrow::Cow;
use std::io::Write as _;
use std::net::IpAddr;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use crate::fields::{self, FieldId};
use crate::{Error, Result, Timestamp};

/// One value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text.
    Str(&'a str),
    /// Integer.
    Int(i64),
    /// Floating point.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// Address.
    Ip(IpAddr),
    /// Instant.
    Time(Timestamp),
}

impl<'a> Value<'a> {
    /// The value as text, the way Sigma and the search language see it.
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Value::Str(text) => Cow::Borrowed(text),
            Value::Int(number) => Cow::Owned(number.to_string()),
            Value::Float(number) => Cow::Owned(number.to_string()),
            Value::Bool(true) => Cow::Borrowed("true"),
            Value::Bool(false) => Cow::Borrowed("false"),
            Value::Ip(ip) => Cow::Owned(ip.to_string()),
            Value::Time(time) => Cow::Owned(time.to_string()),
        }
    }

    /// The value as a number, if it is one or reads as one.
    pub fn number(self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(number as f64),
            Value::Float(number) => Some(number),
            Value::Str(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The value as an address, if it is one or reads as one.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Value::Ip(ip) => Some(ip),
            Value::Str(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// The fields of one event, in the order in which they were set.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    ids: BumpVec<'a, FieldId>,
    values: BumpVec<'a, Value<'a>>,
}

impl<'a> Event<'a> {
    /// The most values one event holds.
    pub const FIELDS_MAX: usize = 512;

    /// An empty event whose room comes from `arena`.
    pub fn new_in(arena: &'a Bump) -> Self {
        Event { ids: BumpVec::with_capacity_in(64, arena), values: BumpVec::with_capacity_in(64, arena) }
    }

    /// Adds a value; a field that has one already then holds a list.
    #[inline]
    pub fn push(&mut self, field: FieldId, value: Value<'a>) {
        if self.ids.len() < Self::FIELDS_MAX {
            self.ids.push(field);
            self.values.push(value);
        }
    }

    /// Adds text, unless it is empty or `-`, which logs write for "nothing".
    pub fn push_str(&mut self, field: FieldId, text: &'a str) {
        if !text.is_empty() && text != "-" {
            self.push(field, Value::Str(text));
        }
    }

    /// Adds text unless the field already holds the same.
    pub fn push_unique(&mut self, field: FieldId, value: Value<'a>) {
        if !self.all(field).any(|held| held == value) {
            self.push(field, value);
        }
    }

    /// Sets the field to this one value, replacing what it held.
    pub fn set(&mut self, field: FieldId, value: Value<'a>) {
        match position(&self.ids, field) {
            None => self.push(field, value),
            Some(first) => {
                self.values[first] = value;
                let mut index = first + 1;
                while let Some(more) = self.ids[index..].iter().position(|id| *id == field) {
                    index += more;
                    self.ids.remove(index);
                    self.values.remove(index);
                }
            }
        }
    }

    /// Removes every value of the field.
    pub fn remove(&mut self, field: FieldId) {
        while let Some(index) = position(&self.ids, field) {
            self.ids.remove(index);
            self.values.remove(index);
        }
    }

    /// The field's first value.
    pub fn get(&self, field: FieldId) -> Option<Value<'a>> {
        position(&self.ids, field).map(|index| self.values[index])
    }

    /// The field's first value, if it is text.
    pub fn get_str(&self, field: FieldId) -> Option<&'a str> {
        match self.get(field) {
            Some(Value::Str(text)) => Some(text),
            _ => None,
        }
    }

    /// The field's first value as an address.
    pub fn get_ip(&self, field: FieldId) -> Option<IpAddr> {
        self.get(field).and_then(Value::ip)
    }

    /// The field's first value, if it is an integer or text that reads as one.
    pub fn get_int(&self, field: FieldId) -> Option<i64> {
        match self.get(field)? {
            Value::Int(number) => Some(number),
            Value::Str(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// All values of the field.
    pub fn all(&self, field: FieldId) -> impl Iterator<Item = Value<'a>> + '_ {
        let mut from = 0;
        std::iter::from_fn(move || {
            let at = from + position(&self.ids[from..], field)?;
            from = at + 1;
            Some(self.values[at])
        })
    }

    /// Whether the field has a value.
    pub fn has(&self, field: FieldId) -> bool {
        position(&self.ids, field).is_some()
    }

    /// Every field with its value, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (FieldId, Value<'a>)> + '_ {
        self.ids.iter().copied().zip(self.values.iter().copied())
    }

    /// The fields alone, in the order in which they were set; one per value.
    pub fn ids(&self) -> &[FieldId] {
        &self.ids
    }

    /// The values alone, in the same order.
    pub fn values(&self) -> &[Value<'a>] {
        &self.values
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// `@timestamp`, which the decoder always sets.
    pub fn time(&self) -> Timestamp {
        match self.get(fields::TIMESTAMP) {
            Some(Value::Time(time)) => time,
            _ => Timestamp::default(),
        }
    }

    /// Writes one JSON object with dotted ECS names, without a line end. Fields of several values, and those that ECS
    /// defines as lists, are arrays.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        for (index, (field, value)) in self.iter().enumerate() {
            if self.ids[..index].contains(&field) {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            write_json_str(field.name(), out);
            out.push(b':');
            let rest = &self.ids[index + 1..];
            if field.is_list() || rest.contains(&field) {
                out.push(b'[');
                write_json_value(value, out);
                for (_, more) in self.iter().skip(index + 1).filter(|(id, _)| *id == field) {
                    out.push(b',');
                    write_json_value(more, out);
                }
                out.push(b']');
            } else {
                write_json_value(value, out);
            }
        }
        out.push(b'}');
    }

    /// Appends a compact binary form, readable by [`Event::decode`] in any build: field names are written, not ids.
    ///
    /// Format: count as varint, then for each value: name length as varint, name, tag byte, payload. Text that lies
    /// within `original` is written as its offset and length there.
    pub fn encode(&self, original: &str, out: &mut Vec<u8>) {
        self.encode_with(original, out, |field, out| {
            let name = field.name();
            put_varint(name.len() as u64, out);
            out.extend_from_slice(name.as_bytes());
        });
    }

    /// As [`Event::encode`], with numbers in place of names: less than half as long, and readable only by
    /// [`Event::decode_here`] of this very process.
    pub fn encode_here(&self, original: &str, out: &mut Vec<u8>) {
        self.encode_with(original, out, |field, out| put_varint(field.index() as u64, out));
    }

    fn encode_with(&self, original: &str, out: &mut Vec<u8>, put_field: impl Fn(FieldId, &mut Vec<u8>)) {
        put_varint(self.ids.len() as u64, out);
        for (field, value) in self.iter() {
            put_field(field, out);
            match value {
                Value::Str(text) => match span_in(original, text) {
                    Some(start) => {
                        out.push(TAG_SPAN);
                        put_varint(start as u64, out);
                        put_varint(text.len() as u64, out);
                    }
                    None => {
                        out.push(TAG_STR);
                        put_varint(text.len() as u64, out);
                        out.extend_from_slice(text.as_bytes());
                    }
                },
                Value::Int(number) => {
                    out.push(TAG_INT);
                    out.extend_from_slice(&number.to_le_bytes());
                }
                Value::Float(number) => {
                    out.push(TAG_FLOAT);
                    out.extend_from_slice(&number.to_le_bytes());
                }
                Value::Bool(flag) => out.extend_from_slice(&[TAG_BOOL, u8::from(flag)]),
                Value::Ip(IpAddr::V4(ip)) => {
                    out.push(TAG_IP4);
                    out.extend_from_slice(&ip.octets());
                }
                Value::Ip(IpAddr::V6(ip)) => {
                    out.push(TAG_IP6);
                    out.extend_from_slice(&ip.octets());
                }
                Value::Time(time) => {
                    out.push(TAG_TIME);
                    out.extend_from_slice(&time.0.to_le_bytes());
                }
            }
        }
    }

    /// Reads what [`Event::encode`] wrote, given the same `original`.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the bytes are not such a form; nothing is read past their end.
    pub fn decode(bytes: &'a [u8], original: &'a str, arena: &'a Bump) -> Result<Event<'a>> {
        let mut event = Event::new_in(arena);
        decode_into(bytes, original, &mut event, |bytes| {
            let length = take_varint(bytes)?;
            Some(fields::intern_again(std::str::from_utf8(take(bytes, length)?).ok()?))
        })
        .ok_or_else(|| not_stored(bytes))?;
        Ok(event)
    }

    /// Reads what [`Event::encode_here`] wrote in this process, given the same `original`.
    ///
    /// # Errors
    /// As [`Event::decode`].
    pub fn decode_here(bytes: &'a [u8], original: &'a str, arena: &'a Bump) -> Result<Event<'a>> {
        let mut event = Event::new_in(arena);
        let take_field = |bytes: &mut &'a [u8]| Some(Some(FieldId::at(usize::try_from(take_varint(bytes)?).ok()?)?));
        decode_into(bytes, original, &mut event, take_field).ok_or_else(|| not_stored(bytes))?;
        Ok(event)
    }
}

/// Where a field stands first. Fields are asked for many times an event, so eight are compared at once.
fn position(ids: &[FieldId], field: FieldId) -> Option<usize> {
    let (eights, rest) = ids.as_chunks::<8>();
    let at = eights.iter().position(|ids| ids.iter().fold(false, |found, id| found | (*id == field)));
    match at {
        Some(at) => eights[at].iter().position(|id| *id == field).map(|within| at * 8 + within),
        None => rest.iter().position(|id| *id == field).map(|within| eights.len() * 8 + within),
    }
}

fn not_stored(bytes: &[u8]) -> Error {
    Error::Damaged {
        what: "event",
        place: format!("{} stored bytes", bytes.len()),
        reason: "not a stored event".into(),
    }
}

const TAG_STR: u8 = 0;
const TAG_SPAN: u8 = 1;
const TAG_INT: u8 = 2;
const TAG_FLOAT: u8 = 3;
const TAG_BOOL: u8 = 4;
const TAG_IP4: u8 = 5;
const TAG_IP6: u8 = 6;
const TAG_TIME: u8 = 7;

/// `take_field` gives `Some(None)` for a field that this process has no room for.
fn decode_into<'a>(
    mut bytes: &'a [u8],
    original: &'a str,
    event: &mut Event<'a>,
    take_field: impl Fn(&mut &'a [u8]) -> Option<Option<FieldId>>,
) -> Option<()> {
    let count = take_varint(&mut bytes)?;
    for _ in 0..count {
        let field = take_field(&mut bytes)?;
        let tag = *take(&mut bytes, 1)?.first()?;
        let value = match tag {
            TAG_STR => {
                let length = take_varint(&mut bytes)?;
                Value::Str(std::str::from_utf8(take(&mut bytes, length)?).ok()?)
            }
            TAG_SPAN => {
                let start = usize::try_from(take_varint(&mut bytes)?).ok()?;
                let length = usize::try_from(take_varint(&mut bytes)?).ok()?;
                Value::Str(original.get(start..start.checked_add(length)?)?)
            }
            TAG_INT => Value::Int(i64::from_le_bytes(take_array(&mut bytes)?)),
            TAG_FLOAT => Value::Float(f64::from_le_bytes(take_array(&mut bytes)?)),
            TAG_BOOL => Value::Bool(take_array::<1>(&mut bytes)?[0] != 0),
            TAG_IP4 => Value::Ip(IpAddr::from(take_array::<4>(&mut bytes)?)),
            TAG_IP6 => Value::Ip(IpAddr::from(take_array::<16>(&mut bytes)?)),
            TAG_TIME => Value::Time(Timestamp(i64::from_le_bytes(take_array(&mut bytes)?))),
            _ => return None,
        };
        if let Some(field) = field {
            event.push(field, value);
        }
    }
    Some(())
}

/// Where `text` lies within `original`, when it is a part of that very allocation.
fn span_in(original: &str, text: &str) -> Option<usize> {
    let start = (text.as_ptr() as usize).checked_sub(original.as_ptr() as usize)?;
    (!text.is_empty() && start + text.len() <= original.len()).then_some(start)
}

fn take<'a>(bytes: &mut &'a [u8], count: u64) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(usize::try_from(count).ok()?)?;
    *bytes = tail;
    Some(head)
}

fn take_array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    take(bytes, N as u64)?.try_into().ok()
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = bytes.split_first()?;
        *bytes = tail;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn write_json_value(value: Value<'_>, out: &mut Vec<u8>) {
    let written = match value {
        Value::Str(text) => {
            write_json_str(text, out);
            Ok(())
        }
        Value::Int(number) => write!(out, "{number}"),
        Value::Float(number) if number.is_finite() => write!(out, "{number}"),
        Value::Float(_) => out.write_all(b"null"),
        Value::Bool(flag) => write!(out, "{flag}"),
        Value::Ip(ip) => write!(out, "\"{ip}\""),
        Value::Time(time) => write!(out, "\"{time}\""),
    };
    debug_assert!(written.is_ok(), "writing to memory cannot fail");
}

/// Writes text as a JSON string: quotes, backslashes and control characters escaped (RFC 8259 section 7).
fn write_json_str(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..index]);
        start = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]),
        }
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample<'a>(arena: &'a Bump, original: &'a str) -> Event<'a> {
        let mut event = Event::new_in(arena);
        event.push(fields::TIMESTAMP, Value::Time(Timestamp::from_seconds(1)));
        event.push_str(fields::USER_NAME, &original[2..6]);
        event.push_str(fields::USER_DOMAIN, "-");
        event.push(fields::EVENT_CATEGORY, Value::Str("network"));
        event.push(fields::SOURCE_IP, Value::Ip("192.0.2.1".parse().unwrap()));
        event.push(fields::DESTINATION_IP, Value::Ip("2001:db8::1".parse().unwrap()));
        event.push(fields::SOURCE_BYTES, Value::Int(-5));
        event.push(fields::TAGS, Value::Str("a\"\\\u{1}\n"));
        event.push(fields::TAGS, Value::Str("b"));
        event
    }

    #[test]
    fn json_is_json() {
        let arena = Bump::new();
        let mut out = Vec::new();
        sample(&arena, "u=sato").write_json(&mut out);
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(json["@timestamp"], "1970-01-01T00:00:01Z");
        assert_eq!(json["event.category"], serde_json::json!(["network"]));
        assert_eq!(json["tags"], serde_json::json!(["a\"\\\u{1}\n", "b"]));
        assert_eq!(json["source.bytes"], -5);
        assert!(json.get("user.domain").is_none());
    }

    #[test]
    fn stored_form_round_trips() {
        let (arena, original) = (Bump::new(), String::from("u=sato"));
        let event = sample(&arena, &original);
        let mut bytes = Vec::new();
        event.encode(&original, &mut bytes);
        let copy = original.clone();
        let mut short = Vec::new();
        event.encode_here(&original, &mut short);
        assert_eq!(format!("{:?}", Event::decode_here(&short, &copy, &arena).unwrap()), format!("{event:?}"));
        for cut in 0..short.len() {
            assert!(Event::decode_here(&short[..cut], &copy, &arena).is_err(), "cut at {cut}");
        }
        let back = Event::decode(&bytes, &copy, &arena).unwrap();
        assert!(event.iter().eq(back.iter()));
        for cut in 0..bytes.len() {
            assert!(Event::decode(&bytes[..cut], &copy, &arena).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn set_replaces_a_list() {
        let arena = Bump::new();
        let mut event = sample(&arena, "u=sato");
        event.set(fields::TAGS, Value::Str("c"));
        assert_eq!(event.all(fields::TAGS).count(), 1);
        event.remove(fields::TAGS);
        assert!(!event.has(fields::TAGS));
    }
}
