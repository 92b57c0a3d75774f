//! A member of `process`: records of its partitions become events and matches in their topics.
//!
//! Bound: of each partition a batch, its events as JSON, and what Kafka has not acknowledged (`buffer_bytes_max`).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bumpalo::Bump;
use ingest::collect::notes::CONTROL;
use stream::log::{Ack, Batch, Group, Log, Position, Reader, Turn};
use stream::{Event, EventId, Record, RecordKind, RecordRef, Topic, Value};

use super::PROCESS;
use crate::judge::Judge;
use crate::matches::Writer;
use crate::revision::{self, Loaded, Revisions};
use crate::worker::{ARENA_BYTES_KEPT, POLL, PROGRESS_EVERY};

/// Promises that may wait for Kafka before the member waits for them.
const ACKS_MAX: usize = 512;
/// What a record of topic `events` has besides its JSON: names and their lengths.
const NAMES_BYTES: usize = 1 << 10;
/// Values are cut at so many bytes in an event that is too large for the topic.
const CUT_BYTES: usize = 4 << 10;

/// A member of the group.
pub struct Member<'a> {
    log: &'a Log,
    revisions: &'a Revisions,
    loaded: &'a Arc<Loaded>,
    group: Group,
    shares: BTreeMap<u32, Share>,
    committed_at: Instant,
}

/// A partition that is this member's.
struct Share {
    partition: u32,
    reader: Reader,
    judge: Judge,
    writer: Writer,
    next: u64,
    /// What was told and is not acknowledged yet.
    acks: VecDeque<Ack>,
    /// Whether something was told since the last commit.
    dirty: bool,
}

impl<'a> Member<'a> {
    /// Joins the group. `loaded` judges where the stream does not say by what.
    pub fn join(log: &'a Log, revisions: &'a Revisions, loaded: &'a Arc<Loaded>) -> Result<Member<'a>> {
        let group = log.join(PROCESS, Topic::Raw)?;
        Ok(Member { log, revisions, loaded, group, shares: BTreeMap::new(), committed_at: Instant::now() })
    }

    /// Works until told to stop, commits and leaves.
    pub fn run(mut self, stop: &AtomicBool) -> Result<()> {
        let mut arena = Bump::new();
        let mut idle = true;
        loop {
            for turn in self.group.poll(if idle { POLL } else { Duration::ZERO })? {
                self.turn(turn)?;
            }
            idle = true;
            for share in self.shares.values_mut() {
                if let Some(batch) = share.reader.poll(Duration::ZERO)? {
                    idle = false;
                    share.batch(&batch, self.log, self.revisions, &mut arena)?;
                }
            }
            let stopping = stop.load(Ordering::Acquire);
            if stopping || self.committed_at.elapsed() >= PROGRESS_EVERY {
                let all: Vec<u32> = self.shares.keys().copied().collect();
                self.commit(&all)?;
                self.committed_at = Instant::now();
            }
            if stopping {
                // What is left is others' work, or waits for the next start.
                return Ok(());
            }
        }
    }

    fn turn(&mut self, turn: Turn) -> Result<()> {
        match turn {
            Turn::Assigned(partitions) => {
                for partition in partitions {
                    let share = self.open(partition)?;
                    self.shares.insert(partition, share);
                }
            }
            Turn::Wanted(partitions) => {
                self.commit(&partitions)?;
                tracing::info!(?partitions, "partitions go to another worker");
                self.shares.retain(|partition, _| !partitions.contains(partition));
                self.group.give_back(&partitions)?;
            }
            Turn::Lost(partitions) => {
                tracing::warn!(?partitions, "the group has given these partitions to another worker");
                self.shares.retain(|partition, _| !partitions.contains(partition));
            }
        }
        Ok(())
    }

    fn open(&self, partition: u32) -> Result<Share> {
        let position = self.group.committed(partition)?.unwrap_or(Position { next: 0, note: String::new() });
        let loaded = if position.note.is_empty() || position.note == self.loaded.revision {
            Arc::clone(self.loaded)
        } else {
            self.revisions.get(&position.note)?
        };
        let next = position.next;
        tracing::info!(partition, next, revision = loaded.revision, "worker starts");
        Ok(Share {
            partition,
            reader: self.log.reader(Topic::Raw, partition, next)?,
            judge: Judge::new(loaded),
            writer: Writer::new(partition, next, self.log.record_bytes_max(Topic::Matches)),
            next,
            acks: VecDeque::new(),
            dirty: false,
        })
    }

    fn commit(&mut self, partitions: &[u32]) -> Result<()> {
        let mut positions = Vec::new();
        for partition in partitions {
            let Some(share) = self.shares.get_mut(partition).filter(|share| share.dirty) else { continue };
            share.settle(0)?;
            let note = share.judge.loaded().revision.clone();
            positions.push((*partition, Position { next: share.next, note }));
        }
        if self.group.commit(&positions)? {
            for (partition, _) in positions {
                if let Some(share) = self.shares.get_mut(&partition) {
                    share.dirty = false;
                }
            }
        }
        Ok(())
    }
}

impl Share {
    fn batch(&mut self, batch: &Batch, log: &Log, revisions: &Revisions, arena: &mut Bump) -> Result<()> {
        if let Some(gap) = batch.gap() {
            tracing::error!(partition = self.partition, ?gap, "records are missing from the log; see the gaps file");
        }
        let mut events = Vec::new();
        let from = self.next;
        for record in batch.iter().filter(|record| record.offset >= from) {
            match record.kind {
                RecordKind::Data => events.push(self.data(&record, log, arena)?),
                RecordKind::Tick => self.writer.tick(&record)?,
                // How far collectors have come is the listeners' business.
                RecordKind::Control if record.source == CONTROL => {}
                RecordKind::Control => self.control(&record, log, revisions)?,
            }
            if self.writer.is_full() {
                self.tell(record.offset + 1, log)?;
            }
        }
        if arena.allocated_bytes() > ARENA_BYTES_KEPT {
            *arena = Bump::new();
        }
        arena.reset();
        if !events.is_empty() {
            self.acks.push_back(log.append(Topic::Events, self.partition, events).context("tell events")?);
        }
        self.next = batch.next_offset().max(self.next);
        self.tell(self.next, log)?;
        self.dirty = true;
        self.settle(ACKS_MAX)
    }

