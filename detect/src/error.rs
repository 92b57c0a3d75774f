//! Errors of detection while it runs. What is wrong in a file is a [`crate::Problem`] instead, found before it runs.

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in detection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Saved state cannot be read back.
    #[error("restore {what}: {reason}; start without the snapshot and replay from the log")]
    Snapshot {
        /// Which part of the state.
        what: &'static str,
        /// What was wrong with the bytes.
        reason: String,
    },
}
