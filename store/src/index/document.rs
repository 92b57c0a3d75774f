//! An event as the index takes it, and as it is stored.
//!
//! Stored form: length of the original line as a varint, the original line, [`Event::encode`]. The memory tail holds
//! the same bytes, so a cut copies them without encoding again.

use std::net::{IpAddr, Ipv6Addr};

use bumpalo::Bump;
use stream::{Event, EventId, FieldId, Kind, Value, fields};
use tantivy::schema::Field;
use tantivy::schema::document::{Document, ReferenceValue, ReferenceValueLeaf};

use super::schema::{IndexSchema, Shape};
use super::tokenizer::SEPARATOR;
use crate::query::text::{fold, is_word_byte, words};
use crate::query::{as_int, as_ip, fold_keyword};

/// Between a field's name and its value in `pairs`; a name cannot contain it.
pub(crate) const NAME_END: char = '\0';

/// Appends an event in its stored form.
pub(crate) fn pack(event: &Event<'_>, out: &mut Vec<u8>) {
    let original = event.get_str(fields::EVENT_ORIGINAL).unwrap_or("");
    let mut length = original.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(original.as_bytes());
    event.encode(original, out);
}

/// Reads an event from its stored form.
pub(crate) fn unpack<'a>(bytes: &'a [u8], arena: &'a Bump) -> Option<Event<'a>> {
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
    let original = std::str::from_utf8(bytes.get(at..end)?).ok()?;
    Event::decode(bytes.get(end..)?, original, arena).ok()
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

/// Makes documents; keeps its buffers from one event to the next.
#[derive(Default)]
pub(crate) struct DocumentMaker {
    seen: Seen,
}

impl DocumentMaker {
    /// The document of an event; `stored` is its stored form.
    pub(crate) fn make(
        &mut self,
        schema: &IndexSchema,
        id: EventId,
        event: &Event<'_>,
        stored: &[u8],
    ) -> EventDocument {
        let mut document = EventDocument {
            values: Vec::with_capacity(event.len() + 8),
            text: String::with_capacity(stored.len() + 256),
            stored: stored.to_vec(),
        };
        document.values.extend([
            (schema.time, Held::Int(event.time().0)),
            (schema.partition, Held::Number(u64::from(id.partition))),
            (schema.offset, Held::Number(id.offset)),
            (schema.sub, Held::Number(u64::from(id.sub))),
            (schema.stored, Held::Stored),
        ]);
        self.seen.clear();
        for (field, value) in event.iter() {
            self.add_field(schema, field, value, &mut document);
        }
        self.add_words(schema, event, &mut document);
        document
    }

    fn add_field(&mut self, schema: &IndexSchema, field: FieldId, value: Value<'_>, document: &mut EventDocument) {
        // The time has a column of its own, the tenant is the split's, and the text is in the words.
        if [fields::TIMESTAMP, fields::SEKISHO_TENANT, fields::EVENT_ORIGINAL, fields::MESSAGE].contains(&field) {
            return;
        }
        let Some(column) = schema.column(field) else {
            add_pair(schema, field, value, document);
            return;
        };
        match column.shape {
            Shape::Int => document.values.extend(as_int(value).map(|number| (column.values, Held::Int(number)))),
            Shape::Keyword => {
                let held = document.hold(&value.text());
                document.values.push((column.values, held));
                self.seen.insert(&fold_keyword(value));
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
                self.seen.insert(&text);
            }
        }
    }

    /// The words of the line and the message, each once, without those that are a whole value of an explicit field:
    /// a search looks for a word there too.
    fn add_words(&mut self, schema: &IndexSchema, event: &Event<'_>, document: &mut EventDocument) {
        let original = event.get_str(fields::EVENT_ORIGINAL).unwrap_or("");
        let start = document.text.len();
        for (field, value) in event.iter() {
            let part = || matches!(value, Value::Str(text) if is_part(original, text));
            let counts = field == fields::EVENT_ORIGINAL || (field == fields::MESSAGE && !part());
            if !counts {
                continue;
            }
            for word in words(&fold(&value.text())) {
                if self.seen.insert(word) {
                    document.text.push_str(word);
                    document.text.push(char::from(SEPARATOR));
                }
            }
        }
        let end = document.text.len().saturating_sub(1).max(start);
        document.values.push((schema.words, Held::Text(start as u32, end as u32)));
    }
}

impl EventDocument {
    fn hold(&mut self, text: &str) -> Held {
        let start = self.text.len();
        self.text.push_str(text);
        Held::Text(start as u32, self.text.len() as u32)
    }
}

fn add_pair(schema: &IndexSchema, field: FieldId, value: Value<'_>, document: &mut EventDocument) {
    let start = document.text.len() as u32;
    document.text.push_str(field.name());
    document.text.push(NAME_END);
    match field.kind() {
        // Compared as text of one form, as numbers, or by words: only that it is there is indexed.
        Kind::Time | Kind::Text | Kind::Float => {}
        Kind::Ip => match as_ip(value) {
            Some(ip) => document.text.push_str(&ip.to_string()),
            None => document.text.push_str(&fold_keyword(value)),
        },
        Kind::Keyword | Kind::Int | Kind::Bool => document.text.push_str(&fold_keyword(value)),
    }
    document.values.push((schema.pairs, Held::Text(start, document.text.len() as u32)));
}

/// Whether `text` is a part of that very allocation and cut where words end, so that its words are the line's words.
fn is_part(original: &str, text: &str) -> bool {
    let Some(start) = (text.as_ptr() as usize).checked_sub(original.as_ptr() as usize) else { return false };
    let end = start + text.len();
    let breaks =
        |byte: Option<&u8>| byte.is_none_or(|byte| byte.is_ascii() && !is_word_byte(*byte) && !b".-:".contains(byte));
    let bytes = original.as_bytes();
    end <= original.len() && breaks(start.checked_sub(1).and_then(|before| bytes.get(before))) && breaks(bytes.get(end))
}

/// The words of one event met so far. Looks at most [`Seen::PROBES`] places, so that crafted words cannot slow it down;
/// a word it gives up on counts as new and is indexed twice, which changes nothing.
struct Seen {
    /// Index into `words` plus one; 0 is empty.
    table: Vec<u32>,
    words: Vec<(u32, u32)>,
    text: String,
}

impl Default for Seen {
    fn default() -> Self {
        Seen { table: vec![0; Self::SLOTS], words: Vec::new(), text: String::new() }
    }
}

impl Seen {
    const SLOTS: usize = 2048;
    const PROBES: usize = 8;

    fn clear(&mut self) {
        if !self.words.is_empty() {
            self.table.fill(0);
        }
        self.words.clear();
        self.text.clear();
    }

    /// Whether the word is new.
    fn insert(&mut self, word: &str) -> bool {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in word.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        for probe in 0..Self::PROBES {
            let slot = (hash as usize ^ (hash >> 32) as usize).wrapping_add(probe) % Self::SLOTS;
            match self.table[slot] {
                0 => {
                    let start = self.text.len() as u32;
                    self.text.push_str(word);
                    self.words.push((start, self.text.len() as u32));
                    self.table[slot] = self.words.len() as u32;
                    return true;
                }
                known => {
                    let (start, end) = self.words[known as usize - 1];
                    if &self.text[start as usize..end as usize] == word {
                        return false;
                    }
                }
            }
        }
        true
    }
}
