//! What detection raised, in topic `alerts`: how it reaches the process that serves, where roles are apart.
//!
//! A message is one JSON object: `epoch`, `changes` (an alert that may be new, one in the place of others, one that is
//! undone, more of one), and in the last message of a stretch `told`: how far in each raw partition it goes. Other systems
//! may read it, too.
//!
//! Exactly once. A stretch and its `told` are appended together, so whoever correlates next reads from the topic itself
//! what was told, and tells nothing below it. An owner begins with an epoch above all that are in the topic; what a former
//! one, that has not heard of it yet, still appends behind that is passed over by everybody, as its epoch is too low.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use store::AlertChange;
use stream::log::Log;
use stream::{Record, RecordKind, Timestamp, Topic};

/// Its only partition.
pub const PARTITION: u32 = 0;
/// Bytes of changes after which a message is full, unless the log takes less.
const BYTES: usize = 512 << 10;
/// What a message takes besides changes: epoch, and a position for each of 1,024 partitions.
const OVERHEAD_BYTES: usize = 64 << 10;

/// A message.
#[derive(Debug, Serialize, Deserialize)]
struct Message {
    epoch: u64,
    changes: Vec<AlertChange>,
    /// None: the next message goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<BTreeMap<u32, u64>>,
}

/// What was raised together.
#[derive(Debug, Default, PartialEq)]
pub struct Stretch {
    /// In the order in which detection made them.
    pub changes: Vec<AlertChange>,
    /// By raw partition: the offset after the last record that it comes from.
    pub told: BTreeMap<u32, u64>,
}

/// Puts messages together to stretches, and passes over those of former owners.
#[derive(Debug, Default)]
pub struct Collector {
    /// The highest that was seen.
    pub epoch: u64,
    changes: Vec<AlertChange>,
}

impl Collector {
    /// After messages of this epoch.
    pub fn after(epoch: u64) -> Collector {
        Collector { epoch, changes: Vec::new() }
    }

    /// Takes a message; gives what it completes.
    ///
    /// # Errors
    /// It is no such message.
    pub fn take(&mut self, raw: &[u8]) -> Result<Option<Stretch>> {
        let message: Message = serde_json::from_slice(raw).context("read what detection raised")?;
        if message.epoch < self.epoch {
            return Ok(None);
        }
        if message.epoch > self.epoch {
            // What its owner had not completed is raised again by the next.
            self.changes.clear();
            self.epoch = message.epoch;
        }
        self.changes.extend(message.changes);
        Ok(message.told.map(|told| Stretch { changes: std::mem::take(&mut self.changes), told }))
    }
}

/// The owner's end.
#[derive(Debug)]
pub struct Raiser {
    epoch: u64,
    told: BTreeMap<u32, u64>,
    /// Offset of the newest message that completes a stretch.
    at: u64,
}

impl Raiser {
    /// Begins an epoch above all that are in the topic from offset `from` on, and reads how far was told before.
    ///
    /// # Errors
    /// The log cannot be read or refuses.
    pub fn begin(log: &Log, from: u64, now: Timestamp) -> Result<Raiser> {
        let mut known = Known { told: BTreeMap::new(), collector: Collector::default(), next: from };
        known.read(log, log.newest_end(Topic::Alerts, PARTITION)?)?;
        let mut raiser = Raiser { epoch: known.collector.epoch + 1, told: known.told.clone(), at: from };
        raiser.append(log, Vec::new(), Some(known.told.clone()), now)?;
        // What the former owner told before that counts; what it tells from here on does not.
        known.read(log, raiser.at)?;
        raiser.told = known.told;
        Ok(raiser)
    }

    /// How far was told, by raw partition.
    pub fn told(&self) -> &BTreeMap<u32, u64> {
        &self.told
    }

    /// Whoever comes next may begin to read here.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Tells what was raised, up to these positions, and waits until it is durable.
    ///
    /// # Errors
    /// The log refused.
    pub fn raise(
        &mut self,
        log: &Log,
        told: &BTreeMap<u32, u64>,
        changes: &[AlertChange],
        now: Timestamp,
    ) -> Result<()> {
        let bytes_max = log.record_bytes_max(Topic::Alerts).saturating_sub(OVERHEAD_BYTES);
        let (mut part, mut bytes) = (Vec::new(), 0);
        for change in changes {
            let mut change = change.clone();
            let mut size = serde_json::to_vec(&change)?.len();
            if size > bytes_max {
                leave_out_lines(&mut change);
                size = serde_json::to_vec(&change)?.len();
            }
            if bytes + size > BYTES.min(bytes_max) && !part.is_empty() {
                self.append(log, std::mem::take(&mut part), None, now)?;
                bytes = 0;
            }
            part.push(change);
            bytes += size;
        }
        self.append(log, part, Some(told.clone()), now)?;
        self.told.clone_from(told);
        Ok(())
    }

