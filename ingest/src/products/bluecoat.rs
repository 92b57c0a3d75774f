//! Blue Coat ProxySG and Symantec Edge SWG: ELFF access logs (`main`, `bcreportermain_v1`, any `#Fields:`), and formats that
//! write `name=value` or JSON with these names, as files or behind a syslog header.
//!
//! Without a header line the `main` layouts of SGOS 4 to 7 are told from the place of the filter result
//! (`OBSERVED`, `PROXIED`, `DENIED`). Times are UTC. Cells without a field are kept as `bluecoat.<name>`.
//! Source: Symantec SGOS Administration Guide, "Access Log Formats"; ELFF field reference.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::elff::{self, Header};
use crate::json::Walker;
use crate::parser::{Context, Names, Parser, Reason};
use crate::row::{Row, Table};
use crate::{put, syslog, time};

/// Parser of ProxySG's access logs.
#[derive(Default)]
pub struct Bluecoat {
    header: Header,
    walker: Walker,
    names: Names,
}

/// The columns of `main` behind the filter result.
const MAIN: [&str; 21] = [
    "sc-filter-result",
    "cs-categories",
    "cs(Referer)",
    "sc-status",
    "s-action",
    "cs-method",
    "rs(Content-Type)",
    "cs-uri-scheme",
    "cs-host",
    "cs-uri-port",
    "cs-uri-path",
    "cs-uri-query",
    "cs-uri-extension",
    "cs(User-Agent)",
    "s-ip",
    "sc-bytes",
    "cs-bytes",
    "x-virus-id",
    "x-bluecoat-application-name",
    "x-bluecoat-application-operation",
    "cs-threat-risk",
];
/// The columns before it.
const LEAD: [&str; 7] = ["date", "time", "time-taken", "c-ip", "cs-username", "cs-auth-group", "x-exception-id"];
/// `main` of SGOS 4 and 5, where status and action follow the client; `s-hierarchy` in some.
const OLD: [&str; 20] = [
    "date",
    "time",
    "time-taken",
    "c-ip",
    "sc-status",
    "s-action",
    "sc-bytes",
    "cs-bytes",
    "cs-method",
    "cs-uri-scheme",
    "cs-host",
    "cs-uri-port",
    "cs-uri-path",
    "cs-uri-query",
    "cs-username",
    "cs-auth-group",
    "s-supplier-name",
    "rs(Content-Type)",
    "cs(Referer)",
    "cs(User-Agent)",
];
/// What follows the filter result there.
const OLD_END: [&str; 4] = ["sc-filter-result", "cs-categories", "x-virus-id", "s-ip"];
/// The same in `bcreportermain_v1`.
const LEAD_REPORTER: [&str; 11] = [
    "date",
    "time",
    "time-taken",
    "c-ip",
    "cs-username",
    "cs-auth-group",
    "s-supplier-name",
    "s-supplier-ip",
    "s-supplier-country",
    "s-supplier-failures",
    "x-exception-id",
];

static TABLE: &Table = &[
    ("sc-bytes", fields::DESTINATION_BYTES),
    ("sc-bytes", fields::HTTP_RESPONSE_BYTES),
    ("cs-bytes", fields::SOURCE_BYTES),
    ("cs-bytes", fields::HTTP_REQUEST_BYTES),
    ("s-ip", fields::OBSERVER_IP),
    ("s-computername", fields::OBSERVER_NAME),
    ("c-port", fields::SOURCE_PORT),
    ("cs-auth-group", fields::USER_GROUP_NAME),
    ("x-exception-id", fields::EVENT_REASON),
    ("cs-categories", fields::RULE_CATEGORY),
    ("x-virus-id", fields::RULE_NAME),
    ("x-rs-connection-negotiated-cipher", fields::TLS_CIPHER),
    ("x-cs-connection-negotiated-cipher", fields::TLS_CIPHER),
    ("x-rs-certificate-hostname", fields::TLS_CLIENT_SERVER_NAME),
    ("s-source-ip", fields::SOURCE_NAT_IP),
    ("s-source-port", fields::SOURCE_NAT_PORT),
];

const TAKEN: &[&str] = &[
    "date",
    "time",
    "time-taken",
    "c-ip",
    "c-port",
    "cs-username",
    "cs-method",
    "sc-status",
    "cs(User-Agent)",
    "cs(Referer)",
    "rs(Content-Type)",
    "cs-uri-scheme",
    "cs-host",
    "cs-uri-port",
    "cs-uri-path",
    "cs-uri-query",
    "cs-uri-extension",
    "sc-bytes",
    "cs-bytes",
    "s-ip",
];

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "bluecoat"),
    (fields::EVENT_CATEGORY, "web"),
    (fields::EVENT_CATEGORY, "network"),
    (fields::EVENT_TYPE, "access"),
    (fields::OBSERVER_VENDOR, "Broadcom"),
    (fields::OBSERVER_PRODUCT, "Edge SWG"),
    (fields::OBSERVER_TYPE, "proxy"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "bluecoat"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "proxy"),
];

