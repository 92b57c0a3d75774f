//! Turns a query into the engine's own, over the terms of [`super::terms`].
//!
//! The twin of [`crate::index::compile`], with the same invariant: the candidates hold every match. When they may hold more,
//! `exact` is false and each candidate is checked with the plain evaluator. All of a query's text is a JSON value here; nothing is
//! pasted.

use std::net::{IpAddr, Ipv6Addr};

use serde_json::{Value, json};
use stream::{Kind, fields};

use super::template::{TERMS, TIME};
use super::terms::{MARK, NAME, OTHER, VALUE, WORD, value_term};
use crate::index::schema::{Shape, column_of};
use crate::index::words::{has_plain_name, has_words};
use crate::query::glob::Glob;
use crate::query::text::{is_lone_paired, words};
use crate::query::{FieldRef, Node, Test};

/// Candidates of the engine.
#[derive(Debug)]
pub(super) struct Candidates {
    /// A filter; none when every event is a candidate.
    pub(super) filter: Option<Value>,
    /// Whether every candidate matches.
    pub(super) exact: bool,
}

/// Longer values are cut before they are compared, so their last word may not be one of the event's.
const VALUE_BYTES_MAX: usize = 16_000;
/// A shorter word begins too many others to be worth looking up.
const GLOB_WORD_MIN: usize = 2;

fn exact(filter: Value) -> Candidates {
    Candidates { filter: Some(filter), exact: true }
}

fn maybe(filter: Value) -> Candidates {
    Candidates { filter: Some(filter), exact: false }
}

fn all(exact: bool) -> Candidates {
    Candidates { filter: None, exact }
}

fn none() -> Candidates {
    exact(json!({"match_none": {}}))
}

pub(super) fn compile(node: &Node) -> Candidates {
    match node {
        Node::All => all(true),
        Node::And(parts) => and(parts.iter().map(compile)),
        Node::Or(parts) => or(parts.iter().map(compile)),
        Node::Not(part) => match compile(part) {
            Candidates { exact: false, .. } => all(false),
            Candidates { filter: None, .. } => none(),
            Candidates { filter: Some(filter), .. } => exact(json!({"bool": {"must_not": [filter]}})),
        },
        Node::Words(needle) => with_words(needle),
        Node::WordGlob(glob) => matching(&WORD.to_string(), glob),
        Node::LineGlob(_) => all(false),
        Node::Field(field, test) => of_field(field, test),
    }
}

fn and(parts: impl Iterator<Item = Candidates>) -> Candidates {
    let (mut filters, mut is_exact) = (Vec::new(), true);
    for part in parts {
        is_exact &= part.exact;
        filters.extend(part.filter);
    }
    let filter = (!filters.is_empty()).then(|| json!({"bool": {"filter": filters}}));
    Candidates { filter, exact: is_exact }
}

fn or(parts: impl Iterator<Item = Candidates>) -> Candidates {
    let (mut filters, mut is_exact, mut is_all) = (Vec::new(), true, false);
    for part in parts {
        match part.filter {
            None if part.exact => return all(true),
            None => is_all = true,
            Some(filter) => filters.push(filter),
        }
        is_exact &= part.exact;
    }
    if is_all { all(false) } else { Candidates { filter: Some(any(filters)), exact: is_exact } }
}

fn any(filters: Vec<Value>) -> Value {
    json!({"bool": {"should": filters, "minimum_should_match": 1}})
}

fn term(term: String) -> Value {
    json!({"term": {TERMS: term}})
}

/// Events with words in a row; of one word, all that have it.
fn with_words(needle: &[String]) -> Candidates {
    match needle {
        [one] if is_lone_paired(one) => maybe(containing(WORD, one)),
        [one] => exact(term(format!("{WORD}{one}"))),
        _ => maybe(json!({"bool": {"filter": needle.iter().map(|word| word_in(&[WORD], word)).collect::<Vec<_>>()}})),
    }
}

/// Events with a word of one of the kinds; of a lone character of a paired script, with a word that contains it.
fn word_in(kinds: &[char], word: &str) -> Value {
    let one = |kind: &char| if is_lone_paired(word) { containing(*kind, word) } else { term(format!("{kind}{word}")) };
    any(kinds.iter().map(one).collect())
}

fn containing(kind: char, text: &str) -> Value {
    wildcard(format!("{kind}*{}*", escaped(text)))
}

fn wildcard(pattern: String) -> Value {
    json!({"wildcard": {TERMS: {"value": pattern}}})
}

/// Text as a pattern that matches nothing else.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Events with a term that is `before` and then what the pattern matches.
fn matching(before: &str, glob: &Glob) -> Candidates {
    match glob.pattern() {
        Some(pattern) => exact(wildcard(format!("{}{pattern}", escaped(before)))),
        // The engine would refuse it as too complex; the fixed beginning is a bound.
        None => match String::from_utf8(glob.prefix()) {
            Ok(prefix) if !prefix.is_empty() => {
                maybe(json!({"prefix": {TERMS: {"value": format!("{before}{prefix}")}}}))
            }
            _ => all(false),
        },
    }
}

