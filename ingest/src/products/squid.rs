//! Squid's access.log: the native format and the httpd-emulation formats (`common`, `combined`), with or without a
//! syslog header, with or without `log_mime_hdrs`.
//!
//! | Format | `logformat` |
//! |---|---|
//! | native (`squid`) | `%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt` |
//! | native with a written time | `%tl`, `[%tl]` or `%{%Y-%m-%d %H:%M:%S}tl` in place of `%ts.%03tu`; `%>a:%>p` or `%>a %>p` for the client |
//! | the same with addresses between client and result | `%>a:%>p %>la:%>lp %Ss/%03>Hs ...` |
//! | `common` | `%>a %[ui %[un [%tl] "%rm %ru HTTP/%rv" %>Hs %<st %Ss:%Sh` |
//! | `combined` | as `common`, then before `%Ss:%Sh`: `"%{Referer}>h" "%{User-Agent}>h"` |
//!
//! | `useragent` | `%>a [%tl] "%{User-Agent}>h"` |
//! | `referrer` | `%ts.%03tu %>a %{Referer}>h %ru` |
//! | named values | `key=value` pairs or JSON, with the names that `named` lists |
//!
//! `@timestamp` is the end of the request, `event.duration` its elapsed time. `event.type` is `access` and `allowed` or
//! `denied` (`TCP_DENIED*`, also the 407 that asks for a password). `destination.ip` is the server or peer that Squid
//! asked, or the address in the URL when it asked nobody. Texts stay as logged: nothing is percent-decoded, but
//! `DOMAIN\user` (also `%5C`) is split. Source: Squid configuration directives `logformat`, wiki SquidFaq/SquidLogs.

pub(crate) mod url;

mod named;

use bumpalo::Bump;
use stream::{Event, FieldId, Timestamp, Value, fields};

use self::url::Authority;
use crate::json::Walker;
use crate::parser::{Context, Parser, Reason};
use crate::{syslog, time};

/// Parser of Squid's access.log.
#[derive(Default)]
pub struct Squid {
    walker: Walker,
}

impl Parser for Squid {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let mut body = line.trim_matches([' ', '\r', '\n', '\u{feff}']);
        let mut native_line = native_start(body).or_else(|| dated_start(body, context));
        if native_line.is_none() {
            let header = syslog::parse(body, context);
            if let Some(number) = header.priority {
                super::fortinet_fortigate::push_priority(number, event);
            }
            if let Some(time) = header.timestamp {
                event.push(fields::TIMESTAMP, Value::Time(time));
            }
            event.push_str(fields::OBSERVER_NAME, header.hostname.unwrap_or(""));
            event.push_str(fields::HOST_HOSTNAME, header.hostname.unwrap_or(""));
            event.push_str(fields::HOST_NAME, header.hostname.unwrap_or(""));
            event.push_str(fields::PROCESS_NAME, header.appname.unwrap_or(""));
            if let Some(pid) = header.procid.and_then(|pid| pid.parse::<u32>().ok()) {
                event.push(fields::PROCESS_PID, Value::Int(i64::from(pid)));
            }
            body = header.message;
            native_line = native_start(body).or_else(|| dated_start(body, context));
        }
        if native_line.is_none() && cache_log(body) {
            event.push_str(fields::MESSAGE, body);
            event.push(fields::EVENT_KIND, Value::Str("event"));
            event.push(fields::EVENT_MODULE, Value::Str("squid"));
            event.push(fields::EVENT_TYPE, Value::Str("info"));
            return Ok(());
        }
        match native_line {
            Some((time, words)) => {
                event.set(fields::TIMESTAMP, Value::Time(time));
                native(words, event).or_else(|reason| referrer(words, event).ok_or(reason))?;
            }
            None => emulated(Words(body), context, event)
                .or_else(|reason| agent(body, context, event).ok_or(reason))
                .or_else(|reason| named::read(body, context, &mut self.walker, arena, event).ok_or(reason))?,
        }
        for (field, value) in CONSTANT {
            event.push(*field, Value::Str(value));
        }
        Ok(())
    }
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "squid"),
    (fields::EVENT_CATEGORY, "web"),
    (fields::EVENT_CATEGORY, "network"),
    (fields::OBSERVER_VENDOR, "Squid"),
    (fields::OBSERVER_PRODUCT, "Squid"),
    (fields::OBSERVER_TYPE, "proxy"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "squid"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "proxy"),
];

