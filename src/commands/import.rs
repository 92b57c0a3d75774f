//! `sekisho import`: files into the stream, resumable, each line once, several files in the order of event time.
//!
//! The log itself is the checkpoint. Beside the data lies a small file with how many records of each imported file were
//! known to be durable and where the log stood then ([`checkpoint`]). After a crash between the two, the records that
//! follow that position are compared with the files' next lines, so that what is durable already is not appended again.

mod checkpoint;
mod merge;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use ingest::{Decoder, Sources};
use stream::log::Log;
use stream::{Record, Timestamp, Topic};

use crate::cli::Import;
use crate::commands::{DONE, progress_bytes};
use crate::config::Config;
use checkpoint::{Checkpoint, Start};
use merge::{Feed, Merge};

/// Lines per append.
const BATCH_LINES: usize = 5_000;
/// Bytes per append, reached first by long lines.
const BATCH_BYTES: usize = 4 << 20;

/// Appends the files' lines to the stream.
pub fn run(args: &Import) -> Result<u8> {
    let config = Config::load(&args.config)?;
    let sources = Arc::new(Sources::load(&config.sources)?);
    std::fs::create_dir_all(&config.data).with_context(|| format!("create {}", config.data.display()))?;
    let log = Log::open(config.stream.clone()).context(
        "open the stream; while `sekisho run` uses this data folder, stop it or send the file to its HTTP listener",
    )?;
    let checkpoint = Checkpoint::load(&config.data.join("import.json"))?;
    let feeds = feeds(args, &sources, &config.sources, &checkpoint)?;
    let bar = progress_bytes(feeds.iter().filter_map(|feed| std::fs::metadata(&feed.path).ok()).map(|m| m.len()).sum());
    let merge = Merge::new(feeds, Decoder::new(sources))?;
    let mut import = Importer { marked: false, log, checkpoint, merge };
    import.pass_durable()?;
    let total = import.all(&bar)?;
    bar.finish_and_clear();
    for feed in &import.merge.feeds {
        eprintln!("{}: {} lines", feed.path.display(), feed.given);
    }
    import.log.close();
    eprintln!("{total} lines imported; `sekisho run` indexes and judges them");
    Ok(DONE)
}

/// The files that have something to import, each where it goes on.
fn feeds(args: &Import, sources: &Sources, declared_in: &Path, checkpoint: &Checkpoint) -> Result<Vec<Feed>> {
    let mut feeds: Vec<Feed> = Vec::new();
    for given in &args.files {
        let (source, path) = named(args, given)?;
        let declared = sources
            .get(&args.tenant, &source)
            .with_context(|| format!("{} declares no source {}/{source}", declared_in.display(), args.tenant))?;
        ensure!(path.is_file(), "{} is not a file; name the files in it", path.display());
        let received = match declared.last_received {
            Some(time) => time,
            None => modified(&path)?,
        };
        let uncounted = Arc::new(AtomicU64::new(0));
        let Some(first) = merge::records(&path, &uncounted)?.next().transpose()? else {
            eprintln!("{}: no lines", path.display());
            continue;
        };
        let key = Checkpoint::key(&args.tenant, &source, &first);
        let start = checkpoint.start(&key, merge::records(&path, &uncounted)?)?;
        if start.progress.lines > 0 {
            eprintln!("{}: {} lines are in already, going on from there", path.display(), start.progress.lines);
        }
        let twin = feeds.iter().find(|feed| feed.key == key && feed.start == start && same(&feed.path, &path));
        if let Some(twin) = twin {
            eprintln!("{}: the same lines as {}, imported once", path.display(), twin.path.display());
            continue;
        }
        let owner = (args.tenant.as_str().into(), source.as_str().into());
        feeds.push(Feed::open(path, owner, received, key, start)?);
    }
    Ok(feeds)
}

/// Source and path of a file argument: `SOURCE=FILE`, or a file of `--source`.
fn named(args: &Import, given: &Path) -> Result<(String, PathBuf)> {
    if let Some(source) = &args.source {
        return Ok((source.clone(), given.to_path_buf()));
    }
    let text = given.to_string_lossy();
    let (source, path) = text
        .split_once('=')
        .with_context(|| format!("whose lines are in {text}? write SOURCE={text}, or name the source with --source"))?;
    Ok((source.to_owned(), path.into()))
}

