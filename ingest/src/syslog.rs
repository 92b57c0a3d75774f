//! The header of a syslog message, as RFC 3164 describes it, as RFC 5424 defines it, and as devices really write it.
//!
//! | Line | What is read |
//! |---|---|
//! | `<34>Oct 11 22:14:15 host su[12]: text` | RFC 3164 |
//! | `<34>Oct 11 22:14:15 su: text`, `Oct 11 22:14:15 host text` | no host name; no priority, no tag |
//! | `<34>2026-11-20T10:00:00+09:00 host su: text` | ISO time stamp (rsyslog's file format) |
//! | `<165>1 2026-11-20T10:00:00Z host app 12 ID47 [id a="b"] text` | RFC 5424 |
//! | `<134>2026-11-20T10:00:00Z host app 12 - - text` | RFC 5424 without its version, as some relays write it |
//! | `<190>text`, `text` | only what is certain: the priority; all the rest is the message |
//! | `<189>123: *Nov 20 10:00:00.123 JST: %SYS-5-...` | a sequence number before the time stamp (Cisco) |
//!
//! Nothing is refused and nothing is lost: what is not a header is message. A host name is never an `a=b` word.

use bumpalo::Bump;
use stream::{Event, Timestamp, Value, fields};

use crate::parser::Context;
use crate::time;

/// The parts of a header; `message` is the rest of the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header<'a> {
    /// `PRI`, 0 to 191: facility x 8 + severity.
    pub priority: Option<u8>,
    /// RFC 5424's version; `None` for every other form.
    pub version: Option<&'a str>,
    /// The device's time.
    pub timestamp: Option<Timestamp>,
    /// Who says it was sent by whom.
    pub hostname: Option<&'a str>,
    /// The program, or RFC 3164's tag without its number.
    pub appname: Option<&'a str>,
    /// Usually the process number.
    pub procid: Option<&'a str>,
    /// RFC 5424's message type.
    pub msgid: Option<&'a str>,
    /// RFC 5424's structured data with its brackets; [`params`] reads it.
    pub structured_data: Option<&'a str>,
    /// What follows the header, without leading blanks.
    pub message: &'a str,
}

/// Names of the facilities by code (RFC 5424 table 1, in the words of syslog.conf).
pub const FACILITIES: [&str; 24] = [
    "kernel",
    "user-level",
    "mail",
    "system",
    "security/authorization",
    "syslogd",
    "line printer",
    "network news",
    "uucp",
    "clock",
    "security/authorization",
    "ftp",
    "ntp",
    "log audit",
    "log alert",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
];

/// Names of the severities by code (RFC 5424 table 2).
pub const SEVERITIES: [&str; 8] =
    ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];

/// Reads the header of a line. Never fails: what is not a header is message.
pub fn parse<'a>(line: &'a str, context: &Context) -> Header<'a> {
    let line = line.trim_start_matches('\u{feff}');
    let (priority, rest) = match priority_prefix(line) {
        Some((priority, length)) => (Some(priority), &line[length..]),
        None => (None, line),
    };
    if let Some(header) = priority.and_then(|priority| rfc5424(priority, rest, context)) {
        return header;
    }
    rfc3164(priority, rest, context)
}

/// Reads `<PRI>` at the start of a line: the priority, and how many bytes it took.
pub fn priority_prefix(line: &str) -> Option<(u8, usize)> {
    let bytes = line.as_bytes();
    if bytes.first() != Some(&b'<') {
        return None;
    }
    let digits = bytes[1..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=3).contains(&digits) || bytes.get(digits + 1) != Some(&b'>') {
        return None;
    }
    line[1..=digits].parse().ok().filter(|priority| *priority < 192).map(|priority| (priority, digits + 2))
}

/// The rest of a line behind `<PRI>`, for products that write no other header.
pub fn without_priority(line: &str) -> (Option<u8>, &str) {
    match priority_prefix(line) {
        Some((priority, length)) => (Some(priority), &line[length..]),
        None => (None, line),
    }
}

/// Sets `log.syslog.*` of a priority: the number, facility and severity as code and name.
pub fn apply_priority(priority: u8, event: &mut Event<'_>) {
    let (facility, severity) = (priority >> 3, priority & 7);
    event.push(fields::LOG_SYSLOG_PRIORITY, Value::Int(i64::from(priority)));
    event.push(fields::LOG_SYSLOG_FACILITY_CODE, Value::Int(i64::from(facility)));
    event.push(fields::LOG_SYSLOG_SEVERITY_CODE, Value::Int(i64::from(severity)));
    if let Some(name) = FACILITIES.get(usize::from(facility)) {
        event.push(fields::LOG_SYSLOG_FACILITY_NAME, Value::Str(name));
    }
    event.push(fields::LOG_SYSLOG_SEVERITY_NAME, Value::Str(SEVERITIES[usize::from(severity)]));
}

