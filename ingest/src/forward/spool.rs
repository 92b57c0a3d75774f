//! The spool: a log that takes no more than it may hold, under a random name.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use stream::log::{Log, LogConfig, Retention};
use stream::{Record, Topic};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::config::ForwardConfig;
use crate::collect::wire::SpoolId;
use crate::senders::Senders;
use crate::sink::{Durable, Sink};
use crate::{Error, Result};

/// A full spool is looked at so often, beside being told of room.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often what is safe elsewhere is noted.
const SAFE_EVERY: Duration = Duration::from_secs(1);
/// What is safe elsewhere stays for so long: after a crash, files that are followed are compared with the newest records
/// of the spool, back to what was written down of them, which happens once a second.
const SAFE_FOR: Duration = Duration::from_secs(10);

/// The log's configuration for a spool.
///
/// # Errors
/// The age is no duration.
pub fn log_config(config: &ForwardConfig, stream: &LogConfig) -> Result<LogConfig> {
    let retention = Retention { age: Some(config.age()?), ..Retention::NEVER };
    Ok(LogConfig { retention, segment_bytes: config.segment_bytes(), raw_partitions: 1, ..stream.clone() })
}

/// Who a spool is. Another folder has another name, so its numbers are never taken for those of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its random name.
    pub spool: SpoolId,
    /// The first offset that it gives.
    pub base: u64,
}

#[derive(Serialize, Deserialize)]
struct File {
    spool: String,
    base: u64,
}

impl Identity {
    /// That of this file, or a new one for a log that has none: what is in it already is not the spool's.
    ///
    /// # Errors
    /// The file cannot be read or written, or is something else.
    pub fn load(path: &Path, log: &Log) -> Result<Identity> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let base = log.end_offset(Topic::Raw, 0);
                if base > 0 {
                    tracing::warn!(base, "the stream holds records of before it became a spool; they stay here");
                }
                return Identity::renew(path, base);
            }
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        let file: Option<File> = serde_json::from_slice(&text).ok();
        let identity = file.and_then(|file| Some(Identity { spool: file.spool.parse().ok()?, base: file.base }));
        identity.ok_or_else(|| {
            Error::Config(format!("{} is damaged; remove it, and the spool goes on under a new name", path.display()))
        })
    }

    /// A new name, for what has this offset and follows it.
    ///
    /// # Errors
    /// No random number can be had, or the disk refused.
    pub fn renew(path: &Path, base: u64) -> Result<Identity> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| Error::Config(format!("no random number: {error}")))?;
        let identity = Identity { spool: SpoolId(id), base };
        let file = File { spool: identity.spool.to_string(), base };
        let text = serde_json::to_vec(&file).expect("strings and numbers become JSON");
        let temporary = path.with_extension("json.new");
        let written = std::fs::write(&temporary, text).and_then(|()| {
            std::fs::File::open(&temporary)?.sync_all()?;
            std::fs::rename(&temporary, path)?;
            std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
        });
        written.map_err(Error::io("write", path))?;
        Ok(identity)
    }
}

/// What is safe elsewhere and may be removed here, a while later.
#[derive(Debug, Default)]
pub(super) struct Safe(VecDeque<(Instant, u64)>);

impl Safe {
    /// Everything below `next` is safe elsewhere from now on; gives what was for long enough, once a second.
    pub(super) fn below(&mut self, next: u64) -> Option<u64> {
        if self.0.back().is_none_or(|(noted, _)| noted.elapsed() >= SAFE_EVERY) {
            self.0.push_back((Instant::now(), next));
        }
        self.0.pop_front_if(|(noted, _)| noted.elapsed() >= SAFE_FOR).map(|(_, below)| below)
    }
}

/// Lets records into the spool while there is room.
pub struct SpoolSink {
    log: Log,
    bytes_max: u64,
    senders: Arc<Senders>,
    room: Arc<Notify>,
    cancel: CancellationToken,
    full: AtomicBool,
}

