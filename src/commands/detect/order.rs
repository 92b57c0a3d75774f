//! The part of the work that goes by order: inputs side by side in event time, each line after the one before it.
//!
//! Suppression, correlation and silence see the records here in one order, whatever threads judged them, so the output
//! is the same bytes for any number of threads.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use anyhow::Result;
use bumpalo::Bump;
use detect::{Engine, Meta, Outcome};
use stream::{Event, EventId, RecordKind, Timestamp, Value, fields};

use super::judge::{Judged, Keep, Lane, OWN_ID, Row, put_id};
use super::sink::Sink;
use super::threads::Blocks;

/// Everything behind judging.
pub(super) struct Order<'s> {
    pub(super) blocks: Blocks<'s>,
    pub(super) lanes: Arc<[Lane]>,
    pub(super) engine: Engine,
    pub(super) sink: Sink,
    /// What was kept of events. Anything but the events themselves only where what is told rests on each event alone:
    /// nothing is kept between events then.
    pub(super) keep: Keep,
    /// Buffers of one event, kept for the next.
    pub(super) buffers: Buffers,
    /// The newest receipt of a stored record. A stored stream does not end with what is stored of it: the sources are not
    /// silent after that.
    pub(super) received: Option<Timestamp>,
}

/// See [`Order::buffers`].
#[derive(Default)]
pub(super) struct Buffers {
    rules: Vec<usize>,
    raised: Vec<(usize, u32)>,
    id: Vec<u8>,
}

/// Where a lane stands.
struct Head {
    judged: Box<Judged>,
    row: usize,
    /// Lines of the blocks before this one.
    before: u64,
    time: Timestamp,
}

