//! Which rules events could set off at all: by their logsource, and by the fields that they have.

use std::collections::BTreeSet;

use stream::{Event, FieldId};

use super::{Compiled, RuleSet};
use crate::correlation::{Leaf, Measure};
use crate::sigma::{may_judge, needs};

/// How deep correlations of correlations are followed.
const DEPTH_MAX: usize = 16;

/// What a rule asks for that never comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Whether the rule can never match without it.
    pub never: bool,
    /// Names of the fields that it asks about and that never come.
    pub fields: BTreeSet<&'static str>,
}

impl Missing {
    /// Takes note that an event without any of these fields is no match.
    fn any_of(&mut self, fields: &[FieldId], has: &dyn Fn(FieldId) -> bool) {
        if !fields.iter().any(|field| has(*field)) {
            self.never = true;
            self.fields.extend(fields.iter().map(|field| field.name()));
        }
    }
}

impl RuleSet {
    /// Whether an event of this logsource is judged by the rule; of a correlation, by a rule that it refers to.
    pub fn may_judge(&self, rule: usize, event: &Event<'_>) -> bool {
        self.leaves(rule, DEPTH_MAX).into_iter().any(|leaf| match &self.compiled[leaf] {
            Compiled::Rule(rule) => may_judge(event, &rule.logsource),
            _ => false,
        })
    }

    /// What the rule asks for beyond the fields that `has` knows. A rule that is not in use asks for nothing.
    pub fn missing(&self, rule: usize, has: &dyn Fn(FieldId) -> bool) -> Missing {
        self.missing_below(rule, has, DEPTH_MAX)
    }

    fn missing_below(&self, rule: usize, has: &dyn Fn(FieldId) -> bool, depth: usize) -> Missing {
        match &self.compiled[rule] {
            Compiled::Broken => Missing::default(),
            // Full tables set it off, whatever fields there are.
            Compiled::Rule(_) if self.rules[rule].overflow.is_some() => Missing::default(),
            Compiled::Rule(rule) => {
                let needs = needs(&self.program, &rule.condition, has);
                let mut missing = Missing { never: needs.never, fields: needs.missing };
                let keys = rule.beyond.iter().flat_map(|beyond| beyond.needs());
                keys.for_each(|fields| missing.any_of(fields, has));
                missing
            }
            Compiled::Correlation(_) if depth == 0 => Missing::default(),
            Compiled::Correlation(rule) => {
                let steps = rule.steps.iter().map(|step| self.missing_below(*step as usize, has, depth - 1));
                let steps: Vec<Missing> = steps.collect();
                // Several steps that must all come need each of them; counting needs one.
                let never = match rule.measure {
                    Measure::Steps { .. } => steps.iter().any(|step| step.never),
                    _ => !steps.is_empty() && steps.iter().all(|step| step.never),
                };
                let mut missing = Missing { never, fields: steps.into_iter().flat_map(|step| step.fields).collect() };
                // What has none of the fields of its group is counted nowhere.
                let group = |leaf: &Leaf| leaf.group.iter().take(rule.group_by.len()).flatten().copied().collect();
                let groups: Vec<Vec<FieldId>> =
                    rule.leaves.values().map(group).filter(|all: &Vec<_>| !all.is_empty()).collect();
                if !groups.is_empty() && groups.iter().all(|group| !group.iter().any(|field| has(*field))) {
                    groups.iter().for_each(|group| missing.any_of(group, has));
                }
                missing
            }
        }
    }

