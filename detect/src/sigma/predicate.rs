//! Predicates: one question about one field (or, for keywords, about any field) of one event.
//!
//! A field of several values answers yes when one of its values does. An absent field answers no to everything but
//! `null` and `exists: false`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, packed::Searcher};
use ipnet::IpNet;
use regex::Regex;
use stream::{Timestamp, Value};

use super::text::{Glob, has_ascii_case_only};
use super::view::View;

/// A field used by some rule, numbered from 0.
pub(crate) type Slot = u16;

/// Where a predicate looks: the slots that one name of a rule stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The values of these fields together.
    Fields(Box<[Slot]>),
    /// Every value of the event except our own `sekisho.*`: a keyword.
    Anywhere,
}

/// Several literals of which one is looked for; what looks for them is made when it is first needed, as few ever are.
#[derive(Clone, Debug)]
pub(super) struct AnyOf {
    pub(super) literals: Box<[Box<str>]>,
    seeker: OnceLock<Seeker>,
}

/// What looks for several literals at once.
#[derive(Clone, Debug)]
enum Seeker {
    /// Up to 64 of them, for which no automaton need be made.
    Packed(Searcher),
    Automaton(AhoCorasick),
    OneByOne,
}

impl Seeker {
    fn new(literals: &[Box<str>]) -> Seeker {
        let literals = || literals.iter().map(|one| one.as_bytes());
        match Searcher::new(literals()) {
            Some(packed) => Seeker::Packed(packed),
            None => AhoCorasick::new(literals()).map_or(Seeker::OneByOne, Seeker::Automaton),
        }
    }
}

impl AnyOf {
    pub(super) fn new(literals: Box<[Box<str>]>) -> AnyOf {
        AnyOf { literals, seeker: OnceLock::new() }
    }

    fn is_in(&self, text: &str) -> bool {
        match self.seeker.get_or_init(|| Seeker::new(&self.literals)) {
            Seeker::Packed(packed) => packed.find(text).is_some(),
            Seeker::Automaton(automaton) => automaton.is_match(text),
            Seeker::OneByOne => self.literals.iter().any(|literal| text.contains(&**literal)),
        }
    }
}

/// A regular expression. Over ASCII text its Unicode classes are those of ASCII, which makes a hundredth of the automaton
/// of them.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    whole: Regex,
    ascii: Option<regex::bytes::Regex>,
}

impl Pattern {
    pub(super) fn new(whole: Regex) -> Pattern {
        // A letter beyond ASCII in the pattern may stand for one of ASCII: without regard to case, `ſ` is an s.
        let pattern = Some(whole.as_str())
            .filter(|text| text.is_ascii() && !["\\x", "\\u", "\\U"].iter().any(|escape| text.contains(escape)));
        let ascii = pattern.and_then(|pattern| regex::bytes::RegexBuilder::new(pattern).unicode(false).build().ok());
        Pattern { whole, ascii }
    }

    pub(super) fn as_str(&self) -> &str {
        self.whole.as_str()
    }

    fn is_match(&self, text: &str) -> bool {
        match &self.ascii {
            Some(ascii) if text.is_ascii() => ascii.is_match(text.as_bytes()),
            _ => self.whole.is_match(text),
        }
    }
}

/// How text is compared.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Equals(Box<str>),
    OneOf(BTreeSet<Box<str>>),
    Contains(Box<memchr::memmem::Finder<'static>>),
    ContainsAny(AnyOf),
    StartsWith(Box<str>),
    EndsWith(Box<str>),
    Glob(Glob),
}

impl Text {
    fn test(&self, text: &str) -> bool {
        match self {
            Text::Equals(literal) => text == &**literal,
            Text::OneOf(literals) => literals.contains(text),
            Text::Contains(finder) => finder.find(text.as_bytes()).is_some(),
            Text::ContainsAny(any) => any.is_in(text),
            Text::StartsWith(literal) => text.starts_with(&**literal),
            Text::EndsWith(literal) => text.ends_with(&**literal),
            Text::Glob(glob) => glob.matches(text),
        }
    }

