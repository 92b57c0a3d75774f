//! JSON flattened straight into `(path, value)` calls, without building a tree.
//!
//! Paths are the keys joined by dots; the elements of an array carry the array's own path, in order. Text borrows from
//! the line, and goes into the arena only when it holds escapes. Reading is lenient where devices are sloppy (control
//! characters inside strings, lone surrogates become U+FFFD) and strict where guessing would be needed.
//!
//! Bounds: depth [`DEPTH_MAX`], [`VALUES_MAX`] values reported, paths of [`PATH_BYTES_MAX`] bytes; values beyond the
//! last two are read over and not reported. [`PATHS_MAX`] paths get a number. Source: RFC 8259.

mod ndjson;
mod paths;

use bumpalo::Bump;
use bumpalo::collections::String as BumpString;
use memchr::memchr2;
use stream::Value;

pub use self::ndjson::Ndjson;
pub use self::paths::PATHS_MAX;
use self::paths::{Paths, ROOT};
use crate::parser::Reason;

/// The deepest nesting; a deeper text is refused.
pub const DEPTH_MAX: usize = 64;
/// The most values reported from one text.
pub const VALUES_MAX: usize = 4096;
/// The longest path reported, in bytes.
pub const PATH_BYTES_MAX: usize = 512;

/// Digits that are sure to fit an integer.
const INT_DIGITS: usize = 18;
const NOT_CLOSED: Reason = Reason("JSON string not closed");

/// One scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without fraction and exponent that fits.
    Int(i64),
    /// Any other number, also as it is written.
    Float(f64, &'a str),
    /// Text, unescaped.
    Str(&'a str),
}

impl<'a> Scalar<'a> {
    /// The scalar as a field's value; nothing for `null`.
    pub fn value(self) -> Option<Value<'a>> {
        Some(match self {
            Scalar::Null => return None,
            Scalar::Bool(flag) => Value::Bool(flag),
            Scalar::Int(number) => Value::Int(number),
            Scalar::Float(number, _) => Value::Float(number),
            Scalar::Str(text) => Value::Str(text),
        })
    }

    /// The scalar if it is text.
    pub fn str(self) -> Option<&'a str> {
        match self {
            Scalar::Str(text) => Some(text),
            _ => None,
        }
    }
}

/// Where a scalar stands: its path, and the path's number in the [`Walker`] that met it.
#[derive(Clone, Copy, Debug)]
pub struct Path<'p> {
    /// The keys joined by dots.
    pub name: &'p str,
    /// The same for the same path as long as the walker lives, below [`PATHS_MAX`]; none for paths beyond that.
    pub number: Option<u32>,
}

/// Walks JSON texts; keeps the paths it met from one text to the next.
#[derive(Default)]
pub struct Walker {
    paths: Paths,
    spill: String,
    plain: String,
}

impl Walker {
    /// Calls `visit` for every scalar of the text, in order. A text after the value is refused, blanks are not.
    ///
    /// # Errors
    /// A [`Reason`] where the text is not JSON; what stood before was reported.
    pub fn walk<'a>(
        &mut self,
        text: &'a str,
        arena: &'a Bump,
        mut visit: impl FnMut(&str, Scalar<'a>),
    ) -> Result<(), Reason> {
        self.walk_numbered(text, arena, |path, scalar| visit(path.name, scalar))
    }

