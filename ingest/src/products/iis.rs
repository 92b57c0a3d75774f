//! Microsoft IIS: W3C extended access logs with any `#Fields:`, the HTTP API's error log (httperr), with or without a
//! syslog header.
//!
//! IIS's own comma-separated format and NCSA's common format are read too.
//! Without a header line (one line, a restart) the columns are told from their shape: IIS always writes the chosen fields
//! in one order, so the method, the addresses, the port and the status show which are there.
//! Times are UTC, as IIS writes W3C logs. `#` lines are kept as they are.
//! Source: Microsoft, "W3C Extended Log File Format (IIS)", "Error logging in HTTP APIs".

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::elff::{self, Header};
use crate::parser::{Context, Names, Parser, Reason};
use crate::row::{Row, Table};
use crate::{access_log, put, syslog, time};

/// Parser of IIS logs.
#[derive(Default)]
pub struct Iis {
    header: Header,
    names: Names,
}

static TABLE: &Table = &[
    ("sc-bytes", fields::HTTP_RESPONSE_BODY_BYTES),
    ("cs-bytes", fields::HTTP_REQUEST_BODY_BYTES),
    ("s-computername", fields::HOST_HOSTNAME),
    ("s-computername", fields::HOST_NAME),
    ("c-port", fields::SOURCE_PORT),
    ("s-port", fields::DESTINATION_PORT),
];

/// Keys that have a field of their own.
const TAKEN: &[&str] = &[
    "date",
    "time",
    "c-ip",
    "c-port",
    "s-ip",
    "s-port",
    "cs-method",
    "cs-uri-stem",
    "cs-uri-query",
    "cs-username",
    "cs(User-Agent)",
    "cs(Referer)",
    "sc-status",
    "sc-bytes",
    "cs-bytes",
    "time-taken",
    "cs-version",
    "cs-host",
    "s-computername",
];

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "iis"),
    (fields::EVENT_CATEGORY, "web"),
    (fields::EVENT_CATEGORY, "network"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "windows"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "webserver"),
    (fields::SEKISHO_LOGSOURCE_SERVICE, "iis"),
];

impl Parser for Iis {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let mut line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        if time::civil_date(line.as_bytes()).is_none() && !line.starts_with('#') {
            let head = syslog::parse(line, context);
            put::header(&head, event);
            line = head.message;
        }
        if self.header.directive(line, event) {
            event.push(fields::EVENT_MODULE, Value::Str("iis"));
            return Ok(());
        }
        let cells = match native(line, arena) {
            Some(cells) => cells,
            None => elff::cells(line, arena),
        };
        if line.contains(", ") && cells.len() == NATIVE.len() {
            let row = Row::of_cells(&NATIVE, cells.iter().copied(), arena);
            if let Some(stamp) = crate::products::csv::instant(cells[2], context) {
                event.set(fields::TIMESTAMP, Value::Time(stamp));
            }
            if let Ok(millis @ 0..) = row.get(&["time-taken"]).parse::<i64>() {
                event.push(fields::EVENT_DURATION, Value::Int(millis.saturating_mul(1_000_000)));
            }
            fill(&row, arena, event);
            put::constants(CONSTANT, event);
            row.keep("iis.", TAKEN, &mut self.names, event);
            return Ok(());
        }
        let row = self.header.row(&cells, arena).or_else(|| by_shape(&cells, arena));
        // The NCSA format, which has no choice of columns.
        if row.is_none() && access_log::parse(line, context, arena, event) {
            put::words(fields::EVENT_TYPE, &["access", "connection"], event);
            event.push(fields::EVENT_DATASET, Value::Str("iis.access"));
            put::constants(CONSTANT, event);
            if let Some((domain, name)) = event.get_str(fields::USER_NAME).and_then(|user| user.split_once('\\')) {
                event.push_str(fields::USER_DOMAIN, domain);
                event.set(fields::USER_NAME, Value::Str(name));
            }
            return Ok(());
        }
        let row = row.ok_or(Reason("columns of no known IIS layout, and no #Fields line before"))?;
        elff::times(&row, false, context, event);
        fill(&row, arena, event);
        put::constants(CONSTANT, event);
        row.keep("iis.", TAKEN, &mut self.names, event);
        Ok(())
    }
}

