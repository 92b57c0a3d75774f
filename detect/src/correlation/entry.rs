//! What a group keeps of an event.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use stream::{Alert, EventId, Evidence, Fingerprint, Timestamp};

use crate::hash::mark;

/// What an event of a correlation is to those that refer to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Status {
    /// Nothing: it lies in no window that fulfils the condition.
    #[default]
    Nothing,
    /// It lies in such a window, and supports what counts.
    Support,
    /// The window that ends at it fulfils the condition: it counts as an event of the outer correlation.
    Hit,
}

/// What tells an event from others of its instant, whatever order they came in; see [`Entry::mark`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Mark(OnceCell<Fingerprint>);

impl Mark {
    /// Of a record's bytes, where they are not the line that is kept.
    pub(crate) fn of(source: &str, raw: &[u8], id: EventId) -> Mark {
        Mark(OnceCell::from(Fingerprint(mark(&[source.as_bytes(), raw, &id.sub.to_le_bytes()]))))
    }
}

/// It follows from what is compared beside it.
impl PartialEq for Mark {
    fn eq(&self, _: &Mark) -> bool {
        true
    }
}

impl Serialize for Mark {
    /// Whoever saves entries has asked for their marks before.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.get().copied().unwrap_or(Fingerprint([0; 16])).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Mark, D::Error> {
        Fingerprint::deserialize(deserializer).map(|mark| Mark(OnceCell::from(mark)))
    }
}

/// One event of a group, for one of the rules referred to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) time: Timestamp,
    pub(crate) mark: Mark,
    pub(crate) id: EventId,
    /// Which of the rules referred to it matched.
    pub(crate) step: u16,
    /// Whether it counts, or only supports what counts.
    pub(crate) hit: bool,
    /// Whether an alert has it as evidence already.
    pub(crate) told: bool,
    /// Whether it is in the count of its episode, and so out of what is judged again.
    pub(crate) counted: bool,
    /// What it is to the correlations that refer to this one.
    pub(crate) status: Status,
    /// A hash of the measured values, for value_count.
    pub(crate) value: Option<Fingerprint>,
    /// The measured number, for sums, means and percentiles.
    pub(crate) number: f64,
    /// Its source and its line, shared by all groups that keep the event.
    pub(crate) source: Arc<str>,
    pub(crate) line: Arc<str>,
    /// Its place in the correlations that refer to this one, in turn.
    pub(crate) onward: Box<[Onward]>,
}

/// An event's group and measure in an outer correlation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Onward {
    /// Index in the rule list.
    pub(crate) rule: u32,
    pub(crate) key: Box<str>,
    pub(crate) value: Option<Fingerprint>,
    pub(crate) number: f64,
}

impl Entry {
    /// Its place among the others: event time first, then what does not depend on arrival but for identical lines.
    pub(crate) fn order(&self, other: &Entry) -> Ordering {
        let within = || (self.mark(), self.id, self.step).cmp(&(other.mark(), other.id, other.step));
        self.time.cmp(&other.time).then_with(within)
    }

    /// Its mark. Few events share their instant, so it is worked out when it is first asked for.
    pub(super) fn mark(&self) -> Fingerprint {
        *self.mark.0.get_or_init(|| {
            Fingerprint(mark(&[self.source.as_bytes(), self.line.as_bytes(), &self.id.sub.to_le_bytes()]))
        })
    }

    /// Entries as an alert shows them: each event once, at most [`Alert::EVIDENCE_MAX`].
    pub(crate) fn evidence(mut entries: Vec<Entry>) -> (Vec<EventId>, Vec<Evidence>) {
        entries.dedup_by_key(|entry| entry.id);
        entries.truncate(Alert::EVIDENCE_MAX);
        let events = entries.iter().map(|entry| entry.id).collect();
        let line = |entry: &Entry| Evidence { source: entry.source.to_string(), line: entry.line.to_string() };
        (events, entries.iter().map(line).collect())
    }

    /// Lets go of all that lies outside it.
    pub(super) fn empty(&mut self) {
        (self.source, self.line, self.onward) = Default::default();
    }

    /// Lets go of its line; gives what that frees.
    pub(super) fn forget_line(&mut self) -> usize {
        self.mark();
        heap(std::mem::take(&mut self.line).len())
    }

    /// About what it takes in memory, with what an allocation takes beside its bytes.
    pub(crate) fn bytes(&self) -> usize {
        let onward: usize = self.onward.iter().map(|place| size_of::<Onward>() + heap(place.key.len())).sum();
        size_of::<Entry>() + heap(self.source.len()) + heap(self.line.len()) + heap(onward)
    }
}

fn heap(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { bytes + 16 }
}
