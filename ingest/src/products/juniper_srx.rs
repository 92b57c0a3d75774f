//! Juniper SRX (Junos 12 to 24): structured-data and plain syslog of sessions, screens, IDP, UTM, ATP, and sign-ins.
//!
//! | Form | Example |
//! |---|---|
//! | `structured-data` | `<14>1 2026-11-20T10:00:00.123+09:00 srx1 RT_FLOW - RT_FLOW_SESSION_CREATE [junos@2636.1.1.1.2.129 source-address="..." ...]` |
//! | `sd-syslog` with a text behind | the same, text behind the bracket |
//! | plain | `<14>Nov 20 10:00:00 srx1 RT_FLOW: RT_FLOW_SESSION_CREATE: session created 192.0.2.1/5->...` |
//!
//! Parameters without a field of their own are kept as `juniper.srx.<name>`. Plain session messages are read by their
//! order of words, of others the parts that templates name. Source: Juniper System Log Explorer (RT_FLOW, RT_IDS,
//! RT_IDP, RT_UTM, RT_AAMW, RT_SECINTEL, UI, SSHD).

mod plain;

use bumpalo::Bump;
use stream::{Event, Value, fields as f};

use crate::device::{self, add};
use crate::keyed::{Keys, Pairs, To};
use crate::parser::{Context, Parser, Reason};
use crate::{community_id, flow_text, protocols, syslog};

/// Parser of SRX logs.
pub struct JuniperSrx {
    keys: Keys,
}

impl Default for JuniperSrx {
    fn default() -> Self {
        JuniperSrx { keys: Keys::new("juniper.srx.", &[KEYS]) }
    }
}

