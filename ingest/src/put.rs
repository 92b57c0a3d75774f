//! The small steps that parsers share: an address with or without a port, a request line, a user, a class of event.
//!
//! Each sets what fits and leaves out what does not; `-` and empty text are nothing. What has a value keeps it, where
//! the function says so.

use std::net::IpAddr;

use bumpalo::Bump;
use stream::{Event, FieldId, Kind, Value, fields};

use crate::products::squid::url::Authority;
use crate::syslog;

/// The fields of one end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// Text as logged.
    pub(crate) address: FieldId,
    /// The same as an address.
    pub(crate) ip: FieldId,
    /// The same as a name.
    pub(crate) domain: FieldId,
    /// Its port.
    pub(crate) port: FieldId,
}

/// Where a connection comes from.
pub(crate) const SOURCE: End = End {
    address: fields::SOURCE_ADDRESS,
    ip: fields::SOURCE_IP,
    domain: fields::SOURCE_DOMAIN,
    port: fields::SOURCE_PORT,
};

/// Where it goes to.
pub(crate) const DESTINATION: End = End {
    address: fields::DESTINATION_ADDRESS,
    ip: fields::DESTINATION_IP,
    domain: fields::DESTINATION_DOMAIN,
    port: fields::DESTINATION_PORT,
};

/// What kind of event a line tells of, in ECS words; empty words are left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Class {
    /// `event.category`.
    pub(crate) category: &'static [&'static str],
    /// `event.type`.
    pub(crate) kind: &'static [&'static str],
    /// `event.action`.
    pub(crate) action: &'static str,
    /// `event.outcome`.
    pub(crate) outcome: &'static str,
}

/// Sets category, type, action and outcome beside what the event has already.
pub(crate) fn class(class: &Class, event: &mut Event<'_>) {
    words(fields::EVENT_CATEGORY, class.category, event);
    words(fields::EVENT_TYPE, class.kind, event);
    for (field, word) in [(fields::EVENT_ACTION, class.action), (fields::EVENT_OUTCOME, class.outcome)] {
        if !word.is_empty() {
            event.set(field, Value::Str(word));
        }
    }
}

/// Adds words that the field does not hold yet.
pub(crate) fn words(field: FieldId, words: &[&'static str], event: &mut Event<'_>) {
    for word in words {
        event.push_unique(field, Value::Str(word));
    }
}

/// Adds constants.
pub(crate) fn constants(list: &[(FieldId, &'static str)], event: &mut Event<'_>) {
    for (field, value) in list {
        event.push(*field, Value::Str(value));
    }
}

/// Sets a field that has no value yet.
pub(crate) fn text<'a>(field: FieldId, text: &'a str, event: &mut Event<'a>) {
    if !event.has(field) {
        event.push_str(field, text);
    }
}

/// Sets a whole number; whether the text was one.
pub(crate) fn int(field: FieldId, text: &str, event: &mut Event<'_>) -> bool {
    match text.parse::<i64>() {
        Ok(number) => event.set(field, Value::Int(number)),
        Err(_) => return false,
    }
    true
}

/// Sets a count: a whole number that is not negative.
pub(crate) fn count(field: FieldId, text: &str, event: &mut Event<'_>) {
    if let Ok(number @ 0..) = text.parse::<i64>() {
        event.set(field, Value::Int(number));
    }
}

/// Sets a port.
pub(crate) fn port(field: FieldId, text: &str, event: &mut Event<'_>) {
    if let Ok(number) = text.parse::<u16>() {
        event.set(field, Value::Int(i64::from(number)));
    }
}

/// Sets the field if the text fits its kind; whether it did. Times are not for this function.
pub(crate) fn fit<'a>(field: FieldId, text: &'a str, event: &mut Event<'a>) -> bool {
    match field.kind() {
        Kind::Keyword | Kind::Text => event.push_str(field, text),
        Kind::Int => return int(field, text, event),
        Kind::Ip => match ip(text) {
            Some(ip) => event.push(field, Value::Ip(ip)),
            None => return false,
        },
        Kind::Bool => match text {
            "true" | "True" | "TRUE" => event.push(field, Value::Bool(true)),
            "false" | "False" | "FALSE" => event.push(field, Value::Bool(false)),
            _ => return false,
        },
        Kind::Float => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => event.push(field, Value::Float(number)),
            _ => return false,
        },
        Kind::Time => return false,
    }
    true
}

