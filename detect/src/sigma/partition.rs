//! Partitions: which rules an event of a given logsource can match at all, and an index that names the few worth
//! walking.
//!
//! A rule and an event agree when, for each of product, category and service that the rule names, the event either
//! names none or has that value among its values ([`super::logsource`]). Within a partition each rule is filed under its
//! witness ([`super::witness`]): literals in a table of grams per field, whole numbers in a hash, or the mere presence of a
//! field; a rule without a witness is always walked.
//!
//! Which witness is rare is first guessed, later chosen by what events really say ([`super::learning`]).
//!
//! Bounds: [`PARTITIONS_MAX`] indexes of [`BYTES_MAX`] bytes in all, and [`SAID_MAX`] remembered combinations of what
//! events say of their logsource; past them they are made anew as needed.

use std::collections::HashMap;

use aho_corasick::packed::Searcher;
use stream::{Event, Value};

use super::grams::{Anchor, Grams};
use super::learning::Learning;
use super::logsource::Sources;
use super::predicate::Slot;
use super::program::Program;
use super::view::{Shape, View};
use super::witness::Key;

/// The most logsource combinations indexed.
const PARTITIONS_MAX: usize = 256;
/// The most bytes of all indexes together.
const BYTES_MAX: usize = 64 << 20;
/// The most different texts of what events say of their logsource that are remembered.
const SAID_MAX: usize = 4096;
/// The indexes made so far.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    /// By what the event says; of two that fall into the same place the later one stays.
    said: Vec<Option<(Box<[u8]>, usize)>>,
    /// By what that means.
    known: HashMap<String, usize>,
    list: Vec<Partition>,
    bytes: usize,
    key: Vec<u8>,
}

impl Partitions {
    /// The partition of an event, made when it is the first of its logsource.
    pub(super) fn of(&mut self, program: &Program, shape: &Shape, event: &Event<'_>) -> &mut Partition {
        self.key.clear();
        for (hint, value) in shape.hints(event) {
            match value {
                Value::Str(text) => {
                    self.key.push(hint as u8);
                    self.key.extend_from_slice(text.as_bytes());
                    // No byte of text, so that the end of one is not the start of another.
                    self.key.push(0xff);
                }
                Value::Int(number) => {
                    self.key.push(hint as u8 | 0x80);
                    self.key.extend_from_slice(&number.to_le_bytes());
                }
                other => {
                    self.key.push(hint as u8 | 0x40);
                    self.key.extend_from_slice(other.text().as_bytes());
                    self.key.push(0xff);
                }
            }
        }
        if self.said.is_empty() {
            self.said.resize_with(SAID_MAX, || None);
        }
        let place = place_of(&self.key);
        let at = match &self.said[place] {
            Some((key, at)) if **key == *self.key => *at,
            _ => {
                let at = self.add(program, &Sources::new(shape.hints(event)));
                self.said[place] = Some((self.key.clone().into(), at));
                at
            }
        };
        &mut self.list[at]
    }

    fn add(&mut self, program: &Program, sources: &Sources) -> usize {
        let meaning = sources.key();
        if let Some(at) = self.known.get(&meaning) {
            return *at;
        }
        if self.list.len() >= PARTITIONS_MAX || self.bytes > BYTES_MAX {
            (self.known, self.list, self.bytes) = Default::default();
            self.said.fill_with(|| None);
        }
        let entries = 0..program.rules.len() as u32;
        let entries = entries.filter(|entry| sources.agree(&program.rules[*entry as usize].logsource));
        let partition = Partition::new(program, entries.collect());
        self.bytes += partition.bytes();
        self.list.push(partition);
        self.known.insert(meaning, self.list.len() - 1);
        self.list.len() - 1
    }
}

fn place_of(key: &[u8]) -> usize {
    let mut hash = key.len() as u64;
    let mut mix = |word: u64| hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (words, rest) = key.as_chunks::<8>();
    words.iter().for_each(|word| mix(u64::from_le_bytes(*word)));
    rest.iter().for_each(|byte| mix(u64::from(*byte)));
    (hash >> 40) as usize % SAID_MAX
}

