//! The part of judging that needs no order: which detection rules one event matches.

use std::sync::Arc;

use stream::Event;

use super::Engine;
use crate::rules::RuleSet;
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

impl Matcher {
    /// Appends the indexes of the detection rules that match the event, ascending.
    pub fn matched(&mut self, event: &Event<'_>, matched: &mut Vec<u32>) {
        self.judge.judge(&self.rules.program, event, matched);
    }
}
