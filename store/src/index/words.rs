//! The words of one document: which terms it gives to the `words` and `others` postings.
//!
//! `words` holds the words of the line and the message. `others` holds the words of values of fields without a column
//! that are not in the text: constants, computed numbers, addresses. A word is given once; one that is the whole value
//! of an explicit field is not given again.
//!
//! Templates: the keys of `key=value` and JSON lines are the same in line after line, and so is the list of fields. Such
//! a list is given as one term, [`KEYS_OF`] or [`FIELDS_OF`] and a digest of the list; only the first document of a
//! split with that list says what is in it, with [`KEY`] or [`NAME`], the word, [`MARK`], the digest. At most
//! [`TEMPLATES_MAX`] lists a split; the keys of further ones are given as words and the names as `NAME name MARK`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use sha2::{Digest as _, Sha256};
use stream::{Event, FieldId, Kind, Value, fields};

use super::schema::IndexSchema;
use super::tokenizer::SEPARATOR;
use crate::query::text::{fold, is_word_byte, words};
use crate::query::{as_int, as_ip};

/// Begins and ends the parts of a template's terms; no word contains it.
pub(crate) const MARK: char = '\u{1}';
/// Before the digest of a list of keys.
pub(crate) const KEYS_OF: &str = "\u{1}t";
/// Before the digest of a list of fields.
pub(crate) const FIELDS_OF: &str = "\u{1}f";
/// Before a key.
pub(crate) const KEY: &str = "\u{1}k";
/// Before a field's name.
pub(crate) const NAME: &str = "\u{1}n";

/// The most lists of one kind in one split that get a term of their own.
const TEMPLATES_MAX: usize = 1024;
/// The longest list of keys in bytes.
const LIST_BYTES_MAX: usize = 8 * 1024;

/// Lists met in this split, with the terms that stand for them.
#[derive(Default)]
struct Templates {
    known: HashMap<Box<str>, usize>,
    terms: Vec<String>,
}

enum Template<'a> {
    Known(&'a str),
    New(&'a str),
    /// No room for it.
    Refused,
}

impl Templates {
    /// The term of a list; `words` are its words, each ending with [`MARK`], from which the digest is made.
    fn of<'l>(&mut self, list: &str, before: &str, words: impl FnOnce() -> Cow<'l, str>) -> Template<'_> {
        if let Some(known) = self.known.get(list) {
            return Template::Known(&self.terms[*known]);
        }
        if self.terms.len() >= TEMPLATES_MAX || list.len() > LIST_BYTES_MAX {
            return Template::Refused;
        }
        let mut term = String::from(before);
        for byte in Sha256::digest(words().as_bytes()).iter().take(12) {
            let written = write!(term, "{byte:02x}");
            debug_assert!(written.is_ok(), "writing to memory cannot fail");
        }
        self.known.insert(list.into(), self.terms.len());
        self.terms.push(term);
        self.terms.last().map_or(Template::Refused, |term| Template::New(term))
    }
}

/// Collects the words of one document after the other.
#[derive(Default)]
pub(super) struct WordMaker {
    seen: Seen,
    keys: Templates,
    names: Templates,
    list: String,
    scratch: String,
}

impl WordMaker {
    /// Starts a document.
    pub(super) fn start(&mut self) {
        self.seen.clear();
    }

    /// A word that is found elsewhere and is not to be given.
    pub(super) fn found_elsewhere(&mut self, word: &str) {
        self.seen.insert(word);
    }

    /// Appends the words of the line and the message, and the templates.
    pub(super) fn text(&mut self, schema: &IndexSchema, event: &Event<'_>, out: &mut String) {
        let original = event.get_str(fields::EVENT_ORIGINAL).unwrap_or("");
        self.list.clear();
        for (field, value) in event.iter() {
            let part = || matches!(value, Value::Str(text) if is_part(original, text));
            let counts = field == fields::EVENT_ORIGINAL || (field == fields::MESSAGE && !part());
            if !counts {
                continue;
            }
            let text = value.text();
            let folded = fold(&text);
            let mut found = words(&folded);
            while let Some(word) = found.next() {
                if is_key(&folded, found.end(), word) {
                    self.list.push_str(word);
                    self.list.push(MARK);
                } else if self.seen.insert(word) {
                    push(word, out);
                }
            }
        }
        self.give_keys(out);
        // Within this process a field's number stands for its name, as the character with that number.
        self.list.clear();
        let others = event.iter().filter(|(field, _)| is_other(schema, *field));
        self.list.extend(others.filter_map(|(field, _)| char::from_u32(field.index() as u32)));
        self.give_names(schema, event, out);
    }

