//! Correlations: the event at hand in the windows of its groups, along chains of correlations.

use std::collections::BTreeMap;

use stream::{EventId, Evidence, Fingerprint, Timestamp, alert_id};

use super::alert::{Facts, Raised, group_of};
use super::{Engine, Outcome, clock};
use crate::correlation::{Arrival, Correlation, Effect, Entry, Measure, Onward, Status};
use crate::rules::Compiled;

/// An event on its way to a correlation.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The correlation, by rule index.
    index: u32,
    /// Which of the rules that it refers to.
    step: u16,
    route: Route,
}

#[derive(Debug)]
enum Route {
    /// The event at hand matched this detection rule.
    Leaf(u32),
    /// An event of a correlation changed its status.
    Inner { key: Box<str>, entry: Box<Entry>, from: Status },
}

impl Delivery {
    /// The event at hand, which matched a detection rule that the correlation refers to.
    pub(super) fn leaf(index: u32, step: u16, leaf: u32) -> Delivery {
        Delivery { index, step, route: Route::Leaf(leaf) }
    }
}

impl Engine {
    /// Works off the queue: the correlations that the event's matches feed, and those that these feed in turn. Those
    /// that lie deeper come later, so that each takes all there is to take at once.
    pub(super) fn correlations(&mut self, facts: &Facts<'_, '_>, told: &mut Vec<u32>, out: &mut Vec<Outcome>) {
        let known = facts.known();
        let mut depth = 0;
        let mut working = std::mem::take(&mut self.working);
        while !self.queue.is_empty() {
            std::mem::swap(&mut self.queue, &mut working);
            for delivery in working.drain(..) {
                let index = delivery.index;
                let Compiled::Correlation(rule) = &known.rules.compiled[index as usize] else { continue };
                if rule.depth > depth {
                    self.queue.push(delivery);
                    continue;
                }
                if known.excluded[index as usize] {
                    continue;
                }
                let begun = self.begin();
                if self.deliver(rule, delivery, facts, out) {
                    told.push(index);
                }
                self.end(index, begun);
            }
            depth += 1;
        }
        self.working = working;
    }

    /// One event comes to a correlation. Gives whether the event at hand is evidence of an alert.
    fn deliver(
        &mut self,
        rule: &Correlation,
        delivery: Delivery,
        facts: &Facts<'_, '_>,
        out: &mut Vec<Outcome>,
    ) -> bool {
        let Delivery { index, step, route } = delivery;
        let rules = &*facts.known().rules;
        let info = &rules.rules[index as usize];
        let mut key = std::mem::take(&mut self.key);
        let other = match &route {
            Route::Leaf(_) => None,
            Route::Inner { entry, .. } => Some((entry.id, entry.source.to_string(), entry.line.to_string())),
        };
        let other = other.map(|(id, source, line)| (id, Evidence { source, line }));
        let taken = match route {
            Route::Leaf(leaf) => {
                let Some(number) = facts.place(rule, leaf, &mut key) else {
                    self.key = key;
                    return false;
                };
                // Several detection rules count alike, unless which of them matched is what is asked.
                let steps = matches!(rule.measure, Measure::Steps { .. });
                let step = if steps { step } else { first_leaf(rule) };
                let (time, id) = (facts.time(), facts.meta.id);
                let believed = clock::believed(time, facts.meta.received);
                let arrival = Arrival { time, believed, id, step, from: Status::Nothing, to: Status::Hit };
                let ancestors = &self.ancestors[index as usize];
                let entry = || Entry {
                    number,
                    value: facts.value(rule, leaf),
                    onward: onward(ancestors, &rules.compiled, leaf, facts),
                    ..facts.entry(step)
                };
                let Some(windows) = self.windows.get_mut(index) else { return false };
                windows.take(rule, &key, arrival, entry, |anchor| id_of(&info.id, &rule.group_by, &key, anchor))
            }
            Route::Inner { key: of, entry, from } => {
                key.clear();
                key.push_str(&of);
                let (time, id) = (entry.time, entry.id);
                let believed = clock::believed(time, facts.meta.received);
                let arrival = Arrival { time, believed, id, step, from, to: entry.status };
                let entry = || Entry { step, told: false, counted: false, status: Status::Nothing, ..*entry };
                let Some(windows) = self.windows.get_mut(index) else { return false };
                windows.take(rule, &key, arrival, entry, |anchor| id_of(&info.id, &rule.group_by, &key, anchor))
            }
        };
        self.hand_on(index, taken.changes);
        let mut told = false;
        for effect in taken.effects {
            told |= self.effect(index, &rule.group_by, &key, effect, other.as_ref(), facts, out);
        }
        self.key = key;
        told
    }

