//! Digital Arts i-FILTER, D-SPA and i-FILTER@Cloud: the access log of Ver. 10 (35 columns), of Ver. 8 and 9 (29 columns),
//! and of the cloud service, separated by blanks, with or without a syslog header; and the block log (17 columns).
//!
//! | Columns | Layout |
//! |---|---|
//! | 35 | time (3) pid version parent server peer client computer user [time] status sent received action reason category... group ... "request" referrer agent mime id |
//! | 29 | time (3) pid version server client computer user [time] "request""referrer"agent status sent received action reason category... group mime ... id |
//! | block | pid client user group level time url action reason category... |
//!
//! The order can be customised, so columns are found by their shape: the bracketed time, the quoted request, the action
//! (`pass`, `block`, ...), not by number. Agent and MIME type are percent-decoded; quoted columns may touch each other.
//! Source: Digital Arts FAQ 4301, 2196, 5614, 2800 (log formats).

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use stream::{Event, FieldId, Value, fields};

use crate::parser::{Context, Names, Parser, Reason};
use crate::{put, syslog, time};

/// Parser of i-FILTER's logs.
#[derive(Default)]
pub struct Ifilter {
    names: Names,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "ifilter"),
    (fields::EVENT_CATEGORY, "web"),
    (fields::EVENT_CATEGORY, "network"),
    (fields::EVENT_TYPE, "access"),
    (fields::OBSERVER_VENDOR, "Digital Arts"),
    (fields::OBSERVER_PRODUCT, "i-FILTER"),
    (fields::OBSERVER_TYPE, "proxy"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "ifilter"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "proxy"),
];

/// The most columns read.
const COLUMNS_MAX: usize = 96;

