//! Absence rules: signs of life of sources, and the silences found by an event, a tick or the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use stream::{Timestamp, fields};

use super::alert::{self, Facts};
use super::known::Known;
use super::{Engine, Meta, Outcome, clock};
use crate::beyond::time_of;
use crate::by_source::Hint;
use crate::correlation::LATENESS_NANOS;
use crate::places::Placed;
use crate::rules::{Compiled, RuleSet};
use crate::sigma::extension::Silence;
use crate::sigma::{Rule, may_judge};
use crate::silence::{SOURCES_MAX, Sign, Silent};

impl Engine {
    /// Raises the silences that the clock shows.
    pub(super) fn silences_at(&mut self, now: Timestamp, out: &mut Vec<Outcome>) {
        let rules = Arc::clone(&self.rules);
        let mut found = Vec::new();
        for (index, watch) in self.watches.iter_mut() {
            let limits = &self.limits;
            let limit = |tenant: &str, source: &str| limit_of(limits, &rules, index, tenant, source);
            found.extend(watch.tick(now, limit).into_iter().map(|silent| (index, silent)));
        }
        found.into_iter().for_each(|(index, silent)| self.silent(index, silent, out));
    }

    /// Raises the silences that the tenant's other sources show at the end of an offline input.
    pub(super) fn silences_at_end(&mut self, out: &mut Vec<Outcome>) {
        let rules = Arc::clone(&self.rules);
        let mut found = Vec::new();
        let mut newest: BTreeMap<String, Timestamp> = BTreeMap::new();
        for (tenant, _, time) in self.newest.iter() {
            let newest = newest.entry(tenant.to_owned()).or_insert(*time);
            *newest = time.max(newest).to_owned();
        }
        for (index, watch) in self.watches.iter_mut() {
            let limits = &self.limits;
            let limit = |tenant: &str, source: &str| limit_of(limits, &rules, index, tenant, source);
            found.extend(watch.finish(&newest, limit).into_iter().map(|silent| (index, silent)));
        }
        found.into_iter().for_each(|(index, silent)| self.silent(index, silent, out));
    }

    /// Notes the event's time as its source's; gives whether it is later than allowed. A time ahead of the clock by more
    /// than the lateness does not make others late, and one that the line did not give says nothing.
    pub(super) fn is_late(&mut self, meta: &Meta<'_>, event: Placed<'_, '_>, known: &Known) -> bool {
        if !has_own_time(event) {
            return false;
        }
        let time = clock::believed(time_of(event), meta.received);
        if let Some(newest) = self.newest.get_mut(meta.tenant, meta.source, &known.newest) {
            *newest = time.max(*newest);
            return time < newest.plus_nanos(-LATENESS_NANOS);
        }
        if self.newest.sources_of(meta.tenant) < SOURCES_MAX {
            self.newest.insert(meta.tenant, meta.source, time);
        }
        false
    }

    /// A source watched by an absence rule gave a sign of life.
    pub(super) fn sign(
        &mut self,
        index: u32,
        limit: Silence,
        rule: &Rule,
        facts: &Facts<'_, '_>,
        out: &mut Vec<Outcome>,
    ) {
        let (meta, event, known) = (facts.meta, facts.event(), facts.known());
        let limit = match (known.limit, limit) {
            (Some(nanos), _) => nanos,
            (None, Silence::Nanos(nanos)) if may_judge(event.event(), &rule.logsource) => nanos,
            _ => return,
        };
        if !has_own_time(event) {
            return;
        }
        let Some(watch) = self.watches.get_mut(index) else { return };
        let sign = Sign {
            tenant: meta.tenant,
            source: meta.source,
            time: clock::believed(facts.time(), meta.received),
            received: meta.received,
            id: meta.id,
            raw: meta.raw,
            text: event.get_str(fields::EVENT_ORIGINAL),
        };
        let other = Hint::default();
        let hint = if known.sign.0.get().is_none_or(|of| of == index) { &known.sign.1 } else { &other };
        known.sign.0.set(known.sign.0.get().or(Some(index)));
        if let Some(silent) = watch.sign(&sign, limit, hint) {
            self.silent(index, silent, out);
        }
    }

    fn silent(&mut self, index: u32, silent: Silent, out: &mut Vec<Outcome>) {
        if self.excluded_for(&silent.tenant)[index as usize] {
            return;
        }
        self.stats.alerts += 1;
        out.push(Outcome::Alert(alert::of_silence(&self.rules.rules[index as usize], silent)));
    }
}

/// Whether the event's time is that of its line, not only of its receipt.
fn has_own_time(event: Placed<'_, '_>) -> bool {
    !event.has(fields::SEKISHO_PARSE_REASON)
}

/// The limit of a source: its own, else that of the rule.
fn limit_of(
    limits: &BTreeMap<String, BTreeMap<String, i64>>,
    rules: &RuleSet,
    index: u32,
    tenant: &str,
    source: &str,
) -> Option<i64> {
    let declared = limits.get(tenant).and_then(|sources| sources.get(source)).copied();
    declared.or_else(|| match &rules.compiled[index as usize] {
        Compiled::Rule(rule) => match rule.absence {
            Some(Silence::Nanos(nanos)) => Some(nanos),
            _ => None,
        },
        _ => None,
    })
}
