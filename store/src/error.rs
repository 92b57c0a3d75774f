//! Errors of the store.

use std::io::ErrorKind;
use std::path::PathBuf;

use rusqlite::ErrorCode;
use stream::Timestamp;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in the store. Every variant names what was being done, and to what.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading or writing a file failed.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was being done (`write`, `fsync`, `open`).
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The search index refused.
    #[error("{action} split {split}: {reason}")]
    Index {
        /// What was being done.
        action: &'static str,
        /// Split id.
        split: String,
        /// The index's answer.
        reason: String,
        /// The kind of failure, when it was one of reading or writing.
        io: Option<ErrorKind>,
        /// The system's number for it.
        os: Option<i32>,
    },
    /// The engine that holds the events (`store.kind = "elasticsearch"`) did not answer, or refused.
    #[error("{action} {place}: {reason}")]
    Engine {
        /// What was being done (`search`, `index events in`).
        action: &'static str,
        /// The node, or the address that was asked.
        place: String,
        /// What it said.
        reason: String,
        /// Whether the same may be accepted later: no answer, too many requests, no room.
        again: bool,
        /// The HTTP status of the refusal, if there was an answer.
        status: Option<u16>,
    },
    /// The archive did not answer, refused, or does not fit the stream.
    #[error("archive: {action} {place}: {reason}")]
    Archive {
        /// What was being done (`put`, `list`).
        action: &'static str,
        /// The object or the archive.
        place: String,
        /// What was wrong, never a secret.
        reason: String,
    },
    /// The stream failed.
    #[error(transparent)]
    Stream(#[from] stream::Error),
    /// Stored bytes are not what they should be.
    #[error("damaged {what} at {place}: {reason}; restore it from a backup, or rebuild the index from the raw log")]
    Damaged {
        /// What was being read (`catalogue`, `split`).
        what: &'static str,
        /// Path, or split and document.
        place: String,
        /// What was wrong.
        reason: String,
    },
    /// The index was written in another format than this program's.
    #[error(
        "the index at {place} has format {found}, this sekisho reads {known}; remove its folder and start: it is built \
         anew from the raw log"
    )]
    Format {
        /// The catalogue.
        place: String,
        /// Its format.
        found: u32,
        /// The format this program writes.
        known: u32,
    },
    /// A query that cannot be understood.
    #[error("{column}文字目: {message}")]
    Query {
        /// Character, counted from 1.
        column: usize,
        /// What is wrong, in Japanese, for the person who typed it.
        message: String,
        /// What to write instead, in Japanese.
        suggestion: Option<String>,
    },
    /// A search took longer than allowed.
    #[error("search stopped after {seconds} s; narrow the time range or add a field condition")]
    Timeout {
        /// The limit.
        seconds: u64,
    },
    /// The database refused.
    #[error("database: {action}: {source}")]
    Database {
        /// What was being done.
        action: &'static str,
        /// SQLite's answer.
        source: rusqlite::Error,
    },
    /// A value the caller gave cannot be accepted.
    #[error("{what}: {reason}")]
    Invalid {
        /// What was given (`user name`, `password`, `store.dir`).
        what: &'static str,
        /// Why not, and what to do.
        reason: String,
    },
    /// What was asked for does not exist, or belongs to a tenant the caller may not see.
    #[error("no {what} {id}")]
    NotFound {
        /// What was asked for (`alert`, `account`).
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// Too many wrong passwords.
    #[error("too many failed sign-ins for {name}; locked until {until}")]
    Locked {
        /// Account name as typed.
        name: String,
        /// When it may be tried again.
        until: Timestamp,
    },
    /// The writer stopped after a failure; what is not in the index is still in the raw log.
    #[error("index stopped after: {cause}; free the disk or replace it, then restart")]
    Stopped {
        /// The first failure.
        cause: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }

    pub(crate) fn index(action: &'static str, split: &str) -> impl FnOnce(tantivy::TantivyError) -> Error + use<> {
        let split = split.to_owned();
        move |error| {
            let io = io_of(&error);
            let (kind, os) = (io.map(std::io::Error::kind), io.and_then(std::io::Error::raw_os_error));
            Error::Index { action, split, reason: error.to_string(), io: kind, os }
        }
    }

    /// Whether the disk has no room left.
    pub fn is_no_space(&self) -> bool {
        match self {
            Error::Io { source, .. } => is_full(source.kind()),
            Error::Index { io: Some(kind), .. } => is_full(*kind),
            Error::Database { source, .. } => source.sqlite_error_code() == Some(ErrorCode::DiskFull),
            _ => false,
        }
    }

    /// Whether the disk refused, or the engine in its place: no room left, a failed read or write, no answer. Trying again may
    /// help once somebody has looked at it; nothing of what was being written counts as written.
    pub fn is_disk(&self) -> bool {
        self.is_no_space()
            || match self {
                Error::Io { source, .. } => is_failing(source.kind(), source.raw_os_error()),
                Error::Index { io: Some(kind), os, .. } => is_failing(*kind, *os),
                Error::Engine { again, .. } => *again,
                Error::Database { source, .. } => {
                    matches!(source.sqlite_error_code(), Some(ErrorCode::SystemIoFailure | ErrorCode::ReadOnly))
                }
                _ => false,
            }
    }

    pub(crate) fn database(action: &'static str) -> impl Fn(rusqlite::Error) -> Error {
        move |source| Error::Database { action, source }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Error {
        Error::Database { action: "read a row", source }
    }
}

fn is_full(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Linux's number for a failed read or write, which has no kind of its own.
const EIO: i32 = 5;

fn is_failing(kind: ErrorKind, os: Option<i32>) -> bool {
    kind == ErrorKind::ReadOnlyFilesystem || os == Some(EIO)
}

/// The failure of reading or writing that tantivy passes on.
fn io_of(error: &tantivy::TantivyError) -> Option<&std::io::Error> {
    use tantivy::TantivyError::{IoError, OpenDirectoryError, OpenReadError, OpenWriteError};
    use tantivy::directory::error as of;
    match error {
        IoError(io)
        | OpenWriteError(of::OpenWriteError::IoError { io_error: io, .. })
        | OpenReadError(of::OpenReadError::IoError { io_error: io, .. })
        | OpenDirectoryError(of::OpenDirectoryError::IoError { io_error: io, .. }) => Some(innermost(io)),
        _ => None,
    }
}

/// What the system said: the writer of terms wraps it in an error of its own, without its kind and number.
fn innermost(error: &std::io::Error) -> &std::io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(tantivy_fst::Error::Io(wrapped)) => innermost(wrapped),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Refuses every byte.
    struct Refusing(i32);

    impl io::Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(self.0))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_the_disk_said_is_found_below_what_wraps_it() {
        let index = |error: io::Error| Error::index("write", "1")(error.into());
        let of_terms = |number| tantivy::termdict::TermDictionaryBuilder::create(Refusing(number)).err().unwrap();
        let full = index(of_terms(28));
        assert!(full.is_no_space() && full.is_disk(), "{full:?}");
        let failing = index(of_terms(EIO));
        assert!(failing.is_disk() && !failing.is_no_space(), "{failing:?}");
        assert!(!index(io::Error::other("too many words")).is_disk());
    }
}