impl<'a> Header<'a> {
    /// Sets what the header says: `log.syslog.*` of the priority, `@timestamp`, `host.hostname`, `process.name` and
    /// `process.pid`; for RFC 5424 also version, message id and structured data. The message is left to the caller.
    pub fn apply(&self, event: &mut Event<'a>) {
        if let Some(timestamp) = self.timestamp {
            event.push(fields::TIMESTAMP, Value::Time(timestamp));
        }
        if let Some(priority) = self.priority {
            apply_priority(priority, event);
        }
        event.push_str(fields::HOST_HOSTNAME, self.hostname.unwrap_or(""));
        event.push_str(fields::PROCESS_NAME, self.appname.unwrap_or(""));
        if let Some(procid) = self.procid {
            match procid.parse::<u32>() {
                Ok(pid) => event.push(fields::PROCESS_PID, Value::Int(i64::from(pid))),
                Err(_) => event.push_str(fields::LOG_SYSLOG_PROCID, procid),
            }
        }
        if let Some(version) = self.version {
            event.push_str(fields::LOG_SYSLOG_VERSION, version);
            event.push_str(fields::LOG_SYSLOG_MSGID, self.msgid.unwrap_or(""));
            event.push_str(fields::LOG_SYSLOG_STRUCTURED_DATA, self.structured_data.unwrap_or(""));
        }
    }
}

/// Calls `visit` with (element id, parameter name, value) for every parameter of structured data; `\"`, `\\` and `\]`
/// are unescaped into the arena. Stops at the first damage.
pub fn params<'a>(structured_data: &'a str, arena: &'a Bump, mut visit: impl FnMut(&'a str, &'a str, &'a str)) {
    let mut rest = structured_data;
    while let Some(inner) = rest.strip_prefix('[') {
        let Some(id_length) = inner.find([' ', ']']) else { return };
        let (id, mut inner) = inner.split_at(id_length);
        while let Some(pair) = inner.strip_prefix(' ') {
            let Some((name, value)) = pair.split_once("=\"") else { return };
            let Some(length) = param_value_length(value) else { return };
            visit(id, name, unescape_param(&value[..length], arena));
            inner = &value[length + 1..];
        }
        let Some(next) = inner.strip_prefix(']') else { return };
        rest = next;
    }
}

fn rfc5424<'a>(priority: u8, text: &'a str, context: &Context) -> Option<Header<'a>> {
    let (version, rest) = text.split_once(' ')?;
    if version.is_empty() || version.len() > 2 || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (timestamp, rest) = rest.split_once(' ')?;
    let timestamp = match timestamp {
        "-" => None,
        text => Some(time::iso(text, &context.zone)?),
    };
    let (hostname, rest) = rest.split_once(' ')?;
    let (appname, rest) = rest.split_once(' ')?;
    let (procid, rest) = rest.split_once(' ')?;
    // A message id may be the last word of a cut header.
    let (msgid, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (structured_data, message) = match structured_data_length(rest) {
        Some(length) => (Some(&rest[..length]), &rest[length..]),
        None => (None, rest.strip_prefix('-').filter(|rest| rest.is_empty() || rest.starts_with(' ')).unwrap_or(rest)),
    };
    let given = |word: &'a str| Some(word).filter(|word| *word != "-" && !word.is_empty());
    Some(Header {
        priority: Some(priority),
        version: Some(version),
        timestamp,
        hostname: given(hostname),
        appname: given(appname),
        procid: given(procid),
        msgid: given(msgid),
        structured_data,
        message: message.trim_start_matches(' ').trim_start_matches('\u{feff}'),
    })
}

fn rfc3164<'a>(priority: Option<u8>, text: &'a str, context: &Context) -> Header<'a> {
    let mut header = Header { priority, message: text.trim_start_matches(' '), ..Header::default() };
    let body = sequence_number(header.message);
    let stamped = time::rfc3164_prefix(body, context).or_else(|| time::iso_prefix(body, &context.zone));
    let Some((timestamp, length)) = stamped else {
        // Without a time stamp only `name[number]:` is certain to be a tag.
        if let Some((tag, rest)) = split_tag(header.message)
            && tag.procid.is_some()
        {
            (header.appname, header.procid, header.message) = (Some(tag.name), tag.procid, rest);
        }
        return header;
    };
    let rest = &body[length..];
    if !(rest.is_empty() || rest.starts_with([' ', ':', '\t'])) {
        return header;
    }
    header.timestamp = Some(timestamp);
    let cisco = rest.starts_with(':');
    let rest = rest.trim_start_matches([' ', ':', '\t']);
    header.message = rest;
    if cisco {
        return header;
    }
    if let Some((tag, message)) = split_tag(rest) {
        (header.appname, header.procid, header.message) = (Some(tag.name), tag.procid, message);
        return header;
    }
    let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
    if !is_hostname(word) {
        return header;
    }
    header.hostname = Some(word);
    header.message = after.trim_start_matches(' ');
    if text.trim_start().starts_with(|first: char| first.is_ascii_digit())
        && let Some(whole) = without_version(header.message)
    {
        header.appname = whole.appname;
        header.procid = whole.procid;
        header.msgid = whole.msgid;
        header.structured_data = whole.structured_data;
        header.message = whole.message;
        return header;
    }
    if let Some((tag, message)) = split_tag(header.message) {
        (header.appname, header.procid, header.message) = (Some(tag.name), tag.procid, message);
    }
    header
}

