//! What stage 1 tells stage 2, where the stream has several raw partitions: blocks in topic `matches`.
//!
//! A block holds one entry for every record of a stretch of one raw partition, in order: what matched rules with its line,
//! its fields and its matches, the rest with no more than whose it is and when. Detection in order needs nothing else, so
//! stage 2 does with them exactly what a single worker would have done with the records.
//!
//! Exactly once: stretches of a partition follow each other without a break, and the producer leaves none out. A worker
//! that starts again may repeat some; whoever reads knows how far it has come in each partition and passes over the rest.
//!
//! Format, in postcard: [`Head`], then entries up to the end. Tenants and sources are numbers into the head's names.
//! Bounds: a block is given after [`BYTES`] or [`ENTRIES`]; an entry larger than the log takes is told as one that matched
//! nothing, which is logged.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use stream::{Event, RecordRef, Timestamp, fields};

const VERSION: u8 = 1;
/// Bytes of entries after which a block is given.
const BYTES: usize = 256 << 10;
/// Entries after which a block is given.
const ENTRIES: usize = 16_384;

/// What a block is about.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Head<'a> {
    version: u8,
    /// The raw partition.
    pub partition: u32,
    /// First offset that the block speaks of.
    pub from: u64,
    /// Offset after the last.
    pub to: u64,
    /// By which the records were matched.
    #[serde(borrow)]
    pub revision: &'a str,
    names: Vec<&'a str>,
}

/// One raw record, relative to the one before it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Entry<'a> {
    Quiet { offset: u64, received: i64, tenant: u32, source: u32, time: Option<i64> },
    Matched { offset: u64, received: i64, tenant: u32, source: u32, raw: &'a [u8], event: &'a [u8], matched: Vec<u32> },
    Tick { offset: u64, received: i64 },
    Control { offset: u64, received: i64, raw: &'a [u8] },
}

/// What a record came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Told<'a> {
    /// It matched nothing. None: it had no time of its own.
    Quiet(Option<Timestamp>),
    /// It matched these rules of the block's revision, ascending.
    Matched {
        /// Its line.
        raw: &'a [u8],
        /// Its fields, as [`Event::encode`] writes them.
        event: &'a [u8],
        /// Rules by index.
        matched: Vec<u32>,
    },
    /// The clock.
    Tick,
    /// Another revision judges from here on.
    Control(&'a [u8]),
}

/// A record, and what it came to.
#[derive(Debug, PartialEq)]
pub struct Line<'a> {
    /// Offset in the raw partition.
    pub offset: u64,
    /// When it was received.
    pub received: Timestamp,
    /// Tenant; empty for ticks and control records.
    pub tenant: &'a str,
    /// Source.
    pub source: &'a str,
    /// What it came to.
    pub told: Told<'a>,
}

/// Collects entries into blocks.
pub struct Writer {
    partition: u32,
    from: u64,
    to: u64,
    received: i64,
    names: Vec<Box<str>>,
    by_name: HashMap<Box<str>, u32>,
    entries: Vec<u8>,
    count: usize,
    event: Vec<u8>,
    bytes_max: usize,
}

impl Writer {
    /// For a partition, whose next record is at `from`, and a log that takes records of `bytes_max`.
    pub fn new(partition: u32, from: u64, bytes_max: usize) -> Writer {
        Writer {
            partition,
            from,
            to: from,
            received: 0,
            names: Vec::new(),
            by_name: HashMap::new(),
            entries: Vec::new(),
            count: 0,
            event: Vec::new(),
            // Head and names, of which a block of many entries has the most, stay well below the rest.
            bytes_max: bytes_max.saturating_sub(4 * BYTES),
        }
    }

