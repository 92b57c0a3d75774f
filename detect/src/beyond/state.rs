//! What the keys of all rules remember, and who asks whom.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stream::Timestamp;

use super::absence::{self, Pending};
use super::health::Health;
use super::{Beyond, Case, baseline, beacon, first_seen, keyed};
use crate::by_source::Hint;
use crate::correlation::table::Store;
use crate::engine::clock;
use crate::rules::{Compiled, RuleSet};

/// A tick moves the watermark of a tenant whose newest event is at most this much older: an hour.
const FOLLOW_NANOS: i64 = 3_600 * stream::NANOS_PER_SECOND;

/// What one rule remembers.
#[derive(Debug, Default)]
struct Memory {
    first_seen: first_seen::Memory,
    baseline: baseline::Memory,
    beacon: beacon::Memory,
    absence: absence::Memory,
}

/// The saved form of a memory.
#[derive(Serialize)]
struct Saving<'m> {
    first_seen: keyed::Saved<&'m first_seen::Seen>,
    baseline: keyed::Saved<&'m baseline::Series>,
    beacon: beacon::Saved<&'m beacon::Pulse, &'m beacon::Shared>,
    absence: absence::Saved<&'m absence::Pair>,
}

/// See [`Saving`].
#[derive(Deserialize)]
struct Saved {
    first_seen: keyed::Saved<first_seen::Seen>,
    baseline: keyed::Saved<baseline::Series>,
    beacon: beacon::Saved<beacon::Pulse, beacon::Shared>,
    absence: absence::Saved<absence::Pair>,
}

/// What a snapshot holds of this: the common part, and one part per rule.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedState {
    health: Health,
    marks: BTreeMap<String, i64>,
    /// By the name a snapshot gives a rule.
    memories: Vec<(String, Vec<u8>)>,
}

/// The memory of all rules.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// By rule index; none for rules that remember nothing.
    memories: Vec<Option<Box<Memory>>>,
    /// By rule index: the absence rules that it answers.
    answers: Vec<Vec<u32>>,
    /// The absence rules that ask for another rule.
    asking: Vec<u32>,
    health: Health,
    marks: Marks,
}

/// Where the state of a source and its tenant stands.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    mark: Cell<Option<u32>>,
    life: Hint,
}

/// The watermarks of all tenants, which stay where they are.
#[derive(Debug, Default)]
struct Marks {
    places: BTreeMap<String, u32>,
    marks: Vec<Mark>,
}

#[derive(Debug)]
struct Mark {
    /// The watermark, in nanoseconds.
    now: i64,
    /// No absence of the tenant is due before this; not state, but worked out when it is reached.
    due: i64,
}

impl Marks {
    fn get(&self, tenant: &str) -> i64 {
        self.places.get(tenant).map_or(i64::MIN, |place| self.marks[*place as usize].now)
    }

    fn place(&mut self, tenant: &str) -> u32 {
        if let Some(place) = self.places.get(tenant) {
            return *place;
        }
        self.marks.push(Mark { now: i64::MIN, due: i64::MIN });
        self.places.insert(tenant.to_owned(), self.marks.len() as u32 - 1);
        self.marks.len() as u32 - 1
    }

    fn save(&self) -> BTreeMap<String, i64> {
        self.places.iter().map(|(tenant, place)| (tenant.clone(), self.marks[*place as usize].now)).collect()
    }

    fn restore(saved: BTreeMap<String, i64>) -> Marks {
        let marks = saved.values().map(|now| Mark { now: *now, due: i64::MIN }).collect();
        Marks { places: saved.into_keys().zip(0..).collect(), marks }
    }
}

impl State {
    /// Without history.
    pub(crate) fn new(rules: &RuleSet) -> State {
        let mut state = State { answers: vec![Vec::new(); rules.compiled.len()], ..State::default() };
        for (index, compiled) in rules.compiled.iter().enumerate() {
            let beyond = beyond_of(compiled);
            if let Some(without) = beyond.and_then(|beyond| beyond.without.as_ref()) {
                state.asking.push(index as u32);
                state.answers[without.other as usize].push(index as u32);
            }
            state.memories.push(beyond.filter(|beyond| beyond.remembers()).map(|_| Box::default()));
        }
        state
    }