/// One column, and how it was written.
#[derive(Clone, Copy)]
enum Column<'a> {
    Bare(&'a str),
    Quoted(&'a str),
    Bracketed(&'a str),
}

impl Parser for Ifilter {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        const NOT: Reason = Reason("neither an access log nor a block log of i-FILTER");
        // The leading time has no year, the bracketed one has: the nearest to that is meant.
        let begun = put::between(line, "[", "]").and_then(|stamp| time::common_log(stamp, &context.zone));
        let context = &Context { received: begun.unwrap_or(context.received), zone: context.zone.clone() };
        let whole = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let mut line = whole;
        // A syslog header before the log's own time; without one, the time is the log's.
        let (priority, rest) = syslog::without_priority(line);
        if let Some(number) = priority {
            super::fortinet_fortigate::push_priority(number, event);
            line = rest;
        }
        // RFC 5424, or an ISO time by a relay.
        let versioned = priority.is_some() && line.starts_with("1 ");
        if versioned || time::iso_prefix(line, &context.zone).is_some() {
            let head = syslog::parse(if versioned { whole } else { line }, context);
            event.push_str(fields::OBSERVER_NAME, head.hostname.unwrap_or(""));
            if let Some(stamp) = head.timestamp {
                event.set(fields::TIMESTAMP, Value::Time(stamp));
            }
            line = own_time(head.message, context, event);
        }
        if let Some((stamp, length)) = time::rfc3164_prefix(line, context) {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
            line = line.get(length..).unwrap_or("").trim_start();
            // The process number follows the log's own time, a host the relay's.
            if !put::word(line).0.bytes().all(|byte| byte.is_ascii_digit()) {
                let (host, rest) = put::word(line);
                event.push_str(fields::OBSERVER_NAME, host);
                line = rest;
                let tag = put::word(line).0;
                if tag.ends_with(':') {
                    line = put::word(line).1;
                }
                line = own_time(line, context, event);
            }
        }
        let columns = columns(line, separator(line), arena);
        let bracket = columns.iter().position(|column| matches!(column, Column::Bracketed(_)));
        match bracket {
            Some(at) => self.access(&columns, at, context, arena, event).ok_or(NOT)?,
            None => self.blocked(&columns, context, event).ok_or(NOT)?,
        }
        put::constants(CONSTANT, event);
        Ok(())
    }
}

/// The log's own time behind the relay's: what follows.
fn own_time<'a>(line: &'a str, context: &Context, event: &mut Event<'a>) -> &'a str {
    match time::rfc3164_prefix(line, context) {
        Some((stamp, length)) => {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
            line.get(length..).unwrap_or("").trim_start()
        }
        None => line,
    }
}

impl Ifilter {
    fn own<'a>(&mut self, key: &str, value: &'a str, event: &mut Event<'a>) {
        if let Some(field) = self.names.field("ifilter.", key) {
            event.push_str(field, value);
        }
    }

    fn access<'a>(
        &mut self,
        columns: &[Column<'a>],
        bracket: usize,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Option<()> {
        if let Column::Bracketed(stamp) = columns[bracket]
            && let Some(stamp) = time::common_log(stamp, &context.zone)
        {
            event.push(fields::EVENT_START, Value::Time(stamp));
            if !event.has(fields::TIMESTAMP) {
                event.push(fields::TIMESTAMP, Value::Time(stamp));
            }
        }
        let request_at =
            columns.iter().position(|column| matches!(column, Column::Quoted(text) if is_request(text)))?;
        self.who(columns.get(..bracket)?, arena, event);
        if let Column::Quoted(request) = columns[request_at] {
            request_line(request, arena, event);
        }
        let bare = |at: usize| match columns.get(at) {
            Some(Column::Bare(text) | Column::Quoted(text)) => *text,
            _ => "",
        };
        // Status, sent, received and action stand behind the time (35) or behind the agent (29).
        let status_at = (bracket + 1..columns.len()).find(|at| is_status(bare(*at)) && is_action(bare(at + 3)))?;
        put::status(bare(status_at), event);
        put::count(fields::HTTP_REQUEST_BODY_BYTES, bare(status_at + 1), event);
        put::count(fields::HTTP_RESPONSE_BYTES, bare(status_at + 2), event);
        self.verdict(bare(status_at + 3), bare(status_at + 4), bare(status_at + 5), event);
        event.push_str(fields::HTTP_REQUEST_REFERRER, bare(request_at + 1));
        event.push_str(fields::USER_AGENT_ORIGINAL, plus_and_percent(bare(request_at + 2), arena));
        let mime = columns.iter().filter_map(|column| match column {
            Column::Bare(text) => Some(*text),
            _ => None,
        });
        if let Some(mime) = mime.skip(status_at.saturating_sub(3)).find(|text| is_mime(text)) {
            event.push_str(fields::HTTP_RESPONSE_MIME_TYPE, plus_and_percent(mime, arena));
        }
        let group = if request_at > status_at { bare(request_at.saturating_sub(4)) } else { bare(status_at + 7) };
        if group.parse::<f64>().is_err() && !group.contains('/') {
            event.push_str(fields::USER_GROUP_NAME, plus_and_percent(group, arena));
        }
        event.push_str(fields::EVENT_ID, bare(columns.len().checked_sub(1)?));
        Some(())
    }

    /// `pid version [parent] server [peer] client computer user`, before the bracketed time.
    fn who<'a>(&mut self, columns: &[Column<'a>], arena: &'a Bump, event: &mut Event<'a>) {
        let bare: [&str; 8] =
            std::array::from_fn(|at| match columns.len().checked_sub(8 - at).and_then(|at| columns.get(at)) {
                Some(Column::Bare(text)) => *text,
                _ => "",
            });
        let [.., last] = bare;
        put::user(plus_and_percent(last, arena), event);
        let (pid, version, rest) =
            match columns.iter().position(|column| matches!(column, Column::Bare(text) if is_version(text))) {
                Some(at) if at > 0 => (columns.get(at - 1), columns.get(at), columns.get(at + 1..).unwrap_or(&[])),
                _ => (None, None, columns),
            };
        if let (Some(Column::Bare(pid)), Some(Column::Bare(version))) = (pid, version) {
            put::count(fields::PROCESS_PID, pid, event);
            event.push_str(fields::OBSERVER_VERSION, version);
        }
        let text = |at: usize| match rest.get(at) {
            Some(Column::Bare(text)) => *text,
            _ => "",
        };
        let (parent, server, client, computer) = match rest.len() {
            6.. => (text(0), text(1), text(3), text(4)),
            _ => ("", text(0), text(1), text(2)),
        };
        self.own("parent_proxy", parent, event);
        put::end_with_port(&put::DESTINATION, server, event);
        let peer = if rest.len() >= 6 { text(2) } else { "" };
        put::end(&put::SOURCE, if client.is_empty() || client == "-" { peer } else { client }, event);
        if client != peer {
            self.own("peer", peer, event);
        }
        event.push_str(fields::SOURCE_DOMAIN, computer);
    }

    /// `pid client user group level time url action reason category ...`.
    fn blocked<'a>(&mut self, columns: &[Column<'a>], context: &Context, event: &mut Event<'a>) -> Option<()> {
        let text = |at: usize| match columns.get(at) {
            Some(Column::Bare(text) | Column::Quoted(text) | Column::Bracketed(text)) => *text,
            None => "",
        };
        // The time is `06/Oct/2026:11:26:21 +0900`: two columns.
        let at = (3..columns.len().min(9)).find(|at| text(*at).matches('/').count() == 2 && text(*at).contains(':'))?;
        let stamp = time::common_log(text(at), &context.zone)?;
        let offset = time::offset(text(at + 1)).unwrap_or_else(|| context.zone.offset_at(stamp));
        let local = context.zone.offset_at(stamp);
        event.set(fields::TIMESTAMP, Value::Time(stamp.plus_nanos(i64::from(local - offset) * 1_000_000_000)));
        put::count(fields::PROCESS_PID, text(0), event);
        put::end(&put::SOURCE, text(1), event);
        put::user(text(2), event);
        event.push_str(fields::USER_GROUP_NAME, text(3));
        let url_at = (at + 1..columns.len()).find(|at| text(*at).contains("://"))?;
        let url = text(url_at);
        event.push_str(fields::URL_ORIGINAL, url);
        event.push_str(fields::URL_FULL, url);
        super::squid::url::push(url, event);
        self.verdict(text(url_at + 1), text(url_at + 2), text(url_at + 3), event);
        Some(())
    }

    fn verdict<'a>(&mut self, action: &'a str, reason: &'a str, category: &'a str, event: &mut Event<'a>) {
        event.push_str(fields::EVENT_ACTION, action);
        let lower = action.to_ascii_lowercase();
        if lower.contains("block") || lower.contains("deny") {
            put::words(fields::EVENT_TYPE, &["denied"], event);
        } else if lower.contains("pass") || lower.contains("allow") || lower.contains("release") {
            put::words(fields::EVENT_TYPE, &["allowed"], event);
        }
        event.push_str(fields::EVENT_CODE, reason);
        event.push_str(fields::RULE_CATEGORY, category);
    }
}

