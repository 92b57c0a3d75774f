//! Cisco Firepower Threat Defense: the security events 430001 to 430005, and everything FTD shares with the ASA.
//!
//! Security events are `Key: value` pairs joined by `, ` behind the tag (`%FTD-1-430003: DeviceUUID: ..., SrcIP: ...`);
//! a value runs to the next ` Key: `. 430001 is an intrusion, 430002 and 430003 the start and end of a connection,
//! 430004 a file, 430005 malware. Other numbers are read as those of the ASA; keys without a field of their own are
//! kept as `ftd.<key>`. Source: Cisco Secure Firewall Threat Defense Syslog Messages, "Security Event Syslog Messages".

use bumpalo::Bump;
use stream::{Event, Value, fields as f};

use super::cisco_asa;
use crate::device::{self, Verdict, add};
use crate::keyed::{Keys, Pairs, To};
use crate::parser::{Context, Parser, Reason};
use crate::{community_id, protocols, time};

/// Parser of FTD messages.
pub struct CiscoFtd {
    keys: Keys,
}

impl Default for CiscoFtd {
    fn default() -> Self {
        CiscoFtd { keys: Keys::new("ftd.", &[KEYS]) }
    }
}

static KEYS: &[(&str, To)] = &[
    ("SrcIP", To::Ip(f::SOURCE_IP)),
    ("InitiatorIP", To::Ip(f::SOURCE_IP)),
    ("SrcPort", To::Int(f::SOURCE_PORT)),
    ("InitiatorPort", To::Int(f::SOURCE_PORT)),
    ("DstIP", To::Ip(f::DESTINATION_IP)),
    ("ResponderIP", To::Ip(f::DESTINATION_IP)),
    ("DstPort", To::Int(f::DESTINATION_PORT)),
    ("ResponderPort", To::Int(f::DESTINATION_PORT)),
    ("NAT_InitiatorIP", To::Ip(f::SOURCE_NAT_IP)),
    ("NAT_InitiatorPort", To::Int(f::SOURCE_NAT_PORT)),
    ("NAT_ResponderIP", To::Ip(f::DESTINATION_NAT_IP)),
    ("NAT_ResponderPort", To::Int(f::DESTINATION_NAT_PORT)),
    ("Protocol", To::Held),
    ("IngressInterface", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("EgressInterface", To::Text(f::OBSERVER_EGRESS_INTERFACE_NAME)),
    ("IngressZone", To::Text(f::OBSERVER_INGRESS_ZONE)),
    ("EgressZone", To::Text(f::OBSERVER_EGRESS_ZONE)),
    ("InitiatorPackets", To::Int(f::SOURCE_PACKETS)),
    ("ResponderPackets", To::Int(f::DESTINATION_PACKETS)),
    ("InitiatorBytes", To::Int(f::SOURCE_BYTES)),
    ("ResponderBytes", To::Int(f::DESTINATION_BYTES)),
    ("ConnectionDuration", To::Held),
    ("FirstPacketSecond", To::Held),
    ("AccessControlRuleName", To::Text(f::RULE_NAME)),
    ("AccessControlRuleReason", To::Text(f::EVENT_REASON)),
    ("AccessControlRuleAction", To::Both),
    ("ACPolicy", To::Text(f::RULE_RULESET)),
    ("ApplicationProtocol", To::Held),
    ("WebApplication", To::Held),
    ("Client", To::Held),
    ("User", To::Held),
    ("UserName", To::Held),
    ("DNSQuery", To::Text(f::DNS_QUESTION_NAME)),
    ("DNSRecordType", To::Both),
    ("DNSResponseType", To::Text(f::DNS_RESPONSE_CODE)),
    ("URL", To::Held),
    ("URI", To::Held),
    ("ReferencedHost", To::Text(f::URL_DOMAIN)),
    ("HTTP_Hostname", To::Text(f::URL_DOMAIN)),
    ("HTTPReferer", To::Text(f::HTTP_REQUEST_REFERRER)),
    ("HTTPResponse", To::Int(f::HTTP_RESPONSE_STATUS_CODE)),
    ("HTTPMethod", To::Text(f::HTTP_REQUEST_METHOD)),
    ("UserAgent", To::Text(f::USER_AGENT_ORIGINAL)),
    ("FileName", To::Text(f::FILE_NAME)),
    ("FileSize", To::Int(f::FILE_SIZE)),
    ("FileType", To::Text(f::FILE_TYPE)),
    ("FileSHA256", To::Text(f::FILE_HASH_SHA256)),
    ("ThreatName", To::Both),
    ("SID", To::Text(f::RULE_ID)),
    ("Message", To::Held),
    ("Classification", To::Text(f::RULE_CATEGORY)),
    ("Revision", To::Text(f::RULE_VERSION)),
    ("VLAN_ID", To::Text(f::NETWORK_VLAN_ID)),
    ("SSLVersion", To::Text(f::TLS_VERSION)),
    ("SSLCipherSuite", To::Text(f::TLS_CIPHER)),
    ("SSLServerName", To::Text(f::TLS_CLIENT_SERVER_NAME)),
    ("ICMPType", To::Both),
    ("ICMPCode", To::Both),
];

/// The management centre's own audit: `mojo_server.pl: fmc01: admin@192.0.2.50, Devices > Device Management, Page View`.
fn audit<'a>(line: &'a str, context: &Context, event: &mut Event<'a>) -> Option<()> {
    let head = crate::syslog::parse(line, context);
    let (_, rest) = head.message.split_once(": ")?;
    let mut parts = rest.splitn(3, ", ");
    let (who, area, what) = (parts.next()?, parts.next()?, parts.next()?);
    let (user, from) = who.rsplit_once('@')?;
    crate::put::ip(from).or((from == "localhost").then_some(std::net::IpAddr::from([127, 0, 0, 1])))?;
    device::apply(&head, event);
    event.push_str(f::PROCESS_NAME, head.appname.unwrap_or(""));
    event.push_str(f::MESSAGE, head.message);
    device::push_user(user, event);
    crate::put::end(&crate::put::SOURCE, from, event);
    event.push_str(f::EVENT_REASON, area);
    event.push_str(f::EVENT_ACTION, what.trim());
    event.push(f::EVENT_KIND, Value::Str("event"));
    event.push(f::EVENT_MODULE, Value::Str("cisco_ftd"));
    device::observer("Cisco", "fmc", "management", event);
    let login = area.contains("Login") || what.contains("Login");
    add(f::EVENT_CATEGORY, &[if login { "authentication" } else { "configuration" }], event);
    add(f::EVENT_TYPE, &[if login { "start" } else { "access" }], event);
    if let Some(outcome) = [("Success", "success"), ("Fail", "failure"), ("Denied", "failure")]
        .into_iter()
        .find_map(|(word, outcome)| what.contains(word).then_some(outcome))
    {
        event.push(f::EVENT_OUTCOME, Value::Str(outcome));
    }
    device::logsource("cisco", "", "audit", event);
    Some(())
}