    /// Whether every event must be heard, matched or not.
    pub(crate) fn listens(&self) -> bool {
        !self.asking.is_empty()
    }

    /// Hears an event of a source; gives what stays without an answer now.
    pub(crate) fn hear(
        &mut self,
        rules: &RuleSet,
        case: &Case<'_, '_>,
        declared: Option<i64>,
        heard: &Heard,
        found: &mut Vec<(u32, Pending)>,
    ) {
        let time = clock::not_ahead(case.time, case.received).0;
        let place = heard.mark.get().unwrap_or_else(|| self.marks.place(case.tenant));
        heard.mark.set(Some(place));
        let mark = &mut self.marks.marks[place as usize];
        mark.now = time.max(mark.now);
        let (now, due) = (mark.now, mark.due);
        self.health.hear(case.tenant, case.source, case.now.0, declared, &heard.life);
        if now >= due {
            self.judge(rules, case.tenant, now, false, found);
            self.marks.marks[place as usize].due = self.due(case.tenant);
        }
    }

    /// When an absence of the tenant is due next.
    fn due(&self, tenant: &str) -> i64 {
        let memories = self.asking.iter().filter_map(|index| self.memories[*index as usize].as_ref());
        memories.filter_map(|memory| memory.absence.next_due(tenant)).min().unwrap_or(i64::MAX)
    }

    /// Takes the clock of a tick; gives what stays without an answer now.
    pub(crate) fn tick(&mut self, rules: &RuleSet, now: Timestamp, found: &mut Vec<(u32, Pending)>) {
        let mut moved = Vec::new();
        for (tenant, place) in &self.marks.places {
            let mark = &mut self.marks.marks[*place as usize];
            if mark.now < now.0 && now.0 - mark.now <= FOLLOW_NANOS {
                mark.now = now.0;
                moved.push(tenant.clone());
            }
        }
        moved.iter().for_each(|tenant| self.judge(rules, tenant, now.0, false, found));
    }

    /// The input ends; gives what stays without an answer.
    pub(crate) fn finish(&mut self, rules: &RuleSet, found: &mut Vec<(u32, Pending)>) {
        let mut tenants: Vec<String> =
            self.memories.iter().flatten().flat_map(|memory| memory.absence.tenants()).collect();
        tenants.sort_unstable();
        tenants.dedup();
        for tenant in tenants {
            let mark = self.marks.get(&tenant);
            self.judge(rules, &tenant, mark, true, found);
        }
    }

    fn judge(&mut self, rules: &RuleSet, tenant: &str, mark: i64, end: bool, found: &mut Vec<(u32, Pending)>) {
        for index in &self.asking {
            let without = beyond_of(&rules.compiled[*index as usize]).and_then(|beyond| beyond.without.as_ref());
            let (Some(without), Some(memory)) = (without, &mut self.memories[*index as usize]) else { continue };
            let absent = memory.absence.due(without, tenant, mark, &self.health, end);
            found.extend(absent.into_iter().map(|pending| (*index, pending)));
        }
    }

    /// Whether an event for which a rule's condition holds is a match, by the keys that narrow it.
    pub(crate) fn passes(&mut self, index: u32, beyond: &Beyond, case: &Case<'_, '_>) -> bool {
        if !beyond.holds(case) {
            return false;
        }
        let Some(memory) = &mut self.memories[index as usize] else { return true };
        beyond.first_seen.as_ref().is_none_or(|rule| memory.first_seen.take(rule, case))
            && beyond.baseline.as_ref().is_none_or(|rule| memory.baseline.take(rule, case))
            && beyond.beacon.as_ref().is_none_or(|rule| memory.beacon.take(rule, case))
    }

    /// Takes a match of a rule that answers others.
    pub(crate) fn answer(&mut self, rules: &RuleSet, index: u32, case: &Case<'_, '_>) {
        for asking in &self.answers[index as usize] {
            let without = beyond_of(&rules.compiled[*asking as usize]).and_then(|beyond| beyond.without.as_ref());
            if let (Some(without), Some(memory)) = (without, &mut self.memories[*asking as usize]) {
                memory.absence.answer(without, case);
            }
        }
    }

