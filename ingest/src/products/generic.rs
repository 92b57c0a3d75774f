//! Formats without a product: `key=value`, JSON and CEF, each with or without a syslog header.
//!
//! What a key is known to mean becomes its ECS field when the value fits the field's kind (an address field takes only
//! an address); everything else is kept under `kv.`, `cef.`, or for JSON under its own dotted name. The words of
//! `event.action` and `event.outcome` that many vendors share become `event.type` `allowed` or `denied`.

mod cef;
mod json;
mod key_value;
mod ocsf;
mod plain;
mod trend_micro;

use std::collections::HashMap;

use stream::{Event, FieldId, Kind, Value, fields};

pub use self::cef::Cef;
pub(crate) use self::cef::{extension, pairs as cef_pairs};
pub use self::json::Json;
pub use self::key_value::KeyValue;

use crate::parser::{Context, Names};
use crate::{syslog, time};

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    /// This field, if the value fits its kind; else the format's own name.
    Field(FieldId),
    /// The format's own name only.
    Own,
    /// Half of a time stamp: `2026-11-20`.
    Date,
    /// Half of a time stamp, or a whole one.
    Time,
    /// The offset of the time stamp: `+0900`.
    Zone,
    /// Transport by name or by IANA number.
    Transport,
    /// HTTP status if it is one; else as [`To::Outcome`].
    Status,
    /// Whether it worked, if the word says so.
    Outcome,
    /// `user`, `DOMAIN\user`.
    User,
    /// 0 or inbound, 1 or outbound.
    Direction,
}

/// A format's table of keys, asked once per key: the answers are remembered, at most [`Names::MAX`] of them.
#[derive(Default)]
struct Lookup {
    known: HashMap<String, To>,
    names: Names,
}

impl Lookup {
    /// What `key` stands for: the table's answer (letter case does not matter), an ECS name itself, or its own.
    fn to(&mut self, key: &str, table: &[(&str, To)]) -> To {
        if let Some(to) = self.known.get(key) {
            return *to;
        }
        let listed = table.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, to)| *to);
        let to = listed.or_else(|| ecs(key).map(To::Field)).unwrap_or(To::Own);
        if self.known.len() < Names::MAX {
            self.known.insert(key.to_owned(), to);
        }
        to
    }

    /// Keeps a value under the format's own name.
    fn own<'a>(&mut self, prefix: &str, key: &str, value: Value<'a>, event: &mut Event<'a>) {
        if let Some(field) = self.names.field(prefix, key) {
            match value {
                Value::Str(text) => event.push_str(field, text),
                other => event.push(field, other),
            }
        }
    }
}

/// The ECS field of this name that a log may set; `sekisho.*` and what the decoder sets is not a log's to say.
fn ecs(name: &str) -> Option<FieldId> {
    fields::lookup(name).filter(|field| field.is_static() && !is_reserved(name))
}

/// Whether `name` is one that only sekisho itself sets.
fn is_reserved(name: &str) -> bool {
    const DECODERS: [FieldId; 3] = [fields::EVENT_ORIGINAL, fields::EVENT_CREATED, fields::EVENT_INGESTED];
    name.starts_with("sekisho.") || DECODERS.iter().any(|field| field.name() == name)
}

/// Sets the field if the text fits its kind; whether it did.
fn push_fitting<'a>(field: FieldId, text: &'a str, context: &Context, event: &mut Event<'a>) -> bool {
    let value = match field.kind() {
        Kind::Keyword | Kind::Text => {
            event.push_str(field, text);
            return true;
        }
        Kind::Int => text.parse().ok().map(Value::Int),
        Kind::Float => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float),
        Kind::Bool => match text {
            "true" | "True" | "TRUE" | "yes" | "1" => Some(Value::Bool(true)),
            "false" | "False" | "FALSE" | "no" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Ip => text.parse().ok().map(Value::Ip),
        Kind::Time => instant(text, context).map(Value::Time),
    };
    match value {
        Some(value) => {
            event.push(field, value);
            true
        }
        None => false,
    }
}

/// An instant in any whole form: ISO 8601, epoch, RFC 3164, common log.
fn instant(text: &str, context: &Context) -> Option<stream::Timestamp> {
    let whole = |found: Option<(stream::Timestamp, usize)>| found.filter(|(_, length)| *length == text.len());
    time::iso(text, &context.zone)
        .or_else(|| time::epoch(text).filter(|_| text.len() >= 9))
        .or_else(|| whole(time::rfc3164_prefix(text, context)).map(|(time, _)| time))
        .or_else(|| time::common_log(text, &context.zone))
}

/// A whole number since the Unix epoch: seconds, ms, us or ns by the number of digits, as in text.
pub(crate) fn epoch(number: i64) -> Option<stream::Timestamp> {
    if number <= 99_999_999 {
        return None;
    }
    let scale = match number.ilog10() + 1 {
        ..=11 => 1_000_000_000,
        12..=14 => 1_000_000,
        15..=17 => 1_000,
        _ => 1,
    };
    number.checked_mul(scale).map(stream::Timestamp)
}

/// Sets transport by name or number.
fn push_transport<'a>(text: &'a str, event: &mut Event<'a>) -> bool {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        event.push_str(fields::NETWORK_IANA_NUMBER, text);
        let name = match text {
            "1" => "icmp",
            "6" => "tcp",
            "17" => "udp",
            "47" => "gre",
            "50" => "esp",
            "58" => "ipv6-icmp",
            "132" => "sctp",
            _ => return true,
        };
        event.push(fields::NETWORK_TRANSPORT, Value::Str(name));
        return true;
    }
    const NAMES: [&str; 9] = ["tcp", "udp", "icmp", "gre", "esp", "sctp", "ipv6-icmp", "igmp", "ah"];
    match NAMES.iter().find(|name| name.eq_ignore_ascii_case(text)) {
        Some(name) => {
            event.push(fields::NETWORK_TRANSPORT, Value::Str(name));
            true
        }
        None => false,
    }
}

