//! A disk in memory that loses power: what was not synced survives in part, in any order, torn at 512-byte sectors,
//! and so do names. A failed sync drops what it should have written although reads still see it, as Linux does.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::disk::{Disk, DiskFile, Space};

const SECTOR_BYTES: usize = 512;

/// The next operation that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    ShortWrite,
    FullDisk,
    FailedWrite,
    FailedSync,
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Cut(u64),
}

#[derive(Clone, Debug, Default)]
struct Node {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Naming {
    Add(PathBuf, usize),
    Remove(PathBuf),
    /// A folder holds inode numbers: the rename of a file cannot become that of an older file of the same name.
    Rename(PathBuf, PathBuf, usize),
}

impl Naming {
    fn folder(&self) -> &Path {
        let (Naming::Add(path, _) | Naming::Remove(path) | Naming::Rename(path, ..)) = self;
        path.parent().unwrap()
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Naming::Add(path, node) => {
                names.insert(path.clone(), *node);
            }
            Naming::Remove(path) => {
                names.remove(path);
            }
            Naming::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    nodes: Vec<Node>,
    folders: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    pending_names: Vec<Naming>,
    locked: bool,
    /// Changes until the power goes off.
    steps_left: Option<u32>,
    off: bool,
    fault: Option<Fault>,
    /// Size of the file system; as large as can be unless set.
    capacity: Option<u64>,
}

impl Inner {
    /// Counts one change; fails once the power is off.
    fn step(&mut self) -> io::Result<()> {
        if let Some(left) = &mut self.steps_left {
            self.off |= *left == 0;
            *left = left.saturating_sub(1);
        }
        self.alive()
    }

    fn alive(&self) -> io::Result<()> {
        if self.off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    fn take(&mut self, fault: Fault) -> bool {
        let found = self.fault == Some(fault);
        if found {
            self.fault = None;
        }
        found
    }
}

/// Shared by the log and the test.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryDisk(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct MemoryFile(MemoryDisk, usize);

struct MemoryLock(MemoryDisk);

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.inner().locked = false;
    }
}

impl MemoryDisk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Cuts the power after some more changes.
    pub(super) fn power_off_after(&self, steps: u32) {
        self.inner().steps_left = Some(steps);
    }

    pub(super) fn is_off(&self) -> bool {
        self.inner().off
    }

    pub(super) fn fail_next(&self, fault: Fault) {
        self.inner().fault = Some(fault);
    }

    /// Makes the file system as large as that, and gives the bytes that are in use.
    pub(super) fn set_capacity(&self, bytes: Option<u64>) -> u64 {
        let mut inner = self.inner();
        inner.capacity = bytes;
        inner.names.values().map(|node| inner.nodes[*node].now.len() as u64).sum()
    }

    /// The disk as it may be found after losing power now.
    pub(super) fn crash(&self, seed: u64) -> MemoryDisk {
        let inner = self.inner();
        let mut random = Random(seed);
        let mut names = inner.durable_names.clone();
        inner.pending_names.iter().filter(|_| random.next(2) == 0).for_each(|naming| naming.apply(&mut names));
        let survive = |node: &Node| {
            let mut bytes = node.durable.clone();
            for change in &node.pending {
                match (change, random.next(3)) {
                    (_, 0) => {}
                    (change, 1) => apply(change, &mut bytes),
                    (Change::Cut(_), _) => {}
                    (Change::Write(at, written), _) => tear(*at as usize, written, &mut bytes, &mut random),
                }
            }
            Node { now: bytes.clone(), durable: bytes, pending: Vec::new() }
        };
        let nodes = inner.nodes.iter().map(survive).collect();
        let (folders, durable_names) = (inner.folders.clone(), names.clone());
        MemoryDisk(Arc::new(Mutex::new(Inner { nodes, folders, names, durable_names, ..Inner::default() })))
    }

    /// Paths and lengths of the files.
    pub(super) fn files(&self) -> Vec<(PathBuf, usize)> {
        let inner = self.inner();
        inner.names.iter().map(|(path, node)| (path.clone(), inner.nodes[*node].now.len())).collect()
    }

    /// Changes stored bytes, as bit rot does.
    pub(super) fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = self.inner();
        let node = inner.names[path];
        let node = &mut inner.nodes[node];
        change(&mut node.now);
        node.durable = node.now.clone();
        node.pending.clear();
    }
}