/// Blank-separated words; [`Words::quoted`] takes a quoted one whole.
#[derive(Clone, Copy)]
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start_matches([' ', '\t']);
        if text.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b' ', b'\t', text.as_bytes()).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        Some(word)
    }
}

impl<'a> Words<'a> {
    /// A text between `open` and `close`; a backslash guards the byte behind it.
    fn quoted(&mut self, open: u8, close: u8) -> Option<&'a str> {
        let text = self.0.trim_start_matches([' ', '\t']);
        let bytes = text.as_bytes();
        if bytes.first() != Some(&open) {
            return None;
        }
        let mut at = 1;
        while at < bytes.len() && bytes[at] != close {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        let inside = text.get(1..at)?;
        self.0 = text.get(at + 1..).unwrap_or("");
        Some(inside)
    }
}

/// The time at the start of a native line, and the words behind it.
fn native_start(text: &str) -> Option<(Timestamp, Words<'_>)> {
    let mut words = Words(text);
    let time = words.next().filter(|word| word.contains('.')).and_then(time::epoch)?;
    Some((time, words))
}

/// The same with a time that is written out: three words must follow as in the native format.
fn dated_start<'a>(text: &'a str, context: &Context) -> Option<(Timestamp, Words<'a>)> {
    let (time, rest) = match time::iso_prefix(text, &context.zone) {
        Some((time, length)) => (time, text.get(length..)?),
        None => {
            let inner = text.strip_prefix('[').unwrap_or(text);
            let length = if inner.get(20..22) == Some(" +") || inner.get(20..22) == Some(" -") { 26 } else { 20 };
            let time = time::common_log(inner.get(..length)?, &context.zone)?;
            (time, inner.get(length..)?.trim_start_matches(']'))
        }
    };
    let words = Words(rest);
    let mut ahead = words;
    let (elapsed, _client, mut result) = (ahead.next()?, ahead.next()?, ahead.next()?);
    if !result.contains('/') {
        result = ahead.next()?;
    }
    let (code, status) = result.rsplit_once('/')?;
    let native = elapsed.bytes().all(|b| b.is_ascii_digit() || b == b'-')
        && status.bytes().all(|b| b.is_ascii_digit())
        && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    native.then_some((time, words))
}

/// `kid1| Starting Squid Cache`: cache.log.
fn cache_log(text: &str) -> bool {
    text.split_once("| ").is_some_and(|(kid, _)| kid.starts_with("kid") || kid.ends_with(" kid1"))
}

