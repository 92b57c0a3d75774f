//! Apache HTTP Server: access logs (`common`, `combined`, `vhost_common`, `vhost_combined`, mod_ssl's `ssl_request_log`)
//! and error logs of 2.2 and 2.4, with or without a syslog header.
//!
//! | Format | `LogFormat` |
//! |---|---|
//! | common | `%h %l %u %t "%r" %>s %b` |
//! | combined | common + `"%{Referer}i" "%{User-Agent}i"` (+ `X-Forwarded-For="..."`) |
//! | vhost | `%v:%p ` or `%v ` before either |
//! | ssl_request_log | `%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x "%r" %b` |
//! | LTSV, JSON | labels of ltsv.org, names of nginx's variables |
//! | error 2.4 | `[%{u}t] [%-m:%l] [pid %P:tid %T] %7F: %E: [client %a] %M` |
//! | error 2.2 | `[time] [level] [client address] message` |
//!
//! `event.type` is `access`, or `error`/`info` by the level of an error line. Path and query are percent-decoded,
//! `url.original` is not. Source: Apache HTTP Server 2.4, mod_log_config, core `ErrorLogFormat`, mod_ssl.

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::access_keys::AccessKeys;
use crate::parser::{Context, Parser, Reason};
use crate::{access_log, put, syslog, time};

/// Parser of Apache's logs.
#[derive(Default)]
pub struct Apache {
    keys: AccessKeys,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "apache"),
    (fields::EVENT_CATEGORY, "web"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "apache"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "webserver"),
];

impl Parser for Apache {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let known = self.one(line, context, arena, event) || {
            let head = syslog::parse(line, context);
            put::header(&head, event);
            head.message.len() < line.len() && self.one(head.message, context, arena, event)
        };
        if !known {
            return Err(Reason("neither an access log nor an error log of Apache"));
        }
        put::constants(CONSTANT, event);
        Ok(())
    }
}

impl Apache {
    fn one<'a>(&mut self, text: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> bool {
        let service = if error(text, context, event) {
            "error"
        } else if self.keys.read(text, context, arena, event)
            || ssl_request(text, context, arena, event).is_some()
            || access_log::parse(text, context, arena, event)
        {
            put::words(fields::EVENT_TYPE, &["access"], event);
            "access"
        } else {
            return false;
        };
        event.push(fields::SEKISHO_LOGSOURCE_SERVICE, Value::Str(service));
        event
            .push(fields::EVENT_DATASET, Value::Str(if service == "error" { "apache.error" } else { "apache.access" }));
        true
    }
}

/// `[time] address TLSv1.2 CIPHER "request" bytes`.
fn ssl_request<'a>(text: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> Option<()> {
    let (stamp, rest) = text.strip_prefix('[')?.split_once("] ")?;
    let stamp = time::common_log(stamp, &context.zone)?;
    let (address, rest) = put::word(rest);
    let (protocol, rest) = put::word(rest);
    let (cipher, rest) = put::word(rest);
    let (request, rest) = put::quoted(rest)?;
    event.set(fields::TIMESTAMP, Value::Time(stamp));
    put::end(&put::SOURCE, address, event);
    if let Some(version) = protocol.strip_prefix("TLSv").or_else(|| protocol.strip_prefix("SSLv")) {
        event.push_str(fields::TLS_VERSION, version);
        event.push(fields::TLS_VERSION_PROTOCOL, Value::Str(if protocol.starts_with('T') { "tls" } else { "ssl" }));
    }
    event.push_str(fields::TLS_CIPHER, cipher);
    put::request(request, arena, event);
    put::count(fields::HTTP_RESPONSE_BODY_BYTES, put::word(rest).0, event);
    Some(())
}

/// An error line; whether it is one.
fn error<'a>(text: &'a str, context: &Context, event: &mut Event<'a>) -> bool {
    let Some((stamp, mut rest)) = text.strip_prefix('[').and_then(|text| text.split_once("] ")) else { return false };
    let Some(stamp) = error_time(stamp, context) else { return false };
    event.set(fields::TIMESTAMP, Value::Time(stamp));
    let mut level = "";
    loop {
        rest = rest.trim_start();
        let Some((inner, after)) = bracketed(rest) else {
            // `mod_rewrite.c(470): ` and `(2)No such file or directory: ` stand before the client.
            match behind_origin(rest) {
                Some(after) => rest = after,
                None => break,
            }
            continue;
        };
        if let Some(client) = inner.strip_prefix("client ").or_else(|| inner.strip_prefix("remote ")) {
            put::end_with_port(&put::SOURCE, client, event);
            rest = after;
            break;
        } else if let Some(process) = inner.strip_prefix("pid ") {
            put::count(fields::PROCESS_PID, process.split(':').next().unwrap_or(""), event);
        } else if level.is_empty() && !inner.contains(' ') {
            level = match inner.split_once(':') {
                Some((module, level)) => {
                    event.push_str(fields::LOG_LOGGER, module);
                    level
                }
                None => inner,
            };
            event.push_str(fields::LOG_LEVEL, level);
        } else {
            break;
        }
        rest = after;
    }
    let message = rest.trim_start();
    event.push_str(fields::MESSAGE, message);
    if let Some(code) = message.split(": ").next().filter(|code| is_code(code)) {
        event.push(fields::EVENT_CODE, Value::Str(code));
    }
    what(message, event);
    if let Some((_, path)) = message.split_once("File does not exist: ") {
        event.push_str(fields::FILE_PATH, path.split(", referer: ").next().unwrap_or(""));
    }
    if let Some((_, referrer)) = message.rsplit_once(", referer: ") {
        event.push_str(fields::HTTP_REQUEST_REFERRER, referrer);
    }
    let grave = matches!(level, "emerg" | "alert" | "crit" | "error" | "warn");
    put::words(fields::EVENT_TYPE, &[if grave { "error" } else { "info" }], event);
    true
}