/// Sets `user.name` and, of `DOMAIN\user`, `user.domain`.
fn push_user<'a>(text: &'a str, event: &mut Event<'a>) {
    match text.rsplit_once('\\') {
        Some((domain, name)) => {
            event.push_str(fields::USER_DOMAIN, domain.trim_end_matches('\\'));
            event.push_str(fields::USER_NAME, name);
        }
        None => event.push_str(fields::USER_NAME, text),
    }
}

/// Whether it worked, as a word of ECS.
fn outcome_of(text: &str) -> Option<&'static str> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(&["success", "successful", "succeeded", "ok", "成功", "正常"]) {
        Some("success")
    } else if is(&["failure", "fail", "failed", "error", "denied", "失敗", "異常"]) {
        Some("failure")
    } else {
        None
    }
}

/// Sets an end from `address:port`, where the address alone does not fit; whether it did.
fn push_end_with_port<'a>(field: FieldId, text: &'a str, event: &mut Event<'a>) -> bool {
    let end = match field {
        fields::SOURCE_IP => &crate::put::SOURCE,
        fields::DESTINATION_IP => &crate::put::DESTINATION,
        _ => return false,
    };
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    if crate::put::ip(host).is_none() || port.parse::<u16>().is_err() {
        return false;
    }
    crate::put::end_with_port(end, text, event);
    event.has(field)
}

/// The field that `key=value` lines mean by this name, where it is a field of its own.
pub(crate) fn synonym(name: &str) -> Option<FieldId> {
    match key_value::of(name)? {
        To::Field(field) => Some(field),
        To::User => Some(fields::USER_NAME),
        _ => None,
    }
}

/// Says who sent the line, where the line does not say it itself.
fn push_sender<'a>(header: &syslog::Header<'a>, event: &mut Event<'a>) {
    if event.has(fields::HOST_NAME) || event.has(fields::OBSERVER_NAME) {
        return;
    }
    event.push_str(fields::HOST_HOSTNAME, header.hostname.unwrap_or(""));
    event.push_str(fields::HOST_NAME, header.hostname.unwrap_or(""));
    if !event.has(fields::PROCESS_NAME) && !event.has(fields::PROCESS_PID) {
        event.push_str(fields::PROCESS_NAME, header.appname.unwrap_or(""));
        if let Some(pid) = header.procid.and_then(|pid| pid.parse::<u32>().ok()) {
            event.push(fields::PROCESS_PID, Value::Int(i64::from(pid)));
        }
    }
}

/// Sets `log.syslog.*` of a header and, unless the event has one already, `@timestamp`.
fn push_header<'a>(header: &syslog::Header<'a>, event: &mut Event<'a>) {
    if let Some(number) = header.priority {
        super::fortinet_fortigate::push_priority(number, event);
    }
    if let Some(time) = header.timestamp
        && !event.has(fields::TIMESTAMP)
    {
        event.push(fields::TIMESTAMP, Value::Time(time));
    }
    event.push_str(fields::LOG_SYSLOG_HOSTNAME, header.hostname.unwrap_or(""));
    event.push_str(fields::LOG_SYSLOG_APPNAME, header.appname.unwrap_or(""));
    event.push_str(fields::LOG_SYSLOG_PROCID, header.procid.unwrap_or(""));
}

/// Says in ECS's words what the vendor's action and outcome say, when they are words that mean one thing.
fn push_verdict(event: &mut Event<'_>) {
    let Some(action) = event.get_str(fields::EVENT_ACTION) else { return };
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(action));
    let verdict = if is(&["allow", "allowed", "accept", "accepted", "permit", "permitted", "pass", "passed"]) {
        "allowed"
    } else if is(&[
        "deny",
        "denied",
        "drop",
        "dropped",
        "block",
        "blocked",
        "reject",
        "rejected",
        "prevent",
        "prevented",
        "discard",
    ]) {
        "denied"
    } else {
        return;
    };
    event.push_unique(fields::EVENT_TYPE, Value::Str(verdict));
    if event.has(fields::SOURCE_IP) && event.has(fields::DESTINATION_IP) {
        event.push_unique(fields::EVENT_CATEGORY, Value::Str("network"));
        event.push_unique(fields::EVENT_TYPE, Value::Str("connection"));
    }
}

/// Brings `event.outcome` to ECS's three words; others are removed.
fn tidy_outcome(event: &mut Event<'_>) {
    let Some(text) = event.get_str(fields::EVENT_OUTCOME) else { return };
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(&["success", "successful", "succeeded", "ok"]) {
        event.set(fields::EVENT_OUTCOME, Value::Str("success"));
    } else if is(&["failure", "fail", "failed", "error"]) {
        event.set(fields::EVENT_OUTCOME, Value::Str("failure"));
    } else if is(&["unknown"]) {
        event.set(fields::EVENT_OUTCOME, Value::Str("unknown"));
    } else {
        event.remove(fields::EVENT_OUTCOME);
    }
}

/// Sets `event.kind` unless the log says it.
fn push_kind(event: &mut Event<'_>) {
    if !event.has(fields::EVENT_KIND) {
        event.push(fields::EVENT_KIND, Value::Str("event"));
    }
}

#[cfg(test)]
mod tests;