    /// As [`Walker::walk`], with the paths' numbers, by which a caller may remember what a path means.
    ///
    /// # Errors
    /// As [`Walker::walk`].
    pub fn walk_numbered<'a>(
        &mut self,
        text: &'a str,
        arena: &'a Bump,
        mut visit: impl FnMut(Path<'_>, Scalar<'a>),
    ) -> Result<(), Reason> {
        let end = self.prefix(text, arena, &mut visit)?;
        if text.as_bytes()[end..].trim_ascii().is_empty() { Ok(()) } else { Err(Reason("text after the JSON value")) }
    }

    /// As [`Walker::walk`] for a value at the start of a text: gives how many bytes it took.
    ///
    /// # Errors
    /// A [`Reason`] where the text is not JSON; what stood before was reported.
    pub fn walk_prefix<'a>(
        &mut self,
        text: &'a str,
        arena: &'a Bump,
        mut visit: impl FnMut(&str, Scalar<'a>),
    ) -> Result<usize, Reason> {
        self.prefix(text, arena, &mut |path, scalar| visit(path.name, scalar))
    }

    fn prefix<'a>(
        &mut self,
        text: &'a str,
        arena: &'a Bump,
        visit: &mut impl FnMut(Path<'_>, Scalar<'a>),
    ) -> Result<usize, Reason> {
        self.spill.clear();
        let (paths, spill, plain) = (&mut self.paths, &mut self.spill, &mut self.plain);
        let mut walk = Walk { text, at: 0, arena, paths, spill, plain, last: ROOT, values: 0 };
        walk.value(visit, Place::Known(ROOT), 0)?;
        Ok(walk.at)
    }
}

/// Where the walk stands.
#[derive(Clone, Copy)]
enum Place {
    /// At a path with a number.
    Known(u32),
    /// At the path in the spill buffer.
    Spilled,
    /// Below a path that is too long: nothing is reported.
    Cut,
}

struct Walk<'a, 'p> {
    text: &'a str,
    at: usize,
    arena: &'a Bump,
    paths: &'p mut Paths,
    /// The path of [`Place::Spilled`].
    spill: &'p mut String,
    /// A text while its escapes are taken back.
    plain: &'p mut String,
    /// The path of the last key.
    last: u32,
    values: usize,
}

