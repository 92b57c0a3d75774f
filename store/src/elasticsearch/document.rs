//! An event as the engine's document.
//!
//! - The ECS fields by their dotted names, each typed as the template says; what does not read as its type is left out here.
//! - `sekisho.store.time` (nanoseconds), `.second`, `.partition`, `.offset`, `.sub`, `.tenant`: order and filters.
//! - `sekisho.store.terms`: [`super::terms`], indexed and not kept.
//! - `sekisho.store.event`: [`Event::encode`] in base64. With `event.original` it is the whole event again, exactly.
//! - `sekisho.store.read`: its columns do not say all (a value twice, or too long), so whoever counts values reads the event.
//! - `sekisho.store.reduced`: the engine refused the whole document with these words; it holds only what the search needs.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, Ordering};

use base64::Engine as _;
use bumpalo::Bump;
use serde_json::Value as Json;
use stream::{Event, EventId, FieldId, Kind, NANOS_PER_SECOND, Timestamp, Value, fields};

use super::template::{
    EVENT, KEYWORD_CHARACTERS_MAX, OFFSET, OWN, PARTITION, READ, REDUCED, SECOND, SUB, TENANT, TERMS, TIME,
};
use super::terms::terms;
use crate::index::schema::{Shape, column_of};
use crate::query::{as_int, as_ip};

/// Appends a document as one line of JSON without its end; `tenant` as [`super::names::written`] has it.
pub(super) fn put(id: EventId, tenant: &str, event: &Event<'_>, out: &mut Vec<u8>) {
    let original = event.get_str(fields::EVENT_ORIGINAL).unwrap_or("");
    let (time, mut scratch) = (event.time().0, Vec::new());
    event.encode(original, &mut scratch);
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(TIME.as_bytes());
    out.extend_from_slice(format!("\":{time}").as_bytes());
    for (name, number) in [
        (SECOND, time.div_euclid(NANOS_PER_SECOND)),
        (PARTITION, i64::from(id.partition)),
        (OFFSET, i64::try_from(id.offset).unwrap_or(i64::MAX)),
        (SUB, i64::from(id.sub)),
    ] {
        key(name, out);
        out.extend_from_slice(number.to_string().as_bytes());
    }
    key(TENANT, out);
    text(tenant, out);
    key(EVENT, out);
    text(&base64::engine::general_purpose::STANDARD_NO_PAD.encode(&scratch), out);
    key(TERMS, out);
    list(terms(event).iter(), out, |term, out| text(term, out));
    if must_be_read(event) {
        key(READ, out);
        out.extend_from_slice(b"true");
    }
    let ids = event.ids();
    for (index, field) in ids.iter().copied().enumerate() {
        if ids[..index].contains(&field) || !is_placed(field) {
            continue;
        }
        // The line is one value: what rebuilds the event.
        let count = if field == fields::EVENT_ORIGINAL { 1 } else { usize::MAX };
        let mut shown: Vec<Vec<u8>> = event.all(field).take(count).filter_map(|value| typed(field, value)).collect();
        key(field.name(), out);
        match (shown.len(), field.is_list()) {
            (1, false) => out.append(&mut shown[0]),
            _ => list(shown.iter(), out, |value, out| out.extend_from_slice(value)),
        }
    }
    out.push(b'}');
}

/// Appends a document without what only the engine's own tools show: the reduced form.
pub(super) fn reduce(document: &[u8], reason: &str, out: &mut Vec<u8>) -> Option<()> {
    let mut document: serde_json::Map<String, Json> = serde_json::from_slice(document).ok()?;
    let is_needed = |name: &str| {
        let field = fields::lookup(name);
        let own = [fields::EVENT_ORIGINAL, fields::SEKISHO_TENANT];
        name.starts_with(OWN) || field.is_some_and(|field| own.contains(&field) || column_of(field).is_some())
    };
    document.retain(|name, _| is_needed(name));
    document.insert(REDUCED.to_owned(), Json::from(reason));
    serde_json::to_writer(out, &document).ok()
}

/// What the engine keeps of an event, as it came back.
pub(crate) struct Stored {
    pub(crate) time: Timestamp,
    pub(crate) id: EventId,
    original: String,
    packed: Vec<u8>,
}

impl Stored {
    /// The fields to ask the engine for.
    pub(super) fn source() -> [&'static str; 2] {
        [fields::EVENT_ORIGINAL.name(), EVENT]
    }

