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
//! All judges of a program share its indexes: the judge that met a logsource first builds its index, chooses its
//! witnesses and puts a better index in the place of the first; the others take what is there.
//!
//! Bounds: [`PARTITIONS_MAX`] indexes of [`BYTES_MAX`] bytes in all, and [`SAID_MAX`] remembered combinations of what
//! events say of their logsource; past them they are made anew as needed.

mod keywords;
mod repeats;
mod said;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use stream::{Event, Value};

use self::keywords::Keywords;
use self::repeats::Habit;
pub(super) use self::repeats::Repeats;
use self::said::{is_said, place_of, said};
use super::grams::{Anchor, Grams, Seen};
use super::learning::{Chosen, Learning};
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

/// The indexes of a program, for all that judge by it.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    places: HashMap<String, Arc<Place>>,
    bytes: usize,
    /// Grows when all of them are given up.
    epoch: u64,
}

/// Where the index of a logsource is found.
#[derive(Debug, Default)]
struct Place {
    index: Mutex<Option<Arc<Index>>>,
    /// Grows when the index is exchanged.
    version: AtomicU32,
}

impl Indexes {
    /// The place of a logsource, whether it was made just now, and the epoch.
    fn place(&self, meaning: &str) -> (Arc<Place>, bool, u64) {
        let mut held = lock(&self.held);
        if let Some(place) = held.places.get(meaning) {
            return (Arc::clone(place), false, held.epoch);
        }
        if held.places.len() >= PARTITIONS_MAX || held.bytes > BYTES_MAX {
            *held = Held { epoch: held.epoch + 1, ..Held::default() };
        }
        let place = Arc::new(Place::default());
        held.places.insert(meaning.to_owned(), Arc::clone(&place));
        (place, true, held.epoch)
    }

    fn count(&self, bytes: usize) {
        lock(&self.held).bytes += bytes;
    }

    /// An index goes.
    fn discount(&self, bytes: usize) {
        let mut held = lock(&self.held);
        held.bytes = held.bytes.saturating_sub(bytes);
    }
}

/// A lock of something that is whole at any time, so that it does not matter who else failed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The partitions that one judge has met.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    /// By what the event says; of two that fall into the same place the later one stays.
    said: Vec<Option<(Box<[u8]>, usize)>>,
    /// By what that means.
    known: HashMap<String, usize>,
    list: Vec<Partition>,
    epoch: u64,
}

impl Partitions {
    /// The partition of an event, made when it is the first of its logsource.
    pub(super) fn of(&mut self, program: &Program, shape: &Shape, event: &Event<'_>) -> &mut Partition {
        if self.said.is_empty() {
            self.said.resize_with(SAID_MAX, || None);
        }
        let place = place_of(shape.hints(event).map(|(_, value)| value));
        let at = match &self.said[place] {
            Some((key, at)) if is_said(key, shape.hints(event)) => *at,
            _ => {
                let at = self.add(program, &Sources::new(shape.hints(event).map(|(hint, value)| (hint, *value))));
                self.said[place] = Some((said(shape.hints(event)), at));
                at
            }
        };
        let partition = &mut self.list[at];
        partition.refresh();
        partition
    }

    fn add(&mut self, program: &Program, sources: &Sources) -> usize {
        let meaning = sources.key();
        if let Some(at) = self.known.get(&meaning) {
            return *at;
        }
        let (place, made, epoch) = program.indexes.place(&meaning);
        // What the program gave up goes here, too.
        if epoch != self.epoch {
            (self.known, self.list, self.epoch) = (HashMap::new(), Vec::new(), epoch);
            self.said.fill_with(|| None);
        }
        self.list.push(Partition::open(program, sources, place, made));
        self.known.insert(meaning, self.list.len() - 1);
        self.list.len() - 1
    }
}

/// Whether an event with these logsource values may be judged by such a rule; for absence rules.
pub(crate) fn may_judge(event: &Event<'_>, logsource: &super::program::Logsource) -> bool {
    let hints = event.iter().filter_map(|(field, value)| Some((super::logsource::Hint::of(field)?, value)));
    Sources::new(hints).agree(logsource)
}