impl<'a> Walk<'a, '_> {
    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes().get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    fn value(
        &mut self,
        visit: &mut impl FnMut(Path<'_>, Scalar<'a>),
        place: Place,
        depth: usize,
    ) -> Result<(), Reason> {
        if depth > DEPTH_MAX {
            return Err(Reason("JSON nested too deeply"));
        }
        match self.peek() {
            Some(b'"') => {
                let text = self.string()?;
                self.report(visit, place, Scalar::Str(text));
            }
            Some(b'-' | b'0'..=b'9') => {
                let number = self.number()?;
                self.report(visit, place, number);
            }
            Some(b'{') => return self.object(visit, place, depth),
            Some(b'[') => return self.array(visit, place, depth),
            Some(_) => {
                let word = self.word()?;
                self.report(visit, place, word);
            }
            None => return Err(Reason("JSON ends early")),
        }
        Ok(())
    }

    /// Calls `visit`; on its own for every kind of scalar, so that the value stays in registers on its way.
    #[inline(always)]
    fn report(&mut self, visit: &mut impl FnMut(Path<'_>, Scalar<'a>), place: Place, scalar: Scalar<'a>) {
        if self.values >= VALUES_MAX {
            return;
        }
        let path = match place {
            Place::Known(number) => Path { name: self.paths.name(number), number: Some(number) },
            Place::Spilled => Path { name: self.spill, number: None },
            Place::Cut => return,
        };
        self.values += 1;
        visit(path, scalar);
    }

    fn object(
        &mut self,
        visit: &mut impl FnMut(Path<'_>, Scalar<'a>),
        place: Place,
        depth: usize,
    ) -> Result<(), Reason> {
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Reason("JSON key expected"));
            }
            let spilled = self.spill.len();
            let member = match place {
                Place::Known(parent) => match self.paths.expected(self.last, parent, &self.bytes()[self.at + 1..]) {
                    Some((number, length)) => {
                        self.at += 1 + length;
                        self.last = number;
                        Place::Known(number)
                    }
                    None => self.key(place)?,
                },
                _ => self.key(place)?,
            };
            self.value(visit, member, depth + 1)?;
            self.spill.truncate(spilled);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(Reason("JSON object not closed")),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// Reads a key and its colon, and goes to the key's place.
    #[cold]
    fn key(&mut self, place: Place) -> Result<Place, Reason> {
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(Reason("JSON colon expected"));
        }
        self.at += 1;
        Ok(match place {
            Place::Cut => Place::Cut,
            Place::Known(parent) => {
                let name = self.paths.name(parent);
                if name.len() + 1 + key.len() > PATH_BYTES_MAX {
                    return Ok(Place::Cut);
                }
                if let Some(number) = self.paths.child(self.last, parent, key) {
                    self.last = number;
                    return Ok(Place::Known(number));
                }
                self.spill.push_str(self.paths.name(parent));
                self.spill_key(key)
            }
            Place::Spilled => self.spill_key(key),
        })
    }

    fn spill_key(&mut self, key: &str) -> Place {
        if self.spill.len() + 1 + key.len() > PATH_BYTES_MAX {
            return Place::Cut;
        }
        if !self.spill.is_empty() {
            self.spill.push('.');
        }
        self.spill.push_str(key);
        Place::Spilled
    }

    fn array(
        &mut self,
        visit: &mut impl FnMut(Path<'_>, Scalar<'a>),
        place: Place,
        depth: usize,
    ) -> Result<(), Reason> {
        self.at += 1;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(visit, place, depth + 1)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(Reason("JSON array not closed")),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// The text that starts at the quote at `self.at`.
    #[inline]
    fn string(&mut self) -> Result<&'a str, Reason> {
        let start = self.at + 1;
        let found = quote_or_escape(&self.bytes()[start..]).ok_or(NOT_CLOSED)?;
        let index = start + found;
        if self.bytes()[index] == b'\\' {
            return self.escaped(start, index);
        }
        self.at = index + 1;
        Ok(&self.text[start..index])
    }

    /// The same for a text whose first escape stands at `escape`.
    fn escaped(&mut self, start: usize, escape: usize) -> Result<&'a str, Reason> {
        let bytes = self.bytes();
        self.plain.clear();
        let (mut from, mut index) = (start, escape);
        loop {
            match bytes.get(index + 1) {
                // The escaped character stands for itself: it begins the next stretch.
                Some(b'\\' | b'"' | b'/') => {
                    self.plain.push_str(&self.text[from..index]);
                    from = index + 1;
                    index += 2;
                }
                _ => {
                    self.plain.push_str(&self.text[from..index]);
                    let (character, length) = escape_at(&bytes[index..]);
                    self.plain.push(character);
                    from = index + length;
                    index = from;
                }
            }
            index += quote_or_escape(bytes.get(index..).unwrap_or(&[])).ok_or(NOT_CLOSED)?;
            if bytes[index] == b'"' {
                self.plain.push_str(&self.text[from..index]);
                self.at = index + 1;
                return Ok(self.arena.alloc_str(self.plain));
            }
        }
    }

    fn number(&mut self) -> Result<Scalar<'a>, Reason> {
        let bytes = &self.bytes()[self.at..];
        let (mut whole, mut length) = (0_i64, 0);
        while let Some(digit @ b'0'..=b'9') = bytes.get(length)
            && length < INT_DIGITS
        {
            whole = whole * 10 + i64::from(digit - b'0');
            length += 1;
        }
        if length > 0 && matches!(bytes.get(length), Some(b',' | b'}' | b']')) {
            self.at += length;
            return Ok(Scalar::Int(whole));
        }
        self.any_number()
    }

    fn any_number(&mut self) -> Result<Scalar<'a>, Reason> {
        let start = self.at;
        let length = self.bytes()[start..]
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .unwrap_or(self.text.len() - start);
        self.at = start + length;
        let text = &self.text[start..self.at];
        if let Ok(number) = text.parse() {
            return Ok(Scalar::Int(number));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Scalar::Float(number, text)),
            _ => Err(Reason("not a JSON number")),
        }
    }

    fn word(&mut self) -> Result<Scalar<'a>, Reason> {
        for (word, scalar) in [("true", Scalar::Bool(true)), ("false", Scalar::Bool(false)), ("null", Scalar::Null)] {
            if self.bytes()[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(scalar);
            }
        }
        Err(Reason("not JSON"))
    }
}

