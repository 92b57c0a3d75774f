//! What each rule costs: now and then an event is judged with a clock, rule by rule.
//!
//! The clock is the caller's and decides nothing: costs are no state, are not saved, and change no outcome. A condition is
//! timed on its own, though rules share answers and most are never walked; so a rule's figure is what it would cost alone,
//! and the sum of all is more than an event costs. Rules that an event does not reach cost it nothing.

use stream::Event;

use super::{Engine, Meta, Outcome};

/// Nanoseconds on any scale that only goes forward.
pub type Clock = fn() -> u64;

/// What was measured so far.
#[derive(Debug, Default)]
pub struct Costs {
    sampled: u64,
    nanos: Vec<u64>,
}

impl Costs {
    /// Events that were judged with a clock.
    pub fn sampled(&self) -> u64 {
        self.sampled
    }

    /// Nanoseconds per event by index into [`crate::RuleSet::rules`]; empty before the first sample.
    pub fn nanos_per_event(&self) -> impl Iterator<Item = f64> {
        self.nanos.iter().map(|nanos| *nanos as f64 / self.sampled.max(1) as f64)
    }

    fn add(&mut self, index: u32, nanos: u64) {
        if let Some(sum) = self.nanos.get_mut(index as usize) {
            *sum += nanos;
        }
    }
}

impl Engine {
    /// As [`Engine::observe`], and measures what each rule costs. Costs a few times as much: for one event in a thousand
    /// or so.
    pub fn observe_sampled(&mut self, meta: &Meta<'_>, event: &mut Event<'_>, clock: Clock, out: &mut Vec<Outcome>) {
        self.costs.sampled += 1;
        self.costs.nanos.resize(self.rules.rules.len(), 0);
        let costs = &mut self.costs;
        self.judge.each_alone(&self.rules.program, event, |index, walk| {
            let start = clock();
            walk();
            costs.add(index, clock().saturating_sub(start));
        });
        self.clock = Some(clock);
        self.observe(meta, event, out);
        self.clock = None;
    }

    /// What [`Engine::observe_sampled`] measured.
    pub fn costs(&self) -> &Costs {
        &self.costs
    }

    /// When the work on a rule begins, while somebody measures.
    #[inline]
    pub(super) fn begin(&self) -> Option<u64> {
        self.clock.map(|clock| clock())
    }

    /// The work on a rule that began then ends.
    #[inline]
    pub(super) fn end(&mut self, index: u32, begun: Option<u64>) {
        if let (Some(begun), Some(clock)) = (begun, self.clock) {
            self.costs.add(index, clock().saturating_sub(begun));
        }
    }
}
