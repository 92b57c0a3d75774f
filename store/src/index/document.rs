//! An event as bytes.
//!
//! Form: length of the original line as a varint, the original line, [`Event::encode`]. The memory tail holds
//! the same with [`Event::encode_here`], which has numbers in place of names and takes less than half the memory; a split
//! holds what [`super::shapes`] makes.

use bumpalo::Bump;
use stream::{Event, fields};

/// Appends an event in the form that any process can read.
pub(crate) fn pack(event: &Event<'_>, out: &mut Vec<u8>) {
    let original = put_original(event, out);
    event.encode(original, out);
}

/// Appends an event in the form of the memory tail.
pub(crate) fn pack_here(event: &Event<'_>, out: &mut Vec<u8>) {
    let original = put_original(event, out);
    event.encode_here(original, out);
}

pub(super) fn put_original<'a>(event: &Event<'a>, out: &mut Vec<u8>) -> &'a str {
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

/// Reads what [`pack`] wrote.
pub(crate) fn unpack<'a>(bytes: &'a [u8], arena: &'a Bump) -> Option<Event<'a>> {
    let (original, rest) = take_original(bytes)?;
    Event::decode(rest, original, arena).ok()
}

/// Reads an event from the form of the memory tail.
pub(crate) fn unpack_here<'a>(bytes: &'a [u8], arena: &'a Bump) -> Option<Event<'a>> {
    let (original, rest) = take_original(bytes)?;
    Event::decode_here(rest, original, arena).ok()
}

pub(super) fn take_original(bytes: &[u8]) -> Option<(&str, &[u8])> {
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
