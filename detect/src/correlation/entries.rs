//! The events that a group keeps, in their order.
//!
//! A list from whose front events go at little cost, as those of old windows do with every new one: they are let go of at
//! once, their places when there are half as many of them as events. What the events take in memory is added up as they
//! come and go; so is what they have in common, and the first and the last instant: for most new events none of those
//! that are kept is looked at, and few of their lines are in the processor's cache.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use stream::{Fingerprint, Timestamp};

use super::entry::Entry;

/// Entries in the order of [`Entry::order`]; whoever changes them keeps them so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries {
    /// Those before `first` are gone.
    held: Vec<Entry>,
    first: usize,
    bytes: usize,
    values: Alike<Fingerprint>,
    steps: Alike<u16>,
    /// The instants of the first and the last one.
    times: Option<(Timestamp, Timestamp)>,
}

/// What they have in common. Whether they differ is asked again when the list was empty.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Alike<T> {
    #[default]
    Empty,
    All(T),
    Mixed,
}

impl<T: Copy + PartialEq> Alike<T> {
    fn and(self, other: Option<T>) -> Alike<T> {
        match (self, other) {
            (Alike::Empty, Some(value)) => Alike::All(value),
            (Alike::All(all), Some(value)) if all == value => Alike::All(all),
            _ => Alike::Mixed,
        }
    }
}

impl Entries {
    /// About what they take in memory, places that are not used left aside.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether all of them have the same measured value.
    pub(super) fn are_alike(&self) -> bool {
        matches!(self.values, Alike::All(_))
    }

    /// The step that all of them are for.
    pub(super) fn step(&self) -> Option<u16> {
        match self.steps {
            Alike::All(step) => Some(step),
            _ => None,
        }
    }

    /// Whether all of them are before this.
    pub(super) fn are_before(&self, time: Timestamp) -> bool {
        self.times.is_none_or(|(_, last)| last < time)
    }

    /// Whether one of them is before this.
    pub(super) fn begin_before(&self, time: Timestamp) -> bool {
        self.times.is_some_and(|(first, _)| first < time)
    }

    pub(super) fn insert(&mut self, at: usize, entry: Entry) {
        if self.held.len() == self.held.capacity() {
            if self.first > 0 {
                self.close_up();
            } else {
                // Most groups have one event: room for four, as a list takes by itself, would be most of the memory.
                self.held.reserve_exact(1 + self.held.len() / 2);
            }
        }
        self.note(&entry);
        self.held.insert(self.first + at, entry);
    }

    pub(super) fn remove(&mut self, at: usize) -> Entry {
        let entry = self.held.remove(self.first + at);
        self.bytes -= entry.bytes();
        self.tidy();
        entry
    }

    /// Lets go of the first ones.
    pub(super) fn drop_first(&mut self, count: usize) {
        for entry in self.held.iter_mut().skip(self.first).take(count) {
            self.bytes -= entry.bytes();
            entry.empty();
        }
        self.first = self.held.len().min(self.first + count);
        self.tidy();
    }

    pub(super) fn retain(&mut self, mut stays: impl FnMut(&Entry) -> bool) {
        self.close_up();
        let bytes = &mut self.bytes;
        self.held.retain(|entry| {
            let stays = stays(entry);
            *bytes -= if stays { 0 } else { entry.bytes() };
            stays
        });
        self.tidy();
    }

    /// Takes note that lines were let go of: so many bytes, as [`Entry::forget_line`] gives.
    pub(super) fn forgot(&mut self, bytes: usize) {
        self.bytes -= bytes;
    }

    /// Gives back room for more than twice as many.
    pub(super) fn shrink(&mut self) {
        let most = 2 * self.len();
        if self.held.capacity() > most {
            self.close_up();
            self.held.shrink_to(most);
        }
    }

    /// Changes entries in ways that change what they take.
    pub(super) fn change(&mut self, change: impl FnMut(&mut Entry)) {
        self.close_up();
        self.held.iter_mut().for_each(change);
        self.bytes = self.held.iter().map(Entry::bytes).sum();
    }

