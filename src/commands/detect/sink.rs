//! What `detect` writes: a line per match as it is found, or a line per alert at the end, in the order of event time.
//!
//! Memory, for alerts: one entry per alert, at most [`stream::Alert::EVIDENCE_MAX`] lines in each.

use std::io::Write;

use anyhow::Result;
use detect::{AlertBook, Meta, Outcome, RuleSet};
use stream::{Event, Timestamp};

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
    line: Vec<u8>,
}

impl Sink {
    pub(super) fn new(
        emit: Emit,
        out: Box<dyn Write>,
        rules: &RuleSet,
        several: bool,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Sink> {
        let name = |id: &str| Ok(format!("\"rule_id\":{}}}\n", serde_json::to_string(id)?));
        let rules = rules.rules().iter().map(|rule| name(&rule.id)).collect::<Result<_>>()?;
        Ok(Sink { emit, out, rules, several, from, to, alerts: AlertBook::default(), line: Vec::new() })
    }

    /// Writes the rules that an event matches.
    pub(super) fn matches(&mut self, meta: &Meta<'_>, line: u64, event: &Event<'_>, rules: &[usize]) -> Result<()> {
        if self.emit != Emit::Matches || rules.is_empty() || !self.tells(event.time()) {
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
        if let Some(id) = stream::fields::lookup("_id").and_then(|field| event.get(field)) {
            write!(self.line, "\"event_id\":{},", serde_json::to_string(&id.text())?)?;
        }
        for rule in rules {
            self.out.write_all(&self.line)?;
            self.out.write_all(self.rules[*rule].as_bytes())?;
        }
        Ok(())
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
        for alert in std::mem::take(&mut self.alerts).into_alerts() {
            if self.tells(alert.timestamp) {
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
