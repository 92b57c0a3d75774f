//! FreeRADIUS (and NetAttest EPS, which is built on it): `radius.log` of 2.x and 3.x, the same behind a syslog header, and
//! records of `detail` in one line (`Attribute = value` pairs).
//!
//! `user.name` is the user in brackets without password and suffix; `source.mac` the calling station (`cli`), the client is
//! `observer.name`. Source: FreeRADIUS `src/main/auth.c`, `rlm_detail`, radiusd.conf `log`.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use super::dhcpd::mac;
use crate::parser::{Context, Names, Parser, Reason};
use crate::put::{self, Class};
use crate::row::{Row, Table};
use crate::{syslog, time};

/// Parser of FreeRADIUS's logs.
#[derive(Default)]
pub struct Freeradius {
    names: Names,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "freeradius"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "freeradius"),
    (fields::SEKISHO_LOGSOURCE_SERVICE, "radius"),
];

static DETAIL: &Table = &[
    ("User-Name", fields::USER_NAME),
    ("NAS-Identifier", fields::OBSERVER_NAME),
    ("NAS-IP-Address", fields::OBSERVER_IP),
    ("NAS-IPv6-Address", fields::OBSERVER_IP),
    ("Framed-IP-Address", fields::SOURCE_IP),
    ("Framed-IPv6-Address", fields::SOURCE_IP),
    ("Acct-Input-Octets", fields::SOURCE_BYTES),
    ("Acct-Output-Octets", fields::DESTINATION_BYTES),
    ("Acct-Input-Packets", fields::SOURCE_PACKETS),
    ("Acct-Output-Packets", fields::DESTINATION_PACKETS),
    ("Acct-Session-Id", fields::EVENT_ID),
    ("Acct-Terminate-Cause", fields::EVENT_REASON),
    ("Reply-Message", fields::EVENT_REASON),
];

impl Parser for Freeradius {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        put::constants(CONSTANT, event);
        let (mut text, mut known) = (line, false);
        if own_time(line, context).is_none() {
            let head = syslog::parse(line, context);
            put::header(&head, event);
            event.push_str(fields::PROCESS_NAME, head.appname.unwrap_or(""));
            (text, known) = (head.message, head.appname.is_some_and(|name| name.contains("radius")));
        }
        // Also behind a header, as a forwarded file has it.
        if let Some((stamp, rest)) = own_time(text, context) {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
            known |= rest.starts_with(" : ");
            text = rest.trim_start_matches([' ', ':']);
        }
        if text.contains("User-Name = ") || text.contains("Acct-Status-Type = ") || text.contains("Packet-Type = ") {
            self.detail(text, arena, event);
            return Ok(());
        }
        let (level, text) = level(text);
        event.push_str(fields::LOG_LEVEL, level);
        let text = request_number(text);
        event.push_str(fields::MESSAGE, text);
        if !self.login(text, arena, event) && !unknown_client(text, event) && !known {
            return Err(Reason("neither a login nor a log level of FreeRADIUS"));
        }
        if !event.has(fields::EVENT_TYPE) {
            put::words(
                fields::EVENT_TYPE,
                &[if level.eq_ignore_ascii_case("error") { "error" } else { "info" }],
                event,
            );
        }
        Ok(())
    }
}