    fn give_keys(&mut self, out: &mut String) {
        let keys = || self.list.split_terminator(MARK);
        if self.list.is_empty() {
            return;
        }
        match self.keys.of(&self.list, KEYS_OF, || Cow::Borrowed(&self.list)) {
            Template::Known(term) => push(term, out),
            Template::New(term) => {
                push(term, out);
                let digest = term.trim_start_matches(KEYS_OF);
                keys().for_each(|key| push_parts([KEY, key, "\u{1}", digest], out));
            }
            Template::Refused => {
                for key in keys() {
                    if self.seen.insert(key) {
                        push(key, out);
                    }
                }
            }
        }
    }

    fn give_names(&mut self, schema: &IndexSchema, event: &Event<'_>, out: &mut String) {
        let names = || {
            let names = event.iter().filter(|(field, _)| is_other(schema, *field)).map(|(field, _)| field.name());
            names.filter(|name| has_plain_name(name))
        };
        let words = || Cow::Owned(names().flat_map(|name| [name, "\u{1}"]).collect());
        if self.list.is_empty() {
            return;
        }
        match self.names.of(&self.list, FIELDS_OF, words) {
            Template::Known(term) => push(term, out),
            Template::New(term) => {
                push(term, out);
                let digest = term.trim_start_matches(FIELDS_OF);
                names().for_each(|name| push_parts([NAME, name, "\u{1}", digest], out));
            }
            Template::Refused => names().for_each(|name| push_parts([NAME, name, "\u{1}", ""], out)),
        }
    }

    /// Appends the words of fields without a column that the text does not have; after [`WordMaker::text`].
    pub(super) fn others(&mut self, schema: &IndexSchema, event: &Event<'_>, out: &mut String) {
        let original = event.get_str(fields::EVENT_ORIGINAL).unwrap_or("");
        for (field, value) in event.iter().filter(|(field, _)| is_other(schema, *field)) {
            let kind = field.kind();
            if !has_words(kind) {
                continue;
            }
            match value {
                Value::Str(text) => {
                    if !is_part(original, text) {
                        self.add(&fold(text), out);
                    }
                    // An address or a number may be written in more than one way; the search asks for its own.
                    match kind {
                        Kind::Ip => as_ip(value).into_iter().for_each(|ip| self.add_shown(&ip, out)),
                        Kind::Int => as_int(value).into_iter().for_each(|number| self.add_shown(&number, out)),
                        _ => {}
                    }
                }
                Value::Int(number) => self.add_shown(&number, out),
                Value::Ip(ip) => {
                    self.add_shown(&ip, out);
                    if matches!(ip, IpAddr::V6(six) if six.to_ipv4_mapped().is_some()) {
                        self.add_shown(&ip.to_canonical(), out);
                    }
                }
                other => self.add(&fold(&other.text()), out),
            }
        }
    }

    fn add(&mut self, folded: &str, out: &mut String) {
        for word in words(folded) {
            if self.seen.insert(word) {
                push(word, out);
            }
        }
    }

    fn add_shown(&mut self, value: &dyn std::fmt::Display, out: &mut String) {
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        let written = write!(text, "{value}");
        debug_assert!(written.is_ok(), "writing to memory cannot fail");
        self.add(&text, out);
        self.scratch = text;
    }
}

/// Whether a field's name can stand in a term; one that cannot is found by reading every event.
pub(crate) fn has_plain_name(name: &str) -> bool {
    !name.bytes().any(|byte| byte < 0x20)
}

