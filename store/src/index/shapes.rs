//! Events as they are stored: the line, and of its fields only what differs from an event of the same shape.
//!
//! A shape is the list of an event's fields and the kinds of their values; its example is the first event that had it.
//! Format of an event: 1, the digest of shape and example (16 bytes), length of the line as a varint, the line, one bit per
//! value (set when it differs from the example's; lowest bit first), then the values that differ:
//! part of the line (distance from the end of the part before as a zigzag varint, length as a varint), text (length,
//! bytes), integer and time (zigzag varint of the difference), fraction (8 bytes), truth (1), address (4 or 16).
//! An event without a shape: 0 and the form of [`super::document::pack`].
//!
//! Shapes are kept from one split to the next, at most [`SHAPES_MAX`] of together [`BYTES_MAX`] bytes, then started anew.
//! Each split has the file `shapes` with those that its events name: FORMAT as 4 bytes, zstd of (digest, number of values
//! as a varint, for each value: length and bytes of the name, kind, length and bytes of the example), CRC-32C of all before.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::Path;

use bumpalo::Bump;
use sha2::{Digest as _, Sha256};
use stream::{Event, FieldId, Timestamp, Value, fields, intern};

use super::document::{pack, put_original, take_original, unpack};
use crate::{Error, Result};

/// The most shapes at a time.
const SHAPES_MAX: usize = 1024;
/// The most bytes of names and examples at a time.
const BYTES_MAX: usize = 1 << 20;
/// Name of the file in a split's folder.
const FILE: &str = "shapes";
const FORMAT: [u8; 4] = *b"shp1";
/// The most bytes of a split's shapes once decompressed: a bound against a damaged length.
const FILE_BYTES_MAX: usize = 1 << 30;

type Digest = [u8; 16];

const PLAIN: u8 = 0;
const SHAPED: u8 = 1;

const PART: u8 = 0;
const TEXT: u8 = 1;
const INT: u8 = 2;
const FLOAT: u8 = 3;
const BOOL: u8 = 4;
const IP4: u8 = 5;
const IP6: u8 = 6;
const TIME: u8 = 7;

struct Shape {
    digest: Digest,
    fields: Vec<(FieldId, u8)>,
    /// The values of the example, as [`put_value`] writes them against nothing.
    example: Vec<Box<[u8]>>,
    /// The split that used it last.
    used_in: u64,
}

/// Writes events in their stored form.
#[derive(Default)]
pub(crate) struct Shapes {
    /// By the fields' numbers with their kinds.
    by_fields: HashMap<Vec<u32>, usize>,
    shapes: Vec<Shape>,
    bytes: usize,
    split: u64,
    fields: Vec<u32>,
    value: Vec<u8>,
}

impl Shapes {
    /// Starts a split.
    pub(super) fn start(&mut self) {
        self.split += 1;
        if self.shapes.len() >= SHAPES_MAX || self.bytes >= BYTES_MAX {
            self.by_fields.clear();
            self.shapes.clear();
            self.bytes = 0;
        }
    }

