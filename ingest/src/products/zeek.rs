//! Zeek (3 to 7): JSON lines of every log, and tab-separated lines in the default columns of the main ones.
//!
//! A JSON line tells its log by `_path`, else by the keys that only that log has (see `logs`). The names of tab-separated
//! columns are those of the last `#fields` line of the source, and its log that of `#path`; without such lines, or where
//! their number is another, the number of columns and their shape tell the log among the default layouts.
//! `@timestamp` is `ts`. Names without a field of their own are kept as `zeek.<name>`, and those that Sigma's rules
//! for Zeek ask for always. Source: Zeek documentation, "Zeek Log Formats" and the scripts' Info records.

mod logs;

use bumpalo::Bump;
use stream::{Event, FieldId, Timestamp, Value, fields as f};

use self::logs::Log;
use crate::device::{self, add};
use crate::json::Walker;
use crate::keyed::{Keys, Pairs, To};
use crate::parser::{Context, Parser, Reason};
use crate::{community_id, protocols, syslog, time};

/// Parser of Zeek logs.
pub struct Zeek {
    keys: Keys,
    walker: Walker,
    header: logs::Header,
}

impl Default for Zeek {
    fn default() -> Self {
        Zeek { keys: Keys::new("zeek.", &[KEYS]), walker: Walker::default(), header: logs::Header::default() }
    }
}

static KEYS: &[(&str, To)] = &[
    ("ts", To::Held),
    ("_path", To::Held),
    ("@path", To::Held),
    ("uid", To::Text(f::EVENT_ID)),
    ("community_id", To::Text(f::NETWORK_COMMUNITY_ID)),
    ("id.orig_h", To::Ip(f::SOURCE_IP)),
    ("id.orig_p", To::Int(f::SOURCE_PORT)),
    ("id.resp_h", To::Ip(f::DESTINATION_IP)),
    ("id.resp_p", To::Int(f::DESTINATION_PORT)),
    ("id_orig_h", To::Ip(f::SOURCE_IP)),
    ("id_orig_p", To::Int(f::SOURCE_PORT)),
    ("id_resp_h", To::Ip(f::DESTINATION_IP)),
    ("id_resp_p", To::Int(f::DESTINATION_PORT)),
    ("src", To::Ip(f::SOURCE_IP)),
    ("dst", To::Ip(f::DESTINATION_IP)),
    ("p", To::Int(f::DESTINATION_PORT)),
    ("proto", To::Held),
    ("service", To::Both),
    ("duration", To::Held),
    ("orig_ip_bytes", To::Int(f::SOURCE_BYTES)),
    ("resp_ip_bytes", To::Int(f::DESTINATION_BYTES)),
    ("orig_pkts", To::Int(f::SOURCE_PACKETS)),
    ("resp_pkts", To::Int(f::DESTINATION_PACKETS)),
    ("vlan", To::Text(f::NETWORK_VLAN_ID)),
    ("inner_vlan", To::Text(f::NETWORK_INNER_VLAN_ID)),
    ("orig_l2_addr", To::Mac(f::SOURCE_MAC)),
    ("resp_l2_addr", To::Mac(f::DESTINATION_MAC)),
    ("mac", To::Mac(f::SOURCE_MAC)),
    ("query", To::Both),
    ("qtype_name", To::Both),
    ("qclass_name", To::Held),
    ("rcode_name", To::Both),
    ("trans_id", To::Text(f::DNS_ID)),
    ("answers", To::Each(f::DNS_ANSWERS_DATA)),
    ("method", To::Both),
    ("host", To::Held),
    ("uri", To::Both),
    ("referrer", To::Text(f::HTTP_REQUEST_REFERRER)),
    ("user_agent", To::Text(f::USER_AGENT_ORIGINAL)),
    ("version", To::Held),
    ("request_body_len", To::Int(f::HTTP_REQUEST_BODY_BYTES)),
    ("response_body_len", To::Int(f::HTTP_RESPONSE_BODY_BYTES)),
    ("status_code", To::Int(f::HTTP_RESPONSE_STATUS_CODE)),
    ("status_msg", To::Both),
    ("username", To::Held),
    ("user", To::Held),
    ("cookie", To::Both),
    ("client", To::Both),
    ("server_name", To::Both),
    ("cipher", To::Text(f::TLS_CIPHER)),
    ("subject", To::Both),
    ("issuer", To::Both),
    ("client_subject", To::Text(f::TLS_CLIENT_SUBJECT)),
    ("client_issuer", To::Text(f::TLS_CLIENT_ISSUER)),
    ("next_protocol", To::Text(f::TLS_NEXT_PROTOCOL)),
    ("ja3", To::Text(f::TLS_CLIENT_JA3)),
    ("ja3s", To::Text(f::TLS_SERVER_JA3S)),
    ("established", To::Held),
    ("resumed", To::Held),
    ("certificate.subject", To::Both),
    ("certificate.issuer", To::Both),
    ("certificate.serial", To::Both),
    ("filename", To::Text(f::FILE_NAME)),
    ("mime_type", To::Text(f::FILE_MIME_TYPE)),
    ("md5", To::Text(f::FILE_HASH_MD5)),
    ("sha1", To::Text(f::FILE_HASH_SHA1)),
    ("sha256", To::Text(f::FILE_HASH_SHA256)),
    ("total_bytes", To::Int(f::FILE_SIZE)),
    ("size", To::Int(f::FILE_SIZE)),
    ("note", To::Both),
    ("msg", To::Text(f::MESSAGE)),
    ("peer_descr", To::Text(f::OBSERVER_NAME)),
    ("mailfrom", To::Each(f::EMAIL_FROM_ADDRESS)),
    ("rcptto", To::Each(f::EMAIL_TO_ADDRESS)),
    ("assigned_addr", To::Ip(f::CLIENT_IP)),
    // Who sent a file, and who took it.
    ("tx_hosts", To::Ip(f::SERVER_IP)),
    ("rx_hosts", To::Ip(f::CLIENT_IP)),
    ("src_addr", To::Ip(f::SOURCE_IP)),
    ("src_port", To::Int(f::SOURCE_PORT)),
    ("dst_addr", To::Ip(f::DESTINATION_IP)),
    ("dst_port", To::Int(f::DESTINATION_PORT)),
    ("client_addr", To::Ip(f::SOURCE_IP)),
    ("server_addr", To::Ip(f::DESTINATION_IP)),
    ("host_name", To::Text(f::HOST_NAME)),
    ("message", To::Text(f::MESSAGE)),
    ("facility", To::Both),
    ("severity", To::Both),
];

