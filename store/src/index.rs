//! One split: an immutable tantivy index of one tenant's events, newest first.
//!
//! Document ids follow the order (`@timestamp` descending, id descending), made by sorting before writing, so that "newest
//! 20" stops after 20 documents and a time range is a range of document ids.

pub(crate) mod compile;
pub(crate) mod docs;
pub(crate) mod document;
pub(crate) mod merge;
mod numbers;
pub(crate) mod range;
pub(crate) mod schema;
pub(crate) mod shapes;
pub(crate) mod sound;
pub(crate) mod split;
mod terms;
pub(crate) mod words;
mod writer;
