//! Partitions: which rules an event of a given logsource can match at all, and an index that names the few worth
//! walking.
//!
//! A rule and an event agree when, for each of product, category and service that the rule names, the event either
//! names none or has that value among its values. Within a partition each rule is filed under a *witness*: a set of
//! questions of which at least one must be answered yes for the rule to match. Witnesses are literals of one field
//! (whole texts and whole numbers in a hash, substrings in one automaton) or the mere presence of a field; a rule without a
//! witness is always walked. The index only ever leaves out rules that cannot match.
//!
//! Bound: [`PARTITIONS_MAX`] indexes are kept; events of further logsources share one index of all rules, whose
//! walk then checks the logsource itself.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;
use stream::{Event, FieldId, fields};

use super::predicate::{Compare, Number, Op, Place, Predicate, Slot, Text};
use super::program::{Expr, Program};
use super::text::fold;
use super::view::View;

/// The most logsource combinations indexed.
const PARTITIONS_MAX: usize = 512;

/// The indexes made so far.
#[derive(Debug, Default)]
pub(crate) struct Partitions {
    known: HashMap<String, usize>,
    list: Vec<Partition>,
    key: String,
}

impl Partitions {
    /// The partition of an event, made when it is the first of its logsource.
    pub(super) fn of(&mut self, program: &Program, event: &Event<'_>) -> &Partition {
        self.key.clear();
        for (field, value) in event.iter() {
            let place = match field {
                fields::SEKISHO_LOGSOURCE_PRODUCT => '\u{1}',
                fields::SEKISHO_LOGSOURCE_CATEGORY => '\u{2}',
                fields::SEKISHO_LOGSOURCE_SERVICE => '\u{3}',
                _ => continue,
            };
            self.key.push(place);
            self.key.push_str(&value.text());
        }
        let at = match self.known.get(&self.key) {
            Some(at) => *at,
            None => self.add(program, event),
        };
        &self.list[at]
    }

    fn add(&mut self, program: &Program, event: &Event<'_>) -> usize {
        if self.list.len() >= PARTITIONS_MAX {
            // A stream of ever new logsources: the last index is rebuilt each time, slow but right and bounded.
            self.list.pop();
            self.known.retain(|_, at| *at < PARTITIONS_MAX - 1);
        }
        let entries = (0..program.rules.len() as u32).filter(|entry| {
            let rule = &program.rules[*entry as usize].logsource;
            [&rule.product, &rule.category, &rule.service]
                .into_iter()
                .zip(LOGSOURCE)
                .all(|(wanted, field)| wanted.as_deref().is_none_or(|wanted| agrees(event, field, wanted)))
        });
        self.list.push(Partition::new(program, entries));
        self.known.insert(self.key.clone(), self.list.len() - 1);
        self.list.len() - 1
    }
}

const LOGSOURCE: [FieldId; 3] =
    [fields::SEKISHO_LOGSOURCE_PRODUCT, fields::SEKISHO_LOGSOURCE_CATEGORY, fields::SEKISHO_LOGSOURCE_SERVICE];

fn agrees(event: &Event<'_>, field: FieldId, wanted: &str) -> bool {
    let mut named = false;
    for value in event.all(field) {
        named = true;
        if value.text().eq_ignore_ascii_case(wanted) {
            return true;
        }
    }
    !named
}

/// Whether an event with these logsource values may be judged by such a rule; for absence rules.
pub(crate) fn may_judge(event: &Event<'_>, logsource: &super::program::Logsource) -> bool {
    [&logsource.product, &logsource.category, &logsource.service]
        .into_iter()
        .zip(LOGSOURCE)
        .all(|(wanted, field)| wanted.as_deref().is_none_or(|wanted| agrees(event, field, wanted)))
}

/// The index of one logsource.
#[derive(Debug, Default)]
pub(super) struct Partition {
    always: Vec<u32>,
    /// By slot.
    slots: Vec<Option<Box<SlotIndex>>>,
    /// Slot by field index, of the fields that its rules use; `u16::MAX` for others.
    slot_of: Vec<u16>,
    /// Whether one of its rules has keywords, which look at every field.
    keywords: bool,
}

