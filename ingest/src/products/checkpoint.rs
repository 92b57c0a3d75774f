//! Check Point (R77 to R82): logs of every blade as Log Exporter writes them.
//!
//! | Form | Example |
//! |---|---|
//! | syslog | `<134>1 2026-11-20T01:00:00Z gw CheckPoint 1930 - [action:"Accept"; src:"192.0.2.1"; ...]` |
//! | RFC 5424 structured data | `[Fields@1.3.6.1.4.1.2620 src="192.0.2.1" dst="..." ...]` |
//! | generic, splunk, LEA | `time=1763600400\|hostname=gw\|action=Accept\|...`, with `\|`, `;` or blanks between |
//! | CEF, LEEF | `CEF:0\|Check Point\|VPN-1 & FireWall-1\|...`, `LEEF:2.0\|Check Point\|...` |
//! | JSON | `{"action":"Accept","src":"192.0.2.1",...}` |
//!
//! All carry the same field names, except that CEF has its own for some. `@timestamp` is `time`, else the header's.
//! Keys without a field of their own are kept as `checkpoint.<key>`. Source: Check Point sk144192 (field reference),
//! Logging and Monitoring Administration Guide, "Log Exporter".

mod keys;

use bumpalo::Bump;
use stream::{Event, FieldId, Timestamp, Value, fields as f};

use self::keys::{CEF, KEYS};
use super::generic::cef_pairs;
use crate::device::{self, Verdict, add};
use crate::json::{Scalar, Walker};
use crate::keyed::{Keys, Pairs};
use crate::parser::{Context, Parser, Reason};
use crate::{community_id, kv, protocols, syslog, time};

/// Parser of Check Point logs.
pub struct Checkpoint {
    keys: Keys,
    walker: Walker,
}

impl Default for Checkpoint {
    fn default() -> Self {
        Checkpoint { keys: Keys::new("checkpoint.", &[KEYS]), walker: Walker::default() }
    }
}

/// How the pairs are written.
enum Form {
    /// `[key:"value"; ...]`, from this byte on.
    Colon(usize),
    /// `[id key="value" ...]`.
    Structured(usize),
    Cef(usize),
    Leef(usize),
    Json(usize),
    KeyValue(usize),
}

impl Parser for Checkpoint {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let form = form(line).ok_or(Reason("none of Check Point's forms: no key and value"))?;
        let (Form::Colon(at)
        | Form::Structured(at)
        | Form::Cef(at)
        | Form::Leef(at)
        | Form::Json(at)
        | Form::KeyValue(at)) = form;
        let mut pairs = Pairs::new_in(arena);
        let text = &line[at..];
        match form {
            Form::Colon(_) => {
                for (key, value) in ColonPairs(text) {
                    self.keys.put(key, Value::Str(kv::unescape(value, arena)), &mut pairs, arena, event);
                }
            }
            Form::Structured(_) | Form::KeyValue(_) => {
                let text = text.trim_end().trim_end_matches(']');
                let separator = if text.contains('|') { b'|' } else { b';' };
                read_pairs(text, separator, |key, value| {
                    self.keys.put(key, Value::Str(value), &mut pairs, arena, event);
                });
            }
            Form::Leef(_) => {
                let (head, rest) = leef(text);
                event.push_str(f::OBSERVER_PRODUCT, head);
                read_pairs(rest, b'\t', |key, value| {
                    self.keys.put(cef_name(key), Value::Str(value), &mut pairs, arena, event);
                });
            }
            Form::Cef(_) => {
                for (key, value) in cef_pairs(text, arena).ok_or(Reason("a CEF header has seven columns"))? {
                    self.keys.put(cef_name(key), Value::Str(value), &mut pairs, arena, event);
                }
                event.push_str(f::OBSERVER_PRODUCT, text.split('|').nth(2).unwrap_or(""));
            }
            Form::Json(_) => {
                let keys = &mut self.keys;
                self.walker.walk(text, arena, |path, scalar| {
                    let key: &'a str = arena.alloc_str(path);
                    if let Some(value) = scalar_text(scalar, arena) {
                        keys.put(key, Value::Str(value), &mut pairs, arena, event);
                    }
                })?;
            }
        }
        if pairs.is_empty() {
            return Err(Reason("no key with a value: not a Check Point log"));
        }
        set_time(&line[..at], &pairs, context, arena, event);
        meaning(&pairs, arena, event);
        Ok(())
    }
}