/// Whether an event with these logsource values may be judged by such a rule; for absence rules.
pub(crate) fn may_judge(event: &Event<'_>, logsource: &super::program::Logsource) -> bool {
    let hints = event.iter().filter_map(|(field, value)| Some((super::logsource::Hint::of(field)?, value)));
    Sources::new(hints).agree(logsource)
}

/// The index of one logsource.
#[derive(Debug, Default)]
pub(super) struct Partition {
    entries: Box<[u32]>,
    always: Vec<u32>,
    /// By slot.
    slots: Vec<Option<Box<SlotIndex>>>,
    keywords: Keywords,
    plans: Vec<Plan>,
    learning: Learning,
}

/// What of a shape this partition reads.
#[derive(Debug)]
struct Plan {
    shape: u64,
    /// Rules to walk for the mere presence of fields.
    present: Box<[u32]>,
    /// Values and the slots whose literals and numbers they are asked for.
    values: Box<[(u16, Slot)]>,
}

/// The most shapes of which a partition remembers what it reads.
const PLANS_MAX: usize = 16;

#[derive(Debug, Default)]
struct SlotIndex {
    present: Vec<u32>,
    /// By number.
    numbers: Vec<(i64, Vec<u32>)>,
    grams: Grams,
}

/// Literals looked for in every field.
#[derive(Debug, Default)]
struct Keywords {
    grams: Grams,
    /// Tells most quickly that none of them is there, when there are few.
    few: Option<Searcher>,
    /// Whether one of them can stand in a whole number, or in another value that is not text.
    in_integers: bool,
    in_others: bool,
}

impl Keywords {
    /// The most literals that are looked for in one step.
    const FEW: usize = 48;

    fn few(keywords: &[(Anchor, &str, u32)]) -> Option<Searcher> {
        let mut literals: Vec<&str> = keywords.iter().map(|(_, literal, _)| *literal).collect();
        literals.sort_unstable();
        literals.dedup();
        let long = literals.iter().all(|literal| literal.len() >= 4);
        (long && literals.len() <= Self::FEW).then(|| Searcher::new(literals)).flatten()
    }

    fn may_stand_in(&self, text: &[u8]) -> bool {
        self.few.as_ref().is_none_or(|few| few.find(text).is_some())
    }
}

impl Partition {
    fn new(program: &Program, entries: Box<[u32]>) -> Partition {
        let mut partition = Partition { entries, ..Partition::default() };
        partition.build(program);
        partition
    }

    /// Files every rule under its witness.
    fn build(&mut self, program: &Program) {
        self.always.clear();
        self.plans.clear();
        let mut slots: Vec<Option<Box<SlotIndex>>> = Vec::new();
        slots.resize_with(program.slots, || None);
        let mut filed: Vec<(Slot, Anchor, &str, u32)> = Vec::new();
        let mut keywords: Vec<(Anchor, &str, u32)> = Vec::new();
        for &entry in &self.entries {
            let keys = self.learning.chosen(entry).or_else(|| program.witness(entry));
            let Some(keys) = keys else {
                self.always.push(entry);
                continue;
            };
            for key in keys {
                match key {
                    Key::Present(slot) => slots[usize::from(*slot)].get_or_insert_default().present.push(entry),
                    Key::Number(slot, number) => {
                        let index = slots[usize::from(*slot)].get_or_insert_default();
                        match index.numbers.binary_search_by_key(number, |(held, _)| *held) {
                            Ok(at) => index.numbers[at].1.push(entry),
                            Err(at) => index.numbers.insert(at, (*number, vec![entry])),
                        }
                    }
                    Key::Text(slot, anchor, text) => filed.push((*slot, *anchor, text, entry)),
                    // Values are joined before they are looked through, so that only the text counts.
                    Key::Keyword(_, text) => keywords.push((Anchor::Anywhere, text, entry)),
                }
            }
        }
        filed.sort_unstable_by_key(|(slot, ..)| *slot);
        for group in filed.chunk_by(|a, b| a.0 == b.0) {
            let literals = group.iter().map(|(_, anchor, text, entry)| (*anchor, *text, *entry)).collect();
            let slot = usize::from(group[0].0);
            let old = self.slots.get_mut(slot).and_then(Option::as_mut).map(|old| std::mem::take(&mut old.grams));
            slots[slot].get_or_insert_default().grams = Grams::renewed(old.unwrap_or_default(), literals);
        }
        self.slots = slots;
        self.keywords = Keywords {
            in_integers: keywords.iter().any(|(_, text, _)| only(text, "0123456789-")),
            in_others: keywords
                .iter()
                .any(|(_, text, _)| only(text, "0123456789abcdef.:-+tz/") || "true false nan inf".contains(text)),
            few: Keywords::few(&keywords),
            grams: Grams::new(keywords),
        };
    }