impl Freeradius {
    fn own<'a>(&mut self, key: &str, value: &'a str, event: &mut Event<'a>) {
        if let Some(field) = self.names.field("radius.", key) {
            event.push_str(field, value);
        }
    }

    /// `Login OK: [user] (from client ap port 5 cli mac)`, `Login incorrect (reason): [user/password] (...)`.
    fn login<'a>(&mut self, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> bool {
        const DENIED: [&str; 4] = ["Login incorrect", "Invalid user", "Multiple logins", "Rejected in"];
        // Appliances write words of their own before it. The first counts: what follows may be the user's text.
        let found = DENIED.iter().chain(&["Login OK"]).filter_map(|lead| text.find(lead)).min();
        let Some(text) = found.map(|at| &text[at..]).filter(|rest| rest.len() == text.len() || rest.contains(": ["))
        else {
            return false;
        };
        let denied = !text.starts_with("Login OK");
        let outcome = if denied { "failure" } else { "success" };
        put::class(&Class { category: &["authentication"], kind: &["start", "info"], action: "login", outcome }, event);
        put::words(fields::EVENT_TYPE, &[if denied { "denied" } else { "allowed" }], event);
        let (lead, rest) = text.split_once(": [").unwrap_or((text, ""));
        if let Some((_, reason)) = lead.split_once('(') {
            let reason = reason.trim_end();
            event.push_str(fields::EVENT_REASON, reason.strip_suffix(')').unwrap_or(reason));
        }
        // The user's own text may hold brackets: the client's part is the last.
        let (who, from) = rest.rsplit_once("] (from client ").unwrap_or((rest.split(']').next().unwrap_or(""), ""));
        // `user/password`, `user/<via Auth-Type = mschap>`; a machine is `host/name`.
        let start = if who.starts_with("host/") { 5 } else { 0 };
        let name = who[start..].find('/').map_or(who, |at| &who[..start + at]);
        put::user(name, event);
        let mut words = from.trim_end_matches(')').split(' ');
        event.push_str(fields::OBSERVER_NAME, words.next().unwrap_or(""));
        while let Some(word) = words.next() {
            match word {
                "port" => self.own("nas_port", words.next().unwrap_or(""), event),
                "cli" => {
                    let station = words.next().unwrap_or("").trim_end_matches(')');
                    match mac(station, arena) {
                        Some(mac) => event.push(fields::SOURCE_MAC, Value::Str(mac)),
                        None => put::end(&put::SOURCE, station, event),
                    }
                }
                "via" => self.own("via", from.rsplit("via ").next().unwrap_or("").trim_end_matches(')'), event),
                _ => {}
            }
        }
        true
    }

    /// `User-Name = "sato" NAS-IP-Address = 192.0.2.1 ...`.
    fn detail<'a>(&mut self, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
        let mut row = Row::new(arena);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(" = ") {
            let key = before.rsplit([' ', '\t', ',', ';']).next().unwrap_or("");
            let (value, next) = match put::quoted(after) {
                Some((value, next)) => (value, next),
                None => after.split_at(after.find([' ', '\t', ',', ';']).unwrap_or(after.len())),
            };
            row.push(key, value);
            rest = next;
        }
        row.put(DETAIL, event);
        if let Some(ip) = event.get(fields::SOURCE_IP).and_then(Value::ip) {
            event.push(fields::SOURCE_ADDRESS, Value::Str(arena.alloc_str(&ip.to_string())));
        }
        if let Some(mac) = mac(row.get(&["Calling-Station-Id"]), arena) {
            event.push(fields::SOURCE_MAC, Value::Str(mac));
        }
        if let Ok(seconds @ 0..) = row.get(&["Acct-Session-Time"]).parse::<i64>() {
            event.push(fields::EVENT_DURATION, Value::Int(seconds.saturating_mul(1_000_000_000)));
        }
        if let Some(stamp) = time::epoch(row.get(&["Timestamp"]))
            && !event.has(fields::TIMESTAMP)
        {
            event.push(fields::TIMESTAMP, Value::Time(stamp));
        }
        let kind = row.get(&["Acct-Status-Type", "Packet-Type"]);
        event.push_str(fields::EVENT_ACTION, kind);
        let class = match kind {
            "Start" => Class { category: &["session"], kind: &["start"], ..Class::default() },
            "Stop" => Class { category: &["session"], kind: &["end"], ..Class::default() },
            "Access-Accept" => {
                Class { category: &["authentication"], kind: &["start", "allowed"], outcome: "success", action: "" }
            }
            "Access-Reject" => {
                Class { category: &["authentication"], kind: &["start", "denied"], outcome: "failure", action: "" }
            }
            "Access-Request" => Class { category: &["authentication"], kind: &["start"], ..Class::default() },
            _ => Class { category: &["session"], kind: &["info"], ..Class::default() },
        };
        put::class(&class, event);
        row.keep("radius.", &["User-Password"], &mut self.names, event);
    }
}

/// `Ignoring request to auth address * port 1812 ... from unknown client 192.0.2.9 port 41022 proto udp`: whether it is that.
fn unknown_client<'a>(text: &'a str, event: &mut Event<'a>) -> bool {
    let Some((server, peer)) = text.split_once("from unknown client ").filter(|_| text.starts_with("Ignoring request"))
    else {
        return false;
    };
    // `to auth address * port 1812`: `*` is every address.
    let mut words = server.split(' ').skip_while(|word| *word != "address").skip(1);
    let address = words.next().unwrap_or("");
    if put::ip(address).is_some_and(|ip| !ip.is_unspecified()) {
        put::end(&put::DESTINATION, address, event);
    }
    put::port(fields::DESTINATION_PORT, words.nth(1).unwrap_or(""), event);
    let mut words = peer.split(' ');
    put::end(&put::SOURCE, words.next().unwrap_or(""), event);
    while let Some(word) = words.next() {
        match word {
            "port" => put::port(fields::SOURCE_PORT, words.next().unwrap_or(""), event),
            "proto" => crate::flow_text::transport(words.next().unwrap_or(""), event),
            _ => {}
        }
    }
    put::class(
        &Class {
            category: &["network", "authentication"],
            kind: &["denied", "connection", "info"],
            action: "unknown-client",
            outcome: "failure",
        },
        event,
    );
    true
}

/// `Fri Nov 20 10:00:00 2026`.
fn own_time<'a>(line: &'a str, context: &Context) -> Option<(stream::Timestamp, &'a str)> {
    let (day, rest) = line.split_once(' ')?;
    let rest = rest.trim_start();
    let (stamp, length) = time::rfc3164_prefix(rest, context).filter(|_| day.len() == 3)?;
    Some((stamp, rest.get(length..)?))
}

/// `Auth: `, `Info: `, `Error: `.
fn level(text: &str) -> (&str, &str) {
    match text.split_once(": ") {
        Some((
            level @ ("Auth" | "Info" | "Error" | "Debug" | "Warning" | "Proxy" | "Acct" | "WARNING" | "ERROR" | "INFO"),
            rest,
        )) => (level, rest.trim_start()),
        _ => ("", text),
    }
}

/// Cuts off `(12) ` and `[auth] `.
fn request_number(text: &str) -> &str {
    match text.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
        Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => rest.trim_start(),
        _ => text,
    }
}