/// The separator before the bracketed time: blanks, unless the log's format was set to tabs or commas.
fn separator(line: &str) -> char {
    if line.contains("\t") {
        '\t'
    } else if line.contains(",[") || line.contains(",\"[") || line.matches(',').count() > 15 {
        ','
    } else {
        ' '
    }
}

/// Splits a line at separators; quoted and bracketed columns are whole, and may touch their neighbours.
fn columns<'a>(line: &'a str, separator: char, arena: &'a Bump) -> BumpVec<'a, Column<'a>> {
    let mut columns = BumpVec::with_capacity_in(40, arena);
    let mut rest = line.trim_start_matches(separator);
    while !rest.is_empty() && columns.len() < COLUMNS_MAX {
        if let Some((inner, after)) = put::quoted(rest) {
            match inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
                Some(stamp) => columns.push(Column::Bracketed(stamp)),
                None => columns.push(Column::Quoted(inner)),
            }
            rest = after;
        } else if let Some((inner, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            columns.push(Column::Bracketed(inner));
            rest = after;
        } else {
            let end = rest.find([separator, '"']).filter(|at| *at > 0).unwrap_or(rest.len());
            columns.push(Column::Bare(&rest[..end]));
            rest = &rest[end..];
        }
        rest = rest.trim_start_matches(separator);
    }
    columns
}

/// The columns of a line as text, for a source that says itself what they are; what is percent-encoded is decoded, but
/// for quoted requests and URLs.
pub(super) fn cells<'a>(line: &'a str, arena: &'a Bump) -> BumpVec<'a, &'a str> {
    let columns = columns(line, separator(line), arena);
    BumpVec::from_iter_in(
        columns.iter().map(|column| match column {
            Column::Bare(text) if !text.contains("://") => plus_and_percent(text, arena),
            Column::Bare(text) | Column::Quoted(text) | Column::Bracketed(text) => text,
        }),
        arena,
    )
}

/// `GET http://... HTTP/1.1`.
fn is_request(text: &str) -> bool {
    text.contains(" HTTP/")
        || text.split_once(' ').is_some_and(|(method, _)| method.bytes().all(|byte| byte.is_ascii_uppercase()))
}

fn is_status(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit()) || text == "0"
}

fn is_action(text: &str) -> bool {
    !text.is_empty() && text != "-" && text.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-".contains(&byte))
}

/// `1000/01/`.
fn is_version(text: &str) -> bool {
    text.contains('/') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'/')
}

fn is_mime(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    [
        "text%2f",
        "application%2f",
        "image%2f",
        "video%2f",
        "audio%2f",
        "font%2f",
        "multipart%2f",
        "text/",
        "application/",
        "image/",
    ]
    .iter()
    .any(|lead| lower.starts_with(lead))
}

fn plus_and_percent<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    let text = if text.contains('%') && text.contains('+') { arena.alloc_str(&text.replace('+', " ")) } else { text };
    put::percent_decoded(text, arena)
}

fn request_line<'a>(request: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    put::request(request, arena, event);
    let target = event.get_str(fields::URL_ORIGINAL).unwrap_or("");
    if !target.contains("://") && !target.starts_with('/') {
        // CONNECT names a host and a port.
        let authority = super::squid::url::Authority::read(target);
        event.push_str(fields::URL_DOMAIN, authority.host);
        if let Some(port) = authority.port {
            event.push(fields::URL_PORT, Value::Int(i64::from(port)));
        }
    }
    if let Some(host) = event.get_str(fields::URL_DOMAIN)
        && put::ip(host).is_none()
        && !event.has(fields::DESTINATION_DOMAIN)
    {
        event.push(fields::DESTINATION_DOMAIN, Value::Str(host));
    }
}
