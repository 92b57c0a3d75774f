//! ALSI InterSafe WebFilter and InterSafe CATS: the HTTP access log, separated by tabs, commas or blanks, with or without a
//! syslog header.
//!
//! Columns: date, time, protocol, client address, group, account, browser, state (`Proxied`, `Blocked`, `Allowed`,
//! `BlkPost`, `Release`...), server address or -, status, host, time taken (ms), bytes sent, bytes received, MIME type, -,
//! reason, category, and by version: registered categories, security category, URL, HTTP version, method, referrer. What
//! stands behind the category is told by its shape. Source: ALSI FAQ 5032, 5168, 5258, 5299 (access log formats).

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use stream::{Event, FieldId, Value, fields};

use crate::parser::{Context, Parser, Reason};
use crate::{csv_cells, json_keys, put, syslog, time};

/// Parser of InterSafe's access log.
#[derive(Default)]
pub struct Intersafe {}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "intersafe"),
    (fields::EVENT_CATEGORY, "web"),
    (fields::EVENT_CATEGORY, "network"),
    (fields::EVENT_TYPE, "access"),
    (fields::OBSERVER_VENDOR, "ALSI"),
    (fields::OBSERVER_PRODUCT, "InterSafe"),
    (fields::OBSERVER_TYPE, "proxy"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "intersafe"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "proxy"),
];

impl Parser for Intersafe {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        const NOT: Reason = Reason("no date, time, protocol and address: not an InterSafe access log");
        let mut line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}', '\t']);
        if !line.starts_with(|first: char| first.is_ascii_digit() || first == '"') {
            let head = syslog::parse(line, context);
            put::observer(&head, event);
            line = head.message;
        }
        let separator = if line.contains('\t') {
            '\t'
        } else if line.get(..32.min(line.len())).is_some_and(|lead| lead.contains(',')) {
            ','
        } else {
            ' '
        };
        let mut cells = BumpVec::from_iter_in(
            csv_cells::cells(line, separator, arena).filter(|cell| separator != ' ' || !cell.is_empty()),
            arena,
        );
        // Date and time in one cell.
        if let Some((date, clock)) = cells.first().and_then(|cell| cell.split_once(' ')) {
            cells.splice(0..1, [date, clock]).for_each(drop);
        }
        let at = |index: usize| cells.get(index).copied().unwrap_or("");
        let (date, _) = time::civil_date(at(0).as_bytes()).ok_or(NOT)?;
        let (clock, _) = time::civil_time(at(1).as_bytes()).ok_or(NOT)?;
        let civil = time::Civil::new(date, clock).ok_or(NOT)?;
        if !["http", "ftp", "ssl", "connect"].iter().any(|name| at(2).to_ascii_lowercase().starts_with(name)) {
            return Err(NOT);
        }
        event.set(fields::TIMESTAMP, Value::Time(context.zone.instant(&civil)));
        json_keys::lower(fields::NETWORK_PROTOCOL, at(2), arena, event);
        put::end(&put::SOURCE, at(3), event);
        event.push_str(fields::USER_GROUP_NAME, at(4));
        put::user(at(5), event);
        event.push_str(fields::USER_AGENT_ORIGINAL, at(6));
        verdict(at(7), event);
        put::end(&put::DESTINATION, at(8), event);
        put::status(at(9), event);
        let host = at(10);
        event.push_str(fields::URL_DOMAIN, host.rsplit_once(':').map_or(host, |(name, _)| name));
        if event.has(fields::DESTINATION_IP) && put::ip(host).is_none() {
            event.push_str(fields::DESTINATION_DOMAIN, host.rsplit_once(':').map_or(host, |(name, _)| name));
        }
        put::end_with_port(&put::DESTINATION, host, event);
        if let Ok(millis @ 1..) = at(11).parse::<i64>() {
            event.push(fields::EVENT_DURATION, Value::Int(millis.saturating_mul(1_000_000)));
        }
        put::count(fields::HTTP_REQUEST_BYTES, at(12), event);
        put::count(fields::HTTP_RESPONSE_BYTES, at(13), event);
        event.push_str(fields::HTTP_RESPONSE_MIME_TYPE, at(14));
        event.push_str(fields::EVENT_REASON, at(16));
        event.push_str(fields::RULE_CATEGORY, at(17));
        rest(cells.get(18..).unwrap_or(&[]), event);
        put::constants(CONSTANT, event);
        Ok(())
    }
}

/// What newer versions add: a URL, a version, a method, a referrer.
fn rest<'a>(cells: &[&'a str], event: &mut Event<'a>) {
    for cell in cells {
        if cell.contains("://") && !event.has(fields::URL_ORIGINAL) {
            event.push_str(fields::URL_ORIGINAL, cell);
            event.push_str(fields::URL_FULL, cell);
            event.remove(fields::URL_DOMAIN);
            super::squid::url::push(cell, event);
        } else if cell.contains("://") {
            put::text(fields::HTTP_REQUEST_REFERRER, cell, event);
        } else if let Some(version) = cell.strip_prefix("HTTP/") {
            put::text(fields::HTTP_VERSION, version, event);
        } else if matches!(*cell, "GET" | "POST" | "PUT" | "HEAD" | "DELETE" | "CONNECT" | "OPTIONS" | "PATCH") {
            put::text(fields::HTTP_REQUEST_METHOD, cell, event);
        }
    }
}

fn verdict<'a>(state: &'a str, event: &mut Event<'a>) {
    event.push_str(fields::EVENT_ACTION, state);
    let kind: &[&'static str] = match state.to_ascii_lowercase().as_str() {
        "proxied" | "allowed" | "release" | "confirm" => &["allowed"],
        "blocked" | "blkpost" | "denied" | "block" => &["denied"],
        _ => &[],
    };
    put::words(fields::EVENT_TYPE, kind, event);
}
