//! Witnesses: questions of which at least one is answered yes whenever a rule matches.
//!
//! Of the parts of a rule that must all hold, the one whose questions are expected to be answered yes most rarely is its
//! witness; a rule is looked at only when its witness speaks. An index over witnesses can therefore only leave out rules
//! that cannot match.

use std::borrow::Cow;

use regex_syntax::hir::{Class, Hir, HirKind};

use super::grams::{Anchor, commonness};
use super::predicate::{Compare, Number, Op, Place, Predicate, Slot, Text};
use super::program::Expr;
use super::text::{DASHES, Piece, fold};

/// A question of a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key<'p> {
    /// The field has a value.
    Present(Slot),
    /// The field has this number.
    Number(Slot, i64),
    /// A value of the field holds this text, folded, at this place.
    Text(Slot, Anchor, Cow<'p, str>),
    /// A value of any field does.
    Keyword(Anchor, Cow<'p, str>),
}

/// What a present field costs: nearly every event has it.
const PRESENT_COST: u64 = 1_000_000;

impl Key<'_> {
    /// The same, for keeping.
    pub(super) fn to_owned_key(&self) -> Key<'static> {
        match self {
            Key::Present(slot) => Key::Present(*slot),
            Key::Number(slot, number) => Key::Number(*slot, *number),
            Key::Text(slot, anchor, text) => Key::Text(*slot, *anchor, Cow::Owned(text.to_string())),
            Key::Keyword(anchor, text) => Key::Keyword(*anchor, Cow::Owned(text.to_string())),
        }
    }

    /// How often the answer is expected to be yes: of a million events.
    pub(super) fn cost(&self) -> u64 {
        let rarity = |anchor: &Anchor, text: &str| match (text.len(), anchor) {
            (0 | 1, _) => 200_000,
            (2, Anchor::Whole) | (3, Anchor::Whole) => 2_000,
            (2, _) => 60_000,
            (3, _) => 10_000,
            (_, anchor) => 20 + 20 * u64::from(commonness(text)) / if *anchor == Anchor::Whole { 2 } else { 1 },
        };
        match self {
            Key::Present(_) => PRESENT_COST,
            Key::Number(..) => 3_000,
            Key::Text(_, anchor, text) => rarity(anchor, text),
            // Many fields are asked.
            Key::Keyword(anchor, text) => 4 * rarity(anchor, text),
        }
    }
}

/// Total expected answers.
pub(super) fn cost(keys: &[Key<'_>]) -> u64 {
    keys.iter().map(Key::cost).sum()
}

/// The best witness of an expression; none when it may hold without any answer.
pub(super) fn witness<'p>(expr: &'p Expr, predicates: &'p [Predicate]) -> Option<Vec<Key<'p>>> {
    match expr {
        Expr::Is(predicate) => keys(&predicates[*predicate as usize]),
        Expr::All(parts) => parts.iter().filter_map(|part| witness(part, predicates)).min_by_key(|keys| cost(keys)),
        Expr::Any(parts) => union(parts, predicates),
        Expr::AtLeast(0, _) | Expr::Not(_) => None,
        Expr::AtLeast(_, parts) => union(parts, predicates),
    }
}

/// Every witness that the parts of a rule offer, for choosing by what events really answer.
pub(super) fn alternatives<'p>(expr: &'p Expr, predicates: &'p [Predicate], out: &mut Vec<Vec<Key<'p>>>) {
    match expr {
        Expr::All(parts) => parts.iter().for_each(|part| alternatives(part, predicates, out)),
        expr => out.extend(witness(expr, predicates)),
    }
}

fn union<'p>(parts: &'p [Expr], predicates: &'p [Predicate]) -> Option<Vec<Key<'p>>> {
    let mut all = Vec::new();
    for part in parts {
        all.extend(witness(part, predicates)?);
    }
    Some(all)
}

