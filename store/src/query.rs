//! The search language, its syntax tree and the plain evaluator.
//!
//! ```text
//! failed password                      both words, anywhere in the line (a space means AND)
//! "denied by policy"                   the words one after the other
//! user.name:sato*                      a field's whole value; * is any text, ? one character; case does not matter
//! source.ip:10.1.0.0/16                a network
//! destination.port:>=1024              >, >=, <, <=; [1 TO 9] with ends, {1 TO 9} without, * for an open end
//! event.action:*   _exists_:event.action   the field has a value
//! a AND (b OR c) AND NOT d   -d        operators in capitals; OR binds weaker than AND
//! 送信元ゾーン:LGWAN接続系              Japanese names of fields and zones
//! ```
//!
//! A lone word matches a word of `event.original` or `message`, or the whole value of an explicit keyword field or address.
//! Text is compared folded: NFKC and lower case. At most [`Query::BYTES_MAX`] bytes and [`Query::LEAVES_MAX`] conditions.
//! The evaluator here is the definition; the index gives candidates that are checked with it where it cannot be exact.

pub(crate) mod glob;
mod names;
mod parse;
pub(crate) mod text;
mod value;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::Bound;

use ipnet::IpNet;
use stream::{Event, FieldId, Kind, Value, fields};

use self::glob::Glob;
use self::text::{fold, has_words, words};
pub(crate) use self::value::{as_int, as_ip, fold_keyword};

/// A parsed query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub(crate) root: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    All,
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// Words in a row, at least one, of the original line or the message.
    Words(Vec<String>),
    /// A pattern for one word.
    WordGlob(Glob),
    /// A pattern for the whole original line.
    LineGlob(Glob),
    Field(FieldRef, Test),
}

/// A field by name; product fields may be known to a split and not yet to this process.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FieldRef {
    pub(crate) name: String,
    pub(crate) id: Option<FieldId>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Exists,
    /// Folded whole value.
    Equal(String),
    Glob(Glob),
    /// Words in a row within the field.
    Words(Vec<String>),
    /// Integer or instant in nanoseconds, both ends included.
    Int(i64, i64),
    Number(Bound<f64>, Bound<f64>),
    /// Folded text, by code point.
    Text(Bound<String>, Bound<String>),
    Net(IpNet),
    /// Addresses as IPv6, both ends included.
    Addresses(u128, u128),
}

impl Query {
    /// The longest query in bytes.
    pub const BYTES_MAX: usize = 8 * 1024;
    /// The most conditions in one query.
    pub const LEAVES_MAX: usize = 256;
    /// The deepest nesting of parentheses.
    pub const DEPTH_MAX: usize = 32;

    /// Parses a query; empty text matches everything.
    ///
    /// # Errors
    /// [`crate::Error::Query`] with the column.
    pub fn parse(text: &str) -> crate::Result<Query> {
        parse::parse(text).map(|root| Query { root })
    }

    /// Whether an event matches.
    pub fn matches(&self, event: &Event<'_>) -> bool {
        let mut line = Line { event, original: None, message: None };
        matches(&self.root, &mut line)
    }
}

impl FieldRef {
    pub(crate) fn new(name: &str) -> FieldRef {
        FieldRef { name: name.to_owned(), id: fields::lookup(name) }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.id.map_or(Kind::Keyword, FieldId::kind)
    }

    pub(crate) fn is(&self, field: FieldId) -> bool {
        match self.id {
            Some(id) => id == field,
            None => !field.is_static() && field.name() == self.name,
        }
    }
}

/// An event with its folded text, made when first asked for.
struct Line<'e, 'a> {
    event: &'e Event<'a>,
    original: Option<String>,
    message: Option<String>,
}

impl Line<'_, '_> {
    fn original(&mut self) -> &str {
        let event = self.event;
        self.original.get_or_insert_with(|| joined(event, fields::EVENT_ORIGINAL))
    }

    fn message(&mut self) -> &str {
        let event = self.event;
        self.message.get_or_insert_with(|| joined(event, fields::MESSAGE))
    }
}