/// The rules of one logsource, as one judge sees them.
#[derive(Debug)]
pub(super) struct Partition {
    place: Arc<Place>,
    index: Arc<Index>,
    version: u32,
    plans: Vec<Plan>,
    /// Only of the judge that made the index.
    learning: Option<Learning>,
}

/// The index of one logsource.
#[derive(Debug, Default)]
struct Index {
    entries: Arc<[u32]>,
    always: Vec<u32>,
    /// By slot.
    slots: Vec<Option<Box<SlotIndex>>>,
    keywords: Keywords,
    /// The rules whose witnesses were learned.
    chosen: HashMap<u32, Arc<Chosen>>,
    /// What of it is counted in [`Held`].
    bytes: AtomicUsize,
}

/// A rule's number in the program, and which of its witnesses speaks: what a key is filed with.
pub(super) struct Call;

impl Call {
    pub(super) const FIRST: u32 = 1;
    pub(super) const SECOND: u32 = 2;
    /// Both, or the only one.
    pub(super) const BOTH: u32 = 3;
    const BITS: u32 = 2;

    fn of(entry: u32, witnesses: u32) -> u32 {
        entry << Self::BITS | witnesses
    }

    /// The rule and the witnesses.
    pub(super) fn read(call: u32) -> (u32, u32) {
        (call >> Self::BITS, call & Self::BOTH)
    }
}

/// What of a shape this partition reads.
#[derive(Debug)]
struct Plan {
    shape: u64,
    /// Rules to walk for the mere presence of fields.
    present: Box<[u32]>,
    values: Box<[Reading]>,
}

/// A value that is asked for literals or numbers.
#[derive(Debug)]
struct Reading {
    value: u16,
    slot: Slot,
    /// Whether it is asked for numbers.
    numbers: bool,
    /// Whether whole numbers, and other values that are not text, are asked for literals.
    integers: bool,
    others: bool,
    /// As [`Grams::lengths`], at hand: most texts are of a length that no literal fits, or hold none.
    lengths: u64,
    habit: Habit,
    grams: Option<Arc<Grams>>,
}

/// The most shapes of which a partition remembers what it reads.
const PLANS_MAX: usize = 16;

#[derive(Debug, Default)]
struct SlotIndex {
    present: Vec<u32>,
    /// By number.
    numbers: Vec<(i64, Vec<u32>)>,
    /// Its literals: the call of each, and its place among the keys of that witness.
    filed: Vec<(u32, u32)>,
    /// Made when an event has a value here: most fields that rules ask for never come.
    grams: OnceLock<Arc<Grams>>,
    /// What its values hold, once they were sampled.
    seen: Option<Arc<Seen>>,
}

