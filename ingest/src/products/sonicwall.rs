//! SonicWall (SonicOS 5 to 7): the `default` and `enhanced` syslog formats.
//!
//! `<134>id=firewall sn=0017C5000000 time="2026-11-20 10:00:00 UTC" fw=192.0.2.1 pri=6 c=1024 m=537 msg="Connection
//! Closed" src=10.1.2.3:50123:X0:pc01 dst=198.51.100.20:443:X1 proto=tcp/https sent=1000 rcvd=2000`, behind any header.
//! `src` and `dst` are address, port, interface and name; `m` is the message's number. Keys without a field of their
//! own are kept as `sonicwall.<key>`. The third format, ArcSight CEF, says the same in CEF's keys (`cef`).
//! Source: SonicOS Log Events Reference Guide.

mod cef;

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields as f};

use crate::device::{self, Verdict, add};
use crate::keyed::{Keys, Pairs, To};
use crate::parser::{Context, Parser, Reason};
use crate::{community_id, kv, protocols, syslog, time};

/// Parser of SonicWall logs.
pub struct Sonicwall {
    keys: Keys,
    cef: Keys,
}

impl Default for Sonicwall {
    fn default() -> Self {
        Sonicwall { keys: Keys::new("sonicwall.", &[KEYS]), cef: Keys::new("sonicwall.", &[cef::KEYS, KEYS]) }
    }
}

static KEYS: &[(&str, To)] = &[
    ("id", To::Held),
    ("sn", To::Text(f::OBSERVER_SERIAL_NUMBER)),
    ("time", To::Held),
    ("fw", To::Ip(f::OBSERVER_IP)),
    ("fwname", To::Text(f::OBSERVER_NAME)),
    ("pri", To::Held),
    ("m", To::Text(f::EVENT_CODE)),
    ("msg", To::Text(f::MESSAGE)),
    ("n", To::Held),
    ("src", To::Held),
    ("dst", To::Held),
    ("srcV6", To::Held),
    ("dstV6", To::Held),
    ("natSrc", To::Held),
    ("natDst", To::Held),
    ("natSrcV6", To::Held),
    ("natDstV6", To::Held),
    ("srcMac", To::Mac(f::SOURCE_MAC)),
    ("dstMac", To::Mac(f::DESTINATION_MAC)),
    ("srcZone", To::Text(f::OBSERVER_INGRESS_ZONE)),
    ("dstZone", To::Text(f::OBSERVER_EGRESS_ZONE)),
    ("proto", To::Held),
    ("sent", To::Int(f::SOURCE_BYTES)),
    ("rcvd", To::Int(f::DESTINATION_BYTES)),
    ("spkt", To::Int(f::SOURCE_PACKETS)),
    ("rpkt", To::Int(f::DESTINATION_PACKETS)),
    ("cdur", To::Held),
    ("dur", To::Held),
    ("usr", To::Held),
    ("user", To::Held),
    ("rule", To::Held),
    ("sid", To::Text(f::RULE_ID)),
    ("ipscat", To::Text(f::RULE_CATEGORY)),
    ("ipspri", To::Both),
    ("appName", To::Text(f::NETWORK_APPLICATION)),
    ("dstname", To::Held),
    ("arg", To::Held),
    ("op", To::Held),
    ("result", To::Int(f::HTTP_RESPONSE_STATUS_CODE)),
    ("referer", To::Text(f::HTTP_REQUEST_REFERRER)),
    ("note", To::Both),
    ("fw_action", To::Both),
    ("filename", To::Text(f::FILE_NAME)),
    ("vpnpolicy", To::Both),
];

impl Parser for Sonicwall {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        const NOT: Reason = Reason("no id= with m= or msg=: not a SonicWall log");
        let mut pairs = Pairs::new_in(arena);
        let body = if let Some(at) = cef::start(line) {
            cef::read(&line[at..], &mut self.cef, &mut pairs, arena, event);
            at
        } else {
            let body = ["id=", "sn="].iter().filter_map(|key| word_start(line, key)).min().ok_or(NOT)?;
            for pair in kv::pairs(&line[body..]) {
                let value = if pair.escaped { kv::unescape(pair.value, arena) } else { pair.value };
                self.keys.put(pair.key, Value::Str(value.trim()), &mut pairs, arena, event);
            }
            body
        };
        if pairs.get("m").is_empty() && pairs.get("msg").is_empty() {
            return Err(NOT);
        }
        set_time(&pairs, context, event);
        let header = syslog::parse(line[..body].trim_end(), context);
        // A header, or a relay, that has only an address leaves the name to `id`.
        let sender = header.hostname.or(header.appname).or(Some(header.message.trim()));
        match sender.and_then(device::address) {
            Some(ip) => {
                device::apply(&syslog::Header { hostname: None, appname: None, ..header }, event);
                event.push(f::HOST_IP, Value::Ip(ip));
            }
            None => device::apply(&header, event),
        }
        if !event.has(f::OBSERVER_NAME) {
            event.push_str(f::OBSERVER_NAME, pairs.get("id"));
        }
        device::observer("SonicWall", "SonicOS", "firewall", event);
        event.push(f::EVENT_MODULE, Value::Str("sonicwall"));
        event.push(f::EVENT_KIND, Value::Str("event"));
        ends(&pairs, event);
        rest(&pairs, arena, event);
        classify(&pairs, event);
        community_id::push(arena, event);
        Ok(())
    }
}