/// A field's texts, folded, one a line.
fn joined(event: &Event<'_>, field: FieldId) -> String {
    let mut text = String::new();
    for value in event.all(field) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&fold(&value.text()));
    }
    text
}

fn matches(node: &Node, line: &mut Line<'_, '_>) -> bool {
    match node {
        Node::All => true,
        Node::And(parts) => parts.iter().all(|part| matches(part, line)),
        Node::Or(parts) => parts.iter().any(|part| matches(part, line)),
        Node::Not(part) => !matches(part, line),
        Node::Words(needle) => {
            has_words(line.original(), needle)
                || has_words(line.message(), needle)
                || matches!(&needle[..], [one] if is_whole_value(line.event, |value| value == one))
        }
        Node::WordGlob(glob) => {
            words(line.original()).any(|word| glob.matches(word))
                || words(line.message()).any(|word| glob.matches(word))
                || is_whole_value(line.event, |value| glob.matches(value))
        }
        Node::LineGlob(glob) => glob.matches(line.original()),
        Node::Field(field, test) => line.event.iter().any(|(id, value)| field.is(id) && holds(field, test, value)),
    }
}

/// Whether the whole folded value of a field that takes part in free text passes.
fn is_whole_value(event: &Event<'_>, passes: impl Fn(&str) -> bool) -> bool {
    event.iter().any(|(field, value)| match crate::index::schema::column_of(field) {
        Some(crate::index::schema::Shape::Keyword) => passes(&fold_keyword(value)),
        Some(crate::index::schema::Shape::Ip) => as_ip(value).is_some_and(|ip| passes(&ip.to_string())),
        _ => false,
    })
}

fn holds(field: &FieldRef, test: &Test, value: Value<'_>) -> bool {
    match test {
        Test::Exists => match field.kind() {
            Kind::Int => as_int(value).is_some(),
            Kind::Ip => as_ip(value).is_some(),
            _ => true,
        },
        Test::Equal(wanted) => fold_keyword(value) == wanted.as_str(),
        Test::Glob(glob) => match (field.kind(), as_ip(value)) {
            (Kind::Ip, Some(ip)) => glob.matches(&ip.to_string()),
            _ => glob.matches(&fold_keyword(value)),
        },
        Test::Words(needle) => has_words(&fold(&value.text()), needle),
        Test::Int(low, high) => {
            let number = match value {
                Value::Time(time) => Some(time.0),
                value => as_int(value),
            };
            number.is_some_and(|number| (*low..=*high).contains(&number))
        }
        Test::Number(low, high) => value.number().is_some_and(|number| (*low, *high).contains_number(number)),
        Test::Text(low, high) => {
            let text = fold_keyword(value);
            above(low, &text) && below(high, &text)
        }
        Test::Net(net) => as_ip(value).is_some_and(|ip| net.contains(&ip)),
        Test::Addresses(low, high) => as_ip(value).is_some_and(|ip| (*low..=*high).contains(&ip_number(ip))),
    }
}

trait ContainsNumber {
    fn contains_number(&self, number: f64) -> bool;
}

impl ContainsNumber for (Bound<f64>, Bound<f64>) {
    fn contains_number(&self, number: f64) -> bool {
        std::ops::RangeBounds::contains(self, &number)
    }
}

fn above(low: &Bound<String>, text: &str) -> bool {
    match low {
        Bound::Included(low) => text >= low.as_str(),
        Bound::Excluded(low) => text > low.as_str(),
        Bound::Unbounded => true,
    }
}

fn below(high: &Bound<String>, text: &str) -> bool {
    match high {
        Bound::Included(high) => text <= high.as_str(),
        Bound::Excluded(high) => text < high.as_str(),
        Bound::Unbounded => true,
    }
}

/// An address as a number in IPv6, IPv4 mapped.
pub(crate) fn ip_number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().into(),
        IpAddr::V6(ip) => ip.into(),
    }
}
