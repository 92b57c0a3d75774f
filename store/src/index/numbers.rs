//! Words that are numbers and are not in the postings, because nearly every event has one of its own: a term each would
//! be half of a split's terms.
//!
//! - The value of a column of [`IN_COLUMNS`], in plain digits, is found through the column. An event that has such a
//!   value and not its word (a computed sum, say) is given the term [`EXCEPT`] and all its numbers as words.
//! - A time within the second of `@timestamp`, in seconds since 1970 or finer (10, 13, 16 or 19 digits, or 10 and 3 with
//!   a point between), is found through that second; whether the word is there is checked on the stored event.

use stream::{FieldId, NANOS_PER_SECOND, fields};
use tantivy::DocId;
use tantivy::query::{BooleanQuery, Occur, Query};

use super::compile::{Clause, Compiler, any, term};
use super::docs::Docs;
use super::schema;
use crate::query::glob::Glob;

/// The columns whose values' words are not given.
const IN_COLUMNS: [FieldId; 4] =
    [fields::SOURCE_PORT, fields::SOURCE_BYTES, fields::DESTINATION_BYTES, fields::HTTP_RESPONSE_BYTES];

/// The term of events whose columns have a number that is not a word of theirs.
pub(super) const EXCEPT: &str = "\u{1}x";

/// The most such numbers of one event; one with more is an exception.
const NUMBERS_MAX: usize = 8;
/// Digits of the seconds of a time from 2001 to 2286.
const SECOND_DIGITS: usize = 10;

/// Whether the words of a column's values are found through it.
pub(super) fn is_in_columns(field: FieldId) -> bool {
    IN_COLUMNS.contains(&field)
}

/// The numbers of one event while its words are given.
#[derive(Default)]
pub(super) struct Numbers {
    /// With whether the text has it.
    values: Vec<(i64, bool)>,
    too_many: bool,
    second: String,
}

impl Numbers {
    /// Starts an event.
    pub(super) fn start(&mut self, time: i64) {
        self.values.clear();
        self.too_many = false;
        let second = time.div_euclid(NANOS_PER_SECOND);
        self.second.clear();
        self.second.push_str(&second.to_string());
    }

    /// A value of a column of [`IN_COLUMNS`].
    pub(super) fn put(&mut self, number: i64) {
        if number < 0 || self.values.iter().any(|(known, _)| *known == number) {
            return;
        }
        match self.values.len() < NUMBERS_MAX {
            true => self.values.push((number, false)),
            false => self.too_many = true,
        }
    }

    /// Whether a word of the text need not be given.
    pub(super) fn takes(&mut self, word: &str) -> bool {
        if !word.as_bytes().first().is_some_and(u8::is_ascii_digit) {
            return false;
        }
        if let Some(number) = plain(word)
            && let Some((_, seen)) = self.values.iter_mut().find(|(known, _)| *known == number)
        {
            *seen = true;
            return true;
        }
        self.second.len() == SECOND_DIGITS && is_time(word) && word.starts_with(self.second.as_str())
    }

    /// The words to be given after all, if the event is an exception.
    pub(super) fn exception(&self) -> Option<impl Iterator<Item = String>> {
        let is = self.too_many || self.values.iter().any(|(_, seen)| !seen);
        is.then(|| self.values.iter().filter(|(_, seen)| *seen).map(|(number, _)| number.to_string()))
    }
}

/// A number as digits and nothing else, without leading zeros.
fn plain(word: &str) -> Option<i64> {
    let digits = word.as_bytes();
    let is = digits.iter().all(u8::is_ascii_digit) && (digits.len() == 1 || digits.first() != Some(&b'0'));
    word.parse().ok().filter(|_| is)
}

/// Whether a word has the form of a time in seconds or finer.
pub(super) fn is_time(word: &str) -> bool {
    let bytes = word.as_bytes();
    match bytes.len() {
        10 | 13 | 16 | 19 => bytes.iter().all(u8::is_ascii_digit),
        14 => bytes.iter().enumerate().all(|(at, byte)| if at == 10 { *byte == b'.' } else { byte.is_ascii_digit() }),
        _ => false,
    }
}

