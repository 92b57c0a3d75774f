//! Events about collectors, written by the centre into the stream under the collector's own source, and what a restart
//! learns from them.
//!
//! | `event.action` | When |
//! |---|---|
//! | `collector-started` | the first spool of a collector spoke |
//! | `collector-replaced` | another spool speaks: what the one before held beyond `collector.next` is not known |
//! | `collector-returned` | a spool speaks again that another one had replaced |
//! | `collector-gap` | numbers `from` to `to` (excluded) did not come |
//! | `collector-gap-closed` | all of them have come since |
//! | `collector-interrupted` | nothing was heard of it for as long as it may be silent |
//! | `collector-resumed` | it is back, and everything that waited in its spool is in |
//! | `collector-status` | a sign of life, once a minute |
//! | `collector-refused` | it brought something that was not taken, and why |
//!
//! Notes of gaps carry no time of their own: the same gap told twice, because of a crash, is the same line and raises
//! one alert.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use stream::{Record, RecordKind, Timestamp, fields};

use super::wire::SpoolId;

/// What the source's id of a collector starts with.
pub const SOURCE_PREFIX: &str = "collector-";
/// The source of control records about collectors; they belong to no tenant.
pub const CONTROL: &str = "collector";

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The first spool.
    Started {
        /// The spool.
        spool: SpoolId,
        /// Its first number.
        base: u64,
    },
    /// Another spool.
    Replaced {
        /// The new one.
        spool: SpoolId,
        /// Its first number.
        base: u64,
        /// The one before.
        before: SpoolId,
        /// The number that was expected of it.
        next: u64,
    },
    /// A spool that had been replaced.
    Returned {
        /// The spool.
        spool: SpoolId,
        /// The number that is expected of it.
        next: u64,
    },
    /// Numbers that did not come.
    Gap {
        /// The spool.
        spool: SpoolId,
        /// The numbers.
        numbers: Range<u64>,
        /// Why, as far as anybody knows.
        reason: String,
    },
    /// All numbers of a gap have come.
    GapClosed {
        /// The spool.
        spool: SpoolId,
        /// The numbers.
        numbers: Range<u64>,
    },
    /// Nothing was heard of it.
    Interrupted {
        /// The number expected next.
        next: u64,
        /// For how long, in seconds.
        silent_seconds: u64,
    },
    /// It is back and has caught up.
    Resumed {
        /// The number that was expected when it fell silent.
        from: u64,
        /// The number expected next.
        to: u64,
    },
    /// A sign of life.
    Status {
        /// The spool.
        spool: SpoolId,
        /// The number expected next.
        next: u64,
        /// The one after the spool's last.
        end: u64,
        /// Bytes that the spool holds.
        held_bytes: u64,
    },
    /// Something was not taken.
    Refused {
        /// What and why.
        reason: String,
    },
}

/// A note's own part of its line.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Body {
    id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    spool: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    before: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_seconds: Option<u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

