//! Suricata (4 to 8): EVE JSON of every `event_type`, with or without a syslog header.
//!
//! Endpoints, flow counters, alert, HTTP, DNS (versions 1, 2 and 3), TLS, files, mail, SSH, and the addresses of DHCP
//! and Ethernet become ECS fields; everything else is kept as `suricata.eve.<path>`. `stats` is a metric. Source:
//! Suricata User Guide, "EVE JSON Format".

use bumpalo::Bump;
use stream::{Event, FieldId, Value, fields as f};

use crate::device::{self, add};
use crate::json::Walker;
use crate::keyed::{Keys, Pairs, To};
use crate::parser::{Context, Parser, Reason};
use crate::{community_id, protocols, time};

/// Parser of EVE lines.
pub struct Suricata {
    keys: Keys,
    walker: Walker,
}

impl Default for Suricata {
    fn default() -> Self {
        Suricata { keys: Keys::new("suricata.eve.", &[KEYS]), walker: Walker::default() }
    }
}

// Paths of EVE that read like ECS names and are not: their values differ (`TLS 1.2`, `request`).
const DNS_ID: &str = concat!("dns.", "id");
const DNS_TYPE: &str = concat!("dns.", "type");
const TLS_VERSION: &str = concat!("tls.", "version");
const EMAIL_SUBJECT: &str = concat!("email.", "subject");

static KEYS: &[(&str, To)] = &[
    ("timestamp", To::Held),
    ("event_type", To::Both),
    ("src_ip", To::Ip(f::SOURCE_IP)),
    ("dest_ip", To::Ip(f::DESTINATION_IP)),
    ("src_port", To::Int(f::SOURCE_PORT)),
    ("dest_port", To::Int(f::DESTINATION_PORT)),
    ("proto", To::Held),
    ("app_proto", To::Held),
    ("in_iface", To::Text(f::OBSERVER_INGRESS_INTERFACE_NAME)),
    ("host", To::Text(f::OBSERVER_NAME)),
    ("vlan", To::Text(f::NETWORK_VLAN_ID)),
    ("community_id", To::Text(f::NETWORK_COMMUNITY_ID)),
    ("ether.src_mac", To::Mac(f::SOURCE_MAC)),
    ("ether.dest_mac", To::Mac(f::DESTINATION_MAC)),
    ("alert.action", To::Held),
    ("alert.signature", To::Text(f::RULE_NAME)),
    ("alert.signature_id", To::Text(f::RULE_ID)),
    ("alert.rev", To::Text(f::RULE_VERSION)),
    ("alert.category", To::Text(f::RULE_CATEGORY)),
    ("alert.severity", To::Int(f::EVENT_SEVERITY)),
    ("flow.pkts_toserver", To::Int(f::SOURCE_PACKETS)),
    ("flow.pkts_toclient", To::Int(f::DESTINATION_PACKETS)),
    ("flow.bytes_toserver", To::Int(f::SOURCE_BYTES)),
    ("flow.bytes_toclient", To::Int(f::DESTINATION_BYTES)),
    ("flow.start", To::Held),
    ("flow.end", To::Held),
    ("flow.age", To::Held),
    ("flow.reason", To::Text(f::EVENT_REASON)),
    ("http.hostname", To::Held),
    ("http.url", To::Held),
    ("http.http_user_agent", To::Text(f::USER_AGENT_ORIGINAL)),
    ("http.http_method", To::Text(f::HTTP_REQUEST_METHOD)),
    ("http.http_refer", To::Text(f::HTTP_REQUEST_REFERRER)),
    ("http.status", To::Int(f::HTTP_RESPONSE_STATUS_CODE)),
    ("http.length", To::Int(f::HTTP_RESPONSE_BODY_BYTES)),
    ("http.http_content_type", To::Text(f::HTTP_RESPONSE_MIME_TYPE)),
    ("http.http_port", To::Int(f::URL_PORT)),
    (DNS_ID, To::Text(f::DNS_ID)),
    (DNS_TYPE, To::Held),
    ("dns.rcode", To::Text(f::DNS_RESPONSE_CODE)),
    ("dns.rrname", To::Held),
    ("dns.rrtype", To::Held),
    ("dns.rdata", To::Held),
    ("dns.query.rrname", To::Text(f::DNS_QUESTION_NAME)),
    ("dns.query.rrtype", To::Text(f::DNS_QUESTION_TYPE)),
    ("dns.queries.rrname", To::Text(f::DNS_QUESTION_NAME)),
    ("dns.queries.rrtype", To::Text(f::DNS_QUESTION_TYPE)),
    ("dns.answers.rrname", To::Each(f::DNS_ANSWERS_NAME)),
    ("dns.answers.rrtype", To::Each(f::DNS_ANSWERS_TYPE)),
    ("dns.answers.rdata", To::Each(f::DNS_ANSWERS_DATA)),
    ("tls.subject", To::Text(f::TLS_SERVER_SUBJECT)),
    ("tls.issuerdn", To::Text(f::TLS_SERVER_ISSUER)),
    ("tls.sni", To::Held),
    (TLS_VERSION, To::Held),
    ("tls.fingerprint", To::Held),
    ("tls.serial", To::Text(f::TLS_SERVER_X509_SERIAL_NUMBER)),
    ("tls.notbefore", To::Held),
    ("tls.notafter", To::Held),
    ("tls.ja3.hash", To::Text(f::TLS_CLIENT_JA3)),
    ("tls.ja3s.hash", To::Text(f::TLS_SERVER_JA3S)),
    ("fileinfo.filename", To::Text(f::FILE_PATH)),
    ("fileinfo.size", To::Int(f::FILE_SIZE)),
    ("fileinfo.md5", To::Text(f::FILE_HASH_MD5)),
    ("fileinfo.sha1", To::Text(f::FILE_HASH_SHA1)),
    ("fileinfo.sha256", To::Text(f::FILE_HASH_SHA256)),
    ("email.from", To::Each(f::EMAIL_FROM_ADDRESS)),
    ("email.to", To::Each(f::EMAIL_TO_ADDRESS)),
    (EMAIL_SUBJECT, To::Text(f::EMAIL_SUBJECT)),
    ("dhcp.client_mac", To::Mac(f::CLIENT_MAC)),
    ("dhcp.assigned_ip", To::Held),
    ("dhcp.hostname", To::Text(f::HOST_NAME)),
    ("krb5.cname", To::Text(f::USER_NAME)),
    ("ftp.command_data", To::Both),
    ("smb.filename", To::Text(f::FILE_NAME)),
];