static KEYS: &[(&str, To)] = &[
    ("source-address", To::Ip(f::SOURCE_IP)),
    ("source-ip", To::Ip(f::SOURCE_IP)),
    ("src-ip", To::Ip(f::SOURCE_IP)),
    ("client-ip", To::Ip(f::SOURCE_IP)),
    ("ip-address", To::Ip(f::SOURCE_IP)),
    ("source-port", To::Int(f::SOURCE_PORT)),
    ("remote-address", To::Ip(f::SOURCE_IP)),
    ("local-address", To::Ip(f::DESTINATION_IP)),
    ("mac-address", To::Mac(f::SOURCE_MAC)),
    ("destination-address", To::Ip(f::DESTINATION_IP)),
    ("destination-ip", To::Ip(f::DESTINATION_IP)),
    ("dst-ip", To::Ip(f::DESTINATION_IP)),
    ("destination-port", To::Int(f::DESTINATION_PORT)),
    ("nat-source-address", To::Ip(f::SOURCE_NAT_IP)),
    ("nat-source-port", To::Int(f::SOURCE_NAT_PORT)),
    ("nat-destination-address", To::Ip(f::DESTINATION_NAT_IP)),
    ("nat-destination-port", To::Int(f::DESTINATION_NAT_PORT)),
    ("protocol-id", To::Held),
    ("protocol", To::Held),
    ("protocol-name", To::Held),
    ("policy-name", To::Text(f::RULE_NAME)),
    ("rule-name", To::Text(f::RULE_ID)),
    ("rulebase-name", To::Held),
    ("inbound-packets", To::Int(f::DESTINATION_PACKETS)),
    ("outbound-packets", To::Int(f::SOURCE_PACKETS)),
    ("ssh-connection", To::Held),
    ("profile-name", To::Text(f::RULE_RULESET)),
    ("ifName", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("sub-category", To::Both),
    ("source-zone-name", To::Text(f::OBSERVER_INGRESS_ZONE)),
    ("source-zone", To::Text(f::OBSERVER_INGRESS_ZONE)),
    ("destination-zone-name", To::Text(f::OBSERVER_EGRESS_ZONE)),
    ("destination-zone", To::Text(f::OBSERVER_EGRESS_ZONE)),
    ("packet-incoming-interface", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("source-interface-name", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("interface-name", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("destination-interface-name", To::Text(f::OBSERVER_EGRESS_INTERFACE_NAME)),
    ("packets-from-client", To::Int(f::SOURCE_PACKETS)),
    ("bytes-from-client", To::Int(f::SOURCE_BYTES)),
    ("packets-from-server", To::Int(f::DESTINATION_PACKETS)),
    ("bytes-from-server", To::Int(f::DESTINATION_BYTES)),
    ("inbound-bytes", To::Int(f::DESTINATION_BYTES)),
    ("outbound-bytes", To::Int(f::SOURCE_BYTES)),
    ("elapsed-time", To::Held),
    ("epoch-time", To::Held),
    ("username", To::Held),
    ("user", To::Held),
    ("reason", To::Text(f::EVENT_REASON)),
    ("application", To::Held),
    ("nested-application", To::Held),
    ("service-name", To::Both),
    ("attack-name", To::Both),
    ("threat-severity", To::Both),
    ("message", To::Text(f::MESSAGE)),
    ("url", To::Held),
    ("obj", To::Held),
    ("category", To::Both),
    ("profile", To::Both),
    ("argument", To::Both),
    ("filename", To::Text(f::FILE_NAME)),
    ("file-name", To::Text(f::FILE_NAME)),
    ("hostname", To::Text(f::SOURCE_DOMAIN)),
    ("http-host", To::Text(f::URL_DOMAIN)),
    ("sample-sha256", To::Text(f::FILE_HASH_SHA256)),
    ("malware-info", To::Both),
    ("verdict-number", To::Int(f::EVENT_RISK_SCORE)),
    ("action", To::Both),
    ("command", To::Text(f::PROCESS_COMMAND_LINE)),
];

impl Parser for JuniperSrx {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let header = syslog::parse(line, context);
        device::apply(&syslog::Header { appname: None, ..header }, event);
        let data = header.structured_data.unwrap_or("");
        let message = without_node(header.message, header.hostname.unwrap_or(""));
        let (tag, text) = match header.msgid {
            Some(tag) => (tag, message),
            None => plain_tag(message),
        };
        // The forwarding plane writes RFC 5424 without a program.
        if tag.is_empty() && header.appname.is_none() && header.version.is_none() {
            return Err(Reason("neither a Junos message tag nor a program's name"));
        }
        device::observer("Juniper", "SRX", "firewall", event);
        event.push(f::EVENT_MODULE, Value::Str("juniper_srx"));
        event.push(f::EVENT_KIND, Value::Str("event"));
        event.push_str(f::EVENT_CODE, tag);
        if let Some(priority) = header.priority {
            event.push(f::LOG_LEVEL, Value::Str(device::LEVELS[usize::from(priority & 7)]));
        }
        event.push_str(f::PROCESS_NAME, header.appname.unwrap_or(""));
        device::push_int(f::PROCESS_PID, header.procid.unwrap_or(""), event);
        let mut pairs = Pairs::new_in(arena);
        let keys = &mut self.keys;
        syslog::params(data, arena, |_, name, value| {
            if !matches!(value, "None" | "UNKNOWN" | "unknown" | "Unknown") {
                keys.put(name, Value::Str(value), &mut pairs, arena, event);
            }
        });
        // Without structured data inside a 3164 header the bracket stands in the text.
        if pairs.is_empty() && text.starts_with('[') {
            syslog::params(text, arena, |_, name, value| keys.put(name, Value::Str(value), &mut pairs, arena, event));
        }
        if pairs.is_empty() {
            plain::read(tag, text, keys, &mut pairs, arena, event);
        }
        if !event.has(f::MESSAGE) {
            event.push_str(f::MESSAGE, text);
        }
        meaning(tag, header.appname.unwrap_or(""), &pairs, arena, event);
        Ok(())
    }
}

/// Splits `RT_FLOW_SESSION_CREATE: text`, also behind the program that a cut header has left: `RT_FLOW: ` and `RT_FLOW - `.
fn plain_tag(text: &str) -> (&str, &str) {
    let (tag, rest) = first_tag(text);
    match first_tag(rest.trim_start_matches(['-', ' '])) {
        (inner, after) if !tag.is_empty() && !inner.is_empty() => (inner, after),
        _ => (tag, rest),
    }
}

/// The text without the node of a cluster that the forwarding plane writes before it: `node1.fpc0 `, or the host again.
fn without_node<'a>(text: &'a str, host: &str) -> &'a str {
    match text.split_once(' ') {
        Some((word, rest)) if !host.is_empty() && word == host || word.starts_with("node") && word.contains(".fpc") => {
            rest.trim_start()
        }
        _ => text,
    }
}

/// The tag at the start, which is in capitals, and what follows.
fn first_tag(text: &str) -> (&str, &str) {
    match text.split_once([':', ' ']) {
        Some((tag, rest))
            if tag.len() > 3
                && tag.contains('_')
                && tag.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') =>
        {
            (tag, rest.trim_start_matches([':', ' ']))
        }
        _ => ("", text),
    }
}

/// What kinds of message there are: tag, action, kind, category, type, outcome.
type Class = (&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str], &'static str);

#[rustfmt::skip]
static CLASSES: &[Class] = &[
    ("RT_FLOW_SESSION_CREATE", "flow_started", "event", &["network", "session"], &["start", "allowed", "connection"], "success"),
    ("RT_FLOW_SESSION_CLOSE", "flow_close", "event", &["network", "session"], &["end", "allowed", "connection"], "success"),
    ("RT_FLOW_SESSION_DENY", "flow_deny", "event", &["network", "session"], &["denied", "connection"], "success"),
    ("APPTRACK_SESSION_CREATE", "flow_started", "event", &["network"], &["start", "allowed", "connection"], "success"),
    ("APPTRACK_SESSION_CLOSE", "flow_close", "event", &["network"], &["end", "allowed", "connection"], "success"),
    ("APPTRACK_SESSION_", "flow_update", "event", &["network"], &["info", "connection"], ""),
    ("RT_FLOW_", "", "event", &["network"], &["info"], ""),
    ("RT_SCREEN_", "screen_detected", "alert", &["network", "intrusion_detection"], &["info", "denied", "connection"], "success"),
    ("IDP_ATTACK_LOG_EVENT", "security_threat", "alert", &["network", "intrusion_detection"], &["info", "connection"], "success"),
    ("IDP_APPDDOS_", "application_ddos", "alert", &["network", "intrusion_detection"], &["info", "connection"], "success"),
    ("WEBFILTER_URL_BLOCKED", "web_filter", "alert", &["network", "web"], &["info", "denied", "connection"], "success"),
    ("WEBFILTER_URL_PERMITTED", "web_filter", "event", &["network", "web"], &["info", "allowed", "connection"], "success"),
    ("WEBFILTER_URL_REDIRECTED", "web_filter", "event", &["network", "web"], &["info"], "success"),
    ("ANTISPAM_SPAM_DETECTED_", "antispam_filter", "alert", &["network", "email"], &["info", "denied", "connection"], "success"),
    ("CONTENT_FILTERING_BLOCKED_", "content_filter", "alert", &["network"], &["info", "denied", "connection"], "success"),
    ("AV_VIRUS_DETECTED_", "virus_detected", "alert", &["network", "malware"], &["info", "denied", "connection"], "success"),
    ("AV_FILE_NOT_SCANNED_", "virus_not_scanned", "event", &["network"], &["info"], ""),
    ("AV_", "virus_scan", "event", &["network"], &["info"], ""),
    ("AAMW_ACTION_LOG", "malware_detected", "alert", &["network", "malware"], &["info"], "success"),
    ("AAMW_MALWARE_EVENT_LOG", "malware_detected", "alert", &["network", "malware"], &["info"], "success"),
    ("AAMW_HOST_INFECTED_EVENT_LOG", "host_infected", "alert", &["network", "malware"], &["info"], "success"),
    ("SECINTEL_ACTION_LOG", "malware_detected", "alert", &["network", "malware"], &["info"], "success"),
    ("UI_LOGIN_EVENT", "login", "event", &["authentication", "session"], &["start"], "success"),
    ("UI_LOGOUT_EVENT", "logout", "event", &["authentication", "session"], &["end"], "success"),
    ("UI_AUTH_EVENT", "login", "event", &["authentication"], &["start"], "success"),
    ("LOGIN_FAILED", "login", "event", &["authentication"], &["start"], "failure"),
    ("SSHD_LOGIN_FAILED", "login", "event", &["authentication"], &["start"], "failure"),
    ("LOGIN_INFORMATION", "login", "event", &["authentication", "session"], &["start"], "success"),
    ("LOGIN_ROOT", "login", "event", &["authentication", "session"], &["start"], "success"),
    ("LOGIN_", "login", "event", &["authentication"], &["start"], "failure"),
    ("LIBJNX_LOGIN_", "login", "event", &["authentication"], &["start"], ""),
    ("FWAUTH_FTP_USER_AUTH_FAIL", "login", "event", &["authentication"], &["start"], "failure"),
    ("FWAUTH_WEBAUTH_FAIL", "login", "event", &["authentication"], &["start"], "failure"),
    ("FWAUTH_WEBAUTH_SUCCESS", "login", "event", &["authentication"], &["start"], "success"),
    ("UI_CMDLINE_READ_LINE", "command", "event", &["configuration"], &["info"], ""),
    ("UI_COMMIT", "commit", "event", &["configuration"], &["change"], ""),
    ("UI_CFG_AUDIT_", "configuration_changed", "event", &["configuration"], &["change"], ""),
    ("KMD_VPN_UP_ALARM_USER", "vpn_up", "event", &["network"], &["connection", "start"], "success"),
    ("KMD_VPN_DOWN_ALARM_USER", "vpn_down", "event", &["network"], &["connection", "end"], "success"),
    ("KMD_PM_SA_ESTABLISHED", "vpn_up", "event", &["network"], &["connection", "start"], "success"),
    ("DOT1XD_USR_AUTHENTICATED", "login", "event", &["authentication"], &["start"], "success"),
    ("DOT1XD_USR_SESSION_DISCONNECTED", "logout", "event", &["authentication", "session"], &["end"], ""),
    ("DOT1XD_AUTH_SERVER_REJECTED", "login", "event", &["authentication"], &["start"], "failure"),
    ("SNMPD_AUTH_FAILURE", "snmp_access", "event", &["authentication"], &["denied"], "failure"),
    ("SNMP_TRAP_LINK_", "link_changed", "event", &["network"], &["info"], ""),
];

/// What a screen saw, by the name of the attack: `SYN flood!`, `TCP sweep!`.
fn screen(attack: &str) -> &'static str {
    const KINDS: &[(&str, &str)] = &[
        ("sweep", "sweep_detected"),
        ("scan", "scan_detected"),
        ("flood", "flood_detected"),
        ("fragment", "fragment_detected"),
        ("spoofing", "spoofing_detected"),
        ("ttack", "attack_detected"),
    ];
    KINDS.iter().find(|(word, _)| attack.contains(word)).map_or("screen_detected", |(_, action)| action)
}

