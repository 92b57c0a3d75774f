//! `sekisho archive list|verify|fetch`

use std::io::Write;

use anyhow::{Context, Result, ensure};
use store::archive::{ArchiveConfig, Bucket, Ends, Entry, State, verify};
use stream::log::place_segments;
use stream::{NANOS_PER_SECOND, Timestamp};

use crate::cli::{Archive, Archived};
use crate::commands::search::instant;
use crate::commands::{DONE, FAILED, output, progress_bytes};
use crate::config::Config;

/// Looks into the archive of a configuration.
pub fn run(args: &Archive) -> Result<u8> {
    match args {
        Archive::List(which) => list(&Opened::of(which)?),
        Archive::Verify(which) => check(&Opened::of(which)?),
        Archive::Fetch { which, out } => fetch(&Opened::of(which)?, out),
    }
}

/// An archive, and the objects in question by partition.
struct Opened {
    archive: ArchiveConfig,
    bucket: Bucket,
    partitions: Vec<(u32, Vec<Entry>)>,
    /// What was noted of it, read before the list: a running sekisho is never behind it.
    state: std::sync::Arc<State>,
    /// Every object, not those of a time only.
    whole: bool,
}

impl Opened {
    fn of(which: &Archived) -> Result<Opened> {
        let mut config = Config::load(&which.config)?;
        if let Some(data) = &which.data {
            config.keep_in(data.clone());
        }
        let archive = config.archive.clone();
        let archive = archive.with_context(|| format!("{} has no table [archive]", which.config.display()))?;
        let now: Timestamp = jiff::Timestamp::now().into();
        let limit = |text: &Option<String>, open| text.as_ref().map_or(Ok(open), |text| instant(text, now));
        let (from, to) = (limit(&which.from, Timestamp::MIN)?, limit(&which.to, Timestamp::MAX)?);
        ensure!(from < to, "--from is not before --to");
        let bucket = Bucket::open(&archive)?;
        let state = State::open(config.archived(), &archive.url)?;
        let mut partitions = Vec::new();
        for partition in bucket.partitions()? {
            let mut entries = bucket.entries(partition)?;
            entries.retain(|entry| entry.overlaps(from, to));
            partitions.push((partition, entries));
        }
        let whole = which.from.is_none() && which.to.is_none();
        Ok(Opened { archive, bucket, partitions, state, whole })
    }

    fn bytes(&self) -> u64 {
        self.partitions.iter().flat_map(|(_, entries)| entries).map(|entry| entry.bytes).sum()
    }
}

fn list(opened: &Opened) -> Result<u8> {
    let mut out = output(None)?;
    writeln!(
        out,
        "partition  first                 next                  received from         before                bytes"
    )?;
    for entry in opened.partitions.iter().flat_map(|(_, entries)| entries) {
        let Entry { partition, first, next, from, to, bytes, .. } = entry;
        writeln!(out, "{partition:<9}  {first:020}  {next:020}  {from}  {to}  {bytes}")?;
    }
    out.flush()?;
    let objects: usize = opened.partitions.iter().map(|(_, entries)| entries.len()).sum();
    eprintln!("{objects} objects, {} bytes in {}", opened.bytes(), opened.archive.url);
    Ok(DONE)
}

fn check(opened: &Opened) -> Result<u8> {
    let state = &opened.state;
    let now: Timestamp = jiff::Timestamp::now().into();
    // What a day more would have removed is in order, too.
    let removed_before = match i64::from(opened.archive.retention_days) {
        0 => Timestamp::MIN,
        days => now.plus_nanos((1 - days).saturating_mul(86_400 * NANOS_PER_SECOND)),
    };
    let bar = progress_bytes(opened.bytes());
    let (mut objects, mut records, mut missing, mut faults) = (0, 0, 0, Vec::new());
    let mut noted = state.partitions();
    for (partition, entries) in &opened.partitions {
        noted.retain(|number| number != partition);
        let ends = opened.whole.then(|| Ends { removed_before, noted: state.noted(*partition) });
        let found = verify(&opened.bucket, entries, ends, &mut |entry| bar.inc(entry.bytes))?;
        objects += found.objects;
        records += found.records;
        missing += found.missing;
        faults.extend(found.faults);
    }
    bar.finish_and_clear();
    for partition in noted.into_iter().filter(|_| opened.whole) {
        faults.push(format!("raw/{partition}: was archived, and has no object"));
    }
    let mut out = output(None)?;
    for fault in &faults {
        writeln!(out, "{fault}")?;
    }
    out.flush()?;
    if missing > 0 {
        eprintln!("{missing} records were missing in the stream when they were archived");
    }
    let faulty = faults.len();
    eprintln!("{objects} objects with {records} records read, {} bytes; {faulty} faults", opened.bytes());
    Ok(if faults.is_empty() { DONE } else { FAILED })
}

fn fetch(opened: &Opened, out: &std::path::Path) -> Result<u8> {
    let empty = match std::fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    ensure!(empty, "{} is not empty; name a new folder", out.display());
    let objects: usize = opened.partitions.iter().map(|(_, entries)| entries.len()).sum();
    ensure!(objects > 0, "the archive {} has no object of that time", opened.archive.url);
    let bar = progress_bytes(opened.bytes());
    let mut holes = 0;
    for (partition, entries) in opened.partitions.iter().filter(|(_, entries)| !entries.is_empty()) {
        for pair in entries.windows(2).filter(|pair| pair[0].next != pair[1].first) {
            eprintln!("objects are missing: {} does not follow {}", pair[1].path(), pair[0].path());
            holes += 1;
        }
        let end = entries.last().map_or(0, |entry| entry.next);
        let pieces = entries.iter().map(|entry| {
            let content = opened.bucket.read(entry)?;
            ensure!(blake3::hash(&content).as_bytes() == &entry.hash, "{}: the content was changed", entry.path());
            bar.inc(entry.bytes);
            Ok((entry.first, content))
        });
        place_segments(&out.join("stream"), *partition, end, pieces)?;
    }
    bar.finish_and_clear();
    eprintln!(
        "{objects} objects, {} bytes in {}; read them with `sekisho detect --data {}`",
        opened.bytes(),
        out.display(),
        out.display()
    );
    Ok(if holes == 0 { DONE } else { FAILED })
}
