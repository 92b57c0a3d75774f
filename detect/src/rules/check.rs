//! Checking a folder of rules: everything that is wrong with them, and with their samples.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{RuleInfo, RuleSet, SampleResult, run_samples};
use crate::Problem;

/// What a check found.
#[derive(Debug)]
pub struct Check {
    /// Every rule, in load order.
    pub rules: Vec<RuleInfo>,
    /// What the samples of each rule file showed.
    pub samples: Vec<SampleResult>,
    /// Everything that is wrong, samples included.
    pub problems: Vec<Problem>,
}

/// Loads the rules below a folder and plays their samples.
pub fn check(dir: &Path) -> Check {
    let (rules, mut problems) = RuleSet::load(&[PathBuf::from(dir)]);
    let rules = Arc::new(rules);
    let samples = run_samples(&rules);
    problems.extend(samples.iter().flat_map(|sample| sample.problems.iter().cloned()));
    for rule in &rules.rules {
        let texts = [("what", &rule.what), ("why", &rule.why), ("first", &rule.first)];
        let missing: Vec<&str> = texts.into_iter().filter(|(_, text)| text.is_empty()).map(|(name, _)| name).collect();
        if rule.alerts && rule.problem.is_none() && !rule.usecase.is_empty() && !missing.is_empty() {
            problems.push(Problem::new(
                &rule.file,
                rule.line,
                1,
                format!("`{}` does not say {}", rule.title, missing.join(", ")),
                "add them under `sekisho:`",
            ));
        }
    }
    Check { rules: rules.rules.clone(), samples, problems }
}
