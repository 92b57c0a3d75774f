//! Silence of a source (use case H01): a source that sent nothing for longer than its limit.
//!
//! Judged three ways, all of which give the same alert, because its id rests on the fingerprint of the last event
//! before the silence: by the gap that the source's own next event shows, by a tick of the clock, and at the end of an
//! offline input by the newest event of the tenant's other sources. The alert's time is that last event's time plus the
//! limit. Only sources with a limit are judged: their own (`silence_after`), or that of the rule.
//! Bound: [`SOURCES_MAX`] sources; events of more are not watched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stream::{EventId, Timestamp};

use crate::by_source::{BySource, Hint};
use crate::engine::clock;

/// The most sources watched by one rule.
pub(crate) const SOURCES_MAX: usize = 100_000;

/// Ticks further apart than this, in nanoseconds, mean that nobody was listening in between.
const TICK_GAP_MAX: i64 = 60 * stream::NANOS_PER_SECOND;

/// The last sign of life of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Life {
    /// Event time of the newest event.
    pub(crate) last: Timestamp,
    pub(crate) id: EventId,
    /// Its bytes, from which the fingerprint is made when it is needed.
    pub(crate) raw: Vec<u8>,
    /// Its text, where the bytes are not UTF-8.
    text: String,
    /// When something was last received.
    received: Timestamp,
    /// Whether the silence after `last` was raised already.
    raised: bool,
}

/// A source found silent.
#[derive(Debug, PartialEq)]
pub(crate) struct Silent {
    pub(crate) tenant: String,
    pub(crate) source: String,
    /// When the limit was passed.
    pub(crate) time: Timestamp,
    pub(crate) life: Life,
}

/// The sources that one absence rule watches, by tenant and source.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Watch {
    lives: BySource<Life>,
    count: usize,
    /// The clock at the last tick. After a gap in the ticks (sekisho itself was down, or only importing) nobody was
    /// listening, so sources are given their whole limit again.
    ticked: Option<Timestamp>,
}

/// What an event tells about its source.
pub(crate) struct Sign<'e> {
    pub(crate) tenant: &'e str,
    pub(crate) source: &'e str,
    /// Event time, as far as it is believed.
    pub(crate) time: Timestamp,
    pub(crate) received: Timestamp,
    pub(crate) id: EventId,
    pub(crate) raw: &'e [u8],
    /// The decoded text of `raw`.
    pub(crate) text: Option<&'e str>,
}

impl Watch {
    /// Takes a sign of life; gives the silence before it, when it was too long and not raised yet.
    pub(crate) fn sign(&mut self, sign: &Sign<'_>, limit: i64, hint: &Hint) -> Option<Silent> {
        let Some(life) = self.lives.get_mut(sign.tenant, sign.source, hint) else {
            if self.count < SOURCES_MAX && clock::may_begin(sign.time, sign.received) {
                self.count += 1;
                let mut life = Life {
                    last: sign.time,
                    id: sign.id,
                    raw: Vec::new(),
                    text: String::new(),
                    received: sign.received,
                    raised: false,
                };
                life.renew(sign);
                self.lives.insert(sign.tenant, sign.source, life);
            }
            return None;
        };
        life.received = life.received.max(sign.received);
        if (sign.time, sign.raw) <= (life.last, &life.raw) {
            return None;
        }
        let late = sign.time.since(life.last) > limit && !life.raised;
        let silent = late.then(|| life.clone().silent(sign.tenant, sign.source, limit));
        life.renew(sign);
        silent
    }

    /// Takes the clock: every source whose last receipt is longer ago than its limit.
    pub(crate) fn tick(&mut self, now: Timestamp, limit_of: impl Fn(&str, &str) -> Option<i64>) -> Vec<Silent> {
        let listening = self.ticked.is_some_and(|ticked| now.since(ticked) <= TICK_GAP_MAX);
        self.ticked = Some(now);
        if !listening {
            self.lives.each_mut(|_, _, life| life.received = life.received.max(now));
        }
        self.overdue(limit_of, |_, life| now.since(life.received))
    }

    /// The input ends: every source whose last event is longer before the newest of the tenant's others than its limit.
    pub(crate) fn finish(
        &mut self,
        newest: &BTreeMap<String, Timestamp>,
        limit_of: impl Fn(&str, &str) -> Option<i64>,
    ) -> Vec<Silent> {
        self.overdue(limit_of, |tenant, life| newest.get(tenant).map_or(0, |newest| newest.since(life.last)))
    }

    fn overdue(
        &mut self,
        limit_of: impl Fn(&str, &str) -> Option<i64>,
        silence: impl Fn(&str, &Life) -> i64,
    ) -> Vec<Silent> {
        let mut found = Vec::new();
        self.lives.each_mut(|tenant, source, life| {
            let Some(limit) = limit_of(tenant, source) else { return };
            if !life.raised && silence(tenant, life) > limit {
                life.raised = true;
                found.push(life.clone().silent(tenant, source, limit));
            }
        });
        found
    }
}

