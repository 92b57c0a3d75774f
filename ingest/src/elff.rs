//! The extended log format (ELFF, "W3C"): `#Fields:` lines, and records of blank-separated cells.
//!
//! A `#Fields:` line holds for the records behind it in the same source. It is remembered for as long as the process
//! lives, so a product must also tell its usual layouts from a record's own shape: after a restart in the middle of a
//! file the header is not read again. Other `#` lines are comments. At most [`COLUMNS_MAX`] columns.
//! Source: W3C WD-logfile-960323.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use stream::{Event, Value, fields};

use crate::parser::Context;
use crate::row::Row;
use crate::{csv_cells, put, time};

/// The most columns a header may name.
pub(crate) const COLUMNS_MAX: usize = 256;

/// The header of the records that follow.
#[derive(Default)]
pub(crate) struct Header {
    names: Vec<String>,
}

impl Header {
    /// Takes a `#` line; whether it was one. What it says about itself goes to `message`.
    pub(crate) fn directive<'a>(&mut self, line: &'a str, event: &mut Event<'a>) -> bool {
        if !line.starts_with('#') {
            return false;
        }
        if let Some(names) = line.strip_prefix("#Fields:") {
            self.names = names.split_ascii_whitespace().take(COLUMNS_MAX).map(str::to_owned).collect();
        }
        event.push(fields::EVENT_KIND, Value::Str("event"));
        event.push_str(fields::MESSAGE, line);
        true
    }

    /// The record's cells under the header's names, if their number is the same.
    pub(crate) fn row<'a>(&self, cells: &[&'a str], arena: &'a Bump) -> Option<Row<'a>> {
        if self.names.is_empty() || self.names.len() != cells.len() {
            return None;
        }
        let mut row = Row::new(arena);
        for (name, cell) in self.names.iter().zip(cells) {
            row.push(arena.alloc_str(name), cell);
        }
        Some(row)
    }
}

/// The cells of a record: separated by blanks or tabs, in quotes where they hold one.
pub(crate) fn cells<'a>(line: &'a str, arena: &'a Bump) -> BumpVec<'a, &'a str> {
    let separator = if line.contains('\t') { '\t' } else { ' ' };
    let mut cells = BumpVec::from_iter_in(
        csv_cells::cells(line, separator, arena).filter(|cell| separator == '\t' || !cell.is_empty()),
        arena,
    );
    // `[20/Nov/2026:10:00:00 +0900]`: the blank within does not part it.
    let mut at = 0;
    while separator == ' ' && at + 1 < cells.len() {
        if cells[at].starts_with('[') && !cells[at].ends_with(']') && cells[at + 1].ends_with(']') {
            let closing = cells.remove(at + 1);
            cells[at] = bumpalo::format!(in arena, "{} {}", cells[at], closing).into_bump_str();
        }
        at += 1;
    }
    cells
}

/// Sets `@timestamp` of `date` and `time` (UTC, as the format says, unless `local`), of `gmttime`, `localtime` or
/// `timestamp`; `event.duration` of `time-taken`, which is in milliseconds.
pub(crate) fn times(row: &Row<'_>, local: bool, context: &Context, event: &mut Event<'_>) {
    let civil = || {
        let (date, _) = time::civil_date(row.get(&["date"]).as_bytes())?;
        let (time, _) = time::civil_time(row.get(&["time"]).as_bytes())?;
        time::Civil::new(date, time)
    };
    let stamp = match civil() {
        Some(civil) if local => Some(context.zone.instant(&civil)),
        Some(civil) => Some(civil.at_offset(0)),
        None => [("gmttime", 0), ("localtime", 1)]
            .iter()
            .find_map(|(name, _)| {
                let text = row.get(&[name]).trim_matches(['[', ']']);
                time::common_log(text, &context.zone)
            })
            .or_else(|| time::epoch(row.get(&["timestamp", "x-timestamp", "x-timestamp-unix"]))),
    };
    if let Some(stamp) = stamp {
        event.set(fields::TIMESTAMP, Value::Time(stamp));
    }
    if let Ok(millis @ 0..) = row.get(&["time-taken"]).parse::<i64>() {
        event.push(fields::EVENT_DURATION, Value::Int(millis.saturating_mul(1_000_000)));
    }
}

/// `a+b` as `a b`: how IIS writes blanks.
pub(crate) fn plus_decoded<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    if text.contains('+') && !text.contains(' ') { arena.alloc_str(&text.replace('+', " ")) } else { text }
}

/// Sets method, version, status, referrer, agent, sizes, host, and the URL's parts.
pub(crate) fn http<'a>(row: &Row<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    event.push_str(fields::HTTP_REQUEST_METHOD, row.get(&["cs-method"]));
    let version = row.get(&["cs-version", "cs-protocol-version"]);
    event.push_str(fields::HTTP_VERSION, version.strip_prefix("HTTP/").unwrap_or(""));
    put::status(row.get(&["sc-status"]), event);
    event.push_str(fields::HTTP_REQUEST_REFERRER, row.get(&["cs(Referer)"]));
    event.push_str(fields::USER_AGENT_ORIGINAL, plus_decoded(row.get(&["cs(User-Agent)"]), arena));
    event.push_str(fields::HTTP_RESPONSE_MIME_TYPE, row.get(&["rs(Content-Type)"]));
    let forwarded = row.get(&["x-forwarded-for", "X-Forwarded-For", "cs(X-Forwarded-For)"]);
    event.push_str(fields::NETWORK_FORWARDED_IP, forwarded.split(['+', ',']).next().unwrap_or("").trim());
}
