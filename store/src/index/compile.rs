//! Turns a query into candidates of one split.
//!
//! Invariant: the candidates hold every match. When they may hold more (phrases, patterns over lines, comparisons of
//! fields without a column), `exact` is false and each candidate is checked with the plain evaluator on the stored event.

use std::net::{IpAddr, Ipv6Addr};

use stream::{Kind, fields};
use tantivy::Term;
use tantivy::columnar::{Column as ColumnOf, DynamicColumn, HasAssociatedColumnType};
use tantivy::index::SegmentReader;
use tantivy::query::{AllQuery, BooleanQuery, EmptyQuery, ExistsQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};

use super::docs::Docs;
use super::document::NAME_END;
use super::range::{ColumnRange, Item};
use super::schema::{self, Column, IndexSchema, Shape};
use crate::query::glob::Glob;
use crate::query::text::is_lone_paired;
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
            Node::WordGlob(glob) => self.word_glob(glob).map(exact),
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
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for field in places {
            let term = Term::from_field_text(field, word);
            if self.reader.inverted_index(field)?.get_term_info(&term)?.is_some() {
                clauses.push((Occur::Should, Box::new(TermQuery::new(term, IndexRecordOption::Basic))));
            }
        }
        Ok(match clauses.len() {
            0 => Box::new(EmptyQuery),
            1 => clauses.remove(0).1,
            _ => Box::new(BooleanQuery::new(clauses)),
        })
    }

    /// Words that contain one character of a paired script.
    fn containing(&self, character: &str) -> tantivy::Result<Box<dyn Query>> {
        let mut docs = Docs::scan(self.reader, self.schema.words, b"", 0, |word| word.contains(character))?;
        for column in self.schema.text_columns() {
            docs.extend(Docs::scan(self.reader, column.terms, b"", 0, |value| value == character)?);
        }
        Ok(Box::new(Docs::new(docs)))
    }

    fn word_glob(&self, glob: &Glob) -> tantivy::Result<Docs> {
        let prefix = glob.prefix();
        let mut docs = Docs::scan(self.reader, self.schema.words, &prefix, 0, |word| glob.matches(word))?;
        for column in self.schema.text_columns() {
            docs.extend(Docs::scan(self.reader, column.terms, &prefix, 0, |value| glob.matches(value))?);
        }
        Ok(Docs::new(docs))
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
                None => self.pair(field, test),
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

    fn range<T>(&self, column: &str, low: T, high: T) -> tantivy::Result<Box<dyn Query>>
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

    fn pair(&self, field: &FieldRef, test: &Test) -> tantivy::Result<Candidates> {
        let name = format!("{}{NAME_END}", field.name);
        let scan = |passes: &dyn Fn(&str) -> bool| {
            Docs::scan(self.reader, self.schema.pairs, name.as_bytes(), name.len(), passes).map(Docs::new)
        };
        let valued = matches!(field.kind(), Kind::Keyword | Kind::Bool | Kind::Int | Kind::Ip);
        Ok(match test {
            Test::Exists if matches!(field.kind(), Kind::Int | Kind::Ip) => maybe(scan(&|_| true)?),
            Test::Exists => exact(scan(&|_| true)?),
            Test::Equal(value) if valued => exact(term(self.schema.pairs, &format!("{name}{value}"))),
            Test::Glob(glob) if valued => {
                let prefix = [name.as_bytes(), &glob.prefix()].concat();
                let passes = |value: &str| glob.matches(value);
                exact(Docs::new(Docs::scan(self.reader, self.schema.pairs, &prefix, name.len(), passes)?))
            }
            Test::Net(net) if field.kind() == Kind::Ip && net.prefix_len() == net.max_prefix_len() => {
                exact(term(self.schema.pairs, &format!("{name}{}", net.addr().to_canonical())))
            }
            _ => maybe(scan(&|_| true)?),
        })
    }
}

fn term(field: Field, value: &str) -> TermQuery {
    TermQuery::new(Term::from_field_text(field, value), IndexRecordOption::Basic)
}