impl Parser for Suricata {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let body = line.find('{').ok_or(Reason("no JSON object: not an EVE line"))?;
        let mut pairs = Pairs::new_in(arena);
        let keys = &mut self.keys;
        self.walker.walk(line[body..].trim_end(), arena, |path, scalar| {
            if let Some(value) = scalar.value() {
                let key: &'a str = arena.alloc_str(path);
                // Statistics are hundreds of counters: they stay in the line.
                if !key.starts_with("stats.") {
                    keys.put(key, value, &mut pairs, arena, event);
                }
            }
        })?;
        let kind = pairs.get("event_type");
        if kind.is_empty() {
            return Err(Reason("no event_type: not an EVE line"));
        }
        device::push_time(f::TIMESTAMP, time::iso(pairs.get("timestamp"), &context.zone), event);
        device::header(&line[..body], context, event);
        device::observer("OISF", "Suricata", "ids", event);
        event.push(f::EVENT_MODULE, Value::Str("suricata"));
        flow(&pairs, context, event);
        classify(kind, &pairs, event);
        content(&pairs, arena, event);
        event.push_str(f::NETWORK_PROTOCOL, protocol(kind, &pairs, arena));
        community_id::push(arena, event);
        Ok(())
    }
}

/// The application protocol; what the event is about says it when the flow does not.
fn protocol<'a>(kind: &'a str, pairs: &Pairs<'a>, arena: &'a Bump) -> &'a str {
    match pairs.get("app_proto") {
        "failed" => "",
        "" => match kind {
            "http" | "dns" | "tls" | "ssh" | "smtp" | "ftp" | "smb" | "nfs" | "tftp" | "dhcp" | "krb5" | "rdp"
            | "snmp" | "sip" | "ike" | "ikev2" | "mqtt" | "http2" | "quic" | "rfb" | "modbus" | "dnp3" | "dcerpc"
            | "telnet" | "ldap" | "mdns" | "websocket" | "pop3" | "imap" => kind,
            "ftp_data" => "ftp",
            _ => "",
        },
        name => device::lower(name, arena),
    }
}

fn flow<'a>(pairs: &Pairs<'a>, context: &Context, event: &mut Event<'a>) {
    let transport = pairs.get("proto");
    if !protocols::push(transport, event) && !transport.is_empty() {
        event.push_str(f::NETWORK_TRANSPORT, transport);
    }
    device::push_time(f::EVENT_START, time::iso(pairs.get("flow.start"), &context.zone), event);
    device::push_time(f::EVENT_END, time::iso(pairs.get("flow.end"), &context.zone), event);
    if let Some(seconds) = pairs.int("flow.age") {
        device::push_duration(seconds, event);
    }
    device::push_totals(event);
}