    /// Appends an event in its stored form. Gives the number of its shape, good until the next [`Shapes::start`].
    pub(super) fn put(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Option<usize> {
        let original = event.get_str(fields::EVENT_ORIGINAL).unwrap_or("");
        self.fields.clear();
        let part =
            |(field, value): (FieldId, Value<'_>)| (field.index() as u32) << 8 | u32::from(kind(original, value));
        self.fields.extend(event.iter().map(part));
        let Some(number) = self.by_fields.get(&self.fields).copied().or_else(|| self.learn(original, event)) else {
            out.push(PLAIN);
            pack(event, out);
            return None;
        };
        let shape = &mut self.shapes[number];
        shape.used_in = self.split;
        out.push(SHAPED);
        out.extend_from_slice(&shape.digest);
        put_original(event, out);
        let bits = out.len();
        out.resize(bits + shape.fields.len().div_ceil(8), 0);
        let mut end = 0;
        for (index, ((_, value), example)) in event.iter().zip(&shape.example).enumerate() {
            self.value.clear();
            put_value(original, value, &mut end, &mut self.value);
            if self.value[..] != example[..] {
                out[bits + index / 8] |= 1 << (index % 8);
                put_different(shape.fields[index].1, &self.value, example, out);
            }
        }
        Some(number)
    }

    /// Takes the event as the example of its shape, if there is room.
    fn learn(&mut self, original: &str, event: &Event<'_>) -> Option<usize> {
        let (mut example, mut end) = (Vec::with_capacity(self.fields.len()), 0);
        let mut written = Vec::new();
        put_varint(self.fields.len() as u64, &mut written);
        let parts = || event.iter().map(|(field, value)| (field, kind(original, value), value));
        for (field, kind, value) in parts() {
            self.value.clear();
            put_value(original, value, &mut end, &mut self.value);
            put_bytes(field.name().as_bytes(), &mut written);
            written.push(kind);
            put_bytes(&self.value, &mut written);
            example.push(Box::from(&self.value[..]));
        }
        if self.shapes.len() >= SHAPES_MAX || self.bytes + written.len() > BYTES_MAX {
            return None;
        }
        let mut digest = Digest::default();
        digest.copy_from_slice(&Sha256::digest(&written)[..16]);
        self.bytes += written.len();
        self.by_fields.insert(self.fields.clone(), self.shapes.len());
        let fields = parts().map(|(field, kind, _)| (field, kind)).collect();
        self.shapes.push(Shape { digest, fields, example, used_in: 0 });
        Some(self.shapes.len() - 1)
    }

    /// Writes the file of the split that was started last.
    pub(super) fn save(&self, split: &Path) -> Result<()> {
        let mut written = Vec::new();
        for shape in self.shapes.iter().filter(|shape| shape.used_in == self.split) {
            written.extend_from_slice(&shape.digest);
            put_varint(shape.fields.len() as u64, &mut written);
            for ((field, kind), example) in shape.fields.iter().zip(&shape.example) {
                put_bytes(field.name().as_bytes(), &mut written);
                written.push(*kind);
                put_bytes(example, &mut written);
            }
        }
        write_file(split, &written)
    }
}

/// The shapes of one split, for reading its events.
pub(crate) struct Known(HashMap<Digest, Vec<Part>>);

struct Part {
    /// `None` when this process has no room for the field.
    field: Option<FieldId>,
    kind: u8,
    example: Box<[u8]>,
}

impl Known {
    /// Reads the file of a split.
    pub(super) fn open(split: &Path) -> Result<Known> {
        let bytes = read_file(split)?;
        let damaged = || damaged(split, "its list cannot be read");
        let mut known = HashMap::new();
        each_shape(&bytes, |digest, _, parts| {
            let part = |(name, kind, example): &(&str, u8, &[u8])| Part {
                field: intern(name),
                kind: *kind,
                example: Box::from(*example),
            };
            known.insert(digest, parts.iter().map(part).collect());
        })
        .ok_or_else(damaged)?;
        Ok(Known(known))
    }

    /// Reads an event from its stored form.
    pub(super) fn event<'a>(&'a self, bytes: &'a [u8], arena: &'a Bump) -> Option<Event<'a>> {
        let (form, mut rest) = bytes.split_first()?;
        if *form == PLAIN {
            return unpack(rest, arena);
        }
        let digest: Digest = take(&mut rest, 16)?.try_into().ok()?;
        let parts = self.0.get(&digest).filter(|_| *form == SHAPED)?;
        let (original, mut rest) = take_original(rest)?;
        let bits = take(&mut rest, parts.len().div_ceil(8) as u64)?;
        let (mut event, mut end) = (Event::new_in(arena), 0);
        for (index, part) in parts.iter().enumerate() {
            let differs = bits[index / 8] >> (index % 8) & 1 != 0;
            let value = if differs {
                take_different(part.kind, &mut rest, &part.example, original, &mut end)?
            } else {
                take_value(part.kind, &mut &part.example[..], original, &mut end)?
            };
            if let Some(field) = part.field {
                event.push(field, value);
            }
        }
        Some(event)
    }
}

