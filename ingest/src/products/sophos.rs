//! Sophos Firewall (XG, XGS; SFOS 15 to 21): `key="value"` lines of every log type.
//!
//! `<30>device="SFW" date=2026-11-20 time=10:00:00 timezone="JST" device_name="XG230" log_type="Firewall" ...` is the
//! device's own format; `device_name="SFW" timestamp="2026-11-20T10:00:00+0900" device_model="XGS" ...` the central
//! reporting format. Both may stand behind any syslog header; the lines of its predecessor UTM are read in `utm`. Keys
//! without a field of their own are kept as `sophos.<key>`. Source: Sophos Firewall, Syslog Guide (log types, components
//! and subtypes; log identifiers).

mod utm;

use bumpalo::Bump;
use stream::{Event, Value, fields as f};

use crate::device::{self, add};
use crate::keyed::{Keys, Pairs, To};
use crate::parser::{Context, Parser, Reason};
use crate::{community_id, kv, protocols, time};

/// Parser of Sophos Firewall logs.
pub struct Sophos {
    keys: Keys,
    utm: Keys,
}

impl Default for Sophos {
    fn default() -> Self {
        Sophos { keys: Keys::new("sophos.", &[KEYS]), utm: Keys::new("sophos.", &[utm::KEYS]) }
    }
}

