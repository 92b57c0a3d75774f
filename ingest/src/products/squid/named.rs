//! Squid's values under names, as sites write them with `logformat`: `key=value` pairs or a JSON object.
//!
//! A line must name a client, and a URL, a status or a result. Names, each with its usual forms: time (`ts`, `time`,
//! `timestamp`), elapsed (`elapsed`, `duration`, `response_time`, milliseconds), client (`src`, `client`, `client_ip`), user,
//! method, url, result (`TCP_MISS`, `TCP_MISS/200`), status, bytes, hierarchy (`HIER_DIRECT`, `HIER_DIRECT/192.0.2.1`),
//! server, mime type, referrer, agent.

use bumpalo::Bump;
use stream::{Event, Value, fields};

use super::{push_client, push_request, push_result, push_user};
use crate::json::Walker;
use crate::parser::Context;
use crate::products::csv::instant;
use crate::row::Row;
use crate::{put, time};

/// Reads such a line.
pub(super) fn read<'a>(
    text: &'a str,
    context: &Context,
    walker: &mut Walker,
    arena: &'a Bump,
    event: &mut Event<'a>,
) -> Option<()> {
    let row = if text.starts_with('{') {
        Row::of_json(text, walker, arena).ok()?
    } else if text.contains('=') {
        Row::of_pairs(text, b',', arena)
    } else {
        return None;
    };
    let client = row.find(&["src", "client", "client_ip", "clientip", "src_ip", "srcip", "remote_addr", "c-ip"])?;
    let url = row.get(&["url", "uri", "request_url", "ru", "request"]);
    let result = row.get(&["result", "result_code", "squid_status", "code", "action", "cache", "status"]);
    if url.is_empty() && !result.starts_with("TCP_") {
        return None;
    }
    let (code, own_status) = result.split_once('/').unwrap_or((result, ""));
    let code = if code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') { code } else { "" };
    let status = match own_status {
        "" => row.get(&["status", "http_status", "status_code", "http_code", "sc-status", "code"]),
        status => status,
    };
    stamp(&row, context, event);
    if let Some(millis @ 0..) = row
        .find(&["elapsed", "duration", "response_time", "time_taken", "tr"])
        .and_then(|text| text.parse::<i64>().ok())
    {
        event.push(fields::EVENT_DURATION, Value::Int(millis.saturating_mul(1_000_000)));
    }
    push_client(client, event);
    put::port(fields::SOURCE_PORT, row.get(&["src_port", "client_port", "sport"]), event);
    push_user(row.get(&["user", "username", "un", "login"]), event);
    push_result(code, status, row.get(&["bytes", "size", "reply_size", "bytes_sent", "response_size"]), event);
    let hierarchy = row.get(&["hierarchy", "hier", "hier_code", "hierarchy_code", "peer"]);
    let (hierarchy, peer) = hierarchy.split_once('/').unwrap_or((hierarchy, ""));
    let server = row.get(&["server_ip", "dst", "dst_ip", "dest_ip", "server", "peer_ip"]);
    event.push_str(fields::SQUID_HIERARCHY_CODE, hierarchy);
    event.push_str(fields::HTTP_RESPONSE_MIME_TYPE, row.get(&["mime", "mime_type", "content_type", "type"]));
    let method = row.get(&["method", "request_method", "rm"]);
    push_request(method, url, hierarchy, if peer.is_empty() { server } else { peer }, event);
    event.push_str(fields::HTTP_REQUEST_REFERRER, row.get(&["referer", "referrer", "http_referer"]));
    event
        .push_str(fields::USER_AGENT_ORIGINAL, row.get(&["user_agent", "useragent", "ua", "agent", "http_user_agent"]));
    event.push_str(fields::TLS_CLIENT_SERVER_NAME, row.get(&["sni", "ssl_sni"]));
    Some(())
}

fn stamp(row: &Row<'_>, context: &Context, event: &mut Event<'_>) {
    let text = row.get(&["@timestamp", "timestamp", "time", "ts", "datetime", "date"]).trim_matches(['[', ']']);
    if let Some(found) = time::epoch(text).filter(|_| text.len() >= 10).or_else(|| instant(text, context)) {
        event.set(fields::TIMESTAMP, Value::Time(found));
    }
}