#[derive(Debug, Default)]
struct SlotIndex {
    present: Vec<u32>,
    equals: HashMap<Box<str>, Vec<u32>>,
    numbers: HashMap<i64, Vec<u32>>,
    contains: Option<(AhoCorasick, Vec<Vec<u32>>)>,
}

impl Partition {
    fn new(program: &Program, entries: impl Iterator<Item = u32>) -> Partition {
        let mut partition = Partition::default();
        partition.slots.resize_with(program.slots, || None);
        let mut used = vec![false; program.slots];
        let mut needles: HashMap<Slot, HashMap<String, Vec<u32>>> = HashMap::new();
        for entry in entries {
            partition.keywords |= uses(&program.rules[entry as usize].condition, &program.predicates, &mut used);
            match witness(&program.rules[entry as usize].condition, &program.predicates) {
                None => partition.always.push(entry),
                Some(keys) => keys.into_iter().for_each(|key| partition.file(key, entry, &mut needles)),
            }
        }
        for (slot, needles) in needles {
            let (patterns, lists): (Vec<String>, Vec<Vec<u32>>) = needles.into_iter().unzip();
            let index = partition.index(slot);
            match AhoCorasick::new(&patterns) {
                Ok(automaton) => index.contains = Some((automaton, lists)),
                Err(_) => index.present.extend(lists.into_iter().flatten()),
            }
        }
        let kept = |slot: &u16| if used.get(usize::from(*slot)) == Some(&true) { *slot } else { u16::MAX };
        partition.slot_of = program.slot_of.iter().map(kept).collect();
        partition
    }

    /// Slot by field index, of the fields that its rules use.
    pub(super) fn slot_of(&self) -> &[u16] {
        &self.slot_of
    }

    /// Whether its rules look at every field.
    pub(super) fn keywords(&self) -> bool {
        self.keywords
    }

    fn index(&mut self, slot: Slot) -> &mut SlotIndex {
        self.slots[usize::from(slot)].get_or_insert_default()
    }

    fn file(&mut self, key: Key, entry: u32, needles: &mut HashMap<Slot, HashMap<String, Vec<u32>>>) {
        match key {
            Key::Present(slot) => self.index(slot).present.push(entry),
            Key::Equals(slot, text) => {
                self.index(slot).equals.entry(text.into()).or_default().push(entry);
            }
            Key::Number(slot, number) => {
                self.index(slot).numbers.entry(number).or_default().push(entry);
            }
            Key::Contains(slot, text) => {
                needles.entry(slot).or_default().entry(text).or_default().push(entry);
            }
        }
    }

    /// Names every rule that might match; some several times.
    pub(super) fn candidates(&self, view: &mut View<'_, '_>, mut found: impl FnMut(u32)) {
        self.always.iter().copied().for_each(&mut found);
        for at in 0..view.used() {
            let slot = view.used_slot(at);
            let Some(index) = &self.slots[usize::from(slot)] else { continue };
            index.present.iter().copied().for_each(&mut found);
            let mut next = view.first(slot);
            while let Some(value) = next {
                if !index.numbers.is_empty()
                    && let Some(number) = view.value(value).number()
                    && let Some(list) = index.numbers.get(&(number as i64))
                {
                    list.iter().copied().for_each(&mut found);
                }
                if !index.equals.is_empty()
                    && let Some(list) = index.equals.get(view.folded(value))
                {
                    list.iter().copied().for_each(&mut found);
                }
                if let Some((automaton, lists)) = &index.contains {
                    for hit in automaton.find_overlapping_iter(view.folded(value)) {
                        lists[hit.pattern().as_usize()].iter().copied().for_each(&mut found);
                    }
                }
                next = view.next(value);
            }
        }
    }
}