fn meaning<'a>(tag: &str, program: &str, pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let tag = tag.strip_prefix("SRX_").unwrap_or(tag);
    // `CONTENT_FILTERING_BLOCKED_` and the like stand for the tag without its end, too.
    let class = CLASSES
        .iter()
        .find(|(name, ..)| tag == name.trim_end_matches('_') || name.ends_with('_') && tag.starts_with(*name));
    if let Some((_, action, kind, category, types, outcome)) = class {
        let screened = tag.starts_with("RT_SCREEN_");
        event.push_str(f::EVENT_ACTION, if screened { screen(pairs.get("attack-name")) } else { action });
        event.set(f::EVENT_KIND, Value::Str(kind));
        add(f::EVENT_CATEGORY, category, event);
        add(f::EVENT_TYPE, types, event);
        event.push_str(f::EVENT_OUTCOME, outcome);
    } else if !(tag.is_empty() && flow_text::login(event.get_str(f::MESSAGE).unwrap_or(""), event)) {
        add(f::EVENT_CATEGORY, &["network"], event);
        add(f::EVENT_TYPE, &["info"], event);
        if program == "kmd" && event.has(f::EVENT_REASON) {
            event.push(f::EVENT_OUTCOME, Value::Str("failure"));
        } else if program == "kmd" && !pairs.get("gateway").is_empty() {
            event.push(f::EVENT_OUTCOME, Value::Str("success"));
        }
        let verdict = match pairs.get("filter-action") {
            "A" => device::Verdict::Allowed,
            "D" | "R" => device::Verdict::Denied,
            _ => device::Verdict::Unsaid,
        };
        device::push_verdict(verdict, event);
    }
    let category = match tag {
        _ if tag.starts_with("WEBFILTER") => "proxy",
        _ if tag.starts_with("AV_") || tag.starts_with("AAMW") => "antivirus",
        _ if tag.starts_with("RT_") || tag.starts_with("APPTRACK") || tag.starts_with("IDP") => "firewall",
        _ => "",
    };
    let service = if tag.starts_with("BGP") || program == "rpd" { "bgp" } else { "" };
    device::logsource("juniper", category, service, event);
    flow(tag, pairs, arena, event);
    threat(tag, pairs, event);
    // `10.0.0.5 51000 10.0.0.1 22`: the client and the device.
    let mut connection = pairs.get("ssh-connection").split(' ');
    if let (Some(address), Some(port)) = (connection.next(), connection.next()) {
        device::push_real_ip(f::SOURCE_IP, address, event);
        device::push_int(f::SOURCE_PORT, port, event);
    }
    let user = pairs.any(&["username", "user"]);
    if !matches!(user, "N/A" | "unauthenticated-user") {
        device::push_user(user, event);
    }
    device::push_totals(event);
    community_id::push(arena, event);
}

