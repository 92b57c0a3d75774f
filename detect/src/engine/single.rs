//! Single events: the detection rules that matched, and their episodes under `suppress`.

use std::collections::BTreeMap;
use std::sync::Arc;

use stream::Alert;

use super::alert::Facts;
use super::correlate::{Delivery, id_of};
use super::{Engine, Outcome, clock};
use crate::beyond::Case;
use crate::correlation::{Arrival, Status};
use crate::rules::Compiled;
use crate::sigma::Rule;
use crate::suppress::Episode;

/// What the name of an alert ends with that takes all matches after the first of `suppress.first`.
const SUMMARY: &str = "（以後のまとめ）";

impl Engine {
    /// Takes the detection rules that match the event: signs of life, alerts, and what is handed to correlations.
    pub(super) fn rules_of(
        &mut self,
        matched: &[u32],
        case: &Case<'_, '_>,
        facts: &mut Facts<'_, '_>,
        told: &mut Vec<u32>,
        out: &mut Vec<Outcome>,
    ) {
        let known = facts.known();
        let rules = &*known.rules;
        for &index in matched {
            if known.excluded[index as usize] {
                continue;
            }
            let Compiled::Rule(rule) = &rules.compiled[index as usize] else { continue };
            let begun = self.begin();
            if let Some(limit) = rule.absence {
                self.sign(index, limit, rule, facts, out);
            } else {
                self.matched_rule(index, rule, case, facts, told, out);
            }
            self.end(index, begun);
        }
    }

    /// The condition of a detection rule holds for the event.
    fn matched_rule(
        &mut self,
        index: u32,
        rule: &Rule,
        case: &Case<'_, '_>,
        facts: &mut Facts<'_, '_>,
        told: &mut Vec<u32>,
        out: &mut Vec<Outcome>,
    ) {
        let rules = &*facts.known().rules;
        if let Some(beyond) = &rule.beyond
            && !self.narrowed(index, rule, beyond, case, facts)
        {
            return;
        }
        self.stats.matches += 1;
        self.matches.push(index as usize);
        self.beyond.answer(rules, index, case);
        if rules.rules[index as usize].alerts {
            facts.tells = rule.beyond.as_ref().map_or_else(Vec::new, |beyond| beyond.tells(case));
            self.single(index, rule, facts, out);
            facts.tells.clear();
            told.push(index);
        }
        let feeds = self.feeds[index as usize].iter();
        self.queue.extend(feeds.map(|(outer, step)| Delivery::leaf(*outer, *step, index)));
    }

    /// A detection rule that raises alerts matched.
    pub(super) fn single(&mut self, index: u32, rule: &Rule, facts: &Facts<'_, '_>, out: &mut Vec<Outcome>) {
        let info = &facts.known().rules.rules[index as usize];
        let Some(suppress) = &rule.suppress else {
            let alert = facts.alert(info, BTreeMap::new());
            self.stats.alerts += 1;
            out.push(Outcome::Alert(alert));
            return;
        };
        facts.key(suppress.by.iter().map(|(_, fields)| fields.as_slice()), &mut self.key);
        if suppress.first.is_none() {
            self.suppressed(index, facts, out);
            return;
        }
        let group = || facts.group(suppress.by.iter().map(|(name, fields)| (name.as_str(), fields.as_slice())));
        let Some(table) = self.episodes.get_mut(index) else { return };
        let quiet = suppress.quiet_nanos;
        let time = facts.time();
        enum Found {
            More(String, u64),
            New(Box<Alert>),
        }
        let found = table.with(&self.key, clock::believed(time, facts.meta.received).0, |episode| {
            let covered = episode.covers(time);
            let count = if covered { episode.extend(time) } else { 1 };
            let first = suppress.first.unwrap_or(1);
            if covered && count > first && (suppress.first.is_none() || count > first + 1) {
                let told = if suppress.first.is_none() { 0 } else { first };
                return Found::More(episode.alert_id.clone(), count - told);
            }
            let mut alert = facts.alert(info, group());
            if covered {
                if count > first {
                    alert.rule.name.push_str(SUMMARY);
                    episode.alert_id.clone_from(&alert.id);
                }
                return Found::New(Box::new(alert));
            }
            if !episode.is_after(time) {
                *episode = Episode::start(alert.id.clone(), time, time, quiet, 1);
            }
            Found::New(Box::new(alert))
        });
        match found {
            Found::More(alert_id, count) => {
                self.more(alert_id, count, facts.meta.id, || facts.evidence(), out);
            }
            Found::New(alert) => {
                self.stats.alerts += 1;
                out.push(Outcome::Alert(*alert));
            }
        }
    }

    /// A match of a rule with `suppress`, in the group of the key at hand.
    fn suppressed(&mut self, index: u32, facts: &Facts<'_, '_>, out: &mut Vec<Outcome>) {
        let Some(form) = self.forms.get(index).map(Arc::clone) else { return };
        let Some(windows) = self.windows.get_mut(index) else { return };
        let (rules, key) = (&facts.known().rules, std::mem::take(&mut self.key));
        let (time, id) = (facts.time(), facts.meta.id);
        let believed = clock::believed(time, facts.meta.received);
        let arrival = Arrival { time, believed, id, step: 0, from: Status::Nothing, to: Status::Hit };
        let rule_id = &rules.rules[index as usize].id;
        let id_of = |anchor| id_of(rule_id, &form.group_by, &key, anchor);
        let taken = windows.take(&form, &key, arrival, || facts.entry(0), id_of);
        for effect in taken.effects {
            self.effect(index, &form.group_by, &key, effect, None, facts, out);
        }
        self.key = key;
    }
}