impl Index {
    /// Files every rule under its witness.
    fn new<'p>(program: &'p Program, entries: Arc<[u32]>, learning: Option<&'p Learning>) -> Index {
        let chosen = learning.map(|learning| learning.chosen().clone()).unwrap_or_default();
        let mut index = Index { entries, chosen, ..Index::default() };
        let mut slots: Vec<Option<Box<SlotIndex>>> = Vec::new();
        slots.resize_with(program.slots, || None);
        let mut keywords: Vec<(Anchor, &str, u32)> = Vec::new();
        let mut filed: Vec<(u32, u32)> = Vec::new();
        let mut file = |keys: &'p [Key<'static>], call: u32| {
            for (place, key) in keys.iter().enumerate() {
                match key {
                    Key::Present(slot) => slots[usize::from(*slot)].get_or_insert_default().present.push(call),
                    Key::Number(slot, number) => {
                        let of_slot = slots[usize::from(*slot)].get_or_insert_default();
                        match of_slot.numbers.binary_search_by_key(number, |(held, _)| *held) {
                            Ok(at) => of_slot.numbers[at].1.push(call),
                            Err(at) => of_slot.numbers.insert(at, (*number, vec![call])),
                        }
                    }
                    Key::Text(slot, ..) => {
                        slots[usize::from(*slot)].get_or_insert_default().filed.push((call, place as u32));
                    }
                    // Values may be joined before they are looked through, so that only the text counts.
                    Key::Keyword(_, text) => {
                        keywords.push((Anchor::Anywhere, text, call));
                        filed.push((call, place as u32));
                    }
                }
            }
        };
        for &entry in &*index.entries {
            match learning.and_then(|learning| learning.chosen().get(&entry)).map(|chosen| &**chosen) {
                Some(Chosen { first, second: Some(second) }) => {
                    file(first, Call::of(entry, Call::FIRST));
                    file(second, Call::of(entry, Call::SECOND));
                }
                Some(Chosen { first, second: None }) => file(first, Call::of(entry, Call::BOTH)),
                None => match program.witness(entry) {
                    Some(keys) => file(keys, Call::of(entry, Call::BOTH)),
                    None => index.always.push(Call::of(entry, Call::BOTH)),
                },
            }
        }
        for (slot, seen) in learning.into_iter().flat_map(Learning::seen) {
            if let Some(index) = &mut slots[usize::from(slot)] {
                index.seen = Some(seen);
            }
        }
        index.slots = slots;
        index.keywords = Keywords::new(keywords, filed);
        let bytes = index.measure();
        index.bytes.store(bytes, Ordering::Relaxed);
        program.indexes.count(bytes);
        index
    }

    /// Makes the literals of a slot ready to be looked for, long keywords with them.
    fn prepare<'s>(&self, program: &Program, slot: &'s SlotIndex) -> &'s Arc<Grams> {
        slot.grams.get_or_init(|| {
            let literal = |(call, place): &(u32, u32)| match self.keys(program, *call).get(*place as usize) {
                Some(Key::Text(_, anchor, text)) => Some((*anchor, &**text, *call)),
                Some(Key::Keyword(_, text)) => Some((Anchor::Anywhere, &**text, *call)),
                _ => None,
            };
            let filed = slot.filed.iter().chain(&self.keywords.filed);
            let grams = Grams::of(filed.filter_map(literal).collect(), slot.seen.as_deref());
            self.bytes.fetch_add(grams.bytes(), Ordering::Relaxed);
            program.indexes.count(grams.bytes());
            Arc::new(grams)
        })
    }

    /// The keys that call a rule so.
    fn keys<'p>(&'p self, program: &'p Program, call: u32) -> &'p [Key<'static>] {
        let (entry, witnesses) = Call::read(call);
        match self.chosen.get(&entry) {
            Some(chosen) if witnesses == Call::SECOND => chosen.second.as_deref().unwrap_or(&[]),
            Some(chosen) => &chosen.first,
            None => program.witness(entry).unwrap_or(&[]),
        }
    }

    fn measure(&self) -> usize {
        let of = |index: &SlotIndex| {
            index.present.len() * 4 + index.numbers.len() * 64 + index.filed.len() * 8 + size_of::<SlotIndex>()
        };
        let slots = self.slots.iter().flatten().map(|index| of(index)).sum::<usize>();
        slots + self.slots.len() * 8 + self.keywords.grams.bytes() + self.entries.len() * 4
    }
}

impl Partition {
    /// The partition of a logsource, with the index that another judge made, or one of its own.
    fn open(program: &Program, sources: &Sources, place: Arc<Place>, made: bool) -> Partition {
        let mut held = lock(&place.index);
        let index = held.get_or_insert_with(|| {
            let entries = 0..program.rules.len() as u32;
            let entries = entries.filter(|entry| sources.agree(&program.rules[*entry as usize].logsource));
            Arc::new(Index::new(program, entries.collect(), None))
        });
        let (index, version) = (Arc::clone(index), place.version.load(Ordering::Acquire));
        drop(held);
        Partition { place, index, version, plans: Vec::new(), learning: made.then(Learning::default) }
    }

    /// Takes the index that another judge put in the place of the one at hand.
    #[inline]
    fn refresh(&mut self) {
        if self.place.version.load(Ordering::Relaxed) != self.version {
            self.take_newer();
        }
    }

    #[cold]
    fn take_newer(&mut self) {
        let held = lock(&self.place.index);
        self.version = self.place.version.load(Ordering::Acquire);
        if let Some(index) = &*held {
            self.index = Arc::clone(index);
        }
        self.plans.clear();
    }

