//! Alerts that each rest on one event, put into words where the event is judged: the fast way to what [`Engine`] and
//! [`AlertBook`](super::AlertBook) give for a set of rules that keep nothing between events.
//!
//! What an event's alerts say of it (its line, its addresses) is written once as JSON, on the thread that judged it; ids
//! are hashed there too. The ordered part only numbers events and takes alerts of one id together. The output is the
//! same bytes as that of [`stream::Alert`] through serde.
//!
//! Memory: the written parts of every event that raised an alert, in pieces of [`PIECE_BYTES`] bytes or more; at most
//! [`Alert::EVIDENCE_MAX`] events per alert; while they are written, the lines of three times [`ALERTS_AT_ONCE`] per thread.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use stream::{Alert, Event, EventId, Timestamp, Value, alert_number, fields};

use super::alert::{ANCHOR_FIELDS, json, line_of, rule_of};
use super::text::put_text;
use super::{Engine, Meta, print_of};
use crate::hash::Map;
use crate::rules::{Compiled, RuleSet};

/// The least size of a piece of memory that written parts are kept in. They are copied there: to hand over the memory in
/// which they were written took longer, as that would be new for each block.
const PIECE_BYTES: usize = 1 << 20;

/// So many alerts are written at a time: their lines (a KB or two each) stay in the cache.
const ALERTS_AT_ONCE: usize = 64;

/// Hex digits of an alert's id.
const ID_BYTES: usize = 32;

impl Engine {
    /// Whether every alert rests on its event alone and is never added to: no rule of the set keeps anything.
    pub fn alerts_are_plain(&self) -> bool {
        self.rules.compiled.iter().all(|rule| match rule {
            Compiled::Broken => true,
            Compiled::Rule(rule) => rule.suppress.is_none() && rule.beyond.is_none() && rule.absence.is_none(),
            Compiled::Correlation(_) => false,
        })
    }

    /// Hands over which of the rules that matched an event raise alerts for this tenant, by their place in `matched`.
    pub fn plain_alerts(&mut self, tenant: &str, matched: &[u32], mut found: impl FnMut(usize, u32)) {
        let excluded = self.excluded_for(tenant);
        for (at, index) in matched.iter().enumerate() {
            let place = *index as usize;
            if self.rules.rules[place].alerts && !excluded[place] {
                found(at, *index);
            }
        }
    }
}

/// What the events of a block that matched something have to say, written by [`Said::add`].
#[derive(Debug, Default)]
pub struct Said {
    bytes: Vec<u8>,
    events: Vec<Words>,
    ids: Vec<u128>,
}

/// What one event has to say.
#[derive(Clone, Copy, Debug, Default)]
struct Words {
    time: Timestamp,
    /// Where in the bytes its parts start.
    start: usize,
    lengths: Lengths,
    /// The number of its first id.
    ids: usize,
}

/// The written parts of an event, one after the other.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths {
    /// `"tenant"` as JSON text.
    tenant: u32,
    /// `,"flow":{...}`, or nothing.
    flow: u32,
    /// One entry of `evidence`.
    evidence: u32,
    /// Every field of the anchor, each behind a comma.
    anchor: u32,
}

impl Lengths {
    fn total(self) -> usize {
        [self.tenant, self.flow, self.evidence, self.anchor].iter().map(|length| *length as usize).sum()
    }
}

impl Said {
    /// Forgets everything but the allocations.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.events.clear();
        self.ids.clear();
    }

    /// How many events were added.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Adds an event that matches these rules. Of `meta`, the id's offset may still be unknown.
    pub fn add(&mut self, rules: &RuleSet, meta: &Meta<'_>, event: &Event<'_>, matched: &[u32]) {
        let (start, ids) = (self.bytes.len(), self.ids.len());
        let out = &mut self.bytes;
        let mut from = start;
        let mut length = |out: &Vec<u8>| {
            let length = (out.len() - from) as u32;
            from = out.len();
            length
        };
        put_text(meta.tenant, out);
        let tenant = length(out);
        if let Some(verdict) = event.get_str(fields::SEKISHO_FLOW_VERDICT) {
            out.extend_from_slice(b",\"flow\":{\"verdict\":");
            put_text(verdict, out);
            out.push(b'}');
        }
        let flow = length(out);
        out.extend_from_slice(b"{\"source\":");
        put_text(meta.source, out);
        out.extend_from_slice(b",\"line\":");
        put_text(&line_of(meta, event.get_str(fields::EVENT_ORIGINAL)), out);
        out.push(b'}');
        let evidence = length(out);
        put_anchor(event, out);
        let anchor = length(out);
        let print = print_of(meta.tenant, meta.source, meta.raw, meta.id);
        for index in matched {
            let rule = &rules.rules[*index as usize].id;
            self.ids.push(alert_number(rule, meta.tenant, &BTreeMap::new(), &[print]));
        }
        let lengths = Lengths { tenant, flow, evidence, anchor };
        self.events.push(Words { time: event.time(), start, lengths, ids });
    }
}

