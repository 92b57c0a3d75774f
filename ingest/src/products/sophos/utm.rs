//! Sophos UTM (SG, 9.x), the line before the XG: `id="2001" severity="info" sys="SecureNet" sub="packetfilter" name="Packet
//! dropped" action="drop" fwrule="60002" ...` behind `2026:11:20-10:00:00 host ulogd[123]: ` or any syslog header.
//!
//! Packet filter, web proxy, intrusion prevention, application control and sign-ins become fields; keys without a field of
//! their own are kept as `sophos.<key>`. Source: Sophos UTM Administration Guide, "Logging & Reporting"; UTM log file format.

use bumpalo::Bump;
use stream::{Event, Timestamp, Value, fields as f};

use crate::device::{self, Verdict, add};
use crate::keyed::{Keys, Pairs, To};
use crate::parser::Context;
use crate::{community_id, kv, protocols, syslog, time};

pub(super) static KEYS: &[(&str, To)] = &[
    ("id", To::Text(f::EVENT_CODE)),
    ("severity", To::Text(f::LOG_LEVEL)),
    ("sys", To::Both),
    ("sub", To::Both),
    ("name", To::Text(f::MESSAGE)),
    ("action", To::Held),
    ("fwrule", To::Text(f::RULE_ID)),
    ("initf", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("outitf", To::Text(f::OBSERVER_EGRESS_INTERFACE_NAME)),
    ("srcmac", To::Mac(f::SOURCE_MAC)),
    ("dstmac", To::Mac(f::DESTINATION_MAC)),
    ("srcip", To::Ip(f::SOURCE_IP)),
    ("dstip", To::Ip(f::DESTINATION_IP)),
    ("srcport", To::Int(f::SOURCE_PORT)),
    ("dstport", To::Int(f::DESTINATION_PORT)),
    ("proto", To::Held),
    ("length", To::Int(f::NETWORK_BYTES)),
    ("method", To::Text(f::HTTP_REQUEST_METHOD)),
    ("statuscode", To::Int(f::HTTP_RESPONSE_STATUS_CODE)),
    ("size", To::Int(f::HTTP_RESPONSE_BODY_BYTES)),
    ("url", To::Held),
    ("referer", To::Text(f::HTTP_REQUEST_REFERRER)),
    ("ua", To::Text(f::USER_AGENT_ORIGINAL)),
    ("useragent", To::Text(f::USER_AGENT_ORIGINAL)),
    ("content-type", To::Text(f::HTTP_RESPONSE_MIME_TYPE)),
    ("categoryname", To::Text(f::RULE_CATEGORY)),
    ("profile", To::Text(f::RULE_RULESET)),
    ("app-name", To::Text(f::NETWORK_APPLICATION)),
    ("user", To::Held),
    ("username", To::Held),
    ("ad_domain", To::Held),
    ("sid", To::Text(f::RULE_ID)),
    ("reason", To::Text(f::RULE_NAME)),
    ("class", To::Text(f::RULE_CATEGORY)),
    ("virus", To::Both),
];

/// Where the pairs of such a line start.
pub(super) fn start(line: &str) -> Option<usize> {
    let at = line.find("id=\"")?;
    let rest = &line[at..];
    (rest.contains(" sys=\"Secure") && rest.contains(" sub=\"")).then_some(at)
}

/// Reads the pairs and the header before them.
pub(super) fn read<'a>(
    line: &'a str,
    start: usize,
    keys: &mut Keys,
    context: &Context,
    arena: &'a Bump,
    event: &mut Event<'a>,
) {
    let mut pairs = Pairs::new_in(arena);
    for pair in kv::pairs(&line[start..]) {
        let value = if pair.escaped { kv::unescape(pair.value, arena) } else { pair.value };
        keys.put(pair.key, Value::Str(value), &mut pairs, arena, event);
    }
    header(line[..start].trim_end(), context, event);
    device::observer("Sophos", "UTM", "firewall", event);
    event.push(f::EVENT_MODULE, Value::Str("sophos"));
    let protocol = pairs.get("proto");
    if !protocol.is_empty() && !protocols::push(protocol, event) {
        event.push_str(f::NETWORK_TRANSPORT, device::lower(protocol, arena));
    }
    let user = pairs.any(&["user", "username"]);
    device::push_user(user, event);
    if !user.is_empty() && !event.has(f::USER_DOMAIN) {
        event.push_str(f::USER_DOMAIN, pairs.get("ad_domain"));
    }
    let url = pairs.get("url");
    event.push_str(f::URL_ORIGINAL, url);
    crate::products::squid::url::push(url, event);
    classify(&pairs, event);
    community_id::push(arena, event);
}