impl Parser for CiscoFtd {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let Some(tag) = cisco_asa::tag(line) else {
            return audit(line, context, event).ok_or(Reason("no %FTD tag with a level and a number"));
        };
        cisco_asa::header(&tag, line, context, event);
        device::observer("Cisco", "ftd", "firewall", event);
        event.push(f::OBSERVER_TYPE, Value::Str("idps"));
        event.push(f::EVENT_MODULE, Value::Str("cisco_ftd"));
        device::logsource("cisco", "", "ftd", event);
        if !tag.number.starts_with("43000") {
            cisco_asa::message(&tag, line, arena, event);
            return Ok(());
        }
        let mut pairs = Pairs::new_in(arena);
        for (key, value) in KeyValues(line[tag.text..].trim_end()) {
            self.keys.put(key, Value::Str(value), &mut pairs, arena, event);
        }
        if pairs.is_empty() {
            return Err(Reason("a security event without `Key: value`"));
        }
        security_event(tag.number, &pairs, arena, event);
        Ok(())
    }
}

/// `Key: value` pairs; a value runs to the next `, Key: `.
struct KeyValues<'a>(&'a str);

impl<'a> Iterator for KeyValues<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let text = self.0.trim_start_matches([' ', ',']);
        let (key, rest) = text.split_once(':').filter(|(key, _)| is_key(key))?;
        let mut from = 0;
        while let Some(comma) = rest[from..].find(", ").map(|at| from + at) {
            if rest[comma + 2..].split_once(':').is_some_and(|(next, _)| is_key(next)) {
                self.0 = &rest[comma + 2..];
                return Some((key, rest[..comma].trim()));
            }
            from = comma + 2;
        }
        self.0 = "";
        Some((key, rest.trim()))
    }
}

