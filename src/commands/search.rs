//! `sekisho search`
//!
//! Logs are written by attackers: no character of them that moves a terminal's cursor, colours it or turns the direction
//! of writing reaches the output as it is. Tables and CSV show it as a token (`\u{1b}`), JSON as its escape (`\u001b`),
//! which is the same string to a program. A CSV cell that a spreadsheet would run as a formula gets a leading `'`.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use store::{ALL_TENANTS, Damage, Hit, SearchRequest, Searcher};
use stream::Timestamp;

use crate::cli::{Format, Search, duration};
use crate::commands::accounting::open_events;
use crate::commands::{DONE, FAILED, output};

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
    let (data, store) = open_events(&args.place)?;
    note_holder(&data);
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
    let damaged = store.damaged();
    for Damage { split, tenant, events, oldest, newest } in &damaged {
        eprintln!(
            "sekisho: split {split} is damaged: {events} events of {tenant} from {oldest} to {newest} are not in this answer; restore it from a backup, or rebuild the index from the raw log"
        );
    }
    Ok(if damaged.is_empty() { DONE } else { FAILED })
}

/// Says so when a process still holds in memory what it received last.
pub(super) fn note_holder(data: &Path) {
    if let Some(process) = holder(data) {
        eprintln!(
            "sekisho: process {process} has {} open; what it received last, up to ten minutes, is on its pages and its API only",
            data.display()
        );
    }
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
                Format::Json => writeln!(out, "{}", escaped(&serde_json::to_string(&with_id(hit))?))?,
                Format::Csv => {
                    out.write_all(&csv_line(COLUMNS.iter().map(|field| guarded(&visible(&cell(&hit.event, field)))))?)?;
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

/// Whether a character does something to a screen instead of standing on it: C0 and C1 controls, line separators, marks
/// and overrides of direction, invisible characters, tags.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Characters that act on a terminal are shown as tokens.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// JSON in which characters that act on a terminal are written as escapes; its own writer does so below U+0020 only.
pub(super) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if acts(c) {
            let units = &mut [0; 2];
            c.encode_utf16(units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// A cell that a spreadsheet would read as a formula gets a quote in front; plain numbers stay.
fn guarded(text: &str) -> String {
    if text == "-" { text.to_owned() } else { dashboards::spreadsheet_cell(text).into_owned() }
}

/// The process that has the stream of a data folder open, by the system's list of locks; looking takes no lock, which
/// could get into the way of a process that starts.
pub fn holder(data: &Path) -> Option<String> {
    let inode = std::fs::metadata(data.join("stream/lock")).ok()?.ino();
    holder_in(&std::fs::read_to_string("/proc/locks").ok()?, inode)
}

/// `1: FLOCK  ADVISORY  WRITE 1234 08:01:131 0 EOF`: the kernel's documentation of /proc/locks in proc(5).
fn holder_in(locks: &str, inode: u64) -> Option<String> {
    let fields = |line: &str| line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let held = |line: &&Vec<String>| {
        line.get(1).is_some_and(|kind| kind == "FLOCK")
            && line.get(5).and_then(|place| place.rsplit(':').next()) == Some(inode.to_string().as_str())
    };
    let lines: Vec<Vec<String>> = locks.lines().map(fields).collect();
    lines.iter().find(held).and_then(|line| line.get(4).cloned())
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
    fn no_format_lets_a_log_speak_to_the_terminal() {
        let hostile = "=a\u{1b}[31m\u{9b}2J\u{7f}\u{202e}b\u{2066}\u{200f}\r\nc\u{feff}\u{e0041}";
        let event = Map::from_iter([("user.name".to_owned(), Value::from(hostile))]);
        let json = escaped(&serde_json::to_string(&event).unwrap());
        assert_eq!(serde_json::from_str::<Map<String, Value>>(&json).unwrap(), event, "the same to a program");
        let table = visible(hostile);
        assert!(table.starts_with("=a\\u{1b}[31m\\u{9b}2J\\u{7f}\\u{202e}b"), "{table}");
        let csv = String::from_utf8(csv_line([guarded(&visible(hostile))].into_iter()).unwrap()).unwrap();
        assert!(csv.starts_with("'=a") && csv.ends_with('\n'), "{csv}");
        for text in [&json, &table, csv.trim_end()] {
            assert!(!text.chars().any(acts), "{text}");
        }
        assert_eq!(visible("日本語 ／ ok"), "日本語 ／ ok");
        for (cell, expected) in [("-", "-"), ("-5", "-5"), ("＝1", "'＝1"), (" @SUM(A1)", "' @SUM(A1)")] {
            assert_eq!(guarded(cell), expected);
        }
    }

    #[test]
    fn the_process_that_has_the_folder_open_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().to_path_buf();
        assert_eq!(holder(&data), None);
        let log = stream::log::Log::open(stream::log::LogConfig::in_dir(data.join("stream"))).unwrap();
        // Some containers hide the list of locks; what it holds is read below in any case.
        if std::fs::read_to_string("/proc/locks").is_ok_and(|locks| !locks.is_empty()) {
            assert!(holder(&data).is_some());
        }
        log.close();
        assert_eq!(holder(&data), None);
        let locks = "1: POSIX  ADVISORY  WRITE 7 08:01:42 0 EOF\n2: FLOCK  ADVISORY  WRITE 99 08:01:42 0 EOF\n";
        assert_eq!((holder_in(locks, 42).as_deref(), holder_in(locks, 2)), (Some("99"), None));
    }
}