fn apply(change: &Change, bytes: &mut Vec<u8>) {
    match change {
        Change::Cut(length) => bytes.truncate(*length as usize),
        Change::Write(at, written) => {
            let (at, end) = (*at as usize, *at as usize + written.len());
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[at..end].copy_from_slice(written);
        }
    }
}

/// Writes some of the sectors.
fn tear(at: usize, written: &[u8], bytes: &mut Vec<u8>, random: &mut Random) {
    let mut done = 0;
    while done < written.len() {
        let count = (SECTOR_BYTES - (at + done) % SECTOR_BYTES).min(written.len() - done);
        if random.next(2) == 0 {
            apply(&Change::Write((at + done) as u64, written[done..done + count].to_vec()), bytes);
        }
        done += count;
    }
}

/// Sebastiano Vigna's splitmix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

impl Disk for MemoryDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        // Folders are durable at once: they are made before anything is acknowledged.
        self.inner().folders.insert(dir.to_path_buf());
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let inner = self.inner();
        inner.alive()?;
        let paths = inner.names.keys().chain(&inner.folders);
        let names = paths.filter_map(|path| path.strip_prefix(dir).ok()?.components().next());
        let names: BTreeSet<String> = names.map(|name| name.as_os_str().to_string_lossy().into_owned()).collect();
        Ok(names.into_iter().collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.inner();
        inner.step()?;
        if inner.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = inner.nodes.len();
        inner.nodes.push(Node::default());
        inner.names.insert(path.to_path_buf(), node);
        inner.pending_names.push(Naming::Add(path.to_path_buf(), node));
        Ok(Box::new(MemoryFile(self.clone(), node)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inner = self.inner();
        inner.alive()?;
        let node = *inner.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(MemoryFile(self.clone(), node)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.step()?;
        let node = *inner.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        let naming = Naming::Rename(from.to_path_buf(), to.to_path_buf(), node);
        naming.apply(&mut inner.names);
        inner.pending_names.push(naming);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.step()?;
        inner.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        inner.pending_names.push(Naming::Remove(path.to_path_buf()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.step()?;
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            std::mem::take(&mut inner.pending_names).into_iter().partition(|naming| naming.folder() == dir);
        inner.pending_names = elsewhere;
        here.iter().for_each(|naming| naming.apply(&mut inner.durable_names));
        Ok(())
    }

    fn space(&self, _dir: &Path) -> io::Result<Space> {
        let inner = self.inner();
        let used: usize = inner.names.values().map(|node| inner.nodes[*node].now.len()).sum();
        let total_bytes = inner.capacity.unwrap_or(u64::MAX);
        Ok(Space { free_bytes: total_bytes.saturating_sub(used as u64), total_bytes })
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        let mut inner = self.inner();
        if std::mem::replace(&mut inner.locked, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(MemoryLock(self.clone())))
    }
}

impl MemoryFile {
    fn change(&self, inner: &mut Inner, change: Change) {
        let node = &mut inner.nodes[self.1];
        apply(&change, &mut node.now);
        node.pending.push(change);
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let inner = self.0.inner();
        inner.alive()?;
        let bytes = &inner.nodes[self.1].now;
        let rest = &bytes[(position as usize).min(bytes.len())..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut inner = self.0.inner();
        if inner.take(Fault::FailedWrite) {
            return Err(io::Error::other("failed write"));
        }
        let half = Change::Write(position, bytes[..bytes.len() / 2].to_vec());
        if inner.take(Fault::ShortWrite) {
            self.change(&mut inner, half);
            return Err(io::Error::other("short write"));
        }
        if inner.take(Fault::FullDisk) {
            self.change(&mut inner, half);
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.alive()?;
        // A write that the power loss meets may still have begun.
        self.change(&mut inner, Change::Write(position, bytes.to_vec()));
        inner.step()
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.0.inner();
        inner.step()?;
        let failed = inner.take(Fault::FailedSync);
        let node = &mut inner.nodes[self.1];
        let pending = std::mem::take(&mut node.pending);
        if failed {
            return Err(io::Error::other("failed sync"));
        }
        pending.iter().for_each(|change| apply(change, &mut node.durable));
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let mut inner = self.0.inner();
        inner.step()?;
        self.change(&mut inner, Change::Cut(bytes));
        Ok(())
    }

    fn bytes(&self) -> io::Result<u64> {
        let inner = self.0.inner();
        inner.alive()?;
        Ok(inner.nodes[self.1].now.len() as u64)
    }
}
