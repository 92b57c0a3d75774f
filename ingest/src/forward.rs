//! The collector's side: what a zone's listeners spooled is pushed outward, to one address or into a folder.
//!
//! The spool is this process's own log: a listener acknowledges once a record is in it. [`SpoolSink`] lets nothing in while it
//! is full, so senders wait where their protocol lets them. Every record's offset is its number; the centre says which
//! one it expects, so nothing but the log itself has to be remembered here, besides the spool's random name
//! ([`spool::Identity`]). What the centre has is removed, a segment at a time.

pub mod config;
pub mod filter;
pub mod folder;
pub mod link;
pub mod packing;
pub mod spool;

pub use config::ForwardConfig;
pub use link::{Figures, start};
pub use spool::SpoolSink;
