//! The tree keeps its own rules: crate edges, file lengths, headers, field names, no paths of a developer's machine.

// A panic in a helper is the report.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of code without tests that no file may exceed.
const LINES_MAX: usize = 800;

/// Who may depend on whom; every crate of the workspace stands here.
const EDGES: &[(&str, &[&str])] = &[
    ("stream", &[]),
    ("ingest", &["stream"]),
    ("detect", &["stream"]),
    ("store", &["stream"]),
    ("oncall", &["store", "stream"]),
    ("dashboards", &["oncall", "store", "detect", "stream"]),
    ("benches", &["stream", "ingest", "detect", "store"]),
];

/// What may stand at the top of the tree.
const TOP: &[&str] = &[
    ".ci",
    ".git",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.ja.md",
    "README.md",
    "SECURITY.md",
    "STYLE.md",
    "benches",
    "clippy.toml",
    "config",
    "dashboards",
    "deny.toml",
    "detect",
    "docs",
    "fuzz",
    "ingest",
    "oncall",
    "rules",
    "rustfmt.toml",
    "src",
    "store",
    "stream",
    "target",
    "tests",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    let skipped = ["target", ".git", "vendor", "node_modules", "corpus", "artifacts"];
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Where several working trees share one repository, `.git` is a file.
        if skipped.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(&path, files);
        } else if path.is_file() {
            files.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    walk(&root(), &mut files);
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// The part of a file before its inline tests.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text)
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.starts_with("tests/") || name.ends_with("tests.rs") || name.contains("/examples/")
}

fn report(title: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{title}:\n  {}", faults.join("\n  "));
}

#[test]
fn crates_depend_only_on_whom_they_may() {
    let members: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let mut faults = Vec::new();
    for (member, allowed) in &members {
        let path = root().join(member).join("Cargo.toml");
        let manifest: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(section).and_then(|value| value.as_table()) else { continue };
            for name in table.keys().filter(|name| members.contains_key(name.as_str())) {
                if !allowed.contains(&name.as_str()) {
                    faults.push(format!("{member} -> {name} ({section})"));
                }
            }
        }
    }
    report("edges that ARCHITECTURE.md does not allow", &faults);
}

#[test]
fn nothing_else_stands_at_the_top() {
    let faults: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !TOP.contains(&name.as_str()))
        .collect();
    report("not in the list of top-level names", &faults);
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut faults = Vec::new();
    for (name, text) in sources() {
        if !text.starts_with("//!") && !name.starts_with("fuzz/") {
            faults.push(format!("{name}: does not begin with `//!`"));
        }
        let lines = without_tests(&text).lines().count();
        if lines > LINES_MAX && !is_test(&name) {
            faults.push(format!("{name}: {lines} lines; {LINES_MAX} are allowed"));
        }
        if name.ends_with("/mod.rs") {
            faults.push(format!("{name}: write foo.rs beside foo/ instead of mod.rs"));
        }
    }
    report("files to tidy", &faults);
}

#[test]
fn field_names_stand_in_the_field_table_only() {
    let table = fs::read_to_string(root().join("stream/src/fields.rs")).unwrap();
    let names: Vec<&str> = table
        .lines()
        .filter_map(|line| line.split_once(" = \"").map(|(_, rest)| rest))
        .filter_map(|rest| rest.split_once("\", ").map(|(name, _)| name))
        .filter(|name| name.contains('.'))
        .collect();
    assert!(names.len() > 200, "the field table was not understood");
    let mut faults = Vec::new();
    for (name, text) in sources() {
        // Pages and the search language speak of fields to people; what they show is text, not a field access. Kafka's
        // settings have names of their own, `group.id` among them.
        let exempt = ["dashboards/", "store/src/query", "fuzz/", "benches/", "src/commands/", "stream/src/log/kafka/"];
        if name == "stream/src/fields.rs" || is_test(&name) || exempt.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        for (number, line) in without_tests(&text).lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for field in &names {
                if line.contains(&format!("\"{field}\"")) {
                    faults.push(format!("{name}:{}: \"{field}\"; use the constant in stream::fields", number + 1));
                }
            }
        }
    }
    report("raw field names", &faults);
}

#[test]
fn the_tree_speaks_of_itself_alone() {
    let mut files = Vec::new();
    walk(&root(), &mut files);
    let mut faults = Vec::new();
    for path in files {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        for (number, line) in text.lines().enumerate() {
            if line.contains(concat!("/wo", "rk/")) || line.contains(concat!("/ro", "ot/")) {
                faults.push(format!("{name}:{}: a path of one machine", number + 1));
            }
            if !name.ends_with("Cargo.lock") && !name.contains("vendor/") && has_twelve_digits(line) {
                faults.push(format!("{name}:{}: a number of 12 digits could be a My Number", number + 1));
            }
        }
    }
    report("what does not belong in the tree", &faults);
}

/// Whether a run of exactly twelve decimal digits stands alone in the line.
fn has_twelve_digits(line: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.' && c != '-')
        .any(|word| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit()))
}
