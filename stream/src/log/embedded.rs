//! The embedded log: a folder, its lock, its partitions and their flusher threads.
//!
//! ```text
//! DIR/lock                          held while a process has the log open
//! DIR/TOPIC/PARTITION/*.log         segments
//! DIR/TOPIC/PARTITION/checkpoint    first kept offset, acknowledged end (a lower bound)
//! DIR/TOPIC/PARTITION/gaps          what is missing, one JSON object a line
//! DIR/TOPIC/PARTITION/groups/NAME   committed offset of a group
//! ```

use std::any::Any;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::config::LogConfig;
use super::disk::{Disk, io_error, refused};
use super::flusher::Flusher;
use super::partition::Partition;
use super::{gaps, offsets, recovery};
use crate::{Result, Topic};

/// Numbers that only tests change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Records of a batch, before compression, unless one record is larger.
    pub(super) batch_bytes: usize,
    /// Queued bytes that end the wait for company.
    pub(super) flush_bytes: usize,
    pub(super) checkpoint_every: Duration,
    pub(super) full_disk_retry: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            batch_bytes: 4 << 20,
            flush_bytes: 4 << 20,
            checkpoint_every: Duration::from_secs(1),
            full_disk_retry: Duration::from_secs(1),
        }
    }
}

/// An open embedded log.
#[derive(Debug)]
pub struct Embedded {
    raw: Vec<Arc<Partition>>,
    matches: Vec<Arc<Partition>>,
    alerts: Vec<Arc<Partition>>,
    /// Empty: whoever writes events has Kafka.
    events: Vec<Arc<Partition>>,
    open: Mutex<Option<Open>>,
}

/// What is given back at closing.
#[derive(Debug)]
struct Open {
    threads: Vec<JoinHandle<()>>,
    _lock: Box<dyn Any + Send + Sync>,
}

impl Embedded {
    pub(super) fn open(config: LogConfig, disk: Arc<dyn Disk>, limits: Limits) -> Result<Self> {
        config.validate()?;
        let dir = config.dir.clone();
        disk.create_dir_all(&dir).map_err(io_error("create", &dir))?;
        let lock = disk.lock(&dir.join("lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => refused("lock", &dir, "another process has this log open".to_owned()),
            _ => io_error("lock", &dir)(error),
        })?;
        let config = Arc::new(config);
        let mut log = Embedded {
            raw: Vec::new(),
            matches: Vec::new(),
            alerts: Vec::new(),
            events: Vec::new(),
            open: Mutex::new(Some(Open { threads: Vec::new(), _lock: lock })),
        };
        // An error on the way drops `log`, which ends the threads that run already.
        for topic in [Topic::Raw, Topic::Matches, Topic::Alerts] {
            let raw = config.raw_partitions.max(log.raw.len() as u32);
            let wanted = if topic.follows_raw() { raw } else { 1 };
            let folder = dir.join(topic.name());
            for number in 0..wanted.max(existing(disk.as_ref(), &folder)?) {
                let (partition, thread) = start(topic, number, &folder, &disk, &config, limits)?;
                log.of_mut(topic).push(partition);
                if let Some(open) = log.open.get_mut().unwrap_or_else(PoisonError::into_inner) {
                    open.threads.push(thread);
                }
            }
            disk.sync_dir(&folder).map_err(io_error("sync", &folder))?;
        }
        disk.sync_dir(&dir).map_err(io_error("sync", &dir))?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            disk.sync_dir(parent).map_err(io_error("sync", parent))?;
        }
        Ok(log)
    }

    fn of(&self, topic: Topic) -> &Vec<Arc<Partition>> {
        match topic {
            Topic::Raw => &self.raw,
            Topic::Matches => &self.matches,
            Topic::Alerts => &self.alerts,
            Topic::Events => &self.events,
        }
    }

    fn of_mut(&mut self, topic: Topic) -> &mut Vec<Arc<Partition>> {
        match topic {
            Topic::Raw => &mut self.raw,
            Topic::Matches => &mut self.matches,
            Topic::Alerts => &mut self.alerts,
            Topic::Events => &mut self.events,
        }
    }

    pub(super) fn partitions(&self, topic: Topic) -> u32 {
        self.of(topic).len() as u32
    }

    pub(super) fn partition(&self, topic: Topic, number: u32) -> Result<&Arc<Partition>> {
        self.of(topic).get(number as usize).ok_or_else(|| {
            let reason = format!("partition {number} does not exist; there are {}", self.partitions(topic));
            refused("use", Path::new(topic.name()), reason)
        })
    }

    /// Every partition of every topic.
    pub(super) fn all(&self) -> Vec<&Arc<Partition>> {
        self.raw.iter().chain(&self.matches).chain(&self.alerts).collect()
    }

    /// Ends the flushers, each after its last sync and checkpoint, and gives the folder free.
    pub(super) fn close(&self) {
        for partition in self.all() {
            partition.lock().closing = true;
            partition.work.notify_all();
            partition.space.notify_all();
        }
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        for thread in open.into_iter().flat_map(|mut open| std::mem::take(&mut open.threads)) {
            if thread.join().is_err() {
                tracing::error!("a flusher of the log panicked");
            }
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.close();
    }
}

/// Number of partitions that a topic's folder has already.
fn existing(disk: &dyn Disk, folder: &Path) -> Result<u32> {
    disk.create_dir_all(folder).map_err(io_error("create", folder))?;
    let names = disk.list(folder).map_err(io_error("list", folder))?;
    Ok(names
        .iter()
        .filter_map(|name| name.parse::<u32>().ok())
        .map(|number| number.saturating_add(1))
        .max()
        .unwrap_or(0))
}

/// Recovers a partition and starts its flusher.
fn start(
    topic: Topic,
    number: u32,
    folder: &Path,
    disk: &Arc<dyn Disk>,
    config: &Arc<LogConfig>,
    limits: Limits,
) -> Result<(Arc<Partition>, JoinHandle<()>)> {
    let dir = folder.join(number.to_string());
    let groups = dir.join(offsets::FOLDER);
    disk.create_dir_all(&groups).map_err(io_error("create", &groups))?;
    let found = recovery::recover(disk.as_ref(), &dir, topic, number)?;
    let partition =
        Arc::new(Partition::new(topic, number, dir.clone(), disk.clone(), config.clone(), limits, found.state));
    found.gaps.iter().for_each(|gap| gaps::record(&partition, gap));
    partition.checkpoint()?;
    let flusher = Flusher::new(partition.clone(), found.active)?;
    let name = format!("log {}/{number}", topic.name());
    let thread = std::thread::Builder::new().name(name).spawn(move || flusher.run());
    Ok((partition, thread.map_err(io_error("start a thread for", &dir))?))
}
