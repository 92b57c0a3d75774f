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

use super::numbers::{EXCEPT, Numbers};
use super::schema::IndexSchema;
use super::terms::{TermId, Terms};
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
/// The longest text whose words are remembered.
const RECENT_BYTES_MAX: usize = 256;
/// The longest list of keys in bytes.
const LIST_BYTES_MAX: usize = 8 * 1024;

/// Lists met in this split, with the terms that stand for them.
#[derive(Default)]
struct Templates {
    known: HashMap<Box<str>, TermId>,
}

enum Template {
    Known(TermId),
    /// The digest, for the terms that say what is in the list.
    New(TermId, String),
    /// No room for it.
    Refused,
}

impl Templates {
    /// The term of a list; `words` are its words, each ending with [`MARK`], from which the digest is made.
    fn of<'l>(
        &mut self,
        list: &str,
        before: &str,
        words: impl FnOnce() -> Cow<'l, str>,
        add: impl FnOnce(&str) -> TermId,
    ) -> Template {
        if let Some(known) = self.known.get(list) {
            return Template::Known(*known);
        }
        if self.known.len() >= TEMPLATES_MAX || list.len() > LIST_BYTES_MAX {
            return Template::Refused;
        }
        let mut digest = String::new();
        for byte in Sha256::digest(words().as_bytes()).iter().take(12) {
            let written = write!(digest, "{byte:02x}");
            debug_assert!(written.is_ok(), "writing to memory cannot fail");
        }
        let term = add(&format!("{before}{digest}"));
        self.known.insert(list.into(), term);
        Template::New(term, digest)
    }
}

/// Gives the words of one document after the other.
#[derive(Default)]
pub(super) struct WordMaker {
    /// The event's numbers that are found elsewhere; to be put before [`WordMaker::text`].
    pub(super) numbers: Numbers,
    keys: Templates,
    names: Templates,
    /// The term of the list of fields by the number of the event's shape.
    names_of_shape: Vec<Option<TermId>>,
    /// By field: the last text that the line does not have.
    recent: Vec<Recent>,
    list: String,
    folded: String,
    scratch: String,
}

/// A text with the numbers of its words, in `words` and in `others`.
#[derive(Default)]
struct Recent {
    text: String,
    words: Vec<(TermId, TermId)>,
}

impl WordMaker {
    /// Gives the words of the line and the message, and the templates; `shape` is the number of the event's list of
    /// fields, if it has one.
    pub(super) fn text(&mut self, schema: &IndexSchema, event: &Event<'_>, shape: Option<usize>, terms: &mut Terms) {
        let original = event.get_str(fields::EVENT_ORIGINAL).unwrap_or("");
        self.list.clear();
        for (field, value) in event.iter() {
            let part = || matches!(value, Value::Str(text) if is_part(original, text));
            let counts = field == fields::EVENT_ORIGINAL || (field == fields::MESSAGE && !part());
            if !counts {
                continue;
            }
            match value {
                Value::Str(text) if text.is_ascii() => {
                    self.folded.clear();
                    self.folded.push_str(text);
                    self.folded.make_ascii_lowercase();
                }
                value => self.folded = fold(&value.text()).into_owned(),
            }
            let mut found = words(&self.folded);
            while let Some(word) = found.next() {
                if is_key(&self.folded, found.end(), word) {
                    self.list.push_str(word);
                    self.list.push(MARK);
                } else if !self.numbers.takes(word) {
                    terms.add(schema.words, word);
                }
            }
        }
        if let Some(numbers) = self.numbers.exception() {
            terms.add(schema.words, EXCEPT);
            numbers.for_each(|number| {
                terms.add(schema.words, &number);
            });
        }
        self.give_keys(schema, terms);
        match shape.and_then(|shape| *self.names_of_shape.get(shape)?) {
            Some(known) => terms.add_again(known),
            None => self.give_names(schema, event, shape, terms),
        }
    }

    fn give_keys(&mut self, schema: &IndexSchema, terms: &mut Terms) {
        let keys = || self.list.split_terminator(MARK);
        if self.list.is_empty() {
            return;
        }
        let words = || Cow::Borrowed(self.list.as_str());
        match self.keys.of(&self.list, KEYS_OF, words, |term| terms.add(schema.words, term)) {
            Template::Known(term) => terms.add_again(term),
            Template::New(_, digest) => keys().for_each(|key| {
                terms.add(schema.words, &format!("{KEY}{key}{MARK}{digest}"));
            }),
            Template::Refused => keys().for_each(|key| {
                terms.add(schema.words, key);
            }),
        }
    }

