//! What the centre knows of its collectors, and how it finds that again in the log.
//!
//! In the log, an append of a collector's records is
//!
//! ```text
//! [note of a gap]  header (control): collector, spool, first number, n  ·  n records  [note of a gap's end]
//! ```
//!
//! A crash can leave any beginning of it. What is in is read back from that alone: the records behind a header are its
//! own up to the number that it names, or up to the next record that is no record of a device. For that, every process
//! that opens the log to append starts with a record of its own that is none ([`opening_mark`], or the control record of
//! a revision): so records that follow after a crash are never taken for the rest of a batch.
//!
//! `collectors.json` keeps the state and where the log stood then, so that a start reads the rest of the log only. It is
//! a short cut and never more: without it the whole log is read. State and position may differ by what was on its way,
//! which does no harm: reading it twice changes nothing.
//!
//! Where the log has several partitions, everything of one collector is in one of them (`partition_of`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use stream::log::Log;
use stream::{Record, RecordKind, RecordRef, Timestamp, Topic};
use tokio::sync::Mutex as AsyncMutex;

use super::declared::Declared;
use super::enrol::{Enrolled, SECRET_BYTES, Signer};
use super::notes::{CONTROL, Header, Note, SOURCE_PREFIX};
use super::progress::Progress;
use super::wire::SpoolId;
use crate::sink::Sink;
use crate::{Error, Result};

/// Collectors that are remembered.
const COLLECTORS_MAX: usize = 4_096;
/// The state is written again after so many records though it is the same: a start reads no more than them.
const REREAD_RECORDS_MAX: u64 = 100_000;
/// How often a sign of life becomes an event.
const STATUS_EVERY: Duration = Duration::from_secs(60);

/// All collectors of a centre.
pub struct Collectors {
    path: PathBuf,
    signer: Option<Box<Signer>>,
    all: Mutex<BTreeMap<String, Arc<Known>>>,
    opened: Instant,
    /// By partition, up to where the log was known when the file was written, and the states in it.
    written: Mutex<(Vec<u64>, String)>,
}

/// One collector.
#[derive(Debug, Default)]
pub struct Known {
    /// Held while records of it are appended: one batch after the other.
    pub(super) progress: AsyncMutex<Progress>,
    /// Number of the connection that counts.
    pub(super) session: AtomicU64,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    at: Option<Instant>,
    noted: Option<Instant>,
    /// What waited in its spool when it came ends here.
    waiting_end: u64,
}

#[derive(Default, Serialize, Deserialize)]
struct File {
    /// By partition, up to where the log is known.
    positions: Vec<u64>,
    collectors: BTreeMap<String, Progress>,
}

/// The record with which a process that appends to a log starts, unless it starts with another one that is no device's.
pub fn opening_mark(now: Timestamp) -> Record {
    Header { collector: String::new(), spool: String::new(), from: 0, records: 0 }.record(now)
}

