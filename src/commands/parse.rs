//! `sekisho parse`

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use anyhow::{Context, Result};
use bumpalo::Bump;
use stream::{RecordKind, RecordRef, Timestamp};

use crate::cli::Parse;
use crate::commands::{DONE, output};

/// An arena that grew past this is given back instead of kept.
const ARENA_BYTES_KEPT: usize = 8 << 20;

/// Raw lines in, one JSON object per line out, in order and never fewer.
pub fn run(args: &Parse) -> Result<u8> {
    let source = ingest::SourceConfig::of_product(&args.source, &args.tz, &args.charset)?;
    let mut decoder = ingest::Decoder::single(source)?;
    let mut out = output(None)?;
    let mut arena = Bump::new();
    let mut json = Vec::with_capacity(4096);
    let (input, received): (Box<dyn Iterator<Item = io::Result<Vec<u8>>>>, Timestamp) = match &args.file {
        None => (Box::new(lines(io::stdin().lock())), jiff::Timestamp::now().into()),
        Some(path) => {
            let modified = File::open(path).and_then(|file| file.metadata()).and_then(|meta| meta.modified());
            let modified = modified.with_context(|| format!("open {}", path.display()))?;
            let received = jiff::Timestamp::try_from(modified).unwrap_or_else(|_| jiff::Timestamp::now());
            (Box::new(ingest::import::records(path)?.map(|line| line.map_err(io::Error::other))), received.into())
        }
    };
    for (offset, line) in (0..).zip(input) {
        let line = line.context("read the input")?;
        let record = RecordRef {
            offset,
            kind: RecordKind::Data,
            tenant: "",
            source: &args.source,
            peer: None,
            received,
            raw: &line,
        };
        json.clear();
        decoder.decode(&record, &arena).write_json(&mut json);
        json.push(b'\n');
        out.write_all(&json)?;
        if arena.allocated_bytes() > ARENA_BYTES_KEPT {
            arena = Bump::new();
        }
        arena.reset();
    }
    out.flush()?;
    Ok(DONE)
}

/// Lines without their ends; a last line without an end counts.
fn lines(reader: impl io::Read) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    BufReader::with_capacity(1 << 18, reader).split(b'\n').map(|line| {
        line.map(|mut line| {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            line
        })
    })
}
