//! `sekisho rules coverage`: for each rule the sources that can feed it, and what it needs that they never give.

use std::io::Write;

use anyhow::Result;
use detect::RuleSet;

use crate::coverage::Covered;

/// The sources of a row that are named; more are counted.
const NAMED_MAX: usize = 4;

/// Prints one row per rule: state, sources, what is missing. Gives how many rules cannot match.
pub(super) fn print(rules: &RuleSet, rows: &[Covered], out: &mut dyn Write) -> Result<usize> {
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
        if !row.missing.fields.is_empty() {
            let fields = row.missing.fields.iter().copied().collect::<Vec<_>>().join(", ");
            let what = if row.missing.never { "it cannot match without" } else { "parts of it ask for" };
            writeln!(out, "           {what} what no sample of their parsers shows: {fields}")?;
        }
    }
    Ok(unfed)
}
