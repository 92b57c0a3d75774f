//! Stormshield Network Security (SNS 2 to 4): every log of the WELF format.
//!
//! `id=firewall time="2026-11-20 10:00:00" fw="SN310" tz=+0900 startime="..." pri=5 ... action=pass logtype="filter"`,
//! behind any header. `logtype` tells the log: filter, connection, plugin, alarm, auth, web, vpn, xvpn, server, system,
//! smtp, pop3, ftp, ssl, count, monitor, pvm, sandboxing. Keys without a field of their own are kept as
//! `stormshield.<key>`. Source: Stormshield Network Security, Description of Audit Logs.

use bumpalo::Bump;
use stream::{Event, Value, fields as f};

use crate::device::{self, Verdict, add};
use crate::keyed::{Keys, Pairs, To};
use crate::parser::{Context, Parser, Reason};
use crate::{community_id, kv, protocols, time};

/// Parser of SNS logs.
pub struct Stormshield {
    keys: Keys,
}

impl Default for Stormshield {
    fn default() -> Self {
        Stormshield { keys: Keys::new("stormshield.", &[KEYS]) }
    }
}

static KEYS: &[(&str, To)] = &[
    ("id", To::Held),
    ("time", To::Held),
    ("tz", To::Text(f::EVENT_TIMEZONE)),
    ("startime", To::Held),
    ("fw", To::Text(f::OBSERVER_NAME)),
    ("pri", To::Held),
    ("logtype", To::Both),
    ("src", To::Ip(f::SOURCE_IP)),
    ("dst", To::Ip(f::DESTINATION_IP)),
    ("srcport", To::Int(f::SOURCE_PORT)),
    ("dstport", To::Int(f::DESTINATION_PORT)),
    ("srcname", To::Text(f::SOURCE_DOMAIN)),
    ("dstname", To::Text(f::DESTINATION_DOMAIN)),
    ("srcmac", To::Mac(f::SOURCE_MAC)),
    ("srcifname", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("dstifname", To::Text(f::OBSERVER_EGRESS_INTERFACE_NAME)),
    ("srcgeo", To::Text(f::SOURCE_GEO_COUNTRY_ISO_CODE)),
    ("dstgeo", To::Text(f::DESTINATION_GEO_COUNTRY_ISO_CODE)),
    ("modsrc", To::Ip(f::SOURCE_NAT_IP)),
    ("modsrcport", To::Int(f::SOURCE_NAT_PORT)),
    ("origdst", To::Held),
    ("ipproto", To::Held),
    ("proto", To::Held),
    ("sent", To::Int(f::SOURCE_BYTES)),
    ("rcvd", To::Int(f::DESTINATION_BYTES)),
    ("duration", To::Held),
    ("action", To::Held),
    ("ruleid", To::Text(f::RULE_ID)),
    ("rulename", To::Text(f::RULE_NAME)),
    ("user", To::Held),
    ("domain", To::Held),
    ("dstuser", To::Text(f::DESTINATION_USER_NAME)),
    ("msg", To::Text(f::MESSAGE)),
    ("error", To::Both),
    ("op", To::Held),
    ("arg", To::Held),
    ("result", To::Held),
    ("cat_site", To::Both),
    ("alarmid", To::Text(f::EVENT_CODE)),
    ("class", To::Text(f::RULE_CATEGORY)),
    ("classification", To::Both),
    ("risk", To::Int(f::EVENT_RISK_SCORE)),
    ("sensible", To::Both),
    ("virus", To::Both),
    ("appname", To::Text(f::NETWORK_APPLICATION)),
    ("from", To::Each(f::EMAIL_FROM_ADDRESS)),
    ("to", To::Each(f::EMAIL_TO_ADDRESS)),
    ("mailruleid", To::Both),
    ("filename", To::Text(f::FILE_NAME)),
    ("hash", To::Held),
    ("address", To::Held),
    ("agent", To::Held),
];

impl Parser for Stormshield {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        const NOT: Reason = Reason("no id=firewall with a time: not a Stormshield log");
        // Some relays take `id=firewall` for the tag and leave it out.
        let bare = || line.find("time=\"").filter(|at| line[*at..].contains(" fw=\"") && line.contains(" logtype=\""));
        let body = line.find("id=firewall").or_else(bare).ok_or(NOT)?;
        let mut pairs = Pairs::new_in(arena);
        for pair in kv::pairs(&line[body..]) {
            let value = if pair.escaped { kv::unescape(pair.value, arena) } else { pair.value };
            self.keys.put(pair.key, Value::Str(value), &mut pairs, arena, event);
        }
        if pairs.get("time").is_empty() && pairs.get("logtype").is_empty() {
            return Err(NOT);
        }
        let zone = time::offset(pairs.get("tz")).map_or_else(|| context.zone.clone(), time::Zone::fixed);
        device::push_time(f::TIMESTAMP, time::iso(pairs.get("time"), &zone), event);
        device::push_time(f::EVENT_START, time::iso(pairs.get("startime"), &zone), event);
        device::header(&line[..body], context, event);
        device::observer("Stormshield", "SNS", "firewall", event);
        event.push(f::EVENT_MODULE, Value::Str("stormshield"));
        flow(&pairs, arena, event);
        classify(&pairs, event);
        community_id::push(arena, event);
        Ok(())
    }
}