/// `app 12 - - text`: what stands behind time and host of RFC 5424; the message id and the data are `-`, or the data is
/// whole, because plain text may hold a number too.
fn without_version(text: &str) -> Option<Header<'_>> {
    let (appname, rest) = text.split_once(' ')?;
    let (procid, rest) = rest.split_once(' ')?;
    let (msgid, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    if appname.ends_with(':') || !(procid == "-" || procid.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let (structured_data, message) = match structured_data_length(rest) {
        Some(length) => (Some(&rest[..length]), &rest[length..]),
        None if msgid == "-" && (rest == "-" || rest.starts_with("- ")) => (None, &rest[1..]),
        None => return None,
    };
    let given = |word| Some(word).filter(|word| *word != "-");
    Some(Header {
        appname: given(appname),
        procid: given(procid),
        msgid: given(msgid),
        structured_data,
        message: message.trim_start_matches(' ').trim_start_matches('\u{feff}'),
        ..Header::default()
    })
}

/// Cuts off `123: ` before a time stamp.
fn sequence_number(text: &str) -> &str {
    let digits = text.bytes().take(12).take_while(|byte| byte.is_ascii_digit()).count();
    match text[digits..].strip_prefix(": ") {
        Some(rest) if digits > 0 => rest.trim_start_matches(' '),
        _ => text,
    }
}

#[derive(Clone, Copy)]
struct Tag<'a> {
    name: &'a str,
    procid: Option<&'a str>,
}

/// The longest tag read; RFC 3164 says 32, journald and systemd units write more.
const TAG_BYTES_MAX: usize = 64;

/// Splits `name:` or `name[number]:` (`name(module)[12]:` too) from the message behind it.
fn split_tag(text: &str) -> Option<(Tag<'_>, &str)> {
    let bytes = text.as_bytes();
    let end = bytes
        .iter()
        .take(TAG_BYTES_MAX)
        .position(|byte| !(byte.is_ascii_alphanumeric() || b"-_./()@+".contains(byte)))
        .filter(|end| *end > 0)?;
    let name = &text[..end];
    match bytes[end] {
        b':' if matches!(bytes.get(end + 1), None | Some(b' ' | b'\t')) => {
            Some((Tag { name, procid: None }, text[end + 1..].trim_start_matches(' ')))
        }
        b'[' => {
            let inner = &text[end + 1..];
            let close = inner.bytes().take(TAG_BYTES_MAX).position(|byte| byte == b']')?;
            let rest = inner[close + 1..].strip_prefix(':')?;
            let procid = Some(&inner[..close]).filter(|procid| !procid.is_empty());
            Some((Tag { name, procid }, rest.trim_start_matches(' ')))
        }
        _ => None,
    }
}

/// Letters, digits, `-._:` and anything that is not ASCII; never `a=b`, `a:` or a quote.
fn is_hostname(word: &str) -> bool {
    let mut bytes = word.bytes();
    !word.is_empty()
        && word.len() <= 255
        && !word.ends_with(':')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte) || byte >= 0x80)
}

/// How many bytes structured data takes at the start of a text.
fn structured_data_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while bytes.get(at) == Some(&b'[') {
        let mut quoted = false;
        loop {
            at += 1;
            match bytes.get(at)? {
                b'\\' if quoted => at += 1,
                b'"' => quoted = !quoted,
                b']' if !quoted => break,
                _ => {}
            }
        }
        at += 1;
    }
    (at > 0 && matches!(bytes.get(at), None | Some(b' '))).then_some(at)
}

/// How many bytes stand before the closing quote.
fn param_value_length(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = memchr::memchr2(b'"', b'\\', text.as_bytes().get(at..)?)?;
        if text.as_bytes()[at + found] == b'"' {
            return Some(at + found);
        }
        at += found + 2;
    }
}

fn unescape_param<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return text;
    }
    let mut plain = bumpalo::collections::String::with_capacity_in(text.len(), arena);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some('"' | '\\' | ']')) => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain.into_bump_str()
}

#[cfg(test)]
mod tests;