/// Whether a field is found through `others` and the templates: no column, and neither time, tenant nor text.
fn is_other(schema: &IndexSchema, field: FieldId) -> bool {
    const OWN: [FieldId; 4] = [fields::TIMESTAMP, fields::SEKISHO_TENANT, fields::EVENT_ORIGINAL, fields::MESSAGE];
    !OWN.contains(&field) && schema.column(field).is_none()
}

/// Whether the words of a kind's values are in the postings; times and fractions are compared and not looked up.
pub(crate) fn has_words(kind: Kind) -> bool {
    !matches!(kind, Kind::Time | Kind::Float)
}

fn push(word: &str, out: &mut String) {
    out.push_str(word);
    out.push(char::from(SEPARATOR));
}

fn push_parts(parts: [&str; 4], out: &mut String) {
    parts.iter().for_each(|part| out.push_str(part));
    out.push(char::from(SEPARATOR));
}

/// Whether the word that ends at `end` is a key: before `=` at the start of a part, or a JSON string before `:`.
fn is_key(text: &str, end: usize, word: &str) -> bool {
    let bytes = text.as_bytes();
    let before = end.checked_sub(word.len() + 1).and_then(|at| bytes.get(at));
    match bytes.get(end) {
        Some(b'=') => before.is_none_or(|before| b" \t,;|".contains(before)),
        Some(b'"') => before == Some(&b'"') && bytes.get(end + 1) == Some(&b':'),
        _ => false,
    }
}

/// Whether `text` is a part of that very allocation and cut where words end, so that its words are the line's words.
/// The bytes around it must not take part in folding either (Unicode 3.13, `Final_Sigma`).
fn is_part(original: &str, text: &str) -> bool {
    let Some(start) = (text.as_ptr() as usize).checked_sub(original.as_ptr() as usize) else { return false };
    let end = start + text.len();
    let breaks = |byte: Option<&u8>| {
        byte.is_none_or(|byte| byte.is_ascii() && !is_word_byte(*byte) && !b".-:'^`".contains(byte))
    };
    let bytes = original.as_bytes();
    end <= original.len() && breaks(start.checked_sub(1).and_then(|before| bytes.get(before))) && breaks(bytes.get(end))
}

/// The words of one event met so far. Looks at most [`Seen::PROBES`] places, so that crafted words cannot slow it down;
/// a word it gives up on counts as new and is indexed twice, which changes nothing.
struct Seen {
    /// The document that used the slot last, and the index into `words`.
    table: Vec<(u32, u32)>,
    document: u32,
    words: Vec<(u32, u32)>,
    text: String,
}

impl Default for Seen {
    fn default() -> Self {
        Seen { table: vec![(0, 0); Self::SLOTS], document: 0, words: Vec::new(), text: String::new() }
    }
}

impl Seen {
    const SLOTS: usize = 2048;
    const PROBES: usize = 8;

    fn clear(&mut self) {
        self.document = self.document.wrapping_add(1);
        if self.document == 0 {
            self.table.fill((0, 0));
            self.document = 1;
        }
        self.words.clear();
        self.text.clear();
    }

    /// Whether the word is new.
    fn insert(&mut self, word: &str) -> bool {
        let first = hash(word.as_bytes());
        for probe in 0..Self::PROBES {
            let slot = first.wrapping_add(probe) % Self::SLOTS;
            let (document, known) = self.table[slot];
            if document != self.document {
                let start = self.text.len() as u32;
                self.table[slot] = (self.document, self.words.len() as u32);
                self.text.push_str(word);
                self.words.push((start, self.text.len() as u32));
                return true;
            }
            let (start, end) = self.words[known as usize];
            if &self.text[start as usize..end as usize] == word {
                return false;
            }
        }
        true
    }
}

/// Eight bytes at a time.
fn hash(bytes: &[u8]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut hash = bytes.len() as u64;
    for chunk in chunks {
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(*chunk)).wrapping_mul(ODD);
    }
    let last = rest.iter().fold(0_u64, |last, byte| last << 8 | u64::from(*byte));
    hash = (hash.rotate_left(23) ^ last).wrapping_mul(ODD);
    (hash >> 40) as usize
}
