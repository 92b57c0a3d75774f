//! The terms of one event: what [`super::query`] asks for, all in one list of exact keywords.
//!
//! | Term | Stands for |
//! |---|---|
//! | `w` word | a word of `event.original` or `message`, or a whole value of a text column |
//! | `o` word | a word of a value of any other field, unless it is a `w` already |
//! | `n` name | the event has the field, as the search language understands that |
//! | `=` name U+0001 value | the whole folded value of a text column, an address, or the tenant |
//!
//! Words are cut and folded as everywhere ([`crate::query::text`]). The local index has the same in lists of its own
//! ([`crate::index::words`]) and leaves out more, because it is written by sekisho alone.

use std::collections::HashSet;

use stream::{Event, FieldId, Kind, Value, fields};

use crate::index::schema::{Shape, column_of};
use crate::index::words::{has_plain_name, has_words};
use crate::query::text::{fold, words};
use crate::query::{as_int, as_ip, fold_keyword};

/// Between a name and a value; no name holds it.
pub(super) const MARK: char = '\u{1}';
pub(super) const WORD: char = 'w';
pub(super) const OTHER: char = 'o';
pub(super) const NAME: char = 'n';
pub(super) const VALUE: char = '=';

/// The term of a whole value.
pub(super) fn value_term(name: &str, value: &str) -> String {
    format!("{VALUE}{name}{MARK}{value}")
}

/// The terms of an event, each once, in no order that means anything.
pub(super) fn terms(event: &Event<'_>) -> HashSet<String> {
    let mut terms = HashSet::with_capacity(128);
    for (field, value) in event.iter() {
        let name = field.name();
        if has_plain_name(name) && exists(field, value) {
            terms.insert(format!("{NAME}{name}"));
        }
        match (field, column_of(field)) {
            (fields::EVENT_ORIGINAL | fields::MESSAGE, _) => add(&mut terms, WORD, &fold(&value.text())),
            (fields::SEKISHO_TENANT, _) => {
                terms.insert(value_term(name, &fold_keyword(value)));
            }
            (_, Some(Shape::Keyword)) => add_whole(&mut terms, name, &fold_keyword(value)),
            (_, Some(Shape::Ip)) => {
                if let Some(ip) = as_ip(value) {
                    add_whole(&mut terms, name, &ip.to_string());
                }
            }
            _ => {}
        }
    }
    for (field, value) in event.iter().filter(|(field, _)| is_other(*field) && has_words(field.kind())) {
        add(&mut terms, OTHER, &fold(&value.text()));
        // An address or a number may be written in more than one way; the search asks for its own.
        let shown = match field.kind() {
            Kind::Ip => as_ip(value).map(|ip| ip.to_string()),
            Kind::Int => as_int(value).map(|number| number.to_string()),
            _ => None,
        };
        shown.iter().for_each(|shown| add(&mut terms, OTHER, shown));
    }
    terms
}

fn add_whole(terms: &mut HashSet<String>, name: &str, value: &str) {
    terms.insert(value_term(name, value));
    terms.insert(format!("{WORD}{value}"));
}

fn add(terms: &mut HashSet<String>, kind: char, folded: &str) {
    for word in words(folded) {
        let term = format!("{kind}{word}");
        if kind == WORD || !terms.contains(&format!("{WORD}{word}")) {
            terms.insert(term);
        }
    }
}

/// Whether a value counts for `field:*`.
fn exists(field: FieldId, value: Value<'_>) -> bool {
    match field.kind() {
        Kind::Int => as_int(value).is_some(),
        Kind::Ip => as_ip(value).is_some(),
        _ => true,
    }
}

/// Whether a field is found by its words: no column, and neither time, tenant nor text.
fn is_other(field: FieldId) -> bool {
    const OWN: [FieldId; 4] = [fields::TIMESTAMP, fields::SEKISHO_TENANT, fields::EVENT_ORIGINAL, fields::MESSAGE];
    !OWN.contains(&field) && column_of(field).is_none()
}