fn form(line: &str) -> Option<Form> {
    if let Some(at) = line.find("CEF:") {
        return Some(Form::Cef(at));
    }
    if let Some(at) = line.find("LEEF:") {
        return Some(Form::Leef(at));
    }
    let colon = line.find(":\"");
    let bracket = line.find('[');
    let equals = line.find('=');
    if let Some(at) = line.find('{')
        && bracket.is_none_or(|bracket| at < bracket)
        && equals.is_none_or(|equals| at < equals)
    {
        return Some(Form::Json(at));
    }
    match (bracket, colon, equals) {
        (Some(bracket), Some(colon), _) if bracket < colon && equals.is_none_or(|equals| colon < equals) => {
            Some(Form::Colon(bracket + 1))
        }
        (Some(bracket), _, Some(equals)) if bracket < equals => Some(Form::Structured(bracket + 1)),
        (_, Some(colon), equals) if equals.is_none_or(|equals| colon < equals) => {
            Some(Form::Colon(key_start(line, colon)))
        }
        (_, _, Some(equals)) => Some(Form::KeyValue(key_start(line, equals))),
        _ => None,
    }
}

/// Where the word before this byte starts.
fn key_start(line: &str, end: usize) -> usize {
    line[..end].rfind([' ', '>', '\t']).map_or(0, |at| at + 1)
}

/// `key:"value"; key::"value"` pairs; a backslash guards a quote inside a value.
struct ColonPairs<'a>(&'a str);

impl<'a> Iterator for ColonPairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let (key, rest) = self.0.split_once(":\"")?;
        let bytes = rest.as_bytes();
        let mut end = 0;
        let mut from = 0;
        while let Some(found) = memchr::memchr(b'"', &bytes[from..]) {
            end = from + found;
            let guarded = end > 0 && bytes[end - 1] == b'\\';
            // `\"` at the end of a Windows path or of `policy_name=x\]` is followed by the next pair.
            if !guarded || matches!(bytes.get(end + 1), Some(b';' | b']')) {
                break;
            }
            from = end + 1;
            end = bytes.len();
        }
        if memchr::memchr(b'"', bytes).is_none() {
            end = bytes.len();
        }
        self.0 = rest.get(end + 1..).unwrap_or("");
        let key = key.trim_matches([' ', ';', ':', '[', ']']);
        let key = key.rsplit([' ', ';']).next().unwrap_or(key);
        Some((key, &rest[..end]))
    }
}

/// `key=value` and `key="value"`; without quotes a value runs to the separator, if the text has it, or to a blank.
fn read_pairs<'a>(text: &'a str, separator: u8, mut put: impl FnMut(&'a str, &'a str)) {
    if memchr::memmem::find(text.as_bytes(), b"=\"").is_none() && text.as_bytes().contains(&separator) {
        for pair in text.split(char::from(separator)) {
            if let Some((key, value)) = pair.split_once('=') {
                put(key.trim(), value.trim());
            }
        }
        return;
    }
    for pair in kv::pairs_separated(text, separator) {
        put(pair.key, pair.value);
    }
}

/// The product of a LEEF header, and what follows the header.
fn leef(text: &str) -> (&str, &str) {
    let columns = if text.starts_with("LEEF:2") { 6 } else { 5 };
    let mut rest = text;
    let mut product = "";
    for column in 0..columns {
        let Some((cell, after)) = rest.split_once('|') else { break };
        if column == 2 {
            product = cell;
        }
        rest = after;
    }
    (product, rest)
}