static KEYS: &[(&str, To)] = &[
    ("date", To::Held),
    ("time", To::Held),
    ("timestamp", To::Held),
    ("timezone", To::Text(f::EVENT_TIMEZONE)),
    ("device", To::Held),
    ("device_name", To::Held),
    ("device_model", To::Both),
    ("device_id", To::Text(f::OBSERVER_SERIAL_NUMBER)),
    ("device_serial_id", To::Text(f::OBSERVER_SERIAL_NUMBER)),
    ("log_id", To::Text(f::EVENT_CODE)),
    ("messageid", To::Both),
    ("log_type", To::Both),
    ("log_component", To::Both),
    ("log_subtype", To::Both),
    ("priority", To::Held),
    ("severity", To::Held),
    ("fw_rule_id", To::Text(f::RULE_ID)),
    ("fw_rule_name", To::Text(f::RULE_NAME)),
    ("fw_rule_section", To::Both),
    ("policy_name", To::Text(f::RULE_RULESET)),
    ("idp_policy_name", To::Text(f::RULE_RULESET)),
    ("signature_id", To::Held),
    ("eventid", To::Text(f::EVENT_ID)),
    ("signature_msg", To::Text(f::RULE_NAME)),
    ("classification", To::Text(f::RULE_CATEGORY)),
    ("src_ip", To::Ip(f::SOURCE_IP)),
    ("sourceip", To::Ip(f::SOURCE_IP)),
    ("srcip", To::Ip(f::SOURCE_IP)),
    ("dst_ip", To::Ip(f::DESTINATION_IP)),
    ("destinationip", To::Ip(f::DESTINATION_IP)),
    ("src_port", To::Int(f::SOURCE_PORT)),
    ("dst_port", To::Int(f::DESTINATION_PORT)),
    ("src_mac", To::Mac(f::SOURCE_MAC)),
    ("dst_mac", To::Mac(f::DESTINATION_MAC)),
    ("tran_src_ip", To::Held),
    ("tran_dst_ip", To::Held),
    ("src_trans_ip", To::Held),
    ("dst_trans_ip", To::Held),
    ("tran_src_port", To::Held),
    ("tran_dst_port", To::Held),
    ("src_trans_port", To::Held),
    ("dst_trans_port", To::Held),
    ("in_interface", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("out_interface", To::Text(f::OBSERVER_EGRESS_INTERFACE_NAME)),
    ("srczone", To::Text(f::OBSERVER_INGRESS_ZONE)),
    ("src_zone", To::Text(f::OBSERVER_INGRESS_ZONE)),
    ("dstzone", To::Text(f::OBSERVER_EGRESS_ZONE)),
    ("dst_zone", To::Text(f::OBSERVER_EGRESS_ZONE)),
    ("src_country_code", To::Held),
    ("dst_country_code", To::Held),
    ("src_country", To::Held),
    ("dst_country", To::Held),
    ("protocol", To::Held),
    ("sent_bytes", To::Int(f::SOURCE_BYTES)),
    ("bytes_sent", To::Int(f::SOURCE_BYTES)),
    ("recv_bytes", To::Int(f::DESTINATION_BYTES)),
    ("bytes_received", To::Int(f::DESTINATION_BYTES)),
    ("sent_pkts", To::Int(f::SOURCE_PACKETS)),
    ("packets_sent", To::Int(f::SOURCE_PACKETS)),
    ("recv_pkts", To::Int(f::DESTINATION_PACKETS)),
    ("packets_received", To::Int(f::DESTINATION_PACKETS)),
    ("duration", To::Held),
    ("con_duration", To::Held),
    ("application", To::Text(f::NETWORK_APPLICATION)),
    ("application_name", To::Text(f::NETWORK_APPLICATION)),
    ("app_name", To::Text(f::NETWORK_APPLICATION)),
    ("policy_type", To::Text(f::RULE_RULESET)),
    ("client_physical_address", To::Mac(f::SOURCE_MAC)),
    ("client_host_name", To::Text(f::SOURCE_DOMAIN)),
    ("src_domainname", To::Text(f::SOURCE_DOMAIN)),
    ("dst_domainname", To::Text(f::DESTINATION_DOMAIN)),
    ("remoteinterfaceip", To::Held),
    ("localinterfaceip", To::Held),
    ("ipaddress", To::Held),
    ("name", To::Held),
    ("user_name", To::Held),
    ("username", To::Held),
    ("user", To::Held),
    ("usergroupname", To::Text(f::SOURCE_USER_GROUP_NAME)),
    ("user_gp", To::Text(f::SOURCE_USER_GROUP_NAME)),
    ("user_group", To::Text(f::SOURCE_USER_GROUP_NAME)),
    ("url", To::Held),
    ("domain", To::Text(f::URL_DOMAIN)),
    ("domainname", To::Text(f::URL_DOMAIN)),
    ("host", To::Held),
    ("referer", To::Text(f::HTTP_REQUEST_REFERRER)),
    ("user_agent", To::Text(f::USER_AGENT_ORIGINAL)),
    ("useragent", To::Text(f::USER_AGENT_ORIGINAL)),
    ("method", To::Text(f::HTTP_REQUEST_METHOD)),
    ("status_code", To::Int(f::HTTP_RESPONSE_STATUS_CODE)),
    ("http_status", To::Int(f::HTTP_RESPONSE_STATUS_CODE)),
    ("httpstatus", To::Int(f::HTTP_RESPONSE_STATUS_CODE)),
    ("contenttype", To::Text(f::HTTP_RESPONSE_MIME_TYPE)),
    ("content_type", To::Text(f::HTTP_RESPONSE_MIME_TYPE)),
    ("file_name", To::Text(f::FILE_NAME)),
    ("filename", To::Text(f::FILE_NAME)),
    ("file_path", To::Text(f::FILE_PATH)),
    ("file_size", To::Int(f::FILE_SIZE)),
    ("sha1sum", To::Text(f::FILE_HASH_SHA1)),
    ("filehash", To::Held),
    ("from_email_address", To::Each(f::EMAIL_FROM_ADDRESS)),
    ("sender", To::Each(f::EMAIL_FROM_ADDRESS)),
    ("to_email_address", To::Each(f::EMAIL_TO_ADDRESS)),
    ("recipient", To::Each(f::EMAIL_TO_ADDRESS)),
    ("email_subject", To::Text(f::EMAIL_SUBJECT)),
    ("subject", To::Text(f::EMAIL_SUBJECT)),
    ("message", To::Text(f::MESSAGE)),
    ("reason", To::Text(f::EVENT_REASON)),
    ("status", To::Both),
    ("tls_version", To::Text(f::TLS_VERSION)),
    ("cipher_suite", To::Text(f::TLS_CIPHER)),
    ("sni", To::Text(f::TLS_CLIENT_SERVER_NAME)),
];

impl Parser for Sophos {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        const NOT: Reason = Reason("no log_type or log_id: not a Sophos Firewall log");
        if let Some(start) = utm::start(line) {
            utm::read(line, start, &mut self.utm, context, arena, event);
            return Ok(());
        }
        let body = ["device=", "device_name=", "timestamp=", "date="].iter().filter_map(|key| line.find(key)).min();
        let body = body.ok_or(NOT)?;
        let mut pairs = Pairs::new_in(arena);
        for pair in kv::pairs(&line[body..]) {
            let value = if pair.escaped { kv::unescape(pair.value, arena) } else { pair.value };
            self.keys.put(pair.key, Value::Str(value), &mut pairs, arena, event);
        }
        if pairs.get("log_type").is_empty() && pairs.get("log_id").is_empty() {
            return Err(NOT);
        }
        // The rule that matched is the signature, under the firewall's rule.
        let signature = pairs.get("signature_id");
        if !signature.is_empty() {
            event.set(f::RULE_ID, Value::Str(signature));
            if let Some(rule) = pairs.value("fw_rule_id") {
                self.keys.own("fw_rule_id", rule, event);
            }
        }
        set_time(&pairs, context, arena, event);
        let own = pairs.get("device_name");
        if own != "SFW" {
            event.push_str(f::OBSERVER_NAME, own);
        }
        device::header(&line[..body], context, event);
        device::observer("Sophos", "XG", "firewall", event);
        event.push(f::EVENT_MODULE, Value::Str("sophos"));
        endpoints(&pairs, arena, event);
        content(&pairs, event);
        classify(&pairs, arena, event);
        if let (Some(kind), Some(code)) = (pairs.int("icmp_type"), pairs.int("icmp_code"))
            && let (Ok(kind), Ok(code)) = (u8::try_from(kind), u8::try_from(code))
        {
            community_id::push_icmp(kind, code, arena, event);
        }
        community_id::push(arena, event);
        Ok(())
    }
}