/// Marks the slots that an expression reads; tells whether it has keywords.
fn uses(expr: &Expr, predicates: &[Predicate], used: &mut [bool]) -> bool {
    match expr {
        Expr::Is(predicate) => {
            let Predicate { place, op } = &predicates[*predicate as usize];
            if let Op::FieldRef { other, .. } = op {
                other.iter().for_each(|slot| used[usize::from(*slot)] = true);
            }
            match place {
                Place::Fields(slots) => slots.iter().for_each(|slot| used[usize::from(*slot)] = true),
                Place::Anywhere => return true,
            }
            false
        }
        Expr::All(parts) | Expr::Any(parts) | Expr::AtLeast(_, parts) => {
            parts.iter().filter(|part| uses(part, predicates, used)).count() > 0
        }
        Expr::Not(part) => uses(part, predicates, used),
    }
}

/// A question of a witness.
enum Key {
    Present(Slot),
    Equals(Slot, String),
    Number(Slot, i64),
    Contains(Slot, String),
}

impl Key {
    /// How many events are expected to answer yes: lower is better.
    fn cost(&self) -> u32 {
        match self {
            Key::Equals(..) | Key::Number(..) => 1,
            Key::Contains(_, text) if text.len() > 3 => 1,
            Key::Contains(..) => 10,
            Key::Present(_) => 1000,
        }
    }
}

/// Questions of which one is answered yes whenever the expression holds; none when nothing of the kind is known.
fn witness(expr: &Expr, predicates: &[Predicate]) -> Option<Vec<Key>> {
    match expr {
        Expr::Is(predicate) => keys(&predicates[*predicate as usize]),
        Expr::All(parts) => {
            let known = parts.iter().filter_map(|part| witness(part, predicates));
            known.min_by_key(|keys| keys.iter().map(|key| u64::from(key.cost())).sum::<u64>())
        }
        Expr::Any(parts) => union(parts, predicates),
        Expr::AtLeast(0, _) | Expr::Not(_) => None,
        Expr::AtLeast(_, parts) => union(parts, predicates),
    }
}

fn union(parts: &[Expr], predicates: &[Predicate]) -> Option<Vec<Key>> {
    let mut all = Vec::new();
    for part in parts {
        all.extend(witness(part, predicates)?);
    }
    Some(all)
}

fn keys(predicate: &Predicate) -> Option<Vec<Key>> {
    let Place::Fields(slots) = &predicate.place else { return None };
    let per_slot = |key: &dyn Fn(Slot) -> Vec<Key>| Some(slots.iter().flat_map(|slot| key(*slot)).collect());
    let present = |slot: Slot| vec![Key::Present(slot)];
    match &predicate.op {
        Op::Null | Op::Exists(false) => None,
        Op::Number { compare: Compare::Equal, number: Number::Whole(number) } if number.unsigned_abs() < 1 << 52 => {
            per_slot(&|slot| vec![Key::Number(slot, *number)])
        }
        Op::Text { text, dashes: false, .. } => match text {
            Text::Equals(literal) => per_slot(&|slot| vec![Key::Equals(slot, fold(literal))]),
            Text::OneOf(literals) => {
                per_slot(&|slot| literals.iter().map(|literal| Key::Equals(slot, fold(literal))).collect())
            }
            Text::ContainsAny(_, literals) => {
                per_slot(&|slot| literals.iter().map(|literal| Key::Contains(slot, fold(literal))).collect())
            }
            Text::StartsWith(literal) | Text::EndsWith(literal) if !literal.is_empty() => {
                per_slot(&|slot| vec![Key::Contains(slot, fold(literal))])
            }
            Text::Contains(finder) if !finder.needle().is_empty() => {
                let literal = String::from_utf8_lossy(finder.needle());
                per_slot(&|slot| vec![Key::Contains(slot, fold(&literal))])
            }
            Text::Glob(glob) => match glob.literal() {
                Some(literal) => per_slot(&|slot| vec![Key::Contains(slot, fold(literal))]),
                None => per_slot(&present),
            },
            _ => per_slot(&present),
        },
        _ => per_slot(&present),
    }
}
