//! Loads rules and tenants for the commands, and prints what is wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use detect::{Problem, RuleSet, Tenants};

use crate::builtin;

/// Prints problems to stderr, one per line, as `file:line:column: what; what to do`.
pub fn report(problems: &[Problem]) {
    for problem in problems {
        eprintln!("{problem}");
    }
}

/// The rules of these folders, or the built-in ones when none is named. A bad rule is reported and left out.
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
    let (rules, problems) = if dirs.is_empty() {
        let unpacked = tempfile::tempdir().context("create a temporary folder for the built-in rules")?;
        builtin::write_rules(unpacked.path())?;
        RuleSet::load(&[unpacked.path().to_path_buf()])
    } else {
        RuleSet::load(dirs)
    };
    Ok((Arc::new(rules), problems))
}

/// The tenants below this folder.
///
/// # Errors
/// Anything is wrong in any ledger; all of it is printed first.
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

fn checked(loaded: Result<Tenants, Vec<Problem>>, dir: &Path) -> Result<Tenants> {
    loaded.map_err(|problems| {
        report(&problems);
        anyhow::anyhow!("{} problems in {}; they are listed above", problems.len(), dir.display())
    })
}