    /// The detection rules that a rule rests on; itself, if it is one.
    fn leaves(&self, rule: usize, depth: usize) -> BTreeSet<usize> {
        match &self.compiled[rule] {
            Compiled::Broken => BTreeSet::new(),
            Compiled::Rule(_) => BTreeSet::from([rule]),
            Compiled::Correlation(_) if depth == 0 => BTreeSet::new(),
            Compiled::Correlation(rule) => {
                rule.steps.iter().flat_map(|step| self.leaves(*step as usize, depth - 1)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stream::{Value, fields};

    fn rules(texts: &[&str]) -> RuleSet {
        let dir = tempfile::tempdir().unwrap();
        for (at, text) in texts.iter().enumerate() {
            std::fs::write(dir.path().join(format!("{at}.yml")), text).unwrap();
        }
        let (rules, problems) = RuleSet::load(&[dir.path().to_path_buf()]);
        assert!(problems.is_empty(), "{problems:?}");
        rules
    }

    fn rule(detection: &str) -> String {
        format!(
            "title: t\nid: 00000000-0000-4000-8000-000000000001\nlogsource:\n  product: acme\nlevel: low\ndetection:\n{detection}"
        )
    }

    fn missing(detection: &str, has: &[&str]) -> (bool, Vec<&'static str>) {
        let rules = rules(&[&rule(detection)]);
        let found = rules.missing(0, &|field| has.contains(&field.name()));
        (found.never, found.fields.into_iter().collect())
    }

    #[test]
    fn a_field_that_never_comes_stops_what_rests_on_it() {
        let both = "  s:\n    a: 1\n    b|contains: x\n  condition: s\n";
        assert_eq!(missing(both, &["a", "b"]), (false, vec![]));
        assert_eq!(missing(both, &["a"]), (true, vec!["b"]));
        let either = "  s:\n    a: 1\n  t:\n    b: 2\n  condition: 1 of them\n";
        assert_eq!(missing(either, &["a"]), (false, vec!["b"]));
        assert_eq!(missing(either, &[]), (true, vec!["a", "b"]));
        let unless = "  s:\n    a: 1\n  f:\n    b: 2\n  condition: s and not f\n";
        assert_eq!(missing(unless, &["a"]), (false, vec!["b"]));
        let null = "  s:\n    a: 1\n    b: null\n  condition: s\n";
        assert_eq!(missing(null, &["a"]), (false, vec!["b"]));
        let not_null = "  s:\n    a: 1\n  n:\n    b: null\n  condition: s and not n\n";
        assert_eq!(missing(not_null, &["a"]), (true, vec!["b"]));
        let word = "  s:\n    - needle\n  condition: s\n";
        assert_eq!(missing(word, &[]), (false, vec![]));
    }

    #[test]
    fn a_key_beyond_sigma_needs_its_fields() {
        let of = |keys: &str, has: &[&str]| {
            let rules = rules(&[&format!("{}sekisho:\n{keys}", rule("  s:\n    a: 1\n  condition: s\n"))]);
            let found = rules.missing(0, &|field| field.name() == "a" || has.contains(&field.name()));
            (found.never, found.fields.into_iter().collect::<Vec<_>>())
        };
        let seen = "  first_seen: {by: [user.name, source.ip]}\n";
        assert_eq!(of(seen, &["user.name", "source.ip"]), (false, vec![]));
        assert_eq!(of(seen, &["user.name"]), (true, vec!["source.ip"]));
        let ledger =
            "  ledger: {name: work_orders, key: {account: user.name, target: [host.name, host.ip]}, is: valid}\n";
        assert_eq!(of(ledger, &["user.name", "host.ip"]), (false, vec![]), "one of the two is enough");
        assert_eq!(of(ledger, &["host.name"]), (true, vec!["user.name"]));
        assert_eq!(
            of("  ioc: {fields: [url.domain, destination.ip]}\n", &[]),
            (true, vec!["destination.ip", "url.domain"])
        );
        assert_eq!(
            of("  baseline: {by: [a], sum: source.bytes, factor: 2, min: 1}\n", &[]),
            (true, vec!["source.bytes"])
        );
        assert_eq!(of("  suppress: {by: [user.name], for: 1h}\n", &[]), (false, vec![]));
    }

    #[test]
    fn a_correlation_rests_on_its_rules() {
        let counted = "title: c\nid: 00000000-0000-4000-8000-000000000002\nlevel: low\ncorrelation:\n  type: event_count\n  rules: [00000000-0000-4000-8000-000000000001]\n  group-by: [a]\n  timespan: 5m\n  condition: {gte: 2}\n";
        let rules = rules(&[&rule("  s:\n    a: 1\n  condition: s\n"), counted]);
        assert!(rules.missing(1, &|_| false).never && !rules.missing(1, &|_| true).never);
        let arena = bumpalo::Bump::new();
        let mut event = Event::new_in(&arena);
        event.push(fields::SEKISHO_LOGSOURCE_PRODUCT, Value::Str("acme"));
        assert!(rules.may_judge(0, &event) && rules.may_judge(1, &event));
        let mut other = Event::new_in(&arena);
        other.push(fields::SEKISHO_LOGSOURCE_PRODUCT, Value::Str("other"));
        assert!(!rules.may_judge(1, &other));
    }
}