impl Order<'_> {
    /// Goes through all inputs and writes what the last of them leaves.
    ///
    /// # Errors
    /// An input cannot be read or the output cannot be written.
    pub(super) fn run(mut self) -> Result<()> {
        let mut heads: Vec<Option<Head>> = Vec::new();
        let mut waiting = BinaryHeap::new();
        for lane in 0..self.lanes.len() {
            let first = self.blocks.next(lane, None)?;
            let mut head = first.map(|judged| Head { judged, row: 0, before: 0, time: Timestamp::default() });
            self.settle(lane, &mut head)?;
            waiting.extend(head.as_ref().map(|head| Reverse((head.time, lane))));
            heads.push(head);
        }
        let (mut arena, mut outcomes) = (Bump::new(), Vec::new());
        while let Some(Reverse((_, lane))) = waiting.pop() {
            let Some(head) = &mut heads[lane] else { continue };
            // The lane goes on for as long as no other is earlier.
            loop {
                self.row(lane, head, &arena, &mut outcomes)?;
                arena.reset();
                head.row += 1;
                let next = waiting.peek().map(|Reverse(next)| *next);
                if !head.stand() || next.is_some_and(|next| next < (head.time, lane)) {
                    break;
                }
            }
            self.settle(lane, &mut heads[lane])?;
            waiting.extend(heads[lane].as_ref().map(|head| Reverse((head.time, lane))));
            if arena.allocated_bytes() > 8 << 20 {
                arena = Bump::new();
            }
        }
        match self.received {
            None => self.engine.finish(&mut outcomes),
            Some(received) => self.engine.tick(received, &mut outcomes),
        }
        self.sink.outcomes(&mut outcomes);
        self.sink.finish()
    }

    /// Goes to the lane's next row, in the next block if need be.
    fn settle(&mut self, lane: usize, place: &mut Option<Head>) -> Result<()> {
        while let Some(head) = place {
            if head.stand() {
                return Ok(());
            }
            let lines = head.judged.lines() as u64;
            let Some(Head { judged, before, time, .. }) = place.take() else { return Ok(()) };
            if let Some(judged) = self.blocks.next(lane, Some(judged))? {
                *place = Some(Head { judged, row: 0, before: before + lines, time });
            }
        }
        Ok(())
    }

    fn row(&mut self, lane: usize, head: &Head, arena: &Bump, outcomes: &mut Vec<Outcome>) -> Result<()> {
        let (judged, row) = (&head.judged, &head.judged.rows[head.row]);
        if let Some(record) = judged.block.heads.get(row.at) {
            self.received = self.received.max(Some(record.received));
        }
        match row.kind {
            RecordKind::Control => return Ok(()),
            RecordKind::Tick => {
                if let Some(time) = row.time {
                    self.engine.tick(time, outcomes);
                }
                self.sink.outcomes(outcomes);
                return Ok(());
            }
            RecordKind::Data => {}
        }
        // Judging kept the lines to itself where nothing asks for them ([`Judge::lend_bytes`](super::judge::Judge)).
        let raw = if self.keep == Keep::Event { &judged.block.bytes[row.raw.clone()] } else { &[] };
        let number = head.before + row.at as u64;
        let of_lane = &self.lanes[lane];
        let meta = match judged.block.heads.get(row.at) {
            None => Meta {
                id: EventId::new(lane as u32, number),
                tenant: &of_lane.tenant,
                source: &of_lane.source,
                received: of_lane.told,
                raw,
            },
            Some(record) => Meta {
                id: EventId::new(lane as u32, record.offset),
                tenant: &record.tenant,
                source: &record.source,
                received: record.received,
                raw,
            },
        };
        let matched = judged.matched(head.row);
        if self.keep != Keep::Event {
            if matched.is_empty() {
                return Ok(());
            }
            return self.buffers.tell(&mut self.engine, &mut self.sink, self.keep, &meta, number + 1, head);
        }
        if matched.is_empty() {
            let mut event = unmatched(row, head.time, arena);
            self.engine.observe_matched(&meta, &mut event, matched, outcomes);
        } else {
            let mut event = judged.event(head.row, arena)?;
            self.engine.observe_matched(&meta, &mut event, matched, outcomes);
            if self.sink.writes_matches() {
                let id = &mut self.buffers.id;
                id.clear();
                put_id(&event, fields::lookup(OWN_ID), id)?;
                self.sink.matches(&meta, number + 1, event.time(), id, self.engine.matches())?;
            }
        }
        self.sink.outcomes(outcomes);
        Ok(())
    }
}

impl Buffers {
    /// Tells of a row that matched something, where no rule asks what came before.
    fn tell(
        &mut self,
        engine: &mut Engine,
        sink: &mut Sink,
        keep: Keep,
        meta: &Meta<'_>,
        line: u64,
        head: &Head,
    ) -> Result<()> {
        let (judged, matched) = (&head.judged, head.judged.matched(head.row));
        if keep == Keep::Words {
            self.raised.clear();
            engine.plain_alerts(meta.tenant, matched, |at, rule| self.raised.push((at, rule)));
            sink.raised(meta.id, &judged.said, judged.said_at(head.row), &self.raised);
            return Ok(());
        }
        self.rules.clear();
        engine.plain_matches(meta.tenant, matched, &mut self.rules);
        sink.matches(meta, line, judged.rows[head.row].told, judged.kept(head.row), &self.rules)
    }
}

impl Head {
    /// Learns the time of the row it stands at; false behind the last row of the block.
    fn stand(&mut self) -> bool {
        let Some(row) = self.judged.rows.get(self.row) else { return false };
        // A line without a time of its own stays where it stands among its neighbours.
        self.time = row.time.unwrap_or(self.time);
        true
    }
}

/// What the engine needs to know of an event that matches nothing.
fn unmatched<'a>(row: &Row, time: Timestamp, arena: &'a Bump) -> Event<'a> {
    let mut event = Event::new_in(arena);
    event.push(fields::TIMESTAMP, Value::Time(row.time.unwrap_or(time)));
    if row.time.is_none() {
        event.push(fields::SEKISHO_PARSE_REASON, Value::Str("no time of its own"));
    }
    event
}
