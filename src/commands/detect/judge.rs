//! The part of the work that needs no order: a block's records are read, judged by zones and flows, and matched.
//!
//! Of what matched something, that is kept which the ordered part needs ([`Keep`]): the event in the stream's compact
//! form, so that it need not be parsed again, or, where no rule asks what came before, only what is written of it.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;
use bumpalo::Bump;
use detect::{Matcher, Meta, RuleSet, Said, Tenants};
use ingest::json::Ndjson;
use ingest::{Decoder, SourceConfig, Sources};
use stream::{Event, EventId, FieldId, RecordKind, RecordRef, Timestamp, Value, fields};

use super::block::{Block, line_end};

/// An arena that grew past this is given back instead of kept.
const ARENA_BYTES_KEPT: usize = 8 << 20;

/// What the records of one input are.
pub(super) struct Lane {
    pub(super) tenant: String,
    pub(super) source: String,
    /// When lines were received that do not tell.
    pub(super) received: Timestamp,
    /// When the last of them was received, where somebody said so: the time of a file is only that of the file.
    pub(super) told: Timestamp,
    pub(super) form: Form,
}

/// How an input's records become events.
pub(super) enum Form {
    /// JSON objects in their own names.
    Ndjson(ingest::time::Zone),
    /// Lines of this source.
    Raw(Box<SourceConfig>),
    /// Records of all sources.
    Stored(Arc<Sources>),
}

/// What is kept of an event that matched something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// The event, for rules that ask what came before.
    Event,
    /// Its own id as it is written in a match.
    Id,
    /// What its alerts say of it.
    Words,
}

enum Reading {
    Ndjson(Box<Ndjson>),
    Product(Box<Decoder>),
}

/// Judges blocks; one per thread.
pub(super) struct Judge {
    lanes: Arc<[Lane]>,
    /// By lane, made when its first block comes.
    readings: Vec<Option<Reading>>,
    /// None when there are no tenants whose zones would be asked.
    tenants: Option<Arc<Tenants>>,
    matcher: Matcher,
    rules: Arc<RuleSet>,
    keep: Keep,
    /// The bytes of the block at hand, where they are of no use to others.
    bytes: Vec<u8>,
    /// The field of an event's own id, once one was met.
    id: Option<FieldId>,
    arena: Bump,
}

/// A block with what was found in it.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) block: Block,
    pub(super) rows: Vec<Row>,
    matched: Vec<u32>,
    /// Events or their ids, one after the other.
    events: Vec<u8>,
    /// Of the rows that matched something, in their order.
    pub(super) said: Said,
}

/// One record: blank lines have none.
pub(super) struct Row {
    /// Its place among all lines of the block, blank ones too, or its place among the heads.
    pub(super) at: usize,
    pub(super) raw: Range<usize>,
    /// The event's time; none for a line without a time of its own, which stays among its neighbours.
    pub(super) time: Option<Timestamp>,
    /// The time it is told under.
    pub(super) told: Timestamp,
    pub(super) kind: RecordKind,
    /// Ends of the row's part in `matched` and `events`.
    matched_end: usize,
    events_end: usize,
    /// How many were said up to here.
    said_end: usize,
}

impl Judged {
    /// How many lines the block has, blank ones too.
    pub(super) fn lines(&self) -> usize {
        self.rows.last().map_or(0, |row| row.at + 1)
    }

    /// The rules that match the record of a row, ascending.
    pub(super) fn matched(&self, row: usize) -> &[u32] {
        let start = row.checked_sub(1).map_or(0, |before| self.rows[before].matched_end);
        &self.matched[start..self.rows[row].matched_end]
    }

    /// The event of a row that matched something, as it was judged ([`Keep::Event`]).
    pub(super) fn event<'a>(&'a self, row: usize, arena: &'a Bump) -> Result<Event<'a>> {
        let raw = &self.block.bytes[self.rows[row].raw.clone()];
        let original = std::str::from_utf8(raw).unwrap_or("");
        Ok(Event::decode_here(self.kept(row), original, arena)?)
    }

    /// The bytes kept of a row: its event, or its own id as [`put_id`] wrote it.
    pub(super) fn kept(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.rows[before].events_end);
        &self.events[start..self.rows[row].events_end]
    }

    /// The number of what a row that matched something said.
    pub(super) fn said_at(&self, row: usize) -> usize {
        self.rows[row].said_end.saturating_sub(1)
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.matched.clear();
        self.events.clear();
        self.said.clear();
    }
}

impl Judge {
    pub(super) fn new(
        lanes: Arc<[Lane]>,
        tenants: Option<Arc<Tenants>>,
        matcher: Matcher,
        rules: Arc<RuleSet>,
        keep: Keep,
    ) -> Judge {
        let readings = lanes.iter().map(|_| None).collect();
        Judge { lanes, readings, tenants, matcher, rules, keep, bytes: Vec::new(), id: None, arena: Bump::new() }
    }

    /// Gives a block the judge's own memory for bytes, and when called again takes it back: what was read there last is in
    /// the cache still, and in no other memory. Where the ordered part asks for lines they stay with their block instead.
    pub(super) fn lend_bytes(&mut self, judged: &mut Judged) {
        if self.keep != Keep::Event {
            std::mem::swap(&mut self.bytes, &mut judged.block.bytes);
        }
    }

