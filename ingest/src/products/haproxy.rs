//! HAProxy: `option httplog`, `option tcplog`, `httpslog`, the default connection log, errors and server state changes.
//!
//! | Line | Format |
//! |---|---|
//! | `192.0.2.1:51000 [20/Nov/2026:10:00:00.123] fe be/srv 0/0/1/2/3 200 512 - - ---- 1/1/0/0/0 0/0 {h} "GET / HTTP/1.1"` | HTTP |
//! | `192.0.2.1:51000 [20/Nov/2026:10:00:00.123] fe be/srv 0/1/200 512 -- 1/1/0/0/0 0/0` | TCP |
//! | `Connect from 192.0.2.1:51000 to 198.51.100.1:80 (fe/HTTP)` | default |
//! | `192.0.2.1:51000 [20/Nov/2026:10:00:00.123] fe/1: SSL handshake failure` | error |
//!
//! | JSON, `option httplog clf` | names of the web servers' JSON logs; `common` with more behind it |
//!
//! Behind any syslog header or none. The millisecond time in brackets is `@timestamp`; `event.duration` the total time.
//! Source: HAProxy Configuration Manual, chapter 8.2 "Log formats".

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use crate::access_keys::AccessKeys;
use crate::parser::{Context, Names, Parser, Reason};
use crate::{access_log, put, syslog, time};

/// Parser of HAProxy's log.
#[derive(Default)]
pub struct Haproxy {
    names: Names,
    keys: AccessKeys,
}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_KIND, "event"),
    (fields::EVENT_MODULE, "haproxy"),
    (fields::EVENT_DATASET, "haproxy.log"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "haproxy"),
    (fields::SEKISHO_LOGSOURCE_CATEGORY, "webserver"),
];

impl Parser for Haproxy {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let line = line.trim_matches([' ', '\r', '\n', '\0', '\u{feff}']);
        let head = syslog::parse(line, context);
        put::header(&head, event);
        event.push_str(fields::PROCESS_NAME, head.appname.unwrap_or(""));
        let text = head.message;
        event.push_str(fields::MESSAGE, text);
        put::constants(CONSTANT, event);
        if let Some(rest) = text.strip_prefix("Connect from ") {
            self.connect(rest, event);
        } else if self.session(text, context, arena, event).is_none()
            && !self.access(text, context, arena, event)
            && !state(text, event)
            && head.appname.is_none()
        {
            return Err(Reason("neither a session, a connection nor a state of HAProxy"));
        }
        Ok(())
    }
}

impl Haproxy {
    fn own<'a>(&mut self, key: &str, value: &'a str, event: &mut Event<'a>) {
        if let Some(field) = self.names.field("haproxy.", key) {
            event.push_str(field, value);
        }
    }

    /// `192.0.2.1:51000 to 198.51.100.1:80 (fe/HTTP)`.
    fn connect<'a>(&mut self, text: &'a str, event: &mut Event<'a>) {
        let (from, rest) = text.split_once(" to ").unwrap_or((text, ""));
        let (to, rest) = put::word(rest);
        put::end_with_port(&put::SOURCE, from, event);
        put::end_with_port(&put::DESTINATION, to, event);
        if let Some((frontend, mode)) = put::between(rest, "(", ")").and_then(|inner| inner.split_once('/')) {
            self.own("frontend_name", frontend, event);
            self.own("mode", mode, event);
        }
        put::words(fields::EVENT_CATEGORY, &["web", "network"], event);
        put::words(fields::EVENT_TYPE, &["connection", "start"], event);
    }

    /// JSON of `log-format`, or `option httplog clf`.
    fn access<'a>(&mut self, text: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> bool {
        let known = self.keys.read(text, context, arena, event) || access_log::parse(text, context, arena, event);
        if known {
            put::words(fields::EVENT_CATEGORY, &["web"], event);
            put::words(fields::EVENT_TYPE, &["access"], event);
        }
        known
    }

    fn session<'a>(&mut self, text: &'a str, context: &Context, arena: &'a Bump, event: &mut Event<'a>) -> Option<()> {
        let (client, rest) = put::word(text);
        let (stamp, rest) = rest.strip_prefix('[')?.split_once("] ")?;
        let stamp = accept_time(stamp, context)?;
        // The port is always there, and an IPv6 address has no brackets.
        let (address, port) = client.rsplit_once(':')?;
        put::end(&put::SOURCE, address, event);
        put::port(fields::SOURCE_PORT, port, event);
        event.set(fields::TIMESTAMP, Value::Time(stamp));
        let (frontend, rest) = put::word(rest);
        if let Some(name) = frontend.strip_suffix(':') {
            let (frontend, bind) = name.split_once('/').unwrap_or((name, ""));
            self.own("frontend_name", frontend, event);
            self.own("bind_name", bind, event);
            event.push_str(fields::EVENT_REASON, rest);
            put::words(fields::EVENT_CATEGORY, &["web", "network"], event);
            put::words(fields::EVENT_TYPE, &["error"], event);
            event.set(fields::EVENT_OUTCOME, Value::Str("failure"));
            return Some(());
        }
        self.own("frontend_name", frontend.trim_end_matches('~'), event);
        let (target, rest) = put::word(rest);
        let (backend, server) = target.split_once('/')?;
        self.own("backend_name", backend, event);
        self.own("server_name", server, event);
        // Formats of one's own may capture a word here, such as the host.
        let (mut timers, mut rest) = put::word(rest);
        if !is_timers(timers) && is_timers(put::word(rest).0) {
            self.own("captured", timers, event);
            (timers, rest) = put::word(rest);
        }
        if let Some(millis) =
            timers.rsplit('/').next().and_then(|total| total.trim_start_matches('+').parse::<i64>().ok())
            && millis >= 0
        {
            event.push(fields::EVENT_DURATION, Value::Int(millis.saturating_mul(1_000_000)));
        }
        match timers.matches('/').count() {
            4 => self.http(rest, arena, event),
            _ => self.tcp(rest, event),
        }
        Some(())
    }

    fn http<'a>(&mut self, text: &'a str, arena: &'a Bump, event: &mut Event<'a>) {
        put::words(fields::EVENT_CATEGORY, &["web"], event);
        put::words(fields::EVENT_TYPE, &["access"], event);
        let (status, rest) = put::word(text);
        put::status(status, event);
        let (bytes, rest) = put::word(rest);
        put::count(fields::HTTP_RESPONSE_BYTES, bytes.trim_start_matches('+'), event);
        let (_request_cookie, rest) = put::word(rest);
        let (_response_cookie, rest) = put::word(rest);
        let (termination, rest) = put::word(rest);
        self.own("termination_state", termination, event);
        let (connections, rest) = put::word(rest);
        self.own("connections", connections, event);
        let (queues, rest) = put::word(rest);
        self.own("queues", queues, event);
        if let Some(at) = rest.find('"')
            && let Some((request, after)) = put::quoted(&rest[at..])
        {
            self.own("captured_headers", rest[..at].trim(), event);
            put::request(request, arena, event);
            tls(after.trim(), event);
        }
    }

    fn tcp<'a>(&mut self, text: &'a str, event: &mut Event<'a>) {
        put::words(fields::EVENT_CATEGORY, &["network"], event);
        put::words(fields::EVENT_TYPE, &["connection", "end"], event);
        let (bytes, rest) = put::word(text);
        put::count(fields::DESTINATION_BYTES, bytes.trim_start_matches('+'), event);
        let (termination, rest) = put::word(rest);
        self.own("termination_state", termination, event);
        let (connections, rest) = put::word(rest);
        self.own("connections", connections, event);
        self.own("queues", put::word(rest).0, event);
        event.push(fields::NETWORK_TRANSPORT, Value::Str("tcp"));
    }
}