fn set_time<'a>(pairs: &Pairs<'a>, context: &Context, arena: &'a Bump, event: &mut Event<'a>) {
    let stamp = pairs.get("timestamp");
    let found = time::iso(stamp, &context.zone).or_else(|| {
        let (date, clock) = (pairs.get("date"), pairs.get("time"));
        let text = bumpalo::format!(in arena, "{} {}", date, clock).into_bump_str();
        // Abbreviations other than these mean several zones.
        let zone = match pairs.get("timezone") {
            "JST" => time::Zone::tokyo(),
            "UTC" | "GMT" => time::Zone::utc(),
            name => time::offset(name).map_or_else(|| context.zone.clone(), time::Zone::fixed),
        };
        time::iso(text, &zone)
    });
    device::push_time(f::TIMESTAMP, found, event);
}

fn endpoints<'a>(pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let protocol = pairs.get("protocol");
    if !protocol.is_empty() && !protocols::push(protocol, event) {
        event.push_str(f::NETWORK_TRANSPORT, device::lower(protocol, arena));
    }
    device::push_real_ip(f::SOURCE_NAT_IP, pairs.any(&["tran_src_ip", "src_trans_ip"]), event);
    device::push_real_ip(f::DESTINATION_NAT_IP, pairs.any(&["tran_dst_ip", "dst_trans_ip"]), event);
    for (keys, field) in [
        (["tran_src_port", "src_trans_port"], f::SOURCE_NAT_PORT),
        (["tran_dst_port", "dst_trans_port"], f::DESTINATION_NAT_PORT),
    ] {
        if pairs.any(&keys) != "0" {
            device::push_int(field, pairs.any(&keys), event);
        }
    }
    for (keys, field) in [
        (["src_country_code", "src_country"], f::SOURCE_GEO_COUNTRY_ISO_CODE),
        (["dst_country_code", "dst_country"], f::DESTINATION_GEO_COUNTRY_ISO_CODE),
    ] {
        // R1 is Sophos' word for a private address.
        if !matches!(pairs.any(&keys), "R1" | "ZZZ") {
            event.push_str(field, pairs.any(&keys));
        }
    }
    if let Ok(seconds) = pairs.any(&["con_duration", "duration"]).parse() {
        device::push_duration(seconds, event);
    }
    let user = pairs.any(&["user_name", "username", "user", "name"]);
    if user.contains('\\') {
        device::push_user(user, event);
    } else {
        // `sato@example.jp` is the name by which the firewall knows the user.
        event.push_str(f::SOURCE_USER_NAME, user);
        event.push_str(f::USER_NAME, user);
        let domain = user.rsplit_once('@').map_or("", |(_, domain)| domain);
        event.push_str(f::SOURCE_USER_DOMAIN, domain);
        event.push_str(f::USER_DOMAIN, domain);
    }
    device::push_totals(event);
    let inside = |zone: Option<&str>| matches!(zone, Some("LAN" | "DMZ" | "VPN" | "WiFi"));
    let (from, to) = (event.get_str(f::OBSERVER_INGRESS_ZONE), event.get_str(f::OBSERVER_EGRESS_ZONE));
    let direction = match (from, to) {
        (Some("WAN"), Some("WAN")) => "external",
        (Some("WAN"), to) if inside(to) => "inbound",
        (from, Some("WAN")) if inside(from) => "outbound",
        (from, to) if inside(from) && inside(to) => "internal",
        _ => "",
    };
    event.push_str(f::NETWORK_DIRECTION, direction);
    // The ends of a tunnel.
    if !event.has(f::SOURCE_IP) {
        device::push_real_ip(f::SOURCE_IP, pairs.any(&["remoteinterfaceip", "ipaddress"]), event);
    }
    if !event.has(f::DESTINATION_IP) {
        device::push_real_ip(f::DESTINATION_IP, pairs.get("localinterfaceip"), event);
    }
}