/// Alerts by id, with the events that support them; the counterpart of [`AlertBook`](super::AlertBook).
#[derive(Clone, Debug)]
pub struct PlainBook {
    rules: Arc<RuleSet>,
    pieces: Vec<Vec<u8>>,
    alerts: Vec<Held>,
    known: Map<u128, u32>,
    /// Further events of alerts: the alert's number, and the event.
    more: Vec<(u32, EventId)>,
}

#[derive(Clone, Debug)]
struct Held {
    id: u128,
    time: Timestamp,
    event: EventId,
    rule: u32,
    /// How many events support it, as far as they are kept.
    events: u32,
    piece: u32,
    start: u32,
    lengths: Lengths,
}

impl PlainBook {
    /// A book of alerts of these rules.
    pub fn new(rules: Arc<RuleSet>) -> PlainBook {
        PlainBook { rules, pieces: Vec::new(), alerts: Vec::new(), known: Map::default(), more: Vec::new() }
    }

    /// Takes the alerts of the `at`th event that was said: `raised` names rules by their place among those that matched.
    pub fn take(&mut self, id: EventId, said: &Said, at: usize, raised: &[(usize, u32)]) {
        let words = said.events[at];
        let mut place = None;
        for (matched, rule) in raised {
            let alert_id = said.ids[words.ids + matched];
            if let Some(number) = self.known.get(&alert_id) {
                let held = &mut self.alerts[*number as usize];
                held.time = held.time.min(words.time);
                if (held.events as usize) < Alert::EVIDENCE_MAX {
                    held.events += 1;
                    self.more.push((*number, id));
                }
                continue;
            }
            let bytes = &said.bytes[words.start..words.start + words.lengths.total()];
            let (piece, start) = *place.get_or_insert_with(|| keep(&mut self.pieces, bytes));
            self.known.insert(alert_id, self.alerts.len() as u32);
            self.alerts.push(Held {
                id: alert_id,
                time: words.time,
                event: id,
                rule: *rule,
                events: 1,
                piece,
                start,
                lengths: words.lengths,
            });
        }
    }

    /// Writes the alerts whose time is `told` in the order of event time, a line each; on so many threads they are put into
    /// words.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write(mut self, told: impl Fn(Timestamp) -> bool, threads: usize, out: &mut dyn Write) -> io::Result<()> {
        let heads: Vec<Head> = self.rules.rules.iter().map(Head::new).collect::<io::Result<_>>()?;
        self.more.sort_by_key(|(alert, _)| *alert);
        let numbered = self.alerts.iter().zip(0..).filter(|(alert, _)| told(alert.time));
        let mut order: Vec<(Timestamp, u128, u32)> = numbered.map(|(alert, at)| (alert.time, alert.id, at)).collect();
        order.sort_unstable();
        let (book, heads, parts) = (&self, heads.as_slice(), || order.chunks(ALERTS_AT_ONCE));
        if threads <= 1 {
            let mut lines = Vec::new();
            return parts().try_for_each(|part| {
                lines.clear();
                book.lines(part, heads, &mut lines)?;
                out.write_all(&lines)
            });
        }
        std::thread::scope(|scope| {
            // Each thread takes every so many parts, so that the next part is always the next thread's, and gets the memory
            // of written parts back.
            let start = |number: usize| {
                let (give, take) = sync_channel(1);
                let (back, spare) = sync_channel::<Vec<u8>>(3);
                scope.spawn(move || {
                    for part in parts().skip(number).step_by(threads) {
                        let mut lines = spare.try_recv().unwrap_or_default();
                        lines.clear();
                        let written = book.lines(part, heads, &mut lines).map(|()| lines);
                        if give.send(written).is_err() {
                            return;
                        }
                    }
                });
                (take, back)
            };
            let from: Vec<_> = (0..threads).map(start).collect();
            (0..parts().len()).try_for_each(|part| {
                let (take, back) = &from[part % threads];
                let lines = take.recv().map_err(|_| io::Error::other("a thread that writes alerts ended early"))??;
                out.write_all(&lines)?;
                // None are taken back by a thread that has written its last part.
                back.try_send(lines).ok();
                Ok(())
            })
        })
    }

    /// Puts alerts into words, a line each.
    fn lines(&self, alerts: &[(Timestamp, u128, u32)], heads: &[Head], lines: &mut Vec<u8>) -> io::Result<()> {
        let mut time = (Timestamp::MIN, String::new());
        for (_, _, at) in alerts {
            let alert = &self.alerts[*at as usize];
            if time.0 != alert.time || time.1.is_empty() {
                time = (alert.time, alert.time.to_string());
            }
            let first = self.more.partition_point(|(alert, _)| alert < at);
            let more = self.more[first..].iter().take_while(|(alert, _)| alert == at).map(|(_, event)| *event);
            self.line(alert, &heads[alert.rule as usize], &time.1, more, lines)?;
        }
        Ok(())
    }

    fn line(
        &self,
        alert: &Held,
        head: &Head,
        time: &str,
        more: impl Iterator<Item = EventId> + Clone,
        line: &mut Vec<u8>,
    ) -> io::Result<()> {
        let part = |from: usize, length: u32| {
            let start = alert.start as usize + from;
            &self.pieces[alert.piece as usize][start..start + length as usize]
        };
        let Lengths { tenant, flow, evidence, anchor } = alert.lengths;
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| line.extend_from_slice(part));
        put(&[b"{\"id\":\"", &digits_of(alert.id), b"\",\"@timestamp\":\"", time.as_bytes(), b"\",\"tenant\":"]);
        put(&[part(0, tenant), &head.rule, part(tenant as usize, flow), &head.rest]);
        write!(line, "\"{}\"", alert.event)?;
        for event in more.clone() {
            write!(line, ",\"{event}\"")?;
        }
        line.extend_from_slice(b"],\"evidence\":[");
        let before = (tenant + flow) as usize;
        line.extend_from_slice(part(before, evidence));
        for _ in more {
            line.push(b',');
            line.extend_from_slice(part(before, evidence));
        }
        // The count of an alert told again under its id is that of the first.
        line.extend_from_slice(b"],\"event_count\":1");
        line.extend_from_slice(part(before + evidence as usize, anchor));
        line.extend_from_slice(b"}\n");
        Ok(())
    }
}