    /// Tells the correlations that refer to this one.
    fn hand_on(&mut self, index: u32, changes: Vec<(Entry, Status)>) {
        for (entry, from) in changes {
            for &(outer, step) in &self.feeds[index as usize] {
                let Some(place) = entry.onward.iter().find(|place| place.rule == outer) else { continue };
                let entry = Box::new(Entry { value: place.value, number: place.number, ..entry.clone() });
                let route = Route::Inner { key: place.key.clone(), entry, from };
                self.queue.push(Delivery { index: outer, step, route });
            }
        }
    }

    /// Puts what is to be told of a group into words. Gives whether the event at hand is evidence of an alert. `other` is
    /// the event that came to the group, when it is not the one at hand.
    #[expect(clippy::too_many_arguments, reason = "the one place where a group's state becomes an outcome")]
    pub(super) fn effect(
        &mut self,
        index: u32,
        names: &[String],
        key: &str,
        effect: Effect,
        other: Option<&(EventId, Evidence)>,
        facts: &Facts<'_, '_>,
        out: &mut Vec<Outcome>,
    ) -> bool {
        let at_hand = |entries: &[Entry]| entries.iter().any(|entry| entry.id == facts.meta.id);
        match effect {
            Effect::More { alert_id, count } => {
                let id = other.map_or(facts.meta.id, |(id, _)| *id);
                let evidence = || other.map_or_else(|| facts.evidence(), |(_, evidence)| evidence.clone());
                self.more(alert_id, count, id, evidence, out);
                id == facts.meta.id
            }
            Effect::Evidence { alert_id, entries, count } => {
                self.untold.remove(&alert_id);
                self.stats.evidence += entries.len() as u64;
                let told = at_hand(&entries);
                let (events, evidence) = Entry::evidence(entries);
                out.push(Outcome::Evidence { alert_id, events, evidence, count });
                told
            }
            Effect::Alert { alert_id, time, old, again, entries, count } => {
                self.stats.alerts += u64::from(old.is_empty() && !again);
                self.untold.remove(&alert_id);
                self.untold.retain(|id, _| !old.contains(id));
                let told = at_hand(&entries);
                let (tenant, group) = group_of(names, key);
                let raised = Raised { id: alert_id, time, tenant, group, entries, count, own: other.is_none() || told };
                let alert = facts.raised(&self.rules.rules[index as usize], raised);
                out.push(if old.is_empty() { Outcome::Alert(alert) } else { Outcome::Replaced { old, alert } });
                told
            }
            Effect::Withdrawn { alert_id } => {
                self.untold.remove(&alert_id);
                out.push(Outcome::Withdrawn { alert_id });
                false
            }
        }
    }
}

/// The step that stands for all detection rules of a correlation that does not tell them apart.
fn first_leaf(rule: &Correlation) -> u16 {
    rule.steps.iter().position(|step| rule.leaves.contains_key(step)).unwrap_or(0) as u16
}

/// The event's place in the correlations that it may be handed on to.
fn onward(ancestors: &[u32], compiled: &[Compiled], leaf: u32, facts: &Facts<'_, '_>) -> Box<[Onward]> {
    let mut key = String::new();
    let places = ancestors.iter().filter_map(|&index| {
        let Compiled::Correlation(rule) = &compiled[index as usize] else { return None };
        let number = facts.place(rule, leaf, &mut key)?;
        Some(Onward { rule: index, key: key.as_str().into(), value: facts.value(rule, leaf), number })
    });
    places.collect()
}

/// The id of a group's alert with this anchor.
pub(super) fn id_of(rule_id: &str, names: &[String], key: &str, anchor: Timestamp) -> String {
    let (tenant, group): (String, BTreeMap<String, String>) = group_of(names, key);
    alert_id(rule_id, &tenant, &group, &[instant(anchor)])
}

/// An instant in the place of an event's fingerprint.
pub(super) fn instant(time: Timestamp) -> Fingerprint {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&time.0.to_le_bytes());
    Fingerprint(bytes)
}