/// The rest of a native line, behind its time.
fn native<'a>(mut words: Words<'a>, event: &mut Event<'a>) -> Result<(), Reason> {
    const SHORT: Reason = Reason("too few columns for squid's native format");
    let elapsed = words.next().ok_or(SHORT)?;
    let client = words.next().ok_or(SHORT)?;
    let mut result = words.next().ok_or(SHORT)?;
    let mut port = None;
    if let Ok(found) = result.parse::<u16>() {
        port = Some(found);
        result = words.next().ok_or(SHORT)?;
    }
    // Squid's own address, with its port or not.
    for _ in 0..2 {
        if !result.contains('/') {
            result = words.next().ok_or(SHORT)?;
        }
    }
    let (code, status) = result.rsplit_once('/').ok_or(SHORT)?;
    let size = words.next().ok_or(SHORT)?;
    let method = words.next().ok_or(SHORT)?;
    let (target, user, mut words) = target_and_user(words).ok_or(SHORT)?;
    let (hierarchy, peer) = words.next().and_then(|word| word.split_once('/')).ok_or(SHORT)?;
    let mime = words.next().unwrap_or("");
    if let Ok(millis @ 0..) = elapsed.parse::<i64>() {
        event.push(fields::EVENT_DURATION, Value::Int(millis.saturating_mul(1_000_000)));
    }
    push_client(client, event);
    if let Some(port) = port {
        event.push(fields::SOURCE_PORT, Value::Int(i64::from(port)));
    }
    push_user(user, event);
    push_result(code, status, size, event);
    event.push_str(fields::SQUID_HIERARCHY_CODE, hierarchy);
    event.push_str(fields::HTTP_RESPONSE_MIME_TYPE, mime);
    push_request(method, target, hierarchy, peer, event);
    extras(words, event);
    Ok(())
}

/// Whether a word is `%Sh/%<a`: `DIRECT/192.0.2.1`, `HIER_NONE/-`, `TIMEOUT_FIRSTUP_PARENT/peer`.
fn is_hierarchy(word: &str) -> bool {
    word.split_once('/').is_some_and(|(code, peer)| {
        !code.is_empty() && !peer.is_empty() && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    })
}

/// The URL and the user before the hierarchy word. A URL may hold blanks (`uri_whitespace allow`).
fn target_and_user<'a>(words: Words<'a>) -> Option<(&'a str, &'a str, Words<'a>)> {
    let mut ahead = words;
    let (target, user) = (ahead.next()?, ahead.next()?);
    let mut peek = ahead;
    if peek.next().is_none_or(is_hierarchy) {
        return Some((target, user, ahead));
    }
    let text = words.0.trim_start_matches([' ', '\t']);
    let mut scan = Words(text);
    let mut last: Option<(usize, &str)> = None;
    loop {
        let before = scan;
        let word = scan.next()?;
        let start = text.len() - scan.0.len() - word.len();
        match last {
            Some((at, user)) if at > 0 && is_hierarchy(word) => {
                return Some((text.get(..at)?.trim_end(), user, before));
            }
            _ => last = Some((start, word)),
        }
    }
}

/// A line of the `common` or `combined` format.
fn emulated<'a>(mut words: Words<'a>, context: &Context, event: &mut Event<'a>) -> Result<(), Reason> {
    const NOT: Reason = Reason("neither squid's native nor its httpd-emulation format");
    let client = words.next().ok_or(NOT)?;
    let _ident = words.next().ok_or(NOT)?;
    // A user name may hold blanks: it ends before the bracket.
    let bracket = words.0.find(" [").ok_or(NOT)?;
    let user = words.0.get(..bracket).unwrap_or("").trim();
    words.0 = words.0.get(bracket..).unwrap_or("");
    let time = words.quoted(b'[', b']').and_then(|text| time::common_log(text, &context.zone)).ok_or(NOT)?;
    let request = words.quoted(b'"', b'"').ok_or(NOT)?;
    let status = words.next().ok_or(NOT)?;
    let size = words.next().ok_or(NOT)?;
    event.set(fields::TIMESTAMP, Value::Time(time));
    push_client(client, event);
    push_user(user, event);
    if let Some(referrer) = words.quoted(b'"', b'"') {
        event.push_str(fields::HTTP_REQUEST_REFERRER, referrer);
        event.push_str(fields::USER_AGENT_ORIGINAL, words.quoted(b'"', b'"').unwrap_or(""));
    }
    let (code, hierarchy) = words.next().and_then(|word| word.split_once(':')).unwrap_or(("", ""));
    push_result(code, status, size, event);
    event.push_str(fields::SQUID_HIERARCHY_CODE, hierarchy);
    let (method, rest) = request.split_once(' ').unwrap_or(("", request));
    let (target, version) = rest.rsplit_once(" HTTP/").unwrap_or((rest, ""));
    event.push_str(fields::HTTP_VERSION, version);
    push_request(method, target, hierarchy, "", event);
    extras(words, event);
    Ok(())
}