/// Check Point's name of a CEF or LEEF key.
fn cef_name(key: &str) -> &str {
    CEF.iter().find(|(cef, _)| *cef == key).map_or(key, |(_, own)| *own)
}

fn scalar_text<'a>(scalar: Scalar<'a>, arena: &'a Bump) -> Option<&'a str> {
    match scalar {
        Scalar::Str(text) | Scalar::Float(_, text) => Some(text),
        Scalar::Int(number) => Some(bumpalo::format!(in arena, "{}", number).into_bump_str()),
        Scalar::Bool(flag) => Some(if flag { "true" } else { "false" }),
        Scalar::Null => None,
    }
}

/// The header and `@timestamp`, which is `time` where the line has it.
fn set_time<'a>(prefix: &'a str, pairs: &Pairs<'a>, context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
    let read = |text: &str| -> Option<Timestamp> { time::iso(text, &context.zone).or_else(|| time::epoch(text)) };
    device::push_time(f::TIMESTAMP, read(pairs.any(&["time", "rt", "devTime", "_time"])), event);
    // Some versions write the zone as `--5:00`.
    let mut text = prefix.trim_end();
    if let Some((before, after)) = prefix.split_once("--").or(prefix.split_once("+-"))
        && let Some((hours, rest)) = after.split_once(':')
        && hours.len() <= 2
    {
        let sign = if prefix.contains("--") { '-' } else { '+' };
        text = bumpalo::format!(in arena, "{}{}{:0>2}:{}", before, sign, hours, rest).into_bump_str();
    }
    let header = syslog::parse(text, context);
    device::apply(&syslog::Header { hostname: None, appname: None, ..header }, event);
    event.push_str(f::LOG_SYSLOG_HOSTNAME, header.hostname.unwrap_or(""));
    if !event.has(f::OBSERVER_NAME) {
        event.push_str(f::OBSERVER_NAME, header.hostname.unwrap_or(""));
    }
    device::push_time(f::EVENT_START, read(pairs.get("start_time")), event);
    device::push_time(f::EVENT_END, read(pairs.get("lastupdatetime")), event);
}

fn meaning<'a>(pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    device::observer("Checkpoint", "", "firewall", event);
    event.push(f::EVENT_MODULE, Value::Str("checkpoint"));
    endpoints(pairs, arena, event);
    classify(pairs, event);
    let resource = pairs.get("resource");
    if !resource.is_empty() {
        event.push_str(f::URL_ORIGINAL, resource);
        super::squid::url::push(resource, event);
    }
    for (key, field) in
        [("file_md5", f::FILE_HASH_MD5), ("file_sha1", f::FILE_HASH_SHA1), ("file_sha256", f::FILE_HASH_SHA256)]
    {
        event.push_str(field, pairs.get(key));
    }
    if let Some(number) = pairs.int("severity") {
        event.push(f::EVENT_SEVERITY, Value::Int(number));
    }
    community_id::push(arena, event);
}