/// Where the first quote or backslash stands. Most texts are short: the first words are looked at here, without a call.
#[inline]
fn quote_or_escape(bytes: &[u8]) -> Option<usize> {
    const WORD: usize = 8;
    const LOW: u64 = u64::from_le_bytes([1; WORD]);
    const HIGH: u64 = LOW << 7;
    for at in [0, WORD, 2 * WORD, 3 * WORD] {
        let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<WORD>) else { break };
        let word = u64::from_le_bytes(*word);
        let (quote, escape) = (word ^ (LOW * b'"' as u64), word ^ (LOW * b'\\' as u64));
        // A byte that became zero borrows from its top bit; above the lowest such byte the borrow may lie.
        let zeros = (quote.wrapping_sub(LOW) & !quote | escape.wrapping_sub(LOW) & !escape) & HIGH;
        if zeros != 0 {
            return Some(at + (zeros.trailing_zeros() / u8::BITS) as usize);
        }
    }
    let looked = if bytes.len() < 4 * WORD { bytes.len() / WORD * WORD } else { 4 * WORD };
    memchr2(b'"', b'\\', &bytes[looked..]).map(|found| looked + found)
}

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
fn escape_at(bytes: &[u8]) -> (char, usize) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> (Vec<(String, String)>, Result<(), Reason>) {
        let arena = Bump::new();
        let mut found = Vec::new();
        let result = Walker::default().walk(text, &arena, |path, scalar| {
            found.push((path.to_owned(), scalar.value().map_or("null".into(), |value| value.text().into_owned())));
        });
        (found, result)
    }

    fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
        found.iter().map(|(path, value)| (path.as_str(), value.as_str())).collect()
    }

    #[test]
    fn flattens() {
        let (found, result) = flat(
            r#" {"a":{"b":1,"c":[true,null,{"d":"x"}]},"e":-1.5e3,"f":"","g":{},"h":[],"i":18446744073709551615} "#,
        );
        assert_eq!(result, Ok(()));
        let expected = [
            ("a.b", "1"),
            ("a.c", "true"),
            ("a.c", "null"),
            ("a.c.d", "x"),
            ("e", "-1500"),
            ("f", ""),
            ("i", "18446744073709552000"),
        ];
        assert_eq!(pairs(&found), expected);
    }

    #[test]
    fn unescapes() {
        let (found, result) = flat(r#"{"a\n":"\u65e5\u672c \ud83d\ude00 \ud83d \"q\" \\ \/ \x","b":"C:\\x"}"#);
        assert_eq!(result, Ok(()));
        assert_eq!(pairs(&found), [("a\n", "日本 😀 \u{fffd} \"q\" \\ / \\x"), ("b", "C:\\x")]);
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "[1",
            "[1,]",
            "\"x",
            "\"x\\",
            "tru",
            "1 2",
            "-",
            "1e999",
            "{a:1}",
        ] {
            assert!(flat(text).1.is_err(), "{text}");
        }
        assert_eq!(flat(&"[".repeat(100_000)).1, Err(Reason("JSON nested too deeply")));
    }

    #[test]
    fn bounded() {
        let many = format!("[{}1]", "1,".repeat(10_000));
        assert_eq!(flat(&many).0.len(), VALUES_MAX);
        let long = format!("{{\"{}\":1,\"b\":2}}", "k".repeat(PATH_BYTES_MAX + 1));
        assert_eq!(pairs(&flat(&long).0), [("b", "2")]);
    }

    proptest::proptest! {
        #[test]
        fn quotes_and_escapes_are_found(bytes in proptest::collection::vec(proptest::prelude::prop_oneof![
            8 => proptest::prelude::any::<u8>(), 1 => proptest::prelude::Just(b'"'), 1 => proptest::prelude::Just(b'\\'),
        ], 0..60)) {
            proptest::prop_assert_eq!(quote_or_escape(&bytes), memchr2(b'"', b'\\', &bytes));
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}|[\\[\\]{}\",:\\\\ua0-9é .-]{0,60}") {
            let _ = flat(&text);
        }

        #[test]
        fn agrees_with_serde(text in "[\\[\\]{}\",:a0-9 .-]{0,12}") {
            let serde: Result<serde_json::Value, _> = serde_json::from_str(&text);
            if serde.is_ok() {
                proptest::prop_assert_eq!(flat(&text).1, Ok(()));
            }
        }
    }
}