    /// Judges a record; gives its event for the topic.
    fn data(&mut self, record: &RecordRef<'_>, log: &Log, arena: &Bump) -> Result<Record> {
        let mut event = self.judge.event(record, arena);
        self.writer.data(record, &event, self.judge.matched())?;
        self.judge.tag(record.tenant, &mut event, arena);
        let id = EventId::new(self.partition, record.offset);
        let mut raw = json(id, &event);
        if raw.len() + NAMES_BYTES > log.record_bytes_max(Topic::Events) {
            tracing::error!(event = %id, bytes = raw.len(), "an event is too large for the stream and is cut; raise message_bytes_max");
            raw = json(id, &cut(&event, arena));
        }
        let (tenant, source) = (record.tenant.into(), record.source.into());
        Ok(Record {
            kind: RecordKind::Data,
            tenant,
            source,
            peer: record.peer,
            received: record.received,
            raw: raw.into(),
        })
    }

    /// From the next record on, another revision judges.
    fn control(&mut self, record: &RecordRef<'_>, log: &Log, revisions: &Revisions) -> Result<()> {
        self.writer.control(record)?;
        // One that cannot be read is told by whoever correlates.
        let Ok(id) = revision::announced(record.raw) else { return Ok(()) };
        if id != self.judge.loaded().revision {
            // A block has one revision.
            self.tell(record.offset + 1, log)?;
            self.judge = Judge::new(revisions.get(&id)?);
        }
        Ok(())
    }

    fn tell(&mut self, next: u64, log: &Log) -> Result<()> {
        let Some(block) = self.writer.take(next, &self.judge.loaded().revision)? else { return Ok(()) };
        let record = Record {
            kind: RecordKind::Data,
            tenant: "".into(),
            source: "matches".into(),
            peer: None,
            received: jiff::Timestamp::now().into(),
            raw: block.into(),
        };
        self.acks.push_back(log.append(Topic::Matches, self.partition, vec![record]).context("tell what matched")?);
        Ok(())
    }

    /// Waits until no more than so many promises are open.
    fn settle(&mut self, open: usize) -> Result<()> {
        while self.acks.len() > open {
            if let Some(ack) = self.acks.pop_front() {
                ack.wait().context("tell what came of records")?;
            }
        }
        Ok(())
    }
}

fn json(id: EventId, event: &Event<'_>) -> Vec<u8> {
    let mut out = format!("{{\"{}\":\"{id}\"", Event::ID).into_bytes();
    if !event.is_empty() {
        out.push(b',');
    }
    let begins = out.len();
    event.write_json(&mut out);
    // Its brace is there already.
    out.remove(begins);
    out
}

/// The event with its long values cut.
fn cut<'a>(event: &Event<'a>, arena: &'a Bump) -> Event<'a> {
    let mut short = Event::new_in(arena);
    for (field, value) in event.iter() {
        let value = match value {
            Value::Str(text) => Value::Str(&text[..text.floor_char_boundary(CUT_BYTES)]),
            other => other,
        };
        short.push(field, value);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use stream::{Timestamp, fields};

    #[test]
    fn an_event_travels_as_json_with_its_id() {
        let (long, arena) = ("あ".repeat(CUT_BYTES), Bump::new());
        let mut event = Event::new_in(&arena);
        let id = EventId::new(3, 99);
        assert_eq!(json(id, &event), b"{\"_id\":\"3-99\"}");
        event.push(fields::TIMESTAMP, Value::Time(Timestamp::from_seconds(1_800_000_000)));
        event.push(fields::EVENT_ORIGINAL, Value::Str(&long));
        let raw = json(id, &event);
        let (back, name) = Event::read_json(&raw, &arena).unwrap();
        assert_eq!((name, back.get_str(fields::EVENT_ORIGINAL)), (Some("3-99"), Some(long.as_str())));
        let short = cut(&event, &arena);
        assert_eq!(short.get_str(fields::EVENT_ORIGINAL).unwrap().len(), CUT_BYTES / 3 * 3);
        assert_eq!(short.time(), event.time());
    }
}
