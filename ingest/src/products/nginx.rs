//! nginx: access log (`combined` with or without a virtual host or forwarded addresses before it), the access log of the
//! Kubernetes ingress controller, and the error log, with or without a syslog header (`access_log syslog:`).
//!
//! The ingress controller's line goes on behind the user agent with `$request_length $request_time
//! [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length
//! $upstream_response_time $upstream_status $req_id`; a plain line may go on with `"$http_x_forwarded_for"`.
//! Path and query are percent-decoded, `url.original` is not.
//! Source: nginx ngx_http_log_module, ngx_core `error_log`; ingress-nginx "Log format".

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::access_keys::AccessKeys;
use crate::parser::{Context, Names, Parser, Reason};
use crate::{access_log, put, syslog, time};

/// Parser of nginx's logs.
#[derive(Default)]
pub struct Nginx {
    keys: AccessKeys,
    names: Names,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "nginx"),
    (fields::EVENT_CATEGORY, "web"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "nginx"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "webserver"),
];

impl Parser for Nginx {
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
            return Err(Reason("neither an access log nor an error log of nginx"));
        }
        put::constants(CONSTANT, event);
        Ok(())
    }
}

impl Nginx {
    fn one<'a>(&mut self, text: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> bool {
        if error(text, context, arena, event).is_some() {
            event.push(fields::EVENT_DATASET, Value::Str("nginx.error"));
            event.push(fields::SEKISHO_LOGSOURCE_SERVICE, Value::Str("error"));
            return true;
        }
        if self.keys.read(text, context, arena, event) {
            put::words(fields::EVENT_TYPE, &["access"], event);
            event.push(fields::SEKISHO_LOGSOURCE_SERVICE, Value::Str("access"));
            event.push(fields::EVENT_DATASET, Value::Str("nginx.access"));
            return true;
        }
        let Some(tail) = access_log::read(text, context, arena, event) else { return false };
        put::words(fields::EVENT_TYPE, &["access"], event);
        event.push(fields::SEKISHO_LOGSOURCE_SERVICE, Value::Str("access"));
        if self.ingress(tail, event).is_some() {
            put::words(fields::EVENT_TYPE, &["info"], event);
            event.push(fields::EVENT_DATASET, Value::Str("nginx.ingress_controller"));
        } else {
            event.push(fields::EVENT_DATASET, Value::Str("nginx.access"));
            if let Some((forwarded, _)) = put::quoted(tail) {
                event.push_str(fields::NETWORK_FORWARDED_IP, forwarded.split(',').next().unwrap_or("").trim());
            }
        }
        true
    }

    /// What the ingress controller writes behind the user agent.
    fn ingress<'a>(&mut self, tail: &'a str, event: &mut Event<'a>) -> Option<()> {
        let (length, rest) = put::word(tail);
        let (elapsed, rest) = put::word(rest);
        let (upstream, rest) = rest.strip_prefix('[')?.split_once(']')?;
        let (_alternative, rest) = rest.trim_start().strip_prefix('[')?.split_once(']')?;
        put::count(fields::HTTP_REQUEST_BYTES, length, event);
        if let Some(nanos) = seconds_as_nanos(elapsed) {
            event.push(fields::EVENT_DURATION, Value::Int(nanos));
        }
        let mut own = |key: &str, value: &'a str| {
            if let Some(field) = self.names.field("nginx.ingress_controller.", key) {
                event.push_str(field, value);
            }
        };
        own("upstream.name", upstream);
        let (rest, id) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        own("upstream.address_list", rest.trim().split(' ').next().unwrap_or("").trim_end_matches(','));
        event.push_str(fields::HTTP_REQUEST_ID, id);
        Some(())
    }
}

/// Users who were refused (`auth_basic`), addresses that rules or limits refused.
fn what<'a>(message: &'a str, event: &mut Event<'a>) {
    const LOGIN_FAILED: put::Class =
        put::Class { category: &["authentication"], kind: &["info", "denied"], action: "", outcome: "failure" };
    const DENIED: put::Class = put::Class { category: &[], kind: &["denied"], action: "", outcome: "failure" };
    if let Some((name, why)) = message.strip_prefix("user ").and_then(put::quoted) {
        if why.starts_with(": password mismatch") || why.contains(" was not found in ") {
            put::class(&LOGIN_FAILED, event);
            put::user(name, event);
            let why = why.split(", client: ").next().unwrap_or("");
            event.push_str(fields::EVENT_REASON, why.trim_start_matches([':', ' ']));
        }
    } else if message.starts_with("access forbidden by rule") || message.starts_with("limiting ") {
        put::class(&DENIED, event);
        event.push_str(fields::EVENT_REASON, message.split(',').next().unwrap_or(""));
    }
}

/// `0.001` seconds in nanoseconds.
fn seconds_as_nanos(text: &str) -> Option<i64> {
    let seconds: f64 = text.parse().ok()?;
    (0.0..1e9).contains(&seconds).then(|| (seconds * 1e6).round() as i64 * 1_000)
}

/// `2026/11/20 10:00:00 [error] 12#34: *5 message, client: ..., server: ..., request: "...", ...`.
fn error<'a>(text: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> Option<()> {
    let (stamp, length) = time::iso_prefix(text, &context.zone)?;
    let (level, rest) = text.get(length..)?.trim_start().strip_prefix('[')?.split_once("] ")?;
    let (process, message) = rest.split_once(": ")?;
    let (pid, tid) = process.split_once('#')?;
    event.set(fields::TIMESTAMP, Value::Time(stamp));
    event.push_str(fields::LOG_LEVEL, level);
    put::count(fields::PROCESS_PID, pid, event);
    put::count(fields::PROCESS_THREAD_ID, tid, event);
    // The connection's number.
    let message = match message.strip_prefix('*').and_then(|rest| rest.split_once(' ')) {
        Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => message,
    };
    event.push_str(fields::MESSAGE, message);
    let part = |name: &str| message.rsplit_once(name).map_or("", |(_, rest)| rest);
    put::end(&put::SOURCE, part(", client: ").split(',').next().unwrap_or(""), event);
    if let Some((request, _)) = put::quoted(part(", request: ")) {
        put::request(request, arena, event);
    }
    if let Some((host, _)) = put::quoted(part(", host: ")) {
        event.push_str(fields::URL_DOMAIN, host.rsplit_once(':').map_or(host, |(name, _)| name));
    }
    if let Some((referrer, _)) = put::quoted(part(", referrer: ")) {
        event.push_str(fields::HTTP_REQUEST_REFERRER, referrer);
    }
    what(message, event);
    let grave = matches!(level, "emerg" | "alert" | "crit" | "error" | "warn");
    put::words(fields::EVENT_TYPE, &[if grave { "error" } else { "info" }], event);
    Some(())
}