impl Parser for Zeek {
    fn parse<'a>(
        &mut self,
        line: &'a str,
        context: &Context,
        arena: &'a Bump,
        event: &mut Event<'a>,
    ) -> Result<(), Reason> {
        let mut pairs = Pairs::new_in(arena);
        let keys = &mut self.keys;
        let log = if let Some(body) = line.find('{').filter(|at| !line[..*at].contains('\t')) {
            self.walker.walk(line[body..].trim_end(), arena, |path, scalar| {
                if let Some(value) = scalar.value() {
                    keys.put(arena.alloc_str(path), value, &mut pairs, arena, event);
                }
            })?;
            device::header(&line[..body], context, event);
            logs::of_json(&line[..body], &pairs).ok_or(Reason("no key of a Zeek log"))?
        } else if line.starts_with('#') {
            self.header.directive(line);
            event.push_str(f::MESSAGE, line);
            event.push(f::EVENT_KIND, Value::Str("event"));
            return device_only(event);
        } else {
            const NOT: Reason = Reason("neither JSON nor columns of a Zeek log");
            let text = logs::columns_start(line).map(|start| &line[start..]).ok_or(NOT)?;
            let header = syslog::parse(&line[..line.len() - text.len()], context);
            let named = self.header.names(text);
            let (declared, layout) = match named {
                Some(names) => (names, None),
                None => (&[][..], Some(logs::of_columns(text).ok_or(NOT)?)),
            };
            device::apply(&header, event);
            let names = declared.iter().map(String::as_str);
            let names = names.chain(layout.iter().flat_map(|(_, columns)| columns.iter().copied()));
            for (name, value) in names.zip(text.split('\t')) {
                let name: &'a str = arena.alloc_str(name);
                let plain = value.trim_end_matches(['\r', '\n']);
                // The elements of a set or a list.
                if let "answers" | "rcptto" | "to" | "tx_hosts" | "rx_hosts" | "conn_uids" = name {
                    plain.split(',').for_each(|part| keys.put(name, Value::Str(part), &mut pairs, arena, event));
                } else {
                    keys.put(name, Value::Str(plain), &mut pairs, arena, event);
                }
            }
            match layout {
                Some((log, _)) => log,
                None => self.header.log(&pairs).ok_or(NOT)?,
            }
        };
        event.remove(f::TIMESTAMP);
        device::push_time(f::TIMESTAMP, instant(&pairs, context), event);
        event.push_str(f::EVENT_DATASET, log.name);
        meaning(log, &pairs, arena, event);
        device_only(event)
    }
}

