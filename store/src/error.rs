//! Errors of the store.

use std::path::PathBuf;

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
    },
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
        move |error| Error::Index { action, split, reason: error.to_string() }
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
