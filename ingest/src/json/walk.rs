//! The walk over one JSON text: values, keys, numbers, strings.

use bumpalo::Bump;

use super::marks::Marks;
use super::paths::{Paths, ROOT};
use super::text::escape_at;
use super::{DEPTH_MAX, PATH_BYTES_MAX, Path, Scalar, VALUES_MAX};
use crate::parser::Reason;

/// Digits that are sure to fit an integer.
const INT_DIGITS: usize = 18;
/// The bytes copied at once of what stands between two escapes.
const STRETCH_BYTES: usize = 16;
const NOT_CLOSED: Reason = Reason("JSON string not closed");

/// Where the walk stands.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// At a path with a number.
    Known(u32),
    /// At the path in the spill buffer.
    Spilled,
    /// Below a path that is too long: nothing is reported.
    Cut,
}

/// Takes what a walk meets.
pub(super) trait Visit<'a> {
    fn scalar(&mut self, path: Path<'_>, scalar: Scalar<'a>);

    /// Takes a text at a path with a number, or leaves it to [`Visit::scalar`]: most values are such texts, and most of
    /// those are only kept.
    #[inline(always)]
    fn text(&mut self, _number: u32, _text: &'a str) -> bool {
        false
    }
}

impl<'a, F: FnMut(Path<'_>, Scalar<'a>)> Visit<'a> for F {
    fn scalar(&mut self, path: Path<'_>, scalar: Scalar<'a>) {
        self(path, scalar);
    }
}

pub(super) struct Walk<'a, 'p> {
    text: &'a str,
    pub(super) at: usize,
    arena: &'a Bump,
    paths: &'p mut Paths,
    marks: &'p mut Marks,
    /// The path of [`Place::Spilled`].
    spill: &'p mut String,
    /// A text while its escapes are taken back.
    plain: &'p mut Vec<u8>,
    /// The path of the last key.
    last: u32,
    values: usize,
}

impl<'a, 'p> Walk<'a, 'p> {
    pub(super) fn new(
        text: &'a str,
        arena: &'a Bump,
        paths: &'p mut Paths,
        marks: &'p mut Marks,
        spill: &'p mut String,
        plain: &'p mut Vec<u8>,
    ) -> Self {
        Walk { text, at: 0, arena, paths, marks, spill, plain, last: ROOT, values: 0 }
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes().get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                // A text over several lines whose breaks a relay wrote as `\n`.
                Some(b'\\') if matches!(self.bytes().get(self.at + 1), Some(b'n' | b'r' | b't')) => self.at += 2,
                byte => return byte.copied(),
            }
        }
    }

    pub(super) fn value(&mut self, visit: &mut impl Visit<'a>, place: Place, depth: usize) -> Result<(), Reason> {
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

    fn report(&mut self, visit: &mut impl Visit<'a>, place: Place, scalar: Scalar<'a>) {
        if self.values >= VALUES_MAX {
            return;
        }
        let path = match place {
            Place::Known(number) => Path { name: self.paths.name(number), number: Some(number) },
            Place::Spilled => Path { name: self.spill, number: None },
            Place::Cut => return,
        };
        self.values += 1;
        visit.scalar(path, scalar);
    }

    fn object(&mut self, visit: &mut impl Visit<'a>, place: Place, depth: usize) -> Result<(), Reason> {
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Reason("JSON key expected"));
            }
            if let Place::Known(parent) = place
                && let Some((number, length)) = self.paths.expected(self.last, parent, &self.bytes()[self.at + 1..])
            {
                self.at += 1 + length;
                self.last = number;
                // Most members are text: those need no call.
                if self.bytes().get(self.at) == Some(&b'"') {
                    let text = self.string()?;
                    if self.values < VALUES_MAX && visit.text(number, text) {
                        self.values += 1;
                    } else {
                        self.report(visit, Place::Known(number), Scalar::Str(text));
                    }
                } else {
                    self.value(visit, Place::Known(number), depth + 1)?;
                }
            } else {
                let spilled = self.spill.len();
                let member = self.key(place)?;
                self.value(visit, member, depth + 1)?;
                self.spill.truncate(spilled);
            }
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

    fn array(&mut self, visit: &mut impl Visit<'a>, place: Place, depth: usize) -> Result<(), Reason> {
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
    #[inline(always)]
    fn string(&mut self) -> Result<&'a str, Reason> {
        let start = self.at + 1;
        let index = self.marks.next(self.text.as_bytes(), start).ok_or(NOT_CLOSED)?;
        if self.bytes()[index] == b'\\' {
            return self.escaped(start, index);
        }
        self.at = index + 1;
        Ok(&self.text[start..index])
    }

    /// The same for a text whose first escape stands at `escape`. Stretches between escapes are short: they are copied
    /// [`STRETCH_BYTES`] bytes at a time, of which what is too much is written over.
    #[inline(never)]
    fn escaped(&mut self, start: usize, escape: usize) -> Result<&'a str, Reason> {
        let bytes = self.bytes();
        let (mut from, mut index, mut length) = (start, escape, 0);
        loop {
            length = self.stretch(from, index, length);
            match bytes.get(index) {
                // The escaped character stands for itself: it begins the next stretch.
                Some(b'\\') if matches!(bytes.get(index + 1), Some(b'\\' | b'"' | b'/')) => {
                    from = index + 1;
                    index += 2;
                }
                Some(b'\\') => {
                    let (character, taken) = escape_at(&bytes[index..]);
                    let end = length + character.len_utf8();
                    character.encode_utf8(&mut self.plain[length..end]);
                    (from, index, length) = (index + taken, index + taken, end);
                }
                _ => break,
            }
            index = self.marks.next(bytes, index).ok_or(NOT_CLOSED)?;
        }
        self.at = index + 1;
        // Always text: what is copied was, and escapes are taken back to whole characters. Asked before it is copied: words
        // are looked at from where they are aligned, which the arena's bytes are not.
        let plain = std::str::from_utf8(&self.plain[..length]).map_err(|_| Reason("JSON string is not text"))?;
        Ok(self.arena.alloc_str(plain))
    }

    /// Copies a stretch of the text to `length` in the plain form, and tells where it ends there.
    #[inline]
    fn stretch(&mut self, from: usize, to: usize, length: usize) -> usize {
        let bytes = self.bytes();
        let end = length + (to - from);
        if self.plain.len() < end + STRETCH_BYTES {
            self.plain.resize(end + STRETCH_BYTES + to - from, 0);
        }
        let whole = to - from <= STRETCH_BYTES;
        match bytes.get(from..).and_then(<[u8]>::first_chunk::<STRETCH_BYTES>) {
            Some(chunk) if whole => self.plain[length..length + STRETCH_BYTES].copy_from_slice(chunk),
            _ => self.plain[length..end].copy_from_slice(&bytes[from..to]),
        }
        end
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
