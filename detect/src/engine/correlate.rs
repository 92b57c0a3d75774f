//! Correlations: the event at hand in the windows of its groups, along chains of correlations.

use std::sync::Arc;

use super::alert::Facts;
use super::{CHAIN_MAX, Engine, Outcome};
use crate::correlation::{Correlation, Effect, Entry, Measure};
use crate::rules::Compiled;
use crate::suppress::Episode;

impl Engine {
    /// Works off the queue: the correlations that the event's matches feed, and those that these feed in turn.
    pub(super) fn correlations(&mut self, facts: &mut Facts<'_, '_>, told: &mut Vec<u32>, out: &mut Vec<Outcome>) {
        let rules = Arc::clone(&self.rules);
        for _ in 0..CHAIN_MAX {
            let Some((index, step, leaf, behind)) = self.queue.pop_front() else { break };
            if self.excluded.get(facts.meta.tenant).is_some_and(|excluded| excluded[index as usize]) {
                continue;
            }
            let Compiled::Correlation(rule) = &rules.compiled[index as usize] else { continue };
            let (tells, holds) = self.correlate(index, rule, step, leaf, behind, facts, out);
            if tells {
                told.push(index);
            }
            if !holds.is_empty() {
                let feeds = self.feeds[index as usize].iter();
                self.queue.extend(feeds.map(|(outer, step)| (*outer, *step, leaf, holds.clone())));
            }
        }
        self.queue.clear();
    }

    /// An event counts towards a correlation. Gives whether it told something, and the events to hand on.
    #[expect(clippy::too_many_arguments, reason = "one call, from the queue of one event")]
    fn correlate(
        &mut self,
        index: u32,
        rule: &Correlation,
        step: u16,
        leaf: u32,
        behind: Vec<Entry>,
        facts: &mut Facts<'_, '_>,
        out: &mut Vec<Outcome>,
    ) -> (bool, Vec<Entry>) {
        let Some(fields) = rule.leaves.get(&leaf) else { return (false, Vec::new()) };
        let names = rule.group_by.iter().map(String::as_str);
        let any = facts.key(fields.group.iter().map(Vec::as_slice).take(rule.group_by.len()), &mut self.key);
        if !any && !rule.group_by.is_empty() {
            return (false, Vec::new());
        }
        let number = match rule.measure {
            Measure::Values if !facts.has_value(&fields.measured) => return (false, Vec::new()),
            Measure::Sum | Measure::Average | Measure::Percentile(_) => match facts.number(&fields.measured) {
                None => return (false, Vec::new()),
                Some(number) => number,
            },
            Measure::Values | Measure::Events | Measure::Steps { .. } => 0.0,
        };
        let values = rule.measure == Measure::Values;
        let entry =
            || Entry { number, value: values.then(|| facts.values(&fields.measured)).flatten(), ..facts.entry(step) };
        let Some(windows) = self.windows.get_mut(&index) else { return (false, Vec::new()) };
        let outcome = windows.take(rule, &self.key, facts.time(), behind, entry);
        match outcome.effect {
            Effect::None => (false, outcome.holds),
            Effect::More { alert_id, count } => {
                self.more(alert_id, count, facts, out);
                (true, outcome.holds)
            }
            Effect::Fired(mut fired) => {
                let info = &self.rules.rules[index as usize];
                let entries = std::mem::take(&mut fired.entries);
                let count = entries.len() as u64;
                let first = entries.first().map_or(fired.time, |entry| entry.time);
                let group = facts.group(names.zip(fields.group.iter().map(Vec::as_slice)));
                let alert = facts.alert(info, group, entries, Some((fired.time, fired.anchor)));
                windows.started(&self.key, Episode::start(alert.id.clone(), first, fired.time, rule.span_nanos, count));
                self.stats.alerts += 1;
                out.push(Outcome::Alert(alert));
                (true, outcome.holds)
            }
        }
    }
}