fn flow<'a>(pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let transport = pairs.get("ipproto");
    if !transport.is_empty() && !protocols::push(transport, event) {
        event.push_str(f::NETWORK_TRANSPORT, device::lower(transport, arena));
    }
    let protocol = pairs.get("proto");
    // Without `ipproto`, `proto` is the transport (sign-ins, older versions).
    if transport.is_empty() && protocols::number(protocol).is_some() {
        protocols::push(protocol, event);
    } else {
        event.push_str(f::NETWORK_PROTOCOL, device::lower(protocol, arena));
    }
    if let Some(original) =
        device::address(pairs.get("origdst")).filter(|ip| event.get_ip(f::DESTINATION_IP) != Some(*ip))
    {
        // What was asked for is the destination, what it became is its translation.
        if let Some(real) = event.get(f::DESTINATION_IP) {
            event.push(f::DESTINATION_NAT_IP, real);
        }
        event.set(f::DESTINATION_IP, Value::Ip(original));
    }
    if let Some(nanos) = nanos(pairs.get("duration")) {
        event.push(f::EVENT_DURATION, Value::Int(nanos));
        if let Some(Value::Time(start)) = event.get(f::EVENT_START) {
            event.push(f::EVENT_END, Value::Time(start.plus_nanos(nanos)));
        }
    }
    device::push_user(pairs.get("user"), event);
    for (name, domain) in [(f::SOURCE_USER_NAME, f::SOURCE_USER_DOMAIN), (f::USER_NAME, f::USER_DOMAIN)] {
        if !event.has(domain) && event.has(name) {
            event.push_str(domain, pairs.get("domain"));
        }
    }
    // An administrator's address.
    if !event.has(f::SOURCE_IP) {
        device::push_ip(f::SOURCE_IP, pairs.get("address"), event);
    }
    if let Some(level) = pairs.int("pri").filter(|level| (0..8).contains(level)) {
        event.push(f::EVENT_SEVERITY, Value::Int(level));
        event.push(f::LOG_LEVEL, Value::Str(device::LEVELS[level as usize & 7]));
    }
    device::push_totals(event);
}

/// `60.12`: seconds with a fraction.
fn nanos(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut nanos = whole.parse::<i64>().ok().filter(|seconds| *seconds >= 0)?;
    for place in 0..9 {
        let digit = match fraction.as_bytes().get(place) {
            Some(byte @ b'0'..=b'9') => i64::from(byte - b'0'),
            Some(_) => return None,
            None => 0,
        };
        nanos = nanos.checked_mul(10)?.checked_add(digit)?;
    }
    Some(nanos)
}

