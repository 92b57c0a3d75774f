//! NEC UNIVERGE IX: its syslog, which has a blank behind the priority and no host name, and may have a time or none.
//!
//! `<PRI> 2026/11/20 10:00:00 FLT.006: BLOCK tcp 192.0.2.1:1024 > 198.51.100.1:80, match acl 10, GE0.0 in`. The code before
//! the colon (`subsystem.number`) is `event.code`, the subsystem `log.logger`. Packets, address translation, logins, the
//! peers of IKE, links, leases and changes are read (see `router/state.rs`); the rest is `message`. Source: UNIVERGE IX series event message list; functional manual, "syslog".

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use super::router;
use crate::parser::{Context, Parser, Reason};
use crate::{community_id, device, flow_text, put, time};

/// Parser of UNIVERGE IX's syslog.
#[derive(Default)]
pub struct NecIx {}

static CONSTANT: &[(FieldId, &str)] = &[
    (fields::EVENT_MODULE, "nec_ix"),
    (fields::OBSERVER_VENDOR, "NEC"),
    (fields::OBSERVER_PRODUCT, "UNIVERGE IX"),
    (fields::OBSERVER_TYPE, "router"),
    (fields::SEKISHO_LOGSOURCE_PRODUCT, "nec_ix"),
];

impl Parser for NecIx {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let (_, text) = router::header(line, None, context, event);
        if text.is_empty() {
            return Err(Reason("empty line"));
        }
        let text = without_clock(text);
        // A relay's host stands before the code, and the device's own time behind that.
        let (host, rest) = put::word(text);
        let named = !host.ends_with(':') && put::is_name(host);
        let text = match router_time(rest, context) {
            Some((stamp, rest)) if named => {
                event.push_str(fields::OBSERVER_NAME, host);
                event.set(fields::TIMESTAMP, Value::Time(stamp));
                rest
            }
            _ if named && rest.split_once(": ").is_some_and(|(code, _)| is_code(code)) => {
                event.push_str(fields::OBSERVER_NAME, host);
                rest
            }
            _ => text,
        };
        let body = match text.split_once(": ") {
            Some((code, body)) if is_code(code.trim_start_matches('%')) => {
                let code = code.trim_start_matches('%');
                event.push_str(fields::EVENT_CODE, code);
                event.push_str(fields::LOG_LOGGER, code.split(['.', '-']).next().unwrap_or(""));
                body.trim_start()
            }
            _ => text,
        };
        let logger = event.get_str(fields::LOG_LOGGER).unwrap_or("");
        let category = match logger {
            "NAT" | "NAPT" if translation(body, event) => {
                put::text(fields::MESSAGE, body, event);
                "firewall"
            }
            "SA" => router::text("ipsec", body, arena, event),
            _ => router::text(logger, body, arena, event),
        };
        if category == "firewall" {
            community_id::push(arena, event);
        }
        device::observer_address(event);
        router::finish(CONSTANT, category, event);
        Ok(())
    }
}

/// `timestamp timeofday` and `timestamp uptime` write only a clock: it is cut off, the time is the receipt.
fn without_clock(text: &str) -> &str {
    let (clock, rest) = put::word(text);
    let shaped = clock.matches(':').count() == 2
        && clock.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'd'))
        && clock.len() <= 24;
    if shaped { rest } else { text }
}

fn router_time<'a>(text: &'a str, context: &Context) -> Option<(stream::Timestamp, &'a str)> {
    let (stamp, length) = time::iso_prefix(text, &context.zone).or_else(|| time::rfc3164_prefix(text, context))?;
    Some((stamp, text.get(length..)?.trim_start()))
}

/// `FLT.006`, `IKE.042`, `FLT-6`, `IKE-3-042`.
fn is_code(text: &str) -> bool {
    text.split_once(['.', '-']).is_some_and(|(name, number)| {
        name.len() >= 2
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.starts_with(|first: char| first.is_ascii_uppercase())
            && number.starts_with(|first: char| first.is_ascii_digit())
            && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    })
}

/// `create tcp 192.0.2.10:50000 <-> 203.0.113.1:61000 <-> 198.51.100.20:443`, `create tcp a > b, nat`: inside, as seen
/// from outside, destination. Whether it is such a line.
fn translation<'a>(text: &'a str, event: &mut Event<'a>) -> bool {
    let mut ends = flow_text::words(text).filter_map(flow_text::endpoint);
    let (Some(one), Some(two), Some(three)) = (ends.next(), ends.next(), ends.next()) else { return false };
    let (mapped, destination) = if text.contains(" > ") { (three, two) } else { (two, three) };
    for (end, ip, port) in [
        (one, fields::SOURCE_IP, fields::SOURCE_PORT),
        (mapped, fields::SOURCE_NAT_IP, fields::SOURCE_NAT_PORT),
        (destination, fields::DESTINATION_IP, fields::DESTINATION_PORT),
    ] {
        event.set(ip, Value::Ip(end.0));
        if let Some(number) = end.1 {
            event.set(port, Value::Int(i64::from(number)));
        }
    }
    const PROTOCOLS: [&str; 3] = ["tcp", "udp", "icmp"];
    let protocol = flow_text::words(text).find(|word| PROTOCOLS.iter().any(|name| name.eq_ignore_ascii_case(word)));
    flow_text::transport(protocol.unwrap_or(""), event);
    router::packet_class(event);
    let ended = ["delete", "deleted", "expire", "expired", "remove", "removed"];
    let ended = flow_text::words(text).any(|word| ended.iter().any(|known| known.eq_ignore_ascii_case(word)));
    put::words(fields::EVENT_TYPE, &[if ended { "end" } else { "start" }], event);
    event.push(fields::EVENT_ACTION, Value::Str(if ended { "nat-deleted" } else { "nat-created" }));
    true
}
