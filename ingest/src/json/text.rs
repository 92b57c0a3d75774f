//! Quotes and escapes of JSON texts.

use bumpalo::Bump;
use bumpalo::collections::String as BumpString;

/// Takes the escapes of RFC 8259 §7 back; an unknown escape stays as written.
pub fn unescape<'a>(raw: &'a str, arena: &'a Bump) -> &'a str {
    let mut plain = BumpString::with_capacity_in(raw.len(), arena);
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        plain.push_str(&rest[..at]);
        let (character, length) = escape_at(&rest.as_bytes()[at..]);
        plain.push(character);
        rest = &rest[at + length..];
    }
    plain.push_str(rest);
    plain.into_bump_str()
}

/// The character that the escape at the start stands for, and how many bytes it took.
pub(super) fn escape_at(bytes: &[u8]) -> (char, usize) {
    match bytes.get(1) {
        Some(b'"') => ('"', 2),
        Some(b'\\') => ('\\', 2),
        Some(b'/') => ('/', 2),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'n') => ('\n', 2),
        Some(b'r') => ('\r', 2),
        Some(b't') => ('\t', 2),
        Some(b'u') => unicode_escape(bytes).unwrap_or(('\\', 1)),
        _ => ('\\', 1),
    }
}

/// Reads `\uXXXX`, or two of them that are a surrogate pair: the character, and how many bytes it took.
fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |bytes: &[u8]| -> Option<u32> {
        let [b'\\', b'u', digits @ ..] = bytes else { return None };
        digits.get(..4)?.iter().try_fold(0, |unit, byte| Some(unit * 16 + char::from(*byte).to_digit(16)?))
    };
    let high = unit(bytes)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6));
    }
    match bytes.get(6..).and_then(unit) {
        Some(low @ 0xdc00..0xe000) => {
            let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12))
        }
        _ => Some((char::REPLACEMENT_CHARACTER, 6)),
    }
}
