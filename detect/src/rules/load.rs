//! Reading rule files: finding them, splitting them into documents, compiling each, and saying where a mistake is.

use std::path::{Path, PathBuf};

use super::RuleSet;
use super::build::Loader;
use crate::sigma::{Pipelines, Reason};
use crate::{Problem, Problems};

/// One document of a rule file.
pub(super) struct Document {
    pub(super) file: PathBuf,
    /// The file's path below the folder that was loaded: the same wherever that folder stands.
    pub(super) name: String,
    /// Line of the file on which it starts, from 1.
    pub(super) line: u32,
    pub(super) text: String,
}

pub(super) fn load(dirs: &[PathBuf]) -> (RuleSet, Vec<Problem>) {
    let mut problems = Problems::default();
    let files = find_files(dirs, &mut problems);
    let (pipeline_files, rule_files): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|(file, _)| is_in(file, "pipelines"));
    let mut pipelines = Pipelines::default();
    for (file, _) in pipeline_files {
        if let Some(text) = read(&file, &mut problems)
            && let Err(problem) = pipelines.add(&file, &text)
        {
            problems.push(problem);
        }
    }
    let mut loader = Loader::new(pipelines);
    for (file, name) in rule_files.iter().filter(|(file, _)| !is_in(file, "samples")) {
        if let Some(text) = read(file, &mut problems) {
            documents(file, name, &text).into_iter().for_each(|document| loader.document(document));
        }
    }
    let (set, more) = loader.finish();
    problems.extend(more);
    (set, problems.into_vec())
}

fn is_in(file: &Path, folder: &str) -> bool {
    file.parent().is_some_and(|parent| parent.components().any(|part| part.as_os_str() == folder))
}

/// The files with their names below the folder in which they were found.
fn find_files(dirs: &[PathBuf], problems: &mut Problems) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for dir in dirs {
        let mut found = Vec::new();
        walk(dir, 0, &mut found, problems);
        files.extend(found.into_iter().map(|file| {
            let name = name_below(dir, &file);
            (file, name)
        }));
    }
    files.dedup();
    if files.len() > RuleSet::FILES_MAX {
        let advice = format!("load at most {} files", RuleSet::FILES_MAX);
        problems.push(Problem::whole(
            &files[RuleSet::FILES_MAX].0,
            "too many rule files, this and later ones are not read",
            advice,
        ));
        files.truncate(RuleSet::FILES_MAX);
    }
    files
}

fn name_below(dir: &Path, file: &Path) -> String {
    let below = file.strip_prefix(dir).ok().filter(|below| below.file_name().is_some());
    let below = below.or(file.file_name().map(Path::new)).unwrap_or(file);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn walk(path: &Path, depth: usize, files: &mut Vec<PathBuf>, problems: &mut Problems) {
    if !path.is_dir() {
        if depth == 0 && !path.exists() {
            problems.push(Problem::whole(path, "no such file or folder", "name a folder of rule files"));
        } else if depth == 0 || matches!(path.extension().and_then(|ext| ext.to_str()), Some("yml" | "yaml")) {
            files.push(path.to_owned());
        }
        return;
    }
    if depth >= RuleSet::DEPTH_MAX {
        problems.push(Problem::whole(path, "folders nested too deep", "move the rules up"));
        return;
    }
    let mut inside: Vec<PathBuf> = match std::fs::read_dir(path) {
        Ok(entries) => entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect(),
        Err(error) => {
            problems.push(Problem::whole(path, format!("cannot be read: {error}"), "correct its permissions"));
            return;
        }
    };
    inside.sort();
    inside.iter().for_each(|inner| walk(inner, depth + 1, files, problems));
}

fn read(file: &Path, problems: &mut Problems) -> Option<String> {
    if std::fs::metadata(file).is_ok_and(|meta| meta.len() > RuleSet::FILE_BYTES_MAX) {
        let message = format!("larger than {} bytes", RuleSet::FILE_BYTES_MAX);
        problems.push(Problem::whole(file, message, "split the file"));
        return None;
    }
    match std::fs::read_to_string(file) {
        Ok(text) => Some(text),
        Err(error) => {
            problems.push(Problem::whole(file, format!("cannot be read: {error}"), "save the file as UTF-8"));
            None
        }
    }
}

/// Splits a file at its `---` lines; documents without content are left out.
fn documents(file: &Path, name: &str, text: &str) -> Vec<Document> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let starting = |line| Document { file: file.to_owned(), name: name.to_owned(), line, text: String::new() };
    let mut found = vec![starting(1)];
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let trimmed = line.trim_end();
        if trimmed == "---" || trimmed == "..." || trimmed.starts_with("--- ") {
            found.push(starting(number as u32 + 2));
        } else if let Some(last) = found.last_mut() {
            last.text.push_str(line);
        }
    }
    found.retain(|document| {
        document.text.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
    });
    found
}