impl Collectors {
    /// Reads the state of this file and what the log holds beyond it.
    ///
    /// # Errors
    /// The file or the log cannot be read.
    pub fn open(path: &Path, log: &Log) -> Result<Collectors> {
        let mut file = match std::fs::read(path) {
            Ok(text) => serde_json::from_slice::<File>(&text).unwrap_or_else(|error| {
                tracing::error!(path = %path.display(), %error, "the state of collectors is damaged; the whole log is read for it");
                File::default()
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => File::default(),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        let ends = ends_of(log);
        if file.positions.len() > ends.len() || file.positions.iter().zip(&ends).any(|(position, end)| position > end) {
            let positions = file.positions;
            tracing::error!(?positions, ?ends, "the log was replaced; what is known of collectors is what it holds");
            file = File::default();
        }
        file.positions.resize(ends.len(), 0);
        for (partition, end) in (0..).zip(ends) {
            read_back(&mut file, log, partition, end)?;
        }
        let known = |progress| Arc::new(Known { progress: AsyncMutex::new(progress), ..Known::default() });
        let all = file.collectors.into_iter().map(|(id, progress)| (id, known(progress))).collect();
        Ok(Collectors {
            path: path.to_path_buf(),
            signer: None,
            all: Mutex::new(all),
            opened: Instant::now(),
            written: Mutex::default(),
        })
    }

    /// Lets this sign the certificates of collectors that enrol.
    pub fn sign_with(&mut self, signer: Box<Signer>) {
        self.signer = Some(signer);
    }

    /// The certificate of whoever knows this secret.
    ///
    /// # Errors
    /// Why not.
    pub fn enrol(&self, secret: &[u8; SECRET_BYTES], public_key: &[u8; 32]) -> std::result::Result<Enrolled, String> {
        let signer = self.signer.as_ref().ok_or("this centre signs no certificates")?;
        signer(secret, public_key)
    }

    /// The collector of this id.
    ///
    /// # Errors
    /// There are too many.
    pub fn get(&self, id: &str) -> Result<Arc<Known>> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(id) {
            return Ok(Arc::clone(known));
        }
        if all.len() >= COLLECTORS_MAX {
            return Err(Error::Append(format!("{COLLECTORS_MAX} collectors are known already")));
        }
        Ok(Arc::clone(all.entry(id.to_owned()).or_default()))
    }

    /// Writes the state down, if it has changed.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn write(&self, log: &Log) -> Result<()> {
        // Before the states: what is appended after this is read again, which changes nothing.
        let positions = ends_of(log);
        let all: Vec<(String, Arc<Known>)> = {
            let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            all.iter().map(|(id, known)| (id.clone(), Arc::clone(known))).collect()
        };
        let mut file = File { positions, ..File::default() };
        for (id, known) in all {
            // Waits for a batch of it that is being appended.
            file.collectors.insert(id, known.progress.lock().await.clone());
        }
        let states = serde_json::to_string(&file.collectors).expect("strings and numbers become JSON");
        {
            let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            let more: u64 = file.positions.iter().sum::<u64>().saturating_sub(written.0.iter().sum());
            if written.1 == states && more < REREAD_RECORDS_MAX {
                return Ok(());
            }
        }
        let text = serde_json::to_vec(&file).expect("strings and numbers become JSON");
        let temporary = self.path.with_extension("json.new");
        std::fs::write(&temporary, text)
            .and_then(|()| std::fs::rename(&temporary, &self.path))
            .map_err(Error::io("write", &self.path))?;
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = (file.positions, states);
        Ok(())
    }

    /// Tells of declared collectors that were not heard for too long.
    pub async fn watch(&self, declared: &[Declared], sink: &dyn Sink, now: Timestamp) {
        for declared in declared {
            let known = self.all.lock().unwrap_or_else(PoisonError::into_inner).get(&declared.id).cloned();
            let Some(known) = known else { continue };
            let last = known.heard.lock().unwrap_or_else(PoisonError::into_inner).at.unwrap_or(self.opened);
            if last.elapsed() < declared.interrupted_after {
                continue;
            }
            let mut progress = known.progress.lock().await;
            if progress.interrupted.is_some() {
                continue;
            }
            let Some(spool) = progress.current() else { continue };
            let (next, silent_seconds) = (spool.next, last.elapsed().as_secs());
            let note = Note::Interrupted { next, silent_seconds };
            tracing::warn!(collector = declared.id, silent_seconds, "nothing was heard of a collector");
            match sink.append(vec![note.record(&declared.tenant, &declared.id, now)]).await {
                Ok(()) => apply(&mut progress, &note),
                Err(error) => {
                    tracing::error!(%error, collector = declared.id, "the silence of a collector is not noted")
                }
            }
        }
    }
}

impl Known {
    /// What waits in the spool ends here; told once that is in.
    pub(super) fn waits_until(&self, end: u64) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).waiting_end = end;
    }

    /// Where what waited in the spool ends.
    pub(super) fn waiting_end(&self) -> u64 {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).waiting_end
    }

    /// Notes a sign of life.
    pub(super) fn hear(&self) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).at = Some(Instant::now());
    }

    /// Whether a sign of life is to become an event.
    pub(super) fn is_due(&self) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let due = heard.noted.is_none_or(|noted| noted.elapsed() >= STATUS_EVERY);
        if due {
            heard.noted = Some(Instant::now());
        }
        due
    }
}