fn classify<'a>(kind: &'a str, pairs: &Pairs<'a>, event: &mut Event<'a>) {
    let (category, types, logsource): (&[&'static str], &[&'static str], _) = match kind {
        "alert" => (&["network", "intrusion_detection"], &[], "firewall"),
        "drop" => (&["network"], &["denied"], "firewall"),
        "flow" | "netflow" => (&["network"], &["connection", "end"], ""),
        "http" | "http2" => (&["network", "web"], &["access", "protocol"], "proxy"),
        "dns" | "mdns" => (&["network"], &["protocol"], "dns"),
        "fileinfo" => (&["network", "file"], &["info"], ""),
        "anomaly" => (&["network"], &["info"], ""),
        "stats" => (&["network"], &[], ""),
        "smtp" => (&["network", "email"], &["protocol"], ""),
        _ => (&["network"], &["protocol"], ""),
    };
    let name = match kind {
        "alert" => "alert",
        "stats" => "metric",
        _ => "event",
    };
    event.push(f::EVENT_KIND, Value::Str(name));
    add(f::EVENT_CATEGORY, category, event);
    add(f::EVENT_TYPE, types, event);
    device::logsource("suricata", logsource, kind, event);
    match pairs.get("alert.action") {
        "allowed" => add(f::EVENT_TYPE, &["allowed"], event),
        "blocked" => add(f::EVENT_TYPE, &["denied"], event),
        _ => {}
    }
    if matches!(kind, "http" | "http2")
        && let Some(status) = event.get_int(f::HTTP_RESPONSE_STATUS_CODE)
    {
        event.push(f::EVENT_OUTCOME, Value::Str(if status < 400 { "success" } else { "failure" }));
    }
}

fn content<'a>(pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let host = pairs.get("http.hostname");
    event.push_str(f::URL_DOMAIN, host);
    event.push_str(f::DESTINATION_DOMAIN, host);
    let url = pairs.get("http.url");
    event.push_str(f::URL_ORIGINAL, url);
    if url.starts_with('/') {
        let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        event.push_str(f::URL_PATH, path);
        event.push_str(f::URL_QUERY, query);
        event.push_str(f::URL_FRAGMENT, fragment);
    }
    dns(pairs, event);
    let name = pairs.get("tls.sni").trim_end_matches('.');
    event.push_str(f::TLS_CLIENT_SERVER_NAME, name);
    if !event.has(f::DESTINATION_DOMAIN) {
        event.push_str(f::DESTINATION_DOMAIN, name);
    }
    if let Some((protocol, version)) = pairs.get(TLS_VERSION).split_once([' ', 'v']) {
        event.push_str(f::TLS_VERSION, version);
        event.push_str(f::TLS_VERSION_PROTOCOL, device::lower(protocol, arena));
    }
    let fingerprint = pairs.get("tls.fingerprint");
    if fingerprint.len() == 59 {
        let plain = fingerprint.chars().filter(|letter| *letter != ':').map(|letter| letter.to_ascii_uppercase());
        let plain = bumpalo::collections::String::from_iter_in(plain, arena).into_bump_str();
        event.push_str(f::TLS_SERVER_HASH_SHA1, plain);
    }
    let utc = time::Zone::utc();
    device::push_time(f::TLS_SERVER_NOT_BEFORE, time::iso(pairs.get("tls.notbefore"), &utc), event);
    device::push_time(f::TLS_SERVER_NOT_AFTER, time::iso(pairs.get("tls.notafter"), &utc), event);
    let path: &'a str = event.get_str(f::FILE_PATH).unwrap_or("");
    if !event.has(f::FILE_NAME) {
        event.push_str(f::FILE_NAME, path.rsplit('/').next().unwrap_or(path));
    }
    device::push_real_ip(f::CLIENT_IP, pairs.get("dhcp.assigned_ip"), event);
}

/// In version 1 an answer's `rrname` is that of the record, in later ones that of the question.
fn dns<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    let kind = pairs.get(DNS_TYPE);
    let question = matches!(kind, "query" | "request") || pairs.int("dns.version").is_some_and(|version| version >= 2);
    let fields: [(&str, FieldId); 2] = if question {
        [("dns.rrname", f::DNS_QUESTION_NAME), ("dns.rrtype", f::DNS_QUESTION_TYPE)]
    } else {
        [("dns.rrname", f::DNS_ANSWERS_NAME), ("dns.rrtype", f::DNS_ANSWERS_TYPE)]
    };
    for (key, field) in fields {
        if !event.has(field) {
            event.push_str(field, pairs.get(key));
        }
    }
    event.push_str(f::DNS_ANSWERS_DATA, pairs.get("dns.rdata"));
    let kind = match kind {
        "query" | "request" => "query",
        "answer" | "response" => "answer",
        _ => "",
    };
    event.push_str(f::DNS_TYPE, kind);
    if !kind.is_empty() {
        let addresses = pairs.iter().filter(|(key, _)| matches!(*key, "dns.answers.rdata" | "dns.rdata"));
        for ip in addresses.filter_map(|(_, value)| value.ip()).take(64) {
            event.push_unique(f::DNS_RESOLVED_IP, Value::Ip(ip));
        }
    }
}