/// An address, with or without brackets and interface (`fe80::1%eth0`); `::ffff:192.0.2.1` is the IPv4 address.
pub(crate) fn ip(text: &str) -> Option<IpAddr> {
    let text = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    let text = text.split('%').next().unwrap_or("");
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// Sets an end from an address or a name, unless it has one.
pub(crate) fn end<'a>(end: &End, text: &'a str, event: &mut Event<'a>) {
    if text.is_empty() || text == "-" || event.has(end.address) || event.has(end.ip) {
        return;
    }
    event.push(end.address, Value::Str(text));
    match ip(text) {
        Some(ip) => event.push(end.ip, Value::Ip(ip)),
        None if is_name(text) => event.push(end.domain, Value::Str(text)),
        None => {}
    }
}

/// Whether a text could be the name of a host.
pub(crate) fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte) || byte >= 0x80)
}

/// Sets an end from `address`, `address:port` or `[address]:port`.
pub(crate) fn end_with_port<'a>(target: &End, text: &'a str, event: &mut Event<'a>) {
    // An IPv6 address without brackets and a port behind it: `2001:db8::1:443` reads as an address; leave it whole.
    let split = if ip(text).is_some() { Authority { host: text, port: None } } else { Authority::read(text) };
    let bare = split.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(split.host);
    end(target, bare, event);
    if let Some(port) = split.port {
        event.set(target.port, Value::Int(i64::from(port)));
    }
}

/// Sets `user.name` and, of `DOMAIN\user`, `user.domain`, and of `user@domain`, `user.email` and both parts.
pub(crate) fn user<'a>(text: &'a str, event: &mut Event<'a>) {
    let text = text.trim_matches('"');
    if let Some((domain, name)) = text.rsplit_once('\\') {
        event.push_str(fields::USER_DOMAIN, domain.trim_end_matches('\\'));
        event.push_str(fields::USER_NAME, name);
    } else {
        event.push_str(fields::USER_NAME, text);
    }
}

/// Sets what `GET /path?query HTTP/1.1` says; a line that is none sets nothing. Percent escapes stay in `url.original`
/// and are taken back in path and query.
pub(crate) fn request<'a>(line: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> bool {
    let Some((method, rest)) = line.split_once(' ') else { return false };
    let (target, version) = match rest.rsplit_once(" HTTP/") {
        Some((target, version)) => (target, version),
        None => (rest.trim_end(), ""),
    };
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_".contains(&byte)) {
        return false;
    }
    event.push_str(fields::HTTP_REQUEST_METHOD, method);
    event.push_str(fields::HTTP_VERSION, version);
    target_of(target, arena, event);
    true
}

/// Sets `url.original` and the parts of a request's target: a path, a URL, or for CONNECT `host:port`.
pub(crate) fn target_of<'a>(target: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
    event.push_str(fields::URL_ORIGINAL, target);
    if target.contains("://") && !target.starts_with('/') {
        event.push_str(fields::URL_FULL, target);
        crate::products::squid::url::push(target, event);
        return;
    }
    if !target.starts_with('/') {
        return;
    }
    let target = target.split('#').next().unwrap_or("");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    event.push_str(fields::URL_PATH, percent_decoded(path, arena));
    event.push_str(fields::URL_QUERY, percent_decoded(query, arena));
    let name = path.rsplit('/').next().unwrap_or("");
    if let Some((_, extension)) = name.rsplit_once('.')
        && extension.len() <= 10
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        event.push_str(fields::URL_EXTENSION, extension);
    }
}

/// Sets the status code and the outcome it means: 400 and above is a failure.
pub(crate) fn status(text: &str, event: &mut Event<'_>) {
    let Some(status) = text.parse::<i64>().ok().filter(|status| (100..1000).contains(status)) else { return };
    event.push(fields::HTTP_RESPONSE_STATUS_CODE, Value::Int(status));
    event.push(fields::EVENT_OUTCOME, Value::Str(if status < 400 { "success" } else { "failure" }));
}