/// Where the key stands at the start of a word.
fn word_start(line: &str, key: &str) -> Option<usize> {
    line.match_indices(key)
        .map(|(at, _)| at)
        .find(|at| *at == 0 || matches!(line.as_bytes()[at - 1], b' ' | b'>' | b'\t' | b':'))
}

fn set_time(pairs: &Pairs<'_>, context: &Context, event: &mut Event<'_>) {
    let text = pairs.get("time");
    let found = match text.strip_suffix(" UTC") {
        Some(text) => time::iso(text, &time::Zone::utc()),
        None => time::iso(text, &context.zone),
    };
    device::push_time(f::TIMESTAMP, found, event);
}

/// `address:port:interface:name`; an IPv6 address stands in brackets or in a key of its own.
fn split_end(text: &str) -> (&str, &str, &str, &str) {
    let (address, rest) = match text.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':').unwrap_or(rest)),
        None if device::address(text).is_some() => (text, ""),
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let mut parts = rest.splitn(3, ':');
    (address, parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""))
}

fn ends<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    type Side = (&'static str, &'static str, FieldId, FieldId, FieldId, FieldId);
    const SIDES: [Side; 2] = [
        ("src", "srcV6", f::SOURCE_IP, f::SOURCE_PORT, f::OBSERVER_INGRESS_INTERFACE_NAME, f::SOURCE_DOMAIN),
        (
            "dst",
            "dstV6",
            f::DESTINATION_IP,
            f::DESTINATION_PORT,
            f::OBSERVER_EGRESS_INTERFACE_NAME,
            f::DESTINATION_DOMAIN,
        ),
    ];
    for (key, v6, ip, port, interface, name) in SIDES {
        let (address, number, own_interface, host) = split_end(pairs.get(key));
        if !device::push_ip(ip, pairs.get(v6), event) {
            device::push_ip(ip, address, event);
        }
        device::push_int(port, number, event);
        event.push_str(interface, own_interface);
        event.push_str(name, host);
    }
    for (keys, ip, port) in [
        (["natSrc", "natSrcV6"], f::SOURCE_NAT_IP, f::SOURCE_NAT_PORT),
        (["natDst", "natDstV6"], f::DESTINATION_NAT_IP, f::DESTINATION_NAT_PORT),
    ] {
        let (address, number, ..) = split_end(pairs.any(&keys));
        device::push_real_ip(ip, address, event);
        if event.has(ip) {
            device::push_int(port, number, event);
        }
    }
}

