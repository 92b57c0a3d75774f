//! Pieces of the inputs: some hundred records at a time, in one allocation, which threads hand to each other.
//!
//! Lines end with LF; CR before it is removed. A line over [`LINE_BYTES_MAX`] becomes several records, as on import.
//!
//! Bound: a block holds `block_bytes` (see `feed`) or one record.

use std::net::IpAddr;
use std::sync::Arc;

use ingest::import::LINE_BYTES_MAX;
use stream::{RecordKind, RecordRef, Timestamp};

/// Consecutive records of one input.
#[derive(Default)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    /// What is known of each record beside its bytes; empty when they are lines.
    pub(super) heads: Vec<Head>,
}

/// A record of the stored stream.
pub(super) struct Head {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) offset: u64,
    pub(super) kind: RecordKind,
    pub(super) tenant: Arc<str>,
    pub(super) source: Arc<str>,
    pub(super) peer: Option<IpAddr>,
    pub(super) received: Timestamp,
}

impl Head {
    /// The record itself.
    pub(super) fn record<'a>(&'a self, bytes: &'a [u8]) -> RecordRef<'a> {
        RecordRef {
            offset: self.offset,
            kind: self.kind,
            tenant: &self.tenant,
            source: &self.source,
            peer: self.peer,
            received: self.received,
            raw: &bytes[self.start..self.end],
        }
    }
}

/// The next line at `from`: where it ends without its line end, and where the one after it starts.
#[inline]
pub(super) fn line_end(bytes: &[u8], from: usize) -> (usize, usize) {
    let rest = &bytes[from..bytes.len().min(from + LINE_BYTES_MAX)];
    match memchr::memchr(b'\n', rest) {
        Some(at) if at > 0 && rest[at - 1] == b'\r' => (from + at - 1, from + at + 1),
        Some(at) => (from + at, from + at + 1),
        None => (from + rest.len(), from + rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<Vec<u8>> {
        let (mut from, mut found) = (0, Vec::new());
        while from < text.len() {
            let (end, next) = line_end(text, from);
            found.push(text[from..end].to_vec());
            from = next;
        }
        found
    }

    #[test]
    fn lines_are_those_of_an_import() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let long = vec![b'x'; LINE_BYTES_MAX + 5];
        for text in [&b"one\r\ntwo\n\nfour\r"[..], b"", b"\n", b"\r\n\r\n", &long] {
            std::fs::write(&path, text).unwrap();
            let imported: Vec<_> = ingest::import::records(&path).unwrap().map(Result::unwrap).collect();
            assert_eq!(lines(text), imported);
        }
    }
}