/// Takes `%41` back; text that would then not be UTF-8, or hold control characters, stays as it is.
pub(crate) fn percent_decoded<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return text;
    }
    let mut plain = bumpalo::collections::Vec::with_capacity_in(text.len(), arena);
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    match std::str::from_utf8(plain.into_bump_slice()) {
        Ok(plain) if !plain.bytes().any(|byte| byte < 0x20) => plain,
        _ => text,
    }
}

/// Sets what a syslog header says about its sender: `log.syslog.*`, `@timestamp`, `host.hostname`, `host.name`.
pub(crate) fn header<'a>(header: &syslog::Header<'a>, event: &mut Event<'a>) {
    if let Some(number) = header.priority {
        crate::products::fortinet_fortigate::push_priority(number, event);
    }
    if let Some(time) = header.timestamp {
        event.set(fields::TIMESTAMP, Value::Time(time));
    }
    if let Some(host) = header.hostname {
        event.push_str(fields::HOST_HOSTNAME, host);
        event.push_str(fields::HOST_NAME, host);
    }
    if let Some(pid) = header.procid.and_then(|procid| procid.parse::<u32>().ok()) {
        event.push(fields::PROCESS_PID, Value::Int(i64::from(pid)));
    }
}

/// As [`header`], for devices that are themselves what is observed from: the host is `observer.name`.
pub(crate) fn observer<'a>(from: &syslog::Header<'a>, event: &mut Event<'a>) {
    if let Some(number) = from.priority {
        crate::products::fortinet_fortigate::push_priority(number, event);
    }
    if let Some(time) = from.timestamp {
        event.set(fields::TIMESTAMP, Value::Time(time));
    }
    if let Some(host) = from.hostname {
        event.push_str(fields::OBSERVER_NAME, host);
        event.push_str(fields::LOG_SYSLOG_HOSTNAME, host);
    }
}

/// The text between the first `open` and the next `close` after it.
pub(crate) fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inner, _)| inner)
}

/// `text` up to the first blank, and what comes after the blanks.
pub(crate) fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    match text.find([' ', '\t']) {
        Some(at) => (&text[..at], text[at..].trim_start_matches([' ', '\t'])),
        None => (text, ""),
    }
}

/// A text in quotes at the start, without them, and what follows; a backslash guards the byte behind it. A text that is
/// never closed runs to the end.
pub(crate) fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let bytes = inner.as_bytes();
    let mut at = 0;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    match inner.get(..at) {
        Some(found) => Some((found, inner.get(at + 1..).unwrap_or(""))),
        None => Some((inner, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent() {
        let arena = Bump::new();
        assert_eq!(percent_decoded("/a%20b%E3%81%82%zz", &arena), "/a bあ%zz");
        assert_eq!(percent_decoded("%82%a0", &arena), "%82%a0");
        assert_eq!(percent_decoded("a%0d%0ab", &arena), "a%0d%0ab");
        assert_eq!(percent_decoded("%", &arena), "%");
    }

    #[test]
    fn quotes_and_words() {
        assert_eq!(quoted(r#""a \" b" c"#), Some((r#"a \" b"#, " c")));
        assert_eq!(quoted("\"open"), Some(("open", "")));
        assert_eq!(quoted("\"open\\"), Some(("open\\", "")));
        assert_eq!(quoted("x"), None);
        assert_eq!(word("  a  b c"), ("a", "b c"));
    }

    #[test]
    fn addresses() {
        assert_eq!(ip("::ffff:192.0.2.1"), "192.0.2.1".parse().ok());
        assert_eq!(ip("[fe80::1%eth0]"), "fe80::1".parse().ok());
        assert_eq!(ip("a"), None);
        let arena = Bump::new();
        let mut event = Event::new_in(&arena);
        end_with_port(&SOURCE, "[2001:db8::1]:443", &mut event);
        assert_eq!(event.get_str(fields::SOURCE_ADDRESS), Some("2001:db8::1"));
        assert_eq!(event.get_int(fields::SOURCE_PORT), Some(443));
    }
}