/// `0/0/1/2/3`, `-1/-1/200`, `+5`: milliseconds.
fn is_timers(word: &str) -> bool {
    word.contains('/') && word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'/' | b'-' | b'+'))
}

/// What `httpslog` adds: `0/0000/0/0/0 sni/TLSv1.3/TLS_AES_256_GCM_SHA384`.
///
/// Log formats of one's own write `%sslv` alone, or with the cipher and without the name; other words may follow.
fn tls<'a>(text: &'a str, event: &mut Event<'a>) {
    for word in text.split(' ') {
        let mut parts = word.split('/');
        let (first, second) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let (name, version, cipher) = match first.strip_prefix("TLSv") {
            Some(number) => ("", number, second),
            None => match second.strip_prefix("TLSv") {
                Some(number) => (first, number, parts.next().unwrap_or("")),
                None => continue,
            },
        };
        if version.len() > 3 || !version.starts_with(|first: char| first.is_ascii_digit()) {
            continue;
        }
        event.push_str(fields::TLS_CLIENT_SERVER_NAME, name);
        event.push_str(fields::TLS_VERSION, version);
        event.push_str(fields::TLS_CIPHER, cipher);
        return;
    }
}

/// `20/Nov/2026:10:00:00.123`.
fn accept_time(text: &str, context: &Context) -> Option<stream::Timestamp> {
    let (seconds, millis) = text.split_once('.').unwrap_or((text, "0"));
    let whole = time::common_log(seconds, &context.zone)?;
    let millis = millis.parse::<u16>().ok().filter(|millis| *millis < 1000)?;
    Some(whole.plus_nanos(i64::from(millis) * 1_000_000))
}

/// Start, stop, and servers that go up or down; whether it is one of these.
fn state<'a>(text: &'a str, event: &mut Event<'a>) -> bool {
    const STATES: [&str; 9] = [
        "Proxy ",
        "Server ",
        "Health check ",
        "backend ",
        "New worker",
        "Loading success",
        "Stopping ",
        "Pausing ",
        "Backup Server ",
    ];
    if !STATES.iter().any(|lead| text.starts_with(lead)) {
        return false;
    }
    if text.contains(" is DOWN") || text.contains("no server available") || text.contains("failed") {
        put::words(fields::EVENT_TYPE, &["error"], event);
    } else {
        put::words(fields::EVENT_TYPE, &["info"], event);
    }
    if let Some((_, reason)) = text.split_once("reason: ") {
        event.push_str(fields::EVENT_REASON, reason.split(", check duration").next().unwrap_or(""));
    }
    true
}
