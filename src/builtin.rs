//! What is inside the binary: the detection rules and the example configurations.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use include_dir::{Dir, DirEntry, include_dir};

static RULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");
static CONFIG: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/config");

/// Writes the rules below `dir`.
///
/// # Errors
/// The disk refused.
pub fn write_rules(dir: &Path) -> Result<()> {
    write_dir(&RULES, dir)
}

/// Writes what loading rules reads of them below `dir`: rules and field pipelines, not their samples.
///
/// # Errors
/// The disk refused.
pub fn write_rules_to_load(dir: &Path) -> Result<()> {
    for (path, contents) in rules_to_load() {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap_or(dir)).with_context(|| format!("create {}", dir.display()))?;
        fs::write(&path, contents).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// The same as they are: their places and what is in them.
pub fn rules_to_load() -> Vec<(&'static Path, &'static [u8])> {
    fn add(dir: &Dir<'static>, files: &mut Vec<(&'static Path, &'static [u8])>) {
        files.extend(dir.files().map(|file| (file.path(), file.contents())));
        let dirs = dir.dirs().filter(|dir| dir.path().file_name().is_none_or(|name| name != "samples"));
        dirs.for_each(|dir| add(dir, files));
    }
    let mut files = Vec::new();
    add(&RULES, &mut files);
    files
}

/// Writes the example configuration of this name below `dir`.
///
/// # Errors
/// There is no such example, or the disk refused.
pub fn write_config(name: &str, dir: &Path) -> Result<()> {
    let example = CONFIG.get_dir(name).with_context(|| format!("no example configuration `{name}`"))?;
    write_dir(example, dir)
}

fn write_dir(from: &Dir<'_>, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("create {}", to.display()))?;
    for entry in from.entries() {
        match entry {
            DirEntry::Dir(dir) => write_dir(dir, &to.join(dir.path().strip_prefix(from.path())?))?,
            DirEntry::File(file) => {
                let path = to.join(file.path().strip_prefix(from.path())?);
                fs::write(&path, file.contents()).with_context(|| format!("write {}", path.display()))?;
            }
        }
    }
    Ok(())
}