/// The rest of a line of `logformat referrer`, behind its time: client, referrer, URL.
fn referrer<'a>(mut words: Words<'a>, event: &mut Event<'a>) -> Option<()> {
    let (client, referrer, target) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !target.contains("://") {
        return None;
    }
    push_client(client, event);
    event.push_str(fields::HTTP_REQUEST_REFERRER, referrer);
    event.push(fields::EVENT_TYPE, Value::Str("access"));
    push_request("", target, "", "", event);
    Some(())
}

/// A line of `logformat useragent`: client, time, agent.
fn agent<'a>(text: &'a str, context: &Context, event: &mut Event<'a>) -> Option<()> {
    let mut words = Words(text);
    let client = words.next()?;
    let time = words.quoted(b'[', b']').and_then(|text| time::common_log(text, &context.zone))?;
    let agent = words.quoted(b'"', b'"')?;
    if words.next().is_some() {
        return None;
    }
    event.set(fields::TIMESTAMP, Value::Time(time));
    push_client(client, event);
    event.push_str(fields::USER_AGENT_ORIGINAL, agent);
    event.push(fields::EVENT_TYPE, Value::Str("access"));
    Some(())
}

fn push_client<'a>(client: &'a str, event: &mut Event<'a>) {
    match client.parse() {
        Ok(ip) => event.push(fields::SOURCE_IP, Value::Ip(ip)),
        Err(_) => match client.rsplit_once(':').map(|(host, port)| (host.parse(), port.parse::<u16>())) {
            Some((Ok(ip), Ok(port))) => {
                event.push(fields::SOURCE_IP, Value::Ip(ip));
                event.push(fields::SOURCE_PORT, Value::Int(i64::from(port)));
            }
            _ => event.push_str(fields::SOURCE_DOMAIN, client),
        },
    }
}

fn push_user<'a>(user: &'a str, event: &mut Event<'a>) {
    let split = user.split_once('\\').or_else(|| user.split_once("%5C")).or_else(|| user.split_once("%5c"));
    let (domain, name) = split.unwrap_or(("", user));
    event.push_str(fields::USER_NAME, name);
    event.push_str(fields::SOURCE_USER_NAME, name);
    event.push_str(fields::USER_DOMAIN, domain);
}

/// What Squid answered: code, status, size, and whether it let the request pass.
fn push_result<'a>(code: &'a str, status: &str, size: &str, event: &mut Event<'a>) {
    event.push_str(fields::EVENT_ACTION, code);
    event.push_str(fields::SQUID_CODE, code);
    event.push(fields::EVENT_TYPE, Value::Str("access"));
    let denied = code.contains("DENIED");
    // `NONE`, `NONE_NONE`, `TAG_NONE`: there was no request to allow.
    if !code.is_empty() && !code.starts_with("NONE") && !code.starts_with("TAG_NONE") {
        event.push(fields::EVENT_TYPE, Value::Str(if denied { "denied" } else { "allowed" }));
    }
    match code.as_bytes() {
        [b'T', b'C', b'P', ..] => event.push(fields::NETWORK_TRANSPORT, Value::Str("tcp")),
        [b'U', b'D', b'P', ..] => event.push(fields::NETWORK_TRANSPORT, Value::Str("udp")),
        _ => {}
    }
    if let Some(status) = status.parse::<i64>().ok().filter(|status| (100..1000).contains(status)) {
        event.push(fields::HTTP_RESPONSE_STATUS_CODE, Value::Int(status));
        let outcome = if status >= 400 || denied { "failure" } else { "success" };
        event.push(fields::EVENT_OUTCOME, Value::Str(outcome));
    }
    if let Ok(bytes @ 0..) = size.parse::<i64>() {
        event.push(fields::HTTP_RESPONSE_BYTES, Value::Int(bytes));
        event.push(fields::DESTINATION_BYTES, Value::Int(bytes));
    }
}