fn content<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    let url = pairs.get("url");
    event.push_str(f::URL_ORIGINAL, url);
    if !event.has(f::DESTINATION_DOMAIN) {
        event.push_str(f::DESTINATION_DOMAIN, pairs.any(&["domain", "domainname"]));
    }
    if event.has(f::URL_DOMAIN) && url.contains("://") {
        event.remove(f::URL_DOMAIN);
    }
    super::squid::url::push(url, event);
    let hash = pairs.get("filehash");
    match hash.len() {
        64 => event.push_str(f::FILE_HASH_SHA256, hash),
        40 => event.push_str(f::FILE_HASH_SHA1, hash),
        32 => event.push_str(f::FILE_HASH_MD5, hash),
        _ => {}
    }
    let level = match pairs.any(&["priority", "severity"]) {
        "Emergency" | "emergency" => (0, "emergency"),
        "Alert" | "alert" => (1, "alert"),
        "Critical" | "critical" => (2, "critical"),
        "Error" | "error" => (3, "error"),
        "Warning" | "warning" => (4, "warning"),
        "Notice" | "Notification" | "notice" => (5, "notification"),
        "Information" | "Informational" | "information" => (6, "informational"),
        "Debug" | "debug" => (7, "debug"),
        _ => return,
    };
    event.push(f::EVENT_SEVERITY, Value::Int(level.0));
    event.push(f::LOG_LEVEL, Value::Str(level.1));
}