fn flow<'a>(tag: &str, pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let protocol = pairs.any(&["protocol-id", "protocol", "protocol-name"]);
    if let Some(name) = tag.strip_prefix("RT_SCREEN_").filter(|_| protocol.is_empty()) {
        // The screens of one protocol are named after it.
        if matches!(name, "TCP" | "UDP" | "ICMP") {
            protocols::push(name, event);
        }
    } else if !protocol.is_empty() && !protocols::push(protocol, event) {
        event.push_str(f::NETWORK_TRANSPORT, device::lower(protocol, arena));
    }
    for key in ["nested-application", "application"] {
        let name = pairs.get(key);
        if !name.is_empty()
            && !["unknown", "none", "n/a"].iter().any(|word| word.eq_ignore_ascii_case(name))
            && !event.has(f::NETWORK_APPLICATION)
        {
            event.push_str(f::NETWORK_APPLICATION, device::lower(name, arena));
        }
    }
    // A translated end of all zeros is none.
    for (ip, port) in [(f::SOURCE_NAT_IP, f::SOURCE_NAT_PORT), (f::DESTINATION_NAT_IP, f::DESTINATION_NAT_PORT)] {
        if event.get_ip(ip).is_some_and(|ip| ip.is_unspecified()) {
            event.remove(ip);
            event.remove(port);
        }
    }
    // Whether the line's time is the start or the end of it depends on the message.
    if let Some(seconds) = pairs.int("elapsed-time") {
        device::push_duration(seconds, event);
    }
}

