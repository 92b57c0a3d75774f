//! ISC BIND named: queries, responses, query errors, security, RPZ, transfers, updates, lame servers and rate limits, from
//! its own files (`20-Nov-2026 10:00:00.123 category: severity: `, ISO 8601 too) or behind a syslog header.
//!
//! The client's line `client [@0x...] address#port [(name)]: [view v: ]message` is read for every category. The address in
//! the brackets at the end of a query is the server that was asked. Source: BIND 9 Administrator Reference Manual,
//! "logging" and `querylog`.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::parser::{Context, Names, Parser, Reason};
use crate::{put, syslog, time};

/// Parser of named's logs.
#[derive(Default)]
pub struct Bind {
    names: Names,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "bind"),
    (fields::EVENT_CATEGORY, "network"),
    (fields::NETWORK_PROTOCOL, "dns"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "bind"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "dns"),
];

const SEVERITIES: [&str; 8] = ["critical", "error", "warning", "notice", "info", "debug", "dynamic", "fatal"];

impl Parser for Bind {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        _arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let mut known = false;
        let mut text = line;
        if let Some((stamp, rest)) = own_time(line, context) {
            event.push(fields::TIMESTAMP, Value::Time(stamp));
            (text, known) = (rest, true);
        } else {
            let head = syslog::parse(line, context);
            put::header(&head, event);
            event.push_str(fields::PROCESS_NAME, head.appname.unwrap_or(""));
            known |= head.appname.is_some_and(|name| name.contains("named") || name.contains("bind"));
            text = if head.message.is_empty() { text } else { head.message };
            // A second time stamp, of `print-time yes`.
            if let Some((stamp, rest)) = own_time(text, context) {
                event.set(fields::TIMESTAMP, Value::Time(stamp));
                text = rest;
            }
        }
        let text = self.category(text, event);
        event.push_str(fields::MESSAGE, text);
        if !(self.client(text, event) || general(text, event) || known) {
            return Err(Reason("no time, category or client of named"));
        }
        put::constants(CONSTANT, event);
        if !event.has(fields::EVENT_TYPE) {
            put::words(fields::EVENT_TYPE, &["info"], event);
        }
        Ok(())
    }
}