fn classify<'a>(pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let (kind, component, subtype) = (pairs.get("log_type"), pairs.get("log_component"), pairs.get("log_subtype"));
    let status = pairs.get("status");
    // What was recognised in the traffic; of other logs the part that looked at it.
    let protocol = match kind {
        "Firewall" => pairs.any(&["application", "application_name", "app_name"]),
        "Anti-Virus" | "Anti-Spam" | "Content Filtering" => component,
        _ => "",
    };
    event.push_str(f::NETWORK_PROTOCOL, device::lower(protocol, arena));
    let (category, logsource, alert): (&[&'static str], _, _) = match kind {
        // What the firewall drops by itself, as an attack.
        "Firewall"
            if matches!(
                component,
                "Heartbeat" | "ICMP ERROR MESSAGE" | "DoS Attack" | "IP Spoof" | "Source Routed" | "Fragmented Traffic"
            ) =>
        {
            (&["network", "intrusion_detection"], "firewall", true)
        }
        "Firewall" => (&["network"], "firewall", false),
        "Content Filtering" | "Web Content Policy" => (&["network", "web"], "proxy", false),
        "IDP" | "IPS" => (&["network", "intrusion_detection"], "firewall", true),
        "Anti-Virus" | "Sandbox" | "Sandstorm" | "Zero-day Protection" => (&["network", "malware"], "antivirus", true),
        "ATP" | "Advanced Threat Protection" | "Heartbeat" => (&["network", "intrusion_detection"], "firewall", true),
        "Anti-Spam" => (&["network", "email"], "", subtype.ends_with("Spam")),
        "WAF" | "Web Server Protection" => (&["network", "web"], "webserver", false),
        "SSL" | "Wireless Protection" => (&["network"], "", false),
        "Event"
            if subtype == "Authentication"
                || component.contains("Authentication")
                || component == "GUI" && pairs.get("message").contains("log") =>
        {
            (&["authentication"], "", false)
        }
        "Event" if subtype == "Admin" => (&["configuration"], "", false),
        "Event" if component.contains("VPN") => (&["network", "session"], "", false),
        "Event" if component.contains("DHCP") => (&["network"], "", false),
        "Event" => (&["host"], "", false),
        _ => (&["network"], "", false),
    };
    add(f::EVENT_CATEGORY, category, event);
    event.push(f::EVENT_KIND, Value::Str(if alert { "alert" } else { "event" }));
    device::logsource("sophos", logsource, "", event);
    event.push_str(f::EVENT_ACTION, device::lower(subtype, arena));
    let outcome = match status {
        "Successful" | "Established" | "Success" => "success",
        "Failed" | "Failure" | "Expired" => "failure",
        _ if kind != "Event" && !subtype.is_empty() => "success",
        _ => "",
    };
    event.push_str(f::EVENT_OUTCOME, outcome);
    let verdict = match subtype {
        "Virus" | "Infected" | "Drop" | "DLP" | "Probable Spam" | "Spam" if alert || kind != "Firewall" => {
            let dropped = matches!(pairs.get("spamaction"), "DROP" | "Drop" | "Reject" | "REJECT" | "Quarantine");
            if dropped || matches!(subtype, "Drop" | "Virus") {
                device::Verdict::Denied
            } else {
                device::Verdict::Unsaid
            }
        }
        "Clean" if kind == "Anti-Spam" => device::Verdict::Allowed,
        _ => device::verdict(subtype),
    };
    device::push_verdict(verdict, event);
    if kind == "Firewall" {
        add(f::EVENT_TYPE, &["connection"], event);
        match pairs.any(&["connevent", "con_event"]) {
            "Start" => add(f::EVENT_TYPE, &["start"], event),
            "Stop" => add(f::EVENT_TYPE, &["end"], event),
            _ => {}
        }
    } else {
        add(f::EVENT_TYPE, &["info"], event);
        match category {
            ["authentication"] if pairs.get("message").contains("logged out") => add(f::EVENT_TYPE, &["end"], event),
            ["authentication"] => add(f::EVENT_TYPE, &["start"], event),
            ["configuration"] => add(f::EVENT_TYPE, &["change"], event),
            [first, ..] if *first == "network" && kind != "Event" => add(f::EVENT_TYPE, &["connection"], event),
            _ => {}
        }
    }
}