/// Writes the file of a split that is made of others.
pub(super) fn merge(target: &Path, parts: impl Iterator<Item = impl AsRef<Path>>) -> Result<()> {
    let mut whole: BTreeMap<Digest, Vec<u8>> = BTreeMap::new();
    for part in parts {
        let bytes = read_file(part.as_ref())?;
        each_shape(&bytes, |digest, written, _| {
            whole.entry(digest).or_insert_with(|| written.to_vec());
        })
        .ok_or_else(|| damaged(part.as_ref(), "its list cannot be read"))?;
    }
    write_file(target, &whole.into_values().flatten().collect::<Vec<u8>>())
}

fn damaged(split: &Path, reason: &str) -> Error {
    Error::Damaged { what: "split", place: split.join(FILE).display().to_string(), reason: reason.into() }
}

fn write_file(split: &Path, shapes: &[u8]) -> Result<()> {
    let path = split.join(FILE);
    let mut bytes = FORMAT.to_vec();
    let packed = zstd::bulk::compress(shapes, 3).map_err(Error::io("compress", &path))?;
    put_varint(shapes.len() as u64, &mut bytes);
    bytes.extend_from_slice(&packed);
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    std::fs::write(&path, bytes).map_err(Error::io("write", &path))
}

fn read_file(split: &Path) -> Result<Vec<u8>> {
    let path = split.join(FILE);
    let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
    let Some((body, sum)) = bytes.split_last_chunk::<4>() else { return Err(damaged(split, "it is cut short")) };
    if crc32c::crc32c(body) != u32::from_le_bytes(*sum) {
        return Err(damaged(split, "its checksum is wrong"));
    }
    let Some(mut body) = body.strip_prefix(&FORMAT) else { return Err(damaged(split, "it has another format")) };
    let length = take_varint(&mut body).and_then(|length| usize::try_from(length).ok());
    let Some(length) = length.filter(|length| *length <= FILE_BYTES_MAX) else {
        return Err(damaged(split, "its length is impossible"));
    };
    zstd::bulk::decompress(body, length).map_err(Error::io("decompress", &path))
}

/// Calls for every shape of a file: digest, all its bytes, its parts.
fn each_shape<'a>(
    mut bytes: &'a [u8],
    mut shape: impl FnMut(Digest, &'a [u8], &[(&'a str, u8, &'a [u8])]),
) -> Option<()> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let whole = bytes;
        let digest = take(&mut bytes, 16)?.try_into().ok()?;
        parts.clear();
        for _ in 0..take_varint(&mut bytes)? {
            let name = std::str::from_utf8(take_bytes(&mut bytes)?).ok()?;
            let kind = *take(&mut bytes, 1)?.first()?;
            parts.push((name, kind, take_bytes(&mut bytes)?));
        }
        shape(digest, &whole[..whole.len() - bytes.len()], &parts);
    }
    Some(())
}

fn kind(original: &str, value: Value<'_>) -> u8 {
    match value {
        Value::Str(text) if part_of(original, text).is_some() => PART,
        Value::Str(_) => TEXT,
        Value::Int(_) => INT,
        Value::Float(_) => FLOAT,
        Value::Bool(_) => BOOL,
        Value::Ip(IpAddr::V4(_)) => IP4,
        Value::Ip(IpAddr::V6(_)) => IP6,
        Value::Time(_) => TIME,
    }
}

/// Where `text` lies within `original`, when it is a part of that very allocation.
fn part_of(original: &str, text: &str) -> Option<usize> {
    let start = (text.as_ptr() as usize).checked_sub(original.as_ptr() as usize)?;
    (!text.is_empty() && start + text.len() <= original.len()).then_some(start)
}

