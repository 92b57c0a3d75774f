//! Errors of the stream.

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in the stream. Every variant names what was being done, and to what.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading or writing a file of the log failed.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was being done (`append to`, `fsync`, `open`).
        action: &'static str,
        /// The file or folder.
        path: std::path::PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Bytes that should decode do not.
    #[error("damaged {what} at {place}: {reason}")]
    Damaged {
        /// What was being decoded (`batch`, `event`).
        what: &'static str,
        /// Path and byte position, or topic/partition/offset.
        place: String,
        /// What was wrong.
        reason: String,
    },
    /// Apache Kafka refused or did not answer.
    #[error("{action} {place}: {reason}")]
    Kafka {
        /// What was being done (`reach a broker of`, `use topic`).
        action: &'static str,
        /// Brokers, topic, or topic/partition and offset.
        place: String,
        /// What was wrong and what to do; never a secret.
        reason: String,
    },
    /// The log stopped accepting appends after a failed write, sync or delivery; a restart recovers what was acknowledged.
    #[error("log of {topic}/{partition} stopped after: {cause}; see to the disk or the brokers, then restart")]
    Stopped {
        /// Topic name.
        topic: &'static str,
        /// Partition number.
        partition: u32,
        /// The first failure.
        cause: String,
    },
}