    fn close_up(&mut self) {
        self.held.drain(..self.first);
        self.first = 0;
    }

    fn note(&mut self, entry: &Entry) {
        self.bytes += entry.bytes();
        (self.values, self.steps) = (self.values.and(entry.value), self.steps.and(Some(entry.step)));
        let (first, last) = self.times.unwrap_or((entry.time, entry.time));
        self.times = Some((first.min(entry.time), last.max(entry.time)));
    }

    fn tidy(&mut self) {
        if 2 * self.first > self.len() {
            self.close_up();
        }
        if self.is_empty() {
            (self.values, self.steps) = Default::default();
        }
        self.times = self.first().zip(self.last()).map(|(first, last)| (first.time, last.time));
    }
}

impl From<Vec<Entry>> for Entries {
    fn from(held: Vec<Entry>) -> Entries {
        let mut entries = Entries::default();
        held.iter().for_each(|entry| entries.note(entry));
        Entries { held, ..entries }
    }
}

impl Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        &self.held[self.first..]
    }
}

impl DerefMut for Entries {
    fn deref_mut(&mut self) -> &mut [Entry] {
        &mut self.held[self.first..]
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Entries) -> bool {
        **self == **other
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.iter().for_each(|entry| _ = entry.mark());
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
        Vec::<Entry>::deserialize(deserializer).map(Entries::from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stream::EventId;

    use super::*;
    use crate::correlation::{Mark, Status};

    fn entry(time: i64, value: u8, line: &str) -> Entry {
        Entry {
            time: Timestamp(time),
            mark: Mark::default(),
            id: EventId::new(0, time as u64),
            step: 0,
            hit: true,
            told: false,
            counted: false,
            status: Status::Nothing,
            value: Some(Fingerprint([value; 16])),
            number: 0.0,
            source: "s".into(),
            line: line.into(),
            onward: Box::default(),
        }
    }

    proptest! {
        #[test]
        fn is_a_list(steps in prop::collection::vec((0..7u8, 0..20usize, 0..2u8), 1..200)) {
            let (mut entries, mut plain): (Entries, Vec<Entry>) = Default::default();
            for (number, (step, at, value)) in steps.into_iter().enumerate() {
                let at = at.min(plain.len());
                match step {
                    0..3 => {
                        let new = entry(number as i64 % 7, value, "a line");
                        let at = plain.partition_point(|one| one.time <= new.time);
                        entries.insert(at, new.clone());
                        plain.insert(at, new);
                    }
                    3 if at < plain.len() => prop_assert_eq!(entries.remove(at), plain.remove(at)),
                    4 => {
                        entries.drop_first(at);
                        plain.drain(..at);
                    }
                    5 => {
                        entries.retain(|entry| entry.time.0 % 3 != at as i64 % 3);
                        plain.retain(|entry| entry.time.0 % 3 != at as i64 % 3);
                    }
                    _ => {
                        entries.shrink();
                        let freed = entries.iter_mut().take(at).map(Entry::forget_line).sum();
                        entries.forgot(freed);
                        plain.iter_mut().take(at).for_each(|entry| _ = entry.forget_line());
                    }
                }
                prop_assert_eq!(&*entries, plain.as_slice());
                prop_assert_eq!(entries.bytes(), plain.iter().map(Entry::bytes).sum::<usize>());
                let alike = !plain.is_empty() && plain.iter().all(|entry| entry.value == plain[0].value);
                prop_assert!(!entries.are_alike() || alike);
                let (first, last) = (plain.iter().map(|one| one.time).min(), plain.iter().map(|one| one.time).max());
                prop_assert_eq!(entries.times, first.zip(last));
                prop_assert!(entries.held.len() <= 2 * plain.len() + 1, "{} of {}", entries.held.len(), plain.len());
            }
        }
    }
}
