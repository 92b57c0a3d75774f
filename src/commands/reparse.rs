//! `sekisho reparse`: what the index holds of a time range, made anew from the raw log by the parsers, sources and ledgers
//! of now.
//!
//! Event ids are positions in the raw log, so an event keeps its id, and evidence of alerts goes on pointing at it. What
//! rules said of an event when it came stays with it; rules are not asked again (`sekisho detect --config FILE --from`
//! does that). Events whose raw record is no longer kept stay as they are. `run` must not have the folder open.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bumpalo::Bump;
use ingest::{Decoder, Sources};
use store::Store;
use stream::log::{Batch, Log, Reader};
use stream::{Event, EventId, RecordKind, RecordRef, Timestamp, Topic};

use crate::cli::Reparse;
use crate::commands::DONE;
use crate::commands::search::{holder, instant};
use crate::config::Config;

/// Makes the events of a range anew.
pub fn run(args: &Reparse) -> Result<u8> {
    let config = Config::load(&args.config)?;
    let now = Timestamp::from(jiff::Timestamp::now());
    let (from, to) = (instant(&args.from, now)?, instant(&args.to, now)?);
    ensure!(from < to, "--from is not before --to");
    if let Some(process) = holder(&config.data) {
        anyhow::bail!("process {process} has {} open; stop it first", config.data.display());
    }
    let sources = Arc::new(Sources::load(&config.sources)?);
    let tenants = crate::setup::tenants_of(&config)?;
    let log = Log::open(config.stream.clone()).context("open the stream")?;
    let store = Store::open(config.store.clone()).context("open the index")?;
    let mut raw = Raw { log: log.clone(), reader: None, batch: None };
    let mut decoder = Decoder::new(sources);
    let mut failed = None;
    let mut parsed = (0u64, 0u64);
    let done = store.rewrite(from, to, args.source.as_deref(), &mut |id, old, arena| {
        if failed.is_some() {
            return None;
        }
        let record = match raw.record(id, old, arena) {
            Ok(record) => record?,
            Err(error) => {
                failed = Some(error);
                return None;
            }
        };
        let mut event = decoder.decode(&record, arena);
        tenants.judge(&mut event, arena);
        let was = u64::from(old.has(stream::fields::SEKISHO_PARSE_REASON));
        let is = u64::from(event.has(stream::fields::SEKISHO_PARSE_REASON));
        parsed = (parsed.0 + was, parsed.1 + is);
        Some(event)
    })?;
    log.close();
    if let Some(error) = failed {
        return Err(error.context("the raw log cannot be read; what could not be made anew stayed as it was"));
    }
    eprintln!(
        "{} events of {} splits made anew; {} stayed as they are because their raw record is no longer kept",
        done.renewed,
        done.splits,
        done.wanted - done.renewed
    );
    eprintln!("not parsed: {} before, {} now", parsed.0, parsed.1);
    Ok(DONE)
}

/// The raw log, read where events ask for it; they ask in order.
struct Raw {
    log: Log,
    reader: Option<(u32, Reader)>,
    batch: Option<Batch>,
}

impl Raw {
    /// The record of an event; none when the log no longer has it, or has another one there.
    fn record<'a>(&mut self, id: EventId, old: &Event<'a>, arena: &'a Bump) -> Result<Option<RecordRef<'a>>> {
        let (start, end) =
            (self.log.start_offset(Topic::Raw, id.partition), self.log.end_offset(Topic::Raw, id.partition));
        if id.sub > 0 || id.offset < start || id.offset >= end {
            return Ok(None);
        }
        let has = |batch: &Batch| {
            batch.partition() == id.partition && (batch.base_offset()..batch.next_offset()).contains(&id.offset)
        };
        if !self.batch.as_ref().is_some_and(has) {
            self.read(id)?;
        }
        let Some(batch) = self.batch.as_ref().filter(|batch| has(batch)) else { return Ok(None) };
        let found = batch.iter().find(|record| record.offset == id.offset && record.kind == RecordKind::Data);
        let text = |field| old.get_str(field).unwrap_or("");
        let same = |record: &RecordRef<'_>| {
            record.tenant == text(stream::fields::SEKISHO_TENANT)
                && record.source == text(stream::fields::SEKISHO_SOURCE_ID)
        };
        Ok(found.filter(same).map(|record| RecordRef {
            tenant: arena.alloc_str(record.tenant),
            source: arena.alloc_str(record.source),
            raw: arena.alloc_slice_copy(record.raw),
            offset: record.offset,
            kind: record.kind,
            peer: record.peer,
            received: record.received,
        }))
    }

    /// Reads the batch that has the record, if it can be read at all.
    fn read(&mut self, id: EventId) -> Result<()> {
        if self.reader.as_ref().is_none_or(|(partition, _)| *partition != id.partition) {
            self.reader = Some((id.partition, self.log.reader(Topic::Raw, id.partition, id.offset)?));
        }
        let Some((_, reader)) = &mut self.reader else { return Ok(()) };
        if reader.offset() != id.offset {
            reader.seek(id.offset);
        }
        self.batch = reader.poll(Duration::ZERO)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
