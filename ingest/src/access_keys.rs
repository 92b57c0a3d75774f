//! Access logs of web servers whose values carry names: LTSV (`host:192.0.2.1<tab>req:GET / HTTP/1.1`), and JSON with the
//! names that nginx's variables and Apache's examples have.
//!
//! Source: ltsv.org, recommended labels; nginx `log_format escape=json`; Apache mod_log_config. Names that are not known
//! are left in the line.

use bumpalo::Bump;
use stream::{Event, Value, fields};

use crate::json::Walker;
use crate::parser::Context;
use crate::row::{Row, Table};
use crate::{put, time};

/// Reads such lines.
#[derive(Default)]
pub(crate) struct AccessKeys {
    walker: Walker,
}

static TABLE: &Table = &[
    ("method", fields::HTTP_REQUEST_METHOD),
    ("request_method", fields::HTTP_REQUEST_METHOD),
    ("requestMethod", fields::HTTP_REQUEST_METHOD),
    ("httpUserAgent", fields::USER_AGENT_ORIGINAL),
    ("bytesSent", fields::HTTP_RESPONSE_BODY_BYTES),
    ("response_size", fields::HTTP_RESPONSE_BODY_BYTES),
    ("upstream_addr", fields::SERVER_ADDRESS),
    ("ua", fields::USER_AGENT_ORIGINAL),
    ("http_user_agent", fields::USER_AGENT_ORIGINAL),
    ("userAgent", fields::USER_AGENT_ORIGINAL),
    ("user_agent", fields::USER_AGENT_ORIGINAL),
    ("agent", fields::USER_AGENT_ORIGINAL),
    ("referer", fields::HTTP_REQUEST_REFERRER),
    ("referrer", fields::HTTP_REQUEST_REFERRER),
    ("http_referer", fields::HTTP_REQUEST_REFERRER),
    ("http_referrer", fields::HTTP_REQUEST_REFERRER),
    ("size", fields::HTTP_RESPONSE_BODY_BYTES),
    ("body_bytes_sent", fields::HTTP_RESPONSE_BODY_BYTES),
    ("bytes", fields::HTTP_RESPONSE_BODY_BYTES),
    ("bytes_sent", fields::HTTP_RESPONSE_BYTES),
    ("request_length", fields::HTTP_REQUEST_BYTES),
    ("reqsize", fields::HTTP_REQUEST_BYTES),
    ("request_id", fields::HTTP_REQUEST_ID),
    ("vhost", fields::DESTINATION_DOMAIN),
    ("server_name", fields::DESTINATION_DOMAIN),
    ("http_host", fields::URL_DOMAIN),
    ("ssl_cipher", fields::TLS_CIPHER),
    ("virtualHost", fields::DESTINATION_DOMAIN),
    ("server_port", fields::DESTINATION_PORT),
];

impl AccessKeys {
    /// Reads a line; whether it is one: it must say a client, a status and what was asked for.
    pub(crate) fn read<'a>(
        &mut self,
        text: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> bool {
        let row = if text.starts_with('{') {
            match Row::of_json(text, &mut self.walker, arena) {
                Ok(row) => row,
                Err(_) => return false,
            }
        } else if text.contains('\t') && is_label(text.split(':').next().unwrap_or("")) {
            labelled(text, arena)
        } else {
            return false;
        };
        let client = row.get(&[
            "remote_addr",
            "remoteIP",
            "remote_ip",
            "remoteAddr",
            "remote_host",
            "remoteHost",
            "clientip",
            "client_ip",
            "clientIp",
            "client",
            "host",
        ]);
        let status = row.get(&["status", "status_code", "statusCode", "response", "code"]);
        let request = row.get(&["req", "request", "requestLine"]);
        let target = row.get(&["request_uri", "requestUri", "uri", "path", "url", "requestPath"]);
        if put::ip(client).is_none() || status.is_empty() || request.is_empty() && target.is_empty() {
            return false;
        }
        put::end(&put::SOURCE, client, event);
        put::port(fields::SOURCE_PORT, row.get(&["remote_port", "client_port", "port"]), event);
        put::user(row.get(&["remote_user", "remoteUser", "user", "username"]), event);
        row.put(TABLE, event);
        put::status(status, event);
        if !put::request(request, arena, event) {
            let path = if target.is_empty() { request } else { target };
            let query = row.get(&["query", "args", "query_string"]);
            let whole = if query.is_empty() {
                path
            } else {
                arena.alloc_str(&format!("{path}?{}", query.trim_start_matches('?')))
            };
            put::target_of(whole, arena, event);
        }
        // A client that is named stands for itself, so that `host` is the name that was asked for.
        let host = row.get(&["host"]);
        if host != client && put::is_name(host) {
            put::text(fields::URL_DOMAIN, host, event);
        }
        let version = row.get(&["ssl_protocol", "tls_version"]);
        event.push_str(fields::TLS_VERSION, version.strip_prefix("TLSv").unwrap_or(""));
        let protocol = row.get(&["protocol", "server_protocol"]);
        put::text(fields::HTTP_VERSION, protocol.strip_prefix("HTTP/").unwrap_or(""), event);
        let forwarded = row.get(&["forwardedfor", "http_x_forwarded_for", "x_forwarded_for"]);
        event.push_str(fields::NETWORK_FORWARDED_IP, forwarded.split(',').next().unwrap_or("").trim());
        duration(&row, event);
        stamp(&row, context, event);
        true
    }
}

/// A line behind a syslog header begins with something else.
fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `label:value` between tabs; a value may hold colons.
fn labelled<'a>(text: &'a str, arena: &'a Bump) -> Row<'a> {
    let mut row = Row::new(arena);
    for (label, value) in text.split('\t').filter_map(|part| part.split_once(':')) {
        row.push(label.trim(), value.trim());
    }
    row
}

/// Seconds with a fraction, or LTSV's microseconds.
fn duration(row: &Row<'_>, event: &mut Event<'_>) {
    let seconds = row.get(&["request_time", "reqtime", "duration"]).parse::<f64>().ok().map(|seconds| seconds * 1e9);
    let micros = row.get(&["reqtime_microsec", "taken_usec"]).parse::<f64>().ok().map(|micros| micros * 1e3);
    if let Some(nanos) = seconds.or(micros).filter(|nanos| (0.0..1e18).contains(nanos)) {
        event.push(fields::EVENT_DURATION, Value::Int(nanos.round() as i64));
    }
}

fn stamp(row: &Row<'_>, context: &Context, event: &mut Event<'_>) {
    let text =
        row.get(&["@timestamp", "time_iso8601", "time_local", "time", "timestamp", "msec"]).trim_matches(['[', ']']);
    let stamp = time::common_log(text, &context.zone)
        .or_else(|| time::iso(text, &context.zone))
        .or_else(|| time::epoch(text).filter(|_| text.len() >= 10));
    if let Some(stamp) = stamp {
        event.set(fields::TIMESTAMP, Value::Time(stamp));
    }
}