/// What all alerts of a rule have in common.
struct Head {
    /// Up to the list of use cases.
    rule: Vec<u8>,
    /// What is behind the judgement of the flow, up to the first event.
    rest: Vec<u8>,
}

impl Head {
    fn new(info: &crate::rules::RuleInfo) -> io::Result<Head> {
        let (mut rule, mut rest) = (Vec::new(), Vec::new());
        rule.extend_from_slice(b",\"rule\":");
        serde_json::to_writer(&mut rule, &rule_of(info))?;
        rule.extend_from_slice(b",\"level\":");
        serde_json::to_writer(&mut rule, &info.level)?;
        rule.extend_from_slice(b",\"sekisho\":{\"usecase\":");
        serde_json::to_writer(&mut rule, &info.usecase)?;
        write!(rest, ",\"page\":{}}},\"group\":{{}},\"events\":[", info.page)?;
        Ok(Head { rule, rest })
    }
}

/// Puts bytes where they stay: the piece's number and their place in it.
fn keep(pieces: &mut Vec<Vec<u8>>, bytes: &[u8]) -> (u32, u32) {
    if pieces.last().is_none_or(|piece| piece.capacity() - piece.len() < bytes.len()) {
        pieces.push(Vec::with_capacity(PIECE_BYTES.max(bytes.len())));
    }
    let number = pieces.len() as u32 - 1;
    let start = pieces.last_mut().map_or(0, |piece| {
        let start = piece.len() as u32;
        piece.extend_from_slice(bytes);
        start
    });
    (number, start)
}

