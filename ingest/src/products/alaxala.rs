//! AlaxalA AX switches and routers: system messages behind RFC 3164 headers, access list logging, logins.
//!
//! `EVT 11/20 10:00:00 E3 PORT GigabitEthernet1/0/1 25011001 1350:0000000000ab Port up`: event level, function, interface,
//! message id and text. ACL logging: `denied:[(vlan)]6 192.0.2.1(1024)(interface) -> 198.51.100.1(80), 1 packets`, with the
//! protocol as a number. Source: AX series message and log reference, ACLLOG.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use super::router;
use crate::parser::{Context, Parser, Reason};
use crate::{flow_text, put};

/// Parser of AX messages.
#[derive(Default)]
pub struct Alaxala {}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_MODULE, "alaxala"),
    (fields::OBSERVER_VENDOR, "AlaxalA"),
    (fields::OBSERVER_PRODUCT, "AX"),
    (fields::OBSERVER_TYPE, "switch"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "alaxala"),
];

impl Parser for Alaxala {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let (program, text) = router::header(line, true, context, event);
        if text.is_empty() {
            return Err(Reason("empty line"));
        }
        event.push_str(fields::LOG_LOGGER, program);
        if let Some(at) = text.find("denied:").or_else(|| text.find("permitted:")) {
            event.push_str(fields::MESSAGE, text);
            event_code(&text[..at], event);
            access_list(&text[at..], event);
            router::finish(CONSTANT, "firewall", event);
            return Ok(());
        }
        event_code(text, event);
        let category = router::text(text, arena, event);
        router::finish(CONSTANT, category, event);
        Ok(())
    }
}

/// The message id, eight hexadecimal digits, and the event level before it (`E3`, `S6`).
fn event_code<'a>(text: &'a str, event: &mut Event<'a>) {
    for word in text.split(' ').take(12) {
        if word.len() == 2 && word.starts_with(['E', 'S', 'R']) && word.as_bytes()[1].is_ascii_digit() {
            put::text(fields::LOG_LEVEL, word, event);
        }
        if word.len() == 8
            && word.bytes().all(|byte| byte.is_ascii_hexdigit())
            && word.bytes().any(|byte| byte.is_ascii_digit())
        {
            event.push_str(fields::EVENT_CODE, word);
            return;
        }
    }
}

/// `denied:[(10)]6 192.0.2.1(1024)(VLAN0010) -> 198.51.100.1(80), 1 packets`.
fn access_list<'a>(text: &'a str, event: &mut Event<'a>) {
    let (verb, rest) = text.split_once(':').unwrap_or((text, ""));
    put::words(fields::EVENT_CATEGORY, &["network"], event);
    put::words(fields::EVENT_TYPE, &["connection", if verb == "denied" { "denied" } else { "allowed" }], event);
    event.push_str(fields::EVENT_ACTION, verb);
    let rest = match rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
        Some((vlan, rest)) => {
            event.push_str(fields::NETWORK_VLAN_ID, vlan);
            rest
        }
        None => rest,
    };
    let (left, right) = rest.split_once(" -> ").unwrap_or((rest, ""));
    let (protocol, source) = left.trim_start().split_once(' ').unwrap_or(("", left));
    flow_text::transport(protocol, event);
    // The port in the first brackets, the interface in the last.
    let interface = source.rsplit_once('(').map_or("", |(_, inner)| inner.trim_end_matches(')'));
    if interface.parse::<u16>().is_err() {
        event.push_str(fields::OBSERVER_INGRESS_INTERFACE_NAME, interface);
    }
    let ends = [
        (source, fields::SOURCE_IP, fields::SOURCE_PORT),
        (put::word(right).0, fields::DESTINATION_IP, fields::DESTINATION_PORT),
    ];
    for (text, ip, port) in ends {
        if let Some((address, number)) = flow_text::endpoint(text) {
            event.push(ip, Value::Ip(address));
            if let Some(number) = number {
                event.push(port, Value::Int(i64::from(number)));
            }
        }
    }
    if let Some((_, count)) = right.rsplit_once(", ") {
        put::count(fields::NETWORK_PACKETS, put::word(count).0, event);
    }
}
