//! Making an engine, and what it keeps of the rules and tenants it was made with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::by_rule::ByRule;
use super::{Costs, Engine, Stats, alert, known, snapshot};
use crate::Tenants;
use crate::by_source::BySource;
use crate::correlation::Windows;
use crate::correlation::table::{Store, Table};
use crate::hash::Map;
use crate::places::Shapes;
use crate::rules::{Compiled, RuleSet};
use crate::sigma::Judge;
use crate::silence::Watch;
use crate::suppress;

impl Engine {
    /// An engine without history.
    pub fn new(rules: Arc<RuleSet>, tenants: Arc<Tenants>) -> Engine {
        let mut feeds = vec![Vec::new(); rules.rules.len()];
        let mut windows = ByRule::default();
        let mut episodes = ByRule::default();
        let mut forms = ByRule::default();
        let mut watches = ByRule::default();
        for (index, compiled) in rules.compiled.iter().enumerate() {
            match compiled {
                Compiled::Correlation(rule) => {
                    for (step, fed) in rule.steps.iter().enumerate() {
                        feeds[*fed as usize].push((index as u32, step as u16));
                    }
                }
                Compiled::Rule(rule) if rule.absence.is_some() => {
                    watches.insert(index as u32, Watch::default());
                }
                Compiled::Rule(rule) => {
                    if let Some(suppress) = &rule.suppress {
                        forms.insert(index as u32, Arc::new(suppress::form(suppress)));
                        let groups = rules.rules[index].groups();
                        windows.insert(index as u32, Windows::new(false, true, groups));
                        episodes.insert(index as u32, Table::bounded(1, groups));
                    }
                }
                Compiled::Broken => {}
            }
        }
        for (index, compiled) in rules.compiled.iter().enumerate() {
            if let Compiled::Correlation(_) = compiled {
                let rule = &rules.rules[index];
                windows.insert(index as u32, Windows::new(!feeds[index].is_empty(), rule.alerts, rule.groups()));
            }
        }
        let beyond = crate::beyond::State::new(&rules);
        let names = rules.rules.iter().map(|rule| kept(&rule.id)).collect();
        Engine {
            rules,
            tenants,
            names,
            judge: Judge::default(),
            matched: Vec::new(),
            matches: Vec::new(),
            told: Vec::new(),
            queue: Vec::new(),
            working: Vec::new(),
            key: String::new(),
            shapes: Shapes::default(),
            sources: known::Sources::default(),
            ancestors: ancestors(&feeds),
            feeds,
            episodes,
            forms,
            windows,
            watches,
            beyond,
            limits: BTreeMap::new(),
            newest: BySource::default(),
            chain: snapshot::Chain::default(),
            overflows: BTreeMap::new(),
            untold: BTreeMap::new(),
            not_applicable: Vec::new(),
            on_extra: Vec::new(),
            excluded: Map::default(),
            recent: None,
            stats: Stats::default(),
            costs: Costs::default(),
            clock: None,
        }
    }

    /// Visits the tables of all rules, with the index of each rule.
    pub(super) fn each_table(&mut self, visit: &mut dyn FnMut(u32, &mut dyn Store)) {
        self.windows.iter_mut().for_each(|(index, windows)| visit(index, &mut windows.table));
        self.episodes.iter_mut().for_each(|(index, table)| visit(index, table));
        self.beyond.each_table(visit);
    }

    /// Lets no rule keep more groups than this, for trying out what happens then. Call before the first event.
    pub(crate) fn bound_groups(&mut self, groups_max: usize) {
        self.windows.iter_mut().for_each(|(_, windows)| windows.table = Table::bounded(1, groups_max));
        self.episodes.iter_mut().for_each(|(_, table)| *table = Table::bounded(1, groups_max));
    }

    /// By rule index, whether the rule does not apply to the tenant. Most events are of the tenant of the one before.
    pub(super) fn excluded_for(&mut self, tenant: &str) -> Arc<[bool]> {
        if let Some((recent, excluded)) = &self.recent
            && **recent == *tenant
        {
            return Arc::clone(excluded);
        }
        let excluded = match self.excluded.get(tenant) {
            Some(excluded) => Arc::clone(excluded),
            None => {
                let excluded = self.exclude(tenant);
                self.excluded.insert(tenant.to_owned(), Arc::clone(&excluded));
                excluded
            }
        };
        self.recent = Some((tenant.into(), Arc::clone(&excluded)));
        excluded
    }

    fn exclude(&self, tenant: &str) -> Arc<[bool]> {
        let mut excluded = alert::excluded(&self.tenants, tenant);
        let extra = self.tenants.get(tenant).map_or(&[][..], |tenant| &tenant.profile().rules_on_extra);
        excluded.extend(self.not_applicable.iter().cloned());
        let of = self.rules.rules.iter().map(|rule| {
            let all_excluded = !rule.usecase.is_empty() && rule.usecase.iter().all(|one| excluded.contains(one));
            let asked = |one: &String| extra.contains(one) || self.on_extra.contains(one);
            all_excluded || (rule.off && !rule.usecase.iter().any(asked))
        });
        of.collect()
    }
}

/// By rule index: the correlations that refer to it, directly or through others, ascending.
fn ancestors(feeds: &[Vec<(u32, u16)>]) -> Vec<Vec<u32>> {
    let of = |index: usize| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![index]);
        while let Some(index) = open.pop() {
            let new = feeds[index].iter().map(|(outer, _)| *outer).filter(|outer| seen.insert(*outer));
            open.extend(new.map(|outer| outer as usize));
        }
        seen.into_iter().collect()
    };
    (0..feeds.len()).map(of).collect()
}

/// The text, kept for the life of the process; the same text once, so that reloading rules does not add up.
fn kept(text: &str) -> &'static str {
    use std::collections::HashSet;
    use std::sync::{Mutex, PoisonError};
    static KEPT: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    if let Some(held) = kept.get(text) {
        return held;
    }
    let held: &'static str = Box::leak(text.to_owned().into_boxed_str());
    kept.insert(held);
    held
}