/// `2026:11:20-10:00:00 host program[123]:`, the UTM's own files, or a syslog header.
fn header<'a>(text: &'a str, context: &Context, event: &mut Event<'a>) {
    let own = || -> Option<(Timestamp, &'a str)> {
        let (stamp, rest) = syslog::without_priority(text).1.split_once(' ')?;
        let (day, clock) = stamp.split_once('-')?;
        let mut parts = day.split(':').map(|part| part.parse::<u16>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let date = (year, u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        let civil = time::Civil::new(date, time::civil_time(clock.as_bytes())?.0)?;
        Some((context.zone.instant(&civil), rest))
    };
    let Some((stamp, rest)) = own() else {
        let header = syslog::parse(text, context);
        device::apply(&syslog::Header { appname: None, ..header }, event);
        event.push_str(f::PROCESS_NAME, header.appname.unwrap_or(""));
        return;
    };
    device::push_time(f::TIMESTAMP, Some(stamp), event);
    if let Some(priority) = syslog::priority_prefix(text) {
        crate::products::fortinet_fortigate::push_priority(priority.0, event);
    }
    let (host, program) = rest.split_once(' ').unwrap_or((rest, ""));
    event.push_str(f::OBSERVER_NAME, host);
    event.push_str(f::PROCESS_NAME, program.split(['[', ':']).next().unwrap_or(""));
}

fn classify<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    let action = pairs.get("action");
    let (category, types, logsource, kind): (&[&'static str], &[&'static str], _, _) = match pairs.get("sub") {
        "packetfilter" => (&["network"], &["connection", "info"], "firewall", "event"),
        "http" => (&["network", "web"], &["access", "info"], "proxy", "event"),
        "ips" => (&["network", "intrusion_detection"], &["info"], "firewall", "alert"),
        "auth" => (&["authentication"], &["start", "info"], "", "event"),
        "vpn" => (&["network", "session"], &["connection", "info"], "", "event"),
        "smtp" => (&["network", "email"], &["info"], "", "event"),
        "reverseproxy" | "waf" => (&["network", "web"], &["access", "info"], "webserver", "event"),
        _ => (&["network"], &["info"], "", "event"),
    };
    add(f::EVENT_CATEGORY, category, event);
    add(f::EVENT_TYPE, types, event);
    event.push(f::EVENT_KIND, Value::Str(kind));
    event.push_str(f::EVENT_ACTION, action);
    let verdict = device::verdict(action);
    device::push_verdict(verdict, event);
    let name = pairs.get("name");
    let outcome = match verdict {
        _ if name.contains("successful") => "success",
        _ if name.contains("failed") || name.contains("failure") => "failure",
        Verdict::Allowed => "success",
        Verdict::Denied => "failure",
        Verdict::Unsaid => "",
    };
    event.push_str(f::EVENT_OUTCOME, outcome);
    if !pairs.get("virus").is_empty() {
        add(f::EVENT_CATEGORY, &["malware"], event);
        event.set(f::EVENT_KIND, Value::Str("alert"));
    }
    device::logsource("sophos", logsource, "", event);
}