    fn bytes(&self) -> usize {
        let of = |index: &SlotIndex| {
            index.grams.bytes() + index.present.len() * 4 + index.numbers.len() * 64 + size_of::<SlotIndex>()
        };
        let slots = self.slots.iter().flatten().map(|index| of(index)).sum::<usize>();
        slots + self.slots.len() * 8 + self.keywords.grams.bytes() + self.entries.len() * 4
    }

    /// Which of its plans is for this shape.
    fn plan(&mut self, shape: &Shape) -> usize {
        if let Some(at) = self.plans.iter().position(|plan| plan.shape == shape.number()) {
            return at;
        }
        let (mut present, mut values) = (Vec::new(), Vec::new());
        for slot in shape.used() {
            let Some(index) = &self.slots[usize::from(*slot)] else { continue };
            present.extend_from_slice(&index.present);
            if !(index.numbers.is_empty() && index.grams.is_empty()) {
                values.extend(shape.of_slot(*slot).map(|value| (value, *slot)));
            }
        }
        if self.plans.len() >= PLANS_MAX {
            self.plans.remove(0);
        }
        self.plans.push(Plan { shape: shape.number(), present: present.into(), values: values.into() });
        self.plans.len() - 1
    }

    /// Names every rule that might match; some several times.
    pub(super) fn candidates(&mut self, shape: &Shape, view: &mut View<'_, '_>, mut found: impl FnMut(u32)) {
        let plan = self.plan(shape);
        let plan = &self.plans[plan];
        let mut several = |list: &[u32]| list.iter().copied().for_each(&mut found);
        several(&self.always);
        several(&plan.present);
        for (value, slot) in &plan.values {
            let Some(index) = &self.slots[usize::from(*slot)] else { continue };
            let value = usize::from(*value);
            if !index.numbers.is_empty()
                && let Some(number) = whole(view.value(value))
                && let Ok(at) = index.numbers.binary_search_by_key(&number, |(held, _)| *held)
            {
                several(&index.numbers[at].1);
            }
            if !index.grams.is_empty() {
                index.grams.scan(view.scanned(value), &mut several);
            }
        }
        if !self.keywords.grams.is_empty() {
            let joined = view.joined(|value| match value {
                // In lower case it may be longer, unless it is ASCII.
                Value::Str(text) => self.keywords.grams.fits(text.len()) || !text.is_ascii(),
                Value::Int(_) => self.keywords.in_integers,
                _ => self.keywords.in_others,
            });
            if self.keywords.may_stand_in(joined) {
                self.keywords.grams.scan(joined, &mut several);
            }
        }
    }

    /// Takes note of an event and of the rules walked for it, and chooses witnesses anew when it is time.
    pub(super) fn learn(&mut self, program: &Program, shape: &Shape, view: &mut View<'_, '_>, walked: &[u32]) {
        if self.learning.note(program, shape, view, walked) {
            self.build(program);
        }
    }

    /// Whether [`Partition::learn`] still wants to be told.
    pub(super) fn learns(&self) -> bool {
        self.learning.goes_on()
    }
}

/// Whether the text consists of these characters only.
fn only(text: &str, of: &str) -> bool {
    text.chars().all(|c| of.contains(c))
}

/// The value as a whole number, if it is one or reads as one.
pub(super) fn whole(value: Value<'_>) -> Option<i64> {
    let Value::Str(text) = value else { return value.number().map(|number| number as i64) };
    let starts =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b' ' | b'\t') || !byte.is_ascii();
    if !text.as_bytes().first().is_some_and(starts) {
        return None;
    }
    text.parse().ok().or_else(|| value.number().map(|number| number as i64))
}
