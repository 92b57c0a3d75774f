//! Our own rules: each loads, and each sample does what it must; and what a broken rule looks like.

use std::path::{Path, PathBuf};

use super::{RuleSet, check};
use crate::Problem;

fn our_rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules")
}

#[test]
fn every_rule_of_ours_passes_its_samples() {
    let found = check(&our_rules());
    let problems: Vec<String> = found.problems.iter().map(Problem::to_string).collect();
    assert_eq!(problems, Vec::<String>::new());
    assert!(found.rules.len() >= 25, "{}", found.rules.len());
    assert!(found.samples.iter().all(|sample| sample.hits > Some(0) && sample.misses > Some(0)));
    for rule in found.rules.iter().filter(|rule| rule.alerts) {
        assert!(!rule.usecase.is_empty() && rule.title_ja != rule.title, "{}", rule.title);
        assert!(
            !rule.falsepositives.is_empty() && rule.tags.iter().any(|tag| tag.starts_with("attack.t")),
            "{}",
            rule.title
        );
    }
}
