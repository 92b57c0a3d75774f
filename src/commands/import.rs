//! `sekisho import`: files into the stream, resumable, each line once.
//!
//! The log itself is the checkpoint. Beside the data lies a small file with how many lines of each imported file were
//! known to be durable and where the log stood then. After a crash between the two, the records that follow that
//! position are compared with the file's next lines, so that what is durable already is not appended again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use stream::log::Log;
use stream::{Record, RecordKind, Timestamp, Topic};

use crate::cli::Import;
use crate::commands::{DONE, progress};
use crate::config::Config;

/// Lines per append.
const BATCH_LINES: usize = 5_000;
/// Bytes per append, reached first by long lines.
const BATCH_BYTES: usize = 4 << 20;

/// How far each file is imported.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Checkpoint {
    /// File identity -> progress.
    files: BTreeMap<String, Progress>,
}

/// How far one file is imported.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// Lines known to be durable.
    lines: u64,
    /// The log's end when that was written.
    log_end: u64,
    /// Whether that was all of them.
    done: bool,
}

/// Appends the files' lines to the stream.
pub fn run(args: &Import) -> Result<u8> {
    let config = Config::load(&args.config)?;
    let sources = ingest::Sources::load(&config.sources)?;
    let source = sources
        .get(&args.tenant, &args.source)
        .with_context(|| format!("{} declares no source {}/{}", config.sources.display(), args.tenant, args.source))?;
    std::fs::create_dir_all(&config.data).with_context(|| format!("create {}", config.data.display()))?;
    let log = Log::open(config.stream.clone()).context(
        "open the stream; while `sekisho run` uses this data folder, stop it or send the file to its HTTP listener",
    )?;
    let mut import = Importer {
        partition: log.partition_for(Topic::Raw, &args.tenant, &args.source),
        path: config.data.join("import.json"),
        checkpoint: Checkpoint::load(&config.data.join("import.json"))?,
        log,
        tenant: args.tenant.as_str().into(),
        source: args.source.as_str().into(),
    };
    let mut total = 0;
    for file in &args.files {
        let received = match source.last_received {
            Some(time) => time,
            None => modified(file)?,
        };
        total += import.file(file, received)?;
    }
    import.log.close();
    eprintln!("{total} lines imported; `sekisho run` indexes and judges them");
    Ok(DONE)
}

struct Importer {
    log: Log,
    partition: u32,
    path: PathBuf,
    checkpoint: Checkpoint,
    tenant: std::sync::Arc<str>,
    source: std::sync::Arc<str>,
}

impl Importer {
    /// Imports what is missing of one file and gives how many lines that was.
    fn file(&mut self, file: &Path, received: Timestamp) -> Result<u64> {
        let identity = format!("{}/{}/{}", self.tenant, self.source, identity(file)?);
        let before = self.checkpoint.files.get(&identity).copied().unwrap_or_default();
        if before.done {
            eprintln!("{}: imported before, all {} lines", file.display(), before.lines);
            return Ok(0);
        }
        // A blank line is no record.
        let blank = |line: &ingest::Result<Vec<u8>>| matches!(line, Ok(line) if line.is_empty());
        let mut lines = ingest::import::records(file)?.filter(|line| !blank(line)).peekable();
        for _ in 0..before.lines {
            lines.next().transpose()?;
        }
        let mut durable = before.lines;
        let known = self.checkpoint.files.contains_key(&identity);
        if known {
            durable += self.skip_durable(before.log_end, &mut lines)?;
        }
        if durable > 0 {
            eprintln!("{}: {durable} lines are in already, going on from there", file.display());
        }
        self.save(&identity, durable, false)?;
        let bar = progress(0, "lines");
        let (mut batch, mut bytes, mut imported) = (Vec::with_capacity(BATCH_LINES), 0, 0);
        loop {
            let line = lines.next().transpose().with_context(|| format!("read {}", file.display()))?;
            let end = line.is_none();
            if let Some(line) = line {
                bytes += line.len();
                batch.push(self.record(line, received));
            }
            if !batch.is_empty() && (end || batch.len() >= BATCH_LINES || bytes >= BATCH_BYTES) {
                imported += batch.len() as u64;
                self.log.append(Topic::Raw, self.partition, std::mem::take(&mut batch))?.wait()?;
                bytes = 0;
                bar.set_length(durable + imported);
                bar.set_position(durable + imported);
                self.save(&identity, durable + imported, end)?;
            }
            if end {
                break;
            }
        }
        self.save(&identity, durable + imported, true)?;
        bar.finish_and_clear();
        eprintln!("{}: {imported} lines", file.display());
        Ok(imported)
    }

    /// Passes over the file's lines that stand in the log after `from` although no checkpoint says so.
    fn skip_durable(
        &self,
        from: u64,
        lines: &mut std::iter::Peekable<impl Iterator<Item = ingest::Result<Vec<u8>>>>,
    ) -> Result<u64> {
        let mut reader = self.log.reader(Topic::Raw, self.partition, from)?;
        let end = self.log.end_offset(Topic::Raw, self.partition);
        let (mut next, mut skipped) = (from, 0);
        while next < end {
            let Some(batch) = reader.poll(Duration::ZERO)? else { break };
            for record in batch.iter().filter(|record| record.offset >= from) {
                let ours = record.tenant == &*self.tenant && record.source == &*self.source;
                if ours && matches!(lines.peek(), Some(Ok(line)) if line == record.raw) {
                    lines.next();
                    skipped += 1;
                }
            }
            next = batch.next_offset();
        }
        Ok(skipped)
    }

    fn record(&self, line: Vec<u8>, received: Timestamp) -> Record {
        Record {
            kind: RecordKind::Data,
            tenant: self.tenant.clone(),
            source: self.source.clone(),
            peer: None,
            received,
            raw: line.into(),
        }
    }

    fn save(&mut self, identity: &str, lines: u64, done: bool) -> Result<()> {
        let log_end = self.log.end_offset(Topic::Raw, self.partition);
        self.checkpoint.files.insert(identity.to_owned(), Progress { lines, log_end, done });
        let temporary = self.path.with_extension("json.new");
        std::fs::write(&temporary, serde_json::to_vec_pretty(&self.checkpoint)?)
            .and_then(|()| std::fs::File::open(&temporary)?.sync_all())
            .and_then(|()| std::fs::rename(&temporary, &self.path))
            .with_context(|| format!("write {}", self.path.display()))
    }
}

impl Checkpoint {
    fn load(path: &Path) -> Result<Checkpoint> {
        if !path.exists() {
            return Ok(Checkpoint::default());
        }
        let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged; remove it to import from the start", path.display()))
    }
}

/// What tells a file from another: its name, its size and its first bytes; a copy elsewhere is the same file.
fn identity(path: &Path) -> Result<String> {
    use std::io::Read;
    let file = std::fs::File::open(path).with_context(|| format!("open {}", path.display()))?;
    let meta = file.metadata().with_context(|| format!("open {}", path.display()))?;
    ensure!(meta.is_file(), "{} is not a file; name the files in it", path.display());
    let mut head = Vec::new();
    file.take(64 << 10).read_to_end(&mut head).with_context(|| format!("read {}", path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hash = stream::fingerprint("import", &name, &head);
    Ok(format!("{name}:{}:{hash:?}", meta.len()))
}

fn modified(path: &Path) -> Result<Timestamp> {
    let modified = std::fs::metadata(path).and_then(|meta| meta.modified());
    let modified = modified.with_context(|| format!("open {}", path.display()))?;
    Ok(jiff::Timestamp::try_from(modified).map_or_else(|_| jiff::Timestamp::now().into(), Timestamp::from))
}
