//! What `detect` writes: a line per match as it is found, or a line per alert at the end, in the order of event time.
//!
//! Memory, for alerts: one entry per alert, at most [`stream::Alert::EVIDENCE_MAX`] lines in each; see also
//! [`detect::PlainBook`].

use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use detect::{AlertBook, Meta, Outcome, PlainBook, RuleSet, Said};
use stream::{EventId, Timestamp};

use crate::cli::Emit;

/// See the module.
pub(super) struct Sink {
    emit: Emit,
    out: Box<dyn Write>,
    /// `"rule_id":"...` with the end of the line, by rule.
    rules: Vec<String>,
    /// Whether a line number needs its source beside it.
    several: bool,
    /// Event times told; what lies outside is history.
    from: Timestamp,
    to: Timestamp,
    alerts: AlertBook,
    plain: PlainBook,
    /// How many threads put alerts into words.
    threads: usize,
    line: Vec<u8>,
}

impl Sink {
    pub(super) fn new(
        emit: Emit,
        out: Box<dyn Write>,
        rules: &Arc<RuleSet>,
        several: bool,
        (from, to): (Timestamp, Timestamp),
        threads: usize,
    ) -> Result<Sink> {
        let name = |id: &str| Ok(format!("\"rule_id\":{}}}\n", serde_json::to_string(id)?));
        let plain = PlainBook::new(Arc::clone(rules));
        let rules = rules.rules().iter().map(|rule| name(&rule.id)).collect::<Result<_>>()?;
        Ok(Sink { emit, out, rules, several, from, to, alerts: AlertBook::default(), plain, threads, line: Vec::new() })
    }

    /// Whether matches are written, not alerts.
    pub(super) fn writes_matches(&self) -> bool {
        self.emit == Emit::Matches
    }

    /// Writes the rules that an event matches; `id` is its own id as `judge::put_id` writes it.
    pub(super) fn matches(
        &mut self,
        meta: &Meta<'_>,
        line: u64,
        time: Timestamp,
        id: &[u8],
        rules: &[usize],
    ) -> Result<()> {
        if !self.writes_matches() || rules.is_empty() || !self.tells(time) {
            return Ok(());
        }
        self.line.clear();
        if self.several {
            write!(self.line, "{{\"tenant\":{},", serde_json::to_string(meta.tenant)?)?;
            write!(self.line, "\"source\":{},", serde_json::to_string(meta.source)?)?;
        } else {
            self.line.push(b'{');
        }
        write!(self.line, "\"line\":{line},")?;
        self.line.extend_from_slice(id);
        for rule in rules {
            self.out.write_all(&self.line)?;
            self.out.write_all(self.rules[*rule].as_bytes())?;
        }
        Ok(())
    }

    /// Takes the alerts that an event raised by itself.
    pub(super) fn raised(&mut self, id: EventId, said: &Said, at: usize, raised: &[(usize, u32)]) {
        if self.emit == Emit::Alerts {
            self.plain.take(id, said, at, raised);
        }
    }

    /// Takes what detection tells.
    pub(super) fn outcomes(&mut self, outcomes: &mut Vec<Outcome>) {
        match self.emit {
            Emit::Matches => outcomes.clear(),
            Emit::Alerts => outcomes.drain(..).for_each(|outcome| self.alerts.take(outcome)),
        }
    }

    fn tells(&self, time: Timestamp) -> bool {
        (self.from..self.to).contains(&time)
    }

    /// Writes the alerts.
    pub(super) fn finish(mut self) -> Result<()> {
        let told = self.from..self.to;
        self.plain.write(|time| told.contains(&time), self.threads, &mut *self.out)?;
        for alert in std::mem::take(&mut self.alerts).into_alerts() {
            if told.contains(&alert.timestamp) {
                self.line.clear();
                serde_json::to_writer(&mut self.line, &alert)?;
                self.line.push(b'\n');
                self.out.write_all(&self.line)?;
            }
        }
        self.out.flush()?;
        Ok(())
    }
}
