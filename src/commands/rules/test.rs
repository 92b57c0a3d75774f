//! `sekisho rules test`: plays every rule's hit and miss samples and prints what each rule did.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use detect::{Check, Problem, RuleInfo, SampleResult};

/// What one of a rule's two samples showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Played {
    Absent,
    Good(usize),
    Bad,
}

impl std::fmt::Display for Played {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Played::Absent => f.pad("none"),
            Played::Good(events) => f.pad(&format!("ok ({events})")),
            Played::Bad => f.pad("FAILED"),
        }
    }
}

/// Counts of the table's rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) without: usize,
}

/// Prints one row per rule, what is wrong below it, and which rules have no samples.
pub(super) fn print(check: &Check, out: &mut dyn Write) -> Result<Sum> {
    let of_file: HashMap<&Path, &SampleResult> =
        check.samples.iter().map(|sample| (sample.file.as_path(), sample)).collect();
    let (mut sum, mut without) = (Sum::default(), Vec::new());
    writeln!(out, "{:<8} {:<8} RULE", "HIT", "MISS")?;
    for rule in &check.rules {
        let name = format!("{}  {}", rule.id, rule.title_ja);
        if let Some(problem) = &rule.problem {
            sum.failed += 1;
            writeln!(out, "{:<8} {:<8} {name}\n    {problem}", "BROKEN", "BROKEN")?;
            continue;
        }
        let Some(sample) = of_file.get(rule.file.as_path()) else { continue };
        let (hit, miss) = (played(rule, sample, true), played(rule, sample, false));
        match (hit, miss) {
            (Played::Bad, _) | (_, Played::Bad) => sum.failed += 1,
            (Played::Absent, _) | (_, Played::Absent) => {
                sum.without += 1;
                without.push(rule);
            }
            _ => sum.passed += 1,
        }
        if (hit, miss) == (Played::Absent, Played::Absent) {
            continue;
        }
        writeln!(out, "{hit:<8} {miss:<8} {name}")?;
        for problem in sample.problems.iter().filter(|problem| concerns(problem, rule)) {
            writeln!(out, "    {problem}")?;
        }
    }
    if !without.is_empty() {
        writeln!(out, "\nWithout a hit and a miss sample:")?;
        for rule in without {
            writeln!(out, "  {}  {}  {}", rule.id, rule.title_ja, rule.file.display())?;
        }
    }
    Ok(sum)
}

fn played(rule: &RuleInfo, sample: &SampleResult, hit: bool) -> Played {
    let (events, name) = if hit { (sample.hits, "hit.ndjson") } else { (sample.misses, "miss.ndjson") };
    let of_sample = |problem: &&Problem| problem.file.file_name().is_some_and(|file| file == name);
    let mut problems = sample.problems.iter().filter(of_sample).filter(|problem| concerns(problem, rule));
    match (problems.next(), events) {
        (Some(_), None) if !sample_exists(sample, name) => Played::Absent,
        (Some(_), _) => Played::Bad,
        (None, Some(events)) => Played::Good(events),
        (None, None) => Played::Absent,
    }
}

/// Whether a sample that gave no events is there at all.
fn sample_exists(sample: &SampleResult, name: &str) -> bool {
    let of_sample = |problem: &&Problem| problem.file.file_name().is_some_and(|file| file == name);
    sample.problems.iter().filter(of_sample).any(|problem| problem.file.is_file())
}

/// Whether a problem of a rule file's samples concerns this rule: it names the rule, or none.
fn concerns(problem: &Problem, rule: &RuleInfo) -> bool {
    let names_one = problem.message.starts_with("does not set off `") || problem.message.starts_with("sets off `");
    !names_one || problem.message.ends_with(&format!("({})", rule.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let rule = |name: &str, id: u8, value: &str| {
            let text = format!(
                "title: {name}\nid: 00000000-0000-4000-8000-00000000000{id}\nlogsource:\n  category: firewall\n\
                 detection:\n  selection:\n    event.action: {value}\n  condition: selection\nlevel: low\n"
            );
            std::fs::write(dir.path().join(format!("{name}.yml")), text).unwrap();
        };
        rule("good", 1, "deny");
        rule("bad", 2, "deny");
        rule("bare", 3, "deny");
        rule("broken", 4, "[");
        for (name, hit, miss) in [("good", "deny", "allow"), ("bad", "allow", "allow")] {
            let samples = dir.path().join("samples").join(name);
            std::fs::create_dir_all(&samples).unwrap();
            let line = |action: &str| format!("{{\"event.action\":\"{action}\"}}\n");
            std::fs::write(samples.join("hit.ndjson"), line(hit)).unwrap();
            std::fs::write(samples.join("miss.ndjson"), line(miss)).unwrap();
        }
        dir
    }

    #[test]
    fn every_rule_has_its_row() {
        let dir = folder();
        let mut out = Vec::new();
        let sum = print(&detect::check(dir.path()), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(sum, Sum { passed: 1, failed: 2, without: 1 }, "{text}");
        let row = |id: u8| {
            let id = format!("00000000000{id}");
            text.lines().find(|line| line.contains(&id)).map(|line| line.split("  ").next().unwrap_or("").to_owned())
        };
        assert!(row(1).unwrap().starts_with("ok (1)"), "{text}");
        assert!(row(2).unwrap().starts_with("FAILED"), "{text}");
        assert!(text.contains("does not set off `bad`") && text.contains("bare.yml"), "{text}");
        assert!(text.contains("broken.yml:"), "{text}");
    }
}