/// Method, URL and the server that was asked.
fn push_request<'a>(method: &'a str, target: &'a str, hierarchy: &str, peer: &'a str, event: &mut Event<'a>) {
    if method != "NONE" {
        event.push_str(fields::HTTP_REQUEST_METHOD, method);
    }
    event.push_str(fields::URL_ORIGINAL, target);
    let authority = if target.contains("://") {
        event.push_str(fields::URL_FULL, target);
        url::push(target, event)
    } else if method == "CONNECT" {
        let authority = Authority::read(target);
        event.push_str(fields::URL_DOMAIN, authority.host);
        if let Some(port) = authority.port {
            event.push(fields::URL_PORT, Value::Int(i64::from(port)));
        }
        authority
    } else {
        Authority::default()
    };
    push_destination(authority, target, hierarchy, peer, event);
}

fn push_destination<'a>(authority: Authority<'a>, target: &str, hierarchy: &str, peer: &'a str, event: &mut Event<'a>) {
    event.push_str(fields::SQUID_PEER, peer);
    let named = authority.ip();
    let peer_ip = peer.parse().ok();
    if let Some(ip) = peer_ip.or(named) {
        event.push(fields::DESTINATION_IP, Value::Ip(ip));
    }
    if named.is_none() {
        event.push_str(fields::DESTINATION_DOMAIN, authority.host);
    }
    // Through a parent the port is the parent's, which the log does not say.
    if hierarchy.contains("PARENT") || hierarchy.contains("SIBLING") || authority.host.is_empty() {
        return;
    }
    let port = authority.port.or(match target.split(':').next() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        Some("ftp") => Some(21),
        _ => None,
    });
    if let Some(port) = port {
        event.push(fields::DESTINATION_PORT, Value::Int(i64::from(port)));
    }
}

/// What a site added at the end of the line: quoted referrer and agent, or the headers of `log_mime_hdrs`.
fn extras<'a>(mut words: Words<'a>, event: &mut Event<'a>) {
    if let Some(request) = words.quoted(b'[', b']') {
        event.push_str(fields::SQUID_REQUEST_HEADERS, request);
        event.push_str(fields::SQUID_RESPONSE_HEADERS, words.quoted(b'[', b']').unwrap_or(""));
        event.push_str(fields::USER_AGENT_ORIGINAL, header(request, "User-Agent: "));
        event.push_str(fields::HTTP_REQUEST_REFERRER, header(request, "Referer: "));
        return;
    }
    if let Some(one) = words.quoted(b'"', b'"') {
        match words.quoted(b'"', b'"') {
            // A referrer is a URL or absent; the one that is neither is the agent, whatever their order.
            Some(other) => {
                let swapped = !one.contains("://") && one != "-" && (other.contains("://") || other == "-");
                let (referrer, agent) = if swapped { (other, one) } else { (one, other) };
                event.push_str(fields::HTTP_REQUEST_REFERRER, referrer);
                event.push_str(fields::USER_AGENT_ORIGINAL, agent);
            }
            None if !one.contains("://") => event.push_str(fields::USER_AGENT_ORIGINAL, one),
            None => {}
        }
    }
}

/// A header's value; Squid writes line ends as `\r\n` (two escapes) or `%0D%0A`.
fn header<'a>(headers: &'a str, name: &str) -> &'a str {
    let Some(at) = headers.find(name) else { return "" };
    let value = headers.get(at + name.len()..).unwrap_or("");
    let end = ["\\r\\n", "%0D%0A", "%0d%0a"].iter().filter_map(|mark| value.find(mark)).min();
    value.get(..end.unwrap_or(value.len())).unwrap_or("")
}

#[cfg(test)]
mod tests;
