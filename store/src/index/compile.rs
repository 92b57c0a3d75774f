//! Turns a query into candidates of one split.
//!
//! Invariant: the candidates hold every match. When they may hold more (phrases, patterns over lines, comparisons of
//! fields without a column), `exact` is false and each candidate is checked with the plain evaluator on the stored event.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use stream::{Kind, fields};
use tantivy::columnar::{Column as ColumnOf, DynamicColumn, HasAssociatedColumnType};
use tantivy::index::SegmentReader;
use tantivy::query::{AllQuery, BooleanQuery, EmptyQuery, ExistsQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, Term};

use super::docs::Docs;
use super::numbers::{is_time, may_begin_number};
use super::range::{ColumnRange, Item};
use super::schema::{self, Column, IndexSchema, Shape};
use super::words::{FIELDS_OF, KEY, KEYS_OF, MARK, NAME, has_plain_name, has_words};
use crate::query::glob::Glob;
use crate::query::text::{is_lone_paired, words};
use crate::query::{FieldRef, Node, Test, fold_keyword};

/// Candidates of a split.
pub(crate) struct Candidates {
    pub(crate) query: Box<dyn Query>,
    /// Whether every candidate matches.
    pub(crate) exact: bool,
    /// Whether every document is a candidate.
    pub(crate) all: bool,
}

/// What a compilation needs to know.
pub(crate) struct Compiler<'a> {
    pub(crate) schema: &'a IndexSchema,
    pub(crate) reader: &'a SegmentReader,
    pub(crate) tenant: &'a str,
}

fn exact(query: impl Query) -> Candidates {
    Candidates { query: Box::new(query), exact: true, all: false }
}

fn maybe(query: impl Query) -> Candidates {
    Candidates { query: Box::new(query), exact: false, all: false }
}

fn all(exact: bool) -> Candidates {
    Candidates { query: Box::new(AllQuery), exact, all: true }
}

fn none() -> Candidates {
    exact(EmptyQuery)
}