fn device_only(event: &mut Event<'_>) -> Result<(), Reason> {
    device::observer("Zeek", "Zeek", "ids", event);
    event.push(f::EVENT_MODULE, Value::Str("zeek"));
    event.push(f::SEKISHO_LOGSOURCE_PRODUCT, Value::Str("zeek"));
    Ok(())
}

/// `ts`: seconds since the epoch with a fraction, or ISO.
fn instant(pairs: &Pairs<'_>, context: &Context) -> Option<Timestamp> {
    match pairs.value("ts")? {
        Value::Str(text) => time::epoch(text).or_else(|| time::iso(text, &context.zone)),
        Value::Float(seconds) if (0.0..9e9).contains(&seconds) => {
            // Microseconds are what Zeek writes; a float holds no more.
            Some(Timestamp((seconds * 1e6).round() as i64 * 1000))
        }
        Value::Int(number) => super::generic::epoch(number),
        _ => None,
    }
}

fn flag(pairs: &Pairs<'_>, key: &str) -> Option<bool> {
    match pairs.value(key)? {
        Value::Bool(flag) => Some(flag),
        Value::Str("T" | "true") => Some(true),
        Value::Str("F" | "false") => Some(false),
        _ => None,
    }
}

fn meaning<'a>(log: &Log, pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    event.push(f::EVENT_KIND, Value::Str(log.kind));
    add(f::EVENT_CATEGORY, log.category, event);
    add(f::EVENT_TYPE, log.types, event);
    event.push_str(f::SEKISHO_LOGSOURCE_SERVICE, log.name);
    let protocol = pairs.get("proto");
    let transport = if protocol.is_empty() { log.transport } else { protocol };
    protocols::push(transport, event);
    let service = if log.protocol.is_empty() { pairs.get("service") } else { log.protocol };
    event.push_str(f::NETWORK_PROTOCOL, device::lower(service, arena));
    let user = pairs.any(&["username", "user"]);
    if !user.is_empty() && !matches!(user, "<unknown>" | "anonymous") {
        device::push_user(user, event);
    }
    details(log.name, pairs, arena, event);
    // `1` and `2` of the ICMP's type and code stand where ports do.
    if event.get_str(f::NETWORK_TRANSPORT) == Some("icmp") {
        let port = |field: FieldId, event: &Event<'a>| event.get_int(field).and_then(|port| u8::try_from(port).ok());
        if let (Some(kind), Some(code)) = (port(f::SOURCE_PORT, event), port(f::DESTINATION_PORT, event)) {
            community_id::push_icmp(kind, code, arena, event);
        }
    }
    device::push_totals(event);
    community_id::push(arena, event);
}

/// What a log says under names of its own.
fn details<'a>(name: &str, pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let yes = |word: &str| Some(word).filter(|word| !word.is_empty()).map(|word| word.starts_with("succe"));
    match name {
        "conn" => connection(pairs, event),
        "dns" => dns(pairs, event),
        "http" => http(pairs, event),
        "ssl" => tls(pairs, event),
        "x509" => {
            event.push_str(f::EVENT_ID, pairs.any(&["id", "fingerprint"]));
            event.push_str(f::TLS_SERVER_X509_SERIAL_NUMBER, pairs.get("certificate.serial"));
            event.push_str(f::TLS_SERVER_SUBJECT, pairs.get("certificate.subject"));
            event.push_str(f::TLS_SERVER_ISSUER, pairs.get("certificate.issuer"));
        }
        "files" if !event.has(f::EVENT_ID) => event.push_str(f::EVENT_ID, pairs.get("conn_uids")),
        "notice" => {
            event.push_str(f::RULE_NAME, pairs.get("note"));
            event.push_str(f::RULE_DESCRIPTION, pairs.get("msg"));
            match flag(pairs, "dropped") {
                Some(true) => add(f::EVENT_TYPE, &["denied"], event),
                Some(false) => add(f::EVENT_TYPE, &["allowed"], event),
                None => {}
            }
        }
        "signatures" | "signature" => {
            event.push_str(f::RULE_ID, pairs.get("sig_id"));
            event.push_str(f::RULE_DESCRIPTION, pairs.get("event_msg"));
        }
        "weird" => event.push_str(f::RULE_NAME, pairs.get("name")),
        "ssh" => outcome(flag(pairs, "auth_success"), event),
        "ntlm" => {
            outcome(flag(pairs, "success"), event);
            domain(pairs.get("domainname"), event);
        }
        "kerberos" => kerberos(pairs, event),
        "mysql" => {
            event.push_str(f::EVENT_ACTION, pairs.get("cmd"));
            outcome(flag(pairs, "success"), event);
        }
        "radius" => outcome(yes(pairs.get("result")), event),
        "socks" => outcome(yes(pairs.get("status")), event),
        "smb_cmd" => {
            event.push_str(f::EVENT_ACTION, pairs.get("command"));
            let status = pairs.get("status");
            outcome((!status.is_empty()).then_some(status == "SUCCESS"), event);
        }
        "ftp" | "irc" => {
            event.push_str(f::EVENT_ACTION, pairs.get("command"));
            if let Some(size) = pairs.int("file_size") {
                event.push(f::FILE_SIZE, Value::Int(size));
            }
        }
        "dce_rpc" => event.push_str(f::EVENT_ACTION, pairs.get("operation")),
        "modbus" => event.push_str(f::EVENT_ACTION, pairs.get("func")),
        "dnp3" => event.push_str(f::EVENT_ACTION, pairs.get("fc_request")),
        "tunnel" => event.push_str(f::EVENT_ACTION, pairs.get("action")),
        "smb_files" => shared_file(pairs, arena, event),
        "dhcp" => lease(event),
        "known_hosts" | "known_services" | "known_certs" | "software" => known(name, pairs, arena, event),
        "smtp" => event.push_str(f::EMAIL_SUBJECT, pairs.get("subject")),
        _ => {}
    }
}

