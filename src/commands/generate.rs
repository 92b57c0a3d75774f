//! `sekisho generate`

use anyhow::{Context, Result};
use stream::Timestamp;

use crate::cli::{Generate, Profile};
use crate::commands::{DONE, progress};
use crate::generate::{self, Kind, Request};

/// Writes native-format logs, ledgers and the truth about what was planted.
pub fn run(args: &Generate) -> Result<u8> {
    let Profile::Town = args.profile;
    let start = Timestamp::parse_rfc3339(&args.start)
        .with_context(|| format!("--start {}: write RFC 3339, for example {}", args.start, generate::START))?;
    let incidents = if args.scenario.is_empty() { Kind::ALL.to_vec() } else { args.scenario.clone() };
    let bar = progress(args.events, "events");
    let request = Request { seed: args.seed, events: args.events, start, incidents };
    let summary = generate::write(&request, &args.out, |done| bar.set_position(done))?;
    bar.finish_and_clear();
    eprintln!(
        "{} events in {} files, {} incidents in truth.ndjson, below {}",
        summary.events,
        summary.files,
        summary.incidents,
        args.out.display()
    );
    Ok(DONE)
}
