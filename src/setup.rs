//! Loads rules and tenants for the commands, and prints what is wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use detect::{Geo, Problem, RuleSet, Tenants};

use crate::builtin;
use crate::config::Config;

/// Prints problems to stderr, one per line, as `file:line:column: what; what to do`.
pub fn report(problems: &[Problem]) {
    for problem in problems {
        eprintln!("{problem}");
    }
}

/// The rules of a folder with its own field pipelines only. A bad rule is reported and left out.
///
/// # Errors
/// The folder cannot be read.
pub fn rules_alone(dir: &Path) -> Result<Arc<RuleSet>> {
    if !dir.exists() {
        bail!("rules folder {} does not exist", dir.display());
    }
    let (rules, problems) = RuleSet::load(&[dir.to_path_buf()]);
    report(&problems);
    Ok(Arc::new(rules))
}

/// The rules of these folders, or the built-in ones when none is named. Folders without field pipelines get the built-in
/// ones, without which rules in Sigma's own names find nothing in ECS events. A bad rule is reported and left out.
///
/// # Errors
/// A folder cannot be read.
pub fn rules(dirs: &[PathBuf]) -> Result<Arc<RuleSet>> {
    let (rules, problems) = load_rules(dirs)?;
    report(&problems);
    Ok(rules)
}

/// As [`rules`], with the problems given instead of printed.
///
/// # Errors
/// As [`rules`].
pub fn load_rules(dirs: &[PathBuf]) -> Result<(Arc<RuleSet>, Vec<Problem>)> {
    for dir in dirs {
        if !dir.exists() {
            bail!("rules folder {} does not exist", dir.display());
        }
    }
    let unpacked = tempfile::tempdir().context("create a temporary folder for the built-in rules")?;
    let mut all = dirs.to_vec();
    if dirs.is_empty() {
        builtin::write_rules_to_load(unpacked.path())?;
        all.push(unpacked.path().to_path_buf());
    } else if !dirs.iter().any(|dir| has_pipelines(dir, RuleSet::DEPTH_MAX)) {
        builtin::write_rules_to_load(unpacked.path())?;
        all.push(unpacked.path().join("pipelines"));
    }
    let (rules, problems) = RuleSet::load(&all);
    Ok((Arc::new(rules), problems))
}

/// Whether a folder holds field pipelines, as loading finds them.
fn has_pipelines(dir: &Path, depth: usize) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else { return false };
    let mut folders = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    let is_one = |path: &Path| path.file_name().is_some_and(|name| name == "pipelines");
    depth > 0 && (is_one(dir) || folders.any(|path| is_one(&path) || has_pipelines(&path, depth - 1)))
}

/// The tenants below this folder.
///
/// # Errors
/// Anything is wrong in any ledger; the error lists all of it.
pub fn tenants(dir: &Path) -> Result<Tenants> {
    checked(Tenants::load(dir), dir)
}

/// The one tenant in this folder.
///
/// # Errors
/// As [`tenants`].
pub fn tenant(dir: &Path) -> Result<Tenants> {
    checked(Tenants::load_one(dir), dir)
}

/// The tenants of a configuration, with the databases of addresses that it names.
///
/// # Errors
/// As [`tenants`]; a database that cannot be used.
pub fn tenants_of(config: &Config) -> Result<Tenants> {
    Ok(tenants(&config.tenants)?.with_geo(geo(&config.geoip)?))
}

/// Databases of addresses.
///
/// # Errors
/// One is missing or no MMDB file; the error lists all of them.
pub fn geo(files: &[PathBuf]) -> Result<Geo> {
    Geo::open(files).map_err(|problems| anyhow::anyhow!("{}", listed(&problems)))
}

fn checked(loaded: Result<Tenants, Vec<Problem>>, dir: &Path) -> Result<Tenants> {
    loaded
        .map_err(|problems| anyhow::anyhow!("{} problems in {}:\n{}", problems.len(), dir.display(), listed(&problems)))
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
