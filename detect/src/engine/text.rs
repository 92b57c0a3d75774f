//! Texts as JSON writes them (RFC 8259 section 7), the same bytes as serde's.
//!
//! Lines that are kept as evidence are mostly JSON themselves and full of quotes: which bytes need a backslash is found for
//! 64 bytes in one go, and what stands between two of them is copied 16 or [`STRETCH_BYTES`] bytes at a time, of which what is
//! too much is written over.

use wide::u8x16;

/// The most bytes copied at once of what stands between two escapes.
const STRETCH_BYTES: usize = 64;
const WORD: usize = u64::BITS as usize;

/// Writes a text with its quotes.
pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    let (before, bytes) = (out.len(), text.as_bytes());
    // Two bytes for each, the quotes, and what a stretch is written beyond its end.
    out.resize(before + 2 * bytes.len() + 2 + STRETCH_BYTES, b'"');
    let room = &mut out[before..];
    let (mut from, mut at) = (0, 1);
    for start in (0..bytes.len()).step_by(WORD) {
        let mut marks = marks_at(bytes, start);
        while marks != 0 {
            let mark = start + marks.trailing_zeros() as usize;
            at = stretch(bytes, from..mark, room, at);
            room[at] = b'\\';
            at += 1;
            // A quote or a backslash stands for itself there: it begins the next stretch.
            from = mark;
            if bytes[mark] < b' ' {
                let Some(letter) = letter(bytes[mark]) else {
                    out.truncate(before);
                    return put_by_serde(text, out);
                };
                room[at] = letter;
                (at, from) = (at + 1, mark + 1);
            }
            marks &= marks - 1;
        }
    }
    at = stretch(bytes, from..bytes.len(), room, at);
    room[at] = b'"';
    out.truncate(before + at + 1);
}

/// What stands behind the backslash for a control character; none where its number does.
fn letter(control: u8) -> Option<u8> {
    Some(match control {
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => return None,
    })
}

fn put_by_serde(text: &str, out: &mut Vec<u8>) {
    let written = serde_json::to_writer(out, text);
    debug_assert!(written.is_ok(), "writing to memory cannot fail");
}

/// Copies a part of `bytes` to `at`, and tells where it ends there.
#[inline(always)]
fn stretch(bytes: &[u8], part: std::ops::Range<usize>, room: &mut [u8], at: usize) -> usize {
    fn whole<const N: usize>(from: &[u8], room: &mut [u8]) -> bool {
        match (from.first_chunk::<N>(), room.first_chunk_mut::<N>()) {
            (Some(chunk), Some(room)) => *room = *chunk,
            _ => return false,
        }
        true
    }
    let (from, to) = (&bytes[part.start..], &mut room[at..]);
    let copied = match part.len() {
        0..=16 => whole::<16>(from, to),
        17..=STRETCH_BYTES => whole::<STRETCH_BYTES>(from, to),
        _ => false,
    };
    if !copied {
        to[..part.len()].copy_from_slice(&bytes[part.clone()]);
    }
    at + part.len()
}

/// One bit for each of the 64 bytes at `start` that cannot stand in a text by itself.
#[inline(always)]
fn marks_at(bytes: &[u8], start: usize) -> u64 {
    let rest = &bytes[start..];
    match rest.first_chunk::<WORD>() {
        Some(chunk) => marks_of(chunk),
        None => {
            let mut last = [b' '; WORD];
            last[..rest.len()].copy_from_slice(rest);
            marks_of(&last)
        }
    }
}

fn marks_of(bytes: &[u8; WORD]) -> u64 {
    let (quote, backslash, control) = (u8x16::splat(b'"'), u8x16::splat(b'\\'), u8x16::splat(b' ' - 1));
    let (parts, _) = bytes.as_chunks::<16>();
    parts.iter().rev().fold(0, |marks, part| {
        let part = u8x16::from(*part);
        let marked = part.simd_eq(quote) | part.simd_eq(backslash) | part.simd_le(control);
        marks << 16 | u64::from(marked.to_bitmask())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_as_serde_writes_them(
            head in "[a\"]{0,70}",
            text in "\\PC{0,20}|[\u{0}-\u{ff}]{0,20}|[\"\\\\\n\t a-c]{0,200}|[ab\\\\]{0,20}a{0,90}[\"\t]{0,20}",
        ) {
            for text in [&text, &format!("{head}{text}"), &format!("{text}{head}")] {
                let mut out = b"before".to_vec();
                put_text(text, &mut out);
                let expected = format!("before{}", serde_json::to_string(text).unwrap());
                prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
    }
}
