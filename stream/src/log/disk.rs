//! The little of a file system that the log needs, so that tests can put a disk under it that loses power.
//!
//! What the log relies on (POSIX, `fsync(2)`, `rename(2)`): bytes are durable after `sync_data`, lengths after
//! `sync_all`, names after `sync_dir`; `rename` is atomic. Nothing is relied on between two syncs.

use std::any::Any;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A file system.
pub(super) trait Disk: Send + Sync + fmt::Debug {
    /// Creates a folder and its parents; succeeds when it exists.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// Names in a folder, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Creates a file that must not exist.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Renames a file over another, atomically.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Unlinks a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names of a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// How large the file system of a folder is, and what is free of it.
    fn space(&self, dir: &Path) -> io::Result<Space>;
    /// Takes the exclusive lock of a file until the value is dropped; `WouldBlock` when someone else has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>>;
}

/// A file system's size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    pub(super) free_bytes: u64,
    pub(super) total_bytes: u64,
}

/// An open file.
pub(super) trait DiskFile: Send + Sync + fmt::Debug {
    /// Reads at a position; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes everything at a position; after an error any part of it may be there.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    /// Makes bytes and a grown length durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes everything durable, a cut length too.
    fn sync_all(&self) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&self, bytes: u64) -> io::Result<()>;
    /// Its length in bytes.
    fn bytes(&self) -> io::Result<u64>;
}

/// The operating system's file system.
#[derive(Debug)]
pub(super) struct SystemDisk;

impl Disk for SystemDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        std::fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        fail::fail_point!("log-create", |kind| Err(injected(kind)));
        Ok(Box::new(OpenOptions::new().read(true).write(true).create_new(true).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fail::fail_point!("log-rename", |kind| Err(injected(kind)));
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fail::fail_point!("log-sync-dir", |kind| Err(injected(kind)));
        File::open(dir)?.sync_all()
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let found = rustix::fs::statvfs(dir)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Space { free_bytes: bytes(found.f_bavail), total_bytes: bytes(found.f_blocks) })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        file.try_lock()?;
        Ok(Box::new(file))
    }
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        fail::fail_point!("log-short-write", |kind| {
            FileExt::write_all_at(self, &bytes[..bytes.len() / 2], position)?;
            Err(injected(kind))
        });
        fail::fail_point!("log-write", |kind| Err(injected(kind)));
        FileExt::write_all_at(self, bytes, position)
    }

    fn sync_data(&self) -> io::Result<()> {
        fail::fail_point!("log-sync", |kind| Err(injected(kind)));
        File::sync_data(self)
    }

    fn sync_all(&self) -> io::Result<()> {
        fail::fail_point!("log-sync", |kind| Err(injected(kind)));
        File::sync_all(self)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

#[cfg(feature = "failpoints")]
pub(super) fn injected(kind: Option<String>) -> io::Error {
    match kind.as_deref() {
        Some("abort") => std::process::abort(),
        Some("enospc") => io::Error::from(io::ErrorKind::StorageFull),
        _ => io::Error::other("injected input/output error"),
    }
}

/// Wraps a system error with what was being done, to what.
pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = PathBuf::from(path);
    move |source| Error::Io { action, path, source }
}

/// An error of the caller: a value out of its limits.
pub(super) fn refused(action: &'static str, path: &Path, reason: String) -> Error {
    io_error(action, path)(io::Error::new(io::ErrorKind::InvalidInput, reason))
}

/// Reads exactly `count` bytes at a position; fails at the end of the file.
pub(super) fn read_exact_at(file: &dyn DiskFile, count: usize, position: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let filled = fill_at(file, &mut bytes, position)?;
    if filled < count { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

/// Reads until the buffer is full or the file ends; returns the bytes read.
pub(super) fn fill_at(file: &dyn DiskFile, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], position + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Reads a whole small file, at most 16 MiB; nothing when it does not exist.
pub(super) fn read_small(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<u8>>> {
    let file = match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(io_error("open", path))?,
    };
    let bytes = file.bytes().map_err(io_error("measure", path))?.min(16 << 20);
    read_exact_at(file.as_ref(), bytes as usize, 0).map(Some).map_err(io_error("read", path))
}