    /// The order in which searches ask for events.
    pub(super) const BY_TIME: [&'static str; 4] = [TIME, PARTITION, OFFSET, SUB];
    /// The order of the log.
    pub(super) const BY_ID: [&'static str; 4] = [PARTITION, OFFSET, SUB, TIME];

    /// Reads a hit; its sort values, in the order asked for, are the time and the id.
    pub(super) fn read(hit: &mut Json, order: &[&str; 4]) -> Option<Stored> {
        let number = |name: &str| hit["sort"][order.iter().position(|field| *field == name)?].as_i64();
        let (time, partition, offset, sub) = (number(TIME)?, number(PARTITION)?, number(OFFSET)?, number(SUB)?);
        let id = EventId {
            partition: u32::try_from(partition).ok()?,
            offset: u64::try_from(offset).ok()?,
            sub: u32::try_from(sub).ok()?,
        };
        let source = &mut hit["_source"];
        let original = match source[fields::EVENT_ORIGINAL.name()].take() {
            Json::String(text) => text,
            _ => String::new(),
        };
        let packed = base64::engine::general_purpose::STANDARD_NO_PAD.decode(source[EVENT].as_str()?).ok()?;
        Some(Stored { time: Timestamp(time), id, original, packed })
    }

    pub(super) fn event<'a>(&'a self, arena: &'a Bump) -> Option<Event<'a>> {
        Event::decode(&self.packed, &self.original, arena).ok()
    }
}

/// Whether a field can stand in a document. A product's own must not lie below or above one of the template's, nor have a
/// name that the engine cannot take for a path; it is found and shown all the same.
fn is_placed(field: FieldId) -> bool {
    /// By field: 0 not asked yet, 1 yes, 2 no. Names never change.
    static KNOWN: LazyLock<Vec<AtomicU8>> = LazyLock::new(|| (0..FieldId::bound()).map(|_| AtomicU8::new(0)).collect());
    if field.is_static() {
        return true;
    }
    let known = KNOWN.get(field.index());
    match known.map_or(0, |known| known.load(Ordering::Relaxed)) {
        0 => {
            let name = field.name();
            let clashes = |known: FieldId| is_below(name, known.name()) || is_below(known.name(), name);
            let placed = !name.starts_with(OWN)
                && name.split('.').all(|part| !part.trim().is_empty())
                && !FieldId::all_static().any(clashes);
            if let Some(known) = known {
                known.store(if placed { 1 } else { 2 }, Ordering::Relaxed);
            }
            placed
        }
        known => known == 1,
    }
}

fn is_below(name: &str, other: &str) -> bool {
    name.strip_prefix(other).is_some_and(|rest| rest.starts_with('.'))
}

/// A value as JSON of the field's type.
fn typed(field: FieldId, value: Value<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match field.kind() {
        Kind::Int => out.extend_from_slice(as_int(value)?.to_string().as_bytes()),
        Kind::Ip => text(&as_ip(value)?.to_string(), &mut out),
        Kind::Float => {
            let number = value.number().filter(|number| number.is_finite())?;
            out.extend_from_slice(serde_json::Number::from_f64(number)?.to_string().as_bytes());
        }
        Kind::Bool => match &*value.text() {
            flag @ ("true" | "false") => out.extend_from_slice(flag.as_bytes()),
            _ => return None,
        },
        Kind::Time => match value {
            Value::Time(time) => text(&time.to_string(), &mut out),
            _ => return None,
        },
        Kind::Keyword | Kind::Text => text(&value.text(), &mut out),
    }
    Some(out)
}

/// Whether the columns would give other figures than the event.
fn must_be_read(event: &Event<'_>) -> bool {
    let mut met: Vec<(FieldId, String)> = Vec::new();
    for (field, value) in event.iter() {
        let shape = column_of(field).or((field == fields::SEKISHO_TENANT).then_some(Shape::Keyword));
        let shown = match shape {
            Some(Shape::Keyword) => value.text().into_owned(),
            Some(Shape::Int) => as_int(value).map_or_else(String::new, |number| number.to_string()),
            Some(Shape::Ip) => as_ip(value).map_or_else(String::new, |ip| ip.to_string()),
            None => continue,
        };
        let single = [fields::SEKISHO_SOURCE_ZONE, fields::SEKISHO_DESTINATION_ZONE, fields::SEKISHO_TENANT];
        let again = met.iter().any(|(known, text)| *known == field && (*text == shown || single.contains(&field)));
        if again || shown.len() > KEYWORD_CHARACTERS_MAX {
            return true;
        }
        met.push((field, shown));
    }
    false
}

fn key(name: &str, out: &mut Vec<u8>) {
    out.push(b',');
    text(name, out);
    out.push(b':');
}

fn text(text: &str, out: &mut Vec<u8>) {
    let written = serde_json::to_writer(&mut *out, text);
    debug_assert!(written.is_ok(), "text into memory cannot fail");
}

fn list<T>(items: impl Iterator<Item = T>, out: &mut Vec<u8>, mut put: impl FnMut(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put(item, out);
    }
    out.push(b']');
}