/// Appends a value as an example has it; `end` is where the part before ended.
fn put_value(original: &str, value: Value<'_>, end: &mut usize, out: &mut Vec<u8>) {
    match value {
        Value::Str(text) => match part_of(original, text) {
            Some(start) => {
                put_varint(zigzag(start as i64 - *end as i64), out);
                put_varint(text.len() as u64, out);
                *end = start + text.len();
            }
            None => out.extend_from_slice(text.as_bytes()),
        },
        Value::Int(number) => out.extend_from_slice(&number.to_le_bytes()),
        Value::Time(time) => out.extend_from_slice(&time.0.to_le_bytes()),
        Value::Float(number) => out.extend_from_slice(&number.to_le_bytes()),
        Value::Bool(flag) => out.push(u8::from(flag)),
        Value::Ip(IpAddr::V4(ip)) => out.extend_from_slice(&ip.octets()),
        Value::Ip(IpAddr::V6(ip)) => out.extend_from_slice(&ip.octets()),
    }
}

/// Appends a value that differs from the example's; both as [`put_value`] wrote them.
fn put_different(kind: u8, value: &[u8], example: &[u8], out: &mut Vec<u8>) {
    match (kind, <[u8; 8]>::try_from(value), <[u8; 8]>::try_from(example)) {
        (INT | TIME, Ok(value), Ok(example)) => {
            put_varint(zigzag(i64::from_le_bytes(value).wrapping_sub(i64::from_le_bytes(example))), out);
        }
        (TEXT, ..) => put_bytes(value, out),
        _ => out.extend_from_slice(value),
    }
}

fn take_different<'a>(
    kind: u8,
    bytes: &mut &'a [u8],
    example: &[u8],
    original: &'a str,
    end: &mut usize,
) -> Option<Value<'a>> {
    match kind {
        INT | TIME => {
            let number = i64::from_le_bytes(example.try_into().ok()?).wrapping_add(unzigzag(take_varint(bytes)?));
            Some(if kind == INT { Value::Int(number) } else { Value::Time(Timestamp(number)) })
        }
        TEXT => take_value(TEXT, &mut take_bytes(bytes)?, original, end),
        _ => take_value(kind, bytes, original, end),
    }
}