fn rest<'a>(pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let (transport, application) = pairs.get("proto").split_once('/').unwrap_or((pairs.get("proto"), ""));
    if !transport.is_empty() && !protocols::push(transport, event) {
        event.push_str(f::NETWORK_TRANSPORT, device::lower(transport, arena));
    }
    if !application.is_empty() && !application.bytes().all(|byte| byte.is_ascii_digit()) {
        event.push_str(f::NETWORK_PROTOCOL, device::lower(application, arena));
    }
    if let Some(level) = pairs.int("pri").filter(|level| (0..8).contains(level)) {
        event.push(f::EVENT_SEVERITY, Value::Int(level));
        event.push(f::LOG_LEVEL, Value::Str(LEVELS[level as usize & 7]));
    }
    // `5 (LAN->WAN)`: a rule has a number and the zones, and no name.
    let rule = pairs.any(&["rule", "cs1"]);
    event.push_str(f::RULE_ID, rule);
    event.push_str(f::RULE_NAME, rule);
    // `cdur` is in milliseconds, `dur` in seconds.
    let millis = pairs
        .int("cdur")
        .or_else(|| pairs.int("cn3Label"))
        .or_else(|| pairs.int("dur").and_then(|seconds| seconds.checked_mul(1000)));
    if let Some(nanos) = millis.and_then(|millis| millis.checked_mul(1_000_000)).filter(|nanos| *nanos >= 0) {
        event.push(f::EVENT_DURATION, Value::Int(nanos));
        if let Some(Value::Time(end)) = event.get(f::TIMESTAMP) {
            event.push(f::EVENT_END, Value::Time(end));
            event.push(f::EVENT_START, Value::Time(end.plus_nanos(-nanos)));
        }
    }
    let user = pairs.any(&["usr", "user", "susr"]);
    if !user.starts_with("Unknown") {
        device::push_user(user, event);
    }
    let (mut host, mut target) = (pairs.get("dstname"), pairs.get("arg"));
    // CEF joins the two.
    let request = pairs.get("request");
    if host.is_empty() && !request.is_empty() {
        (host, target) = request.split_at(request.find('/').unwrap_or(request.len()));
    }
    if !host.is_empty() {
        event.push_str(f::URL_DOMAIN, host);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        event.push_str(f::URL_PATH, path);
        event.push_str(f::URL_QUERY, query);
        // A whole address only where the line says it was a web request.
        let scheme = match application {
            "http" | "https" => application,
            _ => "",
        };
        if target.starts_with('/') && !scheme.is_empty() {
            event.push_str(f::URL_SCHEME, scheme);
            let url = bumpalo::format!(in arena, "{}://{}{}", scheme, host, target).into_bump_str();
            event.push_str(f::URL_FULL, url);
        }
    }
    let method = match pairs.get("op") {
        "1" | "GET" => "GET",
        "2" | "POST" => "POST",
        "3" | "HEAD" => "HEAD",
        _ => "",
    };
    event.push_str(f::HTTP_REQUEST_METHOD, method);
    device::push_totals(event);
    // Where only one side was counted, that is all there was.
    for (total, sides) in [
        (f::NETWORK_BYTES, [f::SOURCE_BYTES, f::DESTINATION_BYTES]),
        (f::NETWORK_PACKETS, [f::SOURCE_PACKETS, f::DESTINATION_PACKETS]),
    ] {
        if let (false, Some(count)) = (event.has(total), sides.into_iter().find_map(|side| event.get_int(side))) {
            event.push(total, Value::Int(count));
        }
    }
}

/// Words of `pri`.
const LEVELS: [&str; 8] = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];

/// Numbers, action, outcome, category, types.
type Class = (&'static [&'static str], &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

#[rustfmt::skip]
static CLASSES: &[Class] = &[
    (&["98"], "connection-start", "success", &["network"], &["connection", "start", "allowed"]),
    (&["1235"], "connection-allowed", "success", &["network"], &["connection", "allowed"]),
    (&["199"], "login-success", "success", &["authentication", "session"], &["start", "info"]),
    (&["200"], "login-failure", "failure", &["authentication"], &["start", "info"]),
    (&["537"], "connection-end", "success", &["network"], &["connection", "end"]),
    (&["36", "173", "524", "526", "712", "713", "760"], "connection-denied", "success", &["network"], &["connection", "denied"]),
    (&["28", "37", "38", "39", "41", "46", "48", "174", "175", "181", "428", "522", "523", "533", "580", "590", "646", "647", "714", "883", "884", "885", "886", "1233", "1257", "1301", "1302", "1303"], "packet-dropped", "success", &["network"], &["connection", "denied"]),
    (&["1197"], "connection-info", "success", &["network"], &["connection", "info"]),
    (&["14", "16", "1598"], "web-site-blocked", "success", &["network", "web"], &["access", "denied"]),
    (&["97", "15", "1599"], "web-site-accessed", "success", &["network", "web"], &["access", "allowed"]),
    (&["29", "235", "236", "1231"], "login-success", "success", &["authentication", "session"], &["start", "info"]),
    (&["30", "35", "330"], "login-failure", "failure", &["authentication"], &["start", "info"]),
    (&["31", "237", "238", "239", "1080"], "login-success", "success", &["authentication", "session"], &["start", "info"]),
    (&["32", "33", "34", "246", "329", "1081", "1117"], "login-failure", "failure", &["authentication"], &["start", "info"]),
    (&["261", "262", "263", "264", "265", "24", "994", "1082"], "logout", "success", &["authentication", "session"], &["end", "info"]),
    (&["608", "789"], "intrusion-detected", "", &["network", "intrusion_detection"], &["info", "allowed"]),
    (&["609", "790"], "intrusion-prevented", "success", &["network", "intrusion_detection"], &["info", "denied"]),
    (&["22", "23", "25", "27", "82", "83", "267", "606", "607", "856", "857", "860", "861", "862", "897", "898"], "attack-detected", "", &["network", "intrusion_detection"], &["info"]),
    (&["123", "124", "125", "159", "809", "766", "1559", "1560"], "virus-blocked", "success", &["network", "malware"], &["info", "denied"]),
    (&["794"], "spyware-prevented", "success", &["network", "malware"], &["info", "denied"]),
    (&["795"], "spyware-detected", "", &["network", "malware"], &["info"]),
    (&["1154"], "application-detected", "", &["network"], &["info", "allowed"]),
    (&["1155"], "application-blocked", "success", &["network"], &["info", "denied"]),
    (&["1199", "1200", "1198"], "geoip-blocked", "success", &["network"], &["connection", "denied"]),
    (&["1382", "1336", "1337", "1338"], "configuration-changed", "success", &["configuration"], &["change"]),
];

