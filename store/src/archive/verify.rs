//! Whether the archive is as it was written: every object read, every record decoded, hash, chain and offsets.

use stream::Timestamp;
use stream::log::sound;

use super::{Bucket, Entry};
use crate::Result;

/// What was looked at and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Objects read.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records in them.
    pub records: u64,
    /// Offsets within objects whose records the stream itself did not have any more when they were archived.
    pub missing: u64,
    /// What is wrong, for people.
    pub faults: Vec<String>,
}

/// What the ends of a partition must be.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// What was removed before is in order when it was received before this.
    pub removed_before: Timestamp,
    /// Offset after what was archived, if that was noted.
    pub noted: Option<u64>,
}

/// Reads these consecutive objects of one partition, in order. `ends` only where they are all there are. `tell` is called with each object
/// that was read.
///
/// # Errors
/// The archive does not answer; an object that cannot be read is a fault.
pub fn verify(
    bucket: &Bucket,
    entries: &[Entry],
    ends: Option<Ends>,
    tell: &mut dyn FnMut(&Entry),
) -> Result<Verified> {
    let mut found = Verified::default();
    let mut before: Option<&Entry> = None;
    for entry in entries {
        found.objects += 1;
        found.bytes += entry.bytes;
        follow(before, entry, &mut found);
        content(bucket, before, entry, ends, &mut found);
        before = Some(entry);
        tell(entry);
    }
    let next = before.map_or(0, |entry| entry.next);
    if let Some(noted) = ends.and_then(|ends| ends.noted).filter(|noted| *noted > next && *noted > 0) {
        let partition = entries.first().map_or(String::new(), |entry| format!("raw/{}: ", entry.partition));
        found.faults.push(format!("{partition}records {next} to {noted} were archived, and their objects are missing"));
    }
    Ok(found)
}

/// Offsets go on where they ended.
fn follow(before: Option<&Entry>, entry: &Entry, found: &mut Verified) {
    let Some(before) = before.filter(|before| before.next != entry.first) else { return };
    let what = if before.next < entry.first { "objects are missing" } else { "objects overlap" };
    found.faults.push(format!(
        "{}: {what}: {} ends the one before it, {} begins it",
        entry.path(),
        before.next,
        entry.first
    ));
}

fn content(bucket: &Bucket, before: Option<&Entry>, entry: &Entry, ends: Option<Ends>, found: &mut Verified) {
    let path = entry.path();
    let bytes = match bucket.read(entry) {
        Ok(bytes) => bytes,
        Err(error) => return found.faults.push(error.to_string()),
    };
    if blake3::hash(&bytes).as_bytes() != &entry.hash {
        return found.faults.push(format!("{path}: the content was changed: it has another hash than the name"));
    }
    let inside = match sound(entry.partition, &bytes) {
        Ok(inside) => inside,
        Err(reason) => return found.faults.push(format!("{path}: {reason}")),
    };
    found.records += inside.records;
    found.missing += (entry.next - entry.first).saturating_sub(inside.records);
    let (from, to) = (inside.received.0, inside.received.1);
    if inside.first != entry.first || inside.next > entry.next || from < entry.from || to >= entry.to {
        found.faults.push(format!("{path}: the content is of other offsets or times than the name"));
    }
    match before {
        // Where objects are missing between them that is told already.
        Some(before) if before.next == entry.first && inside.before != before.hash => {
            found.faults.push(format!("{path}: it was written behind another object than {}", before.path()));
        }
        None if inside.before != [0; 32] && ends.is_some_and(|ends| entry.from >= ends.removed_before) => {
            found.faults.push(format!("{path}: it is the first, and there was one before it"));
        }
        _ => {}
    }
}