/// Rule, request and command of a log that has them.
fn content<'a>(kind: &str, pairs: &Pairs<'a>, event: &mut Event<'a>) {
    if kind == "alarm" {
        let message: &'a str = event.get_str(f::MESSAGE).unwrap_or("");
        event.push_str(f::RULE_DESCRIPTION, message);
        if !event.has(f::RULE_NAME) {
            event.push_str(f::RULE_NAME, message);
        }
    }
    if kind == "web" || pairs.get("op") == "GET" || pairs.get("op") == "POST" {
        event.push_str(f::HTTP_REQUEST_METHOD, pairs.get("op"));
        device::push_int(f::HTTP_RESPONSE_STATUS_CODE, pairs.get("result"), event);
        let host: &'a str = event.get_str(f::DESTINATION_DOMAIN).unwrap_or("");
        event.push_str(f::URL_DOMAIN, host);
        let (path, query) = pairs.get("arg").split_once('?').unwrap_or((pairs.get("arg"), ""));
        event.push_str(f::URL_PATH, path);
        event.push_str(f::URL_QUERY, query);
    } else {
        if kind == "ssl" {
            let host: &'a str = event.get_str(f::DESTINATION_DOMAIN).unwrap_or("");
            event.push_str(f::URL_DOMAIN, host);
        }
        event.push_str(f::PROCESS_COMMAND_LINE, if kind == "server" { pairs.get("arg") } else { "" });
    }
}

fn classify<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    let kind = pairs.get("logtype").trim_start_matches("l_");
    let says = |words: &[&str]| {
        let text = pairs.get("msg");
        text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| words.iter().any(|w| w.eq_ignore_ascii_case(word)))
    };
    let (category, types, logsource, alert): (&[&'static str], &[&'static str], _, _) = match kind {
        // An administrator comes and goes.
        "server" | "system"
            if says(&["login", "logged", "authenticated"]) || says(&["session"]) && says(&["opened"]) =>
        {
            (&["authentication"], &["start"], "", false)
        }
        "server" | "system" if says(&["logout", "quit", "disconnected"]) || says(&["session"]) && says(&["closed"]) => {
            (&["authentication", "session"], &["end"], "", false)
        }
        "ssl" if !pairs.get("cat_site").is_empty() || !pairs.get("dstname").is_empty() => {
            (&["network", "web"], &["connection"], "proxy", false)
        }
        "filter" => (&["network"], &["connection"], "firewall", false),
        "connection" | "plugin" => (&["network"], &["connection", "end"], "firewall", false),
        "alarm" => (&["network", "intrusion_detection"], &["info"], "firewall", true),
        "web" => (&["network", "web"], &["access"], "proxy", false),
        "auth" => (&["authentication"], &["start"], "", false),
        "vpn" | "xvpn" => (&["network", "session"], &["connection"], "", false),
        "server" => (&["configuration"], &["info"], "", false),
        "smtp" | "pop3" => (&["network", "email"], &["info"], "", false),
        "sandboxing" => (&["network", "malware"], &["info"], "antivirus", true),
        "pvm" => (&["vulnerability"], &["info"], "", true),
        "ftp" | "ssl" => (&["network"], &["connection"], "", false),
        _ => (&["host"], &["info"], "", false),
    };
    event.push(f::EVENT_KIND, Value::Str(if alert { "alert" } else { "event" }));
    add(f::EVENT_CATEGORY, category, event);
    add(f::EVENT_TYPE, types, event);
    device::logsource("stormshield", logsource, "", event);
    let action = pairs.get("action");
    event.push_str(f::EVENT_ACTION, if action.is_empty() { kind } else { action });
    let verdict = device::verdict(action);
    device::push_verdict(verdict, event);
    let outcome = match pairs.int("error") {
        Some(0) => "success",
        Some(_) => "failure",
        None if verdict != Verdict::Unsaid => "success",
        // Sign-ins say it in words.
        None if kind == "auth" && says(&["failed", "failure", "bad", "denied", "invalid", "refused"]) => "failure",
        None if category.first() == Some(&"authentication") && !says(&["failed"]) => "success",
        None => "",
    };
    event.push_str(f::EVENT_OUTCOME, outcome);
    content(kind, pairs, event);
    match pairs.get("hash").len() {
        64 => event.push_str(f::FILE_HASH_SHA256, pairs.get("hash")),
        40 => event.push_str(f::FILE_HASH_SHA1, pairs.get("hash")),
        32 => event.push_str(f::FILE_HASH_MD5, pairs.get("hash")),
        _ => {}
    }
}
