//! `sekisho rules coverage`: for each rule the sources that can feed it, and what it needs that they never give; where
//! sekisho has run with the configuration, also what it wrote down last: events, last match, cost, and since when it is blind.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use anyhow::{Context, Result};
use detect::RuleSet;
use store::{ALL_TENANTS, Database};
use stream::Timestamp;

use crate::accounting::Book;
use crate::config::Config;
use crate::coverage::Covered;

/// The sources of a row that are named; more are counted.
const NAMED_MAX: usize = 4;

/// What a running or stopped process wrote down last.
#[derive(Default)]
pub(super) struct Lately {
    as_of: Timestamp,
    /// By tenant and source.
    sources: BTreeMap<(String, String), Source>,
    /// Event time of the newest alert by rule id.
    last: HashMap<String, Timestamp>,
    /// Nanoseconds per event by rule id.
    costs: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Source {
    indexed: u64,
    last_received: Option<Timestamp>,
    /// How long it may be silent, in nanoseconds, if it says so.
    limit: Option<i64>,
}

impl Lately {
    /// Reads it; none where nothing has run yet.
    ///
    /// # Errors
    /// What was written cannot be read.
    pub(super) fn of(config: &Config) -> Result<Option<Lately>> {
        if !config.accounting().exists() {
            return Ok(None);
        }
        let book = Book::read(&config.accounting())?;
        let database = Database::open(config.database()).context("open the database")?;
        let declared = ingest::Sources::load(&config.sources).context("read the sources")?;
        let mut lately = Lately {
            as_of: Timestamp::parse_rfc3339(&book.as_of).unwrap_or_default(),
            last: database.last_alerts(&[ALL_TENANTS.to_owned()])?,
            costs: book.rule_costs,
            ..Lately::default()
        };
        for row in book.sources {
            let last_received = row.last_received.as_deref().and_then(Timestamp::parse_rfc3339);
            let source = Source { indexed: row.indexed, last_received, limit: None };
            lately.sources.insert((row.tenant, row.source), source);
        }
        for source in declared.iter() {
            let held = lately.sources.entry((source.tenant.clone(), source.id.clone())).or_default();
            held.limit = source.silence_after.and_then(|limit| i64::try_from(limit.as_nanos()).ok());
        }
        Ok(Some(lately))
    }

    /// What there is to say of a rule that can be fed.
    fn say(&self, id: &str, row: &Covered) -> String {
        let sources: Vec<&Source> = row.sources.iter().filter_map(|source| self.sources.get(source)).collect();
        let events: u64 = sources.iter().map(|source| source.indexed).sum();
        let mut said = format!("{events} events of its sources");
        match self.last.get(id) {
            Some(time) => said.push_str(&format!(", last match {time}")),
            None => said.push_str(", no match yet"),
        }
        if let Some(nanos) = self.costs.get(id) {
            said.push_str(&format!(", {nanos} ns per event"));
        }
        let silent = |source: &&Source| {
            let quiet = source.last_received.map_or(i64::MAX, |last| self.as_of.since(last));
            source.last_received.is_none() || source.limit.is_some_and(|limit| quiet > limit)
        };
        if sources.iter().all(silent) {
            match sources.iter().filter_map(|source| source.last_received).max() {
                Some(since) => said.push_str(&format!("; BLIND since {since}: all of them are silent")),
                None => said.push_str("; BLIND: none of them has sent anything yet"),
            }
        }
        said
    }
}

/// Prints one row per rule: state, sources, what is missing. Gives how many rules cannot match.
pub(super) fn print(rules: &RuleSet, rows: &[Covered], lately: Option<&Lately>, out: &mut dyn Write) -> Result<usize> {
    let mut unfed = 0;
    for (rule, row) in rules.rules().iter().zip(rows) {
        let name = format!("{}  {}", rule.id, rule.title_ja);
        if let Some(problem) = &rule.problem {
            unfed += 1;
            writeln!(out, "{:<10} {name}\n           {problem}", "BROKEN")?;
            continue;
        }
        let state = row.state();
        unfed += usize::from(matches!(state, "no source" | "blind"));
        writeln!(out, "{state:<10} {name}")?;
        if row.sources.is_empty() {
            let source = &rule.logsource;
            let parts = [("product", &source.product), ("category", &source.category), ("service", &source.service)];
            let parts = parts.into_iter().filter_map(|(key, value)| Some(format!("{key}: {}", value.as_ref()?)));
            writeln!(out, "           no source provides {}", parts.collect::<Vec<_>>().join(", "))?;
            continue;
        }
        let named = row.sources.iter().take(NAMED_MAX).map(|(tenant, id)| format!("{tenant}/{id}"));
        let mut named = named.collect::<Vec<_>>().join(", ");
        if row.sources.len() > NAMED_MAX {
            named.push_str(&format!(" and {} more", row.sources.len() - NAMED_MAX));
        }
        writeln!(out, "           fed by {named}")?;
        if let Some(lately) = lately {
            writeln!(out, "           {}", lately.say(&rule.id, row))?;
        }
        if !row.missing.fields.is_empty() {
            let fields = row.missing.fields.iter().copied().collect::<Vec<_>>().join(", ");
            let what = if row.missing.never { "it cannot match without" } else { "parts of it ask for" };
            writeln!(out, "           {what} what no sample of their parsers shows: {fields}")?;
        }
    }
    Ok(unfed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_down_last_is_said_of_a_rule() {
        let at = Timestamp::from_seconds;
        let source = |seconds: Option<i64>| Source {
            indexed: 10,
            last_received: seconds.map(at),
            limit: Some(900 * stream::NANOS_PER_SECOND),
        };
        let mut lately = Lately { as_of: at(1_800_001_000), ..Lately::default() };
        lately.sources.insert(("t".into(), "a".into()), source(Some(1_800_000_000)));
        lately.sources.insert(("t".into(), "b".into()), source(None));
        let row = |ids: &[&str]| Covered {
            sources: ids.iter().map(|id| ("t".to_owned(), (*id).to_owned())).collect(),
            missing: detect::Missing::default(),
        };
        assert_eq!(
            lately.say("r", &row(&["b"])),
            "10 events of its sources, no match yet; BLIND: none of them has sent anything yet"
        );
        let blind = format!(
            "20 events of its sources, no match yet; BLIND since {}: all of them are silent",
            at(1_800_000_000)
        );
        assert_eq!(lately.say("r", &row(&["a", "b"])), blind);
        lately.sources.insert(("t".into(), "c".into()), source(Some(1_800_000_500)));
        lately.last.insert("r".into(), at(1_800_000_400));
        lately.costs.insert("r".into(), 85);
        let fed = format!("20 events of its sources, last match {}, 85 ns per event", at(1_800_000_400));
        assert_eq!(lately.say("r", &row(&["a", "c"])), fed);
    }
}
