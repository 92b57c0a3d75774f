//! One file that grows, and how far it was read.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::framing::without_line_end;
use crate::import::LINE_BYTES_MAX;

/// How many of a file's first bytes tell it from another that got its inode.
const HEAD_BYTES: u64 = 256;

/// Device and inode.
pub(super) type Id = (u64, u64);

/// The file of this name, if there is one.
pub(super) fn id_of(path: &Path) -> Option<Id> {
    std::fs::metadata(path).ok().filter(Metadata::is_file).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// What is written down of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The name it had last.
    pub(super) path: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
    /// Bytes that were read.
    pub(super) offset: u64,
    /// How many first bytes the hash is of.
    head_bytes: u64,
    head: String,
}

/// A file that is open.
pub(super) struct Followed {
    file: File,
    entry: Entry,
    /// Nobody names it any more.
    unnamed: bool,
    grown_at: Instant,
}

impl Followed {
    /// A new file, from its start.
    pub(super) fn open(path: PathBuf) -> Option<Followed> {
        let file =
            File::open(&path).map_err(|error| tracing::warn!(path = %path.display(), %error, "follow a file")).ok()?;
        let metadata = file.metadata().ok()?;
        let (device, inode) = (metadata.dev(), metadata.ino());
        let entry = Entry { path, device, inode, offset: 0, head_bytes: 0, head: String::new() };
        Some(Followed { file, entry, unnamed: false, grown_at: Instant::now() })
    }

    /// The file that was written down, under its name or another one in its folder.
    pub(super) fn reopen(entry: &Entry) -> Option<Followed> {
        let id = (entry.device, entry.inode);
        let elsewhere = || {
            let folder = std::fs::read_dir(entry.path.parent()?).ok()?;
            folder.flatten().map(|entry| entry.path()).find(|path| id_of(path) == Some(id))
        };
        let path = Some(entry.path.clone()).filter(|path| id_of(path) == Some(id)).or_else(elsewhere)?;
        let mut found = Followed::open(path)?;
        found.entry = Entry { path: found.entry.path, ..entry.clone() };
        found.same_head().ok()?.then_some(found)
    }

    pub(super) fn id(&self) -> Id {
        (self.entry.device, self.entry.inode)
    }

    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(super) fn path(&self) -> &Path {
        &self.entry.path
    }

    pub(super) fn offset(&self) -> u64 {
        self.entry.offset
    }

    pub(super) fn named(&mut self, path: PathBuf) {
        self.entry.path = path;
        self.unnamed = false;
    }

    pub(super) fn unnamed(&mut self) {
        self.unnamed = true;
    }

    /// Whether nobody names it and nothing came for so long, or comes any more.
    pub(super) fn done(&self, quiet_max: Duration) -> bool {
        let whole = || self.file.metadata().is_ok_and(|metadata| metadata.len() <= self.entry.offset);
        self.unnamed && self.grown_at.elapsed() >= quiet_max && whole()
    }

    /// The whole lines that come next, of so many bytes, and the offset after them. Blank lines are passed over.
    pub(super) fn lines(&mut self, bytes_max: usize) -> io::Result<(Vec<Bytes>, u64)> {
        self.start_over_if_another()?;
        let length = self.file.metadata()?.len();
        if length <= self.entry.offset {
            return Ok((Vec::new(), self.entry.offset));
        }
        let mut read = vec![0; bytes_max.min((length - self.entry.offset) as usize)];
        let mut filled = 0;
        while filled < read.len() {
            match self.file.read_at(&mut read[filled..], self.entry.offset + filled as u64)? {
                0 => break,
                bytes => filled += bytes,
            }
        }
        read.truncate(filled);
        let end = match memchr::memrchr(b'\n', &read) {
            Some(last) => last + 1,
            // One line longer than a record may be, or a last line whose end does not come any more.
            None if filled >= LINE_BYTES_MAX || self.unnamed && self.grown_at.elapsed() >= super::QUIET_MAX => filled,
            None => 0,
        };
        read.truncate(end);
        let read = Bytes::from(read);
        let (mut lines, mut start) = (Vec::new(), 0);
        for end in memchr::memchr_iter(b'\n', &read).map(|at| at + 1).chain((end > 0).then_some(end)) {
            let line = without_line_end(read.slice(start..end));
            start = end;
            if !line.trim_ascii().is_empty() {
                lines.push(line);
            }
        }
        Ok((lines, self.entry.offset + end as u64))
    }

    /// Passes over the next line when it is this one.
    pub(super) fn pass(&mut self, raw: &[u8]) -> bool {
        let Ok((lines, whole)) = self.lines(LINE_BYTES_MAX.max(raw.len() * 2)) else { return false };
        if lines.first().is_none_or(|line| **line != *raw) {
            return false;
        }
        let offset = self.entry.offset;
        // As far as the line's own end: what follows it has not been compared.
        let mut window = vec![0; (whole - offset) as usize];
        if self.file.read_exact_at(&mut window, offset).is_err() {
            return false;
        }
        let start = memchr::memmem::find(&window, raw).unwrap_or(0);
        let after = start + raw.len();
        let end = memchr::memchr(b'\n', &window[after..]).map_or(window.len(), |at| after + at + 1);
        self.advance(offset + end as u64);
        true
    }

    /// What comes before this offset is durable.
    pub(super) fn advance(&mut self, offset: u64) {
        self.entry.offset = offset;
        self.grown_at = Instant::now();
        let wanted = offset.min(HEAD_BYTES);
        if self.entry.head_bytes < wanted
            && let Ok(head) = self.head(wanted)
        {
            (self.entry.head_bytes, self.entry.head) = (wanted, head);
        }
    }

    fn start_over_if_another(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        if length < self.entry.offset || !self.same_head()? {
            tracing::info!(path = %self.entry.path.display(), "a followed file was truncated; it is read from its start");
            self.entry = Entry { offset: 0, head_bytes: 0, head: String::new(), ..self.entry.clone() };
        }
        Ok(())
    }

    fn same_head(&self) -> io::Result<bool> {
        match self.head(self.entry.head_bytes) {
            Ok(head) => Ok(self.entry.head_bytes == 0 || head == self.entry.head),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn head(&self, bytes: u64) -> io::Result<String> {
        let mut head = vec![0; bytes as usize];
        self.file.read_exact_at(&mut head, 0)?;
        Ok(sha2::Sha256::digest(&head)[..8].iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