fn of_field(field: &FieldRef, test: &Test) -> Candidates {
    let shape = field.id.and_then(column_of);
    match (field.id, test) {
        _ if !has_plain_name(&field.name) => all(false),
        (Some(fields::TIMESTAMP), Test::Exists) => all(true),
        (Some(fields::TIMESTAMP), Test::Int(low, high)) => exact(json!({"range": {TIME: {"gte": low, "lte": high}}})),
        (Some(fields::TIMESTAMP), _) => all(false),
        (_, Test::Exists) => exact(term(format!("{NAME}{}", field.name))),
        // A field's words may also stand in values that free text looks at; the check decides.
        (Some(fields::EVENT_ORIGINAL | fields::MESSAGE), Test::Words(needle)) => {
            Candidates { exact: false, ..with_words(needle) }
        }
        (Some(fields::SEKISHO_TENANT), _) => column(field, Shape::Keyword, test),
        _ => match shape {
            Some(shape) => column(field, shape, test),
            None => other(field, test),
        },
    }
}

fn column(field: &FieldRef, shape: Shape, test: &Test) -> Candidates {
    let name = field.name.as_str();
    let range = |low: String, high: String| json!({"range": {name: {"gte": low, "lte": high}}});
    match (shape, test) {
        (Shape::Keyword, Test::Equal(value)) => exact(term(value_term(name, value))),
        (Shape::Keyword | Shape::Ip, Test::Glob(glob)) => matching(&format!("{VALUE}{name}{MARK}"), glob),
        (Shape::Int, Test::Int(low, high)) if low > high => none(),
        (Shape::Int, Test::Int(low, high)) => exact(json!({"range": {name: {"gte": low, "lte": high}}})),
        (Shape::Ip, Test::Net(net)) if net.prefix_len() == net.max_prefix_len() => {
            exact(term(value_term(name, &net.addr().to_canonical().to_string())))
        }
        (Shape::Ip, Test::Net(net)) => match (net.network(), net.broadcast()) {
            (IpAddr::V4(low), IpAddr::V4(high)) => exact(range(low.to_string(), high.to_string())),
            // IPv4 addresses lie mapped inside IPv6; a wide IPv6 network would hold them too.
            (IpAddr::V6(low), IpAddr::V6(high)) => maybe(range(low.to_string(), high.to_string())),
            _ => all(false),
        },
        (Shape::Ip, Test::Addresses(low, high)) if low > high => none(),
        (Shape::Ip, Test::Addresses(low, high)) => {
            let shown = |number: u128| IpAddr::V6(Ipv6Addr::from(number)).to_canonical().to_string();
            exact(range(shown(*low), shown(*high)))
        }
        _ => maybe(term(format!("{NAME}{name}"))),
    }
}

/// A field without a column: the events that have it, and of those the ones that have the words of the value.
fn other(field: &FieldRef, test: &Test) -> Candidates {
    let has = term(format!("{NAME}{}", field.name));
    if !has_words(field.kind()) {
        return maybe(has);
    }
    let mut filters = vec![has];
    let mut of = |text: &str| filters.extend(words(text).map(|word| word_in(&[WORD, OTHER], word)));
    match test {
        Test::Equal(value) if value.len() < VALUE_BYTES_MAX => of(value),
        Test::Words(needle) => needle.iter().for_each(|word| of(word)),
        Test::Net(net) if field.kind() == Kind::Ip && net.prefix_len() == net.max_prefix_len() => {
            of(&net.addr().to_canonical().to_string());
        }
        Test::Int(low, high) if field.kind() == Kind::Int && low == high => of(&low.to_string()),
        Test::Glob(glob) => {
            let prefix = glob.prefix();
            let begins = std::str::from_utf8(&prefix).ok().and_then(|prefix| words(prefix).next());
            if let Some(begins) = begins.filter(|begins| begins.len() >= GLOB_WORD_MIN) {
                let one = |kind: char| json!({"prefix": {TERMS: {"value": format!("{kind}{begins}")}}});
                filters.push(any(vec![one(WORD), one(OTHER)]));
            }
        }
        _ => {}
    }
    maybe(json!({"bool": {"filter": filters}}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Query;

    #[test]
    fn what_is_exact_and_what_is_read() {
        let compiled = |text: &str| compile(&Query::parse(text).unwrap().root);
        for text in
            ["deny", "event.action:deny", "user.name:r*", "NOT deny", "source.ip:10.0.0.0/8", "tags:*", "a OR b", "*"]
        {
            assert!(compiled(text).exact, "{text}");
        }
        for text in ["\"a b\"", "tags:x", "NOT tags:x", "x=*", "東", "a tags:x", "source.ip:2001:db8::/32"] {
            assert!(!compiled(text).exact, "{text}");
        }
        let text = compiled("event.action:\"a\\\"b\"").filter.unwrap().to_string();
        assert_eq!(text, r#"{"term":{"sekisho.store.terms":"=event.action\u0001a\"b"}}"#);
        let text = compiled("event.action:a*b\\*").filter.unwrap().to_string();
        assert!(text.contains(r"a*b\\\\*") || text.contains(r"a*b\\*"), "{text}");
    }
}