impl Bind {
    fn own<'a>(&mut self, key: &str, value: &'a str, event: &mut Event<'a>) {
        if let Some(field) = self.names.field("bind.", key) {
            event.push_str(field, value);
        }
    }

    /// `queries: info: `, either part may be missing.
    fn category<'a>(&mut self, text: &'a str, event: &mut Event<'a>) -> &'a str {
        let mut rest = text;
        for _ in 0..2 {
            let Some((word, after)) = rest.split_once(": ") else { break };
            let plain = !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b' ' | b'0'..=b'9'));
            // `info`, `debug 3`; a text may begin with such a word too.
            let level = word.split(' ').count() <= 2
                && word.bytes().all(|b| b.is_ascii_lowercase() || b == b' ' || b.is_ascii_digit());
            if level && SEVERITIES.contains(&word.split(' ').next().unwrap_or("")) {
                event.push_str(fields::LOG_LEVEL, word);
            } else if plain
                && !word.contains(' ')
                && after
                    .split_once(": ")
                    .is_some_and(|(next, _)| SEVERITIES.contains(&next.split(' ').next().unwrap_or("")))
                || matches!(
                    word,
                    "queries"
                        | "query-errors"
                        | "security"
                        | "rpz"
                        | "client"
                        | "resolver"
                        | "responses"
                        | "xfer-in"
                        | "xfer-out"
                        | "update"
                        | "update-security"
                        | "lame-servers"
                        | "rate-limit"
                        | "general"
                        | "notify"
                        | "dnssec"
                        | "network"
                )
            {
                self.own("category", word, event);
            } else {
                break;
            }
            rest = after;
        }
        rest
    }

    /// `client @0x7f2a 192.0.2.1#5353 (name): message`.
    fn client<'a>(&mut self, text: &'a str, event: &mut Event<'a>) -> bool {
        let Some(rest) = text.strip_prefix("client ") else { return false };
        let rest = match rest.strip_prefix('@') {
            Some(pointer) => put::word(pointer).1,
            None => rest,
        };
        let Some((address, after)) = rest.split_once('#') else { return false };
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (port, after) = after.split_at(digits);
        put::end(&put::SOURCE, address, event);
        put::port(fields::SOURCE_PORT, port, event);
        // `/key name` of a signed request, then `(name)` or `: (name)`.
        let after =
            after.strip_prefix("/key ").map_or(after, |rest| rest.find([' ', ':']).map_or("", |at| &rest[at..]));
        let after = after.trim_start_matches([':', ' ']);
        let (asked, message) = match after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            Some((asked, rest)) => (asked, rest.trim_start_matches([':', ' '])),
            None => ("", after),
        };
        let message = match message.strip_prefix("view ").and_then(|rest| rest.split_once(": ")) {
            Some((view, rest)) => {
                self.own("view", view, event);
                rest
            }
            None => message,
        };
        self.message(message, event);
        put::text(fields::DNS_QUESTION_NAME, asked.trim_end_matches('.'), event);
        true
    }

    fn message<'a>(&mut self, text: &'a str, event: &mut Event<'a>) {
        if let Some(rest) = text.strip_prefix("query: ") {
            self.query(rest, "query", event);
        } else if let Some(rest) = text.strip_prefix("response: ").or_else(|| text.strip_prefix("answer: ")) {
            self.query(rest, "answer", event);
        } else if let Some(subject) = quoted_subject(text) {
            // `query 'x/A/IN' denied`, `query (cache) 'x/A/IN' denied (allow-query-cache did not match)`.
            question(subject, event);
            let denied = text.contains("' denied");
            let action = text.split('\'').next().unwrap_or("").trim_end().trim_end_matches(" of");
            event.push_str(fields::EVENT_ACTION, action);
            if denied {
                put::words(fields::EVENT_TYPE, &["protocol", "denied"], event);
                event.push(fields::EVENT_OUTCOME, Value::Str("failure"));
                event.push(fields::DNS_RESPONSE_CODE, Value::Str("REFUSED"));
            }
        } else if let Some(rest) = text.strip_prefix("query failed (") {
            // `query failed (SERVFAIL) for x/IN/A at query.c:5`.
            put::words(fields::EVENT_TYPE, &["protocol", "error"], event);
            event.push(fields::EVENT_ACTION, Value::Str("query failed"));
            event.push(fields::EVENT_OUTCOME, Value::Str("failure"));
            if let Some((code, rest)) = rest.split_once(") for ") {
                event.push_str(fields::DNS_RESPONSE_CODE, code);
                let mut parts = put::word(rest).0.rsplitn(3, '/');
                event.push_str(fields::DNS_QUESTION_TYPE, parts.next().unwrap_or(""));
                event.push_str(fields::DNS_QUESTION_CLASS, parts.next().unwrap_or(""));
                event.push_str(fields::DNS_QUESTION_NAME, parts.next().unwrap_or("").trim_end_matches('.'));
            }
        } else if text.starts_with("rpz ") || text.starts_with("disabled rpz ") {
            self.rpz(text, event);
        } else if text.starts_with("rate limit ") || text.starts_with("would rate limit ") {
            event.push(fields::EVENT_ACTION, Value::Str("rate limit"));
            put::words(fields::EVENT_TYPE, &["protocol", "denied"], event);
        } else {
            event.push_str(fields::EVENT_REASON, text);
        }
    }

    /// `www.example.jp IN A +E(0)K (192.0.2.53)`; a response has its code behind the type, or behind ` -> ` at the end.
    fn query<'a>(&mut self, text: &'a str, kind: &'static str, event: &mut Event<'a>) {
        let mut words = text.split(' ');
        let name = words.next().unwrap_or("");
        event.push_str(fields::DNS_QUESTION_NAME, if name == "." { name } else { name.trim_end_matches('.') });
        event.push_str(fields::DNS_QUESTION_CLASS, words.next().unwrap_or(""));
        event.push_str(fields::DNS_QUESTION_TYPE, words.next().unwrap_or(""));
        event.push(fields::DNS_TYPE, Value::Str(kind));
        event.push(fields::EVENT_ACTION, Value::Str(kind));
        put::words(fields::EVENT_TYPE, &["protocol"], event);
        let mut flags = words.next().unwrap_or("");
        if kind == "answer" {
            let code = match text.rsplit_once(" -> ") {
                Some((_, code)) => put::word(code).0,
                None => std::mem::replace(&mut flags, words.next().unwrap_or("")),
            };
            event.push_str(fields::DNS_RESPONSE_CODE, code);
            event.push(fields::EVENT_OUTCOME, Value::Str(if code == "NOERROR" { "success" } else { "failure" }));
        }
        self.own("flags", flags, event);
        event.push(fields::NETWORK_TRANSPORT, Value::Str(if flags.contains('T') { "tcp" } else { "udp" }));
        if let Some(server) = put::between(text, " (", ")") {
            put::end(&put::DESTINATION, server, event);
        }
    }

    /// `rpz QNAME NXDOMAIN rewrite bad.example.jp/A/IN via bad.example.jp.rpz.example`.
    fn rpz<'a>(&mut self, text: &'a str, event: &mut Event<'a>) {
        let active = !text.starts_with("disabled");
        let mut words = text.strip_prefix("disabled ").unwrap_or(text).split(' ').skip(1);
        self.own("rpz.trigger", words.next().unwrap_or(""), event);
        let policy = words.next().unwrap_or("");
        self.own("rpz.policy", policy, event);
        event.push(fields::EVENT_ACTION, Value::Str("rpz rewrite"));
        if let Some((_, rest)) = text.split_once(" rewrite ") {
            question(put::word(rest).0, event);
        }
        if let Some((_, via)) = text.split_once(" via ") {
            event.push_str(fields::RULE_NAME, put::word(via).0);
        }
        let kind: &[&'static str] = if !active {
            &["info"]
        } else if policy == "PASSTHRU" {
            &["protocol", "allowed"]
        } else {
            &["protocol", "denied"]
        };
        put::words(fields::EVENT_TYPE, kind, event);
    }
}