fn keys(predicate: &Predicate) -> Option<Vec<Key<'_>>> {
    let literals = match &predicate.op {
        Op::Null | Op::Exists(false) => return None,
        Op::Number { compare: Compare::Equal, number: Number::Whole(number) } if number.unsigned_abs() < 1 << 52 => {
            let Place::Fields(slots) = &predicate.place else { return None };
            return Some(slots.iter().map(|slot| Key::Number(*slot, *number)).collect());
        }
        Op::Text { text, folded, dashes } => literals(text, *folded, *dashes),
        Op::Regex(regex) => of_regex(regex.as_str()),
        _ => None,
    };
    match (&predicate.place, literals) {
        (Place::Fields(slots), Some(literals)) => {
            let of_slot = |slot: &Slot| {
                let slot = *slot;
                literals.iter().map(move |(anchor, text)| Key::Text(slot, *anchor, text.clone())).collect::<Vec<_>>()
            };
            Some(slots.iter().flat_map(of_slot).collect())
        }
        (Place::Fields(slots), None) => Some(slots.iter().map(|slot| Key::Present(*slot)).collect()),
        (Place::Anywhere, literals) => {
            Some(literals?.into_iter().map(|(anchor, text)| Key::Keyword(anchor, text)).collect())
        }
    }
}

type Literals<'p> = Vec<(Anchor, Cow<'p, str>)>;

/// The literals of which one must stand in the value; none when any value will do.
fn literals(text: &Text, folded: bool, dashes: bool) -> Option<Literals<'_>> {
    let one = |anchor: Anchor, literal: &'_ str| -> Option<Vec<(Anchor, String)>> {
        if !dashes {
            return Some(vec![(anchor, literal.to_owned())]);
        }
        of_dashed(anchor, literal)
    };
    if !dashes && folded {
        let borrowed = match text {
            Text::Equals(literal) => vec![(Anchor::Whole, Cow::Borrowed(&**literal))],
            Text::OneOf(literals) => {
                literals.iter().map(|literal| (Anchor::Whole, Cow::Borrowed(&**literal))).collect()
            }
            Text::ContainsAny(any) => {
                any.literals.iter().map(|literal| (Anchor::Anywhere, Cow::Borrowed(&**literal))).collect()
            }
            Text::StartsWith(literal) => vec![(Anchor::Start, Cow::Borrowed(&**literal))],
            Text::EndsWith(literal) => vec![(Anchor::End, Cow::Borrowed(&**literal))],
            Text::Contains(finder) => vec![(Anchor::Anywhere, String::from_utf8_lossy(finder.needle()))],
            Text::Glob(glob) => vec![glob_literal(&glob.0)?],
        };
        return Some(borrowed);
    }
    let each = |anchor: Anchor, literals: &mut dyn Iterator<Item = &str>| {
        let lists: Option<Vec<_>> = literals.map(|literal| one(anchor, literal)).collect();
        Some(lists?.into_iter().flatten().collect::<Vec<_>>())
    };
    let owned: Option<Vec<(Anchor, String)>> = match text {
        Text::Equals(literal) => one(Anchor::Whole, literal),
        Text::OneOf(literals) => each(Anchor::Whole, &mut literals.iter().map(|literal| &**literal)),
        Text::ContainsAny(any) => each(Anchor::Anywhere, &mut any.literals.iter().map(|literal| &**literal)),
        Text::StartsWith(literal) => one(Anchor::Start, literal),
        Text::EndsWith(literal) => one(Anchor::End, literal),
        Text::Contains(finder) => one(Anchor::Anywhere, &String::from_utf8_lossy(finder.needle())),
        Text::Glob(glob) => {
            let (anchor, literal) = glob_literal(&glob.0)?;
            one(anchor, &literal)
        }
    };
    Some(owned?.into_iter().map(|(anchor, text)| (anchor, Cow::Owned(fold(&text)))).collect())
}

/// What stands in a text that holds a literal with its dashes in any form: a long piece without dashes, or the literal in
/// each form.
fn of_dashed(anchor: Anchor, literal: &str) -> Option<Vec<(Anchor, String)>> {
    const PIECE_BYTES: usize = 6;
    const FORMS_MAX: usize = 2;
    let longest = literal.split('-').max_by_key(|piece| piece.len())?;
    let dashes = literal.matches('-').count();
    if longest.len() < PIECE_BYTES && (1..=FORMS_MAX).contains(&dashes) {
        let mut forms = vec![String::new()];
        for c in literal.chars() {
            let chars: &[char] = if c == '-' { &DASHES } else { std::slice::from_ref(&c) };
            forms = forms.iter().flat_map(|form| chars.iter().map(move |c| format!("{form}{c}"))).collect();
        }
        return Some(forms.into_iter().map(|form| (anchor, form)).collect());
    }
    if dashes == 0 {
        return Some(vec![(anchor, literal.to_owned())]);
    }
    (!longest.is_empty()).then(|| vec![(Anchor::Anywhere, longest.to_owned())])
}