impl Parser for Bluecoat {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let mut line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let bare = |line: &str| {
            let date = time::civil_date(line.as_bytes());
            date.is_some_and(|(_, length)| line.as_bytes().get(length).is_some_and(|byte| matches!(byte, b' ' | b'\t')))
        };
        if !bare(line) && !line.starts_with('#') {
            let head = syslog::parse(line, context);
            put::observer(&head, event);
            line = head.message;
        }
        if self.header.directive(line, event) {
            event.push(fields::EVENT_MODULE, Value::Str("bluecoat"));
            return Ok(());
        }
        if line.starts_with('{') {
            let row = named(&Row::of_json(line, &mut self.walker, arena)?, arena);
            if !row.has("c-ip") && !row.has("cs-host") {
                return Err(Reason("JSON without a client or a host of a ProxySG"));
            }
            self.record(&row, context, arena, event);
            return Ok(());
        }
        let mut cells = elff::cells(line, arena);
        for cell in cells.iter_mut().filter(|cell| **cell == "none") {
            *cell = "-";
        }
        let row = self.header.row(&cells, arena).or_else(|| by_shape(&cells, arena)).or_else(|| pairs(line, arena));
        let Some(row) = row else {
            return appliance(line, event)
                .ok_or(Reason("columns of no known ProxySG layout, and no #Fields line before"));
        };
        self.record(&row, context, arena, event);
        Ok(())
    }
}

impl Bluecoat {
    fn record<'a>(&mut self, row: &Row<'a>, context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
        elff::times(row, false, context, event);
        fill(row, arena, event);
        put::constants(CONSTANT, event);
        row.keep("bluecoat.", TAKEN, &mut self.names, event);
    }
}

/// The appliance's own event log: `250017 User 'admin' logged in from 192.0.2.5 (0) NORMAL_EVENT authutility.cpp 113`.
fn appliance<'a>(line: &'a str, event: &mut Event<'a>) -> Option<()> {
    const LOGIN: put::Class = put::Class {
        category: &["authentication"],
        kind: &["start", "info"],
        action: "admin-login",
        outcome: "success",
    };
    let at = ["NORMAL_EVENT", "SEVERE_ERROR", "CONFIGURATION_EVENT", "SECURITY_EVENT"]
        .iter()
        .find_map(|word| line.find(word));
    let text = line.get(..at?)?;
    let text = text.strip_prefix("ProxySG: ").unwrap_or(text);
    let text = text.rsplit_once('(').map_or(text, |(text, _)| text).trim();
    let (code, text) = text.split_once(' ').filter(|(code, _)| code.len() <= 8).unwrap_or(("", text));
    event.push_str(fields::EVENT_CODE, code);
    event.push_str(fields::MESSAGE, text);
    if let Some(user) = put::between(text, "User '", "'") {
        event.push_str(fields::USER_NAME, user);
        if text.contains("logged in") {
            put::class(&LOGIN, event);
        } else if text.contains("fail") || text.contains("denied") {
            put::class(&put::Class { outcome: "failure", ..LOGIN }, event);
        }
    }
    if let Some((_, address)) = text.split_once(" from ") {
        put::end(&put::SOURCE, put::word(address).0.trim_end_matches([',', '.']), event);
    }
    put::words(fields::EVENT_TYPE, &["info"], event);
    for (field, value) in CONSTANT {
        if *field != fields::EVENT_CATEGORY && *field != fields::EVENT_TYPE {
            event.push(*field, Value::Str(value));
        }
    }
    Some(())
}

fn by_shape<'a>(cells: &[&'a str], arena: &'a Bump) -> Option<Row<'a>> {
    put::ip(cells.get(3)?)?;
    let at = (5..cells.len().min(24)).find(|at| matches!(cells[*at], "OBSERVED" | "PROXIED" | "DENIED"))?;
    if at > 14 {
        return old(cells, at, arena);
    }
    let lead: &[&str] = match at {
        7 => &LEAD,
        11 => &LEAD_REPORTER,
        _ => return None,
    };
    let names = bumpalo::collections::Vec::from_iter_in(lead.iter().chain(&MAIN).copied(), arena);
    Some(Row::of_cells(&names, cells.iter().copied(), arena))
}

/// `main` of SGOS 4 and 5: agent, referrer and type stand before the result, the first fourteen at their places.
fn old<'a>(cells: &[&'a str], at: usize, arena: &'a Bump) -> Option<Row<'a>> {
    let mut names: bumpalo::collections::Vec<'_, &str> = bumpalo::collections::Vec::from_iter_in(OLD, arena);
    match at {
        19 => _ = names.remove(18),
        20 => {}
        21 => names.insert(16, "s-hierarchy"),
        _ => return None,
    }
    // Of nineteen columns the type or the referrer is the one left out.
    if at == 19 && cells[17].contains('/') && !cells[17].contains("://") {
        names[17] = "rs(Content-Type)";
    } else if at == 19 {
        names[17] = "cs(Referer)";
    }
    names.extend(OLD_END);
    Some(Row::of_cells(&names, cells.iter().copied(), arena))
}