    /// The answer of [`Text::test`] for the lower case of `text`, where that need not be made: most literals are bound to
    /// a side, and only as many bytes are looked at as they have.
    fn test_folded(&self, text: &str) -> Option<bool> {
        let bytes = text.as_bytes();
        let (literal, held) = match self {
            Text::Equals(literal) => (literal, (bytes.len() == literal.len()).then_some(bytes)),
            Text::StartsWith(literal) => (literal, bytes.get(..literal.len())),
            Text::EndsWith(literal) => {
                (literal, bytes.len().checked_sub(literal.len()).and_then(|start| bytes.get(start..)))
            }
            // Nothing of the literal has a case: `\` in a path.
            Text::Contains(finder)
                if finder.needle().iter().all(|byte| byte.is_ascii() && !byte.is_ascii_alphabetic()) =>
            {
                return has_ascii_case_only(text).then(|| finder.find(bytes).is_some());
            }
            _ => return None,
        };
        match held {
            // These bytes alone become the bytes that are compared: lower case goes character by character.
            Some(held) if held.is_ascii() => Some(held.eq_ignore_ascii_case(literal.as_bytes())),
            // Lower case may be longer or shorter, unless it is ASCII.
            None if bytes.is_ascii() => Some(false),
            _ if has_ascii_case_only(text) => {
                Some(held.is_some_and(|held| held.eq_ignore_ascii_case(literal.as_bytes())))
            }
            _ => None,
        }
    }
}

/// A number of a rule: whole numbers are compared exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Whole(i64),
    Real(f64),
}

impl Number {
    pub(super) fn as_f64(self) -> f64 {
        match self {
            Number::Whole(number) => number as f64,
            Number::Real(number) => number,
        }
    }
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

impl Compare {
    fn test(self, value: Value<'_>, number: Number) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let order = match (value, number) {
            (Value::Int(held), Number::Whole(number)) => Some(held.cmp(&number)),
            (value, number) => value.number().and_then(|held| held.partial_cmp(&number.as_f64())),
        };
        match self {
            Compare::Equal => order == Some(Equal),
            Compare::Greater => order == Some(Greater),
            Compare::GreaterEqual => matches!(order, Some(Greater | Equal)),
            Compare::Less => order == Some(Less),
            Compare::LessEqual => matches!(order, Some(Less | Equal)),
        }
    }
}

/// A part of an instant, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimePart {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl TimePart {
    fn of(self, value: Value<'_>) -> Option<i64> {
        let time = match value {
            Value::Time(time) => time,
            Value::Str(text) => parse_time(text)?,
            Value::Int(number) if number > 1_000_000_000_000 => Timestamp::from_millis(number),
            Value::Int(number) => Timestamp::from_seconds(number),
            _ => return None,
        };
        let civil = jiff::Timestamp::from(time).to_zoned(jiff::tz::TimeZone::UTC);
        Some(match self {
            TimePart::Minute => i64::from(civil.minute()),
            TimePart::Hour => i64::from(civil.hour()),
            TimePart::Day => i64::from(civil.day()),
            TimePart::Week => i64::from(civil.date().iso_week_date().week()),
            TimePart::Month => i64::from(civil.month()),
            TimePart::Year => i64::from(civil.year()),
        })
    }
}

fn parse_time(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).or_else(|| {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().into())
    })
}

/// The shape in which `fieldref` compares two fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Equals,
    Contains,
    StartsWith,
    EndsWith,
}

/// What is asked of each value.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// A text comparison; `folded` compares lower case with lower case, `dashes` takes every dash as `-`.
    Text {
        text: Text,
        folded: bool,
        dashes: bool,
    },
    Regex(Box<Pattern>),
    Cidr(IpNet),
    Number {
        compare: Compare,
        number: Number,
    },
    Bool(bool),
    TimePart {
        part: TimePart,
        number: i64,
    },
    FieldRef {
        other: Box<[Slot]>,
        shape: Shape,
        folded: bool,
    },
    /// The field is absent (events hold no nulls).
    Null,
    Exists(bool),
}

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Predicate {
    pub(super) place: Place,
    pub(super) op: Op,
}

impl Predicate {
    /// Whether the answer is found by looking at a few bytes.
    #[inline]
    pub(super) fn is_cheap(&self) -> bool {
        matches!(
            &self.op,
            Op::Null
                | Op::Exists(_)
                | Op::Number { .. }
                | Op::Bool(_)
                | Op::Text { text: Text::Equals(_) | Text::StartsWith(_) | Text::EndsWith(_), dashes: false, .. }
        )
    }