    /// Which of its plans is for this shape.
    fn plan(&mut self, program: &Program, shape: &Shape) -> usize {
        if let Some(at) = self.plans.iter().position(|plan| plan.shape == shape.number()) {
            return at;
        }
        let (mut present, mut values) = (Vec::new(), Vec::new());
        for slot in shape.used() {
            let Some(index) = &self.index.slots[usize::from(*slot)] else { continue };
            present.extend_from_slice(&index.present);
            let grams = (!index.filed.is_empty()).then(|| self.index.prepare(program, index));
            let numbers = !index.numbers.is_empty();
            if numbers || grams.is_some() {
                values.extend(shape.of_slot(*slot).map(|value| Reading {
                    value,
                    slot: *slot,
                    numbers,
                    integers: true,
                    others: true,
                    lengths: grams.map_or(0, |grams| grams.lengths()),
                    habit: Habit::default(),
                    grams: grams.cloned(),
                }));
            }
        }
        let keywords = &self.index.keywords;
        if !keywords.filed.is_empty() {
            // Values that are asked for no other literal.
            let asked: Vec<u16> = values
                .iter()
                .filter(|reading: &&Reading| reading.grams.is_some())
                .map(|reading| reading.value)
                .collect();
            values.extend(shape.content().iter().filter(|value| !asked.contains(value)).map(|value| Reading {
                value: *value,
                slot: 0,
                numbers: false,
                integers: keywords.in_integers,
                others: keywords.in_others,
                lengths: keywords.grams.lengths(),
                habit: Habit::default(),
                grams: Some(Arc::clone(&keywords.grams)),
            }));
        }
        if self.plans.len() >= PLANS_MAX {
            self.plans.remove(0);
        }
        self.plans.push(Plan { shape: shape.number(), present: present.into(), values: values.into() });
        self.plans.len() - 1
    }

    /// Calls every rule that might match ([`Call`]); some several times. A rule of two witnesses might match when both were called.
    pub(super) fn candidates(
        &mut self,
        program: &Program,
        shape: &Shape,
        view: &mut View<'_, '_>,
        repeats: &mut Repeats,
        mut found: impl FnMut(u32),
    ) {
        let plan = self.plan(program, shape);
        let (plan, of_all) = (&mut self.plans[plan], &*self.index);
        let mut several = |list: &[u32]| list.iter().copied().for_each(&mut found);
        several(&of_all.always);
        several(&plan.present);
        for reading in &mut plan.values {
            let value = usize::from(reading.value);
            if reading.numbers
                && let Some(index) = &of_all.slots[usize::from(reading.slot)]
                && let Some(number) = whole(view.value(value))
                && let Ok(at) = index.numbers.binary_search_by_key(&number, |(held, _)| *held)
            {
                several(&index.numbers[at].1);
            }
            if let Some(grams) = &reading.grams
                && let Some(text) = view.scanned(value, reading.integers, reading.others)
                && reading.lengths >> text.len().min(63) & 1 != 0
            {
                repeats.scan(grams, text, &mut reading.habit, &mut several);
            }
        }
        let keywords = &of_all.keywords;
        if !keywords.grams.is_empty() && keywords.filed.is_empty() {
            let joined = view.joined(|value| match value {
                // In lower case it may be longer, unless it is ASCII.
                Value::Str(text) => keywords.grams.fits(text.len()) || !text.is_ascii(),
                Value::Int(_) => keywords.in_integers,
                _ => keywords.in_others,
            });
            if keywords.may_stand_in(joined) {
                keywords.grams.scan(joined, &mut several);
            }
        }
    }

    /// Takes note of an event and of the rules walked for it, and chooses witnesses anew when it is time.
    pub(super) fn learn(&mut self, program: &Program, shape: &Shape, view: &mut View<'_, '_>, walked: &[u32]) {
        let Some(learning) = &mut self.learning else { return };
        if !learning.note(program, shape, view, walked) {
            return;
        }
        let index = Index::new(program, Arc::clone(&self.index.entries), Some(learning));
        learning.forget();
        program.indexes.discount(self.index.bytes.load(Ordering::Relaxed));
        self.index = Arc::new(index);
        self.plans.clear();
        *lock(&self.place.index) = Some(Arc::clone(&self.index));
        self.version = self.place.version.fetch_add(1, Ordering::Release) + 1;
    }

    /// Whether [`Partition::learn`] still wants to be told.
    pub(super) fn learns(&self) -> bool {
        self.learning.as_ref().is_some_and(Learning::goes_on)
    }
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
