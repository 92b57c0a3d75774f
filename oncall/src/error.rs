//! What can go wrong on the way to people.

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of configuration and delivery.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is wrong.
    #[error("{0}")]
    Config(String),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The channel did not accept it; worth another try.
    #[error("{0}")]
    Refused(String),
    /// The channel did not accept it and asks for a pause of so many seconds.
    #[error("{reason}; asked to wait {seconds} s")]
    Wait {
        /// What it answered.
        reason: String,
        /// Seconds, at most 3,600.
        seconds: u64,
    },
    /// Another try cannot help.
    #[error("{0}")]
    Permanent(String),
}
