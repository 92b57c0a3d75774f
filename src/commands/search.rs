//! `sekisho search`

use std::io::Write;

use anyhow::{Context, Result, bail};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use store::{ALL_TENANTS, Hit, SearchRequest, Searcher, Store, StoreConfig};
use stream::Timestamp;

use crate::cli::{Format, Search, duration};
use crate::commands::accounting::data_dir;
use crate::commands::{DONE, output};

/// Columns of the table and the CSV.
const COLUMNS: &[&str] = &[
    "@timestamp",
    "sekisho.tenant",
    "sekisho.source.id",
    "source.ip",
    "destination.ip",
    "user.name",
    "event.action",
    "sekisho.flow.verdict",
    "event.original",
];

/// Searches the splits of a data folder; what a running process still holds in memory is on its pages only.
pub fn run(args: &Search) -> Result<u8> {
    let config = StoreConfig { dir: data_dir(&args.place)?.join("store"), ..StoreConfig::default() };
    let store = Store::open_read_only(config)?;
    let searcher = store.searcher();
    let now = Timestamp::from(jiff::Timestamp::now());
    let request = SearchRequest {
        tenants: vec![args.tenant.clone().unwrap_or_else(|| ALL_TENANTS.to_owned())],
        query: args.query.clone(),
        from: args.from.as_deref().map_or(Ok(Timestamp::MIN), |text| instant(text, now))?,
        to: args.to.as_deref().map_or(Ok(Timestamp::MAX), |text| instant(text, now))?,
        limit: args.limit,
        ..SearchRequest::default()
    };
    let mut out = output(None)?;
    if args.count {
        writeln!(out, "{}", searcher.count(&request)?)?;
    } else if let Some(interval) = args.histogram {
        for bucket in searcher.histogram(&request, interval.as_secs(), None)? {
            writeln!(out, "{}\t{}", bucket.start, bucket.count)?;
        }
    } else if let Some(field) = &args.top {
        for (value, count) in searcher.terms(&request, field, args.limit)? {
            writeln!(out, "{count}\t{}", visible(&value))?;
        }
    } else {
        print_hits(&searcher, request, args.format, &mut out)?;
    }
    out.flush()?;
    Ok(DONE)
}

/// Prints page by page, so that a large `--limit` needs no more memory than one page.
fn print_hits(searcher: &Searcher, mut request: SearchRequest, format: Format, out: &mut dyn Write) -> Result<()> {
    let mut left = request.limit;
    if format == Format::Csv {
        out.write_all(&csv_line(COLUMNS.iter().map(ToString::to_string))?)?;
    }
    while left > 0 {
        request.limit = left.min(SearchRequest::LIMIT_MAX);
        let hits = searcher.search(&request)?.hits;
        for hit in &hits {
            match format {
                Format::Json => writeln!(out, "{}", serde_json::to_string(&with_id(hit))?)?,
                Format::Csv => {
                    out.write_all(&csv_line(COLUMNS.iter().map(|field| guarded(&cell(&hit.event, field))))?)?;
                }
                Format::Table => {
                    let cells: Vec<String> = COLUMNS.iter().map(|field| visible(&cell(&hit.event, field))).collect();
                    writeln!(out, "{}", cells.join("  "))?;
                }
            }
        }
        left -= hits.len().min(left);
        request.before = match hits.last() {
            Some(last) if hits.len() == request.limit => Some((last.timestamp, last.id)),
            _ => break,
        };
    }
    Ok(())
}

fn csv_line(cells: impl Iterator<Item = String>) -> Result<Vec<u8>> {
    let mut line = csv::Writer::from_writer(Vec::new());
    line.write_record(cells.collect::<Vec<_>>())?;
    Ok(line.into_inner().map_err(|error| error.into_error())?)
}

fn with_id(hit: &Hit) -> Map<String, Value> {
    let mut event = hit.event.clone();
    event.insert("_id".into(), hit.id.to_string().into());
    event
}

fn cell(event: &Map<String, Value>, field: &str) -> String {
    match event.get(field) {
        None => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Control characters, which could speak to the terminal, are shown as tokens.
fn visible(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// A cell that a spreadsheet would read as a formula gets a quote in front.
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text != "-" { format!("'{text}") } else { text.to_owned() }
}

/// Reads RFC 3339, a date in JST, or how long ago (`24h`).
pub(super) fn instant(text: &str, now: Timestamp) -> Result<Timestamp> {
    if let Some(instant) = Timestamp::parse_rfc3339(text) {
        return Ok(instant);
    }
    if let Ok(ago) = duration(text) {
        return Ok(now.plus_nanos(-(ago.as_nanos().min(i64::MAX as u128) as i64)));
    }
    let japan = TimeZone::fixed(jiff::tz::Offset::constant(9));
    let civil = text
        .parse::<jiff::civil::DateTime>()
        .or_else(|_| text.parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0)));
    let Ok(civil) = civil else {
        bail!("`{text}` is not a time; write 2026-11-20, 2026-11-20T09:00, RFC 3339, or 24h for a day ago");
    };
    Ok(civil.to_zoned(japan).context("time out of range")?.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_jst() {
        let now = Timestamp::from_seconds(1_800_000_000);
        assert_eq!(instant("2026-11-20", now).unwrap().to_string(), "2026-11-19T15:00:00Z");
        assert_eq!(instant("1h", now).unwrap(), Timestamp::from_seconds(1_800_000_000 - 3600));
        assert!(instant("yesterday", now).is_err());
    }

    #[test]
    fn output_is_guarded() {
        assert_eq!(guarded("=1+1"), "'=1+1");
        assert_eq!(visible("a\u{1b}[31mb"), "a\\u{1b}[31mb");
    }
}