/// The fields of the anchor in the order of their names, each behind a comma.
fn put_anchor(event: &Event<'_>, out: &mut Vec<u8>) {
    let mut held: Vec<(&str, Value<'_>)> = Vec::new();
    for field in ANCHOR_FIELDS {
        held.extend(event.get(field).map(|value| (field.name(), value)));
    }
    held.sort_unstable_by_key(|(name, _)| *name);
    for (name, value) in held {
        out.push(b',');
        put_text(name, out);
        out.push(b':');
        match value {
            Value::Str(text) => put_text(text, out),
            value => {
                let written = serde_json::to_writer(&mut *out, &json(value));
                debug_assert!(written.is_ok(), "writing to memory cannot fail");
            }
        }
    }
}

/// The hex digits of an id.
fn digits_of(id: u128) -> [u8; ID_BYTES] {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let mut digits = [0; ID_BYTES];
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(id.to_be_bytes()) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    digits
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;
    use crate::{AlertBook, Tenants};

    fn rules(dir: &std::path::Path) -> Arc<RuleSet> {
        let rule = |id: u8, extra: &str, word: &str| {
            format!(
                "title: \"rule \\\"{id}\\\" 規則\"\nid: 00000000-0000-4000-8000-00000000000{id}\nlevel: low\n{extra}logsource: {{product: linux}}\ndetection:\n  s: [{word}]\n  condition: s\n"
            )
        };
        std::fs::write(dir.join("1.yml"), rule(1, "", "needle")).unwrap();
        std::fs::write(dir.join("2.yml"), rule(2, "sekisho: {usecase: [X01, X02], page: true}\n", "need")).unwrap();
        let (set, problems) = RuleSet::load(&[dir.to_owned()]);
        assert!(problems.is_empty(), "{problems:?}");
        Arc::new(set)
    }

    /// A line, with the fields that its number says.
    fn event<'a>(number: usize, raw: &'a str, arena: &'a Bump) -> Event<'a> {
        let mut event = Event::new_in(arena);
        event.push(fields::MESSAGE, Value::Str(raw));
        if number & 1 != 0 {
            event.push(fields::SOURCE_PORT, Value::Int(number as i64));
            event.push(fields::SOURCE_IP, Value::Ip("192.0.2.1".parse().unwrap()));
        }
        if number & 2 != 0 {
            event.push(fields::USER_NAME, Value::Str("佐藤\u{1}\""));
            event.push(fields::HOST_NAME, Value::Float(0.5));
        }
        if number & 4 != 0 {
            event.push(fields::SEKISHO_FLOW_VERDICT, Value::Str("violation_zone"));
        }
        if number & 8 != 0 {
            event.push(fields::EVENT_ORIGINAL, Value::Str("another line"));
        }
        event.push(fields::TIMESTAMP, Value::Time(Timestamp(1_800_000_000_123_456_789 - (number as i64 & 31) * 7)));
        event
    }

    #[test]
    fn the_same_bytes_as_the_engine_and_serde() {
        let dir = tempfile::tempdir().unwrap();
        let rules = rules(dir.path());
        let mut engine = Engine::new(Arc::clone(&rules), Arc::new(Tenants::default()));
        assert!(engine.alerts_are_plain());
        let (mut slow, mut fast, mut outcomes) = (AlertBook::default(), PlainBook::new(Arc::clone(&rules)), Vec::new());
        let mut matcher = engine.matcher();
        let (mut said, mut written) = (Said::default(), Vec::new());
        for number in 0..3000 {
            let arena = Bump::new();
            // One line in three repeats what another said, and one often enough for more than the evidence kept.
            let raw = match number % 3 {
                0 => "{\"a\":\"needle\"}".to_owned(),
                1 => format!("needed\t{}", number / 9),
                _ => format!("needle \u{0} {number}"),
            };
            // What is read from a line is the same each time.
            let fields = [0, number / 9, number][number % 3];
            let mut event = event(fields, &raw, &arena);
            let meta = Meta {
                id: EventId::new(1, number as u64),
                tenant: if number % 5 == 0 { "t\"" } else { "" },
                source: "json",
                received: Timestamp::default(),
                raw: raw.as_bytes(),
            };
            let mut matched = Vec::new();
            matcher.matched(&event, &mut matched);
            if number % 100 == 0 {
                said.clear();
            }
            if !matched.is_empty() {
                let unnumbered = Meta { id: EventId::default(), ..meta };
                said.add(&rules, &unnumbered, &event, &matched);
                let mut raised = Vec::new();
                engine.plain_alerts(meta.tenant, &matched, |at, rule| raised.push((at, rule)));
                fast.take(meta.id, &said, said.len() - 1, &raised);
            }
            engine.observe_matched(&meta, &mut event, &matched, &mut outcomes);
            outcomes.drain(..).for_each(|outcome| slow.take(outcome));
        }
        let mut expected = Vec::new();
        for alert in slow.into_alerts() {
            serde_json::to_writer(&mut expected, &alert).unwrap();
            expected.push(b'\n');
        }
        for threads in [1, 3] {
            let mut again = Vec::new();
            fast.clone().write(|_| true, threads, &mut again).unwrap();
            assert!(threads == 1 || again == written);
            written = again;
        }
        let (written, expected) = (String::from_utf8(written).unwrap(), String::from_utf8(expected).unwrap());
        assert!(expected.lines().count() > 1000);
        for (written, expected) in written.lines().zip(expected.lines()) {
            assert_eq!(written, expected);
        }
        assert_eq!(written.lines().count(), expected.lines().count());
    }
}
