//! Outcomes applied: the alerts that an engine's outcomes leave, as the database keeps them, in memory.
//!
//! Outcomes are applied in their order, each once. An old id means the alert that took its place, until an alert is told
//! under it again.
//! Memory: one entry per alert, at most [`Alert::EVIDENCE_MAX`] events and lines in each.

use std::collections::HashMap;

use stream::{Alert, EventId, Evidence};

use super::Outcome;

/// Alerts by id, with all that came to support them.
#[derive(Debug, Default)]
pub struct AlertBook {
    held: HashMap<String, Held>,
    /// Ids that are no more, and what took their place.
    aliases: HashMap<String, String>,
}

#[derive(Debug)]
struct Held {
    alert: Alert,
    withdrawn: bool,
}

impl AlertBook {
    /// Applies one outcome.
    pub fn take(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Alert(alert) => self.alert(alert),
            Outcome::Replaced { old, alert } => self.replace(&old, alert),
            Outcome::Withdrawn { alert_id } => {
                if let Some(held) = self.held.get_mut(&self.resolve(&alert_id)) {
                    held.withdraw();
                }
            }
            Outcome::Evidence { alert_id, events, evidence, count } => {
                if let Some(held) = self.held.get_mut(&self.resolve(&alert_id)) {
                    held.more(events, evidence, count);
                }
            }
        }
    }

    /// The alerts there are, in the order of event time.
    pub fn into_alerts(self) -> Vec<Alert> {
        let held = self.held.into_values().filter(|held| !held.withdrawn);
        let mut alerts: Vec<Alert> = held.map(|held| held.alert).collect();
        alerts.sort_by(|a, b| (a.timestamp, &a.id).cmp(&(b.timestamp, &b.id)));
        alerts
    }

    /// An alert that is told under its own id is itself, also when another had taken its place. It takes that one over
    /// when it was undone; else the two are apart again.
    fn alert(&mut self, alert: Alert) {
        if let Some(other) = self.aliases.remove(&alert.id)
            && self.held.get(&other).is_some_and(|held| held.withdrawn)
        {
            return self.replace(&[other], alert);
        }
        match self.held.get_mut(&alert.id) {
            Some(held) => held.add(alert),
            None => {
                self.held.insert(alert.id.clone(), Held::new(alert));
            }
        }
    }

    fn resolve(&self, id: &str) -> String {
        self.aliases.get(id).map_or(id, String::as_str).to_owned()
    }

    fn replace(&mut self, old: &[String], alert: Alert) {
        let id = alert.id.clone();
        let mut held = self.held.remove(&id);
        for old in old.iter().filter(|old| **old != id) {
            self.aliases.values_mut().filter(|target| *target == old).for_each(|target| target.clone_from(&id));
            self.aliases.insert(old.clone(), id.clone());
            let Some(gone) = self.held.remove(old) else { continue };
            match &mut held {
                None => held = Some(gone),
                Some(_) if gone.withdrawn => {}
                Some(held) => held.add(gone.alert),
            }
        }
        self.aliases.remove(&id);
        let mut held = match held {
            Some(mut held) => {
                held.alert.id.clone_from(&id);
                held.add(alert);
                held
            }
            None => Held::new(alert),
        };
        held.withdrawn = false;
        self.held.insert(id, held);
    }
}

impl Held {
    fn new(alert: Alert) -> Held {
        Held { alert, withdrawn: false }
    }

    fn add(&mut self, alert: Alert) {
        self.alert.timestamp = match self.withdrawn {
            true => alert.timestamp,
            false => alert.timestamp.min(self.alert.timestamp),
        };
        self.withdrawn = false;
        self.more(alert.events, alert.evidence, alert.event_count);
    }

    fn withdraw(&mut self) {
        self.withdrawn = true;
        self.alert.events.clear();
        self.alert.evidence.clear();
        self.alert.event_count = 0;
    }

    fn more(&mut self, events: Vec<EventId>, evidence: Vec<Evidence>, count: u64) {
        for (event, line) in events.into_iter().zip(evidence) {
            if self.alert.events.len() < Alert::EVIDENCE_MAX && !self.alert.events.contains(&event) {
                self.alert.events.push(event);
                self.alert.evidence.push(line);
            }
        }
        self.alert.event_count = self.alert.event_count.max(count);
    }
}
