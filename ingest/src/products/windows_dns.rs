//! Windows DNS Server: the debug log (`dns.log`), packets in one line each, in English and Japanese date formats.
//!
//! `2026/11/20 10:00:00 0F9C PACKET  00000000 UDP Rcv 192.0.2.10 0002   Q [0001   D   NOERROR] A  (3)www(7)example(3)com(0)`:
//! date, time, thread, context, packet, protocol, direction, peer, transaction id, `R` of a response, operation, flags and
//! result in brackets, type, name with the length of each label. Lines of other contexts (`EVENT`, `NOTE`) keep their
//! text; what follows a packet with details is refused as not a line of its own. Source: Microsoft, "DNS Logging and
//! Diagnostics", message logging key in the file's own head.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::parser::{Context, Parser, Reason};
use crate::{put, syslog};

/// Parser of the DNS debug log.
#[derive(Default)]
pub struct WindowsDns {}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "windows_dns"),
    (fields::OBSERVER_VENDOR, "Microsoft"),
    (fields::OBSERVER_PRODUCT, "Windows DNS Server"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "windows"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "dns"),
    (fields::SEKISHO_LOGSOURCE_SERVICE, "dns-server"),
];

impl Parser for WindowsDns {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let mut text = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        if !text.starts_with(|first: char| first.is_ascii_digit()) {
            let head = syslog::parse(text, context);
            put::observer(&head, event);
            text = head.message;
        }
        let (date, rest) = put::word(text);
        let (clock, mut rest) = put::word(rest);
        let mut stamp = bumpalo::format!(in arena, "{} {}", date, clock);
        if let (half @ ("AM" | "PM"), after) = put::word(rest) {
            stamp.push(' ');
            stamp.push_str(half);
            rest = after;
        }
        let stamp = super::csv::instant(stamp.into_bump_str(), context)
            .filter(|_| clock.contains(':'))
            .ok_or(Reason("no date and time of a DNS debug log"))?;
        event.set(fields::TIMESTAMP, Value::Time(stamp));
        event.push_str(fields::MESSAGE, rest);
        put::constants(CONSTANT, event);
        let (thread, rest) = put::word(rest);
        if let Ok(thread) = i64::from_str_radix(thread, 16) {
            event.push(fields::PROCESS_THREAD_ID, Value::Int(thread));
        }
        let (kind, rest) = put::word(rest);
        event.push_str(fields::EVENT_PROVIDER, kind);
        if kind != "PACKET" || packet(rest, arena, event).is_none() {
            put::words(fields::EVENT_TYPE, &["info"], event);
        }
        Ok(())
    }
}

/// `00000000 UDP Rcv 192.0.2.10 0002 R Q [8081 DR NOERROR] A (3)www(7)example(3)com(0)`.
fn packet<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> Option<()> {
    let (lead, rest) = text.split_once('[')?;
    let (flags, question) = rest.split_once(']')?;
    let mut words = lead.split_ascii_whitespace();
    let _packet = words.next()?;
    let (transport, way, peer, id) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let mut operation = words.next().unwrap_or("");
    let answer = operation == "R";
    if answer {
        operation = words.next().unwrap_or("");
    }
    crate::flow_text::transport(transport, event);
    event.push(fields::NETWORK_PROTOCOL, Value::Str("dns"));
    event.push_str(fields::DNS_ID, id);
    event.push(fields::DNS_TYPE, Value::Str(if answer { "answer" } else { "query" }));
    event.push_str(
        fields::DNS_OP_CODE,
        match operation {
            "Q" => "QUERY",
            "N" => "NOTIFY",
            "U" => "UPDATE",
            _ => "",
        },
    );
    let received = way.eq_ignore_ascii_case("rcv");
    // Who asks is the source: of a query received and of an answer sent the peer, else the server.
    let asks = received != answer;
    put::end(if asks { &put::SOURCE } else { &put::DESTINATION }, peer, event);
    event.push(fields::NETWORK_DIRECTION, Value::Str(if asks { "inbound" } else { "outbound" }));
    let mut flags = flags.split_ascii_whitespace();
    let _hex = flags.next();
    let code = flags.next_back().unwrap_or("");
    let (kind, name) = put::word(question);
    event.push_str(fields::DNS_QUESTION_TYPE, kind);
    event.push_str(fields::DNS_QUESTION_NAME, labels(name.trim(), arena));
    if answer {
        event.push_str(fields::DNS_RESPONSE_CODE, code);
        event.push(fields::EVENT_OUTCOME, Value::Str(if code == "NOERROR" { "success" } else { "failure" }));
    }
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    put::words(fields::EVENT_TYPE, &["protocol"], event);
    event.push(fields::EVENT_ACTION, Value::Str(if answer { "dns-answer" } else { "dns-query" }));
    Some(())
}

/// `(3)www(7)example(3)com(0)` as `www.example.com`.
fn labels<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    if !text.starts_with('(') {
        return text;
    }
    let mut name = bumpalo::collections::String::with_capacity_in(text.len(), arena);
    for label in text.split('(').filter_map(|part| part.split_once(')')).map(|(_, label)| label) {
        if !label.is_empty() {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(label);
        }
    }
    if name.is_empty() { "." } else { name.into_bump_str() }
}
