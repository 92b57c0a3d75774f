//! What is known of a rule at this moment: its sources, their events, its last match, and since when it is blind.
//!
//! Only sources that the visitor may see count. `evaluated` is the number of indexed events of the sources that can feed
//! the rule: every one of them was put to it or left out because its own logsource is another.

use std::collections::HashMap;

use stream::Timestamp;

use crate::context::Context;
use crate::{AppState, Result, RuleView, SourceLive};

/// What all rules are looked at with.
pub(super) struct Now {
    sources: Vec<SourceLive>,
    costs: HashMap<String, u64>,
    last: HashMap<String, Timestamp>,
}

impl Now {
    /// Asks the worker and the database.
    ///
    /// # Errors
    /// The database refused.
    pub(super) async fn of(state: &AppState, context: &Context) -> Result<Now> {
        let tenants = context.tenants.clone();
        let last = state.database_call(move |state| Ok(state.database.last_alerts(&tenants)?)).await?;
        let sources = state.live.sources().into_iter().filter(|source| context.sees(&source.tenant)).collect();
        Ok(Now { sources, costs: state.live.rule_costs(), last })
    }

    /// The facts of one rule.
    pub(super) fn facts(&self, rule: &RuleView) -> Facts<'_> {
        let feeds = |source: &&SourceLive| {
            rule.coverage.sources.iter().any(|(tenant, id)| *tenant == source.tenant && *id == source.id)
        };
        let sources: Vec<&SourceLive> = self.sources.iter().filter(feeds).collect();
        let silent = !sources.is_empty() && sources.iter().all(|source| source.silent || source.received == 0);
        let newest = sources.iter().filter_map(|source| source.last_received).max();
        let state = match () {
            () if rule.problem.is_some() || !rule.enabled => State::Broken,
            () if rule.coverage.sources.is_empty() => State::NoSource,
            () if rule.coverage.never => State::NoField,
            () if sources.is_empty() => State::Unseen,
            () if silent => State::Silent(newest),
            () if !rule.coverage.missing.is_empty() => State::Partly,
            () => State::Fed,
        };
        Facts {
            state,
            evaluated: sources.iter().map(|source| source.indexed).sum(),
            nanos_per_event: self.costs.get(&rule.id).copied(),
            last_match: self.last.get(&rule.id).copied().max(rule.last_match),
            sources,
        }
    }
}

/// See [`Now::facts`].
pub(super) struct Facts<'n> {
    pub(super) state: State,
    pub(super) sources: Vec<&'n SourceLive>,
    pub(super) evaluated: u64,
    /// What it costs, in nanoseconds; not known before the first event that was measured.
    pub(super) nanos_per_event: Option<u64>,
    pub(super) last_match: Option<Timestamp>,
}

/// Whether a rule can match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is not in use.
    Broken,
    /// No declared source provides its logsource.
    NoSource,
    /// Its sources never give a field without which it cannot match.
    NoField,
    /// All of its sources are those of tenants that the visitor does not see.
    Unseen,
    /// All of its sources are silent, the last of them since then; never received when there is no time.
    Silent(Option<Timestamp>),
    /// It is fed, and some of what it asks for never comes.
    Partly,
    /// It is fed.
    Fed,
}

impl State {
    /// One word for programs.
    pub(super) fn code(self) -> &'static str {
        match self {
            State::Broken => "broken",
            State::NoSource => "no_source",
            State::NoField => "blind",
            State::Unseen => "not_seen",
            State::Silent(_) => "silent",
            State::Partly => "partly",
            State::Fed => "fed",
        }
    }

    /// Whether it cannot match now.
    pub(super) fn is_blind(self) -> bool {
        matches!(self, State::Broken | State::NoSource | State::NoField | State::Silent(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleCoverage;

    fn state(coverage: RuleCoverage, sources: &[(&str, bool, u64)]) -> State {
        let at = Timestamp::from_seconds(1_800_000_000);
        let live = |(id, silent, received): &(&str, bool, u64)| SourceLive {
            tenant: "town".into(),
            id: (*id).into(),
            silent: *silent,
            received: *received,
            indexed: *received,
            last_received: (*received > 0).then_some(at),
            ..SourceLive::default()
        };
        let now = Now { sources: sources.iter().map(live).collect(), costs: HashMap::new(), last: HashMap::new() };
        let mut rule = crate::pages::rules::tests::rule();
        rule.coverage = coverage;
        now.facts(&rule).state
    }

    #[test]
    fn a_rule_is_blind_when_all_of_its_sources_are() {
        let fed = |missing: &[&str], never| RuleCoverage {
            sources: vec![("town".into(), "fw".into()), ("town".into(), "fw2".into())],
            missing: missing.iter().map(|name| (*name).into()).collect(),
            never,
        };
        let at = Timestamp::from_seconds(1_800_000_000);
        assert_eq!(state(RuleCoverage::default(), &[("fw", false, 5)]), State::NoSource);
        assert_eq!(state(fed(&[], false), &[("fw", false, 5), ("fw2", true, 5)]), State::Fed);
        assert_eq!(state(fed(&[], false), &[("fw", true, 5), ("fw2", false, 0)]), State::Silent(Some(at)));
        assert_eq!(state(fed(&[], false), &[("fw", false, 0)]), State::Silent(None));
        assert_eq!(state(fed(&["a"], false), &[("fw", false, 5)]), State::Partly);
        assert_eq!(state(fed(&["a"], true), &[("fw", false, 5)]), State::NoField);
        assert_eq!(state(fed(&[], false), &[("other", false, 5)]), State::Unseen);
        assert!(State::Silent(None).is_blind() && !State::Partly.is_blind());
    }
}
