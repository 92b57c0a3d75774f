//! Reads one input block by block: a file in any packing, stdin, or a partition of the stored stream.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use ingest::import::{self, LINE_BYTES_MAX};
use stream::log::Reader;

use super::block::{Block, Head};

/// The largest block, unless one record is larger: small enough to stay in a core's cache.
pub(super) const BLOCK_BYTES_MAX: usize = 256 << 10;

/// One input.
pub(super) struct Feed {
    input: Input,
    block_bytes: usize,
}

enum Input {
    /// Lines; the tail of the last read that is not a whole line yet.
    Lines {
        reader: Box<dyn Read + Send>,
        tail: Vec<u8>,
        name: String,
    },
    /// Records one by one, each given as a line.
    Records(import::Records),
    Stored(Stored),
}

/// A partition of the stored stream, up to an offset.
pub(super) struct Stored {
    pub(super) reader: Reader,
    pub(super) end: u64,
    /// The tenant whose records are read; all of them unless given.
    pub(super) tenant: Option<String>,
    /// Tenants' and sources' names, one allocation each.
    pub(super) names: BTreeMap<Box<str>, Arc<str>>,
}

impl Feed {
    /// A file by its ending, or stdin when the path is `-`.
    pub(super) fn open(path: &Path, block_bytes: usize) -> Result<Feed> {
        let name = path.display().to_string();
        let lines = |reader| Input::Lines { reader, tail: Vec::new(), name };
        let input = if path == Path::new("-") {
            lines(Box::new(std::io::stdin()) as Box<dyn Read + Send>)
        } else {
            match import::unpacked(path)? {
                Some(reader) => lines(reader),
                None => Input::Records(import::records(path)?),
            }
        };
        Ok(Feed { input, block_bytes })
    }

    /// A partition of the stored stream.
    pub(super) fn stored(stored: Stored, block_bytes: usize) -> Feed {
        Feed { input: Input::Stored(stored), block_bytes }
    }

    /// The next records, into `spare`'s allocation; nothing at the end.
    pub(super) fn next(&mut self, mut spare: Block) -> Result<Option<Block>> {
        spare.bytes.clear();
        spare.heads.clear();
        match &mut self.input {
            Input::Lines { reader, tail, name } => {
                lines(reader, tail, self.block_bytes, &mut spare.bytes).with_context(|| format!("read {name}"))?;
            }
            Input::Records(records) => {
                while spare.bytes.len() < self.block_bytes
                    && let Some(record) = records.next().transpose()?
                {
                    spare.bytes.extend_from_slice(&record);
                    spare.bytes.push(b'\n');
                }
            }
            Input::Stored(stored) => stored.fill(self.block_bytes, &mut spare)?,
        }
        Ok((!spare.bytes.is_empty() || !spare.heads.is_empty()).then_some(spare))
    }
}

/// Puts whole lines into `bytes`; what is behind the last of them goes into `tail`. A line over the limit is cut there.
fn lines(reader: &mut impl Read, tail: &mut Vec<u8>, block_bytes: usize, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    bytes.append(tail);
    loop {
        let had = bytes.len();
        reader.by_ref().take(block_bytes as u64).read_to_end(bytes)?;
        if bytes.len() < had + block_bytes {
            // The end: the last line may lack its line end.
            return Ok(());
        }
        if let Some(at) = memchr::memrchr(b'\n', &bytes[had..]) {
            tail.extend_from_slice(&bytes[had + at + 1..]);
            bytes.truncate(had + at + 1);
            return Ok(());
        }
        if bytes.len() >= LINE_BYTES_MAX {
            // No line end so far: what is behind whole pieces begins the next block, so that pieces fall as on import.
            let whole = bytes.len() / LINE_BYTES_MAX * LINE_BYTES_MAX;
            tail.extend_from_slice(&bytes[whole..]);
            bytes.truncate(whole);
            return Ok(());
        }
    }
}

impl Stored {
    fn fill(&mut self, block_bytes: usize, block: &mut Block) -> Result<()> {
        while block.bytes.len() < block_bytes {
            let Some(batch) = self.reader.next_below(self.end)? else { break };
            if let Some(gap) = batch.gap() {
                eprintln!("sekisho: records are missing from the stream: {gap:?}");
            }
            for record in batch.iter().take_while(|record| record.offset < self.end) {
                let foreign = self
                    .tenant
                    .as_ref()
                    .is_some_and(|tenant| record.kind == stream::RecordKind::Data && tenant != record.tenant);
                if foreign {
                    continue;
                }
                let start = block.bytes.len();
                block.bytes.extend_from_slice(record.raw);
                block.heads.push(Head {
                    start,
                    end: block.bytes.len(),
                    offset: record.offset,
                    kind: record.kind,
                    tenant: name(&mut self.names, record.tenant),
                    source: name(&mut self.names, record.source),
                    peer: record.peer,
                    received: record.received,
                });
            }
        }
        Ok(())
    }
}

fn name(names: &mut BTreeMap<Box<str>, Arc<str>>, name: &str) -> Arc<str> {
    if let Some(held) = names.get(name) {
        return Arc::clone(held);
    }
    let held: Arc<str> = name.into();
    names.insert(name.into(), Arc::clone(&held));
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::detect::block::line_end;

    /// A reader that gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(out.len()).min(self.0.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn read(text: &[u8], block_bytes: usize) -> Vec<Vec<u8>> {
        let (mut reader, mut tail, mut found) = (Slow(text, 7), Vec::new(), Vec::new());
        loop {
            let mut bytes = Vec::new();
            lines(&mut reader, &mut tail, block_bytes, &mut bytes).unwrap();
            if bytes.is_empty() {
                return found;
            }
            let mut from = 0;
            while from < bytes.len() {
                let (end, next) = line_end(&bytes, from);
                found.push(bytes[from..end].to_vec());
                from = next;
            }
        }
    }

    #[test]
    fn blocks_do_not_change_the_lines() {
        let long = [vec![b'y'; 3 * LINE_BYTES_MAX + 5], b"\nlast".to_vec()].concat();
        for text in [&b"one\ntwo\r\n\nthree, longer than a block\nfour"[..], b"", b"\n\n", b"a\n", &long] {
            let whole = read(text, usize::MAX >> 1);
            for block_bytes in [1, 2, 3, 8, 64, 1 << 16, LINE_BYTES_MAX - 1] {
                if text.len() < 1000 || block_bytes > 1000 {
                    assert!(read(text, block_bytes) == whole, "blocks of {block_bytes}");
                }
            }
        }
    }
}
