//! `sekisho init`

use std::io::Write;

use anyhow::{Context, Result, ensure};
use store::{ALL_TENANTS, Database, Role};

use crate::builtin;
use crate::cli::{Init, Model};
use crate::commands::{DONE, output, user};
use crate::config::Config;

/// Writes an example configuration with its ledgers and rules, and makes the first account.
pub fn run(args: &Init) -> Result<u8> {
    let dir = &args.dir;
    let taken =
        dir.exists() && std::fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))?.next().is_some();
    ensure!(!taken, "{} is not empty; give init a new folder", dir.display());
    let (example, model) = match args.model {
        Model::Alpha => ("alpha-town", "alpha"),
        Model::AlphaPrime => ("alpha-town", "alpha-prime"),
        Model::Beta => ("alpha-town", "beta"),
        Model::BetaPrime => ("alpha-town", "beta-prime"),
        Model::InternetOnly => ("internet-only", "internet-only"),
        Model::Prefecture => ("prefecture", "alpha"),
    };
    builtin::write_config(example, dir)?;
    builtin::write_rules(&dir.join("rules"))?;
    if example == "alpha-town" && model != "alpha" {
        set_model(dir, model)?;
    }
    let path = dir.join("sekisho.toml");
    let config = Config::load(&path).context("the example configuration")?;
    let database = Database::open(config.database())?;
    let password = user::add(&database, "admin", Role::SystemAdmin, &[ALL_TENANTS.to_owned()])?;
    let mut out = output(None)?;
    writeln!(out, "admin\n{password}")?;
    out.flush()?;
    eprintln!(
        "Wrote {}. The name and password above are for the first sign-in; the password is shown only now.",
        dir.display()
    );
    eprintln!("Next:\n  sekisho check --config {0}\n  sekisho run --config {0}", path.display());
    Ok(DONE)
}

/// Writes the model into every tenant.toml of the example.
fn set_model(dir: &std::path::Path, model: &str) -> Result<()> {
    for entry in std::fs::read_dir(dir.join("tenants"))? {
        let path = entry?.path().join("tenant.toml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        std::fs::write(&path, text.replace("model = \"alpha\"", &format!("model = \"{model}\"")))
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