impl SpoolSink {
    /// For this log; `room` is told when something was removed, and `cancel` ends the wait of senders.
    pub fn new(
        log: Log,
        config: &ForwardConfig,
        senders: Arc<Senders>,
        room: Arc<Notify>,
        cancel: CancellationToken,
    ) -> SpoolSink {
        SpoolSink { log, bytes_max: config.bytes_max, senders, room, cancel, full: AtomicBool::new(false) }
    }

    fn is_full(&self) -> bool {
        let held = self.log.held_bytes(Topic::Raw, 0);
        let full = held >= self.bytes_max;
        if full != self.full.swap(full, Ordering::AcqRel) {
            match full {
                true => tracing::error!(held, "the spool is full; senders wait, and UDP is dropped by the kernel"),
                false => tracing::info!(held, "the spool has room again"),
            }
        }
        full
    }
}

impl Sink for SpoolSink {
    fn append(&self, records: Vec<Record>) -> Durable<'_> {
        Box::pin(async move {
            while self.is_full() {
                tokio::select! {
                    () = self.room.notified() => {}
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    () = self.cancel.cancelled() => return Err(Error::Append("the spool is full".to_owned())),
                }
            }
            self.senders.note(&records);
            Sink::append(&self.log, records).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stream::{RecordKind, Timestamp};

    fn record(bytes: usize) -> Record {
        // Bytes that do not compress.
        let mut raw = vec![0; bytes];
        getrandom::fill(&mut raw).unwrap();
        let (tenant, source) = ("t".into(), "s".into());
        Record { kind: RecordKind::Data, tenant, source, peer: None, received: Timestamp::default(), raw: raw.into() }
    }

    #[test]
    fn a_name_stays_until_the_folder_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(LogConfig::in_dir(dir.path().join("stream"))).unwrap();
        let path = dir.path().join("spool.json");
        let first = Identity::load(&path, &log).unwrap();
        assert_eq!((Identity::load(&path, &log).unwrap(), first.base), (first, 0));
        log.append(Topic::Raw, 0, vec![record(1)]).unwrap().wait().unwrap();
        std::fs::remove_file(&path).unwrap();
        let other = Identity::load(&path, &log).unwrap();
        assert!(other.spool != first.spool && other.base == 1);
        std::fs::write(&path, "{}").unwrap();
        assert!(Identity::load(&path, &log).unwrap_err().to_string().contains("spool.json"));
    }

    #[tokio::test]
    async fn a_full_spool_lets_nothing_in_until_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let text = "to='192.0.2.1:1'\nserver_name='a'\nca='a'\ncertificate='b'\nkey='c'\nbytes_max=16777216\n";
        let config: ForwardConfig = toml::from_str(text).unwrap();
        let log = Log::open(log_config(&config, &LogConfig::in_dir(dir.path())).unwrap()).unwrap();
        let (room, cancel) = (Arc::new(Notify::new()), CancellationToken::new());
        let sink = SpoolSink::new(log.clone(), &config, Arc::default(), Arc::clone(&room), cancel.clone());
        while !sink.is_full() {
            sink.append(vec![record(1 << 20)]).await.unwrap();
        }
        let held = log.held_bytes(Topic::Raw, 0);
        assert!((16 << 20..18 << 20).contains(&held), "{held}");
        let waiting = tokio::time::timeout(Duration::from_millis(200), sink.append(vec![record(1)])).await;
        assert!(waiting.is_err(), "nothing goes in");
        log.trim(Topic::Raw, 0, 8).unwrap();
        room.notify_waiters();
        sink.append(vec![record(1)]).await.unwrap();
        while !sink.is_full() {
            sink.append(vec![record(1 << 20)]).await.unwrap();
        }
        cancel.cancel();
        assert!(sink.append(vec![record(1)]).await.is_err(), "who waits is let go at the end");
    }
}