    /// Whether it is time to [take](Writer::take) the block.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= BYTES || self.count >= ENTRIES
    }

    /// A record with its event and the rules that it matched.
    ///
    /// # Errors
    /// It cannot be written down; a defect.
    pub fn data(&mut self, record: &RecordRef<'_>, event: &Event<'_>, matched: &[u32]) -> Result<()> {
        let (tenant, source) = (self.name(record.tenant), self.name(record.source));
        let (offset, received) = self.step(record);
        if !matched.is_empty() {
            self.event.clear();
            event.encode(std::str::from_utf8(record.raw).unwrap_or(""), &mut self.event);
            if record.raw.len() + self.event.len() <= self.bytes_max {
                let encoded = std::mem::take(&mut self.event);
                let (raw, matched) = (record.raw, matched.to_vec());
                let entry = Entry::Matched { offset, received, tenant, source, raw, event: &encoded, matched };
                let pushed = self.push(&entry);
                self.event = encoded;
                return pushed;
            }
            tracing::error!(
                partition = self.partition,
                offset = record.offset,
                bytes = record.raw.len() + self.event.len(),
                bytes_max = self.bytes_max,
                "an event that matched rules is too large for the stream and is not correlated; raise message_bytes_max"
            );
        }
        let own_time = !event.has(fields::SEKISHO_PARSE_REASON);
        let time = own_time.then(|| event.time().0.wrapping_sub(record.received.0));
        self.push(&Entry::Quiet { offset, received, tenant, source, time })
    }

    /// A tick record.
    ///
    /// # Errors
    /// As [`Writer::data`].
    pub fn tick(&mut self, record: &RecordRef<'_>) -> Result<()> {
        let (offset, received) = self.step(record);
        self.push(&Entry::Tick { offset, received })
    }

    /// A control record.
    ///
    /// # Errors
    /// As [`Writer::data`].
    pub fn control(&mut self, record: &RecordRef<'_>) -> Result<()> {
        let (offset, received) = self.step(record);
        self.push(&Entry::Control { offset, received, raw: record.raw })
    }

    /// Ends the block before `next`; gives its bytes, nothing when it would speak of no offset.
    ///
    /// # Errors
    /// As [`Writer::data`].
    pub fn take(&mut self, next: u64, revision: &str) -> Result<Option<Vec<u8>>> {
        self.to = self.to.max(next);
        if self.to == self.from {
            return Ok(None);
        }
        let names = self.names.iter().map(|name| &**name).collect();
        let head = Head { version: VERSION, partition: self.partition, from: self.from, to: self.to, revision, names };
        let mut block = postcard::to_extend(&head, Vec::with_capacity(self.entries.len() + 256))?;
        block.append(&mut self.entries);
        (self.from, self.received, self.count) = (self.to, 0, 0);
        self.names.clear();
        self.by_name.clear();
        Ok(Some(block))
    }

    fn step(&mut self, record: &RecordRef<'_>) -> (u64, i64) {
        let offset = record.offset - self.to;
        let received = record.received.0.wrapping_sub(self.received);
        (self.to, self.received) = (record.offset + 1, record.received.0);
        (offset, received)
    }

    fn push(&mut self, entry: &Entry<'_>) -> Result<()> {
        self.entries = postcard::to_extend(entry, std::mem::take(&mut self.entries))?;
        self.count += 1;
        Ok(())
    }

    fn name(&mut self, name: &str) -> u32 {
        if let Some(index) = self.by_name.get(name) {
            return *index;
        }
        let index = self.names.len() as u32;
        self.names.push(name.into());
        self.by_name.insert(name.into(), index);
        index
    }
}

/// Where the reading of a block stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Bytes of entries that were read.
    read: usize,
    /// Offset of the next entry, were nothing left out; relative to the block's first.
    next: u64,
    clock: i64,
}

/// What a reader of a block wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next record.
    More,
    /// To have this record again when it comes back.
    Stop,
}

/// Reads a block on from the cursor and calls `each` for every record, until it says stop. Gives the head, and whether the
/// block was read to its end.
///
/// # Errors
/// The bytes are not a block of this version, or `each` failed.
pub fn read<'a>(
    block: &'a [u8],
    cursor: &mut Cursor,
    mut each: impl FnMut(&Head<'a>, &Line<'a>) -> Result<Next>,
) -> Result<(Head<'a>, bool)> {
    let (head, entries) = postcard::take_from_bytes::<Head<'a>>(block).context("read a block of matches")?;
    ensure!(head.version == VERSION, "a block of matches of version {}, this sekisho knows {VERSION}", head.version);
    let mut rest = entries.get(cursor.read..).context("a block is shorter than what was read of it")?;
    while !rest.is_empty() {
        let (entry, behind) = postcard::take_from_bytes::<Entry<'a>>(rest).context("read an entry of a block")?;
        let mut after = Cursor { read: entries.len() - behind.len(), ..*cursor };
        let line = line(&head, entry, &mut after)?;
        if each(&head, &line)? == Next::Stop {
            return Ok((head, false));
        }
        (rest, *cursor) = (behind, after);
    }
    Ok((head, true))
}