impl Life {
    /// Takes over the event, into the buffers it has.
    fn renew(&mut self, sign: &Sign<'_>) {
        (self.last, self.id, self.raised) = (sign.time, sign.id, false);
        self.raw.clear();
        self.raw.extend_from_slice(sign.raw);
        self.text.clear();
        if let Some(text) = sign.text
            && text.as_bytes() != sign.raw
        {
            self.text.push_str(text);
        }
    }

    /// The line as text.
    pub(crate) fn line(&self) -> String {
        if self.text.is_empty() { String::from_utf8_lossy(&self.raw).into_owned() } else { self.text.clone() }
    }

    fn silent(self, tenant: &str, source: &str, limit: i64) -> Silent {
        Silent { tenant: tenant.to_owned(), source: source.to_owned(), time: self.last.plus_nanos(limit), life: self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: i64 = 900 * stream::NANOS_PER_SECOND;

    fn sign(seconds: i64) -> Sign<'static> {
        Sign {
            tenant: "t",
            source: "fw",
            time: Timestamp::from_seconds(seconds),
            received: Timestamp::from_seconds(seconds + 1),
            id: EventId::new(0, seconds as u64),
            raw: b"x",
            text: Some("x"),
        }
    }

    #[test]
    fn the_same_silence_however_it_is_found() {
        let limit = |_: &str, _: &str| Some(LIMIT);
        let mut watch = Watch::default();
        assert_eq!(watch.sign(&sign(0), LIMIT, &Hint::default()), None);
        assert_eq!(watch.sign(&sign(100), LIMIT, &Hint::default()), None);
        let (mut by_tick, mut by_end, mut by_gap) = (watch.clone(), watch.clone(), watch);
        for second in (101..=1001).step_by(60) {
            assert!(by_tick.tick(Timestamp::from_seconds(second), limit).is_empty());
        }
        let tick = by_tick.tick(Timestamp::from_seconds(1002), limit);
        assert_eq!(tick.len(), 1);
        assert!(by_tick.tick(Timestamp::from_seconds(9000), limit).is_empty(), "raised once");
        assert_eq!(by_tick.sign(&sign(5000), LIMIT, &Hint::default()), None, "raised already by the tick");
        let newest = BTreeMap::from([("t".to_owned(), Timestamp::from_seconds(1001))]);
        assert_eq!(by_end.finish(&newest, limit)[0].time, tick[0].time);
        let gap = by_gap.sign(&sign(1001), LIMIT, &Hint::default()).unwrap();
        assert_eq!((gap.time, gap.life.id), (tick[0].time, tick[0].life.id));
        assert_eq!(gap.time, Timestamp::from_seconds(1000));
    }

    #[test]
    fn when_nobody_was_listening_nobody_was_silent() {
        let limit = |_: &str, _: &str| Some(LIMIT);
        let mut watch = Watch::default();
        watch.sign(&sign(0), LIMIT, &Hint::default());
        assert!(watch.tick(Timestamp::from_seconds(30), limit).is_empty());
        assert!(watch.tick(Timestamp::from_seconds(90_000), limit).is_empty(), "down for a day");
        let ticks = (90_060..92_000).step_by(60);
        let found: usize = ticks.map(|second| watch.tick(Timestamp::from_seconds(second), limit).len()).sum();
        assert_eq!(found, 1, "and still silent a limit later");
    }

    #[test]
    fn a_line_of_1970_begins_nothing() {
        let mut watch = Watch::default();
        let first =
            Sign { time: Timestamp::from_seconds(1), received: Timestamp::from_seconds(1_800_000_000), ..sign(1) };
        assert_eq!(watch.sign(&first, LIMIT, &Hint::default()), None);
        assert_eq!(
            watch.sign(&sign(1_800_000_001), LIMIT, &Hint::default()),
            None,
            "the first line that can be believed"
        );
        assert_eq!(
            watch.sign(&sign(1_800_002_001), LIMIT, &Hint::default()).map(|silent| silent.life.last.seconds()),
            Some(1_800_000_001)
        );
    }

    #[test]
    fn late_events_and_sources_without_a_limit_say_nothing() {
        let mut watch = Watch::default();
        watch.sign(&sign(5000), LIMIT, &Hint::default());
        assert_eq!(watch.sign(&sign(10), LIMIT, &Hint::default()), None);
        assert_eq!(watch.sign(&sign(5100), LIMIT, &Hint::default()), None);
        assert!(watch.tick(Timestamp::MAX, |_, _| None).is_empty());
    }
}