/// Whether two files of one command hold the same records.
fn same(a: &Path, b: &Path) -> bool {
    let uncounted = Arc::new(AtomicU64::new(0));
    match (merge::records(a, &uncounted), merge::records(b, &uncounted)) {
        (Ok(mut a), Ok(mut b)) => loop {
            match (a.next(), b.next()) {
                (None, None) => return true,
                (Some(Ok(a)), Some(Ok(b))) if a == b => {}
                _ => return false,
            }
        },
        _ => false,
    }
}

struct Importer {
    /// Whether the log has the mark of this process.
    marked: bool,
    log: Log,
    checkpoint: Checkpoint,
    merge: Merge,
}

impl Importer {
    /// Imports what is missing of every file and gives how many records that was.
    fn all(&mut self, bar: &indicatif::ProgressBar) -> Result<u64> {
        self.save()?;
        let (mut batch, mut bytes, mut total) = (Vec::with_capacity(BATCH_LINES), 0, 0);
        loop {
            let next = self.merge.pop()?;
            let end = next.is_none();
            if let Some((index, record)) = next {
                bytes += record.raw.len();
                self.merge.feeds[index].given += 1;
                batch.push(record);
            }
            if !batch.is_empty() && (end || batch.len() >= BATCH_LINES || bytes >= BATCH_BYTES) {
                total += batch.len() as u64;
                bytes = 0;
                self.append(std::mem::take(&mut batch))?;
                self.save()?;
                bar.set_position(self.merge.feeds.iter().map(|feed| feed.read.load(Ordering::Relaxed)).sum());
            }
            if end {
                break;
            }
        }
        for feed in &self.merge.feeds {
            self.checkpoint.close(&feed.key);
        }
        self.checkpoint.save()?;
        Ok(total)
    }

    /// Makes records durable: those of one partition at once, in order.
    fn append(&mut self, batch: Vec<Record>) -> Result<()> {
        let mut parts: std::collections::BTreeMap<u32, Vec<Record>> = std::collections::BTreeMap::new();
        if !std::mem::replace(&mut self.marked, true) {
            // A batch of a collector that a crash cut short ends here, not with our lines.
            for partition in 0..self.log.partitions(Topic::Raw) {
                let mark = ingest::collect::opening_mark(jiff::Timestamp::now().into());
                self.log.append(Topic::Raw, partition, vec![mark])?.wait()?;
            }
        }
        for record in batch {
            let partition = self.log.partition_for(Topic::Raw, &record.tenant, &record.source);
            parts.entry(partition).or_default().push(record);
        }
        for (partition, records) in parts {
            self.log.append(Topic::Raw, partition, records)?.wait()?;
        }
        Ok(())
    }

    /// Passes over the files' lines that stand in the log although no checkpoint says so.
    fn pass_durable(&mut self) -> Result<()> {
        let Some(from) = self.merge.feeds.iter().filter_map(|feed| feed.start.log_end).min() else { return Ok(()) };
        for partition in 0..self.log.partitions(Topic::Raw) {
            let from = from.max(self.log.start_offset(Topic::Raw, partition));
            let end = self.log.end_offset(Topic::Raw, partition);
            let mut reader = self.log.reader(Topic::Raw, partition, from.min(end))?;
            while let Some(batch) = reader.next_below(end)? {
                for record in batch.iter().filter(|record| record.offset >= from) {
                    let may = |feed: &Feed| feed.start.log_end.is_some_and(|end| record.offset >= end);
                    self.merge.pass(record.tenant, record.source, record.raw, may)?;
                }
            }
        }
        Ok(())
    }

    /// Writes how far every file is. Called only when all that was handed out is durable.
    fn save(&mut self) -> Result<()> {
        for feed in &mut self.merge.feeds {
            let partition = self.log.partition_for(Topic::Raw, &feed.tenant, &feed.source);
            let log_end = self.log.end_offset(Topic::Raw, partition);
            let Start { progress, place, .. } = &feed.start;
            feed.start.place = self.checkpoint.note(&feed.key, *place, progress, log_end);
        }
        self.checkpoint.save()
    }
}

fn modified(path: &Path) -> Result<Timestamp> {
    let modified = std::fs::metadata(path).and_then(|meta| meta.modified());
    let modified = modified.with_context(|| format!("open {}", path.display()))?;
    Ok(jiff::Timestamp::try_from(modified).map_or_else(|_| jiff::Timestamp::now().into(), Timestamp::from))
}

#[cfg(test)]
mod tests;