fn line<'a>(head: &Head<'a>, entry: Entry<'a>, cursor: &mut Cursor) -> Result<Line<'a>> {
    let name = |index: u32| head.names.get(index as usize).copied().context("a name that the block does not have");
    let (step, since, names, told) = match entry {
        Entry::Quiet { offset, received, tenant, source, time } => {
            let now = Timestamp(cursor.clock.wrapping_add(received));
            let time = time.map(|time| Timestamp(now.0.wrapping_add(time)));
            (offset, received, Some((tenant, source)), Told::Quiet(time))
        }
        Entry::Matched { offset, received, tenant, source, raw, event, matched } => {
            (offset, received, Some((tenant, source)), Told::Matched { raw, event, matched })
        }
        Entry::Tick { offset, received } => (offset, received, None, Told::Tick),
        Entry::Control { offset, received, raw } => (offset, received, None, Told::Control(raw)),
    };
    let far = || "an offset beyond all numbers";
    let offset = cursor.next.checked_add(step).with_context(far)?;
    cursor.clock = cursor.clock.wrapping_add(since);
    cursor.next = offset.checked_add(1).with_context(far)?;
    let (tenant, source) = names.map_or(Ok(("", "")), |(tenant, source)| anyhow::Ok((name(tenant)?, name(source)?)))?;
    let offset = head.from.checked_add(offset).with_context(far)?;
    Ok(Line { offset, received: Timestamp(cursor.clock), tenant, source, told })
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;
    use stream::{RecordKind, Value};

    use super::*;

    fn record<'a>(offset: u64, kind: RecordKind, source: &'a str, raw: &'a [u8]) -> RecordRef<'a> {
        let received = Timestamp(1_800_000_000_000_000_000 - offset as i64 * 7);
        RecordRef { offset, kind, tenant: "town", source, peer: None, received, raw }
    }

    #[test]
    fn a_block_tells_every_record_once() {
        let arena = Bump::new();
        let mut event = Event::new_in(&arena);
        event.push(fields::TIMESTAMP, Value::Time(Timestamp(1_799_999_999_000_000_000)));
        event.push(fields::USER_NAME, Value::Str("sato"));
        let mut timeless = Event::new_in(&arena);
        timeless.push(fields::SEKISHO_PARSE_REASON, Value::Str("no time"));

        let mut writer = Writer::new(3, 10, 16 << 20);
        assert!(writer.take(10, "a").unwrap().is_none());
        writer.data(&record(12, RecordKind::Data, "fw", b"x"), &event, &[]).unwrap();
        writer.data(&record(13, RecordKind::Data, "sshd", b"a line"), &event, &[2, 7]).unwrap();
        writer.data(&record(14, RecordKind::Data, "fw", b"y"), &timeless, &[]).unwrap();
        writer.tick(&record(15, RecordKind::Tick, "", b"")).unwrap();
        writer.control(&record(16, RecordKind::Control, "", b"{}")).unwrap();
        let block = writer.take(20, "00ff").unwrap().unwrap();
        let mut seen = Vec::new();
        // One record at a time: reading may stop before any, and goes on there.
        let mut cursor = Cursor::default();
        let (mut stops, mut at_stop) = (0, None);
        let head = loop {
            let mut fresh = true;
            let (head, whole) = read(&block, &mut cursor, |head, line| {
                assert_eq!(head.revision, "00ff");
                if !std::mem::take(&mut fresh) {
                    at_stop = Some(line.offset);
                    return Ok(Next::Stop);
                }
                assert!(at_stop.is_none_or(|offset| offset == line.offset));
                let Line { offset, received, source, told, .. } = line;
                seen.push((*offset, *source, *received, told.clone()));
                Ok(Next::More)
            })
            .unwrap();
            stops += 1;
            if whole {
                break head;
            }
        };
        assert_eq!((head.partition, head.from, head.to, stops), (3, 10, 20, 5));
        let received = |offset| record(offset, RecordKind::Data, "", b"").received;
        let Told::Matched { event: encoded, .. } = &seen[1].3 else { panic!("{seen:?}") };
        let back = Event::decode(encoded, "a line", &arena).unwrap();
        assert_eq!(back.get_str(fields::USER_NAME), Some("sato"));
        let matched = Told::Matched { raw: b"a line", event: encoded, matched: vec![2, 7] };
        let expected = [
            (12, "fw", received(12), Told::Quiet(Some(event.time()))),
            (13, "sshd", received(13), matched),
            (14, "fw", received(14), Told::Quiet(None)),
            (15, "", received(15), Told::Tick),
            (16, "", received(16), Told::Control(b"{}")),
        ];
        assert_eq!(seen, expected);

        // What has no record in it is told too: the next block follows without a break.
        let empty = writer.take(25, "00ff").unwrap().unwrap();
        let (head, whole) = read(&empty, &mut Cursor::default(), |_, _| panic!("no record")).unwrap();
        assert_eq!((head.from, head.to, whole), (20, 25, true));
        for cut in 1..block.len() {
            // Never a panic; a cut between two entries reads as a shorter block.
            drop(read(&block[..cut], &mut Cursor::default(), |_, _| Ok(Next::More)));
        }
    }

    #[test]
    fn an_event_too_large_for_the_log_is_told_as_quiet() {
        let arena = Bump::new();
        let event = Event::new_in(&arena);
        let mut writer = Writer::new(0, 0, (4 * BYTES) + 10);
        writer.data(&record(0, RecordKind::Data, "fw", b"longer than ten bytes"), &event, &[1]).unwrap();
        let block = writer.take(1, "a").unwrap().unwrap();
        read(&block, &mut Cursor::default(), |_, line| {
            assert!(matches!(line.told, Told::Quiet(_)), "{line:?}");
            Ok(Next::More)
        })
        .unwrap();
    }
}
