//! Seeded traffic: native-format logs of three bodies, their ledgers, and what was planted in them.
//!
//! `sekisho generate` writes `sources.toml`, `logs/<tenant>/<source>.log`, `tenants/<tenant>/` and `truth.ndjson`.
//! The same seed, start and number of events give the same bytes on every machine. Memory does not grow with the
//! number of events: lines are made minute by minute and written straight to their files.
//!
//! The bodies: `town` (three zones, model α), `kumiai` (a partial-affairs association with internet only) and `ken`
//! (the prefecture, parent of both). Addresses are private or reserved for documentation (RFC 5737).

mod background;
mod incidents;
mod line;
mod random;
mod sites;
mod tenants;
mod timeline;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use stream::Timestamp;

pub use background::line as background_line;
pub use incidents::{Kind, Truth, plant_at};
pub use random::Random;
pub use sites::SOURCES;
pub use tenants::write as write_tenants;
pub use timeline::{Line, Plan, Timeline};

/// The least number of events that leaves room for heartbeats and everything planted.
pub const EVENTS_MIN: u64 = 5_000;

/// Where the two generated days begin unless `--start` says otherwise: Monday 2 November 2026, 00:00 JST.
pub const START: &str = "2026-11-02T00:00:00+09:00";

/// What to generate.
#[derive(Clone, Debug)]
pub struct Request {
    /// Seed of every random choice.
    pub seed: u64,
    /// How many lines in all.
    pub events: u64,
    /// The first instant; a midnight in JST.
    pub start: Timestamp,
    /// What to plant.
    pub incidents: Vec<Kind>,
}

/// What was written.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Summary {
    /// Lines in all files.
    pub events: u64,
    /// Incidents in `truth.ndjson`.
    pub incidents: usize,
    /// Log files.
    pub files: usize,
}

/// Writes everything below `out`, which must be empty or absent. `progress` is told the lines written so far.
///
/// # Errors
/// When `out` holds something already, a file cannot be written, or too few events are asked for.
pub fn write(request: &Request, out: &Path, mut progress: impl FnMut(u64)) -> Result<Summary> {
    ensure!(request.events >= EVENTS_MIN, "--events {}: at least {EVENTS_MIN} are needed", request.events);
    if out.exists() && fs::read_dir(out).with_context(|| format!("read {}", out.display()))?.next().is_some() {
        bail!("{} is not empty; give --out a new folder", out.display());
    }
    tenants::write(&out.join("tenants"), request.start)?;
    let plan = Plan::two_days(request.clone());
    let mut files = open_logs(out)?;
    let mut events = 0;
    let mut timeline = Timeline::new(plan);
    let mut last = request.start;
    for line in timeline.by_ref() {
        let file = &mut files[line.source];
        file.write_all(line.text.as_bytes()).and_then(|()| file.write_all(b"\n")).context("write a log file")?;
        last = line.time;
        events += 1;
        if events % 10_000 == 0 {
            progress(events);
        }
    }
    for mut file in files {
        file.flush().context("write a log file")?;
    }
    let truth = timeline.into_truth();
    write_truth(&out.join("truth.ndjson"), &truth)?;
    fs::write(out.join("sources.toml"), sources_toml(last)).context("write sources.toml")?;
    progress(events);
    Ok(Summary { events, incidents: truth.len(), files: SOURCES.len() })
}

fn open_logs(out: &Path) -> Result<Vec<BufWriter<File>>> {
    SOURCES
        .iter()
        .map(|source| {
            let path = out.join(source.file());
            let folder = path.parent().unwrap_or(out);
            fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
            let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
            Ok(BufWriter::with_capacity(1 << 18, file))
        })
        .collect()
}

fn write_truth(path: &Path, truth: &[Truth]) -> Result<()> {
    let mut file = BufWriter::new(File::create(path).with_context(|| format!("create {}", path.display()))?);
    for incident in truth {
        serde_json::to_writer(&mut file, incident).context("write truth.ndjson")?;
        file.write_all(b"\n").context("write truth.ndjson")?;
    }
    file.flush().context("write truth.ndjson")
}

/// `sources.toml` for the generated files. `last_received` settles the year of RFC 3164 lines in every later reading.
pub fn sources_toml(last: Timestamp) -> String {
    let mut text = String::from("# Written by `sekisho generate`. One [[source]] per log file.\n");
    for source in SOURCES {
        text.push_str(&format!(
            "\n[[source]]\ntenant = \"{}\"\nid = \"{}\"\nproduct = \"{}\"\nfile = \"{}\"\ntz = \"Asia/Tokyo\"\n\
             charset = \"utf-8\"\nlast_received = \"{last}\"\n",
            source.tenant,
            source.id,
            source.product,
            source.file(),
        ));
        if let Some(limit) = source.silence_after {
            text.push_str(&format!("silence_after = \"{limit}\"\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests;