/// The domain of the user that a log names beside it.
fn domain<'a>(text: &'a str, event: &mut Event<'a>) {
    for (name, domain) in [(f::USER_NAME, f::USER_DOMAIN), (f::SOURCE_USER_NAME, f::SOURCE_USER_DOMAIN)] {
        if event.has(name) && !event.has(domain) {
            event.push_str(domain, text);
        }
    }
}

/// `client` is `user/REALM`.
fn kerberos<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    event.push_str(f::EVENT_ACTION, pairs.get("request_type"));
    outcome(flag(pairs, "success"), event);
    let client = pairs.get("client");
    device::push_user(client.split('/').next().unwrap_or(""), event);
    domain(client.rsplit_once('/').map_or("", |(_, realm)| realm), event);
}

/// `path` is the share, `name` the file below it.
fn shared_file<'a>(pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    let (action, share, name) = (pairs.get("action"), pairs.get("path"), pairs.get("name"));
    event.push_str(f::EVENT_ACTION, action);
    event.push_str(f::FILE_NAME, name.rsplit('\\').next().unwrap_or(name));
    if !share.is_empty() && !name.is_empty() {
        let name = name.trim_start_matches('\\');
        let path = bumpalo::format!(in arena, "{}\\{}", share.trim_end_matches('\\'), name).into_bump_str();
        event.push_str(f::FILE_PATH, path);
    }
    let kind: &[&'static str] = match action {
        "SMB::FILE_READ" | "SMB::PRINT_READ" => &["access"],
        "SMB::FILE_WRITE" | "SMB::FILE_RENAME" | "SMB::FILE_SET_ATTRIBUTE" => &["change"],
        "SMB::FILE_DELETE" => &["deletion"],
        _ => &[],
    };
    add(f::EVENT_TYPE, kind, event);
}

/// The log has no ports, and DHCP no other ones.
fn lease(event: &mut Event<'_>) {
    for (ip, field, port) in [(f::SOURCE_IP, f::SOURCE_PORT, 68), (f::DESTINATION_IP, f::DESTINATION_PORT, 67)] {
        if event.has(ip) && !event.has(field) {
            event.push(field, Value::Int(port));
        }
    }
}

/// The host that a log is about, and its service.
fn known<'a>(name: &str, pairs: &Pairs<'a>, arena: &'a Bump, event: &mut Event<'a>) {
    if let Some(ip) = device::address(pairs.get("host")) {
        event.push(f::HOST_IP, Value::Ip(ip));
        event.push(f::NETWORK_TYPE, Value::Str(if ip.is_ipv4() { "ipv4" } else { "ipv6" }));
        if name != "known_hosts"
            && let Some(port) = pairs.int("port_num")
        {
            event.push(f::SERVER_IP, Value::Ip(ip));
            event.push(f::SERVER_PORT, Value::Int(port));
        }
    }
    protocols::push(pairs.get("port_proto"), event);
    if name == "known_services" {
        event.push_str(f::NETWORK_APPLICATION, device::lower(pairs.get("service"), arena));
    }
}