    fn append(
        &mut self,
        log: &Log,
        changes: Vec<AlertChange>,
        told: Option<BTreeMap<u32, u64>>,
        now: Timestamp,
    ) -> Result<()> {
        let completes = told.is_some();
        let raw = serde_json::to_vec(&Message { epoch: self.epoch, changes, told })?;
        let record = Record {
            kind: RecordKind::Data,
            tenant: "".into(),
            source: "alerts".into(),
            peer: None,
            received: now,
            raw: raw.into(),
        };
        let at = log.append(Topic::Alerts, PARTITION, vec![record])?.wait().context("tell what was raised")?;
        if completes {
            self.at = at;
        }
        Ok(())
    }
}

/// What the topic says.
struct Known {
    told: BTreeMap<u32, u64>,
    collector: Collector,
    next: u64,
}

impl Known {
    fn read(&mut self, log: &Log, end: u64) -> Result<()> {
        let mut reader = log.reader(Topic::Alerts, PARTITION, self.next)?;
        while let Some(batch) = reader.next_below(end)? {
            for record in batch.iter().filter(|record| record.offset >= self.next && record.offset < end) {
                match self.collector.take(record.raw) {
                    Ok(Some(stretch)) => {
                        for (partition, told) in stretch.told {
                            let known = self.told.entry(partition).or_insert(0);
                            *known = told.max(*known);
                        }
                    }
                    Ok(None) => {}
                    Err(error) => {
                        let (offset, error) = (record.offset, format!("{error:#}"));
                        tracing::error!(offset, error, "a message in topic alerts is passed over");
                    }
                }
            }
            self.next = batch.next_offset().min(end);
        }
        Ok(())
    }
}

/// An alert whose lines the log cannot take keeps the ids of its events.
fn leave_out_lines(change: &mut AlertChange) {
    let (id, lines) = match change {
        AlertChange::Alert(alert) | AlertChange::Replaced { alert, .. } => (&alert.id, &mut alert.evidence),
        AlertChange::Evidence { alert_id, evidence, .. } => (&*alert_id, evidence),
        AlertChange::Withdrawn { .. } => return,
    };
    tracing::error!(alert = id, lines = lines.len(), "an alert is too large for the stream: its lines are left out");
    lines.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use stream::log::LogConfig;

    fn withdrawn(id: &str) -> AlertChange {
        AlertChange::Withdrawn { alert_id: id.to_owned() }
    }

    #[test]
    fn a_former_owner_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(LogConfig::in_dir(dir.path())).unwrap();
        let at = |offset: u64| BTreeMap::from([(0, offset)]);
        let now = Timestamp::from_seconds(1_800_000_000);
        let mut first = Raiser::begin(&log, 0, now).unwrap();
        assert!(first.told().is_empty());
        first.raise(&log, &at(10), &[withdrawn("a")], now).unwrap();
        first.append(&log, vec![withdrawn("half")], None, now).unwrap();
        let mut second = Raiser::begin(&log, first.position(), now).unwrap();
        assert_eq!(second.told(), &at(10));
        let third = Raiser::begin(&log, 0, now).unwrap();
        assert_eq!(third.told(), &at(10));
        second.raise(&log, &at(11), &[], now).unwrap();
        first.raise(&log, &at(20), &[withdrawn("b")], now).unwrap();

        let mut collector = Collector::default();
        let mut stretches = Vec::new();
        let mut reader = log.reader(Topic::Alerts, PARTITION, 0).unwrap();
        while let Some(batch) = reader.next_below(log.end_offset(Topic::Alerts, PARTITION)).unwrap() {
            stretches.extend(batch.iter().filter_map(|record| collector.take(record.raw).unwrap()));
        }
        let told: Vec<_> = stretches.iter().map(|one| (one.changes.len(), one.told.get(&0).copied())).collect();
        assert_eq!(
            told,
            [(0, None), (1, Some(10)), (0, Some(10)), (0, Some(10))],
            "neither the half nor what came too late"
        );
    }

    #[test]
    fn every_change_comes_back() {
        let change = withdrawn("x");
        let mut collector = Collector::default();
        let message = Message { epoch: 3, changes: vec![change.clone()], told: Some(BTreeMap::from([(7, 9)])) };
        let stretch = collector.take(&serde_json::to_vec(&message).unwrap()).unwrap().unwrap();
        assert_eq!(stretch, Stretch { changes: vec![change], told: BTreeMap::from([(7, 9)]) });
        assert!(collector.take(b"{}").is_err());
    }
}