impl Note {
    fn action(&self) -> &'static str {
        match self {
            Note::Started { .. } => "collector-started",
            Note::Replaced { .. } => "collector-replaced",
            Note::Returned { .. } => "collector-returned",
            Note::Gap { .. } => "collector-gap",
            Note::GapClosed { .. } => "collector-gap-closed",
            Note::Interrupted { .. } => "collector-interrupted",
            Note::Resumed { .. } => "collector-resumed",
            Note::Status { .. } => "collector-status",
            Note::Refused { .. } => "collector-refused",
        }
    }

    fn body(&self, id: &str) -> (Body, String) {
        let mut body = Body { id: id.to_owned(), ..Body::default() };
        let mut numbers = |from: u64, to: u64| {
            (body.from, body.to, body.records) = (Some(from), Some(to), Some(to.saturating_sub(from)));
        };
        let message = match self {
            Note::Started { spool, base } => {
                (body.spool, body.from) = (spool.to_string(), Some(*base));
                format!("collector {id} speaks for the first time")
            }
            Note::Replaced { spool, base, before, next } => {
                (body.spool, body.before) = (spool.to_string(), before.to_string());
                (body.from, body.next) = (Some(*base), Some(*next));
                format!("the spool of collector {id} was replaced; what it held from {next} on is not known")
            }
            Note::Returned { spool, next } => {
                (body.spool, body.next) = (spool.to_string(), Some(*next));
                format!("a spool of collector {id} that had been replaced is back and goes on at {next}")
            }
            Note::Gap { spool, numbers: gap, reason } => {
                numbers(gap.start, gap.end);
                (body.spool, body.reason) = (spool.to_string(), reason.clone());
                format!("records {} to {} of collector {id} are missing: {reason}", gap.start, gap.end - 1)
            }
            Note::GapClosed { spool, numbers: gap } => {
                numbers(gap.start, gap.end);
                body.spool = spool.to_string();
                format!("records {} to {} of collector {id}, which were missing, have come", gap.start, gap.end - 1)
            }
            Note::Interrupted { next, silent_seconds } => {
                (body.next, body.silent_seconds) = (Some(*next), Some(*silent_seconds));
                format!("nothing was heard of collector {id} for {silent_seconds} seconds; expected next is {next}")
            }
            Note::Resumed { from, to } => {
                numbers(*from, *to);
                format!("collector {id} is back; {} records that waited are in", to.saturating_sub(*from))
            }
            Note::Status { spool, next, end, held_bytes } => {
                (body.spool, body.next, body.held_bytes) = (spool.to_string(), Some(*next), Some(*held_bytes));
                body.waiting = Some(end.saturating_sub(*next));
                format!("collector {id} is connected; {} records wait in its spool", end.saturating_sub(*next))
            }
            Note::Refused { reason } => {
                body.reason = reason.clone();
                format!("collector {id} was refused: {reason}")
            }
        };
        (body, message)
    }

    /// The record of this note, of collector `id` of this tenant.
    pub fn record(&self, tenant: &str, id: &str, received: Timestamp) -> Record {
        let (body, message) = self.body(id);
        let line = serde_json::json!({
            fields::EVENT_KIND.name(): "event",
            fields::EVENT_MODULE.name(): "sekisho",
            fields::EVENT_ACTION.name(): self.action(),
            fields::MESSAGE.name(): message,
            "collector": body,
        });
        Record {
            kind: RecordKind::Data,
            tenant: tenant.into(),
            source: format!("{SOURCE_PREFIX}{id}").into(),
            peer: None,
            received,
            raw: line.to_string().into(),
        }
    }

    /// The collector and the note that a record of its source holds; none when it is something else.
    pub fn read(raw: &[u8]) -> Option<(String, Note)> {
        let line: serde_json::Value = serde_json::from_slice(raw).ok()?;
        let body = Body::deserialize(line.get("collector")?).ok()?;
        let spool = || body.spool.parse().ok();
        let numbers = || Some(body.from?..body.to?);
        let note = match line.get(fields::EVENT_ACTION.name())?.as_str()? {
            "collector-started" => Note::Started { spool: spool()?, base: body.from? },
            "collector-replaced" => Note::Replaced {
                spool: spool()?,
                base: body.from?,
                before: body.before.parse().ok()?,
                next: body.next?,
            },
            "collector-returned" => Note::Returned { spool: spool()?, next: body.next? },
            "collector-gap" => Note::Gap { spool: spool()?, numbers: numbers()?, reason: body.reason },
            "collector-gap-closed" => Note::GapClosed { spool: spool()?, numbers: numbers()? },
            "collector-interrupted" => {
                Note::Interrupted { next: body.next?, silent_seconds: body.silent_seconds.unwrap_or(0) }
            }
            "collector-resumed" => Note::Resumed { from: body.from?, to: body.to? },
            _ => return None,
        };
        Some((body.id, note))
    }
}

/// The collector that a record tells of; none where it is not the centre's own word about one.
pub(crate) fn collector_of(record: &Record) -> Option<String> {
    match record.kind {
        RecordKind::Control if *record.source == *CONTROL => {
            let header: Header = serde_json::from_slice(&record.raw).ok()?;
            Some(header.collector)
        }
        RecordKind::Data => record.source.strip_prefix(SOURCE_PREFIX).map(str::to_owned),
        _ => None,
    }
}

/// What a control record says of the records behind it: whose they are, and their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The collector.
    pub collector: String,
    /// Its spool.
    pub spool: String,
    /// Number of the first record behind this one.
    pub from: u64,
    /// How many of the records behind it are the collector's.
    pub records: u64,
}

impl Header {
    /// The control record.
    pub fn record(&self, received: Timestamp) -> Record {
        let raw = serde_json::to_vec(self).expect("strings and numbers become JSON");
        Record {
            kind: RecordKind::Control,
            tenant: "".into(),
            source: CONTROL.into(),
            peer: None,
            received,
            raw: raw.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_after_a_restart_is_read_back() {
        let spool = SpoolId([3; 16]);
        let notes = [
            Note::Started { spool, base: 4 },
            Note::Replaced { spool, base: 0, before: SpoolId([4; 16]), next: 9 },
            Note::Returned { spool, next: 9 },
            Note::Gap { spool, numbers: 3..7, reason: "removed".into() },
            Note::GapClosed { spool, numbers: 3..7 },
            Note::Interrupted { next: 7, silent_seconds: 60 },
            Note::Resumed { from: 7, to: 19 },
        ];
        for note in notes {
            let record = note.record("town", "lgwan-1", Timestamp::from_seconds(1_795_137_330));
            assert_eq!((&*record.tenant, &*record.source), ("town", "collector-lgwan-1"));
            assert_eq!(Note::read(&record.raw), Some(("lgwan-1".to_owned(), note)));
        }
        assert_eq!(Note::read(b"{\"collector\":{}}"), None);
        assert_eq!(Note::read(b"not json"), None);
    }
}