/// Whether a number or a time may begin so.
pub(super) fn may_begin_number(prefix: &str) -> bool {
    prefix.bytes().enumerate().all(|(at, byte)| byte.is_ascii_digit() || (at == SECOND_DIGITS && byte == b'.'))
}

/// The times that a word with these first digits may stand for.
fn times(prefix: &str) -> (i64, i64) {
    let head = &prefix[..prefix.len().min(SECOND_DIGITS)];
    let nanos = |with| pad(head, with).saturating_mul(NANOS_PER_SECOND);
    (nanos("0"), nanos("9").saturating_add(NANOS_PER_SECOND - 1))
}

fn pad(head: &str, with: &str) -> i64 {
    let missing = SECOND_DIGITS - head.len();
    format!("{head}{}", with.repeat(missing)).parse().unwrap_or(0)
}

impl Compiler<'_> {
    /// Events that have a word which is a number in a column, or may have it as a time.
    pub(super) fn numbers(&self, word: &str) -> tantivy::Result<Vec<Clause>> {
        let mut clauses: Vec<Clause> = Vec::new();
        if let Some(number) = plain(word) {
            let columns = IN_COLUMNS.iter().filter_map(|field| self.schema.column(*field));
            let equal: tantivy::Result<Vec<Clause>> =
                columns.map(|column| Ok((Occur::Should, self.range(&column.name, number, number)?))).collect();
            let but = (Occur::MustNot, Box::new(term(self.schema.words, EXCEPT)) as Box<dyn Query>);
            clauses.push((Occur::Should, Box::new(BooleanQuery::new(vec![(Occur::Must, any(equal?)), but]))));
        }
        if is_time(word) {
            let (low, high) = times(word);
            clauses.push((Occur::Should, self.range(schema::TIME, low, high)?));
        }
        Ok(clauses)
    }

    /// Events with a number in a column that passes as text.
    pub(super) fn numbers_matching(&self, glob: &Glob) -> tantivy::Result<Vec<Clause>> {
        if !glob.fits(|byte| byte.is_ascii_digit()) {
            return Ok(Vec::new());
        }
        let except = Docs::scan(self.reader, self.schema.words, EXCEPT.as_bytes(), 0, |_| true)?;
        let (mut docs, mut text): (Vec<DocId>, _) = (Vec::new(), String::new());
        for column in IN_COLUMNS.iter().filter_map(|field| self.schema.column(*field)) {
            let Some(column) = self.reader.fast_fields().column_opt::<i64>(&column.name)? else { continue };
            for doc in 0..self.reader.max_doc() {
                for number in column.values_for_doc(doc).filter(|number| *number >= 0) {
                    text.clear();
                    let written = std::fmt::Write::write_fmt(&mut text, format_args!("{number}"));
                    debug_assert!(written.is_ok(), "writing to memory cannot fail");
                    if glob.matches(&text) && except.binary_search(&doc).is_err() {
                        docs.push(doc);
                    }
                }
            }
        }
        Ok(vec![(Occur::Should, Box::new(Docs::new(docs)))])
    }

    /// Events that may have a matching time as a word.
    pub(super) fn times_matching(&self, glob: &Glob) -> tantivy::Result<Option<Clause>> {
        let prefix = glob.prefix();
        let head = prefix.len().min(SECOND_DIGITS);
        let may = glob.fits(|byte| byte.is_ascii_digit() || byte == b'.')
            && prefix[..head].iter().all(u8::is_ascii_digit)
            && prefix.first() != Some(&b'0');
        let Some(prefix) = std::str::from_utf8(&prefix).ok().filter(|_| may) else { return Ok(None) };
        let (low, high) = times(prefix);
        let Some(column) = self.reader.fast_fields().column_opt::<i64>(schema::TIME)? else { return Ok(None) };
        let met = low <= column.max_value() && high >= column.min_value();
        met.then(|| Ok((Occur::Should, self.range(schema::TIME, low, high)?))).transpose()
    }
}
