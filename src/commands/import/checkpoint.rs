//! What was imported, so that no line is imported twice.
//!
//! A file is known by what is in it, not by its name, its place, its length or how it is packed: for each file there is
//! how many records of it are in, and a hash over all of them. A file that begins with exactly those records is the same
//! file, grown or not, and goes on behind them; one that only has the same first lines is another. A last line without an
//! end that has become longer since is imported again, whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// How far files are imported.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Tenant, source and hash of the first record -> the files that begin with it.
    #[serde(default)]
    imported: BTreeMap<String, Vec<Progress>>,
    /// Files that an import had not finished, by the same key: where the log ended when their progress was written.
    #[serde(default)]
    open: BTreeMap<String, u64>,
    /// What an older sekisho wrote.
    #[serde(default, skip_serializing)]
    files: BTreeMap<String, serde_json::Value>,
    #[serde(skip)]
    path: PathBuf,
}

/// How far one file is imported. Blank lines are no records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Records that are durable.
    pub lines: u64,
    /// Hash over all of them.
    chain: String,
    /// The same without the last one.
    chain_before: String,
    /// Hash and length of the last one.
    last: String,
    last_bytes: usize,
}

impl Progress {
    /// One more record.
    pub fn add(&mut self, record: &[u8]) {
        self.chain_before = std::mem::take(&mut self.chain);
        self.chain = link(&self.chain_before, record);
        (self.last, self.last_bytes) = (link("", record), record.len());
        self.lines += 1;
    }

    /// Whether `record` is this progress's last one, grown since.
    fn grew_into(&self, record: &[u8]) -> bool {
        record.len() > self.last_bytes && link("", &record[..self.last_bytes]) == self.last
    }
}

/// Where a file goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Its progress, as far as it is known.
    pub progress: Progress,
    /// Its place among the files that begin alike; nothing for one that was never imported.
    pub place: Option<usize>,
    /// Where the log ended when an import of it was cut off.
    pub log_end: Option<u64>,
}

impl Checkpoint {
    /// Reads the checkpoint file; an absent one is empty.
    pub fn load(path: &Path) -> Result<Checkpoint> {
        let empty = Checkpoint { path: path.to_owned(), ..Checkpoint::default() };
        if !path.exists() {
            return Ok(empty);
        }
        let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let read: Checkpoint = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged; remove it to import from the start", path.display()))?;
        if !read.files.is_empty() {
            bail!(
                "{} was written by an older sekisho; remove it if no file that stands in it comes again",
                path.display()
            );
        }
        Ok(Checkpoint { path: path.to_owned(), ..read })
    }

    /// The key of files of a source whose first record is this.
    pub fn key(tenant: &str, source: &str, first: &[u8]) -> String {
        format!("{tenant}/{source}/{}", link("", first))
    }

    /// Where a file with this key goes on, given its records.
    pub fn start(&self, key: &str, records: impl Iterator<Item = Result<Vec<u8>>>) -> Result<Start> {
        let log_end = self.open.get(key).copied();
        let alike = self.imported.get(key).map_or(&[][..], Vec::as_slice);
        let (mut walked, mut found) = (Progress::default(), Start { log_end, ..Start::default() });
        let longest = alike.iter().map(|progress| progress.lines).max().unwrap_or(0);
        for record in records.take(longest as usize) {
            let record = record?;
            for (place, progress) in alike.iter().enumerate() {
                let grown = progress.lines == walked.lines + 1
                    && progress.chain_before == walked.chain
                    && progress.grew_into(&record);
                if grown {
                    found = Start { progress: walked.clone(), place: Some(place), log_end };
                }
            }
            walked.add(&record);
            if let Some(place) = alike.iter().position(|progress| *progress == walked) {
                found = Start { progress: walked.clone(), place: Some(place), log_end };
            }
        }
        Ok(found)
    }

    /// Notes how far a file is, and gives its place among those that begin alike.
    pub fn note(&mut self, key: &str, place: Option<usize>, progress: &Progress, log_end: u64) -> Option<usize> {
        self.open.insert(key.to_owned(), log_end);
        if progress.lines == 0 {
            return place;
        }
        let alike = self.imported.entry(key.to_owned()).or_default();
        let place = place.unwrap_or(alike.len());
        match alike.get_mut(place) {
            Some(known) => *known = progress.clone(),
            None => alike.push(progress.clone()),
        }
        Some(place)
    }

    /// All of a file is in.
    pub fn close(&mut self, key: &str) {
        self.open.remove(key);
    }

    /// Replaces the checkpoint file whole, durably.
    pub fn save(&self) -> Result<()> {
        let temporary = self.path.with_extension("json.new");
        std::fs::write(&temporary, serde_json::to_vec(self)?)
            .and_then(|()| std::fs::File::open(&temporary)?.sync_all())
            .and_then(|()| std::fs::rename(&temporary, &self.path))
            .with_context(|| format!("write {}", self.path.display()))
    }
}

/// The next hash of a chain.
fn link(chain: &str, record: &[u8]) -> String {
    let hash = stream::fingerprint("import", chain, record);
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imported(checkpoint: &mut Checkpoint, lines: &[&str]) {
        let mut progress = Progress::default();
        lines.iter().for_each(|line| progress.add(line.as_bytes()));
        let key = Checkpoint::key("t", "s", lines[0].as_bytes());
        checkpoint.note(&key, None, &progress, 7);
        checkpoint.close(&key);
    }

    fn start(checkpoint: &Checkpoint, lines: &[&str]) -> (u64, Option<usize>) {
        let records = lines.iter().map(|line| Ok(line.as_bytes().to_vec()));
        let start = checkpoint.start(&Checkpoint::key("t", "s", lines[0].as_bytes()), records).unwrap();
        (start.progress.lines, start.place)
    }

    #[test]
    fn a_file_is_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("import.json");
        let mut checkpoint = Checkpoint::load(&path).unwrap();
        imported(&mut checkpoint, &["head", "a", "b"]);
        imported(&mut checkpoint, &["head", "x"]);
        checkpoint.save().unwrap();
        let checkpoint = Checkpoint::load(&path).unwrap();
        assert_eq!(start(&checkpoint, &["head", "a", "b"]), (3, Some(0)), "the same");
        assert_eq!(start(&checkpoint, &["head", "a", "b", "c", "d"]), (3, Some(0)), "grown");
        assert_eq!(start(&checkpoint, &["head", "x", "y"]), (2, Some(1)), "the other that begins alike");
        assert_eq!(start(&checkpoint, &["head", "a", "z"]), (0, None), "another one with the same first lines");
        assert_eq!(start(&checkpoint, &["head", "a", "bbb", "c"]), (2, Some(0)), "the last line was cut then");
        assert_eq!(start(&checkpoint, &["head"]), (0, None), "shorter: rotated with the same first line");
        assert_eq!(start(&checkpoint, &["other"]), (0, None));
    }

    #[test]
    fn what_an_older_version_wrote_is_not_taken_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("import.json");
        std::fs::write(&path, r#"{"files": {"t/s/x": {"lines": 3, "log_end": 3, "done": true}}}"#).unwrap();
        assert!(Checkpoint::load(&path).unwrap_err().to_string().contains("older"));
    }
}