/// Reads what [`put_value`] wrote.
fn take_value<'a>(kind: u8, bytes: &mut &'a [u8], original: &'a str, end: &mut usize) -> Option<Value<'a>> {
    let all = bytes.len() as u64;
    Some(match kind {
        PART => {
            let start = usize::try_from(i64::try_from(*end).ok()?.checked_add(unzigzag(take_varint(bytes)?))?).ok()?;
            *end = start.checked_add(usize::try_from(take_varint(bytes)?).ok()?)?;
            Value::Str(original.get(start..*end)?)
        }
        TEXT => Value::Str(std::str::from_utf8(take(bytes, all)?).ok()?),
        INT => Value::Int(i64::from_le_bytes(take(bytes, 8)?.try_into().ok()?)),
        TIME => Value::Time(Timestamp(i64::from_le_bytes(take(bytes, 8)?.try_into().ok()?))),
        FLOAT => Value::Float(f64::from_le_bytes(take(bytes, 8)?.try_into().ok()?)),
        BOOL => Value::Bool(take(bytes, 1)? != [0]),
        IP4 => Value::Ip(IpAddr::from(<[u8; 4]>::try_from(take(bytes, 4)?).ok()?)),
        IP6 => Value::Ip(IpAddr::from(<[u8; 16]>::try_from(take(bytes, 16)?).ok()?)),
        _ => return None,
    })
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take<'a>(bytes: &mut &'a [u8], count: u64) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(usize::try_from(count).ok()?)?;
    *bytes = tail;
    Some(head)
}

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_varint(bytes)?;
    take(bytes, length)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Made {
        Part(usize, usize),
        Text(String),
        Int(i64),
        Float(f64),
        Bool(bool),
        Ip(IpAddr),
        Time(i64),
    }

    fn made() -> impl Strategy<Value = Made> {
        prop_oneof![
            (0..30_usize, 1..9_usize).prop_map(|(start, length)| Made::Part(start, length)),
            "[a-c東]{0,3}".prop_map(Made::Text),
            any::<i64>().prop_map(Made::Int),
            (-9.0..9.0).prop_map(Made::Float),
            any::<bool>().prop_map(Made::Bool),
            any::<IpAddr>().prop_map(Made::Ip),
            any::<i64>().prop_map(Made::Time),
        ]
    }

    fn event<'a>(line: &'a str, made: &'a [Made], arena: &'a Bump) -> Event<'a> {
        let names = [fields::MESSAGE, fields::TAGS, fields::SOURCE_PORT];
        let mut event = Event::new_in(arena);
        event.push(fields::EVENT_ORIGINAL, Value::Str(line));
        for (index, made) in made.iter().enumerate() {
            let value = match made {
                Made::Part(start, length) => Value::Str(line.get(*start..start + length).unwrap_or("")),
                Made::Text(text) => Value::Str(text),
                Made::Int(number) => Value::Int(*number),
                Made::Float(number) => Value::Float(*number),
                Made::Bool(flag) => Value::Bool(*flag),
                Made::Ip(ip) => Value::Ip(*ip),
                Made::Time(time) => Value::Time(Timestamp(*time)),
            };
            event.push(names[index % 3], value);
        }
        event
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What is stored is read back, from the split itself and from one it was merged into.
        #[test]
        fn events_come_back(
            events in prop::collection::vec(("[a-c 東]{0,30}", prop::collection::vec(made(), 0..5)), 1..8),
            others in prop::collection::vec(("[a-c 東]{0,30}", prop::collection::vec(made(), 0..5)), 1..8),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let (mut shapes, mut stored, arena) = (Shapes::default(), Vec::new(), Bump::new());
            for (name, events) in [("a", &events), ("b", &others)] {
                std::fs::create_dir(dir.path().join(name)).unwrap();
                shapes.start();
                for (line, made) in events {
                    let mut bytes = Vec::new();
                    shapes.put(&event(line, made, &arena), &mut bytes);
                    stored.push((name, line, made, bytes));
                }
                shapes.save(&dir.path().join(name)).unwrap();
            }
            std::fs::create_dir(dir.path().join("whole")).unwrap();
            merge(&dir.path().join("whole"), ["a", "b"].iter().map(|name| dir.path().join(name))).unwrap();
            for (name, line, made, bytes) in &stored {
                for split in [*name, "whole"] {
                    let known = Known::open(&dir.path().join(split)).unwrap();
                    let (mut expected, mut found) = (Vec::new(), Vec::new());
                    event(line, made, &arena).write_json(&mut expected);
                    known.event(bytes, &arena).unwrap().write_json(&mut found);
                    prop_assert_eq!(String::from_utf8(found), String::from_utf8(expected));
                }
            }
        }

        /// Damaged bytes are refused or read as something, without a panic.
        #[test]
        fn damage_is_no_panic(cut in any::<usize>(), at in any::<usize>(), byte in any::<u8>()) {
            let dir = tempfile::tempdir().unwrap();
            let (mut shapes, mut bytes, arena) = (Shapes::default(), Vec::new(), Bump::new());
            shapes.start();
            let made = [Made::Text("a".into()), Made::Int(1), Made::Part(0, 2), Made::Time(3)];
            shapes.put(&event("abc", &made, &arena), &mut bytes);
            shapes.put(&event("abcd", &made, &arena), &mut { Vec::new() });
            shapes.save(dir.path()).unwrap();
            let known = Known::open(dir.path()).unwrap();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut % (bytes.len() + 1));
            drop(known.event(&bytes, &arena));
            let path = dir.path().join(FILE);
            let mut file = std::fs::read(&path).unwrap();
            let at = at % file.len();
            file[at] ^= 1;
            std::fs::write(&path, file).unwrap();
            prop_assert!(Known::open(dir.path()).is_err());
        }
    }
}