impl Compiler<'_> {
    pub(crate) fn compile(&self, node: &Node) -> tantivy::Result<Candidates> {
        match node {
            Node::All => Ok(all(true)),
            Node::And(parts) => self.and(parts),
            Node::Or(parts) => self.or(parts),
            Node::Not(part) => {
                let part = self.compile(part)?;
                Ok(match (part.exact, part.all) {
                    (false, _) => all(false),
                    (true, true) => none(),
                    (true, false) => exact(BooleanQuery::new(vec![
                        (Occur::Must, Box::new(AllQuery) as Box<dyn Query>),
                        (Occur::MustNot, part.query),
                    ])),
                })
            }
            Node::Words(needle) => self.words(needle),
            Node::WordGlob(glob) => self.word_glob(glob),
            Node::LineGlob(_) => Ok(all(false)),
            Node::Field(field, test) => self.field(field, test),
        }
    }

    fn and(&self, parts: &[Node]) -> tantivy::Result<Candidates> {
        let (mut clauses, mut is_exact) = (Vec::new(), true);
        for part in parts {
            let part = self.compile(part)?;
            is_exact &= part.exact;
            if !part.all {
                clauses.push((Occur::Must, part.query));
            }
        }
        if clauses.is_empty() {
            return Ok(all(is_exact));
        }
        Ok(Candidates { query: Box::new(BooleanQuery::new(clauses)), exact: is_exact, all: false })
    }

    fn or(&self, parts: &[Node]) -> tantivy::Result<Candidates> {
        let (mut clauses, mut is_exact, mut is_all) = (Vec::new(), true, None);
        for part in parts {
            let part = self.compile(part)?;
            if part.all && part.exact {
                return Ok(part);
            }
            is_exact &= part.exact;
            is_all = is_all.or(part.all.then_some(()));
            clauses.push((Occur::Should, part.query));
        }
        Ok(match is_all {
            Some(()) => all(false),
            None => Candidates { query: Box::new(BooleanQuery::new(clauses)), exact: is_exact, all: false },
        })
    }

    fn words(&self, needle: &[String]) -> tantivy::Result<Candidates> {
        if let [one] = needle {
            return Ok(match is_lone_paired(one) {
                true => exact(self.containing(one)?),
                false if is_time(one) => Candidates { query: self.word(one)?, exact: false, all: false },
                false => exact(self.word(one)?),
            });
        }
        let mut clauses = Vec::with_capacity(needle.len());
        for word in needle {
            let clause = match is_lone_paired(word) {
                true => self.containing(word)?,
                false => self.word(word)?,
            };
            clauses.push((Occur::Must, clause));
        }
        Ok(maybe(BooleanQuery::new(clauses)))
    }

    /// A word of the text, or the whole value of an explicit field: such words are not in the text's postings again.
    fn word(&self, word: &str) -> tantivy::Result<Box<dyn Query>> {
        let places = std::iter::once(self.schema.words).chain(self.schema.text_columns().map(|column| column.terms));
        let mut clauses = self.terms(places, word)?;
        clauses.extend(self.templates(&format!("{KEY}{word}{MARK}"), KEYS_OF, |_| true)?);
        clauses.extend(self.numbers(word)?);
        Ok(any(clauses))
    }

    /// A word of the value of any field.
    fn word_anywhere(&self, word: &str) -> tantivy::Result<Box<dyn Query>> {
        if is_lone_paired(word) {
            let mut docs = self.containing_docs(word)?;
            docs.extend(Docs::scan(self.reader, self.schema.others, b"", 0, |known| known.contains(word))?);
            return Ok(Box::new(Docs::new(docs)));
        }
        let mut clauses = self.terms(std::iter::once(self.schema.others), word)?;
        clauses.push((Occur::Should, self.word(word)?));
        Ok(any(clauses))
    }

    fn terms(&self, places: impl Iterator<Item = Field>, word: &str) -> tantivy::Result<Vec<Clause>> {
        let mut clauses: Vec<Clause> = Vec::new();
        for field in places {
            let found = Term::from_field_text(field, word);
            if self.reader.inverted_index(field)?.get_term_info(&found)?.is_some() {
                clauses.push((Occur::Should, Box::new(TermQuery::new(found, IndexRecordOption::Basic))));
            }
        }
        Ok(clauses)
    }

    /// The documents of the lists that a term beginning with `prefix` is for; `passes` gets what is between the prefix
    /// and the last mark.
    fn templates(&self, prefix: &str, of: &str, passes: impl Fn(&str) -> bool) -> tantivy::Result<Vec<Clause>> {
        let index = self.reader.inverted_index(self.schema.words)?;
        let mut terms = index.terms().range().ge(prefix.as_bytes()).into_stream()?;
        let mut found = BTreeSet::new();
        while terms.advance() {
            let Ok(key) = std::str::from_utf8(terms.key()) else { continue };
            let Some(rest) = key.strip_prefix(prefix) else { break };
            let (between, digest) = rest.rsplit_once(MARK).unwrap_or(("", rest));
            if passes(between) {
                found.insert(if digest.is_empty() { key.to_owned() } else { format!("{of}{digest}") });
            }
        }
        let clause = |key: String| (Occur::Should, Box::new(term(self.schema.words, &key)) as Box<dyn Query>);
        Ok(found.into_iter().map(clause).collect())
    }

    /// Words that contain one character of a paired script; keys of templates never do.
    fn containing(&self, character: &str) -> tantivy::Result<Box<dyn Query>> {
        Ok(Box::new(Docs::new(self.containing_docs(character)?)))
    }

    fn containing_docs(&self, character: &str) -> tantivy::Result<Vec<DocId>> {
        let passes = |word: &str| !word.starts_with(MARK) && word.contains(character);
        let mut docs = Docs::scan(self.reader, self.schema.words, b"", 0, passes)?;
        for column in self.schema.text_columns() {
            docs.extend(Docs::scan(self.reader, column.terms, b"", 0, |value| value == character)?);
        }
        Ok(docs)
    }

    fn word_glob(&self, glob: &Glob) -> tantivy::Result<Candidates> {
        let mut clauses = self.numbers_matching(glob)?;
        let times = self.times_matching(glob)?;
        let is_exact = times.is_none();
        clauses.extend(times);
        clauses.push((Occur::Should, self.matching(&glob.prefix(), |word| glob.matches(word))?));
        Ok(Candidates { query: any(clauses), exact: is_exact, all: false })
    }

    /// Documents with a word, numbers found elsewhere aside, or a whole value of an explicit field, that begins with `prefix` and passes.
    fn matching(&self, prefix: &[u8], passes: impl Fn(&str) -> bool) -> tantivy::Result<Box<dyn Query>> {
        let is_word = |word: &str| !word.starts_with(MARK) && passes(word);
        let mut docs = Docs::scan(self.reader, self.schema.words, prefix, 0, is_word)?;
        for column in self.schema.text_columns() {
            docs.extend(Docs::scan(self.reader, column.terms, prefix, 0, &passes)?);
        }
        // A prefix that ends inside a character stands in no key: all of them are looked at.
        let prefix = std::str::from_utf8(prefix).unwrap_or("");
        let mut clauses =
            self.templates(&format!("{KEY}{prefix}"), KEYS_OF, |rest| passes(&format!("{prefix}{rest}")))?;
        clauses.push((Occur::Should, Box::new(Docs::new(docs))));
        Ok(any(clauses))
    }

    fn field(&self, field: &FieldRef, test: &Test) -> tantivy::Result<Candidates> {
        match field.id {
            Some(fields::TIMESTAMP) => self.time(test),
            Some(fields::SEKISHO_TENANT) => Ok(self.tenant(test)),
            Some(fields::EVENT_ORIGINAL | fields::MESSAGE) => match test {
                // A field's words may also stand in values that free text looks at; the check decides.
                Test::Words(needle) => Ok(Candidates { exact: false, ..self.words(needle)? }),
                _ => Ok(all(false)),
            },
            id => match id.and_then(|id| self.schema.column(id)) {
                Some(column) => self.column(column, test),
                None => self.other(field, test),
            },
        }
    }

    fn time(&self, test: &Test) -> tantivy::Result<Candidates> {
        Ok(match test {
            Test::Exists => all(true),
            Test::Int(low, high) => exact(self.range::<i64>(schema::TIME, *low, *high)?),
            _ => all(false),
        })
    }

    fn tenant(&self, test: &Test) -> Candidates {
        let value = fold_keyword(stream::Value::Str(self.tenant));
        let holds = match test {
            Test::Exists => true,
            Test::Equal(wanted) => value == wanted.as_str(),
            Test::Glob(glob) => glob.matches(&value),
            _ => return all(false),
        };
        if holds { all(true) } else { none() }
    }

    fn column(&self, column: &Column, test: &Test) -> tantivy::Result<Candidates> {
        Ok(match (column.shape, test) {
            (_, Test::Exists) => exact(ExistsQuery::new(column.name.clone(), false)),
            (Shape::Keyword, Test::Equal(value)) => exact(term(column.terms, value)),
            (Shape::Keyword | Shape::Ip, Test::Glob(glob)) => {
                exact(Docs::new(Docs::scan(self.reader, column.terms, &glob.prefix(), 0, |value| glob.matches(value))?))
            }
            (Shape::Int, Test::Int(low, high)) => exact(self.range(&column.name, *low, *high)?),
            (Shape::Ip, Test::Net(net)) if net.prefix_len() == net.max_prefix_len() => {
                exact(term(column.terms, &net.addr().to_canonical().to_string()))
            }
            (Shape::Ip, Test::Net(net)) => match (net.network(), net.broadcast()) {
                (IpAddr::V4(low), IpAddr::V4(high)) => {
                    exact(self.range(&column.name, low.to_ipv6_mapped(), high.to_ipv6_mapped())?)
                }
                // IPv4 addresses lie mapped inside IPv6 in the column; a wide IPv6 network would hold them too.
                (IpAddr::V6(low), IpAddr::V6(high)) => maybe(self.range(&column.name, low, high)?),
                _ => all(false),
            },
            (Shape::Ip, Test::Addresses(low, high)) => {
                exact(self.range(&column.name, Ipv6Addr::from(*low), Ipv6Addr::from(*high))?)
            }
            _ => maybe(ExistsQuery::new(column.name.clone(), false)),
        })
    }

    pub(super) fn range<T>(&self, column: &str, low: T, high: T) -> tantivy::Result<Box<dyn Query>>
    where
        T: Item + HasAssociatedColumnType,
        DynamicColumn: Into<Option<ColumnOf<T>>>,
    {
        Ok(match self.reader.fast_fields().column_opt::<T>(column)? {
            // A column that holds one value answers wrongly for ranges beside it, so those are decided here.
            Some(column) if low <= high && low <= column.max_value() && high >= column.min_value() => {
                Box::new(ColumnRange { column, range: low..=high })
            }
            _ => Box::new(EmptyQuery),
        })
    }

    /// A field without a column: the events that have it, and of those the ones that have the words of the value.
    fn other(&self, field: &FieldRef, test: &Test) -> tantivy::Result<Candidates> {
        if !has_plain_name(&field.name) {
            return Ok(all(false));
        }
        let has = self.templates(&format!("{NAME}{}{MARK}", field.name), FIELDS_OF, |between| between.is_empty())?;
        if has.is_empty() {
            return Ok(none());
        }
        let mut clauses = vec![(Occur::Must, any(has))];
        let net = match test {
            Test::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr().to_canonical().to_string(),
            _ => String::new(),
        };
        let number = match test {
            Test::Int(low, high) if low == high => low.to_string(),
            _ => String::new(),
        };
        let wanted: Vec<&str> = match test {
            _ if !has_words(field.kind()) => Vec::new(),
            Test::Equal(value) if value.len() < VALUE_BYTES_MAX => words(value).collect(),
            Test::Words(needle) => needle.iter().map(String::as_str).collect(),
            Test::Net(_) if field.kind() == Kind::Ip => words(&net).collect(),
            Test::Int(..) if field.kind() == Kind::Int => words(&number).collect(),
            _ => Vec::new(),
        };
        for word in wanted {
            clauses.push((Occur::Must, self.word_anywhere(word)?));
        }
        if let Test::Glob(glob) = test
            && has_words(field.kind())
            && let Some(begins) = std::str::from_utf8(&glob.prefix()).ok().and_then(|prefix| words(prefix).next())
            && begins.len() >= GLOB_WORD_MIN
            // A number may be found through a column instead.
            && !may_begin_number(begins)
        {
            let passes = |word: &str| word.starts_with(begins);
            let mut found = vec![(Occur::Should, self.matching(begins.as_bytes(), passes)?)];
            let docs = Docs::scan(self.reader, self.schema.others, begins.as_bytes(), 0, passes)?;
            found.push((Occur::Should, Box::new(Docs::new(docs))));
            clauses.push((Occur::Must, any(found)));
        }
        let query = match clauses.len() {
            1 => clauses.remove(0).1,
            _ => Box::new(BooleanQuery::new(clauses)),
        };
        let is_exact = matches!(test, Test::Exists) && !matches!(field.kind(), Kind::Int | Kind::Ip);
        Ok(Candidates { query, exact: is_exact, all: false })
    }
}

pub(super) type Clause = (Occur, Box<dyn Query>);

/// Longer values are cut before they are compared, so their last word may not be one of the event's.
const VALUE_BYTES_MAX: usize = 16_000;
/// A shorter word begins too many others to be worth looking up.
const GLOB_WORD_MIN: usize = 2;

/// Any of the clauses.
pub(super) fn any(mut clauses: Vec<Clause>) -> Box<dyn Query> {
    match clauses.len() {
        0 => Box::new(EmptyQuery),
        1 => clauses.remove(0).1,
        _ => Box::new(BooleanQuery::new(clauses)),
    }
}

pub(super) fn term(field: Field, value: &str) -> TermQuery {
    TermQuery::new(Term::from_field_text(field, value), IndexRecordOption::Basic)
}
