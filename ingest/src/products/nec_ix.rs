//! NEC UNIVERGE IX: its syslog, which has a blank behind the priority and no host name, and may have a time or none.
//!
//! `<PRI> 2026/11/20 10:00:00 FLT.006: BLOCK tcp 192.0.2.1:1024 > 198.51.100.1:80, match acl 10, GE0.0 in`. The code before
//! the colon (`subsystem.number`) is `event.code`, the subsystem `log.logger`. Packets, logins and the peers of IKE are
//! read; the rest is `message`. Source: UNIVERGE IX series event message list; functional manual, "syslog".

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields};

use super::router;
use crate::parser::{Context, Parser, Reason};
use crate::{put, time};

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
        let category = router::text(body, arena, event);
        if category == "firewall" {
            place(body, event);
        } else if event.get_str(fields::LOG_LOGGER) == Some("IKE") || event.get_str(fields::LOG_LOGGER) == Some("IKEv2")
        {
            let peer = body.split([' ', ',', '(', ')']).find(|word| put::ip(word).is_some());
            put::end(&put::SOURCE, peer.unwrap_or(""), event);
            put::words(fields::EVENT_CATEGORY, &["network"], event);
        }
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

/// `FLT.006`, `IKE.042`, `FLT-6`.
fn is_code(text: &str) -> bool {
    text.split_once(['.', '-']).is_some_and(|(name, number)| {
        name.len() >= 2
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && name.starts_with(|first: char| first.is_ascii_uppercase())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// `, match acl 10, GE0.0 in`: the filter and the interface.
fn place<'a>(text: &'a str, event: &mut Event<'a>) {
    if let Some((_, rest)) = text.split_once("match ") {
        let (list, _) = put::word(rest.split(',').next().unwrap_or(""));
        event.push_str(fields::RULE_NAME, list);
    }
    let last = text.rsplit(", ").next().unwrap_or("");
    let (field, direction) = match last.rsplit_once(' ') {
        Some((interface, "in")) => ((fields::OBSERVER_INGRESS_INTERFACE_NAME, interface), "inbound"),
        Some((interface, "out")) => ((fields::OBSERVER_EGRESS_INTERFACE_NAME, interface), "outbound"),
        _ => return,
    };
    event.push_str(field.0, field.1);
    event.push(fields::NETWORK_DIRECTION, Value::Str(direction));
}
