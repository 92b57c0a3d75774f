//! What the demo prints at its end, and whether it holds.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use store::{ALL_TENANTS, AlertFilter};

use super::feed::Sent;
use super::pager::Pager;
use crate::accounting::Book;
use crate::commands::output;
use crate::pipeline::Pipeline;

/// The figures of one demo.
pub struct Summary {
    sent: Sent,
    book: Book,
    indexed: u64,
    alerts: BTreeMap<(String, String), usize>,
    pages_due: u64,
    delivered: usize,
    twice: usize,
    p50_ms: Option<u64>,
    p99_ms: Option<u64>,
}

impl Summary {
    /// Reads them from a pipeline that has settled.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn of(pipeline: &Pipeline, pager: &Pager, sent: Sent) -> Result<Summary> {
        let filter = AlertFilter { tenants: vec![ALL_TENANTS.to_owned()], limit: 10_000, ..AlertFilter::default() };
        let mut alerts = BTreeMap::new();
        let mut pages_due = 0;
        for row in pipeline.database.alerts(&filter)? {
            pages_due += u64::from(row.alert.sekisho.page);
            *alerts.entry((row.alert.sekisho.usecase.join(","), row.alert.rule.name.clone())).or_default() += 1;
        }
        let (delivered, twice) = pager.counts();
        Ok(Summary {
            sent,
            book: pipeline.accounting.book(&pipeline.log, jiff::Timestamp::now().into()),
            indexed: pipeline.store.event_count(),
            alerts,
            pages_due,
            delivered,
            twice,
            p50_ms: pipeline.accounting.lag.total_ms(50),
            p99_ms: pipeline.accounting.lag.total_ms(99),
        })
    }

    /// Whether everything sent is received and indexed exactly once, and every page arrived.
    pub fn holds(&self) -> bool {
        let received: u64 = self.book.sources.iter().map(|row| row.received).sum();
        let indexed: u64 = self.book.sources.iter().map(|row| row.indexed).sum();
        self.book.balanced
            && received == indexed
            && self.indexed == indexed
            && (self.sent.lines == 0 || received == self.sent.lines)
            && self.delivered as u64 == self.pages_due
            && !self.alerts.is_empty()
    }

    /// Prints them.
    ///
    /// # Errors
    /// Stdout is closed.
    pub fn print(&self) -> Result<()> {
        let mut out = output(None)?;
        let received: u64 = self.book.sources.iter().map(|row| row.received).sum();
        writeln!(out, "events sent          {:>10}", self.sent.lines)?;
        writeln!(out, "events received      {received:>10}")?;
        writeln!(out, "events indexed       {:>10}", self.indexed)?;
        writeln!(out, "incidents planted    {:>10}", self.sent.incidents)?;
        writeln!(out, "alerts by rule")?;
        for ((usecase, rule), count) in &self.alerts {
            writeln!(out, "  {usecase:<6} {count:>6}  {rule}")?;
        }
        writeln!(out, "pages delivered      {:>10} of {} ({} sent twice)", self.delivered, self.pages_due, self.twice)?;
        let ms = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
        writeln!(out, "received->searchable {:>10} ms p50, {} ms p99", ms(self.p50_ms), ms(self.p99_ms))?;
        writeln!(
            out,
            "accounting           {:<8} {:<10} {:>9} {:>9} {:>9} {:>9}",
            "tenant", "source", "received", "indexed", "filtered", "in flight"
        )?;
        for row in &self.book.sources {
            writeln!(
                out,
                "                     {:<8} {:<10} {:>9} {:>9} {:>9} {:>9}",
                row.tenant, row.source, row.received, row.indexed, row.filtered, row.in_flight
            )?;
        }
        writeln!(out, "{}", if self.holds() { "everything balances" } else { "DOES NOT BALANCE" })?;
        out.flush()?;
        Ok(())
    }
}