fn endpoints<'a>(pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let protocol = pairs.get("proto");
    if !protocol.is_empty() && !protocols::push(protocol, event) {
        event.push_str(f::NETWORK_TRANSPORT, device::lower(protocol, arena));
    }
    for (key, field) in [("xlatesrc", f::SOURCE_NAT_IP), ("xlatedst", f::DESTINATION_NAT_IP)] {
        device::push_real_ip(field, pairs.get(key), event);
    }
    let nat: [(&[&str], FieldId); 2] = [
        (&["xlatesport", "xlatesport_svc"], f::SOURCE_NAT_PORT),
        (&["xlatedport", "xlatedport_svc"], f::DESTINATION_NAT_PORT),
    ];
    for (keys, field) in nat {
        let port = pairs.any(keys);
        if port != "0" {
            device::push_int(field, port, event);
        }
    }
    let direction = pairs.any(&["ifdir", "conn_direction"]);
    if !direction.is_empty() {
        event.push_str(f::NETWORK_DIRECTION, device::lower(direction, arena));
    }
    let interface = if direction.eq_ignore_ascii_case("outbound") {
        f::OBSERVER_EGRESS_INTERFACE_NAME
    } else {
        f::OBSERVER_INGRESS_INTERFACE_NAME
    };
    event.push_str(interface, pairs.get("ifname"));
    let client = pairs.get("client_inbound_interface");
    if !client.is_empty() {
        event.set(f::OBSERVER_INGRESS_INTERFACE_NAME, Value::Str(client));
    }
    let counts: [(&[&str], FieldId); 4] = [
        (&["client_outbound_bytes", "sent_bytes"], f::SOURCE_BYTES),
        (&["server_outbound_bytes", "client_inbound_bytes", "received_bytes"], f::DESTINATION_BYTES),
        (&["client_outbound_packets"], f::SOURCE_PACKETS),
        (&["server_outbound_packets", "client_inbound_packets"], f::DESTINATION_PACKETS),
    ];
    for (keys, field) in counts {
        device::push_int(field, pairs.any(keys), event);
    }
    for key in ["src_user_name", "user", "administrator"] {
        // `Sato Ichiro (sato)`: the account is in parentheses.
        let text = pairs.get(key).trim();
        let account =
            text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")).map_or(text, |(_, account)| account);
        device::push_user(account, event);
    }
    device::push_destination_user(pairs.get("dst_user_name"), event);
}

fn classify<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    let action = pairs.any(&["action", "Action"]);
    if !event.has(f::RULE_ID) {
        event.push_str(f::RULE_ID, pairs.get("rule"));
    }
    let product = pairs.any(&["product", "ProductName"]);
    event.push(f::EVENT_KIND, Value::Str("event"));
    add(f::EVENT_CATEGORY, &["network"], event);
    let mut category = "firewall";
    match product {
        "Anti Malware" | "Anti-Malware" | "Anti-Bot" | "Anti-Virus" | "New Anti Virus" | "Threat Emulation"
        | "Threat Extraction" | "Forensics" => {
            category = "antivirus";
            add(f::EVENT_CATEGORY, &["malware"], event);
        }
        "SmartDefense" | "IPS" => add(f::EVENT_CATEGORY, &["intrusion_detection"], event),
        "URL Filtering" => {
            category = "proxy";
            add(f::EVENT_CATEGORY, &["web"], event);
        }
        "SmartConsole" | "SmartDashboard" | "WEB_API" => add(f::EVENT_CATEGORY, &["configuration"], event),
        _ => {}
    }
    device::logsource("checkpoint", category, "", event);
    let (name, outcome, types): (&str, &str, &[&'static str]) = match action {
        "" => ("", "", &[]),
        "Log In" | "Login" => ("logged-in", "success", &["start"]),
        "Failed Log In" | "Failed Login" => ("logon-failed", "failure", &["denied"]),
        "Log Out" | "Logout" => ("logged-out", "success", &["end"]),
        "Accept" | "Allow" | "Decrypt" | "Encrypt" | "Bypass" | "Inspect" | "Detect" | "Key Install" | "Redirect"
        | "Inform User" | "Ask User" | "VPN Routing" | "accept" | "monitored" => {
            (action, "success", &["allowed", "connection"])
        }
        "Drop" | "Reject" | "Block" | "Prevent" | "Deny" | "drop" | "reject" => {
            (action, "success", &["denied", "connection"])
        }
        _ => (action, "", &[]),
    };
    event.push_str(f::EVENT_ACTION, name);
    event.push_str(f::EVENT_OUTCOME, outcome);
    // Only a rule's verdict on a connection is one; "Accept" of an update is not.
    let connection = event.has(f::SOURCE_IP) || event.has(f::DESTINATION_IP);
    if connection || device::verdict(action) == Verdict::Unsaid {
        add(f::EVENT_TYPE, types, event);
    }
    if matches!(name, "logged-in" | "logon-failed" | "logged-out") {
        add(f::EVENT_CATEGORY, &["authentication"], event);
    }
}
