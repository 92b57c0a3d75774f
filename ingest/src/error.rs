//! Errors of ingest.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong before a line is durable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading a file failed.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A configuration value is wrong; the text says where and what to write instead.
    #[error("{0}")]
    Config(String),
    /// A listener cannot listen.
    #[error("listen on {address} ({kind}): {source}; is another program listening there, or is the port below 1024?")]
    Bind {
        /// The address.
        address: std::net::SocketAddr,
        /// The listener's kind.
        kind: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The stream did not take a record.
    #[error("append to the stream: {0}")]
    Append(String),
    /// Metrics of this crate are registered already.
    #[error("register metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { action, path, source }
    }
}