/// Columns of IIS's own format, date and time in one; its times are local.
const NATIVE: [&str; 14] = [
    "c-ip",
    "cs-username",
    "date",
    "s-sitename",
    "s-computername",
    "s-ip",
    "time-taken",
    "cs-bytes",
    "sc-bytes",
    "sc-status",
    "sc-win32-status",
    "cs-method",
    "cs-uri-stem",
    "cs-uri-query",
];

/// `192.0.2.10, -, 11/20/26, 10:00:09, W3SVC2, ...,`: the cells, with date and time together.
fn native<'a>(line: &'a str, arena: &'a Bump) -> Option<bumpalo::collections::Vec<'a, &'a str>> {
    let mut parts = line.trim_end_matches([',', ' ']).split(", ");
    let (client, user, date, clock) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    put::ip(client)?;
    let mut sides = date.split('/');
    let (month, day, year) = (sides.next()?, sides.next()?, sides.next()?);
    let year = if year.len() == 2 { bumpalo::format!(in arena, "20{}", year).into_bump_str() } else { year };
    let stamp = bumpalo::format!(in arena, "{}/{}/{} {}", year, month, day, clock).into_bump_str();
    let mut cells = bumpalo::collections::Vec::with_capacity_in(NATIVE.len(), arena);
    cells.extend([client, user, stamp]);
    cells.extend(parts.take(NATIVE.len() - 3));
    while cells.len() < NATIVE.len() {
        cells.push("-");
    }
    Some(cells)
}

fn fill<'a>(row: &Row<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let error = row.has("s-reason");
    put::end(&put::SOURCE, row.get(&["c-ip"]), event);
    put::end(&put::DESTINATION, row.get(&["s-ip"]), event);
    row.put(TABLE, event);
    put::user(row.get(&["cs-username"]), event);
    elff::http(row, arena, event);
    let host = row.get(&["cs-host"]);
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    event.push_str(fields::URL_DOMAIN, host);
    if put::ip(host).is_none() {
        event.push_str(fields::DESTINATION_DOMAIN, host);
    }
    event.push_str(fields::EVENT_REASON, row.get(&["s-reason"]));
    put::words(fields::EVENT_TYPE, &[if error { "error" } else { "access" }, "connection"], event);
    event.push(fields::EVENT_DATASET, Value::Str(if error { "iis.error" } else { "iis.access" }));
    if let Some(target) = row.find(&["cs-uri"]) {
        put::target_of(target, arena, event);
        return;
    }
    let (stem, query) = (row.get(&["cs-uri-stem"]), row.get(&["cs-uri-query"]));
    event.push_str(fields::URL_PATH, stem);
    event.push_str(fields::URL_QUERY, query);
    if query.is_empty() {
        event.push_str(fields::URL_ORIGINAL, stem);
    } else {
        event.push_str(fields::URL_ORIGINAL, arena.alloc_str(&format!("{stem}?{query}")));
    }
}

/// The row of a record whose header was not seen.
fn by_shape<'a>(cells: &[&'a str], arena: &'a Bump) -> Option<Row<'a>> {
    time::civil_date(cells.first()?.as_bytes())?;
    time::civil_time(cells.get(1)?.as_bytes())?;
    let mut row = Row::new(arena);
    row.push("date", cells.first()?);
    row.push("time", cells.get(1)?);
    if is_ip(cells, 2) && is_port(cells, 3) && is_ip(cells, 4) && is_port(cells, 5) && cells.len() >= 12 {
        // Newer systems write the stream's number between the URI and the status.
        let extra = usize::from(cells.len() >= 14);
        for (at, name) in ERROR.iter().enumerate() {
            row.push(name, cells.get(2 + at + if at >= 7 { extra } else { 0 })?);
        }
        return Some(row);
    }
    let at = request(cells, &mut row)?;
    answer(cells, at, &mut row)?;
    Some(row)
}

/// The columns of httperr behind date and time.
const ERROR: [&str; 11] = [
    "c-ip",
    "c-port",
    "s-ip",
    "s-port",
    "cs-version",
    "cs-method",
    "cs-uri",
    "sc-status",
    "s-siteid",
    "s-reason",
    "s-queuename",
];