/// A token that starts with this is looked for below `sekisho:` only.
pub(super) const OURS: char = '\u{1}';

impl Document {
    /// What stands for the id of a rule that has none: file and line, below the folder that was loaded.
    pub(super) fn id(&self) -> String {
        format!("{}#{}", self.name, self.line)
    }

    /// Line and column in the file where a text stands: the first place in the document, else its start.
    fn place(&self, token: &str) -> (u32, u32) {
        let (token, ours) = token.strip_prefix(OURS).map_or((token, false), |token| (token, true));
        let token = token.lines().next().unwrap_or_default().trim();
        let skipped = self.text.lines().position(|line| ours && line.starts_with("sekisho:")).unwrap_or(0);
        if !token.is_empty() {
            for (number, line) in self.text.lines().enumerate().skip(skipped) {
                if let Some(at) = line.find(token) {
                    return (self.line + number as u32, line[..at].chars().count() as u32 + 1);
                }
            }
        }
        (self.line + skipped as u32, 1)
    }

    pub(super) fn problem(&self, reason: Reason) -> Problem {
        let (line, column) = self.place(&reason.token);
        Problem::new(&self.file, line, column, reason.message, reason.advice)
    }

    /// A problem from the parser's message, which names its place in several ways.
    pub(super) fn parse_problem(&self, message: &str) -> Problem {
        let first = message.lines().next().unwrap_or_default();
        let detail = message.lines().rev().find_map(|line| line.trim().strip_prefix("= ")).unwrap_or_default();
        let mut text = if detail.is_empty() { first.to_owned() } else { format!("{} {detail}", first.trim()) };
        text = text.trim().to_owned();
        let advice = "write it as the Sigma specification 2.1 says";
        if let Some((line, column)) = two_numbers(first, "at line ", " column ") {
            return Problem::new(&self.file, self.line + line.max(1) - 1, column, text, "correct the YAML there");
        }
        if let Some(at) = first.strip_prefix("Condition parse error at ") {
            let column = at.split([':', ' ']).nth(1).and_then(|number| number.parse::<u32>().ok()).unwrap_or(1);
            let (line, start) = self.place("condition:");
            let advice = if self.text.contains("| count") || self.text.contains("|count") {
                "write a correlation rule instead of an aggregation (Sigma specification 2.1)"
            } else {
                "combine the names of detections with and, or, not, parentheses, `1 of x*`, `all of them`"
            };
            return Problem::new(&self.file, line, start + "condition: ".len() as u32 + column - 1, text, advice);
        }
        let token = match first.split('\'').nth(1) {
            Some(quoted) if first.starts_with("Unknown modifier") => format!("|{quoted}"),
            Some(quoted) => quoted.to_owned(),
            None => String::new(),
        };
        let (line, column) = self.place(&token);
        Problem::new(&self.file, line, column, text, advice)
    }
}

fn two_numbers(text: &str, before: &str, between: &str) -> Option<(u32, u32)> {
    let rest = &text[text.find(before)? + before.len()..];
    let (first, rest) = rest.split_once(between)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((first.trim().parse().ok()?, rest[..digits].parse().ok()?))
}
