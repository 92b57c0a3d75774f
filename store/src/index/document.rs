//! An event as the index takes it, and as it is stored.
//!
//! Stored form: length of the original line as a varint, the original line, [`Event::encode`]. The memory tail holds
//! the same with [`Event::encode_here`], which has numbers in place of names and takes less than half the memory.

use std::net::{IpAddr, Ipv6Addr};

use bumpalo::Bump;
use stream::{Event, EventId, Value, fields};
use tantivy::schema::Field;
use tantivy::schema::document::{Document, ReferenceValue, ReferenceValueLeaf};

use super::schema::{Column, IndexSchema, Shape};
use super::words::WordMaker;
use crate::query::{as_int, as_ip, fold_keyword};

/// Appends an event in its stored form.
pub(crate) fn pack(event: &Event<'_>, out: &mut Vec<u8>) {
    let original = put_original(event, out);
    event.encode(original, out);
}

/// Appends an event in the form of the memory tail.
pub(crate) fn pack_here(event: &Event<'_>, out: &mut Vec<u8>) {
    let original = put_original(event, out);
    event.encode_here(original, out);
}

fn put_original<'a>(event: &Event<'a>, out: &mut Vec<u8>) -> &'a str {
    let original = event.get_str(fields::EVENT_ORIGINAL).unwrap_or("");
    let mut length = original.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(original.as_bytes());
    original
}

/// Reads an event from its stored form.
pub(crate) fn unpack<'a>(bytes: &'a [u8], arena: &'a Bump) -> Option<Event<'a>> {
    let (original, rest) = take_original(bytes)?;
    Event::decode(rest, original, arena).ok()
}

/// Reads an event from the form of the memory tail.
pub(crate) fn unpack_here<'a>(bytes: &'a [u8], arena: &'a Bump) -> Option<Event<'a>> {
    let (original, rest) = take_original(bytes)?;
    Event::decode_here(rest, original, arena).ok()
}

fn take_original(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (mut length, mut shift, mut at) = (0usize, 0, 0);
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let end = at.checked_add(length)?;
    Some((std::str::from_utf8(bytes.get(at..end)?).ok()?, bytes.get(end..)?))
}

/// An event to be written into a split.
pub(crate) struct EventDocument {
    values: Vec<(Field, Held)>,
    text: String,
    stored: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Held {
    Text(u32, u32),
    Int(i64),
    Number(u64),
    Ip(Ipv6Addr),
    Stored,
}

/// A value of a document, borrowed for tantivy.
#[derive(Clone)]
pub(crate) struct HeldRef<'a> {
    document: &'a EventDocument,
    held: Held,
}

impl std::fmt::Debug for HeldRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("value of an event")
    }
}

impl<'a> tantivy::schema::Value<'a> for HeldRef<'a> {
    type ArrayIter = std::iter::Empty<Self>;
    type ObjectIter = std::iter::Empty<(&'a str, Self)>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        ReferenceValue::Leaf(match self.held {
            Held::Text(start, end) => ReferenceValueLeaf::Str(&self.document.text[start as usize..end as usize]),
            Held::Int(number) => ReferenceValueLeaf::I64(number),
            Held::Number(number) => ReferenceValueLeaf::U64(number),
            Held::Ip(ip) => ReferenceValueLeaf::IpAddr(ip),
            Held::Stored => ReferenceValueLeaf::Bytes(&self.document.stored),
        })
    }
}

impl Document for EventDocument {
    type Value<'a> = HeldRef<'a>;
    type FieldsValuesIter<'a> = Values<'a>;

    fn iter_fields_and_values(&self) -> Values<'_> {
        Values { document: self, at: 0 }
    }
}

/// The values of a document.
pub(crate) struct Values<'a> {
    document: &'a EventDocument,
    at: usize,
}

impl<'a> Iterator for Values<'a> {
    type Item = (Field, HeldRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (field, held) = *self.document.values.get(self.at)?;
        self.at += 1;
        Some((field, HeldRef { document: self.document, held }))
    }
}

/// Makes the documents of one split; keeps its buffers from one event to the next.
#[derive(Default)]
pub(crate) struct DocumentMaker {
    words: WordMaker,
}

impl DocumentMaker {
    /// The document of an event; `size` is about how many bytes its form in the tail has.
    pub(crate) fn make(&mut self, schema: &IndexSchema, id: EventId, event: &Event<'_>, size: usize) -> EventDocument {
        let mut document = EventDocument {
            values: Vec::with_capacity(48),
            text: String::with_capacity(size),
            stored: Vec::with_capacity(size * 3),
        };
        pack(event, &mut document.stored);
        document.values.extend([
            (schema.time, Held::Int(event.time().0)),
            (schema.partition, Held::Number(u64::from(id.partition))),
            (schema.offset, Held::Number(id.offset)),
            (schema.sub, Held::Number(u64::from(id.sub))),
            (schema.stored, Held::Stored),
        ]);
        self.words.start();
        for (field, value) in event.iter() {
            if let Some(column) = schema.column(field) {
                self.add_column(column, value, &mut document);
            }
        }
        let start = document.text.len();
        self.words.text(schema, event, &mut document.text);
        document.add_from(schema.words, start);
        let start = document.text.len();
        self.words.others(schema, event, &mut document.text);
        document.add_from(schema.others, start);
        document
    }

    fn add_column(&mut self, column: &Column, value: Value<'_>, document: &mut EventDocument) {
        match column.shape {
            Shape::Int => document.values.extend(as_int(value).map(|number| (column.values, Held::Int(number)))),
            Shape::Keyword => {
                let held = match value {
                    Value::Str(text) => document.hold(text),
                    other => document.hold(&other.text()),
                };
                document.values.push((column.values, held));
                self.words.found_elsewhere(&fold_keyword(value));
            }
            Shape::Ip => {
                let Some(ip) = as_ip(value) else { return };
                let wide = match ip {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                    IpAddr::V6(ip) => ip,
                };
                let text = ip.to_string();
                let held = document.hold(&text);
                document.values.extend([(column.values, Held::Ip(wide)), (column.terms, held)]);
                self.words.found_elsewhere(&text);
            }
        }
    }
}

impl EventDocument {
    fn hold(&mut self, text: &str) -> Held {
        let start = self.text.len();
        self.text.push_str(text);
        Held::Text(start as u32, self.text.len() as u32)
    }

    /// Adds the words that the text has from `start` on, without the last separator.
    fn add_from(&mut self, field: Field, start: usize) {
        let end = self.text.len().saturating_sub(1);
        if end > start {
            self.values.push((field, Held::Text(start as u32, end as u32)));
        }
    }
}