/// `c-ip=192.0.2.10 cs-User-Agent="..." s-action=TCP_HIT`: names of ELFF, with `-` for its brackets.
fn pairs<'a>(line: &'a str, arena: &'a Bump) -> Option<Row<'a>> {
    let raw = Row::of_pairs(line, b' ', arena);
    if !raw.has("c-ip") && !raw.has("cs-host") {
        return None;
    }
    Some(named(&raw, arena))
}

/// The values under the names that ELFF has for them.
fn named<'a>(raw: &Row<'a>, arena: &'a Bump) -> Row<'a> {
    let mut row = Row::new(arena);
    for (name, value) in raw.pairs() {
        let name = match name {
            "cs-User-Agent" | "cs-user-agent" | "User-Agent" | "cs(user-agent)" => "cs(User-Agent)",
            "cs-Referer" | "Referer" | "cs(referer)" => "cs(Referer)",
            "rs-Content-Type" | "Content-Type" | "rs(content-type)" => "rs(Content-Type)",
            "c-url" | "url" => "c-uri",
            "rs-status" if !raw.has("sc-status") => "sc-status",
            other => other,
        };
        row.push(name, if value.eq_ignore_ascii_case("none") { "-" } else { value });
    }
    row
}

fn fill<'a>(row: &Row<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    put::end(&put::SOURCE, row.get(&["c-ip", "x-client-address"]), event);
    row.put(TABLE, event);
    let user = row.get(&["cs-username", "cs-user", "cs-userdn"]);
    // A user of a directory is a path: `cn=sato,ou=soumu,dc=example`.
    let user = user
        .strip_prefix("cn=")
        .or_else(|| user.strip_prefix("CN="))
        .map_or(user, |rest| rest.split(',').next().unwrap_or(rest));
    put::user(user, event);
    elff::http(row, arena, event);
    let action = row.get(&["s-action"]);
    event.push_str(fields::EVENT_ACTION, action);
    match row.get(&["sc-filter-result"]) {
        "DENIED" => put::words(fields::EVENT_TYPE, &["denied"], event),
        "OBSERVED" | "PROXIED" if action.contains("DENIED") => put::words(fields::EVENT_TYPE, &["denied"], event),
        "OBSERVED" | "PROXIED" => put::words(fields::EVENT_TYPE, &["allowed"], event),
        _ => {}
    }
    let version = row.get(&["x-rs-connection-negotiated-ssl-version", "x-cs-connection-negotiated-ssl-version"]);
    if let Some(number) = version.strip_prefix("TLSv") {
        event.push_str(fields::TLS_VERSION, number);
        event.push(fields::TLS_VERSION_PROTOCOL, Value::Str("tls"));
    }
    let host = row.get(&["cs-host", "cs-uri-hostname", "cs-uri-host"]);
    event.push_str(fields::URL_DOMAIN, host);
    let server = row.get(&["r-ip", "cs-ip", "s-supplier-ip", "r-supplier-ip"]);
    let server = if server.is_empty() { host } else { server };
    if let Some(ip) = put::ip(server) {
        event.push(fields::DESTINATION_IP, Value::Ip(ip));
    }
    if put::ip(host).is_none() {
        event.push_str(fields::DESTINATION_DOMAIN, host);
    }
    let port = row.get(&["cs-uri-port", "r-port"]);
    put::port(fields::URL_PORT, port, event);
    put::port(fields::DESTINATION_PORT, port, event);
    let (scheme, path, query) = (row.get(&["cs-uri-scheme"]), row.get(&["cs-uri-path"]), row.get(&["cs-uri-query"]));
    event.push_str(fields::URL_SCHEME, scheme);
    event.push_str(fields::URL_PATH, path);
    event.push_str(fields::URL_QUERY, query.strip_prefix('?').unwrap_or(query));
    event.push_str(fields::URL_EXTENSION, row.get(&["cs-uri-extension"]));
    if let Some(url) = row.find(&["cs-uri", "c-uri"]) {
        event.push_str(fields::URL_ORIGINAL, url);
        if url.contains("://") {
            event.push_str(fields::URL_FULL, url);
        }
        if host.is_empty() {
            super::squid::url::push(url, event);
        }
    } else if !host.is_empty() && row.get(&["cs-method"]) == "CONNECT" {
        let target = if port.is_empty() { host } else { arena.alloc_str(&format!("{host}:{port}")) };
        event.push_str(fields::URL_ORIGINAL, target);
    } else if !host.is_empty() && !scheme.is_empty() {
        let default = matches!((scheme, port), ("http", "80") | ("https", "443") | ("ftp", "21") | (_, ""));
        let at = if default { String::new() } else { format!(":{port}") };
        let url = arena.alloc_str(&format!("{scheme}://{host}{at}{path}{query}"));
        event.push(fields::URL_ORIGINAL, Value::Str(url));
        event.push(fields::URL_FULL, Value::Str(url));
    }
}