fn outcome(success: Option<bool>, event: &mut Event<'_>) {
    match success {
        Some(true) => event.push(f::EVENT_OUTCOME, Value::Str("success")),
        Some(false) => event.push(f::EVENT_OUTCOME, Value::Str("failure")),
        None => {}
    }
}

fn connection<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    let seconds = match pairs.value("duration") {
        Some(Value::Float(seconds)) => Some(seconds),
        Some(Value::Int(seconds)) => Some(seconds as f64),
        Some(Value::Str(text)) => text.parse().ok(),
        _ => None,
    };
    if let Some(seconds) = seconds.filter(|seconds: &f64| (0.0..9e9).contains(seconds)) {
        let nanos = (seconds * 1e6).round() as i64 * 1000;
        event.push(f::EVENT_DURATION, Value::Int(nanos));
        if let Some(Value::Time(start)) = event.get(f::TIMESTAMP) {
            event.push(f::EVENT_START, Value::Time(start));
            event.push(f::EVENT_END, Value::Time(start.plus_nanos(nanos)));
        }
    }
    let types: &[&'static str] = match pairs.get("conn_state") {
        "S0" | "S1" | "SH" | "SHR" => &["start"],
        "REJ" => &["start", "denied"],
        "SF" | "S2" | "S3" | "RSTO" | "RSTR" | "RSTOS0" | "RSTRH" => &["start", "end"],
        _ => &["info"],
    };
    add(f::EVENT_TYPE, types, event);
    let direction = match (flag(pairs, "local_orig"), flag(pairs, "local_resp")) {
        (Some(true), Some(true)) => "internal",
        (Some(true), Some(false)) => "outbound",
        (Some(false), Some(true)) => "inbound",
        (Some(false), Some(false)) => "external",
        _ => "",
    };
    event.push_str(f::NETWORK_DIRECTION, direction);
}

fn dns<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    event.push_str(f::DNS_QUESTION_NAME, pairs.get("query"));
    event.push_str(f::DNS_QUESTION_TYPE, pairs.get("qtype_name"));
    event.push_str(f::DNS_QUESTION_CLASS, pairs.get("qclass_name").trim_start_matches("C_"));
    let code = pairs.get("rcode_name");
    event.push_str(f::DNS_RESPONSE_CODE, code);
    if !code.is_empty() {
        outcome(Some(code == "NOERROR"), event);
    }
    let answers = pairs.iter().filter(|(key, _)| *key == "answers");
    for ip in answers.filter_map(|(_, value)| value.ip()).take(64) {
        event.push_unique(f::DNS_RESOLVED_IP, Value::Ip(ip));
    }
}

fn http<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    event.push_str(f::HTTP_REQUEST_METHOD, pairs.get("method"));
    let (host, uri) = (pairs.get("host"), pairs.get("uri"));
    event.push_str(f::URL_DOMAIN, host);
    event.push_str(f::DESTINATION_DOMAIN, host);
    event.push_str(f::URL_ORIGINAL, uri);
    if uri.starts_with('/') {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        event.push_str(f::URL_PATH, path);
        event.push_str(f::URL_QUERY, query);
    }
    if let Some(port) = event.get(f::DESTINATION_PORT) {
        event.push(f::URL_PORT, port);
    }
    event.push_str(f::HTTP_VERSION, pairs.get("version"));
    if let Some(status) = event.get_int(f::HTTP_RESPONSE_STATUS_CODE) {
        outcome(Some(status < 400), event);
    }
}

fn tls<'a>(pairs: &Pairs<'a>, event: &mut Event<'a>) {
    let name = pairs.get("server_name");
    event.push_str(f::TLS_CLIENT_SERVER_NAME, name);
    event.push_str(f::DESTINATION_DOMAIN, name);
    event.push_str(f::TLS_SERVER_SUBJECT, pairs.get("subject"));
    event.push_str(f::TLS_SERVER_ISSUER, pairs.get("issuer"));
    let version = match pairs.get("version") {
        "TLSv10" => "1.0",
        "TLSv11" => "1.1",
        "TLSv12" => "1.2",
        "TLSv13" => "1.3",
        "SSLv3" => "3.0",
        _ => "",
    };
    event.push_str(f::TLS_VERSION, version);
    for (key, field) in [("established", f::TLS_ESTABLISHED), ("resumed", f::TLS_RESUMED)] {
        if let Some(flag) = flag(pairs, key) {
            event.push(field, Value::Bool(flag));
        }
    }
}