    /// Decides the question for the event in view.
    pub(super) fn test(&self, view: &mut View<'_, '_>) -> bool {
        match (&self.place, &self.op) {
            (Place::Fields(slots), Op::Null | Op::Exists(false)) => !view.present(slots),
            (Place::Fields(slots), Op::Exists(true)) => view.present(slots),
            (Place::Fields(slots), op) => slots.iter().any(|slot| {
                let mut next = view.first(*slot);
                while let Some(index) = next {
                    if op.test(view, index) {
                        return true;
                    }
                    next = view.next(index);
                }
                false
            }),
            (Place::Anywhere, op) => view.content().iter().any(|index| op.test(view, usize::from(*index))),
        }
    }
}

impl Op {
    fn test(&self, view: &mut View<'_, '_>, index: usize) -> bool {
        match self {
            Op::Text { text, folded: true, dashes: false } => {
                let told = match view.value(index) {
                    Value::Str(held) => text.test_folded(held),
                    _ => None,
                };
                told.unwrap_or_else(|| text.test(view.folded(index)))
            }
            Op::Text { text, folded, dashes } => text.test(view.form(index, *folded, *dashes)),
            Op::Regex(regex) => regex.is_match(view.text(index)),
            Op::Cidr(network) => view.value(index).ip().is_some_and(|ip| in_network(network, ip)),
            Op::Number { compare, number } => compare.test(view.value(index), *number),
            Op::Bool(expected) => match view.value(index) {
                Value::Bool(held) => held == *expected,
                Value::Str(_) => match view.folded(index) {
                    "true" | "1" | "yes" => *expected,
                    "false" | "0" | "no" => !*expected,
                    _ => false,
                },
                _ => false,
            },
            Op::TimePart { part, number } => part.of(view.value(index)) == Some(*number),
            Op::FieldRef { other, shape, folded } => field_ref(view, index, other, *shape, *folded),
            Op::Null => false,
            Op::Exists(expected) => *expected,
        }
    }
}

fn in_network(network: &IpNet, ip: IpAddr) -> bool {
    network.contains(&ip)
        || matches!((network, ip), (IpNet::V4(_), IpAddr::V6(six)) if six.to_ipv4_mapped().is_some_and(|four| network.contains(&IpAddr::V4(four))))
}

fn field_ref(view: &mut View<'_, '_>, index: usize, other: &[Slot], shape: Shape, folded: bool) -> bool {
    let mut matched = false;
    for slot in other {
        let mut next = view.first(*slot);
        while let Some(at) = next {
            let (left, right) = view.pair(index, at, folded);
            matched |= match shape {
                Shape::Equals => left == right,
                Shape::Contains => left.contains(right),
                Shape::StartsWith => left.starts_with(right),
                Shape::EndsWith => left.ends_with(right),
            };
            next = view.next(at);
        }
    }
    matched
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_needs_no_lower_case_is_answered_the_same(
            literal in "[aks\\\\.é®語]{0,4}|[ak\u{df}\u{2c65}]{1,2}",
            text in "[aAkKsS\\\\.éÉ®語]{0,6}|[ak\u{212a}\u{17f}\u{1e9e}\u{23a}]{0,4}",
        ) {
            let literal: Box<str> = crate::sigma::text::fold(&literal).into();
            let folded = crate::sigma::text::fold(&text);
            let contains = Text::Contains(Box::new(memchr::memmem::Finder::new(literal.as_bytes()).into_owned()));
            let bound = [Text::Equals(literal.clone()), Text::StartsWith(literal.clone()), Text::EndsWith(literal)];
            for test in bound.into_iter().chain([contains]) {
                if let Some(told) = test.test_folded(&text) {
                    proptest::prop_assert_eq!(told, test.test(&folded), "{:?} {}", test, text);
                }
            }
        }
    }

    #[test]
    fn the_ascii_form_of_a_pattern_answers_as_the_whole() {
        let texts = ["s", "K", "a-b_c 12", "-k netsvcs -p", "", "\u{17f}\u{212a}", "日本語 s"];
        for pattern in [
            "(?i)\u{17f}",
            r"(?i)\u{212A}",
            r"(?i)\x{17f}",
            "(?i)k",
            r"-k\s\w{1,64}(?:\s?(?:-p|-s))?",
            r"\bk\b",
            r"[^\w\s]",
            r"^\S+$",
            "",
        ] {
            let regex = Regex::new(pattern).unwrap();
            let own = Pattern::new(regex.clone());
            for text in texts {
                assert_eq!(own.is_match(text), regex.is_match(text), "{pattern} {text}");
            }
        }
    }
}