    /// Takes a match of a rule that asks for another; true when the rule is one.
    pub(crate) fn ask(
        &mut self,
        index: u32,
        beyond: &Beyond,
        case: &Case<'_, '_>,
        alert: impl FnOnce() -> Option<(String, String)>,
    ) -> bool {
        let (Some(without), Some(memory)) = (&beyond.without, &mut self.memories[index as usize]) else { return false };
        let place = self.marks.place(case.tenant);
        let mark = &mut self.marks.marks[place as usize];
        memory.absence.ask(without, case, mark.now, alert);
        mark.due = mark.due.min(memory.absence.next_due(case.tenant).unwrap_or(i64::MAX));
        true
    }

    /// Counts an absence that cannot be told.
    pub(crate) fn give_up(&mut self, index: u32) {
        if let Some(memory) = &mut self.memories[index as usize] {
            memory.absence.unjudged += 1;
        }
    }

    /// Groups held, and groups evicted so far.
    pub(crate) fn groups(&self) -> (u64, u64) {
        let tables = self.memories.iter().flatten().flat_map(|memory| {
            [
                (memory.first_seen.table.len(), memory.first_seen.table.evictions),
                (memory.baseline.table.len(), memory.baseline.table.evictions),
                (memory.beacon.table.len(), memory.beacon.table.evictions + memory.beacon.shared.evictions),
                (memory.absence.table.len(), memory.absence.table.evictions),
            ]
        });
        tables.fold((0, 0), |sum, (len, evictions)| (sum.0 + len as u64, sum.1 + evictions))
    }

    /// Visits every table, with the index of its rule.
    pub(crate) fn each_table(&mut self, visit: &mut dyn FnMut(u32, &mut dyn Store)) {
        for (index, memory) in self.memories.iter_mut().enumerate() {
            let Some(memory) = memory else { continue };
            visit(index as u32, &mut memory.first_seen.table);
            visit(index as u32, &mut memory.baseline.table);
            visit(index as u32, &mut memory.beacon.table);
            visit(index as u32, &mut memory.beacon.shared);
            visit(index as u32, &mut memory.absence.table);
        }
    }

    /// Events of which no absence could be concluded, because the other source was silent or they came too late.
    pub(crate) fn unjudged(&self) -> u64 {
        self.memories.iter().flatten().map(|memory| memory.absence.unjudged).sum()
    }

    /// Everything remembered; `name` gives the name of a rule in the snapshot.
    ///
    /// # Errors
    /// What postcard refused.
    pub(crate) fn save(&self, name: impl Fn(u32) -> String) -> postcard::Result<SavedState> {
        let memories = self.memories.iter().enumerate();
        let memories = memories.filter_map(|(index, memory)| Some((index as u32, memory.as_ref()?)));
        let memories = memories.map(|(index, memory)| Ok((name(index), memory.save()?)));
        Ok(SavedState {
            health: self.health.clone(),
            marks: self.marks.save(),
            memories: memories.collect::<postcard::Result<_>>()?,
        })
    }

    /// Takes over what a snapshot holds of rules that are the same still; false when it is damaged.
    pub(crate) fn restore(&mut self, saved: SavedState, index_of: impl Fn(&str) -> Option<u32>) -> bool {
        (self.health, self.marks) = (saved.health, Marks::restore(saved.marks));
        saved.memories.iter().all(|(name, bytes)| {
            let memory = index_of(name).and_then(|index| self.memories.get_mut(index as usize)?.as_mut());
            memory.is_none_or(|memory| memory.restore(bytes))
        })
    }
}

impl Memory {
    fn save(&self) -> postcard::Result<Vec<u8>> {
        let saving = Saving {
            first_seen: self.first_seen.save(),
            baseline: self.baseline.save(),
            beacon: self.beacon.save(),
            absence: self.absence.save(),
        };
        postcard::to_allocvec(&saving)
    }

    fn restore(&mut self, bytes: &[u8]) -> bool {
        let Ok(saved) = postcard::from_bytes::<Saved>(bytes) else { return false };
        self.first_seen.restore(saved.first_seen);
        self.baseline.restore(saved.baseline);
        self.beacon.restore(saved.beacon);
        self.absence.restore(saved.absence);
        true
    }
}

fn beyond_of(compiled: &Compiled) -> Option<&Beyond> {
    match compiled {
        Compiled::Rule(rule) => rule.beyond.as_deref(),
        _ => None,
    }
}
