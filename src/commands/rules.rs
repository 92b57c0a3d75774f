//! `sekisho rules`

mod coverage;
mod test;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use detect::Problem;

use crate::cli::Rules;
use crate::commands::{DONE, FAILED, output};
use crate::config::Config;
use crate::{builtin, setup};

/// Validates, tests or lists rules.
pub fn run(command: &Rules) -> Result<u8> {
    match command {
        Rules::Check { dir } => check(dir.as_ref()),
        Rules::Test { dir } => test(dir.as_ref()),
        Rules::List { dir } => list(dir.as_ref()),
        Rules::Coverage { config, rules } => coverage(config.as_deref(), rules.as_ref()),
    }
}

/// Loads a folder's rules, or the built-in ones, and plays their samples.
fn checked(dir: Option<&PathBuf>) -> Result<detect::Check> {
    let unpacked = tempfile::tempdir().context("create a temporary folder for the built-in rules")?;
    let dir = match dir {
        Some(dir) => dir.clone(),
        None => {
            builtin::write_rules(unpacked.path())?;
            unpacked.path().to_path_buf()
        }
    };
    anyhow::ensure!(dir.exists(), "rules folder {} does not exist", dir.display());
    Ok(detect::check(&dir))
}

/// Public rules come without samples: that is one line, and no fault of theirs.
fn check(dir: Option<&PathBuf>) -> Result<u8> {
    let check = checked(dir)?;
    let (without, with): (Vec<_>, Vec<_>) =
        check.samples.iter().partition(|sample| sample.hits.is_none() && sample.misses.is_none());
    let missing: BTreeSet<&Problem> = without.iter().flat_map(|sample| &sample.problems).collect();
    let problems: Vec<Problem> = check.problems.iter().filter(|problem| !missing.contains(problem)).cloned().collect();
    setup::report(&problems);
    let broken = check.rules.iter().filter(|rule| rule.problem.is_some()).count();
    eprintln!("{} rules, {broken} broken, {} problems", check.rules.len(), problems.len());
    eprintln!("{} rule files with samples, {} without (`sekisho rules test` names them)", with.len(), without.len());
    Ok(if problems.is_empty() { DONE } else { FAILED })
}

fn test(dir: Option<&PathBuf>) -> Result<u8> {
    let check = checked(dir)?;
    let mut out = output(None)?;
    let sum = test::print(&check, &mut out)?;
    out.flush()?;
    eprintln!(
        "{} rules: {} passed, {} failed, {} without a hit and a miss sample",
        check.rules.len(),
        sum.passed,
        sum.failed,
        sum.without
    );
    Ok(if sum.failed == 0 { DONE } else { FAILED })
}

fn list(dir: Option<&PathBuf>) -> Result<u8> {
    let dirs: Vec<PathBuf> = dir.into_iter().cloned().collect();
    let (rules, problems) = setup::load_rules(&dirs)?;
    let mut out = output(None)?;
    for rule in rules.rules() {
        let state = if rule.problem.is_some() {
            "BROKEN"
        } else if rule.off {
            "off"
        } else if rule.page {
            "page"
        } else {
            ""
        };
        let (usecase, kind) = (rule.usecase.join(","), rule.kind.as_str());
        writeln!(out, "{:<14} {state:<7} {kind:<11} {usecase:<12} {}  {}", rule.level, rule.id, rule.title_ja)?;
    }
    out.flush()?;
    setup::report(&problems);
    Ok(if problems.is_empty() { DONE } else { FAILED })
}

fn coverage(config: Option<&Path>, dir: Option<&PathBuf>) -> Result<u8> {
    let config = config.map(Config::load).transpose()?;
    let dirs = match (dir, &config) {
        (Some(dir), _) => vec![dir.clone()],
        (None, Some(config)) => config.rules.clone(),
        (None, None) => Vec::new(),
    };
    let (rules, problems) = setup::load_rules(&dirs)?;
    let sources = match &config {
        Some(config) => crate::coverage::declared(config)?,
        None => crate::coverage::every_product(),
    };
    let rows = crate::coverage::of_rules(&rules, &sources)?;
    let lately = config.as_ref().map(coverage::Lately::of).transpose()?.flatten();
    let mut out = output(None)?;
    let unfed = coverage::print(&rules, &rows, lately.as_ref(), &mut out)?;
    out.flush()?;
    setup::report(&problems);
    eprintln!("{} rules, {unfed} of them cannot match with {} sources", rows.len(), sources.len());
    Ok(if unfed == 0 { DONE } else { FAILED })
}