    /// Judges the records of the block in `judged`.
    ///
    /// # Errors
    /// The lane's source is of no known product.
    pub(super) fn judge(&mut self, lane: usize, judged: &mut Judged) -> Result<()> {
        judged.clear();
        let block = std::mem::take(&mut judged.block);
        if block.heads.is_empty() {
            self.lines(lane, &block, judged)?;
        } else {
            for (at, head) in block.heads.iter().enumerate() {
                let (record, raw) = (head.record(&block.bytes), head.start..head.end);
                match head.kind {
                    RecordKind::Data => self.record(lane, &record, at, raw, judged)?,
                    kind => judged.push(at, raw, Some(head.received), head.received, kind),
                }
            }
        }
        judged.block = block;
        Ok(())
    }

    fn lines(&mut self, lane: usize, block: &Block, judged: &mut Judged) -> Result<()> {
        let lanes = Arc::clone(&self.lanes);
        let Lane { tenant, source, received, .. } = &lanes[lane];
        let (mut from, mut at) = (0, 0);
        while from < block.bytes.len() {
            let (end, next) = line_end(&block.bytes, from);
            // A blank line is no record, here as on the wire.
            if end > from {
                let record = RecordRef {
                    offset: at as u64,
                    kind: RecordKind::Data,
                    tenant,
                    source,
                    peer: None,
                    received: *received,
                    raw: &block.bytes[from..end],
                };
                self.record(lane, &record, at, from..end, judged)?;
            }
            at += 1;
            from = next;
        }
        judged.blank_tail(at);
        Ok(())
    }

    fn record(
        &mut self,
        lane: usize,
        record: &RecordRef<'_>,
        at: usize,
        raw: Range<usize>,
        judged: &mut Judged,
    ) -> Result<()> {
        let arena = &self.arena;
        let reading = match &mut self.readings[lane] {
            Some(reading) => reading,
            empty => empty.insert(Reading::new(&self.lanes[lane].form)?),
        };
        let mut event = reading.read(record, arena);
        if let Some(tenants) = &self.tenants {
            tenants.judge(&mut event, arena);
        }
        let had = judged.matched.len();
        self.matcher.matched(&event, &mut judged.matched);
        if judged.matched.len() > had {
            match self.keep {
                Keep::Event => {
                    let original = std::str::from_utf8(record.raw).unwrap_or("");
                    event.encode_here(original, &mut judged.events);
                }
                Keep::Id => {
                    self.id = self.id.or_else(|| fields::lookup(OWN_ID));
                    put_id(&event, self.id, &mut judged.events)?;
                }
                Keep::Words => {
                    let RecordRef { tenant, source, received, raw, .. } = *record;
                    let meta = Meta { id: EventId::default(), tenant, source, received, raw };
                    judged.said.add(&self.rules, &meta, &event, &judged.matched[had..]);
                }
            }
        }
        let told = event.time();
        let time = (!event.has(fields::SEKISHO_PARSE_REASON)).then_some(told);
        drop(event);
        judged.push(at, raw, time, told, RecordKind::Data);
        if self.arena.allocated_bytes() > ARENA_BYTES_KEPT {
            self.arena = Bump::new();
        }
        self.arena.reset();
        Ok(())
    }
}

impl Judged {
    fn push(&mut self, at: usize, raw: Range<usize>, time: Option<Timestamp>, told: Timestamp, kind: RecordKind) {
        let (matched_end, events_end, said_end) = (self.matched.len(), self.events.len(), self.said.len());
        self.rows.push(Row { at, raw, time, told, kind, matched_end, events_end, said_end });
    }

    /// Blank lines at the end count as lines of the block.
    fn blank_tail(&mut self, lines: usize) {
        if self.lines() < lines {
            self.push(lines - 1, 0..0, None, Timestamp::default(), RecordKind::Control);
        }
    }
}

/// The name of an event's own id.
pub(super) const OWN_ID: &str = "_id";

/// Writes the event's own id as a member of a match; nothing when it has none.
pub(super) fn put_id(event: &Event<'_>, field: Option<FieldId>, out: &mut Vec<u8>) -> Result<()> {
    if let Some(id) = field.and_then(|field| event.get(field)) {
        out.extend_from_slice(b"\"event_id\":");
        serde_json::to_writer(&mut *out, &id.text())?;
        out.push(b',');
    }
    Ok(())
}

impl Reading {
    fn new(form: &Form) -> Result<Reading> {
        Ok(match form {
            Form::Ndjson(zone) => Reading::Ndjson(Box::new(Ndjson::new(zone.clone()))),
            Form::Raw(source) => Reading::Product(Box::new(Decoder::single((**source).clone())?)),
            Form::Stored(sources) => Reading::Product(Box::new(Decoder::new(Arc::clone(sources)))),
        })
    }

    fn read<'a>(&mut self, record: &RecordRef<'a>, arena: &'a Bump) -> Event<'a> {
        match self {
            Reading::Product(decoder) => decoder.decode(record, arena),
            Reading::Ndjson(ndjson) => {
                let mut event = ndjson.read(record.raw, record.received, arena);
                if !record.tenant.is_empty() {
                    event.push(fields::SEKISHO_TENANT, Value::Str(record.tenant));
                    event.push(fields::SEKISHO_SOURCE_ID, Value::Str(record.source));
                }
                event
            }
        }
    }
}