/// What the words of a message say whose number no table has.
fn by_text(text: &str, event: &mut Event<'_>) {
    let has = |words: &[&str]| {
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| words.iter().any(|known| known.eq_ignore_ascii_case(word)))
    };
    let failed = has(&["denied", "failed", "failure", "rejected", "incorrect"]);
    let (action, outcome, category, types): (_, _, &[&str], &[&str]) = if has(&["login", "logon"]) {
        let outcome = if failed { "failure" } else { "success" };
        (if failed { "login-failure" } else { "login-success" }, outcome, &["authentication"], &["start", "info"])
    } else if has(&["logout"]) || has(&["logged"]) && has(&["out"]) {
        ("logout", "success", &["authentication", "session"], &["end", "info"])
    } else if has(&["packet", "connection", "traffic"]) && has(&["dropped", "denied", "blocked", "rejected"]) {
        ("connection-denied", "success", &["network"], &["connection", "denied"])
    } else if has(&["packet", "connection", "traffic"]) && has(&["allowed", "opened", "forwarded"]) {
        ("connection-allowed", "success", &["network"], &["connection", "allowed"])
    } else if has(&["ike", "ikev2", "ipsec", "vpn", "sa"]) {
        (
            "",
            if failed || has(&["mismatch", "invalid"]) { "failure" } else { "" },
            &["network"],
            &["connection", "info"],
        )
    } else if has(&["configuration", "settings"]) && has(&["changed", "modified", "added", "deleted", "succeeded"]) {
        ("configuration-changed", "success", &["configuration"], &["change"])
    } else {
        ("", "", &["network"], &["info"])
    };
    event.push_str(f::EVENT_ACTION, action);
    event.push_str(f::EVENT_OUTCOME, outcome);
    add(f::EVENT_CATEGORY, category, event);
    add(f::EVENT_TYPE, types, event);
}

fn classify(pairs: &Pairs<'_>, event: &mut Event<'_>) {
    let number = pairs.get("m");
    let mut logsource = "";
    match CLASSES.iter().find(|(numbers, ..)| numbers.contains(&number)) {
        Some((_, action, outcome, category, types)) => {
            event.push(f::EVENT_ACTION, Value::Str(action));
            event.push_str(f::EVENT_OUTCOME, outcome);
            add(f::EVENT_CATEGORY, category, event);
            add(f::EVENT_TYPE, types, event);
            logsource = match category.last() {
                Some(&"web") => "proxy",
                Some(&"malware") => "antivirus",
                Some(&"network" | &"intrusion_detection") => "firewall",
                _ => "",
            };
        }
        None => by_text(pairs.get("msg"), event),
    }
    // A finding in what passes or does not.
    let found = |word: &str| event.all(f::EVENT_CATEGORY).any(|held| held == Value::Str(word));
    if found("intrusion_detection") || found("malware") {
        event.set(f::EVENT_KIND, Value::Str("alert"));
    }
    let done = pairs.get("fw_action").trim_matches('"');
    if matches!(done, "drop" | "Drop") {
        event.set(f::EVENT_ACTION, Value::Str("packet-dropped"));
    }
    match device::verdict(done) {
        Verdict::Denied => add(f::EVENT_TYPE, &["denied"], event),
        Verdict::Allowed if !event.all(f::EVENT_TYPE).any(|kind| kind == Value::Str("denied")) => {
            add(f::EVENT_TYPE, &["allowed"], event);
        }
        _ => {}
    }
    device::logsource("sonicwall", logsource, "", event);
}
