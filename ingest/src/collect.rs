//! Collectors: a sekisho inside a zone that spools what it hears and pushes it outward, and the centre that takes it.
//!
//! Every record of a collector has a number, its offset in the collector's spool. The centre keeps, of each collector and
//! spool, the number it expects next, **in the stream, with the records**: each append starts with a control record that
//! says whose numbers the records behind it are. So after a crash of either side the log alone tells which records are in,
//! down to the single record, and what is sent again is passed over ([`progress`] has the rules, [`ledger`] reads them
//! back). Numbers that never come are a gap: recorded in the stream as an event of the collector's own source, and so is
//! what ends it.
//!
//! [`wire`] is the language between the two, over TLS or in files; [`notes`] are the events about collectors.

pub mod declared;
pub mod enrol;
pub mod file;
pub mod folder;
pub mod ledger;
pub mod notes;
pub mod progress;
pub mod session;
pub mod wire;

pub use declared::Declared;
pub(crate) use ledger::partition_of;
pub use ledger::{Collectors, opening_mark};
