//! What is received, kept for years in a bucket or a folder elsewhere: topic `raw` in sealed pieces.
//!
//! - [`Archiver`] cuts a partition into objects and puts them, one after the other, for ever.
//! - [`Bucket`] is the place: S3-compatible object storage, or a folder (a NAS).
//! - [`Entry`] is an object as its name tells; the content is a segment file of the log, so a folder of them is a log.
//! - [`verify`] reads all of it and says what is not as it was written.
//!
//! Guarantees:
//! - Exactly once. How far the archive goes is told by its list alone. An object counts once it is there whole; what it holds is a
//!   function of the stream from its first offset on, so what is cut anew after a crash has the same name and the same bytes.
//! - No hole and no overlap: each begins where the one before it ends, whose hash it carries. What the stream itself lost is
//!   a gap within an object.
//! - The stream waits: the archive is a group of the log (`archive`), so neither age nor a full disk removes what is not archived.
//!   An archive that is away holds up nothing else.
//!
//! Memory: [`ArchiveConfig::object_bytes_max`] and 4 MiB for each raw partition; reading, one object.

mod archiver;
mod bucket;
mod config;
mod entry;
mod verify;

#[cfg(test)]
mod tests;

pub use archiver::{Archiver, GROUP, State};
pub use bucket::Bucket;
pub use config::ArchiveConfig;
pub use entry::Entry;
pub use verify::{Ends, Verified, verify};
