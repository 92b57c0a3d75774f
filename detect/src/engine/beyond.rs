//! The keys beyond Sigma: which matches they let through, and the absences that the stream shows.

use std::sync::Arc;

use stream::{Alert, Timestamp};

use super::alert::Facts;
use super::known::Known;
use super::{Engine, Outcome};
use crate::beyond::{Beyond, Case, Pending};
use crate::rules::Compiled;
use crate::sigma::Rule;
use crate::suppress::Episode;

impl Engine {
    /// Hears every event, matched or not, while there are rules that miss something.
    pub(super) fn hear(&mut self, case: &Case<'_, '_>, known: &Known, out: &mut Vec<Outcome>) {
        let mut found = Vec::new();
        self.beyond.hear(&known.rules, case, known.limit, &known.heard, &mut found);
        found.into_iter().for_each(|(index, pending)| self.absent(index, pending, out));
    }

    /// Raises the absences that the clock shows.
    pub(super) fn absences_at(&mut self, now: Timestamp, out: &mut Vec<Outcome>) {
        let rules = Arc::clone(&self.rules);
        let mut found = Vec::new();
        self.beyond.tick(&rules, now, &mut found);
        found.into_iter().for_each(|(index, pending)| self.absent(index, pending, out));
    }

    /// Raises the absences that are certain at the end of an offline input.
    pub(super) fn absences_at_end(&mut self, out: &mut Vec<Outcome>) {
        let rules = Arc::clone(&self.rules);
        let mut found = Vec::new();
        self.beyond.finish(&rules, &mut found);
        found.into_iter().for_each(|(index, pending)| self.absent(index, pending, out));
    }

    /// Whether the event is a match of the rule now; false also for one that must wait for another.
    pub(super) fn narrowed(
        &mut self,
        index: u32,
        rule: &Rule,
        beyond: &Beyond,
        case: &Case<'_, '_>,
        facts: &Facts<'_, '_>,
    ) -> bool {
        if !self.beyond.passes(index, beyond, case) {
            return false;
        }
        let rules = &self.rules;
        let asks = self.beyond.ask(index, beyond, case, || {
            let by = rule.suppress.iter().flat_map(|suppress| suppress.by.iter());
            let mut key = String::new();
            facts.key(by.clone().map(|(_, fields)| fields.as_slice()), &mut key);
            let group = facts.group(by.map(|(name, fields)| (name.as_str(), fields.as_slice())));
            let alert = facts.alert(&rules.rules[index as usize], group);
            match serde_json::to_string(&alert) {
                Ok(alert) => Some((alert, key)),
                Err(error) => {
                    tracing::error!(rule = %alert.rule.id, %error, "an alert cannot be kept until it is answered; counted as unjudged");
                    None
                }
            }
        });
        !asks
    }

    /// Raises an absence, or adds it to the alert of its key.
    fn absent(&mut self, index: u32, pending: Pending, out: &mut Vec<Outcome>) {
        let rules = Arc::clone(&self.rules);
        let Compiled::Rule(rule) = &rules.compiled[index as usize] else { return };
        let mut alert = match serde_json::from_str::<Alert>(&pending.alert) {
            Ok(alert) => alert,
            Err(error) => {
                let rule = &rules.rules[index as usize].id;
                tracing::error!(%rule, %error, "an alert that waited for its answer cannot be read; counted as unjudged");
                return self.beyond.give_up(index);
            }
        };
        let after = rule.beyond.as_ref().map_or(0, |beyond| beyond.after_nanos());
        alert.timestamp = Timestamp(pending.time.saturating_add(after));
        let held = match (&rule.suppress, self.episodes.get_mut(index)) {
            (Some(suppress), Some(table)) => {
                let (quiet, time) = (suppress.quiet_nanos, Timestamp(pending.time));
                table.with(&pending.key, pending.time, |episode| {
                    if episode.covers(time) {
                        let count = episode.extend(time);
                        return Some((episode.alert_id.clone(), count));
                    }
                    if !episode.is_after(time) {
                        *episode = Episode::start(alert.id.clone(), time, time, quiet, 1);
                    }
                    None
                })
            }
            _ => None,
        };
        match held {
            None => {
                self.stats.alerts += 1;
                out.push(Outcome::Alert(alert));
            }
            Some((alert_id, count)) => {
                self.stats.evidence += 1;
                let full = count > Alert::EVIDENCE_MAX as u64;
                let (events, evidence) = if full { Default::default() } else { (alert.events, alert.evidence) };
                out.push(Outcome::Evidence { alert_id, events, evidence, count });
            }
        }
    }
}