fn is_key(text: &str) -> bool {
    if text == "Prefilter Policy" {
        return true;
    }
    (2..48).contains(&text.len())
        && text.as_bytes()[0].is_ascii_uppercase()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn security_event<'a>(number: &str, pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let (action, category, types): (_, &[&'static str], &[&'static str]) = match number {
        "430001" => ("intrusion-detected", &["network", "intrusion_detection"], &["info"]),
        "430002" => ("connection-started", &["network"], &["connection", "start"]),
        "430003" => ("connection-finished", &["network"], &["connection", "end"]),
        "430004" => ("file-detected", &["network", "file"], &["info"]),
        "430005" => ("malware-detected", &["network", "malware", "file"], &["info"]),
        _ => ("", &["network"], &["info"]),
    };
    event.push_str(f::EVENT_ACTION, action);
    add(f::EVENT_CATEGORY, category, event);
    add(f::EVENT_TYPE, types, event);
    // A file whose disposition is still being asked for is no finding yet.
    let found = pairs.get("SHA_Disposition") == "Malware" || pairs.get("FileAction").contains("Block");
    if number == "430001" || number == "430005" && found {
        event.set(f::EVENT_KIND, Value::Str("alert"));
    }
    let category = if number == "430005" { "antivirus" } else { "firewall" };
    event.push(f::SEKISHO_LOGSOURCE_CATEGORY, Value::Str(category));
    verdict(pairs, event);
    endpoints(pairs, arena, event);
    content(pairs, event);
    if let Some(start) = time::iso(pairs.get("FirstPacketSecond"), &time::Zone::utc())
        .or_else(|| time::epoch(pairs.get("FirstPacketSecond")))
    {
        device::push_time(f::EVENT_START, Some(start), event);
    }
    if let Some(seconds) = pairs.int("ConnectionDuration") {
        device::push_duration(seconds, event);
    }
    device::push_totals(event);
    if let Some((kind, code)) = icmp(pairs) {
        community_id::push_icmp(kind, code, arena, event);
    }
    community_id::push(arena, event);
}

/// ICMP's type and code, which are written in words.
fn icmp(pairs: &Pairs<'_>) -> Option<(u8, u8)> {
    let kind = match pairs.get("ICMPType") {
        "Echo Reply" => 0,
        "Destination Unreachable" => 3,
        "Echo Request" => 8,
        "Time Exceeded" => 11,
        "Timestamp Request" => 13,
        "Timestamp Reply" => 14,
        number => number.parse().ok()?,
    };
    let code = match pairs.get("ICMPCode") {
        "" | "No Code" => 0,
        number => number.parse().ok()?,
    };
    Some((kind, code))
}

fn verdict(pairs: &Pairs<'_>, event: &mut Event<'_>) {
    let word = pairs.any(&["AccessControlRuleAction", "InlineResult", "FileAction"]);
    let verdict = match word.split([' ', '_']).next().unwrap_or("") {
        "Allow" | "Pass" | "Trust" | "Monitor" | "Fastpath" | "Detect" | "Malware" | "Interactive" => Verdict::Allowed,
        "Block" | "Blocked" | "Dropped" | "Reject" | "Reset" => Verdict::Denied,
        _ => return,
    };
    let denied = verdict == Verdict::Denied || word.contains("Block");
    device::push_verdict(if denied { Verdict::Denied } else { verdict }, event);
    event.push(f::EVENT_OUTCOME, Value::Str(if denied { "failure" } else { "success" }));
}

fn endpoints<'a>(pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let protocol = pairs.get("Protocol");
    if !protocol.is_empty() && !protocols::push(protocol, event) {
        event.push_str(f::NETWORK_TRANSPORT, device::lower(protocol, arena));
    }
    event.push_str(f::NETWORK_PROTOCOL, device::lower(pairs.get("ApplicationProtocol"), arena));
    // The client's program, and what it talks to.
    event.push_str(f::NETWORK_APPLICATION, pairs.get("Client"));
    event.push_str(f::NETWORK_APPLICATION, pairs.get("WebApplication"));
    let user = pairs.any(&["User", "UserName"]);
    if !matches!(user, "No Authentication Required" | "Unknown" | "No Authentication" | "Not Found") {
        device::push_user(user, event);
    }
}

fn content<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    let message = pairs.get("Message").trim_matches('"');
    event.push_str(f::MESSAGE, message);
    event.push_str(f::RULE_DESCRIPTION, message);
    let url = pairs.any(&["URL", "URI"]);
    event.push_str(f::URL_ORIGINAL, url);
    super::squid::url::push(url, event);
    // `a host address`, `AAAA IPv6 address`: the type is the first word where it is one.
    let kind = pairs.get("DNSRecordType").split(' ').next().unwrap_or("");
    match kind {
        "a" => event.push(f::DNS_QUESTION_TYPE, Value::Str("A")),
        "the" => {}
        _ => event.push_str(f::DNS_QUESTION_TYPE, kind),
    }
}