/// Brings a note into the state, when it is durable.
pub(super) fn apply(progress: &mut Progress, note: &Note) {
    match note {
        Note::Started { spool, base } | Note::Replaced { spool, base, .. } => progress.speak(*spool, *base),
        Note::Returned { spool, next } => progress.speak(*spool, *next),
        Note::Gap { spool, numbers, .. } => progress.miss(*spool, numbers.clone()),
        Note::GapClosed { spool, numbers } => progress.close(*spool, numbers),
        Note::Interrupted { next, .. } => progress.interrupted = Some(*next),
        Note::Resumed { .. } => progress.interrupted = None,
        Note::Status { .. } | Note::Refused { .. } => {}
    }
}

/// Records behind a header that may be its own.
struct Open {
    header: Header,
    spool: SpoolId,
    taken: u64,
    next_offset: u64,
}

/// Where everything of a collector is.
pub(crate) fn partition_of(log: &Log, collector: &str) -> u32 {
    log.partition_for(Topic::Raw, "", &format!("{SOURCE_PREFIX}{collector}"))
}

fn ends_of(log: &Log) -> Vec<u64> {
    (0..log.partitions(Topic::Raw)).map(|partition| log.end_offset(Topic::Raw, partition)).collect()
}

/// Brings the state up to the end of a partition.
fn read_back(file: &mut File, log: &Log, partition: u32, end: u64) -> Result<()> {
    let stream_error = |error: stream::Error| Error::Append(error.to_string());
    let from = file.positions[partition as usize].max(log.start_offset(Topic::Raw, partition));
    let mut reader = log.reader(Topic::Raw, partition, from).map_err(stream_error)?;
    let (mut next, mut open) = (from, None);
    while next < end {
        let Some(batch) = reader.poll(Duration::ZERO).map_err(stream_error)? else { break };
        for record in batch.iter().filter(|record| record.offset >= from) {
            open = read_record(&record, open, &mut file.collectors);
        }
        next = batch.next_offset();
    }
    if let Some(open) = open {
        open.close(&mut file.collectors);
    }
    file.positions[partition as usize] = end;
    Ok(())
}

fn read_record(
    record: &RecordRef<'_>,
    open: Option<Open>,
    collectors: &mut BTreeMap<String, Progress>,
) -> Option<Open> {
    if let Some(mut open) = open {
        if record.offset != open.next_offset {
            // The log is damaged here, which it tells itself; the batch was whole once.
            open.taken = open.header.records;
        } else if record.kind == RecordKind::Data && open.taken < open.header.records {
            open.taken += 1;
            open.next_offset += 1;
            return Some(open);
        }
        open.close(collectors);
    }
    match record.kind {
        RecordKind::Control if record.source == CONTROL => {
            let header: Header = serde_json::from_slice(record.raw).ok()?;
            let spool = header.spool.parse().ok()?;
            Some(Open { header, spool, taken: 0, next_offset: record.offset + 1 })
        }
        RecordKind::Data if record.source.starts_with(SOURCE_PREFIX) => {
            let (id, note) = Note::read(record.raw)?;
            if record.source[SOURCE_PREFIX.len()..] == id {
                apply(collectors.entry(id).or_default(), &note);
            }
            None
        }
        _ => None,
    }
}

impl Open {
    fn close(self, collectors: &mut BTreeMap<String, Progress>) {
        let numbers = self.header.from..self.header.from.saturating_add(self.taken);
        collectors.entry(self.header.collector).or_default().cover(self.spool, numbers);
    }
}

#[cfg(test)]
mod tests;
