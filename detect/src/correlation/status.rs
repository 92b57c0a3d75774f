//! What the events of a group are to the correlations that refer to its rule.

use stream::Timestamp;

use super::Correlation;
use super::entry::{Entry, Status};
use super::episode::Dirty;
use super::measure::measure;
use super::window::Window;

impl Window {
    /// Judges the windows that end in this range, episodes or not, and adds the entries whose status changed. Gives the
    /// largest measured value.
    pub(super) fn statuses(&mut self, rule: &Correlation, dirty: Dirty, changes: &mut Vec<(Entry, Status)>) -> f64 {
        let reach = |hit: bool| if hit { rule.span_nanos } else { rule.span_nanos.saturating_add(rule.behind_nanos) };
        let begin = dirty.from.plus_nanos(-reach(false));
        let begin = self.entries.partition_point(|entry| entry.time < begin);
        let (holding, value) = self.holding(rule, dirty, begin);
        let (mut next, mut end, first): (Option<Timestamp>, _, _) = (None, self.entries.len(), changes.len());
        for (at, holds) in holding.into_iter().rev() {
            // An event that counts for several steps is one event outside.
            for event in self.entries[at..end].chunk_by_mut(|a, b| a.id == b.id) {
                next = if holds { Some(event[0].time) } else { next };
                let status = |entry: &Entry| match next {
                    Some(_) if holds && entry.hit => Status::Hit,
                    Some(next) if next <= entry.time.plus_nanos(reach(entry.hit)) => Status::Support,
                    _ => Status::Nothing,
                };
                let status = event.iter().map(status).max().unwrap_or_default();
                if status != event[0].status {
                    let before = event[0].status;
                    event.iter_mut().for_each(|entry| entry.status = status);
                    changes.push((event[0].clone(), before));
                }
            }
            end = at;
        }
        // What supports comes before what counts.
        changes[first..].sort_by_key(|(entry, _)| entry.status == Status::Hit);
        value
    }

    /// By instant from this entry on, the index of its first entry and whether the window that ends at it fulfils the
    /// condition.
    fn holding(&self, rule: &Correlation, dirty: Dirty, begin: usize) -> (Vec<(usize, bool)>, f64) {
        let (mut holding, mut largest, mut at) = (Vec::new(), 0.0_f64, begin);
        while let Some(time) = self.entries.get(at).map(|entry| entry.time) {
            let end = at + self.entries[at..].partition_point(|entry| entry.time == time);
            let instant = &self.entries[at..end];
            let judge = time >= dirty.from && time <= dirty.to;
            let mut holds = (rule.monotone || !judge) && instant.iter().any(|entry| entry.status == Status::Hit);
            if judge && !holds && instant.iter().any(|entry| entry.hit) {
                let low = time.plus_nanos(-rule.span_nanos);
                let low = self.entries.partition_point(|entry| entry.time < low);
                let value = measure(rule, self.entries[low..end].iter().filter(|entry| entry.hit));
                largest = largest.max(value.unwrap_or(0.0));
                holds = value.is_some_and(|value| rule.fulfilled(value));
            }
            holding.push((at, holds));
            at = end;
        }
        (holding, largest)
    }
}