    fn give_names(&mut self, schema: &IndexSchema, event: &Event<'_>, shape: Option<usize>, terms: &mut Terms) {
        let others = || event.iter().map(|(field, _)| field).filter(|field| is_other(schema, *field));
        // Within this process a field's number stands for its name, as the character with that number.
        self.list.clear();
        self.list.extend(others().filter_map(|field| char::from_u32(field.index() as u32)));
        if self.list.is_empty() {
            return;
        }
        let names = || others().map(FieldId::name).filter(|name| has_plain_name(name));
        let words = || Cow::Owned(names().flat_map(|name| [name, "\u{1}"]).collect());
        let term = match self.names.of(&self.list, FIELDS_OF, words, |term| terms.add(schema.words, term)) {
            Template::Known(term) => term,
            Template::New(term, digest) => {
                names().for_each(|name| {
                    terms.add(schema.words, &format!("{NAME}{name}{MARK}{digest}"));
                });
                term
            }
            Template::Refused => {
                return names().for_each(|name| {
                    terms.add(schema.words, &format!("{NAME}{name}{MARK}"));
                });
            }
        };
        terms.add_again(term);
        if let Some(shape) = shape {
            if shape >= self.names_of_shape.len() {
                self.names_of_shape.resize(shape + 1, None);
            }
            self.names_of_shape[shape] = Some(term);
        }
    }

    /// Gives the words of fields without a column that the text does not have; after [`WordMaker::text`].
    pub(super) fn others(&mut self, schema: &IndexSchema, event: &Event<'_>, terms: &mut Terms) {
        let original = event.get_str(fields::EVENT_ORIGINAL).unwrap_or("");
        for (field, value) in event.iter().filter(|(field, _)| is_other(schema, *field)) {
            let kind = field.kind();
            if !has_words(kind) {
                continue;
            }
            match value {
                Value::Str(text) => {
                    if !is_part(original, text) {
                        self.add_text(schema, field, text, terms);
                    }
                    // An address or a number may be written in more than one way; the search asks for its own.
                    match kind {
                        Kind::Ip => as_ip(value).into_iter().for_each(|ip| self.add_shown(schema, &ip, terms)),
                        Kind::Int => {
                            as_int(value).into_iter().for_each(|number| self.add_shown(schema, &number, terms));
                        }
                        _ => {}
                    }
                }
                Value::Int(number) => self.add_shown(schema, &number, terms),
                Value::Ip(ip) => {
                    self.add_shown(schema, &ip, terms);
                    if matches!(ip, IpAddr::V6(six) if six.to_ipv4_mapped().is_some()) {
                        self.add_shown(schema, &ip.to_canonical(), terms);
                    }
                }
                other => add(schema, &fold(&other.text()), terms),
            }
        }
    }

    /// Most such texts are constants of their product, which the last event with the field had too.
    fn add_text(&mut self, schema: &IndexSchema, field: FieldId, text: &str, terms: &mut Terms) {
        if text.len() > RECENT_BYTES_MAX {
            return add(schema, &fold(text), terms);
        }
        if field.index() >= self.recent.len() {
            self.recent.resize_with(field.index() + 1, Recent::default);
        }
        let recent = &mut self.recent[field.index()];
        if recent.text != text {
            text.clone_into(&mut recent.text);
            let both = |word| (terms.number(schema.words, word), terms.number(schema.others, word));
            recent.words.clear();
            recent.words.extend(words(&fold(text)).map(both));
        }
        for (word, other) in &recent.words {
            if !terms.has_number(*word) {
                terms.add_again(*other);
            }
        }
    }

    fn add_shown(&mut self, schema: &IndexSchema, value: &dyn std::fmt::Display, terms: &mut Terms) {
        self.scratch.clear();
        let written = write!(self.scratch, "{value}");
        debug_assert!(written.is_ok(), "writing to memory cannot fail");
        add(schema, &self.scratch, terms);
    }
}

fn add(schema: &IndexSchema, folded: &str, terms: &mut Terms) {
    for word in words(folded) {
        if !terms.has(schema.words, word) {
            terms.add(schema.others, word);
        }
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