/// The rarest literal of a wildcard pattern, with its place.
fn glob_literal(pieces: &[Piece]) -> Option<(Anchor, Cow<'_, str>)> {
    let literals = pieces.iter().enumerate().filter_map(|(at, piece)| match piece {
        Piece::Literal(literal) if at == 0 => Some((Anchor::Start, &**literal)),
        Piece::Literal(literal) if at + 1 == pieces.len() => Some((Anchor::End, &**literal)),
        Piece::Literal(literal) => Some((Anchor::Anywhere, &**literal)),
        _ => None,
    });
    let (anchor, literal) =
        literals.min_by_key(|(_, literal)| (literal.len() < 4, commonness(literal), literal.len()))?;
    Some((anchor, Cow::Borrowed(literal)))
}

/// The most literals that stand for one regular expression.
const REGEX_LITERALS_MAX: usize = 64;

/// Folded literals of which one stands in every text that the expression matches.
fn of_regex<'p>(pattern: &str) -> Option<Literals<'p>> {
    let hir = regex_syntax::ParserBuilder::new().build().parse(pattern).ok()?;
    let literals = required(&hir)?;
    Some(literals.into_iter().map(|literal| (Anchor::Anywhere, Cow::Owned(literal))).collect())
}

fn required(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(required(part)?);
            }
            (all.len() <= REGEX_LITERALS_MAX).then_some(all)
        }
        HirKind::Concat(parts) => {
            let mut found: Vec<Vec<String>> = Vec::new();
            let mut run = String::new();
            for part in parts {
                if let Some(text) = exact(part) {
                    run.push_str(&text);
                    continue;
                }
                found.push(vec![std::mem::take(&mut run)]);
                found.extend(required(part));
            }
            found.push(vec![run]);
            best(found)
        }
        HirKind::Literal(_) | HirKind::Class(_) => best(vec![vec![exact(hir)?]]),
        _ => None,
    }
}

/// The set that is expected most rarely, of those whose literals are long enough to tell anything.
fn best(sets: Vec<Vec<String>>) -> Option<Vec<String>> {
    let tells = |literal: &String| literal.len() >= 2 || literal.starts_with(['`', '^', '~', '|', '{', '}', '<', '>']);
    let useful = sets.into_iter().filter(|set| !set.is_empty() && set.iter().all(tells));
    let cost = |set: &Vec<String>| -> u64 {
        set.iter().map(|literal| Key::Keyword(Anchor::Anywhere, Cow::Borrowed(literal)).cost()).sum()
    };
    useful.min_by_key(cost)
}

/// The folded text that this part always matches, if it is always the same but for case.
fn exact(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).ok().map(fold),
        HirKind::Class(Class::Unicode(class)) => {
            let chars: Vec<char> =
                class.iter().flat_map(|range| (range.start()..=range.end()).take(5)).take(5).collect();
            let first = fold(chars.first()?.encode_utf8(&mut [0; 4]));
            let same = chars.len() < 5 && chars.iter().all(|c| fold(c.encode_utf8(&mut [0; 4])) == first);
            same.then_some(first)
        }
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Repetition(repetition) if repetition.max == Some(repetition.min) && repetition.min <= 8 => {
            exact(&repetition.sub).map(|text| text.repeat(repetition.min as usize))
        }
        HirKind::Concat(parts) => parts.iter().map(exact).collect(),
        HirKind::Empty => Some(String::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str) -> Vec<String> {
        let found = of_regex(pattern).unwrap_or_default();
        found.into_iter().map(|(_, text)| text.into_owned()).collect()
    }

    #[test]
    fn regular_expressions_have_required_literals() {
        for (pattern, expected) in [
            (r"(?i)Invoke-Expression\s+.{1,5}", vec!["invoke-expression"]),
            (r"\d{4}", vec![]),
            (r"(foo|barbar)\d", vec!["foo", "barbar"]),
            (r"a+powershe{1,2}ll", vec!["powersh"]),
            (r"(?i:KERNEL)x?", vec!["kernel"]),
            (r"^(.*)$", vec![]),
            (r"[Ss]tart|x", vec![]),
            (r"(abc)*quux", vec!["quux"]),
            (r"é(?i)É", vec!["éé"]),
        ] {
            assert_eq!(of(pattern), expected, "{pattern}");
        }
    }
}