/// What stands in brackets, and what follows; an IPv6 address has brackets of its own: `[client [2001:db8::1]:50000]`.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('[')?;
    let skip = if inner.starts_with("client [") || inner.starts_with("remote [") { inner.find(']')? + 1 } else { 0 };
    let end = skip + inner.get(skip..)?.find(']')?;
    Some((inner.get(..end)?, inner.get(end + 1..)?))
}

const LOGIN_FAILED: put::Class =
    put::Class { category: &["authentication"], kind: &["info", "denied"], action: "", outcome: "failure" };
const DENIED: put::Class = put::Class { category: &[], kind: &["denied"], action: "", outcome: "failure" };
const ATTACK: put::Class =
    put::Class { category: &["intrusion_detection"], kind: &["denied"], action: "", outcome: "failure" };

/// Users who were refused (mod_auth_*), refused addresses (mod_authz_*), requests that ModSecurity stopped.
fn what<'a>(message: &'a str, event: &mut Event<'a>) {
    let text = message.split_once(": ").filter(|(code, _)| is_code(code)).map_or(message, |(_, rest)| rest);
    if let Some((name, why)) = text.strip_prefix("user ").and_then(|rest| {
        let at = [": authentication failure", " not found", ": password mismatch", " in realm"]
            .iter()
            .find_map(|mark| rest.find(mark));
        at.map(|at| rest.split_at(at))
    }) {
        put::class(&LOGIN_FAILED, event);
        put::user(name.trim_matches(['`', '\'']), event);
        // Behind `not found: ` stands the path.
        let why = if why.starts_with(" not found") { "user not found" } else { why };
        event.push_str(fields::EVENT_REASON, why.rsplit_once(": ").map_or(why, |(_, why)| why).trim());
    } else if text.starts_with("client denied by server configuration")
        || text.starts_with("access to ") && text.contains(" failed")
    {
        put::class(&DENIED, event);
        event.push_str(fields::FILE_PATH, text.rsplit_once("configuration: ").map_or("", |(_, path)| path));
    } else if let Some(rest) = text.split_once("ModSecurity: ").map(|(_, rest)| rest) {
        if rest.starts_with("Access denied") {
            put::class(&ATTACK, event);
        } else {
            put::words(fields::EVENT_CATEGORY, &["intrusion_detection"], event);
        }
        let tag = |name: &str| put::between(rest, name, "\"]").unwrap_or("");
        event.push_str(fields::RULE_ID, tag("[id \""));
        event.push_str(fields::RULE_NAME, tag("[msg \""));
        event.push_str(fields::URL_DOMAIN, tag("[hostname \""));
        event.push_str(fields::URL_PATH, tag("[uri \""));
        event.push_str(fields::EVENT_ID, tag("[unique_id \""));
    }
}

/// What follows `mod_rewrite.c(470): ` or `(2)No such file or directory: `, if that is the client.
fn behind_origin(text: &str) -> Option<&str> {
    let (head, after) = text.split_once(": ")?;
    let file = head.ends_with(')') && !head.contains(' ');
    let system = head.starts_with('(');
    ((file || system) && after.starts_with("[client ") || after.starts_with("[remote ")).then_some(after)
}

/// `AH01374`.
fn is_code(text: &str) -> bool {
    text.len() == 7 && text.starts_with("AH") && text[2..].bytes().all(|byte| byte.is_ascii_digit())
}

/// `Fri Sep 09 10:42:29.902022 2011`, or `2026-11-20 10:00:00.123456` (`%{cu}t`).
fn error_time(text: &str, context: &Context) -> Option<stream::Timestamp> {
    if text.as_bytes().first()?.is_ascii_digit() {
        return time::iso(text, &context.zone);
    }
    let (_, rest) = text.split_once(' ')?;
    time::rfc3164_prefix(rest.trim_start(), context)
        .filter(|(_, length)| *length == rest.trim_start().len())
        .map(|(time, _)| time)
}
