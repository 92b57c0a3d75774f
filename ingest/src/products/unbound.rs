//! Unbound: queries (`log-queries`), replies (`log-replies`), local zones (`log-local-actions`), RPZ, SERVFAIL reasons, from
//! its own file (`[seconds] unbound[pid:thread] level: text`) or behind a syslog header.
//!
//! Source: unbound.conf(5), "log-*" options; `util/log.c`, `services/localzone.c`.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::parser::{Context, Names, Parser, Reason};
use crate::{put, syslog, time};

/// Parser of Unbound's log.
#[derive(Default)]
pub struct Unbound {
    names: Names,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "unbound"),
    (fields::EVENT_CATEGORY, "network"),
    (fields::NETWORK_PROTOCOL, "dns"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "unbound"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "dns"),
];

const LEVELS: [&str; 9] = ["info", "error", "warning", "notice", "debug", "fatal error", "query", "reply", "servfail"];

impl Parser for Unbound {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        _arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let own = |text: &'a str| {
            let (stamp, rest) = text.strip_prefix('[')?.split_once("] ")?;
            Some((time::epoch(stamp).filter(|_| stamp.len() >= 10)?, rest))
        };
        let (mut text, mut known) = (line, false);
        if own(line).is_none() {
            let head = syslog::parse(line, context);
            put::header(&head, event);
            event.push_str(fields::PROCESS_NAME, head.appname.unwrap_or(""));
            known = head.appname.is_some_and(|name| name.contains("unbound"));
            text = head.message;
        }
        // A file's line, which may have been forwarded behind a header.
        if let Some((stamp, rest)) = own(text) {
            event.set(fields::TIMESTAMP, Value::Time(stamp));
            text = rest;
        }
        // Its own tag is no tag of syslog: `unbound[1234:0] info: `; through syslog `[1234:0] info: `.
        let tagged = text.split_once(' ').filter(|(process, _)| process.starts_with("unbound[") || is_ids(process));
        if let Some((process, rest)) = tagged {
            // Without a header the ids and a level tell.
            known |= process.starts_with("unbound")
                || rest.split_once(": ").is_some_and(|(level, _)| LEVELS.contains(&level));
            put::count(fields::PROCESS_PID, put::between(process, "[", ":").unwrap_or(""), event);
            text = rest;
        }
        if let Some((level, rest)) = text.split_once(": ")
            && LEVELS.contains(&level)
        {
            event.push_str(fields::LOG_LEVEL, level);
            text = rest;
        }
        event.push_str(fields::MESSAGE, text);
        if !(self.query(text, event) || self.local(text, event) || known) {
            return Err(Reason("neither a query nor a line of Unbound"));
        }
        put::constants(CONSTANT, event);
        put::text(fields::PROCESS_NAME, "unbound", event);
        if !event.has(fields::EVENT_TYPE) {
            put::words(fields::EVENT_TYPE, &["info"], event);
        }
        Ok(())
    }
}

/// `[1234:0]`, `[1234:1f]`: process, and thread in hexadecimal.
fn is_ids(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    inner.and_then(|inner| inner.split_once(':')).is_some_and(|(process, thread)| {
        let digits = |text: &str, known: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(known);
        digits(process, u8::is_ascii_digit) && digits(thread, u8::is_ascii_hexdigit)
    })
}

impl Unbound {
    fn own<'a>(&mut self, key: &str, value: &'a str, event: &mut Event<'a>) {
        if let Some(field) = self.names.field("unbound.", key) {
            event.push_str(field, value);
        }
    }

    /// `192.0.2.1 www.example.jp. A IN [NOERROR 0.001 0 120]`.
    fn query<'a>(&mut self, text: &'a str, event: &mut Event<'a>) -> bool {
        let mut words = text.split(' ');
        let (Some(client), Some(name), Some(kind), Some(class)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return false;
        };
        if put::ip(client).is_none() || !matches!(class, "IN" | "CH" | "HS" | "ANY" | "NONE") {
            return false;
        }
        put::end(&put::SOURCE, client, event);
        question(name, kind, class, event);
        put::words(fields::EVENT_TYPE, &["protocol"], event);
        match words.next() {
            None => {
                event.push(fields::DNS_TYPE, Value::Str("query"));
                event.push(fields::EVENT_ACTION, Value::Str("query"));
            }
            Some(code) => {
                event.push(fields::DNS_TYPE, Value::Str("answer"));
                event.push(fields::EVENT_ACTION, Value::Str("reply"));
                event.push_str(fields::DNS_RESPONSE_CODE, code);
                event.push(fields::EVENT_OUTCOME, Value::Str(if code == "NOERROR" { "success" } else { "failure" }));
                let elapsed = words
                    .next()
                    .and_then(|text| text.parse::<f64>().ok())
                    .filter(|seconds| (0.0..1e6).contains(seconds));
                if let Some(seconds) = elapsed {
                    event.push(fields::EVENT_DURATION, Value::Int((seconds * 1e6).round() as i64 * 1000));
                }
                self.own("cached", words.next().unwrap_or(""), event);
                put::count(fields::DESTINATION_BYTES, words.next().unwrap_or(""), event);
            }
        }
        true
    }

    /// `example.com. always_nxdomain 192.0.2.1@5353 www.example.com. A IN`, `rpz: applied [zone] trigger action client name type class`.
    fn local<'a>(&mut self, text: &'a str, event: &mut Event<'a>) -> bool {
        let Some(client) =
            text.split(' ').find(|word| word.split_once('@').is_some_and(|(address, _)| put::ip(address).is_some()))
        else {
            return false;
        };
        let (address, port) = client.split_once('@').unwrap_or((client, ""));
        let (before, after) = text.split_once(client).unwrap_or((text, ""));
        put::end(&put::SOURCE, address, event);
        put::port(fields::SOURCE_PORT, port, event);
        let mut words = after.split_whitespace();
        question(words.next().unwrap_or(""), words.next().unwrap_or(""), words.next().unwrap_or(""), event);
        let action = before.trim_end().rsplit(' ').next().unwrap_or("");
        event.push_str(fields::EVENT_ACTION, action);
        let rule = match before.strip_prefix("rpz: applied [").and_then(|rest| rest.split_once(']')) {
            Some((zone, _)) => zone,
            None => put::word(before).0,
        };
        event.push_str(fields::RULE_NAME, rule.trim_end_matches('.'));
        let passed = action.contains("transparent") || action.contains("passthru") || action == "inform";
        put::words(fields::EVENT_TYPE, &["protocol", if passed { "allowed" } else { "denied" }], event);
        true
    }
}

fn question<'a>(name: &'a str, kind: &'a str, class: &'a str, event: &mut Event<'a>) {
    event.push_str(fields::DNS_QUESTION_NAME, if name == "." { name } else { name.trim_end_matches('.') });
    event.push_str(fields::DNS_QUESTION_TYPE, kind);
    event.push_str(fields::DNS_QUESTION_CLASS, class);
}
