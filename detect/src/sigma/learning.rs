//! Choosing the witnesses of a partition by what its events really say.
//!
//! After [`EVENTS`] events, and again after eight and 64 times as many, the rules that were walked most often get, of
//! the witnesses that their condition offers, the one that spoke in the fewest of [`SAMPLES`] sampled events, and a second
//! one where both together spoke in far fewer. That moves time only: what matches does not depend on it.

use std::collections::HashMap;
use std::sync::Arc;

use super::grams::{Anchor, Grams, Seen};
use super::partition::whole;
use super::predicate::Slot;
use super::program::Program;
use super::view::{Shape, View};
use super::witness::{Key, alternatives, cost};

/// The events before the first choice.
const EVENTS: u64 = 128;
/// Events of which the texts are kept to choose by: as many as a mask has bits.
const SAMPLES: u64 = 64;
/// The longest text kept.
const TEXT_BYTES_MAX: usize = 1024;
/// The most rules that are chosen for at once.
const RULES_MAX: usize = 128;

/// What was seen of a partition's events.
#[derive(Debug, Default)]
pub(super) struct Learning {
    events: u64,
    /// Choices made.
    rounds: u32,
    /// How often each rule was walked since the last choice; empty when all is learned.
    walked: Vec<u32>,
    walks: u64,
    sampled: u64,
    /// Folded texts and numbers, with the number of their sample.
    texts: Vec<(u32, Slot, String, Option<i64>)>,
    chosen: HashMap<u32, Arc<Chosen>>,
}

/// The witnesses of a rule: it need be walked only when each of them speaks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) first: Box<[Key<'static>]>,
    pub(super) second: Option<Box<[Key<'static>]>>,
}

impl Learning {
    /// The witnesses chosen, by rule.
    pub(super) fn chosen(&self) -> &HashMap<u32, Arc<Chosen>> {
        &self.chosen
    }

    /// Whether there is more to learn.
    pub(super) fn goes_on(&self) -> bool {
        self.rounds < 3
    }

    /// Takes note of an event and of the rules walked for it; tells whether an index is to be made anew.
    pub(super) fn note(&mut self, program: &Program, shape: &Shape, view: &mut View<'_, '_>, walked: &[u32]) -> bool {
        self.events += 1;
        self.walks += walked.len() as u64;
        self.walked.resize(program.rules.len(), 0);
        for entry in walked {
            self.walked[*entry as usize] += 1;
        }
        let end = EVENTS << (3 * self.rounds);
        if self.sampled < SAMPLES && self.events.is_multiple_of(end / SAMPLES / 2) && self.events * 2 > end {
            self.sample(shape, view);
        }
        if self.events < end {
            return false;
        }
        // With hardly a rule to walk per event there is nothing to gain.
        let changed = self.walks > end / 2 && self.choose(program);
        // What values hold is learned once: an index takes some milliseconds.
        let anew = changed || self.rounds == 0;
        self.rounds += 1;
        (self.walks, self.sampled) = (0, 0);
        self.walked = Vec::new();
        if !anew {
            self.forget();
        }
        anew
    }

    /// The grams of the sampled values, by field.
    pub(super) fn seen(&self) -> impl Iterator<Item = (Slot, Arc<Seen>)> {
        let mut seen: HashMap<Slot, Seen> = HashMap::new();
        for (_, slot, text, _) in &self.texts {
            seen.entry(*slot).or_insert_with(Seen::new).add(text.as_bytes());
        }
        seen.into_iter().map(|(slot, seen)| (slot, Arc::new(seen)))
    }

    /// Forgets the sampled values.
    pub(super) fn forget(&mut self) {
        self.texts = Vec::new();
    }

    fn sample(&mut self, shape: &Shape, view: &mut View<'_, '_>) {
        for slot in shape.used() {
            for value in shape.of_slot(*slot).map(usize::from) {
                let number = whole(view.value(value));
                let text = view.folded(value);
                if text.len() <= TEXT_BYTES_MAX {
                    self.texts.push((self.sampled as u32, *slot, text.to_owned(), number));
                }
            }
        }
        self.sampled += 1;
    }