/// Messages that are not about a client: `transfer of 'zone/IN' from ip#53`, resolver errors, lame servers.
fn general<'a>(text: &'a str, event: &mut Event<'a>) -> bool {
    let server = |text: &'a str, event: &mut Event<'a>| {
        if let Some((address, port)) = text.split_once('#') {
            put::end(&put::DESTINATION, address, event);
            put::port(fields::DESTINATION_PORT, port.split([' ', ':']).next().unwrap_or(""), event);
        }
    };
    if let Some((lead, rest)) = text.split_once(" resolving '") {
        let (subject, rest) = rest.split_once('\'').unwrap_or((rest, ""));
        question(subject, event);
        event.push_str(fields::EVENT_REASON, lead);
        server(rest.rsplit(": ").next().unwrap_or(""), event);
        put::words(fields::EVENT_TYPE, &["protocol", "error"], event);
        return true;
    }
    if let Some(rest) = text.strip_prefix("transfer of '") {
        let (zone, rest) = rest.split_once('\'').unwrap_or((rest, ""));
        event.push_str(fields::DNS_QUESTION_NAME, zone.split('/').next().unwrap_or(""));
        event.push(fields::EVENT_ACTION, Value::Str("zone transfer"));
        if let Some((_, from)) = rest.split_once(" from ") {
            server(from, event);
        }
        return true;
    }
    [
        "zone ",
        "zoneload",
        "managed-keys",
        "received notify",
        "network unreachable",
        "running",
        "all zones loaded",
        "loading ",
        "shutting down",
        "listening on ",
    ]
    .iter()
    .any(|lead| text.starts_with(lead))
}

/// The text between the quotes of `query 'x/A/IN' denied`.
fn quoted_subject(text: &str) -> Option<&str> {
    let lead = ["query", "zone transfer", "transfer of", "update", "bad zone transfer", "notify", "received notify"];
    lead.iter().any(|word| text.starts_with(word)).then_some(())?;
    put::between(text, "'", "'")
}

/// `name/TYPE/CLASS` or `name/CLASS`.
fn question<'a>(subject: &'a str, event: &mut Event<'a>) {
    let mut parts = subject.rsplitn(3, '/');
    let (last, middle, first) = (parts.next().unwrap_or(""), parts.next(), parts.next());
    event.push_str(fields::DNS_QUESTION_CLASS, if middle.is_some() { last } else { "" });
    let name = match (first, middle) {
        (Some(name), Some(kind)) => {
            event.push_str(fields::DNS_QUESTION_TYPE, kind);
            name
        }
        (None, Some(name)) => name,
        _ => last,
    };
    event.push_str(fields::DNS_QUESTION_NAME, name.trim_end_matches('.'));
}

/// `20-Nov-2026 10:00:00.123 ` or ISO 8601 with `T`.
fn own_time<'a>(text: &'a str, context: &Context) -> Option<(stream::Timestamp, &'a str)> {
    if text.as_bytes().get(10) == Some(&b'T') {
        let (stamp, length) = time::iso_prefix(text, &context.zone)?;
        // A host behind it makes it a syslog header.
        let rest = text.get(length..)?.trim_start();
        return rest.split(' ').next().filter(|word| word.ends_with(':')).map(|_| (stamp, rest));
    }
    let (day, rest) = text.split_once('-')?;
    let (month, rest) = rest.split_once('-')?;
    let (year, rest) = rest.split_once(' ')?;
    let month = time::month_number(month.as_bytes()).filter(|_| month.len() == 3)?;
    let (clock, length) = time::civil_time(rest.as_bytes())?;
    let civil = time::Civil::new((year.parse().ok()?, month, day.parse().ok()?), clock)?;
    Some((context.zone.instant(&civil), rest.get(length..)?.trim_start()))
}