fn threat<'a>(tag: &str, pairs: &Pairs<'a>, event: &mut Event<'a>) {
    // Of an intrusion the rulebase is what names the rule, the policy holds it.
    let rulebase = pairs.get("rulebase-name");
    if !rulebase.is_empty() {
        if let Some(policy) = event.get(f::RULE_NAME) {
            event.push(f::RULE_RULESET, policy);
        }
        event.set(f::RULE_NAME, Value::Str(rulebase));
    }
    event.push_str(f::RULE_DESCRIPTION, pairs.get("attack-name"));
    let level = match pairs.get("threat-severity") {
        "CRITICAL" | "critical" => 1,
        "HIGH" | "high" | "MAJOR" | "major" => 2,
        "MEDIUM" | "medium" | "MINOR" | "minor" => 3,
        "LOW" | "low" | "WARNING" | "warning" => 4,
        "INFO" | "info" | "INFORMATIONAL" => 5,
        _ => 0,
    };
    if level > 0 {
        event.push(f::EVENT_SEVERITY, Value::Int(level));
    }
    let action = pairs.get("action");
    if action == "alarm-without-drop" {
        event.remove(f::EVENT_TYPE);
        add(f::EVENT_TYPE, &["info"], event);
    }
    if tag.starts_with("IDP") || tag.starts_with("AAMW") || tag.starts_with("SECINTEL") {
        let word = action.trim_start_matches("IDP_ACTION_").split(['_', ' ', '-']).next().unwrap_or("");
        let verdict = match word {
            "DROP" | "CLOSE" | "BLOCK" | "Block" | "block" | "drop" | "close" => device::Verdict::Denied,
            "NONE" | "PERMIT" | "permit" | "Permit" => device::Verdict::Allowed,
            _ => device::verdict(word),
        };
        device::push_verdict(verdict, event);
    }
    let url = pairs.get("url");
    let path = pairs.get("obj");
    if !url.is_empty() {
        let (host, own_path) = url.find('/').map_or((url, ""), |at| url.split_at(at));
        if !url.contains('.') {
            // The name of a virus stands in `url` of some versions.
        } else if url.contains("://") {
            event.push_str(f::URL_ORIGINAL, url);
            super::squid::url::push(url, event);
        } else {
            event.push_str(f::URL_DOMAIN, host);
            event.push_str(f::URL_PATH, if own_path.is_empty() { path } else { own_path });
        }
    }
}
