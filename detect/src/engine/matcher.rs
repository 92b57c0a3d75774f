//! The part of judging that needs no order: which detection rules one event matches.

use std::sync::Arc;

use stream::Event;

use super::Engine;
use crate::rules::{Compiled, RuleSet};
use crate::sigma::Judge;

/// Finds the detection rules that events match, for [`Engine::observe_matched`]; one for each thread that judges.
///
/// The answer depends on the event alone, so events may be judged on any thread in any order.
#[derive(Debug)]
pub struct Matcher {
    rules: Arc<RuleSet>,
    judge: Judge,
}

impl Engine {
    /// A matcher of this engine's rules.
    pub fn matcher(&self) -> Matcher {
        Matcher { rules: Arc::clone(&self.rules), judge: Judge::default() }
    }
}

impl Engine {
    /// Whether every match rests on its event alone: no rule of the set is narrowed by what came before.
    pub fn matches_are_plain(&self) -> bool {
        !self.rules.compiled.iter().any(|rule| matches!(rule, Compiled::Rule(rule) if rule.beyond.is_some()))
    }

    /// Appends what [`Engine::matches`] would hold after the event, without raising anything and without keeping
    /// anything; for a set whose [matches are plain](Engine::matches_are_plain).
    pub fn plain_matches(&mut self, tenant: &str, matched: &[u32], out: &mut Vec<usize>) {
        let excluded = self.excluded_for(tenant);
        out.extend(matched.iter().map(|index| *index as usize).filter(|index| {
            let applies = !excluded[*index];
            applies && matches!(&self.rules.compiled[*index], Compiled::Rule(rule) if rule.absence.is_none())
        }));
    }
}

impl Engine {
    /// Appends those of the matched rules that raise an alert of this event whatever came before it.
    pub fn certain_matches(&mut self, tenant: &str, matched: &[u32], out: &mut Vec<usize>) {
        if matched.is_empty() {
            return;
        }
        let excluded = self.excluded_for(tenant);
        out.extend(matched.iter().map(|index| *index as usize).filter(|index| {
            let applies = !excluded[*index];
            let Compiled::Rule(rule) = &self.rules.compiled[*index] else { return false };
            applies && self.rules.rules[*index].alerts && rule.absence.is_none() && rule.beyond.is_none()
        }));
    }
}

impl Matcher {
    /// Appends the indexes of the detection rules that match the event, ascending.
    pub fn matched(&mut self, event: &Event<'_>, matched: &mut Vec<u32>) {
        self.judge.judge(&self.rules.program, event, matched);
    }
}