/// Site, server, method, URI, port, user, client and version: where the next column stands.
fn request<'a>(cells: &[&'a str], row: &mut Row<'a>) -> Option<usize> {
    let method = (2..cells.len().min(6))
        .find(|at| is_method(cells[*at]) && cells.get(at + 1).is_some_and(|next| is_stem(next)))?;
    let names = cells.get(2..method)?.iter().filter(|cell| put::ip(cell).is_none()).count();
    for (place, cell) in cells.get(2..method)?.iter().enumerate() {
        let name = match (put::ip(cell).is_some(), place) {
            (true, _) => "s-ip",
            (false, 0) if names == 2 || cell.starts_with("W3SVC") => "s-sitename",
            _ => "s-computername",
        };
        row.push(name, cell);
    }
    row.push("cs-method", cells.get(method)?);
    row.push("cs-uri-stem", cells.get(method + 1)?);
    row.push("cs-uri-query", cells.get(method + 2)?);
    let mut at = method + 3;
    if is_port(cells, at) {
        row.push("s-port", cells.get(at)?);
        at += 1;
    }
    if !is_ip(cells, at) {
        row.push("cs-username", cells.get(at)?);
        at += 1;
    }
    if !is_ip(cells, at) {
        return None;
    }
    row.push("c-ip", cells.get(at)?);
    at += 1;
    if cells.get(at).is_some_and(|cell| cell.starts_with("HTTP/")) {
        row.push("cs-version", cells.get(at)?);
        at += 1;
    }
    Some(at)
}

/// The agent, cookie, referrer and host, as many as were chosen, the status and what stands behind it.
fn answer<'a>(cells: &[&'a str], at: usize, row: &mut Row<'a>) -> Option<()> {
    let status = (at..cells.len()).find(|at| is_status(cells, *at))?;
    let names: &[&str] = match status - at {
        0 => &[],
        1 => &["cs(User-Agent)"],
        2 => &["cs(User-Agent)", "cs(Referer)"],
        3 => &["cs(User-Agent)", "cs(Referer)", "cs-host"],
        4 => &["cs(User-Agent)", "cs(Cookie)", "cs(Referer)", "cs-host"],
        _ => return None,
    };
    for (name, cell) in names.iter().zip(cells.get(at..status)?) {
        row.push(name, cell);
    }
    let tail = cells.get(status..)?;
    let names: &[&str] = match tail.len() {
        1 => &["sc-status"],
        2 => &["sc-status", "time-taken"],
        3 => &["sc-status", "sc-substatus", "sc-win32-status"],
        4 => &["sc-status", "sc-substatus", "sc-win32-status", "time-taken"],
        5 if tail.get(4).is_some_and(|cell| cell.parse::<i64>().is_err()) => {
            &["sc-status", "sc-substatus", "sc-win32-status", "time-taken", "x-forwarded-for"]
        }
        5 => &["sc-status", "sc-substatus", "sc-win32-status", "sc-bytes", "cs-bytes"],
        _ => &["sc-status", "sc-substatus", "sc-win32-status", "sc-bytes", "cs-bytes", "time-taken", "x-forwarded-for"],
    };
    for (name, cell) in names.iter().zip(tail) {
        row.push(name, cell);
    }
    Some(())
}

fn is_ip(cells: &[&str], at: usize) -> bool {
    cells.get(at).is_some_and(|cell| put::ip(cell).is_some())
}

fn is_port(cells: &[&str], at: usize) -> bool {
    cells.get(at).is_some_and(|cell| cell.parse::<u16>().is_ok())
}

fn is_method(cell: &str) -> bool {
    cell.len() >= 3 && cell.bytes().all(|byte| byte.is_ascii_uppercase() || b"_-".contains(&byte))
}

fn is_stem(cell: &str) -> bool {
    cell.starts_with('/') || cell == "*" || cell == "-" || cell.contains("://")
}

/// A status is three digits with nothing but numbers for the next two cells.
fn is_status(cells: &[&str], at: usize) -> bool {
    let number = |at: usize| cells.get(at).is_none_or(|cell| cell.parse::<u64>().is_ok());
    cells
        .get(at)
        .is_some_and(|cell| cell.len() == 3 && cell.parse::<u16>().is_ok_and(|status| (100..600).contains(&status)))
        && number(at + 1)
        && number(at + 2)
}