    fn choose(&mut self, program: &Program) -> bool {
        let often = (self.events >> 8) as u32;
        let walked = self.walked.iter().enumerate().filter(|(_, times)| **times > often);
        let mut walked: Vec<(u32, u32)> = walked.map(|(entry, times)| (*times, entry as u32)).collect();
        walked.sort_unstable_by(|a, b| b.cmp(a));
        walked.truncate(RULES_MAX);
        let offers: Vec<(u32, Vec<Vec<Key<'_>>>)> = walked
            .into_iter()
            .map(|(_, entry)| {
                let mut all = Vec::new();
                alternatives(&program.rules[entry as usize].condition, &program.predicates, &mut all);
                (entry, all)
            })
            .filter(|(_, all)| all.len() > 1)
            .collect();
        let keys: Vec<&Key<'_>> = offers.iter().flat_map(|(_, all)| all.iter().flatten()).collect();
        let masks = self.answers(&keys);
        let (mut next, mut changed) = (0, false);
        for (entry, all) in &offers {
            let mut offers = Vec::new();
            for keys in all {
                let answered = masks[next..next + keys.len()].iter().fold(0, |all, mask| all | mask);
                next += keys.len();
                offers.push(Offer { answered, cost: cost(keys), keys });
            }
            let Some(chosen) = best(&offers) else { continue };
            let same = match self.chosen.get(entry) {
                Some(before) => **before == chosen,
                None => chosen.second.is_none() && program.witness(*entry) == Some(&chosen.first),
            };
            if !same {
                self.chosen.insert(*entry, Arc::new(chosen));
                changed = true;
            }
        }
        changed
    }

    /// Per key, the samples in which it is answered yes, as a mask.
    fn answers(&self, keys: &[&Key<'_>]) -> Vec<u64> {
        let mut masks = vec![0u64; keys.len()];
        let mut literals: HashMap<Slot, Vec<(Anchor, &str, u32)>> = HashMap::new();
        let mut others: HashMap<Slot, Vec<u32>> = HashMap::new();
        for (number, key) in keys.iter().enumerate() {
            match key {
                Key::Text(slot, anchor, text) => {
                    literals.entry(*slot).or_default().push((*anchor, text, number as u32));
                }
                Key::Present(slot) | Key::Number(slot, _) => others.entry(*slot).or_default().push(number as u32),
                // Not sampled: a keyword is taken only when nothing else is left.
                Key::Keyword(..) => masks[number] = u64::MAX,
            }
        }
        let tables: HashMap<Slot, Grams> =
            literals.into_iter().map(|(slot, literals)| (slot, Grams::new(literals))).collect();
        for (sample, slot, text, whole) in &self.texts {
            let bit = 1 << sample;
            if let Some(table) = tables.get(slot) {
                table.scan(text.as_bytes(), &mut |numbers| {
                    numbers.iter().for_each(|number| masks[*number as usize] |= bit);
                });
            }
            for number in others.get(slot).into_iter().flatten() {
                let yes = match keys[*number as usize] {
                    Key::Number(_, wanted) => *whole == Some(*wanted),
                    _ => true,
                };
                masks[*number as usize] |= if yes { bit } else { 0 };
            }
        }
        masks
    }
}

/// A witness, with the samples in which it speaks.
struct Offer<'o> {
    answered: u64,
    cost: u64,
    keys: &'o [Key<'o>],
}

/// The witness that spoke most rarely, with another that leaves at most half of its samples, if there is one.
fn best(offers: &[Offer<'_>]) -> Option<Chosen> {
    let first = offers.iter().min_by_key(|offer| (offer.answered.count_ones(), offer.cost))?;
    let left = |offer: &Offer<'_>| (offer.answered & first.answered).count_ones();
    let second = offers.iter().min_by_key(|offer| (left(offer), offer.cost));
    let second = second.filter(|offer| left(offer) * 2 <= first.answered.count_ones() && first.answered != 0);
    let owned = |offer: &Offer<'_>| offer.keys.iter().map(Key::to_owned_key).collect();
    Some(Chosen { first: owned(first), second: second.map(owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_witnesses_where_each_alone_speaks_often() {
        let keys: Vec<[Key<'_>; 1]> = (0..3).map(|slot| [Key::Present(slot)]).collect();
        let offers = |masks: [u64; 3]| {
            let of = |(keys, answered)| Offer { answered, cost: 1, keys };
            best(&keys.iter().map(|keys| keys.as_slice()).zip(masks).map(of).collect::<Vec<_>>()).unwrap()
        };
        let slots = |chosen: &Chosen| {
            let slot = |keys: &[Key<'_>]| if let Key::Present(slot) = keys[0] { slot } else { u16::MAX };
            (slot(&chosen.first), chosen.second.as_deref().map(slot))
        };
        assert_eq!(slots(&offers([0b1111, 0b110000, u64::MAX])), (1, Some(0)));
        assert_eq!(slots(&offers([0, 0b110000, u64::MAX])), (0, None));
        assert_eq!(slots(&offers([0b1111, 0b11111, 0b111111])), (0, None));
    }
}
